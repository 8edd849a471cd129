"""Hypothesis strategies for every value that a packet can be made of.

Each packet drawn is canonical: it holds no padding that `encode` would write by itself, so `decode(encode(p)) == p`.
"""

from __future__ import annotations

from hypothesis import strategies as st

from mipflow.wire import icmpv6, mobility
from mipflow.wire.address import Address
from mipflow.wire.packet import (
    TCP,
    UDP,
    DestinationOptions,
    FragmentHeader,
    HomeAddressOption,
    HopByHopOptions,
    Opaque,
    Packet,
    RoutingHeader,
    RoutingHeaderType2,
    UnknownOption,
)

READ_FURTHER = {0, 6, 17, 41, 43, 44, 58, 60, 135}
"""Next headers behind which `decode` looks: Opaque carries the others, or a fragment's piece of any."""


def bits(width: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << width) - 1)


def octets(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=count, max_size=count)


def stepped(fewest: int, most: int, step: int) -> st.SearchStrategy[bytes]:
    """Octet strings of fewest, fewest + step ... octets."""
    return st.integers(0, (most - fewest) // step).flatmap(lambda count: octets(fewest + step * count))


def several(values: st.SearchStrategy, most: int = 3) -> st.SearchStrategy[tuple]:
    return st.lists(values, max_size=most).map(tuple)


prefixed = st.builds(lambda network, low: (0x2001_0DB8 << 96) | (network << 64) | low, bits(16), bits(64))
addresses = st.one_of(prefixed, bits(128), st.just(0)).map(Address)
flags = st.booleans()

# --- extension headers

unknown_options = st.builds(UnknownOption, bits(8).filter(lambda kind: kind not in (0, 1, 0xC9)), st.binary(max_size=20))
home_address_options = st.builds(HomeAddressOption, addresses)
destination_options = st.builds(DestinationOptions, several(home_address_options | unknown_options))
hop_by_hop_options = st.builds(HopByHopOptions, several(unknown_options))
type_2_headers = st.builds(RoutingHeaderType2, addresses, st.sampled_from([0, 1, 1, 1, 255]))
routing_types = bits(8).filter(lambda kind: kind != 2)
finished_routing_headers = st.builds(RoutingHeader, routing_types, st.just(0), stepped(4, 60, 8))
routing_headers = st.builds(RoutingHeader, routing_types, st.integers(1, 255), stepped(4, 60, 8))
atomic_fragment_headers = st.builds(FragmentHeader, st.just(0), st.just(False), bits(32))
fragment_headers = st.builds(FragmentHeader, bits(13), flags, bits(32)).filter(lambda header: header.offset or header.more)

open_extensions = destination_options | type_2_headers | finished_routing_headers | atomic_fragment_headers
closing_extensions = fragment_headers | routing_headers

# --- UDP, TCP, opaque

udp_datagrams = st.builds(UDP, bits(16), bits(16), st.binary(max_size=60))
opaque = st.builds(Opaque, bits(8).filter(lambda number: number not in READ_FURTHER), st.binary(max_size=60))
opaque_pieces = st.builds(Opaque, bits(8), st.binary(max_size=60))

TIMESTAMPS = b"\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02"
tcp_options = st.sampled_from([b"", b"", b"\x04\x02\x01\x01", TIMESTAMPS, b"\x1e\x04xy"])


@st.composite
def tcp_segments(draw: st.DrawFn) -> TCP:
    syn = draw(flags)
    return TCP(
        draw(bits(16)), draw(bits(16)), draw(bits(32)), draw(bits(32)), syn, draw(flags), draw(flags), draw(flags),
        draw(flags), draw(bits(16)), draw(st.none() | bits(16)) if syn else None,
        draw(st.none() | bits(8)) if syn else None, draw(st.binary(max_size=60)), draw(tcp_options),
        draw(bits(7)) << 5, draw(bits(16)),
    )  # fmt: skip


# --- ICMPv6

neighbor_options = st.one_of(
    st.builds(icmpv6.PrefixInformation, addresses, bits(8), flags, flags, flags, bits(32), bits(32)),
    st.builds(icmpv6.LinkLayerAddress, octets(6), flags),
    st.builds(icmpv6.MtuOption, bits(32)),
    st.builds(icmpv6.AdvertisementInterval, bits(32)),
    st.builds(icmpv6.HomeAgentInformation, bits(16), bits(16)),
    st.builds(icmpv6.UnknownNeighborOption, bits(8), stepped(6, 46, 8)).filter(
        lambda option: icmpv6.KNOWN_OPTIONS.get(option.type) != option.size
    ),
)
icmp_errors = st.builds(
    lambda kind, code, parameter, invoking: icmpv6.IcmpError(kind, code, parameter if kind in (2, 4) else 0, invoking),
    st.integers(1, 4), bits(8), bits(32), st.binary(max_size=120),
)  # fmt: skip
icmp_messages = st.one_of(
    st.builds(icmpv6.EchoRequest, bits(16), bits(16), st.binary(max_size=60)),
    st.builds(icmpv6.EchoReply, bits(16), bits(16), st.binary(max_size=60)),
    icmp_errors,
    st.builds(
        icmpv6.UnknownIcmp, bits(8).filter(lambda kind: kind not in icmpv6.KNOWN_TYPES), bits(8), st.binary(max_size=60)
    ),
    st.builds(icmpv6.RouterSolicitation, several(neighbor_options)),
    st.builds(
        icmpv6.RouterAdvertisement, bits(8), flags, flags, flags, bits(16), bits(32), bits(32),
        several(neighbor_options), bits(2),
    ),
    st.builds(icmpv6.NeighborSolicitation, addresses, several(neighbor_options)),
    st.builds(icmpv6.NeighborAdvertisement, addresses, flags, flags, flags, several(neighbor_options)),
    st.builds(icmpv6.HomeAgentAddressDiscoveryRequest, bits(16)),
    st.builds(icmpv6.HomeAgentAddressDiscoveryReply, bits(16), several(addresses)),
    st.builds(icmpv6.MobilePrefixSolicitation, bits(16), several(neighbor_options)),
    st.builds(icmpv6.MobilePrefixAdvertisement, bits(16), flags, flags, several(neighbor_options)),
)  # fmt: skip

# --- Mobility Header

mobility_options = st.one_of(
    st.builds(mobility.BindingRefreshAdvice, bits(16)),
    st.builds(mobility.AlternateCareOfAddress, addresses),
    st.builds(mobility.NonceIndices, bits(16), bits(16)),
    st.builds(mobility.BindingAuthorizationData, octets(12)),
    st.builds(mobility.UnknownMobilityOption, st.integers(6, 255), st.binary(max_size=20)),
)
option_lists = several(mobility_options, 4)
mobility_messages = st.one_of(
    st.builds(mobility.BindingRefreshRequest, option_lists),
    st.builds(mobility.HomeTestInit, octets(8), option_lists),
    st.builds(mobility.CareOfTestInit, octets(8), option_lists),
    st.builds(mobility.HomeTest, bits(16), octets(8), octets(8), option_lists),
    st.builds(mobility.CareOfTest, bits(16), octets(8), octets(8), option_lists),
    st.builds(mobility.BindingUpdate, bits(16), flags, flags, flags, flags, bits(16), option_lists, bits(12)),
    st.builds(mobility.BindingAcknowledgement, bits(8), bits(16), bits(16), flags, option_lists, bits(7)),
    st.builds(mobility.BindingError, bits(8), addresses, option_lists),
    st.builds(mobility.UnknownMobilityMessage, st.integers(8, 255), stepped(2, 42, 8)),
)

# --- packets

payloads = udp_datagrams | tcp_segments() | icmp_messages | mobility_messages | opaque


@st.composite
def packets(draw: st.DrawFn, depth: int = 2) -> Packet:
    """Any packet, with up to `depth` others inside."""
    extensions = draw(several(hop_by_hop_options, 1)) + draw(several(open_extensions, 2))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        extensions += (draw(closing_extensions),)
        payload = draw(opaque_pieces)
    elif kind <= 2 and depth:
        payload = draw(packets(depth - 1))
    else:
        payload = draw(payloads)
    return Packet(
        draw(addresses), draw(addresses), payload, draw(bits(8)), extensions, draw(bits(8)), draw(bits(20))
    )
