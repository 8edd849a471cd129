"""Protocol constants and configuration variables of RFC 6275 sections 12 and 13, but for those of `mip6.discovery`."""

from __future__ import annotations

from mipflow.sim.clock import NS_PER_S

INITIAL_BINDACK_TIMEOUT_NS = NS_PER_S
INITIAL_BINDACK_TIMEOUT_FIRST_REGISTRATION_NS = 3 * NS_PER_S // 2
MAX_BINDACK_TIMEOUT_NS = 32 * NS_PER_S
MAX_TOKEN_LIFETIME_NS = 210 * NS_PER_S
MAX_NONCE_LIFETIME_NS = 240 * NS_PER_S
NONCE_INTERVAL_NS = 30 * NS_PER_S
"""A new nonce every 30 s; the last eight are accepted, which is MAX_NONCE_LIFETIME (section 5.2.7)."""
MAX_RR_BINDING_LIFETIME_S = 420
MAX_DELETE_BCE_TIMEOUT_NS = 10 * NS_PER_S
MAX_BINDINGS = 100_000
"""Entries for which a binding cache has room by default."""
MAX_RO_FAILURE = 3
"""Unanswered attempts after which packets take the tunnel, while the attempts go on (section 5.2.9)."""
MAX_UPDATE_RATE = 3
"""Messages of one type a second to one correspondent node (section 11.8)."""
HOME_BINDING_LIFETIME_S = 3600
"""The lifetime that a mobile node asks of its home agent by default."""
REFRESH_AT = 0.8
"""Part of a binding's lifetime after which the mobile node refreshes it (section 11.7.1 leaves the moment open)."""
MIN_REFRESH_WAIT_NS = NS_PER_S
"""A correspondent node asks for a refresh no more often than once in this time (section 9.5.5 leaves the rate open)."""
PERSISTENT_ERRORS_NS = 5 * NS_PER_S
"""Errors in a row for this long, none later than this after the one before, end a binding (section 9.3.4)."""
HOME_RETRY_NS = MAX_BINDACK_TIMEOUT_NS
"""A home agent that refused is asked again at the slowest rate of retransmissions."""
CORRESPONDENT_RETRY_NS = MAX_RR_BINDING_LIFETIME_S * NS_PER_S
"""A correspondent that refused, or knows no Mobile IPv6, is asked again as often as a binding there would be renewed.
Section 11.3.5 asks for a period and leaves it open.
"""
