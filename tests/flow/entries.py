"""Entries of the flow mapping table for tests."""

from __future__ import annotations

from mipflow.flow.conversations import FlowInformation, Traits
from mipflow.flow.tables import FlowMappingEntry
from mipflow.wire.address import Address


def flow(
    number: int, cn: Address, local_port: int | None = None, word: str = "", protocol: str = "UDP", remote_port: int = 9
) -> FlowMappingEntry:
    """Return a flow that is in no table yet; its local port is its number where no other is asked for."""
    traits = Traits(protocol, number if local_port is None else local_port, cn, remote_port)
    return FlowMappingEntry(number, cn, FlowInformation(traits, word), interface="wlan0")
