"""The command `mipflow run`: a scenario with the traffic of a capture or of its own.

Takes the arguments of the command line; all of them are checked before anything runs or is written.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from os.path import realpath

from mipflow.errors import DatasetError, ProtocolMisuse, Stopped
from mipflow.files import check_writable
from mipflow.lab.replay import report
from mipflow.lab.replay.captured import AtNode, Captured
from mipflow.lab.replay.play import play
from mipflow.lab.replay.recording import LONGEST_S, RecordedFlow, Recording, read
from mipflow.lab.replay.replay import Handover, Replay
from mipflow.lab.scenarios import MOST_CNS, SCENARIOS
from mipflow.lab.world import World
from mipflow.node.applications import apps
from mipflow.node.host import FIRST_EPHEMERAL_PORT
from mipflow.sim.clock import seconds
from mipflow.wire.address import Address
from mipflow.wire.captures import capture

DEFAULT_DURATION_S = 20.0
"""Seconds of virtual time of a scenario without a capture: a call and a video."""
LEAST_S, MOST_OWN_S = 0.001, 3600
"""Least seconds of virtual time, and most of those of a call and a video, which never pause."""
BOUNDS = {
    "packets": (1, 10**6), "min_packets": (0, 10**6), "cns": (1, MOST_CNS), "seed": (-(1 << 63), (1 << 63) - 1),
    "silence": (LEAST_S, LONGEST_S),
}  # fmt: skip
"""Option -> its least and its greatest value."""


def run(given: argparse.Namespace) -> int:
    """Run a scenario as `cli` parsed it, print the outcome and write files as asked; return the exit status.

    Raises ProtocolMisuse or DatasetError, in one line, before anything runs.
    """
    handovers, end_s = _check(given)
    with closing(_Progress()) as progress:
        more = {} if given.mode is None else {"mode": given.mode}
        if given.html is given.pcap is None:
            more["trace"] = "off"
        world: World = SCENARIOS[given.scenario](seed=given.seed, cns=given.cns, operator=given.rules, **more)
        choices = {"mobile": given.mobile, "packets": given.packets, "silence_s": given.silence, "progress": progress}
        recording = _call_and_video(end_s) if given.traffic is None else read(given.traffic, **choices)
        options = {"cns": given.cns, "min_packets": given.min_packets, "handovers": handovers, "progress": progress}
        played = play(world, recording, **options)
        before = {flow.id: flow.care_of_address for flow in played.flows}
        captured = _play_on(world, played, end_s, progress, forget=given.html is None)
        written = [*_write(given, world, progress, captured)]
        progress.close()
        print("\n".join(_lines(given.scenario, world, played, before)))
    if written:
        print("\n".join(report.listing("Written", written)))
    return 0


def _play_on(world: World, played: Replay, end_s: float, progress: Callable[[str], None], forget: bool) -> Captured:
    """Run to the end; yield what the mobile node has sent and received as soon as it has, and `forget` it then: memory
    is bounded by what is under way. Raises Stopped for an interrupt.
    """
    captured = AtNode(world.trace, world.mn.name)
    try:
        for said in played.steps(None if end_s == math.inf else end_s):
            progress(said)
            yield from captured.up_to(world.network.clock.now, forget)
    except KeyboardInterrupt:
        at_s = world.now - world.start_s
        raise Stopped(f"stopped at {at_s:.3f} s of {played.duration_s:.3f} s; nothing is written") from None


def _check(given: argparse.Namespace) -> tuple[list[Handover], float]:
    """Check all that can be checked before a world is there; return the handovers and the end of the run (s)."""
    handovers = [Handover.parse(text) for text in given.handover]
    whole_s = DEFAULT_DURATION_S if given.traffic is None else math.inf
    end_s = whole_s if given.duration is None else given.duration
    late = [f"handover at {one.at_s:g} s; the run ends at {end_s:g} s" for one in handovers if one.at_s > end_s]
    scenario, known, mobile = given.scenario, ", ".join(SCENARIOS), given.mobile
    bounds = {**BOUNDS, "duration": (LEAST_S, MOST_OWN_S if given.traffic is None else LONGEST_S)}
    numbers = [(name, getattr(given, name), *span) for name, span in bounds.items()]
    checks = (
        (scenario not in SCENARIOS, scenario, f"there is no scenario {scenario!r}; expected one of {known}"),
        *(
            (not least <= number <= most, number, f"--{name.replace('_', '-')} {number}; expected {least} to {most}")
            for name, number, least, most in numbers if number is not None
        ),
        (mobile and not given.traffic, mobile, f"--mobile {mobile} is for a capture; give one with --traffic"),
        (late, handovers, f"{', '.join(late)}, give an earlier time or a longer --duration"),
    )
    for is_bad, value, complaint in checks:
        if is_bad:
            raise ProtocolMisuse(complaint, value)
    used = {given.traffic and realpath(given.traffic)}
    for path in filter(None, (given.html, given.pcap)):
        if realpath(path) in used:
            raise DatasetError(f"{path} is given twice; choose another name for the output", path)
        used.add(realpath(path))
        check_writable(path)
    return handovers, end_s


def _call_and_video(duration_s: float) -> Recording:
    """Make the traffic of a run without a capture, as if it were one."""
    recording = Recording("a call and a video", duration_ns=seconds(duration_s))
    own: list[apps.Application] = [apps.Voice(), apps.Video()]
    for k, app in enumerate(own):
        ends = "MN", FIRST_EPHEMERAL_PORT + k, "the other end", app.port
        recording.flows.append(RecordedFlow(k + 1, *ends, 0, recording.duration_ns, 1000, app))
    return recording


def _lines(scenario: str, world: World, played: Replay, before: Mapping[int, Address | None]) -> list[str]:
    """Write the lines that are printed of a run; `before`: flow id -> its first care-of address."""
    recording, shown = played.recording, report.shown(played.flows, played.moves)
    left_out = [f"{count}  {why}" for why, count in recording.skipped.most_common()]
    return [
        f"{scenario}, {recording.name}: {len(played.flows)} flows in {played.duration_s:.3f} s"
        + recording.beside(recording.duration_ns),
        f"All is bound {world.start_s:.6f} s after the world began: time zero of the traffic and of --handover.",
        *report.listing("Handovers", report.handover_lines(world, played.moves)), "",
        *report.flow_table(shown, before), *report.rest_lines(played.flows, shown),
        *report.listing("Lost", report.loss_lines(played.flows, shown)),
        *report.listing("Under way at the end", report.under_way_lines(played.flows, shown)),
        *report.listing("Delivered", report.delivery_lines(played.flows), report.MOST_NOTES),
        *report.listing("Notes", played.notes, report.MOST_NOTES),
        *report.listing("Left out of the capture", left_out),
    ]  # fmt: skip


def _write(given: argparse.Namespace, world: World, progress: _Progress, captured: Captured) -> Iterator[str]:
    """Write the files that were asked for, the capture while the world runs; yield a line for each."""
    if given.pcap is None:
        deque(captured, 0)
    else:
        count = capture.write(given.pcap, captured)
        yield f"{given.pcap}: {count} packets, as {world.mn.name} sent and received them"
    if given.html is not None:
        progress(f"drawing {given.html}", at_once=True)
        world.save(given.html)
        yield f"{given.html}: open it in a browser"


class _Progress:
    """The line on standard error about how far a run is: on a terminal rewritten in place, else now and then anew."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._due = time.monotonic() + 1.0

    def __call__(self, text: str, at_once: bool = False) -> None:
        """Show what is under way, once a run has taken a second, or on a terminal `at_once`."""
        now = time.monotonic()
        if now >= self._due or (at_once and self._is_terminal):
            self._due = now + (0.2 if self._is_terminal else 5.0)
            before, after = ("\r\x1b[K", "") if self._is_terminal else ("", "\n")
            print(before + text[: report.WIDTH], end=after, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Clear the line."""
        if self._is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
