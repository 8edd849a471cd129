"""The network: nodes and segments on a networkx graph, with shortest paths between them.

It takes names, coordinates and `Link` values; it gives each node the channel that leads to an address, and everybody a
random stream from the one seed. Routes are worked out when asked for and forgotten when anything changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import combinations, count
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from mipflow.arguments import FLAG, SEED, TEXT, check, number
from mipflow.errors import ProtocolMisuse, TopologyError, shown
from mipflow.sim.boarding import Boarding
from mipflow.sim.clock import Clock, Unique
from mipflow.sim.link import LINK, SEGMENT, Channel, Link, Port, Segment, Surroundings, quick_ways
from mipflow.sim.meter import Meter
from mipflow.sim.trace import Dropped, Mode, Trace, is_control
from mipflow.wire import codec
from mipflow.wire.address import Address, Prefix
from mipflow.wire.packet import Opaque, Packet

if TYPE_CHECKING:
    import networkx

NUMBERS = count(1)
"""The numbers of the networks of this process."""
_Tree = tuple[dict[str, float], dict[str, list[str]], dict[Segment, tuple[Port | None, Channel | None]]]
"""The distances of routers, the nodes on the way to each, and for a segment the own port or else the next channel."""
Role = Literal[
    "mobile node", "home agent", "correspondent node", "router", "access router", "host", "attacker", "policy server"
]


class Stream(Random):
    """A random stream, which knows its name."""

    def __init__(self, seed: int, name: str) -> None:
        super().__init__(f"{seed}/{name}")
        self.name = name

    def __reduce__(self) -> tuple[object, ...]:
        """Copy it with where it stands."""
        return Stream, (0, self.name), self.getstate()


class Network(Unique):
    """A network at time 0.

    seed: of every random stream; trace: "all", "control" or "off"; wire: re-parse each control packet from its bytes at
    every link, so that nothing can travel that is not in the bytes.
    """

    def __init__(self, seed: int = 0, trace: Mode = "all", wire: bool = False) -> None:
        import networkx

        check(SEED, seed=seed)
        check(FLAG, wire=wire)
        self.seed = seed
        self.title = "a network"
        """The heading of its pictures."""
        self.number = next(NUMBERS)
        """The number among the networks of this process, so that each has a name of its own."""
        self.clock = Clock()
        self.trace = Trace(trace)
        self.quick_way = quick_ways(self.clock, self.trace)
        self._graph: networkx.Graph[str] = networkx.Graph()
        self._routers: networkx.Graph[str] = networkx.Graph()
        """The nodes that forward: hosts carry no transit."""
        self.segments: dict[str, Segment] = {}
        self.segment_type: type[Segment] = Segment
        self.meters: defaultdict[int, Meter] = defaultdict(Meter)
        """Label of a packet (flow id, negative on the way to the mobile node) -> the meter of all such packets."""
        self.trains = Boarding()
        """Carries flows of a constant rate, where `sim.trains` is put in."""
        self.check: Callable[[Packet], Packet] | None = _through_bytes if wire else None
        """Called with each packet that enters a link; gives the packet that goes on in its place."""
        self._prefixes: dict[Prefix, Segment] = {}
        self._lengths: list[int] = []
        """The lengths of all prefixes, the longest first."""
        self._places: dict[str, list[tuple[Port, Segment]]] = {}
        """Node -> its ports with the segment of each, in the order in which they came."""
        self._on_change: list[Callable[[], None]] = []
        self._on_next_change: dict[Callable[[], None], None] = {}
        self._trees: dict[str, _Tree] = {}
        """Router -> the shortest paths from it, until links between routers or their delays change."""

    @property
    def name(self) -> str:
        """The name by which a reader can tell it from all others."""
        return f"world {self.number} ({self.title}, seed {self.seed})"

    @property
    def graph(self) -> networkx.Graph[str]:
        """Nodes with `x`, `y`, `role`, `forwards`; edges with `segment` and `delay_ms`, which are made when somebody
        looks: a crowd on a link has one for each two of it.
        """
        return self._linked(self._graph)

    def check_own(self, thing: object, network: Surroundings | None) -> None:
        """Raise ProtocolMisuse for a thing of another network. `network` is None for one that is in none yet."""
        if network is not None and network is not self:
            why = f"{shown(thing)} is of {network.name}, and this is {self.name}; give one of the same world"
            raise ProtocolMisuse(why, thing)

    def check_segment(self, segment: object) -> None:
        """Raise ProtocolMisuse for anything but a segment of this network."""
        check(SEGMENT, segment=segment)
        assert isinstance(segment, Segment)
        self.check_own(segment, segment.network)

    # --- building ----------------------------------------------------------------------------------------------------

    def add_node(self, name: str, x: float, y: float, role: Role, forwards: bool = False) -> None:
        """Add a node at the coordinates (x, y) of the pictures; `forwards` for a router."""
        check(TEXT, TopologyError, name=name)
        check(number(-(10**6), 10**6), TopologyError, x=x, y=y)
        if name in self._graph:
            raise TopologyError(f"there are two nodes named {name!r}; names must differ", name)
        self._graph.add_node(name, x=x, y=y, role=role, forwards=forwards)
        self._routers.add_nodes_from([name] * forwards)
        self._places[name] = []

    def add_segment(self, name: str, link: Link, prefix: Prefix | None = None) -> Segment:
        """Add a link that interfaces join and leave; its addresses have the `prefix`."""
        check(TEXT, name=name)
        check(LINK, TopologyError, link=link)
        if name in self.segments:
            raise TopologyError(f"there are two links named {name!r}; names must differ", name)
        segment = self.segments[name] = self.segment_type(name, link, self)
        if prefix is not None:
            self.add_prefix(prefix, segment)
        return segment

    def add_prefix(self, prefix: Prefix, segment: Segment) -> None:
        """Give a segment a further prefix. Raises TopologyError where another has it, and for one with host bits."""
        self.check_segment(segment)
        if prefix != (whole := Prefix.around(prefix.network, prefix.length)):
            raise TopologyError(f"{prefix} has bits behind its length; expected {whole}", prefix)
        if prefix in self._prefixes:
            raise TopologyError(f"prefix {prefix} is on {self._prefixes[prefix].name} already", prefix)
        self._prefixes[prefix] = segment
        self._lengths = sorted({prefix.length, *self._lengths}, reverse=True)
        self.changed()

    def remove_prefix(self, prefix: Prefix) -> None:
        """Take a prefix off its segment: nothing leads there any more."""
        self._prefixes.pop(prefix, None)
        self.changed()

    def attach(self, port: Port, segment: Segment) -> None:
        """Put an interface on a segment. Raises ProtocolMisuse for one of another network."""
        self.check_segment(segment)
        self.check_own(port, getattr(port, "network", None))
        segment.attach(port)
        self._places[port.owner].append((port, segment))
        self._reshaped(port.owner)

    def detach(self, port: Port, segment: Segment) -> None:
        """Take an interface off a segment. Raises ProtocolMisuse for one of another network."""
        self.check_segment(segment)
        self.check_own(port, getattr(port, "network", None))
        segment.detach(port)
        self._places[port.owner].remove((port, segment))
        self._reshaped(port.owner)

    def interfaces(self, node: str) -> list[str]:
        """Return the names of the interfaces that a node has on links, or had on one with another node."""
        before = (name.sender_interface for name in self.trace.channels if name.sender == node)
        return list(dict.fromkeys([*before, *(port.name for port, _ in self._places[node])]))

    def on_change(self, callback: Callable[[], None], once: bool = False) -> None:
        """Call `callback()` whenever a route may have changed, or only the next time."""
        if once:
            self._on_next_change[callback] = None
        else:
            self._on_change.append(callback)

    def segment_changed(self, segment: Segment) -> None:
        """Forget all routes: the link of a segment is another."""
        self._trees.clear()
        self.changed()

    def _reshaped(self, node: str) -> None:
        """Forget the shortest paths if a link of `node` may be part of them."""
        if node in self._routers:
            self._trees.clear()
        self.changed()

    def changed(self) -> None:
        """Forget all worked-out routes: something has changed, such as the port that answers for an address."""
        once, self._on_next_change = self._on_next_change, {}
        for callback in (*self._on_change, *once):
            callback()

    # --- routes ------------------------------------------------------------------------------------------------------

    def segment_of(self, address: Address) -> Segment | None:
        """Return the segment whose prefix is the longest that matches, or None."""
        matching = (self._prefixes.get(Prefix.around(address, length)) for length in self._lengths)
        return next((segment for segment in matching if segment is not None), None)

    def routers_on(self, segment: Segment) -> list[Port]:
        """Return the ports of routers on a segment, in order of coming."""
        return [port for port in segment.ports if port.owner in self._routers]

    def prefix_of(self, segment: Segment) -> Prefix | None:
        """Return the first prefix of a segment, or None."""
        return next(iter(self.prefixes_of(segment)), None)

    def prefixes_of(self, segment: Segment) -> list[Prefix]:
        """Return all prefixes of a segment, oldest first."""
        return [prefix for prefix, owner in self._prefixes.items() if owner is segment]

    def way(self, node: str, destination: Address) -> Channel | None:
        """Return the channel on which `node`, a router, sends to `destination`: on the path of the least delay."""
        segment = self.segment_of(destination)
        if segment is None:
            return None
        if node not in self._trees:
            import networkx

            found: Any = networkx.single_source_dijkstra(self._linked(self._routers), node, weight="delay_ms")
            self._trees[node] = *found, {}
        lengths, paths, ways = self._trees[node]
        if segment not in ways:
            own = next((port for port, place in self._places[node] if place is segment), None)
            near = [(lengths[each.owner], each.owner) for each in self.routers_on(segment) if each.owner in lengths]
            ways[segment] = own, self.channel_between(node, paths[min(near)[1]][1]) if near and own is None else None
        own, onward = ways[segment]
        if own is None:
            return onward
        neighbor = segment.neighbor(destination)
        return None if neighbor is None or neighbor is own else segment.channel(own, neighbor)

    def _linked(self, graph: networkx.Graph[str]) -> networkx.Graph[str]:
        """Return a graph of nodes with an edge between each two that are on a link."""
        graph.clear_edges()
        for segment in self.segments.values():
            ends = [port.owner for port in segment.ports if port.owner in graph]
            graph.add_edges_from(combinations(ends, 2), segment=segment.name, delay_ms=segment.link.delay_ms)
        return graph

    def channel_between(self, sender: str, receiver: str) -> Channel:
        """Return a direct channel from one node to a neighbor. Raises TopologyError where there is none."""
        for port, segment in self._places[sender]:
            for other, place in self._places[receiver]:
                if place is segment:
                    return segment.channel(port, other)
        raise TopologyError(f"{sender} and {receiver} share no link", (sender, receiver))

    # --- shared by all nodes -----------------------------------------------------------------------------------------

    def random(self, name: str) -> Stream:
        """Return the random stream of this name. Each link, node and application has its own, so that a change of one
        leaves all others alone.
        """
        return Stream(self.seed, name)

    def drop(self, packet: Packet, reason: str, where: str, is_received: bool = False) -> None:
        """Drop a packet at a node or link named `where`, for a reason in words. It counts as lost unless `is_received`
        says that its flow's meter has counted it as received.
        """
        self.trace.records.append(Dropped(self.clock.now, where, reason, packet.copy()))
        label = packet.innermost().label
        if label and not is_received:
            self.meters[label].dropped(packet, f"{where}: {reason}")

    def run_until(self, t_ns: int, is_reached: Callable[[], bool] | None = None) -> bool:
        """Let virtual time pass up to `t_ns` nanoseconds, or until something is reached (`Clock.run_until`)."""
        in_time = self.clock.run_until(t_ns, is_reached)
        self.trace.warn_if_large()
        return in_time


def _through_bytes(packet: Packet) -> Packet:
    """Read a control packet from its own bytes; data packets pass as they are."""
    return _known(codec.decode(codec.encode(packet)), packet) if is_control(packet) else packet


def _known(read: Packet, written: Packet) -> Packet:
    """Return a packet that was read, with all that the simulator knows of the one that was written."""
    read.label, read.sent_ns = written.label, written.sent_ns  # type: ignore[misc]  # a property
    if isinstance(read.payload, Packet) and isinstance(written.payload, Packet):
        _known(read.payload, written.payload)
    elif isinstance(written.payload, Opaque) and read.payload == written.payload:
        read.payload = written.payload  # which knows the payload inside ESP
    return read
