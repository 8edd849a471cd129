"""The DHCPv6 client of a mobile node, for further home addresses (the patent, page 9; RFC 6275 section 10.4.4).

`LeaseTable` is pure: it takes `now`, answers and a random stream, and gives messages and changes. The shell around it,
`Dhcpv6Allocation`, sends through the tunnel of the primary home address, where the home agent relays; at home it sends
on the link. Each home address is an identity association of its own, so each lease has exchanges of its own; the mobile
node has one DUID. Sections are those of RFC 8415.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import TYPE_CHECKING, Any

from mipflow.errors import WireError
from mipflow.flow.bindings.stateless import Allocation, Granted, Refused
from mipflow.mip6.bindings.table import Entry, Table, follow
from mipflow.node.lifetimes import FOREVER_NS, end_ns
from mipflow.sim.clock import NS_PER_S, Timer
from mipflow.sim.trace import Change
from mipflow.wire import dhcpv6
from mipflow.wire.address import Address, Prefix
from mipflow.wire.dhcpv6 import DhcpStatus, Kind
from mipflow.wire.packet import UDP, Packet

if TYPE_CHECKING:
    from mipflow.flow.mobile_node import FlowMobileNode
    from mipflow.node.interface import Interface
    from mipflow.node.node import Arrival

SILENT_AFTER = 4
"""SOLICITs without an answer, about 15 s, after which a request is refused; section 18.2.1 leaves the number open."""
WANTED = dhcpv6.OptionRequest(b"\0\x52")
"""The option SOL_MAX_RT, which must be asked for (section 18.2.1); with 60 s or more SILENT_AFTER comes first."""
SUCCESS = dhcpv6.StatusCode(DhcpStatus.SUCCESS)
"""The status of an answer that names none (section 21.13)."""
DUID_LL = b"\0\3\0\1"
"""The beginning of a DUID that is made of an Ethernet's link-layer address (section 11.4)."""
RAND = 0.1
LOOK_AGAIN_NS = NS_PER_S
"""How often to look for a way that a message waits for: an interface that is up again needs no new binding."""

Fits = Callable[[Address], bool]


class State(Enum):
    """The state of the lease of one home address."""

    SOLICITING = "looking for a server"
    REQUESTING = "asking a server for it"
    BOUND = "leased"
    RENEWING = "leased, asking its server for more time"
    REBINDING = "leased, asking any server for more time"
    RELEASING = "giving it back"
    DECLINING = "reporting that somebody else has it"
    ENDED = "ended"


class Event(Enum):
    """The events of a lease. SEND is a message that leaves, for the first time or again; it changes no state."""

    SEND = "a message leaves"
    OFFER = "advertised"
    GRANT = "given or extended"
    UNKNOWN = "its server does not know it"
    REFUSE = "refused"
    FAIL = "no answer, however often it was sent"
    T1 = "time to renew"
    T2 = "time to rebind"
    EXPIRE = "valid lifetime over"
    FREE = "no longer wanted"
    COLLIDE = "somebody else has it"
    CONFIRM = "the server knows of it"


_HELD = {Event.EXPIRE: State.ENDED, Event.FREE: State.RELEASING, Event.COLLIDE: State.DECLINING}
_ASKED = {**_HELD, Event.GRANT: State.BOUND, Event.REFUSE: State.ENDED}
_LEAVING = {Event.CONFIRM: State.ENDED, Event.FAIL: State.ENDED, Event.EXPIRE: State.ENDED}
_FOLLOWING = {
    State.SOLICITING: {Event.OFFER: State.REQUESTING, Event.REFUSE: State.ENDED, Event.FAIL: State.ENDED},
    State.REQUESTING: {**_ASKED, Event.FAIL: State.ENDED},
    State.BOUND: {**_HELD, Event.T1: State.RENEWING, Event.T2: State.REBINDING},
    State.RENEWING: {**_ASKED, Event.UNKNOWN: State.REQUESTING, Event.T2: State.REBINDING},
    State.REBINDING: {**_ASKED, Event.UNKNOWN: State.REQUESTING},
    State.RELEASING: _LEAVING,
    State.DECLINING: _LEAVING,
}
TRANSITIONS = {(state, event): following for state, row in _FOLLOWING.items() for event, following in row.items()}
"""The state machine of a lease (section 18.2). It begins at SOLICITING; at ENDED its line is removed."""

KINDS = {
    State.SOLICITING: Kind.SOLICIT, State.REQUESTING: Kind.REQUEST, State.RENEWING: Kind.RENEW,
    State.REBINDING: Kind.REBIND, State.RELEASING: Kind.RELEASE, State.DECLINING: Kind.DECLINE,
}  # fmt: skip
"""The type of message that is sent in a state."""
TO_ANY_SERVER = (Kind.SOLICIT, Kind.REBIND)
NEW, LEAVING = (State.SOLICITING, State.REQUESTING), (State.RELEASING, State.DECLINING)
RETRANSMISSIONS = {
    Kind.SOLICIT: (1, 3600, SILENT_AFTER), Kind.REQUEST: (1, 30, 10), Kind.RENEW: (10, 600, 0),
    Kind.REBIND: (10, 600, 0), Kind.RELEASE: (1, 0, 4), Kind.DECLINE: (1, 0, 4),
}  # fmt: skip
"""IRT and MRT in seconds, and MRC, of section 7.6; 0 for no limit. RENEW ends at T2, REBIND with the lease (MRD)."""


def timeout_ns(kind: Kind, previous_ns: int, rand: float) -> int:
    """Return how long to wait for an answer, in nanoseconds (section 15).

    previous_ns: the wait before this one, 0 for the first; rand: from -0.1 to 0.1. After the first SOLICIT the wait is
    longer than IRT (section 18.2.1).
    """
    first_ns, most_ns = (limit_s * NS_PER_S for limit_s in RETRANSMISSIONS[kind][:2])
    if not previous_ns:
        return round(first_ns * (1 + (max(abs(rand), 1e-9) if kind is Kind.SOLICIT else rand)))
    following = round(previous_ns * (2 + rand))
    return round(most_ns * (1 + rand)) if 0 < most_ns < following else following


@dataclass(slots=True)
class Exchange:
    """A message and its retransmissions; at `due_ns` the wait for an answer is over."""

    transaction: int = -1
    began_ns: int = 0
    sent: int = 0
    timeout_ns: int = 0
    due_ns: int = 0
    offer: tuple[int, bytes, Address] | None = None
    """The most preferred offer so far: preference, DUID of the server, address."""
    is_exhausted: bool = False
    """True once a server has said that it has no address left."""


@dataclass(slots=True)
class Lease(Entry):
    """One line: an identity association `iaid`, its home address once that is leased, and times in nanoseconds."""

    columns = "iaid address state".split()
    iaid: int
    state: State = State.SOLICITING
    address: Address | None = None
    offered: Address | None = None
    """The address to ask for while nothing is leased."""
    server: bytes = b""
    """DUID of the server that leased it, or is to."""
    t1_ns: int = 0
    t2_ns: int = 0
    until_ns: int = 0
    exchange: Exchange = field(default_factory=Exchange)

    def row(self) -> dict[str, object]:
        """Return plain named values; the times of renewing, rebinding and the end are in seconds, 0 without a lease."""
        times = {"t1_s": self.t1_ns, "t2_s": self.t2_ns, "valid_until_s": self.until_ns}
        return Entry.row(self) | {name: round(t_ns / NS_PER_S, 3) for name, t_ns in times.items()}

    def next(self, has_way: bool) -> tuple[int, Event]:
        """Return when the next event happens, in nanoseconds, and the event.

        Without a way to the server nothing is sent, and silence does not count.
        """
        moments, exchange = [(FOREVER_NS, Event.EXPIRE)], self.exchange
        if self.address is not None:
            ends = (self.until_ns, Event.EXPIRE), (self.t2_ns, Event.T2), (self.t1_ns, Event.T1)
            moments += [moment for moment in ends if (self.state, moment[1]) in TRANSITIONS]
        if has_way and self.state in KINDS:
            is_over = exchange.sent == RETRANSMISSIONS[KINDS[self.state]][2] > 0
            unanswered = Event.REFUSE if exchange.is_exhausted else Event.FAIL if is_over else Event.SEND
            moments.append((exchange.due_ns, Event.OFFER if exchange.offer else unanswered))
        return min(moments, key=lambda moment: moment[0])

    def why(self, event: Event) -> str:
        """Say why a lease, or a request for one, ends with an event."""
        if event is Event.REFUSE:
            return "the DHCPv6 server has no address left" if self.state in NEW else "the DHCPv6 server has ended it"
        if event is Event.FAIL:
            return f"no DHCPv6 server has answered: {KINDS[self.state].name} was sent {self.exchange.sent} times"
        return "its valid lifetime is over, and no DHCPv6 server has extended it"


class LeaseTable(Table[int, Lease]):
    """The leases of one mobile node, by the number of their identity association. Iterates over its entries."""

    name = "DHCPv6 leases"

    def __init__(self, duid: bytes) -> None:
        super().__init__()
        self.client = dhcpv6.ClientIdentifier(duid)

    def of(self, address: Address) -> Lease | None:
        """Return the lease of an address, or None."""
        return next((lease for lease in self if lease.address == address), None)

    def want(self, iaid: int) -> list[Change]:
        """Enter a line for one more address; the number must be new, or a late answer could be taken for it."""
        return self._put(iaid, Lease(iaid))

    def step(self, lease: Lease, event: Event, **values: object) -> list[Change]:
        """Take one transition of the state machine, set fields of the lease with it, and begin a new exchange.

        Raises ProtocolMisuse for an event that the table does not know in this state.
        """
        following = follow(TRANSITIONS, lease.state, event, "a lease")
        if event is Event.OFFER and lease.exchange.offer:
            _, lease.server, lease.offered = lease.exchange.offer
        lease.exchange = Exchange()
        changes = self._set(lease.iaid, lease, state=following, **values)
        return changes + (self._take(lease.iaid) if following is State.ENDED else [])

    def send(self, lease: Lease, random: Random, now: int) -> dhcpv6.ClientMessage:
        """Build the message that a lease has to send now, first or again (sections 15, 18.2.1 to 18.2.8)."""
        exchange, kind, address = lease.exchange, KINDS[lease.state], lease.address or lease.offered
        if not exchange.sent:
            exchange.transaction, exchange.began_ns = random.getrandbits(24), now
        exchange.sent += 1
        exchange.timeout_ns = timeout_ns(kind, exchange.timeout_ns, random.uniform(-RAND, RAND))
        exchange.due_ns = now + exchange.timeout_ns
        elapsed = dhcpv6.ElapsedTime(min((now - exchange.began_ns) * 100 // NS_PER_S, 0xFFFF))
        server = () if kind in TO_ANY_SERVER else (dhcpv6.ServerIdentifier(lease.server),)
        wanted = () if lease.state in LEAVING else (WANTED,)
        held = () if address is None else (dhcpv6.LeasedAddress(address),)
        association = dhcpv6.IdentityAssociation(lease.iaid, options=held)
        return dhcpv6.ClientMessage(kind, exchange.transaction, (self.client, *server, elapsed, *wanted, association))

    def judge(self, message: Any, fits: Fits, now: int) -> tuple[Lease, Event | None, dict[str, object]]:
        """Return the lease that an answer is for, the event that it is, and the fields that change with the event.

        The event is None where the lease waits on. Sections 16.3, 16.10, 18.2.9, 18.2.10. `fits` is true for addresses
        that may be leased. Raises WireError with the reason for a message that is no answer or cannot be believed.
        """
        _check(getattr(message, "type", 0) in (Kind.ADVERTISE, Kind.REPLY), "DHCPv6, but not from a server")
        _check(message.option(dhcpv6.ClientIdentifier) == self.client, "DHCPv6 for another client")
        lease = next((one for one in self if one.exchange.transaction == message.transaction), None)
        if lease is None:
            raise WireError("DHCPv6 with the transaction id of no exchange that is under way", message)
        kind, server = KINDS[lease.state], message.option(dhcpv6.ServerIdentifier)
        is_asked = server is not None and (kind in TO_ANY_SERVER or server.duid == lease.server)
        _check(is_asked, "DHCPv6, but not from the server that was asked")
        is_answer = (message.type == Kind.ADVERTISE) is (kind is Kind.SOLICIT)
        _check(is_answer, f"DHCPv6 {Kind(message.type).name}, which is no answer to {kind.name}")
        if lease.state in LEAVING:  # whatever its status (section 18.2.10.2)
            return lease, Event.CONFIRM, {}
        return lease, *_contents(message, lease, server.duid, fits, now)


def _contents(
    message: Any, lease: Lease, server: bytes, fits: Fits, now: int
) -> tuple[Event | None, dict[str, object]]:
    """Read the identity association of a lease from an answer: the event, and the fields that change with it."""
    exchange, is_new = lease.exchange, lease.state in NEW
    associations = message.every(dhcpv6.IdentityAssociation)
    told = next((one for one in associations if one.iaid == lease.iaid), dhcpv6.IdentityAssociation(lease.iaid))
    status = told.option(dhcpv6.StatusCode) or message.option(dhcpv6.StatusCode) or SUCCESS
    collects = lease.state is State.SOLICITING and exchange.sent == 1  # for the first time to wait (18.2.1)
    if status.status == DhcpStatus.NO_ADDRESSES_AVAILABLE and is_new:
        exchange.is_exhausted = True
        return None if collects else Event.REFUSE, {}
    if status.status == DhcpStatus.NO_BINDING and not is_new:
        return Event.UNKNOWN, {"server": server}
    leased = _leased(told, status.status, lease, fits)
    if not leased.valid_lifetime_s:
        return Event.REFUSE, {}
    if lease.state is State.SOLICITING:
        preference = (message.option(dhcpv6.Preference) or dhcpv6.Preference(0)).value
        if exchange.offer is None or preference > exchange.offer[0]:
            exchange.offer = preference, server, leased.address
        return None if collects and preference < 255 else Event.OFFER, {}
    t1_s, t2_s = dhcpv6.default_times_s(leased.preferred_lifetime_s)
    times_s = {
        "t1_ns": told.t1_s or max(t1_s, 1), "t2_ns": told.t2_s or max(t2_s, 1), "until_ns": leased.valid_lifetime_s,
    }  # fmt: skip
    ends = {name: end_ns(time_s, now) for name, time_s in times_s.items()}
    return Event.GRANT, {"address": leased.address, "server": server, **ends}


def _leased(told: dhcpv6.IdentityAssociation, status: int, lease: Lease, fits: Fits) -> dhcpv6.LeasedAddress:
    """Return the address in an answer with its lifetimes. Raises WireError for one that cannot be believed."""
    leased: dhcpv6.LeasedAddress | None = told.option(dhcpv6.LeasedAddress)
    if leased is None or status != DhcpStatus.SUCCESS:
        raise WireError(f"DHCPv6 without an address for {lease.iaid}, status {status}")
    is_ordered = told.t1_s <= told.t2_s or not told.t2_s
    is_possible = is_ordered and leased.preferred_lifetime_s <= leased.valid_lifetime_s
    _check(is_possible, "DHCPv6 with T1 after T2, or an address that is preferred for longer than valid")
    is_ours = fits(leased.address) and lease.address in (None, leased.address)
    _check(is_ours, f"DHCPv6 with {leased.address}, which cannot be leased as a home address here")
    return leased


def _check(is_good: object, reason: str) -> None:
    if not is_good:
        raise WireError(reason)


class Dhcpv6Allocation(Allocation):
    """Allocates further home addresses of a mobile node by DHCPv6; `leases` are those that it has or asks for."""

    def __init__(self, node: FlowMobileNode) -> None:
        self._node = node
        identifier = node.primary_home_address.interface_identifier & 0xFF_FFFF_FFFF
        self.leases = LeaseTable(DUID_LL + b"\2" + identifier.to_bytes(5, "big"))  # as its interfaces have it
        self._random = node.network.random(f"{node.name}/DHCPv6")
        self._timer = Timer(node.clock, self._go)
        self._last = 0
        self._asking: dict[int, tuple[Granted, Refused]] = {}
        """Identity association -> the callbacks of a request that waits for it."""
        node.hear_control(dhcpv6.CLIENT_PORT, self._heard)

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Ask for one more home address; later either `granted` is called with it, or `refused` with a reason."""
        self._last += 1
        self._asking[self._last] = granted, refused
        self._node.record(self.leases.want(self._last))
        self._go()

    def free(self, address: Address) -> None:
        """Release a home address that is de-registered everywhere (section 18.2.7)."""
        self._leave(address, Event.FREE)

    def collided(self, address: Address) -> None:
        """Decline a home address that somebody else has, as the home agent found (section 18.2.8)."""
        self._leave(address, Event.COLLIDE)

    def primary_bound(self) -> None:
        """Send what waits for the tunnel of the primary home address, which is bound."""
        self._go()

    def _leave(self, address: Address, event: Event) -> None:
        lease = self.leases.of(address)
        if lease is not None and (lease.state, event) in TRANSITIONS:
            self._step(lease, event)
            self._go()

    def _go(self) -> None:
        """Do what is due, and set the timer for what is next."""
        now = self._node.clock.now
        for lease in self.leases:
            while (moment := lease.next(self._way() is not None))[0] <= now:
                self._step(lease, moment[1])
        has_way = self._way() is not None
        moments = [lease.next(has_way)[0] for lease in self.leases]
        if not has_way and any(lease.state in KINDS for lease in self.leases):
            moments.append(now + LOOK_AGAIN_NS)
        self._timer.stop()
        if moments:
            self._timer.set(min(moments))

    def _step(self, lease: Lease, event: Event, **values: object) -> None:
        """Let an event happen to a lease, and tell those who wait for it or use it."""
        way, why, before = self._way(), lease.why(event), lease.state
        if event is Event.SEND and way is not None:
            message = dhcpv6.encode_dhcpv6(self.leases.send(lease, self._random, self._node.clock.now))
            datagram = UDP(dhcpv6.CLIENT_PORT, dhcpv6.SERVER_PORT, message)
            way[1](Packet(way[0].link_local, dhcpv6.ALL_RELAY_AGENTS_AND_SERVERS, datagram))
            return
        self._node.record(self.leases.step(lease, event, **values))
        if lease.state is State.BOUND and lease.iaid in self._asking and lease.address:
            self._asking.pop(lease.iaid)[0](lease.address)
        elif lease.state is State.ENDED and lease.iaid in self._asking:
            self._asking.pop(lease.iaid)[1](why)
        elif lease.state is State.ENDED and before not in LEAVING and lease.address:
            self._node.lease_ended(lease.address, why)

    def _way(self) -> tuple[Interface, Callable[[Packet], None]] | None:
        """Return the interface by which messages reach the home link and the function that sends them, or None."""
        node, primary = self._node, self._node.primary_home_address
        if primary in node.addresses:
            return node.addresses[primary], node.addresses[primary].multicast
        road = node.mobility.tunnel_road(primary) if node.mobility.is_home_ready(primary) else None
        if road is None or road.tunnel is None:
            return None
        return node.addresses[road.tunnel[0]], lambda packet: node.send_direct(packet, road)

    def _heard(self, arrival: Arrival) -> None:
        """Take an answer; drop what is none with its reason."""
        node = self._node
        try:
            is_home = arrival.tunnel is not None or node.primary_home_address in arrival.interface.addresses
            _check(is_home, "DHCPv6 that does not come from the home link")
            message = dhcpv6.decode_dhcpv6(arrival.payload.payload)
            lease, event, values = self.leases.judge(message, self._fits, node.clock.now)
        except WireError as error:
            node.drop(arrival.packet, str(error))
            return
        if event is not None:
            self._step(lease, event, **values)
            self._go()

    def _fits(self, address: Address) -> bool:
        """Return True for an address of the home link that is no home address of this node, unless a leased one."""
        node, is_leased = self._node, self.leases.of(address) is not None
        is_home = node.mobility.is_of_home_link(address) and not Prefix.around(address, 64).is_anycast(address)
        return is_home and (is_leased or address not in node.own_home_addresses)
