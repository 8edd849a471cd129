"""Words from outside are shown, letter by letter, in every view: no tag, entity, formula or template in them acts."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import mipflow as mf
from mipflow.flow.policy.rules import Rule, RuleSet
from mipflow.lab.panels import cells
from mipflow.lab.world import World
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.node.applications.recorded import Datagram
from mipflow.node.router import AccessRouter, join_routers
from mipflow.sim.link import Link
from mipflow.view.drawing.page import page
from mipflow.view.drawing.picture import Picture
from mipflow.wire.address import Prefix
from tests.lab.frames import LAPTOP, MEDIA, udp, write
from tests.view.drawing.test_page import unpacked

OURS = ("<b>", "</b>", "<br>", "<i>", "</i>", "<span style='font-size:10px'>", "</span>")
"""Tags that this package itself writes into labels."""


def word(of: str) -> str:
    """A word that plotly, MathJax or a browser would take for something else."""
    return f"<u>{of}</u><b>!</b>&amp;<script>hit('{of}')</script><img src=x onerror=hit('{of}')>$x$%{{meta.title}}"


LEFTWARD = "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}"
TOLD = ("application", "host", "link", "interface", "reason", "policy", "error")
"""Events of which every view has a sentence."""


@pytest.fixture(scope="module")
def hostile() -> World:
    return named(word)


def named(word: Callable[[str], str]) -> World:
    """Run a world with everything that can be named, in which something is lost, refused and decided."""
    fail: list[bool] = []

    class Named(mf.apps.Voice):
        """Make a call of another name."""

        __slots__ = ()
        name = word("application")

    def policy(flow: Any, networks: Any) -> Any:
        if fail:
            raise ValueError(word("error"))
        return (word("interface") if flow.traits.application == "video" else "wlan0"), word("policy")

    rules = RuleSet((Rule("r", 1, flow=word("word"), protocol="TCP"),))
    world = mf.figure2(seed=7, policy=policy, operator=rules)
    world.title, network = word("title"), world.network
    router = AccessRouter(network, word("router"), 2.0, 2.6)
    join_routers(network, router, world.internet, Link())
    segment = network.add_segment(word("link"), Link(loss=0.05), Prefix.parse("2001:db8:500::/64"))
    router.serve(segment)
    world.mn.visit(word("interface"), segment)
    near = network.add_segment("near", Link(loss=0.02), Prefix.parse("2001:db8:e::/64"))
    world.internet.serve(near)
    host = CorrespondentNode(network, word("host"), 6.0, -2.0)
    host.settle(near, 5)
    world.run(5)
    flows = [world.mn.open(cn, app) for cn in (world.cn1, host) for app in (Named(), mf.apps.Video())]
    world.mn.open(world.cn2, mf.apps.FileTransfer(20_000))
    seen: list[int] = []
    near.tap(lambda packet, now: word("reason") if len(seen) < 5 and not seen.append(now) else None)  # type: ignore[func-returns-value]
    world.run(2)
    world.mn.handover(flows[0], word("interface"))
    fail.append(True)
    world.mn.open(world.cn1, Named())
    world.run(2)
    return world


@pytest.fixture(scope="module")
def pictures(hostile: World) -> list[Picture]:
    number = next(hop.number for hop in hostile.trace if hop.packet.innermost().flow and hop.channel.sender == "MN")
    own = [hostile.animate(5, 9), hostile.ladder(5, 9), hostile.ladder(7, 7.1, data=True), hostile.timeline(5, 9)]
    return [*own, hostile.tables(), hostile.inspect(number)]


def test_no_letter_hides_or_turns_others_around() -> None:
    """A page has none that XML forbids, or that draws the words behind it along; what runs leftwards is isolated."""
    world = named(lambda of: f"{of}\0\x1b\u202e\x85\ufffe\u2028{LEFTWARD} {LEFTWARD} 7")
    number = next(hop.number for hop in world.trace if hop.packet.innermost().flow and hop.channel.sender == "MN")
    told = [world.animate(5, 9), world.ladder(5, 9), world.ladder(7, 7.1, data=True), world.timeline(5, 9)]
    told += [world.tables(), world.inspect(number), mf.state_machines(world), world.listen(1, 5, 9)]
    for picture in [*told, mf.compare(world, world, 5, 9)]:
        for _, text in strings([picture.describe(), *picture.bundles(), picture.figure]):
            text = re.sub("data-row='[^']*'", "", text)
            assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\ufffe]", text), picture.title
            assert re.sub(f"\u2068[{LEFTWARD} ]*\u2069", "", text).find(LEFTWARD[0]) < 0, picture.title
        for image in (picture.figure or {}).get("layout", {}).get("images", ()):
            ElementTree.fromstring(b64decode(image["source"].partition(",")[2]))


@pytest.fixture(scope="module")
def alone() -> Picture:
    """Run one flow, of which not every packet is drawn: the picture says so with its name."""
    world = mf.figure2()
    script = [Datagram(20_000_000 * number, True, 9) for number in range(400)]
    world.mn.open(world.cn1, mf.apps.Recorded("UDP", script, name=word("application")))
    return world.run(6).animate(3, 6, slow=[(3, 6)])


def strings(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a figure, with its place."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from strings(each, f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each, place)
    elif isinstance(value, str):
        yield place, value


def labels(picture: Picture) -> list[str]:
    """Yield the texts that plotly writes; `meta` is read by player.js."""
    return [text for place, text in strings(picture.figure) if not place.startswith(".layout.meta")]


def test_no_word_acts_in_a_label(pictures: list[Picture], alone: Picture) -> None:
    assert any("packet in" in bundle["text/html"] for bundle in alone.bundles())
    for picture in (*pictures, alone):
        for text in labels(picture):
            rest = text
            for tag in OURS:
                rest = rest.replace(tag, "")
            assert not re.search(r"[<>$]|%\{|&(?!#\d+;)", rest), text


def test_every_word_is_shown_letter_by_letter(pictures: list[Picture]) -> None:
    """Return a text as plotly shows it: without our tags, its entities read."""
    shown = "\n".join(unescape(re.sub("<[^<>]*>", "", text)) for each in pictures for text in labels(each))
    shown += "".join(Tags(bundle["text/html"]).text for each in pictures for bundle in each.bundles())
    told = "\n".join(each.describe() for each in pictures)
    for kind in TOLD:
        assert word(kind) in told, kind
    for kind in ("application", "host", "interface", "reason"):  # a router is called by its interface
        assert word(kind) in shown, kind


class Tags(HTMLParser):
    """Collects the tags of a page, and its text, scripts that the player puts into the page included."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.text = ""
        self._inside: str | None = None
        """The text so far of a script that holds HTML, while one is read."""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        assert not any(name.startswith("on") or name == "src" for name, _ in attributes)
        assert tag != "script" or not attributes or attributes[0][1] in ("text/html", "text/plain")
        if tag == "script" and attributes == [("type", "text/html")]:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self._inside += data
        elif self.cdata_elem is None:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._inside is not None:
            inside = Tags(self._inside)
            self.found |= inside.found
            self.text += inside.text
            self._inside = None


def test_jupyterlab_takes_nothing_of_it_for_a_formula(hostile: World, pictures: list[Picture]) -> None:
    """Its MathJax reads whatever is shown as HTML, but for what has this class."""
    told = [cells.shown(each).html() for each in (hostile, hostile.mn, hostile.mn.flows)]
    told += [each["text/html"] for one in (*pictures, mf.compare(hostile, hostile, 5, 9)) for each in one.bundles()]
    for html in told:
        rest = re.sub(r"<style>.*?</style>|<div class='mipflow-(lead'>|figure'>.*)", "", html, flags=re.DOTALL)
        assert re.match("<(div|p) class='[^']*mathjax_ignore'|$", rest), rest[:200]


def test_no_word_acts_in_a_page_or_a_notebook(pictures: list[Picture], hostile: World) -> None:
    saved = page(pictures, hostile.title)
    figures = [found for found in unpacked(saved) if "data" in found]
    assert figures == [each.figure for each in pictures if not each.html]
    for text in (saved, *(bundle["text/html"] for each in pictures for bundle in each.bundles())):
        tags = Tags(re.sub(r"<script>/\*\*\n\* plotly\.js.*?</script>", "", text, flags=re.DOTALL))
        assert not tags.found & {"img", "u"}
    words = Tags(saved).text
    for kind in (*TOLD, "title"):
        assert word(kind) in words, kind


def test_a_capture_of_any_name_is_replayed_and_drawn(tmp_path: Path) -> None:
    """The name of a file is no markup, and no path of another folder."""
    path = write(tmp_path / "<b>x<b>$a$.pcap", [(10 * n, udp(LAPTOP, 1, MEDIA, 5004)) for n in range(4)])
    world = mf.figure2(traffic=path)
    world.run(1)
    for picture in (world.animate(), world.ladder(), world.timeline()):
        assert not any("x<b>" in text for text in labels(picture))
    assert repr(world.replay).startswith("<Replay of <b>x<b>$a$.pcap: 1 flows")


def test_letters_that_no_file_can_hold_are_replaced(tmp_path: Path) -> None:
    world = mf.figure2().run(3)
    world.title = "half a letter: \ud800"
    world.save(tmp_path / "page.html")
    assert "half a letter: ?" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_browser_shows_the_words_and_runs_none(hostile: World, browser_page: Any, tmp_path: Path) -> None:
    hostile.save(tmp_path / "page.html")
    browser_page.add_init_script("window.hits = []; window.hit = (kind) => hits.push(kind)")
    browser_page.goto((tmp_path / "page.html").as_uri())
    browser_page.locator(".mipflow-driven").first.wait_for()
    drawn = browser_page.evaluate("[...document.querySelectorAll('svg text')].map((each) => each.textContent)")
    for kind in ("host", "application"):
        assert any(word(kind)[:17] in each for each in drawn), kind  # a drawing has room for so much of a name
    assert browser_page.evaluate("[hits.length, document.querySelectorAll('img').length]") == [0, 0]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_name_of_200_letters_without_a_gap_widens_no_page(browser_page: Any, tmp_path: Path, width: int) -> None:
    named(lambda of: of[0].upper() + "W" * 200).save(tmp_path / "page.html")
    browser_page.set_viewport_size({"width": width, "height": 720})
    browser_page.goto((tmp_path / "page.html").as_uri())
    browser_page.locator(".mipflow-driven").first.wait_for()
    assert browser_page.evaluate("document.documentElement.scrollWidth") == width
