"""The weighing of trains against events: where others have most of the packets, logging their events costs more than
trains save.
"""

from __future__ import annotations

from mipflow.sim.clock import NS_PER_MS, NS_PER_S, Callback, Clock
from mipflow.sim.trace import Mode

FACTOR = {"off": 1, "control": 1, "all": 2}
"""How many times as many packets as all others trains must carry to be worth it, by what is traced."""
LOOK_NS, CLOSED_NS = 200 * NS_PER_MS, 32 * NS_PER_S
"""How long is looked how many packets others have before a flow boards, and how long none does once trains were not
worth it: at first, and twice as long each time.
"""


class Worth:
    """Weighs the packets of flows that would board against all that there are."""

    def __init__(self, clock: Clock, trace: Mode) -> None:
        self._clock = clock
        self._factor = FACTOR[trace]
        self._asking: dict[Callback, tuple[float, int]] = {}
        """`tick` of each flow that would board -> its packet-hops in a second, and when it ends."""
        self._verdict = False
        self._since_ns = self._events = 0
        """Since when all packets are counted, and how many there had been by then."""
        self._closed_until_ns, self._closes_ns = 0, LOOK_NS

    def knows(self, tick: Callback) -> bool:
        """Return whether a flow has asked before."""
        return tick in self._asking

    def note(self, tick: Callback, rate: float, end_ns: int) -> None:
        """Take note of a flow that would board, with so many packet-hops in a second, until a time."""
        if not self._asking:
            self._look()
        self._asking[tick] = rate, end_ns

    def opens_ns(self) -> int:
        """Return when flows may board: not after now where they may at once."""
        now, passed_ns = self._clock.now, self._clock.now - self._since_ns
        if now < self._closed_until_ns:
            return self._closed_until_ns
        if passed_ns < LOOK_NS:
            return now if self._verdict else self._since_ns + LOOK_NS
        own = sum(rate for rate, end_ns in self._asking.values() if end_ns > now) * passed_ns / NS_PER_S
        self._verdict = self.is_enough(own, self._clock.packet_events - self._events - own)
        self._look()
        if not self._verdict:
            self._close()
        return self._closed_until_ns

    def is_enough(self, own: float, others: float) -> bool:
        """Return whether it is worth it where trains have so many packets or events, and others so many."""
        return own >= self._factor * others

    def deny(self) -> None:
        """Let no flow board for long: trains were not worth it."""
        self._verdict, self._closes_ns = False, max(self._closes_ns, CLOSED_NS)
        self._close()

    def begin(self) -> None:
        """Look anew, and forget flows that have ended."""
        now = self._clock.now
        self._asking = {tick: asking for tick, asking in self._asking.items() if asking[1] > now}
        self._look()

    def _close(self) -> None:
        self._closed_until_ns = self._clock.now + self._closes_ns
        self._closes_ns *= 2

    def _look(self) -> None:
        self._since_ns, self._events = self._clock.now, self._clock.packet_events
