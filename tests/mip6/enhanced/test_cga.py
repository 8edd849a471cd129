"""Generated addresses: RFC 3972's own example, and keys, hashes and signatures computed again with hashlib and pow."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.errors import ProtocolMisuse, WireError
from mipflow.mip6.enhanced import cga
from mipflow.mip6.enhanced.cga import AddressOwner, CgaParameters, encrypted, generate, is_prime, key_pair, proves
from mipflow.wire.address import Address, Prefix

# RFC 3972 appendix A.
KEY = bytes.fromhex(
    "305c300d06092a864886f70d0101010500034b003048024100c2c2f137305454f10bd9cea36844b530e9211a4b262b16467cb7dfba1f595c01"
    "94f275be5a4d386f2c3c2382508773c7867f9b3b9e63a09c7bc48f7a54ebefaf0203010001"
)
MODIFIER = 0x89A8A8B2E858D8B8F2633F44D2D4CE9A
FOUND = 0x89A8A8B2E858D8B8F2633F44D2D4CE9B
LINK, HOME = Prefix.parse("fe80::/64"), Prefix.parse("2001:db8:100::/64")
TAG = bytes.fromhex("5F2705868D6C4C56A2469EBB9B2A2E13")
SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")  # RFC 8017 section 9.2, note 1


def modulus(der: bytes) -> int:
    """Read the modulus of a key of 1,024 bits from its place in the DER: the last INTEGER but one."""
    assert der[-5:] == bytes.fromhex("0203010001") and der[-137:-133] == bytes.fromhex("02818100")
    return int.from_bytes(der[-133:-5], "big")


# --- the data structure and its hashes (RFC 3972 sections 2 to 5) ----------------------------------------------------


def test_appendix_a_the_search_finds_the_rfcs_modifier() -> None:
    first = CgaParameters(MODIFIER, LINK.network >> 64, 0, KEY)
    assert first.hash2.hex() == "436b9a70dbfddbf1926e6e6629c0"
    found = generate(KEY, LINK, 1, MODIFIER)
    assert found.modifier == FOUND and found.hash2.hex() == "000001ca680b83888d0912dffcce"


def test_appendix_a_the_address_is_the_rfcs() -> None:
    found = generate(KEY, LINK, 1, MODIFIER)
    assert found.hash1 == 0xFD4A5BF6FFB4CA6C
    assert found.address(1) == Address("fe80::3c4a:5bf6:ffb4:ca6c")
    by_hand = FOUND.to_bytes(16, "big") + bytes.fromhex("fe80000000000000") + b"\0" + KEY
    assert found.encode() == by_hand and CgaParameters.decode(by_hand) == found
    assert found.verifies(Address("fe80::3c4a:5bf6:ffb4:ca6c"))


@given(st.integers(0, (1 << 128) - 1), st.integers(0, (1 << 64) - 1), st.integers(0, 255), st.binary(max_size=30))
def test_structures_are_read_as_they_were_written(modifier: int, prefix: int, count: int, extensions: bytes) -> None:
    """Section 3, extension fields that nobody knows included: they are part of the hash."""
    one = CgaParameters(modifier, prefix, count, KEY, extensions)
    octets = struct.pack("!QQQB", modifier >> 64, modifier & (1 << 64) - 1, prefix, count) + KEY + extensions
    assert one.encode() == octets and CgaParameters.decode(octets) == one
    assert one.hash1.to_bytes(8, "big") == hashlib.sha1(octets).digest()[:8]
    assert one.hash2 == hashlib.sha1(octets[:16] + bytes(9) + octets[25:]).digest()[:14]


@pytest.mark.parametrize("length", range(len(KEY) + 25))
def test_structures_cut_off_are_no_structures(length: int) -> None:
    with pytest.raises(WireError):
        CgaParameters.decode(generate(KEY, LINK, 0, 1).encode()[:length])


@pytest.mark.parametrize("security", [0, 1])
def test_generated_addresses_verify_and_show_sec_u_and_g(security: int) -> None:
    """Section 4 step 6, section 5."""
    parameters = generate(KEY, HOME, security, 12345)
    address = parameters.address(security)
    assert parameters.verifies(address) and address in HOME
    assert address.interface_identifier >> 61 == security and not address.interface_identifier >> 56 & 3


def test_bits_that_verification_ignores_and_those_it_does_not() -> None:
    """Section 5 step 4: the bits "u" and "g" do not count, all others do; Sec asks for zeros in Hash2."""
    parameters = generate(KEY, HOME, 0, 1)
    address = parameters.address(0)
    for bit in range(61):
        is_ignored = bit in (56, 57)
        assert parameters.verifies(Address(address ^ 1 << bit)) == is_ignored
    assert any(parameters.hash2[:2]), "no zeros by chance"
    assert not any(parameters.verifies(Address(address | sec << 61)) for sec in range(1, 8))
    assert not parameters.verifies(Address(address ^ 1 << 64)), "another prefix (step 2)"


def test_collision_counts_above_two_do_not_verify() -> None:
    """Section 5 step 1."""
    for count in range(5):
        one = replace(generate(KEY, HOME, 0, 1), collision_count=count)
        assert one.verifies(one.address(0)) == (count <= 2)


def test_three_collisions_end_the_tries() -> None:
    """Section 4 step 8; the modifier is kept, and so is the work that found it."""
    owner = AddressOwner(Random(1), 1)
    first = owner.generate(HOME)
    modifier = owner.parameters[first].modifier
    second = owner.after_collision(first)
    assert second is not None and owner.parameters[second].collision_count == 1
    third = owner.after_collision(second)
    assert third is not None and owner.parameters[third].modifier == modifier and third.interface_identifier >> 61 == 1
    assert owner.after_collision(third) is None and owner.parameters == {}
    assert len({first, second, third}) == 3


def test_addresses_of_one_owner_have_modifiers_of_their_own() -> None:
    """Section 7.3: addresses of one key are not to be linked by their modifier."""
    owner = AddressOwner(Random(1))
    addresses = [owner.generate(HOME) for _ in range(5)]
    assert len(set(addresses)) == len({owner.parameters[a].modifier for a in addresses}) == 5
    assert all(owner.parameters[a].verifies(a) for a in addresses)


def test_calls_that_cannot_be() -> None:
    with pytest.raises(ProtocolMisuse, match="security=8"):
        generate(KEY, HOME, 8, 0)
    with pytest.raises(ProtocolMisuse, match="48 bits"):
        generate(KEY, Prefix.parse("2001:db8:100::/48"), 0, 0)


# --- keys and signatures (section 6) ---------------------------------------------------------------------------------


def test_keys_come_from_the_seed_alone() -> None:
    key_pair.cache_clear()
    one, other = key_pair(7).public_key, key_pair(8).public_key
    key_pair.cache_clear()
    assert key_pair(7).public_key == one != other
    assert modulus(one).bit_length() == 1024


def test_a_key_takes_well_under_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time goes into powers modulo numbers of 512 bits, of some 0.3 ms each: that many are counted."""
    powers: list[int] = []

    def counted(base: int, exponent: int, modulus: int) -> int:
        powers.append(modulus.bit_length())
        return pow(base, exponent, modulus)

    monkeypatch.setattr(cga, "pow", counted, raising=False)
    key_pair.cache_clear()
    for seed in range(100, 105):
        cga.key_pair(seed)
    assert 2 * 40 * 5 < len(powers) < 500 * 5 and max(powers) <= 1024


def test_primes_are_told_from_others() -> None:
    """Compare with division, and with two numbers that Fermat's test takes for primes."""
    random = Random(0)
    for number in range(2001, 12000, 2):
        assert is_prime(number, random) == all(number % d for d in range(3, int(number**0.5) + 1, 2)), number
    assert is_prime(2**127 - 1, random) and not is_prime((2**61 - 1) * (2**89 - 1), random)
    assert not is_prime(2221 * 4441 * 6661, random), "a product of three primes, of the kind that Carmichael found"


def test_signatures_are_those_of_rfc_8017() -> None:
    """Section 6: RSASSA-PKCS1-v1_5 over the type tag and the message, undone here by raising to the public exponent."""
    pair = key_pair(1)
    signature = pair.sign(b"mobility data")
    block = pow(int.from_bytes(signature, "big"), 65537, modulus(pair.public_key)).to_bytes(128, "big")
    digest = SHA1_INFO + hashlib.sha1(TAG + b"mobility data").digest()
    assert block == b"\x00\x01" + b"\xff" * (128 - 3 - len(digest)) + b"\x00" + digest
    assert signature == pair.sign(b"mobility data"), "and it is the same at every run"


def test_proofs_need_both_the_address_and_the_signature() -> None:
    """Section 6: authentic only where both hold."""
    owner, thief = AddressOwner(Random(1)), AddressOwner(Random(2))
    address = owner.generate(HOME)
    parameters, signature = owner.parameters[address], owner.key.sign(b"data")
    octets = parameters.encode()
    assert proves(address, octets, b"data", signature) == parameters
    assert proves(address, octets, b"Data", signature) is None
    assert proves(address, octets, b"data", thief.key.sign(b"data")) is None
    assert proves(thief.generate(HOME), octets, b"data", signature) is None
    stolen = replace(parameters, public_key=thief.key.public_key).encode()
    assert proves(address, stolen, b"data", thief.key.sign(b"data")) is None, "the key does not make the address"
    assert proves(address, octets[:40], b"data", signature) is None
    assert proves(address, octets, b"data", b"") is None
    rubbish = CgaParameters(1, HOME.network >> 64, 0, b"\x30\x03abc")
    assert proves(rubbish.address(0), rubbish.encode(), b"data", signature) is None, "no key in it"


def test_keys_of_another_kind_prove_nothing() -> None:
    """Section 3: the key is one of RSA. The one here is a valid Ed25519 key (RFC 8410 section 10.1)."""
    ed25519 = bytes.fromhex("302a300506032b6570032100") + bytes(range(32))
    parameters = CgaParameters(1, HOME.network >> 64, 0, ed25519)
    assert proves(parameters.address(0), parameters.encode(), b"data", bytes(64)) is None


def test_secrets_are_padded_from_the_stream_and_only_their_owner_reads_them() -> None:
    """RSAES-PKCS1-v1_5 (RFC 8017 section 7.2), undone by `cryptography`; the block computed by hand."""
    pair = key_pair(1)
    hidden = encrypted(pair.public_key, b"8 octets", Random(3))
    random = Random(3)
    block = b"\0\2" + bytes(random.randrange(1, 256) for _ in range(117)) + b"\0" + b"8 octets"
    assert int.from_bytes(hidden, "big") == pow(int.from_bytes(block, "big"), 65537, modulus(pair.public_key))
    assert pair.decrypt(hidden) == b"8 octets" != key_pair(2).decrypt(hidden)
    assert hidden == encrypted(pair.public_key, b"8 octets", Random(3))
    assert hidden != encrypted(pair.public_key, b"8 octets", random), "the stream has gone on"
    assert pair.decrypt(b"short") is None


def test_cryptography_is_imported_when_a_key_is_asked_for() -> None:
    code = "import sys, mipflow.mip6.enhanced.cga; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
