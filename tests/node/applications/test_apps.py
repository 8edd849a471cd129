"""Applications: what they send, when, and how they end."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.node.applications import apps
from mipflow.node.applications.application import Ends, Running
from mipflow.sim.link import Link
from mipflow.wire import codec
from mipflow.wire.icmpv6 import IcmpError
from mipflow.wire.packet import TCP, UDP
from tests.node.nodes import LEFT, Pair, Path


class Scene:
    """An application between A and B."""

    def __init__(self, app: apps.Application, link: Link | None = None) -> None:
        self.pair = Pair(link or Link(delay_ms=10, rate_bps=None))
        self.running: Running = app.start(Ends(self.pair.a, self.pair.b, 50000, app.port, 1))

    def run(self, seconds: float) -> Scene:
        self.pair.run(seconds)
        return self

    def sent(self, by: str) -> list[tuple[int, int]]:
        """(milliseconds, octets of UDP payload) of what a host sent."""
        return [
            (hop.sent_ns // 1_000_000, len(hop.packet.payload.payload))  # type: ignore[attr-defined]
            for hop in self.pair.network.trace
            if hop.channel.sender == by
        ]


def test_a_call_is_constant_both_ways() -> None:
    scene = Scene(apps.Voice(duration_s=0.1, start_s=0.5)).run(5)
    assert scene.sent("A") == [(500 + 20 * k, 172) for k in range(5)]
    assert scene.sent("B") == [(510 + 20 * k, 172) for k in range(5)], "the far end answers the first packet"
    assert scene.running.received_bytes == 5 * 172


def test_a_call_with_pauses_is_silent_at_both_ends() -> None:
    scene = Scene(apps.Voice(duration_s=0.6, start_s=0.5, talk_s=0.1, pause_s=0.2)).run(5)
    talk = [500 + turn + 20 * k for turn in (0, 300) for k in range(5)]
    assert scene.sent("A") == [(t_ms, 172) for t_ms in talk]
    assert [t_ms for t_ms, _ in scene.sent("B")] == [t_ms + 10 for t_ms in talk]


def test_a_call_one_way() -> None:
    scene = Scene(apps.Voice(both_ways=False, interval_ms=2.5, payload_bytes=10)).run(0.0101)
    assert len(scene.sent("A")) == 5 and scene.sent("B") == []


def test_stopping_a_call_stops_both_ends() -> None:
    scene = Scene(apps.Voice()).run(1)
    scene.running.stop()
    count = len(scene.pair.network.trace)
    scene.run(5)
    late = [hop.packet.payload for hop in list(scene.pair.network.trace)[count:]]
    assert all(isinstance(each, IcmpError) and each.is_port_unreachable for each in late), "about what was under way"
    assert len(late) <= 2
    assert not scene.pair.a.has_port(50000) and not scene.pair.b.has_port(5004)


def test_a_video_has_its_rate_large_frames_first_and_reports() -> None:
    scene = Scene(apps.Video(rate_bps=800_000)).run(50.5)
    octets = sum(size for _, size in scene.sent("B"))
    assert abs(octets * 8 / 50 - 800_000) < 20_000
    frames: dict[int, int] = {}
    for t, size in scene.sent("B"):
        frames[t] = frames.get(t, 0) + size
    sizes = list(frames.values())
    assert all(b - a == 40 for a, b in zip(list(frames)[:-1], list(frames)[1:], strict=True))
    keys, others = sizes[::25], [size for n, size in enumerate(sizes) if n % 25]
    assert min(keys) > max(others)
    assert [t for t, _ in scene.sent("A")] == [1000 * k for k in range(51)]
    assert scene.running.received_bytes in (octets, octets - sizes[-1])


def test_pieces_trickle_over_one_connection_until_their_end() -> None:
    scene = Scene(apps.Trickle(interval_ms=300, piece_bytes=70, start_s=0.5, duration_s=1)).run(5)
    sent = [(t, size) for t, size in scene.sent("B") if size]
    assert sent[1:] == [(810, 70), (1110, 70), (1410, 70)] and sent[0][1] == 70
    assert scene.running.received_bytes == 4 * 70
    scene = Scene(apps.Trickle()).run(2)
    scene.running.stop()
    count = len(scene.pair.network.trace)
    assert len(scene.run(5).pair.network.trace) - count <= 2, "nothing but about what was under way"


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_file_arrives_whole(direction: apps.Direction, size: int) -> None:
    scene = Scene(apps.FileTransfer(size, direction), Link(delay_ms=10, rate_bps=5_000_000, loss=0.02)).run(200)
    assert (scene.running.received_bytes, scene.running.is_complete, scene.running.is_correct) == (size, True, True)


def test_a_wrong_octet_is_noticed() -> None:
    scene = Scene(apps.FileTransfer(20_000))

    def spoil(packet: object, now: int) -> None:
        payload = packet.payload  # type: ignore[attr-defined]
        if isinstance(payload, TCP) and len(payload.payload) > 100:
            packet.payload = TCP(  # type: ignore[attr-defined]
                payload.source_port, payload.destination_port, payload.sequence, payload.acknowledgement, ack=True,
                payload=b"?" + payload.payload[1:],
            )  # fmt: skip

    scene.pair.segment.tap(spoil)
    scene.run(30)
    assert not scene.running.is_correct and not scene.running.is_complete


def test_ping_counts_and_ends() -> None:
    scene = Scene(apps.Echo(interval_ms=100, count=4, payload_bytes=10, start_s=1)).run(10)
    requests = [hop for hop in scene.pair.network.trace if hop.channel.sender == "A"]
    assert [hop.sent_ns // 1_000_000 for hop in requests] == [1000, 1100, 1200, 1300]
    assert [hop.packet.payload.sequence for hop in requests] == [1, 2, 3, 4]  # type: ignore[attr-defined]
    assert scene.running.received_bytes == 40
    up, down = scene.pair.network.meters[1], scene.pair.network.meters[-1]
    assert (up.sent, up.received, down.sent, down.received) == (4, 4, 4, 4)


def test_delays_in_meters_are_those_of_the_path() -> None:
    path = Path(
        Link(delay_ms=7, rate_bps=None), near=Link(delay_ms=1, rate_bps=None), far=Link(delay_ms=2, rate_bps=None)
    )
    apps.Voice(duration_s=1).start(Ends(path.a, path.b, 50000, 5004, 1))
    path.run(5)
    up, down = path.network.meters[1], path.network.meters[-1]
    assert up.mean_delay_ms == up.worst_delay_ms == down.mean_delay_ms == 10.0
    assert up.longest_gap_ms == 20.0
    assert isinstance(UDP(1, 2), UDP)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: apps.Voice(interval_ms=0), lambda: apps.Voice(payload_bytes=-1), lambda: apps.Video(rate_bps=0),
        lambda: apps.Video(group=0),
        lambda: apps.FileTransfer(-1), lambda: apps.FileTransfer(1, "sideways"), lambda: apps.Echo(interval_ms=-5),  # type: ignore[arg-type]
        lambda: apps.Protected(interval_ms=0), lambda: apps.Protected(payload_bytes=-1),
    ],
)  # fmt: skip
def test_impossible_applications_are_refused(wrong: Callable[[], apps.Application]) -> None:
    with pytest.raises(ProtocolMisuse, match="expected"):
        wrong()


# --- ESP that ends beyond the two hosts -------------------------------------------------------------------------------


def test_a_protected_stream_is_constant_both_ways_under_another_spi_each_way() -> None:
    scene = Scene(apps.Protected(payload_bytes=80, duration_s=0.1, start_s=0.5)).run(5)
    packets: dict[str, list[tuple[int, bytes]]] = {"A": [], "B": []}
    for hop in scene.pair.network.trace:
        packets[hop.channel.sender].append((hop.sent_ns // 1_000_000, codec.encode(hop.packet)))
    assert [t for t, _ in packets["A"]] == [500 + 20 * k for k in range(5)]
    assert [t for t, _ in packets["B"]] == [510 + 20 * k for k in range(5)], "the far end answers the first packet"
    for name, spi in (("A", 4096), ("B", 50000)):
        assert [octets[6] for _, octets in packets[name]] == [50] * 5
        assert [octets[40:48] for _, octets in packets[name]] == [struct.pack(">II", spi, k) for k in range(1, 6)]
        assert {len(octets) for _, octets in packets[name]} == {40 + 8 + 80}
    inside = {octets[48:] for sent in packets.values() for _, octets in sent}
    assert len(inside) == 10, "no two are alike, as in encryption"
    assert scene.running.received_bytes == 5 * 80


def test_stopping_a_protected_stream_stops_both_ends() -> None:
    scene = Scene(apps.Protected()).run(1.005)
    scene.running.stop()
    scene.run(5)
    last = [max(h.sent_ns for h in scene.pair.network.trace if h.packet.label == label) for label in (1, -1)]
    assert last == [1_000_000_000, 990_000_000]
    assert not scene.pair.a.has_port(50000) and not scene.pair.b.has_port(4096)


@pytest.mark.parametrize(
    "app", [apps.Voice(), apps.Video(), apps.Echo(), apps.Protected(), apps.FileTransfer(5000), apps.Trickle()]
)
def test_the_near_end_of_an_application_can_be_the_one_that_is_called(app: apps.Application) -> None:
    """Its packets are labelled downward then, and it may be told another address than the far end's first."""
    pair = Pair(Link(delay_ms=10))
    second = LEFT.address(0xBB)
    pair.b.interfaces["eth0"].add_address(second)
    app.start(Ends(pair.a, pair.b, 50000, app.port, 1, upward=False, far_address=second))
    pair.run(3)
    for hop in pair.network.trace:
        assert hop.packet.upward == (hop.channel.sender == "B") and hop.packet.flow == 1
        assert hop.packet.destination == (second if hop.channel.sender == "A" else pair.a.address)
    assert pair.network.meters[1].received > 0 and pair.network.meters[-1].received > 0
