"""The events that the machine of registrations takes: wishes, messages that came in, timers, reports.

A new event gets a class here, a place in `RegistrationEvent`, and a handler in `mip6.registrations.registrations`.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from mipflow.mip6.bindings.keygen_tokens import TestKey
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingAcknowledgement, CareOfTest, HomeTest

Pair = tuple[Address, Address]
"""(peer, home address): a registration."""


class Timers(Enum):
    """The kinds of timers; each kind has one for every key."""

    REGISTRATION = "an answer, a refresh, another attempt or the end of a registration is due"
    UPDATE = "MAX_UPDATE_RATE lets a binding update leave"
    TEST = "a test is to be repeated, or its token has become too old"
    TEST_INIT = "MAX_UPDATE_RATE lets a test init leave"


TimerKey = tuple[Timers, Pair | TestKey]


class Want(NamedTuple):
    """A home address is to be bound to a care-of address at a correspondent, or at its home agent where none is named
    (RFC 6275 sections 11.7.1 and 11.7.2).
    """

    home_address: Address
    care_of_address: Address
    correspondent: Address | None = None


class Unwant(NamedTuple):
    """A peer is to delete its binding."""

    peer: Address
    home_address: Address


class AtHome(NamedTuple):
    """A home address is on the home link, and an address of ours there (section 11.5.5)."""

    home_address: Address


class HomeAgentChanged(NamedTuple):
    """Another home agent serves the home addresses (section 11.7.1)."""

    home_agent: Address


class Heard(NamedTuple):
    """A message that came from `source` to `destination`; `through_home` where the home agent tunnelled it, or the
    destination is a home address that is at home.
    """

    message: BindingAcknowledgement | HomeTest | CareOfTest
    source: Address
    destination: Address
    through_home: bool


class Due(NamedTuple):
    """A timer has gone off."""

    timer: TimerKey


class Reachable(NamedTuple):
    """A care-of address can be reached again."""

    care_of_address: Address


class Lost(NamedTuple):
    """Care-of addresses may be lost; what was bound to those that are goes to this one."""

    care_of_address: Address


class Gone(NamedTuple):
    """A peer says that it holds a binding no longer."""

    peer: Address
    home_address: Address


class Stale(NamedTuple):
    """A registration is to be made anew; `with_tests` where the peer asked for that: with fresh tokens then."""

    peer: Address
    home_address: Address
    with_tests: bool = False


class Shortened(NamedTuple):
    """A home address is valid no longer than until `ends_ns` (section 11.4.2)."""

    peer: Address
    home_address: Address
    ends_ns: int


class Ceased(NamedTuple):
    """A correspondent does not know Mobile IPv6 (section 11.3.5)."""

    peer: Address
    why: str


class Doubted(NamedTuple):
    """A binding error says that a correspondent does not know Mobile IPv6 (section 11.3.6)."""

    peer: Address
    why: str


class Abandoned(NamedTuple):
    """A home address is not valid any more: nobody is told."""

    home_address: Address


class PrefixesLearned(NamedTuple):
    """Mobile prefix discovery has told what home prefixes are valid."""


RegistrationEvent = (
    Want | Unwant | AtHome | HomeAgentChanged | Heard | Due | Reachable | Lost | Gone | Stale | Shortened | Ceased
    | Doubted | Abandoned | PrefixesLearned
)  # fmt: skip
