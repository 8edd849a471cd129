"""Reasons for which the update that moves a registration has to wait, as decisions in words. Pure."""

from __future__ import annotations

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.constants import MAX_UPDATE_RATE
from mipflow.mip6.registrations.events import Decided

WAITS = "handover waits"
"""A decision about a home address at a peer: "2001:db8:100::11 at 2001:db8:a::1: what it waits for"."""


def waits(entry: BindingUpdateEntry, what: str) -> list[Decided]:
    """Say what a registration that moves waits for, each time that it is something else; nothing of any other."""
    is_move = entry.registered not in (None, entry.care_of_address) and entry.state is not State.DELETING
    if not is_move or entry.waits_for == what:
        return []
    entry.waits_for = what
    return [Decided(WAITS, f"{entry.home_address} at {entry.peer}: {what}")]


def its_turn(entry: BindingUpdateEntry, messages: str) -> list[Decided]:
    """The same of MAX_UPDATE_RATE (RFC 6275 section 11.8)."""
    return waits(entry, f"its turn, as {MAX_UPDATE_RATE} {messages} a second may go to {entry.peer}")
