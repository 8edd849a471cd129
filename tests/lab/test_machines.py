"""The state machines of Mobile IPv6, drawn."""

from __future__ import annotations

from collections import Counter

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.machines import MACHINES
from mipflow.lab.states import state_machines
from mipflow.lab.world import World
from mipflow.view.state_diagram import FOLDED, state_diagram
from tests.view.svg import check_words, of_class, texts


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
