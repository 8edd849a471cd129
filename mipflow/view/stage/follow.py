"""The cards that a click in a film opens: packets that a page carries along, histories of the rows of its tables.

Takes a stage; gives cards for player.js.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from mipflow.sim.trace import TableChanged
from mipflow.view.drawing.style import escape
from mipflow.view.inspect import Card, carried
from mipflow.view.stage.stage import NS_PER_US, Stage, changes
from mipflow.view.story.words import seconds
from mipflow.wire.address import Address

MOST_ROWS, MOST_CHANGES = 100, 30
"""Rows that have a history, and changes of one that are told; of more the latest."""
SMALL = 200
"""Octets up to which a packet of a flow is another kind than its large ones: an acknowledgement, a keystroke."""

SEQUENCE = " (counts binding updates: an older one changes nothing)"
"""Explanation of a sequence number, where a history first names it (RFC 6275 section 9.5.1)."""

NOTHING = "No message has been sent yet that could be opened"

History = tuple[str, list[tuple[int, str]]]
"""The name of a row, and its changes: microseconds from the start of the film, less than 0 before it, and a sentence.
"""


def cards(stage: Stage, names: Mapping[Address, str]) -> list[Any]:
    """Make all cards that may be opened: the packets of all that is told, one of each kind that a flow sends, which
    stands in for those like it, and the history of each row, by its name.
    """
    trace = stage.trace
    first: dict[object, int] = {}
    alike: dict[int, int] = {}
    for layer in stage.layers:
        for flight in layer.flights if layer.name.isdigit() else ():
            packet = trace.packet(flight.hop)
            kinds = (type(packet.payload), *map(type, packet.extensions))
            kind = (packet.label, packet.source, packet.destination, packet.size > SMALL, kinds)
            alike[flight.hop] = first.setdefault(kind, flight.hop)
    told = [hop for moment in stage.spine.moments if moment.is_told for hop in moment.hops]
    others = {row: _listed(stage, history) for row, history in histories(stage).items()}
    hint = "Go on to an event with a message, or click" if told else "There is none in this film. Click"
    others["nothing"] = NOTHING, f"<p>{hint} a packet in the picture.</p>"
    return carried(trace, [*first.values(), *told], alike, names=names, nodes=stage.scene.words, others=others)


def _listed(stage: Stage, history: History) -> Card:
    """Return a history as a card: each of its times in the film leads there."""
    (title, told), items = history, list[str]()
    for us, sentence in told:
        ns = stage.spine.start_ns + us * NS_PER_US
        way = f"<button type='button' class='mipflow-way' data-ns='{ns}'>{seconds(ns)}</button>"
        at, before = (seconds(ns), " (before this film)") if us < 0 else (way, "")
        items.append(f"<li{' class=mipflow-quiet' * (us < 0)}>{at} {escape(sentence)}{before}</li>")
    return title, f"<ol>{''.join(items)}</ol>"


def histories(stage: Stage) -> dict[str, History]:
    """Return for each row, as the board names it, its changes and what it was when the film begins."""
    words, start_ns, found = stage.words, stage.spine.start_ns, dict[str, list[tuple[int, str]]]()
    tables = stage.trace.tables(start_ns)
    for node in stage.scene.places:
        table = stage.table_of(node)
        for key, row in tables.get(node, {}).get(table, {}).items():
            found[f"{node}|{key}"] = [(0, f"when the film begins: {words.line(table, row)}")]
    for record in changes(stage.spine):
        if name := _row(stage, record):
            found.setdefault(name, []).append(_told(stage, record))
    kept, full = dict(islice(found.items(), MOST_ROWS)), [(0, "")] * MOST_CHANGES
    for earlier in reversed(stage.trace.between(0, start_ns)):
        if isinstance(earlier, TableChanged) and len(own := kept.get(_row(stage, earlier), full)) < MOST_CHANGES:
            own.insert(0, _told(stage, earlier))
    return {row: (_named(stage, *row.rsplit("|", 1)), _explained(own[-MOST_CHANGES:])) for row, own in kept.items()}


def _row(stage: Stage, record: TableChanged) -> str:
    """Name the row of a change as the board does; "" for other tables."""
    return f"{record.node}|{record.change.key}" * (record.change.table == stage.table_of(record.node))


def _told(stage: Stage, record: TableChanged) -> tuple[int, str]:
    change, words = record.change, stage.words
    if change.before is None or change.after is None:
        row = words.line(change.table, change.after or change.before or {})
        told = f"{'new' if change.before is None else 'gone'}: {row}"
    else:
        told = words.change(record.node, change).partition(": ")[2]
    return stage.us(record.t_ns), told


def _explained(told: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Explain the first sequence number of a history."""
    first = next((number for number, (_, sentence) in enumerate(told) if "sequence number" in sentence), len(told))
    return [(us, sentence + SEQUENCE * (number == first)) for number, (us, sentence) in enumerate(told)]


def _named(stage: Stage, node: str, key: str) -> str:
    about = stage.words.flows_named([int(key)]) if node == stage.mobile else stage.words.value(key)
    return f"{node}: {stage.table_of(node)}, {about}"
