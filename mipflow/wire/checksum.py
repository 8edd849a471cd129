"""The Internet checksum over the IPv6 pseudo-header, with the addresses that Mobile IPv6 puts into it.

Takes octets, addresses and extension headers; gives numbers. Encoding, decoding and the templates of a
capture share it. Of a sum, the checksum is the complement: `-total % 65535`.
"""

from __future__ import annotations

from mipflow.errors import WireError
from mipflow.wire import packet
from mipflow.wire.address import Address


def octet_sum(data: bytes) -> int:
    """The sum of the 16-bit words of `data` modulo 65535 (RFC 1071); an odd last octet is followed by a zero.

    2**16 is 1 modulo 65535, so the octets read as one long number have the same remainder as the sum of their
    words.
    """
    number = int.from_bytes(data, "big")
    return (number << 8 if len(data) & 1 else number) % 65535


def pseudo_header_sum(source: Address, destination: Address, length: int, next_header: int) -> int:
    """The sum of the pseudo-header's words (RFC 8200 section 8.1); `length` in octets is the upper's."""
    return source % 65535 + destination % 65535 + length + next_header


def pseudo_header_addresses(
    source: Address, destination: Address, extensions: tuple[packet.ExtensionHeader, ...]
) -> tuple[Address, Address]:
    """Source and destination as the two ends see them, away from home or not.

    The source is the home address where a Home Address option is present (RFC 6275 section 11.3.1); the
    destination is the last one that the packet goes to: with a segment left, the address in the type 2
    routing header (RFC 8200 8.1). Raises WireError for a second Home Address option.
    """
    at_home = []
    for header in extensions:
        if isinstance(header, packet.DestinationOptions):
            at_home += [option for option in header.options if isinstance(option, packet.HomeAddressOption)]
        elif isinstance(header, packet.RoutingHeaderType2) and header.segments_left:
            destination = header.home_address
    if len(at_home) > 1:
        raise WireError("more than one Home Address option (RFC 6275 section 6.3)", at_home[1])
    return at_home[0].home_address if at_home else source, destination


def hides_payload(header: packet.ExtensionHeader) -> bool:
    """Whether what follows this header cannot be read: a fragment's piece, or for the nodes on a list."""
    if isinstance(header, packet.FragmentHeader):
        return header.more or header.offset > 0
    return isinstance(header, packet.RoutingHeader) and header.segments_left > 0
