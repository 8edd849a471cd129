"""A hypothesis strategy that draws worlds and histories, with ties on purpose.

Links without serialisation and of equal delays, times on round milliseconds, intervals that are multiples of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from mipflow.lab.scenarios import LINKS
from mipflow.node.applications.apps import Echo, FileTransfer, Protected, Recorded, Trickle, Video, Voice
from mipflow.node.applications.recorded import Datagram
from mipflow.sim.link import Link
from mipflow.wire.packet import SIGNALLING_PORTS
from tests.random_worlds.steps import (
    Accept,
    At,
    Bind,
    Close,
    Configure,
    Ear,
    Fork,
    HandOver,
    HearPort,
    Interrupted,
    Join,
    Leave,
    Loads,
    Look,
    Open,
    Outside,
    Report,
    Run,
    RunUntil,
    Spy,
    Tap,
    Turn,
    TurnLink,
    TurnOff,
    Unroute,
    Untap,
    Visit,
)
from tests.random_worlds.worlds import Spec

DELAYS_MS = (1, 1, 1, 5, 5, 2, 10)
PAYLOADS = (152, 152, 172, 952, 952, 0, 500)
"""Octets of payload; 952 with its headers are a thousand octets, which take a millisecond at 8 Mb/s."""
EDGES = (1360, 1392, 1400, 1412, 1416, 1432, 1452, 1453, 2000)
"""Octets of payload about which a tunnel, an option or a link makes fragments."""
CHANGES: tuple[Mapping[str, Any], ...] = (
    {"loss": 0.1}, {"loss": 0.0, "jitter_ms": 0.0, "duplication": 0.0}, {"delay_ms": 1}, {"delay_ms": 3},
    {"delay_ms": 20}, {"rate_bps": None}, {"rate_bps": 8_000_000}, {"rate_bps": 1_000_000}, {"rate_bps": 100_000_000},
    {"queue_bytes": 3000, "rate_bps": 1_000_000}, {"queue_bytes": None}, {"jitter_ms": 2.0},
    {"jitter_ms": 5.0, "reorder": True}, {"duplication": 0.1}, {"mtu": 1280}, {"mtu": 1500}, {},
)  # fmt: skip
MS = (50, 100, 20, 0, 1, 2, 5, 10, 20, 37, 50, 60, 100, 123.456789, 150, 200, 250)


@st.composite
def links_of(draw: st.DrawFn, count: int) -> list[Link]:
    """Draw properties of links, all in one manner."""
    manner = draw(st.sampled_from("ties ties ties equal equal exact slow mixed zero faulty long".split()))
    delay = draw(st.sampled_from(DELAYS_MS))
    made = []
    for _ in range(count):
        if manner == "equal":
            made.append(Link(delay_ms=delay, rate_bps=None))
        elif manner == "exact":
            made.append(Link(delay_ms=draw(st.sampled_from(DELAYS_MS)), rate_bps=8_000_000))
        elif manner == "slow":
            rate = draw(st.sampled_from((1_000_000, 2_000_000, 10_000_000)))
            queue = draw(st.sampled_from((None, None, 3000, 20000)))
            made.append(Link(delay_ms=draw(st.sampled_from(DELAYS_MS)), rate_bps=rate, queue_bytes=queue))
        elif manner == "long":
            made.append(Link(delay_ms=draw(st.sampled_from((20, 50, 100, 100))), rate_bps=None))
        elif manner == "zero":
            made.append(Link(delay_ms=draw(st.sampled_from((0, 0, 1, 5))), rate_bps=None))
        elif manner == "mixed":
            rate = draw(st.sampled_from((None, None, 8_000_000, 100_000_000, 1_000_000_000)))
            made.append(Link(delay_ms=draw(st.sampled_from((*DELAYS_MS, 2.5, 0.1))), rate_bps=rate))
        elif manner == "faulty" and draw(st.integers(0, 3)) == 0:
            faults = draw(st.sampled_from(({"loss": 0.05}, {"jitter_ms": 1.0}, {"duplication": 0.1}, {"mtu": 1280})))
            made.append(Link(delay_ms=delay, rate_bps=None, **faults))
        else:
            made.append(Link(delay_ms=draw(st.sampled_from(DELAYS_MS)), rate_bps=None))
    return made


@st.composite
def apps(draw: st.DrawFn, base_ms: float, start_s: float) -> Any:
    """Draw an application: most send at a constant rate, at multiples of one interval."""
    others = "video file echo echo trickle esp recorded ear".split()
    kind = draw(st.sampled_from(["voice"] * 9 + others))
    interval = base_ms * draw(st.sampled_from((1, 1, 1, 2, 2, 4, 3, 1.7)))
    start = start_s + draw(st.sampled_from((0, 0, 0, 0.001, 0.005, 0.01, 0.02, 0.1, 0.0123)))
    start = round(start, 6)
    count = draw(st.sampled_from((30, 100, 200, 400)))
    payload = draw(st.sampled_from(EDGES if draw(st.integers(0, 9)) == 9 else PAYLOADS))
    is_short = draw(st.integers(0, 2)) == 2 or interval < 2
    duration = round(interval * count / 1000, 6) if is_short else None
    if kind == "voice":
        both = draw(st.sampled_from((True, True, True, False, False)))
        pause = draw(st.sampled_from((0.0,) * 7 + (0.1,)))
        return Voice(interval, payload, both, start, duration, *((0.2, pause) if pause else ()))
    if kind == "video":
        return Video(draw(st.sampled_from((200_000, 1_000_000, 3_000_000))), start_s=start, duration_s=duration)
    if kind == "file":
        size, way = draw(st.sampled_from((3_000, 30_000, 150_000))), draw(st.sampled_from(("up", "down")))
        return FileTransfer(size, way, start)
    if kind == "echo":
        return Echo(interval, draw(st.sampled_from((56, 952, 1400))), count if is_short else None, start)
    if kind == "trickle":
        return Trickle(10 * interval, 500, start, duration)
    if kind == "esp":
        return Protected(interval, payload, start, duration)
    if kind == "recorded":
        script = tuple(Datagram(round(n * interval * 1e6), n % 3 != 1, payload) for n in range(min(count, 20)))
        return Recorded("UDP", script, start_s=start)
    return Ear(interval, payload, draw(st.booleans()), start)


@st.composite
def runs(draw: st.DrawFn, most_ms: float) -> Any:
    """Draw how time passes for a while."""
    ms = draw(st.sampled_from([ms for ms in (200, 100, 20, 200, 333.333333, 500, 500, 500, 1000) if ms <= most_ms]))
    kind = draw(st.sampled_from(("run",) * 9 + ("pieces", "pieces", "until", "interrupted")))
    if kind == "pieces":
        return Run(ms, draw(st.sampled_from((2, 5, 10, 20))))
    if kind == "until":
        what = draw(st.sampled_from(("received", "hops", "trace", "octets")))
        return RunUntil(min(ms, 100), what, draw(st.sampled_from((1, 2, 5, 20, 50))))
    if kind == "interrupted":
        at = tuple(each for each in draw(st.lists(st.sampled_from(MS), min_size=1, max_size=3)) if each <= ms)
        return Interrupted(ms, at or (0,))
    return Run(ms)


@st.composite
def disturbances(draw: st.DrawFn, kind: str, base_ms: float) -> Any:
    """Draw a step that takes no time."""
    which, link = draw(st.integers(0, 7)), draw(st.integers(0, 11))
    interface = draw(st.sampled_from(("wlan0", "cell0")))
    anywhere = (
        "look", "spy", "configure", "configure", "configure", "turn link", "tap", "untap", "look", "spy", "join",
        "close", "unroute", "hear", "turn", "open", "open", "leave", "outside", "spy", "fork",
    )  # fmt: skip
    mobile = ("hand over",) * 6 + ("all", "bind", "visit", "visit", "turn off", "report", "loads", "loads", "accept")
    is_mobile = kind not in ("raw", "plain_hosts")
    what = draw(st.sampled_from((*anywhere, *mobile) if is_mobile else anywhere))
    ms = draw(st.sampled_from(MS))
    steps: dict[str, Callable[[], Any]] = {
        "close": lambda: Close(which, draw(st.booleans())),
        "configure": lambda: Configure(link, draw(st.sampled_from(CHANGES))),
        "turn link": lambda: TurnLink(link, draw(st.sampled_from((True, False)))),
        "tap": lambda: Tap(link, draw(st.sampled_from((0, 0, 3, 7)))), "untap": lambda: Untap(link),
        "look": lambda: Look(draw(st.booleans()), draw(st.sampled_from((False, False, False, True)))),
        "spy": lambda: Spy(
            draw(st.sampled_from((base_ms, base_ms, 1, 5, 0.5 * base_ms, 3.21))), draw(st.integers(1, 30)), ms,
            draw(st.booleans()),
        ),
        "join": lambda: Join(which, link, Link(draw(st.sampled_from((0.5, 1, 1, 2))), None)),
        "unroute": lambda: Unroute(link, ms), "hear": lambda: HearPort(which),
        "turn": lambda: Turn(which, draw(st.integers(0, 3)), draw(st.sampled_from((True, True, False)))),
        "open": lambda: Open(
            draw(apps(base_ms, 0.25 * is_mobile)), draw(st.integers(0, 3)), interface if is_mobile else None, which % 3
        ),
        "leave": lambda: Leave(which, 0, ms), "fork": lambda: Fork(draw(st.sampled_from((100, 200, 500)))),
        "outside": lambda: Outside(link, which, draw(st.sampled_from((5, 20, 60)))),
        "hand over": lambda: HandOver(which, interface, draw(st.sampled_from((None, None, True, False)))),
        "all": lambda: HandOver(-1, interface, draw(st.booleans())), "bind": lambda: Bind(which - 1, interface),
        "visit": lambda: Visit(
            interface, draw(st.sampled_from((interface, interface, interface, "home", "wlan0", "cell0"))),
            draw(st.sampled_from((0.0, 0.0, 50.0, 300.0))), draw(st.integers(0, 1)),
        ),
        "turn off": lambda: TurnOff(which), "report": lambda: Report(interface, draw(st.sampled_from((0.0, 1.0, 5.0)))),
        "loads": Loads, "accept": lambda: Accept(draw(apps(base_ms, 0.0)), which, draw(st.booleans())),
    }  # fmt: skip
    return steps[what]()


KINDS = ("raw",) * 5 + ("figure2",) * 8 + ("figure1", "plain_mobile_ipv6", "plain_hosts")


@st.composite
def specs(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS, most_phases: int = 7) -> Spec:
    """Draw a world and its history."""
    kind = draw(st.sampled_from(kinds))
    keywords: dict[str, Any] = {"seed": draw(st.integers(1, 3))}
    flows = draw(st.sampled_from((2, 1, 2, 3, 4, 5, 6)))
    base_ms = draw(st.sampled_from((1, 2, 5, 5, 10) if flows < 3 else (5, 5, 10, 20)))
    mobiles, idle_s = 0, None
    if kind != "plain_hosts":
        keywords["trace"] = draw(st.sampled_from(("all",) * 6 + ("control", "off")))
        if draw(st.integers(0, 9)) == 0:
            keywords["wire"] = True
    if kind == "raw":
        keywords["topology"] = draw(st.sampled_from(("line", "line", "line", "ring", "ring", "star", "lan")))
        keywords["hosts"] = draw(st.integers(2, 6))
        keywords["links"] = tuple(draw(links_of(draw(st.integers(1, 4)))))
        begin = 0.0
    else:
        names = [*LINKS] if kind != "plain_hosts" else ["wlan0", "cell0", "AR2-Internet", "AR3-Internet", "cn1"]
        if draw(st.integers(0, 5)):
            keywords["links"] = dict(zip(names, draw(links_of(len(names))), strict=True))
        begin = 0.5 if kind == "plain_hosts" else draw(st.sampled_from((1.5, 2.0, 2.0)))
    if kind not in ("raw", "plain_hosts"):
        more = draw(st.lists(st.sampled_from(OPTIONS if kind == "figure2" else BEFORE), max_size=3))
        for each in more:
            keywords |= each
        if not {"home_agents", "enhanced"} & keywords.keys() and kind == "figure2" and draw(st.integers(0, 4)) == 0:
            mobiles = 1
        idle_s = draw(st.sampled_from((None,) * 6 + (0.5, 1.0)))
    steps: list[Any] = []
    for _ in range(flows):
        app = draw(apps(base_ms, begin if draw(st.integers(0, 9)) else 0.0))
        interface = None if kind in ("raw", "plain_hosts") else draw(st.sampled_from(("wlan0", "cell0", None)))
        word = draw(st.sampled_from(("", "", "", "word")))
        port = min(SIGNALLING_PORTS) if draw(st.integers(0, 15)) == 15 and isinstance(app, Voice) else None
        steps.append(Open(app, draw(st.integers(0, 3)), interface, draw(st.integers(0, 4)), word, port))
    if begin and draw(st.integers(0, 9)):
        steps.append(Run(begin * 1000))
    lasts_long = {"home_lifetime_s", "binding_lifetime_s"} & keywords.keys()
    for _ in range(draw(st.integers(2, most_phases))):
        run = draw(runs(500 if base_ms < 5 else 1000))
        for _ in range(draw(st.sampled_from((1, 1, 1, 2, 2, 3, 0)))):
            step = draw(disturbances(kind, base_ms))
            # Between two runs there are no trains: what happens inside one is of more interest.
            is_inside = not isinstance(step, Outside | Fork) and draw(st.integers(0, 4)) < 4
            inside_ms = [ms for ms in MS if ms <= run.ms]
            steps.append(At(draw(st.sampled_from(inside_ms)), step) if is_inside else step)
        steps.append(run)
    steps.append(Run(4000 if lasts_long else 300))
    finish = draw(st.sampled_from(((),) * 8 + (("pcap",), ("pictures",)))) if kind != "raw" else ()
    return Spec(kind, keywords, tuple(steps), mobiles, idle_s, finish)


OPTIONS: tuple[dict[str, Any], ...] = (
    {"mode": "tunnel"}, {"mode": "tunnel"}, {"mode": "triangular"}, {"home_lifetime_s": 4}, {"binding_lifetime_s": 4},
    {"home_lifetime_s": 8, "binding_lifetime_s": 4}, {"home_agents": 2}, {"home_router": True},
    {"ingress_filtering": True}, {"enhanced": True}, {"security": True}, {"correspondents": "CN1 a host"},
    {"correspondents": "all hosts"}, {"policy": "by load", "reconsider_every_s": 0.5}, {"policy": "by cost"},
    {"policy": "looking", "reconsider_every_s": 0.25}, {"is_over": "over"}, {"key": "ports"}, {"intercept": "rows"},
    {"rules": "per flow"}, {"rules": "careful"}, {"rules": "not the primary"}, {"home_bindings": "its flow"},
    {"reuse_tokens": False}, {"pool": 1}, {"hold_down_s": 0.5},
    {"allocate": "dhcpv6"}, {"allocate": "request"}, {"allocate": "stateless"}, {"advertisements": (0.05, 0.1)},
    {"advertisements": (0.05, 0.1), "link_hints": False}, {"policy_server": True}, {"cns": 4},
)  # fmt: skip
BEFORE: tuple[dict[str, Any], ...] = (
    {"mode": "tunnel"}, {"home_lifetime_s": 4}, {"binding_lifetime_s": 4},
    {"policy": "by load", "reconsider_every_s": 0.5}, {"correspondents": "CN1 a host"}, {"home_router": True},
)  # fmt: skip
