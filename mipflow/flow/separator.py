"""The data flow separator (the patent, page 11): to which flow does a packet belong? Pure.

A packet of a known conversation belongs to that one's flow, so no later rule cuts a conversation in two. For a new
conversation the sources of classification are asked in the order of their priorities, without the source address: a
home address is chosen after it is known which flow it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple, Protocol

from mipflow.flow.conversations import PROTOCOL, Conversation, FlowInformation, Traits, conversation_of
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import NO_MARKS, TCP, UDP, FragmentHeader, Marks

FRAGMENTS_NS = 60 * NS_PER_S
"""How long later fragments follow their first: as long as a receiver waits for them (RFC 8200 section 4.5)."""


class Source(NamedTuple):
    """One source of classification (page 11); the one with the lowest priority number is asked first.

    name: the source's name in the flow mapping table; classify: returns the word of a new conversation's flow, empty
    for a flow of its own, None for no opinion. Conversations with equal words and one correspondent are one flow.
    """

    priority: int
    name: str
    classify: Callable[[Traits], str | None]


class ApplicationWord:
    """The application's own word: through `say` it tells which of its sockets belong to one flow (page 11)."""

    def __init__(self) -> None:
        self._words: dict[tuple[str, int], str] = {}

    def say(self, protocol: str, local_port: int, word: str | None) -> None:
        """Put what begins at this port from now on into the flow of this word; None takes back what was said."""
        if word is None:
            self._words.pop((protocol, local_port), None)
        else:
            self._words[protocol, local_port] = word

    def classify(self, traits: Traits) -> str | None:
        """Return the word that was said of the local port."""
        return self._words.get((traits.protocol, traits.local_port))


def by_headers(traits: Traits) -> str:
    """Return the word that headers give: the empty one, but for packets with a flow label.

    Protocol, ports and SPI tell conversations apart; a flow label says which of them are one flow (RFC 6437 section 2:
    label and addresses name a flow, each end choosing its own label).
    """
    way = "label" if traits.outgoing else "their label"
    return f"{way} {traits.flow_label:#07x}" if traits.flow_label else ""


class Rules(Protocol):
    """Rules of the operator, from a file, or rules that the network sends at run time (page 11)."""

    def word_of(self, traits: Traits) -> str | None:
        """Return the word of the first rule that matches, as `Source.classify` does."""


class RuleSource:
    """Rules that may be replaced at run time, which concerns conversations that begin afterwards; None for none."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules

    def classify(self, traits: Traits) -> str | None:
        """Return the word of the first rule that matches."""
        return None if self.rules is None else self.rules.word_of(traits)


class DataFlowSeparator:
    """Classifies by `sources`, the lowest priority number first."""

    def __init__(self, flows: FlowMappingTable, sources: Iterable[Source] = ()) -> None:
        self._flows = flows
        self._find = flows.find
        self._sources = sorted(sources, key=attrgetter("priority"))
        self._fragments: dict[tuple[Address, int], tuple[Conversation, int]] = {}
        """(Correspondent, identification) -> the conversation of a packet that is sent in fragments, and until when."""

    # --- known conversations: for every packet -----------------------------------------------------------------------

    def outgoing(self, payload: object, cn: Address, marks: Marks = NO_MARKS, now: int = 0) -> FlowMappingEntry | None:
        """Return the flow of a packet to `cn`, or None for a new conversation."""
        # A plain tuple finds what a Conversation entered, at a third of the price: this is done for every packet.
        kind = type(payload)
        if not marks.extensions:
            if kind is UDP or kind is TCP:
                return self._find((PROTOCOL[kind], payload.source_port, cn, payload.destination_port))  # type: ignore[attr-defined]
            if kind is EchoRequest or kind is EchoReply:
                return self._find(("ICMPv6", payload.identifier, cn, 0))  # type: ignore[attr-defined]
        conversation = self.conversation(payload, cn, True, marks, now)
        return None if conversation is None else self._find(conversation)

    def incoming(self, payload: object, cn: Address) -> FlowMappingEntry | None:
        """Return the flow of a packet from `cn`, or None: both directions have one flow id."""
        kind = type(payload)
        if kind is UDP or kind is TCP:
            find = self._find  # a call of what a local name holds is the quicker one
            return find((PROTOCOL[kind], payload.destination_port, cn, payload.source_port))  # type: ignore[attr-defined]
        conversation = conversation_of(payload, cn, False)
        return None if conversation is None else self._find(conversation)

    def conversation(
        self, payload: object, cn: Address, outgoing: bool, marks: Marks = NO_MARKS, now: int = 0
    ) -> Conversation | None:
        """Return the conversation of a packet; None for one without, such as an ICMPv6 error.

        A later fragment belongs to that of its first, which is remembered for FRAGMENTS_NS from `now` on.
        """
        fragment = next((header for header in marks.extensions if type(header) is FragmentHeader), None)
        if fragment is None:
            return conversation_of(payload, cn, outgoing)
        key = (cn, fragment.identification)
        if fragment.offset:
            known, until_ns = self._fragments.get(key, (None, 0))
            return known if now <= until_ns else None
        first = conversation_of(payload, cn, True)
        if first is not None:
            self._fragments = {key: each for key, each in self._fragments.items() if each[1] >= now}
            self._fragments[key] = (first, now + FRAGMENTS_NS)
        return first

    # --- new conversations -------------------------------------------------------------------------------------------

    def classify(self, traits: Traits) -> FlowInformation:
        """Ask the sources in order until one has an opinion; a flow of its own where none has."""
        for source in self._sources:
            word = source.classify(traits)
            if word is not None:
                return FlowInformation(traits, word, source.name)
        return FlowInformation(traits)

    def counterpart(self, traits: Traits, home_address: Address | None) -> FlowMappingEntry | None:
        """Return the flow of ESP whose other direction this is; None for anything else, and where nobody can tell.

        ESP that ends beyond this node has another SPI each way. The flow is the only one with this correspondent, and
        this home address where it is known, of which this direction has not been seen.
        """
        if traits.protocol != "ESP":
            return None
        candidates = [flow for flow in self._flows.of_correspondent(traits.cn) if _lacks(flow, traits.outgoing)]
        candidates = [flow for flow in candidates if home_address in (None, flow.home_address)]
        return candidates[0] if len(candidates) == 1 else None


def _lacks(flow: FlowMappingEntry, outgoing: bool) -> bool:
    """Return True for a flow of ESP of which more SPIs have been seen in the other direction than in this one."""
    ways = [near != 0 for protocol, near, _, _ in flow.conversations if protocol == "ESP"]
    return ways.count(not outgoing) > ways.count(outgoing)
