"""ESP made and read by hand (RFC 4303): struct, hmac and AES alone, nothing of the package and nothing of scapy."""

from __future__ import annotations

import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ICV = {"sha256": 16, "sha1": 12}


def seal(
    spi: int, sequence: int, key: bytes, integrity: bytes, iv: bytes, number: int, inside: bytes,
    digest: str = "sha256", padding: bytes | None = None, pad_length: int | None = None,
) -> bytes:
    """Seal: SPI, sequence number, IV, encrypted (data, padding, pad length, next header), ICV; no key: NULL."""
    block = 16 if key else 4
    if padding is None:
        padding = bytes(range(1, 1 + -(len(inside) + 2) % block))
    plain = inside + padding + bytes([len(padding) if pad_length is None else pad_length, number])
    if key:
        encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        plain = encryptor.update(plain) + encryptor.finalize()
    covered = struct.pack(">II", spi, sequence) + iv + plain
    return covered + hmac.digest(integrity, covered, digest)[: ICV[digest]]


def unseal(octets: bytes, key: bytes, integrity: bytes, digest: str = "sha256") -> tuple[int, int, int, bytes]:
    """Check every field. Return SPI, sequence number, next header and the octets inside."""
    covered, icv = octets[: -ICV[digest]], octets[-ICV[digest] :]
    assert hmac.digest(integrity, covered, digest)[: ICV[digest]] == icv, "integrity check value"
    spi, sequence = struct.unpack_from(">II", covered)
    plain = covered[8:]
    if key:
        decryptor = Cipher(algorithms.AES(key), modes.CBC(plain[:16])).decryptor()
        plain = decryptor.update(plain[16:]) + decryptor.finalize()
    padding, number = plain[-2], plain[-1]
    assert len(covered) % 4 == 0
    assert plain[len(plain) - 2 - padding : -2] == bytes(range(1, padding + 1)), "padding counts up from 1"
    return spi, sequence, number, plain[: len(plain) - 2 - padding]
