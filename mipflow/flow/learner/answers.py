"""Ask a learner's `answered` what becomes of a further home address once the home agent has answered.

The binder asks here where there is such a function, and follows RFC 6275 section 11.7.3 where there is none. It is
called as answered(status, address, refused, before) and gives a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from mipflow.errors import FunctionFailed
from mipflow.flow.bindings.binder import FlowBinder
from mipflow.flow.tables import FlowMappingEntry
from mipflow.mip6.constants import HOME_RETRY_NS
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.registrations.events import Abandoned
from mipflow.wire.address import Address
from mipflow.wire.mobility import Status

Word = Literal["use", "later", "another", "give up"]
"""Use the address; ask for the same again, after 32 s; ask for another; the flow has none."""
PARAMETERS = "status, address, refused, before"
Answered = Callable[[int, Address, "list[Address]", int], Word]


class Refused(list[Address]):
    """Addresses that must not come again: a learner's own list, which they write into."""


def wrong_word(result: object, *_: object) -> str:
    """Say what is wrong with the result of a learner's `answered`; empty where nothing is."""
    known = get_args(Word)
    return "" if type(result) is str and result in known else f"expected one of {', '.join(map(repr, known))}"


class Answers:
    """Asks `function` about each acknowledgement of a further home address, until it has said what becomes of it."""

    def __init__(self, node: MobileNode, binder: FlowBinder, function: Answered) -> None:
        self._node, self._binder, self._function = node, binder, function
        self.refused = Refused()
        if hasattr(binder.pool.allocation, "refused"):  # what forms addresses looks there
            binder.pool.allocation.refused = self.refused
        self._settled: set[Address] = set()
        self._before = Counter[int]()
        """Duplicates that each flow has met."""

    def decide(self, home_address: Address, status: int) -> bool:
        """Ask what becomes of an address that the home agent answered about; return True where that is done already."""
        if home_address == self._node.primary_home_address or home_address in self._settled:
            return False
        flows = list(self._binder.flows.of_home_address(home_address))
        before = max((self._before[flow.flow_id] for flow in flows), default=0)
        try:
            word = self._function(status, home_address, self.refused, before)
        except FunctionFailed as error:
            self._node.decided("function failed", str(error))
            return False
        if word != "later":
            self._settled.add(home_address)
        for flow in flows:
            self._before[flow.flow_id] = before + (word == "another")
        is_usual = word == ("use" if status < Status.REASON_UNSPECIFIED else "later")
        is_duplicate = status == Status.DUPLICATE_ADDRESS_DETECTION_FAILED
        if is_usual and not is_duplicate:
            return False
        if word == "use":
            for flow in flows:
                self._binder.make_ready(flow)
        elif word != "later":
            self._take_away(home_address, status, flows, word)
        elif is_duplicate:
            self._node.clock.after(HOME_RETRY_NS, self._again, home_address)
        return True

    def _again(self, home_address: Address) -> None:
        """Ask for the same address once more."""
        flow = next(self._binder.flows.of_home_address(home_address), None)
        care_of = self._binder.home_care_of(home_address, flow)
        self._node.duplicates.discard(home_address)
        if care_of is not None:
            self._node.bind(home_address, care_of)

    def _take_away(self, home_address: Address, status: int, flows: Sequence[FlowMappingEntry], word: Word) -> None:
        """Take an address from its flows: they get another one, or none."""
        binder = self._binder
        for flow in flows:
            self._node.record(binder.flows.strip(flow))
        self._settled.discard(home_address)
        if status < Status.REASON_UNSPECIFIED:
            binder.pool.free(home_address)
        else:
            self._node.registrar.tell(Abandoned(home_address))
            binder.pool.lose(home_address)
        for flow in flows:
            if word == "another":
                binder.proceed(flow)
            else:
                binder.pool.refuse(flow, "your answered() gave up")
