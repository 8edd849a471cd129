"""The event spine: what matters in a window, once each, in order, in a learner's words."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mipflow.sim.trace import TableChanged, Trace
from mipflow.view.focus import Focus
from mipflow.view.spine import SHOWN, Spine, spine
from mipflow.view.words import Words
from mipflow.wire.mobility import MobilityMessage
from tests.view.story import FLOWS, MS, NAMES, VIDEO, S, Story, handover

STORY, AT = handover()
TRACE = STORY.trace()


def told(start_ns: int = AT.asked, end_ns: int = AT.end, story: Story = STORY, trace: Trace = TRACE) -> Spine:
    """The spine of a window of the hand-made story."""
    return spine(trace, story.graph, Words(NAMES, FLOWS), Focus(trace, FLOWS), start_ns, end_ns)


def test_a_handover_in_a_learners_words() -> None:
    assert [(caption.t_ns - AT.asked) // MS for caption in told().captions][:2] == [0, 0]
    sentences = told().sentences()
    assert "12.135 s: CN1 now sends the video to the cellular address." in sentences
    (tests,) = [one for one in sentences if "HoTI" in one]
    assert tests == (
        "12.000 s: The mobile node tests H@2 with CN1, through the home agent (HoTI), and the cellular address with CN1"
        " (CoTI)."
    )
    assert any("drops a packet of the video: lost on the link (2 times)." in one for one in sentences)
    assert not any("flow 2" in one or "CoA" in one for one in sentences)


def test_the_key_moment_is_the_row_at_the_correspondent() -> None:
    (key,) = [moment for moment in told().moments if moment.is_key]
    assert (key.t_ns, key.kind, key.nodes, key.flows) == (AT.update_lands, "row", ("CN1",), (VIDEO,))
    assert key.rows[0].change.key == str(next(iter(a for a, n in NAMES.items() if n == "H@2")))


@given(st.integers(0, 600), st.integers(1, 600))
def test_each_message_and_each_shown_row_of_a_window_is_in_one_moment(start_ms: int, length_ms: int) -> None:
    start = AT.asked - 200 * MS + start_ms * MS
    end = start + length_ms * MS
    got = told(start, end)
    assert [m.t_ns for m in got.moments] == sorted(m.t_ns for m in got.moments)
    assert all(start <= moment.t_ns <= end for moment in got.moments)
    hops = Counter(hop for moment in got.moments for hop in moment.hops)
    rows = Counter(id(record) for moment in got.moments for record in moment.rows)
    assert not [number for number, times in hops.items() if times > 1]
    origin: dict[int, int] = {}
    for number, packet in enumerate(TRACE.packets):
        inner = packet.unsealed()
        if isinstance(inner.payload, MobilityMessage):
            began = origin.setdefault(id(inner), TRACE.started[number])
            assert hops[number] == (start <= began <= end)
    for record in TRACE.records:
        if isinstance(record, TableChanged) and record.change.table in SHOWN:
            assert rows[id(record)] == (start <= record.t_ns <= end)


def test_an_empty_window_has_nothing() -> None:
    assert told(9 * S, 9 * S + MS).sentences() == [] == told(9 * S, 9 * S + MS).rows()
    assert told(0, S, trace=Trace()).moments == []
