"""Packets to bytes and back: the door to the four modules that write and read them.

Takes packet values and bytes; gives the other. Scapy is imported at first use, not with this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mipflow.errors import WireError
from mipflow.wire import decode as reader
from mipflow.wire import encode as writer
from mipflow.wire.encode_control import mobility_layer
from mipflow.wire.mobility import BindingAuthorizationData

if TYPE_CHECKING:
    from scapy.packet import Packet as ScapyPacket

    from mipflow.wire.mobility import MobilityMessage
    from mipflow.wire.packet import Packet

AUTHENTICATOR = 12


def to_scapy(packet: Packet) -> ScapyPacket:
    """The packet as scapy layers, every length and checksum set.

    Raises WireError, naming field and value, for a packet that has no bytes: port 70000, a cookie of 7
    octets.
    """
    try:
        return writer.to_scapy(packet)
    except WireError:
        raise
    except (
        Exception
    ) as error:  # a value of a wrong type fails somewhere in scapy: one kind of error for all of them
        raise WireError(f"{packet!r} cannot be written: {error}", packet) from error


def encode(packet: Packet) -> bytes:
    """The octets of an IPv6 packet (RFC 8200), as long as `packet.size` says.

    `decode(encode(packet)) == packet`. Raises WireError, naming field and value, for a packet that has no
    bytes.
    """
    octets = bytes(to_scapy(packet))
    if len(octets) != packet.size:
        raise WireError(
            f"size is {packet.size} but {len(octets)} octets came out: was the packet changed?", packet
        )
    return octets


def decode(data: bytes) -> Packet:
    """The packet that these octets are, no more and no less.

    `encode(decode(data)) == data` where reserved fields are zero, as every RFC asks of senders. Checksums are
    verified with the home address in its place (RFC 6275 sections 6.1.1 and 11.3.1). Raises WireError with
    the reason for anything malformed, cut off or with a wrong checksum.
    """
    try:
        return reader.decode(bytes(data))
    except WireError:
        raise
    except (
        Exception
    ) as error:  # scapy's errors are of many kinds, and a packet must never be an exception to a node
        raise WireError(f"not readable as an IPv6 packet: {error}", data) from error


def encode_mobility(message: MobilityMessage) -> bytes:
    """The octets of a Mobility Header, padding included, its checksum field zero (RFC 6275 section 6.1.1).

    Raises WireError for a message that has no bytes.
    """
    return bytes(mobility_layer(message))


def authenticated_part(message: MobilityMessage) -> bytes:
    """What the authenticator is computed over, behind the two addresses: "MH Data" of RFC 6275 section 6.2.7.

    It is the whole Mobility Header but the authenticator, its checksum field zero. The binding authorization
    data option must be there, as the last one, with 12 octets of anything. Raises WireError where it is not.
    """
    options = getattr(message, "options", ())
    if not options or not isinstance(options[-1], BindingAuthorizationData):
        raise WireError(f"{type(message).__name__} does not end in binding authorization data", message)
    return encode_mobility(message)[:-AUTHENTICATOR]
