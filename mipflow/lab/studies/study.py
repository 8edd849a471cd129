"""The frame that all studies share: a case is chosen by name, its world is run, and its results become a table."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from mipflow.arguments import fits, one_of
from mipflow.errors import ProtocolMisuse, shown
from mipflow.lab.world import World
from mipflow.sim.trace import ChannelName
from mipflow.view.drawing.picture import Picture, html_table
from mipflow.wire.packet import Packet

Row = dict[str, object]
V = TypeVar("V")


def choose(name: str, cases: Mapping[str, V]) -> V:
    """Return the case of this name. Raises ProtocolMisuse for a name that is not among them."""
    if not fits(name, one_of(*cases)):
        raise ProtocolMisuse(f"{shown(name)} is not known here; expected one of {', '.join(cases)}", name)
    return cases[name]


def sent_since(world: World, since_ns: int) -> Iterator[tuple[Packet, ChannelName]]:
    """Return the packets sent since then, each with its channel. Do not change them: `trace[n]` would copy each."""
    trace, first = world.trace, bisect_left(world.trace.sent, since_ns)
    channels = [trace.channels[number] for number in trace.channel[first:]]
    return zip(trace.packets[first:], channels, strict=True)


def table(title: str, rows: list[Row], told: Callable[[Row], Iterable[str]]) -> Picture:
    """Make a picture of rows as a table; `told(row)` gives the sentences about a row."""

    def sentences() -> list[str]:
        return [sentence for row in rows for sentence in told(row)]

    return Picture(title, sentences, lambda: rows, html=html_table(rows))
