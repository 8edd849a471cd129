"""labs/01_why_moving_breaks in JupyterLab in Chromium, as a learner goes through it: move, predict, err, mend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.learner import Learner, watched

THREE = """def tcp_lookup(table, segment):
    for row in table:
        near = row.local, row.local_port, row.remote_port
        if near == (segment.destination, segment.destination_port, segment.source_port):
            return row"""
RIGHT = THREE.replace("near = ", "near = row.remote, ").replace("near == (", "near == (segment.source, ")


def test_a_learner_goes_through_it(open_notebook: Callable[[str], Any]) -> None:
    page = open_notebook("labs/01_why_moving_breaks.ipynb")
    learner = Learner(page, "01_why_moving_breaks")
    learner.run_all()

    # Play: away, and back.
    play = learner.cell('part("01", "play")')
    play.get_by_text("MN is at wlan0 with 2001:db8:200::10; 3 pieces have arrived.").wait_for()
    play.get_by_role("button", name="Move MN").click()
    play.get_by_text("0 arrived").wait_for()
    play.locator(".mipflow-driven").wait_for()
    learner.shoot("1-moved", play.locator(".mipflow-controls"))
    play.get_by_label("MN goes to", exact=True).select_option(label="wlan0 (WLAN)")
    play.get_by_role("button", name="Move MN").click()
    play.get_by_text("From 6.0").wait_for()
    assert play.get_by_text("0 arrived").count() == 0
    learner.shoot("2-back", play)

    # Predict: the film waits.
    learner.cell('part("01", "predicted")').get_by_text("Waits for your answer").wait_for()
    learner.predict('ask("01")', "d.  It reaches MN: the address")
    film = learner.cell('part("01", "predicted")')
    film.locator(".mipflow-driven").wait_for()
    told = watched(film)
    told.get_by_text("A name it is, for TCP.").wait_for()
    told.locator(".mipflow-way").click()
    page.wait_for_timeout(500)
    assert film.locator(".mipflow-clock").inner_text().startswith("3.9")
    learner.shoot("3-predicted", film)

    # Write it wrong, read, look at it in the world, write it right.
    learner.write("def tcp_lookup(", THREE)
    check = learner.run('check("1.3").points')
    check.get_by_text("so it looked like an old friend").wait_for()
    check.get_by_text("The shortest story that goes wrong, in 2 steps").wait_for()
    learner.shoot("4-not-yet", check)
    served = learner.run('film("1.3")')
    served.get_by_text("A1 1 of 1, B1 0 of 1").first.wait_for()
    served.locator(".mipflow-driven").wait_for()
    learner.shoot("5-in-cn", served)
    learner.write("def tcp_lookup(", RIGHT)
    check = learner.run('check("1.3").points')
    check.get_by_text("Six of six.").wait_for()
    served = learner.run('film("1.3")')
    served.get_by_text("A1 1 of 2, A2 1 of 1, B1 1 of 1").first.wait_for()
    learner.shoot("6-served", served)

    # Read it off, sort, break it, answer at the end.
    learner.shoot("7-read-off", learner.cell('part("01", "segments")'))
    learner.write("times_s =", "times_s = [3.935, 10.92]")
    learner.run('check("1.R").points').get_by_text("When did it leave CN?").wait_for()
    learner.write("kinds =", 'kinds = ["M", "M", "N", "M", "S", "M"]')
    check = learner.run('check("1.4").points')
    check.get_by_text("The radio changed, the link did not").wait_for()
    learner.shoot("8-stories", check)
    learner.write("story =", 'story = "A1 A! A1"')
    learner.run('check("1.5").points').get_by_text("no story is shorter").wait_for()
    form = learner.answer('ask("01-exit")', "a.  Nothing")
    form.get_by_text("a row knows no links").wait_for()
    learner.shoot("9-exit", form)
