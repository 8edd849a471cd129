"""labs/08_one_flow_moves in JupyterLab in Chromium, as a learner goes through it: predict, err, read, mend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.learner import Learner, watched

LAB = "08_one_flow_moves"
OFFICE = Path(__file__).resolve().parents[2] / "datasets" / "captures" / "office.pcap"
GLUED = """from mipflow.course.exercises.own_node import Row
def outgoing(packet, mn):
    for row in mn.flows.values():
        if row.cn == packet.destination:
            return row.home, row.care_of
    number = mn.separate(packet)
    mn.flows[number] = Row(cn=packet.destination, home=mn.assign(packet.destination), care_of=mn.choose())
    return mn.flows[number].home, mn.flows[number].care_of"""
DOWN = """from mipflow.course.exercises.own_node import Row
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


def test_a_learner_goes_through_it(open_notebook: Callable[[str], Any]) -> None:
    page = open_notebook(f"labs/{LAB}.ipynb")
    learner = Learner(page, LAB)
    learner.run_all()

    # Play: there it costs nothing, back it does.
    play = learner.cell('part("08", "play")')
    play.get_by_role("button", name="Move it to the other network").click()
    play.get_by_text("The call goes to cell0. Packets lost in this move: the call 0").wait_for()
    play.get_by_role("button", name="Move it to the other network").click()
    play.get_by_text("The call goes to wlan0. Packets lost in this move: the call 2").wait_for()
    learner.shoot("1-play", play)
    learner.write("lost = ", "lost = 2")
    learner.run('check("8.0")')
    learner.cell('check("8.0")').get_by_text("Yes, 2, on the way back.").wait_for()

    # Predict: the film waits.
    film = learner.cell('reveal("08"')
    film.scroll_into_view_if_needed()
    film.get_by_text("Waits for your answer").wait_for()
    learner.predict('ask("08")', "b.  Two: CN1's row")
    film.locator(".js-plotly-plot").first.wait_for()
    watched(film).get_by_text("it was not asked whether MN may").wait_for()
    learner.shoot("2-predicted", film)

    # Down and up: wrong, read, right.
    check = learner.cell('check("8.1").points')
    learner.write("def outgoing(", GLUED)
    learner.run('check("8.1").points')
    check.get_by_text("both left as H@1; in the film they move as one").wait_for()
    learner.shoot("3-glued", check)

    # Move it, by blocks: wrong, read; the film shows two streams glued together.
    learner.write("# handover = blocks", 'handover = blocks("8.3", "F A B C H J")')
    moved = learner.cell('check("8.3").points')
    learner.run('check("8.3").points')
    moved.get_by_text("HA introduces you").wait_for()
    learner.shoot("4-home-agent-alone", moved)
    learner.write("handover = blocks", 'handover = blocks("8.3", "F A B C G J")')
    learner.run('check("8.3").points')
    moved.get_by_text("Eight of eight. One message, one row, one stream.").wait_for()
    beside = learner.cell('film("8.3")')
    learner.run('film("8.3")')
    beside.get_by_text("moves the video in A, the call and the video in B").first.wait_for()
    learner.shoot("5-glued-in-the-node", beside)
    learner.write("def outgoing(", DOWN)
    learner.run('check("8.1").points')
    check.get_by_text("Three of three").wait_for()
    learner.write("def incoming(", UP)
    learner.run('check("8.2").points')
    learner.cell('check("8.2").points').get_by_text("Three of three").wait_for()
    learner.run('film("8.3")')
    beside.get_by_text("No difference: both did the same, packet by packet.").first.wait_for()
    learner.shoot("6-beside-ours", beside)
    learner.shoot("7-troubles", learner.cell('part("08", "troubles")'))
    learner.shoot("8-stories", learner.cell('part("08", "stories")'))
    learner.shoot("9-break", learner.cell('part("08", "dealt")'))

    # A capture of one's own.
    mine = learner.cell('part("08", "capture")')
    with page.expect_file_chooser() as chooser:
        mine.get_by_role("button", name="Upload a capture").click()
    chooser.value.set_files(OFFICE)
    mine.get_by_text("office.pcap: 16 flows").wait_for()
    mine.locator("select").select_option(index=5)
    mine.get_by_role("button", name="Move it to cell0").click()
    mine.get_by_text("the move took flow 6 alone").wait_for()
    learner.shoot("10-capture", mine)
    assert page.get_by_text("Traceback").count() == 0
