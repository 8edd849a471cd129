"""labs/02_home_agent in JupyterLab in Chromium, as a learner goes through it: call, predict, send, err, mend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.learner import Learner, watched

UPDATE = """from scapy.layers.inet6 import HAO, MIP6MH_BU, IPv6, IPv6ExtHdrDestOpt

start = IPv6(src="2001:db8:200::20", dst="2001:db8:100::7") / IPv6ExtHdrDestOpt(options=[HAO(hoa="2001:db8:100::2a")])
update = start / MIP6MH_BU(seq=1007)"""
OVER = """from mipflow.lab.interception import Packet

HA = "2001:db8:100::7"
def intercept(packet, cache, now):
    entry = cache.get(packet.destination)
    if entry is None:
        return packet
    return Packet(HA, entry.care_of_address, packet)"""
RIGHT = OVER.replace("is None:", "is None or now >= entry.expires_at_s:")


def test_a_learner_goes_through_it(open_notebook: Callable[[str], Any]) -> None:
    page = open_notebook("labs/02_home_agent.ipynb")
    learner = Learner(page, "02_home_agent")
    learner.run_all()

    # Play: both modes.
    play = learner.cell('part("02", "play")')
    play.get_by_role("button", name="Call", exact=True).click()
    play.get_by_text("MN to CN: 10 sent, 10 came").wait_for()
    play.locator(".mipflow-driven").wait_for()
    learner.shoot("1-tunnel", play.locator(".mipflow-controls"))
    play.get_by_label("mode", exact=True).select_option(label="triangular (MN answers straight)")
    play.get_by_label("ingress filter", exact=True).select_option(label="on")
    play.get_by_role("button", name="Call", exact=True).click()
    play.get_by_text("MN to CN: 10 sent, 0 came").wait_for()
    learner.shoot("2-filter", play)

    # Predict: the film waits.
    learner.cell('part("02", "predicted")').get_by_text("Waits for your answer").wait_for()
    learner.predict('ask("02")', "a.  CN → CoA: HA has put")
    film = learner.cell('part("02", "predicted")')
    film.locator(".mipflow-driven").wait_for()
    told = watched(film)
    told.get_by_text("A letter is sent on like that.").wait_for()
    told.locator(".mipflow-way").click()
    page.wait_for_timeout(500)
    learner.shoot("3-predicted", film)

    # A question on the way.
    row = learner.cell('ask("02-row")')
    row.get_by_role("radio", name="e.  It passes it on at home").click()
    row.get_by_role("button", name="Store my answer").click()
    row.get_by_text("HA answers for H@ until it ends").wait_for()

    # The update: with scapy's defaults, and as it is to be.
    learner.write("update =", UPDATE)
    sent = learner.run("send(update)")
    sent.get_by_text("for 12 s, from 2001:db8:100::7").wait_for()
    sent.locator(".mipflow-driven").wait_for()
    learner.shoot("4-sent", sent)
    check = learner.run('check("2.1").points')
    check.get_by_text("scapy chose 3 units").wait_for()
    learner.shoot("5-units", check)
    learner.write("update =", UPDATE.replace("seq=1007", 'seq=1007, flags="HA", mhtime=15'))
    check = learner.run('check("2.1").points')
    check.get_by_text("HA answers with status 0").wait_for()

    # Be the home agent: wrong, looked at in the world, right.
    learner.write("def intercept(", OVER)
    check = learner.run('check("2.2").points')
    check.get_by_text("and MN's row ended at 60 s").first.wait_for()
    learner.shoot("6-not-yet", check)
    served = learner.run('film("2.2")')
    served.get_by_text("it ends at the cellular link").first.wait_for()
    served.locator(".mipflow-driven").wait_for()
    learner.shoot("7-in-ha", served)
    learner.write("def intercept(", RIGHT)
    check = learner.run('check("2.2").points')
    check.get_by_text("Eight of eight.").wait_for()
    served = learner.run('film("2.2")')
    served.get_by_text("it ends at HA").first.wait_for()

    # Read it off, count the price, break it, answer at the end.
    learner.shoot("8-read-off", learner.cell('part("02", "hops")'))
    learner.write("inner, outer =", "inner, outer, ride_ms = 220, 260, 40.1")
    learner.run('check("2.R").points').get_by_text("Where does the tunnel begin?").wait_for()
    learner.shoot("9-measured", learner.cell('part("02", "measured")'))
    learner.write("one_way =", "one_way, round_trip, more = 2.0, 2.0, 18.2")
    learner.run('check("2.3").points').get_by_text("right if both ways took the detour").wait_for()
    learner.write("story =", 'story = "A w w C"')
    learner.run('check("2.5").points')
    other = learner.cell('part("02", "filter")')
    other.get_by_label("who calls", exact=True).select_option(label="CN calls MN")
    other.get_by_role("button", name="Call", exact=True).click()
    other.get_by_text("CN to MN: 10 sent, 10 came").wait_for()
    learner.shoot("10-cn-calls", other)
    form = learner.cell('ask("02-exit")')
    form.get_by_role("radio", name="a.  HA → CoA").click()
    form.get_by_role("button", name="Store my answer").click()
    form.get_by_text("opened and gone").wait_for()
    learner.shoot("11-exit", form)
