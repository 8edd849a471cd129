"""view/sound.py: what is heard is what arrived in time, and the words say the same."""

from __future__ import annotations

import base64
import re
import wave
from dataclasses import dataclass, field
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import pytest

import mipflow as mf
from mipflow.errors import DatasetError, ProtocolMisuse
from mipflow.lab.world import World
from mipflow.node.applications.application import Ends, Running
from mipflow.node.applications.apps import Periodic
from mipflow.view.sound import LOUDEST, RATE, SILENCE, Sound

PACKET = RATE * 20 // 1000
"""Samples of 20 ms."""
FADE = RATE * 5 // 1000
"""Samples of 5 ms, in which sound comes and goes."""


@dataclass
class Numbered:
    """A stream from the far end that knows itself when each packet was sent, and when it came."""

    start_s: float = 3.0
    interval_ns: int = 20_000_000
    sent: list[int] = field(default_factory=list)
    came: dict[int, int] = field(default_factory=dict)
    protocol: ClassVar[str] = "UDP"
    port: ClassVar[int] = 7000
    name: str = "stream"

    def start(self, ends: Ends) -> Running:
        running, (near, far) = Running(ends), ends.udp()

        def send() -> None:
            far.send(len(self.sent).to_bytes(160, "big"))
            self.sent.append(ends.clock.now)

        def heard(data: bytes) -> None:
            self.came[int.from_bytes(data, "big")] = ends.clock.now

        show = Periodic(running, self.interval_ns, send)
        far.on_datagram, near.on_datagram = lambda data: show.go(), heard
        running.at(ends.clock.now + round(self.start_s * 1e9), lambda: near.send(b"begin"))
        return running


def samples(sound: Sound) -> bytes:
    with wave.open(BytesIO(sound.wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 1, RATE)
        return file.readframes(file.getnframes())


def after_handover(**how: Any) -> World:
    """Return a call of which MN takes everything to the cellular network at 6 s, and 6 s more."""
    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice(start_s=3))
    world.run(6)
    world.mn.handover_all("cell0", **how)
    return world.run(6)


@pytest.fixture(scope="module")
def broken() -> World:
    return after_handover(break_first=True)


@pytest.fixture(scope="module")
def bad_link() -> tuple[World, Numbered]:
    """Return a stream over a WLAN that loses some and delays some."""
    app = Numbered()
    world = mf.figure2(seed=3, links={"wlan0": mf.Link(delay_ms=5, loss=0.1, jitter_ms=250, reorder=True)})
    world.mn.open(world.cn1, app)
    world.run(13)
    return world, app


# --- the file --------------------------------------------------------------------------------------------------------


def test_ten_seconds_are_a_small_file_that_the_standard_library_reads(broken: World) -> None:
    sound = broken.listen(1, 1, 11)
    assert len(sound.wav) <= 150_000
    assert len(samples(sound)) == 10 * RATE
    assert len(samples(broken.listen(1, 5.5, 6.25))) == 0.75 * RATE


def test_the_same_run_sounds_the_same(broken: World) -> None:
    again = after_handover(break_first=True)
    assert again.listen(1).wav == broken.listen(1).wav
    assert broken.listen(1, 5, 9).wav[44:][RATE : 2 * RATE] == samples(broken.listen(1, 5.99, 7.01))[80:][:RATE]


@pytest.mark.parametrize("playout_ms", [150.0, 60.0, 1000.0])
def test_silent_is_what_was_lost_or_late(bad_link: tuple[World, Numbered], playout_ms: float) -> None:
    """The stream's own account, packet by packet, against the samples."""
    world, app = bad_link
    heard = samples(world.listen(1, 3.5, 13, playout_ms=playout_ms))
    fates = set()
    for number, (sent_ns, next_ns) in enumerate(zip(app.sent, app.sent[1:], strict=False)):
        if sent_ns < 3.5e9 or next_ns > 13e9:
            continue
        begin, end = (t_ns * RATE // 10**9 - 3_500 * RATE // 1000 for t_ns in (sent_ns, next_ns))
        part = heard[begin:end]
        in_time = number in app.came and app.came[number] - sent_ns <= playout_ms * 1e6
        fates.add((number in app.came, in_time))
        if in_time:
            assert max(part) > SILENCE + LOUDEST // 4 and part.count(SILENCE) < PACKET // 3, number
        else:
            assert set(part) == {SILENCE}, number
    assert fates == {(True, True), (False, False)} | ({(True, False)} if playout_ms < 300 else set())


def test_what_comes_and_goes_does_not_click(bad_link: tuple[World, Numbered]) -> None:
    heard = samples(bad_link[0].listen(1, 3.5, 13))
    runs = [found.span() for found in re.finditer(rb"(?:[^\x80]\x80{0,20})+", heard)]
    assert len(runs) > 20
    for begin, end in runs:
        for edge in (heard[begin - 1 : begin + FADE - 1], heard[end - FADE : end][::-1]):
            assert all(abs(level - SILENCE) <= LOUDEST * (at + 3) / FADE + 1 for at, level in enumerate(edge))


def test_break_before_make_is_heard_and_make_before_break_is_not(broken: World) -> None:
    whole, gap = after_handover().listen(1, 4, 11), broken.listen(1, 4, 11)
    silent = re.compile(rb"\x80{160,}")
    assert silent.search(samples(whole)) is None and [row["heard"] for row in whole.rows()] == [True]
    found = [each.span() for each in silent.finditer(samples(gap))]
    assert len(found) == 1
    begin, end = (4 + sample / RATE for sample in found[0])
    told = next(row for row in gap.rows() if not row["heard"])
    assert 5.9 < begin < 6.1 and 0.2 < end - begin < 0.5
    assert told["from_s"] == pytest.approx(begin, abs=0.002) and told["to_s"] == pytest.approx(end, abs=0.002)


# --- words -----------------------------------------------------------------------------------------------------------


def test_the_words_count_as_the_meters_do(bad_link: tuple[World, Numbered]) -> None:
    world, app = bad_link
    rows = world.listen(1, 3, 13).rows()
    told = " ".join(str(row["why"]) for row in rows)
    lost = sum(int(each) for each in re.findall(r"(\d+) packets? lost", told))
    late = sum(int(each) for each in re.findall(r"(\d+) packets? late", told))
    heard = sum(int(each) for each in re.findall(r"(\d+) packets? heard", told))
    assert lost == world.flows()[0].stats.down.lost > 30
    delays = [came - app.sent[number] for number, came in app.came.items()]
    assert late >= sum(delay > 150e6 for delay in delays) > 100
    under_way = sum(int(each) for each in re.findall(r"(\d+) packets? still under way", told))
    assert heard + lost + late + under_way == len(app.sent) and under_way > 0
    assert [row["to_s"] for row in rows[:-1]] == [row["from_s"] for row in rows[1:]]


def test_it_says_what_is_missing_when_and_why(broken: World) -> None:
    title, *moves, gap, rest = broken.listen(1, 4, 11).describe().split("\n")
    assert title == "The call as MN hears it, 4.000 s to 11.000 s."
    why = r"\d+ packets lost \(on the WLAN: link down\); 1 packet lost \(MN: the WLAN is down\)"
    assert re.fullmatch(rf"From [56]\.\d{{3}} s to 6\.\d{{3}} s nothing: {why}\.", gap)
    film: Any = broken.animate(4, 11)
    (spine,) = film.spines
    told = [each for each in spine.moments if each.kind == "handover" or (each.is_key and 1 in each.flows)]
    assert moves == [f"{each.t_ns / 1e9:.3f} s: {each.sentence}." for each in told] and len(moves) == 2
    lost = broken.flows()[0].stats.down.lost
    assert sum(map(int, re.findall(r"(\d+) packets? lost", gap))) == lost
    assert re.fullmatch(r"All else is heard: \d+ packets\.", rest)
    assert repr(broken.listen(1, 4, 11)) == broken.listen(1, 4, 11).describe()
    assert broken.listen(1, 7, 9).describe().split("\n")[1] in (
        "Nothing is missing: 100 packets.",
        "Nothing is missing: 101 packets.",
    )
    assert "\nFrom 2.000 s to 3.0" in broken.listen(1, 2, 4).describe()
    assert "nothing was sent." in broken.listen(1, 2, 4).describe()


def test_all_is_late_where_nothing_may_take_time(broken: World) -> None:
    told = broken.listen(1, 7, 9, playout_ms=10)
    assert set(samples(told)) == {SILENCE}
    assert re.search(r"nothing: 10[01] packets late \(after more than 10 ms\)\.", told.describe())
    assert "All else is heard: 0 packets." in told.describe()


def test_many_gaps_are_told_shortly(bad_link: tuple[World, Numbered]) -> None:
    sound = bad_link[0].listen(1, 3.5, 13)
    lines = sound.describe().split("\n")
    gaps = [row for row in sound.rows() if not row["heard"]]
    assert len(lines) == 11 and f"the longest of {len(gaps)} gaps" in lines[-2]


def test_both_directions_and_the_usual_time(broken: World) -> None:
    """Two seconds before the handover; ten of them where the run is long enough."""
    down, up = broken.listen(broken.flows()[0]), broken.listen(1, direction="up")
    assert down.title == "The call as MN hears it, 4.000 s to 12.000 s"
    assert up.title == "The call as CN1 hears it, 4.000 s to 12.000 s"
    assert samples(down) != samples(up)
    assert "CN1 hears it, 1.500 s to 11.500 s" in broken.listen(1, end=11.5, direction="up").title
    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice())
    assert world.run(15).listen(1).title.endswith("5.000 s to 15.000 s")


def test_packets_that_waited_for_an_address_are_late_or_lost() -> None:
    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice())
    told = world.run(5).listen(1, 0, 5, direction="up").describe()
    lost = world.flows()[0].stats.up.lost
    assert "64 packets late" in told and f"{lost} packets lost (MN: 64 packets wait" in told and lost > 10


def test_a_datagram_in_fragments_is_one_packet() -> None:
    world = mf.figure2(seed=5, mode="tunnel", links={"wlan0": mf.Link(delay_ms=5, loss=0.05)})
    flow = world.mn.open(world.cn1, mf.apps.Voice(start_s=3, payload_bytes=3000))
    told = str(world.run(9.9).listen(flow, 0, 9.9).rows())
    counted = [sum(map(int, re.findall(rf"(\d+) packets? {fate}", told))) for fate in ("heard", "lost", "still")]
    assert counted[:2] == [flow.stats.down.received, flow.stats.down.lost] and counted[1] > 10
    assert sum(counted) == flow.stats.down.sent


def test_pauses_are_told_apart_from_gaps() -> None:
    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, mf.apps.Echo(start_s=3))
    told = world.run(13).listen(1).describe().split("\n")
    assert re.fullmatch(r"In \d+ pauses, 9\.\d+ s in all, nothing was sent\.", told[1]), told
    assert re.fullmatch(r"All else is heard: (9|10) packets\.", told[2])


def test_any_flow_can_be_heard() -> None:
    """Bursts of a film, a file, an echo: a moment is heard where all that was sent then has come."""
    world = mf.figure2(seed=7)
    for app in (mf.apps.Video(start_s=3), mf.apps.FileTransfer(start_s=3), mf.apps.Echo(start_s=3)):
        world.mn.open(world.cn1, app)
    world.run(8)
    for flow in world.flows():
        sound = world.listen(flow, 3, 8)
        assert len(samples(sound)) == 5 * RATE and set(samples(sound)) != {SILENCE}
        heard = sum(int(str(row["packets"])) for row in sound.rows() if row["heard"])
        assert 0 < heard <= flow.stats.down.received + 60


# --- in a notebook and on disk ---------------------------------------------------------------------------------------


def test_it_shows_itself_as_a_player_with_words(broken: World) -> None:
    sound = broken.listen(1, 4, 11)
    (shown,) = sound.bundles()
    html = shown["text/html"]
    player = re.search(
        r"<audio controls preload='metadata' aria-label='([^']+)' src='data:audio/wav;base64,([^']+)'", html
    )
    assert player is not None and player[1] == sound.title
    assert base64.b64decode(player[2]) == sound.wav
    for line in sound.describe().split("\n")[1:]:
        assert html.count(f"<p>{line}</p>") == 1 and line in shown["text/plain"]
    assert html.count("<tr>") == 1 + len(sound.rows())


def test_no_word_acts() -> None:
    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, Numbered(name="<script>alert('x')</script>"))
    html = world.run(5).listen(1).bundles()[0]["text/html"]
    assert "<script>alert" not in html and "alert('" not in html and "The <script>alert('x')" in unescape(html)


def test_it_can_be_saved(broken: World, tmp_path: Path) -> None:
    sound = broken.listen(1)
    sound.save(tmp_path / "call.wav")
    assert (tmp_path / "call.wav").read_bytes() == sound.wav
    with pytest.raises(DatasetError, match=r"no_such_folder"):
        sound.save(tmp_path / "no_such_folder" / "call.wav")


def test_a_browser_plays_it(browser_page: Any, broken: World) -> None:
    browser_page.set_content(broken.listen(1, 1, 11).bundles()[0]["text/html"])
    browser_page.wait_for_function("document.querySelector('audio').readyState >= 1")
    assert browser_page.evaluate("document.querySelector('audio').duration") == 10
    assert browser_page.evaluate("document.querySelector('audio').error") is None


# --- what cannot be heard --------------------------------------------------------------------------------------------


def test_what_cannot_be_heard_is_said_in_one_line_with_its_value(broken: World) -> None:
    world = mf.figure2(seed=7)
    video = world.mn.open(world.cn1, mf.apps.Video(start_s=100))
    refused: list[tuple[World, dict[str, Any], str, object]] = [
        (broken, {"flow": 99}, r"there is no flow 99; flows: 1 \(call\)", 99),
        (broken, {"flow": "call"}, r"'call' is no flow", "call"),
        (broken, {"flow": video}, "is of world .*give one of the same world", video),
        (broken, {"flow": 1, "start": 12.5}, r"12\.5 to 22\.5 s is no span of time.*it is 12 s", (12.5, 22.5)),
        (broken, {"flow": 1, "start": 12}, r"of 0\.000 s; expected more than 0 .*it is 12\.000 s", (12, 12)),
        (broken, {"flow": 1, "start": 0, "end": 10.5}, "at most 10 s", (0, 10.5)),
        (broken, {"flow": 1, "start": 5, "end": 4}, "no span", (5, 4)),
        (broken, {"flow": 1, "start": 0, "end": 2}, r"The call had nothing sent to MN from 0\.000 s to 2\.000 s", 1),
        (broken, {"flow": 1, "direction": "left"}, "direction='left'; expected one of 'down', 'up'", "left"),
        (broken, {"flow": 1, "playout_ms": -1}, "playout_ms=-1", -1),
        (world, {"flow": video}, r"nothing has run yet: world\.run\(10\) first", (0.0, 10.0)),
    ]
    for where, given, complaint, value in refused:
        with pytest.raises(ProtocolMisuse, match=complaint) as caught:
            where.listen(**given)
        assert caught.value.value == value and "\n" not in str(caught.value)
    with pytest.raises(ProtocolMisuse, match="The video had nothing sent to MN") as caught:
        world.run(5).listen(video)
    assert caught.value.value == video.id


def test_a_trace_without_data_says_so() -> None:
    world = mf.figure2(seed=7, trace="control")
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    with pytest.raises(ProtocolMisuse, match=r"trace='control' keeps no packets of flows; expected trace='all'"):
        world.run(5).listen(flow)
