"""Mechanisms by which a mobile node gets further home addresses (the patent, page 9).

`allocation` has the Protocol that all of them keep, `Allocation`, and those that ask nobody: addresses counted up from
the primary one, made by a key, formed of an advertised prefix, or made by a learner's function. `dhcpv6_client` asks a
DHCPv6 server; `dhcpv6_relay` and `dhcpv6_server` are the ends that it needs at the home agent and on the home link.
The third way of page 9, a protocol of our own, lives in `flow.protocols`.

A mechanism takes two callbacks and gives an address to one of them, now or later; it registers nothing, for that is
the work of `flow.address_pool`. The core knows `Allocation` alone and imports no DHCPv6: a scenario in `lab` puts a
mechanism into its mobile node. Read `allocation` first, then the state table `TRANSITIONS` of `dhcpv6_client`.
"""
