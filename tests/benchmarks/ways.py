"""The two ways in which the engine can do a work: with trains of packets, or with an event for each packet-hop."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from mipflow.sim.network import Network

HAS_TRAINS = find_spec("mipflow.sim.trains") is not None
WAYS = (False, True) if HAS_TRAINS else (None,)
"""With trains or not; None where there are none."""


def set_way(network: Network, trains: bool | None) -> Network:
    """Have a network at time 0 carry packets in trains or not, and return it."""
    if trains:
        import_module("mipflow.sim.trains.carrier").Trains(network)
    return network


def finish(network: Network) -> None:
    """Have all that was put off done, as whoever looks at a run has it done: trains are slow to write a trace."""
    assert network.trace.packets is not None and network.meters is not None
