"""The flows of a capture: the mobile node, and all that it sent and received, each with its time. Pure.

Takes the path of a capture; gives a `Recording`: flows numbered from 1 by their first usable packet, each with an
application that replays it, and what was left out and why.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from itertools import islice
from pathlib import Path

from mipflow.arguments import PATH, WORD, check, function, number, optional, whole
from mipflow.errors import DatasetError, ProtocolMisuse
from mipflow.lab.replay.capture_clock import OneClock, Silences
from mipflow.lab.replay.connections import Connection, connection_of, opener
from mipflow.lab.replay.headers import ACK, FIN, REASSEMBLY_NS, RST, SYN, End, HeaderReader, Heard, Way
from mipflow.lab.replay.streams import Lack, Streams
from mipflow.node.applications.apps import Application
from mipflow.node.applications.recorded import MOST_DATAGRAM, Datagram, Recorded, Script, Write
from mipflow.sim.clock import NS_PER_S, seconds
from mipflow.wire.captures import capture
from mipflow.wire.captures.spool import Bins, Ordered, Row, Spool

MOST_PACKETS = 100_000
"""The frames that are read unless told otherwise."""
MOST_FILLED, FULL_PACKET = 1 << 24, 1500
"""Octets of zeros for what the capture lacks of its TCP connections: so many in all, and so many for each packet."""
ITSELF = " itself"
"""The ending of the address of a host that sends to itself, where that is the other end."""
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
    heads, take = None, _in_order
    while True:
        recording, clock = Recording(Path(path).name), OneClock(heads)
        reader = HeaderReader(recording.skipped)
        heard = _read_frames(recording, Path(path), packets, clock, reader, progress)
        try:
            connections, times, rows, skipped = _connections(take(reader.ways, heard, clock), seconds(silence_s))
            break
        except _Again as again:
            (heads,), take = again.args, _in_any_order
    recording.skipped.update(skipped)
    recording.mobile = _mobile_node(connections, mobile)
    replayed = [_is_replayed(recording, connection) for connection in connections]
    silences = _cut_silences(recording, times, connections, replayed, silence_s)
    lack = Lack(MOST_FILLED + FULL_PACKET * sum(connection.packets for connection in connections))
    scripts = Spool()
    for which, connection in enumerate(connections):
        if replayed[which]:
            _add_flow(recording, connection, partial(rows.read, which), reader.ways, silences.left, lack, scripts)
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


class _Again(Exception):
    """The packets heard have to be read once more: they are not in order, or only the end tells when the first came,
    by the `heads` that it has then.
    """


def _in_order(ways: list[Way], heard: Iterable[tuple[int, Heard]], clock: OneClock) -> Iterator[Heard]:
    """Yield the packets heard as they come, which is the order of time in most captures. Raises _Again once it is not,
    and for a host that sends to itself. Takes what `_in_any_order` takes.
    """
    latest_ns, latest, zero_ns = -1, 0, None
    for count, packet in heard:
        zero_ns, time_ns = clock.zero_ns or 0 if zero_ns is None else zero_ns, packet.time_ns
        if time_ns < latest_ns or (time_ns == latest_ns and count < latest) or packet.way.is_to_itself:
            raise _Again(None)
        latest_ns, latest = time_ns, count
        packet.time_ns = time_ns - zero_ns
        yield packet
    if clock.is_unsure or zero_ns not in (None, clock.zero_ns or 0):
        raise _Again(clock.heads if clock.is_unsure else None)


def _in_any_order(ways: list[Way], heard: Iterable[tuple[int, Heard]], clock: OneClock) -> Iterator[Heard]:
    """Yield the packets heard, in the order of time. A host that sends to itself has another name at the end that did
    not open, as if that were another host.

    Takes all packets with their numbers in the file, the `ways` of all by number, and the clock that has placed all by
    then. Raises _Again where it was unsure.
    """
    rows = Ordered(Spool())
    own: dict[object, tuple[tuple[bool, int, int], End]] = {}
    """Key of a connection of a host with itself -> the end that opened it, behind how sure that is."""
    parted: dict[tuple[int, bool], Way] = {}
    """Number of a way of such a host, and whether it leads to the other end -> the way with that end's name."""
    for count, packet in heard:
        way = packet.way
        rows.add((packet.time_ns, count, *_row(packet)[1:]))
        if way.is_to_itself:
            found = (not packet.flags & SYN, packet.time_ns, count), opener(packet)
            own[way.key] = min(found, own.get(way.key, found))
    if clock.is_unsure:
        raise _Again(clock.heads)
    for time_ns, _, which, *others in rows:
        packet = Heard(time_ns - (clock.zero_ns or 0), ways[which], *others)
        (host, near), (other, far) = packet.way.ends
        if host == other:
            if near == far:  # one end: what it acknowledges is its own
                packet.flags &= ~ACK
            is_up = bool(packet.flags) if packet.way.protocol == "ICMPv6" else near == own[packet.way.key][1][1]
            if (which, is_up) not in parted:
                ends = ((host, near), (host + ITSELF, far)) if is_up else ((host + ITSELF, near), (host, far))
                parted[which, is_up] = Way(len(ways), packet.way.protocol, ends)
                ways.append(parted[which, is_up])
            packet.way = parted[which, is_up]
        yield packet


def _read_frames(
    recording: Recording, path: Path, most: int, clock: OneClock, reader: HeaderReader, progress: Progress | None
) -> Iterator[tuple[int, Heard]]:
    """Yield all packets heard with their numbers in the file, each once nothing is added to it. The order of a
    connection is that of each interface in the file.
    """
    latest: dict[object, int] = {}
    growing: list[tuple[int, Heard]] = []
    most_growing = number = without = 0
    with capture.read(path) as frames:
        for number, frame in enumerate(islice(frames, most), 1):
            time_ns, _, _, section, is_stamped, interface = frame
            now_ns, shift_ns = clock.place(section, interface, time_ns if is_stamped else None)
            without += not is_stamped
            found = reader.read(frame if now_ns == time_ns else frame._replace(time_ns=now_ns))
            if isinstance(found, str):
                recording.skipped[found] += 1
            else:
                found.shift_ns = shift_ns
                if found.way.protocol == "TCP":
                    key = section, interface, found.way.key
                    found.time_ns = latest[key] = max(now_ns, latest.get(key, now_ns))
                if found.may_grow:
                    growing.append((number, found))
                else:
                    yield number, found
                if len(growing) > most_growing:
                    done = [each for each in growing if not _is_growing(each[1], now_ns)]
                    growing = [each for each in growing if _is_growing(each[1], now_ns)]
                    most_growing = 2 * len(growing)
                    yield from done
            if progress is not None and number % _REPORT_EVERY == 0:
                progress(f"reading {path.name}: {number} packets")
        yield from growing
        recording.notes += _notes_on_time(clock, without)
        if next(iter(frames), None) is not None:
            read_all = "there are more, which --packets takes in"
            recording.notes.append(f"reading stopped after {number} packets; {read_all}")
        recording.skipped += frames.skipped
        recording.notes += reader.notes()
        if frames.cut_off is not None:
            recording.notes.append(frames.cut_off)


def _notes_on_time(clock: OneClock, without: int) -> list[str]:
    """Return sentences about the clock of a capture, in which so many packets are without a time stamp."""
    notes = []
    if steps := clock.steps:
        what = f"by {steps[0].by_ns / NS_PER_S:.3f} s at {(steps[0].at_ns - (clock.zero_ns or 0)) / NS_PER_S:.3f} s"
        often = f"{len(steps)} times, first " if len(steps) > 1 else ""
        notes.append(f"the capture's clock was set back {often}{what}: time goes on from there")
    if without:
        notes.append(f"{without} packets have no time stamp; they come with the packet beside them")
    return notes


def _is_growing(packet: Heard, now_ns: int) -> bool:
    """Return whether fragments may add to a packet."""
    return packet.may_grow and abs(now_ns - packet.time_ns) <= REASSEMBLY_NS


# --- conversations: the packets between two endpoints; of TCP, those of one connection -------------------------------


def _connections(heard: Iterable[Heard], silence_ns: int) -> tuple[list[Connection], Ordered, Bins, Counter[str]]:
    """Return all connections, in the order of their first usable packets; rows in the order of time: time, number of
    the connection, order, by how much the time is later than the stamp, nothing; for each connection rows of its
    packets: time, number of the way and the other fields; and reasons for which packets are left out.

    While no time is later than its stamp or than a silence, nothing can be cut, and of the packets of each connection
    the first and the last have rows in the order of time.
    """
    skipped: Counter[str] = Counter()
    between: defaultdict[object, list[Connection]] = defaultdict(list)
    numbers: dict[Connection, int] = {}
    times, packets, is_whole = Ordered(Spool()), Bins(Spool()), True

    def add_latest() -> None:
        for connection, which in numbers.items():
            times.add((connection.last_ns, which, 0, 0, b""))

    for order, packet in enumerate(heard, 1):
        if is_whole and (packet.shift_ns or packet.time_ns > silence_ns):
            is_whole = False
            add_latest()
        known = between[packet.way.key]
        connection = connection_of(packet, known)
        if connection is None:
            if useless := _is_no_beginning(packet):
                skipped[useless] += 1
                continue
            connection = Connection(packet)
            known.append(connection)
            numbers[connection] = len(numbers)
        connection.take(packet)
        which = numbers[connection]
        connection.last_ns = packet.time_ns
        if not is_whole or connection.packets == 1:
            times.add((packet.time_ns, which, order, packet.shift_ns, b""))
        packets.add(which, _row(packet))
    if is_whole:
        add_latest()
    return [*numbers], times, packets, skipped


def _row(packet: Heard) -> Row:
    """Return the fields of a packet, as a row has them."""
    return (
        packet.time_ns, packet.way.number, packet.octets, packet.flags, packet.sequence, packet.acknowledgement,
        packet.shift_ns, packet.elsewhere, packet.data,
    )  # fmt: skip


def _is_no_beginning(packet: Heard) -> str:
    """Return why no flow begins with a packet; nothing if one does."""
    if packet.way.protocol == "ICMPv6" and not packet.flags:
        return "echo reply without its request"
    return "reset of no connection" if packet.way.protocol == "TCP" and packet.flags & RST else ""


def _mobile_node(connections: list[Connection], mobile: str | None) -> list[str]:
    """Return the addresses of the mobile node: those that were given; else of each IP version that of the host that
    opens most flows, and those of hosts that send to themselves: only such a host can have recorded it.
    """
    opened: Counter[str] = Counter()
    own: dict[str, None] = {}
    others: set[str] = set()
    for connection in connections:
        ends = {host: 0 for host, _ in connection.ends}  # in their order, which decides where two open as many
        host = connection.opener[0].removesuffix(ITSELF)
        opened.update({end: 0 for end in ends if end != host + ITSELF})
        opened[host] += 1
        if host + ITSELF in ends:
            own[host] = None
        else:
            others |= {*ends}
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


def _is_replayed(recording: Recording, connection: Connection) -> bool:
    """Return whether a connection is one of the mobile node with another host."""
    (source, _), (destination, _) = connection.ends
    is_one = sum(host in recording.mobile for host in (source, destination)) == 1
    if not is_one:
        what = f"between {source} and {destination}, not the mobile node and another host"
        recording.skipped[what] += connection.packets
    return is_one


def _cut_silences(
    recording: Recording, times: Ordered, connections: list[Connection], replayed: list[bool], silence_s: float
) -> Silences:
    """Cut what is longer than a silence out of the time of all flows; that tells how long they last. `times` are the
    first rows of `_connections`.
    """
    silences = Silences(seconds(silence_s))
    for captured_ns, which, _, shift_ns, _ in times:
        if replayed[which]:
            connection, time_ns = connections[which], silences.cut(captured_ns, shift_ns)
            recording.duration_ns = connection.last_ns = time_ns
            if connection.first_ns is None:
                connection.first_ns = time_ns
    recording.offsets = silences.offsets
    if silences.ahead_ns:
        late = f"{silences.ahead_ns / NS_PER_S:.3f} s after the capture's first"
        recording.notes.append(f"time zero is the first packet of a flow, {late}")
    if cuts := silences.cuts:
        later = f" and {len(cuts) - 1} later" if len(cuts) > 1 else ""
        less = f"{sum(by_ns for _, by_ns in cuts) / NS_PER_S:.3f} s less"
        where = f"at {cuts[0][0] / NS_PER_S:.3f} s{later}"
        recording.notes.append(f"silence of all flows {where} cut to {silence_s:g} s, {less}; --silence says otherwise")
    return silences


def _add_flow(
    recording: Recording, connection: Connection, read: Callable[[], Iterable[Row]], ways: list[Way],
    left: Callable[[int], int], lack: Lack, spool: Spool,
) -> None:  # fmt: skip
    """Add the flow of a connection. `read` gives the rows of its packets, as often as they are asked for; `left` what
    is left of a time.
    """
    ends, protocol, first_ns = connection.ends, connection.protocol, connection.first_ns or 0
    (near, near_port), (far, far_port) = ends if ends[0][0] in recording.mobile else ends[::-1]
    order, zeros, opens_ns = len(recording.flows) + 1, 0, first_ns
    if protocol == "TCP":
        script, streams = Script(Write, spool), Streams(near, first_ns, recording.skipped, lack)
        for only, take in (SYN | FIN, streams.expect), (0, streams.take):
            for time_ns, way, octets, flags, *others in read():
                if not only or flags & only:
                    packet = Heard(left(time_ns), ways[way], octets, flags, *others)
                    if flags & SYN:
                        packet.sequence = connection.sequence(packet)
                    take(packet)
        zeros, opens_ns = streams.write(script), streams.opened_ns
    else:
        script = Script(Datagram, spool)
        for time_ns, way, octets, flags, sequence, *_ in read():
            if protocol == "UDP" or flags:
                is_up, octets = ways[way].ends[0][0] == near, min(octets, MOST_DATAGRAM)
                script.add_datagram(left(time_ns), is_up, octets, sequence)
    script.flush()
    name = f"{order} ping" if protocol == "ICMPv6" else f"{order} {protocol} {far_port}"
    app = Recorded(protocol, script, far_port, name, opens_ns, connection.last_ns, start_s=None, zeros=zeros)
    times_ns = first_ns, connection.last_ns
    recording.flows.append(RecordedFlow(order, near, near_port, far, far_port, *times_ns, connection.packets, app))
