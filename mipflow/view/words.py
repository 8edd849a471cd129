"""Packets, addresses, table rows and times in words.

Takes packet values and rows as the trace has them; gives the short text of a label and the sentence of a description.
"""

from __future__ import annotations

from collections.abc import Mapping

from mipflow.errors import ProtocolMisuse
from mipflow.sim.trace import Change, Row
from mipflow.wire import icmpv6, mobility
from mipflow.wire.address import Address
from mipflow.wire.packet import TCP, UDP, DestinationOptions, Packet, RoutingHeaderType2

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

_SHORT_AND_LONG: dict[type, tuple[str, str]] = {
    mobility.BindingRefreshRequest: ("BRR", "binding refresh request"),
    mobility.HomeTestInit: ("HoTI", "home test init"),
    mobility.CareOfTestInit: ("CoTI", "care-of test init"),
    mobility.HomeTest: ("HoT", "home test"),
    mobility.CareOfTest: ("CoT", "care-of test"),
    mobility.BindingUpdate: ("BU", "binding update"),
    mobility.BindingAcknowledgement: ("BA", "binding acknowledgement"),
    mobility.BindingError: ("BE", "binding error"),
    mobility.UnknownMobilityMessage: ("MH", "unknown mobility message"),
    icmpv6.RouterSolicitation: ("RS", "router solicitation"),
    icmpv6.RouterAdvertisement: ("RA", "router advertisement"),
    icmpv6.NeighborSolicitation: ("NS", "neighbor solicitation"),
    icmpv6.NeighborAdvertisement: ("NA", "neighbor advertisement"),
    icmpv6.EchoRequest: ("ping", "echo request"),
    icmpv6.EchoReply: ("pong", "echo reply"),
    icmpv6.IcmpError: ("err", "ICMPv6 error"),
    icmpv6.UnknownIcmp: ("ICMP", "unknown ICMPv6 message"),
    icmpv6.HomeAgentAddressDiscoveryRequest: ("HAD?", "home agent address discovery request"),
    icmpv6.HomeAgentAddressDiscoveryReply: ("HAD", "home agent address discovery reply"),
    icmpv6.MobilePrefixSolicitation: ("MPS", "mobile prefix solicitation"),
    icmpv6.MobilePrefixAdvertisement: ("MPA", "mobile prefix advertisement"),
    UDP: ("UDP", "UDP datagram"),
    TCP: ("TCP", "TCP segment"),
}
NEIGHBOR_DISCOVERY = (
    icmpv6.RouterSolicitation, icmpv6.RouterAdvertisement, icmpv6.NeighborSolicitation, icmpv6.NeighborAdvertisement,
)  # fmt: skip
_ERRORS = {1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem"}


def short(packet: Packet) -> str:
    """The label of a packet where it flies: "BU", "HoTI", "UDP"."""
    return _SHORT_AND_LONG.get(type(packet.innermost().payload), ("?", ""))[0]


def long(packet: Packet) -> str:
    """What a packet is, in the words of its RFC: "binding update"."""
    return _SHORT_AND_LONG.get(type(packet.innermost().payload), ("", "packet"))[1]


def is_tunnelled(packet: Packet) -> bool:
    """True for IPv6-in-IPv6 (RFC 2473)."""
    return isinstance(packet.payload, Packet)


def seconds(t_ns: int, digits: int = 3) -> str:
    """Nanoseconds as text in seconds: "12.034 s"."""
    return f"{t_ns / NS_PER_S:.{digits}f} s"


def count(number: int, singular: str) -> str:
    """ "1 packet", "2 packets"."""
    return f"{number} {singular}{'' if number == 1 else 's'}"


def field_name(name: str) -> str:
    """The name of a field of a row in words: "registered_at_cn" is "registered at CN"."""
    text = name.replace("care_of", "care-of").replace("_", " ")
    return text.removesuffix(" s") + " (s)" if text.endswith(" s") else text.replace(" cn", " CN")


def check_span(start_ns: int, end_ns: int) -> None:
    """Raise ProtocolMisuse unless time goes forward from `start_ns` to `end_ns` (nanoseconds)."""
    if not 0 <= start_ns < end_ns:
        raise ProtocolMisuse(
            f"a picture from {seconds(start_ns)} to {seconds(end_ns)}; expected a start of at least 0 and a later end",
            (start_ns, end_ns),
        )


class Words:
    """The learner's words for addresses and flows: `names` (address -> "CoA wlan0"), `flows` (id -> "call")."""

    def __init__(self, names: Mapping[Address, str], flows: Mapping[int, str]) -> None:
        self._names = {str(address): name for address, name in names.items()}
        self.flows = dict(flows)

    def address(self, address: object) -> str:
        """The short word for an address (a value or its text), the address itself where there is none."""
        text = str(address)
        return self._names.get(text, text)

    def value(self, value: object) -> str:
        """Any value of a row: addresses by their names, numbers without noise."""
        if isinstance(value, float):
            return f"{value:.3f}".rstrip("0").rstrip(".")
        if value is None:
            return "none"
        return self.address(value)

    def flow(self, packet: Packet) -> str | None:
        """The word for the flow that a packet belongs to, None where it belongs to none."""
        flow = packet.innermost().flow
        return self.flows.get(flow, f"flow {flow}") if flow else None

    def addresses(self, packet: Packet) -> tuple[str | None, str | None]:
        """Home address and care-of address that a packet states, where it does."""
        inner = packet.innermost()
        home: Address | None = None
        care_of: Address | None = None
        for header in inner.extensions:
            if isinstance(header, DestinationOptions) and header.home_address is not None:
                home, care_of = header.home_address, inner.source
            elif isinstance(header, RoutingHeaderType2):
                home, care_of = header.home_address, inner.destination
        if isinstance(inner.payload, mobility.BindingUpdate):
            alternate = inner.payload.option(mobility.AlternateCareOfAddress)
            care_of = alternate.care_of_address if alternate is not None else care_of
        return (
            None if home is None else self.address(home),
            None if care_of is None else self.address(care_of),
        )

    def detail(self, packet: Packet) -> str:
        """The key fields of a message in a few words; empty where there are none."""
        message = packet.innermost().payload
        home, care_of = self.addresses(packet)
        units = mobility.LIFETIME_UNIT_S
        match message:
            case mobility.BindingUpdate():
                where = f"{home or self.address(packet.innermost().source)} at {care_of or 'home'}"
                if message.lifetime_units == 0:
                    where = f"forget {home or self.address(packet.innermost().source)}"
                return f"{where}, sequence {message.sequence}, {message.lifetime_units * units} s"
            case mobility.BindingAcknowledgement():
                try:
                    status = mobility.Status(message.status).name.lower().replace("_", " ")
                except ValueError:
                    status = f"status {message.status}"
                return f"{home + ', ' if home else ''}{status}, sequence {message.sequence}"
            case mobility.HomeTestInit() | mobility.CareOfTestInit():
                return f"from {self.address(packet.innermost().source)}"
            case mobility.HomeTest() | mobility.CareOfTest():
                return f"to {self.address(packet.innermost().destination)}, nonce index {message.nonce_index}"
            case mobility.BindingError():
                return f"status {message.status}, {self.address(message.home_address)}"
            case icmpv6.NeighborSolicitation() | icmpv6.NeighborAdvertisement():
                return self.address(message.target)
            case icmpv6.IcmpError():
                return f"{_ERRORS.get(message.type, f'type {message.type}')}, code {message.code}"
            case UDP() | TCP():
                flow = self.flow(packet)
                return f"{flow + ', ' if flow else ''}{packet.size} octets"
        return ""

    # --- table rows --------------------------------------------------------------------------------------------------

    def row(self, table: str, row: Row) -> str:
        """A table row as a picture shows it, in about 26 characters."""
        if table == "flow mapping table":
            flow = self.flows.get(_number(row.get("flow_id")), f"flow {row.get('flow_id')}")
            home, care_of = self.value(row.get("home_address")), self.value(row.get("care_of_address"))
            # Selected is not registered yet: the mark comes with the correspondent node's acknowledgement.
            known = row.get("registered_at_cn")
            mark = "" if known is None else " ✓" if known == row.get("care_of_address") else " …"
            return f"{flow:<5} {home:<3} → {care_of}{mark}"
        if "home_address" in row and "care_of_address" in row:
            home, care_of = self.value(row["home_address"]), self.value(row["care_of_address"])
            peer = f" at {self.value(row['peer'])}" if "peer" in row else ""
            sequence = f"  seq {row['sequence']}" if "sequence" in row else ""
            return f"{home:<3} → {care_of}{peer}{sequence}"
        return "  ".join(self.value(value) for value in row.values())

    def change(self, node: str, change: Change) -> str:
        """A table change as a sentence without its full stop."""
        where = f"{node}'s {change.table}"
        if change.after is None:
            before = change.before or {}
            return f"{where} loses the row {self._brief(change.table, before, change.key)}"
        if change.before is None:
            return f"{where} gains the row {self._brief(change.table, change.after, change.key)}"
        names = [name for name, value in change.after.items() if change.before.get(name) != value]
        different = [
            f"{field_name(name)} {self.value(change.before.get(name))} → {self.value(change.after[name])}"
            for name in names
            if name != "expires_at_s" or len(names) == 1
        ]
        key = self._name_of_row(change.table, change.after, change.key)
        return f"{where}, row {key}: {', '.join(different) or 'refreshed'}"

    def _brief(self, table: str, row: Row, key: str) -> str:
        return " ".join(self.row(table, row).split()) if row else self.value(key)

    def _name_of_row(self, table: str, row: Row, key: str) -> str:
        if table == "flow mapping table" and "flow_id" in row:
            return self.flows.get(_number(row["flow_id"]), self.value(key))
        peer = f" at {self.value(row['peer'])}" if "peer" in row else ""
        return self.value(row.get("home_address", key)) + peer


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1
