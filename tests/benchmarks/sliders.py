"""A slider's way to a new picture, in the kernel: a choice changes, a world is built and run, a film is drawn of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median, quantiles
from time import process_time
from typing import Any

import mipflow as mf
from mipflow.arguments import MILLISECONDS
from mipflow.lab.panels.panel import Panel, number
from mipflow.lab.world import World
from mipflow.mip6.mobile_node import DataMode
from mipflow.sim.link import Link
from mipflow.view.drawing.picture import Picture

from .reference import HALF_S, START_S, mobile_world

Line = tuple[str, str, str]
"""The measured thing, its value, and the value to reach."""

CHANGES, FIRST = 40, 2
"""How often the slider changes, and how many of the first changes do not count: they import what is imported late."""
REST_S = 0.7
"""Seconds of real time in which a learner looks at the picture."""
TWENTIETHS = 20


def reference_work(mode: DataMode) -> Callable[[float], World]:
    """Return the run of the reference work: a minute with all data on one road, in its middle a flow is handed over."""

    def run(delay_ms: float) -> World:
        network, mn = mobile_world(mode, "all", trains=True)
        network.segments["wlan0"].configure(Link(delay_ms, 2_000_000))

        def node(name: str, link: str) -> Any:
            return next(getattr(port, "node") for port in network.segments[link].ports if port.owner == name)  # noqa: B009

        ends = node("HA", "home"), [node("CN", "far")], node("R3", "far")
        world = World(network, mn, *ends, "The reference work").run(START_S + HALF_S)
        mn.handover(1, "cell0")
        return world.run(HALF_S)

    return run


def call_and_video(delay_ms: float) -> World:
    """Run a call and a video for 20 s; in the middle the video is handed over."""
    world = mf.figure2(seed=7, links={"wlan0": Link(delay_ms, 20_000_000)})
    world.mn.open(world.cn1, mf.apps.Voice())
    video = world.mn.open(world.cn1, mf.apps.Video())
    world.run(10)
    world.mn.handover(video, "cell0")
    return world.run(10)


async def changes(run: Callable[[float], World]) -> list[list[float]]:
    """Move a slider of a panel again and again; processor seconds of each world and of each film."""
    drawn: list[float] = []

    def ran(delay_ms: float) -> World:
        world = run(delay_ms)
        drawn.append(process_time())
        return world

    def show(world: World) -> list[str | Picture]:
        return ["", world.animate()]

    panel = Panel([number("delay_ms", "WLAN: delay, ms", 5.0, MILLISECONDS)], ran, show, lambda delay_ms: "")
    spent = []
    for step in range(FIRST + CHANGES):
        begin = process_time()
        panel.controls["delay_ms"].value = 1.0 + step
        panel.button.click()
        end = process_time()
        assert panel.result is not None
        spent.append([after - before for before, after in pairwise([begin, drawn[-1], end])])
        await asyncio.sleep(REST_S)
    return spent[FIRST:]


def sliders() -> Iterator[Line]:
    """Yield what a change takes for each work, in the middle and for the slowest twentieth, and the world's share."""
    works = {
        "the reference work, in the tunnel": reference_work("tunnel"),
        "the reference work, route optimised": reference_work("route_optimisation"),
        "a call and a video": call_and_video,
    }
    for name, run in works.items():
        spent = asyncio.run(changes(run))
        yield f"a slider of {name}", f"{median(map(sum, spent)):.3f} s", ""
        yield "  and 19 of 20", f"{quantiles(map(sum, spent), n=TWENTIETHS)[-1]:.3f} s", "at most 0.5, aim 0.2"
        world, film = (f"{1000 * median(part):.0f}" for part in zip(*spent, strict=True))
        yield "  of that the world and the film", f"{world} and {film} ms", ""
