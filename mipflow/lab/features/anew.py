"""Features that hang on how nodes are made: a home router, filtering access routers, enhanced route optimisation.

The world is made anew with them, by its scenario, and gets the features that it had: take its nodes from it afterwards.
"""

from __future__ import annotations

from mipflow.errors import ProtocolMisuse
from mipflow.lab.features.feature import FEATURES, check_new
from mipflow.lab.world import World


def with_home_router(world: World) -> World:
    """Put a router of its own between the Internet and the home link, and the home agents only on that."""
    return _anew(world, "home_router")


def with_ingress_filtering(world: World) -> World:
    """Have access routers drop packets whose source is no address of their link (BCP 38)."""
    return _anew(world, "ingress_filtering")


def with_enhanced(world: World) -> World:
    """Generate home addresses from a key, and have all know enhanced route optimisation (RFC 4866)."""
    return _anew(world, "enhanced")


def _anew(world: World, keyword: str) -> World:
    """Make a world anew, with one more keyword of its scenario. Raises ProtocolMisuse where something else than adding
    features has been done in it, which would be lost, and for a world that no scenario of Figures 1 and 2 made.
    """
    call = f"with_{keyword}"
    check_new(world, call)
    if world.made is None:
        raise ProtocolMisuse(f"{call}() of a world that was built by hand; expected one such as mf.figure2()", world)
    if keyword in world.made.keywords:
        raise ProtocolMisuse(f"{call}() for the second time; expected a world without it", world)
    same, fresh = _made(world), _made(world, **{keyword: True})
    if _shape(world) != _shape(same):
        why = "flows, links or nodes of this world were changed, which would be lost"
        raise ProtocolMisuse(f"{call}() makes all nodes anew, and {why}; call it before", world)
    vars(world).clear()
    vars(world).update(vars(fresh))
    return world


def _made(world: World, **more: bool) -> World:
    """Make another world as this one was made."""
    assert world.made is not None
    twin: World = world.made.scenario(**{**world.made.keywords, **more})
    for name, arguments in world.features.items():
        FEATURES[name](twin, **arguments)
    return twin


def _shape(world: World) -> tuple[object, ...]:
    """Collect what shows that something was done in a world after it was made."""
    network = world.network
    links = {name: segment.link for name, segment in network.segments.items()}
    return links, sorted(network.graph.edges), network.clock.scheduled, len(world.trace.records), list(world.mn.opened)
