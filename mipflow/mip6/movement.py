"""Movement detection of one interface (RFC 6275 section 11.5.1). Pure; its state machine is a table.

It takes what the link layer says, router advertisements, answers and silence with their times, and gives steps. A new
router on the link is not yet a movement: the old one is asked first whether it is still there, which costs nothing,
since duplicate address detection of the new care-of address takes the same second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from mipflow.node.neighbor import MAX_RTR_SOLICITATIONS, RTR_SOLICITATION_INTERVAL_NS
from mipflow.sim.clock import NS_PER_MS, NS_PER_S
from mipflow.sim.link import Port
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import AdvertisementInterval, RouterAdvertisement

MAX_UNICAST_SOLICIT = 3
"""Probes, a second apart, after which a silent router is given up (RFC 4861 sections 7.3.3 and 10)."""


class Place(Enum):
    """The states of an interface."""

    SEARCHING = "looking for a router"
    ATTACHED = "at its router"
    DOUBTING = "asking whether its router is still there"
    LEAVING = "at a new router, while the old one is still asked"


class Sign(Enum):
    """The events: signs that an interface has moved, or has not."""

    LINK = "the link layer reports another link"
    ROUTER = "a router advertised where none was known"
    HEARD = "the default router advertised"
    STRANGER = "a new router with other prefixes advertised"
    MISSING = "an advertisement is overdue"
    ANSWERED = "the router that was asked answered"
    SILENT = "the first question got no answer, and there is a new router"
    GONE = "no question got an answer"
    ENDED = "the router's lifetime ended"


class Do(Enum):
    """The actions that a step asks for."""

    SOLICIT = "ask for routers"
    PROBE = "ask the router in doubt whether it is there"
    FOUND = "take the first router"
    MOVED = "take the new router in place of the old one"
    STAYED = "the router in doubt is there"
    LOST = "give up what came from this router"
    ENDED = "it is no default router any more"


_AT_A_ROUTER = {Sign.LINK: Place.SEARCHING, Sign.STRANGER: Place.DOUBTING, Sign.ENDED: Place.SEARCHING}
_FOLLOWING = {
    Place.SEARCHING: {Sign.LINK: Place.SEARCHING, Sign.ROUTER: Place.ATTACHED},
    Place.ATTACHED: {**_AT_A_ROUTER, Sign.HEARD: Place.ATTACHED, Sign.MISSING: Place.DOUBTING},
    Place.DOUBTING: {
        **_AT_A_ROUTER, Sign.HEARD: Place.ATTACHED, Sign.ANSWERED: Place.ATTACHED, Sign.SILENT: Place.LEAVING,
        Sign.GONE: Place.SEARCHING,
    },
    Place.LEAVING: {
        **_AT_A_ROUTER, Sign.HEARD: Place.LEAVING, Sign.ANSWERED: Place.ATTACHED, Sign.GONE: Place.ATTACHED,
    },
}  # fmt: skip
TRANSITIONS = {(place, sign): following for place, row in _FOLLOWING.items() for sign, following in row.items()}
"""The state machine of an interface."""


@dataclass(slots=True, frozen=True)
class HeardRouter:
    """A router as it advertised itself; `port` stands for its link-layer address."""

    link_local: Address
    port: Port | None
    prefixes: frozenset[Prefix]
    addresses: frozenset[Address]
    """Its global addresses, if it tells them (the R bit, section 7.2)."""
    expires_ns: int
    ask_ns: int
    """The time to ask it for another advertisement, if it sends none by itself."""
    interval_ns: int | None
    """The longest time between its advertisements (section 7.3)."""
    overdue_ns: int | None

    @classmethod
    def of(cls, source: Address, port: Port | None, message: RouterAdvertisement, now: int) -> HeardRouter:
        """Read an advertisement that arrived at `now` from a link-local address."""
        told = message.prefixes
        prefixes = frozenset(Prefix.around(option.prefix, option.prefix_length) for option in told if option.on_link)
        addresses = frozenset(option.prefix for option in told if option.router_address)
        lifetime_ns = message.router_lifetime_s * NS_PER_S
        before_ns = min(MAX_RTR_SOLICITATIONS * RTR_SOLICITATION_INTERVAL_NS, lifetime_ns // 2)
        intervals = [o.interval_ms * NS_PER_MS for o in message.options if isinstance(o, AdvertisementInterval)]
        every, ends = (intervals[0] if intervals else None), now + lifetime_ns
        overdue_ns = None if every is None else now + every
        return cls(source, port, prefixes, addresses, ends, ends - before_ns, every, overdue_ns)

    def is_same(self, other: HeardRouter) -> bool:
        """Return whether both are one router: link-local addresses are not globally unique, so what it tells counts."""
        if self.link_local != other.link_local:
            return False
        if self.addresses and other.addresses:
            return bool(self.addresses & other.addresses)
        return self.shares_link(other)

    def shares_link(self, other: HeardRouter) -> bool:
        """Return whether both advertised a prefix in common, or one of them none."""
        return not self.prefixes or not other.prefixes or bool(self.prefixes & other.prefixes)

    def __str__(self) -> str:
        return f"{self.link_local} with {', '.join(sorted(map(str, self.prefixes))) or 'no prefix'}"


Step = tuple[Do, "HeardRouter | None"]
"""An action, and the router that it is about, if any."""


class MovementDetection:
    """The movement of one interface: its `place`, its default `router`, and the `candidate` while that is in doubt."""

    def __init__(self) -> None:
        self.place = Place.SEARCHING
        self.router: HeardRouter | None = None
        self.candidate: HeardRouter | None = None
        self.former: HeardRouter | None = None
        """The router that was left and is still asked."""
        self.others: dict[Address, HeardRouter] = {}
        """Further routers of the same link (with `router` the default router list of RFC 4861 section 5.1)."""
        self._probes = 0
        self._was_asked = False

    @property
    def in_doubt(self) -> HeardRouter | None:
        """The router that is asked whether it is there, or None."""
        return {Place.LEAVING: self.former, Place.DOUBTING: self.router}.get(self.place)

    # --- what happens ------------------------------------------------------------------------------------------------

    def link_changed(self) -> list[Step]:
        """Begin anew: the link layer reports another link, a hint that surely means movement."""
        self._step(Sign.LINK)
        self.router = self.candidate = self.former = None
        self.others = {}
        return [(Do.SOLICIT, None)]

    def heard(self, heard: HeardRouter, now: int) -> list[Step]:
        """Take a router's advertisement."""
        current, is_router = self.router, heard.expires_ns > now
        if current is None:
            return self._found(heard) if is_router else []
        if current.is_same(heard):
            return self._heard_again(current, heard) if is_router else self._ended()
        if self.former is not None and self.former.is_same(heard):
            return self.answered(now)
        if any(heard.shares_link(known) for known in (current, *self.others.values())):
            # Another router of the link, which is no sign of movement.
            self.others.pop(heard.link_local, None)
            if is_router:
                self.others[heard.link_local] = heard
            return []
        return self._stranger(heard, current) if is_router else []

    def doubt(self) -> list[Step]:
        """Ask whether the router is still there: an advertisement is overdue, or the link was down for a while."""
        if self.place is not Place.ATTACHED:
            return []
        self._step(Sign.MISSING)
        self._probes = 1
        return [(Do.PROBE, self.router)]

    def answered(self, now: int) -> list[Step]:
        """Stay: the router in doubt has answered, so it is on one link with the new one."""
        router = self.in_doubt
        self._step(Sign.ANSWERED)
        other = self.former or self.candidate
        if other is not None:
            self.others[other.link_local] = other
        if router is not None and router is self.router and router.interval_ns is not None:
            self.router = replace(router, overdue_ns=now + router.interval_ns)
        self.candidate = self.former = None
        return [(Do.STAYED, router)]

    def unanswered(self) -> list[Step]:
        """Probe again, or give the router up: a second has passed since the last probe."""
        if self._probes < MAX_UNICAST_SOLICIT:
            self._probes += 1
            if self.place is Place.DOUBTING and self.candidate is not None:
                return self._leave(self.candidate)
            ask: list[Step] = [(Do.SOLICIT, None)] if self.place is Place.DOUBTING and self._probes == 2 else []
            return [*ask, (Do.PROBE, self.in_doubt)]
        lost, was_left = self.in_doubt, self.place is Place.LEAVING
        self._step(Sign.GONE)
        self.former = None
        return [(Do.LOST, lost)] if was_left else [(Do.LOST, lost), *self._another()]

    def elapsed(self, now: int) -> list[Step]:
        """Do what is due at `now`; see `due_ns`."""
        router = self.router
        if router is None:
            return []
        if now >= router.expires_ns and self.place is Place.DOUBTING:
            # It is being asked already: what it does not answer says whether its addresses are lost too.
            return [] if self.candidate is None else self._leave(self.candidate)[:1]
        if now >= router.expires_ns:
            return self._ended()
        if router.overdue_ns is not None:
            return self.doubt() if now >= router.overdue_ns else []
        if not self._was_asked and now >= router.ask_ns:
            self._was_asked = True
            return [(Do.SOLICIT, None)]
        return []

    def due_ns(self) -> int | None:
        """Return when to call `elapsed`, in nanoseconds; None where nothing is due."""
        router = self.router
        if router is None or (self.place is Place.DOUBTING and self.candidate is None):
            return None
        if router.overdue_ns is not None:
            return min(router.overdue_ns, router.expires_ns) if self.place is Place.ATTACHED else router.expires_ns
        return router.expires_ns if self._was_asked else router.ask_ns

    # --- what follows ------------------------------------------------------------------------------------------------

    def _step(self, sign: Sign) -> None:
        self.place = TRANSITIONS[self.place, sign]

    def _found(self, router: HeardRouter) -> list[Step]:
        self._step(Sign.ROUTER)
        self.router, self._was_asked = router, False
        self.others.pop(router.link_local, None)
        return [(Do.FOUND, router)]

    def _heard_again(self, current: HeardRouter, heard: HeardRouter) -> list[Step]:
        was_doubting = self.place is Place.DOUBTING
        self._step(Sign.HEARD)
        # What one advertisement leaves out is still true (RFC 4861 section 6.3.4).
        prefixes, addresses = heard.prefixes | current.prefixes, heard.addresses | current.addresses
        self.router, self._was_asked = replace(heard, prefixes=prefixes, addresses=addresses), False
        if was_doubting and self.candidate is not None:
            self.others[self.candidate.link_local], self.candidate = self.candidate, None
        return [(Do.STAYED, self.router)] if was_doubting else []

    def _stranger(self, heard: HeardRouter, current: HeardRouter) -> list[Step]:
        was, lost = self.place, self.former
        self._step(Sign.STRANGER)
        self.candidate, self.former = heard, None
        if was is Place.DOUBTING:
            return self._leave(heard) if self._probes > 1 else []
        self._probes = 1
        return [*([(Do.LOST, lost)] if lost else []), (Do.PROBE, current)]

    def _leave(self, candidate: HeardRouter) -> list[Step]:
        self._step(Sign.SILENT)
        self.router, self.former, self.candidate, self._was_asked = candidate, self.router, None, False
        self.others = {}
        return [(Do.MOVED, candidate), (Do.PROBE, self.former)]

    def _ended(self) -> list[Step]:
        lost, ended = self.former, self.router
        self._step(Sign.ENDED)
        self.former = None
        return [*([(Do.LOST, lost)] if lost else []), (Do.ENDED, ended), *self._another()]

    def _another(self) -> list[Step]:
        """Take another router of the link in place of one that is gone, else ask for one (RFC 4861 section 6.3.6)."""
        self.router, found = None, self.candidate or next(iter(self.others.values()), None)
        self.candidate = None
        return [(Do.SOLICIT, None)] if found is None else self._found(found)
