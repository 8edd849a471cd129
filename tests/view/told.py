"""A small believable trace, made by hand: a call and a video to CN1 over the WLAN, then the video moves to cell0.

The network is that of the patent's Figure 2. Times are chosen so that a test can name them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import networkx

from mipflow.sim.trace import LOST, Change, ChannelName, Decided, Dropped, Record, Row, TableChanged, Trace
from mipflow.wire.address import Address
from mipflow.wire.mobility import (
    BindingAcknowledgement,
    BindingUpdate,
    CareOfTest,
    CareOfTestInit,
    HomeTest,
    HomeTestInit,
    MobilityMessage,
    NonceIndices,
)
from mipflow.wire.packet import UDP, DestinationOptions, HomeAddressOption, Packet, RoutingHeaderType2
from tests.sim.boxes import add_channel

MS = 1_000_000
S = 1_000 * MS

HA, CN1, CN2 = Address("2001:db8:100::1"), Address("2001:db8:a::1"), Address("2001:db8:b::1")
HOME1, HOME2 = Address("2001:db8:100::11"), Address("2001:db8:100::12")
WLAN, CELL = Address("2001:db8:200::11"), Address("2001:db8:300::11")
NAMES = {HA: "HA", CN1: "CN1", CN2: "CN2", HOME1: "H@1", HOME2: "H@2", WLAN: "WLAN address", CELL: "cellular address"}
FLOWS = {1: "call", 2: "video"}
CALL, VIDEO = 1, 2

NODES = {
    "MN": (0.0, 3.0, "mobile node", False),
    "AR2": (2.6, 4.9, "access router", True),
    "AR3": (2.6, 1.1, "access router", True),
    "Internet": (5.0, 3.0, "router", True),
    "HA": (6.6, 5.2, "home agent", True),
    "CN1": (9.0, 3.0, "correspondent node", False),
    "CN2": (9.0, 0.8, "correspondent node", False),
}
EDGES = {  # (node, interface, node, interface): delay in ms
    ("MN", "wlan0", "AR2", "air0"): 8,
    ("MN", "cell0", "AR3", "air0"): 25,
    ("AR2", "up0", "Internet", "if0"): 4,
    ("AR3", "up0", "Internet", "if1"): 8,
    ("Internet", "if2", "HA", "if0"): 10,
    ("Internet", "if3", "CN1", "if0"): 12,
    ("Internet", "if4", "CN2", "if0"): 12,
}
WLAN_WAY = ["MN", "AR2", "Internet", "CN1"]
CELL_WAY = ["MN", "AR3", "Internet", "CN1"]
WLAN_TO_HA = ["MN", "AR2", "Internet", "HA"]


@dataclass
class Story:
    """Hops and records gathered in any order; `trace()` puts them in order."""

    graph: networkx.Graph[str] = field(default_factory=networkx.Graph)
    hops: list[tuple[int, int, int, str, str, Packet]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, (x, y, role, forwards) in NODES.items():
            self.graph.add_node(name, x=x, y=y, role=role, forwards=forwards)
        for (a, _, b, _), delay in EDGES.items():
            self.graph.add_edge(a, b, segment=f"{a}-{b}", delay_ms=delay)

    def send(self, way: list[str], packet: Packet, t_ns: int, *, lose_at: int | None = None) -> int:
        """Send a packet along nodes; `lose_at` is the leg whose link loses it. Returns when it arrives."""
        for number, (a, b) in enumerate(pairwise(way)):
            arrived = t_ns + round(self.graph.edges[a, b]["delay_ms"] * MS)
            if number == lose_at:
                self.hops.append((t_ns, t_ns, LOST, a, b, packet))
                segment = self.graph.edges[a, b]["segment"]
                self.records.append(Dropped(t_ns, segment, "lost on the link", packet.copy()))
                return LOST
            self.hops.append((t_ns, t_ns, arrived, a, b, packet))
            t_ns = arrived
        return t_ns

    def through_tunnel(self, way: list[str], onward: list[str], packet: Packet, t_ns: int, care_of: Address) -> int:
        """Send a packet in a tunnel to the home agent and on from there."""
        t_ns = self.send(way, Packet(care_of, HA, packet), t_ns)
        return self.send(onward, packet, t_ns)

    def back_through_tunnel(
        self, way: list[str], onward: list[str], packet: Packet, t_ns: int, care_of: Address
    ) -> int:
        """Send a packet to the home agent and on in a tunnel to the mobile node."""
        t_ns = self.send(way, packet, t_ns)
        return self.send(onward, Packet(HA, care_of, packet), t_ns)

    def table(self, t_ns: int, node: str, table: str, key: object, before: Row | None, after: Row | None) -> None:
        """A row of a table changes."""
        self.records.append(TableChanged(t_ns, node, Change(table, str(key), before, after)))

    def trace(self) -> Trace:
        """Return all of it as a trace."""
        trace = Trace()
        numbers: dict[tuple[str, str], int] = {}
        for (a, a_interface, b, b_interface), _ in EDGES.items():
            numbers[a, b] = add_channel(trace, ChannelName(f"{a}-{b}", a, a_interface, b, b_interface))
            numbers[b, a] = add_channel(trace, ChannelName(f"{a}-{b}", b, b_interface, a, a_interface))
        for sent, started, arrived, a, b, packet in sorted(self.hops, key=lambda hop: hop[0]):
            trace.hop(packet, numbers[a, b], sent, started, arrived)
        trace.records += sorted(self.records, key=lambda record: record.t_ns)
        return trace


def binding(home: Address, care_of: Address, sequence: int) -> Row:
    """Return a row of a binding cache."""
    return {"home_address": str(home), "care_of_address": str(care_of), "sequence": sequence, "lifetime_s": 420}


def mapping(flow: int, home: Address, care_of: Address, registered: Address) -> Row:
    """Return a row of the flow mapping table."""
    return {
        "flow_id": flow, "cn": "CN1", "home_address": str(home), "care_of_address": str(care_of),
        "registered_at_cn": str(registered),
    }  # fmt: skip


def data(flow: int, care_of: Address, t_ns: int, *, upward: bool = True) -> Packet:
    """Return a packet of the call (160 octets) or the video (1000 octets), route optimised."""
    home = HOME1 if flow == CALL else HOME2
    payload = UDP(4000 + flow, 5000 + flow, bytes(160 if flow == CALL else 1000))
    if upward:
        extensions = (DestinationOptions((HomeAddressOption(home),)),)
        return Packet(care_of, CN1, payload, extensions=extensions, label=flow, sent_ns=t_ns)
    return Packet(CN1, care_of, payload, extensions=(RoutingHeaderType2(home),), label=-flow, sent_ns=t_ns)


def message(source: Address, destination: Address, what: MobilityMessage, home: Address | None = None) -> Packet:
    """Return a Mobility Header message; `home` goes into a Home Address option or a type 2 routing header."""
    if home is None:
        return Packet(source, destination, what)
    if source in (WLAN, CELL):
        return Packet(source, destination, what, extensions=(DestinationOptions((HomeAddressOption(home),)),))
    return Packet(source, destination, what, extensions=(RoutingHeaderType2(home),))


@dataclass(frozen=True)
class Moments:
    """When what happens in `handover()`, in nanoseconds."""

    asked: int
    update_sent: int
    update_lands: int
    acknowledged: int
    end: int


def handover(
    *, asked_s: float = 12.0, end_s: float = 15.0, start_s: float = 8.0, lost: int = 2
) -> tuple[Story, Moments]:
    """Return a call and a video to CN1 over the WLAN; at `asked_s` seconds the video moves to the cellular link."""
    story = Story()
    begin, asked, end = round(start_s * S), round(asked_s * S), round(end_s * S)
    bound = begin - S
    for address, interface in ((WLAN, "wlan0"), (CELL, "cell0")):
        story.records.append(Decided(0, "MN", "care-of address", f"{address} on {interface}"))
    for home, sequence in ((HOME1, 1), (HOME2, 2)):
        row = binding(home, WLAN, sequence)
        story.table(bound, "HA", "binding cache", home, None, row)
        story.table(bound + 100 * MS, "CN1", "binding cache", home, None, row)
        flow = CALL if home == HOME1 else VIDEO
        story.table(bound, "MN", "flow mapping table", flow, None, mapping(flow, home, WLAN, WLAN))

    moments = _signalling(story, asked, end)
    for t_ns in range(begin, end, 20 * MS):
        story.send(WLAN_WAY, data(CALL, WLAN, t_ns), t_ns)
        story.send(WLAN_WAY[::-1], data(CALL, WLAN, t_ns, upward=False), t_ns + 3 * MS)
    for number, t_ns in enumerate(range(begin + MS, end, 4 * MS)):
        moved = t_ns > moments.acknowledged
        packet = data(VIDEO, CELL if moved else WLAN, t_ns)
        if moments.update_sent < t_ns <= moments.acknowledged:
            story.through_tunnel(WLAN_TO_HA, ["HA", "Internet", "CN1"], packet, t_ns, WLAN)
            continue
        soon_after = moved and t_ns < moments.acknowledged + 100 * MS
        lose = 1 if soon_after and lost and number % 7 == 0 else None
        lost -= lose is not None
        story.send(CELL_WAY if moved else WLAN_WAY, packet, t_ns, lose_at=lose)
    return story, moments


def _signalling(story: Story, asked: int, end: int) -> Moments:
    cookie, token = bytes(8), bytes(range(8))
    story.records.append(Decided(asked, "MN", "handover", "flow 2 is to move to cell0"))
    rows = [mapping(VIDEO, HOME2, selected, at_cn) for selected, at_cn in ((WLAN, WLAN), (CELL, WLAN), (CELL, CELL))]
    story.table(asked, "MN", "flow mapping table", VIDEO, rows[0], rows[1])
    home_init = message(HOME2, CN1, HomeTestInit(cookie))
    at_cn = story.through_tunnel(WLAN_TO_HA, ["HA", "Internet", "CN1"], home_init, asked, WLAN)
    home_test = message(CN1, HOME2, HomeTest(3, cookie, token))
    home_done = story.back_through_tunnel(["CN1", "Internet", "HA"], WLAN_TO_HA[::-1], home_test, at_cn, WLAN)
    at_cn = story.send(CELL_WAY, message(CELL, CN1, CareOfTestInit(cookie)), asked)
    care_of_done = story.send(CELL_WAY[::-1], message(CN1, CELL, CareOfTest(3, cookie, token)), at_cn)
    sent = max(home_done, care_of_done)
    update = BindingUpdate(7, lifetime_units=105, options=(NonceIndices(3, 3),))
    lands = story.send(CELL_WAY, message(CELL, CN1, update, HOME2), sent)
    story.table(lands, "CN1", "binding cache", HOME2, binding(HOME2, WLAN, 2), binding(HOME2, CELL, 7))
    acknowledgement = message(CN1, CELL, BindingAcknowledgement(0, 7, 105), HOME2)
    done = story.send(CELL_WAY[::-1], acknowledgement, lands)
    story.table(done, "MN", "flow mapping table", VIDEO, rows[1], rows[2])
    return Moments(asked, sent, lands, done, end)
