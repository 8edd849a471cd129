"""`me`: a number chooses the variant; without one it is practice."""

from __future__ import annotations

from typing import Any

import pytest

from mipflow.course import identity
from mipflow.course.identity import Student, me, student


def drawn(*ids: str | int) -> float:
    me(*ids)
    return student().random("x").random()


def test_without_a_number_it_is_practice_and_variant_0() -> None:
    assert student() == Student() and student().name == "practice"
    assert student().random("07").random() == Student().random("07").random()


def test_a_number_chooses_the_same_each_time_and_another_for_others() -> None:
    assert me("1234567") is student()
    draws = {Student((str(who),)).random("07 links").random() for who in range(100)}
    assert len(draws) == 100
    assert drawn(1234567) == drawn(" 1234567 ")


def test_a_draw_is_the_same_each_time_and_each_thing_is_drawn_by_somebody() -> None:
    dealt = {who: Student((str(who),)).dealt("07 break", "abcd") for who in range(100)}
    assert set(dealt.values()) == set("abcd") and dealt[7] == Student(("7",)).dealt("07 break", iter("abcd"))


def test_a_pair_is_the_same_in_any_order() -> None:
    assert drawn("b", "a") == drawn("A", "b") != drawn("a")
    assert student().name == "a"


@pytest.mark.parametrize("bad", ["", "  ", "x" * 65, "a\nb", None, True, 1.5, ["a"]])
def test_a_wrong_number_is_answered_in_words(bad: Any, capsys: pytest.CaptureFixture[str]) -> None:
    me("7")
    assert me(bad) is None and "expected your student number" in capsys.readouterr().out
    assert student() == Student(("7",))


def test_a_name_can_stand_in_the_name_of_a_file() -> None:
    assert Student(("../x y", "b")).name == "___x_y-b"


def test_marking_takes_the_number_of_the_roster(monkeypatch: pytest.MonkeyPatch) -> None:
    me("mine")
    monkeypatch.setenv(identity.ROSTER, "1+2")
    assert student() == Student(("1", "2"))
    assert me() == me("somebody else") == student(), "and the notebook that is marked says so"


def test_a_number_and_its_form_in_the_name_of_a_file_have_the_same_stories() -> None:
    """A marker knows the name of a zip, and no more."""
    for ids in (("anna.muster",), ("a-1", "b 2")):
        assert Student(ids).random("x").random() == Student(tuple(Student(ids).name.split("-"))).random("x").random()
