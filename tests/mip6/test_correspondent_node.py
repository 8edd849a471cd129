"""Test the correspondent node: updates and their statuses, tests without state, route optimisation."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

import mipflow as mf
from mipflow.mip6.bindings.binding_cache import Binding
from mipflow.node.host import Host
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.mobility import (
    AlternateCareOfAddress,
    BindingAcknowledgement,
    BindingAuthorizationData,
    BindingRefreshRequest,
    BindingUpdate,
    CareOfTestInit,
    HomeTestInit,
    NonceIndices,
    UnknownMobilityOption,
)
from mipflow.wire.packet import (
    UDP,
    DestinationOptions,
    HomeAddressOption,
    HopByHopOptions,
    Packet,
    RoutingHeaderType2,
    UnknownOption,
)
from tests.mip6 import octets
from tests.mip6.correspondents import HOME, UNROUTABLE, Desk, sent
from tests.mip6.worlds import S, messages, world
from tests.node.nodes import inject, listen


def test_accepted_and_acknowledged_behind_a_routing_header() -> None:
    desk = Desk()
    assert desk.ask(desk.update(1)) == [(0, 1)]
    assert desk.held == [(desk.asker.address, 1)]
    assert desk.answers[0].packet.extensions == (RoutingHeaderType2(HOME),)


def test_no_acknowledgement_where_none_is_asked_for() -> None:
    desk = Desk()
    assert desk.ask(desk.update(1, acknowledge=False)) == [] and len(desk.held) == 1
    assert desk.ask(desk.update(1, acknowledge=False)) == [(135, 1)], (
        "but a refusal is said all the same (section 9.5.4)"
    )


@pytest.mark.parametrize(("sequence", "status"), [(15, 135), (0, 135), (32783, 135), (65535, 135), (16, 0), (32782, 0)])
def test_the_sequence_window(sequence: int, status: int) -> None:
    desk = Desk()
    desk.ask(desk.update(15))
    assert desk.ask(desk.update(sequence)) == [(status, 15 if status else sequence)]


def test_a_first_update_may_have_any_number() -> None:
    desk = Desk()
    assert desk.ask(desk.update(65535)) == [(0, 65535)]


def test_granted_no_more_than_420_seconds() -> None:
    desk = Desk()
    desk.ask(desk.update(1, lifetime_s=4000))
    assert desk.answers[0].packet.payload.lifetime_units == 105  # type: ignore[attr-defined]
    (binding,) = desk.cn.bindings
    assert binding.expires_at_s <= desk.world.now + 420


def test_a_binding_ends_with_its_lifetime() -> None:
    desk = Desk()
    desk.ask(desk.update(1, lifetime_s=8))
    desk.world.run(7)
    assert len(desk.held) == 1
    desk.world.run(1)
    assert desk.held == []


def test_home_registrations_are_not_for_a_correspondent() -> None:
    """131 (section 10.3.1), and 139 where a binding exists (section 9.5.1); such an update has no nonce indices."""
    desk = Desk()
    assert desk.ask(BindingUpdate(1, home_registration=True, lifetime_units=10)) == [(131, 1)]
    desk.ask(desk.update(1))
    assert desk.ask(BindingUpdate(2, home_registration=True, lifetime_units=10)) == [(139, 2)]
    assert desk.held == [(desk.asker.address, 1)]


@pytest.mark.parametrize(("home", "care_of", "status"), [(99, 1, 136), (1, 99, 137), (99, 98, 138), (0, 0, 138)])
def test_indices_that_are_not_known(home: int, care_of: int, status: int) -> None:
    desk = Desk()
    update = desk.update(1)
    assert desk.ask(replace(update, options=(NonceIndices(home, care_of), *update.options[1:]))) == [(status, 1)]
    assert desk.answers[0].packet.payload.options == (), "no authorization data"  # type: ignore[attr-defined]
    assert desk.held == []


def broken(update: BindingUpdate) -> list[BindingUpdate]:
    proof = update.options[-1]
    assert isinstance(proof, BindingAuthorizationData)
    return [
        replace(update, options=update.options[:-1]), replace(update, options=update.options[1:]),
        replace(update, options=(*update.options[:-1], BindingAuthorizationData(bytes(12)))),
        replace(update, options=()), replace(update, sequence=update.sequence + 1), replace(update, lifetime_units=99),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(6))
def test_unproven_updates_are_dropped_without_a_word(number: int) -> None:
    desk = Desk()
    assert desk.ask(broken(desk.update(5))[number]) == []
    assert desk.held == [] and len(list(desk.world.trace.drops())) == 1


def test_an_update_without_a_home_address_option_is_dropped() -> None:
    desk = Desk()
    desk.send(desk.update(1), home=None)
    assert desk.held == [] and desk.answers == []


def test_unknown_options_are_skipped() -> None:
    desk = Desk()
    assert desk.ask(desk.update(1, more=(UnknownMobilityOption(99, b"abcd"),))) == [(0, 1)]


def test_an_update_from_before_a_deletion_does_not_bind_again() -> None:
    """Section 9.5.3: an update from before the deletion must not bind again, though its nonces are still good."""
    desk = Desk()
    old = desk.update(1)
    desk.ask(old)
    assert desk.ask(desk.update(2, lifetime_s=0)) == [(0, 2)]
    assert desk.held == []
    assert desk.ask(old) == [(135, 2)] and desk.held == []
    assert desk.ask(desk.update(3)) == [(0, 3)], "a newer one may"


def test_an_update_from_before_the_expiry_does_not_bind_again() -> None:
    desk = Desk()
    old = desk.update(1, lifetime_s=4)
    desk.ask(old)
    desk.world.run(5)
    assert desk.ask(old) == [(135, 1)] and desk.held == []


# --- tests -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [HomeTestInit(b"cookie 1"), CareOfTestInit(b"cookie 1")])
def test_a_test_init_with_a_home_address_option_is_dropped(message: object) -> None:
    desk = Desk()
    desk.send(message)
    assert [d.node for d in desk.world.trace.drops()] == ["CN1"]
    desk.send(message, HopByHopOptions((UnknownOption(0x1E, b"ab"),)), home=None)
    assert [m.name for m in messages(desk.world, "CN1")] == ["HoT" if isinstance(message, HomeTestInit) else "CoT"]


def test_tests_leave_no_state() -> None:
    desk = Desk()
    before = {name: repr(value) for name, value in vars(desk.cn.nonces).items()}
    for _ in range(5):
        desk.send(CareOfTestInit(b"cookie 1"), home=None)
    assert {name: repr(value) for name, value in vars(desk.cn.nonces).items()} == before and desk.held == []


# --- data ------------------------------------------------------------------------------------------------------------


def test_bound_it_sends_straight_and_unbound_by_the_home_network() -> None:
    desk = Desk()
    seen = listen(desk.asker, UDP)
    desk.ask(desk.update(1))
    desk.cn.send(Packet(desk.cn.address, HOME, UDP(9, 5, b"x")))
    desk.world.run(0.1)
    assert seen[0].packet.extensions == (RoutingHeaderType2(HOME),)
    desk.ask(desk.update(2, lifetime_s=0))
    desk.cn.send(Packet(desk.cn.address, HOME, UDP(9, 5, b"x")))
    desk.world.run(0.1)
    assert len(seen) == 1 and any(d.node == "HA" for d in desk.world.trace.drops())


def test_large_datagrams_behind_options_arrive_whole_both_ways() -> None:
    """A Home Address option stands before the Fragment header, and so does a type 2 routing header."""
    made = world()
    flow = made.mn.open(made.cn1, mf.apps.Voice(interval_ms=200, payload_bytes=4000))
    made.run(8)
    before = (flow.stats.up.received, flow.stats.down.received, flow.stats.up.lost, flow.stats.down.lost)
    made.run(10)
    assert flow.stats.up.received - before[0] >= 49 and flow.stats.down.received - before[1] >= 49
    assert (flow.stats.up.lost, flow.stats.down.lost) == before[2:], "after the path's MTU was learned"
    assert flow.stats.up.in_flight <= 2 and flow.stats.down.in_flight <= 2


# --- what section 9.5.1 asks of addresses, and section 9.5.4 of answers --------------------------------------------


def by_hand(desk: Desk, packet: Packet, care_of: Address | None, signed: Address) -> bool:
    """Return whether an acknowledgement proves itself, recomputed with the standard library from its octets."""
    message = octets.read(codec.encode(packet))
    assert message is not None and message.name == "BA"
    nonce, kcn = desk.cn.nonces.nonce(desk.cn.nonces.index(desk.world.network.clock.now)), desk.cn.nonces.node_key
    tokens = octets.home_token(kcn, HOME.packed, nonce)
    if care_of is not None:
        tokens += octets.care_of_token(kcn, care_of.packed, nonce)
    kbm = hashlib.sha1(tokens).digest()
    return message.authenticator == octets.authenticator(kbm, signed.packed, desk.cn.address.packed, message)


@pytest.mark.parametrize("text", UNROUTABLE)
def test_a_care_of_address_that_cannot_be_routed_is_dropped_without_a_word(text: str) -> None:
    """Section 6.1.7: "MUST be silently discarded", however well it is signed."""
    desk = Desk()
    care_of = Address(text)
    since = len(desk.world.trace)
    for lifetime_s in (40, 0):
        update = desk.update(1, lifetime_s, care_of=care_of, more=(AlternateCareOfAddress(care_of),))
        desk.send(update)
    assert desk.held == [] and sent(desk, since) == [] and len(list(desk.world.trace.drops())) == 2


@pytest.mark.parametrize("text", UNROUTABLE)
def test_an_update_from_no_unicast_address_is_neither_answered_nor_kept(text: str) -> None:
    """Section 9.5.4, and section 9.3.3 for binding errors."""
    desk = Desk()
    since, option = len(desk.world.trace), DestinationOptions((HomeAddressOption(HOME),))
    for payload, extensions in ((desk.update(1), (option,)), (desk.update(1), ()), (HomeTestInit(b"cookie 1"), ())):
        inject(desk.cn, Packet(Address(text), desk.cn.address, payload, extensions=extensions))
    desk.world.run(1)
    assert desk.held == [] and sent(desk, since) == []


def test_a_mobile_node_at_home_deletes_with_its_home_address_as_source() -> None:
    """Sections 9.5.1 and 9.5.4: without Home Address option the source is the home address; no routing header back."""
    desk = Desk()
    desk.ask(desk.update(1))
    since = len(desk.world.trace)
    inject(desk.cn, Packet(HOME, desk.cn.address, desk.update(2, lifetime_s=0)))
    desk.world.run(0.1)
    assert desk.held == []
    (answer,) = [packet for packet in sent(desk, since) if isinstance(packet.payload, BindingAcknowledgement)]
    assert (answer.destination, answer.extensions, answer.payload.status) == (HOME, (), 0)  # type: ignore[attr-defined]
    assert by_hand(desk, answer, None, HOME)


@pytest.mark.parametrize("which", ["its home address", "our own address"])
def test_174_for_a_care_of_address_to_which_nothing_could_go(which: str) -> None:
    """Section 6.1.8. It would lead to itself, or to us. Signed, like all but 136 to 138; without A not said (9.5.4)."""
    desk = Desk()
    care_of = HOME if which == "its home address" else desk.cn.address
    for sequence, acknowledge in ((1, True), (2, False)):
        more = (AlternateCareOfAddress(care_of),)
        desk.ask(desk.update(sequence, care_of=care_of, acknowledge=acknowledge, more=more))
    assert [a.packet.payload.status for a in desk.answers] == [174]  # type: ignore[attr-defined]
    assert by_hand(desk, desk.answers[0].packet, care_of, care_of) and desk.held == []


def test_130_where_there_is_no_room_and_what_is_bound_stays_and_may_be_refreshed() -> None:
    """Sections 9.5.2, 9.5.4 (said without A too) and 9.1 (nothing is deleted without need)."""
    desk = Desk()
    desk.cn.bindings.max_bindings = 1
    other = Binding(Address("2001:db8:100::55"), Address("2001:db8:200::55"), 1, 20 * S)
    desk.cn.bind(other)
    assert desk.ask(desk.update(1, acknowledge=False)) == [(130, 1)]
    assert by_hand(desk, desk.answers[0].packet, desk.asker.address, desk.asker.address)
    assert [b.home_address for b in desk.cn.bindings] == [other.home_address]
    desk.world.run(20)
    assert desk.ask(desk.update(2)) == [(130, 2)], "it has ended, but its number is remembered"
    desk.world.run(240)
    assert desk.ask(desk.update(3)) == [(0, 3)]
    assert desk.ask(desk.update(4)) == [(0, 4)], "what has room keeps it"


@pytest.mark.parametrize(("home", "care_of", "status"), [(0, 0, 138), (0, 1, 136), (1, 0, 137), (1, 1, 0)])
def test_indices_that_have_expired(home: int, care_of: int, status: int) -> None:
    """Section 9.5.1: those of `old` were good, and are no longer recognized after 240 s; another is good still."""
    desk = Desk()
    old = desk.update(1)
    assert desk.ask(old) == [(0, 1)] and desk.cn.bindings.get(HOME) is not None
    desk.world.run(200)
    assert desk.ask(replace(desk.update(2, index=old.options[0].home))) == [(0, 2)], "220 s: good"  # type: ignore[attr-defined]
    desk.world.run(60)
    new = desk.update(3)
    indices = [update.options[0] for update in (old, new)]
    assert isinstance(indices[0], NonceIndices) and isinstance(indices[1], NonceIndices)
    mixed = NonceIndices(indices[home].home, indices[care_of].care_of)  # type: ignore[union-attr]
    assert desk.ask(replace(new, options=(mixed, *new.options[1:]))) == [(status, 3)]
    assert desk.held == ([(desk.asker.address, 3)] if status == 0 else [])


@pytest.mark.parametrize("status", [135, 136, 137, 138, 130])
def test_without_the_a_bit_these_refusals_are_said_all_the_same(status: int) -> None:
    """Section 9.5.4."""
    desk = Desk()
    desk.ask(desk.update(5, acknowledge=False))
    update = desk.update(6 if status != 135 else 5, acknowledge=False)
    known = update.options[0]
    assert isinstance(known, NonceIndices)
    indices = {136: (99, known.care_of), 137: (known.home, 99), 138: (99, 98)}.get(status, (known.home, known.care_of))
    if status == 130:
        desk.cn.unbind(HOME)
        desk.world.run(240)
        desk.cn.bindings.max_bindings = 0
        update = desk.update(6, acknowledge=False)
    else:
        update = replace(update, options=(NonceIndices(*indices), *update.options[1:]))
    before = len(desk.answers)
    assert [s for s, _ in desk.ask(update)] == [status] and len(desk.answers) == before + 1


def test_the_number_of_what_has_ended_is_remembered_until_no_older_update_can_come() -> None:
    """Sections 5.2.8, 9.5.3 and 9.6: 240 s from the last update that was accepted, or from the deletion."""
    desk = Desk()
    desk.ask(desk.update(7, lifetime_s=20))
    accepted_s = desk.world.now - 0.2
    desk.world.run(21)
    assert desk.held == [] and desk.ask(desk.update(7)) == [(135, 7)]
    desk.world.run(accepted_s + 239 - desk.world.now)
    assert desk.ask(desk.update(3)) == [(135, 7)]
    desk.world.run(2)
    assert desk.ask(desk.update(3)) == [(0, 3)], "with no binding and no memory any number is good"
    desk.cn.unbind(HOME)  # for want of room, say: guarded like a deleted one (section 9.6)
    assert desk.ask(desk.update(3)) == [(135, 3)]


def test_a_deletion_that_overtakes_its_update_is_not_undone_by_it() -> None:
    desk = Desk()
    late = desk.update(1)
    assert desk.ask(desk.update(2, lifetime_s=0)) == [(0, 2)], "deleting what is not there is no error"
    assert desk.ask(late) == [(135, 2)] and desk.held == []


# --- refresh requests (section 9.5.5) --------------------------------------------------------------------------------


def refresh_requests(desk: Desk) -> list[tuple[int, Packet]]:
    return [
        (hop.sent_ns, hop.packet) for hop in desk.world.trace
        if hop.channel.sender == "CN1" and isinstance(hop.packet.payload, BindingRefreshRequest)
    ]  # fmt: skip


def speak(desk: Desk, seconds: float, interval_s: float = 0.5) -> None:
    for _ in range(round(seconds / interval_s)):
        desk.cn.send(Packet(desk.cn.address, HOME, UDP(9, 5, b"x")))
        desk.world.run(interval_s)


def test_a_binding_in_use_is_to_be_refreshed_when_it_nears_its_end() -> None:
    """Straight to the home address, without routing header and past the binding (sections 9.5.5 and 6.1)."""
    desk = Desk()
    desk.ask(desk.update(1, lifetime_s=100))
    begin = desk.world.network.clock.now - S // 5
    speak(desk, 105)
    asked = refresh_requests(desk)
    assert all((packet.destination, packet.extensions) == (HOME, ()) for _, packet in asked)
    assert [round((t - begin) / S) for t, _ in asked] == [90, 95, 98, 99], "at half of what is left, a second apart"
    assert desk.held == [], "nobody answered"


def test_a_binding_that_is_not_in_use_just_ends() -> None:
    desk = Desk()
    desk.ask(desk.update(1, lifetime_s=100))
    speak(desk, 80)
    desk.world.run(30)
    assert refresh_requests(desk) == [] and desk.held == []


def test_refresh_requests_end_with_the_next_update() -> None:
    """Section 9.5.5: "MUST stop retransmitting when it receives a Binding Update"."""
    desk = Desk()
    desk.ask(desk.update(1, lifetime_s=100))
    speak(desk, 91)
    assert len(refresh_requests(desk)) == 1
    assert desk.ask(desk.update(2, lifetime_s=100)) == [(0, 2)]
    speak(desk, 80)
    assert len(refresh_requests(desk)) == 1


# --- without Mobile IPv6 ---------------------------------------------------------------------------------------------


def test_a_correspondent_without_mobile_ip_is_spoken_to_through_the_tunnel() -> None:
    """Sections 8.1 and 11.3.5: it says parameter problem, code 1, to both tests; the call goes on by the home agent."""
    made = world(correspondents={"CN1": Host})
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    lost = flow.stats.up.lost  # of what waited for the home registration
    made.run(10)
    errors = [
        hop.packet for hop in made.trace if hop.channel.sender == "CN1" and isinstance(hop.packet.payload, IcmpError)
    ]
    assert {(e.payload.type, e.payload.code, e.payload.parameter) for e in errors} == {(4, 1, 6)}  # type: ignore[attr-defined]
    assert {packet.payload.invoking[6] for packet in errors} == {135}  # type: ignore[attr-defined]
    care_of, home = made.mn.care_of_address("wlan0"), made.mn.primary_home_address
    assert {packet.destination for packet in errors} == {home, care_of}, "the home test's goes home"
    assert (flow.stats.up.lost, flow.stats.down.lost) == (lost, 0) and flow.stats.down.received > 600
    data = [hop.packet for hop in made.trace if isinstance(hop.packet.payload, UDP) and hop.channel.receiver == "CN1"]
    assert data and all((packet.source, packet.extensions) == (home, ()) for packet in data)


def test_route_optimisation_can_be_turned_off_by_an_administrator() -> None:
    """Section 8.2: on by default. Turned off in the middle of a call, the call goes on through the home agent."""
    made = world()
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(8)
    assert len(made.cn1.bindings) == 1
    made.cn1.turn_off_route_optimisation()
    made.run(5)
    before, since_ns = (flow.stats.up.lost, flow.stats.down.lost), made.network.clock.now
    made.run(20)
    assert len(made.cn1.bindings) == 0 and (flow.stats.up.lost, flow.stats.down.lost) == before
    late = [hop.packet.innermost() for hop in made.trace if hop.sent_ns > since_ns]
    data = [packet for packet in late if isinstance(packet.payload, UDP)]
    assert len(data) > 1000 and all(packet.extensions == () for packet in data)
