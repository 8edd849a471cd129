"""Registering: retransmission, refresh, expiry, refusals, de-registration, the rate limit, random histories."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from random import Random

import pytest

import mipflow as mf
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_cache import Binding
from mipflow.mip6.bindings.binding_update_list import TRANSITIONS, BindingUpdateList, EntryEvent, State
from mipflow.mip6.registrations.events import HomeAgentChanged
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingAcknowledgement, BindingError, BindingUpdate, Status
from mipflow.wire.packet import UDP, DestinationOptions, HomeAddressOption, Packet
from tests.mip6.octets import authenticator
from tests.mip6.registrations.worlds import QUIET, speaking
from tests.mip6.worlds import S, data_hops, dropper, instant, messages, world


def updates(made: World, to: bytes, since_s: float = 0.0) -> list[int]:
    return [m.t_ns for m in messages(made, "MN", since_s) if m.name == "BU" and m.destination == to]


def intervals_s(times: list[int]) -> list[float]:
    return [(b - a) / S for a, b in pairwise(times)]


def states(made: World) -> dict[str, State]:
    return {f"{e.home_address} {e.peer}": e.state for e in made.mn.binding_updates}


def bound_as_selected(made: World) -> bool:
    """True where each flow's correspondent has its home address at the selected care-of address, and both ends know."""
    for flow in made.mn.flows:
        cn = next(cn for cn in made.cns if cn.address == flow.cn)
        assert flow.home_address is not None
        binding = cn.bindings.get(flow.home_address)
        if binding is None or not binding.care_of_address == flow.care_of_address == flow.registered_at_cn:
            return False
    return True


# --- retransmission (section 11.8) -----------------------------------------------------------------------------------


def test_a_first_home_registration_waits_1_5_s_and_doubles_to_32() -> None:
    made = world()
    made.network.segments["Internet-HA"].set_up(False)
    made.run(120)
    times = updates(made, made.mn.home_agent.packed)
    assert intervals_s(times) == [1.5, 3, 6, 12, 24, 32, 32]
    sequences = [m.sequence for m in messages(made, "MN") if m.name == "BU"]
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(sequences)), "a new sequence number each time"


def test_a_refresh_of_a_home_registration_waits_1_s_and_doubles() -> None:
    made = world(home_lifetime_s=400)
    made.run(300)
    made.network.segments["Internet-HA"].set_up(False)
    made.run(60)
    times = updates(made, made.mn.home_agent.packed, 300)
    assert intervals_s(times)[:4] == [1, 2, 4, 8]


def test_a_binding_update_without_an_answer_waits_1_s_and_doubles_to_32() -> None:
    made = world()
    dropper(made, "cn1", lambda m: m.name == "BA")
    made.mn.open(made.cn1, QUIET)
    made.run(100)
    waits = intervals_s(updates(made, made.cn1.address.packed))[:6]
    assert waits[:2] == [1, 2], "MAX_RO_FAILURE attempts"
    # From then on each attempt begins with new tests, which take 80 ms (section 5.2.9).
    assert waits[2:] == [4.08, 8.08, 16.08, 32.08]


def test_tests_without_an_answer_are_repeated_with_new_cookies() -> None:
    made = world()
    dropper(made, "cn1", lambda m: m.name in ("HoT", "CoT"))
    made.mn.open(made.cn1, QUIET)
    made.run(110)
    for name in ("HoTI", "CoTI"):
        sent = [m for m in messages(made, "MN") if m.name == name]
        assert intervals_s([m.t_ns for m in sent])[:6] == [1, 2, 4, 8, 16, 32]
        assert len({m.cookie for m in sent}) == len(sent)


def test_only_the_test_that_failed_is_repeated() -> None:
    made = world()
    gone = dropper(made, "cn1", lambda m: m.name == "HoT" and not gone)
    made.mn.open(made.cn1, QUIET)
    made.run(10)
    names = [m.name for m in messages(made, "MN") if m.destination == made.cn1.address.packed]
    assert names.count("HoTI") == 2 and names.count("CoTI") == 1 and names.count("BU") == 1
    assert bound_as_selected(made)


@pytest.mark.parametrize("lost", ["BU", "BA"])
def test_one_lost_message_costs_a_second_in_the_tunnel(lost: str) -> None:
    """From update to acknowledgement the uplink takes the tunnel: the correspondent may hold either address."""
    made = world()
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(6)
    lost_before = flow.stats.up.lost
    gone = dropper(made, "cn1", lambda m: m.name == lost and not gone)
    start = made.network.clock.now
    made.mn.handover(flow, "cell0")
    made.run(3)
    assert len(gone) == 1 and bound_as_selected(made)
    first, second = updates(made, made.cn1.address.packed, 6)
    assert second - first == S
    acknowledged = next(
        hop.arrived_ns for hop in made.trace
        if hop.sent_ns > second and hop.channel.receiver == "MN"
        and isinstance(hop.packet.payload, BindingAcknowledgement)
    )  # fmt: skip
    kinds = {
        isinstance(hop.packet.payload, Packet)
        for hop in data_hops(made, flow.id, start)
        if hop.channel.sender == "MN" and first < hop.sent_ns < acknowledged
    }
    assert kinds == {True}, "all tunnelled"
    assert flow.stats.up.lost - lost_before <= 2 and flow.stats.down.lost == 0


# --- refresh and expiry ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keywords", [{}, {"home_lifetime_s": 200, "binding_lifetime_s": 60}, {"reuse_tokens": False}])
def test_bindings_are_refreshed_before_they_end(keywords: dict[str, object]) -> None:
    made = world(**keywords)
    flow = made.mn.open(made.cn1, mf.apps.Voice(interval_ms=1000, payload_bytes=20))
    made.run(1000)
    lost = [c for c in made.trace.changes() if c.change.table == "binding cache" and c.change.after is None]
    assert lost == []
    (binding,), (home,) = made.cn1.bindings, made.ha.bindings
    assert made.now < binding.expires_at_s <= made.now + 420
    assert home.expires_at_s > made.now
    for entry, held in ((made.mn.binding_updates.get((made.cn1.address, binding.home_address)), binding),
                        (made.mn.binding_updates.get((made.mn.home_agent, home.home_address)), home)):  # fmt: skip
        assert entry is not None and entry.expires_ns <= held.expires_ns, (
            "the mobile node never believes longer than its peer"
        )
    assert flow.stats.up.lost == flow.stats.down.lost == 0
    tunnelled = [
        h for h in data_hops(made, flow.id, 4 * S) if h.channel.sender == "MN" and isinstance(h.packet.payload, Packet)
    ]
    assert len(tunnelled) <= 2


def test_a_correspondent_binding_does_not_outlast_the_home_registration() -> None:
    """Section 11.7.2: the lifetime asked for should be at most what is left of the home registration."""
    made = world(home_lifetime_s=100)
    made.mn.open(made.cn1, QUIET)
    made.run(50)
    (binding,), (home,) = made.cn1.bindings, made.ha.bindings
    assert binding.expires_at_s <= home.expires_at_s


def test_what_the_peer_grants_less_is_taken_off() -> None:
    made = world()
    made.ha.max_lifetime_s = 1000
    made.mn.open(made.cn1, QUIET)
    made.run(10)
    (entry,) = [e for e in made.mn.binding_updates if e.home_registration]
    (home,) = made.ha.bindings
    assert entry.lifetime_s == 1000 and entry.expires_ns == entry.sent_ns + 1000 * S < home.expires_ns


def test_a_correspondent_that_is_silent_too_long_is_forgotten_and_found_again() -> None:
    made = world(binding_lifetime_s=40)
    flow = made.mn.open(made.cn1, QUIET)
    made.run(5)
    gone = dropper(made, "cn1", lambda m: True)
    made.run(120)
    assert gone and flow.registered_at_cn is None and list(made.cn1.bindings) == []
    assert all(
        isinstance(h.packet.payload, Packet) for h in data_hops(made, flow.id, 60 * S) if h.channel.sender == "MN"
    )
    made.network.segments["cn1"].taps.clear()
    made.network.segments["cn1"].refresh()
    made.run(40)
    assert bound_as_selected(made)


def test_a_home_agent_that_is_silent_too_long_is_found_again() -> None:
    made = world(home_lifetime_s=60)
    flow = made.mn.open(made.cn1, QUIET)
    made.run(5)
    gone = dropper(made, "Internet-HA", lambda m: True)
    made.run(150)
    assert gone and made.mn.registered_at_home(made.mn.primary_home_address) is None
    assert next(iter(made.mn.home_addresses)).care_of_address is None
    made.network.segments["Internet-HA"].taps.clear()
    made.network.segments["Internet-HA"].refresh()
    made.run(80)
    assert made.mn.registered_at_home(made.mn.primary_home_address) is not None
    assert bound_as_selected(made), flow


# --- again while under way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize(
    "gaps_ms", [(1,), (30,), (80,), (105,), (130,), (160,), (10, 10), (60, 60), (105, 20), (40, 1, 90)]
)
def test_handed_over_again_while_under_way(gaps_ms: tuple[int, ...], reuse: bool) -> None:
    """The last wish counts, whatever is under way, and every binding ends up as selected."""
    made = world(reuse_tokens=reuse)
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    for number, gap in enumerate((0, *gaps_ms)):
        made.run(gap / 1000)
        made.mn.handover(flow, ("cell0", "wlan0")[number % 2])
    last = ("cell0", "wlan0")[len(gaps_ms) % 2]
    made.run(5)
    assert bound_as_selected(made) and flow.interface == last
    assert set(states(made).values()) == {State.BOUND}
    late = {
        h.channel.sender_interface
        for h in data_hops(made, flow.id, made.network.clock.now - S)
        if h.channel.sender == "MN"
    }
    assert late == {last}


def test_back_again_before_the_acknowledgement_the_old_address_is_in_doubt() -> None:
    """The update for the other address left and is not answered: until the next answer the peer may hold either."""
    made = world()
    flow = made.mn.open(made.cn1, mf.apps.Voice(interval_ms=2))
    made.run(5)
    for interface in ("cell0", "wlan0"):  # both care-of tokens are fresh from now on
        made.mn.handover(flow, interface)
        made.run(3)
    dropped_before = flow.stats.up.lost
    dropper(
        made, "cn1", lambda m: m.name == "BU" and str(m.source.hex()).startswith("20010db80200")
    )  # none for wlan0 arrives
    made.mn.handover(flow, "cell0")
    made.run(0.004)
    made.mn.handover(flow, "wlan0")
    made.run(0.9)
    assert flow.stats.up.lost - dropped_before <= 60, "only what the first update overtook is lost"


# --- refusals --------------------------------------------------------------------------------------------------------


def test_135_moves_the_counter_past_the_value_and_registers() -> None:
    made, flow = speaking()
    (binding,) = made.cn1.bindings
    ahead = (binding.sequence + 500) & 0xFFFF
    made.cn1.bind(Binding(binding.home_address, binding.care_of_address, ahead, binding.expires_ns))
    made.mn.handover(flow, "cell0")
    made.run(5)
    answers = [m.status for m in messages(made, "CN1", 5) if m.name == "BA"]
    assert answers == [135, 0]
    sent = [m.sequence for m in messages(made, "MN", 5) if m.name == "BU"]
    assert sent[1] == (ahead + 1) & 0xFFFF and bound_as_selected(made)


def test_135_from_the_home_agent() -> None:
    made = world(mode="tunnel")
    flow = made.mn.open(made.cn1, QUIET)
    made.run(5)
    (binding,) = made.ha.bindings
    ahead = (binding.sequence + 30_000) & 0xFFFF
    made.ha.bind(Binding(binding.home_address, binding.care_of_address, ahead, binding.expires_ns, True))
    made.mn.handover(flow, "cell0")
    made.run(5)
    assert [m.status for m in messages(made, "HA", 5) if m.name == "BA"] == [135, 0]
    (entry,) = made.ha.bindings
    assert entry.care_of_address == flow.care_of_address


def test_the_counter_never_goes_back() -> None:
    """A 135 about an older update that was late must not let a number be used twice (section 11.7.2)."""
    numbers = BindingUpdateList()
    peer = Address("2001:db8:a::5")
    used = [numbers.next_sequence(peer, 65533) for _ in range(5)]
    assert used == [65534, 65535, 0, 1, 2]
    numbers.skip_sequence(peer, 65535)
    assert numbers.next_sequence(peer, 0) == 3
    numbers.skip_sequence(peer, 40)
    assert numbers.next_sequence(peer, 0) == 41


@pytest.mark.parametrize(
    ("status", "again"),
    [(136, {"HoTI"}), (137, {"CoTI"}), (138, {"HoTI", "CoTI"})],
)
def test_136_to_138_ask_for_the_tokens_that_have_expired(
    status: int, again: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, flow = speaking()
    for interface in ("cell0", "wlan0"):
        made.mn.handover(flow, interface)
        made.run(2)
    start = made.now
    honest, judged = made.cn1.correspondent._expired_nonces, []

    def once(*arguments: object) -> Status | None:
        judged.append(1)
        return Status(status) if len(judged) == 1 else honest(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(made.cn1.correspondent, "_expired_nonces", once)
    made.mn.handover(flow, "cell0")
    made.run(5)
    names = {m.name for m in messages(made, "MN", start)} - {"BU"}
    assert names == again
    refusal, acceptance = [m for m in messages(made, "CN1", start) if m.name == "BA"]
    assert (refusal.status, acceptance.status) == (status, 0)
    assert 5 not in refusal.options and 5 in acceptance.options, "136 to 138 carry no authorization data"
    assert bound_as_selected(made)


def test_forged_and_old_acknowledgements_change_nothing() -> None:
    made, flow = speaking()
    kept = []

    def keep(packet: Packet, now: int) -> str | None:
        if type(packet.payload).__name__ == "BindingAcknowledgement":
            kept.append(packet.copy())
        return None

    made.network.segments["cn1"].tap(keep)
    made.mn.handover(flow, "cell0")
    made.run(2)
    before = [entry.row() for entry in made.mn.binding_updates]
    for packet in list(kept):
        made.cn1.send_direct(packet)
    made.run(1)
    assert [entry.row() for entry in made.mn.binding_updates] == before
    assert any("nobody waits for" in drop.reason for drop in made.trace.drops())


def test_a_binding_error_for_the_current_address_makes_it_register_anew() -> None:
    """Section 11.3.6: the correspondent has lost the binding: the tunnel, until it is registered again."""
    made = world()
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    (binding,) = made.cn1.bindings
    lost_before = flow.stats.up.lost
    made.cn1.unbind(binding.home_address)
    made.run(2)
    assert bound_as_selected(made)
    assert flow.stats.up.lost - lost_before <= 5


def test_after_a_binding_error_the_tunnel_is_taken_until_it_is_bound_again() -> None:
    """Section 11.3.6: of status 1, from a correspondent."""
    made = world()
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    start = made.network.clock.now
    made.cn1.unbind(flow.home_address)
    made.run(2)
    errors = [hop for hop in made.trace if isinstance(hop.packet.payload, BindingError)]
    told = [hop.arrived_ns for hop in errors if hop.channel.receiver == "MN"]
    key = f"{flow.home_address} at {made.cn1.address}"
    rows = [
        (c.t_ns, c.change.after) for c in made.trace.changes()
        if c.node == "MN" and c.change.key == key and c.t_ns >= start
    ]  # fmt: skip
    assert rows[0][0] == told[0] and rows[0][1] is not None
    assert (rows[0][1]["registered"], rows[0][1]["state"]) == (None, "idle"), "as an entry that is new"
    bound = next(t_ns for t_ns, after in rows if after is not None and after["registered"] is not None)
    ways = {"before": set(), "meanwhile": set(), "after": set()}  # type: dict[str, set[bool]]
    for hop in data_hops(made, flow.id, start):
        if hop.channel.sender == "MN" and hop.sent_ns not in (told[0], bound):
            moment = "before" if hop.sent_ns < told[0] else "meanwhile" if hop.sent_ns < bound else "after"
            ways[moment].add(isinstance(hop.packet.payload, Packet))
    assert ways == {"before": {False}, "meanwhile": {True}, "after": {False}}, "in the tunnel, or not"


def test_a_binding_error_about_a_superseded_binding_is_ignored() -> None:
    """Uplink packets that the binding update overtook are dropped, and say nothing about the new binding."""
    made = world(links=instant(wlan0=60, cell0=5))
    flow = made.mn.open(made.cn1, mf.apps.Voice(interval_ms=5))
    made.run(5)
    made.mn.handover(flow, "cell0")
    made.run(3)
    errors = [m for m in messages(made, "CN1", 5) if m.name == "BE"]
    assert errors, "some packets were overtaken"
    assert len([m for m in messages(made, "MN", 5) if m.name == "BU"]) == 1
    assert bound_as_selected(made)


# --- de-registration -------------------------------------------------------------------------------------------------


def closed(**keywords: object) -> tuple[World, Address]:
    """Open two calls to CN1 and close the second."""
    made = world(**keywords)
    made.mn.open(made.cn1, mf.apps.Voice())
    second = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    assert second.home_address is not None
    made.mn.close(second)
    return made, second.home_address


@pytest.mark.parametrize("reuse", [True, False])
def test_a_freed_address_is_gone_everywhere_correspondents_first(reuse: bool) -> None:
    made, freed = closed(reuse_tokens=reuse)
    made.run(3)
    assert freed not in made.cn1.bindings and freed not in made.ha.bindings
    assert freed not in made.mn.own_home_addresses and freed not in made.mn.home_addresses
    assert made.mn.binding_updates.of_home_address(freed) == []
    deletions = [m for m in messages(made, "MN", 5) if m.name == "BU"]
    assert [(m.destination, m.lifetime_s) for m in deletions] == [
        (made.cn1.address.packed, 0),
        (made.mn.home_agent.packed, 0),
    ]
    assert made.network.segments["home"].neighbors.get(freed) is None, "the home agent answers for it no longer"


@pytest.mark.parametrize("deaf", ["cn1", "Internet-HA"])
def test_deregistration_is_repeated_until_it_is_answered(deaf: str) -> None:
    """Section 11.8: with growing pauses, as long as the peer may hold the binding; the address is ours meanwhile."""
    made = world()
    made.mn.open(made.cn1, mf.apps.Voice())
    second = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    freed = second.home_address
    assert freed is not None
    dropper(made, deaf, lambda m: m.name == "BU" and not m.lifetime_s)
    made.mn.close(second)
    made.run(30)
    peer = made.cn1.address if deaf == "cn1" else made.mn.home_agent
    assert intervals_s(updates(made, peer.packed, 5)) == [1, 2, 4, 8]
    assert {e.state for e in made.mn.binding_updates.of_home_address(freed)} >= {State.DELETING}
    assert freed in made.mn.own_home_addresses and freed not in made.mn.home_addresses
    made.network.segments[deaf].taps.clear()
    made.network.segments[deaf].refresh()
    made.run(17)
    assert made.mn.binding_updates.of_home_address(freed) == [] and freed not in made.ha.bindings
    assert freed not in made.mn.own_home_addresses and freed not in made.cn1.bindings


def test_deregistration_without_an_answer_ends_with_the_lifetime() -> None:
    """Section 11.1: an entry goes when its lifetime has ended, and so has the peer's."""
    made = world(binding_lifetime_s=60)
    made.mn.open(made.cn1, mf.apps.Voice())
    second = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    freed = second.home_address
    assert freed is not None
    dropper(made, "cn1", lambda m: m.name == "BU" and m.home == freed.packed)
    made.mn.close(second)
    made.run(65)
    assert made.mn.binding_updates.of_home_address(freed) == []
    assert freed not in made.ha.bindings and freed not in made.cn1.bindings


def test_a_deregistration_that_outlives_the_registration_registers_nothing() -> None:
    made, freed = closed(home_lifetime_s=8)
    dropper(made, "Internet-HA", lambda m: m.name == "BU" and m.home == freed.packed)
    made.run(60)
    assert made.mn.binding_updates.of_home_address(freed) == []
    asked = [m for m in messages(made, "MN", 5.0) if m.name == "BU" and m.home == freed.packed and m.lifetime_s]
    assert asked == []


def test_closed_while_the_address_is_being_registered_it_is_freed_all_the_same() -> None:
    """The de-registration overtakes duplicate address detection, which must not bind it afterwards."""
    made = world()
    made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    second = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(0.5)
    freed = second.home_address
    made.mn.close(second)
    made.run(10)
    assert freed is not None and freed not in made.ha.bindings
    assert made.mn.binding_updates.of_home_address(freed) == [] and freed not in made.mn.own_home_addresses


def test_a_flow_opened_while_its_binding_is_being_deleted_is_registered_again() -> None:
    made = world()
    first = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    made.mn.close(first)
    again = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    assert again.home_address == made.mn.primary_home_address
    assert bound_as_selected(made)


# --- the rate limit --------------------------------------------------------------------------------------------------


def test_twelve_flows_to_one_correspondent_take_four_seconds_and_keep_to_three_a_second() -> None:
    made = world()
    made.run(3)
    for _ in range(12):
        made.mn.open(made.cn1, QUIET)
    made.run(7)
    for name in ("HoTI", "CoTI", "BU"):
        sent = [m.t_ns for m in messages(made, "MN", 3) if m.name == name and m.destination == made.cn1.address.packed]
        assert all(d - a >= S for a, d in zip(sent, sent[3:], strict=False)), f"more than three {name} within a second"
        if name == "HoTI":
            assert len(sent) == 12, "each test is asked for once"
        if name == "CoTI":
            assert len(sent) == 1, "one care-of token serves all home addresses (section 5.2.7)"
    assert bound_as_selected(made)


def test_an_unanswered_test_of_a_closed_flow_does_not_hold_up_the_next() -> None:
    made = world()
    first = made.mn.open(made.cn1, QUIET)
    made.run(5)
    dropper(made, "cell0", lambda m: m.name in ("CoTI", "CoT"))
    made.mn.handover(first, "cell0")
    made.run(0.5)
    made.mn.close(first)
    made.run(20)
    made.network.segments["cell0"].taps.clear()
    made.network.segments["cell0"].refresh()
    again = made.mn.open(made.cn1, QUIET, interface="cell0")
    made.run(0.5)
    assert bound_as_selected(made), again


# --- any history -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_random_histories_stay_in_the_table_and_settle(seed: int) -> None:
    """Open, close, hand over, lose, double and cut: no event that the table lacks, and in the end all is bound."""
    random = Random(seed)
    home_s, cn_s = random.choice([16, 40, 3600]), random.choice([12, 40, 420])
    made = world(
        seed=seed,
        reuse_tokens=seed % 2 == 0,
        home_lifetime_s=home_s,
        binding_lifetime_s=cn_s,
        wire=False,
        trace="control",
    )
    flows = []
    segments = [made.network.segments[name] for name in ("wlan0", "cell0", "Internet-HA", "cn1")]
    calm = {segment.name: segment.link for segment in segments}
    made.run(3)
    for _ in range(60):
        action = random.random()
        if action < 0.3 and len(flows) < 6:
            cn = random.choice(made.cns)
            flows.append(made.mn.open(cn, QUIET, random.choice(["wlan0", "cell0"])))
        elif action < 0.45 and flows:
            made.mn.close(flows.pop(random.randrange(len(flows))))
        elif action < 0.85 and flows:
            made.mn.handover(
                random.choice(flows), random.choice(["wlan0", "cell0"]), home_follows=random.random() < 0.3
            )
        else:
            segment = random.choice(segments)
            loss, copies = random.choice([0.0, 0.3, 0.8, 1.0]), random.choice([0.0, 0.3])
            segment.configure(
                mf.Link(delay_ms=calm[segment.name].delay_ms, rate_bps=None, loss=loss, duplication=copies)
            )
        made.run(random.choice([0.001, 0.03, 0.11, 0.7, 3, 12]))
    for segment in segments:
        segment.configure(calm[segment.name])
    made.run(150)
    assert {entry.state for entry in made.mn.binding_updates} <= {State.BOUND, State.WAITING, State.UPDATING}
    made.run(20)
    assert len(list(made.mn.flows)) == len(flows)
    assert bound_as_selected(made)
    held = {(b.home_address, cn.address) for cn in made.cns for b in cn.bindings}
    used = {(flow.home_address, flow.cn) for flow in made.mn.flows}
    # What an outage left behind, because nobody answered three times, goes when its lifetime ends.
    assert held == used if cn_s < 150 else held >= used
    wanted = {entry.home_address for entry in made.mn.home_addresses}
    at_home = {b.home_address for b in made.ha.bindings}
    assert at_home == wanted if home_s < 150 else at_home >= wanted
    assert wanted == {made.mn.primary_home_address} | {flow.home_address for flow in made.mn.flows}


def test_the_table_is_closed_and_every_state_can_be_reached_and_left() -> None:
    assert {state for state, _ in TRANSITIONS} == set(State)
    assert set(TRANSITIONS.values()) == set(State)
    reached = {State.IDLE}
    while True:
        more = {after for (before, _), after in TRANSITIONS.items() if before in reached} | reached
        if more == reached:
            break
        reached = more
    assert reached == set(State)
    assert all(
        any(before is state and after is not state for (before, _), after in TRANSITIONS.items()) for state in State
    )
    assert {event for _, event in TRANSITIONS} == set(EntryEvent)


def test_a_forged_update_is_dropped_and_changes_no_cache() -> None:
    made, _ = speaking()
    before = [b.row() for b in made.cn1.bindings]
    option = DestinationOptions((HomeAddressOption(made.mn.primary_home_address),))
    for update in (BindingUpdate(1), BindingUpdate(60000, lifetime_units=100)):
        made.cn2.send_direct(Packet(made.cn2.address, made.cn1.address, update, extensions=(option,)))
    made.cn2.send_direct(Packet(made.cn2.address, made.cn1.address, UDP(1, 2), extensions=(option,)))
    made.run(1)
    assert [b.row() for b in made.cn1.bindings] == before
    assert len([d for d in made.trace.drops() if d.node == "CN1"]) == 3


# --- other interfaces, other home agents (sections 11.5.4, 11.7.1) ---------------------------------------------------


def test_bindings_of_a_failed_interface_move_at_home_first_then_at_correspondents() -> None:
    """design: every home address bound there is registered elsewhere first; then the correspondents (11.7.2)."""
    made = world()
    flows = [made.mn.open(made.cn1, QUIET) for _ in range(2)]
    made.run(5)
    made.mn.handover(flows[1], "cell0")
    made.run(3)
    start = made.now
    made.mn.interface("wlan0").set_up(False)
    made.run(3)
    cell = made.mn.care_of_address("cell0")
    sent = [m for m in messages(made, "MN", start) if m.name == "BU"]
    homes = [m for m in sent if m.destination == made.mn.home_agent.packed]
    assert sent[:2] == homes and len(homes) == 2 and {m.source for m in sent} == {cell.packed}
    answered = next(m.t_ns for m in messages(made, "HA", start) if m.name == "BA")
    assert all(m.t_ns > answered for m in sent[2:]) and [m.home for m in sent[2:]] == [flows[0].home_address.packed]  # type: ignore[union-attr]
    assert {b.care_of_address for b in (*made.ha.bindings, *made.cn1.bindings)} == {cell}
    assert all(flow.interface == "cell0" and flow.registered_at_cn == cell for flow in flows)
    received = flows[0].stats.down.received
    made.run(3)
    assert flows[0].stats.down.received > received


def test_an_interface_that_comes_up_again_wakes_registrations_that_waited() -> None:
    """With no other interface nothing can be said; when it is up again everything is, without waiting for a timer."""
    made, flow = speaking()
    made.mn.interface("cell0").set_up(False)
    late = made.mn.open(made.cn1, QUIET, interface="wlan0")
    made.mn.interface("wlan0").set_up(False)
    made.cn1.unbind(made.mn.primary_home_address)
    made.run(60)
    assert late.wait_ms is None
    made.mn.interface("wlan0").set_up(True)
    made.run(3)
    assert late.care_of_address == made.mn.care_of_address("wlan0") and late.wait_ms is not None
    assert bound_as_selected(made), flow


def change_home_agent(made: World, home_agent: Address) -> None:
    made.mn.mobility.home_agent = home_agent
    made.mn.registrar.tell(HomeAgentChanged(home_agent))


def test_another_home_agent_is_registered_with_when_the_former_has_let_go() -> None:
    """Section 11.7.1: the former would defend the home address; de-registered first, then registered at the new one."""
    made, flow = speaking()
    former, other = made.mn.home_agent, Address("2001:db8:100::8")
    start = made.now
    change_home_agent(made, other)
    made.run(1)
    home = [m for m in messages(made, "MN", start) if m.name == "BU" and m.destination != made.cn1.address.packed]
    assert [(m.destination, m.lifetime_s > 0) for m in home[:2]] == [(former.packed, False), (other.packed, True)]
    assert home[1].t_ns > next(m.t_ns for m in messages(made, "HA", start) if m.name == "BA")
    assert len(made.ha.bindings) == 0 and made.mn.binding_updates.get((former, flow.home_address)) is None  # type: ignore[arg-type]
    assert made.mn.home_agent == other
    change_home_agent(made, former)  # the other never answered
    made.run(30)
    assert len(made.ha.bindings) == 1 and bound_as_selected(made)


def test_a_home_agent_that_is_silent_at_the_longest_wait_is_not_waited_for() -> None:
    """Section 11.7.1: the process is restarted with the next home agent."""
    made = world()
    made.network.segments["Internet-HA"].set_up(False)
    made.run(60)
    start, other = made.now, Address("2001:db8:100::8")
    change_home_agent(made, other)
    assert [m.destination for m in messages(made, "MN", start) if m.name == "BU"] == [other.packed]
    (entry,) = made.mn.binding_updates
    assert entry.peer == other and entry.timeout_ns() == 1.5 * S


def test_a_registration_that_is_wanted_while_it_is_being_deleted_follows() -> None:
    """The last wish counts: delete, then register again."""
    made = world()
    made.run(5)
    home, care_of = made.mn.primary_home_address, made.mn.care_of_address("cell0")
    made.mn.registrar.deregister(made.mn.home_agent, home)
    made.mn.registrar.register_home(home, care_of)
    made.run(3)
    (binding,) = made.ha.bindings
    assert binding.care_of_address == care_of == made.mn.registered_at_home(home)
    sent = [m.lifetime_s > 0 for m in messages(made, "MN", 5) if m.name == "BU"]
    assert sent == [False, True]


def test_no_more_than_three_updates_a_second_about_new_care_of_addresses_to_the_home_agent() -> None:
    """Section 11.5.3, for each home address: the last care-of address is the one that is registered."""
    made = world(mode="tunnel")
    flow = made.mn.open(made.cn1, QUIET)
    made.run(5)
    start = made.now
    for number in range(20):
        made.mn.handover(flow, ("cell0", "wlan0")[number % 2])
        made.run(0.05)
    made.mn.handover(flow, "cell0")
    made.run(5)
    times = updates(made, made.mn.home_agent.packed, start)
    assert len(times) > 3 and all(d - a >= S for a, d in zip(times, times[3:], strict=False))
    assert made.mn.registered_at_home(made.mn.primary_home_address) == made.mn.care_of_address("cell0")


def test_returning_home_the_home_agent_is_told_first_and_then_the_correspondents() -> None:
    """Sections 11.5.5 and 11.7.2: A and H, lifetime 0, the home address as source and care-of address; then each
    correspondent deletes, by the home token alone, asked for without a tunnel.
    """
    made = world(reuse_tokens=False)
    flow = made.mn.open(made.cn1, QUIET)
    made.run(5)
    home, start = made.mn.primary_home_address, made.now
    assert flow.registered_at_cn is not None
    made.mn.visit("wlan0", made.network.segments["home"])
    made.run(5)
    sent = [m for m in messages(made, "MN", start) if m.name == "BU" and m.source == home.packed]
    assert [m.destination for m in sent] == [made.mn.home_agent.packed, made.cn1.address.packed]
    assert all(m.home is None and m.lifetime_s == 0 and m.flags & 0x80 for m in sent)
    assert sent[0].flags & 0x40 and sent[0].options[3] == home.packed
    answered = next(m.t_ns for m in messages(made, "HA", start) if m.name == "BA")
    test, answer = ([m for m in messages(made, who, start) if m.name == name][-1]
                    for who, name in (("MN", "HoTI"), ("CN1", "HoT")))  # fmt: skip
    assert test.t_ns > answered and test.tunnel is None and test.source == home.packed
    kbm = hashlib.sha1(answer.token).digest()
    assert sent[1].indices == (answer.nonce_index, 0)
    assert sent[1].authenticator == authenticator(kbm, home.packed, made.cn1.address.packed, sent[1])
    assert len(made.ha.bindings) == 0 and len(made.cn1.bindings) == 0 and len(made.mn.binding_updates) == 0
    received = flow.stats.down.received
    made.run(3)
    assert flow.stats.down.received > received


def test_a_deregistration_that_waited_for_the_home_agent_goes_on_with_its_token() -> None:
    # Section 11.7.2: nothing is left at a correspondent for want of an answer that came later.
    made = world()
    flow = made.mn.open(made.cn1, mf.apps.Voice(), "wlan0")
    second = made.mn.open(made.cn1, mf.apps.Voice(), "wlan0")
    made.run(5)
    assert len(made.cn1.bindings) == 2 and flow.home_address != second.home_address
    # Away: the home agent's binding leads nowhere.
    made.mn.visit("wlan0", made.network.segments["wlan0"], handoff_ms=3000.0)
    made.mn.close(second)
    made.run(10)
    assert [entry.home_address for entry in made.cn1.bindings] == [flow.home_address]
    assert made.mn.binding_updates.get((made.cn1.address, second.home_address)) is None


def test_an_acknowledgement_is_for_the_address_that_was_asked_for() -> None:
    """MAX_UPDATE_RATE keeps the update for another address back, while the one before is acknowledged."""
    made = world()
    made.run(5)
    mn, primary = made.mn, made.mn.primary_home_address
    wlan, cell = mn.care_of_address("wlan0"), mn.care_of_address("cell0")
    for care_of in (cell, wlan, cell, wlan):
        mn.registrar.register_home(primary, care_of)
    made.run(0.5)
    assert mn.registered_at_home(primary) == made.ha.bindings.get(primary).care_of_address == cell  # type: ignore[union-attr]
    made.run(2)
    assert mn.registered_at_home(primary) == made.ha.bindings.get(primary).care_of_address == wlan  # type: ignore[union-attr]
