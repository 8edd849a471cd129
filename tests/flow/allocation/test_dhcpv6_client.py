"""The DHCPv6 client: times by closed forms, answers that it refuses, and two ends that agree over a bad network."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import ProtocolMisuse, WireError
from mipflow.flow.allocation.dhcpv6_client import (
    LOOK_AGAIN_NS,
    RETRANSMISSIONS,
    SILENT_AFTER,
    TRANSITIONS,
    Dhcpv6Allocation,
    Event,
    Lease,
    LeaseTable,
    State,
    timeout_ns,
)
from mipflow.flow.allocation.dhcpv6_relay import Dhcpv6Relay
from mipflow.flow.allocation.dhcpv6_server import Dhcpv6Server, Leases
from mipflow.node.host import Host
from mipflow.sim.trace import Change
from mipflow.wire.address import Address
from mipflow.wire.captures import capture
from mipflow.wire.dhcpv6 import (
    ClientIdentifier,
    ClientMessage,
    DhcpOption,
    DhcpStatus,
    ElapsedTime,
    IdentityAssociation,
    Kind,
    LeasedAddress,
    OptionRequest,
    Preference,
    RelayForward,
    RelayMessage,
    ServerIdentifier,
    StatusCode,
    decode_dhcpv6,
    encode_dhcpv6,
)
from mipflow.wire.packet import UDP, Packet
from tests.flow.operated import HOME, Operated
from tests.mip6.worlds import world
from tests.oracles import tshark_complaints

S = 1_000_000_000
DUID, OURS, OTHER = b"\0\3\0\1client", b"\0\3\0\1server", b"\0\3\0\1another"
CLIENT, SERVER = ClientIdentifier(DUID), ServerIdentifier(OURS)
FIRST, SECOND = HOME.address(0xD00), HOME.address(0xD01)


class Steady(Random):
    """A random stream with always the same RAND, whose transaction ids count up."""

    def __init__(self, rand: float = 0.0) -> None:
        super().__init__(1)
        self.rand = rand
        self.numbers = count(1)

    def uniform(self, a: float, b: float) -> float:
        assert (a, b) == (-0.1, 0.1)
        return self.rand

    def getrandbits(self, k: int) -> int:
        return next(self.numbers)


# --- times (section 15) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RETRANSMISSIONS)
@pytest.mark.parametrize("rand", [-0.1, -0.03, 0.0, 0.1])
def test_waiting_times_are_those_of_the_closed_form(kind: Kind, rand: float) -> None:
    """With the same RAND r all along: IRT (1 + r) (2 + r)^n, and MRT (1 + r) from where that is above MRT."""
    first_s, most_s = {1: (1, 3600), 3: (1, 30), 5: (10, 600), 6: (10, 600), 8: (1, 0), 9: (1, 0)}[kind]
    first = first_s * (1 + (abs(rand) if kind is Kind.SOLICIT else rand))
    waited_ns, previous = 0, first
    for n in range(16):
        waited_ns = timeout_ns(kind, waited_ns, rand)
        wanted = first if n == 0 else previous * (2 + rand)
        wanted = most_s * (1 + rand) if n and 0 < most_s < wanted else wanted
        assert waited_ns == pytest.approx(wanted * S, abs=40_000 if kind in (8, 9) else 10_000)
        previous = wanted


@given(st.sampled_from(list(RETRANSMISSIONS)), st.floats(-0.1, 0.1))
def test_the_first_solicit_waits_longer_than_irt(kind: Kind, rand: float) -> None:
    """Section 18.2.1: strictly longer."""
    if kind is Kind.SOLICIT:
        assert S < timeout_ns(kind, 0, rand) <= 1.1 * S
    assert timeout_ns(kind, 0, rand) <= 1.1 * timeout_ns(kind, 0, 0) + 1


# --- the state machine -----------------------------------------------------------------------------------------------


def test_every_state_is_reached_from_the_first_and_only_the_last_has_no_way_on() -> None:
    reached = {State.SOLICITING}
    while new := {to for (state, _), to in TRANSITIONS.items() if state in reached} - reached:
        reached |= new
    assert reached == set(State)
    assert {state for state, _ in TRANSITIONS} == set(State) - {State.ENDED}
    assert {event for _, event in TRANSITIONS} == set(Event) - {Event.SEND}


def test_an_event_that_cannot_happen_is_a_misuse() -> None:
    table = LeaseTable(DUID)
    table.want(1)
    with pytest.raises(ProtocolMisuse, match="cannot happen"):
        table.step(next(iter(table)), Event.T1)


# --- a client without a network --------------------------------------------------------------------------------------


class Client:
    """A table, a clock in seconds, and the messages sent, as a shell would have them."""

    def __init__(self, start_s: int = 0) -> None:
        self.table = LeaseTable(DUID)
        self.random = Steady()
        self.now = start_s * S
        self.sent: list[tuple[float, ClientMessage]] = []
        self.changes: list[Change] = list(self.table.want(1))
        self.lease: Lease = next(iter(self.table))
        self.ended: Event | None = None

    def run_to(self, t_s: float) -> None:
        """Let everything happen that is due before or at a time."""
        end = round(t_s * S)
        while (moment := self.lease.next(True))[0] <= end:
            self.now = max(moment[0], self.now)
            self.do(moment[1])
        self.now = end

    def do(self, event: Event, **values: object) -> None:
        if event is Event.SEND:
            self.sent.append((self.now / S, self.table.send(self.lease, self.random, self.now)))
        else:
            self.changes += self.table.step(self.lease, event, **values)
            self.ended = event if self.lease.state is State.ENDED else None

    def hear(self, message: ClientMessage, fits: Callable[[Address], bool] = lambda address: address in HOME) -> None:
        lease, event, values = self.table.judge(message, fits, self.now)
        assert lease is self.lease
        if event is not None:
            self.do(event, **values)

    def answer(self, *options: DhcpOption, kind: Kind = Kind.REPLY, server: DhcpOption = SERVER) -> ClientMessage:
        """Make the answer of a server to the exchange that is under way."""
        return ClientMessage(kind, self.lease.exchange.transaction, (CLIENT, server, *options))

    @property
    def kinds(self) -> list[tuple[float, str]]:
        return [(round(t_s, 3), Kind(message.type).name) for t_s, message in self.sent]


def leased(address: Address = FIRST, t1_s: int = 30, t2_s: int = 48, preferred_s: int = 60, valid_s: int = 100,
           iaid: int = 1) -> IdentityAssociation:  # fmt: skip
    return IdentityAssociation(iaid, t1_s, t2_s, (LeasedAddress(address, preferred_s, valid_s),))


def refusal(status: DhcpStatus) -> IdentityAssociation:
    return IdentityAssociation(1, options=(StatusCode(status),))


def bound() -> Client:
    """Make a client with a lease from 2 s on: renewed at 32 s, rebound at 50 s, valid until 102 s."""
    client = Client(start_s=2)
    for kind in (Kind.ADVERTISE, Kind.REPLY):
        client.run_to(2)
        client.hear(client.answer(leased(), Preference(255), kind=kind))
    assert client.lease.state is State.BOUND
    return client


def test_the_four_messages_and_their_options() -> None:
    """Sections 18.2.1, 18.2.2: in the order in which they are asked for there."""
    client = bound()
    solicit, request = (message for _, message in client.sent)
    assert solicit == ClientMessage(
        Kind.SOLICIT, 1, (CLIENT, ElapsedTime(0), OptionRequest(b"\0\x52"), IdentityAssociation(1))
    )
    hint = IdentityAssociation(1, options=(LeasedAddress(FIRST),))
    assert request == ClientMessage(Kind.REQUEST, 2, (CLIENT, SERVER, ElapsedTime(0), OptionRequest(b"\0\x52"), hint))
    assert client.lease.row() == {
        "iaid": 1, "address": str(FIRST), "state": "leased", "t1_s": 32.0, "t2_s": 50.0, "valid_until_s": 102.0,
    }  # fmt: skip
    assert [change.after["state"] if change.after else None for change in client.changes] == [
        "looking for a server", "asking a server for it", "leased",
    ]  # fmt: skip


def test_a_silent_server_is_asked_four_times_in_15_s() -> None:
    """1 + 2 + 4 + 8; the elapsed time goes with them, the transaction id stays (sections 15, 16.1)."""
    client = Client()
    client.run_to(14.999)
    assert client.kinds == [(0, "SOLICIT"), (1, "SOLICIT"), (3, "SOLICIT"), (7, "SOLICIT")]
    assert [message.option(ElapsedTime).hundredths_s for _, message in client.sent] == [0, 100, 300, 700]
    assert {message.transaction for _, message in client.sent} == {1}
    assert client.ended is None
    why = client.lease.why(Event.FAIL)
    client.run_to(15.001)
    assert client.ended is Event.FAIL and len(client.table) == 0 and len(client.sent) == SILENT_AFTER
    assert why == "no DHCPv6 server has answered: SOLICIT was sent 4 times"


def test_a_request_is_sent_ten_times_and_then_no_more() -> None:
    """1 + 2 + 4 + 8 + 16 + 5 * 30 = 181 s (REQ_MAX_RT, REQ_MAX_RC)."""
    client = Client()
    client.run_to(0)
    client.hear(client.answer(leased(), Preference(255), kind=Kind.ADVERTISE))
    client.run_to(180.99)
    assert [t_s for t_s, kind in client.kinds if kind == "REQUEST"] == [0, 1, 3, 7, 15, 31, 61, 91, 121, 151]
    assert client.ended is None
    client.run_to(181.01)
    assert client.ended is Event.FAIL


def test_without_a_way_nothing_is_sent_and_no_silence_counts() -> None:
    client = Client()
    assert client.lease.next(False)[0] > 1 << 61 and client.lease.next(True) == (0, Event.SEND)
    client.run_to(7.01)
    assert client.lease.next(False)[0] > 1 << 61, "the fourth is under way"
    assert client.lease.next(True)[1] is Event.FAIL


def test_offers_are_collected_for_the_first_waiting_time_and_the_most_preferred_wins() -> None:
    """Sections 18.2.1, 18.2.9: of two that are preferred alike, the first."""
    client = Client()
    client.run_to(0)
    offers = (OURS, FIRST, ()), (OTHER, SECOND, (Preference(3),)), (OURS, FIRST, (Preference(3),))
    for server, address, preference in offers:
        client.hear(client.answer(leased(address), *preference, kind=Kind.ADVERTISE, server=ServerIdentifier(server)))
    client.run_to(0.99)
    assert client.kinds == [(0, "SOLICIT")]
    client.run_to(1.01)
    assert client.kinds[1:] == [(1.0, "REQUEST")]
    request = client.sent[1][1]
    assert request.option(ServerIdentifier).duid == OTHER
    assert request.option(IdentityAssociation).option(LeasedAddress).address == SECOND


def test_after_the_first_waiting_time_any_offer_is_taken_at_once() -> None:
    client = Client()
    client.run_to(1.5)
    client.hear(client.answer(leased(), kind=Kind.ADVERTISE))
    client.run_to(1.5)
    assert client.kinds == [(0, "SOLICIT"), (1.0, "SOLICIT"), (1.5, "REQUEST")]


def test_no_address_left_is_a_refusal_once_no_other_server_can_have_one() -> None:
    none = refusal(DhcpStatus.NO_ADDRESSES_AVAILABLE)
    client = Client()
    client.run_to(0)
    client.hear(client.answer(none, kind=Kind.ADVERTISE))
    client.run_to(0.99)
    assert client.ended is None
    assert client.lease.why(Event.REFUSE) == "the DHCPv6 server has no address left"
    client.run_to(1.01)
    assert client.ended is Event.REFUSE and client.kinds == [(0, "SOLICIT")]

    client = Client()
    client.run_to(0)
    client.hear(client.answer(none, kind=Kind.ADVERTISE))
    client.hear(client.answer(leased(), kind=Kind.ADVERTISE, server=ServerIdentifier(OTHER)))
    client.run_to(1.01)
    assert client.lease.state is State.REQUESTING
    client.hear(client.answer(none, server=ServerIdentifier(OTHER)))
    assert client.ended is Event.REFUSE, "in a REPLY at once"

    client = Client()
    client.run_to(2)
    client.hear(client.answer(none, kind=Kind.ADVERTISE))
    assert client.ended is Event.REFUSE, "after the first time too"


def test_renew_at_t1_rebind_at_t2_and_the_end_with_the_valid_lifetime() -> None:
    """RENEW at 32 and 42 s, the next would come at 62, after T2; REBIND at 50, 60, 80; over at 102 (18.2.4, 18.2.5)."""
    client = bound()
    client.run_to(101.99)
    assert client.kinds[2:] == [
        (32, "RENEW"), (42, "RENEW"), (50, "REBIND"), (60, "REBIND"), (80, "REBIND"),
    ]  # fmt: skip
    renew, rebind = client.sent[2][1], client.sent[4][1]
    assert renew.option(ServerIdentifier) == SERVER and rebind.option(ServerIdentifier) is None
    assert rebind.option(IdentityAssociation).option(LeasedAddress).address == FIRST
    assert len({message.transaction for _, message in client.sent}) == 4, "one for each exchange"
    assert client.ended is None
    client.run_to(102)
    assert client.ended is Event.EXPIRE and len(client.table) == 0


def test_a_reply_extends_the_lease_from_when_it_came() -> None:
    client = bound()
    client.run_to(33)
    client.hear(client.answer(leased()))
    assert client.lease.row() | {"state": "leased", "t1_s": 63.0, "t2_s": 81.0, "valid_until_s": 133.0} == (
        client.lease.row()
    )
    client.run_to(81.5)
    client.hear(client.answer(leased(), server=ServerIdentifier(OTHER)))
    assert client.lease.state is State.BOUND and client.lease.server == OTHER, "a REBIND is anybody's to answer"


@pytest.mark.parametrize(
    ("t1_s", "t2_s", "preferred_s", "wanted"),
    [
        (0, 0, 60, (32, 50)), (0, 20, 60, (32, 22)), (10, 0, 60, (12, 50)), (0, 0, 0, (3, 3)),
        (0xFFFFFFFF, 0xFFFFFFFF, 60, None),
    ],
)  # fmt: skip
def test_times_that_the_server_leaves_to_the_client(
    t1_s: int, t2_s: int, preferred_s: int, wanted: tuple[int, int] | None
) -> None:
    """Section 21.4: 0.5 and 0.8 of the preferred lifetime; all ones is never."""
    client = Client()
    client.run_to(0)
    client.hear(client.answer(leased(), Preference(255), kind=Kind.ADVERTISE))
    client.run_to(2)
    client.hear(client.answer(leased(t1_s=t1_s, t2_s=t2_s, preferred_s=preferred_s)))
    if wanted is None:
        assert client.lease.next(True) == (102 * S, Event.EXPIRE)
    else:
        assert (client.lease.t1_ns, client.lease.t2_ns) == tuple(t_s * S for t_s in wanted)


def test_a_lease_for_ever_is_never_renewed() -> None:
    forever = 0xFFFFFFFF
    client = bound()
    client.run_to(33)
    client.hear(client.answer(leased(t1_s=forever, t2_s=forever, preferred_s=forever, valid_s=forever)))
    sent = len(client.sent)
    client.run_to(10**9)
    assert len(client.sent) == sent and client.lease.state is State.BOUND


def test_a_server_that_does_not_know_a_lease_is_asked_for_it_anew() -> None:
    """Section 18.2.10.1: by a REQUEST, of the server that answered; the lease goes on meanwhile."""
    client = bound()
    client.run_to(51)
    client.hear(client.answer(refusal(DhcpStatus.NO_BINDING), server=ServerIdentifier(OTHER)))
    client.run_to(51)
    _, request = client.sent[-1]
    assert request.type == Kind.REQUEST and request.option(ServerIdentifier).duid == OTHER
    assert request.option(IdentityAssociation).option(LeasedAddress).address == FIRST
    assert client.lease.until_ns == 102 * S
    client.run_to(102)
    assert client.ended is Event.EXPIRE


def test_a_valid_lifetime_of_zero_ends_the_lease() -> None:
    client = bound()
    client.run_to(33)
    why = client.lease.why(Event.REFUSE)
    client.hear(client.answer(leased(preferred_s=0, valid_s=0)))
    assert client.ended is Event.REFUSE and why == "the DHCPv6 server has ended it"


@pytest.mark.parametrize(("event", "kind"), [(Event.FREE, "RELEASE"), (Event.COLLIDE, "DECLINE")])
def test_release_and_decline_go_out_four_times_at_most_and_any_answer_will_do(event: Event, kind: str) -> None:
    """1 + 2 + 4 + 8 s (REL_MAX_RC, DEC_MAX_RC); section 18.2.10.2."""
    client = bound()
    client.do(event)
    client.run_to(16.99)
    assert client.kinds[2:] == [(2, kind), (3, kind), (5, kind), (9, kind)]
    last = client.sent[-1][1]
    assert last.options == (
        CLIENT, SERVER, ElapsedTime(700), IdentityAssociation(1, options=(LeasedAddress(FIRST),)),
    )  # fmt: skip
    client.run_to(17)
    assert client.ended is Event.FAIL and len(client.table) == 0

    client = bound()
    client.do(event)
    client.run_to(2)
    client.hear(client.answer(refusal(DhcpStatus.NO_BINDING)))
    assert client.ended is Event.CONFIRM


def test_the_elapsed_time_stops_at_what_its_field_can_hold() -> None:
    """Section 21.9: 0xffff hundredths of a second and anything longer."""
    client = bound()
    client.run_to(30)
    client.do(Event.T1)
    client.lease.t2_ns = client.lease.until_ns = 10_000 * S
    client.run_to(1300)
    elapsed = [message.option(ElapsedTime).hundredths_s for _, message in client.sent[2:]]
    assert elapsed[:3] == [0, 1000, 3000] and elapsed[-1] == 0xFFFF


# --- what is not believed --------------------------------------------------------------------------------------------


def soliciting() -> Client:
    client = Client()
    client.run_to(0)
    return client


def requesting() -> Client:
    client = soliciting()
    client.hear(client.answer(leased(), Preference(255), kind=Kind.ADVERTISE))
    client.run_to(0)
    return client


def renewing() -> Client:
    client = bound()
    client.run_to(32)
    return client


def rebinding() -> Client:
    client = bound()
    client.run_to(50)
    return client


@pytest.mark.parametrize(
    ("make", "change", "reason"),
    [
        (soliciting, {"type": Kind.REPLY}, "REPLY, which is no answer to SOLICIT"),
        (soliciting, {"type": Kind.SOLICIT}, "not from a server"),
        (soliciting, {"transaction": 77}, "transaction id"),
        (soliciting, {"options": (SERVER, leased())}, "another client"),
        (soliciting, {"options": (ClientIdentifier(OTHER), SERVER, leased())}, "another client"),
        (soliciting, {"options": (CLIENT, leased())}, "not from the server"),
        (soliciting, {"options": (CLIENT, SERVER)}, "without an address"),
        (soliciting, {"options": (CLIENT, SERVER, leased(iaid=2))}, "without an address"),
        (soliciting, {"options": (CLIENT, SERVER, leased(), StatusCode(1))}, "status 1"),
        (soliciting, {"options": (CLIENT, SERVER, leased(t1_s=49))}, "T1 after T2"),
        (soliciting, {"options": (CLIENT, SERVER, leased(preferred_s=101))}, "longer than valid"),
        (soliciting, {"options": (CLIENT, SERVER, leased(Address("2001:db8:1::1")))}, "cannot be leased"),
        (requesting, {"type": Kind.ADVERTISE}, "ADVERTISE, which is no answer to REQUEST"),
        (requesting, {"options": (CLIENT, ServerIdentifier(OTHER), leased())}, "not from the server"),
        (requesting, {"options": (CLIENT, SERVER, refusal(DhcpStatus.NO_BINDING))}, "status 3"),
        (renewing, {"options": (CLIENT, SERVER, leased(SECOND))}, "cannot be leased"),
        (renewing, {"options": (CLIENT, SERVER, refusal(DhcpStatus.NO_ADDRESSES_AVAILABLE))}, "status 2"),
        (rebinding, {"options": (CLIENT, leased())}, "not from the server"),
    ],
)
def test_answers_that_do_not_fit_change_nothing(
    make: Callable[[], Client], change: dict[str, object], reason: str
) -> None:
    """Sections 16.3, 16.10, 18.2.9, 18.2.10, 21.4, 21.6."""
    client = make()
    kind = Kind.ADVERTISE if make is soliciting else Kind.REPLY
    good = client.answer(leased(), kind=kind)
    bad = ClientMessage(**{**vars(good), **change})  # type: ignore[arg-type]
    before = client.lease.row(), len(client.changes), client.lease.exchange
    with pytest.raises(WireError, match=reason):
        client.hear(bad)
    assert (client.lease.row(), len(client.changes), client.lease.exchange) == before
    client.hear(good)
    client.run_to(client.now / S + 1.2)
    assert client.lease.state is (State.REQUESTING if make is soliciting else State.BOUND), "the good one does"


def test_a_message_of_no_server_is_refused() -> None:
    client = soliciting()
    with pytest.raises(WireError, match="not from a server"):
        client.hear(RelayForward(0, FIRST, FIRST))  # type: ignore[arg-type]


def test_an_answer_that_comes_twice_counts_once() -> None:
    client = renewing()
    answer = client.answer(leased())
    client.hear(answer)
    client.run_to(40)
    with pytest.raises(WireError, match="transaction id"):
        client.hear(answer)
    assert client.lease.t1_ns == 62 * S


# --- two ends over a bad network -------------------------------------------------------------------------------------


class TwoEnds:
    """Several leases of a client and a real server; each message is lost, doubled or late as `faults` says."""

    LATE_S = 3.0

    def __init__(self, seed: int, faults: Random, addresses: int) -> None:
        self.table, self.random, self.faults = LeaseTable(DUID), Random(seed), faults
        self.server = Leases(OURS, HOME, 0xD00, addresses, preferred_s=60, valid_s=100)
        self.now, self.is_bad = 0, True
        self.mail: list[tuple[int, int, bool, ClientMessage]] = []
        self.order = count()

    def post(self, to_server: bool, message: ClientMessage) -> None:
        for _ in range(self.faults.choice([0, 1, 1, 2]) if self.is_bad else 1):
            late = self.faults.uniform(0, self.LATE_S) if self.is_bad else 0.01
            heappush(self.mail, (self.now + round(late * S), next(self.order), to_server, message))

    def step(self, lease: Lease, event: Event, **values: object) -> None:
        if event is Event.SEND:
            self.post(True, self.table.send(lease, self.random, self.now))
        else:
            self.table.step(lease, event, **values)

    def run_to(self, t_s: float) -> None:
        end = round(t_s * S)
        while True:
            dues = [(*lease.next(True), lease) for lease in self.table]
            due = min(dues, key=lambda each: each[0], default=None)
            if self.mail and (due is None or self.mail[0][0] <= due[0]):
                if self.mail[0][0] > end:
                    break
                t_ns, _, to_server, message = heappop(self.mail)
                self.now = max(self.now, t_ns)
                self.deliver(to_server, message)
            elif due is not None and due[0] <= end:
                self.now = max(self.now, due[0])
                self.step(due[2], due[1])
            else:
                break
            self.check()
        self.now = end

    def deliver(self, to_server: bool, message: ClientMessage) -> None:
        if to_server:
            answer = self.server.answer(message, self.now)
            if answer is not None:
                self.post(False, answer)
            return
        try:
            lease, event, values = self.table.judge(message, lambda address: address in HOME, self.now)
        except WireError:
            return
        if event is not None:
            self.step(lease, event, **values)

    def check(self) -> None:
        """Check that the server keeps each address that the client uses, but for the time an answer is under way."""
        used = [lease for lease in self.table if lease.until_ns > self.now and lease.state not in ENDING]
        assert len({lease.address for lease in used}) == len(used)
        for lease in used:
            held = self.server.leases.get((DUID, lease.iaid))
            assert held is not None and held.address == lease.address
            assert lease.until_ns <= held.until_ns + round(self.LATE_S * S)


ENDING = (State.RELEASING, State.DECLINING)


@given(st.integers(0, 1 << 32), st.randoms(use_true_random=False), st.integers(1, 4))
def test_two_ends_agree_whatever_becomes_of_the_messages(seed: int, faults: Random, wanted: int) -> None:
    """While the network is bad nothing is used that the server has not leased; afterwards both say the same."""
    ends = TwoEnds(seed, faults, addresses=3)
    for iaid in range(1, wanted + 1):
        ends.table.want(iaid)
    ends.run_to(faults.uniform(0, 90))
    for lease in list(ends.table):
        if lease.address is not None and lease.state not in ENDING and faults.random() < 0.3:
            ends.step(lease, faults.choice([Event.FREE, Event.COLLIDE]))
    ends.run_to(faults.uniform(90, 150))
    ends.is_bad = False
    ends.run_to(600)
    held = {lease.iaid: (lease.address, lease.until_ns) for lease in ends.table}
    kept = {iaid: (lease.address, lease.until_ns) for (_, iaid), lease in ends.server.leases.items()}
    kept = {iaid: (address, until) for iaid, (address, until) in kept.items() if until > ends.now}
    assert {iaid: address for iaid, (address, _) in held.items()} == {i: address for i, (address, _) in kept.items()}
    assert all(lease.state is State.BOUND or lease.state is State.RENEWING for lease in ends.table)


# --- on a mobile node that is away -----------------------------------------------------------------------------------


class Leased:
    """A mobile node, a home agent that relays, and a DHCPv6 server on the home link."""

    def __init__(self, size: int = 3, preferred_s: int = 60, valid_s: int = 100, run_s: float = 4) -> None:
        self.world = Operated(adapted=False)
        leases = Leases(OURS, HOME, 0xD00, size, preferred_s, valid_s)
        self.server = Dhcpv6Server(self.world.network, "DHCP", 5.0, 2.4, leases=leases)
        self.server.settle(self.world.home, 0x99)
        self.world.ha.home.relay = Dhcpv6Relay(self.world.ha, self.server.address)
        self.ended: list[tuple[Address, str]] = []
        self.mn = self.world.mn
        self.mn.lease_ended = lambda address, why: self.ended.append((address, why))  # type: ignore[attr-defined]
        self.client = Dhcpv6Allocation(self.mn)  # type: ignore[arg-type]
        self.got: list[Address] = []
        self.refused: list[tuple[float, str]] = []
        self.run(run_s)

    @property
    def now_s(self) -> float:
        return self.world.network.clock.now / S

    def run(self, seconds: float) -> None:
        self.world.network.run_until(self.world.network.clock.now + round(seconds * S))

    def ask(self) -> None:
        self.client.allocate(self.got.append, lambda why: self.refused.append((self.now_s, why)))

    def said(self) -> list[tuple[float, str]]:
        """Return the types of the client's messages with the times when they left."""
        found = []
        for hop in self.world.trace:
            inner = hop.packet.innermost()
            if hop.channel.sender == "MN" and isinstance(inner.payload, UDP) and inner.payload.destination_port == 547:
                found.append((round(hop.sent_ns / S, 3), Kind(decode_dhcpv6(inner.payload.payload).type).name))
        return found

    def drops(self, node: str = "MN") -> list[str]:
        return [drop.reason for drop in self.world.trace.drops() if drop.node == node]


def test_an_address_comes_through_the_tunnel_is_kept_and_goes_back() -> None:
    leased = Leased()
    leased.ask()
    leased.run(0.5)
    assert leased.got == [FIRST] and leased.said() == [(4, "SOLICIT"), (4.04, "REQUEST")]
    leased.run(600)
    kinds = [kind for _, kind in leased.said()]
    assert set(kinds[2:]) == {"RENEW"} and len(kinds) > 15 and leased.ended == []
    ((key, held),) = leased.server.leases.leases.items()
    assert held.address == FIRST and key[0][:4] == b"\0\3\0\1"
    leased.client.free(FIRST)
    leased.run(0.5)
    assert leased.said()[-1][1] == "RELEASE" and not leased.server.leases.leases and leased.ended == []
    assert len(leased.client.leases) == 0
    leased.run(200)
    assert leased.said()[-1][1] == "RELEASE" and leased.drops() == []


def test_the_duid_is_made_of_the_link_layer_address() -> None:
    """Section 11.4: type 3, Ethernet, the six octets of the interface."""
    leased = Leased()
    (interface,) = leased.mn.interfaces.values()
    assert leased.client.leases.client.duid == b"\0\3\0\1" + interface.link_layer_address


def test_a_lease_and_its_extension_stand_in_the_trace() -> None:
    leased = Leased()
    leased.ask()
    leased.run(33)
    rows = [c.change.after for c in leased.world.trace.changes() if c.change.table == "DHCPv6 leases"]
    assert [row["state"] for row in rows if row] == [
        "looking for a server", "asking a server for it", "leased", "leased, asking its server for more time", "leased",
    ]  # fmt: skip
    granted, extended = rows[2], rows[4]
    assert granted is not None and extended is not None
    assert granted["valid_until_s"] == pytest.approx(104.08) and extended["valid_until_s"] == pytest.approx(134.12)
    assert (granted["t1_s"], granted["t2_s"]) == (pytest.approx(34.08), pytest.approx(52.08))


def test_several_requests_get_an_address_each_and_the_last_is_told_that_none_is_left() -> None:
    leased = Leased(size=2)
    for _ in range(3):
        leased.ask()
    leased.run(0.5)
    assert leased.got == [FIRST, SECOND]
    leased.run(2)
    ((_, why),) = leased.refused
    assert why == "the DHCPv6 server has no address left" and len(leased.client.leases) == 2


def test_a_silent_server_is_given_up_after_about_15_s_and_a_later_request_begins_anew() -> None:
    leased = Leased()
    leased.server.interfaces["eth0"].set_up(False)
    leased.ask()
    leased.run(30)
    ((t_s, why),) = leased.refused
    assert 4 + 15 * 0.7 < t_s < 4 + 15 * 1.4
    assert why == "no DHCPv6 server has answered: SOLICIT was sent 4 times"
    assert [kind for _, kind in leased.said()] == ["SOLICIT"] * 4 and len(leased.client.leases) == 0
    leased.server.interfaces["eth0"].set_up(True)
    leased.run(100)
    assert len(leased.said()) == 4, "the client has stopped"
    leased.ask()
    leased.run(0.5)
    assert leased.got == [FIRST]


def test_requests_wait_for_the_tunnel_and_leave_with_it() -> None:
    leased = Leased(run_s=0)
    leased.ask()
    leased.run(0.5)
    assert leased.said() == [], "not even registered"
    leased.run(6)
    assert leased.got == [FIRST] and len(leased.said()) == 2


def test_a_waiting_message_leaves_with_word_of_the_tunnel_or_within_a_second() -> None:
    leased = Leased()
    (interface,) = leased.mn.interfaces.values()
    interface.set_up(False)
    leased.ask()
    leased.run(100)
    assert leased.refused == [] and leased.said() == []
    interface.set_up(True)
    leased.client.primary_bound()
    leased.run(0.001)
    assert [kind for _, kind in leased.said()] == ["SOLICIT"]
    interface.set_up(False)
    leased.run(200.25)
    assert len(leased.said()) == 1 and leased.refused == []
    interface.set_up(True)
    leased.run(LOOK_AGAIN_NS / S + 2.2)
    assert len(leased.said()) > 1 and leased.got == [FIRST]


def test_a_lease_ends_where_nobody_extends_it() -> None:
    leased = Leased()
    leased.ask()
    leased.run(1)
    leased.server.interfaces["eth0"].set_up(False)
    leased.run(102)
    ((address, why),) = leased.ended
    assert address == FIRST and why == "its valid lifetime is over, and no DHCPv6 server has extended it"
    assert {kind for _, kind in leased.said()} == {"SOLICIT", "REQUEST", "RENEW", "REBIND"}
    leased.client.free(FIRST)  # what a node does next finds nothing to give back
    leased.run(1)
    assert "RELEASE" not in {kind for _, kind in leased.said()}


def test_an_address_that_somebody_has_is_declined_and_not_given_again() -> None:
    leased = Leased()
    leased.ask()
    leased.run(1)
    leased.client.collided(FIRST)
    leased.ask()
    leased.run(1)
    assert leased.got == [FIRST, SECOND] and leased.server.leases.declined == {FIRST}
    assert leased.ended == [] and [kind for _, kind in leased.said()].count("DECLINE") == 1


def test_a_release_that_gets_lost_is_sent_again() -> None:
    leased = Leased(valid_s=1000)
    leased.ask()
    leased.run(1)
    leased.server.interfaces["eth0"].set_up(False)
    leased.client.free(FIRST)
    leased.run(2)
    leased.server.interfaces["eth0"].set_up(True)
    leased.run(10)
    assert 1 < [kind for _, kind in leased.said()].count("RELEASE") < 4
    assert not leased.server.leases.leases and len(leased.client.leases) == 0


def test_callbacks_may_ask_and_free_at_once() -> None:
    leased = Leased(size=1)
    first: list[Address] = []

    def granted(address: Address) -> None:
        first.append(address)
        leased.client.free(address)
        leased.ask()

    leased.client.allocate(granted, lambda why: leased.ask())
    leased.run(3)
    assert first == [FIRST]
    assert leased.got == [FIRST] or leased.refused, "one of the two, never nothing"


def test_a_lease_lives_on_at_home() -> None:
    """At home the client sends on the link, and the server on the link answers itself."""
    leased = Leased()
    leased.ask()
    leased.run(5)
    leased.mn.visit("wlan0", leased.world.home)
    leased.run(300)
    assert leased.mn.primary_home_address in leased.mn.addresses
    assert leased.ended == [] and len(leased.client.leases) == 1
    assert {kind for _, kind in leased.said()[2:]} == {"RENEW"}
    assert leased.drops("HA") == []


def test_an_answer_outside_the_tunnel_is_not_believed() -> None:
    """Anybody on the visited link could say that an address is leased."""
    leased = Leased()
    leased.server.interfaces["eth0"].set_up(False)
    leased.ask()
    leased.run(0.5)
    (lease,) = leased.client.leases
    offer = ClientMessage(Kind.ADVERTISE, lease.exchange.transaction, (
        leased.client.leases.client, SERVER, Preference(255),
        IdentityAssociation(1, options=(LeasedAddress(SECOND, 60, 100),)),
    ))  # fmt: skip
    (interface,) = leased.mn.interfaces.values()
    packet = Packet(Address("fe80::bad"), interface.link_local, UDP(547, 546, encode_dhcpv6(offer)))
    leased.mn.local(packet, interface)
    leased.mn.local(Packet(Address("fe80::bad"), interface.link_local, UDP(547, 546, b"\7")), interface)
    assert leased.drops() == ["DHCPv6 that does not come from the home link"] * 2
    tunnel = Packet(leased.world.ha.home_agent_address, interface.addresses[0], packet)
    bad = Packet(Address("fe80::1"), interface.link_local, UDP(547, 546, b"\7"))
    leased.mn.local(bad, interface, tunnel)
    assert leased.drops()[2:] == ["a DHCPv6 message of 1 octets; expected at least 4"]
    assert lease.state is State.SOLICITING
    leased.mn.local(packet, interface, tunnel)
    assert lease.state is State.REQUESTING


@pytest.mark.parametrize("wrong", ["2001:db8:999::1", "2001:db8:100::10", "2001:db8:100::"])
def test_addresses_that_cannot_be_home_addresses_are_refused(wrong: str) -> None:
    """Of another prefix, the primary home address, an anycast address."""
    leased = Leased()
    leased.server.leases.pool[:] = [Address(wrong)]
    leased.ask()
    leased.run(25)
    assert leased.got == [] and len(leased.refused) == 1
    assert leased.drops() == [f"DHCPv6 with {wrong}, which cannot be leased as a home address here"] * 4


def test_flows_of_the_real_mobile_node_get_their_home_addresses_by_dhcpv6() -> None:
    """Somebody has the second address of the pool: the home agent finds out, and the flow gets the third."""
    made = world(wire=True)
    home = made.network.segments["home"]
    server = Dhcpv6Server(made.network, "DHCP", 5.0, 2.4, leases=Leases(OURS, HOME, 0xD00, 3, 60, 100))
    server.settle(home, 0x99)
    Host(made.network, "squatter", 5.0, 1.0).settle(home, 0xD01)
    made.ha.home.relay = Dhcpv6Relay(made.ha, server.address)
    made.mn.pool.allocation = Dhcpv6Allocation(made.mn)
    flows = [made.mn.open(made.cn1, mf.apps.Voice()) for _ in range(3)]
    made.run(140)
    assert [flow.home_address for flow in flows] == [made.mn.primary_home_address, FIRST, HOME.address(0xD02)]
    assert {lease.address for lease in server.leases.leases.values()} == {FIRST, HOME.address(0xD02)}
    assert server.leases.declined == {SECOND}
    for flow in flows:
        made.mn.close(flow)
    made.run(5)
    assert not server.leases.leases


def test_the_same_seed_gives_the_same_trace() -> None:
    def digest() -> str:
        leased = Leased()
        leased.ask()
        leased.run(120)
        return leased.world.trace.digest()

    assert digest() == digest()


def test_tshark_reads_every_message_and_finds_nothing_wrong(tmp_path: Path, tshark: str) -> None:
    leased = Leased(size=2)
    for _ in range(3):
        leased.ask()
    leased.run(40)
    leased.client.free(FIRST)
    leased.client.collided(SECOND)
    leased.run(1)
    leased.server.interfaces["eth0"].set_up(False)
    path = tmp_path / "client.pcap"
    hops = [(hop.sent_ns, hop.packet) for hop in leased.world.trace if hop.channel.sender in ("MN", "HA", "DHCP")]
    capture.write(path, hops)
    assert tshark_complaints(path, tshark) == []
    fields = ("dhcpv6.msgtype", "dhcpv6.iaid", "dhcpv6.elapsed_time", "dhcpv6.requested_option_code")
    asked = [tshark, "-n", "-r", str(path), "-Y", "dhcpv6 && ipv6.dst == ff02::1:2", "-T", "fields"]
    asked += [part for name in fields for part in ("-e", name)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {row[0] for row in rows} == {"1", "3", "5", "8", "9"}
    assert {row[3] for row in rows if row[0] in ("1", "3", "5")} == {"82"}
    assert {row[3] for row in rows if row[0] in ("8", "9")} == {""}
    assert {int(row[1], 16) for row in rows} == {1, 2, 3}
    said = [message for _, packet in hops if isinstance(packet.innermost().payload, UDP)
            for message in [decode_dhcpv6(packet.innermost().payload.payload)]]  # fmt: skip
    assert any(isinstance(message, RelayForward) and message.option(RelayMessage) for message in said)
