"""Ask a learner's `is_over` whether a flow has ended, in the place of silence, FINs and applications (`flow.endings`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mipflow.flow.tables import FlowMappingEntry
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.meter import Meter

SAID = "", "one end has said FIN", "both ends have said FIN"
SILENT_NS = NS_PER_S
"""After how much silence the trace tells that a flow goes on."""


class FlowState(NamedTuple):
    """A flow for a learner's is_over(flow, now). Times in seconds.

    protocol: as in `Traits`; began; sent, heard: when it last did, or began where it has not yet; fins: how many ends
    have said FIN; closed: the application said that it is over.
    """

    protocol: str
    began: float
    sent: float
    heard: float
    fins: int = 0
    closed: bool = False


IsOver = Callable[[FlowState, float], bool]


class AskedEnding:
    """A learner's is_over(flow, now), asked four times a second about each flow: when it last sent and heard is known
    as well as that. One that has carried nothing yet is waited for.

    A flow that goes on though it is silent or closed, and one that breaks its silence, is told once, by `tell`.
    """

    def __init__(self, is_over: IsOver, meters: Mapping[int, Meter], tell: Callable[[str, str], None]) -> None:
        self._is_over, self._meters, self._tell = is_over, meters, tell
        self._began_ns: dict[int, int] = {}
        self._last: dict[int, tuple[int, int]] = {}
        """Flow id, negative for the way to the mobile node -> packets so far, and when there were more last."""
        self._told: dict[int, tuple[bool, int]] = {}
        """Flow id -> whether it was closed, and when it fell silent, where it was told to go on all the same."""

    def __call__(self, entry: FlowMappingEntry, fins: int, now: int) -> str:
        """Ask the function; return why the flow has ended, "" where it goes on. Raises FunctionFailed."""
        number, closed, used_ns, last_s = entry.flow_id, not entry.conversations, entry.used_ns, list[float]()
        began_ns = self._began_ns.setdefault(number, now)
        if used_ns is None:
            if not closed:
                return ""
            used_ns = began_ns
        for way, count in ((number, self._meters[number].sent), (-number, self._meters[-number].received)):
            before, last_ns = self._last.get(way, (0, began_ns))
            self._last[way] = count, last_ns if count == before else used_ns
            last_s.append(self._last[way][1] / NS_PER_S)
        protocol = entry.flow_information.traits.protocol
        state = FlowState(protocol, began_ns / NS_PER_S, last_s[0], last_s[1], fins, closed)
        is_over, quiet_ns = self._is_over(state, now / NS_PER_S), now - used_ns
        known = ["closed by its application"] * closed + [SAID[fins]] * (fins > 0)
        why = f"your is_over() says so ({'; '.join([*known, f'silent for {quiet_ns / NS_PER_S:.1f} s'])})"
        if is_over:
            return why
        self._tell_on(entry, closed, used_ns, quiet_ns, why)
        return ""

    def _tell_on(self, entry: FlowMappingEntry, closed: bool, used_ns: int, quiet_ns: int, why: str) -> None:
        """Tell that a flow goes on which is closed or silent, or is silent no longer."""
        number, told = entry.flow_id, self._told.get(entry.flow_id)
        if closed or quiet_ns >= SILENT_NS:
            self._told[number] = closed, used_ns
            if told is None or told[0] != closed:
                self._tell("flow goes on", f"flow {number}: {why}")
        elif told is not None:
            del self._told[number]
            was_s, home = (used_ns - told[1]) / NS_PER_S, entry.home_address
            still = f", still from {home}" * (home is not None)
            self._tell("flow goes on", f"flow {number}: packets again, after {was_s:.0f} s of silence{still}")
