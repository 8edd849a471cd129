"""The work that all simulators do: two constant-rate flows from one end of a chain of links to the other.

MN - AR - R1 - R2 - R3 - CN, first in, first out. Where packets of both flows are due at once, the first flow's goes
first.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple


class Flow(NamedTuple):
    """A flow: octets of its IPv6 packets, and microseconds from one to the next."""

    octets: int
    interval_us: int


class Link(NamedTuple):
    """A link: its rate, and its propagation delay."""

    rate_bps: int
    delay_ms: int


FLOWS = (Flow(548, 20_000), Flow(208, 2_000))
LINKS = (
    Link(2_000_000, 10), Link(100_000_000, 2), Link(1_000_000_000, 15), Link(1_000_000_000, 5), Link(100_000_000, 2),
)  # fmt: skip
LENGTH_S = 60
"""Virtual seconds for which the flows send: 33,000 packets, 165,000 packet-hops."""
NEAR = 1e-6
"""Milliseconds by which a mean delay may be off: simulators with floating-point time round."""


class Measured(NamedTuple):
    """One run: its packet-hops, the processor time that they took, and the mean delay of each flow's packets; made_s:
    the time that making all packets of the trace takes besides, where each is made when somebody looks at it.
    """

    hops: int
    spent_s: float
    delays_ms: tuple[float, ...]
    made_s: float = 0.0


class Simulator(NamedTuple):
    """A simulator that may be here or not. `version` is empty where it is not; `get` says how to get it."""

    name: str
    get: str
    version: Callable[[], str]
    run: Callable[[int], Measured]
    """Does the work for so many virtual seconds of sending."""
    header: int = 0
    """Octets by which packets on its links are larger than ours."""

    @property
    def title(self) -> str:
        """Its name with its version."""
        return f"{self.name} ({self.version()})"


def mean_delays_ms(header: int = 0) -> list[float]:
    """Work the mean delays out without simulating: what the flows do repeats after the longer interval, and a link is
    busy until the later of its last packet's end and this one's arrival, and then for this packet's bits (Lindley).

    header: octets that links put in front of each packet.
    """
    period = max(flow.interval_us for flow in FLOWS)
    sent = [(Fraction(t), number) for number, flow in enumerate(FLOWS) for t in range(0, period, flow.interval_us)]
    sent.sort()
    arrived = [t for t, _ in sent]
    for link in LINKS:
        free = Fraction(0)
        for place, (_, number) in enumerate(sent):
            free = max(free, arrived[place]) + Fraction(8 * (FLOWS[number].octets + header) * 1_000_000, link.rate_bps)
            arrived[place] = free + 1000 * link.delay_ms
        assert free + 1000 * link.delay_ms < arrived[0] + period, "the period begins with a packet that need not wait"
    taken: list[list[Fraction]] = [[] for _ in FLOWS]
    for there, (here, number) in zip(arrived, sent, strict=True):
        taken[number].append(there - here)
    return [float(sum(each) / len(each)) / 1000 for each in taken]
