"""Rules from the network: sent until answered, followed once, refused with a reason; old and forged ones dropped."""

from __future__ import annotations

import hashlib
import hmac
import json
import struct

import pytest

from mipflow.errors import DatasetError, ProtocolMisuse
from mipflow.flow.policy.rules import RuleSet, read_rules
from mipflow.flow.protocols.authenticated import Message, seal
from mipflow.flow.protocols.policy_server import MOST_OCTETS, MOST_REASON, PORT, PolicyClient, PolicyServer
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, Packet
from tests.flow.operated import HOME, MS, ONE_WAY_MS, OPERATOR_KEY, PRIMARY, Operated, S
from tests.mip6.worlds import world

RULES, APPLIED, REFUSED = 4, 5, 6
SECOND_MOBILE = HOME.address(0x20)
BROKEN = '{"rules": [{]}'
COMPLAINTS = {"impossible": "there is no network 'impossible'", "long": "no " * 1000, "lone": "no \ud800"}
"""Names of rules that the mobile node cannot follow, and what it says of them."""


def rules(name: str, size: int = 0) -> str:
    """Make the text of a rule set of one rule, of so many octets."""
    rule = {"name": name, "priority": 1, "flow": "voice"}
    text = json.dumps({"rules": [rule]}, ensure_ascii=False)
    return text + " " * (size - len(text.encode()))


class Following(Operated):
    """A world in which the mobile node is bound and follows the operator."""

    def __init__(self) -> None:
        super().__init__()
        self.applied: list[str] = []
        self.client = PolicyClient(self.mn, self.server.address, OPERATOR_KEY, self.apply)  # type: ignore[arg-type]
        self.run(5)
        assert PRIMARY in self.ha.bindings

    def apply(self, given: RuleSet) -> None:
        (rule,) = given.rules
        if rule.name in COMPLAINTS:
            raise ProtocolMisuse(COMPLAINTS[rule.name], rule)
        self.applied.append(rule.name)

    def forge(self, octets: bytes, source: Address | None = None) -> None:
        """Send octets from the place of the server."""
        packet = Packet(source or self.server.address, PRIMARY, UDP(PORT, PORT, octets))
        self.server.interfaces["eth0"].channel_to(PRIMARY).send(packet)  # type: ignore[union-attr]
        self.run(1)


def test_rules_and_answer_by_hand_and_the_answer_in_the_tunnel() -> None:
    made = Following()
    start = made.network.clock.now
    made.server.indicate(PRIMARY, rules("voice ↑"))
    made.run(1)
    assert made.applied == ["voice ↑"]
    care_of, agent = made.mn.care_of_address("wlan0"), made.ha.home_agent_address
    ((left_ns, sent),), ((answered_ns, answer),) = made.datagrams("Operator", PORT), made.datagrams("MN", PORT)
    assert (sent.source, sent.destination, left_ns) == (made.server.address, PRIMARY, start)
    assert answered_ns - start == 2 * ONE_WAY_MS * MS
    assert (answer.source, answer.destination) == (care_of, agent)
    inner = answer.payload
    assert isinstance(inner, Packet) and (inner.source, inner.destination) == (PRIMARY, made.server.address)
    said = struct.pack("!BBQ", 1, 4, 1) + rules("voice ↑").encode(), struct.pack("!BBQ", 1, 5, 1)
    tags = [hmac.new(OPERATOR_KEY, octets, hashlib.sha256).digest()[:16] for octets in said]
    assert [sent.payload, inner.payload] == [UDP(PORT, PORT, o + t) for o, t in zip(said, tags, strict=True)]
    assert made.decisions("rules applied") == [f"number 1 of {made.server.address}", f"number 1 to {PRIMARY}"]
    made.run(60)
    assert len(made.datagrams("Operator", PORT)) == 1


def test_where_the_answer_is_lost_rules_come_again_and_are_applied_once() -> None:
    made = Following()
    made.lose(lambda packet: packet.source == PRIMARY and made.network.clock.now < 9 * S)
    made.server.indicate(PRIMARY, rules("voice"))
    made.run(60)
    assert [t / S for t, _ in made.datagrams("Operator", PORT)] == [5, 6, 8, 12]
    assert made.applied == ["voice"] and made.decisions("rules applied")[1:] == [f"number 1 to {PRIMARY}"]


def test_a_mobile_node_that_is_silent_is_told_five_times() -> None:
    made = Following()
    made.lose(lambda packet: True)
    made.server.indicate(PRIMARY, rules("voice"))
    made.run(60)
    assert [t / S for t, _ in made.datagrams("Operator", PORT)] == [5, 6, 8, 12, 20]
    assert made.decisions("rules not answered") == [f"number 1 to {PRIMARY}: 5 sent"] and made.applied == []


def test_newer_rules_replace_those_that_were_not_answered() -> None:
    made = Following()
    made.lose(lambda packet: made.network.clock.now < 7 * S)
    made.server.indicate(PRIMARY, rules("first"))
    made.run(1.5)
    made.server.indicate(PRIMARY, rules("second"))
    made.run(60)
    assert made.applied == ["second"]
    assert made.decisions("rules applied")[1:] == [f"number 2 to {PRIMARY}"] and not made.decisions(
        "rules not answered"
    )


@pytest.mark.parametrize("text", [BROKEN, rules("impossible")])
def test_rules_that_cannot_be_followed_are_refused_with_the_reason_and_once(text: str) -> None:
    made = Following()
    reason = COMPLAINTS["impossible"]
    if text == BROKEN:
        with pytest.raises(DatasetError) as raised:
            read_rules(text, f"rules of {made.server.address}")
        reason = str(raised.value)
    made.lose(lambda packet: packet.source == PRIMARY and made.network.clock.now < 5.5 * S)
    made.server.indicate(PRIMARY, text)
    made.run(60)
    assert made.decisions("rules refused") == [reason, f"number 1 to {PRIMARY}: {reason}"]
    made.server.indicate(PRIMARY, rules("voice"))
    made.run(1)
    assert made.applied == ["voice"], "what comes after is followed"


def test_refusals_fit_whatever_the_rules_are() -> None:
    """Octets that are no text, a reason that is too long, and one that has no octets."""
    made = Following()
    for number, octets in enumerate((b"\xff", rules("long").encode(), rules("lone").encode()), start=1):
        made.forge(seal(OPERATOR_KEY, Message(RULES, number, octets)))
    answers = [packet.innermost().payload.payload for _, packet in made.datagrams("MN", PORT)]  # type: ignore[attr-defined]
    assert [(answer[1], answer[9]) for answer in answers] == [(REFUSED, 1), (REFUSED, 2), (REFUSED, 3)]
    assert b"0xff" in answers[0][10:-16], "what the codec says"
    assert len(answers[1]) == 10 + MOST_REASON + 16 and answers[2][10:-16] == b"no ?"
    assert made.applied == []


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (
            seal(OPERATOR_KEY[::-1], Message(RULES, 9, b"x")),
            "rules: not authentic: changed on the way, or made with another key",
        ),
        (b"", "rules: 0 octets; expected 26 or more"),
        (seal(OPERATOR_KEY, Message(RULES, 6, b"x")), "rules: number 6 after 7: replayed or overtaken"),
        (seal(OPERATOR_KEY, Message(RULES, 0, b"x")), "rules: number 0 after 7: replayed or overtaken"),
        (seal(OPERATOR_KEY, Message(APPLIED, 9)), "rules: kind 5; expected 4"),
    ],
)
def test_forged_and_old_rules_are_dropped_and_not_answered(octets: bytes, reason: str) -> None:
    made = Following()
    made.forge(seal(OPERATOR_KEY, Message(RULES, 7, rules("seventh").encode())))
    made.forge(octets)
    assert made.applied == ["seventh"] and made.reasons("MN") == [reason]
    assert len(made.datagrams("MN", PORT)) == 1


def test_rules_of_somebody_else_are_dropped_though_they_were_replayed_well() -> None:
    made = Following()
    other = Address("2001:db8:f::66")
    made.forge(seal(OPERATOR_KEY, Message(RULES, 1, b"x")), other)
    assert made.applied == []
    assert made.reasons("MN") == [f"rules: {other} is not the policy server, which is {made.server.address}"]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (seal(OPERATOR_KEY[::-1], Message(APPLIED, 1)), "not authentic: changed on the way, or made with another key"),
        (seal(OPERATOR_KEY, Message(APPLIED, 2)), "kind 5 to number 2; expected 5 or 6 to number 1"),
        (seal(OPERATOR_KEY, Message(RULES, 1)), "kind 4 to number 1; expected 5 or 6 to number 1"),
    ],
)
def test_a_forged_answer_ends_nothing(octets: bytes, reason: str) -> None:
    made = Following()
    made.lose(lambda packet: packet.source == made.server.address)
    made.server.indicate(PRIMARY, rules("voice"))
    made.mn.send_control(UDP(PORT, PORT, octets), made.server.address)
    made.run(2)
    assert made.reasons("Operator") == [f"answer of {PRIMARY} to rules: {reason}"]
    assert len(made.datagrams("Operator", PORT)) == 2, "it is sent on"


def test_an_answer_to_nothing_is_dropped_and_other_datagrams_are_the_hosts() -> None:
    made = Following()
    heard: list[bytes] = []
    made.server.udp(4000).on_datagram = heard.append
    made.mn.send_control(UDP(4000, 4000, b"hello"), made.server.address)
    made.mn.send_control(UDP(PORT, PORT, b"hello"), made.server.address)
    made.run(1)
    assert heard == [b"hello"]
    assert made.reasons("Operator") == [f"answer of {PRIMARY} to rules: no rules wait for it"]


def test_rules_larger_than_a_packet_arrive_in_fragments() -> None:
    made = Following()
    made.server.indicate(PRIMARY, rules("voice", MOST_OCTETS))
    made.run(2)
    assert made.applied == ["voice"]
    assert made.decisions("rules applied")[1:] == [f"number 1 to {PRIMARY}"]


def test_bad_calls_are_refused_in_one_line() -> None:
    made = Following()
    with pytest.raises(ProtocolMisuse, match=r"rules of 60001 octets; expected 60000 at most: shorten them"):
        made.server.indicate(PRIMARY, rules("voice", MOST_OCTETS + 1))
    with pytest.raises(ProtocolMisuse, match=r"no key is shared with 2001:db8:100::20; call share_key\(\) first"):
        made.server.indicate(SECOND_MOBILE, rules("voice"))
    for make in (
        lambda: made.server.share_key(PRIMARY, b"short"),
        lambda: PolicyClient(made.mn, made.server.address, b"short", made.apply),  # type: ignore[arg-type]
    ):
        with pytest.raises(ProtocolMisuse, match="a key of 5 octets"):
            make()


def test_the_real_mobile_node_follows_rules_and_keeps_them_where_the_next_are_broken() -> None:
    made = world()
    server = PolicyServer(made.network, "Operator")
    server.settle(made.network.segments["cn1"], 0x99)
    server.share_key(made.mn.primary_home_address, OPERATOR_KEY)
    PolicyClient(made.mn, server.address, OPERATOR_KEY, made.mn.network_asks)
    made.run(4)
    for text in (rules("calls"), BROKEN):
        server.indicate(made.mn.primary_home_address, text)
        made.run(1)
    assert made.mn.stack.network_rules.rules == read_rules(rules("calls"), "here")
    whats = [decision.what for decision in made.trace.decisions() if decision.node == "Operator"]
    assert whats == ["rules applied", "rules refused"] and len(made.mn.flows) == 0
