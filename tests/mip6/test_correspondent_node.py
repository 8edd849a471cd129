"""The correspondent node: tests without state, statuses, the Home Address option, route optimisation."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

import mipflow as mf
from mipflow.lab.world import World
from mipflow.mip6.return_routability import authenticator
from mipflow.node.node import Arrival
from mipflow.wire.address import Address
from mipflow.wire.codec import authenticated_part
from mipflow.wire.mobility import (
    BindingAcknowledgement,
    BindingAuthorizationData,
    BindingError,
    BindingUpdate,
    CareOfTestInit,
    HomeTestInit,
    NonceIndices,
    UnknownMobilityMessage,
    UnknownMobilityOption,
)
from mipflow.wire.packet import (
    UDP,
    DestinationOptions,
    HomeAddressOption,
    HopByHopOptions,
    Opaque,
    Packet,
    RoutingHeaderType2,
    UnknownOption,
)
from tests.mip6.worlds import messages, world
from tests.node.nodes import listen

HOME = Address("2001:db8:100::77")


class Desk:
    """CN1, asked by hand from CN2's place as if that were a care-of address of `HOME`."""

    def __init__(self) -> None:
        self.world: World = world()
        self.cn, self.asker = self.world.cn1, self.world.cn2
        self.answers = listen(self.asker, BindingAcknowledgement)
        self.errors = listen(self.asker, BindingError)
        self.asker.routing_header_type_2 = lambda header, arrival: True  # type: ignore[method-assign]

    def update(
        self, sequence: int = 1, lifetime_s: int = 40, index: int | None = None, **fields: object
    ) -> BindingUpdate:
        """A binding update with right tokens and authenticator."""
        current = self.cn.nonces.index(self.world.network.clock.now) if index is None else index
        options = (
            *fields.pop("more", ()),  # type: ignore[misc]
            NonceIndices(current, current if lifetime_s else 0),
            BindingAuthorizationData(bytes(12)),
        )
        plain = BindingUpdate(sequence, lifetime_units=lifetime_s // 4, options=options, **fields)  # type: ignore[arg-type]
        token = self.cn.nonces.home_token(HOME, current)
        care_of = self.asker.address
        if lifetime_s:
            key, signed = hashlib.sha1(token + self.cn.nonces.care_of_token(care_of, current)).digest(), care_of
        else:
            key, signed = hashlib.sha1(token).digest(), HOME
        proof = authenticator(key, signed, self.cn.address, authenticated_part(plain))
        return replace(plain, options=(*options[:-1], BindingAuthorizationData(proof)))

    def send(self, payload: object, *extensions: object, home: Address | None = HOME) -> None:
        option = () if home is None else (DestinationOptions((HomeAddressOption(home),)),)
        self.asker.send_direct(
            Packet(self.asker.address, self.cn.address, payload, extensions=(*extensions, *option))  # type: ignore[arg-type]
        )
        self.world.run(0.2)

    def ask(self, update: BindingUpdate) -> list[tuple[int, int]]:
        before = len(self.answers)
        self.send(update)
        return [(a.packet.payload.status, a.packet.payload.sequence) for a in self.answers[before:]]  # type: ignore[attr-defined]

    @property
    def held(self) -> list[tuple[Address, int]]:
        return [(b.care_of_address, b.sequence) for b in self.cn.bindings]


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


def test_deleted_and_not_to_be_brought_back() -> None:
    """Section 9.5.3: an update from before the deletion must not bind again, though its nonces are still good."""
    desk = Desk()
    old = desk.update(1)
    desk.ask(old)
    assert desk.ask(desk.update(2, lifetime_s=0)) == [(0, 2)]
    assert desk.held == []
    assert desk.ask(old) == [(135, 2)] and desk.held == []
    assert desk.ask(desk.update(3)) == [(0, 3)], "a newer one may"


def test_nor_after_the_binding_has_expired() -> None:
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


def heard(desk: Desk) -> list[Arrival]:
    desk.cn.udp(9)
    return listen(desk.cn, UDP)


def test_a_home_address_option_needs_its_binding() -> None:
    desk = Desk()
    got = heard(desk)
    desk.send(UDP(5, 9, b"x"))
    assert got == []
    (error,) = desk.errors
    assert (error.packet.payload.status, error.packet.payload.home_address) == (1, HOME)  # type: ignore[attr-defined]
    desk.ask(desk.update(1))
    desk.send(UDP(5, 9, b"x"))
    (arrival,) = got
    assert arrival.source == HOME and arrival.packet.source == desk.asker.address
    desk.send(UDP(5, 9, b"x"), home=Address("2001:db8:100::78"))
    assert len(got) == 1 and len(desk.errors) == 2


def test_ip_security_may_pass_without_a_binding() -> None:
    desk = Desk()
    for protocol in (50, 51):
        desk.send(Opaque(protocol, bytes(16)))
    assert desk.errors == []


def test_binding_errors_are_limited_in_rate() -> None:
    """Section 9.3.3: a flood of such packets is not a flood of errors."""
    desk = Desk()
    option = DestinationOptions((HomeAddressOption(HOME),))
    for _ in range(50):
        desk.asker.send_direct(Packet(desk.asker.address, desk.cn.address, UDP(5, 9), extensions=(option,)))
    desk.world.run(1)
    assert 1 <= len(desk.errors) <= 10


def test_an_unknown_mobility_message_is_answered_with_status_2() -> None:
    desk = Desk()
    desk.send(UnknownMobilityMessage(99, bytes(2)), home=None)
    (error,) = desk.errors
    assert error.packet.payload.status == 2  # type: ignore[attr-defined]


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
