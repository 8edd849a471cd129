"""Cryptographically generated addresses (RFC 3972): an address proves the public key from which it was made. Pure.

Takes seeded random streams, octets and addresses; gives addresses, signatures and judgements. `CgaParameters` makes and
verifies an address, a `KeyPair` signs for it, an `AddressOwner` keeps both. Keys come from a random seed, so that a run
can be repeated; `cryptography` signs, verifies and decrypts with them, and is imported at first use.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

from mipflow.arguments import need_cryptography
from mipflow.errors import ProtocolMisuse, WireError
from mipflow.wire.address import Address, Prefix

TYPE_TAG = bytes.fromhex("5F2705868D6C4C56A2469EBB9B2A2E13")
"""The octets in front of all that is signed: no other protocol's signature can be used here (RFC 4866 section 7)."""
PURPOSE = "enhanced route optimisation (enhanced=True)"
"""The purpose of addresses that prove a key, in words for a learner."""
KEY_BITS = 1024
"""The smallest size that RFC 4866 section 6.1 recommends."""
PUBLIC_EXPONENT = 65537
MOST_COLLISIONS = 2
"""The largest collision count; after the third collision no further address is tried (RFC 3972 section 4)."""
_FIXED = 25
"""The number of octets in front of the public key."""
_IGNORED_BITS = 0xE300_0000_0000_0000
"""Bits of the interface identifier that Hash1 does not decide: the three of Sec, "u" and "g" (section 2)."""
_ROUNDS = 40


@dataclass(slots=True, frozen=True)
class CgaParameters:
    """The CGA Parameters data structure (RFC 3972 section 3).

    modifier: 128 bits; prefix: the 64 bits of the subnet prefix; public_key: a DER-encoded SubjectPublicKeyInfo;
    extensions: whatever stands behind it, not understood but hashed.
    """

    modifier: int
    prefix: int
    collision_count: int
    public_key: bytes
    extensions: bytes = b""

    def encode(self) -> bytes:
        """Return the octets of the structure."""
        front = self.modifier.to_bytes(16, "big") + self.prefix.to_bytes(8, "big") + bytes([self.collision_count])
        return front + self.public_key + self.extensions

    @classmethod
    def decode(cls, data: bytes) -> CgaParameters:
        """Read the structure from octets. Raises WireError where they are cut off or hold no public key."""
        key_end = _FIXED + _der_size(data[_FIXED:])
        if len(data) < key_end:
            raise WireError(f"CGA parameters of {len(data)} octets; expected at least {key_end}", data)
        modifier, prefix = int.from_bytes(data[:16], "big"), int.from_bytes(data[16:24], "big")
        return cls(modifier, prefix, data[24], data[_FIXED:key_end], data[key_end:])

    @property
    def hash1(self) -> int:
        """Hash1, 64 bits: the source of the interface identifier."""
        return int.from_bytes(hashlib.sha1(self.encode()).digest()[:8], "big")

    @property
    def hash2(self) -> bytes:
        """Hash2, 112 bits: a forger has to do the work for its leading zeros as well."""
        return hashlib.sha1(replace(self, prefix=0, collision_count=0).encode()).digest()[:14]

    def address(self, security: int) -> Address:
        """Return the address of these parameters with a security parameter Sec (section 4, steps 5 to 7)."""
        return Address(self.prefix << 64 | self.hash1 & ~_IGNORED_BITS | security << 61)

    def verifies(self, address: Address) -> bool:
        """True where an address was generated from these parameters (section 5)."""
        identifier, is_ours = address.interface_identifier, address >> 64 == self.prefix
        if self.collision_count > MOST_COLLISIONS or not is_ours or (self.hash1 ^ identifier) & ~_IGNORED_BITS:
            return False
        return not any(self.hash2[: 2 * (identifier >> 61)])


def generate(public_key: bytes, prefix: Prefix, security: int, modifier: int) -> CgaParameters:
    """Find parameters for an address of a prefix of 64 bits, from `modifier` on (section 4, steps 1 to 4).

    Each step of `security` (0 to 7) makes the search 65,536 times as long: 1 takes a tenth of a second, 2 hours.
    Raises ProtocolMisuse for another `security` or length of prefix.
    """
    if not 0 <= security <= 7:
        raise ProtocolMisuse(f"security={security}; expected 0 to 7, of which 0 and 1 are quickly found", security)
    if prefix.length != 64:
        raise ProtocolMisuse(f"{prefix} has {prefix.length} bits; generated addresses need a prefix of 64", prefix)
    rest, zeros = bytes(9) + public_key, bytes(2 * security)
    while hashlib.sha1(modifier.to_bytes(16, "big") + rest).digest()[: 2 * security] != zeros:
        modifier = modifier + 1 & (1 << 128) - 1
    return CgaParameters(modifier, prefix.network >> 64, 0, public_key)


def proves(address: Address, parameters: bytes, message: bytes, signature: bytes) -> CgaParameters | None:
    """Return the parameters if they made the address and their key signed the message (sections 5 and 6), else None.
    """
    need_cryptography(PURPOSE)
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1

    try:
        found = CgaParameters.decode(parameters)
        if not found.verifies(address):
            return None
        _rsa(found.public_key).verify(signature, TYPE_TAG + message, PKCS1v15(), SHA1())
    except (WireError, InvalidSignature, UnsupportedAlgorithm, ValueError):
        return None
    return found


def encrypted(public_key: bytes, secret: bytes, random: Random) -> bytes:
    """Encrypt by RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.1), with padding from a seeded stream, which `cryptography`
    cannot take.

    public_key: of RSA, as in `CgaParameters`; `secret` has at least 11 octets less than its modulus.
    """
    numbers = _rsa(public_key).public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    padding = bytes(random.randrange(1, 256) for _ in range(size - 3 - len(secret)))
    block = b"\x00\x02" + padding + b"\x00" + secret
    return int(pow(int.from_bytes(block, "big"), numbers.e, numbers.n)).to_bytes(size, "big")


class KeyPair:
    """An RSA key pair; `public_key` is its public half in DER."""

    def __init__(self, p: int, q: int) -> None:
        need_cryptography(PURPOSE)
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        d = pow(PUBLIC_EXPONENT, -1, math.lcm(p - 1, q - 1))
        public = rsa.RSAPublicNumbers(PUBLIC_EXPONENT, p * q)
        numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
        self._private, self._padding = numbers.private_key(), padding.PKCS1v15()
        self.public_key = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        """Sign the type tag and `message` by RSASSA-PKCS1-v1_5 with SHA-1 (RFC 3972 section 6)."""
        from cryptography.hazmat.primitives.hashes import SHA1

        return self._private.sign(TYPE_TAG + message, self._padding, SHA1())

    def decrypt(self, ciphertext: bytes) -> bytes | None:
        """Recover the octets that `encrypted` hid; None for octets that it did not make."""
        try:
            return self._private.decrypt(ciphertext, self._padding)
        except ValueError:
            return None


@cache
def key_pair(seed: int, bits: int = KEY_BITS) -> KeyPair:
    """Return the key pair of a random seed, always the same (1,024 bits take less than 0.1 s, once for each seed)."""
    random = Random(seed)
    return KeyPair(_prime(bits // 2, random), _prime(bits // 2, random))


class AddressOwner:
    """A key pair with the addresses that were generated from it; `security` is their parameter Sec."""

    def __init__(self, random: Random, security: int = 0) -> None:
        self.key = key_pair(random.getrandbits(256))
        self.parameters: dict[Address, CgaParameters] = {}
        """Address -> the parameters that prove it to be ours."""
        self._random = random
        self._security = security

    def generate(self, prefix: Prefix) -> Address:
        """Make a new address of a prefix, with a modifier of its own so that nobody can link it to the others."""
        return self._keep(generate(self.key.public_key, prefix, self._security, self._random.getrandbits(128)))

    def after_collision(self, address: Address) -> Address | None:
        """Make the next address in the place of one that another node has; return None after three of them (step 8)."""
        parameters = self.parameters.pop(address)
        if parameters.collision_count == MOST_COLLISIONS:
            return None
        return self._keep(replace(parameters, collision_count=parameters.collision_count + 1))

    def _keep(self, parameters: CgaParameters) -> Address:
        address = parameters.address(self._security)
        self.parameters[address] = parameters
        return address


def _rsa(public_key: bytes) -> Any:
    """Read the key in a SubjectPublicKeyInfo. Raises ValueError where there is none, or none of RSA."""
    need_cryptography(PURPOSE)
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(public_key)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not a key of RSA (RFC 3972 section 3)")
    return key


def _der_size(data: bytes) -> int:
    """Return the size of the DER SEQUENCE that begins here, in octets. Raises WireError where none does."""
    if data[:1] != b"\x30" or len(data) < 2:
        raise WireError("no SubjectPublicKeyInfo in CGA parameters", data)
    octets = data[1] & 0x7F if data[1] & 0x80 else 0
    return 2 + (octets + int.from_bytes(data[2 : 2 + octets], "big") if octets else data[1])


def _prime(bits: int, random: Random) -> int:
    """Find a prime whose two highest bits are set, so that a product of two has twice its bits."""
    while True:
        candidate = random.getrandbits(bits) | 3 << bits - 2 | 1
        if candidate % PUBLIC_EXPONENT != 1 and is_prime(candidate, random):
            return candidate


def is_prime(number: int, random: Random) -> bool:
    """Test an odd number above 2,000 by Miller and Rabin: wrong once in 4**40 times at most."""
    if math.gcd(number, _small_primes()) != 1:
        return False
    twos = (number - 1 & 1 - number).bit_length() - 1
    odd = number - 1 >> twos
    for _ in range(_ROUNDS):
        power = pow(random.randrange(2, number - 1), odd, number)
        squares = [pow(power, 1 << time, number) for time in range(twos)]
        if power != 1 and number - 1 not in squares:
            return False
    return True


@cache
def _small_primes() -> int:
    """Return the product of the odd primes below 2,000."""
    return math.prod(n for n in range(3, 2000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2)))
