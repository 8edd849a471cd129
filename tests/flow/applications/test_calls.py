"""Flows that a correspondent begins (the patent, pages 10 and 13): to the primary, or where they are redirected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.applications.flows import Flow
from mipflow.lab.world import World
from mipflow.node.applications.invitation import PORT
from mipflow.wire.address import Address
from mipflow.wire.packet import TCP, UDP, DestinationOptions, Packet
from tests.flow.worlds import cache_changes, interfaces
from tests.mip6.worlds import S, data_hops, world

CALL = mf.apps.Voice()
APPLICATIONS: dict[str, Any] = {
    "call": CALL, "video": mf.apps.Video(), "ping": mf.apps.Echo(interval_ms=100), "protected": mf.apps.Protected(),
    "file down": mf.apps.FileTransfer(300_000), "file up": mf.apps.FileTransfer(300_000, "up"),
}  # fmt: skip
MODES = ["route_optimisation", "tunnel"]


def settled(**keywords: Any) -> World:
    return world(**{"wire": False, **keywords}).run(5)


def texts(made: World, sender: str) -> list[tuple[float, str, Address]]:
    """Return (seconds, first word, home address) of each invitation that a node sent."""
    found = []
    for hop in made.trace:
        inner = hop.packet.innermost()
        if hop.channel.sender == sender and isinstance(inner.payload, UDP) and hop.hop_limit == 64:
            ports = (inner.payload.source_port, inner.payload.destination_port)
            if PORT in ports:
                options = [header for header in inner.extensions if isinstance(header, DestinationOptions)]
                home = options[0].home_address if options else None
                found.append((hop.sent_ns / S, inner.payload.payload.split()[0].decode(), home or inner.source))
    return found


def lose(made: World, word: bytes, times: int) -> list[int]:
    """Lose the first invitations, answers or confirmations on the correspondent's link."""
    lost: list[int] = []

    def tap(packet: Packet, now: int) -> str | None:
        payload = packet.innermost().payload
        if isinstance(payload, UDP) and payload.payload.startswith(word) and len(lost) < times:
            lost.append(now)
            return "taken by the test"
        return None

    made.network.segments["cn1"].tap(tap)
    return lost


def invitations(made: World) -> list[int]:
    """Return the ids of flows of invitations."""
    of = [flow for flow in made.mn.flows if flow.flow_information.traits.local_port == PORT]
    return [flow.flow_id for flow in of]


def is_well(flow: Flow, name: str) -> bool:
    running, up, down = flow.running, flow.stats.up, flow.stats.down
    assert running is not None
    if name.startswith("file"):
        return running.is_complete and running.is_correct
    return running.received_bytes > 0 and up.lost == 0 == down.lost and up.received > 3 < down.received


# --- every application, to the primary and redirected -----------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("redirect", [False, True])
@pytest.mark.parametrize("name", APPLICATIONS)
def test_what_a_correspondent_begins_arrives_at_the_primary_or_where_it_is_redirected(
    name: str, redirect: bool, mode: str
) -> None:
    """And is handed over: to the primary together with what else is there, redirected alone, while a call stays."""
    made = settled(mode=mode)
    call = made.mn.open(made.cn1, CALL)
    flow = made.mn.accept(made.cn1, APPLICATIONS[name], redirect=redirect)
    made.run(5)
    assert call.home_address == made.mn.primary_home_address
    assert (flow.home_address == made.mn.primary_home_address) is not redirect
    assert is_well(flow, name) and flow.entry in list(made.mn.flows) and invitations(made) == []
    start = made.network.clock.now
    moved = [flow.id] if redirect else [call.id, flow.id]
    assert made.mn.handover(flow, "cell0") == moved
    made.run(2)
    assert len(cache_changes(made, start / S)) == 1
    stays = {"wlan0"} if redirect else {"cell0"}
    assert interfaces(made, call, start + S) == stays
    if not name.startswith("file"):
        assert interfaces(made, flow, start + S) == {"cell0"}
    made.mn.close(flow)
    made.run(3)
    left = [entry for entry in made.mn.flows if entry.flow_id != call.id]
    late = [entry for entry in left if name == "ping"]  # a late request begins a flow, as anybody's does
    assert left == late and call.stats.down.received > 400 and len(made.mn.home_addresses) == 1


def test_both_directions_are_labelled_as_they_go_and_count_for_one_flow() -> None:
    made = settled()
    flow = made.mn.accept(made.cn1, CALL, redirect=True)
    made.run(3)
    for hop in data_hops(made, flow.id):
        payload = hop.packet.innermost().payload
        assert isinstance(payload, UDP)
        assert hop.packet.upward == (payload.source_port == flow.conversation.local_port)
    for meter in flow.stats:
        assert meter.sent == meter.received + meter.in_flight > 50


def test_the_correspondent_opens_its_tcp_connection_to_where_it_was_told() -> None:
    made = settled()
    flow = made.mn.accept(made.cn1, APPLICATIONS["file up"], redirect=True)
    made.mn.open(made.cn1, CALL)
    made.run(5)
    syns = [hop for hop in data_hops(made, flow.id) if getattr(hop.packet.innermost().payload, "syn", False)]
    first = syns[0].packet.innermost()
    assert syns[0].channel.sender == "CN1" and isinstance(first.payload, TCP) and not first.payload.ack
    assert first.destination == flow.home_address


# --- the invitation ---------------------------------------------------------------------------------------------------


def test_an_invitation_goes_to_the_primary_and_its_flow_ends_when_the_call_has_its_place() -> None:
    made = settled()
    made.mn.open(made.cn1, CALL)
    made.run(1)
    flow = made.mn.accept(made.cn1, CALL, redirect=True)
    made.run(0.5)
    assert len(invitations(made)) == 1 and flow.id not in invitations(made)
    assert flow.running is None and flow.wait_ms is None, "its home address is looked at by the home agent first"
    made.run(4)
    said = texts(made, "CN1")
    assert [word for _, word, _ in said] == ["INVITE"] * 2 + ["ACK"], "repeated once in the second that it takes"
    assert [(word, home) for _, word, home in texts(made, "MN")] == [("302", made.mn.primary_home_address)]
    assert 1000 < (flow.wait_ms or 0) < 1200 and invitations(made) == []
    ended = [d.why for d in made.trace.decisions() if d.what == "flow ended"]
    assert len(ended) == 1 and ended[0].endswith(": what was invited to has been redirected")


@pytest.mark.parametrize("word", [b"INVITE", b"302", b"ACK"])
def test_whatever_is_lost_of_an_invitation_the_call_has_its_place_and_the_invitation_ends(word: bytes) -> None:
    """Nobody tells of a lost confirmation: then silence ends the call, as it ends every flow."""
    made = settled(pool=2)
    made.mn.open(made.cn1, CALL)
    lost = lose(made, word, 2)
    flow = made.mn.accept(made.cn1, CALL, redirect=True)
    made.run(5)
    assert len(lost) == (1 if word == b"ACK" else 2)
    assert flow.home_address != made.mn.primary_home_address and flow.stats.down.received > 50 < flow.stats.up.received
    assert len(made.mn.flows) == (3 if word == b"ACK" else 2)
    begun = min(hop.sent_ns for hop in data_hops(made, flow.id)) / S
    assert begun == pytest.approx({b"ACK": 5.04}.get(word, 6.54), abs=0.1), "two time-outs: 0.5 s and 1 s"
    made.run(310)
    assert invitations(made) == [] and len(made.mn.flows) == 2


def test_a_correspondent_that_is_never_heard_leaves_nothing_behind_but_an_expectation() -> None:
    made = settled()
    lost = lose(made, b"INVITE", 1000)
    flow = made.mn.accept(made.cn1, CALL, redirect=True)
    made.run(100)
    assert len(lost) == 7 and len(made.mn.flows) == 0 and flow.running is None and flow.is_open
    made.mn.close(flow)
    assert not flow.is_open and not made.cn1.has_port(49153)


@pytest.mark.parametrize("name", ["call", "ping", "protected", "file up"])
def test_closed_before_it_is_redirected_a_call_begins_nothing(name: str) -> None:
    made = settled()
    made.mn.open(made.cn1, CALL)
    flow = made.mn.accept(made.cn1, APPLICATIONS[name], redirect=True)
    made.run(0.3)
    made.mn.close(flow)
    made.run(10)
    assert data_hops(made, flow.id) == [] and flow.running is None and not flow.is_open
    assert [entry.flow_id for entry in made.mn.flows if entry.flow_id not in invitations(made)] == [1]
    assert len(made.mn.home_addresses) == 1, "what was allocated for it is freed"


def test_many_at_once_are_told_apart_and_each_has_an_address_of_its_own() -> None:
    made = settled(pool=6)
    flows = {name: made.mn.accept(made.cn1, app, redirect=True) for name, app in APPLICATIONS.items()}
    made.run(5)
    assert len({flow.home_address for flow in flows.values()}) == 6 == len(made.mn.flows)
    for name, flow in flows.items():
        assert is_well(flow, name)


def test_two_correspondents_may_call_from_the_same_port() -> None:
    made = settled(pool=2)
    one, two = (made.mn.accept(cn, CALL, redirect=True, remote_port=7001) for cn in made.cns)
    made.run(4)
    assert one.id != two.id and one.stats.down.received > 50 < two.stats.down.received


def test_a_port_is_promised_once_until_its_call_is_closed() -> None:
    """A call that waits for its place has its port here already, though nobody hears there yet."""
    made = settled()
    call = made.mn.accept(made.cn1, CALL, redirect=True, local_port=7000)
    with pytest.raises(ProtocolMisuse, match="7000 of MN is in use; choose another") as caught:
        made.mn.accept(made.cn2, CALL, redirect=True, local_port=7000)
    assert caught.value.value == 7000
    made.mn.close(call)
    again = made.mn.accept(made.cn2, CALL, redirect=True, local_port=7000)
    made.run(4)
    assert again.stats.down.received > 50


# --- the rules of page 13 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("redirect", [False, True])
def test_never_the_primary_is_a_rule_for_what_the_mobile_node_chooses(redirect: bool) -> None:
    """A redirected call gets a further home address though the primary is free; others use what they were told."""
    made = settled(rules=mf.AssignmentRules(never_primary=True))
    flow = made.mn.accept(made.cn1, CALL, redirect=redirect)
    made.run(4)
    assert (flow.home_address == made.mn.primary_home_address) is not redirect
    assert len(made.mn.home_addresses) == 1 + redirect and flow.stats.down.received > 50


def test_a_redirected_call_gets_the_address_that_is_kept_for_it() -> None:
    """A home address kept for a correspondent or an application (page 10)."""
    made = settled()
    made.mn.keep_home_address("calls of CN1", lambda entry: entry.flow_information.traits.application == "call")
    made.run(3)
    (kept,) = [entry.home_address for entry in made.mn.home_addresses if entry.kept_for]
    flow = made.mn.accept(made.cn1, CALL, redirect=True)
    other = made.mn.accept(made.cn1, mf.apps.Video(), redirect=True)
    made.run(4)
    assert flow.home_address == kept != other.home_address
    made.mn.close(flow)
    made.run(3)
    assert kept in made.mn.home_addresses


def test_while_the_mobile_node_is_at_home_a_call_is_redirected_too() -> None:
    made = world(wire=False)
    made.mn.visit("wlan0", made.network.segments["home"])
    made.run(6)
    made.mn.open(made.cn1, CALL)
    flow = made.mn.accept(made.cn1, CALL, redirect=True)
    made.run(6)
    assert flow.home_address in made.mn.addresses and flow.home_address != made.mn.primary_home_address
    assert flow.stats.down.received > 50


# --- bad calls --------------------------------------------------------------------------------------------------------

WRONG: list[tuple[Callable[[World], object], str]] = [
    (lambda made: made.mn.accept("cn1", CALL), "is not a correspondent node"),  # type: ignore[arg-type]
    (lambda made: made.mn.accept(made.mn, CALL, redirect=True), "is not a correspondent node"),
    (lambda made: made.mn.accept(made.cn1, mf.apps.Voice), "expected an application"),
    (lambda made: made.mn.accept(made.cn1, CALL, local_port=7000), "7000 of MN is in use; choose another"),
    (lambda made: made.mn.accept(made.cn1, CALL, redirect=True, local_port=7000), "7000 of MN is in use; choose"),
    (lambda made: made.mn.accept(made.cn1, CALL, redirect=True, remote_port=7000), "7000 of CN1 is in use; choose"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_call_that_cannot_be_is_refused_and_leaves_nothing_behind(
    wrong: Callable[[World], object], said: str
) -> None:
    made = settled()
    made.mn.udp(7000)
    made.cn1.udp(7000)
    before = made.flows()
    with pytest.raises(ProtocolMisuse, match=said):
        wrong(made)
    made.run(1)
    assert made.flows() == before and len(made.mn.flows) == 0
    made.run(2)
    flow = made.mn.accept(made.cn1, CALL)
    made.run(2)
    assert flow.stats.down.received > 50


def test_a_port_of_the_correspondent_that_is_taken_meanwhile_is_said_and_stops_nothing() -> None:
    made = settled(pool=1)
    flow = made.mn.accept(made.cn1, CALL, redirect=True, remote_port=9000)
    with pytest.raises(ProtocolMisuse, match="9000 of CN1 is in use"):
        made.mn.accept(made.cn1, CALL, redirect=True, remote_port=9000)
    other = made.mn.open(made.cn1, CALL, remote_port=9000)
    made.run(6)
    assert any(d.what == "call not possible" for d in made.trace.decisions())
    assert flow.running is None and other.stats.down.received > 50


def test_where_the_port_of_invitations_is_taken_nothing_is_expected() -> None:
    made = settled()
    made.mn.udp(PORT)
    with pytest.raises(ProtocolMisuse, match="5060"):
        made.mn.accept(made.cn1, CALL, redirect=True)
    assert made.flows() == [] and not made.mn.calls.expected


def keep_voice(made: World) -> None:
    made.mn.keep_home_address("voice", lambda flow: flow.flow_information.traits.application == "call")


def test_who_knows_a_kept_address_calls_there_and_moves_alone() -> None:
    """Page 10: a home address that is assigned for good to an application, which the correspondent knows."""
    made = settled()
    keep_voice(made)
    made.run(2)
    begun = made.network.clock.now
    first, second = made.mn.accept(made.cn1, CALL, to="voice"), made.mn.accept(made.cn1, mf.apps.Video())
    made.run(2)
    assert first.home_address == made.mn.home_addresses.kept["voice"] != second.home_address
    assert made.mn.handover(first, "cell0") == [first.id]
    since = made.network.clock.now + S // 2
    made.run(1)
    assert interfaces(made, first, since) == {"cell0"} and interfaces(made, second, since) == {"wlan0"}
    assert data_hops(made, first.id, begun)[0].sent_ns == begun  # nobody was asked first


def test_a_call_waits_until_the_kept_address_is_bound() -> None:
    made = settled()
    keep_voice(made)
    flow = made.mn.accept(made.cn1, CALL, to="voice")
    made.run(1)
    assert flow.home_address is None and not flow.stats.down.sent
    made.run(1)
    assert flow.home_address == made.mn.home_addresses.kept["voice"] and flow.stats.down.lost == 0


def test_a_call_that_is_closed_before_its_address_is_bound_never_comes() -> None:
    made = settled()
    keep_voice(made)
    flow = made.mn.accept(made.cn1, CALL, to="voice")
    made.mn.close(flow)
    assert not made.run(3).mn.flows and not flow.stats.down.sent


def test_under_another_name_nothing_is_kept() -> None:
    made = settled()
    with pytest.raises(ProtocolMisuse, match=r"'voice'; expected a name .*: none, call keep_home_address first"):
        made.mn.accept(made.cn1, CALL, to="voice")
    keep_voice(made)
    with pytest.raises(ProtocolMisuse, match=r"'video'; expected a name .*: 'voice'"):
        made.mn.accept(made.cn1, CALL, to="video")
    with pytest.raises(ProtocolMisuse, match="expected one of the two"):
        made.mn.accept(made.cn1, CALL, True, to="voice")
    assert not made.mn.calls.expected
