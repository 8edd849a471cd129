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
    """Draw octet strings of fewest, fewest + step ... octets."""
    return st.integers(0, (most - fewest) // step).flatmap(lambda count: octets(fewest + step * count))


def several(values: st.SearchStrategy, most: int = 3) -> st.SearchStrategy[tuple]:
    return st.lists(values, max_size=most).map(tuple)


prefixed = st.builds(lambda network, low: (0x2001_0DB8 << 96) | (network << 64) | low, bits(16), bits(64))
addresses = st.one_of(prefixed, bits(128), st.just(0)).map(Address)
flags = st.booleans()

# --- extension headers

unknown_types = bits(8).filter(lambda kind: kind not in (0, 1, 0xC9))
unknown_options = st.builds(UnknownOption, unknown_types, st.binary(max_size=20))
home_address_options = st.builds(HomeAddressOption, addresses)
destination_options = st.builds(DestinationOptions, several(home_address_options | unknown_options))
hop_by_hop_options = st.builds(HopByHopOptions, several(unknown_options))
type_2_headers = st.builds(RoutingHeaderType2, addresses, st.sampled_from([0, 1, 1, 1, 255]))
routing_types = bits(8).filter(lambda kind: kind != 2)
finished_routing_headers = st.builds(RoutingHeader, routing_types, st.just(0), stepped(4, 60, 8))
routing_headers = st.builds(RoutingHeader, routing_types, st.integers(1, 255), stepped(4, 60, 8))
atomic_fragment_headers = st.builds(FragmentHeader, st.just(0), st.just(False), bits(32))
any_fragment_headers = st.builds(FragmentHeader, bits(13), flags, bits(32))
fragment_headers = any_fragment_headers.filter(lambda header: header.offset or header.more)

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
        draw(bits(7)), draw(bits(16)),
    )  # fmt: skip


# --- ICMPv6

neighbor_options = st.one_of(
    st.builds(icmpv6.PrefixInformation, addresses, bits(8), flags, flags, flags, bits(32), bits(32)),
    st.builds(icmpv6.LinkLayerAddress, octets(6), flags),
    st.builds(icmpv6.MtuOption, bits(32)),
    st.builds(icmpv6.AdvertisementInterval, bits(32)),
    st.builds(icmpv6.HomeAgentInformation, bits(16), bits(16)),
    st.builds(icmpv6.UnknownNeighborOption, bits(8), stepped(6, 46, 8)).filter(
        lambda option: icmpv6.NeighborOption.find(option.type, option.size).value is type(option)
    ),
)
icmp_errors = st.builds(
    lambda kind, code, parameter, invoking: icmpv6.IcmpError(kind, code, parameter if kind in (2, 4) else 0, invoking),
    st.integers(1, 4), bits(8), bits(32), st.binary(max_size=120),
)  # fmt: skip
unknown_icmp_types = bits(8).filter(lambda kind: kind not in icmpv6.IcmpMessage.forms)
icmp_messages = st.one_of(
    st.builds(icmpv6.EchoRequest, bits(16), bits(16), st.binary(max_size=60)),
    st.builds(icmpv6.EchoReply, bits(16), bits(16), st.binary(max_size=60)),
    icmp_errors,
    st.builds(icmpv6.UnknownIcmp, unknown_icmp_types, bits(8), st.binary(max_size=60)),
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
    st.just(mobility.CgaParametersRequest()),
    st.builds(mobility.CgaParametersOption, st.binary(max_size=255)),
    st.builds(mobility.SignatureOption, st.binary(max_size=255)),
    st.builds(mobility.PermanentHomeKeygenToken, st.binary(max_size=255)),
    st.just(mobility.CareOfTestInitOption()),
    st.builds(mobility.CareOfTestOption, octets(8)),
    st.builds(
        mobility.UnknownMobilityOption,
        st.integers(6, 255).filter(lambda kind: kind not in mobility.MobilityOption.forms),
        st.binary(max_size=20),
    ),
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


def with_one_home_address(extensions: tuple) -> tuple:
    """Return the extension headers without any Home Address option but the first: more may not be (RFC 6275 section
    6.3).
    """
    kept, seen = [], False
    for header in extensions:
        if isinstance(header, DestinationOptions):
            options = []
            for option in header.options:
                if not (seen and isinstance(option, HomeAddressOption)):
                    options.append(option)
                seen = seen or isinstance(option, HomeAddressOption)
            header = DestinationOptions(tuple(options))
        kept.append(header)
    return tuple(kept)


@st.composite
def packets(draw: st.DrawFn, depth: int = 2) -> Packet:
    """Draw any packet, with up to `depth` others inside."""
    extensions = draw(several(hop_by_hop_options, 1)) + draw(several(open_extensions, 2))
    extensions = with_one_home_address(extensions)
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


# --- one packet of each kind, for tools that want a fixed list


def one_of_each() -> list[Packet]:
    """Return a packet of each kind as a real node would send it: nothing in it for tshark to complain about."""
    mn, cn, ha = Address("2001:db8:2::10"), Address("2001:db8:c1::1"), Address("2001:db8:1::1")
    home, router = Address("2001:db8:1::10"), Address("fe80::1")
    from_home = (DestinationOptions((HomeAddressOption(home),)),)
    to_home = (RoutingHeaderType2(home),)
    echo = icmpv6.EchoRequest(7, 1, bytes(range(56)))
    prefix = icmpv6.PrefixInformation(Address("2001:db8:2::"), router_address=True)
    link = icmpv6.LinkLayerAddress(bytes.fromhex("02005e000001"))
    bound = mobility.BindingAuthorizationData(bytes(range(12)))
    indices = mobility.NonceIndices(3, 4)
    proof = (
        mobility.CgaParametersOption(bytes(range(255))), mobility.CgaParametersOption(b"the rest"),
        mobility.SignatureOption(bytes(128)),
    )  # fmt: skip
    early = mobility.BindingUpdate(
        10, lifetime_units=900,
        options=(mobility.CareOfTestInitOption(), mobility.CgaParametersRequest(), mobility.NonceIndices(0, 0), bound),
    )  # fmt: skip
    tokens = (mobility.PermanentHomeKeygenToken(bytes(128)), mobility.CareOfTestOption(b"cartoken"), bound)
    advice = (mobility.BindingRefreshAdvice(10),)
    registration = mobility.BindingUpdate(
        1, home_registration=True, lifetime_units=90, options=(mobility.AlternateCareOfAddress(mn),)
    )
    invoking = bytes.fromhex("6000000000083a40") + cn.packed + mn.packed + bytes.fromhex("8000b68000070001")
    return [
        Packet(mn, cn, UDP(5004, 5006, bytes(160))),
        Packet(mn, cn, UDP(5004, 5006, bytes(161)), extensions=from_home, flow_label=0x12345, traffic_class=0xB8),
        Packet(cn, mn, UDP(5006, 5004, bytes(160)), extensions=to_home),
        Packet(mn, cn, TCP(4000, 80, 99, syn=True, maximum_segment_size=1416, window_scale=7), extensions=from_home),
        Packet(cn, mn, TCP(80, 4000, 17, 100, syn=True, ack=True, maximum_segment_size=1416), extensions=to_home),
        Packet(mn, cn, TCP(4000, 80, 100, 18, ack=True, psh=True, payload=b"GET / ", options=TIMESTAMPS)),
        Packet(mn, cn, TCP(4000, 80, 106, 18, ack=True, fin=True)),
        Packet(cn, mn, TCP(80, 4000, 18, 107, ack=True, rst=True)),
        Packet(mn, cn, echo, extensions=from_home),
        Packet(cn, mn, icmpv6.EchoReply(7, 1, bytes(range(56))), extensions=to_home),
        Packet(mn, ha, Packet(home, cn, echo)),
        Packet(cn, mn, icmpv6.IcmpError(icmpv6.PACKET_TOO_BIG, 0, 1280, invoking)),
        Packet(cn, mn, icmpv6.IcmpError(icmpv6.PARAMETER_PROBLEM, 1, 40, invoking)),
        Packet(cn, mn, icmpv6.IcmpError(icmpv6.DESTINATION_UNREACHABLE, 4, 0, invoking)),
        Packet(cn, mn, icmpv6.IcmpError(icmpv6.TIME_EXCEEDED, 0, 0, invoking)),
        Packet(router, Address("ff02::1"), icmpv6.RouterAdvertisement(
            home_agent=True, retransmission_timer_ms=1000, options=(
                link, icmpv6.MtuOption(1500), prefix, icmpv6.AdvertisementInterval(1500),
                icmpv6.HomeAgentInformation(5, 1800))), 255),
        Packet(mn, Address("ff02::2"), icmpv6.RouterSolicitation((link,)), 255),
        Packet(Address(0), mn.solicited_node(), icmpv6.NeighborSolicitation(mn), 255),
        Packet(mn, router, icmpv6.NeighborAdvertisement(mn, solicited=True, options=(
            icmpv6.LinkLayerAddress(bytes.fromhex("02005e000002"), target=True),)), 255),
        Packet(mn, ha, icmpv6.HomeAgentAddressDiscoveryRequest(5)),
        Packet(ha, mn, icmpv6.HomeAgentAddressDiscoveryReply(5, (ha,))),
        Packet(mn, ha, icmpv6.MobilePrefixSolicitation(6), extensions=from_home),
        Packet(ha, mn, icmpv6.MobilePrefixAdvertisement(6, True, True, (prefix,)), extensions=to_home),
        Packet(mn, ha, registration, extensions=from_home),
        Packet(ha, mn, mobility.BindingAcknowledgement(0, 1, 90, True, advice), extensions=to_home),
        Packet(mn, ha, Packet(home, cn, mobility.HomeTestInit(b"homecook"))),
        Packet(mn, cn, mobility.CareOfTestInit(b"careofck")),
        Packet(ha, mn, Packet(cn, home, mobility.HomeTest(3, b"homecook", b"homtoken"))),
        Packet(cn, mn, mobility.CareOfTest(4, b"careofck", b"cartoken")),
        Packet(mn, cn, mobility.BindingUpdate(9, lifetime_units=105, options=(indices, bound)), extensions=from_home),
        Packet(cn, mn, mobility.BindingAcknowledgement(0, 9, 105, options=(bound,)), extensions=to_home),
        Packet(cn, mn, mobility.BindingAcknowledgement(136, 9), extensions=to_home),
        Packet(mn, cn, mobility.BindingUpdate(9, options=(*proof, indices, bound)), extensions=from_home),
        Packet(mn, cn, early, extensions=from_home),
        Packet(cn, mn, mobility.BindingAcknowledgement(0, 9, 900, options=tokens), extensions=to_home),
        Packet(cn, mn, mobility.BindingError(1, home)),
        Packet(cn, mn, mobility.BindingRefreshRequest(), extensions=to_home),
        Packet(mn, Address("ff02::16"), icmpv6.UnknownIcmp(143, 0, bytes.fromhex("0000000104000000") + cn.packed), 1,
               (HopByHopOptions((UnknownOption(5, bytes(2)),)),)),
        Packet(mn, cn, Opaque(17, bytes(64)), extensions=(*from_home, FragmentHeader(20, False, 77))),
        Packet(mn, cn, Opaque(59, b"")),
    ]  # fmt: skip
