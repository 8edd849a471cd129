"""The data flow separator (the patent, page 11): to which flow does a packet belong? Pure.

It stands above IP security and below UDP and TCP (Figure 3). A packet of a known conversation belongs to that one's
flow, so no later rule cuts a conversation in two. For a new conversation the sources of classification are asked in the
order of their priorities, without the source address: a home address is chosen after it is known which flow it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from mipflow.arguments import WORD, fits
from mipflow.flow.conversations import Traits
from mipflow.flow.learner.guard import Guarded
from mipflow.flow.policy.rules import EACH, RuleSet
from mipflow.flow.tables import Conversation, FlowInformation, FlowMappingEntry, FlowMappingTable
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.address import Address
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import (
    ESP,
    NO_MARKS,
    TCP,
    UDP,
    DestinationOptions,
    ExtensionHeader,
    FragmentHeader,
    HopByHopOptions,
    Marks,
    Opaque,
    UnknownOption,
)

FRAGMENTS_NS = 60 * NS_PER_S
"""How long later fragments follow their first: as long as a receiver waits for them (RFC 8200 section 4.5)."""


class Source(Protocol):
    """One source of classification (page 11)."""

    @property
    def name(self) -> str:
        """The source's name in the flow mapping table."""

    def classify(self, traits: Traits) -> str | None:
        """The word of the flow of a new conversation: conversations with equal words and one correspondent are one
        flow. Empty for a flow of its own; None for no opinion.
        """


class ApplicationWord:
    """The application's own word: through `say` it tells which of its sockets belong to one flow (page 11)."""

    name = "application"

    def __init__(self) -> None:
        self._words: dict[tuple[str, int], str] = {}

    def say(self, protocol: str, local_port: int, word: str | None) -> None:
        """Put what begins at this port from now on into the flow of this word; None takes back what was said."""
        if word is None:
            self._words.pop((protocol, local_port), None)
        else:
            self._words[protocol, local_port] = word

    def classify(self, traits: Traits) -> str | None:
        """The word that was said of the local port."""
        return self._words.get((traits.protocol, traits.local_port))


class HeaderAnalysis:
    """The headers: protocol, ports and SPI tell conversations apart; a flow label says which of them are one flow (RFC
    6437 section 2: label and addresses name a flow, each end choosing its own label).
    """

    name = "headers"

    def classify(self, traits: Traits) -> str | None:
        """A flow of its own, but for what has a flow label."""
        way = "label" if traits.outgoing else "their label"
        return f"{way} {traits.flow_label:#07x}" if traits.flow_label else ""


class RuleSource:
    """Rules: the operator's, from a file, or those that the network sends at run time (page 11). `rules` may be
    replaced: that concerns conversations that begin afterwards.
    """

    def __init__(self, name: str, rules: RuleSet | None = None) -> None:
        self.name = name
        self.rules = rules

    def classify(self, traits: Traits) -> str | None:
        """The word of the first rule that matches."""
        rule = None if self.rules is None else self.rules.flow_of(traits)
        if rule is None:
            return None
        return "" if rule.flow == EACH else rule.flow


class FunctionSource:
    """A learner's function: takes Traits, gives a word, "" or None (see `Source.classify`)."""

    name = "your separator"

    def __init__(self, function: Callable[[Traits], str | None]) -> None:
        self.classify = function


def sources_in_order(
    words: ApplicationWord, network: RuleSource, operator: RuleSet | None, function: Callable[..., str | None] | None
) -> list[tuple[int, Source]]:
    """All sources with their priorities: a learner's function first, then as page 11 names them, the headers last."""
    guarded = None if function is None else Guarded("separator", function, "traits", wrong_word)
    first: list[tuple[int, Source]] = [] if guarded is None else [(10, FunctionSource(guarded))]
    return [*first, (20, words), (30, network), (40, RuleSource("operator", operator)), (50, HeaderAnalysis())]


def wrong_word(result: object, traits: object) -> str:
    """Say what is wrong with the result of a learner's `separator`; empty where nothing is."""
    return "" if result is None or fits(result, WORD) else "expected a word, '' for a flow of its own, or None"


class DataFlowSeparator:
    """Classifies by `sources`, the lowest priority number first."""

    def __init__(self, flows: FlowMappingTable, sources: Iterable[tuple[int, Source]] = ()) -> None:
        self._flows = flows
        self._find = flows.find
        self._sources = sorted(sources, key=lambda each: each[0])
        self._fragments: dict[tuple[Address, int], tuple[Conversation, int]] = {}
        """(Correspondent, identification) -> the conversation of a packet that is sent in fragments, and until when."""

    # --- known conversations: for every packet -----------------------------------------------------------------------

    def outgoing(
        self, payload: object, cn: Address, marks: Marks = NO_MARKS, now: int = 0
    ) -> FlowMappingEntry | None:
        """The flow of what is sent to `cn`, or None for a new conversation."""
        # A plain tuple finds what a Conversation entered, at a third of the price: this is done for every packet.
        kind = type(payload)
        if not marks.extensions:
            if kind is UDP or kind is TCP:
                return self._find((_PROTOCOL[kind], payload.source_port, cn, payload.destination_port))  # type: ignore[attr-defined]
            if kind is EchoRequest or kind is EchoReply:
                return self._find(("ICMPv6", payload.identifier, cn, 0))  # type: ignore[attr-defined]
        conversation = self.conversation(payload, cn, True, marks, now)
        return None if conversation is None else self._find(conversation)

    def incoming(self, payload: object, cn: Address) -> FlowMappingEntry | None:
        """The same for what has come from `cn`: both directions have one flow id."""
        kind = type(payload)
        if kind is UDP or kind is TCP:
            find = self._find  # a call of what a local name holds is the quicker one
            return find((_PROTOCOL[kind], payload.destination_port, cn, payload.source_port))  # type: ignore[attr-defined]
        conversation = self.conversation(payload, cn, False)
        return None if conversation is None else self._find(conversation)

    def conversation(
        self, payload: object, cn: Address, outgoing: bool, marks: Marks = NO_MARKS, now: int = 0
    ) -> Conversation | None:
        """To which conversation a packet belongs; None for what has none, such as an ICMPv6 error.

        A later fragment belongs to that of its first, which is remembered for FRAGMENTS_NS from `now` on.
        """
        fragment = next((header for header in marks.extensions if type(header) is FragmentHeader), None)
        if fragment is not None:
            return self._of_fragment(fragment, payload, cn, now)
        if isinstance(payload, UDP | TCP):
            near, far = payload.source_port, payload.destination_port
            return Conversation(_PROTOCOL[type(payload)], *((near, cn, far) if outgoing else (far, cn, near)))
        if isinstance(payload, EchoRequest | EchoReply):
            return Conversation("ICMPv6", payload.identifier, cn, 0)
        if isinstance(payload, Opaque):
            return _opaque(payload.next_header, payload.data, cn, outgoing)
        return None

    def _of_fragment(self, header: FragmentHeader, payload: object, cn: Address, now: int) -> Conversation | None:
        key = (cn, header.identification)
        known, until_ns = self._fragments.get(key, (None, 0))
        if header.offset:
            return known if now <= until_ns else None
        first = self.conversation(payload, cn, True)
        if first is not None:
            self._fragments = {key: each for key, each in self._fragments.items() if each[1] >= now}
            self._fragments[key] = (first, now + FRAGMENTS_NS)
        return first

    # --- new conversations -------------------------------------------------------------------------------------------

    def classify(self, traits: Traits) -> FlowInformation:
        """Ask the sources in order until one has an opinion; a flow of its own where none has."""
        for _, source in self._sources:
            word = source.classify(traits)
            if word is not None:
                return FlowInformation(traits, word, source.name)
        return FlowInformation(traits)

    def counterpart(self, traits: Traits, home_address: Address | None) -> FlowMappingEntry | None:
        """ESP that ends beyond this node has another SPI each way: the flow whose other direction this is.

        That is the only one with this correspondent, and this home address where it is known, of which this direction
        has not been seen; where there are several nobody can tell.
        """
        if traits.protocol != "ESP":
            return None
        candidates = self._flows.of_correspondent(traits.cn)
        lacking = [flow for flow in candidates if _lacks(flow, traits.outgoing)]
        lacking = [flow for flow in lacking if home_address in (None, flow.home_address)]
        return lacking[0] if len(lacking) == 1 else None


def traits_of(conversation: Conversation, outgoing: bool, marks: Marks, application: str = "") -> Traits:
    """The visible traits of a packet of a conversation."""
    spi = conversation.local_port or conversation.remote_port if conversation.protocol == "ESP" else 0
    names = tuple(name for header in marks.extensions for name in _names(header))
    dscp = marks.traffic_class >> 2
    return Traits(*conversation, outgoing, dscp, marks.flow_label, spi, names, application)


def _lacks(flow: FlowMappingEntry, outgoing: bool) -> bool:
    """True for a flow of ESP of which more SPIs have been seen in the other direction than in this one."""
    ways = [near != 0 for protocol, near, _, _ in flow.conversations if protocol == "ESP"]
    return ways.count(not outgoing) > ways.count(outgoing)


def _opaque(next_header: int, data: bytes, cn: Address, outgoing: bool) -> Conversation | None:
    """The conversation of octets: ports or SPI stand in front, in UDP, TCP and ESP alike."""
    numbers = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    if next_header == ESP:
        spi = numbers[0] << 16 | numbers[1]
        return Conversation("ESP", spi, cn, 0) if outgoing else Conversation("ESP", 0, cn, spi)
    if next_header in _NUMBERS and len(data) >= 4:
        near, far = numbers if outgoing else numbers[::-1]
        return Conversation(_NUMBERS[next_header], near, cn, far)
    return Conversation(str(next_header), 0, cn, 0)


def _names(header: ExtensionHeader) -> list[str]:
    """An extension header and its options, in words."""
    if isinstance(header, HopByHopOptions | DestinationOptions):
        kind = "hop-by-hop options" if isinstance(header, HopByHopOptions) else "destination options"
        return [kind, *(f"option {option.type}" for option in header.options if isinstance(option, UnknownOption))]
    return ["fragment" if isinstance(header, FragmentHeader) else "routing header"]


_PROTOCOL: dict[type, str] = {UDP: "UDP", TCP: "TCP"}
_NUMBERS = {17: "UDP", 6: "TCP"}
