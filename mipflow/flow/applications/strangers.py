"""Bound the number and the rate of conversations that others begin with a mobile node (RFC 4225 section 3.3.1).

One datagram with a forged source begins a flow, and with it tests, a binding update and an entry in every table. Takes
a conversation and the time in nanoseconds; gives the flow that gives way to it, if one does.
"""

from __future__ import annotations

from mipflow.errors import TopologyError
from mipflow.flow.conversations import Key
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable
from mipflow.node.token_bucket import TokenBucket
from mipflow.sim.clock import NS_PER_S

MOST = 100
"""The number of conversations that others may have begun at once."""
GIVES_WAY_NS = 30 * NS_PER_S
"""How long a flow must have been silent to give way where there is no room: what an attack leaves is gone after it."""


class Strangers:
    """Conversations that others began: at most `most` at once, and new ones only as fast as `limit` lets them."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.limit = TokenBucket()
        self._begun: set[Key] = set()

    def admit(self, conversation: Key, flows: FlowMappingTable, now: int) -> FlowMappingEntry | None:
        """Let a conversation begin, and count it. Where there is no room, the one that has been silent longest ends, if
        that was long enough; return its flow where that ends with it. Raises TopologyError where it may not begin.
        """
        if not self.limit.take(now):
            raise TopologyError(f"others begin conversations faster than {self.limit.per_s} a second", conversation)
        over = None
        if len(self._begun) >= self.most:
            self._begun = {each for each in self._begun if flows.find(each) is not None}
        if len(self._begun) >= self.most:
            silent_ns, oldest = min((_used_ns(flows, each), each) for each in self._begun)
            if now - silent_ns < GIVES_WAY_NS:
                raise TopologyError(f"others have begun {self.most} conversations that are open still", conversation)
            self._begun.discard(oldest)
            over = flows.part(oldest)
        self._begun.add(conversation)
        return over


def _used_ns(flows: FlowMappingTable, conversation: Key) -> int:
    entry = flows.find(conversation)
    return 0 if entry is None or entry.used_ns is None else entry.used_ns
