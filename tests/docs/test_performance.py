"""docs/performance.md: page and pictures say what docs/performance.json holds, and call missed what is missed."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from docs import performance, plots
from tests.benchmarks.__main__ import OF_THE_PAGE, PARTS
from tests.benchmarks.compared import MOBILE, PLAIN
from tests.benchmarks.flows import WAITED

CIRCLE = re.compile(r'<circle class="(c\d)" cx="([\d.]+)" cy="([\d.]+)"')
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(performance.MEASURED.read_text("utf-8"))
    return kept


def row(who: str, work: str, *rates: int, trains: bool | None = None, trace: bool | None = None) -> dict[str, Any]:
    return {"who": who, "work": work, "trains": trains, "trace": trace, "hops": 1, "delays_ms": [], "rates": rates}


ROWS = [
    row("bare heap", "", 3000, 2000, 4000),
    row("mipflow", PLAIN, 900, 1000, 800, trains=False, trace=False),
    row("mipflow", MOBILE, 600, 500, 700, trains=False, trace=False),
    row("mipflow", MOBILE, 1800, 2000, 700, trains=True, trace=False),
    row("ns-3 in C++, IPv4 (3.37)", PLAIN, 100, 250, 350),
]


def test_page_and_pictures_are_made_from_what_was_measured(measured: dict[str, Any]) -> None:
    again = "make it anew: python -m docs.performance"
    assert performance.PAGE.read_text("utf-8") == performance.page(measured), again
    drawn = performance.pictures(measured)
    kept = {path.name: path.read_text("utf-8") for path in performance.HERE.glob("performance_*.svg")}
    assert kept == drawn, again
    assert re.findall(r"!\[[^]]+\]\(([^)]+)\)", performance.page(measured)) == list(drawn)


def test_what_the_page_is_made_of_was_measured(measured: dict[str, Any]) -> None:
    assert set(OF_THE_PAGE) <= measured.keys() <= set(PARTS)
    assert any(row["who"].startswith("ns-3") for row in measured["peers"]["rows"])
    assert all(len(row["rates"]) >= 3 for row in measured["peers"]["rows"])


def test_a_part_that_the_page_does_not_know_comes_after_the_others(measured: dict[str, Any]) -> None:
    new = {**measured["memory"], "lines": [["a new thing", "5 ms", "at most 4"]]}
    page = performance.page({"brand_new": new, **measured})
    assert "## Brand new\n\n|  | measured | to reach |\n" in page and "| a new thing | **5 ms** | at most 4 |" in page
    assert page.index("## Starting") < page.index("## Brand new") < page.index("## What does not reach")
    assert "- a new thing: 5 ms; at most 4" in page


def test_the_time_that_misses_take_is_worked_out_from_what_was_counted(measured: dict[str, Any]) -> None:
    flows = "no trains, {} flows over 3 correspondents"
    calls = [[flows.format("10"), "500,000 hops/s", ""], [flows.format("1,000"), "250,000 hops/s", ""]]
    pairs = {"instructions": "100.0 and 120.0", "lines": "1.0 and 2.0", "far": "0.0 and 50.0"}
    counts = [[f"{what}, of 10 and of 1,000 flows", pair, ""] for what, pair in pairs.items()]
    parts = {name: {**measured["calls"], "lines": lines} for name, lines in (("misses", counts), ("calls", calls))}
    page = performance.page({**measured, **parts})
    assert "| instructions | 100.0 | 120.0 |\n" in page and "In time" not in page
    calls.append([WAITED, "70 ns", ""])
    page = performance.page({**measured, **parts})
    assert "takes 2,000 ns among ten and 4,000 ns among a thousand" in page
    assert "would take 2,400 ns. What is left is 32 ns for each line" in page and "such a line takes 70 ns" in page
    assert "## Misses" not in page


def test_ratios_are_medians_of_rounds_and_not_ratios_of_medians() -> None:
    assert performance.ratio(ROWS[2], ROWS[4]) == 2  # of 6, 2 and 2
    table = performance.works_table(ROWS)
    assert "| trains on, trace off | 1,800 (700 to 2,000) | 0.600 | 3.00 | 8.00 |" in table
    assert "| trains off, trace off | 600 (500 to 700) | 0.200 |  | 2.00 |" in table
    assert [line.split(" | ")[0] for line in performance.peers_table(ROWS).splitlines()[2:]] == [
        "| bare heap, events", "| **mipflow**, trains off, trace off", "| ns-3 in C++, IPv4 (3.37)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "reach", "missed"),
    [
        ("0.248", "at least 0.25, aim 0.33", True),
        ("0.25", "at least 0.25, aim 0.33", False),
        ("411,040 packets/s", "at least 50 000, aim 200 000", False),
        ("4.2 s 94 MB", "at most 4 s", True),
        ("62.0 ms", "at most 100", False),
        ("1.4", "1", True),
        ("1.2", "1", False),
        ("18.7", "10", True),
        ("2.92 ms, x1.78", "x1", True),
        ("2.92 ms, x1.03", "x1", False),
        ("9.9", "7.67 calls each", False),
        ("5", "memory as of 10,000 packets", False),
        ("1.4", "", False),
    ],
)
def test_a_value_that_does_not_reach_its_bound_is_missed(value: str, reach: str, missed: bool) -> None:
    assert performance.is_missed(value, reach) is missed


def test_the_list_of_what_is_missed_names_a_line_and_the_one_above_it() -> None:
    lines = [["reference", "700 hops/s", ""], ["  of the heap", "0.2", "at least 0.25"], ["more", "3", "at most 4"]]
    assert performance.missed({"engine": {"lines": lines}}) == ["- reference: of the heap: 0.2; at least 0.25"]


def test_curves_are_read_from_the_lines_of_crowds() -> None:
    lines = [
        ["building, each of 100 on 1 links", "0.75 ms, x0.65", "x1"], ["memory, each of 100 on 1 links", "302 kB", ""],
        ["building, each of 10,000 on 100 links", "1,200.5 ms", ""],
    ]  # fmt: skip
    found = performance.curves(lines, performance.CROWD)
    assert found == {"building": [(100, 0.75), (10_000, 1200.5)], "memory": [(100, 302)]}


def test_pictures_are_well_formed_and_stay_inside(measured: dict[str, Any]) -> None:
    for name, picture in performance.pictures(measured).items():
        root = ElementTree.fromstring(picture)
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        assert root.find(f"{SVG}title") is not None, name
        for each in (*root.iter(f"{SVG}circle"), *root.iter(f"{SVG}text")):
            x, y = (float(each.get(key, each.get(f"c{key}", "nan"))) for key in "xy")
            assert 0 <= x <= width and 0 <= y <= height, (name, each.text)
        assert "prefers-color-scheme:dark" in picture


def test_ten_times_the_rate_is_as_far_on_a_plot_of_dots_wherever_it_is() -> None:
    picture = plots.dots("", "", [plots.Dot(str(rate), rate, rate, rate) for rate in (100, 1_000, 2_000, 20_000)])
    first, second, third, last = (float(x) for _, x, _ in CIRCLE.findall(picture))
    assert second - first == pytest.approx(last - third, abs=0.2) and third > second


def test_twice_the_value_is_twice_as_high_on_a_panel() -> None:
    points = [(10, 0.0), (100, 2.0), (1000, 4.0)]
    picture = plots.panels("", [plots.Panel("", {"one": points}, "")])
    places = [(float(x), float(y)) for _, x, y in CIRCLE.findall(picture)]
    (x0, y0), (x1, y1), (x2, y2) = places
    assert y0 - y1 == pytest.approx(y1 - y2) and y1 > y2
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)


def test_names_of_curves_do_not_overlap() -> None:
    assert plots.apart([50, 52, 10, 51], 17) == [18, 52, 1, 35]
    assert plots.apart([100, 50], 17) == [100, 50]
