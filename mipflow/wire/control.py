"""Signalling: ICMPv6 messages and Mobility Headers to layers and back, their checksum fields zero or already verified.

Takes a message and gives its layer, or octets and gives the message. `codec` puts the layer into a packet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mipflow.errors import WireError
from mipflow.wire import icmpv6, mobility
from mipflow.wire.icmpv6 import IcmpMessage, NeighborOption
from mipflow.wire.mobility import MobilityMessage, MobilityOption
from mipflow.wire.options import cut, read_options, write_options
from mipflow.wire.packet import NO_NEXT_HEADER, WithOptions

if TYPE_CHECKING:
    from mipflow.wire.layers import Layer

WITHOUT_PARAMETER = (icmpv6.DESTINATION_UNREACHABLE, icmpv6.TIME_EXCEEDED)
"""ICMPv6 errors with 32 unused bits (RFC 4443 sections 3.1 and 3.3)."""


def write_mobility(message: MobilityMessage) -> Layer:
    """The Mobility Header. Raises WireError for a value that has no bytes."""
    if message.size > 2048:
        raise WireError(f"a Mobility Header of {message.size} octets; expected at most 2048", message)
    structure: dict[str, object] = {"len": message.size // 8 - 1, "cksum": 0}
    if isinstance(message, WithOptions):
        structure["options"] = write_options(message.options, message.fixed)
        if not isinstance(message, mobility.BindingError):  # the one class of scapy without this switch
            structure["autopad"] = 0
    return message.form.write(message, **structure)


def read_mobility(data: bytes, pointer: int) -> MobilityMessage:
    """The message in a Mobility Header at octet `pointer` of its packet, checked as in RFC 6275 9.2."""
    proto, kind, size = data[0], data[2], 8 * (data[1] + 1)
    form = MobilityMessage.forms.get(kind)
    if form and proto != NO_NEXT_HEADER:  # of an unknown type only that it is unknown matters
        raise WireError(f"payload proto {proto} in a Mobility Header; expected 59", proto, pointer)
    if form and size < (least := form.fixed + -form.fixed % 8):
        raise WireError(f"Mobility Header type {kind} of {size} octets; expected at least {least}", size, pointer + 1)
    if size != len(data):
        raise WireError(f"a Mobility Header of {size} octets, but {len(data)} are there", size)
    if form is None:
        return mobility.UnknownMobilityMessage(kind, data[6:])
    message: MobilityMessage = form.read(data, options=read_options(MobilityOption, data, form.fixed))
    return message


def write_icmp(message: IcmpMessage) -> Layer:
    """The ICMPv6 message with its options. Raises WireError for a value that has no bytes."""
    layer = message.form.write(message, cksum=0)
    if isinstance(message, icmpv6.IcmpError) and message.parameter and message.type in WITHOUT_PARAMETER:
        reason = f"parameter {message.parameter} of ICMPv6 error {message.type}; expected 0"
        raise WireError(reason, message.parameter)
    for option in getattr(message, "options", ()):
        layer.add_payload(option.form.write(option, len=option.size // 8))
    return layer


def read_icmp(data: bytes) -> IcmpMessage:
    """The ICMPv6 message of at least 4 octets."""
    kind, code = data[0], data[1]
    form = IcmpMessage.find(kind)
    if len(data) < form.fixed:
        raise WireError(f"ICMPv6 type {kind} of {len(data)} octets; expected {form.fixed}", data)
    known: dict[str, object] = {"parameter": 0} if kind in WITHOUT_PARAMETER else {}
    if code and form.value not in (icmpv6.IcmpError, icmpv6.UnknownIcmp):
        raise WireError(f"ICMPv6 type {kind} with code {code}; expected 0", code)
    if issubclass(form.value, icmpv6.WithNeighborOptions):  # in units of 8 octets (RFC 4861 section 4.6)
        pieces = cut(data[form.fixed :], NeighborOption.family, lambda rest: 8 * rest[1])
        known["options"] = tuple(map(_neighbor_option, pieces))
    message: IcmpMessage = form.read(data, **known)
    if message.size != len(data):
        raise WireError(f"ICMPv6 type {kind} of {len(data)} octets; expected {message.size}", data)
    return message


def _neighbor_option(data: bytes) -> NeighborOption:
    form = NeighborOption.find(data[0], len(data))
    known = {"target": data[0] == 2} if form.value is icmpv6.LinkLayerAddress else {}
    option: NeighborOption = form.read(data, **known)
    return option
