"""The meter of one direction of a flow, which counts its packets."""

from __future__ import annotations

from collections import Counter
from operator import sub

from mipflow.wire.address import Address
from mipflow.wire.packet import Packet


class Meter:
    """Counts packets as their sender's upper layer made them; a datagram cut into fragments is one.

    `sent`, `received`, `lost` are packets; delays are from the sender's upper layer to the receiver's, in milliseconds;
    `longest_gap_ms` is the longest time between two arrivals. A delay or gap is None until there is one.
    """

    __slots__ = (
        "_delay_ns", "_gap_ns", "_last_ns", "_lost_datagrams", "_worst_ns", "lost", "lost_why", "received", "sent",
    )  # fmt: skip

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.lost = 0
        self.lost_why: Counter[str] = Counter()
        """Node or link with the reason, such as "CN1: hop limit exceeded" -> packets lost there; together `lost`."""
        self._delay_ns = 0
        self._worst_ns = 0
        self._gap_ns = 0
        self._last_ns = 1 << 62  # before the first arrival no gap is longer than none
        self._lost_datagrams: set[tuple[Address, int] | None] = set()
        """The datagrams of which a fragment was lost."""

    def arrived(self, packet: Packet, now: int) -> None:
        """Count `packet` as received at `now` nanoseconds."""
        delay = now - packet.sent_ns
        self.received += 1
        self._delay_ns += delay
        if delay > self._worst_ns:
            self._worst_ns = delay
        if now - self._last_ns > self._gap_ns:
            self._gap_ns = now - self._last_ns
        self._last_ns = now

    def arrived_in_order(self, times_ns: list[int], delays_ns: list[int], count: int = 1, period_ns: int = 0) -> None:
        """Count packets as received at these times, one at least, and `count` times in all, each a period later."""
        self.received += count * len(times_ns)
        self._delay_ns += count * sum(delays_ns)
        self._worst_ns = max(self._worst_ns, *delays_ns)
        self._gap_ns = max(self._gap_ns, *map(sub, times_ns, (self._last_ns, *times_ns)))
        self._last_ns = times_ns[-1] + (count - 1) * period_ns

    def dropped(self, packet: Packet, why: str) -> None:
        """Count `packet` as lost, for a reason in words; further fragments of the same datagram count no more."""
        datagram = packet.datagram()
        if datagram in self._lost_datagrams:
            return
        if datagram is not None:
            self._lost_datagrams.add(datagram)
        self.lost += 1
        self.lost_why[why] += 1

    @property
    def in_flight(self) -> int:
        """The number of packets that are neither received nor lost yet."""
        return self.sent - self.received - self.lost

    @property
    def mean_delay_ms(self) -> float | None:
        """The mean delay in milliseconds."""
        return self._delay_ns / self.received / 1e6 if self.received else None

    @property
    def worst_delay_ms(self) -> float | None:
        """The largest delay in milliseconds."""
        return self._worst_ns / 1e6 if self.received else None

    @property
    def longest_gap_ms(self) -> float | None:
        """The longest time between two arrivals in milliseconds."""
        return self._gap_ns / 1e6 if self.received > 1 else None

    def __repr__(self) -> str:
        return f"<sent {self.sent}, received {self.received}, lost {self.lost}>"
