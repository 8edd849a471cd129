"""A DHCPv6 server (RFC 8415 section 18.3): leases addresses of one prefix to clients behind relay agents.

`Leases` is pure: messages and `now` in, answers out. The server around it is a host that speaks to relay agents.
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
from mipflow.wire.packet import UDP

T1, T2 = 0.5, 0.8
"""Parts of the preferred lifetime after which a client renews and rebinds (RFC 8415 section 21.4)."""
ADDRESSED = (dhcpv6.Kind.REQUEST, dhcpv6.Kind.RENEW, dhcpv6.Kind.RELEASE)
"""Messages that name the server that they are for (section 16)."""
ANSWERED = (*ADDRESSED, dhcpv6.Kind.SOLICIT, dhcpv6.Kind.REBIND, dhcpv6.Kind.INFORMATION_REQUEST)


@dataclass(slots=True)
class Lease:
    """An address that a client has until `until_ns` nanoseconds."""

    address: Address
    until_ns: int


class Leases:
    """Who has which of the `size` addresses of `prefix` from interface identifier `first` on; lifetimes in seconds."""

    def __init__(
        self, duid: bytes, prefix: Prefix, first: int, size: int = 256, preferred_s: int = 1800, valid_s: int = 3600
    ) -> None:
        self.server = dhcpv6.ServerIdentifier(duid)
        self.pool = [prefix.address(first + number) for number in range(size)]
        self.preferred_s = preferred_s
        self.valid_s = valid_s
        self.leases: dict[tuple[bytes, int], Lease] = {}
        """By the client's DUID and the number of its identity association."""

    def answer(self, message: dhcpv6.ClientMessage, now: int) -> dhcpv6.ClientMessage | None:
        """What a client is answered; None for what a server discards (sections 16 and 18.3)."""
        kind, client = message.type, message.option(dhcpv6.ClientIdentifier)
        server = message.option(dhcpv6.ServerIdentifier)
        if kind not in ANSWERED or server not in (None, self.server):
            return None
        if kind != dhcpv6.Kind.INFORMATION_REQUEST and (client is None or (kind in ADDRESSED) != (server is not None)):
            return None
        if kind == dhcpv6.Kind.INFORMATION_REQUEST and message.option(dhcpv6.IdentityAssociation) is not None:
            return None
        options: list[dhcpv6.DhcpOption] = [self.server] if client is None else [self.server, client]
        for wanted in message.options:
            if isinstance(wanted, dhcpv6.IdentityAssociation):
                options.append(self._association((client.duid, wanted.iaid), kind, now))
        if kind == dhcpv6.Kind.RELEASE:
            options.append(dhcpv6.StatusCode(dhcpv6.DhcpStatus.SUCCESS))
        answer = dhcpv6.Kind.ADVERTISE if kind == dhcpv6.Kind.SOLICIT else dhcpv6.Kind.REPLY
        return dhcpv6.ClientMessage(answer, message.transaction, tuple(options))

    def _association(self, key: tuple[bytes, int], kind: int, now: int) -> dhcpv6.IdentityAssociation:
        self.leases = {key: lease for key, lease in self.leases.items() if lease.until_ns > now}
        lease, is_new = self.leases.get(key), kind in (dhcpv6.Kind.SOLICIT, dhcpv6.Kind.REQUEST)
        taken = {lease.address for lease in self.leases.values()}
        address = lease.address if lease else next((a for a in self.pool if is_new and a not in taken), None)
        if address is None:
            status = dhcpv6.DhcpStatus.NO_ADDRESSES_AVAILABLE if is_new else dhcpv6.DhcpStatus.NO_BINDING
            return dhcpv6.IdentityAssociation(key[1], options=(dhcpv6.StatusCode(status),))
        if kind == dhcpv6.Kind.RELEASE:
            del self.leases[key]
            return dhcpv6.IdentityAssociation(key[1])
        if kind != dhcpv6.Kind.SOLICIT:  # an advertisement promises nothing (section 18.3.9)
            self.leases[key] = Lease(address, now + self.valid_s * NS_PER_S)
        times_s = round(self.preferred_s * T1), round(self.preferred_s * T2)
        leased = dhcpv6.LeasedAddress(address, self.preferred_s, self.valid_s)
        return dhcpv6.IdentityAssociation(key[1], *times_s, (leased,))


class Dhcpv6Server(Host):
    """A host that answers DHCPv6 from `leases`, to relay agents only."""

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0, *, leases: Leases) -> None:
        super().__init__(network, name, x, y)
        self.leases = leases
        self.handlers[UDP] = self._relayed

    def _relayed(self, arrival: Arrival) -> None:
        """Answer what a relay agent has wrapped, by the way that it came (sections 18.3.10 and 19.3)."""
        datagram: UDP = arrival.payload
        if datagram.destination_port != dhcpv6.SERVER_PORT:
            self._datagram(arrival)
            return
        try:
            outer = dhcpv6.decode_dhcpv6(datagram.payload)
            inside = outer.option(dhcpv6.RelayMessage) if isinstance(outer, dhcpv6.RelayForward) else None
            message = None if inside is None else dhcpv6.decode_dhcpv6(inside.message)
        except WireError as error:
            self.discard(arrival.packet, str(error))
            return
        answer = self.leases.answer(message, self.clock.now) if isinstance(message, dhcpv6.ClientMessage) else None
        if answer is None:
            self.discard(arrival.packet, "DHCPv6, but nothing that a relay agent asks this server")
            return
        way = tuple(option for option in outer.options if isinstance(option, dhcpv6.InterfaceIdentifier))
        options = (*way, dhcpv6.RelayMessage(dhcpv6.encode_dhcpv6(answer)))
        reply = dhcpv6.RelayReply(outer.hop_count, outer.link_address, outer.peer_address, options)
        back = UDP(dhcpv6.SERVER_PORT, dhcpv6.SERVER_PORT, dhcpv6.encode_dhcpv6(reply))
        self.transmit(back, arrival.destination, arrival.source)
