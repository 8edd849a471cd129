"""Neighbor discovery (RFC 4861, RFC 4862; the intervals of RFC 6275 section 7.5).

Routers advertise, addresses are probed for, neighbors are asked whether they are still there. The node gets handlers
and questions to ask; it decides what an advertisement means. Address resolution is not simulated: a segment knows who
answers for an address (`Segment.neighbors`).
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.arguments import SECONDS, fits
from mipflow.errors import ProtocolMisuse, shown
from mipflow.node.interface import Interface
from mipflow.node.node import Arrival, Handler, Node
from mipflow.sim.clock import NS_PER_S, Timer, seconds
from mipflow.sim.link import Port
from mipflow.wire import icmpv6
from mipflow.wire.address import ALL_NODES, ALL_ROUTERS, UNSPECIFIED, Address
from mipflow.wire.packet import Packet

RETRANS_TIMER_NS = NS_PER_S
"""RetransTimer (RFC 4861 section 10): with one probe (DupAddrDetectTransmits 1) the time that detection takes."""
RTR_SOLICITATION_INTERVAL_NS = 4 * NS_PER_S
MAX_RTR_SOLICITATIONS = 3
MAX_INITIAL_RTR_ADVERT_INTERVAL_NS = 16 * NS_PER_S
MAX_INITIAL_RTR_ADVERTISEMENTS = 3
MAX_RA_DELAY_TIME_S = 0.5
MIN_DELAY_BETWEEN_RAS_S = 3.0
MIN_INTERVALS_S = 0.03, 0.07
"""The least MinRtrAdvInterval and MaxRtrAdvInterval of a router that expects mobile nodes (RFC 6275 section 7.5)."""
MAX_INTERVAL_S = 1800.0

Heard = Callable[[Interface, icmpv6.RouterAdvertisement, Address], None]
"""Hears of a router advertisement: the interface, the message, the router's link-local address."""
Questions = dict[tuple[Interface, Address], Callable[[bool], None]]
"""Open questions: address on an interface -> what takes the answer."""


class Advertising:
    """The state of an interface on which a router advertises at intervals of `min_s` to `max_s` seconds."""

    def __init__(self, min_s: float, max_s: float, timer: Timer) -> None:
        self.min_s = min_s
        self.max_s = max_s
        self.timer = timer
        self.sent = 0
        self.last_ns: int | None = None


class NeighborDiscovery:
    """The neighbor discovery of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._random = node.network.random(f"{node.name}/neighbor discovery")
        self._probes: Questions = {}
        self._asked: Questions = {}
        self._solicitations: dict[Interface, Timer] = {}
        self.on_advertisement: list[Heard] = []
        """Functions to call with every valid router advertisement that this node hears."""
        self.advertising: dict[Interface, Advertising] = {}
        """Interfaces on which this node, a router, advertises without being asked."""
        self._answered_ns: dict[Interface, int] = {}
        """Interfaces on which it only answers -> when it last did."""
        handlers: dict[type, Handler] = {
            icmpv6.NeighborSolicitation: self._neighbor_solicitation,
            icmpv6.NeighborAdvertisement: self._neighbor_advertisement,
            icmpv6.RouterAdvertisement: self._router_advertisement,
        }
        if node.forwards:
            handlers[icmpv6.RouterSolicitation] = self._router_solicitation
        for kind, handler in handlers.items():
            node.handlers[kind] = self._checked(handler)

    def _checked(self, handler: Handler) -> Handler:
        """Put a check in front of a handler: a packet that a router has passed on is dropped (RFC 4861 sections 6.1,
        7.1).
        """

        def check(arrival: Arrival) -> None:
            if arrival.packet.hop_limit == 255:
                handler(arrival)
            else:
                self._node.drop(arrival.packet, f"{type(arrival.packet.payload).__name__} from beyond the link")

        return check

    # --- duplicate address detection (RFC 4862 section 5.4) ----------------------------------------------------------

    def detect_duplicate(self, address: Address, interface: Interface, done: Callable[[bool], None]) -> None:
        """Ask on the interface's link whether anybody has `address`; `done(is_unique)` follows, after a second if it
        is.
        """
        self._await(self._probes, (interface, address), done, True)
        question = icmpv6.NeighborSolicitation(address)
        self._node.send_link_local(question, UNSPECIFIED, address.solicited_node(), interface)

    def is_detecting(self, address: Address, interface: Interface) -> bool:
        """True while a question of `detect_duplicate` is open."""
        return (interface, address) in self._probes

    def stop_detecting(self, address: Address, interface: Interface) -> bool:
        """Forget a question of `detect_duplicate`: nothing follows; False where none is open."""
        return self._probes.pop((interface, address), None) is not None

    def _await(
        self, questions: Questions, key: tuple[Interface, Address], done: Callable[[bool], None], silence: bool
    ) -> None:
        """Let `done` hear the answer that `_said` is told, or `silence` after RetransTimer."""

        def question(answer: bool) -> None:
            if questions.get(key) is question:  # not answered, forgotten or asked anew meanwhile
                del questions[key]
                done(answer)

        questions[key] = question
        self._node.clock.after(RETRANS_TIMER_NS, question, silence)

    def _neighbor_solicitation(self, arrival: Arrival) -> None:
        solicitation: icmpv6.NeighborSolicitation = arrival.payload
        interface, target = arrival.interface, solicitation.target
        if (interface, target) in self._probes:
            if arrival.source == UNSPECIFIED:  # somebody else probes for the same address
                _said(self._probes, (interface, target), False)
        elif interface.answers_for(target):
            to = ALL_NODES if arrival.source == UNSPECIFIED else arrival.source
            self.advertise(target, interface, to)

    def advertise(self, target: Address, interface: Interface, to: Address = ALL_NODES, override: bool = False) -> None:
        """Answer for `target`, our own or proxied (RFC 4861 section 7.2.4, RFC 6275 section 10.4.1)."""
        is_own = target in self._node.addresses or target == interface.link_local
        is_router, is_asked = self._node.forwards and is_own, to != ALL_NODES
        advertisement = icmpv6.NeighborAdvertisement(target, is_router, is_asked, is_own or override)
        self._node.send_link_local(advertisement, interface.link_local, to, interface)

    def announce(self, target: Address, interface: Interface) -> None:
        """Tell all nodes of the link that an address is here now (RFC 4861 section 7.2.6, RFC 6275 section 11.5.5)."""
        self.advertise(target, interface, override=True)

    def _neighbor_advertisement(self, arrival: Arrival) -> None:
        advertisement: icmpv6.NeighborAdvertisement = arrival.payload
        key = (arrival.interface, advertisement.target)
        _said(self._probes, key, False)
        if advertisement.solicited:
            _said(self._asked, key, True)

    # --- is a neighbor still there? (RFC 4861 section 7.3) ------------------------------------------------------------

    def probe(self, target: Address, port: Port | None, interface: Interface, done: Callable[[bool], None]) -> None:
        """Ask the neighbor `target` by unicast, once; `done(is_there)` follows, after a second if it is not.

        `port` stands for the link-layer address that is known of it: on another link nobody has that one, whatever
        link-local address the router there has.
        """
        self._await(self._asked, (interface, target), done, False)
        segment, question = interface.segment, icmpv6.NeighborSolicitation(target)
        packet = Packet(interface.link_local, target, question, hop_limit=255, sent_ns=self._node.clock.now)
        if segment is not None and port is not None and port in segment.ports:
            segment.channel(interface, port).send(packet)
        else:
            self._node.drop(packet, f"nobody on this link has the link-layer address of {target}")

    def forget_questions(self, interface: Interface) -> None:
        """Forget the questions asked on an interface: it is on another link now, and nobody answers them any more."""
        for questions in (self._probes, self._asked):
            for key in [key for key in questions if key[0] is interface]:
                del questions[key]
        self._heard(interface)

    # --- routers (RFC 4861 section 6) --------------------------------------------------------------------------------

    def solicit(self, interface: Interface, attempt: int = 1) -> None:
        """Ask the routers of the link for an advertisement, up to three times, four seconds apart."""
        self._heard(interface)
        self._node.send_link_local(icmpv6.RouterSolicitation(), interface.link_local, ALL_ROUTERS, interface)
        if attempt < MAX_RTR_SOLICITATIONS:
            timer = Timer(self._node.clock, lambda: self.solicit(interface, attempt + 1))
            self._solicitations[interface] = timer
            timer.set(self._node.clock.now + RTR_SOLICITATION_INTERVAL_NS)

    def _heard(self, interface: Interface) -> None:
        timer = self._solicitations.pop(interface, None)
        if timer is not None:
            timer.stop()

    def _router_advertisement(self, arrival: Arrival) -> None:
        advertisement: icmpv6.RouterAdvertisement = arrival.payload
        if not arrival.source.is_link_local:
            self._node.drop(arrival.packet, "RouterAdvertisement from an address that is not link-local")
            return
        self._heard(arrival.interface)
        for hear in self.on_advertisement:
            hear(arrival.interface, advertisement, arrival.source)

    def advertise_every(self, interface: Interface, min_s: float, max_s: float) -> None:
        """Advertise on a link without being asked, at random intervals of `min_s` to `max_s` seconds (RFC 4861 6.2.4).

        Raises ProtocolMisuse below 0.03 and 0.07 s (RFC 6275 section 7.5), above 1800 s, or where `min_s` is more than
        three quarters of `max_s` (RFC 4861 section 6.2.1).
        """
        self._node.network.check_own(interface, interface.network)
        least, greatest = MIN_INTERVALS_S
        are_times = fits(min_s, SECONDS) and fits(max_s, SECONDS)
        if not (are_times and least <= min_s <= 0.75 * max_s and greatest <= max_s <= MAX_INTERVAL_S):
            expected = f"{least} and {greatest} or more, the first at most 3/4 of the second, and {MAX_INTERVAL_S:g}"
            told = f"{shown(min_s)} to {shown(max_s)} s"
            raise ProtocolMisuse(f"advertisements every {told}; expected {expected}", (min_s, max_s))
        if interface in self.advertising:
            self.advertising[interface].timer.stop()
        timer = Timer(self._node.clock, lambda: self._advertise(interface))
        self.advertising[interface] = Advertising(min_s, max_s, timer)
        self._schedule(self.advertising[interface])

    def _schedule(self, advertising: Advertising) -> None:
        interval_ns = seconds(self._random.uniform(advertising.min_s, advertising.max_s))
        if advertising.sent < MAX_INITIAL_RTR_ADVERTISEMENTS:
            interval_ns = min(interval_ns, MAX_INITIAL_RTR_ADVERT_INTERVAL_NS)
        advertising.timer.set(self._node.clock.now + interval_ns)

    def _router_solicitation(self, arrival: Arrival) -> None:
        """Advertise: at once where nothing is sent unasked, else after the random delay of RFC 4861 section 6.2.6.

        One advertisement answers all who ask at the same instant, since they all hear it.
        """
        advertising, now = self.advertising.get(arrival.interface), self._node.clock.now
        if advertising is None:
            if self._answered_ns.get(arrival.interface) != now:
                self._answered_ns[arrival.interface] = now
                self._advertise(arrival.interface)
            return
        soonest = now
        if advertising.last_ns is not None:
            between_s = min(MIN_DELAY_BETWEEN_RAS_S, advertising.min_s)
            soonest = max(now, advertising.last_ns + seconds(between_s))
        due = soonest + seconds(self._random.uniform(0, MAX_RA_DELAY_TIME_S))
        if advertising.timer.due_ns is None or due < advertising.timer.due_ns:
            advertising.timer.set(due)

    def _advertise(self, interface: Interface) -> None:
        is_heard = interface.segment is not None and len(interface.segment.ports) > 1
        advertisement = self._node.advertisement(interface) if is_heard and interface.listens else None
        if advertisement is not None:
            self._node.send_link_local(advertisement, interface.link_local, ALL_NODES, interface)
        advertising = self.advertising.get(interface)
        if advertising is not None:
            advertising.sent += 1
            advertising.last_ns = self._node.clock.now
            self._schedule(advertising)


def _said(questions: Questions, key: tuple[Interface, Address], answer: bool) -> None:
    """Answer a question, if it is open."""
    if key in questions:
        questions[key](answer)
