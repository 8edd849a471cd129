"""The fork of a world: an independent one at the same instant.

Takes a world, or whatever else leads to its parts; gives the same of another network, which has a number of its own.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar, cast

from mipflow.errors import ProtocolMisuse
from mipflow.lab.forking.copier import Copier
from mipflow.sim.clock import Uncollected
from mipflow.sim.link import Channel, Port, Segment
from mipflow.sim.network import NUMBERS, Network, Stream
from mipflow.sim.port import BytePort
from mipflow.sim.trace import Trace
from mipflow.wire.packet import Packet, Sized

T = TypeVar("T")


def fork(network: Network, holder: T, seed: int | None = None) -> T:
    """Return a copy of `holder`, such as a world or a dict with a world and its flows, all of them of `network`.

    With `seed` every random stream of the copy begins anew, by its name, as in a network of that seed. Raises
    ProtocolMisuse inside a run, inside a learner's function, and for what leads out of the network.
    """
    network.clock.check_idle("the world cannot be forked")
    copier = Copier()
    copier.makers[BytePort] = _refused
    if seed is not None:
        copier.makers[Stream] = lambda copier, stream: copier.noted(stream, Stream(seed, stream.name))
    packets = copier.noted(network.trace.packets, [])
    copier.noted(network.trace.records, [*network.trace.records])
    channels = [copier.noted(segment._channels, {}) for segment in network.segments.values()]
    with Uncollected():
        made, twin = copier.copy((holder, network))
        packets += _packets(copier, network.trace)
        for segment, filled in zip(network.segments.values(), channels, strict=True):
            filled.update(_channels(copier, segment))
    twin.number, twin.seed = next(NUMBERS), network.seed if seed is None else seed
    return cast(T, made)


def _packets(copier: Copier, trace: Trace) -> list[Packet]:
    """Return the packets of the copy's trace: copies of those that are under way, or have one inside that is; the
    others have arrived, and never change.
    """
    memo = copier.memo
    for packet in trace.packets:
        inside: Sized = packet.payload
        while type(inside) is Packet:
            if id(inside) in memo:
                copier.copy(packet)
            inside = inside.payload
    return list(map(memo.get, map(id, trace.packets), trace.packets))


def _channels(copier: Copier, segment: Segment) -> dict[tuple[Port, Port], Channel]:
    """Return the channels of the copy's segment but those that nobody holds and that are as if made now: they will be,
    when they are used. In a crowd on one link these are nearly all.
    """
    now = segment.network.clock.now
    return {
        copier.copy(ends): copier.copy(channel) for ends, channel in segment._channels.items()
        if id(channel) in copier.memo or not _is_as_new(channel, now)
    }  # fmt: skip


def _is_as_new(channel: Channel, now: int) -> bool:
    """True where nothing is left of what a channel has done: it is free, and no chance has been drawn."""
    send: Any = channel.send
    variables = dict(zip(send.__code__.co_freevars, send.__closure__, strict=True))
    is_free = max(channel.last_ns, variables["busy"].cell_contents) <= now
    is_usual = channel.link is channel.segment.link and channel.receive == channel.receiver.receive
    return is_free and is_usual and "random" not in vars(channel)


def _refused(copier: Copier, port: BytePort) -> NoReturn:
    told = f"somebody outside holds {port.owner} on {port.segment.name}, and can drive one world only"
    raise ProtocolMisuse(f"the world cannot be forked: {told}; fork it before world.port(...), or make another", port)
