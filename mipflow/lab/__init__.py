"""Worlds: what a learner, a notebook and the command line run and look at.

Everything below is put together here, and nowhere else: `scenarios` builds the patent's figures of nodes and links
and `plain` a world before Mobile IPv6; `features` puts into them what only some worlds need; `building` makes a world
again from its `spec`. A scenario takes numbers, words and learners' functions, and gives a `world.World`
(`views.Views` is what every world has): it runs, says where it stands and draws itself with `mipflow.view`. Around
them stand `comparison` (two worlds side by side), `interception` and `outside` (a learner's own home agent, a
learner's own packets), `machines` and `states` (the diagrams of the tables that nodes run on), `command` (`mipflow
run`) and `folders` (where labs and data sets are).

`course`, the command line and the labs may import this layer; what is below may not. Read `scenarios` first, beside
the patent's Figure 2, then `world`. Rooms: `features`, `replay` (captures in, captures out), `studies` (the tables of
docs/ that are runs) and `panels` (widgets and cells of a notebook).
"""
