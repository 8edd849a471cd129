"""The comparison of two worlds: how they differ, and when.

Takes two worlds that have run; gives a picture. Times and roads come from the event spines of both, counts and delays
from the meters of their flows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import zip_longest
from typing import Any, NamedTuple

from mipflow.arguments import TEXT, Expected, check, fits, optional, several
from mipflow.errors import ProtocolMisuse
from mipflow.lab.views import slowly, span
from mipflow.lab.world import WORLD, World
from mipflow.sim.clock import NS_PER_MS, NS_PER_S
from mipflow.sim.clock import seconds as seconds_ns
from mipflow.sim.link import Link
from mipflow.sim.meter import Meter
from mipflow.view.drawing.style import escape
from mipflow.view.stage.show import Show
from mipflow.view.stage.stage import Part
from mipflow.view.story.focus import TABLE, Focus
from mipflow.view.story.spine import Moment, Spine, spine
from mipflow.view.story.words import count, seconds, the_flow

_NAMES = Expected(
    'two different words, such as ("one address", "two")',
    lambda it: fits(it, several(TEXT, "")) and len(it) == len(set(it)) == 2,
)
LEAST_MS, LEAST_SHARE = 1.0, 0.05
"""Delays that are closer than both, in milliseconds and as a share of the larger, count as the same."""
GAP_MS = 10.0
"""Silences that are closer than this, in milliseconds, count as the same."""


class Difference(NamedTuple):
    """One thing that differs: its topic and its flow, its value in both worlds, its time, and a sentence."""

    about: str
    flow: str
    one: str
    other: str
    at_s: float | None
    sentence: str


def compare(
    one: World, other: World, start: float | None = None, end: float | None = None,
    names: tuple[str, str] | None = None,
) -> Comparison:  # fmt: skip
    """Compare two worlds on one clock, from `start` to `end` seconds (by default all that both have run).

    names: what the worlds, "A" and "B", are headed with instead of their titles. `describe()` says in sentences what
    differed and when, the most telling first; `rows()` gives each difference with both values. Raises ProtocolMisuse
    for what is no world, one that has not run, and a span that neither has.
    """
    check(WORLD, one=one, other=other)
    check(optional(_NAMES), names=names)
    for which, world in (("one", one), ("other", other)):
        if not world.network.clock.now:
            raise ProtocolMisuse(f"nothing has run yet: world.run(10) first, with the world `{which}`", world)
    begin, finish = span(min(one.network.clock.now, other.network.clock.now), start, end)
    titles = names or (one.title, other.title)
    sides = Side("A", one, titles[0], begin, finish), Side("B", other, titles[1], begin, finish)
    return Comparison(*sides, f"A: {titles[0]}; B: {titles[1]}" if titles[0] != titles[1] else f"A and B: {titles[0]}")


class Comparison(Show):
    """The picture of both worlds on one clock, with their differences."""

    def __init__(self, one: Side, other: Side, title: str) -> None:
        self._sides = one, other
        self._found, self._setup = list(differences(one, other)), list(setups(one, other))
        parts = [side.part for side in self._sides]
        slow = slowly(at for side in self._sides for at in side.world.handovers_s())
        spans = [(seconds_ns(a), seconds_ns(b)) for a, b in slow]
        super().__init__(parts, one.spine.start_ns, one.spine.end_ns, spans, title)

    def _sentences(self) -> list[str]:
        return [*self.lead(), *super()._sentences()]

    def lead(self) -> list[str]:
        """Say what differed and when, the most telling first, and how the two are set up differently."""
        told = [each.sentence for each in self._found] or [_alike(*self._sides)]
        told += [f"Set up: {each.sentence}" for each in self._setup]
        if _are_whole(*self._sides):
            return told
        one, other = (f"{side.world.now:g} s" for side in self._sides)
        whole = one if one == other else f"{one} in {self._sides[0].name}, {other} in {self._sides[1].name}"
        here = f"{seconds(self._sides[0].spine.start_ns)} to {seconds(self._sides[0].spine.end_ns)}"
        why = f"they are of whole runs ({whole}), and this is {here}"
        return [*told, f"Mean delays and silences are not compared: {why}."]

    def _rows(self) -> list[dict[str, object]]:
        one, other = self._sides
        return [
            {"what": each.about, "flow": each.flow, one.name: each.one, other.name: each.other, "at_s": each.at_s}
            for each in [*self._found, *self._setup]
        ]

    def bundles(self) -> list[dict[str, Any]]:
        """Put the sentences that matter most before the pictures."""
        first, *more = [f"<p class='mathjax_ignore'>{escape(line)}</p>" for line in self.lead()]
        rest = f"<details><summary>All that differs</summary>{''.join(more)}</details>" if more else ""
        return [{"text/html": f"<div class='mipflow-lead'>{first}{rest}</div>", "text/plain": ""}, *super().bundles()]


class Side:
    """One of two worlds, with its events in a span of time (nanoseconds)."""

    def __init__(self, name: str, world: World, title: str, start_ns: int, end_ns: int) -> None:
        self.name, self.world = name, world
        self.part = Part(world.trace, world.network.graph, world.names(), world.flow_names(), world.mn.name, title)
        told, focus = self.part[:4], Focus(world.trace, world.flow_names())
        self.spine: Spine = spine(*told, start_ns, end_ns, mobile=world.mn.name, focus=focus)
        self.words = self.spine.words
        self.told = [moment for moment in self.spine.moments if moment.is_told]
        self.handovers = [moment for moment in self.spine.moments if moment.kind == "handover"]
        self.meters: dict[tuple[str, str], Meter] = {
            (self.words.flows[flow.id], way): meter
            for flow in world.flows() for way, meter in zip(("from", "to"), flow.stats, strict=True)
        }  # fmt: skip

    def flows(self, ids: Iterable[int]) -> str:
        """Name flows, in order."""
        return self.words.flows_named(tuple(sorted(ids))) or "no flow"

    def moved(self, number: int) -> dict[int, Moment]:
        """Return, by flow, the first moment between a handover and the next from which it takes another road."""
        begin, *following = [each.t_ns for each in self.handovers[number:]]
        first: dict[int, Moment] = {}
        for moment in self.spine.moments:
            if moment.is_key and begin <= moment.t_ns < (following[0] if following else moment.t_ns + 1):
                for flow in moment.flows:
                    first.setdefault(flow, moment)
        return first

    def losses(self, since_ns: int) -> dict[str, tuple[int, int, int]]:
        """Return, by flow name, the packets lost from a time on, with the times of the first and the last."""
        found: dict[str, tuple[int, int, int]] = {}
        for moment in self.spine.moments:
            for flow in moment.flows if moment.kind == "lost" and moment.t_ns >= since_ns else ():
                name = self.words.flows.get(flow, f"flow {flow}")
                lost, first, last = found.get(name, (0, moment.t_ns, 0))
                found[name] = lost + moment.count, first, max(last, moment.until_ns)
        return found

    @property
    def homes(self) -> dict[str, tuple[str, int]]:
        """Flow name -> its home address in words, and the time from which it has it (nanoseconds)."""
        since: dict[tuple[str, object], int] = {}
        for record in self.world.trace.changes():
            if record.change.table == TABLE and record.change.after:
                since.setdefault((record.change.key, record.change.after.get("home_address")), record.t_ns)
        return {
            self.words.flows[flow.id]: (self.words.address(home), since.get((str(flow.id), str(home)), 0))
            for flow in self.world.flows() if (home := flow.home_address) is not None
        }  # fmt: skip


def differences(one: Side, other: Side) -> Iterator[Difference]:
    """Yield the differences between what two worlds did, the most telling first."""
    yield from _handovers(one, other)
    yield from _homes(one, other)
    if (apart := _apart(one.told, other.told)) is not None:
        yield from _losses(one, other, apart[0])
    if _are_whole(one, other):
        yield from _delays(one, other)
    yield from _first(one, other)


def _are_whole(*sides: Side) -> bool:
    """Return whether the span is all of both runs: meters count whole runs."""
    return all(side.spine.start_ns == 0 and side.spine.end_ns == side.world.network.clock.now for side in sides)


def _handovers(one: Side, other: Side) -> Iterator[Difference]:
    """Compare the flows that each handover moves, and the time that it takes."""
    for number, (a, b) in enumerate(zip_longest(one.handovers, other.handovers)):
        if a is None or b is None:
            side, moment = (one, a) if b is None else (other, b)
            said = f"Only {side.name} has a handover at {seconds(moment.t_ns)}: {moment.sentence}."
            had = [seconds(each.t_ns) if each else "none" for each in (a, b)]
            yield Difference("handover", side.flows(moment.flows), had[0], had[1], moment.t_ns / NS_PER_S, said)
            continue
        moved = one.moved(number), other.moved(number)
        when = seconds(a.t_ns) + (f" in {one.name}, at {seconds(b.t_ns)} in {other.name}," if a.t_ns != b.t_ns else "")
        named = one.flows(moved[0]), other.flows(moved[1])
        if named[0] != named[1]:
            said = f"The handover at {when} moves {named[0]} in {one.name}, {named[1]} in {other.name}"
            said = f"{said}{_stay(one, other, moved)}."
            yield Difference("flows that move", "", named[0], named[1], a.t_ns / NS_PER_S, said)
        for flow, moment in moved[0].items():
            name = one.words.flows.get(flow)
            twin = next((m for f, m in moved[1].items() if other.words.flows.get(f) == name), None)
            took = [(each.t_ns - asked.t_ns) / NS_PER_MS for each, asked in ((moment, a), (twin, b)) if each]
            if twin is not None and abs(took[0] - took[1]) >= LEAST_MS:
                ms = [f"{each:.0f} ms" for each in took]
                said = (
                    f"After the handover at {when} {one.flows([flow])} takes another road after {ms[0]} in {one.name}, "
                    f"after {ms[1]} in {other.name}: {moment.sentence}."
                )
                yield Difference("time to another road", str(name), ms[0], ms[1], moment.t_ns / NS_PER_S, said)


def _stay(one: Side, other: Side, moved: tuple[dict[int, Moment], dict[int, Moment]]) -> str:
    """Name the flows that stay where they are in one of the two only."""
    stays = []
    for side, mine in zip((one, other), moved, strict=True):
        rest = {flow.id for flow in side.world.flows()} - mine.keys()
        if rest and mine:
            stays.append(f"{side.flows(rest)} stay{'s' * (len(rest) == 1)} in {side.name}")
    return f"; {', '.join(stays)}" if stays else ""


def _homes(one: Side, other: Side) -> Iterator[Difference]:
    """Compare the home addresses of flows: how many, which, and since when."""
    homes = one.homes, other.homes
    first = [dict(sorted(own.values(), key=lambda each: -each[1])) for own in homes]
    fewer, more = sorted(first, key=len)
    if len(fewer) < len(more):
        told = ", ".join(
            f"{len(own)} home address{'es' * (len(own) != 1)} in {side.name}"
            for own, side in zip(first, (one, other), strict=True)
        )
        at_s = sorted(more.values())[len(fewer)] / NS_PER_S
        a, b = (str(len(own)) for own in first)
        yield Difference("home addresses", "", a, b, at_s, f"From {at_s:.3f} s on the flows have {told}.")
    for name in (each for each in homes[0] if each in homes[1]):
        (a, since), (b, then) = homes[0][name], homes[1][name]
        if a != b:
            told = f"{a} in {one.name} (since {seconds(since)}), {b} in {other.name} (since {seconds(then)})"
            at_s = min(since, then) / NS_PER_S
            whose = the_flow(name)
            said = f"{whose[0].upper()}{whose[1:]} has the home address {told}."
            yield Difference("home address", name, a, b, at_s, said)


def _losses(one: Side, other: Side, since_ns: int) -> Iterator[Difference]:
    """Compare the packets that were lost since the two differed."""
    lost = one.losses(since_ns), other.losses(since_ns)
    for name in dict.fromkeys([*lost[0], *lost[1]]):
        a, b = (each.get(name, (0, 0, 0)) for each in lost)
        if a[0] != b[0]:
            told = " and ".join(_lost(side, each) for side, each in ((one, a), (other, b)))
            at_s = min(each[1] for each in (a, b) if each[0]) / NS_PER_S
            yield Difference("lost packets", name, str(a[0]), str(b[0]), at_s, f"Of {the_flow(name)} {told} lost.")


def _lost(side: Side, lost: tuple[int, int, int]) -> str:
    number, first, last = lost
    when = f"at {seconds(first)}" if first == last else f"between {seconds(first)} and {seconds(last)}"
    return f"{count(number, 'packet')} in {side.name} ({when})" if number else f"none in {side.name}"


def _delays(one: Side, other: Side) -> Iterator[Difference]:
    """Compare mean delays and longest silences of flows of one name."""
    for name, way in (key for key in one.meters if key in other.meters):
        a, b = one.meters[name, way], other.meters[name, way]
        where = f"{way} the mobile node"
        for about, said, values, least in (
            ("mean delay", "The mean delay", (a.mean_delay_ms, b.mean_delay_ms), LEAST_MS),
            ("longest silence", "The longest silence", (a.longest_gap_ms, b.longest_gap_ms), GAP_MS),
        ):  # fmt: skip
            if None in values:
                continue
            first, second = (float(value or 0) for value in values)
            if abs(first - second) > max(least, LEAST_SHARE * max(first, second)):
                ms = f"{first:.0f} ms", f"{second:.0f} ms"
                told = f"{said} of {the_flow(name)} {where} is {ms[0]} in {one.name}, {ms[1]} in {other.name}."
                yield Difference(f"{about} {where}", name, ms[0], ms[1], None, told)


def _apart(one: list[Moment], other: list[Moment]) -> tuple[int, Moment | None, Moment | None] | None:
    """Find where two lists of moments part: the time (nanoseconds), and the moment in each."""
    for pair in zip_longest(one, other):
        here = [each for each in pair if each is not None]
        if len(here) == 1 or (here[0].t_ns, here[0].sentence) != (here[1].t_ns, here[1].sentence):
            return min(each.t_ns for each in here), *pair
    return None


def _first(one: Side, other: Side) -> Iterator[Difference]:
    """Yield the first event that only one of them has; losses have a sentence of their own."""
    apart = _apart(*([each for each in side.told if each.kind != "lost"] for side in (one, other)))
    if apart is not None:
        at_ns, *pair = apart
        a, b = ("nothing more" if each is None else f"{each.sentence} ({seconds(each.t_ns)})" for each in pair)
        when = f"at {seconds(at_ns)}" if at_ns > one.spine.start_ns else "at the start"
        said = f"The first event that differs, {when}: {one.name}: {a}; {other.name}: {b}."
        yield Difference("first event", "", a, b, at_ns / NS_PER_S, said)


def _alike(one: Side, other: Side) -> str:
    if one.world.trace.digest() == other.world.trace.digest():
        kept = "packet by packet." if one.world.trace.mode == "all" else "in all that their traces keep."
        return f"No difference: both did the same, {kept}"
    return "No difference in what is told of them; single packets differ in their bytes or times."


def setups(one: Side, other: Side) -> Iterator[Difference]:
    """Yield the differences in how the two worlds are set up."""
    known = [dict(_setup(side.world)) for side in (one, other)]
    for about in dict.fromkeys([*known[0], *known[1]]):
        a, b = (each.get(about, "none") for each in known)
        if a != b:
            yield Difference(about, "", a, b, None, f"{about}: {a} in {one.name}, {b} in {other.name}.")


def _setup(world: World) -> Iterator[tuple[str, str]]:
    """Describe the setup of a world, in words."""
    yield "scenario", world.title
    yield "seed", str(world.network.seed)
    yield "way of data", world.mn.mobility.mode.replace("_", " ")
    rules: Any = world.mn.redirector.rules
    for field in fields(rules):
        yield f"rule {field.name.replace('_', ' ')}", _word(getattr(rules, field.name))
    for node in (world.mn, *world.home_agents, *world.cns):
        yield node.name, type(node).__name__
    usual = Link()
    for name, segment in world.network.segments.items():
        for field in fields(usual):
            yield f"link {name}, {field.name.replace('_', ' ')}", _word(getattr(segment.link, field.name))


def _word(value: object) -> str:
    return "a function" if callable(value) else str(value)
