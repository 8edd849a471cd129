"""mipflow: a whole Mobile IPv6 network in one Python process, with per-flow handover to watch, change and break.

Begin with `import mipflow as mf; world = mf.figure2(seed=7)`. This is the door for learners: the names of `__all__` are
all that README and the labs use of it. Each name is imported from its module when it is first used, so that importing
the package is quick; in IPython the door also says how worlds, tables and packets show themselves in a cell.

Behind the door stand the layers, each of which imports only those below: `wire` (packets as values), `sim` (clock,
links, trace), `node` (plain IPv6), `mip6` (RFC 6275), `flow` (the method that is taught), `view` (pictures), `lab`
(worlds and scenarios) and `course` (lessons). `errors`, `arguments` and `files` stand beside all of them; `cli` is the
door of the shell. CONTRIBUTING.md has the table of who may import whom.
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
    "apps": "mipflow.node.applications.apps",
    "attack_table": "mipflow.lab.studies.attacks",
    "baseline_table": "mipflow.lab.studies.baselines",
    "compare": "mipflow.lab.comparison",
    "exhaustion_table": "mipflow.lab.studies.exhaustion",
    "figure1": "mipflow.lab.scenarios",
    "figure2": "mipflow.lab.scenarios",
    "latency_table": "mipflow.lab.studies.latency",
    "load_rules": "mipflow.flow.policy.rules",
    "panel": "mipflow.lab.panels.scenario_panel",
    "plain_hosts": "mipflow.lab.plain",
    "plain_mobile_ipv6": "mipflow.lab.scenarios",
    "policies": "mipflow.flow.policy.policies",
    "state_machines": "mipflow.lab.states",
}
"""Public name -> its module; `apps` and `policies` are modules themselves."""
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mipflow' has no attribute {name!r}; expected one of {', '.join(__all__)}")
    home = import_module(_HOMES[name])
    return home if home.__name__.endswith(f".{name}") else getattr(home, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


_IN_CELLS = {
    "mipflow.lab.views": "Views", "mipflow.node.node": "Node", "mipflow.mip6.bindings.table": "Table Entry",
    "mipflow.mip6.bindings.binding_cache": "Binding", "mipflow.mip6.bindings.binding_update_list": "BindingUpdateEntry",
    "mipflow.flow.tables": "HomeAddressEntry FlowMappingEntry", "mipflow.flow.bindings.address_pool": "AddressPool",
    "mipflow.flow.applications.flows": "Flow FlowStatistics", "mipflow.sim.meter": "Meter",
    "mipflow.sim.trace": "Trace Hop Decided Dropped TableChanged",
    "mipflow.wire.packet": "Packet",
}  # fmt: skip
"""Classes that a cell shows as a small table (`lab.panels.cells`), by module.

A class with a `repr` of its own is named beside its base, since IPython looks no further.
"""


class _Offering(metaclass=ABCMeta):  # noqa: B024
    """Any class with `offered_names`, which tab completion offers; without jedi, IPython adds all other names."""

    @classmethod
    def __subclasshook__(cls, kind: type) -> bool:
        return isinstance(getattr(kind, "offered_names", None), tuple)


def load_ipython_extension(shell: Any) -> None:
    """Have an IPython show worlds, tables and packets as small tables, and complete their names.

    An IPython in which mipflow is imported does so by itself; `%load_ext mipflow` is for one that was made later.
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
