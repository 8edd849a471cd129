"""Bounds on conversations that others begin with a mobile node: how many, how fast, and whose (RFC 4225 section 3.3.1).
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import TopologyError
from mipflow.flow.applications.strangers import GIVES_WAY_NS, Strangers
from mipflow.flow.conversations import Conversation, FlowInformation, Traits
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable
from mipflow.node.applications.invitation import PORT
from mipflow.node.tcp.sockets import Tcp
from mipflow.node.token_bucket import TokenBucket
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import EchoRequest
from mipflow.wire.packet import TCP, UDP, Packet, RoutingHeaderType2
from tests.mip6.worlds import S, messages, world
from tests.node.nodes import inject

ELSEWHERE = Prefix.parse("2001:db8:dead::/64")


def conversation(number: int) -> Conversation:
    return Conversation("UDP", 7000, ELSEWHERE.address(number), 9)


class Table:
    """A flow mapping table, and the strangers that it lets in."""

    def __init__(self, most: int, limit: TokenBucket | None = None) -> None:
        self.flows, self.strangers, self.entries = FlowMappingTable(), Strangers(most), 0
        self.strangers.limit = limit or TokenBucket(1000, 1000)

    def begin(self, number: int, now: int) -> FlowMappingEntry:
        over = self.strangers.admit(conversation(number), self.flows, now)
        if over is not None:
            self.flows.remove(over.flow_id)
        self.entries += 1
        traits = Traits(*conversation(number), False)
        entry = FlowMappingEntry(self.entries, traits.cn, FlowInformation(traits), interface="wlan0", used_ns=now)
        self.flows.add(entry)
        return entry


@given(st.lists(st.tuples(st.integers(0, 40 * S), st.integers(0, 30), st.booleans()), max_size=60))
def test_never_more_than_the_bound_and_only_what_was_silent_gives_way(steps: list[tuple[int, int, bool]]) -> None:
    table, now = Table(5), 0
    for pause, number, ends in steps:
        now += pause
        known = table.flows.find(conversation(number))
        if known is not None:
            if ends:
                table.flows.remove(known.flow_id)
            else:
                known.used_ns = now
            continue
        before = {entry.flow_id: entry.used_ns or 0 for entry in table.flows}
        try:
            table.begin(number, now)
        except TopologyError:
            assert len(before) == 5 and now - min(before.values()) < GIVES_WAY_NS
        gone = set(before) - {entry.flow_id for entry in table.flows}
        assert len(table.flows) <= 5 and len(gone) <= 1
        assert all(len(before) == 5 and before[each] == min(before.values()) <= now - GIVES_WAY_NS for each in gone)


def test_not_faster_than_the_bucket_lets_them() -> None:
    table = Table(100, TokenBucket(10, 3))
    begun = 0
    for step in range(200):
        try:
            table.begin(step, step * S // 100)
            begun += 1
        except TopologyError as error:
            assert str(error) == "others begin conversations faster than 10 a second"
    assert begun in (22, 23)


# --- a mobile node ----------------------------------------------------------------------------------------------------


def bound(**keywords: Any) -> tuple[mf.World, Address]:
    made = world(wire=False, **keywords)
    made.run(5)
    return made, made.mn.primary_home_address


def arrive(made: mf.World, home: Address, source: Address, payload: Any, in_s: float | None = None) -> None:
    """Send a packet out of the home agent's tunnel, now or later."""
    packet = Packet(made.mn.home_agent, made.mn.care_of_address("wlan0"), Packet(source, home, payload))
    if in_s is None:
        inject(made.mn, packet, "wlan0")
    else:
        at = made.network.clock.now + round(in_s * S)
        made.network.clock.at(at, lambda _: inject(made.mn, packet, "wlan0"))


@pytest.mark.parametrize("kind", ["UDP", "TCP", "echo"])
def test_thousands_of_forged_packets_begin_no_more_flows_than_the_bound(kind: str) -> None:
    made, home = bound()
    made.mn.udp(7000)
    Tcp.of(made.mn).listen(7000, lambda socket: None)
    since = made.now
    for number in range(2000):
        payload = {
            "UDP": UDP(1000 + number, 7000), "TCP": TCP(1000 + number, 7000, 1, syn=True),
            "echo": EchoRequest(number, 1),
        }[kind]  # fmt: skip
        source = ELSEWHERE.address(number) if number % 2 else made.cn1.address
        arrive(made, home, source, payload, number / 100)
    call = made.mn.accept(made.cn1, mf.apps.Voice(start_s=10))
    for _ in range(15):
        made.run(1)
        assert len(made.mn.flows) <= 100 + 3
    asked = made.mn.accept(made.cn2, mf.apps.Voice(), redirect=True)
    made.run(0.2)
    assert asked.invitation is not None
    invited = made.mn.flows.find(("UDP", PORT, made.cn2.address, asked.invitation.port))
    assert invited is not None, "the first invitation is let in"
    made.run(6)
    assert len(made.mn.flows) <= 100 + 3
    drops = [re.sub(r"\d+", "#", d.reason) for d in made.trace.drops() if "no flow begins" in d.reason]
    assert set(drops) <= {
        "no flow begins with it: others begin conversations faster than # a second",
        "no flow begins with it: others have begun # conversations that are open still",
    } and len(drops) > 1700  # fmt: skip
    assert call.stats.up.received > 400 and asked.stats.up.received > 200, "calls that are expected come through"
    tests = [m for m in messages(made, "MN", since) if m.name in ("HoTI", "CoTI")]
    assert len(tests) < 100 * 2 * 6


def test_when_the_attack_is_over_anybody_is_heard_again() -> None:
    made, home = bound()
    server, got = made.mn.udp(7000), []
    server.on_datagram = got.append
    for number in range(200):
        arrive(made, home, ELSEWHERE.address(number), UDP(9, 7000), number / 10)
    made.run(20)
    caller = made.cn1.udp(9000, (home, 7000))
    caller.send(b"during")
    made.run(31)
    caller.send(b"after")
    made.run(1)
    assert b"during" not in got and got[-1] == b"after"
    assert made.mn.flows.find(("UDP", 7000, made.cn1.address, 9000)) is not None


def test_a_caller_who_talks_is_not_pushed_out() -> None:
    made, home = bound()
    made.mn.udp(7000)
    caller = made.cn1.udp(9000, (home, 7000))
    for number in range(45):
        made.network.clock.at(made.network.clock.now + number * S, lambda _: caller.send(b"x"))
    made.run(1)
    entry = made.mn.flows.find(("UDP", 7000, made.cn1.address, 9000))
    for number in range(400):
        arrive(made, home, ELSEWHERE.address(number), UDP(9, 7000), number / 10)
    made.run(42)
    assert entry is not None and made.mn.flows.find(("UDP", 7000, made.cn1.address, 9000)) is entry


OURS = ["home", "wlan0", "cell0", "::", "::1", "::ffff:1.2.3.4", "ff02::1", "ff0e::1", "fe80::1"]


@pytest.mark.parametrize("who", OURS)
@pytest.mark.parametrize("payload", [UDP(9, 7000), TCP(9, 7000, 1, syn=True), EchoRequest(1, 1)])
def test_our_own_address_and_nobodys_are_no_correspondents(who: str, payload: Any) -> None:
    made, home = bound()
    made.mn.udp(7000)
    Tcp.of(made.mn).listen(7000, lambda socket: None)
    ours = home if who == "home" else Address(who) if ":" in who else made.mn.care_of_address(who)
    hops = len(made.trace)
    arrive(made, home, ours, payload)
    care_of = made.mn.care_of_address("wlan0")
    straight = Packet(ours, care_of, payload, extensions=(RoutingHeaderType2(home),))
    inject(made.mn, straight, "wlan0")
    assert list(made.mn.flows) == [] and list(made.mn.binding_updates) == [made.mn.mobility.home_registration(home)]
    reasons = {d.reason for d in made.trace.drops() if "no flow begins" in d.reason}
    assert reasons == {f"no flow begins with it: {ours} is our own, or not the address of one node"}
    made.run(2)
    assert all(hop.packet.innermost().destination != ours for hop in list(made.trace)[hops:])


@pytest.mark.parametrize("who", OURS)
def test_no_flow_of_ours_goes_there_either(who: str) -> None:
    made, home = bound()
    ours = home if who == "home" else Address(who) if ":" in who else made.mn.care_of_address(who)
    made.mn.udp(5, (ours, 6)).send(b"x")
    made.run(2)
    assert list(made.mn.flows) == []
    assert f"{ours} is our own, or not the address of one node" in {d.reason for d in made.trace.drops()}
