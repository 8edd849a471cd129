"""Each role against a peer that is nothing of ours: bytes made by scapy and hmac, by the text of RFC 6275."""

from __future__ import annotations

import hashlib

import pytest
from scapy.layers.inet6 import IPv6, MIP6MH_Generic, MIP6OptUnknown, in6_chksum

from mipflow.wire.address import Address
from tests.mip6.seams import CARE_OF, CN, HA, HOME, OTHER_CARE_OF, OTHER_HOME, AllOthers, AwayPeer, MobilePeer
from tests.peer import (
    MIP6MH_BA,
    MIP6MH_BE,
    MIP6MH_BU,
    UDP,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ParamProblem,
    Layer,
    MIP6MH_CoTI,
    MIP6MH_HoT,
    MIP6MH_HoTI,
    Raw,
    echo,
    home_update,
    is_signed,
    neighbor_advertisement,
    packet,
    signed,
    tunnelled,
    update,
)

# --- correspondent node ----------------------------------------------------------------------------------------------


def test_a_correspondent_node_binds_after_return_routability_and_sends_straight() -> None:
    """RFC 6275 sections 5.2.5, 9.4, 9.5.1, 9.5.4, 9.3.2."""
    mobile = MobilePeer()
    assert mobile.reaches(HOME) == HOME
    answer = mobile.bind(5)[MIP6MH_BA]
    assert (answer.status, answer.seq, answer.mhtime) == (0, 5, 100)
    assert mobile.reaches(HOME) == CARE_OF
    straight = mobile.line.ask(packet(CARE_OF, CN, echo(), home=HOME), ICMPv6EchoReply)
    assert straight.ends == (CN, CARE_OF) and straight.to_home == HOME


def test_a_correspondent_node_moves_one_flow_and_leaves_the_other() -> None:
    """The method that is taught: one binding update about one home address."""
    mobile = MobilePeer()
    mobile.bind(1, HOME)
    mobile.bind(2, OTHER_HOME)
    assert [mobile.reaches(home) for home in (HOME, OTHER_HOME)] == [CARE_OF, CARE_OF]
    mobile.bind(3, OTHER_HOME, OTHER_CARE_OF)
    assert [mobile.reaches(home) for home in (HOME, OTHER_HOME)] == [CARE_OF, OTHER_CARE_OF]


def test_a_correspondent_node_deletes_a_binding_by_the_home_token_alone() -> None:
    """RFC 6275 sections 5.2.5, 6.2.7, 9.5.3."""
    mobile = MobilePeer()
    mobile.bind(1)
    test = mobile.line.ask(packet(HOME, CN, MIP6MH_HoTI(cookie=b"cookie 3")), MIP6MH_HoT)
    assert test.layer.dst in (HOME, CARE_OF)
    key = hashlib.sha1(test[MIP6MH_HoT].token).digest()
    message = signed(update(2, (test[MIP6MH_HoT].index, 0), lifetime_s=0), key, HOME, CN)
    answer = mobile.line.ask(packet(CARE_OF, CN, message, home=HOME), MIP6MH_BA)
    assert (answer[MIP6MH_BA].status, answer[MIP6MH_BA].mhtime) == (0, 0) and is_signed(answer, key, HOME, CN)
    assert mobile.reaches(HOME) == HOME


@pytest.mark.parametrize(("home", "care_of", "status"), [(500, 0, 136), (0, 500, 137), (500, 500, 138)])
def test_a_correspondent_node_refuses_nonces_that_it_never_gave(home: int, care_of: int, status: int) -> None:
    """RFC 6275 sections 9.5.1 and 9.5.4: these three carry no authenticator."""
    mobile = MobilePeer()
    indices, key = mobile.test()
    message = signed(update(1, (indices[0] + home, indices[1] + care_of)), key, CARE_OF, CN)
    answer = mobile.line.ask(packet(CARE_OF, CN, message, home=HOME), MIP6MH_BA)
    assert answer[MIP6MH_BA].status == status and b"\x05\x0c" not in answer.mobility
    assert mobile.reaches(HOME) == HOME


def test_a_correspondent_node_refuses_an_old_sequence_number() -> None:
    """RFC 6275 section 9.5.1: 135, with the last number accepted, proved."""
    mobile = MobilePeer()
    mobile.bind(9)
    answer = mobile.bind(9, care_of=OTHER_CARE_OF)[MIP6MH_BA]
    assert (answer.status, answer.seq) == (135, 9)
    assert mobile.reaches(HOME) == CARE_OF


def test_a_correspondent_node_refuses_home_registrations() -> None:
    """RFC 6275 section 9.5.1 (131 is told by a node that is no home agent, section 10.3.1)."""
    mobile = MobilePeer()
    answer = mobile.line.ask(packet(CARE_OF, CN, home_update(1, CARE_OF), home=HOME), MIP6MH_BA)
    assert answer[MIP6MH_BA].status == 131 and mobile.seam.bound == []


@pytest.mark.parametrize("wrong", ["key", "care-of address", "octet", "none"])
def test_a_correspondent_node_says_nothing_to_what_is_not_proved(wrong: str) -> None:
    """RFC 6275 section 9.5.1: an invalid authenticator is silently dropped."""
    mobile = MobilePeer()
    indices, key = mobile.test()
    plain = update(1, indices)
    made = {
        "key": signed(plain, hashlib.sha1(b"guess").digest(), CARE_OF, CN),
        "care-of address": signed(plain, key, OTHER_CARE_OF, CN),
        "octet": signed(plain, key, CARE_OF, CN),
        "none": plain,
    }[wrong]
    if wrong == "octet":
        made.mhtime += 1
    assert mobile.line.send(packet(CARE_OF, CN, made, home=HOME)) == []
    assert len(mobile.seam.drops) == 1 and mobile.seam.bound == []


def test_a_correspondent_node_reports_a_home_address_without_binding() -> None:
    """RFC 6275 sections 9.3.1 and 9.3.3: binding error 1, and the address from the option in it."""
    mobile = MobilePeer()
    (answer,) = mobile.line.send(packet(CARE_OF, CN, echo(), home=HOME))
    assert answer.ends == (CN, CARE_OF)
    assert (answer[MIP6MH_BE].status, answer[MIP6MH_BE].ha) == (1, HOME)


def test_a_correspondent_node_skips_options_that_it_does_not_know() -> None:
    """RFC 6275 section 6.2.1: ignored, and the message processed."""
    mobile = MobilePeer()
    answer = mobile.bind(1, more=(MIP6OptUnknown(otype=201, odata=b"????"),))
    assert answer[MIP6MH_BA].status == 0 and mobile.reaches(HOME) == CARE_OF


def test_nonces_live_four_minutes_in_the_time_of_the_outside() -> None:
    """RFC 6275 sections 5.2.6, 12: MAX_NONCE_LIFETIME is 240 s."""
    mobile = MobilePeer()
    indices, key = mobile.test()
    mobile.line.wait(241)
    message = signed(update(1, indices), key, CARE_OF, CN)
    answer = mobile.line.ask(packet(CARE_OF, CN, message, home=HOME), MIP6MH_BA)
    assert answer[MIP6MH_BA].status == 138


# --- home agent ------------------------------------------------------------------------------------------------------


def test_a_home_agent_probes_the_home_link_before_it_accepts() -> None:
    """RFC 6275 sections 10.3.1 and 10.4.1, RFC 4862 section 5.4."""
    away = AwayPeer()
    (probe,) = away.send(home_update(1, CARE_OF))
    assert probe.ends == ("::", "ff02::1:ff00:77") and probe[ICMPv6ND_NS].tgt == HOME and probe.layer.hlim == 255
    sent_ns = away.line.now
    heard = away.line.wait(1.2)
    (answer,) = (each for each in heard if MIP6MH_BA in each)
    assert answer.t_ns - sent_ns == 1_000_000_000 and answer[MIP6MH_BA].status == 0
    (proxy,) = (each for each in heard if ICMPv6ND_NA in each)
    assert proxy.ends[1] == "ff02::1" and proxy[ICMPv6ND_NA].tgt == HOME and proxy.layer.hlim == 255
    (again,) = away.send(home_update(2, OTHER_CARE_OF), care_of=OTHER_CARE_OF)
    assert again[MIP6MH_BA].status == 0, "a home address that is bound is not probed again"


def test_a_home_agent_refuses_an_address_that_another_host_has() -> None:
    """RFC 6275 section 10.3.1: 134."""
    away = AwayPeer()
    away.line.answers.append(lambda heard: neighbor_advertisement(HOME, HOME) if ICMPv6ND_NS in heard else None)
    assert away.register()[MIP6MH_BA].status == 134
    assert away.intercepted(HOME) is None


def test_a_home_agent_tunnels_both_ways() -> None:
    """RFC 6275 sections 10.4.1, 10.4.2, 10.4.5."""
    away = AwayPeer()
    away.register()
    assert away.intercepted(HOME) == (HA, CARE_OF)
    (out,) = away.line.send(tunnelled(CARE_OF, HA, packet(HOME, CN, echo())))
    assert out.ends == (HOME, CN) and ICMPv6EchoRequest in out
    assert away.line.send(tunnelled(OTHER_CARE_OF, HA, packet(HOME, CN, echo()))) == []
    assert away.line.send(tunnelled(CARE_OF, HA, packet(OTHER_HOME, CN, echo()))) == []
    assert len(away.seam.drops) == 2, "only from the care-of address of that home address"


def test_a_home_agent_answers_for_a_home_address_that_is_away() -> None:
    """RFC 6275 section 10.4.1: proxy neighbor discovery."""
    away = AwayPeer()
    question = packet("fe80::99", "ff02::1:ff00:77", ICMPv6ND_NS(tgt=HOME), hop_limit=255)
    assert away.line.send(question) == []
    away.register()
    assert away.line.ask(question, ICMPv6ND_NA)[ICMPv6ND_NA].tgt == HOME


def test_a_home_agent_moves_one_home_address_and_leaves_the_other() -> None:
    away = AwayPeer()
    away.register(HOME)
    away.register(OTHER_HOME)
    away.register(OTHER_HOME, OTHER_CARE_OF)
    assert [away.intercepted(home) for home in (HOME, OTHER_HOME)] == [(HA, CARE_OF), (HA, OTHER_CARE_OF)]


def test_a_home_agent_deletes_a_binding() -> None:
    """RFC 6275 section 10.3.2."""
    away = AwayPeer()
    away.register()
    answer = away.register(lifetime_s=0)[MIP6MH_BA]
    assert (answer.status, answer.mhtime) == (0, 0) and away.intercepted(HOME) is None


def test_a_home_agent_refuses_what_it_must() -> None:
    """RFC 6275 section 10.3: 132 off the home link, 133 unknown, 135 old, 139 another type."""
    away = AwayPeer()
    assert away.register("2001:db8:999::77")[MIP6MH_BA].status == 132
    assert away.register(lifetime_s=0)[MIP6MH_BA].status == 133
    assert away.register()[MIP6MH_BA].status == 0
    away.sequence -= 1
    answer = away.register(care_of=OTHER_CARE_OF)[MIP6MH_BA]
    assert (answer.status, answer.seq) == (135, away.sequence)
    assert away.register(flags="A")[MIP6MH_BA].status == 139
    assert away.intercepted(HOME) == (HA, CARE_OF)


def test_unknown_messages_are_answered_by_a_binding_error() -> None:
    """RFC 6275 sections 9.2, 9.3.3: status 2; the home address is that of the option, or unspecified."""
    for seam, address in ((AwayPeer(), HA), (MobilePeer(), CN)):
        (answer,) = seam.line.send(packet(CARE_OF, address, MIP6MH_Generic(mhtype=99, msg=bytes(2))))
        assert answer.ends == (address, CARE_OF)
        assert (answer[MIP6MH_BE].status, answer[MIP6MH_BE].ha) == (2, "::")
        seam.line.wait(1)
        (answer,) = seam.line.send(packet(CARE_OF, address, MIP6MH_Generic(mhtype=98, msg=bytes(2)), home=HOME))
        assert (answer[MIP6MH_BE].status, answer[MIP6MH_BE].ha) == (2, HOME)


@pytest.mark.parametrize(("octet", "value", "pointer"), [(0, 58, 40), (1, 0, 41)])
@pytest.mark.parametrize("role", [AwayPeer, MobilePeer])
def test_a_wrong_payload_proto_or_header_length_is_answered_by_a_parameter_problem(
    role: type[AwayPeer] | type[MobilePeer], octet: int, value: int, pointer: int
) -> None:
    """RFC 6275 section 9.2: code 0, to the source address, pointing at Payload Proto or at Header Len."""
    peer = role()
    address = HA if role is AwayPeer else CN
    wrong = bytearray(bytes(MIP6MH_BU(seq=1, flags="A", mhtime=1)))
    wrong[octet] = value
    del wrong[8 * (wrong[1] + 1) :]
    wrong[4:6] = bytes(2)
    wrong[4:6] = in6_chksum(135, IPv6(src=CARE_OF, dst=address), bytes(wrong)).to_bytes(2, "big")
    (answer,) = peer.line.send(raw(address, bytes(wrong)))
    assert answer.ends == (address, CARE_OF)
    assert (answer[ICMPv6ParamProblem].code, answer[ICMPv6ParamProblem].ptr) == (0, pointer)
    wrong[6] ^= 1
    assert peer.line.send(raw(address, bytes(wrong))) == [], "a wrong checksum is silently discarded"
    assert len(peer.seam.drops) == 2


def raw(address: str, header: bytes) -> Layer:
    """Make a Mobility Header of octets."""
    return IPv6(src=CARE_OF, dst=address, nh=135) / Raw(header)


# --- mobile node -----------------------------------------------------------------------------------------------------

def test_a_mobile_node_configures_itself_registers_and_uses_the_tunnel() -> None:
    """RFC 6275 sections 11.5, 11.7.1, 11.3.1."""
    world = AllOthers()
    world.arrive()
    probes = [heard[ICMPv6ND_NS].tgt for heard in world.line.all(ICMPv6ND_NS)]
    assert CARE_OF in probes and OTHER_CARE_OF in probes, "duplicate address detection of both"
    world.statuses[CN, HOME] = [128] * 99
    assert world.talk(1000, b"one", 0) == (b"one", CARE_OF, "tunnel")
    back = packet(CN, HOME, UDP(sport=7, dport=1000) / b"answer")
    got: list[bytes] = []
    world.sockets[1000].on_datagram = got.append
    world.line.send(tunnelled(HA, CARE_OF, back))
    assert got == [b"answer"]


def talking() -> AllOthers:
    """Return the surroundings of a mobile node that has registered and has sent one datagram."""
    world = AllOthers()
    world.arrive()
    world.talk(1000, b"one")
    return world


def test_a_mobile_node_optimises_the_route_after_return_routability() -> None:
    """RFC 6275 sections 5.2.5, 11.6, 11.7.2, 11.3.1: proved with tokens that only the peer can make."""
    world = talking()
    assert world.bound[CN, HOME] == CARE_OF
    assert world.talk(1000, b"two") == (b"two", CARE_OF, "straight")
    assert world.line.heard[-1].home == HOME


def test_a_mobile_node_moves_one_flow_and_leaves_the_other() -> None:
    """One binding update to the correspondent for one home address; no home binding moves."""
    world = talking()
    world.talk(2000, b"two")
    (second,) = {home for _, home in world.bound} - {HOME}
    assert world.bound == dict.fromkeys([(HA, HOME), (CN, HOME), (HA, second), (CN, second)], CARE_OF)
    world.line.wait(2)
    before = len(world.line.all(MIP6MH_BU))
    world.node.handover(world.flow(2000), "cell0")
    world.line.wait(3)
    (moved,) = world.line.all(MIP6MH_BU)[before:]
    assert (moved.layer.dst, moved.home, moved.layer.src) == (CN, second, OTHER_CARE_OF)
    assert world.talk(1000, b"stays") == (b"stays", CARE_OF, "straight")
    assert world.talk(2000, b"moves") == (b"moves", OTHER_CARE_OF, "straight")
    assert world.line.heard[-1].at == 1, "and it leaves by the other interface"


def test_a_mobile_node_goes_past_a_sequence_number_that_its_peer_has_seen() -> None:
    """RFC 6275 section 11.7.3: 135 carries the last accepted number."""
    world = AllOthers()
    world.statuses[HA, HOME] = [135]
    world.arrive()
    first, second = world.line.all(MIP6MH_BU)
    assert second[MIP6MH_BU].seq == (first[MIP6MH_BU].seq + 1) & 0xFFFF


@pytest.mark.parametrize(("status", "tests"), [(136, "home"), (137, "care-of"), (138, "both")])
def test_a_mobile_node_asks_for_new_tokens_when_its_nonces_are_old(status: int, tests: str) -> None:
    """RFC 6275 section 11.7.3."""
    world = AllOthers()
    world.arrive()
    world.statuses[CN, HOME] = [status]
    world.talk(1000, b"one", 10)
    counts = [len(world.line.all(kind)) for kind in (MIP6MH_HoTI, MIP6MH_CoTI)]
    assert counts == {"home": [2, 1], "care-of": [1, 2], "both": [2, 2]}[tests]
    assert world.bound[CN, HOME] == CARE_OF


def test_a_mobile_node_falls_back_to_the_tunnel_on_a_binding_error_and_binds_again() -> None:
    """RFC 6275 section 11.3.6: status 1."""
    world = talking()
    updates = len(world.line.all(MIP6MH_BU))
    world.line.send(packet(CN, OTHER_CARE_OF, MIP6MH_BE(status=1, ha=HOME)), at=1)
    assert len(world.line.all(MIP6MH_BU)) == updates, "one about a superseded binding is ignored"
    world.line.send(packet(CN, CARE_OF, MIP6MH_BE(status=1, ha=HOME)))
    world.line.wait(3)
    assert len(world.line.all(MIP6MH_BU)) > updates
    assert world.talk(1000, b"two") == (b"two", CARE_OF, "straight")


@pytest.mark.parametrize("status", [128, 129, 130, 132, 133, 134])
def test_a_mobile_node_that_is_refused_at_home_sends_nothing_from_there(status: int) -> None:
    """RFC 6275 section 11.7.3: not registered, so there is no road for the home address.

    With 134 it is never tried again (section 11.7.1): the flow gets a further home address instead.
    """
    world = AllOthers()
    world.statuses[HA, HOME] = [status] * 99
    world.line.wait(6)
    assert world.bound == {}
    assert world.node.registered_at_home(Address(HOME)) is None
    world.node.udp(9, (Address(CN), 7)).send(b"x")
    world.line.wait(1)
    assert (HA, HOME) not in world.bound
    assert len(world.got) == (status == 134)


def test_a_mobile_node_does_not_believe_an_acknowledgement_without_proof() -> None:
    """RFC 6275 sections 11.7.3 and 6.2.7."""
    world = AllOthers()
    world.arrive()
    world.statuses[CN, HOME] = [0]
    world.checked = lambda heard: packet(  # type: ignore[method-assign]
        CN, CARE_OF, MIP6MH_BA(seq=heard[MIP6MH_BU].seq, mhtime=50, status=0, flags=0), to_home=HOME
    )
    assert world.talk(1000, b"one") == (b"one", CARE_OF, "tunnel")
    assert world.talk(1000, b"two")[2] == "tunnel"
    assert any("authorization data is wrong" in drop for drop in world.seam.drops)


def test_a_mobile_node_answers_unknown_messages_by_a_binding_error() -> None:
    """RFC 6275 sections 11.2 and 9.2."""
    world = AllOthers()
    world.arrive()
    world.line.send(packet(CN, CARE_OF, MIP6MH_Generic(mhtype=99, msg=bytes(2))))
    (answer,) = world.line.all(MIP6MH_BE)
    assert answer.ends == (CARE_OF, CN) and (answer[MIP6MH_BE].status, answer[MIP6MH_BE].ha) == (2, "::")
