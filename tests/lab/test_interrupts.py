"""An interrupt leaves a world whole: worlds that were stopped end like one that never was."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

import mipflow as mf
from mipflow import cli
from mipflow.course.source import exercises_of
from mipflow.errors import Stopped
from mipflow.flow.learner import guard as learner
from mipflow.lab.replay.play import replay
from mipflow.node.node import Node
from mipflow.sim.meter import Meter
from mipflow.sim.network import Network
from mipflow.sim.trace import Trace
from tests.lab.frames import OFFICE

END_S = 20.0


class Stop:
    """The handler of an interrupt: KeyboardInterrupt once while it is `armed`, so that no test run ends."""

    def __init__(self) -> None:
        self.armed = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt

    def during(self, call: Callable[[], object]) -> str | None:
        """The text of the interrupt, None where none came."""
        try:
            self.armed = True
            call()
        except KeyboardInterrupt as stop:
            assert not hasattr(stop, "__notes__"), stop.__notes__
            return str(stop)
        finally:
            self.armed = False
        return None


@pytest.fixture
def stop() -> Iterator[Stop]:
    mine = Stop()
    before = signal.signal(signal.SIGINT, mine)
    yield mine
    assert signal.signal(signal.SIGINT, before) is mine


def busy_world() -> mf.World:
    """Run everything at once: TCP, a call, a video, losses, handovers in the middle of it."""
    loss = mf.Link(delay_ms=20, loss=0.01, jitter_ms=2)
    world = mf.figure2(seed=7, links={"wlan0": loss}, wire=True)
    voice = world.mn.open(world.cn1, mf.apps.Voice())
    world.mn.open(world.cn1, mf.apps.FileTransfer(2_000_000))
    world.mn.open(world.cn2, mf.apps.Video())
    for at_s in range(2, 20, 3):
        interface = ("cell0", "wlan0")[at_s % 2]
        world.network.clock.at(at_s * 10**9, lambda interface: world.mn.handover(voice, interface), interface)
    return world


@pytest.fixture(scope="module")
def undisturbed() -> str:
    return busy_world().run(END_S).trace.digest()


def test_fifty_interrupts_at_random_moments_change_nothing(stop: Stop, undisturbed: str) -> None:
    world, wait, stops = busy_world(), random.Random(7), list[str]()

    def interrupt(_: int, frame: FrameType | None) -> None:
        if len(stops) < 50:
            signal.setitimer(signal.ITIMER_REAL, wait.uniform(0.001, 0.006))
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGALRM, interrupt)
    interrupt(0, None)
    try:
        while world.now < END_S:
            stops += filter(None, [stop.during(lambda: world.run(END_S - world.now))])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(stops) >= 50, "or this machine is too quick: wait less"
    assert all(one.startswith("stopped at ") and one.endswith(" s; run() goes on from there") for one in stops)
    assert world.trace.digest() == undisturbed


def interrupting(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, is_time: Callable[[int], bool]) -> None:
    """Interrupt before the calls of a method that have these numbers."""
    function, count = getattr(owner, name), [0]

    def call(*given: Any) -> Any:
        count[0] += 1
        if is_time(count[0]):
            signal.raise_signal(signal.SIGINT)
        return function(*given)

    monkeypatch.setattr(owner, name, call)


def test_interrupts_in_the_middle_of_chosen_events_change_nothing(
    stop: Stop, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Methods between a change of a table and its record, or between a loss and its account."""
    world, stops = busy_world(), 0
    for owner, method in ((Node, "record"), (Meter, "dropped")):
        interrupting(monkeypatch, owner, method, lambda count: count % 3 == 0)
    while world.now < END_S:
        stops += stop.during(lambda: world.run(END_S - world.now)) is not None
    assert stops >= 50
    assert world.trace.digest() == undisturbed


def test_a_stopped_replay_goes_on(stop: Stop) -> None:
    def played() -> mf.World:
        world = mf.figure2(seed=7)
        replay(world, OFFICE, handovers=["6:cell0@5"])
        return world

    whole, world = played(), played()
    assert whole.replay is not None and world.replay is not None
    whole.replay.finish()
    clock = world.network.clock
    for k in range(1, 20):
        clock.at(clock.now + k * 10**9, lambda _: signal.raise_signal(signal.SIGINT))
    stops = 0
    while stop.during(world.replay.finish) is not None:
        stops += 1
    assert stops >= 10
    until_s = max(world.now, whole.now)
    for each in (whole, world):
        each.run(until_s - each.now)
    assert world.trace.digest() == whole.trace.digest()


@pytest.mark.parametrize("calls", [1, 10, 30])
def test_a_replay_that_is_stopped_before_it_begins_says_that_it_is_to_be_made_anew(
    calls: int, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = mf.figure2(seed=7)
    interrupting(monkeypatch, Network, "way", lambda count: count == calls)
    said = stop.during(lambda: replay(world, OFFICE))
    assert said == "stopped before the replay of office.pcap began; it begins anew in a new world only"


def test_a_learners_endless_function_ends_by_its_guard_and_then_the_run_stops(
    stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learner.Guarded.__init__, "__defaults__", (0.1, 0))

    def policy(flow: object, networks: object) -> str:
        signal.raise_signal(signal.SIGINT)
        while True:
            pass

    world = mf.figure2(seed=7, policy=policy)
    world.mn.accept(world.cn1, mf.apps.Voice())
    assert (stop.during(lambda: world.run(10)) or "").startswith("stopped at ")
    why = [drop.reason for drop in world.trace.drops()]
    assert any("your policy() took more than 0.1 s" in reason for reason in why), why


def test_a_second_interrupt_breaks_an_endless_callback_off_and_says_where_and_at_what_cost() -> None:
    world = mf.figure2(seed=7)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def endless(_: object) -> None:
        while True:
            signal.raise_signal(signal.SIGINT)

    world.network.clock.at(3 * 10**9, endless)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            world.run(10)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not isinstance(caught.value, Stopped)
    assert "an event at 3.000 s was broken off: this world may be wrong" in caught.value.__notes__[0]


def test_mipflow_run_says_in_one_line_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupting(monkeypatch, Trace, "warn_if_large", lambda count: count == 20)
    try:
        out_file = tmp_path / "x.pcap"
        assert cli.main(["run", "figure2", "--duration", "60", "--pcap", str(out_file)]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    out, err = capsys.readouterr()
    last = err.splitlines()[-1].split("\r\x1b[K")[-1]
    assert out == "" and last.startswith("mipflow: stopped at ") and last.endswith(" of 60.000 s; nothing is written")
    assert "Traceback" not in err and not out_file.exists()


def test_the_tours_button_says_that_it_was_stopped_and_can_be_pressed_again(stop: Stop) -> None:
    def story(figure: Callable[..., mf.World], *choice: object) -> mf.World:
        world = figure(seed=7)
        world.network.clock.at(10**9, lambda _: signal.raise_signal(signal.SIGINT))
        return world.run(5)

    panel = exercises_of("00").Tour(story).move()
    panel.unlock()
    assert stop.during(panel.button.click) is None
    assert "Stopped. Press <b>Run</b> to begin again." in panel.said.value and not panel.button.disabled


@pytest.mark.slow
def test_in_a_notebook_a_stop_is_one_line_and_the_next_cell_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel is stopped as by JupyterLab's button."""
    monkeypatch.setenv("PYTHONPATH", str(Path(mf.__file__).parents[1]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    manager, client = start_new_kernel(kernel_name="python3")
    said: list[dict[str, Any]] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] not in ("status", "execute_input"):
            said.append(message)
        if message["msg_type"] == "stream" and "begun" in message["content"]["text"]:
            time.sleep(0.7)
            manager.interrupt_kernel()

    def run(source: str) -> dict[str, Any]:
        said.clear()
        reply: dict[str, Any] = client.execute_interactive(source, timeout=60, output_hook=hear)
        return reply["content"]

    try:
        assert run("import mipflow as mf; world = mf.figure2(seed=7); world.run(3)")["status"] == "ok"
        assert run("print('begun', flush=True)\nworld.run(10**7)")["status"] == "error"
        (line,) = said[-1]["content"]["traceback"]
        found = re.fullmatch(r"stopped at (\d+\.\d{3}) s; run\(\) goes on from there", line)
        assert found is not None and float(found[1]) > 3
        assert run("now = world.now; world.run(1); print(round(world.now - now, 9), round(now, 3))")["status"] == "ok"
        assert said[-1]["content"]["text"] == f"1.0 {float(found[1])}\n"
        assert run("print('begun', flush=True)\nmf.latency_table(2000)")["status"] == "error"
        assert re.fullmatch(
            r"latency_table was stopped after \d+ of 6003 runs; called again, it begins anew",
            said[-1]["content"]["traceback"][0],
        )
        kinds = {message["msg_type"] for message in said}
        assert kinds == {"stream", "display_data", "update_display_data", "error"}
        assert {message["content"].get("name") for message in said} == {None, "stdout"}, "nothing on standard error"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
