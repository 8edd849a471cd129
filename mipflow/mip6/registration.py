"""Registering: what a mobile node wants of its home agent and its correspondents (RFC 6275 sections 11.5.5, 11.7).

Takes wishes, such as a binding, a return home, another home agent; `mip6.signalling` carries them out. What peers
report besides their acknowledgements, `PeerReports` hears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mipflow.mip6.binding_update_list import BindingUpdateEntry, Event, State
from mipflow.mip6.constants import CORRESPONDENT_RETRY_NS, MAX_BINDACK_TIMEOUT_NS
from mipflow.mip6.peer_proofs import PeerProofs
from mipflow.mip6.peer_reports import PeerReports
from mipflow.mip6.signalling import Signalling
from mipflow.sim.clock import NS_PER_S
from mipflow.wire.address import UNSPECIFIED

if TYPE_CHECKING:
    from mipflow.mip6.mobile_node import MobileNode
    from mipflow.mip6.return_routability import TestKey
    from mipflow.wire.address import Address
    from mipflow.wire.mobility import BindingAcknowledgement


class Registrar(Signalling):
    """Drives every registration of one mobile node. `reuse_tokens`, `home_lifetime_s`, `binding_lifetime_s`: see
    MobileNode.
    """

    def __init__(self, node: MobileNode, reuse_tokens: bool, home_lifetime_s: int, binding_lifetime_s: int) -> None:
        super().__init__(node, reuse_tokens, home_lifetime_s, binding_lifetime_s)
        self._next: dict[tuple[Address, Address], Address] = {}
        """(peer, home address) that is being de-registered -> care-of address to register when that is done."""
        self._ceased: dict[Address, int] = {}
        """Correspondents without Mobile IPv6 -> until when nothing is sent to them, in nanoseconds."""
        self._proofs = PeerProofs()
        self.reports = PeerReports(node, self)

    def register_home(self, home_address: Address, care_of: Address) -> None:
        """Bind a home address at the home agent (section 11.7.1); not where somebody else has it."""
        if home_address not in self.duplicates:
            home_agent = self._node.home_agent_of(home_address)
            entry = self._wanted(home_agent, home_address, care_of, home_registration=True)
            if home_agent == UNSPECIFIED:
                self._node.address_discovery.discover()
            elif entry is not None:
                self._send_update(entry)

    def register_correspondent(self, peer: Address, home_address: Address, care_of: Address) -> None:
        """Bind a home address at a correspondent node: tests, then the binding update (sections 11.6.1, 11.7.2)."""
        entry = self._wanted(peer, home_address, care_of, home_registration=False)
        if entry is not None and self.has_ceased(peer):
            self.refuse(entry, self._ceased[peer])
        elif entry is not None:
            self._begin(entry)

    def deregister(self, peer: Address, home_address: Address) -> None:
        """Ask a peer to delete its binding; the entry goes when it answers, or when the lifetime ends (section 11.7.2).
        """
        self._next.pop((peer, home_address), None)
        entry = self.list.get(peer, home_address)
        if entry is None or entry.state is State.DELETING:
            return
        if entry.is_unknown_to_peer:
            self._forget(entry)
            return
        self._delete(entry)

    def return_home(self, home_address: Address) -> None:
        """At home again: the home agent is to stand in no longer, then correspondents forget (section 11.5.5).

        The home address must be an address of an interface on the home link by now.
        """
        entry = self._node.home_registration(home_address)
        if entry is not None:
            self._next.pop((entry.peer, home_address), None)
            self._record(self.list.want(entry.peer, home_address, home_address, True))
            self._delete(entry)

    def _delete(self, entry: BindingUpdateEntry) -> None:
        entry.attempts = entry.corrections = entry.retry_ns = 0
        self._step(entry, Event.DELETE, tests_since_ns=self._clock.now, expires_ns=entry.last_ns())
        self._pursue(entry)

    def change_home_agent(self, home_agent: Address) -> None:
        """Register every home address at another home agent, when the one so far has let go of it (section 11.7.1).

        It would still defend the address: the new one's duplicate address detection would fail. One that is silent at
        the slowest rate of retransmissions is not waited for.
        """
        self._node.home_agent = home_agent
        self._node.prefixes.forget()
        for entry in [e for e in self.list if e.home_registration and e.peer != home_agent]:
            former, home_address, care_of = entry.peer, entry.home_address, entry.care_of_address
            if entry.state is State.DELETING:
                continue
            if entry.state is State.UPDATING and entry.timeout_ns() == MAX_BINDACK_TIMEOUT_NS:
                self._forget(entry)
            self.deregister(former, home_address)
            if self.list.get(former, home_address) is None:
                self.register_home(home_address, care_of)
            else:
                self._next[former, home_address] = care_of

    def abandon(self, home_address: Address) -> None:
        """Forget all registrations of a home address that is not valid any more, without a word to the peers."""
        for entry in self.list.of_home_address(home_address):
            entry.registered = None
            self._forget(entry)

    def shorten(self, entry: BindingUpdateEntry, ends_ns: int) -> None:
        """The prefix of a home address is valid no longer than this: no peer may hold a binding longer (11.4.2)."""
        entry.expires_ns = ends_ns
        if entry.home_registration:  # the home agent knows by itself
            self._timer(entry, entry.refresh_ns())
        else:
            self.procedure.forget(*self.tests_needed(entry))
            self.renew(entry)

    def rescue(self, care_of: Address) -> None:
        """What is to be bound where nothing arrives any more goes to `care_of`, or where the mobile node wants it
        instead: at home first, then at correspondents (sections 11.5.4 and 11.7.2).
        """
        lost = [entry for entry in self.list if not self._node.is_reachable(entry.care_of_address)]
        for entry in sorted(lost, key=lambda entry: not entry.home_registration):
            chosen = self._node.care_of_for(entry, care_of)
            if entry.state is State.DELETING:
                self._record(self.list.want(entry.peer, entry.home_address, chosen, entry.home_registration))
            elif entry.home_registration:
                self.register_home(entry.home_address, chosen)
            else:
                self.register_correspondent(entry.peer, entry.home_address, chosen)

    def wake(self, care_of: Address) -> None:
        """An address is reachable again: what waits for an answer there, or for a home test through it, goes on."""
        for entry in self.list:
            is_here = care_of in (entry.care_of_address, self._node.registered_at_home(entry.home_address))
            if is_here and entry.state in (State.WAITING, State.UPDATING, State.FALLBACK, State.DELETING):
                entry.attempts = 0
                self._pursue(entry)

    def prefixes_learned(self) -> None:
        """Mobile prefix discovery has told what home prefixes are valid: home registrations are refreshed again."""
        self.awaits_prefixes = False
        for entry in self.list:
            if entry.home_registration and entry.state is State.BOUND:
                self._timer(entry, entry.refresh_ns())

    def has_ceased(self, peer: Address) -> bool:
        """True for a correspondent that does not know Mobile IPv6, while nothing is tried."""
        return self._clock.now < self._ceased.get(peer, 0)

    def cease(self, peer: Address, why: str) -> None:
        """A correspondent does not know Mobile IPv6: everything takes the tunnel, for a period (section 11.3.5)."""
        if self.has_ceased(peer):
            return
        retry_ns = self._ceased[peer] = self._clock.now + CORRESPONDENT_RETRY_NS
        when = f"tried again in {CORRESPONDENT_RETRY_NS // NS_PER_S} s"
        self._node.decided("no route optimisation", f"{peer}: {why}; {when}")
        for entry in self.list.of_peer(peer):
            if entry.home_registration:
                continue
            if entry.state is State.DELETING:
                self._forget(entry)
            else:
                self.refuse(entry, retry_ns, registered=None, unacknowledged=None)
        self._node.peer_without_mobility(peer)

    # --- do correspondents know Mobile IPv6? (Sections 11.3.5 and 11.3.6) --------------------------------------------

    def doubt(self, peer: Address, why: str) -> bool:
        """A binding error says that a correspondent does not know Mobile IPv6: it is given up if it stays silent.

        False where it has proved the contrary lately.
        """
        return self._proofs.doubt(peer, why, self._clock.now)

    def is_given_up(self, peer: Address) -> bool:
        """True for a correspondent whose silence confirms what a binding error said."""
        why = self._proofs.confirmed(peer, self._clock.now)
        if why:
            self.cease(peer, why)
        return bool(why)

    def token_came(self, key: TestKey) -> None:
        """A test's cookie has come back from the correspondent."""
        self._proofs.proved(key[1], self._clock.now)
        super().token_came(key)

    def accepted(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement) -> None:
        """An acknowledgement of a correspondent proves that it knows Mobile IPv6."""
        super().accepted(entry, answer)
        if not entry.home_registration and entry.state is State.BOUND:
            self._proofs.proved(entry.peer, self._clock.now, entry.expires_ns)

    def is_succeeded(self, entry: BindingUpdateEntry) -> bool:
        """True where another registration waits for the end of an entry."""
        return (entry.peer, entry.home_address) in self._next

    def ended(self, entry: BindingUpdateEntry) -> None:
        """What waited for the end of an entry begins."""
        if not self.list.of_peer(entry.peer):
            self._proofs.forget(entry.peer)
        if entry.home_registration and entry.care_of_address == entry.home_address:
            for other in self.list.of_home_address(entry.home_address):  # at home: correspondents forget (11.7.2)
                self._record(self.list.want(other.peer, other.home_address, other.home_address, False))
                self.deregister(other.peer, other.home_address)
        care_of = self._next.pop((entry.peer, entry.home_address), None)
        if care_of is not None and entry.home_registration:
            self.register_home(entry.home_address, care_of)
        elif care_of is not None:
            self.register_correspondent(entry.peer, entry.home_address, care_of)

    def _wanted(
        self, peer: Address, home_address: Address, care_of: Address, home_registration: bool
    ) -> BindingUpdateEntry | None:
        """The entry that is to be pursued; None while it is being deleted, or refused for this very address."""
        key, entry = (peer, home_address), self.list.get(peer, home_address)
        if entry is not None and entry.state is State.DELETING:
            self._next[key] = care_of
            return None
        if entry is not None and entry.care_of_address == care_of and self._clock.now < entry.retry_ns:
            return None
        self._record(self.list.want(peer, home_address, care_of, home_registration))
        entry = self.list.get(peer, home_address)
        assert entry is not None
        entry.attempts = entry.corrections = entry.retry_ns = 0
        return entry
