"""The mobile node's two tables (the seed, pages 10 and 11). Pure and indexed; every change is returned as a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mipflow.errors import ProtocolMisuse
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
class HomeAddressEntry:
    """A home address and the care-of address that the home agent holds for it (None until it acknowledged one)."""

    home_address: Address
    care_of_address: Address | None = None

    def row(self) -> dict[str, object]:
        """As plain named values."""
        return {"home_address": str(self.home_address), "care_of_address": _text(self.care_of_address)}


class HomeAddressTable:
    """Home addresses in the order of their allocation; the primary is the first and is never freed (page 9)."""

    def __init__(self, primary: Address) -> None:
        self.primary = primary
        self._entries: dict[Address, HomeAddressEntry] = {primary: HomeAddressEntry(primary)}

    def __iter__(self) -> Iterator[HomeAddressEntry]:
        return iter(list(self._entries.values()))

    def __reversed__(self) -> Iterator[HomeAddressEntry]:
        return reversed(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, home_address: object) -> bool:
        return home_address in self._entries

    def get(self, home_address: Address) -> HomeAddressEntry | None:
        """The entry of a home address, or None."""
        return self._entries.get(home_address)

    def entered(self) -> list[Change]:
        """The primary's entry, as the change that a trace begins with."""
        return [Change(HOME_ADDRESS_TABLE, str(self.primary), None, self._entries[self.primary].row())]

    def add(self, home_address: Address) -> list[Change]:
        """Append a newly allocated home address."""
        if home_address in self._entries:
            raise ProtocolMisuse(f"{home_address} is a home address of this node already", home_address)
        entry = self._entries[home_address] = HomeAddressEntry(home_address)
        return [Change(HOME_ADDRESS_TABLE, str(home_address), None, entry.row())]

    def bound(self, home_address: Address, care_of: Address | None) -> list[Change]:
        """The home agent holds this care-of address for it now; None when it holds none."""
        entry = self._entries.get(home_address)
        if entry is None or entry.care_of_address == care_of:
            return []
        before = entry.row()
        entry.care_of_address = care_of
        return [Change(HOME_ADDRESS_TABLE, str(home_address), before, entry.row())]

    def remove(self, home_address: Address) -> list[Change]:
        """Free a home address. Raises ProtocolMisuse for the primary (page 9)."""
        if home_address == self.primary:
            raise ProtocolMisuse(f"{home_address} is the primary home address and is never freed", home_address)
        entry = self._entries.pop(home_address)
        return [Change(HOME_ADDRESS_TABLE, str(home_address), entry.row(), None)]


@dataclass(slots=True)
class FlowMappingEntry:
    """One flow. `care_of_address` is the selected one; `registered_at_cn` the one in the correspondent's binding.

    `interface` names the network that was selected; `ready` says that the home address is bound, so packets may leave.
    """

    flow_id: int
    cn: Address
    flow_information: FlowInformation
    interface: str
    home_address: Address | None = None
    care_of_address: Address | None = None
    registered_at_cn: Address | None = None
    ready: bool = False

    def row(self) -> dict[str, object]:
        """As plain named values."""
        information = self.flow_information
        return {
            "flow_id": self.flow_id, "cn": str(self.cn),
            "flow_information": f"{information.protocol} {information.local_port} > {information.remote_port}",
            "home_address": _text(self.home_address), "care_of_address": _text(self.care_of_address),
            "registered_at_cn": _text(self.registered_at_cn), "interface": self.interface,
        }


class FlowMappingTable:
    """All current flows, by id, by what classifies them, and by (home address, correspondent node)."""

    def __init__(self) -> None:
        self._entries: dict[int, FlowMappingEntry] = {}
        self.get = self._entries.get
        """get(flow_id): its entry, or None."""
        self._by_information: dict[Information, FlowMappingEntry] = {}
        self.find = self._by_information.get
        """find(information): the flow that this information classifies, or None."""
        self._by_home: dict[Address, dict[Address, dict[int, FlowMappingEntry]]] = {}

    def __iter__(self) -> Iterator[FlowMappingEntry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, flow_id: object) -> bool:
        return flow_id in self._entries

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
        self._entries[entry.flow_id] = entry
        self._by_information[entry.flow_information] = entry
        self._index(entry)
        return [Change(FLOW_MAPPING_TABLE, str(entry.flow_id), None, entry.row())]

    def change(self, entry: FlowMappingEntry, **values: object) -> list[Change]:
        """Set fields of an entry."""
        before = entry.row()
        self._unindex(entry)
        for name, value in values.items():
            setattr(entry, name, value)
        self._index(entry)
        after = entry.row()
        return [] if before == after else [Change(FLOW_MAPPING_TABLE, str(entry.flow_id), before, after)]

    def remove(self, flow_id: int) -> list[Change]:
        """Take an ended flow out."""
        entry = self[flow_id]
        del self._entries[flow_id]
        del self._by_information[entry.flow_information]
        self._unindex(entry)
        return [Change(FLOW_MAPPING_TABLE, str(flow_id), entry.row(), None)]

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


def _text(address: Address | None) -> str | None:
    return None if address is None else str(address)
