"""`mipflow run`: a scenario with the traffic of a capture or its own, handovers in it, a table of what came of it.

Takes the arguments of the command line; all of them are checked before anything runs or is written.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mipflow.errors import DatasetError, ProtocolMisuse
from mipflow.lab import report
from mipflow.lab.binding import wait_for_flows, wait_for_home
from mipflow.lab.replay import Handover, Move, move_at
from mipflow.lab.scenarios import SCENARIOS
from mipflow.node import apps

if TYPE_CHECKING:
    from mipflow.flow.flows import Flow
    from mipflow.lab.world import World

DEFAULT_DURATION_S = 20.0
"""Seconds of virtual time of a scenario without a capture: a call and a video."""


def run(arguments: argparse.Namespace) -> int:
    """Run a scenario as `cli` parsed it, print what came of it, and write what was asked for; gives the exit status.

    Raises ProtocolMisuse or DatasetError, in one line, before anything runs.
    """
    handovers = _check(arguments)
    progress = _Progress()
    try:
        if arguments.traffic is None:
            _run_own_traffic(arguments, handovers, progress)
        else:
            _run_capture(arguments, handovers, progress)
    finally:
        progress.close()
    return 0


# --- what is asked for -----------------------------------------------------------------------------------------------


def _check(given: argparse.Namespace) -> list[Handover]:
    """Look at all that can be looked at before a world is there."""
    if given.scenario not in SCENARIOS:
        known = ", ".join(SCENARIOS)
        raise ProtocolMisuse(f"there is no scenario {given.scenario!r}; expected one of {known}", given.scenario)
    handovers = [Handover.parse(text) for text in given.handover]
    duration = given.duration
    if duration is not None and not 0 < duration < math.inf:
        raise ProtocolMisuse(f"--duration {duration:g}; expected more than 0 seconds", duration)
    if given.min_packets < 0:
        raise ProtocolMisuse(f"--min-packets {given.min_packets}; expected 0 or more", given.min_packets)
    if given.mobile is not None and given.traffic is None:
        why = f"--mobile {given.mobile} names a host of a capture; give one with --traffic"
        raise ProtocolMisuse(why, given.mobile)
    end = duration if duration is not None or given.traffic is not None else DEFAULT_DURATION_S
    for handover in handovers:
        if end is not None and handover.at_s > end:
            text = f"handover of flow {handover.flow} at {handover.at_s:g} s; the run ends at {end:g} s"
            raise ProtocolMisuse(f"{text}, give an earlier time or a longer --duration", handover.at_s)
    _check_outputs(given)
    return handovers


def _check_outputs(given: argparse.Namespace) -> None:
    """Each output can be written, and is no other file of this command."""
    used = [] if given.traffic is None else [given.traffic]
    for path in (given.html, given.pcap):
        if path is None:
            continue
        if any(path.resolve() == other.resolve() for other in used):
            raise DatasetError(f"{path} is given twice; choose another name for the output", path)
        used.append(path)
        if path.is_dir() or (path.exists() and not path.is_file()):
            raise DatasetError(f"{path} cannot be written: it is no ordinary file; give the name of a file", path)
        try:
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
                pass
        except OSError as error:
            advice = "give a path in a folder that exists and can be written"
            raise DatasetError(f"{path} cannot be written: {error.strerror or error}; {advice}", path) from error


def _world_keywords(given: argparse.Namespace) -> dict[str, Any]:
    keywords: dict[str, Any] = {"seed": given.seed, "cns": given.cns}
    return keywords if given.mode is None else {**keywords, "mode": given.mode}


# --- running ---------------------------------------------------------------------------------------------------------


def _run_capture(given: argparse.Namespace, handovers: list[Handover], progress: _Progress) -> None:
    replay = {
        "mobile": given.mobile, "min_packets": given.min_packets, "packets": given.packets, "handovers": handovers,
        "progress": progress,
    }  # fmt: skip
    world = SCENARIOS[given.scenario](traffic=given.traffic, replay=replay, **_world_keywords(given))
    played = world.replay
    assert played is not None
    before = {flow.id: flow.care_of_address for flow in played.flows}
    if given.duration is None:
        played.finish(progress)
    else:
        _run_on(world, given.duration, progress)
    title = f"{given.traffic.name}: {len(played.flows)} flows in {played.duration_s:.3f} s"
    lines = [
        *_head(given.scenario, title, world, played.moves), *report.flow_table(played.flows, before),
        *report.listing("Delivered", report.delivery_lines(played.flows)),
        *report.listing("Notes", played.notes),
        *report.listing("Left out of the capture", [f"{count}  {why}" for why, count in played.skipped.most_common()]),
    ]  # fmt: skip
    _give(given, world, lines, progress)


def _run_own_traffic(given: argparse.Namespace, handovers: list[Handover], progress: _Progress) -> None:
    world = SCENARIOS[given.scenario](**_world_keywords(given))
    flows: list[Flow] = []
    for number, interface, at_s in handovers:
        world.mn.interface(interface)
        if not 1 <= number <= 2 or at_s < 0:
            what = f"at {at_s:g} s" if at_s < 0 else f"of flow {number}"
            why = f"handover {what}; expected flow 1 (call) or 2 (video), at 0 s or later"
            raise ProtocolMisuse(why, (number, at_s))
    wait_for_home(world)
    flows += [world.mn.open(world.cn1, app) for app in (apps.Voice(), apps.Video())]
    notes = wait_for_flows(world, flows, progress)
    world.start_s = world.now
    before = {flow.id: flow.care_of_address for flow in flows}
    moves: list[Move] = []
    for number, interface, at_s in handovers:
        move_at(world, flows[number - 1], interface, at_s, moves)
    duration = DEFAULT_DURATION_S if given.duration is None else given.duration
    _run_on(world, duration, progress)
    title = f"a call and a video to {world.cn1.name}, {duration:g} s"
    lines = [*_head(given.scenario, title, world, moves), *report.flow_table(flows, before)]
    _give(given, world, lines + report.listing("Notes", notes), progress)


def _run_on(world: World, duration_s: float, progress: _Progress) -> None:
    end = world.now + duration_s
    while world.now < end:
        world.run(min(0.25, end - world.now))
        progress(f"running: {world.now - world.start_s:.1f} of {duration_s:.1f} s, {world.hops} packet-hops")


def _head(scenario: str, title: str, world: World, moves: Sequence[Move]) -> list[str]:
    bound = f"All is bound {world.start_s:.6f} s after the world began: time zero of the traffic and of --handover."
    return [f"{scenario}, {title}", bound, *report.listing("Handovers", report.handover_lines(world, moves)), ""]


def _give(given: argparse.Namespace, world: World, lines: list[str], progress: _Progress) -> None:
    """Print the lines, then write the files."""
    progress.close()
    print("\n".join(lines))
    written = []
    if given.pcap is not None:
        progress(f"writing {given.pcap}", at_once=True)
        count = world.pcap(given.pcap, node=world.mn.name)
        written.append(f"{given.pcap}: {count} packets, as {world.mn.name} sent and received them")
    if given.html is not None:
        progress(f"drawing {given.html}", at_once=True)
        world.save(given.html)
        written.append(f"{given.html}: open it in a browser")
    progress.close()
    if written:
        print("\n".join(report.listing("Written", written)))


class _Progress:
    """One line on standard error of what is going on: on a terminal rewritten in place, else now and then a new one."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._began = self._last = time.monotonic()
        self._is_shown = False

    def __call__(self, text: str, at_once: bool = False) -> None:
        """Something is under way: shown once a run has taken a second, or `at_once`."""
        now = time.monotonic()
        pause = 0.2 if self._is_terminal else 5.0
        is_early = now - self._began < 1.0 and not (at_once and self._is_terminal)
        if is_early or (self._is_shown and not at_once and now - self._last < pause):
            return
        self._last, self._is_shown = now, True
        if self._is_terminal:
            print(f"\r\x1b[K{text[: report.WIDTH]}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the line empty."""
        if self._is_shown and self._is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        self._is_shown = False
