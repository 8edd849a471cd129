"""The event spine: what matters in a window, once each, in order, in a learner's words."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any, SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.sim.trace import KEEP_EVERY, Decided, TableChanged, Trace
from mipflow.view.story.moment import TOGETHER_NS, joined
from mipflow.view.story.spine import SHOWN, Spine, spine
from mipflow.wire.mobility import MobilityMessage
from tests.view.told import FLOWS, HOME2, MS, NAMES, VIDEO, S, Story, handover

STORY, AT = handover()
TRACE = STORY.trace()


def told(start_ns: int = AT.asked, end_ns: int = AT.end, story: Story = STORY, trace: Trace = TRACE) -> Spine:
    """Return the spine of a window of the hand-made story."""
    return spine(trace, story.graph, NAMES, FLOWS, start_ns, end_ns)


def of_world(world: World, start_ns: int = 0, end_ns: int | None = None) -> Spine:
    """Return the spine of a window of a world."""
    end = world.network.clock.now if end_ns is None else end_ns
    return spine(world.trace, world.network.graph, world.names(), world.flow_names(), start_ns, end)


@cache
def worlds() -> dict[str, World]:
    """Handovers of several kinds, each of them 6 s long: asked for at 4 s."""
    made = {
        "one flow moves": mf.figure2(seed=7), "one home address": mf.figure1(seed=7),
        "as it was before": mf.plain_mobile_ipv6(seed=7),
        "a correspondent that knows nothing of it": mf.figure2(seed=7, correspondents={"CN1": Host}),
        "links that lose packets": mf.figure2(seed=7, links={n: mf.Link(9, loss=0.1) for n in ("wlan0", "cell0")}),
        "in ESP, addresses by DHCPv6": mf.figure2(seed=7, security=True, allocate="dhcpv6"),
    }  # fmt: skip
    for name, world in made.items():
        world.mn.open(world.cn1, mf.apps.Voice(start_s=2))
        video = world.mn.open(world.cn1, mf.apps.Video(start_s=2))
        world.run(4)
        if "before" in name:
            world.mn.handover_all("cell0", break_first=True)
        else:
            world.mn.handover(video, "cell0")
        world.run(2)
    return made


NAMES_OF_WORLDS = list(worlds())


def check_window(got: Spine, trace: Trace, start: int, end: int) -> None:
    """Everything in exactly one moment, in order; the witness goes through all hops, one by one."""
    assert [m.t_ns for m in got.moments] == sorted(m.t_ns for m in got.moments)
    assert all(start <= moment.t_ns <= end and moment.t_ns <= moment.until_ns for moment in got.moments)
    hops = Counter(hop for moment in got.moments if moment.kind != "lost" for hop in moment.hops)
    assert not [number for number, times in hops.items() if times > 1]
    rows = Counter(id(record) for moment in got.moments for record in moment.rows)
    for number, packet in enumerate(trace.packets):
        sender = trace.channels[trace.channel[number]].sender
        is_origin = sender in ("MN", "CN1", "CN2") or (sender == "HA" and packet.unsealed().source in AGENTS)
        if isinstance(packet.unsealed().carried, MobilityMessage) and is_origin:
            assert hops[number] == (start <= trace.started[number] <= end), packet
    for record in trace.records:
        if isinstance(record, TableChanged):
            assert rows[id(record)] == (start <= record.t_ns <= end)
            if record.change.table in SHOWN and rows[id(record)] and record.change.before is None:
                assert [m.is_told for m in got.moments if record in m.rows] == [True]


AGENTS = {address for address, name in (NAMES | worlds()[NAMES_OF_WORLDS[0]].names()).items() if name == "HA"}


class TestWindows:
    @given(st.integers(0, 600), st.integers(1, 600))
    def test_each_message_and_each_row_of_a_window_is_in_one_moment(self, start_ms: int, length_ms: int) -> None:
        start = AT.asked - 200 * MS + start_ms * MS
        check_window(told(start, start + length_ms * MS), TRACE, start, start + length_ms * MS)

    @given(st.sampled_from(NAMES_OF_WORLDS), st.integers(0, 6 * S), st.integers(1, 3 * S))
    def test_so_it_is_in_every_kind_of_world(self, name: str, start: int, length: int) -> None:
        world = worlds()[name]
        check_window(of_world(world, start, start + length), world.trace, start, start + length)

    @given(st.sampled_from(NAMES_OF_WORLDS), st.integers(0, 5 * S), st.integers(1, S))
    def test_a_part_tells_what_the_whole_tells(self, name: str, start: int, length: int) -> None:
        world = worlds()[name]
        whole = [m for m in of_world(world).moments if start <= m.t_ns <= start + length and m.kind != "lost"]
        part = [m for m in of_world(world, start, start + length).moments if m.kind != "lost"]
        assert [(m.t_ns, m.sentence, m.flows, m.is_key) for m in part] == [
            (m.t_ns, m.sentence, m.flows, m.is_key) for m in whole
        ]

    def test_an_empty_window_has_nothing(self) -> None:
        assert told(9 * S, 9 * S + MS).sentences() == [] == told(9 * S, 9 * S + MS).rows()
        assert told(0, S, trace=Trace()).moments == []

    def test_a_window_costs_the_same_in_a_trace_of_any_length(self) -> None:
        story, at = handover(start_s=11.9, end_s=12.5)
        short = cost(story, at.asked, at.end)
        for number in range(20_000):
            story.table(number, "HA", "neighbors", number % 7, None, {"state": number})
            story.records.append(Decided(number, "MN", "handover", "nothing"))
        assert cost(story, at.asked, at.end) < short + KEEP_EVERY


def cost(story: Story, start_ns: int, end_ns: int) -> int:
    """Return how many records and packets are looked at, once the tables have been worked out before."""
    trace = story.trace()
    trace.tables(end_ns)

    class Counted(list[Any]):
        looked = 0

        def __getitem__(self, place: SupportsIndex | slice) -> Any:
            got = super().__getitem__(place)
            Counted.looked += len(got) if isinstance(place, slice) else 1
            return got

        def __iter__(self) -> Any:
            raise AssertionError("all of it is looked at")

    trace.records, trace.unmade = Counted(trace.records), Counted(trace.packets)
    told(start_ns, end_ns, story, trace)
    return Counted.looked


class TestWords:
    def test_a_handover_in_a_learners_words(self) -> None:
        captions = [caption.sentence for caption in told().captions]
        assert captions[:5] == [
            "The mobile node is asked to move the video to the cellular network",
            "The mobile node tests H@2 with CN1, through the home agent (HoTI),"
            " and the cellular address with CN1 (CoTI)",
            "CN1 answers the test of H@2, through the home agent (HoT), and the cellular address (CoT)",
            "The mobile node tells CN1 that H@2 is now at the cellular address (BU)",
            "CN1 now sends the video to the cellular address",
        ]
        assert "12.135 s: CN1 now sends the video to the cellular address." in told().sentences()
        assert "2 packets of the video are lost on the link AR3-Internet" in captions

    @pytest.mark.parametrize("name", NAMES_OF_WORLDS)
    def test_flows_and_addresses_go_by_their_names(self, name: str) -> None:
        for sentence in (caption.sentence for caption in of_world(worlds()[name]).captions):
            assert not re.search(r"\bflows? \d|CoA|\b(wlan|cell)\d", sentence), sentence
            assert not sentence[0].islower(), sentence
            is_new = "has an address in" in sentence or "DHCPv6" in sentence
            assert is_new or "2001:db8" not in sentence, sentence

    def test_a_refresh_says_still(self) -> None:
        world = mf.figure2(seed=1)
        world.mn.open(world.cn1, mf.apps.Voice(interval_ms=500))
        world.run(400)
        updates = [m.sentence for m in of_world(world).moments if m.kind == "BU" and m.nodes[1] == "CN1"][:2]
        assert "is now at the WLAN address" in updates[0] and "is still at the WLAN address" in updates[-1]

    def test_sentences_that_begin_alike_are_one(self) -> None:
        assert joined(["One asks the CN for this", "One asks the CN for that"]) == "One asks the CN for this, and that"
        assert joined(["A call begins", "A video begins"]) == "A call begins. A video begins"
        assert joined(["One two three 4", "One two three 5", "One two three 6", "One two three 7"]) == (
            "One two three 4, and 5, and 6, and 1 more like it"
        )

    def test_what_belongs_together_within_a_millisecond_is_one_caption(self) -> None:
        for name, world in worlds().items():
            got = of_world(world)
            assert sum(len(caption.moments) for caption in got.captions) == sum(m.is_told for m in got.moments), name
            for caption in got.captions:
                is_error = {moment.kind for moment in caption.moments} == {"error"}
                assert caption.moments[-1].t_ns - caption.t_ns <= (S if is_error else TOGETHER_NS)
                assert len(caption.moments) == 1 or not any(moment.is_key for moment in caption.moments)

    def test_equal_errors_within_a_second_are_one_caption_with_their_number(self) -> None:
        world = mf.figure2(seed=7)
        call = world.mn.open(world.cn1, mf.apps.Voice(start_s=2))
        world.run(4)
        world.cn1.close_port(call.conversation.remote_port)
        world.run(2)
        got = of_world(world)
        errors = [moment for moment in got.moments if moment.kind == "error"]
        told = [caption for caption in got.captions if caption.moments[0].kind == "error"]
        assert len(errors) > 20 and 2 <= len(told) <= 3 and sum(len(caption.moments) for caption in told) == len(errors)
        for caption in told:
            number, last = len(caption.moments), caption.moments[-1].t_ns
            assert caption.sentence.endswith(f"code 4), {number} times up to {last / S:.3f} s")
        assert not any("; it arrives" in line for line in got.sentences() if "ICMPv6" in line)

    def test_equal_losses_within_a_second_are_one_moment_with_their_hops(self) -> None:
        world = worlds()["links that lose packets"]
        lost = [m for m in of_world(world).moments if m.kind == "lost" and "lost on the" in m.sentence]
        on_links = [record for record in world.trace.drops() if record.reason == "lost on the link"]
        assert sum(m.count for m in lost) == len(on_links) > 50
        hops = [hop for m in lost for hop in m.hops]
        assert len(hops) == len(set(hops)) == len(on_links)
        assert all(m.until_ns - m.t_ns < S for m in lost)


class TestKeys:
    def test_the_key_moment_is_the_row_at_the_correspondent(self) -> None:
        (key,) = [moment for moment in told().moments if moment.is_key]
        assert (key.t_ns, key.kind, key.nodes, key.flows) == (AT.update_lands, "row", ("CN1",), (VIDEO,))
        assert [record.change.key for record in key.rows] == [str(HOME2)]

    def test_at_the_home_agent_where_the_correspondent_has_none(self) -> None:
        got = of_world(worlds()["a correspondent that knows nothing of it"], 4 * S)
        (key,) = [moment for moment in got.moments if moment.is_key]
        assert key.sentence == "The home agent now sends the video through the tunnel to the cellular address"

    def test_after_each_key_moment_packets_go_there(self) -> None:
        """The witness: to which address the correspondent or the home agent sends the flow before and after."""
        for name in ("one flow moves", "one home address", "as it was before"):
            world = worlds()[name]
            names = {str(address): word for address, word in world.names().items()}
            for key in (m for m in of_world(world, 3 * S).moments if m.is_key):
                sent: dict[bool, set[str]] = {False: set(), True: set()}
                for number, packet in enumerate(world.trace.packets):
                    sender = world.trace.channels[world.trace.channel[number]].sender
                    inner, is_soon = packet.innermost(), world.trace.sent[number] > 3 * S
                    if is_soon and sender == key.nodes[0] and inner.flow in key.flows and not inner.upward:
                        sent[world.trace.sent[number] >= key.t_ns].add(names[str(packet.destination)])
                assert sent == {False: {"WLAN address"}, True: {"cellular address"}}, name


class TestPhases:
    def test_of_a_handover_for_which_tests_and_registration_are_needed(self) -> None:
        assert [(phase.name, phase.start_ns, phase.end_ns) for phase in told().phases] == [
            ("tests", AT.asked, AT.update_sent), ("correspondent registration", AT.update_sent, AT.acknowledged),
        ]  # fmt: skip
        assert {phase.handover_ns for phase in told().phases} == {AT.asked}

    def test_the_home_registration_comes_first_as_it_was_before(self) -> None:
        got = of_world(worlds()["as it was before"], 3 * S)
        assert [phase.name for phase in got.phases] == ["home registration", "tests", "correspondent registration"]
        assert {phase.handover_ns for phase in got.phases} == {4 * S}

    def test_a_refresh_belongs_to_no_handover(self) -> None:
        world = mf.figure2(seed=1)
        world.mn.open(world.cn1, mf.apps.Voice(interval_ms=500))
        world.run(400)
        assert {phase.handover_ns < 2 * S for phase in of_world(world).phases} == {True}
        assert of_world(world, 300 * S).phases == [] and of_world(world, 300 * S).moments


class TestUplink:
    """The mobile node's own road: told where packets of the flow went through the tunnel, and only there."""

    @pytest.mark.parametrize("name", NAMES_OF_WORLDS)
    def test_the_road_is_told_of_flows_whose_packets_took_the_tunnel(self, name: str) -> None:
        world = worlds()[name]
        roads = [m for m in of_world(world, 3 * S).moments if m.kind == "road"]
        told = {flow for moment in roads if moment.is_told for flow in moment.flows}
        rode: set[int] = set()
        trace = world.trace
        for number, packet in enumerate(trace.packets):
            inner, sent = packet.innermost(), trace.sent[number]
            is_own = trace.channels[trace.channel[number]].sender == "MN" and inner.upward and packet is not inner
            if is_own and any((3 + (m.t_ns > 4 * S)) * S <= sent < m.t_ns and inner.flow in m.flows for m in roads):
                rode.add(inner.flow)
        assert told == rode
        assert all("no longer through the tunnel" in m.sentence for m in roads)

    def test_a_call_rides_and_a_video_that_only_comes_down_does_not(self) -> None:
        captions = [caption.sentence for caption in of_world(worlds()["one home address"], 3 * S).captions]
        own = "The mobile node sends its packets of the call straight to CN1 again, no longer through the tunnel"
        assert own in captions and not any("its packets of the video" in each for each in captions)
        assert not any("sends its packets" in c.sentence for c in of_world(worlds()["one flow moves"], 3 * S).captions)

    def test_who_is_asked_for_one_flow_and_moves_two_says_which_shares_its_row(self) -> None:
        asked = [m for m in of_world(worlds()["one home address"]).moments if m.kind == "handover"]
        assert [m.sentence for m in asked] == [
            "The mobile node is asked to move the video to the cellular network; the call shares its row"
        ]
        assert (asked[0].brief, sorted(asked[0].flows)) == ("move the video", [1, 2])


def test_two_flows_that_leave_the_tunnel_together_are_one_sentence_that_reads() -> None:
    world = mf.figure1(seed=1).run(2.5)
    for name in ("call", "talk"):
        world.mn.open(world.cn1, type(name, (mf.apps.Voice,), {"name": name})())
        world.run(1)
    world.mn.bind("CN1", "cell0")
    told = world.run(1).ladder(4.4).describe()
    assert "its packets of the call straight to CN1 again, no longer through the tunnel, and the talk straight" in told
