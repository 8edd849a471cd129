"""A state machine drawn from its table."""

from __future__ import annotations

from enum import Enum

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.view.state_diagram import state_diagram


class Door(Enum):
    OPEN = "open"
    SHUT = "shut"
    LOCKED = "shut and locked with the key that hangs beside it"


class Hand(Enum):
    PUSH = "somebody pushes"
    TURN_THE_KEY = "somebody turns the key"
    KICK = "somebody kicks"


TABLE = {
    (Door.OPEN, Hand.PUSH): Door.SHUT, (Door.SHUT, Hand.PUSH): Door.OPEN, (Door.SHUT, Hand.KICK): Door.OPEN,
    (Door.SHUT, Hand.TURN_THE_KEY): Door.LOCKED, (Door.LOCKED, Hand.TURN_THE_KEY): Door.SHUT,
    (Door.LOCKED, Hand.PUSH): Door.LOCKED,
}  # fmt: skip


def test_each_pair_of_states_has_one_arrow_and_its_events_on_it() -> None:
    layout = state_diagram("A door", TABLE).figure["layout"]
    paths = [shape for shape in layout["shapes"] if shape["type"] == "path"]
    heads = [text for text in layout["annotations"] if text["showarrow"]]
    words = sorted(text["text"] for text in layout["annotations"] if not text["showarrow"])
    assert len(paths) == len(heads) == 4
    assert words.count("push, kick") == words.count("push") == 1 and words.count("turn the key") == 2


def test_an_event_that_changes_nothing_stands_in_the_card_of_its_state() -> None:
    layout = state_diagram("A door", TABLE).figure["layout"]
    cards = [text["text"] for text in layout["annotations"] if text["text"].startswith("<b>")]
    assert cards[0] == "<b>open</b>" and cards[1] == "<b>shut</b>"
    assert cards[2].startswith("<b>shut and locked with</b><br>") and cards[2].endswith("<i>stays: push</i>")


def test_two_arrows_between_the_same_states_do_not_lie_on_each_other() -> None:
    layout = state_diagram("A door", TABLE).figure["layout"]
    paths = [shape["path"] for shape in layout["shapes"] if shape["type"] == "path"]
    middles = [tuple(path.split()[4:6]) for path in paths]
    assert len(set(middles)) == len(paths)


def test_rows_and_sentences_say_what_the_table_says() -> None:
    picture = state_diagram("A door", TABLE)
    assert [(r["state"], r["event"], r["next"]) for r in picture.rows()] == [
        (state.value, event.value, following.value) for (state, event), following in TABLE.items()
    ]
    assert "open: somebody pushes leads to shut." in picture.describe()


def test_a_table_without_transitions_is_refused() -> None:
    with pytest.raises(ProtocolMisuse, match="without transitions"):
        state_diagram("Nothing", {})
