"""A world: one network with a mobile node, a home agent and correspondent nodes, run in virtual time and looked at.

Takes a scenario's nodes; gives the views of `mipflow.view` with the world's trace, graph and names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from os import PathLike
from typing import Literal
from weakref import WeakSet

from mipflow.arguments import (
    FLAG,
    MILLISECONDS,
    SECONDS,
    WORD,
    Expected,
    check,
    fits,
    instance,
    one_of,
    optional,
    several,
)
from mipflow.errors import ProtocolMisuse, TopologyError, shown
from mipflow.flow.address_protocol import AddressBook
from mipflow.flow.flows import Flow
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.flow.policy_server import PolicyServer
from mipflow.flow.tables import HOME_ADDRESS_TABLE
from mipflow.lab.captured import at_node, on_links
from mipflow.lab.replay import Replay
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.node.host import HOST
from mipflow.node.router import Router
from mipflow.sim.clock import NS_PER_MS, NS_PER_S, Unique, seconds
from mipflow.sim.network import Network
from mipflow.sim.trace import Decided, TableChanged, Trace
from mipflow.view import sound
from mipflow.view.picture import Picture
from mipflow.view.small import printed
from mipflow.view.words import Words, interface_kind
from mipflow.wire import capture
from mipflow.wire.address import Address
from mipflow.wire.files import check_writable

WORLD = Expected("a world that has run, such as mf.figure2()", lambda it: isinstance(it, World))
Scale = Literal["even", "time"]
SPAN = Expected("a span", lambda span: len(span) == 2 and span[0] <= span[1] and all(fits(t, SECONDS) for t in span))

HANDOVER_SLOW_S = 0.4
"""Seconds of virtual time around a handover that an animation shows slowly, where nothing else is asked for."""

WORLDS: WeakSet[World] = WeakSet()
"""All worlds that somebody holds."""
MOST_LETTERS = 400
"""Of one of the lines about where a world stands."""
MOST_TOLD = 4
"""Flows, and bindings of one node, that the lines about where a world stands name."""


class World(Unique):
    """A network at time 0, nothing registered yet. `title` heads its pictures."""

    def __init__(
        self, network: Network, mn: FlowMobileNode, ha: HomeAgent, cns: Sequence[CorrespondentNode], internet: Router,
        title: str,
    ) -> None:  # fmt: skip
        check(instance(Network, "a Network"), network=network)
        check(instance(FlowMobileNode, "a FlowMobileNode"), mn=mn)
        check(instance(HomeAgent, "a HomeAgent"), ha=ha)
        check(Expected("correspondent nodes, one at least", lambda it: it and fits(it, several(HOST, ""))), cns=cns)
        check(instance(Router, "a Router"), internet=internet)
        for node in (mn, ha, internet, *cns):
            network.check_own(node, node.network)
        self.network = network
        self.internet = internet
        """The router in the middle, where further links can be joined on."""
        self.mn = mn
        self.ha = ha
        self.home_agents = [ha]
        """All home agents, `ha` the first."""
        self.address_book: AddressBook | None = None
        """The book from which home agents grant home addresses, where they do."""
        self.policy_server: PolicyServer | None = None
        """Sends rules to the mobile node, where there is one."""
        self.cns = list(cns)
        self.title = title
        self.start_s = 0.0
        """Time zero of replayed traffic, in seconds; 0 where nothing is replayed."""
        self.replay: Replay | None = None
        """The traffic that is replayed here, if any."""
        WORLDS.add(self)
        for name in ("trace", "cn1", "cn2")[: 1 + len(self.cns)]:
            getattr(self, name)  # tab completion looks behind an attribute that is there, and calls no property
        self._read = 0
        """How many records of the trace these are read from: home and care-of addresses, times of handovers."""
        self._looked_ns = -1
        """For which moment the tables were looked at last; -1 before the first time."""
        self._homes: dict[Address, None] = {}
        self._care_of: dict[Address, str] = {}
        self._handovers: list[float] = []

    @cached_property
    def cn1(self) -> CorrespondentNode:
        """The first correspondent node."""
        return self.cns[0]

    @cached_property
    def cn2(self) -> CorrespondentNode:
        """The second correspondent node. Raises TopologyError where there is one only."""
        if len(self.cns) < 2:
            raise TopologyError(f"{self.network.name} has one correspondent node; take world.cn1", self.cns)
        return self.cns[1]

    @property
    def title(self) -> str:
        """The heading of its pictures."""
        return self.network.title

    @title.setter
    def title(self, title: str) -> None:
        check(instance(str, "text"), title=title)
        self.network.title = title

    @cached_property
    def trace(self) -> Trace:
        """All that happened."""
        return self.network.trace

    @property
    def now(self) -> float:
        """Virtual time in seconds."""
        return self.network.clock.now / NS_PER_S

    @property
    def hops(self) -> int:
        """Packet-hops so far."""
        return self.network.clock.packet_events

    def run(self, duration_s: float) -> World:
        """Let `duration_s` seconds of virtual time pass. Raises ProtocolMisuse for what is no such number, and inside a
        run; Stopped for an interrupt (Ctrl-C, a notebook's Stop), once the event under way is done.
        """
        if not fits(duration_s, SECONDS):
            raise ProtocolMisuse(f"run({shown(duration_s)}); expected {SECONDS.words}", duration_s)
        self.network.run_until(self.network.clock.now + seconds(duration_s))
        return self

    def names(self) -> dict[Address, str]:
        """Words for the addresses of this world."""
        names: dict[Address, str] = {agent.home_agent_address: agent.name for agent in self.home_agents}
        self._read_on()
        homes = dict.fromkeys([*self._homes, *(home.home_address for home in self.mn.home_addresses)])
        names |= {home: f"H@{number}" for number, home in enumerate(homes, start=1)}
        held = ((address, i.name) for i in self.mn.interfaces.values() for address in i.addresses)
        kinds = Counter[str]()
        for address, interface in {**self._care_of, **dict(held)}.items():
            kinds[interface] += address not in names
            word = f"{interface_kind(interface)} address"
            names.setdefault(address, word if kinds[interface] < 2 else f"{word} {kinds[interface]}")
        names.update({cn.address: cn.name for cn in self.cns})
        return names

    def _read_on(self) -> None:
        """Read what has been recorded since the last call: an address that is gone keeps its name in pictures."""
        for record in self.trace.records[self._read :]:
            if record.node != self.mn.name:
                continue
            if isinstance(record, TableChanged) and record.change.table == HOME_ADDRESS_TABLE:
                self._homes[Address(record.change.key)] = None
            elif isinstance(record, Decided) and record.what == "care-of address":
                address, interface = record.why.split(" on ")
                self._care_of[Address(address)] = interface
            elif isinstance(record, Decided) and record.what == "handover":
                self._handovers.append(record.t_ns / NS_PER_S)
        self._read = len(self.trace.records)

    def flow_names(self) -> dict[int, str]:
        """Flow id -> what its application is called."""
        names: dict[int, str] = {}
        counts = Counter[str]()
        for flow in self.mn.opened.values():
            name = flow.app.name
            counts[name] += 1
            names[flow.id] = name if counts[name] == 1 else f"{name} {counts[name]}"
        return names

    def flows(self) -> list[Flow]:
        """All flows that were opened, ended ones included."""
        return list(self.mn.opened.values())

    def handovers_s(self) -> list[float]:
        """When handovers were asked for, in seconds."""
        self._read_on()
        return list(self._handovers)

    def stands(self) -> tuple[str, str, str]:
        """Where the world stands: its time, its flows, its bindings."""
        words, called = Words(self.names(), {}), self.flow_names()
        flows = [
            f"{called[flow.id]} over {flow.interface or 'no interface'} by {words.address(flow.home_address)}"
            if flow.home_address else f"{called[flow.id]} waits for a home address"
            for flow in self.flows() if flow.is_open
        ]  # fmt: skip
        bindings = []
        for node in (*self.home_agents, *self.cns):
            held = [
                f"{words.address(one.home_address)} at {words.address(one.care_of_address)}"
                for one in getattr(node, "bindings", ())
            ]
            bindings.append(f"{node.name}: {_first(held)}")
        told = _first(flows) if self.mn.opened else "no flow was opened"
        return f"{self.network.name} at {self.now:.3f} s", told, "; ".join(bindings)

    offered_names = (
        "animate", "cn1", "cn2", "cns", "flows", "ha", "home_agents", "hops", "inspect", "internet", "ladder", "listen",
        "mn", "network", "now", "pcap", "policy_server", "replay", "run", "save", "tables", "timeline", "title",
        "trace",
    )  # fmt: skip
    """Members that tab completion offers."""

    def __dir__(self) -> tuple[str, ...]:
        return self.offered_names

    def __repr__(self) -> str:
        time, flows, bindings = self.stands()
        return "\n".join(printed(line, MOST_LETTERS) for line in (f"{time}; {flows}", f"bindings: {bindings}"))

    # --- views -------------------------------------------------------------------------------------------------------

    def animate(
        self, start: float | None = None, end: float | None = None, slow: Sequence[tuple[float, float]] | None = None
    ) -> Picture:
        """The topology with packets moving and bindings changing, from `start` to `end` seconds; `slow` spans go
        slowly.
        """
        from mipflow.view.show import animate

        slow = slowly(self.handovers_s()) if slow is None else slow
        begin, finish = span(self.network.clock.now, start, end)
        check(several(SPAN, "pairs (start, end) of seconds"), slow=slow)
        return animate(
            self.trace, self.network.graph, names=self.names(), flows=self.flow_names(), start_ns=begin, end_ns=finish,
            slow=[(seconds(max(a, 0.0)), seconds(b)) for a, b in slow], mobile=self.mn.name, title=self.title,
        )  # fmt: skip

    def ladder(
        self, start: float | None = None, end: float | None = None, data: bool = False, scale: Scale = "even"
    ) -> Picture:
        """Draw the messages from node to node; `scale`: "even" for a line for each event, "time" for time to scale."""
        from mipflow.view.ladder import ladder

        check(FLAG, data=data)
        check(one_of("even", "time"), scale=scale)
        begin, finish = span(self.network.clock.now, start, end)
        return ladder(
            self.trace, self.network.graph, names=self.names(), flows=self.flow_names(), start_ns=begin, end_ns=finish,
            data=data, scale=scale, mobile=self.mn.name,
        )  # fmt: skip

    def timeline(self, start: float | None = None, end: float | None = None) -> Picture:
        """Per flow: interface, delay and loss over time."""
        from mipflow.view.timeline import timeline

        begin, finish = span(self.network.clock.now, start, end)
        return timeline(
            self.trace, self.network.graph, names=self.names(), flows=self.flow_names(), start_ns=begin, end_ns=finish,
            mobile=self.mn.name,
        )  # fmt: skip

    def tables(self, at: float | None = None, since: float | None = None) -> Picture:
        """Both tables of the mobile node and every binding cache at a moment in seconds (default: now), with marks on
        what has changed `since` another one (default: the moment of the last call). Raises ProtocolMisuse for one that
        has not come, and for a `since` after `at`.
        """
        from mipflow.view.tables import tables

        at_ns = moment(self.network.clock.now, at=at)
        since_ns = self._looked_ns if since is None else moment(self.network.clock.now, since=since)
        if since is not None and since_ns > at_ns:
            raise ProtocolMisuse(f"since={since} is after {at_ns / NS_PER_S:g} s; expected an earlier moment", since)
        before, self._looked_ns = (since_ns if 0 <= since_ns <= at_ns else None), at_ns
        return tables(self.trace, at_ns, names=self.names(), flows=self.flow_names(), since_ns=before)

    def inspect(self, number: int) -> Picture:
        """One packet-hop as a protocol analyser would show it."""
        from mipflow.view.inspect import inspect

        return inspect(self.trace, number, names=self.names())

    def listen(
        self, flow: Flow | int, start: float | None = None, end: float | None = None, *,
        direction: Literal["down", "up"] = "down", playout_ms: float = sound.PLAYOUT_MS,
    ) -> sound.Sound:  # fmt: skip
        """A flow as the mobile node hears it ("down"), or its correspondent ("up"), from `start` to `end` seconds, at
        most ten: packets that were lost are silent, and those that came over `playout_ms` after they were sent.

        It begins two seconds before the last handover where nothing else is asked for; without one, it is the last ten
        seconds. Raises ProtocolMisuse for an unknown flow, a time in which it sent nothing, and a trace without data.
        """
        check(one_of("down", "up"), direction=direction)
        check(MILLISECONDS, playout_ms=playout_ms)
        number, names = self.mn.binder.flow_id(flow), self.flow_names()
        if number not in names:
            known = ", ".join(f"{each} ({word})" for each, word in names.items())
            raise ProtocolMisuse(f"there is no flow {shown(number)}; flows: {known or 'none'}", flow)
        if self.trace.mode != "all":
            raise ProtocolMisuse(f"trace={self.trace.mode!r} keeps no packets of flows; expected trace='all'", flow)
        upward = direction == "up"
        hearer = self.mn.opened[number].cn.name if upward else self.mn.name
        check(optional(SECONDS), start=start, end=end)
        begin, finish = span(self.network.clock.now, *sound.chosen(start, end, self.now, self.handovers_s()))
        return sound.listen(
            self.trace, number, word=names[number], hearer=hearer, upward=upward, start_ns=begin, end_ns=finish,
            now_ns=self.network.clock.now, playout_ns=round(playout_ms * NS_PER_MS),
        )  # fmt: skip

    # --- files -------------------------------------------------------------------------------------------------------

    def pcap(self, path: str | PathLike[str], node: str | None = None, interface: str | None = None) -> int:
        """Write a capture of every link, with the times at which packets leave for it; gives how many there are.

        node: only what this node has sent and received, at its own times; interface: only what one interface has, of
        `node` or else of the mobile node. Raises ProtocolMisuse where there is no such one, DatasetError where the file
        cannot be written.
        """
        check(optional(WORD), node=node, interface=interface)
        if node is None and interface is None:
            return capture.write(path, on_links(self.trace))
        node = self.mn.name if node is None else node
        if node not in self.network.graph:
            known = ", ".join(self.network.graph)
            raise ProtocolMisuse(f"there is no node {shown(node)}; expected one of {known}", node)
        interfaces = self.network.interfaces(node)
        if interface is not None and interface not in interfaces:
            known = ", ".join(interfaces)
            raise ProtocolMisuse(f"{node} has no interface {shown(interface)}; expected one of {known}", interface)
        return capture.write(path, at_node(self.trace, node, interface, self.network.clock.now))

    def save(self, path: str | PathLike[str]) -> None:
        """Write animation, ladder, timeline, tables and state machines as one page that needs no kernel or network.

        Packets and rows open there too. Raises DatasetError where it cannot be written, ProtocolMisuse before a run.
        """
        from mipflow.lab.machines import draw_machines
        from mipflow.view.page import save

        check_writable(path)
        looked_ns, self._looked_ns = self._looked_ns, -1  # a file is no look
        pictures = [self.animate(), self.ladder(), self.timeline(), self.tables()]
        self._looked_ns = looked_ns
        states = draw_machines(self.trace, Words(self.names(), self.flow_names()), self.network.clock.now)
        save(path, [*pictures, states], self.title)


def slowly(handovers_s: Iterable[float]) -> list[tuple[float, float]]:
    """The spans around handovers that a film shows slowly, in seconds."""
    return [(max(0.0, at - HANDOVER_SLOW_S / 8), at + HANDOVER_SLOW_S) for at in handovers_s]


def moment(now_ns: int, **given: float | None) -> int:
    """A moment in seconds, by the name of its argument, in nanoseconds; now for None. Raises ProtocolMisuse for one
    that has not come.
    """
    check(optional(SECONDS), **given)
    ((name, at),) = given.items()
    at_ns = now_ns if at is None else seconds(at)
    if at_ns > now_ns:
        now = f"it is {now_ns / NS_PER_S:g} s"
        raise ProtocolMisuse(f"{name}={at} has not come: {now}; run the world on, or look earlier", at)
    return at_ns


def span(now_ns: int, start: float | None, end: float | None) -> tuple[int, int]:
    """A span of seconds that has been, in nanoseconds; all of it where nothing is given. Raises ProtocolMisuse for what
    is none.
    """
    check(optional(SECONDS), start=start, end=end)
    if not now_ns:
        raise ProtocolMisuse("nothing has run yet: world.run(10) first", (start, end))
    begin, finish = 0 if start is None else seconds(start), now_ns if end is None else seconds(end)
    if not begin <= min(finish, now_ns):
        expected = f"expected 0 <= start <= end, and a start that has been: it is {now_ns / NS_PER_S:g} s"
        raise ProtocolMisuse(f"{start} to {end} s is no span of time; {expected}", (start, end))
    return begin, min(finish, now_ns)


def _first(told: Sequence[str]) -> str:
    """The first of many, and how many there are beside."""
    more = [f"{len(told) - MOST_TOLD} more"] if len(told) > MOST_TOLD else []
    return ", ".join([*told[:MOST_TOLD], *more]) or "none"
