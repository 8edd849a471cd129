"""Further home addresses: the cost of pool and hold-down, refusals and their reasons, and that none is kept for nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.allocation.dhcpv6_client import SILENT_AFTER
from mipflow.flow.allocation.dhcpv6_server import Dhcpv6Server
from mipflow.flow.applications.flows import Flow
from mipflow.flow.bindings.address_pool import Cost
from mipflow.flow.tables import FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE
from mipflow.lab.features.addresses import FIRST_LEASE
from mipflow.lab.scenarios import HOME, MOBILE_NODE
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_update_list import BindingUpdateList
from mipflow.node.host import Host
from mipflow.wire.address import Address
from mipflow.wire.dhcpv6 import Kind, decode_dhcpv6
from mipflow.wire.packet import UDP
from tests.mip6.worlds import S, messages, world

TALK = mf.apps.Voice(interval_ms=200)
PRIMARY, SECOND, THIRD = (HOME.address(MOBILE_NODE + number) for number in range(3))
FIRST_OF = {"stateless": MOBILE_NODE + 1, "dhcpv6": FIRST_LEASE, "request": 0x1000}
MECHANISMS = pytest.mark.parametrize("allocate", FIRST_OF)
ASKED = pytest.mark.parametrize("allocate", ["dhcpv6", "request"])
"""Mechanisms that ask somebody, so that an address comes later."""


def made(**keywords: Any) -> World:
    """Return Figure 2 once the primary is bound."""
    return world(**{"wire": False, **keywords}).run(5)


def pair(w: World) -> tuple[Flow, Flow]:
    """Open two flows to one correspondent, each with a home address."""
    flows = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, TALK)
    w.run(3)
    assert None not in (flows[0].wait_ms, flows[1].wait_ms)
    return flows


def held_down() -> tuple[World, Flow]:
    """Return a world and a flow that has just been closed: its home address is held down for six seconds."""
    w = made(hold_down_s=6)
    _, talk = pair(w)
    w.mn.close(talk)
    return w, talk


def server(w: World) -> Dhcpv6Server:
    (host,) = [port.node for port in w.network.segments["home"].ports if port.owner == "DHCP"]  # type: ignore[attr-defined]
    assert isinstance(host, Dhcpv6Server)
    return host


def offered(w: World) -> list[Address]:
    """Home addresses that a giver may give."""
    return w.address_book.pool if w.address_book is not None else server(w).leases.pool


def shrink(w: World, size: int) -> None:
    """The number of home addresses that a giver has."""
    del offered(w)[size:]


def given_away(w: World) -> set[Address]:
    """Return the home addresses that somebody has given, and not got back."""
    if w.address_book is not None:
        return {entry.home_address for entry in w.address_book}
    return {lease.address for lease in server(w).leases.leases.values()}


def asked_dhcpv6(w: World) -> list[str]:
    """Return the messages of the mobile node to the DHCPv6 server, in order."""
    inner = [hop.packet.innermost().payload for hop in w.trace if hop.channel.sender == "MN" and hop.hop_limit == 64]
    asked = [payload.payload for payload in inner if isinstance(payload, UDP) and payload.destination_port == 547]
    return [Kind(decode_dhcpv6(octets).type).name for octets in asked]


def occupied(w: World, *identifiers: int) -> None:
    """Put hosts on the home link that have these addresses."""
    for identifier in identifiers:
        Host(w.network, f"host {identifier:x}").settle(w.network.segments["home"], identifier)


def bound(w: World) -> set[Address]:
    return {binding.home_address for binding in w.ha.bindings}


def homes(w: World) -> set[Address]:
    return {entry.home_address for entry in w.mn.home_addresses}


def tables(w: World, *without: Flow) -> dict[str, Any]:
    """Return all tables but the rows of some flows, and but the mechanisms' own knowledge."""
    state = w.trace.tables(w.network.clock.now)
    for table in ("DHCPv6 leases", "home address book", "home prefixes"):
        for node in state.values():
            node.pop(table, None)
    for flow in without:
        state["MN"][FLOW_MAPPING_TABLE].pop(str(flow.id))
    return state


# --- what it costs ---------------------------------------------------------------------------------------------------

Span = tuple[int, int]


def spans(w: World, table: str, column: str) -> dict[str, list[Span]]:
    """Return from when to when, in nanoseconds, a value stood in a column of a table of the mobile node, for each row.
    """
    found: dict[str, list[Span]] = {}
    since: dict[str, tuple[str, int]] = {}
    end = [(change.change.key, None, w.network.clock.now) for change in w.trace.changes()]
    rows = [(c.change.key, c.change.after, c.t_ns) for c in w.trace.changes() if c.change.table == table]
    for key, after, t_ns in [*rows, *end]:
        value, start = since.pop(key, ("None", 0))
        found.setdefault(value, []).append((start, t_ns))
        if after is not None:
            since[key] = str(after[column]), t_ns
    return found


def cost_by_trace(w: World) -> Cost:
    """Ahead is an address that was first to be bound before a flow had it, if only in the order of one instant; it is
    used when a flow gets it later than it had come, or than the flow before had left it; it is idle while it is there
    without a flow.
    """
    here, used = spans(w, HOME_ADDRESS_TABLE, "home_address"), spans(w, FLOW_MAPPING_TABLE, "home_address")
    ahead, times, idle_ns = 0, 0, 0
    known = {"None", str(PRIMARY)}
    for change in (c.change for c in w.trace.changes() if c.node == "MN" and c.change.after is not None):
        if change.table in (BindingUpdateList.name, FLOW_MAPPING_TABLE):
            home = str(change.after["home_address"])
            ahead += change.table == BindingUpdateList.name and home not in known
            known.add(home)
    for address in set(here) - {str(PRIMARY), "None"}:
        for came, went in here[address]:
            until = came
            for start, end in sorted(span for span in used.get(address, ()) if came <= span[0] <= went):
                if start > until:
                    idle_ns, times = idle_ns + start - until, times + 1
                until = max(until, end)
            idle_ns += max(went - until, 0)
    return Cost(ahead, times, idle_ns / S)


@settings(max_examples=25)
@example(1, 0.0, [(0, 0.0)] * 3)  # the third flow takes an address that the first one's had asked for, ahead of it
@given(
    st.integers(0, 2), st.sampled_from([0.0, 1.5, 4.0]),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.3, 2.0])), max_size=14),
)  # fmt: skip
def test_the_cost_is_what_happened(pool: int, hold_down_s: float, steps: list[tuple[int, float]]) -> None:
    """A step opens a flow to one of two correspondents, or closes one of the first few."""
    w = made(pool=pool, hold_down_s=hold_down_s)
    flows: list[Flow] = []
    for what, wait_s in steps:
        if what < 2 or not flows:
            flows.append(w.mn.open(w.cns[what % 2], TALK))
        else:
            w.mn.close(flows.pop(what % len(flows)))
        w.run(wait_s)
        cost, expected = w.mn.pool.cost, cost_by_trace(w)
        assert cost[:2] == expected[:2] and cost.idle_s == pytest.approx(expected.idle_s, abs=1e-9)


def test_a_pool_and_a_hold_down_by_hand() -> None:
    """One is ready from before 5 s on, when a flow gets it and a second one is asked for. The flow closes at 15 s: now
    the older one is the pool, and the second is held down for 4 s.
    """
    w = made(pool=1, hold_down_s=4)
    (first,) = homes(w) - {PRIMARY}
    talk = w.mn.open(w.cn1, TALK)
    assert talk.home_address == first and talk.wait_ms == 0 and w.mn.pool.under_way == 1
    w.run(10)
    (second,) = homes(w) - {PRIMARY, first}
    w.mn.close(talk)
    w.run(10)
    assert homes(w) == {PRIMARY, first} and w.mn.pool.under_way == 0
    came_s = {c.change.key: c.t_ns / S for c in w.trace.changes() if c.node == "HA" and c.change.before is None}
    one_way_s = 0.02  # wlan0, AR2-Internet and Internet-HA
    idle_s = 5 - came_s[str(first)] - one_way_s + 10 + 19 - came_s[str(second)] - one_way_s
    assert w.mn.pool.cost[:2] == (2, 1) and w.mn.pool.cost.idle_s == pytest.approx(idle_s, abs=1e-6)


def test_an_address_that_is_kept_for_somebody_costs_neither_pool_nor_hold_down() -> None:
    w = made()
    w.mn.keep_home_address("calls", lambda flow: flow.flow_information.traits.application == "call")
    w.run(10)
    call = w.mn.open(w.cn1, TALK)
    w.run(2)
    w.mn.close(call)
    w.run(10)
    assert call.home_address == SECOND in homes(w) and w.mn.pool.cost == (0, 0, 0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"pool": -1}, "pool=-1; expected an integer from 0 to 1000"),
        ({"hold_down_s": -0.1}, "hold_down_s=-0.1; expected a number of seconds from 0"),
    ],
)
def test_less_than_nothing_is_no_pool(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ProtocolMisuse, match=words):
        world(**wrong)


# --- what a hold-down spares -----------------------------------------------------------------------------------------


def test_within_the_hold_down_the_next_flow_does_not_wait_and_after_it_it_does() -> None:
    w, talk = held_down()
    w.run(5.9)
    again = w.mn.open(w.cn1, TALK)
    assert again.home_address == talk.home_address == SECOND and again.wait_ms == 0
    w.mn.close(again)
    w.run(5.9)
    assert SECOND in bound(w)
    w.run(0.3)
    assert SECOND not in bound(w) and SECOND not in homes(w)
    late = w.mn.open(w.cn1, TALK)
    assert late.wait_ms is None
    w.run(3)
    assert late.home_address == THIRD and late.wait_ms is not None and late.wait_ms > 1000


def test_an_address_that_is_taken_and_given_back_is_held_down_in_full_again() -> None:
    w, _ = held_down()
    w.run(4)
    again = w.mn.open(w.cn1, TALK)
    w.run(1)
    w.mn.close(again)
    w.run(5.9)
    assert again.home_address == SECOND in bound(w), "the first hold-down would have ended 4.9 s ago"
    w.run(0.3)
    assert bound(w) == homes(w) == {PRIMARY}


def test_what_is_held_down_can_be_freed_by_hand_and_its_time_then_ends_nothing() -> None:
    w, _ = held_down()
    w.mn.free_home_address(SECOND)
    w.run(10)
    assert bound(w) == homes(w) == {PRIMARY}


@MECHANISMS
def test_at_home_a_flow_gets_a_further_address_too(allocate: str) -> None:
    """Nothing was asked of anybody before the mobile node came home, where no mobile prefix discovery is."""
    w = made(allocate=allocate)
    w.mn.visit("wlan0", w.network.segments["home"])
    w.run(2)
    _, second = pair(w)
    assert second.home_address == HOME.address(FIRST_OF[allocate]) and second.home_address in w.mn.addresses
    assert bound(w) == set()
    w.mn.visit("wlan0", w.network.segments["wlan0"])
    w.run(5)
    assert bound(w) == homes(w) == {PRIMARY, second.home_address}


# --- what is refused -------------------------------------------------------------------------------------------------

NONE_LEFT = {"dhcpv6": "the DHCPv6 server has no address left", "request": "the home agent has no home address left"}


@ASKED
def test_where_none_is_left_a_flow_is_refused_and_gets_the_next_that_falls_free(allocate: str) -> None:
    w = made(allocate=allocate)
    shrink(w, 1)
    first, second = pair(w)
    before = tables(w)
    third = w.mn.open(w.cn1, TALK)
    w.run(5)
    assert third.refused == NONE_LEFT[allocate] and third.home_address is None
    assert tables(w, third) == before
    (said,) = [d.why for d in w.trace.decisions() if d.what == "flow refused"]
    assert said == f"flow {third.id}: {third.refused}"
    assert third.stats.up.lost == third.stats.up.sent > 20
    assert {drop.reason for drop in w.trace.drops() if drop.node == "MN"} == {third.refused}
    sent, lost = third.stats.up.sent, third.stats.up.lost
    w.mn.close(second)
    assert third.home_address == second.home_address and not third.refused and third.wait_ms is not None
    w.run(3)
    assert third.stats.up.sent > sent and third.stats.up.lost == lost and third.stats.down.received > 10
    assert third.registered_at_cn == w.mn.care_of_address("wlan0") and given_away(w) == {third.home_address}
    w.mn.close(third)
    w.run(5)
    assert given_away(w) == set() and homes(w) == bound(w) == {PRIMARY}
    assert first.stats.up.lost == first.stats.down.lost == 0


def test_a_refused_flow_that_is_closed_wants_no_address_any_more() -> None:
    w = made(allocate="request")
    shrink(w, 1)
    _, second = pair(w)
    third = w.mn.open(w.cn1, TALK)
    w.run(1)
    w.mn.close(third)
    w.mn.close(second)
    w.run(3)
    assert third.home_address is None and given_away(w) == set() and homes(w) == bound(w) == {PRIMARY}


def test_a_refused_flow_that_got_an_address_otherwise_keeps_it() -> None:
    """It is asked for anew when the flow is handed over; what falls free later is not for this flow any more."""
    w = made(allocate="request")
    book = w.address_book
    assert book is not None
    further = book.pool[1:3]
    shrink(w, 1)
    _, second = pair(w)
    third = w.mn.open(w.cn1, TALK)
    w.run(1)
    assert third.refused
    book.pool += further
    w.mn.handover(third, "cell0")
    w.run(3)
    assert third.home_address == further[0] and not third.refused and third.wait_ms is not None
    w.mn.close(second)
    w.run(3)
    assert third.home_address == further[0] and third.home_address in bound(w)


def test_a_refusal_that_comes_late_is_nothing_to_a_flow_that_has_an_address() -> None:
    """An address fell free while a server was silent; the request for another ends, and the flow goes on."""
    w = made(allocate="dhcpv6", hold_down_s=60)
    first = w.mn.open(w.cn1, TALK)
    w.run(2)
    second = w.mn.open(w.cn1, TALK)
    w.run(5)
    server(w).interfaces["eth0"].set_up(False)
    third = w.mn.open(w.cn1, TALK)
    w.run(2)
    assert third.home_address is None
    w.mn.close(second)
    w.mn.handover(third, "cell0")
    w.run(2)
    assert third.home_address is not None
    w.run(30)
    received = third.stats.down.received
    w.run(5)
    assert not third.refused and third.stats.down.received > received and first.home_address is not None


def test_a_learners_function_that_fails_for_a_refused_flow_stops_nothing() -> None:
    calls: list[int] = []

    def assign(flow: Any, homes: Any, flows: Any) -> Address | None:
        calls.append(flow.flow_id)
        if calls.count(flow.flow_id) > 1 and flow.flow_id == 3:
            raise ValueError("not twice")
        return None if flow.flow_id > 1 else homes.primary

    w = made(allocate="request", assign=assign)
    shrink(w, 1)
    _, second = pair(w)
    third = w.mn.open(w.cn1, TALK)
    w.run(1)
    w.mn.close(second)
    w.run(3)
    assert calls == [1, 2, 3, 3] and "ValueError" in third.refused and "not twice" in third.refused
    assert given_away(w) == set() and homes(w) == {PRIMARY}


@ASKED
def test_a_refused_flow_asks_again_until_it_has_an_address(allocate: str) -> None:
    """Nothing falls free, and nobody tells it that there is one now; a file's connection is made after all."""
    w = made(allocate=allocate)
    more = offered(w)[1:]
    shrink(w, 1)
    pair(w)
    file = w.mn.open(w.cn1, mf.apps.FileTransfer(2000, "up"))
    w.run(5)
    assert file.refused and file.home_address is None
    offered(w).extend(more)
    w.run(35)
    assert file.home_address is not None and file.running is not None and file.running.is_complete
    said = [d.why for d in w.trace.decisions() if d.what == "flow refused"]
    assert said == [f"flow {file.id}: {NONE_LEFT[allocate]}"]


def test_a_silent_dhcpv6_server_is_given_up_after_about_15_s_while_all_else_goes_on() -> None:
    """1 + 2 + 4 + 8 s, each up to a tenth longer or shorter (RFC 8415 section 15)."""
    w = made(allocate="dhcpv6")
    server(w).interfaces["eth0"].set_up(False)
    first = w.mn.open(w.cn1, TALK)
    w.run(2)
    before, asked_s = tables(w), w.now
    second = w.mn.open(w.cn1, TALK)
    w.run(13)
    assert not second.refused
    w.run(4)
    assert second.refused == f"no DHCPv6 server has answered: SOLICIT was sent {SILENT_AFTER} times"
    assert asked_dhcpv6(w) == ["SOLICIT"] * SILENT_AFTER and tables(w, second) == before
    (refused_s,) = [d.t_ns / S for d in w.trace.decisions() if d.what == "flow refused"]
    assert 13.5 <= refused_s - asked_s <= 16.5
    assert second.stats.up.lost == second.stats.up.sent > 0
    assert first.stats.up.lost == first.stats.down.lost == 0 and first.stats.down.received > 90
    server(w).interfaces["eth0"].set_up(True)
    third = w.mn.open(w.cn1, TALK)
    w.run(3)
    assert third.wait_ms is not None and given_away(w) == {third.home_address}


@MECHANISMS
def test_three_duplicates_in_a_row_refuse_a_flow_and_leave_the_tables_as_they_were(allocate: str) -> None:
    """RFC 6275 section 11.7.1: none of them is used again; a flow that is opened later gets the fourth."""
    w = made(allocate=allocate)
    occupied(w, *range(FIRST_OF[allocate], FIRST_OF[allocate] + 3))
    first = w.mn.open(w.cn1, TALK)
    w.run(3)
    before = tables(w)
    second = w.mn.open(w.cn1, TALK)
    w.run(12)
    assert second.refused == "no home address could be allocated: all that were tried are in use"
    assert tables(w, second) == before and w.mn.own_home_addresses == {PRIMARY} and w.mn.pool.under_way == 0
    detected = [d.why for d in w.trace.decisions() if d.node == "HA" and d.what == "duplicate address"]
    assert len(detected) == 3 and first.stats.down.lost == 0
    third = w.mn.open(w.cn1, TALK)
    w.run(4)
    assert third.home_address == HOME.address(FIRST_OF[allocate] + 3) in bound(w)


def test_a_flow_that_was_refused_for_duplicates_gets_an_address_that_falls_free() -> None:
    w = made()
    occupied(w, *range(MOBILE_NODE + 1, MOBILE_NODE + 4))
    first, second = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, TALK)
    w.run(12)
    assert second.refused
    w.mn.close(first)
    w.run(2)
    assert second.home_address == PRIMARY and not second.refused and second.stats.down.received > 5


def test_one_home_address_that_somebody_has_is_never_offered_again() -> None:
    """Figure 1 has no other: its flows stay refused, whatever ends."""
    w = mf.figure1()
    occupied(w, MOBILE_NODE)
    flows = [w.mn.open(w.cn1, TALK) for _ in range(2)]
    w.run(8)
    w.mn.close(flows[0])
    w.run(8)
    assert flows[1].refused and flows[1].home_address is None and bound(w) == set()


# --- what waits for an address, together or not ----------------------------------------------------------------------


@ASKED
def test_flows_to_two_correspondents_wait_for_one_address_and_two_to_one_do_not(allocate: str) -> None:
    w = made(allocate=allocate)
    for cn in w.cns:
        w.mn.open(cn, TALK)
    one, other, third = (w.mn.open(cn, TALK) for cn in (w.cn1, w.cn2, w.cn1))
    assert one.home_address is other.home_address is third.home_address is None
    w.run(4)
    assert one.home_address == other.home_address != third.home_address
    assert given_away(w) == {one.home_address, third.home_address} == homes(w) - {PRIMARY}
    if allocate == "dhcpv6":
        assert asked_dhcpv6(w) == ["SOLICIT", "SOLICIT", "REQUEST", "REQUEST"]


@MECHANISMS
def test_an_address_that_comes_when_its_flow_is_closed_goes_back(allocate: str) -> None:
    w = made(allocate=allocate)
    w.mn.open(w.cn1, TALK)
    hasty = w.mn.open(w.cn1, TALK)
    w.run(0.01)
    assert hasty.home_address is None
    w.mn.close(hasty)
    w.run(6)
    assert bound(w) == homes(w) == w.mn.own_home_addresses == {PRIMARY} and w.mn.pool.under_way == 0
    if allocate != "stateless":
        assert given_away(w) == set()
    if allocate == "dhcpv6":
        assert asked_dhcpv6(w) == ["SOLICIT", "REQUEST", "RELEASE"]


def test_an_address_that_comes_too_late_for_its_flow_is_another_ones() -> None:
    """It is on its way already: the next flow waits less than a second and a round trip."""
    w = made(allocate="dhcpv6")
    w.mn.open(w.cn1, TALK)
    hasty = w.mn.open(w.cn1, TALK)
    w.run(0.01)
    w.mn.close(hasty)
    w.run(0.5)
    next_one = w.mn.open(w.cn1, TALK)
    w.run(3)
    assert next_one.wait_ms is not None and next_one.wait_ms < 700 and len(given_away(w)) == 1
    assert asked_dhcpv6(w) == ["SOLICIT", "REQUEST"]


# --- the mechanisms agree --------------------------------------------------------------------------------------------


def counts(allocate: str | None, script: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return (home addresses, bindings at the home agent, flows that wait), after each step has come to rest."""
    w = made(allocate=allocate)
    flows: list[Flow] = []
    found = []
    for what, which in script:
        if what or not flows:
            flows.append(w.mn.open(w.cns[which % 2], TALK))
        else:
            w.mn.close(flows.pop(which % len(flows)))
        w.run(4)
        found.append((len(w.mn.home_addresses), len(bound(w)), sum(flow.wait_ms is None for flow in flows)))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_all_mechanisms_have_the_same_number_of_home_addresses(seed: int) -> None:
    random = Random(seed)
    script = [(random.random() < 0.75, random.randrange(6)) for _ in range(12)]
    expected = counts(None, script)
    assert max(expected)[0] >= 3 and all(homes == at_home for homes, at_home, _ in expected)
    for allocate in FIRST_OF:
        assert counts(allocate, script) == expected, allocate


# --- what is under way -----------------------------------------------------------------------------------------------


def test_a_handover_of_everything_leaves_an_address_go_that_is_being_freed() -> None:
    w = made(wire=True)
    _, second = pair(w)
    w.mn.close(second)
    w.mn.handover_all("cell0")
    w.run(5)
    assert SECOND not in w.mn.own_home_addresses and w.mn.pool.under_way == 0
    assert [binding.home_address for binding in w.ha.bindings] == [PRIMARY]
    sent = [m for m in messages(w, "MN", 8) if m.name == "BU" and m.home == SECOND.packed]
    assert sent and {m.lifetime_s for m in sent} == {0}
