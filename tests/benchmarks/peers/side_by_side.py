"""All simulators side by side: which are here, how to get the others, and what each measures in turn."""

from __future__ import annotations

from .ns3 import NS3_IPV4, NS3_IPV6
from .ns_py import NS_PY
from .simpy_models import SIMPY_CALLBACKS, SIMPY_PROCESSES
from .work import NEAR, Measured, Simulator, mean_delays_ms

SIMULATORS = (NS3_IPV4, NS3_IPV6, NS_PY, SIMPY_CALLBACKS, SIMPY_PROCESSES)


def here() -> list[Simulator]:
    """Return the simulators that can run."""
    return [each for each in SIMULATORS if each.version()]


def missing() -> list[str]:
    """Say of each simulator that is not here how to get it."""
    return [f"{each.name} is not here; to get it: {each.get}" for each in SIMULATORS if not each.version()]


def check(name: str, measured: Measured, header: int = 0) -> None:
    """Raise AssertionError where mean delays are not those that were worked out without simulating."""
    for found, due in zip(measured.delays_ms, mean_delays_ms(header), strict=True):
        assert abs(found - due) < NEAR, f"{name}: a mean delay of {found} ms where {due} ms were worked out"
