"""The signalling of a mobile node: what each registration of its binding update list needs next (RFC 6275 sections 11.6
to 11.8).

The shell around `BindingUpdateList`: it sends binding updates, sets their timers, takes their acknowledgements, and
tells the mobile node. Tokens come from `RoutabilityProcedure`; `mip6.registration` says what is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mipflow.mip6.binding_cache import is_newer
from mipflow.mip6.binding_update_list import BindingUpdateEntry, BindingUpdateList, Event, RateLimit, State
from mipflow.mip6.constants import CORRESPONDENT_RETRY_NS, HOME_RETRY_NS, MAX_BINDACK_TIMEOUT_NS, MAX_RO_FAILURE
from mipflow.mip6.return_routability import RoutabilityTest, TestKey, Token
from mipflow.mip6.routability_procedure import RoutabilityProcedure
from mipflow.mip6.updates import correspondent_update, home_update, is_authentic, is_well_formed, named
from mipflow.sim.clock import NS_PER_S, Timer
from mipflow.wire import mobility
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, BindingRefreshAdvice, BindingUpdate, Status
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet

if TYPE_CHECKING:
    from collections.abc import Callable

    from mipflow.mip6.mobile_node import MobileNode
    from mipflow.node.node import Arrival
    from mipflow.sim.trace import Change
    from mipflow.wire.address import Address

_SEEKING = (State.WAITING, State.FALLBACK, State.DELETING)
"""States in which a correspondent registration may lack tokens."""
ANSWER_DUE = (State.UPDATING, State.FALLBACK, State.DELETING)
"""States in which an update may be without its answer."""


class Signalling:
    """Drives the entries of `list`; `procedure` gets their tokens. Further arguments: see MobileNode."""

    def __init__(self, node: MobileNode, reuse_tokens: bool, home_lifetime_s: int, binding_lifetime_s: int) -> None:
        self._node = node
        self._clock = node.clock
        self.list = BindingUpdateList()
        self.reuse_tokens = reuse_tokens
        self.home_lifetime_s = home_lifetime_s
        self.binding_lifetime_s = binding_lifetime_s
        self.duplicates: set[Address] = set()
        """Home addresses that somebody else has: never used again (section 11.7.1)."""
        self.awaits_prefixes = False
        """The home agent said that prefix discovery is necessary: no refresh before `prefixes_learned` (11.7.1)."""
        self._random = node.network.random(f"{node.name}/registrations")
        self._rate = RateLimit()
        self._timers: dict[tuple[Address, Address], Timer] = {}
        self._lacking: dict[TestKey, dict[tuple[Address, Address], None]] = {}
        """Tests -> (peer, home address) of the registrations that have asked for their token."""
        self.procedure = RoutabilityProcedure(node, self)
        node.handlers[BindingAcknowledgement] = self._acknowledgement

    # --- towards the next binding update -----------------------------------------------------------------------------

    def _begin(self, entry: BindingUpdateEntry) -> None:
        """Make an attempt of its own at a correspondent, with its own tests."""
        entry.tests_since_ns = self._clock.now
        entry.attempts = entry.corrections = 0
        if entry.state is State.FALLBACK:
            self._step(entry, Event.WANT)
        self._pursue(entry)

    def _pursue(self, entry: BindingUpdateEntry) -> None:
        """Send the update, or ask for what it takes: the home registration (section 11.7.2), then tokens, side by side.
        """
        if entry.home_registration:
            self._send_update(entry)
            return
        is_ready = self.is_ready(entry)
        missing = self._missing(entry) if is_ready else []
        if is_ready and not missing:
            self._send_update(entry)
            return
        if entry.state not in (State.DELETING, State.FALLBACK):
            self._step(entry, Event.WANT)
        if not is_ready:
            entry.attempts = 0  # nothing is under way: it goes on when the home agent has answered
        if entry.may_be_held:
            self._timer(entry, entry.expires_ns)
        else:
            self._stop(entry)
        self._lack(entry, missing)
        for key in missing:
            self.procedure.ask(key)

    def _lack(self, entry: BindingUpdateEntry, missing: list[TestKey]) -> None:
        """Remember that an entry waits for tokens: nobody else has to be looked at when one comes."""
        for key in missing:
            self._lacking.setdefault(key, {})[entry.peer, entry.home_address] = None

    def _tokens_for(self, entry: BindingUpdateEntry) -> dict[TestKey, Token | None]:
        """The tokens that an entry needs, None for one that is missing."""
        not_before = 0 if self.reuse_tokens else entry.tests_since_ns
        tests, now = self.procedure.table, self._clock.now
        return {key: tests.token(key, now, not_before) for key in self.tests_needed(entry)}

    def _missing(self, entry: BindingUpdateEntry) -> list[TestKey]:
        return [key for key, token in self._tokens_for(entry).items() if token is None]

    def wants(self, key: TestKey) -> bool:
        """True while a registration waits for the token of a test."""
        is_wanted = any(key in self._missing(entry) and self.is_ready(entry) for entry in self._seeking(key))
        if not is_wanted:
            self._lacking.pop(key, None)
        return is_wanted

    def _seeking(self, key: TestKey) -> list[BindingUpdateEntry]:
        """Registrations that asked for the token of a test and may still need it."""
        entries = [self.list.get(*pair) for pair in self._lacking.get(key, ())]
        return [e for e in entries if e is not None and e.state in _SEEKING and key in self.tests_needed(e)]

    def token_came(self, key: TestKey) -> None:
        """A test has been answered: every update that lacked only this token leaves (section 11.6.2).

        A token that has become too old meanwhile is asked for anew: many updates may wait for their turn.
        """
        seeking = self._seeking(key)
        self._lacking.pop(key, None)
        for entry in seeking:
            missing = self._missing(entry)
            if not missing:
                self._pursue(entry)
            self._lack(entry, missing)
            for other in filter(self.procedure.is_idle, missing):
                self.procedure.ask(other)

    def test_failed(self, key: TestKey) -> None:
        """MAX_RO_FAILURE attempts of a test timed out: the tunnel, while the attempts go on (section 5.2.9)."""
        for entry in self._seeking(key):
            if key in self._missing(entry) and self.is_ready(entry) and entry.state is not State.DELETING:
                self._failed(entry)

    def _failed(self, entry: BindingUpdateEntry) -> None:
        if entry.state is not State.FALLBACK:
            why = f"{entry.peer} has left {MAX_RO_FAILURE} attempts for {entry.home_address} unanswered"
            self._node.decided("fallback to the tunnel", why)
        self._step(entry, Event.FAIL, registered=None, unacknowledged=entry.unacknowledged or entry.registered)
        self._node.registration_changed(entry)

    # --- binding updates (sections 11.7.1 and 11.7.2) ----------------------------------------------------------------

    def _send_update(self, entry: BindingUpdateEntry) -> None:
        if entry.waits_for_its_turn:
            return
        entry.waits_for_its_turn = True
        state, at_home = entry.state, entry.home_address if entry.home_registration else None
        self.when_allowed(("binding update", entry.peer, at_home), lambda: self._update_leaves(entry, state))

    def _update_leaves(self, entry: BindingUpdateEntry, state: State) -> None:
        """Build and send the binding update, unless something overtook it while it waited for its turn."""
        entry.waits_for_its_turn, now = False, self._clock.now
        if self.list.get(entry.peer, entry.home_address) is not entry or now < entry.retry_ns:
            return
        if entry.state is State.BOUND and state is not State.BOUND and entry.is_as_wanted:
            return  # it was acknowledged while this repetition waited
        if not entry.home_registration and (self._missing(entry) or not self.is_ready(entry)):
            self._pursue(entry)
            return
        tokens = [] if entry.home_registration else [t for t in self._tokens_for(entry).values() if t is not None]
        update = self.build_update(entry, self.list.next_sequence(entry.peer, self._random.getrandbits(16)), tokens)
        entry.attempts += 1
        self._step(
            entry, Event.UPDATE,
            sequence=update.sequence, sent_ns=now, lifetime_s=update.lifetime_units * LIFETIME_UNIT_S,
            asked=entry.care_of_address,
            unacknowledged=entry.unacknowledged if entry.is_in_doubt else entry.care_of_address,
        )  # fmt: skip
        # At home the source is the home address itself (section 11.5.5).
        option = DestinationOptions((HomeAddressOption(entry.home_address),))
        extensions = () if entry.care_of_address == entry.home_address else (option,)
        self._node.send_direct(Packet(entry.care_of_address, entry.peer, update, extensions=extensions))
        self._timer(entry, now + entry.timeout_ns())

    # --- what another way to register at correspondents overrides, beside `accepted` and `refused` -------------------

    def takes_home_test(self, peer: Address, home_address: Address) -> bool:
        """True where a registration at a correspondent waits for the home agent: the home test goes through it."""
        return True

    def is_ready(self, entry: BindingUpdateEntry) -> bool:
        """True where the home registration stands that a correspondent's update has to wait for (section 11.7.2)."""
        return self._node.is_home_ready(entry.home_address)

    def tests_needed(self, entry: BindingUpdateEntry) -> list[TestKey]:
        """What a correspondent's update takes: the home test, and the care-of test but to delete (section 11.6.1)."""
        keys: list[TestKey] = [(RoutabilityTest.HOME, entry.peer, entry.home_address)]
        if entry.state is not State.DELETING:
            keys.append((RoutabilityTest.CARE_OF, entry.peer, entry.care_of_address))
        return keys

    def test_init(self, kind: RoutabilityTest, cookie: bytes) -> mobility.HomeTestInit | mobility.CareOfTestInit:
        """The message that begins a test (sections 6.1.3 and 6.1.4)."""
        return mobility.HomeTestInit(cookie) if kind is RoutabilityTest.HOME else mobility.CareOfTestInit(cookie)

    def build_update(self, entry: BindingUpdateEntry, sequence: int, tokens: list[Token]) -> BindingUpdate:
        """The update that an entry needs now; `tokens` are those of `tests_needed`, in its order. Sets `entry.key`."""
        if entry.home_registration:
            interface = self._node.addresses.get(entry.care_of_address)
            link_local = None if interface is None else interface.link_local
            most_s = self._node.prefixes.valid_s(entry.home_address, self.home_lifetime_s)
            lifetime_s = 0 if entry.state is State.DELETING else most_s
            return home_update(entry, sequence, lifetime_s, self._node.keys_survive_movement, link_local)
        # No more is asked of a correspondent than is left of the home registration (section 11.7.2).
        left_s = self.list.left_s(self._node.home_agent_of(entry.home_address), entry.home_address, self._clock.now)
        lifetime_s = self._node.prefixes.valid_s(entry.home_address, min(self.binding_lifetime_s, left_s))
        update, entry.key = correspondent_update(entry, sequence, lifetime_s, *tokens)
        return update

    def is_authentic(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement) -> bool:
        """True where a correspondent's acknowledgement proves itself with the key of the last update (11.7.3)."""
        return is_authentic(answer, entry)

    def is_given_up(self, peer: Address) -> bool:
        """A correspondent has left a message unanswered: True where nothing more is tried, which has been seen to."""
        return False

    # --- acknowledgements (section 11.7.3) ---------------------------------------------------------------------------

    def _acknowledgement(self, arrival: Arrival) -> None:
        """Check a binding acknowledgement, and do what its status says."""
        answer: BindingAcknowledgement = arrival.payload
        entry = self.list.get(arrival.source, arrival.destination)
        why = "binding acknowledgement that nobody waits for" if entry is None else self._fault(entry, answer)
        if entry is None or why:
            self._node.drop(arrival.packet, why)
        elif answer.status == Status.SEQUENCE_NUMBER_OUT_OF_WINDOW and entry.corrections < MAX_RO_FAILURE:
            self.list.skip_sequence(entry.peer, answer.sequence)
            entry.corrections += 1
            self._send_update(entry)
        elif answer.status < Status.REASON_UNSPECIFIED:
            self.accepted(entry, answer)
        else:
            self.refused(entry, answer)

    def _fault(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement) -> str:
        """Why an acknowledgement is to be ignored, in words; nothing where it is valid."""
        if entry.state not in ANSWER_DUE:
            return "binding acknowledgement that nobody waits for"
        out_of_window = answer.status == Status.SEQUENCE_NUMBER_OUT_OF_WINDOW
        is_old = is_newer(entry.sequence, answer.sequence) if out_of_window else answer.sequence != entry.sequence
        if is_old or (entry.state is State.DELETING and entry.lifetime_s):
            return "binding acknowledgement of an older binding update"
        if out_of_window and answer.sequence == entry.sequence:  # its own answer is still to come
            return "binding acknowledgement of a copy of the last binding update"
        needs_proof = not entry.home_registration and answer.status not in _EXPIRED_NONCES  # section 9.5.4
        if not is_well_formed(answer) or (needs_proof and not self.is_authentic(entry, answer)):
            return "binding authorization data is wrong"
        return ""

    def accepted(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement) -> None:
        """The peer holds the binding now, or has deleted it (section 11.7.3)."""
        if entry.state is State.DELETING:
            self._step(entry, Event.ACCEPT, registered=None, unacknowledged=None)
            self._forget(entry)
            return
        # What the peer granted less than was asked for is taken off what is left (section 11.7.3).
        granted_s = answer.lifetime_units * LIFETIME_UNIT_S
        expires_ns = entry.sent_ns + granted_s * NS_PER_S
        if expires_ns <= self._clock.now:
            self._refused_for(entry, f"a lifetime of {granted_s} s", HOME_RETRY_NS)
            return
        advice = answer.option(BindingRefreshAdvice) if entry.home_registration else None
        self._step(
            entry, Event.ACCEPT,
            registered=entry.asked, expires_ns=expires_ns, lifetime_s=granted_s, attempts=0, corrections=0,
            unacknowledged=None, refresh_s=0 if advice is None else advice.interval_units * LIFETIME_UNIT_S,
        )  # fmt: skip
        self._timer(entry, entry.refresh_ns())
        if entry.home_registration:
            for waiting in self.list.of_home_address(entry.home_address):
                if waiting.state in _SEEKING and (not waiting.attempts or self._missing(waiting)):
                    self._pursue(waiting)
            if answer.status == Status.ACCEPTED_BUT_PREFIX_DISCOVERY_NECESSARY:
                self.awaits_prefixes = True
                self._node.prefix_discovery_wanted()
        self._node.registration_changed(entry)

    def refused(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement) -> None:
        """The peer did not do what it was asked for: what can be corrected is, the rest waits (section 11.7.3)."""
        status = answer.status
        if status in _EXPIRED_NONCES and entry.corrections < MAX_RO_FAILURE:
            entry.corrections += 1
            entry.unacknowledged = None
            for kind in _EXPIRED_NONCES[status]:
                self.procedure.forget(*self.procedure.table.of(kind, entry.peer))
            self._pursue(entry)
        elif entry.state is State.DELETING:
            self._node.decided("de-registration refused", f"{named(status)} for {entry.home_address} at {entry.peer}")
            self._step(entry, Event.REFUSE, registered=None, unacknowledged=None)
            self._forget(entry)
        elif status == Status.DUPLICATE_ADDRESS_DETECTION_FAILED and entry.home_registration:
            self.duplicates.add(entry.home_address)
            why = f"{named(status)} for {entry.home_address} at {entry.peer}: never used again"
            self._node.decided("registration refused", why)
            self._step(entry, Event.REFUSE, registered=None, unacknowledged=None)
            self._forget(entry)
            self._node.registration_refused(entry, status)
        else:
            correctable = status in _EXPIRED_NONCES or status == Status.SEQUENCE_NUMBER_OUT_OF_WINDOW
            wait_ns = HOME_RETRY_NS if entry.home_registration or correctable else CORRESPONDENT_RETRY_NS
            doubt = entry.unacknowledged if status == Status.SEQUENCE_NUMBER_OUT_OF_WINDOW else None
            self._refused_for(entry, named(status), wait_ns)
            entry.unacknowledged = doubt  # an earlier copy may have been accepted
            self._node.registration_refused(entry, status)

    def _refused_for(self, entry: BindingUpdateEntry, why: str, wait_ns: int) -> None:
        where = f"{entry.home_address} at {entry.peer}"
        self._node.decided("registration refused", f"{why} for {where}: tried again in {wait_ns // NS_PER_S} s")
        entry.unacknowledged = None  # a binding that it holds stays as it is
        self.refuse(entry, self._clock.now + wait_ns)

    def refuse(self, entry: BindingUpdateEntry, retry_ns: int, **values: object) -> None:
        """Send no more about an entry before `retry_ns` (sections 11.3.5 and 11.7.3)."""
        self._step(entry, Event.REFUSE, retry_ns=retry_ns, **values)
        self._timer(entry, retry_ns)
        self._node.registration_changed(entry)

    # --- time passes -------------------------------------------------------------------------------------------------

    def _timeout(self, entry: BindingUpdateEntry) -> None:
        """What was sent is not answered, or the registration is to be refreshed or tried again, or it has ended."""
        now = self._clock.now
        if not entry.home_registration and entry.state in ANSWER_DUE and self.is_given_up(entry.peer):
            return
        has_ended = entry.may_be_held and now >= entry.expires_ns
        if entry.state is State.DELETING:
            if has_ended or (entry.attempts >= MAX_RO_FAILURE and self.is_succeeded(entry)):
                self._forget(entry)
            else:
                self._pursue(entry)
            return
        if has_ended:
            self.lost(entry)
        if entry.state is State.REFUSED:
            if now < entry.retry_ns:
                self._timer(entry, entry.retry_ns)
            else:
                self.renew(entry)
        elif entry.state in (State.BOUND, State.IDLE):
            self._refresh(entry)
        elif entry.home_registration:
            self._send_update(entry)
            if entry.timeout_ns() == MAX_BINDACK_TIMEOUT_NS:
                self._node.home_agent_silent()
        elif entry.state is not State.WAITING:
            if entry.attempts >= MAX_RO_FAILURE:  # its tokens may be good no longer
                self._failed(entry)
                self.procedure.forget(*self.tests_needed(entry))
            self._pursue(entry)

    def _refresh(self, entry: BindingUpdateEntry) -> None:
        if entry.home_registration and self.awaits_prefixes and entry.registered is not None:
            self._node.prefix_discovery_wanted()
            self._timer(entry, entry.expires_ns)
        else:
            self.renew(entry)

    def renew(self, entry: BindingUpdateEntry) -> None:
        """Register anew what is registered, was refused, or was lost."""
        entry.retry_ns = entry.attempts = 0
        if entry.home_registration:
            self._send_update(entry)
        else:
            self._begin(entry)

    def lost(self, entry: BindingUpdateEntry) -> None:
        """The peer holds the binding no longer."""
        self._step(entry, Event.EXPIRE, registered=None)
        self._node.registration_changed(entry)

    def _forget(self, entry: BindingUpdateEntry) -> None:
        """An entry ends: what waited for that begins."""
        self._timers.pop((entry.peer, entry.home_address), Timer(self._clock, lambda: None)).stop()
        self._record(self.list.remove(entry))
        self.ended(entry)
        self._node.registration_changed(entry)

    def is_succeeded(self, entry: BindingUpdateEntry) -> bool:
        """True where something waits for the end of an entry that is being deleted: that is worth no long wait."""
        return False

    def ended(self, entry: BindingUpdateEntry) -> None:
        """An entry has been taken out of the list."""

    # --- small things ------------------------------------------------------------------------------------------------

    def _timer(self, entry: BindingUpdateEntry, t_ns: int) -> None:
        key = (entry.peer, entry.home_address)
        if entry.may_be_held:
            t_ns = min(t_ns, max(entry.expires_ns, self._clock.now + 1))
        self._timers.setdefault(key, Timer(self._clock, lambda: self._timeout(entry))).set(t_ns)

    def _stop(self, entry: BindingUpdateEntry) -> None:
        if (entry.peer, entry.home_address) in self._timers:
            self._timers[entry.peer, entry.home_address].stop()

    def _step(self, entry: BindingUpdateEntry, event: Event, **values: object) -> None:
        self._record(self.list.step(entry, event, **values))

    def _record(self, changes: list[Change]) -> None:
        self._node.record(changes)
        self._node.forget_roads()

    def when_allowed(self, kind: object, leave: Callable[[], None]) -> None:
        """Do `leave` at once, or as soon as MAX_UPDATE_RATE lets it."""
        due = self._rate.reserve(kind, self._clock.now)
        if due == self._clock.now:
            leave()
        else:
            self._clock.at(due, lambda _: leave())


_EXPIRED_NONCES: dict[int, tuple[RoutabilityTest, ...]] = {
    Status.EXPIRED_HOME_NONCE_INDEX: (RoutabilityTest.HOME,),
    Status.EXPIRED_CARE_OF_NONCE_INDEX: (RoutabilityTest.CARE_OF,),
    Status.EXPIRED_NONCES: (RoutabilityTest.HOME, RoutabilityTest.CARE_OF),
}
