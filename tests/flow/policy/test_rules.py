"""The operator's rules: their meaning, the errors that name the place, and the schema that allows the same."""

from __future__ import annotations

import errno
import ipaddress
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mipflow.errors import DatasetError
from mipflow.flow.conversations import Traits
from mipflow.flow.policy.rules import EACH, MOST_RULES, Rule, RuleSet, load_rules, read_rules, schema
from mipflow.wire.address import Address, Prefix

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "datasets" / "rules" / "operator.json"
CN = Address("2001:db8:a::1")


def text_of(*rules: dict[str, Any]) -> str:
    """Return the rules as a file, one a line, the first in line 2."""
    return '{"rules": [\n' + ",\n".join(json.dumps(rule) for rule in rules) + "\n]}"


def refusal(text: str) -> str:
    with pytest.raises(DatasetError) as caught:
        read_rules(text, "op.json")
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what rules say ---------------------------------------------------------------------------------------------------


def test_the_sample_separates_calls_and_sends_the_rest_over_wlan() -> None:
    rules = load_rules(SAMPLE)
    call, page = Traits("UDP", 50000, CN, 5004), Traits("TCP", 50000, CN, 80)
    server, ping = Traits("TCP", 22, CN, 40000), Traits("ICMPv6", 7, CN, 0)

    def answers(traits: Traits) -> tuple[str | None, str | None]:
        flow, network = rules.flow_of(traits), rules.network_of(traits)
        return flow and flow.flow, network and network.network

    assert [answers(each) for each in (call, page, server, ping)] == [
        ("voice", "cell0"), ("web", "wlan0"), (EACH, "wlan0"), (None, "wlan0"),
    ]  # fmt: skip
    assert answers(page._replace(dscp=46)) == ("web", "cell0"), "flow and network may come from two rules"


def test_the_lowest_priority_number_wins_and_equal_ones_go_by_their_order() -> None:
    late = {"name": "late", "priority": 9, "flow": "b"}
    early = {"name": "early", "priority": 1, "flow": "a", "dscp": 1}
    twin = {"name": "twin", "priority": 1, "flow": "a", "direction": "in"}
    rules = read_rules(text_of(late, early, twin), "op.json")
    assert [rule.name for rule in rules.rules] == ["early", "twin", "late"]
    chosen = [rules.flow_of(Traits("UDP", 1, CN, 2, dscp=dscp, outgoing=False)) for dscp in (1, 0)]
    assert [rule and rule.name for rule in chosen] == ["early", "twin"]
    assert rules.network_of(Traits("UDP", 1, CN, 2)) is None


def test_a_protocol_by_number_is_the_one_by_name() -> None:
    named = [read_rules(text_of({"name": "r", "priority": 1, "flow": "f", "protocol": p}), "x") for p in ("ESP", 50)]
    assert named[0] == named[1]
    unnamed = read_rules(text_of({"name": "r", "priority": 1, "flow": "f", "protocol": 132}), "x")
    assert unnamed.flow_of(Traits("132", 0, CN, 0)) and not unnamed.flow_of(Traits("ESP", 0, CN, 0))


@pytest.mark.parametrize("name", ["local_ports", "remote_ports"])
def test_ports_are_those_of_udp_and_tcp_only(name: str) -> None:
    ported = {"name": "ported", "priority": 1, "network": "wlan0", name: "0-65535"}
    rules = read_rules(text_of(ported, {"name": "secret", "priority": 1, "network": "cell0", "protocol": "ESP"}), "x")
    kinds = ["UDP", "TCP", "ESP", "ICMPv6", "fragment", "132"]
    chosen = [rules.network_of(Traits(protocol, 0, CN, 0)) for protocol in kinds]
    assert [rule and rule.name for rule in chosen] == ["ported", "ported", "secret", None, None, None]


# A small universe: values on both sides of every border that the rules below can have.
PREFIXES = ["2001:db8:a::/64", "2001:db8:a::/65", "2001:db8:a::1", "2001:db8:b::/64"]
RANGES = [1, "1-2", "2-3", "0-65535"]
MATCHING: dict[str, list[Any]] = {
    "protocol": ["UDP", "TCP", "ESP", 132], "correspondent": PREFIXES,
    "local_ports": RANGES, "remote_ports": RANGES[:3],
    "dscp": [0, 46], "flow_label": [0, 7], "header": ["option 5", "routing header"], "direction": ["in", "out"],
}  # fmt: skip
ENDS = [*itertools.product(["UDP", "TCP"], [1, 2, 3], [1, 2, 3]), ("ESP", 0, 0), ("132", 0, 0), ("ICMPv6", 0, 0)]
UNIVERSE = [
    Traits(protocol, local, Address(cn), remote, outgoing, dscp, label, headers=headers)
    for (protocol, local, remote), cn, outgoing, dscp, label, headers in itertools.product(
        ENDS, ["2001:db8:a::1", "2001:db8:a::2", "2001:db8:a:0:8000::", "2001:db8:b::"],
        [True, False], [0, 46], [0, 7], [(), ("option 5",), ("option 5", "routing header"), ("routing header",)],
    )
]  # fmt: skip


def by_hand(rule: dict[str, Any], traits: Traits) -> bool:
    """Return True where a rule in JSON matches, worked out a second time with Python's own networks."""
    ports = {"local_ports": traits.local_port, "remote_ports": traits.remote_port}
    for name, wanted in rule.items():
        if name == "protocol" and {132: "132"}.get(wanted, wanted) != traits.protocol:
            return False
        if name == "correspondent" and ipaddress.IPv6Address(int(traits.cn)) not in ipaddress.IPv6Network(wanted):
            return False
        if name in ports:
            ends = [int(end) for end in str(wanted).split("-")]
            if traits.protocol not in ("UDP", "TCP") or ports[name] not in range(ends[0], ends[-1] + 1):
                return False
        if name in ("dscp", "flow_label") and wanted != getattr(traits, name):
            return False
        if name == "header" and wanted not in traits.headers:
            return False
        if name == "direction" and (wanted == "out") is not traits.outgoing:
            return False
    return True


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw up to four rules over the small universe, with few fields, so that they often overlap."""
    rules = []
    for number in range(draw(st.integers(1, 4))):
        fields = draw(st.lists(st.sampled_from(list(MATCHING)), max_size=3, unique=True))
        rule = {name: draw(st.sampled_from(MATCHING[name])) for name in fields}
        if rule.get("protocol") in ("ESP", 132):
            rule = {name: value for name, value in rule.items() if not name.endswith("_ports")}
        says = draw(st.sampled_from([{"flow": "a"}, {"flow": EACH}, {"network": "w"}, {"flow": "a", "network": "c"}]))
        rules.append({"name": f"rule {number}", "priority": draw(st.integers(1, 3)), **says, **rule})
    return rules


def faults_of(rules: list[dict[str, Any]]) -> list[set[str]]:
    """Return the rules that contradict each other, or one that is never reached, by a look at every packet."""
    rules = sorted(rules, key=lambda rule: rule["priority"])
    matched = [{at for at, traits in enumerate(UNIVERSE) if by_hand(rule, traits)} for rule in rules]
    faults = []
    for here, rule in enumerate(rules):
        never = set()
        for there in range(here):
            for matter in {"flow", "network"} & rule.keys() & rules[there].keys():
                same = rule["priority"] == rules[there]["priority"] and rule[matter] != rules[there][matter]
                if same and matched[here] & matched[there]:
                    faults.append({rule["name"], rules[there]["name"]})
                if matched[here] <= matched[there]:
                    never.add(matter)
        if never == {"flow", "network"} & rule.keys():
            faults.append({rule["name"]})
    return faults


@given(documents())
def test_rules_are_refused_just_where_looking_at_every_packet_finds_a_fault(rules: list[dict[str, Any]]) -> None:
    faults = faults_of(rules)
    try:
        rule_set = read_rules(text_of(*rules), "op.json")
    except DatasetError as error:
        named = {rule["name"] for rule in rules if f"rule {rule['name']!r}" in str(error)}
        assert any(fault <= named for fault in faults), str(error)
        assert {f"op.json:{int(name[-1]) + 2}" in str(error) for name in named} == {True} and len(named) == 2
        return
    assert faults == []
    ordered = sorted(rules, key=lambda rule: rule["priority"])
    for traits in UNIVERSE[::37]:
        for matter, chosen in (("flow", rule_set.flow_of(traits)), ("network", rule_set.network_of(traits))):
            expected = next((rule for rule in ordered if matter in rule and by_hand(rule, traits)), None)
            assert (chosen and chosen.name) == (expected and expected["name"])


def test_a_rule_is_never_reached_where_two_others_say_all_that_it_says() -> None:
    flow, network = {"name": "f", "priority": 1, "flow": "a"}, {"name": "n", "priority": 2, "network": "wlan0"}
    both = {"name": "b", "priority": 3, "flow": "c", "network": "cell0", "dscp": 46}
    assert len(read_rules(text_of(flow, both), "op.json").rules) == 2, "its network still counts"
    message = refusal(text_of(flow, both, network))
    assert message.startswith("op.json:3: rule 'b' is never reached: rule 'n' at op.json:4,")


def test_a_contradiction_names_both_rules_lines_and_words() -> None:
    first = {"name": "calls", "priority": 10, "network": "wlan0", "protocol": "UDP"}
    second = {"name": "urgent", "priority": 10, "network": "cell0", "dscp": 46}
    message = refusal(text_of(first, second))
    assert message.startswith("op.json:3: rule 'urgent' contradicts rule 'calls' at op.json:2: ")
    assert "field network is 'cell0' here and 'wlan0' there" in message
    assert len(read_rules(text_of(first, second | {"priority": 11}), "op.json").rules) == 2


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dscp": 64}, ["dscp", "64", "0 to 63"]),
        ({"dscp": True}, ["dscp", "true", "0 to 63"]),
        ({"dscp": 4.5}, ["dscp", "4.5", "integer"]),
        ({"dscp": "46"}, ["dscp", '"46"', "integer"]),
        ({"dscp": None}, ["dscp", "null", "integer"]),
        ({"dscp": [46]}, ["dscp", "a list", "integer"]),
        ({"flow_label": 1 << 20}, ["flow_label", "1048576", "1048575"]),
        ({"priority": -1}, ["priority", "-1", "0 to 65535", "lowest wins"]),
        ({"remote_ports": "5010-5004"}, ["remote_ports", "5010-5004", "5004-5010"]),
        ({"remote_ports": "1-65536"}, ["remote_ports", "1-65536", "65535"]),
        ({"local_ports": 65536}, ["local_ports", "65536", "65535"]),
        ({"local_ports": "80,443"}, ["local_ports", "80,443", "range"]),
        ({"correspondent": "2001:db8:a::1/64"}, ["correspondent", "2001:db8:a::1/64", "2001:db8:a::/64"]),
        ({"correspondent": "fe80::%eth0/64"}, ["correspondent", "fe80::%eth0/64", "prefix"]),
        ({"correspondent": "www.example"}, ["correspondent", "www.example", "IPv6 address"]),
        ({"protocol": "SCTP"}, ["protocol", "SCTP", "UDP"]),
        ({"protocol": 256}, ["protocol", "256", "next header"]),
        ({"protocol": "ESP", "remote_ports": 80}, ["remote_ports", "80", "ESP has no ports", "TCP or UDP"]),
        ({"protocol": 58, "local_ports": "1-2"}, ["local_ports", "1-2", "ICMPv6 has no ports"]),
        ({"direction": "up"}, ["direction", "up", '"out"', '"in"']),
        ({"flow": ""}, ["flow", '""', "a word", '"each"']),
        ({"flow": {"each": True}}, ["flow", "an object", "a word"]),
        ({"network": None, "flow": "a"}, ["network", "null", "interface"]),
        ({"network": " "}, ["network", '" "', "interface"]),
        ({"port": 80}, ["unknown field", '"port"', "local_ports", "remote_ports"]),
    ],
)
def test_a_bad_field_is_named_with_its_line_its_value_and_what_was_expected(
    fields: dict[str, Any], words: list[str]
) -> None:
    good = {"name": "good", "priority": 1, "network": "wlan0", "dscp": 1}
    given_rule = {"name": "bad", "priority": 2, "network": "cell0"} | fields
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in given_rule.items())
    message = refusal('{"rules": [\n' + json.dumps(good) + ",\n{\n" + lines + "\n}]}")
    culprit = next(name for name in reversed(fields) if name in message.split(";")[0])
    assert message.startswith(f"op.json:{4 + list(given_rule).index(culprit)}: ")
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("text", "start", "words"),
    [
        ("", "op.json:1", ["in ''; expected JSON"]),
        ('{"rules": [\n{"name": "a",}\n]}', "op.json:2", ["in '{\"name\": \"a\",}'; expected JSON"]),
        ('{"rules": []} []', "op.json:1", ["""in '{"rules": []} []'; expected JSON"""]),
        ('{"rules": [\n"a\nb"]}', "op.json:2", ["""in '"a'; expected JSON"""]),
        ("[" * 100_000, "op.json:1", [f"in '{'[' * 60}'; expected JSON"]),
        ("[" * 100 + "]" * 100, "op.json:1", ["the text is a list"]),
        ("[]", "op.json:1", ["a list", "object", "rules"]),
        ("\n{}", "op.json:2", ["no field rules"]),
        ('{"rules":\n {}}', "op.json:2", ["field rules is an object", "a list of rules"]),
        ('{"rules": [],\n"rules": []}', "op.json:2", ['"rules"', "op.json:1 already"]),
        ('{"rules": [],\n "version": 2}', "op.json:2", ["unknown field", '"version"']),
        ('{"rules": [\n5]}', "op.json:2", ["a rule is 5", "name, priority"]),
        ('{"rules": [\n{"priority": 1, "flow": "a"}]}', "op.json:2", ["a rule has no field name", "name, priority"]),
        ('{"rules": [\n{"name": "a",\n"flow": "a"}]}', "op.json:2", ["no field priority"]),
        ('{"rules": [\n{"name": "a", "priority": 1, "flow": null}]}', "op.json:2", ["'a' says nothing", "flow"]),
        ('{"rules": [\n{"name": "a",\n"priority": 1,\n"name": "b"}]}', "op.json:4", ['"name"', "op.json:2 already"]),
        ('{"rules": [\n{"name": "a", "priority":\n99999}]}', "op.json:3", ["field priority is 99999"]),
        ('{"rules": [\n{"name": "a", "priority": NaN}]}', "op.json:2", ["field priority is NaN"]),
        ('{"rules": [\n{"name": "a", "priority": ' + "9" * 5000 + "}]}", "op.json:2", ["field priority is 999", "..."]),
        ('{"rules": [\n{"na\\"[{me": "a,:]}"}]}', "op.json:2", ["unknown field", '"na\\"[{me"']),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_text_is_refused_with_its_line(text: str, start: str, words: list[str]) -> None:
    message = refusal(text)
    assert message.startswith(start + ": ") and len(message) < 500
    assert all(word in message for word in words), message


def test_a_long_name_is_cut_where_an_error_says_it() -> None:
    long = "n" * 100_000
    for first, second in (
        ({"flow": "a"}, {"flow": "b"}), ({"flow": long}, {"flow": long + "m"}), ({"flow": "a"}, {"dscp": 1}),
    ):  # fmt: skip
        for other in (long, long + "m"):
            text = text_of({"name": long, "priority": 1, **first}, {"name": other, "priority": 1, **second})
            assert len(refusal(text)) < 700


def test_a_name_that_stands_twice_is_refused_with_both_lines() -> None:
    rules = [{"name": "a", "priority": number, "flow": "w", "dscp": number} for number in (1, 2)]
    assert refusal(text_of(*rules)).startswith("op.json:3: field name is 'a', as at op.json:2;")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'{"rules": ["\xe4"]}')
    for path, why in (
        (tmp_path / "none", os.strerror(errno.ENOENT)), (tmp_path, "no ordinary"), (tmp_path / "latin", "0xe4"),
    ):  # fmt: skip
        with pytest.raises(DatasetError, match=why) as caught:
            load_rules(path)
        assert str(caught.value).startswith(f"{path}: ") and caught.value.value == path


def test_an_endless_file_and_too_many_rules_are_refused_before_any_comparison(tmp_path: Path) -> None:
    many = [{"name": f"r{number}", "priority": number, "flow": "w", "dscp": 1} for number in range(MOST_RULES + 1)]
    assert refusal(text_of(*many)) == "op.json:1: field rules has 1001 rules; expected 1000 at most"
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "hole").open("wb") as hole:
        hole.truncate(1 << 36)
    for name, why in {"/dev/zero": "no ordinary", "pipe": "no ordinary", "hole": "1048576 octets"}.items():
        path = tmp_path / name
        with pytest.raises(DatasetError, match=why):
            load_rules(path)


def test_a_file_may_begin_with_a_byte_order_mark_and_have_any_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_bytes(b"\xef\xbb\xbf" + SAMPLE.read_bytes().replace(b"\n", b"\r\n"))
    assert load_rules(path) == load_rules(SAMPLE)


# --- any rule, and the schema -----------------------------------------------------------------------------------------


def write_rules(rules: RuleSet) -> str:
    """Return the JSON text of rules, made here by hand."""

    def ports(span: tuple[int, int]) -> object:
        return span[0] if span[0] == span[1] else f"{span[0]}-{span[1]}"

    written: dict[str, Callable[[Any], object]] = {
        "protocol": lambda name: int(name) if name.isdigit() else name, "correspondent": str,
        "local_ports": ports, "remote_ports": ports,
    }  # fmt: skip
    names = [name for name in Rule.__match_args__ if not name.startswith("_")]
    said = [{name: getattr(rule, name) for name in names if getattr(rule, name) is not None} for rule in rules.rules]
    listed = [{name: written.get(name, lambda same: same)(value) for name, value in rule.items()} for rule in said]
    return json.dumps({"rules": listed}, indent=2) + "\n"


WORDS = st.text(min_size=1).filter(lambda text: text.strip() != "")
PORTS = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda pair: (min(pair), max(pair)))


def rule_of(**says: st.SearchStrategy[Any]) -> st.SearchStrategy[Rule]:
    """Draw any rule that may stand in a file."""
    prefixes = st.builds(Prefix.around, st.integers(0, (1 << 128) - 1).map(Address), st.integers(0, 128))
    more: dict[str, st.SearchStrategy[Any]] = {
        "correspondent": prefixes, "dscp": st.integers(0, 63), "flow_label": st.integers(0, 0xFFFFF),
        "header": WORDS, "direction": st.sampled_from(["in", "out"]),
    }  # fmt: skip
    optional = {name: st.none() | values for name, values in more.items()}
    ported = st.builds(
        Rule, WORDS, st.integers(0, 65535), protocol=st.sampled_from([None, "UDP", "TCP"]),
        local_ports=st.none() | PORTS, remote_ports=st.none() | PORTS, **says, **optional,
    )  # fmt: skip
    unported = st.builds(
        Rule, WORDS, st.integers(0, 65535), protocol=st.sampled_from(["fragment", "ESP", "ICMPv6", "0", "132", "255"]),
        **says, **optional,
    )  # fmt: skip
    return ported | unported


ANY_RULE = rule_of(flow=WORDS, network=st.none() | WORDS) | rule_of(flow=st.none(), network=WORDS)


@given(ANY_RULE)
def test_a_written_rule_is_read_as_the_same(rule: Rule) -> None:
    rules = RuleSet((rule,))
    assert read_rules(write_rules(rules), "message") == rules


@given(st.lists(ANY_RULE, max_size=6, unique_by=lambda rule: rule.name))
def test_written_rules_are_read_as_the_same_in_the_same_order(rules: list[Rule]) -> None:
    rule_set = RuleSet(tuple(rules))
    try:
        again = read_rules(write_rules(rule_set), "message")
    except DatasetError as error:
        assume("contradicts" not in str(error) and "never reached" not in str(error))
        raise
    assert again == rule_set and write_rules(again) == write_rules(rule_set)


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 70_000), st.text(max_size=3), st.sampled_from([5.0, 4.5, 1e300, -0.0]),
    st.sampled_from(["80\n", "UDP ", "٣", "::%1", "1-", "-1", "5-4", "99999", "::1/129", "\n", "::1\n", "1-2-3"]),
    st.sampled_from([[], {}]),
)  # fmt: skip
PORT_VALUES = st.integers(0, 65535) | PORTS.map(lambda ends: f"{ends[0]}-{ends[1]}") | st.sampled_from([80.0, "80"])
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "flow": st.none() | WORDS, "network": WORDS, "local_ports": PORT_VALUES, "remote_ports": PORT_VALUES,
    "protocol": st.sampled_from(["UDP", "TCP", "ESP", "ICMPv6", "fragment", 6, 17, 17.0, 50, 132]),
    "correspondent": st.sampled_from([*PREFIXES, "::/0", "::ffff:192.0.2.1"]), "dscp": st.integers(0, 63),
    "flow_label": st.integers(0, 0xFFFFF), "header": WORDS, "direction": st.sampled_from(["in", "out"]),
    "name": WORDS, "priority": st.integers(0, 65535), "naem": WORDS,
}  # fmt: skip


@st.composite
def json_rules(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a rule as it may come from outside: good, but for a field that may be odd and one that may be missing."""
    more = draw(st.lists(st.sampled_from([*GOOD][:-1]), unique=True))
    names = ["name", "priority", draw(st.sampled_from(["flow", "network"])), *more]
    rule = {name: draw(GOOD[name]) for name in names}
    if draw(st.booleans()):
        rule.pop("protocol", None)
    match draw(st.integers(0, 5)):
        case 0:
            del rule[draw(st.sampled_from([*rule]))]
        case 1 | 2:
            rule[draw(st.sampled_from([*GOOD]))] = draw(ODD)
    return rule


def is_meant(rule: dict[str, Any]) -> bool:
    """Return True where a rule of the right structure has ports that go upward and a valid prefix."""
    for name in ("local_ports", "remote_ports"):
        ports = rule.get(name, 0)
        ends = [int(end) for end in ports.split("-")] if isinstance(ports, str) else [int(ports)]
        if ends != sorted(ends) or ends[-1] > 65535:
            return False
    try:
        ipaddress.IPv6Network(rule.get("correspondent", "::/0"))
    except ValueError:
        return False
    return True


VALIDATOR = jsonschema.Draft202012Validator(schema())


@settings(max_examples=400)
@given(json_rules() | ODD)
def test_rules_are_read_where_the_schema_allows_them_and_only_there(rule: Any) -> None:
    document = {"rules": [rule]}
    allowed = VALIDATOR.is_valid(document) and is_meant(rule)
    try:
        read_rules(json.dumps(document), "op.json")
    except DatasetError as error:
        assert not allowed, str(error)
    else:
        assert allowed


KEYS = st.sampled_from(["rules", "name"]) | st.text(max_size=5)


@given(st.recursive(ODD, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=8))
def test_any_json_is_read_or_refused_as_the_schema_says(document: Any) -> None:
    try:
        read_rules(json.dumps(document, indent=1), "op.json")
    except DatasetError:
        assert not VALIDATOR.is_valid(document)
    else:
        assert VALIDATOR.is_valid(document)


@given(st.text(alphabet='{}[]":,\\ \n0a', max_size=30))
def test_any_text_is_rules_or_one_error(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        assert refusal(text).startswith(f"op.json:{getattr(error, 'lineno', 1)}: ")
    else:
        refusal(text)


def test_the_schema_is_a_schema_and_the_file_in_docs_is_it() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    VALIDATOR.validate(json.loads(SAMPLE.read_text(encoding="utf-8")))
    made = json.dumps(schema(), indent=2) + "\n"
    how = "python -c 'import json; from mipflow.flow.policy.rules import schema; print(json.dumps(schema(), indent=2))'"
    assert (ROOT / "docs" / "operator-rules.schema.json").read_text(encoding="utf-8") == made, f"make it anew: {how}"


def test_every_field_of_a_rule_is_in_the_schema() -> None:
    named = schema()["properties"]["rules"]["items"]["properties"]
    assert list(named) == [name for name in Rule.__match_args__ if not name.startswith("_")]
