"""The work with ns.py, a network simulator on SimPy: generators, ports, wires and a sink of its own, joined in a row.

Its time has no unit; here it is microseconds, of which both intervals have a whole number: rounding breaks no ties.
"""

from __future__ import annotations

from time import process_time

from .simpy_models import TAIL_S, US_PER_S, installed
from .work import FLOWS, LINKS, Measured, Simulator


def run(length_s: int) -> Measured:
    """Do the work."""
    import simpy
    from ns.packet.dist_generator import DistPacketGenerator
    from ns.packet.sink import PacketSink
    from ns.port.port import Port
    from ns.port.wire import Wire

    env = simpy.Environment()
    first = sink = PacketSink(env, rec_arrivals=False)
    for rate_bps, delay_ms in reversed(LINKS):
        wire, port = Wire(env, lambda delay_us=1000 * delay_ms: delay_us), Port(env, rate_bps / US_PER_S)
        wire.out, port.out = first, wire
        first = port
    # A generator stamps a packet, waits for the interval and then sends it: both flows begin after the longer interval.
    longest_us = max(flow.interval_us for flow in FLOWS)
    for number, (octets, interval_us) in enumerate(FLOWS):
        every, size = (lambda us=interval_us: us), (lambda octets=octets: octets)
        wait_us = longest_us - interval_us
        end_us = wait_us + length_s * US_PER_S
        DistPacketGenerator(env, f"flow {number}", every, size, wait_us, end_us, flow_id=number).out = first
    begin = process_time()
    env.run((length_s + TAIL_S) * US_PER_S)
    spent_s = process_time() - begin
    waits = [sink.waits[number] for number in range(len(FLOWS))]
    delays = (sum(each) / len(each) - flow.interval_us for each, flow in zip(waits, FLOWS, strict=True))
    return Measured(sum(map(len, waits)) * len(LINKS), spent_s, tuple(delay / 1000 for delay in delays))


NS_PY = Simulator("ns.py", "pip install ns.py", lambda: installed("ns.py"), run)
