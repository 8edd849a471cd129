"""One packet as a protocol analyser shows it: every header, every field, and its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

from mipflow.sim.trace import LOST, Trace
from mipflow.view.picture import Picture, html_table
from mipflow.view.words import Words, long, seconds
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.options import remarks

_WORDS = {
    "tc": "traffic class", "fl": "flow label", "plen": "payload length", "nh": "next header", "hlim": "hop limit",
    "src": "source", "dst": "destination", "len": "length", "otype": "type", "optlen": "length", "olen": "length",
    "optdata": "data", "hoa": "home address", "hni": "home nonce index", "coni": "care-of nonce index",
    "mhtype": "message", "res": "reserved", "cksum": "checksum", "chksum": "checksum", "seq": "sequence",
    "mhtime": "lifetime", "token": "keygen token", "index": "nonce index", "sport": "source port",
    "dport": "destination port", "segleft": "segments left", "addresses": "home address", "authdata": "authenticator",
    "acoa": "care-of address", "tgt": "target", "ack": "acknowledgement",
}  # fmt: skip
"""Scapy's short names of fields in the words of the RFCs; any other name is shown as it is."""


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
    headers = list(_headers(codec.to_scapy(hop.packet), codec.encode(hop.packet), Words(names, {})))
    link, lost = hop.channel, hop.arrived_ns == LOST
    ends = f"From {link.sender} ({link.sender_interface}) to {link.receiver} ({link.receiver_interface})"
    end = "lost there" if lost else f"arrived at {seconds(hop.arrived_ns, 6)}"
    way = f"{ends} on {link.segment}: sent at {seconds(hop.started_ns, 6)}, {end}; {hop.packet.size} octets."

    said = [way, *(f"Receivers take it, but it is not aligned: {remark}." for remark in remarks(hop.packet))]

    def sentences() -> list[str]:
        told = [(each, ", ".join(f"{name} {value}" for name, value in each.fields)) for each in headers]
        return [*said, *(f"{each.name} ({len(each.octets)} octets): {fields}." for each, fields in told)]

    def rows() -> list[dict[str, object]]:
        return [
            {"header": name, "first_octet": first, "octets": len(octets), "field": field, "value": value}
            for name, fields, first, octets in headers for field, value in fields
        ]  # fmt: skip

    html = f"<p>{escape(' '.join(said))}</p>" + "".join(map(_html, headers))
    return Picture(f"Packet-hop {number}: {long(hop.packet)}", sentences, rows, html=html)


def _headers(layer: Any, octets: bytes, words: Words) -> Iterator[Header]:
    """Each scapy layer from the outside in; what a layer's bytes are shows in what its payload leaves."""
    at = 0
    while layer:
        size = len(octets) - at - len(bytes(layer.payload))
        data = type(layer).__name__ in ("Raw", "Padding")
        fields = [("length", f"{size} octets")] if data else list(_fields(layer, words))
        yield Header("Data" if data else str(layer.name), fields, at, octets[at : at + size])
        at, layer = at + size, layer.payload


def _fields(layer: Any, words: Words, prefix: str = "") -> Iterator[tuple[str, str]]:
    for description in layer.fields_desc:
        value = layer.getfieldval(description.name)
        name = prefix + _WORDS.get(description.name, description.name)
        nested = [each for each in value if hasattr(each, "fields_desc")] if isinstance(value, list) else []
        for each in nested:
            yield name, str(each.name)
            yield from _fields(each, words, f"{prefix}– ")
        if not nested and value != [] and name != "autopad":  # autopad is scapy's own and not on the wire
            yield name, _text(layer, description, value, words)


def _text(layer: Any, description: Any, value: object, words: Words) -> str:
    if isinstance(value, bytes):
        return value.hex(" ") or "empty"
    text, word = str(description.i2repr(layer, value)).strip("'"), words.address(value)
    if isinstance(value, str) and word != value:
        return f"{value} ({word})"
    return f"{text} ({value})" if isinstance(value, int) and str(value) not in text else text


def _html(header: Header) -> str:
    shown: list[dict[str, object]] = [{"field": name, "value": value} for name, value in header.fields]
    span = f"octets {header.first} to {header.first + len(header.octets) - 1}"
    summary = f"<summary><b>{escape(header.name)}</b>, {span}</summary>"
    octets = f"<pre>{escape(dump(header.octets, header.first))}</pre>"
    return f"<details{'' if header.name == 'Data' else ' open'}>{summary}{html_table(shown)}{octets}</details>"


def dump(octets: bytes, first: int = 0) -> str:
    """Bytes in rows of sixteen: position, hexadecimal, letters."""
    rows = []
    for start in range(0, len(octets), 16):
        row = octets[start : start + 16]
        text = "".join(chr(each) if 32 <= each < 127 else "." for each in row)
        rows.append(f"{first + start:04x}  {row.hex(' '):<47}  {text}")
    return "\n".join(rows)
