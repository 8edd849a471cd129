"""One packet as a protocol analyser shows it: every header, every field, and its bytes.

Takes a trace and the number of a packet-hop; gives headers and fields with their places to the bit, and a card of HTML
in which a field and its bytes point at each other. The bytes are those that scapy makes, and the places come from
building them field by field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count as counting
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from mipflow.errors import WireError
from mipflow.sim.trace import LOST, Hop, Trace
from mipflow.view.drawing.picture import Picture
from mipflow.view.drawing.style import escape
from mipflow.view.story.words import Words, cut, long, seconds
from mipflow.wire import codec, layers
from mipflow.wire.address import Address
from mipflow.wire.dhcpv6 import decode_dhcpv6, dhcpv6_layer
from mipflow.wire.packet import DHCPV6_PORTS, Packet, Sized, WithOptions

MOST_OCTETS = 2048
"""Octets of one header, or of one field's value, that a card shows; the rest is counted."""
OCTETS_CARRIED, MOST_CARRIED, MOST_KEPT = 64, 80, 400
"""The same for a card that a page carries along, how many of them one does, and how many are kept for further pages."""
LARGEST = 64
"""Bits of a field that is told as a number; of a larger one the octets say more."""
MOST_LETTERS = 120
"""Letters of a field's value that a card shows."""

_WORDS = {
    "tc": "traffic class", "fl": "flow label", "plen": "payload length", "nh": "next header", "hlim": "hop limit",
    "src": "source", "dst": "destination", "len": "length", "otype": "type", "optlen": "length", "olen": "length",
    "optdata": "data", "odata": "data", "hoa": "home address", "hni": "home nonce index", "ha": "home address",
    "coni": "care-of nonce index", "mhtype": "message", "res": "reserved", "res1": "reserved", "res2": "reserved",
    "cksum": "checksum", "chksum": "checksum", "seq": "sequence", "mhtime": "lifetime", "token": "keygen token",
    "index": "nonce index", "sport": "source port", "dport": "destination port", "segleft": "segments left",
    "authdata": "authenticator", "acoa": "care-of address", "tgt": "target", "ack": "acknowledgement",
    "dataofs": "data offset", "urgptr": "urgent pointer", "id": "identifier", "ptr": "pointer", "m": "more fragments",
    "rinter": "refresh interval", "optcode": "option type", "msgtype": "message", "trid": "transaction",
    "elapsedtime": "elapsed time", "addr": "address", "preflft": "preferred lifetime", "validlft": "valid lifetime",
    "preferredlifetime": "preferred lifetime", "validlifetime": "valid lifetime", "prefixlen": "prefix length",
    "lladdr": "link-layer address", "chlim": "current hop limit", "routerlifetime": "router lifetime",
    "reachabletime": "reachable time", "retranstimer": "retransmission timer", "prf": "router preference",
    "advint": "advertisement interval", "hopcount": "hop count", "linkaddr": "link address",
    "peeraddr": "peer address", "msgbody": "data", "cgaparams": "CGA parameters", "sig": "signature",
    "hkt": "permanent home keygen token", "cokt": "care-of keygen token", "spi": "security parameters index",
    "msg": "data", "load": "data", "ianaopts": "options", "iaaddropts": "options", "prefval": "preference",
    "ifaceid": "interface identifier", "statuscode": "status", "statusmsg": "status message", "pref": "preference",
    "duid": "DUID", "iaid": "IAID",
}  # fmt: skip
"""Scapy's short names of fields in the words of the RFCs; any other name is shown as it is."""

_OWN = {
    "MIP6MH_BU": {
        "A": "acknowledge", "H": "home registration", "L": "link-local address compatibility",
        "K": "key management mobility capability", "M": "mobility anchor point", "R": "mobile router",
        "P": "proxy registration",
    },
    "MIP6MH_BA": {"K": "key management mobility capability", "R": "mobile router", "P": "proxy registration"},
    "TCP": {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR"},
    "ICMPv6ND_RA": {"M": "managed addresses", "O": "other configuration", "H": "home agent", "P": "proxy"},
    "ICMPv6ND_NA": {"R": "router", "S": "solicited", "O": "override"},
    "ICMPv6NDOptPrefixInfo": {"L": "on-link", "A": "autonomous", "R": "router address"},
    "ICMPv6MPAdv": {"M": "managed addresses", "O": "other configuration"},
    "IPv6ExtHdrRouting": {"addresses": "home address"}, "ICMPv6HAADRequest": {"R": "mobile routers"},
    "ICMPv6HAADReply": {"addresses": "home agent", "R": "mobile routers"},
}  # fmt: skip
"""Names that mean something of their own in one class: flags, which are fields or bits of one, and lists."""

_NAMES = {
    "IPv6ExtHdrRouting": "IPv6 Extension Header - Type 2 Routing Header", "MIP6OptUnknown": "Unknown Mobility Option",
    "RoutingHeaderOctets": "IPv6 Extension Header - Routing Header", "DHCP6": "DHCPv6 Message",
    "MIP6MH_BA": "IPv6 Mobility Header - Binding Acknowledgement",
}  # fmt: skip
"""Classes whose name in scapy is not the one in their RFC."""

_SECTIONS = {
    "8200": {
        "3": "IPv6", "4.2": "HBHOptUnknown Pad1 PadN", "4.3": "IPv6ExtHdrHopByHop", "4.4": "RoutingHeaderOctets",
        "4.5": "IPv6ExtHdrFragment", "4.6": "IPv6ExtHdrDestOpt",
    },
    "6275": {
        "6.1.2": "MIP6MH_BRR", "6.1.3": "MIP6MH_HoTI", "6.1.4": "MIP6MH_CoTI", "6.1.5": "MIP6MH_HoT",
        "6.1.6": "MIP6MH_CoT", "6.1.7": "MIP6MH_BU", "6.1.8": "MIP6MH_BA", "6.1.9": "MIP6MH_BE",
        "6.1.1": "MIP6MH_Generic",
        "6.2.1": "MIP6OptUnknown", "6.2.4": "MIP6OptBRAdvice", "6.2.5": "MIP6OptAltCoA", "6.2.6": "MIP6OptNonceIndices",
        "6.2.7": "MIP6OptBindingAuthData", "6.3": "HAO", "6.4": "IPv6ExtHdrRouting", "6.5": "ICMPv6HAADRequest",
        "6.6": "ICMPv6HAADReply", "6.7": "ICMPv6MPSol", "6.8": "ICMPv6MPAdv", "7.3": "ICMPv6NDOptAdvInterval",
        "7.4": "ICMPv6NDOptHAInfo",
    },
    "4866": {
        "5.1": "MIP6OptCGAParams", "5.2": "MIP6OptSignature", "5.3": "MIP6OptHomeKeygenToken",
        "5.4": "MIP6OptCareOfTestInit", "5.5": "MIP6OptCareOfTest", "5.6": "MIP6OptCGAParamsReq",
    },
    "4443": {
        "2.1": "ICMPv6Unknown", "3.1": "ICMPv6DestUnreach", "3.2": "ICMPv6PacketTooBig", "3.3": "ICMPv6TimeExceeded",
        "3.4": "ICMPv6ParamProblem", "4.1": "ICMPv6EchoRequest", "4.2": "ICMPv6EchoReply",
    },
    "4861": {
        "4.1": "ICMPv6ND_RS", "4.2": "ICMPv6ND_RA", "4.3": "ICMPv6ND_NS", "4.4": "ICMPv6ND_NA",
        "4.6": "ICMPv6NDOptUnknown", "4.6.1": "ICMPv6NDOptSrcLLAddr ICMPv6NDOptDstLLAddr",
        "4.6.2": "ICMPv6NDOptPrefixInfo", "4.6.4": "ICMPv6NDOptMTU",
    },
    "8415": {
        "8": "DHCP6", "9.1": "DHCP6_RelayForward", "9.2": "DHCP6_RelayReply", "21.1": "DHCP6OptUnknown",
        "21.2": "DHCP6OptClientId", "21.3": "DHCP6OptServerId", "21.4": "DHCP6OptIA_NA", "21.6": "DHCP6OptIAAddress",
        "21.8": "DHCP6OptPref", "21.9": "DHCP6OptElapsedTime", "21.10": "DHCP6OptRelayMsg",
        "21.13": "DHCP6OptStatusCode", "21.18": "DHCP6OptIfaceId",
    },
    "768": {"": "UDP"}, "9293": {"3.1": "TCP"}, "4303": {"2": "ESP"},
}  # fmt: skip
RFC = {
    name: f"RFC {number}{' section ' * bool(section)}{section}"
    for number, sections in _SECTIONS.items() for section, names in sections.items() for name in names.split()
}  # fmt: skip
"""Scapy's class of a header or an option -> where it is defined."""
UNKNOWN = "no section known"
_PADDING_OF_MOBILITY = {"Pad1": "RFC 6275 section 6.2.2", "PadN": "RFC 6275 section 6.2.3"}


WAYS = (
    "<p><button type='button' class='mipflow-way' data-ns='{ns}' data-hops='{hop}'>To this moment</button> <button"
    " type='button' class='mipflow-way' data-act='ladder' data-by='{hop}'>In the ladder</button></p>"
)
"""From a card to the film around it, and to the arrow of a ladder in the same page."""
HINT = "Point at a field or at a byte to see what belongs to it; with the keys: Tab to fields or to bytes, then arrows."
FOUND = (
    '.mipflow-packet:has(tr[data-f="{0}"]:is(:hover,:focus-within)) label[data-f~="{0}"],'
    '.mipflow-packet:has(label[data-f~="{0}"]:is(:hover,:focus-within)) tr[data-f="{0}"]'
)
"""The octets of the field that is pointed at, and the fields of such octets, in CSS."""
_NUMBERS = counting(1)


RADIO = "<input type='radio' name='{}'>"
"""Of it nothing is seen, but the keys lead there."""
Card = tuple[str, str]
"""A title, and HTML."""


class Field(NamedTuple):
    """One field: its name in words, its value as text, its first bit in the packet, and how many it has.

    One that holds others (an option, a field of flags) comes before them and is `depth` 0; they are 1 or deeper.
    """

    name: str
    value: str
    first_bit: int
    bits: int
    depth: int = 0

    @property
    def octets(self) -> range:
        """The octets that it touches."""
        return range(self.first_bit // 8, (self.first_bit + self.bits + 7) // 8)

    @property
    def place(self) -> str:
        """Its octets, and of those that it shares its bits, in words: "8 to 23", "0 to 1, bits 4 to 11"."""
        octets, first = self.octets, self.first_bit % 8
        text, shared = _span(octets[0], octets[-1]), first or self.bits % 8
        return f"{text}, bit{'s' * (self.bits > 1)} {_span(first, first + self.bits - 1)}" if shared else text


class Header(NamedTuple):
    """One header: its name, where it is defined, its fields in order, and its place in the bytes of the packet."""

    name: str
    rfc: str
    fields: list[Field]
    first: int
    octets: bytes


def inspect(
    trace: Trace, number: int, *, names: Mapping[Address, str], nodes: Mapping[str, str] = MappingProxyType({})
) -> Picture:
    """Show packet-hop `number` of the trace: every header, every field, its bytes.

    names: address -> short word; nodes: node -> what the pictures call it. `rows()` gives one dict for each field:
    header, rfc, field, value, and its place in the packet: first_octet and octets, and of these first_bit and bits.
    Raises ProtocolMisuse where there is no such hop.
    """
    hop = trace[number]
    headers, said = dissect(hop, names), _said(hop, nodes)

    def sentences() -> list[str]:
        told = [(each, ", ".join(f"{field.name} {field.value}" for field in each.fields)) for each in headers]
        return [*said, *(f"{each.name} ({len(each.octets)} octets): {fields}." for each, fields in told)]

    def rows() -> list[dict[str, object]]:
        return [
            {
                "header": header.name, "rfc": header.rfc, "field": field.name, "value": field.value,
                "first_octet": field.first_bit // 8, "octets": len(field.octets), "first_bit": field.first_bit % 8,
                "bits": field.bits,
            }
            for header in headers for field in header.fields
        ]  # fmt: skip

    card = _card(said, _opened(headers, f"packet{next(_NUMBERS)}"))
    return Picture(_title(hop), sentences, rows, html=_pointing(sum(len(each.fields) for each in headers)) + card)


def carried(
    trace: Trace, hops: Iterable[int], alike: Mapping[int, int] | None = None, *, names: Mapping[Address, str],
    nodes: Mapping[str, str] = MappingProxyType({}), others: Mapping[str, Card] = MappingProxyType({}),
) -> list[Any]:  # fmt: skip
    """Return the cards of packet-hops for a page that goes on without a kernel, as plain values.

    nodes: node -> what the picture calls it. alike: further hops, each with the one of `hops` whose card stands in for
    its own. others: further cards by their names. It is [cards, numbers, alike, styles]: each card [title, HTML], of
    long headers the first octets only; hop or name -> number of its card; which hops are only alike; and the styles by
    which all cards point. Hops of one packet that differ in their hop limit share the card of the first; there are
    `MOST_CARRIED` at most.
    """
    cards: list[Card] = []
    fields = 0
    seen: dict[int, int] = {}
    numbers: dict[int | str, int] = {}
    for number in hops:
        packet = id(trace.packet(number))
        if packet not in seen and len(cards) < MOST_CARRIED:
            hop, seen[packet] = trace[number], len(cards)
            ways = WAYS.format(ns=hop.started_ns, hop=number)
            inside, most = _kept(hop, names)
            fields = max(fields, most)
            cards.append((_title(hop), ways + _card(_said(hop, nodes), inside)))
        if packet in seen:
            numbers[number] = seen[packet]
    order = sorted(range(len(cards)), key=lambda n: (cards[n][0].partition(":")[2], len(cards[n][1])))  # packs to less
    cards, numbers = [cards[n] for n in order], {hop: order.index(n) for hop, n in numbers.items()}
    stands_in = {hop: numbers[own] for hop, own in (alike or {}).items() if hop not in numbers and own in numbers}
    named = {name: len(cards) + number for number, name in enumerate(others)}
    numbers |= stands_in | named
    return [[*cards, *others.values()], {str(name): n for name, n in numbers.items()}, [*stands_in], _pointing(fields)]


_KEPT: dict[str, tuple[object, tuple[str, int]]] = {}
"""Contents of packets, in words -> the contents, their headers as HTML, and the number of fields."""


def _kept(hop: Hop, names: Mapping[Address, str]) -> tuple[str, int]:
    """Return the headers of a packet as HTML for a page that carries them along, and the number of their fields.

    They are kept, since the next run, or the next look at this one, has many packets with the same contents.
    """
    contents = hop.packet.fields(), {**names}
    key = repr(contents)
    before, kept = _KEPT.get(key, (None, ("", 0)))
    if before != contents:  # a class of the same name may be another one
        headers = dissect(hop, names)
        kept = _opened(headers, "carried", OCTETS_CARRIED), sum(len(each.fields) for each in headers)
        if len(_KEPT) >= MOST_KEPT:
            _KEPT.clear()
        _KEPT[key] = contents, kept
    return kept


def _title(hop: Hop) -> str:
    return f"Packet {hop.number}: {long(hop.packet)}"


def _said(hop: Hop, nodes: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    link, lost = hop.channel, hop.arrived_ns == LOST
    sender, receiver = (nodes.get(each, each) for each in (link.sender, link.receiver))
    ends = f"From {sender} ({link.sender_interface}) to {receiver} ({link.receiver_interface})"
    end = "lost there" if lost else f"arrived at {seconds(hop.arrived_ns, 6)}"
    segment = "" if nodes else f" on {link.segment}"  # it is named after the nodes
    way = f"{ends}{segment}: sent at {seconds(hop.started_ns, 6)}, {end}; {hop.packet.size} octets."
    inner = hop.packet.innermost()
    sealed = [] if inner.carried is inner.payload else [f"Only its two ends can read what is in ESP: {long(inner)}."]
    return [way, *sealed, *(f"Receivers take it, but it is not aligned: {remark}." for remark in remarks(hop.packet))]


def remarks(packet: Sized) -> list[str]:
    """Return an analyser's remarks on a packet, and on those inside it, that a receiver takes all the same."""
    if isinstance(packet, Packet):
        return [remark for part in (*packet.extensions, packet.payload) for remark in remarks(part)]
    found = []
    for at, option in packet.placed() if isinstance(packet, WithOptions) else ():
        unit, start = type(option).alignment
        if option.alignment != (unit, start):
            name = type(option).__name__
            found.append(f"{name} at octet {at} of its header; RFC 6275 section 6 has it at {unit}n+{start}")
    return found


# --- from layers to fields -------------------------------------------------------------------------------------------


def dissect(hop: Hop, names: Mapping[Address, str]) -> list[Header]:
    """Return each header of a packet from the outside in, all its octets in the order in which they are sent."""
    layer = codec.to_scapy(hop.packet)
    return list(_headers(layer, bytes(layer), Words(names, {})))


def _headers(layer: Any, octets: bytes, words: Words) -> Iterator[Header]:
    at, before = 0, None
    while layer and at < len(octets):
        kind, fields = type(layer).__name__, list[Field]()
        end = at
        if kind in RFC:
            fields, built = _fields(layer, 8 * at, words)
            end += len(built)
        if not fields or octets[at:end] != built:  # nothing that is read further
            inside = _inside(before, octets[at:])
            if inside is not None:
                layer, before = inside, None
                continue
            end = len(octets)
            yield Header("Data", "", [Field("data", _hex(octets[at:]), 8 * at, 8 * (end - at))], at, octets[at:])
            return
        yield Header(_NAMES.get(kind, str(layer.name)), RFC[kind], fields, at, octets[at:end])
        at, before, layer = end, layer, layer.payload


def _inside(carrier: Any, octets: bytes) -> Any:
    """Read octets that a packet carries as data: the packet that an ICMPv6 error is about, as far as it is quoted, and
    a DHCPv6 message. None for all else.
    """
    if RFC.get(type(carrier).__name__, "").startswith("RFC 4443 section 3"):
        return layers.inet6.IPv6(octets) if len(octets) >= 40 else None
    is_dhcpv6 = type(carrier).__name__ == "UDP" and carrier.dport in DHCPV6_PORTS
    return _dhcpv6(octets) if is_dhcpv6 else None


def _dhcpv6(octets: bytes) -> Any:
    try:
        return dhcpv6_layer(decode_dhcpv6(octets))
    except WireError:
        return None


def _fields(layer: Any, first_bit: int, words: Words, depth: int = 0) -> tuple[list[Field], bytes]:
    """Return the fields of a layer in which there are any bits, and its octets: each is built behind those before it,
    and so has its place.
    """
    built: Any = b""
    found: list[Field] = []
    kind = type(layer).__name__
    for description in layer.fields_desc:
        value, start = layer.getfieldval(description.name), _bits(built)
        built = built + bytes(value) if isinstance(value, layers.RawVal) else description.addfield(layer, built, value)
        at, bits = first_bit + start, _bits(built) - start
        if not bits:
            continue
        short, name, parts = description.name, _named(kind, description.name), _parts(kind, value)
        if short == "addresses":
            for place, each in enumerate(value):
                found.append(Field(name, _text(layer, description, each, words), at + 128 * place, 128, depth))
        elif not parts:
            if isinstance(value, int) and bits > LARGEST:
                value = int(value).to_bytes(bits // 8, "big")
            found.append(Field(name, _text(layer, description, value, words), at, bits, depth))
        for part in parts:
            inside = _option(kind, part, at, words, depth)
            found += inside
            at += inside[0].bits
        if kind == "TCP" and name == "options":
            found += _tcp_options(built[start // 8 :], at)
        if short == "flags":
            found += _flags(kind, description, int(value), at, bits, depth)
    return found, built


def _named(kind: str, short: str) -> str:
    """Name a field of a layer in words."""
    own = _OWN.get(kind, {}).get(short)
    return _WORDS.get(short, short) if own is None else f"{short} ({own})" if len(short) == 1 else own


def _option(kind: str, part: Any, first_bit: int, words: Words, depth: int) -> list[Field]:
    """Return an option of a layer as a field, and the fields in it."""
    sort = type(part).__name__
    inside, octets = _fields(part, first_bit, words, depth + 1)
    rfc = _PADDING_OF_MOBILITY[sort] if sort.startswith("Pad") and kind.startswith("MIP6") else RFC.get(sort, UNKNOWN)
    return [Field("option", f"{_NAMES.get(sort, part.name)} ({rfc})", first_bit, 8 * len(octets), depth), *inside]


def _flags(kind: str, description: Any, value: int, first_bit: int, bits: int, depth: int) -> Iterator[Field]:
    """Yield each flag of a field of flags."""
    own = _OWN.get(kind, {})
    letters = getattr(description, "names", [*own][::-1])[:bits]  # that of the lowest bit first
    for place, letter in enumerate(reversed(letters)):
        is_set = value >> (bits - 1 - place) & 1
        yield Field(
            f"{letter} ({own.get(letter, 'reserved')})", "set" if is_set else "not set", first_bit + place, 1, depth + 1
        )


def _parts(kind: str, value: object) -> list[Any]:
    """Return the layers that a field is made of: options, or the message that a DHCPv6 relay agent carries."""
    if kind == "DHCP6OptRelayMsg" and isinstance(value, bytes):
        part, parts = _dhcpv6(value), []
        while part:
            parts.append(part)
            part = part.payload
        return parts
    return [each for each in value if hasattr(each, "fields_desc")] if isinstance(value, list) else []


def _tcp_options(octets: bytes, first_bit: int) -> Iterator[Field]:
    """Yield the options of TCP, which scapy has as pairs (RFC 9293 section 3.1: kind, and behind all but two the
    length).
    """
    at = 0
    while at < len(octets):
        kind = octets[at]
        size = 1 if kind < 2 else max(2, octets[at + 1]) if at + 1 < len(octets) else 1
        data, bit = octets[at + 2 : at + size], first_bit + 8 * at
        known = layers.inet.TCPOptions[0].get(kind, (f"kind {kind}",))[0]
        yield Field("option", known, bit, 8 * (data_end := min(size, len(octets) - at)), 1)
        yield Field("kind", str(kind), bit, 8, 2)
        if data_end > 1:
            yield Field("length", str(octets[at + 1]), bit + 8, 8, 2)
        if data:
            value = str(int.from_bytes(data, "big")) if len(data) <= 4 else _hex(data)
            yield Field("value", value, bit + 16, 8 * len(data), 2)
        at += size


def _bits(built: Any) -> int:
    """Count the bits of what scapy has built: octets, or octets and a number of bits that do not fill one."""
    return 8 * len(built[0]) + int(built[1]) if isinstance(built, tuple) else 8 * len(built)


def _text(layer: Any, description: Any, value: object, words: Words) -> str:
    if isinstance(value, bytes):
        return _hex(value)
    word = words.address(value)
    if isinstance(value, str) and word != value:
        return cut(f"{value} ({word})", MOST_LETTERS)
    text = value if isinstance(value, str) else str(description.i2repr(layer, value)).strip("'")
    return cut(f"{text} ({value})" if isinstance(value, int) and str(value) not in text else text, MOST_LETTERS)


def _hex(octets: bytes) -> str:
    shown, more = octets[: MOST_LETTERS // 3].hex(" ") or "empty", len(octets) - MOST_LETTERS // 3
    return f"{shown} … {more} more octets" if more > 0 else shown


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


# --- as HTML ---------------------------------------------------------------------------------------------------------


def _card(said: list[str], inside: str) -> str:
    """Return a card: sentences, and headers as HTML."""
    told = f"<p>{escape(' '.join(said))}</p><p class='mipflow-hint'>{HINT}</p>"
    return f"<div class='mipflow-packet'>{told}{inside}</div>"


def _opened(headers: list[Header], name: str, most_octets: int = MOST_OCTETS) -> str:
    """Return rows and bytes with `data-f`, the numbers of the fields that they are of: styles mark what has one in
    common.

    For who has no mouse, the fields are a group of radio buttons, of which none is seen, and the bytes are another;
    name: that of the groups. Each row says which its octets are.
    """
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("field", "value", "octets"))
    parts, number = list[str](), 0
    for header in headers:
        rows = "".join(
            f"<tr data-f='{place}'><td><label>{RADIO.format(f'{name} fields')}{'– ' * field.depth}"
            f"{escape(field.name)}</label></td><td>{escape(field.value)}</td><td>{field.place}</td></tr>"
            for place, field in enumerate(header.fields, number)
        )
        octets = f"octets {_span(header.first, header.first + len(header.octets) - 1)}"
        parts.append(
            f"<details{'' if header.name == 'Data' else ' open'}><summary><b>{escape(header.name)}</b>, "
            f"{', '.join(filter(None, (header.rfc, octets)))}</summary><div class='mipflow-header'>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
            f"<pre role='group' aria-label='Bytes of {escape(header.name)}'>"
            f"{_dump(header, number, most_octets, f'{name} bytes')}</pre>"
            "</div></details>"
        )
        number += len(header.fields)
    return "".join(parts)


def _pointing(fields: int) -> str:
    """Return the styles by which the fields of a card, of which there are so many, and their octets point at each
    other.
    """
    found = ",".join(FOUND.format(place) for place in range(fields))
    return f"<style>{found}{{background:#f0e442!important;color:#111!important}}</style>"


def _dump(header: Header, number: int, most_octets: int, name: str) -> str:
    """Return the bytes of a header: position, hexadecimal, letters; `number` is that of its first field.

    Rows have eight, the unit of IPv6's headers: they fit a narrow screen.
    """
    owners: list[list[int]] = [[] for _ in header.octets[:most_octets]]
    for place, field in enumerate(header.fields, number):
        for octet in field.octets:
            if octet - header.first < len(owners):
                owners[octet - header.first].append(place)
    lines = []
    for start in range(0, len(owners), 8):
        row, runs = header.octets[start : min(start + 8, len(owners))], []
        for mine, run in groupby(range(start, start + len(row)), owners.__getitem__):
            shown = bytes(header.octets[octet] for octet in run).hex(" ")
            runs.append(f"<label data-f='{' '.join(map(str, mine))}'>{RADIO.format(name)}{shown}</label>")
        letters, gap = "".join(chr(each) if 32 <= each < 127 else "." for each in row), " " * (23 - len(row.hex(" ")))
        lines.append(f"{header.first + start:04x}  {' '.join(runs)}{gap}  {escape(letters)}")
    left = len(header.octets) - len(owners)
    return "\n".join([*lines, *([f"{left} more octets"] if left > 0 else [])])
