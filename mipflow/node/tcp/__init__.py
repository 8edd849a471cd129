"""TCP (RFC 9293), with congestion control (RFC 5681, RFC 6582) and without selective acknowledgements.

Here live one end of a connection as a pure state machine (`connection`), its halves (`send`, `receive`), the numbers
that hold the sender back (`congestion`), and the sockets that give it a clock and a road (`sockets`). `table` writes
the connections of a host into the trace, for a lesson in which a learner looks them up.

The room stands on the stack, which does not know it: `Tcp.of(host)` puts TCP into a host that has none yet, and takes
its segments, ports and errors from there. Applications come in through `sockets`. Read `connection` first: its table
of transitions is figure 5 of RFC 9293.
"""
