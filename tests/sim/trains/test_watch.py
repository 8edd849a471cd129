"""The watch: things are brought up to date before anybody reads them."""

from __future__ import annotations

from mipflow.sim.meter import Meter
from mipflow.sim.trains.watch import Watch


def test_a_watched_thing_is_settled_before_each_look_and_stays_what_it_is() -> None:
    looks: list[str] = []
    watch, meter, other = Watch(lambda: looks.append("look")), Meter(), Meter()
    watch.add(meter)
    assert isinstance(meter, Meter) and looks == []
    assert meter.sent == 0 and looks == ["look"]
    assert other.sent == 0 and looks == ["look"]
    watch.remove(meter)
    assert meter.sent == 0 and looks == ["look"] and type(meter) is Meter


def test_a_thing_is_watched_until_all_who_asked_have_said_so() -> None:
    looks: list[str] = []
    watch, meter = Watch(lambda: looks.append("look")), Meter()
    watch.add(meter)
    watch.add(meter)
    watch.remove(meter)
    assert meter.lost == 0 and looks
    watch.remove(meter)
    assert type(meter) is Meter


def test_only_the_named_attributes_are_looks_and_some_methods_are_none() -> None:
    looks: list[str] = []
    watch, meter = Watch(lambda: looks.append("look")), Meter()
    watch.add(meter, {"received"}, {"dropped": lambda self, packet, why: None})
    meter.dropped(None, "")  # type: ignore[arg-type]
    assert meter.sent == 0 and looks == []
    assert meter.received == 0 and looks == ["look"]
