"""Mobility Header messages and options as values (RFC 6275 sections 6.1 and 6.2).

Lifetimes have the wire's unit of four seconds, and say so in their name: `lifetime_units`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, TypeVar

from mipflow.wire.packet import padded

if TYPE_CHECKING:
    from mipflow.wire.address import Address

Kind = TypeVar("Kind")

NEXT_HEADER = 135
LIFETIME_UNIT_S = 4
"""Seconds in a unit of the lifetimes of binding updates and acknowledgements (RFC 6275 6.1.7, 6.1.8)."""


class Status(IntEnum):
    """Status of a binding acknowledgement (RFC 6275 section 6.1.8); below 128 the update was accepted."""

    ACCEPTED = 0
    ACCEPTED_BUT_PREFIX_DISCOVERY_NECESSARY = 1
    REASON_UNSPECIFIED = 128
    ADMINISTRATIVELY_PROHIBITED = 129
    INSUFFICIENT_RESOURCES = 130
    HOME_REGISTRATION_NOT_SUPPORTED = 131
    NOT_HOME_SUBNET = 132
    NOT_HOME_AGENT_FOR_THIS_MOBILE_NODE = 133
    DUPLICATE_ADDRESS_DETECTION_FAILED = 134
    SEQUENCE_NUMBER_OUT_OF_WINDOW = 135
    EXPIRED_HOME_NONCE_INDEX = 136
    EXPIRED_CARE_OF_NONCE_INDEX = 137
    EXPIRED_NONCES = 138
    REGISTRATION_TYPE_CHANGE_DISALLOWED = 139
    INVALID_CARE_OF_ADDRESS = 174


class BindingErrorStatus(IntEnum):
    """Status of a binding error (RFC 6275 section 6.1.9)."""

    UNKNOWN_BINDING = 1
    UNRECOGNIZED_MOBILITY_HEADER = 2


# --- options (RFC 6275 section 6.2): (x, y) of `alignment` means that the option starts at x*n + y octets ---


@dataclass(slots=True, frozen=True)
class BindingRefreshAdvice:
    """Option 2: refresh after this many units of four seconds (section 6.2.4)."""

    interval_units: int
    alignment: ClassVar[tuple[int, int]] = (2, 0)
    size: ClassVar[int] = 4


@dataclass(slots=True, frozen=True)
class AlternateCareOfAddress:
    """Option 3 (section 6.2.5)."""

    care_of_address: Address
    alignment: ClassVar[tuple[int, int]] = (8, 6)
    size: ClassVar[int] = 18


@dataclass(slots=True, frozen=True)
class NonceIndices:
    """Option 4 (section 6.2.6)."""

    home: int
    care_of: int
    alignment: ClassVar[tuple[int, int]] = (2, 0)
    size: ClassVar[int] = 6


@dataclass(slots=True, frozen=True)
class BindingAuthorizationData:
    """Option 5, always the last; 12 octets of authenticator (section 6.2.7).

    The section names 8n+2 as the alignment that follows from being the last.
    """

    authenticator: bytes
    alignment: ClassVar[tuple[int, int]] = (8, 2)
    size: ClassVar[int] = 14


@dataclass(slots=True, frozen=True)
class UnknownMobilityOption:
    """Any other option: skipped, and the message processed (section 6.1.7).

    Padding (types 0 and 1) is a value only where it is more than `encode` writes by itself to align what
    follows.
    """

    type: int
    data: bytes = b""
    alignment: ClassVar[tuple[int, int]] = (1, 0)

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return 1 if self.type == 0 else 2 + len(self.data)


MobilityOption = (
    BindingRefreshAdvice | AlternateCareOfAddress | NonceIndices | BindingAuthorizationData |
    UnknownMobilityOption
)


class _WithOptions:
    """A Mobility Header of `_fixed` octets before its options; the whole is a multiple of eight octets."""

    __slots__ = ()
    _fixed: ClassVar[int] = 8
    options: tuple[MobilityOption, ...]

    @property
    def size(self) -> int:
        """Octets on the wire, padding included."""
        position = self._fixed
        for option in self.options:
            unit, start = option.alignment
            position += (start - position) % unit + option.size
        return padded(position)

    def option(self, kind: type[Kind]) -> Kind | None:
        """The first option of the given kind, or None."""
        for option in self.options:
            if isinstance(option, kind):
                return option
        return None


# --- messages -----------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class BindingRefreshRequest(_WithOptions):
    """Type 0 (section 6.1.2)."""

    options: tuple[MobilityOption, ...] = ()


@dataclass(slots=True, frozen=True)
class HomeTestInit(_WithOptions):
    """Type 1 (section 6.1.3). `cookie` has 8 octets."""

    cookie: bytes
    options: tuple[MobilityOption, ...] = ()
    _fixed: ClassVar[int] = 16


@dataclass(slots=True, frozen=True)
class CareOfTestInit(_WithOptions):
    """Type 2 (section 6.1.4). `cookie` has 8 octets."""

    cookie: bytes
    options: tuple[MobilityOption, ...] = ()
    _fixed: ClassVar[int] = 16


@dataclass(slots=True, frozen=True)
class HomeTest(_WithOptions):
    """Type 3 (section 6.1.5)."""

    nonce_index: int
    cookie: bytes
    keygen_token: bytes
    options: tuple[MobilityOption, ...] = ()
    _fixed: ClassVar[int] = 24


@dataclass(slots=True, frozen=True)
class CareOfTest(_WithOptions):
    """Type 4 (section 6.1.6)."""

    nonce_index: int
    cookie: bytes
    keygen_token: bytes
    options: tuple[MobilityOption, ...] = ()
    _fixed: ClassVar[int] = 24


@dataclass(slots=True, frozen=True)
class BindingUpdate(_WithOptions):
    """Type 5 (section 6.1.7). `reserved` keeps the 12 flag bits behind K."""

    sequence: int
    acknowledge: bool = True
    home_registration: bool = False
    link_local: bool = False
    key_management: bool = False
    lifetime_units: int = 0
    options: tuple[MobilityOption, ...] = ()
    reserved: int = 0
    _fixed: ClassVar[int] = 12


@dataclass(slots=True, frozen=True)
class BindingAcknowledgement(_WithOptions):
    """Type 6 (section 6.1.8). `reserved` keeps the 7 flag bits behind K."""

    status: int
    sequence: int
    lifetime_units: int = 0
    key_management: bool = False
    options: tuple[MobilityOption, ...] = ()
    reserved: int = 0
    _fixed: ClassVar[int] = 12


@dataclass(slots=True, frozen=True)
class BindingError(_WithOptions):
    """Type 7 (section 6.1.9)."""

    status: int
    home_address: Address
    options: tuple[MobilityOption, ...] = ()
    _fixed: ClassVar[int] = 24


@dataclass(slots=True, frozen=True)
class UnknownMobilityMessage:
    """A Mobility Header of a type that is not known: answered by a binding error of status 2 (section 9.2).

    `data` is what follows the checksum, 8n+2 octets.
    """

    type: int
    data: bytes

    @property
    def size(self) -> int:
        """Octets on the wire."""
        return 6 + len(self.data)


MobilityMessage = (
    BindingRefreshRequest | HomeTestInit | CareOfTestInit | HomeTest | CareOfTest | BindingUpdate |
    BindingAcknowledgement | BindingError | UnknownMobilityMessage
)  # fmt: skip
