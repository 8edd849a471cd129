"""Every packet of a flow is received or lost once, and every loss has its reason, whatever the network does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import mipflow as mf
from mipflow.errors import MipflowError

LINKS = st.builds(
    mf.Link, delay_ms=st.sampled_from([1.0, 20.0]), rate_bps=st.sampled_from([None, 300_000, 5_000_000]),
    mtu=st.sampled_from([1280, 1300, 1500]), queue_bytes=st.sampled_from([None, 0, 3000]),
    loss=st.sampled_from([0.0, 0.05, 0.3]), duplication=st.sampled_from([0.0, 0.2]),
    jitter_ms=st.sampled_from([0.0, 15.0]), reorder=st.booleans(),
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["wait", "move", "down", "up", "link down", "link up", "close"]), st.integers(0, 3),
        st.sampled_from(["wlan0", "cell0"]),
    ),
    max_size=8,
)  # fmt: skip
CLEAN, NARROW = mf.Link(), mf.Link(mtu=1280)


def applications() -> list[Any]:
    """Small datagrams, datagrams that are cut, echoes, and datagrams that only a tunnel cuts."""
    voice = mf.apps.Voice
    sizes = voice(interval_ms=30, payload_bytes=60), voice(interval_ms=70, payload_bytes=2600)
    return [*sizes, mf.apps.Echo(), voice(interval_ms=55, payload_bytes=1250)]


@given(
    wlan=LINKS, cell=LINKS, steps=STEPS, mode=st.sampled_from(["route_optimisation", "tunnel", "triangular"]),
    trace=st.sampled_from(["off", "all"]), strict=st.booleans(),
)  # fmt: skip
@example(NARROW, NARROW, [("wait", 0, "wlan0"), ("link down", 0, "wlan0")], "tunnel", "off", False)
@example(CLEAN, CLEAN, [("move", 0, "cell0"), ("down", 0, "wlan0"), ("up", 0, "wlan0")], "triangular", "all", True)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.slow
def test_what_is_sent_is_received_or_lost_for_a_reason(
    wlan: mf.Link, cell: mf.Link, steps: list[tuple[str, int, str]], mode: Any, trace: Any, strict: bool
) -> None:
    links = {"wlan0": wlan, "cell0": cell}
    world = mf.figure2(seed=7, links=links, mode=mode, trace=trace, security=strict, ingress_filtering=strict)
    world.run(3)
    flows, mn = [], world.mn
    for number, application in enumerate(applications()):
        flows.append(mn.open(world.cns[number % 2], application))
    for what, flow, name in steps:
        interface = mn.interface(name)
        try:
            if what == "move":
                mn.handover(flows[flow], name)
            elif what == "close":
                mn.close(flows[flow])
            elif what in ("down", "up"):
                interface.set_up(what == "up")
            elif what != "wait" and interface.segment is not None:
                interface.segment.set_up(what == "link up")
        except MipflowError:
            pass  # a flow that is closed, an interface that is down
        world.run(0.37)
    for open_flow in [flow for flow in flows if flow.is_open]:
        mn.close(open_flow)
    for segment in world.network.segments.values():
        segment.set_up(True)
    world.run(200)  # queues are drained, and what waited for a home address waits no longer
    for meter in [meter for flow in flows for meter in flow.stats]:
        assert meter.sent == meter.received + meter.lost, (meter, meter.lost_why)
        assert meter.lost == sum(meter.lost_why.values())


@pytest.mark.parametrize(("link", "act", "reason"), [
    (mf.Link(queue_bytes=0, rate_bps=9_000), lambda w, f: None, "wlan0: queue full"),
    (mf.Link(loss=0.5), lambda w, f: None, "wlan0: lost on the link"),
    (CLEAN, lambda w, f: w.mn.interface("wlan0").segment.set_up(False), "wlan0: link down"),
    (CLEAN, lambda w, f: w.cn1.unbind(f.home_address), "CN1: Home Address option without a matching binding"),
    (CLEAN, lambda w, f: w.cn1.interfaces["eth0"].set_up(False), "link down"),
])  # fmt: skip
def test_each_reason_stands_with_its_place(link: mf.Link, act: Any, reason: str) -> None:
    world = mf.figure2(seed=7, links={"wlan0": mf.Link()}, trace="off")
    world.run(3)
    flow = world.mn.open(world.cn1, mf.apps.Voice(interval_ms=20))
    world.run(1)
    segment = world.mn.interface("wlan0").segment
    assert segment is not None and not flow.stats.up.lost_why
    segment.configure(link)
    act(world, flow)
    world.run(0.5)
    found = flow.stats.up.lost_why
    assert any(why.endswith(reason) for why in found), found
    assert sum(found.values()) == flow.stats.up.lost > 1


def test_the_waiting_room_gives_its_reason() -> None:
    world = mf.figure2(seed=7)
    flow = world.mn.open(world.cn1, mf.apps.Voice(interval_ms=10))
    world.run(3)
    assert dict(flow.stats.up.lost_why) == {"MN: 64 packets wait for a home address already": flow.stats.up.lost}
