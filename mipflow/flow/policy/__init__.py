"""Decide over which network each flow goes, and over which care-of address each home address is bound.

`policies` has the policies of the patent's pages 3, 8 and 12 as values: by application, operator, network request,
user, load, signal and cost, and `Policies`, which asks several in order. `rules` reads the operator's rules, by which
packets belong to flows and flows to networks. Both are pure. `networks` puts them to work in a mobile node: it
measures, asks, traces each decision with its reason, and has flows moved.

A policy takes facts of a flow and the state of the networks, and gives a network's name or no opinion. The mobile node
of `flow` and the scenarios of `lab` hand policies in, `flow.protocols.policy_server` and `flow.separator` use the
rules; learners call them `mf.policies` and `mf.load_rules`. Read `policies` first.
"""
