"""A learner's `key=`: it is asked of every packet at the phone's interfaces, both ways, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import FunctionFailed
from mipflow.flow.learner.packet_keys import Seen
from mipflow.lab.world import World
from mipflow.wire.packet import TCP, UDP

KEY = tuple[object, ...]


def ends(packet: Seen) -> KEY:
    return packet.protocol, packet.source, packet.destination


def moved(key: Callable[[Seen], Any] | None, mode: str = "route_optimisation", wire: bool = False) -> World:
    """Play a call, a film and a file that run both ways; those to CN1 move at 5 s."""
    made = mf.figure1(seed=3, key=key, mode=mode, wire=wire).run(2.5)
    apps = (mf.apps.Voice(), mf.apps.Video(), mf.apps.FileTransfer(400_000))
    flows = [made.mn.open(made.cn1, app, local_port=41000 + n) for n, app in enumerate(apps)]
    made.mn.open(made.cn2, mf.apps.Echo())
    made.run(2.5)
    made.mn.handover(flows[0], "cell0")
    return made.run(1)


def at_interfaces(made: World) -> list[tuple[int, str]]:
    """Return by another way, from the trace of the phone's links, the packets that leave and arrive, in the order of
    time.
    """
    found = []
    for hop in made.trace:
        outgoing, payload = hop.channel.sender == "MN", hop.packet.innermost().payload
        if hop.packet.flow and isinstance(payload, UDP | TCP) and "MN" in (hop.channel.sender, hop.channel.receiver):
            t_ns = hop.sent_ns if outgoing else hop.arrived_ns
            if t_ns <= made.network.clock.now:
                interface = hop.channel.sender_interface if outgoing else hop.channel.receiver_interface
                us, them = made.mn.care_of_address(interface), hop.packet.innermost()
                cn = them.destination if outgoing else them.source
                addresses = (us, cn) if outgoing else (cn, us)
                ports = payload.source_port, payload.destination_port
                found.append((t_ns, str((outgoing, *map(str, addresses), type(payload).__name__, *ports))))
    return sorted(found)


@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_every_packet_of_both_directions_is_seen_with_the_care_of_address_of_its_moment(mode: str) -> None:
    made = moved(ends, mode)
    assert made.mn.packet_keys is not None
    packets = made.mn.packet_keys.packets
    assert sorted((each.t_ns, str(tuple(each.packet[:6]))) for each in packets) == at_interfaces(made)
    assert all(each.key == ends(each.packet) for each in packets) and len(packets) > 500
    here = {each.packet.source for each in packets if each.packet.outgoing}
    assert here == {str(made.mn.care_of_address(name)) for name in ("wlan0", "cell0")}


def test_asking_changes_nothing() -> None:
    assert moved(lambda packet: 1).trace.digest() == moved(None).trace.digest()


def test_a_world_without_a_key_has_nothing_of_it_on_its_links() -> None:
    made = moved(None)
    assert made.mn.packet_keys is None
    assert not any(segment.taps for segment in made.network.segments.values())


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda packet: 1 / 0, "raised ZeroDivisionError"), (lambda packet: None, "gave None; expected a number"),
        (lambda packet: [1], "gave [1]; expected a number, a word or a tuple"),
        (lambda packet: ([],), "which cannot change later"),
    ],
)  # fmt: skip
def test_a_key_that_fails_is_told_once_and_the_world_goes_on(bad: Callable[[Seen], Any], words: str) -> None:
    asked = []

    def key(packet: Seen) -> Any:
        asked.append(packet)
        return bad(packet)

    made = moved(key)
    assert made.mn.packet_keys is not None and words in made.mn.packet_keys.failed
    told = [each.why for each in made.trace.decisions() if each.what == "function failed"]
    assert told == [made.mn.packet_keys.failed] and len(asked) == 1 and not made.mn.packet_keys.packets
    assert made.trace.digest() != moved(None).trace.digest(), "it is in the trace"
    assert [flow.stats.down.lost for flow in made.flows()] == [0, 0, 0, 0]


def test_a_key_takes_one_packet() -> None:
    with pytest.raises(FunctionFailed, match=r"it is called as key\(packet\)"):
        mf.figure1(key=lambda: 1)


def test_the_fields_cannot_be_changed() -> None:
    def key(packet: Any) -> int:
        packet.source = "elsewhere"
        return 1

    made = moved(key)
    assert made.mn.packet_keys is not None and "AttributeError" in made.mn.packet_keys.failed
