"""A class with nbgrader: labs are released, handed in right, partly right, wrong, blank and looping, marked, fed back.

    python -m tests.labs.nbgrader_round           all labs with graded parts; exit status 1 where a mark is not as due
    python -m tests.labs.nbgrader_round 05 07     some of them

Right answers are the notebook's own solutions. Where `ANSWERS` knows a lab, all hand in under one number of the roster,
with what that number changes, and partly right and wrong answers are those written there; of any other lab every second
answer is left out in the partly right one, and nobody has a number.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat

from mipflow.course import identity
from mipflow.course.classroom.solutions import solutions
from mipflow.course.exercises.exercise import Exercise
from mipflow.course.handin import pack
from mipflow.course.identity import ROSTER, Student
from mipflow.course.source import exercises_of

REPOSITORY = Path(__file__).resolve().parents[2]
TEACHING = REPOSITORY / "docs" / "teaching.md"
STUDENT = Student(("4711",))
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION$", re.MULTILINE | re.DOTALL)
ENDLESS = ("while True:\n    pass", "return sum(range(10**12))")
TAKES_CHECK = "class check:\n    points = 10\n    def __init__(self, number): pass\n"
SOMEBODY_ELSE = "from mipflow.course import me\nme('somebody else')\n"
PASSED = {"at": "2026-01-01", "answer": "x", "status": "passed", "points": 10, "said": "", "story": []}
"""An attempt in a file of progress as a learner would like it to be."""
OWN_FOLDERS = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
Marks = dict[str, float]


@dataclass(slots=True)
class Answers:
    """Of one lab, by exercise: what a number changes of its solutions, what earns a part, and what earns nothing."""

    own: dict[str, str] = field(default_factory=dict)
    partly: Mapping[str, tuple[str | None, float]] = field(default_factory=dict)  # None: left as it was released
    wrong: dict[str, str] = field(default_factory=dict)
    number: str = STUDENT.ids[0]  # of the roster


def answers_00(lab: Any) -> Answers:
    names = list(lab.clues(STUDENT))
    swapped = [{"H@": "CoA", "CoA": "H@"}.get(name, name) for name in names]
    rule = lab.dealt_to(STUDENT)
    breaks = {
        f"{' '.join(flows)}, move {told}": lab.breaks(rule, flows, told)
        for count in (1, 2, 3) for flows in product(("H@1", "H@2"), repeat=count) for told in range(1, count + 1)
    }  # fmt: skip
    example, holds = (next(each for each, it_does in breaks.items() if it_does is wanted) for wanted in (True, False))
    trip = lab.trips_ms(STUDENT)["Home Test Init"]
    return Answers(
        {"0.1": f"names = {names}", "0.R": f"home_ms = {trip}", "0.2": f"example = {example!r}"},
        {"0.1": (f"names = {swapped}", 4)},
        {"0.1": "names = ['MN'] * 6", "0.R": f"home_ms = {trip / 1000}", "0.2": f"example = {holds!r}"},
    )


def answers_01(lab: Any) -> Answers:
    sent = lab.deaths(STUDENT)
    kinds = [tale.due for tale in lab.hand_of(STUDENT)]
    other = ["S" if kind != "S" else "M" for kind in kinds]
    program = lab.dealt_to(STUDENT)
    story = " ".join(next(events for _, events in lab.stories() if lab._first_wrong(program, events, STUDENT)))
    always_64 = "from ipaddress import IPv6Address\nreturn int(IPv6Address(a)) >> 64 == int(IPv6Address(b)) >> 64"
    return Answers(
        {
            "1.R": f"times_s = [{sent[0].sent_s}, {sent[3].sent_s}]", "1.4": f"kinds = {kinds}",
            "1.5": f"story = {story!r}",
        },
        {
            "1.1": (always_64, 2),
            "1.R": (f"times_s = [{sent[0].sent_s}, {sent[2].sent_s}]", 3),
            "1.4": (f"kinds = {kinds[:4] + other[4:]}", 2), "1.5": (f"story = {story + ' B1'!r}", 3),
        },
        {
            "1.1": "same = True\nreturn same", "1.3": "row = None\nreturn row", "1.R": "times_s = [1, 2]",
            "1.4": "kinds = ['M'] * 6", "1.5": "story = 'A1'",
        },
    )  # fmt: skip


def answers_02(lab: Any) -> Answers:
    own = lab.own(STUDENT)
    update = (
        f"start = IPv6(src={own.care_of!r}, dst={lab.HA!r}) / IPv6ExtHdrDestOpt(options=[HAO(hoa={own.home!r})])\n"
        f"update = start / MIP6MH_BU(seq={own.sequence}, flags='HA', mhtime={own.lifetime_s // lab.UNIT_S})"
    )
    inner, outer, ride_ms = lab.ride(STUDENT)
    one_way, round_trip, more = lab.cost(*lab.delays(STUDENT), lab.plan(STUDENT).voice)
    name = lab.dealt_name(STUDENT)
    story = " ".join(next(events for _, events in lab.stories() if lab.first_wrong(name, events, STUDENT)))
    never_ends = (
        "row = cache.get(packet.destination)\nreturn Packet(HA, row.care_of_address, packet) if row else packet"
    )
    return Answers(
        {
            "2.1": update, "2.R": f"inner, outer, ride_ms = {inner}, {outer}, {ride_ms}",
            "2.3": f"one_way, round_trip, more = {one_way}, {round_trip}, {more}", "2.5": f"story = {story!r}",
        },
        {
            "2.1": (update.replace("mhtime=", f"mhtime={lab.UNIT_S} * "), 4), "2.2": (never_ends, 7),
            "2.R": (f"inner, outer, ride_ms = {inner}, {outer}, {ride_ms / 1000}", 2),
            "2.3": (f"one_way, round_trip, more = {one_way}, {one_way}, {more}", 3),
            "2.5": (f"story = {'D ' + story!r}", 3),
        },
        {
            "2.1": "update = IPv6(src='2001:db8:200::20', dst='2001:db8:100::7') / MIP6MH_BU()",
            "2.2": "same = packet\nreturn same", "2.R": "inner, outer, ride_ms = 1, 2, 3",
            "2.3": "one_way, round_trip, more = 1, 1, 0", "2.5": "story = 'A C'",
        },
    )  # fmt: skip


def answers_03(lab: Any) -> Answers:
    steal, flood, changed = lab.grid(lab.victim_of(STUDENT))
    waited_ms, program = lab.waited(STUDENT), lab.dealt_to(STUDENT)
    story = " ".join(next(words for words in lab.in_order() if lab.first_wrong(program, words, STUDENT)))
    grids = "steal = {}\nflood = {}\nchanged = {}"
    both = dict.fromkeys(steal, "both")
    no_detour = (
        "new = 2 * (d['cell'] + d['ar3'] + d['cn1'])\nreturn max(2 * (d['wlan'] + d['ar2'] + d['cn1']), new) + new"
    )
    no_age = (
        "both = ('home', cn, home), ('care-of', cn, care_of)\nreturn [each for each in both if each not in halves]"
    )
    return Answers(
        {"3.2": grids.format(steal, flood, changed), "3.R": f"waited_ms = {waited_ms}", "3.6": f"story = {story!r}"},
        {
            "3.2": (grids.format({**steal, "MN's access": "both"}, flood, changed), 9), "3.3": (no_detour, 2),
            "3.5": (no_age, 2), "3.6": (f"story = {'1wA ' + story!r}", 3),
        },
        {
            "3.2": grids.format(both, both, changed), "3.3": "long = 394\nreturn long", "3.R": "waited_ms = 1234",
            "3.5": "needed = []\nreturn needed", "3.6": "story = '1wA'",
        },
    )  # fmt: skip


def answers_04(lab: Any) -> Answers:
    reached, came_along_ms = sorted(lab.reachable(lab.deal_of(STUDENT))), round(lab.came_along(STUDENT), 1)
    story = " ".join(lab.shortest_of(lab.dealt_name(STUDENT), lab.setting_of(STUDENT)))
    no_home = "return {f.name for f in flows if f.cn == update.to and bindings.get(f.cn) != update.care_of}"
    return Answers(
        {"4.2a": f"reached = {reached}", "4.R": f"came_along_ms = {came_along_ms}", "4.3": f"story = {story!r}"},
        {
            "4.1": (no_home, 7), "4.2a": (f"reached = {reached[:3]}", 3),
            "4.2b": ("return interfaces ** len(set(cns))", 2), "4.3": (f"story = {story[:3] + story!r}", 3),
        },
        {
            "4.1": "return {flow.name for flow in flows}", "4.2a": "reached = ['www', 'ccc']",
            "4.2b": "return 2 * len(cns)", "4.R": "came_along_ms = 5", "4.3": "story = '1c'",
        },
    )  # fmt: skip


def answers_05(lab: Any) -> Answers:
    counts, spis = lab.counts(STUDENT), lab.spis(lab.call_of(STUDENT, True))
    pair = " | ".join(
        f"{each.protocol} {each.near}{'>' if each.outgoing else '<'}{each.far} {each.cn} {each.network}"
        for each in lab.fewest(lab.dealt_to(STUDENT))[1]
    )
    key = (
        "near, far = packet.source_port, packet.destination_port\nif packet.outgoing:\n"
        "    return near, packet.destination, far\nreturn far, packet.source, near"
    )
    over = (
        "if flow.closed:\n    return True\n"
        "quiet = now - max(flow.sent, flow.heard)\nreturn quiet >= SILENCE[flow.protocol]"
    )
    return Answers(
        {"5.T": f"lanes = {counts}", "5.R": f"read = {spis | {'who': 'c'}}", "5.5": f"story = {pair!r}"},
        {
            "5.T": (f"lanes = {counts | {'all as it stands': 99}}", 3), "5.1": (key, 9),
            "5.R": (f"read = {spis | {'who': 'a'}}", 3), "5.4": (over, 4),
        },
        {
            "5.T": "lanes = dict.fromkeys(lanes, 6)", "5.1": "lane = 1\nreturn lane",
            "5.R": "read = {'to CN1': 5004, 'from CN1': 5004, 'who': ''}", "5.4": "ended = False\nreturn ended",
            "5.5": "story = 'UDP 1>1 CN1 wlan0 | UDP 1>1 CN1 wlan0'",
        },
    )  # fmt: skip


def answers_06(lab: Any) -> Answers:
    read = lab.read_of(STUDENT)._asdict()
    name = lab.dealt_to(STUDENT)
    story = " ".join(next(each for each in lab.keeper_stories(5) if lab.play_keeper(name, each).wrong))
    answered = (
        "if status < 128:\n    return 'use'\nif status != 134:\n    return 'later'\n"
        "refused.append(address)\nreturn 'another'"
    )
    free = (
        "if address == primary:\n    return []\nmine = [row for row in rows if row.home == address]\n"
        "return ['strike out', *sorted(mine, key=lambda row: row.peer != 'HA'), 'forget keys']"
    )
    return Answers(
        {"6.R": f"seen = {read}", "6.6": f"story = {story!r}"},
        {
            "6.2": ("return glue(front(advert.prefix), 0x10 + len(taken))", 3), "6.3": (answered, 4),
            "6.R": (f"seen = {read | {'owner': '02:00:00:00:00:99'}}", 5), "6.5": (free, 4),
        },
        {
            "6.2": "return glue(0x20010db801000000, 0x11)", "6.3": "word = 'later'\nreturn word",
            "6.R": "seen = {'refused_ms': 1, 'silent_ms': 1000.0, 'owner': ''}", "6.5": "steps = []\nreturn steps",
            "6.6": "story = 'A'",
        },
    )  # fmt: skip


def answers_07(lab: Any) -> Answers:
    trace = [step.answer for step in lab.told(lab.figure6, lab.trace_of(STUDENT), STUDENT)]
    program = lab.dealt_to(STUDENT)
    story = " ".join(next(s[1] for s in lab.stories() if s[0] == ("H@1",) and lab._first_wrong(program, s[1], STUDENT)))
    waited_ms = lab.waits_ms(lab.run_of(STUDENT))["H@2"]
    first_first = (
        "for home in homes:\n    if all(other.home != home or other.cn != flow.cn for other in flows):\n"
        "        return home\nhomes.append(allocate())\nreturn homes[-1]"
    )
    return Answers(
        {"7.2": f"trace = {trace}", "7.R": f"waited_ms = {waited_ms}", "7.5": f"story = {story!r}"},
        {
            "7.2": (f"trace = {[*trace[:-1], 'H@9']}", 4), "7.3": (first_first, 8), "7.4": ("kept = homes\nreturn", 0),
            "7.5": (f"story = {story + ' C'!r}", 3),
        },
        {
            "7.2": "trace = ['H@1'] * 6", "7.3": "return homes[0]", "7.R": "waited_ms = 1000", "7.4": "homes.clear()",
            "7.5": "story = 'A'",
        },
    )  # fmt: skip


def answers_08(lab: Any) -> Answers:
    run = lab.run_of(STUDENT)
    moves = [lab.along(story) for story in lab.stories_to(STUDENT)]
    story = " ".join(lab.shortest_of(lab.dealt_to(STUDENT)))
    read, tokens = lab.asked_of(run), ("HoT", "CoT")
    last = lab.last_token(run)
    row = "mn.flows[number] = Row(cn=packet.{}, home={}, care_of=mn.choose())\n"
    return Answers(
        {
            "8.R": f"asked_ms, last = {read}, {last!r}", "8.4": f"moves = {moves}", "8.5": f"story = {story!r}",
        },
        {
            "8.1": (
                "number = mn.separate(packet)\n" + row.format("destination", "mn.assign(packet.destination)")
                + "return mn.flows[number].home, mn.flows[number].care_of", 1,
            ),
            "8.2": (
                "number = mn.separate(packet)\nif number not in mn.flows:\n    "
                + row.format("source", "packet.destination"), 2,
            ),
            "8.3": ("return [(flow.cn, flow.home, care_of)]", 7),
            "8.R": (f"asked_ms, last = {read}, {next(each for each in tokens if each != last)!r}", 4),
            "8.4": (f"moves = {[[], *moves[1:]]}", 3),
        },
        {
            "8.1": "pair = 'H@1', 'wlan0'\nreturn pair", "8.2": "number = mn.separate(packet)",
            "8.3": "updates = []\nreturn updates", "8.R": "asked_ms, last = 1, ''", "8.4": "moves = [[1]] * 4",
            "8.4b": "calls = ()\nreturn calls", "8.5": "story = 'A'",
        },
    )  # fmt: skip


ANSWERS: dict[str, Callable[[Any], Answers]] = {
    "00": answers_00, "01": answers_01, "02": answers_02, "03": answers_03, "04": answers_04, "05": answers_05,
    "06": answers_06, "07": answers_07, "08": answers_08,
}  # fmt: skip


@dataclass(slots=True)
class Round:
    """A lab in a folder of nbgrader's: the marks due, and those given once it was marked, by who hands in."""

    lab: str
    folder: Path
    name: str
    number: str
    due: dict[str, Marks]
    given: dict[str, Marks] = field(default_factory=dict)

    @property
    def full(self) -> Marks:
        """All points of each exercise that is checked."""
        return self.due["right"]

    def notebook(self, step: str = "release") -> Any:
        """The lab's notebook in one of nbgrader's folders."""
        return nbformat.read(self.folder / step / f"lab{self.lab}" / f"{self.name}.ipynb", as_version=4)

    def feedback(self, who: str) -> str:
        """The page that one of them gets back."""
        return (self.folder / "feedback" / who / f"lab{self.lab}" / f"{self.name}.html").read_text(encoding="utf-8")


def cells_of(notebook: Any, kind: str) -> dict[str, Any]:
    """The cells with answers or checks, by the number of the exercise."""
    named = {cell.metadata.get("nbgrader", {}).get("grade_id", ""): cell for cell in notebook.cells}
    return {
        name.removeprefix(f"{kind}-").replace("-", "."): cell for name, cell in named.items() if name.startswith(kind)
    }  # fmt: skip


def filled(source: str, answer: str) -> str:
    """A cell with an answer where its solution stood."""
    return SOLUTION.sub(lambda found: "\n".join(found[1] + line for line in answer.split("\n")), source)


def handed_in(lab: str, folder: Path) -> Round:
    """Release a lab, have the zips of all of them, and collect these as docs/teaching.md says."""
    for _ in solutions(folder / "source", [lab]):
        pass
    name = next((folder / "source" / f"lab{lab}").glob("*.ipynb")).stem
    made = Round(lab, folder, name, "", {})
    source = made.notebook("source")
    solved = {number: cell.source for number, cell in cells_of(source, "answer").items()}
    full = {number: cell.metadata.nbgrader.points for number, cell in cells_of(source, "check").items()}
    tasks: dict[str, Exercise] = {each.number: each for each in exercises_of(lab).EXERCISES}
    others = Answers(partly=dict.fromkeys(list(full)[1::2], (None, 0)), number="")
    answers = ANSWERS[lab](exercises_of(lab)) if lab in ANSWERS else others
    made.number = answers.number

    functions = [number for number in full if f"\ndef {tasks[number].answer}(" in f"\n{solved[number]}"]
    nonsense = {
        number: "found = None\nreturn found" if number in functions
        else "\n".join(f"{each} = 17" for each in (tasks[number].answer, *tasks[number].also))
        for number in full
    }  # fmt: skip
    wrong = {number: filled(solved[number], text) for number, text in (nonsense | answers.wrong).items()}
    right = solved | {number: filled(solved[number], text) for number, text in answers.own.items()}
    partly = {number: text and filled(solved[number], text) for number, (text, _) in answers.partly.items()}
    loops = {number: filled(solved[number], ENDLESS[place % 2]) for place, number in enumerate(functions)}
    first, nothing = next(iter(full)), dict.fromkeys(full, 0)
    told = SOMEBODY_ELSE * bool(answers.number)  # the number of the roster goes before it
    who: dict[str, tuple[Mapping[str, str | None], Marks]] = {
        "right": (right | {first: told + right[first]}, full),
        "partly": (right | partly, full | {number: points for number, (_, points) in answers.partly.items()}),
        "wrong": (wrong | {first: TAKES_CHECK + wrong[first]}, nothing),
        "blank": ({}, nothing),
        "loops": (right | loops, full | dict.fromkeys(functions, 0)),
    }
    nbgrader(made, "generate_assignment", "--create")
    archive = folder / "downloaded" / f"lab{lab}" / "archive"
    archive.mkdir(parents=True)
    edited = {"form": 1, "lab": lab, "attempts": {number: [PASSED] for number in full}, "predictions": {}, "hints": {}}
    for name, (written, due) in who.items():
        notebook = made.notebook()
        for number, cell in cells_of(notebook, "answer").items():
            cell.source = written.get(number) or cell.source
        place = folder / "learners" / name
        place.mkdir(parents=True)
        nbformat.write(notebook, place / f"{made.name}.ipynb")
        if name == "blank":
            (place / f"progress-lab{lab}.json").write_text(json.dumps(edited))
        with patch.object(identity, "_me", Student((name,))):
            pack(lab, place).rename(archive / f"{name}-lab{lab}.zip")
        made.due[name] = due
    named = re.search(r"```python\n(c = get_config.*?)```", TEACHING.read_text(encoding="utf-8"), re.DOTALL)
    assert named is not None, "how zips are called"
    (folder / "nbgrader_config.py").write_text(named[1])
    nbgrader(made, "zip_collect")
    return made


def marked(made: Round) -> Round:
    """Mark what was handed in, and make the feedback."""
    nbgrader(made, "autograde", "--create")
    nbgrader(made, "generate_feedback")
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{made.folder / 'gradebook.db'}") as book:
        for who in made.due:
            found = book.find_submission_notebook(made.name, f"lab{made.lab}", who)
            earned = {grade.cell.name: grade.auto_score for grade in found.grades}
            made.given[who] = {number: earned[f"check-{number.replace('.', '-')}"] for number in made.full}
    return made


def nbgrader(made: Round, command: str, *arguments: str) -> None:
    """Run a command of nbgrader's on a lab, away from the settings of whoever is here."""
    own = {name: str(made.folder / name.lower()) for name in OWN_FOLDERS}
    # nbgrader calls alembic by its name.
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own |= {"PYTHONPATH": str(REPOSITORY), ROSTER: made.number}
    course = f"--CourseDirectory.root={made.folder}"
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", command, f"lab{made.lab}", course, *arguments],
        cwd=made.folder, env=os.environ | own, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"nbgrader {command} of lab {made.lab} failed:\n{done.stderr}")


def played(labs: Sequence[str], folder: Path) -> list[Round]:
    """The rounds of some labs, each in a folder of its own; two at a time are marked."""
    ready = [handed_in(lab, folder / lab) for lab in labs]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(marked, ready))


def graded_labs() -> list[str]:
    """The labs that have checked parts."""
    sources = sorted((REPOSITORY / "labs" / "source").glob("[0-9][0-9]_*.py"))
    return [path.name[:2] for path in sources if '"check:' in path.read_text(encoding="utf-8")]


def main(labs: Sequence[str]) -> int:
    """Play the rounds and print the marks; 1 where one is not the one due."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for made in played(labs or graded_labs(), Path(folder)):
            print(f"{made.name} (number {made.number or 'none'})")
            print(f"  {'':8}" + "".join(f"  {number:>10}" for number in made.full))
            for who, due in made.due.items():
                told = (
                    f"{got:g} of {made.full[number]}" + f", due {due[number]:g}" * (got != due[number])
                    for number, got in made.given[who].items()
                )  # fmt: skip
                print(f"  {who:8}" + "".join(f"  {each:>10}" for each in told))
                wrong += made.given[who] != due
    print(f"{wrong} not as due" if wrong else "all marks are those due")
    return bool(wrong)


if __name__ == "__main__":
    os.chdir(REPOSITORY)
    sys.exit(main(sys.argv[1:]))
