"""Every public callable against bad values: one line of an error of ours at the call, and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import MipflowError, ProtocolMisuse
from mipflow.lab.world import World
from mipflow.node.applications.recorded import Datagram, Write
from tests.face import BAD, INSIDE, PUBLIC, Hollow, Silent, lacking, names

REPLAYED = {name for name in PUBLIC if name.startswith("Replay.")}
SLOW = {"mf.attack_table", "mf.baseline_table", "mf.exhaustion_table", "mf.latency_table"}
"""Calls that take seconds where nothing is wrong."""


def settled(folder: Path, replayed: bool = False) -> World:
    """Return a world in which all that a row asks for is there."""
    traffic = Path(__file__).resolve().parents[1] / "datasets/captures/office.pcap"
    options: dict[str, Any] = {"traffic": traffic, "replay": {"packets": 400}} if replayed else {}
    world = mf.figure2(seed=7, policy_server=True, pool=1, **options)
    if not replayed:
        world.mn.open(world.cn1, mf.apps.Voice())
    world.run(1 if replayed else 5)
    world.folder = folder  # type: ignore[attr-defined]
    world.spare = [home.home_address for home in world.mn.home_addresses][-1]  # type: ignore[attr-defined]
    return world


def later(world: World) -> str:
    """Run a world on and return the digest of its trace."""
    world.mn.open(world.cn2, mf.apps.Video())
    world.mn.accept(world.cn1, mf.apps.Voice(start_s=0.5), redirect=True)
    world.run(1)
    world.mn.handover(next(iter(world.mn.flows)), "cell0")
    return world.run(2).trace.digest()


@cache
def undisturbed(replayed: bool) -> str:
    """Return the digest of a world that was let alone."""
    return later(settled(Path(), replayed))


def arguments(name: str, world: World, changed: str = "", value: Any = None) -> dict[str, Any]:
    """Return the arguments of a good call, one of them changed."""
    row = PUBLIC[name]
    good = {key: each.good(world) if each.made else each.good for key, each in row.arguments.items() if key != changed}
    return good | ({changed: value} if changed else {})


def refused(name: str) -> Iterator[tuple[str, str]]:
    """Yield the arguments of a row, each with the bad values that it does not allow."""
    for argument, told in PUBLIC[name].arguments.items():
        for bad in BAD:
            if bad not in told.fine:
                yield argument, bad


def complaint(call: Callable[[], Any], value: Any) -> str:
    """Say what is wrong with how a call refuses a bad value; "" if nothing is."""
    try:
        given = call()
    except MipflowError as error:
        said = str(error)
        if len(said.splitlines()) != 1 or len(said) > 1500:
            return f"is refused in {len(said)} characters and {len(said.splitlines())} lines"
        return ""
    except BaseException as error:
        return f"raises {type(error).__name__}: {str(error)[:100]}"
    return f"is taken and gives {type(given).__name__}"


def complaints(name: str, world: World) -> list[str]:
    told = []
    for argument, bad in refused(name):
        given = arguments(name, world, argument, BAD[bad])
        wrong = complaint(lambda given=given: PUBLIC[name].call(world, **given), BAD[bad])  # type: ignore[misc]
        told += [f"{name}({argument}={bad}) {wrong}"] if wrong else []
    return told


# --- the table is whole ----------------------------------------------------------------------------------------------


def test_every_public_name_is_in_the_table() -> None:
    missing = sorted(set(names()) - set(PUBLIC) - set(INSIDE))
    assert missing == [], "enter them in tests/face.py"


def test_no_name_is_in_it_that_there_is_not() -> None:
    known = set(names())
    assert {name for name in INSIDE if name.startswith(("mf.", "Trace."))} <= known
    assert {name for name in PUBLIC if name.startswith(("mf.", "World.", "Replay.", "Picture."))} <= known


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_is_in_the_table(name: str) -> None:
    assert lacking(PUBLIC[name]) == set()


def test_a_new_name_and_a_new_argument_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "ferry", lambda self, at=0: self, raising=False)
    monkeypatch.setattr(mf.apps, "__all__", [*mf.apps.__all__, "Game"])
    assert set(names()) - set(PUBLIC) - set(INSIDE) == {"World.ferry", "mf.apps.Game"}
    row = PUBLIC["World.run"]
    assert lacking(row._replace(of=(lambda self, duration_s, until=None: None,))) == {"until"}
    assert lacking(row._replace(arguments={})) == {"duration_s"}


# --- bad values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replayed", [False, True])
def test_bad_values_are_refused_in_one_line_and_nothing_is_left_behind(tmp_path: Path, replayed: bool) -> None:
    """All calls on one world, which goes on as one that was let alone; where it does not, each call has its own."""
    disturbed, called = settled(tmp_path, replayed), [name for name in PUBLIC if (name in REPLAYED) is replayed]
    told = [line for name in called for line in complaints(name, disturbed)]
    assert told == []
    assert list(tmp_path.iterdir()) == []
    if later(disturbed) != undisturbed(replayed):
        assert [name for name in called if is_left_otherwise(name, tmp_path)] == []
        pytest.fail("each call leaves nothing behind, and all of them together do")


def is_left_otherwise(name: str, folder: Path) -> bool:
    """Return whether the refused calls of a name change what a world does later."""
    disturbed = settled(folder, name in REPLAYED)
    complaints(name, disturbed)
    return later(disturbed) != undisturbed(name in REPLAYED)


def test_a_call_that_leaves_something_behind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_left_otherwise("World.ladder", tmp_path)
    ladder = World.ladder

    def leaves(world: World, *given: Any, **named: Any) -> Any:
        world.mn.open(world.cn1, CALL)
        return ladder(world, *given, **named)

    monkeypatch.setattr(World, "ladder", leaves)
    assert is_left_otherwise("World.ladder", tmp_path)


@pytest.fixture(scope="module")
def saved() -> set[Any]:
    """Worlds that were saved: those that went alike are one, and saved once."""
    return set()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PUBLIC if name not in SLOW])
def test_what_is_allowed_is_taken_and_the_world_runs_on(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, saved: set[Any]
) -> None:
    """A row that allows nothing would pass the tests above."""
    monkeypatch.chdir(tmp_path)
    row = PUBLIC[name]
    for argument, bad in [("", "None"), *((key, bad) for key, each in row.arguments.items() for bad in each.fine)]:
        world = settled(tmp_path, name in REPLAYED)
        given = row.call(world, **arguments(name, world, argument, BAD[bad]))
        if isinstance(given, World) and given is not world:
            given.mn.open(given.cn1, mf.apps.Voice())
            given.run(3)
        world.run(2)
        told = world.title, repr((world.names(), world.flow_names())), world.trace.digest()
        if told not in saved:
            saved.add(told)
            assert world.pcap(tmp_path / "all.pcap") == len(world.trace)
            world.save(tmp_path / "all.html")


# --- each instance ---------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    return settled(tmp_path)


CALL = mf.apps.Voice()
LOOP = "a link that leads to itself"


def deep(world: World) -> Path:
    """Return a file of JSON that no reader follows to its end."""
    path: Path = world.folder / "deep.json"  # type: ignore[attr-defined]
    path.write_text("[" * 9000 + "]" * 9000)
    return path


ONE_BY_ONE: dict[str, tuple[Callable[[World], Any], str]] = {
    "a class": (lambda w: w.mn.open(w.cn1, mf.apps.Voice), "app=<class .*Voice'>; expected an application, such as"),
    "no application": (lambda w: w.mn.open(w.cn1, None), "app=None; expected an application"),
    "a port too high": (lambda w: w.mn.open(w.cn1, CALL, local_port=70000), "local_port=70000; expected a port, of"),
    "port 0": (lambda w: w.mn.open(w.cn1, CALL, local_port=0), "local_port=0; expected a port, of which 0 .* from 1"),
    "port 0 of TCP": (lambda w: w.mn.accept(w.cn1, mf.apps.FileTransfer(9), remote_port=0), "remote_port=0; expected"),
    "a zone": (lambda w: mf.Address("fe80::1%eth0"), "'fe80::1%eth0' has a zone; expected the address without"),
    "everything to nowhere": (lambda w: w.mn.handover_all(), "expected an interface, one of wlan0, cell0"),
    "a file of no name": (lambda w: w.save(""), "'' cannot be written"),
    "a capture of no name": (lambda w: w.pcap(""), "'' cannot be written"),
    "deep rules": (lambda w: mf.load_rules(deep(w)), "it is nested too deeply in .*; expected JSON"),
    "a port below": (lambda w: w.mn.accept(w.cn1, CALL, remote_port=-1), "remote_port=-1; expected a port"),
    "a word as a port": (lambda w: w.mn.open(w.cn1, CALL, local_port="x"), "local_port='x'; expected a port"),
    "an SPI that there is not": (lambda w: w.mn.open(w.cn1, mf.apps.Protected(), local_port=0), "expected an SPI"),
    "a rate": (lambda w: mf.apps.Video(rate_bps=float("nan")), r"Video\(rate_bps=nan\); expected bits per second"),
    "a signal": (lambda w: w.mn.networks.report("wlan0", signal="x"), "signal='x'; expected a number from 0 to 1"),
    "a time as text": (lambda w: w.run("1"), r"run\('1'\); expected a number of seconds"),
    "a kept name": (lambda w: w.mn.keep_home_address(5, lambda flow: True), "name=5; expected text"),
    "no file": (lambda w: w.pcap(None), "None"),
    "a NUL": (lambda w: w.save("a\0b"), r"a\\x00b"),
    "a loop": (lambda w: w.pcap(w.folder / LOOP), "ordinary file|symbolic link"),
    "a moment to come": (lambda w: w.tables(at=999), r"at=999 has not come: it is 5 s; run the world on"),
    "a span to come": (lambda w: w.ladder(900, 999), "900 to 999 s is no span of time; expected .* it is 5 s"),
    "an unknown keyword": (lambda w: mf.figure2(polcy=None), "has no keyword 'polcy'; expected one of .*policy"),
    "an unknown option": (lambda w: mf.figure2(replay={"x": 1}), "replay has no keyword 'x'; expected .*handovers"),
    "rules twice": (lambda w: mf.figure1(rules=mf.AssignmentRules()), "has rules of its own, expected figure2"),
    "a maker": (lambda w: mf.figure2(correspondents={"CN1": int}), "CN1=<class 'int'> raised TypeError: "),
    "a year and a day": (lambda w: w.run(367 * 86400), "expected a number of seconds from 0 to 31622400"),
    "nothing made": (lambda w: mf.figure2(correspondents={"CN1": lambda *_: None}), "made None; expected .* a Host"),
    "a policy's class": (lambda w: mf.figure2(policy=mf.policies.ByLoad), "policy is <class .*; expected a function"),
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(ONE_BY_ONE)), ids=list(ONE_BY_ONE))
def test_each_is_told_by_its_value_and_what_was_expected(world: World, number: int) -> None:
    os.symlink(LOOP, world.folder / LOOP)  # type: ignore[attr-defined]
    call, said = list(ONE_BY_ONE.values())[number]
    with pytest.raises(MipflowError, match=said):
        call(world)
    assert len(world.mn.flows) == 1


@pytest.mark.parametrize("script", [[Datagram(0, True, 9)], [Write(True, 0, 0)], ["x"], [None], "x"])
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_a_step_of_another_protocol_is_refused_and_no_flow_begins(world: World, protocol: Any, script: Any) -> None:
    if isinstance(script[0], Write if protocol == "TCP" else Datagram):
        return
    with pytest.raises(ProtocolMisuse, match="expected "):
        world.mn.open(world.cn1, mf.apps.Recorded(protocol, script))
    assert len(world.mn.flows) == 1


# --- a learner's functions -------------------------------------------------------------------------------------------


def _gives(result: Any) -> Any:
    return lambda *arguments: result


def _raises(error: BaseException) -> Any:
    def function(*arguments: Any) -> None:
        raise error

    return function


ODD: list[Any] = [
    _gives(Silent()), _gives((Silent(), "")), _gives(("cell0", Silent())), _gives(Hollow()), _gives(b"x"), _gives([[]]),
    _gives("\ud800"), _raises(GeneratorExit()), _raises(SystemExit(1)), _raises(BaseException("own")),
    _raises(StopIteration()),
]  # fmt: skip


LEARNERS = ["separator", "assign", "policy", "allocate", "together", "is_for", "form", "answered", "free"]


@pytest.mark.parametrize("where", LEARNERS)
@pytest.mark.parametrize("number", range(len(ODD)))
def test_a_learners_function_may_do_anything_and_the_world_goes_on(where: str, number: int) -> None:
    put_in: dict[str, Any] = {where: ODD[number]}
    if where == "together":
        put_in = {"rules": mf.AssignmentRules(together=ODD[number])}
    if where == "form":
        put_in["allocate"] = "stateless"
    world = mf.figure2(seed=1, **({} if where == "is_for" else put_in))
    if where == "is_for":
        world.mn.keep_home_address("kept", ODD[number])
    world.run(3)
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    second = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(2)
    if where == "free":
        world.mn.close(second)
    assert any(decision.what == "function failed" for decision in world.trace.decisions())
    assert flow.refused or second.refused or flow.is_open
    assert world.tables().describe() and world.trace.digest()


def test_only_the_learner_may_stop_everything() -> None:
    world = mf.figure2(seed=1, policy=_raises(KeyboardInterrupt()))
    world.run(3)
    with pytest.raises(KeyboardInterrupt):
        world.mn.open(world.cn1, CALL)
