"""An invitation and its redirection between two plain hosts: repeated until answered, answered alike, confirmed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import pytest

from mipflow.node.applications.invitation import PORT, Doorman, Invitation
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP
from tests.node.nodes import Pair

S = 1_000_000_000
NEAR, MEDIA, THERE = 7000, 7001, (Address("2001:db8:1::99"), 8000)
INVITE, FOUND, CONFIRM = b"INVITE 7001", b"302 2001:db8:1::99 8000", b"ACK"
GARBAGE = [
    b"", b" ", b"\xff\xfe", b"INVITE", b"INVITE ?", b"INVITE -1", b"INVITE 1 2", b"invite 7001", b"BYE 7001",
    "INVITE ²".encode(), b"INVITE " + b"7" * 500,
]  # fmt: skip
NO_ANSWERS = [
    b"", b"302", b"302 2001:db8:1::99", b"302 here 8000", b"302 2001:db8:1::99 port", b"200 2001:db8:1::99 8000",
    b"\xff 2001:db8:1::99 8000", b"302 2001:db8:1::99:zz 1", b"302 2001:db8:1::99 70000", b"302 2001:db8:1::99 -1",
    b"302 ff02::1 8000", b"302 :: 8000",
]  # fmt: skip


class Call:
    """A invites B, which says THERE, at once or `after_s`; `asked`, `told` and `over` are what the ends heard."""

    def __init__(self, after_s: float | None = 0.0, has_doorman: bool = True) -> None:
        self.pair = pair = Pair()
        self.after_s = after_s
        self.asked: list[tuple[Address, int]] = []
        self.over: list[tuple[Address, int]] = []
        self.told: list[tuple[Address, int]] = []
        self.lost: list[bytes] = []
        if has_doorman:
            Doorman(pair.b, self.place, lambda *caller: self.over.append(caller))
        self.invitation: Invitation | None = None

    def invite(self) -> Call:
        self.invitation = Invitation(self.pair.a, NEAR, self.pair.b.address, MEDIA, lambda *at: self.told.append(at))
        return self

    def place(self, caller: Address, port: int, tell: Callable[[Address, int], None]) -> None:
        self.asked.append((caller, port))
        if self.after_s is not None:
            self.pair.network.clock.after(round(self.after_s * S), lambda _: tell(*THERE))

    def lose(self, text: bytes, times: int) -> Call:
        """Lose the first datagrams of this text."""

        def tap(packet: object, now: int) -> str | None:
            payload = packet.payload.payload  # type: ignore[attr-defined]
            if payload != text or self.lost.count(text) == times:
                return None
            self.lost.append(payload)
            return "taken by the test"

        self.pair.segment.tap(tap)
        return self

    def sent(self, text: bytes) -> list[float]:
        """When a text went over the link, in seconds."""
        return [
            hop.sent_ns / S for hop in self.pair.network.trace
            if isinstance(hop.packet.payload, UDP) and hop.packet.payload.payload == text
        ]  # fmt: skip

    def inject(self, octets: bytes) -> None:
        """A datagram of A's to B's door."""
        self.pair.a.transmit(UDP(NEAR, PORT, octets), None, self.pair.b.address)


def test_invite_302_ack_and_what_each_end_hears() -> None:
    call = Call().invite()
    call.pair.run(100)
    assert call.asked == [(call.pair.a.address, MEDIA)] and call.told == [THERE]
    assert call.over == [(call.pair.a.address, NEAR)]
    assert [len(call.sent(text)) for text in (INVITE, FOUND, CONFIRM)] == [1, 1, 1]
    ports = [(hop.packet.payload.source_port, hop.packet.payload.destination_port) for hop in call.pair.network.trace]  # type: ignore[attr-defined]
    assert ports == [(NEAR, 5060), (5060, NEAR), (NEAR, 5060)]


def test_an_invitation_that_nobody_answers_is_sent_seven_times_at_doubling_distances() -> None:
    """RFC 3261 section 17.1.1.2: after T1, 2 T1, 4 T1 and so on; the seventh time-out is at 127 T1 = 63.5 s."""
    call = Call(has_doorman=False).invite()
    call.pair.run(1000)
    assert call.sent(INVITE) == list(accumulate((0.5 * 2**number for number in range(6)), initial=0.0))
    assert call.sent(INVITE)[-1] == 31.5 and call.told == []
    assert call.pair.drops == [("B", f"nobody listens on port {PORT} of B")] * 7


@pytest.mark.parametrize(("text", "invites", "answers"), [(INVITE, 3, 1), (FOUND, 3, 3), (CONFIRM, 1, 1)])
def test_messages_that_are_lost_twice_are_repeated(text: bytes, invites: int, answers: int) -> None:
    """Only the near end repeats what is not answered; a confirmation is not repeated, and no call waits for it."""
    call = Call().lose(text, 2).invite()
    call.pair.run(100)
    assert call.told == [THERE] and call.asked == [(call.pair.a.address, MEDIA)]
    assert len(call.sent(INVITE)) + call.lost.count(INVITE) == invites
    assert len(call.sent(FOUND)) + call.lost.count(FOUND) == answers
    assert len(call.over) == (0 if text == CONFIRM else 1)


def test_while_the_place_is_looked_for_invitations_are_repeated_and_one_answer_ends_that() -> None:
    call = Call(after_s=2.0).invite()
    call.pair.run(100)
    assert call.sent(INVITE) == [0.0, 0.5, 1.5] and len(call.sent(FOUND)) == 1
    assert call.asked == [(call.pair.a.address, MEDIA)] and call.told == [THERE] and len(call.over) == 1


def test_a_place_that_is_never_found_is_never_told() -> None:
    call = Call(after_s=None).invite()
    call.pair.run(1000)
    assert len(call.sent(INVITE)) == 7 and call.sent(FOUND) == [] == call.told and len(call.asked) == 1


def test_duplicates_are_answered_alike_and_each_answer_confirmed() -> None:
    call = Call().invite()
    call.pair.run(1)
    for _ in range(3):
        call.inject(INVITE)
        call.pair.run(1)
    assert len(call.sent(FOUND)) == len(call.sent(CONFIRM)) == 4
    assert call.told == [THERE] and len(call.asked) == 1 and len(call.over) == 4


@pytest.mark.parametrize("octets", GARBAGE)
def test_garbage_at_the_door_is_not_answered(octets: bytes) -> None:
    call = Call()
    call.inject(octets)
    call.pair.run(5)
    assert call.asked == [] == call.over and len(call.pair.network.trace) == 1
    call.invite()
    call.pair.run(5)
    assert call.told == [THERE], "and the door is open"


@pytest.mark.parametrize("octets", NO_ANSWERS)
def test_garbage_in_answer_is_ignored_and_the_invitation_repeated(octets: bytes) -> None:
    call = Call(has_doorman=False)
    call.pair.b.udp(PORT).on_datagram = lambda data: call.pair.b.transmit(
        UDP(PORT, NEAR, octets), None, call.pair.a.address
    )
    call.invite()
    call.pair.run(5)
    assert call.told == [] and call.sent(INVITE) == [0.0, 0.5, 1.5, 3.5]


def test_an_answer_is_taken_from_the_invited_one_only() -> None:
    call = Call(has_doorman=False).invite()
    call.pair.b.transmit(UDP(5061, NEAR, FOUND), None, call.pair.a.address)
    call.pair.run(1)
    assert call.told == [] and ("A", f"nobody listens on port {NEAR} of A") in call.pair.drops


def test_each_caller_has_an_answer_of_its_own() -> None:
    call = Call()
    told: list[int] = []
    for number in (1, 2):
        Invitation(call.pair.a, NEAR + number, call.pair.b.address, MEDIA + number, lambda _, at: told.append(at))
    call.pair.run(5)
    assert [port for _, port in call.asked] == [MEDIA + 1, MEDIA + 2] and told == [8000, 8000]
    assert [port for _, port in call.over] == [NEAR + 1, NEAR + 2]


def test_one_that_is_stopped_is_silent_and_hears_nothing() -> None:
    call = Call(after_s=2.0).invite()
    call.pair.run(1)
    assert call.invitation is not None
    call.invitation.stop()
    call.pair.run(100)
    assert len(call.sent(INVITE)) == 2 and call.told == [] and not call.pair.a.has_port(NEAR)
