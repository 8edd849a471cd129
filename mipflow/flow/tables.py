"""The mobile node's two tables (the patent, pages 10 and 11). Pure and indexed; every change is returned as a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import attrgetter

from mipflow.errors import ProtocolMisuse, shown
from mipflow.flow.conversations import FlowInformation, Key
from mipflow.mip6.bindings.table import Entry, Table
from mipflow.sim.network import Network
from mipflow.sim.trace import Change
from mipflow.wire.address import Address

HOME_ADDRESS_TABLE = "home address table"
FLOW_MAPPING_TABLE = "flow mapping table"
MOST_LISTED = 40
"""Flows that a sentence names."""


@dataclass(slots=True)
class HomeAddressEntry(Entry):
    """A home address and the care-of address that the home agent holds for it (None until it acknowledged one).

    `kept_for` names the application or correspondent that alone uses it (page 10); empty where any flow may.
    """

    columns = "home_address care_of_address kept_for".split()
    home_address: Address
    care_of_address: Address | None = None
    kept_for: str = ""
    number: int = 0
    """Counts the addresses in the order of their allocation."""


class HomeAddressTable(Table[Address, HomeAddressEntry]):
    """Home addresses in the order of their allocation; the primary is the first and is never freed (page 9)."""

    name = HOME_ADDRESS_TABLE

    def __init__(self, primary: Address) -> None:
        super().__init__()
        self._entries[primary] = HomeAddressEntry(primary)
        self._numbers = count(1)
        self.kept: dict[str, Address] = {}
        """Name -> the home address that is kept under it."""

    @property
    def primary(self) -> Address:
        """The first home address."""
        return next(iter(self._entries))

    def __reversed__(self) -> Iterator[HomeAddressEntry]:
        return reversed(self._entries.values())

    def entered(self) -> list[Change]:
        """Return the primary's entry as the change that a trace begins with."""
        return [Change(HOME_ADDRESS_TABLE, str(self.primary), None, self._entries[self.primary].row())]

    def add(self, home_address: Address, kept_for: str = "") -> list[Change]:
        """Append a newly allocated home address."""
        if home_address in self._entries:
            raise ProtocolMisuse(f"{home_address} is a home address of this node already", home_address)
        if kept_for:
            self.kept[kept_for] = home_address
        return self._put(home_address, HomeAddressEntry(home_address, kept_for=kept_for, number=next(self._numbers)))

    def bound(self, home_address: Address, care_of: Address | None) -> list[Change]:
        """Enter the care-of address that the home agent holds for a home address now; None where it holds none."""
        entry = self.get(home_address)
        return [] if entry is None else self._set(home_address, entry, care_of_address=care_of)

    def lead(self, home_address: Address, care_of: Address | None) -> list[Change]:
        """Make a home address the primary, which is the first."""
        self._keep_no_longer(home_address)
        changes = self._put(home_address, HomeAddressEntry(home_address, care_of))
        for other in [known for known in self._entries if known != home_address]:
            self._entries[other] = self._entries.pop(other)
        return changes

    def remove(self, home_address: Address) -> list[Change]:
        """Free a home address. Raises ProtocolMisuse for the primary (page 9)."""
        if home_address == self.primary:
            raise ProtocolMisuse(f"{home_address} is the primary home address and is never freed", home_address)
        self._keep_no_longer(home_address)
        return self._take(home_address)

    def _keep_no_longer(self, home_address: Address) -> None:
        entry = self.get(home_address)
        if entry is not None:
            self.kept.pop(entry.kept_for, None)


@dataclass(slots=True)
class FlowRow(Entry):
    """One flow as the patent enters it: the five fields of page 11. `care_of_address` is that of the network selected
    for it; both addresses are None until there are such.
    """

    flow_id: int
    cn: Address
    flow_information: FlowInformation
    home_address: Address | None = None
    care_of_address: Address | None = None


@dataclass(slots=True)
class FlowMappingEntry(FlowRow):
    """One flow with what a run needs beside the patent's fields.

    registered_at_cn, registered_at_ha: the care-of address in its correspondent's binding, and the one that the home
    agent holds for its home address: both follow `care_of_address`, the selected one, only once they are acknowledged;
    interface: the network selected for it, by name; ready: whether its home address is bound, so that packets may
    leave, and ready_ns when that was so last; refused: why they may not, in words; requested: the network that its
    application or a handover asked for, which it waits for where others that share its binding keep it elsewhere;
    group: the name of flows that are to share its home address (page 14); used_ns: when it last carried a packet, None
    before the first; sent_octets, received_octets: what it carried since loads were measured, when it had `rate_bps`;
    network: the one of its node.
    """

    columns = (
        "flow_id cn flow_information home_address care_of_address registered_at_cn registered_at_ha interface".split()
    )
    registered_at_cn: Address | None = None
    registered_at_ha: Address | None = None
    interface: str = ""
    ready: bool = False
    ready_ns: int | None = None
    refused: str = ""
    requested: str | None = None
    group: str | None = None
    conversations: set[Key] = field(default_factory=set)
    has_ended: bool = False
    used_ns: int | None = None
    sent_octets: int = 0
    received_octets: int = 0
    rate_bps: float = 0.0
    network: Network | None = field(default=None, repr=False, compare=False)

    def row(self) -> dict[str, object]:
        """Return its columns as plain named values."""
        return Entry.row(self) | {"flow_information": str(self.flow_information)}


BY_ID = attrgetter("flow_id")
"""Sorts flows: the earlier has the smaller id."""


class FlowMappingTable(Table[int, FlowMappingEntry]):
    """All current flows: by id, by conversation, by word, by group, and by (home address, correspondent node).

    Its owner tells it which correspondents optimise (`mark`, `mark_pair`), because which flows one binding moves
    depends on it (`sharing`); with `as_one` every flow has the same binding, as in plain Mobile IPv6.
    """

    name = FLOW_MAPPING_TABLE

    def __init__(self, as_one: bool = False, network: Network | None = None) -> None:
        super().__init__()
        self._network = network
        self.as_one = as_one
        self._by_conversation: dict[Key, FlowMappingEntry] = {}
        self.find = self._by_conversation.get
        """find(conversation): the flow that it belongs to, or None."""
        self._by_word: dict[tuple[str, Address], FlowMappingEntry] = {}
        self._by_group: dict[str, dict[int, FlowMappingEntry]] = {}
        self._by_home: dict[Address, dict[Address, dict[int, FlowMappingEntry]]] = {}
        self.used: Container[Address] = self._by_home
        """The home addresses that flows have."""
        self.given_back = 0
        """Counts how often a home address was given back, by all flows with a correspondent or by all in doubt."""
        self._in_doubt: dict[Address, dict[Address, None]] = {}
        """Home address -> correspondents with flows to it that do not optimise, or may turn out not to."""
        self._by_cn: dict[Address, dict[Address, None]] = {}
        """Correspondent -> home addresses with flows to it."""
        self._groups: dict[tuple[Address, Address], Counter[str | None]] = {}
        """(home address, correspondent) -> groups of the flows that have both, and how many of each."""
        self._optimises: dict[Address, bool | None] = {}
        """All that is known of correspondents."""
        self._refused: set[tuple[Address, Address]] = set()
        """(home address, correspondent) whose binding its correspondent has refused."""

    def __getitem__(self, flow_id: int) -> FlowMappingEntry:
        try:
            return self._entries[flow_id]
        except (KeyError, TypeError):
            raise ProtocolMisuse(f"there is no flow {shown(flow_id)}; open flows: {self.listed()}", flow_id) from None

    def listed(self) -> str:
        """Return the open flows as words of one line: "1 (call), 2 (video)"."""
        named = [(entry.flow_id, entry.flow_information.traits.application) for entry in self]
        return listed([f"{number} ({shown(name, str)})" if name else number for number, name in named]) or "none"

    # --- looking up --------------------------------------------------------------------------------------------------

    def named(self, word: str, cn: Address) -> FlowMappingEntry | None:
        """Return the flow of a word with a correspondent, or None."""
        return self._by_word.get((word, cn))

    def of_group(self, group: str) -> Iterator[FlowMappingEntry]:
        """Return the flows of a group, which are to share a home address."""
        return iter(self._by_group.get(group, {}).values())

    def of_home_address(self, home_address: Address) -> Iterator[FlowMappingEntry]:
        """Yield the flows with a home address, in the order of their ids per correspondent."""
        for flows in list(self._by_home.get(home_address, {}).values()):
            yield from list(flows.values())

    def of_pair(self, home_address: Address, cn: Address) -> list[FlowMappingEntry]:
        """Return the flows of one (home address, correspondent node): one binding there moves them all."""
        return list(self._by_home.get(home_address, {}).get(cn, {}).values())

    def takes_tunnel(self, home_address: Address, cn: Address) -> bool:
        """Return True for a pair that is known to go where the home agent has bound the home address."""
        return self._optimises.get(cn) is False or (home_address, cn) in self._refused

    def of_binding(self, home_address: Address | None, cn: Address) -> Iterator[FlowMappingEntry]:
        """Yield the flows that move with the binding on which a flow with this home address and correspondent depends.

        With route optimisation a binding is one (home address, correspondent node); in a tunnel it is the home address.
        """
        if self.as_one or home_address is None:
            yield from self if self.as_one else ()
            return
        peers = self._by_home.get(home_address, {})
        is_here = self.takes_tunnel(home_address, cn)
        for peer in [each for each in peers if self.takes_tunnel(home_address, each)] if is_here else [cn]:
            yield from peers.get(peer, {}).values()

    def groups_in_the_way(self, home_address: Address, cn: Address) -> set[str | None]:
        """Return the groups of the flows that keep a home address from a new flow to a correspondent."""
        peers = [cn] if self._optimises.get(cn) else self._in_doubt.get(home_address, ())
        return {group for peer in peers for group in self._groups.get((home_address, peer), ())}

    def of_correspondent(self, cn: Address) -> list[FlowMappingEntry]:
        """Return the flows with a correspondent node that have a home address."""
        return [flow for home_address in self._by_cn.get(cn, ()) for flow in self.of_pair(home_address, cn)]

    def used_with(self, cn: Address) -> Container[Address]:
        """Return the home addresses that flows have with this correspondent."""
        return self._by_cn.get(cn, {})

    def taken(self, cn: Address) -> Container[Address]:
        """Return the home addresses with which a new flow to a correspondent would share a binding, or might.

        Correspondents that do not optimise, or may not, count as one: the home agent sends what comes from any of them
        to where that address is bound.
        """
        return self.used_with(cn) if self._optimises.get(cn) else self._in_doubt

    def collide(self, one: FlowMappingEntry, other: FlowMappingEntry) -> bool:
        """Return True for two flows that one home address would put into one binding, or might."""
        self._check_own(one, other)
        return one.cn == other.cn or not (self._optimises.get(one.cn) or self._optimises.get(other.cn))

    def sharing(self, entry: FlowMappingEntry) -> list[FlowMappingEntry]:
        """Return the flows that one handover moves: those of the same binding, this one included."""
        self._check_own(entry)
        return list(self.of_binding(entry.home_address, entry.cn)) or [entry]

    def _check_own(self, *entries: FlowMappingEntry) -> None:
        """Raise ProtocolMisuse for flows of another world."""
        for entry in entries:
            if self._network is not None:
                self._network.check_own(entry, entry.network)

    # --- changing ----------------------------------------------------------------------------------------------------

    def mark(self, cn: Address, optimises: bool | None) -> None:
        """Note whether a correspondent holds bindings of ours, or is taken to; None where that is not known."""
        if optimises is self._optimises.get(cn):
            return
        self._optimises[cn] = optimises
        for home_address in self._by_cn.get(cn, ()):
            self._index_doubt(home_address, cn)

    def mark_pair(self, home_address: Address, cn: Address, is_refused: bool) -> None:
        """Note whether a correspondent has refused the binding of this home address, and holds none."""
        (self._refused.add if is_refused else self._refused.discard)((home_address, cn))
        self._index_doubt(home_address, cn)

    def add(self, entry: FlowMappingEntry) -> list[Change]:
        """Enter a new flow with its first conversation."""
        first, word = entry.flow_information.first, entry.flow_information.word
        self.join(entry, first)
        if word:
            self._by_word[word, entry.cn] = entry
        if entry.group is not None:
            self._by_group.setdefault(entry.group, {})[entry.flow_id] = entry
        self._index(entry)
        return self._put(entry.flow_id, entry)

    def check_free(self, conversations: Iterable[Key]) -> None:
        """Raise ProtocolMisuse for a conversation that a flow has."""
        for conversation in conversations:
            if conversation in self._by_conversation:
                other = self._by_conversation[conversation].flow_id
                raise ProtocolMisuse(f"{conversation} is flow {other} already; end it first", conversation)

    def join(self, entry: FlowMappingEntry, conversation: Key) -> None:
        """Let a conversation belong to a flow until either ends. Raises ProtocolMisuse where another flow has it."""
        self._check_own(entry)
        if self._by_conversation.get(conversation) is not entry:
            self.check_free([conversation])
        self._by_conversation[conversation] = entry
        entry.conversations.add(conversation)

    def part(self, conversation: Key) -> FlowMappingEntry | None:
        """Take an ended conversation out; return its flow if that was the last one of it, else None."""
        entry = self._by_conversation.pop(conversation, None)
        if entry is not None:
            entry.conversations.discard(conversation)
        return entry if entry is not None and not entry.conversations else None

    def change(self, entry: FlowMappingEntry, **values: object) -> list[Change]:
        """Set fields of an entry."""
        self._check_own(entry)
        if "home_address" not in values:
            return self._set(entry.flow_id, entry, **values)
        self._unindex(entry)
        changes = self._set(entry.flow_id, entry, **values)
        self._index(entry)
        return changes

    def strip(self, entry: FlowMappingEntry) -> list[Change]:
        """Take a flow's home address away, with all that peers hold of it."""
        entry.ready = False
        return self.change(entry, home_address=None, registered_at_cn=None, registered_at_ha=None)

    def remove(self, flow_id: int) -> list[Change]:
        """Take an ended flow out, with its conversations."""
        entry = self[flow_id]
        for conversation in list(entry.conversations):
            self.part(conversation)
        if self._by_word.get((entry.flow_information.word, entry.cn)) is entry:
            del self._by_word[entry.flow_information.word, entry.cn]
        if entry.group is not None:
            del self._by_group[entry.group][flow_id]
        self._unindex(entry)
        return self._take(flow_id)

    def _index(self, entry: FlowMappingEntry) -> None:
        home_address, cn = entry.home_address, entry.cn
        if home_address is None:
            return
        self._by_home.setdefault(home_address, {}).setdefault(cn, {})[entry.flow_id] = entry
        self._by_cn.setdefault(cn, {})[home_address] = None
        self._groups.setdefault((home_address, cn), Counter())[entry.group] += 1
        self._index_doubt(home_address, cn)

    def _unindex(self, entry: FlowMappingEntry) -> None:
        home_address, cn = entry.home_address, entry.cn
        if home_address is None:
            return
        peers, groups = self._by_home[home_address], self._groups[home_address, cn]
        del peers[cn][entry.flow_id]
        groups[entry.group] -= 1
        if not groups[entry.group]:
            del groups[entry.group]
        if not peers[cn]:
            del peers[cn], self._by_cn[cn][home_address], self._groups[home_address, cn]
            self.given_back += 1
            self._index_doubt(home_address, cn)
        if not peers:
            del self._by_home[home_address]

    def _index_doubt(self, home_address: Address, cn: Address) -> None:
        """Enter or strike a correspondent among those of a home address that count as one."""
        is_sure = self._optimises.get(cn) and (home_address, cn) not in self._refused
        if cn in self._by_home.get(home_address, ()) and not is_sure:
            self._in_doubt.setdefault(home_address, {})[cn] = None
            return
        peers = self._in_doubt.get(home_address, {})
        peers.pop(cn, None)
        if not peers:
            self.given_back += self._in_doubt.pop(home_address, None) is not None


def flows_named(ids: Sequence[int]) -> str:
    """Return flows as the subject of a sentence."""
    return f"flow {ids[0]} is" if len(ids) == 1 else f"flows {listed(ids)} are"


def listed(things: Sequence[object]) -> str:
    """Return "1, 2, 3" for few things, with the number of the others for many."""
    few, more = ", ".join(map(str, things[:MOST_LISTED])), len(things) - MOST_LISTED
    return f"{few} and {more} more" if more > 0 else few
