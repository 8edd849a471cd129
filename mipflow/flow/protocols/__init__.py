"""Two small protocols of our own, both in the frame of `authenticated`.

By `address_protocol` a mobile node asks its home agent for further home addresses (the patent, page 9, the third way).
By `policy_server` the network operator sends a mobile node rules about its flows (page 11). Each has one end at the
mobile node and one elsewhere, a key that both share, and a part without a network that decides: the book of addresses,
and the rules of `flow.policy.rules`.

No standard has these protocols and the core imports neither: a scenario in `lab` puts the ends where they belong. A
bad datagram is a traced drop with its reason. Read `authenticated` first: it has the octets of every datagram.
"""
