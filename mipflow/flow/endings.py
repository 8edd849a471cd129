"""When a flow has ended without anybody saying so (the patent, page 13: "or by a timeout"). Pure: `now` in, times out.

A TCP conversation ends two maximum segment lifetimes after both FINs, or after a RST: until then late segments may
come. Any other ends when it has carried nothing for the time of its protocol.
"""

from __future__ import annotations

from collections.abc import Iterable

from mipflow.flow.tables import FlowMappingEntry, Key
from mipflow.node.tcp import Connection
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.packet import TCP

IDLE_NS = {"UDP": 300 * NS_PER_S, "TCP": 7440 * NS_PER_S, "ICMPv6": 60 * NS_PER_S}
"""How long a flow may be silent, as middleboxes on the way allow: RFC 4787 REQ-5, RFC 5382 REQ-5, RFC 5508 REQ-2."""
OTHERS_IDLE_NS = IDLE_NS["UDP"]
TIME_WAIT_NS = 2 * Connection.maximum_segment_lifetime_ns


def idle_until_ns(entry: FlowMappingEntry, now: int, lasts_ns: int = 0) -> int:
    """When a flow ends if it carries nothing more, in nanoseconds; one that has carried nothing yet does not count as
    silent, nor one that is known to last until `lasts_ns`.
    """
    used_ns = now if entry.used_ns is None else entry.used_ns
    return max(used_ns, lasts_ns) + IDLE_NS.get(entry.flow_information.traits.protocol, OTHERS_IDLE_NS)


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

    def forget(self, conversations: Iterable[Key]) -> None:
        """Conversations are over, or begin anew."""
        for conversation in conversations:
            self._seen.pop(conversation, None)
            self._until_ns.pop(conversation, None)
