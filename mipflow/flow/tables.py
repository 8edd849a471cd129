"""The mobile node's two tables (the seed, pages 10 and 11). Pure and indexed; every change is returned as a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mipflow.errors import ProtocolMisuse
from mipflow.mip6.table import Entry, Table
from mipflow.sim.trace import Change
from mipflow.wire.address import Address

HOME_ADDRESS_TABLE = "home address table"
FLOW_MAPPING_TABLE = "flow mapping table"


class FlowInformation(NamedTuple):
    """What tells the packets of a flow from others, seen from the mobile node; never a care-of address.

    `local_port`, `remote_port` are the echo identifier and 0 for ICMPv6; `tag` is the application's own word.
    """

    protocol: str
    local_port: int
    cn: Address
    remote_port: int
    tag: str = ""


Information = tuple[str, int, "Address", int, str]
"""A FlowInformation as a plain tuple: equal to it, and has the same hash."""


@dataclass(slots=True)
class HomeAddressEntry(Entry):
    """A home address and the care-of address that the home agent holds for it (None until it acknowledged one)."""

    columns = "home_address care_of_address".split()
    home_address: Address
    care_of_address: Address | None = None


class HomeAddressTable(Table[Address, HomeAddressEntry]):
    """Home addresses in the order of their allocation; the primary is the first and is never freed (page 9)."""

    name = HOME_ADDRESS_TABLE

    def __init__(self, primary: Address) -> None:
        super().__init__()
        self.primary = primary
        self._entries[primary] = HomeAddressEntry(primary)
        self.get = self._entries.get
        """get(home_address): its entry, or None."""

    def __reversed__(self) -> Iterator[HomeAddressEntry]:
        return reversed(list(self._entries.values()))

    def entered(self) -> list[Change]:
        """The primary's entry, as the change that a trace begins with."""
        return [Change(HOME_ADDRESS_TABLE, str(self.primary), None, self._entries[self.primary].row())]

    def add(self, home_address: Address) -> list[Change]:
        """Append a newly allocated home address."""
        if home_address in self._entries:
            raise ProtocolMisuse(f"{home_address} is a home address of this node already", home_address)
        return self._put(home_address, HomeAddressEntry(home_address))

    def bound(self, home_address: Address, care_of: Address | None) -> list[Change]:
        """The home agent holds this care-of address for it now; None when it holds none."""
        entry = self.get(home_address)
        return [] if entry is None else self._set(home_address, entry, care_of_address=care_of)

    def lead(self, home_address: Address, care_of: Address | None) -> list[Change]:
        """Make a home address the primary, which is the first."""
        self.primary = home_address
        changes = self._put(home_address, HomeAddressEntry(home_address, care_of))
        for other in [known for known in self._entries if known != home_address]:
            self._entries[other] = self._entries.pop(other)
        return changes

    def remove(self, home_address: Address) -> list[Change]:
        """Free a home address. Raises ProtocolMisuse for the primary (page 9)."""
        if home_address == self.primary:
            raise ProtocolMisuse(f"{home_address} is the primary home address and is never freed", home_address)
        return self._take(home_address)


@dataclass(slots=True)
class FlowMappingEntry(Entry):
    """One flow. `care_of_address` is the selected one; `registered_at_cn` the one in the correspondent's binding.

    `interface` names the network that was selected; `ready` says that the home address is bound, so packets may leave;
    `refused` says why they may not, in words.
    """

    columns = "flow_id cn flow_information home_address care_of_address registered_at_cn interface".split()
    flow_id: int
    cn: Address
    flow_information: FlowInformation
    interface: str
    home_address: Address | None = None
    care_of_address: Address | None = None
    registered_at_cn: Address | None = None
    ready: bool = False
    refused: str = ""

    def row(self) -> dict[str, object]:
        """As plain named values."""
        protocol, near, _, far, _ = self.flow_information
        return Entry.row(self) | {"flow_information": f"{protocol} {near} > {far}"}


class FlowMappingTable(Table[int, FlowMappingEntry]):
    """All current flows, by id, by what classifies them, and by (home address, correspondent node)."""

    name = FLOW_MAPPING_TABLE

    def __init__(self) -> None:
        super().__init__()
        self.get = self._entries.get
        """get(flow_id): its entry, or None."""
        self._by_information: dict[Information, FlowMappingEntry] = {}
        self.find = self._by_information.get
        """find(information): the flow that this information classifies, or None."""
        self._by_home: dict[Address, dict[Address, dict[int, FlowMappingEntry]]] = {}

    def __getitem__(self, flow_id: int) -> FlowMappingEntry:
        try:
            return self._entries[flow_id]
        except KeyError:
            known = ", ".join(str(number) for number in self._entries) or "none"
            raise ProtocolMisuse(f"there is no flow {flow_id}; open flows: {known}", flow_id) from None

    def of_home_address(self, home_address: Address) -> Iterator[FlowMappingEntry]:
        """Flows with a home address, in the order of their ids per correspondent."""
        for flows in self._by_home.get(home_address, {}).values():
            yield from list(flows.values())

    def of_pair(self, home_address: Address, cn: Address) -> list[FlowMappingEntry]:
        """Flows of one (home address, correspondent node): one binding there moves them all."""
        return list(self._by_home.get(home_address, {}).get(cn, {}).values())

    def correspondents(self, home_address: Address) -> list[Address]:
        """Correspondent nodes to which a home address has flows."""
        return list(self._by_home.get(home_address, {}))

    def add(self, entry: FlowMappingEntry) -> list[Change]:
        """Enter a new flow."""
        if entry.flow_information in self._by_information:
            raise ProtocolMisuse(f"{entry.flow_information} is a flow already", entry.flow_information)
        self._by_information[entry.flow_information] = entry
        self._index(entry)
        return self._put(entry.flow_id, entry)

    def change(self, entry: FlowMappingEntry, **values: object) -> list[Change]:
        """Set fields of an entry."""
        self._unindex(entry)
        changes = self._set(entry.flow_id, entry, **values)
        self._index(entry)
        return changes

    def remove(self, flow_id: int) -> list[Change]:
        """Take an ended flow out."""
        entry = self[flow_id]
        del self._by_information[entry.flow_information]
        self._unindex(entry)
        return self._take(flow_id)

    def _index(self, entry: FlowMappingEntry) -> None:
        if entry.home_address is not None:
            by_cn = self._by_home.setdefault(entry.home_address, {})
            by_cn.setdefault(entry.cn, {})[entry.flow_id] = entry

    def _unindex(self, entry: FlowMappingEntry) -> None:
        if entry.home_address is not None:
            by_cn = self._by_home[entry.home_address]
            del by_cn[entry.cn][entry.flow_id]
            if not by_cn[entry.cn]:
                del by_cn[entry.cn]
            if not by_cn:
                del self._by_home[entry.home_address]
