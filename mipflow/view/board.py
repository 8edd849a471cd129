"""The tables beside the nodes of the animation: which rows they show at each tick, and which row has just changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mipflow.sim.trace import Row, Trace
from mipflow.view.film import Film
from mipflow.view.scene import Box, row_places, table_card
from mipflow.view.style import HIGHLIGHT, MONO, Dict, font
from mipflow.view.words import Words

SHOWN = ("binding cache", "flow mapping table")
MOST_ROWS = 4
"""Lines of one table on the stage; where there are more rows the last line counts them."""
UNLIT = HIGHLIGHT + "00"
"""Clear, in the colour of the mark: the mark fades in and not through grey."""
LIT_TICKS = 24
"""How long a changed row stays marked, in ticks of playing."""

Key = tuple[str, str]
"""A table: its node and its name."""


class Version(NamedTuple):
    """What the tables show: the text of each line, and which lines are marked."""

    texts: tuple[str, ...]
    lit: tuple[bool, ...]


class Board:
    """All tables on the stage over a film; it pins the moments of their changes to key frames.

    flows: those that are drawn; where a table has more rows than room, theirs come first.
    """

    def __init__(self, trace: Trace, words: Words, film: Film, flows: Iterable[int]) -> None:
        start_ns, end_ns = film.ticks[0], film.ticks[-1]
        self._words = words
        self._flows = set(flows)
        self._moving: set[tuple[Key, str]] = set()
        state: dict[Key, dict[str, Row]] = {}
        for node, tables in trace.tables(start_ns).items():
            for table, rows in tables.items():
                if table in SHOWN and rows:
                    state[node, table] = dict(rows)
        after: dict[int, dict[Key, dict[str, Row]]] = {}
        lit: dict[int, set[tuple[Key, str]]] = {}
        most = {key: len(rows) for key, rows in state.items()}
        self._first = {key: dict(rows) for key, rows in state.items()}
        for record in trace.changes():
            key = (record.node, record.change.table)
            if not start_ns < record.t_ns <= end_ns or key[1] not in SHOWN:
                continue
            rows = state.setdefault(key, {})
            shown = self._line(key, rows.get(record.change.key))
            if record.change.after is None:
                rows.pop(record.change.key, None)
            else:
                rows[record.change.key] = record.change.after
            seen = self._line(key, record.change.after) != shown
            tick = film.pin(record.t_ns) if seen else film.tick(record.t_ns)
            if seen:
                lit.setdefault(tick, set()).add((key, record.change.key))
                if film.part(tick).slow:
                    self._moving.add((key, record.change.key))
            after[tick] = {key: dict(rows) for key, rows in state.items()}
            most[key] = max(most.get(key, 0), len(rows))
        self._lines = {key: 1 + min(rows, MOST_ROWS) for key, rows in most.items() if rows}
        self._letters = self._widths([self._first, *after.values()])
        self.changes: dict[int, Version] = {}
        """Tick -> what the tables show from then on, the changed rows marked; only where there is something to see."""
        self.calm: dict[int, Version] = {}
        """Tick -> what the tables show from then on, where a mark goes out."""
        self.first = self._version(self._first, set())
        self._fill(after, lit)

    def _fill(self, after: dict[int, dict[Key, dict[str, Row]]], lit: dict[int, set[tuple[Key, str]]]) -> None:
        marks: dict[tuple[Key, str], int] = {}
        ends: dict[int, dict[Key, dict[str, Row]]] = {}
        for tick in sorted(lit):
            marks = {mark: until for mark, until in marks.items() if until > tick}
            marks.update(dict.fromkeys(lit[tick], tick + LIT_TICKS))
            self.changes[tick] = self._version(after[tick], set(marks))
            ends[tick + LIT_TICKS] = after[tick]
        for tick, rows in ends.items():
            later = [other for other in lit if tick - LIT_TICKS < other <= tick]
            if not later:
                self.calm[tick] = self._version(rows, set())

    def _line(self, key: Key, row: Row | None) -> str:
        return "" if row is None else self._words.row(key[1], row)

    def _widths(self, states: list[dict[Key, dict[str, Row]]]) -> dict[Key, int]:
        widths = {key: len(key[0]) + len(key[1]) + 3 for key in self._lines}
        for state in states:
            for key, rows in state.items():
                for row in rows.values():
                    widths[key] = max(widths.get(key, 0), len(self._line(key, row)))
        return widths

    def _version(self, state: dict[Key, dict[str, Row]], marks: set[tuple[Key, str]]) -> Version:
        texts: list[str] = []
        lit: list[bool] = []
        for key, lines in self._lines.items():
            rows = list(state.get(key, {}).items())
            room = lines - 1
            hidden = len(rows) - room + 1 if len(rows) > room else 0
            kept = self._kept(key, state)[: len(rows) - hidden]
            own = [(self._line(key, row), (key, name) in marks) for name, row in rows if name in kept]
            if hidden:
                own.append((f"… {hidden} more", False))
            own += [("", False)] * (room - len(own))
            # Each line is centred: lines of one length stand as a left-aligned block.
            texts += [f"{text:<{self._letters[key]}}" if text else "" for text, _ in own]
            lit += [mark for _, mark in own]
        return Version(tuple(texts), tuple(lit))

    def _kept(self, key: Key, state: dict[Key, dict[str, Row]]) -> list[str]:
        """Names of rows, those first that change in slow motion, then those of drawn flows."""
        mapped = [row for (_, table), rows in state.items() if table == "flow mapping table" for row in rows.values()]
        homes = {row.get("home_address") for row in mapped if row.get("flow_id") in self._flows}

        def rank(name: str) -> int:
            row = state[key][name]
            drawn = row["flow_id"] in self._flows if "flow_id" in row else row.get("home_address") in homes
            return 0 if (key, name) in self._moving else 1 if drawn else 2

        return sorted(state.get(key, {}), key=rank)

    # --- on the stage ------------------------------------------------------------------------------------------------

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Node -> letters and lines of all its tables together."""
        sizes: dict[str, tuple[int, int]] = {}
        for key, lines in self._lines.items():
            letters, before = sizes.get(key[0], (0, 0))
            sizes[key[0]] = (max(letters, self._letters[key]), before + lines)
        return sizes

    def place(self, boxes: dict[str, Box]) -> tuple[list[Dict], Dict, Dict]:
        """The cards, the titles and the rows (the trace that frames change), at the places of their nodes."""
        used: dict[str, int] = {}
        titles: list[tuple[float, float, str]] = []
        points: list[tuple[float, float]] = []
        widths: list[float] = []
        for key, lines in self._lines.items():
            box = boxes[key[0]]
            start = used.get(key[0], 0)
            used[key[0]] = start + lines
            places = row_places(box, start + lines)[start:]
            titles.append((*places[0], f"<b>{key[0]}: {key[1]}</b>"))
            points += places[1:]
            widths += [(box.width - 6) / 1.4] * (lines - 1)
        rows = {
            "type": "scatter", "mode": "markers+text", "hoverinfo": "skip",
            "x": [x for x, _ in points], "y": [y for _, y in points],
            "text": list(self.first.texts), "textposition": "middle center", "textfont": font(12, family=MONO),
            "marker": {
                "symbol": "line-ew", "size": widths, "opacity": 1, "color": UNLIT,
                "line": {"width": 16, "color": colours(self.first)},
            },
        }  # fmt: skip
        heads = {
            "type": "scatter", "mode": "text", "hoverinfo": "skip", "x": [x for x, _, _ in titles],
            "y": [y for _, y, _ in titles], "text": [text for _, _, text in titles], "textfont": font(12),
            "textposition": "middle center",
        }  # fmt: skip
        return [table_card(box) for box in boxes.values()], heads, rows


def colours(version: Version) -> list[str]:
    """The colour behind each line."""
    return [HIGHLIGHT if lit else UNLIT for lit in version.lit]


def of_frame(version: Version) -> Dict:
    """What a frame says of the rows."""
    return {
        "text": [f"<b>{text}</b>" if lit else text for text, lit in zip(version.texts, version.lit, strict=True)],
        "marker": {"line": {"color": colours(version)}},
    }
