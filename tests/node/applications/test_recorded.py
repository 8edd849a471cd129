"""Recorded traffic between two plain hosts: times, sizes, what waits for what, and every octet compared."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.node.applications import apps
from mipflow.node.applications.application import Ends
from mipflow.node.applications.recorded import Datagram, Recorded, RecordedRunning, Write
from mipflow.sim.link import Link
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import TCP, UDP
from tests.node.nodes import Pair

MS = 1_000_000
LINK = Link(delay_ms=10, rate_bps=None)


def start(pair: Pair, recorded: Recorded, near_port: int = 50000, far_port: int = 80, flow: int = 1) -> RecordedRunning:
    return recorded.start(Ends(pair.a, pair.b, near_port, far_port, flow))


def tcp(*writes: Write, opens_ns: int = 0) -> Recorded:
    return Recorded("TCP", writes, opens_ns=opens_ns)


def sent(pair: Pair, kind: type) -> list[tuple[float, str, int]]:
    """(ms, sender, octets of payload) of every packet of a kind."""
    return [
        (
            hop.sent_ns / MS,
            hop.channel.sender,
            len(getattr(hop.packet.payload, "data" if kind is EchoRequest else "payload")),
        )
        for hop in pair.network.trace
        if type(hop.packet.payload) is kind
    ]


def test_it_is_one_of_the_applications() -> None:
    assert apps.Recorded is Recorded


def test_datagrams_leave_at_their_times_with_their_sizes_also_from_the_far_end_first() -> None:
    pair = Pair(LINK)
    script = [Datagram(0, False, 40), Datagram(5 * MS, True, 0), Datagram(5 * MS, True, 7), Datagram(90 * MS, False, 9)]
    running = start(pair, Recorded("UDP", script, start_s=0.5))
    pair.run(1)
    assert sent(pair, UDP) == [(500, "B", 40), (505, "A", 0), (505, "A", 7), (590, "B", 9)]
    assert (running.received_bytes, running.is_complete, pair.drops) == (56, True, [])


def test_a_datagram_larger_than_the_path_arrives_whole() -> None:
    pair = Pair(LINK)
    running = start(pair, Recorded("UDP", [Datagram(0, True, 65_527)]))
    assert pair.run(1).drops == [] and running.received_bytes == 65_527


def test_echo_requests_go_both_ways_and_are_answered_by_whom_they_reach() -> None:
    pair = Pair(LINK)
    running = start(pair, Recorded("ICMPv6", [Datagram(0, True, 56, 3), Datagram(30 * MS, False, 8, 9)]), 0x2D56)
    pair.run(1)
    assert sent(pair, EchoRequest) == [(0, "A", 56), (30, "B", 8)]
    numbers = [hop.packet.payload for hop in pair.network.trace if isinstance(hop.packet.payload, EchoReply)]
    assert [(reply.identifier, reply.sequence) for reply in numbers] == [(0x2D56, 3), (0x2D56, 9)]
    assert (running.received_bytes, running.is_complete, pair.drops) == (64, True, [])


def test_a_write_waits_for_what_its_end_had_heard_and_for_its_pause() -> None:
    pair = Pair(LINK)
    script = (
        Write(True, 0, 2 * MS, b"hello"),
        Write(False, 5, 30 * MS, b"abc"),
        Write(True, 3, 0, b"!"),
        Write(True, 3, 7 * MS, b"?"),
    )
    running = start(pair, tcp(*script, opens_ns=100 * MS))
    pair.run(2)
    texts = [(at, who) for at, who, octets in sent(pair, TCP) if octets]
    assert texts == [(122, "A"), (162, "B"), (172, "A"), (179, "A")]
    assert (running.received_bytes, running.is_complete, running.is_correct) == (10, True, True)


def test_a_fin_counts_as_one_octet_that_is_heard() -> None:
    pair = Pair(LINK)
    running = start(pair, tcp(Write(True, 0, 0, end="close"), Write(False, 1, 5 * MS, end="close")))
    pair.run(1)
    fins = [(hop.sent_ns / MS, hop.channel.sender) for hop in pair.network.trace if hop.packet.payload.fin]  # type: ignore[attr-defined]
    assert fins == [(20, "A"), (35, "B")] and running.is_complete


@pytest.mark.parametrize("seed", range(5))
def test_every_octet_arrives_over_a_bad_link(seed: int) -> None:
    pair = Pair(Link(delay_ms=10, rate_bps=5_000_000, loss=0.05, duplication=0.05, jitter_ms=5, reorder=True), seed)
    data = bytes(range(256)) * 30
    script = (
        Write(True, 0, 0, data.ljust(20_000)),
        Write(False, 20_000, MS, data.ljust(30_000)),
        Write(False, 20_000, MS, end="close"),
        Write(True, 30_001, 0, data.ljust(10_000)),
        Write(True, 30_001, 0, end="close"),
    )
    running = start(pair, tcp(*script))
    pair.run(300)
    assert (running.received_bytes, running.is_complete, running.is_correct) == (60_000, True, True)


def test_a_wrong_octet_is_noticed() -> None:
    pair = Pair(LINK)

    def tamper(packet: object, now: int) -> None:
        payload = packet.payload  # type: ignore[attr-defined]
        if isinstance(payload, TCP) and payload.payload:
            payload.payload = payload.payload[:-1] + b"\x01"

    pair.segment.tap(tamper)
    running = start(pair, tcp(Write(True, 0, 0, b"abc".ljust(4000))))
    pair.run(5)
    assert running.received_bytes == 4000 and not running.is_correct and not running.is_complete


def test_a_reset_waits_until_all_is_delivered() -> None:
    pair = Pair(Link(delay_ms=10, rate_bps=1_000_000))
    script = (Write(True, 0, 0, bytes(50_000)), Write(False, 1000, 0, bytes(3000)), Write(False, 1000, 0, end="close"),
              Write(False, 1000, 0, end="reset"))  # fmt: skip
    running = start(pair, tcp(*script))
    pair.run(60)
    segments = [hop for hop in pair.network.trace if isinstance(hop.packet.payload, TCP)]
    assert running.is_complete and running.received_bytes == 53_000
    assert segments[-1].packet.payload.rst and segments[-1].channel.sender == "B"  # type: ignore[attr-defined]


def test_flows_share_a_far_port_and_stopping_one_leaves_the_other() -> None:
    pair = Pair(LINK)
    script = (Write(True, 0, 200 * MS, bytes(10)), Write(False, 10, 200 * MS, bytes(10)))
    datagrams = [Datagram(200 * MS, True, 10), Datagram(400 * MS, False, 10)]
    streams = [start(pair, tcp(*script), port, 80, port) for port in (50001, 50002)]
    packets = [start(pair, Recorded("UDP", datagrams), port, 53, port) for port in (50003, 50004)]
    pair.run(0.1)
    streams[0].stop()
    packets[0].stop()
    pair.run(2)
    assert [(one.received_bytes, one.is_complete) for one in (*streams, *packets)] == [
        (0, False), (20, True), (0, False), (20, True),
    ]  # fmt: skip
    for running in (streams[1], packets[1]):
        running.stop()
    assert not any(pair.b.has_port(port) for port in (80, 53)) and not any(pair.a.has_port(50000 + k) for k in range(5))


def test_it_can_wait_to_be_begun_once() -> None:
    pair = Pair(LINK)
    running = start(pair, Recorded("UDP", [Datagram(0, True, 1)], start_s=None))
    pair.run(1)
    assert len(pair.network.trace) == 0
    with pytest.raises(ProtocolMisuse, match="past"):
        running.begin(0)
    running.begin(1_000_000_000)
    with pytest.raises(ProtocolMisuse, match="twice"):
        running.begin(2_000_000_000)
    assert pair.run(1) and running.received_bytes == 1


@pytest.mark.parametrize(
    ("protocol", "script"),
    [("TCP", [Datagram(0, True, 1)]), ("UDP", [Write(True, 0, 0)]), ("ICMPv6", [Write(True, 0, 0)])],
)
def test_a_script_of_another_protocol_is_a_bad_call(protocol: str, script: Sequence[Datagram]) -> None:
    with pytest.raises(ProtocolMisuse, match="script of"):
        start(Pair(), Recorded(protocol, script))  # type: ignore[arg-type]
