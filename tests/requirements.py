"""The demands of RFC 6275 and our answers: read `requirements.csv`, count the RFC's keywords, make the page.

    python -m tests.requirements                    write docs/conformance.md anew
    python -m tests.requirements rfc6275.txt        take the keywords from the RFC's text first

`requirements.csv` has a row for every MUST and SHOULD of sections 6 to 11, in the order of the text, in our own words.
Its answer is a test (or several, joined by " + "), "deviation: " or "left out: " with the reason.
"""

from __future__ import annotations

import ast
import csv
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS, KEYWORDS = HERE / "requirements.csv", HERE / "rfc6275_keywords.csv"
PAGE = HERE.parent / "docs" / "conformance.md"

SECTIONS = {
    "6": "Protocol, messages, options", "7": "Neighbor discovery", "8": "Kinds of nodes", "9": "Correspondent node",
    "10": "Home agent", "11": "Mobile node",
}  # fmt: skip
ROLES = {
    "MN": "mobile node", "HA": "home agent", "CN": "correspondent node", "router": "any router", "any": "any of them",
    "none": "nobody",
}  # fmt: skip
KINDS = ("test", "deviation", "left out")


@dataclass(frozen=True)
class Requirement:
    """A row: `ordinal` counts the keywords of a section from 1, `role` names one or more of ROLES."""

    section: str
    ordinal: int
    keyword: str
    role: str
    requirement: str
    answer: str

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return "test" if self.answer.startswith("tests/") else self.answer.partition(": ")[0]

    @property
    def reason(self) -> str:
        """Why it is left out, or in what we deviate."""
        return self.answer.partition(": ")[2]

    @property
    def tests(self) -> list[str]:
        """The tests that show it, as "path::name"."""
        return self.answer.split(" + ") if self.kind == "test" else []


def requirements() -> list[Requirement]:
    """Return all rows, in the order of the RFC."""
    with REQUIREMENTS.open(encoding="utf-8", newline="") as file:
        return [Requirement(**{**row, "ordinal": int(row["ordinal"])}) for row in csv.DictReader(file)]  # type: ignore[arg-type]


# --- the RFC's own keywords ------------------------------------------------------------------------------------------

PAGE_BREAK = re.compile(r"^(Perkins, et al\.|RFC 6275  ).*$|\f", re.MULTILINE)
HEADING = re.compile(r"^(\d+(?:\.\d+)*)\.  \S", re.MULTILINE)
KEYWORD = re.compile(r"\b(MUST|SHOULD)(?:\s+(NOT))?\b")


def keywords_of(text: str) -> dict[str, list[str]]:
    """Section -> its keywords in order, from the text of the RFC; those that a line or page break parts count once."""
    text = PAGE_BREAK.sub("", text).partition("\nAppendix A.  ")[0]
    starts = [*HEADING.finditer(text)]
    ends = [*(match.start() for match in starts[1:]), len(text)]
    found = {
        start[1]: [" ".join(filter(None, match.groups())) for match in KEYWORD.finditer(text, start.start(), end)]
        for start, end in zip(starts, ends, strict=True)
    }
    return {section: words for section, words in found.items() if words and section.split(".")[0] in SECTIONS}


def keywords() -> dict[str, list[str]]:
    """Return the same as it was taken from the RFC's text: section -> its keywords in order."""
    with KEYWORDS.open(encoding="utf-8", newline="") as file:
        return {row["section"]: row["keywords"].split(", ") for row in csv.DictReader(file)}


def keep_keywords(found: dict[str, list[str]]) -> None:
    """Write what `keywords` reads."""
    with KEYWORDS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["section", "keywords"])
        writer.writerows([section, ", ".join(words)] for section, words in found.items())


# --- the tests that there are ----------------------------------------------------------------------------------------


def existing_tests() -> set[str]:
    """Return every test function of the repository that is not expected to fail, as "path::name"."""
    return {
        f"{path.relative_to(HERE.parent).as_posix()}::{node.name}"
        for path in sorted(HERE.rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not _may_fail(node)
    }


def _may_fail(test: ast.FunctionDef) -> bool:
    return any("xfail" in ast.unparse(mark) or "skip" in ast.unparse(mark) for mark in test.decorator_list)


# --- the page --------------------------------------------------------------------------------------------------------


def page(rows: list[Requirement]) -> str:
    """docs/conformance.md."""
    parts = [HEAD.format(rows=len(rows), **_totals(rows)), _counts(rows), DEVIATIONS, _listed(rows, "deviation"),
             LEFT_OUT, _listed(rows, "left out"), *(_section(number, rows) for number in SECTIONS)]  # fmt: skip
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _totals(rows: list[Requirement]) -> dict[str, int]:
    count = Counter(row.keyword.split()[0].lower() for row in rows)
    kinds = Counter(row.kind.replace(" ", "_") for row in rows)
    tests = {test for row in rows for test in row.tests}
    return {"must": count["must"], "should": count["should"], "tests": len(tests),
            **{kind.replace(" ", "_"): kinds[kind.replace(" ", "_")] for kind in KINDS}}  # fmt: skip


def _table(head: list[str], lines: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *lines))


def _counts(rows: list[Requirement]) -> str:
    def line(name: str, of: list[Requirement]) -> list[str]:
        must = [row for row in of if row.keyword.startswith("MUST")]
        should = [row for row in of if row.keyword.startswith("SHOULD")]
        return [name, *(str(sum(row.kind == kind for row in part)) for part in (must, should) for kind in KINDS)]

    head = ["", *(f"{word}: {kind}" for word in ("MUST", "SHOULD") for kind in KINDS)]
    by_section = [line(f"{number} {name}", [row for row in rows if row.section.split(".")[0] == number])
                  for number, name in SECTIONS.items()]  # fmt: skip
    by_role = [line(name, [row for row in rows if role in row.role.split()]) for role, name in ROLES.items()]
    return "\n\n".join([
        _table(head, [*by_section, line("**all**", rows)]),
        "By role; a requirement that concerns two roles counts in both lines.", _table(head, by_role),
    ])  # fmt: skip


def _listed(rows: list[Requirement], kind: str) -> str:
    """Requirements of one kind, those with the same reason together."""
    reasons: dict[str, list[Requirement]] = {}
    for row in rows:
        if row.kind == kind:
            reasons.setdefault(row.reason, []).append(row)
    return "\n".join(
        f"* **{', '.join(f'{row.section} ({row.ordinal})' for row in of)}** "
        f"*{'; '.join(dict.fromkeys(row.requirement for row in of))}*: {reason}."
        for reason, of in reasons.items()
    )


def _section(number: str, rows: list[Requirement]) -> str:
    lines = [
        [row.section, str(row.ordinal), row.keyword, row.role, row.requirement, _answer(row)]
        for row in rows
        if row.section.split(".")[0] == number
    ]
    head = ["section", "no.", "keyword", "role", "requirement", "answer"]
    return f"## Section {number}: {SECTIONS[number]}\n\n{_table(head, lines)}"


def _answer(row: Requirement) -> str:
    if row.kind != "test":
        return f"**{row.kind}**: {row.reason}"
    return "<br>".join("[{1}](../{0})".format(*test.split("::")) for test in row.tests)


HEAD = """
<!-- Made by `python -m tests.requirements` from tests/requirements.csv: change that, not this. -->

# What of RFC 6275 is there, and how we know

For readers who know RFC 6275 and look for our mistakes.

Sections 6 to 11 have {must} MUST and MUST NOT and {should} SHOULD and SHOULD NOT, counted in the text, with those that
the end of a line or page parts. Each is a row below, in the order of the text, in our words; "no." counts them within
their section, so that a row leads to its sentence. Of the {rows} rows

* {test} are shown by a test. The test is named; {tests} tests do it. They judge by bytes made with `struct`, `hmac` and
  `hashlib` away from the code, by the trace of what went over the links, or by tables of bindings, and run with every
  change.
* {deviation} are deviations: we do something else, and say why.
* {left_out} are left out: nothing here does it, and we say why.

`tests/test_requirements.py` holds that the rows are those of the RFC, keyword for keyword (with `MIPFLOW_RFC6275` set
to the path of its text, against that text), that every test named exists, that every row has an answer, and that this
page is what the rows say. What it cannot hold is that a test shows what its row says: that was read, and is yours to
check. A row says what a test shows, not more: that the packets, times, caches and counters of this simulator are as
demanded. There is no operating system underneath and no real link.
"""

DEVIATIONS = """
## Deviations

First those that no single sentence of the RFC shows.

* **Each home address is bound by itself (11.5.3).** RFC 6275 speaks of one primary care-of address for a mobile node at
  its home agent. WO 2004/057826 binds each of several home addresses by itself, so two of them may point to two
  care-of addresses at the same time. A home agent keys its cache on the home address and cannot tell the difference:
  `mip6/home_agent.py` has nothing for it, and `tests/test_layers.py` holds that it imports nothing of the method.
* **A handover of a flow moves one binding at one correspondent.** Section 11.7.2 would have all correspondents told
  after a new home registration. Here the home binding stays where it is as long as its interface works, and moves first
  where it does not; `home_follows=True` moves it with the flow.
* **All home addresses register side by side.** A further home address does not wait for the first; MAX_UPDATE_RATE
  counts for each home address at the home agent, and for each correspondent and message type.
* **From update to acknowledgement packets take the tunnel (11.3.1).** The mobile node cannot know then which care-of
  address its correspondent has. A refresh that changes nothing stays on the straight road.
* **While an update to the home agent has no answer, tunnelled packets try both care-of addresses.** The home agent
  drops those from the one that it does not hold (10.4.5), and the mobile node cannot know which; attempts take turns.
* **A binding error about a care-of address that was left is ignored (11.3.6).** The packet that it is about was
  overtaken by the binding update, and says nothing of the new binding.
* **Triangular mode is not RFC 6275.** `mode="triangular"` is the method's page 2: packets with the home address as
  source, straight from the visited link. It is there to be looked at, behind its own switch, and off by default.
* **IP security is a switch, and off.** Lessons read the messages. Without `security=True` a home agent believes whoever
  names a home address; what the rows about protection say (6.1.3, 6.7, 6.8, 10.3.1 (2), 10.4.6, 10.6.3, 11.4.2, 11.4.3,
  11.6.3, 11.7.1 (17)) holds with it. A stand-in takes the place of IKEv2: keys of equal quality at both ends, without
  packets and time (`mip6/security/key_exchange.py` says what that leaves out).
* **Address resolution is not simulated.** `Segment.neighbors` says who answers for an address, in place of neighbor
  caches (RFC 4861 section 7.2); a home agent enters itself there for the home addresses that it stands in for.
  Duplicate address detection, solicitations and advertisements do send their packets.
* **Nothing is secret.** Keys, nonces and cookies come from the world's random seed, so that a run can be repeated.

Then those that are rows below, by section and number.
"""

LEFT_OUT = """
## Left out
"""

if __name__ == "__main__":
    if sys.argv[1:]:
        keep_keywords(keywords_of(Path(sys.argv[1]).read_text(encoding="utf-8")))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(requirements()), encoding="utf-8")
