"""Test what follows for registrations: what is freed and in which order, what is kept, and what leases end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.allocation.dhcpv6_server import Dhcpv6Server
from mipflow.flow.applications.flows import Flow
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.flow.policy.policies import HomeBindings
from mipflow.lab.scenarios import HOME, MOBILE_NODE
from mipflow.lab.world import World
from mipflow.mip6.constants import MAX_UPDATE_RATE
from mipflow.sim.network import Network
from mipflow.sim.trace import Hop
from mipflow.wire.address import Address
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Opaque, RoutingHeaderType2
from tests.flow.bindings.worlds import PRIMARY, SECOND, TALK, agree, bound, made
from tests.mip6.worlds import S, associations, dropper, messages

ONE_WAY_NS = {"CN1": 20_000_000, "CN2": 25_000_000}
"""From the mobile node on wlan0."""


def test_a_home_address_is_one_of_the_home_prefix() -> None:
    network, elsewhere = Network(), Address("2001:db8:200::10")
    with pytest.raises(ProtocolMisuse, match="home_address=2001:db8:200::10; expected one of 2001:db8:100::/64"):
        FlowMobileNode(network, "MN", home_agent=HOME.address(7), home_address=elsewhere, home_prefix=HOME)


# --- freeing ---------------------------------------------------------------------------------------------------------


def test_freeing_what_cannot_be_freed_is_refused_with_its_address_and_changes_nothing() -> None:
    w = made()
    flows = [w.mn.open(w.cn1, TALK) for _ in range(2)]
    w.run(3)
    before = w.trace.tables(w.network.clock.now)
    stranger = HOME.address(0xBAD)
    in_use = f"{SECOND} is in use by flows [2]; close them first"
    known = f"expected one of {PRIMARY}, {SECOND}"
    with pytest.raises(ProtocolMisuse) as caught:
        w.mn.free_home_address(SECOND)
    assert str(caught.value) == in_use and caught.value.value == SECOND
    with pytest.raises(ProtocolMisuse) as caught:
        w.mn.free_home_address(stranger)
    assert str(caught.value) == f"{stranger} is no home address of MN; {known}" and caught.value.value == stranger
    w.mn.close(flows[0])
    w.run(3)
    before["MN"]["flow mapping table"].pop("1")
    with pytest.raises(ProtocolMisuse) as caught:
        w.mn.free_home_address(PRIMARY)
    assert str(caught.value) == f"{PRIMARY} is the primary home address and is never freed"
    assert caught.value.value == PRIMARY
    w.run(3)
    after = w.trace.tables(w.network.clock.now)
    for table in ("home address table", "flow mapping table"):
        assert after["MN"][table] == before["MN"][table]
    assert after["HA"] == before["HA"]


def protected(w: World, sender: str, header: object, since_s: float) -> list[Hop]:
    """Return the packets that a node sent first behind a header that names a home address, in transport mode ESP."""
    return [
        hop for hop in w.trace
        if hop.channel.sender == sender and hop.hop_limit == 64 and hop.sent_ns >= since_s * S
        and header in hop.packet.extensions and isinstance(hop.packet.payload, Opaque)
    ]  # fmt: skip


@pytest.mark.parametrize("lost", [False, True])
def test_a_freed_address_goes_at_correspondents_then_at_the_home_agent_then_in_ipsec(lost: bool) -> None:
    """Page 9: each step comes after the acknowledgement of the one before, also where the first update to a
    correspondent is lost.
    """
    w = made(security=True, wire=True)
    for cn in w.cns:
        w.mn.open(cn, TALK)
    flows = [w.mn.open(cn, TALK) for cn in w.cns]
    w.run(5)
    assert {flow.home_address for flow in flows} == {SECOND} and agree(w)
    since_s = w.now
    taken = dropper(w, "cn2", lambda m: lost and m.name == "BU" and w.now < since_s + 0.5 and m.lifetime_s == 0)
    for flow in flows:
        w.mn.close(flow)
    w.run(6)
    assert len(taken) == lost
    answered_ns = {cn.name: max(m.t_ns for m in messages(w, cn.name, since_s) if m.name == "BA") for cn in w.cns}
    (update,) = protected(w, "MN", DestinationOptions((HomeAddressOption(SECOND),)), since_s)
    (answer,) = protected(w, "HA", RoutingHeaderType2(SECOND), since_s)
    assert max(answered_ns.values()) + ONE_WAY_NS["CN1"] <= update.sent_ns < answer.sent_ns
    assert (answered_ns["CN2"] > answered_ns["CN1"] + S / 2) is lost
    gone = {
        (r.node, r.change.table): r.t_ns for r in w.trace.changes()
        if r.change.after is None and str(SECOND) in str(r.change.before) and r.t_ns > since_s * S
    }  # fmt: skip
    deleted_ns = [gone[node, "security association database"] for node in ("MN", "HA")]
    assert min(deleted_ns) >= gone["MN", "binding update list"] > answer.sent_ns > gone["HA", "binding cache"] - 1
    assert all(each.selector.home_address == PRIMARY for node in (w.mn, w.ha) for each in associations(node))
    assert SECOND not in w.mn.own_home_addresses and bound(w) == {PRIMARY}


# --- addresses that are kept -----------------------------------------------------------------------------------------


def test_an_address_that_is_kept_for_an_application_is_its_alone() -> None:
    """Page 10: also where it stands unused, and the other flows need one."""
    w = made()
    w.mn.keep_home_address("films", lambda flow: flow.flow_information.traits.application == "video")
    w.run(3)
    assert bound(w) == {PRIMARY, SECOND} and [e.kept_for for e in w.mn.home_addresses] == ["", "films"]
    calls = [w.mn.open(w.cn1, TALK) for _ in range(2)]
    film = w.mn.open(w.cn1, mf.apps.Video())
    assert film.home_address == SECOND and film.wait_ms == 0
    w.run(3)
    assert {call.home_address for call in calls} == {PRIMARY, HOME.address(MOBILE_NODE + 2)}
    w.mn.close(film)
    w.run(3)
    assert SECOND in bound(w), "it is kept"
    with pytest.raises(ProtocolMisuse, match="name='films'; expected one under which no home address is kept yet"):
        w.mn.keep_home_address("films", lambda flow: True)
    with pytest.raises(ProtocolMisuse, match="name=''"):
        w.mn.keep_home_address("", lambda flow: True)


def test_an_address_that_is_kept_for_a_correspondent_serves_its_flows_and_no_other() -> None:
    """A second flow to it at the same time needs another one, which is kept for it as well."""
    w = made()
    w.mn.keep_home_address("CN2", lambda flow: flow.cn == w.cn2.address)
    other = w.mn.open(w.cn1, TALK)
    one, two = (w.mn.open(w.cn2, TALK) for _ in range(2))
    w.run(4)
    assert other.home_address == PRIMARY and len({one.home_address, two.home_address}) == 2
    assert {e.home_address: e.kept_for for e in w.mn.home_addresses} == {
        PRIMARY: "", one.home_address: "CN2", two.home_address: "CN2",
    }  # fmt: skip


@pytest.mark.parametrize("reuse_tokens", [True, False])
def test_flows_of_a_failed_interface_move_no_faster_than_updates_may_be_sent(reuse_tokens: bool) -> None:
    """Section 11.8: of each message at most 3 a second to it; 12 updates take 11 / 3 s, and less than 2 s more."""
    w = made(reuse_tokens=reuse_tokens)
    flows = [w.mn.open(w.cn1, TALK) for _ in range(12)]
    w.run(12)
    assert {flow.registered_at_cn for flow in flows} == {w.mn.care_of_address("wlan0")} and agree(w)
    since_s = w.now
    w.mn.interface("wlan0").set_up(False)
    w.run(10)
    assert {flow.registered_at_cn for flow in flows} == {w.mn.care_of_address("cell0")} and agree(w)
    sent = [m for m in messages(w, "MN", since_s) if m.destination == w.cn1.address.packed]
    times = {name: [m.t_ns for m in sent if m.name == name] for name in ("HoTI", "CoTI", "BU")}
    for name, at in times.items():
        assert all(later - earlier >= S for earlier, later in zip(at, at[MAX_UPDATE_RATE:], strict=False)), name
    assert len(times["BU"]) == 12 and len(times["HoTI"]) == (0 if reuse_tokens else 12) and times["CoTI"]
    assert 3 * S <= times["BU"][-1] - times["BU"][0] < 5.67 * S
    assert all(flow.stats.down.received > 60 for flow in flows)


# --- leases ----------------------------------------------------------------------------------------------------------


def test_flows_whose_lease_ends_get_another_home_address() -> None:
    """A server has lost what it knew, and somebody else has the address by now: nobody extends the lease."""
    w = made(allocate="dhcpv6")
    (server,) = [port.node for port in w.network.segments["home"].ports if port.owner == "DHCP"]  # type: ignore[attr-defined]
    assert isinstance(server, Dhcpv6Server)
    server.leases.preferred_s, server.leases.valid_s = 20, 30
    first, second = w.mn.open(w.cn1, TALK), w.mn.open(w.cn1, TALK)
    w.run(4)
    leased = second.home_address
    assert leased is not None and agree(w)
    server.leases.leases.clear()
    server.leases.declined.add(leased)
    w.run(40)
    assert second.home_address not in (None, leased, PRIMARY) and first.home_address == PRIMARY
    assert any(d.what == "lease ended" and str(leased) in d.why for d in w.trace.decisions())
    assert leased not in w.mn.own_home_addresses and leased not in bound(w) and leased not in w.cn1.bindings
    received = second.stats.down.received
    w.run(5)
    assert agree(w) and second.stats.down.received > received and not second.refused


def test_the_end_of_a_lease_that_is_nobodys_is_no_event() -> None:
    w = made()
    before = w.trace.tables(w.network.clock.now)
    w.mn.lease_ended(HOME.address(0xBAD), "a test says so")
    w.run(1)
    assert w.trace.tables(w.network.clock.now) == before


def test_a_home_registration_that_runs_out_is_gone_from_the_tables_until_there_is_another() -> None:
    w = made(home_lifetime_s=20, mode="tunnel")
    talk = w.mn.open(w.cn1, TALK)
    w.run(2)
    w.network.segments["Internet-HA"].set_up(False)
    w.run(25)
    assert talk.entry.registered_at_ha is None and next(iter(w.mn.home_addresses)).care_of_address is None
    w.network.segments["Internet-HA"].set_up(True)
    w.run(40)
    assert agree(w) and talk.entry.registered_at_ha == talk.care_of_address


# --- after all of it -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=30)
@given(
    st.sampled_from(["route_optimisation", "tunnel"]), st.sampled_from(["first flow", "its flow", "cell0"]),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5), st.sampled_from([0.0, 0.05, 1.2, 4.0])), max_size=12),
)  # fmt: skip
def test_once_all_is_quiet_the_tables_say_what_the_peers_hold(
    mode: str, at: str, steps: list[tuple[int, int, float]]
) -> None:
    """Flows are opened, closed and handed over, interfaces fail and come back, at any moment of the step before."""
    w = made(mode=mode, home_bindings=HomeBindings(at=at), trace="control")
    flows: list[Flow] = []
    for what, which, wait_s in steps:
        name, usable = ("wlan0", "cell0")[which % 2], [i for i in w.mn.interfaces.values() if i.is_usable]
        if what < 2 or (what < 4 and not flows):
            if usable:
                flows.append(w.mn.open(w.cns[which % 2], TALK))
        elif what == 2:
            w.mn.close(flows.pop(which % len(flows)))
        elif what == 3:
            if w.mn.interfaces[name].is_usable:
                w.mn.handover(flows[which % len(flows)], name)
        else:
            w.mn.interfaces[name].set_up(what == 4)
        w.run(wait_s)
    for interface in w.mn.interfaces.values():
        interface.set_up(True)
    w.run(100)
    assert agree(w)
    assert {e.home_address for e in w.mn.home_addresses} == bound(w) == w.mn.own_home_addresses
    for flow in flows:
        assert flow.registered_at_cn == (flow.care_of_address if mode == "route_optimisation" else None)
        received = flow.stats.down.received
        assert flow.wait_ms is not None and received
    for cn in w.cns:
        pairs = {flow.home_address for flow in flows if flow.cn is cn}
        assert {binding.home_address for binding in cn.bindings} == (pairs if mode == "route_optimisation" else set())


