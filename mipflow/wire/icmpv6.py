"""ICMPv6 messages as values: echo and errors (RFC 4443), neighbor discovery (RFC 4861), those of RFC 6275.

All times have the unit that the field has on the wire; the name says which.
"""

from __future__ import annotations

from mipflow.wire.address import Address
from mipflow.wire.forms import Form, Value, on_wire
from mipflow.wire.packet import WithData

DATA = range(65528)
"""Octets that can follow the eight of an ICMPv6 header."""

# --- options of neighbor discovery --------------------------------------------------------------------------


class NeighborOption(Value, family="neighbor discovery option"):
    """An option of neighbor discovery. One of a known number and another size is an UnknownNeighborOption."""

    @classmethod
    def find(cls, kind: int | None, size: int = 0) -> Form:
        """Return the form of a number where `size` is right for it."""
        form = cls.forms.get(kind)
        return form if form and form.fixed == size else cls.forms[None]


@on_wire(
    3, "ICMPv6NDOptPrefixInfo",
    "prefix prefix_length=prefixlen on_link=L autonomous=A router_address=R valid_lifetime_s=validlifetime"
    " preferred_lifetime_s=preferredlifetime", fixed=32,
)  # fmt: skip
class PrefixInformation(NeighborOption):
    """Prefix information option (RFC 4861 section 4.6.2; the R bit: RFC 6275 section 7.2)."""

    prefix: Address
    prefix_length: int = 64
    on_link: bool = True
    autonomous: bool = True
    router_address: bool = False
    valid_lifetime_s: int = 2_592_000
    preferred_lifetime_s: int = 604_800

    @property
    def makes_addresses(self) -> bool:
        """True where a host is to make an address of it: 64 bits fit its interface identifier (RFC 4862 5.5.3 a to d).
        """
        fits = self.prefix_length == 64 and not self.prefix.is_link_local
        return fits and self.autonomous and self.preferred_lifetime_s <= self.valid_lifetime_s


@on_wire(None, fixed=8)
class LinkLayerAddress(NeighborOption):
    """Source (`target` False) or target link-layer address option, 6 octets (RFC 4861 section 4.6.1)."""

    address: bytes
    target: bool = False

    @property
    def type(self) -> int:
        """The number of the option."""
        return 2 if self.target else 1


NeighborOption.forms[1] = Form(LinkLayerAddress, "ICMPv6NDOptSrcLLAddr", "address=lladdr")
NeighborOption.forms[2] = Form(LinkLayerAddress, "ICMPv6NDOptDstLLAddr", "address=lladdr")


@on_wire(5, "ICMPv6NDOptMTU", "mtu", fixed=8)
class MtuOption(NeighborOption):
    """MTU option (RFC 4861 section 4.6.4)."""

    mtu: int


@on_wire(7, "ICMPv6NDOptAdvInterval", "interval_ms=advint", fixed=8)
class AdvertisementInterval(NeighborOption):
    """Advertisement interval option (RFC 6275 section 7.3)."""

    interval_ms: int


@on_wire(8, "ICMPv6NDOptHAInfo", "preference=pref lifetime_s=lifetime", fixed=8)
class HomeAgentInformation(NeighborOption):
    """Home agent information option (RFC 6275 section 7.4)."""

    preference: int = 0
    lifetime_s: int = 1800


@on_wire(None, "ICMPv6NDOptUnknown", "type data", range(6, 2039, 8))
class UnknownNeighborOption(WithData, NeighborOption):
    """Any other option of neighbor discovery: `data` is what follows type and length, 8n-2 octets."""

    type: int
    data: bytes


# --- echo and errors (RFC 4443) -----------------------------------------------------------------------------


class IcmpMessage(Value, family="ICMPv6 type"):
    """An ICMPv6 message."""


@on_wire(128, "ICMPv6EchoRequest", "identifier=id sequence=seq data", DATA, fixed=8)
class EchoRequest(WithData, IcmpMessage):
    """Echo request, type 128 (RFC 4443 section 4.1)."""

    identifier: int
    sequence: int
    data: bytes = b""


@on_wire(129, "ICMPv6EchoReply", "identifier=id sequence=seq data", DATA, fixed=8)
class EchoReply(WithData, IcmpMessage):
    """Echo reply, type 129 (RFC 4443 section 4.2)."""

    identifier: int
    sequence: int
    data: bytes = b""


DESTINATION_UNREACHABLE = 1
PACKET_TOO_BIG = 2
TIME_EXCEEDED = 3
PARAMETER_PROBLEM = 4
WITHOUT_PARAMETER = DESTINATION_UNREACHABLE, TIME_EXCEEDED
"""Errors with 32 unused bits (sections 3.1 and 3.3)."""
BEYOND_SCOPE, PORT_UNREACHABLE, FAILED_POLICY = 2, 4, 5
"""Codes of a Destination Unreachable that are not about the way to the destination (RFC 4443 section 3.1)."""
MAX_INVOKING = 1280 - 40 - 8
"""Octets of the invoking packet that fit the minimum IPv6 MTU (RFC 4443 section 2.4 c)."""


@on_wire(None, fixed=8)
class IcmpError(IcmpMessage):
    """An ICMPv6 error (RFC 4443 section 3). `invoking` holds the first octets of the packet that caused it.

    `parameter` is the MTU of a Packet Too Big (type 2), the pointer of a Parameter Problem (type 4), else 0.
    """

    type: int
    code: int
    parameter: int
    invoking: bytes

    @property
    def is_port_unreachable(self) -> bool:
        """True where the destination was reached, but nobody there is on the port (section 3.1)."""
        return (self.type, self.code) == (DESTINATION_UNREACHABLE, PORT_UNREACHABLE)

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return 8 + len(self.invoking)


IcmpMessage.forms |= {
    DESTINATION_UNREACHABLE: Form(IcmpError, "ICMPv6DestUnreach", "type code invoking=payload", DATA),
    PACKET_TOO_BIG: Form(IcmpError, "ICMPv6PacketTooBig", "type code parameter=mtu invoking=payload", DATA),
    TIME_EXCEEDED: Form(IcmpError, "ICMPv6TimeExceeded", "type code invoking=payload", DATA),
    PARAMETER_PROBLEM: Form(IcmpError, "ICMPv6ParamProblem", "type code parameter=ptr invoking=payload", DATA),
}


@on_wire(None, "ICMPv6Unknown", "type code data=msgbody", range(65532), fixed=4)
class UnknownIcmp(WithData, IcmpMessage):
    """Any other ICMPv6 message: `data` is what follows the checksum."""

    type: int
    code: int
    data: bytes


# --- neighbor discovery (RFC 4861 section 4) ----------------------------------------------------------------


class WithNeighborOptions(IcmpMessage):
    """A message that is followed by neighbor discovery options."""

    options: tuple[NeighborOption, ...]

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return self.fixed + sum(option.size for option in self.options)

    @property
    def prefixes(self) -> list[PrefixInformation]:
        """The prefix information options of the message."""
        return [option for option in self.options if isinstance(option, PrefixInformation)]


@on_wire(133, "ICMPv6ND_RS", fixed=8)
class RouterSolicitation(WithNeighborOptions):
    """Router solicitation, type 133."""

    options: tuple[NeighborOption, ...] = ()


@on_wire(
    134, "ICMPv6ND_RA",
    "current_hop_limit=chlim managed=M other=O home_agent=H preference=prf router_lifetime_s=routerlifetime"
    " reachable_time_ms=reachabletime retransmission_timer_ms=retranstimer", fixed=16,
)  # fmt: skip
class RouterAdvertisement(WithNeighborOptions):
    """Router advertisement, type 134 (H bit: RFC 6275 section 7.1; `preference`: RFC 4191 section 2.2)."""

    current_hop_limit: int = 64
    managed: bool = False
    other: bool = False
    home_agent: bool = False
    router_lifetime_s: int = 1800
    reachable_time_ms: int = 0
    retransmission_timer_ms: int = 0
    options: tuple[NeighborOption, ...] = ()
    preference: int = 0


@on_wire(135, "ICMPv6ND_NS", "target=tgt", fixed=24)
class NeighborSolicitation(WithNeighborOptions):
    """Neighbor solicitation, type 135; duplicate address detection where its source is :: (RFC 4862 5.4)."""

    target: Address
    options: tuple[NeighborOption, ...] = ()


@on_wire(136, "ICMPv6ND_NA", "target=tgt router=R solicited=S override=O", fixed=24)
class NeighborAdvertisement(WithNeighborOptions):
    """Neighbor advertisement, type 136."""

    target: Address
    router: bool = False
    solicited: bool = False
    override: bool = True
    options: tuple[NeighborOption, ...] = ()


# --- Mobile IPv6's own (RFC 6275 sections 6.5 to 6.8) -------------------------------------------------------


@on_wire(144, "ICMPv6HAADRequest", "identifier=id", fixed=8, R=0)
class HomeAgentAddressDiscoveryRequest(IcmpMessage):
    """Type 144 (RFC 6275 section 6.5)."""

    identifier: int


@on_wire(145, "ICMPv6HAADReply", "identifier=id home_agents=addresses", range(0, 65521, 16), fixed=8, R=0)
class HomeAgentAddressDiscoveryReply(IcmpMessage):
    """Type 145 (RFC 6275 section 6.6): home agents in order of preference."""

    identifier: int
    home_agents: tuple[Address, ...] = ()

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return 8 + 16 * len(self.home_agents)


@on_wire(146, "ICMPv6MPSol", "identifier=id", fixed=8)
class MobilePrefixSolicitation(WithNeighborOptions):
    """Type 146 (RFC 6275 section 6.7). No option is defined for it yet; unknown ones are ignored."""

    identifier: int
    options: tuple[NeighborOption, ...] = ()


@on_wire(147, "ICMPv6MPAdv", "identifier=id managed,other=flags", fixed=8)
class MobilePrefixAdvertisement(WithNeighborOptions):
    """Type 147 (RFC 6275 section 6.8)."""

    identifier: int
    managed: bool = False
    other: bool = False
    options: tuple[NeighborOption, ...] = ()
