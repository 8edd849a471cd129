"""What fits a field: the width of every number, the length of every octet string.

Takes a wire value; says nothing, or raises WireError with the field's name and what was given. scapy would
cut a number that is too large to its low bits, or fail with an error that names no field.
"""

from __future__ import annotations

from mipflow.errors import WireError
from mipflow.wire import icmpv6, mobility, packet
from mipflow.wire.address import Address

BITS: dict[type, dict[str, int]] = {
    packet.Packet: {"hop_limit": 8},  # it checks traffic class and flow label itself
    packet.UnknownOption: {"type": 8},
    packet.RoutingHeaderType2: {"segments_left": 8},
    packet.RoutingHeader: {"type": 8, "segments_left": 8},
    packet.FragmentHeader: {"offset": 13, "identification": 32},
    packet.Opaque: {"next_header": 8},
    packet.UDP: {"source_port": 16, "destination_port": 16},
    packet.TCP: {
        "source_port": 16, "destination_port": 16, "sequence": 32, "acknowledgement": 32, "window": 16,
        "maximum_segment_size": 16, "window_scale": 8, "other_flags": 12, "urgent_pointer": 16,
    },
    icmpv6.EchoRequest: {"identifier": 16, "sequence": 16},
    icmpv6.EchoReply: {"identifier": 16, "sequence": 16},
    icmpv6.IcmpError: {"type": 8, "code": 8, "parameter": 32},
    icmpv6.UnknownIcmp: {"type": 8, "code": 8},
    icmpv6.RouterAdvertisement: {
        "current_hop_limit": 8, "router_lifetime_s": 16, "reachable_time_ms": 32,
        "retransmission_timer_ms": 32, "preference": 2,
    },
    icmpv6.HomeAgentAddressDiscoveryRequest: {"identifier": 16},
    icmpv6.HomeAgentAddressDiscoveryReply: {"identifier": 16},
    icmpv6.MobilePrefixSolicitation: {"identifier": 16},
    icmpv6.MobilePrefixAdvertisement: {"identifier": 16},
    icmpv6.PrefixInformation: {"prefix_length": 8, "valid_lifetime_s": 32, "preferred_lifetime_s": 32},
    icmpv6.MtuOption: {"mtu": 32},
    icmpv6.AdvertisementInterval: {"interval_ms": 32},
    icmpv6.HomeAgentInformation: {"preference": 16, "lifetime_s": 16},
    icmpv6.UnknownNeighborOption: {"type": 8},
    mobility.HomeTest: {"nonce_index": 16},
    mobility.CareOfTest: {"nonce_index": 16},
    mobility.BindingUpdate: {"sequence": 16, "lifetime_units": 16, "reserved": 12},
    mobility.BindingAcknowledgement: {"status": 8, "sequence": 16, "lifetime_units": 16, "reserved": 7},
    mobility.BindingError: {"status": 8},
    mobility.UnknownMobilityMessage: {"type": 8},
    mobility.BindingRefreshAdvice: {"interval_units": 16},
    mobility.NonceIndices: {"home": 16, "care_of": 16},
    mobility.UnknownMobilityOption: {"type": 8},
}  # fmt: skip
"""Field -> width in bits."""

OPTIONAL = {"maximum_segment_size", "window_scale"}
"""Fields that may be None."""

OCTETS: dict[type, dict[str, tuple[int, int, int]]] = {
    packet.UnknownOption: {"data": (0, 255, 1)},
    packet.RoutingHeader: {"data": (4, 2044, 8)},
    packet.Opaque: {"data": (0, 65535, 1)},
    packet.UDP: {"payload": (0, 65527, 1)},
    packet.TCP: {"payload": (0, 65515, 1), "options": (0, 40, 4)},
    icmpv6.EchoRequest: {"data": (0, 65527, 1)},
    icmpv6.EchoReply: {"data": (0, 65527, 1)},
    icmpv6.IcmpError: {"invoking": (0, 65527, 1)},
    icmpv6.UnknownIcmp: {"body": (0, 65531, 1)},
    icmpv6.LinkLayerAddress: {"address": (6, 6, 1)},
    icmpv6.UnknownNeighborOption: {"data": (6, 2038, 8)},
    mobility.HomeTestInit: {"cookie": (8, 8, 1)},
    mobility.CareOfTestInit: {"cookie": (8, 8, 1)},
    mobility.HomeTest: {"cookie": (8, 8, 1), "keygen_token": (8, 8, 1)},
    mobility.CareOfTest: {"cookie": (8, 8, 1), "keygen_token": (8, 8, 1)},
    mobility.UnknownMobilityMessage: {"data": (2, 2042, 8)},
    mobility.BindingAuthorizationData: {"authenticator": (12, 12, 1)},
    mobility.UnknownMobilityOption: {"data": (0, 255, 1)},
}
"""Field -> fewest octets, most octets, step between."""

ADDRESSES: dict[type, tuple[str, ...]] = {
    packet.Packet: ("source", "destination"),
    packet.HomeAddressOption: ("home_address",),
    packet.RoutingHeaderType2: ("home_address",),
    icmpv6.NeighborSolicitation: ("target",),
    icmpv6.NeighborAdvertisement: ("target",),
    icmpv6.PrefixInformation: ("prefix",),
    mobility.AlternateCareOfAddress: ("care_of_address",),
    mobility.BindingError: ("home_address",),
}


def check(value: object) -> None:
    """Raise WireError where a field of `value` does not fit the wire: port 70000, a cookie of 7 octets."""
    kind = type(value)
    for name, bits in BITS.get(kind, {}).items():
        given = getattr(value, name)
        if given is None and name in OPTIONAL:
            continue
        if not isinstance(given, int) or not 0 <= given < 1 << bits:
            raise WireError(f"{kind.__name__} {name} {given!r}; expected 0 to {(1 << bits) - 1}", given)
    for name, (fewest, most, step) in OCTETS.get(kind, {}).items():
        given = getattr(value, name)
        if not isinstance(given, bytes) or not fewest <= len(given) <= most or (len(given) - fewest) % step:
            shown = f"of {len(given)} octets" if isinstance(given, bytes) else repr(given)
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            raise WireError(
                f"{kind.__name__} {name} {shown}; expected {wanted} octets"
                + f" in steps of {step}" * (step > 1),
                given,
            )
    for name in ADDRESSES.get(kind, ()):
        if not isinstance(getattr(value, name), Address):
            given = getattr(value, name)
            raise WireError(f"{kind.__name__} {name} {given!r}; expected an Address", given)
