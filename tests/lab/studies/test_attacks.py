"""The attack table against the verdicts that follow from the RFCs."""

from __future__ import annotations

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.lab.studies.attackers import Liar
from mipflow.lab.studies.attacks import ATTACKS, DEFENCES, FLOOD, PLACES, attack, attack_table
from mipflow.wire.address import Address
from mipflow.wire.mobility import CareOfTest, HomeTest
from mipflow.wire.packet import Packet
from tests.mip6.octets import care_of_token, home_token

EVERYWHERE = set(PLACES)
HOME_TOKEN_IN_CLEAR = {"HA-CN path", "CN's access", "home link"}
"""Places that a home test passes unprotected, whatever the home agent does (RFC 4225 section 4.1.1)."""

EXPECTED = {
    # RFC 4225 section 3.1.1: without proof anybody steals any address.
    ("steal at the correspondent", "none"): EVERYWHERE,
    # RFC 6275 section 15.4.2: both tests must be seen. The care-of test comes to the attacker itself; the home test
    # passes between correspondent, home agent and, unless encrypted there (section 10.4.6), the mobile node.
    ("steal at the correspondent", "return routability"): HOME_TOKEN_IN_CLEAR | {"MN's access"},
    # RFC 6275 sections 10.4.6, 15.4.1: with ESP around it, the home test says nothing on the mobile node's access.
    ("steal at the correspondent", "return routability and ESP"): HOME_TOKEN_IN_CLEAR,
    # RFC 6275 sections 5.1, 15.3: the home agent believes only what comes under the home address's association.
    ("steal at the home agent", "return routability and ESP"): set(),
    # ESP between mobile node and home agent is not asked by who wants a flood, or repeats to a correspondent.
    ("flood", "return routability and ESP"): {"CN's access"},
    ("replay", "return routability and ESP"): set(),
    # RFC 4866 section 6.1: without the key that made it, nobody proves a home address, whatever tests he has seen.
    ("steal at the correspondent", "generated addresses"): set(),
    # RFC 4866 is about correspondents: for the home agent nothing changes.
    ("steal at the home agent", "generated addresses"): EVERYWHERE,
    # RFC 4866 sections 6.2, 6.3: what is early lasts as long as the credit; beyond it the care-of test must be seen.
    ("flood", "generated addresses"): {"CN's access"},
    ("replay", "generated addresses"): set(),
    # RFC 6275 section 15.3: return routability does not concern the home agent.
    ("steal at the home agent", "none"): EVERYWHERE,
    ("steal at the home agent", "return routability"): EVERYWHERE,
    # RFC 4225 section 3.2.1: without a care-of test anybody may be named as the receiver.
    ("flood", "none"): EVERYWHERE,
    # RFC 4225 section 4.1.2: the care-of test must be seen on its way from the correspondent to the victim.
    ("flood", "return routability"): {"CN's access"},
    # RFC 4225 section 3.1.6: what is to be replayed has to be heard first, where binding updates pass in clear.
    ("replay", "none"): {"MN's access", "CN's access"},
    # RFC 6275 section 9.5.3: nonces that a deleted binding used are not taken again.
    ("replay", "return routability"): set(),
}


@pytest.mark.parametrize("what", ATTACKS)
@pytest.mark.parametrize("defence", DEFENCES)
def test_an_attack_succeeds_where_rfc_4225_and_rfc_6275_section_15_say(what: str, defence: str) -> None:
    assert {place for place in PLACES if attack(what, place, defence).succeeds} == EXPECTED[what, defence]


def test_the_attack_table_says_in_words_and_rows_what_the_runs_came_to() -> None:
    picture = attack_table()
    assert len(picture.rows()) == len(ATTACKS) * len(DEFENCES)
    for row in picture.rows():
        assert {place for place in PLACES if row[place] == "succeeds"} == EXPECTED[row["attack"], row["defence"]]
    assert "flood, defence return routability: succeeds from CN's access." in picture.describe()


def test_an_unknown_attack_place_or_defence_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ProtocolMisuse, match="'the moon' is not known here; expected one of off the path"):
        attack("flood", "the moon", "none")
    with pytest.raises(ProtocolMisuse, match="'CN7' is not known here; expected one of CN2, Laptop, Printer"):
        attack("flood", "home link", "none", victim="CN7")


@pytest.mark.parametrize("seed", range(5))
def test_stealing_at_a_home_agent_that_asks_for_no_proof_needs_no_luck(seed: int) -> None:
    """It succeeds with any first sequence number (RFC 6275 section 9.5.1)."""
    assert attack("steal at the home agent", "off the path", "none", seed).succeeds


ESP = "return routability and ESP"
HELD = {
    # The care-of address of a theft is the attacker's own, and the home address of a flood.
    ("steal at the correspondent", "off the path", ESP, "CN2"): {"care-of"},
    ("steal at the correspondent", "MN's access", ESP, "CN2"): {"care-of"},
    ("steal at the correspondent", "MN's access", "return routability", "CN2"): {"home", "care-of"},
    ("steal at the correspondent", "HA-CN path", ESP, "CN2"): {"home", "care-of"},
    ("flood", "MN's access", ESP, "CN2"): {"home"},
    ("flood", "MN's access", ESP, "Laptop"): {"home", "care-of"},
    ("flood", "HA-CN path", ESP, "Laptop"): {"home"},
    ("flood", "HA-CN path", ESP, "Printer"): {"home", "care-of"},
    ("flood", "CN's access", ESP, "Printer"): {"home", "care-of"},
}  # fmt: skip


@pytest.mark.parametrize(("case", "kinds"), HELD.items(), ids=[" ".join(case) for case in HELD])
def test_an_attack_gives_back_its_world_and_the_tokens_that_the_attacker_came_by(
    case: tuple[str, str, str, str], kinds: set[str]
) -> None:
    what, place, defence, victim = case
    made = attack(what, place, defence, 1, victim=victim)
    assert made.held.keys() == kinds and made.succeeds is (len(kinds) == 2)
    assert isinstance(made.attacker, Liar)
    nonces = made.world.cn1.nonces
    for held in made.attacker.tokens:
        message = next(hop.packet.payload for hop in made.world.trace if _answers(hop.packet, held.address))
        kind = home_token if held.kind.value == "home" else care_of_token
        assert message.keygen_token == kind(nonces.node_key, held.address.packed, nonces.nonce(message.nonce_index))
        assert (held.how == "guessed") is (held.kind.value not in kinds)
    begins_s = 6 if what.startswith("steal") else 4
    assert all(begins_s < since_s < begins_s + 0.1 for since_s in made.held.values()), "when it came first"


def _answers(packet: Packet, address: Address) -> bool:
    return packet.destination == address and isinstance(packet.payload, HomeTest | CareOfTest)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", ["steal at the correspondent", "flood"])
def test_an_attacker_that_lies_at_once_is_believed_where_nobody_asks_for_proof(what: str, place: str) -> None:
    made = attack(what, place, "none", tests=False)
    assert made.succeeds and not made.held
    assert not attack(what, place, "return routability", tests=False).succeeds


def test_a_mobile_node_takes_its_row_back_from_who_lied_once() -> None:
    made = attack("steal at the correspondent", "off the path", "none", tests=False)
    (binding,) = made.world.cn1.bindings
    assert binding.care_of_address == made.world.mn.care_of_address("wlan0")


def test_attacker_victim_and_stream_have_names() -> None:
    world = attack("flood", "CN's access", ESP, victim="Laptop").world
    assert {"Attacker's address", "Laptop's address"} <= {*world.names().values()}
    assert world.flow_names() == {FLOOD: "stream"}
    with pytest.raises(ProtocolMisuse, match="there is no flow 999"):
        world.listen(FLOOD)
    told = world.animate(3.9, 4.3).describe()
    assert "CN1 now knows that the Attacker's address is at the Laptop's address" in told
    assert "stream: between others throughout" in told


def test_a_film_says_what_the_attacker_hears_receives_and_guesses() -> None:
    told = attack("steal at the correspondent", "MN's access", ESP).world.animate(5.9, 6.54).describe()
    for sentence in (
        "6.000 s: Attacker hears all that passes on the WLAN",
        "Attacker receives the care-of token of the Attacker's address",
        "6.500 s: Attacker does not hear the home token of H@1, and guesses it",
    ):  # fmt: skip
        assert sentence in told
    assert "Attacker overhears the home token of H@1" in attack(
        "steal at the correspondent", "HA-CN path", ESP).world.animate(5.9, 6.1).describe()
