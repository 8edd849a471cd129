"""The mobile node: care-of addresses, roads by state, packets that it accepts."""

from __future__ import annotations

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.scenarios import HOME, WLAN
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.sim.network import Network
from mipflow.wire.address import ALL_NODES, Address
from mipflow.wire.icmpv6 import IcmpError, PrefixInformation, RouterAdvertisement
from mipflow.wire.mobility import BindingAcknowledgement, CareOfTest, HomeTest
from mipflow.wire.packet import UDP, Header, Marks, Opaque, Packet, RoutingHeaderType2, packet_of
from tests.mip6.worlds import S, dropper, instant, messages, world
from tests.node.nodes import inject, listen


def test_both_interfaces_get_a_care_of_address_after_a_second_of_detection() -> None:
    made = world()
    made.run(3)
    said = [(d.t_ns, d.why) for d in made.trace.decisions() if d.what == "care-of address"]
    assert said == [
        (S + 10_000_000, "2001:db8:200::10 on wlan0"), (S + 70_000_000, "2001:db8:300::10 on cell0"),
    ]  # fmt: skip
    assert str(made.mn.care_of_address("wlan0")) == "2001:db8:200::10"
    (home,) = made.ha.bindings
    assert home.care_of_address == made.mn.care_of_address("wlan0"), "the first interface registers the primary"


def test_a_care_of_address_that_somebody_has_is_not_used() -> None:
    made = world()
    Host(made.network, "squatter").settle(made.network.segments["wlan0"], 0x10)
    made.run(3)
    assert made.mn.interface("wlan0").address is None
    assert any(d.what == "duplicate address" for d in made.trace.decisions())
    with pytest.raises(ProtocolMisuse, match="wlan0 has no care-of address yet"):
        made.mn.care_of_address("wlan0")


@pytest.mark.parametrize("option", [{"autonomous": False}, {"prefix_length": 48}])
def test_a_prefix_that_is_not_for_addresses_makes_none(option: dict[str, object]) -> None:
    """RFC 4862 section 5.5.3 a and d."""
    made = world()
    advertisement = RouterAdvertisement(options=(PrefixInformation(WLAN.network, **option),))  # type: ignore[arg-type]
    made.network.segments["wlan0"].tap(lambda packet, now: "only what is injected")
    inject(made.mn, Packet(Address("fe80::1"), ALL_NODES, advertisement, hop_limit=255), "wlan0")
    made.run(3)
    assert made.mn.interface("wlan0").addresses == []


def test_an_advertisement_during_detection_does_not_begin_it_anew() -> None:
    """RFC 6275 section 11.5.3: the care-of address is there a second after the first advertisement, not the last."""
    made = world(advertisements=(0.03, 0.07))
    made.run(1.2)
    (said,) = [d for d in made.trace.decisions() if d.what == "care-of address" and "wlan0" in d.why]
    heard = [hop for hop in made.trace if isinstance(hop.packet.payload, RouterAdvertisement)]
    assert said.t_ns == next(hop.arrived_ns for hop in heard if hop.channel.segment == "wlan0") + S


def test_moved_on_during_detection_no_address_of_the_old_link_appears_on_the_new() -> None:
    made = world()
    made.run(0.5)
    wlan = made.mn.interface("wlan0")
    wlan.leave()
    made.mn.visit("wlan0", made.network.add_segment("elsewhere", mf.Link()))
    made.run(5)
    assert all(address not in WLAN for address in wlan.addresses)


def test_another_access_network_and_all_home_addresses_follow() -> None:
    """A new care-of address on an interface: what was bound to the old one is bound to the new one."""
    made = world(wire=False)
    flows = [made.mn.open(made.cn1, mf.apps.Voice()) for _ in range(2)]
    made.run(5)
    made.mn.interface("wlan0").leave()
    made.mn.interface("cell0").leave()
    made.mn.visit("wlan0", made.network.segments["cell0"])
    made.run(8)
    care_of = made.mn.care_of_address("wlan0")
    assert str(care_of) == "2001:db8:300::10"
    assert {b.care_of_address for b in made.ha.bindings} == {care_of} and len(made.ha.bindings) == 2
    assert {b.care_of_address for b in made.cn1.bindings} == {care_of} and len(made.cn1.bindings) == 2
    assert all(flow.registered_at_cn == care_of for flow in flows)


def test_the_road_before_during_and_after() -> None:
    made = world(wire=False)
    home, cn = made.mn.primary_home_address, made.cn1.address
    made.run(1.5)
    assert made.mn.mobility.find_road(home, cn) is None, "no home registration, no road"
    made.run(3)
    assert made.mn.mobility.find_road(home, cn).kind == "tunnel"  # type: ignore[union-attr]
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(2)
    assert made.mn.mobility.find_road(home, cn).kind == "route optimisation"  # type: ignore[union-attr]
    made.mn.handover(flow, "cell0")
    road = made.mn.mobility.find_road(home, cn)
    assert road is not None and (road.kind, road.source) == ("route optimisation", made.mn.care_of_address("wlan0"))
    made.run(0.115)
    assert made.mn.mobility.find_road(home, cn).kind == "tunnel", "from update to acknowledgement"  # type: ignore[union-attr]
    made.run(1)
    road = made.mn.mobility.find_road(home, cn)
    assert road is not None and (road.kind, road.source) == ("route optimisation", made.mn.care_of_address("cell0"))
    assert made.mn.mobility.find_road(made.mn.care_of_address("wlan0"), cn).kind == "direct"  # type: ignore[union-attr]


def test_until_the_update_leaves_a_dead_interface_means_the_tunnel() -> None:
    made = world(wire=False)
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    made.mn.handover(flow, "cell0")
    made.run(2)
    made.mn.interface("cell0").set_up(False)
    road = made.mn.mobility.find_road(made.mn.primary_home_address, made.cn1.address)
    assert road is not None and road.kind == "tunnel"
    made.network.segments["cell0"].set_up(True)
    made.mn.interface("cell0").set_up(True)
    made.network.segments["cell0"].set_up(False)
    made.mn.udp(4000, (made.cn1.address, 4001)).send(b"x")
    assert made.mn.mobility.find_road(made.mn.primary_home_address, made.cn1.address).kind == "tunnel"  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_a_closed_port_is_answered_from_and_to_the_home_address_by_its_road(mode: str) -> None:
    """RFC 4443 sections 2.2 and 3.1, as the upper layers see it: home addresses in their places, on either side."""
    made = world(mode=mode)
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    home, care_of, cn = flow.home_address, made.mn.care_of_address("wlan0"), made.cn1.address
    assert home is not None
    at_cn, at_mn = listen(made.cn1, IcmpError), listen(made.mn, IcmpError)
    made.cn1.udp(7, (home, 4444)).send(b"anybody?")
    made.mn.udp(8, (cn, 5555), flow=flow.id).send(b"anybody?")
    made.run(1)
    ((to_cn,), (to_mn,)) = at_cn, at_mn
    assert (to_cn.source, to_cn.destination, to_mn.source, to_mn.destination) == (home, cn, cn, home)
    assert to_cn.payload.is_port_unreachable and to_mn.payload.is_port_unreachable
    ends = [(a.packet.source, a.packet.destination, a.tunnel is not None) for a in (to_cn, to_mn)]
    straight = [(care_of, cn, False), (cn, care_of, False)]
    assert ends == (straight if mode == "route_optimisation" else [(home, cn, False), (cn, home, True)])
    made.mn.udp(9, (made.ha.address, 53)).send(b"anybody?")
    made.run(3)  # in the tunnel a second flow takes a second home address
    assert at_mn[-1].payload.is_port_unreachable and at_mn[-1].source == made.ha.address
    assert all("no way" not in drop.reason for drop in made.trace.drops() if drop.t_ns > 5 * S)


def test_what_is_not_known_in_a_tunnel_is_reported_from_the_home_address() -> None:
    made = world(mode="tunnel")
    made.run(5)
    home, heard = made.mn.primary_home_address, listen(made.cn1, IcmpError)
    made.cn1.send(Packet(made.cn1.address, home, Opaque(200, b"12345678")))
    made.run(1)
    assert [(error.source, error.payload.type, error.payload.code) for error in heard] == [(home, 4, 1)]


@pytest.mark.parametrize("source", ["home", "care-of"])
def test_no_error_to_an_own_address(source: str) -> None:
    made = world()
    made.run(5)
    home, care_of = made.mn.primary_home_address, made.mn.care_of_address("wlan0")
    before = made.mn.error_limit._full_ns
    of = home if source == "home" else care_of
    inject(made.mn, Packet(of, care_of, UDP(5, 4444)), "wlan0")
    inject(made.mn, Packet(of, care_of, Opaque(200, b"12345678")), "wlan0")
    assert made.mn.error_limit._full_ns == before


def test_routing_headers_and_tunnels_of_others_are_dropped() -> None:
    made = world()
    made.run(5)
    seen = listen(made.mn, UDP)
    home, care_of, cn = made.mn.primary_home_address, made.mn.care_of_address("wlan0"), made.cn1.address
    inner = Packet(cn, home, UDP(1, 2))
    for packet in (
        Packet(cn, care_of, UDP(1, 2), extensions=(RoutingHeaderType2(HOME.address(0x99)),)),
        Packet(cn, care_of, UDP(1, 2), extensions=(RoutingHeaderType2(home, 0),)),
        Packet(cn, care_of, inner.copy()),
        Packet(made.mn.home_agent, care_of, Packet(cn, HOME.address(0x99), UDP(1, 2))),
        Packet(made.mn.home_agent, care_of, Packet(made.mn.home_agent, care_of, inner.copy())),
    ):
        inject(made.mn, packet, "wlan0")
    assert seen == [] and len([d for d in made.trace.drops() if d.node == "MN"]) == 5
    inject(made.mn, Packet(made.mn.home_agent, care_of, inner), "wlan0")
    inject(made.mn, Packet(cn, care_of, UDP(1, 2), extensions=(RoutingHeaderType2(home),)), "wlan0")
    assert [arrival.destination for arrival in seen] == [home, home]


def test_data_for_a_home_address_that_was_given_up_is_dropped_though_its_header_is_known() -> None:
    made = world()
    made.run(5)
    seen, wrong = listen(made.mn, UDP), "not a home address of ours"
    home, care_of = made.mn.primary_home_address, made.mn.care_of_address("wlan0")
    header = Header(made.cn1.address, care_of, Marks(extensions=(RoutingHeaderType2(home),)), label=-1)
    for _ in range(2):
        inject(made.mn, packet_of(header, UDP(1, 2), 0), "wlan0")
    assert [arrival.destination for arrival in seen] == [home, home]
    made.mn.mobility.disown(home)
    inject(made.mn, packet_of(header, UDP(1, 2), 0), "wlan0")
    assert len(seen) == 2 and wrong in list(made.trace.drops())[-1].reason


def test_tests_that_fail_any_check_are_ignored_without_a_word() -> None:
    """Section 11.6.2: the peer's, asked for, with the cookie, at the right address, by the right way, and once."""
    made = world()
    dropper(made, "cn1", lambda m: m.name in ("HoT", "CoT"))
    made.mn.open(made.cn1, mf.apps.Voice(start_s=60))
    made.run(3)
    cookies = {m.name: m.cookie for m in messages(made, "MN") if m.destination == made.cn1.address.packed}
    home_cookie, care_of_cookie = cookies["HoTI"] or b"", cookies["CoTI"] or b""
    wlan, cell = map(made.mn.care_of_address, ("wlan0", "cell0"))
    home, agent, cn, other = made.mn.primary_home_address, made.mn.home_agent, made.cn1.address, made.cn2.address

    def home_test(source: Address = cn, to: Address = home, cookie: bytes = home_cookie) -> Packet:
        return Packet(agent, wlan, Packet(source, to, HomeTest(1, cookie, b"a token.")))

    def care_of_test(source: Address = cn, to: Address = wlan, cookie: bytes = care_of_cookie) -> Packet:
        return Packet(source, to, CareOfTest(1, cookie, b"a token."))

    def state() -> tuple[int, object]:
        return len(made.trace), made.trace.tables(made.network.clock.now)["MN"]

    def ignored(packet: Packet, interface: str = "wlan0") -> bool:
        before = state()
        inject(made.mn, packet, interface)
        return state() == before

    straight = Packet(cn, wlan, HomeTest(1, home_cookie, b"a token."), extensions=(RoutingHeaderType2(home),))
    for packet in (
        home_test(source=other), home_test(to=HOME.address(0x99)), home_test(cookie=care_of_cookie), straight,
        care_of_test(source=other), care_of_test(to=home), care_of_test(cookie=home_cookie),
    ):  # fmt: skip
        assert ignored(packet), packet
    assert ignored(care_of_test(to=cell), "cell0")
    for asked in (home_test, care_of_test):
        assert not ignored(asked()) and ignored(asked()), "taken, and once"
    assert [m.name for m in messages(made, "MN")][-1] == "BU"


def test_a_home_test_must_come_through_the_home_agent() -> None:
    made = world()
    made.run(5)
    care_of, home = made.mn.care_of_address("wlan0"), made.mn.primary_home_address
    straight = Packet(
        made.cn1.address, care_of, HomeTest(0, bytes(8), bytes(8)), extensions=(RoutingHeaderType2(home),)
    )
    inject(made.mn, straight, "wlan0")
    assert [d.reason for d in made.trace.drops()] == ["home test that did not come through the home agent"]


def test_wrong_settings() -> None:
    with pytest.raises(ProtocolMisuse, match="mode='magic'; expected one of 'triangular', 'tunnel', 'r"):
        MobileNode(Host(Network(), "MN"), home_agent=HOME.address(7), home_address=HOME.address(9), mode="magic")  # type: ignore[arg-type]
    made = world()
    with pytest.raises(ProtocolMisuse, match="no interface 'lan'; expected one of wlan0, cell0"):
        made.mn.interface("lan")


# --- data modes and sizes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "is_filtered"), [("triangular", True), ("tunnel", False), ("route_optimisation", False)]
)
def test_ingress_filtering_stops_what_comes_from_the_home_address(mode: str, is_filtered: bool) -> None:
    """RFC 6275 section 11.3.1: a care-of address as source passes any router with ingress filtering (BCP 38)."""
    made = world(mode=mode, ingress_filtering=True)
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(8)
    dropped = [d for d in made.trace.drops() if d.reason.startswith("ingress filtering")]
    assert bool(dropped) is is_filtered and {d.node for d in dropped} <= {"AR2"}
    assert (flow.stats.up.received == 0) is is_filtered
    if is_filtered:
        told = [hop.packet.innermost().payload for hop in made.trace if hop.channel.sender == "AR2"]
        assert {(m.type, m.code) for m in told if isinstance(m, IcmpError)} == {(1, 5)}, "RFC 4443 section 3.1"


@pytest.mark.parametrize("octets", [1000, 1192, 1193, 1232, 1233, 1400])
def test_a_tunnel_narrower_than_the_minimum_cuts_the_tunnel_packet(octets: int) -> None:
    """RFC 2473 section 7.1: (b) up to 1280 octets the tunnel packet is cut; (a) more is reported to its source."""
    links = instant() | {"AR2-Internet": mf.Link(delay_ms=5, rate_bps=None, mtu=1280)}
    made = world(links=links, mode="tunnel")
    made.mn.interface("cell0").set_up(False)
    made.run(5)
    home = made.mn.primary_home_address
    up, down = listen(made.cn1, UDP), listen(made.mn, UDP)
    for _ in range(4):
        made.mn.send(Packet(home, made.cn1.address, UDP(7, 8, bytes(octets))))
        made.cn1.send(Packet(made.cn1.address, home, UDP(8, 7, bytes(octets))))
        made.run(1)
    for got, ends in ((up, (home, made.cn1.address)), (down, (made.cn1.address, home))):
        assert len(got) >= 2, "at most the first ones are lost, while the path is being learned"
        assert all(len(a.packet.payload.payload) == octets for a in got)  # type: ignore[attr-defined]
        assert {(a.source, a.destination) for a in got} == {ends}
    assert all(hop.packet.size <= 1280 for hop in made.trace if hop.channel.segment == "AR2-Internet")
    assert all(mtu >= 1280 for node in (made.cn1, made.mn, made.ha) for mtu in node.path_mtu.values())


def test_a_packet_too_big_from_inside_the_tunnel_is_relayed_to_who_sent_into_it() -> None:
    """RFC 2473 sections 7.1 a and 8: with the room that the tunnel leaves, at once and not only for the next packet."""
    links = instant() | {"wlan0": mf.Link(delay_ms=5, rate_bps=None, mtu=1400)}
    made = world(links=links, mode="tunnel")
    made.run(5)
    made.cn1.send(Packet(made.cn1.address, made.mn.primary_home_address, UDP(7, 8, bytes(1380))))
    made.run(1)
    assert made.cn1.path_mtu == {made.mn.primary_home_address: 1360}


# --- which source address (RFC 6724 section 5) -----------------------------------------------------------------------


def test_applications_talk_from_the_home_address_where_they_name_none() -> None:
    """RFC 6275 section 11.3.1, RFC 6724 section 5 rule 4."""
    made = world()
    made.run(5)
    assert made.mn.mobility.source_for(made.cn1.address) == made.mn.primary_home_address


def test_a_care_of_address_is_used_where_one_is_asked_for() -> None:
    """RFC 6275 section 11.3.1: useful for short communication; of the first interface (RFC 6724 section 5 rule 5)."""
    made = world()
    made.run(5)
    assert made.mn.mobility.source_for(made.cn1.address, prefers_care_of=True) == made.mn.care_of_address("wlan0")
    made.mn.interface("wlan0").set_up(False)
    assert made.mn.mobility.source_for(made.cn1.address, prefers_care_of=True) == made.mn.care_of_address("cell0")


def test_before_the_home_registration_there_is_only_the_care_of_address() -> None:
    """RFC 6275 section 11.3.1: without a home registration nothing can be sent from the home address."""
    made = world()
    assert made.mn.mobility.source_for(made.cn1.address) is None
    made.run(1.02)
    assert made.mn.mobility.source_for(made.cn1.address) == made.mn.care_of_address("wlan0")


def test_a_packet_to_ourselves_comes_from_the_same_address() -> None:
    """RFC 6724 section 5 rule 1."""
    made = world()
    made.run(5)
    care_of = made.mn.care_of_address("cell0")
    assert made.mn.mobility.source_for(care_of) == care_of


def test_a_deprecated_care_of_address_is_avoided() -> None:
    """RFC 6724 section 5 rule 3, RFC 4862 section 5.5.4."""
    made = world()
    made.run(5)
    wlan = made.mn.interface("wlan0")
    made.mn.mobility.attachments[wlan].lifetimes.hear(made.mn.care_of_address("wlan0"), 0, 9000, made.network.clock.now)
    assert made.mn.mobility.source_for(made.cn1.address, prefers_care_of=True) == made.mn.care_of_address("cell0")


def test_every_second_unanswered_attempt_sends_from_the_new_care_of_address() -> None:
    made = world()
    mn = made.mn
    made.run(4)
    home, old, new = mn.primary_home_address, mn.care_of_address("wlan0"), mn.care_of_address("cell0")
    mn.handlers[BindingAcknowledgement] = lambda arrival: None  # every acknowledgement is lost
    mn.registrar.register_home(home, new)
    sources = []
    for seconds in (0.5, 1, 2):  # attempts leave after 0, 1 and 3 s
        made.run(seconds)
        road = mn.mobility.tunnel_road(home)
        assert road is not None and road.tunnel is not None
        sources.append(road.tunnel[0])
    assert sources == [old, new, old]
