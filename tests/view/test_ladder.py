"""The ladder: one arrow a message, tunnels marked, labels that can be read."""

from __future__ import annotations

from typing import Any

from mipflow.view.ladder import MOST_MESSAGES, ladder
from mipflow.view.picture import Picture
from tests.view.story import FLOWS, MS, NAMES, NODES, S, handover

STORY, AT = handover()
TRACE = STORY.trace()


def made(**more: Any) -> Picture:
    """The ladder of the handover."""
    span = {"start_ns": AT.asked - MS, "end_ns": AT.acknowledged + MS}
    return ladder(TRACE, STORY.graph, names=NAMES, flows=FLOWS, **(span | more))


def labels(picture: Picture) -> list[str]:
    """The texts of a figure."""
    assert picture.figure is not None
    return [annotation["text"] for annotation in picture.figure["layout"]["annotations"]]


def arrows(picture: Picture) -> int:
    """How many arrows a figure has."""
    assert picture.figure is not None
    return sum(layer.get("marker", {}).get("symbol", []).count("arrow") for layer in picture.figure["data"])


def test_hops_through_plain_routers_are_one_arrow() -> None:
    picture = made()
    assert arrows(picture) == 8
    nodes = [f"<b>{node}</b>" for node in NODES]
    heads = [text for text in labels(picture) if text in nodes]
    assert heads == ["<b>MN</b>", "<b>HA</b>", "<b>CN1</b>"]


def test_messages_are_named_with_their_key_fields_and_tunnels_are_marked() -> None:
    texts = labels(made())
    assert "<b>BU</b> H@2 at cellular address, sequence 7, 420 s" in texts
    assert "<b>HoTI</b> (tunnelled) from H@2" in texts
    assert "<b>HoTI</b> from H@2" in texts
    assert "<b>H@2 → cellular address seq 7</b>" in texts


def test_time_runs_downwards_and_arrows_slant() -> None:
    picture = made()
    assert picture.figure is not None
    for layer in picture.figure["data"]:
        if "marker" in layer:
            for start, end in zip(layer["y"][::3], layer["y"][1::3], strict=True):
                assert end < start


def test_labels_do_not_cover_each_other() -> None:
    picture = made()
    assert picture.figure is not None
    places = [
        (note["x"], note["y"], (len(note["text"]) - 7) * 5.9)
        for note in picture.figure["layout"]["annotations"]
        if "xanchor" not in note
    ]
    for number, (x, y, width) in enumerate(places):
        for other_x, other_y, other_width in places[number + 1 :]:
            assert abs(y - other_y) >= 12 or abs(x - other_x) >= (width + other_width) / 2


def test_data_is_drawn_on_request_and_the_rest_is_counted() -> None:
    assert arrows(made(data=True)) > 40
    picture = made(data=True, end_ns=AT.acknowledged + S)
    assert arrows(picture) <= MOST_MESSAGES
    assert any(text.endswith("later messages not drawn") for text in labels(picture))
    assert picture.describe().endswith("later messages not drawn.")


def test_nothing_sent_says_so() -> None:
    assert "No message was sent." in made(start_ns=9 * S, end_ns=10 * S).describe()
    assert made(start_ns=9 * S, end_ns=10 * S).rows() == []


def test_rows_hold_plain_values() -> None:
    update = next(row for row in made().rows() if row.get("message") == "binding update")
    assert update == {
        "time_s": 12.09, "what": "BU", "node": "MN", "from": "MN", "to": "CN1", "interface": "cell0",
        "message": "binding update", "detail": "H@2 at cellular address, sequence 7, 420 s", "tunnelled": False,
        "arrived_s": 12.135, "hop": update["hop"], "count": 1,
        "sentence": "The mobile node tells CN1 that H@2 is now at the cellular address (BU)",
    }  # fmt: skip
