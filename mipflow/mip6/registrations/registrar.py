"""The shell around the machine of registrations: it tells the machine what happens, and carries its steps out.

Takes events (`tell`), the commonest wishes by name, and the messages that answer; sends packets, sets timers, writes
the trace, and tells news to `hears`. `mip6.registrations.registrations` says what follows from what. Reports of peers
that are no answers come from `mip6.registrations.peer_reports`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mipflow.arguments import make
from mipflow.mip6.bindings.keygen_tokens import RoutabilityTest
from mipflow.mip6.registrations import steps
from mipflow.mip6.registrations.events import Due, Heard, RegistrationEvent, TimerKey, Unwant, Want
from mipflow.mip6.registrations.registrations import Registrations
from mipflow.mip6.registrations.steps import News
from mipflow.mip6.registrations.surroundings import Settings, Surroundings
from mipflow.node.node import Arrival, Node
from mipflow.node.road import Road
from mipflow.sim.clock import Timer
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingAcknowledgement, CareOfTest, HomeTest
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet


class Registrar:
    """Drives the registrations of one mobile node; `registrations` makes the machine."""

    def __init__(
        self, node: Node, surroundings: Surroundings, home_test_road: Callable[[Address], Road | None],
        registrations: Callable[..., Registrations], settings: Settings,
    ) -> None:  # fmt: skip
        self._node, self._home_test_road = node, home_test_road
        random = node.network.random
        numbers, cookies = random(f"{node.name}/registrations"), random(f"{node.name}/cookies")
        given = surroundings, numbers, cookies, settings
        machine: Registrations = make("registrations", registrations, Registrations, *given)
        self.machine, self.list, self.tests = machine, machine.list, machine.tests
        """The binding update list (section 11.1); the return routability tests, and their tokens."""
        self.hears: dict[News, Callable[..., None]] = {}
        """News -> what takes it, with the values that `Notify.about` has; other news is lost."""
        self._timers: dict[TimerKey, Timer] = {}
        self._steps: dict[type, Callable[[Any], None]] = {
            steps.SendUpdate: self._transmit_update, steps.SendTestInit: self._transmit_test_init,
            steps.SetTimer: self._set_timer, steps.Changed: self._changed, steps.Notify: self._notify,
            steps.Decided: lambda step: node.decided(*step),
        }  # fmt: skip
        node.handlers[HomeTest] = node.handlers[CareOfTest] = node.handlers[BindingAcknowledgement] = self._arrived

    # --- wishes ------------------------------------------------------------------------------------------------------

    def register_home(self, home_address: Address, care_of: Address) -> None:
        """Bind a home address at the home agent (section 11.7.1); not where somebody else has it."""
        self.tell(Want(home_address, care_of))

    def register_correspondent(self, peer: Address, home_address: Address, care_of: Address) -> None:
        """Bind a home address at a correspondent node: tests, then the binding update (sections 11.6.1, 11.7.2)."""
        self.tell(Want(home_address, care_of, peer))

    def deregister(self, peer: Address, home_address: Address) -> None:
        """Ask a peer to delete its binding; the entry goes when it answers, or when the lifetime ends (section 11.7.2).
        """
        self.tell(Unwant(peer, home_address))

    def has_ceased(self, peer: Address) -> bool:
        """True for a correspondent that does not know Mobile IPv6, while nothing is tried."""
        return self.machine.has_ceased(peer, self._node.clock.now)

    # --- the loop ----------------------------------------------------------------------------------------------------

    def tell(self, event: RegistrationEvent, arrival: Arrival | None = None) -> None:
        """Tell the machine of an event, and do as it says; `arrival`: the packet in which it came, where one did."""
        for step in self.machine.handle(event, self._node.clock.now):
            if isinstance(step, steps.Ignored):
                assert arrival is not None
                self._node.drop(arrival.packet, step.why)
            else:
                self._steps[type(step)](step)

    def _arrived(self, arrival: Arrival) -> None:
        """Take a test (section 11.6.2) or an acknowledgement (11.7.3): `RoutabilityProcedure.judge` judges the one,
        `Exchange._acknowledged` the other.
        """
        through_home = arrival.tunnel is not None or arrival.destination in self._node.addresses
        self.tell(Heard(arrival.payload, arrival.source, arrival.destination, through_home), arrival)

    def _transmit_update(self, step: steps.SendUpdate) -> None:
        """Send an update; at home its source is the home address itself (section 11.5.5)."""
        entry = step.entry
        option = DestinationOptions((HomeAddressOption(entry.home_address),))
        extensions = () if entry.care_of_address == entry.home_address else (option,)
        self._node.send_direct(Packet(entry.care_of_address, entry.peer, step.message, extensions=extensions))

    def _transmit_test_init(self, step: steps.SendTestInit) -> None:
        kind, correspondent, address = step.key
        road = self._home_test_road(address) if kind is RoutabilityTest.HOME else None
        self._node.send_direct(Packet(address, correspondent, step.message), road)

    def _set_timer(self, step: steps.SetTimer) -> None:
        key, t_ns = step
        if t_ns is not None:
            if key not in self._timers:
                self._timers[key] = Timer(self._node.clock, partial(self.tell, Due(key)))
            self._timers[key].set(t_ns)
        elif key in self._timers:
            self._timers.pop(key).stop()

    def _changed(self, step: steps.Changed) -> None:
        self._node.record(step.changes)
        self._node.forget_roads()

    def _notify(self, step: steps.Notify) -> None:
        if step.news in self.hears:
            self.hears[step.news](*step.about)
