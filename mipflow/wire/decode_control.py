"""From bytes to signalling values: ICMPv6 messages and Mobility Headers, their checksums already verified.

Takes the octets of one message; gives its value, or raises WireError with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mipflow.errors import WireError
from mipflow.wire import icmpv6, layers, mobility
from mipflow.wire.address import Address
from mipflow.wire.packet import padded
from mipflow.wire.padding import read_options, without_padding

if TYPE_CHECKING:
    from mipflow.wire.icmpv6 import IcmpMessage, NeighborOption
    from mipflow.wire.layers import Layer
    from mipflow.wire.mobility import MobilityMessage, MobilityOption

# --- Mobility Header (RFC 6275 section 6.1) -----------------------------------------------------------------

_FIXED = (8, 16, 16, 24, 24, 12, 12, 24)
"""Mobility Header type -> octets before its options."""


def read_mobility(data: bytes, pointer: int) -> MobilityMessage:
    """The message in a Mobility Header at octet `pointer` of its packet, checked as in RFC 6275 9.2."""
    header = layers.inet6.MIP6MH_Generic(data[:8])
    kind = header.mhtype
    if kind < len(_FIXED) and header.nh != 59:  # of an unknown type only that it is unknown matters
        raise WireError(f"payload proto {header.nh} in a Mobility Header; expected 59", header.nh, pointer)
    size = 8 * (header.len + 1)
    if kind < len(_FIXED) and size < (least := padded(_FIXED[kind])):
        reason = f"Mobility Header type {kind} of {size} octets; expected at least {least}"
        raise WireError(reason, size, pointer + 1)
    if size != len(data):
        raise WireError(f"a Mobility Header of {size} octets, but {len(data)} are there", size)
    if kind >= len(_FIXED):
        return mobility.UnknownMobilityMessage(kind, data[6:])
    fixed = _FIXED[kind]
    options = [_mobility_option(octets) for octets in read_options(data[fixed:])]
    return _message(
        kind, data[:fixed], tuple(without_padding(options, fixed, mobility.UnknownMobilityOption))
    )


def _message(kind: int, octets: bytes, options: tuple[MobilityOption, ...]) -> MobilityMessage:
    """The message of a known type, from the octets before its options."""
    layer: Layer
    match kind:
        case 0:
            return mobility.BindingRefreshRequest(options)
        case 1 | 2:
            init = mobility.HomeTestInit if kind == 1 else mobility.CareOfTestInit
            return init(layers.inet6.MIP6MH_HoTI(octets).cookie, options)
        case 3 | 4:
            test = mobility.HomeTest if kind == 3 else mobility.CareOfTest
            layer = layers.inet6.MIP6MH_HoT(octets)
            return test(layer.index, layer.cookie, layer.token, options)
        case 5:
            layer = layers.inet6.MIP6MH_BU(octets)
            flags = int(layer.flags) << 9 | layer.reserved
            a, h, l, k = (bool(flags & bit) for bit in (0x8000, 0x4000, 0x2000, 0x1000))  # noqa: E741
            return mobility.BindingUpdate(layer.seq, a, h, l, k, layer.mhtime, options, flags & 0x0FFF)
        case 6:
            layer = layers.inet6.MIP6MH_BA(octets)
            flags = int(layer.flags) << 5 | layer.res2
            return mobility.BindingAcknowledgement(
                layer.status, layer.seq, layer.mhtime, bool(flags & 0x80), options, flags & 0x7F
            )
        case _:
            layer = layers.inet6.MIP6MH_BE(octets)
            return mobility.BindingError(layer.status, Address(layer.ha), options)


_OPTION_SIZES = {2: 4, 3: 18, 4: 6, 5: 14}


def _mobility_option(octets: bytes) -> MobilityOption:
    kind = octets[0]
    if len(octets) != _OPTION_SIZES.get(kind, len(octets)):
        raise WireError(
            f"mobility option {kind} of {len(octets)} octets; expected {_OPTION_SIZES[kind]}", octets
        )
    match kind:
        case 2:
            return mobility.BindingRefreshAdvice(layers.inet6.MIP6OptBRAdvice(octets).rinter)
        case 3:
            return mobility.AlternateCareOfAddress(Address(layers.inet6.MIP6OptAltCoA(octets).acoa))
        case 4:
            layer = layers.inet6.MIP6OptNonceIndices(octets)
            return mobility.NonceIndices(layer.hni, layer.coni)
        case 5:
            number = layers.inet6.MIP6OptBindingAuthData(octets).authenticator
            return mobility.BindingAuthorizationData(number.to_bytes(12, "big"))
        case _:
            return mobility.UnknownMobilityOption(kind, octets[2:])


# --- ICMPv6 (RFC 4443, RFC 4861, RFC 6275 sections 6.5 to 6.8) ----------------------------------------------


class _Shape(NamedTuple):
    """Octets before what varies, and the step of what varies."""

    fixed: int
    step: int = 1


_SHAPES = {
    1: _Shape(8), 2: _Shape(8), 3: _Shape(8), 4: _Shape(8), 128: _Shape(8), 129: _Shape(8), 133: _Shape(8),
    134: _Shape(16), 135: _Shape(24), 136: _Shape(24), 144: _Shape(8, 0), 145: _Shape(8, 16), 146: _Shape(8),
    147: _Shape(8),
}  # fmt: skip


def read_icmp(data: bytes) -> IcmpMessage:
    """The ICMPv6 message of at least 4 octets."""
    kind, code = data[0], data[1]
    if kind not in _SHAPES:
        return icmpv6.UnknownIcmp(kind, code, data[4:])
    fixed, step = _SHAPES[kind]
    if len(data) < fixed or (len(data) - fixed) % (step or len(data)):
        raise WireError(f"ICMPv6 type {kind} of {len(data)} octets; expected {fixed}", data)
    if kind < 128:
        return _error(kind, code, data)
    if code != 0:
        raise WireError(f"ICMPv6 type {kind} with code {code}; expected 0", code)
    rest = data[fixed:]
    layer: Layer
    match kind:
        case 128 | 129:
            layer = layers.inet6.ICMPv6EchoRequest(data[:8])
            return (icmpv6.EchoRequest if kind == 128 else icmpv6.EchoReply)(layer.id, layer.seq, rest)
        case 144:
            return icmpv6.HomeAgentAddressDiscoveryRequest(layers.inet6.ICMPv6HAADRequest(data).id)
        case 145:
            layer = layers.inet6.ICMPv6HAADReply(data)
            return icmpv6.HomeAgentAddressDiscoveryReply(layer.id, tuple(map(Address, layer.addresses)))
    return _discovery(kind, data[:fixed], tuple(_neighbor_option(octets) for octets in _cut(rest)))


def _error(kind: int, code: int, data: bytes) -> icmpv6.IcmpError:
    parameter = 0  # unused in the other two
    if kind == icmpv6.PACKET_TOO_BIG:
        parameter = layers.inet6.ICMPv6PacketTooBig(data[:8]).mtu
    elif kind == icmpv6.PARAMETER_PROBLEM:
        parameter = layers.inet6.ICMPv6ParamProblem(data[:8]).ptr
    return icmpv6.IcmpError(kind, code, parameter, data[8:])


def _discovery(kind: int, octets: bytes, options: tuple[NeighborOption, ...]) -> IcmpMessage:
    """A message that may have options, from the octets before them."""
    layer: Layer
    match kind:
        case 133:
            return icmpv6.RouterSolicitation(options)
        case 134:
            layer = layers.inet6.ICMPv6ND_RA(octets)
            return icmpv6.RouterAdvertisement(
                layer.chlim, bool(layer.M), bool(layer.O), bool(layer.H), layer.routerlifetime,
                layer.reachabletime, layer.retranstimer, options, layer.prf,
            )  # fmt: skip
        case 135:
            return icmpv6.NeighborSolicitation(Address(layers.inet6.ICMPv6ND_NS(octets).tgt), options)
        case 136:
            layer = layers.inet6.ICMPv6ND_NA(octets)
            return icmpv6.NeighborAdvertisement(
                Address(layer.tgt), bool(layer.R), bool(layer.S), bool(layer.O), options
            )
        case 146:
            return icmpv6.MobilePrefixSolicitation(layers.inet6.ICMPv6MPSol(octets).id, options)
        case _:
            layer = layers.inet6.ICMPv6MPAdv(octets)
            return icmpv6.MobilePrefixAdvertisement(
                layer.id, bool(layer.flags & 2), bool(layer.flags & 1), options
            )


def _cut(data: bytes) -> list[bytes]:
    """Options of neighbor discovery, in units of 8 octets (RFC 4861 section 4.6); none of length zero."""
    found = []
    position = 0
    while position < len(data):
        size = 8 * data[position + 1] if position + 1 < len(data) else 0
        if size == 0 or position + size > len(data):
            raise WireError(f"neighbor discovery option {data[position]} of {size} octets", data[position:])
        found.append(data[position : position + size])
        position += size
    return found


def _neighbor_option(octets: bytes) -> NeighborOption:
    kind = octets[0]
    if icmpv6.KNOWN_OPTIONS.get(kind) != len(octets):
        return icmpv6.UnknownNeighborOption(kind, octets[2:])
    layer: Layer
    match kind:
        case 1 | 2:
            return icmpv6.LinkLayerAddress(octets[2:], target=kind == 2)
        case 3:
            layer = layers.inet6.ICMPv6NDOptPrefixInfo(octets)
            return icmpv6.PrefixInformation(
                Address(layer.prefix), layer.prefixlen, bool(layer.L), bool(layer.A), bool(layer.R),
                layer.validlifetime, layer.preferredlifetime,
            )  # fmt: skip
        case 5:
            return icmpv6.MtuOption(layers.inet6.ICMPv6NDOptMTU(octets).mtu)
        case 7:
            return icmpv6.AdvertisementInterval(layers.inet6.ICMPv6NDOptAdvInterval(octets).advint)
        case _:
            layer = layers.inet6.ICMPv6NDOptHAInfo(octets)
            return icmpv6.HomeAgentInformation(layer.pref, layer.lifetime)
