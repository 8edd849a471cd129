"""The abilities of single attackers; tests/lab/studies/test_attacks.py has the table of their successes."""

from __future__ import annotations

from typing import Any

import mipflow as mf
from mipflow.lab.studies.attackers import Liar, Replayer
from mipflow.lab.world import World
from mipflow.sim.link import Link
from mipflow.sim.trace import Dropped, TableChanged
from mipflow.wire.address import Prefix
from tests.mip6.octets import care_of_token, home_token
from tests.mip6.worlds import messages, world

PREFIX = Prefix.parse("2001:db8:bad::/64")


def with_attacker(node: Any, **keywords: Any) -> tuple[World, Any, mf.Address]:
    """Make a world with a bound flow and an attacker on a link of its own; return the flow's home address too."""
    made = world(**keywords)
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(5)
    segment = made.network.add_segment("mallory", Link(delay_ms=5), PREFIX)
    made.internet.serve(segment)
    attacker = node(made)
    attacker.settle(segment, 0x666)
    assert flow.home_address is not None
    return made, attacker, flow.home_address


def liar(made: World) -> Liar:
    return Liar(made.network, "Mallory", address=PREFIX.address(0x666))


def believed(made: World) -> list[str]:
    """List the care-of addresses that CN1's binding cache has held, in order."""
    changes = [r.change.after for r in made.trace.records if isinstance(r, TableChanged) and r.node == "CN1"]
    return [str(after["care_of_address"]) for after in changes if after is not None]


def test_a_liar_without_ears_sends_a_binding_update_that_its_guesses_prove_to_nobody() -> None:
    made, attacker, home = with_attacker(liar)
    attacker.claim(made.cn1.address, home, attacker.address)
    made.run(5)
    updates = [message for message in messages(made, "Mallory") if message.name == "BU"]
    assert updates and all(message.home == home.packed for message in updates)
    assert believed(made) == [str(made.mn.care_of_address("wlan0"))]
    # Wrong nonce indices are told (section 9.5.4), a wrong authenticator is not (section 9.5.1).
    told = [m.status for m in messages(made, "CN1") if m.name == "BA" and m.destination == attacker.address.packed]
    silent = [r for r in made.trace.records if isinstance(r, Dropped) and "authorization data" in r.reason]
    assert set(told) <= {136, 137, 138} and len(told) + len(silent) == len(updates)


def test_a_liar_with_ears_on_the_access_link_proves_its_update_with_both_overheard_tokens() -> None:
    made, attacker, home = with_attacker(liar)
    attacker.listen(made.network.segments["wlan0"])
    attacker.claim(made.cn1.address, home, attacker.address)
    made.run(3)
    # The mobile node gets its binding back: its next packets are answered by a binding error (section 11.3.6).
    true = str(made.mn.care_of_address("wlan0"))
    assert believed(made) == [true, str(attacker.address), true]
    update = next(message for message in messages(made, "Mallory") if message.name == "BU")
    nonces = made.cn1.nonces
    key, (first, second) = nonces.node_key, update.indices
    tokens = {message.token for message in messages(made, "CN1", since_s=5) if message.name in ("HoT", "CoT")}
    assert home_token(key, home.packed, nonces.nonce(first)) in tokens
    assert care_of_token(key, attacker.address.packed, nonces.nonce(second)) in tokens


def test_a_replayer_sends_what_it_recorded_octet_for_octet() -> None:
    made, attacker, _ = with_attacker(lambda made: Replayer(made.network, "Mallory"))
    attacker.listen(made.network.segments["wlan0"])
    flow = made.mn.open(made.cn1, mf.apps.Voice())
    made.run(3)
    assert flow.home_address is not None
    assert attacker.replay(made.cn1.address) == 1
    made.run(1)
    sent = [m for m in messages(made, "MN", since_s=5) if m.name == "BU" and m.destination == made.cn1.address.packed]
    again = [message for message in messages(made, "Mallory") if message.name == "BU"]
    assert [message.octets for message in again] == [message.octets for message in sent]
