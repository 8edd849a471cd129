"""mipflow: a whole Mobile IPv6 network in one Python process, with per-flow handover to watch, change and break.

`import mipflow as mf; world = mf.figure2(seed=7)`. Names come in when first used, so importing is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mipflow.flow import policies as policies
    from mipflow.flow.redirector import AssignmentRules as AssignmentRules
    from mipflow.flow.rules import load_rules as load_rules
    from mipflow.lab.attacks import attack_table as attack_table
    from mipflow.lab.baselines import baseline_table as baseline_table
    from mipflow.lab.comparison import compare as compare
    from mipflow.lab.exhaustion import exhaustion_table as exhaustion_table
    from mipflow.lab.latency import latency_table as latency_table
    from mipflow.lab.machines import state_machines as state_machines
    from mipflow.lab.scenario_panel import panel as panel
    from mipflow.lab.scenarios import figure1 as figure1
    from mipflow.lab.scenarios import figure2 as figure2
    from mipflow.lab.scenarios import plain_mobile_ipv6 as plain_mobile_ipv6
    from mipflow.lab.world import World as World
    from mipflow.node import apps as apps
    from mipflow.sim.link import Link as Link
    from mipflow.wire.address import Address as Address

__version__ = "0.1.0"

_HOMES = {
    "Address": "mipflow.wire.address",
    "AssignmentRules": "mipflow.flow.redirector",
    "Link": "mipflow.sim.link",
    "World": "mipflow.lab.world",
    "attack_table": "mipflow.lab.attacks",
    "baseline_table": "mipflow.lab.baselines",
    "compare": "mipflow.lab.comparison",
    "exhaustion_table": "mipflow.lab.exhaustion",
    "latency_table": "mipflow.lab.latency",
    "state_machines": "mipflow.lab.machines",
    "figure1": "mipflow.lab.scenarios",
    "figure2": "mipflow.lab.scenarios",
    "load_rules": "mipflow.flow.rules",
    "panel": "mipflow.lab.scenario_panel",
    "plain_mobile_ipv6": "mipflow.lab.scenarios",
}
_MODULES = {"apps": "mipflow.node.apps", "policies": "mipflow.flow.policies"}
__all__ = [
    "Address", "AssignmentRules", "Link", "World", "apps", "attack_table", "baseline_table", "compare",
    "exhaustion_table", "figure1", "figure2", "latency_table", "load_rules", "panel", "plain_mobile_ipv6",
    "policies", "state_machines",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'mipflow' has no attribute {name!r}; expected one of {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
