"""Packets in flight: where each drawn packet is at each tick of the film."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from mipflow.sim.trace import LOST, is_control
from mipflow.view.film import FRAME_MS, Film, Part
from mipflow.view.scene import Scene
from mipflow.view.trips import Trip
from mipflow.view.words import NS_PER_MS, short

if TYPE_CHECKING:
    import networkx

SPACING_S = 0.2
"""Least playing time between two drawn packets of one stream, in seconds: closer ones run into each other."""
MOST_MESSAGES = 80
LEAD_TICKS = 3
"""How long before it starts a mark waits at its start."""
CONTROL, TUNNEL, MESSAGE_TUNNEL = -1, -2, -3


class Spot(NamedTuple):
    """One mark at one tick."""

    ident: str
    x: float
    y: float
    text: str


class Flight:
    """All marks of a film: `spots[layer][tick]`; a layer is a flow id, CONTROL, or a ring round such a mark.

    lanes: flow id -> how far beside the middle of a link it goes; letters: what its marks say.
    """

    def __init__(
        self, found: Iterable[Trip], graph: networkx.Graph[str], scene: Scene, film: Film,
        lanes: Mapping[int, float], letters: Mapping[int, str], max_packets: int,
    ) -> None:  # fmt: skip
        self.spots: dict[int, dict[int, list[Spot]]] = defaultdict(lambda: defaultdict(list))
        self.every: dict[int, int] = dict.fromkeys(lanes, 1)
        """Flow id -> one packet in this many is drawn."""
        self._scene, self._film, self._drawn = scene, film, 0
        links = graph.edges(data="delay_ms", default=5)
        self._delays = {frozenset((a, b)): round(float(delay_ms) * NS_PER_MS) for a, b, delay_ms in links}
        slow = [part for part in film.parts if part.slow]
        whole = sum(part.end_ns - part.start_ns for part in slow)
        for part in slow:
            streams: dict[int, list[Trip]] = defaultdict(list)
            for trip in found:
                if (trip.started_ns <= part.end_ns and trip.arrived_ns >= part.start_ns) or _lost_in(trip, part):
                    streams[trip.packet.label if not is_control(trip.packet) else 0].append(trip)
            for trip in streams.pop(0, [])[:MOST_MESSAGES]:
                self._fly(trip, part, CONTROL, 0.0, short(trip.packet))
            drawn = {label: own for label, own in streams.items() if abs(label) in lanes}
            room = max_packets * (part.end_ns - part.start_ns) / whole
            # What a thin stream leaves of its share is for the denser ones.
            for number, (label, own) in enumerate(sorted(drawn.items(), key=lambda stream: len(stream[1]))):
                share = max(1.0, room / (len(drawn) - number))
                every = max(1, ceil(len(own) / (part.ticks * FRAME_MS / 1000 / SPACING_S)), ceil(len(own) / share))
                self.every[abs(label)] = max(self.every[abs(label)], every)
                room -= len(own) / every
            for label, own in drawn.items():
                for trip in own[:: self.every[abs(label)]]:
                    self._fly(trip, part, abs(label), lanes[abs(label)], letters[abs(label)])

    def _fly(self, trip: Trip, part: Part, layer: int, lane: float, text: str) -> None:
        self._drawn += 1
        film, last = self._film, part.first + part.ticks
        way: dict[int, tuple[float, float, bool]] = {}
        legs = trip.legs
        for leg in legs:
            final = leg is legs[-1]
            (ax, ay), (bx, by) = self._scene.lane(leg.sender, leg.receiver, lane)
            if layer == CONTROL and final:  # from middle to middle, but a message rests where it can be read
                bx, by = self._scene.edge(leg.receiver, (ax, ay), 18)
            left, arrived = leg.started_ns, leg.arrived_ns
            if arrived == LOST:
                arrived = left + self._delays.get(frozenset((leg.sender, leg.receiver)), 5 * NS_PER_MS) // 2
                bx, by = (ax + bx) / 2, (ay + by) / 2
            if arrived < part.start_ns or left > part.end_ns:
                continue
            start, end = film.tick(left), film.tick(arrived)
            if way:
                for tick in range(max(way) + 1, min(start, last) + 1):
                    way[tick] = (*way[tick - 1][:2], False)  # it waits in the node for its turn on the next link
            inside = part.start_ns <= left and arrived <= part.end_ns
            for tick in range(max(start, part.first), min(end, last) + 1):
                done, whole = (tick - start, end - start) if inside else (film.ticks[tick] - left, arrived - left)
                share = min(1.0, max(0.0, done / whole)) if whole else 1.0
                # At a corner it stands where the leg before has put it; a leg too quick for a tick shows its end only.
                if tick not in way or (final and tick == end):
                    way[tick] = (ax + (bx - ax) * share, ay + (by - ay) * share, leg.tunnelled)
        # plotly lets new letters fly in from the corner of the page: they come early, as blanks under a card.
        first = min(way, default=0)
        for tick in range(max(0, first - (LEAD_TICKS if first > part.first + LEAD_TICKS else 1)), first):
            self.spots[layer][tick].append(Spot(str(self._drawn), round(way[first][0]), round(way[first][1]), " "))
        for tick, (x, y, tunnelled) in way.items():
            spot = Spot(str(self._drawn), round(x), round(y), text)
            self.spots[layer][tick].append(spot)
            if tunnelled:
                self.spots[MESSAGE_TUNNEL if layer == CONTROL else TUNNEL][tick].append(spot)


def _lost_in(trip: Trip, part: Part) -> bool:
    """Whether a link of a trip lost it in a part: such a trip has no arrival."""
    return trip.arrived_ns == LOST and part.start_ns <= trip.trace.started[trip.numbers[-1]] <= part.end_ns
