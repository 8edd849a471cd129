"""The messages of each registration: tests, binding update, acknowledgement (RFC 6275 sections 11.6 to 11.8). Pure:
events and `now` in, steps out.

A registration that is wanted is pursued: its update leaves, or the tokens that the update lacks are asked for
(`_pursue`). `mip6.registrations.return_routability` sends the tests and checks their answers; the tokens let the update
leave (`_tested`, `_update_leaves`). Acknowledgements are judged here (`_acknowledged`). What is wanted of which peer is
the matter of `mip6.registrations.registrations`, which derives from this; `mip6.registrations.registrar` brings the
messages in and sends what leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from mipflow.mip6 import constants
from mipflow.mip6.bindings import binding_update_list
from mipflow.mip6.bindings.binding_cache import is_newer
from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, EntryEvent, State, Unanswered
from mipflow.mip6.bindings.keygen_tokens import RoutabilityTest, TestKey, Token
from mipflow.mip6.constants import MAX_RO_FAILURE, MAX_UPDATE_RATE
from mipflow.mip6.registrations import steps, updates
from mipflow.mip6.registrations.events import Answer, Pair, Timers
from mipflow.mip6.registrations.peer_proofs import PeerProofs
from mipflow.mip6.registrations.return_routability import RoutabilityEvent, RoutabilityProcedure
from mipflow.mip6.registrations.steps import News
from mipflow.mip6.registrations.surroundings import Settings, Surroundings
from mipflow.sim.clock import NS_PER_S
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, CareOfTest, HomeTest, Status

_SEEKING = (State.WAITING, State.FALLBACK, State.DELETING)
"""States in which a correspondent registration may lack tokens."""


class Exchange:
    """Drives the entries of `list`, with the tokens of `tests`. `numbers` and `cookies` are random streams."""

    def __init__(self, node: Surroundings, numbers: Random, cookies: Random, settings: Settings) -> None:
        self._node = node
        self._numbers = numbers
        self.settings = settings
        self.now = 0
        """The time of the event that is being handled, in nanoseconds."""
        self.list = binding_update_list.BindingUpdateList()
        self._procedure = RoutabilityProcedure(cookies, self._waiting)
        self.tests = self._procedure.tests
        self.duplicates: set[Address] = set()
        """Home addresses that another node has: never used again (section 11.7.1)."""
        self.awaits_prefixes = False
        """True after the home agent asked for prefix discovery: no refresh before it is done (section 11.7.1)."""
        self._proofs = PeerProofs()
        self._next: dict[Pair, Address] = {}
        """Pairs that are being de-registered -> care-of address to register when that is done."""
        self._updates_in_turn: dict[Pair, State] = {}
        """Pairs whose update leaves as soon as MAX_UPDATE_RATE allows it -> the state in which it was asked for."""
        self._steps: list[steps.Step] = []
        self._when_due: dict[Timers, Callable[[Any], None]] = {
            Timers.REGISTRATION: self._time_is_up, Timers.TEST: self._test_is_over,
            Timers.UPDATE: lambda pair: self._update_leaves(self.list.get(pair), self._updates_in_turn.pop(pair)),
            Timers.TEST_INIT: lambda key: self._steps.extend(self._procedure.has_its_turn(key, self.now)),
        }  # fmt: skip

    # --- the steps that every event may lead to ----------------------------------------------------------------------

    def _timer(self, entry: BindingUpdateEntry, t_ns: int | None) -> None:
        if t_ns is not None and entry.may_be_held:
            t_ns = min(t_ns, max(entry.expires_ns, self.now + 1))
        self._steps.append(steps.SetTimer((Timers.REGISTRATION, (entry.peer, entry.home_address)), t_ns))

    def _step(self, entry: BindingUpdateEntry, event: EntryEvent, **values: object) -> None:
        self._steps.append(steps.Changed(self.list.step(entry, event, **values)))

    def _decided(self, what: str, why: str) -> None:
        self._steps.append(steps.Decided(what, why))

    def _notify(self, news: News, *about: object) -> None:
        self._steps.append(steps.Notify(news, about))

    def _waits(self, entry: BindingUpdateEntry, what: str) -> None:
        """Say what the update that moves a registration waits for, whenever that is something new."""
        is_move = entry.registered not in (None, entry.care_of_address) and entry.state is not State.DELETING
        if is_move and entry.waits_for != what:
            entry.waits_for = what
            self._decided(steps.WAITS, f"{entry.home_address} at {entry.peer}: {what}")

    def _waits_for_turn(self, entry: BindingUpdateEntry, messages: str) -> None:
        """Say that it waits for MAX_UPDATE_RATE (section 11.8)."""
        self._waits(entry, f"its turn, as {MAX_UPDATE_RATE} {messages} a second may go to {entry.peer}")

    # --- towards the next binding update -----------------------------------------------------------------------------

    def _begin(self, entry: BindingUpdateEntry) -> None:
        """Make an attempt of its own, at a correspondent with its own tests."""
        entry.tests_since_ns = self.now
        entry.attempts = entry.corrections = entry.retry_ns = 0
        if entry.state is State.FALLBACK:
            self._step(entry, EntryEvent.WANT)
        self._pursue(entry)

    def _pursue(self, entry: BindingUpdateEntry) -> None:
        """Send the update, or ask for what it takes: the home registration (section 11.7.2), then tokens, side by side.
        """
        is_ready = self.is_ready(entry)
        missing = self._missing(entry) if is_ready else []
        if is_ready and not missing:
            self._send_update(entry)
            return
        if entry.state not in (State.DELETING, State.FALLBACK):
            self._step(entry, EntryEvent.WANT)
        if not is_ready:
            entry.attempts = 0  # nothing is under way: it goes on when the home agent has answered
            self._waits(entry, "the home agent's acknowledgement, before which it may drop a home test")
        self._timer(entry, entry.expires_ns if entry.may_be_held else None)
        self._lack(entry, missing)
        for key in missing:
            self._steps += self._procedure.ask(key, self.now)
            if key in self._procedure.in_turn:
                self._waits_for_turn(entry, f"{key[0].value} test inits")

    def _lack(self, entry: BindingUpdateEntry, missing: list[TestKey]) -> None:
        for key in missing:
            self._procedure.askers.setdefault(key, {})[entry.peer, entry.home_address] = None

    def _tokens_for(self, entry: BindingUpdateEntry) -> dict[TestKey, Token | None]:
        """Return the tokens that an entry needs, None for one that is missing."""
        not_before = 0 if self.settings.reuse_tokens else entry.tests_since_ns
        return {key: self.tests.token(key, self.now, not_before) for key in self.tests_needed(entry)}

    def _missing(self, entry: BindingUpdateEntry) -> list[TestKey]:
        return [key for key, token in self._tokens_for(entry).items() if token is None]

    def _seeking(self, key: TestKey) -> list[BindingUpdateEntry]:
        """List the registrations that asked for the token of a test and may still need it."""
        entries = [self.list.get(pair) for pair in self._procedure.askers.get(key, ())]
        return [e for e in entries if e is not None and e.state in _SEEKING and key in self.tests_needed(e)]

    def _waiting(self, key: TestKey) -> list[BindingUpdateEntry]:
        """List the registrations that wait for the token of a test just now."""
        return [entry for entry in self._seeking(key) if key in self._missing(entry) and self.is_ready(entry)]

    def _failed(self, entry: BindingUpdateEntry) -> None:
        if entry.state is not State.FALLBACK:
            why = f"{entry.peer} has left {MAX_RO_FAILURE} attempts for {entry.home_address} unanswered"
            self._decided("fallback to the tunnel", why)
        self._step(entry, EntryEvent.FAIL, registered=None, held=entry.registered or entry.held)
        self._notify(News.CHANGED, entry)

    # --- tokens that come and go (sections 5.2.7 and 11.6.2) ---------------------------------------------------------

    def _heard(self, message: Answer, source: Address, destination: Address, through_home: bool) -> None:
        """Judge an answer of a peer by its kind."""
        if isinstance(message, BindingAcknowledgement):
            self._acknowledged(message, self.list.get((source, destination)))
            return
        kind = RoutabilityTest.HOME if isinstance(message, HomeTest) else RoutabilityTest.CARE_OF
        self._tested((kind, source, destination), message, through_home)

    def _tested(self, key: TestKey, message: HomeTest | CareOfTest, through_home: bool) -> None:
        """Take the token of a Home Test or Care-of Test; every update that lacked only this leaves (section 11.6.2)."""
        is_answer, judged = self._procedure.judge(key, message, through_home, self.now)
        self._steps += judged
        if not is_answer:
            return
        self._proofs.proved(key[1], self.now)
        seeking = self._seeking(key)
        self._procedure.askers.pop(key, None)
        for entry in seeking:
            missing = self._missing(entry)
            if not missing:
                self._pursue(entry)
            # A token that has become too old meanwhile is asked for anew: many updates may wait for their turn.
            self._lack(entry, missing)
            for other in missing:
                if not self._procedure.unanswered(other):
                    self._steps += self._procedure.ask(other, self.now)

    def _test_is_over(self, key: TestKey) -> None:
        """End a token that has become too old, or repeat a test init that is not answered: after MAX_RO_FAILURE
        attempts packets take the tunnel, while the attempts go on (section 5.2.9).
        """
        attempts = self._procedure.unanswered(key)
        if not attempts:
            self._steps += self._procedure.end(key, RoutabilityEvent.EXPIRE)
            return
        if self._is_given_up(key[1]):
            return
        for entry in self._waiting(key):
            if attempts >= MAX_RO_FAILURE and entry.state is not State.DELETING:
                self._failed(entry)
            self._waits(entry, f"an answer to its {key[0].value} test init, which is sent again")
        self._steps += self._procedure.repeat(key, self.now)

    def _forget_tokens(self, *keys: TestKey) -> None:
        """Drop tokens that are good no longer, so that they are asked for anew."""
        for key in keys:
            self._steps += self._procedure.end(key, RoutabilityEvent.FORGET)

    # --- binding updates (sections 11.7.1 and 11.7.2) ----------------------------------------------------------------

    def _send_update(self, entry: BindingUpdateEntry) -> None:
        """Send the update of an entry, now or when MAX_UPDATE_RATE lets it leave."""
        pair = (entry.peer, entry.home_address)
        if pair not in self._updates_in_turn:
            at_home = entry.home_address if entry.home_registration else None
            due = self._procedure.rate.reserve(("binding update", entry.peer, at_home), self.now)
            if due == self.now:
                self._update_leaves(entry, entry.state)
                return
            self._updates_in_turn[pair] = entry.state
            self._steps.append(steps.SetTimer((Timers.UPDATE, pair), due))
        self._waits_for_turn(entry, "binding updates")

    def _update_leaves(self, entry: BindingUpdateEntry | None, state: State) -> None:
        """Build and send the binding update, unless something overtook it while it waited for its turn."""
        now = self.now
        if entry is None or now < entry.retry_ns:
            return
        if entry.state is State.BOUND and state is not State.BOUND and entry.registered == entry.care_of_address:
            self._notify(News.CHANGED, entry)  # it was acknowledged while this repetition waited
            return
        if self._missing(entry) or not self.is_ready(entry):
            self._pursue(entry)
            return
        tokens = [token for token in self._tokens_for(entry).values() if token is not None]
        sequence = self.list.next_sequence(entry.peer, self._numbers.getrandbits(16))
        update, key = self.build_update(entry, sequence, tokens)
        entry.attempts += 1
        lifetime_s = update.lifetime_units * LIFETIME_UNIT_S
        sent = Unanswered(sequence, entry.care_of_address, now, lifetime_s, key)
        values = {"sequence": sequence, "sent_ns": now, "lifetime_s": lifetime_s}
        self._step(entry, EntryEvent.UPDATE, **values, unanswered=entry.with_sent(sent), lingers_until_ns=0)
        self._steps.append(steps.SendUpdate(entry, update))
        self._timer(entry, now + entry.timeout_ns())

    # --- what another way to register at correspondents overrides, beside `accepted` and `refused` -------------------

    def takes_home_test(self, peer: Address, home_address: Address) -> bool:
        """True where a registration at a correspondent waits for the home agent: the home test goes through it."""
        return True

    def is_ready(self, entry: BindingUpdateEntry) -> bool:
        """True where an update has no home registration to wait for, as a correspondent's has (section 11.7.2)."""
        return entry.home_registration or self._node.is_home_ready(entry.home_address)

    def tests_needed(self, entry: BindingUpdateEntry) -> list[TestKey]:
        """Name the tests that a correspondent's update takes: home, and care-of but to delete (section 11.6.1)."""
        if entry.home_registration:
            return []
        keys: list[TestKey] = [(RoutabilityTest.HOME, entry.peer, entry.home_address)]
        if entry.state is not State.DELETING:
            keys.append((RoutabilityTest.CARE_OF, entry.peer, entry.care_of_address))
        return keys

    def build_update(self, entry: BindingUpdateEntry, sequence: int, tokens: list[Token]) -> updates.KeyedUpdate:
        """Build the update that an entry needs now; `tokens` are those of `tests_needed`, in its order."""
        home_address, valid_s = entry.home_address, self._node.valid_s
        if entry.home_registration:
            lifetime_s = 0 if entry.state is State.DELETING else valid_s(home_address, self.settings.home_lifetime_s)
            flags = self._node.update_flags(home_address, entry.care_of_address)
            return updates.home_update(entry, sequence, lifetime_s, flags), b""
        lifetime_s = valid_s(home_address, min(self.settings.binding_lifetime_s, self._home_left_s(home_address)))
        return updates.correspondent_update(entry, sequence, lifetime_s, *tokens)

    def _home_left_s(self, home_address: Address) -> int:
        """Return the whole seconds left of the home registration, but at least one unit of lifetimes: a correspondent
        is asked for no more (section 11.7.2).
        """
        entry = self.list.get((self._node.home_agent_of(home_address), home_address))
        return max(0 if entry is None else (entry.expires_ns - self.now) // NS_PER_S, LIFETIME_UNIT_S)

    def is_authentic(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement, update: Unanswered) -> bool:
        """True where a correspondent's acknowledgement proves itself with the key of an update (section 11.7.3)."""
        return updates.is_authentic(answer, entry, update)

    # --- acknowledgements (section 11.7.3) ---------------------------------------------------------------------------

    def _acknowledged(self, answer: BindingAcknowledgement, entry: BindingUpdateEntry | None) -> None:
        """Check a binding acknowledgement, and do what its status says."""
        update = updates.answered_update(entry, answer, self.is_authentic)
        if entry is None or isinstance(update, str):
            self._steps.append(steps.Ignored(str(update)))
        elif answer.status == Status.SEQUENCE_NUMBER_OUT_OF_WINDOW and entry.corrections < MAX_RO_FAILURE:
            self.list.skip_sequence(entry.peer, answer.sequence)
            entry.corrections += 1
            self._send_update(entry)
        elif answer.status < Status.REASON_UNSPECIFIED:
            self.accepted(entry, answer, update)
        else:
            self.refused(entry, answer, update)

    def accepted(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement, update: Unanswered) -> None:
        """Note that the peer holds the binding, or has deleted it, and go on with what was waiting for that."""
        if update.deletes:
            # A home agent says so where it had a binding; a correspondent node also where it had none (9.5.3).
            self._deleted(entry, update, EntryEvent.ACCEPT, is_final=entry.home_registration)
            return
        # A lifetime that is shorter than was asked for counts from the update too (section 11.7.3).
        granted_s = answer.lifetime_units * LIFETIME_UNIT_S
        expires_ns = update.sent_ns + granted_s * NS_PER_S
        later = tuple(one for one in entry.unanswered if is_newer(one.sequence, update.sequence))
        is_overtaken = {one.care_of_address for one in (update, *later)} != {entry.care_of_address}
        if not entry.home_registration:
            self._proofs.proved(entry.peer, self.now, expires_ns)
        values: dict[str, object] = {"registered": update.care_of_address, "held": None, "unanswered": later}
        if entry.state is State.DELETING:
            values["expires_ns"] = max(entry.expires_ns, expires_ns)
            self._step(entry, EntryEvent.OLDER, **values, lingers_until_ns=0)
            entry.attempts = 0
            self._pursue(entry)  # the update that was to delete it may have arrived first
        elif expires_ns <= self.now:
            if not later:
                self._refused_for(entry, update, f"a lifetime of {granted_s} s", constants.HOME_RETRY_NS)
        elif entry.state is State.WAITING or is_overtaken:
            self._step(entry, EntryEvent.OLDER, **values, expires_ns=expires_ns)
            self._notify(News.CHANGED, entry)
            if entry.state is State.WAITING and not entry.home_registration and not self._missing(entry):
                self._pursue(entry)  # the token that was missing may have come with it
        else:
            values |= {"expires_ns": expires_ns, "lifetime_s": granted_s, "sent_ns": update.sent_ns}
            self._bound(entry, answer, values)

    def _bound(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement, values: dict[str, object]) -> None:
        """Note that the peer holds what is wanted; a home registration lets correspondents' go on."""
        advice = answer.option(mobility.BindingRefreshAdvice) if entry.home_registration else None
        refresh_s = 0 if advice is None else advice.interval_units * LIFETIME_UNIT_S
        self._step(entry, EntryEvent.ACCEPT, **values, attempts=0, corrections=0, refresh_s=refresh_s)
        self._timer(entry, entry.refresh_ns())
        if entry.home_registration:
            for waiting in self.list.of_home_address(entry.home_address):
                if waiting.state in _SEEKING and (not waiting.attempts or self._missing(waiting)):
                    self._pursue(waiting)
            if answer.status == Status.ACCEPTED_BUT_PREFIX_DISCOVERY_NECESSARY:
                self.awaits_prefixes = True
                self._notify(News.PREFIXES_WANTED)
        self._notify(News.CHANGED, entry)

    def _deleted(self, entry: BindingUpdateEntry, update: Unanswered, event: EntryEvent, is_final: bool) -> None:
        """End an entry of which a peer has nothing to delete any more, unless an older update that binds is still under
        way: then the peer is asked once more when that is acknowledged, or can arrive no longer.
        """
        if update is not entry.unanswered[-1]:
            entry.unanswered = entry.without(update)
            return
        older = [one for one in entry.unanswered if one.may_bind(self.now)]
        if is_final or not older:
            self._step(entry, event, registered=None, held=None, unanswered=())
            self._forget(entry)
            return
        self._linger(entry, older[-1].sent_ns + constants.MAX_DELETE_BCE_TIMEOUT_NS, older)

    def _linger(
        self, entry: BindingUpdateEntry, until_ns: int, older: Sequence[Unanswered], held: Address | None = None
    ) -> None:
        """Ask the peer to delete once more at `until_ns`; `older` updates may be answered until then. `held`: the
        care-of address that it still has where it refused to delete.
        """
        entry.lingers_until_ns = until_ns
        self._step(entry, EntryEvent.OLDER, registered=None, held=held, unanswered=tuple(older))
        self._timer(entry, until_ns)
        if entry.care_of_address == entry.home_address:  # its home agent lets go of it: it can be used here
            self.released(entry.home_address)
            self._notify(News.CHANGED, entry)

    def refused(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement, update: Unanswered) -> None:
        """Correct what the peer refused where that is possible, else wait and ask again (section 11.7.3)."""
        status, others = answer.status, entry.without(update)
        deletes = entry.state is State.DELETING
        if update is not entry.unanswered[-1] or entry.state is State.WAITING or (deletes and not update.deletes):
            # Something newer is under way, or is wanted: this one alone has come to nothing.
            entry.unanswered = others
            if entry.lingers_until_ns and not entry.held and not any(one.may_bind(self.now) for one in others):
                self._forget(entry)
        elif status in updates.EXPIRED_NONCES and entry.corrections < MAX_RO_FAILURE:
            entry.corrections += 1
            entry.unanswered = others
            for kind in updates.EXPIRED_NONCES[status]:
                self._forget_tokens(*self.tests.of(kind, entry.peer))
            self._pursue(entry)
        elif deletes:
            why = f"{updates.named(status)} for {entry.home_address} at {entry.peer}"
            self._decided("de-registration refused", why)
            if status in updates.NOTHING_HELD:
                self._deleted(entry, update, EntryEvent.REFUSE, is_final=False)
            else:
                entry.corrections = 0
                self._linger(entry, self.now + constants.HOME_RETRY_NS, others, entry.registered or entry.held)
        else:
            self._registration_refused(entry, status, update)
            self._notify(News.REFUSED, entry, status)

    def _registration_refused(self, entry: BindingUpdateEntry, status: int, update: Unanswered) -> None:
        """Give up a home address that another node has; ask again later for any other (section 11.7.3)."""
        if status == Status.DUPLICATE_ADDRESS_DETECTION_FAILED and entry.home_registration:
            self.duplicates.add(entry.home_address)
            why = f"{updates.named(status)} for {entry.home_address} at {entry.peer}: never used again"
            self._decided("registration refused", why)
            self._step(entry, EntryEvent.REFUSE, registered=None, held=None, unanswered=())
            self._forget(entry)
            return
        out_of_window = status == Status.SEQUENCE_NUMBER_OUT_OF_WINDOW
        is_soon = entry.home_registration or out_of_window or status in updates.EXPIRED_NONCES
        wait_ns = constants.HOME_RETRY_NS if is_soon else constants.CORRESPONDENT_RETRY_NS
        # With a number out of its window the peer may have accepted an earlier copy.
        self._refused_for(entry, None if out_of_window else update, updates.named(status), wait_ns)

    def _refused_for(self, entry: BindingUpdateEntry, update: Unanswered | None, why: str, wait_ns: int) -> None:
        """Ask again in `wait_ns` nanoseconds; a binding that the peer holds stays as it is."""
        where = f"{entry.home_address} at {entry.peer}"
        self._decided("registration refused", f"{why} for {where}: tried again in {wait_ns // NS_PER_S} s")
        entry.unanswered = entry.without(update)
        self._refuse(entry, self.now + wait_ns)

    def _refuse(self, entry: BindingUpdateEntry, retry_ns: int, **values: object) -> None:
        """Send no more about an entry before `retry_ns` (sections 11.3.5 and 11.7.3)."""
        self._step(entry, EntryEvent.REFUSE, retry_ns=retry_ns, **values)
        self._timer(entry, retry_ns)
        self._notify(News.CHANGED, entry)

    # --- time passes -------------------------------------------------------------------------------------------------

    def _time_is_up(self, pair: Pair) -> None:
        """Go on where an update is not answered, or a registration is to be refreshed or tried again, or has ended."""
        entry = self.list.get(pair)
        if entry is None:
            return
        if not entry.home_registration and entry.state in updates.ANSWER_DUE and self._is_given_up(entry.peer):
            return
        has_ended = entry.may_be_held and self.now >= entry.expires_ns
        if entry.state is State.DELETING:
            self._delete_again(entry, has_ended)
            return
        if has_ended:
            self._lost(entry)
        if entry.state is State.REFUSED and self.now < entry.retry_ns:
            self._timer(entry, entry.retry_ns)
        elif entry.state is State.BOUND and entry.home_registration and self.awaits_prefixes:
            self._notify(News.PREFIXES_WANTED)
            self._timer(entry, entry.expires_ns)
        elif entry.state in (State.REFUSED, State.BOUND, State.IDLE):
            self.renew(entry)
        elif entry.home_registration or entry.state is not State.WAITING:
            self._update_unanswered(entry)

    def _delete_again(self, entry: BindingUpdateEntry, has_ended: bool) -> None:
        """Ask once more to delete a binding, unless it has ended, or what follows it is worth no long wait."""
        is_succeeded = (entry.peer, entry.home_address) in self._next
        if has_ended or (entry.attempts >= MAX_RO_FAILURE and is_succeeded):
            self._forget(entry)
            return
        if entry.lingers_until_ns:
            entry.attempts, entry.unanswered = 0, ()
        self._pursue(entry)

    def _update_unanswered(self, entry: BindingUpdateEntry) -> None:
        """Send an update again; a correspondent that leaves MAX_RO_FAILURE unanswered is fallen back from."""
        if not entry.home_registration and entry.attempts >= MAX_RO_FAILURE:  # its tokens may be good no longer
            self._failed(entry)
            self._forget_tokens(*self.tests_needed(entry))
        self._waits(entry, "an answer to its binding update, which is sent again")
        self._pursue(entry)
        if entry.home_registration and entry.timeout_ns() == constants.MAX_BINDACK_TIMEOUT_NS:
            self._notify(News.SILENT)

    def _is_given_up(self, peer: Address) -> bool:
        """True for a correspondent whose silence confirms what a binding error said (section 11.3.6)."""
        why = self._proofs.confirmed(peer, self.now)
        if why:
            self.cease(peer, why)
        return bool(why)

    def renew(self, entry: BindingUpdateEntry) -> None:
        """Register anew what is registered, was refused, or was lost."""
        self._begin(entry)

    def _lost(self, entry: BindingUpdateEntry) -> None:
        """Note that the peer holds the binding no longer."""
        self._step(entry, EntryEvent.EXPIRE, registered=None)
        self._notify(News.CHANGED, entry)

    def _forget(self, entry: BindingUpdateEntry) -> None:
        """Take an entry out of the list; what waited for that begins."""
        self._steps.append(steps.SetTimer((Timers.REGISTRATION, (entry.peer, entry.home_address)), None))
        self._steps.append(steps.Changed(self.list.remove(entry)))
        self.ended(entry)
        self._notify(News.CHANGED, entry)

    # --- what the list of wishes does then: see `Registrations` -------------------------------------------------------

    def released(self, home_address: Address) -> None:
        """Go on once a home agent stands in no longer for a home address that is at home."""

    def ended(self, entry: BindingUpdateEntry) -> None:
        """Go on once an entry has been taken out of the list."""
        if not self.list.of_peer(entry.peer):
            self._proofs.forget(entry.peer)

    def cease(self, peer: Address, why: str) -> None:
        """Give up route optimisation with a correspondent that does not know Mobile IPv6 (section 11.3.5)."""
