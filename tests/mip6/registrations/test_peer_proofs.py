"""Evidence of whether correspondents know Mobile IPv6, and how long it counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mipflow.mip6.constants import CORRESPONDENT_RETRY_NS, MAX_BINDACK_TIMEOUT_NS
from mipflow.mip6.registrations.peer_proofs import PeerProofs
from mipflow.wire.address import Address
from tests.mip6.worlds import S

PEER, OTHER = Address("2001:db8:a::5"), Address("2001:db8:b::5")


def test_a_doubt_is_confirmed_by_silence_once() -> None:
    known = PeerProofs()
    assert known.confirmed(PEER, 0) == ""
    assert known.doubt(PEER, "status 2", 0) and known.confirmed(OTHER, 0) == ""
    assert [known.confirmed(PEER, S), known.confirmed(PEER, S)] == ["status 2", ""]


def test_an_answer_ends_a_doubt_and_a_doubt_does_not_last() -> None:
    known = PeerProofs()
    known.doubt(PEER, "status 2", 0)
    known.proved(PEER, 1)
    assert known.confirmed(PEER, 2) == ""
    known.forget(PEER)
    assert known.doubt(PEER, "status 2", 0) and known.confirmed(PEER, MAX_BINDACK_TIMEOUT_NS + 1) == ""


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_proof_lasts_as_long_as_a_refusal_would_and_as_the_binding(now: int, later: int, binding_ns: int) -> None:
    known = PeerProofs()
    known.proved(PEER, now, binding_ns)
    believed = known.doubt(PEER, "status 2", now + later)
    assert believed == (later >= CORRESPONDENT_RETRY_NS and now + later >= binding_ns)
    assert known.doubt(OTHER, "status 2", now)
