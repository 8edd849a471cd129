"""All tables at one moment, as HTML tables: node by node, with the learner's words for addresses."""

from __future__ import annotations

from collections.abc import Mapping

from mipflow.errors import ProtocolMisuse
from mipflow.sim.trace import Row, Trace
from mipflow.view.picture import Picture, html_table
from mipflow.view.words import Words, field_name, seconds
from mipflow.wire.address import Address

Tables = dict[str, dict[str, dict[str, Row]]]


def tables(
    trace: Trace, at_ns: int, *, names: Mapping[Address, str], flows: Mapping[int, str] | None = None
) -> Picture:
    """Every table that has rows at `at_ns` nanoseconds: binding caches, and the tables of the mobile node.

    names: address -> short word; flows: flow id -> word, to name the flows. `rows()` gives one dict for each row, with
    `node` and `table` in front. Raises ProtocolMisuse for a time before zero.
    """
    if at_ns < 0:
        raise ProtocolMisuse(f"tables at {seconds(at_ns)}; expected a time of at least 0", at_ns)
    words = Words(names, flows or {})
    state = {
        node: {table: rows for table, rows in held.items() if rows} for node, held in trace.tables(at_ns).items()
    }
    title = f"Tables at {seconds(at_ns)}"

    def sentences() -> list[str]:
        lines = [
            f"{node}, {table}: {'; '.join(_line(words, table, row) for row in rows.values())}."
            for node, held in sorted(state.items())
            for table, rows in held.items()
        ]
        return lines or ["All tables are empty."]

    def plain() -> list[dict[str, object]]:
        return [
            {"node": node, "table": table, **{name: _value(words, value) for name, value in row.items()}}
            for node, held in sorted(state.items())
            for table, rows in held.items()
            for row in rows.values()
        ]

    return Picture(title, sentences, plain, html=_html(state, words))


def _line(words: Words, table: str, row: Row) -> str:
    return " ".join(words.row(table, row).split())


def _value(words: Words, value: object) -> object:
    return value if value is None or isinstance(value, int | float) else words.value(value)


def _html(state: Tables, words: Words) -> str:
    parts = []
    for node, held in sorted(state.items()):
        for table, rows in held.items():
            shown: list[dict[str, object]] = [
                {field_name(name): _named(words, name, value) for name, value in row.items()} for row in rows.values()
            ]
            parts.append(html_table(shown, f"{node}: {table}"))
    return "".join(parts) or "<p>All tables are empty.</p>"


def _named(words: Words, name: str, value: object) -> object:
    if name == "flow_id" and isinstance(value, int):
        return f"{value} ({words.flows[value]})" if value in words.flows else value
    text = str(_value(words, value))
    if text != str(value) and "address" in name:
        return f"{text} ({value})"
    return _value(words, value)
