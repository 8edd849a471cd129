"""Movement in a whole world: noticed by the link layer or by router advertisements alone; addresses that come and go;
the way home.
"""

from __future__ import annotations

from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.scenarios import HOME, WLAN
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.node.interface import Interface
from mipflow.node.router import AccessRouter, Router, join_routers
from mipflow.sim.link import Segment
from mipflow.wire.address import ALL_NODES, Address, Prefix
from mipflow.wire.icmpv6 import (
    EchoRequest,
    LinkLayerAddress,
    NeighborAdvertisement,
    NeighborSolicitation,
    PrefixInformation,
    RouterAdvertisement,
    RouterSolicitation,
)
from mipflow.wire.mobility import BindingUpdate
from mipflow.wire.packet import Packet
from tests.mip6.worlds import S, data_hops, dropper, messages, world
from tests.node.nodes import inject, listen

ELSEWHERE = Prefix.parse("2001:db8:400::/64")
OFTEN = (0.05, 0.15)


def another_network(made: World, every: tuple[float, float] | None = None) -> Segment:
    """Add a third access network, at the same router as the others."""
    router = AccessRouter(made.network, "AR4", 2.0, 0.0)
    join_routers(made.network, router, made.internet, mf.Link(delay_ms=5, rate_bps=None))
    segment = made.network.add_segment("elsewhere", mf.Link(delay_ms=5, rate_bps=None), ELSEWHERE)
    interface = router.serve(segment)
    if every is not None:
        router.neighbor.advertise_every(interface, *every)
    return segment


def one_interface(**keywords: Any) -> World:
    """Make a mobile node that has only its WLAN, and is registered."""
    made = world(**keywords)
    made.mn.interface("cell0").set_up(False)
    made.run(10)
    return made


def decisions(made: World, since_s: float, *kinds: str) -> list[tuple[str, float]]:
    """Return the decisions of the mobile node since then, and how many seconds after."""
    found = [d for d in made.trace.decisions() if d.node == "MN" and d.t_ns > since_s * S - 1 and d.what in kinds]
    return [(d.what, round(d.t_ns / S - since_s, 3)) for d in found]


def first_advertisement_s(made: World, segment: str, since_s: float) -> float:
    """Return how many seconds later the first router advertisement arrived."""
    heard = [hop for hop in made.trace if isinstance(hop.packet.payload, RouterAdvertisement)]
    times = [hop.arrived_ns for hop in heard if hop.channel.segment == segment and hop.channel.receiver == "MN"]
    return min(t for t in times if t >= since_s * S) / S - since_s


def assert_bound(made: World, care_of: str) -> None:
    """Assert that home agent, correspondent and mobile node agree on one care-of address for everything."""
    assert {str(b.care_of_address) for b in [*made.ha.bindings, *made.cn1.bindings]} == {care_of}
    assert {str(entry.registered) for entry in made.mn.binding_updates} == {care_of}


# --- movement --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [(1.0, 3.0), (0.05, 1.5), (0.03, 0.07)])
def test_without_a_hint_movement_is_noticed_by_a_new_router_while_the_old_one_is_silent(
    every: tuple[float, float],
) -> None:
    """RFC 6275 section 11.5.1: the new care-of address is there a second after the old router gave no answer."""
    made = one_interface(advertisements=every, link_hints=False)
    made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    made.mn.visit("wlan0", another_network(made, every))
    began = made.now
    made.run(20)
    heard = first_advertisement_s(made, "elsewhere", began)
    said = dict(reversed(decisions(made, began, "new router", "movement detected", "care-of address")))
    assert said["new router"] == round(heard, 3) and said["care-of address"] == round(heard + 1, 3)
    assert said["movement detected"] <= said["care-of address"]
    assert_bound(made, "2001:db8:400::10")
    assert made.mn.interface("wlan0").addresses == [ELSEWHERE.address(0x10)], "the unreachable one is gone"


def test_with_a_hint_a_router_is_solicited_at_once() -> None:
    """RFC 6275 section 11.5.1: the link layer's word, then RFC 4861 section 6.3.7; the address costs a second."""
    made = one_interface()
    made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    made.mn.visit("wlan0", another_network(made))
    made.run(5)
    said = decisions(made, 15, "movement detected", "care-of address", "new router")
    assert said == [("movement detected", 0.0), ("care-of address", 1.01)]
    (update, *_) = [m for m in messages(made, "MN", 15) if m.name == "BU"]
    assert update.t_ns == round(16.01 * S), "and then it is registered"
    assert_bound(made, "2001:db8:400::10")


def test_a_hand_off_takes_the_time_that_the_link_layer_takes() -> None:
    """RFC 6275 section 11.5.1: on no link nothing is noticed and nothing arrives."""
    made = one_interface()
    made.mn.visit("wlan0", another_network(made), handoff_ms=250)
    assert made.mn.interface("wlan0").segment is None
    made.run(5)
    assert decisions(made, 10, "movement detected", "care-of address") == [
        ("movement detected", 0.25), ("care-of address", 1.26),
    ]  # fmt: skip


def test_a_new_router_on_the_same_link_is_no_movement() -> None:
    """RFC 6275 sections 11.5.1, 11.5.3 and 11.5.4: the old one answers and stays; the prefix makes another address."""
    made = one_interface(advertisements=OFTEN)
    segment = made.network.segments["wlan0"]
    router = Router(made.network, "second")
    made.network.add_prefix(ELSEWHERE, segment)
    interface = router.add_interface("wlan0", 2)
    interface.join(segment)
    told = RouterAdvertisement(options=(PrefixInformation(ELSEWHERE.network),))
    inject(made.mn, Packet(interface.link_local, ALL_NODES, told, hop_limit=255), "wlan0")
    made.run(5)
    assert [what for what, _ in decisions(made, 10, "new router", "no movement", "movement detected")] == [
        "new router", "no movement",
    ]  # fmt: skip
    wlan = made.mn.interface("wlan0")
    assert set(wlan.addresses) == {ELSEWHERE.address(0x10), made.mn.care_of_address("wlan0")}
    assert str(wlan.address) == "2001:db8:200::10", "the primary care-of address has a prefix of the default router"
    (binding,) = made.ha.bindings
    assert binding.care_of_address == wlan.address


def test_missing_advertisements_have_the_router_asked_before_it_is_given_up() -> None:
    """RFC 6275 section 11.5.1, RFC 4861 section 7.3: probes 1 s apart, three of them, then its addresses go."""
    made = one_interface(advertisements=OFTEN, link_hints=False)
    made.mn.visit("wlan0", made.network.add_segment("nowhere", mf.Link()))
    made.run(10)
    said = dict(decisions(made, 10, "advertisements missing", "router lost"))
    assert 0 < said["advertisements missing"] <= 0.17, "the interval, with the 20 ms of RFC 6275 section 7.5"
    assert said["router lost"] == pytest.approx(said["advertisements missing"] + 3, abs=0.002)
    assert made.mn.interface("wlan0").addresses == [] and made.mn.interface("wlan0").router is None
    asked = [d for d in made.trace.drops() if d.reason.startswith("nobody on this link has the link-layer address")]
    assert len(asked) == 3


def test_a_lost_advertisement_is_no_movement() -> None:
    """RFC 6275 section 11.5.1: the router answers the neighbor solicitation with the Solicited flag set."""
    made = one_interface(advertisements=OFTEN)
    until = 11 * S
    made.network.segments["wlan0"].tap(
        lambda packet, now: "noise" if isinstance(packet.payload, RouterAdvertisement) and now < until else None
    )
    made.run(5)
    said = decisions(made, 10, "advertisements missing", "no movement", "router lost", "movement detected")
    assert {what for what, _ in said} == {"advertisements missing", "no movement"} and len(said) <= 14
    assert str(made.mn.care_of_address("wlan0")) == "2001:db8:200::10"


def test_up_again_the_interface_asks_its_router() -> None:
    """RFC 6275 section 11.5.1: better to verify the default router than to solicit at once."""
    made = one_interface()
    made.mn.interface("wlan0").set_up(False)
    made.run(1)
    made.mn.interface("wlan0").set_up(True)
    made.run(1)
    assert [what for what, _ in decisions(made, 11, "no movement", "movement detected")] == ["no movement"]
    since = [hop.packet.payload for hop in made.trace if hop.sent_ns >= 11 * S and hop.channel.sender == "MN"]
    assert any(isinstance(m, NeighborSolicitation) for m in since)
    assert not any(isinstance(m, RouterSolicitation) for m in since)


def test_after_a_movement_the_link_local_address_is_probed_for() -> None:
    """RFC 6275 section 11.5.1, RFC 4862 section 5.4.5: one that somebody has disables the interface."""
    made = one_interface()
    segment = another_network(made)
    squatter = Host(made.network, "squatter").add_interface("eth0", 0x10)
    squatter.join(segment)
    made.mn.visit("wlan0", segment)
    made.run(5)
    assert ("duplicate address", 0.02) in [(what, round(t, 2)) for what, t in decisions(made, 10, "duplicate address")]
    assert not made.mn.interface("wlan0").up


def test_a_duplicate_care_of_address_is_not_tried_again_on_the_same_link() -> None:
    """RFC 4862 section 5.4.5, though the prefix is advertised again and again."""
    made = world(advertisements=OFTEN)
    Host(made.network, "squatter").settle(made.network.segments["wlan0"], 0x10)
    made.run(5)
    assert [what for what, _ in decisions(made, 0, "duplicate address")] == ["duplicate address"]
    made.mn.visit("wlan0", another_network(made, OFTEN))
    made.run(5)
    assert str(made.mn.care_of_address("wlan0")) == "2001:db8:400::10"


# --- lifetimes of addresses (RFC 4862 section 5.5.4, RFC 6275 sections 11.5.3 and 11.5.4) ----------------------------


def test_a_deprecated_care_of_address_is_replaced_and_received_at_until_it_expires() -> None:
    """RFC 6275 section 11.5.3: a new primary care-of address; section 11.5.4: the previous one still receives."""
    made = world()
    (link,) = [p for p in made.network.segments["wlan0"].ports if p.owner == "AR2"]
    assert isinstance(link, Interface) and isinstance(link.node, Router)
    link.node.announce(link, WLAN, 20, 10)
    link.node.announce(link, ELSEWHERE, 86_400, 86_400)
    made.mn.interface("cell0").set_up(False)
    made.mn.open(made.cn1, mf.apps.Voice())
    made.run(8)
    old = made.mn.care_of_address("wlan0")
    assert str(old) == "2001:db8:200::10", "the first of two that are as good"
    assert_bound(made, str(old))
    made.run(5)
    assert_bound(made, "2001:db8:400::10")
    seen = listen(made.mn, EchoRequest)
    inject(made.mn, Packet(made.cn1.address, old, EchoRequest(1, 1)), "wlan0")
    assert [arrival.destination for arrival in seen] == [old], "previous care-of address"
    made.run(10)
    assert decisions(made, 0, "address expired") == [("address expired", 21.01)], "20 s after its detection"
    assert made.mn.interface("wlan0").addresses == [ELSEWHERE.address(0x10)]


@pytest.mark.parametrize("lifetimes_s", [{"valid_lifetime_s": 10, "preferred_lifetime_s": 20}, {"valid_lifetime_s": 0}])
def test_prefixes_with_impossible_lifetimes_make_no_address(lifetimes_s: dict[str, int]) -> None:
    """RFC 4862 section 5.5.3 c and d."""
    made = world()
    made.network.segments["wlan0"].tap(lambda packet, now: "only what is injected")
    option = PrefixInformation(ELSEWHERE.network, **{"preferred_lifetime_s": 0, **lifetimes_s})  # type: ignore[arg-type]
    told = RouterAdvertisement(options=(option,))
    inject(made.mn, Packet(Address("fe80::1"), ALL_NODES, told, hop_limit=255), "wlan0")
    made.run(3)
    assert made.mn.interface("wlan0").addresses == []


def test_the_link_local_prefix_makes_no_care_of_address() -> None:
    """RFC 4862 section 5.5.3 b."""
    made = world()
    made.network.segments["wlan0"].tap(lambda packet, now: "only what is injected")
    told = RouterAdvertisement(options=(PrefixInformation(Address("fe80::")),))
    inject(made.mn, Packet(Address("fe80::1"), ALL_NODES, told, hop_limit=255), "wlan0")
    made.run(3)
    assert made.mn.interface("wlan0").addresses == []


# --- returning home (RFC 6275 section 11.5.5) ------------------------------------------------------------------------


def at_home(**keywords: Any) -> tuple[World, float]:
    """Bring a mobile node home that has two home addresses with a flow each. Return also when it arrived."""
    made = world(**keywords)
    for _ in range(2):
        made.mn.open(made.cn1, mf.apps.Voice())
    made.run(8)
    made.mn.visit("wlan0", made.network.segments["home"])
    began = made.now
    made.run(8)
    return made, began


def test_coming_home_every_home_address_is_deregistered_from_itself() -> None:
    """RFC 6275 section 11.5.5: A and H set, lifetime 0, care-of address and source the home address itself."""
    made, began = at_home()
    updates = [m for m in messages(made, "MN", began) if m.name == "BU" and m.destination == made.mn.home_agent.packed]
    assert {m.source for m in updates} == {e.home_address.packed for e in made.mn.home_addresses} and len(updates) == 2
    sent = [hop.packet for hop in made.trace if hop.channel.sender == "MN" and hop.sent_ns >= began * S]
    payloads = [p.payload for p in sent if isinstance(p.payload, BindingUpdate) and p.destination == made.mn.home_agent]
    assert all(u.home_registration and u.acknowledge and u.lifetime_units == 0 for u in payloads)
    assert list(made.ha.bindings) == [] and list(made.cn1.bindings) == [] and list(made.mn.binding_updates) == []


def test_coming_home_no_duplicate_address_detection_for_what_the_home_agent_defends() -> None:
    """RFC 6275 section 11.5.5: MUST NOT perform it on its own home address, nor need it on the link-local one."""
    made, began = at_home()
    probes = [hop for hop in made.trace if isinstance(hop.packet.payload, NeighborSolicitation)]
    assert not [h for h in probes if h.channel[:2] == ("home", "MN") and h.sent_ns >= began * S]


def test_nothing_leaves_from_a_home_address_on_the_home_link_before_the_update() -> None:
    """RFC 6275 section 11.5.5: until it sends the de-registration it MUST NOT send from its home address there."""
    made, _ = at_home()
    own = {entry.home_address for entry in made.mn.home_addresses}
    sent = [hop for hop in made.trace if hop.channel.sender == "MN" and hop.channel.segment == "home"]
    for home_address in own:
        first = next(hop for hop in sent if hop.packet.source == home_address)
        assert isinstance(first.packet.payload, BindingUpdate)


def test_after_the_acknowledgement_all_nodes_are_told_where_each_home_address_is() -> None:
    """RFC 6275 section 11.5.5: override set, solicited not, a target link-layer address, the link-local address too."""
    made, began = at_home()
    told = [
        hop for hop in made.trace
        if isinstance(hop.packet.payload, NeighborAdvertisement) and hop.channel.sender == "MN"
        and hop.sent_ns >= began * S and hop.packet.destination == ALL_NODES
    ]  # fmt: skip
    wlan = made.mn.interface("wlan0")
    targets = {entry.home_address for entry in made.mn.home_addresses} | {wlan.link_local}
    assert {hop.packet.payload.target for hop in told} == targets  # type: ignore[attr-defined]
    for hop in told:
        message = hop.packet.payload
        assert isinstance(message, NeighborAdvertisement) and message.override and not message.solicited
        assert message.options == (LinkLayerAddress(wlan.link_layer_address, target=True),)
    acknowledged = [m.t_ns for m in messages(made, "HA", began) if m.name == "BA"]
    assert min(hop.sent_ns for hop in told) > min(acknowledged)


def test_at_home_packets_go_straight_both_ways() -> None:
    """RFC 6275 section 11.3.1: for packets sent while at home no special processing is required."""
    made, _ = at_home()
    began = made.network.clock.now
    made.run(2)
    for flow in made.flows():
        assert flow.stats.up.received > 0
        hops = data_hops(made, flow.id, began)
        assert {(h.packet.source, h.packet.destination) for h in hops} <= {
            (flow.home_address, made.cn1.address), (made.cn1.address, flow.home_address),
        }  # fmt: skip
        assert all(not h.packet.extensions for h in hops)
        assert {h.channel.segment for h in hops if "MN" in h.channel} == {"home"}
    assert {str(e.care_of_address) == str(e.home_address) for e in made.mn.home_addresses} == {True}


def test_at_home_a_further_home_address_is_probed_for_and_used() -> None:
    """RFC 6275 section 11.5.5: with no binding in force there is duplicate address detection."""
    made, _ = at_home()
    third = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(3)
    assert third.home_address in made.mn.addresses and third.stats.up.received > 50
    assert len(made.ha.bindings) == 0


def test_at_home_there_is_nothing_to_hand_over() -> None:
    made, _ = at_home()
    flow = made.flows()[0]
    with pytest.raises(ProtocolMisuse, match="wlan0 is on the home link"):
        made.mn.handover(flow, "wlan0")
    with pytest.raises(ProtocolMisuse, match="is at home and has no binding to move"):
        made.mn.handover(flow, "cell0")


@pytest.mark.parametrize("hints", [True, False])
def test_leaving_home_again_registers_anew(hints: bool) -> None:
    """RFC 6275 sections 11.5.5 and 11.7.1: every home address, then the correspondents."""
    made, _ = at_home(advertisements=OFTEN, link_hints=hints)
    made.mn.interface("cell0").set_up(False)
    made.run(10)
    assert {a for a in made.mn.addresses if a in HOME} == made.mn.own_home_addresses
    made.mn.visit("wlan0", another_network(made, OFTEN))
    made.run(15)
    assert_bound(made, "2001:db8:400::10")
    assert len(made.ha.bindings) == 2 and len(made.cn1.bindings) == 2
    assert not [a for a in made.mn.addresses if a in HOME]


def test_where_another_interface_is_at_home_the_home_addresses_go_there() -> None:
    made, _ = at_home()
    made.mn.visit("cell0", made.network.segments["home"])
    made.run(5)
    wlan0, cell0 = made.mn.interface("wlan0"), made.mn.interface("cell0")
    assert set(wlan0.addresses) == made.mn.own_home_addresses and cell0.addresses == []
    made.mn.visit("wlan0", made.network.segments["wlan0"])
    made.run(5)
    assert set(cell0.addresses) == made.mn.own_home_addresses and made.mn.duplicates == set()
    assert list(made.ha.bindings) == [] and list(made.mn.binding_updates) == []


@pytest.mark.parametrize("handoff_ms", [0, 500])
def test_what_begins_on_the_way_from_home_is_not_at_home(handoff_ms: float) -> None:
    """Before a router is heard, or any link is there, the former router's word says nothing."""
    made, _ = at_home()
    made.run(12)  # the home agent has forgotten the bindings
    made.mn.visit("wlan0", made.network.segments["wlan0"], handoff_ms=handoff_ms)
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    assert not [address for address in made.mn.addresses if address in HOME]
    made.run(10)
    assert flow.home_address in made.ha.bindings and len(made.ha.bindings) == 3
    assert flow.registered_at_cn == flow.care_of_address is not None


def test_coming_home_without_a_registration_it_probes_first() -> None:
    """RFC 6275 section 11.5.5: after all bindings have expired it SHOULD perform duplicate address detection."""
    made = world()
    made.mn.interface("cell0").set_up(False)
    made.mn.visit("wlan0", made.network.segments["home"])
    made.run(5)
    assert made.mn.primary_home_address in made.mn.addresses
    assert decisions(made, 0, "at home", "returning home") == [("at home", 1.002)]


def test_somebody_at_home_has_the_home_address() -> None:
    """RFC 4862 section 5.4.5: it is not used."""
    made = world()
    Host(made.network, "squatter").settle(made.network.segments["home"], 0x10)
    made.mn.interface("cell0").set_up(False)
    made.mn.visit("wlan0", made.network.segments["home"])
    made.run(5)
    assert made.mn.primary_home_address not in made.mn.addresses
    assert [what for what, _ in decisions(made, 0, "duplicate address", "at home")] == ["duplicate address"]


def test_while_the_acknowledgement_is_lost_the_update_is_repeated() -> None:
    """RFC 6275 sections 11.5.5 and 11.8: until the home agent lets go."""
    made = world()
    made.run(8)
    lost = dropper(made, "home", lambda message: message.name == "BA" and made.now < 9)
    made.mn.visit("wlan0", made.network.segments["home"])
    made.run(8)
    assert lost and decisions(made, 8, "at home")[0][0] == "at home"
    assert list(made.ha.bindings) == []


def test_it_answers_for_its_home_address_as_soon_as_the_update_has_left() -> None:
    """RFC 6275 section 11.5.5: it MUST be prepared to reply to neighbor solicitations, by unicast."""
    made, _ = at_home()
    asker = Host(made.network, "asker")
    asker.settle(made.network.segments["home"], 0x77)
    seen = listen(asker, NeighborAdvertisement)
    link_local, home = asker.interfaces["eth0"].link_local, made.mn.primary_home_address
    inject(made.mn, Packet(link_local, home.solicited_node(), NeighborSolicitation(home), 255), "wlan0")
    made.run(1)
    assert [(a.destination, a.packet.payload.target) for a in seen] == [(link_local, home)]  # type: ignore[attr-defined]


def test_with_security_the_way_home_is_the_same() -> None:
    """RFC 6275 section 11.5.5 under IP security."""
    made, _ = at_home(security=True)
    assert list(made.ha.bindings) == [] and list(made.cn1.bindings) == []
    assert {a for a in made.mn.addresses if a in HOME} == made.mn.own_home_addresses


def test_a_movement_that_is_overtaken_by_another_ends_where_the_second_goes() -> None:
    made = world()
    made.run(3)
    segments = made.network.segments
    made.mn.visit("wlan0", segments["home"], handoff_ms=2000.0)
    made.run(1)
    made.mn.visit("wlan0", segments["wlan0"], handoff_ms=500.0)
    made.run(5)
    assert made.mn.interface("wlan0").segment is segments["wlan0"]


def test_two_interfaces_on_one_link_do_not_take_the_same_address() -> None:
    made = world()
    made.run(3)
    made.mn.visit("cell0", made.network.segments["wlan0"])
    made.run(3)
    first, second = made.mn.interface("wlan0"), made.mn.interface("cell0")
    assert not set(first.addresses) & set(second.addresses)
    second.leave()
    assert all(made.mn.addresses[address] is first for address in first.addresses)
