"""Further home addresses by DHCPv6 (the patent, page 9; RFC 6275 section 10.4.4): the client on a mobile node.

`LeaseTable` is pure: `now`, answers and a random stream in; messages and changes out. The shell around it sends through
the tunnel of the primary home address, where the home agent relays; at home it sends on the link. Each home address is
an identity association of its own, so each lease has its own exchanges; the mobile node has one DUID. Sections are
those of RFC 8415.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import TYPE_CHECKING, Any

from mipflow.errors import WireError
from mipflow.flow.allocation.allocation import Granted, Refused
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
"""SOL_MAX_RT must be asked for (section 18.2.1). Whatever it is, 60 s or more, SILENT_AFTER comes first."""
DUID_LL = b"\0\3\0\1"
"""Begins a DUID that is made of an Ethernet's link-layer address (section 11.4)."""
RAND = 0.1
T1, T2 = 0.5, 0.8
"""Parts of the preferred lifetime where the server leaves the times to the client (sections 14.2, 21.4)."""
LOOK_AGAIN_NS = NS_PER_S
"""How often to look for a way where something waits for one: an interface that is up again needs no new binding."""


Fits = Callable[["Address"], bool]


class State(Enum):
    """Where the lease of one home address stands."""

    SOLICITING = "looking for a server"
    REQUESTING = "asking a server for it"
    BOUND = "leased"
    RENEWING = "leased, asking its server for more time"
    REBINDING = "leased, asking any server for more time"
    RELEASING = "giving it back"
    DECLINING = "reporting that somebody else has it"
    ENDED = "ended"


class Event(Enum):
    """Events of a lease. SEND is a message that leaves, again perhaps, and changes no state."""

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
"""The state machine of a lease (section 18.2). It begins at SOLICITING; at ENDED its line goes."""

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
    """How long to wait for an answer, in nanoseconds (section 15); `previous_ns`: the time before, 0 for the first.

    `rand` is in -0.1..0.1. After the first SOLICIT it is never less than IRT (section 18.2.1).
    """
    first_ns, most_ns = (limit_s * NS_PER_S for limit_s in RETRANSMISSIONS[kind][:2])
    if not previous_ns:
        return round(first_ns * (1 + (max(abs(rand), 1e-9) if kind is Kind.SOLICIT else rand)))
    following = round(previous_ns * (2 + rand))
    return round(most_ns * (1 + rand)) if 0 < most_ns < following else following


@dataclass(slots=True)
class Exchange:
    """A message and its retransmissions; at `due_ns` the time to wait for an answer is over."""

    transaction: int = -1
    began_ns: int = 0
    sent: int = 0
    timeout_ns: int = 0
    due_ns: int = 0
    offer: tuple[int, bytes, Address] | None = None
    """The most preferred one so far: preference, DUID of the server, address."""
    is_exhausted: bool = False
    """A server has said that it has no address left."""


@dataclass(slots=True)
class Lease(Entry):
    """One line: the identity association `iaid`, its home address once that is leased, and times in nanoseconds."""

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
        """As plain named values: when it is renewed, rebound and ended in seconds, 0 where nothing is leased."""
        times = {"t1_s": self.t1_ns, "t2_s": self.t2_ns, "valid_until_s": self.until_ns}
        return Entry.row(self) | {name: round(t_ns / NS_PER_S, 3) for name, t_ns in times.items()}

    def next(self, has_way: bool) -> tuple[int, Event]:
        """The next event, and when in nanoseconds; without a way nothing is sent, and silence does not count."""
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
        """Why a lease, or a request for one, ends with an event, in words."""
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
        """The lease of an address, or None."""
        return next((lease for lease in self if lease.address == address), None)

    def want(self, iaid: int) -> list[Change]:
        """Enter a line for one more address; the number must be new, or a late answer could be taken for it."""
        return self._put(iaid, Lease(iaid))

    def step(self, lease: Lease, event: Event, **values: object) -> list[Change]:
        """Take one transition of the state machine and set fields of the lease with it; another exchange begins.

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
        """Whose answer it is, what happens to that lease (None: it waits on) and which fields it changes then.

        Sections 16.3, 16.10, 18.2.9, 18.2.10. `fits` says which addresses may be leased. Raises WireError with the
        reason for anything that is no answer, or none that could be believed.
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
        return lease, *self._contents(message, lease, server.duid, fits, now)

    def _contents(
        self, message: Any, lease: Lease, server: bytes, fits: Fits, now: int
    ) -> tuple[Event | None, dict[str, object]]:
        """Read the identity association of a lease from an answer."""
        exchange = lease.exchange
        found = [o for o in message.options if isinstance(o, dhcpv6.IdentityAssociation) and o.iaid == lease.iaid]
        told = found[0] if found else dhcpv6.IdentityAssociation(lease.iaid)
        status = told.option(dhcpv6.StatusCode) or message.option(dhcpv6.StatusCode)
        code = DhcpStatus.SUCCESS if status is None else status.status
        collects = lease.state is State.SOLICITING and exchange.sent == 1  # for the first time to wait (18.2.1)
        if code == DhcpStatus.NO_ADDRESSES_AVAILABLE and lease.state in NEW:
            exchange.is_exhausted = True
            return None if collects else Event.REFUSE, {}
        if code == DhcpStatus.NO_BINDING and lease.state not in NEW:
            return Event.UNKNOWN, {"server": server}
        leased = told.option(dhcpv6.LeasedAddress)
        _check(leased and code == DhcpStatus.SUCCESS, f"DHCPv6 without an address for {lease.iaid}, status {code}")
        is_ordered = told.t1_s <= told.t2_s or not told.t2_s
        is_possible = is_ordered and leased.preferred_lifetime_s <= leased.valid_lifetime_s
        _check(is_possible, "DHCPv6 with T1 after T2, or an address that is preferred for longer than valid")
        is_ours = fits(leased.address) and lease.address in (None, leased.address)
        _check(is_ours, f"DHCPv6 with {leased.address}, which cannot be leased as a home address here")
        if not leased.valid_lifetime_s:
            return Event.REFUSE, {}
        if lease.state is State.SOLICITING:
            preference = (message.option(dhcpv6.Preference) or dhcpv6.Preference(0)).value
            if exchange.offer is None or preference > exchange.offer[0]:
                exchange.offer = preference, server, leased.address
            return None if collects and preference < 255 else Event.OFFER, {}
        defaults = (max(round(leased.preferred_lifetime_s * part), 1) for part in (T1, T2))
        t1_ns, t2_ns = (end_ns(s or default, now) for s, default in zip((told.t1_s, told.t2_s), defaults, strict=True))
        until_ns = end_ns(leased.valid_lifetime_s, now)
        values = {"address": leased.address, "t1_ns": t1_ns, "t2_ns": t2_ns, "until_ns": until_ns, "server": server}
        return Event.GRANT, values


def _check(is_good: object, reason: str) -> None:
    if not is_good:
        raise WireError(reason)


class Dhcpv6Allocation:
    """Allocates further home addresses of a mobile node by DHCPv6; `leases` are those that it has or asks for."""

    def __init__(self, node: FlowMobileNode) -> None:
        self._node = node
        identifier = node.primary_home_address.interface_identifier & 0xFF_FFFF_FFFF
        self.leases = LeaseTable(DUID_LL + b"\2" + identifier.to_bytes(5, "big"))  # as its interfaces have it
        self._random = node.network.random(f"{node.name}/DHCPv6")
        self._timer = Timer(node.clock, self._go)
        self._last = 0
        self._asking: dict[int, tuple[Granted, Refused]] = {}
        """Identity association -> whom to tell what became of a request."""
        node.hear_control(dhcpv6.CLIENT_PORT, self._heard)

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Ask for one more home address: later either `granted` is called with it, or `refused` with a reason."""
        self._last += 1
        self._asking[self._last] = granted, refused
        self._node.record(self.leases.want(self._last))
        self._go()

    def free(self, address: Address) -> None:
        """A home address is de-registered everywhere: give it back (section 18.2.7)."""
        self._leave(address, Event.FREE)

    def collided(self, address: Address) -> None:
        """The home agent has found that somebody else has a home address: tell the server (section 18.2.8)."""
        self._leave(address, Event.COLLIDE)

    def lead_with(self, home_address: Address) -> None:
        """Do nothing: leases go on."""

    def primary_bound(self) -> None:
        """The primary home address is bound, again perhaps: what waits for the tunnel leaves."""
        self._go()

    def _leave(self, address: Address, event: Event) -> None:
        lease = self.leases.of(address)
        if lease is not None and (lease.state, event) in TRANSITIONS:
            self._step(lease, event)
            self._go()

    def _go(self) -> None:
        """Do what is due, and come back for what is next."""
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
        """Let an event happen to a lease, and tell who waits for it or uses it."""
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
        """By which interface messages reach the home link, and what sends them there; None where they do not."""
        node, primary = self._node, self._node.primary_home_address
        if primary in node.addresses:
            return node.addresses[primary], node.addresses[primary].multicast
        road = node.mobility.tunnel_road(primary) if node.mobility.is_home_ready(primary) else None
        if road is None or road.tunnel is None:
            return None
        return node.addresses[road.tunnel[0]], lambda packet: node.send_direct(packet, road)

    def _heard(self, arrival: Arrival) -> None:
        node, datagram = self._node, arrival.packet.payload
        assert isinstance(datagram, UDP)
        try:
            is_home = arrival.tunnel is not None or node.primary_home_address in arrival.interface.addresses
            _check(is_home, "DHCPv6 that does not come from the home link")
            message = dhcpv6.decode_dhcpv6(datagram.payload)
            lease, event, values = self.leases.judge(message, self._fits, node.clock.now)
        except WireError as error:
            node.drop(arrival.packet, str(error))
            return
        if event is not None:
            self._step(lease, event, **values)
            self._go()

    def _fits(self, address: Address) -> bool:
        """True for an address of the home link that is no home address of ours, unless a leased one."""
        node, is_leased = self._node, self.leases.of(address) is not None
        is_home = node.mobility.is_of_home_link(address) and not Prefix.around(address, 64).is_anycast(address)
        return is_home and (is_leased or address not in node.own_home_addresses)
