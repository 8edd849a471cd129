"""labs/04_one_home_address in JupyterLab in Chromium, as a learner goes through it: send, predict, err, mend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.learner import Learner, watched

WISH = """def moved(bindings, update, flows):
    return {flow.name for flow in flows if flow.name == update.wish}"""
RIGHT = """def moved(bindings, update, flows):
    names = set()
    for flow in flows:
        row = flow.cn if flow.cn in bindings else "HA"
        if row == update.to and bindings[row] != update.care_of:
            names.add(flow.name)
    return names"""

COUNT = """def placements(cns, keepers, interfaces):
    return interfaces ** len(set(cns))"""


def test_a_learner_goes_through_it(open_notebook: Callable[[str], Any]) -> None:
    page = open_notebook("labs/04_one_home_address.ipynb")
    learner = Learner(page, "04_one_home_address")
    learner.run_all()

    # Play: for the call, for the video, and with a correspondent that keeps no row.
    play = learner.cell('part("04", "play")')
    play.get_by_text("Call and file come from CN1, the video from CN2").wait_for()
    play.get_by_label("tell", exact=True).select_option(label="CN1: cellular")
    play.get_by_role("button", name="Send", exact=True).click()
    play.get_by_text("by WLAN: video; by cellular: call, file").wait_for()
    play.locator(".mipflow-driven").wait_for()
    assert play.locator(".mipflow-driven .mipflow-wish path.js-line").count() == 2
    learner.shoot("1-sent", play.locator(".mipflow-controls"))
    play.get_by_label("CN2 keeps a row", exact=True).select_option(label="no")
    play.get_by_text("all three by WLAN").wait_for()
    play.get_by_label("tell", exact=True).select_option(label="CN2: cellular")
    play.get_by_role("button", name="Send", exact=True).click()
    play.get_by_text("CN2 keeps no row, and gets no update").wait_for()
    play.get_by_label("tell", exact=True).select_option(label="HA: cellular")
    play.get_by_role("button", name="Send", exact=True).click()
    play.get_by_text("The video moved alone.").wait_for()
    learner.shoot("2-by-ha", play)

    # Predict: the film waits; the dashed lane stays empty.
    learner.cell('part("04", "predicted")').get_by_text("Waits for your answer").wait_for()
    learner.predict('ask("04")', "a.  The call: the update")
    film = learner.cell('part("04", "predicted")')
    film.locator(".mipflow-driven").wait_for()
    film.get_by_text("the lane wished for the file").wait_for()
    told = watched(film)
    told.get_by_text("no field says so. The file came along").wait_for()
    told.locator(".mipflow-way").click()
    page.wait_for_timeout(500)
    assert film.locator(".mipflow-clock").inner_text().startswith("7.22")
    learner.shoot("3-predicted", film)
    learner.cell('part("04", "predicted")').get_by_text("now they take 320 ms").wait_for()
    learner.predict('ask("04-plain")', "a.  The video.")
    plain = learner.cell('part("04", "plain")')
    plain.locator(".mipflow-driven").wait_for()
    learner.shoot("4-plain", plain.locator(".mipflow-controls"))

    # Which flows move: wrong, looked at in the network, right.
    learner.write("def moved(", WISH)
    check = learner.run('check("4.1").points')
    check.get_by_text("The wish is in MN's head").wait_for()
    learner.shoot("5-not-yet", check)
    served = learner.run('film("4.1")')
    served.get_by_text("Yours says").first.wait_for()
    served.locator(".mipflow-driven").wait_for()
    learner.shoot("6-in-the-network", served)
    learner.write("def moved(", RIGHT)
    check = learner.run('check("4.1").points')
    check.get_by_text("Ten of ten.").wait_for()
    served = learner.run('film("4.1")')
    served.get_by_text("Yours says call, file; in the network moved call, file").first.wait_for()

    # What can be reached, read off, break it, answer at the end.
    learner.shoot("7-story", learner.cell('part("04", "story")'))
    learner.write("reached =", 'reached = ["www", "wcw", "cwc"]')
    learner.run('check("4.2a").points').get_by_text("From www, send each of the six updates").wait_for()
    learner.write("def placements(", COUNT)
    check = learner.run('check("4.2b").points')
    check.get_by_text("Which row does each flow follow?").wait_for()
    learner.shoot("8-count", check)
    learner.shoot("9-read-off", learner.cell('part("04", "packets")'))
    learner.write("came_along_ms =", "came_along_ms = 7185.8 - 7110.2")
    learner.run('check("4.R").points').get_by_text("when did it arrive?").wait_for()
    learner.shoot("10-dealt", learner.cell('part("04", "dealt")'))
    learner.write("story =", 'story = "Hc Hw"')
    learner.run('check("4.3").points').get_by_text("no story is shorter").wait_for()
    learner.shoot("11-called", learner.cell('part("04", "calls")'))
    form = learner.cell('ask("04-exit")')
    form.get_by_role("radio", name="c.  The flow to CN2 and one to CN1").click()
    form.get_by_role("button", name="Store my answer").click()
    form.get_by_text("Nothing in an update chooses one of three").wait_for()
    learner.shoot("12-exit", form)
