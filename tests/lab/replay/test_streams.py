"""The octets that each end of a TCP connection wrote: keep-alives, probes of a closed window, gaps in a capture."""

from __future__ import annotations

import random
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.packet import Packet

from mipflow.lab.replay.headers import FIN, SYN, HeaderReader, Heard
from mipflow.lab.replay.streams import Lack, Streams, Text
from mipflow.node.applications.recorded import Script, Write
from mipflow.wire.captures.frames import Frame
from tests.lab.frames import LAPTOP, Connection, write

PLENTY = 1 << 40
HERE = Connection(isn=(0xFFFFFFF0, 0xFFFFFFF8))


def stream(heard: Sequence[Heard], skipped: Counter[str], lack: Lack) -> tuple[Script, int]:
    """Return the script of a connection, and how many of its octets are zeros."""
    streams, script = Streams(LAPTOP, heard[0].time_ns, skipped, lack), Script(Write)
    for packet in heard:
        if packet.flags & (SYN | FIN):
            streams.expect(packet)
    for packet in heard:
        streams.take(packet)
    return script, streams.write(script)


def streamed(
    packets: Sequence[Packet], snap: int = 9999, most: int = PLENTY
) -> tuple[dict[bool, bytes], int, Lack, Counter[str]]:
    """Return the octets of each end, how many of them are zeros, what is lacking, and what was left out."""
    skipped: Counter[str] = Counter()
    heard = [HeaderReader().read(Frame(k, bytes(p)[:snap], len(p))) for k, p in enumerate(packets)]
    lack = Lack(most)
    steps, zeros = stream([one for one in heard if isinstance(one, Heard)], skipped, lack)
    texts = {up: b"".join(s.data for s in steps if isinstance(s, Write) and s.upward is up) for up in (True, False)}
    return texts, zeros, lack, skipped


def keep_alive(up: bool, at: int, octets: int, ack: int = 0) -> Packet:
    """Build a keep-alive: one number before the next, with nothing or an octet of garbage (RFC 1122 section 4.2.3.6).
    """
    return HERE.segment(up, at - 1, b"\xee" * octets, ack)


@pytest.mark.parametrize("octets", [0, 1])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("up", [True, False])
def test_a_keep_alive_writes_nothing(octets: int, times: int, up: bool) -> None:
    """In front of all data, between data, behind it; where the capture began before the connection and where not."""
    probe = [keep_alive(up, 0, octets), HERE.segment(not up, 0, ack=0)] * times
    late = [keep_alive(up, 5, octets), HERE.segment(not up, 0, ack=5)] * times
    data = [HERE.segment(up, 0, b"hello", 0, flags="P"), HERE.segment(not up, 0, ack=5)]
    more = [HERE.segment(up, 5, b", you", 0, flags="P"), HERE.segment(not up, 0, ack=10)]
    opening = [packet for _, packet in HERE.handshake(0)]
    whole = [
        (probe, b""), ([*probe, *data], b"hello"), ([*data, *late], b"hello"),
        ([*data, *late, *more], b"hello, you"), ([*probe, *data, *late, *more], b"hello, you"),
        ([*probe[::-1], *data, *late[::-1]], b"hello"),
    ]  # fmt: skip
    begun_before = [
        ([*late, *more], b", you"), ([*late[::-1], *more], b", you"),
        ([HERE.segment(up, 5), *late, *more], b", you"), ([*late, HERE.segment(up, 5), *more], b", you"),
    ]  # fmt: skip
    for packets, text in (*(([*opening, *packets], text) for packets, text in whole), *whole, *begun_before):
        texts, zeros, lack, _ = streamed(packets)
        assert texts == {up: text, not up: b""} and not zeros and not lack.in_gaps, packets


@pytest.mark.parametrize("began_before", [True, False])
def test_a_probe_of_a_closed_window_writes_its_octet_once(began_before: bool) -> None:
    """RFC 9293 section 3.8.6.1: its octet is the next one, and is sent again while it is not acknowledged."""
    opening = [packet for _, packet in HERE.handshake(0)]
    probe, closed = HERE.segment(True, 0, b"h"), HERE.segment(False, 0, ack=0, window=0)
    packets = [*opening * (not began_before), probe, closed, probe, closed, HERE.segment(True, 0, b"hello", 0)]
    texts, zeros, *_ = streamed(packets)
    assert texts == {True: b"hello", False: b""} and not zeros
    texts, zeros, *_ = streamed([*packets[:-1], HERE.segment(True, 1, b"ello", 0), HERE.segment(False, 0, ack=5)])
    assert texts[True] == b"hello" and not zeros, "the window opened for the probe"


def test_single_octets_that_were_typed_are_data() -> None:
    typed = [HERE.segment(True, k, letter.encode(), 0, flags="P") for k, letter in enumerate("ls -l")]
    assert streamed(typed)[0][True] == b"ls -l"


def test_an_answer_to_what_was_not_captured_still_tells_of_it() -> None:
    texts, zeros, *_ = streamed([HERE.segment(True, 0), HERE.segment(False, 0, b"answer", 100)])
    assert texts == {True: bytes(100), False: b"answer"} and zeros == 100


# --- what a capture lacks


@given(st.integers(0, 1 << 32), st.integers(0, 3000), st.integers(60, 600))
def test_there_are_never_more_zeros_than_are_allowed(seed: int, most: int, snap: int) -> None:
    """Segments at random, lost and cut: what was captured is there in its order, and the rest is bounded."""
    dice = random.Random(seed)
    texts = {up: bytes(dice.randrange(1, 256) for _ in range(2000)) for up in (True, False)}
    packets = [packet for _, packet in HERE.handshake(0)]
    for up, text in texts.items():
        at = 0
        while at < len(text):
            piece = text[at : at + dice.randrange(1, 400)]
            if dice.random() < 0.7:
                packets.append(HERE.segment(up, at, piece, 0))
            at += len(piece)
    found, zeros, lack, _ = streamed(packets, snap, most)
    kept = {up: b"".join(bytes(p)[60:snap] for p in packets if (p.src == LAPTOP) is up) for up in (True, False)}
    assert {up: bytes(octet for octet in text if octet) for up, text in found.items()} == kept
    assert zeros == sum(text.count(0) for text in found.values()) == lack.in_gaps + lack.cut_off <= most
    assert lack.left == most - zeros and (not lack.left_out or lack.left == 0)
    _, all_zeros, whole, _ = streamed(packets, snap)
    assert lack.left_out == all_zeros - zeros and not whole.left_out


def test_one_bound_for_all_connections_of_a_capture() -> None:
    far = Connection((LAPTOP, 40001))
    lack = Lack(1000)
    for connection in (HERE, far):
        packets = [packet for _, packet in connection.handshake(0)]
        packets += [connection.segment(True, at, b"x") for at in (900, 1901)]
        heard = [HeaderReader().read(Frame(k, bytes(p), len(p))) for k, p in enumerate(packets)]
        stream(heard, Counter(), lack)  # type: ignore[arg-type]
    assert (lack.in_gaps, lack.left, lack.left_out) == (1000, 0, (900 + 1000) * 2 - 1000)


def test_a_number_far_ahead_is_nonsense_and_no_gap() -> None:
    texts, zeros, lack, skipped = streamed([HERE.segment(True, 0, b"one"), HERE.segment(True, 1 << 25, b"two")])
    assert texts[True] == b"one" and not zeros and not lack.left_out
    assert skipped == {"TCP segment that does not fit into its connection": 1}


def test_streams_with_keep_alives_and_probes_as_tshark_follows_them(tmp_path: Path, tshark: str) -> None:
    packets = [
        *(packet for _, packet in HERE.handshake(0)), keep_alive(True, 0, 1), HERE.segment(False, 0),
        HERE.segment(True, 0, b"hello", 0, flags="P"), HERE.segment(False, 0, ack=5), keep_alive(True, 5, 1),
        keep_alive(True, 5, 0), HERE.segment(False, 0, ack=5, window=0), HERE.segment(True, 5, b",", 0),
        HERE.segment(False, 0, ack=5, window=0), HERE.segment(True, 5, b", you", 0, flags="P"),
        HERE.segment(False, 0, b"who?", 10), keep_alive(False, 4, 1, 10), HERE.segment(True, 10, ack=4),
    ]  # fmt: skip
    path = write(tmp_path / "x.pcap", [(k, packet) for k, packet in enumerate(packets)])
    command = [tshark, "-n", "-r", path, "-q", "-z", "follow,tcp,raw,0"]
    followed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout.splitlines()
    lines = [line for line in followed if re.fullmatch(r"\t?[0-9a-f]+", line)]
    theirs = {up: bytes.fromhex("".join(line for line in lines if (line[0] == "\t") is not up)) for up in (True, False)}
    texts, zeros, *_ = streamed(packets)
    assert texts == theirs == {True: b"hello, you", False: b"who?"} and not zeros


# --- where a stream ends


def closing(connection: Connection) -> list[Packet]:
    """Build a whole connection: a question, an answer, both ends close."""
    return [
        *(packet for _, packet in connection.handshake(0)),
        connection.segment(True, 0, b"question", 0, "P"), connection.segment(False, 0, ack=8),
        connection.segment(False, 0, b"answer", 8, "P"), connection.segment(True, 8, ack=6),
        connection.segment(True, 8, ack=6, flags="F"), connection.segment(False, 6, ack=9, flags="F"),
        connection.segment(True, 9, ack=7),
    ]  # fmt: skip


@given(st.randoms(use_true_random=False))
def test_a_fin_has_no_octet_in_whatever_order_it_was_captured(dice: random.Random) -> None:
    packets = closing(HERE)
    dice.shuffle(packets)
    texts, zeros, _, _ = streamed(packets)
    assert (texts[True], texts[False], zeros) == (b"question", b"answer", 0)


def test_a_fin_that_is_acknowledged_before_it_is_captured() -> None:
    """Acknowledged ahead of it, behind the other end's FIN, or the end backwards; with SYNs and without."""
    for packets in (closing(HERE), closing(HERE)[3:]):
        *before, fin, other_fin, last = packets
        for end in ([fin, last, other_fin], [other_fin, fin, last], [other_fin, last, fin], [last, other_fin, fin]):
            texts, zeros, _, skipped = streamed([*before, *end])
            assert (texts[True], texts[False], zeros, +skipped) == (b"question", b"answer", 0, {})
    assert streamed(closing(HERE)[::-1])[:2] == ({True: b"question", False: b"answer"}, 0)


@pytest.mark.parametrize("octets", [0, 1])
def test_a_keep_alive_behind_a_fin_that_comes_late_writes_nothing(octets: int) -> None:
    *before, fin, other_fin, last = closing(HERE)
    alive = HERE.segment(True, 8, b"\xee" * octets, 7)
    assert streamed([*before, other_fin, alive, fin, last])[:2] == ({True: b"question", False: b"answer"}, 0)


@pytest.mark.parametrize("text", [b"", b"no such service"])
@pytest.mark.parametrize("number", [6, 7, 8, 50])
def test_a_reset_has_no_octet(text: bytes, number: int) -> None:
    """Its text is for people (RFC 9293 section 3.5.3), and its number may be any in the window."""
    whole = closing(HERE)
    reset = HERE.segment(False, number, text, ack=9, flags="R")
    for place in range(len(whole) + 1):
        texts, zeros, _, _ = streamed([*whole[:place], reset, *whole[place:]])
        assert (texts[True], texts[False], zeros) == (b"question", b"answer", 0), place


@given(st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=20)), max_size=12))
def test_of_octets_that_come_twice_the_first_ones_count(pieces: list[tuple[int, bytes]]) -> None:
    text, known = Text(), dict[int, int]()
    for start, octets in pieces:
        text.put(start, octets)
        for place, octet in enumerate(octets, start):
            known.setdefault(place, octet)
    assert text.count() == len(known)
    assert b"".join(map(text.read(), [30, 0, 50])) == bytes(known.get(place, 0) for place in range(80))
