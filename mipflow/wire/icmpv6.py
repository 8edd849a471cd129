"""ICMPv6 messages as values: echo and errors (RFC 4443), neighbor discovery (RFC 4861), those of RFC 6275.

All times have the unit that the field has on the wire; the name says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mipflow.wire.address import Address

ECHO_HEADER = 8

# --- options of neighbor discovery --------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class PrefixInformation:
    """Prefix information option (RFC 4861 section 4.6.2; the R bit: RFC 6275 section 7.2)."""

    prefix: Address
    prefix_length: int = 64
    on_link: bool = True
    autonomous: bool = True
    router_address: bool = False
    valid_lifetime_s: int = 2_592_000
    preferred_lifetime_s: int = 604_800
    size = 32


@dataclass(slots=True, frozen=True)
class LinkLayerAddress:
    """Source (`target` False) or target link-layer address option, 6 octets (RFC 4861 section 4.6.1)."""

    address: bytes
    target: bool = False
    size = 8


@dataclass(slots=True, frozen=True)
class MtuOption:
    """MTU option (RFC 4861 section 4.6.4)."""

    mtu: int
    size = 8


@dataclass(slots=True, frozen=True)
class AdvertisementInterval:
    """Advertisement interval option (RFC 6275 section 7.3)."""

    interval_ms: int
    size = 8


@dataclass(slots=True, frozen=True)
class HomeAgentInformation:
    """Home agent information option (RFC 6275 section 7.4)."""

    preference: int = 0
    lifetime_s: int = 1800
    size = 8


@dataclass(slots=True, frozen=True)
class UnknownNeighborOption:
    """Any other option of neighbor discovery: `data` is what follows type and length, 8n-2 octets."""

    type: int
    data: bytes

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return 2 + len(self.data)


NeighborOption = (
    PrefixInformation | LinkLayerAddress | MtuOption | AdvertisementInterval | HomeAgentInformation |
    UnknownNeighborOption
)


class WithOptions:
    """A message of `_fixed` octets followed by neighbor discovery options."""

    __slots__ = ()
    _fixed = 8
    options: tuple[NeighborOption, ...]

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return self._fixed + sum(option.size for option in self.options)


# --- echo and errors (RFC 4443) -----------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class EchoRequest:
    """Echo request, type 128 (RFC 4443 section 4.1)."""

    identifier: int
    sequence: int
    data: bytes = b""

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return ECHO_HEADER + len(self.data)


@dataclass(slots=True, frozen=True)
class EchoReply:
    """Echo reply, type 129 (RFC 4443 section 4.2)."""

    identifier: int
    sequence: int
    data: bytes = b""

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return ECHO_HEADER + len(self.data)


@dataclass(slots=True, frozen=True)
class IcmpError:
    """An ICMPv6 error (RFC 4443 section 3). `invoking` holds the first octets of the packet that caused it.

    `parameter` is the MTU of a Packet Too Big (type 2), the pointer of a Parameter Problem (type 4), else 0.
    """

    type: int
    code: int
    parameter: int
    invoking: bytes

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return 8 + len(self.invoking)


DESTINATION_UNREACHABLE = 1
PACKET_TOO_BIG = 2
TIME_EXCEEDED = 3
PARAMETER_PROBLEM = 4
MAX_INVOKING = 1280 - 40 - 8
"""Octets of the invoking packet that fit the minimum IPv6 MTU (RFC 4443 section 2.4 c)."""


@dataclass(slots=True, frozen=True)
class UnknownIcmp:
    """Any other ICMPv6 message: `body` is what follows the checksum."""

    type: int
    code: int
    body: bytes

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return 4 + len(self.body)


# --- neighbor discovery (RFC 4861 section 4) ----------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class RouterSolicitation(WithOptions):
    """Router solicitation, type 133."""

    options: tuple[NeighborOption, ...] = ()


@dataclass(slots=True, frozen=True)
class RouterAdvertisement(WithOptions):
    """Router advertisement, type 134 (H bit: RFC 6275 section 7.1; `preference`: RFC 4191 section 2.2)."""

    _fixed = 16
    current_hop_limit: int = 64
    managed: bool = False
    other: bool = False
    home_agent: bool = False
    router_lifetime_s: int = 1800
    reachable_time_ms: int = 0
    retransmission_timer_ms: int = 0
    options: tuple[NeighborOption, ...] = ()
    preference: int = 0


@dataclass(slots=True, frozen=True)
class NeighborSolicitation(WithOptions):
    """Neighbor solicitation, type 135; duplicate address detection where its source is :: (RFC 4862 5.4)."""

    _fixed = 24
    target: Address
    options: tuple[NeighborOption, ...] = ()


@dataclass(slots=True, frozen=True)
class NeighborAdvertisement(WithOptions):
    """Neighbor advertisement, type 136."""

    _fixed = 24
    target: Address
    router: bool = False
    solicited: bool = False
    override: bool = True
    options: tuple[NeighborOption, ...] = ()


# --- Mobile IPv6's own (RFC 6275 sections 6.5 to 6.8) -------------------------------------------------------


@dataclass(slots=True, frozen=True)
class HomeAgentAddressDiscoveryRequest:
    """Type 144 (RFC 6275 section 6.5)."""

    identifier: int
    size = 8


@dataclass(slots=True, frozen=True)
class HomeAgentAddressDiscoveryReply:
    """Type 145 (RFC 6275 section 6.6): home agents in order of preference."""

    identifier: int
    home_agents: tuple[Address, ...] = ()

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return 8 + 16 * len(self.home_agents)


@dataclass(slots=True, frozen=True)
class MobilePrefixSolicitation(WithOptions):
    """Type 146 (RFC 6275 section 6.7). No option is defined for it yet; unknown ones are ignored."""

    identifier: int
    options: tuple[NeighborOption, ...] = ()


@dataclass(slots=True, frozen=True)
class MobilePrefixAdvertisement(WithOptions):
    """Type 147 (RFC 6275 section 6.8)."""

    identifier: int
    managed: bool = False
    other: bool = False
    options: tuple[NeighborOption, ...] = ()


IcmpMessage = (
    EchoRequest | EchoReply | IcmpError | UnknownIcmp | RouterSolicitation | RouterAdvertisement |
    NeighborSolicitation | NeighborAdvertisement | HomeAgentAddressDiscoveryRequest |
    HomeAgentAddressDiscoveryReply | MobilePrefixSolicitation | MobilePrefixAdvertisement
)  # fmt: skip

KNOWN_TYPES = frozenset({1, 2, 3, 4, 128, 129, 133, 134, 135, 136, 144, 145, 146, 147})
"""Types that have a value of their own: UnknownIcmp is for the others."""

KNOWN_OPTIONS = {1: 8, 2: 8, 3: 32, 5: 8, 7: 8, 8: 8}
"""Neighbor discovery options with their own value -> octets; any other size is an UnknownNeighborOption."""
