"""Where a click in a film leads: the packets that a page carries along, and the history of each row of its tables.

Takes a stage; gives plain values for inspector.js.
"""

from __future__ import annotations

from collections.abc import Mapping

from mipflow.view.focus import TABLE
from mipflow.view.inspect import carried
from mipflow.view.spine import CACHE
from mipflow.view.stage import Stage, changes
from mipflow.wire.address import Address

MOST_ROWS, MOST_CHANGES = 100, 30
"""Rows that have a history, and changes of one that are told; of more the latest."""
SMALL = 200
"""Octets up to which a packet of a flow is another kind than its large ones: an acknowledgement, a keystroke."""

History = tuple[str, list[tuple[int, str]]]
"""Of which row, and its changes: microseconds from the start of the film, and a sentence."""


def packets(stage: Stage, names: Mapping[Address, str]) -> str:
    """The packets of all that is told, and one of each kind that a flow sends, for who clicks another one like it."""
    trace = stage.trace
    first: dict[object, int] = {}
    alike: dict[int, int] = {}
    for layer in stage.layers:
        for flight in layer.flights if layer.name.isdigit() else ():
            packet = trace.packets[flight.hop]
            kinds = (type(packet.payload), *map(type, packet.extensions))
            kind = (packet.label, packet.source, packet.destination, packet.size > SMALL, kinds)
            alike[flight.hop] = first.setdefault(kind, flight.hop)
    told = [hop for moment in stage.spine.moments if moment.is_told for hop in moment.hops]
    return carried(trace, [*first.values(), *told], alike, names=names, nodes=stage.scene.words)


def histories(stage: Stage) -> dict[str, History]:
    """Row, as the board names it -> what it was when the film begins, and each of its changes."""
    words, found = stage.words, dict[str, History]()
    tables = stage.trace.tables(stage.spine.start_ns)
    for node in stage.scene.places:
        table = TABLE if node == stage.mobile else CACHE
        for key, row in tables.get(node, {}).get(table, {}).items():
            found[f"{node}|{key}"] = _named(stage, node, key), [(0, f"when the film begins: {words.line(table, row)}")]
    for record in changes(stage.spine):
        node, change = record.node, record.change
        if change.table == (TABLE if node == stage.mobile else CACHE):
            sentence = words.change(node, change)
            history = found.setdefault(f"{node}|{change.key}", (_named(stage, node, change.key), []))[1]
            history.append((stage.us(record.t_ns), sentence.partition(": ")[2] or sentence))
    return {row: (name, told[-MOST_CHANGES:]) for row, (name, told) in list(found.items())[:MOST_ROWS]}


def _named(stage: Stage, node: str, key: str) -> str:
    if node == stage.mobile:
        return f"{node}: flow mapping table, {stage.words.flows_named([int(key)])}"
    return f"{node}: binding cache, {stage.words.value(key)}"
