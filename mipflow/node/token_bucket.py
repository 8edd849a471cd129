"""A token bucket: it limits the messages that leave, on average and at once (RFC 4443 section 2.4 f). Pure."""

from __future__ import annotations

from mipflow.sim.clock import NS_PER_S


class TokenBucket:
    """A limit of `per_s` messages a second, and `burst` at once. The defaults are those of RFC 4443."""

    def __init__(self, per_s: int = 10, burst: int = 10) -> None:
        self.per_s = per_s
        self.burst = burst
        self._full_ns = 0
        """The time at which the bucket is full again if nothing is taken: one number says both level and time."""

    def take(self, now: int) -> bool:
        """True where one more message may leave at `now` nanoseconds; it is counted."""
        one = NS_PER_S // self.per_s
        full_ns = max(self._full_ns, now) + one
        if full_ns > now + self.burst * one:
            return False
        self._full_ns = full_ns
        return True
