"""The report of a run: losses with their reasons, and of many flows those that were asked for and the largest."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mipflow as mf
from mipflow.cli import main
from mipflow.lab.replay import report
from mipflow.lab.replay.replay import Move
from mipflow.mip6.registrations.steps import WAITS
from mipflow.wire.address import Address
from mipflow.wire.captures.capture import write
from mipflow.wire.packet import UDP, Packet

NEAR, FAR = Address("2001:db8:1::1"), Address("2001:db8:2::1")


def capture(path: Path, flows: int, octets: int = 40) -> Path:
    """Write flows of two datagrams up and one down, each of its own port; the tenth has five times as many."""
    packets = []
    for flow in range(flows):
        for number in range(5 if flow == 9 else 1):
            at, port = flow * 20_000_000 + number * 3_000_000, 20_000 + flow
            packets += [
                (at, Packet(NEAR, FAR, UDP(port, 53, bytes(octets)))),
                (at + 1_000_000, Packet(FAR, NEAR, UDP(53, port, bytes(octets)))),
                (at + 2_000_000, Packet(NEAR, FAR, UDP(port, 53, bytes(octets)))),
            ]
    write(path, sorted(packets, key=lambda each: each[0]))
    return path


def printed(capsys: pytest.CaptureFixture[str], path: Path, *more: str) -> str:
    """Return the lines that `mipflow run` prints about a capture."""
    assert main(["run", "figure2", "--seed", "7", "--traffic", str(path), *more]) == 0
    return capsys.readouterr().out


def test_a_loss_has_its_reason_below_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The largest datagram and a Home Address option are more than a reassembled packet may have (RFC 8200 4.5)."""
    text = " ".join(printed(capsys, capture(tmp_path / "large.pcap", 1, 65507)).split())
    assert re.search(r" up 2 0 2 - - -", text)
    assert "Lost flow 1 up: 2 CN1: reassembled packet: a packet of 65579 octets; expected at most 65575;" in text
    assert "such as a Home Address option, take 24" in text and re.search(r"flow 1 down: 1 MN: reassembled", text)


@pytest.mark.parametrize("duration", [[], ["--duration", "0.03"], ["--duration", "0.5"], ["--duration", "5"]])
def test_what_was_sent_is_received_or_lost_or_still_under_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], duration: list[str]
) -> None:
    """A burst waits in queues long behind its last packet."""
    path = tmp_path / "burst.pcap"
    write(path, [(k * 10_000, Packet(NEAR, FAR, UDP(4000, 5000, bytes(1400)))) for k in range(3000)])
    text = printed(capsys, path, *duration)
    sent, received, lost = map(int, re.findall(r" up +(\d+) +(\d+) +(\d+) ", text)[0])
    under_way = [int(number) for number in re.findall(r"flow 1 up: (\d+) still under way", text)]
    assert sent == received + lost + sum(under_way) == 3000
    assert bool(under_way) == (duration in (["--duration", "0.03"], ["--duration", "0.5"]))


def test_what_is_under_way_of_flows_that_are_not_shown_is_one_line() -> None:
    world = mf.figure2(seed=7)
    flows = [world.mn.open(world.cn1, mf.apps.Voice()) for _ in range(3)]
    world.run(12.05)
    numbers = [sum(meter.in_flight for meter in flow.stats) for flow in flows]
    assert all(numbers)
    *lines, rest = report.under_way_lines(flows, flows[:1])
    assert lines and all(re.fullmatch(r"flow 1 (up|down): \d+ still under way", line) for line in lines)
    assert rest == f"flows that are not shown: {sum(numbers[1:])} still under way"


def test_nothing_lost_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Lost" not in printed(capsys, capture(tmp_path / "few.pcap", 2))


def test_of_many_flows_the_table_has_what_was_asked_for_and_the_largest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flows = report.MOST_FLOWS + 10
    path = capture(tmp_path / "many.pcap", flows)
    move = f"{flows}:cell0@{(flows - 1) * 0.02 + 0.001:.3f}"
    text = printed(capsys, path, "--handover", move, "--min-packets", "100")
    ids = [int(number) for number in re.findall(r"^ *(\d+)  UDP", text, re.MULTILINE)]
    assert len(ids) == report.MOST_FLOWS and {10, flows} <= set(ids)
    assert "10 further flows are not shown; together sent 30, received 30, lost 0." in text
    moved = " ".join(text.split())
    assert f"flow {flows} moves to cell0 and with it 1, 2, 3, " in moved
    assert "39, 40 and 29 more, which share its binding" in moved


def test_a_handover_that_waits_says_what_for() -> None:
    """Eight flows of one correspondent move at once: three updates a second may leave (RFC 6275 section 11.8)."""
    world = mf.figure2(seed=7)
    flows = [world.mn.open(world.cn1, mf.apps.Voice(interval_ms=500)) for _ in range(8)]
    world.run(12)
    moves = [Move(world.now, flow, "cell0", tuple(world.mn.handover(flow, "cell0"))) for flow in flows]
    world.run(1.8)
    turn = "for its turn, as 3 binding updates a second may go to CN1"
    ends = [line.split("; ")[1] for line in report.handover_lines(world, moves)]
    at_once, later, not_yet = ends[:3], ends[3:6], ends[6:]
    assert all(re.fullmatch(r"acknowledged [12]\d\d\.\d ms later", end) for end in at_once)
    assert all(re.fullmatch(rf"acknowledged 1\d\d\d\.\d ms later, it had to wait {turn}", end) for end in later)
    assert not_yet == [f"not acknowledged yet, it waits {turn}"] * 2
    world.run(2)
    assert all(flow.registered_at_cn == flow.care_of_address for flow in flows)


@pytest.mark.parametrize(("settings", "act", "expected"), [
    ({}, lambda w, f: w.mn.handover(f, "cell0", home_follows=True), "the home binding, which goes first"),
    ({"reuse_tokens": False}, lambda w, f: w.mn.interface("wlan0").set_up(False), "the home agent's acknowledgement"),
    ({}, lambda w, f: (w.cn1.interfaces["eth0"].set_up(False), w.mn.handover(f, "cell0")),
     "an answer to its care-of test init, which is sent again"),
])  # fmt: skip
def test_what_a_handover_waits_for_is_traced(settings: Any, act: Callable[..., Any], expected: str) -> None:
    world = mf.figure2(seed=7, **settings)
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(4)
    assert not [d for d in world.trace.decisions() if d.what == WAITS], "a first binding is no handover"
    act(world, flow)
    world.run(2)
    whys = [d.why for d in world.trace.decisions() if d.what == WAITS]
    assert any(why.startswith(f"{flow.home_address} at {flow.cn.address}: {expected}") for why in whys), whys
    assert len(whys) == len(set(whys)), "said once"
