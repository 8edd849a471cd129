"""A mobile node of RFC 4866 in whole worlds: messages recomputed by hand, times of handovers, fallbacks."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

import mipflow as mf
from mipflow.flow.applications.flows import Flow
from mipflow.lab.world import World
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.enhanced.cga import key_pair
from mipflow.mip6.enhanced.enhanced import EnhancedBinding
from mipflow.mip6.enhanced.registrations import MAX_PERMANENT_TOKEN_LIFETIME_NS, EnhancedRegistrations
from mipflow.node.host import Host
from tests.flow import test_times as times
from tests.mip6 import octets
from tests.mip6.octets import Message
from tests.mip6.worlds import S, dropper, messages, world
from tests.oracles import mobility_faults, tshark_complaints

QUIET = mf.apps.Voice(interval_ms=100, payload_bytes=40)
ALTERNATE, CGA, SIGNATURE, TOKEN, TEST_INIT, TEST = 3, 12, 13, 14, 15, 16


def made(**keywords: Any) -> tuple[World, Flow]:
    """Make a world of RFC 4866 with a call that is bound at CN1."""
    one = world(enhanced=True, **keywords)
    flow = one.mn.open(one.cn1, QUIET)
    one.run(6)
    assert held(one) is not None
    return one, flow


def machine_of(one: World) -> EnhancedRegistrations:
    machine = one.mn.registrar.machine
    assert isinstance(machine, EnhancedRegistrations)
    return machine


def held(one: World) -> Any:
    return next(iter(one.cn1.bindings), None)


def to_cn1(one: World, since_s: float = 0.0) -> list[Message]:
    return [m for m in messages(one, "MN", since_s) if m.destination == one.cn1.address.packed]


def names(one: World, since_s: float) -> list[str]:
    return [m.name for m in to_cn1(one, since_s)]


def permanent_of(one: World, answer: Message) -> bytes:
    token = machine_of(one).owner.key.decrypt(answer.options[TOKEN])
    assert token is not None
    return token


# --- the messages of a life (RFC 4866 sections 4.1 to 4.4, Figure 1) --------------------------------------------------


def test_every_authenticator_of_a_life_recomputed() -> None:
    """Key and home test first; then the permanent token, with no care-of token, then with the option's; deletion."""
    one, flow = made()
    one.mn.handover(flow, "cell0")
    one.run(2)
    one.mn.close(flow)
    one.run(2)
    first, early, complete, deletion = [m for m in to_cn1(one) if m.name == "BU"]
    answers = [m for m in messages(one, "CN1") if m.name == "BA"]
    tokens = [m.token for m in messages(one, "CN1") if m.name in ("HoT", "CoT")]
    permanent, cn, home = permanent_of(one, answers[0]), one.cn1.address.packed, first.home
    assert home is not None and {frozenset(m.options) for m in (first,)} == {frozenset({CGA, SIGNATURE, 4, 5})}
    by_tests = [hashlib.sha1(a + b).digest() for a, b in (tokens, tokens[::-1])]
    care_of = first.source
    assert first.authenticator in [octets.authenticator(kbm, care_of, cn, first) for kbm in by_tests]
    for update, answer, token, indices, options in (
        (early, answers[1], bytes(8), (0, 0), {TEST_INIT, 4, 5}),
        (complete, answers[2], answers[1].options[TEST], (0, 0xFFFF), {4, 5}),
        (deletion, answers[3], b"", (0, 0), {ALTERNATE, 4, 5}),
    ):
        kbm, signed = hashlib.sha1(permanent + token).digest(), update.source if token else home
        assert (update.indices, set(update.options)) == (indices, options)
        assert update.authenticator == octets.authenticator(kbm, signed, cn, update)
        assert answer.authenticator == octets.authenticator(kbm, signed, cn, answer)
        assert (answer.status, answer.sequence) == (0, update.sequence)
    assert early.t_ns < answers[1].t_ns < complete.t_ns and deletion.lifetime_s == 0
    assert held(one) is None and machine_of(one).permanent == {}


def test_no_test_message_leaves_for_a_handover_or_a_deletion() -> None:
    """Sections 3.4 and 3.5: the home test was the first's; the care-of test travels in the updates."""
    one, flow = made()
    since = one.now
    one.mn.handover(flow, "cell0")
    one.run(3)
    one.mn.close(flow)
    one.run(3)
    assert names(one, since) == ["BU", "BU", "BU"]


def test_the_binding_lasts_as_long_as_that_at_home_and_not_seven_minutes() -> None:
    """Sections 4.1 and 4.4: MAX_CGA_BINDING_LIFETIME, but no longer than the home registration."""
    one, _ = made()
    assert 3580 < held(one).expires_at_s - one.now < 3600
    one = world(enhanced=True, home_lifetime_s=200_000)
    one.ha.max_lifetime_s = 200_000
    one.mn.open(one.cn1, QUIET)
    one.run(6)
    assert 86_390 < held(one).expires_at_s - one.now <= 86_400


def test_a_fresh_care_of_token_makes_the_update_complete_at_once() -> None:
    """Section 4.1: a valid care-of token must be used. Back on an interface that was tested a moment ago."""
    one, flow = made()
    one.mn.handover(flow, "cell0")
    one.run(2)
    since = one.now
    one.mn.handover(flow, "wlan0")
    one.run(2)
    (update,) = to_cn1(one, since)
    assert update.name == "BU" and TEST_INIT not in update.options and held(one).care_of_verified
    since = one.now
    one.mn.handover(flow, "cell0")
    one.run(2)
    early, complete = to_cn1(one, since)
    assert TEST_INIT in early.options and complete.indices == (0, 0xFFFF), "an option's token is good once"


def test_further_home_addresses_are_of_the_same_key_and_prove_themselves() -> None:
    one, first = made()
    second = one.mn.open(one.cn1, QUIET)
    one.run(6)
    owner = machine_of(one).owner
    for flow in (first, second):
        assert flow.home_address is not None and owner.parameters[flow.home_address].verifies(flow.home_address)
    assert first.home_address != second.home_address and len(machine_of(one).permanent) == 2
    assert len({token.value for token in machine_of(one).permanent.values()}) == 2


def test_an_address_that_somebody_has_gets_the_next_collision_count() -> None:
    """RFC 3972 section 4 step 8: the home agent's duplicate address detection finds it, the modifier stays."""
    one, _ = made()
    owner = machine_of(one).owner
    state = owner._random.getstate()
    taken = owner.generate(one.mn.pool.allocation.prefix)
    owner._random.setstate(state)
    squatter = one.ha.home_link.segment
    assert squatter is not None
    Host(one.network, "Squatter").settle(squatter, taken.interface_identifier)
    flow = one.mn.open(one.cn1, QUIET)
    one.run(8)
    assert flow.home_address is not None and flow.home_address != taken
    found = owner.parameters[flow.home_address]
    assert found.collision_count == 1 and found.verifies(flow.home_address)


def test_same_seed_same_run() -> None:
    def digest(seed: int) -> str:
        one, flow = made(seed=seed)
        one.mn.handover(flow, "cell0")
        one.run(2)
        return one.trace.digest()

    first = digest(1)
    key_pair.cache_clear()
    assert digest(1) == first != digest(2)


def test_tshark_and_the_independent_check_find_nothing(tmp_path: Path, tshark: str) -> None:
    one, flow = made()
    one.mn.handover(flow, "cell0")
    one.run(1)
    path = tmp_path / "enhanced.pcap"
    one.pcap(path)
    assert mobility_faults(path) == [] and tshark_complaints(path, tshark) == []


# --- the time of a handover (section 2.1) ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_handover_takes_one_round_trip_to_the_correspondent(seed: int) -> None:
    """From handover() to the first data at the new care-of address: one way for the update, one for the packet."""
    d = times.Delays.random(seed)
    one, call = times.prepared(d, seed, enhanced=True)
    start, took = times.measured(one, call)
    w = times.next_packet(one, start + d.n_cn) - (start + d.n_cn)
    assert took == 2 * d.n_cn + w


@pytest.mark.parametrize("seed", range(4))
def test_a_home_registration_does_not_make_it_longer(seed: int) -> None:
    """Section 3.7: both leave at once. RFC 6275 waits for the home agent and its tests: see (B) in test_times."""
    d = times.Delays.random(seed)
    one, call = times.prepared(d, seed, enhanced=True)
    start, took = times.measured(one, call, home_follows=True)
    w = times.next_packet(one, start + d.n_cn) - (start + d.n_cn)
    assert took == 2 * d.n_cn + w
    assert all(binding.care_of_address == one.mn.care_of_address("cell0") for binding in one.ha.bindings)


def test_the_credit_of_a_call_outlasts_the_care_of_test() -> None:
    """Sections 3.6 and 4.11: as much comes as goes, so nothing of it is dropped before the address is verified."""
    one, flow = made()
    one.mn.handover(flow, "cell0")
    one.run(3)
    assert flow.stats.down.lost == 0
    assert not [drop for drop in one.trace.drops() if "credit" in drop.reason]


# --- renewal (sections 4.5 and 4.9) ----------------------------------------------------------------------------------


def test_a_binding_near_its_end_renews_the_permanent_token() -> None:
    one, _ = made(home_lifetime_s=100)
    before = dict(machine_of(one).permanent)
    since = one.now
    one.run(100)
    updates = [m for m in to_cn1(one, since) if m.name == "BU"]
    assert updates and all({CGA, SIGNATURE} <= set(m.options) for m in updates)
    (token,) = machine_of(one).permanent.values()
    assert token.value not in [old.value for old in before.values()] and held(one).permanent_token == token.value


def test_a_movement_does_not_wait_for_a_renewal() -> None:
    one, flow = made(home_lifetime_s=100)
    one.network.segments["Internet-HA"].set_up(False)  # its home test gets no answer
    (entry,) = [e for e in one.mn.binding_updates if not e.home_registration]
    machine_of(one).renew(entry)
    one.run(0.5)
    since = one.now
    one.mn.handover(flow, "cell0")
    one.run(0.5)
    assert names(one, since)[:2] == ["BU", "BU"] and held(one).care_of_address == one.mn.care_of_address("cell0")


def test_a_permanent_token_ends_before_a_sequence_number_comes_twice() -> None:
    """Section 4.9: 65,536 numbers at three a second."""
    assert MAX_PERMANENT_TOKEN_LIFETIME_NS == 21845 * S
    one, flow = made()
    assert flow.home_address is not None
    key, since = (one.cn1.address, flow.home_address), one.now
    token = machine_of(one).permanent[key]
    old_ns = one.network.clock.now - MAX_PERMANENT_TOKEN_LIFETIME_NS
    machine_of(one).permanent[key] = replace(token, received_ns=old_ns)
    one.mn.handover(flow, "cell0")
    one.run(2)
    assert names(one, since)[-1] == "BU" and CGA in to_cn1(one, since)[-1].options
    assert machine_of(one).permanent[key].value == held(one).permanent_token != token.value


# --- loss and refusals (sections 4.4 and 5.7) ------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [1, 2])
def test_an_update_or_answer_that_is_lost_comes_again(lost: int) -> None:
    one, flow = made()
    count = [0]

    def nth(message: Message) -> bool:
        count[0] += message.name == "BA"
        return message.name == "BA" and count[0] == lost

    dropper(one, "cn1", nth)
    one.mn.handover(flow, "cell0")
    one.run(4)
    assert held(one).care_of_verified and held(one).care_of_address == one.mn.care_of_address("cell0")
    assert flow.care_of_address == one.mn.care_of_address("cell0")


def test_a_permanent_token_without_any_answer_is_renewed_by_key() -> None:
    """Section 4.4: registrations persistently fail."""
    one, flow = made()
    drops = dropper(one, "cn1", lambda m: m.name == "BU" and CGA not in m.options)
    since = one.now
    one.mn.handover(flow, "cell0")
    one.run(12)
    assert len(drops) == 3 and held(one).care_of_address == one.mn.care_of_address("cell0")
    assert any(CGA in m.options for m in to_cn1(one, since) if m.name == "BU")


def test_147_the_peer_has_lost_its_state_and_gets_a_new_proof() -> None:
    one, flow = made()
    assert flow.home_address is not None
    one.cn1.unbind(flow.home_address)
    since = one.now
    one.mn.handover(flow, "cell0")
    one.run(3)
    statuses = [m.status for m in messages(one, "CN1", since) if m.name == "BA"]
    assert statuses[0] == 147 and statuses[1] == 0
    assert held(one) is not None and held(one).permanent_token in [t.value for t in machine_of(one).permanent.values()]


def test_147_for_a_deletion_is_what_was_wanted() -> None:
    one, flow = made()
    assert flow.home_address is not None
    one.cn1.unbind(flow.home_address)
    one.mn.close(flow)
    one.run(3)
    assert [e for e in one.mn.binding_updates if not e.home_registration] == [] and machine_of(one).permanent == {}


def test_148_again_and_again_ends_in_tests_alone() -> None:
    """Section 4.4: a correspondent that cannot verify our proofs is treated as in RFC 6275."""
    one = world(enhanced=True)
    machine_of(one).owner.key = key_pair(99)  # it did not make our addresses
    one.mn.open(one.cn1, QUIET)
    one.run(10)
    statuses = [m.status for m in messages(one, "CN1") if m.name == "BA"]
    assert statuses == [148, 148, 148, 0]
    assert held(one).permanent_token is None and machine_of(one).unable == {one.cn1.address}
    assert held(one).expires_at_s - one.now <= 420


def test_149_a_node_that_has_forgotten_proves_itself_again() -> None:
    one, flow = made()
    machine_of(one).permanent.clear()
    machine_of(one).unable.add(one.cn1.address)
    since = one.now
    one.mn.handover(flow, "cell0")
    one.run(3)
    assert [m.status for m in messages(one, "CN1", since) if m.name == "BA"] == [149, 0]
    assert len(machine_of(one).permanent) == 1 and machine_of(one).unable == set()


# --- a correspondent node of RFC 6275 --------------------------------------------------------------------------------


def test_a_plain_correspondent_skips_the_options_and_is_treated_as_one() -> None:
    """RFC 6275 section 6.1.7: unknown options are skipped; no permanent token comes, and no second try is made."""
    one = world(enhanced=True, correspondents={"CN1": CorrespondentNode})
    flow = one.mn.open(one.cn1, QUIET)
    one.run(6)
    assert not isinstance(held(one), EnhancedBinding) and held(one) is not None
    since = one.now
    one.mn.handover(flow, "cell0")
    one.run(3)
    (update,) = [m for m in to_cn1(one, since) if m.name == "BU"]
    assert set(update.options) == {4, 5} and update.lifetime_s == 420
    assert held(one).care_of_address == one.mn.care_of_address("cell0") and machine_of(one).permanent == {}


def test_addresses_that_no_key_made_are_registered_as_rfc_6275_has_it() -> None:
    one = world(enhanced=True)
    machine_of(one).owner.parameters.clear()
    one.mn.open(one.cn1, QUIET)
    one.run(6)
    assert held(one).permanent_token is None and held(one).expires_at_s - one.now <= 420
    assert not any(CGA in m.options for m in to_cn1(one))


@pytest.mark.parametrize("seed", range(3))
def test_after_faults_both_ends_agree(seed: int) -> None:
    """Loss on every link for a minute, handovers meanwhile; then binding and wish are one, and verified."""
    random = Random(seed)
    one, flow = made(seed=seed)
    stop = one.network.clock.now + 60 * S
    for segment in one.network.segments.values():
        segment.tap(lambda packet, now: "lost" if now < stop and random.random() < 0.2 else None)
    for second in range(12):
        one.mn.handover(flow, ("cell0", "wlan0")[second % 2])
        one.run(5)
    one.run(60)
    assert held(one).care_of_address == flow.care_of_address == one.mn.care_of_address("wlan0")
    assert held(one).care_of_verified
