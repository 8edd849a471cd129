"""Test which packets and openings begin a flow, and which join one."""

from __future__ import annotations

import pytest

import mipflow as mf
from mipflow.flow.policy.rules import Rule, RuleSet
from mipflow.lab.scenarios import HOME
from mipflow.wire.packet import TCP, UDP
from tests.flow.worlds import CALL
from tests.mip6.worlds import world


@pytest.mark.parametrize("which", [0, 1])
def test_a_flow_that_a_correspondent_begins_keeps_the_address_that_it_used(which: int) -> None:
    made = world(wire=False, pool=1).run(8)
    home_address = [entry.home_address for entry in made.mn.home_addresses][which]
    got: list[bytes] = []
    server = made.mn.udp(6000)
    server.on_datagram = lambda data: (got.append(data), server.send(b"answer"))[0]
    answers: list[bytes] = []
    client = made.cn1.udp(5555, (home_address, 6000))
    client.on_datagram = answers.append
    for _ in range(3):
        client.send(b"hello")
        made.run(1)
    assert got == [b"hello"] * 3 and answers == [b"answer"] * 3
    (entry,) = made.mn.flows
    assert entry.home_address == home_address and entry.cn == made.cn1.address
    assert made.mn.handover(entry, "cell0") == [entry.flow_id]
    made.run(3)
    (binding,) = made.cn1.bindings
    assert binding.home_address == home_address and binding.care_of_address == made.mn.care_of_address("cell0")


def test_an_outgoing_packet_of_no_application_begins_a_flow() -> None:
    """Figure 4, step 22: the redirector gives a new flow its home address, whoever sends."""
    made = world(wire=False)
    made.run(5)
    socket = made.mn.udp(6000, (made.cn1.address, 9))
    got: list[bytes] = []
    made.cn1.udp(9).on_datagram = got.append
    socket.send(b"one")
    socket.send(b"two")
    made.run(2)
    assert got == [b"one", b"two"] and len(made.mn.flows) == 1


def test_packets_to_ports_that_nobody_hears_begin_no_flow() -> None:
    made = world(wire=False)
    made.run(5)
    for payload in (UDP(5, 4321, b"scan"), TCP(5, 4321, 1, syn=True)):
        made.cn1.transmit(payload, None, made.mn.primary_home_address)
    made.run(2)
    assert len(made.mn.flows) == 0


def test_late_packets_of_a_closed_flow_begin_none() -> None:
    """Packets under way when a flow is closed, and data that TCP still had to send, are dropped or reset, not a new
    flow.
    """
    made = world(wire=False)
    flows = [
        made.mn.open(made.cn1, app)
        for app in (CALL, mf.apps.Video(), mf.apps.FileTransfer(5_000_000), mf.apps.Echo(interval_ms=10))
    ]
    made.run(6)
    for flow in flows:
        made.mn.close(flow)
    made.run(120)
    assert len(made.mn.flows) == 0 and len(made.mn.home_addresses) == 1
    for flow in flows:
        for meter in flow.stats:
            assert meter.in_flight == 0 and meter.received + meter.lost == meter.sent


def test_what_a_correspondent_begins_keeps_its_address_though_a_word_has_another() -> None:
    """Figure 5, step 30: a TCP connection to the primary cannot be answered from H@2."""
    made = world(wire=False, operator=RuleSet((Rule("all", 1, flow="files"),)))
    made.run(5)
    made.mn.open(made.cn2, CALL)
    made.mn.open(made.cn1, mf.apps.Echo())
    made.run(3)
    (of_word,) = [flow for flow in made.mn.flows if flow.cn == made.cn1.address]
    made.mn.record(made.mn.flows.change(of_word, home_address=HOME.address(0x11)))
    arrived = made.mn.accept(made.cn1, mf.apps.FileTransfer(10_000))
    made.run(5)
    assert arrived.home_address == made.mn.primary_home_address != of_word.home_address
    assert arrived.running is not None and arrived.running.is_complete


def test_a_word_is_for_the_flow_that_it_was_said_of() -> None:
    made = world(wire=False)
    made.run(5)
    made.mn.close(made.mn.open(made.cn1, CALL, local_port=6000, word="a"))
    other = made.mn.open(made.cn1, CALL, local_port=7000, word="a")
    assert made.mn.open(made.cn1, CALL, local_port=6000).id != other.id
