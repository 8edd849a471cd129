"""A fork of a world against the same world made again: time and memory, with a handover under way, and with a crowd."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import process_time
from typing import Any

import mipflow as mf
from mipflow.lab.forking.fork import fork
from mipflow.lab.panels import scenario_panel
from mipflow.node.applications.apps import Voice
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.network import Network

from .growth import BOUND_S, REGISTERED_S, crowd

Line = tuple[str, str, str]
"""The measured thing, its value, and the value to reach."""

ROUNDS = 5
RAN_S, CROWDS = (5, 20, 60), (1, 10, 100)


def moved(seconds: float) -> tuple[Network, Any]:
    """Run a call and a video for some seconds, up to the middle of the video's handover."""
    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice())
    video = world.mn.open(world.cn1, mf.apps.Video())
    world.run(seconds)
    world.mn.handover(video, "cell0")
    return world.network, world.run(0.03)


def crowded(nodes: int) -> tuple[Network, Any]:
    """Register mobile nodes, and let each talk for a second."""
    network, mobiles, cn = crowd(nodes, 1)
    network.run_until(REGISTERED_S * NS_PER_S)
    for number, mobile in enumerate(mobiles):
        mobile.open(cn, Voice(20.0, start_s=BOUND_S - REGISTERED_S + number * 0.02 / nodes))
    network.run_until((BOUND_S + 1) * NS_PER_S)
    return network, (network, mobiles, cn)


def against(name: str, make: Callable[[], tuple[Network, Any]]) -> Iterator[Line]:
    """Yield what a fork takes, in milliseconds and as a part of making the same again; and its memory."""
    made, forked = [], []
    for _ in range(ROUNDS):
        begin = process_time()
        network, holder = make()
        made.append(process_time() - begin)
        gc.collect()
        begin = process_time()
        other = fork(network, holder)
        forked.append(process_time() - begin)
    del other
    gc.collect()
    tracemalloc.start()
    other = fork(network, holder)  # noqa: F841
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    took, ratio = 1000 * median(forked), median(forked) / median(made)
    yield f"a fork, {name}", f"{took:.1f} ms, x{ratio:.2f}", "of making it again"
    yield "  its memory", f"{used / 1000:,.0f} kB", ""


def panel_changes() -> Iterator[Line]:
    """Yield what another move takes in the ready panel, its picture included, with what is kept and without."""
    usual = scenario_panel.WORTH_S
    for moment_s in (4.0, 60.0):
        spent: dict[float, list[float]] = {}
        for worth_s in (usual, 1e9):
            scenario_panel.WORTH_S = worth_s
            panel, times = mf.panel(moment_s=moment_s), spent.setdefault(worth_s, [])
            for change in range(4 * ROUNDS):
                panel.controls["flow"].value = ("call", "video")[change % 2]
                gc.collect()
                begin = process_time()
                panel.button.click()
                times.append(process_time() - begin)
        scenario_panel.WORTH_S = usual
        kept, without = (1000 * median(times[1:]) for times in spent.values())
        yield f"another move at {moment_s:g} s in the panel", f"{kept:.0f} ms", f"{without:.0f} where nothing is kept"


def forks() -> Iterator[Line]:
    """Yield all lines."""
    for seconds in RAN_S:
        yield from against(f"call and video for {seconds} s", partial(moved, seconds))
    for nodes in CROWDS:
        yield from against(f"{nodes} mobile nodes in calls", partial(crowded, nodes))
    yield from panel_changes()
