"""Packets, addresses, table rows and times in words.

Takes packet values and rows as the trace has them; gives the short text of a label and the sentence of a description.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mipflow.errors import ProtocolMisuse, WireError
from mipflow.sim.trace import Change, Row
from mipflow.wire import dhcpv6, icmpv6, mobility
from mipflow.wire.address import Address
from mipflow.wire.packet import (
    DHCPV6_PORTS,
    ESP,
    HOME_ADDRESS_PORT,
    POLICY_PORT,
    TCP,
    UDP,
    DestinationOptions,
    Opaque,
    Packet,
    RoutingHeaderType2,
)

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

_SHORT = {
    "BindingRefreshRequest": "BRR", "HomeTestInit": "HoTI", "CareOfTestInit": "CoTI", "HomeTest": "HoT",
    "CareOfTest": "CoT", "BindingUpdate": "BU", "BindingAcknowledgement": "BA", "BindingError": "BE",
    "UnknownMobilityMessage": "MH", "RouterSolicitation": "RS", "RouterAdvertisement": "RA",
    "NeighborSolicitation": "NS", "NeighborAdvertisement": "NA", "EchoRequest": "ping", "EchoReply": "pong",
    "IcmpError": "err", "UnknownIcmp": "ICMP", "HomeAgentAddressDiscoveryRequest": "HAD?",
    "HomeAgentAddressDiscoveryReply": "HAD", "MobilePrefixSolicitation": "MPS", "MobilePrefixAdvertisement": "MPA",
    "UDP": "UDP", "TCP": "TCP",
}  # fmt: skip
_LONG = {
    "UDP": "UDP datagram", "TCP": "TCP segment", "IcmpError": "ICMPv6 error", "UnknownIcmp": "unknown ICMPv6 message",
    "Opaque": "packet", "NoneType": "packet",
}  # fmt: skip
"""Names of packets whose class is called otherwise."""
_PORTS = {
    **dict.fromkeys(DHCPV6_PORTS, ("DHCP", "DHCPv6 message")),
    HOME_ADDRESS_PORT: ("HAP", "home address protocol message"),
    POLICY_PORT: ("rules", "policy message"),
}  # fmt: skip
"""UDP port -> what signalling it is of, in short and in long."""
_FLOWS = re.compile(r"\b(flows?) (\d+(?:, \d+)*)( and \d+ more)?\b")
_ADDRESSES = re.compile(r"\b[0-9a-f]{1,4}:[0-9a-f:]*[0-9a-f]\b")
_NAMED = re.compile(r" address( \d+)?$")
_INTERFACES = re.compile(r"\b(wlan|cell)\d+\b")
ON_LINK = "lost on the link"
"""Reason of a loss on a link that lies in the nature of links."""
MOST_LETTERS = 160
"""Letters of a name that somebody gave, in a sentence."""
MOST_NAMED = 4
"""Flows that a sentence names."""
_FIELDS = {"registered_at_cn": "known at CN", "registered_at_ha": "known at HA", "sequence": "sequence number"}
_ERRORS = {1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 4: "parameter problem"}


def short(packet: Packet) -> str:
    """Return the label of a packet in flight: "BU", "HoTI", "UDP"."""
    payload = packet.unsealed().carried
    if type(payload) is UDP and payload.destination_port in _PORTS:
        return _PORTS[payload.destination_port][0]
    return "ESP" if type(payload) is Opaque and payload.next_header == ESP else _SHORT.get(type(payload).__name__, "?")


def long(packet: Packet) -> str:
    """Name a packet in full, in the words of its RFC: "binding update"."""
    payload = packet.unsealed().carried
    if type(payload) is UDP and payload.destination_port in _PORTS:
        return _PORTS[payload.destination_port][1]
    if short(packet) == "ESP":
        return "ESP packet"
    name = type(payload).__name__
    return _LONG.get(name) or in_words(name)


def in_words(name: str) -> str:
    """Write the name of a class in words: "BindingUpdate" is "binding update"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower().replace("care of", "care-of")


def seconds(t_ns: int, digits: int = 3) -> str:
    """Write nanoseconds in seconds: "12.034 s"."""
    return f"{t_ns / NS_PER_S:.{digits}f} s"


def count(number: int, singular: str) -> str:
    """Write a number with its noun: "1 packet", "2 packets"."""
    return f"{number} {singular}{'' if number == 1 else 's'}"


def field_name(name: str) -> str:
    """Write the name of a field of a row in words: "registered_at_cn" is "known at CN", as beside a film."""
    text = _FIELDS.get(name, name).replace("care_of", "care-of").replace("_", " ")
    text = text.removesuffix(" s") + " (s)" if text.endswith(" s") else text
    return re.sub(r"\b(cn|ha)\b", lambda found: found[0].upper(), text)


def check_span(start_ns: int, end_ns: int) -> None:
    """Raise ProtocolMisuse unless time goes forward from `start_ns` to `end_ns` (nanoseconds)."""
    if not 0 <= start_ns < end_ns:
        span = f"from {seconds(start_ns)} to {seconds(end_ns)}"
        raise ProtocolMisuse(f"a picture {span}; expected a start of at least 0 and a later end", (start_ns, end_ns))


def _dhcpv6(octets: bytes) -> str:
    """Name the kind of a DHCPv6 message, and the address that it is about; of a relay agent's, the message inside."""
    try:
        message = dhcpv6.decode_dhcpv6(octets)
        inside = message.option(dhcpv6.RelayMessage)
        if inside is not None:
            return f"relayed: {_dhcpv6(inside.message)}"
        kind = dhcpv6.Kind(message.type).name.lower().replace("_", " ")
    except (WireError, ValueError):
        return "unreadable"
    association = message.option(dhcpv6.IdentityAssociation)
    leased = None if association is None else association.option(dhcpv6.LeasedAddress)
    return kind if leased is None else f"{kind} {leased.address}"


def tidy(name: str) -> str:
    """Make a given name fit for a sentence: one short line."""
    return cut(" ".join(name.split()), MOST_LETTERS) or "unnamed"


def cut(text: str, most: int) -> str:
    """Cut a text to at most so many letters; "…" stands for the rest."""
    return text if len(text) <= most else text[: most - 1] + "…"


def network(interface: str) -> str:
    """Name the network that an interface leads to, in a learner's words: "the WLAN" of wlan0, "the cellular network".
    """
    kind = interface_kind(interface)
    return {"WLAN": "the WLAN", "cellular": "the cellular network"}.get(kind, f"the network at {interface}")


def interface_kind(interface: str) -> str:
    """Name the kind of an interface: "WLAN" for wlan0, "cellular" for cell0, its own name for any other."""
    return {"wlan": "WLAN", "cell": "cellular"}.get(interface.rstrip("0123456789"), interface)


def link(segment: str) -> str:
    """Name a link in a sentence: an interface's by its network, "the WLAN", others by name, "the link home"."""
    word = network(segment)
    return f"the link {segment}" if word.endswith(segment) else word


def series(words: Iterable[object], word: str = "and", none: str = "none") -> str:
    """Write a list as "a, b and c"; `none` if there is nothing."""
    told = [str(each) for each in words]
    return f" {word} ".join(filter(None, [", ".join(told[:-1]), *told[-1:]])) or none


def the_flow(word: str) -> str:
    """Name a flow in a sentence, by its word: "the call", "call 2", "flow 6 TCP 5202", "flow 7"."""
    if word[:1].isdigit():
        return f"flow {word}"
    return word if word.startswith("flow ") or re.search(r" \d$", word) else f"the {word}"


def where_lost(place: str, reason: str) -> str:
    """Say where a packet was lost, and why: "on the WLAN", "on the WLAN: queue full", "MN: 64 packets wait"."""
    where = place if link(place).endswith(place) and reason != ON_LINK else f"on {link(place)}"
    return where + f": {_INTERFACES.sub(lambda found: network(found[0]), reason)}" * (reason != ON_LINK)


def over(network: str, *, tunnelled: bool) -> str:
    """Name a road to the mobile node: "over the WLAN"."""
    return f"{'through the home agent, in a tunnel ' * tunnelled}over {network}"


def _ids(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def bound(inner: Packet) -> tuple[Address | None, Address | None]:
    """Return the home address and the care-of address that a packet states, None for one that it does not."""
    home: Address | None = None
    care_of: Address | None = None
    for header in inner.extensions:
        if isinstance(header, DestinationOptions) and header.home_address is not None:
            home, care_of = header.home_address, inner.source
        elif isinstance(header, RoutingHeaderType2):
            home = header.home_address
    update = inner.carried
    if isinstance(update, mobility.BindingUpdate):
        alternate = update.option(mobility.AlternateCareOfAddress)
        care_of = alternate.care_of_address if alternate is not None else care_of
        home = home or inner.source
    elif isinstance(update, mobility.HomeTestInit):
        home = inner.source
    elif isinstance(update, mobility.HomeTest):
        home = inner.destination
    return home, care_of


class Words:
    """The learner's words for addresses and flows: `names` (address -> "WLAN address"), `flows` (id -> "call")."""

    def __init__(self, names: Mapping[Address, str], flows: Mapping[int, str]) -> None:
        self._names = {str(address): name for address, name in names.items()}
        self.flows = {flow: tidy(name) for flow, name in flows.items()}

    def address(self, address: object) -> str:
        """Return the short word for an address (a value or its text), the address itself where there is none."""
        return self._names.get(str(address), str(address))

    def the(self, address: object) -> str:
        """Name an address in a sentence: "the WLAN address", "H@1"."""
        word = "no address" if address is None else self.address(address)
        return f"the {word}" if _NAMED.search(word) and word != "no address" else word

    @staticmethod
    def flow_ids(text: str) -> tuple[int, ...]:
        """Return the ids of the flows that a node's sentence names."""
        found = _FLOWS.search(text)
        return () if found is None else _ids(found[2])

    def in_words(self, text: str) -> str:
        """Put the names of flows and addresses into a node's sentence, in place of their numbers."""
        text = _FLOWS.sub(lambda found: self.flows_named(_ids(found[2])) + (found[3] or ""), text)
        text = _ADDRESSES.sub(lambda found: self.the(found[0]), text)
        return _INTERFACES.sub(lambda found: network(found[0]), text)

    def value(self, value: object) -> str:
        """Write any value of a row: addresses by their names, numbers without noise."""
        if isinstance(value, float):
            return f"{value:.3f}".rstrip("0").rstrip(".")
        return "none" if value is None else self.address(value)

    def plain(self, row: Row) -> dict[str, object]:
        """Return a row with words in place of addresses; numbers and None stay."""
        return {
            name: value if value is None or isinstance(value, int | float) else self.value(value)
            for name, value in row.items()
        }

    def flow(self, packet: Packet) -> str | None:
        """Return the word for the flow that a packet belongs to, or None."""
        flow = packet.innermost().flow
        return self._flow(flow) if flow else None

    def _flow(self, flow: object) -> str:
        return self.flows.get(flow, f"flow {flow}") if isinstance(flow, int) else f"flow {flow}"

    def flows_named(self, flows: Sequence[int]) -> str:
        """Name flows in a sentence: "the call and the video"; of many the first, and how many others there are."""
        named = [the_flow(self._flow(flow)) for flow in flows[:MOST_NAMED]]
        more = len(flows) - len(named)
        named += [f"{count(more, 'other flow')}"] if more else []
        return series(named, none="")

    def detail(self, packet: Packet) -> str:
        """Tell the key fields of a message in a few words; "" if there are none."""
        inner = packet.unsealed()
        home, care_of = (self.address(address) if address else "" for address in bound(inner))
        match inner.carried:
            case mobility.BindingUpdate() as update:
                where = f"{home} at {care_of or 'home'}" if update.lifetime_units else f"forget {home}"
                lifetime_s = update.lifetime_units * mobility.LIFETIME_UNIT_S
                return f"{where}, sequence number {update.sequence}{f', for {lifetime_s} s' * bool(lifetime_s)}"
            case mobility.BindingAcknowledgement(status=status, sequence=sequence):
                return f"{home + ', ' if home else ''}{self.status(status)}, sequence number {sequence}"
            case mobility.HomeTestInit() | mobility.CareOfTestInit():
                return f"from {self.address(inner.source)}"
            case mobility.HomeTest() | mobility.CareOfTest() as test:
                return f"to {self.address(inner.destination)}, nonce index {test.nonce_index}"
            case mobility.BindingError() as error:
                return f"status {error.status}, {self.address(error.home_address)}"
            case icmpv6.NeighborSolicitation() | icmpv6.NeighborAdvertisement() as neighbor:
                return self.address(neighbor.target)
            case icmpv6.IcmpError() as error:
                return f"{_ERRORS.get(error.type, f'type {error.type}')}, code {error.code}"
            case UDP(destination_port=port, payload=octets) if port in DHCPV6_PORTS:
                return _dhcpv6(octets)
            case UDP() | TCP():
                flow = self.flow(packet)
                return f"{flow + ', ' if flow else ''}{packet.size} octets"
        return ""

    def status(self, status: int) -> str:
        """Write a status of a binding acknowledgement in words (RFC 6275 section 6.1.8)."""
        known = status in {each.value for each in mobility.Status}
        return mobility.Status(status).name.lower().replace("_", " ") if known else f"status {status}"

    # --- table rows --------------------------------------------------------------------------------------------------

    def row(self, table: str, row: Row) -> str:
        """Write a table row as a picture shows it, in about 22 characters."""
        if "home_address" not in row or "care_of_address" not in row:
            return "  ".join(self.value(value) for value in row.values())
        pair = f"{self.value(row['home_address']):<3} → {self.value(row['care_of_address'])}"
        if table == "flow mapping table":
            # Selected is not registered yet: the mark comes with the correspondent node's acknowledgement.
            known = row.get("registered_at_cn")
            mark = "" if known is None else " ✓" if known == row["care_of_address"] else " …"
            return f"{self._flow(row.get('flow_id')):<5} {pair}{mark}"
        return pair + (f" at {self.value(row['peer'])}" if "peer" in row else "")

    def line(self, table: str, row: Row) -> str:
        """Write a table row in a sentence: without the spaces that make columns, with its sequence number."""
        number = f", sequence number {row['sequence']}" if "sequence" in row else ""
        return " ".join(self.row(table, row).split()) + number

    def shown(self, table: str, row: Row | None) -> str:
        """Write a table row as pictures do, "" for None: two rows with the same text look alike in every picture."""
        return "" if row is None else self.row(table, row)

    def change(self, node: str, change: Change) -> str:
        """Tell a table change as a sentence without its full stop."""
        where, after = f"{node}'s {change.table}", change.after
        if change.before is None or after is None:
            verb = "loses" if after is None else "gains"
            return f"{where} {verb} the row {self.line(change.table, after or change.before or {}) or change.key}"
        names = [name for name, value in after.items() if change.before.get(name) != value]
        different = [
            f"{field_name(name)} {self.value(change.before.get(name))} → {self.value(after[name])}"
            for name in names
            if name not in ("expires_at_s", "interface") or len(names) == 1
        ]
        key = self.value(after.get("home_address", change.key))
        if change.table == "flow mapping table":
            key = self._flow(after.get("flow_id"))
        peer = f" at {self.value(after['peer'])}" if {"peer", "home_address"} <= after.keys() else ""
        return f"{where}, row {key}{peer}: {', '.join(different) or 'refreshed'}"
