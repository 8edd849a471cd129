"""A DHCPv6 server (RFC 8415 section 18.3), which leases addresses of one prefix.

`Leases` is pure: it takes messages and `now`, and gives answers. `Dhcpv6Server` around it is a host that speaks to
clients on its own link and to relay agents.
"""

from __future__ import annotations

from dataclasses import dataclass

from mipflow.errors import WireError
from mipflow.node.host import Host
from mipflow.node.node import Arrival
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.network import Network
from mipflow.wire import dhcpv6
from mipflow.wire.address import Address, Prefix
from mipflow.wire.packet import UDP, Packet

ENDING = (dhcpv6.Kind.RELEASE, dhcpv6.Kind.DECLINE)
ADDRESSED = (dhcpv6.Kind.REQUEST, dhcpv6.Kind.RENEW, *ENDING)
"""Types of messages that must name the server that they are for (section 16)."""
ANSWERED = (*ADDRESSED, dhcpv6.Kind.SOLICIT, dhcpv6.Kind.REBIND, dhcpv6.Kind.INFORMATION_REQUEST)
"""Types of messages that a server answers."""


@dataclass(slots=True)
class Lease:
    """An address that a client has until `until_ns` nanoseconds."""

    address: Address
    until_ns: int


class Leases:
    """The `size` addresses of `prefix` from interface identifier `first` on, by client; lifetimes in seconds.

    preference: the one in its advertisements (section 21.8); at 255 a client waits for no other server.
    """

    def __init__(
        self, duid: bytes, prefix: Prefix, first: int, size: int = 256, preferred_s: int = 1800, valid_s: int = 3600,
        preference: int = 255,
    ) -> None:  # fmt: skip
        self.server = dhcpv6.ServerIdentifier(duid)
        pool = [prefix.address(first + number) for number in range(size)]
        self.pool = [address for address in pool if not prefix.is_anycast(address)]
        self.preferred_s = preferred_s
        self.valid_s = valid_s
        self.preference = dhcpv6.Preference(preference)
        self.leases: dict[tuple[bytes, int], Lease] = {}
        """The leases, by the client's DUID and the number of its identity association."""
        self.declined: set[Address] = set()
        """Addresses that somebody has without a lease, which are leased to nobody again (section 18.3.8)."""

    def answer(self, message: dhcpv6.ClientMessage, now: int) -> dhcpv6.ClientMessage | None:
        """Answer a client; None for a message that a server must discard (sections 16 and 18.3)."""
        kind, client = message.type, message.option(dhcpv6.ClientIdentifier)
        server, wanted = message.option(dhcpv6.ServerIdentifier), message.every(dhcpv6.IdentityAssociation)
        is_whole = client is not None and (kind in ADDRESSED) == (server is not None)
        if kind == dhcpv6.Kind.INFORMATION_REQUEST:
            is_whole = not wanted
        if kind not in ANSWERED or server not in (None, self.server) or not is_whole:
            return None
        options: list[dhcpv6.DhcpOption] = [self.server] if client is None else [self.server, client]
        options += [self._association((client.duid, each.iaid), each, kind, now) for each in wanted]
        if kind == dhcpv6.Kind.SOLICIT:
            options.append(self.preference)
        if kind in ENDING:
            options.append(dhcpv6.StatusCode(dhcpv6.DhcpStatus.SUCCESS))
        answer = dhcpv6.Kind.ADVERTISE if kind == dhcpv6.Kind.SOLICIT else dhcpv6.Kind.REPLY
        return dhcpv6.ClientMessage(answer, message.transaction, tuple(options))

    def _association(
        self, key: tuple[bytes, int], wanted: dhcpv6.IdentityAssociation, kind: int, now: int
    ) -> dhcpv6.IdentityAssociation:
        self.leases = {key: lease for key, lease in self.leases.items() if lease.until_ns > now}
        lease, is_new = self.leases.get(key), kind in (dhcpv6.Kind.SOLICIT, dhcpv6.Kind.REQUEST)
        taken = {lease.address for lease in self.leases.values()} | self.declined
        named = [option.address for option in wanted.every(dhcpv6.LeasedAddress)]
        wishes = [address for address in named if address in self.pool] + self.pool if is_new else []
        address = lease.address if lease else next((wish for wish in wishes if wish not in taken), None)
        if address is None:
            status = dhcpv6.DhcpStatus.NO_ADDRESSES_AVAILABLE if is_new else dhcpv6.DhcpStatus.NO_BINDING
            return dhcpv6.IdentityAssociation(key[1], options=(dhcpv6.StatusCode(status),))
        if kind in ENDING:
            if address in named:  # others are ignored: they belong to nothing of this client (sections 18.3.7, 18.3.8)
                del self.leases[key]
                self.declined |= {address} if kind == dhcpv6.Kind.DECLINE else set()
            return dhcpv6.IdentityAssociation(key[1])
        if kind != dhcpv6.Kind.SOLICIT:  # an advertisement promises nothing (section 18.3.9)
            self.leases[key] = Lease(address, now + self.valid_s * NS_PER_S)
        leased = dhcpv6.LeasedAddress(address, self.preferred_s, self.valid_s)
        return dhcpv6.IdentityAssociation(key[1], *dhcpv6.default_times_s(self.preferred_s), (leased,))


class Dhcpv6Server(Host):
    """A host that answers DHCPv6 from `leases`, to relay agents and to clients on its own link."""

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0, *, leases: Leases) -> None:
        super().__init__(network, name, x, y)
        self.leases = leases
        self.hear_port(dhcpv6.SERVER_PORT, self._asked)

    def _asked(self, arrival: Arrival) -> None:
        """Answer a client, or a message that a relay agent has wrapped, by the way it came (18.3.10 and 19.3)."""
        is_relayed = arrival.destination != dhcpv6.ALL_RELAY_AGENTS_AND_SERVERS
        try:
            outer = message = dhcpv6.decode_dhcpv6(arrival.payload.payload)
            if is_relayed:
                inside = outer.option(dhcpv6.RelayMessage) if isinstance(outer, dhcpv6.RelayForward) else None
                message = inside and dhcpv6.decode_dhcpv6(inside.message)
        except WireError as error:
            self.drop(arrival.packet, str(error), is_received=True)
            return
        answer = self.leases.answer(message, self.clock.now) if isinstance(message, dhcpv6.ClientMessage) else None
        if answer is None:
            why = "DHCPv6, but nothing that a relay agent or client asks this server"
            self.drop(arrival.packet, why, is_received=True)
            return
        said = dhcpv6.encode_dhcpv6(answer)
        if is_relayed:
            options = (*outer.every(dhcpv6.InterfaceIdentifier), dhcpv6.RelayMessage(said))
            reply = dhcpv6.RelayReply(outer.hop_count, outer.link_address, outer.peer_address, options)
            back = UDP(dhcpv6.SERVER_PORT, dhcpv6.SERVER_PORT, dhcpv6.encode_dhcpv6(reply))
            self.transmit(back, arrival.destination, arrival.source)
        elif channel := arrival.interface.channel_to(arrival.source):
            back = UDP(dhcpv6.SERVER_PORT, dhcpv6.CLIENT_PORT, said)
            channel.send(Packet(arrival.interface.link_local, arrival.source, back, sent_ns=self.clock.now))
