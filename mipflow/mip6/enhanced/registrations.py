"""The registrations of a mobile node with enhanced route optimisation (RFC 4866).

The key that made the home address proves the first update at a correspondent node, whose answer brings a permanent
token. From then on an early update leaves as soon as the node has moved, and a complete one when the care-of address
has been tested. With a correspondent node that does not know RFC 4866 all goes as in RFC 6275.
"""

from __future__ import annotations

from random import Random

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, EntryEvent, State, Unanswered
from mipflow.mip6.bindings.keygen_tokens import RoutabilityTest, TestKey, Token
from mipflow.mip6.constants import MAX_RO_FAILURE, MAX_TOKEN_LIFETIME_NS, MAX_UPDATE_RATE
from mipflow.mip6.enhanced.cga import AddressOwner
from mipflow.mip6.enhanced.enhanced import MAX_CGA_BINDING_LIFETIME_S, TOKEN_OF_OPTION, enhanced_update
from mipflow.mip6.registrations.events import Pair
from mipflow.mip6.registrations.registrations import Registrations
from mipflow.mip6.registrations.surroundings import Settings, Surroundings
from mipflow.mip6.registrations.updates import KeyedUpdate
from mipflow.sim.clock import NS_PER_S
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingAcknowledgement, Status

MAX_PERMANENT_TOKEN_LIFETIME_NS = 0x10000 // MAX_UPDATE_RATE * NS_PER_S
"""At MAX_UPDATE_RATE all sequence numbers are used once in six hours; none may come twice under one permanent token
(section 4.9).
"""
_UNPROVED = (Status.PERMANENT_HOME_KEYGEN_TOKEN_UNAVAILABLE, Status.NON_NULL_HOME_NONCE_INDEX_EXPECTED)
"""Refusals that no key can prove (section 5.7)."""
_CORRECTABLE = (*_UNPROVED, Status.PERMANENT_HOME_KEYGEN_TOKEN_EXISTS, Status.CGA_AND_SIGNATURE_VERIFICATION_FAILED)


class EnhancedRegistrations(Registrations):
    """The machine of registrations of home addresses that `owner` has generated and can prove."""

    def __init__(
        self, node: Surroundings, numbers: Random, cookies: Random, settings: Settings, *, owner: AddressOwner
    ) -> None:
        super().__init__(node, numbers, cookies, settings)
        self.owner = owner
        self.permanent: dict[Pair, Token] = {}
        """(peer, home address) -> permanent home keygen token, with index zero."""
        self._given: dict[Pair, tuple[Address, Token]] = {}
        """(peer, home address) -> care-of address of an early update, and the token that its answer brought for it."""
        self._renewing: set[Pair] = set()
        """Pairs whose permanent token is being renewed, and not used meanwhile."""
        self._proved: set[tuple[Pair, int]] = set()
        """The pairs and sequence numbers of updates that had a proof and may still be answered."""
        self.unable: set[Address] = set()
        """Peers that only know RFC 6275, or cannot verify our proofs."""

    # --- what an update takes (section 4.1) --------------------------------------------------------------------------

    def _permanent(self, entry: BindingUpdateEntry) -> Token | None:
        """Return the permanent token, or None: it ends with the binding (section 4.1), or without answers (section
        4.4)."""
        key = (entry.peer, entry.home_address)
        token = None if entry.registered is None else self.permanent.get(key)
        is_old = token is not None and self.now - token.received_ns >= MAX_PERMANENT_TOKEN_LIFETIME_NS
        return None if is_old or key in self._renewing or entry.attempts >= MAX_RO_FAILURE else token

    def takes_home_test(self, peer: Address, home_address: Address) -> bool:
        """True unless there is a permanent token."""
        return (peer, home_address) not in self.permanent

    def is_ready(self, entry: BindingUpdateEntry) -> bool:
        """True also where no home test is needed: then both registrations go side by side (sections 3.7 and 4.1)."""
        at_home = self.list.get((self._node.home_agent_of(entry.home_address), entry.home_address))
        is_registered = at_home is not None and at_home.registered is not None
        return (is_registered and self._permanent(entry) is not None) or super().is_ready(entry)

    def tests_needed(self, entry: BindingUpdateEntry) -> list[TestKey]:
        """Name no test where there is a permanent token: the care-of test may follow."""
        return super().tests_needed(entry) if self._permanent(entry) is None else []

    def _care_of_token(self, entry: BindingUpdateEntry) -> Token | None:
        """Return the care-of token that came in an option or a Care-of Test, or None; one that came is used (section
        4.1).
        """
        now, peer, care_of = self.now, entry.peer, entry.care_of_address
        given = self._given.get((peer, entry.home_address))
        if given is not None and given[0] == care_of and now - given[1].received_ns < MAX_TOKEN_LIFETIME_NS:
            return given[1]
        not_before = 0 if self.settings.reuse_tokens else entry.tests_since_ns
        return self.tests.token((RoutabilityTest.CARE_OF, peer, care_of), now, not_before)

    def build_update(self, entry: BindingUpdateEntry, sequence: int, tokens: list[Token]) -> KeyedUpdate:
        """Build an update proved by the permanent token, early or complete; by key and home test; or as in RFC 6275."""
        key, permanent = (entry.peer, entry.home_address), self._permanent(entry)
        deletes = entry.state is State.DELETING
        may_prove = entry.home_address in self.owner.parameters and entry.peer not in self.unable
        proves = permanent is None and may_prove and not entry.home_registration
        if permanent is None and not proves:
            return super().build_update(entry, sequence, tokens)
        # It is no longer than is left of the home registration (section 4.4).
        lifetime_s = 0 if deletes else min(MAX_CGA_BINDING_LIFETIME_S, self._home_left_s(entry.home_address))
        care_of = self._care_of_token(entry)
        if proves:
            self._proved.add((key, sequence))
        home, owner = permanent or tokens[0], self.owner if proves else None
        return enhanced_update(entry, sequence, lifetime_s, home, care_of, owner)

    def _want(self, home_address: Address, care_of: Address, correspondent: Address | None = None) -> None:
        """Bind at once where there is a permanent token, also while it is being renewed."""
        if correspondent is not None:
            self._renewing.discard((correspondent, home_address))
        super()._want(home_address, care_of, correspondent)

    def renew(self, entry: BindingUpdateEntry) -> None:
        """Renew the permanent token with a binding, before both end (section 4.5)."""
        self._renewing.add((entry.peer, entry.home_address))
        super().renew(entry)

    # --- what follows from an acknowledgement (sections 4.4 and 4.8) -------------------------------------------------

    def is_authentic(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement, update: Unanswered) -> bool:
        """True as in RFC 6275, and for two refusals that cannot be proved."""
        return answer.status in _UNPROVED or super().is_authentic(entry, answer, update)

    def accepted(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement, update: Unanswered) -> None:
        """Keep the tokens that came with an acknowledgement, and send the complete update behind an early one."""
        key, now = (entry.peer, entry.home_address), self.now
        hidden, care_of = answer.option(mobility.PermanentHomeKeygenToken), answer.option(mobility.CareOfTestOption)
        token = None if hidden is None else self.owner.key.decrypt(hidden.data)
        was_proved = (key, update.sequence) in self._proved
        if was_proved and token is not None:
            self.permanent[key] = Token(0, token, now)
            self._renewing.discard(key)
        elif was_proved and not update.deletes:
            self._decided("no enhanced route optimisation", f"{entry.peer} gave no permanent home keygen token")
            self.unable.add(entry.peer)
        self._proved.discard((key, update.sequence))
        self._given.pop(key, None)
        super().accepted(entry, answer, update)
        if care_of is not None and entry.state is State.BOUND and key in self.permanent:
            self._given[key] = (entry.care_of_address, Token(TOKEN_OF_OPTION, care_of.data, now))
            self._step(entry, EntryEvent.WANT)
            self._send_update(entry)

    def refused(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement, update: Unanswered) -> None:
        """Use the key where the peer has lost the permanent token, and tests alone where it cannot verify the key."""
        status, key = answer.status, (entry.peer, entry.home_address)
        is_last = update is entry.unanswered[-1]
        self._proved.discard((key, update.sequence))
        if not is_last or status not in _CORRECTABLE or entry.corrections >= MAX_RO_FAILURE:
            super().refused(entry, answer, update)
            return
        self._given.pop(key, None)
        entry.corrections += 1
        self.permanent.pop(key, None)
        if status == Status.PERMANENT_HOME_KEYGEN_TOKEN_EXISTS:
            self.unable.discard(entry.peer)
        elif status == Status.CGA_AND_SIGNATURE_VERIFICATION_FAILED and entry.corrections == MAX_RO_FAILURE:
            self.unable.add(entry.peer)
        entry.unanswered = entry.unanswered[:-1]
        self._pursue(entry)

    def ended(self, entry: BindingUpdateEntry) -> None:
        """Forget tokens and proofs with the entry."""
        key = (entry.peer, entry.home_address)
        self.permanent.pop(key, None)
        self._renewing.discard(key)
        self._proved = {one for one in self._proved if one[0] != key}
        self._given.pop(key, None)
        if not self.list.of_peer(entry.peer):
            self.unable.discard(entry.peer)
        super().ended(entry)
