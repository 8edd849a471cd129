"""The baselines beside the patent's method, against the abilities that the patent gives to each."""

from __future__ import annotations

from functools import cache

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.lab.studies import baselines
from mipflow.lab.studies.baselines import QUESTIONS, SCHEMES, Outcome

ask = cache(baselines.ask)
PLAIN, FIGURE_1, FIGURE_2 = SCHEMES
Asked = dict[str, Outcome]


def asked(question: str) -> Asked:
    return {scheme: ask(question, scheme) for scheme in SCHEMES}


def works(outcomes: Asked) -> set[str]:
    return {scheme for scheme, outcome in outcomes.items() if outcome.works}


def test_flows_to_two_correspondents_over_two_interfaces() -> None:
    """Page 3: one care-of address at a time means one interface for all; pages 4 and 7: Figure 1 has one for each
    correspondent.
    """
    outcomes = asked("flows to two correspondents over two interfaces")
    assert works(outcomes) == {FIGURE_1, FIGURE_2}
    assert {outcome.home_addresses for outcome in outcomes.values()} == {1}, "page 12: that one is free for the other"
    assert {outcome.updates for outcome in outcomes.values()} == {3}, "one to the home agent, one to each of two"


def test_flows_to_one_correspondent_over_two_interfaces() -> None:
    """Pages 4 and 6: not with Figure 1; page 7: Figure 2 is for that; page 8: by a second home address."""
    outcomes = asked("flows to one correspondent over two interfaces")
    assert works(outcomes) == {FIGURE_2}
    assert [outcomes[scheme].home_addresses for scheme in SCHEMES] == [1, 1, 2]
    assert outcomes[FIGURE_2].updates == 4, "page 10: both at the home agent, and both at the correspondent"


def test_one_of_several_flows_to_several_correspondents_moves_alone() -> None:
    """Page 3: in a vertical handover all move; page 4: with a correspondent each, Figure 1 is a simple means; page 10:
    one binding update is enough.
    """
    outcomes = asked("one of several flows to several correspondents moves alone")
    assert works(outcomes) == {FIGURE_1, FIGURE_2}
    assert [outcomes[scheme].moved for scheme in SCHEMES] == [2, 1, 1]
    assert outcomes[FIGURE_1].updates == outcomes[FIGURE_2].updates == 1


def test_one_of_several_flows_to_one_correspondent_moves_alone() -> None:
    """Pages 4 and 7: with Figure 1 all flows with a correspondent switch together; pages 10 and 13: with the patent
    one binding update moves one.
    """
    outcomes = asked("one of several flows to one correspondent moves alone")
    assert works(outcomes) == {FIGURE_2}
    assert [outcomes[scheme].moved for scheme in SCHEMES] == [3, 3, 1]
    assert outcomes[FIGURE_2].updates == 1


def test_all_flows_move_at_once() -> None:
    """Pages 2 and 3: the vertical handover of everything, by binding updates to the home agent and each correspondent.
    """
    outcomes = asked("all flows move at once")
    assert works(outcomes) == set(SCHEMES)
    assert {outcome.moved for outcome in outcomes.values()} == {3}
    bindings = {PLAIN: 1 + 2, FIGURE_1: 1 + 2, FIGURE_2: 2 + 3}
    assert {scheme: outcome.updates for scheme, outcome in outcomes.items()} == bindings, "home agent, correspondents"


def test_a_correspondents_flow_goes_over_the_preferred_interface() -> None:
    """Pages 4 and 7: it is bound at once to the care-of address that is preferred; plain Mobile IPv6 has one only."""
    assert works(asked("a correspondent's flow over the preferred interface, that to another stays")) == {
        FIGURE_1, FIGURE_2,
    }  # fmt: skip


def test_a_correspondents_flow_takes_those_of_its_binding_along() -> None:
    """Pages 4 and 7: with Figure 1 all flows with that correspondent still go over one interface; page 13: ours have
    another home address.
    """
    outcomes = asked("a correspondent's flow over the preferred interface, ours to it over the other")
    assert works(outcomes) == {FIGURE_2}
    assert outcomes[FIGURE_2].home_addresses == 2


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_lost_with_unchanged_peers_where_the_old_interface_stays_up(scheme: str) -> None:
    """Pages 5, 8 and 9: neither home agent nor correspondents are changed."""
    for question in QUESTIONS:
        outcome = ask(question, scheme)
        assert outcome.lost == 0 and outcome.peers_unchanged


def test_the_table_says_in_words_and_rows_what_the_runs_came_to() -> None:
    picture = mf.baseline_table()
    *rows, last = picture.rows()
    assert [row["asked"] for row in rows] == list(QUESTIONS)
    for row in rows:
        for scheme in SCHEMES:
            assert row[scheme] == str(ask(str(row["asked"]), scheme))
            assert str(row[scheme]).startswith("yes (" if ask(str(row["asked"]), scheme).works else "no (")
    assert [last[scheme] for scheme in SCHEMES] == ["yes"] * 3
    beginning = f"one of several flows to one correspondent moves alone, {FIGURE_1}: no (moved 3, updates 1, lost 0"
    assert beginning in picture.describe()


def test_another_seed_comes_to_the_same_verdicts() -> None:
    question = "one of several flows to one correspondent moves alone"
    assert [ask(question, scheme, 11).works for scheme in SCHEMES] == [False, False, True]


def test_an_unknown_question_or_scheme_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ProtocolMisuse, match="'two of three' is not known here; expected one of flows to two"):
        ask("two of three", FIGURE_1)
    with pytest.raises(ProtocolMisuse, match="'Figure 9' is not known here; expected one of plain Mobile IPv6"):
        ask("all flows move at once", "Figure 9")
