"""End flows: by a word of their owner, by silence, or by the FINs of TCP (the patent, page 13: "or by a timeout").

A TCP conversation ends two maximum segment lifetimes after both FINs, or after a RST: until then late segments may
come. Any other ends when it has carried nothing for the time of its protocol. A learner's `is_over` may say otherwise.
`flow.stack` tells of segments; the home address that falls free goes to `flow.bindings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mipflow.errors import FunctionFailed
from mipflow.flow.bindings.binder import FlowBinder
from mipflow.flow.conversations import Key
from mipflow.flow.tables import FlowMappingEntry
from mipflow.mip6.mobile_node import MobileNode
from mipflow.sim.clock import NS_PER_MS, NS_PER_S
from mipflow.wire.packet import TCP

IDLE_NS = {"UDP": 300 * NS_PER_S, "TCP": 7440 * NS_PER_S, "ICMPv6": 60 * NS_PER_S}
"""How long a flow may be silent, as middleboxes on the way allow: RFC 4787 REQ-5, RFC 5382 REQ-5, RFC 5508 REQ-2. Any
other protocol is like UDP.
"""
TIME_WAIT_NS = 240 * NS_PER_S
"""Two maximum segment lifetimes of two minutes each (RFC 9293 section 3.4.2)."""
ASK_NS = 250 * NS_PER_MS
"""How often a learner's `is_over` is asked about each flow."""

Asked = Callable[[FlowMappingEntry, int, int], str]
"""Why a flow has ended, "" where it goes on; called with the flow, its FINs and the time. Raises FunctionFailed."""


def idle_until_ns(entry: FlowMappingEntry, now: int, lasts_ns: int = 0) -> int:
    """Return when a flow ends if it carries nothing more, in nanoseconds; one that has carried nothing yet does not
    count as silent, nor one that is known to last until `lasts_ns`.
    """
    used_ns = now if entry.used_ns is None else entry.used_ns
    return max(used_ns, lasts_ns) + IDLE_NS.get(entry.flow_information.traits.protocol, IDLE_NS["UDP"])


class TcpEndings:
    """The FIN and RST segments seen of each TCP conversation (RFC 9293 section 3.6). Pure."""

    def __init__(self) -> None:
        self._seen: dict[Key, set[bool]] = {}
        self._until_ns: dict[Key, int] = {}

    def segment(self, conversation: Key, segment: TCP, outgoing: bool, now: int) -> int | None:
        """Note a segment with FIN, RST or SYN; return when its conversation ends, if it does, in nanoseconds.

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
        """Return True once the time has come that `segment` gave last."""
        return now >= self._until_ns.get(conversation, 1 << 62)

    def fins(self, conversations: Iterable[Key]) -> int:
        """Count the ends that have said FIN, or RST for both: of several conversations those of the one that goes on.
        """
        return min((len(self._seen.get(conversation, ())) for conversation in conversations), default=0)

    def forget(self, conversations: Iterable[Key]) -> None:
        """Forget conversations that are over, or begin anew."""
        for conversation in conversations:
            self._seen.pop(conversation, None)
            self._until_ns.pop(conversation, None)


class Endings:
    """Ends the flows of `binder`. asked: says in the place of silence, FINs and applications when a flow has ended."""

    def __init__(self, node: MobileNode, binder: FlowBinder, asked: Asked | None) -> None:
        self._node, self._clock, self._binder, self._asked = node, node.clock, binder, asked
        self._flows = binder.flows
        self._tcp = TcpEndings()
        self._lasts_ns: dict[int, int] = {}
        """Flow id -> until when it has packets to come, where its applications say so."""

    def lasts(self, flow: int, until_ns: int) -> None:
        """Let a flow not end before `until_ns` unless it is closed, neither by silence nor after TIME-WAIT."""
        self._lasts_ns[flow] = max(until_ns, self._lasts_ns.get(flow, 0))

    def watch(self, entry: FlowMappingEntry) -> None:
        """End a flow once it has been silent for long enough; one that has carried nothing yet is waited for."""
        now = self._clock.now
        if self._flows.get(entry.flow_id) is not entry:
            return
        if self._asked is not None:
            self._ask(entry, self._asked)
            return
        until_ns = idle_until_ns(entry, now, self._lasts_ns.get(entry.flow_id, 0))
        if now < until_ns:
            self._clock.at(until_ns, self.watch, entry)
        else:
            silent_s = (now - (entry.used_ns or 0)) // NS_PER_S
            self.end(entry, f"it has carried nothing for {silent_s} s")

    def _ask(self, entry: FlowMappingEntry, asked: Asked) -> None:
        """Ask whether a flow has ended, now and again until it has; no more after a failure, for it would fail again.
        """
        try:
            why = asked(entry, self._tcp.fins(entry.conversations), self._clock.now)
        except FunctionFailed as error:
            self._node.decided("function failed", str(error))
            return
        if why:
            self.end(entry, why)
        else:
            self._clock.after(ASK_NS, self.watch, entry)

    def segment(self, conversation: Key, segment: TCP, outgoing: bool) -> None:
        """Note a segment with FIN, RST or SYN."""
        until_ns = self._tcp.segment(conversation, segment, outgoing, self._clock.now)
        if until_ns is not None and self._asked is None:
            self._clock.at(until_ns, self._tcp_over, conversation)

    def _tcp_over(self, conversation: Key) -> None:
        if self._tcp.has_ended(conversation, self._clock.now):
            known = self._flows.find(conversation)
            lasts_ns = 0 if known is None else self._lasts_ns.get(known.flow_id, 0)
            if self._clock.now < lasts_ns:
                self._clock.at(lasts_ns, self._tcp_over, conversation)
                return
            self._tcp.forget([conversation])
            entry = self._flows.part(conversation)
            if entry is not None:
                self.end(entry, "its TCP connection has ended, and TIME-WAIT is over")

    def part(self, conversations: Iterable[Key], entry: FlowMappingEntry) -> None:
        """Take an application's conversations out of their flow, which ends where it has no others."""
        self._tcp.forget(conversations)
        for conversation in conversations:
            self._flows.part(conversation)
        if not entry.conversations and self._asked is None:
            self.end(entry, "closed")

    def end(self, entry: FlowMappingEntry, why: str) -> None:
        """End a flow: its home address is freed if no other flow uses it (page 14)."""
        binder, home_address = self._binder, entry.home_address
        self._node.decided("flow ended", f"flow {entry.flow_id}: {why}")
        entry.has_ended = True
        binder.waiting.forget(entry.flow_id, "its flow was closed")
        self._tcp.forget(entry.conversations)
        self._lasts_ns.pop(entry.flow_id, None)
        binder.record(self._flows.remove(entry.flow_id))
        says_when = binder.pool.steps is not None  # a learner's steps delete the row
        if home_address is not None and not says_when and not self._flows.of_pair(home_address, entry.cn):
            self._node.registrar.deregister(entry.cn, home_address)
        if entry.requested is not None or binder.networks.policies is not None:  # others may be where it wished to be
            binder.shared.settle(home_address, entry.cn)
        if entry.home_address is not None:
            binder.pool.left(entry.home_address)
        binder.pool.free_unused()
