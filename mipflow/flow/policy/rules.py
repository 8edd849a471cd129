"""The network operator's rules, by which packets belong to flows and flows to networks (the patent, pages 11 and 12).

`read_rules` takes JSON text, from a file or from a policy server, and gives a `RuleSet`, which is asked with a packet's
traits. Each field of a `Rule` declares its form in JSON; reader, schema and error messages come from it. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

from mipflow.errors import DatasetError, ProtocolMisuse, shown
from mipflow.files import AnyPath, read_text
from mipflow.wire.address import UNSPECIFIED, Prefix

if TYPE_CHECKING:
    from mipflow.flow.conversations import Traits

MOST_OCTETS = 1 << 20
"""The most octets of a file of rules."""
MOST_RULES = 1000
"""The most rules in one text: each is compared with each, and a thousand take about a second."""

EACH = "each"
"""The value of `flow` that makes each conversation a flow of its own."""
Span = tuple[int, int]
"""The lowest and the highest number of a range; both belong to it."""
Schema = dict[str, Any]

_PROTOCOLS = {6: "TCP", 17: "UDP", 44: "fragment", 50: "ESP", 58: "ICMPv6"}
"""Next headers -> their names in traits."""
_WITH_PORTS = ("TCP", "UDP")

# --- forms of fields --------------------------------------------------------------------------------------------------


class _Form(NamedTuple):
    """The form of a field, in words and as JSON Schema; `read` raises for values that a schema cannot tell apart."""

    expected: str
    schema: Schema
    read: Callable[[Any], Any] = lambda value: value


def _integer(most: int, meaning: str = "") -> _Form:
    return _Form(f"an integer from 0 to {most}{meaning}", {"type": "integer", "minimum": 0, "maximum": most})


def _read_ports(value: int | str) -> Span:
    low, _, high = str(value).partition("-")
    if not int(low) <= int(high or low) <= 65535:
        raise ValueError
    return int(low), int(high or low)


_WORD = {"type": "string", "pattern": r"\S"}
# In Python, but not in ECMA 262, "$" also matches before a line feed that ends the text.
_PORT_RANGE = {"type": "string", "pattern": r"^[0-9]{1,5}(-[0-9]{1,5})?(?!\n)$"}
_PREFIX = {"type": "string", "pattern": r"^[0-9A-Fa-f:.]+(/[0-9]{1,3})?(?!\n)$"}
_FLOW = _Form(
    f'a word that makes one flow of all conversations with a correspondent, "{EACH}" to separate them, or null',
    {"anyOf": [_WORD, {"enum": [None]}]},
)
_PROTOCOL = _Form(
    f"{', '.join(_PROTOCOLS.values())}, or the number of another next header",
    {"anyOf": [{"enum": [*_PROTOCOLS.values()]}, _integer(255).schema]},
    read=lambda value: _PROTOCOLS.get(value, str(value)),
)
_CORRESPONDENT = _Form('an IPv6 address, or a prefix such as "2001:db8:a::/64"', _PREFIX, Prefix.parse)
_PORTS = _Form(
    'a port from 0 to 65535, or a range of ports such as "5004-5010"',
    {"anyOf": [_integer(65535).schema, _PORT_RANGE]},
    read=_read_ports,
)
_DIRECTION = _Form('"out" for what the mobile node sends, "in" for what it gets', {"enum": ["out", "in"]})

# --- rules as values --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """The operator's wish for packets that have all of a rule's fields; a field that is None matches every packet.

    flow: the word that makes one flow of all conversations with the same correspondent, or EACH; network: an
    interface's name; ports: those of UDP and TCP, so that other packets do not match; header: one of the packet's;
    direction: "out" where the mobile node sends, or "in". `read_rules` checks the values, Rule does not.
    """

    name: Annotated[str, _Form("a name that no other rule has", _WORD)]
    priority: Annotated[int, _integer(65535, "; of all rules that match, the lowest wins")]
    flow: Annotated[str | None, _FLOW] = None
    network: Annotated[str | None, _Form("the name of an interface", _WORD)] = None
    protocol: Annotated[str | None, _PROTOCOL] = None
    correspondent: Annotated[Prefix | None, _CORRESPONDENT] = None
    local_ports: Annotated[Span | None, _PORTS] = None
    remote_ports: Annotated[Span | None, _PORTS] = None
    dscp: Annotated[int | None, _integer(63)] = None
    flow_label: Annotated[int | None, _integer(0xFFFFF)] = None
    header: Annotated[str | None, _Form('a header or option, such as "hop-by-hop options" or "option 5"', _WORD)] = None
    direction: Annotated[str | None, _DIRECTION] = None
    _spans: tuple[tuple[Any, Any], ...] = field(init=False, repr=False, compare=False)
    """The lowest and highest value that match, in the order in which `matches` looks at a packet's traits."""

    def __post_init__(self) -> None:
        # In the order of their names no protocol lies between TCP and UDP, and none comes after "~".
        first, last = _WITH_PORTS if self.local_ports or self.remote_ports else ("", "~")
        network, length = self.correspondent or Prefix(UNSPECIFIED, 0)
        spans = (
            (self.protocol or first, self.protocol or last),
            (int(network), network | (1 << 128 - length) - 1),
            self.local_ports or (0, 65535),
            self.remote_ports or (0, 65535),
            *((0, 0xFFFFF) if number is None else (number, number) for number in (self.dscp, self.flow_label)),
            (self.direction or "in", self.direction or "out"),
        )
        object.__setattr__(self, "_spans", spans)

    def matches(self, traits: Traits) -> bool:
        """Return True where a packet has all that the rule asks for."""
        ends = (traits.protocol, traits.cn, traits.local_port, traits.remote_port)
        seen = (*ends, traits.dscp, traits.flow_label, "out" if traits.outgoing else "in")
        return (self.header is None or self.header in traits.headers) and all(
            low <= value <= high for (low, high), value in zip(self._spans, seen, strict=True)
        )

    def meets(self, other: Rule) -> bool:
        """Return True where some packet matches both rules; a packet may have any headers together."""
        pairs = zip(self._spans, other._spans, strict=True)
        return all(max(mine[0], its[0]) <= min(mine[1], its[1]) for mine, its in pairs)

    def covers(self, other: Rule) -> bool:
        """Return True where every packet that matches the other rule matches this one."""
        pairs = zip(self._spans, other._spans, strict=True)
        return self.header in (None, other.header) and all(
            mine[0] <= its[0] and its[1] <= mine[1] for mine, its in pairs
        )


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in the order in which they are asked: by priority, the lowest number first, else as given."""

    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(sorted(self.rules, key=lambda rule: rule.priority)))

    def flow_of(self, traits: Traits) -> Rule | None:
        """Return the first matching rule with a `flow`, or None."""
        return next((rule for rule in self.rules if rule.flow and rule.matches(traits)), None)

    def word_of(self, traits: Traits) -> str | None:
        """Return the word of the first matching rule with a `flow`, empty for a flow of its own, or None."""
        rule = self.flow_of(traits)
        return None if rule is None else "" if rule.flow == EACH else rule.flow

    def network_of(self, traits: Traits) -> Rule | None:
        """Return the first matching rule with a `network`, or None."""
        return next((rule for rule in self.rules if rule.network and rule.matches(traits)), None)


# --- the schema -------------------------------------------------------------------------------------------------------

_HINTS = get_type_hints(Rule, include_extras=True)
_FORMS: dict[str, _Form] = {name: hint.__metadata__[0] for name, hint in _HINTS.items() if not name.startswith("_")}
_REQUIRED = ["name", "priority"]
_PORT_FIELDS = ["local_ports", "remote_ports"]


def _fits(value: Any, schema: Schema) -> bool:
    """Return True where a value is valid by a schema; only the keywords used in this module are known."""
    if "anyOf" in schema:
        return any(_fits(value, one) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "integer":
        return type(value) is int and schema["minimum"] <= value <= schema["maximum"]
    return isinstance(value, str) and re.search(schema["pattern"], value) is not None


def _object(members: Schema, required: list[str], **more: Any) -> Schema:
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False, **more}


def schema() -> Schema:
    """Return the JSON Schema (2020-12) of a file of rules; `read_rules` finds wrong ranges and contradictions."""
    numbers = [number for number, protocol in _PROTOCOLS.items() if protocol in _WITH_PORTS]
    ported = {"properties": {"protocol": {"enum": [*_WITH_PORTS, *numbers]}}}
    rule = _object(
        {name: {"description": form.expected, **form.schema} for name, form in _FORMS.items()},
        _REQUIRED,
        anyOf=[{"required": ["network"]}, {"required": ["flow"], "properties": {"flow": {"type": "string"}}}],
        dependentSchemas=dict.fromkeys(_PORT_FIELDS, ported),
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The network operator's rules: which conversations are one flow, and which network it takes",
        **_object({"rules": {"type": "array", "items": rule, "maxItems": MOST_RULES}}, ["rules"]),
    }


# --- JSON, and where it stands ----------------------------------------------------------------------------------------


class _Located(NamedTuple):
    """A JSON value with its place: a tuple of keys and values, a list of values, or a plain value."""

    value: Any
    shown: str
    place: str

    def refused(self, why: str) -> DatasetError:
        """Return the error that names a reason and the place."""
        return DatasetError(f"{self.place}: {why}", self.shown if isinstance(self.value, tuple | list) else self.value)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]|[^][{}",:\s]+')
"""A token of valid JSON: none goes beyond its line, and commas and colons can be passed over."""


def _number(digits: str) -> float:
    """Return a number as JSON Schema has it: 5.0 is an integer; one too large for a float is infinity, no error."""
    return int(number) if (number := float(digits)).is_integer() else number


def _located(tokens: Iterator[tuple[str, str]]) -> _Located | None:
    """Return the next value, or None where an object or a list ends."""
    token, place = next(tokens)
    if token in ("}", "]"):
        return None
    if token not in ("{", "["):
        value = json.loads(token, parse_int=_number, parse_float=_number)
        return _Located(value, token if len(token) < 80 else f"{token[:76]}...", place)
    inside = list(iter(lambda: _located(tokens), None))
    if token == "[":
        return _Located(inside, "a list", place)
    return _Located(tuple(zip(inside[::2], inside[1::2], strict=True)), "an object", place)


def _members(given: _Located, known: Collection[str], required: list[str], what: str) -> dict[str, _Located]:
    """Return the values of an object by their keys. Raises DatasetError for an unknown, a repeated or a missing key."""
    if not isinstance(given.value, tuple):
        raise given.refused(f"{what} is {given.shown}; expected an object with the fields {', '.join(known)}")
    members: dict[str, _Located] = {}
    for key, value in given.value:
        if key.value not in known:
            raise key.refused(f"{what} has an unknown field {key.shown}; expected one of {', '.join(known)}")
        if key.value in members:
            raise key.refused(f"field {key.shown} is given at {members[key.value].place} already; keep one of them")
        members[key.value] = value
    for name in required:
        if name not in members:
            raise given.refused(f"{what} has no field {name}; expected {', '.join(required)} in it")
    return members


# --- reading ---------------------------------------------------------------------------------------------------------


def _rule(given: _Located) -> Rule:
    members, values = _members(given, _FORMS, _REQUIRED, "a rule"), {}
    for name, member in members.items():
        try:
            if not _fits(member.value, _FORMS[name].schema):
                raise ValueError
            values[name] = _FORMS[name].read(member.value)
        except (ValueError, ProtocolMisuse):
            raise member.refused(f"field {name} is {member.shown}; expected {_FORMS[name].expected}") from None
    rule = Rule(**values)
    if not (rule.flow or rule.network):
        raise given.refused(f"rule {shown(rule.name)} says nothing; expected a field flow or network in it")
    for name, member in members.items():
        if name in _PORT_FIELDS and rule.protocol not in (None, *_WITH_PORTS):
            why = f"field {name} is {member.shown}, but {rule.protocol} has no ports"
            raise member.refused(f"{why}; expected protocol TCP or UDP, or none, or a rule without ports")
    return rule


def _check(rules: tuple[Rule, ...], places: dict[str, str]) -> None:
    """Raise DatasetError where two rules contradict each other, and where a rule is never reached."""

    def told(rule: Rule, earlier: Rule) -> tuple[str, str]:
        return f"{places[rule.name]}: rule {shown(rule.name)}", f"rule {shown(earlier.name)} at {places[earlier.name]}"

    for at, rule in enumerate(rules):
        left = {name for name in ("flow", "network") if getattr(rule, name)}
        for earlier in rules[:at]:
            for name in ("flow", "network"):
                mine, its = getattr(rule, name), getattr(earlier, name)
                if mine and its and mine != its and rule.priority == earlier.priority and rule.meets(earlier):
                    here, there = told(rule, earlier)
                    both = f"one packet can match both, and field {name} is {shown(mine)} here and {shown(its)} there"
                    why = f"{here} contradicts {there}: {both}; expected them to differ in priority"
                    raise DatasetError(why, mine)
            if earlier.covers(rule):
                left -= {name for name in left if getattr(earlier, name)}
            if not left:
                here, there = told(rule, earlier)
                why = f"{there}, which comes first, matches all that it matches and says as much"
                raise DatasetError(f"{here} is never reached: {why}; expected a lower priority number", rule.name)


def read_rules(text: str, where: str) -> RuleSet:
    """Read rules from JSON text; `where` names the text in errors, such as a path or "policy of PS".

    Raises DatasetError with the line, the field and the value where the text is not valid or has too many rules, where
    two rules contradict each other, and where a rule is never reached.
    """
    rows = text.split("\n")
    tokens = ((token, f"{where}:{line}") for line, row in enumerate(rows, 1) for token in _TOKEN.findall(row))
    try:
        json.loads(text, parse_int=_number)
        document = _located(tokens)
    except (ValueError, RecursionError) as error:
        line, why = getattr(error, "lineno", 1), getattr(error, "msg", error)
        why = "it is nested too deeply" if isinstance(error, RecursionError) else why
        raise DatasetError(f"{where}:{line}: {why} in {rows[line - 1][:60]!r}; expected JSON", text) from error
    assert document is not None
    rules, places = [], dict[str, str]()
    listed = _members(document, ["rules"], ["rules"], "the text")["rules"]
    if not isinstance(listed.value, list):
        raise listed.refused(f"field rules is {listed.shown}; expected a list of rules")
    if len(listed.value) > MOST_RULES:
        raise listed.refused(f"field rules has {len(listed.value)} rules; expected {MOST_RULES} at most")
    for given in listed.value:
        rules.append(rule := _rule(given))
        if rule.name in places:
            raise given.refused(f"field name is {shown(rule.name)}, as at {places[rule.name]}; expected another name")
        places[rule.name] = given.place
    _check((rule_set := RuleSet(tuple(rules))).rules, places)
    return rule_set


def load_rules(path: AnyPath) -> RuleSet:
    """Read a file of rules. Raises DatasetError as `read_rules` does, and where it is no ordinary file or too large."""
    text = read_text(path, MOST_OCTETS, "expected a file such as datasets/rules/operator.json")
    return read_rules(text, str(path))
