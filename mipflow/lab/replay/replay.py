"""Replayed traffic: the flows of a recording while a world runs, and the handovers that move them.

Takes a mobile node with its opened flows and the recording they come from; gives times, handovers and the end of it.
`lab.replay.play` makes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from mipflow.arguments import SECONDS, YEAR_S, Expected, check, fits, number, optional, whole
from mipflow.errors import ProtocolMisuse, shown
from mipflow.flow.applications.flows import Flow
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.lab.replay.recording import PROGRESS, Progress, RecordedFlow, Recording
from mipflow.node.applications.recorded import RecordedRunning
from mipflow.sim.clock import NS_PER_S, Unique, seconds

STANDSTILL_S = 60
"""Seconds without an arrival after which a replay is not waited for any longer."""
_STEP_NS = NS_PER_S // 4
_TAIL_S = 1.0
"""Seconds behind the last packet of a capture in which a handover at its end is answered."""


class Handover(NamedTuple):
    """Move a flow, by its number, to an interface, `at_s` seconds after time zero."""

    flow: int
    interface: str
    at_s: float

    @classmethod
    def parse(cls, text: str) -> Handover:
        """Read such as "1:cell0@5". Raises ProtocolMisuse for anything else."""
        found = re.fullmatch(r"(\d{1,9}):(.+)@(-?\d{1,9}(?:\.\d*)?)", text)
        if found is None:
            raise ProtocolMisuse(f"handover {shown(text)}; expected FLOW:INTERFACE@SECONDS, such as 1:cell0@5", text)
        return cls(int(found[1]), found[2], float(found[3]))


class Move(NamedTuple):
    """A handover that was made, `at_s` seconds after time zero. `together` are the ids of all flows that moved."""

    at_s: float
    flow: Flow
    interface: str
    together: tuple[int, ...]


@dataclass(slots=True, repr=False)
class Replay(Unique):
    """Replayed traffic. Times in seconds: `start_s` is the capture's time zero in the world's time.

    flows: in the order of their numbers, which begin with 1; recording: the flows that were read; notes: sentences
    about their replay; moves: the handovers so far.
    """

    mn: FlowMobileNode
    recording: Recording
    flows: list[Flow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    start_s: float = 0.0
    moves: list[Move] = field(default_factory=list)

    @property
    def _now_s(self) -> float:
        """The time of the world, in seconds."""
        return self.mn.network.clock.now / NS_PER_S

    @property
    def duration_s(self) -> float:
        """The time from zero to the last packet of a flow, in seconds."""
        return self.recording.duration_ns / NS_PER_S

    def flow(self, number: int) -> Flow:
        """Return the flow of that number. Raises ProtocolMisuse where there is none."""
        return self.flows[self._recorded(number).number - 1]

    def _recorded(self, number: int) -> RecordedFlow:
        name, flows = self.recording.name, self.recording.flows
        if not fits(number, whole(1, len(flows))):
            raise ProtocolMisuse(f"there is no flow {shown(number)}; {name} has flows 1 to {len(flows)}", number)
        return flows[number - 1]

    def check(self, handover: Handover) -> None:
        """Raise ProtocolMisuse, in one line, for an unknown flow or interface or a time without that flow."""
        check(Expected("a Handover(flow, interface, at_s)", lambda it: len(it) == 3), handover=handover)
        flow, interface, at_s = handover
        check(number(-YEAR_S, YEAR_S, "a number of seconds"), at_s=at_s)
        self.mn.interface(interface)
        recorded = self._recorded(flow)
        first, last = (round(t_ns / NS_PER_S, 3) for t_ns in (recorded.first_ns, recorded.last_ns))
        if not first <= at_s <= last:
            when = "does not exist yet" if at_s < first else "has ended"
            own = self.recording.beside(recorded.first_ns, recorded.last_ns)
            advice = f"give a time from {first:.3f} to {last:.3f} s{own}, or another flow"
            raise ProtocolMisuse(f"flow {flow} {when} at {at_s:g} s; {advice}", at_s)

    def handover(self, flow: int, interface: str, at_s: float) -> None:
        """Have a flow, by its number, moved `at_s` seconds after time zero.

        Raises ProtocolMisuse for an unknown flow or interface, and for a time that is past or at which the flow does
        not exist.
        """
        self.check(Handover(flow, interface, at_s))
        clock, due, moved = self.mn.network.clock, seconds(self.start_s + at_s), self.flow(flow)
        if due < clock.now:
            advice = f"it is {self._now_s - self.start_s:.3f} s now, give a later time"
            raise ProtocolMisuse(f"handover at {at_s:g} s is in the past; {advice}", at_s)

        def move(_: object) -> None:
            self.moves.append(Move(at_s, moved, interface, tuple(self.mn.handover(moved, interface))))

        clock.at(due, move)

    @property
    def is_complete(self) -> bool:
        """True once all was sent and all of TCP has arrived."""
        return all(flow.running is not None and flow.running.is_complete for flow in self.flows)

    @property
    def is_quiet(self) -> bool:
        """True while no packet is under way: each has arrived or is lost."""
        return not any(meter.in_flight for flow in self.flows for meter in flow.stats)

    def run(self, duration_s: float, progress: Progress | None = None) -> None:
        """Run the world for some seconds."""
        check(SECONDS, duration_s=duration_s)
        check(optional(PROGRESS), progress=progress)
        for said in self.steps(duration_s):
            if progress is not None:
                progress(said)

    def finish(self, progress: Progress | None = None) -> Replay:
        """Run the world until all was sent, all of TCP has arrived and no packet is under way, or until nothing has
        arrived for a minute in which no end made a pause that was recorded.
        """
        check(optional(PROGRESS), progress=progress)
        for said in self.steps():
            if progress is not None:
                progress(said)
        return self

    def steps(self, duration_s: float | None = None) -> Iterator[str]:
        """Run the world for some seconds, or else as `finish` does; say every quarter of a second how far it is."""
        if duration_s is not None:
            yield from self._run(duration_s)
            return
        yield from self._run(max(self.start_s + self.duration_s + _TAIL_S - self._now_s, 0.0))
        received, since_s = -1, self._now_s
        while not (self.is_complete and self.is_quiet) and self._now_s - since_s < STANDSTILL_S:
            under_way = [flow.running for flow in self.flows if flow.running is not None]
            now = sum(running.received_bytes for running in under_way)
            if now != received:
                received, since_s = now, self._now_s
            due_ns = [running.due_ns for running in under_way if isinstance(running, RecordedRunning)]
            since_s = max([since_s, *(at_ns / NS_PER_S for at_ns in due_ns)])
            yield from self._run(_STEP_NS / NS_PER_S)

    def _run(self, duration_s: float) -> Iterator[str]:
        network = self.mn.network
        end_ns = network.clock.now + seconds(duration_s)
        while network.clock.now < end_ns:
            network.run_until(min(network.clock.now + _STEP_NS, end_ns))
            at_s = self._now_s - self.start_s
            yield f"running: {at_s:.1f} of {self.duration_s:.1f} s, {network.clock.packet_events} packet-hops"

    def __repr__(self) -> str:
        return f"<Replay of {self.recording.name}: {len(self.flows)} flows in {self.duration_s:.1f} s>"
