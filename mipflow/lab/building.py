"""The way back from `world.spec`, a plain value that travels, to another world at time 0 that does the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mipflow.arguments import Expected, check
from mipflow.lab.features.feature import FEATURES
from mipflow.lab.features.values import called, revived
from mipflow.lab.plain import plain_hosts
from mipflow.lab.scenarios import figure1, figure2, plain_mobile_ipv6

SCENARIOS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (figure1, figure2, plain_mobile_ipv6, plain_hosts)
}
_SPEC = Expected(
    f"a dict such as world.spec, with one of {', '.join(SCENARIOS)} as its scenario",
    lambda it: it["scenario"] in SCENARIOS and all(isinstance(key, str) for key in it),
)
_FEATURES = Expected(
    "features by name, each with its arguments",
    lambda it: all(name in FEATURES and isinstance(arguments, dict) for name, arguments in it.items()),
)


def build(spec: Mapping[str, Any]) -> Any:
    """Build the world of a `world.spec`, at time 0: the same run gives the same digest, wherever it runs.

    Raises ProtocolMisuse for what is no spec, and for one with a function of somebody's, which is in it by name only.
    """
    check(_SPEC, spec=spec)
    keywords = revived(dict(spec))
    features = keywords.pop("features", {})
    check(_FEATURES, features=features)
    world = called(SCENARIOS[keywords.pop("scenario")], **keywords)
    for name, arguments in features.items():
        called(FEATURES[name], world, **arguments)
    return world
