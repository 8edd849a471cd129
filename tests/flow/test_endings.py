"""Flows that end by themselves: after both FINs or a RST and TIME-WAIT, or after silence; packets after that are a new
flow's.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import FunctionFailed, ProtocolMisuse
from mipflow.flow.applications.flows import Flow
from mipflow.flow.endings import TcpEndings, idle_until_ns
from mipflow.flow.learner.is_over import FlowState
from mipflow.lab.scenarios import HOME, MOBILE_NODE
from mipflow.lab.world import World
from mipflow.node.applications.recorded import Datagram, Recorded
from mipflow.node.tcp.sockets import Tcp
from mipflow.wire.address import Address
from mipflow.wire.packet import TCP
from tests.flow.entries import flow as entry
from tests.mip6.worlds import S, data_hops, world

CN1 = Address("2001:db8:a::5")
KEY = ("TCP", 40000, CN1, 80)
TIME_WAIT_S = 240
"""Twice the maximum segment lifetime of RFC 9293 section 3.4.2, two minutes."""
CONNECTION_OVER = "its TCP connection has ended, and TIME-WAIT is over"
SILENCE_S = {"UDP": 300, "ESP": 300, "TCP": 7440, "ICMPv6": 60}
"""RFC 4787 REQ-5, RFC 5382 REQ-5 (2 h 4 min), RFC 5508 REQ-2; ESP as UDP, in which NATs see it."""


def segment(**flags: Any) -> TCP:
    return TCP(40000, 80, 7, **flags)


# --- pure ------------------------------------------------------------------------------------------------------------


def test_one_fin_ends_nothing_and_both_end_it_after_time_wait() -> None:
    endings = TcpEndings()
    assert endings.segment(KEY, segment(fin=True), True, 5 * S) is None
    assert endings.segment(KEY, segment(fin=True), True, 6 * S) is None, "the same one again"
    assert not endings.has_ended(KEY, 1000 * S)
    assert endings.segment(KEY, segment(fin=True), False, 7 * S) == 247 * S
    assert not endings.has_ended(KEY, 247 * S - 1) and endings.has_ended(KEY, 247 * S)


@pytest.mark.parametrize("outgoing", [True, False])
def test_a_reset_of_either_end_is_enough(outgoing: bool) -> None:
    endings = TcpEndings()
    assert endings.segment(KEY, segment(rst=True), outgoing, 5 * S) == 245 * S
    assert endings.has_ended(KEY, 245 * S) and not endings.has_ended(("TCP", 40001, CN1, 80), 245 * S)


FLAGS = st.sampled_from([{"fin": True}, {"rst": True}, {"syn": True}])


@given(st.lists(st.tuples(FLAGS, st.booleans(), st.integers(0, 200)), max_size=12), st.integers(0, 600))
def test_a_conversation_is_over_a_time_wait_after_the_last_that_ended_it(
    seen: list[tuple[dict[str, bool], bool, int]], later_s: int
) -> None:
    """The same by another way: the last segments after the last SYN count, a RST or a FIN each way."""
    endings, now = TcpEndings(), 0
    history: list[tuple[str | bool, int]] = []
    for flags, outgoing, wait_s in seen:
        now += wait_s * S
        endings.segment(KEY, segment(**flags), outgoing, now)
        history = [] if "syn" in flags else [*history, ("rst" if "rst" in flags else outgoing, now)]
    kinds = {kind for kind, _ in history}
    is_ended = "rst" in kinds or kinds == {True, False}
    now += later_s * S
    assert endings.has_ended(KEY, now) == (is_ended and now >= history[-1][1] + TIME_WAIT_S * S)


@given(st.sampled_from([*SILENCE_S, "132"]), st.integers(0, 10**6))
def test_silence_counts_from_the_last_packet_and_before_the_first_not_at_all(protocol: str, used_s: int) -> None:
    one, later = entry(1, CN1, protocol=protocol), (used_s + 5) * S
    assert idle_until_ns(one, later) > later
    one.used_ns = used_s * S
    assert idle_until_ns(one, later) == (used_s + SILENCE_S.get(protocol, 300)) * S


# --- in a world ------------------------------------------------------------------------------------------------------


def made(**keywords: Any) -> World:
    """Return Figure 2 once the primary is bound, and a call that keeps it."""
    w = world(**{"wire": False, **keywords}).run(5)
    w.mn.open(w.cn1, mf.apps.Voice(interval_ms=5000))
    return w


def ended(w: World) -> dict[int, tuple[Any, str]]:
    """Return when each flow has ended, in seconds, and why, by flow id."""
    found = {}
    for decision in w.trace.decisions():
        if decision.what == "flow ended":
            number, why = decision.why.removeprefix("flow ").split(": ", 1)
            found[int(number)] = decision.t_ns / S, why
    return found


def at_mobile_node(w: World, flow_id: int, wanted: Any = lambda payload: True) -> list[float]:
    """Return when packets of a flow left or reached the mobile node, in seconds."""
    hops = [hop for hop in data_hops(w, flow_id) if wanted(hop.packet.innermost().payload)]
    times = [hop.sent_ns for hop in hops if hop.channel.sender == "MN"]
    return sorted(t_ns / S for t_ns in times + [hop.arrived_ns for hop in hops if hop.channel.receiver == "MN"])


def finished(payload: TCP) -> bool:
    return payload.fin


def reset(payload: Any) -> bool:
    return type(payload) is TCP and payload.rst


def is_gone(w: World, flow: Flow) -> bool:
    """Check that nothing of a flow and of its home address is left anywhere."""
    home = flow.home_address
    assert home is not None and home != w.mn.primary_home_address
    nodes = [home in w.ha.bindings, *(home in cn.bindings for cn in w.cns), home in w.mn.own_home_addresses]
    return not any(nodes) and home not in w.mn.home_addresses and flow.id not in w.mn.flows and not flow.is_open


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_transfer_ends_its_flow_240_s_after_the_last_fin(direction: Any) -> None:
    w = made()
    transfer = w.mn.open(w.cn1, mf.apps.FileTransfer(20_000, direction))
    w.run(4)
    assert transfer.running is not None and transfer.running.is_complete
    last_s = at_mobile_node(w, transfer.id, finished)[-1]
    w.run(last_s + TIME_WAIT_S - 0.001 - w.now)
    assert transfer.id in w.mn.flows and transfer.is_open and transfer.home_address in w.ha.bindings
    w.run(0.001)
    assert transfer.id not in w.mn.flows and not transfer.is_open
    assert ended(w) == {transfer.id: (pytest.approx(last_s + TIME_WAIT_S), CONNECTION_OVER)}
    w.run(3)
    assert is_gone(w, transfer) and len(w.mn.flows) == 1


def test_a_fin_that_is_sent_again_begins_time_wait_again() -> None:
    """The mobile node's last acknowledgements are lost: its correspondent sends its FIN again for a while."""
    w = made()
    transfer = w.mn.open(w.cn1, mf.apps.FileTransfer(20_000, "up"))
    deaf = [False]

    def tap(packet: Any, now: int) -> str | None:
        inner = packet.innermost()
        deaf[0] |= inner.flow == transfer.id and type(inner.payload) is TCP and inner.payload.fin
        late = deaf[0] and inner.label == transfer.id and not inner.payload.fin and now < 12 * S
        return "taken by the test" if late else None

    w.network.segments["wlan0"].tap(tap)
    w.run(60)
    fins = at_mobile_node(w, transfer.id, finished)
    assert fins[-1] - fins[0] > 1
    w.run(400)
    assert ended(w)[transfer.id][0] == pytest.approx(fins[-1] + TIME_WAIT_S)


def test_a_connection_that_is_refused_ends_its_flow_240_s_after_the_reset() -> None:
    w = made()
    Tcp.of(w.mn).connect(40000, (w.cn1.address, 4321))
    w.run(4)
    (number,) = [each.flow_id for each in w.mn.flows if each.flow_information.traits.protocol == "TCP"]
    *_, reset_s = [
        hop.arrived_ns / S for hop in w.trace if hop.channel.receiver == "MN" and reset(hop.packet.innermost().payload)
    ]  # fmt: skip
    w.run(300)
    assert ended(w) == {number: (pytest.approx(reset_s + TIME_WAIT_S), CONNECTION_OVER)}
    assert len(w.mn.home_addresses) == 1


@pytest.mark.parametrize("app", [
    mf.apps.Voice(duration_s=3), mf.apps.Protected(duration_s=3), mf.apps.Echo(interval_ms=100, count=30),
    mf.apps.Voice(both_ways=False, duration_s=3),
], ids=["UDP", "ESP", "ICMPv6", "UDP one way"])  # fmt: skip
def test_silence_ends_a_flow_to_the_nanosecond(app: Any) -> None:
    w = made()
    flow = w.mn.open(w.cn1, app)
    w.run(10)
    last_s = at_mobile_node(w, flow.id)[-1]
    silent_s = SILENCE_S[app.protocol]
    w.run(last_s + silent_s - 0.001 - w.now)
    assert flow.id in w.mn.flows and flow.home_address in w.ha.bindings
    w.run(0.001)
    assert ended(w) == {flow.id: (pytest.approx(last_s + silent_s), f"it has carried nothing for {silent_s} s")}
    w.run(4)
    assert is_gone(w, flow)


def test_a_connection_that_is_open_and_silent_ends_after_two_hours_and_four_minutes() -> None:
    w = made()
    got: list[bytes] = []
    Tcp.of(w.cn1).listen(4321, lambda socket: setattr(socket, "on_data", got.append))
    socket = Tcp.of(w.mn).connect(40000, (w.cn1.address, 4321))
    w.run(3)
    socket.write(b"hello")
    w.run(3)
    (number,) = [each.flow_id for each in w.mn.flows if each.flow_information.traits.protocol == "TCP"]
    assert got == [b"hello"]
    used_ns = w.mn.flows[number].used_ns
    assert used_ns is not None
    w.run(7445)
    assert ended(w) == {number: (pytest.approx(used_ns / S + 7440), "it has carried nothing for 7440 s")}


def test_a_flow_that_carries_something_from_time_to_time_goes_on() -> None:
    """A packet every 59 s; the hold of 60 s that the last one begins is the only one that ends."""
    w = made()
    ping = w.mn.open(w.cn1, mf.apps.Echo(interval_ms=59_000, count=8))
    w.run(59 * 7 + 30)
    assert ping.is_open and ended(w) == {}
    assert ping.running is not None and ping.running.received_bytes == 8 * 56
    w.run(60)
    assert list(ended(w)) == [ping.id]


def test_a_flow_whose_application_begins_late_is_waited_for() -> None:
    w = made()
    ping = w.mn.open(w.cn1, mf.apps.Echo(interval_ms=100, count=5, start_s=200))
    talk = w.mn.open(w.cn1, mf.apps.Voice(duration_s=2, start_s=700))
    w.run(199)
    assert ping.is_open and ping.ready_ns is not None and ping.stats.up.sent == 0
    w.run(10)
    assert ping.running is not None and ping.running.received_bytes == 5 * 56
    w.run(495)
    assert ended(w).keys() == {ping.id} and talk.is_open and talk.stats.down.received > 90


def test_a_flow_of_several_conversations_ends_with_the_last() -> None:
    """Two transfers under one word: the second begins a minute after the first is over."""
    w = made()
    first = w.mn.open(w.cn1, mf.apps.FileTransfer(20_000), word="files")
    second = w.mn.open(w.cn1, mf.apps.FileTransfer(20_000, start_s=60), word="files")
    assert first.id == second.id
    w.run(70)
    fins = at_mobile_node(w, first.id, finished)
    assert len(fins) >= 4 and fins[-1] - fins[0] > 50
    w.run(fins[0] + TIME_WAIT_S + 30 - w.now)
    assert ended(w) == {} and first.id in w.mn.flows
    assert len(w.mn.flows[first.id].conversations) == 1, "the first is over"
    w.run(60)
    assert ended(w)[first.id][0] == pytest.approx(fins[-1] + TIME_WAIT_S)
    assert is_gone(w, first) and is_gone(w, second)


def test_of_two_applications_in_one_flow_the_last_to_be_closed_closes_it() -> None:
    w = made()
    one, two = (w.mn.open(w.cn1, mf.apps.Voice(interval_ms=200), word="talk") for _ in range(2))
    w.run(3)
    w.mn.close(one)
    w.run(3)
    received = two.stats.down.received
    assert ended(w) == {} and two.id in w.mn.flows and two.home_address in w.ha.bindings
    w.run(2)
    assert two.stats.down.received > received
    w.mn.close(two)
    assert ended(w)[two.id][1] == "closed"
    w.run(3)
    assert is_gone(w, two)


def test_an_application_that_speaks_again_gets_a_new_flow() -> None:
    w = made()
    got: list[bytes] = []
    w.cn1.udp(9).on_datagram = got.append
    socket = w.mn.udp(6000, (w.cn1.address, 9))
    for text in (b"one", b"two"):
        socket.send(text)
        w.run(310)
    assert got == [b"one", b"two"]
    assert list(ended(w)) == [2, 3] and len(w.mn.flows) == 1 and len(w.mn.home_addresses) == 1


def test_one_that_was_opened_and_speaks_again_gets_its_answers() -> None:
    """The application asks every 100 s, and its flow is over after 60 s: each question is a flow of its own."""
    w = made()
    ping = w.mn.open(w.cn1, mf.apps.Echo(interval_ms=100_000, count=4))
    w.run(399)
    assert ping.running is not None and ping.running.received_bytes == 4 * 56
    assert not ping.is_open and list(ended(w)) == [2, 3, 4, 5] and len(w.mn.home_addresses) == 1
    with pytest.raises(ProtocolMisuse, match="no flow 2"):
        w.mn.close(ping)


def test_a_connection_on_the_same_ports_lives_on_past_the_end_of_the_one_before() -> None:
    """A SYN begins a new connection; the TIME-WAIT of the one before does not end its flow. Here nobody answers the
    SYN.
    """
    w = made()
    transfer = w.mn.open(w.cn1, mf.apps.FileTransfer(1000))
    w.run(4)
    w.network.segments["cn1"].tap(lambda packet, now: "taken by the test")
    key = next(iter(w.mn.flows[transfer.id].conversations))
    w.mn.transmit(TCP(key[1], key[3], 77, syn=True), transfer.home_address, w.cn1.address, transfer.id)
    w.run(300)
    assert ended(w) == {} and transfer.id in w.mn.flows
    assert HOME.address(MOBILE_NODE + 1) in w.ha.bindings


@pytest.mark.parametrize("accepted", [False, True])
def test_recorded_traffic_says_how_long_its_flow_lasts(accepted: bool) -> None:
    w = made()
    script = [Datagram(k * 400 * S, k % 2 == 0, 20) for k in range(3)]
    begin = w.mn.accept if accepted else w.mn.open
    flow = begin(w.cn1, Recorded("UDP", script))
    w.run(2)
    began_s = w.now
    w.run(900)
    assert flow.is_open and ended(w) == {}
    w.run(300)
    assert list(ended(w)) == [flow.id] and began_s + 1090 < ended(w)[flow.id][0] < began_s + 1110


# --- a learner's is_over ---------------------------------------------------------------------------------------------


def silent(limit_s: float) -> Any:
    return lambda flow, now: flow.closed or now - max(flow.sent, flow.heard) >= limit_s


def learners_ends(made: World) -> list[tuple[float, str]]:
    return [(each.t_ns / S, each.why) for each in made.trace.decisions() if each.what == "flow ended"]


def goes_on(made: World) -> list[str]:
    return [each.why for each in made.trace.decisions() if each.what == "flow goes on"]


def test_a_learner_says_when_a_flow_is_over() -> None:
    made = world(wire=False, is_over=silent(5)).run(2.5)
    call = made.mn.open(made.cn1, mf.apps.Voice(start_s=6, duration_s=2))
    made.run(20)
    ((at_s, why),) = learners_ends(made)
    assert 15.5 <= at_s <= 15.8, "not before it has begun"
    assert re.fullmatch(rf"flow {call.id}: your is_over\(\) says so \(silent for 5\.[0-3] s\)", why)


def test_a_learner_is_told_when_it_sent_and_when_it_heard() -> None:
    asked: list[tuple[FlowState, float]] = []

    def is_over(flow: FlowState, now: float) -> bool:
        asked.append((flow, now))
        return False

    made = world(wire=False, is_over=is_over).run(2.5)
    made.mn.open(made.cn1, mf.apps.Voice(both_ways=False, duration_s=1))
    film = made.mn.open(made.cn1, mf.apps.Video(duration_s=4))
    made.run(10)
    call, watched = asked[-2][0], asked[-1][0]
    assert call.protocol == "UDP" and (call.began, call.heard) == (2.5, 2.5)
    assert call.sent == pytest.approx(3.48, abs=0.3)
    assert film.is_open and watched.began == 2.5 and watched.heard > watched.sent > 5
    assert [now for _, now in asked] == sorted(now for _, now in asked) and asked[-1][1] == pytest.approx(12.5, abs=0.3)


def test_a_learner_decides_about_fins_and_what_the_application_says() -> None:
    seen: list[int] = []

    def is_over(flow: FlowState, now: float) -> bool:
        seen.append(flow.fins)
        return flow.closed

    made = world(wire=False, is_over=is_over).run(2.5)
    file = made.mn.open(made.cn1, mf.apps.FileTransfer(1000))
    call = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(2 * TIME_WAIT_S)
    assert 2 in seen and learners_ends(made) == [], "TIME-WAIT is the learner's affair"
    made.mn.close(call)
    assert call.id in made.mn.flows, "the learner is asked first"
    made.run(1)
    ((_, why),) = learners_ends(made)
    assert why.startswith(f"flow {call.id}: your is_over() says so (closed by its application; silent for 0.")
    assert call.id not in made.mn.flows and file.id in made.mn.flows


def test_who_does_not_listen_to_the_application_keeps_the_flow() -> None:
    made = world(wire=False, is_over=lambda flow, now: False).run(2.5)
    call = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(2)
    made.mn.close(call)
    made.run(400)
    assert call.id in made.mn.flows and learners_ends(made) == []
    (told,) = goes_on(made)
    assert told.startswith(f"flow {call.id}: your is_over() says so (closed by its application; "), "told once"


@pytest.mark.parametrize("bad", [lambda flow, now: None, lambda flow, now: 1 / 0, lambda flow, now: now])
def test_an_is_over_that_fails_is_told_once_for_a_flow_which_goes_on(bad: Any) -> None:
    made = world(wire=False, is_over=bad).run(2.5)
    call = made.mn.open(made.cn1, mf.apps.Voice(duration_s=2))
    made.run(400)
    told = [each.why for each in made.trace.decisions() if each.what == "function failed"]
    assert len(told) == 1 and told[0].startswith("your is_over() ") and call.id in made.mn.flows


def test_an_is_over_takes_a_flow_and_a_time() -> None:
    with pytest.raises(FunctionFailed, match=r"it is called as is_over\(flow, now\)"):
        mf.figure2(is_over=lambda flow: True)


def test_a_pause_that_is_taken_for_the_end_makes_a_flow_of_each_sentence() -> None:
    """The call of lab 05: cut where a second of silence counts, whole where five do."""
    counts, told = [], []
    for limit_s in (1, 5):
        made = world(wire=False, is_over=silent(limit_s)).run(2.5)
        made.mn.open(made.cn1, mf.apps.Voice())
        call = made.mn.open(made.cn1, mf.apps.Voice(talk_s=2, pause_s=3))
        made.run(24.5)
        changes = [each.change for each in made.trace.changes() if each.node == "MN"]
        flows = {each.key for each in changes if each.table == "flow mapping table" and each.after}
        counts.append((len(flows) - 1, call.stats.down.lost > 0))
        told.append(goes_on(made))
    assert counts == [(5, True), (1, False)]
    home, pauses = call.home_address, 5
    assert told[0] == [] and len(told[1]) == 2 * pauses - 1, "of each pause its silence, and its end"
    for kept, again in zip(told[1][:-1:2], told[1][1::2], strict=True):
        assert re.fullmatch(rf"flow {call.id}: your is_over\(\) says so \(silent for 1\.[0-3] s\)", kept)
        assert again == f"flow {call.id}: packets again, after 3 s of silence, still from {home}"
