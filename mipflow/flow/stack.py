"""The seed's IP stack (Figure 3): a mobile node with a data flow separator and a data flow redirector put in.

Down: application, UDP or TCP, separator, redirector, the mobile node's road. Up: the mobile node restores the home
address, separator, redirector, UDP or TCP, application. Here packets become flows, and flows end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mipflow.arguments import FLAG, WORD, Expected, check, instance, optional
from mipflow.errors import FunctionFailed, ProtocolMisuse, TopologyError
from mipflow.flow.allocation import FunctionAllocation, wrong_new
from mipflow.flow.binder import AllocationMaker, FlowBinder
from mipflow.flow.calls import Calls, check_correspondent
from mipflow.flow.endings import TcpEndings, idle_until_ns
from mipflow.flow.flows import Flow, FlowStatistics
from mipflow.flow.learner import Guarded, guarded
from mipflow.flow.policies import HomeBindings, Policies, Policy, policies_of
from mipflow.flow.redirector import Assign, AssignmentRules, wrong_home
from mipflow.flow.rules import RuleSet
from mipflow.flow.separator import ApplicationWord, DataFlowSeparator, RuleSource, sources_in_order, traits_of
from mipflow.flow.tables import Conversation, FlowInformation, FlowMappingEntry, Key
from mipflow.flow.traits import Traits
from mipflow.flow.waiting_room import WaitingRoom
from mipflow.node.application import APPLICATION, Application, Ends, port_of, wrong_running
from mipflow.node.host import Host, Remote
from mipflow.node.node import Arrival
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.network import Network
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import NO_MARKS, TCP, UDP, FragmentHeader, Marks, Opaque, Packet, Sized

HEADERS = 64
"""Octets in front of what a flow carries, with route optimisation: IPv6 and a home address. A tunnel takes 16 more."""


class FlowMobileNode(FlowBinder):
    """A mobile node that moves single flows. Further keywords: those of `MobileNode`.

    home_prefix: from which further home addresses are made; rules, assign: how flows get home addresses (Figure 6, or a
    function of the learner's); pool: how many unused home addresses to keep allocated ahead; hold_down_s: for how many
    seconds one is kept that no flow uses any more; allocation: what makes the `Allocation` of this node; allocate: a
    learner's function in its place; separator: a learner's function that says to which flow a conversation belongs (see
    `Source.classify`); operator: the operator's rules; policy: `Policies` or a learner's function that chooses
    networks; home_bindings: where home addresses are bound at the home agent; reconsider_every_s: how often policies
    are asked again, in seconds. Raises FunctionFailed for a function that does not take what it is called with.
    """

    def __init__(
        self, network: Network, name: str, x: float = 0.0, y: float = 0.0, *, home_agent: Address,
        home_address: Address, home_prefix: Prefix, rules: AssignmentRules | None = None,
        assign: Assign | None = None, pool: int = 0, hold_down_s: float = 0.0,
        allocation: AllocationMaker | None = None, allocate: Callable[[Prefix, list[Address]], Address] | None = None,
        separator: Callable[[Traits], str | None] | None = None, operator: RuleSet | None = None,
        policy: Policies | Policy | None = None, home_bindings: HomeBindings | None = None,
        reconsider_every_s: float | None = None, **settings: object,
    ) -> None:  # fmt: skip
        check(optional(instance(AssignmentRules, "mf.AssignmentRules(...)")), rules=rules)
        check(optional(instance(HomeBindings, "mf.policies.HomeBindings(...)")), home_bindings=home_bindings)
        check(optional(instance(RuleSet, "rules, such as mf.load_rules(path)")), operator=operator)
        check(optional(Expected("what makes an Allocation", callable)), allocation=allocation)
        if allocate is not None:
            made = Guarded("allocate", allocate, "prefix, taken", wrong_new)
            allocation = partial(FunctionAllocation, function=made)
        self.calls = Calls(self)  # a mechanism of allocation asks for a port, below
        super().__init__(
            network, name, x, y, home_agent=home_agent, home_address=home_address, home_prefix=home_prefix, rules=rules,
            assign=None if assign is None else Guarded("assign", assign, "flow, homes, flows", wrong_home),
            pool=pool, hold_down_s=hold_down_s, allocation=allocation,
            policies=None if policy is None else policies_of(policy),
            home_bindings=home_bindings or HomeBindings(), reconsider_every_s=reconsider_every_s, **settings,
        )  # fmt: skip
        self.words = ApplicationWord()
        """What applications say of their sockets."""
        self.network_rules = RuleSource("network")
        """Rules that the network sends at run time."""
        sources = sources_in_order(self.words, self.network_rules, operator, separator)
        self.separator = DataFlowSeparator(self.flows, sources)
        self.opened: dict[int, Flow] = {}
        """Flows that applications of ours opened, by id, ended ones included."""
        self._last_flow_id = 0
        self._waiting = WaitingRoom(self.clock, self.drop)
        self._tcp_endings = TcpEndings()
        self._lasts_ns: dict[int, int] = {}
        """Flow id -> until when it has packets to come, where its applications say so."""
        for kind in (UDP, TCP, EchoRequest, EchoReply, Opaque):
            self.handlers[kind] = self._classified(self.handlers.get(kind, self.unhandled))

    # --- opening and closing flows -----------------------------------------------------------------------------------

    def open(
        self, cn: Host, app: Application, interface: str | None = None, local_port: int | None = None,
        remote_port: int | None = None, word: str | None = None,
    ) -> Flow:  # fmt: skip
        """Open a flow to a correspondent node: returns at once; its packets wait until its home address is bound.

        `interface` names the access network that the application asks for (default: policies, or the first interface
        that is up); `word` is the application's own word for the flow: a second one of that word to the same
        correspondent joins it, whatever interface it asks for. Raises ProtocolMisuse for an interface that is unknown
        or down, or a port that is taken, TopologyError where no interface is up.
        """
        self._check_call(cn, app, local_port, remote_port)
        check(optional(WORD), word=word)
        if interface is not None and not self.interface(interface).up:
            raise ProtocolMisuse(f"{interface} is down; choose another, or bring it up first", interface)
        if self.first_interface() is None:
            raise TopologyError(f"{self.name} has no interface that is up; bring one up first", self.name)
        far = remote_port if remote_port is not None else cn.free_port_from(app.port)
        cn.check_unheard(app.protocol, far)
        near = local_port if local_port is not None else self.free_port()
        conversations = Conversation.begun(app.protocol, near, cn.address, far, True)
        self.flows.check_free(conversations)
        self.check_unheard(app.protocol, near)
        self.words.say(app.protocol, conversations[0].local_port, word)
        entry = self.begin(traits_of(conversations[0], True, NO_MARKS, app.name), interface)
        flow = self.new_flow(entry, cn, app, conversations)
        self.flows.join(entry, conversations[-1])
        if entry.ready:
            flow.ready_ns = self.clock.now
        self.start(flow, Ends(self, cn, near, far, entry.flow_id))
        return flow

    def accept(
        self, cn: Host, app: Application, redirect: bool = False, local_port: int | None = None,
        remote_port: int | None = None,
    ) -> Flow:  # fmt: skip
        """Let a correspondent node open a flow to this node: it goes to the primary home address, or with `redirect` to
        another one, which the correspondent is told when it asks there (see `flow.calls`).

        Raises ProtocolMisuse for what is no correspondent node, or a port that is taken.
        """
        self._check_call(cn, app, local_port, remote_port)
        check(FLAG, redirect=redirect)
        return self.calls.expect(cn, app, redirect, local_port, remote_port)

    def _check_call(self, cn: Host, app: Application, local_port: int | None, remote_port: int | None) -> None:
        check_correspondent(cn, self)
        check(APPLICATION, app=app)
        check(optional(port_of(app)), local_port=local_port, remote_port=remote_port)

    def new_flow(
        self, entry: FlowMappingEntry, cn: Host, app: Application, conversations: tuple[Conversation, ...]
    ) -> Flow:
        """What the owner of a flow holds."""
        stats = FlowStatistics(self.network.meters[entry.flow_id], self.network.meters[-entry.flow_id])
        flow = Flow(entry, cn, app, stats, self.clock.now, conversations)
        self.opened.setdefault(entry.flow_id, flow)
        return flow

    def start(self, flow: Flow, ends: Ends) -> None:
        """Set a flow's application going; of one that cannot start nothing is left. Raises FunctionFailed for what a
        learner wrote.
        """
        own_ports = [(host, port) for host, port in ends.ports if not host.has_port(port)]
        try:
            with self.clock.held():
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
        """End a flow, or an application's part of one: its home address is freed if no other flow uses it (the seed,
        page 13). Raises ProtocolMisuse if ended, FunctionFailed where what a learner wrote does not stop: it is ended.
        """
        if not isinstance(flow, Flow):
            number = self.flow_id(flow)
            if number not in self.opened:
                self.end(self.flows[number], "closed")
                return
            flow = self.opened[number]
        self.flow_id(flow)
        entry = None if self.calls.forget(flow) else self.flows[flow.id]
        try:
            for under_way in (flow.running, flow.invitation):
                if under_way is not None:
                    with self.clock.held():
                        guarded("stop", under_way.stop, "", lambda result: "")()
        finally:
            flow.is_closed = True
            if entry is not None:
                self._part(flow, entry)

    def _part(self, flow: Flow, entry: FlowMappingEntry) -> None:
        """An application has nothing more to do with its flow, which ends where no other has."""
        self._tcp_endings.forget(flow.conversations)
        for conversation in flow.conversations:
            self.flows.part(conversation)
        if not entry.conversations:
            self.end(entry, "closed")

    def begin(
        self, traits: Traits, requested: str | None = None, arrival: Arrival | None = None
    ) -> FlowMappingEntry:
        """A new conversation: it joins the flow that the separator says, or is a new one that needs a home address.

        arrival: the packet with which a correspondent began it (Figure 5). Raises ProtocolMisuse for a conversation
        that is known, TopologyError where no interface is up, for an address that is no correspondent's, and where
        others begin too much.
        """
        if not traits.cn.is_unicast_routable or self.is_own(traits.cn):
            raise TopologyError(f"{traits.cn} is our own, or not the address of one node", traits.cn)
        expected = self.calls.expected.pop(Conversation.of(traits), None)
        if expected is None and arrival is not None:
            self.calls.admit(Conversation.of(traits))
        if expected is not None:
            traits = traits._replace(application=expected.app.name)
        try:
            with self.clock.held():
                information, failure = self.separator.classify(traits), ""
        except FunctionFailed as error:
            information, failure = FlowInformation(traits), str(error)
            self.function_failed(error)
        known = self.flows.named(information.word, traits.cn) if information.word else None
        if known is not None and arrival is not None and known.home_address != arrival.destination:
            known, information = None, information._replace(word="")  # it keeps the address that was used (step 30)
        elif known is None and expected is None:
            known = self.separator.counterpart(traits, None if arrival is None else arrival.destination)
        if known is not None:
            self.flows.join(known, information.first)
            if expected is not None:
                self.calls.begun(expected, known)
            return known
        number = self._last_flow_id + 1 if expected is None else expected.id
        entry = FlowMappingEntry(
            number, traits.cn, information, "", requested=requested, refused=failure, network=self.network
        )
        try:
            with self.clock.held():
                entry.group = self.redirector.group(entry)
        except FunctionFailed as error:
            self.function_failed(error)
            entry.refused = str(error)
        entry.interface = self.networks.choose(entry, None if arrival is None else arrival.interface.name)
        chosen = self.interfaces[entry.interface]
        entry.care_of_address = chosen.address if chosen.is_usable else None
        self.shared.mark(entry.cn)
        self.record(self.flows.add(entry))
        self._silence(entry)
        self._last_flow_id = max(self._last_flow_id, number)
        if expected is not None:
            self.calls.begun(expected, entry)
        if entry.refused:
            self.refuse_flow(entry, entry.refused)
        elif arrival is not None:
            self.assigned(entry, self.redirector.incoming(entry, arrival.destination))  # step 30
        else:
            self.find_home_address(entry)  # step 23
        return entry

    # --- the end of a flow (page 13) ---------------------------------------------------------------------------------

    def _silence(self, entry: FlowMappingEntry) -> None:
        """A flow that has been silent for long enough ends; one that has carried nothing yet is waited for."""
        now = self.clock.now
        until_ns = idle_until_ns(entry, now, self._lasts_ns.get(entry.flow_id, 0))
        if self.flows.get(entry.flow_id) is not entry:
            return
        if now < until_ns:
            self.clock.at(until_ns, self._silence, entry)
        else:
            silent_s = (now - (entry.used_ns or 0)) // NS_PER_S
            self.end(entry, f"it has carried nothing for {silent_s} s")

    def flow_lasts(self, flow: int, until_ns: int) -> None:
        """A flow does not end before `until_ns` unless it is closed, neither by silence nor after TIME-WAIT."""
        self._lasts_ns[flow] = max(until_ns, self._lasts_ns.get(flow, 0))

    def _tcp_end(self, conversation: Key, segment: TCP, outgoing: bool) -> None:
        """A segment with FIN, RST or SYN passes."""
        until_ns = self._tcp_endings.segment(conversation, segment, outgoing, self.clock.now)
        if until_ns is not None:
            self.clock.at(until_ns, self._tcp_over, conversation)

    def _tcp_over(self, conversation: Key) -> None:
        if self._tcp_endings.has_ended(conversation, self.clock.now):
            known = self.flows.find(conversation)
            lasts_ns = 0 if known is None else self._lasts_ns.get(known.flow_id, 0)
            if self.clock.now < lasts_ns:
                self.clock.at(lasts_ns, self._tcp_over, conversation)
                return
            self._tcp_endings.forget([conversation])
            entry = self.flows.part(conversation)
            if entry is not None:
                self.end(entry, "its TCP connection has ended, and TIME-WAIT is over")

    def end(self, entry: FlowMappingEntry, why: str) -> None:
        """A flow is over: its home address is freed if no other flow uses it (page 14)."""
        self.decided("flow ended", f"flow {entry.flow_id}: {why}")
        entry.has_ended = True
        self._waiting.turn_away(entry.flow_id, "its flow was closed")
        self._waiting.release(entry.flow_id)
        self._tcp_endings.forget(entry.conversations)
        self._lasts_ns.pop(entry.flow_id, None)
        self.record(self.flows.remove(entry.flow_id))
        if entry.home_address is not None and not self.flows.of_pair(entry.home_address, entry.cn):
            self.registrar.deregister(entry.cn, entry.home_address)
        self.shared.let_go(entry.home_address, entry.cn)
        if entry.home_address is not None:
            self.pool.left(entry.home_address)
        self.pool.free_unused()

    # --- the way down (Figure 4) and up (Figure 5) -------------------------------------------------------------------

    def transmit(
        self, payload: Sized, source: Address | None, destination: Address, label: int = 0, marks: Marks = NO_MARKS
    ) -> None:
        """Figure 4: classify, assign a home address to a new flow, send from the flow's home address."""
        now = self.clock.now
        # Step 21: the application's own word, where its socket is labelled with a flow; else the separator looks.
        entry = self.flows.get(label) or self.separator.outgoing(payload, destination, marks, now)
        if entry is None:  # step 22
            entry = self._first(payload, source, destination, label, marks)
            if entry is None:
                return
        entry.used_ns = now
        entry.sent_octets += payload.size + HEADERS
        if type(payload) is TCP and (payload.fin or payload.rst or payload.syn):
            self._tcp_end(("TCP", payload.source_port, destination, payload.destination_port), payload, True)
        self._meters[entry.flow_id].sent += 1
        home_address = entry.home_address or self.primary_home_address  # step 24
        if marks is NO_MARKS:
            packet = Packet(home_address, destination, payload, 64, (), 0, 0, entry.flow_id, now)
        else:
            packet = marks.packet(home_address, destination, payload, entry.flow_id, now)
        if entry.ready:
            self.send(packet)  # step 25
        elif entry.refused:
            self.drop(packet, entry.refused)
        else:
            self._waiting.hold(entry.flow_id, packet)

    def _first(
        self, payload: Sized, source: Address | None, destination: Address, label: int, marks: Marks
    ) -> FlowMappingEntry | None:
        """The flow that a packet of ours begins or joins; None for one of no flow, which is sent as it is: it comes
        from a care-of address, is an answer to a packet of no flow, such as a reset, or has nothing that classifies it.
        """
        conversation = self.separator.conversation(payload, destination, True, marks, self.clock.now)
        try:
            if conversation is not None and source is None:
                return self.begin(traits_of(conversation, True, marks))
            if any(type(header) is FragmentHeader for header in marks.extensions):
                raise TopologyError("a later fragment, but its first has not been seen", marks)
        except TopologyError as error:
            self.drop(marks.packet(self.primary_home_address, destination, payload, 0, self.clock.now), str(error))
        else:
            super().transmit(payload, source, destination, label, marks)
        return None

    def flow_named(self, flow: int, protocol: str, local_port: int, remote: Remote) -> None:
        """A socket names its flow (page 11): what it sends and gets is a conversation of that one.

        Raises ProtocolMisuse where that is with another correspondent.
        """
        entry, (cn, port) = self.flows.get(flow), remote
        if entry is None or cn is None:
            return
        if cn != entry.cn:
            raise ProtocolMisuse(f"flow {flow} is with {entry.cn}; open another one for {cn}", cn)
        conversation = Conversation(protocol, local_port, cn, port)
        if self.flows.find(conversation) is None:
            self.flows.join(entry, conversation)

    def _classified(self, upper: Callable[[Arrival], None]) -> Callable[[Arrival], None]:
        """Figure 5 in front of an upper layer."""

        def incoming(arrival: Arrival) -> None:
            payload = arrival.packet.payload
            entry = self.separator.incoming(payload, arrival.source)  # step 28
            if entry is None:
                if type(payload) is UDP and payload.destination_port in self.control:
                    self.control[payload.destination_port](arrival)
                    return
                try:
                    entry = self._began(arrival)
                except TopologyError as error:
                    self.discard(arrival.packet, f"no flow begins with it: {error}")
                    return
            if entry is not None:
                entry.used_ns = self.clock.now
                if entry.refused:
                    self.discard(arrival.packet, entry.refused)
                    return
                entry.received_octets += payload.size + HEADERS
                if type(payload) is TCP and (payload.fin or payload.rst or payload.syn):
                    conversation = ("TCP", payload.destination_port, arrival.source, payload.source_port)
                    self._tcp_end(conversation, payload, False)
            upper(arrival)  # step 31

        return incoming

    def _began(self, arrival: Arrival) -> FlowMappingEntry | None:
        """The flow that a correspondent begins with a packet (Figure 5, step 29); None where it begins none."""
        packet = arrival.packet
        conversation = self.separator.conversation(packet.payload, arrival.source, False)
        is_ours = arrival.destination in self.own_home_addresses and self.expects(packet.payload)
        if conversation is None or not is_ours or self.pool.is_freeing(arrival.destination):
            return None
        marks = Marks(packet.traffic_class, packet.flow_label, packet.extensions)
        return self.begin(traits_of(conversation, False, marks), arrival=arrival)

    def has_port(self, port: int) -> bool:
        """True where a socket or listener is on this local port, or it is promised to a call."""
        return super().has_port(port) or port in self.calls.promised.values()

    def refuse_flow(self, entry: FlowMappingEntry, why: str) -> None:
        """A flow has no home address that it can use: its packets wait no longer."""
        super().refuse_flow(entry, why)
        self._waiting.turn_away(entry.flow_id, why)

    def flow_ready(self, entry: FlowMappingEntry) -> None:
        """A flow's home address is bound: what waited for it leaves."""
        flow = self.opened.get(entry.flow_id)
        if flow is not None:
            flow.ready_ns = self.clock.now
        packets, callbacks = self._waiting.release(entry.flow_id)
        for packet in packets:
            assert entry.home_address is not None
            packet.source = entry.home_address
            self.send(packet)
        for callback in callbacks:
            callback()

    def when_ready(self, flow: int, callback: Callable[[], None]) -> None:
        """Call `callback` once the home address of a flow is bound; at once where it is."""
        if flow not in self.flows or self.flows[flow].ready:
            callback()
        else:
            self._waiting.call(flow, callback)

    def address_of_flow(self, flow: int) -> Address:
        """The home address of a flow; the primary where it has none."""
        return (self.flows[flow].home_address if flow in self.flows else None) or self.primary_home_address

    # --- mobility's own signalling, which passes the separator by ----------------------------------------------------

    def network_asks(self, rules: RuleSet) -> None:
        """The network has sent other rules (page 11): they hold for conversations that begin from now on; the networks
        that they ask for (page 12), for all flows, where policies include `ByRequest`. Raises ProtocolMisuse for an
        interface that this node has not; then nothing changes.
        """
        self.networks.asked(rules)
        self.network_rules.rules = rules
        self.networks.reconsider("the network asks for it")
