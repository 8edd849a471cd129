"""A packet is a slotted value that always encodes: the IPv6 header, its extension headers, UDP and TCP.

Field names are those of the RFCs. Lengths and checksums exist only in bytes (`wire.codec`); `size` is
derived, and kept because every link asks for it. A packet is in one place at a time: a router lowers
`hop_limit` in place; whoever keeps or duplicates a packet calls `copy()`.

`label` and `sent_ns` are the simulator's own and not on the wire: to which flow a packet belongs (its id; negative on
the way to the mobile node; 0 for none), and when its sender's upper layer made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from mipflow.errors import WireError
from mipflow.wire.address import Address
from mipflow.wire.forms import Value, on_wire

Kind = TypeVar("Kind")

IPV6_HEADER = 40
ESP = 50
"""The next header number of ESP (RFC 4303 section 2)."""
NO_NEXT_HEADER = 59
"""The next header number that says: nothing follows (RFC 8200 section 4.7)."""
DHCPV6_PORTS = 546, 547
"""Ports of clients, and of servers and relay agents (RFC 8415 section 7.2)."""
HOME_ADDRESS_PORT, POLICY_PORT = 65500, 65501
"""Ports of both ends of protocols of our own: nobody can register these (RFC 6335 section 6), and no host begins there.
"""
SIGNALLING_PORTS = frozenset((*DHCPV6_PORTS, HOME_ADDRESS_PORT, POLICY_PORT))
"""UDP ports of protocols whose packets are no data."""
TUNNEL_OVERHEAD = IPV6_HEADER
"""Octets that IPv6-in-IPv6 adds (RFC 2473)."""


class Sized(Protocol):
    """Anything that an IPv6 packet can carry: it knows its size in octets."""

    @property
    def size(self) -> int: ...


class WithData:
    """A value of `fixed` octets with `data` behind them."""

    __slots__ = ()
    fixed: ClassVar[int]
    data: bytes

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return self.fixed + len(self.data)


class WithOptions:
    """A header of `fixed` octets with aligned options behind them; the whole is a multiple of eight octets."""

    __slots__ = ()
    fixed: ClassVar[int] = 2
    options: tuple[Value, ...]

    @property
    def size(self) -> int:
        """Octets on the wire, padding included (RFC 8200 section 4.2, RFC 6275 section 6.2.1)."""
        end = self.fixed
        for start, option in self.placed():
            end = start + option.size
        return end + -end % 8

    def placed(self) -> Iterator[tuple[int, Value]]:
        """Yield each option with the octet of this header at which it starts."""
        position = self.fixed
        for option in self.options:
            unit, start = option.alignment
            position += (start - position) % unit
            yield position, option
            position += option.size

    def option(self, kind: type[Kind]) -> Kind | None:
        """Return the first option of the given kind, or None."""
        return next((option for option in self.options if isinstance(option, kind)), None)


# --- extension headers (RFC 8200 section 4, RFC 6275 sections 6.3 and 6.4) ----------------------------------


class ExtensionOption(Value, family="option"):
    """An option of a hop-by-hop or destination options header (RFC 8200 section 4.2)."""


@on_wire(0xC9, "HAO", "home_address=hoa", fixed=18, alignment=(8, 6))
class HomeAddressOption(ExtensionOption):
    """Destination option 0xC9, alignment 8n+6 (RFC 6275 section 6.3)."""

    home_address: Address


@on_wire(None, "HBHOptUnknown", "type=otype data=optdata", range(256))
class UnknownOption(WithData, ExtensionOption):
    """Any other option.

    Padding (types 0 and 1) is a value only in a header whose padding is not what `encode` writes by itself.
    """

    type: int
    data: bytes = b""

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return 1 if self.type == 0 else 2 + len(self.data)


@dataclass(slots=True, frozen=True)
class DestinationOptions(WithOptions):
    """Destination options header (RFC 8200 section 4.6)."""

    options: tuple[ExtensionOption, ...]

    @property
    def home_address(self) -> Address | None:
        """The address of the first Home Address option, if there is one."""
        return next((option.home_address for option in self.options if isinstance(option, HomeAddressOption)), None)


@dataclass(slots=True, frozen=True)
class HopByHopOptions(WithOptions):
    """Hop-by-hop options header (RFC 8200 section 4.3)."""

    options: tuple[UnknownOption, ...]


@dataclass(slots=True, frozen=True)
class RoutingHeaderType2:
    """Type 2 routing header (RFC 6275 section 6.4): the home address to which the packet finally goes."""

    home_address: Address
    segments_left: int = 1
    size = fixed = 24


@dataclass(slots=True, frozen=True)
class RoutingHeader(WithData):
    """A routing header of any other type, kept as it came (RFC 8200 section 4.4).

    `data` is what follows the segments left, 8n+4 octets. With segments left, what follows the header is
    Opaque: only the nodes on its list may read on.
    """

    type: int
    segments_left: int
    data: bytes
    fixed: ClassVar[int] = 4


@dataclass(slots=True, frozen=True)
class FragmentHeader:
    """Fragment header (RFC 8200 section 4.5). `offset` counts units of 8 octets."""

    offset: int
    more: bool
    identification: int
    datagram: tuple[Address, int] | None = field(default=None, compare=False, repr=False)
    """The node that cut the whole datagram, and its number: the simulator's, on no wire. A piece of a piece has the
    same.
    """
    size = fixed = 8


ExtensionHeader = DestinationOptions | HopByHopOptions | RoutingHeaderType2 | RoutingHeader | FragmentHeader


# --- what a packet carries ----------------------------------------------------------------------------------


@dataclass(slots=True)
class UDP:
    """A UDP datagram (RFC 768). One value may be shared by many packets: treat it as constant."""

    source_port: int
    destination_port: int
    payload: bytes = b""
    size: int = field(init=False, repr=False, compare=False)
    """Octets on the wire."""
    fixed: ClassVar[int] = 8

    def __post_init__(self) -> None:
        self.size = 8 + len(self.payload)


@dataclass(slots=True)
class TCP:
    """A TCP segment (RFC 9293).

    A SYN has its maximum segment size option first and its window scale option last; `options` are the octets
    of all other options, 4n of them, as they are on the wire. `other_flags` are the seven bits above ACK: URG 1,
    ECE 2, CWR 4, and the reserved ones.
    """

    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int = 0
    syn: bool = False
    ack: bool = False
    fin: bool = False
    rst: bool = False
    psh: bool = False
    window: int = 65535
    maximum_segment_size: int | None = None
    window_scale: int | None = None
    payload: bytes = b""
    options: bytes = b""
    other_flags: int = 0
    urgent_pointer: int = 0
    fixed: ClassVar[int] = 20

    @property
    def header_size(self) -> int:
        """Octets of the header with its options, a multiple of four."""
        return self.size - len(self.payload)

    @property
    def size(self) -> int:
        """Octets on the wire."""
        if not self.syn:
            return 20 + len(self.options) + len(self.payload)
        on_syn = (self.maximum_segment_size is not None) + (self.window_scale is not None)
        return 20 + 4 * on_syn + len(self.options) + len(self.payload)


@dataclass(slots=True, frozen=True)
class Opaque(WithData):
    """Octets under a next-header number that is not read further: ESP, a fragment's piece, an unknown one.

    It is written as it stands, checksums included, so it can also carry a header that is wrong on purpose. `inside` is
    the simulator's own, as a label is: what is encrypted here, for pictures alone. No node reads it.
    """

    next_header: int
    data: bytes
    inside: Sized | None = field(default=None, repr=False, compare=False)
    fixed: ClassVar[int] = 0


SIZES = list(range(2048))
"""One integer for each common size, shared by all packets: a tenth of the memory of a packet."""


class Marks(NamedTuple):
    """The share of an upper layer in the headers of all that it sends, beside the addresses.

    traffic_class: its upper six bits are the DSCP (RFC 2474); flow_label: RFC 6437; extensions: in their order.
    """

    traffic_class: int = 0
    flow_label: int = 0
    extensions: tuple[ExtensionHeader, ...] = ()


NO_MARKS = Marks()


@dataclass(slots=True, eq=False)
class Header:
    """The headers that the packets of a flow have in common, hop limit aside, and the label of its packets.

    One value is shared by many packets: treat it as constant. Two are equal where they are the same object, so that
    whatever is known of one is found by it at once. `size`: octets of the IPv6 header with its extensions. Raises
    WireError for a traffic class or flow label that does not fit its field.
    """

    source: Address
    destination: Address
    marks: Marks = NO_MARKS
    label: int = 0
    extensions: tuple[ExtensionHeader, ...] = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        marks, self.extensions = self.marks, self.marks.extensions
        self.size = IPV6_HEADER + sum(header.size for header in self.extensions)
        if marks is not NO_MARKS:
            fields = ("traffic_class", marks.traffic_class, 0xFF), ("flow_label", marks.flow_label, 0xF_FFFF)
            for name, value, most in fields:
                if not 0 <= value <= most:
                    raise WireError(f"Packet {name} {value}; expected 0 to {most}", value)


def _of_header(name: str) -> Any:
    """Make a field of a packet that stands in its header; a packet for which it is set gets a header of its own."""

    def put(packet: Packet, value: object) -> None:
        packet.header = replace(packet.header, **{name: value})  # type: ignore[arg-type]

    return property(attrgetter(f"header.{name}"), put)


class Packet:
    """An IPv6 packet (RFC 8200 section 3).

    `payload` is a UDP, TCP, ICMPv6 or Mobility Header value, another Packet (IPv6-in-IPv6, RFC 2473), or
    Opaque. `extensions` are the extension headers in order. `size` is the whole packet in octets. `header` is shared
    with other packets of the flow; a packet gets one of its own where a field of it is set.
    """

    __slots__ = ("header", "hop_limit", "payload", "sent_ns", "size")
    fixed: ClassVar[int] = IPV6_HEADER

    def __init__(
        self, source: Address, destination: Address, payload: Sized, hop_limit: int = 64,
        extensions: tuple[ExtensionHeader, ...] = (), traffic_class: int = 0, flow_label: int = 0, label: int = 0,
        sent_ns: int = 0,
    ) -> None:  # fmt: skip
        is_marked = extensions or traffic_class or flow_label
        marks = Marks(traffic_class, flow_label, extensions) if is_marked else NO_MARKS
        self.header = Header(source, destination, marks, label)
        self.payload = payload
        self.hop_limit = hop_limit
        self.sent_ns = sent_ns
        self.size = self.header.size + payload.size

    source: Address = _of_header("source")
    destination: Address = _of_header("destination")
    label: int = _of_header("label")
    extensions: tuple[ExtensionHeader, ...] = _of_header("extensions")
    traffic_class: int = _of_header("marks.traffic_class")
    """Traffic class, 8 bits (RFC 8200 section 3)."""
    flow_label: int = _of_header("marks.flow_label")
    """Flow label, 20 bits (RFC 6437)."""

    @property
    def flow(self) -> int:
        """The flow that the packet is labelled with, 0 for none."""
        return abs(self.label)

    @property
    def upward(self) -> bool:
        """True on the way from the mobile node to the correspondent node."""
        return self.label >= 0

    def copy(self) -> Packet:
        """Return a packet that later changes of this one do not touch (a tunnelled packet is copied with it)."""
        payload = self.payload.copy() if isinstance(self.payload, Packet) else self.payload
        return packet_of(self.header, payload, self.sent_ns, self.hop_limit)

    def unlabel(self) -> None:
        """Take the simulator's label off, inside tunnels too: this packet counts for no flow."""
        packet: Sized = self
        while isinstance(packet, Packet):
            packet.header = replace(packet.header, label=0)
            packet = packet.payload

    @property
    def carried(self) -> Sized:
        """The payload; where that is ESP and the simulator knows its contents, these."""
        payload = self.payload
        return payload.inside if type(payload) is Opaque and payload.inside is not None else payload

    def innermost(self) -> Packet:
        """Return the packet inside all tunnels: this one where nothing is tunnelled. ESP is no tunnel to nodes without
        its keys.
        """
        packet = self
        while isinstance(packet.payload, Packet):
            packet = packet.payload
        return packet

    def datagram(self) -> tuple[Address, int] | None:
        """Return what the fragments of one datagram have in common, those cut once more too; None for a whole one."""
        inner = self.innermost()
        header = next((header for header in inner.extensions if isinstance(header, FragmentHeader)), None)
        return None if header is None else header.datagram or (inner.source, header.identification)

    def unsealed(self) -> Packet:
        """Return the packet inside all tunnels, those of ESP too: for pictures, which show more than a node on the way
        can see.
        """
        packet = self
        while isinstance(inside := packet.carried, Packet):
            packet = inside
        return packet

    def fields(self) -> tuple[object, ...]:
        """Return the contents on the wire, as plain values: two packets with equal fields have equal bytes."""
        payload = self.payload.fields() if isinstance(self.payload, Packet) else self.payload
        ends = (self.source, self.destination)
        return (*ends, self.hop_limit, self.traffic_class, self.flow_label, self.extensions, payload)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packet) and self.fields() == other.fields()

    __hash__ = None  # type: ignore[assignment]  # a packet changes on its way

    def __repr__(self) -> str:
        headers = "".join(f" {header}" for header in self.extensions)
        return f"<Packet {self.source} > {self.destination} hop_limit={self.hop_limit}{headers} {self.payload!r}>"


_new = object.__new__


def packet_of(header: Header, payload: Sized, sent_ns: int, hop_limit: int = 64) -> Packet:
    """Return a packet with a header that is there already: in half the time of `Packet`, whose `__init__` is a call
    from C.
    """
    packet = _new(Packet)
    packet.header = header
    packet.payload = payload
    packet.hop_limit = hop_limit
    packet.sent_ns = sent_ns
    size = header.size + payload.size
    packet.size = SIZES[size] if size < 2048 else size
    return packet
