"""Replay: the flows of a capture in the patent's Figure 2, and what one handover moves and what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import DatasetError, ProtocolMisuse, TopologyError
from mipflow.lab.replay.play import replay
from mipflow.lab.replay.replay import Handover, Replay
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.sim.trace import is_control
from mipflow.wire.mobility import BindingAcknowledgement
from mipflow.wire.packet import UDP
from tests.lab.frames import (
    LAPTOP,
    MEDIA,
    OFFICE,
    OTHER,
    WEB,
    Connection,
    Frame,
    ping,
    udp,
    write,
)

ACCESS = {"wlan0", "cell0"}


def office(*handovers: str, mode: str = "route_optimisation", seed: int = 7, min_packets: int = 3) -> World:
    options = {"handovers": handovers, "min_packets": min_packets}
    return mf.figure2(seed=seed, traffic=OFFICE, mode=mode, wire=True, replay=options)


def played(world: World) -> Replay:
    assert world.replay is not None
    return world.replay


def small(tmp_path: Path, frames: list[Frame], **options: object) -> World:
    cns = options.pop("cns", 2)
    return mf.figure2(traffic=write(tmp_path / "x.pcap", frames), cns=cns, replay=options)


def roads(world: World, since_ns: int = 0) -> dict[int, set[str]]:
    """Return flow -> the access links that its data packets used, of those that were made at `since_ns` or later."""
    used: dict[int, set[str]] = {flow.id: set() for flow in world.flows()}
    trace = world.trace
    for number, packet in enumerate(trace.packets):
        segment = trace.channels[trace.channel[number]].segment
        inner = packet.innermost()
        if segment in ACCESS and not is_control(packet) and inner.sent_ns >= since_ns:
            used[inner.flow].add(segment)
    return used


def acknowledged_ns(world: World, by: str, home_address: mf.Address, after_s: float) -> int:
    """Return when the mobile node received the first acknowledgement of `by` for a home address after a time."""
    for hop in world.trace:
        packet = hop.packet.innermost()
        to = packet.extensions[0].home_address if packet.extensions else None  # type: ignore[union-attr]
        of = {world.ha.home_agent_address: "HA", **{cn.address: cn.name for cn in world.cns}}.get(packet.source)
        has_come = hop.channel.receiver == "MN" and hop.arrived_ns >= after_s * 1e9
        if isinstance(packet.payload, BindingAcknowledgement) and (of, to) == (by, home_address) and has_come:
            return hop.arrived_ns
    raise AssertionError(f"{by} acknowledged nothing for {home_address}")


# --- the claim


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize(("handover", "together"), [("6:cell0@5", {6}), ("3:cell0@9.123", {3}), ("10:cell0@4.5", {10})])
def test_one_binding_update_moves_one_flow_and_no_other(handover: str, together: set[int], seed: int) -> None:
    world = office(handover, seed=seed)
    replay = played(world).finish()
    number, _, at_s = Handover.parse(handover)
    flow = replay.flow(number)
    assert flow.home_address is not None
    bound_ns = acknowledged_ns(world, flow.cn.name, flow.home_address, replay.start_s + at_s)
    sharing = {other.id for other in replay.flows if (other.home_address, other.cn) == (flow.home_address, flow.cn)}
    assert sharing == together == set(replay.moves[0].together)
    ever, after = roads(world), roads(world, bound_ns)
    assert after[number] == {"cell0"} and ever[number] == {"wlan0", "cell0"}
    assert all(ever[other] == {"wlan0"} for other in ever if other not in sharing)
    updates = [entry for entry in world.mn.binding_updates if entry.registered == world.mn.care_of_address("cell0")]
    assert [(entry.peer, entry.home_address) for entry in updates] == [(flow.cn.address, flow.home_address)]
    assert replay.is_complete and all(
        one.running.is_correct and one.running.is_complete for one in replay.flows if one.running
    )


def test_flows_of_few_packets_share_a_home_address_and_move_together() -> None:
    world = office("8:cell0@4.31", min_packets=5)
    replay = played(world).finish()
    few = {7, 8, 11, 12, 14, 15}
    assert {flow.home_address for flow in replay.flows if flow.id in few} == {replay.flow(7).home_address}
    pairs = [(flow.home_address, flow.cn) for flow in replay.flows if flow.id not in few]
    assert len(set(pairs)) == len(pairs), "every other flow has a binding of its own"
    assert set(replay.moves[0].together) == few
    used = roads(world)
    assert all(used[number] == {"cell0"} for number in (11, 12, 14, 15)), "they begin after the handover"
    assert all(used[flow.id] == {"wlan0"} for flow in replay.flows if flow.id not in few) and replay.is_complete


def test_in_tunnel_mode_a_flow_moves_by_its_home_binding() -> None:
    world = office("6:cell0@5", mode="tunnel")
    replay = played(world).finish()
    flow = replay.flow(6)
    assert flow.home_address is not None
    bound_ns = acknowledged_ns(world, "HA", flow.home_address, replay.start_s + 5)
    ever, after = roads(world), roads(world, bound_ns)
    assert after[6] == {"cell0"} and all(ever[other] == {"wlan0"} for other in ever if other != 6)
    assert replay.is_complete


@pytest.mark.parametrize("mode", ["tunnel", "triangular"])
def test_every_octet_arrives_in_the_other_modes(mode: str) -> None:
    assert played(office("6:cell0@5", "6:wlan0@8", mode=mode)).finish().is_complete


def test_figure_1_moves_all_flows_to_a_correspondent() -> None:
    world = mf.figure1(traffic=OFFICE, replay={"handovers": ["6:cell0@5"]})
    replay = played(world).finish()
    assert set(replay.moves[0].together) == {1, 2, 3, 5, 6, 13} == {f.id for f in replay.flows if f.cn is world.cn1}
    assert len(world.mn.home_addresses) == 1 and replay.is_complete


def test_there_and_back_over_a_bad_access_link() -> None:
    links = {"cell0": mf.Link(delay_ms=60, rate_bps=3_000_000, loss=0.02, jitter_ms=10)}
    options = {"handovers": [(6, "cell0", 4.0), (6, "wlan0", 7.0), (6, "cell0", 9.5)]}
    world = mf.figure2(seed=3, traffic=OFFICE, links=links, replay=options)
    replay = played(world).finish()
    assert replay.is_complete and [move.interface for move in replay.moves] == ["cell0", "wlan0", "cell0"]
    assert replay.flow(6).stats.down.lost > 0


# --- time zero


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_time_zero_is_when_the_last_flow_is_bound(mode: str) -> None:
    world = office(mode=mode)
    replay = played(world)
    assert world.now == world.start_s == replay.start_s and replay.duration_s == pytest.approx(16.437622)
    entries = [entry for entry in world.mn.binding_updates if entry.home_registration or mode == "route_optimisation"]
    assert entries and all(entry.registered for entry in entries)
    last = max(change.t_ns for change in world.trace.changes() if change.node == "MN")
    assert last / 1e9 == world.start_s
    assert all(flow.stats.up.sent == flow.stats.down.sent == 0 for flow in replay.flows), "nothing was sent before"


def test_run_plays_from_time_zero_at_the_recorded_times() -> None:
    world = office()
    replay = played(world)
    world.run(10)
    call = replay.recording.flows[1].app.script
    zero = round(world.start_s * 1e9)
    made = sorted({
        hop.packet.innermost().sent_ns - zero
        for hop in world.trace
        if hop.packet.innermost().label == 2 and isinstance(hop.packet.innermost().payload, UDP)
    })  # fmt: skip
    expected = [step.at_ns for step in call if step.upward and step.at_ns <= 10_000_000_000]  # type: ignore[union-attr]
    assert made == expected
    assert replay.flow(14).stats.up.sent == 0 and not replay.is_complete
    assert replay.finish().is_complete and replay.flow(14).stats.up.sent == 1


def test_a_run_repeats_itself_whatever_the_hash_seed() -> None:
    program = (
        "import mipflow as mf\n"
        f"world = mf.figure2(seed=5, traffic={str(OFFICE)!r}, replay={{'handovers': ['6:cell0@5']}})\n"
        "world.replay.finish(); print(world.trace.digest())"
    )
    digests = {
        subprocess.check_output([sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_what_cannot_be_bound_is_said_and_not_waited_for_for_ever(tmp_path: Path) -> None:
    world = mf.figure2(seed=1)
    world.network.segments["cn2"].set_up(False)
    frames: list[Frame] = [(0, udp(LAPTOP, 1, WEB, 2)), (1, udp(LAPTOP, 3, MEDIA, 4))]
    notes = replay(world, write(tmp_path / "x.pcap", frames), min_packets=0).notes
    assert "flow 2 has no binding at CN2: its packets go through the home agent" in notes and world.now < 100
    world = mf.figure2(seed=1)
    others = Host(world.network, "Others")
    interface = others.settle(world.network.segments["home"], 0x11)
    for identifier in (0x12, 0x13):
        interface.add_address(HOME.address(identifier))
    frames = [(0, udp(LAPTOP, 1, WEB, 2)), (1, udp(LAPTOP, 3, WEB, 4))]
    notes = replay(world, write(tmp_path / "x.pcap", frames), min_packets=0).notes
    assert "flow 2 got no home address: its packets are not sent" in notes and world.now < 100


def test_a_world_without_a_way_to_the_home_agent_is_refused(tmp_path: Path) -> None:
    world = mf.figure2()
    world.network.segments["home"].set_up(False)
    world.network.segments["Internet-HA"].set_up(False)
    with pytest.raises(TopologyError, match="no home registration after 60 s"):
        replay(world, OFFICE)


# --- silence: a replayed flow ends when its last recorded packet has arrived, not before


def silent(kind: str, gap_s: float) -> list[Frame]:
    """Build three exchanges with silence between them."""
    frames: list[Frame] = []
    for k in range(3):
        if kind == "UDP":
            both = udp(LAPTOP, 4000, WEB, 123, 48), udp(WEB, 123, LAPTOP, 4000, 48)
        else:
            both = ping(LAPTOP, WEB, 7, k), ping(WEB, LAPTOP, 7, k, reply=True)
        frames += [(k * gap_s * 1000, both[0]), (k * gap_s * 1000 + 50, both[1])]
    return frames


def endings(world: World) -> list[tuple[float, str]]:
    """Return when flows have ended, in seconds after time zero, and why."""
    ended = [one for one in world.trace.decisions() if one.what == "flow ended"]
    return [(one.t_ns / 1e9 - world.start_s, one.why) for one in ended]


@pytest.mark.parametrize(
    ("kind", "gap_s", "idle_s"),
    [("UDP", 400, 300), ("UDP", 300, 300), ("UDP", 299.99, 300), ("UDP", 3599, 300), ("ICMPv6", 70, 60)],
)
def test_a_silent_flow_is_the_same_flow_until_its_last_packet_and_then_it_ends(
    tmp_path: Path, kind: str, gap_s: float, idle_s: float
) -> None:
    at_s = [gap_s - 1, gap_s + 0.5, gap_s * 2 + 0.05]
    moves = [(1, interface, at) for interface, at in zip(("cell0", "wlan0", "cell0"), at_s, strict=True)]
    world = small(tmp_path, silent(kind, gap_s), handovers=moves)
    replay_ = played(world).finish()
    (flow,) = world.flows()
    assert flow.is_open and len(world.mn.flows) == 1 and endings(world) == []
    figures = [(meter.sent, meter.received, meter.lost) for meter in (flow.stats.up, flow.stats.down)]
    assert figures == [(3, 3, 0)] * 2 and replay_.is_complete
    assert [move.together for move in replay_.moves] == [(1,)] * 3 and flow.interface == "cell0"
    world.run(idle_s + 5)
    ((ended_s, why),) = endings(world)
    assert ended_s == pytest.approx(2 * gap_s + 0.05 + idle_s, abs=0.2) and "it has carried nothing" in why
    assert not flow.is_open and len(world.mn.flows) == 0


SILENCES_S = st.sampled_from([0.05, 59.9, 60, 61, 299, 300, 301, 700])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["UDP", "ping"]), st.lists(SILENCES_S, max_size=3)), min_size=1, max_size=3))
def test_every_packet_counts_for_its_flow_however_long_it_is_silent(flows: list[tuple[str, list[float]]]) -> None:
    frames: list[Frame] = []
    for number, (kind, silences_s) in enumerate(flows):
        at_s = 0.0
        for k, silence_s in enumerate([0, *silences_s]):
            at_s += silence_s
            one = udp(LAPTOP, 4000 + number, WEB, 53) if kind == "UDP" else ping(LAPTOP, WEB, 4000 + number, k)
            frames.append((at_s * 1000, one))
    frames.sort(key=lambda frame: frame[0])
    with TemporaryDirectory() as folder:
        path = write(Path(folder) / "x.pcap", frames)
        world = mf.figure2(traffic=path, trace="off", replay={"min_packets": 0})
    replay_ = played(world).finish()
    assert replay_.is_complete and world.mn.stack.new.next_id() == len(flows) + 1, "no packet began another flow"
    sent = {flow.conversation.local_port: flow.stats.up.received for flow in world.flows()}
    assert sent == {4000 + number: 1 + len(silences_s) for number, (_, silences_s) in enumerate(flows)}


def test_time_wait_does_not_end_a_connection_that_is_still_recorded(tmp_path: Path) -> None:
    """Both ends close at once, and repeat themselves ten minutes later."""
    connection = Connection()
    late = [
        (600_000.0, connection.segment(False, 0, ack=1, flags="F")),
        (600_001.0, connection.segment(True, 1, ack=1)),
    ]
    closing = [
        (40.0, connection.segment(True, 0, ack=0, flags="F")),
        (60.0, connection.segment(False, 0, ack=1, flags="F")),
        (61.0, connection.segment(True, 1, ack=1)),
    ]
    frames: list[Frame] = [*connection.handshake(0), *closing, *late]
    world = small(tmp_path, frames, handovers=["1:cell0@500", "1:wlan0@600.001"])
    replay_ = played(world).finish()
    assert [move.together for move in replay_.moves] == [(1,), (1,)] and replay_.is_complete
    world.run(1)
    assert [why for _, why in endings(world)] == ["flow 1: its TCP connection has ended, and TIME-WAIT is over"]


def test_a_connection_is_silent_for_longer_than_a_middlebox_waits(tmp_path: Path) -> None:
    connection, day = Connection(), {"silence_s": 86_400}
    frames = [*connection.handshake(0), (30, connection.segment(True, 0, b"before"))]
    frames += [(9_000_000, connection.segment(False, 0, b"after", 6)), (9_000_001, connection.segment(True, 6, ack=5))]
    world = small(tmp_path, frames, handovers=["1:cell0@8500"], **day)
    assert played(world).finish().is_complete and world.flows()[0].interface == "cell0"
    assert played(small(tmp_path, frames, silence_s=5)).duration_s == pytest.approx(5.031)


def test_flows_that_rules_make_one_last_as_long_as_the_longest(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('{"rules": [{"name": "all", "priority": 10, "flow": "all", "protocol": "UDP"}]}', encoding="utf-8")
    frames = [*silent("UDP", 400), (3, udp(LAPTOP, 4001, WEB, 53)), (4, udp(LAPTOP, 4001, WEB, 53))]
    path = write(tmp_path / "x.pcap", sorted(frames, key=lambda frame: frame[0]))
    world = mf.figure2(traffic=path, operator=rules, replay={"handovers": ["1:cell0@750"], "min_packets": 0})
    played(world).finish()
    assert len(world.mn.flows) == 1 and endings(world) == [] and world.flows()[0].interface == "cell0"


def test_a_recorded_pause_is_no_standstill(tmp_path: Path) -> None:
    """A hundred answers that each wait for a request take longer here than in the capture; then comes a pause."""
    connection, frames = Connection(), Connection().handshake(0, 1, 0)
    for k in range(100):
        frames.append((2 + k, connection.segment(True, k, b"q", k)))
        frames.append((2.5 + k, connection.segment(False, k, b"a", k + 1)))
    frames.append((95_000, connection.segment(True, 100, b"late", 100)))
    frames.append((95_001, connection.segment(True, 104, ack=100, flags="F")))
    frames.append((190_000, connection.segment(False, 100, b"later", 105)))
    links = {"cn1": mf.Link(delay_ms=800)}
    world = mf.figure2(traffic=write(tmp_path / "x.pcap", frames), links=links)
    replay_ = played(world).finish()
    assert world.now - replay_.start_s > 190 + 70 and replay_.is_complete


# --- correspondents and ports


def test_remote_hosts_share_the_correspondents_and_it_is_said(tmp_path: Path) -> None:
    frames: list[Frame] = [(k, udp(LAPTOP, 5000 + k, to, 53)) for k, to in enumerate((MEDIA, WEB, OTHER, MEDIA))]
    world = small(tmp_path, frames)
    assert [flow.cn.name for flow in world.flows()] == ["CN1", "CN2", "CN1", "CN1"]
    assert f"CN1 stands for {MEDIA} and {OTHER}" in played(world).notes
    wide = small(tmp_path, frames, cns=3)
    assert [flow.cn.name for flow in wide.flows()] == ["CN1", "CN2", "CN3", "CN1"]
    places = [wide.network.graph.nodes[cn.name] for cn in wide.cns]
    assert all(one["y"] > other["y"] for one, other in pairwise(places)) and str(wide.cns[2].address) == "2001:db8:c::8"
    assert [flow.cn.name for flow in small(tmp_path, frames, cns=1).flows()] == ["CN1"] * 4


def test_ports_change_where_they_collide_and_it_is_said(tmp_path: Path) -> None:
    first, again = Connection(isn=(1, 2)), Connection(isn=(3, 4))
    frames: list[Frame] = [
        (0, udp(LAPTOP, 5353, MEDIA, 53)),
        (1, udp(LAPTOP, 5353, WEB, 53)),
        (2, ping(LAPTOP, MEDIA, 9, 1)),
        (3, ping(LAPTOP, WEB, 9, 1)),
        *first.handshake(10),
        (50, first.segment(True, 0, b"one")),
        *again.handshake(100),
        (150, again.segment(True, 0, b"two")),
        (200, udp(LAPTOP, 65535, MEDIA, 65535)),
    ]
    world = small(tmp_path, frames, cns=1, min_packets=0)
    notes = played(world).notes
    assert "flow 2 has UDP ports 49152 > 53: 5353 > 53 would collide" in notes
    assert "flow 4 has ICMPv6 ports 49152 > 49152: 9 > 9 would collide" in notes
    assert "flow 6 has TCP ports 49152 > 80: 40000 > 80 would collide" in notes
    replay = played(world).finish()
    assert replay.is_complete and [flow.stats.up.received for flow in replay.flows][:4] == [1, 1, 1, 1]


def test_a_port_of_0_that_was_recorded_becomes_one_that_there_is(tmp_path: Path) -> None:
    frames: list[Frame] = [(0, udp(LAPTOP, 0, MEDIA, 53)), (1, udp(LAPTOP, 5000, WEB, 0)), (2, ping(LAPTOP, WEB, 0, 1))]
    world = small(tmp_path, frames, min_packets=0)
    replay_ = played(world).finish()
    assert "flow 1 has UDP ports 49152 > 53: 0 > 53 has none" in replay_.notes
    assert "flow 2 has UDP ports 5000 > 49152: 5000 > 0 has none" in replay_.notes
    assert [flow.stats.up.received for flow in replay_.flows] == [1, 1, 1]


def test_a_replay_beside_other_flows(tmp_path: Path) -> None:
    world = mf.figure2()
    call = world.mn.open(world.cn1, mf.apps.Voice(), local_port=5000, remote_port=53)
    path = write(tmp_path / "x.pcap", [(0, udp(LAPTOP, 5000, MEDIA, 53)), (50, udp(LAPTOP, 1, WEB, 2))])
    replay_ = replay(world, path, handovers=[(1, "cell0", 0)])
    assert "flow 1 has UDP ports 5000 > 49152: 5000 > 53 would collide" in replay_.notes
    replay_.finish()
    assert [flow.id for flow in replay_.flows] == [2, 3] and replay_.flow(1).interface == "cell0"
    assert replay_.is_complete and call.interface == "wlan0" and call.stats.up.lost < 50


def test_fragments_offload_and_loss_reach_the_other_end(tmp_path: Path) -> None:
    connection = Connection()
    frames: list[Frame] = [
        (0, udp(LAPTOP, 1, MEDIA, 2, 5000)),
        *connection.handshake(5),
        (40, connection.segment(True, 0, bytes(range(256)) * 200)),
        (90, connection.segment(False, 10_000, b"late", 51_200)),
    ]
    world = small(tmp_path, frames)
    replay_ = played(world).finish()
    assert replay_.is_complete and replay_.flow(1).stats.up.received == 1
    assert max(packet.size for packet in world.trace.packets) <= 1500


def burst(packets: int, down: bool = False) -> list[Frame]:
    """Build more than a link carries at once: full packets ten microseconds apart."""
    ends = (MEDIA, 5000, LAPTOP, 4000) if down else (LAPTOP, 4000, MEDIA, 5000)
    return [(0, udp(LAPTOP, 4000, MEDIA, 5000)), *((1 + k / 100, udp(*ends, 1400)) for k in range(packets))]


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize(("move", "loss"), [((), 0.0), ([(1, "cell0", 0.005)], 0.0), ([(1, "cell0", 0.005)], 0.02)])
def test_a_replay_ends_when_every_packet_has_come_or_is_lost(
    tmp_path: Path, down: bool, move: Sequence[tuple[int, str, float]], loss: float
) -> None:
    links = {name: mf.Link(delay_ms=30, rate_bps=3_000_000, loss=loss) for name in ACCESS}
    path = write(tmp_path / "x.pcap", burst(800, down))
    world = mf.figure2(seed=7, traffic=path, links=links, replay={"handovers": move})
    (flow,) = played(world).finish().flows
    meters = flow.stats
    assert [meter.sent for meter in meters] == ([1, 800] if down else [801, 0])
    assert [meter.in_flight for meter in meters] == [0, 0]
    assert all(meter.lost == meter.lost_why.total() for meter in meters) and (move or not meters.up.lost)
    came = sum(meter.received for meter in meters)
    assert flow.running is not None and flow.running.received_bytes in (1400 * came, 1400 * came - 1390)


def test_what_never_comes_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """One packet is swallowed, and nothing counts it."""
    world = small(tmp_path, burst(3))
    played(world).flow(1).stats.up.sent += 1
    replay_ = played(world).finish()
    assert replay_.is_complete and not replay_.is_quiet and 60 < world.now - world.start_s < 70
    assert replay_.flow(1).stats.up.in_flight == 1


# --- bad input


@pytest.mark.parametrize(
    ("handover", "says"),
    [
        ("99:cell0@5", "there is no flow 99; office.pcap has flows 1 to 16"),
        ("0:cell0@5", "there is no flow 0"),
        ("6:eth0@5", "no interface 'eth0'; expected one of wlan0, cell0"),
        ("6:cell0@1", "flow 6 does not exist yet at 1 s; give a time from 2.936 to 12.159 s"),
        ("6:cell0@13", "flow 6 has ended at 13 s"),
        ("6:cell0@-1", "flow 6 does not exist yet at -1 s"),
        ("6:cell0@nan", "expected FLOW:INTERFACE@SECONDS"),
        ("6:cell0@inf", "expected FLOW:INTERFACE@SECONDS"),
        ("cell0@5", "expected FLOW:INTERFACE@SECONDS"),
        ("6:@5", "expected FLOW:INTERFACE@SECONDS"),
        ("6:cell0", "expected FLOW:INTERFACE@SECONDS"),
        ("", "expected FLOW:INTERFACE@SECONDS"),
    ],
)  # fmt: skip
def test_a_handover_that_cannot_be_is_one_line_before_anything_runs(handover: str, says: str) -> None:
    world = mf.figure2()
    with pytest.raises(ProtocolMisuse) as caught:
        replay(world, OFFICE, handovers=[handover])
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert world.now == 0 and world.flows() == [] and world.replay is None


def test_a_handover_can_be_asked_for_later_but_not_for_the_past() -> None:
    world = office()
    replay = played(world)
    world.run(5)
    replay.handover(6, "cell0", 6.0)
    with pytest.raises(ProtocolMisuse, match=r"handover at 4 s is in the past; it is 5\.000 s now"):
        replay.handover(6, "cell0", 4.0)
    with pytest.raises(ProtocolMisuse, match="no flow 17"):
        replay.flow(17)
    world.run(2)
    assert [move.flow.id for move in replay.moves] == [6] and replay.flow(6).interface == "cell0"


@pytest.mark.parametrize("cns", [0, 65])
def test_a_number_of_correspondents_that_cannot_be(cns: int) -> None:
    with pytest.raises(ProtocolMisuse, match=f"cns={cns}"):
        mf.figure2(traffic=OFFICE, cns=cns)
    with pytest.raises(ProtocolMisuse, match=r"cns=3; expected 1 to 2, or a world of figure2\(cns=3\)"):
        replay(mf.figure2(), OFFICE, cns=3)


def test_a_bad_capture_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no usable flow"):
        small(tmp_path, [])


def test_a_link_of_a_further_correspondent() -> None:
    world = mf.figure2(cns=4, links={"cn4": mf.Link(delay_ms=99)})
    assert world.network.segments["cn4"].link.delay_ms == 99
    with pytest.raises(TopologyError, match="no link 'cn4'"):
        mf.figure2(cns=3, links={"cn4": mf.Link()})


def test_a_replay_that_stands_still_is_not_waited_for_for_ever() -> None:
    world = office()
    replay = played(world)
    world.run(5)
    for name in ACCESS:
        world.network.segments[name].set_up(False)
    replay.finish()
    assert not replay.is_complete and world.now - world.start_s < 16.5 + 70


def test_many_flows_are_bound_as_fast_as_the_update_rate_allows(tmp_path: Path) -> None:
    frames: list[Frame] = [(k, udp(LAPTOP, 1000 + k, MEDIA, 53)) for k in range(60)]
    world = small(tmp_path, frames, min_packets=0)
    assert len(world.mn.home_addresses) == 60 and world.now < 60 / 3 + 5
    assert list(world.trace.drops()) == [] and played(world).finish().is_complete
