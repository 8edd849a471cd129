"""Moving and returning home (RFC 6275 sections 11.5.1 to 11.5.5), checked by the octets that are sent on the way."""

from __future__ import annotations

import struct

import mipflow as mf
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.node.router import Router
from mipflow.wire.address import Address, Prefix
from mipflow.wire.codec import decode, encode
from mipflow.wire.packet import UDP, Packet
from tests.mip6.headers import BU, ICMPV6, MOBILITY, Part, chain, ipv6, packet
from tests.mip6.worlds import dropper, world
from tests.node.nodes import listen

CALL = mf.apps.Voice(interval_ms=20, payload_bytes=40)
SOLICITATION, ADVERTISEMENT = 135, 136
LINK_LAYER = bytes([2, 1, 2, 0, 0, 0, 0, 0x10])
"""Target link-layer address option of the mobile node's interface."""


class Homeward:
    """A mobile node with a call to CN1, registered from wlan0, that goes to its home link with that interface."""

    def __init__(self, **keywords: object) -> None:
        self.world: World = world(**keywords)
        self.host = Host(self.world.network, "neighbor")
        self.host.settle(self.world.network.segments["home"], 0x55)
        self.flow = self.world.mn.open(self.world.cn1, CALL)
        self.world.run(5)
        self.mn, self.ha = self.world.mn, self.world.ha
        self.home, self.agent = self.mn.primary_home_address.packed, self.mn.home_agent.packed

    def go(self, seconds: float = 4) -> None:
        self.start_ns = self.world.network.clock.now
        self.mn.visit("wlan0", self.world.network.segments["home"])
        self.world.run(seconds)

    def said(self, node: str = "MN") -> list[tuple[int, list[Part]]]:
        """Return (time, headers) of each packet that a node put on the home link since it came there."""
        seen: dict[bytes, int] = {}
        for hop in self.world.trace:
            if hop.sent_ns >= self.start_ns and (hop.channel.sender, hop.channel.segment) == (node, "home"):
                seen.setdefault(struct.pack("!Q", hop.sent_ns) + encode(hop.packet), hop.sent_ns)
        return [(t_ns, chain(octets[8:])) for octets, t_ns in seen.items()]

    def updates(self) -> list[tuple[int, list[Part]]]:
        return [(t, p) for t, p in self.said() if p[-1].number == MOBILITY and p[-1].octets[2] == BU]

    def update_to_agent(self) -> tuple[int, list[Part]]:
        return next((t, p) for t, p in self.updates() if p[0].octets[24:40] == self.agent)

    def acknowledged_ns(self) -> int:
        """Return when the home agent's acknowledgement arrived."""
        return next(
            hop.arrived_ns for hop in self.world.trace
            if hop.sent_ns >= self.start_ns and (hop.channel.sender, hop.channel.receiver) == ("HA", "MN")
            and chain(encode(hop.packet))[-1].octets[:3:2] == b"\x3b\x06"
        )  # fmt: skip

    def discovery(self, kind: int) -> list[tuple[int, bytes, bytes, bytes]]:
        """Return (time, source, destination, message) of the mobile node's neighbor solicitations or advertisements."""
        return [
            (t, p[0].octets[8:24], p[0].octets[24:40], p[-1].octets) for t, p in self.said()
            if p[-1].number == ICMPV6 and p[-1].octets[0] == kind
        ]  # fmt: skip


def test_the_home_agent_is_told_from_the_home_address_and_stands_in_no_longer() -> None:
    homeward = Homeward()
    homeward.go()
    _, parts = homeward.update_to_agent()
    ip, message = parts[0].octets, parts[-1].octets
    assert ip[8:24] == homeward.home and [part.number for part in parts] == [41, MOBILITY], "no Home Address option"
    assert message[8] & 0xC0 == 0xC0 and message[10:12] == b"\0\0", "A, H, lifetime 0"
    assert message[14:16] == b"\x03\x10" and message[16:32] == homeward.home, "the care-of address is the home address"
    assert len(homeward.ha.bindings) == 0
    lost = homeward.flow.stats.up.lost, homeward.flow.stats.down.lost
    homeward.world.run(5)
    assert (homeward.flow.stats.up.lost, homeward.flow.stats.down.lost) == lost, "the call goes on at home"
    assert len(homeward.world.cn1.bindings) == 0


def test_before_the_update_nothing_leaves_from_the_home_address() -> None:
    homeward = Homeward()
    homeward.go()
    told_ns, _ = homeward.update_to_agent()
    from_home = [t for t, parts in homeward.said() if parts[0].octets[8:24] == homeward.home]
    assert min(from_home) == told_ns and len(from_home) > 50


def test_before_the_update_nothing_is_received_at_the_home_address_from_the_home_link() -> None:
    """A neighbor at home sends all the while: the home agent takes it until it is told, then the mobile node does."""
    homeward = Homeward(link_hints=False, advertisements=(1, 3))
    homeward.go(0)
    heard = listen(homeward.mn, UDP)
    for number in range(600):
        neighbor = homeward.host
        neighbor.send(Packet(neighbor.address, homeward.mn.primary_home_address, UDP(7, 8, number.to_bytes(2, "big"))))
        homeward.world.run(0.01)
    told_ns, _ = homeward.update_to_agent()
    hops = [h for h in homeward.world.trace if h.channel.sender == "neighbor" and isinstance(h.packet.payload, UDP)]
    early = [hop for hop in hops if hop.arrived_ns < told_ns]
    assert len(early) > 10 and {hop.channel.receiver for hop in early} == {"HA"}
    direct = [hop.arrived_ns for hop in hops if hop.channel.receiver == "MN"]
    received = [a for a in heard if a.tunnel is None and a.packet.source == homeward.host.address]
    assert len(received) == len(direct) > 10 and min(direct) > told_ns


def test_no_detection_and_no_address_resolution_while_the_home_agent_defends_the_address() -> None:
    homeward = Homeward()
    homeward.go()
    assert homeward.discovery(SOLICITATION) == []


def test_with_no_binding_left_the_home_address_is_probed_for() -> None:
    homeward = Homeward(home_lifetime_s=20)
    homeward.world.network.segments["wlan0"].set_up(False)
    homeward.world.network.segments["cell0"].set_up(False)
    homeward.world.run(75)
    assert len(homeward.ha.bindings) == 0, "and the last update that could have renewed it left more than 20 s ago"
    homeward.go(6)
    probes = [(s, message[8:24]) for _, s, _, message in homeward.discovery(SOLICITATION)]
    assert (bytes(16), homeward.home) in probes and homeward.updates() == []
    assert homeward.mn.primary_home_address in homeward.mn.addresses and len(homeward.mn.binding_updates) == 0


def test_after_the_update_it_answers_for_its_home_address_by_unicast() -> None:
    """Before the acknowledgement, which is kept back here: the home agent may be asking in order to send it."""
    homeward = Homeward()
    dropper(homeward.world, "home", lambda m: m.name == "BA")
    homeward.go(3)
    before = homeward.world.network.clock.now
    asker = homeward.host.interfaces["eth0"].link_local.packed
    question = bytes([SOLICITATION, 0, 0, 0]) + bytes(4) + homeward.home
    group = homeward.mn.primary_home_address.solicited_node().packed
    octets = packet(asker, group, question, next_header=ICMPV6)
    homeward.mn.receive(decode(octets[:7] + b"\xff" + octets[8:]), homeward.mn.interfaces["wlan0"])
    homeward.world.run(0.01)
    ((_, _, to, message),) = [each for each in homeward.discovery(ADVERTISEMENT) if each[0] >= before]
    assert to == asker and message[8:24] == homeward.home and message[4] & 0x40, "solicited"
    assert message[24:] == LINK_LAYER


def test_after_the_acknowledgement_it_announces_each_of_its_addresses_to_all_nodes() -> None:
    homeward = Homeward()
    second = homeward.mn.open(homeward.world.cn1, CALL)
    homeward.world.run(5)
    assert second.home_address is not None
    homeward.go(6)
    acknowledged_ns = homeward.acknowledged_ns()
    told = {}
    for t_ns, _, to, message in homeward.discovery(ADVERTISEMENT):
        assert t_ns >= acknowledged_ns and to == Address("ff02::1").packed
        assert message[4] & 0xE0 == 0x20, "O, neither R nor S"
        assert message[24:] == LINK_LAYER
        told[message[8:24]] = t_ns
    link_local = homeward.mn.interfaces["wlan0"].link_local.packed
    assert set(told) == {homeward.home, second.home_address.packed, link_local}


def test_connections_begun_at_home_keep_their_address() -> None:
    """Section 11.3.1: what was opened at home goes on from abroad, with the home address."""
    homeward = Homeward()
    homeward.go()
    transfer = homeward.mn.open(homeward.world.cn2, mf.apps.FileTransfer(size=30_000_000))
    homeward.world.run(2)  # a further home address is probed for at home, too
    home = transfer.home_address
    assert home in homeward.mn.addresses, "it is an address of the interface on the home link"
    before = transfer.stats.up.received + transfer.stats.down.received
    homeward.mn.visit("wlan0", homeward.world.network.segments["wlan0"])
    homeward.world.run(20)
    assert transfer.home_address == home and home in homeward.ha.bindings
    assert transfer.stats.up.received + transfer.stats.down.received > before + 100


def test_the_previous_care_of_address_still_receives() -> None:
    """Section 11.5.4: registered elsewhere, what comes to the care-of address before is taken all the same."""
    made = world()
    made.run(5)
    old, home = made.mn.care_of_address("wlan0"), made.mn.primary_home_address
    made.mn.registrar.register_home(home, made.mn.care_of_address("cell0"))
    made.run(2)
    assert made.mn.registered_at_home(home) == made.mn.care_of_address("cell0")
    got: list[bytes] = []
    made.mn.udp(77).on_datagram = got.append
    datagram = struct.pack("!HHHH", 5, 77, 9, 0) + b"x"
    plain = packet(made.cn1.address.packed, home.packed, datagram, next_header=17)
    for octets in (
        packet(made.cn1.address.packed, old.packed, datagram, routing=home.packed, next_header=17),
        ipv6(made.mn.home_agent.packed, old.packed, 41, plain),
    ):
        made.mn.receive(decode(octets), made.mn.interfaces["wlan0"])
    assert got == [b"x", b"x"]


# --- movement (sections 11.5.1, 11.5.3, 11.5.4) ----------------------------------------------------------------------

NEW = Prefix.parse("2001:db8:201::/64")


def access_router(made: World, segment: str) -> Router:
    """Return the router of an access network."""
    return next(port.node for port in made.network.segments[segment].ports if port.owner.startswith("AR"))  # type: ignore[attr-defined]


def bound_to(made: World) -> Address:
    binding = made.ha.bindings.get(made.mn.primary_home_address)
    assert binding is not None
    return binding.care_of_address


def test_without_link_layer_events_movement_is_noticed_by_advertisements() -> None:
    """Sections 7.5, 11.5.1, 11.5.3, 11.5.4: in about two seconds, of which one is duplicate address detection."""
    made = world(advertisements=(0.03, 0.07), link_hints=False)
    made.mn.open(made.cn1, CALL)
    made.run(5)
    old = bound_to(made)
    made.mn.interface("cell0").leave()
    moved_s = made.now
    made.mn.visit("wlan0", made.network.segments["cell0"])
    made.run(8)
    new = bound_to(made)
    prefixes = [made.network.prefix_of(made.network.segments[name]) for name in ("wlan0", "cell0")]
    assert [address in prefix for address, prefix in zip((old, new), prefixes, strict=True)] == [True, True]  # type: ignore[operator]
    registered_s = next(
        change.t_ns / 1e9 for change in made.trace.changes()
        if change.node == "HA" and change.t_ns > moved_s * 1e9 and change.change.after
        and change.change.after["care_of_address"] == str(new)
    )  # fmt: skip
    assert registered_s - moved_s < 2.5
    assert old not in made.mn.addresses, "what came from the router that is out of reach is given up"
    assert [binding.care_of_address for binding in made.cn1.bindings] == [new]


def test_from_a_deprecated_care_of_address_it_goes_to_one_that_is_preferred() -> None:
    """Sections 11.5.3, 11.5.4: of the prefixes that the current default router advertises."""
    made = world(advertisements=(1.0, 3.0))
    made.run(5)
    old, router = bound_to(made), access_router(made, "wlan0")
    interface = next(i for i in router.interfaces.values() if i.segment is made.network.segments["wlan0"])
    router.announce(interface, NEW, 3600, 1800)
    made.run(5)
    assert bound_to(made) == old, "while it is preferred it stays"
    prefix = made.network.prefix_of(made.network.segments["wlan0"])
    assert prefix is not None
    router.announce(interface, prefix, 7200, 0)
    made.run(8)
    assert bound_to(made) in NEW and old in made.mn.addresses, "and still receives at the old one"
