"""Functions judged by stories: what came of one call."""

from __future__ import annotations

from mipflow.course.stories import outcome
from mipflow.errors import FunctionFailed


def test_an_outcome_is_an_answer_or_how_a_function_failed() -> None:
    def guarded() -> None:
        raise FunctionFailed("your assign() raised KeyError: 3") from KeyError(3)

    def gave() -> None:
        raise FunctionFailed("your assign() gave 3")

    assert outcome(max, 2, 3) == (3, "", "")
    assert outcome(guarded) == (None, "raised KeyError", "your assign() raised KeyError: 3")
    assert outcome(gave) == (None, "raised nothing", "your assign() gave 3")
    assert outcome(lambda: 1 // 0) == (None, "raised ZeroDivisionError", "")
