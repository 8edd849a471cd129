"""The event spine: the short list of what matters in a window of a trace, which every picture and every sentence reads.

Takes a trace, words and the flows that are shown; gives moments in order (handovers, messages end to end, rows that
change, losses, addresses, ends), each with its sentence, the packet-hops and the table rows that belong to it, and the
phases that handovers go through. It costs what the window costs, however long the trace is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from typing import TYPE_CHECKING

from mipflow.sim.trace import Record, Trace
from mipflow.view.story.focus import TABLE, Focus
from mipflow.view.story.moment import CACHE, SHOWN, Caption, Moment, Phase, captions
from mipflow.view.story.phases import phases
from mipflow.view.story.teller import Teller
from mipflow.view.story.trips import Trip, is_message, trips
from mipflow.view.story.words import Words, count, seconds
from mipflow.wire.address import Address

if TYPE_CHECKING:
    import networkx

__all__ = ["CACHE", "SHOWN", "TABLE", "Caption", "Moment", "Phase", "Spine", "spine"]


@dataclass(frozen=True, eq=False)
class Spine:
    """Moments by their time, and phases by their start, of a window of a trace; its words and its focus."""

    words: Words
    focus: Focus
    start_ns: int
    end_ns: int
    moments: list[Moment]
    phases: list[Phase]

    @cached_property
    def captions(self) -> list[Caption]:
        """The moments that are told, those that belong together as one."""
        return captions(self.moments)

    def handover_of(self, t_ns: int) -> int:
        """Return when the handover began that a time (nanoseconds) belongs to; the time itself if there is none."""
        return max((each.handover_ns for each in self.phases if each.start_ns <= t_ns <= each.end_ns), default=t_ns)

    def sentences(self) -> list[str]:
        """Return the captions with their times, and how many moments are not told."""
        lines = [f"{seconds(caption.t_ns)}: {caption.sentence}{_arrival(caption)}." for caption in self.captions]
        left = sum(not moment.is_told for moment in self.moments)
        why = "of other flows or rows that pictures do not show"
        return lines + [f"{count(left, 'more event')}, {why}: rows() of this picture has them."] * (left > 0)

    def rows(self) -> list[dict[str, object]]:
        """Return all moments as plain values."""
        return [moment.row() for moment in self.moments]


def spine(
    trace: Trace, graph: networkx.Graph[str], names: Mapping[Address, str], flows: Mapping[int, str], start_ns: int,
    end_ns: int, *, mobile: str = "MN", found: Iterable[Trip] | None = None, focus: Focus | None = None,
) -> Spine:  # fmt: skip
    """Tell all that matters between two times (nanoseconds, both included), in order.

    names: address -> short word; flows: flow id -> word; mobile: the mobile node's name; found: the trips of that time,
    if they have been read already; focus: the flows of which is told, if not those that matter most in that time.
    """
    words, focus = Words(names, flows), focus or Focus(trace, flows, start_ns=start_ns, end_ns=end_ns)
    if found is None:
        found = trips(trace, start_ns, end_ns, data=False)
    sent = sorted((trip for trip in found if is_message(trip) and start_ns <= trip.started_ns <= end_ns), key=_time)
    teller = Teller(trace, graph, words, focus, mobile, start_ns)
    # A row comes before the message that it gives rise to, and a message is told with the rows of its time.
    for each in merge(trace.between(start_ns, end_ns), sent, key=_time):
        teller.tell(each)
    return Spine(words, focus, start_ns, end_ns, teller.moments, phases(teller.moments, teller.home_agents))


def _time(what: Trip | Record) -> int:
    return what.started_ns if isinstance(what, Trip) else what.t_ns


def _arrival(caption: Caption) -> str:
    """Say when a message arrives, if a caption is of one only."""
    moment = caption.moments[0]
    is_sent = len(caption.moments) == 1 and bool(moment.hops) and not moment.is_lost and moment.kind != "lost"
    return f"; it arrives at {seconds(moment.until_ns)}" if is_sent else ""
