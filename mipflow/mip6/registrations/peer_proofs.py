"""Evidence of whether correspondents know Mobile IPv6: their own answers prove it, binding errors raise doubts.

A binding error carries nothing that only its alleged sender knows, so alone it proves nothing (RFC 6275 section 11.3.6
has a SHOULD for status 2): a peer that has proved itself lately is not doubted, and silence must confirm a doubt about
any other. Pure: takes `now` in nanoseconds.
"""

from __future__ import annotations

from mipflow.mip6.constants import CORRESPONDENT_RETRY_NS, MAX_BINDACK_TIMEOUT_NS
from mipflow.wire.address import Address


class PeerProofs:
    """Proofs and doubts, by correspondent."""

    def __init__(self) -> None:
        self._proved_until_ns: dict[Address, int] = {}
        self._doubts: dict[Address, tuple[str, int]] = {}
        """Peers in doubt -> why, and until when silence confirms it, in nanoseconds."""

    def proved(self, peer: Address, now: int, binding_until_ns: int = 0) -> None:
        """Note that a peer answered a test with its cookie, or acknowledged an update. The proof lasts as long as a
        refusal would, and as long as the binding.
        """
        self._proved_until_ns[peer] = max(now + CORRESPONDENT_RETRY_NS, binding_until_ns)
        self._doubts.pop(peer, None)

    def doubt(self, peer: Address, why: str, now: int) -> bool:
        """Note that a peer is said not to know Mobile IPv6, and why. Return False where that is not believed."""
        if now < self._proved_until_ns.get(peer, 0):
            return False
        self._doubts[peer] = why, now + MAX_BINDACK_TIMEOUT_NS
        return True

    def confirmed(self, peer: Address, now: int) -> str:
        """Return why a peer that left a message unanswered is given up; an empty text where there was no doubt."""
        why, until_ns = self._doubts.pop(peer, ("", 0))
        return why if now <= until_ns else ""

    def forget(self, peer: Address) -> None:
        """Drop all that is known of a peer."""
        self._proved_until_ns.pop(peer, None)
        self._doubts.pop(peer, None)
