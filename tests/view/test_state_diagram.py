"""A state machine drawn from its table."""

from __future__ import annotations

import re
from enum import Enum

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.view.drawing.picture import Picture
from mipflow.view.state_diagram import state_diagrams
from tests.view.svg import of_class, state_diagram, texts


class Door(Enum):
    OPEN = "open"
    SHUT = "shut"
    LOCKED = "shut and locked with the key that hangs beside it"


class Hand(Enum):
    PUSH = "somebody pushes"
    TURN_THE_KEY = "somebody turns the key"
    KICK = "somebody kicks"


class Lamp(Enum):
    DARK, RED, GREEN, BLUE, WHITE = "dark", "red", "green", "blue", "white"


TABLE = {
    (Door.OPEN, Hand.PUSH): Door.SHUT, (Door.SHUT, Hand.PUSH): Door.OPEN, (Door.SHUT, Hand.KICK): Door.OPEN,
    (Door.SHUT, Hand.TURN_THE_KEY): Door.LOCKED, (Door.LOCKED, Hand.TURN_THE_KEY): Door.SHUT,
    (Door.LOCKED, Hand.PUSH): Door.LOCKED,
}  # fmt: skip


def lines(picture: Picture) -> list[str]:
    """Return the arrows of a diagram."""
    return [each.get("d", "") for each in of_class(picture, "signal")]


def test_each_pair_of_states_has_one_arrow_and_its_events_on_it() -> None:
    picture = state_diagram("A door", TABLE)
    words = texts(picture)
    assert len(lines(picture)) == len(of_class(picture, "signal-tip")) == 4
    assert words.count("somebody pushes;") + words.count("somebody pushes; ") <= 1 and "somebody kicks" in words
    assert words.count("somebody turns the") == words.count("key") == 2


def test_an_event_that_changes_nothing_stands_in_the_card_of_its_state() -> None:
    words = texts(state_diagram("A door", TABLE))
    assert {"open", "shut", "shut and locked with the", "stays: somebody pushes"} <= set(words)


def test_two_arrows_between_the_same_states_do_not_lie_on_each_other() -> None:
    found = lines(state_diagram("A door", TABLE))
    middles = {re.findall(r"Q(\S+ \S+)", line)[0] for line in found}
    assert len(middles) == len(found)


def test_what_leads_to_a_state_from_nearly_everywhere_stands_in_its_card() -> None:
    states = list(Lamp)
    table = {(state, Hand.PUSH): Lamp.DARK for state in states} | {(Lamp.DARK, Hand.KICK): Lamp.RED}
    picture = state_diagram("A lamp", table)
    assert len(lines(picture)) == 1 and "→ somebody pushes, from" in texts(picture)


def test_the_present_state_is_lit_and_says_what_is_in_it() -> None:
    picture = state_diagram("A door", TABLE, {"open": ["the front door", "the back door"]})
    assert len(of_class(picture, "lit")) == 1 and len(of_class(picture, "card")) == 2
    assert {"now: the front door", "now: the back door"} <= set(texts(picture))
    assert "Now: the front door, the back door." in picture.describe()
    many = state_diagram("Doors", TABLE, {"open": [f"door {number}" for number in range(99)]})
    assert "and 94 more" in texts(many)


def test_what_is_in_a_state_now_is_told_in_full_in_as_many_lines_as_it_needs() -> None:
    picture = state_diagram("A door", TABLE, {"open": ["care-of test of cellular address at CN1"]})
    assert {"now: care-of test of", "cellular address at CN1"} <= set(texts(picture))


def test_several_are_one_picture_with_a_chooser_that_needs_no_script() -> None:
    picture = state_diagrams("Both", {"A door": TABLE, "The same": TABLE}, {})
    assert picture.html.count("<svg") == picture.html.count('type="radio"') == 2
    assert picture.html.count(" checked>") == 1
    assert "<script" not in picture.html and len(picture.rows()) == 2 * len(TABLE)
    other = state_diagrams("Both", {"A door": TABLE, "The same": TABLE}, {})
    assert re.findall(r"mipflow-choice-\d+", picture.html)[0] not in other.html, "each picture has a choice of its own"


def test_rows_and_sentences_say_what_the_table_says() -> None:
    picture = state_diagram("A door", TABLE)
    assert [(r["state"], r["event"], r["next"]) for r in picture.rows()] == [
        (state.value, event.value, following.value) for (state, event), following in TABLE.items()
    ]
    assert "open: somebody pushes leads to shut." in picture.describe()


def test_a_table_without_transitions_is_refused() -> None:
    with pytest.raises(ProtocolMisuse, match="without transitions"):
        state_diagram("Nothing", {})
