"""The one door to scapy: the parts of it that mipflow uses, and the layers that it lacks.

Takes nothing; gives scapy's modules and classes as attributes. Importing this module does not import scapy:
the first attribute that is asked for does (some tenths of a second).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scapy.fields import RawVal
    from scapy.layers import dhcp6, inet, inet6
    from scapy.packet import Packet as Layer
    from scapy.packet import Raw

    ipsec: Any  # its functions have no types

__all__ = [  # noqa: F822  # defined at first use
    "dhcp6", "inet", "inet6", "ipsec", "Layer", "Raw", "RawVal", "RoutingHeaderOctets",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    global dhcp6, ipsec
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    known = globals()
    if "Layer" not in known:
        known.update(_load())
    # Few worlds need these: one takes a fifth of the time of all others, and one brings the package `cryptography` in.
    if name == "dhcp6":
        from scapy.layers import dhcp6
    elif name == "ipsec":
        from scapy.layers import ipsec
    return known[name]


def _load() -> dict[str, Any]:
    import logging

    for logger in ("scapy", "scapy.runtime", "scapy.loading"):
        # It warns of this machine's interfaces and routes, or that it knows no such machine: none of that is used.
        logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
    with _ipv6_without_sockets():
        from scapy.config import conf

        conf.route_autoload = conf.route6_autoload = False  # nor does it have to look for them
        from scapy.fields import ByteEnumField, ByteField, RawVal, StrLenField
        from scapy.layers import inet, inet6
        from scapy.packet import Packet, Raw

    # Of RFC 6275 itself; scapy's list ends at 150.
    inet6.bastatus.setdefault(174, "Invalid Care-of Address")

    class RoutingHeaderOctets(inet6._IPv6ExtHdr):
        """A routing header whose type-specific data is kept as octets: scapy knows types 0, 2 and 4 only."""

        name = "IPv6 Option Header Routing (type-specific data as octets)"
        fields_desc = [
            ByteEnumField("nh", 59, inet6.ipv6nh), ByteField("len", 0), ByteField("type", 253), ByteField("segleft", 0),
            StrLenField("data", b"\x00" * 4, length_from=lambda packet: 8 * packet.len + 4),
        ]

    own = {"RawVal": RawVal, "RoutingHeaderOctets": RoutingHeaderOctets}
    return own | {"inet": inet, "inet6": inet6, "Layer": Packet, "Raw": Raw}


@contextmanager
def _ipv6_without_sockets() -> Iterator[None]:
    """Have scapy's IPv6 layers load where Python has no IPv6 sockets, as in a browser: they ask for them, though
    packets need none. The two conversions of addresses that they need are scapy's own, then and later.
    """
    import socket

    if socket.has_ipv6:
        yield
        return
    vars(socket).setdefault("AF_INET6", 10)  # only ever a word for which of scapy's conversions is meant
    socket.has_ipv6 = True
    try:
        from scapy import config, pton_ntop

        config.conf.ipv6_enabled = True  # where somebody has imported scapy before
        conversions: Any = pton_ntop
        conversions.socket = SimpleNamespace(has_ipv6=False, error=OSError)
        yield
    finally:
        socket.has_ipv6 = False
