"""The home agent: statuses, duplicate address detection, standing in, the tunnel and its check."""

from __future__ import annotations

import pytest

import mipflow as mf
from mipflow.errors import TopologyError
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.mip6.home_agent import HomeAgent
from mipflow.node.host import Host
from mipflow.sim.network import Network
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import NeighborAdvertisement
from mipflow.wire.mobility import AlternateCareOfAddress, BindingAcknowledgement, BindingUpdate, NonceIndices
from mipflow.wire.packet import UDP, DestinationOptions, HomeAddressOption, Packet
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
        self.asker.routing_header_type_2 = lambda header, arrival: True  # type: ignore[method-assign]

    def ask(
        self, sequence: int = 1, home: Address | None = OTHER, lifetime_s: int = 40, wait_s: float = 3, **fields: object
    ) -> list[tuple[int, int, int]]:
        """Send a binding update; (status, sequence, lifetime in s) of what is answered."""
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


def test_statuses() -> None:
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


def test_a_tunnel_that_is_too_narrow_is_reported_to_whoever_sends_into_it() -> None:
    """RFC 2473 section 7.1: the home agent learns the path to the care-of address and tells the correspondent node."""
    links = instant() | {"wlan0": mf.Link(delay_ms=5, rate_bps=None, mtu=1400)}
    made = world(links=links, mode="tunnel")
    made.run(5)
    got = listen(made.mn, UDP)
    for _ in range(5):
        made.cn1.send(Packet(made.cn1.address, made.mn.primary_home_address, UDP(7, 8, bytes(1380))))
        made.run(1)
    assert len(got) >= 2 and all(len(a.packet.payload.payload) == 1380 for a in got)  # type: ignore[attr-defined]
    assert made.cn1.path_mtu == {made.mn.primary_home_address: 1360}


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


def test_it_echoes_like_any_router() -> None:
    made = world()
    made.run(5)
    replies: list[int] = []
    socket = made.mn.echo(9, made.ha.home_agent_address)
    socket.on_reply = lambda number, data: replies.append(number)
    socket.send(4, b"")
    made.run(3)
    assert replies == [4]
    assert messages(made, "HA")
