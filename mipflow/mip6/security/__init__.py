"""IP security between a mobile node and its home agent: their signalling in ESP (RFC 6275 section 5.1, RFC 4877).

`security` has the databases, and is pure: it says what must travel in ESP, seals and opens it. `ip_security` puts that
between a node and its links. `key_exchange` gives both ends equal keys, in the place of IKEv2. Read them in this order.

The core imports none of it: without a key exchange nothing is protected (`mip6.parts.Security`). A scenario calls
`KeyExchange(mobile_node, home_agent)` once the nodes have all their other parts, `mip6.discovery` among them. The call
secures both, and makes the associations for the primary home address at once; those for a further one are made when its
first update wants to leave.
"""
