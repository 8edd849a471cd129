"""The DHCPv6 server: the addresses that it leases, and messages that it discards (RFC 8415 sections 16, 18.3)."""

from __future__ import annotations

import pytest

from mipflow.flow.allocation.dhcpv6_server import Leases
from mipflow.wire.address import Prefix
from mipflow.wire.dhcpv6 import (
    ClientIdentifier,
    ClientMessage,
    DhcpOption,
    DhcpStatus,
    IdentityAssociation,
    Kind,
    LeasedAddress,
    Preference,
    ServerIdentifier,
    StatusCode,
)

S = 1_000_000_000
HOME = Prefix.parse("2001:db8:100::/64")
OURS, OTHER = b"\0\3\0\1server", b"\0\3\0\1another"
ALICE, BOB = (ClientIdentifier(b"\0\3\0\1" + name) for name in (b"alice", b"bob"))
SERVER = ServerIdentifier(OURS)
ONE = IdentityAssociation(1)


def leases(size: int = 3) -> Leases:
    return Leases(OURS, HOME, 0xD00, size, preferred_s=60, valid_s=100)


def ask(server: Leases, kind: int, *options: DhcpOption, at_s: float = 0) -> ClientMessage | None:
    return server.answer(ClientMessage(kind, 0x123456, options), round(at_s * S))


def named(identifier: int, iaid: int = 1) -> IdentityAssociation:
    return IdentityAssociation(iaid, options=(LeasedAddress(HOME.address(identifier)),))


def given(answer: ClientMessage | None, place: int = 0) -> tuple[object, ...]:
    """Return address and lifetimes of an identity association in an answer, or its status."""
    assert answer is not None and answer.transaction == 0x123456
    association = [option for option in answer.options if isinstance(option, IdentityAssociation)][place]
    (option,) = association.options
    if isinstance(option, StatusCode):
        return (option.status,)
    assert isinstance(option, LeasedAddress)
    times_s = association.t1_s, association.t2_s, option.preferred_lifetime_s, option.valid_lifetime_s
    return (str(option.address), *times_s)


FIRST = ("2001:db8:100::d00", 30, 48, 60, 100)


def test_solicit_is_advertised_and_request_leases() -> None:
    """Sections 18.3.1, 18.3.2, 18.3.9, 18.3.10."""
    server = leases()
    offer = ask(server, Kind.SOLICIT, ALICE, ONE)
    assert offer is not None and offer.type == Kind.ADVERTISE and given(offer) == FIRST
    assert {SERVER, ALICE} <= set(offer.options), "both identifiers are in every answer"
    assert not server.leases, "an advertisement promises nothing"
    answer = ask(server, Kind.REQUEST, ALICE, SERVER, ONE)
    assert answer is not None and answer.type == Kind.REPLY and given(answer) == FIRST
    assert given(ask(server, Kind.SOLICIT, ALICE, ONE)) == FIRST, "who has one keeps it"
    assert given(ask(server, Kind.SOLICIT, BOB, ONE))[0] == "2001:db8:100::d01"


def test_each_association_of_a_client_has_its_own_address() -> None:
    answer = ask(leases(), Kind.REQUEST, ALICE, SERVER, ONE, IdentityAssociation(2))
    assert [given(answer, place)[0] for place in (0, 1)] == ["2001:db8:100::d00", "2001:db8:100::d01"]


def test_renew_and_rebind_extend_a_lease_and_know_no_other() -> None:
    """Sections 18.3.4 and 18.3.5."""
    server = leases()
    assert given(ask(server, Kind.RENEW, ALICE, SERVER, ONE)) == (DhcpStatus.NO_BINDING,)
    ask(server, Kind.REQUEST, ALICE, SERVER, ONE)
    assert given(ask(server, Kind.RENEW, ALICE, SERVER, ONE, at_s=90)) == FIRST
    assert given(ask(server, Kind.REBIND, ALICE, ONE, at_s=189)) == FIRST
    assert given(ask(server, Kind.RENEW, ALICE, SERVER, ONE, at_s=289)) == (DhcpStatus.NO_BINDING,), "it has ended"


def test_release_frees_the_address() -> None:
    """Section 18.3.7."""
    server = leases(size=1)
    ask(server, Kind.REQUEST, ALICE, SERVER, ONE)
    assert given(ask(server, Kind.REQUEST, BOB, SERVER, ONE)) == (DhcpStatus.NO_ADDRESSES_AVAILABLE,)
    answer = ask(server, Kind.RELEASE, ALICE, SERVER, named(0xD00))
    assert answer is not None and answer.option(StatusCode).status == DhcpStatus.SUCCESS
    assert given(ask(server, Kind.REQUEST, BOB, SERVER, ONE)) == FIRST
    assert given(ask(server, Kind.RELEASE, ALICE, SERVER, named(0xD00))) == (DhcpStatus.NO_BINDING,)


def test_a_declined_address_is_leased_to_nobody_again() -> None:
    """Section 18.3.8."""
    server = leases(size=2)
    ask(server, Kind.REQUEST, ALICE, SERVER, ONE)
    answer = ask(server, Kind.DECLINE, ALICE, SERVER, named(0xD00))
    assert answer is not None and answer.option(StatusCode).status == DhcpStatus.SUCCESS
    assert given(ask(server, Kind.REQUEST, ALICE, SERVER, named(0xD00), at_s=1))[0] == "2001:db8:100::d01"
    assert given(ask(server, Kind.REQUEST, BOB, SERVER, ONE, at_s=999_999))[0] == "2001:db8:100::d01", "for ever"
    assert given(ask(server, Kind.DECLINE, ALICE, SERVER, named(0xD00), at_s=999_999)) == (DhcpStatus.NO_BINDING,)


@pytest.mark.parametrize("kind", [Kind.RELEASE, Kind.DECLINE])
def test_an_ending_that_does_not_name_the_leased_address_ends_nothing(kind: Kind) -> None:
    """Sections 18.3.7 and 18.3.8: addresses that are not assigned to the association are ignored."""
    server = leases()
    ask(server, Kind.REQUEST, ALICE, SERVER, ONE)
    for association in (ONE, named(0xD01)):
        answer = ask(server, kind, ALICE, SERVER, association)
        assert answer is not None and answer.option(StatusCode).status == DhcpStatus.SUCCESS
    assert [str(lease.address) for lease in server.leases.values()] == ["2001:db8:100::d00"]
    assert server.declined == set()


def test_an_address_that_is_asked_for_is_given_where_it_is_free_and_of_the_pool() -> None:
    server = leases()
    assert given(ask(server, Kind.SOLICIT, ALICE, named(0xD02)))[0] == "2001:db8:100::d02"
    assert given(ask(server, Kind.REQUEST, ALICE, SERVER, named(0xD02)))[0] == "2001:db8:100::d02"
    assert given(ask(server, Kind.REQUEST, BOB, SERVER, named(0xD02)))[0] == "2001:db8:100::d00", "it is taken"
    assert given(ask(server, Kind.REQUEST, BOB, SERVER, named(0xE00, iaid=2)))[0] == "2001:db8:100::d01", "not ours"


def test_no_anycast_address_is_leased() -> None:
    """RFC 4291 section 2.6.1, RFC 2526: it would be a router's as well."""
    server = Leases(OURS, HOME, 0, 3)
    assert [str(address) for address in server.pool] == ["2001:db8:100::1", "2001:db8:100::2"]
    assert Leases(OURS, HOME, 0xFDFF_FFFF_FFFF_FF7F, 9).pool == [HOME.address(0xFDFF_FFFF_FFFF_FF7F)]


def test_an_advertisement_says_how_much_its_server_is_preferred() -> None:
    """Section 21.8."""
    offers = [ask(made, Kind.SOLICIT, ALICE, ONE) for made in (leases(), Leases(OURS, HOME, 1, preference=7))]
    assert [offer is not None and offer.option(Preference).value for offer in offers] == [255, 7]
    answer = ask(leases(), Kind.REQUEST, ALICE, SERVER, ONE)
    assert answer is not None and answer.option(Preference) is None


def test_an_ended_lease_is_given_to_others() -> None:
    server = leases(size=1)
    ask(server, Kind.REQUEST, ALICE, SERVER, ONE)
    assert given(ask(server, Kind.SOLICIT, BOB, ONE, at_s=99)) == (DhcpStatus.NO_ADDRESSES_AVAILABLE,)
    assert given(ask(server, Kind.SOLICIT, BOB, ONE, at_s=100)) == FIRST


def test_information_request_is_answered_without_addresses() -> None:
    """Section 18.3.6: with or without a client identifier."""
    answer = ask(leases(), Kind.INFORMATION_REQUEST)
    assert answer is not None and (answer.type, answer.options) == (Kind.REPLY, (SERVER,))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Kind.SOLICIT, (ONE,)),  # 16.2: no client identifier
        (Kind.SOLICIT, (ALICE, SERVER, ONE)),  # 16.2: a server identifier
        (Kind.REBIND, (ALICE, SERVER, ONE)),  # 16.7
        (Kind.REQUEST, (ALICE, ONE)),  # 16.4: no server identifier
        (Kind.REQUEST, (ALICE, ServerIdentifier(OTHER), ONE)),  # 16.4: another server
        (Kind.RENEW, (SERVER, ONE)),  # 16.6
        (Kind.RELEASE, (ALICE, ServerIdentifier(OTHER), ONE)),  # 16.9
        (Kind.DECLINE, (ALICE, ONE)),  # 16.8
        (Kind.DECLINE, (SERVER, ONE)),
        (Kind.INFORMATION_REQUEST, (ServerIdentifier(OTHER),)),  # 16.12
        (Kind.INFORMATION_REQUEST, (ALICE, ONE)),  # 16.12
        (Kind.ADVERTISE, (ALICE, SERVER)), (Kind.REPLY, (ALICE, SERVER)), (99, (ALICE,)),
    ],
)  # fmt: skip
def test_messages_that_a_server_must_discard(kind: int, options: tuple[DhcpOption, ...]) -> None:
    assert ask(leases(), kind, *options) is None
