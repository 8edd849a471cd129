"""Captures of all links, of a node, of an interface: what is in them, when, and what an analyser reads from it."""

from __future__ import annotations

import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.replay.captured import AtNode
from mipflow.lab.world import World
from mipflow.node.interface import Interface
from mipflow.node.node import Node
from mipflow.sim.trace import LOST
from mipflow.wire.captures import capture
from mipflow.wire.captures.template import Encoder
from mipflow.wire.packet import Packet
from tests.mip6.worlds import instant

Seen = Counter[tuple[int, bytes]]
Interface_ = tuple[str, str]
"""Node and interface, by their names."""


def eventful(after_each: Callable[[World], object] = lambda world: None) -> World:
    """Play loss, jitter, queues, an interface that fails and one that leaves with packets under way, and more at the
    end; call `after_each` after each of many steps.
    """

    def run(world: World, duration_s: float) -> None:
        for _ in range(10):
            world.run(duration_s / 10)
            after_each(world)

    lossy = mf.Link(delay_ms=30, rate_bps=2_000_000, loss=0.05, jitter_ms=20, reorder=True)
    world = mf.figure2(seed=3, links={"wlan0": lossy, "cell0": mf.Link(delay_ms=40, jitter_ms=9)})
    flows = [world.mn.open(cn, app) for cn in world.cns for app in (mf.apps.Voice(), mf.apps.Video())]
    run(world, 5)
    world.mn.handover(flows[1], "cell0")
    run(world, 1)
    world.mn.interface("wlan0").set_up(False)
    run(world, 1)
    world.mn.interface("wlan0").set_up(True)
    run(world, 1)
    world.mn.handover_all("wlan0")
    run(world, 0.5)
    world.mn.interface("cell0").leave()
    run(world, 0.5131)
    return world


@pytest.fixture(scope="module")
def witnessed() -> tuple[World, dict[Interface_, Seen], dict[Interface_, Seen]]:
    """Return a world, and for each interface what was handed to its links and what it really took in, noted as it
    happens.
    """
    received: dict[Interface_, Seen] = defaultdict(Counter)
    original, encode = Interface.__init__, Encoder().encode

    def made(interface: Interface, node: Node, name: str, interface_identifier: int) -> None:
        original(interface, node, name, interface_identifier)
        inner, own = interface.receive, received[node.name, name]

        def receive(packet: Packet) -> None:
            if interface.listens:
                own[node.clock.now, encode(packet)] += 1
            inner(packet)

        interface.receive = receive

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Interface, "__init__", made)
        world = eventful()
    sent: dict[Interface_, Seen] = defaultdict(Counter)
    for hop in world.trace:
        sent[hop.channel.sender, hop.channel.sender_interface][hop.sent_ns, encode(hop.packet)] += 1
    return world, sent, received


def read(path: Path) -> list[tuple[int, bytes]]:
    return [(frame.time_ns, frame.data) for frame in capture.read(path)]


def test_an_interface_has_what_it_sent_and_received_and_a_node_that_of_all(
    tmp_path: Path, witnessed: tuple[World, dict[Interface_, Seen], dict[Interface_, Seen]]
) -> None:
    world, sent, received = witnessed
    now, path = world.network.clock.now, tmp_path / "x.pcap"
    assert {drop.reason for drop in world.trace.drops()} >= {"wlan0 is down", "MN has left the link"}
    ends = [hop for hop in world.trace if hop.channel.receiver == "MN"]
    assert any(hop.arrived_ns == LOST for hop in ends) and any(hop.arrived_ns > now for hop in ends)
    for node, interfaces in {"MN": ["wlan0", "cell0"], "AR2": ["wlan0", "AR2-Internet"], "CN1": ["eth0"]}.items():
        expected = Seen()
        for interface in interfaces:
            own = sent[node, interface] + received[node, interface]
            assert world.pcap(path, node=node, interface=interface) == own.total() > 0
            assert Counter(read(path)) == own
            expected += own
        assert world.pcap(path, node) == expected.total()
        found = read(path)
        assert Counter(found) == expected
        assert [t_ns for t_ns, _ in found] == sorted(t_ns for t_ns, _ in found) and found[-1][0] <= now
    world.pcap(tmp_path / "own.pcap", interface="cell0")
    world.pcap(path, "MN", "cell0")
    assert (tmp_path / "own.pcap").read_bytes() == path.read_bytes(), "the mobile node's where no node is named"


@pytest.mark.parametrize(("node", "interface"), [("MN", None), ("MN", "cell0"), ("AR2", None), ("CN1", None)])
@pytest.mark.parametrize("forget", [False, True])
def test_pieces_while_it_runs_are_the_whole_of_afterwards(node: str, interface: str | None, forget: bool) -> None:
    encode, sizes, found = Encoder().encode, list[int](), list[tuple[int, bytes]]()
    readers: list[AtNode] = []

    def take(world: World) -> None:
        readers[:] = readers or [AtNode(world.trace, node, interface)]
        packets = readers[0].up_to(world.network.clock.now, forget)
        piece = [(t_ns, encode(packet)) for t_ns, packet in packets]
        found.extend(piece)
        sizes.append(len(piece))
        assert not forget or not (len(world.trace) or list(world.trace.drops()))

    seen = eventful(take)
    whole = eventful()
    assert seen.hops == whole.hops and seen.network.clock.now == whole.network.clock.now
    packets = AtNode(whole.trace, node, interface).up_to(whole.network.clock.now)
    assert found == [(t_ns, encode(packet)) for t_ns, packet in packets]
    assert sum(map(bool, sizes)) > 10 and [*seen.trace.changes()] == [*whole.trace.changes()]
    assert seen.tables(at=7).rows() == whole.tables(at=7).rows()


def test_every_link_keeps_the_times_of_the_links(tmp_path: Path) -> None:
    world = eventful()
    assert world.pcap(tmp_path / "all.pcap") == len(world.trace)
    times = [t_ns for t_ns, _ in read(tmp_path / "all.pcap")]
    assert times == sorted(world.trace.started)


def test_what_there_is_not_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    world, path = mf.figure2().run(1), tmp_path / "x.pcap"
    for given, said in (
        ({"interface": "eth9"}, "MN has no interface 'eth9'; expected one of wlan0, cell0"),
        ({"node": "CN1", "interface": "wlan0"}, "CN1 has no interface 'wlan0'; expected one of eth0"),
        ({"node": "R9", "interface": "wlan0"}, "there is no node 'R9'; expected one of "),
    ):
        with pytest.raises(ProtocolMisuse) as caught:
            world.pcap(path, **given)
        assert str(caught.value).startswith(said) and caught.value.value in given.values()
    assert not path.exists()


def fields(tshark: str, path: Path, which: str, *names: str) -> list[list[str]]:
    options = [part for name in names for part in ("-e", name)]
    command = [tshark, "-n", "-r", path, "-Y", which, "-T", "fields", *options]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split("\t") for line in lines]


def test_an_analyser_reads_the_delay_at_each_end(tmp_path: Path, tshark: str) -> None:
    """A ping takes both ways where it begins, nothing where it is answered, and between what lies behind."""
    world = mf.figure2(mode="tunnel", links=instant(wlan0=7, AR2_Internet=5, Internet_HA=8, home=1, cn1=10))
    world.run(5)
    world.mn.open(world.cn1, mf.apps.Echo())
    file = world.mn.open(world.cn1, mf.apps.FileTransfer(30_000))
    world.run(3)
    measured = {}
    for node in ("MN", "CN1", "AR2"):
        world.pcap(tmp_path / f"{node}.pcap", node=node)
        times = fields(tshark, tmp_path / f"{node}.pcap", "icmpv6.type==129", "icmpv6.resptime")
        measured[node] = {float(one) for (one,) in times if one}
    way_ms = 7 + 5 + 8 + 8 + 10
    assert measured == {"MN": {2.0 * way_ms}, "CN1": {0.0}, "AR2": {2.0 * (way_ms - 7)}}
    (first, *_), *_ = fields(tshark, tmp_path / "MN.pcap", "tcp.analysis.initial_rtt", "tcp.analysis.initial_rtt")
    assert float(first) == pytest.approx(2 * way_ms / 1000, abs=1e-9)
    assert file.stats.up.mean_delay_ms == way_ms
