"""Traits of a packet as seen by the data flow separator: above IP security, below UDP and TCP (Figure 3).

Plain values, seen from the mobile node: rules, sources of classification and a learner's own function look at these.
"""

from __future__ import annotations

from typing import NamedTuple

from mipflow.wire.address import Address


class Traits(NamedTuple):
    """A packet's header fields; never a care-of address, and no home address either: that is chosen later.

    protocol: "UDP", "TCP", "ICMPv6", "ESP", or another next header as a number; local_port: for ICMPv6
    the echo identifier; cn: the correspondent; remote_port: 0 for ICMPv6; outgoing: whether the mobile node sends it;
    dscp: the six bits of RFC 2474; flow_label: 20 bits, 0 for none (RFC 6437); spi: of ESP; headers: extension headers
    and options by name, such as "hop-by-hop options", "option 5", "destination options", "routing header"; application:
    what the application calls itself, empty where it does not say.
    """

    protocol: str
    local_port: int
    cn: Address
    remote_port: int
    outgoing: bool = True
    dscp: int = 0
    flow_label: int = 0
    spi: int = 0
    headers: tuple[str, ...] = ()
    application: str = ""
