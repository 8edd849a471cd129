"""The watch: things are brought up to date before anybody reads them."""

from __future__ import annotations

from types import SimpleNamespace

from mipflow.sim.meter import Meter
from mipflow.sim.trains.watch import Watch


class Counter:
    """A thing without slots."""

    def __init__(self) -> None:
        self.count = 1


def test_a_watched_attribute_is_settled_before_each_look_and_all_else_stays_as_it_is() -> None:
    looks: list[str] = []
    watch, meter, other = Watch(lambda: looks.append("look"), lambda: 0), Meter(), Meter()
    watch.add(meter, ["sent"])
    meter.sent = 7
    assert isinstance(meter, Meter) and looks == []
    assert meter.sent == 7 and looks == ["look"]
    assert meter.received == 0 and other.sent == 0 and looks == ["look"]
    watch.remove(meter, ["sent"])
    assert meter.sent == 7 and looks == ["look"] and type(meter) is Meter


def test_an_attribute_is_watched_until_all_who_asked_have_said_so() -> None:
    looks: list[str] = []
    watch, thing = Watch(lambda: looks.append("look"), lambda: 0), Counter()
    watch.add(thing, ["count"])
    watch.add(thing, ["count"])
    watch.remove(thing, ["count"])
    assert thing.count == 1 and looks == ["look"]
    thing.count += 1
    watch.remove(thing, ["count"])
    assert thing.count == 2 and type(thing) is Counter and looks == ["look", "look"]


def test_nothing_is_settled_before_it_can_be_late() -> None:
    looks: list[str] = []
    clock = SimpleNamespace(now=0)
    watch, meter = Watch(lambda: looks.append("look"), lambda: clock.now), Meter()
    watch.add(meter, ["received"], 10)
    assert meter.received == 0 and looks == []
    clock.now = 10
    assert meter.received == 0 and looks == ["look"]
    watch.remove(meter, ["received"], 10)
