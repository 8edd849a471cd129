"""The place of whatever carries the packets of a network other than one by one, where nothing does.

A network sends every packet as events of its own. `sim.trains` takes flows of a constant rate over, if it is put in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mipflow.wire.address import Address

NEVER = 1 << 62
"""A time that does not come."""


class Boarding:
    """The place of the trains of a network, without any: no flow is taken over."""

    def board(self, sends: Callable[[], Any], tick: Callable[[object], None], interval_ns: int, end_ns: int) -> int:
        """Take over what `tick` sends every `interval_ns` after now and before `end_ns`, and return 0; or return before
        which time there is no use in asking again, in nanoseconds. sends: says what it sends, None once it sends
        nothing more.
        """
        return NEVER

    def changed(self, node: str = "", about: Address | None = None) -> None:
        """Take note that the node of a name may answer otherwise from now on, or only about packets with this address;
        any node where none is named.
        """

    def recall(self, channel: Any = None) -> None:
        """Turn what is under way on a `Channel`, or everywhere, into events: the link is about to change."""
