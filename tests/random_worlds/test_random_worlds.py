"""With trains of packets and without, a world looks the same: random worlds, and one of every kind of scenario."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import hypothesis
import pytest

from mipflow.lab.studies.attacks import ATTACKS, attack
from mipflow.lab.world import World
from mipflow.sim import link
from mipflow.sim.trains.carrier import Trains
from tests.random_worlds.difference import difference, differs, script
from tests.random_worlds.drawing import specs
from tests.random_worlds.steps import (
    At,
    Close,
    Configure,
    Echo,
    HandOver,
    Interrupted,
    Link,
    Open,
    Run,
    RunUntil,
    Spy,
    Tap,
    TurnLink,
    Untap,
    Video,
    Voice,
)
from tests.random_worlds.worlds import Spec, bold, forced, hashed, metered, play
from tests.recorded.scenarios import SCENARIOS

SAME = (Link(delay_ms=1, rate_bps=None),)
CALL = Voice(5, 152)
SMALL: dict[str, Spec] = {
    "calls that meet at a router": Spec(
        "raw", {"topology": "star", "hosts": 4, "links": SAME},
        (Open(CALL, 0, None, 0), Open(CALL, 0, None, 1), Run(100)),
    ),
    "calls around a ring": Spec(
        "raw", {"topology": "ring", "hosts": 5, "links": SAME},
        (*(Open(Voice(5, 152, n % 2 == 0), 1, None, n) for n in range(5)), Run(60)),
    ),
    "a link that takes a millisecond": Spec(
        "raw", {"topology": "line", "hosts": 4, "links": (Link(1, 8_000_000),)},
        (Open(Voice(2, 952), 0), Open(Voice(4, 952, False), 0, None, 2), Open(Echo(2, 952), 0), Run(40)),
    ),
    "an interval as long as a link": Spec(
        "raw", {"topology": "line", "hosts": 2, "links": SAME}, (Open(Voice(1, 152)), Open(Voice(2, 0)), Run(40)),
    ),
    "looks at every tick": Spec(
        "raw", {"topology": "line", "hosts": 2, "links": SAME},
        (Spy(1, 40, 20, True), Open(CALL), Spy(1, 40), Spy(5, 8, 1), Run(100)),
    ),
    "losses from half-way on": Spec(
        "raw", {"topology": "line", "hosts": 2, "links": SAME},
        (Open(Voice(2, 152)), At(20, Configure(1, {"loss": 0.2})), At(40, Configure(1, {"loss": 0.0})), Run(80)),
    ),
    "a link that gets quicker under way": Spec(
        "raw", {"topology": "line", "hosts": 2, "links": (Link(10, None),)},
        (Open(Voice(1, 152, False)), At(20.5, Configure(1, {"delay_ms": 1})), Run(40)),
    ),
    "a link that fails": Spec(
        "raw", {"topology": "line", "hosts": 2, "links": SAME},
        (Open(Voice(1, 152)), At(20, TurnLink(0, False)), At(25, TurnLink(0, True)), Run(50)),
    ),
    "a tap and a close": Spec(
        "raw", {"topology": "star", "hosts": 2, "links": SAME},
        (Open(CALL), Open(Voice(10, 0, False)), At(51, Tap(1, 3)), At(75, Untap(1)), At(150, Close(0)), Run(200)),
    ),
    "a run that stops by itself": Spec(
        "raw", {"topology": "lan", "hosts": 3, "links": SAME},
        (Open(CALL), Open(CALL, 0, None, 1), RunUntil(50, "received", 7), RunUntil(50, "hops", 9),
         Interrupted(100, (45, 50, 51.5))),
    ),
    "a film among calls": Spec(
        "raw", {"topology": "line", "hosts": 4, "links": (Link(1, 10_000_000),)},
        (Open(Voice(2, 152), 0, None, 0), Open(Video(1_000_000), 0, None, 2), Run(90)),
    ),
}  # fmt: skip
"""Small worlds without mobility; the random ones are larger."""
BLOCKS, WORLDS_EACH = 8, 25


def check(spec: Spec) -> None:
    """Play a spec both ways, and compare. A failure prints it as a program."""
    found = differs(spec)
    assert not found, f"{found}\n\n{script(spec)}"


@pytest.mark.parametrize("name", SMALL)
def test_a_small_world_looks_the_same_with_trains_and_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    boarded, take = [], Trains._take

    def noting(self: Trains, *given: Any) -> bool:
        boarded.append(take(self, *given))
        return boarded[-1]

    monkeypatch.setattr(Trains, "_take", noting)
    with bold():
        check(SMALL[name])
    assert True in boarded, "without a train nothing is compared"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_worlds_look_the_same_with_trains_and_without(block: int) -> None:
    how = hypothesis.settings(max_examples=WORLDS_EACH, database=None, deadline=None)
    how = hypothesis.settings(how, suppress_health_check=list(hypothesis.HealthCheck))
    with bold() if block % 2 else nullcontext():
        hypothesis.seed(block)(how(hypothesis.given(specs())(check)))()


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_kind_of_scenario_looks_the_same_with_trains_and_without(name: str) -> None:
    looks_the_same(lambda: SCENARIOS[name](3))


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_looks_the_same_with_trains_and_without(name: str) -> None:
    looks_the_same(lambda: attack(name, "CN's access", "return routability").world)


def looks_the_same(make: Callable[[], World]) -> None:
    seen: list[dict[str, Any]] = []
    for trains in (False, True):
        with forced(trains):
            world = make()
        meters = {label: metered(meter) for label, meter in sorted(world.network.meters.items()) if meter.sent}
        running = [flow.running and flow.running.received_bytes for flow in world.flows()]
        timeline = hashed(repr(world.timeline().figure).encode())
        seen.append({"meters": meters, "running": running, "hops": world.hops, "timeline": timeline,
                     "tables": world.tables().rows(), "digest": world.trace.digest()})  # fmt: skip
    assert seen[0] == seen[1]


# --- the witness itself ----------------------------------------------------------------------------------------------


def test_another_order_of_packets_at_one_instant_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of equal intervals over links of equal delays: which is first is said by nothing but the order."""
    spec = SMALL["calls that meet at a router"]
    plain, push = play(spec, False), link.heappush
    monkeypatch.setattr(link, "heappush", lambda heap, event: push(heap, (event[0], -event[1], *event[2:])))
    found = difference(plain, play(spec, False))
    assert "the first hop that differs is " in found and "the first thing seen that differs" in found


def test_a_reading_that_is_late_by_one_packet_is_noticed() -> None:
    steps = SMALL["looks at every tick"].steps
    one, other = (Spec("raw", {"topology": "line", "hosts": 2, "links": SAME}, each) for each in (steps, steps[1:]))
    assert "the first thing seen that differs is 0" in difference(play(one, False), play(other, False))


def test_a_lost_packet_is_noticed_with_its_record() -> None:
    steps = SMALL["losses from half-way on"].steps
    one, other = (Spec("raw", {"topology": "line", "hosts": 2, "links": SAME, "seed": seed}, steps) for seed in (1, 2))
    assert "the first record that differs is 0" in difference(play(one, False), play(other, False))


def test_a_spec_is_printed_as_the_program_that_makes_it() -> None:
    steps = Open(Video(start_s=2)), Run(5), HandOver(0, "cell0", True)
    spec = Spec("figure2", {"links": {"wlan0": Link(2, None)}}, steps, 1)
    printed = script(spec).rpartition("print(")[0]
    names: dict[str, Any] = {}
    exec(printed, names)
    assert names["spec"] == spec and "Open(app=Video(start_s=2))" in printed


def test_everything_happens_in_random_worlds() -> None:
    happened: set[str] = set()
    how = hypothesis.settings(max_examples=150, database=None, phases=[hypothesis.Phase.generate],
                              suppress_health_check=list(hypothesis.HealthCheck))  # fmt: skip

    def note(spec: Spec) -> None:
        happened.update(type(getattr(step, "step", step)).__name__ for step in spec.steps)
        happened.update(type(step.app).__name__ for step in spec.steps if isinstance(step, Open))
        happened.add(spec.kind)

    hypothesis.seed(1)(how(hypothesis.given(specs())(note)))()
    wanted = "Spy Configure TurnLink HandOver Close Voice Video FileTransfer Echo Interrupted RunUntil Tap Visit"
    assert {*wanted.split(), "raw", "figure2"} <= happened
