"""Networks without trains: no flow is taken over, and a world can be asked for that."""

from __future__ import annotations

import mipflow as mf
from mipflow.sim.boarding import NEVER, Boarding
from mipflow.sim.network import Network
from mipflow.sim.trains.carrier import Trains


def test_a_network_carries_no_flow_of_itself() -> None:
    trains = Network().trains
    assert type(trains) is Boarding
    assert trains.board(lambda: None, lambda argument: None, 1, 100) == NEVER
    trains.changed("MN")
    trains.recall()


def test_a_world_is_asked_for_trains_or_for_none() -> None:
    assert type(mf.figure2().network.trains) is Trains
    world = mf.figure2(trains=False)
    assert type(world.network.trains) is Boarding
    assert world.spec["trains"] is False
    assert type(mf.build(world.spec).network.trains) is Boarding
