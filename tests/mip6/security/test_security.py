"""Security associations between mobile node and home agent: all that must be protected is, and no more."""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import WireError
from mipflow.lab.scenarios import CELLULAR, HOME, HOME_AGENT, MOBILE_NODE, WLAN
from mipflow.lab.world import World
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.security.ip_security import IpSecurity
from mipflow.mip6.security.key_exchange import KeyExchange
from mipflow.mip6.security.security import ReplayWindow, SecurityAssociation, SecurityAssociations, Selector, selector
from mipflow.node.fragments import cut
from mipflow.node.host import Host
from mipflow.sim.trace import is_control
from mipflow.wire import codec, esp, icmpv6, mobility
from mipflow.wire.address import Address
from mipflow.wire.esp import EspKeys
from mipflow.wire.mobility import BindingAcknowledgement, BindingUpdate, HomeTest, HomeTestInit
from mipflow.wire.packet import (
    DestinationOptions,
    HomeAddressOption,
    Opaque,
    Packet,
    RoutingHeaderType2,
)  # fmt: skip
from tests import peer
from tests.mip6 import seams
from tests.mip6.esp import seal, unseal
from tests.mip6.octets import Message, read
from tests.mip6.seams import AwayPeer
from tests.mip6.worlds import S, associations, world
from tests.oracles import mobility_faults, mobility_header_faults

AGENT, PRIMARY, ON_WLAN = HOME.address(HOME_AGENT), HOME.address(MOBILE_NODE), WLAN.address(MOBILE_NODE)


def secured(**keywords: Any) -> World:
    return world(**{"security": True, **keywords})


def calling() -> World:
    """Return a secured world, four seconds after a call to CN1 was opened."""
    w = secured()
    w.mn.open(w.cn1, mf.apps.Voice())
    return w.run(4)


def sent(world: World, sender: str, segment: str) -> list[bytes]:
    """Return the octets of the signalling that a node put on a link, in order."""
    return [
        codec.encode(hop.packet) for hop in world.trace
        if hop.channel.sender == sender and hop.channel.segment == segment and is_control(hop.packet)
    ]  # fmt: skip


def association(world: World, message: type, home: Address = PRIMARY) -> SecurityAssociation:
    """Return the association that protects a message, as its sender has it."""
    for node in (world.mn, world.ha):
        for each in associations(node):
            if each.selector.message is message and each.selector.home_address == home and not each.is_inbound:
                return each
    raise AssertionError(f"nothing protects {message} of {home}")


def esp_place(octets: bytes) -> tuple[int, int] | None:
    """Return the place of ESP in a packet, and of the octet that announces it; None where there is none."""
    announced, at = 6, 40
    while octets[announced] in (60, 43):
        announced, at = at, at + 8 * (octets[at + 1] + 1)
    return (at, announced) if octets[announced] == 50 else None


def opened(octets: bytes, world: World, message: type, home: Address = PRIMARY) -> Message:
    """Read by hand the Mobility Header in an ESP packet, with the keys of an association."""
    own, place = association(world, message, home).keys, esp_place(octets)
    assert place is not None
    spi, _, inside, plain = unseal(octets[place[0] :], own.encryption_key, own.integrity_key)
    assert spi == own.spi
    clear = bytearray(octets[: place[0]] + plain)
    clear[place[1]] = inside
    found = read(bytes(clear))
    assert found is not None
    return found


def in_esp(octets: bytes) -> bool:
    return esp_place(octets) is not None


def reasons(world: World, node: str) -> list[str]:
    return [drop.reason for drop in world.trace.drops() if drop.node == node]


def rows(world: World) -> Any:
    return world.trace.tables(world.network.clock.now)


# --- what is on the wire ---------------------------------------------------------------------------------------------


def test_binding_updates_leave_in_transport_mode_esp_behind_the_home_address_option() -> None:
    """RFC 6275 5.1, 11.3.2; RFC 3776 3.1: destination options, ESP, Mobility Header with alternate care-of address."""
    w = secured()
    w.run(3)
    update = next(octets for octets in sent(w, "MN", "wlan0") if in_esp(octets))
    assert (update[6], update[40]) == (60, 50)
    found = opened(update, w, BindingUpdate)
    assert (found.name, found.home) == ("BU", PRIMARY.packed) and found.flags & 0xC0 == 0xC0
    assert found.options[3] == found.source == ON_WLAN.packed
    assert w.ha.bindings.get(PRIMARY) is not None


def test_acknowledgements_come_in_transport_mode_esp_behind_the_routing_header() -> None:
    """RFC 6275 5.1; RFC 3776 3.1, 4.2: type 2 routing header with the home address, ESP, Mobility Header."""
    w = secured()
    w.run(3)
    answer = next(octets for octets in sent(w, "HA", "Internet-HA") if in_esp(octets))
    assert (answer[6], answer[40]) == (43, 50)
    found = opened(answer, w, BindingAcknowledgement)
    assert (found.name, found.status, found.home) == ("BA", 0, PRIMARY.packed)


@pytest.mark.parametrize(("security", "k"), [(True, 1), ("manual", 0)])
def test_k_is_set_where_keys_come_from_an_exchange_and_cleared_where_they_are_manual(security: Any, k: int) -> None:
    """RFC 6275 6.1.7, 6.1.8, 10.3.1, 11.7.1: in the update and in its acknowledgement."""
    w = secured(security=security)
    w.run(3)
    update = next(octets for octets in sent(w, "MN", "wlan0") if in_esp(octets))
    answer = next(octets for octets in sent(w, "HA", "Internet-HA") if in_esp(octets))
    assert opened(update, w, BindingUpdate).flags & 0x10 == 0x10 * k
    assert opened(answer, w, BindingAcknowledgement).octets[7] == 0x80 * k


def test_home_tests_travel_in_tunnel_mode_esp_with_encryption() -> None:
    """RFC 6275 10.4.6, 11.6.3; RFC 3776 3.2, 4.3: outer header from the care-of address, ESP, the whole packet."""
    w = calling()
    up = next(octets for octets in sent(w, "MN", "wlan0") if octets[6] == 50)
    assert (Address(up[8:24]), Address(up[24:40])) == (ON_WLAN, AGENT)
    init = opened(up, w, HomeTestInit)
    assert init.name == "HoTI" and (init.source, init.destination) == (PRIMARY.packed, w.cn1.address.packed)
    assert init.tunnel == (ON_WLAN.packed, AGENT.packed)
    down = next(octets for octets in sent(w, "HA", "Internet-HA") if octets[6] == 50)
    test = opened(down, w, HomeTest)
    assert (test.name, test.cookie) == ("HoT", init.cookie) and test.tunnel == (AGENT.packed, ON_WLAN.packed)
    assert w.cn1.bindings.get(PRIMARY) is not None


@pytest.mark.parametrize("protected", [True, False])
def test_who_listens_on_the_access_link_reads_both_tokens_only_without_esp(protected: bool) -> None:
    """RFC 6275 10.4.6, 15.4: the secrecy of the home test between mobile node and home agent is assumed."""
    w = world(security=protected)
    w.mn.open(w.cn1, mf.apps.Voice())
    w.run(4)
    heard = b"".join(codec.encode(hop.packet) for hop in w.trace if hop.channel.segment == "wlan0")
    tests = [read(octets) for octets in sent(w, "CN1", "cn1")]
    tokens = {test.name: test.token for test in tests if test is not None and test.name in ("HoT", "CoT")}
    assert tokens["CoT"] in heard
    assert (tokens["HoT"] in heard) is not protected
    named = [read(codec.encode(hop.packet)) for hop in w.trace if hop.channel.segment == "wlan0"]
    assert any(each is not None and each.name == "HoTI" for each in named) is not protected


def test_what_is_not_for_the_home_agent_is_left_alone() -> None:
    """RFC 6275 5.2, 5.3; RFC 3776 4.2: correspondents' updates, care-of tests and agent discovery have no policy."""
    w = calling()
    names = {found.name for octets in sent(w, "MN", "wlan0") if (found := read(octets)) is not None}
    assert names == {"CoTI", "BU"}, "in the clear: the care-of test and the correspondent's update"
    for payload in (icmpv6.HomeAgentAddressDiscoveryRequest(1), mobility.CareOfTestInit(b"12345678")):
        packet = Packet(ON_WLAN, AGENT, payload)
        assert selector(packet) is None and associations(w.mn).protect(packet) is packet


def test_prefix_discovery_is_protected_in_transport_mode() -> None:
    """RFC 6275 5.4, 11.4.2; RFC 3776 3.3: solicitation behind the home address option, advertisement behind type 2."""
    w = secured()
    option = DestinationOptions((HomeAddressOption(PRIMARY),))
    ask = Packet(ON_WLAN, AGENT, icmpv6.MobilePrefixSolicitation(7), extensions=(option,))
    answer = Packet(AGENT, ON_WLAN, icmpv6.MobilePrefixAdvertisement(7), extensions=(RoutingHeaderType2(PRIMARY),))
    for packet, sender, receiver in ((ask, w.mn, w.ha), (answer, w.ha, w.mn)):
        wire = codec.decode(codec.encode(associations(sender).protect(packet)))
        assert isinstance(wire.payload, Opaque) and wire.extensions == packet.extensions
        assert associations(receiver).open(wire) == packet


def test_solicitations_and_advertisements_of_prefixes_travel_in_esp() -> None:
    """RFC 6275 5.4, 6.7, 6.8, 10.6.3, 11.4.2, 11.4.3: asked and answered under the associations of the home address."""
    w, heard = secured(), list[Packet]()
    w.mn.handlers[icmpv6.MobilePrefixAdvertisement] = lambda arrival: heard.append(arrival.packet)
    w.run(4)
    option = DestinationOptions((HomeAddressOption(PRIMARY),))
    w.mn.send_direct(Packet(ON_WLAN, AGENT, icmpv6.MobilePrefixSolicitation(0xBEEF), extensions=(option,)))
    w.run(1)
    (answer,) = heard
    assert isinstance(answer, esp.Opened) and answer.payload.identifier == 0xBEEF  # type: ignore[attr-defined]
    types = {bytes([kind]) for kind in (146, 147)}
    assert not any(octets[40:41] == b"\x3a" and octets[64:65] in types for octets in sent(w, "MN", "wlan0"))
    for destination in (AGENT, w.ha.address):
        packet = Packet(ON_WLAN, destination, icmpv6.MobilePrefixSolicitation(1), extensions=(option,))
        w.mn.direct_road(ON_WLAN, destination).send(packet)  # type: ignore[union-attr]
    w.run(1)
    assert reasons(w, "HA") == ["unprotected: prefix solicitations must come in ESP"] * 2, "at any of its addresses"


# --- what must not come in -------------------------------------------------------------------------------------------


def test_home_agent_drops_unprotected_binding_updates() -> None:
    """RFC 6275 5.1, 10.3.1: the home agent must authenticate; an unprotected update changes and answers nothing."""
    w = secured()
    w.run(3)
    before, answers = rows(w)["HA"], len(sent(w, "HA", "Internet-HA"))
    for home in (PRIMARY, HOME.address(0x99)):
        for destination in (AGENT, w.ha.address):
            option = DestinationOptions((HomeAddressOption(home),))
            forged = BindingUpdate(60000, home_registration=True, lifetime_units=100)
            w.cn2.send_direct(Packet(w.cn2.address, destination, forged, extensions=(option,)))
    w.run(3)
    assert reasons(w, "HA") == ["unprotected: binding updates must come in ESP"] * 4
    assert rows(w)["HA"] == before and len(sent(w, "HA", "Internet-HA")) == answers


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (BindingAcknowledgement(129, 0), "binding acknowledgements"),
        (icmpv6.MobilePrefixAdvertisement(1), "prefix advertisements"),
    ],
)
def test_mobile_node_drops_unprotected_messages_of_its_home_agent(payload: Any, what: str) -> None:
    """RFC 6275 11.7.3, 11.4.3, 6.8: what claims to be the home agent's must be under its association."""
    w = secured()
    w.run(3)
    before = rows(w)["MN"]
    w.cn2.send_direct(Packet(AGENT, ON_WLAN, payload, extensions=(RoutingHeaderType2(PRIMARY),)), road(w.cn2, ON_WLAN))
    w.run(1)
    assert reasons(w, "MN") == [f"unprotected: {what} must come in ESP"]
    assert rows(w)["MN"] == before


def road(node: Any, destination: Address) -> Any:
    return node.direct_road(node.address, destination)


def test_mobile_node_drops_home_tests_of_a_plain_tunnel() -> None:
    """RFC 6275 10.4.6, 11.6.3: with protection on, a home test in the clear is nobody's."""
    w = secured()
    w.run(3)
    test = Packet(w.cn1.address, PRIMARY, HomeTest(0, b"cookie!!", b"a token!"))
    w.cn2.send_direct(Packet(AGENT, ON_WLAN, test), road(w.cn2, ON_WLAN))
    w.run(1)
    assert reasons(w, "MN") == ["unprotected: home tests must come in ESP"]


def test_nor_do_fragments_hide_a_home_test() -> None:
    """The same where the tunnel's end sees pieces only."""
    w = secured()
    w.run(3)
    option = mobility.UnknownMobilityOption(200, bytes(200))
    test = Packet(w.cn1.address, PRIMARY, HomeTest(0, b"cookie!!", b"a token!", (option,)))
    pieces = list(cut(test, 200, 1))
    assert len(pieces) > 1
    for piece in pieces:
        w.cn2.send_direct(Packet(AGENT, ON_WLAN, piece), road(w.cn2, ON_WLAN))
    w.run(1)
    assert reasons(w, "MN") == ["unprotected: home tests must come in ESP"]


def test_home_agent_drops_home_test_inits_of_a_plain_tunnel() -> None:
    """RFC 6275 10.4.6: the policy is the home agent's too; the tunnel's other packets pass as before."""
    w = secured()
    w.run(3)
    init = Packet(PRIMARY, w.cn1.address, HomeTestInit(b"cookie!!"))
    w.mn.direct_road(ON_WLAN, AGENT).send(Packet(ON_WLAN, AGENT, init))  # type: ignore[union-attr]
    w.run(1)
    assert reasons(w, "HA") == ["unprotected: home test inits must come in ESP"]
    assert not any(found.name == "HoT" for octets in sent(w, "CN1", "cn1") if (found := read(octets)))


def replayed(w: World) -> Packet:
    """Return the first binding update that left, as somebody on the way has recorded it."""
    return next(
        hop.packet for hop in w.trace if hop.channel.segment == "AR2-Internet" and in_esp(codec.encode(hop.packet))
    )


def test_a_replayed_binding_update_is_dropped() -> None:
    """RFC 4303 3.4.3; RFC 3776 4.4: with keys from an exchange a sequence number counts once."""
    w = secured()
    w.run(3)
    before, answers = rows(w)["HA"], len(sent(w, "HA", "Internet-HA"))
    w.cn2.send_direct(replayed(w), road(w.cn2, AGENT))
    w.run(1)
    (reason,) = reasons(w, "HA")
    assert reason.startswith("ESP replayed or too old: sequence number 1 of SPI ")
    assert rows(w)["HA"] == before and len(sent(w, "HA", "Internet-HA")) == answers


def test_with_manual_keys_only_the_binding_updates_own_number_tells_a_replay() -> None:
    """RFC 3776 4.4, RFC 6275 15.3: without an exchange there is no replay window; the update is out of sequence."""
    w = secured(security="manual")
    w.run(3)
    before = rows(w)["HA"]
    w.cn2.send_direct(replayed(w), road(w.cn2, AGENT))
    w.run(1)
    assert reasons(w, "HA") == [] and rows(w)["HA"] == before
    last = sent(w, "HA", "Internet-HA")[-1]
    assert opened(last, w, BindingAcknowledgement).status == 135


def test_an_association_protects_one_home_address_only() -> None:
    """RFC 6275 5.1, 10.3.1: a mobile node cannot use its association to bind the address of another."""
    w = secured()
    w.run(3)
    before = rows(w)["HA"]
    own = association(w, BindingUpdate)
    option = DestinationOptions((HomeAddressOption(HOME.address(0x99)),))
    stolen = Packet(
        ON_WLAN, AGENT, BindingUpdate(9, home_registration=True, lifetime_units=10), extensions=(option,)
    )
    w.mn.direct_road(ON_WLAN, AGENT).send(esp.protect(stolen, own.keys, own.sequence + 1, bytes(16)))  # type: ignore[union-attr]
    w.run(2)
    (reason,) = reasons(w, "HA")
    assert reason.endswith(f"is for binding updates of {PRIMARY} only (RFC 6275 section 5.1)")
    assert rows(w)["HA"] == before


def test_unknown_associations_wrong_keys_and_cut_off_esp_are_dropped_with_a_reason() -> None:
    """RFC 4303 3.4.2, 3.4.4: audited in the trace, and no table changes."""
    w = secured()
    w.run(3)
    before, octets = rows(w)["HA"], replayed(w).payload.data  # type: ignore[attr-defined]
    fresh = octets[:4] + struct.pack(">I", 77) + octets[8:]
    tries = [bytes(4) + octets[4:], fresh, b"", *(fresh[:length] for length in range(1, len(fresh)))]
    option = DestinationOptions((HomeAddressOption(PRIMARY),))
    for data in tries:
        packet = Packet(w.cn2.address, AGENT, Opaque(50, data), extensions=(option,))
        w.cn2.send_direct(packet, road(w.cn2, AGENT))
    w.run(1)
    found = reasons(w, "HA")
    assert len(found) == len(tries)
    assert found[0].startswith("ESP with SPI 0") and "integrity" in found[1] and "no ESP" in found[2]
    assert rows(w)["HA"] == before


def test_another_mobile_nodes_home_address_gets_no_associations() -> None:
    """RFC 4877 4.2: the home agent must keep a mobile node from making associations for another's home address."""
    w = secured()
    w.run(1)
    other = MobileNode(Host(w.network, "MN2", 1.0, 1.0), home_agent=AGENT, home_address=HOME.address(0x20))
    exchange = KeyExchange(other, w.ha)
    before = rows(w)["HA"]
    exchange.establish(PRIMARY, AGENT)
    assert rows(w)["HA"] == before
    assert all(each.selector.home_address != PRIMARY for each in associations(other))
    keys = {each.keys for node in (w.mn, other) for each in associations(node)}
    assert len({key.integrity_key for key in keys}) == len(keys), "unique for each mobile node and association (5.1)"


# --- further home addresses and movement -----------------------------------------------------------------------------


def further(w: World) -> tuple[Any, Address]:
    """Open a second flow to CN1. Return it with the home address of its own that Figure 6 gives it."""
    w.mn.open(w.cn1, mf.apps.Voice())
    w.run(4)
    flow = w.mn.open(w.cn1, mf.apps.Video())
    w.run(4)
    assert flow.home_address not in (None, PRIMARY)
    return flow, flow.home_address


def changes(w: World, node: str, key: Address) -> list[tuple[int, str, bool]]:
    """Return when rows of a home address came (True) and went in the tables of a node."""
    return [
        (r.t_ns, r.change.table, r.change.after is not None) for r in w.trace.changes()
        if r.node == node and r.change.key == str(key) and None in (r.change.before, r.change.after)
    ]  # fmt: skip


def test_a_further_home_address_has_associations_at_both_ends_before_its_first_update() -> None:
    """RFC 3776 6.17, RFC 4877 7.3: made when the first update wants to leave, under the primary's exchange."""
    w = secured()
    _, home = further(w)
    at_agent = changes(w, "HA", home)
    assert [table for _, table, _ in at_agent] == ["security association database", "binding cache"]
    assert at_agent[1][0] - at_agent[0][0] > S, "then the update, and duplicate address detection"
    at_node = [change for change in changes(w, "MN", home) if change[1] != "home address table"]
    assert at_node[0] == (at_agent[0][0], "security association database", True)


def test_a_freed_home_address_loses_its_associations_after_the_home_agents_answer() -> None:
    """protocol.md: correspondents first, then the home agent, then the associations."""
    w = secured()
    flow, home = further(w)
    w.mn.close(flow)
    w.run(3)
    went = {table: t_ns for t_ns, table, came in changes(w, "HA", home) if not came}
    assert went["binding cache"] < went["security association database"]
    assert all(each.selector.home_address == PRIMARY for node in (w.mn, w.ha) for each in associations(node))


def test_a_refused_home_address_loses_its_associations() -> None:
    """RFC 6275 11.7.1 with status 134: the address is never used again, and its associations go."""
    w = calling()
    squatter = Host(w.network, "squatter", 5.0, 5.0)
    expected = HOME.address(MOBILE_NODE + 1)
    squatter.live_on(w.network.segments["home"], expected.interface_identifier, "eth0")
    flow = w.mn.open(w.cn1, mf.apps.Video())
    w.run(5)
    assert flow.home_address not in (None, PRIMARY, expected)
    assert [came for _, table, came in changes(w, "HA", expected) if table == "security association database"] == [
        True, False,
    ]  # fmt: skip
    assert expected not in w.ha.bindings


def test_the_tunnels_end_follows_the_home_registration() -> None:
    """RFC 6275 10.4.6, RFC 3776 4.3: the next home test goes to the new care-of address, under the same association."""
    w = secured(reuse_tokens=False)
    flow = w.mn.open(w.cn1, mf.apps.Voice())
    w.run(4)
    before = association(w, HomeTest).keys.spi
    w.mn.handover(flow, "cell0", home_follows=True)
    w.run(3)
    down = [octets for octets in sent(w, "HA", "Internet-HA") if octets[6] == 50]
    assert Address(down[0][24:40]) == ON_WLAN
    assert Address(down[-1][24:40]) == CELLULAR.address(MOBILE_NODE)
    assert {struct.unpack_from(">I", octets, 40)[0] for octets in down} == {before}


def test_in_tunnel_mode_esp_the_outer_source_is_not_looked_at() -> None:
    """RFC 6275 10.4.5: the check of the tunnel's source is not necessary under ESP."""
    for protected in (True, False):
        w = world(security=protected)
        w.run(3)
        elsewhere = w.mn.interfaces["cell0"].address
        assert elsewhere is not None
        init = Packet(PRIMARY, w.cn1.address, HomeTestInit(b"cookie!!"))
        tunnel = w.mn.road("tunnel", elsewhere, AGENT, tunnel=(elsewhere, AGENT))
        w.mn.send_direct(init, tunnel)
        w.run(1)
        came = any(found.name == "HoT" for octets in sent(w, "CN1", "cn1") if (found := read(octets)))
        assert came is protected


def test_without_an_association_nothing_leaves_unprotected() -> None:
    """RFC 6275 5.1: a home registration is never sent in the clear once the mobile node has policies."""
    w = secured()
    w.mn.mobility.ip_security.key_exchanges.clear()
    associations(w.mn).remove(PRIMARY)
    w.run(4)
    assert set(reasons(w, "MN")) == {f"no security association for binding updates of {PRIMARY}"}
    assert not any(octets[6] == 60 for octets in sent(w, "MN", "wlan0"))


# --- the whole story -------------------------------------------------------------------------------------------------


def story(w: World) -> list[Any]:
    """Let flows come, move and go. Return the changes of all tables but the security associations'."""
    voice, video = w.mn.open(w.cn1, mf.apps.Voice()), w.mn.open(w.cn1, mf.apps.Video())
    w.mn.open(w.cn2, mf.apps.FileTransfer(size=200_000))
    w.run(6)
    w.mn.handover(video, "cell0")
    w.run(3)
    w.mn.handover(voice, "cell0", home_follows=True)
    w.run(3)
    w.mn.close(video)
    w.run(4)
    found = [(r.t_ns, r.node, r.change) for r in w.trace.changes()]
    return [each for each in found if each[2].table != "security association database"]


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_with_protection_all_else_happens_as_without(mode: str) -> None:
    """If links take no time for octets, protection changes no table, no number and no moment."""
    assert story(secured(mode=mode)) == story(world(mode=mode))


def test_same_seed_same_digest() -> None:
    first, second, other = secured(), secured(), secured(seed=6)
    for w in (first, second, other):
        story(w)
    assert first.trace.digest() == second.trace.digest() != other.trace.digest()


def test_what_is_lost_is_sent_again_under_the_next_number() -> None:
    """RFC 4303 3.3.3: every packet has its own sequence number, a retransmission too."""
    w = secured()
    numbers: list[int] = []

    def tap(packet: Packet, now: int) -> str | None:
        if isinstance(packet.payload, Opaque) and packet.source == ON_WLAN:
            numbers.append(struct.unpack_from(">I", packet.payload.data, 4)[0])
            return "taken by the test" if len(numbers) < 3 else None
        return None

    w.network.segments["wlan0"].tap(tap)
    w.run(8)
    assert numbers == [1, 2, 3] and w.ha.bindings.get(PRIMARY) is not None


def test_pictures_and_captures_show_what_is_in_esp(tmp_path: Path) -> None:
    w = secured()
    story(w)
    told = w.ladder(1, 4).describe()
    assert "The mobile node tells the home agent that H@1 is now at the WLAN address in ESP (BU)" in told
    assert "through the home agent in ESP (HoTI)" in told
    assert "(ESP)</text>" in w.ladder(1, 4).html
    assert w.animate(5, 8).describe() and w.timeline().describe()
    assert "security association database" in w.tables().describe()
    number = next(hop.number for hop in w.trace if isinstance(hop.packet.payload, Opaque))
    shown = w.inspect(number)
    assert "Only its two ends can read what is in ESP: binding update." in shown.describe()
    assert "ESP" in {row["header"] for row in shown.rows()}
    assert {"security parameters index", "sequence"} <= {row["field"] for row in shown.rows() if row["header"] == "ESP"}
    assert w.pcap(tmp_path / "esp.pcap") == len(w.trace)
    assert mobility_faults(tmp_path / "esp.pcap") == []


def test_no_node_looks_at_what_the_simulator_knows_of_esp() -> None:
    """The trace knows the inside of ESP, for pictures; on the way and at its end only octets count."""
    package = Path(mf.__file__).parent
    readers = {
        path.relative_to(package).parts[0] for path in package.rglob("*.py")
        # A learner's own packet, of lab/interception.py, has an `inside` too: there the other two words tell.
        if re.search(
            rf"\.(carried|unsealed{'' if path.name == 'interception.py' else '|inside'})\b(?!\()",
            path.read_text(encoding="utf-8"),
        )
    }  # fmt: skip
    assert readers == {"view", "wire"}


# --- the replay window -----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 300) | st.sampled_from([2**32 - 1, 2**32 - 2, 2**32 - 65]), max_size=80))
def test_the_replay_window_looks_back_64_numbers(numbers: list[int]) -> None:
    """RFC 4303 3.4.3 and appendix A2: once each, not older than the window, zero never."""
    window, accepted = ReplayWindow(), set[int]()
    for number in numbers:
        fresh = number > 0 and number not in accepted and number > max(accepted, default=0) - 64
        assert window.is_fresh(number) is fresh
        if fresh:
            window.accept(number)
            accepted.add(number)


def test_used_up_sequence_numbers_end_an_association() -> None:
    """RFC 4303 3.3.3: with anti-replay the counter must not come round; with manual keys it may."""
    option = DestinationOptions((HomeAddressOption(PRIMARY),))
    packet = Packet(ON_WLAN, AGENT, BindingUpdate(1, home_registration=True), extensions=(option,))
    for security, expected in ((True, "no sequence number left"), ("manual", None)):
        w = secured(security=security)
        association(w, BindingUpdate).sequence = 0xFFFF_FFFF
        if expected:
            with pytest.raises(WireError, match=expected):
                associations(w.mn).protect(packet)
        else:
            assert associations(w.ha).open(associations(w.mn).protect(packet)) == packet


@pytest.mark.parametrize(("security", "expected"), [(True, True), ("manual", False), (False, False)])
def test_k_says_that_the_key_exchange_survives_movements(security: Any, expected: bool) -> None:
    """RFC 6275 6.1.7, 6.1.8, 10.3.1, 11.7.1: set with an exchange, never with manual keys, never for correspondents."""
    w = world(security=security)
    w.mn.open(w.cn1, mf.apps.Voice())
    w.run(4)
    seen: dict[str, set[bool]] = {"BU": set(), "BA": set()}
    for sender, segment, message in (
        ("MN", "wlan0", BindingUpdate), ("HA", "Internet-HA", BindingAcknowledgement), ("CN1", "cn1", None)
    ):  # fmt: skip
        for octets in sent(w, sender, segment):
            found = opened(octets, w, message) if message and in_esp(octets) and octets[6] != 50 else read(octets)
            if found is None or found.name not in seen:
                continue
            k = bool(found.flags & 0x10 if found.name == "BU" else found.octets[7] & 0x80)
            at_home = AGENT.packed in (found.source, found.destination)
            assert at_home or not k
            seen[found.name] |= {k} if at_home else set()
    assert seen == {"BU": {expected}, "BA": {expected}}


def test_home_test_inits_come_from_the_new_care_of_address_once_its_update_has_left() -> None:
    """RFC 6275 11.6.3, RFC 3776 4.3: the outer source is the new primary care-of address before the acknowledgement."""
    w = secured(reuse_tokens=False)
    w.mn.open(w.cn1, mf.apps.Voice())
    w.run(4)
    w.mn.registrar.register_home(PRIMARY, CELLULAR.address(MOBILE_NODE))
    w.mn.registrar.register_correspondent(w.cn1.address, PRIMARY, CELLULAR.address(MOBILE_NODE))
    w.run(0.001)
    (init,) = [octets for octets in sent(w, "MN", "cell0") if octets[6] == 50]
    asked = opened(init, w, HomeTestInit)
    w.run(0.5)
    down = [octets for octets in sent(w, "HA", "Internet-HA") if octets[6] == 50]
    assert asked.cookie in {opened(octets, w, HomeTest).cookie for octets in down}, "and it is answered"


def test_tshark_opens_it_with_the_keys(tshark: str, tmp_path: Path) -> None:
    """A second witness: an analyser that has the keys finds every integrity check value right, and reads the inside."""
    w = calling()
    w.pcap(tmp_path / "esp.pcap", "MN")
    options = ["-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE"]
    for each in associations(w.mn):
        cipher, icv = f'"AES-CBC [RFC3602]","0x{each.keys.encryption_key.hex()}"', each.keys.integrity_key.hex()
        line = f'"IPv6","*","*","0x{each.keys.spi:08x}",{cipher},"HMAC-SHA-256-128 [RFC4868]","0x{icv}"'
        options += ["-o", f"uat:esp_sa:{line}"]
    fields = [part for name in ("esp.icv_good", "esp.sequence", "mip6.mhtype") for part in ("-e", name)]
    command = [tshark, "-n", "-r", str(tmp_path / "esp.pcap"), *options, "-Y", "esp", "-T", "fields", *fields]
    read_so = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
    assert read_so.splitlines() == ["1\t1\t5", "1\t1\t6", "1\t1\t1", "1\t1\t3"], "BU, BA, HoTI, HoT"

# --- behind a port, with a peer that has the keys and nothing of ours ------------------------------------------------


class SealedPeer(AwayPeer):
    """A mobile node by hand whose associations were set by hand at both ends (RFC 6275 5.1: it MUST be possible)."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[type, tuple[int, bytes, bytes]] = {}
        self.numbers: dict[type, int] = {}
        home, agent = Address(seams.HOME), Address(seams.HA)
        random = self.seam.network.random("HA/security")
        security = SecurityAssociations(random, is_dynamic=False, home_agents=[{agent}])
        made = []
        for spi, message in enumerate((BindingUpdate, BindingAcknowledgement, HomeTestInit, HomeTest), 4096):
            cipher, integrity = (hashlib.sha256(f"{spi} {what}".encode()).digest() for what in ("cipher", "integrity"))
            self.keys[message] = spi, cipher[:16], integrity
            is_inbound = message in (BindingUpdate, HomeTestInit)
            keys, chosen = EspKeys(spi, cipher[:16], integrity), Selector(message, home, agent)
            made.append(SecurityAssociation(keys, chosen, home, is_inbound))
        security.add(made)
        self.seam.node.ip_security = IpSecurity(self.seam.node, security)

    def sealed(self, message: type, clear: bytes, front: int, number: int) -> bytes:
        """Seal all behind octet `front` of a packet; the octet that announces ESP is the last header's first."""
        spi, cipher, integrity = self.keys[message]
        self.numbers[message] = self.numbers.get(message, 0) + 1
        iv = hashlib.sha256(bytes([self.numbers[message]])).digest()[:16]
        body = seal(spi, self.numbers[message], cipher, integrity, iv, number, clear[front:])
        whole = bytearray(clear[:front] + body)
        whole[4:6] = struct.pack(">H", len(whole) - 40)
        whole[6 if front == 40 else 40] = 50
        return bytes(whole)

    def read(self, octets: bytes, message: type) -> tuple[int, bytes]:
        """Open ESP by hand. Return the next header and the octets inside."""
        spi, cipher, integrity = self.keys[message]
        place = esp_place(octets)
        assert place is not None
        found, _, number, inside = unseal(octets[place[0] :], cipher, integrity)
        assert found == spi
        return number, inside

    def bind(self, sequence: int, care_of: str) -> bytes:
        """Register under the association. Return the acknowledgement's Mobility Header."""
        clear = bytes(peer.packet(care_of, seams.HA, peer.home_update(sequence, care_of), home=seams.HOME))
        before = len(self.line.heard)
        self.line.send(self.sealed(BindingUpdate, clear, 64, 135))
        self.line.wait(1.5)
        (answer,) = (heard for heard in self.line.heard[before:] if esp_place(heard.octets))
        assert answer.ends == (seams.HA, care_of) and answer.to_home == seams.HOME
        number, inside = self.read(answer.octets, BindingAcknowledgement)
        ends = (Address(end).packed for end in (seams.HA, seams.HOME))
        assert number == 135 and mobility_header_faults(inside, *ends) == []
        return inside


def test_a_home_agent_behind_a_port_serves_a_peer_with_keys_set_by_hand() -> None:
    """RFC 6275 5.1, 10.3.1, 10.4.5, 10.4.6; RFC 3776 3.1, 3.2: register, move, and test through it, in bytes alone."""
    away = SealedPeer()
    assert away.bind(1, seams.CARE_OF)[6] == 0, "accepted"
    init = bytes(peer.packet(seams.HOME, seams.CN, peer.MIP6MH_HoTI(cookie=b"cookie 1")))
    outer = bytes(peer.IPv6(src=seams.OTHER_CARE_OF, dst=seams.HA, nh=41)) + init
    (passed,) = away.line.send(away.sealed(HomeTestInit, outer, 40, 41))
    assert passed.ends == (seams.HOME, seams.CN) and passed[peer.MIP6MH_HoTI].cookie == b"cookie 1"
    for number, care_of in enumerate((seams.CARE_OF, seams.OTHER_CARE_OF), 1):
        if number > 1:
            assert away.bind(number, care_of)[6] == 0
        answer = peer.packet(seams.CN, seams.HOME, peer.MIP6MH_HoT(cookie=b"cookie 1", token=b"token 00"))
        (arrived,) = away.line.send(answer)
        assert arrived.ends == (seams.HA, care_of) and b"token 00" not in arrived.octets
        announced, inside = away.read(arrived.octets, HomeTest)
        assert announced == 41 and inside[:7] + inside[8:] == bytes(answer)[:7] + bytes(answer)[8:], "but for a hop"
    tables = away.seam.tables()
    away.send(peer.home_update(9, seams.CARE_OF))
    away.line.wait(1)
    assert away.seam.drops == ["HA: unprotected: binding updates must come in ESP"] and away.seam.tables() == tables
