"""Time, links and memory of a network in one process: the layer that moves packets.

Here live the virtual clock (`clock`, with `interrupts` for Ctrl-C), links and their segments (`link`), the network
that joins them to a graph and finds shortest paths (`network`), the meters of flows (`meter`) and the trace
(`trace`), the one log that all pictures, tables and checks read. `port` is a door: it lets a world outside speak to a
network in bytes.

The layer takes packets of `wire` and hands them to ports that are nothing but a name and a function `receive`: it
knows no node. Everybody above may come in; `view` may read `trace` alone. Read `clock` first, then `link`, whose
`quick_ways` every packet-hop of every run goes through, then `trace`.
"""
