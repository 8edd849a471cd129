"""A world before Mobile IPv6: two plain hosts, one of which is carried from link to link.

It has the links and routers of the patent's Figure 2, and no home agent: a host that moves keeps an address that leads
elsewhere, or takes one that no connection knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mipflow.arguments import FLAG, check, one_of, optional
from mipflow.errors import TopologyError
from mipflow.flow.learner.guard import guarded
from mipflow.lab import scenarios as figures
from mipflow.lab.views import Made, Views, first
from mipflow.node.applications.application import APPLICATION, Application, Ends, Running, port_of
from mipflow.node.host import HOST, Host
from mipflow.node.router import Router
from mipflow.node.tcp.table import CONNECTIONS, ConnectionRow, ConnectionTable, Segment
from mipflow.sim.link import Link
from mipflow.sim.network import Network, Role
from mipflow.wire.address import Address, Prefix

USED = "wlan0", "cell0", "AR2-Internet", "AR3-Internet", "cn1"
"""The links that are here, by the names of `scenarios.LINKS`."""
SERVER = Prefix.parse(f"2001:db8:{figures.FIRST_CN_NETWORK:x}::/64")


class CarriedHost(Host):
    """A host with an interface for each network, on one link at a time."""

    role: Role = "mobile node"
    offered_names = (*Host.offered_names, "move", "open")

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        super().__init__(network, name, x, y)
        self.called: dict[int, str] = {}
        """Flow id -> the name of its application in pictures."""
        for interface in figures.ACCESS:
            self.add_interface(interface, figures.MOBILE_NODE)

    def open(self, cn: Host, app: Application, local_port: int | None = None) -> Running:
        """Start an application, from here to `cn`. Raises ProtocolMisuse where a port is taken."""
        check(HOST, cn=cn)
        check(APPLICATION, app=app)
        check(optional(port_of(app)), local_port=local_port)
        number = len(self.called) + 1
        near_port = self.free_port() if local_port is None else local_port
        running = app.start(Ends(self, cn, near_port, cn.free_port_from(app.port), number))
        self.called[number] = app.name if app.name not in self.called.values() else f"{app.name} {number}"
        return running

    def move(self, interface: str, keep: bool = False) -> Address:
        """Go to the link of `interface` and leave all others; return the address there: a new one of its prefix, or
        with `keep` the one so far. Noticing the move and being let in takes no time.
        """
        check(one_of(*figures.ACCESS), interface=interface)
        check(FLAG, keep=keep)
        old = next(iter(self.addresses), None)
        for each in self.interfaces.values():
            if each.segment is not None:
                each.leave()
        arrived, segment = self.interfaces[interface], self.network.segments[interface]
        arrived.join(segment)
        arrived.router = self.network.routers_on(segment)[0]
        address = old if keep and old is not None else figures.ACCESS[interface][1].address(figures.MOBILE_NODE)
        arrived.add_address(address)
        if old is not None:
            self.decided("moves", f"goes to {interface}" + f" and keeps {address}" * (address == old))
        if address != old:
            self.decided("address", f"{address} on {interface}")
        return address


class Server(Host):
    """A correspondent node that knows nothing of mobility."""

    role: Role = "correspondent node"


class PlainWorld(Views):
    """A network of plain hosts at time 0: `mn` moves, `cn` serves. `title` heads its pictures."""

    def __init__(self, network: Network, mn: CarriedHost, cn: Host, internet: Router, title: str) -> None:
        super().__init__(network, title)
        self.mn: CarriedHost = mn
        self.cn = cn
        self.cns = [cn]
        self.internet = internet
        """The router in the middle, to which further links can be joined."""
        self.tables_of: dict[str, ConnectionTable] = {}
        """Node -> its TCP connections."""

    def names(self) -> dict[Address, str]:
        """Return the words for the addresses of this world."""
        words = {"wlan0": "WLAN address", "cell0": "cellular address"}
        known = {figures.ACCESS[name][1].address(figures.MOBILE_NODE): word for name, word in words.items()}
        return {**known, self.cn.address: self.cn.name, **self.further_names}

    def flow_names(self) -> dict[int, str]:
        """Return the names of all flows, by flow id."""
        return dict(self.mn.called)

    def handovers_s(self) -> list[float]:
        """Return the times at which MN was carried from link to link, in seconds."""
        return [each.t_ns / 1e9 for each in self.trace.decisions() if each.what == "moves"]

    def stands(self) -> tuple[str, list[tuple[str, str]]]:
        """Tell where the world stands: its time, the place of MN, its TCP connections."""
        where = next((each for each in self.mn.interfaces.values() if each.segment is not None), None)
        at = f"MN is at {where.name} with {where.address}" if where is not None else "MN is on no link"
        rows = self.trace.tables(self.network.clock.now).get(self.cn.name, {}).get(CONNECTIONS, {}).values()
        held = [f"{row['remote_address']} port {row['remote_port']}" for row in rows]
        told = [("MN", at), (f"{self.cn.name} is connected to", first(held))]
        return f"{self.network.name} at {self.now:.3f} s", told


def wrong_row(row: object, table: list[ConnectionRow], segment: Segment) -> str:
    """Say what is wrong with the answer of a lookup; empty where nothing is."""
    return "" if row is None or any(row is each for each in table) else "expected a row of the table, or None"


def plain_hosts(
    seed: int = 0, links: Mapping[str, Link] | None = None, lookup: Callable[..., Any] | None = None
) -> PlainWorld:
    """Build two hosts without Mobile IPv6 on links of the patent's Figure 2: MN, on the WLAN first, and a server, CN.

    seed: of every random stream; links: other links by name (see `scenarios.LINKS`); lookup: a function of the
    learner's by which CN finds the connection of a segment, called as tcp_lookup(table, segment), gives a row or None.
    Raises TopologyError for an unknown link, FunctionFailed for no function.
    """
    check(optional(figures.LINKS_BY_NAME), TopologyError, links=links)
    spec = figures.changed("link", {name: figures.LINKS[name] for name in USED}, links)
    find = None if lookup is None else guarded("tcp_lookup", lookup, "table, segment", wrong_row)
    network = Network(seed)
    internet = Router(network, "Internet", 4.0, 0.0)
    for interface in figures.ACCESS:
        figures.access_network(network, internet, spec, interface)
    served = network.add_segment("cn1", spec["cn1"], SERVER)
    internet.serve(served)
    mn, cn = CarriedHost(network, "MN"), Server(network, "CN", 6.0, 0.0)
    cn.settle(served, figures.CNS[0])
    mn.move("wlan0")
    world = PlainWorld(network, mn, cn, internet, "Two hosts, one of which moves")
    world.made = Made.by(plain_hosts, seed=seed, links=links, lookup=lookup)
    world.tables_of = {"MN": ConnectionTable(mn), "CN": ConnectionTable(cn, find)}
    return world
