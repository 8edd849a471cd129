"""Binding errors, binding refresh requests and ICMPv6 parameter problems at a mobile node (RFC 6275 11.3.5, 11.3.6,
11.7.4). Everything that arrives is made by hand.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest

import mipflow as mf
from mipflow.flow.applications.flows import Flow
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_update_list import State
from mipflow.node.host import Host
from mipflow.wire.address import Address
from mipflow.wire.codec import decode, encode
from mipflow.wire.packet import Packet
from tests.mip6 import octets
from tests.mip6.headers import BE, ICMPV6, mobility_header, packet
from tests.mip6.registrations.worlds import QUIET, speaking
from tests.mip6.worlds import S, data_hops, dropper, messages, world


def tell(made: World, octets_: bytes) -> None:
    """Let octets arrive at the mobile node."""
    made.mn.receive(decode(octets_), made.mn.interfaces["wlan0"])


def error(made: World, peer: Address, status: int, home: Address | None = None) -> bytes:
    home = home or made.mn.primary_home_address
    message = mobility_header(BE, bytes([status, 0]) + home.packed)
    return packet(peer.packed, made.mn.care_of_address("wlan0").packed, message)


def entry(made: World, peer: Address) -> Any:
    return made.mn.binding_updates.get((peer, made.mn.primary_home_address))


def rows(made: World) -> list[dict[str, object]]:
    return [line.row() for line in made.mn.binding_updates]


def sent(made: World, peer: Address, *names: str, since: float = 0) -> list[octets.Message]:
    return [m for m in messages(made, "MN", since) if m.destination == peer.packed and m.name in names]


# --- binding errors (section 11.3.6) ---------------------------------------------------------------------------------


def test_a_binding_error_of_the_home_agent_makes_for_a_new_home_registration() -> None:
    """Section 11.3.6, status 1, first action."""
    made = world()
    made.run(5)
    tell(made, error(made, made.mn.home_agent, 1))
    made.run(1)
    assert len(sent(made, made.mn.home_agent, "BU")) == 2
    assert entry(made, made.mn.home_agent).state is State.BOUND


def test_status_2_is_ignored_where_no_answer_is_awaited() -> None:
    """Section 11.3.6: from a correspondent with which all is settled, from a stranger, from the home agent."""
    made, _ = speaking()
    before = rows(made)
    for peer in (made.cn1.address, made.cn2.address, made.mn.home_agent):
        tell(made, error(made, peer, 2))
    made.run(1)
    assert rows(made) == before
    assert len([d for d in made.trace.drops() if "no answer is expected" in d.reason]) == 3


def test_status_2_instead_of_an_answer_ends_route_optimisation_for_a_while() -> None:
    """Section 11.3.6: the attempt to use route optimisation is given up."""
    made = world()
    dropper(made, "cn1", lambda m: m.name in ("HoTI", "CoTI") and made.now < 100)
    flow = made.mn.open(made.cn1, QUIET)
    made.run(5)
    tell(made, error(made, made.cn1.address, 2, Address("::")))
    given_up = made.now
    made.run(400)
    assert entry(made, made.cn1.address).state is State.REFUSED
    assert sent(made, made.cn1.address, "HoTI", "CoTI", "BU", since=given_up) == []
    made.run(30)
    assert entry(made, made.cn1.address).state is State.BOUND and flow.registered_at_cn is not None


def forge_for(made: World, seconds: float, *octets_: bytes, interface: str = "cell0", every_ms: int = 10) -> None:
    """Let packets arrive again and again from now on, as if their alleged senders had sent them."""
    for number in range(round(seconds * 1000 / every_ms)):
        for each in octets_:
            at = made.network.clock.now + number * every_ms * 1_000_000
            packet_ = decode(each)
            made.network.clock.at(at, lambda _, p=packet_: made.mn.receive(p.copy(), made.mn.interfaces[interface]))  # type: ignore[misc]


@pytest.mark.parametrize("bad_link", [False, True])
def test_status_2_of_a_peer_that_has_acknowledged_lately_does_not_stop_a_failover(bad_link: bool) -> None:
    """Section 11.3.6 has a SHOULD for it, but anybody can forge it: the downlink would stand still for minutes.

    On a bad link the first messages of the failover are lost too: silence and a binding error together are not enough.
    """
    made = world(home_lifetime_s=2000)
    flow = made.mn.open(made.cn1, QUIET)
    made.run(250)  # the tokens are too old to be used again
    if bad_link:
        dropper(made, "cn1", lambda m: m.name in ("HoTI", "CoTI") and made.now < 256)
    made.mn.interface("wlan0").set_up(False)
    home, cn, care_of = flow.home_address, made.cn1.address, made.mn.care_of_address("cell0")
    assert home is not None
    bodies = [bytes([2, 0]) + named.packed for named in (home, Address("::"))]
    forged = [packet(cn.packed, care_of.packed, mobility_header(BE, body)) for body in bodies]
    forge_for(made, 20, *forged)
    made.run(20 if bad_link else 2)
    assert flow.registered_at_cn == care_of
    assert [b.care_of_address for b in made.cn1.bindings] == [care_of]
    assert not [d for d in made.trace.decisions() if d.what == "no route optimisation"]
    assert {d.reason for d in made.trace.drops() if "binding error" in d.reason} <= {
        "binding error of a peer that has answered lately", "binding error of a peer from which no answer is expected",
    }  # fmt: skip


def test_status_2_at_the_first_contact_counts_only_if_the_peer_stays_silent() -> None:
    made = world()
    made.run(5)
    flow = made.mn.open(made.cn1, QUIET)
    forge_for(made, 3, error(made, made.cn1.address, 2, Address("::")), interface="wlan0")
    made.run(2)
    assert flow.registered_at_cn is not None
    assert not [d for d in made.trace.decisions() if d.what == "no route optimisation"]


def test_an_update_that_is_not_answered_confirms_status_2_too() -> None:
    made = world()
    dropper(made, "cn1", lambda m: m.name == "BU")
    made.mn.open(made.cn1, QUIET)
    made.run(2.5)
    made.mn.registrar.machine._proofs.forget(made.cn1.address)  # as if its tests had been answered seven minutes ago
    tell(made, error(made, made.cn1.address, 2))
    assert entry(made, made.cn1.address).state is State.UPDATING
    made.run(2)
    assert entry(made, made.cn1.address).state is State.REFUSED


@pytest.mark.parametrize("phase", ["settled", "failover", "handover"])
def test_forged_status_1_costs_round_trips_in_the_tunnel_and_no_more(phase: str) -> None:
    """Section 11.3.6: the entry goes, and is registered anew, at MAX_UPDATE_RATE at most (section 11.8)."""
    made = world(home_lifetime_s=2000)
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(250)
    home, start = flow.home_address, made.network.clock.now
    assert home is not None
    for name in ("wlan0", "cell0"):
        message = mobility_header(BE, bytes([1, 0]) + home.packed)
        care_of = made.mn.care_of_address(name).packed
        forge_for(made, 10, packet(made.cn1.address.packed, care_of, message), interface=name)
    if phase == "failover":
        made.mn.interface("wlan0").set_up(False)
    elif phase == "handover":
        made.mn.handover(flow, "cell0")
    made.run(10)
    heard = [h.arrived_ns for h in data_hops(made, flow.id, start) if h.channel.receiver == "MN"]
    assert max(b - a for a, b in pairwise([start, *heard])) < (1.5 if phase == "failover" else 0.2) * S
    updates = sent(made, made.cn1.address, "BU", since=start / S)
    assert len(updates) <= 31
    made.run(3)
    assert flow.registered_at_cn == flow.care_of_address, "it is over when the attack is"


@pytest.mark.parametrize("kind", ["binding error", "refresh request"])
def test_forged_reports_about_other_bindings_leave_a_failover_its_turn(kind: str) -> None:
    """MAX_UPDATE_RATE (section 11.8) is for all bindings at a correspondent; forged reports may not use it up."""
    made = world(home_lifetime_s=2000, wire=False, trace="control")
    flow = made.mn.open(made.cn1, QUIET)
    others = [made.mn.open(made.cn1, mf.apps.Voice(interval_ms=4000), interface="cell0") for _ in range(12)]
    made.run(250)
    cn, care_of = made.cn1.address.packed, made.mn.care_of_address("cell0").packed
    forged = []
    for other in others:
        assert other.home_address is not None
        if kind == "binding error":
            message = mobility_header(BE, bytes([1, 0]) + other.home_address.packed)
            forged.append(packet(cn, care_of, message))
        else:
            forged.append(packet(cn, care_of, mobility_header(0, b"\0\0"), routing=other.home_address.packed))
    forge_for(made, 6, *forged, every_ms=50)
    made.run(3)
    made.mn.interface("wlan0").set_up(False)
    made.run(1.5)
    assert flow.registered_at_cn == made.mn.care_of_address("cell0")
    asked = sent(made, made.cn1.address, "BU", since=250.01)
    assert len(asked) <= 1 + 5, "one renewal a second, and the failover"
    made.run(20)
    assert all(other.registered_at_cn == other.care_of_address for other in others), "all come round"


def test_other_binding_errors_are_ignored() -> None:
    """Section 11.3.6: one about a superseded binding, one about a home address that is not registered there."""
    made, flow = speaking()
    made.mn.handover(flow, "cell0")
    made.run(3)
    before = rows(made)
    for status in (0, 1, 3, 255):
        tell(made, error(made, made.cn1.address, status))
        tell(made, error(made, made.cn1.address, status, Address("2001:db8:100::99")))
    assert rows(made) == before


# --- binding refresh requests (section 11.7.4) -----------------------------------------------------------------------


def test_a_binding_refresh_request_is_answered_by_both_tests_and_an_update() -> None:
    """Section 11.7.4: fresh tokens, a new number, a lifetime that is at most what is left of the home registration."""
    made = world(home_lifetime_s=100)
    made.mn.open(made.cn1, QUIET)
    made.run(40)
    asked, care_of = made.now, made.mn.care_of_address("wlan0").packed
    old = entry(made, made.cn1.address)
    before, left_s = old.sequence, entry(made, made.mn.home_agent).expires_at_s - made.now
    request = mobility_header(0, b"\0\0")
    tell(made, packet(made.cn1.address.packed, care_of, request, routing=made.mn.primary_home_address.packed))
    made.run(1)
    assert [m.name for m in sent(made, made.cn1.address, "HoTI", "CoTI", "BU", since=asked)] == ["HoTI", "CoTI", "BU"]
    (update,) = sent(made, made.cn1.address, "BU", since=asked)
    assert update.sequence == (before + 1) & 0xFFFF and left_s - 4 < update.lifetime_s <= left_s
    renewed = entry(made, made.cn1.address)
    assert renewed.state is State.BOUND and renewed.sent_ns == update.t_ns and renewed.expires_at_s > made.now + 50


def test_a_refresh_request_about_nothing_is_not_answered() -> None:
    """Section 11.7.4: not for addresses that are not in the list, and no second one while the first is under way."""
    made, _ = speaking()
    care_of, home = made.mn.care_of_address("wlan0").packed, made.mn.primary_home_address.packed
    asked = made.now
    tell(made, packet(made.cn2.address.packed, care_of, mobility_header(0, b"\0\0"), routing=home))
    made.run(1)
    assert sent(made, made.cn2.address, "HoTI", "CoTI", "BU") == []
    for _ in range(5):
        tell(made, packet(made.cn1.address.packed, care_of, mobility_header(0, b"\0\0"), routing=home))
    made.run(2)
    assert len(sent(made, made.cn1.address, "HoTI", since=asked)) == 1


# --- parameter problems (section 11.3.5) -----------------------------------------------------------------------------


def plain_world() -> tuple[World, Host, Flow]:
    """Open a flow to a correspondent that answers every Mobility Header with a parameter problem."""
    made = world()
    plain = Host(made.network, "plain")
    plain.settle(made.network.segments["cn1"], 0x55)
    return made, plain, made.mn.open(plain, QUIET)


def test_a_correspondent_without_mobile_ip_is_tried_again_after_seven_minutes() -> None:
    """Sections 11.3.5 and 11.6.2: the tunnel, no further messages, a retry after a period."""
    made, plain, flow = plain_world()
    made.run(5)
    assert entry(made, plain.address).state is State.REFUSED
    (why,) = [d.why for d in made.trace.decisions() if d.what == "no route optimisation"]
    assert "ICMPv6 parameter problem" in why and why.endswith("tried again in 420 s")
    made.run(430)
    times = [m.t_ns / S for m in sent(made, plain.address, "HoTI", "CoTI", "BU")]
    assert len(times) <= 4 and max(b - a for a, b in pairwise(times)) == pytest.approx(420, abs=1)
    assert all(isinstance(h.packet.payload, Packet) for h in data_hops(made, flow.id) if h.channel.sender == "MN")
    assert flow.stats.up.lost == flow.stats.down.lost == 0


def test_a_further_home_address_does_not_ask_a_correspondent_without_mobile_ip_again() -> None:
    """Section 11.3.5: the record is about the destination, not about a home address."""
    made, plain, flow = plain_world()
    made.run(5)
    other = made.mn.open(plain, QUIET)
    made.run(5)
    assert other.home_address != flow.home_address
    asked = sent(made, plain.address, "HoTI")
    assert len(asked) == 1 and other.stats.up.received > 0


def waiting() -> tuple[World, dict[str, octets.Message]]:
    """Open a flow to CN1 whose tests are not answered; return the last ones that left."""
    made = world()
    dropper(made, "cn1", lambda m: m.name in ("HoTI", "CoTI"))
    made.mn.open(made.cn1, QUIET)
    made.run(3)
    return made, {m.name: m for m in messages(made, "MN") if m.name in ("HoTI", "CoTI")}


def problem(made: World, source: bytes, invoking: bytes, pointer: int = 6, code: int = 1, kind: int = 4) -> None:
    """Let an ICMPv6 parameter problem arrive (RFC 4443 section 3.4)."""
    body = struct.pack("!BBHI", kind, code, 0, pointer) + invoking
    tell(made, packet(source, made.mn.care_of_address("wlan0").packed, body, next_header=ICMPV6))


@pytest.mark.parametrize("pointer", [6, 40])
@pytest.mark.parametrize("name", ["HoTI", "CoTI"])
def test_code_1_about_a_test_of_ours_ends_route_optimisation(name: str, pointer: int) -> None:
    """Section 11.3.5; the pointer names the next header field (RFC 4443), or the Mobility Header itself."""
    made, last = waiting()
    peer = made.cn1.address
    invoking = packet(last[name].source, peer.packed, last[name].octets[:4] + b"\0\0" + last[name].octets[6:])
    problem(made, peer.packed, invoking, pointer)
    assert entry(made, peer).state is State.REFUSED


def test_parameter_problems_about_what_was_not_sent_change_nothing() -> None:
    """Section 11.3.5: only "in response to" our messages, and no entry is ever made by one."""
    made, last = waiting()
    before, peer, message = rows(made), made.cn1.address.packed, last["CoTI"]
    blank = message.octets[:4] + b"\0\0" + message.octets[6:]
    right = packet(message.source, peer, blank)
    forged = blank[:8] + bytes(8)
    problem(made, peer, packet(message.source, peer, forged))  # another cookie
    problem(made, peer, packet(made.cn2.address.packed, peer, blank))  # another source
    problem(made, made.cn2.address.packed, right)  # another destination than who complains
    problem(made, made.cn2.address.packed, packet(message.source, made.cn2.address.packed, blank))
    problem(made, peer, right, pointer=50)
    problem(made, peer, packet(message.source, peer, b"\0\x01\0\x02\0\x08\0\0", next_header=17))
    problem(made, peer, right, code=0)
    problem(made, peer, right[:50])
    problem(made, peer, b"")
    problem(made, peer, right, kind=1, code=1)
    problem(made, peer, right, kind=3, code=0)
    assert rows(made) == before
    reasons = [d.reason for d in made.trace.drops() if d.node == "MN" and "parameter problem" in d.reason]
    assert len(reasons) == 8
    problem(made, peer, right)
    assert entry(made, made.cn1.address).state is State.REFUSED, "the right one is heard"


def test_code_1_about_a_binding_update_of_ours_counts_too() -> None:
    """Section 11.3.5: "a return routability procedure or Binding Update"."""
    made = world()
    dropper(made, "cn1", lambda m: m.name == "BA")
    made.mn.open(made.cn1, QUIET)
    made.run(2.5)
    update = next(
        encode(h.packet) for h in made.trace
        if h.channel.sender == "MN" and type(h.packet.payload).__name__ == "BindingUpdate"
        and h.packet.destination == made.cn1.address
    )  # fmt: skip
    peer = made.cn1.address.packed
    guessed = bytearray(update)
    guessed[-12:] = bytes(12)  # a number of 16 bits can be guessed, an authenticator of 96 cannot
    fold = struct.unpack("!6H", update[-12:])
    checksum = int.from_bytes(update[40 + 24 + 4 : 40 + 24 + 6], "big")
    guessed[68:70] = ((checksum + sum(fold) - 1) % 0xFFFF + 1).to_bytes(2, "big")
    assert decode(bytes(guessed)), "well-formed"
    problem(made, peer, bytes(guessed), pointer=40)
    assert entry(made, made.cn1.address).state is State.UPDATING
    problem(made, peer, update, pointer=40)
    assert entry(made, made.cn1.address).state is State.REFUSED


def test_code_1_about_a_binding_update_that_was_acknowledged_is_ignored() -> None:
    made, _ = speaking()
    update = next(
        encode(h.packet) for h in made.trace
        if type(h.packet.payload).__name__ == "BindingUpdate" and h.packet.destination == made.cn1.address
    )  # fmt: skip
    problem(made, made.cn1.address.packed, update, pointer=40)
    assert entry(made, made.cn1.address).state is State.BOUND


def test_code_2_about_the_home_address_option_is_only_recorded() -> None:
    """Section 11.3.5: logged, and discarded."""
    made, _ = speaking()
    before = rows(made)
    care_of, home = made.mn.care_of_address("wlan0").packed, made.mn.primary_home_address.packed
    sent_ = packet(care_of, made.cn1.address.packed, b"\0\x01\0\x02\0\x08\0\0", home=home, next_header=17)
    problem(made, made.cn1.address.packed, sent_, pointer=46, code=2)
    assert rows(made) == before
    (why,) = [d.why for d in made.trace.decisions() if d.what == "parameter problem"]
    assert why == f"{made.cn1.address} refuses an option at octet 46 of a packet to {made.cn1.address}"
