"""A world: time, names, what it refuses; one change touches only what it touches."""

from __future__ import annotations

import copy
import gc
import pickle
from array import array
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from itertools import product
from types import FunctionType, ModuleType
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import DatasetError, MipflowError, ProtocolMisuse
from mipflow.flow.applications.flows import Flow
from mipflow.flow.learner.guard import Guarded
from mipflow.flow.policy.rules import Rule, RuleSet
from mipflow.flow.redirector import AssignmentRules
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.lab.replay.play import play
from mipflow.lab.replay.replay import Replay
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_cache import BindingCache
from mipflow.mip6.bindings.binding_update_list import BindingUpdateList
from mipflow.node.applications.application import Ends, Running
from mipflow.node.applications.apps import Voice
from mipflow.node.interface import Interface
from mipflow.node.node import Node
from mipflow.sim.clock import NS_PER_S, Clock, Timer, Unique
from mipflow.sim.link import Channel, Link, Segment
from mipflow.sim.meter import Meter
from mipflow.sim.network import Network
from mipflow.sim.port import BytePort
from mipflow.sim.trace import LOST, Trace
from mipflow.wire.packet import Packet
from tests.lab.frames import OFFICE


def small(**keywords: object) -> World:
    world = mf.figure2(seed=7, **keywords)
    world.mn.open(world.cn1, mf.apps.Voice())
    video = world.mn.open(world.cn1, mf.apps.Video())
    world.run(6)
    world.mn.handover(video, "cell0")
    return world.run(3)


def test_time_passes_as_asked() -> None:
    world = mf.figure2()
    assert world.now == 0 and len(world.trace) == 0 and list(world.ha.bindings) == []
    assert world.run(1.5) is world and world.now == 1.5
    world.run(0)
    assert world.now == 1.5
    with pytest.raises(ProtocolMisuse, match=r"run\(-1\)") as caught:
        world.run(-1)
    assert caught.value.value == -1
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(MipflowError):
            world.run(wrong)


def test_runs_add_up() -> None:
    """A run in one go and in many pieces is the same run."""
    one, many = mf.figure2(seed=3), mf.figure2(seed=3)
    for world in (one, many):
        world.mn.open(world.cn1, mf.apps.Video())
    one.run(6)
    for _ in range(60):
        many.run(0.1)
    assert one.trace.digest() == many.trace.digest()


@dataclass(frozen=True, slots=True)
class Impatient(Voice):
    """Make a call whose application does something half a second after it began."""

    attempt: Callable[[], None] = print

    def start(self, ends: Ends) -> Running:
        ends.clock.after(NS_PER_S // 2, lambda _: self.attempt())
        return Voice.start(self, ends)


def disturbed(where: str, attempt: Callable[[World], None]) -> World:
    """Run a world that calls `attempt` after half a second: from an event, an application, a tap, a route."""
    world = mf.figure2(seed=3, traffic=OFFICE, replay={"min_packets": 100})
    clock, segment, tried = world.network.clock, world.network.segments["cn1"], []

    def once() -> None:
        if clock.now >= half_way and not tried:
            tried.append(True)
            attempt(world)

    half_way = clock.now + NS_PER_S // 2
    call = Impatient(attempt=once) if where == "application" else Impatient(attempt=bool)
    world.mn.open(world.cn1, call)
    clock.at(half_way, lambda _: once() if where == "event" else None)
    segment.tap(lambda packet, now: once() if where == "tap" else None)
    world.network.on_change(lambda: once() if where == "route" else None)
    clock.at(half_way, lambda _: segment.set_up(True))
    return world


PLACES = ("event", "application", "tap", "route")


@pytest.mark.parametrize("where", PLACES)
def test_a_run_inside_a_run_is_refused_and_the_outer_one_ends_when_it_should(where: str) -> None:
    """The world goes on as if nobody had tried; every call that lets time pass counts."""
    refused: list[ProtocolMisuse] = []

    def attempt(world: World) -> None:
        replay = world.replay
        assert replay is not None
        network, port = world.network, BytePort(world.network, world.network.segments["cn1"], "outside")
        for run in (
            lambda: world.run(0), lambda: world.run(5), lambda: network.run_until(network.clock.now),
            lambda: network.clock.run_until(10**12), lambda: replay.run(1), replay.finish,
            lambda: play(world, replay.recording), lambda: port.receive_octets(bytes(40), 10**12),
            lambda: port.poll(10**12),
        ):  # fmt: skip
            with pytest.raises(ProtocolMisuse, match=r"^the clock cannot run .*; return first, and do it") as one:
                run()
            refused.append(one.value)

    def quiet(world: World) -> None:
        BytePort(world.network, world.network.segments["cn1"], "outside")

    ends = []
    for each in (attempt, quiet):
        world = disturbed(where, each)
        start, flows = world.now, len(world.flows())
        world.run(1)
        assert world.now == start + 1 and len(world.flows()) == flows
        ends.append(world.run(1).trace.digest())
    assert len(refused) == 9 and ends[0] == ends[1]


@pytest.mark.parametrize("where", PLACES)
def test_a_run_inside_a_run_that_nobody_catches_ends_the_outer_one_and_the_world_goes_on(where: str) -> None:
    world = disturbed(where, lambda world: print(world.run(1)))
    start = world.now
    with pytest.raises(ProtocolMisuse, match="it runs already"):
        world.run(3)
    assert start + 0.5 <= world.now < start + 0.6
    assert world.run(1).now < start + 1.6 and world.flows()[-1].stats.down.received > 10


# --- there is one of each ---------------------------------------------------------------------------------------------

WAYS: dict[str, Callable[[Any], Any]] = {
    "copied": copy.copy, "copied deeply": copy.deepcopy, "pickled": lambda part: pickle.loads(pickle.dumps(part)),
}  # fmt: skip


def parts(root: object, without: Collection[int] = ()) -> dict[int, object]:
    """Return all that can be reached from an object, through the variables of functions too, but not `without` ids."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if id(part) not in seen and id(part) not in without and not isinstance(part, type | ModuleType | Enum):
            seen[id(part)] = part
            cells = (part.__closure__ or ()) if isinstance(part, FunctionType) else None
            waiting += gc.get_referents(part) if cells is None else [cell.cell_contents for cell in cells]
    return seen


def busy() -> World:
    """Make a world with something of everything, much of it under way."""
    rules = RuleSet((Rule("calls", 1, network="wlan0", remote_ports=(5004, 5004)),))
    world = mf.figure2(
        seed=7, traffic=OFFICE, replay={"min_packets": 50}, pool=1, home_agents=2, security=True, operator=rules,
        allocate="dhcpv6", policy_server=True, advertisements=(1, 3),
    )  # fmt: skip
    for cn, app in product(world.cns, (mf.apps.Voice(), mf.apps.FileTransfer(), mf.apps.Echo())):
        world.mn.open(cn, app)
    BytePort(world.network, world.network.segments["cn1"], "outside")
    return world.run(2.005)


@pytest.mark.slow
def test_a_world_and_its_parts_are_refused_or_copied_for_good() -> None:
    """A copy has nothing in common with the world that could change; a refusal is one line."""
    world, untouched = busy(), busy()
    everything = parts(world)
    own = {type(part): part for part in everything.values() if type(part).__module__.startswith("mipflow.")}
    assert len(own) > 100 and {World, Clock, Timer, Channel, Flow, Trace, BindingCache, Packet} <= set(own)
    refused: set[type] = set()
    for kind in (AssignmentRules, Guarded):  # hold a function that was put in, which Python copies by reference
        own.pop(kind, None)
    for kind, part in own.items():
        for way, make in WAYS.items():
            try:
                made = make(part)
            except ProtocolMisuse as error:
                assert str(error).startswith("a running world and its parts, such as this ") and "\n" not in str(error)
                refused.add(kind)
                continue
            if way != "copied":
                shared = [each for number, each in parts(made).items() if number in everything]
                changing = Unique | Node | list | dict | set | bytearray | array
                mutable = [each for each in shared if isinstance(each, changing)]
                assert mutable == [], (kind, way)
    kept = {Meter, Packet, mf.Link, mf.apps.Voice}
    assert not kept & refused and kept <= set(own)
    assert {Trace, BindingCache, BindingUpdateList, HomeAddressTable, FlowMappingTable, FlowMappingEntry} <= refused
    assert {World, Replay, Network, Clock, Timer, Segment, Channel, Interface, Flow, BytePort} <= refused
    assert {type(world.mn), type(world.ha), type(world.cn1), type(world.internet)} <= refused
    assert world.run(1).trace.digest() == untouched.run(1).trace.digest()


HELD: dict[str, Callable[[World], object]] = {
    "flows": lambda w: w.mn.flows, "a flow": lambda w: w.mn.flows[1], "its owner's": lambda w: w.flows()[0],
    "home addresses": lambda w: w.mn.home_addresses, "one": lambda w: next(iter(w.mn.home_addresses)),
    "binding updates": lambda w: w.mn.binding_updates, "a binding update": lambda w: next(iter(w.mn.binding_updates)),
    "bindings": lambda w: w.ha.bindings, "a binding": lambda w: next(iter(w.cn1.bindings)),
    "what runs": lambda w: w.flows()[0].running, "trace": lambda w: w.trace,
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_no_part_that_a_learner_holds_is_copied(way: str) -> None:
    """A shallow copy shared its dictionaries: what was taken out of it was gone from the original."""
    world, calm = small(), small()
    for name, part in HELD.items():
        with pytest.raises(ProtocolMisuse, match=r"this \w+, cannot be copied or pickled; make another with"):
            print(name, WAYS[way](part(world)))
    assert world.run(1).trace.digest() == calm.run(1).trace.digest()


def test_names_flows_handovers_and_hops() -> None:
    world = small()
    names = world.names()
    assert {names[f.home_address] for f in world.flows()} == {"H@1", "H@2"}  # type: ignore[index]
    assert names[world.cn1.address] == "CN1" and names[world.ha.home_agent_address] == "HA"
    assert names[world.mn.care_of_address("cell0")] == "cellular address"
    assert world.flow_names() == {1: "call", 2: "video"}
    world.mn.open(world.cn2, mf.apps.Voice())
    assert world.flow_names()[3] == "call 2"
    assert world.handovers_s() == [6.0]
    assert world.hops == len(world.trace)


def test_hops_count_without_a_trace_too() -> None:
    assert small(trace="off").hops == small().hops
    assert len(small(trace="off").trace) == 0 < len(small(trace="control").trace) < len(small().trace)


def test_one_change_touches_only_what_it_touches() -> None:
    """The call over a lossy WLAN loses the same packets whatever the loss on the cellular link of the video is."""

    def run(loss: float) -> tuple[list[int], list[int]]:
        wlan = Link(delay_ms=5, rate_bps=None, loss=0.05, jitter_ms=2)
        cell = Link(delay_ms=35, rate_bps=None, loss=loss)
        quick = {
            name: Link(delay_ms=5, rate_bps=None)
            for name in ("AR2-Internet", "AR3-Internet", "Internet-HA", "cn1", "cn2")
        }
        world = mf.figure2(seed=5, links={"wlan0": wlan, "cell0": cell, **quick})
        call = world.mn.open(world.cn1, mf.apps.Voice(start_s=10))
        video = world.mn.open(world.cn2, mf.apps.Video(start_s=10))
        world.run(8)
        world.mn.handover(video, "cell0")
        world.run(12)
        both: list[list[int]] = []
        for flow in (call, video):
            hops = (h for h in world.trace if h.packet.innermost().flow == flow.id and h.arrived_ns == LOST)
            both.append([hop.sent_ns for hop in hops])
        return both[0], both[1]

    calm, rough = run(0.01), run(0.2)
    assert calm[0] == rough[0] and len(calm[0]) > 10
    assert len(calm[1]) < len(rough[1])


def test_a_span_must_be_one(tmp_path) -> None:  # type: ignore[no-untyped-def]
    world = small()
    with pytest.raises(ProtocolMisuse, match="is no span of time"):
        world.ladder(3, 2)
    with pytest.raises(ProtocolMisuse, match="no node 'R9'"):
        world.pcap(tmp_path / "x.pcap", node="R9")
    assert not (tmp_path / "x.pcap").exists(), "nothing half-written"
    with pytest.raises(DatasetError):
        world.pcap(tmp_path / "no such folder" / "x.pcap")


def test_what_a_node_saw_is_written_in_the_order_of_time(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from mipflow.wire.captures import capture

    world = small(trace="control")
    everything, at_mn = world.pcap(tmp_path / "all.pcap"), world.pcap(tmp_path / "mn.pcap", node="MN")
    assert everything == len(world.trace) > at_mn > 0
    expected = sum("MN" in (hop.channel.sender, hop.channel.receiver) for hop in world.trace)
    assert at_mn == expected
    assert capture is not None


@pytest.mark.parametrize("view", ["animate", "ladder", "timeline"])
def test_nothing_has_run_yet(view: str) -> None:
    with pytest.raises(ProtocolMisuse, match=r"nothing has run yet: world\.run\(10\) first"):
        getattr(mf.figure2(), view)()


def test_tables_mark_what_has_changed_since_the_last_look() -> None:
    world = mf.figure2(seed=7)
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(4)
    assert "since" not in world.tables().rows()[0], "the first look"
    world.mn.handover(flow, "cell0")
    world.run(1)
    moved = [(row["node"], row["since"]) for row in world.tables().rows() if row["table"] == "binding cache"]
    assert moved == [("CN1", "changed"), ("HA", "")]
    assert not any(row["since"] for row in world.tables().rows()), "nothing since"
    assert any(row["since"] == "new" for row in world.tables(at=4, since=0).rows())
    assert "since" not in world.tables(at=1).rows()[0], "an earlier moment than that of the last look"
    with pytest.raises(ProtocolMisuse, match=r"since=5 is after 3 s"):
        world.tables(at=3, since=5)
    with pytest.raises(ProtocolMisuse, match=r"since=9 has not come: it is 5 s"):
        world.tables(since=9)


def test_a_packet_and_the_film_call_a_router_the_same(world: World) -> None:
    number = next(hop.number for hop in world.trace if hop.channel.receiver == "AR2")
    assert "to WLAN router (" in world.inspect(number).describe()
    assert "WLAN" in str(world.animate(0, 1).bundles()) and "AR2" not in world.animate(0, 1).describe()
