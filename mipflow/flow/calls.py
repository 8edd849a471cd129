"""Flows that a correspondent node begins (the patent, pages 10 and 13): to the primary home address, to one that is
kept for them, or redirected.

The primary is the address that others know. Where the application allows it, as a call does, the correspondent first
invites there (`node.applications.invitation`) and is told another home address, which Figure 6 finds as for a flow of
ours: so such calls can be handed over one by one. The part of `flow.stack` that knows which flows are expected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from mipflow.errors import MipflowError, ProtocolMisuse, shown
from mipflow.flow.conversations import Traits
from mipflow.flow.separator import traits_of
from mipflow.flow.strangers import Strangers
from mipflow.flow.tables import Conversation, FlowInformation, FlowMappingEntry, FlowMappingTable
from mipflow.node.applications.application import Ends
from mipflow.node.applications.invitation import PORT as INVITATIONS
from mipflow.node.applications.invitation import Doorman, Invitation
from mipflow.node.host import Host
from mipflow.wire.packet import NO_MARKS

if TYPE_CHECKING:
    from mipflow.flow.flows import Flow
    from mipflow.node.applications.application import Application
    from mipflow.wire.address import Address


class BeginsFlows(Protocol):
    """Begins and ends flows."""

    def next_flow_id(self) -> int:
        """A flow id that no flow has had."""

    def new_flow(
        self, entry: FlowMappingEntry, cn: Host, app: Application, conversations: tuple[Conversation, ...]
    ) -> Flow:
        """Make the `Flow` that its owner holds."""

    def start(self, flow: Flow, ends: Ends) -> None:
        """Set a flow's application going."""

    def begin(self, traits: Traits) -> FlowMappingEntry:
        """The flow of a new conversation."""

    def when_ready(self, flow: int, callback: Callable[[], None]) -> None:
        """Call `callback` once the home address of a flow is bound."""

    def end(self, entry: FlowMappingEntry, why: str) -> None:
        """A flow is over."""


class Calls:
    """The flows that correspondents are going to begin with `node`; `stack` begins them."""

    def __init__(self, node: Host, stack: BeginsFlows, flows: FlowMappingTable) -> None:
        self._node, self._stack, self._flows = node, stack, flows
        self.expected: dict[Conversation, Flow] = {}
        """By what they begin with."""
        self.promised: dict[Flow, int] = {}
        """Conversations that correspondents are going to be told of -> our port for it, which is promised."""
        self._invited: dict[tuple[Address, int], Flow] = {}
        """Correspondents and their ports -> what they are going to invite to."""
        self._doorman: Doorman | None = None
        self.strangers = Strangers()
        """Bounds what nobody expects (RFC 4225 section 3.3.1)."""

    def expect(
        self, cn: Host, app: Application, redirect: bool, local_port: int | None, remote_port: int | None,
        when_known: Callable[[Callable[[Address], None]], None] | None = None,
    ) -> Flow:  # fmt: skip
        """`app` is going to run between `cn`, which opens the flow, and us; see `FlowMobileNode.accept`.

        when_known: has the address called, once it can be, that `cn` calls instead of the primary.
        """
        node = self._node
        far = local_port if local_port is not None else node.free_port_from(app.port)
        for host, port in ((cn, remote_port), (node, far)):
            is_invited = host is cn and (cn.address, port) in self._invited
            if port is not None and (is_invited or host.has_port(port)):
                raise ProtocolMisuse(f"port {port} of {host.name} is in use; choose another", port)
        near = remote_port if remote_port is not None else cn.free_port()
        if redirect:
            self._doorman = self._doorman or Doorman(node, self._find_place, self._placed)
        conversations = Conversation.begun(app.protocol, far, cn.address, near, False)
        traits = traits_of(conversations[0], False, NO_MARKS, app.name)
        number, information = self._stack.next_flow_id(), FlowInformation(traits)
        entry = FlowMappingEntry(number, cn.address, information, "", network=node.network)
        flow = self.expected[conversations[0]] = self._stack.new_flow(entry, cn, app, conversations)
        ends = Ends(cn, node, near, far, entry.flow_id, upward=False)
        if not redirect and when_known is None:
            self._stack.start(flow, ends)
            return flow

        def call(address: Address, port: int = far) -> None:
            if flow not in self.promised:  # it has been closed meanwhile
                return
            self._keep_promise(flow)
            try:
                self._stack.start(flow, replace(ends, far_address=address, far_port=port))
            except MipflowError as error:  # nobody called: it is an answer that has come
                node.decided("call not possible", str(error))

        node.promised_ports.add(far)
        self.promised[flow], self._invited[cn.address, near] = far, flow
        if when_known is not None:
            when_known(call)
        else:
            flow.invitation = Invitation(cn, cn.free_port(), node.mobility.reached_at, near, call)
        return flow

    def _find_place(self, caller: Address, port: int, tell: Callable[[Address, int], None]) -> None:
        """A correspondent invites: the flow that is expected from its port begins, and gets a home address as one of
        ours does; the correspondent is told once that is bound.
        """
        flow = self._invited.pop((caller, port), None)
        if flow is not None and flow in self.promised:
            entry, far = self._stack.begin(traits_of(flow.conversation, True, NO_MARKS)), self.promised[flow]
            usual = self._node.mobility
            self._stack.when_ready(entry.flow_id, lambda: tell(entry.home_address or usual.reached_at, far))

    def forget(self, flow: Flow) -> bool:
        """A flow is closed: True for one that had not begun."""
        self._keep_promise(flow)
        self._invited = {caller: other for caller, other in self._invited.items() if other is not flow}
        return self.expected.pop(flow.conversation, None) is not None

    def _keep_promise(self, flow: Flow) -> None:
        """A port is not promised any more: somebody listens there, or never will."""
        if flow in self.promised:
            self._node.promised_ports.discard(self.promised.pop(flow))

    def admit(self, conversation: Conversation) -> None:
        """A correspondent begins a conversation that no flow expects: an invitation to one may always come, anything
        else as `strangers` say. Raises TopologyError where it may not begin.
        """
        invitations = ((flow.cn.address, flow.invitation.port) for flow in self.promised if flow.invitation is not None)
        if conversation in [Conversation("UDP", INVITATIONS, *caller) for caller in invitations]:
            return
        over = self.strangers.admit(conversation, self._flows, self._node.clock.now)
        if over is not None:
            self._stack.end(over, "silent for longest of what others have begun, it gives way to a newcomer")

    def begun(self, flow: Flow, entry: FlowMappingEntry) -> None:
        """An expected flow has begun, and has this entry."""
        flow.entry = entry
        self._flows.join(entry, flow.conversations[-1])

    def _placed(self, caller: Address, port: int) -> None:
        """The call is elsewhere: the flow of its invitation is over."""
        entry = self._flows.part(Conversation("UDP", INVITATIONS, caller, port))
        if entry is not None:
            self._stack.end(entry, "what was invited to has been redirected")


def check_correspondent(cn: object, node: Host) -> None:
    """Raises ProtocolMisuse for what is no other host, or one of another world."""
    if not isinstance(cn, Host) or cn is node:
        raise ProtocolMisuse(f"{shown(cn)} is no correspondent node; expected such as world.cn1", cn)
    node.network.check_own(cn, cn.network)
