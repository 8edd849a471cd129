"""Fuzzing, a minute of it: any octets leave every role standing, and its tables as they were unless they are valid."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutation import Script, mutate
from tests.fuzz.roles import POOL, packets_of, probe, probe_decode, roles, seeds
from tests.mip6.seams import CN
from tests.peer import octets_of

SCRIPTS = st.binary(max_size=120)
NAMES = ["correspondent node", "home agent", "mobile node"]
QUICK = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@pytest.mark.parametrize(("number", "examples"), [(0, 1000), (1, 1500), (2, 500)], ids=NAMES)
def test_any_octets_leave_a_role_standing(number: int, examples: int) -> None:
    """Dropped or valid, never an exception, never a changed cache (RFC 6275 sections 9.2, 10.2, 11.2)."""

    @settings(QUICK, max_examples=examples)
    @given(SCRIPTS)
    def run(script: bytes) -> None:
        probe(roles()[number], packets_of(script, roles()[number]))

    run()


@pytest.mark.slow
def test_any_octets_are_a_packet_or_a_wire_error() -> None:
    @settings(QUICK, max_examples=4000)
    @given(SCRIPTS)
    def run(script: bytes) -> None:
        reader = Script(script)
        octets = seeds()[reader.below(256) % len(seeds())]
        probe_decode(mutate(octets, reader, POOL, roles()[0].key, octets_of(CN)))

    run()


@pytest.mark.parametrize("number", range(3), ids=NAMES)
def test_a_twin_is_where_its_role_is(number: int) -> None:
    """Told the same, it has the same tables; without that a fuzzed role would be a blank one."""
    role = roles()[number]
    one, other = role.twin(), role.twin()
    assert one.tables() == other.tables()
    names = {name for tables in one.tables().values() for name in tables}  # type: ignore[attr-defined]
    assert names & {"binding cache", "binding update list"}
    probe(role, [])
