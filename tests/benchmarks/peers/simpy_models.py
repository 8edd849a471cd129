"""The work with SimPy, written as well as it goes, in two ways: a process for each packet, and callbacks only.

There are no nodes and no headers here: a packet has a size, a flow and a hop limit, and a link hands it to the next.
Time is in microseconds, of which both intervals have a whole number: rounding breaks no ties.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from time import process_time
from typing import Any

from .work import FLOWS, LINKS, Measured, Simulator

US_PER_S = 1_000_000
TAIL_S = 1


class Packet:
    """A packet in a link."""

    __slots__ = ("flow", "hop_limit", "octets", "sent_us")

    def __init__(self, octets: int, flow: int, sent_us: float) -> None:
        self.octets, self.flow, self.sent_us, self.hop_limit = octets, flow, sent_us, 64


class Meters:
    """Packets that arrived and the time they took, by flow."""

    def __init__(self) -> None:
        self.count, self.total_us = [0] * len(FLOWS), [0.0] * len(FLOWS)

    def measured(self, spent_s: float) -> Measured:
        """Return a run's result: each packet that arrived went over all links."""
        delays = tuple(total / count / 1000 for total, count in zip(self.total_us, self.count, strict=True))
        return Measured(sum(self.count) * len(LINKS), spent_s, delays)


def by_callbacks(length_s: int) -> Measured:
    """Do the work with one event for a hop, whose callback is the next link."""
    import simpy

    env, meters = simpy.Environment(), Meters()

    def arrive(packet: Packet) -> None:
        meters.count[packet.flow] += 1
        meters.total_us[packet.flow] += env.now - packet.sent_us

    def link(rate_bps: float, delay_us: float, then: Callable[[Packet], None]) -> Callable[[Packet], None]:
        us_per_octet, busy_us = 8 * US_PER_S / rate_bps, 0.0

        def pass_on(event: Any) -> None:
            packet = event._value
            packet.hop_limit -= 1
            then(packet)

        def send(packet: Packet) -> None:
            nonlocal busy_us
            now = env.now
            busy_us = (busy_us if busy_us > now else now) + packet.octets * us_per_octet
            env.timeout(busy_us + delay_us - now, packet).callbacks.append(pass_on)

        return send

    def source(flow: int, octets: int, interval_us: int) -> Generator[Any, None, None]:
        for _ in range(length_s * US_PER_S // interval_us):
            first(Packet(octets, flow, env.now))
            yield env.timeout(interval_us)

    first = arrive
    for rate_bps, delay_ms in reversed(LINKS):
        first = link(rate_bps, 1000 * delay_ms, first)
    for number, flow in enumerate(FLOWS):
        env.process(source(number, *flow))
    begin = process_time()
    env.run((length_s + TAIL_S) * US_PER_S)
    return meters.measured(process_time() - begin)


def by_processes(length_s: int) -> Measured:
    """Do the work as SimPy's own examples would: a link is a resource, and a packet a process that waits for each."""
    import simpy

    env, meters = simpy.Environment(), Meters()
    links = [(simpy.Resource(env), 8 * US_PER_S / rate_bps, 1000 * delay_ms) for rate_bps, delay_ms in LINKS]

    def travel(packet: Packet) -> Generator[Any, None, None]:
        for link, us_per_octet, delay_us in links:
            with link.request() as turn:
                yield turn
                yield env.timeout(packet.octets * us_per_octet)
            yield env.timeout(delay_us)
            packet.hop_limit -= 1
        meters.count[packet.flow] += 1
        meters.total_us[packet.flow] += env.now - packet.sent_us

    def source(flow: int, octets: int, interval_us: int) -> Generator[Any, None, None]:
        for _ in range(length_s * US_PER_S // interval_us):
            env.process(travel(Packet(octets, flow, env.now)))
            yield env.timeout(interval_us)

    for number, flow in enumerate(FLOWS):
        env.process(source(number, *flow))
    begin = process_time()
    env.run((length_s + TAIL_S) * US_PER_S)
    return meters.measured(process_time() - begin)


def installed(package: str) -> str:
    """Return the version of an installed package; "" for none."""
    try:
        return version_of(package)
    except PackageNotFoundError:
        return ""


SIMPY_CALLBACKS, SIMPY_PROCESSES = (
    Simulator(f"SimPy, bare packets, {how}", "pip install simpy", lambda: installed("simpy"), run)
    for how, run in (("callbacks", by_callbacks), ("processes", by_processes))
)
