"""Demands of RFC 6275 on headers, fields and options, in whole runs: octets read, or changed on the way, by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv6Address

import pytest

import mipflow as mf
from mipflow.lab.world import World
from mipflow.sim.trace import is_control
from mipflow.wire.codec import decode, encode
from mipflow.wire.packet import Packet
from tests.mip6.headers import (
    BA,
    BE,
    BU,
    COT,
    COTI,
    DESTINATION_OPTIONS,
    FRAGMENT,
    HOT,
    HOTI,
    ICMPV6,
    MOBILITY,
    ROUTING,
    Part,
    chain,
    changed,
    home_address,
    options_of,
)
from tests.mip6.worlds import S, dropper, messages, world

EVERY = {HOTI, COTI, HOT, COT, BU, BA, BE}
CALL = mf.apps.Voice(interval_ms=100, payload_bytes=40)


def live(made: World) -> World:
    """Register, hand over twice, lose a binding and tell, close a flow, refresh bindings."""
    made.mn.open(made.cn1, CALL)
    second = made.mn.open(made.cn1, CALL)
    made.run(5)
    made.mn.handover(second, "cell0")
    made.run(40)
    made.mn.handover(second, "wlan0")
    made.run(3)
    made.cn1.unbind(made.mn.primary_home_address)
    made.run(5)
    made.mn.close(second)
    return made.run(60)


@pytest.fixture(scope="module")
def life() -> World:
    return live(restless())


def restless() -> World:
    """Run a world with short lifetimes, and tests before every update."""
    return world(binding_lifetime_s=40, home_lifetime_s=80, reuse_tokens=False)


def sent(made: World, control: bool = True) -> Iterator[tuple[str, int, list[Part]]]:
    """Return (sender, time, headers) of the first hop of every control packet, or of every data packet."""
    for hop in made.trace:
        if hop.hop_limit in (64, 255) and is_control(hop.packet) is control:
            yield hop.channel.sender, hop.sent_ns, chain(encode(hop.packet))


def signalling(made: World) -> Iterator[tuple[str, list[Part], bytes]]:
    """Return (sender, headers, Mobility Header) of every Mobility Header where it was made."""
    for sender, _, parts in sent(made):
        if parts[-1].number == MOBILITY and sender in ("MN", "HA", "CN1", "CN2"):
            yield sender, parts, parts[-1].octets


def test_headers_of_signalling_by_hand(life: World) -> None:
    """Sections 6.1, 9.5.4, 11.7: a type 2 routing header with acknowledgements alone, the option with updates alone."""
    seen = set()
    for _, parts, message in signalling(life):
        kind = message[2]
        extensions = [part.number for part in parts[1:-1] if part.number != 41]
        assert extensions == {BU: [DESTINATION_OPTIONS], BA: [ROUTING]}.get(kind, []), kind
        seen.add(kind)
    assert seen >= EVERY


def test_signalling_passes_the_bindings_by(life: World) -> None:
    """Sections 6.1, 9.3.2, 9.4.3: while the binding stands, a home test goes to the home address by the home link."""
    home, made = life.mn.primary_home_address, 0
    bound: list[tuple[int, bool]] = [
        (change.t_ns, change.change.after is not None)
        for change in life.trace.changes()
        if change.node == "CN1" and change.change.key == str(home)
    ]
    for hop in life.trace:
        parts = chain(encode(hop.packet)) if is_control(hop.packet) and hop.channel.sender == "CN1" else []
        if parts and parts[-1].number == MOBILITY and parts[-1].octets[2] == HOT:
            assert len(parts) == 2, "no routing header"
            before = [is_bound for t_ns, is_bound in bound if t_ns < hop.sent_ns]
            made += before[-1:] == [True] and parts[0].octets[24:40] == home.packed
    assert made >= 2, "tests for a refresh were answered while the binding was in the cache"


def test_test_inits_pass_the_binding_update_list_by(life: World) -> None:
    """Sections 6.1, 11.3.1, 11.6.1: while data goes to CN1 with a Home Address option, a home test init goes there
    through the home agent, from the home address, and a care-of test init from the care-of address, with no option.
    """
    home, registered = life.mn.primary_home_address, False
    passed = {HOTI: 0, COTI: 0}
    rows = [
        (c.t_ns, c.change.after is not None and c.change.after["registered"] is not None)
        for c in life.trace.changes() if c.node == "MN" and c.change.key == f"{home} at {life.cn1.address}"
    ]  # fmt: skip
    cares = {life.mn.care_of_address(name).packed for name in ("wlan0", "cell0")}
    for sender, t_ns, parts in sent(life):
        if sender != "MN" or parts[-1].number != MOBILITY or parts[-1].octets[2] not in passed:
            continue
        registered = [is_registered for at_ns, is_registered in rows if at_ns < t_ns][-1:] == [True]
        numbers, last = [part.number for part in parts], parts[-2].octets
        if parts[-1].octets[2] == HOTI:
            assert numbers == [41, 41, MOBILITY] and parts[0].octets[24:40] == life.mn.home_agent.packed
            passed[HOTI] += registered and last[8:40] == home.packed + life.cn1.address.packed
        else:
            assert numbers == [41, MOBILITY] and last[8:24] in cares
            passed[COTI] += registered and last[24:40] == life.cn1.address.packed
    assert min(passed.values()) >= 2, "before updates that refresh a binding"


def test_a_refresh_request_goes_by_the_home_link_too() -> None:
    """Sections 6.1, 9.5.5: to the home address, without routing header, while the binding still stands."""
    made = world(binding_lifetime_s=40)
    made.mn.open(made.cn1, CALL)
    made.run(6)
    dropper(made, "cn1", lambda m: m.name == "BU")
    made.run(40)
    asked = [parts for sender, parts, message in signalling(made) if sender == "CN1" and message[2] == 0]
    assert asked
    for parts in asked:
        assert [part.number for part in parts] == [41, MOBILITY]
        assert parts[0].octets[24:40] == made.mn.primary_home_address.packed
        assert parts[-1].octets[:4] + parts[-1].octets[6:] == bytes([59, 0, 0, 0, 0, 0]), "reserved fields are zero"


RESERVED: dict[int, list[tuple[int, int]]] = {
    0: [(6, 0xFF), (7, 0xFF)], HOTI: [(6, 0xFF), (7, 0xFF)], COTI: [(6, 0xFF), (7, 0xFF)], HOT: [], COT: [],
    BU: [(8, 0x0F), (9, 0xFF)], BA: [(7, 0x7F)], BE: [(7, 0xFF)],
}  # fmt: skip
"""Message type -> (octet, mask) of what RFC 6275 sections 6.1.2 to 6.1.9 leave unused, besides octet 3 of each."""


def test_reserved_fields_are_sent_as_zero(life: World) -> None:
    routing_headers = 0
    for _, parts, message in signalling(life):
        assert [message[at] & mask for at, mask in [(3, 0xFF), *RESERVED[message[2]]]] == [0] * (
            1 + len(RESERVED[message[2]])
        )
        for part in parts:
            if part.number == ROUTING:
                assert part.octets[1:8] == bytes([2, 2, 1, 0, 0, 0, 0])
                routing_headers += 1
    assert routing_headers


def through_hands(
    made: World, change: Callable[[bytes], bytes], header: Callable[[bytes], bytes] = bytes
) -> World:
    """Let every control packet go through `change` at each link, as octets."""

    def check(packet: Packet) -> Packet:
        if not is_control(packet):
            return packet
        other = decode(changed(encode(packet), change, header))
        other.label, other.sent_ns = packet.label, packet.sent_ns
        return other

    made.network.check = check
    for segment in made.network.segments.values():
        segment.refresh()
    return made


def outcome(made: World) -> tuple[object, ...]:
    """Return the rows of all tables, and the messages that made them so."""
    caches = [[row.row() for row in node.bindings] for node in (made.ha, made.cn1)]
    return caches, [entry.row() for entry in made.mn.binding_updates], [
        [(m.t_ns, m.name) for m in messages(made, sender)] for sender in ("MN", "HA", "CN1")
    ]  # fmt: skip


def test_reserved_fields_are_not_looked_at(life: World) -> None:
    """All of them set at every link, in messages and routing headers: the run is the same to the last row."""
    kinds = set()

    def soil(message: bytes) -> bytes:
        octets, kind = bytearray(message), message[2]
        kinds.add(kind)
        if message[-14:-12] != b"\x05\x0c":  # what an authenticator covers cannot be changed on the way
            for at, mask in ((3, 0xFF), *RESERVED[kind]):
                octets[at] |= mask
        return bytes(octets)

    made = live(through_hands(restless(), soil, lambda part: part[:4] + b"\xff" * 4 + part[8:]))
    assert kinds >= EVERY
    assert outcome(made) == outcome(life)


def test_unknown_options_are_skipped_in_every_message(life: World) -> None:
    """An option of type 99 and one of type 255 behind the others of every message that no authenticator ends."""
    kinds = set()

    def more(message: bytes) -> bytes:
        if message[-14:-12] == b"\x05\x0c":
            return message
        kinds.add(message[2])
        behind = options_of((99, b"abcd"), (255, b""), at=len(message))
        return message[:1] + bytes([message[1] + len(behind) // 8]) + message[2:] + behind

    made = live(through_hands(restless(), more))
    assert kinds >= EVERY
    assert outcome(made) == outcome(life)


def test_what_stands_in_padding_is_not_looked_at(life: World) -> None:
    """PadN with data that is not zero, and a row of Pad1, behind the options of every such message (section 6.2.3)."""

    def pad(message: bytes) -> bytes:
        if message[-14:-12] == b"\x05\x0c":
            return message
        return message[:1] + bytes([message[1] + 2]) + message[2:] + b"\x01\x06litter" + b"\0" * 8

    assert outcome(live(through_hands(restless(), pad))) == outcome(life)


def test_binding_updates_of_a_life_by_hand(life: World) -> None:
    """Sections 6.1.7, 11.7.1, 11.7.2: destination, source, option, care-of address and lifetime of each update."""
    access = {"wlan0": bytes.fromhex("20010db802000000"), "cell0": bytes.fromhex("20010db803000000")}
    at_home = deletions = 0
    for hop in life.trace:
        if hop.channel.sender != "MN" or not is_control(hop.packet):
            continue
        parts = chain(encode(hop.packet))
        message = parts[-1].octets
        if parts[-1].number != MOBILITY or message[2] != BU:
            continue
        source, destination, home = parts[0].octets[8:24], parts[0].octets[24:40], home_address(parts[1])
        assert source[:8] == access[hop.channel.sender_interface], "an address of the link on which it leaves"
        assert home is not None and home[:8] == bytes.fromhex("20010db801000000"), "the home address, in its option"
        if message[8] & 0x40:
            at_home += 1
            assert destination[:8] == home[:8], "to a router whose address has the home prefix"
            assert message[14:16] == b"\x03\x10" and message[16:32] == source, "the alternate care-of address"
        deletions += message[10:12] == b"\0\0"
    assert at_home >= 3 and deletions == 2


def test_route_optimised_data_by_hand(life: World) -> None:
    """Section 11.3.1: from the registered care-of address, by its own link, with the home address in the option."""
    prefixes = {"wlan0": bytes.fromhex("20010db802000000"), "cell0": bytes.fromhex("20010db803000000")}
    registered: dict[str, list[tuple[int, str | None]]] = {}
    for change in life.trace.changes():
        after = change.change.after
        if change.change.table == "binding update list" and after and after["peer"] == str(life.cn1.address):
            registered.setdefault(str(after["home_address"]), []).append((change.t_ns, after["registered"]))  # type: ignore[arg-type]
    straight = 0
    for hop in life.trace:
        if hop.channel.sender != "MN" or is_control(hop.packet):
            continue
        parts = chain(encode(hop.packet))
        if parts[1].number == 41:
            continue
        source, home = parts[0].octets[8:24], home_address(parts[1])
        assert home is not None and [part.number for part in parts[1:]] == [DESTINATION_OPTIONS, 17]
        assert source[:8] == prefixes[hop.channel.sender_interface]
        held = [to for t_ns, to in registered[str(IPv6Address(home))] if t_ns <= hop.sent_ns]
        assert held[-1] == str(IPv6Address(source))
        straight += 1
    assert straight > 500


def test_no_home_address_option_to_neighbors(life: World) -> None:
    """Sections 11.3.1, 11.5.3: neighbor discovery has no such option, and never a home address as source."""
    home_prefix, seen = bytes.fromhex("20010db801000000"), set()
    for sender, _, parts in sent(life):
        if sender != "MN" or parts[-1].number != ICMPV6 or not 133 <= parts[-1].octets[0] <= 137:
            continue
        assert [part.number for part in parts] == [41, ICMPV6]
        source = parts[0].octets[8:24]
        assert source[:8] != home_prefix and (source == bytes(16) or source[:2] == b"\xfe\x80")
        seen.add(parts[-1].octets[0])
    assert seen >= {133, 135}


def test_the_home_address_option_stands_before_the_fragment_header() -> None:
    """Section 6.3: destination options with the home address, then the fragment header (ESP: test_security)."""
    made = world()
    made.mn.open(made.cn1, mf.apps.Voice(interval_ms=200, payload_bytes=4000))
    made.run(8)
    found = set()
    for hop in made.trace:
        if hop.channel.sender == "MN" and not is_control(hop.packet) and hop.sent_ns > 6 * S:
            parts = chain(encode(hop.packet))
            if parts[1].number != 41:
                found.add(tuple(part.number for part in parts[1:3]))
                assert home_address(parts[1]) == made.mn.primary_home_address.packed
    assert found == {(DESTINATION_OPTIONS, FRAGMENT)}
