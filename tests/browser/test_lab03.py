"""labs/03_return_routability in JupyterLab in Chromium, as a learner goes through it: attack, predict, err, mend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.learner import Learner, watched

GRIDS = """steal = {"off the path": "care-of", "MN's access": "both", "HA-CN path": "both", "CN's access": "both"}
flood = {"off the path": "home", "MN's access": "both", "HA-CN path": "home", "CN's access": "both"}
changed = ("steal", "MN's access")"""
ADDS = """def first_packet_ms(d):
    home = 2 * (d["wlan"] + d["ar2"] + 2 * d["ha"] + d["cn1"])
    new = d["cell"] + d["ar3"] + d["cn1"]
    return home + 2 * new + 2 * new"""
ANY_CN = """def tests(cn, home, care_of, halves, now):
    young = {(kind, address) for (kind, _, address), at in halves.items() if now - at < 210}
    return [(kind, cn, at) for kind, at in (("home", home), ("care-of", care_of)) if (kind, at) not in young]"""
RIGHT = """def tests(cn, home, care_of, halves, now):
    pair = [("home", cn, home), ("care-of", cn, care_of)]
    return [test for test in pair if test not in halves or now - halves[test] >= 210]"""


def test_a_learner_goes_through_it(open_notebook: Callable[[str], Any]) -> None:
    page = open_notebook("labs/03_return_routability.ipynb")
    learner = Learner(page, "03_return_routability")
    learner.run_all()

    # Play: the lie works from everywhere, and the phone takes its row back.
    play = learner.cell('part("03", "play")')
    play.get_by_label("the attacker is", exact=True).select_option(label="CN's access")
    play.get_by_role("button", name="Attack", exact=True).click()
    play.get_by_text("CN1 believes the attacker at 6.015 s, and at 6.060 s the phone again.").wait_for()
    play.locator(".mipflow-driven").wait_for()
    learner.shoot("1-play", play.locator(".mipflow-controls"))

    # Predict: the film waits; then the attacker is sent elsewhere, and ESP goes off.
    shown = learner.cell('part("03", "predicted")')
    shown.get_by_text("Waits for your answer").wait_for()
    learner.predict('ask("03")', "a.  Yes: it hears all")
    shown = learner.cell('part("03", "predicted")')
    shown.locator(".mipflow-driven").first.wait_for()
    learner.shoot("2-predicted", shown.locator(".mipflow-controls").first)
    fold = watched(shown)
    fold.get_by_text("It guesses, and CN1 refuses.").wait_for()
    fold.locator(".mipflow-way").first.click()
    page.wait_for_timeout(500)
    assert shown.locator(".mipflow-clock").first.inner_text().startswith("6.05")
    learner.shoot("3-comment", fold)
    shown.get_by_label("ESP around the home half", exact=True).select_option(label="off")
    shown.get_by_label("the attacker is", exact=True).select_option(label="MN's access")
    shown.get_by_role("button", name="Attack", exact=True).click()
    shown.get_by_text("CN1 believes it at 6.067 s.").wait_for()
    learner.shoot("4-esp-off", shown.locator(".mipflow-controls").last)

    # The grids: a cell waits for an attempt; wrong, played, right.
    cells = learner.cell('part("03", "cells")')
    cells.get_by_role("button", name="Attack", exact=True).click()
    cells.get_by_text("First fill in both grids, finger first").wait_for()
    learner.write("steal =", GRIDS)
    check = learner.run('check("3.2").points')
    check.get_by_text("Open that packet: do you find a token?").wait_for()
    learner.shoot("5-grid", check)
    cells = learner.cell('part("03", "cells")')
    cells.get_by_label("the cell", exact=True).select_option(label="flood, MN's access")
    cells.get_by_role("button", name="Attack", exact=True).click()
    cells.get_by_text("care-of (since 4.0").wait_for()
    cells.locator(".mipflow-driven").wait_for()
    learner.shoot("6-flood", cells.locator(".mipflow-controls"))
    learner.write("steal =", GRIDS.replace('"both"', '"care-of"', 1))
    check = learner.run('check("3.2").points')
    check.get_by_text("Ten of ten.").wait_for()

    # The formula, and what is read off.
    learner.shoot("7-move", learner.cell('part("03", "move")'))
    learner.write("def first_packet_ms(", ADDS)
    check = learner.run('check("3.3").points')
    check.get_by_text("You get 560 ms, and it takes 394.").wait_for()
    learner.shoot("8-formula", check)
    learner.write("def first_packet_ms(", ADDS.replace("home + 2 * new +", "max(home, 2 * new) +"))
    learner.run('check("3.3").points').get_by_text("your run 409.7").wait_for()
    learner.shoot("9-messages", learner.cell('part("03", "messages")'))
    learner.write("waited_ms =", "waited_ms = 14.2")
    learner.run('check("3.R").points').get_by_text("CN1 sent the two").or_(
        learner.cell('check("3.R").points').get_by_text("one is locked up")).first.wait_for()  # fmt: skip
    learner.write("waited_ms =", "waited_ms = 62.0")
    learner.run('check("3.R").points').get_by_text("Read well").wait_for()

    # The second home address, break it, answer at the end.
    learner.write("def tests(", ANY_CN)
    check = learner.run('check("3.5").points')
    check.get_by_text("you use halves of CN1").wait_for()
    learner.shoot("10-tests", check)
    learner.write("def tests(", RIGHT)
    learner.run('check("3.5").points').get_by_text("it ran 1 test").wait_for()
    learner.shoot("11-dealt", learner.cell('part("03", "dealt")'))
    learner.write("story =", 'story = "1wA"')
    learner.run('check("3.6").points').get_by_text("it holds").wait_for()
    learner.shoot("12-explain", learner.cell('part("03", "explain")'))
    form = learner.cell('ask("03-exit")')
    form.get_by_role("radio", name="a.  Steal: the home half lies open.").click()
    form.get_by_role("button", name="Store my answer").click()
    form.get_by_text("Is the server there?").wait_for()
    learner.shoot("13-exit", form)
