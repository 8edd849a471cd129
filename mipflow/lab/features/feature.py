"""The rules for what is put into a world at time 0: each part once, in an order, and noted in `world.features`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from inspect import signature
from typing import Concatenate, ParamSpec

from mipflow.arguments import Expected, check
from mipflow.errors import ProtocolMisuse
from mipflow.lab.world import World

P = ParamSpec("P")
NEW_WORLD = Expected("a world at time 0, such as mf.figure2()", lambda it: isinstance(it, World))
FEATURES: dict[str, Callable[..., World]] = {}
"""Name of a feature -> the function `with_<name>` that puts it into a world."""


def feature(
    before: Collection[str] = (), unlike: Collection[str] = ()
) -> Callable[[Callable[Concatenate[World, P], None]], Callable[Concatenate[World, P], World]]:
    """Make `with_<name>(world, ...)` of a function that puts something into a world: it returns that world.

    Raises ProtocolMisuse for a world that has run, the same feature twice, one of those `unlike` it, which do the same
    job, and one of those that it has to come `before`, because they build on it.
    """

    def decorate(put_in: Callable[Concatenate[World, P], None]) -> Callable[Concatenate[World, P], World]:
        call, name = put_in.__name__, put_in.__name__.removeprefix("with_")
        parameters = signature(put_in)

        @wraps(put_in)
        def add(world: World, *args: P.args, **kwargs: P.kwargs) -> World:
            check_new(world, call)
            for other in world.features:
                why = "does the same job; choose one" if other in {name, *unlike} else "builds on it; call it before"
                if other in {name, *unlike, *before}:
                    raise ProtocolMisuse(f"{call}() after with_{other}(), which {why}", world)
            put_in(world, *args, **kwargs)
            bound = parameters.bind(world, *args, **kwargs)
            bound.apply_defaults()
            world.features[name] = {key: each for key, each in bound.arguments.items() if key != "world"}
            return world

        FEATURES[name] = add
        return add  # type: ignore[return-value]  # which takes `world=` by its name, too

    return decorate


def check_new(world: World, call: str) -> None:
    """Raise ProtocolMisuse for what is no world, and for one that has run."""
    check(NEW_WORLD, world=world)
    if world.network.clock.now or len(world.trace):
        raise ProtocolMisuse(f"{call}() at {world.now:g} s; expected a world that has not run yet", world)
