"""Conversations: the traits by which packets belong together, as the data flow separator sees them.

The separator stands above IP security and below UDP and TCP (Figure 3). Plain values, seen from the mobile node; rules,
sources of classification and a learner's function look at these.
"""

from __future__ import annotations

from typing import NamedTuple

from mipflow.wire import packet as headers
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import ESP, TCP, UDP, Marks, Opaque

PROTOCOL: dict[type, str] = {UDP: "UDP", TCP: "TCP"}
NUMBERS = {17: "UDP", 6: "TCP"}


class Traits(NamedTuple):
    """A packet's header fields; never a care-of address, and no home address either: that is chosen later.

    protocol: "UDP", "TCP", "ICMPv6", "ESP", or another next header as a number; local_port: for ICMPv6 the echo
    identifier; cn: the correspondent; remote_port: 0 for ICMPv6; outgoing: whether the mobile node sends it; dscp: the
    six bits of RFC 2474; flow_label: 20 bits, 0 for none (RFC 6437); spi: of ESP; headers: extension headers and
    options by name, such as "hop-by-hop options", "option 5", "destination options", "routing header"; application:
    the application's name for itself, empty where it gives none.
    """

    protocol: str
    local_port: int
    cn: Address
    remote_port: int
    outgoing: bool = True
    dscp: int = 0
    flow_label: int = 0
    spi: int = 0
    headers: tuple[str, ...] = ()
    application: str = ""


class Conversation(NamedTuple):
    """The common traits of all packets of one conversation, seen from the mobile node; never an address of its own.

    For ICMPv6 the ports are the echo identifier and 0; for ESP the SPI in use: outgoing as local, incoming as remote
    port, the other one 0.
    """

    protocol: str
    local_port: int
    cn: Address
    remote_port: int

    @classmethod
    def of(cls, traits: Traits) -> Conversation:
        """Return the conversation of a packet with these traits."""
        return cls(*traits[:4])

    @classmethod
    def begun(cls, protocol: str, near: int, cn: Address, far: int, outgoing: bool) -> tuple[Conversation, ...]:
        """Return the conversations of an application with these ports, `near` being the mobile node's.

        Each end of ESP chooses the SPI of what it receives, so outgoing packets have the far one, and each direction is
        a conversation of its own; an echo has the identifier of the end that asks.
        """
        if protocol == "ESP":
            both = cls(protocol, far, cn, 0), cls(protocol, 0, cn, near)
            return both if outgoing else both[::-1]
        if protocol == "ICMPv6":
            return (cls(protocol, (near if outgoing else far) & 0xFFFF, cn, 0),)
        return (cls(protocol, near, cn, far),)


Key = tuple[str, int, "Address", int]
"""A Conversation as a plain tuple: equal to it, and has the same hash."""


class FlowInformation(NamedTuple):
    """The facts of a flow that the separator needs (page 11), and that policies look at.

    traits: those of its first packet; word: further conversations with the same correspondent join the flow by it,
    empty for a flow of one conversation; source: the name of the source that classified it.
    """

    traits: Traits
    word: str = ""
    source: str = "headers"

    @property
    def first(self) -> Conversation:
        """The conversation with which the flow began."""
        return Conversation.of(self.traits)

    def __str__(self) -> str:
        ports = f"{self.traits.protocol} {self.traits.local_port} > {self.traits.remote_port}"
        return f"{ports} ({self.word})" if self.word else ports


def conversation_of(payload: object, cn: Address, outgoing: bool) -> Conversation | None:
    """Return the conversation of a whole packet by its payload; None for one without, such as an ICMPv6 error."""
    if isinstance(payload, UDP | TCP):
        near, far = payload.source_port, payload.destination_port
        return Conversation(PROTOCOL[type(payload)], *((near, cn, far) if outgoing else (far, cn, near)))
    if isinstance(payload, EchoRequest | EchoReply):
        return Conversation("ICMPv6", payload.identifier, cn, 0)
    return _of_octets(payload.next_header, payload.data, cn, outgoing) if isinstance(payload, Opaque) else None


def _of_octets(next_header: int, data: bytes, cn: Address, outgoing: bool) -> Conversation:
    """Return the conversation of octets: ports or SPI stand in front, in UDP, TCP and ESP alike."""
    numbers = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    if next_header == ESP:
        spi = numbers[0] << 16 | numbers[1]
        return Conversation("ESP", spi, cn, 0) if outgoing else Conversation("ESP", 0, cn, spi)
    if next_header in NUMBERS and len(data) >= 4:
        near, far = numbers if outgoing else numbers[::-1]
        return Conversation(NUMBERS[next_header], near, cn, far)
    return Conversation(str(next_header), 0, cn, 0)


def traits_of(conversation: Conversation, outgoing: bool, marks: Marks, application: str = "") -> Traits:
    """Return the traits of a packet of a conversation."""
    spi = conversation.local_port or conversation.remote_port if conversation.protocol == "ESP" else 0
    names = tuple(name for header in marks.extensions for name in _names(header))
    return Traits(*conversation, outgoing, marks.traffic_class >> 2, marks.flow_label, spi, names, application)


def _names(header: headers.ExtensionHeader) -> list[str]:
    """Return the words for an extension header and its options."""
    if isinstance(header, headers.HopByHopOptions | headers.DestinationOptions):
        kind = "hop-by-hop options" if isinstance(header, headers.HopByHopOptions) else "destination options"
        unknown = [option for option in header.options if isinstance(option, headers.UnknownOption)]
        return [kind, *(f"option {option.type}" for option in unknown)]
    return ["fragment" if isinstance(header, headers.FragmentHeader) else "routing header"]
