"""tests/benchmarks/peers: the same work comes out of all simulators that are here as it was worked out without one."""

from __future__ import annotations

import pytest

from mipflow.sim.trace import Mode
from tests.benchmarks import compared
from tests.benchmarks.peers import ours, side_by_side
from tests.benchmarks.peers.side_by_side import SIMULATORS, check, here
from tests.benchmarks.peers.work import FLOWS, LINKS, Measured, mean_delays_ms
from tests.benchmarks.ways import WAYS

LENGTH_S = 1
PACKETS = sum(LENGTH_S * 1_000_000 // flow.interval_us for flow in FLOWS)


def test_the_mean_delays_are_those_worked_out_by_hand() -> None:
    """Only the first link queues: 2.192 ms for a large packet, 0.832 for a small one, two of ten of which wait."""
    large = 2.192 + 34 + 548 * 8 * (2 / 1e5 + 2 / 1e6)
    small = (2.192 + 0.832 + (2.192 + 2 * 0.832 - 2) + 8 * 0.832) / 10 + 34 + 208 * 8 * (2 / 1e5 + 2 / 1e6)
    assert mean_delays_ms() == pytest.approx([large, small], abs=1e-9)


@pytest.mark.parametrize("trace", compared.MODES)
@pytest.mark.parametrize("trains", WAYS)
def test_our_plain_nodes_have_them_to_the_nanosecond(trace: Mode, trains: bool) -> None:
    run = ours.run(LENGTH_S, trace, trains)
    assert run.hops == PACKETS * len(LINKS)
    assert run.delays_ms == pytest.approx(mean_delays_ms(), abs=1e-9)


def test_lines_divide_round_by_round_by_the_heap_by_no_trains_and_by_others() -> None:
    def row(who: str, work: str, trains: bool | None, trace: bool | None, *hops: int) -> compared.Row:
        return compared.Row(who, work, trains, trace, [Measured(each, 1.0, ()) for each in hops])

    rows = [
        row("bare heap", "", None, None, 1000, 2000, 4000),
        row("mipflow", compared.MOBILE, False, False, 300, 400, 1200),
        row("mipflow", compared.MOBILE, True, False, 1200, 1200, 6000),
        row("ns.py (1)", compared.PLAIN, None, None, 30, 50, 60),
    ]
    slow, fast = (f"mipflow, {compared.MOBILE}, trains {state}, trace off" for state in ("off", "on"))
    assert list(compared.lines(rows)) == [
        ("bare heap", "1.000 of the bare heap, 2,000/s", ""),
        (slow, "0.300 of the bare heap, 400/s", "at least 0.28"),
        ("  divided by ns.py (1)", "10.00", "at least 8"),
        (fast, "1.200 of the bare heap, 1,200/s", ""),
        ("  divided by no trains", "4.00", "at least 5"),
        (f"ns.py (1), {compared.PLAIN}", "0.025 of the bare heap, 50/s", ""),
    ]


def test_a_wrong_delay_is_told() -> None:
    run = ours.run(LENGTH_S)
    check("ours", run)
    with pytest.raises(AssertionError, match=r"35\.19"):
        check("ours", run._replace(delays_ms=(run.delays_ms[0], run.delays_ms[1] + 0.001)))


@pytest.mark.slow
def test_each_simulator_that_is_here_agrees() -> None:
    for each in here():
        run = each.run(LENGTH_S)
        assert run.hops == PACKETS * len(LINKS), each.name
        check(each.name, run, each.header)


def test_a_simulator_that_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = tuple(each._replace(version=lambda: "") for each in SIMULATORS)
    monkeypatch.setattr(side_by_side, "SIMULATORS", absent)
    assert side_by_side.here() == []
    for words, each in zip(side_by_side.missing(), absent, strict=True):
        assert words.startswith(f"{each.name} is not here") and "install " in words
