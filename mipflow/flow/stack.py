"""The patent's IP stack (Figure 3): between transport and roads of a mobile node, data flow separator and redirector.

Down: application, UDP or TCP, separator, redirector, the mobile node's road. Up: the mobile node restores the home
address, separator, redirector, UDP or TCP, application. Here packets become flows, and flows end; Figures 4 to 6
themselves are in `flow.redirector`.
"""

from __future__ import annotations

from collections.abc import Callable

from mipflow.arguments import FLAG, WORD, check, optional
from mipflow.errors import FunctionFailed, ProtocolMisuse, TopologyError, shown
from mipflow.flow.bindings.binder import FlowBinder
from mipflow.flow.calls import Calls, check_correspondent
from mipflow.flow.conversations import Traits
from mipflow.flow.endings import ASK_NS, AskedEnding, TcpEndings, idle_until_ns
from mipflow.flow.flows import Flow, FlowStatistics
from mipflow.flow.learner.guard import guarded
from mipflow.flow.policy.rules import RuleSet
from mipflow.flow.separator import ApplicationWord, DataFlowSeparator, RuleSource, sources_in_order, traits_of
from mipflow.flow.tables import Conversation, FlowInformation, FlowMappingEntry, Key
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.applications.application import APPLICATION, Application, Ends, port_of, wrong_running
from mipflow.node.host import Host
from mipflow.node.node import Arrival, Handler
from mipflow.node.seam import Remote
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.address import Address
from mipflow.wire.packet import NO_MARKS, TCP, UDP, FragmentHeader, Marks, Packet, Sized

HEADERS = 64
"""Octets in front of what a flow carries, with route optimisation: IPv6 and a home address. A tunnel takes 16 more."""


class FlowStack:
    """Stands between transport and roads of `node`, and puts packets into the flows of `binder`.

    control: UDP ports of mobility's own protocols -> what hears them, which belongs to no flow; operator: the
    operator's rules; separator: a learner's function that says to which flow a conversation belongs (see
    `Source.classify`); asked: a learner's function that says when a flow has ended.
    """

    def __init__(
        self, node: Host, mobile: MobileNode, binder: FlowBinder, control: dict[int, Handler], operator: RuleSet | None,
        separator: Callable[[Traits], str | None] | None, asked: AskedEnding | None = None,
    ) -> None:  # fmt: skip
        self._asked = asked
        self._node, self._mobile, self._binder, self._control, self._clock = node, mobile, binder, control, node.clock
        self._flows, self._redirector, self._waiting = binder.flows, binder.redirector, binder.waiting
        self._known, self._meters = binder.flows.get, node.network.meters
        self.words = ApplicationWord()
        """The applications' words for their sockets."""
        self.network_rules = RuleSource("network")
        """Rules that the network sends at run time."""
        sources = sources_in_order(self.words, self.network_rules, operator, separator)
        self.separator = DataFlowSeparator(self._flows, sources)
        self._redirector.stand_between(self.separator, self)
        self.calls = Calls(node, self, self._flows)
        self.opened: dict[int, Flow] = {}
        """Flows that applications of ours opened, by id, ended ones included."""
        self._last_flow_id = 0
        self._tcp_endings = TcpEndings()
        self._lasts_ns: dict[int, int] = {}
        """Flow id -> until when it has packets to come, where its applications say so."""
        node.put_between(self)

    # --- opening and closing flows -----------------------------------------------------------------------------------

    def open(
        self, cn: Host, app: Application, interface: str | None = None, local_port: int | None = None,
        remote_port: int | None = None, word: str | None = None,
    ) -> Flow:  # fmt: skip
        """See `FlowMobileNode.open`."""
        node = self._node
        self._check_call(cn, app, local_port, remote_port)
        check(optional(WORD), word=word)
        if interface is not None and not self._mobile.interface(interface).up:
            raise ProtocolMisuse(f"{interface} is down; choose another, or bring it up first", interface)
        if self._mobile.first_interface() is None:
            raise TopologyError(f"{node.name} has no interface that is up; bring one up first", node.name)
        far = remote_port if remote_port is not None else cn.free_port_from(app.port)
        cn.check_unheard(app.protocol, far)
        near = local_port if local_port is not None else node.free_port()
        conversations = Conversation.begun(app.protocol, near, cn.address, far, True)
        self._flows.check_free(conversations)
        node.check_unheard(app.protocol, near)
        self.words.say(app.protocol, conversations[0].local_port, word)
        entry = self.begin(traits_of(conversations[0], True, NO_MARKS, app.name), interface)
        flow = self.new_flow(entry, cn, app, conversations)
        self._flows.join(entry, conversations[-1])
        self.start(flow, Ends(node, cn, near, far, entry.flow_id))
        return flow

    def accept(
        self, cn: Host, app: Application, redirect: bool = False, local_port: int | None = None,
        remote_port: int | None = None, to: str | None = None,
    ) -> Flow:  # fmt: skip
        """See `FlowMobileNode.accept`."""
        self._check_call(cn, app, local_port, remote_port)
        check(FLAG, redirect=redirect)
        check(optional(WORD), to=to)
        if redirect and to is not None:
            raise ProtocolMisuse(f"redirect=True and to={shown(to)}; expected one of the two", to)
        when_known = None if to is None else self._binder.when_kept(to)
        return self.calls.expect(cn, app, redirect, local_port, remote_port, when_known)

    def _check_call(self, cn: Host, app: Application, local_port: int | None, remote_port: int | None) -> None:
        check_correspondent(cn, self._node)
        check(APPLICATION, app=app)
        check(optional(port_of(app)), local_port=local_port, remote_port=remote_port)

    def new_flow(
        self, entry: FlowMappingEntry, cn: Host, app: Application, conversations: tuple[Conversation, ...]
    ) -> Flow:
        """Make the `Flow` that its owner holds."""
        stats = FlowStatistics(self._meters[entry.flow_id], self._meters[-entry.flow_id])
        flow = Flow(entry, cn, app, stats, self._clock.now, conversations)
        self.opened.setdefault(entry.flow_id, flow)
        return flow

    def start(self, flow: Flow, ends: Ends) -> None:
        """Set a flow's application going; of one that cannot start nothing is left. Raises FunctionFailed for what a
        learner wrote.
        """
        own_ports = [(host, port) for host, port in ends.ports if not host.has_port(port)]
        try:
            flow.running = guarded("start", flow.app.start, "ends", wrong_running)(ends)
        except BaseException:
            for running in ends.begun:
                running.is_stopped = True
            for host, port in own_ports:
                host.close_port(port)
            self.close(flow)
            if self.opened.get(flow.id) is flow:
                del self.opened[flow.id]
            raise

    def next_flow_id(self) -> int:
        """A flow id that no flow has had."""
        self._last_flow_id += 1
        return self._last_flow_id

    def close(self, flow: Flow | FlowMappingEntry | int) -> None:
        """See `FlowMobileNode.close`."""
        if not isinstance(flow, Flow):
            number = self._binder.flow_id(flow)
            if number not in self.opened:
                self.end(self._flows[number], "closed")
                return
            flow = self.opened[number]
        self._binder.flow_id(flow)
        entry = None if self.calls.forget(flow) else self._flows[flow.id]
        try:
            for under_way in (flow.running, flow.invitation):
                if under_way is not None:
                    guarded("stop", under_way.stop, "", lambda result: "")()
        finally:
            flow.is_closed = True
            if entry is not None:
                self._part(flow, entry)

    def _part(self, flow: Flow, entry: FlowMappingEntry) -> None:
        """An application has nothing more to do with its flow, which ends where no other has."""
        self._tcp_endings.forget(flow.conversations)
        for conversation in flow.conversations:
            self._flows.part(conversation)
        if not entry.conversations and self._asked is None:
            self.end(entry, "closed")

    def begin(
        self, traits: Traits, requested: str | None = None, arrival: Arrival | None = None
    ) -> FlowMappingEntry:
        """A new conversation: it joins the flow that the separator says, or is a new one that needs a home address.

        arrival: the packet with which a correspondent began it (Figure 5). Raises ProtocolMisuse for a conversation
        that is known, TopologyError where no interface is up, for an address that is no correspondent's, and where
        others begin too much.
        """
        binder = self._binder
        if not traits.cn.is_unicast_routable or self._node.mobility.is_own(traits.cn):
            raise TopologyError(f"{traits.cn} is our own, or not the address of one node", traits.cn)
        expected = self.calls.expected.pop(Conversation.of(traits), None)
        if expected is None and arrival is not None:
            self.calls.admit(Conversation.of(traits))
        if expected is not None:
            traits = traits._replace(application=expected.app.name)
        try:
            information, failure = self.separator.classify(traits), ""
        except FunctionFailed as error:
            information, failure = FlowInformation(traits), str(error)
            binder.journal.function_failed(error)
        known = self._flows.named(information.word, traits.cn) if information.word else None
        if known is not None and arrival is not None and known.home_address != arrival.destination:
            known, information = None, information._replace(word="")  # it keeps the address that was used (step 30)
        elif known is None and expected is None:
            known = self.separator.counterpart(traits, None if arrival is None else arrival.destination)
        if known is not None:
            self._flows.join(known, information.first)
            if expected is not None:
                self.calls.begun(expected, known)
            return known
        number = self._last_flow_id + 1 if expected is None else expected.id
        entry = FlowMappingEntry(
            number, traits.cn, information, "", requested=requested, refused=failure, network=self._node.network
        )
        try:
            entry.group = self._redirector.group(entry)
        except FunctionFailed as error:
            binder.journal.function_failed(error)
            entry.refused = str(error)
        entry.interface = binder.networks.choose(entry, None if arrival is None else arrival.interface.name)
        chosen = self._node.interfaces[entry.interface]
        entry.care_of_address = chosen.address if chosen.is_usable else None
        binder.shared.mark(entry.cn)
        binder.record(self._flows.add(entry))
        self._silence(entry)
        self._last_flow_id = max(self._last_flow_id, number)
        if expected is not None:
            self.calls.begun(expected, entry)
        if entry.refused:
            binder.refuse_flow(entry, entry.refused)
        elif arrival is not None:
            binder.assigned(entry, self._redirector.keep(entry, arrival.destination))  # step 30
        else:
            binder.find_home_address(entry)  # step 23
        return entry

    # --- the end of a flow (page 13) ---------------------------------------------------------------------------------

    def _silence(self, entry: FlowMappingEntry) -> None:
        """A flow that has been silent for long enough ends; one that has carried nothing yet is waited for."""
        now = self._clock.now
        if self._flows.get(entry.flow_id) is not entry:
            return
        if self._asked is not None:
            self._ask(entry, self._asked)
            return
        until_ns = idle_until_ns(entry, now, self._lasts_ns.get(entry.flow_id, 0))
        if now < until_ns:
            self._clock.at(until_ns, self._silence, entry)
        else:
            silent_s = (now - (entry.used_ns or 0)) // NS_PER_S
            self.end(entry, f"it has carried nothing for {silent_s} s")

    def _ask(self, entry: FlowMappingEntry, asked: AskedEnding) -> None:
        """Ask a learner's function whether a flow has ended, now and again until it has."""
        try:
            why = asked(entry, self._tcp_endings.fins(entry.conversations), self._clock.now)
        except FunctionFailed as error:  # it would fail again: the flow goes on
            self._binder.journal.function_failed(error)
            return
        if why:
            self.end(entry, why)
        else:
            self._clock.at(self._clock.now + ASK_NS, self._silence, entry)

    def _tcp_end(self, conversation: Key, segment: TCP, outgoing: bool) -> None:
        """A segment with FIN, RST or SYN passes."""
        until_ns = self._tcp_endings.segment(conversation, segment, outgoing, self._clock.now)
        if until_ns is not None and self._asked is None:
            self._clock.at(until_ns, self._tcp_over, conversation)

    def _tcp_over(self, conversation: Key) -> None:
        if self._tcp_endings.has_ended(conversation, self._clock.now):
            known = self._flows.find(conversation)
            lasts_ns = 0 if known is None else self._lasts_ns.get(known.flow_id, 0)
            if self._clock.now < lasts_ns:
                self._clock.at(lasts_ns, self._tcp_over, conversation)
                return
            self._tcp_endings.forget([conversation])
            entry = self._flows.part(conversation)
            if entry is not None:
                self.end(entry, "its TCP connection has ended, and TIME-WAIT is over")

    def end(self, entry: FlowMappingEntry, why: str) -> None:
        """A flow is over: its home address is freed if no other flow uses it (page 14)."""
        binder = self._binder
        binder.journal.decided("flow ended", f"flow {entry.flow_id}: {why}")
        entry.has_ended = True
        self._waiting.forget(entry.flow_id, "its flow was closed")
        self._tcp_endings.forget(entry.conversations)
        self._lasts_ns.pop(entry.flow_id, None)
        binder.record(self._flows.remove(entry.flow_id))
        says_when = binder.pool.steps is not None  # a learner's steps delete the row
        if entry.home_address is not None and not says_when and not self._flows.of_pair(entry.home_address, entry.cn):
            self._mobile.registrar.deregister(entry.cn, entry.home_address)
        if entry.requested is not None or binder.networks.policies is not None:  # others may be where it wished to be
            binder.shared.settle(entry.home_address, entry.cn)
        if entry.home_address is not None:
            binder.pool.left(entry.home_address)
        binder.pool.free_unused()

    # --- the way down (Figure 4) and up (Figure 5) -------------------------------------------------------------------

    def outgoing(
        self, payload: Sized, source: Address | None, destination: Address, label: int = 0, marks: Marks = NO_MARKS
    ) -> None:
        """Send what transport made in the flow that Figure 4 finds, from its home address."""
        now = self._clock.now
        flow = self._known(label) or self._redirector.outgoing(payload, source, destination, label, marks, now)
        if flow is None:
            return
        number, flow.used_ns = flow.flow_id, now
        flow.sent_octets += payload.size + HEADERS
        if type(payload) is TCP and (payload.fin or payload.rst or payload.syn):
            self._tcp_end(("TCP", payload.source_port, destination, payload.destination_port), payload, True)
        self._meters[number].sent += 1
        home_address = flow.home_address or self._mobile.primary_home_address
        if marks is NO_MARKS:
            packet = Packet(home_address, destination, payload, 64, (), 0, 0, number, now)
        else:
            packet = marks.packet(home_address, destination, payload, number, now)
        if flow.ready:
            self._node.send(packet)
        elif flow.refused:
            self._node.drop(packet, flow.refused)
        else:
            self._waiting.hold(number, packet)

    def begun_here(
        self, payload: Sized, source: Address | None, destination: Address, label: int, marks: Marks
    ) -> FlowMappingEntry | None:
        """The flow that a packet of ours begins or joins; None for one of no flow, which is sent as it is: it comes
        from a care-of address, is an answer to a packet of no flow, such as a reset, or has nothing that classifies it.
        """
        node, now = self._node, self._clock.now
        conversation = self.separator.conversation(payload, destination, True, marks, now)
        try:
            if conversation is not None and source is None:
                return self.begin(traits_of(conversation, True, marks))
            if any(type(header) is FragmentHeader for header in marks.extensions):
                raise TopologyError("a later fragment, but its first has not been seen", marks)
        except TopologyError as error:
            node.drop(marks.packet(self._mobile.primary_home_address, destination, payload, 0, now), str(error))
        else:
            node.originate(payload, source, destination, label, marks)
        return None

    def incoming(self, upper: Handler) -> Handler:
        """Figure 5 in front of an upper layer."""
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
            upper(arrival)

        return incoming

    def begun_there(self, arrival: Arrival) -> FlowMappingEntry | None:
        """The flow that a correspondent begins with a packet; None where it begins none."""
        packet, node = arrival.packet, self._node
        if type(packet.payload) is UDP and packet.payload.destination_port in self._control:
            return None
        conversation = self.separator.conversation(packet.payload, arrival.source, False)
        is_ours = arrival.destination in self._mobile.own_home_addresses and node.expects(packet.payload)
        if conversation is None or not is_ours or self._binder.pool.is_freeing(arrival.destination):
            return None
        marks = Marks(packet.traffic_class, packet.flow_label, packet.extensions)
        return self.begin(traits_of(conversation, False, marks), arrival=arrival)

    # --- what sockets know of flows ----------------------------------------------------------------------------------

    def flow_named(self, flow: int, protocol: str, local_port: int, remote: Remote) -> None:
        """A socket names its flow (page 11): what it sends and gets is a conversation of that one.

        Raises ProtocolMisuse where that is with another correspondent.
        """
        entry, (cn, port) = self._flows.get(flow), remote
        if entry is None or cn is None:
            return
        if cn != entry.cn:
            raise ProtocolMisuse(f"flow {flow} is with {entry.cn}; open another one for {cn}", cn)
        conversation = Conversation(protocol, local_port, cn, port)
        if self._flows.find(conversation) is None:
            self._flows.join(entry, conversation)

    def flow_lasts(self, flow: int, until_ns: int) -> None:
        """A flow does not end before `until_ns` unless it is closed, neither by silence nor after TIME-WAIT."""
        self._lasts_ns[flow] = max(until_ns, self._lasts_ns.get(flow, 0))

    def when_ready(self, flow: int, callback: Callable[[], None]) -> None:
        """Call `callback` once the home address of a flow is bound; at once where it is."""
        if flow not in self._flows or self._flows[flow].ready:
            callback()
        else:
            self._waiting.call(flow, callback)

    def address_of_flow(self, flow: int) -> Address:
        """The home address of a flow; the primary where it has none."""
        return (self._flows[flow].home_address if flow in self._flows else None) or self._mobile.primary_home_address

    def address_towards(self, remote: Address) -> Address | None:
        """None: a flow's home address is that of its packets."""
        return None
