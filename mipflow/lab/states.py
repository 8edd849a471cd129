"""The call that draws the state machines: alone, or of a world with the present states lit."""

from __future__ import annotations

from mipflow.arguments import check, optional
from mipflow.errors import ProtocolMisuse
from mipflow.lab.machines import MACHINES, draw_machines
from mipflow.lab.views import moment
from mipflow.lab.world import WORLD, World
from mipflow.view.drawing.picture import Picture
from mipflow.view.state_diagram import state_diagrams
from mipflow.view.story.words import Words


def state_machines(world: World | None = None, at: float | None = None) -> Picture:
    """Draw a diagram of each machine, one to be chosen; of a world, lit at a moment in seconds (default: now).

    Raises ProtocolMisuse for a moment that has not come.
    """
    check(optional(WORLD), world=world)
    if world is None:
        if at is not None:
            raise ProtocolMisuse(f"at={at} of no world; expected a world too: state_machines(world, at={at})", at)
        return state_diagrams("State machines", MACHINES, {})
    at_ns = moment(world.network.clock.now, at=at)
    return draw_machines(world.trace, Words(world.names(), world.flow_names()), at_ns)
