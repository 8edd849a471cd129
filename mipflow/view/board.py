"""The tables beside the nodes of the animation: which rows they show at each tick, and which row has just changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mipflow.sim.trace import Change, Row, TableChanged, Trace
from mipflow.view.film import Film
from mipflow.view.focus import Focus
from mipflow.view.scene import Box, row_places
from mipflow.view.spine import SHOWN
from mipflow.view.style import CLEAR, HIGHLIGHT, MONO, Dict, font, literal, marker, scatter
from mipflow.view.words import Words

MOST_RECOUNTS = 30
"""How often in a film the rows that are not shown are counted anew, where nothing else has changed."""
MOST_ROWS = 4
"""Lines of one table on the stage; where there are more rows the last line counts them."""

Key = tuple[str, str]
"""A table: its node and its name."""
State = dict[Key, dict[str, Row]]


class Version(NamedTuple):
    """What the tables show: the text of each line, and which lines are marked."""

    texts: tuple[str, ...]
    lit: tuple[bool, ...]

    def payload(self) -> Dict:
        """What a frame says of the rows."""
        rows = [literal(text) for text in self.texts]
        texts = [f"<b>{text}</b>" if lit else text for text, lit in zip(rows, self.lit, strict=True)]
        # What is not marked is clear in the colour of the mark: it fades in and not through grey.
        colours = [HIGHLIGHT if lit else HIGHLIGHT + "00" for lit in self.lit]
        return {"text": texts, "marker": {"line": {"color": colours}}}


def visible(trace: Trace, words: Words, start_ns: int, end_ns: int) -> list[TableChanged]:
    """The changes between two times (nanoseconds) that the tables of a picture show."""
    return [
        record for record in trace.changes()
        if start_ns <= record.t_ns <= end_ns and record.change.table in SHOWN
        and _line(words, record, record.change.before) != _line(words, record, record.change.after)
    ]  # fmt: skip


def _line(words: Words, record: TableChanged, row: Row | None) -> str:
    return "" if row is None else words.row(record.change.table, row)


class _Seen(NamedTuple):
    """Tables at a tick: their rows, which have just changed, and how many more rows there are."""

    state: State
    marks: Mapping[Key, set[str]]
    others: Counter[Key]


class Board:
    """All tables on the stage over a film; it pins the moments of their changes to key frames.

    A changed row is marked until the next change in its table, or in any at another pace of the film. flows: those that
    are drawn; where a table has more rows than room, rows that change in slow motion come first, then theirs. Rows of
    flows that `focus` does not show are only counted.
    """

    def __init__(self, trace: Trace, words: Words, film: Film, flows: Iterable[int], focus: Focus) -> None:
        self._words, self._flows = words, set(flows)
        state: State = {}
        others: Counter[Key] = Counter()
        for node, tables in trace.tables(film.ticks[0]).items():
            for table, rows in tables.items():
                if table in SHOWN:
                    told = [name for name, row in rows.items() if focus.has_change(Change(table, name, None, row))]
                    state[node, table] = {name: rows[name] for name in told}
                    others[node, table] = len(rows) - len(told)
        versions: dict[int, _Seen] = {-1: _Seen(_copy(state), {}, others.copy())}
        self._moving: set[tuple[Key, str]] = set()
        ticks: dict[Key, int] = {}
        part, marks, recount = film.parts[0], dict[Key, set[str]](), 0
        for record in visible(trace, words, film.ticks[0] + 1, film.ticks[-1]):
            key, name, after = (record.node, record.change.table), record.change.key, record.change.after
            if not focus.has(record):
                others[key] += (after is not None) - (record.change.before is not None)
                tick = film.tick(record.t_ns)
                if tick >= recount:  # now and then
                    recount = tick + len(film.ticks) // MOST_RECOUNTS + 1
                    versions[tick] = _Seen(_copy(state), marks, others.copy())
                continue
            tick = film.pin(record.t_ns)
            if film.part(tick) is not part:  # what changed at another pace is another story
                part, marks = film.part(tick), {}
            if ticks.get(key) != tick:
                marks = {**marks, key: set()}
            ticks[key] = tick
            marks.setdefault(key, set()).add(name)
            rows = state.setdefault(key, {})
            if after is None:
                rows.pop(name, None)
            else:
                rows[name] = after
            if part.slow:
                self._moving.add((key, name))
            versions[tick] = _Seen(_copy(state), marks, others.copy())
        if +others:
            versions[len(film.ticks) - 1] = _Seen(state, marks, others)
        self._room: dict[Key, int] = {}
        self._letters: dict[Key, int] = {}
        for seen in versions.values():
            for key, rows in seen.state.items():
                number = len(rows) + seen.others[key]
                if number:
                    self._room[key] = max(self._room.get(key, 0), min(number, MOST_ROWS))
                    lines = (len(words.row(key[1], row)) for row in rows.values())
                    self._letters[key] = max(self._letters.get(key, len(key[0]) + len(key[1]) + 3), *lines, 0)
        self.changes = {tick: self._version(*version) for tick, version in versions.items()}
        """Tick -> what the tables show from then on; -1 for the start of the film."""

    def _version(self, state: State, marks: Mapping[Key, set[str]], others: Counter[Key]) -> Version:
        lines: list[tuple[str, bool]] = []
        homes = {
            row.get("home_address") for rows in state.values() for row in rows.values()
            if row.get("flow_id") in self._flows
        }  # fmt: skip
        for key, room in self._room.items():
            rows = state.get(key, {})
            number = len(rows) + others[key]
            first = sorted(
                rows, key=lambda name: ((key, name) not in self._moving, rows[name].get("home_address") not in homes)
            )
            kept = first[: room if number <= room and not others[key] else room - 1]
            # Each line is centred: lines of one length stand as a left-aligned block.
            texts = [(self._words.row(key[1], row), name) for name, row in rows.items() if name in kept]
            own = [(f"{text:<{self._letters[key]}}", name in marks.get(key, ())) for text, name in texts]
            own += [(f"… {number - len(kept)} more", False)] if number > len(kept) else []
            lines += own + [("", False)] * (room - len(own))
        return Version(tuple(text for text, _ in lines), tuple(lit for _, lit in lines))

    # --- on the stage ------------------------------------------------------------------------------------------------

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Node -> letters and lines of all its tables together."""
        sizes: dict[str, tuple[int, int]] = {}
        for key, room in self._room.items():
            letters, before = sizes.get(key[0], (0, 0))
            sizes[key[0]] = (max(letters, self._letters[key]), before + room + 1)
        return sizes

    def layers(self, boxes: Mapping[str, Box]) -> tuple[Dict, Dict]:
        """The titles and the rows (what frames change), on the cards of their nodes."""
        places = {node: row_places(box, self.sizes()[node][1]) for node, box in boxes.items()}
        heads: list[tuple[float, float]] = []
        points: list[tuple[float, float]] = []
        widths: list[float] = []
        for (node, _), room in self._room.items():
            heads.append(places[node].pop(0))
            points += [places[node].pop(0) for _ in range(room)]
            widths += [(boxes[node].width - 6) / 1.4] * room
        titles = [f"<b>{literal(node)}: {table}</b>" for node, table in self._room]
        middle = {"textposition": "middle center"}
        rows = scatter(
            "markers+text", [x for x, _ in points], [y for _, y in points], textfont=font(12, family=MONO), **middle,
            marker=marker("line-ew", widths, CLEAR, width=16),
        )  # fmt: skip
        xs, ys = [x for x, _ in heads], [y for _, y in heads]
        return scatter("text", xs, ys, text=titles, textfont=font(12), **middle), rows


def _copy(state: State) -> State:
    return {key: dict(rows) for key, rows in state.items()}
