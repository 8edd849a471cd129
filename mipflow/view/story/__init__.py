"""One story for all pictures: what mattered between two times, in a learner's words.

`spine.py` is the door: it takes a trace, words and a focus, and gives moments (a handover, a message, a row, a loss)
in order, with the phases of each handover. `teller.py` makes the moments, `moment.py` has their values and joins those
that belong together into captions, `phases.py` finds the phases, `trips.py` puts packet-hops together to trips,
`streams.py` has the trips of flows in columns, and `runs.py` reads from these which way each flow went.

`words.py` has the words for packets, addresses, rows and times, `focus.py` the choice of flows where there are many.
Nothing here draws; every picture, the sound and the course's checks read it. Read `moment.py` first, then `spine.py`.
"""
