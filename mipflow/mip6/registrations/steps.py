"""The steps that the machine of registrations gives back: each is one thing for the node around it to do.

`mip6.registrations.registrar` carries them out. A new step gets a class here, a place in `Step`, and a row in the
registrar's table.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry
from mipflow.mip6.bindings.keygen_tokens import TestKey
from mipflow.mip6.registrations.events import TimerKey
from mipflow.sim.trace import Change
from mipflow.wire.mobility import BindingUpdate, CareOfTestInit, HomeTestInit

WAITS = "handover waits"
"""The name of a traced decision about a home address at a peer: "2001:db8:100::11 at 2001:db8:a::1: the reason"."""


class SendUpdate(NamedTuple):
    """Send a binding update."""

    entry: BindingUpdateEntry
    message: BindingUpdate


class SendTestInit(NamedTuple):
    """Send a test init; that of a home test goes through the home agent (section 11.6.1)."""

    key: TestKey
    message: HomeTestInit | CareOfTestInit


class SetTimer(NamedTuple):
    """Have a timer go off at `t_ns`, in the place of any time set before; None stops it."""

    timer: TimerKey
    t_ns: int | None


class Changed(NamedTuple):
    """Record changes of the binding update list or of the tests."""

    changes: list[Change]


class Decided(NamedTuple):
    """Record a decision that no table shows."""

    what: str
    why: str


class Ignored(NamedTuple):
    """Drop the message that was heard, since it counts for nothing."""

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
    """Tell news to the mobile node; all that it does then runs before the next step."""

    news: News
    about: tuple[object, ...] = ()


Step = SendUpdate | SendTestInit | SetTimer | Changed | Decided | Ignored | Notify
