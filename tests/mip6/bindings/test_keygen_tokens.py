"""Tokens, keys and authenticators, computed by hand from RFC 6275, against the octets on the wire."""

from __future__ import annotations

import hashlib
import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.lab.world import World
from mipflow.mip6.bindings.keygen_tokens import (
    Nonces,
    authenticator,
    binding_management_key,
)
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.wire.address import Address
from tests.mip6 import octets
from tests.mip6.worlds import S, messages, world

addresses = st.integers(0, (1 << 128) - 1).map(Address)


@given(st.integers(0, 2**32), addresses, st.integers(1, 65535))
def test_tokens_are_those_of_the_rfc(seed: int, address: Address, index: int) -> None:
    nonces = Nonces(Random(seed))
    key, nonce = nonces.node_key, nonces.nonce(index)
    assert nonces.home_token(address, index) == octets.home_token(key, address.packed, nonce)
    assert nonces.care_of_token(address, index) == octets.care_of_token(key, address.packed, nonce)


@given(
    st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8), addresses, addresses, st.binary(max_size=60)
)
def test_keys_and_authenticators(home: bytes, care_of: bytes, one: Address, other: Address, data: bytes) -> None:
    kbm = binding_management_key(home, care_of)
    assert kbm == hashlib.sha1(home + care_of).digest()
    assert binding_management_key(home, None) == hashlib.sha1(home).digest()
    assert authenticator(kbm, one, other, data) == octets.mac(kbm, one.packed, other.packed, data)[:12]


# --- on the wire -----------------------------------------------------------------------------------------------------


def a_full_life(**keywords: object) -> World:
    """Register a flow, hand it over twice, close it: every kind of message is on the wire."""
    made = world(**keywords)
    made.mn.open(made.cn1, mf.apps.Voice())
    video = made.mn.open(made.cn1, mf.apps.Voice(interval_ms=40))
    made.run(5)
    made.mn.handover(video, "cell0")
    made.run(40)
    made.mn.handover(video, "wlan0")
    made.run(3)
    made.mn.close(video)
    return made.run(5)


@pytest.fixture(scope="module", params=[True, False], ids=["tokens reused", "always tested"])
def life(request: pytest.FixtureRequest) -> World:
    return a_full_life(reuse_tokens=request.param)


def nonce(cn: CorrespondentNode, index: int) -> bytes:
    return cn.nonces.nonce(index)


def test_every_message_of_a_life_recomputed(life: World) -> None:
    cn = life.cn1
    kcn, own = cn.nonces.node_key, cn.address.packed
    sent, answered = messages(life, "MN"), messages(life, "CN1")
    seen = {"HoT": 0, "CoT": 0, "BU": 0, "BA": 0, "delete": 0}
    keys: dict[int, tuple[bytes, bytes]] = {}
    for message in sorted(sent + answered, key=lambda m: m.t_ns):
        if message.name in ("HoTI", "CoTI"):
            assert message.home is None, "no Home Address option in a test init (sections 11.6.1, 9.4.1)"
            assert (message.tunnel is not None) == (message.name == "HoTI")
        if message.name in ("HoT", "CoT"):
            (asked,) = [m for m in sent if m.name == message.name + "I" and m.cookie == message.cookie]
            assert (asked.source, asked.destination) == (message.destination, message.source)
            assert message.nonce_index == message.t_ns // (30 * S) + 1
            make = octets.home_token if message.name == "HoT" else octets.care_of_token
            assert message.token == make(kcn, message.destination, nonce(cn, message.nonce_index))
            seen[message.name] += 1
        if message.name == "BU" and message.destination == own:
            home, care_of = message.home, message.source
            assert home is not None and message.flags == 0x80, "A is set and nothing else"
            home_index, care_of_index = message.indices
            token = octets.home_token(kcn, home, nonce(cn, home_index))
            if message.lifetime_s:
                kbm = hashlib.sha1(token + octets.care_of_token(kcn, care_of, nonce(cn, care_of_index))).digest()
                signed = care_of
            else:
                kbm, signed = hashlib.sha1(token).digest(), home
                assert care_of_index == 0, "section 11.7.2"
                seen["delete"] += 1
            assert message.authenticator == octets.authenticator(kbm, signed, own, message)
            assert len(message.authenticator) == 12
            keys[message.sequence] = (kbm, signed)
            seen["BU"] += 1
        if message.name == "BA" and message.source == own:
            kbm, signed = keys[message.sequence]
            assert message.status == 0 and message.home is not None, "a type 2 routing header (section 9.5.4)"
            assert message.authenticator == octets.authenticator(kbm, signed, own, message)
            seen["BA"] += 1
    assert seen["BU"] == seen["BA"] >= 5 and seen["HoT"] >= 2 and seen["CoT"] >= 2
    assert seen["delete"] == 1


def test_sequence_numbers_are_used_once_per_peer(life: World) -> None:
    numbers: dict[bytes, list[int]] = {}
    for message in messages(life, "MN"):
        if message.name == "BU":
            numbers.setdefault(message.destination, []).append(message.sequence)
    for used in numbers.values():
        assert len(used) == len(set(used))
        assert all((b - a) & 0xFFFF < 0x8000 for a, b in itertools.pairwise(used))


def test_home_registrations_carry_flags_and_alternate_care_of_address(life: World) -> None:
    home_agent = life.mn.home_agent.packed
    updates = [m for m in messages(life, "MN") if m.name == "BU" and m.destination == home_agent]
    assert len(updates) >= 3
    for update in updates:
        same = update.home is not None and update.home[8:] == update.source[8:]
        assert update.flags == (0xE0 if same else 0xC0), "A and H; L where the interface identifiers are the same"
        assert update.options[3] == update.source, "alternate care-of address in every home BU (section 11.7.1)"
        assert 4 not in update.options and 5 not in update.options
    answers = [m for m in messages(life, "HA") if m.name == "BA"]
    assert [a.sequence for a in answers] and all(5 not in a.options for a in answers)


def test_the_life_leaves_nothing_behind(life: World) -> None:
    assert len(list(life.cn1.bindings)) == 1 and len(list(life.ha.bindings)) == 1


# --- nonces and tokens -----------------------------------------------------------------------------------------------


def test_a_nonce_every_30_seconds_and_the_last_eight_are_accepted() -> None:
    nonces = Nonces(Random(1))
    assert [nonces.index(t * S) for t in (0, 29, 30, 59, 60)] == [1, 1, 2, 2, 3]
    now = 1000 * S
    current = nonces.index(now)
    assert [n for n in range(current - 20, current + 5) if nonces.is_valid(n, now)] == list(
        range(current - 7, current + 1)
    )
    assert len({nonces.nonce(n) for n in range(100)}) == 100 and len(nonces.nonce(3)) == 8


@given(st.integers(0, 70_000 * 30), st.integers(0, 300))
def test_a_nonce_is_good_for_210_to_240_seconds(given_s: int, age_s: int) -> None:
    nonces = Nonces(Random(1))
    index = nonces.index(given_s * S)
    valid = nonces.is_valid(index, (given_s + age_s) * S)
    if age_s <= 210:
        assert valid
    if age_s >= 240:
        assert not valid


def test_no_nonce_of_the_future_or_from_before_time_zero() -> None:
    nonces = Nonces(Random(1))
    assert [index for index in range(-1, 0x10001) if nonces.is_valid(index, 0)] == [1]


def test_no_nonce_has_the_index_zero() -> None:
    """RFC 4866 section 4.1: zero says that there is none, also after 65,535 nonces (22 days)."""
    nonces = Nonces(Random(1))
    assert [nonces.index(at * 30 * S) for at in (0xFFFE, 0xFFFF)] == [0xFFFF, 1]
    assert nonces.is_valid(0xFFFF, 0xFFFF * 30 * S) and not nonces.is_valid(0, 0xFFFF * 30 * S)


def test_an_index_comes_again_after_weeks_but_its_nonce_does_not() -> None:
    """Section 5.2.7: no nonce is accepted beyond 240 s, and that must hold when its 16-bit index is used once more."""
    nonces = Nonces(Random(1))
    then, later = 100 * 30 * S, (100 + 65535) * 30 * S
    index = nonces.index(then)
    old = nonces.nonce(index)
    assert nonces.index(later) == index and nonces.nonce(index) != old
    before_the_wrap = 65534 * 30 * S
    last = nonces.index(before_the_wrap)
    known = nonces.nonce(last)
    for age in range(8):
        now = before_the_wrap + age * 30 * S
        assert nonces.is_valid(last, now) and nonces.nonce(last) == known, "the last eight are good across the wrap"
        assert nonces.index(now) == (last + age - 1) % 65535 + 1
    assert not nonces.is_valid(last, before_the_wrap + 8 * 30 * S)


def test_two_correspondents_have_different_keys() -> None:
    made = world()
    assert made.cn1.nonces.node_key != made.cn2.nonces.node_key
    assert len(made.cn1.nonces.node_key) == 20
