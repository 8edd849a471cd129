"""Classification in whole worlds (the patent, page 11): each source has its say, from a packet's octets to the flow
that it belongs to, both ways; and no conversation is ever cut in two.

What a packet had on its way is read from the mobile node's own links: its ports or SPI, home address and interface.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.policy.policies import ByOperator, Policies
from mipflow.flow.policy.rules import RuleSet, load_rules, read_rules
from mipflow.flow.tables import FlowMappingEntry
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.node.tcp.sockets import Tcp
from mipflow.wire import codec
from mipflow.wire.address import Address
from mipflow.wire.packet import (
    ESP,
    NO_MARKS,
    TCP,
    UDP,
    DestinationOptions,
    ExtensionHeader,
    FragmentHeader,
    HopByHopOptions,
    Marks,
    Opaque,
    RoutingHeader,
    RoutingHeaderType2,
    UnknownOption,
)
from tests.flow.worlds import acknowledged_ns, cache_changes, interfaces
from tests.mip6.worlds import S, associations, world
from tests.oracles import mobility_faults, tshark_complaints

CALL = mf.apps.Voice()
PROTECTED = mf.apps.Protected()
MODES = ["route_optimisation", "tunnel"]
ALERT = HopByHopOptions((UnknownOption(5, b"\0\0"),))
OTHER = HopByHopOptions((UnknownOption(6, b"\0\0"),))
HINT = DestinationOptions((UnknownOption(0x1E, b"hint"),))
URGENT, HINTED = Marks(46 << 2, 0xABCDE, (ALERT,)), Marks(8 << 2, 0, (HINT,))
OUTER, DESTINATION, ROUTING, FRAGMENT = 41, 60, 43, 44
"""Next header numbers."""


class Seen(NamedTuple):
    """A packet on the mobile node's links: `key` is the local port, or the SPI."""

    sent_ns: int
    upward: bool
    key: int
    home_address: Address
    interface: str
    flow: int


def seen(made: World, key: int, since_ns: int = 0, until_ns: int = 1 << 62) -> list[Seen]:
    return [each for each in _all_seen(made) if each.key == key and since_ns <= each.sent_ns < until_ns]


def _all_seen(made: World) -> Iterator[Seen]:
    for hop in made.trace:
        upward, packet = hop.channel.sender == "MN", hop.packet.innermost()
        payload, headers = packet.payload, packet.extensions
        if not upward and hop.channel.receiver != "MN":
            continue
        if isinstance(payload, UDP | TCP):
            key = payload.source_port if upward else payload.destination_port
        elif isinstance(payload, Opaque) and payload.next_header == ESP:
            key = int.from_bytes(payload.data[:4], "big")
        else:
            continue
        option = next((h.home_address for h in headers if isinstance(h, DestinationOptions) and h.home_address), None)
        routing = next((h.home_address for h in headers if isinstance(h, RoutingHeaderType2)), None)
        home = (option or packet.source) if upward else (routing or packet.destination)
        interface = hop.channel.sender_interface if upward else hop.channel.receiver_interface
        yield Seen(hop.sent_ns, upward, key, home, interface, packet.flow)


class Talk:
    """A conversation of plain sockets, for which no flow was opened; the correspondent answers what it hears."""

    def __init__(
        self, made: World, near: int, far: int, cn: Host | None = None, marks: Marks = NO_MARKS, flow: int = 0,
        theirs: Marks = NO_MARKS,
    ) -> None:  # fmt: skip
        self.made, self.cn = made, made.cn1 if cn is None else cn
        self.key = ("UDP", near, self.cn.address, far)
        self.got: list[bytes] = []
        self.heard: list[bytes] = []
        self.near = made.mn.udp(near, (self.cn.address, far), flow)
        self.near.marks = marks
        self.near.on_datagram = self.got.append
        self.far = self.cn.udp(far)
        self.far.marks = theirs
        self.far.on_datagram = self._answer

    def _answer(self, data: bytes) -> None:
        self.heard.append(data)
        self.far.send(data)

    def say(self, octets: bytes = b"x") -> Talk:
        self.near.send(octets)
        return self

    @property
    def entry(self) -> FlowMappingEntry:
        entry = self.made.mn.flows.find(self.key)
        assert entry is not None
        return entry

    @property
    def port(self) -> int:
        return self.key[1]


def settled(**keywords: Any) -> World:
    return world(**{"wire": False, **keywords}).run(5)


def rules(*listed: dict[str, object]) -> str:
    """Return JSON text of rules that differ in name and priority."""
    return json.dumps({"rules": [{"name": f"rule {n}", "priority": n, **each} for n, each in enumerate(listed)]})


def reasons(made: World, node: str = "MN") -> list[str]:
    return [drop.reason for drop in made.trace.drops() if drop.node == node]


def marked(flow_label: int, *extensions: ExtensionHeader) -> Marks:
    return Marks(0, flow_label, extensions)


def chain(octets: bytes) -> list[int]:
    """Return the next header numbers of an IPv6 packet in order, as far as extension headers go (RFC 8200 section 4).
    """
    found, at = [octets[6]], 40
    while found[-1] in (0, DESTINATION, ROUTING, FRAGMENT):
        kind, start = found[-1], at
        found.append(octets[at])
        at += 8 if kind == FRAGMENT else 8 * (octets[at + 1] + 1)
        if kind == FRAGMENT and int.from_bytes(octets[start + 2 : start + 4], "big") >> 3:
            return found  # behind it is a later piece of something
    return found + (chain(octets[at:]) if found[-1] == OUTER else [])


# --- what the application says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_word_of_the_application_makes_one_flow_that_moves_as_one(mode: str) -> None:
    made = settled(mode=mode)
    call = made.mn.open(made.cn1, CALL, word="meeting")
    slides = made.mn.open(made.cn1, mf.apps.Video(), word="meeting", interface="cell0")
    apart, elsewhere = made.mn.open(made.cn1, CALL), made.mn.open(made.cn2, CALL, word="meeting")
    made.run(3)
    assert call.id == slides.id == 1 and len({call.id, apart.id, elsewhere.id}) == 3 == len(made.mn.flows)
    assert call.entry.flow_information.source == "application"
    ports = [flow.conversation.local_port for flow in (call, slides)]
    for port in ports:
        (before,) = {each[3:5] for each in seen(made, port)}
        assert before == (call.home_address, "wlan0"), "whatever the second asked for"
    start = made.network.clock.now
    assert made.mn.handover(slides, "cell0", alone=True) == [1], "one flow is alone with itself"
    made.run(3)
    assert len(cache_changes(made, start / S)) == 1
    moved = acknowledged_ns(made, start) + 200_000_000
    for port in ports:
        after = seen(made, port, moved)
        assert {each.upward for each in after} == {True, False}
        assert {each[3:5] for each in after} == {(call.home_address, "cell0")}
    assert interfaces(made, apart, 0) == interfaces(made, elsewhere, 0) == {"wlan0"}


def test_a_flow_of_several_applications_ends_with_the_last() -> None:
    made = settled()
    one, two = (made.mn.open(made.cn1, CALL, word="meeting") for _ in range(2))
    made.run(2)
    made.mn.close(one)
    made.run(2)
    assert len(made.mn.flows) == 1 and len(made.cn1.bindings) == 1 and two.is_open
    assert two.running is not None and two.running.received_bytes > 190 * 172
    made.mn.close(two)
    made.run(2)
    assert len(made.mn.flows) == 0 == len(made.cn1.bindings)


def test_a_socket_that_is_labelled_with_a_flow_belongs_to_it_both_ways() -> None:
    made = settled()
    made.mn.open(made.cn1, CALL)
    video = made.mn.open(made.cn1, mf.apps.Video())
    made.run(2)
    talk = Talk(made, 6000, 9000, flow=video.id).say()
    made.run(1)
    assert talk.got == [b"x"] and len(made.mn.flows) == 2
    assert {each[3:] for each in seen(made, 6000)} >= {(video.home_address, "wlan0", video.id)}
    assert {each.home_address for each in seen(made, 6000)} == {video.home_address}


# --- headers ----------------------------------------------------------------------------------------------------------


def test_without_a_word_each_conversation_is_a_flow_and_both_ways_are_one() -> None:
    made = settled()
    cns = [made.cn1, made.cn1, made.cn2, made.cn2]
    talks = [Talk(made, 6000 + n, 9000 + n, cn).say(bytes(n)) for n, cn in enumerate(cns)]
    for identifier in (7, 8):
        made.mn.echo(identifier, made.cn1.address).send(1, b"abc")
    Tcp.of(made.cn1).listen(80, lambda socket: None)
    Tcp.of(made.mn).connect(6000, (made.cn1.address, 80))
    made.run(4)
    entries = [talk.entry for talk in talks]
    entries += [entry for n in (7, 8) if (entry := made.mn.flows.find(("ICMPv6", n, made.cn1.address, 0)))]
    entries += [entry for entry in [made.mn.flows.find(("TCP", 6000, made.cn1.address, 80))] if entry]
    assert len({entry.flow_id for entry in entries}) == 7 == len(made.mn.flows)
    assert {entry.flow_information.source for entry in entries} == {"headers"}
    sums = [entry.sent_octets for entry in entries[:6]]
    assert sums == [entry.received_octets for entry in entries[:6]]
    assert [octets - sums[0] for octets in sums] == [0, 1, 2, 3, 3, 3], "each carried its own, and nothing else"
    assert [talk.got for talk in talks] == [[bytes(number)] for number in range(4)]
    assert entries[6].received_octets > 0, "the SYN's answer"
    homes = [entry.home_address for entry in entries if entry.cn == made.cn1.address]
    assert len(set(homes)) == 5, "so each of them can be handed over alone"


def test_a_flow_label_joins_conversations_and_stands_in_the_octets() -> None:
    """RFC 6437: label and addresses name a flow. A conversation without a label, or with another one, is not of it."""
    made = settled(wire=True)
    labels = [0x12345, 0x12345, 0x12346, 0]
    talks = [Talk(made, 6000 + n, 9000 + n, marks=Marks(0, label)).say() for n, label in enumerate(labels)]
    made.run(3)
    numbers = [talk.entry.flow_id for talk in talks]
    assert numbers[0] == numbers[1] and len(set(numbers)) == 3 == len(made.mn.flows)
    assert [talk.got for talk in talks] == [[b"x"]] * 4, "what answers has no label, and belongs all the same"
    assert talks[0].entry.received_octets == 2 * talks[2].entry.received_octets
    data = [codec.encode(h.packet.innermost()) for h in made.trace if h.channel.sender == "MN" and h.packet.flow]
    assert {int.from_bytes(octets[1:4], "big") & 0xF_FFFF for octets in data} == set(labels)


def test_labels_of_a_correspondent_join_what_it_begins() -> None:
    made = settled()
    got: list[bytes] = []
    for port, label in ((6000, 0x777), (6001, 0x777), (6002, 0x778)):
        made.mn.udp(port).on_datagram = got.append
        socket = made.cn1.udp(port, (made.mn.primary_home_address, port))
        socket.marks = Marks(0, label)
        socket.send(b"hello")
    made.run(2)
    assert got == [b"hello"] * 3
    numbers = [made.mn.flows.find(("UDP", port, made.cn1.address, port)) for port in (6000, 6001, 6002)]
    assert numbers[0] is numbers[1] is not numbers[2] is not None and len(made.mn.flows) == 2


# --- the operator's rules, from a file --------------------------------------------------------------------------------

FIELDS: list[tuple[dict[str, object], list[dict[str, Any]]]] = [
    ({"dscp": 46}, [{"marks": Marks(46 << 2)}, {"marks": Marks(46 << 2 | 3)}, {"marks": Marks(47 << 2)}]),
    ({"flow_label": 9}, [{"marks": Marks(0, 9)}, {"marks": Marks(4, 9)}, {"marks": Marks(0, 8)}]),
    ({"header": "option 5"}, [{"marks": URGENT}, {"marks": marked(1, ALERT, HINT)}, {"marks": marked(0, OTHER)}]),
    ({"header": "destination options"}, [{"marks": HINTED}, {"marks": marked(1, ALERT, HINT)}, {"marks": URGENT}]),
    ({"local_ports": "6000-6001", "protocol": "UDP"}, [{}, {}, {}]),
    ({"remote_ports": "9001-9002"}, [{"far": 9001}, {"far": 9002}, {"far": 9003}]),
    ({"correspondent": "2001:db8:b::/64"}, [{"cn": 1}, {"cn": 1}, {"cn": 0}]),
    ({"direction": "out", "local_ports": "6000-6001"}, [{}, {}, {}]),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "talks"), FIELDS, ids=lambda value: " ".join(value) if type(value) is dict else "")
def test_each_field_of_a_rule_in_a_file_reaches_the_packets_that_have_it(
    fields: dict[str, object], talks: list[dict[str, Any]], tmp_path: Path
) -> None:
    """The rule is for the first two of three conversations: it joins them, and leaves the third as it would be."""
    path = tmp_path / "operator.json"
    path.write_text(rules({"flow": "joined", **fields}))
    made = settled(operator=load_rules(path), wire=True)
    said = []
    for number, how in enumerate(talks):
        cn = made.cns[how.get("cn", 0)]
        said.append(Talk(made, 6000 + number, how.get("far", 9000 + number), cn, how.get("marks", NO_MARKS)).say())
    made.run(3)
    found = [talk.entry.flow_information[1:] for talk in said]
    assert found[:2] == [("joined", "operator")] * 2 and found[2][1] == "headers"
    assert said[0].entry is said[1].entry is not said[2].entry
    assert [talk.got for talk in said] == [[b"x"]] * 3


def test_a_rule_for_what_comes_in_is_none_for_what_goes_out() -> None:
    """The same conversations, begun from either side; and a rule may ask for each to be apart though labels join them.
    """
    made = settled(operator=read_rules(rules({"flow": "theirs", "direction": "in"}, {"flow": "each"}), "here"))
    for port in (6000, 6001):
        made.mn.udp(port)
        made.cn1.udp(port, (made.mn.primary_home_address, port)).send(b"hello")
    ours = [Talk(made, port, port, marks=Marks(0, 0x55)).say() for port in (6100, 6101)]
    made.run(3)
    theirs = [made.mn.flows.find(("UDP", port, made.cn1.address, port)) for port in (6000, 6001)]
    assert theirs[0] is theirs[1] is not None and theirs[0].flow_information.word == "theirs"
    assert ours[0].entry is not ours[1].entry and ours[0].entry.flow_information[1:] == ("", "operator")
    assert len(made.mn.flows) == 3


@pytest.mark.parametrize("mode", MODES)
def test_dscp_flow_label_and_options_are_what_tshark_reads(mode: str, tmp_path: Path, tshark: str) -> None:
    made = settled(mode=mode, wire=True)
    talk = Talk(made, 6000, 9000).say()
    made.run(3)
    for talk.near.marks in (URGENT, HINTED):
        talk.say()
        made.run(1)
    assert talk.got == [b"x"] * 3 and len(made.mn.flows) == 1, "whatever it is marked with, it is one flow"
    path = tmp_path / "marked.pcap"
    made.pcap(path, "MN")
    fields = [part for name in ("tclass.dscp", "flow", "opt.type") for part in ("-e", f"ipv6.{name}")]
    command = [tshark, "-n", "-r", str(path), "-Y", "udp.srcport==6000", "-T", "fields", *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    rows = [[column.split(",") for column in line.split("\t")] for line in done.stdout.splitlines()]
    outer = [0] if mode == "tunnel" else []
    home = [0xC9] if mode == "route_optimisation" else []
    urgent, hinted = rows[-2:]
    assert [int(text) for text in urgent[0]] == [*outer, 46]
    assert [int(text, 0) for text in urgent[1]] == [*outer, 0xABCDE]
    assert [int(text) for text in hinted[0]] == [*outer, 8]
    kinds = [[int(text, 0) for text in row[2] if int(text, 0) > 1] for row in (urgent, hinted)]  # padding is 0 and 1
    assert kinds == [[5, *home], [*home, 30]]
    assert tshark_complaints(path, tshark) == [] == mobility_faults(path)


# --- rules that the network sends at run time -------------------------------------------------------------------------


def indicate(made: World, *listed: dict[str, object]) -> None:
    """Have the policy server send rules, and see them applied."""
    assert made.policy_server is not None
    made.policy_server.indicate(made.mn.primary_home_address, rules(*listed))
    made.run(1)
    assert [d.what for d in made.trace.decisions()][-1] == "rules applied"


def test_rules_that_the_network_sends_are_for_what_begins_afterwards() -> None:
    """Running calls keep flow, home address and interface with every packet, whatever the network says meanwhile."""
    made = settled(policy_server=True, pool=4)
    calls = [made.mn.open(made.cn1, CALL) for _ in range(2)]
    made.run(3)
    indicate(made, {"flow": "voice", "remote_ports": "5004-5020"})
    calls += [made.mn.open(made.cn1, CALL) for _ in range(2)]
    made.run(3)
    indicate(made, {"flow": "each"})
    calls += [made.mn.open(made.cn1, CALL) for _ in range(2)]
    made.run(3)
    numbers = [call.id for call in calls]
    assert numbers == [1, 2, 3, 3, 4, 5] and sorted(f.flow_id for f in made.mn.flows) == [1, 2, 3, 4, 5]
    said = [call.entry.flow_information[1:] for call in calls[1::2]]
    assert said == [("", "headers"), ("voice", "network"), ("", "network")]
    for call in calls:
        port = call.conversation.local_port
        assert {each[3:] for each in seen(made, port)} == {(call.home_address, "wlan0", call.id)}
        assert call.running is not None and call.running.received_bytes > 90 * 172
        assert call.stats.up.lost == 0 == call.stats.down.lost
    assert made.mn.handover(calls[2], "cell0") == [3]
    made.run(2)
    assert [call.interface for call in calls] == ["wlan0", "wlan0", "cell0", "cell0", "wlan0", "wlan0"]


def test_what_an_application_says_anew_of_a_port_leaves_its_conversations_where_they_are() -> None:
    made = settled()
    other = made.mn.open(made.cn1, CALL, word="other")
    talk = Talk(made, 6000, 9000).say()
    made.run(3)
    made.mn.stack.words.say("UDP", 6000, "other")
    talk.say()
    again = Talk(made, 6001, 9001)
    made.mn.stack.words.say("UDP", 6001, "other")
    again.say()
    made.run(3)
    assert again.entry is other.entry is not talk.entry
    assert len({each.home_address for each in seen(made, 6000)}) == 1 and talk.got == [b"x", b"x"]


def test_the_lowest_priority_number_has_the_last_word() -> None:
    """A learner's function (10), the application (20), the network (30), the operator (40), headers (50)."""
    made = settled(
        separator=lambda traits: "mine" if traits.local_port == 6000 else None, policy_server=True,
        operator=read_rules(rules({"flow": "operator's", "local_ports": "6000-6003"}), "here"),
    )  # fmt: skip
    indicate(made, {"flow": "network's", "local_ports": "6000-6002"})
    for port in (6000, 6001):
        made.mn.stack.words.say("UDP", port, "application's")
    talks = [Talk(made, 6000 + n, 9000 + n).say() for n in range(5)]
    made.run(3)
    assert [talk.entry.flow_information[1:] for talk in talks] == [
        ("mine", "your separator"), ("application's", "application"), ("network's", "network"),
        ("operator's", "operator"), ("", "headers"),
    ]  # fmt: skip


def test_an_empty_word_of_a_higher_priority_keeps_a_conversation_apart() -> None:
    made = settled(separator=lambda traits: "" if traits.local_port == 6001 else None)
    talks = [Talk(made, 6000 + n, 9000 + n, marks=Marks(0, 0x99)).say() for n in range(3)]
    made.run(3)
    assert talks[0].entry is talks[2].entry is not talks[1].entry and len(made.mn.flows) == 2


def test_the_conversations_of_a_word_take_the_network_of_its_first_and_move_as_one() -> None:
    given = read_rules(
        rules({"flow": "voice", "remote_ports": "5004-5020"}, {"network": "cell0", "remote_ports": 5004},
              {"network": "wlan0", "remote_ports": 5006}),
        "here",
    )  # fmt: skip
    made = settled(operator=given, policy=Policies([(1, ByOperator(given))]))
    one, two = made.mn.open(made.cn1, CALL), made.mn.open(made.cn1, CALL)
    made.run(3)
    assert one.id == two.id and one.conversation.remote_port == 5004 and two.conversation.remote_port == 5006
    for call in (one, two):
        assert {each.interface for each in seen(made, call.conversation.local_port, 7 * S)} == {"cell0"}
    made.mn.networks.reconsider("the test asks")
    made.run(3)
    assert cache_changes(made, 8) == [], "no second conversation pulls its flow to and fro"


# --- ESP that ends beyond the mobile node -----------------------------------------------------------------------------


def spis(made: World, upward: bool) -> list[int]:
    """Return the SPIs of data on the mobile node's links, in order of their first packets."""
    own = [hop for hop in made.trace if (hop.channel.sender if upward else hop.channel.receiver) == "MN"]
    inner = [hop.packet.innermost().payload for hop in own if hop.packet.flow]
    found = [int.from_bytes(each.data[:4], "big") for each in inner if isinstance(each, Opaque)]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("security", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_two_flows_of_esp_to_one_correspondent_are_paired_and_each_moves_alone(mode: str, security: bool) -> None:
    """CN and SPI are the key (page 11), and each direction has an SPI of its own; the mobile node's own ESP with its
    home agent belongs to no flow, and is not disturbed.
    """
    made = settled(mode=mode, security=security)
    one, two = made.mn.open(made.cn1, PROTECTED), made.mn.open(made.cn1, PROTECTED)
    made.run(4)
    assert len(made.mn.flows) == 2 and one.home_address != two.home_address
    ups, downs = spis(made, True), spis(made, False)
    assert len(ups) == len(downs) == 2 and not set(ups) & set(downs)
    for flow, up, down in zip((one, two), ups, downs, strict=True):
        assert flow.entry.conversations == {("ESP", up, flow.cn.address, 0), ("ESP", 0, flow.cn.address, down)}
        assert flow.entry.sent_octets > 20_000 < flow.entry.received_octets
        assert {each.home_address for spi in (up, down) for each in seen(made, spi)} == {flow.home_address}
    for flow, other in ((two, one), (one, two)):
        start, stays = made.network.clock.now, other.interface
        assert made.mn.handover(flow, "cell0", alone=True) == [flow.id]
        made.run(3)
        assert len(cache_changes(made, start / S)) == 1
        settled_ns = acknowledged_ns(made, start) + 200_000_000 if not security else start + S
        assert interfaces(made, flow, settled_ns) == {"cell0"}
        assert interfaces(made, other, start + S // 2) == {stays}
    assert not [reason for node in ("MN", "HA") for reason in reasons(made, node) if "ESP" in reason]
    assert one.stats.down.lost == 0 == two.stats.down.lost
    made.mn.close(one)
    made.mn.close(two)
    made.run(5)
    assert len(made.mn.flows) == 0 and len(made.mn.home_addresses) == 1 and len(made.ha.bindings) == 1


def test_esp_of_plain_sockets_is_paired_when_the_first_answer_comes() -> None:
    made = settled()
    got: list[bytes] = []
    for number in (1, 2):
        near = made.mn.esp(0x100 + number, 0x200 + number, made.cn1.address)
        far = made.cn1.esp(0x200 + number, 0x100 + number, None)
        far.on_octets = far.send  # and so each has another far end
        near.on_octets = got.append
        near.send(b"sealed")
    made.run(3)
    assert got == [b"sealed"] * 2 and len(made.mn.flows) == 2
    for number, entry in enumerate(made.mn.flows, start=1):
        assert {(near, far) for _, near, _, far in entry.conversations} == {(0x200 + number, 0), (0, 0x100 + number)}
        assert entry.sent_octets == entry.received_octets > 0


def test_two_protected_streams_of_one_word_are_one_flow_both_ways() -> None:
    made = settled()
    streams = [made.mn.open(made.cn1, PROTECTED, word="tunnel") for _ in range(2)]
    made.run(2)
    assert streams[0].id == streams[1].id and len(made.mn.flows) == 1
    made.mn.close(streams[0])
    made.run(1)
    assert len(made.mn.flows) == 1 and streams[1].stats.down.received > 0
    made.mn.close(streams[1])
    assert len(made.mn.flows) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("redirect", [False, True])
def test_esp_that_a_correspondent_begins_is_a_flow_of_its_own(mode: str, redirect: bool) -> None:
    """Also while ESP of ours to the same correspondent waits for its first answer; redirected it moves alone."""
    made = settled(mode=mode, security=True)
    ours = made.mn.open(made.cn1, PROTECTED)
    theirs = made.mn.accept(made.cn1, PROTECTED, redirect=redirect)
    made.run(5)
    assert ours.id != theirs.id and len(made.mn.flows) == 2
    assert ours.home_address == made.mn.primary_home_address
    assert (theirs.home_address != made.mn.primary_home_address) == redirect
    for flow in (ours, theirs):
        assert flow.stats.up.received > 50 < flow.stats.down.received
    start = made.network.clock.now
    assert made.mn.handover(theirs, "cell0") == ([theirs.id] if redirect else [ours.id, theirs.id])
    made.run(3)
    assert interfaces(made, theirs, start + S) == {"cell0"}
    assert interfaces(made, ours, start + S) == {"wlan0" if redirect else "cell0"}
    made.mn.close(theirs)
    assert [entry.flow_id for entry in made.mn.flows] == [ours.id]
    assert not [reason for node in ("MN", "HA") for reason in reasons(made, node) if "ESP" in reason]


def test_an_spi_of_the_mobile_nodes_own_associations_does_not_take_its_signalling() -> None:
    """The receiver chooses the SPI (RFC 4303 section 2.1), so both are the mobile node's."""
    made = settled(security=True)
    own = next(each for each in associations(made.mn) if each.is_inbound).keys.spi
    with suppress(ProtocolMisuse):
        made.mn.open(made.cn1, PROTECTED, local_port=own)
    made.mn.handover_all("cell0")
    made.run(3)
    assert {binding.care_of_address for binding in made.ha.bindings} == {made.mn.care_of_address("cell0")}
    assert made.mn.registered_at_home(made.mn.primary_home_address) == made.mn.care_of_address("cell0")


# --- fragments and extension headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_datagram_that_its_source_cuts_follows_its_flow_both_ways(mode: str) -> None:
    made = settled(mode=mode, wire=True)
    other, talk = Talk(made, 6001, 9001).say(), Talk(made, 6000, 9000).say()
    made.run(3)
    talk.say(bytes(4000))  # in the tunnel its answer finds the path's MTU, and is lost by that
    made.run(1)
    assert made.mn.handover(talk.entry, "cell0") == [talk.entry.flow_id]
    made.run(3)
    start = made.network.clock.now
    talk.say(bytes(5000))
    made.run(2)
    assert [len(heard) for heard in talk.heard] == [1, 4000, 5000] and len(talk.got[-1]) == 5000
    assert len(made.mn.flows) == 2 and talk.entry.home_address != other.entry.home_address
    mine = [hop for hop in made.trace if "MN" in (hop.channel.sender, hop.channel.receiver) and hop.sent_ns >= start]
    pieces = [hop for hop in mine if any(isinstance(h, FragmentHeader) for h in hop.packet.innermost().extensions)]
    assert len(pieces) == 8, "four each way"
    assert {hop.channel.segment for hop in pieces} == {"cell0"}
    assert {hop.packet.flow for hop in pieces if hop.channel.sender == "MN"} == {talk.entry.flow_id}
    for hop in pieces:
        assert chain(codec.encode(hop.packet))[-2:] == [FRAGMENT, 17]


def pieces(near: int, far: int, identification: int, octets: int = 64) -> list[tuple[Opaque, Marks]]:
    """Return a UDP datagram in three fragments, made by hand: checksum zero is not looked at before it is whole."""
    source, destination = Address("2001:db8:100::10"), Address("2001:db8:a::5")
    whole = codec.encode(mf.wire.packet.Packet(source, destination, UDP(near, far, bytes(3 * octets - 8))))[40:]
    cut = [whole[start : start + octets] for start in range(0, 3 * octets, octets)]
    headers = [FragmentHeader(n * octets // 8, n < 2, identification) for n in range(3)]
    return [(Opaque(17, data), Marks(extensions=(header,))) for data, header in zip(cut, headers, strict=True)]


@pytest.mark.parametrize("mode", MODES)
def test_raw_fragments_follow_their_first(mode: str) -> None:
    """The later fragments have octets where ports would stand, and none of them is a port."""
    made = settled(mode=mode, wire=True)
    one, two = Talk(made, 6000, 9000).say(), Talk(made, 6001, 9001).say()
    made.run(3)
    made.mn.handover(two.entry, "cell0")
    made.run(3)
    start, count = made.network.clock.now, len(made.trace)
    mixed = [piece for pair in zip(pieces(6000, 9000, 71), pieces(6001, 9001, 72), strict=True) for piece in pair]
    for payload, marks in mixed:
        made.mn.transmit(payload, None, made.cn1.address, marks=marks)
    made.run(1)
    sent = [hop for hop in list(made.trace)[count:] if hop.channel.sender == "MN"]
    assert [(hop.packet.flow, hop.channel.segment) for hop in sent if hop.sent_ns == start] == [
        (one.entry.flow_id, "wlan0"), (two.entry.flow_id, "cell0"),
    ] * 3  # fmt: skip
    assert len(made.mn.flows) == 2
    if mode == "tunnel":  # with route optimisation the sum would have to be over the same addresses too, and is
        assert [len(got) for got in two.got] == [1]


def test_raw_fragments_of_a_new_conversation_begin_one_flow() -> None:
    made = settled()
    for payload, marks in pieces(6000, 9000, 71):
        made.mn.transmit(payload, None, made.cn1.address, marks=marks)
    got: list[bytes] = []
    made.cn1.udp(9000).on_datagram = got.append
    made.run(2)
    assert got == [bytes(3 * 64 - 8)] and len(made.mn.flows) == 1
    assert made.mn.flows.find(("UDP", 6000, made.cn1.address, 9000)) is not None


def test_a_later_fragment_whose_first_nobody_has_seen_is_dropped_with_its_reason() -> None:
    """A later fragment without its first belongs to no flow, so it has neither home address nor care-of address."""
    made = settled()
    made.mn.open(made.cn1, CALL)
    made.run(1)
    count = len(made.trace)
    for payload, marks in pieces(6000, 9000, 71)[1:]:
        made.mn.transmit(payload, None, made.cn1.address, marks=marks)
    made.run(1)
    assert not [hop for hop in list(made.trace)[count:] if type(hop.packet.innermost().payload) is Opaque]
    assert len(made.mn.flows) == 1
    said = reasons(made)
    assert len(said) == 2 and all("fragment" in reason and "first" in reason for reason in said)


def test_a_fragment_that_is_the_first_and_the_last_has_ports_as_any_other() -> None:
    made = settled(wire=True)
    talk = Talk(made, 6000, 9000, marks=Marks(extensions=(FragmentHeader(0, False, 5),))).say()
    made.run(3)
    assert talk.got == [b"x"] and len(made.mn.flows) == 1 and talk.entry.received_octets > 0


HEADERS = {
    "options for all": ((ALERT,), [0, DESTINATION, 17], [OUTER, 0, 17]),
    "for all and for the last": ((ALERT, HINT), [0, DESTINATION, DESTINATION, 17], [OUTER, 0, DESTINATION, 17]),
    "routing": ((RoutingHeader(3, 0, bytes(4)),), [ROUTING, DESTINATION, 17], [OUTER, ROUTING, 17]),
    "all": (
        (ALERT, RoutingHeader(3, 0, bytes(4)), FragmentHeader(0, False, 3), HINT),
        [0, ROUTING, DESTINATION, FRAGMENT, DESTINATION, 17], [OUTER, 0, ROUTING, FRAGMENT, DESTINATION, 17],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HEADERS)
@pytest.mark.parametrize("mode", MODES)
def test_extension_headers_stand_in_the_order_of_the_rfcs(what: str, mode: str, tmp_path: Path, tshark: str) -> None:
    """Hop-by-hop options first (RFC 8200 section 4.1); the Home Address option behind a routing header, in front of a
    fragment header (RFC 6275 section 6.3).
    """
    own, optimised, tunnelled = HEADERS[what]
    made = settled(mode=mode, wire=True)
    talk = Talk(made, 6000, 9000).say()
    made.run(3)
    talk.near.marks = Marks(extensions=own)
    start = made.network.clock.now
    talk.say()
    made.run(2)
    assert talk.got == [b"x", b"x"] and reasons(made) == [] == reasons(made, "CN1")
    sent = next(hop.packet for hop in made.trace if hop.sent_ns == start and hop.channel.sender == "MN")
    assert chain(codec.encode(sent)) == (tunnelled if mode == "tunnel" else optimised)
    made.pcap(tmp_path / "headers.pcap")
    assert tshark_complaints(tmp_path / "headers.pcap", tshark) == [] == mobility_faults(tmp_path / "headers.pcap")


@pytest.mark.parametrize("mode", MODES)
def test_options_for_every_router_stand_in_front_of_each_fragment(mode: str, tmp_path: Path, tshark: str) -> None:
    """RFC 8200 section 4.5: hop-by-hop options are among the per-fragment headers."""
    made = settled(mode=mode, wire=True)
    talk = Talk(made, 6000, 9000, marks=URGENT).say()
    made.run(3)
    talk.say(bytes(3000))
    made.run(2)
    assert [len(heard) for heard in talk.heard] == [1, 3000] and reasons(made, "CN1") == []
    octets = [codec.encode(hop.packet) for hop in made.trace if hop.channel.sender == "MN" and hop.sent_ns == 8 * S]
    front = [OUTER, 0, FRAGMENT] if mode == "tunnel" else [0, DESTINATION, FRAGMENT]
    assert [chain(each)[:3] for each in octets] == [front] * 3
    made.pcap(tmp_path / "fragments.pcap")
    assert tshark_complaints(tmp_path / "fragments.pcap", tshark) == []


def test_rules_of_an_empty_set_say_nothing() -> None:
    made = settled(operator=RuleSet())
    talk = Talk(made, 6000, 9000).say()
    made.run(2)
    assert talk.entry.flow_information[1:] == ("", "headers")
