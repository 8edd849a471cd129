"""labs/00_tour in JupyterLab in Chromium: films move, forms work by mouse and by keyboard, and one flow moves alone.

Screenshots are made where MIPFLOW_SCREENSHOTS names a folder.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mipflow.course.identity import Student
from mipflow.course.source import exercises_of
from mipflow.view.drawing.style import flow_styles
from tests.browser.learner import Learner, save, shoot, watched

TOUR = "labs/00_tour.ipynb"
CELLS = nbformat.read(Path(__file__).resolve().parents[2] / TOUR, as_version=4).cells
FIRST, ASK, MOVE, AGAIN, AWAY = (f'part("00", "{name}")' for name in ("first", "ask", "move", "ask again", "take away"))
CALL, VIDEO = flow_styles({1: "call", 2: "video"}).values()
FIGURE = ".js-plotly-plot"
TAKE_AWAY = "Take away the second home address"
WLAN, CELLULAR = "WLAN router", "cellular router"

# Frames of the browser and different places of the marks, each in a second, while a film plays.
MEASURE = """async (cell) => {
  const show = [...window.mipflowPlayer.shows].find(({ board }) => cell.contains(board));
  const begin = performance.now(), length = 2000;
  let frames = 0, places = 0, before = "";
  while (performance.now() - begin < length) {
    await new Promise(requestAnimationFrame);
    frames += 1;
    const now = [...cell.querySelectorAll(".points > path")].map((each) => each.getAttribute("transform")).join();
    places += now !== before;
    before = now;
    if (!show.playing) show.go(0), show.play(true);
  }
  return [frames * 1000 / length, places * 1000 / length];
}"""
# What a film shows: where the nodes stand and each flow's legs, in pixels; each table's rows; the rows that are marked.
READ = """(cell) => {
  const show = [...window.mipflowPlayer.shows].find(({ board }) => cell.contains(board));
  const [{ graph, lines, places, told }] = show.stages;
  const words = (each) => each.innerText.replace(/\\s+/g, " ").trim();
  const card = ({ x, y, text }) => [text.replace(/(<[^>]+>)+/g, " ").trim(),
    places[told.nodes.findIndex((node) => node[0] === x && node[1] === y)]];
  return {
    nodes: Object.fromEntries(graph.layout.annotations.map(card)),
    roads: Object.fromEntries(lines.filter(({ kind }) => kind === "road").map(({ trace, path }) =>
      [graph._fullData[trace].line.dash, path.getAttribute("d").match(/-?[\\d.]+/g).map(Number)])),
    tables: Object.fromEntries([...cell.querySelectorAll(".mipflow-plates table")].map((table) =>
      [words(table.caption), [...table.tBodies[0].rows].map(words)])),
    marked: [...cell.querySelectorAll(".mipflow-plates .mipflow-changed")].map(words),
    legend: [...cell.querySelectorAll(".mipflow-board li")].map(words),
  };
}"""


# Whether the first picture's cell is the active one and stands at the top, as far as there is room.
IN_VIEW = """() => {
  const cell = document.querySelector(".js-plotly-plot").closest(".jp-Cell");
  const [top, page] = [cell, cell.closest(".jp-WindowedPanel-outer")].map((each) => each.getBoundingClientRect().top);
  return cell.matches(".jp-mod-active") && Math.abs(top - page) < 40;
}"""


# When it was said at the picture's place what is being done, and how often the page moved by more than two lines half a
# second later or after that.
MOVES = """() => {
  const page = document.querySelector(".jp-WindowedPanel-outer"), seen = (window.seen = { moves: 0, said: 0 });
  let before = page.scrollTop;
  const look = () => {
    if (document.querySelector(".mipflow-building")?.checkVisibility()) seen.said ||= performance.now();
    seen.moves += seen.said && performance.now() - seen.said > 2000 && Math.abs(page.scrollTop - before) > 60;
    before = page.scrollTop;
    requestAnimationFrame(look);
  };
  look();
}"""


class Tour:
    """The tour in a page: what a learner does, and what there is to see."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def cell(self, says: str) -> Any:
        """Return the code cell whose source says so: of a folded one JupyterLab shows the first line alone."""
        place = next(n for n, cell in enumerate(CELLS) if cell.cell_type == "code" and says in cell.source)
        return self.page.locator(f".jp-Cell[data-windowed-list-index='{place}']")

    def menu(self, *path: str) -> None:
        self.page.get_by_role("menuitem", name=path[0], exact=True).click()
        for entry in path[1:]:
            # Entries that are ticked or open another menu have no common role.
            self.page.locator(".lm-Menu-item").filter(has_text=re.compile(f"^{entry}$")).first.click()

    def run_all(self) -> None:
        self.menu("Run", "Run All Cells")
        self.page.get_by_role("button", name=TAKE_AWAY).wait_for()
        self.page.locator(FIGURE).first.wait_for()

    def film(self, cell: str) -> Any:
        """Return the cell whose code begins so, once the player has its film; the film is brought into view."""
        place = self.cell(cell)
        place.locator(".mipflow-driven").wait_for()
        place.locator(".mipflow-driven").evaluate("(figure) => figure.scrollIntoView({ block: 'start' })")
        self.page.wait_for_timeout(500)
        return place

    def go_to(self, film: Any, seconds: float) -> None:
        """Move the scrub bar by its keys to the first place that is not before a time."""
        bar, clock = film.get_by_role("slider", name="Time"), film.locator(".mipflow-clock")
        bar.focus()
        self.page.keyboard.press("Home")
        for _ in range(300):
            if float(clock.inner_text().split()[0]) >= seconds:
                return
            self.page.keyboard.press("ArrowRight")
        raise AssertionError(f"the film does not reach {seconds} s")

    def predict(self, letter: str, cell: str = ASK) -> None:
        form = self.cell(cell)
        form.get_by_role("radio", name=re.compile(f"^{letter}\\.")).click()
        form.get_by_role("button", name="Store my prediction").click()
        form.get_by_text(f"Stored: {letter}.").wait_for()

    def move(self, flow: str, interface: str) -> None:
        form = self.cell(MOVE)
        form.locator("select").nth(0).select_option(flow)
        networks = form.locator("select").nth(1)
        networks.select_option(next(each for each in networks.locator("option").all_inner_texts() if interface in each))
        form.get_by_role("button", name="Run", exact=True).click()

    def watched(self, cell: str = MOVE) -> Any:
        """Open by keyboard what is told below the film of a cell, which was folded."""
        return watched(self.cell(cell))

    def counted(self, cell: str = MOVE) -> dict[str, list[str]]:
        """Flow -> its row in the table of counted packets, without the flow."""
        table = (
            self.cell(cell)
            .locator("table")
            .filter(has_text="Packets both ways")
        )
        table.wait_for()
        rows = [
            [each.strip() for each in row.locator("td").all_text_contents()] for row in table.locator("tbody tr").all()
        ]
        return {row[0]: row[1:] for row in rows}

    def shoot(self, name: str) -> None:
        shoot(self.page, f"tour-{name}")


@pytest.fixture
def tour(open_notebook: Callable[[str], Any]) -> Tour:
    return Tour(open_notebook(TOUR))


def passes(seen: Any, look: Any, node: str) -> bool:
    """Say whether a flow is drawn to a node: a leg ends near it."""
    (x, y), numbers = seen["nodes"][node], seen["roads"][look.dash]
    return any(abs(px - x) < 75 and abs(py - y) < 45 for px, py in zip(numbers[::2], numbers[1::2], strict=True))


def test_run_all_then_play_moves_packets(tour: Tour) -> None:
    tour.shoot("1-first-sight")
    tour.page.evaluate(MOVES)
    tour.run_all()
    assert tour.page.locator(".jp-RenderedImage, .jp-MarkdownOutput img[alt]").first.is_visible()
    assert tour.page.get_by_text("Traceback").count() == 0
    tour.page.wait_for_function(IN_VIEW)
    tour.page.wait_for_timeout(3500)
    assert tour.page.evaluate(IN_VIEW), "and there the reader stays"
    seen = tour.page.evaluate("() => window.seen")
    assert seen["said"] and seen["moves"] == 0, "to the end, where JupyterLab goes, and back at once"
    assert tour.page.locator(".mipflow-building").count() == 0
    film = tour.film(FIRST)
    tour.shoot("2-before")
    film.get_by_role("button", name="Play", exact=True).click()
    frames, pictures = film.evaluate(MEASURE)
    film.get_by_role("button", name="Pause", exact=True).click()
    print(f"{frames:.0f} frames and {pictures:.0f} different pictures a second")
    assert pictures > 1, "how many is a question for tests/benchmarks"
    seen = film.evaluate(READ)
    assert passes(seen, CALL, WLAN) and passes(seen, VIDEO, WLAN)
    assert not passes(seen, CALL, CELLULAR) and not passes(seen, VIDEO, CELLULAR)


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_one_flow_moves_alone_and_without_the_second_home_address_both_do(
    tour: Tour, theme: str
) -> None:
    short = theme.split()[1].lower()
    tour.menu("Settings", "Theme", theme)
    tour.run_all()
    run = tour.page.get_by_role("button", name="Run", exact=True).last
    assert run.is_disabled()
    tour.predict("B")
    tour.shoot(f"3-predicted-{short}")

    tour.move("video", "cell0")
    film = tour.film(MOVE)
    tour.go_to(film, 4.15)
    seen = film.evaluate(READ)
    assert passes(seen, VIDEO, WLAN) and not passes(seen, VIDEO, CELLULAR)
    assert seen["tables"]["HA: binding cache"] == ["H@1 WLAN", "H@2 WLAN"]
    assert seen["tables"]["CN1: binding cache"] == ["c H@1 WLAN", "v H@2 WLAN"]
    tour.go_to(film, 4.21)
    tour.shoot(f"4-moved-{short}")
    seen = film.evaluate(READ)
    assert passes(seen, CALL, WLAN) and not passes(seen, CALL, CELLULAR)
    assert passes(seen, VIDEO, CELLULAR) and not passes(seen, VIDEO, WLAN)
    assert passes(seen, CALL, "CN1") and passes(seen, VIDEO, "CN1")
    assert [row[:6] for row in seen["marked"]] == ["v H@2 "], "the home agent's row stays, CN1's changes"
    assert seen["tables"]["HA: binding cache"] == ["H@1 WLAN", "H@2 WLAN", "not asked, so it stays"]
    assert "cellular" in seen["marked"][0]
    assert "unchanged: the call stays" in " ".join(seen["tables"]["CN1: binding cache"])
    assert "call: over the WLAN; 0 lost" in " ".join(seen["legend"])
    assert "video: over the cellular network; 0 lost" in " ".join(seen["legend"])

    fold = tour.watched()
    assert fold.get_by_text("Only the video moved: CN1 changed one of its 2 rows, H@2").is_visible()
    counted = tour.counted()
    assert [counted["call"][place] for place in (0, 1, 2, 5)] == ["H@1", "WLAN", "WLAN", "0"]
    assert [counted["video"][place] for place in (0, 1, 2, 5)] == ["H@2", "WLAN", "cellular", "0"]
    assert tour.page.get_by_text("You predicted B").is_visible()
    tour.page.get_by_text("You predicted B").evaluate("(words) => words.scrollIntoView({ block: 'start' })")
    tour.shoot(f"5-outcome-{short}")

    taken = tour.page.get_by_role("button", name=TAKE_AWAY)
    assert taken.is_disabled()
    tour.predict("A", AGAIN)
    taken.click()
    tour.page.get_by_text("Ran again with H@1 for both").wait_for()
    film = tour.film(AWAY)
    tour.go_to(film, 4.3)
    tour.shoot(f"6-taken-away-{short}")
    seen = film.evaluate(READ)
    for flow in (CALL, VIDEO):
        assert passes(seen, flow, CELLULAR) and not passes(seen, flow, WLAN)
    assert tour.watched(AWAY).get_by_text("Both moved: CN1 has one row, H@1, for both.").is_visible()
    assert {flow: row[2] for flow, row in tour.counted(AWAY).items()} == {
        "call": "cellular",
        "video": "cellular",
    }


def test_the_forms_run_again_with_another_choice(tour: Tour) -> None:
    tour.run_all()
    tour.predict("D")
    tour.move("call", "cell0")
    assert tour.watched().get_by_text("Only the call moved: CN1 changed one of its 2 rows, H@1").is_visible()
    assert {flow: row[2] for flow, row in tour.counted().items()} == {"call": "cellular", "video": "WLAN"}
    tour.move("video", "wlan0")
    tour.page.get_by_text("Ran: the video to the WLAN").wait_for()
    assert tour.watched().get_by_text("Nothing moved: the video is on the WLAN already").is_visible()
    tour.page.wait_for_function("!document.querySelector('.mipflow-old')")
    assert {flow: row[2] for flow, row in tour.counted().items()} == {"call": "WLAN", "video": "WLAN"}


def test_the_keyboard_reaches_what_the_mouse_does(tour: Tour) -> None:
    tour.run_all()
    cells = tour.page.locator(".jp-Cell").count()
    first = tour.page.get_by_role("radio").first
    first.focus()
    tour.page.keyboard.press("Space")
    tour.page.keyboard.press("ArrowDown")
    assert tour.page.get_by_role("radio").nth(1).is_checked()

    tour.page.get_by_role("button", name="▸ When").focus()
    tour.page.keyboard.press("Enter")
    moment = tour.page.get_by_label("at second")
    moment.wait_for()
    moment.focus()
    tour.page.keyboard.press("ArrowUp")
    tour.page.keyboard.press("b")
    assert moment.input_value() == "4.1"

    film = tour.film(FIRST)
    before = film.locator(".mipflow-clock").inner_text()
    film.get_by_role("button", name="Play", exact=True).focus()
    tour.page.keyboard.press("b")
    tour.page.keyboard.press("Enter")
    tour.page.wait_for_timeout(1000)
    assert film.locator(".mipflow-clock").inner_text() != before
    assert tour.page.locator(".jp-Cell").count() == cells, "a key in a form or a film is no command to JupyterLab"


def test_a_learner_goes_through_it(tour: Tour) -> None:
    """With a number of one's own: mixed-up names, a wrong prediction, the other trip; and each time better."""
    page, lab, student = tour.page, exercises_of("00"), Student(("1234567",))
    learner = Learner(page, "00_tour")
    learner.write("hand_in, hint, me, part", 'import mipflow as mf\nfrom mipflow.course import me\n\nme("1234567")')
    tour.run_all()
    assert page.get_by_text("Traceback").count() == 0

    # Within five minutes a check that passes: play, name wrongly, read, name rightly.
    film = tour.film(FIRST)
    film.get_by_role("button", name="Play", exact=True).click()
    right = list(lab.clues(student))
    swapped = [{"H@": "CoA", "CoA": "H@"}.get(name, name) for name in right]
    check = learner.cell('check("0.1").points')
    learner.write('names = ["", ', f"names = {swapped}")
    learner.run('check("0.1").points')
    check.get_by_text("0.1 · Not yet · 4 of 6 points").wait_for()
    assert check.get_by_text("so they are easily mixed up").is_visible()
    check.scroll_into_view_if_needed()
    tour.shoot("learner-1-mixed-up")
    learner.write("names = [", f"names = {right}")
    learner.run('check("0.1").points')
    check.get_by_text("Six of six.").wait_for()

    # Predict wrongly, move, watch, read, and go to the moment that refutes it.
    tour.predict("A")
    tour.move("video", "cell0")
    film, fold = tour.film(MOVE), tour.watched()
    way = fold.get_by_role("button", name=re.compile(r"^Go to \d\.\d{3} s$"))
    seconds = way.inner_text().split()[2]
    assert fold.get_by_text("You predicted A").is_visible()
    way.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    assert film.locator(".mipflow-clock").inner_text().startswith(seconds)
    assert film.locator(".mipflow-twin").get_by_text(f"{seconds} s: here the run parts from your answer A").count() == 1
    tour.shoot("learner-2-refuted")
    tour.predict("B", AGAIN)
    page.get_by_role("button", name=TAKE_AWAY).click()
    page.get_by_text("Ran again with H@1 for both").wait_for()

    # A number off the packets: first the other trip.
    trips = lab.trips_ms(student)
    check = learner.cell('check("0.R").points')
    learner.write("home_ms = ", f"home_ms = {trips['Care Of Test Init']:.1f}")
    learner.run('check("0.R").points')
    check.get_by_text("is the trip of the other question").wait_for()
    learner.write("home_ms = ", f"home_ms = {trips['Home Test Init']:.1f}")
    learner.run('check("0.R").points')
    check.get_by_text("Read well").wait_for()
    check.scroll_into_view_if_needed()
    tour.shoot("learner-3-read-off")

    # Break the rule: too long, then as short as can be.
    check = learner.cell('check("0.2").points')
    too_long, due = "H@1 H@1 H@1 H@2 H@2, move 1", shortest(lab, student)
    for example, said in ((too_long, "Which flow can you leave out?"), (due, "with fewer flows it would not")):
        learner.write("example = ", f'example = "{example}"')
        learner.run('check("0.2").points')
        check.get_by_text(said).wait_for()

    form = page.locator(".jp-CodeCell").filter(has_text="A laptop is on cable")
    form.get_by_role("radio", name=re.compile(r"^C\.")).click()
    form.get_by_role("button", name="Store my answer").click()
    form.get_by_text("one update, one row").wait_for()
    save(page)
    hand = page.locator(".jp-CodeCell").filter(has=page.get_by_role("button", name="Make the file to hand in"))
    hand.get_by_role("button", name="Make the file to hand in").click()
    with page.expect_download() as download:
        hand.get_by_role("link", name="Download 1234567-lab00.zip").click()
    assert set(zipfile.ZipFile(download.value.path()).namelist()) == {"00_tour.ipynb", "progress-lab00.json"}
    tour.shoot("learner-4-hand-in")


def shortest(lab: Any, student: Student) -> str:
    """Return an example with as few flows as can be in which the student's rule goes wrong."""
    rule = lab.dealt_to(student)
    count = lab.fewest(rule)
    for code in range(count**count):
        flows = [f"H@{code // count**place % count + 1}" for place in range(count)]
        for told in range(1, count + 1):
            if lab.breaks(rule, flows, told):
                return f"{' '.join(flows)}, move {told}"
    raise AssertionError(rule)
