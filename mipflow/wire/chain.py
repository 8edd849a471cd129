"""The chain of headers in an IPv6 packet, from its own to the upper layer (RFC 8200 section 4).

Takes octets or header values; gives where each header stands, whether the upper layer behind them can be read, and
over which addresses its checksum counts. Of the sum of words, the checksum is the complement: `-total % 65535`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import NamedTuple

from mipflow.errors import WireError
from mipflow.wire import packet
from mipflow.wire.address import Address

HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
EXTENSIONS = {HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION}
"""The extension headers that are values of `wire.packet`."""
FURTHER = EXTENSIONS - {HOP_BY_HOP}
"""The ones that may stand behind another (RFC 8200 section 4)."""


class Header(NamedTuple):
    """An extension header: its number, its first octet, the octet behind it, and the number of what follows there."""

    number: int
    start: int
    end: int
    following: int


def walk(
    data: bytes, number: int, at: int, kinds: Container[int] = EXTENSIONS, further: Container[int] = FURTHER
) -> Iterator[Header]:
    """Yield the extension headers from octet `at` on: the first is `number`, if that is of `kinds`, then those that are
    of the `further` kinds, until another header follows.

    Raises WireError for a header whose first eight octets are not there; the octets behind may be fewer than it claims.
    """
    while number in kinds:
        if len(data) < at + 8:
            raise WireError(f"extension header {number} cut off at octet {len(data)}", number)
        size = 8 if number == FRAGMENT else (data[at + 1] + 1) * 8
        if number == AUTHENTICATION:  # counts in units of four octets (RFC 4302 section 2.2)
            size = (data[at + 1] + 2) * 4
        yield Header(number, at, at + size, data[at])
        number, at, kinds = data[at], at + size, further


def hides_payload(header: packet.ExtensionHeader) -> bool:
    """Return whether what follows a header cannot be read: a fragment's piece, or for the nodes on a list."""
    if isinstance(header, packet.FragmentHeader):
        return header.more or header.offset > 0
    return isinstance(header, packet.RoutingHeader) and header.segments_left > 0


def pseudo_header_addresses(
    source: Address, destination: Address, extensions: tuple[packet.ExtensionHeader, ...]
) -> tuple[Address, Address]:
    """Return source and destination as the two ends see them, away from home or not.

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


def octet_sum(data: bytes) -> int:
    """Return the sum of the 16-bit words of `data` modulo 65535 (RFC 1071); a zero follows an odd last octet.

    2**16 is 1 modulo 65535, so the octets read as one long number have the same remainder as the sum of their
    words.
    """
    number = int.from_bytes(data, "big")
    return (number << 8 if len(data) & 1 else number) % 65535


def upper_sum(ends: tuple[Address, Address], number: int, data: bytes) -> int:
    """Return the sum of the words of an upper layer and of its pseudo-header (RFC 8200 section 8.1)."""
    return (ends[0] + ends[1] + len(data) + number + octet_sum(data)) % 65535
