"""The judge of a function: stories that are told in order of length. Pure.

The first story that goes wrong is a shortest one. The outcomes of a wrong function in all stories are its signature:
the known wrong version with the same signature, or nearly the same, has the feedback that names the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from mipflow.course.exercises.exercise import MOST_WORDS, Share, Step, Verdict, failed
from mipflow.course.exercises.trial import Trial
from mipflow.course.identity import Student
from mipflow.errors import FunctionFailed, class_name

ENOUGH = 0.65
"""The part of the wrong outcomes of two programs that has to agree for one to stand for the other."""
SAME = 0.999
"""The same part for a version that agrees in all stories."""
RAISED = "raised "
"""The beginning of `Step.got` where the function did not come to an answer."""

SIGNED, AGAIN = 330, 60
"""The number of shortest stories that make the signature, and the number that are told twice."""
REMEMBERS = (
    "Not yet. In one and the same situation your function gave {first}, and later {then}: it keeps something from call"
    " to call, or draws lots. All that counts stands in the arguments."
)
"""The feedback for a function that answers one question in two ways."""

Story = tuple[Hashable, tuple[str, ...]]
"""The beginning of a story, and its events."""
Begin = Callable[[Any, Student], Any]
"""Gives the state at the beginning of a story; the state is never changed."""
Go = Callable[[Callable[..., Any], Any, str, Student], tuple[Any, Step | None]]
"""Plays one event: gives the state after it, None where the story ends, and the step if the function was called."""


class Criterion(NamedTuple):
    """A part of the points, earned where every step that concerns it is right, and at least one does.

    `holds(step)`: True or False where the step concerns it, else None.
    """

    words: str
    points: int
    holds: Callable[[Step], bool | None]


@dataclass(slots=True, frozen=True)
class Wrong:
    """A known wrong version: its feedback, with {names} of `Step.values`, programs that behave so, and the belief.

    `shows(step)` picks, among the steps that go wrong, those that the feedback speaks of; `is_it(steps)` knows the
    version by the steps of the shortest story that goes wrong, whatever else it does. `clearest(step)` picks the step
    to show where there is one, such as one that no other version gets wrong in this way.
    """

    name: str
    feedback: str
    programs: tuple[Callable[..., Any], ...] = ()
    misconception: str | None = None
    shows: Callable[[Step], bool] = lambda step: True
    is_it: Callable[[Sequence[Step]], bool] | None = None
    clearest: Callable[[Step], bool] = lambda step: False


@dataclass(slots=True, kw_only=True)
class Stories:
    """Judges a function. `name`, `parameters`: as it is called; `check`: says what is wrong with a result.

    tell: gives all stories for a student, in order of length, each after those that it begins with; begin, go: play a
    story, which ends where the function raises. wrong: the known versions; kinds: where none of them fits, the first
    that `shows` the step that goes wrong has the feedback; unknown: the feedback where none does. remembers: the
    feedback for a function that answers one question in two ways, with {first} and {then}; passed: gives the words for
    a right one; withheld: attributes of ours that refuse meanwhile. explains: names the rule that all answers follow,
    where no known version does the very same; sort: the class of an answer: one that is always of the same class earns
    nothing.
    """

    name: str
    parameters: str
    check: Callable[..., str]
    tell: Callable[[Student], Sequence[Story]]
    begin: Begin
    go: Go
    points: int
    wrong: Sequence[Wrong]
    criteria: Sequence[Criterion]
    unknown: str
    passed: Callable[[Callable[..., Any], Student], str]
    withheld: tuple[tuple[Any, str], ...] = ()
    kinds: Sequence[Wrong] = ()
    remembers: str = REMEMBERS
    explains: Callable[[Sequence[Sequence[Step]], Step], Wrong | None] = lambda plays, failing: None
    sort: Callable[[Step], Hashable] = lambda step: step.answer
    _known: dict[tuple[str, ...], list[tuple[Wrong, list[Hashable]]]] = field(default_factory=dict)

    def __call__(self, function: Any, student: Student) -> Verdict:
        """Return the verdict on a learner's function."""
        try:
            trial = Trial(self.name, function, self.parameters, self.check, self.withheld)
        except FunctionFailed as error:
            return failed(error)
        known = self._versions(student)  # before the learner's runs, which may not use ours
        plays: list[list[Step]] = []
        for steps in self.plays(trial, self.tell(student), student):
            plays.append(steps)
            if steps and _raised(steps[-1]):
                break  # it would again, and each time may take long
        verdict = self._verdict(plays, known, function, student)
        return verdict if verdict.status != "wrong" else self._again(trial, plays, verdict, student)

    def _again(
        self, trial: Callable[..., Any], plays: Sequence[list[Step]], verdict: Verdict, student: Student
    ) -> Verdict:
        """Return the verdict after the shortest stories are told once more: a function may answer otherwise now."""
        told = self.plays(trial, self.tell(student)[:AGAIN], student)
        for steps, others in zip(plays, told, strict=False):
            for step, other in zip(steps, others, strict=False):
                if step.got != other.got:
                    said = self.remembers.format_map({**step.values, "first": step.answer, "then": other.answer})
                    return replace(verdict, feedback=said, misconception=None, steps=others, matched="remembers")
        return verdict

    def plays(self, function: Callable[..., Any], stories: Iterable[Story], student: Student) -> Iterator[list[Step]]:
        """Give the steps of each story with a function; a beginning that stories share is played once."""
        played: dict[Story, tuple[Any, list[Step]]] = {}

        def upto(start: Hashable, events: tuple[str, ...]) -> tuple[Any, list[Step]]:
            if (start, events) not in played:
                if not events:
                    return self.begin(start, student), []
                state, steps = upto(start, events[:-1])
                if state is not None:
                    state, step = self.go(function, state, events[-1], student)
                    steps = steps if step is None else [*steps, step]
                played[start, events] = state, steps
            return played[start, events]

        yield from (upto(*story)[1] for story in stories)

    def play(self, function: Callable[..., Any], story: Story, student: Student) -> list[Step]:
        """Return the steps of one story."""
        return next(self.plays(function, [story], student))

    def _verdict(
        self, plays: list[list[Step]], known: list[tuple[Wrong, list[Hashable]]], function: Callable[..., Any],
        student: Student,
    ) -> Verdict:  # fmt: skip
        is_broken = bool(plays and plays[-1]) and _raised(plays[-1][-1])
        failing = plays[-1] if is_broken else shortest(plays)  # what raises comes before what is not so
        if failing is None:
            return Verdict("passed", self.points, self.passed(function, student), shares=self._shares(plays))
        shares = self._shares(plays)
        if len({self.sort(step) for steps in plays for step in steps}) == 1:  # whatever was asked
            shares = [share._replace(earned=0) for share in shares]
        points = min(sum(share.earned for share in shares), self.points - 1)
        found = next((one for one in self.wrong if one.is_it is not None and one.is_it(failing)), None)
        bad = {id(step): step for steps in plays for step in steps if not step.is_right}.values()
        shown = [each for each in known if any(map(each[0].shows, bad))]  # others would speak of what is right
        if found is None and is_broken:
            return _stopped(failing)
        found = found or nearest(plays, shown, SAME) or self.explains(plays, failing[-1]) or nearest(plays, shown)
        found = found or next((kind for kind in self.kinds if kind.shows(failing[-1])), None)
        if found is None:
            said = self.unknown.format_map(failing[-1].values)
            return Verdict("wrong", points, said, steps=failing, shares=shares)
        steps = failing if is_broken else shortest(plays, found.clearest) or shortest(plays, found.shows) or failing
        said = found.feedback.format_map(steps[-1].values)
        return Verdict("wrong", points, said, found.misconception, steps, shares, found.name)

    def _shares(self, plays: list[list[Step]]) -> list[Share]:
        each = {id(step): step for steps in plays for step in steps}  # stories that begin alike share steps
        shares = []
        for words, points, holds in self.criteria:
            told = {key: holds(step) for key, step in each.items()}
            lost = shortest(plays, lambda step, told=told: told[id(step)] is False, of_wrong=False) or []  # type: ignore[misc]
            is_shown = any(held is not None for held in told.values())
            shares.append(Share(words, points * (is_shown and not lost), points, lost))
        return shares

    def _versions(self, student: Student) -> list[tuple[Wrong, list[Hashable]]]:
        """Return the outcomes of each known version in all stories, worked out once for a student."""
        if student.ids not in self._known:
            stories = self.tell(student)[:SIGNED]
            self._known[student.ids] = [
                (one, [_outcome(steps) for steps in self.plays(program, stories, student)])
                for one in self.wrong for program in one.programs
            ]  # fmt: skip
        return self._known[student.ids]


def outcome(function: Callable[..., Any], *given: Any) -> tuple[Any, str, str]:
    """Call a function; return its answer or None, the way in which it failed (begins with RAISED), and the reason."""
    try:
        return function(*given), "", ""
    except FunctionFailed as failed:
        return None, RAISED + (class_name(failed.__cause__) if failed.__cause__ else "nothing"), str(failed)
    except Exception as raised:  # of a version of ours, which has no guard
        return None, RAISED + class_name(raised), ""


def shortest(
    plays: Iterable[Sequence[Step]], shows: Callable[[Step], bool] = lambda step: True, of_wrong: bool = True
) -> list[Step] | None:
    """Return the steps of the shortest story with a step that `shows`, up to that step; None where there is none. Steps
    that are right count with of_wrong=False only.
    """
    found: list[Step] | None = None
    for steps in plays:
        for number, step in enumerate(steps if found is None else steps[: len(found) - 1], 1):
            if not (of_wrong and step.is_right) and shows(step):
                found = list(steps[:number])
                break
    return found


def nearest(
    plays: Sequence[Sequence[Step]], known: Iterable[tuple[Wrong, list[Hashable]]], enough: float = ENOUGH
) -> Wrong | None:
    """Return the known version that goes wrong in the same stories in the same way; None where none is near.

    A version that is only near counts as far as its feedback speaks of the steps that go wrong here.
    """
    wrong = [step for steps in plays for step in steps if not step.is_right]
    done = [_outcome(steps) for steps in plays]
    is_wrong = [any(not step.is_right for step in steps) for steps in plays]
    best, found = enough, None
    for version, outcomes in known:
        agree = sum(bad and mine == theirs for bad, mine, theirs in zip(is_wrong, done, outcomes, strict=False))
        differ = sum(mine != theirs for mine, theirs in zip(done, outcomes, strict=False))
        fit = sum(map(version.shows, wrong)) / len(wrong) if differ else 1.0
        if agree and (score := fit * agree / (agree + differ)) > best:
            best, found = score, version
    return found


def _outcome(steps: Iterable[Step]) -> Hashable:
    return tuple(step.got for step in steps)


def _stopped(steps: Sequence[Step]) -> Verdict:
    """Return the verdict on a function that stopped, with the step in which it did."""
    why = failed(steps[-1].values["why"], steps)
    said = f"{why.feedback} It happened here: {steps[-1].told}."
    return replace(why, feedback=said) if len(said.split()) <= MOST_WORDS else why


def _raised(step: Step) -> bool:
    return isinstance(step.got, str) and step.got.startswith(RAISED)
