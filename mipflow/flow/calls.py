"""Flows that a correspondent node begins (the seed, pages 10 and 13): to the primary home address, or redirected.

The primary is the address that others know. Where the application allows it, as a call does, the correspondent first
invites there (`node.invitation`) and is told another home address, which Figure 6 finds as for a flow of ours: so such
calls can be handed over one by one. The part of `flow.stack` that knows which flows are expected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from mipflow.flow.separator import traits_of
from mipflow.flow.tables import Conversation, FlowInformation, FlowMappingEntry
from mipflow.node.application import Ends
from mipflow.node.invitation import PORT as INVITATIONS
from mipflow.node.invitation import Doorman, Invitation
from mipflow.wire.packet import NO_MARKS

if TYPE_CHECKING:
    from mipflow.flow.flows import Flow
    from mipflow.flow.stack import FlowMobileNode
    from mipflow.node.application import Application
    from mipflow.node.host import Host
    from mipflow.wire.address import Address


class Calls:
    """The flows that correspondents are going to begin with `node`."""

    def __init__(self, node: FlowMobileNode) -> None:
        self._node = node
        self.expected: dict[Conversation, Flow] = {}
        """By what they begin with."""
        self._doorman: Doorman | None = None

    def expect(self, cn: Host, app: Application, near: int, far: int, redirect: bool) -> Flow:
        """`app` runs between port `near` of a correspondent, which opens the flow, and port `far` of ours."""
        node, conversation = self._node, Conversation.begun(app.protocol, far, cn.address, near, False)
        traits = traits_of(conversation, False, NO_MARKS, app.name)
        entry = FlowMappingEntry(node.next_flow_id(), cn.address, FlowInformation(traits), "")
        flow = self.expected[conversation] = node.new_flow(entry, cn, app, conversation)
        ends = Ends(cn, node, near, far, entry.flow_id, upward=False)
        if not redirect:
            node.start(flow, ends)
            return flow
        self._doorman = self._doorman or Doorman(node, self._find_place, self._placed)

        def redirected(address: Address, port: int) -> None:
            node.start(flow, replace(ends, far_address=address, far_port=port))

        flow.invitation = Invitation(cn, cn.free_port(), node.reached_at, near, redirected)
        return flow

    def _find_place(self, caller: Address, port: int, tell: Callable[[Address, int], None]) -> None:
        """A correspondent invites: the flow that is expected from its port begins, and gets a home address as one of
        ours does; the correspondent is told once that is bound.
        """
        node = self._node
        first = next((each for each in self.expected if each.cn == caller and each.remote_port == port), None)
        if first is not None:
            entry = node.begin(traits_of(first, True, NO_MARKS))
            node.when_ready(entry.flow_id, lambda: tell(node.address_of_flow(entry.flow_id), first.local_port))

    def _placed(self, caller: Address, port: int) -> None:
        """The call is elsewhere: the flow of its invitation is over."""
        entry = self._node.flows.part(Conversation("UDP", INVITATIONS, caller, port))
        if entry is not None:
            self._node.end(entry, "what was invited to has been redirected")
