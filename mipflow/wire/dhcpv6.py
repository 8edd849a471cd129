"""DHCPv6 messages and options as values (RFC 8415), and their octets, which a UDP datagram carries.

Here are the options by which addresses are given and taken back, and the messages that relay agents wrap around others.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from mipflow.errors import WireError
from mipflow.wire import layers
from mipflow.wire.address import Address
from mipflow.wire.forms import Value, on_wire, only_wire_errors
from mipflow.wire.options import cut
from mipflow.wire.packet import DHCPV6_PORTS

CLIENT_PORT, SERVER_PORT = DHCPV6_PORTS
ALL_RELAY_AGENTS_AND_SERVERS = Address("ff02::1:2")
DUIDS, OCTETS = range(3, 131), range(65508)
"""Octets of a DHCP unique identifier (RFC 8415 section 11.1), and of what a datagram has room for."""


class Kind(IntEnum):
    """Types of the messages between clients and servers (RFC 8415 section 7.3), in so far as they are used here."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    RENEW = 5
    REBIND = 6
    REPLY = 7
    RELEASE = 8
    DECLINE = 9
    INFORMATION_REQUEST = 11


class DhcpStatus(IntEnum):
    """Status codes (RFC 8415 section 21.13)."""

    SUCCESS = 0
    NO_ADDRESSES_AVAILABLE = 2
    NO_BINDING = 3


class _Nested(Value):
    """An option or a message: `fixed` octets, and behind them octets or options."""

    @property
    def size(self) -> int:
        """Octets on the wire."""
        options: tuple[DhcpOption, ...] = getattr(self, "options", ())
        octets = sum(len(field) for field in vars(self).values() if isinstance(field, bytes))
        return self.fixed + octets + sum(option.size for option in options)

    def option(self, kind: type[Any]) -> Any:
        """Return the first option of a kind, or None."""
        return next(iter(self.every(kind)), None)

    def every(self, kind: type[Any]) -> tuple[Any, ...]:
        """Return all options of a kind, in their order."""
        return tuple(option for option in getattr(self, "options", ()) if isinstance(option, kind))


class DhcpOption(_Nested, family="DHCPv6 option"):
    """An option (RFC 8415 section 21)."""


@on_wire(1, "DHCP6OptClientId", "duid", DUIDS, fixed=4)
class ClientIdentifier(DhcpOption):
    """Option 1 (section 21.2)."""

    duid: bytes


@on_wire(2, "DHCP6OptServerId", "duid", DUIDS, fixed=4)
class ServerIdentifier(DhcpOption):
    """Option 2 (section 21.3)."""

    duid: bytes


@on_wire(3, "DHCP6OptIA_NA", "iaid t1_s=T1 t2_s=T2", fixed=16)
class IdentityAssociation(DhcpOption):
    """Option 3, IA_NA: the addresses of one interface, or one home address (section 21.4)."""

    iaid: int
    t1_s: int = 0
    t2_s: int = 0
    options: tuple[DhcpOption, ...] = ()


@on_wire(5, "DHCP6OptIAAddress", "address=addr preferred_lifetime_s=preflft valid_lifetime_s=validlft", fixed=28)
class LeasedAddress(DhcpOption):
    """Option 5, IA Address (section 21.6)."""

    address: Address
    preferred_lifetime_s: int = 0
    valid_lifetime_s: int = 0
    options: tuple[DhcpOption, ...] = ()


@on_wire(6, "DHCP6OptUnknown", "codes=data", OCTETS, fixed=4, optcode=6)
class OptionRequest(DhcpOption):
    """Option 6 (section 21.7): the octets of the codes of options that a client wants, two for each."""

    codes: bytes


@on_wire(7, "DHCP6OptPref", "value=prefval", fixed=5)
class Preference(DhcpOption):
    """Option 7 (section 21.8): how much a server is to be preferred; a client waits for no other after 255."""

    value: int


@on_wire(8, "DHCP6OptElapsedTime", "hundredths_s=elapsedtime", fixed=6)
class ElapsedTime(DhcpOption):
    """Option 8 (section 21.9)."""

    hundredths_s: int = 0


@on_wire(9, "DHCP6OptRelayMsg", "message", OCTETS, fixed=4)
class RelayMessage(DhcpOption):
    """Option 9 (section 21.10): the octets of a message."""

    message: bytes


@on_wire(13, "DHCP6OptStatusCode", "status=statuscode message=statusmsg", OCTETS, fixed=6)
class StatusCode(DhcpOption):
    """Option 13 (section 21.13)."""

    status: int
    message: bytes = b""


@on_wire(18, "DHCP6OptIfaceId", "identifier=ifaceid", OCTETS, fixed=4)
class InterfaceIdentifier(DhcpOption):
    """Option 18 (section 21.18): octets by which a relay agent knows the way back."""

    identifier: bytes


@on_wire(None, "DHCP6OptUnknown", "type=optcode data", OCTETS, fixed=4)
class UnknownDhcpOption(DhcpOption):
    """Any other option: ignored (section 16)."""

    type: int
    data: bytes


class DhcpMessage(_Nested, family="DHCPv6 message"):
    """A message."""


@on_wire(None, "DHCP6", "type=msgtype transaction=trid", fixed=4)
class ClientMessage(DhcpMessage):
    """A message between client and server; `type` is a `Kind` (section 8)."""

    type: int
    transaction: int
    options: tuple[DhcpOption, ...] = ()


@on_wire(None, fixed=34)
class _Relayed(DhcpMessage):
    """A message between a relay agent and a server (section 9)."""

    hop_count: int
    link_address: Address
    peer_address: Address
    options: tuple[DhcpOption, ...] = ()


RELAY = "hop_count=hopcount link_address=linkaddr peer_address=peeraddr"


@on_wire(12, "DHCP6_RelayForward", RELAY, fixed=34)
class RelayForward(_Relayed):
    """Relay-forward (section 9.1)."""


@on_wire(13, "DHCP6_RelayReply", RELAY, fixed=34)
class RelayReply(_Relayed):
    """Relay-reply (section 9.2)."""


PLACES = {IdentityAssociation: "ianaopts", LeasedAddress: "iaaddropts"}
"""Options that hold options -> scapy's name for these."""


def default_times_s(preferred_s: int) -> tuple[int, int]:
    """Return T1 and T2 of an address with this preferred lifetime, where nobody names others (sections 14.2, 21.4)."""
    return round(preferred_s * 0.5), round(preferred_s * 0.8)


def encode_dhcpv6(message: DhcpMessage) -> bytes:
    """Return the octets of a message. Raises WireError, naming field and value, for one that has none."""
    return bytes(dhcpv6_layer(message))


def dhcpv6_layer(value: Any) -> layers.Layer:
    """Build a message or an option as scapy's layers. Raises WireError, naming field and value, for one that has no
    bytes.
    """
    inside = [dhcpv6_layer(option) for option in getattr(value, "options", ())]
    place = PLACES.get(type(value))
    layer: layers.Layer = value.form.write(value, **({place: inside} if place else {}))
    for option in () if place else inside:
        layer.add_payload(option)
    return layer


def decode_dhcpv6(data: bytes) -> Any:
    """Return the message that these octets are. Raises WireError with the reason for anything malformed or unknown."""
    with only_wire_errors("not readable as DHCPv6", data):
        data = bytes(data)
        form = DhcpMessage.find(data[0] if data else None)
        if len(data) < form.fixed:
            raise WireError(f"a DHCPv6 message of {len(data)} octets; expected at least {form.fixed}", data)
        return form.read(data, options=_options(data[form.fixed :]))


def _options(data: bytes) -> tuple[DhcpOption, ...]:
    return tuple(map(_option, cut(data, DhcpOption.family, lambda rest: 4 + int.from_bytes(rest[2:4], "big"))))


def _option(data: bytes) -> Any:
    form = DhcpOption.find(int.from_bytes(data[:2], "big"))
    nested = {"options": _options(data[form.fixed :])} if form.value in PLACES else {}
    option = form.read(data, **nested) if len(data) >= form.fixed else None
    if option is None or option.size != len(data):
        raise WireError(f"{form.value.__name__} of {len(data)} octets; expected {form.fixed}", data)
    return option
