"""The state machines of Mobile IPv6 as one picture, each drawn from the very table that the protocol runs on."""

from __future__ import annotations

from typing import Any

from mipflow.mip6 import movement
from mipflow.mip6.bindings import binding_cache, binding_update_list
from mipflow.mip6.registrations import return_routability
from mipflow.sim.trace import Trace
from mipflow.view.drawing.picture import Picture
from mipflow.view.state_diagram import state_diagrams
from mipflow.view.story.words import Words, seconds

MACHINES: dict[str, Any] = {
    "Registration of a home address at a peer (mobile node)": binding_update_list.TRANSITIONS,
    "Return routability: one test with one correspondent (mobile node)": return_routability.ROUTABILITY_TRANSITIONS,
    "A binding (home agent and correspondent node)": binding_cache.TRANSITIONS,
    "Movement of an interface (mobile node)": movement.TRANSITIONS,
}
"""Title -> `{(state, event): next state}`."""
TABLES = dict(zip(("binding update list", "return routability", "binding cache", "movement"), MACHINES, strict=True))
"""Table of a node, whose rows have a state -> the title of its machine."""
_TOLD = {
    "binding update list": "{home_address} at {peer}",
    "return routability": "{kind} test of {address} at {correspondent}",
    "binding cache": "{home_address} at {node}", "movement": "{interface}",
}  # fmt: skip


def draw_machines(trace: Trace, words: Words, at_ns: int) -> Picture:
    """Draw all machines, and light the states in which the rows of a trace are at `at_ns` nanoseconds."""
    present = dict[str, dict[str, list[str]]]()
    for node, tables in trace.tables(at_ns).items():
        for table, title in TABLES.items():
            for row in tables.get(table, {}).values():
                who = _TOLD[table].format(node=node, **{name: words.value(value) for name, value in row.items()})
                present.setdefault(title, {}).setdefault(str(row["state"]), []).append(who)
    return state_diagrams(f"State machines at {seconds(at_ns)}", MACHINES, present)
