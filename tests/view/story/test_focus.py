"""Of many flows those that were handed over and the largest are shown; the others are counted."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from mipflow.sim.trace import Decided, Trace
from mipflow.view.drawing.page import page
from mipflow.view.drawing.picture import Picture
from mipflow.view.ladder import MOST_MESSAGES, ladder
from mipflow.view.stage.show import animate
from mipflow.view.story.focus import MOST_TOLD, Focus
from mipflow.view.tables import tables
from mipflow.view.timeline import timeline
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingUpdate
from mipflow.wire.packet import UDP, DestinationOptions, HomeAddressOption, Packet
from tests.view.told import CELL, CELL_WAY, CN1, MS, NAMES, WLAN, WLAN_WAY, S, Story

MOVED, LARGE = 7, (40, 41, 42)


def many(flows: int) -> tuple[Trace, Story, dict[int, str]]:
    """Flows that each have a home address, bind it and send: most one packet, some three; one moves at the end."""
    story = Story()
    words = {flow: f"flow {flow}" for flow in range(1, flows + 1)}
    for flow in words:
        at, home = flow * 10 * MS, Address(f"2001:db8:100::{flow + 16:x}")
        row = {"flow_id": flow, "cn": str(CN1), "home_address": str(home), "care_of_address": str(WLAN)}
        row |= {"registered_at_cn": None, "interface": "wlan0"}
        story.table(at, "MN", "flow mapping table", flow, None, row)
        story.table(at, "CN1", "binding cache", home, None, {"home_address": str(home), "care_of_address": str(WLAN)})
        option = (DestinationOptions((HomeAddressOption(home),)),)
        story.send(WLAN_WAY, Packet(WLAN, CN1, BindingUpdate(flow), extensions=option), at)
        for number in range(3 if flow in LARGE else 1):
            story.send(WLAN_WAY, Packet(home, CN1, UDP(9, 9, b"x"), label=flow, sent_ns=at), at + (number + 1) * MS)
        if flow == MOVED:
            end = (flows + 5) * 10 * MS
            story.records.append(Decided(end, "MN", "handover", f"flow {flow} is to move to cell0"))
            moved = row | {"care_of_address": str(CELL), "interface": "cell0"}
            story.table(end, "MN", "flow mapping table", flow, row, moved)
            story.send(CELL_WAY, Packet(CELL, CN1, BindingUpdate(9), extensions=option), end + MS)
            story.send(CELL_WAY, Packet(home, CN1, UDP(9, 9, b"x"), label=flow, sent_ns=end), end + 90 * MS)
    return story.trace(), story, words


def drawn(flows: int) -> dict[str, Picture]:
    """Return all pictures of a page."""
    trace, story, words = many(flows)
    span: dict[str, Any] = {"start_ns": 0, "end_ns": (flows + 40) * 10 * MS}
    more: dict[str, Any] = {"names": NAMES, "flows": words}
    return {
        "animation": animate(trace, story.graph, **span, **more),
        "ladder": ladder(trace, story.graph, **span, **more),
        "timeline": timeline(trace, story.graph, **span, **more),
        "tables": tables(trace, span["end_ns"], **more),
    }


def test_handed_over_first_then_the_largest() -> None:
    trace, _, words = many(60)
    focus = Focus(trace, words, most=5)
    assert focus.shown == sorted((MOVED, *LARGE, 1)) and focus.hidden == 55 and focus.moved == {MOVED}
    own = [c.change.key for c in trace.changes() if focus.has(c) and c.change.table == "flow mapping table"]
    assert sorted(map(int, own)) == sorted((MOVED, *focus.shown))
    bound = [c.change.key for c in trace.changes() if focus.has(c) and c.change.table == "binding cache"]
    assert len(bound) == 5
    assert {hop.packet.flow for hop in trace if hop.packet.label and focus.has_packet(hop.packet)} == set(focus.shown)
    sent = [hop.packet for hop in trace if not hop.packet.label and hop.channel.sender == "MN"]
    assert len(list(filter(focus.has_packet, sent))) == 6, "one for each, and that of the handover"


def test_of_few_flows_all_is_shown() -> None:
    trace, _, words = many(MOST_TOLD)
    focus = Focus(trace, words)
    assert focus.hidden == 0 and all(map(focus.has, trace.records)) and all(focus.has_packet(h.packet) for h in trace)


def test_each_picture_shows_the_one_that_moved_and_says_how_many_are_not_drawn() -> None:
    pictures = drawn(200)
    figures = {name: json.dumps(picture.figure) + picture.html for name, picture in pictures.items()}
    figures["animation"] = "".join(bundle["text/html"] for bundle in pictures["animation"].bundles()[1:])
    assert "Not drawn: 196 flows" in figures["animation"] and "not drawn: 194 flows" in figures["timeline"]
    assert "messages of other flows not drawn" in figures["ladder"]
    for name in ("animation", "timeline", "ladder"):
        assert f"flow {MOVED}" in figures[name] and "flow 150" not in figures[name]
        assert "cell" in pictures[name].describe()
    for name in ("animation", "timeline"):
        assert f"{200 - MOST_TOLD} other flows, of which nothing more is told; 0 lost." in pictures[name].describe()
    for name in ("animation", "ladder"):
        said = "of other flows or rows that pictures do not show: rows() of this picture has them."
        assert said in pictures[name].describe()
    assert len(pictures["ladder"].rows()) > 600, "rows() has everything"
    told = pictures["tables"].describe()
    assert "flow 7 " in told and told.count("100 more, which rows() has") == 2 and len(pictures["tables"].rows()) == 400


def test_the_messages_of_a_handover_come_before_earlier_ones() -> None:
    trace, story, words = many(20)
    for number in range(3 * MOST_MESSAGES):
        story.send(WLAN_WAY, Packet(WLAN, CN1, BindingUpdate(number)), number * 100_000)
    trace = story.trace()
    picture = ladder(trace, story.graph, names=NAMES, flows=words, start_ns=0, end_ns=S)
    text = picture.html
    assert "sequence number 9<" in text and "other messages not drawn" in text


def test_a_page_does_not_grow_with_the_flows() -> None:
    library = len(files("plotly").joinpath("package_data", "plotly.min.js").read_bytes())
    few, many_more = (len(page(list(drawn(flows).values()), "").encode()) - library for flows in (200, 1000))
    assert few < 900_000 and many_more < 1.2 * few
