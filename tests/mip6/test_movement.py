"""Movement detection, as a pure machine: its steps at links, advertisements, answers and silence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mipflow.mip6.movement import TRANSITIONS, Do, HeardRouter, MovementDetection, Place, Sign
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import AdvertisementInterval, NeighborOption, PrefixInformation, RouterAdvertisement

S, MS = 1_000_000_000, 1_000_000
SAME_EVERYWHERE = "fe80::1"


def heard(
    prefix: str, now: int = 0, source: str = SAME_EVERYWHERE, lifetime_s: int = 9, interval_ms: int | None = 3000,
    address: str | None = None,
) -> HeardRouter:
    """Make a router as its advertisement tells of it."""
    network = Prefix.parse(prefix)
    options: list[NeighborOption] = [PrefixInformation(network.network)]
    if address is not None:
        options = [PrefixInformation(Address(address), router_address=True)]
    if interval_ms is not None:
        options.append(AdvertisementInterval(interval_ms))
    message = RouterAdvertisement(router_lifetime_s=lifetime_s, options=tuple(options))
    return HeardRouter.of(Address(source), None, message, now)


A, B, C = "2001:db8:a::/64", "2001:db8:b::/64", "2001:db8:c::/64"


def attached(prefix: str = A, **how: object) -> MovementDetection:
    detection = MovementDetection()
    assert [do for do, _ in detection.heard(heard(prefix, **how), 0)] == [Do.FOUND]  # type: ignore[arg-type]
    return detection


def done(steps: list[tuple[Do, HeardRouter | None]]) -> list[Do]:
    return [do for do, _ in steps]


# --- a new router ----------------------------------------------------------------------------------------------------


def test_a_new_router_with_another_prefix_is_no_movement_while_the_old_one_answers() -> None:
    """RFC 6275 section 11.5.1: it should generally continue to use the old router that is bidirectionally reachable."""
    detection = attached()
    assert done(detection.heard(heard(B, S), S)) == [Do.PROBE] and detection.place is Place.DOUBTING
    assert detection.in_doubt == heard(A)
    assert done(detection.answered(S + 10 * MS)) == [Do.STAYED] and detection.place is Place.ATTACHED
    assert detection.router is not None and detection.router.prefixes == {Prefix.parse(A)}
    assert detection.heard(heard(B, 2 * S), 2 * S) == [], "it is known to be on the link now"


def test_a_new_router_is_taken_when_the_old_one_is_silent_for_a_second() -> None:
    """RFC 6275 section 11.5.1; the old one is given up after three probes (RFC 4861 section 7.3.3)."""
    detection = attached()
    detection.heard(heard(B, S), S)
    assert done(detection.unanswered()) == [Do.MOVED, Do.PROBE] and detection.place is Place.LEAVING
    assert detection.router == heard(B, S) and detection.in_doubt == heard(A)
    assert done(detection.unanswered()) == [Do.PROBE]
    assert detection.unanswered() == [(Do.LOST, heard(A))] and detection.place is Place.ATTACHED


def test_an_old_router_that_answers_late_keeps_its_addresses() -> None:
    """RFC 6275 section 11.5.4: only what is not reachable any more is invalidated."""
    detection = attached()
    detection.heard(heard(B, S), S)
    detection.unanswered()
    assert done(detection.answered(3 * S)) == [Do.STAYED]
    assert detection.place is Place.ATTACHED and detection.router == heard(B, S)


def test_another_router_with_a_prefix_of_the_link_is_no_sign_of_movement() -> None:
    """RFC 6275 section 11.5.1: there might be multiple routers on the same link."""
    detection = attached()
    assert detection.heard(heard(A, S, "fe80::2"), S) == [] and detection.place is Place.ATTACHED


def test_the_same_link_local_address_with_other_prefixes_is_another_router() -> None:
    """RFC 6275 section 11.5.1: link-local addresses of routers are not globally unique."""
    detection = attached(source=SAME_EVERYWHERE)
    assert done(detection.heard(heard(B, S, SAME_EVERYWHERE), S)) == [Do.PROBE]


def test_a_router_is_known_by_the_global_address_that_it_tells() -> None:
    """RFC 6275 sections 7.2 and 11.5.1: the Router Address bit avoids the doubt, whatever the other prefixes."""
    one = heard(A, address="2001:db8:a::1")
    assert one.prefixes == {Prefix.parse(A)} and one.is_same(heard(A, address="2001:db8:a::1"))
    assert not one.is_same(heard(A, address="2001:db8:a::2"))


def test_what_one_advertisement_leaves_out_stays_true() -> None:
    """RFC 4861 section 6.3.4: an advertisement must not invalidate what an earlier one said."""
    detection = attached()
    both = HeardRouter.of(
        Address(SAME_EVERYWHERE), None,
        RouterAdvertisement(options=tuple(PrefixInformation(Prefix.parse(p).network) for p in (A, B))), S,
    )  # fmt: skip
    detection.heard(both, S)
    detection.heard(heard(B, 2 * S), 2 * S)
    assert detection.router is not None and detection.router.prefixes == {Prefix.parse(A), Prefix.parse(B)}


# --- silence ---------------------------------------------------------------------------------------------------------


def test_a_missing_advertisement_has_the_router_asked_three_times_and_given_up() -> None:
    """RFC 6275 section 11.5.1, first and second indication; RFC 4861 section 7.3.3: MAX_UNICAST_SOLICIT."""
    detection = attached(interval_ms=1500)
    assert detection.due_ns() == 1500 * MS and detection.elapsed(1499 * MS) == []
    assert done(detection.elapsed(1500 * MS)) == [Do.PROBE]
    assert done(detection.unanswered()) == [Do.SOLICIT, Do.PROBE]
    assert done(detection.unanswered()) == [Do.PROBE]
    assert done(detection.unanswered()) == [Do.LOST, Do.SOLICIT]
    assert detection.place is Place.SEARCHING and detection.router is None and detection.due_ns() is None


def test_a_router_that_answers_is_waited_for_another_interval() -> None:
    """RFC 6275 section 11.5.1: a lost advertisement alone is no movement."""
    detection = attached(interval_ms=1500)
    detection.elapsed(1500 * MS)
    assert done(detection.answered(1510 * MS)) == [Do.STAYED] and detection.due_ns() == 3010 * MS


def test_an_advertisement_ends_the_doubt() -> None:
    """RFC 6275 section 11.5.1."""
    detection = attached(interval_ms=1500)
    detection.elapsed(1500 * MS)
    assert done(detection.heard(heard(A, 1700 * MS, interval_ms=1500), 1700 * MS)) == [Do.STAYED]
    assert detection.due_ns() == 3200 * MS


def test_without_the_interval_option_nothing_is_missed_until_the_lifetime_nears_its_end() -> None:
    """RFC 4861 section 6.3.5; a router that advertises only when asked is asked again in time."""
    detection = attached(interval_ms=None, lifetime_s=1800)
    assert detection.due_ns() == 1788 * S
    assert done(detection.elapsed(1788 * S)) == [Do.SOLICIT] and detection.due_ns() == 1800 * S
    assert done(detection.elapsed(1800 * S)) == [Do.ENDED, Do.SOLICIT] and detection.router is None


def test_a_router_that_ceases_to_be_one_is_replaced_by_another_of_the_link() -> None:
    """RFC 4861 sections 6.3.4, 6.3.6: a lifetime of zero; the default router list has at least two."""
    detection = attached()
    detection.heard(heard(A, S, "fe80::2"), S)
    steps = detection.heard(heard(A, 2 * S, lifetime_s=0), 2 * S)
    assert done(steps) == [Do.ENDED, Do.FOUND]
    assert detection.router is not None and detection.router.link_local == Address("fe80::2")


def test_a_router_with_a_lifetime_of_zero_is_never_taken() -> None:
    """RFC 4861 section 6.3.4."""
    detection = MovementDetection()
    assert detection.heard(heard(A, lifetime_s=0), 0) == [] and detection.router is None


def test_a_router_in_doubt_whose_lifetime_ends_is_left_and_asked_on() -> None:
    """RFC 4861 section 6.3.5: it is no default router; whether its addresses are lost its answers say (11.5.4)."""
    detection = attached(lifetime_s=1, interval_ms=90)
    assert done(detection.elapsed(90 * MS)) == [Do.PROBE] and detection.due_ns() is None
    detection.heard(heard(B, 500 * MS), 500 * MS)
    assert detection.due_ns() == S and done(detection.elapsed(S)) == [Do.MOVED]
    assert done(detection.unanswered()) == [Do.PROBE] and done(detection.unanswered()) == [Do.PROBE]
    assert done(detection.unanswered()) == [Do.LOST]


def test_the_link_layer_reports_another_link() -> None:
    """RFC 6275 section 11.5.1, third indication: the hint surely means movement here, so a router is solicited."""
    detection = attached()
    assert done(detection.link_changed()) == [Do.SOLICIT]
    assert detection.place is Place.SEARCHING and detection.router is None
    assert done(detection.heard(heard(B), 0)) == [Do.FOUND]


def test_moving_on_while_the_router_before_is_still_asked() -> None:
    """RFC 6275 section 11.5.1: from A to B to C within three seconds."""
    detection = attached()
    detection.heard(heard(B, S), S)
    detection.unanswered()
    assert detection.heard(heard(C, 2 * S), 2 * S) == [(Do.LOST, heard(A)), (Do.PROBE, heard(B, S))]
    assert done(detection.unanswered()) == [Do.MOVED, Do.PROBE] and detection.router == heard(C, 2 * S)


def test_every_state_can_be_reached_and_left() -> None:
    reached = set(TRANSITIONS.values())
    assert reached == set(Place) and {place for place, _ in TRANSITIONS} == set(Place)
    assert {sign for _, sign in TRANSITIONS} == set(Sign)


EVENTS = ("A", "B", "C", "gone", "answer", "silence", "link", "wait")


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 4000))))
def test_whatever_happens_the_machine_knows_what_to_do(events: list[tuple[str, int]]) -> None:
    """No event is unknown in any state, time never stands still, and there is a router exactly where it is attached."""
    detection, now = MovementDetection(), 0
    for what, wait_ms in events:
        now += wait_ms * MS
        due = detection.due_ns()
        while due is not None and due <= now:
            detection.elapsed(due)
            assert detection.due_ns() != due
            due = detection.due_ns()
        if what in "ABC":
            detection.heard(heard(f"2001:db8:{what}::/64".lower(), now), now)
        elif what == "gone" and detection.router is not None:
            detection.heard(heard(str(next(iter(detection.router.prefixes))), now, lifetime_s=0), now)
        elif what in ("answer", "silence") and detection.in_doubt is not None:
            detection.answered(now) if what == "answer" else detection.unanswered()
        elif what == "link":
            detection.link_changed()
        assert (detection.router is None) == (detection.place is Place.SEARCHING)
        assert (detection.former is None) == (detection.place is not Place.LEAVING)
        assert detection.candidate is None or detection.place is Place.DOUBTING
