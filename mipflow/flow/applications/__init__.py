"""Flows of applications: how one is opened, here or by a correspondent node, and how its owner holds it.

`opening` opens and closes flows for applications of `node.applications`; `flows` has the `Flow` that the owner gets.
`calls` knows the flows that a correspondent is expected to begin, some of them redirected to another home address
(pages 10 and 13), and `strangers` bounds those that nobody expects.

A door: the flow layer's core knows conversations and packets only, and asks here through `new_flows.Expects` what was
expected. `flow.mobile_node` puts this room in and lends its calls `open`, `accept` and `close`. Read `opening` first.
"""
