"""The comparison of two worlds, held against the traces and meters of both."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.world import World
from mipflow.sim.trace import Dropped


def ran(make: Callable[..., World] = mf.figure2, move: str = "video", after_s: float = 3, **settings: Any) -> World:
    """Run a call and a video to CN1, of which one or all are moved to the cellular network at 8 s."""
    world = make(seed=7, **settings)
    call, video = world.mn.open(world.cn1, mf.apps.Voice()), world.mn.open(world.cn1, mf.apps.Video())
    world.run(8)
    if move in ("video", "call"):
        world.mn.handover(video if move == "video" else call, "cell0")
    elif move:
        world.mn.handover_all("cell0", break_first=move == "break first")
    return world.run(after_s)


@cache
def usual() -> World:
    return ran()


def rows(picture: Any) -> dict[tuple[str, str], dict[str, object]]:
    return {(row["what"], row["flow"]): row for row in picture.rows()}


def lost_since(world: World, flow: int, t_ns: int) -> int:
    """The losses are counted in the trace by hand."""
    drops = [record for record in world.trace.records if isinstance(record, Dropped) and record.t_ns >= t_ns]
    return sum(record.packet.innermost().flow == flow for record in drops)


def test_one_home_address_against_two() -> None:
    """The first sentence is the point of the patent."""
    picture = mf.compare(usual(), ran(mf.figure1), names=("two addresses", "one address"))
    title, first, *more = picture.describe().splitlines()
    assert title == "A: two addresses; B: one address."
    assert first == "The handover at 8.000 s moves the video in A, the call and the video in B; the call stays in A."
    assert any(line.endswith("s on the flows have 2 home addresses in A, 1 home address in B.") for line in more)
    found = rows(picture)
    assert found["flows that move", ""] == {
        "what": "flows that move", "flow": "", "A": "the video", "B": "the call and the video", "at_s": 8.0,
    }  # fmt: skip
    assert found["home address", "video"]["B"] == "H@1"
    assert found["rule method", ""]["B"] == "care-of address per flow"


def test_figure_1_against_plain_mobile_ipv6() -> None:
    """The same flows move, after another time: the home binding goes first."""
    one, other = ran(mf.figure1), ran(mf.plain_mobile_ipv6, "all")
    picture = mf.compare(one, other)
    took = rows(picture)["time to another road", "call"]
    for name, world in (("A", one), ("B", other)):
        cache = [
            record.t_ns for record in world.trace.changes()
            if record.node == "CN1" and record.change.table == "binding cache" and record.t_ns > 8e9
        ]  # fmt: skip
        assert took[name] == f"{cache[0] / 1e6 - 8000:.0f} ms"
    assert f"takes another road after {took['A']} in A, after {took['B']} in B" in picture.describe()


def test_make_before_break_against_break_before_make() -> None:
    one, other = ran(move="all"), ran(move="break first")
    picture, since = mf.compare(one, other), 8 * 10**9
    for flow in (1, 2):
        name = one.flow_names()[flow]
        row = rows(picture)["lost packets", name]
        assert (row["A"], row["B"]) == (str(lost_since(one, flow, since)), str(lost_since(other, flow, since)))
        assert row["A"] == "0" and int(str(row["B"])) > 5 and 8 <= float(str(row["at_s"])) < 8.5
    assert "Of the call none in A and" in picture.describe()
    silence = rows(picture)["longest silence to the mobile node", "call"]
    assert silence["B"] == f"{other.flows()[0].stats.down.longest_gap_ms:.0f} ms"


def test_a_far_home_agent() -> None:
    far = ran(links={"Internet-HA": mf.Link(delay_ms=100, rate_bps=1_000_000_000)})
    picture = mf.compare(usual(), far)
    assert rows(picture)["link Internet-HA, delay ms", ""] == {
        "what": "link Internet-HA, delay ms", "flow": "", "A": "10", "B": "100", "at_s": None
    }  # fmt: skip
    assert "The first event that differs, at 1.0" in picture.describe()
    assert "The mean delay of the call" in picture.describe()


def test_another_assignment_rule() -> None:
    """Address and time are those of the mobile node's table in the trace."""
    other = ran(rules=mf.AssignmentRules(never_primary=True))
    picture = mf.compare(usual(), other)
    since = [
        next(
            each.t_ns for each in world.trace.changes()
            if each.change.table == "flow mapping table" and (each.change.after or {}).get("home_address")
        ) / 1e9
        for world in (usual(), other)
    ]  # fmt: skip
    told = f"H@1 in A (since {since[0]:.3f} s), H@2 in B (since {since[1]:.3f} s)."
    assert f"The call has the home address {told}" in picture.describe()
    assert rows(picture)["home address", "call"]["at_s"] == min(since)
    assert rows(picture)["rule never primary", ""]["B"] == "True"


def test_the_rule_that_readme_names_makes_both_flows_move() -> None:
    together = mf.AssignmentRules(together=lambda flow: "meeting")
    first, second, *_ = mf.compare(usual(), ran(rules=together)).lead()
    assert first == "The handover at 8.000 s moves the video in A, the call and the video in B; the call stays in A."
    assert second.startswith("From ") and second.endswith("the flows have 2 home addresses in A, 1 home address in B.")


def test_the_first_event_that_differs() -> None:
    """Nothing differs before it, and the sentence says when."""
    one, other = usual(), ran(move="call")
    row = rows(mf.compare(one, other))["first event", ""]
    assert row["at_s"] == 8.0 and "the video" in str(row["A"]) and "the call" in str(row["B"])


def test_only_one_has_a_handover() -> None:
    told = mf.compare(ran(move=""), usual()).describe()
    assert "Only B has a handover at 8.000 s: The mobile node is asked to move the video" in told


@pytest.mark.parametrize("other", [usual, ran])
def test_the_same_twice(other: Callable[[], World]) -> None:
    picture = mf.compare(usual(), other())
    assert picture.describe().splitlines()[1] == "No difference: both did the same, packet by packet."
    assert picture.rows() == []


def test_other_bytes_only() -> None:
    """A smaller window than the runs, in which other random numbers tell nothing."""
    world = mf.figure2(seed=8)
    for app in (mf.apps.Voice(), mf.apps.Video()):
        world.mn.open(world.cn1, app)
    world.run(11)
    assert "No difference in what is told" in mf.compare(usual(), world, 4, 6).describe()


def test_runs_of_different_length_are_compared_where_both_are() -> None:
    picture = mf.compare(usual(), ran(after_s=5))
    why = "they are of whole runs (11 s in A, 13 s in B), and this is 0.000 s to 11.000 s."
    assert f"not compared: {why}" in picture.describe()
    assert ("mean delay to the mobile node", "video") not in rows(picture)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ProtocolMisuse, match=r"nothing has run yet: world\.run\(10\) first, with the world `other`"):
        mf.compare(usual(), mf.figure2())
    with pytest.raises(ProtocolMisuse, match="other=7; expected a world"):
        mf.compare(usual(), 7)  # type: ignore[arg-type]
    with pytest.raises(ProtocolMisuse, match="is no span of time"):
        mf.compare(usual(), usual(), 12)
    for names in (("one",), ("same", "same"), "ab", ("", "two"), 7):
        with pytest.raises(ProtocolMisuse, match="expected two different words"):
            mf.compare(usual(), usual(), names=names)  # type: ignore[arg-type]


def test_hostile_names_are_text() -> None:
    picture = mf.compare(usual(), ran(mf.figure1), names=("<script>alert(1)</script>", "‮" + "x" * 200))
    lead, *figures, controls, board = (bundle["text/html"] for bundle in picture.bundles())
    assert len(figures) == 2 and "&lt;script&gt;alert(1)" in board
    assert "<script>alert" not in lead + controls + board + "".join(figures)
