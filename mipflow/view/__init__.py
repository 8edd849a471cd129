"""Pictures and panels: take a trace, a graph and names as arguments; know no node. Import `sim.trace` and `wire`."""
