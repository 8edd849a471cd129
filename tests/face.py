"""The public face as a table: every name that a learner calls, a good call of each, and what each argument may be.

`tests/test_bad_values.py` calls each with each bad value that its row does not allow. A new public name, or a new
argument of one, has to be entered here; what is public but called by the package alone is in `INSIDE`, with the reason.
"""

from __future__ import annotations

import decimal
import math
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout
from inspect import isclass, isfunction, signature
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import mipflow as mf
from mipflow import course
from mipflow.course.exercises.blocks import NoProgram
from mipflow.course.exercises.exercise import Result
from mipflow.course.progress import forget
from mipflow.errors import ProtocolMisuse
from mipflow.flow.applications.flows import Flow
from mipflow.flow.applications.opening import Opening
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.flow.policy.rules import RuleSet
from mipflow.lab.outside import Outside
from mipflow.lab.plain import CarriedHost, PlainWorld
from mipflow.lab.replay.replay import Handover, Replay
from mipflow.lab.scenarios import FEATURE_KEYWORDS
from mipflow.lab.views import Views
from mipflow.lab.world import World
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.registrations.registrations import Registrations
from mipflow.node.applications.application import Running
from mipflow.node.applications.recorded import Datagram, Write
from mipflow.node.interface import Interface
from mipflow.sim.link import Segment
from mipflow.sim.trace import Trace
from mipflow.view.drawing.picture import Picture
from mipflow.view.sound import Sound

REPOSITORY = Path(__file__).resolve().parents[1]


class Silent:
    """It cannot be told, compared, asked for its name or whether it is true."""

    def __repr__(self) -> str:
        raise ValueError("it cannot be told")

    def __eq__(self, other: object) -> bool:
        raise ValueError("it cannot be compared")

    __str__ = __fspath__ = __len__ = __bool__ = __iter__ = __float__ = __repr__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Hollow:
    """It has every attribute, and each is None."""

    def __getattr__(self, name: str) -> None:
        return None


BAD: dict[str, Any] = {
    "None": None, "nan": math.nan, "inf": math.inf, "-inf": -math.inf, "-1": -1, "-0.5": -0.5, "huge": 10**30,
    "huge float": 1e300, "endless": 10**5000, "True": True, "complex": 1j, "decimal": decimal.Decimal("nan"),
    "word": "x", "empty": "", "blank": " ", "NUL": "a\0b", "surrogate": "\ud800", "lines": "a\nb", "octets": b"x",
    "list": [], "nested": [[]], "pair": (1, "x"), "set": {1}, "dict": {}, "odd dict": {1: 2}, "object": object(),
    "class": int, "silent": Silent(), "hollow": Hollow(), "function": lambda: None, "error": ValueError("x"),
    "enormous": ["x" * 10**6],
}  # fmt: skip
"""Values that no argument may have, unless its row allows them."""

NONE: frozenset[str] = frozenset()
WORDS = {"word", "lines", "NUL"}
"""Text that is a name, if not a pretty one."""


class Argument(NamedTuple):
    """A good value, or how it is made of a world, and which of BAD are as good."""

    good: Any
    fine: frozenset[str] = NONE
    made: bool = False


def plain(good: Any, *fine: str) -> Argument:
    return Argument(good, frozenset(fine))


def made(good: Callable[[World], Any], *fine: str) -> Argument:
    return Argument(good, frozenset(fine), True)


class Row(NamedTuple):
    """`call(world, **arguments)`; `of` is what is called, whose arguments the row has, all of them."""

    call: Callable[..., Any]
    of: tuple[Callable[..., Any], ...]
    arguments: dict[str, Argument]
    left_out: frozenset[str] = NONE
    """Arguments that are another row's, or the package's."""


def maker(
    call: Callable[..., Any], /, *more: Callable[..., Any], left_out: frozenset[str] = NONE, **arguments: Argument
) -> Row:
    """Build the row of a call that is no method of a world."""
    return Row(lambda world, **given: call(**given), (call, *more), arguments, left_out)


def method(way: str, of: Callable[..., Any], /, **arguments: Argument) -> Row:
    """A method of a world or of something in it, by the attributes that lead there."""

    def call(world: World, **given: Any) -> Any:
        found: Any = world
        for name in way.split("."):
            found = getattr(found, name)
        return found(**given)

    return Row(call, (of,), arguments)


def first_flow(world: World) -> Flow:
    return world.mn.opened[1]


def last_flow(world: World) -> tuple[int, str, float]:
    """Of a replay: the flow that lasts longest, and when it ends."""
    assert world.replay is not None
    last = max(world.replay.recording.flows, key=lambda flow: flow.last_ns)
    return last.number, "cell0", last.last_ns // 10**6 / 1000


THE_SERVER = object()


def _opened(plain: PlainWorld, cn: object = THE_SERVER, **given: Any) -> Running:
    """The good server is one of the world that is made for the call."""
    return plain.mn.open(plain.cn if cn is THE_SERVER else cn, **given)  # type: ignore[arg-type]


def _nothing(*_: object) -> None:
    return None


SECONDS = plain(1.5)
SPAN = {"start": plain(0.5, "None"), "end": plain(2, "None")}
FLAG = plain(False, "True")
SEED = plain(3, "-1")
APP_TIMES = {"start_s": SECONDS, "duration_s": plain(2, "None")}
STREAM = {"interval_ms": plain(20), "payload_bytes": plain(100)}
INTERFACE = plain("cell0")
PORT = plain(7000, "None")
CN = made(lambda world: world.cn2)
FLOW = made(first_flow)
APP = plain(mf.apps.Voice())
FILE = made(lambda world: world.folder / "out", "word", "blank", "lines")  # type: ignore[attr-defined]
LINK = {
    "delay_ms": plain(1), "rate_bps": plain(10**6, "None"), "mtu": plain(1500), "queue_bytes": plain(0, "None"),
    "loss": plain(0.1), "duplication": plain(0.1), "jitter_ms": plain(1), "reorder": FLAG,
}  # fmt: skip
CALL = {"cn": CN, "app": APP, "local_port": PORT, "remote_port": PORT}
MOBILE = {
    "rules": plain(mf.AssignmentRules(), "None"), "assign": plain(_nothing, "None"), "pool": plain(1),
    "handover": plain(_nothing, "None"),
    "hold_down_s": SECONDS, "allocation": plain(None, "None"), "separator": plain(lambda traits: None, "None"),
    "policy": plain(lambda flow, networks: None, "None"), "home_bindings": plain(mf.policies.HomeBindings(), "None"),
    "reconsider_every_s": plain(2, "None"), "mode": plain("tunnel"), "reuse_tokens": FLAG,
    "home_lifetime_s": plain(400), "binding_lifetime_s": plain(400), "registrations": plain(Registrations),
    "link_hints": FLAG, "key": plain(lambda packet: None, "None"), "is_over": plain(lambda flow, now: False, "None"),
    "answered": plain(None, "None"), "free": plain(None, "None"),
}  # fmt: skip
SCENARIO = {
    "seed": SEED, "traffic": plain(None, "None"), "links": plain({"wlan0": mf.Link()}, "None", "dict"),
    "trace": plain("all"), "wire": FLAG, "trains": FLAG, "replay": plain(None, "None", "dict"), "cns": plain(3),
    "correspondents": plain(None, "None", "dict"), "home_router": FLAG, "home_agents": plain(2),
    "advertisements": plain((1, 3), "None"), "security": FLAG, "ingress_filtering": FLAG, "enhanced": FLAG,
    "allocate": plain("stateless", "None"), "policy_server": FLAG, "operator": plain(RuleSet(), "None"),
    "collision": FLAG, "form": plain(None, "None"), "intercept": plain(_nothing, "None"),
}  # fmt: skip


def putting_in(function: Callable[..., World], **arguments: Argument) -> Row:
    """A feature is put into a world at time 0, which is made for the call."""

    def call(_: World, **given: Any) -> World:
        return function(**{"world": mf.figure2()} | given)

    return Row(call, (function,), {"world": made(lambda _: mf.figure2()), **arguments})


def spoken(function: Callable[..., Any], **arguments: Argument) -> Row:
    """A function of the course, which refuses in words below its cell and raises nothing; here the words are raised. It
    runs in a folder of its own, in which nobody has answered anything.
    """

    def call(_: World, /, **given: Any) -> Any:
        several = [given.pop(name) for name in ("ids",) if name in given]
        said = StringIO()
        with TemporaryDirectory() as folder, chdir(folder), redirect_stdout(said):
            found = function(*several, **given)
            forget()
        if isinstance(found, Result) and found.status == "error":
            raise ProtocolMisuse(found.feedback, None)
        if (found is None or isinstance(found, NoProgram)) and "expected" in said.getvalue():
            raise ProtocolMisuse(said.getvalue().strip(), None)
        return found

    return Row(call, (function,), arguments, frozenset(["shown"]))


def packed(world: World) -> Path:
    """A zip as a learner hands it in."""
    path: Path = world.folder / "4711-lab07.zip"  # type: ignore[attr-defined]
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("progress-lab07.json", "{}")
    return path


NUMBER = {"number": plain("7.3"), "answers": plain({}, "None", "dict", "odd dict")}
COURSE = {
    "ask": spoken(course.ask, name=plain("00-call")),
    "blocks": spoken(course.blocks, number=plain("7.3"), letters=plain("A C", "empty", "blank", "lines")),
    "check": spoken(course.check, **NUMBER),
    "film": spoken(course.film, **NUMBER),
    "hand_in": spoken(course.hand_in, lab=plain("07")),
    "how_far": spoken(course.how_far),
    "hint": spoken(course.hint, number=plain("7.3")),
    "me": spoken(course.me, ids=plain("4711", "-1", "huge", "word")),
    "part": spoken(course.part, lab=plain("07"), name=plain("flows")),
    "predict": spoken(
        course.predict, name=plain("00-call"), answer=plain("A"), confidence=plain("certain", "None"),
        why=plain("so", "empty", "blank", *WORDS)),
    "restore": spoken(course.restore, path=made(packed)),
    "reveal": spoken(course.reveal, name=plain("00-call"), world=plain(None, *BAD)),
}  # fmt: skip


def scenario(make: Callable[..., World], *more: Callable[..., Any], without: frozenset[str] = NONE) -> Row:
    """A scenario takes its own keywords and those of the mobile node."""
    arguments = {name: argument for name, argument in (SCENARIO | MOBILE).items() if name not in without}
    given = NONE | {"network", "name", "x", "y", "host", "home_agent", "home_address", "home_prefix"}
    given |= {"keywords", "more", "settings"}
    fronts = signature(_fronts)
    assert list(fronts.parameters) == [*FEATURE_KEYWORDS, "form", "replay"]
    return maker(make, *more, _fronts, FlowMobileNode, MobileNode, left_out=given | without, **arguments)


def _fronts(
    advertisements: Any, home_agents: Any, allocate: Any, operator: Any, security: Any, intercept: Any,
    policy_server: Any, collision: Any, traffic: Any, form: Any, replay: Any,
) -> None:  # fmt: skip
    """The keywords of `figure2` that put features in."""


PUBLIC: dict[str, Row] = {
    "mf.Address": maker(mf.Address, value=plain("2001:db8::1", "True", "huge")),
    "mf.Link": maker(mf.Link, **LINK),
    "mf.AssignmentRules": maker(
        mf.AssignmentRules, method=plain("combined"), avoid_primary=FLAG, never_primary=FLAG,
        together=plain(lambda flow: None, "None"), tunnel_as_one=FLAG, optimistic=FLAG),
    "mf.World": Row(lambda world, **given: World(**given), (World,), {
        "network": made(lambda w: w.network), "mn": made(lambda w: w.mn), "ha": made(lambda w: w.ha),
        "cns": made(lambda w: w.cns), "internet": made(lambda w: w.internet),
        "title": plain("t", "empty", "blank", "surrogate", *WORDS)}),
    "mf.load_rules": maker(mf.load_rules, path=plain(REPOSITORY / "datasets/rules/operator.json")),
    "mf.figure2": scenario(mf.figure2),
    "mf.figure1": scenario(mf.figure1, mf.figure2, without=frozenset(["rules"])),
    "mf.plain_mobile_ipv6": scenario(mf.plain_mobile_ipv6, mf.figure2, without=frozenset(["rules"])),
    "mf.build": maker(mf.build, spec=plain({"scenario": "figure2", "features": {"dhcpv6": {}}})),
    "mf.with_address_protocol": putting_in(mf.with_address_protocol),
    "mf.with_advertisements": putting_in(mf.with_advertisements, advertisements=plain((1, 3))),
    "mf.with_allocation": putting_in(mf.with_allocation, allocate=plain(lambda prefix, taken: prefix.address(0x77))),
    "mf.with_collision": putting_in(mf.with_collision),
    "mf.with_dhcpv6": putting_in(mf.with_dhcpv6),
    "mf.with_enhanced": putting_in(mf.with_enhanced),
    "mf.with_home_agents": putting_in(mf.with_home_agents, home_agents=plain(2)),
    "mf.with_home_router": putting_in(mf.with_home_router),
    "mf.with_ingress_filtering": putting_in(mf.with_ingress_filtering),
    "mf.with_interception": putting_in(mf.with_interception, intercept=plain(lambda packet, cache, now: packet)),
    "mf.with_operator": putting_in(mf.with_operator, operator=plain(RuleSet())),
    "mf.with_policy_server": putting_in(mf.with_policy_server),
    "mf.with_prefix_discovery": putting_in(mf.with_prefix_discovery, form=plain(None, "None")),
    "mf.with_security": putting_in(mf.with_security, manual=FLAG),
    "mf.with_traffic": putting_in(
        mf.with_traffic, traffic=plain(REPOSITORY / "datasets/captures/office.pcap"),
        replay=plain({"packets": 100}, "None", "dict")),
    "mf.plain_hosts": maker(
        mf.plain_hosts, seed=SEED, links=plain({"wlan0": mf.Link()}, "None", "dict"),
        lookup=plain(lambda table, segment: None, "None")),
    "CarriedHost.move": Row(
        lambda world, **given: mf.plain_hosts().mn.move(**given), (CarriedHost.move,),
        {"interface": INTERFACE, "keep": FLAG}),
    "CarriedHost.open": Row(
        lambda world, **given: _opened(mf.plain_hosts(), **given), (CarriedHost.open,),
        {"cn": plain(THE_SERVER), "app": APP, "local_port": PORT}),
    "mf.attack_table": maker(mf.attack_table, seed=SEED),
    "mf.baseline_table": maker(mf.baseline_table, seed=SEED),
    "mf.compare": Row(
        lambda world, **given: mf.compare(**{"one": world, "other": world} | given), (mf.compare,), {
            "one": made(lambda w: w), "other": made(lambda w: w), **SPAN,
            "names": plain(("one", "two"), "None")}),
    "mf.exhaustion_table": maker(mf.exhaustion_table, seed=SEED),
    "mf.latency_table": maker(mf.latency_table, moves=plain(1), seed=SEED),
    "mf.panel": maker(
        mf.panel, open=plain(("flow", "network"), "list"), left_out=frozenset(["choices"])),  # each has its own line
    "mf.state_machines": Row(
        lambda it, **given: mf.state_machines(**{"world": it} | given), (mf.state_machines,), {
            "world": made(lambda it: it), "at": plain(2, "None")}),
    "mf.apps.Voice": maker(
        mf.apps.Voice, **STREAM, both_ways=FLAG, talk_s=plain(1), pause_s=SECONDS, **APP_TIMES),
    "mf.apps.Video": maker(
        mf.apps.Video, rate_bps=plain(10**6), frames_per_s=plain(25), packet_bytes=plain(1200), group=plain(5),
        key_frame_factor=plain(2), **APP_TIMES),
    "mf.apps.FileTransfer": maker(mf.apps.FileTransfer, size=plain(1), direction=plain("up"), start_s=SECONDS),
    "mf.apps.Trickle": maker(
        mf.apps.Trickle, interval_ms=plain(20), piece_bytes=plain(100), **APP_TIMES),
    "mf.apps.Echo": maker(mf.apps.Echo, **STREAM, count=plain(3, "None"), start_s=SECONDS),
    "mf.apps.Protected": maker(mf.apps.Protected, **STREAM, **APP_TIMES),
    "mf.apps.Recorded": maker(
        mf.apps.Recorded, protocol=plain("UDP"), port=plain(9), name=plain("n", *WORDS), opens_ns=plain(0),
        ends_ns=plain(0), start_s=plain(1, "None"), zeros=plain(0),
        script=plain([Datagram(0, True, 9)], "list", "nested", "pair", "enormous")),
    "Datagram": maker(Datagram, at_ns=plain(0), upward=FLAG, octets=plain(9), sequence=plain(0)),
    "Write": maker(
        Write, upward=FLAG, heard=plain(0), pause_ns=plain(0), data=plain(b"x", "octets"), end=plain("close", "empty")),
    "mf.apps.Ends": Row(lambda world, **given: mf.apps.Ends(**given), (mf.apps.Ends,), {
        "near": made(lambda w: w.mn), "far": CN, "near_port": plain(1), "far_port": plain(1), "flow": plain(1),
        "upward": FLAG, "far_address": plain(mf.Address(1), "None")}),
    "mf.apps.Running": Row(lambda world, **given: Running(**given), (Running,), {
        "ends": made(lambda w: mf.apps.Ends(w.mn, w.cn1, 1, 1, 1))}),
    "mf.policies.ByApplication": maker(mf.policies.ByApplication, networks=plain({"call": "wlan0"}, "dict")),
    "mf.policies.ByCost": maker(mf.policies.ByCost),
    "mf.policies.ByLoad": maker(mf.policies.ByLoad, most=plain(0.8), margin=plain(0.1)),
    "mf.policies.BySignal": maker(mf.policies.BySignal, least=plain(0.8), margin=plain(0.1)),
    "mf.policies.ByOperator": maker(mf.policies.ByOperator, rules=plain(RuleSet())),
    "mf.policies.ByRequest": maker(mf.policies.ByRequest, request=plain(mf.policies.Request())),
    "mf.policies.ByUser": maker(mf.policies.ByUser, order=plain(["wlan0"], "list", "enormous")),
    "mf.policies.Policies": maker(mf.policies.Policies, policies=plain([(10, mf.policies.ByLoad())], "list")),
    "mf.policies.Request": maker(mf.policies.Request, rules=plain(RuleSet(), "None")),
    "mf.policies.HomeBindings": maker(mf.policies.HomeBindings, at=plain("its flow", *WORDS), anchors=FLAG),
    "World.run": method("run", World.run, duration_s=SECONDS),
    "World.fork": method("fork", World.fork, seed=plain(3, "None", "-1")),
    "World.animate": method(
        "animate", World.animate, **SPAN, slow=plain([(1, 2)], "None", "list"),
        wishes=plain({1: "cell0"}, "None", "dict")),
    "World.ladder": method("ladder", World.ladder, **SPAN, data=FLAG, scale=plain("time")),
    "World.timeline": method("timeline", World.timeline, **SPAN),
    "World.tables": method("tables", World.tables, at=plain(2, "None"), since=plain(1, "None")),
    "World.inspect": method("inspect", World.inspect, number=plain(17, "True")),
    "World.listen": method(
        "listen", World.listen, flow=FLOW, **SPAN, direction=plain("up"), playout_ms=plain(150)),
    "Sound.save": Row(
        lambda world, **given: world.listen(1, 1, 2, direction="up").save(**given), (Sound.save,), {"path": FILE}),
    "World.port": Row(
        lambda world, **given: mf.figure2().port(**given), (World.port,),
        {"link": plain("wlan0"), "name": plain("you", *WORDS)}),
    "Outside.send": Row(
        lambda world, **given: mf.figure2().port("wlan0").send(**given), (Outside.send,),
        {"packet": plain(bytes([0x60]) + bytes(39)), "wait_s": SECONDS}),
    "World.pcap": method(
        "pcap", World.pcap, path=FILE, node=plain("MN", "None"), interface=plain("wlan0", "None")),
    "World.save": method("save", World.save, path=FILE),
    "World.names": method("names", World.names),
    "World.flow_names": method("flow_names", World.flow_names),
    "World.flows": method("flows", World.flows),
    "World.handovers_s": method("handovers_s", World.handovers_s),
    "World.stands": method("stands", World.stands),
    "Trace.tables": method("trace.tables", Trace.tables, at_ns=plain(10**9, "huge", "huge float", "endless")),
    "Trace.between": method(
        "trace.between", Trace.between, start_ns=plain(0, "huge", "huge float", "endless"),
        end_ns=plain(10**9, "huge", "huge float", "endless"),
    ),
    "Trace.__getitem__": method("trace.__getitem__", Trace.__getitem__, number=plain(17, "True")),
    "Trace.drops": method("trace.drops", Trace.drops),
    "Trace.changes": method("trace.changes", Trace.changes),
    "Trace.decisions": method("trace.decisions", Trace.decisions),
    "Trace.digest": method("trace.digest", Trace.digest),
    "Picture.describe": Row(lambda world: world.ladder().describe(), (lambda: None,), {}),
    "Picture.rows": Row(lambda world: world.ladder().rows(), (lambda: None,), {}),
    "Picture.bundles": Row(lambda world: world.ladder().bundles(), (lambda: None,), {}),
    "Sound.twin": Row(lambda world: world.listen(1, 1, 2, direction="up").twin(), (lambda: None,), {}),
    "Picture.twin": Row(lambda world: world.ladder().twin(), (lambda: None,), {}),
    "Replay.flow": method("replay.flow", Replay.flow, number=plain(1)),
    "Replay.check": method("replay.check", Replay.check, handover=made(lambda w: Handover(*last_flow(w)))),
    "Replay.handover": method(
        "replay.handover", Replay.handover, flow=made(lambda w: last_flow(w)[0]), interface=INTERFACE,
        at_s=made(lambda w: last_flow(w)[2])),
    "Replay.run": method("replay.run", Replay.run, duration_s=SECONDS, progress=plain(_nothing, "None")),
    "Replay.finish": method("replay.finish", Replay.finish, progress=plain(_nothing, "None")),
    "mn.open": method(
        "mn.open", Opening.open, **CALL, interface=plain("cell0", "None"),
        word=plain("w", "None", "empty", "blank", *WORDS)),
    "mn.accept": method("mn.accept", Opening.accept, **CALL, redirect=FLAG, to=plain(None, "None")),
    "mn.close": method("mn.close", Opening.close, flow=FLOW),
    "mn.handover": method(
        "mn.handover", FlowMobileNode.handover, flow=FLOW, interface=INTERFACE,
        home_follows=plain(None, "None", "True"), alone=FLAG),
    "mn.handover_all": method("mn.handover_all", FlowMobileNode.handover_all, interface=INTERFACE, break_first=FLAG),
    "mn.bind": method("mn.bind", FlowMobileNode.bind, to=plain("HA"), interface=INTERFACE),
    "mn.keep_home_address": method(
        "mn.keep_home_address", FlowMobileNode.keep_home_address, name=plain("banking", *WORDS),
        is_for=plain(lambda flow: False)),
    "mn.free_home_address": method(
        "mn.free_home_address", FlowMobileNode.free_home_address, home_address=made(lambda w: w.spare)),  # type: ignore[attr-defined]
    "mn.visit": method(
        "mn.visit", MobileNode.visit, interface_name=plain("wlan0", *WORDS),
        segment=made(lambda w: w.network.segments["cell0"]), handoff_ms=plain(5)),
    "mn.interface": method("mn.interface", MobileNode.interface, name=INTERFACE),
    "mn.interfaces": method("mn.interface", MobileNode.interface, name=INTERFACE),
    "mn.care_of_address": method("mn.care_of_address", MobileNode.care_of_address, interface_name=INTERFACE),
    "mn.networks": method(
        "mn.networks.report", mf.figure2().mn.networks.report.__func__, name=INTERFACE, cost=plain(1, "None"),
        signal=plain(0.5, "None")),
    "mn.flows": method("mn.flows.__getitem__", mf.figure2().mn.flows.__getitem__.__func__, flow_id=plain(1, "True")),
    "Interface.set_up": Row(
        lambda world, **given: world.mn.interface("cell0").set_up(**given), (Interface.set_up,), {"up": FLAG}),
    "Segment.configure": Row(
        lambda world, **given: world.network.segments["cell0"].configure(**given), (Segment.configure,),
        {"link": plain(mf.Link())}),
    "Segment.set_up": Row(
        lambda world, **given: world.network.segments["cell0"].set_up(**given), (Segment.set_up,), {"up": FLAG}),
    "Segment.tap": Row(
        lambda world, **given: world.network.segments["cell0"].tap(**given), (Segment.tap,),
        {"tap": plain(_nothing)}),
    "PolicyServer.indicate": method(
        "policy_server.indicate", mf.figure2(policy_server=True).policy_server.indicate.__func__,  # type: ignore[union-attr]
        home_address=made(lambda w: w.mn.primary_home_address), text=plain("{}", "empty", "blank", *WORDS)),
    **{f"course.{name}": row for name, row in COURSE.items()},
}  # fmt: skip
"""Every public callable."""

INSIDE = {
    "mf.apps.Application": "a protocol: nothing is made of it", "mf.apps.Periodic": "made by applications",
    "mf.policies.Choice": "given, not taken", "mf.policies.FlowFacts": "given, not taken",
    "mf.policies.NetworkState": "given, not taken", "mf.policies.Wish": "what a policy gives, which is looked at there",
    "Replay.steps": "the loop of `run` and `finish`, whose arguments are checked there",
    "Trace.forget": "called while a capture is written",
    "Trace.add_channels": "written by links",
    "Trace.hop": "written by links, for every packet",
    "Trace.carried": "read by pictures, for every packet", "Trace.packet": "read by pictures, for every packet",
    "Trace.warn_if_large": "written by the network",
    "Trace.read_columns": "read by the columns, takes nothing",
    "mn.pool": "its `cost` is a number", "mn.binding_updates": "a table to look at", "mn.home_addresses": "the same",
    "mn.calls": "a way in for those who read the source", "mn.registrar": "the same",
    "mn.opened": "a dictionary to look at", "mn.packet_keys": "what a learner's key said, to look at",
    **dict.fromkeys(("mn.assign", "mn.choose", "mn.separate", "mn.up"), "of the mobile node that lab 08 makes"),
    "mn.registered_at_home": "a table to look at", "mn.own_home_addresses": "a set to look at",
}
"""Public names that take nothing from a learner: why."""


def names() -> Iterator[str]:
    """Every public name: of the package, of its two modules, and of the classes whose values a learner holds."""
    for name in mf.__all__:
        if name not in ("apps", "policies"):
            yield f"mf.{name}"
    for name in course.__all__:
        yield f"course.{name}"
    for module in ("apps", "policies"):
        found = getattr(mf, module)
        for name in found.__all__:
            yield f"mf.{module}.{name}"
        for name, value in vars(found).items():
            own = isclass(value) and value.__module__ == found.__name__ and not getattr(value, "_is_protocol", False)
            if own and not name.startswith("_"):
                yield f"mf.{module}.{name}"
    for kind in (World, Flow, Trace, Picture, Sound, Replay):
        found = {**vars(Views), **vars(World)} if kind is World else vars(kind)
        for name, value in found.items():
            if isfunction(value) and not name.startswith("_"):
                yield f"{kind.__name__}.{name}"
    sources = [REPOSITORY / "README.md", *REPOSITORY.glob("labs/source/*.py"), *REPOSITORY.glob("docs/*.md")]
    told = " ".join(path.read_text(encoding="utf-8") for path in sources)
    for name in re.findall(r"\bmn\.(\w+)", told):
        yield f"mn.{name}"
    for name in re.findall(r"\bworld\.(\w+)\(", told):
        yield f"World.{name}"


def lacking(row: Row) -> set[str]:
    """Arguments of what is called that the row has not, or has too many."""
    there = {name for of in row.of for name in signature(of).parameters if name not in ("self", "_")}
    return (there - row.left_out) ^ set(row.arguments)
