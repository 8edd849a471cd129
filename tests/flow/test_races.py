"""Binding updates that overtake one another: in the end nobody holds what nobody lists."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import mipflow as mf
from mipflow.lab.scenarios import CELLULAR, MOBILE_NODE, WLAN
from mipflow.lab.studies.attackers import Liar
from mipflow.lab.studies.attacks import MALLORY, settle
from mipflow.lab.world import World
from mipflow.mip6.bindings.keygen_tokens import is_proved
from mipflow.mip6.correspondent_node import Correspondent, CorrespondentNode
from mipflow.mip6.enhanced import enhanced as enhanced_updates
from mipflow.mip6.enhanced.correspondent_node import EnhancedCorrespondent
from mipflow.mip6.registrations import updates
from mipflow.node.node import Arrival
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.icmpv6 import NeighborSolicitation, RouterAdvertisement
from mipflow.wire.mobility import BindingUpdate, NonceIndices, Status
from mipflow.wire.packet import Packet
from tests.mip6.worlds import messages

WLAN_CARE_OF, CELLULAR_CARE_OF = WLAN.address(MOBILE_NODE), CELLULAR.address(MOBILE_NODE)
CALL = mf.apps.Voice(interval_ms=100)
WAYS: dict[str, dict[str, Any]] = {
    "plain": {}, "stateless": {"allocate": "stateless"}, "dhcpv6": {"allocate": "dhcpv6"},
    "request": {"allocate": "request"}, "tunnel": {"mode": "tunnel"}, "enhanced": {"enhanced": True},
    "security": {"security": True},
}  # fmt: skip


def disagreements(world: World) -> list[str]:
    """Return the bindings that a peer has and the mobile node does not list, or lists with another care-of address."""
    found = []
    for peer in (*world.home_agents, *world.cns):
        address = getattr(peer, "home_agent_address", peer.address)
        for binding in getattr(peer, "bindings", ()):
            entry = world.mn.binding_updates.get((address, binding.home_address))
            if entry is None or entry.registered != binding.care_of_address:
                found.append(f"{peer.name}: {binding.home_address} at {binding.care_of_address}")
    return found


def homes(world: World) -> list[str]:
    return [str(binding.home_address) for binding in world.ha.bindings]


@pytest.mark.parametrize("way", WAYS)
def test_a_deregistration_that_overtakes_its_update_leaves_nothing_behind(way: str) -> None:
    world = mf.figure2(seed=1, **WAYS[way])
    world.run(5)
    world.mn.open(world.cn1, CALL)
    world.run(5)
    late = world.mn.open(world.cn1, CALL, interface="cell0")
    world.run(1.0 if way == "dhcpv6" else 0.005)
    world.mn.handover_all("wlan0")
    world.mn.close(late)
    world.run(60)
    assert homes(world) == [str(world.mn.primary_home_address)]
    assert disagreements(world) == []


@pytest.mark.parametrize("wait_s", [0.001, 0.005, 0.02, 0.05, 0.11, 0.25])
def test_a_flow_closed_soon_after_it_was_opened_leaves_no_binding(wait_s: float) -> None:
    world = mf.figure2(seed=1, enhanced=True)
    world.run(5)
    first = world.mn.open(world.cn1, CALL)
    world.run(5)
    world.mn.close(first)
    world.run(5)
    second = world.mn.open(world.cn1, CALL)
    world.run(wait_s)
    world.mn.close(second)
    world.run(60)
    assert list(world.cn1.bindings) == []
    assert disagreements(world) == []


@pytest.mark.parametrize("wait_s", [0.001, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("how", ["home_follows", "its flow", "tunnel"])
def test_a_flow_moved_and_moved_back_at_once_is_where_it_says(how: str, wait_s: float) -> None:
    bindings = {"home_bindings": mf.policies.HomeBindings(at="its flow")} if how == "its flow" else {}
    world = mf.figure2(seed=7, mode="tunnel" if how == "tunnel" else "route_optimisation", **bindings)
    flow = world.mn.open(world.cn1, CALL)
    world.run(10)
    follows = True if how == "home_follows" else None
    world.mn.handover(flow, "cell0", home_follows=follows)
    world.run(wait_s)
    world.mn.handover(flow, "wlan0", home_follows=follows)
    world.run(20)
    assert flow.care_of_address == WLAN_CARE_OF
    assert [binding.care_of_address for binding in world.ha.bindings] == [WLAN_CARE_OF]
    assert how == "tunnel" or [binding.care_of_address for binding in world.cn1.bindings] == [WLAN_CARE_OF]
    assert disagreements(world) == []


def test_what_waits_for_a_home_binding_that_need_not_be_sent_any_more_goes_on() -> None:
    """Three updates a second may leave; the fourth is of no use when its turn comes, so nobody acknowledges it."""
    world = mf.figure2(seed=7)
    flow = world.mn.open(world.cn1, CALL, interface="cell0")
    world.run(10)
    (home_binding,), (binding,) = world.ha.bindings, world.cn1.bindings
    assert (home_binding.care_of_address, binding.care_of_address) == (WLAN_CARE_OF, CELLULAR_CARE_OF)
    for _ in range(4):
        world.mn.registrar.register_home(binding.home_address, WLAN_CARE_OF)
    world.run(0.5)
    for interface in ("cell0", "wlan0"):
        world.mn.handover(flow, interface, home_follows=True)
    world.run(5)
    assert [each.care_of_address for peer in (world.ha, world.cn1) for each in peer.bindings] == [WLAN_CARE_OF] * 2
    assert flow.registered_at_cn == WLAN_CARE_OF and disagreements(world) == []


def going_home(wait_s: float) -> World:
    """A new flow's update to the home agent is on the slow way, when the mobile node comes home."""
    world = mf.figure2(seed=1)
    world.mn.interface("wlan0").set_up(False)
    world.run(1.2)  # the address has been made, and its first update leaves soon
    assert world.mn.care_of_address("cell0") == CELLULAR_CARE_OF
    world.run(wait_s)
    world.mn.interface("wlan0").set_up(True)
    world.mn.visit("wlan0", world.network.segments["home"])
    return world


@pytest.mark.parametrize("wait_s", [0.0, 0.01, 0.03, 0.05])
def test_a_home_agent_that_meets_ourselves_finds_no_duplicate(wait_s: float) -> None:
    world = going_home(wait_s)
    world.run(60)
    assert world.mn.primary_home_address in world.mn.addresses
    assert world.mn.primary_home_address not in world.mn.registrar.machine.duplicates
    assert list(world.ha.bindings) == []
    world.mn.visit("wlan0", world.network.segments["wlan0"])
    world.run(10)
    assert len(list(world.ha.bindings)) == 1


def at_home() -> World:
    """Return a world whose mobile node is at home with wlan0, and has a care-of address with cell0."""
    world = mf.figure2(seed=1)
    world.run(5)
    world.mn.visit("wlan0", world.network.segments["home"])
    world.run(5)
    assert world.mn.primary_home_address in world.mn.addresses
    return world


def rejoin(world: World) -> None:
    world.mn.visit("wlan0", world.network.segments["home"])


def down_and_up(world: World) -> None:
    world.mn.interface("wlan0").set_up(False)
    world.mn.interface("wlan0").set_up(True)


@pytest.mark.parametrize("leave", [rejoin, down_and_up])
def test_who_does_not_know_yet_that_it_is_at_home_is_no_duplicate_of_itself(leave: Callable[[World], None]) -> None:
    """Leaving home has the primary bound over cell0, with the L bit: the home agent probes for the link-local address
    too, which the interface that is on the home link again has. No router says meanwhile where that is.
    """
    world = at_home()
    home = world.network.segments["home"]
    left_ns = world.mn.clock.now

    def mute(packet: Packet, now: int) -> str | None:
        told = isinstance(packet.payload, RouterAdvertisement) or getattr(packet.payload, "solicited", False)
        return "the router is not heard" if told and now < left_ns + 0.9 * NS_PER_S else None

    home.tap(mute)
    leave(world)
    world.run(0.8)
    probed = {
        hop.packet.payload.target for hop in world.trace
        if isinstance(hop.packet.payload, NeighborSolicitation) and hop.channel.sender == "HA" and hop.sent_ns > left_ns
    }  # fmt: skip
    assert probed >= {world.mn.primary_home_address, world.mn.interface("wlan0").link_local}
    world.run(60)
    assert world.mn.mobility.duplicates == set()
    assert world.mn.primary_home_address in world.mn.addresses
    assert list(world.ha.bindings) == []


def test_who_is_at_home_answers_for_its_link_local_address() -> None:
    world = at_home()
    wlan0, heard = world.mn.interface("wlan0"), list[bool]()
    world.ha.neighbor.detect_duplicate(wlan0.link_local, world.ha.home_link, heard.append)
    world.run(2)
    assert heard == [False]


def test_who_was_at_home_before_a_late_update_was_bound_is_reached_there_again() -> None:
    """The home agent's question on the home link is lost, so it stands in for a node that is there, until it is told.
    """
    world = at_home()
    world.run(15)  # the home agent has forgotten the binding
    flow = world.mn.open(world.cn1, CALL)
    home = world.network.segments["home"]
    home.tap(lambda packet, now: "lost" if isinstance(packet.payload, NeighborSolicitation) else None)
    rejoin(world)
    world.run(30)
    changed = [c for c in world.trace.changes() if c.node == "HA" and c.t_ns > 20 * NS_PER_S and c.change.after]
    assert any((c.change.after or {}).get("state") == "bound" for c in changed)
    assert list(world.ha.bindings) == [] and flow.home_address in world.mn.addresses
    received = flow.stats.down.received
    world.run(5)
    assert flow.stats.down.received >= received + 45


@pytest.mark.parametrize("at", ["cell0", "wlan0"])
def test_what_is_at_home_is_not_bound_where_policy_wants_it_away(at: str) -> None:
    """An update is under way when the mobile node comes home; its de-registration finds nothing to delete, so it has
    no end yet. Then the other interface has a care-of address, at which policy wants home addresses bound.
    """
    world = mf.figure2(seed=1, home_bindings=mf.policies.HomeBindings(at))
    world.run(5)
    flow = world.mn.open(world.cn1, CALL)
    other = "wlan0" if at == "cell0" else "cell0"
    world.mn.visit(other, world.network.segments["home"])
    world.run(15)  # the home agent has forgotten the binding
    world.mn.visit(other, world.network.segments["home"])
    world.run(0.01)
    world.mn.visit(at, world.network.segments[at])
    world.run(60)
    assert world.mn.mobility.duplicates == set()
    assert flow.home_address == world.mn.primary_home_address
    assert flow.home_address in world.mn.addresses
    assert list(world.ha.bindings) == []


REFUSALS = [Status.REASON_UNSPECIFIED, Status.ADMINISTRATIVELY_PROHIBITED, Status.INSUFFICIENT_RESOURCES]


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("peer", ["HA", "CN1"])
def test_a_deregistration_that_is_refused_is_asked_for_again(
    peer: str, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only that there is nothing to delete ends it (RFC 6275 section 6.1.8): any other refusal leaves the binding."""
    world = mf.figure2(seed=1)
    world.run(5)
    world.mn.open(world.cn1, CALL)
    flow = world.mn.open(world.cn1, CALL)
    world.run(5)
    node, since_ns = world.ha if peer == "HA" else world.cn1, world.mn.clock.now
    part, judges = (world.ha, "_judge") if peer == "HA" else (world.cn1.correspondent, "judge")
    usual: Callable[..., tuple[Status, int]] = getattr(part, judges)

    def judge(*about: Any) -> tuple[Status, int]:
        (update,) = [each for each in about if isinstance(each, BindingUpdate)]
        refuses = update.lifetime_units == 0 and world.mn.clock.now < since_ns + 20 * NS_PER_S
        return (status, update.sequence) if refuses else usual(*about)

    monkeypatch.setattr(part, judges, judge)
    home_address = flow.home_address
    world.mn.close(flow)
    world.run(15)
    assert home_address in node.bindings and world.mn.binding_updates.of_home_address(home_address)
    world.run(45)
    assert home_address not in node.bindings and home_address not in world.ha.bindings
    assert not world.mn.binding_updates.of_home_address(home_address)
    assert disagreements(world) == []


def held_by(world: World, cn: CorrespondentNode) -> list[tuple[float, str]]:
    """Return when a correspondent's bindings changed, and to which care-of address."""
    changes = [each for each in world.trace.changes() if each.node == cn.name and each.change.table == "binding cache"]
    return [(each.t_ns / NS_PER_S, str((each.change.after or {}).get("care_of_address"))) for each in changes]


def stolen(seed: int) -> tuple[float, int, list[int]]:
    """A thief between home agent and correspondent binds a flow's home address: for how many seconds, the number of
    status 135, and the numbers of the phone's own updates from then on.
    """
    world = mf.figure2(seed, home_router=True)
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    world.run(6)
    assert flow.home_address is not None
    liar = Liar(world.network, "Mallory", 4.0, -2.0, address=MALLORY.address(0x666))
    settle(world, liar.settle, 0x666)
    liar.listen(world.network.segments["Internet-HR"])
    liar.claim(world.cn1.address, flow.home_address, liar.address)
    world.run(8)
    (_, before), (stolen_s, thief), (back_s, after) = held_by(world, world.cn1)
    assert (before, thief, after) == (str(WLAN_CARE_OF), str(liar.address), str(WLAN_CARE_OF))
    told = [each for each in messages(world, "CN1", 6) if each.name == "BA" and each.status == 135]
    (refused,) = [each for each in told if each.destination == WLAN_CARE_OF.packed]
    own = [each.sequence for each in messages(world, "MN", 6) if each.name == "BU" and not each.flags & 0x40]
    return back_s - stolen_s, refused.sequence, own


def test_the_number_that_a_thief_has_used_is_passed_at_once() -> None:
    """Status 135 tells the last accepted number, which the phone goes past (RFC 6275 sections 9.5.1 and 11.7.3), also
    where it is the very number of its update, which the thief has used before: it does not wait for a second.
    """
    found = [stolen(seed) for seed in range(8)]
    assert all(lasted_s < 0.1 for lasted_s, _, _ in found), "two round trips: a binding error or packet, and the 135"
    assert all(own[-1] == told + 1 & 0xFFFF for _, told, own in found)
    assert any(told == own[-2] for _, told, own in found)


class ChecksTheSource(Correspondent):
    """A correspondent of the deployed kind: to delete, too, the authenticator is checked with the care-of address of
    the update, and a wrong one is dropped without a word.
    """

    def binding_update(self, arrival: Arrival) -> None:
        """Take only updates that are proved for their care-of address."""
        update, care_of = arrival.payload, self.care_of_address(arrival, arrival.payload)
        key = self.key_for(arrival, update.option(NonceIndices), care_of)
        if not isinstance(key, bytes) or is_proved(update, key, care_of, arrival.packet.destination):
            super().binding_update(arrival)
        else:
            self.node.drop(arrival.packet, "not proved for its care-of address")


class EnhancedChecksTheSource(ChecksTheSource, EnhancedCorrespondent):
    """The same with enhanced route optimisation."""


@pytest.mark.parametrize("names_home_address", [True, False])
@pytest.mark.parametrize("enhanced", [False, True])
def test_a_correspondent_that_checks_the_source_deletes_at_once(
    enhanced: bool, names_home_address: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Alternate Care-of Address option names the home address; without it, such a correspondent stays silent."""
    if not names_home_address:
        for module in (updates, enhanced_updates):
            monkeypatch.setattr(module, "deleting", lambda entry, deletes: ())
    kind = partial(CorrespondentNode, part=EnhancedChecksTheSource if enhanced else ChecksTheSource)
    world = mf.figure2(seed=1, enhanced=enhanced, correspondents={"CN1": kind})
    flow = world.mn.open(world.cn1, CALL)
    world.run(6)
    assert len(list(world.cn1.bindings)) == 1
    world.mn.close(flow)
    world.run(0.1)
    is_left = [len(list(world.cn1.bindings)), len(world.mn.binding_updates.of_peer(world.cn1.address))]
    assert is_left == ([0, 0] if names_home_address else [1, 1])
