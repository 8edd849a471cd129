"""The seed's IP stack (Figure 3): a mobile node with a data flow separator and a data flow redirector put in.

Down: application, UDP or TCP, separator, redirector, the mobile node's road. Up: the mobile node restores the home
address, separator, redirector, UDP or TCP, application. Here packets become flows, and flows end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count

from mipflow.errors import FunctionFailed, MipflowError, ProtocolMisuse
from mipflow.flow.allocation import FunctionAllocation
from mipflow.flow.binder import AllocationMaker, FlowBinder
from mipflow.flow.endings import TcpEndings, idle_until_ns
from mipflow.flow.flows import Flow, FlowStatistics
from mipflow.flow.learner import Guarded
from mipflow.flow.policies import ByApplication, ByRequest, HomeBindings, Policies, Policy, wrong_with
from mipflow.flow.redirector import Assign, AssignmentRules
from mipflow.flow.rules import RuleSet
from mipflow.flow.separator import (
    ApplicationWord,
    DataFlowSeparator,
    FunctionSource,
    HeaderAnalysis,
    RuleSource,
    Source,
    traits_of,
)
from mipflow.flow.tables import Conversation, FlowInformation, FlowMappingEntry, HomeAddressTable, Key
from mipflow.flow.traits import Traits
from mipflow.flow.waiting_room import WaitingRoom
from mipflow.node.apps import Application, Ends
from mipflow.node.host import Host
from mipflow.node.invitation import PORT as INVITATIONS
from mipflow.node.invitation import Doorman, Invitation
from mipflow.node.node import Arrival
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.network import Network
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import EchoReply, EchoRequest
from mipflow.wire.packet import NO_MARKS, TCP, UDP, Marks, Opaque, Packet, Sized


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
        if allocate is not None:
            function = Guarded("allocate", allocate, "prefix, taken", _wrong_new)
            allocation = partial(FunctionAllocation, function=function)
        super().__init__(
            network, name, x, y, home_agent=home_agent, home_address=home_address, home_prefix=home_prefix, rules=rules,
            assign=None if assign is None else Guarded("assign", assign, "flow, homes, flows", _wrong_home),
            pool=pool, hold_down_s=hold_down_s, allocation=allocation, policies=_policies(policy),
            home_bindings=home_bindings or HomeBindings(), reconsider_every_s=reconsider_every_s, **settings,
        )  # fmt: skip
        self.words = ApplicationWord()
        """What applications say of their sockets."""
        self.network_rules = RuleSource("network")
        """Rules that the network sends at run time."""
        sources: list[tuple[int, Source]] = [
            (20, self.words), (30, self.network_rules), (40, RuleSource("operator", operator)), (50, HeaderAnalysis()),
        ]  # fmt: skip
        if separator is not None:
            sources.append((10, FunctionSource(Guarded("separator", separator, "traits", _wrong_word))))
        self.separator = DataFlowSeparator(self.flows, sources)
        self.opened: dict[int, Flow] = {}
        """Flows that applications of ours opened, by id, ended ones included."""
        self._next_flow_id = 1
        self._expected: dict[Conversation, Flow] = {}
        """Flows that a correspondent node is going to begin."""
        self._doorman: Doorman | None = None
        self._waiting = WaitingRoom(self.clock, self.drop)
        self._tcp_endings = TcpEndings()
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
        correspondent joins it. Raises ProtocolMisuse for an unknown interface or a port that is taken, TopologyError
        where no interface is up.
        """
        if not isinstance(cn, Host) or cn is self:
            raise ProtocolMisuse(f"{cn!r} is no correspondent node; expected such as world.cn1", cn)
        asked = None if interface is None else self.interface(interface).name
        near = local_port if local_port is not None else self.free_port()
        far = remote_port if remote_port is not None else _free_port(cn, app.port)
        if word is not None:
            self.words.say(app.protocol, near & 0xFFFF, word)
        conversation = _conversation(app.protocol, near, cn.address, far, True)
        entry = self._begin(traits_of(conversation, True, NO_MARKS, app.name), asked)
        flow = self._opened(entry, cn, app, conversation)
        if entry.ready:
            flow.ready_ns = self.clock.now
        self._start(flow, Ends(self, cn, near, far, entry.flow_id))
        return flow

    def accept(
        self, cn: Host, app: Application, redirect: bool = False, local_port: int | None = None,
        remote_port: int | None = None,
    ) -> Flow:  # fmt: skip
        """Let a correspondent node open a flow to this node (page 13): it goes to the primary home address.

        With `redirect` the correspondent first asks there, and is told another home address, as Figure 6 finds it for
        the flow; so the application allows it, as a call does (pages 10 and 13). Raises ProtocolMisuse for a port that
        is taken.
        """
        if not isinstance(cn, Host) or cn is self:
            raise ProtocolMisuse(f"{cn!r} is no correspondent node; expected such as world.cn1", cn)
        near = remote_port if remote_port is not None else cn.free_port()
        far = local_port if local_port is not None else _free_port(self, app.port)
        conversation = _conversation(app.protocol, far, cn.address, near, False)
        traits = traits_of(conversation, False, NO_MARKS, app.name)
        entry = FlowMappingEntry(self._next_flow_id, cn.address, FlowInformation(traits), "")
        self._next_flow_id += 1
        flow = self._expected[conversation] = self._opened(entry, cn, app, conversation)
        ends = Ends(cn, self, near, far, entry.flow_id, upward=False)
        if not redirect:
            self._start(flow, ends)
            return flow
        if self._doorman is None:
            self._doorman = Doorman(self, self._find_place, self._placed)

        def redirected(address: Address, port: int) -> None:
            self._start(flow, replace(ends, far_address=address, far_port=port))

        flow.invitation = Invitation(cn, cn.free_port(), self.reached_at, near, redirected)
        return flow

    def _opened(self, entry: FlowMappingEntry, cn: Host, app: Application, conversation: Conversation) -> Flow:
        stats = FlowStatistics(self.network.meters[entry.flow_id], self.network.meters[-entry.flow_id])
        flow = Flow(entry, cn, app, stats, self.clock.now, conversation)
        self.opened.setdefault(entry.flow_id, flow)
        return flow

    def _start(self, flow: Flow, ends: Ends) -> None:
        try:
            flow.running = flow.app.start(ends)
        except MipflowError:
            self._expected.pop(flow.conversation, None)
            if flow.id in self.flows:
                self.close(flow)
            if self.opened.get(flow.id) is flow:
                del self.opened[flow.id]
            raise

    def _find_place(self, caller: Address, port: int, tell: Callable[[Address, int], None]) -> None:
        """A correspondent invites: the flow that is expected from its port begins here, and gets a home address as one
        of ours does; it is told once that is bound.
        """
        flow = next((f for c, f in self._expected.items() if c.cn == caller and c.remote_port == port), None)
        if flow is not None:
            first = flow.conversation
            entry = self._begin(traits_of(first, True, NO_MARKS, flow.app.name))
            self.when_ready(entry.flow_id, lambda: tell(self.address_of_flow(entry.flow_id), first.local_port))

    def _placed(self, caller: Address, port: int) -> None:
        """The call is elsewhere: the flow of its invitation is over."""
        entry = self.flows.part(Conversation("UDP", INVITATIONS, caller, port))
        if entry is not None:
            self._end(entry, "what was invited to has been redirected")

    def close(self, flow: Flow) -> None:
        """End a flow, or an application's part of one: its home address is freed if no other flow uses it (the seed,
        page 13). Raises ProtocolMisuse if ended.
        """
        expected = self._expected.pop(flow.conversation, None)
        entry = self.flows[self.flow_id(flow)] if expected is None else None
        for under_way in (flow.running, flow.invitation):
            if under_way is not None:
                under_way.stop()
        flow.is_open = False
        if entry is None:
            return
        if self.flows.part(flow.conversation) is entry or not entry.conversations:
            self._end(entry, "closed")

    def _begin(
        self, traits: Traits, requested: str | None = None, arrival: Arrival | None = None
    ) -> FlowMappingEntry:
        """A new conversation: it joins the flow that the separator says, or is a new one that needs a home address.

        arrival: the packet with which a correspondent began it (Figure 5). Raises ProtocolMisuse for a conversation
        that is known, TopologyError where no interface is up.
        """
        expected = self._expected.pop(Conversation.of(traits), None)
        if expected is not None:
            traits = traits._replace(application=expected.app.name)
        try:
            information, failure = self.separator.classify(traits), ""
        except FunctionFailed as error:
            information, failure = FlowInformation(traits), str(error)
            self.function_failed(error)
        known = self.flows.named(information.word, traits.cn) if information.word else None
        known = known or self.separator.counterpart(traits, None if arrival is None else arrival.destination)
        if known is not None:
            self.flows.join(known, information.first)
            if expected is not None:
                expected.entry = known
            return known
        number = self._next_flow_id if expected is None else expected.id
        entry = FlowMappingEntry(number, traits.cn, information, "", requested=requested, refused=failure)
        together = self.redirector.rules.together
        entry.group = None if together is None else together(entry)
        entry.interface = self.networks.choose(entry, None if arrival is None else arrival.interface.name)
        chosen = self.interfaces[entry.interface]
        entry.care_of_address = chosen.address if chosen.is_usable else None
        self.mark(entry.cn)
        self.record(self.flows.add(entry))
        self._silence(entry)
        if expected is None:
            self._next_flow_id += 1
        else:
            expected.entry = entry
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
        until_ns, now = idle_until_ns(entry, self.clock.now), self.clock.now
        if self.flows.get(entry.flow_id) is not entry:
            return
        if now < until_ns:
            self.clock.at(until_ns, self._silence, entry)
        else:
            silent_s = (now - (entry.used_ns or 0)) // NS_PER_S
            self._end(entry, f"it has carried nothing for {silent_s} s")

    def _tcp_end(self, conversation: Key, segment: TCP, outgoing: bool) -> None:
        """A segment with FIN, RST or SYN passes."""
        until_ns = self._tcp_endings.segment(conversation, segment, outgoing, self.clock.now)
        if until_ns is not None:
            self.clock.at(until_ns, self._tcp_over, conversation)

    def _tcp_over(self, conversation: Key) -> None:
        if self._tcp_endings.has_ended(conversation, self.clock.now):
            self._tcp_endings.forget(conversation)
            entry = self.flows.part(conversation)
            if entry is not None:
                self._end(entry, "its TCP connection has ended, and TIME-WAIT is over")

    def _end(self, entry: FlowMappingEntry, why: str) -> None:
        """A flow is over: its home address is freed if no other flow uses it (page 14)."""
        self.decided("flow ended", f"flow {entry.flow_id}: {why}")
        if entry.flow_id in self.opened:
            self.opened[entry.flow_id].is_open = False
        self._waiting.turn_away(entry.flow_id, "its flow was closed")
        self._waiting.release(entry.flow_id)
        self.record(self.flows.remove(entry.flow_id))
        if entry.home_address is not None and not self.flows.of_pair(entry.home_address, entry.cn):
            self.registrar.deregister(entry.cn, entry.home_address)
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
            conversation = self.separator.conversation(payload, destination, True, marks, now)
            if conversation is None or source is not None:
                # From a care-of address, or an answer to a packet of no flow, such as a reset: it begins none.
                super().transmit(payload, source, destination, label, marks)
                return
            entry = self._begin(traits_of(conversation, True, marks))
        entry.used_ns = now
        entry.sent_octets += payload.size
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

    def _classified(self, upper: Callable[[Arrival], None]) -> Callable[[Arrival], None]:
        """Figure 5 in front of an upper layer."""

        def incoming(arrival: Arrival) -> None:
            payload = arrival.packet.payload
            entry = self.separator.incoming(payload, arrival.source)  # step 28
            if entry is None:
                if type(payload) is UDP and payload.destination_port in self.control:
                    self.control[payload.destination_port](arrival)
                    return
                entry = self._began(arrival)
            if entry is not None:
                entry.used_ns = self.clock.now
                entry.received_octets += payload.size
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
        if conversation is None or not is_ours:
            return None
        marks = Marks(packet.traffic_class, packet.flow_label, packet.extensions)
        return self._begin(traits_of(conversation, False, marks), arrival=arrival)

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
        for rule in rules.rules:
            if rule.network is not None:
                self.interface(rule.network)
        self.network_rules.rules = rules
        for _, policy in self.networks.policies.ordered if self.networks.policies is not None else ():
            if isinstance(policy, ByRequest):
                policy.request.rules = rules
        self.networks.reconsider("the network asks for it")


def _policies(policy: Policies | Policy | None) -> Policies | None:
    """A learner's function stands behind what the application asks for; so does every other policy, where the order
    does not say otherwise.
    """
    if policy is None:
        return None
    if not isinstance(policy, Policies):
        policy = Policies([(10, Guarded("policy", policy, "flow, networks", wrong_with))])
    if any(isinstance(each, ByApplication) for _, each in policy.ordered):
        return policy
    first = min((priority for priority, _ in policy.ordered), default=0) - 1
    return Policies([(first, ByApplication()), *policy.ordered])


def _wrong_home(result: object, flow: object, homes: HomeAddressTable, flows: object) -> str:
    """What is wrong with the result of a learner's `assign`."""
    if result is None or (isinstance(result, Address) and result in homes):
        return ""
    return "expected a home address of `homes`, or None for a new one"


def _wrong_word(result: object, traits: object) -> str:
    """What is wrong with the result of a learner's `separator`."""
    return "" if result is None or isinstance(result, str) else "expected a word, '' for a flow of its own, or None"


def _wrong_new(result: object, prefix: Prefix, taken: list[Address]) -> str:
    """What is wrong with the result of a learner's `allocate`."""
    if isinstance(result, Address) and result in prefix and result not in taken:
        return ""
    return f"expected an Address in {prefix} that is not in `taken`"


def _conversation(protocol: str, near: int, cn: Address, far: int, outgoing: bool) -> Conversation:
    """The conversation of an application with these ports, as the mobile node (`near`) sees its first packet.

    Each end of ESP chooses the SPI of what it receives, so what goes out has the far one.
    """
    if protocol == "ESP":
        return Conversation(protocol, far, cn, 0) if outgoing else Conversation(protocol, 0, cn, near)
    if protocol == "ICMPv6":  # the identifier is that of the end which asks
        return Conversation(protocol, (near if outgoing else far) & 0xFFFF, cn, 0)
    return Conversation(protocol, near, cn, far)


def _free_port(host: Host, first: int) -> int:
    return next(port for port in count(first, 2) if not host.has_port(port))
