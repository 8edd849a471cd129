"""The fork of a world: equal to it, independent of it, refused where that cannot be."""

from __future__ import annotations

import gc
import weakref
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import is_dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.endings import IDLE_NS
from mipflow.lab.forking import copier
from mipflow.lab.forking.fork import fork
from mipflow.lab.plain import plain_hosts
from mipflow.lab.views import WORLDS
from mipflow.lab.world import World
from mipflow.node.node import Node
from mipflow.sim.clock import NS_PER_MS, NS_PER_S, Unique
from mipflow.sim.network import Network, Stream
from mipflow.sim.trace import Record
from mipflow.wire.packet import Packet
from tests.benchmarks.growth import crowd
from tests.lab.frames import OFFICE
from tests.lab.test_world import parts
from tests.random_worlds.difference import difference, script
from tests.random_worlds.drawing import specs
from tests.random_worlds.worlds import LOOKING, Play, Spec, told
from tests.recorded.record import FILE, lines
from tests.recorded.scenarios import SCENARIOS

LOSSY = {"wlan0": mf.Link(delay_ms=5, rate_bps=2_000_000, loss=0.05, jitter_ms=3, duplication=0.02)}


def moving(**keywords: Any) -> World:
    """Make a world in the middle of a handover, with TCP under way."""
    world = mf.figure2(seed=7, **keywords)
    world.mn.open(world.cn1, mf.apps.Voice())
    video = world.mn.open(world.cn1, mf.apps.Video())
    world.mn.open(world.cn2, mf.apps.FileTransfer(400_000, "down"))
    world.run(4)
    world.mn.handover(video, "cell0")
    return world.run(0.03)


# --- equal and independent --------------------------------------------------------------------------------------------


def test_a_fork_goes_on_exactly_as_its_world() -> None:
    world, alone = moving(), moving()
    other = world.fork()
    assert type(other) is World and other.trace.digest() == world.trace.digest() == alone.trace.digest()
    assert (other.now, other.hops, other.flow_names(), other.names()) == (
        world.now, world.hops, world.flow_names(), world.names())  # fmt: skip
    for each in (world, other, alone):
        each.run(3)
    assert other.trace.digest() == world.trace.digest() == alone.trace.digest()
    assert other.mn.flows[2].interface == "cell0" and other.hops == world.hops > 1000
    for one, twin in zip(world.flows(), other.flows(), strict=True):
        assert one is not twin and one.stats.down.received == twin.stats.down.received > 0


def test_variants_from_one_world_are_those_of_worlds_made_for_each() -> None:
    def variant(world: World, name: str) -> str:
        if name == "back":
            world.mn.handover(world.flows()[1], "wlan0")
        elif name == "all":
            world.mn.handover_all("cell0")
        elif name == "close":
            world.mn.close(world.flows()[0])
        elif name == "fails":
            world.mn.interface("cell0").set_up(False)
        elif name == "slow":
            world.network.segments["wlan0"].configure(LOSSY["wlan0"])
        return world.run(2).trace.digest()

    names = ("back", "all", "close", "fails", "slow", "nothing")
    world = moving()
    found = [variant(world.fork(), name) for name in names]
    assert found == [variant(moving(), name) for name in names] and len(set(found)) == len(names)
    assert variant(world, "nothing") == found[-1]


def test_whichever_runs_first_the_other_is_as_if_never_forked() -> None:
    expected = moving().run(2).trace.digest()
    world = moving()
    first, second = world.fork(), world.fork()
    first.mn.handover_all("wlan0")
    first.mn.open(first.cn2, mf.apps.Echo())
    first.run(2)
    assert world.run(2).trace.digest() == expected != first.trace.digest()
    assert second.run(2).trace.digest() == expected


def test_a_fork_of_a_fork_and_one_at_the_beginning_are_worlds_like_others() -> None:
    first = mf.figure2(seed=3).fork().fork()
    first.mn.open(first.cn1, mf.apps.Voice())
    twin = mf.figure2(seed=3)
    twin.mn.open(twin.cn1, mf.apps.Voice())
    assert first.run(2).fork().run(2).fork().run(1).trace.digest() == twin.run(5).trace.digest()
    assert mf.build(first.spec).run(1).trace.digest() == mf.figure2(seed=3).run(1).trace.digest()


def test_pictures_tables_and_captures_of_a_fork_are_those_of_its_world(tmp_path: Path) -> None:
    world = moving().run(1)
    other = world.fork()
    for view in ("animate", "ladder", "timeline", "tables", "inspect"):
        given = (17,) if view == "inspect" else ()
        one, twin = (getattr(each, view)(*given) for each in (world, other))
        assert one.describe() == twin.describe() and one.rows() == twin.rows(), view
    for name, each in {"one": world, "other": other}.items():
        each.pcap(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_plain_hosts_fork_too() -> None:
    world = plain_hosts(seed=2)
    world.mn.open(world.cns[0], mf.apps.FileTransfer(300_000, "down"))
    other = world.run(0.5).fork()
    other.mn.move("cell0")
    other.run(1)
    assert world.run(1).trace.digest() != other.trace.digest()
    assert world.fork().run(1).trace.digest() == world.run(1).trace.digest()


FEATURES: list[dict[str, Any]] = [
    {}, {"mode": "tunnel"}, {"links": LOSSY}, {"security": True}, {"security": "manual"}, {"home_agents": 2},
    {"allocate": "dhcpv6", "pool": 1}, {"allocate": "request"}, {"allocate": "stateless", "hold_down_s": 2},
    {"advertisements": (0.5, 1.5), "link_hints": False}, {"home_router": True}, {"policy_server": True},
    {"wire": True}, {"trace": "control"}, {"collision": True, "allocate": "dhcpv6"}, {"enhanced": True},
    {"policy": mf.policies.Policies([(10, mf.policies.ByLoad())])}, {"policy": lambda flow, networks: "cell0"},
    {"assign": lambda flow, homes, flows: homes[0]}, {"key": lambda packet: packet.flow_label},
    {"traffic": OFFICE, "replay": {"min_packets": 200}},
]  # fmt: skip
APPS = (
    mf.apps.Voice(), mf.apps.Video(), mf.apps.FileTransfer(200_000, "down"), mf.apps.FileTransfer(100_000, "up"),
    mf.apps.Echo(interval_ms=200),
)  # fmt: skip
DOINGS: dict[str, Callable[[World, int], object]] = {
    "open": lambda world, n: world.mn.open(world.cns[n % 2], APPS[n % len(APPS)]),
    "called": lambda world, n: world.mn.accept(world.cns[n % 2], mf.apps.Voice()),
    "handover": lambda world, n: world.mn.handover(flow_of(world, n), ("wlan0", "cell0")[n % 2]),
    "all": lambda world, n: world.mn.handover_all(("wlan0", "cell0")[n % 2]),
    "close": lambda world, n: world.mn.close(flow_of(world, n)),
    "fail": lambda world, n: world.mn.interface("wlan0").set_up(bool(n % 2)),
    "lose": lambda world, n: world.network.segments["cell0"].configure(mf.Link(loss=0.01 * n, jitter_ms=n)),
    "fault": lambda world, n: world.network.segments["cn1"].set_up(bool(n % 2)),
}


def flow_of(world: World, number: int) -> int:
    flows = [flow.id for flow in world.flows() if flow.is_open]
    return flows[number % len(flows)]


Step = tuple[str, int, int]
steps = st.lists(st.tuples(st.sampled_from(list(DOINGS)), st.integers(0, 9), st.integers(0, 1500)), max_size=4)


def play(world: World, told: list[Step]) -> World:
    """Do one thing after the other, and let some milliseconds pass after each; what a world refuses is nothing."""
    for name, number, then_ms in told:
        with suppress(ProtocolMisuse, ZeroDivisionError):
            DOINGS[name](world, number)
        world.network.run_until(world.network.clock.now + then_ms * NS_PER_MS + 1)
    return world


@pytest.mark.slow
@settings(max_examples=25)
@given(st.sampled_from(FEATURES), st.integers(0, 5), steps, st.integers(0, 3000), steps, steps)
def test_random_worlds_forked_at_random_moments(
    keywords: dict[str, Any], seed: int, before: list[Step], moment_ms: int, one: list[Step], other: list[Step]
) -> None:
    """Two forks with their own fates, and the world between them with its own: each is as if it were alone."""

    def begun() -> World:
        world = mf.figure2(seed=seed, **keywords)
        return play(world, [("open", 0, 500), ("open", 1, moment_ms), *before])

    world = begun()
    first, second = world.fork(), world.fork()
    play(first, one)
    play(world, other)
    play(second, one)
    assert first.run(0.5).trace.digest() == second.run(0.5).trace.digest()
    assert first.trace.digest() == play(begun(), one).run(0.5).trace.digest()
    assert world.run(0.5).trace.digest() == play(begun(), other).run(0.5).trace.digest()


def take(played: Play, step: Callable[[Play], object]) -> None:
    """Take a step; what breaks it is noted, for it must break the same way in a fork."""
    LOOKING.append(played)
    try:
        step(played)
    except Exception as error:
        played.note("broken", told(error))
    finally:
        LOOKING.pop()


@pytest.mark.slow
def test_random_histories_forked_between_two_steps_look_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that there is to see in a fork, step by step beside its world and one that was never forked. Whatever the
    history has put into the world (taps, spies, events to come) is forked with it, as if the package had done it.
    """
    own = ("mipflow.", "tests.")
    monkeypatch.setattr(copier, "is_ours", lambda thing: str(getattr(thing, "__module__", None)).startswith(own))
    equal, usual = [], dict(IDLE_NS)

    @settings(max_examples=8, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(specs(), st.integers(0, 7))
    def check(spec: Spec, place: int) -> None:
        for name in IDLE_NS:
            monkeypatch.setitem(IDLE_NS, name, usual[name] if spec.idle_s is None else round(spec.idle_s * NS_PER_S))
        world, alone = Play(spec, False), Play(spec, False)
        steps, place = [lambda played, step=step: played.do(step) for step in spec.steps], place % (len(spec.steps) + 1)
        for step in steps[:place]:
            take(world, step)
            take(alone, step)
        try:
            other = fork(world.network, world)
        except ProtocolMisuse as error:
            assert "somebody outside holds" in str(error)
            return
        for step in (*steps[place:], Play.end):
            for each in (world, other, alone):
                take(each, step)
        for each in (other, alone):
            assert not difference(world, each), script(spec)
        equal.append(len(world.network.trace))

    check()
    assert len(equal) > 4 and sum(equal) > 5_000


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SCENARIOS)[::3])
def test_recorded_scenarios_go_on_as_recorded_where_each_run_is_forked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run stops at a random moment for a fork, which is run to the same end, before or after."""
    run_until, moments, refused, equal = Network.run_until, Random(name), [], []

    def forked(self: Network, t_ns: int, is_reached: Callable[[], bool] | None = None) -> bool:
        if is_reached is not None or t_ns - self.clock.now < 100 * NS_PER_MS:
            return run_until(self, t_ns, is_reached)
        run_until(self, moments.randint(self.clock.now, t_ns))
        try:
            other = fork(self, self)
        except ProtocolMisuse as error:
            refused.append(str(error))
            return run_until(self, t_ns)
        for each in moments.sample([self, other], 2):
            run_until(each, t_ns)
        equal.append(self.trace.digest() == other.trace.digest())
        return True

    monkeypatch.setattr(Network, "run_until", forked)
    made = lines(name, 7)
    assert all(line in FILE.read_text(encoding="utf-8").splitlines() for line in made)
    assert all(equal) and bool(equal) != bool(refused)
    assert all("holds a World of this world" in error for error in refused)


def test_in_a_crowd_channels_that_nobody_uses_are_left_out_and_come_back_by_themselves() -> None:
    def talked() -> tuple[Network, Any]:
        network, mobiles, cn = crowd(8, 2)
        network.run_until(6 * NS_PER_S)
        for mobile in mobiles:
            mobile.open(cn, mf.apps.Voice())
        network.run_until(8 * NS_PER_S)
        network.segments["access 1"].configure(mf.Link(loss=0.1, jitter_ms=3))
        network.run_until(9 * NS_PER_S)
        return network, mobiles

    network, mobiles = talked()
    other, twins = fork(network, (network, mobiles))
    known, kept = ([len(each._channels) for each in one.segments.values()] for one in (network, other))
    assert sum(kept) < sum(known) and all(one <= all_of_them for one, all_of_them in zip(kept, known, strict=True))
    ends = []
    for one, there in ((network, mobiles), (other, twins), talked()):
        for number, mobile in enumerate(there):
            mobile.visit("wlan0", one.segments[f"access {number // 4}"])  # all hear what it asks about its address
        one.run_until(14 * NS_PER_S)
        assert [len(each._channels) for each in one.segments.values()] >= kept
        due = sorted((t_ns, order) for t_ns, order, _, _ in one.clock.heap)
        meters = {label: (meter.received, meter.lost) for label, meter in one.meters.items()}
        ends.append((one.trace.digest(), one.clock.packet_events, due, meters))
    assert ends[0] == ends[1] == ends[2]


# --- what both share --------------------------------------------------------------------------------------------------


def _changing(holder: object, without: list[object]) -> dict[int, object]:
    """All that can change of what can be reached, but through some lists of values."""
    left_out = {id(each) for each in without}
    kinds = Unique | Node | list | dict | set | bytearray | array | Packet | Random
    found = parts(holder, left_out)
    frozen = [each for each in found.values() if is_dataclass(each) and each.__dataclass_params__.frozen]  # type: ignore[attr-defined]
    kept = {*map(id, frozen), *(id(each.__dict__) for each in frozen if hasattr(each, "__dict__"))}
    return {number: each for number, each in found.items() if isinstance(each, kinds) and number not in kept}


@pytest.mark.parametrize("keywords", FEATURES[:-5], ids=lambda given: " ".join(map(str, given)) or "plain")
def test_world_and_fork_share_nothing_that_changes_but_packets_that_have_arrived(keywords: dict[str, Any]) -> None:
    world = moving(**keywords)
    other = world.fork()
    lists = [each for one in (world, other) for each in (one.trace.records, one.trace.packets)]
    one, twin = _changing(world, lists), _changing(other, lists)
    assert [one[number] for number in one.keys() & twin.keys()] == []
    assert len(one) >= len(twin) > 500  # channels that nobody uses are left out


def test_packets_and_records_that_both_have_change_no_more() -> None:
    world = moving()
    other = world.fork()
    traces = world.trace, other.trace
    ours, theirs = ({id(packet): packet for packet in trace.packets} for trace in traces)
    shared, own = [ours[number] for number in ours.keys() & theirs.keys()], len(ours.keys() - theirs.keys())
    assert len(shared) > 1000 and 10 < own < 200
    before = [(packet.fields(), packet.label, packet.sent_ns) for packet in shared]
    records: list[Record] = list(world.trace.records)
    told = repr(records)
    for each in (world, other):
        each.mn.handover_all("wlan0")
        each.run(3)
    assert before == [(packet.fields(), packet.label, packet.sent_ns) for packet in shared] and repr(records) == told


def test_a_fork_that_nobody_holds_is_forgotten() -> None:
    world = moving()
    other = world.fork()
    assert other in WORLDS
    seen = weakref.ref(other)
    del other
    gc.collect()
    assert seen() is None


def test_the_collector_is_as_before_even_where_a_fork_fails() -> None:
    world = moving()
    world.port("wlan0")
    for switch in (gc.disable, gc.enable):
        switch()
        was = gc.isenabled()
        with pytest.raises(ProtocolMisuse):
            world.fork()
        assert gc.isenabled() == was


# --- what is its own --------------------------------------------------------------------------------------------------


def test_a_fork_has_a_name_of_its_own_and_takes_no_flow_of_its_world() -> None:
    world = moving()
    other = world.fork()
    assert other.network.number != world.network.number and other.title == world.title
    with pytest.raises(ProtocolMisuse, match=f"is of {world.network.name.split(' (')[0]} "):
        other.mn.handover(world.flows()[0], "cell0")
    assert other.mn.handover(1, "cell0") == [1] and world.flows()[0].interface == "wlan0"


def _streams(world: World) -> dict[str, Stream]:
    return {each.name: each for each in parts(world).values() if isinstance(each, Stream)}


def test_with_a_seed_every_stream_begins_anew_by_its_name() -> None:
    world = moving(links=LOSSY)
    same, other, again = world.fork(), world.fork(seed=8), world.fork(seed=8)
    assert (same.network.seed, other.network.seed, world.network.seed) == (7, 8, 7)
    streams, kept = _streams(other), _streams(same)
    assert len(streams) > 8 and streams.keys() == kept.keys()
    for name, stream in streams.items():
        assert stream.getstate() == Random(f"8/{name}").getstate(), name
        assert kept[name].getstate() == _streams(world)[name].getstate(), name
    ends = [each.run(3).trace.digest() for each in (world, same, other, again)]
    assert ends[0] == ends[1] != ends[2] == ends[3]


def test_a_seed_changes_nothing_of_the_past() -> None:
    world = moving(links=LOSSY)
    before = world.trace.digest()
    other = world.fork(seed=8)
    assert other.trace.digest() == before and other.spec == world.spec and other.names() == world.names()


class Counts:
    """Has no opinion, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, traits: Any) -> None:
        self.asked += 1


def test_a_function_of_a_learner_is_shared_and_an_object_is_not() -> None:
    asked: list[Any] = []
    counts = Counts()
    for separator in (asked.append, lambda traits: asked.append(traits), counts):
        asked.clear()
        world = mf.figure2(seed=1, separator=separator)
        for each in (world, world.fork()):
            each.mn.open(each.cn1, mf.apps.Voice())
            each.run(1)
        assert len(asked) == {"Counts": 0, "function": 2}.get(type(separator).__name__, 1)
    assert counts.asked == 1


# --- refused ----------------------------------------------------------------------------------------------------------


def test_a_port_to_outside_is_refused() -> None:
    world = moving()
    world.port("wlan0", "you")
    with pytest.raises(ProtocolMisuse, match=r"cannot be forked: somebody outside holds you on wlan0,") as one:
        world.fork()
    assert "\n" not in str(one.value)
    assert world.run(1).now > 5


def test_a_fork_inside_a_run_is_refused() -> None:
    world = moving()
    world.network.clock.after(1, lambda _: world.fork())
    with pytest.raises(ProtocolMisuse, match=r"^the world cannot be forked: it runs already; return first, and do it"):
        world.run(1)


def test_a_fork_inside_a_function_that_is_asked_is_refused() -> None:
    calm = mf.figure2()

    def policy(flow: Any, networks: Any) -> str:
        calm.fork()
        return "wlan0"

    world = mf.figure2(seed=1, policy=policy)
    world.mn.open(world.cn1, mf.apps.Voice())
    told = [one.why for one in world.run(2).trace.decisions() if one.what == "function failed"]
    expected = "the world cannot be forked: somebody waits for the answer of your policy()"
    assert told and all(expected in why for why in told)


def test_a_function_that_holds_the_world_is_refused() -> None:
    world = moving()
    world.network.segments["wlan0"].tap(lambda packet, now: None if world.now else "early")
    with pytest.raises(ProtocolMisuse, match=r"holds a World of this world, which the fork would use as well; let it"):
        world.fork()
