"""Open and close flows for applications, here or at a correspondent node that is to begin one.

Takes an application and a correspondent node; gives the `Flow` that its owner holds. `flow.new_flows` begins the flow
of an application here at once, and that of a correspondent's with its first packet; `flow.endings` ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mipflow.arguments import FLAG, WORD, check, optional
from mipflow.errors import MipflowError, ProtocolMisuse, TopologyError, shown
from mipflow.flow.applications.calls import Calls
from mipflow.flow.applications.flows import Flow, FlowStatistics
from mipflow.flow.bindings.binder import FlowBinder
from mipflow.flow.conversations import Conversation, FlowInformation, traits_of
from mipflow.flow.stack import FlowStack
from mipflow.flow.tables import FlowMappingEntry
from mipflow.mip6.mobile_node import MobileNode
from mipflow.node.applications.application import APPLICATION, Application, Ends, port_of, wrong_running
from mipflow.node.host import Host
from mipflow.sim.clock import check_unasked
from mipflow.wire.address import Address
from mipflow.wire.packet import NO_MARKS

Guard = Callable[[str, Callable[..., Any], str, Callable[..., str]], Callable[..., Any]]
"""Guards a function that a learner may have written: (name, function, parameters, check of its results)."""


class Opening:
    """Opens the flows of the applications of `node`, whose packets go through `stack`."""

    def __init__(self, node: Host, mobile: MobileNode, binder: FlowBinder, stack: FlowStack, guard: Guard) -> None:
        self._node, self._mobile, self._binder, self._stack, self._guard = node, mobile, binder, stack, guard
        self._flows, self.calls = binder.flows, Calls(node, stack, binder.flows)
        stack.new.expects = self.calls
        self.opened: dict[int, Flow] = {}
        """Flows that applications of ours opened, by id, ended ones included."""

    def open(
        self, cn: Host, app: Application, interface: str | None = None, local_port: int | None = None,
        remote_port: int | None = None, word: str | None = None,
    ) -> Flow:  # fmt: skip
        """Open a flow to a correspondent node; return at once, while its packets wait until its home address is bound.

        `interface` names the access network that the application asks for (default: policies, or the first interface
        that is up); `word` is the application's own word for the flow: a second one of that word to the same
        correspondent joins it, whatever interface it asks for. Raises ProtocolMisuse for an interface that is unknown
        or down, or a port that is taken, TopologyError where no interface is up.
        """
        check_unasked("no flow can be opened")
        node, stack = self._node, self._stack
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
        stack.words.say(app.protocol, conversations[0].local_port, word)
        entry = stack.begin(traits_of(conversations[0], True, NO_MARKS, app.name), interface)
        flow = self._new_flow(entry, cn, app, conversations)
        self._flows.join(entry, conversations[-1])
        self._start(flow, Ends(node, cn, near, far, entry.flow_id))
        return flow

    def accept(
        self, cn: Host, app: Application, redirect: bool = False, local_port: int | None = None,
        remote_port: int | None = None, to: str | None = None,
    ) -> Flow:  # fmt: skip
        """Let a correspondent node open a flow to this node: it goes to the primary home address, or with `redirect` to
        another one, which the correspondent is told when it asks there (see `flow.applications.calls`), or `to` the one
        that is kept under that name (page 10), which the correspondent knows from the start: it calls once that is
        bound.

        Raises ProtocolMisuse for anything but a correspondent node, a port that is taken, a name under which no home
        address is kept, and a redirection from there.
        """
        check_unasked("no flow can be accepted")
        self._check_call(cn, app, local_port, remote_port)
        check(FLAG, redirect=redirect)
        check(optional(WORD), to=to)
        if redirect and to is not None:
            raise ProtocolMisuse(f"redirect=True and to={shown(to)}; expected one of the two", to)
        when_known = None if to is None else self._binder.when_kept(to)
        far = local_port if local_port is not None else self._node.free_port_from(app.port)
        for host, port in ((cn, remote_port), (self._node, far)):
            is_invited = host is cn and self.calls.is_invited(cn.address, port)
            if port is not None and (is_invited or host.has_port(port)):
                raise ProtocolMisuse(f"port {port} of {host.name} is in use; choose another", port)
        near = remote_port if remote_port is not None else cn.free_port()
        if redirect:
            self.calls.open_door()
        flow = self._expect(cn, app, far, near)
        ends = Ends(cn, self._node, near, far, flow.id, upward=False)
        if redirect or when_known is not None:
            self._let_call(flow, ends, when_known)
        else:
            self._start(flow, ends)
        return flow

    def _expect(self, cn: Host, app: Application, far: int, near: int) -> Flow:
        """Make the flow that a correspondent is going to begin; it is in the table once it has begun."""
        conversations = Conversation.begun(app.protocol, far, cn.address, near, False)
        information = FlowInformation(traits_of(conversations[0], False, NO_MARKS, app.name))
        entry = FlowMappingEntry(self._stack.new.next_id(), cn.address, information, network=self._node.network)
        flow = self.calls.expected[conversations[0]] = self._new_flow(entry, cn, app, conversations)
        return flow

    def _let_call(self, flow: Flow, ends: Ends, when_known: Callable[[Callable[[Address], None]], None] | None) -> None:
        """Have the correspondent call as soon as it is told the address: by an invitation, or by `when_known`."""
        node = self._node

        def call(address: Address, port: int = ends.far_port) -> None:
            if flow not in self.calls.promised:  # it has been closed meanwhile
                return
            self.calls.keep_promise(flow)
            try:
                self._start(flow, replace(ends, far_address=address, far_port=port))
            except MipflowError as error:  # nobody called: it is an answer that has come
                node.decided("call not possible", str(error))

        self.calls.promise(flow, ends.far_port, ends.near_port)
        if when_known is not None:
            when_known(call)
        else:
            self.calls.invite(flow, ends.near_port, call)

    def _check_call(self, cn: object, app: Application, local_port: int | None, remote_port: int | None) -> None:
        if not isinstance(cn, Host) or cn is self._node:
            raise ProtocolMisuse(f"{shown(cn)} is not a correspondent node; pass for example world.cn1", cn)
        self._node.network.check_own(cn, cn.network)
        check(APPLICATION, app=app)
        check(optional(port_of(app)), local_port=local_port, remote_port=remote_port)

    def _new_flow(
        self, entry: FlowMappingEntry, cn: Host, app: Application, conversations: tuple[Conversation, ...]
    ) -> Flow:
        meters = self._node.network.meters
        stats = FlowStatistics(meters[entry.flow_id], meters[-entry.flow_id])
        flow = Flow(entry, cn, app, stats, self._node.clock.now, conversations)
        self.opened.setdefault(entry.flow_id, flow)
        return flow

    def _start(self, flow: Flow, ends: Ends) -> None:
        """Set a flow's application going; nothing is left of one that cannot start. Raises FunctionFailed for an
        application of a learner's.
        """
        own_ports = [(host, port) for host, port in ends.ports if not host.has_port(port)]
        try:
            flow.running = self._guard("start", flow.app.start, "ends", wrong_running)(ends)
        except BaseException:
            for running in ends.begun:
                running.is_stopped = True
            for host, port in own_ports:
                host.close_port(port)
            self._close(flow)
            if self.opened.get(flow.id) is flow:
                del self.opened[flow.id]
            raise

    def close(self, flow: Flow | FlowMappingEntry | int) -> None:
        """End a flow, or an application's part of one: its home address is freed if no other flow uses it (the patent,
        page 13). Raises ProtocolMisuse if ended, FunctionFailed where what a learner wrote does not stop: it is ended.
        """
        check_unasked("no flow can be closed")
        self._close(flow)

    def _close(self, flow: Flow | FlowMappingEntry | int) -> None:
        if not isinstance(flow, Flow):
            number = self._binder.handovers.flow_id(flow)
            if number not in self.opened:
                self._stack.end(self._flows[number], "closed")
                return
            flow = self.opened[number]
        self._binder.handovers.flow_id(flow)
        entry = None if self.calls.forget(flow) else self._flows[flow.id]
        try:
            for under_way in (flow.running, flow.invitation):
                if under_way is not None:
                    self._guard("stop", under_way.stop, "", lambda result: "")()
        finally:
            flow.is_closed = True
            if entry is not None:
                self._stack.endings.part(flow.conversations, entry)
