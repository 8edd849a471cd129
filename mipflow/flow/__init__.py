"""The patent: data flow separator and redirector, the two tables, home-address allocation, per-flow handover."""
