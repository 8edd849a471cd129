"""From a capture to its flows: who is the mobile node, what did it send and receive, when. Pure.

Takes the path of a capture; gives a `Recording`: flows numbered from 1 by their first usable packet, each with a value
that `node.recorded` replays, and what was left out and why.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import Literal, cast

from mipflow.errors import DatasetError, ProtocolMisuse
from mipflow.lab.headers import ACK, RST, SYN, HeaderReader, Heard
from mipflow.lab.streams import stream
from mipflow.node.recorded import Datagram, Recorded
from mipflow.wire import capture

MOST_PACKETS = 100_000
"""Frames that are read where nothing else is asked for."""
MOST_DATAGRAM = 65_535 - 8
"""Octets of payload of the largest UDP datagram; segmentation offload makes larger ones."""
WELL_KNOWN = 1024
"""Ports below this belong to servers."""
_REPORT_EVERY = 10_000

Progress = Callable[[str], None]
Protocol = Literal["UDP", "TCP", "ICMPv6"]
Endpoint = tuple[bytes, int]


@dataclass(slots=True, frozen=True)
class RecordedFlow:
    """One flow of a capture. Addresses as text, times in nanoseconds after the capture's time zero, its first packet.

    `packets_up` from the mobile node and `packets_down` to it count packets of the capture; `remarks` finish the
    sentence that begins with the flow's name. For an echo the ports are its identifier.
    """

    number: int
    protocol: Protocol
    mobile: str
    mobile_port: int
    remote: str
    remote_port: int
    first_ns: int
    last_ns: int
    packets_up: int
    packets_down: int
    recorded: Recorded
    remarks: tuple[str, ...] = ()

    @property
    def packets(self) -> int:
        """Packets in the capture, both ways."""
        return self.packets_up + self.packets_down


@dataclass(slots=True)
class Recording:
    """What a capture holds. `mobile` are the mobile node's addresses; `duration_ns` is from first to last packet.

    `skipped` counts the frames that are left out, by reason; `sent_again` counts TCP segments, `missing` octets of TCP
    that the capture did not see; `notes` are sentences about what was made of it.
    """

    path: Path
    mobile: tuple[str, ...] = ()
    flows: list[RecordedFlow] = field(default_factory=list)
    duration_ns: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    sent_again: int = 0
    missing: int = 0


def read(
    path: str | os.PathLike[str],
    *,
    mobile: str | Sequence[str] | None = None,
    packets: int = MOST_PACKETS,
    progress: Progress | None = None,
) -> Recording:
    """Read the flows of a capture.

    mobile: address of the mobile node, or several (a sequence, or text with commas); else it is, of each IP version,
    the host that opens most flows. packets: how many frames are read at most. Raises DatasetError where there is no
    capture, or no usable flow in it; ProtocolMisuse for an address that is not in it.
    """
    if packets < 1:
        raise ProtocolMisuse(f"packets={packets}; expected 1 or more", packets)
    recording = Recording(Path(path))
    heard, zero = _read_frames(recording, packets, progress)
    conversations = _conversations(heard, recording.skipped)
    hosts = _mobile_node(conversations, mobile, recording)
    for conversation in conversations:
        if _is_of(conversation, hosts, recording.skipped):
            recording.flows.append(_flow(conversation, hosts, len(recording.flows) + 1, zero, recording))
    if not recording.flows:
        left_out = ", ".join(f"{count} {reason}" for reason, count in recording.skipped.most_common(4))
        found = f"{path} holds no usable flow: {left_out or 'no packet'}"
        raise DatasetError(f"{found}; expected TCP, UDP or echo between two hosts, record other traffic", path)
    _sum_up(recording)
    return recording


def _read_frames(recording: Recording, most: int, progress: Progress | None) -> tuple[list[Heard], int]:
    """What was heard, in the order of time, and the time of the first frame in nanoseconds."""
    reader = HeaderReader()
    heard: list[Heard] = []
    first = last = latest = 0
    is_sorted, count = True, 0
    with capture.read(recording.path) as frames:
        for count, frame in enumerate(islice(frames, most), 1):
            now = frame.time_ns
            if count == 1:
                first = last = latest = now
            is_sorted &= now >= latest
            latest = now
            first, last = min(first, now), max(last, now)
            found = reader.read(frame)
            if isinstance(found, str):
                recording.skipped[found] += 1
            else:
                heard.append(found)
            if progress is not None and count % _REPORT_EVERY == 0:
                progress(f"reading {recording.path.name}: {count} packets")
        if count == most and next(frames, None) is not None:
            recording.notes.append(f"reading stopped after {most} packets; there are more, which --packets takes in")
        recording.skipped += frames.skipped
        if frames.cut_off is not None:
            recording.notes.append(frames.cut_off)
    if not is_sorted:
        heard.sort(key=lambda packet: packet.time_ns)
        recording.notes.append("the capture was not in the order of time, and was sorted")
    recording.duration_ns = last - first
    return heard, first


# --- conversations ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Conversation:
    """The packets between two endpoints; of TCP, those of one connection."""

    protocol: Protocol
    ends: tuple[Endpoint, Endpoint]
    """Source and destination of the first packet."""
    packets: list[Heard]
    synchronised: dict[bytes, int] = field(default_factory=dict)
    """Who sent a SYN, with what sequence number."""

    @property
    def opener(self) -> bytes:
        """The address that opened it: by the first SYN or echo request, else by the ports, else it spoke first."""
        (source, source_port), (destination, destination_port) = self.ends
        first = self.packets[0]
        if self.protocol == "TCP" and first.flags & SYN:
            return destination if first.flags & ACK else source
        if self.protocol != "ICMPv6" and source_port < WELL_KNOWN <= destination_port:
            return destination
        return source


def _conversations(heard: list[Heard], skipped: Counter[str]) -> list[_Conversation]:
    """All conversations, in the order of their first usable packets."""
    current: dict[tuple[str, Endpoint, Endpoint], _Conversation] = {}
    found: list[_Conversation] = []
    for packet in heard:
        source, destination = (packet.source, packet.source_port), (packet.destination, packet.destination_port)
        ends = (source, destination) if source < destination else (destination, source)
        key = (packet.protocol, *ends)
        conversation = current.get(key)
        if conversation is None or _is_another(conversation, packet):
            if packet.source == packet.destination:
                skipped["from a host to itself"] += 1
                continue
            if packet.protocol == "ICMPv6" and not packet.flags:
                skipped["echo reply without its request"] += 1
                continue
            if packet.protocol == "TCP" and packet.flags & RST:
                skipped["reset of no connection"] += 1
                continue
            conversation = current[key] = _Conversation(cast("Protocol", packet.protocol), (source, destination), [])
            found.append(conversation)
        conversation.packets.append(packet)
        if packet.protocol == "TCP" and packet.flags & SYN:
            conversation.synchronised[packet.source] = packet.sequence
    return found


def _is_another(conversation: _Conversation, packet: Heard) -> bool:
    """Whether this SYN opens another connection between the same two ports."""
    if packet.protocol != "TCP" or packet.flags & (SYN | ACK | RST) != SYN:
        return False
    known = conversation.synchronised
    return not known or known.get(packet.source, packet.sequence) != packet.sequence


# --- the mobile node -------------------------------------------------------------------------------------------------


def _mobile_node(
    conversations: list[_Conversation], mobile: str | Sequence[str] | None, recording: Recording
) -> list[bytes]:
    """The addresses of the mobile node."""
    opened = Counter(conversation.opener for conversation in conversations)
    if mobile is not None:
        hosts = _named(mobile, conversations, opened)
        recording.mobile = tuple(map(text, hosts))
        return hosts
    hosts = []
    for size, version in ((16, "IPv6"), (4, "IPv4")):
        candidates = [address for address, _ in opened.most_common() if len(address) == size]
        if candidates:
            hosts.append(candidates[0])
            recording.mobile += (text(candidates[0]),)
            flows = sum(len(conversation.ends[0][0]) == size for conversation in conversations)
            recording.notes.append(
                f"the mobile node is {text(candidates[0])}: it opens {opened[candidates[0]]} of {flows} {version} flows"
            )
    return hosts


def _named(mobile: str | Sequence[str], conversations: list[_Conversation], opened: Counter[bytes]) -> list[bytes]:
    """The addresses that were given, if they are in the capture."""
    words = mobile.split(",") if isinstance(mobile, str) else mobile
    known = dict.fromkeys(address for conversation in conversations for address, _ in conversation.ends)
    hosts: dict[bytes, None] = {}
    for word in words:
        try:
            address = ip_address(word.strip()).packed
        except ValueError:
            address = b""
        if address not in known:
            ranked = sorted(known, key=lambda host: -opened[host])
            candidates = ", ".join(f"{text(host)} (opens {opened[host]})" for host in ranked[:6]) or "none"
            more = f" and {len(ranked) - 6} more" if len(ranked) > 6 else ""
            raise ProtocolMisuse(f"{word.strip()!r} is no host with a flow here; choose from {candidates}{more}", word)
        hosts[address] = None
    return list(hosts)


def _is_of(conversation: _Conversation, hosts: list[bytes], skipped: Counter[str]) -> bool:
    """Whether a conversation is the mobile node's with somebody else; if not, why not."""
    inside = [address in hosts for address, _ in conversation.ends]
    if inside.count(True) == 1:
        return True
    ends = " and ".join(text(address) for address, _ in conversation.ends)
    reason = f"between {ends}, both the mobile node" if all(inside) else f"between {ends}, neither the mobile node"
    skipped[reason] += len(conversation.packets)
    return False


def text(address: bytes) -> str:
    """An address of 4 or 16 octets as text."""
    return str(ip_address(address))


# --- flows -----------------------------------------------------------------------------------------------------------


def _flow(
    conversation: _Conversation, hosts: list[bytes], number: int, zero: int, recording: Recording
) -> RecordedFlow:
    near, far = conversation.ends if conversation.ends[0][0] in hosts else conversation.ends[::-1]
    packets = conversation.packets
    up = sum(packet.source == near[0] for packet in packets)
    first, last = packets[0].time_ns - zero, packets[-1].time_ns - zero
    remarks: tuple[str, ...] = ()
    name = f"{number} {'ping' if conversation.protocol == 'ICMPv6' else f'{conversation.protocol} {far[1]}'}"
    if conversation.protocol == "TCP":
        read_stream = stream(packets, near[0])
        remarks = read_stream.remarks
        if conversation.opener != near[0]:
            remarks += ("was opened by the remote host; here the mobile node opens it",)
        recorded = Recorded("TCP", read_stream.script, far[1], name, first, read_stream.refused, None)
        recording.sent_again += read_stream.sent_again
        recording.missing += read_stream.missing
    else:
        is_echo = conversation.protocol == "ICMPv6"
        script = [
            Datagram(
                packet.time_ns - zero, packet.source == near[0], min(packet.octets, MOST_DATAGRAM), packet.sequence
            )
            for packet in packets
            if packet.flags or not is_echo
        ]
        unanswered = 2 * len(script) - len(packets)
        if is_echo and unanswered > 0:
            remarks = (f"has {unanswered} requests without an answer in the capture; here they are answered",)
        recorded = Recorded(conversation.protocol, script, far[1], name, start_s=None)
    return RecordedFlow(
        number, conversation.protocol, text(near[0]), near[1], text(far[0]), far[1], first, last, up, len(packets) - up,
        recorded, remarks,
    )  # fmt: skip


def _sum_up(recording: Recording) -> None:
    """What else is not as recorded, in sentences."""
    if recording.sent_again:
        recording.notes.append(f"{recording.sent_again} TCP segments sent again are left out")
    if recording.missing:
        recording.notes.append(f"{recording.missing} octets of TCP that the capture missed are zeros")
    if any("neither the mobile node" in reason for reason in recording.skipped):
        recording.notes.append("--mobile ADDRESS,ADDRESS takes in a mobile node with several addresses")
    recording.notes += [f"flow {flow.number} {remark}" for flow in recording.flows for remark in flow.remarks]
