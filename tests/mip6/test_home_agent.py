"""The home agent: statuses, duplicate address detection, standing in, the tunnel and its check."""

from __future__ import annotations

import pytest

import mipflow as mf
from mipflow.errors import TopologyError
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.mip6.home_agent import HomeAgent, granted
from mipflow.mip6.home_prefixes import HomePrefix
from mipflow.node.host import Host
from mipflow.sim.network import Network
from mipflow.sim.trace import Hop
from mipflow.wire.address import UNSPECIFIED, Address, Prefix
from mipflow.wire.icmpv6 import EchoReply, IcmpError, NeighborAdvertisement, NeighborSolicitation
from mipflow.wire.mobility import AlternateCareOfAddress, BindingAcknowledgement, BindingUpdate, NonceIndices
from mipflow.wire.packet import UDP, DestinationOptions, HomeAddressOption, Packet, RoutingHeaderType2
from tests.mip6.worlds import S, instant, messages, world
from tests.node.nodes import listen

OTHER = HOME.address(0x99)


class Desk:
    """A registered mobile node's home agent, asked by hand from CN2's place."""

    def __init__(self, **keywords: object) -> None:
        self.world: World = world(**keywords)
        self.world.run(5)
        self.ha, self.asker = self.world.ha, self.world.cn2
        self.answers = listen(self.asker, BindingAcknowledgement)
        # The asker is no mobile node: let it accept a type 2 routing header all the same.
        self.asker.mobility.routing_header_type_2 = lambda header, arrival: True  # type: ignore[method-assign]

    def ask(
        self, sequence: int = 1, home: Address | None = OTHER, lifetime_s: int = 40, wait_s: float = 3, **fields: object
    ) -> list[tuple[int, int, int]]:
        """Send a binding update. Return (status, sequence, lifetime in s) of the answers."""
        fields = {"home_registration": True, **fields}
        extensions = () if home is None else (DestinationOptions((HomeAddressOption(home),)),)
        update = BindingUpdate(sequence, lifetime_units=lifetime_s // 4, **fields)  # type: ignore[arg-type]
        before = len(self.answers)
        self.asker.send_direct(Packet(self.asker.address, self.ha.home_agent_address, update, extensions=extensions))
        self.world.run(wait_s)
        return [
            (a.packet.payload.status, a.packet.payload.sequence, 4 * a.packet.payload.lifetime_units)  # type: ignore[attr-defined]
            for a in self.answers[before:]
        ]


def test_a_new_address_takes_the_second_of_detection() -> None:
    desk = Desk()
    start = desk.world.network.clock.now
    assert desk.ask() == [(0, 1, 40)]
    (bound,) = [c for c in desk.world.trace.changes() if c.node == "HA" and c.change.key == str(OTHER)]
    assert S <= bound.t_ns - start < 1.2 * S
    assert desk.ask(2, wait_s=0.2) == [(0, 2, 40)], "one that is bound is answered at once"


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [(15, 135), (0, 135), (32783, 135), (65535, 135), (16, 0), (32782, 0)],
)
def test_the_sequence_window(sequence: int, expected: int) -> None:
    desk = Desk()
    desk.ask(15)
    assert desk.ask(sequence) == [(expected, 15 if expected else sequence, 0 if expected else 40)]


def test_statuses_of_acknowledgements() -> None:
    desk = Desk()
    assert desk.ask(home=Address("2001:db8:a::77"))[0][0] == 132
    assert desk.ask(home=desk.ha.home_agent_address)[0][0] == 132
    assert desk.ask(lifetime_s=0)[0][0] == 133
    desk.ask(5)
    assert desk.ask(6, home_registration=False)[0][0] == 139
    assert desk.ask(7, options=(NonceIndices(1, 1),)) == [], "nonce indices must not be present (section 9.5.1)"
    assert desk.ask(8, acknowledge=False)[0][0] == 0, "the home agent always acknowledges (section 10.3.1)"
    assert desk.ask(9, lifetime_s=0) == [(0, 9, 0)]
    assert OTHER not in desk.ha.bindings


NO_HOME: dict[str, tuple[Address, int | None]] = {
    "the subnet-router anycast address": (HOME.address(0), 132),
    "the home agents anycast address": (HOME.address(0xFDFF_FFFF_FFFF_FFFE), 132),
    "the first reserved anycast address": (HOME.address(0xFDFF_FFFF_FFFF_FF80), 132),
    "the last reserved anycast address": (HOME.address(0xFDFF_FFFF_FFFF_FFFF), 132),
    "the home agent's own": (HOME.address(0x7), 132),
    "that of another router at home": (HOME.address(0x1), 134),
    "one of a visited network": (Address("2001:db8:200::10"), 132),
    "the unspecified address": (UNSPECIFIED, None),
    "a link-local address": (Address("fe80::10"), None),
    "a multicast address": (Address("ff02::1"), None),
}


@pytest.mark.parametrize("what", NO_HOME)
@pytest.mark.parametrize("link_local", [False, True])
def test_what_can_be_no_home_address_is_not_bound(what: str, link_local: bool) -> None:
    """Section 10.3.1: refused, or dropped where no acknowledgement could arrive; no table has changed."""
    home, status = NO_HOME[what]
    desk = Desk(home_router=True)
    segment = desk.world.network.segments["home"]
    assert HOME.address(0x1) in segment.neighbors
    neighbors, changes = dict(segment.neighbors), sum(1 for _ in desk.world.trace.changes())
    expected = [] if status is None else [(status, 9, 0)]
    assert desk.ask(9, home=home, link_local=link_local) == expected
    assert home not in desk.ha.bindings and desk.ha.bindings.entry(home) is None
    assert sum(1 for _ in desk.world.trace.changes()) == changes and segment.neighbors == neighbors
    assert desk.ask(10, home=home, lifetime_s=0) == [(132 if status == 132 else 133, 10, 0)] * (status is not None)


@pytest.mark.parametrize("care_of", [HOME.address(0), HOME.address(0xFDFF_FFFF_FFFF_FFFE), HOME.address(0x7)])
def test_a_care_of_address_that_is_the_home_agent_is_refused(care_of: Address) -> None:
    """A packet that it tunnels there would come round to it."""
    desk = Desk()
    (answer,) = desk.ask(options=(AlternateCareOfAddress(care_of),))
    assert answer[0] == 174 and OTHER not in desk.ha.bindings


def test_an_anycast_address_of_a_further_home_prefix_is_not_bound() -> None:
    desk = Desk()
    further = Prefix.parse("2001:db8:101::/64")
    desk.ha.announce(desk.ha.home_link, further, 3600, 3600)
    assert desk.ask(1, home=further.address(0)) == [(132, 1, 0)]
    assert desk.ask(1, home=further.address(0x99)) == [(0, 1, 40)]


def test_lifetimes_end_by_themselves_and_are_cut() -> None:
    desk = Desk()
    desk.ha.max_lifetime_s = 20
    assert desk.ask(lifetime_s=400, wait_s=5) == [(0, 1, 20)]
    assert OTHER in desk.ha.bindings
    desk.world.run(17)
    assert OTHER not in desk.ha.bindings
    assert desk.ask(1)[0][0] == 0, "after expiry it counts as new: any number, and detection again"
    assert any(d.what == "binding expired" for d in desk.world.trace.decisions())


def test_the_alternate_care_of_address_counts() -> None:
    desk = Desk()
    elsewhere = Address("2001:db8:a::1234")
    desk.ask(options=(AlternateCareOfAddress(elsewhere),))
    binding = desk.ha.bindings.get(OTHER)
    assert binding is not None and binding.care_of_address == elsewhere


def test_an_address_that_a_host_at_home_has_is_refused_with_134() -> None:
    desk = Desk()
    host = Host(desk.world.network, "at home")
    host.settle(desk.world.network.segments["home"], 0x99)
    assert desk.ask() == [(134, 1, 0)]
    assert OTHER not in desk.ha.bindings
    assert desk.world.network.segments["home"].neighbors[OTHER] is host.interfaces["eth0"]


def test_updates_during_the_detection_are_answered_once_with_the_newest() -> None:
    desk = Desk()
    desk.ask(1, wait_s=0.2)
    desk.ask(2, wait_s=0.2)
    assert desk.ask(3) == [(0, 3, 40)]


def test_it_answers_for_bound_addresses_on_the_home_link_and_no_longer() -> None:
    desk = Desk()
    host = Host(desk.world.network, "neighbor")
    host.settle(desk.world.network.segments["home"], 0x55)
    seen = listen(host, NeighborAdvertisement)
    desk.ask()
    assert [a.packet.payload.target for a in seen] == [OTHER]  # type: ignore[attr-defined]
    desk.world.mn.open(desk.world.cn1, mf.apps.Voice())
    said: list[bool] = []
    host.neighbor.detect_duplicate(OTHER, host.interfaces["eth0"], said.append)
    desk.world.run(2)
    assert said == [False], "the home agent defends it"
    desk.ask(2, lifetime_s=0)
    host.neighbor.detect_duplicate(OTHER, host.interfaces["eth0"], said.append)
    desk.world.run(2)
    assert said == [False, True]


# --- the tunnel ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["home", "cn1"])
def test_what_a_neighbor_at_home_or_anybody_sends_to_a_bound_address_is_intercepted(where: str) -> None:
    """On the home link itself nobody but the home agent takes it, while the binding stands and no longer."""
    desk = Desk()
    made, network = desk.world, desk.world.network
    sender = Host(network, "neighbor")
    sender.settle(network.segments[where], 0x55)
    seen = listen(made.mn, UDP)
    first, start = Packet(sender.address, made.mn.primary_home_address, UDP(7, 8, b"hello")), network.clock.now
    sender.send(first)
    made.run(1)
    (arrival,) = seen
    assert arrival.tunnel is not None and arrival.tunnel.destination == made.mn.care_of_address("wlan0")
    (taken,) = [
        hop for hop in made.trace
        if hop.sent_ns >= start and hop.channel.segment == "home" and isinstance(hop.packet.payload, UDP)
    ] if where == "home" else [None]  # fmt: skip
    assert taken is None or (taken.channel.sender, taken.channel.receiver) == ("neighbor", "HA")
    made.mn.registrar.deregister(made.mn.home_agent, made.mn.primary_home_address)
    made.run(3)
    assert made.mn.primary_home_address not in made.ha.bindings
    sender.send(Packet(sender.address, made.mn.primary_home_address, UDP(7, 8, b"again")))
    made.run(1)
    assert len(seen) == 1


def test_what_comes_for_a_bound_address_is_tunnelled_whole() -> None:
    made = world()
    made.run(5)
    seen = listen(made.mn, UDP)
    made.cn1.send(Packet(made.cn1.address, made.mn.primary_home_address, UDP(7, 8, b"hello"), hop_limit=20))
    made.run(1)
    (arrival,) = seen
    assert arrival.tunnel is not None
    assert (arrival.tunnel.source, arrival.tunnel.destination) == (made.mn.home_agent, made.mn.care_of_address("wlan0"))
    assert arrival.packet.hop_limit == 18, "the tunnel is one hop for the packet inside (RFC 2473 section 3.1)"


def test_the_reverse_tunnel_is_for_the_registered_care_of_address_of_that_home_address() -> None:
    made = world()
    made.run(5)
    got = listen(made.cn1, UDP)
    home, good, bad = made.mn.primary_home_address, made.mn.care_of_address("wlan0"), made.mn.care_of_address("cell0")
    for source, inner_source in ((good, home), (bad, home), (good, HOME.address(0x77))):
        inner = Packet(inner_source, made.cn1.address, UDP(7, 8, b"x"), label=4)
        outer = Packet(source, made.mn.home_agent, inner, label=4)
        road = made.mn.direct_road(source, made.mn.home_agent)
        assert road is not None
        road.send(outer)
    made.run(1)
    assert [arrival.source for arrival in got] == [home]
    reasons = [d.reason for d in made.trace.drops() if d.node == "HA"]
    assert reasons == ["reverse tunnel from an address that is not the registered care-of address"] * 2
    assert made.network.meters[4].lost == 2


def test_the_way_beyond_the_tunnel_may_be_narrow_too() -> None:
    links = instant() | {"cn1": mf.Link(delay_ms=5, rate_bps=None, mtu=1300)}
    made = world(links=links, mode="tunnel")
    made.run(5)
    got = listen(made.cn1, UDP)
    socket = made.mn.udp(5000, (made.cn1.address, 9))
    for _ in range(4):
        socket.send(bytes(1300))
        made.run(1)
    assert len(got) >= 2


def test_a_home_agent_without_a_home_says_so() -> None:
    agent = HomeAgent(Network(), "HA")
    with pytest.raises(TopologyError, match="HA serves no home link yet"):
        agent.home_agent_address  # noqa: B018


def test_a_home_agent_answers_echo_requests_like_any_router() -> None:
    made = world()
    made.run(5)
    replies: list[int] = []
    socket = made.mn.echo(9, made.ha.home_agent_address)
    socket.on_reply = lambda number, data: replies.append(number)
    socket.send(4, b"")
    made.run(3)
    assert replies == [4]
    assert messages(made, "HA")


# --- the checks of sections 9.5.1, 10.3.1 and 10.3.2 -----------------------------------------------------------------


def test_a_registration_without_a_home_address_option_is_dropped_without_a_word() -> None:
    """Section 10.3.1: the option "MUST be present in the message"."""
    desk = Desk()
    assert desk.ask(home=None) == [] and desk.asker.address not in desk.ha.bindings


def test_an_update_that_is_no_home_registration_is_for_correspondents() -> None:
    """Section 9.5.1: without H it needs nonces, and a home agent gives none; with a binding the answer is 139."""
    desk = Desk()
    assert desk.ask(home_registration=False) == [] and OTHER not in desk.ha.bindings
    desk.ask(5)
    before = desk.ha.bindings.get(OTHER)
    assert desk.ask(6, home_registration=False) == [(139, 6, 0)] and desk.ha.bindings.get(OTHER) == before


@pytest.mark.parametrize(
    "care_of", [HOME.address(0x99), HOME.address(0x7), HOME.address(0x55)], ids=["itself", "the agent", "another's"]
)
def test_174_for_a_care_of_address_that_leads_back_here(care_of: Address) -> None:
    """Section 6.1.8. A tunnel to the home address, to the home agent or to another bound address would be a circle."""
    desk = Desk()
    desk.ask(home=HOME.address(0x55))
    assert desk.ask(options=(AlternateCareOfAddress(care_of),)) == [(174, 1, 0)]
    assert OTHER not in desk.ha.bindings


def test_130_where_there_is_no_room_and_no_home_registration_gives_way() -> None:
    """Section 10.3.1: "MUST be excluded from the normal cache replacement policy"."""
    desk = Desk()
    desk.ha.bindings.max_bindings = len(desk.ha.bindings)
    before = list(desk.ha.bindings)
    assert desk.ask() == [(130, 1, 0)] and list(desk.ha.bindings) == before
    assert not any(isinstance(h.packet.payload, NeighborSolicitation) for h in hops(desk, "HA")), "nothing is probed"


def test_129_for_a_home_address_that_is_not_to_be_served() -> None:
    desk = Desk()
    desk.ha.prohibited.add(OTHER)
    assert desk.ask() == [(129, 1, 0)]


def hops(desk: Desk, sender: str, since_s: float = 5.0) -> list[Hop]:
    return [hop for hop in desk.world.trace if hop.channel.sender == sender and hop.sent_ns >= since_s * S]


def test_during_the_detection_the_newest_update_counts_and_older_ones_are_told_so() -> None:
    desk = Desk()
    assert desk.ask(5, wait_s=0.2) == []
    assert desk.ask(4, wait_s=0.2) == [(135, 5, 0)]
    assert desk.ask(6) == [(0, 6, 40)]


def test_what_is_given_up_during_the_detection_is_not_bound() -> None:
    """Section 10.3.2: there is no home registration yet, so 133."""
    desk = Desk()
    desk.ask(1, wait_s=0.3)
    assert desk.ask(2, lifetime_s=0) == [(133, 2, 0)]
    assert OTHER not in desk.ha.bindings
    assert desk.ask(1) == [(135, 2, 0)], "an update that was overtaken"
    desk.world.run(10)
    assert desk.ask(1) == [(0, 1, 40)], "no older one can come any more: its number is forgotten"


# --- lifetimes and the prefix (section 10.3.1) -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_s", "most_s", "valid_s", "preferred_s", "granted_s", "status"),
    [
        (400, 3600, 10_000, 10_000, 400, 0), (4000, 3600, 10_000, 10_000, 3600, 0),
        (400, 3600, 200, 100, 200, 1),  # cut to what is left of the prefix, which then ends
        (400, 3600, 400, 400, 400, 1),  # becomes invalid at the end of the lifetime
        (400, 3600, 404, 404, 400, 0), (400, 3600, 403, 403, 400, 1),  # in units of four seconds: 403 is 400
        (400, 3600, 10_000, 0, 400, 1),  # deprecated already; the preferred lifetime cuts nothing
        (400, 3600, 10_000, 399, 400, 1),  # becomes deprecated during the lifetime
        (400, 3600, 10_000, 400, 400, 0), (400, 3600, 3, 3, 0, 1),
    ],
)  # fmt: skip
def test_the_lifetime_and_its_status_by_the_words_of_section_10_3_1(
    asked_s: int, most_s: int, valid_s: int, preferred_s: int, granted_s: int, status: int
) -> None:
    assert granted(asked_s // 4, most_s, valid_s, preferred_s) == (granted_s // 4, status)


def ends(desk: Desk, valid_s: int, preferred_s: int) -> None:
    """Set the lifetimes that the home prefix has left from now on."""
    prefix = desk.ha.home.prefix
    now = desk.world.network.clock.now
    desk.ha.home.prefixes.put(HomePrefix(prefix, desk.ha.home_agent_address, valid_s, preferred_s, now))


def test_a_binding_gets_no_more_than_is_left_of_its_prefix() -> None:
    desk = Desk()
    ends(desk, 102, 50)
    assert desk.ask(lifetime_s=400, wait_s=1.5) == [(1, 1, 100)], "one second of it went by with the detection"
    desk.world.run(100)
    assert OTHER not in desk.ha.bindings, "with the prefix the binding goes"
    assert desk.ask(2) == [(132, 2, 0)], "its subnet is none of the home link's any more"


@pytest.mark.parametrize("valid_s", [9, 10, 11, 12, 13, 101, 399, 401, 403])
def test_no_acknowledgement_grants_more_than_is_left_of_the_prefix_when_it_is_sent(valid_s: int) -> None:
    """Neither the first one, after duplicate address detection, nor one of a refresh; and none much less."""
    desk = Desk()
    start = desk.world.network.clock.now
    desk.ha.announce(desk.ha.home_link, desk.ha.home.prefix, valid_s, 0)
    for sequence in (1, 2):
        ((status, _, granted_s),) = desk.ask(sequence, lifetime_s=400)
        said = max(h.sent_ns for h in desk.world.trace if isinstance(h.packet.payload, BindingAcknowledgement))
        left_s = valid_s - (said - start) / S
        assert status in (0, 1) and min(400, left_s) - 5 < granted_s <= left_s


def test_bindings_are_cut_when_their_prefix_is_given_less_time() -> None:
    """Section 10.3.1: "MUST remove a binding when the valid lifetime of the prefix associated with it expires"."""
    desk = Desk()
    desk.ask(lifetime_s=400)
    desk.ha.announce(desk.ha.home_link, desk.ha.home.prefix, 20, 0)
    desk.world.run(19)
    assert OTHER in desk.ha.bindings
    desk.world.run(2)
    assert len(desk.ha.bindings) == 0 and desk.world.network.segments["home"].neighbors.get(OTHER) is None


def test_a_prefix_that_ends_during_the_detection_refuses_the_update() -> None:
    desk = Desk()
    ends(desk, 4, 4)
    assert desk.ask(lifetime_s=400) == [(132, 1, 0)] and desk.ha.bindings.entry(OTHER) is None


def test_refresh_advice_is_shorter_than_the_lifetime_or_left_away() -> None:
    """Sections 6.2.4, 10.3.1 and 10.3.2; the registration is kept for its lifetime all the same."""
    desk = Desk()
    desk.ha.refresh_advice_s = 20
    for sequence, lifetime_s in ((1, 40), (2, 24), (3, 20), (4, 0)):
        desk.ask(sequence, lifetime_s=lifetime_s, wait_s=1.5)
    options = [[str(o) for o in a.packet.payload.options] for a in desk.answers]  # type: ignore[attr-defined]
    assert options == [["BindingRefreshAdvice(interval_units=5)"]] * 2 + [[], []]
    desk.ask(16, lifetime_s=40)
    desk.world.run(30)
    assert OTHER in desk.ha.bindings, "though it was not refreshed after 20 s"


def test_k_is_cleared_where_keys_are_not_made_by_an_exchange_that_survives_movements() -> None:
    """Section 10.3.1."""
    desk = Desk()
    for sequence, lifetime_s in ((1, 40), (2, 0)):
        desk.ask(sequence, lifetime_s=lifetime_s, key_management=True)
    assert [a.packet.payload.key_management for a in desk.answers] == [False, False]  # type: ignore[attr-defined]


# --- de-registration (section 10.3.2) --------------------------------------------------------------------------------


def test_a_delayed_update_does_not_undo_a_de_registration_for_ten_seconds() -> None:
    desk = Desk()
    desk.ask(7)
    assert desk.ask(8, lifetime_s=0, wait_s=0.2) == [(0, 8, 0)]
    assert OTHER not in desk.ha.bindings and OTHER not in desk.world.network.segments["home"].neighbors, "at once"
    assert desk.ask(7, wait_s=9) == [(135, 8, 0)]
    assert desk.ask(7, wait_s=0.5) == [(135, 8, 0)]
    desk.world.run(0.5)
    assert desk.ask(7) == [(0, 7, 40)], "after MAX_DELETE_BCE_TIMEOUT it is forgotten"


def test_a_de_registration_that_is_repeated_is_answered_again() -> None:
    """The acknowledgement may have been lost; a retransmission has a new number (section 11.8)."""
    desk = Desk()
    desk.ask(7)
    assert [desk.ask(number, lifetime_s=0, wait_s=3)[0] for number in (8, 9)] == [(0, 8, 0), (0, 9, 0)]
    desk.world.run(10)
    assert desk.ask(10, lifetime_s=0) == [(133, 10, 0)]


def test_a_newer_update_within_the_ten_seconds_is_probed_for_like_a_new_one() -> None:
    desk = Desk()
    desk.ask(7)
    desk.ask(8, lifetime_s=0, wait_s=0.2)
    start = desk.world.network.clock.now
    assert desk.ask(9) == [(0, 9, 40)]
    (bound,) = [
        c for c in desk.world.trace.changes()
        if c.node == "HA" and c.change.key == str(OTHER) and c.t_ns > start and c.change.after
    ]  # fmt: skip
    assert bound.t_ns - start >= S


# --- standing in (sections 10.4.1 and 10.4.2) ------------------------------------------------------------------------

LINK_LOCAL = Address("fe80::99")


class HomeLink(Desk):
    """A home agent, and a host on the home link that hears what is said there."""

    def __init__(self) -> None:
        super().__init__()
        self.host = Host(self.world.network, "neighbor")
        self.host.settle(self.world.network.segments["home"], 0x55)
        self.advertised = listen(self.host, NeighborAdvertisement)

    def told(self) -> list[tuple[Address, str, str]]:
        """Return target, flags and destination of each neighbor advertisement that was heard."""
        flags = [
            "".join(letter for letter, is_set in zip("RSO", (m.router, m.solicited, m.override), strict=True) if is_set)
            for m in (a.packet.payload for a in self.advertised) if isinstance(m, NeighborAdvertisement)
        ]  # fmt: skip
        return [
            (a.packet.payload.target, f, str(a.packet.destination)) for a, f in zip(self.advertised, flags, strict=True)  # type: ignore[attr-defined]
        ]


def test_at_registration_it_advertises_with_override_and_neither_router_nor_solicited() -> None:
    """Section 10.4.1, to all nodes, from the home agent's own address on that link."""
    desk = HomeLink()
    desk.ask()
    assert desk.told() == [(OTHER, "O", "ff02::1")]
    assert desk.advertised[0].packet.source == desk.ha.home_link.link_local
    desk.ask(2)
    assert len(desk.advertised) == 1, "a refresh changes nothing at home"


def test_it_answers_solicitations_for_what_it_stands_in_for_without_the_router_bit() -> None:
    """Section 10.4.1; a solicitation from :: is a probe, and answered to all nodes (RFC 4861 section 7.2.4)."""
    desk = HomeLink()
    desk.ask()
    desk.advertised.clear()
    interface = desk.host.interfaces["eth0"]
    for source in (interface.link_local, UNSPECIFIED):
        desk.host.send_link_local(NeighborSolicitation(OTHER), source, OTHER.solicited_node(), interface)
        desk.world.run(0.1)
    assert [(target, flags.replace("O", ""), to) for target, flags, to in desk.told()] == [
        (OTHER, "S", str(interface.link_local)), (OTHER, "", "ff02::1"),
    ]  # fmt: skip


def test_with_l_the_link_local_address_is_probed_advertised_and_defended_too() -> None:
    """Section 10.3.1, "L=1"; section 10.4.1: "MUST do the same for the link-local address"."""
    desk = HomeLink()
    desk.ask(link_local=True)
    probed = [h.packet.payload.target for h in hops(desk, "HA") if isinstance(h.packet.payload, NeighborSolicitation)]
    assert set(probed) == {OTHER, LINK_LOCAL}
    assert desk.told() == [(OTHER, "O", "ff02::1"), (LINK_LOCAL, "O", "ff02::1")]
    said: list[bool] = []
    desk.host.neighbor.detect_duplicate(LINK_LOCAL, desk.host.interfaces["eth0"], said.append)
    desk.world.run(2)
    assert said == [False]
    desk.ask(2, lifetime_s=0)
    assert LINK_LOCAL not in desk.world.network.segments["home"].neighbors


def test_without_l_no_link_local_address_is_derived() -> None:
    """Section 10.3.1, "L=0"."""
    desk = HomeLink()
    desk.ask()
    assert LINK_LOCAL not in desk.world.network.segments["home"].neighbors


@pytest.mark.parametrize("taken", ["home address", "link-local address"])
def test_134_if_either_of_the_two_addresses_is_taken(taken: str) -> None:
    desk = Desk()
    host = Host(desk.world.network, "at home")
    interface = host.add_interface("eth0", 0x99 if taken == "link-local address" else 0x98)
    interface.join(desk.world.network.segments["home"])
    if taken == "home address":
        interface.add_address(OTHER)
    assert desk.ask(link_local=True) == [(134, 1, 0)]
    assert desk.ha.bindings.entry(OTHER) is None
    assert desk.world.network.segments["home"].neighbors.get(LINK_LOCAL) is not desk.ha.home_link


def test_packets_for_a_link_local_address_are_not_tunnelled_but_told_of() -> None:
    """Section 10.4.2: discarded, with destination unreachable, code 3, to their source."""
    desk = HomeLink()
    desk.ask(link_local=True)
    errors, before = listen(desk.host, IcmpError), len(desk.world.trace)
    interface = desk.host.interfaces["eth0"]
    for source in (interface.link_local, desk.host.address):
        desk.host.send_link_local(UDP(5, 9, b"x"), source, LINK_LOCAL, interface)
    desk.world.run(1)
    assert [(a.packet.payload.type, a.packet.payload.code, a.packet.destination) for a in errors] == [  # type: ignore[attr-defined]
        (1, 3, interface.link_local), (1, 3, desk.host.address),
    ]  # fmt: skip
    assert not any(isinstance(hop.packet.payload, Packet) for hop in list(desk.world.trace)[before:])


def test_its_own_packets_to_a_mobile_node_go_behind_a_routing_header() -> None:
    """Section 10.4.2: as original sender the home agent is a correspondent node (section 9.3.2)."""
    made = world()
    made.run(5)
    seen, home = listen(made.mn, EchoReply), made.mn.primary_home_address
    made.ha.transmit(EchoReply(1, 2), made.ha.home_agent_address, home)
    made.run(1)
    (arrival,) = seen
    assert arrival.tunnel is None and arrival.packet.extensions == (RoutingHeaderType2(home),)
    assert (arrival.packet.destination, arrival.destination) == (made.mn.care_of_address("wlan0"), home)


@pytest.mark.parametrize("inner", ["ff02::1", "ff0e::1", "fe80::7"])
def test_only_unicast_leaves_the_reverse_tunnel(inner: str) -> None:
    """Section 10.4.3: without group membership such messages are silently ignored; neighbor discovery has no place."""
    made = world()
    made.run(5)
    care_of, home = made.mn.care_of_address("wlan0"), made.mn.primary_home_address
    advertisement = NeighborAdvertisement(made.ha.home_agent_address)
    road = made.mn.direct_road(care_of, made.mn.home_agent)
    assert road is not None
    before = len(made.trace)
    road.send(Packet(care_of, made.mn.home_agent, Packet(home, Address(inner), advertisement, hop_limit=255)))
    made.run(1)
    assert [d.node for d in made.trace.drops()] == ["HA"]
    assert not any(hop.channel.sender == "HA" for hop in list(made.trace)[before:])


# --- a mobile node that is at home -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("sequence", "status"), [(5, 135), (9, 0)])
def test_a_mobile_node_at_home_hears_the_answer_at_its_own_interface(sequence: int, status: int) -> None:
    """Section 10.3.2: a refusal too goes to the mobile node's own interface on the home link; no routing header."""
    desk = HomeLink()
    desk.ask(7)
    interface = desk.host.interfaces["eth0"]
    interface.addresses.append(OTHER)  # as a node has it that has just come home: others still turn to the home agent
    desk.host.addresses[OTHER] = interface
    answers = listen(desk.host, BindingAcknowledgement)
    update = BindingUpdate(sequence, home_registration=True)
    desk.host.interfaces["eth0"].channel_to(desk.ha.home_agent_address).send(  # type: ignore[union-attr]
        Packet(OTHER, desk.ha.home_agent_address, update)
    )
    desk.world.run(1)
    (answer,) = answers
    assert (answer.packet.destination, answer.packet.extensions) == (OTHER, ())
    assert answer.packet.payload.status == status  # type: ignore[attr-defined]
    assert (OTHER in desk.ha.bindings) is (status == 135)
