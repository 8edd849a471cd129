"""A random world that is played: its value, how it is built, and what there is to see in it.

A `Spec` prints as the Python that makes it, so that one that fails can be pasted and played again. What is seen is all
that a reader can see, at the end and on the way: the trace with its records, meters, tables, entries of flows, octets
that applications got, files and pictures.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import mipflow as mf
from mipflow.errors import MipflowError
from mipflow.flow import plans
from mipflow.flow.endings import IDLE_NS
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.lab import scenarios
from mipflow.lab.outside import Outside
from mipflow.lab.scenarios import HOME
from mipflow.node.applications.application import Running
from mipflow.node.host import Host
from mipflow.node.router import Router, join_routers
from mipflow.sim.clock import NS_PER_MS, seconds
from mipflow.sim.link import Link, Segment
from mipflow.sim.network import Network
from mipflow.sim.trace import Mode
from mipflow.sim.trains import carrier, worth
from mipflow.view.stage.show import Show
from mipflow.wire.address import Prefix

BOLD: dict[Any, dict[str, Any]] = {
    carrier: {
        "LEAST_SENDINGS": 2, "PATIENCE": 1, "MANY": 16, "BATCH": 40, "LEAST_PERIODS": 2, "BEAT_NS": 300 * NS_PER_MS,
    },
    worth: {"FACTOR": {"off": 0, "control": 0, "all": 0}, "LOOK_NS": 0},
}  # fmt: skip
"""Settings by which trains board whenever they can, are brought up to date in small batches, and leap over little."""


# --- worlds ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spec:
    """A world and its history.

    kind: a scenario by name, or "raw" for hosts and routers without mobility; keywords: those of the scenario, some
    by a name of `NAMED`; mobiles: further mobile nodes on the same links; idle_s: after how much silence flows end;
    finish: "pcap" and "pictures" where these are compared in the end as well.
    """

    kind: str
    keywords: Mapping[str, Any]
    steps: tuple[Any, ...]
    mobiles: int = 0
    idle_s: float | None = None
    finish: tuple[str, ...] = ()


@contextmanager
def forced(trains: bool) -> Iterator[None]:
    """Make all networks of this block with or without trains, whoever makes them."""
    before = Network.__init__

    def made(self: Network, *given: Any, **keywords: Any) -> None:
        before(self, *given, **keywords)
        if trains:
            carrier.Trains(self, plans)

    Network.__init__ = made  # type: ignore[method-assign]
    scenarios.Trains = lambda network, nodes: None  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        Network.__init__ = before  # type: ignore[method-assign]
        scenarios.Trains = carrier.Trains  # type: ignore[misc]


@contextmanager
def bold() -> Iterator[None]:
    """Have trains board whenever they can."""
    before = {module: {name: getattr(module, name) for name in settings} for module, settings in BOLD.items()}
    try:
        for module, settings in BOLD.items():
            vars(module).update(settings)
        yield
    finally:
        for module, settings in before.items():
            vars(module).update(settings)


def raw(
    topology: str, hosts: int, links: tuple[Link, ...], seed: int = 1, trace: Mode = "all", wire: bool = False
) -> tuple[Network, list[Host], list[Router]]:
    """Build hosts and routers: a "line" of three routers, a "ring" of five, a "star" of one, or a "lan" without one.
    The links of hosts and of routers are taken from `links` in turn.
    """
    network = Network(seed, trace, wire)
    count = {"line": 3, "ring": 5, "star": 1, "lan": 0}[topology]
    routers = [Router(network, f"R{number}", float(number), 0.0) for number in range(count)]
    pairs = [(number, (number + 1) % count) for number in range(count - (topology != "ring") if count else 0)]
    for number, (one, other) in enumerate(pairs):
        join_routers(network, routers[one], routers[other], links[number % len(links)])
    lan = None if routers else network.add_segment("lan", links[0], Prefix.parse("2001:db8:1::/64"))
    made = []
    for number in range(hosts):
        segment = lan
        if segment is None:
            prefix = Prefix.parse(f"2001:db8:{number + 1:x}::/64")
            segment = network.add_segment(f"h{number}", links[(number + len(pairs)) % len(links)], prefix)
            place = number if topology == "ring" else (0, count - 1)[number % 2]
            routers[place % count].serve(segment)
        made.append(Host(network, f"H{number}", float(number), 1.0))
        made[-1].settle(segment, 0x10 + number)
    return network, made, routers


def _looking(flow: Any, networks: Any) -> str | None:
    """A policy that looks at the world, as learners' functions may, and takes the network with the fewer flows."""
    LOOKING[-1].note("policy looks", LOOKING[-1].shortly())
    usable = [network for network in networks if network.usable]
    return min(usable, key=lambda network: (network.load, network.flows)).name if usable else None


def _over(flow: Any, now: float) -> bool:
    LOOKING[-1].note("is_over looks", (tuple(flow), now))
    return bool(now - max(flow.sent, flow.heard) > 0.4)


def _intercept(packet: Any, cache: Any, now: float) -> Any:
    LOOKING[-1].note("intercept", (packet.source, packet.destination, now))
    row = cache.get(packet.destination)
    if row is None:
        return packet
    return type(packet)(str(LOOKING[-1].world.ha.home_agent_address), row.care_of_address, packet)


LOOKING: list[Play] = []
"""The play under way, for functions of learners that look at it."""
NAMED: dict[str, dict[str, Any]] = {
    "policy": {
        "by load": lambda: mf.policies.Policies([(1, mf.policies.ByLoad(0.05, 0.01))]),
        "by cost": lambda: mf.policies.Policies([(1, mf.policies.ByCost())]), "looking": lambda: _looking,
    },
    "is_over": {"over": lambda: _over},
    "key": {"ports": lambda: lambda packet: (packet.source_port, packet.destination_port)},
    "intercept": {"rows": lambda: _intercept},
    "correspondents": {"CN1 a host": lambda: {"CN1": Host}, "all hosts": lambda: {"CN1": Host, "CN2": Host}},
    "rules": {
        "per flow": lambda: mf.AssignmentRules(method="home address per flow"),
        "careful": lambda: mf.AssignmentRules(optimistic=False),
        "not the primary": lambda: mf.AssignmentRules(never_primary=True),
    },
    "home_bindings": {"its flow": lambda: mf.policies.HomeBindings("its flow")},
}  # fmt: skip
"""Keyword -> name in a `Spec` -> what makes its value: what does not print as Python."""


# --- playing ---------------------------------------------------------------------------------------------------------


class Play:
    """A `Spec` that is played; `log` has (what, value) of all that was seen."""

    def __init__(self, spec: Spec, trains: bool) -> None:
        self.spec, self.log = spec, list[tuple[str, Any]]()
        self.happened = Counter[str]()
        self.world: Any = None
        self.flows: list[Any] = []
        self.running: list[Running] = []
        self.places: list[Outside] = []
        self.mobiles: list[FlowMobileNode] = []
        self.routers: list[Router] = []
        keywords = dict(spec.keywords)
        with forced(trains):
            if spec.kind == "raw":
                self.network, self.hosts, self.routers = raw(**keywords)
                return
            for name, by_name in NAMED.items():
                if name in keywords:
                    keywords[name] = by_name[keywords[name]]()
            self.world = getattr(mf, spec.kind)(**keywords)
        self.network = self.world.network
        self.hosts = list(self.world.cns)
        self.routers = [self.world.internet]
        if spec.kind != "plain_hosts":
            self.mobiles = [self.world.mn, *map(self._further, range(spec.mobiles))]
            self.hosts += self.mobiles

    def _further(self, number: int) -> FlowMobileNode:
        known = {"home_agent": self.world.ha.home_agent_address, "home_prefix": HOME}
        mobile = FlowMobileNode(
            self.network, f"MN{number + 2}", home_address=HOME.address(0x1000 + number), **known  # type: ignore[arg-type]
        )
        for name in ("wlan0", "cell0"):
            mobile.visit(name, self.network.segments[name])
        return mobile

    @property
    def now(self) -> int:
        return self.network.clock.now

    def owner(self, flow: Any) -> FlowMobileNode:
        """The mobile node of a flow; the first where it is in none any more."""
        return next((each for each in self.mobiles if each.opened.get(flow.id) is flow), self.mobiles[0])

    def link(self, number: int) -> Segment:
        return [*self.network.segments.values()][number % len(self.network.segments)]

    def run(self, ms: float) -> None:
        self.network.run_until(self.now + round(ms * NS_PER_MS))

    def note(self, what: str, value: object) -> None:
        self.log.append((f"{self.now} {what}", value))

    def do(self, step: Any) -> None:
        """Take a step, and note what came of it."""
        try:
            value = step.do(self)
        except MipflowError as error:
            value = f"refused: {told(error)}"
            self.happened["refused"] += 1
        self.happened[type(step).__name__] += 1
        self.note(repr(step), value)

    # --- what there is to see ----------------------------------------------------------------------------------------

    def shortly(self) -> tuple[Any, ...]:
        """Return a quick look: packets and octets sent and received, and the length of the trace."""
        network = self.network
        meters = {label: (m.sent, m.received, m.lost) for label, m in sorted(network.meters.items())}
        received = [running.received_bytes for running in self.running]
        used = [(flow.entry.used_ns, flow.entry.sent_octets, flow.entry.received_octets) for flow in self.flows]
        return network.clock.packet_events, len(network.trace), len(network.trace.records), meters, received, used

    def look(self) -> dict[str, Any]:
        """Everything that is not in the trace, or is worked out from it."""
        network, trace = self.network, self.network.trace
        seen: dict[str, Any] = {"hops": network.clock.packet_events, "records": len(trace.records)}
        seen["meters"] = {label: metered(meter) for label, meter in sorted(network.meters.items()) if meter.sent}
        seen["trace"] = len(trace), [hashed(each.tobytes()) for each in trace.read_columns()]
        seen["running"] = [
            (each.received_bytes, each.is_complete, each.is_correct, each.is_stopped) for each in self.running
        ]
        seen["flows"] = [entry_of(flow.entry) for flow in self.flows]
        for node in (*self.hosts, *getattr(self.world, "home_agents", ())):
            seen[f"bindings of {node.name}"] = [entry_of(each) for each in getattr(node, "bindings", ())]
            if isinstance(node, FlowMobileNode):
                seen[f"updates of {node.name}"] = [entry_of(each) for each in node.binding_updates]
                seen[f"all flows of {node.name}"] = [entry_of(each) for each in node.flows]
        seen["tables"] = trace.tables(network.clock.now)
        return seen

    def end(self) -> None:
        """Stop all, let what is under way arrive, and look at everything."""
        self.note("at the end", self.look())
        for running in self.running:
            with suppress(MipflowError):
                running.stop()
        self.run(1000)
        self.note("after the end", self.look())
        if self.world is not None:
            for what in self.spec.finish:
                self.note(what, list(FINISH[what](self.world)))
        self.note("digest", self.network.trace.digest())


def told(error: object) -> str:
    """The words of an error, without the number of its world."""
    return re.sub(r"world \d+|0x[0-9a-f]{6,}", "...", str(error))


def hashed(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()[:16]


def metered(meter: Any) -> tuple[Any, ...]:
    """All that a meter tells."""
    delays = meter.mean_delay_ms, meter.worst_delay_ms, meter.longest_gap_ms
    return meter.sent, meter.received, meter.lost, sorted(meter.lost_why.items()), meter.in_flight, *delays


def entry_of(entry: Any) -> dict[str, str]:
    """All fields of a row, those too that no table shows."""
    names = [each.name for each in fields(entry) if each.name not in ("network", "flow_information")]
    values = {name: getattr(entry, name) for name in names}
    return {name: told(sorted(map(repr, it)) if isinstance(it, set) else repr(it)) for name, it in values.items()}


def _pcap(world: Any) -> Iterator[object]:
    with tempfile.TemporaryDirectory() as folder:
        for node in (None, world.mn.name, world.cns[0].name):
            path = Path(folder, "x.pcap")
            yield node, world.pcap(path, node), hashed(path.read_bytes())


def _pictures(world: Any) -> Iterator[object]:
    pictures = {"animate": world.animate, "ladder": lambda: world.ladder(data=True), "timeline": world.timeline,
                "tables": world.tables}  # fmt: skip
    for name, make in pictures.items():
        picture = make()
        data = repr((picture.figure, picture.html, picture.plain() if isinstance(picture, Show) else ""))
        yield name, picture.describe(), picture.rows(), hashed(re.sub(r"show\d+", "show", data).encode())


FINISH: dict[str, Callable[[Any], Iterator[object]]] = {"pcap": _pcap, "pictures": _pictures}


def play(spec: Spec, trains: bool) -> Play:
    """Play a spec from its beginning to its end. What breaks it is noted, for it must break the same way twice."""
    before, idle = dict(IDLE_NS), spec.idle_s
    if idle is not None:
        IDLE_NS.update(dict.fromkeys(IDLE_NS, seconds(idle)))
    try:
        played = Play(spec, trains)
        LOOKING.append(played)
        try:
            for step in spec.steps:
                played.do(step)
            played.end()
        except Exception as error:
            played.happened["broken"] += 1
            played.note("broken", (told(error), traceback.format_exc(limit=-3)))
        finally:
            LOOKING.pop()
    finally:
        IDLE_NS.update(before)
    return played
