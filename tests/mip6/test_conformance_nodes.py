"""Demands of RFC 6275 on correspondent node, home agent and mobile node, one octet string at a time, made by hand."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_update_list import State
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.node.node import Node
from mipflow.sim.network import Network
from mipflow.wire.address import UNSPECIFIED, Address
from mipflow.wire.codec import decode, decode_leniently, encode
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.packet import UDP, Packet
from tests.mip6 import octets
from tests.mip6.headers import (
    BA,
    BE,
    BLANK,
    BU,
    COT,
    HOT,
    HOTI,
    ROUTING,
    chain,
    ipv6,
    mobility_header,
    options_of,
    packet,
    signed,
)
from tests.mip6.worlds import dropper, messages, world
from tests.node.nodes import Pair, listen

CALL = mf.apps.Voice(interval_ms=500, payload_bytes=20)
ESP = 50


def with_a_neighbor() -> tuple[World, Host]:
    """Return Figure 2 and a host on its home link."""
    made = world()
    host = Host(made.network, "at home")
    host.settle(made.network.segments["home"], 0x55)
    return made, host


def arrive(node: Node, octets_: bytes) -> None:
    """Let octets arrive at a node, at the interface that has their destination."""
    read = decode(octets_)
    node.receive(read, node.addresses.get(read.destination) or next(iter(node.interfaces.values())))


# --- correspondent node ----------------------------------------------------------------------------------------------


class Desk:
    """CN1 and binding updates for a home address, signed with the keys that its secrets give."""

    home, care_of = HOME.address(0x77).packed, bytes.fromhex("20010db8020000000000000000000077")

    def __init__(self) -> None:
        self.world: World = world()
        self.cn = self.world.cn1
        self.own = self.cn.address.packed

    def key(self, care_of: bytes | None, index: int = 1) -> bytes:
        """Return Kbm by section 5.2.5: of both tokens, or of the home token alone."""
        nonce, kcn = self.cn.nonces.nonce(index), self.cn.nonces.node_key
        tokens = octets.home_token(kcn, self.home, nonce)
        return hashlib.sha1(tokens + (octets.care_of_token(kcn, care_of, nonce) if care_of else b"")).digest()

    def update(
        self, sequence: int = 1, lifetime: int = 10, flags: int = 0x80, more: tuple[tuple[int, bytes], ...] = (),
        indices: tuple[int, int] = (1, 1), about: bytes | None = None, source: bytes | None = None, reserved: int = 0,
        behind: bytes = b"",
    ) -> bytes:  # fmt: skip
        """Make a packet with a binding update; `about`: the signed care-of address, `behind`: after the options."""
        about = about or self.care_of
        body = struct.pack("!HBBH", sequence, flags, 0, lifetime)
        message = mobility_header(BU, body, *more, (4, struct.pack("!HH", *indices)), BLANK, reserved=reserved)
        key = self.key(about if lifetime else None)
        if behind:  # the authenticator covers a length that counts what comes behind it
            message = message[:1] + bytes([message[1] + len(behind) // 8]) + message[2:]
        message = signed(message, key, about if lifetime else self.home, self.own)
        return packet(source or self.care_of, self.own, message + behind, home=self.home)

    def ask(self, octets_: bytes) -> list[int]:
        """Send a packet. Return the statuses of the acknowledgements that come back."""
        before = len(messages(self.world, "CN1"))
        arrive(self.cn, octets_)
        self.world.run(0.1)
        return [m.status for m in messages(self.world, "CN1")[before:] if m.name == "BA"]

    @property
    def held(self) -> list[tuple[bytes, bytes, bool]]:
        return [(b.home_address.packed, b.care_of_address.packed, b.home_registration) for b in self.cn.bindings]


def test_a_binding_update_of_this_hand_is_good() -> None:
    desk = Desk()
    assert desk.ask(desk.update()) == [0]
    assert desk.held == [(desk.home, desk.care_of, False)]


def test_a_correspondent_does_not_look_at_k() -> None:
    """Sections 6.1.7, 6.1.8: K in an update changes nothing, and the acknowledgement has none."""
    desk = Desk()
    assert desk.ask(desk.update(flags=0x80 | 0x10)) == [0]
    (answer,) = messages(desk.world, "CN1")
    assert answer.octets[7] & 0x80 == 0 and len(desk.held) == 1


def test_reserved_bits_under_an_authenticator_are_not_looked_at() -> None:
    """Section 6.1.1: the header's reserved octet and the update's unused bits are part of what is signed."""
    desk = Desk()
    assert desk.ask(desk.update(1, flags=0x80 | 0x0F)) == [0]
    assert desk.ask(desk.update(2, reserved=0xFF)) == [0]


def test_options_and_padding_under_an_authenticator_are_skipped() -> None:
    desk = Desk()
    assert desk.ask(desk.update(1, more=((99, b"abcd"), (255, b"")))) == [0]
    assert desk.ask(desk.update(2, more=((1, b"ab"),))) == [0], "padding with data"


def test_a_correspondent_takes_the_alternate_care_of_address() -> None:
    """Section 9.5.1: it is bound, and signed, though the packet came from elsewhere."""
    other = bytes.fromhex("20010db8030000000000000000000078")
    desk = Desk()
    assert desk.ask(desk.update(more=((3, other),), about=other)) == [0]
    assert desk.held == [(desk.home, other, False)]
    assert desk.ask(desk.update(2, more=((3, other),), about=desk.care_of)) == [], "signed over the wrong one"


@pytest.mark.parametrize("behind", ["0106000000000000", "0000000000000000", "6306aabbccddeeff"])
def test_nothing_may_follow_authorization_data(behind: str) -> None:
    """Section 9.5.1: neither padding nor another option, though the authenticator is right."""
    desk = Desk()
    assert desk.ask(desk.update(behind=bytes.fromhex(behind))) == [] and desk.held == []
    assert len(list(desk.world.trace.drops())) == 1


def test_deletion_looks_at_the_home_nonce_index_alone() -> None:
    desk = Desk()
    desk.ask(desk.update(1))
    assert desk.ask(desk.update(2, lifetime=0, indices=(99, 0))) == [136]
    assert len(desk.held) == 1
    assert desk.ask(desk.update(3, lifetime=0, indices=(1, 99))) == [0], "the care-of index is not looked at"
    assert desk.held == []


def test_deleting_what_is_not_there_enters_nothing() -> None:
    desk = Desk()
    assert desk.ask(desk.update(1, lifetime=0)) == [0]
    assert desk.held == [] and [c for c in desk.world.trace.changes() if c.node == "CN1"] == []


def test_a_binding_keeps_its_kind() -> None:
    """Sections 9.5.1, 10.3.1: 139, and the flag of the binding stays as it was, at both keepers."""
    desk = Desk()
    desk.ask(desk.update(1))
    body = struct.pack("!HBBH", 2, 0xC0, 0, 10)
    at_home = packet(desk.care_of, desk.own, mobility_header(BU, body, (3, desk.care_of)), home=desk.home)
    assert desk.ask(at_home) == [139]
    assert desk.held == [(desk.home, desk.care_of, False)]
    desk.world.run(5)
    (before,), ha = desk.world.ha.bindings, desk.world.ha
    body = struct.pack("!HBBH", before.sequence + 1 & 0xFFFF, 0x80, 0, 10)
    source = before.care_of_address.packed
    arrive(ha, packet(source, ha.home_agent_address.packed, mobility_header(BU, body, (3, source)),
                      home=before.home_address.packed))  # fmt: skip
    desk.world.run(1)
    assert [m.status for m in messages(desk.world, "HA")][-1] == 139
    assert list(ha.bindings) == [before] and before.home_registration


def datagram(desk: Desk, source: bytes) -> bytes:
    return packet(source, desk.own, struct.pack("!HHHH", 5, 9, 9, 0) + b"x", home=desk.home, next_header=17)


def test_a_home_address_option_from_another_care_of_address_is_dropped() -> None:
    """Section 9.3.1: bound, but not to where the packet came from."""
    desk, other = Desk(), bytes.fromhex("20010db8030000000000000000000078")
    desk.cn.udp(9)
    got = listen(desk.cn, UDP)
    desk.ask(desk.update())
    arrive(desk.cn, datagram(desk, other))
    assert got == []
    arrive(desk.cn, datagram(desk, desk.care_of))
    assert [arrival.source.packed for arrival in got] == [desk.home]
    desk.world.run(0.1)
    (error,) = [m for m in messages(desk.world, "CN1") if m.name == "BE"]
    assert error.destination == other and error.octets[6] == 1 and error.octets[8:24] == desk.home


def test_a_home_address_option_changes_nothing_that_lasts() -> None:
    """Sections 6.3, 9.1: with data, ESP or a test init behind it, the cache stays empty and answers go by the home."""
    desk = Desk()
    arrive(desk.cn, datagram(desk, desk.care_of))
    arrive(desk.cn, packet(desk.care_of, desk.own, bytes(32), home=desk.home, next_header=ESP))
    arrive(desk.cn, packet(desk.care_of, desk.own, mobility_header(HOTI, bytes(10)), home=desk.home))
    desk.world.run(0.1)
    assert desk.held == [] and [c for c in desk.world.trace.changes() if c.node == "CN1"] == []
    road = desk.cn.mobility.find_road(desk.cn.address, HOME.address(0x77))
    assert road is not None and road.kind == "direct"


def test_route_optimisation_is_on_unless_turned_off() -> None:
    """Sections 8.2, 8.5: nobody asked for it here."""
    made = mf.figure2(seed=1)
    flow = made.mn.open(made.cn1, CALL)
    made.run(6)
    assert made.mn.mobility.mode == "route_optimisation" and isinstance(made.cn1, CorrespondentNode)
    assert [b.home_address for b in made.cn1.bindings] == [flow.home_address]


# --- nodes without Mobile IPv6 ---------------------------------------------------------------------------------------


def test_a_home_address_option_to_a_group_is_no_error() -> None:
    """Section 6.3: who does not know the option tells nobody, where the packet was sent to a group."""
    pair = Pair()
    errors = listen(pair.a, IcmpError)
    for destination, told in ((bytes.fromhex("ff02" + "00" * 13 + "01"), 0), (pair.b.address.packed, 1)):
        octets_ = packet(pair.a.address.packed, destination, struct.pack("!HHHH", 5, 9, 8, 0),
                         home=Desk.home, next_header=17)  # fmt: skip
        arrive(pair.b, octets_)
        pair.run(1)
        assert len(errors) == told


def test_a_node_without_mobile_ip_knows_no_type_2_routing_header() -> None:
    """Section 8.1, RFC 8200 section 4.4: a parameter problem that points at the routing type."""
    pair = Pair()
    errors = listen(pair.a, IcmpError)
    message = struct.pack("!HHHH", 5, 9, 8, 0)
    octets_ = packet(pair.a.address.packed, pair.b.address.packed, message, routing=Desk.home, next_header=17)
    arrive(pair.b, octets_)
    pair.run(1)
    (error,) = [arrival.packet.payload for arrival in errors]
    assert isinstance(error, IcmpError) and (error.type, error.code) == (4, 0)
    assert error.invoking[error.parameter] == 2 and error.parameter == 42


def test_options_of_router_advertisements_say_nothing_in_other_messages() -> None:
    """Sections 7.3, 7.4: the solicitation of a neighbor is answered as if they were not there, and nobody is listed."""
    made, host = with_a_neighbor()
    made.run(3)
    agent, source = made.ha.home_agent_address.packed, host.interfaces["eth0"].link_local.packed
    question = bytes([135, 0, 0, 0]) + bytes(4) + agent
    more = struct.pack("!BBHI", 7, 1, 0, 70) + struct.pack("!BBHHH", 8, 1, 0, 9, 1800)
    for options in (b"", more):
        octets_ = packet(source, agent, question + options, next_header=58)
        made.ha.receive(decode(octets_[:7] + b"\xff" + octets_[8:]), made.ha.home_link)
        made.run(0.1)
    heard = [chain(encode(hop.packet)) for hop in made.trace if hop.channel.receiver == "at home"]
    one, other = [parts for parts in heard if parts[0].octets[24:40] == source]
    assert one == other and one[-1].octets[0] == 136
    assert len(made.ha.address_discovery.agents) == 0


# --- home agent ------------------------------------------------------------------------------------------------------


def test_a_home_agent_tells_its_own_link_layer_address_for_the_mobile_node() -> None:
    """Section 10.4.1, by octets: at registration to all nodes, and in answer to a solicitation."""
    made, host = with_a_neighbor()
    made.run(5)
    home, here = made.mn.primary_home_address, host.interfaces["eth0"]
    question = bytes([135, 0, 0, 0]) + bytes(4) + home.packed
    octets_ = packet(here.link_local.packed, home.solicited_node().packed, question, next_header=58)
    made.ha.receive(decode(octets_[:7] + b"\xff" + octets_[8:]), made.ha.home_link)
    made.run(1)
    told = [chain(encode(hop.packet)) for hop in made.trace if hop.channel.receiver == "at home"]
    advertised = [(parts[0].octets[24:40], parts[-1].octets) for parts in told if parts[-1].octets[0] == 136]
    advertised = [(to, message) for to, message in advertised if message[8:24] == home.packed]
    assert [to for to, _ in advertised] == [Address("ff02::1").packed, here.link_local.packed]
    for _, message in advertised:
        assert message[24:] == bytes([2, 1, 2, 0, 0, 0, 0, made.ha.home_link.interface_identifier])


@pytest.mark.parametrize("group", ["ff02::1:3", "ff05::1:3", "ff08::1:3"])
def test_groups_of_the_home_link_are_not_tunnelled(group: str) -> None:
    """Section 10.4.2: link-local groups never, others only if asked for; nothing is said about it."""
    made, host = with_a_neighbor()
    made.run(5)
    start = made.network.clock.now
    host.interfaces["eth0"].multicast(Packet(host.address, Address(group), UDP(5, 9, b"to all")))
    made.run(1)
    hops = [hop for hop in made.trace if hop.sent_ns >= start and b"to all" in encode(hop.packet)]
    assert {hop.channel.segment for hop in hops} == {"home"}
    assert [h for h in made.trace if h.sent_ns >= start and h.channel.receiver == "at home"] == []


def test_a_home_agent_lifetime_of_zero_is_never_advertised() -> None:
    """Section 7.4: who is home agent for no time does not say that it is one; the router is still there."""
    made = world()
    made.ha.home.preference, made.ha.home.lifetime_s = 7, 0
    message = made.ha.advertisement(made.ha.home_link)
    octets_ = chain(encode(Packet(Address("fe80::7"), Address("ff02::1"), message, hop_limit=255)))[-1].octets
    assert octets_[5] & 0x20 == 0 and b"\x08\x01\x00\x00" not in octets_ and octets_[6:8] != b"\0\0"
    made.ha.home.lifetime_s = 9
    message = made.ha.advertisement(made.ha.home_link)
    octets_ = chain(encode(Packet(Address("fe80::7"), Address("ff02::1"), message, hop_limit=255)))[-1].octets
    assert octets_[5] & 0x20 and b"\x08\x01\x00\x00" + struct.pack("!HH", 7, 9) in octets_


def test_a_home_agent_skips_options_of_a_prefix_solicitation() -> None:
    """Section 6.7: of a type that is not known, and of one that has no meaning there."""
    made = world()
    made.run(5)
    home, care_of = made.mn.primary_home_address.packed, made.mn.care_of_address("wlan0").packed
    question = struct.pack("!BBHHH", 146, 0, 0, 77, 0) + bytes([99, 2]) + bytes(14) + struct.pack("!BBHI", 7, 1, 0, 70)
    arrive(made.ha, packet(care_of, made.ha.home_agent_address.packed, question, home=home, next_header=58))
    made.run(1)
    sent = [chain(encode(hop.packet))[-1].octets for hop in made.trace if hop.channel.sender == "HA"]
    answers = [message[4:6] for message in sent if message[0] == 147]
    assert answers[0] == struct.pack("!H", 77)  # the mobile node, which did not ask, then asks by itself


# --- mobile node -----------------------------------------------------------------------------------------------------


class Walker:
    """A mobile node with a flow to CN1, whose tests and acknowledgements the test makes itself."""

    def __init__(self, *silenced: str) -> None:
        self.world = world()
        dropper(self.world, "cn1", lambda m: m.name in silenced and m.source == self.cn)
        self.cn = self.world.cn1.address.packed
        self.world.mn.open(self.world.cn1, CALL)
        self.world.run(4)
        self.home = self.world.mn.primary_home_address.packed
        self.care_of = self.world.mn.care_of_address("wlan0").packed
        self.agent = self.world.mn.home_agent.packed

    def last(self, name: str) -> octets.Message:
        return [m for m in messages(self.world, "MN") if m.name == name and m.destination == self.cn][-1]

    @property
    def entry(self) -> Any:
        return self.world.mn.binding_updates.get((self.world.cn1.address, self.world.mn.primary_home_address))

    def tell(self, octets_: bytes) -> None:
        """Let a packet arrive on wlan0."""
        self.world.mn.receive(decode(octets_), self.world.mn.interfaces["wlan0"])

    def acknowledge(self, *options: tuple[int, bytes], status: int = 0, key: bytes = b"", behind: bytes = b"",
                    reserved: int = 0, flags: int = 0) -> None:  # fmt: skip
        """Acknowledge the last update; `key`: signs it. `behind`: follows the authenticator."""
        body = struct.pack("!BBHH", status, flags, self.last("BU").sequence, 10)
        message = mobility_header(BA, body, *options, reserved=reserved)
        if behind:
            message = message[:1] + bytes([message[1] + len(behind) // 8]) + message[2:]
        message = (signed(message, key, self.care_of, self.cn) if key else message) + behind
        self.tell(packet(self.cn, self.care_of, message, routing=self.home))

    @property
    def key(self) -> bytes:
        """Return Kbm of the tokens that went over the wire."""
        tests = {m.name: m.token for m in messages(self.world, "CN1") if m.name in ("HoT", "CoT")}
        return hashlib.sha1(tests["HoT"] + tests["CoT"]).digest()


def test_acknowledgements_must_prove_themselves() -> None:
    """Section 11.7.3: authorization data there, last, without padding behind it, and right; else as if not there."""
    walker = Walker("BA")
    sequence, right = walker.last("BU").sequence, walker.key
    for status in (0, 128, 135):
        walker.acknowledge(status=status)
        walker.acknowledge(BLANK, status=status)
        walker.acknowledge(BLANK, status=status, key=bytes(20))
        walker.acknowledge(BLANK, status=status, key=right, behind=options_of((1, b"\0" * 6), at=0))
        walker.acknowledge(BLANK, status=status, key=right, behind=options_of((99, b"abcdef"), at=0))
        assert (walker.entry.state, walker.entry.registered) == (State.UPDATING, None)
    assert walker.last("BU").sequence == sequence, "no 135 of these moved the counter"
    walker.acknowledge(BLANK, key=right)
    assert walker.entry.state is State.BOUND and walker.entry.registered.packed == walker.care_of


def test_acknowledgements_with_options_and_reserved_bits_are_taken() -> None:
    """Sections 6.1.1, 6.1.8, 6.2.1, under an authenticator that covers them."""
    for extras in (
        {"reserved": 0xFF}, {"flags": 0x7F}, {"options": ((99, b"abcd"), (1, b"xy"), BLANK)},
    ):  # fmt: skip
        walker = Walker("BA")
        options: Any = extras.pop("options", (BLANK,))
        walker.acknowledge(*options, key=walker.key, **extras)  # type: ignore[arg-type]
        assert walker.entry.state is State.BOUND, extras


def test_a_binding_error_from_a_stranger_is_ignored() -> None:
    """Section 11.3.6: without an entry for its source nothing happens, whatever it says."""
    made = world()
    made.mn.open(made.cn1, CALL)
    made.run(5)
    before, start = [entry.row() for entry in made.mn.binding_updates], made.now
    care_of, home = made.mn.care_of_address("wlan0").packed, made.mn.primary_home_address.packed
    for status in (1, 2, 77):
        error = mobility_header(BE, bytes([status, 0]) + home)
        made.mn.receive(decode(packet(made.cn2.address.packed, care_of, error)), made.mn.interfaces["wlan0"])
    made.run(0.4)
    assert [entry.row() for entry in made.mn.binding_updates] == before
    assert messages(made, "MN", start) == []


@pytest.mark.parametrize("kind", [HOT, COT])
def test_a_test_that_nobody_asked_for_is_dropped(kind: int) -> None:
    """Section 11.6.2: wrong cookie or wrong source: nothing; the right one: its index and token go into the update."""
    name = {HOT: "HoT", COT: "CoT"}[kind]
    walker = Walker(name)

    def test(source: bytes, cookie: bytes, token: bytes) -> None:
        message = mobility_header(kind, struct.pack("!H", 0) + cookie + token)
        if kind == COT:
            walker.tell(packet(source, walker.care_of, message))
        else:
            walker.tell(ipv6(walker.agent, walker.care_of, 41, packet(source, walker.home, message)))

    cookie = walker.last(name + "I").cookie
    drops = len(list(walker.world.trace.drops()))
    test(walker.cn, b"nonsense", b"token!!!")
    test(walker.world.cn2.address.packed, cookie, b"token!!!")
    assert len(list(walker.world.trace.drops())) == drops + 2
    assert walker.entry.state is State.WAITING
    assert [m for m in messages(walker.world, "MN") if m.name == "BU" and m.destination == walker.cn] == []
    test(walker.cn, cookie, b"token!!!")
    walker.world.run(0.001)
    update = walker.last("BU")
    other = {m.name: m.token for m in messages(walker.world, "CN1") if m.name in ("HoT", "CoT")}
    tokens = b"token!!!" + other["CoT"] if kind == HOT else other["HoT"] + b"token!!!"
    kbm = hashlib.sha1(tokens).digest()
    assert update.authenticator == octets.authenticator(kbm, walker.care_of, walker.cn, update)


def test_a_type_2_routing_header_is_not_turned_round() -> None:
    """Section 6.4.1: the answer to a packet that came with one goes by the mobile node's own bindings."""
    made = world()
    made.run(5)
    care_of, home = made.mn.care_of_address("wlan0").packed, made.mn.primary_home_address.packed
    start = made.network.clock.now
    request = bytes([128, 0, 0, 0]) + struct.pack("!HH", 7, 1) + b"ping"
    made.mn.receive(
        decode(packet(made.cn1.address.packed, care_of, request, routing=home, next_header=58)),
        made.mn.interfaces["wlan0"],
    )
    made.run(0.1)
    sent = [chain(encode(h.packet)) for h in made.trace if h.sent_ns >= start and h.channel.sender == "MN"]
    assert all(ROUTING not in [part.number for part in parts] for parts in sent)
    (answer,) = [[part.number for part in parts] for parts in sent if parts[-1].number == 58]
    assert answer == [41, 41, 58], "through the home agent, since nothing is bound"


def test_sequence_numbers_start_at_random() -> None:
    """Section 11.7.2: towards each peer anew, from the world's own random stream."""
    firsts = set()
    for seed in range(6):
        made = world(seed=seed)
        made.mn.open(made.cn1, CALL)
        made.run(5)
        for peer in (made.mn.home_agent.packed, made.cn1.address.packed):
            firsts.add(next(m.sequence for m in messages(made, "MN") if m.name == "BU" and m.destination == peer))
    assert len(firsts) == 12 and max(firsts) - min(firsts) > 1000


@pytest.mark.parametrize("text", ["fe80::10", "ff0e::10", "::", "::1", "2001:db8:100::"])
def test_a_home_address_is_unicast_and_of_global_scope(text: str) -> None:
    """Sections 6.3, 6.4: no other can be given, so none of smaller scope than a care-of address comes in a header."""
    with pytest.raises(ProtocolMisuse, match=f"home_address={text}; expected a routable unicast address"):
        MobileNode(Host(Network(), "MN"), home_agent=HOME.address(7), home_address=Address(text))


@pytest.mark.parametrize(("octet", "value", "pointer"), [(0, 58, 40), (1, 0, 41)])
def test_a_mobile_node_tells_of_mobility_headers_that_are_none(octet: int, value: int, pointer: int) -> None:
    """Sections 9.2, 11.2: a parameter problem of code 0 to the source, at payload proto or header length."""
    made = world()
    made.run(5)
    cn, care_of = made.cn1.address.packed, made.mn.care_of_address("wlan0").packed
    wrong = bytearray(mobility_header(BA, struct.pack("!BBHH", 0, 0, 1, 10)))
    wrong[octet] = value
    whole = packet(cn, care_of, bytes(wrong[: 8 * (wrong[1] + 1)]))
    broken = whole[:-1] + bytes([whole[-1] ^ 1])
    before, rows = made.now, [entry.row() for entry in made.mn.binding_updates]
    for octets_ in (whole, broken):
        made.mn.receive(decode_leniently(octets_), made.mn.interfaces["wlan0"])
    made.run(0.5)
    sent = [chain(encode(h.packet)) for h in made.trace if h.channel.sender == "MN" and h.sent_ns >= before * 1e9]
    ((ip, message),) = [parts for parts in sent if parts[-1].number == 58]
    assert ip.octets[8:24] == care_of and ip.octets[24:40] == cn
    assert message.octets[:2] == b"\x04\0" and struct.unpack("!I", message.octets[4:8]) == (pointer,)
    assert message.octets[8:] == whole, "a wrong checksum is told to nobody"
    assert [entry.row() for entry in made.mn.binding_updates] == rows


def test_a_refresh_request_is_answered_whatever_its_reserved_bits_and_unknown_options() -> None:
    """Sections 6.1.2, 6.2.1, 11.7.4: it comes to the home address through the home agent."""
    walker = Walker()
    assert walker.entry.state is State.BOUND
    before = walker.last("BU").sequence
    message = mobility_header(0, b"\xff\xff", (99, b"abcd"), (1, b"litter"), (255, b""), reserved=0xFF)
    walker.tell(ipv6(walker.agent, walker.care_of, 41, packet(walker.cn, walker.home, message)))
    walker.world.run(1)
    assert walker.last("BU").sequence != before and walker.entry.state is State.BOUND


def test_the_next_home_agent_is_tried_after_one_and_a_half_seconds_at_the_earliest() -> None:
    """Section 11.4.1, also where the one before refuses at once."""
    made = world(home_agents=3)
    for agent in made.home_agents[:2]:
        agent.prohibited.add(made.mn.primary_home_address)
    made.run(8)
    agents = [agent.home_agent_address.packed for agent in made.home_agents]
    asked = [(m.destination, m.t_ns) for m in messages(made, "MN") if m.name == "BU"]
    assert [to for to, _ in asked] == agents, "each in turn"
    assert [later - before for (_, before), (_, later) in pairwise(asked)] == [1_500_000_000] * 2
    assert [len(list(agent.bindings)) for agent in made.home_agents] == [0, 0, 1]


@pytest.mark.parametrize("is_known", [True, False])
def test_prefix_advertisements_come_from_the_home_agent_that_is_known_or_from_nobody(is_known: bool) -> None:
    """Section 11.4.3: before any registration that is the home agent's address that is set; else none is accepted."""
    made = world(home_agents=1 if is_known else 2)
    made.run(1.015 if is_known else 0.9)
    mn, agent = made.mn, made.ha.home_agent_address.packed
    assert (mn.home_agent != UNSPECIFIED) is is_known and mn.registered_at_home(mn.primary_home_address) is None
    for source in (agent, made.cn1.address.packed, bytes(16)):
        message = struct.pack("!BBHHH", 147, 0, 0, 7, 0) + bytes([3, 4, 64, 0xE0]) + struct.pack("!III", 99, 99, 0)
        octets_ = packet(source, bytes(15) + b"\x99", message + agent, routing=mn.primary_home_address.packed,
                         next_header=58)  # fmt: skip
        mn.local(decode(octets_), mn.interfaces["wlan0"])
    assert len(mn.mobility.home_prefixes) == 0
    reasons = [drop.reason for drop in made.trace.drops() if "prefix advertisement" in drop.reason]
    strange = "mobile prefix advertisement, but not from our home agent"
    assert reasons[1:2] == [strange] and reasons[0] == (
        "mobile prefix advertisement that was not asked for: now it is" if is_known else strange
    )


@pytest.mark.parametrize("what", ["lifetimes", "flags"])
def test_changes_of_the_home_addresss_own_prefix_are_told(what: str) -> None:
    """Section 10.6.2, the two that MUST be told unasked; octets of the prefix information option."""
    made = world()
    made.ha.prefixes.deliveries.min_interval_s, made.ha.prefixes.deliveries.max_interval_s = 5, 20

    def advertised() -> list[bytes]:
        sent = [chain(encode(hop.packet))[-1].octets for hop in made.trace if hop.channel.sender == "HA"]
        return [message for message in sent if message[0] == 147]

    while not [message for message in advertised() if message[4:6] != b"\0\0"]:
        made.run(1)  # until the mobile node has been told, and asked: then nothing is due for 25 s
    (entry,), before = made.ha.home.prefixes, len(advertised())
    if what == "lifetimes":
        made.ha.announce(made.ha.home_link, entry.prefix, 5000, 4000)
    else:
        made.ha.home.prefixes.put(replace(entry, autonomous=False))
        made.ha.prefixes.changed()
    made.run(21)
    unasked = [message for message in advertised()[before:] if message[4:6] == b"\0\0"]
    told = [message[8:40] for message in unasked]
    assert told and told[-1][:3] == bytes([3, 4, 64])
    if what == "lifetimes":
        valid_s, preferred_s = struct.unpack("!II", told[-1][4:12])
        assert 4970 < valid_s <= 5000 and valid_s - preferred_s == 1000
    else:
        assert told[-1][3] == 0x80 | 0x20, "L and R, A no longer"


@pytest.mark.parametrize("behind", [b"", options_of((1, b"\0" * 6), at=0), options_of((99, b"abcdef"), at=0)])
def test_authorization_data_ends_a_home_agents_acknowledgement_too(behind: bytes) -> None:
    """Section 11.7.3: if it is present it is the last option, without padding behind it."""
    made = world()
    dropper(made, "Internet-HA", lambda m: m.name == "BA")
    made.run(3)
    update = [m for m in messages(made, "MN") if m.name == "BU"][-1]
    entry = made.mn.binding_updates.get((made.mn.home_agent, made.mn.primary_home_address))
    assert entry is not None and entry.registered is None and update.home is not None
    message = mobility_header(BA, struct.pack("!BBHH", 0, 0, update.sequence, 10), BLANK)
    message = message[:1] + bytes([message[1] + len(behind) // 8]) + message[2:] + behind
    octets_ = packet(made.mn.home_agent.packed, update.source, message, routing=update.home)
    made.mn.receive(decode(octets_), made.mn.interfaces["wlan0"])
    assert (entry.registered is not None) is (behind == b"")
