"""What happened, in order: messages end to end, table changes, drops, decisions; each as a sentence and as values."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mipflow.sim.trace import LOST, Decided, Dropped, TableChanged, Trace
from mipflow.view.trips import Trip, trips
from mipflow.view.usage import losses, main_direction, runs
from mipflow.view.words import NEIGHBOR_DISCOVERY, NS_PER_MS, Words, long, seconds, short
from mipflow.wire.packet import Packet

if TYPE_CHECKING:
    import networkx


@dataclass(slots=True, frozen=True)
class Message:
    """One packet end to end: from the node that made or unpacked it to the node that received or unpacked it.

    Times in nanoseconds; `arrived_ns` is LOST where a link lost it. `numbers` are its packet-hops in the trace.
    """

    packet: Packet
    sent_ns: int
    arrived_ns: int
    sender: str
    interface: str
    receiver: str
    tunnelled: bool
    numbers: tuple[int, ...]


@dataclass(slots=True)
class Event:
    """One line of the story: when (nanoseconds), what kind, the sentence, and the same as plain values."""

    t_ns: int
    kind: str
    sentence: str
    row: dict[str, object]
    brief: str = ""
    count: int = field(default=1)


def messages(found: Iterable[Trip], graph: networkx.Graph[str]) -> list[Message]:
    """The end-to-end messages of trips, by the time when they were sent."""

    def through(node: str) -> bool:
        return bool(graph.nodes[node].get("forwards", False)) if node in graph else False

    result = [
        Message(
            trip.packet, legs[0].started_ns, legs[-1].arrived_ns, legs[0].sender, legs[0].interface,
            legs[-1].receiver, legs[0].tunnelled, tuple(leg.number for leg in legs),
        )
        for trip in found
        for legs in trip.stretches(through)
    ]  # fmt: skip
    return sorted(result, key=lambda message: message.sent_ns)


def signalling(
    trace: Trace, graph: networkx.Graph[str], start_ns: int, end_ns: int, *, neighbor_discovery: bool = False
) -> list[Message]:
    """The control messages sent between two times (nanoseconds), end to end."""
    wanted = (
        trip
        for trip in trips(trace, start_ns, end_ns, data=False)
        if neighbor_discovery or not isinstance(trip.packet.payload, NEIGHBOR_DISCOVERY)
    )
    return [message for message in messages(wanted, graph) if start_ns <= message.sent_ns <= end_ns]


def of_message(message: Message, words: Words, interfaces: set[str]) -> Event:
    """A message as an event; `interfaces` are the nodes that have several, where the one used is worth saying."""
    over = f" over {message.interface}" if message.sender in interfaces else ""
    road = " through the tunnel" if message.tunnelled else ""
    detail = words.detail(message.packet)
    lost = message.arrived_ns == LOST
    end = "it is lost" if lost else f"it arrives at {seconds(message.arrived_ns)}"
    name = long(message.packet)
    article = "an" if name[0] in "aeiouE" else "a"
    sentence = (
        f"{message.sender} sends {article} {name}{f' ({detail})' if detail else ''} to {message.receiver}{over}{road};"
        f" {end}"
    )
    row: dict[str, object] = {
        "time_s": message.sent_ns / 1e9, "what": "message", "from": message.sender, "to": message.receiver,
        "interface": message.interface, "message": name, "detail": detail, "tunnelled": message.tunnelled,
        "arrived_s": None if lost else message.arrived_ns / 1e9, "hop": message.numbers[0],
    }  # fmt: skip
    brief = f"{message.sender} → {message.receiver}: {short(message.packet)}{over}{road}"
    return Event(message.sent_ns, "message", sentence, row, f"{brief}  ({detail})" if detail else brief)


def of_change(record: TableChanged, words: Words) -> Event:
    """A table change as an event."""
    change = record.change
    sentence = words.change(record.node, change)
    row: dict[str, object] = {
        "time_s": record.t_ns / 1e9, "what": "table", "node": record.node, "table": change.table,
        "key": words.value(change.key), "before": _plain(change.before, words), "after": _plain(change.after, words),
    }  # fmt: skip
    return Event(record.t_ns, "table", sentence, row, sentence)


def _plain(row: Any, words: Words) -> dict[str, object] | None:
    return None if row is None else {name: _or_name(value, words) for name, value in row.items()}


def _or_name(value: object, words: Words) -> object:
    return value if value is None or isinstance(value, int | float) else words.value(value)


def of_drop(record: Dropped, words: Words, nodes: Container[str]) -> Event:
    """A dropped packet as an event; what is not among `nodes` is a link."""
    flow = words.flow(record.packet)
    name = f"packet of the {flow}" if flow else long(record.packet)
    who = record.node if record.node in nodes else f"the link {record.node}"
    sentence = f"{who} drops a {name}: {record.reason}"
    row: dict[str, object] = {
        "time_s": record.t_ns / 1e9, "what": "drop", "node": record.node, "flow": flow, "message": name,
        "reason": record.reason,
    }  # fmt: skip
    return Event(record.t_ns, "drop", sentence, row, sentence)


def story(
    trace: Trace,
    graph: networkx.Graph[str],
    words: Words,
    start_ns: int,
    end_ns: int,
    sent: Iterable[Message],
) -> list[Event]:
    """All events between two times (nanoseconds), in order; equal drops in a row are one event with a count.

    sent: the messages of that time, as `signalling()` finds them.
    """
    interfaces = with_several_interfaces(trace)
    found = [of_message(each, words, interfaces) for each in sent]
    for record in trace.records:
        if not start_ns <= record.t_ns <= end_ns:
            continue
        match record:
            case TableChanged():
                found.append(of_change(record, words))
            case Dropped():
                found.append(of_drop(record, words, graph))
            case Decided():
                sentence = f"{record.node}: {record.why}"
                row: dict[str, object] = {
                    "time_s": record.t_ns / 1e9, "what": "decision", "node": record.node, "decision": record.what,
                    "why": record.why,
                }  # fmt: skip
                found.append(Event(record.t_ns, "decision", sentence, row, sentence))
    found.sort(key=lambda event: event.t_ns)
    return _joined(found)


def _joined(events: list[Event]) -> list[Event]:
    joined: list[Event] = []
    open_drops: dict[str, Event] = {}
    for event in events:
        same = open_drops.get(event.sentence) if event.kind == "drop" else None
        if same is not None and event.t_ns - same.t_ns < 1_000 * NS_PER_MS:
            same.count += 1
            same.row["count"] = same.count
            continue
        if event.kind == "drop":
            open_drops[event.sentence] = event
        joined.append(event)
    return joined


def with_several_interfaces(trace: Trace) -> set[str]:
    """The nodes that send on more than one interface and are named for it: hosts, not the routers between."""
    by_node: dict[str, set[str]] = {}
    for name in trace.channels:
        by_node.setdefault(name.sender, set()).add(name.sender_interface)
    return {node for node, names in by_node.items() if len(names) > 1}


def sentences(events: Iterable[Event]) -> list[str]:
    """Events as sentences with their times."""
    return [
        f"{seconds(event.t_ns)}: {event.sentence}" + (f" ({event.count} times)." if event.count > 1 else ".")
        for event in events
    ]


def flow_sentences(trace: Trace, words: Words, mobile: str, start_ns: int, end_ns: int) -> list[str]:
    """For each flow: which interface it used when, and what it lost."""
    found = runs(trace, mobile, start_ns, end_ns)
    direction = main_direction(found)
    lost = losses(trace, start_ns, end_ns)
    lines = []
    for flow, word in sorted(words.flows.items()):
        own = [run for run in found if run.flow == flow and run.upward == direction.get(flow)]
        parts: list[tuple[int, str]] = []
        for run in own:
            road = f"over {run.interface}{' through the tunnel' if run.tunnelled else ''}"
            if not parts or parts[-1][1] != road:
                parts.append((run.from_ns, road))
        total = sum(1 for record in lost if record.packet.innermost().flow == flow)
        if not parts:
            lines.append(f"{word}: no packet; {total} lost.")
            continue
        way = parts[0][1] + (" throughout" if len(parts) == 1 else "")
        way += "".join(f", from {seconds(since)} {road}" for since, road in parts[1:])
        lines.append(f"{word}: {way}; {total} lost.")
    return lines
