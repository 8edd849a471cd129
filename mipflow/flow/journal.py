"""Words and times of the flow layer in the trace: the part of a node that tables and decisions need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mipflow.errors import MipflowError
from mipflow.sim.clock import Clock
from mipflow.sim.trace import Change


class Writer(Protocol):
    """A node, as far as the trace is concerned."""

    clock: Clock

    def record(self, changes: list[Change]) -> None:
        """Put changes of tables into the trace."""

    def decided(self, what: str, why: str) -> None:
        """Put a decision into the trace."""


class Journal:
    """Writes for one node, at the time of its clock."""

    def __init__(self, node: Writer) -> None:
        self.clock = node.clock
        self.record: Callable[[list[Change]], None] = node.record
        self.decided: Callable[[str, str], None] = node.decided

    def function_failed(self, error: MipflowError) -> None:
        """A learner's function, or a policy, did not do what it should: say so, and go on."""
        self.decided("function failed", str(error))
