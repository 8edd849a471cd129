"""The common parts of both ends of RFC 4866: signed messages taken apart by hand, credit against its definition."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.mip6.bindings.keygen_tokens import is_proved, proved
from mipflow.mip6.enhanced.cga import AddressOwner
from mipflow.mip6.enhanced.enhanced import Credit, judged, mobility_data, signature_in, with_proof
from mipflow.wire.address import Address, Prefix
from mipflow.wire.codec import encode_mobility
from mipflow.wire.mobility import (
    BindingAuthorizationData,
    BindingUpdate,
    CareOfTestInitOption,
    CgaParametersOption,
    NonceIndices,
    SignatureOption,
    UnknownMobilityOption,
)
from tests.mip6.enhanced.test_cga import SHA1_INFO, TAG, modulus

S = 1_000_000_000
OWNER = AddressOwner(Random(1))
HOME = OWNER.generate(Prefix.parse("2001:db8:100::/64"))
COA, CN = Address("2001:db8:200::10"), Address("2001:db8:a::5")


def signed(*more: object) -> BindingUpdate:
    plain = BindingUpdate(7, lifetime_units=900)
    behind = (*more, NonceIndices(3, 4))
    return proved(with_proof(plain, OWNER, HOME, COA, CN, behind), b"k" * 20, COA, CN)  # type: ignore[arg-type]


def test_the_signed_octets_computed_by_hand() -> None:
    """RFC 4866 section 4.5: type tag | care-of address | correspondent | MH data up to the last CGA parameters."""
    message = signed(CareOfTestInitOption())
    octets = encode_mobility(message)
    parameters = OWNER.parameters[HOME].encode()
    assert len(parameters) == 187 and octets[12:14] == bytes([12, 187]) and octets[14:201] == parameters
    assert octets[201:203] == bytes([13, 128]), "the signature stands directly behind (section 5.2)"
    assert octets[331:333] == bytes([15, 0]), "and in front of the Care-of Test Init option (section 4.1)"
    assert octets[4:6] == b"\0\0", "as if the checksum were zero"
    assert octets[1] == len(octets) // 8 - 1, "the header's length is the whole message's"
    digest = SHA1_INFO + hashlib.sha1(TAG + COA.packed + CN.packed + octets[:201]).digest()
    block = pow(int.from_bytes(octets[203:331], "big"), 65537, modulus(OWNER.key.public_key)).to_bytes(128, "big")
    assert block == b"\x00\x01" + b"\xff" * (125 - len(digest)) + b"\x00" + digest
    assert is_proved(message, b"k" * 20, COA, CN)


def test_parameters_longer_than_255_octets_are_cut() -> None:
    """Section 5.1: all but the last piece have 255 octets; together they are the structure again."""
    owner = AddressOwner(Random(1))
    parameters = replace(owner.parameters[owner.generate(Prefix.parse("2001:db8::/64"))], extensions=bytes(range(200)))
    home = parameters.address(0)
    owner.parameters[home] = parameters
    message = with_proof(BindingUpdate(1), owner, home, COA, CN)
    pieces = [option.data for option in message.options if isinstance(option, CgaParametersOption)]
    assert [len(piece) for piece in pieces] == [255, 132] and b"".join(pieces) == parameters.encode()
    whole = proved(message, b"", COA, CN)
    assert judged(whole, home, COA, CN) == parameters
    options = whole.options
    for cut in (
        (options[1], options[0], *options[2:]),
        (options[0], UnknownMobilityOption(99, b""), *options[1:]),
        (CgaParametersOption(pieces[0][:254]), CgaParametersOption(pieces[0][254:] + pieces[1]), *options[2:]),
        (*options[:2], UnknownMobilityOption(99, b""), *options[2:]),
        options[:2],
    ):
        assert (
            signature_in(replace(whole, options=cut)) is None
            and judged(replace(whole, options=cut), home, COA, CN) is None
        )


def test_any_change_in_what_is_signed_is_seen() -> None:
    message = signed()
    assert judged(message, HOME, COA, CN) == OWNER.parameters[HOME]
    assert judged(message, HOME, CN, CN) is None and judged(message, HOME, COA, COA) is None
    assert judged(message, CN, COA, CN) is None
    assert judged(replace(message, sequence=8), HOME, COA, CN) is None
    assert judged(replace(message, lifetime_units=901), HOME, COA, CN) is None
    assert judged(replace(message, options=message.options[1:]), HOME, COA, CN) is None
    assert judged(replace(message, options=(message.options[0], SignatureOption(b""))), HOME, COA, CN) is None


def test_options_behind_the_signature_are_not_signed_but_their_length_is() -> None:
    """Section 4.5: options behind the last CGA parameters are covered by the authenticator alone."""
    message = signed()
    other = replace(message, options=(*message.options[:2], NonceIndices(9, 9), BindingAuthorizationData(bytes(12))))
    assert judged(other, HOME, COA, CN) is not None
    assert (
        judged(replace(message, options=(*message.options[:-1], UnknownMobilityOption(9, bytes(40)))), HOME, COA, CN)
        is None
    )


def test_options_in_front_are_signed_too() -> None:
    other = UnknownMobilityOption(200, b"xyz")
    front = proved(with_proof(BindingUpdate(1, options=(other,)), OWNER, HOME, COA, CN), b"", COA, CN)
    assert front.options[0] == other and judged(front, HOME, COA, CN) is not None
    assert mobility_data(front, COA, CN)[32:] == encode_mobility(front)[: 12 + 5 + 189]
    changed = replace(front, options=(UnknownMobilityOption(200, b"xyy"), *front.options[1:]))
    assert judged(changed, HOME, COA, CN) is None


# --- credit (sections 4.10 and 4.11) ---------------------------------------------------------------------------------


def test_credit_is_what_was_received_less_what_was_sent() -> None:
    credit = Credit()
    assert not credit.spend(1, 0)
    credit.earn(1000, 1)
    credit.earn(500, 2)
    assert credit.spend(1400, 3) and credit.octets(3) == 100
    assert not credit.spend(101, 4) and credit.octets(4) == 100, "nothing is taken where there is too little"
    assert credit.spend(100, 5) and credit.octets(5) == 0


def test_every_five_seconds_an_eighth_of_the_credit_is_gone() -> None:
    """Section 7: CreditAgingFactor 7/8, CreditAgingInterval 5 s."""
    credit = Credit()
    credit.earn(8 * 8 * 8, 0)
    assert [credit.octets(t * S) for t in (0, 4, 5, 9, 10, 15)] == [512, 512, 448, 448, 392, 343]
    assert credit.octets(10**6 * S) == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(0, 5000)), max_size=30))
def test_credit_never_passes_its_definition(steps: list[tuple[int, bool, int]]) -> None:
    """Against a counter that is multiplied at each interval, in exact fractions: rounding only ever takes."""
    credit, exact, now = Credit(), 0.0, 0
    for wait_s, earns, size in steps:
        exact *= (7 / 8) ** ((now + wait_s) // 5 - now // 5)
        now += wait_s
        if earns:
            credit.earn(size, now * S)
            exact += size
        elif credit.spend(size, now * S):
            exact -= size
        assert -1e-6 <= exact - credit.octets(now * S) <= 8, "an octet is lost at most each time, and those fade too"


def test_credit_has_a_bound_however_long_it_is_earned() -> None:
    """Section 4.11: at a steady rate x it comes to x (7/8 + 7/8**2 + ...) = 7 x, here just behind the aging."""
    credit = Credit()
    for second in range(1000):
        credit.earn(1000, second * S)
    assert 34990 <= credit.octets(1000 * S) <= 35000


@pytest.mark.parametrize("octets", [b"", struct.pack("!HH", 0, 0)])
def test_updates_without_parameters_have_no_proof(octets: bytes) -> None:
    options = (UnknownMobilityOption(99, octets), BindingAuthorizationData(bytes(12)))
    assert signature_in(BindingUpdate(1, options=options)) is None
