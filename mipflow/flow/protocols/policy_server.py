"""The protocol by which the network indicates rules (the patent, page 11): a server sends them, a mobile node follows.

`PolicyServer` takes a rule set as JSON text and the primary home address of a mobile node, to which the home agent
tunnels. `PolicyClient` reads the text by `flow.policy.rules`, has the `RuleSet` applied, and answers.

| kind | name    | its body in the datagram of `flow.protocols.authenticated`             |
|------|---------|------------------------------------------------------------------------|
| 4    | RULES   | a rule set in UTF-8, at most 60,000 octets; it replaces the one before |
| 5    | APPLIED | nothing                                                                |
| 6    | REFUSED | why, in words, in UTF-8                                                |
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING

from mipflow.arguments import WORD, check
from mipflow.errors import MipflowError, ProtocolMisuse, WireError
from mipflow.flow.policy.rules import RuleSet, read_rules
from mipflow.flow.protocols.authenticated import ATTEMPTS, Message, Repetition, check_key, open_sealed, seal
from mipflow.node.host import Host
from mipflow.node.node import Arrival
from mipflow.sim.network import Network, Role
from mipflow.wire.address import ADDRESS, Address
from mipflow.wire.packet import POLICY_PORT as PORT
from mipflow.wire.packet import UDP

if TYPE_CHECKING:
    from mipflow.flow.mobile_node import FlowMobileNode

MOST_OCTETS = 60_000
"""The most octets of a rule set: with all headers it fits one IPv6 packet, which its node sends in fragments."""
MOST_REASON = 1000
"""The most octets of the reason in a refusal."""


class Kind(IntEnum):
    """The type of a datagram; `flow.protocols.address_protocol` has the numbers up to 3."""

    RULES = 4
    APPLIED = 5
    REFUSED = 6


class PolicyServer(Host):
    """A host of the network operator, anywhere in the Internet, that tells mobile nodes how to separate flows."""

    role: Role = "policy server"

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0) -> None:
        super().__init__(network, name, x, y)
        self._keys: dict[Address, bytes] = {}
        self._waiting: dict[Address, tuple[int, Repetition]] = {}
        """Mobile nodes that have not answered -> the number of the rules sent to them, and the sending."""
        self._newest = 0
        self.hear_port(PORT, self._heard)

    def share_key(self, home_address: Address, key: bytes) -> None:
        """Serve the mobile node with this primary home address. Raises ProtocolMisuse for a key that is too short."""
        self._keys[home_address] = check_key(key)

    def indicate(self, home_address: Address, text: str) -> None:
        """Send a rule set until the mobile node answers; an older one without an answer is not sent any more.

        The outcome is a decision in the trace. Raises ProtocolMisuse where no key is shared or the text is too long.
        """
        check(ADDRESS, home_address=home_address)
        check(WORD, text=text)
        octets, key = text.encode(), self._keys.get(home_address)
        if key is None:
            raise ProtocolMisuse(f"no key is shared with {home_address}; call share_key() first", home_address)
        if len(octets) > MOST_OCTETS:
            raise ProtocolMisuse(f"rules of {len(octets)} octets; expected {MOST_OCTETS} at most: shorten them", text)
        if home_address in self._waiting:
            self._waiting[home_address][1].stop()
        self._newest += 1
        datagram = UDP(PORT, PORT, seal(key, Message(Kind.RULES, self._newest, octets)))
        send = partial(self._send, datagram, home_address)
        give_up = partial(self._ended, home_address, "not answered", f"{ATTEMPTS} sent")
        self._waiting[home_address] = self._newest, Repetition(self.clock, send, give_up)

    def _send(self, datagram: UDP, home_address: Address) -> bool:
        self.transmit(datagram, None, home_address)
        return True

    def _ended(self, home_address: Address, how: str, why: str) -> None:
        why = f"number {self._waiting.pop(home_address)[0]} to {home_address}: {why}".removesuffix(": ")
        self.decided(f"rules {how}", why)

    def _heard(self, arrival: Arrival) -> None:
        """Take the answer of a mobile node: its rules are not sent again."""
        number, repetition = self._waiting.get(arrival.source, (0, None))
        try:
            if repetition is None:
                raise WireError("no rules wait for it", arrival.source)
            kind, answered, body = open_sealed(self._keys[arrival.source], arrival.payload.payload)
            if answered != number or kind not in (Kind.APPLIED, Kind.REFUSED):
                raise WireError(f"kind {kind} to number {answered}; expected 5 or 6 to number {number}", answered)
        except WireError as error:
            self.drop(arrival.packet, f"answer of {arrival.source} to rules: {error}", is_received=True)
            return
        repetition.stop()
        self._ended(arrival.source, Kind(kind).name.lower(), body.decode(errors="replace"))


class PolicyClient:
    """Hears the rules of the policy server at an address for `node`, and has `apply` put them in force.

    `apply` may raise a MipflowError for rules that cannot be followed, before it changes anything: the server is told.
    """

    def __init__(self, node: FlowMobileNode, server: Address, key: bytes, apply: Callable[[RuleSet], None]) -> None:
        self._node, self._server, self._key, self._apply = node, server, check_key(key), apply
        self._answer = Message(Kind.APPLIED, 0)
        """The answer to the newest rules, given again when they come again."""
        node.hear_control(PORT, self._heard)

    def _heard(self, arrival: Arrival) -> None:
        """Follow rules that are newer than all before, and answer; old and foreign ones are dropped."""
        try:
            if arrival.source != self._server:
                raise WireError(f"{arrival.source} is not the policy server, which is {self._server}", arrival.source)
            message = open_sealed(self._key, arrival.payload.payload)
            if message.kind != Kind.RULES:
                raise WireError(f"kind {message.kind}; expected {Kind.RULES:d}", message.kind)
            number, newest = message.sequence, self._answer.sequence
            if number < newest:
                raise WireError(f"number {number} after {newest}: replayed or overtaken", message)
            if number > newest:
                self._answer = self._follow(message)
        except WireError as error:
            self._node.drop(arrival.packet, f"rules: {error}")
            return
        self._node.send_control(UDP(PORT, PORT, seal(self._key, self._answer)), self._server)

    def _follow(self, message: Message) -> Message:
        """Put rules in force, or leave everything as it is, and return the answer."""
        number = message.sequence
        try:
            self._apply(read_rules(message.body.decode(), f"rules of {self._server}"))
        except (MipflowError, UnicodeDecodeError) as error:
            self._node.decided("rules refused", str(error))
            return Message(Kind.REFUSED, number, str(error).encode(errors="replace")[:MOST_REASON])
        self._node.decided("rules applied", f"number {number} of {self._server}")
        return Message(Kind.APPLIED, number)
