"""`python -m tests.benchmarks`: measures, and prints a line each with what to reach. Rates are per processor second.

Without a name it measures all parts; `python -m tests.benchmarks flows crowds` measures two of them. `--peers` measures
our engine and the other simulators that are here on the same work, and says how to get the others; it installs nothing.
`--json docs/performance.json` keeps what docs/performance.md is made from: the named parts beside those that the file
has, or without a name those of the page in a file that begins anew. That takes about seven minutes.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import mipflow as mf
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_cache import Binding, BindingCache, BindingEvent
from mipflow.node.host import Host
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.trace import Trace
from mipflow.view.drawing.page import save
from mipflow.view.drawing.picture import script
from mipflow.wire.address import Prefix
from mipflow.wire.captures import capture
from mipflow.wire.packet import UDP, Header, Packet

from . import compared, record
from .budget import lines as budget_lines
from .budget import parts_of_a_packet
from .flows import assignment, carrying, growing, setting_up
from .forks import forks
from .growth import growth
from .misses import misses as counted_misses
from .peers.side_by_side import missing
from .reference import HALF_S, MIXED, REFERENCE, START_S, measure, mobile_world
from .runs import runs
from .screen import first_pictures, keeping_bytecode, redraws
from .sliders import sliders

REPOSITORY = Path(__file__).resolve().parents[2]
ROUNDS = 5
LENGTHS_S, VIEWS = (6, 60, 600), ("animate", "ladder", "timeline", "tables")
MANY = 100_000
# Plays a film for three seconds from its middle on: pictures a second, and the longest time between two (milliseconds).
PLAYS = """() => new Promise((done) => {
  const [show] = [...mipflowPlayer.shows], gaps = []; show.go(show.told.length / 4); show.play(true);
  let last = performance.now(); const end = last + 3000;
  const look = (now) => {
    gaps.push(now - last); last = now;
    if (now < end) requestAnimationFrame(look);
    else { show.play(false); done([gaps.length / 3, Math.max(...gaps.slice(2))]); }
  };
  requestAnimationFrame(look); })"""
AT_REST = """() => new Promise((done) => {
  let pictures = 0; const end = performance.now() + 3000;
  const look = (now) => { pictures += 1; if (now < end) requestAnimationFrame(look); else done(pictures / 3); };
  requestAnimationFrame(look); })"""
# Milliseconds in which the script draws a moment, in the middle of all.
DRAWS = """() => {
  const [show] = [...mipflowPlayer.shows], count = 1000, begin = performance.now();
  for (let n = 0; n < count; n += 1) show.seek(show.told.length * n / count);
  return (performance.now() - begin) / count; }"""
IN_FLIGHT = """() => { const [show] = [...mipflowPlayer.shows]; let most = 0;
  for (let ms = 0; ms < show.told.length; ms += 50) { show.go(ms);
    most = Math.max(most, show.stages[0].layers.flatMap(({ seen }) => seen).reduce((so, { count }) => so + count, 0)); }
  return most; }"""


SHOWN: list[tuple[str, str, str]] = []
"""All lines so far."""


def show(what: str, value: str, reach: str) -> None:
    """One line of the table."""
    SHOWN.append((what, value, reach))
    print(f"{what:<52} {value:>16}   {reach}", flush=True)


def engine() -> None:
    """The exact engine against the bare heap, with the reference work and the mixed one."""
    bars = {"trace off": "at least 0.28, aim 0.33", "trace on": "at least 0.22, aim 0.28"}
    of_mixed = {"trace off": "at least 0.112", "trace on": "at least 0.096"}  # 0.099 and 0.088, and the same gain
    for work, works, reach in (("reference work", REFERENCE, bars), ("mixed work", MIXED, of_mixed)):
        rounds = [measure(works) for _ in range(ROUNDS)]
        middle = {name: median(one[name] for one in rounds) for name in rounds[0]}
        show("bare heap", f"{middle['bare heap']:,.0f} events/s", "")
        for name in bars:
            show(f"{work}, {name}", f"{middle[name]:,.0f} hops/s", "")
            show("  divided by the bare heap of the same run", f"{middle[f'{name} / bare heap']:.3f}", reach[name])


def peers() -> list[dict[str, Any]]:
    """All works by all engines; docs/performance.md keeps each rate."""
    for words in missing():
        print(words)
    rows = compared.compare()
    for line in compared.lines(rows):
        show(*line)
    return [compared.kept(row) for row in rows]


def budget() -> dict[str, list[float]]:
    """The parts of a packet's time; docs/performance.md keeps them all."""
    parts = parts_of_a_packet()
    for line in budget_lines(parts):
        show(*line)
    return parts


def export() -> None:
    """Writing a traced run as a capture."""
    network, _ = mobile_world("route_optimisation", "all")
    network.run_until(round((START_S + HALF_S) * NS_PER_S))
    trace = network.trace
    with tempfile.TemporaryDirectory() as folder:
        begin = process_time()
        count = capture.write(Path(folder) / "run.pcap", zip(trace.started, trace.packets, strict=True))
        show("pcap export", f"{count / (process_time() - begin):,.0f} packets/s", "at least 50 000, aim 200 000")


def import_time() -> None:
    """`import mipflow` in a fresh interpreter, less the interpreter's own start."""

    def spent(code: str) -> float:
        begin = perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return perf_counter() - begin

    times = [spent("import mipflow") - spent("pass") for _ in range(ROUNDS)]
    show("import mipflow", f"{median(times):.3f} s", "at most 0.3, aim 0.1")
    times = [spent("import mipflow as mf; mf.figure2()") - spent("pass") for _ in range(ROUNDS)]
    show("import mipflow and mf.figure2()", f"{median(times):.3f} s", "")


def pictures() -> None:
    """The kernel's part of the tour's first picture, cold, and of a panel's redraw; the browser's comes on top."""
    cells = json.loads((REPOSITORY / "labs" / "00_tour.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    code = code[: next(number for number, source in enumerate(code, 1) if source.endswith('part("00", "first")'))]
    code[-1] += ".bundles()"
    command = [sys.executable, "-c", "\n".join(code)]
    spent = []
    with keeping_bytecode():
        for _ in range(1 + ROUNDS):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    show("the tour's first picture, cold, in the kernel", f"{median(spent[1:]):.3f} s", "at most 1.5, of 3 seen")
    panel = mf.panel()
    panel.button.click()
    times = []
    for number in range(2 * ROUNDS):
        panel.controls["flow"].value = ("call", "video")[number % 2]
        begin = process_time()
        panel.button.click()
        times.append(process_time() - begin)
    assert panel.result is not None
    show("a panel's redraw, in the kernel", f"{median(times):.3f} s", "at most 0.2, of 0.5 on the screen")


def views() -> None:
    """Every picture of README's example with what goes into the notebook, after a minute and, by ratio, after ten: of
    the whole time the first one of a trace, which reads all of it, and later ones; then the first one of six seconds.
    """
    spent: dict[int, dict[str, tuple[float, float]]] = {}
    for duration_s in LENGTHS_S:  # the shortest imports what is imported late
        world, spent[duration_s] = call_and_video(duration_s), {}
        for name in VIEWS:
            times = [picture_s(world, name) for _ in range(ROUNDS)]
            spent[duration_s][name] = times[0], median(times)
    for name, took in spent[60].items():
        for which, seconds, longer in zip(("the first", "a later"), took, spent[600][name], strict=True):
            most = f"at most {100 if name == 'animate' else 50}"
            show(f"{which} {name}() of 60 s, in the kernel", f"{seconds * 1000:.1f} ms", most)
            show("  of 600 s divided by that", f"{longer / seconds:.1f}", "1" if name != "timeline" else "at most 10")
    for name in VIEWS:
        short, long = (
            median(picture_s(call_and_video(length_s), name, length_s / 2 - 3, length_s / 2 + 3) for _ in range(ROUNDS))
            for length_s in LENGTHS_S[1:]
        )
        show(f"the first {name}() of six seconds, after 60 s", f"{short * 1000:.1f} ms", "")
        show("  after 600 s divided by that", f"{long / short:.1f}", "1")
    sent = "".join(bundle["text/html"] for bundle in call_and_video(60).animate().bundles()).replace(script(), "")
    show("a film of 60 s sends, besides the script", f"{len(sent.encode()) / 1000:.1f} kB", "at most 60")


def call_and_video(length_s: float) -> World:
    """Run a call and a video, which is handed over in the middle."""
    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice())
    video = world.mn.open(world.cn1, mf.apps.Video())
    world.run(length_s / 2)
    world.mn.handover(video, "cell0")
    return world.run(length_s / 2)


def picture_s(world: World, name: str, *span_s: float) -> float:
    """Return the processor seconds of a picture of a span, or of all; tables are of its end."""
    gc.collect()
    begin = process_time()
    getattr(world, name)(*(span_s[1:] if name == "tables" else span_s)).bundles()
    return process_time() - begin


def films() -> None:
    """A film in Chromium with thirty packets in flight: pictures a second as it plays, and the longest between two."""
    from playwright.sync_api import sync_playwright

    from tests.conftest import CHROMIUM_FLAGS

    world = mf.figure2(seed=7)
    for _ in range(3):
        world.mn.open(world.cn1, mf.apps.Voice(interval_ms=4))
    video = world.mn.open(world.cn1, mf.apps.Video())
    world.run(6)
    world.mn.handover(video, "cell0")
    world.run(1)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(save(Path(folder) / "film.html", [world.animate(6.05, 6.15)], "A film").as_uri())
        page.locator(".mipflow-driven").wait_for()
        page.wait_for_timeout(1000)
        found = [page.evaluate(PLAYS) for _ in range(ROUNDS)]
        rest = [page.evaluate(AT_REST) for _ in range(ROUNDS)]
        draws, packets = page.evaluate(DRAWS), page.evaluate(IN_FLIGHT)
        browser.close()
    show("packets in flight in a film, at most", str(packets), "at least 30")
    show("pictures a second while it plays", f"{median(rate for rate, _ in found):.1f}", "at least 55")
    show("  longest between two of them", f"{median(worst for _, worst in found):.0f} ms", "at most 50")
    share = median(rate for rate, _ in found) / median(rest)
    show("  divided by those of a page at rest", f"{share:.2f}", "at least 0.92: 55 of 60")
    show("the script's time for a picture", f"{draws:.2f} ms", "at most 1, of 16.7")


def slider() -> None:
    """Measure the way from a slider to its picture."""
    for what, value, reach in sliders():
        show(what, value, reach)


def screen() -> None:
    """Measure the waits of a learner in JupyterLab."""
    for what, value, reach in (*first_pictures(), *redraws()):
        show(what, value, reach)


def memory() -> None:
    """Octets per packet in flight, plain and tunnelled, and per traced hop."""
    network = Network(trace="off")
    segment = network.add_segment("link", Link(delay_ms=1000, rate_bps=None), Prefix.parse("2001:db8::/64"))
    one, other = Host(network, "one"), Host(network, "other")
    one.settle(segment, 1)
    other.settle(segment, 2)
    ends, tunnel = (one.address, other.address), {"tunnel": (one.address, other.address)}
    datagram, count = UDP(1, 2, bytes(160)), 20_000
    for name, how, reach in (("plain", {}, "at most 256, aim 192"), ("tunnelled", tunnel, "at most 512, aim 384")):
        road = one.road(name, *ends, **how)
        assert road is not None
        send = road.line(Header(*ends), network.clock, one.send)
        gc.collect()
        tracemalloc.start()
        for number in range(count):
            network.clock.now = number * 1000 + 10**6
            send(datagram)
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        show(f"memory per packet in flight, {name}", f"{used / count:.0f} octets", reach)
        network.clock.heap.clear()
    tracemalloc.start()
    trace = Trace()
    kept = Packet(one.address, other.address, datagram)
    for number in range(count):
        trace.hop(kept, 0, number * 1000, number * 1000, number * 1000 + 5)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    show("memory per traced hop, its packet aside", f"{used / count:.0f} octets", "at most 64, aim 40")


def bindings() -> None:
    """A binding cache of 100,000: octets for each, and its lookups and refreshes against those of ten thousand."""
    home, care_of = Prefix.parse("2001:db8:100::/64"), Prefix.parse("2001:db8:200::/64")

    def filled(count: int) -> BindingCache:
        cache = BindingCache()
        for number in range(count):
            cache.step(BindingEvent.ACCEPT, bound(number, number))
        return cache

    def bound(number: int, expires_ns: int) -> Binding:
        return Binding(home.address(number), care_of.address(number), number & 0xFFFF, 10**12 + expires_ns, True)

    def spent(cache: BindingCache, count: int, refresh: bool) -> float:
        known = [home.address(number * 7919 % count) for number in range(20_000)]
        begin = process_time()
        if refresh:
            for number, home_address in enumerate(known):
                cache.step(BindingEvent.ACCEPT, bound(home_address.interface_identifier, 10**12 + number))
        else:
            for home_address in known:
                cache.get(home_address)
        return process_time() - begin

    gc.collect()
    tracemalloc.start()
    many = filled(MANY)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    few = filled(10_000)
    show("memory per binding of 100,000", f"{used / MANY:.0f} octets", "at most 1000")
    for name, refresh, reach in (("lookup", False, "1, but for caches of the processor"), ("refresh", True, "1.25")):
        ratio = median(spent(many, MANY, refresh) / spent(few, 10_000, refresh) for _ in range(ROUNDS))
        show(f"{name} among 100,000 divided by one among 10,000", f"{ratio:.2f}", reach)


def crowds() -> None:
    """Up to ten thousand mobile nodes."""
    for what, value, reach in growth():
        show(what, value, reach)


def captures() -> None:
    """`mipflow run` with many packets, and with many flows."""
    for what, value, reach in runs():
        show(what, value, reach)


def forking() -> None:
    """Forks of worlds."""
    for what, value, reach in forks():
        show(what, value, reach)


def flows() -> None:
    """Many flows on one mobile node."""
    for lines in (assignment(), carrying(), setting_up()):
        for what, value, reach in lines:
            show(what, value, reach)


def calls() -> None:
    """More and more calls on one mobile node."""
    for what, value, reach in growing():
        show(what, value, reach)


def misses() -> None:
    """Count misses of the processor's caches with valgrind."""
    for what, value, reach in counted_misses():
        show(what, value, reach)


PARTS: dict[str, Callable[[], Any]] = {
    part.__name__: part
    for part in (
        engine, peers, budget, export, import_time, pictures, views, slider, films, screen, memory, bindings, flows,
        calls, misses, crowds, forking, captures,
    )
}  # fmt: skip
"""Name -> part; what a part returns is kept beside its lines."""
OF_THE_PAGE = "peers budget crowds calls slider views forking memory import_time".split()


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure speed and memory.")
    parser.add_argument("part", nargs="*", help=f"one of {', '.join(PARTS)}; all without a name")
    parser.add_argument("--peers", action="store_true", help="the part peers: ours and other simulators, the same work")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what is measured: docs/performance.json")
    asked = parser.parse_args()
    named = [*asked.part, *["peers"] * asked.peers]
    for name in set(named) - set(PARTS):
        parser.error(f"{name!r} is not a part; expected one of {', '.join(PARTS)}")
    if asked.json and not named:
        asked.json.unlink(missing_ok=True)
    for name in named or (OF_THE_PAGE if asked.json else PARTS):
        begin, first = time.time(), len(SHOWN)
        rows = PARTS[name]()
        if asked.json:
            record.add(asked.json, name, begin, SHOWN[first:], rows)


if __name__ == "__main__":
    main()
