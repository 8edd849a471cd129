"""Other simulators at the same work: ns-3, ns.py and SimPy, and our own plain nodes, which know nothing of mobility.

`work.py` says what the work is and what must come out; each other module does it with one simulator, and says how to
get that one. `side_by_side.py` knows which are here. Nothing installs anything: who has a simulator sees its row.
"""
