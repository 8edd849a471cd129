"""labs/05_separating_flows in JupyterLab in Chromium, as a learner goes through it: tick, predict, be wrong, mend."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.browser.learner import Learner, watched

LAB = "05_separating_flows"
AS_IT_STANDS = """def flow_key(packet):
    return packet.protocol, packet.source, packet.destination, packet.source_port, packet.destination_port"""
NO_PROTOCOL = """def flow_key(packet):
    if packet.outgoing:
        return packet.destination, packet.source_port, packet.destination_port
    return packet.source, packet.destination_port, packet.source_port"""
RIGHT = NO_PROTOCOL.replace("return ", "return packet.protocol, ")
IMPATIENT = """def is_over(flow, now):
    return flow.closed or now - max(flow.sent, flow.heard) >= 1"""
PATIENT = """SILENCE = {"UDP": 300, "TCP": 7440}
def is_over(flow, now):
    limit = 240 if flow.fins == 2 else SILENCE[flow.protocol]
    return flow.closed or now - max(flow.sent, flow.heard) >= limit"""


def test_a_learner_goes_through_it(open_notebook: Callable[[str], Any]) -> None:
    page = open_notebook(f"labs/{LAB}.ipynb")
    learner = Learner(page, LAB)
    learner.run_all()

    # Play: ticks sort the packets, and they fall into their lanes.
    play = learner.cell('part("05", "play")')
    play.get_by_text("1 tick, 2 lanes.").wait_for()
    for field in ("protocol", "phone's port", "correspondent's port"):
        play.get_by_role("checkbox", name=field, exact=True).click()
    play.get_by_text("4 ticks, 6 lanes. One lane for each shape").wait_for()
    falls = play.locator(".drop").first
    assert falls.evaluate("it => getComputedStyle(it).animationName") == "none", "it does not play by itself"
    play.get_by_role("checkbox", name="Play").check()
    assert falls.evaluate("it => getComputedStyle(it).animationName") == "mipflow-drop"
    learner.shoot("1-play", play)

    # Predict: film and buttons wait.
    film, rule = learner.cell('part("05", "ruled")'), learner.cell('part("05", "rule")')
    film.get_by_text("Waits for your answer").wait_for()
    assert film.locator(".js-plotly-plot").count() == 0
    assert rule.get_by_role("button", name="Send nothing").is_disabled()
    learner.predict('ask("05")', "b.  They are cut apart in")
    film.locator(".js-plotly-plot").first.wait_for()
    film.locator(".mipflow-driven").wait_for()
    told = watched(film)
    told.get_by_text("Two flows under one name move as one").wait_for()
    told.get_by_role("button", name="Go to 13.000 s").click()
    page.wait_for_timeout(500)
    assert film.locator(".mipflow-clock").inner_text().startswith("13.0")
    learner.shoot("2-predicted", film)
    rule.get_by_role("button", name="Send nothing").click()
    rule.get_by_text("Nothing was sent.").wait_for()
    assert rule.locator("tbody tr").filter(has_text="new call").inner_text().split("\t")[1:3] == ["1", "H@1"]
    learner.shoot("3-rule", rule)

    # Write it wrong, read, look, write it nearly right, and right.
    learner.write("def flow_key(", AS_IT_STANDS)
    check = learner.cell('check("5.1").points')
    learner.run('check("5.1").points')
    check.get_by_text("fills four lanes").wait_for()
    learner.shoot("4-not-yet", check)
    learner.run('film("5.1")')
    lanes = learner.cell('film("5.1")')
    lanes.get_by_text(re.compile(r"conversations into 2\d lanes")).first.wait_for()
    learner.shoot("5-in-the-node", lanes)
    learner.write("def flow_key(", NO_PROTOCOL)
    learner.run('check("5.1").points')
    check.get_by_text("UDP and TCP number their ports separately").wait_for()
    learner.run('film("5.1")')
    lanes.locator("svg").get_by_text("2 shapes").wait_for()
    learner.shoot("6-merged", lanes)
    learner.write("def flow_key(", RIGHT)
    learner.run('check("5.1").points')
    check.get_by_text("Ten of ten.").wait_for()
    learner.shoot("7-passed", check)

    # Read it off the packet.
    found = {}
    for way in ("to CN1", "from CN1"):
        table = learner.see('part("05", "packets of the secret")', f"tbody tr:has-text('{way}')")
        number = table.locator("td").first.text_content()
        inspect = f"secret.inspect({number})"
        inspected = learner.write("secret.inspect(" if found else 'hint("5.1")', inspect)
        row = learner.see(inspect, "tr:has-text('security parameters index')")
        found[way] = row.locator("td").nth(1).text_content().split()[0]
        learner.shoot(f"8-inspected-{way.split()[0]}", inspected)
    learner.write('read = {', f'read = {{"to CN1": {found["to CN1"]}, "from CN1": {found["from CN1"]}, "who": "c"}}')
    learner.run('check("5.R").points')
    learner.cell('check("5.R").points').get_by_text("Five of five.").wait_for()

    # When is it over? Impatient first.
    learner.write("def is_over(", IMPATIENT)
    over = learner.cell('check("5.4").points')
    learner.run('check("5.4").points')
    over.get_by_text("went to home addresses that had been given back").wait_for()
    learner.shoot("9-cut", over)
    learner.run('film("5.4")').locator(".js-plotly-plot").first.wait_for()
    learner.shoot("10-cut-in-the-node", learner.cell('film("5.4")'))
    learner.write("def is_over(", PATIENT)
    learner.run('check("5.4").points')
    over.get_by_text("a pause does not").wait_for()
    patient = learner.run('film("5.4")')
    patient.get_by_text("The pausing call: 10 sentences became 1 flow").first.wait_for()
    patient.locator(".mipflow-driven").wait_for()
    patient.get_by_role("button", name="Next event").click()
    patient.locator(".mipflow-caption").get_by_text("The pausing call goes on").wait_for()
    learner.shoot("10b-patient-in-the-node", patient.locator(".mipflow-caption"))

    # Break it.
    story = learner.cell('check("5.5").points')
    learner.shoot("11-dealt", learner.cell('part("05", "dealt")'))
    learner.write('story = "..."', 'story = "UDP 40000>80 CN1 wlan0 | UDP 40000<80 CN1 wlan0"')
    learner.run('check("5.5").points')
    story.get_by_text("They differ in direction, are one conversation and got one key: it holds.").wait_for()
    learner.write('story = "UDP', 'story = "UDP 40000>80 CN1 wlan0 | UDP 40000>80 CN1 cell0"')
    learner.run('check("5.5").points')
    story.get_by_text("with the fewest differences").wait_for()
    learner.run('part("05", "explain")').get_by_text("In your attempt 2 at 5.1").wait_for()
    learner.shoot("12-explain", learner.cell('part("05", "explain")'))

    # Hand in: a notebook that is not saved makes no file, and words that nobody wrote are named.
    hand = learner.cell('hand_in("05")')
    make = hand.get_by_role("button", name="Make the file to hand in")
    make.click()
    hand.get_by_text("the saved notebook does not hold what you ran. Choose File > Save Notebook").wait_for()
    learner.shoot("13-not-saved", hand)
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.locator(".lm-Menu-item").filter(has_text="Save Notebook").first.click()
    page.wait_for_timeout(1500)
    make.click()
    hand.get_by_text("At “5.6 Explain it back” nothing is written").wait_for()
    learner.shoot("14-saved", hand)
