"""Pictures of a run: film, ladder, timeline, tables, one packet, lanes, state machines, and a flow as sound.

Each module here is one picture: `ladder.py` the messages from node to node, `timeline.py` each flow over time,
`tables.py` all tables at a moment, `inspect.py` one packet to the bit, `lanes.py` packets sorted by a key,
`state_diagram.py` the protocol's own tables of states, `sound.py` a call as its hearer has it. The film is larger and
has the room `stage`. All tell the one story that the room `story` reads from the trace, and are drawn with what stands
in `drawing`. Read `story/spine.py` first, then `ladder.py`.

A picture takes plain values (a trace, the graph of the network, words for addresses and flows) and gives a
`drawing.picture.Picture`: the picture, its sentences and its rows. It knows no node, and imports `sim.trace` and `wire`
alone. `lab/views.py` hands a world's values over; nobody else comes in, but for `course`, which tells stories as well.
"""
