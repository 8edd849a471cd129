"""Plain IPv6: nodes that speak over the links of `sim`, without a word of mobility.

Here live the stack of a node, from the bottom to the top: an interface on a link (`interface`), the node with its
header chains and ICMPv6 errors (`node`), roads, fragments, neighbor discovery (`neighbor`), the router (`router`),
the host with its ports (`host`), its sockets for UDP, echo and ESP (`sockets`), and the seam at which the flow layer
is put between transport and roads (`seam`). In two rooms of their own, TCP (`tcp`) and the applications
(`applications`) stand on that stack; the stack imports neither.

The layer takes links and packets from below. It gives `Host` and `Router`, into which `mip6` and `flow` put parts:
handlers, a `Mobility`, a seam. Whoever wants to know how a packet travels reads `Node.originate`, `Node.line` and
`Road.line` on its way out (`Node.send` and `Road.send` for single packets), `Node.local` on its way in; then `host`.
"""
