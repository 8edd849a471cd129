"""The security databases of a mobile node or its home agent (RFC 6275 section 5.1, RFC 3776, RFC 4877). Pure.

They take packets as they leave and arrive; give them in ESP, opened, or a WireError with the reason. The home address
chooses the association, so none has to change when the mobile node moves: the outer address of a tunnel is the packet's
own, the care-of address that is registered for that home address.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from random import Random
from typing import NamedTuple

from mipflow.errors import WireError
from mipflow.sim.trace import Change, Row
from mipflow.wire import esp, icmpv6, mobility
from mipflow.wire.address import Address
from mipflow.wire.chain import pseudo_header_addresses
from mipflow.wire.esp import EspKeys, Opened
from mipflow.wire.mobility import BindingUpdate
from mipflow.wire.packet import Packet

FIRST_SPI = 256
"""Smaller ones are reserved (RFC 4303 section 2.1)."""
WINDOW = 64
"""The sequence numbers that an anti-replay window looks back (RFC 4303 section 3.4.3)."""
LAST_SEQUENCE = 0xFFFF_FFFF


class Policy(NamedTuple):
    """One line of the security policy database."""

    protects: str
    is_upward: bool
    """The message goes from the mobile node to the home agent."""
    in_tunnel_mode: bool = False
    """ESP goes round the whole packet, not only round its payload (RFC 4303 section 3.1)."""


POLICIES: dict[type, Policy] = {
    BindingUpdate: Policy("binding updates", True),
    mobility.BindingAcknowledgement: Policy("binding acknowledgements", False),
    mobility.HomeTestInit: Policy("home test inits", True, in_tunnel_mode=True),
    mobility.HomeTest: Policy("home tests", False, in_tunnel_mode=True),
    icmpv6.MobilePrefixSolicitation: Policy("prefix solicitations", True),
    icmpv6.MobilePrefixAdvertisement: Policy("prefix advertisements", False),
}
"""The message type is a selector (RFC 4877 sections 6 and 7.2). Everything else passes as it is, home agent address
discovery too (RFC 6275 section 5.3).
"""


class Selector(NamedTuple):
    """The key that an association is chosen by: one for each message, home address and home agent."""

    message: type
    home_address: Address
    home_agent: Address


def selector(packet: Packet) -> Selector | None:
    """Return the key by which an association for a packet is chosen; None where no policy names it.

    The home address is the one in the Home Address option or the type 2 routing header, where there is one, and in
    tunnel mode that of the packet inside (RFC 3776 section 4.2).
    """
    inner = packet.payload if isinstance(packet.payload, Packet) else packet
    message = type(inner.payload)
    policy = POLICIES.get(message)
    if policy is None or policy.in_tunnel_mode != (inner is not packet):
        return None
    mobile, fixed = (0, 1) if policy.is_upward else (1, 0)
    inside, outside = (pseudo_header_addresses(p.source, p.destination, p.extensions) for p in (inner, packet))
    return Selector(message, inside[mobile], outside[fixed])


class ReplayWindow:
    """A memory of the sequence numbers that have arrived, `WINDOW` of them (RFC 4303 section 3.4.3)."""

    def __init__(self) -> None:
        self._highest = 0
        self._seen = 0
        """Bit n: the number n below the highest has arrived."""

    def is_fresh(self, sequence: int) -> bool:
        """Return whether a number has not arrived, and is not too old to tell; zero is no number."""
        behind = self._highest - sequence
        return sequence > 0 and (behind < 0 or (behind < WINDOW and not self._seen >> behind & 1))

    def accept(self, sequence: int) -> None:
        """Enter the number of a packet that has arrived and is authentic."""
        ahead = sequence - self._highest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, WINDOW) | 1) & (1 << WINDOW) - 1
            self._highest = sequence
        else:
            self._seen |= 1 << -ahead


@dataclass(slots=True)
class SecurityAssociation:
    """One direction of one policy for one home address; `owner` is the primary home address of its mobile node.

    `window` is None with manual keys: they cannot be protected from replays (RFC 3776 section 4.4).
    """

    keys: EspKeys
    selector: Selector
    owner: Address
    is_inbound: bool
    window: ReplayWindow | None = None
    sequence: int = 0
    """The sequence number of the last packet that was sent."""


class SecurityAssociations:
    """The databases of one node. `random` makes initialisation vectors; `is_dynamic`: keys come from an exchange.

    home_agents: the addresses of each home agent with whom a mobile node has policies; a home agent's are its own.
    """

    name = "security association database"

    def __init__(self, random: Random, is_dynamic: bool, home_agents: Iterable[Container[Address]]) -> None:
        self._random = random
        self.is_dynamic = is_dynamic
        self.home_agents = list(home_agents)
        self._outbound: dict[Selector, SecurityAssociation] = {}
        self._inbound: dict[int, SecurityAssociation] = {}
        """SPI -> the association for what arrives with it."""
        self._spis = count(FIRST_SPI + random.getrandbits(16))

    def __iter__(self) -> Iterator[SecurityAssociation]:
        return chain(self._outbound.values(), self._inbound.values())

    def new_spi(self) -> int:
        """Return an SPI for an association that ends here."""
        return next(self._spis)

    def add(self, associations: Iterable[SecurityAssociation]) -> list[Change]:
        """Enter all associations for a home address with one home agent, in the place of older ones."""
        new = {(each.is_inbound, each.selector): each for each in associations}
        home_address = next(iter(new))[1].home_address
        before = self._row(home_address)
        self._inbound = {spi: each for spi, each in self._inbound.items() if (True, each.selector) not in new}
        for each in new.values():
            if each.is_inbound:
                each.window = ReplayWindow() if self.is_dynamic else None
                self._inbound[each.keys.spi] = each
            else:
                self._outbound[each.selector] = each
        return [Change(self.name, str(home_address), before, self._row(home_address))]

    def remove(self, home_address: Address) -> list[Change]:
        """Delete all associations for a home address."""
        before = self._row(home_address)
        self._outbound = {key: each for key, each in self._outbound.items() if key.home_address != home_address}
        self._inbound = {spi: e for spi, e in self._inbound.items() if e.selector.home_address != home_address}
        return [] if before is None else [Change(self.name, str(home_address), before, None)]

    def _row(self, home_address: Address) -> Row | None:
        """Return the row of the trace for a home address: its SPIs."""
        own = [each for each in self if each.selector.home_address == home_address]
        inbound, outbound = (", ".join(str(e.keys.spi) for e in own if e.is_inbound is way) for way in (True, False))
        return {"home_address": str(home_address), "spi_in": inbound, "spi_out": outbound} if own else None

    def owner(self, home_address: Address) -> Address | None:
        """Return the primary home address of the mobile node with associations for a home address; None for nobody."""
        return next((each.owner for each in self if each.selector.home_address == home_address), None)

    # --- policy ------------------------------------------------------------------------------------------------------

    def required(self, packet: Packet) -> Selector | None:
        """Return the key of the association under which a packet must travel; None where it travels as it is.

        A home registration is never to be unprotected, whoever is asked for it (RFC 6275 section 5.1).
        """
        wanted, payload = selector(packet), packet.payload
        is_home_registration = isinstance(payload, BindingUpdate) and payload.home_registration
        if wanted is None or is_home_registration or any(wanted.home_agent in each for each in self.home_agents):
            return wanted
        return None

    def lacks(self, packet: Packet) -> Selector | None:
        """Return the key of the association that a packet needs, if that is not there yet; else None."""
        wanted = self.required(packet)
        return None if wanted is None or wanted in self._outbound else wanted

    def check_admitted(self, packet: Packet) -> None:
        """Raise WireError for a packet that had to come in ESP and did not."""
        wanted = self.required(packet)
        if wanted is not None and not isinstance(packet, Opened):
            raise WireError(f"unprotected: {POLICIES[wanted.message].protects} must come in ESP", packet)

    # --- packets out and in (RFC 4303 section 3) ---------------------------------------------------------------------

    def protect(self, packet: Packet) -> Packet:
        """Return a packet as it may leave: in ESP, or itself where no policy asks for that.

        Raises WireError where an association is missing or its sequence numbers are used up.
        """
        wanted = self.required(packet)
        if wanted is None:
            return packet
        association = self._outbound.get(wanted)
        if association is None:
            protects = POLICIES[wanted.message].protects
            raise WireError(f"no security association for {protects} of {wanted.home_address}", packet)
        if association.sequence == LAST_SEQUENCE:
            if self.is_dynamic:
                raise WireError(f"SPI {association.keys.spi} has no sequence number left (RFC 4303 3.3.3)", packet)
            association.sequence = 0
        association.sequence += 1
        iv = self._random.randbytes(association.keys.iv_size)
        return esp.protect(packet, association.keys, association.sequence, iv)

    def knows(self, packet: Packet) -> bool:
        """Return whether there is an association for a packet that came in ESP."""
        return esp.spi_and_sequence(packet)[0] in self._inbound

    def open(self, packet: Packet) -> Opened:
        """Return the packet inside one that came in ESP.

        Raises WireError for what is replayed, not authentic, or not of the kind that its association is for.
        """
        spi, sequence = esp.spi_and_sequence(packet)
        association = self._inbound.get(spi)
        if association is None:
            raise WireError(f"ESP with SPI {spi}, of which there is no security association", spi)
        window = association.window
        if window is not None and not window.is_fresh(sequence):
            raise WireError(f"ESP replayed or too old: sequence number {sequence} of SPI {spi}", sequence)
        opened = esp.open_protected(packet, association.keys)
        if window is not None:
            window.accept(sequence)
        if selector(opened) != association.selector:
            what = f"{POLICIES[association.selector.message].protects} of {association.selector.home_address}"
            raise WireError(f"SPI {spi} is for {what} only (RFC 6275 section 5.1)", packet)
        return opened
