"""labs/flowcharts.py: the figures as they are drawn do what the patent's pages 14 to 16 say."""

from __future__ import annotations

import importlib.util
import re
import sys
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pytest

from mipflow.course.exercises.in_node import FlowRow, Fresh, Own
from mipflow.course.identity import Student
from mipflow.course.source import exercises_of

LABS = Path(__file__).resolve().parents[2] / "labs"
NAMES = ("figure4", "figure5", "figure6")


@pytest.fixture(scope="module")
def charts() -> ModuleType:
    """The module as labs/build.py finds it."""
    sys.path.insert(0, str(LABS))
    try:
        spec = importlib.util.spec_from_file_location("labs_flowcharts", LABS / "flowcharts.py")
        assert spec is not None and spec.loader is not None
        module = sys.modules["labs_flowcharts"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(LABS))
    return module


@pytest.mark.parametrize(("name", "first", "last"), [("figure4", 20, 26), ("figure5", 27, 32), ("figure6", 33, 44)])
def test_every_step_of_the_patent_is_there_once(charts: ModuleType, name: str, first: int, last: int) -> None:
    chart = charts.FIGURES[name]
    assert sorted(chart.steps) == list(range(first, last + 1))
    for number, step in chart.steps.items():
        due = {"yes", "no"} if step.words.endswith("?") else set() if step.words == "End" else {""}
        assert set(chart.ways.get(number, {})) == due
    assert {end for to in chart.ways.values() for end in to.values()} == set(chart.steps) - {first}
    drawn = ElementTree.fromstring(charts.chart(name))
    shown = re.findall(r">(\d\d)<", charts.chart(name))
    assert sorted(map(int, shown)) == sorted(chart.steps) and drawn.get("role") == "img"


@pytest.mark.parametrize("name", NAMES)
def test_no_step_stands_on_another_or_beyond_the_edge(charts: ModuleType, name: str) -> None:
    places = [step.place for step in charts.FIGURES[name].steps.values()]
    for (x, y), (other_x, other_y) in combinations(places, 2):
        assert abs(x - other_x) > 2 * charts.HALF_W or abs(y - other_y) > 2 * charts.HALF_H
    assert all(charts.HALF_W < x < 800 - charts.HALF_W for x, _ in places)
    assert all(len(step.words) <= 25 for step in charts.FIGURES[name].steps.values()), "words fit their card"


def walked(ways: dict[int, dict[str, int]], flow: FlowRow, homes: list[str], flows: list[FlowRow], fresh: Fresh) -> str:
    """Follow Figure 6 with a finger; an address without flows answers "no" where the figure is silent."""
    step, at, left = 33, "", list[FlowRow]()
    while step != 40:
        if step == 35:
            at = homes[-1]
        elif step == 36:
            left = [each for each in flows if each.home == at]
        elif step == 42:
            at = homes[homes.index(at) - 1]
        elif step == 43:
            at = fresh()
            homes.append(at)
        elif step == 44:
            left = left[1:]
        answers = {37: bool(left) and left[0].cn == flow.cn, 38: len(left) > 1, 41: at != homes[0]}
        step = ways[step]["yes" if answers[step] else "no"] if step in answers else ways[step][""]
    return at


def test_figure_6_as_it_is_drawn_gives_what_the_lab_calls_right(charts: ModuleType) -> None:
    lab, ways, asked = exercises_of("07"), charts.FIGURES["figure6"].ways, 0
    for _, events in lab.stories()[:600]:
        for step in lab.told(lab.figure6, events, Student()):
            homes = list(step.values["homes"])
            got = walked(ways, step.values["event"], Own(homes), step.values["flows"], Fresh(homes))
            assert got == step.answer, (events, step.told)
            asked += 1
    assert asked > 1000


def test_figures_4_and_5_part_only_where_a_flow_is_new(charts: ModuleType) -> None:
    for name, first, is_new, extra in (("figure4", 20, 22, 23), ("figure5", 27, 29, 30)):
        ways, taken = charts.FIGURES[name].ways, {}
        for answer in ("yes", "no"):
            step, way = first, [first]
            while step in ways:
                step = ways[step][answer if step == is_new else ""]
                way.append(step)
            taken[answer] = way
        assert [each for each in taken["yes"] if each != extra] == taken["no"] and extra in taken["yes"]
