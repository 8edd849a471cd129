"""The home address protocol: the book, the datagrams by hand, silence, strangers, and registration afterwards."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse, WireError
from mipflow.flow.allocation.dhcpv6_relay import Dhcpv6Relay
from mipflow.flow.protocols.address_protocol import (
    PORT,
    REMEMBERED,
    AddressBook,
    AddressGranter,
    AddressProtocolAllocation,
)
from mipflow.flow.protocols.authenticated import Message, seal
from mipflow.node.applications.apps import Voice
from mipflow.node.host import Host
from mipflow.wire.address import UNSPECIFIED, Address
from mipflow.wire.mobility import BindingUpdate
from mipflow.wire.packet import UDP, Opaque, Packet
from tests.flow.operated import HOME, KEY, MS, ONE_WAY_MS, PRIMARY, Operated, S
from tests.mip6.worlds import associations, world

ALLOCATE, FREE, REPLY = 1, 2, 3
UNUSED, DUPLICATE = 0, 1
GRANTED, FREED, NONE_LEFT, TOO_MANY, NOT_YOURS = 0, 1, 128, 129, 130
OTHER = HOME.address(0x20)
FIRST = 0x1000


def body(word: int, address: Address = UNSPECIFIED) -> bytes:
    return bytes([word]) + address.packed


def allocate(number: int) -> Message:
    return Message(ALLOCATE, number, body(0))


def free(number: int, address: Address, reason: int = UNUSED) -> Message:
    return Message(FREE, number, body(reason, address))


def ask(
    book: AddressBook, request: Message, owner: Address = PRIMARY, is_taken: Callable[[Address], bool] = lambda a: False
) -> tuple[int, Address]:
    """Return status and address of an answer."""
    kind, number, octets = book.answer(owner, request, is_taken)[0]
    assert (kind, number, len(octets)) == (REPLY, request.sequence, 17)
    return octets[0], Address(octets[1:])


# --- the book --------------------------------------------------------------------------------------------------------


def test_the_lowest_free_address_is_granted_and_a_freed_one_again() -> None:
    book = AddressBook(HOME, FIRST, size=3)
    granted = [ask(book, allocate(number)) for number in (1, 2, 3)]
    assert granted == [(GRANTED, HOME.address(FIRST + number)) for number in range(3)]
    assert ask(book, allocate(4)) == (NONE_LEFT, UNSPECIFIED)
    assert ask(book, free(5, HOME.address(FIRST + 1))) == (FREED, HOME.address(FIRST + 1))
    assert ask(book, allocate(6)) == (GRANTED, HOME.address(FIRST + 1))


def test_no_anycast_address_is_granted() -> None:
    """RFC 4291 section 2.6.1: it would be a router's as well."""
    assert AddressBook(HOME, first=0, size=3).pool == [HOME.address(1), HOME.address(2)]


def test_taken_addresses_are_skipped_and_duplicates_never_granted_again() -> None:
    book = AddressBook(HOME, FIRST, size=3)
    first, second, third = book.pool
    assert ask(book, allocate(1), is_taken=lambda address: address == first) == (GRANTED, second)
    assert ask(book, free(2, second, DUPLICATE)) == (FREED, second)
    assert [ask(book, allocate(number))[1] for number in (3, 4)] == [first, third]
    assert ask(book, allocate(5)) == (NONE_LEFT, UNSPECIFIED)


def test_one_mobile_node_gets_no_more_than_its_share() -> None:
    book = AddressBook(HOME, FIRST, most=2)
    assert [ask(book, allocate(number))[0] for number in (1, 2, 3)] == [GRANTED, GRANTED, TOO_MANY]
    assert ask(book, allocate(1), OTHER) == (GRANTED, HOME.address(FIRST + 2))
    assert ask(book, free(4, HOME.address(FIRST))) == (FREED, HOME.address(FIRST))
    assert ask(book, allocate(5)) == (GRANTED, HOME.address(FIRST))


def test_an_address_is_freed_only_by_its_owner() -> None:
    book = AddressBook(HOME, FIRST)
    ask(book, allocate(1))
    strange = [(OTHER, HOME.address(FIRST)), (PRIMARY, HOME.address(FIRST + 1)), (PRIMARY, PRIMARY)]
    for number, (owner, address) in enumerate(strange, start=2):
        assert ask(book, free(number, address, DUPLICATE), owner) == (NOT_YOURS, address)
    assert len(book) == 1 and not book.duplicates


def test_a_request_that_comes_again_is_answered_the_same_and_changes_nothing() -> None:
    book = AddressBook(HOME, FIRST, most=1)
    first = book.answer(PRIMARY, allocate(1), lambda address: False)
    refused = book.answer(PRIMARY, allocate(2), lambda address: False)
    assert [change.key for change in first[1]] == [str(HOME.address(FIRST))] and refused[1] == []
    ask(book, free(3, HOME.address(FIRST)))
    assert book.answer(PRIMARY, allocate(1), lambda address: False) == (first[0], [])
    assert book.answer(PRIMARY, allocate(2), lambda address: False) == (refused[0], [])
    assert len(book) == 0


def test_requests_may_overtake_each_other_but_not_by_far() -> None:
    book = AddressBook(HOME, FIRST)
    assert ask(book, allocate(REMEMBERED + 5))[0] == GRANTED
    assert ask(book, allocate(6))[0] == GRANTED
    with pytest.raises(WireError, match="number 5 is too old; expected more than 5"):
        ask(book, allocate(5))
    assert ask(book, allocate(5), OTHER)[0] == GRANTED, "numbers are each mobile node's own"


@pytest.mark.parametrize(
    "request_",
    [Message(REPLY, 1, body(0)), Message(4, 1, body(0)), Message(ALLOCATE, 1), Message(FREE, 1, body(0)[:-1])],
)
def test_a_message_that_is_no_request_is_refused_with_the_reason(request_: Message) -> None:
    book = AddressBook(HOME)
    with pytest.raises(WireError, match=r"kind \d with \d+ octets; expected 1 or 2 with 17"):
        book.answer(PRIMARY, request_, lambda address: False)
    assert ask(book, allocate(1))[0] == GRANTED, "and its number is not used up"


@given(st.lists(st.tuples(st.sampled_from([PRIMARY, OTHER]), st.integers(0, 6), st.booleans()), max_size=40))
def test_no_address_is_ever_two_mobile_nodes_and_no_share_is_exceeded(steps: list[tuple[Address, int, bool]]) -> None:
    """Compare the book with a ledger that knows the answers only; steps from 3 on free an address."""
    book = AddressBook(HOME, FIRST, size=4, most=3)
    ledger: dict[Address, Address] = {}
    gone: set[Address] = set()
    for number, (owner, step, twice) in enumerate(steps, start=1):
        request = allocate(number) if step < 3 else free(number, book.pool[step - 3], DUPLICATE if twice else UNUSED)
        status, address = ask(book, request, owner)
        assert ask(book, request, owner) == (status, address)
        if step >= 3:
            assert (status == FREED) == (ledger.get(address) == owner)
            if status == FREED:
                del ledger[address]
                gone |= {address} if twice else set()
        elif status == GRANTED:
            assert address not in ledger and address not in gone
            ledger[address] = owner
        else:
            is_full = len(ledger) + len(gone) == len(book.pool)
            assert status == (TOO_MANY if list(ledger.values()).count(owner) == 3 else NONE_LEFT)
            assert status == TOO_MANY or is_full
        assert {entry.home_address: entry.mobile_node for entry in book} == ledger


# --- between the nodes -----------------------------------------------------------------------------------------------


@dataclass
class Asking:
    """The mobile node's side, with the answers to its requests and their times."""

    made: Operated
    granted: list[Address] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    told_ns: int = 0

    def __post_init__(self) -> None:
        self.allocation = AddressProtocolAllocation(self.made.mn, KEY)  # type: ignore[arg-type]

    def allocate(self) -> None:
        self.allocation.allocate(self._granted, self._refused)

    def _granted(self, address: Address) -> None:
        self.granted.append(address)
        self.told_ns = self.made.network.clock.now

    def _refused(self, reason: str) -> None:
        self.refused.append(reason)
        self.told_ns = self.made.network.clock.now


def bound(book: AddressBook | None = None, adapted: bool = True) -> Asking:
    """Make a world in which the primary home address is bound."""
    asking = Asking(Operated(book, adapted))
    asking.made.run(5)
    assert PRIMARY in asking.made.ha.bindings
    return asking


def test_request_and_reply_by_hand_in_one_round_trip_through_the_tunnel() -> None:
    asking = bound()
    made, start = asking.made, asking.made.network.clock.now
    asking.allocate()
    made.run(1)
    assert asking.granted == [HOME.address(FIRST)] and asking.told_ns - start == 2 * ONE_WAY_MS * MS
    care_of, agent = made.mn.care_of_address("wlan0"), made.ha.home_agent_address
    said = {
        "MN": struct.pack("!BBQB16s", 1, 1, 1, 0, bytes(16)),
        "HA": struct.pack("!BBQB16s", 1, 3, 1, 0, HOME.address(FIRST).packed),
    }
    for name, outer, inner in (("MN", (care_of, agent), (PRIMARY, agent)), ("HA", (agent, care_of), (agent, PRIMARY))):
        ((_, packet),) = made.datagrams(name, PORT)
        assert (packet.source, packet.destination) == outer
        assert isinstance(packet.payload, Packet) and not packet.extensions
        assert (packet.payload.source, packet.payload.destination) == inner
        tag = hmac.new(KEY, said[name], hashlib.sha256).digest()[:16]
        assert packet.payload.payload == UDP(PORT, PORT, said[name] + tag)
    (change,) = [change.change for change in made.trace.changes() if change.change.table == "home address book"]
    assert change.after == {"home_address": str(HOME.address(FIRST)), "mobile_node": str(PRIMARY)}


def test_several_at_once_get_different_addresses_in_the_same_round_trip() -> None:
    asking = bound()
    start = asking.made.network.clock.now
    for _ in range(3):
        asking.allocate()
    asking.made.run(1)
    assert asking.granted == [HOME.address(FIRST + number) for number in range(3)]
    assert asking.told_ns - start == 2 * ONE_WAY_MS * MS


def test_before_the_primary_is_bound_nothing_is_sent_and_no_silence_counted() -> None:
    made = Operated()
    asking = Asking(made)
    made.lose(lambda packet: isinstance(packet.payload, BindingUpdate))
    asking.allocate()
    made.run(100)
    asking.allocation.primary_bound()  # too early: it is not
    made.run(1)
    assert not made.datagrams("MN", PORT) and not asking.refused


def test_waiting_requests_leave_when_the_primary_is_bound() -> None:
    made = Operated()
    asking = Asking(made)
    asking.allocate()
    asking.allocate()
    made.run(5)
    assert PRIMARY in made.ha.bindings and not made.datagrams("MN", PORT)
    asking.allocation.primary_bound()
    asking.allocation.primary_bound()  # and nothing twice
    made.run(3)
    assert len(made.datagrams("MN", PORT)) == 2 and len(set(asking.granted)) == 2


@pytest.mark.parametrize("which", ["silent", "not adapted"])
def test_a_home_agent_that_does_not_answer_is_asked_five_times(which: str) -> None:
    """An unchanged home agent has nobody on that port."""
    asking = bound(adapted=which == "silent")
    made, start = asking.made, asking.made.network.clock.now
    made.lose(lambda packet: isinstance(packet.payload, UDP) and packet.destination == PRIMARY)
    asking.allocate()
    made.run(60)
    assert [(t - start) / S for t, _ in made.datagrams("MN", PORT)] == [0, 1, 3, 7, 15]
    assert asking.refused == ["the home agent does not answer home address requests (5 sent)"]
    assert (asking.told_ns - start) / S == 31 and not asking.granted
    if which == "not adapted":
        assert made.reasons("HA") == [f"nobody listens on port {PORT} of HA"] * 5


def test_where_the_answer_is_lost_the_request_is_answered_again_with_the_same_address() -> None:
    asking = bound()
    made, lost = asking.made, [True]
    made.lose(lambda packet: isinstance(packet.payload, UDP) and packet.destination == PRIMARY and lost[0])
    asking.allocate()
    made.run(2)
    assert len(made.book) == 1 and not asking.granted
    lost[0] = False
    made.run(5)
    assert asking.granted == [HOME.address(FIRST)] and len(made.book) == 1


def test_an_address_whose_grant_was_never_heard_goes_to_the_next_request() -> None:
    asking = bound()
    made, lost = asking.made, [True]
    made.lose(lambda packet: isinstance(packet.payload, UDP) and packet.destination == PRIMARY and lost[0])
    asking.allocate()
    made.run(40)
    assert len(asking.refused) == 1 and len(made.book) == 1
    lost[0] = False
    for expected in (FIRST, FIRST + 1):
        asking.allocate()
        made.run(1)
        assert asking.granted[-1] == HOME.address(expected)
    assert len(made.book) == 2


def test_freed_and_duplicate_addresses_are_given_back() -> None:
    asking = bound()
    made = asking.made
    for _ in range(2):
        asking.allocate()
    made.run(1)
    first, second = asking.granted
    asking.allocation.free(first)
    asking.allocation.collided(second)
    made.run(1)
    assert len(made.book) == 0 and made.book.duplicates == {second}
    for _ in range(2):
        asking.allocate()
    made.run(1)
    assert asking.granted[2:] == [first, HOME.address(FIRST + 2)]


@pytest.mark.parametrize("which", ["not ours", "silent"])
def test_an_address_that_could_not_be_given_back_is_said_in_the_trace(which: str) -> None:
    asking = bound()
    made = asking.made
    if which == "silent":
        made.lose(lambda packet: isinstance(packet.payload, UDP))
    asking.allocation.free(HOME.address(FIRST))
    made.run(40)
    why = {
        "not ours": "the home agent did not grant this mobile node that address",
        "silent": "the home agent does not answer home address requests (5 sent)",
    }[which]
    assert made.decisions("home address not freed") == [f"{HOME.address(FIRST)}: {why}"]


@pytest.mark.parametrize(
    ("book", "reason"),
    [
        (AddressBook(HOME, FIRST, size=1), "the home agent has no home address left"),
        (AddressBook(HOME, FIRST, most=1), "this mobile node has as many home addresses as the home agent grants one"),
    ],
)
def test_a_refusal_is_given_in_words_and_at_once(book: AddressBook, reason: str) -> None:
    asking = bound(book)
    for _ in range(2):
        asking.allocate()
    asking.made.run(1)
    assert asking.granted == [HOME.address(FIRST)] and asking.refused == [reason]


def test_addresses_that_the_home_agent_knows_are_skipped() -> None:
    """Taken are its own address, the primary of a mobile node that is not bound, and one that is bound."""
    made = Operated(AddressBook(HOME, 0x0F))
    made.granter.share_key(HOME.address(0x11), KEY[::-1])
    made.ha.home_link.add_address(HOME.address(0x0F))
    asking = Asking(made)
    made.run(5)
    asking.allocate()
    made.run(1)
    assert asking.granted == [HOME.address(0x12)]


def test_a_mobile_node_at_home_is_served_without_a_tunnel() -> None:
    made = Operated()
    asking = Asking(made)
    made.run(5)
    made.mn.visit("wlan0", made.home)
    made.run(5)
    assert PRIMARY in made.mn.addresses and PRIMARY not in made.ha.bindings
    asking.allocate()
    made.run(1)
    assert asking.granted == [HOME.address(FIRST)]
    assert all(isinstance(packet.payload, UDP) for _, packet in made.datagrams("MN", PORT))


@pytest.mark.parametrize(
    ("source", "octets", "reason"),
    [
        (OTHER, seal(KEY, allocate(1)), "no key is shared with 2001:db8:100::20"),
        (HOME.address(0x30), seal(KEY, allocate(1)), "2001:db8:100::30 is neither bound nor at home"),
        (PRIMARY, seal(KEY[::-1], allocate(1)), "not authentic: changed on the way, or made with another key"),
        (PRIMARY, b"?", "1 octets; expected 26 or more"),
        (PRIMARY, seal(KEY, Message(REPLY, 1, body(0))), "kind 3 with 17 octets; expected 1 or 2 with 17"),
    ],
)
def test_a_request_that_is_not_served_is_dropped_with_its_reason(source: Address, octets: bytes, reason: str) -> None:
    made = bound().made
    made.granter.share_key(HOME.address(0x30), KEY)
    datagram = Packet(source, made.ha.home_agent_address, UDP(PORT, PORT, octets))
    made.server.interfaces["eth0"].channel_to(datagram.destination).send(datagram)  # type: ignore[union-attr]
    made.run(1)
    (said,) = made.reasons("HA")
    assert said.startswith("home address request") and said.endswith(reason)
    assert len(made.book) == 0 and not made.datagrams("HA", PORT)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (seal(KEY[::-1], Message(REPLY, 1, body(0, OTHER))), "not authentic"),
        (seal(KEY, Message(REPLY, 2, body(0, OTHER))), "kind 3, number 2 answers no request that waits"),
        (seal(KEY, Message(ALLOCATE, 1, body(0, OTHER))), "kind 1, number 1 answers no request that waits"),
        (seal(KEY, Message(REPLY, 1, b"\0")), "kind 3, number 1 answers no request that waits"),
    ],
)
def test_a_forged_answer_grants_nothing(octets: bytes, reason: str) -> None:
    """The third is the mobile node's own request, turned around."""
    asking = bound()
    made = asking.made
    made.lose(lambda packet: isinstance(packet.payload, UDP) and packet.source == PRIMARY)
    asking.allocate()
    made.server.transmit(UDP(PORT, PORT, octets), None, PRIMARY)
    made.run(0.5)
    assert not asking.granted and [reason in said for said in made.reasons("MN")] == [True]


def test_an_answer_that_comes_twice_grants_once() -> None:
    asking = bound()
    made = asking.made
    asking.allocate()
    made.run(1)
    ((_, packet),) = made.datagrams("MN", PORT)
    made.mn.send_direct(packet.copy())  # somebody on its way repeats the request, as it was
    made.run(1)
    assert len(asking.granted) == 1 == len(made.book)
    assert made.reasons("MN") == ["home address answer: kind 3, number 1 answers no request that waits"]


def test_the_dhcpv6_relay_keeps_the_handler_of_udp() -> None:
    """The relay is set after the granter; each hears its own port."""
    asking = bound()
    made = asking.made
    made.ha.home.relay = Dhcpv6Relay(made.ha, made.server.address)
    made.server.transmit(UDP(547, 547, b"?"), None, made.ha.home_agent_address)
    asking.allocate()
    made.run(1)
    assert asking.granted == [HOME.address(FIRST)]
    assert made.reasons("HA") == ["no answer of the DHCPv6 server"]


def test_a_short_key_is_refused_at_both_ends() -> None:
    made = Operated()
    with pytest.raises(ProtocolMisuse, match="a key of 5 octets"):
        made.granter.share_key(PRIMARY, b"short")
    with pytest.raises(ProtocolMisuse, match="a key of 5 octets"):
        AddressProtocolAllocation(made.mn, b"short")  # type: ignore[arg-type]


# --- with everything around it ---------------------------------------------------------------------------------------


def test_each_step_of_page_9_in_its_order_with_security_associations() -> None:
    """The request under the primary's key, the new address's association at both ends, its binding update in ESP,
    duplicate detection; where that finds somebody, the association goes and the address is granted to nobody.
    """
    made = Operated(security=True)
    Host(made.network, "printer").settle(made.home, FIRST)
    asking, taken, free_one = Asking(made), HOME.address(FIRST), HOME.address(FIRST + 1)
    made.run(5)
    securities = [associations(node) for node in (made.mn, made.ha)]

    def somebody_has(home_address: Address) -> None:
        assert home_address == taken
        made.mn.mobility.disown(taken)
        asking.allocation.collided(taken)

    made.mn.mobility.listener.home_address_taken = somebody_has  # type: ignore[method-assign]
    for expected in (taken, free_one):
        asking.allocate()
        made.run(0.5)
        assert asking.granted[-1] == expected and [each.owner(expected) for each in securities] == [None, None]
        made.mn.own_home_addresses.add(expected)
        start = made.network.clock.now
        made.mn.mobility.bind(expected, made.mn.care_of_address("wlan0"))
        assert [each.owner(expected) for each in securities] == [PRIMARY, PRIMARY]
        made.run(3)
        update = next(hop.packet for hop in made.trace if hop.sent_ns >= start and hop.channel.sender == "MN")
        assert isinstance(update.payload, Opaque) and update.payload.next_header == 50
    assert [each.owner(taken) for each in securities] == [None, None] and made.book.duplicates == {taken}
    assert free_one in made.ha.bindings and taken not in made.ha.bindings
    assert [entry.home_address for entry in made.book] == [free_one]


@pytest.mark.parametrize("security", [False, True])
def test_flows_of_the_real_mobile_node_get_what_the_home_agent_grants(
    monkeypatch: pytest.MonkeyPatch, security: bool
) -> None:
    """Two of three flows to one correspondent need further addresses; one that somebody has is followed by another."""
    book = AddressBook(HOME, FIRST)
    made = world(security=security, allocation=partial(AddressProtocolAllocation, key=KEY))
    AddressGranter(made.ha, book).share_key(PRIMARY, KEY)
    Host(made.network, "printer").settle(made.network.segments["home"], FIRST)
    flows = [made.mn.open(made.cn1, Voice()) for _ in range(3)]
    made.run(8)
    assert sorted(flow.home_address for flow in flows) == [PRIMARY, HOME.address(FIRST + 1), HOME.address(FIRST + 2)]
    assert all(flow.stats.down.received > 100 for flow in flows) and len(made.mn.flows) == 3
    assert book.duplicates == {HOME.address(FIRST)} and len(book) == 2
    last = next(flow for flow in flows if flow.home_address == HOME.address(FIRST + 2))
    made.mn.close(last)
    made.run(3)
    assert [entry.home_address for entry in book] == [HOME.address(FIRST + 1)]
    assert HOME.address(FIRST + 2) not in made.ha.bindings
