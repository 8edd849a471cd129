"""One packet as a protocol analyser shows it: every header, every field, and its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

from mipflow.errors import WireError
from mipflow.sim.trace import LOST, Hop, Trace
from mipflow.view.picture import Picture, html_table
from mipflow.view.words import Words, long, seconds
from mipflow.wire import codec
from mipflow.wire.address import Address

_WORDS = {
    "tc": "traffic class", "fl": "flow label", "plen": "payload length", "nh": "next header", "hlim": "hop limit",
    "src": "source", "dst": "destination", "len": "length", "otype": "type", "optlen": "length", "olen": "length",
    "optdata": "data", "hoa": "home address", "hni": "home nonce index", "coni": "care-of nonce index",
    "mhtype": "message", "res": "reserved", "cksum": "checksum", "chksum": "checksum", "seq": "sequence",
    "mhtime": "lifetime", "token": "keygen token", "index": "nonce index", "sport": "source port",
    "dport": "destination port", "dataofs": "data offset", "urgptr": "urgent pointer", "segleft": "segments left",
    "addresses": "home address", "authdata": "authenticator", "acoa": "care-of address", "rinter": "interval",
    "tgt": "target", "prefixlen": "prefix length", "validlifetime": "valid lifetime", "chlim": "current hop limit",
    "preferredlifetime": "preferred lifetime", "routerlifetime": "router lifetime", "reachabletime": "reachable time",
    "retranstimer": "retransmission timer", "ack": "acknowledgement",
}  # fmt: skip
"""Scapy's short names of fields in the words of the RFCs; any other name is shown as it is."""
_NOT_ON_THE_WIRE = {"autopad"}


class Header(NamedTuple):
    """One header: its name, its fields in order, and its place in the bytes of the packet."""

    name: str
    fields: list[tuple[str, str]]
    first: int
    octets: bytes


def inspect(trace: Trace, number: int, *, names: Mapping[Address, str]) -> Picture:
    """Packet-hop `number` of the trace: every header, every field, its bytes.

    names: address -> short word. `rows()` gives one dict for each field: header, field, value, and where the header is
    in the packet (octets). Raises ProtocolMisuse where there is no such hop.
    """
    hop = trace[number]
    words = Words(names, {})
    octets = codec.encode(hop.packet)
    headers = list(_headers(codec.to_scapy(hop.packet), octets, words))
    title = f"Packet-hop {number}: {long(hop.packet)}"

    def sentences() -> list[str]:
        return [_under_way(hop), *(_sentence(header) for header in headers)]

    def rows() -> list[dict[str, object]]:
        return [
            {
                "header": header.name, "first_octet": header.first, "octets": len(header.octets), "field": name,
                "value": value,
            }
            for header in headers
            for name, value in header.fields
        ]  # fmt: skip

    return Picture(title, sentences, rows, html=_html(hop, headers))


def _under_way(hop: Hop) -> str:
    name = hop.channel
    ends = f"From {name.sender} ({name.sender_interface}) to {name.receiver} ({name.receiver_interface})"
    end = "lost there" if hop.arrived_ns == LOST else f"arrived at {seconds(hop.arrived_ns, 6)}"
    return f"{ends} on {name.segment}: sent at {seconds(hop.started_ns, 6)}, {end}; {hop.packet.size} octets."


def _sentence(header: Header) -> str:
    fields = ", ".join(f"{name} {value}" for name, value in header.fields)
    return f"{header.name} ({len(header.octets)} octets): {fields}."


def _headers(layer: Any, octets: bytes, words: Words) -> Iterator[Header]:
    """Each scapy layer from the outside in; what a layer's bytes are shows in what its payload leaves."""
    at = 0
    while layer:
        inner = layer.payload
        size = len(octets) - at - (len(bytes(inner)) if inner else 0)
        if size < 0:
            raise WireError(f"the layers of a packet are longer than its {len(octets)} octets", octets)
        own = octets[at : at + size]
        if type(layer).__name__ in ("Raw", "Padding"):
            yield Header("Data", [("length", f"{size} octets")], at, own)
        else:
            yield Header(str(layer.name), list(_fields(layer, words)), at, own)
        at += size
        layer = inner


def _fields(layer: Any, words: Words, prefix: str = "") -> Iterator[tuple[str, str]]:
    for description in layer.fields_desc:
        if description.name in _NOT_ON_THE_WIRE:
            continue
        value = layer.getfieldval(description.name)
        name = prefix + _WORDS.get(description.name, description.name)
        listed = value if isinstance(value, list) else [value]
        nested = [each for each in listed if hasattr(each, "fields_desc")]
        if nested:
            for each in nested:
                yield name, str(each.name)
                yield from _fields(each, words, f"{prefix}– ")
        elif isinstance(value, bytes):
            yield name, value.hex(" ") if value else "empty"
        elif not (isinstance(value, list) and not value):
            yield name, _text(layer, description, value, words)


def _text(layer: Any, description: Any, value: object, words: Words) -> str:
    text = str(description.i2repr(layer, value)).strip("'")
    word = words.address(value)
    if isinstance(value, str) and word != value:
        return f"{value} ({word})"
    if isinstance(value, int) and not isinstance(value, bool) and text != str(value) and str(value) not in text:
        return f"{text} ({value})"
    return text


def _html(hop: Hop, headers: list[Header]) -> str:
    parts = [f"<p>{escape(_under_way(hop))}</p>"]
    for header in headers:
        shown: list[dict[str, object]] = [{"field": name, "value": value} for name, value in header.fields]
        last = header.first + len(header.octets) - 1
        parts.append(
            f"<details{'' if header.name == 'Data' else ' open'}>"
            f"<summary><b>{escape(header.name)}</b>, octets {header.first} to {last}</summary>"
            f"{html_table(shown)}<pre>{escape(dump(header.octets, header.first))}</pre></details>"
        )
    return "".join(parts)


def dump(octets: bytes, first: int = 0) -> str:
    """Bytes in rows of sixteen: position, hexadecimal, letters."""
    rows = []
    for start in range(0, len(octets), 16):
        row = octets[start : start + 16]
        text = "".join(chr(each) if 32 <= each < 127 else "." for each in row)
        rows.append(f"{first + start:04x}  {row.hex(' '):<47}  {text}")
    return "\n".join(rows)
