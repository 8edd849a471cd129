"""A learner's `outgoing`, `incoming` and `handover` inside the simulated mobile node, right or wrong.

The learner's flow mapping table has names in it, such as "H@2" and "CoA cell0"; the node's has addresses. Between the
two stands `OwnNode`: each packet of a flow passes the learner's functions, the node sends from the addresses that they
return, and in a handover it sends their updates and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mipflow.course.exercises.in_node import PARAMETERS, FlowRow, Fresh, Own, wrong_name
from mipflow.errors import FunctionFailed, TopologyError, shown
from mipflow.flow.learner.guard import Guarded
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.node.node import Arrival, Handler
from mipflow.wire.address import Address
from mipflow.wire.packet import NO_MARKS, Header, Marks, Sized, packet_of

if TYPE_CHECKING:
    from mipflow.lab.world import World

Update = tuple[str, str, str]
"""A binding update by names: receiver, home address, care-of address."""


class Row:
    """A row of the flow mapping table: `cn`, `home` and `care_of` by name; `number` is the flow's, 0 at first."""

    def __init__(self, cn: str | None, home: str, care_of: str) -> None:
        self.cn, self.home, self.care_of = cn, home, care_of
        self.number = 0

    @property
    def values(self) -> tuple[Any, Any, Any]:
        """The names of correspondent node, home address and care-of address."""
        return self.cn, self.home, self.care_of

    def __repr__(self) -> str:
        return f"Row(cn={self.cn!r}, home={self.home!r}, care_of={self.care_of!r})"


class FlowPacket:
    """A packet as a learner sees it: `source`, `destination` and `came_by`.

    `source` is None where it is still to be chosen; `came_by` is the care-of address of the road by which a packet came
    in, else None.
    """

    def __init__(self, flow: int, source: str | None, destination: str, came_by: str | None = None) -> None:
        self.source, self.destination, self.came_by = source, destination, came_by
        self._flow = flow

    def __repr__(self) -> str:
        way = f" by {self.came_by}" if self.came_by else ""
        return f"a packet of flow {self._flow} from {self.source or 'MN'} to {self.destination}{way}"


class OwnNodeView:
    """The mobile node as a learner sees it.

    flows: the flow mapping table, by number; went_up: the flows of the packets that were handed up.
    """

    def __init__(self, flows: dict[int, Row], assign: Callable[[str], str], choose: Callable[[], str]) -> None:
        self.flows, self.assign, self.choose = flows, assign, choose
        self.went_up: list[int] = []

    def separate(self, packet: FlowPacket) -> int:
        """Return the number of a packet's flow (steps 21 and 28)."""
        return packet._flow

    def up(self, packet: FlowPacket) -> None:
        """Hand a packet to the application (step 31)."""
        self.went_up.append(packet._flow)

    def wrong(self) -> str:
        """Say what is wrong with the table; empty where nothing is."""
        if not isinstance(self.flows, dict):
            return f"mn.flows is {shown(self.flows)}; it is the table, change its rows instead"
        for number, row in self.flows.items():
            if not isinstance(row, Row):
                return f"mn.flows[{shown(number)}] is {shown(row)}; expected Row(cn=..., home=..., care_of=...)"
            if type(number) is not int:  # True is one for Python
                return f"mn.flows has a row {shown(number)}; expected the number that mn.separate(packet) gives"
            row.number = number
        return ""


def wrong_way(result: object, packet: object, mn: OwnNodeView) -> str:
    """Say what is wrong with the result of `outgoing`; empty where nothing is. None is a packet that was not sent."""
    pair = isinstance(result, tuple | list) and len(result) == 2 and all(isinstance(each, str) for each in result)
    if result is None or pair:
        return mn.wrong()
    return 'expected a home address and a care-of address, such as ("H@1", "CoA wlan0")'


def wrong_table(result: object, packet: object, mn: OwnNodeView) -> str:
    """Say what is wrong with the table after `incoming`, whose result does not count; empty where nothing is."""
    return mn.wrong()


def wrong_updates(result: object, flow: object, care_of: object, flows: Sequence[object]) -> str:
    """Say what is wrong with the result of `handover`; empty where nothing is. None stands for no update."""
    told = [] if result is None else result
    if isinstance(told, list | tuple | set) and all(
        isinstance(each, tuple | list) and len(each) == 3 and all(isinstance(word, str) for word in each)
        for each in told
    ):
        return ""
    return 'expected a list of updates, such as [("CN1", "H@1", "CoA cell0")]'


WAYS: dict[str, tuple[str, Callable[..., str]]] = {
    "outgoing": ("packet, mn", wrong_way), "incoming": ("packet, mn", wrong_table),
    "handover": ("flow, care_of, flows", wrong_updates), "assign": (PARAMETERS, wrong_name),
}  # fmt: skip
"""Function -> its parameters, and the check of its result."""


class OwnNode:
    """A learner's functions in a node: `figure2(assign=own.assign, handover=own.handover)`, then `own.join(world)`."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        self._calls = {name: Guarded(name, functions[name], *WAYS[name]) for name in WAYS}
        self.failed = ""
        """The first failure of the learner's functions or of their results, in words."""
        self._is_broken = False
        self.homes = Own(["H@1"])
        self._fresh = Fresh(self.homes)
        self.mn = OwnNodeView({}, self._assigned, lambda: f"CoA {self._first}")
        self._addresses: dict[str, Address] = {}
        """Name of a home address, a care-of address or a node -> its address."""
        self._waiting: dict[int, str] = {}
        """Flow -> the name that it was given while it waits for its address."""
        self._asking = 0
        """The flow that is asked about just now."""

    def join(self, world: World) -> None:
        """Stand between transport and roads of a world's mobile node, before anything is opened in it."""
        node = self._node = world.mn
        self._stack, self._flows, self._first = node.stack, node.flows, next(iter(node.interfaces))
        self._addresses |= {cn.name: cn.address for cn in world.cns}
        self._addresses |= {"HA": node.home_agent, "H@1": node.primary_home_address}
        node.put_between(self)

    def __getattr__(self, name: str) -> Any:
        """Let the stack answer all other questions of the transport layer."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._stack, name)

    # --- names and addresses -----------------------------------------------------------------------------------------

    def _name(self, address: Address | None) -> str:
        return next((name for name, each in self._addresses.items() if each == address), str(address))

    def _look(self) -> None:
        """Note the names of addresses that have come to exist."""
        held = ((f"CoA {name}", interface.address) for name, interface in self._node.interfaces.items())
        self._addresses |= {name: address for name, address in held if address is not None}
        for number, name in [*self._waiting.items()]:
            entry = self._flows.get(number)
            if entry is not None and entry.home_address is not None:
                del self._waiting[number]
                self._addresses[name] = entry.home_address

    def _home(self, name: object) -> Address | None:
        """Return the home address of a name, or None where the node does not have it."""
        address = self._addresses.get(str(name))
        return address if address in self._node.own_home_addresses else None

    def _place(self, name: object) -> tuple[str, Address] | None:
        """Return interface and address of a care-of address by its name, or None."""
        address, interface = self._addresses.get(str(name)), str(name).removeprefix("CoA ")
        return None if address is None or interface not in self._node.interfaces else (interface, address)

    @property
    def _table(self) -> dict[int, Row]:
        """The learner's table; an empty one where it is no table any more."""
        return {} if self.mn.wrong() else self.mn.flows

    # --- what the learner's functions say ----------------------------------------------------------------------------

    def _call(self, name: str, *given: Any) -> Any:
        """Call one of the functions; once one has failed, none is called again. Raises FunctionFailed."""
        self._look()
        if self._is_broken:
            raise FunctionFailed(self.failed)
        try:
            return self._calls[name](*given)
        except FunctionFailed as error:
            self._is_broken = True
            self._note(str(error))
            raise

    def _note(self, words: str) -> None:
        self.failed = self.failed or words

    def _assigned(self, cn: str) -> str:
        """Answer the learner's `mn.assign(cn)` by their own `assign`."""
        rows = [FlowRow(number, str(row.cn), row.home) for number, row in self._table.items() if number != self._asking]
        name: str = self._calls["assign"](FlowRow(self._asking, cn), self.homes, rows, self._fresh)
        return name

    def _way(self, entry: FlowMappingEntry) -> Any:
        """Ask `outgoing` about a packet of a flow; return home address and care-of address by name, or None."""
        self._asking = entry.flow_id
        return self._call("outgoing", FlowPacket(entry.flow_id, None, self._name(entry.cn)), self.mn)

    def assign(self, flow: FlowMappingEntry, homes: HomeAddressTable, flows: FlowMappingTable) -> Address | None:
        """Return the home address for a new flow, or None for a new address. Raises FunctionFailed."""
        way = self._way(flow)
        home = self._home(way[0]) if way else None
        if home is not None:
            return home
        if way is None or way[0] not in self._fresh.given:
            self._note(f"your outgoing() gave {shown(way and way[0])} as home address, and MN has no such one")
            raise FunctionFailed(self.failed, way)
        self._waiting[flow.flow_id] = way[0]
        return None

    def handover(
        self, flow: FlowMappingEntry, care_of: Address, flows: FlowMappingTable
    ) -> tuple[dict[int, Address], list[tuple[Address, Address, Address]]]:
        """Return the rows that change and the updates to send. Raises FunctionFailed."""
        row, homes = self._table.get(flow.flow_id), {each.home_address for each in flows}
        if row is None:
            self._note(f"your table has no row for flow {flow.flow_id}: there is nothing to move")
            raise FunctionFailed(self.failed, row)
        rows = [each for _, each in sorted(self._table.items())]
        self._look()
        updates = []
        for to, name, where in self._call("handover", row, self._name(care_of), rows) or ():
            peer, home, place = self._addresses.get(to), self._home(name), self._place(where)
            if peer is None or home not in homes or home is None or place is None:
                self._note(f"nobody can be told ({to!r}, {name!r}, {where!r})")
            else:
                updates.append((peer, home, place[1]))
        places = {number: self._place(each.care_of) for number, each in self._table.items() if number in flows}
        moved = {number: place[1] for number, place in places.items() if place is not None}
        return {number: to for number, to in moved.items() if to != flows[number].care_of_address}, updates

    def _follow(self) -> None:
        """Copy the learner's table into the node's."""
        for number, row in self._table.items():
            entry, home, place = self._flows.get(number), self._home(row.home), self._place(row.care_of)
            if entry is None or entry.home_address is None:
                continue
            if home is not None and home != entry.home_address:
                self._node.record(self._flows.change(entry, home_address=home))
            if place is not None and place[1] != entry.care_of_address:
                self._node.record(self._flows.change(entry, interface=place[0], care_of_address=place[1]))

    # --- the way down and up -----------------------------------------------------------------------------------------

    def outgoing(
        self, payload: Sized, source: Address | None, destination: Address, label: int = 0, marks: Marks = NO_MARKS
    ) -> None:
        """Send a payload of the transport layer from the addresses that the learner's `outgoing` returns."""
        entry, node, now = self._flows.get(label), self._node, self._node.clock.now
        if entry is None or entry.refused:
            self._stack.outgoing(payload, source, destination, label, marks)
            return
        try:
            way, why = self._way(entry), "your outgoing() did not send it"
            self._follow()
        except FunctionFailed as error:
            way, why = None, str(error)
        home, place = (self._home(way[0]), self._place(way[1])) if way else (None, None)
        if way and (not entry.ready or (home and place and self._is_usual(entry, home, place[1]))):
            self._stack.outgoing(payload, source, destination, label, marks)
            return
        entry.used_ns = now
        node.network.meters[label].sent += 1
        packet = packet_of(Header(home or node.primary_home_address, destination, marks, label), payload, now)
        if home and place:
            node.send_direct(packet, node.mobility.optimised_road(home, place[1], destination))
        else:
            why = f"your outgoing() gave {way[0]} and {way[1]}, and MN cannot send so" if way else why
            self._note(why)
            node.drop(packet, why)

    def _is_usual(self, entry: FlowMappingEntry, home: Address, care_of: Address) -> bool:
        """Return True where the node itself would send so: the peer has that row, is to have it, or has none."""
        binding = self._node.registrar.list.get((entry.cn, home))
        if home != entry.home_address or binding is None or binding.registered is None:
            return home == entry.home_address
        coming = (entry.cn, care_of) in self._node.binder.handovers.after_home.get(home, ())
        return coming or care_of in (binding.registered, binding.care_of_address)

    def incoming(self, upper: Handler) -> Handler:
        """Return a handler that hands up to `upper` those packets that the learner's `incoming` hands up."""

        def incoming(arrival: Arrival) -> None:
            try:
                entry = self._node.redirector.incoming(arrival.packet.payload, arrival)
            except TopologyError:
                entry = None  # the stack says why
            if entry is None or entry.refused:
                upper(arrival)
                return
            self._asking = entry.flow_id
            came_by = f"CoA {arrival.interface.name}"
            home = self._name(arrival.destination)
            packet = FlowPacket(entry.flow_id, self._name(arrival.source), home, came_by)
            self.mn.went_up = went_up = list[int]()
            why = "your incoming() did not hand it up"
            try:
                self._call("incoming", packet, self.mn)
                self._follow()
            except FunctionFailed as error:
                why = str(error)
            if entry.flow_id in went_up:
                upper(arrival)
            else:
                self._note(why)
                self._node.drop(arrival.packet, why, is_received=True)

        return incoming
