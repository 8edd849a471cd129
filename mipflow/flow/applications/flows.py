"""A flow as its owner holds it: `mn.open()` returns one."""

from __future__ import annotations

from typing import NamedTuple

from mipflow.flow.conversations import Conversation
from mipflow.flow.tables import FlowMappingEntry
from mipflow.node.applications.apps import Application, Running
from mipflow.node.applications.invitation import Invitation
from mipflow.node.host import Host
from mipflow.sim.clock import NS_PER_MS, Unique
from mipflow.sim.meter import Meter
from mipflow.wire.address import Address


class FlowStatistics(NamedTuple):
    """The fate of a flow's packets: `up` from the mobile node, `down` to it."""

    up: Meter
    down: Meter


class Flow(Unique):
    """One data flow between the mobile node and a correspondent node.

    `id` is that of the flow mapping table; `home_address` is None until one is assigned; `care_of_address` and
    `interface` are the selected ones; `stats.up` and `stats.down` count packets; `running` is its application.
    """

    def __init__(
        self, entry: FlowMappingEntry, cn: Host, app: Application, stats: FlowStatistics, opened_ns: int,
        conversations: tuple[Conversation, ...],
    ) -> None:  # fmt: skip
        self.entry = entry
        """Its line of the flow mapping table, which it has until it ends."""
        self.cn = cn
        self.app = app
        self.stats = stats
        self.running: Running | None = None
        self.invitation: Invitation | None = None
        """The invitation by which its correspondent asks first; None where it does not."""
        self.is_closed = False
        """True once its own application was closed; the flow goes on while others are in it."""
        self.opened_ns = opened_ns
        self.conversations = conversations
        """The conversations of its own application, in order; a flow can have others."""

    @property
    def is_open(self) -> bool:
        """True until it is closed or its flow has ended."""
        return not (self.is_closed or self.entry.has_ended)

    @property
    def id(self) -> int:
        """Its flow id."""
        return self.entry.flow_id

    @property
    def conversation(self) -> Conversation:
        """The conversation of its application's first packet."""
        return self.conversations[0]

    @property
    def home_address(self) -> Address | None:
        """The home address of its packets."""
        return self.entry.home_address

    @property
    def care_of_address(self) -> Address | None:
        """The care-of address that is selected for it."""
        return self.entry.care_of_address

    @property
    def registered_at_cn(self) -> Address | None:
        """The care-of address in its correspondent's binding, as acknowledged."""
        return self.entry.registered_at_cn

    @property
    def refused(self) -> str:
        """The reason why its packets are dropped instead of waiting for a home address; empty where they are not."""
        return self.entry.refused

    @property
    def ready_ns(self) -> int | None:
        """The time at which its home address was bound, or the flow opened if later, in nanoseconds; None before."""
        return None if self.entry.ready_ns is None else max(self.entry.ready_ns, self.opened_ns)

    @property
    def interface(self) -> str:
        """The interface that is selected for it."""
        return self.entry.interface

    @property
    def wait_ms(self) -> float | None:
        """The time that it waited for its home address, in milliseconds; None while it waits."""
        return None if self.ready_ns is None else (self.ready_ns - self.opened_ns) / NS_PER_MS

    def __repr__(self) -> str:
        return f"<Flow {self.id} {self.app.name} to {self.cn.name} from {self.home_address} over {self.interface}>"
