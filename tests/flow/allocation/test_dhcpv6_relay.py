"""The DHCPv6 relay at the home agent: through a mobile node's tunnel and back (RFC 6275 section 10.4.4)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mipflow.flow.allocation.dhcpv6_relay import Dhcpv6Relay
from mipflow.flow.allocation.dhcpv6_server import Dhcpv6Server, Leases
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.wire.address import Address
from mipflow.wire.dhcpv6 import (
    ALL_RELAY_AGENTS_AND_SERVERS,
    ClientIdentifier,
    ClientMessage,
    DhcpOption,
    IdentityAssociation,
    InterfaceIdentifier,
    Kind,
    LeasedAddress,
    RelayForward,
    RelayMessage,
    RelayReply,
    ServerIdentifier,
    decode_dhcpv6,
    encode_dhcpv6,
)
from mipflow.wire.packet import UDP, Packet
from tests.mip6.worlds import S, world
from tests.oracles import tshark_complaints

CLIENT = ClientIdentifier(b"\0\3\0\1\2\0\0\0\0\x10")
SERVER = ServerIdentifier(b"\0\3\0\1\2\0\0\0\0\x99")
LINK_LOCAL = Address("fe80::10")


class Relayed:
    """A mobile node away, its home agent as relay agent, and a server on the home link."""

    def __init__(self, **keywords: object) -> None:
        self.world: World = world(**keywords)
        leases = Leases(SERVER.duid, HOME, 0xD00, size=2, preferred_s=60, valid_s=100)
        self.server = Dhcpv6Server(self.world.network, "DHCP", 5.0, 2.4, leases=leases)
        self.server.settle(self.world.network.segments["home"], 0x99)
        self.ha, self.mn = self.world.ha, self.world.mn
        self.ha.home.relay = Dhcpv6Relay(self.ha, self.server.address)
        self.world.run(4)
        self.answers: list[ClientMessage] = []
        socket = self.mn.udp(546)
        socket.on_datagram = lambda data: self.answers.append(decode_dhcpv6(data))

    def send(self, *options: DhcpOption, kind: int = Kind.SOLICIT, to: Address = ALL_RELAY_AGENTS_AND_SERVERS) -> None:
        """Send a message of the client on the mobile node to its link, which is its tunnel."""
        message = ClientMessage(kind, 0xABCDEF, (CLIENT, *options))
        packet = Packet(LINK_LOCAL, to, UDP(546, 547, encode_dhcpv6(message)))
        self.mn.send_direct(packet, self.mn.mobility.tunnel_road(self.mn.primary_home_address))
        self.world.run(0.5)

    def leased(self) -> str:
        association = self.answers[-1].option(IdentityAssociation)
        assert isinstance(association, IdentityAssociation)
        return str(association.option(LeasedAddress).address)


def test_solicit_advertise_request_reply_renew_and_release_through_the_tunnel() -> None:
    relayed = Relayed()
    relayed.send(IdentityAssociation(1))
    assert [a.type for a in relayed.answers] == [Kind.ADVERTISE] and relayed.leased() == "2001:db8:100::d00"
    relayed.send(SERVER, IdentityAssociation(1), kind=Kind.REQUEST)
    relayed.send(SERVER, IdentityAssociation(1), kind=Kind.RENEW)
    assert [a.type for a in relayed.answers[1:]] == [Kind.REPLY, Kind.REPLY] and relayed.leased() == "2001:db8:100::d00"
    assert len(relayed.server.leases.leases) == 1
    leased = LeasedAddress(Address("2001:db8:100::d00"))
    relayed.send(SERVER, IdentityAssociation(1, options=(leased,)), kind=Kind.RELEASE)
    assert len(relayed.answers) == 4 and not relayed.server.leases.leases
    assert {a.transaction for a in relayed.answers} == {0xABCDEF}


def test_the_relays_message_to_the_server_and_the_way_of_the_answer() -> None:
    """RFC 8415 sections 19.1.1, 19.2: hop count 0, an address of the client's link, its own as peer, the way back."""
    relayed = Relayed()
    relayed.send(IdentityAssociation(1))
    late = [hop for hop in relayed.world.trace if hop.sent_ns >= 4 * S]
    hops = [(hop.channel.sender, hop.channel.receiver, hop.packet) for hop in late]
    ((forward,), (reply,)) = (
        [p for one, other, p in hops if (one, other) == way] for way in (("HA", "DHCP"), ("DHCP", "HA"))
    )
    assert isinstance(forward.payload, UDP) and isinstance(reply.payload, UDP)
    assert (forward.source, forward.destination) == (relayed.ha.home_agent_address, relayed.server.address)
    assert (forward.payload.source_port, forward.payload.destination_port) == (547, 547)
    said = decode_dhcpv6(forward.payload.payload)
    assert isinstance(said, RelayForward)
    assert (said.hop_count, said.link_address, said.peer_address) == (0, relayed.ha.home_agent_address, LINK_LOCAL)
    assert said.option(InterfaceIdentifier).identifier == relayed.mn.primary_home_address.packed
    back = next(p for one, _, p in hops if one == "HA" and isinstance(p.payload, Packet))
    assert (back.source, back.destination) == (relayed.ha.home_agent_address, relayed.mn.care_of_address("wlan0"))
    inner = back.payload
    assert isinstance(inner, Packet) and isinstance(inner.payload, UDP)
    assert (inner.source, inner.destination) == (relayed.ha.home_link.link_local, LINK_LOCAL)
    assert (inner.payload.source_port, inner.payload.destination_port) == (547, 546)


def test_with_the_relay_the_m_and_o_bits_are_set() -> None:
    """Sections 6.8 and 10.4.4; without it they are cleared (test_prefix_advertiser)."""
    relayed = Relayed()
    said = relayed.ha.advertisement(relayed.ha.home_link)
    assert said is not None and said.managed and said.other


def test_the_home_agents_link_local_address_will_do_as_destination() -> None:
    relayed = Relayed()
    relayed.send(IdentityAssociation(1), to=relayed.ha.home_link.link_local)
    assert [a.type for a in relayed.answers] == [Kind.ADVERTISE]


def test_without_a_relay_there_is_no_response() -> None:
    relayed = Relayed()
    relayed.ha.home.relay = None
    relayed.send(IdentityAssociation(1))
    assert relayed.answers == []
    assert any("reverse tunnel" in drop.reason for drop in relayed.world.trace.drops())


def test_only_from_a_registered_care_of_address_and_only_a_clients_message() -> None:
    """Section 10.4.5 holds for these too: the outer source is a registered care-of address."""
    relayed = Relayed()
    care_of = relayed.mn.care_of_address("cell0")
    solicit = encode_dhcpv6(ClientMessage(Kind.SOLICIT, 1, (CLIENT, IdentityAssociation(1))))
    unasked = encode_dhcpv6(RelayReply(0, HOME.network, LINK_LOCAL, (RelayMessage(solicit),)))
    for outer_source, data in ((care_of, solicit), (None, unasked), (None, b"\1"), (None, b"")):
        inner = Packet(LINK_LOCAL, ALL_RELAY_AGENTS_AND_SERVERS, UDP(546, 547, data))
        outer = Packet(outer_source or relayed.mn.care_of_address("wlan0"), relayed.ha.home_agent_address, inner)
        relayed.mn.send_direct(outer)
        relayed.world.run(0.5)
    reasons = [d.reason for d in relayed.world.trace.drops() if d.node == "HA"]
    assert reasons == ["DHCPv6 through a tunnel that is no mobile node's, or not from a client"] * 4
    assert relayed.answers == []


@pytest.mark.parametrize("which", ["stranger", "no way back", "home address unbound", "nothing inside", "octets"])
def test_answers_that_lead_nowhere_are_dropped(which: str) -> None:
    relayed = Relayed()
    way = InterfaceIdentifier(relayed.mn.primary_home_address.packed)
    inside = RelayMessage(encode_dhcpv6(ClientMessage(Kind.REPLY, 1)))
    options: dict[str, tuple[DhcpOption, ...]] = {
        "stranger": (way, inside), "no way back": (inside,), "nothing inside": (way,),
        "home address unbound": (InterfaceIdentifier(HOME.address(0x77).packed), inside), "octets": (way, inside),
    }  # fmt: skip
    data = encode_dhcpv6(RelayReply(0, HOME.network, LINK_LOCAL, options[which]))[: 5 if which == "octets" else None]
    sender = relayed.world.cn2 if which == "stranger" else relayed.server
    sender.transmit(UDP(547, 547, data), sender.address, relayed.ha.home_agent_address)
    relayed.world.run(0.5)
    assert relayed.answers == [] and len([d for d in relayed.world.trace.drops() if d.node == "HA"]) == 1


def test_a_datagram_to_another_port_is_no_affair_of_the_relay() -> None:
    """RFC 4443 section 3.1: nobody listens there."""
    relayed = Relayed()
    relayed.server.transmit(UDP(547, 548, b"?"), relayed.server.address, relayed.ha.home_agent_address)
    relayed.world.run(0.5)
    reasons = [drop.reason for drop in relayed.world.trace.drops() if drop.node == "HA"]
    assert reasons == ["nobody listens on port 548 of HA"]


def test_a_client_on_the_home_link_is_answered_by_the_server_itself_and_not_relayed() -> None:
    """RFC 8415 section 18.3.10; a SOLICIT to a unicast address is discarded (section 16)."""
    relayed = Relayed()
    home = relayed.world.network.segments["home"]
    client = Host(relayed.world.network, "client", 5.0, 1.0)
    interface = client.settle(home, 0x55)
    answers: list[ClientMessage] = []
    client.udp(546).on_datagram = lambda data: answers.append(decode_dhcpv6(data))
    solicit = encode_dhcpv6(ClientMessage(Kind.SOLICIT, 5, (CLIENT, IdentityAssociation(1))))
    for destination in (ALL_RELAY_AGENTS_AND_SERVERS, relayed.server.address):
        client.send_link_local(UDP(546, 547, solicit), interface.link_local, destination, interface)
        relayed.world.run(0.5)
    assert [(answer.type, answer.transaction) for answer in answers] == [(Kind.ADVERTISE, 5)]
    reasons = [(drop.node, drop.reason) for drop in relayed.world.trace.drops()]
    assert reasons == [("DHCP", "DHCPv6, but nothing that a relay agent or client asks this server")]


def test_the_server_answers_relay_agents_and_nothing_that_is_malformed() -> None:
    relayed = Relayed()
    solicit = encode_dhcpv6(ClientMessage(Kind.SOLICIT, 1, (CLIENT, IdentityAssociation(1))))
    twice = encode_dhcpv6(RelayForward(0, HOME.network, LINK_LOCAL, (RelayMessage(solicit[:-1]),)))
    for data in (solicit, twice, b"", b"\x0c"):
        relayed.ha.transmit(UDP(547, 547, data), relayed.ha.home_agent_address, relayed.server.address)
        relayed.world.run(0.1)
    assert len([d for d in relayed.world.trace.drops() if d.node == "DHCP"]) == 4
    assert not relayed.server.leases.leases


def test_tshark_finds_nothing_wrong_and_reads_the_relayed_lease(tmp_path: Path, tshark: str) -> None:
    relayed = Relayed()
    relayed.send(SERVER, IdentityAssociation(1), kind=Kind.REQUEST)
    path = tmp_path / "relay.pcap"
    relayed.world.pcap(path)
    assert tshark_complaints(path, tshark) == []
    asked = [tshark, "-n", "-r", path, "-Y", "dhcpv6.msgtype == 13", "-T", "fields", "-e", "dhcpv6.iaaddr.ip"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2001:db8:100::d00"]
