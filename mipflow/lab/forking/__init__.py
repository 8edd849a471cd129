"""Forks: from one world at an instant come several, each of which goes on by itself.

`fork` knows what is special about a world: its number, its random streams, the packets of its trace that will not
change any more. `copier` copies everything else, and knows nothing of networks: it rebuilds closures, bound methods and
iterators, because the quick way of a link and the timers of nodes are made of them. What neither can copy is refused.

`world.fork()` in `lab.views` is the door. Read `fork.fork` first.
"""
