"""The state machines of Mobile IPv6 as diagrams, each drawn from the very table that the protocol runs on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, cast

from mipflow.mip6 import binding_cache, binding_update_list, movement, routability_tests
from mipflow.view.picture import Picture
from mipflow.view.state_diagram import state_diagram

MACHINES: dict[str, Any] = {
    "Registration of a home address at a peer (mobile node)": binding_update_list.TRANSITIONS,
    "Return routability: one test with one correspondent (mobile node)": routability_tests.ROUTABILITY_TRANSITIONS,
    "A binding (home agent and correspondent node)": binding_cache.TRANSITIONS,
    "Movement of an interface (mobile node)": movement.TRANSITIONS,
}
"""Title -> `{(state, event): next state}`."""


def state_machines() -> list[Picture]:
    """A diagram of each machine."""
    return [state_diagram(title, cast(Mapping[tuple[Enum, Enum], Enum], table)) for title, table in MACHINES.items()]
