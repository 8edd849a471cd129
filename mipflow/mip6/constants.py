"""Protocol constants and configuration variables of RFC 6275 sections 12 and 13; times in nanoseconds where they are
timed.
"""

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
MAX_UPDATE_RATE = 3
"""Messages of one type a second to one correspondent node (section 11.8)."""
HOME_BINDING_LIFETIME_S = 3600
"""What a mobile node asks of its home agent where nothing else is said."""
REFRESH_AT = 0.8
"""Part of a binding's lifetime after which the mobile node refreshes it (section 11.7.1 leaves the moment open)."""
