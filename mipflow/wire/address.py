"""IPv6 addresses and prefixes: integers that print as addresses.

Takes text, 16 bytes or an integer; gives values that hash and compare as fast as `int`.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple, Self

from mipflow.arguments import instance
from mipflow.errors import ProtocolMisuse, shown

_ALL_ONES = (1 << 128) - 1


class Address(int):
    """An IPv6 address (RFC 4291): an `int` of 128 bits that prints in RFC 5952 form.

    Accepts text ("2001:db8::1"), 16 bytes, or an integer. Raises ProtocolMisuse for anything else.
    """

    __slots__ = ()

    def __new__(cls, value: int | str | bytes) -> Self:
        try:
            number = value if isinstance(value, int) else int(ipaddress.IPv6Address(value))
        except Exception as error:  # text is made of what is neither, which may raise anything
            why = f"{shown(value)} is no IPv6 address; expected text such as 2001:db8::1"
            raise ProtocolMisuse(why, value) from error
        if isinstance(value, str) and "%" in value:
            raise ProtocolMisuse(f"{shown(value)} has a zone; expected the address without what begins at %", value)
        if not 0 <= number <= _ALL_ONES:
            raise ProtocolMisuse(f"{shown(number)} does not fit an IPv6 address; expected 0 to 2**128 - 1", value)
        return super().__new__(cls, number)

    @property
    def packed(self) -> bytes:
        """The 16 bytes of the address in network order."""
        return self.to_bytes(16, "big")

    @property
    def is_multicast(self) -> bool:
        """True for ff00::/8 (RFC 4291 section 2.7)."""
        return self >> 120 == 0xFF

    @property
    def is_link_local(self) -> bool:
        """True for fe80::/10 (RFC 4291 section 2.5.6)."""
        return self >> 118 == 0x3FA

    @property
    def is_unicast_routable(self) -> bool:
        """True for an address of one interface that other links can reach (RFC 6275 section 3.1).

        Those below 2**48 are ::, ::1 and IPv4 addresses in disguise.
        """
        return int(self) >= 1 << 48 and not self.is_multicast and not self.is_link_local

    @property
    def interface_identifier(self) -> int:
        """The low 64 bits (RFC 4291 section 2.5.1)."""
        return int(self) & 0xFFFF_FFFF_FFFF_FFFF

    def solicited_node(self) -> Address:
        """Return the solicited-node multicast address ff02::1:ffXX:XXXX of this address (RFC 4291 section 2.7.1)."""
        return Address(_SOLICITED_NODE | (int(self) & 0xFF_FFFF))

    def __str__(self) -> str:
        return _text(int(self))

    def __repr__(self) -> str:
        return f"Address('{self}')"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


@lru_cache(1 << 14)
def _text(address: int) -> str:
    """Return the text of an address (RFC 5952), which tables and traces ask for again and again."""
    return str(ipaddress.IPv6Address(address))


ADDRESS = instance(Address, 'an address, such as mf.Address("2001:db8:100::10")')
_SOLICITED_NODE = int(ipaddress.IPv6Address("ff02::1:ff00:0"))
UNSPECIFIED = Address(0)
ALL_NODES = Address("ff02::1")
ALL_ROUTERS = Address("ff02::2")


class Prefix(NamedTuple):
    """An IPv6 prefix: network address and length in bits (RFC 4291 section 2.3)."""

    network: Address
    length: int

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """Read "2001:db8:100::/64". Raises ProtocolMisuse when the text is no prefix or has host bits set."""
        try:
            network = ipaddress.IPv6Network(text)
        except ValueError as error:
            raise ProtocolMisuse(f"{text!r} is not an IPv6 prefix; expected such as 2001:db8:100::/64", text) from error
        return cls(Address(int(network.network_address)), network.prefixlen)

    @classmethod
    def around(cls, address: Address, length: int) -> Prefix:
        """Return the prefix of the given length in bits that an address has."""
        return cls(Address(int(address) & ~(_ALL_ONES >> length)), length)

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, int):
            return False
        shift = 128 - self.length
        return address >> shift == self.network >> shift

    def address(self, interface_identifier: int) -> Address:
        """Return the address of this prefix with the given interface identifier in its low bits."""
        return Address(int(self.network) | (interface_identifier & (_ALL_ONES >> self.length)))

    def is_anycast(self, address: Address) -> bool:
        """Return True for an address that several nodes of such a subnet may have, so that it is nobody's own: the one
        without an interface identifier, of all routers (RFC 4291 section 2.6.1), and those reserved by RFC 2526 section
        2.
        """
        all_ones = _ALL_ONES >> self.length
        identifier, last = int(address) & all_ones, _EUI_64_ANYCAST if self.length == 64 else all_ones
        return address in self and (identifier == 0 or identifier >> 7 == last >> 7)

    def __str__(self) -> str:
        return f"{self.network}/{self.length}"


_EUI_64_ANYCAST = 0xFDFF_FFFF_FFFF_FFFF
"""The last of the 128 reserved interface identifiers where these are EUI-64: their universal bit is not set."""
