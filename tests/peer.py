"""The other end of a port: a peer made of scapy, hmac and hashlib, which knows RFC 6275 and nothing of mipflow.

It builds what a mobile node, a home agent, a correspondent node or a router sends, and reads what comes back, from the
texts of RFC 6275 (sections 5.2, 6.1 to 6.4), RFC 4861 and RFC 2473. Every packet that comes back is checked for its
length and its checksum.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from scapy.layers.inet import UDP
from scapy.layers.inet6 import (
    HAO,
    MIP6MH_BA,
    MIP6MH_BE,
    MIP6MH_BU,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptPrefixInfo,
    ICMPv6ParamProblem,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrRouting,
    MIP6MH_CoT,
    MIP6MH_CoTI,
    MIP6MH_HoT,
    MIP6MH_HoTI,
    MIP6OptAltCoA,
    MIP6OptBindingAuthData,
    MIP6OptNonceIndices,
    in6_chksum,
    inet_pton,
)
from scapy.packet import Packet as Layer
from scapy.packet import Raw

from tests.oracles import packet_faults

S = 1_000_000_000
NOBODY, ALL_NODES = "::", "ff02::1"
NUMBERS = {UDP: 17, ICMPv6EchoRequest: 58}


def octets_of(address: str) -> bytes:
    return bytes(inet_pton(10, address))


# --- packets ---------------------------------------------------------------------------------------------------------


def packet(
    source: str, destination: str, upper: Layer | bytes, *, home: str | None = None, to_home: str | None = None,
    hop_limit: int = 64,
) -> Layer:  # fmt: skip
    """Return an IPv6 packet; `home`: with a Home Address option (6.3), `to_home`: with a type 2 routing header (6.4).
    """
    whole: Layer = IPv6(src=source, dst=destination, hlim=hop_limit)
    if to_home is not None:
        whole /= IPv6ExtHdrRouting(type=2, segleft=1, addresses=[to_home])
    if home is not None:
        whole /= IPv6ExtHdrDestOpt(options=[HAO(hoa=home)])
    return whole / upper


def tunnelled(source: str, destination: str, inner: Layer | bytes) -> Layer:
    """RFC 2473 section 3."""
    return IPv6(src=source, dst=destination, nh=41) / inner


def echo(number: int = 1, identifier: int = 7) -> Layer:
    return ICMPv6EchoRequest(id=identifier, seq=number, data=b"are you there")


def home_update(sequence: int, care_of: str, *, lifetime_s: int = 400, flags: str = "HA") -> Layer:
    """Return a binding update for a home agent (11.7.1)."""
    return MIP6MH_BU(seq=sequence, flags=flags, mhtime=lifetime_s // 4, options=[MIP6OptAltCoA(acoa=care_of)])


def signed(message: Layer, key: bytes, care_of: str, correspondent: str) -> Layer:
    """Return a binding update or acknowledgement with its authenticator behind its options (6.2.7)."""

    def made(authenticator: bytes) -> Layer:
        copy = message.copy()
        option = MIP6OptBindingAuthData(olen=12, authenticator=int.from_bytes(authenticator, "big"))
        copy.options = [*message.options, option]
        return copy

    unsigned = made(bytes(12))
    unsigned.cksum = 0
    return made(authenticator(key, care_of, correspondent, bytes(unsigned)[:-12]))


def authenticator(key: bytes, care_of: str, correspondent: str, data: bytes) -> bytes:
    """First (96, HMAC_SHA1 (Kbm, care-of address | correspondent | MH Data)) (6.2.7)."""
    return hmac.new(key, octets_of(care_of) + octets_of(correspondent) + data, hashlib.sha1).digest()[:12]


def update(
    sequence: int, indices: tuple[int, int], *, lifetime_s: int = 400, flags: str = "A", more: tuple[Layer, ...] = ()
) -> Layer:
    """Return a binding update for a correspondent node, to be signed (11.7.2)."""
    options = [*more, MIP6OptNonceIndices(olen=4, hni=indices[0], coni=indices[1])]
    return MIP6MH_BU(seq=sequence, flags=flags, mhtime=lifetime_s // 4, options=options)


def is_signed(heard: Heard, key: bytes, care_of: str, correspondent: str) -> bool:
    """Return True where a Mobility Header ends in the right authenticator."""
    data = heard.mobility
    if data[-14:-12] != b"\x05\x0c":
        return False
    return data[-12:] == authenticator(key, care_of, correspondent, data[:4] + bytes(2) + data[6:-12])


def router_advertisement(router: str, prefix: str, destination: str = ALL_NODES) -> Layer:
    option = ICMPv6NDOptPrefixInfo(prefix=prefix, prefixlen=64, L=1, A=1)
    return packet(router, destination, ICMPv6ND_RA(routerlifetime=1800) / option, hop_limit=255)


def neighbor_advertisement(owner: str, target: str) -> Layer:
    return packet(owner, ALL_NODES, ICMPv6ND_NA(tgt=target, R=0, S=0, O=1), hop_limit=255)


# --- what comes back -------------------------------------------------------------------------------------------------


class Heard:
    """Octets that came out of port number `at` at `t_ns`."""

    def __init__(self, t_ns: int, octets: bytes, at: int = 0) -> None:
        self.t_ns = t_ns
        self.at = at
        self.octets = octets
        self.layer: Any = IPv6(octets)
        assert len(octets) == 40 + self.layer.plen, "payload length"
        assert packet_faults(octets) == []
        self._check(self.inner)

    def _check(self, inner: Any) -> None:
        """ICMPv6 and UDP checksums by scapy, over the addresses that the two ends see (RFC 6275 section 11.3.1)."""
        for kind, number in ((UDP, 17), (ICMPv6EchoRequest, 58), (ICMPv6EchoReply, 58), (ICMPv6ParamProblem, 58)):
            if kind in inner:
                ends = IPv6(src=self.home or inner.src, dst=self.to_home or inner.dst)
                assert in6_chksum(number, ends, bytes(inner[kind])) == 0

    @property
    def inner(self) -> Any:
        """The packet inside all tunnels."""
        layer = self.layer
        while layer.nh == 41:
            layer = layer.payload
        return layer

    @property
    def is_tunnelled(self) -> bool:
        return bool(self.layer.nh == 41)

    @property
    def mobility(self) -> bytes:
        """The octets of the Mobility Header."""
        layer: Any = self.inner
        while getattr(layer, "nh", 59) in (43, 60):
            layer = layer.payload
        return bytes(layer.payload)

    @property
    def home(self) -> str | None:
        """From a Home Address option."""
        inner = self.inner
        return inner[HAO].hoa if inner.nh == 60 and HAO in inner else None

    @property
    def to_home(self) -> str | None:
        """From a type 2 routing header."""
        inner = self.inner
        return inner[IPv6ExtHdrRouting].addresses[0] if inner.nh == 43 else None

    @property
    def ends(self) -> tuple[str, str]:
        return self.layer.src, self.layer.dst

    def __contains__(self, kind: object) -> bool:
        return kind in self.inner

    def __getitem__(self, kind: Any) -> Any:
        return self.inner[kind]

    def __repr__(self) -> str:
        return f"<{self.t_ns / S} {self.layer.summary()}>"


Answer = Callable[[Heard], "Layer | bytes | None"]


class Line:
    """The outside of the ports of one network, with the clock in its hand."""

    def __init__(self, *ports: Any) -> None:
        self.ports = ports
        self.now = 0
        self.heard: list[Heard] = []
        self.said: list[tuple[int, int, bytes]] = []
        """Time, port and octets of all that was sent: said again to a twin, it does the same."""
        self.answers: list[Answer] = []
        """Each is shown what comes back, and gives what to send at once to the same port, or None."""

    def send(self, what: Layer | bytes, at: int = 0) -> list[Heard]:
        """Send one packet to a port; gives what comes back at once, from all."""
        before = len(self.heard)
        self.said.append((self.now, at, bytes(what)))
        self._hear(at, self.ports[at].receive_octets(bytes(what), self.now))
        self._poll()
        return self.heard[before:]

    def ask(self, what: Layer | bytes, kind: Any) -> Heard:
        """Send one packet; gives the one of a kind that comes back at once."""
        (answer,) = (heard for heard in self.send(what) if kind in heard)
        return answer

    def wait(self, seconds: float) -> list[Heard]:
        """Let time pass, calling the ports when they ask for it; gives what came back."""
        before, end = len(self.heard), self.now + round(seconds * S)
        while True:
            due = self.ports[0].next_ns()  # they share one clock
            self.now = end if due is None else max(self.now, min(due, end))
            self._poll()
            if self.now == end and (due is None or due >= end):
                return self.heard[before:]

    def _poll(self) -> None:
        for at, port in enumerate(self.ports):
            self._hear(at, port.poll(self.now))

    def _hear(self, at: int, departed: list[bytes]) -> None:
        for octets in departed:
            heard = Heard(self.now, octets, at)
            self.heard.append(heard)
            for answer in self.answers:
                reply = answer(heard)
                if reply is not None:
                    self.send(reply, at)

    def all(self, kind: Any) -> list[Heard]:
        """Return all of a kind that came back so far."""
        return [heard for heard in self.heard if kind in heard]


__all__ = [
    "ICMPv6EchoReply", "ICMPv6EchoRequest", "ICMPv6ND_NA", "ICMPv6ND_NS", "ICMPv6ND_RA", "ICMPv6ND_RS",
    "ICMPv6ParamProblem", "MIP6MH_BA", "MIP6MH_BE", "MIP6MH_BU", "MIP6MH_CoT", "MIP6MH_CoTI", "MIP6MH_HoT",
    "MIP6MH_HoTI", "Raw", "UDP",
]  # fmt: skip
