"""The frame that both protocols of our own share: a small authenticated datagram, repeated until it is answered.

`seal` makes octets of a `Message`, `open_sealed` a `Message` of octets; both take the key that two ends share.
`Repetition` sends a request again. Above stand `flow.protocols.address_protocol` and `flow.protocols.policy_server`.

| octets | field    | what                                                                                 |
|--------|----------|--------------------------------------------------------------------------------------|
| 1      | version  | 1                                                                                    |
| 1      | kind     | what it says; the protocols share no number, so neither takes the other's            |
| 8      | sequence | a request's number, counted from 1 by who asks; the answer repeats it                |
| n      | body     | as the kind says                                                                     |
| 16     | tag      | the first 128 bits of HMAC-SHA256 (RFC 2104, RFC 4868) over all octets in front of it |

Nothing is encrypted. A number tells what is old; it never wraps, and nodes here do not restart.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from typing import NamedTuple

from mipflow.errors import ProtocolMisuse, WireError
from mipflow.mip6.bindings.binding_update_list import back_off_ns
from mipflow.sim.clock import Clock, Timer

VERSION = 1
HEADER = struct.Struct("!BBQ")
TAG = 16
LEAST_KEY = 16
"""Octets of the shortest key: one as long as the tag."""
ATTEMPTS = 5
"""How often a request is sent that nobody answers."""


class Message(NamedTuple):
    """The contents of an authenticated datagram. kind: 0 to 255; sequence: 0 to 2**64 - 1."""

    kind: int
    sequence: int
    body: bytes = b""


def check_key(key: bytes) -> bytes:
    """Return the key. Raises ProtocolMisuse for one that is too short."""
    if len(key) < LEAST_KEY:
        raise ProtocolMisuse(f"a key of {len(key)} octets; expected {LEAST_KEY} or more, the same at both ends", key)
    return key


def seal(key: bytes, message: Message) -> bytes:
    """Return the octets of a message with their tag. Raises WireError for numbers that do not fit."""
    kind, sequence, body = message
    try:
        said = HEADER.pack(VERSION, kind, sequence) + body
    except struct.error as error:
        reason = f"kind {kind}, sequence {sequence}; expected 0 to 255 and 0 to 2**64 - 1"
        raise WireError(reason, message) from error
    return said + _tag(key, said)


def open_sealed(key: bytes, octets: bytes) -> Message:
    """Return the message in a datagram. Raises WireError where it is too short, of another version or not authentic."""
    said, tag = octets[:-TAG], octets[-TAG:]
    if len(said) < HEADER.size:
        raise WireError(f"{len(octets)} octets; expected {HEADER.size + TAG} or more", octets)
    version, kind, sequence = HEADER.unpack_from(said)
    if version != VERSION:
        raise WireError(f"version {version}; expected {VERSION}", version)
    if not hmac.compare_digest(tag, _tag(key, said)):
        raise WireError("not authentic: changed on the way, or made with another key", octets)
    return Message(kind, sequence, said[HEADER.size :])


def _tag(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, "sha256")[:TAG]


class Repetition:
    """Sends something now and after 1, 2, 4 and 8 s again, until it is stopped; 16 s after the last it gives up.

    `send()` returns False where nothing could leave: that counts as no attempt, and `resume()` goes on.
    """

    def __init__(self, clock: Clock, send: Callable[[], bool], give_up: Callable[[], None]) -> None:
        self._clock, self._send, self._give_up = clock, send, give_up
        self._timer, self._sent = Timer(clock, self._next), 0
        self.stop = self._timer.stop
        """Send no more."""
        self._next()

    def resume(self) -> None:
        """Send at once, unless the time to send again is set."""
        if self._timer.due_ns is None:
            self._next()

    def _next(self) -> None:
        if self._sent == ATTEMPTS:
            self._give_up()
        elif self._send():
            self._sent += 1
            self._timer.set(self._clock.now + back_off_ns(self._sent))
