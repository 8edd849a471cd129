"""The mobile node's reaction to refusals, advice and silence, with answers made by hand (RFC 6275 section 11.7)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

import mipflow as mf
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_update_list import State
from mipflow.mip6.registrations.events import PrefixesLearned
from mipflow.mip6.registrations.steps import News
from mipflow.wire.address import Address
from mipflow.wire.codec import decode, encode
from mipflow.wire.packet import Packet
from tests.mip6 import octets
from tests.mip6.headers import BA, BLANK, mobility_header, packet, signed
from tests.mip6.registrations.worlds import QUIET, speaking
from tests.mip6.worlds import S, data_hops, dropper, messages, world

Answer = tuple[Any, ...]
"""Status, lifetime in units of four seconds, and mobility options."""


def answering(made: World, peer: Address, answer: Callable[[octets.Message], Answer | None]) -> list[octets.Message]:
    """Answer binding updates in the place of a peer, where `answer(update)` says how; return those that were answered.

    A correspondent's answer is signed with the tokens that went over the wire.
    """
    taken: list[octets.Message] = []

    def reply(update: octets.Message, status: int, lifetime_units: int, *options: tuple[int, bytes]) -> None:
        number = (update.sequence + 100 * (status == 135)) & 0xFFFF
        message = mobility_header(BA, struct.pack("!BBHH", status, 0, number, lifetime_units), *options)
        if BLANK in options:
            tests = {m.name: m.token for m in messages(made, "CN1") if m.name in ("HoT", "CoT")}
            kbm = hashlib.sha1(tests["HoT"] + tests["CoT"]).digest()
            message = signed(message, kbm, update.source, peer.packed)
        made.mn.receive(decode(packet(peer.packed, update.source, message, routing=update.home)), made.mn.addresses[
            Address(int.from_bytes(update.source, "big"))
        ])  # fmt: skip

    def tap(sent: Packet, now: int) -> str | None:
        message = octets.read(encode(sent), now)
        if message is None or message.name != "BU" or message.destination != peer.packed:
            return None
        said = answer(message)
        if said is None:
            return None
        taken.append(message)
        made.network.clock.at(now + 20_000_000, lambda _: reply(message, *said))
        return "taken by the test"

    made.network.segments["Internet-HA" if peer == made.mn.home_agent else "cn1"].tap(tap)
    return taken


def updates_s(made: World, peer: Address) -> list[float]:
    return [m.t_ns / S for m in messages(made, "MN") if m.name == "BU" and m.destination == peer.packed]


def decisions(made: World, what: str) -> list[str]:
    return [d.why for d in made.trace.decisions() if d.what == what]


def at_home(made: World) -> Any:
    return made.mn.binding_updates.get((made.mn.home_agent, made.mn.primary_home_address))


def at_cn1(made: World) -> Any:
    return made.mn.binding_updates.get((made.cn1.address, made.mn.primary_home_address))


# --- refusals (section 11.7.3) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (128, "reason unspecified"), (129, "administratively prohibited"), (130, "insufficient resources"),
        (131, "home registration not supported"), (132, "not home subnet"),
        (133, "not home agent for this mobile node"), (139, "registration type change disallowed"),
        (174, "invalid care of address"), (200, ""),
    ],
)  # fmt: skip
def test_a_refusal_by_the_home_agent_is_recorded_and_asked_again_after_32_s(status: int, words: str) -> None:
    """Section 11.7.3: no further updates for a period; at the slowest rate of section 11.8, with a new number."""
    made = world()
    taken = answering(made, made.mn.home_agent, lambda _: None if taken else (status, 0))
    made.run(10)
    assert (at_home(made).state, at_home(made).registered, len(taken)) == (State.REFUSED, None, 1)
    (why,) = decisions(made, "registration refused")
    assert why.startswith(f"status {status}") and words in why and why.endswith("tried again in 32 s")
    made.run(40)
    first, second = updates_s(made, made.mn.home_agent)
    assert 32 < second - first < 32.2
    sequences = [m.sequence for m in messages(made, "MN") if m.name == "BU"]
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(sequences))
    assert at_home(made).state is State.BOUND, "it was accepted now"


def test_a_refused_refresh_leaves_the_binding_as_it_is_until_it_ends() -> None:
    """Section 11.7.3: a refused update has changed nothing at the peer, so the tunnel stays."""
    made = world(home_lifetime_s=40)
    made.run(5)
    answering(made, made.mn.home_agent, lambda _: (130, 0))
    made.run(30)
    assert at_home(made).state is State.REFUSED and at_home(made).registered is not None
    made.run(10)
    assert at_home(made).registered is None, "its lifetime is over"


def test_a_refusal_by_a_correspondent_keeps_to_the_tunnel_for_seven_minutes() -> None:
    """Section 11.7.3: future updates are not sent to it; after a period it is tried again."""
    made = world()
    taken = answering(made, made.cn1.address, lambda _: None if taken else (129, 0, BLANK))
    flow = made.mn.open(made.cn1, QUIET)
    made.run(10)
    assert at_cn1(made).state is State.REFUSED and len(taken) == 1
    assert all(isinstance(h.packet.payload, Packet) for h in data_hops(made, flow.id) if h.channel.sender == "MN")
    made.run(430)
    first, second = updates_s(made, made.cn1.address)
    assert 420 < second - first < 421 and at_cn1(made).state is State.BOUND


def test_a_refusal_for_one_care_of_address_does_not_delay_an_update_for_another() -> None:
    """Section 11.7.3: the cause of a 174 (invalid care-of address) can be corrected."""
    made = world()
    taken = answering(made, made.mn.home_agent, lambda m: (174, 0) if m.source.startswith(WLAN) else None)
    made.run(5)
    assert len(taken) == 1
    made.mn.registrar.register_home(made.mn.primary_home_address, made.mn.care_of_address("wlan0"))
    assert len(updates_s(made, made.mn.home_agent)) == 1, "not for the same one"
    made.mn.registrar.register_home(made.mn.primary_home_address, made.mn.care_of_address("cell0"))
    made.run(3)
    assert at_home(made).registered == made.mn.care_of_address("cell0")


WLAN = Address("2001:db8:200::").packed[:8]


def test_an_acceptance_for_no_time_is_a_refusal() -> None:
    """Section 11.7.3: a lifetime of zero is no binding, and to ask on and on is no use."""
    made = world()
    taken = answering(made, made.mn.home_agent, lambda _: (0, 0))
    made.run(20)
    assert at_home(made).state is State.REFUSED and len(taken) == 1


@pytest.mark.parametrize("status", [135, 138])
def test_a_peer_that_always_wants_a_correction_is_left_alone_after_three(status: int) -> None:
    """Section 11.7.3: if correcting fails, no further updates for a while."""
    made = world()
    proof = () if status == 138 else (BLANK,)
    taken = answering(made, made.cn1.address, lambda m: (status, 0, *proof))
    made.mn.open(made.cn1, QUIET)
    made.run(20)
    assert at_cn1(made).state is State.REFUSED and len(taken) == 4


def test_a_refused_flow_drops_what_it_holds_and_goes_on_when_the_home_agent_accepts() -> None:
    """No packet waits for a home agent that said no: each is dropped, with its status as the reason."""
    made = world()
    taken = answering(made, made.mn.home_agent, lambda _: None if taken else (130, 0))
    flow = made.mn.open(made.cn1, QUIET)
    made.run(20)
    assert "status 130 (insufficient resources)" in flow.refused and len(decisions(made, "flow refused")) == 1
    dropped = [d for d in made.trace.drops() if d.reason == flow.refused]
    assert len(dropped) == flow.stats.up.sent > 30, "held ones and later ones"
    made.run(30)
    assert not flow.refused and flow.ready_ns is not None and flow.stats.up.received > 0


# --- what a home agent asks for (sections 6.2.4, 11.7.1, 11.7.3) -----------------------------------------------------


def test_the_home_agents_refresh_advice_is_followed() -> None:
    """Section 11.7.3: a refresh at the interval of the option, in units of four seconds."""
    made = world()
    answering(made, made.mn.home_agent, lambda _: (0, 900, (2, struct.pack("!H", 5))))
    made.run(70)
    waits = [b - a for a, b in pairwise(updates_s(made, made.mn.home_agent))]
    assert len(waits) == 3 and all(wait == pytest.approx(20, abs=0.001) for wait in waits)


@pytest.mark.parametrize("units", [0, 900, 65535])
def test_advice_that_is_no_shorter_than_the_lifetime_says_nothing(units: int) -> None:
    """Section 6.2.4: the interval must be less than the lifetime."""
    made = world()
    answering(made, made.mn.home_agent, lambda _: (0, 100, (2, struct.pack("!H", units))))
    made.run(350)
    first, second = updates_s(made, made.mn.home_agent)
    assert second - first == pytest.approx(320, abs=0.001)


def test_refresh_advice_of_a_correspondent_is_ignored() -> None:
    """Section 11.7.3: it MUST be."""
    made = world()
    answering(made, made.cn1.address, lambda _: (0, 105, (2, struct.pack("!H", 5)), BLANK))
    made.run(3)
    care_of = made.mn.care_of_address("wlan0")
    made.mn.registrar.register_correspondent(made.cn1.address, made.mn.primary_home_address, care_of)
    made.run(60)
    assert at_cn1(made).state is State.BOUND and len(updates_s(made, made.cn1.address)) == 1


def test_status_1_wants_prefix_discovery_and_no_refresh_before_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections 11.7.1 and 11.7.3: registered, but not again before the home prefixes are known to be valid."""
    made = world()
    wanted: list[float] = []
    monkeypatch.setitem(made.mn.registrar.hears, News.PREFIXES_WANTED, lambda: wanted.append(made.now))
    answering(made, made.mn.home_agent, lambda _: (1, 25))
    made.run(95)
    assert at_home(made).registered is not None and len(updates_s(made, made.mn.home_agent)) == 1
    assert len(wanted) == 2, "at once, and once more when it was time to refresh"
    made.mn.registrar.tell(PrefixesLearned())
    made.run(1)
    assert len(updates_s(made, made.mn.home_agent)) == 2


def test_without_prefix_discovery_the_registration_is_renewed_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 11.7.1 says "should not": a mobile node that nobody can reach any more has nothing to lose."""
    made = world()
    monkeypatch.setitem(made.mn.registrar.hears, News.PREFIXES_WANTED, lambda: None)
    answering(made, made.mn.home_agent, lambda _: (1, 25))
    made.run(110)
    first, second = updates_s(made, made.mn.home_agent)
    assert second - first == pytest.approx(100, abs=0.001) and at_home(made).registered is not None


# --- silence (sections 5.2.9, 11.7.1, 11.8) --------------------------------------------------------------------------


def test_after_three_unanswered_tests_the_tunnel_while_they_go_on() -> None:
    """Section 5.2.9: after MAX_RO_FAILURE attempts the tunnel, though the old binding still lives; then back again."""
    made, flow = speaking()
    gone = dropper(made, "cn1", lambda m: m.name in ("HoTI", "CoTI"))
    start = made.now
    made.mn.handover(flow, "cell0")
    made.run(6.9)
    assert at_cn1(made).state is State.WAITING
    assert made.mn.mobility.find_road(flow.home_address, made.cn1.address).kind == "route optimisation"
    made.run(0.5)
    assert at_cn1(made).state is State.FALLBACK and len(gone) == 4, "the fourth attempt goes on"
    road = made.mn.mobility.find_road(flow.home_address, made.cn1.address)
    assert road.kind == "tunnel" and flow.registered_at_cn is None
    (why,) = decisions(made, "fallback to the tunnel")
    assert why == f"{made.cn1.address} has left 3 attempts for {flow.home_address} unanswered"
    made.network.segments["cn1"].taps.clear()
    made.network.segments["cn1"].refresh()
    made.run(10)
    assert at_cn1(made).state is State.BOUND and flow.registered_at_cn == made.mn.care_of_address("cell0")
    assert [m.t_ns / S - start for m in messages(made, "MN", start) if m.name == "CoTI"][-1] < 15.2


def test_tests_of_different_addresses_back_off_by_themselves() -> None:
    """Section 11.8: a separate back-off for each message type, home address and care-of address."""
    made = world()
    made.run(3)
    dropper(made, "cn1", lambda m: m.name == "HoTI")
    made.mn.open(made.cn1, QUIET)
    made.run(1.5)
    made.mn.open(made.cn1, QUIET)
    made.run(8)
    sent: dict[bytes, list[float]] = {}
    for message in messages(made, "MN"):
        if message.name == "HoTI":
            sent.setdefault(message.source, []).append(message.t_ns / S)
    assert len(sent) == 2
    for times in sent.values():
        assert [b - a for a, b in pairwise(times)][:2] == pytest.approx([1, 2])
    assert len([m for m in messages(made, "MN") if m.name == "CoTI"]) == 1, "it was answered"


def test_a_home_agent_that_stays_silent_is_reported_at_the_longest_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 11.7.1: at MAX_BINDACK_TIMEOUT another home agent may be tried; with only one it goes on at that rate."""
    made = world()
    silent: list[float] = []
    monkeypatch.setitem(made.mn.registrar.hears, News.SILENT, lambda: silent.append(made.now))
    made.network.segments["Internet-HA"].set_up(False)
    made.run(125)
    times = updates_s(made, made.mn.home_agent)
    assert [b - a for a, b in pairwise(times)] == pytest.approx([1.5, 3, 6, 12, 24, 32, 32])
    assert silent == pytest.approx(times[5:])


def test_a_duplicate_home_address_is_never_registered_again() -> None:
    """Section 11.7.1: after status 134 the mobile node must not use the address again."""
    made = world()
    taken = answering(made, made.mn.home_agent, lambda _: (134, 0))
    made.run(5)
    assert len(taken) == 1 and at_home(made) is None
    made.mn.registrar.register_home(made.mn.primary_home_address, made.mn.care_of_address("cell0"))
    made.run(50)
    assert len(updates_s(made, made.mn.home_agent)) == 1
    assert made.mn.primary_home_address in made.mn.registrar.machine.duplicates


def test_a_packet_waits_32_s_for_a_home_address_and_no_longer() -> None:
    """A packet sent while the home agent is silent is dropped with its reason, not kept for ever."""
    made = world()
    made.network.segments["Internet-HA"].set_up(False)
    flow = made.mn.open(made.cn1, mf.apps.Voice(interval_ms=10_000, payload_bytes=20))
    made.run(75)
    dropped = [d for d in made.trace.drops() if d.reason == "it waited 32 s for a home address"]
    assert flow.stats.up.sent == 8 and len(dropped) == 5


def test_a_refused_registration_is_deleted_without_waiting_for_the_next_try() -> None:
    """Section 11.7.2: a binding that the peer still holds is deleted at once, refused or not."""
    made = world()
    made.run(5)
    refusing = answering(made, made.mn.home_agent, lambda m: (130, 0) if m.lifetime_s else None)
    made.mn.registrar.register_home(made.mn.primary_home_address, made.mn.care_of_address("cell0"))
    made.run(1)
    assert at_home(made).state is State.REFUSED and len(refusing) == 1 and len(made.ha.bindings) == 1
    made.mn.registrar.deregister(made.mn.home_agent, made.mn.primary_home_address)
    made.run(1)
    assert at_home(made) is None and made.mn.primary_home_address not in made.ha.bindings


def test_135_with_the_number_that_was_just_sent_is_tried_again_under_the_next_one() -> None:
    """Section 11.7.3, whoever had that number: an attacker at the peer, or a copy of the update that a link made. Then
    the first one's answer follows and counts, and the others are about an older number.
    """
    made = world()
    made.run(1.03)
    sent = [m for m in messages(made, "MN") if m.name == "BU"]
    update = sent[-1]
    message = mobility_header(BA, struct.pack("!BBHH", 135, 0, update.sequence, 0))
    for _ in range(5):
        answer = decode(packet(made.mn.home_agent.packed, update.source, message, routing=update.home))
        made.mn.receive(answer, made.mn.interfaces["wlan0"])
    made.run(3)
    assert at_home(made).state is State.BOUND and len(updates_s(made, made.mn.home_agent)) == 2


def test_a_care_of_token_that_became_too_old_while_updates_wait_is_asked_for_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three home tests a second leave for one correspondent: of 40 registrations most come to their turn when the
    care-of token that all share is no longer good.
    """
    for module in ("registrations.return_routability", "constants"):
        monkeypatch.setattr(f"mipflow.mip6.{module}.MAX_TOKEN_LIFETIME_NS", 5 * S)
    made = mf.figure2(seed=7, wire=True)
    flows = [made.mn.open(made.cn1, QUIET) for _ in range(40)]
    made.run(2 + 40 / 3 + 4)
    assert [flow.id for flow in flows if flow.registered_at_cn != flow.care_of_address] == []
    assert len([m for m in messages(made, "MN") if m.name == "CoTI"]) == 3, "one in five seconds"
