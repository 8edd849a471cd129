"""The state machines of Mobile IPv6, drawn."""

from __future__ import annotations

import pytest

from mipflow.lab.machines import MACHINES, state_machines
from mipflow.view.picture import Picture


@pytest.fixture(scope="module")
def pictures() -> dict[str, Picture]:
    return {picture.title: picture for picture in state_machines()}


@pytest.mark.parametrize("title", MACHINES)
def test_a_diagram_has_every_transition_of_the_table_that_the_protocol_runs_on(
    pictures: dict[str, Picture], title: str
) -> None:
    table = MACHINES[title]
    assert len(pictures[title].rows()) == len(table)
    shapes = pictures[title].figure["layout"]["shapes"]
    pairs = {(state, following) for (state, _), following in table.items() if state is not following}
    assert sum(shape["type"] == "path" for shape in shapes) == len(pairs)
    assert sum(shape["type"] == "rect" for shape in shapes) == len(type(next(iter(table))[0]))


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


@pytest.mark.parametrize("title", MACHINES)
def test_no_label_lies_on_the_card_of_a_state(pictures: dict[str, Picture], title: str) -> None:
    layout = pictures[title].figure["layout"]
    cards = [shape for shape in layout["shapes"] if shape["type"] == "rect"]
    labels = [text for text in layout["annotations"] if text["text"] and not text["text"].startswith("<b>")]
    assert labels
    for text in labels:
        assert not any(c["x0"] < text["x"] < c["x1"] and c["y0"] < text["y"] < c["y1"] for c in cards), text["text"]
