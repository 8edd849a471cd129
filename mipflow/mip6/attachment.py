"""The attachment of one interface of a mobile node to the network where it is (RFC 6275 section 11.5).

A shell around `MovementDetection` and `AddressLifetimes`: it takes router advertisements and what the link layer says;
sends solicitations and probes, sets the timer, assigns and removes addresses, and tells the mobile node of each new
care-of address.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry
from mipflow.mip6.home_prefixes import HomeAddresses
from mipflow.mip6.movement import Do, HeardRouter, MovementDetection, Place, Step
from mipflow.mip6.registrations.events import AtHome, Reachable
from mipflow.mip6.registrations.registrar import Registrar
from mipflow.node.host import Host
from mipflow.node.interface import Interface
from mipflow.node.lifetimes import INFINITE_S, AddressLifetimes
from mipflow.sim.clock import Timer
from mipflow.sim.trace import Change
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import PrefixInformation, RouterAdvertisement


class HasHomeAddresses(Protocol):
    """A mobile node's home addresses."""

    own_home_addresses: HomeAddresses
    primary_home_address: Address

    def home_addresses_in_order(self) -> list[Address]:
        """Return all of them, the primary first."""

    def home_registration(self, home_address: Address) -> BindingUpdateEntry | None:
        """Return the entry of one at its home agent, or None."""


class HearsAttachment(Protocol):
    """A mobile node, told where its interfaces are."""

    def care_of_ready(self, interface: Interface) -> None:
        """Bind: the interface has another care-of address."""

    def came_home(self, home_address: Address) -> None:
        """Announce a home address that is ours on the home link."""

    def leave_home(self, interface: Interface) -> None:
        """Take the home addresses from an interface that is not on the home link."""

    def home_address_taken(self, home_address: Address) -> None:
        """Give up a home address that somebody on the home link has."""


class Attachment:
    """The attachment of `interface`, which belongs to `node`."""

    def __init__(
        self, node: Host, interface: Interface, homes: HasHomeAddresses, hears: HearsAttachment, registrar: Registrar
    ) -> None:
        self._node, self._homes, self._hears, self._registrar = node, homes, hears, registrar
        self.interface = interface
        self.detection = MovementDetection()
        self.lifetimes = AddressLifetimes()
        self._timer = Timer(node.clock, self._elapsed)
        self._duplicates: set[Address] = set()
        self._was_up = interface.up
        self._is_new_link = False
        self._placed: dict[str, object] | None = None
        """The row of the trace that says where the interface stands."""
        self._care_of: Address | None = None
        self._last: HeardRouter | None = None
        """The default router so far, also after it was given up; None on a link that the link layer reports as new."""

    @property
    def is_home(self) -> bool:
        """True on the home link, whose router advertises the prefix of a home address (section 11.5.2)."""
        router = None if self.interface.is_arriving else self.detection.router
        return router is not None and any(self._homes.own_home_addresses.has(prefix) for prefix in router.prefixes)

    # --- what happens ------------------------------------------------------------------------------------------------

    def link_changed(self) -> None:
        """Begin anew: the link layer reports another link, or the first one."""
        self._care_of = None
        self._duplicates.clear()
        self._node.neighbor.forget_questions(self.interface)
        if self._last is not None:
            self._node.decided("movement detected", f"{self.interface.name} is on another link, says the link layer")
            self._last, self._is_new_link = None, True
        self._do(self.detection.link_changed())

    def up_changed(self, is_told: bool) -> None:
        """Go on after the interface may have gone up or down.

        Up again, its router is asked whether it is still there, which is better than to solicit (section 11.5.1).
        """
        was_up, self._was_up = self._was_up, self.interface.up
        if self._was_up and not was_up and is_told and self.interface.segment is not None:
            self.interface.is_arriving = self.detection.place is not Place.LEAVING
            self._do(self.detection.link_changed() if self.detection.router is None else self.detection.doubt())
        self._wait()

    def advertised(self, message: RouterAdvertisement, source: Address) -> None:
        """Take a router's advertisement: detect movement, make addresses of its prefixes."""
        segment, now = self.interface.segment, self._node.clock.now
        port = None if segment is None else segment.neighbor(source)
        heard, before = HeardRouter.of(source, port, message, now), self.detection.candidate
        steps = self.detection.heard(heard, now)
        if self.detection.candidate is heard and not (before and before.is_same(heard)):
            self._node.decided("new router", f"{heard} on {self.interface.name}; {self._last} is asked if it is there")
        self._do(steps)
        for option in message.prefixes:
            if option.makes_addresses:
                self._prefix_heard(option)
        self._choose()

    def _elapsed(self) -> None:
        now = self._node.clock.now
        steps = self.detection.elapsed(now)
        if any(do is Do.PROBE for do, _ in steps):
            why = f"{self._last} on {self.interface.name}; it is asked if it is there"
            self._node.decided("advertisements missing", why)
        self._do(steps)
        for address in self.lifetimes.ended(now):
            self._node.decided("address expired", f"{address} on {self.interface.name}")
            self._remove(address)
        self._choose()

    # --- what is to be done ------------------------------------------------------------------------------------------

    def _record_place(self) -> None:
        """Put into the trace where the interface stands, if that has changed."""
        row: dict[str, object] = {"interface": self.interface.name, "state": self.detection.place.value}
        if row != self._placed:
            self._node.record([Change("movement", self.interface.name, self._placed, row)])
            self._placed = row

    def _do(self, steps: list[Step]) -> None:
        self._record_place()
        neighbor = self._node.neighbor
        for do, router in steps:
            if do is Do.SOLICIT:
                neighbor.solicit(self.interface)
            elif router is None:
                continue
            elif do is Do.PROBE:
                neighbor.probe(router.link_local, router.port, self.interface, partial(self._asked, router))
            elif do in (Do.FOUND, Do.MOVED):
                self._take(router)
            elif do is Do.LOST:
                self._lose(router)
            elif do is Do.STAYED:
                self.interface.is_arriving = False
                self._node.decided("no movement", f"{router} is still there on {self.interface.name}")
            elif do is Do.ENDED:
                self._route(None)
        self._wait()

    def _asked(self, router: HeardRouter, is_there: bool) -> None:
        in_doubt = self.detection.in_doubt
        if in_doubt is not None and in_doubt.is_same(router):
            self._do(self.detection.answered(self._node.clock.now) if is_there else self.detection.unanswered())
            self._choose()

    def _take(self, router: HeardRouter) -> None:
        """Make this the default router."""
        if self._last is not None and not self._last.is_same(router):
            self._node.decided("movement detected", f"{self.interface.name} is at {router}")
            self._is_new_link = not self._last.shares_link(router)
        self._last, self.interface.is_arriving = router, False
        self._route(router)
        if self._is_new_link and not self.is_home:  # at home the home agent may defend it (section 11.5.5)
            self._node.neighbor.detect_duplicate(self.interface.link_local, self.interface, self._link_local_checked)
        self._is_new_link = False

    def _link_local_checked(self, is_unique: bool) -> None:
        """Take an interface down whose link-local address is another's: it cannot be used (RFC 4862 section 5.4.5)."""
        if not is_unique:
            self._node.decided("duplicate address", f"{self.interface.link_local} is in use on {self.interface.name}")
            self.interface.set_up(False)

    def _lose(self, router: HeardRouter) -> None:
        """Remove the addresses that came from this router alone: it is gone (section 11.5.4)."""
        self._node.decided("router lost", f"{router} on {self.interface.name}")
        if self.detection.router is None:
            self._route(None)
        for address in list(self.interface.addresses):
            if any(address in prefix for prefix in router.prefixes) and not self._is_advertised(address):
                self._remove(address)

    def _route(self, router: HeardRouter | None) -> None:
        self.interface.router = None if router is None else router.port
        self._node.network.changed()

    def _wait(self) -> None:
        now = self._node.clock.now
        due = [t for t in (self.detection.due_ns(), self.lifetimes.next_ns(now)) if t is not None]
        if due and self.interface.up:
            self._timer.set(min(due))
        else:
            self._timer.stop()

    # --- addresses (RFC 4862 section 5.5, RFC 6275 section 11.5.3) ---------------------------------------------------

    def _is_advertised(self, address: Address) -> bool:
        """Return whether the default router advertises the prefix of an address."""
        router = self.detection.router
        return router is not None and any(address in prefix for prefix in router.prefixes)

    def _prefix_heard(self, option: PrefixInformation) -> None:
        """Make an address of a prefix, or renew the lifetimes of the one that there is."""
        prefix, interface, node = Prefix.around(option.prefix, 64), self.interface, self._node
        address = prefix.address(interface.interface_identifier)
        lifetimes_s = (option.preferred_lifetime_s, option.valid_lifetime_s)
        if self._homes.own_home_addresses.has(prefix):
            return  # the home address itself is the address on the home link (section 11.5.5)
        if address in interface.addresses:
            self.lifetimes.hear(address, *lifetimes_s, node.clock.now)
        elif option.valid_lifetime_s and address not in self._duplicates and address not in node.addresses:
            self._make(address, lifetimes_s)

    def _make(self, address: Address, lifetimes_s: tuple[int, int]) -> None:
        node, interface, segment = self._node, self.interface, self.interface.segment
        if node.neighbor.is_detecting(address, interface):
            return

        def detected(is_unique: bool) -> None:
            if not is_unique:
                self._duplicates.add(address)  # not tried again on this link (RFC 4862 section 5.4.5)
                node.decided("duplicate address", f"{address} is in use")
                if address in self._homes.own_home_addresses:
                    self._hears.home_address_taken(address)
            elif interface.segment is segment:  # not where it has moved on meanwhile
                interface.add_address(address, shared=True)
                self.lifetimes.hear(address, *lifetimes_s, node.clock.now)
                if address in self._homes.own_home_addresses:
                    self._hears.came_home(address)
                    self._registrar.tell(Reachable(address))  # correspondents that are to forget hear of it from here
                else:
                    node.decided("care-of address", f"{address} on {interface.name}")
                self._choose()

        node.neighbor.detect_duplicate(address, interface, detected)

    def _remove(self, address: Address) -> None:
        self.lifetimes.forget(address)
        if address in self.interface.addresses:
            self.interface.remove_address(address)

    def _choose(self) -> None:
        """Choose the care-of address: one whose prefix the default router advertises (section 11.5.4), and that is not
        deprecated; the one so far where it is as good as any.
        """
        interface, now = self.interface, self._node.clock.now
        self._wait()
        if self.is_home:
            self._care_of = None
            self.come_home()
            return
        self._hears.leave_home(interface)

        def worth(address: Address) -> tuple[bool, bool, bool]:
            is_preferred = self.lifetimes.is_preferred(address, now)
            return (self._is_advertised(address), is_preferred, address == self._care_of)

        best, before = max(reversed(interface.addresses), key=worth, default=None), self._care_of
        self._care_of = best
        if best is not None:
            interface.prefer(best)
        if best is None and before is not None:
            self._node.interface_changed(interface)
        elif best is not None and best != before:
            self._registrar.tell(Reachable(best))
            self._hears.care_of_ready(interface)

    def come_home(self) -> None:
        """Take the home addresses that belong on this link; no duplicate address detection where the home agent may
        still defend one (section 11.5.5).
        """
        node, interface = self._node, self.interface
        for home_address in self._homes.home_addresses_in_order():
            if home_address in node.addresses or not self._is_advertised(home_address):
                continue
            entry = self._homes.home_registration(home_address)
            if entry is not None and entry.may_last(node.clock.now):
                node.decided("returning home", f"{home_address} on {interface.name}")
                interface.add_address(home_address, shared=True)
                self._registrar.tell(AtHome(home_address))
            elif home_address not in self._duplicates:
                self._registrar.tell(AtHome(home_address))
                self._make(home_address, (INFINITE_S, INFINITE_S))
        if self._homes.primary_home_address in interface.addresses:
            interface.prefer(self._homes.primary_home_address)
