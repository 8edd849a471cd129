"""Moments, captions and phases: the values of the event spine (see `spine`), which every picture reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal, NamedTuple

from mipflow.sim.trace import Dropped, TableChanged
from mipflow.view.story.focus import TABLE
from mipflow.view.story.words import NS_PER_MS, NS_PER_S, seconds

Kind = Literal[
    "handover", "HoTI", "CoTI", "HoT", "CoT", "BU", "row", "BA", "road", "lost", "address", "ended", "message",
    "decision", "test", "keys", "error",
]  # fmt: skip
PhaseName = Literal["movement", "home registration", "tests", "correspondent registration"]
CACHE, CONNECTIONS, TOKENS = "binding cache", "TCP connections", "keygen tokens"
SHOWN = (CACHE, TABLE, TOKENS)
"""The tables that pictures show."""
TOGETHER_NS = NS_PER_MS
"""Moments that belong together and happen within this time are one caption, in nanoseconds; equal errors in a second.
"""
MOST_JOINED = 3
"""Sentences of one caption; the others are counted."""
_TOGETHER = {"HoTI": "tests", "CoTI": "tests", "HoT": "answers", "CoT": "answers"}
_ARTICLES = {"a", "an", "the", "The", "A"}


@dataclass(slots=True, frozen=True, eq=False)
class Moment:
    """One thing that matters, from `t_ns` to `until_ns` (nanoseconds; a message: when it arrives), in a sentence."""

    t_ns: int
    until_ns: int
    kind: Kind
    sentence: str
    """In a learner's words, without its full stop."""
    brief: str
    """The same in a few words, for a chip or a label."""
    nodes: tuple[str, ...]
    """The nodes that it concerns, a message's sender first and its receiver last."""
    hops: tuple[int, ...] = ()
    """The numbers of its packet-hops in the trace."""
    rows: tuple[TableChanged, ...] = ()
    """The rows that change in this moment."""
    drops: tuple[Dropped, ...] = ()
    """The packets that are lost in this moment."""
    flows: tuple[int, ...] = ()
    """Ids of the flows that it concerns."""
    is_key: bool = False
    """True for the row by which flows take another road: at a correspondent or, where that has none, the home agent."""
    is_told: bool = True
    """False for what only rows() has: rows that no picture shows, and what concerns flows that are not shown."""
    is_lost: bool = False
    """True for a message that a link lost."""
    address: str = ""
    """Its subject: the home address that a message binds or tests, or that a home agent looks for duplicates of, or the
    care-of address that a message tests.
    """
    count: int = 1
    """How often it happened: equal losses within a second are one moment."""
    values: tuple[tuple[str, object], ...] = ()
    """Further columns of `row()`, by name."""

    def row(self) -> dict[str, object]:
        """Return the moment as plain values."""
        row = {"time_s": self.t_ns / NS_PER_S, "what": self.kind, "node": self.nodes[0], "sentence": self.sentence}
        return {**row, **dict(self.values), "count": self.count}


class Phase(NamedTuple):
    """A phase of a handover, in nanoseconds; `handover_ns` is when that handover began."""

    name: PhaseName
    start_ns: int
    end_ns: int
    handover_ns: int

    @property
    def took(self) -> str:
        """The time from its start to its end, in words."""
        return f"{(self.end_ns - self.start_ns) / NS_PER_MS:.0f} ms"


class Caption(NamedTuple):
    """The words for a time (nanoseconds): one moment, or several that belong together."""

    t_ns: int
    sentence: str
    brief: str
    moments: tuple[Moment, ...]

    @property
    def is_key(self) -> bool:
        """Whether flows take another road."""
        return self.moments[0].is_key


def captions(moments: Iterable[Moment]) -> list[Caption]:
    """Return the moments that are told, in order, those that belong together as one. A key moment stands alone."""
    groups: list[list[Moment]] = []
    latest: dict[object, list[Moment]] = {}
    for moment in moments:
        if not moment.is_told:
            continue
        is_alone = moment.is_key or moment.kind == "lost"
        kind = moment.brief if moment.kind == "decision" else _TOGETHER.get(moment.kind, moment.kind)
        is_error = moment.kind == "error"  # one for each packet that it is about
        family = moment if is_alone else (kind, moment.sentence if is_error else moment.nodes[0])
        asked = latest.get(("handover", moment.nodes[0]))
        if moment.kind == "row" and asked is not None and asked[0].t_ns == moment.t_ns:
            asked.append(moment)
            continue
        group = latest.get(family)
        if group is None or moment.t_ns - group[0].t_ns > (NS_PER_S if is_error else TOGETHER_NS):
            group = latest[family] = []
            groups.append(group)
        group.append(moment)
    return [_caption(group) for group in groups]


def _caption(group: Sequence[Moment]) -> Caption:
    """Make one caption of a group: a handover says already which rows it changes; equal errors are counted."""
    own = [each for each in group if each.kind == "handover"] or group
    said, briefs = dict.fromkeys(each.sentence for each in own), dict.fromkeys(each.brief for each in own)
    told = [one for one in said if not any(other != one and other.startswith(one) for other in said)]
    text, brief = joined(told), ", ".join(briefs)
    if group[0].kind == "error" and len(group) > 1:
        text, brief = f"{text}, {len(group)} times up to {seconds(group[-1].t_ns)}", f"{brief}, {len(group)} times"
    return Caption(group[0].t_ns, text, brief, tuple(group))


def joined(sentences: Sequence[str]) -> str:
    """Join sentences: what they begin with alike is said once, if it is more than a word or two."""
    text, begin = sentences[0], sentences[0].split(" ")
    for other in sentences[1:MOST_JOINED]:
        words = other.split(" ")
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(begin, words, strict=False)))
        while alike and words[alike - 1] in _ARTICLES:
            alike -= 1
        text += f", and {' '.join(words[alike:])}" if alike > 2 else f". {other}"
    more = len(sentences) - MOST_JOINED
    return text + (f", and {more} more like it" if more > 0 else "")
