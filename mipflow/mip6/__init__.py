"""Mobile IPv6 (RFC 6275): a host with a home address that stays reachable at whatever care-of address it has.

Here are the roles: the home agent (`home_agent`, with its `home_link`), the correspondent node (`correspondent_node`;
what both have alike is in `binding_keeper`) and the mobile node (`mobile_node`, with an `attachment` for each interface
and the pure `movement` in it). Their tables are in `bindings`, a mobile node's registrations in `registrations`. They
take packets from `mipflow.node` and give packets; nothing here knows of flows, which `mipflow.flow` puts on top.

Behind doors of their own are `discovery`, `security` and `enhanced`, which only some worlds need: the roles begin with
`parts` that do nothing, and a scenario puts others in. Read `correspondent_node` first, with
`binding_keeper` beside it; then `home_agent`; then `mobile_node`, beginning with its roads.
"""
