"""The timeline: bands, delays, losses."""

from __future__ import annotations

from typing import Any

from mipflow.sim.trace import Trace
from mipflow.view.picture import Picture
from mipflow.view.timeline import MOST_POINTS, timeline
from tests.view.story import FLOWS, S, handover

STORY, AT = handover()
TRACE = STORY.trace()


def made(start_ns: int = 11 * S, end_ns: int = 14 * S) -> Picture:
    """The timeline of the handover."""
    return timeline(TRACE, mobile="MN", flows=FLOWS, start_ns=start_ns, end_ns=end_ns)


def layers(picture: Picture, name: str) -> list[dict[str, Any]]:
    """The layers whose name begins so."""
    assert picture.figure is not None
    return [layer for layer in picture.figure["data"] if str(layer.get("name", "")).startswith(name)]


def test_rows_say_which_interface_when() -> None:
    rows = made().rows()
    seen = [(row["flow"], row["interface"], row["tunnelled"], row["lost"]) for row in rows]
    assert seen == [
        ("call", "wlan0", False, 0),
        ("video", "wlan0", False, 0),
        ("video", "wlan0", True, 0),
        ("video", "cell0", False, 2),
    ]
    assert [row["mean_delay_ms"] for row in rows] == [24, 24, 44, 45]


def test_a_band_for_each_flow_and_interface() -> None:
    picture = made()
    assert picture.figure is not None
    assert picture.figure["layout"]["yaxis2"]["ticktext"] == [
        "call, cell0", "call, wlan0", "video, cell0", "video, wlan0",
    ]  # fmt: skip


def test_losses_are_marked_and_counted() -> None:
    (video,) = layers(made(), "video: 2 lost")
    assert len(video["x"]) == 2
    assert all("lost on the link" in text for text in video["text"])
    assert layers(made(), "call: 0 lost")


def test_curves_are_thinned() -> None:
    story, _ = handover(start_s=1, asked_s=30, end_s=61)
    picture = timeline(story.trace(), mobile="MN", flows=FLOWS, start_ns=S, end_ns=61 * S)
    assert picture.figure is not None
    assert 1000 < max(len(layer["x"]) for layer in picture.figure["data"]) <= MOST_POINTS


def test_the_words_say_the_same() -> None:
    text = made().describe()
    ways = "video: over wlan0, from 12.093 s over wlan0 through the tunnel, from 12.181 s over cell0"
    assert f"{ways}; 2 lost (2 AR3-Internet: lost on the link)." in text
    assert "call: one-way delay 24.0 to 24.0 ms, mean 24.0 ms." in text


def test_nothing_sent_is_a_picture_too() -> None:
    picture = timeline(Trace(), mobile="MN", flows=FLOWS, start_ns=0, end_ns=S)
    assert picture.rows() == []
    assert "call: no packet; 0 lost." in picture.describe()
