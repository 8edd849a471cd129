"""Each role behind a port, with all others outside: `tests.peer` drives it with bytes."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.mip6 import discovery
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.port import BytePort
from mipflow.wire.address import Address, Prefix
from tests.peer import (
    MIP6MH_BA,
    MIP6MH_BU,
    UDP,
    Heard,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_RS,
    Layer,
    Line,
    MIP6MH_CoT,
    MIP6MH_CoTI,
    MIP6MH_HoT,
    MIP6MH_HoTI,
    echo,
    home_update,
    is_signed,
    octets_of,
    packet,
    router_advertisement,
    signed,
    tunnelled,
    update,
)

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

    def tables(self) -> dict[str, dict[str, dict[str, Any]]]:
        """All tables as they stand."""
        return self.network.trace.tables(self.network.clock.now)  # type: ignore[return-value]

    @property
    def bound(self) -> list[str]:
        """The home addresses in the binding cache of the node."""
        return sorted(self.tables().get(self.node.name, {}).get("binding cache", {}))  # type: ignore[attr-defined]


class CorrespondentSeam(Seam):
    def __init__(self, **keywords: Any) -> None:
        super().__init__(CN_PREFIX, **keywords)
        self.node = CorrespondentNode(self.network, "CN")
        self.node.settle(self.segments[0], 1)


class HomeAgentSeam(Seam):
    """A home agent whose home link is outside: packets to and from home addresses are octets too."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(HOME_PREFIX, **keywords)
        self.node = HomeAgent(self.network, "HA")
        self.node.serve_home(self.segments[0], 1)
        discovery.of_home_agent(self.node)


class MobileSeam(Seam):
    """A mobile node on two access links, alone there."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__("2001:db8:a::", "2001:db8:b::", **keywords)
        self.node = FlowMobileNode(
            self.network, "MN", home_agent=Address(HA), home_address=Address(HOME),
            home_prefix=Prefix.parse(HOME_PREFIX + "/64"),
        )  # fmt: skip
        discovery.of_mobile_node(self.node.mobility)
        for name, segment in zip(("wlan0", "cell0"), self.segments, strict=True):
            self.node.visit(name, segment)


# --- the peers of each ------------------------------------------------------------------------------------------------


class MobilePeer:
    """A mobile node by hand, which tests return routability with our correspondent node (section 5.2.5)."""

    def __init__(self) -> None:
        self.seam = CorrespondentSeam()
        self.line = self.seam.line

    def test(self, home: str = HOME, care_of: str = CARE_OF) -> tuple[tuple[int, int], bytes]:
        """Make both tests. Return the nonce indices and Kbm."""
        of_home = self.line.ask(packet(home, CN, MIP6MH_HoTI(cookie=b"cookie 1")), MIP6MH_HoT)
        of_care_of = self.line.ask(packet(care_of, CN, MIP6MH_CoTI(cookie=b"cookie 2")), MIP6MH_CoT)
        assert of_home.ends == (CN, home) and of_care_of.ends == (CN, care_of), "to where each came from (5.2.5)"
        assert of_home[MIP6MH_HoT].cookie == b"cookie 1" and of_care_of[MIP6MH_CoT].cookie == b"cookie 2"
        indices = (of_home[MIP6MH_HoT].index, of_care_of[MIP6MH_CoT].index)
        return indices, hashlib.sha1(of_home[MIP6MH_HoT].token + of_care_of[MIP6MH_CoT].token).digest()

    def bind(self, sequence: int = 1, home: str = HOME, care_of: str = CARE_OF, **fields: object) -> Heard:
        indices, key = self.test(home, care_of)
        message = signed(update(sequence, indices, **fields), key, care_of, CN)  # type: ignore[arg-type]
        answer = self.line.ask(packet(care_of, CN, message, home=home), MIP6MH_BA)
        assert answer.ends == (CN, care_of) and answer.to_home == home
        assert is_signed(answer, key, care_of, CN)
        return answer

    def reaches(self, home: str) -> str:
        """Return the address to which our node sends packets for a home address."""
        answer = self.line.ask(packet(home, CN, echo()), ICMPv6EchoReply)
        return str(answer.layer.dst)


class AwayPeer:
    """A mobile node away from home, and the whole home link but for its router: our home agent."""

    def __init__(self) -> None:
        self.seam = HomeAgentSeam()
        self.line = self.seam.line
        self.line.wait(3)
        self.sequence = 0

    def send(self, message: Layer, home: str = HOME, care_of: str = CARE_OF) -> list[Heard]:
        return self.line.send(packet(care_of, HA, message, home=home))

    def register(self, home: str = HOME, care_of: str = CARE_OF, **fields: object) -> Heard:
        """Register and wait for the acknowledgement."""
        self.sequence += 1
        before = len(self.line.heard)
        self.send(home_update(self.sequence, care_of, **fields), home, care_of)  # type: ignore[arg-type]
        self.line.wait(1.5)
        (answer,) = (heard for heard in self.line.heard[before:] if MIP6MH_BA in heard)
        assert answer.ends == (HA, care_of) and answer.to_home == home
        return answer

    def intercepted(self, home: str) -> tuple[str, str] | None:
        """Return the tunnel through which the home agent sends packets for a home address; None without one."""
        arrived = self.line.send(packet(CN, home, echo()))
        (answer,) = (heard for heard in arrived if ICMPv6EchoRequest in heard) if arrived else (None,)
        return answer.ends if answer is not None and answer.is_tunnelled else None


PREFIXES = ("2001:db8:a::", "2001:db8:b::")
KCN, NONCES = b"a correspondent's key", {4: b"nonce of", 5: b"the home", 6: b"care-of "}


class AllOthers:
    """Two access routers, a home agent and a correspondent node by hand, around our mobile node."""

    def __init__(self) -> None:
        self.seam = MobileSeam()
        self.line, self.node = self.seam.line, self.seam.node
        self.statuses: dict[tuple[str, str], list[int]] = {}
        """(who answers, home address) -> statuses for the next binding updates; 0 where none is left."""
        self.bound: dict[tuple[str, str], str] = {}
        """(who holds it, home address) -> care-of address, as the binding updates said."""
        self.got: list[tuple[bytes, str, str]] = []
        """Datagrams that our node sent over UDP: data, source on the wire, kind of road."""
        self.line.answers.append(self.answer)

    def answer(self, heard: Heard) -> Layer | None:
        if ICMPv6ND_RS in heard:
            return router_advertisement(ROUTER, PREFIXES[heard.at])
        if MIP6MH_BU in heard:
            return self.acknowledged(heard) if heard.layer.dst == HA else self.checked(heard)
        if MIP6MH_HoTI in heard or MIP6MH_CoTI in heard:
            return self.tested(heard)
        if UDP in heard:
            kind = "tunnel" if heard.is_tunnelled else "straight" if heard.home else "plain"
            self.got.append((bytes(heard[UDP].payload), heard.layer.src, kind))
        return None

    def tested(self, heard: Heard) -> Layer:
        """Answer a test with a token of the source address (section 5.2.5); a home test through the tunnel."""
        is_home = MIP6MH_HoTI in heard
        index, tail = (5, b"\0") if is_home else (6, b"\1")
        source, message = heard.inner.src, heard[MIP6MH_HoTI if is_home else MIP6MH_CoTI]
        assert heard.inner.dst == CN and heard.is_tunnelled == is_home
        answer = (MIP6MH_HoT if is_home else MIP6MH_CoT)(
            index=index, cookie=message.cookie, token=self.token(source, index, tail)
        )
        if not is_home:
            return packet(CN, source, answer)
        assert heard.ends == (self.bound[HA, source], HA), "from where that home address is registered (10.4.5)"
        return tunnelled(HA, heard.layer.src, packet(CN, source, answer))

    def token(self, address: str, index: int, tail: bytes) -> bytes:
        return hmac.new(KCN, octets_of(address) + NONCES[index] + tail, hashlib.sha1).digest()[:8]

    def acknowledged(self, heard: Heard) -> Layer:
        """Acknowledge as a home agent, which asks for no proof without IP security (10.3 and 11.7.1)."""
        message, home, care_of = heard[MIP6MH_BU], heard.home, heard.layer.src
        assert home is not None and heard.mobility[8] & 0xC0 == 0xC0, "A and H"
        alternate = [option.acoa for option in message.options if option.otype == 3]
        assert alternate == [care_of], "in every home registration"
        return self.reply(HA, home, care_of, message, MIP6MH_BA(seq=message.seq, mhtime=message.mhtime, flags=0))

    def checked(self, heard: Heard) -> Layer | None:
        """Check the authenticator as a correspondent node, and sign the answer (9.5.1)."""
        message, home, care_of = heard[MIP6MH_BU], heard.home, heard.layer.src
        assert home is not None and not heard.mobility[8] & 0x40, "no H"
        indices = next(option for option in message.options if option.otype == 4)
        assert (indices.hni, indices.coni) == (5, 6)
        key = hashlib.sha1(self.token(home, 5, b"\0") + self.token(care_of, 6, b"\1")).digest()
        assert is_signed(heard, key, care_of, CN)
        answer = MIP6MH_BA(seq=message.seq, mhtime=message.mhtime, flags=0)
        return self.reply(CN, home, care_of, message, answer, key)

    def reply(
        self, who: str, home: str, care_of: str, message: Layer, answer: Layer, key: bytes | None = None
    ) -> Layer:
        waiting = self.statuses.get((who, home), [])
        answer.status = waiting.pop(0) if waiting else 0
        if answer.status < 128 and message.mhtime:
            self.bound[who, home] = care_of
        elif answer.status < 128:
            self.bound.pop((who, home), None)
        if key is not None and answer.status not in (136, 137, 138):
            answer = signed(answer, key, care_of, CN)
        return packet(who, care_of, answer, to_home=home)

    def arrive(self) -> None:
        """Let the node get its care-of addresses and register."""
        self.line.wait(6)
        assert self.bound == {(HA, HOME): CARE_OF}

    def talk(self, port: int, data: bytes, seconds: float = 5) -> tuple[bytes, str, str]:
        """Let our node say something to the correspondent. Return the packet that came out last, after a while."""
        self.sockets = getattr(self, "sockets", {})
        if port not in self.sockets:
            self.sockets[port] = self.node.udp(port, (Address(CN), 7))
        self.sockets[port].send(data)
        self.line.wait(seconds)
        return self.got[-1]

    def flow(self, port: int) -> int:
        """Return the id of the flow from a local port."""
        return next(entry.flow_id for entry in self.node.flows if entry.flow_information.traits.local_port == port)
