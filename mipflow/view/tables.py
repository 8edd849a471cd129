"""All tables at one moment, as HTML tables: node by node, with the learner's words for addresses, and with marks on the
rows that came, changed or went since another moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mipflow.errors import ProtocolMisuse
from mipflow.sim.trace import Change, Row, Trace
from mipflow.view.drawing.picture import Picture, cell, html_table
from mipflow.view.story.focus import TABLE, Focus
from mipflow.view.story.moment import CACHE
from mipflow.view.story.words import Words, field_name, seconds
from mipflow.wire.address import Address

MOST_LINES = 100
"""Rows of a table that are told in words."""


_STYLE = (
    "<style>.mipflow-marked tr:has(> td:last-child:not(:empty)) > td:is(:first-child, :last-child)"
    " { background: #f0e442 !important; color: #111; font-weight: bold }"
    ".mipflow-marked tr:has(> td:last-child:not(:empty)) button { color: #111; font-weight: bold }</style>"
)


class Marked(NamedTuple):
    """A row, what has happened to it ("new", "changed", "gone" or nothing), and what it was before."""

    mark: str
    row: Row
    before: Row


def tables(
    trace: Trace, at_ns: int, *, names: Mapping[Address, str], flows: Mapping[int, str] | None = None,
    since_ns: int | None = None,
) -> Picture:  # fmt: skip
    """Draw every table that has rows at `at_ns` nanoseconds: binding caches, and the tables of the mobile node.

    names: address -> short word; flows: flow id -> word, to name the flows; since_ns: rows that changed since are
    marked. `rows()` gives one dict for each row, with `node` and `table` in front, and with `since_ns` what has
    happened to it. Raises ProtocolMisuse for a time before zero.
    """
    if at_ns < 0:
        raise ProtocolMisuse(f"tables at {seconds(at_ns)}; expected a time of at least 0", at_ns)
    words, focus = Words(names, flows or {}), Focus(trace, flows or {})
    now = trace.tables(at_ns)
    then = now if since_ns is None else trace.tables(since_ns)
    held = [
        (node, table, _in_order(table, _marked(*(each.get(node, {}).get(table, {}) for each in (then, now))), focus))
        for node in sorted({**then, **now}) for table in {**then.get(node, {}), **now.get(node, {})}
    ]  # fmt: skip
    held = [each for each in held if each[2]]

    def sentences() -> list[str]:
        return _sentences(words, held, since_ns)

    def plain() -> list[dict[str, object]]:
        since = [] if since_ns is None else ["since"]
        return [
            {"node": node, "table": table, **dict.fromkeys(since, mark), **words.plain(row)}
            for node, table, rows in held for mark, row, _ in rows
        ]  # fmt: skip

    keys, parts = {CACHE: "home_address", TABLE: "flow_id"}, []
    column = "" if since_ns is None else f"since {seconds(since_ns)}"
    for node, table, rows in held:
        names_of = [f"{node}|{each.row.get(keys[table])}" for each in rows] if table in keys else []
        parts.append(html_table([_shown(words, each, column) for each in rows], f"{node}: {table}", names_of))
    html = f"{_STYLE}<div class='mipflow-marked'>{''.join(parts)}</div>" if column else "".join(parts)
    html = html if parts else "<p>All tables are empty.</p>"
    return Picture(f"Tables at {seconds(at_ns)}", sentences, plain, html=html)


def _sentences(words: Words, held: Sequence[tuple[str, str, list[Marked]]], since_ns: int | None) -> list[str]:
    lines = []
    for node, table, rows in held:
        more = [f"{len(rows) - MOST_LINES} more, which rows() has"] if len(rows) > MOST_LINES else []
        told = [f"{words.line(table, row)}{f' ({mark})' * bool(mark)}" for mark, row, _ in rows[:MOST_LINES]] + more
        lines.append(f"{node}, {table}: {'; '.join(told)}.")
    if since_ns is not None and not any(mark for _, _, rows in held for mark, _, _ in rows):
        lines.append(f"Nothing has changed since {seconds(since_ns)}.")
    return lines or ["All tables are empty."]


def _marked(then: Mapping[str, Row], now: Mapping[str, Row]) -> list[Marked]:
    """Return the rows of a table, with what has happened to each."""
    marked = [
        Marked("new" if key not in then else "changed" * (then[key] != row), row, then.get(key, row))
        for key, row in now.items()
    ]
    return marked + [Marked("gone", row, row) for key, row in then.items() if key not in now]


def _shown(words: Words, marked: Marked, column: str) -> dict[str, object]:
    """Return a row as a table shows it, in `column` its mark, and in each cell that has changed what was there before
    too.
    """
    if not column:
        return shown_row(words, marked.row)
    before, after = shown_row(words, marked.before), shown_row(words, marked.row)
    cells = {
        name: value if before.get(name) == value else f"{cell(before.get(name)) or 'none'} → {cell(value) or 'none'}"
        for name, value in after.items()
    }
    return {**cells, column: marked.mark}


def _in_order(table: str, rows: list[Marked], focus: Focus) -> list[Marked]:
    """Return the rows of a table; where there are too many for a picture, first those of the flows that it shows."""
    if len(rows) <= MOST_LINES:
        return rows
    return sorted(rows, key=lambda each: not focus.has_change(Change(table, "", None, each.row)))


def shown_row(words: Words, row: Row) -> dict[str, object]:
    """Return a row as a table shows it: an address with its word, a flow id with its name."""
    shown: dict[str, object] = {}
    for name, value in words.plain(row).items():
        if name == "flow_id" and isinstance(value, int) and value in words.flows:
            value = f"{value} ({words.flows[value]})"
        elif "address" in name and value != row[name]:
            value = f"{value} ({row[name]})"
        shown[field_name(name)] = value
    return shown
