"""Begin flows: a new conversation joins the flow that the separator says, or becomes a flow with a row of its own.

Between the decision of Figures 4 and 5 that a packet begins a flow (steps 22 and 29) and its home address (steps 23 and
30): classify the conversation, choose a network, enter the flow. The redirector calls `begun_here` and `begun_there`
for packets, and an application that opens a flow calls `begin`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from mipflow.errors import FunctionFailed, TopologyError
from mipflow.flow.bindings.binder import FlowBinder
from mipflow.flow.conversations import Conversation, FlowInformation, Traits, traits_of
from mipflow.flow.separator import DataFlowSeparator
from mipflow.flow.tables import FlowMappingEntry
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.node.node import Arrival, Handler
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, FragmentHeader, Header, Marks, Sized, packet_of


class Expects(Protocol):
    """Knows which flows correspondents are going to begin."""

    def admit(self, conversation: Conversation, is_theirs: bool) -> Any:
        """Return the `Flow` that was expected to begin with a conversation, or None for one that nobody expects.

        Raises TopologyError where a correspondent may not begin it.
        """

    def begun(self, flow: Any, entry: FlowMappingEntry) -> None:
        """Give an expected flow that has begun its entry."""


class NewFlows:
    """Begins the flows of `node`. control: UDP ports that belong to no flow; watch: called with each new flow."""

    def __init__(
        self, node: Host, mobile: MobileNode, binder: FlowBinder, separator: DataFlowSeparator,
        control: dict[int, Handler], watch: Callable[[FlowMappingEntry], None],
    ) -> None:  # fmt: skip
        self._node, self._mobile, self._binder, self._separator = node, mobile, binder, separator
        self._control, self._watch, self._flows = control, watch, binder.flows
        self.expects: Expects | None = None
        """Put in from outside; None where nobody expects flows, and whoever wants may begin some."""
        self._last_id = 0

    def next_id(self) -> int:
        """Return a flow id that no flow has had."""
        self._last_id += 1
        return self._last_id

    # --- packets that begin flows (Figure 4, step 22; Figure 5, step 29) ---------------------------------------------

    def begun_here(
        self, payload: Sized, source: Address | None, destination: Address, label: int, marks: Marks
    ) -> FlowMappingEntry | None:
        """Return the flow that an outgoing packet begins or joins; send one of no flow as it is, and return None.

        A packet of no flow comes from a care-of address, answers a packet of no flow, as a reset does, or has nothing
        that classifies it.
        """
        node, now = self._node, self._node.clock.now
        conversation = self._separator.conversation(payload, destination, True, marks, now)
        try:
            if conversation is not None and source is None:
                return self.begin(traits_of(conversation, True, marks))
            if any(type(header) is FragmentHeader for header in marks.extensions):
                raise TopologyError("a later fragment, but its first has not been seen", marks)
        except TopologyError as error:
            header = Header(self._mobile.primary_home_address, destination, marks)
            node.drop(packet_of(header, payload, now), str(error))
        else:
            node.originate(payload, source, destination, label, marks)
        return None

    def begun_there(self, arrival: Arrival) -> FlowMappingEntry | None:
        """Return the flow that a correspondent begins with a packet; None where it begins none."""
        packet, node = arrival.packet, self._node
        if type(packet.payload) is UDP and packet.payload.destination_port in self._control:
            return None
        conversation = self._separator.conversation(packet.payload, arrival.source, False)
        is_ours = arrival.destination in self._mobile.own_home_addresses and node.expects(packet.payload)
        if conversation is None or not is_ours or self._binder.pool.is_freeing(arrival.destination):
            return None
        return self.begin(traits_of(conversation, False, packet.header.marks), arrival=arrival)

    # --- the flow of a new conversation ------------------------------------------------------------------------------

    def begin(self, traits: Traits, requested: str | None = None, arrival: Arrival | None = None) -> FlowMappingEntry:
        """Return the flow of a new conversation: the one that it joins, or a new one, which is given a home address.

        requested: the network that the application asks for; arrival: the packet with which a correspondent began it
        (Figure 5). Raises ProtocolMisuse for a conversation that is known, TopologyError where no interface is up, for
        an address that is no correspondent's, and where others begin too much.
        """
        if not traits.cn.is_unicast_routable or self._node.mobility.is_own(traits.cn):
            raise TopologyError(f"{traits.cn} is our own, or not the address of one node", traits.cn)
        conversation = Conversation.of(traits)
        expected = None if self.expects is None else self.expects.admit(conversation, arrival is not None)
        if expected is not None:
            traits = traits._replace(application=expected.app.name)
        try:
            information, failure = self._separator.classify(traits), ""
        except FunctionFailed as error:
            information, failure = FlowInformation(traits), self._failed(error)
        used = None if arrival is None else arrival.destination
        known = self._flows.named(information.word, traits.cn)
        if known is not None and used not in (None, known.home_address):
            known, information = None, information._replace(word="")  # it keeps the address that was used (step 30)
        elif known is None and expected is None:
            known = self._separator.counterpart(traits, used)
        if known is not None:
            self._flows.join(known, information.first)
            self._begun(expected, known)
            return known
        number = self._last_id + 1 if expected is None else expected.id
        entry = FlowMappingEntry(number, traits.cn, information, requested=requested, refused=failure)
        self._enter(entry, None if arrival is None else arrival.interface.name)
        self._last_id = max(self._last_id, number)
        self._begun(expected, entry)
        self._assign(entry, arrival)
        return entry

    def _begun(self, expected: Any, entry: FlowMappingEntry) -> None:
        if expected is not None and self.expects is not None:
            self.expects.begun(expected, entry)

    def _enter(self, entry: FlowMappingEntry, default: str | None) -> None:
        """Choose a network for a new flow, and enter it into the table."""
        binder, entry.network = self._binder, self._node.network
        try:
            entry.group = binder.redirector.group(entry)
        except FunctionFailed as error:
            entry.refused = self._failed(error)
        entry.interface = binder.networks.choose(entry, default)
        chosen = self._node.interfaces[entry.interface]
        entry.care_of_address = chosen.address if chosen.is_usable else None
        binder.shared.mark(entry.cn)
        binder.record(self._flows.add(entry))
        self._watch(entry)

    def _assign(self, entry: FlowMappingEntry, arrival: Arrival | None) -> None:
        """Have a new flow given its home address, unless a function of a learner's failed."""
        if entry.refused:
            self._binder.refuse_flow(entry, entry.refused)
        elif arrival is not None:
            self._binder.assigned(entry, self._binder.redirector.keep(entry, arrival.destination))  # step 30
        else:
            self._binder.find_home_address(entry)  # step 23

    def _failed(self, error: FunctionFailed) -> str:
        """Record that a learner's function failed; return its error in words."""
        self._node.decided("function failed", str(error))
        return str(error)
