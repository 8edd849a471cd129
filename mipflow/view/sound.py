"""A flow as sound: a melody whose packets that were lost or late are missing.

Takes a trace and a flow in one direction; gives a WAV file of 8,000 samples of 8 bits a second (RFC 3551 section 4.5.14
has this rate for G.711) with its words. A packet carries the melody from the moment at which it was sent on, as the
timestamp of RTP says (RFC 3550 section 5.1), so what never came, or too late to be played, is silent. The time of the
sound is that of the sender: the constant delay of the playout is left out, as in the timeline. Losses, and the moments
in which the flow takes another road, are those that the spine tells.
"""

from __future__ import annotations

import math
import wave
from base64 import b64encode
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING

from mipflow.errors import ProtocolMisuse
from mipflow.files import AnyPath, written_whole
from mipflow.sim.trace import LOST, Dropped, Trace
from mipflow.view.drawing.picture import Picture, html_table
from mipflow.view.drawing.style import escape
from mipflow.view.story.spine import spine
from mipflow.view.story.words import NS_PER_MS, NS_PER_S, count, seconds, where_lost
from mipflow.wire.address import Address

if TYPE_CHECKING:
    import networkx

RATE = 8000
"""Samples a second."""
LONGEST_S = 10
"""A sound lasts so many seconds at most: 80 kB."""
BEFORE_S = 2.0
"""Seconds before a handover with which a sound begins, where nothing else is asked for."""
PLAYOUT_MS = 150.0
"""How long after it was sent a packet is played: ITU-T G.114 has this one-way delay as the most that does not disturb a
conversation.
"""
LONGEST_PACKET_NS = 200 * NS_PER_MS
"""How much sound one packet carries at most (RFC 3551 section 4.2)."""
USUAL_PACKET_NS = 20 * NS_PER_MS
"""How much it carries where no other one tells (RFC 3551 section 4.2)."""
LONGEST_LOSS_NS = 10 * NS_PER_S
"""How long after it was sent a packet is still looked for among the lost ones."""
MOST_MOVES = 6
"""Handovers, and rows by which the flow takes another road, that are told, the last ones."""
MOST_GAPS, MOST_PAUSES = 8, 2
"""Gaps that are told one by one, the longest of them, and pauses in which nothing was sent; the rest is counted."""
SILENCE, LOUDEST = 128, 100
FADE = 40
"""Samples over which sound comes and goes, inside what is heard: 5 ms, so that nothing clicks."""
NOTE = RATE // 4
MELODY = 392, 440, 524, 440, 588, 524, 660, 588, 524, 588, 440, 524, 392, 440, 524, 660
"""Pitches in hertz, four a second. All are multiples of four: each note ends where the wave of the next one begins."""


class Sound(Picture):
    """A sound with its words; `wav` is the whole file."""

    def __init__(self, title: str, gaps: list[str], spans: list[Span], wav: bytes) -> None:
        self.wav = wav
        source = f"data:audio/wav;base64,{b64encode(wav).decode()}"
        player = f"<audio controls preload='metadata' aria-label='{escape(title)}' src='{source}'></audio>"
        told = "".join(f"<p>{escape(gap)}</p>" for gap in gaps)
        super().__init__(title, lambda: gaps, lambda: [span.row() for span in spans], html=player + told)

    def twin(self) -> str:
        """Return what is heard and what is silent as a table that opens on request; its words stand in the open."""
        summary = f"<summary>{escape(self.title)}: as a table</summary>"
        return f"<details class='mipflow-twin'>{summary}{html_table(self.rows())}</details>"

    def save(self, path: AnyPath) -> None:
        """Write the sound as a WAV file; it is there whole or not at all. Raises DatasetError where it cannot be."""
        with written_whole(path) as stream:
            stream.write(self.wav)


@dataclass(slots=True)
class Sent:
    """The fate of the packets that were sent in one moment."""

    came: set[object] = field(default_factory=set)
    """The packets that came; a datagram in fragments is one."""
    last_ns: int = 0
    """The arrival of the last of them, in nanoseconds."""
    lost: dict[object, str] = field(default_factory=dict)
    """The packets that were lost -> where and why."""


@dataclass(slots=True)
class Span:
    """A time, in nanoseconds, in which all is heard or all is silent; and its packets, by what became of them."""

    from_ns: int
    to_ns: int
    is_heard: bool
    packets: Counter[str]

    @property
    def was_sent(self) -> bool:
        """Whether there were packets at all."""
        return self.packets.total() > 0

    @property
    def why(self) -> str:
        """The fate of the packets, in words."""
        told = (f"{count(number, 'packet')} {fate}" for fate, number in self.packets.most_common())
        return "; ".join(told) or "nothing was sent"

    @property
    def sentence(self) -> str:
        """A silence in words."""
        when = f"From {seconds(self.from_ns)} to {seconds(self.to_ns)}"
        return f"{when} nothing: {self.why}." if self.was_sent else f"{when} {self.why}."

    def row(self) -> dict[str, object]:
        """Return the span as plain values."""
        return {
            "from_s": self.from_ns / NS_PER_S, "to_s": self.to_ns / NS_PER_S, "heard": self.is_heard,
            "packets": self.packets.total(), "why": self.why,
        }  # fmt: skip


def chosen(
    start_s: float | None, end_s: float | None, now_s: float, handovers_s: Sequence[float]
) -> tuple[float, float]:
    """Choose the span to listen to, in seconds: what was asked for, or else `LONGEST_S` from shortly before the last
    handover, or the last seconds of a run without one.
    """
    if start_s is None and end_s is not None:
        start_s = max(0.0, min(end_s, now_s) - LONGEST_S)
    elif start_s is None:
        start_s = max(0.0, handovers_s[-1] - BEFORE_S if handovers_s else now_s - LONGEST_S)
    return start_s, start_s + LONGEST_S if end_s is None else end_s


def listen(
    trace: Trace, graph: networkx.Graph[str], flow: int, *, names: Mapping[Address, str], flows: Mapping[int, str],
    hearer: str, upward: bool, start_ns: int, end_ns: int, now_ns: int, playout_ns: int, mobile: str = "MN",
) -> Sound:  # fmt: skip
    """Play a flow as its receiver hears it between two times (nanoseconds), at most `LONGEST_S` apart.

    names: address -> short word; flows: flow id -> word; hearer: the node that receives it, upward if that is the
    correspondent; now_ns: how far the run has come; playout_ns: packets that need longer are late. Raises
    ProtocolMisuse for another length, and where no packet was sent.
    """
    if not 0 < end_ns - start_ns <= LONGEST_S * NS_PER_S:
        so_far = f"it is {seconds(now_ns)}" if now_ns else "nothing has run yet: world.run(10) first"
        lasts = f"a sound of {seconds(end_ns - start_ns)}; expected more than 0 and at most {LONGEST_S} s; {so_far}"
        raise ProtocolMisuse(lasts, (start_ns / NS_PER_S, end_ns / NS_PER_S))
    first_ns = max(0, start_ns - LONGEST_PACKET_NS)
    until_ns = max(first_ns, min(now_ns, end_ns + LONGEST_LOSS_NS))
    story = spine(trace, graph, names, flows, first_ns, until_ns, mobile=mobile)
    word, own = story.words.flows[flow], [moment for moment in story.moments if flow in moment.flows]
    name = f"{'Flow' if word[:1].isdigit() else 'The'} {word}"
    drops = [record for moment in own for record in moment.drops]
    sent = _sent(trace, drops, flow if upward else -flow, hearer, first_ns, end_ns, now_ns)
    if not any(at_ns >= start_ns for at_ns in sent):
        why = f"had nothing sent to {hearer} from {seconds(start_ns)} to {seconds(end_ns)}"
        raise ProtocolMisuse(f"{name} {why}; run on, or choose another time", flow)
    spans = _spans(sent, start_ns, end_ns, now_ns, playout_ns)
    title = f"{name} as {hearer} hears it, {seconds(start_ns)} to {seconds(end_ns)}"
    moves = [moment for moment in own if moment.is_key or moment.kind == "handover"]
    inside = [moment for moment in moves if start_ns <= moment.t_ns < end_ns][-MOST_MOVES:]
    told = [f"{seconds(moment.t_ns)}: {moment.sentence}." for moment in inside]
    return Sound(title, [*told, *_sentences(spans)], spans, _wav(spans, start_ns, end_ns))


def _sent(
    trace: Trace, drops: Iterable[Dropped], label: int, hearer: str, start_ns: int, end_ns: int, now_ns: int
) -> dict[int, Sent]:
    """Find the packets with this label, by when they were sent: read where they arrive, and from the drops."""
    found: dict[int, Sent] = {}
    packets, arrived, channel = trace.packets, trace.arrived, trace.channel
    ends = [name.receiver == hearer for name in trace.channels]
    for number in range(bisect_left(trace.sent, start_ns), len(packets)):
        inner = packets[number].unsealed()
        if inner.label == label and start_ns <= inner.sent_ns < end_ns:
            sent = found.setdefault(inner.sent_ns, Sent())
            if ends[channel[number]] and LOST < arrived[number] <= now_ns:
                sent.came.add(inner.datagram() or number)
                sent.last_ns = max(sent.last_ns, arrived[number])
    for number, record in enumerate(drops):
        inner = record.packet.unsealed()
        if inner.label == label and start_ns <= inner.sent_ns < end_ns:
            lost = found.setdefault(inner.sent_ns, Sent()).lost
            lost.setdefault(inner.datagram() or number, where_lost(record.node, record.reason))
    return dict(sorted(found.items()))


def _spans(sent: dict[int, Sent], start_ns: int, end_ns: int, now_ns: int, playout_ns: int) -> list[Span]:
    """Cut the time from start to end where silence begins and ends."""
    spans: list[Span] = []
    for piece in _pieces(sent, start_ns, end_ns, now_ns, playout_ns):
        if spans and (spans[-1].is_heard, spans[-1].was_sent) == (piece.is_heard, piece.was_sent):
            spans[-1].to_ns = piece.to_ns
            spans[-1].packets += piece.packets
        else:
            spans.append(piece)
    return spans


def _pieces(sent: dict[int, Sent], start_ns: int, end_ns: int, now_ns: int, playout_ns: int) -> Iterator[Span]:
    """Yield the sound of each moment, until something else was sent, and the times between."""
    carried, reached = USUAL_PACKET_NS, start_ns
    for at_ns, next_ns in pairwise([*sent, end_ns + LONGEST_PACKET_NS + 1]):
        is_followed = next_ns - at_ns <= LONGEST_PACKET_NS
        carried = next_ns - at_ns if is_followed else max(carried, USUAL_PACKET_NS)
        begin, finish = max(at_ns, start_ns), min(at_ns + carried, end_ns)
        if begin >= finish:
            continue
        if reached < begin:
            yield Span(reached, begin, False, Counter())
        yield Span(begin, finish, *_fate(sent[at_ns], at_ns, now_ns, playout_ns))
        reached = finish
    if reached < end_ns:
        yield Span(reached, end_ns, False, Counter())


def _fate(sent: Sent, at_ns: int, now_ns: int, playout_ns: int) -> tuple[bool, Counter[str]]:
    """Say whether all that was sent in a moment is heard, and count the fates of its packets."""
    if sent.lost:
        return False, Counter(f"lost ({why})" for why in sent.lost.values())
    due_ns = at_ns + playout_ns
    if sent.came and sent.last_ns <= due_ns:
        return True, Counter({"heard": len(sent.came)})
    if sent.came or due_ns < now_ns:
        return False, Counter({f"late (after more than {playout_ns / NS_PER_MS:g} ms)": max(len(sent.came), 1)})
    return False, Counter({"still under way where the run ends": 1})


def _sentences(spans: list[Span]) -> list[str]:
    """Say what is missing, and when; where much is, the longest gaps, and how many pauses there are."""
    gaps = [span for span in spans if not span.is_heard and span.was_sent]
    pauses = [span for span in spans if not span.was_sent]
    told = sorted(gaps, key=lambda span: span.from_ns - span.to_ns)[:MOST_GAPS]
    told += pauses if len(pauses) <= MOST_PAUSES else []
    lines = [span.sentence for span in sorted(told, key=lambda span: span.from_ns)]
    if len(gaps) > MOST_GAPS:
        lines.append(f"These are the longest of {len(gaps)} gaps, {_total(gaps)} in all: rows() has them.")
    if len(pauses) > MOST_PAUSES:
        lines.append(f"In {len(pauses)} pauses, {_total(pauses)} in all, nothing was sent.")
    heard = sum(span.packets.total() for span in spans if span.is_heard)
    return [*lines, f"{'All else is heard' if lines else 'Nothing is missing'}: {count(heard, 'packet')}."]


def _total(spans: list[Span]) -> str:
    return seconds(sum(span.to_ns - span.from_ns for span in spans))


def _wav(spans: list[Span], start_ns: int, end_ns: int) -> bytes:
    """Write the melody as a WAV file, silent where nothing is heard."""
    first, last = _sample(start_ns), _sample(end_ns)
    samples = bytearray([SILENCE]) * (last - first)
    for span in spans:
        if span.is_heard:
            begin, finish = _sample(span.from_ns), _sample(span.to_ns)
            levels = [_melody()[at % len(_melody())] for at in range(begin, finish)]
            samples[begin - first : finish - first] = _faded(levels)
    stream = BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(RATE)
        file.writeframes(bytes(samples))
    return stream.getvalue()


def _sample(t_ns: int) -> int:
    return t_ns * RATE // NS_PER_S


def _faded(levels: list[float]) -> bytes:
    """Turn levels from -1 to 1 into samples, softer towards both ends."""
    last = len(levels) - 1
    return bytes(
        SILENCE + round(LOUDEST * level * min(1.0, at / FADE, (last - at) / FADE)) for at, level in enumerate(levels)
    )


@cache
def _melody() -> list[float]:
    """Return all notes once, from -1 to 1: a plucked tone with two overtones that never dies away."""
    levels: list[float] = []
    for pitch in MELODY:
        for at in range(NOTE):
            angle = 2 * math.pi * pitch * at / RATE
            tone = (math.sin(angle) + 0.4 * math.sin(2 * angle) + 0.2 * math.sin(3 * angle)) / 1.6
            levels.append(tone * (0.5 + 0.5 * min(at / FADE, 1.0) * math.exp(-5 * at / NOTE)))
    return levels
