"""Tables that a learner's function is given: it may look at them, and no more."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.flow.learner.read_only import CHANGING, read_only
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressEntry, HomeAddressTable
from mipflow.lab.world import World
from tests.mip6.worlds import world

CALL = mf.apps.Voice()
READING = set(
    "as_one check_free collide entered find free get given_back groups_in_the_way kept listed name named "
    "of_binding of_correspondent of_group of_home_address of_pair primary sharing taken takes_tunnel used "
    "used_with".split()
)


def _set(name: str, value: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda flow, homes=None, flows=None: setattr(flow, name, value(homes))


OF_THE_FLOW: dict[str, Callable[..., Any]] = {
    "home_address": _set("home_address", lambda homes: None if homes is None else homes.primary),
    "cn": _set("cn", lambda homes: None),
    "interface": _set("interface", lambda homes: "zz"),
    "flow_information": _set("flow_information", lambda homes: None),
    "ready": lambda flow, homes=None, flows=None: delattr(flow, "ready"),
}
OF_TABLES: dict[str, Callable[..., Any]] = {
    "flows.remove": lambda flow, homes, flows: flows.remove(flow.flow_id),
    "flows.change": lambda flow, homes, flows: flows.change(flow, home_address=homes.primary),
    "all flows": lambda flow, homes, flows: [setattr(each, "home_address", None) for each in flows],
    "a flow by id": lambda flow, homes, flows: setattr(flows[1], "cn", None),
    "a flow by get": lambda flow, homes, flows: setattr(flows.get(1), "cn", None),
    "flows of a pair": lambda flow, homes, flows: setattr(flows.of_pair(homes.primary, flow.cn)[0], "cn", None),
    "flows of a home": lambda flow, homes, flows: setattr(
        next(flows.of_home_address(homes.primary)), "home_address", None
    ),
    "homes.add": lambda flow, homes, flows: homes.add(homes.primary),
    "homes.lead": lambda flow, homes, flows: homes.lead(homes.primary, None),
    "an entry": lambda flow, homes, flows: setattr(next(iter(homes)), "care_of_address", None),
    "a free entry": lambda flow, homes, flows: setattr(next(reversed(homes)), "home_address", None),
    "kept": lambda flow, homes, flows: homes.kept.clear(),
    "kept by key": lambda flow, homes, flows: homes.kept.__setitem__("mine", homes.primary),
    "used": lambda flow, homes, flows: flows.used.clear(),
    "inside": lambda flow, homes, flows: homes._entries.clear(),
    "an attribute": lambda flow, homes, flows: setattr(flows, "as_one", True),
    "conversations": lambda flow, homes, flows: flow.conversations.clear(),
}


def state(made: World) -> list[object]:
    """Return all tables, and all of every flow, but for the third one's refusal."""
    tables = made.trace.tables(made.network.clock.now)
    tables["MN"]["flow mapping table"].pop("3", None)
    flows = [(repr(flow), flow.conversations) for flow in made.mn.flows if flow.flow_id != 3]
    return [tables, flows, [repr(entry) for entry in made.mn.home_addresses], made.mn.home_addresses.kept]


@pytest.mark.parametrize("caught", [False, True])
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *(("assign", each) for each in [*OF_THE_FLOW, *OF_TABLES]),
        *((name, each) for name in ("together", "is_for") for each in OF_THE_FLOW),
    ],
)
def test_a_function_that_changes_what_it_is_given_changes_nothing_and_is_told(
    name: str, changes: str, caught: bool
) -> None:
    trouble: list[bool] = []

    def learners(*arguments: Any) -> Any:
        if trouble and not trouble[0]:
            (OF_THE_FLOW | OF_TABLES)[changes](*arguments)
        elif trouble:
            with pytest.raises((ProtocolMisuse, AttributeError)):
                (OF_THE_FLOW | OF_TABLES)[changes](*arguments)
        return False if name == "is_for" else None

    rules = mf.AssignmentRules(together=learners) if name == "together" else None
    made = world(wire=False, rules=rules, assign=learners if name == "assign" else None).run(5)
    if name == "is_for":
        made.mn.keep_home_address("mine", learners)
    calls = [made.mn.open(made.cn1, CALL, interface="cell0") for _ in range(2)]
    made.run(4)
    if name == "assign":  # there is a pair to look up
        made.mn.flows.change(calls[0].entry, home_address=made.mn.primary_home_address)
    trouble.append(caught)
    before = state(made)
    third = made.mn.open(made.cn1, CALL)
    if caught:
        assert not third.refused
    else:
        assert third.refused.startswith(f"your {name}() raised ") and "\n" not in third.refused
        told = "AttributeError" if changes in ("conversations", "inside") else "cannot be changed here ("
        assert told in third.refused
        assert "AttributeError" in told or "return your answer instead" in third.refused
        assert state(made) == before
    trouble.clear()
    made.run(1)
    for each in (*calls, third):
        made.mn.close(each)
    assert len(made.mn.flows) == 0


def test_a_policy_and_an_allocate_have_lists_of_their_own() -> None:
    def policy(flow: Any, networks: Any) -> None:
        networks.clear()

    def allocate(prefix: Any, taken: Any) -> Any:
        taken.sort()
        return mf.Address(taken.pop() + 1)

    made = world(wire=False, policy=policy, allocate=allocate).run(5)
    calls = [made.mn.open(made.cn1, CALL) for _ in range(3)]
    made.run(3)
    assert [call.interface for call in calls] == ["wlan0"] * 3 and not any(call.refused for call in calls)
    assert len({call.home_address for call in calls}) == 3


def test_a_view_answers_as_what_it_shows() -> None:
    made = world(wire=False).run(5)
    calls = [made.mn.open(made.cn1, CALL) for _ in range(3)]
    made.run(2)
    homes, flows = made.mn.home_addresses, made.mn.flows
    entry = flows[2]
    flow, seen_homes, seen = read_only((entry, homes, flows))
    assert isinstance(flow, FlowMappingEntry) and isinstance(seen, FlowMappingTable)
    assert isinstance(seen_homes, HomeAddressTable) and isinstance(next(iter(seen_homes)), HomeAddressEntry)
    assert flow is seen[2] is seen.get(2) is list(seen)[1] and flow is not seen[1]
    assert [each for each in seen if each is not flow] == [flows[1], flows[3]]
    assert len(seen) == 3 and 2 in seen and 9 not in seen and seen and seen.get(9) is None
    assert flow == entry and repr(flow) == repr(entry) and flow.row() == entry.row()
    assert seen_homes.primary == homes.primary in seen_homes
    assert [each.home_address for each in reversed(seen_homes)] == [each.home_address for each in reversed(homes)]
    assert seen.sharing(flow) == flows.sharing(entry) and seen.collide(flow, seen[1]) is flows.collide(entry, flows[1])
    assert (homes.primary in seen.used) is (homes.primary in flows.used)
    assert list(seen.used_with(entry.cn)) == list(flows.used_with(entry.cn))
    assert flow.conversations == entry.conversations
    assert made.mn.redirector.assign(flow, seen_homes, seen) == made.mn.redirector.assign(entry, homes, flows)
    with pytest.raises(ProtocolMisuse, match="there is no flow 9"):
        seen[9]
    assert calls[1].entry is entry


@pytest.mark.parametrize("table", [HomeAddressTable(mf.Address("2001:db8::1")), FlowMappingTable()])
def test_every_public_name_of_a_table_is_known_to_read_or_to_change(table: Any) -> None:
    names = {name for name, _ in inspect.getmembers(table) if not name.startswith("_")}
    assert names <= READING | CHANGING and not READING & CHANGING
