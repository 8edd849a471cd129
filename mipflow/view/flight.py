"""Packets in flight: where each drawn packet is at each tick of the film."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from mipflow.sim.trace import LOST, Trace
from mipflow.view.film import FRAME_MS, Film, Part
from mipflow.view.scene import LANE, Point, Scene
from mipflow.view.trips import Leg, Trip, trips
from mipflow.view.words import NS_PER_MS, short

if TYPE_CHECKING:
    import networkx

SPACING_S = 0.2
"""Least playing time between two drawn packets of one stream, in seconds: closer ones run into each other."""
MOST_MESSAGES = 80
_MESSAGE_SIZE = 18

LEAD_TICKS = 3
"""How long before it starts a mark waits at its start."""

CONTROL = -1
TUNNEL = -2
MESSAGE_TUNNEL = -3


class Spot(NamedTuple):
    """One mark at one tick."""

    ident: str
    x: float
    y: float
    text: str


class Flight:
    """All marks of a film: `spots[layer][tick]`; a layer is a flow id, CONTROL, or a ring round such a mark."""

    def __init__(
        self,
        trace: Trace,
        graph: networkx.Graph[str],
        scene: Scene,
        film: Film,
        lanes: Mapping[int, float],
        letters: Mapping[int, str],
        max_packets: int,
    ) -> None:
        self.spots: dict[int, dict[int, list[Spot]]] = defaultdict(lambda: defaultdict(list))
        self.every: dict[int, int] = dict.fromkeys(lanes, 1)
        """Flow id -> one packet in this many is drawn."""
        self._scene = scene
        self._film = film
        self._lanes = lanes
        self._letters = letters
        self._delays = {
            (a, b): round(float(data.get("delay_ms", 1)) * NS_PER_MS) for a, b, data in graph.edges(data=True)
        }
        self.drawn = 0
        for part in film.slow_parts:
            self._draw(trace, part, max_packets * (part.end_ns - part.start_ns) / self._slow_ns())

    def _slow_ns(self) -> int:
        return sum(part.end_ns - part.start_ns for part in self._film.slow_parts)

    def _draw(self, trace: Trace, part: Part, room: float) -> None:
        streams: dict[tuple[int, bool], list[Trip]] = defaultdict(list)
        messages: list[Trip] = []
        for trip in trips(trace, part.start_ns, part.end_ns):
            flow = trip.packet.flow
            if trip.control:
                messages.append(trip)
            elif flow in self._lanes:
                streams[flow, trip.packet.upward].append(trip)
        play_s = part.ticks * FRAME_MS / 1000
        # What a thin stream leaves of its share is for the denser ones.
        by_size = sorted(streams.items(), key=lambda stream: len(stream[1]))
        for number, ((flow, _), own) in enumerate(by_size):
            share = max(1.0, room / (len(by_size) - number))
            every = max(1, ceil(len(own) / (play_s / SPACING_S)), ceil(len(own) / share))
            self.every[flow] = max(self.every[flow], every)
            room -= len(own) / every
        for (flow, _), own in streams.items():
            for trip in own[:: self.every[flow]]:
                self._fly(trip, part, flow, self._lanes[flow], self._letters[flow])
        for trip in messages[:MOST_MESSAGES]:
            self._fly(trip, part, CONTROL, 0.0, short(trip.packet))

    def _fly(self, trip: Trip, part: Part, layer: int, lane: float, text: str) -> None:
        self.drawn += 1
        ident, film = str(self.drawn), self._film
        ticks = range(part.first, part.first + part.ticks + 1)
        way: dict[int, tuple[float, float, bool]] = {}
        for number, leg in enumerate(trip.legs):
            final = number == len(trip.legs) - 1
            (ax, ay), (bx, by) = self._ends(leg, layer, lane, final)
            left, arrived = leg.started_ns, leg.arrived_ns
            if arrived == LOST:
                arrived = left + self._delay(leg) // 2
                bx, by = (ax + bx) / 2, (ay + by) / 2
            if arrived < part.start_ns or left > part.end_ns:
                continue
            start, end = film.tick(left), film.tick(arrived)
            if number and way:
                for tick in range(max(way) + 1, min(start, ticks[-1]) + 1):
                    way[tick] = (*way[tick - 1][:2], False)  # it waits in the node for its turn on the next link
            inside = part.start_ns <= left and arrived <= part.end_ns
            for tick in range(max(start, ticks[0]), min(end, ticks[-1]) + 1):
                if inside:
                    share = (tick - start) / (end - start) if end > start else 1.0
                else:
                    share = min(1.0, max(0.0, (film.ticks[tick] - left) / max(1, arrived - left)))
                # At a corner it stands where the leg before has put it; a leg too quick for a tick shows its end only.
                if tick not in way or (final and tick == end):
                    way[tick] = (ax + (bx - ax) * share, ay + (by - ay) * share, leg.tunnelled)
        # plotly lets new letters fly in from the corner of the page: they come early, as blanks under a card.
        first = min(way, default=0)
        for tick in range(max(0, first - (LEAD_TICKS if first > part.first + LEAD_TICKS else 1)), first):
            x, y, _ = way[first]
            self.spots[layer][tick].append(Spot(ident, round(x), round(y), " "))
        for tick, (x, y, tunnelled) in way.items():
            spot = Spot(ident, round(x), round(y), text)
            self.spots[layer][tick].append(spot)
            if tunnelled:
                self.spots[MESSAGE_TUNNEL if trip.control else TUNNEL][tick].append(spot)

    def _ends(self, leg: Leg, layer: int, lane: float, final: bool) -> tuple[Point, Point]:
        """From middle to middle, but a message comes to rest before the card of its receiver, where it can be read."""
        a, b = self._scene.lane(leg.sender, leg.receiver, lane)
        if layer == CONTROL and final:
            b = self._scene.edge(leg.receiver, a, _MESSAGE_SIZE)
        return a, b

    def _delay(self, leg: Leg) -> int:
        ends = (leg.sender, leg.receiver)
        return self._delays.get(ends) or self._delays.get(ends[::-1]) or 5 * NS_PER_MS


def lanes(flows: Sequence[int]) -> dict[int, float]:
    """Flow id -> how far beside the middle of a link it goes."""
    middle = (len(flows) - 1) / 2
    return {flow: (middle - number) * LANE for number, flow in enumerate(flows)}
