"""Histories of whole worlds: scripts of steps that play themselves, and what their traces say at every instant.

A `Script` is a value that prints as the Python that makes it, so that a failing one can be pasted and played again.
What is checked reads the trace alone: the state at any time is the replay of `trace.changes()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import mipflow as mf
from mipflow.errors import ProtocolMisuse, TopologyError
from mipflow.flow.applications.flows import Flow
from mipflow.flow.redirector import Method
from mipflow.flow.tables import FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE, FlowMappingEntry
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_update_list import State
from mipflow.node.applications.apps import Direction
from mipflow.node.host import Host
from mipflow.sim.trace import Decided, Row, TableChanged
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingUpdate
from tests.mip6.worlds import S, instant

BINDING_CACHE, BINDING_UPDATES = "binding cache", "binding update list"
ASSOCIATIONS, TESTS = "security association database", "return routability"
CEASED = "correspondents without Mobile IPv6"
"""The mobile node's decisions of this name, in the place of a table; no decision of a history is taken back."""
ACCESS = ("wlan0", "cell0")
FILE = 20_000
QUIET_CALL = mf.apps.Voice(interval_ms=900, payload_bytes=20)
SETTLED_S = 4.5
"""How long it takes until everything is bound, after everything is up, in seconds."""
MOST_S = 60
"""How long anything may be on its way, in seconds: the slowest rate of retransmissions is 32 s."""
GROUPED = range(7000, 8000)
"""Local ports of flows that are to share a home address, where a history has such a rule."""

Tables = Mapping[str, Mapping[str, Mapping[str, Row]]]
"""Node -> table -> key -> row."""


# --- scripts ---------------------------------------------------------------------------------------------------------


class Open(NamedTuple):
    """The mobile node opens a flow to a correspondent, from a port of the group where `grouped`."""

    cn: int
    interface: str | None = None
    grouped: bool = False


class Incoming(NamedTuple):
    """A correspondent opens a flow; where `redirect`, it is told another home address first."""

    cn: int
    redirect: bool = False


class Send(NamedTuple):
    """A file goes over TCP to or from a correspondent: "up" or "down"."""

    cn: int
    direction: Direction = "down"


class Close(NamedTuple):
    """The `which`-th open flow ends, counted round."""

    which: int


class HandOver(NamedTuple):
    """The `which`-th open flow is handed over to an interface."""

    which: int
    interface: str
    home_follows: bool | None = None


class Turn(NamedTuple):
    """An interface goes down or up."""

    interface: str
    up: bool


class Free(NamedTuple):
    """Somebody asks to free the `which`-th home address; the first is the primary."""

    which: int


class TurnOff(NamedTuple):
    """A correspondent understands no Mobility Header from now on."""

    cn: int


class Visit(NamedTuple):
    """An interface moves to another network: "home", or the access network of that interface."""

    interface: str
    segment: str


class Lose(NamedTuple):
    """A link loses this part of its packets from now on."""

    link: str
    loss: float


class Wait(NamedTuple):
    """Time passes."""

    seconds: float


Step = Open | Incoming | Send | Close | HandOver | Turn | Visit | Lose | TurnOff | Free | Wait


@dataclass(frozen=True)
class Script:
    """A world and its steps. `hosts` are the correspondents that know nothing of Mobile IPv6."""

    steps: tuple[Step, ...]
    mode: str = "route_optimisation"
    method: Method = "combined"
    optimistic: bool = True
    never_primary: bool = False
    grouping: bool = False
    pool: int = 0
    hold_down_s: float = 0.0
    cns: int = 3
    hosts: tuple[str, ...] = ()
    security: bool = False
    allocate: str | None = None
    enhanced: bool = False
    home_bindings: str = "first flow"
    """The place where `HomeBindings` has home addresses bound."""

    @property
    def is_calm(self) -> bool:
        """True where nothing is lost, and nobody goes home."""
        return not any(isinstance(step, Lose | Visit) for step in self.steps)


# --- playing ---------------------------------------------------------------------------------------------------------


@dataclass
class History:
    """A script that has been played, and the notes taken meanwhile."""

    script: Script
    world: World
    flows: list[Flow] = field(default_factory=list)
    """The flows that are open, or expected."""
    files: list[Flow] = field(default_factory=list)
    """The flows of files, until somebody closes them."""
    assigned: set[int] = field(default_factory=set)
    """Ids of flows whose home address the mobile node chose: its own, and those that it redirected."""
    grouped: set[int] = field(default_factory=set)
    wishes: dict[int, str] = field(default_factory=dict)
    """Flow id -> the network that was asked for, at opening or by a handover; gone when that network has failed."""
    log: list[str] = field(default_factory=list)
    _tables: dict[str, dict[str, dict[str, Row]]] = field(default_factory=dict)
    _seen: int = 0

    def __str__(self) -> str:
        return "\n".join([repr(self.script), *self.log])

    def say(self, text: str) -> None:
        """Put a line into the text that a failure prints."""
        self.log.append(f"{self.world.now:8.3f} s  {text}")

    def fail(self, t_ns: int, why: str) -> None:
        """Return the complaint that something does not hold, with its time and its history."""
        raise AssertionError(f"at {t_ns / S:.3f} s: {why}\n{self}")

    def require(self, holds: bool, t_ns: int, why: object) -> None:
        """Fail unless something holds."""
        if not holds:
            self.fail(t_ns, str(why))

    @property
    def now(self) -> int:
        """The time in nanoseconds."""
        return self.world.network.clock.now

    @property
    def tables(self) -> Tables:
        """All tables now, by replaying what is new in the trace."""
        records = self.world.trace.records
        for number in range(self._seen, len(records)):
            apply(self._tables, records[number])
        self._seen = len(records)
        return self._tables

    # --- steps -------------------------------------------------------------------------------------------------------

    def do(self, step: Step) -> None:
        """Take one step. What cannot be done must be refused by name, and change nothing."""
        before, entries = len(self.world.trace.records), len(self.world.mn.flows)
        try:
            what = self._do(step)
        except (ProtocolMisuse, TopologyError) as error:
            what = f"refused: {error}"
            changed = [r for r in self.world.trace.records[before:] if isinstance(r, TableChanged)]
            self.require(not changed and len(self.world.mn.flows) == entries, self.now, f"{step} {what}, but {changed}")
        self.say(f"{step}  {what}")

    def _do(self, step: Step) -> str:
        mn = self.world.mn
        if isinstance(step, Wait):
            self.world.run(step.seconds)
            return ""
        if isinstance(step, Turn):
            rows = self.tables["MN"].get(FLOW_MAPPING_TABLE, {})
            for key in [key for key, row in rows.items() if not step.up and row["interface"] == step.interface]:
                if self.wishes.get(int(key)) == step.interface:  # it stays where it goes now
                    del self.wishes[int(key)]
            mn.interface(step.interface).set_up(step.up)
            return ""
        if isinstance(step, Visit):
            mn.visit(step.interface, self.world.network.segments[step.segment])
            return ""
        if isinstance(step, Lose):
            segment = self.world.network.segments[step.link]
            segment.configure(replace(segment.link, loss=step.loss))
            return ""
        if isinstance(step, TurnOff):
            peer = self.world.cns[step.cn]
            if peer.knows_mobility:
                peer.turn_off_route_optimisation()
            return ""
        if isinstance(step, Free):
            homes = list(mn.home_addresses)
            home = homes[step.which % len(homes)].home_address
            mn.free_home_address(home)
            return str(home)
        if isinstance(step, Open):
            port = next(p for p in GROUPED if not mn.has_port(p)) if step.grouped else None
            flow = mn.open(self.world.cns[step.cn], QUIET_CALL, interface=step.interface, local_port=port)
            self.assigned.add(flow.id)
            self.grouped |= {flow.id} if step.grouped else set()
            self.wishes |= {flow.id: step.interface} if step.interface else {}
            self.flows.append(flow)
            return repr(flow)
        if isinstance(step, Send):
            flow = mn.open(self.world.cns[step.cn], mf.apps.FileTransfer(FILE, step.direction))
            self.assigned.add(flow.id)
            self.flows.append(flow)
            self.files.append(flow)
            return repr(flow)
        if isinstance(step, Incoming):
            flow = mn.accept(self.world.cns[step.cn], QUIET_CALL, redirect=step.redirect)
            self.assigned |= {flow.id} if step.redirect else set()
            self.flows.append(flow)
            return repr(flow)
        if not self.flows:
            return "no flow is open"
        flow = self.flows[step.which % len(self.flows)]
        if isinstance(step, Close):
            self.flows.remove(flow)
            self.files = [file for file in self.files if file is not flow]
            if flow.is_open:
                mn.close(flow)
            return repr(flow)
        return self._hand_over(flow, step.interface, step.home_follows)

    def _hand_over(self, flow: Flow, interface: str, home_follows: bool | None) -> str:
        """Check that flows that share the binding have another network at once, whatever is under way."""
        before = {key: row["interface"] for key, row in self.tables["MN"].get(FLOW_MAPPING_TABLE, {}).items()}
        together = sharing(self.script, self.tables, flow.id)
        moved = self.world.mn.handover(flow, interface, home_follows=home_follows)
        if not self.script.is_calm:
            return f"flows {moved} moved"
        now = {key: row["interface"] for key, row in self.tables["MN"][FLOW_MAPPING_TABLE].items()}
        self.require(set(moved) == together, self.now, f"{flow} moves {moved}, its binding is that of {together}")
        wanted = {key: interface if int(key) in together else name for key, name in before.items()}
        self.require(now == wanted, self.now, f"{flow} to {interface}: {now}")
        self.wishes |= dict.fromkeys(moved, interface)
        return f"flows {moved} moved"

    # --- what is expected to come to rest ----------------------------------------------------------------------------

    def is_quiet(self) -> bool:
        """Return True while nothing is on its way: every registration stands or was refused, no address comes or goes.
        """
        mn, at = self.world.mn, self.tables["MN"]
        states = {row["state"] for row in at.get(BINDING_UPDATES, {}).values()}
        wanted = all(row["care_of_address"] for row in at.get(FLOW_MAPPING_TABLE, {}).values())
        return wanted and mn.pool.under_way == 0 and states <= {"bound", "refused: tried again later"}

    def settle(self) -> None:
        """Bring everything up, and wait until all is quiet, and as long again as an address is held down."""
        for name in ACCESS:
            if not self.world.mn.interface(name).up:
                self.do(Turn(name, True))
        self.world.run(SETTLED_S + self.script.hold_down_s)
        waited = 0
        while not self.is_quiet():
            waited += 1
            self.require(waited <= MOST_S, self.now, f"nothing comes to rest: {self.tables['MN']}")
            self.world.run(1)
        self.say("all is quiet")


    # --- in the end all agree ----------------------------------------------------------------------------------------

    def calm_down(self, for_s: float = 300) -> None:
        """Lose nothing any more, bring everything up, and let time pass."""
        for segment in self.world.network.segments.values():
            segment.configure(replace(segment.link, loss=0.0))
        for name in ACCESS:
            self.world.mn.interface(name).set_up(True)
        self.world.run(for_s)

    def go_away(self, for_s: float = 300) -> None:
        """Put every interface on its access network, and let time pass."""
        for name in ACCESS:
            interface, segment = self.world.mn.interface(name), self.world.network.segments[name]
            if interface.segment is not segment:
                self.world.mn.visit(name, segment)
        self.world.run(for_s)

    def disagreements(self) -> list[str]:
        """Return the differences between the mobile node's lists and its peers': bindings that one of them lacks, or
        has elsewhere; registrations that do not come to rest; bindings of no home address.
        """
        world, mn = self.world, self.world.mn
        names = {world.ha.home_agent_address: "HA", **{cn.address: cn.name for cn in world.cns}}
        peers = [world.ha, *(cn for cn in world.cns if cn.name not in self.script.hosts)]
        held = {(peer.name, each.home_address): each.care_of_address for peer in peers for each in peer.bindings}
        entries = {(names[entry.peer], entry.home_address): entry for entry in mn.binding_updates}
        listed = {pair: entry for pair, entry in entries.items() if entry.registered is not None}
        found = [f"{pair} is held as {held.get(pair)}, but listed as {entry}" for pair, entry in listed.items()
                 if not held.get(pair) == entry.registered == entry.care_of_address]
        found += [f"{pair} is held as {held[pair]}, and listed as nothing" for pair in held if pair not in listed]
        found += [f"no rest: {entry}" for entry in entries.values() if entry.state not in (State.BOUND, State.REFUSED)]
        known = [each.home_address for each in mn.home_addresses]
        return found + [f"{pair} is bound, and no home address" for pair in held if pair[1] not in known]

    def unfinished(self) -> list[str]:
        """Return the open flows that are elsewhere than they should be, and files that have not come over."""
        world, mn = self.world, self.world.mn
        found = []
        for flow in [flow for flow in self.flows if flow.id in mn.flows]:
            peers = [peer for peer in (flow.cn, world.ha) if hasattr(peer, "bindings")]
            bindings = [peer.bindings.get(flow.home_address) for peer in peers if flow.home_address is not None]
            places = [binding.care_of_address for binding in bindings if binding is not None]
            if flow.care_of_address not in places[:1]:
                found.append(f"{flow.entry.row()} is bound to {places}")
        return found + [f"{flow} has {flow.running and flow.running.received_bytes} octets" for flow in self.files
                        if not (flow.running and flow.running.is_complete)]


def rules(script: Script) -> mf.AssignmentRules:
    """Return the rules of a script's mobile node."""

    def together(entry: FlowMappingEntry) -> str | None:
        return "group" if entry.flow_information.traits.local_port in GROUPED else None

    return mf.AssignmentRules(
        method=script.method, optimistic=script.optimistic, never_primary=script.never_primary,
        together=together if script.grouping else None,
    )  # fmt: skip


def begin(script: Script, **keywords: Any) -> History:
    """Return the world of a script, its primary home address bound, before the first step."""
    world = mf.figure2(
        seed=1, trace="control", links=instant(), cns=script.cns, mode=script.mode, rules=rules(script),
        pool=script.pool, hold_down_s=script.hold_down_s, security=script.security, allocate=script.allocate,
        enhanced=script.enhanced, home_bindings=mf.policies.HomeBindings(script.home_bindings),
        correspondents=dict.fromkeys(script.hosts, Host), **keywords,
    )  # fmt: skip
    world.run(SETTLED_S)
    return History(script, world)


def play(script: Script, after: Callable[[History], None] | None = None) -> History:
    """Play a script; `after` looks at the history after each step."""
    history = begin(script)
    for step in script.steps:
        history.do(step)
        if after is not None:
            after(history)
    return history


# --- the trace -------------------------------------------------------------------------------------------------------


def apply(state: dict[str, dict[str, dict[str, Row]]], record: object) -> None:
    """Take one record into tables; a record that is no change of a table counts for nothing, but for `CEASED`."""
    if isinstance(record, TableChanged):
        record.apply(state)
    elif isinstance(record, Decided) and record.what == "no route optimisation":
        state.setdefault(record.node, {}).setdefault(CEASED, {})[record.why.split(": ")[0]] = {}


class Moment(NamedTuple):
    """All tables as they are at a time, and the changes since the moment before."""

    t_ns: int
    tables: Tables
    changed: list[TableChanged]

    def touches(self, *tables: str) -> bool:
        """True where one of these tables of the mobile node has changed."""
        return any(each.node == "MN" and each.change.table in tables for each in self.changed)


def changes(world: World) -> Iterator[Moment]:
    """Yield a moment after each single change, from the first of the mobile node on."""
    state: dict[str, dict[str, dict[str, Row]]] = {}
    for record in world.trace.records:
        apply(state, record)
        if isinstance(record, TableChanged) and "MN" in state:
            yield Moment(record.t_ns, state, [record])


def instants(world: World) -> Iterator[Moment]:
    """Yield every time at which something changed, when that instant is over."""
    moment: Moment | None = None
    state: dict[str, dict[str, dict[str, Row]]] = {}
    for record in world.trace.records:
        if moment is not None and record.t_ns != moment.t_ns:
            if "MN" in state:
                yield moment
            moment = None
        apply(state, record)
        if isinstance(record, TableChanged):
            moment = moment or Moment(record.t_ns, state, [])
            moment.changed.append(record)
    if moment is not None:
        yield moment


class Use(NamedTuple):
    """One line of the flow mapping table, as far as it matters here."""

    flow: int
    home: str
    cn: str


def uses(state: Tables) -> list[Use]:
    """Return the flows with the home address and the correspondent of each; those without an address are left out."""
    rows = state["MN"].get(FLOW_MAPPING_TABLE, {}).values()
    return [Use(int(str(r["flow_id"])), str(r["home_address"]), str(r["cn"])) for r in rows if r["home_address"]]


def optimising(script: Script, state: Tables, cn: str) -> bool:
    """Return True for a correspondent that holds a binding of ours by the binding update list, or counts as holding one
    by the rules as long as it has not said that it knows no Mobile IPv6.
    """
    if script.mode != "route_optimisation":
        return False
    rows = state["MN"].get(BINDING_UPDATES, {}).values()
    hopes = script.optimistic and cn not in state["MN"].get(CEASED, {})
    return hopes or any(r["registered"] for r in rows if r["peer"] == cn and not r["home_registration"])


def sharing(script: Script, state: Tables, flow: int) -> set[int]:
    """Return the ids of the flows that one binding moves, this one's among them: those of its home address and
    correspondent, or in the tunnel of its home address and all that are known not to optimise. In plain Mobile IPv6
    all.
    """
    if script.method == "one care-of address":
        return {int(key) for key in state["MN"].get(FLOW_MAPPING_TABLE, {})}
    own = next((use for use in uses(state) if use.flow == flow), None)
    peers = [] if own is None else [use for use in uses(state) if use.home == own.home]
    ceased = state["MN"].get(CEASED, {})
    in_tunnel = {use.cn for use in peers if script.mode != "route_optimisation" or use.cn in ceased}
    return {flow} | {
        use.flow for use in peers if own is not None and (use.cn == own.cn or {use.cn, own.cn} <= in_tunnel)
    }


def one_cn(script: Script, state: Tables, cn: str) -> str:
    """Name what counts as one correspondent: itself if it optimises at this moment, else all that do not together.

    In a tunnel that is all of them; a correspondent that is to optimise is one of them until its first acknowledgement,
    and again when its last binding has ended. Where no two flows share an address, everybody is one.
    """
    if script.method == "home address per flow":
        return "everybody"
    return cn if optimising(script, state, cn) else "those without route optimisation"


def most_with_one(script: Script, state: Tables, without: str = "") -> int:
    """Return the largest number of distinct home addresses in use with one correspondent; the one called `without`
    apart.
    """
    with_one: dict[str, set[str]] = {}
    for use in uses(state):
        if use.home != without:
            with_one.setdefault(one_cn(script, state, use.cn), set()).add(use.home)
    return max(map(len, with_one.values()), default=0)


def homes(state: Tables) -> list[str]:
    """Return the home address table."""
    return list(state["MN"].get(HOME_ADDRESS_TABLE, {}))


def updates_sent(world: World, since_ns: int) -> list[tuple[Address, Address]]:
    """Return (peer, home address) of each binding update that has left the mobile node since then."""
    found = []
    for hop in world.trace:
        packet = hop.packet
        if hop.sent_ns >= since_ns and hop.channel.sender == "MN" and isinstance(packet.payload, BindingUpdate):
            found.append((packet.destination, packet.extensions[0].options[0].home_address))
    return found

