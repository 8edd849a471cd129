"""The values that go into the machine of registrations and come out of it: events in, steps out.

`mip6.registrations.registrations` makes steps of events; `mip6.registrations.registrar` tells it events and carries its
steps out.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry
from mipflow.mip6.bindings.keygen_tokens import TestKey
from mipflow.mip6.constants import HOME_BINDING_LIFETIME_S, MAX_RR_BINDING_LIFETIME_S
from mipflow.sim.trace import Change
from mipflow.wire.address import Address
from mipflow.wire.mobility import (
    BindingAcknowledgement,
    BindingUpdate,
    CareOfTest,
    CareOfTestInit,
    HomeTest,
    HomeTestInit,
)

Pair = tuple[Address, Address]
"""(peer, home address): a registration."""


class Timers(Enum):
    """The kinds of timers; each kind has one for every key."""

    REGISTRATION = "an answer, a refresh, another attempt or the end of a registration is due"
    UPDATE = "MAX_UPDATE_RATE lets a binding update leave"
    TEST = "a test is to be repeated, or its token has become too old"
    TEST_INIT = "MAX_UPDATE_RATE lets a test init leave"


TimerKey = tuple[Timers, Pair | TestKey]


class Settings(NamedTuple):
    """How a mobile node registers: see MobileNode."""

    reuse_tokens: bool = True
    home_lifetime_s: int = HOME_BINDING_LIFETIME_S
    binding_lifetime_s: int = MAX_RR_BINDING_LIFETIME_S


# --- events ----------------------------------------------------------------------------------------------------------


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


# --- steps -----------------------------------------------------------------------------------------------------------


class SendUpdate(NamedTuple):
    """A binding update leaves."""

    entry: BindingUpdateEntry
    message: BindingUpdate


class SendTestInit(NamedTuple):
    """A test init leaves: the home test's through the home agent (section 11.6.1)."""

    key: TestKey
    message: HomeTestInit | CareOfTestInit


class SetTimer(NamedTuple):
    """A timer is to go off at `t_ns`, and at no earlier set time; None stops it."""

    timer: TimerKey
    t_ns: int | None


class Changed(NamedTuple):
    """Rows of the binding update list, or of the tests, have changed."""

    changes: list[Change]


class Decided(NamedTuple):
    """A decision that no table shows."""

    what: str
    why: str


class Ignored(NamedTuple):
    """The message that was heard counts for nothing."""

    why: str


class News(Enum):
    """Kinds of news for the mobile node."""

    CHANGED = "a peer has acknowledged, refused or lost a registration, or it has ended"
    REFUSED = "a peer has refused a registration with a status"
    WITHOUT_MOBILITY = "a correspondent does not know Mobile IPv6"
    PREFIXES_WANTED = "the home agent says that prefix discovery is necessary"
    SILENT = "the home agent is silent at the slowest rate of retransmissions"
    NO_HOME_AGENT = "no home agent is known to register at"


class Notify(NamedTuple):
    """The mobile node is to hear of something; what it makes of it runs before the next step."""

    news: News
    about: tuple[object, ...] = ()


Step = SendUpdate | SendTestInit | SetTimer | Changed | Decided | Ignored | Notify


class Surroundings(Protocol):
    """Questions of registrations to the node that they belong to."""

    def is_home_ready(self, home_address: Address) -> bool:
        """True where packets to a home address surely reach the mobile node."""

    def is_reachable(self, address: Address) -> bool:
        """True for an address of an interface that is up, on a link that is up."""

    def home_agent_of(self, home_address: Address) -> Address:
        """The home agent's address for a home address; the unspecified one where none is known."""

    def care_of_for(self, entry: BindingUpdateEntry, care_of: Address) -> Address:
        """Where a registration goes whose care-of address cannot be reached any more; `care_of` can."""

    def valid_s(self, home_address: Address, most_s: int) -> int:
        """For how many seconds a home address is valid, at most `most_s`."""

    def update_flags(self, home_address: Address, care_of: Address) -> dict[str, bool]:
        """The bits L and K of a home registration (section 11.7.1)."""
