"""A home address protocol of our own (the patent, page 9, the third way): the mobile node asks, the home agent decides.

`AddressProtocolAllocation` is an `Allocation` of the mobile node. Its requests leave the primary home address through
the tunnel; both ends share a key for that address. The home agent is adapted by a part, `AddressGranter`, and by
nothing else; the part asks `AddressBook`, which is pure.

The body of each datagram of `flow.protocols.authenticated`, 17 octets:

| octets | field   | ALLOCATE (kind 1) | FREE (kind 2)             | REPLY (kind 3)                               |
|--------|---------|-------------------|---------------------------|----------------------------------------------|
| 1      | word    | 0                 | reason (`Reason`)         | status (`Status`); from 128 on a refusal     |
| 16     | address | ::                | the one to be freed       | the one that was granted or freed, else ::   |

A granted address is registered as any other: its security association, the binding update under it, duplicate address
detection by the home agent. An address whose FREE never arrives stays assigned; `AddressBook.most` bounds that.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING

from mipflow.errors import WireError
from mipflow.flow.bindings.stateless import Allocation, Granted, Refused
from mipflow.flow.protocols.authenticated import ATTEMPTS, Message, Repetition, check_key, open_sealed, seal
from mipflow.mip6.bindings.table import Entry, Table
from mipflow.mip6.home_agent import HomeAgent
from mipflow.sim.trace import Change
from mipflow.wire.address import UNSPECIFIED, Address, Prefix
from mipflow.wire.packet import HOME_ADDRESS_PORT as PORT
from mipflow.wire.packet import UDP, Packet

if TYPE_CHECKING:
    from mipflow.flow.mobile_node import FlowMobileNode
    from mipflow.node.node import Arrival

BODY = struct.Struct("!B16s")
REMEMBERED = 64
"""How many of a mobile node's latest numbers are answered again when they come again; older requests are dropped."""


class Kind(IntEnum):
    """The type of a datagram."""

    ALLOCATE = 1
    FREE = 2
    REPLY = 3


class Reason(IntEnum):
    """The reason why an address is freed."""

    UNUSED = 0
    DUPLICATE = 1
    """Somebody else has the address: it is never granted again."""


class Status(IntEnum):
    """The outcome of a request."""

    GRANTED = 0
    FREED = 1
    NONE_LEFT = 128
    TOO_MANY = 129
    NOT_YOURS = 130


REFUSALS = {
    Status.NONE_LEFT: "the home agent has no home address left",
    Status.TOO_MANY: "this mobile node has as many home addresses as the home agent grants one",
    Status.NOT_YOURS: "the home agent did not grant this mobile node that address",
}


# --- the home agent's side -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Assignment(Entry):
    """A home address and the primary home address of the mobile node that has it."""

    columns = "home_address mobile_node".split()
    home_address: Address
    mobile_node: Address


class AddressBook(Table[Address, Assignment]):
    """The addresses of a home agent and the mobile nodes that have them. Pure.

    There are `size` addresses of `prefix`, from interface identifier `first` on, and at most `most` for a mobile node.
    """

    name = "home address book"

    def __init__(self, prefix: Prefix, first: int = 0x1000, size: int = 256, most: int = 32) -> None:
        super().__init__()
        pool = [prefix.address(first + number) for number in range(size)]
        self.pool = [address for address in pool if not prefix.is_anycast(address)]
        self.most = most
        self.duplicates: set[Address] = set()
        """Addresses that somebody else has, as mobile nodes reported."""
        self._answers: dict[Address, dict[int, Message]] = {}
        """Mobile node -> sequence number -> the answer given."""

    def answer(
        self, owner: Address, request: Message, is_taken: Callable[[Address], bool]
    ) -> tuple[Message, list[Change]]:
        """Answer the mobile node with the primary home address `owner`; the same number gets the same answer again.

        is_taken: true for an address that cannot be granted now, whoever asks. Raises WireError for a message that is
        no request, and for a request so old that its answer is forgotten.
        """
        kind, number, body = request
        answers = self._answers.setdefault(owner, {})
        if number in answers:
            return answers[number], []
        if number <= max(answers, default=0) - REMEMBERED:
            raise WireError(f"number {number} is too old; expected more than {max(answers) - REMEMBERED}", number)
        if kind not in (Kind.ALLOCATE, Kind.FREE) or len(body) != BODY.size:
            raise WireError(f"kind {kind} with {len(body)} octets; expected 1 or 2 with {BODY.size}", request)
        word, octets = BODY.unpack(body)
        is_new = kind == Kind.ALLOCATE
        decided = self._allocate(owner, is_taken) if is_new else self._free(owner, Address(octets), word)
        status, address, changes = decided
        answers[number] = answer = Message(Kind.REPLY, number, BODY.pack(status, address.packed))
        self._answers[owner] = {n: a for n, a in answers.items() if n > max(answers) - REMEMBERED}
        return answer, changes

    def _allocate(self, owner: Address, is_taken: Callable[[Address], bool]) -> tuple[Status, Address, list[Change]]:
        if sum(entry.mobile_node == owner for entry in self) >= self.most:
            return Status.TOO_MANY, UNSPECIFIED, []
        free = (a for a in self.pool if a not in self and a not in self.duplicates and not is_taken(a))
        address = next(free, None)
        if address is None:
            return Status.NONE_LEFT, UNSPECIFIED, []
        return Status.GRANTED, address, self._put(address, Assignment(address, owner))

    def _free(self, owner: Address, address: Address, reason: int) -> tuple[Status, Address, list[Change]]:
        entry = self._entries.get(address)
        if entry is None or entry.mobile_node != owner:
            return Status.NOT_YOURS, address, []
        if reason == Reason.DUPLICATE:
            self.duplicates.add(address)
        return Status.FREED, address, self._take(address)


class AddressGranter:
    """A part of a home agent that grants home addresses of its `book` to mobile nodes that share a key with it."""

    def __init__(self, home_agent: HomeAgent, book: AddressBook) -> None:
        self._home_agent = home_agent
        self.book = book
        self._keys: dict[Address, bytes] = {}
        home_agent.hear_port(PORT, self._heard)

    def share_key(self, home_address: Address, key: bytes) -> None:
        """Serve the mobile node with this primary home address. Raises ProtocolMisuse for a key that is too short."""
        self._keys[home_address] = check_key(key)

    def _heard(self, arrival: Arrival) -> None:
        """Answer a request that came out of its tunnel, and so from where its source is bound."""
        packet, owner, home_agent = arrival.packet, arrival.packet.source, self._home_agent
        try:
            if owner not in self._keys:
                raise WireError(f"no key is shared with {owner}", owner)
            if owner not in home_agent.bindings and arrival.interface is not home_agent.home_link:
                raise WireError(f"{owner} is neither bound nor at home", owner)
            request = open_sealed(self._keys[owner], arrival.payload.payload)
            answer, changes = self.book.answer(owner, request, self._is_taken)
        except WireError as error:
            home_agent.drop(packet, f"home address request: {error}")
            return
        home_agent.record(changes)
        forward = home_agent.find_forward(owner)  # into the tunnel, where it is away
        if forward is not None:
            reply = UDP(PORT, arrival.payload.source_port, seal(self._keys[owner], answer))
            forward(Packet(packet.destination, owner, reply, sent_ns=home_agent.clock.now))

    def _is_taken(self, address: Address) -> bool:
        """Return True for addresses of the home agent, primary ones, and those bound, being bound or remembered."""
        is_bound = self._home_agent.bindings.entry(address) is not None
        return address in self._home_agent.addresses or address in self._keys or is_bound


# --- the mobile node's side ------------------------------------------------------------------------------------------


class AddressProtocolAllocation(Allocation):
    """Asks the home agent for home addresses of `node`; both share `key`."""

    def __init__(self, node: FlowMobileNode, key: bytes) -> None:
        self._node = node
        self._key = check_key(key)
        self._asked: dict[int, tuple[Repetition, Granted, Refused]] = {}
        """Requests without an answer, by number."""
        self._newest = 0
        self._unheard: list[int] = []
        """Numbers of allocations that were given up. The next allocation asks again under such a number, so that an
        address is not lost with the answer that granted it.
        """
        node.hear_control(PORT, self._heard)

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Ask for a home address; later `granted(address)` or `refused(reason in words)` is called once."""
        known = [number for number in self._unheard if number > self._newest - REMEMBERED]
        self._unheard = known[1:]
        self._ask(Kind.ALLOCATE, Reason.UNUSED, UNSPECIFIED, granted, refused, known[0] if known else 0)

    def free(self, address: Address) -> None:
        """Give back an address that no peer has in a binding any more."""
        self._give_back(address, Reason.UNUSED)

    def collided(self, address: Address) -> None:
        """Give back an address that somebody else has, so that it is never granted again."""
        self._give_back(address, Reason.DUPLICATE)

    def primary_bound(self) -> None:
        """Send the requests that wait for the tunnel."""
        for repetition, *_ in list(self._asked.values()):
            repetition.resume()

    def _give_back(self, address: Address, reason: Reason) -> None:
        what, tell = "home address not freed", self._node.decided
        self._ask(Kind.FREE, reason, address, lambda freed: None, lambda why: tell(what, f"{address}: {why}"))

    def _ask(
        self, kind: Kind, reason: Reason, address: Address, done: Granted, failed: Refused, number: int = 0
    ) -> None:
        number = number or self._newest + 1
        self._newest = max(self._newest, number)
        octets = seal(self._key, Message(kind, number, BODY.pack(reason, address.packed)))
        send = partial(self._send, UDP(PORT, PORT, octets))
        repetition = Repetition(self._node.clock, send, partial(self._give_up, kind, number))
        self._asked[number] = repetition, done, failed

    def _send(self, datagram: UDP) -> bool:
        return self._node.send_control(datagram, self._node.mobility.home_agent_of(self._node.primary_home_address))

    def _give_up(self, kind: Kind, number: int) -> None:
        if kind is Kind.ALLOCATE:
            self._unheard.append(number)
        _, _, failed = self._asked.pop(number)
        failed(f"the home agent does not answer home address requests ({ATTEMPTS} sent)")

    def _heard(self, arrival: Arrival) -> None:
        """Take an answer; one to a request that is answered already is dropped."""
        try:
            kind, number, body = open_sealed(self._key, arrival.payload.payload)
            if kind != Kind.REPLY or number not in self._asked or len(body) != BODY.size:
                raise WireError(f"kind {kind}, number {number} answers no request that waits", number)
        except WireError as error:
            self._node.drop(arrival.packet, f"home address answer: {error}")
            return
        (repetition, done, failed), (status, address) = self._asked.pop(number), BODY.unpack(body)
        repetition.stop()
        if status in (Status.GRANTED, Status.FREED):
            done(Address(address))
        else:
            failed(REFUSALS.get(status, f"the home agent refuses: status {status}"))
