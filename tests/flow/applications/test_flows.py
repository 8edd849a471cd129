"""The `Flow` that `open` returns."""

from __future__ import annotations

import mipflow as mf


def test_a_flow_tells_its_story() -> None:
    world = mf.figure2(seed=1)
    flow = world.mn.open(world.cn1, mf.apps.Voice())
    assert (flow.id, flow.cn, flow.care_of_address, flow.registered_at_cn, flow.wait_ms) == (
        1,
        world.cn1,
        None,
        None,
        None,
    )
    assert flow.interface == "wlan0" and flow.is_open and "call to CN1" in repr(flow)
    world.run(5)
    assert str(flow.home_address) == "2001:db8:100::10" and str(flow.care_of_address) == "2001:db8:200::10"
    assert flow.registered_at_cn == flow.care_of_address and 2000 < flow.wait_ms < 2100  # type: ignore[operator]
    for meter in flow.stats:
        assert meter.sent >= meter.received > 100
        assert meter.mean_delay_ms > 19 and meter.worst_delay_ms >= meter.mean_delay_ms  # type: ignore[operator]
        assert meter.longest_gap_ms > 19  # type: ignore[operator]
    assert flow.stats.up.sent == flow.stats.up.received + flow.stats.up.lost + flow.stats.up.in_flight
