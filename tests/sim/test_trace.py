"""The trace: hops in columns, records, tables at any moment, the digest."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse
from mipflow.sim import trace as trace_module
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.trace import ROW, Change, ChannelName, Decided, TableChanged, Trace, is_control
from mipflow.wire.icmpv6 import EchoRequest, RouterSolicitation
from mipflow.wire.mobility import HomeTestInit
from mipflow.wire.packet import UDP, Opaque, Packet
from tests.sim.boxes import A, B, Box, Wire, add_channel, datagram

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_hop_is_what_was_on_that_link() -> None:
    wire = Wire(Link(delay_ms=1, rate_bps=8_000_000))
    wire.send(5, 200)
    wire.run()
    trace = wire.network.trace
    wire.b.arrived[0][1].hop_limit -= 3  # what a router further on does
    hop = trace[0]
    assert (hop.number, hop.sent_ns, hop.started_ns, hop.arrived_ns) == (0, 5, 5, 5 + 200_000 + 1_000_000)
    assert hop.channel == ("wire", "a", "eth0", "b", "eth0")
    assert hop.hop_limit == hop.packet.hop_limit == 64
    hop.packet.hop_limit = 1
    assert trace[0].packet.hop_limit == 64, "a hop's packet is a copy"
    assert [h.number for h in trace] == [0] and len(trace) == 1


@pytest.mark.parametrize("number", [-1, 1, 99])
def test_a_hop_that_is_not_there(number: int) -> None:
    wire = Wire()
    wire.send(0)
    wire.run()
    with pytest.raises(ProtocolMisuse, match=f"no packet-hop {number}") as caught:
        wire.network.trace[number]
    assert caught.value.value == number


def test_a_reading_that_is_interrupted_anywhere_leaves_the_columns_whole() -> None:
    calm, lines = sent(), 0
    calm.read_columns()
    while True:
        lines += 1
        trace, left = sent(), lines

        def trap(frame: FrameType, event: str, value: object) -> Any:
            nonlocal left
            left -= event == "line"
            if not left:
                raise KeyboardInterrupt
            return trap

        sys.settrace(lambda frame, event, value: trap if frame.f_code.co_name in ("read_columns", "channels") else None)
        try:
            assert trace.read_columns() and trace.channels
            break
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        assert [*trace.arrived] == [*calm.arrived] and trace.digest() == calm.digest(), f"line {lines}"
    assert lines > 50


def sent() -> Trace:
    """Return a trace of which one hop was read before, and two were not."""
    trace = Trace()
    for number in range(3):
        trace.hop(datagram(100, number), add_channel(trace, ChannelName(*"link a if b if".split())), 0, 0, number)
        if not number:
            assert trace.read_columns() and trace.channels
    return trace


def test_an_empty_trace_says_what_to_do() -> None:
    with pytest.raises(ProtocolMisuse, match="no packet-hop 0; the trace holds none: run the world first, with"):
        Trace()[0]


def test_modes() -> None:
    with pytest.raises(ProtocolMisuse, match="'some'"):
        Trace("some")  # type: ignore[arg-type]
    for mode, hops in (("all", 2), ("control", 1), ("off", 0)):
        wire = Wire(trace=mode)
        channel = wire.segment.channel(wire.a, wire.b)
        channel.send(Packet(A, B, UDP(1, 2)))
        channel.send(Packet(A, B, RouterSolicitation()))
        wire.run()
        assert len(wire.network.trace) == hops, mode
        assert len(wire.b.arrived) == 2


def test_signalling_and_data() -> None:
    def packet(payload: object) -> Packet:
        return Packet(A, B, payload)  # type: ignore[arg-type]

    signalling = [HomeTestInit(bytes(8)), RouterSolicitation()]
    data = [UDP(1, 2), EchoRequest(1, 2), Opaque(17, bytes(8))]
    assert all(is_control(packet(value)) and is_control(packet(packet(value))) for value in signalling)
    assert not any(is_control(packet(value)) or is_control(packet(packet(value))) for value in data)


tables = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["MN", "HA"]),
        st.sampled_from(["t", "u"]),
        st.integers(0, 4),
        st.integers(0, 5),
    ),
    max_size=50,
)  # fmt: skip


@given(tables)
def test_replay_of_changes_is_the_state_at_any_moment(operations: list[tuple[int, str, str, int, int]]) -> None:
    """Compare a random history of rows that come, change and go with snapshots taken on the way."""
    trace, now, live = Trace(), 0, {}
    snapshots = {}
    for wait, node, table, key, value in operations:
        for t in range(now, now + wait):
            snapshots[t] = dict(live)
        now += wait
        place = (node, table, str(key))
        before = live.get(place)
        after = None if value == 0 else {"value": value}
        if before is None and after is None:
            continue
        trace.records.append(TableChanged(now, node, Change(table, str(key), before, after)))
        if after is None:
            del live[place]
        else:
            live[place] = after
    snapshots[now] = dict(live)
    for t, expected in snapshots.items():
        rows = {
            (node, table, key): row
            for node, of_node in trace.tables(t).items()
            for table, of_table in of_node.items()
            for key, row in of_table.items()
        }
        assert rows == expected


def test_records_by_kind() -> None:
    network = Network()
    trace, packet = network.trace, Packet(A, B, UDP(1, 2))
    trace.records.append(TableChanged(1, "MN", Change("t", "k", None, {"x": 1})))
    network.drop(packet, "a reason", "HA")
    trace.records.append(Decided(3, "MN", "handover", "flow 1"))
    packet.hop_limit = 1
    assert [r.reason for r in trace.drops()] == ["a reason"]
    assert next(trace.drops()).packet.hop_limit == 64, "a dropped packet is kept as it was"
    assert [r.change.key for r in trace.changes()] == ["k"]
    assert [r.what for r in trace.decisions()] == ["handover"]


def test_a_large_trace_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "WARN_AT_HOPS", 2)
    wire = Wire()
    for number in range(3):
        wire.send(number)
    with pytest.warns(UserWarning, match="3 packet-hops"):
        wire.run()
    wire.send(wire.network.clock.now)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wire.run()


# --- the digest ------------------------------------------------------------------------------------------------------


def digest(seed: int = 1, sizes: tuple[int, ...] = (100, 200), link: Link | None = None, twist: object = None) -> str:
    wire = Wire(link or Link(loss=0.5), seed)
    for number, size in enumerate(sizes):
        wire.send(number * 1000, size)
    wire.run()
    if callable(twist):
        twist(wire.network.trace)
    return wire.network.trace.digest()


def test_same_run_same_digest() -> None:
    assert digest() == digest()


@pytest.mark.parametrize(
    "other",
    [
        lambda: digest(seed=2, sizes=(100,) * 40), lambda: digest(sizes=(100, 201)),
        lambda: digest(link=Link(loss=0.5, delay_ms=2)),
        lambda: digest(twist=lambda trace: trace.records.append(Decided(0, "MN", "a", "b"))),
        lambda: digest(twist=lambda trace: setattr(trace.packets[0], "destination", A)),
    ],
)  # fmt: skip
def test_another_run_another_digest(other: object) -> None:
    assert other() not in (digest(), digest(sizes=(100,) * 40))  # type: ignore[operator]


@pytest.mark.parametrize("field", ["traffic_class", "flow_label"])
def test_the_digest_covers_all_fields_of_a_packet(field: str) -> None:
    def one(value: int) -> str:
        wire = Wire()
        wire.segment.channel(wire.a, wire.b).send(Packet(A, B, UDP(1, 2), **{field: value}))
        return wire.run().network.trace.digest()

    assert one(0) != one(1)


PROGRAM = """
import mipflow as mf
world = mf.figure2(seed=7, links={"wlan0": mf.Link(delay_ms=5, rate_bps=20_000_000, loss=0.02, jitter_ms=3)})
world.mn.open(world.cn1, mf.apps.Voice())
video = world.mn.open(world.cn1, mf.apps.Video(rate_bps=200_000))
world.mn.open(world.cn2, mf.apps.FileTransfer(100_000))
world.run(4)
world.mn.handover(video, "cell0")
world.run(2)
world.mn.close(video)
world.run(2)
print(len(world.trace), world.trace.digest())
"""


def test_same_digest_in_two_processes_with_different_hash_seeds() -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, cwd=REPOSITORY, text=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY)},
        )
        for seed in ("1", "4242")
    ]  # fmt: skip
    said = [process.communicate(timeout=600)[0] for process in running]
    assert said[0] == said[1]
    assert int(said[0].split()[0]) > 1000


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.booleans()), max_size=60), st.integers(0, 60))
def test_tables_at_any_time_are_those_of_a_replay_from_the_start(steps: list[tuple[int, str, bool]], at: int) -> None:
    """The answer depends neither on the states kept on the way nor on changes of earlier answers."""
    trace, now, rows = Trace(), 0, dict[str, int]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mipflow.sim.trace.KEEP_EVERY", 4)
        past = [(-1, dict(rows))]
        for number, (later, key, goes) in enumerate(steps):
            now += later
            before = {"n": rows[key]} if key in rows else None
            after = None if goes else {"n": number}
            trace.records.append(TableChanged(now, "N", Change("t", key, before, after)))
            rows = {name: n for name, n in rows.items() if name != key} | ({} if goes else {key: number})
            past.append((now, dict(rows)))
            if number % 7 == 0:
                trace.tables(now)["N"].clear()
        expected = [state for t_ns, state in past if t_ns <= at][-1]
        for _ in range(2):
            got = trace.tables(at).get("N", {}).get("t", {})
            assert {name: row["n"] for name, row in got.items()} == expected
        assert trace.between(at, at) == [record for record in trace.records if record.t_ns == at]


def test_a_trace_tells_more_than_65536_directions_of_links_apart() -> None:
    """Each pair of ports on a link has two of them, so a few hundred ports are enough."""
    network = Network()
    segment = network.add_segment("crowded", Link())
    boxes = [Box(f"b{number}", network) for number in range(260)]
    for box in boxes:
        segment.attach(box)
    segment.channel(boxes[-2], boxes[-1]).send(datagram(100))
    assert network.trace[0].channel.sender == "b258"
    assert network.trace[0].channel.receiver == "b259" and network.trace.channel[0] > 0xFFFF
    assert network.trace.digest()


def test_packets_that_are_there_are_not_copied_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture is written piece by piece from them: as many copies would grow with the square of the trace."""
    trace = Trace()
    trace.hop(datagram(100), add_channel(trace, ChannelName("link", "A", "eth0", "B", "eth0")), 0, 0, 1)
    monkeypatch.setattr(Trace, "carried", None)
    assert trace.packets is trace.packets


def test_promised_packets_are_made_once_when_somebody_looks_and_stand_in_their_places() -> None:
    trace, made = Trace(), list[int]()

    class Two(NamedTuple):
        first: int

        def make(self, packets: list[Packet], first: int, end: int) -> None:
            for place in range(max(first, self.first), min(end, self.first + 2)):
                if packets[place] is None:
                    made.append(place)
                    packets[place] = datagram(100, place)

        def alike(self, first: int, end: int) -> list[tuple[list[range], range]]:
            return []

    def promise(first: int) -> None:
        trace.new_rows += ROW.pack(0, 0, 1, 0, 64) * 2
        trace.promises.append(Two(first))
        trace.unmade += [None, None]

    add_channel(trace, ChannelName("link", "A", "eth0", "B", "eth0"))
    trace.hop(datagram(100, 0), 0, 0, 0, 1)
    promise(1)
    trace.hop(datagram(100, 3), 0, 0, 0, 1)
    promise(4)
    assert len(trace) == 6 and not made, "a length needs no packet"
    expected = [datagram(100, number).fields() for number in range(6)]
    assert [packet.fields() for packet in trace.carried(2, 5)] == expected[2:5] and made == [2, 4]
    assert trace[5].packet.fields() == expected[5] and trace.packet(0).fields() == expected[0] and made == [2, 4, 5]
    assert [packet.fields() for packet in trace.packets] == expected
    assert [hop.packet.hop_limit for hop in trace] == [64] * 6
    assert trace.packets[4] is trace.packet(4) and made == [2, 4, 5, 1]
