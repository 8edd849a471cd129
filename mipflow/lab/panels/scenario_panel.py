"""The ready panel of the patent's Figure 2: links, flows, policy, rules, a move, a picture.

Takes the choices; gives the Python text that they stand for, and runs that text: what is shown to be copied is what the
button does.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple, get_args

from mipflow.arguments import MILLISECONDS, SECONDS, SEED, WORD, check, fits, several
from mipflow.arguments import number as numbers
from mipflow.errors import ProtocolMisuse, shown
from mipflow.flow.redirector import AssignmentRules, Method
from mipflow.lab.forking.fork import fork
from mipflow.lab.panels.panel import Control, Panel, choice, flag, number
from mipflow.lab.scenarios import LINKS
from mipflow.lab.views import WORLDS
from mipflow.lab.world import World
from mipflow.mip6.mobile_node import DATA_MODES
from mipflow.sim.clock import NS_PER_MS, seconds
from mipflow.sim.link import PROBABILITY
from mipflow.view.drawing.picture import Picture
from mipflow.view.drawing.style import escape
from mipflow.view.story.words import network

PIECE_S = 0.05
"""Seconds of real time that a piece of a run takes, about."""
WORTH_S = 0.04
"""Seconds of real time from which on a run is kept for the next text that begins alike: a fork takes a quarter of it.
"""
MOST_LETTERS = 88
"""The most letters of a call in one line."""
MODE = "route_optimisation"
COST, PART = numbers(0, 10**9), numbers(0, 1)
NONE, ALL = "none", "all flows"
APPS = {"call with": "mf.apps.Voice", "video from": "mf.apps.Video", "file from": "mf.apps.FileTransfer",
        "ping to": "mf.apps.Echo"}  # fmt: skip
FLOWS = {NONE: NONE, **{f"{words} {cn}": f"{words} {cn}" for words in APPS for cn in ("CN1", "CN2")}}
FIRST_FLOWS = ("call with CN1", "video from CN1", NONE, NONE)
PLACES = [f"flow_{place}" for place, _ in enumerate(FIRST_FLOWS, start=1)]
RULES = ("avoid_primary", "never_primary", "tunnel_as_one", "optimistic")
NETWORKS = {"cellular network": "cell0", "WLAN": "wlan0"}
INTERVALS = {
    "the links say so at once": (), "advertisements, every 0.03 to 0.07 s": (0.03, 0.07),
    "advertisements, every 0.5 to 1.5 s": (0.5, 1.5), "advertisements, every 1 to 3 s": (1.0, 3.0),
}  # fmt: skip
"""Least and most seconds between router advertisements, or nothing; the shortest are those of RFC 6275 section 7.5."""
POLICIES = {
    "none": "", "the user likes the WLAN best": 'mf.policies.ByUser(["wlan0", "cell0"])',
    "the user likes the cellular network best": 'mf.policies.ByUser(["cell0", "wlan0"])',
    "the cheapest network": "mf.policies.ByCost()", "the stronger signal": "mf.policies.BySignal()",
    "the network with less load": "mf.policies.ByLoad()",
}  # fmt: skip
PICTURES = {"film": "animate({begin}, {end})", "ladder": "ladder({begin}, {end})", "timeline": "timeline()",
            "tables": "tables()"}  # fmt: skip
BEFORE_S, AFTER_S = 0.3, 0.7
"""Seconds before and after the move that a picture shows."""


class Source(str):
    """Python that is written into a text as it is."""


class Ran(NamedTuple):
    """The outcome of a text: its world, and the value of its last line."""

    world: World
    picture: Picture


def panel(open: Sequence[str] = ("flow", "network"), **choices: Any) -> Panel:
    """Make a panel of the patent's Figure 2: choose links, flows, policy, rules and a move; run; see what came of it.

    open: the names of the choices that stand in the open, two at most; all others are folded. choices: what stands in
    them first, by name, such as `panel(open=("wlan_loss", "picture"), wlan_loss=0.1, picture="timeline")`.
    `panel().controls` has all names, `panel().python` the text. Raises ProtocolMisuse for a name that there is not, and
    for what cannot be chosen.
    """
    check(several(WORD, "names of choices"), open=open)
    controls = {control.name: control for control in _controls()}
    for name in (*open, *choices):
        if name not in controls:
            raise ProtocolMisuse(f"no choice is called {shown(name)}; expected some of {', '.join(controls)}", name)
    _follow_flows(controls)
    for name, value in choices.items():
        controls[name].check(value)
        controls[name].widget.value = value
    first = dict.fromkeys(open)
    order = [controls[name]._replace(group="") for name in first]
    order += [control for name, control in controls.items() if name not in first]
    kept: Kept = {}
    return Panel(order, run=lambda **chosen: perform(script(**chosen), kept), show=_show, python=script)


def _controls() -> Iterator[Control]:
    move, links, flows, policy, rules = "When, and what to see", "Network", "Flows", "Policy", "Rules"
    yield choice("flow", "Move the", {NONE: NONE}, group=move)
    yield choice("network", "to the", NETWORKS, group=move)
    yield number("moment_s", "at second", 4.0, SECONDS, move, 0.1)
    yield number("then_s", "seconds after that", 2.0, SECONDS, move, 0.5)
    yield choice("picture", "show", {name: name for name in PICTURES}, group=move)
    for words, name, link in (("WLAN", "wlan", "wlan0"), ("cellular network", "cell", "cell0")):
        yield number(f"{name}_delay_ms", f"{words}: delay, ms", LINKS[link].delay_ms, MILLISECONDS, links)
        yield number(f"{name}_loss", f"{words}: loss, 0 to 1", 0.0, PROBABILITY, links, 0.01)
    yield number("ha_delay_ms", "to the home agent: delay, ms", LINKS["Internet-HA"].delay_ms, MILLISECONDS, links)
    yield choice("advertisements", "a movement is noticed because of", INTERVALS, group=links)
    yield choice("mode", "data goes by", {mode.replace("_", " "): mode for mode in DATA_MODES}, MODE, links)
    yield flag("reuse_tokens", "use tokens again while they are fresh", True, links)
    yield number("seed", "seed of all that is random", 7, SEED, links)
    for place, first in zip(PLACES, FIRST_FLOWS, strict=True):
        yield choice(place, place.replace("_", " "), FLOWS, first, flows)
    yield number("start_s", "all begin at second", 3.0, SECONDS, flows, 0.5)
    yield choice("policy", "who chooses", POLICIES, group=policy)
    for words, name in (("WLAN", "wlan"), ("cellular network", "cell")):
        yield number(f"{name}_cost", f"{words}: cost of a megabyte, at the move", 0.0, COST, policy, 0.1)
        yield number(f"{name}_signal", f"{words}: signal, 0 to 1, at the move", 1.0, PART, policy, 0.1)
    yield choice("method", "flows are kept apart by", {word: word for word in get_args(Method)}, group=rules)
    yield flag("avoid_primary", "take the primary home address last", True, rules)
    yield flag("never_primary", "never take the primary", False, rules)
    yield flag("tunnel_as_one", "correspondents without route optimisation count as one", True, rules)
    yield flag("optimistic", "a correspondent counts as optimising until it shows otherwise", True, rules)


def _follow_flows(controls: Mapping[str, Control]) -> None:
    """Offer exactly the flows that there are to be moved."""
    moved, places = controls["flow"].widget, [controls[place].widget for place in PLACES]

    def fill(_: object) -> None:
        before, names = moved.value, [name for name, _ in opened(widget.value for widget in places)]
        moved.options = [*names, ALL, NONE]
        moved.value = before if before in moved.options else (names or [NONE])[-1]

    for widget in places:
        widget.observe(fill, "value")
    moved.options = [NONE]
    fill(None)
    moved.value = "video"


# --- the text ---------------------------------------------------------------------------------------------------------


def script(**chosen: Any) -> str:
    """Write the Python text for the choices of `panel`, without defaults, as one would type it."""
    links = {link: Source(_call("mf.Link", **like)) for link, like in _links(chosen)}
    rules = {name: chosen[name] for name in ("method", *RULES) if chosen[name] != getattr(AssignmentRules(), name)}
    policy = chosen["policy"] and Source(f"mf.policies.Policies([(10, {chosen['policy']})])")
    settings: list[tuple[str, Any, object]] = [
        ("seed", chosen["seed"], None), ("links", links, {}), ("mode", chosen["mode"], MODE),
        ("reuse_tokens", chosen["reuse_tokens"], True), ("advertisements", chosen["advertisements"], ()),
        ("link_hints", not chosen["advertisements"], True), ("policy", policy, ""),
        ("rules", rules and Source(_call("mf.AssignmentRules", **rules)), {}),
    ]  # fmt: skip
    made = _call("mf.figure2", **{name: value for name, value, usual in settings if value != usual})
    lines = ["import mipflow as mf", "", f"world = {made}"]
    for name, flow in opened(chosen[place] for place in PLACES):
        words, _, cn = flow.rpartition(" ")
        app = _call(APPS[words], start_s=chosen["start_s"])
        lines += [f"{name.replace(' ', '_')} = world.mn.open(world.{cn.lower()}, {app})"]
    moment_s, then_s = chosen["moment_s"], chosen["then_s"]
    lines += [f"world.run({_source(moment_s)})", *_move(chosen), f"world.run({_source(then_s)})", ""]
    begin, end = (_source(round(at_s, 9)) for at_s in (max(moment_s - BEFORE_S, 0.0), moment_s + AFTER_S))
    return "\n".join([*lines, f"world.{PICTURES[chosen['picture']].format(begin=begin, end=end)}"])


def opened(flows: Iterable[str]) -> list[tuple[str, str]]:
    """Return the flows that are chosen, each with the name that the world will give it."""
    there = [flow for flow in flows if flow != NONE]
    words = [flow.split()[0] for flow in there]
    counts = [words[:place].count(word) + 1 for place, word in enumerate(words)]
    names = [word if number == 1 else f"{word} {number}" for word, number in zip(words, counts, strict=True)]
    return list(zip(names, there, strict=True))


def _links(chosen: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, link in (("wlan", "wlan0"), ("cell", "cell0"), ("ha", "Internet-HA")):
        delay_ms, loss = chosen[f"{name}_delay_ms"], chosen.get(f"{name}_loss", 0)
        if (delay_ms, loss) != (LINKS[link].delay_ms, 0):
            yield link, {"delay_ms": delay_ms, "rate_bps": LINKS[link].rate_bps, **({"loss": loss} if loss else {})}


def _move(chosen: Mapping[str, Any]) -> Iterator[str]:
    for name, at in (("wlan", "wlan0"), ("cell", "cell0")):
        said = ("cost", chosen[f"{name}_cost"], 0), ("signal", chosen[f"{name}_signal"], 1)
        told = {key: value for key, value, usual in said if value != usual}
        if told:
            yield f"world.mn.networks.report({_source(at)}, {_keywords(told)})"
    flow, interface = chosen["flow"], _source(chosen["network"])
    if flow != NONE:
        one = f"world.mn.handover({flow.replace(' ', '_')}, {interface})"
        yield f"world.mn.handover_all({interface})" if flow == ALL else one


def _call(_name: str, **keywords: object) -> str:
    text = f"{_name}({_keywords(keywords)})"
    if len(text) > MOST_LETTERS:
        text = f"{_name}(\n" + "".join(f"    {_keywords({key: value})},\n" for key, value in keywords.items()) + ")"
    return text


def _keywords(keywords: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={_source(value)}" for key, value in keywords.items())


def _source(value: object) -> str:
    match value:
        case Source():
            return str(value)
        case str():
            return json.dumps(value)
        case dict():
            return f"{{{', '.join(f'{_source(key)}: {_source(each)}' for key, each in value.items())}}}"
        case float() if value.is_integer():
            return f"{int(value):_}"
        case int() if not isinstance(value, bool):
            return f"{value:_}"
    return repr(value)


# --- the run ----------------------------------------------------------------------------------------------------------


Kept = dict[str, dict[str, Any]]
"""The beginning of a text, up to the end of a run -> the variables there, of a world that nobody else has."""


def perform(text: str, kept: Kept | None = None) -> Generator[float, None, Ran]:
    """Run a text that makes `world`, lets it run and ends in a picture, statement by statement; `world.run(seconds)` in
    pieces, after each of which the share of all that is done is given.

    kept: worlds of earlier texts, one of which is forked where this text begins alike; the world after each long run
    but the last is entered there.
    """
    statements, lines, kept = ast.parse(text).body, text.splitlines(keepends=True), {} if kept is None else kept
    for other in [beginning for beginning in kept if not text.startswith(beginning)]:
        del kept[other]
    done_text = max(kept, key=len, default="")
    space: dict[str, Any] = _forked(kept[done_text]) if done_text else {}
    total, done, begun = sum(map(_seconds_of, statements)), 0.0, perf_counter()
    for statement in statements[:-1]:
        lasts, beginning = _seconds_of(statement), "".join(lines[: statement.end_lineno])
        if len(beginning) > len(done_text):
            if not lasts:
                exec(compile(ast.Module([statement], []), "<panel>", "exec"), space)
                continue
            for share in pieces(space["world"], lasts):
                yield (done + share * lasts) / total
            if perf_counter() - begun > WORTH_S and done + lasts < total:
                kept[beginning] = _forked(space)
        done += lasts
    last = statements[-1]
    assert isinstance(last, ast.Expr)
    return Ran(space["world"], eval(compile(ast.Expression(last.value), "<panel>", "eval"), space))


def _forked(space: Mapping[str, Any]) -> dict[str, Any]:
    """Fork the world of some variables, and what of it is in the others."""
    own = {name: value for name, value in space.items() if name != "__builtins__"}
    made = fork(space["world"].network, own)
    WORLDS.add(made["world"])
    return made


def _seconds_of(statement: ast.stmt) -> float:
    """Return the seconds that a statement `world.run(a number)` lets the world run; 0 for any other."""
    match statement:
        case ast.Expr(
            ast.Call(ast.Attribute(ast.Name("world"), "run"), [ast.Constant(int() | float() as lasts)], [])
        ) if fits(lasts, SECONDS):
            return float(lasts)
    return 0.0


def pieces(world: World, duration_s: float) -> Generator[float]:
    """Do as `world.run(duration_s)` in pieces of about `PIECE_S` of real time; yield the share that is done after each.
    What happens in the world is the same. Raises ProtocolMisuse as `run` does.
    """
    check(SECONDS, duration_s=duration_s)
    network, clock = world.network, world.network.clock
    begin = clock.now
    end, piece = begin + seconds(duration_s), 10 * NS_PER_MS
    while clock.now < end:
        began = perf_counter()
        network.run_until(min(clock.now + piece, end))
        piece = max(1, int(piece * min(2.0, PIECE_S / (perf_counter() - began + 1e-9))))
        yield (clock.now - begin) / (end - begin)


def _show(ran: Ran) -> list[Any]:
    """Return a sentence about the roads and losses of the flows, and the picture."""
    world, names = ran.world, ran.world.flow_names()
    told = [f"{names[flow.id]} over {network(flow.interface)}, {flow.stats.up.lost + flow.stats.down.lost} lost"
            for flow in world.flows()]  # fmt: skip
    return [escape(f"At {world.now:g} s: {'; '.join(told) or 'no flow'}."), ran.picture]
