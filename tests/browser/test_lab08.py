"""labs/08_one_flow_moves in JupyterLab in Chromium, as a learner goes through it: predict, write it wrong, read, mend.

Screenshots go into pytest's temporary folder, or where MIPFLOW_SCREENSHOTS says.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.learner import watched
from tests.browser.test_lab07 import cell, run, write

LAB = "labs/08_one_flow_moves.ipynb"
OFFICE = Path(__file__).resolve().parents[2] / "datasets" / "captures" / "office.pcap"
GLUED = """from mipflow.course.own_node import Row
def outgoing(packet, mn):
    for row in mn.flows.values():
        if row.cn == packet.destination:
            return row.home, row.care_of
    number = mn.separate(packet)
    mn.flows[number] = Row(cn=packet.destination, home=mn.assign(packet.destination), care_of=mn.choose())
    return mn.flows[number].home, mn.flows[number].care_of"""
DOWN = """from mipflow.course.own_node import Row
def outgoing(packet, mn):
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(cn=packet.destination, home=mn.assign(packet.destination), care_of=mn.choose())
    return mn.flows[number].home, mn.flows[number].care_of"""
UP = """def incoming(packet, mn):
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(cn=packet.source, home=packet.destination, care_of=mn.choose())
    mn.up(packet)"""


def test_a_learner_goes_through_it(open_notebook: Callable[[str], Any], tmp_path: Path) -> None:
    page = open_notebook(LAB)
    folder = Path(os.environ.get("MIPFLOW_SCREENSHOTS", tmp_path))

    def shoot(name: str, place: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        place.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        page.screenshot(path=folder / f"lab08-{name}.png")

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-item").filter(has_text="Run All Cells").first.click()
    page.get_by_role("button", name="Make the file to hand in").wait_for()
    assert page.get_by_text("Traceback").count() == 0

    # Play: there it costs nothing, back it does.
    play = cell(page, "Move it to the other network")
    play.get_by_role("button", name="Move it to the other network").click()
    play.get_by_text("The call goes to cell0. Packets lost in this move: the call 0").wait_for()
    play.get_by_role("button", name="Move it to the other network").click()
    play.get_by_text("The call goes to wlan0. Packets lost in this move: the call 2").wait_for()
    shoot("1-play", play)
    write(page, "lost = ", "lost = 2")
    run(page, 'check("8.0")')
    cell(page, 'check("8.0")').get_by_text("Yes, 2, on the way back.").wait_for()

    # Predict: the film waits.
    film = cell(page, "import part, reveal")
    film.scroll_into_view_if_needed()
    film.get_by_text("Waits for your answer").wait_for()
    form = cell(page, "MN moves the video to cell0, and tells")
    form.get_by_role("radio", name="b.  Two: CN1's row").click()
    form.get_by_role("button", name="Store my prediction").click()
    form.get_by_text("Stored: b.").wait_for()
    film.locator(".js-plotly-plot").first.wait_for()
    watched(film).get_by_text("nobody asked its leave").wait_for()
    shoot("2-predicted", film)

    # Down and up: wrong, read, right.
    check = cell(page, 'check("8.1").points')
    write(page, "def outgoing(", GLUED)
    run(page, 'check("8.1").points')
    check.get_by_text("both left as H@1; in the film they move as one").wait_for()
    shoot("3-glued", check)

    # Move it, by blocks: wrong, read; the film shows two streams glued together.
    write(page, "# handover = blocks", 'handover = blocks("8.3", "F A B C H J")')
    moved = cell(page, 'check("8.3").points')
    run(page, 'check("8.3").points')
    moved.get_by_text("HA introduces you").wait_for()
    shoot("4-home-agent-alone", moved)
    write(page, "handover = blocks", 'handover = blocks("8.3", "F A B C G J")')
    run(page, 'check("8.3").points')
    moved.get_by_text("Eight of eight. One message, one row, one stream.").wait_for()
    beside = cell(page, "import film")
    run(page, "import film")
    beside.get_by_text("moves the video in A, the call and the video in B").first.wait_for()
    shoot("5-glued-in-the-node", beside)
    write(page, "def outgoing(", DOWN)
    run(page, 'check("8.1").points')
    check.get_by_text("Three of three").wait_for()
    write(page, "def incoming(", UP)
    run(page, 'check("8.2").points')
    cell(page, 'check("8.2").points').get_by_text("Three of three").wait_for()
    run(page, "import film")
    beside.get_by_text("No difference: both did the same, packet by packet.").first.wait_for()
    shoot("6-beside-ours", beside)
    shoot("7-troubles", cell(page, "wlan0 falls silent"))
    shoot("8-stories", cell(page, "Your four stories"))
    shoot("9-break", cell(page, "Move one flow, by the name"))

    # A capture of one's own.
    mine = cell(page, "Upload a capture")
    with page.expect_file_chooser() as chooser:
        mine.get_by_role("button", name="Upload a capture").click()
    chooser.value.set_files(OFFICE)
    mine.get_by_text("office.pcap: 16 flows").wait_for()
    mine.locator("select").select_option(index=5)
    mine.get_by_role("button", name="Move it to cell0").click()
    mine.get_by_text("the move took flow 6 alone").wait_for()
    shoot("10-capture", mine)
    assert page.get_by_text("Traceback").count() == 0
