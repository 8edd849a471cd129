"""`check`: a result for every answer, in words, on stdout alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mipflow.course.exercises import checks
from mipflow.course.exercises.checks import check, film, hint, judged, part
from mipflow.course.identity import Student
from mipflow.course.progress import progress
from mipflow.course.source import exercise


def made(source: str, name: str = "count") -> dict[str, Any]:
    """Define a function as a learner's cell does."""
    names: dict[str, Any] = {}
    exec(source, names)
    return {name: names.get(name)}


RIGHT = "def count(letters):\n    return sum({'A': 1, 'B': 2}[letter] for letter in letters)"


def test_a_right_answer_has_all_points(capsys: pytest.CaptureFixture[str]) -> None:
    result = check("99.1", made(RIGHT))
    assert (result.status, result.points, result.of, result.evidence) == ("passed", 4, 4, [])
    assert repr(result) == "check 99.1: passed, 4 of 4 points"
    assert "99.1 · Passed · 4 of 4 points" in capsys.readouterr().out


def test_the_notebooks_names_are_taken_where_no_answers_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mipflow.course.notebook.names", lambda: made(RIGHT))
    assert check("99.1").points == 4


@pytest.mark.parametrize(
    "source",
    [
        "x = 1", "count = None", "count = ...", "def count(letters):\n    raise NotImplementedError('your turn')",
        "def count(letters):\n    'Counts.'",
        "def count(letters):\n    'Counts.'\n    ...", "def count(letters):\n    pass",
        "def count(letters):\n    return",
    ],
)  # fmt: skip
def test_an_unwritten_answer_is_not_attempted_and_leaves_nothing_behind(source: str, nobody: Path) -> None:
    result = check("99.1", made(source))
    assert (result.status, result.points) == ("not attempted", 0) and "count" in result.feedback
    assert not list(nobody.glob("*.json"))


def test_a_function_that_does_nothing_is_told_so_and_an_untouched_one_is_not(nobody: Path) -> None:
    for body in ("pass", "return", "'Counts.'\n    return None"):
        feedback = check("99.1", made(f"def count(letters):\n    {body}")).feedback
        assert feedback.startswith("Your count changes nothing and gives nothing back.")
    for body in ("def count(letters):\n    raise NotImplementedError('your turn')", "count = None", "x = 1"):
        assert check("99.1", made(body)).feedback.startswith("Write count in the cell above")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def count(letters):\n    while True: pass", "took more than 1 s and was stopped"),
        ("def count(letters):\n  while True:\n    try:\n      x = 1\n    except BaseException: pass", "was stopped"),
        ("def count(letters):\n    return 1 / 0", "raised ZeroDivisionError in line 2: division by zero"),
        ("def count(letters):\n    raise SystemExit", "raised SystemExit"),
        ("def count(letters):\n    return count(letters)", "raised RecursionError"),
        ("def count(letters):\n    letters = letters + 'A'", "gave None; expected a number"),
        ("def count(letters):\n    return '1'", "gave '1'; expected a number"),
        ("def count():\n    return 1", "takes 0 arguments; it is called as count(letters)"),
        ("async def count(letters):\n    return 1", "expected a number"),
        ("count = 3", "count is 3; expected a function"),
        ("class count:\n    pass", "expected a function"),
        ("def count(letters):\n    return undefined", "name 'undefined' is not defined"),
        ("def count(letters):\n    return len(input('?'))", "raised EOFError in line 2: nobody answers here"),
        ("import sys\ndef count(letters):\n    sys.exit(1)", "raised SystemExit"),
        ("def count(letters):\n    return [0] * 10**10", "raised MemoryError"),
        ("def count(letters):\n    kept = []\n    while True: kept.append(letters)", "was stopped"),
        ("def count(letters):\n    return '9' * 10**9", "raised MemoryError"),
        (
            "import sys\ndef count(letters):\n    sys.setrecursionlimit(10**6)\n    return count(letters)",
            "raised RecursionError",
        ),
    ],
)  # fmt: skip
def test_a_failing_function_is_told_in_words(
    source: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = check("99.1", made(source))
    said = capsys.readouterr()
    assert (result.status, result.points) == ("error", 0) and words in result.feedback
    assert result.feedback in said.out and said.err == "" and "Traceback" not in said.out


def test_a_function_that_is_slow_in_all_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mipflow.course.exercises.trial.CHECK_S", 0.1)
    source = f"import time\n{RIGHT.replace('return', 'time.sleep(0.06); return')}"
    assert "more than 0.1 s in all" in check("99.1", made(source)).feedback


def test_what_a_function_prints_goes_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    loud = "import sys, warnings\n" + RIGHT.replace(
        "return", "print('secret'); print('loud', file=sys.stderr); warnings.warn('warned'); return"
    )
    assert check("99.1", made(loud)).points == 4
    said = capsys.readouterr()
    assert said.err == "" and "secret" not in said.out and checks.PRINTED in said.out


def test_a_story_of_one_step_is_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    check("99.1", made("def count(letters):\n    return 7"))
    assert "The shortest story that goes wrong:" in capsys.readouterr().out


def test_ten_megabytes_of_print_are_kept_nowhere() -> None:
    import tracemalloc

    loud = RIGHT.replace("return", "print('x' * 10_000_000); return")
    tracemalloc.start()
    assert check("99.1", made(loud)).points == 4
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()


def test_the_square_stops_a_check_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    result = check("99.1", made("def count(letters):\n    raise KeyboardInterrupt"))
    assert (result.status, result.points) == ("error", 0) and "You stopped this" in result.feedback
    assert capsys.readouterr().err == ""


def test_the_memory_that_a_function_may_take_is_its_own() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    check("99.1", made("def count(letters):\n    return [0] * 10**10"))
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_ours_refuses_while_a_learners_function_runs() -> None:
    take = "from mipflow.course.source import exercises_of as take"
    stolen = f"def count(letters):\n    {take}\n    return take('99').total(letters)"
    result = check("99.1", made(stolen))
    assert result.status == "error" and "that is ours, write yours" in result.feedback
    assert check("99.1", made(RIGHT)).points == 4


def test_a_world_does_not_run_inside_a_function() -> None:
    import mipflow as mf

    source = "def count(letters):\n    world.run(1)\n    return 1"
    names: dict[str, Any] = {"world": mf.figure2()}
    exec(source, names)
    assert "may look at worlds but not drive one" in check("99.1", names).feedback


def test_a_known_wrong_version_has_its_own_feedback_and_part_of_the_points() -> None:
    result = check("99.1", made("def count(letters):\n    return len(letters)"))
    assert (result.status, result.points, result.misconception) == ("wrong", 3, "M1")
    assert result.feedback == "For B you gave 1: you counted letters."
    assert [(share.words, share.earned, share.of) for share in result.shares] == [
        ("one letter", 0, 1),
        ("A alone", 3, 3),
    ]


def test_each_lost_part_has_a_story_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    check("99.1", made("def count(letters):\n    return 5 if letters == 'AAA' else len(letters)"))
    said = capsys.readouterr().out
    assert "The shortest story that goes wrong" in said
    assert "Lost, “A alone” (3): the shortest story, in 3 steps:" in said and "due" not in said
    assert "Lost, “one letter”" not in said, "it stands above"
    check("99.1", made("def count(letters):\n    return 6 if letters == 'AAA' else len(letters)"))
    assert "yours 6, due 3" in capsys.readouterr().out


def test_the_due_value_is_not_shown_at_the_first_try() -> None:
    first = check("99.1", made("def count(letters):\n    return len(letters)"))
    assert "due" not in first.evidence[-1]
    again = check("99.1", made("def count(letters):\n    return len(letters)"))
    assert "due" not in again.evidence[-1], "the same answer is no second try"
    assert check("99.1", made("def count(letters):\n    return letters.count('A')")).evidence[-1]["due"] == 2


def test_a_constant_answer_earns_nothing() -> None:
    assert check("99.1", made("def count(letters):\n    return 1 + 0 * len(letters)")).points == 0


@pytest.mark.parametrize("number", ["99.7", "98.1", "x", "", None, 5, ("99.1",), "\ud800"])
def test_an_exercise_that_is_not_there_is_answered_in_words(number: Any, capsys: pytest.CaptureFixture[str]) -> None:
    result = check(number, {})
    assert (result.status, result.points) == ("error", 0) and result.feedback
    hint(number)
    film(number)
    assert capsys.readouterr().err == ""


def test_a_number_may_be_written_without_quotes() -> None:
    assert check(99.1, made(RIGHT)).points == 4


def test_a_judge_that_stumbles_is_no_traceback() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError("it cannot be compared")

        __hash__ = None  # type: ignore[assignment]

    verdict, _ = judged(exercise("99.2"), Odd(), Student())
    assert verdict.status == "error" and "ValueError: it cannot be compared" in verdict.feedback


def test_an_answer_goes_with_the_number_of_the_student() -> None:
    answers = {Student((str(who),)).random("99").randrange(1000) for who in range(20)}
    assert len(answers) > 15


def test_hints_wait_for_attempts(capsys: pytest.CaptureFixture[str]) -> None:
    def said() -> str:
        capsys.readouterr()
        hint("99.1")
        return capsys.readouterr().out

    assert "the first hint waits for your first attempt" in said()
    check("99.1", made("def count(letters):\n    return 7"))
    assert said() == "Hint 1 of 2: Look at B.\n"
    assert "waits for a new attempt" in said()
    check("99.1", made("def count(letters):\n    return 8"))
    assert "Hint 2 of 2: B counts two." in said()
    assert said().count("Hint") == 2 and progress("99").hints("99.1") == 2


def test_a_hint_is_offered_where_one_is_left() -> None:
    assert check("99.1", made("def count(letters):\n    return 7")).next_hint == 'hint("99.1") opens a hint.'
    assert check("99.2", {"number": -1}).next_hint == ""


@pytest.mark.parametrize("begin", ["x", "x" * 5000], ids=["short", "long"])
def test_answers_that_begin_alike_are_two_attempts(begin: str) -> None:
    for end in ("a", "b", "b"):
        check("99.2", {exercise("99.2").answer: [begin + end]})
    assert len(progress("99").attempts("99.2")) == 2


def test_the_same_answer_is_another_attempt_where_another_cell_was_mended() -> None:
    names = made("def count(letters):\n    return sum(KNOWN[letter] for letter in letters)")
    assert check("99.1", names).status == "error"
    names["count"].__globals__["KNOWN"] = {"A": 1, "B": 2}
    assert check("99.1", names).points == 4
    assert [each["status"] for each in progress("99").attempts("99.1")] == ["error", "passed"]


def test_attempts_are_kept_different_ones_only() -> None:
    for _ in range(3):
        check("99.1", made("def count(letters):\n    return len(letters)"))
    check("99.2", {"number": -1})
    assert [each["matched"] for each in progress("99").attempts("99.1")] == ["counts"]
    assert progress("99").attempts("99.2")[0]["said"] == "-1 is not it."


def test_a_part_of_a_lab_is_shown_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert part("99", "who") == "practice"
    assert part("99", "what") is None and "expected one of 'who'" in capsys.readouterr().out
