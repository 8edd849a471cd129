"""The place in a home agent for a learner's `intercept(packet, cache, now)`, right or wrong.

Put into the home agents of a world; one without it tunnels as ever. The learner's packet is two addresses and what is
inside, and the cache a dict of texts; the node's are values of `wire` and `mip6`. What the function gives is sent so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mipflow.arguments import Expected, fits
from mipflow.errors import FunctionFailed, shown
from mipflow.flow.learner.guard import guarded
from mipflow.mip6.home_agent import HomeAgent
from mipflow.sim.clock import NS_PER_S
from mipflow.wire import packet as wire
from mipflow.wire.address import Address

_ADDRESS = Expected("an address as text", lambda it: isinstance(it, str) and Address(it))
PARAMETERS = "packet, cache, now"


@dataclass(slots=True)
class Packet:
    """A packet as a learner sees it: addresses as text; `inside` is its data, or a whole packet."""

    source: str
    destination: str
    inside: Any


@dataclass(slots=True)
class CacheEntry:
    """A row of the binding cache as a learner sees it; `expires_at_s` in seconds of virtual time."""

    care_of_address: str
    expires_at_s: float


class Data:
    """The data of a packet, which a home agent does not read."""

    def __repr__(self) -> str:
        return "data"


def wrong_packet(result: object, packet: Packet, cache: object, now: object) -> str:
    """Say what is wrong with what `intercept` gave; empty where nothing is. None is a packet that goes no further."""
    if result is None:
        return ""
    outer = result.inside if isinstance(result, Packet) else None
    inner = outer.inside if isinstance(outer, Packet) else outer
    if not isinstance(inner, Data):
        return "expected the packet, or a Packet with the packet or what is inside it"
    packets = [each for each in (result, outer) if isinstance(each, Packet)]
    texts = [text for each in packets for text in (each.source, each.destination) if not fits(text, _ADDRESS)]
    return f"expected addresses as text in a packet, and there is {shown(texts[0])}" if texts else ""


class Interception:
    """Lets `function` say what `agent` does with each packet that it forwards.

    A row of the cache stays after its end, until MN registers again or is home: whether a row still holds is for the
    function to see. Once the function has failed, the home agent forwards nothing: each packet is dropped, with why.
    """

    def __init__(self, agent: HomeAgent, function: Callable[..., Packet | None]) -> None:
        self.failed = ""
        """The failure of the function, in words; empty before one."""
        self._agent = agent
        self._function = guarded("intercept", function, PARAMETERS, wrong_packet)
        self._rows: dict[Address, tuple[Address, int]] = {}
        """Home address -> care-of address, and the end of the row in nanoseconds."""
        agent.intercept = self._intercept
        agent.network.on_change(self._look)

    def _look(self) -> None:
        """Follow the binding cache, which forgets a row at its end."""
        now = self._agent.clock.now
        self._rows = {home: row for home, row in self._rows.items() if row[1] <= now}
        for each in self._agent.bindings:
            self._rows[each.home_address] = each.care_of_address, each.expires_ns

    def _intercept(self, packet: wire.Packet) -> None:
        agent = self._agent
        self._look()
        cache = {str(home): CacheEntry(str(row[0]), row[1] / NS_PER_S) for home, row in self._rows.items()}
        seen = Packet(str(packet.source), str(packet.destination), Data())
        try:
            made = None if self.failed else self._function(seen, cache, agent.clock.now / NS_PER_S)
        except FunctionFailed as error:
            made, self.failed = None, str(error)
            agent.decided("function failed", self.failed)
        if made is None:
            agent.drop(packet, self.failed or "your intercept() did not send it on")
            return
        source, destination = Address(made.source), Address(made.destination)
        is_around = isinstance(made.inside, Packet)
        inner = made.inside if is_around else made
        if (inner.source, inner.destination) != (str(packet.source), str(packet.destination)):
            packet = packet.copy()  # the trace has the one that came
            packet.source, packet.destination = Address(inner.source), Address(inner.destination)  # type: ignore[misc]
        send = agent.tunnel(source, destination) if is_around else agent.route(destination)
        if send is None or destination.is_link_local:
            agent.give_up(packet, destination)
        else:
            send(packet)
