"""The events that the machine of registrations takes: wishes, messages that came in, timers, reports.

A new event gets a class here, a place in `RegistrationEvent`, and a handler in `mip6.registrations.registrations`.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry
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


Answer = BindingAcknowledgement | HomeTest | CareOfTest
TimerKey = tuple[Timers, Pair | TestKey]


class Want(NamedTuple):
    """The wish to bind a home address to a care-of address at a correspondent, or at its home agent where none is named
    (RFC 6275 sections 11.7.1 and 11.7.2).
    """

    home_address: Address
    care_of_address: Address
    correspondent: Address | None = None


class Unwant(NamedTuple):
    """The wish that a peer delete its binding."""

    peer: Address
    home_address: Address


class AtHome(NamedTuple):
    """The return of a home address to the home link, where it is an address of ours (section 11.5.5)."""

    home_address: Address


class HomeAgentChanged(NamedTuple):
    """The change to another home agent, which serves the home addresses from now on (section 11.7.1)."""

    home_agent: Address


class Heard(NamedTuple):
    """A message that came from `source` to `destination`. `through_home`: True where the home agent tunnelled it, or
    the destination is a home address that is at home.
    """

    message: Answer
    source: Address
    destination: Address
    through_home: bool


class Due(NamedTuple):
    """A timer that has gone off."""

    timer: TimerKey


class Reachable(NamedTuple):
    """A care-of address that can be reached again."""

    care_of_address: Address


class Lost(NamedTuple):
    """The loss of care-of addresses: bindings to those that cannot be reached any more move to this one."""

    care_of_address: Address


class Gone(NamedTuple):
    """The report of a peer that it holds a binding no longer."""

    entry: BindingUpdateEntry


class Stale(NamedTuple):
    """A registration that is to be made anew; `with_tests`: with fresh tokens, because the peer asked for it."""

    entry: BindingUpdateEntry
    with_tests: bool = False


class Shortened(NamedTuple):
    """The end of a home address, which a binding must not outlast: `ends_ns` (section 11.4.2)."""

    entry: BindingUpdateEntry
    ends_ns: int


class Ceased(NamedTuple):
    """A correspondent that does not know Mobile IPv6 (section 11.3.5)."""

    peer: Address
    why: str


class Doubted(NamedTuple):
    """A correspondent that a binding error says not to know Mobile IPv6 (section 11.3.6)."""

    peer: Address
    why: str


class Abandoned(NamedTuple):
    """A home address that is not valid any more; nobody is told of it."""

    home_address: Address


class PrefixesLearned(NamedTuple):
    """The end of mobile prefix discovery: it is known which home prefixes are valid."""


RegistrationEvent = (
    Want | Unwant | AtHome | HomeAgentChanged | Heard | Due | Reachable | Lost | Gone | Stale | Shortened | Ceased
    | Doubted | Abandoned | PrefixesLearned
)  # fmt: skip
