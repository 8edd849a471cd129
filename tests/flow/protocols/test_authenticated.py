"""Authenticated datagrams: recomputed by hand, refused with the reason, and repeated with patience."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse, WireError
from mipflow.flow.protocols.authenticated import Message, Repetition, check_key, open_sealed, seal
from mipflow.sim.clock import Clock

KEY = bytes(range(32))
S = 1_000_000_000
MESSAGES = st.builds(Message, st.integers(0, 255), st.integers(0, 2**64 - 1), st.binary(max_size=40))


def test_a_datagram_recomputed_by_hand() -> None:
    said = struct.pack("!BBQ4s", 1, 7, 0x0102030405060708, b"body")
    tag = hmac.new(KEY, said, hashlib.sha256).digest()[:16]
    assert seal(KEY, Message(7, 0x0102030405060708, b"body")) == said + tag
    assert open_sealed(KEY, said + tag) == Message(7, 0x0102030405060708, b"body")


@given(MESSAGES)
def test_a_sealed_message_opens_as_the_same(message: Message) -> None:
    assert open_sealed(KEY, seal(KEY, message)) == message


@given(MESSAGES, st.data())
def test_no_bit_can_be_changed_and_no_octet_taken(message: Message, data: st.DataObject) -> None:
    octets = seal(KEY, message)
    bit = data.draw(st.integers(0, 8 * len(octets) - 1))
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    for wrong in (bytes(changed), octets[: data.draw(st.integers(0, len(octets) - 1))], octets + b"\0"):
        with pytest.raises(WireError):
            open_sealed(KEY, wrong)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "0 octets; expected 26 or more"),
        (bytes(25), "25 octets; expected 26 or more"),
        (b"\2" + bytes(25), "version 2; expected 1"),
        (b"\1" + bytes(25), "not authentic: changed on the way, or made with another key"),
        (seal(KEY[::-1], Message(1, 1)), "not authentic: changed on the way, or made with another key"),
    ],
)
def test_a_wrong_datagram_is_refused_with_the_reason(octets: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        open_sealed(KEY, octets)


@pytest.mark.parametrize(("kind", "sequence"), [(256, 1), (-1, 1), (1, 2**64), (1, -1)])
def test_numbers_that_do_not_fit_are_refused(kind: int, sequence: int) -> None:
    with pytest.raises(WireError, match=f"kind {kind}, sequence {sequence}; expected 0 to 255 and 0 to"):
        seal(KEY, Message(kind, sequence))


def test_a_short_key_is_refused() -> None:
    assert check_key(KEY[:16]) == KEY[:16]
    with pytest.raises(ProtocolMisuse, match="a key of 15 octets; expected 16 or more"):
        check_key(KEY[:15])


class Sending:
    """A repetition on a clock of its own."""

    def __init__(self, can_leave: bool = True) -> None:
        self.clock, self.can_leave = Clock(), can_leave
        self.sent_s: list[float] = []
        self.given_up_s: list[float] = []
        self.repetition = Repetition(self.clock, self.send, lambda: self.given_up_s.append(self.clock.now / S))

    def send(self) -> bool:
        if self.can_leave:
            self.sent_s.append(self.clock.now / S)
        return self.can_leave


def test_five_times_with_doubling_pauses_and_then_no_more() -> None:
    sending = Sending()
    sending.clock.run_until(100 * S)
    assert sending.sent_s == [0, 1, 3, 7, 15] and sending.given_up_s == [31]


def test_nothing_more_once_stopped() -> None:
    sending = Sending()
    sending.clock.run_until(4 * S)
    sending.repetition.stop()
    sending.clock.run_until(100 * S)
    assert sending.sent_s == [0, 1, 3] and sending.given_up_s == []


def test_a_repetition_that_cannot_leave_counts_no_attempt_and_goes_on_later() -> None:
    sending = Sending(can_leave=False)
    sending.clock.run_until(50 * S)
    assert sending.sent_s == sending.given_up_s == []
    sending.can_leave = True
    sending.repetition.resume()
    sending.clock.run_until(52 * S)
    sending.can_leave = False
    sending.clock.run_until(60 * S)
    assert sending.sent_s == [50, 51]
    sending.can_leave = True
    for _ in range(3):  # told more than once, it does not hurry
        sending.repetition.resume()
    sending.clock.run_until(200 * S)
    assert sending.sent_s == [50, 51, 60, 64, 72] and sending.given_up_s == [88]
