"""Replay of a capture in a world: its flows become flows between the mobile node and the correspondent nodes.

Takes a world and a capture; gives a `Replay` of a world that stands at the capture's time zero, with everything bound.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mipflow.arguments import SECONDS, YEAR_S, Expected, check, fits, number, optional, several, whole
from mipflow.errors import ProtocolMisuse, Stopped, TopologyError, shown
from mipflow.flow.flows import Flow
from mipflow.flow.tables import Conversation, FlowMappingEntry
from mipflow.lab.replay.recording import MOST_PACKETS, PROGRESS, SILENCE_S, Progress, RecordedFlow, Recording, read
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.node.applications.recorded import RecordedRunning
from mipflow.node.host import FIRST_EPHEMERAL_PORT
from mipflow.sim.clock import NS_PER_S, Unique, seconds

if TYPE_CHECKING:
    from mipflow.lab.world import World

PATIENCE_S = 60
"""Seconds of virtual time to wait for a home registration, and for flows to be bound: 2 more for each flow, because a
correspondent gets at most three updates a second."""
MOST_HOSTS = 40
"""Remote hosts that a note names."""
STANDSTILL_S = 60
"""After so many seconds in which nothing arrives, a replay is not waited for any longer."""
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


_HANDOVER = Expected("", lambda it: isinstance(it, str) or (isinstance(it, tuple | list) and len(it) == 3))


class Move(NamedTuple):
    """A handover that was made, `at_s` seconds after time zero. `together` are the ids of all flows that moved."""

    at_s: float
    flow: Flow
    interface: str
    together: tuple[int, ...]


@dataclass(slots=True, repr=False)
class Replay(Unique):
    """Replayed traffic. Times in seconds: `start_s` is the capture's time zero in the world's time.

    flows: in the order of their numbers, which begin with 1; recording: what was read; notes: sentences about what was
    made of it; moves: the handovers so far.
    """

    world: World
    recording: Recording
    flows: list[Flow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    start_s: float = 0.0
    moves: list[Move] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """From time zero to the last packet of a flow, in seconds."""
        return self.recording.duration_ns / NS_PER_S

    def flow(self, number: int) -> Flow:
        """The flow of that number. Raises ProtocolMisuse where there is none."""
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
        self.world.mn.interface(interface)
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
        clock, due, moved = self.world.network.clock, seconds(self.start_s + at_s), self.flow(flow)
        if due < clock.now:
            advice = f"it is {self.world.now - self.start_s:.3f} s now, give a later time"
            raise ProtocolMisuse(f"handover at {at_s:g} s is in the past; {advice}", at_s)

        def move(_: object) -> None:
            self.moves.append(Move(at_s, moved, interface, tuple(self.world.mn.handover(moved, interface))))

        clock.at(due, move)

    @property
    def is_complete(self) -> bool:
        """Whether all was sent and all of TCP has arrived."""
        return all(flow.running is not None and flow.running.is_complete for flow in self.flows)

    @property
    def is_quiet(self) -> bool:
        """Whether every packet that was sent has arrived or is lost."""
        return not any(meter.in_flight for flow in self.flows for meter in flow.stats)

    def run(self, duration_s: float, progress: Progress | None = None) -> None:
        """Run the world for some seconds."""
        check(SECONDS, duration_s=duration_s)
        check(optional(PROGRESS), progress=progress)
        network = self.world.network
        end_ns = network.clock.now + seconds(duration_s)
        while network.clock.now < end_ns:
            network.run_until(min(network.clock.now + _STEP_NS, end_ns))
            if progress is not None:
                at_s = self.world.now - self.start_s
                progress(f"running: {at_s:.1f} of {self.duration_s:.1f} s, {self.world.hops} packet-hops")

    def finish(self, progress: Progress | None = None) -> Replay:
        """Run the world until all was sent, all of TCP has arrived and no packet is under way, or until nothing has
        arrived for a minute in which no end made a pause that was recorded.
        """
        end_s = self.start_s + self.duration_s + _TAIL_S
        self.run(max(end_s - self.world.now, 0.0), progress)
        received, since_s = -1, self.world.now
        while not (self.is_complete and self.is_quiet) and self.world.now - since_s < STANDSTILL_S:
            under_way = [flow.running for flow in self.flows if flow.running is not None]
            now = sum(running.received_bytes for running in under_way)
            if now != received:
                received, since_s = now, self.world.now
            due_ns = [running.due_ns for running in under_way if isinstance(running, RecordedRunning)]
            since_s = max([since_s, *(at_ns / NS_PER_S for at_ns in due_ns)])
            self.run(_STEP_NS / NS_PER_S, progress)
        return self

    def __repr__(self) -> str:
        return f"<Replay of {self.recording.name}: {len(self.flows)} flows in {self.duration_s:.1f} s>"


def replay(
    world: World, path: str | os.PathLike[str], *, mobile: str | None = None, packets: int = MOST_PACKETS,
    silence_s: float = SILENCE_S, progress: Progress | None = None, **options: Any,
) -> Replay:  # fmt: skip
    """Replay a capture: read it, then `play` it, which takes the further options. Raises DatasetError as well.

    mobile, packets, silence_s, progress: see `recording.read`. Then `world.run(10)` plays ten seconds of it, and
    `world.replay.finish()` all of it.
    """
    recording = read(path, mobile=mobile, packets=packets, silence_s=silence_s, progress=progress)
    return play(world, recording, progress=progress, **options)


def play(
    world: World, recording: Recording, *, cns: int = 2, min_packets: int = 3,
    handovers: Iterable[str | tuple[int, str, float]] = (), progress: Progress | None = None,
) -> Replay:  # fmt: skip
    """Open a flow for each flow of a recording, and run the world until all are bound: that is the capture's time zero.

    cns: how many correspondent nodes the remote hosts share; min_packets: flows of fewer packets share a home address,
    those to one correspondent node with each other (the patent, page 14); handovers: such as "1:cell0@5" or
    (1, "cell0", 5.0), in seconds after time zero. Raises ProtocolMisuse for what cannot be, before anything runs, and
    Stopped for an interrupt.
    """
    check(whole(0, 10**9, "packets"), min_packets=min_packets)
    check(optional(PROGRESS), progress=progress)
    if not fits(cns, whole(1, len(world.cns))):
        expected = f"expected 1 to {len(world.cns)}, or a world of figure2(cns={shown(cns)})"
        raise ProtocolMisuse(f"cns={shown(cns)}; {expected}", cns)
    check(several(_HANDOVER, 'a list of handovers, such as ["1:cell0@5"]'), handovers=handovers)
    wanted = [Handover.parse(one) if isinstance(one, str) else Handover(*one) for one in handovers]
    world.network.clock.check_idle(world.network.clock.now)
    played = Replay(world, recording, notes=[*recording.notes])
    for handover in wanted:
        played.check(handover)
    try:
        _wait_for_home(world)
        _open_all(played, world.cns[:cns], min_packets)
        _wait_for_flows(played, progress)
    except KeyboardInterrupt:
        name = recording.name
        raise Stopped(f"stopped before the replay of {name} began; it begins anew in a new world only") from None
    world.replay = played
    world.start_s = played.start_s = world.now
    for flow in played.flows:
        if isinstance(flow.running, RecordedRunning):
            flow.running.begin(world.network.clock.now)
    for handover in wanted:
        played.handover(*handover)
    return played


def _open_all(played: Replay, cns: Sequence[CorrespondentNode], min_packets: int) -> None:
    """Give the flows of a recording correspondents and ports, and open them in the order of their numbers."""
    mn, recorded_flows = played.world.mn, played.recording.flows
    hosts: dict[str, CorrespondentNode] = {}
    for recorded in recorded_flows:
        hosts.setdefault(recorded.remote, cns[len(hosts) % len(cns)])
    for cn in dict.fromkeys(hosts.values()):
        own = [host for host in hosts if hosts[host] is cn]
        more = [f"{len(own) - MOST_HOSTS} more"] if len(own) > MOST_HOSTS else []
        played.notes.append(f"{cn.name} stands for {' and '.join(own[:MOST_HOSTS] + more)}")
    small: set[Conversation] = set()
    before = mn.redirector.rules.together

    def together(entry: FlowMappingEntry) -> str | None:
        if entry.flow_information.first in small:
            return f"few packets to {entry.cn}"
        return None if before is None else before(entry)

    mn.redirector.rules = replace(mn.redirector.rules, together=together)
    for recorded in recorded_flows:
        cn, protocol = hosts[recorded.remote], recorded.app.protocol
        near, far = _ports(played.world, cn, recorded)
        if (near, far) != (recorded.mobile_port, recorded.remote_port):
            was = f"{recorded.mobile_port} > {recorded.remote_port}"
            why = f"{was} would collide" if recorded.mobile_port and recorded.remote_port else f"{was} has none"
            played.notes.append(f"flow {recorded.number} has {protocol} ports {near} > {far}: {why}")
        if recorded.packets < min_packets:
            small.add(Conversation(protocol, near, cn.address, 0 if protocol == "ICMPv6" else far))
        played.flows.append(mn.open(cn, recorded.app, local_port=near, remote_port=far))


def _ports(world: World, cn: CorrespondentNode, recorded: RecordedFlow) -> tuple[int, int]:
    """Ports of the mobile node and the correspondent: the recorded ones, others where those are in use."""
    protocol, flows = recorded.app.protocol, world.mn.flows
    is_echo = protocol == "ICMPv6"
    far = 0 if is_echo else _free(recorded.remote_port, lambda port: not port or cn.has_port(port))
    peers = world.cns if is_echo else [cn]  # an echo identifier is the mobile node's own, whoever it asks

    def is_taken(port: int) -> bool:
        is_none = not (port or is_echo)
        return is_none or any(flows.find(Conversation(protocol, port, peer.address, far)) is not None for peer in peers)

    near = _free(recorded.mobile_port, is_taken)
    return near, near if is_echo else far


def _free(port: int, is_taken: Callable[[int], object]) -> int:
    """`port`, or the next that is free."""
    while is_taken(port):
        port = port + 1 if FIRST_EPHEMERAL_PORT <= port < 65535 else FIRST_EPHEMERAL_PORT
    return port


# --- binding: from when the time of the traffic counts ---------------------------------------------------------------


def _wait_for_home(world: World) -> None:
    """Run until the mobile node's primary home address is registered. Raises TopologyError where that does not come."""
    mn = world.mn
    if not _run_until(world, lambda: mn.registered_at_home(mn.primary_home_address) is not None, PATIENCE_S):
        advice = f"bring its links and {world.ha.name}'s up"
        raise TopologyError(f"{mn.name} has no home registration after {PATIENCE_S} s; {advice}", mn.name)


def _wait_for_flows(played: Replay, progress: Progress | None) -> None:
    """Run until every flow is bound or has given up, but not for ever; note each that is not bound."""
    world, flows = played.world, played.flows
    waiting = flows[::-1]

    def all_are_settled() -> bool:
        while waiting and not _binding(world, waiting[-1])[1]:
            waiting.pop()
            if progress is not None:
                progress(f"binding: {len(flows) - len(waiting)} of {len(flows)} flows")
        return not waiting

    _run_until(world, all_are_settled, PATIENCE_S + 2 * len(flows))
    played.notes += [f"flow {flow.id} {why}" for flow in flows if (why := _binding(world, flow)[0])]


def _binding(world: World, flow: Flow) -> tuple[str, bool]:
    """Why a flow is not bound wherever its mode asks for it ("" where it is), and whether more is tried."""
    mn, home_address = world.mn, flow.home_address
    if home_address is None:  # three duplicates in a row
        return "got no home address: its packets are not sent", False
    if mn.registered_at_home(home_address) is None:
        return "is not registered at the home agent: its packets wait", True
    binding = mn.binding_updates.get(flow.cn.address, home_address)
    if mn.mobility.mode != "route_optimisation" or (binding is not None and binding.registered is not None):
        return "", False
    return f"has no binding at {flow.cn.name}: its packets go through the home agent", binding is not None


def _run_until(world: World, is_reached: Callable[[], bool], most_s: int) -> bool:
    """Let moment after moment pass until something is reached; False after `most_s` seconds, or where nothing moves."""
    network = world.network
    return network.run_until(network.clock.now + most_s * NS_PER_S, is_reached)
