"""The views of a network that runs in virtual time, which every world has, whichever nodes it is made of.

Takes a network; gives the views of `mipflow.view` with its trace, its graph, and the words that a world has for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from inspect import signature
from os import PathLike
from typing import Any, ClassVar, Literal, NamedTuple, Self
from weakref import WeakSet

from mipflow.arguments import FLAG, SECONDS, SEED, WORD, Expected, check, fits, instance, one_of, optional, several
from mipflow.errors import ProtocolMisuse, shown
from mipflow.files import check_writable
from mipflow.flow.applications.flows import Flow
from mipflow.lab.features.values import plain
from mipflow.lab.forking.fork import fork
from mipflow.lab.replay.captured import AtNode, on_links
from mipflow.mip6.home_agent import HomeAgent
from mipflow.node.host import Host
from mipflow.sim.clock import NS_PER_S, Unique, seconds
from mipflow.sim.network import Network
from mipflow.sim.trace import Trace
from mipflow.view.drawing.picture import Picture
from mipflow.view.drawing.small import printed
from mipflow.view.story.words import Words
from mipflow.wire.address import Address
from mipflow.wire.captures import capture

Scale = Literal["even", "time"]
SPAN = Expected("a span", lambda span: len(span) == 2 and span[0] <= span[1] and all(fits(t, SECONDS) for t in span))
WISHES = Expected('flows and interfaces, such as {video: "cell0"}', lambda wishes: isinstance(wishes, Mapping))

HANDOVER_SLOW_S = 0.4
"""Seconds of virtual time after a handover that an animation shows slowly, where nothing else is asked for."""

WORLDS: WeakSet[Views] = WeakSet()
"""All worlds that somebody holds."""
MOST_TOLD = 4
"""The most flows, and bindings of one node, that the lines about where a world stands name."""
MOST_LETTERS = 400
"""The most letters of one of these lines."""


class Made(NamedTuple):
    """The way in which a world was made: its scenario, and the keywords that are not as usual, without features."""

    scenario: Callable[..., Any]
    keywords: dict[str, Any]

    @classmethod
    def by(cls, scenario: Callable[..., Any], **given: Any) -> Made:
        """Leave out the keywords that are as usual; the seed stays."""
        usual = {name: each.default for name, each in signature(scenario).parameters.items() if name != "seed"}
        return cls(scenario, {name: each for name, each in given.items() if name not in usual or usual[name] != each})


class Views(Unique):
    """A network at time 0. `title` heads its pictures; a world says who `mn`, `cns` and `home_agents` are."""

    mn: Host
    cns: Sequence[Host]
    home_agents: Sequence[HomeAgent] = ()

    def __init__(self, network: Network, title: str) -> None:
        self.network = network
        self.title = title
        self.made: Made | None = None
        """The way in which it was made; None for a world that was built by hand."""
        self.features: dict[str, dict[str, Any]] = {}
        """Name of a feature that was put in -> the arguments of `with_<name>`, in the order of putting in."""
        self.further_names: dict[Address, str] = {}
        """Words for the addresses of further nodes, such as attackers."""
        self.further_flows: dict[int, str] = {}
        """Flow id -> a word for traffic between others."""
        self._looked_ns = -1
        """The moment of the last call of `tables`, in nanoseconds; -1 before the first."""
        WORLDS.add(self)
        getattr(self, "trace")  # noqa: B009  tab completion looks behind an attribute that is there, and calls no property

    @property
    def title(self) -> str:
        """The heading of its pictures."""
        return self.network.title

    @title.setter
    def title(self, title: str) -> None:
        check(instance(str, "text"), title=title)
        self.network.title = title

    @property
    def spec(self) -> dict[str, Any]:
        """A plain value (JSON) of which `mf.build` makes another such world: the scenario, the seed and the keywords
        that are not as usual, then the features. Raises ProtocolMisuse for a world that was built by hand.
        """
        if self.made is None:
            raise ProtocolMisuse(f"{self.network.name} was built by hand and has no spec; call a scenario", self)
        features = {"features": self.features} if self.features else {}
        told: dict[str, Any] = plain({**self.made.keywords, **features})
        return {"scenario": self.made.scenario.__name__, **told}

    @cached_property
    def trace(self) -> Trace:
        """The trace of all that happened."""
        return self.network.trace

    @property
    def now(self) -> float:
        """The virtual time in seconds."""
        return self.network.clock.now / NS_PER_S

    @property
    def hops(self) -> int:
        """The number of packet-hops so far."""
        return self.network.clock.packet_events

    def run(self, duration_s: float) -> Self:
        """Let `duration_s` seconds of virtual time pass. Raises ProtocolMisuse for what is no such number, and inside a
        run; Stopped for an interrupt (Ctrl-C, a notebook's Stop), once the event under way is done.
        """
        if not fits(duration_s, SECONDS):
            raise ProtocolMisuse(f"run({shown(duration_s)}); expected {SECONDS.words}", duration_s)
        self.network.run_until(self.network.clock.now + seconds(duration_s))
        return self

    def fork(self, seed: int | None = None) -> Self:
        """Return an independent world at this instant, which goes on exactly as this one would: what takes long, such
        as registrations, is run once for many variants. Its nodes and flows are its own, and go by their names.

            other = world.fork()
            other.mn.handover(other.flows()[0], "cell0")

        seed: of every random stream from now on, each by its name; by default all go on where they are. Functions of
        yours are shared by both worlds, objects of yours are copied. Raises ProtocolMisuse inside a run, inside a
        learner's function, after `world.port(...)`, and where a function of yours holds a part of this world.
        """
        check(optional(SEED), seed=seed)
        other = fork(self.network, self, seed)
        WORLDS.add(other)
        return other

    # --- what a world says of itself ---------------------------------------------------------------------------------

    def names(self) -> dict[Address, str]:
        """Return the words for the addresses of this world."""
        raise NotImplementedError

    def flow_names(self) -> dict[int, str]:
        """Return the names of all flows, by flow id."""
        raise NotImplementedError

    def flows(self) -> list[Flow]:
        """Return all flows that were opened, ended ones included."""
        return []

    def handovers_s(self) -> list[float]:
        """Return the times at which handovers were asked for, in seconds."""
        raise NotImplementedError

    def stands(self) -> tuple[str, list[tuple[str, str]]]:
        """Tell where the world stands: its time; by their names its flows, and what its nodes know."""
        raise NotImplementedError

    offered_names: ClassVar[tuple[str, ...]] = (
        "animate", "cns", "fork", "hops", "inspect", "internet", "ladder", "mn", "network", "now", "pcap", "run",
        "save", "spec", "tables", "timeline", "title", "trace",
    )  # fmt: skip
    """Members that tab completion offers."""

    def __dir__(self) -> tuple[str, ...]:
        return self.offered_names

    def __repr__(self) -> str:
        time, (flows, *others) = self.stands()
        lines = (f"{time}; {flows[1]}", *(f"{name}: {told}" for name, told in others))
        return "\n".join(printed(line, MOST_LETTERS) for line in lines)

    # --- views -------------------------------------------------------------------------------------------------------

    def animate(
        self, start: float | None = None, end: float | None = None, slow: Sequence[tuple[float, float]] | None = None,
        wishes: Mapping[Flow | int, str] | None = None,
    ) -> Picture:  # fmt: skip
        """Show the topology with packets moving and bindings changing, from `start` to `end` seconds; `slow` spans go
        slowly; `wishes`: flow -> the interface over which somebody wishes it, which is drawn as a dashed lane.
        """
        from mipflow.view.stage.show import animate

        slow = slowly(self.handovers_s()) if slow is None else slow
        told = self._told(start, end)
        check(several(SPAN, "pairs (start, end) of seconds"), slow=slow)
        check(optional(WISHES), wishes=wishes)
        wished = dict(self._wish(*each) for each in (wishes or {}).items())
        spans = [(seconds(max(a, 0.0)), seconds(b)) for a, b in slow]
        return animate(self.trace, self.network.graph, slow=spans, title=self.title, wishes=wished, **told)

    def _told(self, start: float | None, end: float | None) -> dict[str, Any]:
        """Return the arguments that every picture of a span of time (in seconds) takes."""
        begin, finish = span(self.network.clock.now, start, end)
        called = {"names": self.names(), "flows": self.flow_names(), "mobile": self.mn.name}
        return {"start_ns": begin, "end_ns": finish, **called}

    def _wish(self, flow: Flow | int, interface: str) -> tuple[int, str]:
        """Return the id of a flow of this world, and an interface. Raises ProtocolMisuse for what is none."""
        if isinstance(flow, Flow):
            self.network.check_own(flow, flow.entry.network)
            flow = flow.id
        check(one_of(*self.flow_names()), flow=flow)
        check(one_of(*self.mn.interfaces), interface=interface)
        return flow, interface

    def ladder(
        self, start: float | None = None, end: float | None = None, data: bool = False, scale: Scale = "even"
    ) -> Picture:
        """Draw the messages from node to node; `scale`: "even" for a line for each event, "time" for time to scale."""
        from mipflow.view.ladder import ladder

        check(FLAG, data=data)
        check(one_of("even", "time"), scale=scale)
        return ladder(self.trace, self.network.graph, data=data, scale=scale, **self._told(start, end))

    def timeline(self, start: float | None = None, end: float | None = None) -> Picture:
        """Draw, for each flow, its interface, delay and loss over time."""
        from mipflow.view.timeline import timeline

        return timeline(self.trace, self.network.graph, **self._told(start, end))

    def tables(self, at: float | None = None, since: float | None = None) -> Picture:
        """Show both tables of the mobile node and every binding cache at a moment in seconds (default: now), with marks
        on what has changed `since` another one (default: the moment of the last call). Raises ProtocolMisuse for one
        that has not come, and for a `since` after `at`.
        """
        from mipflow.view.tables import tables

        at_ns = moment(self.network.clock.now, at=at)
        since_ns = self._looked_ns if since is None else moment(self.network.clock.now, since=since)
        if since is not None and since_ns > at_ns:
            raise ProtocolMisuse(f"since={since} is after {at_ns / NS_PER_S:g} s; expected an earlier moment", since)
        before, self._looked_ns = (since_ns if 0 <= since_ns <= at_ns else None), at_ns
        return tables(self.trace, at_ns, names=self.names(), flows=self.flow_names(), since_ns=before)

    def inspect(self, number: int) -> Picture:
        """Show one packet-hop as a protocol analyser would."""
        from mipflow.view.inspect import inspect
        from mipflow.view.stage.scene import Scene

        scene = Scene(self.network.graph, self.trace.channels, self.mn.name)
        return inspect(self.trace, number, names=self.names(), nodes=scene.words)

    # --- files -------------------------------------------------------------------------------------------------------

    def pcap(self, path: str | PathLike[str], node: str | None = None, interface: str | None = None) -> int:
        """Write a capture of every link, with the times at which packets leave for it; return their number.

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
        return capture.write(path, AtNode(self.trace, node, interface).up_to(self.network.clock.now))

    def save(self, path: str | PathLike[str]) -> None:
        """Write animation, ladder, timeline, tables, the first call as sound, and state machines as one page that needs
        no kernel or network.

        Packets and rows open there too. Raises DatasetError where it cannot be written, ProtocolMisuse before a run.
        """
        from mipflow.lab.machines import draw_machines
        from mipflow.view.drawing.page import save

        check_writable(path)
        looked_ns, self._looked_ns = self._looked_ns, -1  # a file is no look
        pictures = [self.animate(), self.ladder(), self.timeline(), self.tables(), *self._heard()]
        self._looked_ns = looked_ns
        states = draw_machines(self.trace, Words(self.names(), self.flow_names()), self.network.clock.now)
        save(path, [*pictures, states], self.title)

    def _heard(self) -> list[Picture]:
        """Return a flow as sound, where one can be heard."""
        return []


def slowly(handovers_s: Iterable[float]) -> list[tuple[float, float]]:
    """Return the spans around handovers that a film shows slowly, in seconds."""
    return [(max(0.0, at - HANDOVER_SLOW_S / 8), at + HANDOVER_SLOW_S) for at in handovers_s]


def moment(now_ns: int, **given: float | None) -> int:
    """Return a moment, given in seconds by the name of its argument, in nanoseconds; now for None. Raises
    ProtocolMisuse for one that has not come.
    """
    check(optional(SECONDS), **given)
    ((name, at),) = given.items()
    at_ns = now_ns if at is None else seconds(at)
    if at_ns > now_ns:
        now = f"it is {now_ns / NS_PER_S:g} s"
        raise ProtocolMisuse(f"{name}={at} has not come: {now}; run the world on, or look earlier", at)
    return at_ns


def span(now_ns: int, start: float | None, end: float | None) -> tuple[int, int]:
    """Return a span of past seconds in nanoseconds; all of the past where nothing is given. Raises ProtocolMisuse for
    what is none.
    """
    check(optional(SECONDS), start=start, end=end)
    if not now_ns:
        raise ProtocolMisuse("nothing has run yet: world.run(10) first", (start, end))
    begin, finish = 0 if start is None else seconds(start), now_ns if end is None else seconds(end)
    if not begin <= min(finish, now_ns):
        expected = f"expected 0 <= start <= end, and a start that has been: it is {now_ns / NS_PER_S:g} s"
        raise ProtocolMisuse(f"{start} to {end} s is no span of time; {expected}", (start, end))
    return begin, min(finish, now_ns)


def first(told: Sequence[str]) -> str:
    """List the first of many, and say how many more there are."""
    more = [f"{len(told) - MOST_TOLD} more"] if len(told) > MOST_TOLD else []
    return ", ".join([*told[:MOST_TOLD], *more]) or "none"
