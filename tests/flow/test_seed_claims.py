"""Claims of the patent about its figures, sentence by sentence, where no other test holds them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

import mipflow as mf
from mipflow.flow.policy.policies import FlowFacts, NetworkState
from mipflow.flow.redirector import DataFlowRedirector, Method
from mipflow.flow.tables import FLOW_MAPPING_TABLE, FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.lab.features.addresses import FIRST_LEASE
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.sim.trace import Hop, TableChanged
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingUpdate
from mipflow.wire.packet import UDP, DestinationOptions, HomeAddressOption, Packet, RoutingHeaderType2
from tests.flow.entries import flow as entry_of
from tests.flow.worlds import interfaces
from tests.mip6.octets import home_token
from tests.mip6.worlds import S, data_hops, messages, world

CALL = mf.apps.Voice()
LATER = mf.apps.Voice(start_s=3)
"""When the voice begins to talk, in seconds: once its home address is bound."""


def bindings(node: HomeAgent | CorrespondentNode) -> dict[Address, Address]:
    """Return home address -> care-of address, as a peer holds them."""
    return {binding.home_address: binding.care_of_address for binding in node.bindings}


def care_of(made: World, interface: str) -> Address:
    address = made.mn.care_of_address(interface)
    assert address is not None
    return address


def updates(made: World, since_ns: int = 0) -> list[tuple[Address, Address, Address]]:
    """Return (peer, home address, care-of address) of each binding update that the mobile node sent, by its contents.
    """
    found = []
    for hop in made.trace:
        packet = hop.packet
        if hop.sent_ns >= since_ns and hop.channel.sender == "MN" and isinstance(packet.payload, BindingUpdate):
            (options,) = [header for header in packet.extensions if isinstance(header, DestinationOptions)]
            (home,) = [option.home_address for option in options.options if isinstance(option, HomeAddressOption)]
            found.append((packet.destination, home, packet.source))
    return found


def to_the_mobile_node(made: World, flow_id: int) -> list[tuple[int, Address, bool, str]]:
    """Return each data packet of a flow at the end of its way down: when, to which home address, tunnelled or not, and
    over which interface.
    """

    def home_address(packet: Packet) -> Address:
        routing = [header for header in packet.extensions if isinstance(header, RoutingHeaderType2)]
        return routing[0].home_address if routing else packet.destination

    def one(hop: Hop) -> tuple[int, Address, bool, str]:
        inner = hop.packet.innermost()
        return hop.arrived_ns, home_address(inner), inner is not hop.packet, hop.channel.receiver_interface

    return [one(hop) for hop in data_hops(made, flow_id) if hop.channel.receiver == "MN"]


# --- Figure 1: pages 6 and 7 -----------------------------------------------------------------------------------------


def test_figure_1_has_the_same_home_address_in_three_binding_caches() -> None:
    """Pages 6 and 7: flow 11 to CN 5 by CoA1, which the home agent has already, flow 12 to CN 6 by CoA2."""
    made = mf.figure1()
    made.run(4)
    home, first, second = made.mn.primary_home_address, care_of(made, "wlan0"), care_of(made, "cell0")
    assert first != second, "each interface has an address of its own"
    flow_11 = made.mn.open(made.cn1, CALL, "wlan0")
    made.run(4)
    assert bindings(made.ha) == bindings(made.cn1) == {home: first}
    flow_12 = made.mn.open(made.cn2, LATER, "cell0")
    made.run(5)
    assert bindings(made.ha) == {home: first}, "cache 8"
    assert (bindings(made.cn1), bindings(made.cn2)) == ({home: first}, {home: second}), "caches 9 and 10"
    assert (interfaces(made, flow_11, 0), interfaces(made, flow_12, 0)) == ({"wlan0"}, {"cell0"})


@pytest.mark.parametrize("scenario", [mf.figure1, mf.figure2])
def test_what_a_correspondent_begins_comes_by_the_home_agent_first(scenario: Callable[..., World]) -> None:
    """Pages 4 and 7: to the care-of address of the home agent's cache; the binding update goes at once, and the rest
    comes over the preferred interface.
    """

    def cellular(flow: FlowFacts, networks: list[NetworkState]) -> str:
        return "cell0"

    made = scenario(policy=cellular)
    made.mn.open(made.cn2, CALL, "wlan0")
    made.run(5)
    home = made.mn.primary_home_address
    assert bindings(made.ha) == {home: care_of(made, "wlan0")}
    start = made.network.clock.now
    flow = made.mn.accept(made.cn1, CALL)
    made.run(5)
    came = to_the_mobile_node(made, flow.id)
    assert {destination for _, destination, _, _ in came} == {home}
    (first_ns, *first), last = came[0], came[-1]
    assert first[1:] == [True, "wlan0"] and last[2:] == (False, "cell0")
    roads = [road for _, _, *road in came]
    assert sum(one != other for one, other in pairwise(roads)) == 1, "it changes once"
    asked = [hop.sent_ns for hop in made.trace if hop.sent_ns > start and hop.channel.sender == "MN"
             and type(hop.packet.innermost().payload).__name__ == "HomeTestInit"]  # fmt: skip
    assert asked[0] == first_ns, "what has to come before the update leaves with the first packet's arrival"
    assert updates(made, start) == [(made.cn1.address, home, care_of(made, "cell0"))]


# --- Figure 2: pages 7 to 10 -----------------------------------------------------------------------------------------


def test_figure_2_has_two_flows_to_one_correspondent_over_two_networks() -> None:
    """Pages 7 and 8: flows 12 and 12B with CN 6 at the same time, by PH@ and H@2, bound to CoA1 and CoA2 each."""
    made = mf.figure2()
    flow_12 = made.mn.open(made.cn2, CALL, "wlan0")
    made.run(4)
    flow_12b = made.mn.open(made.cn2, CALL, "cell0")
    made.run(4)
    primary, further = flow_12.home_address, flow_12b.home_address
    assert primary == made.mn.primary_home_address and further is not None and further != primary
    assert bindings(made.cn2) == {primary: care_of(made, "wlan0"), further: care_of(made, "cell0")}
    assert set(bindings(made.ha)) == {primary, further}, "page 10: each home address is registered at the home agent"
    assert [entry.home_address for entry in made.mn.home_addresses] == [primary, further]
    assert [entry.home_address for entry in made.mn.flows] == [primary, further]
    together = range(6, 8)
    for second in together:
        begin, end = second * S, (second + 1) * S
        assert interfaces(made, flow_12, begin, end) == {"wlan0"}
        assert interfaces(made, flow_12b, begin, end) == {"cell0"}


def test_a_home_address_is_allocated_only_where_none_can_be_used() -> None:
    """Page 10: one that serves another correspondent can."""
    made = mf.figure2()
    sizes = []
    for cn in (made.cn1, made.cn2, made.cn1, made.cn2, made.cn2):
        made.mn.open(cn, LATER)
        made.run(4)
        sizes.append(len(made.mn.home_addresses))
    assert sizes == [1, 1, 2, 2, 3]
    at_home = {home for peer, home, _ in updates(made) if peer == made.ha.home_agent_address}
    assert at_home == {entry.home_address for entry in made.mn.home_addresses}, "a binding update for each"


def test_every_packet_of_a_flow_and_every_answer_has_its_home_address() -> None:
    """Pages 9 and 12: also across a handover, so what comes takes the selected network."""
    made = mf.figure2()
    flows = [made.mn.open(made.cn1, LATER) for _ in range(3)]
    made.run(6)
    made.mn.handover(flows[1], "cell0")
    made.run(3)
    assert len({flow.home_address for flow in flows}) == 3
    for flow in flows:
        came = to_the_mobile_node(made, flow.id)
        assert {home for _, home, _, _ in came} == {flow.home_address}
        assert came[-1][3] == flow.interface
        left = [hop.packet for hop in data_hops(made, flow.id) if hop.channel.sender == "MN"]
        assert len(left) > 200 and {comes_from(packet) for packet in left} == {flow.home_address}


def comes_from(packet: Packet) -> Address:
    """Return the source that a correspondent sees: of the Home Address option, or of the packet in the tunnel."""
    options = [option for header in packet.extensions if isinstance(header, DestinationOptions)
               for option in header.options if isinstance(option, HomeAddressOption)]  # fmt: skip
    return options[0].home_address if options else packet.innermost().source


@pytest.mark.parametrize(("allocate", "is_adapted", "first"), [
    ("stateless", False, None), ("dhcpv6", False, FIRST_LEASE), ("request", True, None),
])  # fmt: skip
def test_only_our_own_protocol_takes_another_home_agent(allocate: Any, is_adapted: bool, first: int | None) -> None:
    """Pages 8 and 9: as it is with stateless configuration and DHCPv6; adapted for a protocol of our own. With DHCPv6
    the home network says which address it is to be.
    """
    made = mf.figure2(allocate=allocate)
    assert (made.address_book is not None) is is_adapted and {type(cn) for cn in made.cns} == {CorrespondentNode}
    flows = [made.mn.open(made.cn1, LATER) for _ in range(2)]
    made.run(8)
    _, further = (entry.home_address for entry in made.mn.home_addresses)
    assert {flow.home_address for flow in flows} == {made.mn.primary_home_address, further}
    assert further in HOME and (first is None or further == HOME.address(first))
    assert further in made.ha.bindings


def test_allocating_and_freeing_are_the_two_operations() -> None:
    """Page 9: a home address comes, a home address goes, and the primary stays all the time."""
    made = mf.figure2()
    first, second = made.mn.open(made.cn1, LATER), made.mn.open(made.cn1, LATER)
    made.run(5)
    primary, further = (entry.home_address for entry in made.mn.home_addresses)
    for flow in (second, first):
        made.mn.close(flow)
        made.run(4)
    changes = [
        (record.change.key, record.change.before is None, record.change.after is None)
        for record in made.trace.changes()
        if record.change.table == "home address table" and None in (record.change.before, record.change.after)
    ]
    assert changes == [(str(primary), True, False), (str(further), True, False), (str(further), False, True)]
    assert set(bindings(made.ha)) == {primary}


# --- Figure 3, the tables and the identifiers: pages 10 to 12 --------------------------------------------------------


def test_flow_ids_are_integers_that_come_once() -> None:
    made = mf.figure2()
    flows = []
    for number in range(6):
        flows.append(made.mn.open(made.cns[number % 2], LATER))
        if number % 3 == 2:
            made.mn.close(flows[number - 1])
    assert all(type(flow.id) is int for flow in flows) and len({flow.id for flow in flows}) == 6


def test_the_tables_have_the_fields_of_page_11() -> None:
    """And the three care-of addresses side by side."""
    made = mf.figure2()
    flow = made.mn.open(made.cn1, LATER, "cell0")
    made.run(4)
    (home,), (entry,) = made.mn.home_addresses, made.mn.flows
    assert home.row()["home_address"] == str(flow.home_address)
    assert home.row()["care_of_address"] == str(bindings(made.ha)[home.home_address])
    row = entry.row()
    assert row["flow_id"] == flow.id and row["cn"] == str(made.cn1.address)
    assert row["flow_information"] == f"UDP {entry.flow_information.traits.local_port} > 5004"
    assert row["home_address"] == str(made.mn.primary_home_address)
    assert row["care_of_address"] == row["registered_at_cn"] == str(care_of(made, "cell0"))
    assert row["registered_at_ha"] == str(care_of(made, "wlan0")), "the primary was bound there before"


def spied(monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, Any]], owner: Any, name: str, step: str) -> None:
    """Write each call of a method down, with its result."""
    real = getattr(owner, name)

    def called(*arguments: Any, **keywords: Any) -> Any:
        result = real(*arguments, **keywords)
        steps.append((step, result))
        return result

    monkeypatch.setattr(owner, name, called)


def test_figure_4_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Page 14: a packet of a new flow goes 20 21 22 23 24 25 26, the next ones 20 21 22 24 25 26."""
    made = mf.figure2()
    made.mn.open(made.cn2, CALL)
    made.run(5)  # the primary is bound, and free for CN1
    steps: list[tuple[str, Any]] = []
    socket = made.mn.udp(6000, (made.cn1.address, 9))  # 20: its packets are to be processed
    made.cn1.udp(9)
    spied(monkeypatch, steps, made.mn.separator, "outgoing", "21")
    spied(monkeypatch, steps, made.mn.redirector, "give", "23")
    before = len(made.trace)
    socket.send(b"first")
    assert [step for step, _ in steps] == ["21", "23"] and steps[0][1] is None, "22: a new flow"
    entry = next(flow for flow in made.mn.flows if flow.cn == made.cn1.address)
    steps.clear()
    for _ in range(3):
        socket.send(b"next")
    assert [step for step, _ in steps] == ["21"] * 3 and {found.flow_id for _, found in steps} == {entry.flow_id}
    assert entry.home_address == made.mn.primary_home_address, "23, by Figure 6"
    sent = [packet.innermost() for packet in made.trace.packets[before:]]
    sent = [packet for packet in sent if isinstance(packet.payload, UDP) and packet.payload.source_port == 6000]
    assert [packet.source for packet in sent] == [entry.home_address] * 4, "24, 25"
    assert {packet.flow for packet in sent} == {entry.flow_id}


def test_figure_5_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Page 15: a packet of a new flow goes 27 28 29 30 31 32, the next ones 27 28 29 31 32."""
    made = mf.figure2()
    made.run(5)
    made.mn.udp(6000).on_datagram = lambda data: heard.append(data)
    further = HOME.address(0x77)
    made.mn.home_addresses.add(further)
    made.mn.own_home_addresses.add(further)
    made.mn.mobility.bind(further, care_of(made, "wlan0"))
    made.mn.mobility.bind(made.mn.primary_home_address, care_of(made, "wlan0"))
    made.run(3)
    heard: list[bytes] = []
    steps: list[tuple[str, Any]] = []
    spied(monkeypatch, steps, made.mn.separator, "incoming", "28")
    spied(monkeypatch, steps, made.mn.redirector, "keep", "30")
    client = made.cn1.udp(5555, (further, 6000))
    client.send(b"first")  # 27
    made.run(1)
    assert [step for step, _ in steps] == ["28", "30"] and steps[0][1] is None, "29: a new flow"
    (entry,) = made.mn.flows
    assert entry.home_address == further, "30: the packet's destination, primary or not"
    steps.clear()
    client.send(b"next")
    made.run(1)
    assert [step for step, _ in steps] == ["28"] and steps[0][1] is entry, "29: not new"
    assert heard == [b"first", b"next"], "31"


PRIMARY, OTHER, LAST = (HOME.address(number) for number in (1, 2, 3))
CN_A, CN_B, CN_C = (Address(f"2001:db8:a::{number}") for number in (1, 2, 3))


@pytest.mark.parametrize(("used", "found"), [
    ([(LAST, CN_A)], LAST),  # 33 34 35 36 37 38 39 40: its only flow is to somebody else
    ([(LAST, CN_A), (LAST, CN_B)], LAST),  # 38 44 37 38 39: and so is its next one
    ([(LAST, CN_C), (OTHER, CN_A)], OTHER),  # 37 41 42 36 37 38 39: the one before
    ([(LAST, CN_A), (LAST, CN_C), (OTHER, CN_B)], OTHER),  # 38 44 37 41 42 36 37 38 39
    ([(LAST, CN_C), (OTHER, CN_C), (PRIMARY, CN_A)], PRIMARY),  # 41 42 twice: the primary is the last resort
    ([(LAST, CN_C), (OTHER, CN_C), (PRIMARY, CN_C)], None),  # 41 43: a new one
])  # fmt: skip
def test_figure_6_branch_by_branch(used: list[tuple[Address, Address]], found: Address | None) -> None:
    """Pages 15 and 16: a new flow to CN C, with three home addresses and these flows."""
    homes, flows = HomeAddressTable(PRIMARY), FlowMappingTable()
    for address in (OTHER, LAST):
        homes.add(address)
    for cn in (CN_A, CN_B, CN_C):
        flows.mark(cn, True)
    redirector = DataFlowRedirector(homes, flows)
    for number, (home, cn) in enumerate(used, 1):
        known: FlowMappingEntry = entry_of(number, cn)
        flows.add(known)
        flows.change(known, home_address=home)
    new = entry_of(99, CN_C)
    flows.add(new)
    redirector.give(new)
    assert new.home_address == found and flows[99] is new


# --- the three embodiments: page 12 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "homes", "apart"), [
    ("care-of address per flow", 1, False), ("home address per flow", 3, True), ("combined", 2, True),
])  # fmt: skip
def test_the_three_embodiments_of_page_12(method: Method, homes: int, apart: bool) -> None:
    """Two flows to CN1 and one to CN2, of which the second is handed over: one home address and a care-of address for
    each correspondent, three home addresses, or as many as it takes; only the first moves both flows to CN1.
    """
    made = mf.figure2(rules=mf.AssignmentRules(method=method))
    flows = []
    for cn in (made.cn1, made.cn1, made.cn2):  # each once it is known whether the ones before optimise
        flows.append(made.mn.open(cn, LATER))
        made.run(5)
    assert len({flow.home_address for flow in flows}) == len(made.mn.home_addresses) == homes
    start = made.network.clock.now
    made.mn.handover(flows[1], "cell0")
    made.run(3)
    over = [interfaces(made, flow, start + S) for flow in flows]
    assert over == [{"wlan0"} if apart else {"cell0"}, {"cell0"}, {"wlan0"}]


# --- security: page 16 -----------------------------------------------------------------------------------------------


def test_each_home_address_proves_itself_by_a_home_token_of_its_own() -> None:
    """Return routability as it is (RFC 6275 section 5.2.5, here by hand): no token serves two home addresses."""
    made = world()
    flows = [made.mn.open(made.cn1, LATER) for _ in range(3)]
    made.run(6)
    answered = [message for message in messages(made, "CN1") if message.name == "HoT"]
    homes = {flow.home_address.packed for flow in flows if flow.home_address is not None}
    assert {message.destination for message in answered} == homes
    assert len({message.token for message in answered}) == len(homes) == 3
    for message in answered:
        nonce = made.cn1.nonces.nonce(message.nonce_index)
        assert message.token == home_token(made.cn1.nonces.node_key, message.destination, nonce)


# --- handover of a flow: pages 10 and 13 -----------------------------------------------------------------------------


def test_a_handover_is_a_change_of_one_field_and_one_binding_update() -> None:
    """Pages 10 and 13: the care-of address of the flow's entry (and the name of its interface), nothing else of any
    flow; then the update with the flow's home address and the selected interface's address.
    """
    made = world(wire=False)
    flows = [made.mn.open(made.cn1, LATER) for _ in range(3)]
    made.run(6)
    start, before = made.network.clock.now, len(made.trace.records)
    made.mn.handover(flows[1], "cell0")
    changes = [record.change for record in made.trace.records[before:] if isinstance(record, TableChanged)]
    changed = []
    for _, key, old, new in (change for change in changes if change.table == FLOW_MAPPING_TABLE):
        assert old is not None and new is not None
        changed.append((key, {name for name in new if new[name] != old[name]}))
    assert changed == [(str(flows[1].id), {"care_of_address", "interface"})]
    made.run(2)
    assert updates(made, start) == [(made.cn1.address, flows[1].home_address, care_of(made, "cell0"))]


def test_there_and_back_and_out_again_one_update_each() -> None:
    made = world(wire=False)
    flow, other = made.mn.open(made.cn1, LATER), made.mn.open(made.cn1, LATER)
    made.run(6)
    for interface in ("cell0", "wlan0", "cell0"):
        start = made.network.clock.now
        made.mn.handover(flow, interface)
        made.run(2)
        assert updates(made, start) == [(made.cn1.address, flow.home_address, care_of(made, interface))]
    assert interfaces(made, other, 0) == {"wlan0"}


def test_mobility_signalling_belongs_to_no_flow() -> None:
    """Page 12: the redirector tells the stack what binding updates carry; the separator is asked about data alone."""
    made = world(wire=False)
    asked: list[object] = []
    real = made.mn.separator.outgoing
    made.mn.separator.outgoing = lambda payload, *rest: (asked.append(payload), real(payload, *rest))[1]  # type: ignore[method-assign, func-returns-value]
    socket = made.mn.udp(6000, (made.cn1.address, 9))
    made.cn1.udp(9)
    made.run(3)
    socket.send(b"data")
    made.run(3)
    (entry,) = made.mn.flows
    made.mn.handover(entry, "cell0")
    made.run(2)
    assert len(updates(made)) == 3 and list(made.mn.flows) == [entry], "home agent, correspondent, handover"
    assert [type(payload) for payload in asked] == [UDP]
