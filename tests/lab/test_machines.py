"""The state machines of Mobile IPv6, drawn."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.machines import MACHINES
from mipflow.lab.states import state_machines
from mipflow.lab.world import World
from mipflow.view.state_diagram import FOLDED
from tests.view.svg import check_words, drawing, of_class, state_diagram, texts

PARTS = 40
"""Pieces of an arrow that are looked at."""


@pytest.mark.parametrize("title", MACHINES)
def test_a_diagram_has_every_transition_of_the_table_that_the_protocol_runs_on(title: str) -> None:
    table, picture = MACHINES[title], state_diagram(title, MACHINES[title])
    assert len(picture.rows()) == len(table)
    states = list(type(next(iter(table))[0]))
    assert len(of_class(picture, "card")) == len(states)
    sources = Counter((event, to) for (state, event), to in table.items() if state is not to)
    pairs = {(state, to) for (state, event), to in table.items() if state is not to and sources[event, to] < FOLDED}
    assert len(of_class(picture, "signal")) == len(pairs)
    words = " ".join(texts(picture))
    for event, _ in ((event, to) for (event, to), number in sources.items() if number >= FOLDED):
        assert f"→ {event.value}, from" in words


@pytest.mark.parametrize("title", MACHINES)
def test_its_words_can_be_read(title: str) -> None:
    check_words(state_diagram(title, MACHINES[title]))


@pytest.mark.parametrize("is_lit", [False, True])
@pytest.mark.parametrize("title", MACHINES)
def test_no_arrow_leaves_the_picture_or_runs_below_a_card_or_the_words_of_another(title: str, is_lit: bool) -> None:
    states = type(next(iter(MACHINES[title]))[0])
    present = {state.value: ["home test of H@1 at CN1"] for state in states} if is_lit else {}
    picture = state_diagram(title, MACHINES[title], present)
    _, top, right, height = map(float, drawing(picture).get("viewBox", "").split())
    cards = [box(each) for each in (*of_class(picture, "card"), *of_class(picture, "lit"))]
    words = [box(each) for each in of_class(picture, "blank")]
    arrows = [points(each) for each in of_class(picture, "signal")]
    assert len(words) == len(arrows)
    for arrow in arrows:
        assert all(0 < x < right and top < y < top + height for x, y in arrow)
        for left, upper, to, lower in cards:
            assert not any(left + 2 < x < to - 2 and upper + 2 < y < lower - 2 for x, y in arrow)
    for left, upper, to, lower in words:
        covered = [sum(left < x < to and upper < y < lower for x, y in arrow) for arrow in arrows]
        assert sum(number > 1 for number in covered) <= 1, "no other arrow runs below it, but for a corner"
        assert max(covered) < 0.7 * PARTS, "and its own is to be seen"


def box(element: ElementTree.Element) -> tuple[float, float, float, float]:
    """Return the left, upper, right and lower edge of a rectangle."""
    x, y, width, height = (float(element.get(name, "")) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def points(arrow: ElementTree.Element) -> list[tuple[float, float]]:
    """Return points along the curve of an arrow."""
    x, y, bend_x, bend_y, to_x, to_y = (float(number) for number in re.findall(r"-?[\d.]+", arrow.get("d", "")))
    shares = [part / PARTS for part in range(PARTS + 1)]
    return [
        tuple((1 - s) ** 2 * a + 2 * s * (1 - s) * b + s**2 * c for a, b, c in ((x, bend_x, to_x), (y, bend_y, to_y)))
        for s in shares
    ]  # type: ignore[misc]


def test_all_are_one_picture_with_a_chooser() -> None:
    picture = state_machines()
    assert picture.title == "State machines" and isinstance(picture.figure, dict)
    assert {row["machine"] for row in picture.rows()} == set(MACHINES)
    assert all(title.split(" (")[0] in picture.html for title in MACHINES)


def test_the_present_states_are_lit_at_any_time_of_a_run(world: World) -> None:
    """The witness: the mobile node's own list now, and the time of its binding update in the trace."""
    assert "Now: H@2 at CN1" in state_machines(world, at=6.12).describe()
    sent = "binding update sent: "
    (line,) = [line for line in state_machines(world, at=6.12).describe().split("\n") if line.startswith(sent)]
    assert line.endswith("Now: H@2 at CN1.")
    now = state_machines(world).describe()
    assert {entry.state.value for entry in world.mn.binding_updates} == {"bound"}
    assert "Now: H@1 at HA, H@2 at HA, H@1 at CN1, H@2 at CN1." in now
    assert "Now:" not in state_machines(world, at=0).describe().split("A binding (")[0]


def test_the_movement_of_an_interface_is_lit() -> None:
    """The witness: what the detection of each interface says itself, after an access router has fallen silent."""
    world = mf.figure2(seed=7, advertisements=(0.5, 1.0)).run(4)
    world.network.segments["wlan0"].set_up(False)
    places = set()
    for _ in range(40):
        world.run(0.25)
        told = state_machines(world).describe().split("Movement of an interface")[1]
        for interface, attachment in world.mn.mobility.attachments.items():
            (line,) = [line for line in told.split("\n") if line.startswith(f"{attachment.detection.place.value}: ")]
            assert interface.name in line.split("Now: ")[1]
            places.add(attachment.detection.place)
    assert len(places) > 1
    assert "Now: wlan0, cell0." in state_machines(world, at=3.9).describe().split("Movement of an interface")[1]


def test_a_moment_needs_a_world_and_must_have_come(world: World) -> None:
    with pytest.raises(ProtocolMisuse, match="at=3 of no world"):
        state_machines(at=3)
    with pytest.raises(ProtocolMisuse, match="at=99 has not come"):
        state_machines(world, at=99)


@pytest.mark.parametrize("title", MACHINES)
def test_every_state_can_be_reached_and_left(title: str) -> None:
    table = MACHINES[title]
    states = list(type(next(iter(table))[0]))
    reached, grown = {states[0]}, True
    while grown:
        more = {following for (state, _), following in table.items() if state in reached}
        reached, grown = reached | more, not more <= reached
    assert reached == set(states)
    assert {state for (state, _), following in table.items() if following is not state} == set(states)
