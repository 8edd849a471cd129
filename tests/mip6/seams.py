"""Each role behind a port, with all others outside: what `tests.peer` drives with bytes."""

from __future__ import annotations

from typing import Any

from mipflow.flow.stack import FlowMobileNode
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.port import BytePort
from mipflow.wire.address import Address, Prefix
from tests.peer import Line

INSTANT = Link(delay_ms=0, rate_bps=None)
HOME_PREFIX, CN_PREFIX = "2001:db8:100::", "2001:db8:c1::"
HA, CN = HOME_PREFIX + "1", CN_PREFIX + "1"
HOME, OTHER_HOME = HOME_PREFIX + "77", HOME_PREFIX + "78"
CARE_OF, OTHER_CARE_OF = "2001:db8:a::77", "2001:db8:b::77"
ROUTER = "fe80::1"


class Seam:
    """A network with one node of ours and one port for each of its links."""

    def __init__(self, *links: str, trace: Any = "all") -> None:
        self.network = Network(3, trace=trace)
        self.segments = [
            self.network.add_segment(f"link {number}", INSTANT, Prefix.parse(f"{prefix}/64"))
            for number, prefix in enumerate(links)
        ]
        self.line = Line(*(BytePort(self.network, each, f"outside {n}") for n, each in enumerate(self.segments)))

    @property
    def drops(self) -> list[str]:
        """The reasons of all drops so far, with the node."""
        return [f"{drop.node}: {drop.reason}" for drop in self.network.trace.drops()]

    def tables(self) -> object:
        """All tables as they stand."""
        return self.network.trace.tables(self.network.clock.now)


class CorrespondentSeam(Seam):
    def __init__(self, **keywords: Any) -> None:
        super().__init__(CN_PREFIX, **keywords)
        self.node = CorrespondentNode(self.network, "CN")
        self.node.settle(self.segments[0], 1)


class HomeAgentSeam(Seam):
    """The home link is outside: what goes to home addresses and what comes from there are octets too."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(HOME_PREFIX, **keywords)
        self.node = HomeAgent(self.network, "HA")
        self.node.serve_home(self.segments[0], 1)


class MobileSeam(Seam):
    """Two access links, nothing on them yet but the mobile node."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__("2001:db8:a::", "2001:db8:b::", **keywords)
        self.node = FlowMobileNode(
            self.network, "MN", home_agent=Address(HA), home_address=Address(HOME),
            home_prefix=Prefix.parse(HOME_PREFIX + "/64"),
        )  # fmt: skip
        for name, segment in zip(("wlan0", "cell0"), self.segments, strict=True):
            self.node.visit(name, segment)
