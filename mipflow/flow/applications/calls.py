"""Flows that a correspondent node begins (the patent, pages 10 and 13): to the primary home address, to one that is
kept for them, or redirected.

The primary is the address that others know. Where the application allows it, as a call does, the correspondent first
invites there (`node.applications.invitation`) and is told another home address, which Figure 6 finds as for a flow of
ours: so such calls can be handed over one by one. `flow.applications.opening` says which flows are expected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mipflow.flow.applications.flows import Flow
from mipflow.flow.applications.strangers import Strangers
from mipflow.flow.conversations import Conversation, Traits, traits_of
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable
from mipflow.node.applications.invitation import PORT as INVITATIONS
from mipflow.node.applications.invitation import Doorman, Invitation
from mipflow.node.host import Host
from mipflow.wire.address import Address
from mipflow.wire.packet import NO_MARKS


class Begins(Protocol):
    """Begins and ends flows."""

    @property
    def begin(self) -> Callable[[Traits], FlowMappingEntry]:
        """Returns the flow of a new conversation."""

    @property
    def end(self) -> Callable[[FlowMappingEntry, str], None]:
        """Ends a flow, for a reason in words."""

    def when_ready(self, flow: int, callback: Callable[[], None]) -> None:
        """Call `callback` once the home address of a flow is bound."""


class Calls:
    """The flows that correspondents are going to begin with `node`; `stack` begins them."""

    def __init__(self, node: Host, stack: Begins, flows: FlowMappingTable) -> None:
        self._node, self._stack, self._flows = node, stack, flows
        self.expected: dict[Conversation, Flow] = {}
        """Expected flows by their first conversation."""
        self.promised: dict[Flow, int] = {}
        """Flows that correspondents are going to be told an address for -> our port for it, which is promised."""
        self._invited: dict[tuple[Address, int], Flow] = {}
        """Correspondents and their ports -> the flows that they are going to invite to."""
        self._doorman: Doorman | None = None
        self.strangers = Strangers()
        """Bounds on conversations that nobody expects (RFC 4225 section 3.3.1)."""

    def is_invited(self, cn: Address, port: int | None) -> bool:
        """Return True where a correspondent is going to invite from this port."""
        return (cn, port) in self._invited

    def promise(self, flow: Flow, far: int, near: int) -> None:
        """Keep our port `far` for a flow that its correspondent begins from `near` once it is told where to."""
        self._node.promised_ports.add(far)
        self.promised[flow], self._invited[flow.cn.address, near] = far, flow

    def open_door(self) -> None:
        """Listen for invitations."""
        self._doorman = self._doorman or Doorman(self._node, self._find_place, self._placed)

    def invite(self, flow: Flow, near: int, call: Callable[[Address, int], None]) -> None:
        """Have the correspondent ask at the primary home address where to call, and then call there."""
        flow.invitation = Invitation(flow.cn, flow.cn.free_port(), self._node.mobility.reached_at, near, call)

    def _find_place(self, caller: Address, port: int, tell: Callable[[Address, int], None]) -> None:
        """Begin the flow that a correspondent invites to from its port, with a home address as for one of ours; the
        correspondent is told once that is bound.
        """
        flow = self._invited.pop((caller, port), None)
        if flow is not None and flow in self.promised:
            entry, far = self._stack.begin(traits_of(flow.conversation, True, NO_MARKS)), self.promised[flow]
            usual = self._node.mobility
            self._stack.when_ready(entry.flow_id, lambda: tell(entry.home_address or usual.reached_at, far))

    def forget(self, flow: Flow) -> bool:
        """Expect a flow no longer that is closed; return True for one that had not begun."""
        self.keep_promise(flow)
        self._invited = {caller: other for caller, other in self._invited.items() if other is not flow}
        return self.expected.pop(flow.conversation, None) is not None

    def keep_promise(self, flow: Flow) -> None:
        """Promise the flow's port no longer: somebody listens there, or never will."""
        if flow in self.promised:
            self._node.promised_ports.discard(self.promised.pop(flow))

    def admit(self, conversation: Conversation, is_theirs: bool) -> Flow | None:
        """Return the flow that was expected to begin with a conversation, or None.

        An invitation may always come; anything else that a correspondent begins and nobody expects may come as
        `strangers` say. Raises TopologyError where it may not begin.
        """
        expected = self.expected.pop(conversation, None)
        if expected is None and is_theirs:
            self._admit_stranger(conversation)
        return expected

    def _admit_stranger(self, conversation: Conversation) -> None:
        invitations = ((flow.cn.address, flow.invitation.port) for flow in self.promised if flow.invitation is not None)
        if conversation in [Conversation("UDP", INVITATIONS, *caller) for caller in invitations]:
            return
        over = self.strangers.admit(conversation, self._flows, self._node.clock.now)
        if over is not None:
            self._stack.end(over, "silent for longest of what others have begun, it gives way to a newcomer")

    def begun(self, flow: Flow, entry: FlowMappingEntry) -> None:
        """Give an expected flow that has begun its entry."""
        flow.entry = entry
        self._flows.join(entry, flow.conversations[-1])

    def _placed(self, caller: Address, port: int) -> None:
        """End the flow of an invitation: the call is elsewhere."""
        entry = self._flows.part(Conversation("UDP", INVITATIONS, caller, port))
        if entry is not None:
            self._stack.end(entry, "what was invited to has been redirected")
