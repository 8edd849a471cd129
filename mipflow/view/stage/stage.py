"""The stage: a plotly figure of nodes, links and roads, and where each packet is when, for player.js to move.

Takes a trace and its spine; gives the figure as it is at the end of the film, and all that moves as plain values. Every
mark that is ever seen is one point of the figure: a layer has as many as are under way at once. A packet's way is said
once, and when it leaves and reaches each node on it, in virtual time: places in between follow from that, exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, dist
from typing import TYPE_CHECKING, Literal, NamedTuple

from mipflow.sim.trace import LOST, TableChanged, Tables, Trace
from mipflow.view.drawing import style as look
from mipflow.view.drawing.style import Dict
from mipflow.view.stage.film import Film
from mipflow.view.stage.scene import BOTTOM, TOP, WIDTH, Box, Corner, Point, Scene, Way
from mipflow.view.story.focus import TABLE
from mipflow.view.story.moment import CONNECTIONS, TOKENS
from mipflow.view.story.runs import losses
from mipflow.view.story.spine import CACHE, Spine
from mipflow.view.story.trips import Leg, Trip, trips
from mipflow.view.story.words import NS_PER_MS, short
from mipflow.wire.address import Address

if TYPE_CHECKING:
    import networkx

MOST_FLOWS_DRAWN = 4
ADDRESSES = "care-of address", "address"
"""Decisions that tell on which interface an address is."""
CROSS_MS = 1200
"""Playing milliseconds for which a cross stands where a packet was lost."""
NS_PER_US = 1000
PARKED = -99
"""The coordinate, out of sight, of points that no packet needs just now."""
PACKET, MESSAGE, CROSS = (40, 20), (50, 22), (17, 17)
"""Room of marks in pixels: that of a single packet is as wide as it is high, one for several has all of it, upright on
a steep link, so that what comes towards it passes beside it."""
UPRIGHT = "<tspan dy='.5em'>×#</tspan><tspan x='0' dy='-1em'>{}</tspan>"
"""The text of an upright mark: its letter, and below it how many."""
HINT = "click to look inside"
HINTS = {"lost": "lost here"}
TUNNELS, GHOSTS_FROM = 1, 2
"""Numbers of plotly's traces: links, tunnels, then for each flow where its road was, then the roads, then wishes."""
LANES = 40
"""Most from the middle of a link to that of the outermost mark, in pixels."""
ROOM = 10
"""Between a mark and a card, in pixels: its arrowhead stands there."""


THICK = {"tunnel": 15, "ghost": 3, "road": 4, "wish": 1.5}
"""Of lines, in pixels."""
_DASH = {"ghost": "dot", "wish": "dash"}
WISHED = 8
"""From the middle of the lane where a flow wishes to be to its edges, which are all that is drawn of it, in pixels."""
NEAR = 30
"""Pixels within which a piece of a road is where it was."""

Kind = Literal["tunnel", "ghost", "road", "wish"]
Pieces = list[list[Corner]]
Roads = list[tuple[int, Way | None]]


class Part(NamedTuple):
    """A world of a show: names: address -> short word; flows: flow id -> word; wishes: flow id -> interface."""

    trace: Trace
    graph: networkx.Graph[str]
    names: Mapping[Address, str]
    flows: Mapping[int, str]
    mobile: str = "MN"
    title: str = ""
    wishes: Mapping[int, str] | None = None


class Flight(NamedTuple):
    """A packet, or a stretch of its way: `times` are when it leaves a node and reaches the next, in turns (ns)."""

    way: Way
    hop: int
    text: str
    times: tuple[int, ...]


class Layer(NamedTuple):
    """Marks of one look: their size in pixels, and their flights by their start."""

    name: str
    size: tuple[int, int]
    flights: list[Flight]

    def room(self, is_steep: bool) -> tuple[int, int]:
        """Return the room of a mark on a link: names of messages are never upright."""
        return (self.size[1], self.size[0]) if is_steep and self.size != MESSAGE else self.size

    @property
    def margin(self) -> tuple[float, float]:
        """The distance from a card at which a mark ends its way, across and up: one for several packets may touch it
        there.
        """
        across, up = self.size
        return (up if self.size == PACKET else across) / 2 + ROOM, up / 2 + ROOM


class Spot(NamedTuple):
    """A mark as it is seen: its middle in pixels, what it says, on which link, whether in a tunnel, its room where it
    is for several, and for how many it is.
    """

    x: float
    y: float
    text: str
    link: tuple[str, ...]
    tunnelled: bool
    room: tuple[int, int]
    packets: int = 1

    @property
    def said(self) -> str:
        """The text on it: its letter or name, and for several packets how many."""
        return self.text if self.packets == 1 else f"{self.text}×{self.packets}"

    @property
    def box(self) -> Box:
        """The rectangle that it covers."""
        alone = self.packets == 1 and self.room != MESSAGE
        return Box(self.x, self.y, *((min(self.room),) * 2 if alone else self.room))


def spots(scene: Scene, layer: Layer, t_ns: int, width: float = WIDTH) -> list[Spot]:
    """Return the marks of a layer at a time. Marks that would overlap on one link are one, at the place of the first.
    """
    seen: list[Spot] = []
    for flight in layer.flights:
        way, times = flight.way, flight.times
        is_sent = t_ns == times[0] and layer.name == "messages"  # a step leads there
        if not times[0] < t_ns <= times[-1] and not is_sent:
            continue
        leg = max(0, bisect_right(times[::2], t_ns) - 1)
        left, arrived = times[2 * leg : 2 * leg + 2]
        share = min(1.0, (t_ns - left) / (arrived - left)) if arrived > left else 1.0
        (ax, ay), (bx, by) = scene.legs(way, layer.margin, width)[leg]
        link = way.nodes[leg : leg + 2]
        across, up = room = layer.room(scene.is_steep(link, width))
        x, y = ax + (bx - ax) * share, ay + (by - ay) * share
        spot = Spot(x, y, flight.text, link, leg in way.tunnel, room)
        for number, other in enumerate(seen):
            if other.link == spot.link and abs(other.x - spot.x) < across + 2 and abs(other.y - spot.y) < up + 2:
                seen[number] = other._replace(packets=other.packets + 1)
                break
        else:
            seen.append(spot)
    return seen


class Stage:
    """The stage of one world over a film: `figure` is a plotly figure, `told` what player.js moves on it.

    flows: flow id -> look of those that are drawn; roads: flow id -> (time, way) of each road that it took, None where
    it had none; wished: flow id -> the way that it would take over the interface that `wishes` has for it; every: flow
    id -> one packet in so many is drawn.
    """

    def __init__(self, part: Part, spine: Spine, film: Film, *, max_packets: int) -> None:
        trace, graph, *_, mobile, _, wishes = part
        self.trace, self.mobile, self.spine, self.film = trace, mobile, spine, film
        self.words, self.focus = words, focus = spine.words, spine.focus
        self.scene = Scene(graph, trace.channels, mobile)
        self._delays = {data.get("segment"): float(data.get("delay_ms", 0)) for _, _, data in graph.edges(data=True)}
        data = [trip for trip in self._trips() if trip.packet.label and focus.has_packet(trip.packet)]
        says = (each.why.partition(" on ") for each in trace.decisions() if each.what in ADDRESSES)
        self._interfaces = {address: interface for address, _, interface in says}
        packets: dict[int, int] = defaultdict(int)
        for trip in data:
            packets[trip.packet.flow] += 1
        changes = (one.change for one in trace.between(spine.start_ns, spine.end_ns) if isinstance(one, TableChanged))
        begun = {int(one.key) for one in changes if one.table == TABLE and one.before is None}
        order = {flow: (flow not in focus.moved, flow not in begun, -packets[flow]) for flow in focus.shown}
        ranked = sorted(focus.shown, key=order.__getitem__)
        shown = sorted(ranked[:MOST_FLOWS_DRAWN])
        self.hidden = len(words.flows) - len(shown)
        self.flows = look.flow_styles({flow: words.flows[flow] for flow in shown})
        self.lost = [record for record in losses(trace, spine.start_ns, spine.end_ns) if focus.has(record)]
        self._wishes = {flow: interface for flow, interface in (wishes or {}).items() if flow in self.flows}
        self.wished: dict[int, Way] = {}
        roads = self._roads([*focus.shown])
        self._users, aside = self._shared(data, roads), self._aside
        self.roads = {flow: [(t_ns, way and aside(flow, way)) for t_ns, way in own] for flow, own in roads.items()}
        self.wished = {flow: aside(flow, way) for flow, way in self.wished.items()}
        self.turns: list[int] = []
        """When a road of this show bends (nanoseconds): where it was is drawn from then to the next."""
        self.every = dict.fromkeys(shown, 1)
        self.layers = [*self._packets(data, max_packets), self._messages(), self._crosses()]

    # --- lanes -------------------------------------------------------------------------------------------------------

    def _shared(self, found: Iterable[Trip], roads: Mapping[int, Roads]) -> dict[frozenset[str], set[int]]:
        """Find the flows that use each link at some time of the film, or would as is wished."""
        ways = [(flow, way.nodes) for flow, own in roads.items() for _, way in own if way]
        ways += [(flow, way.nodes) for flow, way in self.wished.items()]
        ways += [(trip.packet.flow, tuple(trip.nodes)) for trip in found]
        users: dict[frozenset[str], set[int]] = defaultdict(set)
        for flow, link in ((flow, link) for flow, nodes in ways for link in pairwise(nodes)):
            users[frozenset(link)].add(flow)
        return users

    def _aside(self, flow: int, way: Way, *, is_packet: bool = False) -> Way:
        """Put a way into the lanes of a flow: on each link those of the flows that use it lie side by side, and packets
        of both directions pass beside each other, as far as there is room.
        """
        lanes = []
        for a, b in pairwise(way.nodes) if flow in self.flows else ():
            own = [each for each in self.flows if each in self._users[frozenset((a, b))] | {flow}]
            half = min(PACKET[1] / 2 + 1, LANES / (2 * len(own) - 1))  # marks of more than two flows may touch
            lane = 4 * half * ((len(own) - 1) / 2 - own.index(flow))
            (ax, ay), (bx, by) = self.scene.places[a], self.scene.places[b]
            lanes.append((lane if (ax, -ay) < (bx, -by) else -lane) - half * is_packet)  # counted the same way back
        return way._replace(lanes=tuple(lanes))

    # --- what moves --------------------------------------------------------------------------------------------------

    def _trips(self) -> list[Trip]:
        """Find the trips that may be seen: those of the slow spans, and what is under way at the start and at the end.
        """
        start, end = self.spine.start_ns, self.spine.end_ns
        found: dict[int, Trip] = {}
        for a, b in [(start, start), *self.film.spans, (end, end)]:
            for trip in trips(self.trace, a, b):
                ends = trip.arrived_ns if trip.arrived_ns != LOST else self._gone(trip.legs[-1])
                if trip.started_ns <= b and ends >= a:
                    found.setdefault(trip.numbers[0], trip)
        return [found[number] for number in sorted(found)]

    def _gone(self, leg: Leg) -> int:
        """Return the time at which a packet that a link loses is gone: half-way."""
        segment = self.trace.channels[self.trace.channel[leg.number]].segment
        return leg.started_ns + round(self._delays.get(segment, 5.0) / 2 * NS_PER_MS) + 1

    def _packets(self, found: Iterable[Trip], most: int) -> list[Layer]:
        """Make a layer for each flow; if there is more than can be told apart, one packet in so many."""
        streams: dict[int, list[Trip]] = defaultdict(list)
        for trip in found:
            if trip.packet.flow in self.flows:
                streams[trip.packet.label].append(trip)
        left, room = len(streams), most
        for label, own in sorted(streams.items(), key=lambda stream: len(stream[1])):
            every = ceil(len(own) / max(1.0, room / left))  # what a thin stream leaves is for the denser ones
            self.every[abs(label)] = max(self.every[abs(label)], every)
            room, left = room - ceil(len(own) / every), left - 1
        layers = []
        for flow, style in self.flows.items():
            own = [trip for label in (flow, -flow) for trip in self._some(streams[label], self.every[flow])]
            flights = [self._flight(trip, style.letter, flow) for trip in own]
            layers.append(Layer(str(flow), PACKET, sorted(flights, key=lambda flight: flight.times[0])))
        return layers

    def _some(self, stream: list[Trip], every: int) -> list[Trip]:
        """Take one trip in so many, so that the last still has one if any is under way then."""
        end = self.spine.end_ns
        late = [number for number, trip in enumerate(stream) if trip.started_ns < end < trip.arrived_ns]
        return stream[late[len(late) // 2] % every if late else 0 :: every]

    def _flight(self, trip: Trip, text: str, flow: int = 0, keep: Point = (0.0, 0.0)) -> Flight:
        legs = trip.legs
        times = [t_ns for leg in legs for t_ns in (leg.started_ns, leg.arrived_ns)]
        is_lost = times[-1] == LOST
        if is_lost:
            times[-1] = self._gone(legs[-1])
        tunnel = tuple(number for number, leg in enumerate(legs) if leg.tunnelled)
        way = Way(tuple(trip.nodes), (), keep, tunnel, (0.0, 0.5 if is_lost else 1.0))
        return Flight(self._aside(flow, way, is_packet=True), trip.numbers[0], text, tuple(times))

    def _messages(self) -> Layer:
        """Make the layer of all signalling that is told, each message by its name from the start of its flight to the
        end.
        """
        flights, keep = [], (MESSAGE[0] / 2, MESSAGE[1] / 2 + 1)
        for moment in self.spine.moments:
            if moment.is_told and moment.hops and moment.kind != "lost":
                packet = self.trace.packet(moment.hops[0])
                trip = Trip(self.trace, packet.unsealed(), list(moment.hops))
                flights.append(self._flight(trip, short(packet), keep=keep))
        return Layer("messages", MESSAGE, sorted(flights, key=lambda flight: flight.times[0]))

    def _crosses(self) -> Layer:
        """Make the layer of crosses where packets were lost, for a while each."""
        flights, ends = list[Flight](), {segment: pair for pair, segment in self.scene.links.items()}
        for record in self.lost:
            flow = record.packet.innermost().flow
            if flow not in self.flows:
                continue
            nodes: tuple[str, ...] = (record.node,)
            at = record.t_ns
            if record.node not in self.scene.places:
                nodes = ends.get(record.node, (self.mobile,))
                at += round(self._delays.get(record.node, 5.0) / 2 * NS_PER_MS)
            until = max(at + 1, self.film.time(self.film.ms(at) + CROSS_MS))
            way = self._aside(flow, Way(nodes, last=(0.5, 0.5)))
            flights.append(Flight(way, -1, "✕", (at, until)))
        return Layer("lost", CROSS, sorted(flights, key=lambda flight: flight.times[0]))

    # --- roads -------------------------------------------------------------------------------------------------------

    def _roads(self, flows: Iterable[int]) -> dict[int, list[tuple[int, Way | None]]]:
        """Find the roads of each flow towards the mobile node, or whoever has its address: they follow the row at the
        correspondent node, or that at the home agent where the correspondent has none.
        """
        tables = self.trace.tables(self.spine.start_ns)
        roads = {flow: [(self.spine.start_ns, self._road(flow, tables))] for flow in flows}
        self._wish(tables)
        for record in changes(self.spine):
            record.apply(tables)
            self._wish(tables)
            for flow, found in roads.items():
                way = self._road(flow, tables)
                if way != found[-1][1]:
                    found[:] = [each for each in found if each[0] < record.t_ns] + [(record.t_ns, way)]
        return roads

    def _wish(self, tables: Tables) -> None:
        """Note the wished road of each flow: its own, but for its end."""
        for flow, interface in self._wishes.items():
            if (way := self._road(flow, tables, interface)) is not None:
                self.wished[flow] = way

    def _road(self, flow: int, tables: Tables, wish: str | None = None) -> Way | None:
        row = tables.get(self.mobile, {}).get(TABLE, {}).get(str(flow), {})
        home, peer = row.get("home_address"), self.words.address(row.get("cn"))
        if home is None:
            return self._plain_road(flow, tables)
        if peer not in self.scene.places:
            return None
        path, agents = self.scene.path, [node for node, role in self.scene.roles.items() if role == "home agent"]
        for node in (peer, *agents):
            binding = tables.get(node, {}).get(CACHE, {}).get(str(home), {})
            interface = wish or self._interfaces.get(str(binding.get("care_of_address")), "")
            owner = self.words.address(binding.get("care_of_address")).removesuffix("'s address") * (not interface)
            end = owner if owner in self.scene.places else self.scene.interfaces.get(interface, "")
            onward, there = path(node, end) if binding and end else (), path(peer, node)
            if binding.get("state", "bound") == "bound" and onward and there:
                nodes = (*there, *onward[1:], *([] if end == owner else [self.mobile]))
                return Way(nodes, tunnel=tuple(range(len(there) - 1, len(nodes) - 1)) * (node != peer))
        home_way = path(peer, self.mobile)
        is_home = any({self.mobile, agent} == set(ends) for agent in agents for ends in self.scene.links)
        return Way(home_way) if is_home and home_way else None

    def _plain_road(self, flow: int, tables: Tables) -> Way | None:
        """Find the road of a connection of plain hosts: to the link whose address stands in the row of the other end.
        """
        for node, held in tables.items():
            for row in held.get(CONNECTIONS, {}).values() if node != self.mobile else ():
                end = self.words.address(row["remote_address"])
                router = self.scene.interfaces.get(self._interfaces.get(str(row["remote_address"]), ""), end)
                if row["flow_id"] == flow and router in self.scene.places and (way := self.scene.path(node, router)):
                    return Way(way if router == end else (*way, self.mobile))
        return None

    # --- what is seen -------------------------------------------------------------------------------------------------

    def seen(self) -> dict[str, int]:
        """Find the signs that are seen at some time, beside those of the flows -> the last time of each, in
        microseconds.

        several: a mark for several packets; message, lost; tunnel: a packet or a road in one; ghost: where a road was
        before it turned; row: one by which a road turns.
        """
        start, end = self.spine.start_ns, self.spine.end_ns
        found: dict[str, list[int]] = defaultdict(list)
        for layer in self.layers:
            links: dict[tuple[str, ...], list[tuple[int, int, Flight]]] = defaultdict(list)
            for flight in layer.flights:
                for leg, (left, came) in enumerate(zip(flight.times[::2], flight.times[1::2], strict=True)):
                    if came > start and left <= end:
                        links[flight.way.nodes[leg : leg + 2]].append((left, came, flight))
                        found[{"messages": "message", "lost": "lost"}.get(layer.name, "packet")].append(came)
                        found["tunnel"] += [came] * (leg in flight.way.tunnel)
            for own in links.values():
                found["several"] += self._together(layer, own) if layer.name != "lost" else []
        keys = {moment.t_ns for moment in self.spine.moments if moment.is_key and moment.is_told}
        turns = [caption.t_ns for caption in self.spine.captions if caption.is_key]
        found["row"] += [end] * bool(keys)
        for flow in self.flows:
            roads = self.roads[flow]
            for (_, way), (until, _) in pairwise([*roads, (end, None)]):
                found["tunnel"] += [until] * bool(way and way.tunnel)
            for (_, was), (t_ns, now) in pairwise(roads):
                later = [each for each in turns if each > t_ns]
                found["ghost"] += [min([*later, end])] * (t_ns in keys and was is not None and was != now)
        return {kind: self.us(min(max(times), end)) for kind, times in found.items() if times}

    def _together(self, layer: Layer, own: list[tuple[int, int, Flight]]) -> Iterator[int]:
        """Find when packets that follow each other on a link are one mark, in nanoseconds."""
        for (_, came, one), (left, _, other) in pairwise(sorted(own, key=lambda each: each[0])):
            at, both = max(left, self.spine.start_ns) + (layer.name != "messages"), layer._replace(flights=[one, other])
            if at < min(came, self.spine.end_ns) and spots(self.scene, both, at)[0].packets > 1:
                yield came

    # --- as plain values ---------------------------------------------------------------------------------------------

    def us(self, t_ns: int) -> int:
        """Return a time in microseconds from the start of the film."""
        return (t_ns - self.spine.start_ns) // NS_PER_US

    def told(self) -> Dict:
        """Tell player.js all that it draws: cards and ways, flights and roads; times in microseconds from the start."""
        scene, nodes = self.scene, {name: number for number, name in enumerate(self.scene.places)}
        ways: dict[Way, int] = {}

        def way(each: Way | None) -> int:
            return -1 if each is None else ways.setdefault(each, len(ways))

        layers = []
        for trace, layer in enumerate(self.layers, self.first_layer):
            flights = []
            for flight in layer.flights:
                text = [flight.text] if layer.size == MESSAGE else []
                flights.append([way(flight.way), flight.hop, [self.us(t_ns) for t_ns in flight.times], *text])
            layers.append({"trace": trace, **self._look_of(layer), "flights": flights})
        lines = []
        for trace, (kind, versions) in enumerate(self.lines(), TUNNELS):
            made = [[self.us(t), [[[nodes[node], at] for node, at in piece] for piece in own]] for t, own in versions]
            lines.append({"trace": trace, "kind": kind, "versions": made})
        drawn = [[[nodes[it] for it in way.nodes], scene.sides(way), way.tunnel, *way.last] for way in ways]
        cards = [[*scene.places[name], *scene.halves[name]] for name in nodes]
        return {"nodes": cards, "layers": layers, "lines": lines, "ways": drawn}

    def _look_of(self, layer: Layer) -> Dict:
        style = self.flows.get(int(layer.name)) if layer.name.isdigit() else None
        letter, symbol = (style.letter, style.symbol) if style else ("✕", "square")
        wide = [outline(layer.room(is_steep), symbol) for is_steep in (False, True)]
        told: Dict = {"letter": letter, "kind": "layer", "upright": UPRIGHT.format(letter), "wide": wide}
        return told | {"size": layer.size, "margin": layer.margin}

    @property
    def first_layer(self) -> int:
        """The number of plotly's trace of the first layer."""
        return GHOSTS_FROM + 2 * len(self.flows) + len(self.wished)

    def table_of(self, node: str) -> str:
        """Name the table of a node that stands on the stage, or beside it."""
        other = TOKENS if self.scene.roles.get(node) == "attacker" else CACHE
        return TABLE if node == self.mobile else other

    def road_of(self, flow: int) -> int:
        """Return the number of plotly's trace of a flow's road."""
        return GHOSTS_FROM + len(self.flows) + [*self.flows].index(flow)

    def leg_led(self, flows: Iterable[int], t_ns: int) -> int:
        """Return the corner of a road of flows before which the row that leads it stands: of its first leg, or of the
        first in the tunnel.
        """
        ways = (_way_at(self.roads[flow], t_ns) for flow in flows if flow in self.flows)
        return 3 * next((way.tunnel[0] if way.tunnel else 0 for way in ways if way), 0) + 1

    def lines(self) -> Iterator[tuple[Kind, list[tuple[int, Pieces]]]]:
        """Yield all that is drawn as lines: tunnels, ghosts, roads, each with its pieces from which time on."""
        corners, roads = self.scene.corners, [self.roads[flow] for flow in self.flows]
        times = sorted({self.spine.start_ns, *(t_ns for versions in roads for t_ns, _ in versions)})
        now = [(t_ns, [_way_at(versions, t_ns) for versions in roads]) for t_ns in times]
        tunnels = [(t_ns, [(corners(way), leg) for way in ways if way for leg in way.tunnel]) for t_ns, ways in now]
        yield "tunnel", [(t_ns, [road[3 * leg + 1 : 3 * leg + 3] for road, leg in own]) for t_ns, own in tunnels]
        for versions in roads:
            yield "ghost", [(t_ns, self._left_by(versions, t_ns)) for t_ns in (times[0], *self.turns)]
        for versions in roads:
            yield "road", [(t_ns, [corners(way)] if way else []) for t_ns, way in versions]
        for way in self.wished.values():
            edges = [tuple(lane + edge for lane in way.lanes) for edge in (-WISHED, WISHED)]
            yield "wish", [(times[0], [corners(way._replace(lanes=lanes)) for lanes in edges])]

    def _left_by(self, versions: Roads, t_ns: int) -> Pieces:
        """Return the pieces of a road that was left at a time, but for those that the new one has as well."""
        was, now = _way_at(versions, t_ns - 1), _way_at(versions, t_ns)
        if was is None or now is None or was == now:
            return []
        old, new = (list(pairwise(self.scene.corners(way))) for way in (was, now))
        left: Pieces = []
        for begin, end in old:
            if any(_are_near((begin, end), each) for each in new):
                continue
            if not left or left[-1][-1] != begin:
                left.append([begin])
            left[-1].append(end)
        return left

    def figure(self, title: str) -> Dict:
        """Make the plotly figure as it is at the end of the film."""
        end, scene = self.spine.end_ns, self.scene
        now = [spots(scene, layer, end) for layer in self.layers]
        rooms = [most_at_once(layer.flights) for layer in self.layers]
        data, styles = [scene.link_line()], 2 * [*self.flows.values()] + [self.flows[flow] for flow in self.wished]
        for (kind, versions), style in zip(self.lines(), [None, *styles], strict=True):
            line: Dict = {"color": look.line_colour(style.colour) if style else look.PURPLE, "simplify": False}
            line |= {"width": THICK[kind]} | ({"dash": style.dash if kind == "road" else _DASH[kind]} if style else {})
            opacity = 0.45 if kind == "tunnel" else 1
            data.append(look.scatter("lines", *self._line(versions[-1][1]), line=line, opacity=opacity))
        looks = self.flows.values()
        marks = [(each.symbol, PACKET[1], look.line_colour(each.colour), each.letter_colour) for each in looks]
        marks += [("square", 40, look.VERMILION, look.INK), ("x", CROSS[0], look.VERMILION, look.CLEAR)]
        for layer, (symbol, size, colour, ink), room, seen in zip(self.layers, marks, rooms, now, strict=True):
            texts = [look.literal(spot.said) for spot in seen[:room]]
            inside = [spot.tunnelled for spot in seen] + [False] * room
            edges = {"color": [look.PURPLE if each else look.EDGE for each in inside[:room]], "width": 1.5}
            marker = {"symbol": symbol, "size": size, "color": colour, "opacity": 1, "line": edges}
            more: Dict = {"text": texts + ["-"] * (room - len(texts)), "textfont": look.font(14, ink, bold=True)}
            more |= {"textposition": "middle center", "hoverinfo": "text", "hovertext": HINTS.get(layer.name, HINT)}
            places = [scene.units((spot.x, spot.y)) for spot in seen] + [(PARKED, PARKED)] * room
            xs, ys = map(list, zip(*places[:room], strict=True))
            data.append(look.scatter("markers+text", xs, ys, marker=marker, **more))
        for each in data:
            each["cliponaxis"] = False
        layout = look.base_layout(
            title, scene.height, margin={"l": scene.edge, "r": scene.edge, "t": TOP, "b": BOTTOM},
            xaxis=look.bare_axis(scene.left, scene.right), yaxis=look.bare_axis(scene.low, scene.high),
            annotations=scene.node_labels(), dragmode=False,
        )  # fmt: skip
        return {"data": data, "layout": layout, "config": look.CONFIG}

    def _line(self, pieces: Pieces) -> tuple[list[float | None], list[float | None]]:
        """Return pieces as one line with gaps."""
        xs: list[float | None] = []
        ys: list[float | None] = []
        for piece in pieces:
            ends = [(self.scene.at(node), beside[-1]) for node, beside in piece]
            points = [self.scene.units((left + x, top + y)) for (left, top), (_, x, y) in ends]
            xs, ys = [*xs, *(x for x, _ in points), None], [*ys, *(y for _, y in points), None]
        return xs or [PARKED, PARKED + 1], ys or [PARKED, PARKED]


def outline(size: tuple[int, int], symbol: str) -> str:
    """Draw the outline of a wide mark around its middle, as the path of an SVG; its corners tell a flow's symbol."""
    bend = {"circle": min(size) // 2, "square": 2}.get(symbol, 6)
    across, up = size[0] - 2 * bend, size[1] - 2 * bend
    right, left = f"h{across}q{bend},0 {bend},{bend}v{up}", f"h{-across}q{-bend},0 {-bend},{-bend}v{-up}"
    return f"M{-across // 2},{-size[1] // 2}{right}q0,{bend} {-bend},{bend}{left}q0,{-bend} {bend},{-bend}z"


def _way_at(versions: Roads, t_ns: int) -> Way | None:
    return next((way for at, way in reversed(versions) if at <= t_ns), None)


def _are_near(one: Sequence[Corner], other: Sequence[Corner]) -> bool:
    """Say whether two pieces of roads are nearly the same."""
    return all(a == b and dist(at[-1], to[-1]) < NEAR for (a, at), (b, to) in zip(one, other, strict=True))


def changes(spine: Spine) -> list[TableChanged]:
    """Return the changes of rows in the tables that pictures show, in order."""
    rows = (record for moment in spine.moments for record in moment.rows)
    tables = CACHE, TABLE, CONNECTIONS, TOKENS
    return [record for record in rows if record.change.table in tables and record.t_ns > spine.start_ns]


def most_at_once(flights: Sequence[Flight]) -> int:
    """Return the most flights that are under way at the same time; 1 if there are none."""
    edges = sorted([(flight.times[0], -1) for flight in flights] + [(flight.times[-1], 1) for flight in flights])
    most = now = 0
    for _, by in edges:  # who leaves as another comes is still there
        now -= by
        most = max(most, now)
    return most or 1
