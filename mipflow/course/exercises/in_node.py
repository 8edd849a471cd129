"""A learner's `assign(flow, homes, flows, allocate)` inside the simulated mobile node, right or wrong.

The node expects an address of its table, or None for a new one; the learner has a list of names, and writes into it.
Between the two stands `InNode`: it keeps the learner's own list from call to call, so that an address that was not
written down stays unknown to them in the node as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from mipflow.errors import FunctionFailed, ProtocolMisuse, shown
from mipflow.flow.learner.guard import Guarded
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.view.story.words import series
from mipflow.wire.address import Address

T = TypeVar("T")
PARAMETERS = "flow, homes, flows, allocate"


class FlowRow:
    """A flow as a learner sees it: `number`, `cn`, `port` of the correspondent node, and `home`, None for a new one."""

    __slots__ = ("cn", "home", "number", "port")

    def __init__(self, number: int, cn: str, home: str | None = None, port: int = 0) -> None:
        for name, value in (("number", number), ("cn", cn), ("home", home), ("port", port)):
            object.__setattr__(self, name, value)

    number: int
    cn: str
    home: str | None
    port: int

    def __setattr__(self, name: str, value: object) -> None:
        raise ProtocolMisuse(f"flow {self.number} cannot be changed here ({name}); return your answer instead", value)

    def at(self, home: str) -> FlowRow:
        """The same flow with its home address."""
        return FlowRow(self.number, self.cn, home, self.port)

    def __repr__(self) -> str:
        return f"flow {self.number} to {self.cn}" + (f" at {self.home}" if self.home else "")


class Own(list[T]):
    """A learner's own list, which they may write into, for the guard copies plain lists. `given`: its first content."""

    def __init__(self, given: Iterable[T] = ()) -> None:
        super().__init__(given)
        self.given = tuple(self)

    def changed(self, named: Callable[[Any], str] = str) -> str:
        """Say how the list was changed that was given only to look at: "flow 3 came in"; empty where it was not."""
        if tuple(self) == self.given:
            return ""
        came = [shown(each, str) for each in self if each not in self.given]
        gone = [named(each) for each in self.given if each not in self]
        told = [f"{series(each[:2])} {verb}" for each, verb in ((came, "came in"), (gone, "went")) if each]
        other = "it has another order" if len(self) == len(self.given) else "one stands there twice"
        return " and ".join(told) or other


class Fresh:
    """The learner's `allocate()`, which gives a fresh name at each call; `given` are all so far."""

    def __init__(self, given: Iterable[str]) -> None:
        self.given = list(given)

    def __call__(self) -> str:
        self.given.append(self.peek())
        return self.given[-1]

    def peek(self) -> str:
        """Return the name that comes next."""
        return f"H@{len(self.given) + 1}"


def wrong_name(result: object, flow: object, homes: list[str], flows: object, allocate: Fresh) -> str:
    """Say what is wrong with a result of `assign`; empty where nothing is."""
    known = [*homes, *allocate.given] if isinstance(homes, list) else allocate.given
    if type(result) is str and result in known:
        return ""
    return "expected one of `homes`, or what allocate() gave"


class InNode:
    """A learner's function as `figure2(assign=InNode(mine))` takes it.

    homes: the learner's list at the beginning, with names of the addresses that the node has at the first call, the
    primary first.
    """

    def __init__(self, assign: Callable[..., Any], homes: Iterable[str] = ("H@1",)) -> None:
        self._assign = Guarded("assign", assign, PARAMETERS, wrong_name)
        self.cns: dict[Address, str] = {}
        """The correspondent nodes' names, by address."""
        self.homes = Own(homes)
        self.fresh = Fresh(self.homes)
        self.failed = ""
        """The latest failure of the learner's function, in words."""
        self._names: dict[Address, str] = {}
        self._waiting: dict[int, str] = {}
        """Flow -> the name that it was given while it waits for its address."""
        self._used = {*self.homes}

    def __call__(self, flow: FlowMappingEntry, homes: HomeAddressTable, flows: FlowMappingTable) -> Address | None:
        """Return the home address for a new flow, or None for a new address. Raises FunctionFailed."""
        if not self._names:
            self._names = {each.home_address: name for each, name in zip(homes, self.fresh.given, strict=False)}
        rows = [self._row(each) for each in flows if each is not flow and each.flow_id != flow.flow_id]
        self._name_what_nobody_has(homes, flows)
        try:
            given = self._assign(self._row(flow), self.homes, rows, self.fresh)
        except FunctionFailed as error:
            self.failed = str(error)
            raise
        self._used.add(given)
        for address, name in self._names.items():
            if name == given:
                if address in homes:
                    return address
                raise FunctionFailed(f"your assign() gave {shown(given)}, which has been given back", given)
        self._waiting[flow.flow_id] = given
        return None

    def _name_what_nobody_has(self, homes: HomeAddressTable, flows: FlowMappingTable) -> None:
        """Give an address whose flow ended before the next call the name that the flow was given."""
        running = {each.flow_id for each in flows}
        ended = [flow_id for flow_id in self._waiting if flow_id not in running]
        nameless = [each.home_address for each in homes if each.home_address not in self._names]
        had = [address for address in nameless if address not in flows.used]
        for flow_id, address in zip(ended, had, strict=False):
            self._names[address] = self._waiting.pop(flow_id)

    @property
    def lost(self) -> int:
        """The number of addresses that were asked for, and neither written down nor given to a flow."""
        return len({*self.fresh.given} - self._used - {*self.homes})

    def _row(self, entry: FlowMappingEntry) -> FlowRow:
        name = None
        if entry.home_address is not None:
            waited = self._waiting.pop(entry.flow_id, str(entry.home_address))
            name = self._names.setdefault(entry.home_address, waited)
        ports = entry.flow_information.traits
        return FlowRow(entry.flow_id, self.cns.get(entry.cn, str(entry.cn)), name, ports.remote_port)
