"""The counts of a class: answers by confidence, beliefs to reteach, the gain; other files in the folder."""

from __future__ import annotations

import csv
import json
import re
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mipflow import cli
from mipflow.course.classroom.classroom import Classroom, Section, as_text
from mipflow.errors import DatasetError

TEST = '''
from mipflow.course.predictions import GAP, Answer, Question

def answers(first, second):
    return {
        "a": Answer("Right.", "Why."), "b": Answer("Wrong.", "", first), "c": Answer("Wrong too.", "", second),
        "x": Answer("Not yet.", "", GAP),
    }

QUESTIONS = {
    f"TEST-{form}{number}": Question(
        f"TEST-{form}{number}", f"{form} asks {number}?", answers(f"M{number}", f"M{number}b"), is_test=True,
        like="" if form == "A" else f"TEST-A{number}")
    for number in range(1, 5) for form in "AB"
}
EXERCISES = []
'''


@pytest.fixture(autouse=True)
def tests(nobody: Path) -> None:
    """Put lab 99, two tests of four questions and a catalogue of beliefs into a folder."""
    for test in ("pre", "post"):
        (nobody / "exercises" / f"{test}.py").write_text(TEST.replace("TEST", test))
    (nobody.parent / "datasets" / "captures").mkdir(parents=True)
    (nobody.parent / "datasets" / "misconceptions.csv").write_text('id,belief,labs\nM1,"one, and only one",99\n')


@pytest.fixture
def handed(tmp_path: Path) -> Path:
    """Make the folder into which zips are put."""
    folder = tmp_path / "handed"
    folder.mkdir()
    return folder


Votes = Mapping[str, str | Sequence[str]]


def entries(said: str | Sequence[str], at: str) -> list[dict[str, Any]]:
    """Make votes of words such as "a!" (certain), "a" (fairly sure), "a?" (guessing), "a-" (not said)."""
    sure = {"!": "certain", "?": "guessing", "-": None}
    return [
        {"at": f"{at}T10:00:0{place}+00:00", "answer": each[0], "confidence": sure.get(each[1:], "fairly sure")}
        for place, each in enumerate([said] if isinstance(said, str) else said)
    ]


def progress_of(who: Sequence[str], lab: str, votes: Votes, at: str = "2026-03-01") -> dict[str, Any]:
    predictions = {name: entries(said, at) for name, said in votes.items()}
    return {"form": 1, "lab": lab, "who": list(who), "attempts": {}, "predictions": predictions, "hints": {}}


def hand(folder: Path, who: str, lab: str, votes: Votes, at: str = "2026-03-01", name: str = "") -> Path:
    """Make one submission, as a learner does."""
    called = f"lab{lab}" if lab.isdecimal() else lab
    path = folder / (name or f"{who}-{called}.zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(f"{lab}_book.ipynb", "{}")
        packed.writestr(f"progress-{called}.json", json.dumps(progress_of(who.split("+"), lab, votes, at)))
    return path


def section(folder: Path, heading: str) -> Section:
    return next(each for each in Classroom(folder).sections() if each.heading == heading)


# --- by question ------------------------------------------------------------------------------------------------------


def test_answers_are_counted_by_confidence_before_and_after_talking_to_the_neighbor(handed: Path) -> None:
    for who, said in {"1": ["a!", "b"], "2": ["a!", "a!"], "3": "a?", "4": "b-", "5": ["b", "a?"]}.items():
        hand(handed, who, "99", {"99": said})
    told = section(handed, "99")
    assert told.words == ["What will it be?", "5 answered, 3 of them once more."]
    assert told.rows == [
        {"answer": "a", "shows": "M1", "before": "3 (1, 0, 2)", "after": "3 (2, 0, 1)", "in words": "One."},
        {"answer": "b", "shows": "right", "before": "2 (0, 1, 0)", "after": "2 (0, 1, 0)", "in words": "Two."},
    ]
    counts = [row for row in Classroom(handed).counts() if row["learners"]]
    assert sum(row["learners"] for row in counts if row["when"] == "before") == 5  # type: ignore[misc]
    assert {"not said"} == {row["confidence"] for row in counts if row["answer"] == "b"} - {"fairly sure"}


def test_both_forms_of_a_test_are_counted_together(handed: Path) -> None:
    hand(handed, "1", "pre", {"pre-A1": "b!", "pre-A2": "x"})
    hand(handed, "2", "pre", {"pre-B1": "b?"})
    told = section(handed, "pre-A1")
    assert told.words[0] == "A asks 1?" and told.words[1] == "2 answered."
    assert [row["answered"] for row in told.rows] == ["0 (0, 0, 0)", "2 (1, 0, 1)", "0 (0, 0, 0)", "0 (0, 0, 0)"]
    assert [row["shows"] for row in section(handed, "pre-A2").rows] == ["right", "M2", "M2b", "gap"]


def test_a_pair_is_one_whatever_the_order_of_its_numbers_and_the_latest_of_one_lab_counts(handed: Path) -> None:
    hand(handed, "7+8", "99", {"99": "a"}, "2026-03-02", "late.zip")
    hand(handed, "8+7", "99", {"99": "b"}, "2026-03-01", "z-early.zip")
    assert [row["before"] for row in section(handed, "99").rows] == ["1 (0, 1, 0)", "0 (0, 0, 0)"]
    (handed / "copy").mkdir()
    (handed / "copy" / "late.zip").write_bytes((handed / "late.zip").read_bytes())
    assert "of which the latest counts: 1." in as_text(Classroom(handed).sections()), "a copy is no other one"


def test_nbgraders_folder_is_read_too_and_two_without_a_number_are_two(handed: Path) -> None:
    for who, lab, votes in (
        ("ann", "lab99", {"99": "a"}), ("bob", "lab99", {"99": "a"}), ("ann", "pre", {"pre-A1": "a"}),
        ("bob", "pre", {"pre-A1": "a"}), ("ann", "post", {"post-A1": "a"}), ("bob", "post", {"post-A1": "a"}),
    ):  # fmt: skip
        folder = handed / "submitted" / who / lab
        folder.mkdir(parents=True)
        text = json.dumps(progress_of(["practice"], lab.removeprefix("lab"), votes))
        (folder / f"progress-{lab}.json").write_text(text)
        (folder / "timestamp.txt").write_text("x")
    assert "6 submissions of 2 learners" in section(handed, "The class").words[0]
    assert section(handed, "From the pre-test to the post-test").rows[0]["learners"] == 2


# --- what to reteach --------------------------------------------------------------------------------------------------


def held(folder: Path) -> list[tuple[object, ...]]:
    return [
        (row["belief"], row["certain"], row["hold it"], row["were asked"])
        for row in section(folder, "Reteach this first").rows
    ]


def test_most_certain_and_wrong_comes_first_then_most_who_hold_it(handed: Path) -> None:
    votes = ("b!", "b?", "c"), ("b!", "b?", "b"), ("a", "b?", "a!"), ("a", "x", "c!")
    for who, (one, two, three) in enumerate(votes):
        hand(handed, str(who), "pre", {"pre-A1": one, "pre-B2": two, "pre-A3": three})
    assert held(handed) == [("M1", 2, 2, 4), ("M3b", 1, 2, 4), ("M2", 0, 3, 4), ("M3", 0, 1, 4)]
    first = section(handed, "Reteach this first")
    assert first.rows[0]["in words"] == "one, and only one" and first.words[0].startswith("Rule: ")


def test_the_last_answer_to_a_question_that_offers_a_belief_says_whether_it_is_held(handed: Path) -> None:
    hand(handed, "1", "pre", {"pre-A1": "b!"}, "2026-03-01")  # met in lab 99, by the neighbor
    hand(handed, "1", "99", {"99": ["a!", "b!"]}, "2026-03-02")
    hand(handed, "2", "pre", {"pre-A1": "a!", "pre-A2": "b!"}, "2026-03-01")  # taken up after the test
    hand(handed, "2", "99", {"99": "a!"}, "2026-03-02")
    hand(handed, "2", "post", {"post-B2": "c"}, "2026-03-03")
    assert held(handed) == [("M1", 1, 1, 2), ("M2b", 0, 1, 1)]


def test_where_nobody_is_certain_and_wrong_that_is_said(handed: Path) -> None:
    hand(handed, "1", "99", {"99": "b!"})
    told = section(handed, "Reteach this first")
    assert told.words[0] == "Nobody is certain and wrong." and told.rows == []


# --- the gain ---------------------------------------------------------------------------------------------------------


def written(folder: Path, who: str, form: str, before: str, after: str) -> None:
    """Hand in both tests of a learner, four letters each; the second in the other form."""
    other = "AB"["BA".index(form)]
    for test, which, letters in (("pre", form, before), ("post", other, after)):
        hand(folder, who, test, {f"{test}-{which}{n}": letter for n, letter in enumerate(letters, 1) if letter != " "})


def test_the_gain_is_that_of_the_means_for_the_class_and_by_the_form_that_came_first(handed: Path) -> None:
    written(handed, "1", "A", "abcx", "aaab")
    written(handed, "2", "A", "aabb", "aaaa")
    written(handed, "3", "B", "bbbb", "aa  ")
    hand(handed, "4", "post", {"post-A1": "a"})
    told = section(handed, "From the pre-test to the post-test")
    # Means 1, 2, 0 of 4 before, and 3, 4, 2 after: (3 - 1) / (4 - 1).
    assert told.rows == [
        {"who": "all", "learners": 3, "pre": "1.0", "post": "3.0", "gain": "0.67"},
        {"who": "form A first", "learners": 2, "pre": "1.5", "post": "3.5", "gain": "0.80"},
    ], "one who began with form B is no class"
    assert "(post - pre) / (4 - pre)" in told.words[0] and told.words[1].endswith("one of the two only: 1.")


def test_no_gain_is_told_of_a_person(handed: Path) -> None:
    written(handed, "1", "A", "abcx", "aaab")
    hand(handed, "2", "pre", {"pre-A1": "a"})
    told = section(handed, "From the pre-test to the post-test")
    assert told.rows == () and told.words[0].startswith("No gain is told: 1 learner wrote both")


def test_a_class_that_knew_all_gains_nothing_and_one_that_forgot_less(handed: Path) -> None:
    for who in "12":
        written(handed, who, "A", "aaaa", "aaaa")
    assert section(handed, "From the pre-test to the post-test").rows[0]["gain"] == "nothing was left to learn"
    for who in "34":
        written(handed, who, "A", "aabb", "bbbb")
    assert section(handed, "From the pre-test to the post-test").rows[0]["gain"] == "-1.00"


# --- bad input --------------------------------------------------------------------------------------------------------


def test_other_files_are_named_and_skipped(handed: Path) -> None:
    good = hand(handed, "1", "99", {"99": "a"})
    whole = good.read_bytes()
    (handed / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (handed / "empty.zip").write_bytes(b"")
    (handed / "notes.txt").write_text("not asked for")
    (handed / "folder.zip").mkdir()
    (handed / "nowhere.ZIP").symlink_to("nowhere")
    hand(handed, "2", "42", {"42": "a"})
    with zipfile.ZipFile(handed / "photos.zip", "w") as packed:
        packed.writestr("beach.jpg", "x")
    (handed / "progress-lab99.json").write_text('{"form": 1')
    for name, kept in {
        "newer": progress_of(["3"], "99", {}) | {"form": 2, "kit": "9.9"},
        "nobody": progress_of(["3"], "99", {}) | {"who": 5},
        "where": progress_of(["3"], "../99", {}),
        "list": progress_of(["3"], "99", {}) | {"predictions": [1]},
    }.items():
        with zipfile.ZipFile(handed / f"{name}.zip", "w") as packed:
            packed.writestr("progress-lab99.json", json.dumps(kept))
    classroom = Classroom(handed)
    assert [each.learner for each in classroom.submissions] == ["1"]
    for name, said in {
        "cut.zip": "no zip of a lab", "empty.zip": "no zip of a lab", "nowhere.ZIP": "No such file", "photos.zip":
        "holds no progress", "progress-lab99.json": "cannot be read", "newer.zip": "newer kit", "nobody.zip":
        "does not say whose", "where.zip": "is no exercise", "list.zip": "cannot be read",
        "2-lab42.zip": "lab 42 has no",
    }.items():  # fmt: skip
        assert [told for told in classroom.skipped if name in told and said in told], (name, classroom.skipped)
    assert len(classroom.skipped) == 10 and all("\n" not in told for told in classroom.skipped)


def test_answers_that_no_lab_here_asks_for_are_left_out_and_said(handed: Path) -> None:
    hand(handed, "1", "99", {"99": ["q", "a", "b", "a"], "99-gone": "a"})
    told = as_text(Classroom(handed).sections())
    assert "left out: 2." in told and "1 answered, 1 of them once more." in told
    assert [row["after"] for row in section(handed, "99").rows] == ["0 (0, 0, 0)", "1 (0, 1, 0)"]


def test_without_the_catalogue_beliefs_are_told_by_their_numbers(handed: Path, nobody: Path) -> None:
    (nobody.parent / "datasets" / "misconceptions.csv").write_bytes(b"\xff\xfe")
    hand(handed, "1", "99", {"99": "a!"})
    assert held(handed) == [("M1", 1, 1, 1)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["a", "certain"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["99", "answer", "at", "confidence", "why", "x"]), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["form", "lab", "who", "attempts", "predictions", "hints"]), JSON) | JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_somebody_writes_into_a_file_of_progress_is_counted_or_named(handed: Path, odd: Any) -> None:
    hand(handed, "1", "99", {"99": "a"})
    text = json.dumps(progress_of(["2"], "99", {}) | odd if isinstance(odd, dict) else odd)
    (handed / "progress-lab99.json").write_text(text)
    classroom = Classroom(handed)
    assert len(classroom.submissions) + len(classroom.skipped) == 2
    assert as_text(classroom.sections()) and list(classroom.counts())


# --- the door ---------------------------------------------------------------------------------------------------------


def test_the_door_prints_and_saves(handed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for who in "12":
        written(handed, who, "A", "b x ", "aaaa")
    (handed / "<b>.zip").write_text("no zip")
    page, rows = tmp_path / "class.html", tmp_path / "class.csv"
    assert cli.main(["class", str(handed), "--html", str(page), "--csv", str(rows)]) == 0
    said = capsys.readouterr()
    assert said.err == "" and "Reteach this first\n" in said.out
    assert re.search("^all +2 +0.0 +4.0 +1.00$", said.out, re.MULTILINE)
    html = page.read_text()
    assert "<th scope='col'>gain</th>" in html and "&lt;b&gt;.zip" in html and "<b>.zip" not in html
    with rows.open(newline="") as file:
        counts = list(csv.DictReader(file))
    assert {row["question"] for row in counts} == {f"{test}-A{n}" for test in ("pre", "post") for n in range(1, 5)} - {
        "pre-A2", "pre-A4"
    }
    assert sum(int(row["learners"]) for row in counts if row["when"] == "after") == 12


@pytest.mark.parametrize("name", ["nothing here", "file.txt", "empty", "foreign"])
def test_where_nothing_was_handed_in_the_door_says_so_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "photos.zip").write_text("x")
    assert cli.main(["class", str(tmp_path / name)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("mipflow: ") and said.err.count("\n") == 1
    assert ("is no folder" in said.err) == (name in ("nothing here", "file.txt"))
    assert ("photos.zip" in said.err) == (name == "foreign")


def test_a_page_that_cannot_be_written_is_said_in_one_line(handed: Path) -> None:
    hand(handed, "1", "99", {"99": "a"})
    for option in ("--html", "--csv"):
        assert cli.main(["class", str(handed), option, str(handed / "gone" / "page")]) == 2
    with pytest.raises(DatasetError, match="is no folder"):
        Classroom(handed / "1-lab99.zip")


def test_a_class_of_three_hundred_takes_seconds(handed: Path) -> None:
    for who in range(300):
        hand(handed, str(who), "99", {"99": ["a!", "b"]})
    before = time.process_time()
    assert as_text(Classroom(handed).sections()).count("300") >= 3
    assert time.process_time() - before < 5
