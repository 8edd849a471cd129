"""Replay of captures: the flows of a recorded file become flows of a simulated world.

A capture becomes a `Recording` in `recording`: `headers` reads what was heard, `capture_clock` puts it on one clock,
`connections` tells the connections on the same ports apart, and `streams` finds what each end of TCP wrote. `play`
opens a flow for each in a world and waits until all are bound; the `Replay` that it gives (`replay`) runs on, moves
flows and knows when all has arrived. `report` puts the outcome into lines of text. All but `play`, `replay` and
`report` are pure: a path or plain values in, plain values out.

Scenarios (`figure2(traffic=...)`) and the shell (`mipflow run`) come in through `play` and `recording`; a world holds
its `Replay` and knows no more of this room. Read `recording.read` first: its body is the order of the steps.
"""
