"""Mobility Header messages and options as values (RFC 6275 sections 6.1 and 6.2; RFC 4866 section 5).

Lifetimes have the wire's unit of four seconds, and say so in their name: `lifetime_units`.
"""

from __future__ import annotations

from enum import IntEnum

from mipflow.wire.address import Address
from mipflow.wire.forms import Value, on_wire
from mipflow.wire.packet import UnknownOption, WithData, WithOptions

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
    # RFC 4866 section 5.7
    PERMANENT_HOME_KEYGEN_TOKEN_UNAVAILABLE = 147
    CGA_AND_SIGNATURE_VERIFICATION_FAILED = 148
    PERMANENT_HOME_KEYGEN_TOKEN_EXISTS = 149
    NON_NULL_HOME_NONCE_INDEX_EXPECTED = 150
    INVALID_CARE_OF_ADDRESS = 174


class BindingErrorStatus(IntEnum):
    """Status of a binding error (RFC 6275 section 6.1.9)."""

    UNKNOWN_BINDING = 1
    UNRECOGNIZED_MOBILITY_HEADER = 2


# --- options (RFC 6275 section 6.2) -------------------------------------------------------------------------


class MobilityOption(Value, family="mobility option"):
    """An option of a Mobility Header."""


@on_wire(2, "MIP6OptBRAdvice", "interval_units=rinter", fixed=4, alignment=(2, 0))
class BindingRefreshAdvice(MobilityOption):
    """Option 2: refresh after this many units of four seconds (section 6.2.4)."""

    interval_units: int


@on_wire(3, "MIP6OptAltCoA", "care_of_address=acoa", fixed=18, alignment=(8, 6))
class AlternateCareOfAddress(MobilityOption):
    """Option 3 (section 6.2.5)."""

    care_of_address: Address


@on_wire(4, "MIP6OptNonceIndices", "home=hni care_of=coni", fixed=6, alignment=(2, 0))
class NonceIndices(MobilityOption):
    """Option 4 (section 6.2.6)."""

    home: int
    care_of: int


@on_wire(5, "MIP6OptBindingAuthData", "authenticator", fixed=14, alignment=(8, 2))
class BindingAuthorizationData(MobilityOption):
    """Option 5, always the last; 12 octets of authenticator (section 6.2.7).

    The section names 8n+2 as the alignment that follows from being the last.
    """

    authenticator: bytes


@on_wire(11, "MIP6OptCGAParamsReq")
class CgaParametersRequest(MobilityOption):
    """Option 11: asks the correspondent node to prove that its address is its own (RFC 4866 section 5.6)."""


@on_wire(12, "MIP6OptCGAParams", "data=cgaparams", range(256))
class CgaParametersOption(WithData, MobilityOption):
    """Option 12: a piece of the CGA Parameters data structure, 255 octets but for the last (RFC 4866 section 5.1)."""

    data: bytes


@on_wire(13, "MIP6OptSignature", "data=sig", range(256))
class SignatureOption(WithData, MobilityOption):
    """Option 13, directly behind the last of option 12 (RFC 4866 section 5.2)."""

    data: bytes


@on_wire(14, "MIP6OptHomeKeygenToken", "data=hkt", range(256))
class PermanentHomeKeygenToken(WithData, MobilityOption):
    """Option 14: the token, encrypted for the mobile node (RFC 4866 section 5.3)."""

    data: bytes


@on_wire(15, "MIP6OptCareOfTestInit")
class CareOfTestInitOption(MobilityOption):
    """Option 15: asks for a care-of keygen token in the acknowledgement (RFC 4866 section 5.4)."""


@on_wire(16, "MIP6OptCareOfTest", "data=cokt", range(8, 9))
class CareOfTestOption(WithData, MobilityOption):
    """Option 16: a care-of keygen token of 8 octets, without a nonce index (RFC 4866 section 5.5)."""

    data: bytes


@on_wire(None, "MIP6OptUnknown", "type=otype data=odata", range(256))
class UnknownMobilityOption(MobilityOption, UnknownOption):
    """Any other option: skipped, and the message processed (section 6.1.7). Of padding the same is true."""


# --- messages -----------------------------------------------------------------------------------------------


class MobilityMessage(Value, family="Mobility Header type"):
    """A Mobility Header."""


@on_wire(0, "MIP6MH_BRR", fixed=8, autopad=0)
class BindingRefreshRequest(WithOptions, MobilityMessage):
    """Type 0 (section 6.1.2)."""

    options: tuple[MobilityOption, ...] = ()


@on_wire(1, "MIP6MH_HoTI", "cookie", fixed=16, autopad=0)
class HomeTestInit(WithOptions, MobilityMessage):
    """Type 1 (section 6.1.3). `cookie` has 8 octets."""

    cookie: bytes
    options: tuple[MobilityOption, ...] = ()


@on_wire(2, "MIP6MH_CoTI", "cookie", fixed=16, autopad=0)
class CareOfTestInit(WithOptions, MobilityMessage):
    """Type 2 (section 6.1.4). `cookie` has 8 octets."""

    cookie: bytes
    options: tuple[MobilityOption, ...] = ()


@on_wire(3, "MIP6MH_HoT", "nonce_index=index cookie keygen_token=token", fixed=24, autopad=0)
class HomeTest(WithOptions, MobilityMessage):
    """Type 3 (section 6.1.5). Cookie and token have 8 octets."""

    nonce_index: int
    cookie: bytes
    keygen_token: bytes
    options: tuple[MobilityOption, ...] = ()


@on_wire(4, "MIP6MH_CoT", "nonce_index=index cookie keygen_token=token", fixed=24, autopad=0)
class CareOfTest(WithOptions, MobilityMessage):
    """Type 4 (section 6.1.6). Cookie and token have 8 octets."""

    nonce_index: int
    cookie: bytes
    keygen_token: bytes
    options: tuple[MobilityOption, ...] = ()


BU_FLAGS = "acknowledge,home_registration,link_local,key_management,reserved=flags,reserved"


@on_wire(5, "MIP6MH_BU", f"header_reserved=res sequence=seq {BU_FLAGS} lifetime_units=mhtime", fixed=12, autopad=0)
class BindingUpdate(WithOptions, MobilityMessage):
    """Type 5 (section 6.1.7). `reserved` keeps the 12 flag bits behind K, `header_reserved` the Mobility Header's octet
    of section 6.1.1: nobody looks at them, but an authenticator covers them.
    """

    sequence: int
    acknowledge: bool = True
    home_registration: bool = False
    link_local: bool = False
    key_management: bool = False
    lifetime_units: int = 0
    options: tuple[MobilityOption, ...] = ()
    reserved: int = 0
    header_reserved: int = 0


BA_FIELDS = "header_reserved=res status key_management,reserved=flags,res2 sequence=seq lifetime_units=mhtime"


@on_wire(6, "MIP6MH_BA", BA_FIELDS, fixed=12, autopad=0)
class BindingAcknowledgement(WithOptions, MobilityMessage):
    """Type 6 (section 6.1.8). `reserved` keeps the 7 flag bits behind K; `header_reserved`: see `BindingUpdate`."""

    status: int
    sequence: int
    lifetime_units: int = 0
    key_management: bool = False
    options: tuple[MobilityOption, ...] = ()
    reserved: int = 0
    header_reserved: int = 0


@on_wire(7, "MIP6MH_BE", "status home_address=ha", fixed=24)
class BindingError(WithOptions, MobilityMessage):
    """Type 7 (section 6.1.9)."""

    status: int
    home_address: Address
    options: tuple[MobilityOption, ...] = ()


@on_wire(None, "MIP6MH_Generic", "type=mhtype data=msg", range(2, 2043, 8), fixed=6)
class UnknownMobilityMessage(WithData, MobilityMessage):
    """A Mobility Header of a type that is not known: answered by a binding error of status 2 (section 9.2).

    `data` is what follows the checksum, 8n+2 octets.
    """

    type: int
    data: bytes
