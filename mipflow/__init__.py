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
    from mipflow.lab.building import build as build
    from mipflow.lab.comparison import compare as compare
    from mipflow.lab.features.addresses import with_address_protocol as with_address_protocol
    from mipflow.lab.features.addresses import with_allocation as with_allocation
    from mipflow.lab.features.addresses import with_dhcpv6 as with_dhcpv6
    from mipflow.lab.features.addresses import with_prefix_discovery as with_prefix_discovery
    from mipflow.lab.features.anew import with_enhanced as with_enhanced
    from mipflow.lab.features.anew import with_home_router as with_home_router
    from mipflow.lab.features.anew import with_ingress_filtering as with_ingress_filtering
    from mipflow.lab.features.home import with_collision as with_collision
    from mipflow.lab.features.home import with_home_agents as with_home_agents
    from mipflow.lab.features.home import with_interception as with_interception
    from mipflow.lab.features.home import with_security as with_security
    from mipflow.lab.features.networks import with_advertisements as with_advertisements
    from mipflow.lab.features.networks import with_operator as with_operator
    from mipflow.lab.features.networks import with_policy_server as with_policy_server
    from mipflow.lab.features.networks import with_traffic as with_traffic
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

_NAMES = {
    "mipflow.flow.policy.policies": "policies", "mipflow.flow.policy.rules": "load_rules",
    "mipflow.flow.redirector": "AssignmentRules", "mipflow.node.applications.apps": "apps",
    "mipflow.lab.building": "build", "mipflow.lab.comparison": "compare",
    "mipflow.lab.features.addresses": "with_address_protocol with_allocation with_dhcpv6 with_prefix_discovery",
    "mipflow.lab.features.anew": "with_enhanced with_home_router with_ingress_filtering",
    "mipflow.lab.features.home": "with_collision with_home_agents with_interception with_security",
    "mipflow.lab.features.networks": "with_advertisements with_operator with_policy_server with_traffic",
    "mipflow.lab.panels.scenario_panel": "panel", "mipflow.lab.plain": "plain_hosts",
    "mipflow.lab.scenarios": "figure1 figure2 plain_mobile_ipv6", "mipflow.lab.states": "state_machines",
    "mipflow.lab.studies.attacks": "attack_table", "mipflow.lab.studies.baselines": "baseline_table",
    "mipflow.lab.studies.exhaustion": "exhaustion_table", "mipflow.lab.studies.latency": "latency_table",
    "mipflow.lab.world": "World", "mipflow.sim.link": "Link", "mipflow.wire.address": "Address",
}  # fmt: skip
"""Module -> the public names that stand in it; `apps` and `policies` are modules themselves."""
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_HOMES)


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
