"""The world of a scenario: a network with a mobile node, home agents and correspondent nodes.

Takes the nodes; gives the views of `mipflow.view` with the world's trace, graph and names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Literal

from mipflow.arguments import MILLISECONDS, SECONDS, TEXT, Expected, check, fits, instance, one_of, optional, several
from mipflow.errors import ProtocolMisuse, TopologyError, shown
from mipflow.flow.applications.flows import Flow
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.flow.policy.policies import Policy
from mipflow.flow.protocols.address_protocol import AddressBook
from mipflow.flow.protocols.policy_server import PolicyServer
from mipflow.flow.tables import HOME_ADDRESS_TABLE
from mipflow.lab.interception import Interception
from mipflow.lab.outside import Outside
from mipflow.lab.replay.replay import Replay
from mipflow.lab.views import Views, first
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.node.applications.apps import Voice
from mipflow.node.host import HOST
from mipflow.node.router import Router
from mipflow.sim.clock import NS_PER_MS, NS_PER_S
from mipflow.sim.network import Network
from mipflow.sim.trace import Decided, TableChanged
from mipflow.view import sound
from mipflow.view.drawing.picture import Picture
from mipflow.view.story.words import Words, interface_kind
from mipflow.wire.address import Address

MOVES = "handover", "binds"
"""Decisions in the trace of a mobile node that was told to move something."""
WORLD = Expected("a world that has run, such as mf.figure2()", lambda it: isinstance(it, World))


_EXPECTED = {
    "network": instance(Network, "a Network"), "mn": instance(FlowMobileNode, "a FlowMobileNode"),
    "ha": instance(HomeAgent, "a HomeAgent"), "internet": instance(Router, "a Router"),
    "cns": Expected("correspondent nodes, one at least", lambda it: it and fits(it, several(HOST, ""))),
}  # fmt: skip


class World(Views):
    """A network at time 0, with nothing registered yet. `title` heads its pictures."""

    def __init__(
        self, network: Network, mn: FlowMobileNode, ha: HomeAgent, cns: Sequence[CorrespondentNode], internet: Router,
        title: str,
    ) -> None:  # fmt: skip
        given = {"network": network, "mn": mn, "ha": ha, "cns": cns, "internet": internet}
        for name, expected in _EXPECTED.items():
            check(expected, **{name: given[name]})
        for node in (mn, ha, internet, *cns):
            network.check_own(node, node.network)
        super().__init__(network, title)
        self.internet = internet
        """The router in the middle, to which further links can be joined."""
        self.mn: FlowMobileNode = mn
        self.ha = ha
        self.home_agents: list[HomeAgent] = [ha]
        """All home agents, `ha` the first."""
        self.address_book: AddressBook | None = None
        """The book from which home agents grant home addresses, where they do."""
        self.policy_server: PolicyServer | None = None
        """The server that sends rules to the mobile node, where there is one."""
        self.cns: list[CorrespondentNode] = list(cns)
        self.interceptions: list[Interception] = []
        """A learner's function in each home agent, where there is one."""
        self.start_s = 0.0
        """Time zero of replayed traffic, in seconds; 0 where nothing is replayed."""
        self.policies: list[tuple[int, Policy]] = []
        """The policies that features put in, as (priority, policy), where the mobile node was given none."""
        self.replay: Replay | None = None
        """The traffic that is replayed here, if any."""
        for name in ("cn1", "cn2")[: len(self.cns)]:
            getattr(self, name)  # tab completion looks behind an attribute that is there, and calls no property
        self._read = 0
        """The number of records of the trace from which home and care-of addresses and handovers have been read."""
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

    def names(self) -> dict[Address, str]:
        """Return the words for the addresses of this world."""
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
        return names | self.further_names

    def _read_on(self) -> None:
        """Read the records since the last call: an address that is gone keeps its name in pictures."""
        for record in self.trace.records[self._read :]:
            if record.node != self.mn.name:
                continue
            if isinstance(record, TableChanged) and record.change.table == HOME_ADDRESS_TABLE:
                self._homes[Address(record.change.key)] = None
            elif isinstance(record, Decided) and record.what == "care-of address":
                address, interface = record.why.split(" on ")
                self._care_of[Address(address)] = interface
            elif isinstance(record, Decided) and record.what in MOVES:
                self._handovers.append(record.t_ns / NS_PER_S)
        self._read = len(self.trace.records)

    def flow_names(self) -> dict[int, str]:
        """Return the names of all flows, by flow id."""
        names: dict[int, str] = {}
        counts = Counter[str]()
        for flow in self.mn.opened.values():
            name = flow.app.name
            counts[name] += 1
            names[flow.id] = name if counts[name] == 1 else f"{name} {counts[name]}"
        return names | self.further_flows

    def flows(self) -> list[Flow]:
        """Return all flows that were opened, ended ones included."""
        return list(self.mn.opened.values())

    def handovers_s(self) -> list[float]:
        """Return the times at which handovers were asked for, in seconds."""
        self._read_on()
        return list(self._handovers)

    def stands(self) -> tuple[str, list[tuple[str, str]]]:
        """Tell where the world stands: its time, its flows, its bindings."""
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
            bindings.append(f"{node.name}: {first(held)}")
        told = first(flows) if self.mn.opened else "no flow was opened"
        return f"{self.network.name} at {self.now:.3f} s", [("flows", told), ("bindings", "; ".join(bindings))]

    offered_names = tuple(sorted((
        *Views.offered_names, "cn1", "cn2", "flows", "ha", "home_agents", "listen", "policy_server", "port", "replay",
    )))  # fmt: skip

    def port(self, link: str, name: str = "you") -> Outside:
        """Give somebody outside a place on a link, from where they send packets of their own making:
        `world.port("wlan0").send(packet)`. `name`: what pictures call them. Raises TopologyError for an unknown link.
        """
        check(one_of(*self.network.segments), TopologyError, link=link)
        check(TEXT, name=name)
        nodes = self.network.graph.nodes
        there = [nodes[port.owner] for port in self.network.segments[link].ports]
        x, y = (max(node["x"] for node in there), max(node["y"] for node in there)) if there else (0.0, 0.0)
        return Outside(self.network, self.network.segments[link], name, x - 2.0, y)

    def _heard(self) -> list[Picture]:
        calls = [flow for flow in self.flows() if isinstance(flow.app, Voice)]
        with suppress(ProtocolMisuse):  # nothing sent, or a trace without data
            return [self.listen(flow) for flow in calls[:1]]
        return []

    def listen(
        self, flow: Flow | int, start: float | None = None, end: float | None = None, *,
        direction: Literal["down", "up"] = "down", playout_ms: float = sound.PLAYOUT_MS,
    ) -> sound.Sound:  # fmt: skip
        """Play a flow as the mobile node hears it ("down"), or its correspondent ("up"), from `start` to `end` seconds,
        ten at most: packets that were lost, or came over `playout_ms` after they were sent, are silent.

        It begins two seconds before the last handover where nothing else is asked for; without one, it is the last ten
        seconds. Raises ProtocolMisuse for an unknown flow, a time in which it sent nothing, and a trace without data.
        """
        check(one_of("down", "up"), direction=direction)
        check(MILLISECONDS, playout_ms=playout_ms)
        number, names = self.mn.binder.handovers.flow_id(flow), self.flow_names()
        if number not in self.mn.opened:
            known = ", ".join(f"{each} ({word})" for each, word in names.items() if each in self.mn.opened)
            raise ProtocolMisuse(f"there is no flow {shown(number)}; flows: {known or 'none'}", flow)
        if self.trace.mode != "all":
            raise ProtocolMisuse(f"trace={self.trace.mode!r} keeps no packets of flows; expected trace='all'", flow)
        upward = direction == "up"
        hearer = self.mn.opened[number].cn.name if upward else self.mn.name
        check(optional(SECONDS), start=start, end=end)
        told = self._told(*sound.chosen(start, end, self.now, self.handovers_s()))
        now_ns, playout_ns = self.network.clock.now, round(playout_ms * NS_PER_MS)
        return sound.listen(
            self.trace, self.network.graph, number, hearer=hearer, upward=upward, now_ns=now_ns, playout_ns=playout_ns,
            **told,
        )  # fmt: skip
