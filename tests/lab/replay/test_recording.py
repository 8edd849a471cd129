"""Reading captures into flows: hand-made ones with every fault of live traffic, and the one that ships."""

from __future__ import annotations

import errno
import gc
import os
import random
import struct
import time
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace as with_changes
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from scapy.layers.dot11 import Dot11, RadioTap
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    ICMPv6ND_NS,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    fragment6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from mipflow.errors import DatasetError, ProtocolMisuse
from mipflow.lab.replay import recording
from mipflow.lab.replay.headers import HeaderReader, Heard
from mipflow.lab.replay.recording import RecordedFlow, Recording, read
from mipflow.node.applications.recorded import Datagram, Recorded, Write
from mipflow.wire.captures import capture, spool
from mipflow.wire.captures.frames import Frame as IpFrame
from tests.benchmarks.runs import traffic
from tests.lab.frames import (
    LAPTOP,
    LAPTOP_4,
    MEDIA,
    OFFICE,
    OTHER,
    START_S,
    WEB,
    WEB_4,
    Connection,
    Frame,
    ethernet,
    ip,
    ping,
    udp,
    write,
)
from tests.wire.captures import test_capture as pcapng

MS = 1_000_000
REAL = OFFICE.with_name("real-mobile-node.pcap")


def recorded(tmp_path: Path, frames: list[Frame], snap: int = 65535, **keywords: object) -> Recording:
    return read(write(tmp_path / "x.pcap", frames, snap), **keywords)  # type: ignore[arg-type]


def writes(flow: RecordedFlow, upward: bool) -> list[Write]:
    return [step for step in flow.app.script if isinstance(step, Write) and step.upward is upward]


def written(flow: RecordedFlow, upward: bool) -> bytes:
    return b"".join(step.data for step in writes(flow, upward))


def steps(flow: RecordedFlow, upward: bool) -> list[tuple[int, float, int, str]]:
    """Return (heard, pause in ms, octets, end) of each step of one end."""
    return [(step.heard, step.pause_ns / MS, len(step.data), step.end) for step in writes(flow, upward)]


# --- flows, and who is the mobile node


def test_flows_are_numbered_by_their_first_packet(tmp_path: Path) -> None:
    frames = [
        (0, udp(LAPTOP, 5000, MEDIA, 6000)),
        (1, ping(LAPTOP, WEB, 77, 1)),
        (2, Connection().segment(True, -1, ack=None, flags="S")),
        (3, udp(MEDIA, 6000, LAPTOP, 5000, 20)),
        (9, ping(WEB, LAPTOP, 77, 1, reply=True)),
    ]
    result = recorded(tmp_path, frames)
    found = [(one.number, one.app.protocol, one.mobile_port, one.remote, one.remote_port) for one in result.flows]
    assert found == [
        (1, "UDP", 5000, MEDIA, 6000), (2, "ICMPv6", 77, WEB, 77), (3, "TCP", 40000, WEB, 80),
    ]  # fmt: skip
    assert [(flow.packets, flow.first_ns, flow.last_ns) for flow in result.flows] == [
        (2, 0, 3 * MS), (2, MS, 9 * MS), (1, 2 * MS, 2 * MS),
    ]  # fmt: skip
    assert result.mobile == [LAPTOP] and result.duration_ns == 9 * MS and not result.skipped


def test_datagrams_have_their_times_directions_and_sizes(tmp_path: Path) -> None:
    frames = [(0, udp(LAPTOP, 5000, MEDIA, 6000, 0)), (2.5, udp(MEDIA, 6000, LAPTOP, 5000, 1432))]
    (flow,) = recorded(tmp_path, frames, snap=70).flows
    assert flow.app.script == [Datagram(0, True, 0), Datagram(2_500_000, False, 1432)], (
        "the snap length hides nothing"
    )


@pytest.mark.parametrize(("near", "far"), [(LAPTOP, WEB), (LAPTOP_4, WEB_4)])
def test_echo_requests_are_replayed_and_replies_are_not(tmp_path: Path, near: str, far: str) -> None:
    frames = [(0, ping(near, far, 9, 1)), (20, ping(far, near, 9, 1, reply=True)), (1000, ping(near, far, 9, 2, 8))]
    (flow,) = recorded(tmp_path, frames).flows
    assert flow.app.protocol == "ICMPv6" and flow.app.script == [
        Datagram(0, True, 56, 1),
        Datagram(1000 * MS, True, 8, 2),
    ]


def test_the_host_that_opens_most_flows_is_the_mobile_node(tmp_path: Path) -> None:
    frames: list[Frame] = [(k, udp(LAPTOP, 5000 + k, MEDIA, 6000)) for k in range(2)]
    frames += [
        (10, udp(MEDIA, 7000, OTHER, 7001)),
        (11, udp(OTHER, 1, LAPTOP, 2)),
        (12, udp(LAPTOP_4, 5000, WEB_4, 53)),
    ]
    result = recorded(tmp_path, frames)
    assert result.mobile == [LAPTOP, LAPTOP_4], "one address of each IP version"
    assert [flow.remote for flow in result.flows] == [MEDIA, MEDIA, OTHER, WEB_4]
    assert result.skipped == {f"between {MEDIA} and {OTHER}, not the mobile node and another host": 1}
    assert f"the mobile node is {LAPTOP} and {LAPTOP_4}; --mobile says otherwise" in result.notes


def test_where_two_open_as_many_flows_it_is_the_sender_of_the_first_packet(tmp_path: Path) -> None:
    """Each time anew: the order of a set of texts differs from run to run."""
    for k in range(8):
        one, other = f"2001:db8:{k + 1}::1", f"2001:db8:{k + 1}::2"
        frames: list[Frame] = [(0, udp(one, 4000, other, 53)), (1, udp(other, 4001, one, 53))]
        assert recorded(tmp_path, frames).mobile == [one]


def test_mobile_says_otherwise(tmp_path: Path) -> None:
    frames: list[Frame] = [
        (0, udp(LAPTOP, 5000, MEDIA, 6000)),
        (1, udp(MEDIA, 7000, OTHER, 7001)),
        (2, udp(WEB_4, 1, LAPTOP_4, 2)),
    ]
    assert [flow.remote for flow in recorded(tmp_path, frames, mobile=MEDIA).flows] == [LAPTOP, OTHER]
    both = recorded(tmp_path, frames, mobile=f"{OTHER}, {LAPTOP_4}")
    assert both.mobile == [OTHER, LAPTOP_4] and [flow.remote for flow in both.flows] == [MEDIA, WEB_4]
    alone = recorded(tmp_path, frames, mobile=f"{OTHER},{MEDIA}")
    assert alone.skipped[f"between {MEDIA} and {OTHER}, not the mobile node and another host"] == 1
    for wrong in ("2001:db8::99", "laptop", ""):
        with pytest.raises(ProtocolMisuse) as caught:
            recorded(tmp_path, frames, mobile=wrong)
        assert repr(wrong) in str(caught.value) and f"{LAPTOP} (opens 1)" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_who_opened_a_flow_that_began_before_is_told_by_its_ports(tmp_path: Path) -> None:
    frames: list[Frame] = [
        (0, udp(WEB, 53, LAPTOP, 40001)),
        (1, udp(WEB, 53, LAPTOP, 40002)),
        (2, udp(OTHER, 9, WEB, 53)),
    ]
    frames += [(3, Connection().segment(False, 10, b"x", 5))]
    assert recorded(tmp_path, frames).mobile == [LAPTOP]


def test_a_connection_that_the_other_end_opened(tmp_path: Path) -> None:
    frames: list[Frame] = [(k, udp(LAPTOP, 5000 + k, MEDIA, 6000)) for k in range(2)]
    visit = Connection((OTHER, 50000), (LAPTOP, 22))
    flow = recorded(tmp_path, [*frames, *visit.handshake(10), (50, visit.segment(True, 0, b"hi"))]).flows[2]
    assert (flow.mobile_port, flow.remote_port, written(flow, False)) == (22, 50000, b"hi")


# --- a host with itself


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", LAPTOP, LAPTOP_4])
def test_a_host_with_itself_is_the_mobile_node_and_a_correspondent(tmp_path: Path, host: str) -> None:
    """The end that opens is the mobile node: TCP by its SYN, even a late one; an echo by its request; UDP by port."""
    web, ssh = Connection((host, 40000), (host, 8080)), Connection((host, 40001), (host, 22))
    talking = talk(web)
    talking[0:2] = [(0, talking[1][1]), (1, talking[0][1])]  # the answer to the SYN was captured first
    frames = [
        *talking, (200, ssh.segment(False, 0, b"in the middle", 0)), (201, udp(host, 53, host, 5000, 90)),
        (202, udp(host, 5000, host, 53, 30)), (203, udp(host, 6000, host, 6000, 7)),
        (204, udp(host, 6000, host, 6000, 8)), (205, ping(host, host, 3, 1)),
        (206, ping(host, host, 3, 1, reply=True)),
    ]  # fmt: skip
    result = recorded(tmp_path, frames)
    assert result.mobile == [host] and not result.skipped
    found = [(one.mobile_port, one.remote, one.remote_port, one.packets) for one in result.flows]
    itself = f"{host} itself"
    assert found == [
        (40000, itself, 8080, 8), (40001, itself, 22, 1), (5000, itself, 53, 2), (6000, itself, 6000, 2),
        (3, itself, 3, 2),
    ]  # fmt: skip
    first, second, dns, chat, echo = result.flows
    assert (written(first, True), written(first, False)) == (b"request", b"answer" * 100)
    assert written(second, False) == b"in the middle"
    assert [(step.upward, step.octets) for step in dns.app.script] == [(False, 90), (True, 30)]  # type: ignore[union-attr]
    assert [step.upward for step in (*chat.app.script, *echo.app.script)] == [True] * 3, "what cannot be told goes up"
    note = f"{host} sent to itself in 5 flows: who opened one is the mobile node, the other end a correspondent node"
    assert note in result.notes


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_end_that_is_connected_to_itself_has_one_direction(tmp_path: Path, host: str) -> None:
    """The same address and port at both ends (simultaneous open with oneself): what it acknowledges is its own."""
    own = Connection((host, 5000), (host, 5000), (1000, 1000))
    packets = [
        own.segment(True, -1, ack=None, flags="S"), own.segment(True, -1, ack=0, flags="S"),
        own.segment(True, 0, b"0123456789", 0, "P"), own.segment(True, 10, ack=10),
        own.segment(True, 10, ack=10, flags="F"), own.segment(True, 11, ack=11),
    ]  # fmt: skip
    for count in range(4, 7):
        (flow,) = recorded(tmp_path, list(enumerate(packets[:count]))).flows
        assert (written(flow, True), written(flow, False), flow.app.zeros) == (b"0123456789", b"", 0)
        assert (flow.packets, [step.end for step in writes(flow, False)]) == (count, [])


def test_who_sends_to_itself_is_the_host_that_recorded(tmp_path: Path) -> None:
    own, own_4 = (udp("::1", 5, "::1", 6), udp("127.0.0.1", 5, "127.0.0.1", 6))
    others: list[Frame] = [(k, udp(MEDIA, 5000 + k, LAPTOP, 53)) for k in range(3)]
    result = recorded(tmp_path, [*others, (5, own), (6, own_4), (7, udp(LAPTOP_4, 1, WEB_4, 2))])
    assert result.mobile == [MEDIA, LAPTOP_4, "::1", "127.0.0.1"] and len(result.flows) == 6
    itself = recorded(tmp_path, [*others, (5, own), (6, udp(LAPTOP, 7, LAPTOP, 8))])
    assert itself.mobile == [LAPTOP, "::1"] and len(itself.flows) == 5, "and not the one that opens most"
    only = recorded(tmp_path, [*others, (5, own)], mobile=MEDIA)
    assert only.skipped == {"between ::1 and ::1 itself, not the mobile node and another host": 1}
    with pytest.raises(ProtocolMisuse, match=r"choose from 2001:db8:30::50 \(opens 3\), ::1 \(opens 1\), 2001"):
        recorded(tmp_path, [*others, (5, own)], mobile="::2")


def test_from_one_loopback_address_to_another_are_two_hosts(tmp_path: Path) -> None:
    result = recorded(tmp_path, [(0, udp("127.0.0.1", 5000, "127.0.0.53", 53))])
    assert result.mobile == ["127.0.0.1"] and result.flows[0].remote == "127.0.0.53"


# --- TCP


def talk(connection: Connection) -> list[Frame]:
    """Build a request, an answer 30 ms after it arrives at the far end, and both closings. The far end is 20 ms away.
    """
    return [
        *connection.handshake(0),
        (22, connection.segment(True, 0, b"request", 0)),
        (72, connection.segment(False, 0, b"answer" * 100, 7)),
        (73, connection.segment(True, 7, ack=600, flags="F")),
        (95, connection.segment(False, 600, ack=8, flags="F")),
        (96, connection.segment(True, 8, ack=601)),
    ]


@pytest.mark.parametrize("isn", [(1000, 5000), (0xFFFFFFFC, 0xFFFFFF00), (0xFFFFFFFF, 0xFFFFFFFF)])
@pytest.mark.parametrize("ends", [((LAPTOP, 40000), (WEB, 80)), ((LAPTOP_4, 40000), (WEB_4, 80))])
def test_a_conversation_is_what_each_end_wrote_and_its_pauses(
    tmp_path: Path, isn: tuple[int, int], ends: tuple[tuple[str, int], tuple[str, int]]
) -> None:
    (flow,) = recorded(tmp_path, talk(Connection(*ends, isn))).flows
    assert (written(flow, True), written(flow, False)) == (b"request", b"answer" * 100), "numbers wrap around"
    assert steps(flow, True) == [(0, 1, 7, ""), (600, 0, 0, "close")]
    assert steps(flow, False) == [(7, 30, 600, ""), (8, 2, 0, "close")], "without the 20 ms to the far end and back"
    assert flow.app.opens_ns == 0 and flow.app.start_s is None


def test_what_was_sent_again_counts_once(tmp_path: Path) -> None:
    connection = Connection()
    again = [
        (30, connection.segment(True, 0, b"request", 0)),
        (74, connection.segment(False, 0, b"answer" * 50, 7)),
        (75, connection.segment(False, 300, b"answer" * 60, 7)),
        (97, connection.segment(False, 600, ack=8, flags="F")),
    ]
    frames = sorted([*talk(connection), *again], key=lambda frame: frame[0])
    frames.insert(1, (5, connection.segment(True, -1, ack=None, flags="S")))
    result = recorded(tmp_path, [frame for frame in frames if frame[0] != 95])
    assert written(result.flows[0], True) == b"request"
    assert written(result.flows[0], False) == b"answer" * 110, "the last one had 60 octets more"
    assert result.skipped == {"TCP segment sent again": 2}


def test_missing_octets_are_zeros_until_they_come_after_all(tmp_path: Path) -> None:
    connection = Connection()
    frames = [
        *connection.handshake(0),
        (30, connection.segment(True, 4, b"efgh")),
        (31, connection.segment(True, 12, b"mnop")),
        (60, connection.segment(True, 8, b"ijkl")),
        (80, connection.segment(False, 5, b"Z", 20)),
    ]
    result = recorded(tmp_path, frames)
    (flow,) = result.flows
    assert written(flow, True) == bytes(4) + b"efghijklmnop" + bytes(4), (
        "the last four only an acknowledgement tells of"
    )
    assert written(flow, False) == bytes(5) + b"Z"
    assert "17 octets of TCP were not there in their turn; what never came is zeros" in result.notes


def test_octets_that_the_snap_length_cut_are_zeros(tmp_path: Path) -> None:
    (flow,) = recorded(tmp_path, talk(Connection()), snap=14 + 40 + 20 + 10).flows
    assert written(flow, False) == b"answeransw" + bytes(590)


def test_frames_of_segmentation_offload_are_one_write(tmp_path: Path) -> None:
    connection = Connection()
    giant = bytes(connection.segment(True, 0, bytes(range(256)) * 240))
    without_length = giant[:4] + b"\0\0" + giant[6:]  # as Linux shows frames of more than 64 KiB
    for data in (giant, without_length):
        frame = bytes(ethernet(Raw(data)))[:12] + b"\x86\xdd" + data
        (flow,) = recorded(tmp_path, [*connection.handshake(0), (30, frame)]).flows
        assert [len(step.data) for step in writes(flow, True)] == [61_440] and written(flow, True) == bytes(
            range(256)
        ) * 240


def test_a_connection_caught_in_the_middle(tmp_path: Path) -> None:
    connection = Connection()
    frames = [
        (0, connection.segment(False, 70_000, b"tail", 900)),
        (1, connection.segment(True, 900, b"more", 70_004)),
        (2, connection.segment(False, 69_000, b"x" * 1000, 900)),
    ]
    result = recorded(tmp_path, frames)
    (flow,) = result.flows
    assert (written(flow, True), written(flow, False)) == (b"more", b"tail")
    assert steps(flow, True) == [(4, 1, 4, "")] and result.mobile == [LAPTOP]


def test_a_lost_request_comes_before_the_answer_to_it(tmp_path: Path) -> None:
    connection = Connection()
    frames = [
        *connection.handshake(0),
        (50, connection.segment(False, 0, b"answer", 7)),
        (51, connection.segment(True, 7, ack=6)),
    ]
    (flow,) = recorded(tmp_path, frames).flows
    assert steps(flow, True) == [(0, 29, 7, "")] and steps(flow, False) == [(7, 0, 6, "")]


def test_a_reset_comes_last(tmp_path: Path) -> None:
    connection = Connection()
    frames = [
        *connection.handshake(0),
        (30, connection.segment(True, 0, bytes(1000))),
        (31, connection.segment(True, 1000, bytes(1000))),
        (50, connection.segment(False, 0, ack=1000, flags="F")),
        (52, connection.segment(False, 0, ack=None, flags="R")),
        (53, connection.segment(False, 0, ack=None, flags="R")),
    ]
    (flow,) = recorded(tmp_path, frames).flows
    assert [end for *_, end in steps(flow, False)] == ["close", "reset"]


def test_a_reset_that_nobody_minds_is_none(tmp_path: Path) -> None:
    connection = Connection()
    late = recorded(tmp_path, [*talk(connection), (99, connection.segment(True, 8, ack=None, flags="R"))]).flows[0]
    assert all(step.end != "reset" for step in writes(late, True)), "both ends had closed"


def test_refused_and_unanswered(tmp_path: Path) -> None:
    refused, silent = Connection(), Connection((LAPTOP, 40001))
    frames = [
        (0, refused.segment(True, -1, ack=None, flags="S")),
        (20, refused.segment(False, -1, ack=0, flags="R")),
        (30, silent.segment(True, -1, ack=None, flags="S")),
        (1030, silent.segment(True, -1, ack=None, flags="S")),
    ]
    first, second = recorded(tmp_path, frames).flows
    assert steps(first, False) == [(0, 20, 0, "reset")] and steps(first, True) == [] == second.app.script


def test_the_same_ports_again_are_another_connection(tmp_path: Path) -> None:
    later = [(at + 1000, packet) for at, packet in talk(Connection(isn=(777, 888)))]
    result = recorded(tmp_path, [*talk(Connection()), *later])
    assert [(flow.number, flow.first_ns) for flow in result.flows] == [(1, 0), (2, 1000 * MS)]
    assert all(written(flow, True) == b"request" for flow in result.flows)


def test_nonsense_is_left_out_and_said(tmp_path: Path) -> None:
    connection = Connection()
    nonsense = [
        (97, connection.segment(False, 601, b"after the end", 8)),
        (98, connection.segment(True, 1 << 30, b"far ahead", 601)),
        (99, Connection().segment(True, 8, ack=1 << 30)),
    ]
    result = recorded(tmp_path, [*talk(connection), *nonsense])
    (flow,) = result.flows
    assert written(flow, True) == b"request" and written(flow, False) == b"answer" * 100
    assert result.skipped == {"TCP segment that does not fit into its connection": 2}


@pytest.mark.parametrize("seed", range(20))
def test_any_order_loss_and_repetition_gives_what_was_written(tmp_path: Path, seed: int) -> None:
    """Cut two streams at random, lose, repeat and reorder the pieces: what was seen is right, the rest is zeros."""
    dice = random.Random(seed)
    connection = Connection(isn=(dice.getrandbits(32), dice.getrandbits(32)))
    texts = {up: dice.randbytes(dice.randrange(1, 9000)) for up in (True, False)}
    seen = {up: bytearray(len(text)) for up, text in texts.items()}
    frames: list[Frame] = connection.handshake(0)
    at = 30.0
    for up, text in texts.items():
        cuts = sorted({0, len(text), *(dice.randrange(len(text)) for _ in range(12))})
        pieces = [(start, text[start:end]) for start, end in pairwise(cuts)]
        pieces = [piece for piece in pieces if dice.random() < 0.8] + dice.sample(pieces, 3)
        for start, piece in sorted(pieces, key=lambda piece: piece[0] + dice.randrange(2500)):
            seen[up][start : start + len(piece)] = piece
            frames.append((at := at + 1, connection.segment(up, start, piece, 0 if up else len(texts[True]))))
        frames.append((at := at + 1, connection.segment(up, len(text), ack=0 if up else len(texts[True]), flags="F")))
    (flow,) = recorded(tmp_path, frames).flows
    for up in (True, False):
        assert written(flow, up) == seen[up]
        assert all(step.pause_ns >= 0 for step in writes(flow, up))


def test_a_connection_whose_syn_was_captured_late_is_one_flow(tmp_path: Path) -> None:
    connection = Connection()
    syn, accept, *rest = talk(connection)
    swapped = [(0, accept[1]), (1, syn[1]), *rest]
    (flow,) = recorded(tmp_path, swapped).flows
    assert (written(flow, True), written(flow, False)) == (b"request", b"answer" * 100) and flow.packets == len(swapped)
    assert (flow.mobile_port, flow.app.opens_ns) == (40000, 0) and recorded(tmp_path, swapped).mobile == [LAPTOP]
    assert steps(flow, False) == [(7, 50, 600, ""), (8, 22, 0, "close")], "there is no telling how far the far end is"
    (flow,) = recorded(tmp_path, [(0, rest[0][1]), (0.5, rest[1][1]), (1, syn[1]), (2, accept[1]), *rest[2:]]).flows
    assert (written(flow, True), written(flow, False)) == (b"request", b"answer" * 100)


@pytest.mark.parametrize("size", [600, 90_000])
def test_a_connection_that_was_captured_backwards_has_its_true_sizes(tmp_path: Path, size: int) -> None:
    """Its FINs come first, its SYNs last, and every octet is acknowledged before it comes."""
    connection = Connection()
    answers = [packet for at in range(0, size, 600) for packet in (
        connection.segment(False, at, bytes(range(200)) * 3, 7), connection.segment(True, 7, ack=at + 600),
    )]  # fmt: skip
    packets = [
        *(packet for _, packet in connection.handshake(0)), connection.segment(True, 0, b"request"), *answers,
        connection.segment(True, 7, ack=size, flags="F"), connection.segment(False, size, ack=8, flags="F"),
        connection.segment(True, 8, ack=size + 1),
    ]  # fmt: skip
    (flow,) = recorded(tmp_path, list(enumerate(packets[::-1]))).flows
    assert (written(flow, True), written(flow, False)) == (b"request", bytes(range(200)) * (size // 200))
    assert (flow.app.zeros, flow.packets, flow.mobile_port) == (0, len(packets), 40000)


def test_both_ends_open_at_once(tmp_path: Path) -> None:
    connection = Connection()
    frames = [
        (0, connection.segment(True, -1, ack=None, flags="S")),
        (1, connection.segment(False, -1, ack=None, flags="S")),
        (2, connection.segment(True, -1, flags="S")),
        (21, connection.segment(False, -1, flags="S")),
        (30, connection.segment(True, 0, b"one")),
        (60, connection.segment(False, 0, b"two", 3)),
    ]
    (flow,) = recorded(tmp_path, frames).flows
    assert (written(flow, True), written(flow, False), flow.packets) == (b"one", b"two", 6)


@pytest.mark.parametrize("number", [1000, 77_000_000])
def test_a_connection_opens_with_the_syn_that_was_answered(tmp_path: Path, number: int) -> None:
    """The first was lost; the second may have another number."""
    connection, first = Connection(), Connection(isn=(number, 5000))
    frames = [(at + 1000, packet) for at, packet in talk(connection)]
    (flow,) = recorded(tmp_path, [(0, first.segment(True, -1, ack=None, flags="S")), *frames]).flows
    assert (flow.first_ns, flow.app.opens_ns, flow.packets) == (0, 1000 * MS, 9)
    assert steps(flow, True) == [(0, 1, 7, ""), (600, 0, 0, "close")]
    refused = [(1, first.segment(False, -1, ack=0, flags="R"))] if number == 1000 else []
    (flow,) = recorded(tmp_path, [(0, first.segment(True, -1, ack=None, flags="S")), *refused, *frames]).flows
    assert flow.app.opens_ns == 1000 * MS and all(step.end != "reset" for step in writes(flow, False))


def test_fast_open_writes_with_its_syn(tmp_path: Path) -> None:
    connection = Connection()
    syn = (0, connection.segment(True, -1, b"q" * 100, ack=None, flags="S"))
    frames = [
        (10, connection.segment(False, -1, ack=100, flags="S")),
        (20, connection.segment(False, 0, b"a" * 200, 100)),
        (30, connection.segment(True, 100, ack=200)),
        (40, connection.segment(True, 100, ack=200, flags="F")),
    ]
    again = [syn, (5, connection.segment(True, -1, b"q" * 100, ack=None, flags="S")), *frames]
    behind = [(0, frames[0][1]), (1, syn[1]), *frames[1:]]
    refused = [syn, (10, connection.segment(False, -1, flags="S")), (11, connection.segment(True, 0, b"q" * 100))]
    for given in ([syn, *frames], again, behind, [*refused, *frames[1:]]):
        (flow,) = recorded(tmp_path, given).flows
        assert (written(flow, True), written(flow, False)) == (b"q" * 100, b"a" * 200)


def test_probes_of_a_zero_window_and_keep_alives_write_nothing_anew(tmp_path: Path) -> None:
    connection = Connection()
    frames = [
        *connection.handshake(0),
        (30, connection.segment(True, 0, b"q" * 100)),
        (40, connection.segment(False, 0, ack=100, window=0)),
        (1000, connection.segment(True, 100, b"n")),
        (1010, connection.segment(False, 0, ack=100, window=0)),
        (2000, connection.segment(False, 0, ack=100, window=5000)),
        (2100, connection.segment(True, 100, b"next one")),
        (2200, connection.segment(False, 0, ack=108)),
        (47_000, connection.segment(True, 107, b"\0")),
        (47_100, connection.segment(False, 0, ack=108)),
        (48_000, connection.segment(True, 108, ack=None, flags="R")),
    ]
    (flow,) = recorded(tmp_path, frames).flows
    assert written(flow, True) == b"q" * 100 + b"next one" and flow.packets == len(frames)
    assert steps(flow, True)[-1][3] == "reset" and flow.last_ns == 48_000 * MS


def test_late_segments_belong_to_the_connection_before(tmp_path: Path) -> None:
    again = talk(Connection(isn=(70_000_000, 90_000_000)))
    late = [(at + 500, packet) for at, packet in talk(Connection())[3:]]
    frames = [*talk(Connection()), *((at + 480, packet) for at, packet in again)]
    result = recorded(tmp_path, sorted([*frames, *late], key=lambda frame: frame[0]))
    assert [flow.packets for flow in result.flows] == [13, 8]
    assert [written(flow, False) for flow in result.flows] == [b"answer" * 100] * 2
    assert result.skipped == {"TCP segment sent again": 2}


# --- one clock, made in the order of the file


def test_a_clock_that_steps_back_inside_a_connection(tmp_path: Path) -> None:
    frames = [(at - 10_000 * (at > 50), packet) for at, packet in talk(Connection())]
    result = recorded(tmp_path, frames)
    (flow,) = result.flows
    assert (written(flow, True), written(flow, False)) == (b"request", b"answer" * 100)
    assert result.duration_ns == 46 * MS, "96 without the 50 between the packets beside the step"
    assert "the capture's clock was set back by 9.950 s at 0.022 s: time goes on from there" in result.notes
    assert [result.captured_ns(at * MS) / MS for at in (0, 21, 22, 46)] == [0, 21, -9928, -9904]
    assert result.beside(21 * MS) == "" and result.beside(46 * MS) == " (-9.904 s by the capture's clock)"


def test_a_small_step_is_sorted_but_not_inside_a_connection(tmp_path: Path) -> None:
    frames = talk(Connection())
    back = [(at - 20 * (at == 73), packet) for at, packet in frames]  # the first FIN has an older stamp
    result = recorded(tmp_path, [*back, (60, udp(LAPTOP, 1, WEB, 2, 3)), (55, udp(LAPTOP, 1, WEB, 2, 4))])
    flow, datagrams = result.flows
    assert steps(flow, True) == [(0, 1, 7, ""), (600, 0, 0, "close")], "it comes when the answer does"
    assert datagrams.app.script == [Datagram(55 * MS, True, 4), Datagram(60 * MS, True, 3)]
    assert not any("clock" in note for note in result.notes)


FROM_1970 = -START_S * 1000.0
YEAR_MS = 365 * 86_400_000.0


def exchanges(*at_ms: float) -> list[Frame]:
    """Build a datagram each way 100 ms apart, at these times."""
    up, down = udp(LAPTOP, 4000, WEB, 5000, 20), udp(WEB, 5000, LAPTOP, 4000, 20)
    return [(at + more, packet) for at in at_ms for more, packet in ((0, up), (100, down))]


def spans(result: Recording) -> list[tuple[float, float]]:
    return [(flow.first_ns / 1e9, flow.last_ns / 1e9) for flow in result.flows]


def test_a_clock_that_is_set_from_1970_is_a_silence_which_is_cut(tmp_path: Path) -> None:
    result = recorded(tmp_path, exchanges(FROM_1970 + 5000, 0))
    assert [step.at_ns / MS for step in result.flows[0].app.script] == [0, 100, 3_600_100, 3_600_200]
    assert result.duration_ns / 1e9 == 3600.2 and result.captured_ns(result.duration_ns) / 1e9 == 1_699_999_995.1
    cut = "silence of all flows at 0.100 s cut to 3600 s, 1699996394.900 s less; --silence says otherwise"
    assert cut in result.notes
    assert recorded(tmp_path, exchanges(FROM_1970 + 5000, 0), silence_s=2.5).duration_ns / 1e9 == 2.7


def test_a_stray_packet_a_year_later_or_earlier_takes_no_year(tmp_path: Path) -> None:
    stray = udp(MEDIA, 1, OTHER, 2)
    calm = exchanges(0, 1000, 2000)
    for frames in ([*calm, (YEAR_MS, stray)], [(-YEAR_MS, stray), *calm]):
        result = recorded(tmp_path, frames, mobile=LAPTOP)
        assert spans(result) == [(0, 2.1)] and result.duration_ns / 1e9 == 2.1
    assert f"time zero is the first packet of a flow, {YEAR_MS / 1000:.3f} s after the capture's first" in result.notes
    assert result.captured_ns(0) == YEAR_MS * MS
    between = recorded(tmp_path, [*calm[:4], (YEAR_MS, stray), *calm[4:]], mobile=LAPTOP)
    assert spans(between) == [(0, 1.1 + 3600 + 0.1)], "what comes behind it goes on from there, an hour later"
    own = recorded(tmp_path, [*calm, (YEAR_MS, udp(LAPTOP, 9, WEB, 9))])
    assert spans(own) == [(0, 2.1), (2.1 + 3600, 2.1 + 3600)], "a flow of its own is replayed, an hour later"


def test_what_comes_a_while_before_the_first_flow_is_waited_for(tmp_path: Path) -> None:
    """Time counts from the capture's first packet, as an analyser shows it, and ends with that of a flow."""
    stray = udp(MEDIA, 1, OTHER, 2)
    result = recorded(tmp_path, [(-5000, stray), *exchanges(0), (9000, stray)], mobile=LAPTOP)
    assert spans(result) == [(5, 5.1)] and result.duration_ns / 1e9 == 5.1 and result.beside(result.duration_ns) == ""


def test_a_silence_is_one_of_all_flows_and_is_cut_for_all_at_once(tmp_path: Path) -> None:
    hour = 3_600_000
    other = [(at, udp(LAPTOP, 1, MEDIA, 2)) for at in (0.9 * hour, 4 * hour)]
    frames = sorted([*exchanges(0, 1.5 * hour, 4.5 * hour), *other], key=lambda frame: frame[0])
    first, second = recorded(tmp_path, frames).flows
    assert [round(step.at_ns / MS / hour, 3) for step in first.app.script if step.upward] == [0, 1.5, 3]
    assert [round(step.at_ns / MS / hour, 3) for step in second.app.script] == [0.9, 2.5]


def test_more_than_a_day_is_refused_in_one_line(tmp_path: Path) -> None:
    frames = exchanges(*(k * 7_000_000 for k in range(26)))
    with pytest.raises(DatasetError, match="lasts 90003 s with silences cut to 3600 s; expected at most 86400, give"):
        recorded(tmp_path, frames)
    assert recorded(tmp_path, frames, silence_s=60).duration_ns / 1e9 == pytest.approx(25 * 60.1 + 0.1)
    assert recorded(tmp_path, frames, packets=40).duration_ns / 1e9 < 86_400
    for wrong in (0, -1, float("nan"), float("inf"), "60", None):
        with pytest.raises(ProtocolMisuse, match="silence_s="):
            recorded(tmp_path, frames, silence_s=wrong)


def test_a_long_pause_of_a_connection_is_cut_before_its_script_is_made(tmp_path: Path) -> None:
    frames = [(at + YEAR_MS * (at > 50), packet) for at, packet in talk(Connection())]
    (flow,) = recorded(tmp_path, frames).flows
    assert steps(flow, False)[0] == (7, 3_600_000 - 20, 600, "")


# --- pcapng: sections with clocks of their own, packets without a stamp


def octets(packet: object) -> bytes:
    return bytes(packet)  # type: ignore[call-overload,no-any-return]


def stamped(at_s: float, packet: object, interface: int = 0) -> bytes:
    return pcapng.enhanced(interface, round(at_s * 1e6), octets(packet))


def simple(packet: object) -> bytes:
    data = octets(packet)
    return pcapng.block(3, len(data).to_bytes(4, "little") + data)


def sections(path: Path, *parts: list[bytes]) -> Recording:
    path.write_bytes(b"".join(pcapng.section() + pcapng.interface() * 2 + b"".join(part) for part in parts))
    return read(path)


def test_sections_overlay_by_their_stamps(tmp_path: Path) -> None:
    """One interface saw what the laptop sent, another what it got."""
    frames = talk(Connection())
    both = [[stamped(at / 1000, one) for at, one in frames if one.src == source] for source in (LAPTOP, WEB)]
    for parts in (both, both[::-1]):
        result = sections(tmp_path / "x.pcapng", *parts)
        (flow,) = result.flows
        assert (written(flow, True), written(flow, False)) == (b"request", b"answer" * 100)
        assert steps(flow, False) == [(7, 30, 600, ""), (8, 2, 0, "close")] and result.duration_ns == 96 * MS
    assert not any("clock" in note for note in result.notes)


def test_a_section_whose_clock_is_set_back_shifts_no_other(tmp_path: Path) -> None:
    one = [stamped(at, udp(LAPTOP, 1, WEB, 2)) for at in (100, 101, 50, 51, 7)]
    other = [stamped(at, udp(LAPTOP, 3, WEB, 4)) for at in (100, 103)]
    result = sections(tmp_path / "x.pcapng", one, other)
    assert spans(result) == [(0, 2), (0, 3)]
    note = "the capture's clock was set back 2 times, first by 51.000 s at 1.000 s: time goes on from there"
    assert note in result.notes


def test_two_interfaces_whose_clocks_differ_cost_the_difference_once(tmp_path: Path) -> None:
    both = [(udp(LAPTOP, 1, WEB, 2), 0, 0), (udp(LAPTOP, 3, WEB, 4), 1, -5)]
    blocks = [stamped(START_S + k / 8 + ahead, one, number) for k in range(20) for one, number, ahead in both]
    result = sections(tmp_path / "x.pcapng", blocks)
    assert spans(result) == [(0, 19 / 8), (5, 5 + 19 / 8)] and not any("clock" in note for note in result.notes)


@pytest.mark.parametrize("shift_s", [0, 0.2])
def test_interfaces_whose_blocks_stand_behind_each_other_have_one_time(tmp_path: Path, shift_s: float) -> None:
    """Each saw one direction of two conversations; the second one's packets stand behind all of the first one's."""
    up = [(k, udp(LAPTOP, 1, WEB, 2)) for k in range(10)]
    down = [(k + 0.25, udp(WEB, 2, LAPTOP, 1)) for k in range(10)]
    talked = [(at / 1000 * 20, one) for at, one in talk(Connection())]
    parts = ([*up, *(t for t in talked if t[1].src == LAPTOP)], [*down, *(t for t in talked if t[1].src == WEB)])
    blocks = [
        stamped(START_S + at - shift_s * number, one, number)
        for number, part in enumerate(parts) for at, one in sorted(part, key=lambda each: each[0])
    ]  # fmt: skip
    result = sections(tmp_path / "x.pcapng", blocks)
    assert result.duration_ns <= (9.25 + shift_s) * 1e9 and not any("clock" in note for note in result.notes)
    datagrams, connection = sorted(result.flows, key=lambda flow: flow.app.protocol, reverse=True)
    assert datagrams.packets == 20
    assert (written(connection, True), written(connection, False)) == (b"request", b"answer" * 100)


@pytest.mark.parametrize("step_s", [-500, -70, -2, 0])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_fragments_of_one_datagram_stay_together_where_the_clock_was_set(
    tmp_path: Path, step_s: float, order: tuple[int, ...]
) -> None:
    """They are put together on the one clock, on which an unstamped block has its neighbor's time."""
    pieces = [fragment(ip(LAPTOP_4, WEB_4) / UDP(sport=1, dport=2) / bytes(3000), 1400)[k] for k in order]
    for step_at in (1, 2):
        at_s = [START_S + k / 100 + (step_s if k >= step_at else 0) for k in range(3)]
        blocks = [stamped(at, one) for at, one in zip(at_s, pieces, strict=True)]
        for bare in range(3):
            some = [simple(one) if k == bare and not step_s else blocks[k] for k, one in enumerate(pieces)]
            result = sections(tmp_path / "x.pcapng", some)
            assert [(flow.packets, flow.app.script[0].octets) for flow in result.flows] == [(1, 3000)]
            assert result.skipped == {"further fragment, counted with the first": 2}


def test_packets_without_a_stamp_come_with_their_neighbor(tmp_path: Path) -> None:
    request, answer = udp(LAPTOP, 4000, WEB, 5000), udp(WEB, 5000, LAPTOP, 4000)
    path, at = tmp_path / "x.pcapng", START_S
    result = sections(path, [simple(request), stamped(at, answer), simple(request), simple(answer)])
    assert spans(result) == [(0, 0)] and result.flows[0].packets == 4
    assert "3 packets have no time stamp; they come with the packet beside them" in result.notes
    result = sections(path, [stamped(at, answer)], [simple(answer), stamped(at + 9, request)])
    assert [step.at_ns / 1e9 for step in result.flows[0].app.script] == [0, 9, 9]
    result = sections(path, [simple(packet) for _, packet in talk(Connection())])
    assert result.duration_ns == 0 and written(result.flows[0], False) == b"answer" * 100


# --- headers


def test_fragmented_datagrams_count_whole(tmp_path: Path) -> None:
    small = IPv6(src=LAPTOP, dst=MEDIA) / IPv6ExtHdrFragment(id=7) / UDP(sport=1, dport=2) / Raw(bytes(4000))
    version_4 = fragment(IP(src=LAPTOP_4, dst=WEB_4, id=9) / UDP(sport=3, dport=4) / Raw(bytes(3000)), 1000)
    echo = ip(LAPTOP, MEDIA) / IPv6ExtHdrFragment(id=8) / ping(LAPTOP, MEDIA, 5, 1, 2000).payload
    pieces = [*fragment6(small, 1280), *version_4, *fragment6(echo, 1280)]
    result = recorded(tmp_path, [(k, piece) for k, piece in enumerate(pieces)])
    assert [[step.octets for step in flow.app.script] for flow in result.flows] == [[4000], [3000], [2000]]
    assert result.skipped == {"further fragment, counted with the first": len(pieces) - 3}


def test_fragments_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    tcp = fragment6(ip(LAPTOP, WEB) / IPv6ExtHdrFragment(id=7) / TCP() / Raw(bytes(3000)), 1280)
    late = fragment6(ip(LAPTOP, WEB) / IPv6ExtHdrFragment(id=8) / UDP() / Raw(bytes(3000)), 1280)[1:]
    result = recorded(tmp_path, [(0, udp(LAPTOP, 1, WEB, 2)), *((1, piece) for piece in (*tcp, *late))])
    assert result.skipped == {
        "fragment of a TCP segment": len(tcp),
        "fragment without the first of its packet": len(late),
    }


def test_extension_headers_and_ip_options_are_stepped_over(tmp_path: Path) -> None:
    extended = IPv6(src=LAPTOP, dst=MEDIA) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(id=1)
    frames: list[Frame] = [(0, extended / UDP(sport=1, dport=2) / Raw(bytes(33)))]
    frames += [(1, IP(src=LAPTOP_4, dst=WEB_4, options=[b"\x94\x04\0\0"]) / UDP(sport=1, dport=2) / Raw(bytes(44)))]
    assert [flow.app.script[0].octets for flow in recorded(tmp_path, frames).flows] == [33, 44]


def test_padding_behind_a_datagram_and_lengths_that_lie(tmp_path: Path) -> None:
    frames: list[Frame] = [
        (0, ip(LAPTOP, MEDIA) / UDP(sport=1, dport=2, len=18) / Raw(bytes(30))),
        (1, ip(LAPTOP, MEDIA) / UDP(sport=1, dport=2, len=0) / Raw(bytes(30))),
        (2, ip(LAPTOP, MEDIA) / UDP(sport=1, dport=2, len=9999) / Raw(bytes(30))),
    ]
    assert [step.octets for step in recorded(tmp_path, frames).flows[0].app.script] == [10, 30, 30]


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    frames: list[Frame] = [
        (0, udp(LAPTOP, 1, WEB, 2)),
        (1, IPv6(src=LAPTOP, dst="ff02::fb") / UDP() / Raw(b"x")),
        (1, IP(src=LAPTOP_4, dst="224.0.0.251") / UDP() / Raw(b"x")),
        (1, IP(src="0.0.0.0", dst="10.0.0.1") / UDP(sport=68, dport=67)),
        (1, IPv6(src="fe80::1", dst=LAPTOP) / ICMPv6ND_NS()),
        (2, bytes(Ether(src="02:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff") / ARP())),
        (3, ping(WEB, LAPTOP, 4, 1, reply=True)),
        (4, Connection().segment(False, 0, flags="R")),
        (6, IPv6(src=LAPTOP, dst=WEB, nh=41) / IPv6()),
        (7, IPv6(src=LAPTOP, dst=WEB, nh=253) / Raw(b"abcdefgh")),
        (8, IPv6(src=LAPTOP, dst=WEB, nh=6) / Raw(bytes(10))),
        (9, IPv6(src=LAPTOP, dst=WEB, nh=6) / Raw(bytes(12) + b"\x10" + bytes(20))),
        (9, IPv6(src=LAPTOP, dst=WEB, nh=0) / Raw(b"")),
        (9, bytes(ethernet(IPv6()))[:30]),
    ]  # fmt: skip
    result = recorded(tmp_path, frames)
    assert len(result.flows) == 1 and sum(result.skipped.values()) == len(frames) - 1
    assert set(result.skipped) == {
        "to a group (multicast or broadcast)", "from no address", "ICMPv6 that is no echo", "ethertype 0x0806, not IP",
        "echo reply without its request", "reset of no connection", "IP protocol 59",
        "IP protocol 253", "cut off in its headers", "TCP header of 4 octets",
    }  # fmt: skip


def test_no_octets_make_the_reader_stumble() -> None:
    dice = random.Random(1)
    whole = [
        bytes(packet) for packet in (udp(LAPTOP, 1, WEB, 2), ping(LAPTOP_4, WEB_4, 1, 1), Connection().segment(True, 0))
    ]
    reader = HeaderReader()
    for _ in range(3000):
        data = bytearray(dice.choice(whole))
        for _ in range(dice.randrange(4)):
            data[dice.randrange(1, len(data))] = dice.randrange(256)
        data = data[: dice.randrange(1, len(data) + 1)]
        reader.read(IpFrame(0, bytes(data), len(data) + dice.randrange(3)))


# --- the file as a whole


def test_reading_stops_where_it_is_told_and_says_so(tmp_path: Path) -> None:
    frames: list[Frame] = [(k, udp(LAPTOP, 1, WEB, 2)) for k in range(5)]
    for packets, count, says in ((3, 3, True), (5, 5, False), (9, 5, False)):
        result = recorded(tmp_path, frames, packets=packets)
        assert len(result.flows[0].app.script) == count
        assert any(f"stopped after {packets} packets" in note for note in result.notes) is says
    with pytest.raises(ProtocolMisuse, match="packets=0"):
        recorded(tmp_path, frames, packets=0)


def test_packets_out_of_order_are_sorted(tmp_path: Path) -> None:
    frames: list[Frame] = [
        (5, udp(LAPTOP, 1, WEB, 2, 5)),
        (3, udp(LAPTOP, 1, WEB, 2, 3)),
        (9, udp(LAPTOP, 1, WEB, 2, 9)),
    ]
    result = recorded(tmp_path, frames)
    assert result.flows[0].app.script == [
        Datagram(0, True, 3),
        Datagram(2 * MS, True, 5),
        Datagram(6 * MS, True, 9),
    ]


def test_a_capture_that_is_cut_off_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "x.pcap", [(k, udp(LAPTOP, 1, WEB, 2)) for k in range(5)])
    path.write_bytes(path.read_bytes()[:-7])
    result = read(path)
    assert len(result.flows[0].app.script) == 4 and any("cut off" in note for note in result.notes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"GET / HTTP/1.1", "is no capture"),
        (None, os.strerror(errno.ENOENT)),
        ("nothing", "no packet"),
        ("arp", "not IP"),
    ],
)
def test_a_file_without_a_usable_flow_is_one_line(tmp_path: Path, content: bytes | str | None, says: str) -> None:
    path = tmp_path / "x.pcap"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        write(
            path,
            [(0, bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ARP()))] if content == "arp" else [],
        )
    with pytest.raises(DatasetError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message and says in message and "expected" in message and "\n" not in message


def test_a_capture_of_encrypted_frames_says_how_to_get_another(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    frame = bytes(RadioTap(present="")) + bytes(Dot11(type=2, FCfield=0x41)) + bytes(60)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 127))
    with path.open("ab") as out:
        out.write((struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame) * 3)
    with pytest.raises(DatasetError) as caught:
        read(path)
    why = "3 IEEE 802.11 frame, encrypted: record at the station's own interface, or decrypt it first"
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_progress_is_told() -> None:
    told: list[str] = []
    read(OFFICE, progress=told.append)
    assert told == [], "2553 packets take no second"


# --- the capture that ships: its README says what is in it


def test_office() -> None:
    result = read(OFFICE)
    assert result.mobile == [LAPTOP, LAPTOP_4]
    found = [(one.number, one.app.protocol, one.mobile_port, one.packets) for one in result.flows]
    assert found == [
        (1, "TCP", 37750, 30), (2, "UDP", 51009, 752), (3, "UDP", 44359, 755), (4, "ICMPv6", 0x2D56, 20),
        (5, "TCP", 54006, 30), (6, "TCP", 54016, 780), (7, "UDP", 40084, 2), (8, "UDP", 54866, 4),
        (9, "TCP", 43644, 30), (10, "TCP", 43648, 74), (11, "UDP", 49298, 2), (12, "UDP", 58931, 2),
        (13, "TCP", 33266, 24), (14, "UDP", 41902, 2), (15, "UDP", 49772, 4), (16, "TCP", 38338, 30),
    ]  # fmt: skip
    upload, first_page = result.flows[5], result.flows[8]
    assert len(written(upload, True)) == 1_032_229, "a megabyte, iperf3's cookie, and what was under way at the end"
    assert written(first_page, True).startswith(b"GET / HTT") and len(written(first_page, True)) == 276
    ends = [(flow.number, step.end) for flow in result.flows for up in (True, False) for step in writes(flow, up)]
    resets = [number for number, end in ends if end == "reset"]
    assert len(result.notes) == 2 and resets == [6, 9], "nothing is missing but what was cut off"
    assert result.notes[1].startswith("1116342 octets of TCP are zeros: the capture kept only the start of packets")
    assert result.skipped == {"ICMPv6 that is no echo": 8, "ethertype 0x0806, not IP": 4}


def test_a_capture_of_mobile_ipv6_can_be_read_too() -> None:
    result = read(REAL)
    assert [flow.app.protocol for flow in result.flows] == ["ICMPv6"] and result.skipped["Mobility Header"] == 8


@pytest.mark.slow
def test_a_hundred_thousand_packets_take_a_few_seconds(tmp_path: Path) -> None:
    connection = Connection()
    text = b"".join(bytes([k % 251]) * 1000 for k in range(50_000))
    data, acknowledgement = (bytes(connection.segment(up, 0, bytes(1000 if up else 0))) for up in (True, False))
    start_up, start_down = 1001, 5001

    def numbered(frame: bytes, sequence: int, number: int, payload: bytes) -> bytes:
        header = frame[:44] + sequence.to_bytes(4, "big") + number.to_bytes(4, "big") + frame[52:60]
        return bytes(12) + b"\x86\xdd" + header + payload

    frames: list[Frame] = [*connection.handshake(0)]
    for k in range(50_000):
        frames.append((30 + k, numbered(data, start_up + 1000 * k, start_down, text[1000 * k : 1000 * k + 1000])))
        frames.append((30 + k, numbered(acknowledgement, start_down, start_up + 1000 * (k + 1), b"")))
    path = write(tmp_path / "x.pcap", frames)
    began = time.process_time()  # what others do meanwhile does not count
    result = read(path, packets=200_000)
    assert time.process_time() - began < 10
    assert written(result.flows[0], True) == text


# --- captures that do not fit into memory


def told(recording: Recording) -> list[object]:
    apps = [flow.app for flow in recording.flows if isinstance(flow.app, Recorded)]
    flows = [(with_changes(app, script=[]), *app.script) for app in apps]
    return [flows, recording.notes, recording.skipped, recording.offsets, recording.duration_ns]


@pytest.mark.parametrize("way", ["_in_order", "_in_any_order"])
def test_packets_in_order_are_read_once_and_give_what_sorting_gives(way: str, tmp_path: Path) -> None:
    """Each way gives alone what both give; packets in no order go the other one."""
    frames: list[Frame] = [(k, packet) for k, (_, packet) in enumerate(talk(Connection()))]
    path, said = write(tmp_path / "x.pcap", frames), list[str]()
    whole = told(read(path))
    with patch.multiple(recording, _REPORT_EVERY=1, _in_order=getattr(recording, way), _in_any_order=None):
        assert told(read(path, progress=said.append)) == whole and len(said) == len(frames)
        if way == "_in_order":
            write(path, [frames[1], frames[0], *frames[2:]])
            with pytest.raises(TypeError):  # it asks the other way
                read(path)


@pytest.mark.parametrize("silence_s", [0.001, 0.005, 0.03, 3600])
def test_times_that_cannot_be_cut_are_not_kept_and_all_is_the_same(silence_s: float, tmp_path: Path) -> None:
    back = [(at - 10_000 * (at > 50), packet) for at, packet in talk(Connection())]
    twice = [(at + later, packet) for later in (0, 40) for at, packet in talk(Connection((LAPTOP, 40_000 + later)))]
    keeping, kept = recording._connections, list[int]()

    def all_kept(heard: Iterable[Heard], _: int) -> tuple[Any, ...]:
        found = keeping(heard, -1)
        kept.append(sum(1 for _ in found[1]))
        return found

    for frames in (back, sorted(twice, key=lambda each: each[0])):
        path = write(tmp_path / "x.pcap", frames)
        with patch.object(recording, "_connections", all_kept):
            whole = told(read(path, silence_s=silence_s))
        assert kept[-1] == len(frames) and told(read(path, silence_s=silence_s)) == whole


def test_reading_in_small_pieces_gives_the_same(tmp_path: Path) -> None:
    frames: list[Frame] = [(k * 7 % 20, packet) for k, (_, packet) in enumerate(talk(Connection()))]
    paths = OFFICE, write(tmp_path / "shuffled.pcap", frames)
    whole = [told(read(path)) for path in paths]
    with patch.multiple(spool, IN_MEMORY=300, PER_ROW=20, BLOCK=60, SORTED=200):
        assert [told(read(path)) for path in paths] == whole


def test_memory_does_not_grow_with_the_packets_of_a_capture(tmp_path: Path) -> None:
    used = []
    for packets in (1_000, 5_000):
        capture.write(tmp_path / "x.pcap", traffic(packets, 10))
        with patch.multiple(spool, IN_MEMORY=300, BLOCK=1 << 11, SORTED=50_000):
            gc.collect()
            tracemalloc.start()
            recording = read(tmp_path / "x.pcap")
            used.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert sum(flow.packets for flow in recording.flows) == packets
    assert used[1] - used[0] < 4_000 * 60, "of 300 octets and more that a packet takes"
