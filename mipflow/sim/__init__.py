"""Virtual clock, links, network and trace: what moves packets and remembers it. Imports `wire` and `errors` only."""
