"""Registering: home registrations, return routability and correspondent registrations of one mobile node (RFC 6275
11.6, 11.7).

The shell around `BindingUpdateList` and `Tokens`: it sends their messages, sets their timers, and tells the mobile
node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mipflow.mip6.binding_cache import is_newer
from mipflow.mip6.binding_update_list import BindingUpdateEntry, BindingUpdateList, Event, RateLimit, State
from mipflow.mip6.constants import INITIAL_BINDACK_TIMEOUT_NS
from mipflow.mip6.return_routability import RoutabilityTest, TestKey, Token, Tokens
from mipflow.mip6.updates import correspondent_update, home_update, is_authentic
from mipflow.sim.clock import NS_PER_S, Timer
from mipflow.wire import mobility
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, BindingUpdate, CareOfTest, HomeTest, Status
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet

if TYPE_CHECKING:
    from collections.abc import Callable

    from mipflow.mip6.mobile_node import MobileNode
    from mipflow.node.node import Arrival
    from mipflow.sim.trace import Change
    from mipflow.wire.address import Address

MAX_DELETE_ATTEMPTS = 3
"""De-registrations that go unanswered this often are left to expire."""


class Registrar:
    """Drives every registration of one mobile node. `reuse_tokens`, `home_lifetime_s`, `binding_lifetime_s`: see
    MobileNode.
    """

    def __init__(self, node: MobileNode, reuse_tokens: bool, home_lifetime_s: int, binding_lifetime_s: int) -> None:
        self._node = node
        self._clock = node.clock
        self.list = BindingUpdateList()
        self.tokens = Tokens()
        self.reuse_tokens = reuse_tokens
        self.home_lifetime_s = home_lifetime_s
        self.binding_lifetime_s = binding_lifetime_s
        self._random = node.network.random(f"{node.name}/registrations")
        self._rate = RateLimit()
        self._timers: dict[tuple[Address, Address], Timer] = {}
        node.handlers[BindingAcknowledgement] = self._acknowledgement
        node.handlers[HomeTest] = node.handlers[CareOfTest] = self._test_answered
        node.handlers[mobility.BindingError] = self._binding_error

    # --- what can be asked for ---------------------------------------------------------------------------------------

    def register_home(self, home_address: Address, care_of: Address) -> None:
        """Bind a home address at the home agent (section 11.7.1)."""
        entry = self._wanted(self._node.home_agent, home_address, care_of, home_registration=True)
        entry.attempts = 0
        self._send_update(entry)

    def register_correspondent(self, peer: Address, home_address: Address, care_of: Address) -> None:
        """Bind a home address at a correspondent node: tests, then the binding update (sections 11.6.1, 11.7.2)."""
        self._begin(self._wanted(peer, home_address, care_of, home_registration=False))

    def deregister(self, peer: Address, home_address: Address) -> None:
        """Ask a peer to delete its binding; the entry goes when it answers, or when it does not (section 11.7)."""
        entry = self.list.get(peer, home_address)
        if entry is None or entry.state is State.DELETING:
            return
        if entry.state in (State.IDLE, State.WAITING):
            self._forget(entry)
            return
        self._step(entry, Event.DELETE, attempts=0, tests_since_ns=self._clock.now)
        if entry.home_registration:
            self._send_update(entry)
        else:
            self._test(entry)

    # --- return routability (section 11.6) ---------------------------------------------------------------------------

    def _begin(self, entry: BindingUpdateEntry) -> None:
        """Make an attempt of its own, with its own tests."""
        entry.tests_since_ns = self._clock.now
        entry.attempts = 0
        self._test(entry)

    def _test(self, entry: BindingUpdateEntry) -> None:
        """Ask for the tokens that are missing, side by side; send the update when none is."""
        if not entry.home_registration and self._node.registered_at_home(entry.home_address) is None:
            if entry.state is State.DELETING:  # no way to a home token: the peer's binding will expire
                self._forget(entry)
                return
            self._step(entry, Event.WAIT)
            if entry.registered is not None:
                self._timer(entry, entry.expires_ns)
            return
        self._step(entry, Event.TEST)
        missing = [key for key, token in self._tokens_for(entry).items() if token is None]
        if not missing:
            self._send_update(entry)
            return
        entry.attempts += 1
        again = entry.attempts > 1
        self._timer(entry, max(self._begin_test(key, again) for key in missing) + entry.timeout_ns())

    def _tokens_for(self, entry: BindingUpdateEntry) -> dict[TestKey, Token | None]:
        """The tokens that an entry needs, None for one that is missing."""
        not_before = 0 if self.reuse_tokens else entry.tests_since_ns
        return {key: self.tokens.token(key, self._clock.now, not_before) for key in self.tests_needed(entry)}

    def _begin_test(self, key: TestKey, again: bool) -> int:
        """Send a test init, unless one for the same token is under way already (section 5.2.7) and is not to be
        repeated.

        Gives the time at which it leaves.
        """
        left_ns = self.tokens.left_ns(key)
        if left_ns is not None and not again and self._clock.now - left_ns < INITIAL_BINDACK_TIMEOUT_NS:
            return left_ns
        kind, peer, address = key
        cookie = self._random.randbytes(8)
        is_home = kind is RoutabilityTest.HOME
        message = self.test_init(kind, cookie)

        def leave() -> None:
            road = self._node.home_test_road(address) if is_home else None
            self._node.send_direct(Packet(address, peer, message), road)

        due = self._when_allowed((kind, peer), leave)
        self.tokens.begin(key, cookie, due)
        return due

    def _test_answered(self, arrival: Arrival) -> None:
        message = arrival.packet.payload
        assert isinstance(message, HomeTest | CareOfTest)
        kind = RoutabilityTest.HOME if isinstance(message, HomeTest) else RoutabilityTest.CARE_OF
        if kind is RoutabilityTest.HOME and arrival.tunnel is None:
            self._node.drop(arrival.packet, "home test that did not come through the home agent")
            return
        if not self.tokens.receive((kind, arrival.source, arrival.destination), message, self._clock.now):
            self._node.drop(arrival.packet, f"{kind.value} test with a cookie that was not sent")
            return
        for entry in self.list.of_peer(arrival.source):
            testing = entry.state is State.TESTING or (entry.state is State.DELETING and not entry.home_registration)
            concerned = testing and arrival.destination in (entry.home_address, entry.care_of_address)
            if concerned and None not in self._tokens_for(entry).values():
                entry.attempts = 0
                self._send_update(entry)

    # --- binding updates (section 11.7) ------------------------------------------------------------------------------

    def _send_update(self, entry: BindingUpdateEntry) -> None:
        if entry.waits_for_its_turn:
            return
        entry.waits_for_its_turn = True
        kind = ("binding update", entry.peer, entry.home_address if entry.home_registration else None)
        self._when_allowed(kind, lambda: self._update_leaves(entry))

    def _update_leaves(self, entry: BindingUpdateEntry) -> None:
        """Build and send the binding update, unless something overtook it while it waited for its turn."""
        entry.waits_for_its_turn = False
        if self.list.get(entry.peer, entry.home_address) is not entry or entry.state is State.WAITING:
            return
        if entry.state is State.BOUND and entry.is_as_wanted and self._clock.now < entry.refresh_ns():
            return  # it was acknowledged while this repetition waited
        update = self._made(entry)
        if update is None:
            self._test(entry)
            return
        entry.attempts += 1
        self._step(
            entry, Event.UPDATE,
            sequence=update.sequence, sent_ns=self._clock.now, lifetime_s=update.lifetime_units * LIFETIME_UNIT_S,
            unacknowledged=entry.unacknowledged if entry.is_in_doubt else entry.care_of_address,
        )  # fmt: skip
        option = DestinationOptions((HomeAddressOption(entry.home_address),))
        self._node.send_direct(Packet(entry.care_of_address, entry.peer, update, extensions=(option,)))
        self._timer(entry, self._clock.now + entry.timeout_ns())

    def _made(self, entry: BindingUpdateEntry) -> BindingUpdate | None:
        """The update that an entry needs now; None where a token for it is missing."""
        needed = {} if entry.home_registration else self._tokens_for(entry)
        tokens = [token for token in needed.values() if token is not None]
        if len(tokens) < len(needed):
            return None
        return self.build_update(entry, self.list.next_sequence(entry.peer, self._random.getrandbits(16)), tokens)

    # --- acknowledgements (section 11.7.3) ---------------------------------------------------------------------------

    def _acknowledgement(self, arrival: Arrival) -> None:
        answer = arrival.packet.payload
        assert isinstance(answer, BindingAcknowledgement)
        entry = self.list.get(arrival.source, arrival.destination)
        if entry is None or entry.state not in (State.UPDATING, State.DELETING):
            self._node.drop(arrival.packet, "binding acknowledgement that nobody waits for")
            return
        out_of_window = answer.status == Status.SEQUENCE_NUMBER_OUT_OF_WINDOW
        is_old = is_newer(entry.sequence, answer.sequence) if out_of_window else answer.sequence != entry.sequence
        if is_old or (entry.state is State.DELETING and entry.lifetime_s):
            self._node.drop(arrival.packet, "binding acknowledgement of an older binding update")
            return
        needs_proof = not entry.home_registration and answer.status not in _EXPIRED_NONCES  # section 9.5.4
        if needs_proof and not self.is_authentic(entry, answer):
            self._node.drop(arrival.packet, "binding authorization data is wrong")
            return
        if out_of_window:
            self.list.skip_sequence(entry.peer, answer.sequence)
            self._send_update(entry)
        elif answer.status < Status.REASON_UNSPECIFIED:
            self.accepted(entry, answer)
        else:
            self.refused(entry, answer)

    # --- what another way to register at correspondents overrides, beside `accepted` and `refused` --------------------

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
            lifetime_s = 0 if entry.state is State.DELETING else self.home_lifetime_s
            return home_update(entry, sequence, lifetime_s, self._node.keys_survive_movement)
        # No more is asked of a correspondent than is left of the home registration (section 11.7.2).
        left_s = self.list.left_s(self._node.home_agent, entry.home_address, self._clock.now)
        update, entry.key = correspondent_update(entry, sequence, min(self.binding_lifetime_s, left_s), *tokens)
        return update

    def is_authentic(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement) -> bool:
        """True where a correspondent's acknowledgement proves itself with the key of the last update (11.7.3)."""
        return is_authentic(answer, entry)

    # --- what follows from an acknowledgement ------------------------------------------------------------------------

    def accepted(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement) -> None:
        """The peer holds the binding now, or has deleted it (section 11.7.3)."""
        if entry.state is State.DELETING:
            self._step(entry, Event.ACCEPT, registered=None)
            self._forget(entry)
            return
        # What the peer granted less than was asked for is taken off what is left (section 11.7.3).
        granted_s = answer.lifetime_units * LIFETIME_UNIT_S
        left_ns = max(entry.sent_ns + granted_s * NS_PER_S - self._clock.now, 0)
        was_registered = entry.registered
        self._step(
            entry, Event.ACCEPT,
            registered=entry.care_of_address, expires_ns=self._clock.now + left_ns, lifetime_s=granted_s, attempts=0,
            unacknowledged=None,
        )  # fmt: skip
        self._timer(entry, entry.refresh_ns())
        if entry.home_registration and was_registered is None:
            for waiting in self.list.of_home_address(entry.home_address):
                if waiting.state is State.WAITING:
                    self._test(waiting)
        self._node.registration_changed(entry)

    def refused(self, entry: BindingUpdateEntry, answer: BindingAcknowledgement) -> None:
        """The peer did not do what it was asked for (section 11.7.3)."""
        status = answer.status
        if status in _EXPIRED_NONCES:
            entry.unacknowledged = None
            for kind in _EXPIRED_NONCES[status]:
                self.tokens.forget(kind, entry.peer)
            self._test(entry)
            return
        self._node.decided("registration refused", f"status {status} for {entry.home_address} at {entry.peer}")
        self._step(entry, Event.REFUSE, registered=None)
        self._forget(entry)
        self._node.registration_refused(entry, status)

    # --- time passes -------------------------------------------------------------------------------------------------

    def _timeout(self, entry: BindingUpdateEntry) -> None:
        """What was sent is not answered, or the registration is to be refreshed, or it has ended."""
        has_ended = entry.registered is not None and self._clock.now >= entry.expires_ns
        if entry.state is State.DELETING and (has_ended or entry.attempts >= MAX_DELETE_ATTEMPTS):
            self._forget(entry)
            return
        if has_ended:
            self._lost(entry)
        is_repeated = entry.state is State.UPDATING and entry.attempts < MAX_DELETE_ATTEMPTS
        if entry.home_registration or is_repeated:
            self._send_update(entry)
        elif entry.state is not State.WAITING:
            proceed = self._begin if entry.state is State.BOUND else self._test
            proceed(entry)

    def _lost(self, entry: BindingUpdateEntry) -> None:
        """The peer holds the binding no longer."""
        self._step(entry, Event.EXPIRE, registered=None)
        self._node.registration_changed(entry)

    def _binding_error(self, arrival: Arrival) -> None:
        """A correspondent has dropped a packet of ours: it holds no such binding (section 11.3.6)."""
        error = arrival.packet.payload
        assert isinstance(error, mobility.BindingError)
        entry = self.list.get(arrival.source, error.home_address)
        concerns = entry is not None and entry.is_usable and entry.registered == arrival.packet.destination
        if entry is None or not concerns or error.status != mobility.BindingErrorStatus.UNKNOWN_BINDING:
            self._node.drop(arrival.packet, "binding error about a binding that is not in use")
            return
        self._lost(entry)
        if entry.state is State.IDLE:
            self._begin(entry)

    def _forget(self, entry: BindingUpdateEntry) -> None:
        self._timers.pop((entry.peer, entry.home_address), Timer(self._clock, lambda: None)).stop()
        self._record(self.list.remove(entry))
        self._node.registration_changed(entry)

    def _timer(self, entry: BindingUpdateEntry, t_ns: int) -> None:
        key = (entry.peer, entry.home_address)
        if entry.registered is not None:
            t_ns = min(t_ns, max(entry.expires_ns, self._clock.now + 1))
        self._timers.setdefault(key, Timer(self._clock, lambda: self._timeout(entry))).set(t_ns)

    # --- small things ------------------------------------------------------------------------------------------------

    def _wanted(
        self, peer: Address, home_address: Address, care_of: Address, home_registration: bool
    ) -> BindingUpdateEntry:
        self._record(self.list.want(peer, home_address, care_of, home_registration))
        entry = self.list.get(peer, home_address)
        assert entry is not None
        return entry

    def _step(self, entry: BindingUpdateEntry, event: Event, **values: object) -> None:
        self._record(self.list.step(entry, event, **values))

    def _record(self, changes: list[Change]) -> None:
        self._node.record(changes)
        self._node.forget_roads()

    def _when_allowed(self, kind: object, leave: Callable[[], None]) -> int:
        """Do `leave` at once, or as soon as MAX_UPDATE_RATE lets it; gives that time."""
        due = self._rate.reserve(kind, self._clock.now)
        if due == self._clock.now:
            leave()
        else:
            self._clock.at(due, lambda _: leave())
        return due


_EXPIRED_NONCES: dict[int, tuple[RoutabilityTest, ...]] = {
    Status.EXPIRED_HOME_NONCE_INDEX: (RoutabilityTest.HOME,),
    Status.EXPIRED_CARE_OF_NONCE_INDEX: (RoutabilityTest.CARE_OF,),
    Status.EXPIRED_NONCES: (RoutabilityTest.HOME, RoutabilityTest.CARE_OF),
}
