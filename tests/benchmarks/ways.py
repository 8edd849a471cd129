"""The two ways in which the engine can do a work: with trains of packets, or with an event for each packet-hop."""

from __future__ import annotations

from time import process_time

from mipflow.flow import plans
from mipflow.sim.network import Network
from mipflow.sim.trains.carrier import Trains

WAYS = (False, True)
"""With trains or not."""


def set_way(network: Network, trains: bool) -> Network:
    """Have a network at time 0 carry packets in trains or not, and return it."""
    if trains:
        Trains(network, plans)
    return network


def finish(network: Network) -> None:
    """Have all that was put off done, as whoever looks at a run has it done; but for the packets of the trace, each of
    which is made when somebody looks at it.
    """
    assert network.trace.read_columns() and network.meters is not None


def made_s(network: Network) -> float:
    """Look at all packets of the trace; return the processor time of that."""
    begin = process_time()
    assert network.trace.packets is not None
    return process_time() - begin
