"""The attack table, and what the RFCs say that it must be."""

from __future__ import annotations

import pytest

from mipflow.errors import ProtocolMisuse
from mipflow.lab.attacks import ATTACKS, DEFENCES, PLACES, attack, attack_table

EVERYWHERE = set(PLACES)
HOME_TOKEN_IN_CLEAR = {"HA-CN path", "CN's access", "home link"}
"""Where a home test passes unprotected, whatever the home agent does (RFC 4225 section 4.1.1)."""

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
    assert {place for place in PLACES if attack(what, place, defence)} == EXPECTED[what, defence]


def test_the_attack_table_says_in_words_and_rows_what_the_runs_came_to() -> None:
    picture = attack_table()
    assert len(picture.rows()) == len(ATTACKS) * len(DEFENCES)
    for row in picture.rows():
        assert {place for place in PLACES if row[place] == "succeeds"} == EXPECTED[row["attack"], row["defence"]]
    assert "flood, defence return routability: succeeds from CN's access." in picture.describe()


def test_an_unknown_attack_place_or_defence_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ProtocolMisuse, match="'the moon' is not known here; expected one of off the path"):
        attack("flood", "the moon", "none")
