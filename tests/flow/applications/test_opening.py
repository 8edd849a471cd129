"""Test how flows are opened and closed for applications, and what is refused."""

from __future__ import annotations

import pytest

import mipflow as mf
from mipflow.errors import FunctionFailed, ProtocolMisuse, TopologyError
from mipflow.node.applications.application import Ends, Running
from tests.flow.worlds import CALL
from tests.mip6.worlds import world


def test_wrong_openings_are_refused() -> None:
    made = world(wire=False)
    with pytest.raises(ProtocolMisuse, match="is not a correspondent node"):
        made.mn.open("cn1", CALL)  # type: ignore[arg-type]
    with pytest.raises(ProtocolMisuse, match="is not a correspondent node"):
        made.mn.open(made.mn, CALL)
    with pytest.raises(ProtocolMisuse, match="no interface 'lan'"):
        made.mn.open(made.cn1, CALL, interface="lan")
    for interface in made.mn.interfaces.values():
        interface.set_up(False)
    with pytest.raises(TopologyError, match="no interface that is up"):
        made.mn.open(made.cn1, CALL)
    assert len(made.mn.flows) == 0


class Stillborn:
    """An application of a learner's that opens its sockets, means to send a second later, and fails."""

    protocol, port, name = "UDP", 5004, "stillborn"

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error or ZeroDivisionError()

    def start(self, ends: Ends) -> Running:
        near, _ = ends.udp()
        Running(ends).at(ends.clock.now + 1_000_000_000, lambda: near.send(b"late"))
        raise self.error


def test_an_application_that_does_not_start_as_a_running_is_refused() -> None:
    made = world(wire=False)
    app = Stillborn()
    app.start = lambda ends: ends  # type: ignore[assignment,method-assign,return-value]
    with pytest.raises(FunctionFailed, match=r"^your start\(\) gave Ends.*; expected a Running"):
        made.mn.open(made.cn1, app)
    assert len(made.mn.flows) == 0


class Endless(Running):
    def stop(self) -> None:
        raise GeneratorExit


def test_an_application_that_does_not_stop_is_closed_all_the_same() -> None:
    made = world(wire=False)
    app = Stillborn()
    app.start = lambda ends: Endless(ends)  # type: ignore[method-assign]
    flow = made.mn.open(made.cn1, app)
    with pytest.raises(FunctionFailed, match=r"^your stop\(\) raised GeneratorExit in line "):
        made.mn.close(flow)
    assert len(made.mn.flows) == 0 and not flow.is_open


def test_a_start_that_takes_nothing_is_refused_before_a_flow_begins() -> None:
    made, calm = world(wire=False), world(wire=False)
    app = Stillborn()
    app.start = lambda: None  # type: ignore[assignment,misc,method-assign]
    with pytest.raises(ProtocolMisuse, match="expected an application"):
        made.mn.open(made.cn1, app)
    assert made.run(3).trace.digest() == calm.run(3).trace.digest()


def test_a_port_that_another_has_stays_its_own() -> None:
    """The second application finds its port taken: the first goes on."""
    made = world(wire=False)
    first = made.mn.open(made.cn1, CALL, remote_port=7001)
    with pytest.raises(ProtocolMisuse, match="UDP port 7001 of CN1 is in use"):
        made.mn.open(made.cn1, CALL, remote_port=7001)
    made.run(4)
    assert first.stats.down.received > 90 and len(made.mn.flows) == 1


def test_an_application_that_cannot_start_leaves_no_flow_behind() -> None:
    made = world(wire=False)
    with pytest.raises(FunctionFailed, match=r"^your start\(\) raised ZeroDivisionError in line "):
        made.mn.open(made.cn1, Stillborn())
    with pytest.raises(KeyboardInterrupt):
        made.mn.open(made.cn1, Stillborn(KeyboardInterrupt()))
    assert len(made.mn.flows) == 0 and made.flows() == []
    made.run(5)
    assert len(made.mn.flows) == 0, "nor does what it meant to send begin one"
    made.mn.open(made.cn1, CALL, local_port=7000, remote_port=7001)
    with pytest.raises(ProtocolMisuse):
        made.mn.open(made.cn1, CALL, local_port=7000, remote_port=7001)
    assert len(made.mn.flows) == 1


def test_an_interface_that_is_down_is_refused_by_name_and_leaves_nothing_behind() -> None:
    made = world(wire=False)
    made.run(5)
    made.mn.interface("cell0").set_up(False)
    with pytest.raises(ProtocolMisuse, match="cell0 is down; choose another") as caught:
        made.mn.open(made.cn1, CALL, interface="cell0")
    assert caught.value.value == "cell0" and len(made.mn.flows) == 0


def test_a_second_flow_of_esp_on_one_spi_leaves_nothing_behind() -> None:
    made = world(wire=False)
    made.run(5)
    made.mn.open(made.cn1, mf.apps.Protected(), local_port=700)
    with pytest.raises(ProtocolMisuse, match="is flow 1 already"):
        made.mn.open(made.cn1, mf.apps.Protected(), local_port=700)
    assert len(made.mn.flows) == 1 and len(made.mn.home_addresses) == 1


def test_closing_takes_what_handing_over_takes() -> None:
    made = world(wire=False)
    made.run(5)
    one, two, three = (made.mn.open(made.cn1, CALL) for _ in range(3))
    made.mn.close(one)
    made.mn.close(two.id)
    made.mn.close(three.entry)
    assert len(made.mn.flows) == 0 and not two.is_open
    with pytest.raises(ProtocolMisuse, match="no flow 99"):
        made.mn.close(99)
    with pytest.raises(ProtocolMisuse, match="is no flow"):
        made.mn.close("two")  # type: ignore[arg-type]
