"""Replay of a capture in a world: its flows become flows between the mobile node and the correspondent nodes.

Takes a world and a capture; gives a `Replay` of a world that stands at the capture's time zero, with everything bound.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mipflow.errors import ProtocolMisuse
from mipflow.flow.tables import FlowInformation, FlowMappingEntry
from mipflow.lab.binding import wait_for_flows, wait_for_home
from mipflow.lab.recording import MOST_PACKETS, Progress, RecordedFlow, Recording, read
from mipflow.node.host import FIRST_EPHEMERAL_PORT
from mipflow.node.recorded import RecordedRunning
from mipflow.sim.clock import NS_PER_S, seconds

if TYPE_CHECKING:
    from mipflow.flow.flows import Flow
    from mipflow.lab.world import World
    from mipflow.mip6.correspondent_node import CorrespondentNode

STANDSTILL_S = 60
"""After so many seconds in which nothing arrives, a replay is not waited for any longer."""
_STEP_S = 0.25


class Handover(NamedTuple):
    """Move a flow, by its number, to an interface, `at_s` seconds after time zero."""

    flow: int
    interface: str
    at_s: float

    @classmethod
    def parse(cls, text: str) -> Handover:
        """Read such as "1:cell0@5". Raises ProtocolMisuse for anything else."""
        flow, _, rest = text.partition(":")
        interface, _, at = rest.rpartition("@")
        try:
            handover = cls(int(flow), interface, float(at))
        except ValueError:
            handover = cls(0, "", 0.0)
        if not handover.interface or not abs(handover.at_s) < float("inf"):
            raise ProtocolMisuse(f"handover {text!r}; expected FLOW:INTERFACE@SECONDS, such as 1:cell0@5", text)
        return handover


class Move(NamedTuple):
    """A handover that was made, `at_s` seconds after time zero. `together` are the ids of all flows that moved."""

    at_s: float
    flow: Flow
    interface: str
    together: tuple[int, ...]


def move_at(world: World, flow: Flow, interface: str, at_s: float, moves: list[Move]) -> None:
    """Have a flow moved `at_s` seconds after `world.start_s`, and write it down in `moves`.

    Raises ProtocolMisuse for a time in the past.
    """
    due = seconds(world.start_s + at_s)
    if due < world.network.clock.now:
        now = world.now - world.start_s
        raise ProtocolMisuse(f"handover at {at_s:g} s is in the past; it is {now:.3f} s now, give a later time", at_s)

    def move(_: object) -> None:
        moves.append(Move(at_s, flow, interface, tuple(world.mn.handover(flow, interface))))

    world.network.clock.at(due, move)


@dataclass(slots=True)
class Replay:
    """Replayed traffic. Times in seconds: `start_s` is the capture's time zero in the world's time.

    flows: in the order of their numbers, which begin with 1; recording: what was read; notes: sentences about what is
    not as recorded, and why; moves: the handovers so far.
    """

    world: World
    recording: Recording
    flows: list[Flow]
    notes: list[str]
    start_s: float = 0.0
    moves: list[Move] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """From the capture's first packet to its last, in seconds."""
        return self.recording.duration_ns / NS_PER_S

    @property
    def skipped(self) -> Counter[str]:
        """Frames of the capture that are left out, by reason."""
        return self.recording.skipped

    def flow(self, number: int) -> Flow:
        """The flow of that number. Raises ProtocolMisuse where there is none."""
        _recorded(self.recording, number)
        return self.flows[number - 1]

    def handover(self, flow: int, interface: str, at_s: float) -> None:
        """Have a flow, by its number, moved `at_s` seconds after time zero.

        Raises ProtocolMisuse for an unknown flow or interface, and for a time that is past or at which the flow does
        not exist.
        """
        check_handover(self.world, self.recording, Handover(flow, interface, at_s))
        move_at(self.world, self.flows[flow - 1], interface, at_s, self.moves)

    @property
    def is_complete(self) -> bool:
        """Whether all was sent and all of TCP has arrived."""
        return all(flow.running is not None and flow.running.is_complete for flow in self.flows)

    def finish(self, progress: Progress | None = None) -> Replay:
        """Run the world until all was sent and all of TCP has arrived, or until nothing has arrived for a minute."""
        world, end_s = self.world, self.start_s + self.duration_s
        received, since_s = -1, 0.0
        while world.now < end_s or not self.is_complete:
            now = sum(flow.running.received_bytes for flow in self.flows if flow.running is not None)
            if now != received:
                received, since_s = now, world.now
            if world.now - max(since_s, end_s) >= STANDSTILL_S:
                break
            world.run(_STEP_S)
            if progress is not None:
                at_s = world.now - self.start_s
                progress(f"running: {at_s:.1f} of {self.duration_s:.1f} s, {world.hops} packet-hops")
        world.run(1.0)  # for what is still under way
        return self

    def __repr__(self) -> str:
        what = f"{self.recording.path.name}: {len(self.flows)} flows"
        return f"<Replay of {what} in {self.duration_s:.1f} s from {self.start_s:.3f} s>"


def replay(
    world: World,
    path: str | os.PathLike[str],
    *,
    mobile: str | Sequence[str] | None = None,
    cns: int = 2,
    min_packets: int = 3,
    packets: int = MOST_PACKETS,
    handovers: Iterable[str | tuple[int, str, float]] = (),
    progress: Progress | None = None,
) -> Replay:
    """Open a flow for each flow of a capture, and run the world until all are bound: that is the capture's time zero.

    Then `world.run(10)` plays ten seconds of it, and `world.replay.finish()` all of it.

    mobile, packets: see `recording.read`; cns: how many correspondent nodes the remote hosts share; min_packets: flows
    of fewer packets share a home address, those to one correspondent node with each other (the seed, page 14);
    handovers: such as "1:cell0@5" or (1, "cell0", 5.0), in seconds after time zero. Raises ProtocolMisuse for what
    cannot be and DatasetError for a capture without flows, both before anything runs.
    """
    if not 1 <= cns <= len(world.cns):
        raise ProtocolMisuse(f"cns={cns}; expected 1 to {len(world.cns)}, or a world of figure2(cns={cns})", cns)
    wanted = [Handover.parse(one) if isinstance(one, str) else Handover(*one) for one in handovers]
    recording = read(path, mobile=mobile, packets=packets, progress=progress)
    for handover in wanted:
        check_handover(world, recording, handover)
    wait_for_home(world)
    opening = _Opening(world, recording, world.cns[:cns], min_packets)
    opening.open()
    played = Replay(world, recording, opening.flows, recording.notes + opening.notes)
    played.notes += wait_for_flows(world, played.flows, progress)
    world.replay = played
    world.start_s = played.start_s = world.now
    for flow in played.flows:
        assert isinstance(flow.running, RecordedRunning)
        flow.running.begin(world.network.clock.now)
    for handover in wanted:
        played.handover(*handover)
    return played


def check_handover(world: World, recording: Recording, handover: Handover) -> None:
    """Raise ProtocolMisuse, in one line, for a handover that cannot be."""
    number, interface, at_s = handover
    world.mn.interface(interface)
    recorded = _recorded(recording, number)
    first, last = recorded.first_ns / NS_PER_S, recorded.last_ns / NS_PER_S
    if at_s < 0:
        raise ProtocolMisuse(f"handover of flow {number} at {at_s:g} s is in the past; give 0 s or later", at_s)
    if not first <= at_s <= last:
        when = "does not exist yet" if at_s < first else "has ended"
        raise ProtocolMisuse(
            f"flow {number} {when} at {at_s:g} s; give a time from {first:.3f} to {last:.3f} s, or another flow", at_s
        )


def _recorded(recording: Recording, number: int) -> RecordedFlow:
    if not 1 <= number <= len(recording.flows):
        raise ProtocolMisuse(
            f"there is no flow {number}; {Path(recording.path).name} has flows 1 to {len(recording.flows)}", number
        )
    return recording.flows[number - 1]


class _Opening:
    """Gives the flows of a recording correspondents and ports, and opens them in the order of their numbers."""

    def __init__(self, world: World, recording: Recording, cns: Sequence[CorrespondentNode], min_packets: int) -> None:
        self.flows: list[Flow] = []
        self.notes: list[str] = []
        self._mn = world.mn
        self._recording = recording
        self._min_packets = min_packets
        self._identifiers: set[int] = set()
        self._small: set[FlowInformation] = set()
        self._hosts: dict[str, CorrespondentNode] = {}
        for recorded in recording.flows:
            if recorded.remote not in self._hosts:
                self._hosts[recorded.remote] = cns[len(self._hosts) % len(cns)]

    def open(self) -> None:
        """Open them all."""
        for cn in dict.fromkeys(self._hosts.values()):
            hosts = [host for host, its in self._hosts.items() if its is cn]
            self.notes.append(f"{cn.name} stands for {' and '.join(hosts)}")
        self._share_home_addresses()
        for recorded in self._recording.flows:
            cn = self._hosts[recorded.remote]
            near, far = self._ports(recorded, cn)
            tail = 0 if recorded.protocol == "ICMPv6" else far
            information = FlowInformation(recorded.protocol, near, cn.address, tail)
            if recorded.packets < self._min_packets:
                self._small.add(information)
            self.flows.append(self._mn.open(cn, recorded.recorded, local_port=near, remote_port=far))

    def _share_home_addresses(self) -> None:
        """Let small flows to one correspondent share a home address (the seed, page 14), beside the rules there are."""
        redirector, small = self._mn.redirector, self._small
        before = redirector.rules.together

        def together(entry: FlowMappingEntry) -> str | None:
            if entry.flow_information in small:
                return f"few packets to {entry.cn}"
            return None if before is None else before(entry)

        optimistic = redirector.rules.optimistic or self._mn.mode == "route_optimisation"
        redirector.rules = replace(redirector.rules, together=together, optimistic=optimistic)

    def _ports(self, recorded: RecordedFlow, cn: CorrespondentNode) -> tuple[int, int]:
        """Ports of the mobile node and the correspondent: the recorded ones, others where those are in use."""
        protocol, name = recorded.protocol, recorded.number
        if protocol == "ICMPv6":
            near = self._free(recorded.mobile_port, lambda number: number in self._identifiers)
            self._identifiers.add(near)
            if near != recorded.mobile_port:
                self.notes.append(f"flow {name} has echo identifier {near}: {recorded.mobile_port} is in use")
            return near, near
        far = self._free(recorded.remote_port, cn.has_port)

        def is_taken(port: int) -> bool:
            return self._mn.flows.find(FlowInformation(protocol, port, cn.address, far)) is not None

        near = self._free(recorded.mobile_port, is_taken)
        for host, port, old in ((self._mn, near, recorded.mobile_port), (cn, far, recorded.remote_port)):
            if port != old:
                self.notes.append(f"flow {name} has {protocol} port {port} at {host.name}: {old} is in use there")
        return near, far

    @staticmethod
    def _free(port: int, is_taken: Callable[[int], object]) -> int:
        """`port`, or the next that is free."""
        while is_taken(port):
            port = port + 1 if FIRST_EPHEMERAL_PORT <= port < 65535 else FIRST_EPHEMERAL_PORT
        return port
