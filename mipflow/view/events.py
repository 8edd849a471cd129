"""What happened, in order: messages end to end, table changes, drops, decisions; each as a sentence and as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mipflow.sim.trace import LOST, ChannelName, Dropped, Record, TableChanged, Trace
from mipflow.view.focus import Focus
from mipflow.view.trips import Run, Trip
from mipflow.view.words import NS_PER_S, Words, count, long, seconds, short

if TYPE_CHECKING:
    import networkx


@dataclass(slots=True)
class Event:
    """One line of the story: when (nanoseconds), the sentence, the same in a few words and as plain values."""

    t_ns: int
    sentence: str
    brief: str
    row: dict[str, object]
    count: int = 1
    is_told: bool = True
    """False where it concerns only flows that are not shown."""


def story(
    trace: Trace, graph: networkx.Graph[str], words: Words, focus: Focus, sent: Iterable[Trip], start_ns: int,
    end_ns: int,
) -> list[Event]:  # fmt: skip
    """All events between two times (nanoseconds), in order; equal drops within a second are one event with a count.

    focus: of which flows is told; sent: the messages of that time.
    """
    hosts = _with_several_interfaces(trace.channels)
    found = [_sent(each, words, each.sender in hosts, focus.has_packet(each.packet)) for each in sent]
    drops: dict[str, Event] = {}
    for record in trace.records:
        if not start_ns <= record.t_ns <= end_ns:
            continue
        if isinstance(record, TableChanged):
            change = record.change
            before, after = (None if row is None else words.plain(row) for row in (change.before, change.after))
            values = {"table": change.table, "key": words.value(change.key), "before": before, "after": after}
            found.append(_told(record, focus, "table", words.change(record.node, change), **values))
        elif isinstance(record, Dropped):
            flow = words.flow(record.packet)
            name = f"packet of the {flow}" if flow else long(record.packet)
            who = record.node if record.node in graph else f"the link {record.node}"
            sentence = f"{who} drops a {name}: {record.reason}"
            same = drops.get(sentence)
            if same is not None and record.t_ns - same.t_ns < NS_PER_S:
                same.count += 1
                same.row["count"] = same.count
                continue
            drops[sentence] = _told(record, focus, "drop", sentence, flow=flow, message=name, reason=record.reason)
            found.append(drops[sentence])
        else:
            sentence = f"{record.node}: {record.why}"
            found.append(_told(record, focus, "decision", sentence, decision=record.what, why=record.why))
    return sorted(found, key=lambda event: event.t_ns)


def _told(record: Record, focus: Focus, what: str, sentence: str, **values: object) -> Event:
    row = {"time_s": record.t_ns / NS_PER_S, "what": what, "node": record.node, **values}
    return Event(record.t_ns, sentence, sentence, row, is_told=focus.has(record))


def _sent(message: Trip, words: Words, several: bool, is_told: bool) -> Event:
    """A message as an event; `several`: its sender has several interfaces, and the one used is worth saying."""
    sent_ns, arrived_ns, tunnelled = message.started_ns, message.arrived_ns, message.tunnelled
    way = (f" over {message.interface}" if several else "") + (" through the tunnel" if tunnelled else "")
    way += " in ESP" if message.encrypted else ""
    name, detail, lost = long(message.packet), words.detail(message.packet), arrived_ns == LOST
    told = f" ({detail})" if detail else ""
    row: dict[str, object] = {
        "time_s": sent_ns / NS_PER_S, "what": "message", "from": message.sender, "to": message.receiver,
        "interface": message.interface, "message": name, "detail": detail, "tunnelled": tunnelled,
        "arrived_s": None if lost else arrived_ns / NS_PER_S, "hop": message.numbers[0],
    }  # fmt: skip
    article, end = "an" if name[0] in "aeiouI" else "a", "is lost" if lost else f"arrives at {seconds(arrived_ns)}"
    sentence = f"{message.sender} sends {article} {name}{told} to {message.receiver}{way}; it {end}"
    brief = f"{message.sender} → {message.receiver}: {short(message.packet)}{way} {told}"
    return Event(sent_ns, sentence, brief, row, is_told=is_told)


def _with_several_interfaces(channels: Iterable[ChannelName]) -> set[str]:
    ends = {(name.sender, name.sender_interface) for name in channels}
    nodes = [node for node, _ in ends]
    return {node for node in nodes if nodes.count(node) > 1}


def sentences(events: Sequence[Event]) -> list[str]:
    """Events as sentences with their times; of those of flows that are not shown, how many there are."""
    lines = [
        f"{seconds(event.t_ns)}: {event.sentence}{f' ({event.count} times)' if event.count > 1 else ''}."
        for event in events if event.is_told
    ]  # fmt: skip
    left = len(events) - len(lines)
    return lines + [f"{count(left, 'event')} of other flows: rows() has them."] * (left > 0)


def flow_sentences(words: Words, focus: Focus, found: list[Run], lost: list[Dropped], start_ns: int) -> list[str]:
    """For each flow that is shown: which interface it used when, from `start_ns` (nanoseconds) on, and what it lost."""
    lines: list[str] = []
    losses: dict[int, Counter[str]] = {}
    for record in lost:
        losses.setdefault(record.packet.innermost().flow, Counter())[f"{record.node}: {record.reason}"] += 1
    used: dict[int, list[Run]] = {}
    for run in found:
        if run.to_ns >= start_ns:
            used.setdefault(run.flow, []).append(run)
    for flow in focus.shown:
        own = used.get(flow, [])
        changes = "".join(f", from {seconds(run.from_ns)} {run.way}" for run in own[1:]) or " throughout"
        way, lost_why = own[0].way + changes if own else "no packet", _reasons(losses.pop(flow, Counter()))
        lines.append(f"{words.flows[flow]}: {way}; {lost_why}.")
    if focus.hidden:
        rest = _reasons(sum(losses.values(), Counter()))
        lines.append(f"{count(focus.hidden, 'other flow')}, of which nothing more is told; {rest}.")
    return lines


def _reasons(losses: Counter[str]) -> str:
    """How many packets were lost, and where and why, the most frequent first."""
    whys = ", ".join(f"{number} {why}" for why, number in losses.most_common())
    return f"{losses.total()} lost{f' ({whys})' if whys else ''}"
