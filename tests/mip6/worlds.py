"""Worlds for tests of Mobile IPv6, with readers of the octets on their wires."""

from __future__ import annotations

from typing import Any

import mipflow as mf
from mipflow.lab.scenarios import LINKS
from mipflow.lab.world import World
from mipflow.sim.trace import Hop, is_control
from mipflow.wire import codec
from mipflow.wire.address import Address
from tests.mip6.octets import Message, read

S = 1_000_000_000


def instant(**delays_ms: float) -> dict[str, mf.Link]:
    """Return links without serialisation; those not named keep their delay."""
    names = {name.replace("_", "-"): delay for name, delay in delays_ms.items()}
    assert not set(names) - set(LINKS)
    return {name: mf.Link(delay_ms=names.get(name, link.delay_ms), rate_bps=None) for name, link in LINKS.items()}


def world(**keywords: Any) -> World:
    """Make Figure 2 with instant links, and all packets re-read from their octets."""
    keywords.setdefault("links", instant())
    return mf.figure2(**{"seed": 5, "wire": True, **keywords})


def associations(node: Any) -> Any:
    """Return the security associations of a home agent, a mobile node, or a host that has one."""
    place = node if hasattr(node, "ip_security") else node.mobility
    return place.ip_security.associations


def messages(world: World, sender: str, since_s: float = 0.0) -> list[Message]:
    """Return the mobility messages that a node put on the wire first, in order, with the times when they left."""
    found = []
    for hop in world.trace:
        if (
            hop.channel.sender == sender
            and hop.hop_limit == 64
            and hop.sent_ns >= since_s * S
            and is_control(hop.packet)
        ):
            message = read(codec.encode(hop.packet), hop.sent_ns)
            if message is not None and (message.tunnel is None or sender == "MN"):
                found.append(message)
    return found


def addressed(text: str) -> bytes:
    return Address(text).packed


def data_hops(world: World, flow_id: int, since_ns: int = 0) -> list[Hop]:
    """Return the hops of the data packets of a flow."""
    return [hop for hop in world.trace if hop.packet.innermost().flow == flow_id and hop.sent_ns >= since_ns]


def dropper(world: World, segment: str, which: Any) -> list[int]:
    """Drop the messages on a segment for which `which(message)` is true. Return the times of the drops, which grow."""
    times: list[int] = []

    def tap(packet: Any, now: int) -> str | None:
        message = read(codec.encode(packet), now) if is_control(packet) else None
        if message is not None and which(message):
            times.append(now)
            return "taken by the test"
        return None

    world.network.segments[segment].tap(tap)
    return times
