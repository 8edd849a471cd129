"""labs/07_figure_six in JupyterLab in Chromium, as a learner goes through it: predict, write it wrong, read, mend."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import Any

from tests.browser.learner import Learner, save, watched

LAB = "07_figure_six"
ONE_FLOW = """def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        there = [other for other in flows if other.home == home]
        if not there or there[0].cn != flow.cn:
            return home
    homes.append(allocate())
    return homes[-1]"""
RIGHT = ONE_FLOW.replace("not there or there[0].cn != flow.cn", "all(other.cn != flow.cn for other in there)")


def test_a_learner_goes_through_it(open_notebook: Callable[[str], Any]) -> None:
    page = open_notebook(f"labs/{LAB}.ipynb")
    learner = Learner(page, LAB)
    learner.run_all()

    # Play: a finger climbs.
    play = learner.cell('part("07", "play")')
    for _ in range(3):
        play.get_by_role("button", name="New flow to CN1").click()
    play.get_by_text("3 clicks").wait_for()
    play.get_by_text("Fewer are not possible.").wait_for()
    play.get_by_role("button", name="Step ▶").click()
    learner.shoot("1-play", play)

    # Predict: the film waits.
    film = learner.cell('part("07", "predicted")')
    film.scroll_into_view_if_needed()
    film.get_by_text("Waits for your answer").wait_for()
    assert film.locator(".js-plotly-plot").count() == 0
    learner.predict('ask("07")', "b.  H@2")
    film.locator(".js-plotly-plot").first.wait_for()
    film.locator(".mipflow-driven").wait_for()
    told = watched(film)
    told.get_by_text("Sharing sounds tidy.").wait_for()
    told.get_by_role("button", name="Go to 8.500 s").click()
    page.wait_for_timeout(500)
    assert film.locator(".mipflow-clock").inner_text().startswith("8.5")
    learner.shoot("2-predicted", film)

    # Write it wrong, read, open a hint, write it right.
    learner.write("def assign(", ONE_FLOW)
    check = learner.cell('check("7.3").points')
    learner.run('check("7.3").points')
    check.get_by_text("flow alone decided").wait_for()
    check.get_by_text("The shortest story that goes wrong, in 3 steps").wait_for()
    learner.shoot("3-not-yet", check)
    learner.run('film("7.3")')
    learner.cell('film("7.3")').locator(".js-plotly-plot").first.wait_for()
    learner.shoot("4-in-the-node", learner.cell('film("7.3")'))
    learner.write("def assign(", RIGHT)
    learner.run('check("7.3").points')
    check.get_by_text("Ten of ten.").wait_for()
    learner.shoot("5-passed", check)
    learner.run('film("7.3")')
    film = learner.cell('film("7.3")')
    film.get_by_text("served 5 flows").first.wait_for()
    assert film.locator(".mipflow-legend li").filter(has_text="call 5:").is_visible()
    both = film, learner.cell('part("07", "predicted")')
    edge, other = (each.locator(".js-plotly-plot").first.bounding_box() for each in both)
    assert abs(edge["x"] - other["x"]) < 4, "both stand where the cells' own outputs do"
    learner.shoot("5b-five-flows", film.locator(".mipflow-legend").first)
    learner.shoot("5d-explain", learner.cell('part("07", "explain")'))
    learner.shoot("6-read-off", learner.cell('part("07", "run")'))
    learner.shoot("7-break", learner.cell('part("07", "dealt")'))

    # Hand in: what is not saved as it ran is no file yet.
    hand = learner.cell('hand_in("07")')
    hand.get_by_role("button", name="Make the file to hand in").click()
    hand.get_by_text("the saved notebook does not hold what you ran").wait_for()
    save(page)
    hand.get_by_role("button", name="Make the file to hand in").click()
    with page.expect_download() as download:
        hand.get_by_role("link", name="Download practice-lab07.zip").click()
    assert zipfile.is_zipfile(download.value.path())
    learner.shoot("8-hand-in", hand)
