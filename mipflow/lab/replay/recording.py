"""The flows of a capture: the mobile node, and all that it sent and received, each with its time. Pure.

Takes the path of a capture; gives a `Recording`: flows numbered from 1 by their first usable packet, each with an
application that replays it, and what was left out and why.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import islice
from pathlib import Path

from mipflow.arguments import PATH, WORD, check, function, number, optional, whole
from mipflow.errors import DatasetError, ProtocolMisuse
from mipflow.lab.replay.capture_clock import Placed, cut_silences, one_clock
from mipflow.lab.replay.connections import Connection, connection_of
from mipflow.lab.replay.headers import ACK, RST, SYN, End, HeaderReader, Heard
from mipflow.lab.replay.streams import Lack, opened_ns, stream
from mipflow.node.applications.apps import Application
from mipflow.node.applications.recorded import MOST_DATAGRAM, Datagram, Recorded, Write
from mipflow.sim.clock import NS_PER_S, seconds
from mipflow.wire.captures import capture

MOST_PACKETS = 100_000
"""The frames that are read unless told otherwise."""
MOST_FILLED, FULL_PACKET = 1 << 24, 1500
"""Octets of zeros for what the capture lacks of its TCP connections: so many in all, and so many for each packet."""
ITSELF = " itself"
"""The ending of the address of a host that sends to itself, where that is the other end."""
WELL_KNOWN = 1024
"""The first port that does not belong to servers."""
LONGEST_S = 24 * 3600
"""Seconds that a recording lasts at most, silences cut; a longer one is refused."""
SILENCE_S, SILENCES = 3600, number(0.001, LONGEST_S, "a number of seconds")
"""Seconds to which a silence, in which no flow has a packet, is cut unless told otherwise."""
_REPORT_EVERY = 10_000

Progress = Callable[[str], None]
PROGRESS = function("sentence")


@dataclass(slots=True, frozen=True)
class RecordedFlow:
    """One flow of a capture. Addresses as text, times in nanoseconds after the recording's time zero.

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
    """A capture's flows. `mobile` are the mobile node's addresses.

    Time zero is the capture's first packet, or the first one of a flow, where that comes a whole silence later;
    `duration_ns` is from there to the last packet of a flow. `skipped` counts the frames that are left out, by reason;
    `notes` are sentences about what was made of it; `offsets` are pairs (from then on, nanoseconds by which the
    capture's own clock is ahead).
    """

    name: str
    mobile: list[str] = field(default_factory=list)
    flows: list[RecordedFlow] = field(default_factory=list)
    duration_ns: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    offsets: list[tuple[int, int]] = field(default_factory=list)

    def captured_ns(self, at_ns: int) -> int:
        """Return a time of this recording as the capture's own clock has it, since its first packet."""
        known = bisect_right(self.offsets, at_ns, key=lambda each: each[0])
        return at_ns + (self.offsets[max(known - 1, 0)][1] if self.offsets else 0)

    def beside(self, *at_ns: int) -> str:
        """Return a time, or a span, by the capture's own clock, to stand beside ours; nothing where both are the same.
        """
        own_ns = [self.captured_ns(each) for each in at_ns]
        own = " to ".join(f"{each / NS_PER_S:.3f}" for each in own_ns)
        return "" if own_ns == [*at_ns] else f" ({own} s by the capture's clock)"


def read(
    path: str | os.PathLike[str], *, mobile: str | None = None, packets: int = MOST_PACKETS,
    silence_s: float = SILENCE_S, progress: Progress | None = None,
) -> Recording:  # fmt: skip
    """Read the flows of a capture.

    mobile: address of the mobile node, or several with commas between them; else it is, of each IP version, the host
    that opens most flows. packets: how many frames are read at most; silence_s: to how many seconds a silence of all
    flows is cut. Raises DatasetError where there is no capture, no usable flow in it, or more than a day of flows;
    ProtocolMisuse for an address that is not in it.
    """
    check(PATH, DatasetError, path=path)
    check(optional(WORD), mobile=mobile)
    check(whole(1, 10**9, "frames"), packets=packets)
    check(optional(PROGRESS), progress=progress)
    check(SILENCES, silence_s=silence_s)
    recording = Recording(Path(path).name)
    placed = _on_one_clock(recording, Path(path), packets)
    heard = _read_frames(recording, Path(path), placed, progress)
    _part_hosts(heard)
    conversations = _conversations(heard, recording.skipped)
    recording.mobile = _mobile_node(conversations, mobile)
    replayed = [conversation for conversation in conversations if _is_replayed(recording, conversation)]
    _cut_silences(recording, [packet for conversation in replayed for packet in conversation], silence_s)
    lack = Lack(MOST_FILLED + FULL_PACKET * sum(map(len, conversations)))
    for conversation in replayed:
        _add_flow(recording, conversation, lack)
    if not recording.flows:
        why = ", ".join(f"{count} {reason}" for reason, count in recording.skipped.most_common(4)) or "no packet"
        advice = "expected TCP, UDP or echo between two hosts, record other traffic"
        raise DatasetError(f"{path} holds no usable flow: {why}; {advice}", path)
    if recording.duration_ns > LONGEST_S * NS_PER_S:
        lasts = f"{path} lasts {recording.duration_ns / NS_PER_S:.0f} s with silences cut to {silence_s:g} s"
        raise DatasetError(f"{lasts}; expected at most {LONGEST_S}, give a shorter --silence or fewer --packets", path)
    recording.notes += _notes_on_hosts(recording) + lack.notes()
    return recording


def _notes_on_hosts(recording: Recording) -> list[str]:
    """Return sentences about the choice of the mobile node."""
    notes = [f"the mobile node is {' and '.join(recording.mobile)}; --mobile says otherwise"]
    if itself := [flow.mobile for flow in recording.flows if flow.remote == flow.mobile + ITSELF]:
        what = f"{' and '.join(dict.fromkeys(itself))} sent to itself in {len(itself)} flows"
        notes.append(f"{what}: who opened one is the mobile node, the other end a correspondent node")
    return notes


def _on_one_clock(recording: Recording, path: Path, most: int) -> list[Placed]:
    """Place each frame on one clock, which counts from the first of them."""
    with capture.read(path) as frames:
        stamps = [(one.section, one.interface, one.time_ns if one.is_stamped else None) for one in islice(frames, most)]
    placed, steps = one_clock(stamps)
    zero_ns = min((time_ns for time_ns, _ in placed), default=0)
    if steps:
        what = f"by {steps[0].by_ns / NS_PER_S:.3f} s at {(steps[0].at_ns - zero_ns) / NS_PER_S:.3f} s"
        often = f"{len(steps)} times, first " if len(steps) > 1 else ""
        recording.notes.append(f"the capture's clock was set back {often}{what}: time goes on from there")
    if without := sum(stamp_ns is None for *_, stamp_ns in stamps):
        recording.notes.append(f"{without} packets have no time stamp; they come with the packet beside them")
    return [Placed(time_ns - zero_ns, shift_ns) for time_ns, shift_ns in placed]


def _read_frames(recording: Recording, path: Path, placed: list[Placed], progress: Progress | None) -> list[Heard]:
    """Read all packets heard, in the order of time. The order of a connection is that of each interface in the file."""
    reader = HeaderReader(recording.skipped)
    heard: list[Heard] = []
    latest: dict[object, int] = {}
    with capture.read(path) as frames:
        for number, (place, frame) in enumerate(zip(placed, frames, strict=False), 1):
            found = reader.read(frame._replace(time_ns=place.time_ns))
            if isinstance(found, str):
                recording.skipped[found] += 1
            else:
                found.shift_ns = place.shift_ns
                if found.protocol == "TCP":
                    key = frame.section, frame.interface, _key(found)
                    found.time_ns = latest[key] = max(found.time_ns, latest.get(key, 0))
                heard.append(found)
            if progress is not None and number % _REPORT_EVERY == 0:
                progress(f"reading {path.name}: {number} packets")
        if next(frames, None) is not None:
            read_all = "there are more, which --packets takes in"
            recording.notes.append(f"reading stopped after {len(placed)} packets; {read_all}")
        recording.skipped += frames.skipped
        recording.notes += reader.notes()
        if frames.cut_off is not None:
            recording.notes.append(frames.cut_off)
    return sorted(heard, key=lambda packet: packet.time_ns)


# --- conversations: the packets between two endpoints; of TCP, those of one connection -------------------------------


def _conversations(heard: list[Heard], skipped: Counter[str]) -> list[list[Heard]]:
    """Return all conversations, in the order of their first usable packets."""
    between: defaultdict[object, list[Connection]] = defaultdict(list)
    found: list[list[Heard]] = []
    for packet in heard:
        known = between[_key(packet)]
        connection = connection_of(packet, known)
        if connection is None:
            if useless := _is_no_beginning(packet):
                skipped[useless] += 1
                continue
            connection = Connection()
            known.append(connection)
            found.append(connection.packets)
        connection.take(packet)
    return found


def _key(packet: Heard) -> object:
    """Return a key that all packets between two ends have, both ways."""
    return packet.protocol, frozenset(packet.ends)


def _part_hosts(heard: list[Heard]) -> None:
    """Give a host that sends to itself another name at the end that did not open, as if that were another host."""
    own: defaultdict[object, list[Heard]] = defaultdict(list)
    for packet in heard:
        if packet.source == packet.destination:
            own[_key(packet)].append(packet)
    for packets in own.values():
        _, port = _opener(packets)
        for packet in packets:
            if packet.source_port == packet.destination_port:  # one end: what it acknowledges is its own
                packet.flags &= ~ACK
            if packet.flags if packet.protocol == "ICMPv6" else packet.source_port == port:
                packet.destination += ITSELF
            else:
                packet.source += ITSELF


def _is_no_beginning(packet: Heard) -> str:
    """Return why no flow begins with a packet; nothing if one does."""
    if packet.protocol == "ICMPv6" and not packet.flags:
        return "echo reply without its request"
    return "reset of no connection" if packet.protocol == "TCP" and packet.flags & RST else ""


def _opener(conversation: list[Heard]) -> End:
    """Return address and port of the end that opened a conversation: by SYN or echo request, else by the ports."""
    first = next((packet for packet in conversation if packet.flags & SYN), conversation[0])
    is_from_server = first.source_port < WELL_KNOWN <= first.destination_port
    is_answer = first.flags & ACK if first.flags & SYN else is_from_server
    return first.ends[bool(is_answer)]


def _mobile_node(conversations: list[list[Heard]], mobile: str | None) -> list[str]:
    """Return the addresses of the mobile node: those that were given; else of each IP version that of the host that
    opens most flows, and those of hosts that send to themselves: only such a host can have recorded it.
    """
    opened: Counter[str] = Counter()
    own: dict[str, None] = {}
    others: set[str] = set()
    for conversation in conversations:
        ends = {conversation[0].source, conversation[0].destination}
        opener = _opener(conversation)[0].removesuffix(ITSELF)
        opened.update(dict.fromkeys(ends - {opener + ITSELF}, 0))
        opened[opener] += 1
        if opener + ITSELF in ends:
            own[opener] = None
        else:
            others |= ends
    ranked = opened.most_common()
    if mobile is not None:
        return [_named(word.strip(), ranked) for word in mobile.split(",")]
    hosts = [host for host, _ in ranked if host in others]
    versions = [[host for host in hosts if (":" in host) is is_version_6] for is_version_6 in (True, False)]
    best = [next((host for host in hosts if host in own), hosts[0]) for hosts in versions if hosts]
    return [*dict.fromkeys([*best, *own])]


def _named(word: str, ranked: list[tuple[str, int]]) -> str:
    """Return the address that a word names, of hosts with the number of flows that they open."""
    try:
        named = str(ip_address(word))
    except ValueError:
        named = ""
    if named not in dict(ranked):
        candidates = ", ".join(f"{host} (opens {count})" for host, count in ranked[:6]) or "none"
        raise ProtocolMisuse(f"{word!r} is no host with a flow here; choose from {candidates}", word)
    return named


# --- flows -----------------------------------------------------------------------------------------------------------


def _is_replayed(recording: Recording, packets: list[Heard]) -> bool:
    """Return whether a conversation is one of the mobile node with another host."""
    ends = packets[0].source, packets[0].destination
    is_one = sum(host in recording.mobile for host in ends) == 1
    if not is_one:
        recording.skipped[f"between {ends[0]} and {ends[1]}, not the mobile node and another host"] += len(packets)
    return is_one


def _cut_silences(recording: Recording, packets: list[Heard], silence_s: float) -> None:
    """Cut what is longer than a silence out of the time of all flows; that tells how long they last."""
    packets.sort(key=lambda packet: packet.time_ns)
    cut = cut_silences([Placed(one.time_ns, one.shift_ns) for one in packets], seconds(silence_s))
    for packet, time_ns in zip(packets, cut.times_ns, strict=True):
        recording.duration_ns = packet.time_ns = time_ns
    recording.offsets = cut.offsets
    if cut.ahead_ns:
        late = f"{cut.ahead_ns / NS_PER_S:.3f} s after the capture's first"
        recording.notes.append(f"time zero is the first packet of a flow, {late}")
    if cut.cuts:
        later = f" and {len(cut.cuts) - 1} later" if len(cut.cuts) > 1 else ""
        less = f"{sum(by_ns for _, by_ns in cut.cuts) / NS_PER_S:.3f} s less"
        where = f"at {cut.cuts[0][0] / NS_PER_S:.3f} s{later}"
        recording.notes.append(f"silence of all flows {where} cut to {silence_s:g} s, {less}; --silence says otherwise")


def _add_flow(recording: Recording, packets: list[Heard], lack: Lack) -> None:
    """Add the flow of a conversation."""
    first, last = packets[0], packets[-1]
    (near, near_port), (far, far_port) = first.ends if first.source in recording.mobile else first.ends[::-1]
    order, protocol, zeros, opens_ns = len(recording.flows) + 1, first.protocol, 0, first.time_ns
    script: Sequence[Datagram] | Sequence[Write]
    if protocol == "TCP":
        script, zeros = stream(packets, near, recording.skipped, lack)
        opens_ns = opened_ns(packets)
    else:
        script = [
            Datagram(one.time_ns, one.source == near, min(one.octets, MOST_DATAGRAM), one.sequence)
            for one in packets if protocol == "UDP" or one.flags
        ]  # fmt: skip
    name = f"{order} ping" if protocol == "ICMPv6" else f"{order} {protocol} {far_port}"
    app = Recorded(protocol, script, far_port, name, opens_ns, last.time_ns, start_s=None, zeros=zeros)
    recording.flows.append(
        RecordedFlow(order, near, near_port, far, far_port, first.time_ns, last.time_ns, len(packets), app)
    )
