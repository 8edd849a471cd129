"""Makes docs/performance.md and its pictures from docs/performance.json: `python -m docs.performance`.

`python -m tests.benchmarks --json docs/performance.json` measures and writes that file. Every number that is measured
comes from there; the sentences beside it say what was measured, and nothing that another run could belie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from docs.plots import Dot, Panel, bars, dots, panels
from tests.benchmarks.budget import ARRIVED, CALL, HEAP, HOP, MOBILITY, SENT, TRACED, TRAIN_ENDS, TRAIN_HOP
from tests.benchmarks.compared import MOBILE, PLAIN
from tests.benchmarks.flows import WAITED

HERE = Path(__file__).resolve().parent
MEASURED, PAGE = HERE / "performance.json", HERE / "performance.md"
OURS, BARE = "mipflow", "bare heap"
GROWING = ("crowds", "calls")
"""Parts of which curves are drawn."""
HOPS = 5
"""Links between both ends of the work."""
RIVALS = "ns-3", "ns.py"
"""Simulators of networks; SimPy is none."""
QUARTER_MORE = 1.25
NUMBER = r"\d+(?:[ ,]\d{3})*(?:\.\d+)?"
CROWD = re.compile(rf"(?P<curve>[\w ]+), each of (?P<number>{NUMBER}) on ")
CALLS = re.compile(rf"(?P<curve>[\w ]+), (?P<number>{NUMBER}) flows over ")

TOP = """\
# How fast it is

Virtual time does not wait for real time, so what a learner waits for is the processor. This page says how much of it
things take, how that grows, and what it comes to beside other simulators. `python -m docs.performance` makes it from
[performance.json](performance.json), which this command measures and writes:

    python -m tests.benchmarks --json docs/performance.json

It takes about seven minutes of a machine that does nothing else. With names of parts behind it, such as `captures`,
it measures those anew and leaves the others as they are.

Rates are packet-hops (a packet that a link takes over) for a second of processor time. Absolute figures move by 15 %
and more from hour to hour on the same machine; **ratios are taken within one round**, where all take turns, and hold
better. A figure is the median of its rounds; the lowest and the highest stand beside it.
"""
PEERS = """\
## Beside other simulators

One work for all: two constant-rate flows (50 packets a second of 548 octets, 500 a second of 208) from MN over AR, R1,
R2 and R3 to CN, for a minute of virtual time. The links are first in, first out: 2 Mb/s and 10 ms, 100 Mb/s and 2 ms,
1 Gb/s and 15 ms, 1 Gb/s and 5 ms, 100 Mb/s and 2 ms. These are 33,000 packets and 165,000 packet-hops.

![Packet-hops a second by engine](performance_peers.svg)

{table}

- **The same work came out**: every run of each simulator had the mean delays that are worked out without simulating
  (`tests/benchmarks/peers/work.py`): 36.2884 and 35.1902 ms, to a millionth of a millisecond. In ns-3 it is 36.2968 and
  35.2010 ms, because its links put two octets of PPP in front of each packet; that too is worked out and compared.
- **It is not the same deed.** ns-3 builds and parses real headers in C++; ours keeps packets as values, and makes
  their bytes where somebody asks. ns.py has ports and wires but no nodes. The two models on SimPy push a bare object
  with a size and a hop limit from link to link: no addresses, no routes, no sockets.
- ns-3 is the system's package, which is how most people meet it, and its program (`tests/benchmarks/peers/ns3.cc`) is
  built with `g++ -O3`. A library built from source with -O3 was once measured at 1.7 times the package's rate, not by
  these scripts. With IPv4 its packets carry 20 octets more, so that they are of the same size.
- Python's garbage collector is on for the others, as they are used; ours turns it off while time passes. Off for all
  made no difference that could be told from noise.
- Who wants the others' rows installs them: `python -m tests.benchmarks --peers` says which are missing, and how.
"""
WORKS = """\
## With mobility

Between a mobile node, a home agent and a correspondent node, half of the time in the tunnel and half route-optimised,
one flow handed over in each half (`tests/benchmarks/reference.py`), in all ways in which the engine can do it. All ways
of a work must have the same packet-hops and the same mean delays, or the benchmark stops. A train is a flow of a
constant rate that is computed in batches between other events, or in one step where it does again what it did. With
the trace on, having its numbers ready to be read is part of the time. Its packets are made when somebody looks at
them, where trains carried them; a row of their own has the time of making them all.

{table}

Beside a video and a transfer the call boards no train: on the same links they would take each other's place all the
time, which halves the speed where it is forced, so the engine weighs it and asks ever more rarely. There both ways do
the same work (0.04 % more instructions with trains, counted by callgrind), and what differs from 1 is noise.
"""
BUDGET = """\
## What bounds it

Python takes {call:,.0f} ns to call a function that does nothing, and {heap:,.0f} ns to take an event from a heap of 64,
call it and push the next: the **bare heap**. Without trains the engine takes one event for each packet-hop, and one for
each packet that an application sends. So nothing in Python can be faster than the bare heap that way, and what the
nodes do comes on top.

![A packet over five links, in parts](performance_budget.svg)

{table}

Nothing is taken apart to measure that: runs that differ in one thing are subtracted (`tests/benchmarks/budget.py`), so
a part is as exact as the noise of two runs allows. The parts of a packet between plain hosts add up to its whole.
"""
GROWTH = """\
## How it grows

A flat line is linear growth: ten times as many take ten times as long. Mobile nodes on a hundred access networks, ten
of them on ten, are built, register with one home agent, bind with one correspondent node and call it. A figure is for
one mobile node; x1.2 beside it says how much more that is than for the next smaller number. A hundred routers that
look for their shortest paths count most where nodes are few, and the memory of ten nodes finds room in what the
process has. The links are those of `tests/benchmarks/crowds.py`: on ordinary ones each of a hundred nodes on a link
hears all that the others multicast, and takes three times the memory. The other calls are all of one mobile node, with
three correspondent nodes for each ten of them; more calls also have more packets under way at once. "A bare heap as
full" does nothing but to take as many entries and to touch 40 objects for each: how much of the calls' growth is the
machine's memory.

![{alt}](performance_growth.svg)

{tables}
"""
COUNTED = """\
**Where no trains go, a thousand flows take longer because they wait for memory.** valgrind counts this for a
packet-hop, on its model of a core of this kind of processor (`python -m tests.benchmarks misses`):

{table}

The heap of events is deeper, and compares more: that is what comes on top of the instructions. Between two packets of a
flow those of all others pass, so that all that belongs to a flow and to its correspondent has left the core's own
caches when its next packet comes, and each line of 64 octets has to come from further away.
"""
IN_TIME = """\
In time: a hop takes {few:,.0f} ns among ten and {many:,.0f} ns among a thousand; as many instructions at the pace of
ten would take {pace:,.0f} ns. What is left is {each:,.0f} ns for each line that is not in the second-level cache. Where
the next step has to wait for it, such a line takes {line} on this machine; a processor does other things meanwhile
where it can.
"""
COUNTS = "misses"
"""The part that is counted and not timed, so that it does not matter what else runs."""
OTHERS = {
    "flows": "Many flows on one mobile node",
    "slider": "From a slider to its new picture",
    "views": "Pictures",
    "pictures": "The first picture, and a panel's",
    "screen": "On the screen",
    "films": "Films in the browser",
    "forking": "Forks of a world",
    "captures": "`mipflow run`",
    "memory": "Memory",
    "bindings": "A large binding cache",
    "export": "Captures",
    "import_time": "Starting",
}
"""Part -> its heading, in the order of the page; others come after them, and what was not measured is left out."""
MISSED = """\
## What does not reach yet what it should

Where no bound is named but what should come out, a quarter more counts as missed.

{lines}
"""
MACHINE = """\
## How it was measured

{machines}

{table}

Processor time, not wall time, but for what a screen shows and for starting. "Busy" is the number of processes that
wanted the processor in the minute when the part ended: more than 1 means that something else ran beside it.
"""
ELSEWHERE = """\
**These figures are preliminary**: other programs kept the processor busy meanwhile, and cost caches and time.
"""
BUSY = 2.0
"""Processes that wanted the processor, from which figures are preliminary."""


# --- what was measured -----------------------------------------------------------------------------------------------


def ways(row: dict[str, Any]) -> str:
    """Say how an engine of ours ran: "trains on, trace off"."""
    switches = {name: row[name] for name in ("trains", "trace")}
    return ", ".join(f"{name} {'on' if state else 'off'}" for name, state in switches.items() if state is not None)


def ratio(row: dict[str, Any], other: dict[str, Any]) -> float:
    """Divide the rates of two rows, round by round, and return the middle."""
    return median(one / two for one, two in zip(row["rates"], other["rates"], strict=True))


def find(rows: Sequence[dict[str, Any]], who: str, **known: object) -> dict[str, Any] | None:
    """Find the row of an engine whose name begins so, with these values."""
    return next((row for row in rows if row["who"].startswith(who) and known.items() <= row.items()), None)


def spread(numbers: Sequence[float]) -> str:
    """Return "median (lowest to highest)"."""
    return f"{median(numbers):,.0f} ({min(numbers):,.0f} to {max(numbers):,.0f})"


def curves(lines: Sequence[Sequence[str]], form: re.Pattern[str]) -> dict[str, list[tuple[float, float]]]:
    """Return the curves of lines whose names have a curve and a number: points (number, value)."""
    found: dict[str, list[tuple[float, float]]] = {}
    for what, value, _ in lines:
        if match := form.match(what):
            found.setdefault(match["curve"], []).append((as_number(match["number"]), as_number(value)))
    return found


def as_number(words: str) -> float:
    """Return the first number in words, whose thousands may be parted."""
    match = re.search(NUMBER, words)
    assert match is not None, words
    return float(re.sub("[ ,]", "", match[0]))


def is_missed(value: str, reach: str) -> bool:
    """Return True where a value does not reach what it should: "at least" or "at most" something, or just a number, or
    "x1", a growth, which may be a quarter more.
    """
    if match := re.match(rf"at (least|most) ({NUMBER})", reach):
        found, due = as_number(value), as_number(match[2])
        return found < due if match[1] == "least" else found > due
    if match := re.match(rf"(x?)({NUMBER})(,|$)", reach):
        return as_number(value.rpartition("x")[2] if match[1] else value) > QUARTER_MORE * as_number(match[2])
    return False


# --- pictures --------------------------------------------------------------------------------------------------------


def pictures(measured: dict[str, Any]) -> dict[str, str]:
    """Draw the pictures; name of the file -> SVG."""
    drawn = {}
    if "peers" in measured:
        drawn["performance_peers.svg"] = _peers_picture(measured["peers"]["rows"])
    if "budget" in measured:
        drawn["performance_budget.svg"] = _budget_picture(measured["budget"]["rows"])
    if growing := growth(measured):
        drawn["performance_growth.svg"] = panels("How it grows", growing)
    return drawn


def _peers_picture(rows: Sequence[dict[str, Any]]) -> str:
    shown = []
    for row in rows:
        if row["work"] in ("", PLAIN):
            name = f"mipflow, {ways(row)}" if row["who"] == OURS else row["who"]
            colour = 0 if row["who"] == OURS else 5 if row["who"] == BARE else 1
            shown.append(Dot(name, median(row["rates"]), min(row["rates"]), max(row["rates"]), colour))
    shown.sort(key=lambda dot: -dot.middle)
    return dots("Packet-hops a second of processor time, by engine", "packet-hops a second of processor time", shown)


def _budget_picture(parts: dict[str, list[float]]) -> str:
    middle = {name: median(times) for name, times in parts.items()}
    plain = [(SENT, middle[SENT]), (f"{HOPS - 1} x {HOP}", (HOPS - 1) * middle[HOP]), (ARRIVED, middle[ARRIVED])]
    more = [(MOBILITY, middle[MOBILITY]), (f"{HOPS} x {TRACED}", HOPS * middle[TRACED])]
    heap = f"{HOPS + 1} x {HEAP}", (HOPS + 1) * middle[HEAP]
    rows = {"bare heap": [heap], "between plain hosts": plain, "mobility-aware and traced": [*plain, *more]}
    if TRAIN_HOP in middle:
        rows["between plain hosts, trains"] = [("in a train", HOPS * middle[TRAIN_HOP] + middle[TRAIN_ENDS])]
    return bars("A packet over five links, in parts", "ns", rows)


def growth(measured: dict[str, Any]) -> list[Panel]:
    """Return the panels of what grows, as far as it was measured."""
    shown = []
    if crowd := curves(measured.get("crowds", {}).get("lines", []), CROWD):
        memory = {name: points for name, points in crowd.items() if name == "memory"}
        times = {name: points for name, points in crowd.items() if name not in memory}
        shown.append(Panel("Milliseconds of the processor for each mobile node", times, "mobile nodes"))
        shown.append(Panel("Kilobytes for each mobile node", memory, "mobile nodes"))
    if calls := curves(measured.get("calls", {}).get("lines", []), CALLS):
        shown.append(Panel("Packet-hops a second of the processor, calls of one mobile node", calls, "flows"))
    return shown


# --- tables ----------------------------------------------------------------------------------------------------------


def markdown(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (names, ["---"] * len(names), *rows))


def peers_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return all engines at the same work, the fastest first, each also as a multiple of ns-3 where that is here."""
    shown = sorted((row for row in rows if row["work"] in ("", PLAIN)), key=lambda row: -median(row["rates"]))
    bare, ns3 = find(rows, BARE), find(rows, "ns-3")
    table = []
    for row in shown:
        name = f"**mipflow**, {ways(row)}" if row["who"] == OURS else row["who"] + ", events" * (row is bare)
        against = [f"{ratio(row, each):.3g}" if each is not None else "" for each in (bare, ns3)]
        table.append([name, spread(row["rates"]), *against])
    names = ("engine", "packet-hops a second (lowest to highest)", "of the bare heap", "times ns-3, IPv4")
    return markdown(names, table)


def works_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return our own works, in all ways, beside the bare heap and the peers of the same run."""
    bare, rivals = find(rows, BARE), [each for name in RIVALS if (each := find(rows, name)) is not None]
    assert bare is not None
    table = []
    for row in (row for row in rows if row["who"] == OURS and row["work"] != PLAIN):
        off = find(rows, OURS, work=row["work"], trace=row["trace"], trains=False)
        gain = f"{ratio(row, off):.2f}" if off is not None and row["trains"] else ""
        # Others were measured at the constant-rate work only.
        against = [f"{ratio(row, each):.2f}" if row["work"] == MOBILE else "" for each in rivals]
        table.append([row["work"], ways(row), spread(row["rates"]), f"{ratio(row, bare):.3f}", gain, *against])
        if off is not None and (made := row.get("made")):
            way, whole = f"{ways(row)}, all packets made", {**row, "rates": made}
            share, gain = f"{ratio(whole, bare):.3f}", f"{ratio(whole, off):.2f}"
            table.append([row["work"], way, spread(made), share, gain, *("" for _ in rivals)])
    names = ("work", "way", "packet-hops a second (lowest to highest)", "of the bare heap", "times no trains")
    return markdown((*names, *(f"times {each['who'].split()[0]}" for each in rivals)), table)


def lines_table(lines: Sequence[Sequence[str]]) -> str:
    """Return the lines of a part; what is not reached is marked."""
    rows = [[what.replace("  ", "&emsp;"), bold(value, reach), reach] for what, value, reach in lines]
    return markdown(("", "measured", "to reach"), rows)


def bold(value: str, reach: str) -> str:
    """Return a value, marked where it does not reach what it should."""
    return f"**{value}**" if is_missed(value, reach) else value


def growth_table(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of curves, a row for each curve and a column for each number; others below, as they are."""
    rows: dict[str, dict[str, str]] = {}
    rest = []
    for line in lines:
        if match := CROWD.match(line[0]) or CALLS.match(line[0]):
            rows.setdefault(match["curve"], {})[match["number"]] = bold(*line[1:])
        else:
            rest.append(line)
    numbers = list(dict.fromkeys(number for row in rows.values() for number in row))
    filled = [[name, *(row.get(number, "") for number in numbers)] for name, row in rows.items()]
    return "\n\n".join([markdown(("", *numbers), filled), *[lines_table(rest)] * bool(rest)])


def missed(measured: dict[str, Any]) -> list[str]:
    """Say in a line each what does not reach what it should."""
    found, above = [], ""
    for part in measured.values():
        for what, value, reach in part["lines"]:
            above = above if what.startswith(" ") else what
            name = f"{above}: {what.strip()}" if what.startswith(" ") else what
            if is_missed(value, reach):
                found.append(f"- {name}: {value}; {reach}")
    return found


# --- the page --------------------------------------------------------------------------------------------------------


def page(measured: dict[str, Any]) -> str:
    """Return the page."""
    parts = [TOP]
    if any(part["machine"]["load"] > BUSY for name, part in measured.items() if name != COUNTS):
        parts.append(ELSEWHERE)
    if "peers" in measured:
        rows = measured["peers"]["rows"]
        parts += [PEERS.format(table=peers_table(rows)), WORKS.format(table=works_table(rows))]
    if "budget" in measured:
        parts.append(_budget(measured["budget"]["rows"]))
    if growing := growth(measured):
        told = [measured[part]["lines"] for part in GROWING if part in measured]
        alt = "; ".join(f"{panel.title}, over the number of {panel.across}" for panel in growing)
        parts.append(GROWTH.format(alt=alt, tables="\n\n".join(map(growth_table, told))))
    if {COUNTS, "calls"} <= measured.keys():
        parts.append(_counted(measured[COUNTS]["lines"], measured["calls"]["lines"]))
    for name in sorted(measured.keys() - {"peers", "budget", COUNTS, *GROWING}, key=[*OTHERS, *measured].index):
        title = OTHERS.get(name, name.replace("_", " ").capitalize())
        parts.append(f"## {title}\n\n{lines_table(measured[name]['lines'])}\n")
    parts += [MISSED.format(lines="\n".join(missed(measured) or ["Nothing."])), _machine(measured)]
    return "\n".join(parts)


def _budget(parts: dict[str, list[float]]) -> str:
    rows = [[name, spread(times)] for name, times in parts.items()]
    table = markdown(("part", "nanoseconds (lowest to highest)"), rows)
    return BUDGET.format(call=median(parts[CALL]), heap=median(parts[HEAP]), table=table)


def _counted(counts: Sequence[Sequence[str]], calls: Sequence[Sequence[str]]) -> str:
    rows = [[what.partition(", of ")[0], *value.split(" and ")] for what, value, _ in counts]
    if len(rows) == 1:  # without valgrind
        return ""
    told = COUNTED.format(table=markdown(("for a packet-hop", "10 flows", "1,000 flows"), rows))
    found = {what: value for what, value, _ in calls}
    if WAITED not in found:
        return told
    hops = next(points for curve, points in curves(calls, CALLS).items() if curve == "no trains")
    few, many = (1e9 / rate for flows, rate in hops if flows in {10, 1000})
    instructions, lines = ([as_number(each) for each in rows[place][1:]] for place in (0, 2))
    pace = few * instructions[1] / instructions[0]
    each = (many - pace) / (lines[1] - lines[0])
    return told + IN_TIME.format(few=few, many=many, pace=pace, each=each, line=found[WAITED])


def _machine(measured: dict[str, Any]) -> str:
    def on(item: tuple[str, dict[str, Any]]) -> str:
        machine = item[1]["machine"]
        numpy = f"NumPy {machine['numpy']}" if machine["numpy"] else "without NumPy"
        hardware = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB"
        return f"{hardware}; {machine['system']}; {machine['python']}, {numpy}"

    machines = []
    for words, items in groupby(sorted(measured.items(), key=on), key=on):
        machines.append(f"- {words}: {', '.join(name for name, _ in items)}.")
    rows = [
        [name, part["date"], part["commit"], f"{part['took_s']} s", str(part["machine"]["load"]), str(rounds(part))]
        for name, part in measured.items()
    ]
    names = ("part", "date", "commit", "took", "busy", "rounds")
    return MACHINE.format(machines="\n".join(machines), table=markdown(names, rows))


def rounds(part: dict[str, Any]) -> int | str:
    """Return how often a part that keeps its rounds was measured; "" for one that does not."""
    match part.get("rows"):
        case [{"rates": rates}, *_]:
            return len(rates)
        case dict() as parts:
            return len(parts[CALL])
    return ""


if __name__ == "__main__":
    kept = json.loads(MEASURED.read_text(encoding="utf-8"))
    PAGE.write_text(page(kept), encoding="utf-8")
    for name, picture in pictures(kept).items():
        (HERE / name).write_text(picture, encoding="utf-8")
