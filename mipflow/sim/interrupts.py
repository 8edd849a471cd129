"""Interrupts that wait: Ctrl-C, or the Stop of a notebook, which send SIGINT.

Stands beside the clock. Where signals cannot be set (outside the main thread, in some browsers) an interrupt does what
it would do without this.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from types import FrameType, TracebackType
from typing import Any

try:
    import signal
except ImportError:  # not every Python in a browser has it
    signal = None  # type: ignore[assignment]

Handler = Callable[[int, FrameType | None], Any]

ONE_S = 0.5
"""The seconds within which interrupts are one: a shell and its programs may both pass one on."""


class Interrupts:
    """Hold back the effect of an interrupt until `deliver`.

    heard: called at once with the first one, in the middle of whatever goes on; is_inside: whether something is under
    way that must be done first. A later interrupt during the same thing is not held back, because that does not end.
    """

    def __init__(self, heard: Callable[[], object], is_inside: Callable[[], bool]) -> None:
        self._heard, self._is_inside = heard, is_inside
        self._before: Handler | None = None
        self._held: tuple[int, FrameType | None] | None = None
        self._since_s = 0.0

    def __enter__(self) -> Interrupts:
        before = None if signal is None else signal.getsignal(signal.SIGINT)
        if callable(before):  # else it ends the process, or is ignored
            self._before = before
            try:
                signal.signal(signal.SIGINT, self._hear)
            except ValueError:  # not the main thread
                self._before = None
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        assert self._before is not None
        if self._held is None:
            self._held, self._since_s = (number, frame), monotonic()
            self._heard()
        elif self._is_inside() and monotonic() > self._since_s + ONE_S:
            self._before(number, frame)

    def deliver(self) -> None:
        """Let the interrupt that was held back happen now: as a rule it raises KeyboardInterrupt."""
        held, self._held = self._held, None
        if held is not None and self._before is not None:
            self._before(*held)
