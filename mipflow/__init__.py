"""mipflow: a whole Mobile IPv6 network in one Python process, with per-flow handover to watch, change and break.

`import mipflow as mf; world = mf.figure2(seed=7)`. Names come in when first used, so importing is quick.
"""

from __future__ import annotations

import sys
from abc import ABCMeta
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mipflow.flow.policy import policies as policies
    from mipflow.flow.policy.rules import load_rules as load_rules
    from mipflow.flow.redirector import AssignmentRules as AssignmentRules
    from mipflow.lab.comparison import compare as compare
    from mipflow.lab.panels.scenario_panel import panel as panel
    from mipflow.lab.plain import plain_hosts as plain_hosts
    from mipflow.lab.scenarios import figure1 as figure1
    from mipflow.lab.scenarios import figure2 as figure2
    from mipflow.lab.scenarios import plain_mobile_ipv6 as plain_mobile_ipv6
    from mipflow.lab.states import state_machines as state_machines
    from mipflow.lab.studies.attacks import attack_table as attack_table
    from mipflow.lab.studies.baselines import baseline_table as baseline_table
    from mipflow.lab.studies.exhaustion import exhaustion_table as exhaustion_table
    from mipflow.lab.studies.latency import latency_table as latency_table
    from mipflow.lab.world import World as World
    from mipflow.node.applications import apps as apps
    from mipflow.sim.link import Link as Link
    from mipflow.wire.address import Address as Address

__version__ = "0.1.0"

_HOMES = {
    "Address": "mipflow.wire.address",
    "AssignmentRules": "mipflow.flow.redirector",
    "Link": "mipflow.sim.link",
    "World": "mipflow.lab.world",
    "attack_table": "mipflow.lab.studies.attacks",
    "baseline_table": "mipflow.lab.studies.baselines",
    "compare": "mipflow.lab.comparison",
    "exhaustion_table": "mipflow.lab.studies.exhaustion",
    "latency_table": "mipflow.lab.studies.latency",
    "state_machines": "mipflow.lab.states",
    "figure1": "mipflow.lab.scenarios",
    "figure2": "mipflow.lab.scenarios",
    "load_rules": "mipflow.flow.policy.rules",
    "panel": "mipflow.lab.panels.scenario_panel",
    "plain_hosts": "mipflow.lab.plain",
    "plain_mobile_ipv6": "mipflow.lab.scenarios",
}
_MODULES = {"apps": "mipflow.node.applications.apps", "policies": "mipflow.flow.policy.policies"}
__all__ = [
    "Address", "AssignmentRules", "Link", "World", "apps", "attack_table", "baseline_table", "compare",
    "exhaustion_table", "figure1", "figure2", "latency_table", "load_rules", "panel", "plain_hosts",
    "plain_mobile_ipv6", "policies", "state_machines",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'mipflow' has no attribute {name!r}; expected one of {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


_IN_CELLS = {
    "mipflow.lab.views": "Views", "mipflow.node.node": "Node", "mipflow.mip6.bindings.table": "Table Entry",
    "mipflow.mip6.bindings.binding_cache": "Binding", "mipflow.mip6.bindings.binding_update_list": "BindingUpdateEntry",
    "mipflow.flow.tables": "HomeAddressEntry FlowMappingEntry", "mipflow.flow.bindings.address_pool": "AddressPool",
    "mipflow.flow.flows": "Flow FlowStatistics", "mipflow.sim.meter": "Meter",
    "mipflow.sim.trace": "Trace Hop Decided Dropped TableChanged",
    "mipflow.wire.packet": "Packet",
}  # fmt: skip
"""Classes that a cell shows as a small table (`lab.panels.cells`). A class with a `repr` of its own is named beside its
base: IPython looks no further.
"""


class _Offering(metaclass=ABCMeta):  # noqa: B024
    """Whatever says itself what tab completion is to offer: without jedi, IPython adds all that its class has."""

    @classmethod
    def __subclasshook__(cls, kind: type) -> bool:
        return isinstance(getattr(kind, "offered_names", None), tuple)


def load_ipython_extension(shell: Any) -> None:
    """Have an IPython show worlds, tables, packets and so on as small tables, and complete their names. One in which
    mipflow is imported does so by itself; `%load_ext mipflow` is for one that came later.
    """
    formatters = shell.display_formatter.formatters
    for module, names in _IN_CELLS.items():
        for name in names.split():
            formatters["text/html"].for_type_by_name(module, name, _html)
            if name != "Views":  # its text is two lines anywhere
                formatters["text/plain"].for_type_by_name(module, name, _text)
    with suppress(ImportError):
        from IPython.utils.generics import complete_object

        complete_object.register(_Offering, lambda thing, found: list(thing.offered_names))


def _html(thing: object) -> str:
    shown: str = import_module("mipflow.lab.panels.cells").shown(thing).html()
    return shown


def _text(thing: object, printer: Any, cycle: bool) -> None:
    is_alone = len(printer.stack) == 1  # not in a list
    printer.text(import_module("mipflow.lab.panels.cells").shown(thing).text() if is_alone else repr(thing))


if (_ipython := sys.modules.get("IPython")) and (_shell := _ipython.get_ipython()):
    load_ipython_extension(_shell)
