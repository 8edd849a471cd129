"""The seam between the transport of a host and its roads, where the flow layer stands.

A host without flows has `NoFlows` there. With `Host.put_between` it gets a seam that knows its flows: a socket's label
is the id of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mipflow.node.node import Handler, Node
from mipflow.wire.address import Address
from mipflow.wire.packet import NO_MARKS, Marks, Sized

Remote = tuple["Address | None", int]
"""Address and port of the other end; (None, 0) for a socket that hears everybody."""
EVERYBODY: Remote = (None, 0)


class FlowSeam(Protocol):
    """The flows of a host, as its sockets and applications see them."""

    def when_ready(self, flow: int, callback: Callable[[], None]) -> None:
        """Call `callback` once packets of a flow can be sent."""

    def flow_lasts(self, flow: int, until_ns: int) -> None:
        """Keep a flow until then (nanoseconds), however silent it is."""

    def flow_named(self, flow: int, protocol: str, local_port: int, remote: Remote) -> None:
        """Take note of the ports and the remote end of a flow's socket."""

    def address_of_flow(self, flow: int) -> Address:
        """Return the address that packets of a flow come from."""

    def address_towards(self, remote: Address) -> Address | None:
        """Return the address that a new connection to `remote` keeps; None where its flow says it for each packet."""


class UpperSeam(FlowSeam, Protocol):
    """A seam through which all packets of transport pass (see `Host.put_between`)."""

    def outgoing(
        self, payload: Sized, source: Address | None, destination: Address, label: int = 0, marks: Marks = NO_MARKS
    ) -> None:
        """Send a payload of transport, in the place of `Node.originate`."""

    def incoming(self, upper: Handler) -> Handler:
        """Return the handler to call in front of `upper`, one of transport's."""


class NoFlows:
    """The seam of a host without flows: it sends at once, from the address that it has."""

    def __init__(self, host: Node) -> None:
        self._host = host

    def when_ready(self, flow: int, callback: Callable[[], None]) -> None:
        """Call it at once."""
        callback()

    def flow_lasts(self, flow: int, until_ns: int) -> None:
        """Do nothing."""

    def flow_named(self, flow: int, protocol: str, local_port: int, remote: Remote) -> None:
        """Do nothing."""

    def address_of_flow(self, flow: int) -> Address:
        """Return the host's own address."""
        return self._host.address

    def address_towards(self, remote: Address) -> Address | None:
        """Return the host's address now: a connection's ends are fixed as it is opened (RFC 9293 section 3.3.1)."""
        return self._host.mobility.source_for(remote) or self._host.address
