"""Mechanisms by which a mobile node gets further home addresses (the patent, page 9).

`allocation` has two that need no server: addresses generated from a key, and addresses of a prefix that was told. All
of them keep `Allocation` of `flow.bindings.stateless`, which counts addresses up from the primary one where a scenario
asks for nothing else; a learner's function is put in by `flow.learner.put_in`. `dhcpv6_client` asks a DHCPv6 server;
`dhcpv6_relay` and `dhcpv6_server` are the ends that it needs at the home agent and on the home link. The third way of
page 9, a protocol of our own, lives in `flow.protocols`.

A mechanism takes two callbacks and gives an address to one of them, now or later; it registers nothing, for that is the
work of `flow.bindings.address_pool`. The core knows `Allocation` alone and imports no DHCPv6: a scenario in `lab` puts
a mechanism into its mobile node. Read `allocation` first, then the state table `TRANSITIONS` of `dhcpv6_client`.
"""
