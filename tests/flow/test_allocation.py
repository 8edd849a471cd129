"""Making home addresses: every address of the home prefix once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import mipflow as mf
from mipflow.flow.allocation import StatelessAllocation
from mipflow.wire.address import Address, Prefix
from mipflow.wire.icmpv6 import MobilePrefixAdvertisement, MobilePrefixSolicitation
from tests.mip6.worlds import S, messages, world

HOME = Prefix.parse("2001:db8:100::/64")


@given(st.integers(1, 1 << 40), st.integers(1, 50))
def test_each_address_once_and_never_the_primary(identifier: int, count: int) -> None:
    primary = HOME.address(identifier)
    allocation = StatelessAllocation(HOME, primary)
    made = [allocation.make() for _ in range(count)]
    assert len({*made, primary}) == count + 1 and all(address in HOME for address in made)


def test_prefix_discovery_comes_before_the_first_address() -> None:
    """The seed, page 8: solicitation, advertisement, an address of the prefix, and the home agent asks whether it is
    unique; the second address needs no question any more.
    """
    made = world(allocate="stateless")
    flows = [made.mn.open(made.cn1, mf.apps.Voice()) for _ in range(3)]
    made.run(8)
    kinds = (MobilePrefixSolicitation, MobilePrefixAdvertisement)
    times = {
        kind: [hop.sent_ns for hop in made.trace if isinstance(hop.packet.payload, kind)][:1] for kind in kinds
    }  # fmt: skip
    updates = {each.home: each.t_ns for each in reversed(messages(made, "MN")) if each.name == "BU"}
    second, third = (updates[flow.home_address.packed] for flow in flows[1:] if flow.home_address is not None)
    assert times[kinds[0]][0] < times[kinds[1]][0] < second == third
    assert [flow.home_address for flow in flows] == [HOME.address(0x10 + number) for number in range(3)]
    bound = [c.t_ns for c in made.trace.changes() if c.node == "HA" and c.change.key == str(flows[1].home_address)]
    assert bound[-1] - second > S, "duplicate address detection"


def test_a_function_that_makes_addresses_is_told_what_is_taken() -> None:
    seen: list[list[Address]] = []

    def allocate(prefix: Prefix, taken: list[Address]) -> Address:
        seen.append(list(taken))
        return prefix.address(0x77 + len(seen))

    made = world(allocate=allocate)
    flows = [made.mn.open(made.cn1, mf.apps.Voice()) for _ in range(3)]
    made.run(5)
    assert [flow.home_address for flow in flows] == [HOME.address(0x10), HOME.address(0x78), HOME.address(0x79)]
    assert seen == [[HOME.address(0x10)], [HOME.address(0x10), HOME.address(0x78)]]
