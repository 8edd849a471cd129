"""The two ways in which the engine can do a work: with trains of packets, or with an event for each packet-hop."""

from __future__ import annotations

from mipflow.sim.network import Network
from mipflow.sim.trains.carrier import Trains

WAYS = (False, True)
"""With trains or not."""


def set_way(network: Network, trains: bool) -> Network:
    """Have a network at time 0 carry packets in trains or not, and return it."""
    if trains:
        Trains(network)
    return network


def finish(network: Network) -> None:
    """Have all that was put off done, as whoever looks at a run has it done: trains are slow to write a trace."""
    assert network.trace.packets is not None and network.meters is not None
