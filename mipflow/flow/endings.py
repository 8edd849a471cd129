"""When a flow has ended without anybody saying so (the patent, page 13: "or by a timeout"). Pure: `now` in, times out.

A TCP conversation ends two maximum segment lifetimes after both FINs, or after a RST: until then late segments may
come. Any other ends when it has carried nothing for the time of its protocol. A learner's `is_over` may say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from mipflow.flow.learner.guard import Guarded, wrong_truth
from mipflow.flow.tables import FlowMappingEntry, Key
from mipflow.node.tcp.connection import Connection
from mipflow.sim.clock import NS_PER_MS, NS_PER_S
from mipflow.sim.meter import Meter
from mipflow.wire.packet import TCP

IDLE_NS = {"UDP": 300 * NS_PER_S, "TCP": 7440 * NS_PER_S, "ICMPv6": 60 * NS_PER_S}
"""How long a flow may be silent, as middleboxes on the way allow: RFC 4787 REQ-5, RFC 5382 REQ-5, RFC 5508 REQ-2."""
OTHERS_IDLE_NS = IDLE_NS["UDP"]
TIME_WAIT_NS = 2 * Connection.maximum_segment_lifetime_ns
ASK_NS = 250 * NS_PER_MS
"""How often a learner's `is_over` is asked about each flow."""


def idle_until_ns(entry: FlowMappingEntry, now: int, lasts_ns: int = 0) -> int:
    """When a flow ends if it carries nothing more, in nanoseconds; one that has carried nothing yet does not count as
    silent, nor one that is known to last until `lasts_ns`.
    """
    used_ns = now if entry.used_ns is None else entry.used_ns
    return max(used_ns, lasts_ns) + IDLE_NS.get(entry.flow_information.traits.protocol, OTHERS_IDLE_NS)


SAID = "", "one end has said FIN", "both ends have said FIN"
SILENT_NS = NS_PER_S
"""After how much silence it is told that a flow goes on by a learner's `is_over`."""


class TcpEndings:
    """The FIN and RST segments seen of each TCP conversation (RFC 9293 section 3.6)."""

    def __init__(self) -> None:
        self._seen: dict[Key, set[bool]] = {}
        self._until_ns: dict[Key, int] = {}

    def segment(self, conversation: Key, segment: TCP, outgoing: bool, now: int) -> int | None:
        """A segment with FIN, RST or SYN has passed: when its conversation ends, if it does, in nanoseconds.

        A SYN begins a new connection on the same ports.
        """
        if segment.syn:
            self.forget([conversation])
            return None
        seen = self._seen.setdefault(conversation, set())
        seen |= {True, False} if segment.rst else {outgoing}
        if len(seen) < 2:
            return None
        self._until_ns[conversation] = now + TIME_WAIT_NS
        return now + TIME_WAIT_NS

    def has_ended(self, conversation: Key, now: int) -> bool:
        """True once the time has come that `segment` gave last."""
        return now >= self._until_ns.get(conversation, 1 << 62)

    def fins(self, conversations: Iterable[Key]) -> int:
        """How many ends have said FIN, or RST for both: of several conversations those of the one that goes on."""
        return min((len(self._seen.get(conversation, ())) for conversation in conversations), default=0)

    def forget(self, conversations: Iterable[Key]) -> None:
        """Conversations are over, or begin anew."""
        for conversation in conversations:
            self._seen.pop(conversation, None)
            self._until_ns.pop(conversation, None)


class FlowState(NamedTuple):
    """A flow for a learner's is_over(flow, now). Times in seconds.

    protocol: as in `Traits`; began; sent, heard: when it last did, or began where it has not yet; fins: how many ends
    have said FIN; closed: the application said that it is over.
    """

    protocol: str
    began: float
    sent: float
    heard: float
    fins: int = 0
    closed: bool = False


class AskedEnding:
    """A learner's is_over(flow, now), asked four times a second about each flow: when it last sent and heard is known
    as well as that. One that has carried nothing yet is waited for. Raises FunctionFailed for what is no such function.

    A flow that goes on though it is silent or closed, and one that breaks its silence, is told once, by `tell`.
    """

    def __init__(
        self, is_over: Callable[[FlowState, float], bool], meters: Mapping[int, Meter], tell: Callable[[str, str], None]
    ) -> None:
        self._is_over = Guarded("is_over", is_over, "flow, now", wrong_truth)
        self._meters, self._tell = meters, tell
        self._began_ns: dict[int, int] = {}
        self._last: dict[int, tuple[int, int]] = {}
        """Flow id, negative for the way to the mobile node -> packets so far, and when there were more last."""
        self._told: dict[int, tuple[bool, int]] = {}
        """Flow id -> whether it was closed, and when it fell silent, where it was told to go on all the same."""

    def __call__(self, entry: FlowMappingEntry, fins: int, now: int) -> str:
        """Ask; gives why it has ended, "" where it goes on. Raises FunctionFailed."""
        number, closed, used_ns, last_s = entry.flow_id, not entry.conversations, entry.used_ns, list[float]()
        began_ns = self._began_ns.setdefault(number, now)
        if used_ns is None:
            if not closed:
                return ""
            used_ns = began_ns
        for way, count in ((number, self._meters[number].sent), (-number, self._meters[-number].received)):
            before, last_ns = self._last.get(way, (0, began_ns))
            self._last[way] = count, last_ns if count == before else used_ns
            last_s.append(self._last[way][1] / NS_PER_S)
        protocol = entry.flow_information.traits.protocol
        state = FlowState(protocol, began_ns / NS_PER_S, last_s[0], last_s[1], fins, closed)
        is_over, quiet_ns = self._is_over(state, now / NS_PER_S), now - used_ns
        known = ["closed by its application"] * closed + [SAID[fins]] * (fins > 0)
        why = f"your is_over() says so ({'; '.join([*known, f'silent for {quiet_ns / NS_PER_S:.1f} s'])})"
        if is_over:
            return why
        told = self._told.get(number)
        if closed or quiet_ns >= SILENT_NS:
            self._told[number] = closed, used_ns
            if told is None or told[0] != closed:
                self._tell("flow goes on", f"flow {number}: {why}")
        elif told is not None:
            del self._told[number]
            was_s, home = (used_ns - told[1]) / NS_PER_S, entry.home_address
            still = f", still from {home}" * (home is not None)
            self._tell("flow goes on", f"flow {number}: packets again, after {was_s:.0f} s of silence{still}")
        return ""
