"""From a capture to its flows: who is the mobile node, what did it send and receive, when. Pure.

Takes the path of a capture; gives a `Recording`: flows numbered from 1 by their first usable packet, each with an
application that replays it, and what was left out and why.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import islice
from pathlib import Path

from mipflow.errors import DatasetError, ProtocolMisuse
from mipflow.lab.headers import ACK, RST, SYN, HeaderReader, Heard
from mipflow.lab.streams import Lack, stream
from mipflow.node.apps import Application
from mipflow.node.recorded import Datagram, Recorded, Write
from mipflow.wire import capture

MOST_PACKETS = 100_000
"""Frames that are read where nothing else is asked for."""
MOST_DATAGRAM = 65_535 - 8
"""Octets of payload of the largest UDP datagram; segmentation offload makes larger ones."""
MOST_FILLED, FULL_PACKET = 1 << 24, 1500
"""Octets of zeros for what the capture lacks of its TCP connections: so many in all, and so many for each packet."""
WELL_KNOWN = 1024
"""Ports below this belong to servers."""
_REPORT_EVERY = 10_000

Progress = Callable[[str], None]


@dataclass(slots=True, frozen=True)
class RecordedFlow:
    """One flow of a capture. Addresses as text, times in nanoseconds after the capture's time zero, its first packet.

    `packets` counts those of the capture, both ways; `app` replays them. For an echo the ports are its identifier.
    """

    number: int
    mobile: str
    mobile_port: int
    remote: str
    remote_port: int
    first_ns: int
    last_ns: int
    packets: int
    app: Application


@dataclass(slots=True)
class Recording:
    """What a capture holds. `mobile` are the mobile node's addresses; `duration_ns` is from first to last packet.

    `skipped` counts the frames that are left out, by reason; `notes` are sentences about what was made of it.
    """

    name: str
    mobile: list[str] = field(default_factory=list)
    flows: list[RecordedFlow] = field(default_factory=list)
    duration_ns: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def read(
    path: str | os.PathLike[str], *, mobile: str | None = None, packets: int = MOST_PACKETS,
    progress: Progress | None = None,
) -> Recording:  # fmt: skip
    """Read the flows of a capture.

    mobile: address of the mobile node, or several with commas between them; else it is, of each IP version, the host
    that opens most flows. packets: how many frames are read at most. Raises DatasetError where there is no capture, or
    no usable flow in it; ProtocolMisuse for an address that is not in it.
    """
    if packets < 1:
        raise ProtocolMisuse(f"packets={packets}; expected 1 or more", packets)
    recording = Recording(Path(path).name)
    conversations = _conversations(_read_frames(recording, Path(path), packets, progress), recording.skipped)
    recording.mobile = _mobile_node(conversations, mobile)
    lack = Lack(MOST_FILLED + FULL_PACKET * sum(map(len, conversations)))
    for conversation in conversations:
        _add_flow(recording, conversation, lack)
    if not recording.flows:
        why = ", ".join(f"{count} {reason}" for reason, count in recording.skipped.most_common(4)) or "no packet"
        advice = "expected TCP, UDP or echo between two hosts, record other traffic"
        raise DatasetError(f"{path} holds no usable flow: {why}; {advice}", path)
    recording.notes.append(f"the mobile node is {' and '.join(recording.mobile)}; --mobile says otherwise")
    recording.notes += lack.notes()
    return recording


def _read_frames(recording: Recording, path: Path, most: int, progress: Progress | None) -> list[Heard]:
    """What was heard, in the order of time, which now counts from the first frame."""
    reader = HeaderReader(recording.skipped)
    times: list[int] = []
    heard: list[Heard] = []
    with capture.read(path) as frames:
        for frame in islice(frames, most):
            times.append(frame.time_ns)
            found = reader.read(frame)
            if isinstance(found, str):
                recording.skipped[found] += 1
            else:
                heard.append(found)
            if progress is not None and len(times) % _REPORT_EVERY == 0:
                progress(f"reading {path.name}: {len(times)} packets")
        if len(times) == most and next(frames, None) is not None:
            recording.notes.append(f"reading stopped after {most} packets; there are more, which --packets takes in")
        recording.skipped += frames.skipped
        if frames.cut_off is not None:
            recording.notes.append(frames.cut_off)
    zero = min(times, default=0)
    recording.duration_ns = max(times, default=0) - zero
    for packet in heard:
        packet.time_ns -= zero
    return sorted(heard, key=lambda packet: packet.time_ns)


# --- conversations: the packets between two endpoints; of TCP, those of one connection -------------------------------


def _conversations(heard: list[Heard], skipped: Counter[str]) -> list[list[Heard]]:
    """All conversations, in the order of their first usable packets."""
    current: dict[object, list[Heard]] = {}
    found: list[list[Heard]] = []
    for packet in heard:
        ends = (packet.source, packet.source_port), (packet.destination, packet.destination_port)
        key = packet.protocol, frozenset(ends)
        conversation = current.get(key)
        if conversation is None or _opens_another(packet, conversation[0]):
            if useless := _is_no_beginning(packet):
                skipped[useless] += 1
                continue
            conversation = current[key] = []
            found.append(conversation)
        conversation.append(packet)
    return found


def _opens_another(packet: Heard, first: Heard) -> bool:
    """Whether a packet opens another TCP connection between the same two ports as the one that began with `first`."""
    is_opening = packet.protocol == "TCP" and packet.flags & (SYN | ACK | RST) == SYN
    return is_opening and (packet.source, packet.sequence) != (first.source, first.sequence)


def _is_no_beginning(packet: Heard) -> str:
    """Why no flow begins with a packet; nothing if one does."""
    if packet.source == packet.destination:
        return "from a host to itself"
    if packet.protocol == "ICMPv6" and not packet.flags:
        return "echo reply without its request"
    return "reset of no connection" if packet.protocol == "TCP" and packet.flags & RST else ""


def _opener(first: Heard) -> str:
    """Who opened the conversation that begins with `first`: by SYN or echo request, else by the ports."""
    is_from_server = first.source_port < WELL_KNOWN <= first.destination_port
    is_answer = first.flags & ACK if first.flags & SYN else is_from_server
    return first.destination if is_answer else first.source


def _mobile_node(conversations: list[list[Heard]], mobile: str | None) -> list[str]:
    """The addresses of the mobile node: those that were given, or of each IP version who opens most flows."""
    opened: Counter[str] = Counter()
    for first, *_ in conversations:
        opened.update({first.source: 0, first.destination: 0})
        opened[_opener(first)] += 1
    ranked = opened.most_common()
    if mobile is None:
        versions = [[host for host, _ in ranked if (":" in host) is is_version_6] for is_version_6 in (True, False)]
        return [hosts[0] for hosts in versions if hosts]
    hosts = []
    for word in mobile.split(","):
        try:
            host = str(ip_address(word.strip()))
        except ValueError:
            host = ""
        if host not in opened:
            candidates = ", ".join(f"{host} (opens {count})" for host, count in ranked[:6]) or "none"
            raise ProtocolMisuse(f"{word.strip()!r} is no host with a flow here; choose from {candidates}", word)
        hosts.append(host)
    return hosts


# --- flows -----------------------------------------------------------------------------------------------------------


def _add_flow(recording: Recording, packets: list[Heard], lack: Lack) -> None:
    """Add the flow of a conversation, if it is the mobile node's."""
    first, last = packets[0], packets[-1]
    ends = (first.source, first.source_port), (first.destination, first.destination_port)
    inside = [host in recording.mobile for host, _ in ends]
    if inside.count(True) != 1:
        reason = f"between {ends[0][0]} and {ends[1][0]}, not the mobile node and another host"
        recording.skipped[reason] += len(packets)
        return
    (near, near_port), (far, far_port) = ends if inside[0] else ends[::-1]
    number, protocol, zeros = len(recording.flows) + 1, first.protocol, 0
    script: Sequence[Datagram] | Sequence[Write]
    if protocol == "TCP":
        script, zeros = stream(packets, near, recording.skipped, lack)
    else:
        script = [
            Datagram(one.time_ns, one.source == near, min(one.octets, MOST_DATAGRAM), one.sequence)
            for one in packets if protocol == "UDP" or one.flags
        ]  # fmt: skip
    name = f"{number} ping" if protocol == "ICMPv6" else f"{number} {protocol} {far_port}"
    app = Recorded(protocol, script, far_port, name, first.time_ns, last.time_ns, start_s=None, zeros=zeros)
    recording.flows.append(
        RecordedFlow(number, near, near_port, far, far_port, first.time_ns, last.time_ns, len(packets), app)
    )
