"""Resets: the answer to a TCP segment of no connection (RFC 9293 section 3.10.7.1). Pure."""

from __future__ import annotations

from mipflow.wire.packet import TCP


def reset_for(segment: TCP) -> list[TCP]:
    """Return the reset that answers a segment of no connection; none answers a reset."""
    if segment.rst:
        return []
    ports = segment.destination_port, segment.source_port
    if segment.ack:
        return [TCP(*ports, segment.acknowledgement, rst=True, window=0)]
    end = segment.sequence + len(segment.payload) + segment.syn + segment.fin
    return [TCP(*ports, 0, end & 0xFFFF_FFFF, rst=True, ack=True, window=0)]
