"""A home address protocol of our own (the patent, page 9, the third way): the mobile node asks, the home agent decides.

Stands beside `flow.allocation.allocation`. Requests leave the mobile node's primary home address through its tunnel;
both ends share a key for that address. The home agent is adapted by a part, `AddressGranter`, and by nothing else.

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
from mipflow.flow.allocation.allocation import Granted, Refused
from mipflow.flow.protocols.authenticated import ATTEMPTS, Message, Repetition, check_key, open_sealed, seal
from mipflow.mip6.bindings.table import Entry, Table
from mipflow.mip6.home_agent import HomeAgent
from mipflow.sim.trace import Change
from mipflow.wire.address import UNSPECIFIED, Address, Prefix
from mipflow.wire.packet import HOME_ADDRESS_PORT as PORT
from mipflow.wire.packet import UDP, Packet

if TYPE_CHECKING:
    from mipflow.flow.mobile_node import FlowMobileNode
    from mipflow.node.interface import Interface
    from mipflow.node.node import Arrival

BODY = struct.Struct("!B16s")
REMEMBERED = 64
"""How many numbers of a mobile node, up to its newest, are answered again; an older request is dropped."""


class Kind(IntEnum):
    """The type of a datagram."""

    ALLOCATE = 1
    FREE = 2
    REPLY = 3


class Reason(IntEnum):
    """Why an address is freed."""

    UNUSED = 0
    DUPLICATE = 1
    """Somebody else has it: it is never granted again."""


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
    """The `size` addresses of `prefix` from interface identifier `first` on, and which mobile node has which; `most`
    for one mobile node. Pure.
    """

    name = "home address book"

    def __init__(self, prefix: Prefix, first: int = 0x1000, size: int = 256, most: int = 32) -> None:
        super().__init__()
        pool = [prefix.address(first + number) for number in range(size)]
        self.pool = [address for address in pool if not prefix.is_anycast(address)]
        self.most = most
        self.duplicates: set[Address] = set()
        """Addresses that somebody else has, as mobile nodes said."""
        self._answers: dict[Address, dict[int, Message]] = {}
        """Mobile node -> sequence number -> what it was answered."""

    def answer(
        self, owner: Address, request: Message, is_taken: Callable[[Address], bool]
    ) -> tuple[Message, list[Change]]:
        """Answer the mobile node with the primary home address `owner`; to the same number the same again.

        is_taken: tells addresses that cannot be granted now, whoever asks. Raises WireError for what is no request, or
        one so old that its answer is forgotten.
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
        if kind == Kind.ALLOCATE:
            status, address, changes = self._allocate(owner, is_taken)
        else:
            address = Address(octets)
            status, changes = self._free(owner, address, word)
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

    def _free(self, owner: Address, address: Address, reason: int) -> tuple[Status, list[Change]]:
        entry = self._entries.get(address)
        if entry is None or entry.mobile_node != owner:
            return Status.NOT_YOURS, []
        if reason == Reason.DUPLICATE:
            self.duplicates.add(address)
        return Status.FREED, self._take(address)


class AddressGranter:
    """Put into a home agent: grants home addresses, from its `book`, to mobile nodes that share a key with it."""

    def __init__(self, home_agent: HomeAgent, book: AddressBook) -> None:
        self._home_agent = home_agent
        self.book = book
        self._keys: dict[Address, bytes] = {}
        self._others = home_agent.handlers[UDP]
        home_agent.handlers[UDP] = self._heard

    def share_key(self, home_address: Address, key: bytes) -> None:
        """Serve the mobile node with this primary home address. Raises ProtocolMisuse for a key that is too short."""
        self._keys[home_address] = check_key(key)

    def _heard(self, arrival: Arrival) -> None:
        """Requests are ours, other datagrams whose they were."""
        if arrival.payload.destination_port == PORT:
            self._asked(arrival.packet, arrival.payload, arrival.interface)
        else:
            self._others(arrival)

    def _asked(self, packet: Packet, datagram: UDP, interface: Interface) -> None:
        """A request, out of its tunnel; that it came from where its source is bound has been checked with that."""
        owner, home_agent = packet.source, self._home_agent
        try:
            if owner not in self._keys:
                raise WireError(f"no key is shared with {owner}", owner)
            if owner not in home_agent.bindings and interface is not home_agent.home_link:
                raise WireError(f"{owner} is neither bound nor at home", owner)
            request = open_sealed(self._keys[owner], datagram.payload)
            answer, changes = self.book.answer(owner, request, self._is_taken)
        except WireError as error:
            home_agent.drop(packet, f"home address request: {error}")
            return
        home_agent.record(changes)
        forward = home_agent.find_forward(owner)  # into the tunnel, where it is away
        if forward is not None:
            reply = UDP(PORT, datagram.source_port, seal(self._keys[owner], answer))
            forward(Packet(packet.destination, owner, reply, sent_ns=home_agent.clock.now))

    def _is_taken(self, address: Address) -> bool:
        """True for addresses of ours, primary ones, and those that are bound, being bound or still remembered."""
        is_bound = self._home_agent.bindings.entry(address) is not None
        return address in self._home_agent.addresses or address in self._keys or is_bound


# --- the mobile node's side ------------------------------------------------------------------------------------------


class AddressProtocolAllocation:
    """Has the home agent decide which home addresses `node` gets; both share `key`."""

    def __init__(self, node: FlowMobileNode, key: bytes) -> None:
        self._node = node
        self._key = check_key(key)
        self._asked: dict[int, tuple[Repetition, Granted, Refused]] = {}
        """Requests that are not answered, by number."""
        self._newest = 0
        self._unheard: list[int] = []
        """Numbers of allocations that were given up: the next one asks again under such a number, so that an address
        whose grant was lost is not.
        """
        node.hear_control(PORT, self._heard)

    def allocate(self, granted: Granted, refused: Refused) -> None:
        """Ask for a home address: `granted(address)` or `refused(reason in words)` is called once, later."""
        known = [number for number in self._unheard if number > self._newest - REMEMBERED]
        self._unheard = known[1:]
        self._ask(Kind.ALLOCATE, Reason.UNUSED, UNSPECIFIED, granted, refused, known[0] if known else 0)

    def free(self, address: Address) -> None:
        """Give an address back, which no peer has in a binding any more."""
        self._give_back(address, Reason.UNUSED)

    def collided(self, address: Address) -> None:
        """Give an address back that somebody else has, so that it is never granted again."""
        self._give_back(address, Reason.DUPLICATE)

    def lead_with(self, home_address: Address) -> None:
        """Do nothing: addresses that were given stay."""

    def primary_bound(self) -> None:
        """There is a tunnel: what waits for it leaves."""
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
        repetition.resume()

    def _send(self, datagram: UDP) -> bool:
        return self._node.send_control(datagram, self._node.mobility.home_agent_of(self._node.primary_home_address))

    def _give_up(self, kind: Kind, number: int) -> None:
        if kind is Kind.ALLOCATE:
            self._unheard.append(number)
        _, _, failed = self._asked.pop(number)
        failed(f"the home agent does not answer home address requests ({ATTEMPTS} sent)")

    def _heard(self, arrival: Arrival) -> None:
        """An answer; one that came before, to a request that was sent twice, is nobody's now."""
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
