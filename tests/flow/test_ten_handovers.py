"""Two TCP transfers and a call to one correspondent: each is handed over alone, ten times, to and fro, under 1 % loss.

Which packet may be where follows from the trace alone: from the acknowledgement of a flow's last handover on, whatever
either end makes of that flow crosses its interface and no other, until its own next handover is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field

import pytest

import mipflow as mf
from mipflow.flow.applications.flows import Flow
from mipflow.lab.world import World
from mipflow.sim.trace import LOST
from mipflow.wire.mobility import BindingAcknowledgement
from mipflow.wire.packet import RoutingHeaderType2
from tests.mip6.worlds import S, instant, world

OCTETS, TIMES = 6_000_000, 10
SLOW = instant() | {"wlan0": mf.Link(5, 800_000, loss=0.01), "cell0": mf.Link(35, 600_000, loss=0.01)}
"""A rate so slow that the transfers outlast thirty handovers, and that there are not too many packets to look at each.
"""


@dataclass
class Stays:
    """The interface of a flow, the acknowledgement from which on it was there, and when its next handover was asked
    for.
    """

    flow: Flow
    interfaces: list[str] = field(default_factory=lambda: ["wlan0"])
    settled_ns: list[int] = field(default_factory=lambda: [0])
    asked_ns: list[int] = field(default_factory=list)

    def move(self, made: World) -> None:
        """Hand a flow over alone, and wait until that is acknowledged."""
        start, there = made.network.clock.now, "cell0" if self.interfaces[-1] == "wlan0" else "wlan0"
        assert made.mn.handover(self.flow, there, alone=True) == [self.flow.id]
        self.asked_ns.append(start)
        while not (acknowledged := self.acknowledgements(made, start)):
            made.run(1)
            assert made.network.clock.now < start + 20 * S, "an acknowledgement that is lost comes again"
        self.interfaces.append(there)
        self.settled_ns.append(acknowledged[0])

    def acknowledgements(self, made: World, since_ns: int) -> list[int]:
        """Return when acceptances of a flow's binding reached the mobile node: of its correspondent, or of its home
        agent.
        """
        peer = self.flow.cn.address if made.mn.mobility.mode == "route_optimisation" else made.ha.home_agent_address
        last = len(made.trace)
        found = []
        while last and made.trace.sent[last - 1] >= since_ns:
            last -= 1
            packet = made.trace.packets[last]
            if type(packet.payload) is not BindingAcknowledgement or packet.source != peer:
                continue
            hop = made.trace[last]
            homes = [h.home_address for h in packet.extensions if isinstance(h, RoutingHeaderType2)]
            is_here = hop.channel.receiver == "MN" and hop.arrived_ns != LOST
            if is_here and self.flow.home_address in homes and packet.payload.status < 128:
                found.append(hop.arrived_ns)
        return sorted(found)

    def interface(self, made_ns: int, on_link_ns: int) -> str | None:
        """Return where a packet must be that was made then, and is on a link of the mobile node at another time; None
        for one made before its flow's last handover was acknowledged, or under way while the next one is.
        """
        stay = bisect_right(self.settled_ns, made_ns) - 1
        next_ns = self.asked_ns[stay] if stay < len(self.asked_ns) else 1 << 62
        return self.interfaces[stay] if on_link_ns < next_ns else None


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["route_optimisation", "tunnel"])
def test_each_flow_is_handed_over_ten_times_alone_and_every_octet_arrives(mode: str) -> None:
    made = world(wire=False, links=SLOW, mode=mode)
    apps = mf.apps.FileTransfer(OCTETS), mf.apps.FileTransfer(OCTETS, "up"), mf.apps.Voice()
    flows = [made.mn.open(made.cn1, app) for app in apps]
    stays = {flow.id: Stays(flow) for flow in flows}
    made.run(6)
    assert len({flow.home_address for flow in flows}) == 3
    begun_ns = made.network.clock.now
    for _ in range(TIMES):
        for each in stays.values():
            each.move(made)
            made.run(0.5)
    transfers = [flow.running for flow in flows[:2] if flow.running is not None]
    assert not any(transfer.is_complete for transfer in transfers), "they have lasted"
    made.run(120)
    for transfer in transfers:
        assert transfer.is_complete and transfer.is_correct and transfer.received_bytes == OCTETS

    seen: Counter[tuple[int, str, bool]] = Counter()
    for hop in made.trace:
        packet = hop.packet.innermost()
        upward = hop.channel.sender == "MN"
        if packet.flow not in stays or hop.sent_ns < begun_ns or "MN" not in (hop.channel.sender, hop.channel.receiver):
            continue
        here = hop.channel.sender_interface if upward else hop.channel.receiver_interface
        wanted = stays[packet.flow].interface(packet.sent_ns, hop.sent_ns)
        assert wanted in (None, here), f"{hop} is on {here}, not on {wanted}"
        seen[packet.flow, here, wanted is not None] += 1
    for flow in flows:
        assert len(stays[flow.id].asked_ns) == TIMES
        for interface in ("wlan0", "cell0"):
            sure, other = (seen[flow.id, interface, is_sure] for is_sure in (True, False))
            assert sure > max(200, other), "most packets have a place that is certain"
    call = flows[2].stats
    assert call.up.received > 0.95 * call.up.sent and call.down.received > 0.95 * call.down.sent


def test_a_packet_has_a_certain_place_from_the_acknowledgement_to_the_next_question() -> None:
    world = mf.figure2()
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    stays = Stays(flow, ["wlan0", "cell0"], [0, 50], [40])
    assert [stays.interface(made, link) for made, link in ((0, 39), (39, 40), (45, 60), (50, 50), (99, 99))] == [
        "wlan0", None, None, "cell0", "cell0",
    ]  # fmt: skip
