"""The steps of a history: values that print as the Python that makes them. `do(play)` takes one; it gives what is seen.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from mipflow.errors import MipflowError
from mipflow.lab.outside import Outside as Place
from mipflow.node.applications.application import Ends, Running
from mipflow.node.applications.apps import Echo as Echo
from mipflow.node.applications.apps import FileTransfer as FileTransfer
from mipflow.node.applications.apps import Periodic
from mipflow.node.applications.apps import Protected as Protected
from mipflow.node.applications.apps import Recorded as Recorded
from mipflow.node.applications.apps import Trickle as Trickle
from mipflow.node.applications.apps import Video as Video
from mipflow.node.applications.apps import Voice as Voice
from mipflow.node.applications.recorded import Datagram as Datagram
from mipflow.node.node import Arrival
from mipflow.node.router import Router, join_routers
from mipflow.sim.clock import NS_PER_MS, seconds
from mipflow.sim.link import Link
from mipflow.wire import codec
from mipflow.wire.icmpv6 import EchoRequest
from mipflow.wire.packet import Packet
from tests.random_worlds.difference import hop_of
from tests.random_worlds.worlds import LOOKING, Play, metered, told
from tests.random_worlds.worlds import Spec as Spec


@dataclass(frozen=True)
class Ear:
    """An application whose far end looks at all meters whenever a datagram comes, and answers as a call does."""

    interval_ms: float = 20.0
    payload_bytes: int = 100
    both_ways: bool = True
    start_s: float = 0.0
    protocol = "UDP"
    port = 5300
    name = "ear"

    def start(self, ends: Ends) -> Running:
        running, player = Running(ends), LOOKING[-1]
        near, far = ends.udp()
        payload, interval = bytes(self.payload_bytes), round(self.interval_ms * NS_PER_MS)
        answer = Periodic(running, interval, lambda: far.send(payload))

        def heard(data: bytes) -> None:
            running.count(data)
            player.note("ear", player.shortly())
            if self.both_ways:
                answer.go()

        far.on_datagram = near.on_datagram = heard
        running.at(ends.clock.now + seconds(self.start_s), Periodic(running, interval, lambda: near.send(payload)).go)
        return running


@dataclass(frozen=True)
class Open:
    """A flow from the mobile node of a number, or from a host, to a host."""

    app: Any
    cn: int = 0
    interface: str | None = None
    near: int = 0
    word: str = ""
    port: int | None = None

    def do(self, p: Play) -> object:
        others = p.hosts
        if p.mobiles:
            mobile = p.mobiles[self.near % len(p.mobiles)]
            peers = [host for host in others if host is not mobile]
            more = {"word": self.word} if self.word else {}
            to = peers[self.cn % len(peers)]
            flow = mobile.open(to, self.app, self.interface, remote_port=self.port, **more)
            p.flows.append(flow)
            p.running += [flow.running] if flow.running is not None else []
            return told(flow)
        if p.world is not None:
            p.running.append(p.world.mn.open(others[self.cn % len(others)], self.app))
            return len(p.running)
        near = others[self.near % len(others)]
        far = [host for host in others if host is not near][self.cn % (len(others) - 1)]
        number = 0 if self.word else len(p.running) + 1
        ports = near.free_port(), far.free_port_from(self.app.port) if self.port is None else self.port
        p.running.append(self.app.start(Ends(near, far, *ports, number)))
        return number


@dataclass(frozen=True)
class Accept:
    """A flow that a correspondent opens."""

    app: Any
    cn: int = 0
    redirect: bool = False

    def do(self, p: Play) -> object:
        if not p.mobiles:
            return None
        flow = p.mobiles[0].accept(p.world.cns[self.cn % len(p.world.cns)], self.app, self.redirect)
        p.flows.append(flow)
        p.running += [flow.running] if flow.running is not None else []
        return told(flow)


@dataclass(frozen=True)
class Close:
    """A flow ends; where `stops`, only its application does."""

    which: int
    stops: bool = False

    def do(self, p: Play) -> object:
        if not p.running:
            return None
        if self.stops or not p.flows:
            p.running[self.which % len(p.running)].stop()
            return None
        flow = p.flows[self.which % len(p.flows)]
        p.owner(flow).close(flow)
        return told(flow)


@dataclass(frozen=True)
class HandOver:
    """A flow goes to another interface; -1: all do."""

    which: int
    interface: str
    how: bool | None = None

    def do(self, p: Play) -> object:
        if not p.mobiles:
            return None
        if self.which < 0:
            return p.mobiles[0].handover_all(self.interface, break_first=bool(self.how))
        if not p.flows:
            return None
        flow = p.flows[self.which % len(p.flows)]
        return p.owner(flow).handover(flow, self.interface, home_follows=self.how)


@dataclass(frozen=True)
class Bind:
    """The mobile node tells a peer, -1 for the home agent, where its primary home address is."""

    to: int
    interface: str

    def do(self, p: Play) -> object:
        if not p.mobiles:
            return None
        cns = p.world.cns
        return p.mobiles[0].bind("HA" if self.to < 0 else cns[self.to % len(cns)], self.interface)


@dataclass(frozen=True)
class Turn:
    """An interface of any node goes down or up."""

    node: int
    interface: int
    up: bool

    def do(self, p: Play) -> object:
        nodes = [*p.mobiles, *p.hosts, *p.routers]
        node = nodes[self.node % len(nodes)]
        interface = [*node.interfaces.values()][self.interface % len(node.interfaces)]
        interface.set_up(self.up)
        return interface.owner, interface.name


@dataclass(frozen=True)
class TurnLink:
    """A link goes down or up."""

    link: int
    up: bool

    def do(self, p: Play) -> object:
        p.link(self.link).set_up(self.up)
        return p.link(self.link).name


@dataclass(frozen=True)
class Configure:
    """A link has other properties from now on."""

    link: int
    changes: Mapping[str, Any]

    def do(self, p: Play) -> object:
        segment = p.link(self.link)
        segment.configure(replace(segment.link, **self.changes))
        return segment.name


@dataclass(frozen=True)
class Tap:
    """Somebody looks at each packet that enters a link, and drops every so-and-so-many-th; 0 drops none."""

    link: int
    drops: int = 0

    def do(self, p: Play) -> object:
        count = 0

        def tap(packet: Packet, now: int) -> str | None:
            nonlocal count
            count += 1
            p.note("tap", (now, packet.label, packet.size, packet.hop_limit))
            return "tapped" if self.drops and count % self.drops == 0 else None

        p.link(self.link).tap(tap)
        return p.link(self.link).name


@dataclass(frozen=True)
class Untap:
    """Nobody looks at a link any more."""

    link: int

    def do(self, p: Play) -> object:
        p.link(self.link).taps.clear()
        p.link(self.link).refresh()
        return p.link(self.link).name


@dataclass(frozen=True)
class Visit:
    """An interface of a mobile node goes to a link: its own, the other one's, home. A plain host is carried there."""

    interface: str
    segment: str
    handoff_ms: float = 0.0
    mobile: int = 0

    def do(self, p: Play) -> object:
        if p.mobiles:
            p.mobiles[self.mobile % len(p.mobiles)].visit(
                self.interface, p.network.segments[self.segment], handoff_ms=self.handoff_ms
            )
        elif p.world is not None:
            return str(p.world.mn.move(self.interface, keep=self.handoff_ms > 0))
        return None


@dataclass(frozen=True)
class Leave:
    """An interface of a host or a mobile node leaves its link, and joins it again after some time."""

    node: int
    interface: int
    ms: float

    def do(self, p: Play) -> object:
        node = p.hosts[self.node % len(p.hosts)]
        interface = [*node.interfaces.values()][self.interface % len(node.interfaces)]
        segment, addresses, router = interface.segment, list(interface.addresses), interface.router
        if segment is None or node in p.mobiles:
            return None
        interface.leave()

        def back(_: object) -> None:
            with suppress(MipflowError):
                interface.join(segment)
                for address in addresses:
                    interface.add_address(address)
                interface.router = router

        p.network.clock.after(round(self.ms * NS_PER_MS), back)
        return interface.owner, segment.name


@dataclass(frozen=True)
class Join:
    """A new link between two routers, a shorter way perhaps."""

    one: int
    other: int
    link: Link

    def do(self, p: Play) -> object:
        routers = routers_of(p)
        if len(routers) < 2:
            return None
        one = routers[self.one % len(routers)]
        other = [each for each in routers if each is not one][self.other % (len(routers) - 1)]
        return join_routers(p.network, one, other, self.link).name


def routers_of(p: Play) -> list[Router]:
    """All routers, home agents too."""
    found: dict[Router, None] = {}
    for segment in p.network.segments.values():
        for port in segment.ports:
            node = getattr(port, "node", None)
            if isinstance(node, Router):
                found[node] = None
    return list(found)


@dataclass(frozen=True)
class Unroute:
    """The prefix of a link is taken away, and nothing leads there; it comes back after some time."""

    link: int
    ms: float

    def do(self, p: Play) -> object:
        segment = p.link(self.link)
        prefix = p.network.prefix_of(segment)
        if prefix is None:
            return None
        p.network.remove_prefix(prefix)

        def back(_: object) -> None:
            with suppress(MipflowError):
                p.network.add_prefix(prefix, segment)

        p.network.clock.after(round(self.ms * NS_PER_MS), back)
        return segment.name


@dataclass(frozen=True)
class TurnOff:
    """A correspondent understands Mobile IPv6 no more."""

    cn: int

    def do(self, p: Play) -> object:
        if not p.mobiles:
            return None
        peer = p.world.cns[self.cn % len(p.world.cns)]
        if peer.knows_mobility:
            peer.turn_off_route_optimisation()
        return peer.name


@dataclass(frozen=True)
class Report:
    """A network has another cost or signal."""

    interface: str
    cost: float

    def do(self, p: Play) -> object:
        if p.mobiles:
            p.mobiles[0].networks.report(self.interface, cost=self.cost)
        return None


@dataclass(frozen=True)
class Loads:
    """Somebody asks for the state of the networks, which measures their loads."""

    def do(self, p: Play) -> object:
        return p.mobiles[0].networks.states() if p.mobiles else None


@dataclass(frozen=True)
class HearPort:
    """Somebody else hears the datagrams to the port of a flow from now on, at its far end."""

    which: int

    def do(self, p: Play) -> object:
        if not p.running:
            return None
        ends = p.running[self.which % len(p.running)].ends

        def heard(arrival: Arrival) -> None:
            p.note("heard beside", (len(arrival.payload.payload), p.shortly()))

        ends.far.hear_port(ends.far_port, heard)
        return ends.far.name


@dataclass(frozen=True)
class Look:
    """Somebody looks at everything, or at some of it; where `digest`, reads the whole trace."""

    deep: bool = True
    digest: bool = False

    def do(self, p: Play) -> object:
        seen: object = p.look() if self.deep else p.shortly()
        trace = p.network.trace
        last = hop_of(trace, len(trace) - 1) if len(trace) else None
        return seen, last, trace.digest() if self.digest else ""


@dataclass(frozen=True)
class Spy:
    """Somebody looks again and again inside a run. ahead: all looks are due from the start, so that each comes before
    what was sent since; else each is ordered by the one before.
    """

    every_ms: float
    times: int
    after_ms: float = 0.0
    ahead: bool = False

    def do(self, p: Play) -> object:
        clock, every, left = p.network.clock, round(self.every_ms * NS_PER_MS), self.times

        def look(_: object) -> None:
            nonlocal left
            p.note("spy", p.shortly())
            left -= 1
            if left and not self.ahead:
                clock.after(every, look)

        begin = clock.now + round(self.after_ms * NS_PER_MS)
        for number in range(self.times if self.ahead else 1):
            clock.at(begin + number * every, look)
        return None


@dataclass(frozen=True)
class At:
    """A step inside a run, so many milliseconds from now."""

    ms: float
    step: Any

    def do(self, p: Play) -> object:
        p.network.clock.after(round(self.ms * NS_PER_MS), lambda _: p.do(self.step))
        return None


@dataclass(frozen=True)
class Run:
    """Time passes, in so many pieces, with a look after each."""

    ms: float
    pieces: int = 1

    def do(self, p: Play) -> object:
        end = p.now + round(self.ms * NS_PER_MS)
        for number in range(1, self.pieces):
            p.run(self.ms / self.pieces)
            p.note(f"piece {number}", p.shortly())
        p.network.run_until(end)
        return p.shortly()


@dataclass(frozen=True)
class RunUntil:
    """Time passes until there are so many more of something, or is over."""

    ms: float
    what: str
    more: int

    def do(self, p: Play) -> object:
        network = p.network
        counts: dict[str, Callable[[], int]] = {
            "received": lambda: sum(meter.received for meter in network.meters.values()),
            "hops": lambda: network.clock.packet_events, "trace": lambda: len(network.trace),
            "octets": lambda: sum(running.received_bytes for running in p.running) // 100,
        }  # fmt: skip
        count = counts[self.what]
        wanted = count() + self.more
        reached = network.run_until(p.now + round(self.ms * NS_PER_MS), lambda: count() >= wanted)
        return reached, p.now, p.shortly()


@dataclass(frozen=True)
class Interrupted:
    """Time passes, and the run is stopped again and again: by events so many milliseconds from now, or else (`seed`) at
    moments that the processor chooses.
    """

    ms: float
    at_ms: tuple[float, ...] = ()
    seed: int = 0

    def do(self, p: Play) -> object:
        clock, end, random = p.network.clock, p.now + round(self.ms * NS_PER_MS), Random(self.seed)
        is_armed, is_over = False, False

        def stop(number: int, frame: object) -> None:
            nonlocal is_armed
            if is_armed:
                is_armed = False
                raise KeyboardInterrupt

        def jolt(*_: object) -> None:
            if not is_over:
                signal.raise_signal(signal.SIGINT)

        for at in self.at_ms:
            clock.after(round(at * NS_PER_MS), jolt)
        handlers = signal.signal(signal.SIGINT, stop), signal.signal(signal.SIGALRM, jolt)
        try:
            while p.now < end:
                is_armed = True
                try:
                    if not self.at_ms:
                        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0005, 0.004))
                    p.network.run_until(end)
                except KeyboardInterrupt:
                    seen = p.now, p.shortly()
                    if self.at_ms:
                        p.note("stopped", seen)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    is_armed = False
            p.network.run_until(end)
        finally:
            is_over = True
            signal.signal(signal.SIGINT, handlers[0])
            signal.signal(signal.SIGALRM, handlers[1])
        return p.shortly()


@dataclass(frozen=True)
class Fork:
    """Another world goes on from here for some time, beside this one."""

    ms: float

    def do(self, p: Play) -> object:
        if p.world is None:
            return None
        other = p.world.fork().run(self.ms / 1000)
        meters = {label: metered(meter) for label, meter in sorted(other.network.meters.items()) if meter.sent}
        return other.hops, other.trace.digest(), meters


@dataclass(frozen=True)
class Outside:
    """Somebody outside gets a place on a link, and sends echo requests; time passes until the answers are there."""

    link: int
    to: int
    wait_ms: float

    def do(self, p: Play) -> object:
        segment = p.link(self.link)
        prefix = p.network.prefix_of(segment)
        if prefix is None or segment.name == "beyond":
            return None
        place = Place(p.network, segment, f"you{len(p.places)}", 0.0, 0.0)
        p.places.append(place)
        host = p.hosts[self.to % len(p.hosts)]
        to = host.mobility.reached_at
        octets = codec.encode(Packet(prefix.address(0x999), to, EchoRequest(7, 1, bytes(20))))
        answers = place.send(octets, self.wait_ms / 1000)
        return [(each.t_s, each.octets.hex()) for each in answers], place._port.next_ns(), p.shortly()
