"""Pictures and panels. Takes a trace, a graph and names as arguments; knows no node. Imports `sim.trace` and `wire` only."""
