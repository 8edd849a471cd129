"""Two plain hosts, one of which moves: what a move does to TCP, seen in the packets."""

from __future__ import annotations

import pytest

import mipflow as mf
from mipflow.errors import FunctionFailed, MipflowError, ProtocolMisuse, TopologyError
from mipflow.lab.plain import PlainWorld
from mipflow.sim.trace import Dropped
from mipflow.wire.packet import TCP


def moved(keep: bool, back_s: float | None = None, until_s: float = 20.0) -> tuple[PlainWorld, mf.apps.Running]:
    world = mf.plain_hosts(seed=1)
    running = world.mn.open(world.cn, mf.apps.Trickle())
    world.run(3).mn.move("cell0", keep=keep)
    if back_s is not None:
        world.run(back_s - 3).mn.move("wlan0", keep=True)
    return world.run(until_s - world.now), running


def sends(world: PlainWorld) -> list[tuple[float, int, int]]:
    """Return the time, first octet and length of CN's segments with text."""
    trace, found = world.trace, list[tuple[float, int, int]]()
    for number, packet in enumerate(trace.packets):
        is_from_cn = trace.channels[trace.channel[number]].sender == "CN"
        if is_from_cn and isinstance(packet.payload, TCP) and packet.payload.payload:
            found.append((trace.sent[number] / 1e9, packet.payload.sequence, len(packet.payload.payload)))
    first = found[0][1]
    return [(round(at, 2), sequence - first, size) for at, sequence, size in found]


@pytest.mark.parametrize("keep", [True, False])
def test_segments_die_at_the_old_router_and_are_repeated_after_1_2_4_and_8_seconds(keep: bool) -> None:
    world, running = moved(keep)
    again = [at for at, octet, _ in sends(world) if octet == 1500]
    assert again == [3.92, 4.92, 6.92, 10.92, 18.92]
    drops = [record for record in world.trace.records if isinstance(record, Dropped)]
    assert {drop.node for drop in drops} == {"AR2"} and len(drops) == 6
    assert running.received_bytes == 1500
    assert str(world.mn.address) == ("2001:db8:200::10" if keep else "2001:db8:300::10")


def test_who_comes_back_with_the_address_goes_on() -> None:
    world, running = moved(True, back_s=6.0, until_s=12.0)
    assert [at for at, octet, _ in sends(world) if octet == 1500] == [3.92, 4.92, 6.92]
    assert running.received_bytes == 5000  # ten pieces, none of them lost for good


@pytest.mark.parametrize("keep", [True, False])
def test_both_ends_hold_their_rows(keep: bool) -> None:
    world, _ = moved(keep)
    rows = {(row["node"], row["remote_address"], row["local_address"]) for row in world.tables().rows()}
    assert rows == {("CN", "WLAN address", "CN"), ("MN", "CN", "WLAN address")}


def test_a_new_connection_from_the_new_address_works() -> None:
    world, _ = moved(False)
    later = world.mn.open(world.cn, mf.apps.Trickle(interval_ms=100))
    world.run(2)
    assert later.received_bytes > 5000 and world.flow_names() == {1: "pieces", 2: "pieces 2"}


def test_pictures_tell_it() -> None:
    world, _ = moved(True)
    text = world.animate(2, 12).describe()
    assert "3.000 s: The mobile node goes to the cellular network and keeps the WLAN address." in text
    assert "The WLAN router drops a packet of the pieces" in text and "CN, sent again: octets 1501 to 2000" in text
    assert "pieces: over the WLAN throughout" in text
    assert world.handovers_s() == [3.0] and "MN is at cell0 with 2001:db8:200::10" in repr(world)
    for picture in (world.ladder(), world.timeline(), world.tables()):
        assert picture.describe()


def test_a_lookup_serves_the_server_and_must_give_a_row_of_the_table() -> None:
    def lookup(table, segment):  # type: ignore[no-untyped-def]
        ends = segment.source, segment.source_port, segment.destination, segment.destination_port
        return next((row for row in table if (row.remote, row.remote_port, row.local, row.local_port) == ends), None)

    world = mf.plain_hosts(lookup=lookup)
    running = world.mn.open(world.cn, mf.apps.Trickle())
    world.run(10)
    assert running.received_bytes == 4000
    world = mf.plain_hosts(lookup=lambda table, segment: True)
    world.mn.open(world.cn, mf.apps.Trickle())
    world.run(2)
    assert "your tcp_lookup() gave True; expected a row of the table" in world.tables_of["CN"].failed


def test_a_lookup_that_never_ends_costs_two_seconds_once() -> None:
    def endless(table, segment):  # type: ignore[no-untyped-def]
        while True:
            pass

    world = mf.plain_hosts(lookup=endless)
    world.mn.open(world.cn, mf.apps.Trickle())
    world.run(20)
    assert "took more than 2 s" in world.tables_of["CN"].failed


def test_equal_seeds_are_equal_worlds() -> None:
    assert moved(True)[0].trace.digest() == moved(True)[0].trace.digest() != moved(False)[0].trace.digest()


def test_bad_calls_are_said_in_words() -> None:
    world = mf.plain_hosts()
    for bad in ("eth0", None, 3):
        with pytest.raises(ProtocolMisuse):
            world.mn.move(bad)  # type: ignore[arg-type]
    with pytest.raises(ProtocolMisuse):
        world.mn.move("cell0", keep=1)  # type: ignore[arg-type]
    assert str(world.mn.address) == "2001:db8:200::10"
    with pytest.raises(TopologyError):
        mf.plain_hosts(links={"home": mf.Link()})
    with pytest.raises(FunctionFailed):
        mf.plain_hosts(lookup=3)  # type: ignore[arg-type]
    with pytest.raises(MipflowError):
        world.mn.open(world.cn, 5)  # type: ignore[arg-type]
