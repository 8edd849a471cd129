"""All tables at one moment, as HTML tables: node by node, with the learner's words for addresses."""

from __future__ import annotations

from collections.abc import Mapping

from mipflow.errors import ProtocolMisuse
from mipflow.sim.trace import Change, Row, Trace
from mipflow.view.focus import TABLE, Focus
from mipflow.view.moment import CACHE
from mipflow.view.picture import Picture, html_table
from mipflow.view.words import Words, field_name, seconds
from mipflow.wire.address import Address

MOST_LINES = 100
"""Rows of a table that are told in words."""


def tables(
    trace: Trace, at_ns: int, *, names: Mapping[Address, str], flows: Mapping[int, str] | None = None
) -> Picture:
    """Every table that has rows at `at_ns` nanoseconds: binding caches, and the tables of the mobile node.

    names: address -> short word; flows: flow id -> word, to name the flows. `rows()` gives one dict for each row, with
    `node` and `table` in front. Raises ProtocolMisuse for a time before zero.
    """
    if at_ns < 0:
        raise ProtocolMisuse(f"tables at {seconds(at_ns)}; expected a time of at least 0", at_ns)
    words, focus = Words(names, flows or {}), Focus(trace, flows or {})
    held = [
        (node, table, _in_order(table, rows, focus))
        for node, of_node in sorted(trace.tables(at_ns).items()) for table, rows in of_node.items() if rows
    ]  # fmt: skip

    def sentences() -> list[str]:
        lines = []
        for node, table, rows in held:
            more = [f"{len(rows) - MOST_LINES} more, which rows() has"] if len(rows) > MOST_LINES else []
            told = [words.line(table, row) for row in rows[:MOST_LINES]] + more
            lines.append(f"{node}, {table}: {'; '.join(told)}.")
        return lines or ["All tables are empty."]

    def plain() -> list[dict[str, object]]:
        return [{"node": node, "table": table, **words.plain(row)} for node, table, rows in held for row in rows]

    keys = {CACHE: "home_address", TABLE: "flow_id"}
    parts = []
    for node, table, rows in held:
        names_of = [f"{node}|{row.get(keys[table])}" for row in rows] if table in keys else []
        parts.append(html_table([shown_row(words, row) for row in rows], f"{node}: {table}", names_of))
    html = "".join(parts) or "<p>All tables are empty.</p>"
    return Picture(f"Tables at {seconds(at_ns)}", sentences, plain, html=html)


def _in_order(table: str, rows: dict[str, Row], focus: Focus) -> list[Row]:
    """The rows of a table; where there are too many for a picture, first those of the flows that it shows."""
    if len(rows) <= MOST_LINES:
        return list(rows.values())
    return sorted(rows.values(), key=lambda row: not focus.has_change(Change(table, "", None, row)))


def shown_row(words: Words, row: Row) -> dict[str, object]:
    """A row as a table shows it: an address with its word, a flow id with its name."""
    shown: dict[str, object] = {}
    for name, value in words.plain(row).items():
        if name == "flow_id" and isinstance(value, int) and value in words.flows:
            value = f"{value} ({words.flows[value]})"
        elif "address" in name and value != row[name]:
            value = f"{value} ({row[name]})"
        shown[field_name(name)] = value
    return shown
