"""Somebody outside who writes packets with scapy, and the answers of a running world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet6 import HAO, MIP6MH_BA, MIP6MH_BU, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt

import mipflow as mf
from mipflow.errors import TopologyError, WireError
from mipflow.wire.address import Address

HA, HOME, CARE_OF = "2001:db8:100::7", "2001:db8:100::2a", "2001:db8:200::20"


def update(home: str = HOME, to: str = HA, **fields: Any) -> Any:
    fields = {"seq": 7, "flags": "HA", "mhtime": 15, **fields}
    return IPv6(src=CARE_OF, dst=to) / IPv6ExtHdrDestOpt(options=[HAO(hoa=home)]) / MIP6MH_BU(**fields)


def test_a_home_agent_answers_an_update_that_scapy_wrote() -> None:
    world = mf.plain_mobile_ipv6(seed=1).run(2)
    (answer,) = world.port("wlan0").send(update())
    assert repr(answer) == (
        "after 1.040 s: binding acknowledgement, status 0 (accepted), for 60 s, from 2001:db8:100::7"
    )
    assert answer.packet[MIP6MH_BA].seq == 7 and answer.t_s == pytest.approx(3.040, abs=1e-3) and world.now == 5
    binding = world.ha.bindings.get(Address(HOME))
    assert binding is not None and binding.expires_at_s == pytest.approx(63.02, abs=0.01)


def test_what_is_sent_to_the_home_address_comes_in_a_tunnel() -> None:
    world = mf.plain_mobile_ipv6(seed=1).run(2)
    you = world.port("wlan0")
    you.send(update())
    world.cn1.echo(1, Address(HOME)).send(1, b"x")
    world.run(1)
    (answer,) = you.send(update(seq=8, mhtime=0), 0)[:1] or you.answers[-1:]
    assert "echo request from 2001:db8:a::5 to 2001:db8:100::2a, in a tunnel to 2001:db8:200::20" in answer.name
    assert answer.packet.payload.haslayer(ICMPv6EchoRequest)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (update(home="2001:db8:200::2a"), "status 132 (not home subnet)"), (update(mhtime=0), "status 133"),
        (update(to="2001:db8:a::5"), "status 131 (home registration not supported)"),
        (update(to="2001:db8:200::1"), "ICMPv6 error"),
    ],
)  # fmt: skip
def test_answers_have_names(sent: Any, said: str) -> None:
    (answer,) = mf.plain_mobile_ipv6(seed=1).run(2).port("wlan0").send(sent)
    assert said in answer.name and "after 0." in repr(answer)


@pytest.mark.parametrize(
    "bad", [MIP6MH_BU(), 5, "x", b"", bytes(40), IPv6(dst=HA, hlim="x"), IPv6(dst=HA) / MIP6MH_BU(seq=10**9), IPv6]
)
def test_what_is_no_packet_is_refused_in_words(bad: Any) -> None:
    with pytest.raises(WireError, match=r"begins with IPv6\(\), or its octets"):
        mf.plain_mobile_ipv6(seed=1).port("wlan0").send(bad)


def test_octets_that_are_damaged_are_a_drop() -> None:
    world = mf.plain_mobile_ipv6(seed=1)
    assert world.port("cell0").send(bytes(update())[:50]) == [] and world.trace.drops()


def test_an_unknown_link_or_a_name_that_is_there() -> None:
    world = mf.plain_mobile_ipv6(seed=1)
    with pytest.raises(TopologyError, match="expected one of"):
        world.port("wlan9")
    with pytest.raises(TopologyError, match="differ"):
        world.port("wlan0", "MN")


def test_addresses_of_theirs_have_names_in_pictures(tmp_path: Path) -> None:
    world = mf.plain_mobile_ipv6(seed=1).run(2)
    world.further_names = {Address(HOME): "your H@", Address(CARE_OF): "your CoA"}
    world.port("wlan0").send(update())
    assert ("your H@", "your CoA") in {(r.get("home_address"), r.get("care_of_address")) for r in world.tables().rows()}
    assert "your H@" in world.animate(1.9).describe()
