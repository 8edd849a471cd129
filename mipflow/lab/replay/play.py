"""Replay of a capture in a world: its flows become flows between the mobile node and the correspondent nodes.

Takes a world and a capture; gives a `Replay`, with the world at the capture's time zero and everything bound.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace as with_changes
from typing import Any

from mipflow.arguments import Expected, check, fits, optional, several, whole
from mipflow.errors import ProtocolMisuse, Stopped, TopologyError, shown
from mipflow.flow.applications.flows import Flow
from mipflow.flow.conversations import Conversation
from mipflow.flow.tables import FlowMappingEntry
from mipflow.lab.replay.recording import MOST_PACKETS, PROGRESS, SILENCE_S, Progress, RecordedFlow, Recording, read
from mipflow.lab.replay.replay import Handover, Replay
from mipflow.lab.world import World
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.node.applications.recorded import RecordedRunning
from mipflow.node.host import FIRST_EPHEMERAL_PORT
from mipflow.sim.clock import NS_PER_S

PATIENCE_S = 60
"""Seconds of virtual time to wait for a home registration, and for flows to be bound: 2 more for each flow, because a
correspondent gets at most three updates a second."""
MOST_HOSTS = 40
"""The most remote hosts that a note names."""
_HANDOVER = Expected("", lambda it: isinstance(it, str) or (isinstance(it, tuple | list) and len(it) == 3))


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
    world.network.clock.check_idle("the clock cannot run on")
    played = Replay(world.mn, recording, notes=[*recording.notes])
    for handover in wanted:
        played.check(handover)
    try:
        _wait_for_home(world)
        _open_all(world, played, world.cns[:cns], min_packets)
        played.notes += _wait_for_flows(world, played.flows, progress)
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


def _open_all(world: World, played: Replay, cns: Sequence[CorrespondentNode], min_packets: int) -> None:
    """Give the flows of a recording correspondents and ports, and open them in the order of their numbers."""
    mn, recorded_flows = world.mn, played.recording.flows
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

    mn.redirector.rules = with_changes(mn.redirector.rules, together=together)
    for recorded in recorded_flows:
        cn, protocol = hosts[recorded.remote], recorded.app.protocol
        near, far = _ports(world, cn, recorded)
        if (near, far) != (recorded.mobile_port, recorded.remote_port):
            was = f"{recorded.mobile_port} > {recorded.remote_port}"
            why = f"{was} would collide" if recorded.mobile_port and recorded.remote_port else f"{was} has none"
            played.notes.append(f"flow {recorded.number} has {protocol} ports {near} > {far}: {why}")
        if recorded.packets < min_packets:
            small.add(Conversation(protocol, near, cn.address, 0 if protocol == "ICMPv6" else far))
        played.flows.append(mn.open(cn, recorded.app, local_port=near, remote_port=far))


def _ports(world: World, cn: CorrespondentNode, recorded: RecordedFlow) -> tuple[int, int]:
    """Choose the ports of the mobile node and the correspondent: the recorded ones, others where those are in use."""
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
    """Return `port`, or the next that is free."""
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


def _wait_for_flows(world: World, flows: Sequence[Flow], progress: Progress | None) -> list[str]:
    """Run until every flow is bound or has given up, but not for ever; return a note on each that is not bound."""
    waiting = [*flows[::-1]]

    def all_are_settled() -> bool:
        while waiting and not _binding(world, waiting[-1])[1]:
            waiting.pop()
            if progress is not None:
                progress(f"binding: {len(flows) - len(waiting)} of {len(flows)} flows")
        return not waiting

    _run_until(world, all_are_settled, PATIENCE_S + 2 * len(flows))
    return [f"flow {flow.id} {why}" for flow in flows if (why := _binding(world, flow)[0])]


def _binding(world: World, flow: Flow) -> tuple[str, bool]:
    """Return why a flow is not bound wherever its mode asks for it ("" where it is), and whether more is tried."""
    mn, home_address = world.mn, flow.home_address
    if home_address is None:  # three duplicates in a row
        return "got no home address: its packets are not sent", False
    if mn.registered_at_home(home_address) is None:
        return "is not registered at the home agent: its packets wait", True
    binding = mn.binding_updates.get((flow.cn.address, home_address))
    if mn.mobility.mode != "route_optimisation" or (binding is not None and binding.registered is not None):
        return "", False
    return f"has no binding at {flow.cn.name}: its packets go through the home agent", binding is not None


def _run_until(world: World, is_reached: Callable[[], bool], most_s: int) -> bool:
    """Let moment after moment pass until something is reached; False after `most_s` seconds, or where nothing moves."""
    network = world.network
    return network.run_until(network.clock.now + most_s * NS_PER_S, is_reached)
