"""Enhanced route optimisation (RFC 4866): a mobile node proves its home address by the key from which it was made,
once, and by a permanent token afterwards; a correspondent node sends to a new care-of address before it is tested, on
credit. `cga` makes and verifies addresses (RFC 3972), `enhanced` has the messages, binding and credit of both ends,
`registrations` is the mobile node's side, `correspondent_node` the correspondent's. Read `enhanced` first.

The room is a door: only some worlds have it (`figure2(enhanced=True)`), and the core imports nothing of it. The two
ends derive from `mip6.registrations.registrations.Registrations` and `mip6.correspondent_node.Correspondent`, override
the few methods that those offer for it, and are put in by `lab.scenarios`. The home agent is not concerned. Another
proof of binding updates would be a room beside this one, made the same way.
"""
