"""The patent's IP stack (Figure 3, page 10): separator and redirector between transport and roads of a mobile node.

    15  application                    `node.applications`
    16, 17  TCP and UDP                `node.host`
    18  data flow separator            `flow.separator`: to which flow does a packet belong?
    19  data flow redirector           `flow.redirector`: which home address and care-of address has that flow?
    13  home address and flow mapping tables, which 18 and 19 use: `flow.tables`
    below  Mobile IPv6 and interfaces  `mip6.mobile_node`, which finds the road for a home address

A packet of an application goes down these lines, and one that has come goes up, its home address restored by the mobile
node. Mobility's own signalling does not pass here. Figures 4 to 6, of which this is the frame, are in the redirector.
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.errors import ProtocolMisuse, TopologyError
from mipflow.flow.bindings.binder import FlowBinder
from mipflow.flow.conversations import Conversation, Traits
from mipflow.flow.endings import Asked, Endings
from mipflow.flow.new_flows import NewFlows
from mipflow.flow.separator import ApplicationWord, DataFlowSeparator, Rules, RuleSource, Source, by_headers
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.host import Host
from mipflow.node.node import Arrival, Handler
from mipflow.node.seam import Remote
from mipflow.wire.address import Address
from mipflow.wire.packet import NO_MARKS, TCP, UDP, Header, Marks, Sized, packet_of

HEADERS = 64
"""Octets in front of a flow's payloads, with route optimisation: IPv6 and a home address. A tunnel takes 16 more."""


class FlowStack:
    """Stands between transport and roads of `node`, and puts packets into the flows of `binder`.

    control: UDP ports of mobility's own protocols -> what hears them, which belongs to no flow; operator: the
    operator's rules; separator: a learner's function that says to which flow a conversation belongs (see
    `Source.classify`); asked: says when a flow has ended (see `flow.endings`).
    """

    def __init__(
        self, node: Host, mobile: MobileNode, binder: FlowBinder, control: dict[int, Handler], operator: Rules | None,
        separator: Callable[[Traits], str | None] | None, asked: Asked | None = None,
    ) -> None:  # fmt: skip
        self._node, self._mobile, self._control, self._clock = node, mobile, control, node.clock
        self._flows, self._redirector, self._waiting = binder.flows, binder.redirector, binder.waiting
        self.known, self._meters, self._lines = binder.flows.get, node.network.meters, node.lines
        self.uppers: dict[Handler, Handler] = {}
        """The handlers of `incoming`, each with the one that it stands in front of."""
        self.words = ApplicationWord()
        """The applications' words for their sockets."""
        self.network_rules = RuleSource()
        """Rules that the network sends at run time."""
        self.operator_rules = RuleSource(operator)
        """Rules of the network operator."""
        sources = [
            Source(20, "application", self.words.classify), Source(30, "network", self.network_rules.classify),
            Source(40, "operator", self.operator_rules.classify), Source(50, "headers", by_headers),
        ]  # fmt: skip
        if separator is not None:
            sources.append(Source(10, "your separator", separator))
        self.separator = DataFlowSeparator(self._flows, sources)
        self.endings = Endings(mobile, binder, asked)
        self.new = NewFlows(node, mobile, binder, self.separator, control, self.endings.watch)
        self.begin, self.end = self.new.begin, self.endings.end
        self.flow_lasts, self._tcp_end = self.endings.lasts, self.endings.segment
        self._redirector.stand_between(self.separator, self.new)
        node.put_between(self)

    # --- the way down (Figure 4) and up (Figure 5) -------------------------------------------------------------------

    def outgoing(
        self, payload: Sized, source: Address | None, destination: Address, label: int = 0, marks: Marks = NO_MARKS
    ) -> None:
        """Send what transport made in the flow that Figure 4 finds, from its home address.

        A socket that has named its flow (page 11) labels what it sends with the id, and the table is all that it takes.
        """
        now = self._clock.now
        flow = self.known(label) or self._redirector.outgoing(payload, source, destination, label, marks, now)
        if flow is None:
            return
        number, flow.used_ns = flow.flow_id, now
        flow.sent_octets += payload.size + HEADERS
        if type(payload) is TCP and (payload.fin or payload.rst or payload.syn):
            self._tcp_end(("TCP", payload.source_port, destination, payload.destination_port), payload, True)
        self._meters[number].sent += 1
        home_address = flow.home_address or self._mobile.primary_home_address  # step 24
        if flow.ready:  # step 25, over the care-of address that the peer has acknowledged
            line = self._lines.get(number)
            if line is None or line[0] is not home_address or line[1] is not destination or line[2] is not marks:
                line = self._node.line(home_address, destination, number, marks)
            line[3](payload)
            return
        packet = packet_of(Header(home_address, destination, marks, number), payload, now)
        if flow.refused:
            self._node.drop(packet, flow.refused)
        else:
            self._waiting.hold(number, packet)

    def incoming(self, upper: Handler) -> Handler:
        """Return a handler that puts Figure 5 in front of an upper layer."""
        control, find, clock = self._control, self._redirector.incoming, self._clock

        def incoming(arrival: Arrival) -> None:
            payload = arrival.packet.payload
            try:
                flow = find(payload, arrival)
            except TopologyError as error:
                self._node.drop(arrival.packet, f"no flow begins with it: {error}", is_received=True)
                return
            if flow is not None:
                flow.used_ns = clock.now
                if flow.refused:
                    self._node.drop(arrival.packet, flow.refused, is_received=True)
                    return
                flow.received_octets += payload.size + HEADERS
                if type(payload) is TCP and (payload.fin or payload.rst or payload.syn):
                    conversation = ("TCP", payload.destination_port, arrival.source, payload.source_port)
                    self._tcp_end(conversation, payload, False)
            elif type(payload) is UDP and payload.destination_port in control:
                control[payload.destination_port](arrival)
                return
            upper(arrival)  # step 31

        self.uppers[incoming] = upper
        return incoming

    # --- sockets and their flows -------------------------------------------------------------------------------------

    def flow_named(self, flow: int, protocol: str, local_port: int, remote: Remote) -> None:
        """Put the conversation of a socket that names its flow (page 11) into that flow.

        Raises ProtocolMisuse where the socket is for another correspondent.
        """
        entry, (cn, port) = self._flows.get(flow), remote
        if entry is None or cn is None:
            return
        if cn != entry.cn:
            raise ProtocolMisuse(f"flow {flow} is with {entry.cn}; open another one for {cn}", cn)
        conversation = Conversation(protocol, local_port, cn, port)
        if self._flows.find(conversation) is None:
            self._flows.join(entry, conversation)

    def when_ready(self, flow: int, callback: Callable[[], None]) -> None:
        """Call `callback` once the home address of a flow is bound; at once where it is."""
        if flow not in self._flows or self._flows[flow].ready:
            callback()
        else:
            self._waiting.call(flow, callback)

    def address_of_flow(self, flow: int) -> Address:
        """Return the home address of a flow; the primary where it has none."""
        return (self._flows[flow].home_address if flow in self._flows else None) or self._mobile.primary_home_address

    def address_towards(self, remote: Address) -> Address | None:
        """Return None, by which a new connection leaves its source open: each packet gets the flow's home address."""
        return None
