"""Fragments: cut and put together again (RFC 8200 section 4.5)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.node.fragments import MAX_WAITING, REASSEMBLY_TIMEOUT_NS, Reassembly, cut
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, FragmentHeader, Opaque, Packet
from tests.node.nodes import Pair, listen

A, B = Address("2001:db8::a"), Address("2001:db8::b")


def pieces(octets: int = 3000, mtu: int = 1280, identification: int = 1) -> list[Packet]:
    content = bytes(n % 251 for n in range(octets))
    return cut(Packet(A, B, UDP(1, 2, content), label=7, sent_ns=99), mtu, identification)


def gather(reassembly: Reassembly, packets: list[Packet], now: int = 0) -> list[Packet]:
    whole = []
    for packet in packets:
        header = packet.extensions[0]
        assert isinstance(header, FragmentHeader)
        done, _ = reassembly.add(packet, header, packet.source, packet.destination, now)
        if done is not None:
            whole.append(done)
    return whole


@settings(max_examples=60)
@given(st.integers(1300, 9000), st.sampled_from([1280, 1300, 1456, 1500]), st.randoms())
def test_cut_and_joined_in_any_order(octets: int, mtu: int, random) -> None:  # type: ignore[no-untyped-def]
    packets = pieces(octets, mtu)
    assert all(packet.size <= mtu for packet in packets)
    headers = [packet.extensions[0] for packet in packets]
    assert [header.more for header in headers] == [True] * (len(packets) - 1) + [False]  # type: ignore[union-attr]
    assert all((packet.size - 48) % 8 == 0 for packet in packets[:-1])
    random.shuffle(packets)
    (whole,) = gather(Reassembly(), packets)
    assert whole.payload.payload == bytes(n % 251 for n in range(octets))  # type: ignore[attr-defined]
    assert (whole.label, whole.sent_ns, whole.source, whole.destination) == (7, 99, A, B)


def test_exact_duplicates_are_harmless() -> None:
    one, *rest = pieces()
    assert len(gather(Reassembly(), [one, one.copy(), *rest])) == 1


def test_datagrams_are_kept_apart_by_identification_and_addresses() -> None:
    first, second = pieces(identification=1), pieces(identification=2)
    mixed = [packet for both in zip(first, second, strict=True) for packet in both]
    assert len(gather(Reassembly(), mixed)) == 2
    other = pieces(identification=1)
    for packet in other:
        packet.source = Address("2001:db8::c")
    assert gather(Reassembly(), [first[0], *other[1:]]) == []


def test_missing_pieces_are_given_up_after_a_minute() -> None:
    reassembly = Reassembly()
    packets = pieces()
    assert gather(reassembly, packets[:-1]) == []
    late = pieces(identification=2)[0]
    _, dropped = reassembly.add(late, late.extensions[0], A, B, REASSEMBLY_TIMEOUT_NS + 1)  # type: ignore[arg-type]
    assert [reason for _, reason in dropped] == ["fragments are missing"]
    assert gather(reassembly, packets[-1:], REASSEMBLY_TIMEOUT_NS + 1) == []


def test_a_flood_of_first_pieces_is_bounded() -> None:
    reassembly, dropped = Reassembly(), []
    for number in range(MAX_WAITING + 50):
        piece = pieces(identification=number)[0]
        dropped += reassembly.add(piece, piece.extensions[0], A, B, 0)[1]  # type: ignore[arg-type]
    assert 48 <= len(dropped) <= 51


def test_overlapping_fragments_are_never_joined() -> None:
    """RFC 8200 section 4.5 (after RFC 5722): a datagram with overlapping fragments is dropped as a whole."""
    packets = pieces(2400, 1280)
    first = packets[0].payload
    assert isinstance(first, Opaque)
    overlap = Packet(A, B, Opaque(17, bytes(len(first.data) - 8)), extensions=(FragmentHeader(1, True, 1),))
    shorter = Packet(A, B, Opaque(17, first.data[:800]), extensions=(FragmentHeader(0, True, 1),))
    assert gather(Reassembly(), [packets[0], overlap, *packets[1:]]) == []
    assert gather(Reassembly(), [packets[0], shorter, *packets[1:]]) == []


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.integers(0, 40), st.integers(0, 2)), max_size=20))
def test_nonsense_never_raises(script: list[tuple[int, bool, int, int]]) -> None:
    reassembly = Reassembly()
    for offset, more, octets, identification in script:
        header = FragmentHeader(offset, more, identification)
        reassembly.add(Packet(A, B, Opaque(17, bytes(octets)), extensions=(header,)), header, A, B, 0)


def test_a_whole_that_cannot_be_read_is_dropped_with_a_reason() -> None:
    pair = Pair()
    bad = Opaque(17, b"\0\1\0\2\0\x30\0\0" + bytes(40))
    header = FragmentHeader(0, False, 5)
    pair.a.send(Packet(pair.a.address, pair.b.address, bad, extensions=(header,)))
    pair.run(1)
    assert any("reassembled" in reason for _, reason in pair.drops)


def test_a_datagram_in_fragments_counts_once() -> None:
    pair = Pair()
    got = listen(pair.b, UDP)
    pair.b.udp(9)
    socket = pair.a.udp(5, (pair.b.address, 9), flow=1)
    socket.send(bytes(6000))
    pair.run(1)
    meter = pair.network.meters[1]
    assert len(got) == 1 and (meter.sent, meter.received, meter.lost, meter.in_flight) == (1, 1, 0, 0)


def test_a_datagram_that_loses_some_fragments_is_lost_once() -> None:
    pair = Pair()
    taken = []
    pair.b.udp(9)

    def tap(packet: Packet, now: int) -> str | None:
        taken.append(packet)
        return "taken" if len(taken) in (2, 3) else None

    pair.segment.tap(tap)
    socket = pair.a.udp(5, (pair.b.address, 9), flow=1)
    socket.send(bytes(6000))
    pair.run(61)
    socket.send(bytes(6000))
    pair.run(1)
    meter = pair.network.meters[1]
    assert (meter.sent, meter.received, meter.lost, meter.in_flight) == (2, 1, 1, 0)
