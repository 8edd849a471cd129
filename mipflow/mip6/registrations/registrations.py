"""The registrations that a mobile node wants at its home agent and correspondents (RFC 6275 sections 11.5.5 and 11.7).

`handle(event, now)` gives the steps that follow. Pure: it reads no clock, sends nothing, knows no node. Here stands
what is wanted of each peer, and what ends it; `mip6.registrations.exchange`, from which `Registrations` derives, has
the messages. Events stand in `mip6.registrations.events`, steps in `mip6.registrations.steps`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, EntryEvent, RateLimit, State
from mipflow.mip6.constants import CORRESPONDENT_RETRY_NS, MAX_BINDACK_TIMEOUT_NS
from mipflow.mip6.registrations import events, steps
from mipflow.mip6.registrations.exchange import Exchange
from mipflow.mip6.registrations.steps import News
from mipflow.mip6.registrations.surroundings import Settings, Surroundings
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.address import UNSPECIFIED, Address


class Registrations(Exchange):
    """The machine of all registrations of one mobile node."""

    def __init__(self, node: Surroundings, numbers: Random, cookies: Random, settings: Settings) -> None:
        super().__init__(node, numbers, cookies, settings)
        self._ceased: dict[Address, int] = {}
        """Correspondents without Mobile IPv6 -> until when nothing is sent to them, in nanoseconds."""
        self._unproved = RateLimit(1)
        """The limit of renewals that an unproved message asks for: a third of MAX_UPDATE_RATE, the rest is ours."""
        self._handlers: dict[type, Callable[..., None]] = {
            events.Want: self._want, events.Unwant: self._deregister, events.AtHome: self._at_home,
            events.HomeAgentChanged: self._home_agent_changed, events.Heard: self._heard,
            events.Due: lambda timer: self._when_due[timer[0]](timer[1]), events.Reachable: self._reachable,
            events.Lost: self._rescue, events.Gone: self._gone, events.Stale: self._stale,
            events.Shortened: self._shortened, events.Ceased: self.cease, events.Doubted: self._doubt,
            events.Abandoned: self._abandon, events.PrefixesLearned: self._prefixes_learned,
        }  # fmt: skip

    def handle(self, event: events.RegistrationEvent, now: int) -> list[steps.Step]:
        """Take an event at `now` nanoseconds; return what is to be done, in order."""
        self.now = now
        self._handlers[type(event)](*event)
        due, self._steps = self._steps, []
        return due

    def has_ceased(self, peer: Address, now: int) -> bool:
        """True for a correspondent that does not know Mobile IPv6, while nothing is tried."""
        return now < self._ceased.get(peer, 0)

    # --- what is wanted ----------------------------------------------------------------------------------------------

    def _want(self, home_address: Address, care_of: Address, correspondent: Address | None = None) -> None:
        """Bind a home address at the home agent, if nobody else has it (section 11.7.1), or at the correspondent that
        is named: tests, then the binding update (sections 11.6.1 and 11.7.2).
        """
        is_home = correspondent is None
        if is_home and home_address in self.duplicates:
            return
        peer = correspondent or self._node.home_agent_of(home_address)
        entry = self._wanted(peer, home_address, care_of, is_home)
        if peer == UNSPECIFIED:
            self._notify(News.NO_HOME_AGENT)
        elif entry is not None and not is_home and self.has_ceased(peer, self.now):
            self._refuse(entry, self._ceased[peer])
        elif entry is not None:
            self._begin(entry)

    def _wanted(
        self, peer: Address, home_address: Address, care_of: Address, home_registration: bool
    ) -> BindingUpdateEntry | None:
        """Return the entry to pursue, or None while it is being deleted, or refused for this very address."""
        key, entry = (peer, home_address), self.list.get((peer, home_address))
        if entry is not None and entry.state is State.DELETING and not entry.lingers_until_ns:
            self._next[key] = care_of
            return None
        if entry is not None and entry.lingers_until_ns:  # a new update has a higher number than the one awaited
            entry.lingers_until_ns = 0
            self._step(entry, EntryEvent.WANT)
        if entry is not None and entry.care_of_address == care_of and self.now < entry.retry_ns:
            return None
        self._enter(peer, home_address, care_of, home_registration)
        entry = self.list.get((peer, home_address))
        assert entry is not None
        entry.waits_for = ""
        return entry

    def _enter(self, peer: Address, home_address: Address, care_of: Address, home_registration: bool) -> None:
        self._steps.append(steps.Changed(self.list.want(peer, home_address, care_of, home_registration)))

    def _deregister(self, peer: Address, home_address: Address) -> None:
        """Ask a peer to delete its binding; the entry goes when it answers, or when the lifetime ends (section 11.7.2).
        """
        self._next.pop((peer, home_address), None)
        entry = self.list.get((peer, home_address))
        if entry is not None and entry.state is not State.DELETING:
            (self._forget if entry.is_unknown_to_peer else self._delete)(entry)

    def _delete(self, entry: BindingUpdateEntry) -> None:
        entry.attempts = entry.corrections = entry.retry_ns = 0
        self._step(entry, EntryEvent.DELETE, tests_since_ns=self.now, expires_ns=entry.last_ns())
        self._pursue(entry)

    # --- home and home agents ----------------------------------------------------------------------------------------

    def _at_home(self, home_address: Address) -> None:
        """De-register at the home agent, which stands in no longer, then at correspondents (section 11.5.5)."""
        entry = self.list.get((self._node.home_agent_of(home_address), home_address))
        if entry is None:
            self.released(home_address)
            return
        self._next.pop((entry.peer, home_address), None)
        self._enter(entry.peer, home_address, home_address, True)
        (self._delete if entry.may_last(self.now) else self._forget)(entry)

    def _home_agent_changed(self, home_agent: Address) -> None:
        """Register every home address at another home agent, when the one so far has let go of it (section 11.7.1).

        Until then it would defend the address, and the new one's duplicate address detection would fail. A home agent
        that is silent at the slowest rate of retransmissions is not waited for.
        """
        for entry in [e for e in self.list if e.home_registration and e.peer != home_agent]:
            former, home_address, care_of = entry.peer, entry.home_address, entry.care_of_address
            if entry.state is State.DELETING:
                continue
            if entry.state is State.UPDATING and entry.timeout_ns() == MAX_BINDACK_TIMEOUT_NS:
                self._forget(entry)
            self._deregister(former, home_address)
            if self.list.get((former, home_address)) is None:
                self._want(home_address, care_of)
            else:
                self._next[former, home_address] = care_of

    def _abandon(self, home_address: Address) -> None:
        """Forget all registrations of a home address without a word to anybody."""
        for entry in self.list.of_home_address(home_address):
            entry.registered = None
            self._forget(entry)

    def _shortened(self, entry: BindingUpdateEntry, ends_ns: int) -> None:
        """Have a peer hold a binding no longer than its home address is valid (section 11.4.2)."""
        entry.expires_ns = ends_ns
        if entry.home_registration:  # the home agent knows by itself
            self._timer(entry, entry.refresh_ns())
        else:
            self._forget_tokens(*self.tests_needed(entry))
            self.renew(entry)

    def _prefixes_learned(self) -> None:
        """Refresh home registrations again."""
        self.awaits_prefixes = False
        for entry in self.list:
            if entry.home_registration and entry.state is State.BOUND:
                self._timer(entry, entry.refresh_ns())

    # --- care-of addresses that come and go --------------------------------------------------------------------------

    def _rescue(self, care_of: Address) -> None:
        """Move every registration whose care-of address is out of reach: at home first, then at correspondents
        (sections 11.5.4 and 11.7.2).
        """
        lost = [entry for entry in self.list if not self._node.is_reachable(entry.care_of_address)]
        for entry in sorted(lost, key=lambda entry: not entry.home_registration):
            chosen = self._node.care_of_for(entry, care_of)
            if entry.state is State.DELETING:
                self._enter(entry.peer, entry.home_address, chosen, entry.home_registration)
            else:
                self._want(entry.home_address, chosen, None if entry.home_registration else entry.peer)

    def _reachable(self, care_of: Address) -> None:
        """Pursue the registrations that wait for an answer at this care-of address, or for a home test through it."""
        for entry in self.list:
            at_home = self.list.get((self._node.home_agent_of(entry.home_address), entry.home_address))
            registered = None if at_home is None else at_home.registered
            is_here = care_of in (entry.care_of_address, registered)
            if is_here and entry.state in (State.WAITING, State.UPDATING, State.FALLBACK, State.DELETING):
                entry.attempts = 0
                self._pursue(entry)

    # --- what peers say ----------------------------------------------------------------------------------------------

    def _gone(self, entry: BindingUpdateEntry) -> None:
        """Register anew what a peer holds no longer; at most once a second, since anybody can say so."""
        self._lost(entry)
        if entry.state is State.IDLE:
            due_ns = self._unproved.reserve(entry.peer, self.now)
            if due_ns == self.now:
                self.renew(entry)
            else:
                self._timer(entry, due_ns)

    def _stale(self, entry: BindingUpdateEntry, with_tests: bool) -> None:
        """Register anew because a peer asked for it, with fresh tokens if it has to; at most once a second then."""
        if with_tests:
            if self._unproved.due(entry.peer, self.now) > self.now:
                why = "binding refresh request too soon after another one, or a binding error"
                self._steps.append(steps.Ignored(why))
                return
            self._unproved.reserve(entry.peer, self.now)
            self._forget_tokens(*self.tests_needed(entry))
        self.renew(entry)

    def _doubt(self, peer: Address, why: str) -> None:
        """Give a peer up if it stays silent; ignore the error where the peer has proved the contrary lately."""
        if not self._proofs.doubt(peer, why, self.now):
            self._steps.append(steps.Ignored("binding error of a peer that has answered lately"))

    def cease(self, peer: Address, why: str) -> None:
        """Have everything towards a correspondent take the tunnel for a period (section 11.3.5)."""
        if self.has_ceased(peer, self.now):
            return
        retry_ns = self._ceased[peer] = self.now + CORRESPONDENT_RETRY_NS
        when = f"tried again in {CORRESPONDENT_RETRY_NS // NS_PER_S} s"
        self._decided("no route optimisation", f"{peer}: {why}; {when}")
        for entry in [each for each in self.list.of_peer(peer) if not each.home_registration]:
            if entry.state is State.DELETING:
                self._forget(entry)
            else:
                self._refuse(entry, retry_ns, registered=None, held=None, unanswered=())
        self._notify(News.WITHOUT_MOBILITY, peer)

    # --- the end of an entry -----------------------------------------------------------------------------------------

    def released(self, home_address: Address) -> None:
        """De-register a home address at correspondents, now that the home agent lets go of it (section 11.7.2)."""
        for other in self.list.of_home_address(home_address):
            if not other.home_registration:
                self._enter(other.peer, other.home_address, other.home_address, False)
                if other.state is State.DELETING:
                    self._pursue(other)  # it may have waited for this
                self._deregister(other.peer, home_address)

    def ended(self, entry: BindingUpdateEntry) -> None:
        """Begin what waited for the end of an entry."""
        super().ended(entry)
        if entry.home_registration and entry.care_of_address == entry.home_address:
            self.released(entry.home_address)
        care_of = self._next.pop((entry.peer, entry.home_address), None)
        if care_of is not None:
            self._want(entry.home_address, care_of, None if entry.home_registration else entry.peer)
