"""The token bucket: a burst, then an average rate (RFC 4443 section 2.4 f)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mipflow.node.token_bucket import TokenBucket

S = 1_000_000_000


def test_ten_at_once_and_then_ten_a_second_by_default() -> None:
    bucket = TokenBucket()
    assert [bucket.take(0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert [bucket.take(S // 10) for _ in range(2)] == [True, False]
    assert sum(bucket.take(S // 10 + n * S // 1000) for n in range(1001)) == 10
    assert sum(bucket.take(100 * S) for _ in range(20)) == 10, "a rest fills it, but not beyond the burst"


@pytest.mark.parametrize(("per_s", "burst"), [(1, 1), (10, 10), (1000, 3)])
def test_rate_and_burst_can_be_set(per_s: int, burst: int) -> None:
    bucket = TokenBucket(per_s, burst)
    assert sum(bucket.take(0) for _ in range(burst + 5)) == burst
    assert sum(bucket.take(n * S // (4 * per_s)) for n in range(1, 41)) == 10


@given(st.integers(1, 50), st.integers(1, 20), st.lists(st.integers(0, S // 5), max_size=60))
def test_never_more_than_the_burst_and_the_rate_allow_and_never_less(per_s: int, burst: int, gaps: list[int]) -> None:
    """Against the text's own picture: a bucket of tokens that fills with time. Twice the rate apart, all pass."""
    bucket, tokens, last, now = TokenBucket(per_s, burst), float(burst), 0, 0
    for gap in gaps:
        now += gap
        tokens = min(float(burst), tokens + (now - last) * per_s / S)
        last = now
        taken = bucket.take(now)
        if abs(tokens - round(tokens)) > 1e-3:  # beyond the rounding of a token's time to nanoseconds
            assert taken == (tokens >= 1)
        tokens -= taken
