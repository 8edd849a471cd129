"""Per-flow handover: what the patent WO 2004/057826 adds to a mobile node of RFC 6275.

A mobile node has several home addresses, gives flows to one correspondent node different ones, and binds each of them
at a network of its own; so one flow moves and the others stay. No peer knows of it: the home agent and the
correspondent nodes of `mip6` serve as they are. The patent's Figure 3 (where separator and redirector stand) is in
`stack`; Figure 4 (an outgoing packet), Figure 5 (an incoming one) and Figure 6 (the home address of a new flow) are
methods of `redirector`, marked with the numbers of their steps; the two tables of pages 10 and 11 are in `tables`.
Figures 1 and 2, the networks, are worlds of `lab.scenarios`.

Read `redirector` first, then `stack`, `separator` and `tables`. `conversations` tells which packets belong together;
`new_flows` and `endings` are about the two ends of a flow's life; `bindings` is the room where flows get home addresses
and care-of addresses registered and are handed over. `mobile_node` joins all this to a node and lets in, from their own
rooms, what not every world needs: `applications` whose flows are opened, `policy` that chooses networks, functions of a
`learner`, other ways of `allocation`, `protocols` of our own. None of the modules above imports those rooms. This layer
takes packets, wishes and what the mobile node tells; it gives packets with their addresses, and asks for registrations.
"""
