"""The values with which nodes answer trains."""

from __future__ import annotations

from mipflow.sim.trains.answers import Forward, Take, passed_on
from tests.node.nodes import Packet, Pair


def packet(pair: Pair) -> Packet:
    pair.a.udp(9, (pair.b.address, 9)).send(b"octets")
    return pair.network.trace[0].packet


def test_a_packet_that_is_passed_on_has_one_hop_less() -> None:
    sent = packet(Pair())
    assert passed_on(sent, None) is sent
    assert sent.hop_limit == 63


def test_a_change_does_all_that_becomes_of_a_packet() -> None:
    sent = packet(Pair())
    other = sent.copy()
    assert passed_on(sent, lambda packet: other) is other
    assert (sent.hop_limit, other.hop_limit) == (64, 64)


def test_answers_are_equal_where_all_in_them_is() -> None:
    pair = Pair()
    to_b, to_a = (pair.network.channel_between(*ends) for ends in (("A", "B"), ("B", "A")))
    assert Forward(to_b) == Forward(to_b) != Forward(to_a)
    counts: list[int] = []
    assert Take(counts.append, counts, ("n",)) == Take(counts.append, counts, ("n",))  # type: ignore[arg-type]
