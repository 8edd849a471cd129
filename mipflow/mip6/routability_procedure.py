"""The return routability procedure of a mobile node (RFC 6275 sections 5.2.5, 11.6, 11.8): the shell around
`RoutabilityTests`.

It sends test init messages, repeats them with growing pauses, takes the answers, and tells the registrar of tokens and
of silence.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mipflow.mip6.binding_update_list import back_off_ns
from mipflow.mip6.constants import INITIAL_BINDACK_TIMEOUT_NS, MAX_RO_FAILURE, MAX_TOKEN_LIFETIME_NS
from mipflow.mip6.return_routability import RoutabilityTest, TestKey
from mipflow.mip6.routability_tests import RoutabilityEvent, RoutabilityState, RoutabilityTests
from mipflow.sim.clock import Timer
from mipflow.wire.mobility import CareOfTest, HomeTest
from mipflow.wire.packet import Packet

if TYPE_CHECKING:
    from mipflow.mip6.mobile_node import MobileNode
    from mipflow.mip6.signalling import Signalling
    from mipflow.node.node import Arrival


class RoutabilityProcedure:
    """Gets keygen tokens for a registrar: asks it what it still wants, tells it what came. `table`: the tests."""

    def __init__(self, node: MobileNode, registrar: Signalling) -> None:
        self._node = node
        self._registrar = registrar
        self._clock = node.clock
        self._random = node.network.random(f"{node.name}/cookies")
        self.table = RoutabilityTests()
        self._timers: dict[TestKey, Timer] = {}
        self._queued: set[TestKey] = set()
        """Tests that will leave as soon as MAX_UPDATE_RATE allows it."""
        node.handlers[HomeTest] = node.handlers[CareOfTest] = self._answered

    def ask(self, key: TestKey) -> None:
        """Begin a test, unless an init message for the same token has just left (section 5.2.7)."""
        test = self.table.get(key)
        if test is None or self.is_idle(key) or self._clock.now - test.sent_ns >= INITIAL_BINDACK_TIMEOUT_NS:
            self._queue(key, 1)

    def is_idle(self, key: TestKey) -> bool:
        """True where no init message for a token has left that may still be answered."""
        test = self.table.get(key)
        return test is None or test.state is not RoutabilityState.UNDER_WAY

    def forget(self, *keys: TestKey) -> None:
        """These tokens are good no longer: they are to be asked for anew."""
        for key in keys:
            self._end(key, RoutabilityEvent.FORGET)

    def _queue(self, key: TestKey, attempt: int) -> None:
        if key not in self._queued:
            self._queued.add(key)
            self._registrar.when_allowed(key[:2], partial(self._leave, key, attempt))

    def _leave(self, key: TestKey, attempt: int) -> None:
        """Send a test init with a new cookie: the home test's through the home agent (section 11.6.1)."""
        self._queued.discard(key)
        if not self._registrar.wants(key):
            self._end(key, RoutabilityEvent.GIVE_UP)
            return
        kind, correspondent, address = key
        cookie = self._random.randbytes(8)
        self._node.record(self.table.begin(key, cookie, self._clock.now, attempt))
        road = self._node.home_test_road(address) if kind is RoutabilityTest.HOME else None
        self._node.send_direct(Packet(address, correspondent, self._registrar.test_init(kind, cookie)), road)
        self._timer(key, self._clock.now + back_off_ns(attempt))

    def _answered(self, arrival: Arrival) -> None:
        """Check a Home Test or Care-of Test, and take its token (section 11.6.2)."""
        message: HomeTest | CareOfTest = arrival.payload
        kind = RoutabilityTest.HOME if isinstance(message, HomeTest) else RoutabilityTest.CARE_OF
        key: TestKey = (kind, arrival.source, arrival.destination)
        is_at_home = arrival.destination in self._node.addresses
        if kind is RoutabilityTest.HOME and arrival.tunnel is None and not is_at_home:
            self._node.drop(arrival.packet, "home test that did not come through the home agent")
        elif not self.table.is_expected(key, message.cookie):
            self._node.drop(arrival.packet, f"{kind.value} test with a cookie that was not sent")
        else:
            self._node.record(self.table.receive(key, message, self._clock.now))
            self._timer(key, self._clock.now + MAX_TOKEN_LIFETIME_NS)
            self._registrar.token_came(key)

    def _time_is_up(self, key: TestKey) -> None:
        """A token has become too old, or a test init is not answered: repeated, and after some times reported."""
        test = self.table.get(key)
        if test is None:
            return
        if test.state is RoutabilityState.TOKEN:
            self._end(key, RoutabilityEvent.EXPIRE)
            return
        if self._registrar.is_given_up(key[1]):
            return
        if test.attempts >= MAX_RO_FAILURE:
            self._registrar.test_failed(key)
        self._queue(key, test.attempts + 1)

    def _timer(self, key: TestKey, t_ns: int) -> None:
        self._timers.setdefault(key, Timer(self._clock, partial(self._time_is_up, key))).set(t_ns)

    def _end(self, key: TestKey, event: RoutabilityEvent) -> None:
        self._node.record(self.table.end(key, event))
        if key not in self.table and key in self._timers:
            self._timers.pop(key).stop()
