"""Rules that hold in every history of a world: drawn at random, checked in the trace at every instant.

Each history is a script of steps over several correspondents. A failure prints it as Python, with what every step did.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.flow.tables import FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE
from mipflow.lab.scenarios import HOME, MOBILE_NODE
from mipflow.sim.trace import Row
from mipflow.wire.address import Address
from tests.flow.histories import (
    ACCESS,
    ASSOCIATIONS,
    BINDING_CACHE,
    BINDING_UPDATES,
    CEASED,
    TESTS,
    Close,
    Free,
    HandOver,
    History,
    Incoming,
    Lose,
    Open,
    Script,
    Send,
    Step,
    Turn,
    TurnOff,
    Use,
    Visit,
    Wait,
    begin,
    changes,
    homes,
    instants,
    most_with_one,
    one_cn,
    play,
    sharing,
    updates_sent,
    uses,
)

PRIMARY = str(HOME.address(MOBILE_NODE))
INTERFACES = st.sampled_from(["wlan0", "cell0"])
LINKS = st.sampled_from([*ACCESS, "home", "cn1", "cn2", "AR2-Internet", "AR3-Internet", "Internet-HA"])
WHICH = st.integers(0, 9)
PAUSES_S = st.one_of(st.integers(1, 50).map(lambda ms: ms / 1000), st.sampled_from([0.05, 0.3, 1.1, 2.5, 5.0]))
"""Pauses in seconds: within a way or a round trip, within a test, about the time of a duplicate address detection, of a
hold-down, and longer.
"""
FREED_AFTER_S = 5.0
"""Seconds from the close of the last flow to the last acknowledgement, where everything is up."""
TOKENS_END_S = 215
"""Seconds after which no token is left."""


@st.composite
def scripts(draw: st.DrawFn, most: int = 60, disturbed: bool = True, **fixed: object) -> Script:
    """Draw a script; values that are `fixed` are not drawn. `disturbed`: interfaces go, and correspondents change."""
    cns = draw(st.integers(2, 3))
    values: dict[str, Any] = {
        "mode": draw(st.sampled_from(["route_optimisation", "route_optimisation", "tunnel"])),
        "method": draw(st.sampled_from(["combined", "combined", "combined", "home address per flow"])),
        "optimistic": draw(st.booleans()), "never_primary": draw(st.booleans()), "grouping": draw(st.booleans()),
        "pool": draw(st.integers(0, 1)), "hold_down_s": draw(st.sampled_from([0.0, 2.0])), "cns": cns,
        "hosts": ("CN3",) if cns == 3 and draw(st.booleans()) else (),
    }  # fmt: skip
    values |= fixed
    cn = st.integers(0, cns - 1)
    opened = st.builds(Open, cn, st.none() | INTERFACES, st.booleans() if values["grouping"] else st.just(False))
    usual = st.one_of(
        opened, opened, opened, st.builds(Close, WHICH), st.builds(Incoming, cn, st.booleans()),
        st.builds(HandOver, WHICH, INTERFACES),
    )  # fmt: skip
    unusual = st.one_of(
        st.builds(Turn, INTERFACES, st.booleans()), st.builds(Free, WHICH), st.builds(TurnOff, cn)
    ) if disturbed else usual  # fmt: skip
    step: st.SearchStrategy[Step] = st.one_of(usual, usual, unusual, st.builds(Wait, PAUSES_S))
    return Script(tuple(draw(step) for _ in range(draw(st.integers(0, most)))), **values)


# --- what holds at every instant -------------------------------------------------------------------------------------


def tables_are_those_of_the_trace(history: History) -> None:
    """Check that the state of the nodes is the replay of the changes, so that checks of the trace are checks of the
    nodes.
    """
    world, replayed = history.world, history.tables
    mn = world.mn
    real: dict[str, dict[str, Row]] = {
        HOME_ADDRESS_TABLE: {str(h.home_address): h.row() for h in mn.home_addresses},
        FLOW_MAPPING_TABLE: {str(f.flow_id): f.row() for f in mn.flows},
        BINDING_UPDATES: {f"{e.home_address} at {e.peer}": e.row() for e in mn.binding_updates},
    }
    for table, rows in real.items():
        history.require(replayed["MN"].get(table, {}) == rows, history.now, f"{table} is {rows}")
    order = list(real[HOME_ADDRESS_TABLE])
    history.require(homes(replayed) == order, history.now, f"home addresses are not in their order: {order}")
    for node in (world.ha, *world.cns):
        if node.name not in history.script.hosts:
            cache = {str(b.home_address): b.row() for b in node.bindings}
            history.require(replayed.get(node.name, {}).get(BINDING_CACHE, {}) == cache, history.now, f"{cache}")


def no_two_flows_share(history: History) -> None:
    """No two flows whose address the mobile node chose share (home address, CN), or a home address where the rules give
    each flow its own; unless the rules say so by the name of a group. When a flow gets its address, what counts as one
    CN (`one_cn`) is one; later it may cease to optimise, and share a home binding with flows that it did not choose.
    """
    before: set[Use] = set()
    for moment in instants(history.world):
        if not moment.touches(FLOW_MAPPING_TABLE):
            continue
        chosen = [use for use in uses(moment.tables) if use.flow in history.assigned]
        for use in chosen:
            is_barred = history.script.never_primary and use.home == PRIMARY
            history.require(not is_barred, moment.t_ns, f"flow {use.flow} has the primary, which is barred")
            cn = one_cn(history.script, moment.tables, use.cn)
            for other in chosen:
                is_same = use.cn == other.cn or cn == one_cn(history.script, moment.tables, other.cn)
                counts = use.home == other.home and is_same and not (use in before and other in before)
                share = counts and use is not other and not {use.flow, other.flow} <= history.grouped
                history.require(not share, moment.t_ns, f"flows {other.flow} and {use.flow} share {use.home}")
        before = set(chosen)


def the_primary_is_never_freed(history: History) -> None:
    """Check that the primary is the first of the table and stays, and that the home agent is never asked to let go of
    it.
    """
    at_home = f"{PRIMARY} at {history.world.ha.home_agent_address}"
    was_bound = False
    for t_ns, state, _ in changes(history.world):
        history.require(homes(state)[:1] == [PRIMARY], t_ns, f"the primary is not the first of {homes(state)}")
        asked = state["MN"].get(BINDING_UPDATES, {}).get(at_home, {}).get("state") == "de-registering"
        history.require(not asked, t_ns, "the primary is being de-registered at home")
        is_bound = PRIMARY in state.get("HA", {}).get(BINDING_CACHE, {})
        history.require(is_bound or not was_bound, t_ns, "the home agent has let go of the primary")
        was_bound = is_bound


def the_number_of_home_addresses(history: History) -> None:
    """At every change: all addresses in use are in the home address table, which has as many lines at least as there
    are distinct ones in use with one correspondent. Its peak is that number's peak, or 1.

    What counts as one correspondent, `one_cn` says: each that optimises just then, and all others together.

    Counted apart: what is being freed, which has left the table; of a pool, as many unused ones as its size. One that
    is held down counts, and is no reason for more, since none is allocated before it is taken. Where the primary is
    barred, the peak is one more than that of the others; a pool offers others first, so there it may be one more.
    """
    script, most_homes, most_used = history.script, 1, 1
    barred = PRIMARY if script.never_primary else ""
    for moment in changes(history.world):
        if not moment.touches(FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE, BINDING_UPDATES):
            continue
        table, used = homes(moment.tables), {use.home for use in uses(moment.tables)}
        with_one = most_with_one(script, moment.tables)
        history.require(used <= set(table), moment.t_ns, f"{used} are in use, but the table is {table}")
        history.require(len(table) >= max(with_one, 1), moment.t_ns, f"{table} for {with_one} in use with one")
        unused = [home for home in table if home not in used and home != PRIMARY]
        most_homes = max(most_homes, len(table) - min(script.pool, len(unused)))
        most_used = max(most_used, most_with_one(script, moment.tables, barred) + bool(barred))
    wanted = range(most_used, most_used + (2 if script.pool else 1))
    history.require(most_homes in wanted, history.now, f"{most_homes} home addresses at most, for {most_used} in use")


RANKS = {"CN": 0, "HA": 1, "MN": 2}
"""The order of lines about a freed address: the correspondents', the home agent's, the mobile node's."""


def freed_addresses_are_gone(history: History, but_for: frozenset[tuple[str, str]] = frozenset({("MN", TESTS)})) -> int:
    """Gives the number of freed addresses, each freed once. De-registered at its correspondents first, then at home;
    from the last answer (or expiry) on, which takes its last line out of the binding update list, nobody has a line
    about it: no cache, no security association at either end, no table of the mobile node.

    `but_for`: (node, table) where lines may be. A home token lasts for MAX_TOKEN_LIFETIME, though it is for nobody.
    """
    lines: dict[str, dict[tuple[str, str, str], None]] = {}
    ranks: dict[str, list[int]] = {}
    for t_ns, _, changed in instants(history.world):
        touched = set()
        for node, change in [(each.node, each.change) for each in changed]:
            for row in filter(None, (change.before, change.after)):
                address = str(row.get("home_address", row.get("address")))
                touched.add(address)
                known = lines.setdefault(address, {})
                known[node, change.table, change.key] = None
                if change.after is None:
                    del known[node, change.table, change.key]
            if change.table == HOME_ADDRESS_TABLE and change.after is None:
                history.require(change.key not in ranks, t_ns, f"{change.key} is freed twice")
                ranks[change.key] = []
            elif change.table in (BINDING_CACHE, ASSOCIATIONS) and change.after is None and change.key in ranks:
                ranks[change.key].append(RANKS["MN" if change.table == ASSOCIATIONS else node[:2]])
        for address in touched & set(ranks):
            where = {(node, table) for node, table, _ in lines[address]}
            if ("MN", BINDING_UPDATES) not in where:
                history.require(where <= but_for, t_ns, f"{address} is free, but {where} know it")
            history.require(ranks[address] == sorted(ranks[address]), t_ns, f"{address} goes in order {ranks[address]}")
    for address in ranks:
        where = {(node, table) for node, table, _ in lines[address]}
        history.require(where <= but_for, history.now, f"{address} is still at {where}")
        history.require(Address(address) not in history.world.mn.own_home_addresses, history.now, f"{address} is ours")
    return len(ranks)


def everything_came_to_rest(history: History) -> None:
    """After all that, each open flow is bound where it was selected to be, by its correspondent or by the home agent,
    the tables say so, and nothing more is sent about it. The flow of an invitation that nobody answered any more stays
    until it has been silent for long; what its correspondent has forgotten, it does not hear.
    """
    history.settle()
    state, world = history.tables, history.world
    names, is_open = {str(cn.address): cn.name for cn in world.cns}, {str(flow.id) for flow in history.flows}
    for flow, row in state["MN"].get(FLOW_MAPPING_TABLE, {}).items():
        if flow not in is_open:
            continue
        care_of, cn = row["care_of_address"], str(row["cn"])
        is_optimised = history.script.mode == "route_optimisation" and cn not in state["MN"].get(CEASED, {})
        where, column = (names[cn], "registered_at_cn") if is_optimised else ("HA", "registered_at_ha")
        binding = state.get(where, {}).get(BINDING_CACHE, {}).get(str(row["home_address"]), {})
        agree = care_of is not None and binding.get("care_of_address") == row[column] == care_of
        history.require(agree, history.now, f"flow {flow} is {row}, but {where} has {binding}")
    for home, row in state["MN"][HOME_ADDRESS_TABLE].items():
        at_home = state["HA"][BINDING_CACHE].get(home, {}).get("care_of_address")
        history.require(row["care_of_address"] == at_home is not None, history.now, f"{row}, but HA has {at_home}")
    wishes_are_honoured(history)
    now, since = history.now, sum(1 for _ in world.trace.changes())
    world.run(3)
    later = list(world.trace.changes())[since:]
    history.require(not later, history.now, f"there is no rest: {later[:3]}")
    history.require(not updates_sent(world, now), history.now, "there is no rest: binding updates go on")


def wishes_are_honoured(history: History) -> None:
    """All flows of a binding are in one place: where the earliest of them was asked to be of which anything was asked.
    No wish is lost: what was asked of a flow it still asks for, but where that network has failed.
    """
    over = {int(key): row["interface"] for key, row in history.tables["MN"].get(FLOW_MAPPING_TABLE, {}).items()}
    asked = {flow.flow_id: flow.requested for flow in history.world.mn.flows}
    for flow, interface in over.items():
        wish = history.wishes.get(flow)
        history.require(wish in (None, asked[flow]), history.now, f"flow {flow} asks for {asked[flow]}, not {wish}")
        together = sorted(sharing(history.script, history.tables, flow))
        places = {over[other] for other in together}
        history.require(len(places) == 1, history.now, f"flows {together} of one binding are over {places}")
        first = next(filter(None, (asked[other] for other in together)), interface)
        history.require(interface == first, history.now, f"flow {flow} is over {interface}, but the first asks {first}")


def check(script: Script) -> History:
    """Play a script to its end, where every flow is closed, and check all of it."""
    history = play(script, tables_are_those_of_the_trace)
    everything_came_to_rest(history)
    while history.flows:
        history.do(Close(0))
    history.world.run(FREED_AFTER_S + script.hold_down_s)
    tables_are_those_of_the_trace(history)
    no_two_flows_share(history)
    the_primary_is_never_freed(history)
    the_number_of_home_addresses(history)
    freed_addresses_are_gone(history)
    left = [home for home in homes(history.tables) if home != PRIMARY]
    history.require(len(left) <= script.pool, history.now, f"{left} are left over")
    return history


@given(scripts())
@settings(max_examples=400)
@pytest.mark.slow
def test_what_holds_in_every_history(script: Script) -> None:
    check(script)


@given(scripts(most=16, security=True, mode="route_optimisation"))
@settings(max_examples=40)
@pytest.mark.slow
def test_with_ip_security_the_associations_of_freed_addresses_go_too(script: Script) -> None:
    check(script)


FOUND = {
    "a call over the tunnel is bound at home where it was selected to be": Script(
        (Open(0), Open(0), Incoming(2, True), Turn("wlan0", False), Wait(0.05)), hosts=("CN3",)
    ),
    "late packets to an address that is being freed begin no flow": Script((
        Open(0), Open(0), Close(0), Close(0), Wait(0.1), Open(0), Open(0), Incoming(0, True), Open(0), Close(0),
        Close(0), Wait(1.1), Open(0), Open(0), Close(0), Incoming(0),
    ), cns=2, security=True),
    "a pool does not undo sharing": Script(
        (Open(0), Wait(2.5), Open(1), Wait(2.5), Open(2), Wait(2.5), Open(0)), pool=1
    ),
    "two flows that come to share a home binding do not pull it to and fro": Script(
        (Open(0), Wait(2.5), Open(1), Wait(5), HandOver(1, "cell0"), Wait(5), TurnOff(0), TurnOff(1), Wait(5))
    ),
    "two calls are redirected at once": Script((Incoming(0, True), Incoming(0, True), Wait(5))),
    "a flow of a group takes no other flow's binding": Script(
        (Open(0), Wait(2.5), Open(1, None, True), Wait(2.5), Open(0, None, True)), grouping=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("optimistic", [True, False])
@pytest.mark.parametrize("name", FOUND)
def test_a_history_that_was_found(name: str, optimistic: bool) -> None:
    check(replace(FOUND[name], optimistic=optimistic))


@pytest.mark.parametrize("method", ["care-of address per flow", "one care-of address"])
def test_with_one_home_address_for_all_there_is_one(method: Any) -> None:
    """Figure 1 and plain Mobile IPv6 have flows share it, because the rules say so."""
    script = (Open(0), Open(0), Open(1), Wait(1.1), HandOver(1, "cell0"), Wait(1.1), Close(0), Incoming(1), Wait(1.1))
    history = play(Script(script, method=method), tables_are_those_of_the_trace)
    everything_came_to_rest(history)
    the_primary_is_never_freed(history)
    assert all(homes(moment.tables) == [PRIMARY] for moment in changes(history.world))
    assert len({(use.home, use.cn) for use in uses(history.tables)}) < len(uses(history.tables)) == 3


def test_no_token_of_a_freed_address_is_left_in_the_end() -> None:
    history = play(Script((Open(0), Open(0), Open(0), Open(1), Wait(5), Close(0), Close(0), Close(0), Close(0))))
    history.world.run(TOKENS_END_S)
    assert freed_addresses_are_gone(history) == 2
    final = list(instants(history.world))[-1].tables
    assert not [row for row in final["MN"][TESTS].values() if row["address"] != PRIMARY]


# --- in the end all agree --------------------------------------------------------------------------------------------


@st.composite
def storms(draw: st.DrawFn, most: int = 60) -> Script:
    """Whatever may happen: every mechanism and mode, links that lose, interfaces that go, visits home and away."""
    enhanced, cns = draw(st.booleans()), draw(st.integers(2, 3))
    values: dict[str, Any] = {
        "mode": draw(st.sampled_from(["route_optimisation", "route_optimisation", "tunnel"])),
        "method": draw(st.sampled_from(["combined", "combined", "home address per flow", "one care-of address"])),
        "optimistic": draw(st.booleans()), "pool": draw(st.integers(0, 1)), "enhanced": enhanced,
        "hold_down_s": draw(st.sampled_from([0.0, 2.0])), "cns": cns, "security": draw(st.booleans()),
        "hosts": ("CN3",) if cns == 3 and draw(st.booleans()) else (),
        "allocate": None if enhanced else draw(st.sampled_from([None, "stateless", "dhcpv6", "request"])),
        "home_bindings": draw(st.sampled_from(["first flow", "its flow", "cell0"])),
    }  # fmt: skip
    cn, places = st.integers(0, cns - 1), st.sampled_from([("wlan0", "home"), ("wlan0", "wlan0"), ("cell0", "cell0")])
    opened, waited = st.builds(Open, cn, st.none() | INTERFACES), st.builds(Wait, PAUSES_S)
    moved = st.builds(HandOver, WHICH, INTERFACES, st.none() | st.booleans())
    usual = st.one_of(opened, opened, st.builds(Close, WHICH), moved, moved, st.builds(Incoming, cn, st.booleans()))
    unusual = st.one_of(
        places.map(lambda place: Visit(*place)), st.builds(Turn, INTERFACES, st.booleans()), st.builds(Free, WHICH),
        st.builds(Lose, LINKS, st.sampled_from([0.0, 0.1, 0.2, 0.4])),
        st.builds(Send, cn, st.sampled_from(["up", "down"])),
    )  # fmt: skip
    step: st.SearchStrategy[Step] = st.one_of(usual, usual, waited, waited, unusual)
    return Script(tuple(draw(step) for _ in range(draw(st.integers(0, most)))), **values)


def agree(script: Script) -> None:
    """After five minutes without loss, wherever the mobile node is, and after as many away from home: no peer has a
    binding that the mobile node does not list, all of them agree on every care-of address, and every octet came over.
    """
    history = play(script)
    history.calm_down()
    history.require(not history.disagreements(), history.now, history.disagreements())
    history.go_away()
    wrong = [*history.disagreements(), *history.unfinished()]
    history.require(not wrong, history.now, wrong)


@given(storms())
@settings(max_examples=30)
@pytest.mark.slow
def test_in_the_end_all_agree(script: Script) -> None:
    agree(script)


AT_HOME, AWAY = Visit("wlan0", "home"), Visit("wlan0", "wlan0")
DISAGREED = {
    "a freed address that waited for a care-of address is bound no more": Script(
        (AT_HOME, Visit("cell0", "cell0"), Wait(0.02), AWAY, Free(1)), pool=1
    ),
    "an update may wait for a care-of test that the permanent token makes needless": Script(
        (Open(0), Wait(0.05), HandOver(0, "cell0", True)), enhanced=True
    ),
    "what a silent correspondent may hold is deleted with a proof": Script(
        (Open(1, "wlan0"), Wait(2.5), Turn("wlan0", False), Turn("cell0", False), Wait(10), Close(0)), enhanced=True
    ),
    "a proof deletes at home too": Script((Open(1), Wait(0.1), AT_HOME), enhanced=True),
    "a flow that is opened on the way home is at home": Script((AT_HOME, Send(0), Open(0), Send(0, "up"))),
    "duplicate address detection at home does not meet that of the home agent": Script(
        (AT_HOME, Visit("cell0", "cell0"), Wait(0.3), AT_HOME)
    ),
    "a home address whose detection at home ends with the interface is bound elsewhere": Script(
        (AT_HOME, Open(1, "cell0"), Wait(0.05), Turn("wlan0", False)), never_primary=True, allocate="dhcpv6"
    ),
    "a pool's address whose detection at home is broken off is bound elsewhere": Script(
        (Visit("cell0", "cell0"), Wait(0.08), AT_HOME, Wait(0.05), AT_HOME), pool=1
    ),
    "an address that is freed at home waits for the updates that are under way": Script(
        (Open(1), Close(0), AT_HOME), pool=1
    ),
    "another that is freed at home": Script(
        (AT_HOME, Open(2, "wlan0"), Wait(0.001), Open(2, "cell0"), Wait(0.001), Close(1))
    ),
    "a request for an address goes on when the tunnel is there again": Script(
        (Send(2, "up"), Visit("cell0", "cell0")), never_primary=True, allocate="request", home_bindings="cell0"
    ),
    "what was to be deleted when the home binding stands is deleted at home": Script(
        (Open(0, "wlan0"), Wait(5), HandOver(0, "cell0"), Close(0), AT_HOME), home_bindings="its flow"
    ),
    "what left home and came back is not bound from elsewhere": Script(
        (AT_HOME, Wait(1.1), Visit("cell0", "cell0"), Wait(0.013), AT_HOME, Wait(2), Send(0))
    ),
    "who comes home before an update has left tells the correspondents": Script((
        Open(1, "wlan0"), Open(1), Open(1, "cell0"), Wait(2.5), AWAY, Close(1), AT_HOME, Wait(0.05),
        AT_HOME, Wait(0.05), AT_HOME,
    ), enhanced=True),
    "a handover begins each flow that had no care-of address": Script(
        (AT_HOME, Wait(0.05), AWAY, Wait(2.5), AWAY, Send(0, "up"), Open(0, "wlan0"), HandOver(0, "cell0", True)),
        method="one care-of address",
    ),
    "who joins the home link again does not meet itself there": Script(
        (AWAY, AT_HOME, Open(0), Open(0), Lose("home", 0.1), Wait(0.05), AT_HOME, Wait(0.3)), allocate="request"
    ),
    "what is at home is bound nowhere else, whatever policy wants": Script(
        (Open(1), Send(1, "up"), AT_HOME, Wait(0.01), AT_HOME, Visit("cell0", "cell0")), mode="tunnel",
        allocate="stateless", home_bindings="cell0",
    ),
    "a flow that was bound elsewhere while its interface moved is back at its own": Script(
        (AT_HOME, Wait(0.005), AWAY, Wait(2.5), Open(1, "wlan0"), Wait(2), AWAY, Turn("cell0", False))
    ),
    "a flow whose request for an address was lost has one in the end": Script(
        (Incoming(1), Incoming(1), Lose("Internet-HA", 0.4), Incoming(1, True), Wait(20)), allocate="request"
    ),
    "who comes to share a home binding goes where it is": Script(
        (TurnOff(1), Open(0, "cell0"), Open(0), Incoming(0), Incoming(1), Wait(0.05), TurnOff(0)), optimistic=False,
        cns=2, security=True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DISAGREED)
def test_who_disagreed_once_agrees(name: str) -> None:
    agree(DISAGREED[name])


# --- one handover ----------------------------------------------------------------------------------------------------


@given(scripts(most=10, disturbed=False, hold_down_s=0.0), WHICH, INTERFACES)
@settings(max_examples=300)
@pytest.mark.slow
def test_a_handover_changes_one_binding_and_the_flows_of_that_binding(
    script: Script, which: int, target: str
) -> None:
    """From rest to rest: no lifetime of a history is so short that a refresh falls in between.

    Of the peers, one cache has changed, once: that of the correspondent where it holds a binding of this flow, else
    the home agent's; one binding update was sent. Of the mobile node, the flows of the binding have the new network,
    and a home address has another line only where the home agent's binding is what moved; other flows of that home
    address show it. Everything else stays, but for the binding update list and the tests.
    """
    history = play(script)
    everything_came_to_rest(history)
    begun = [flow for flow in history.flows if flow.id in history.world.mn.flows]
    if not begun:
        return
    flow, mn = begun[which % len(begun)], history.world.mn
    home, cn, care_of = str(flow.home_address), str(flow.cn.address), str(mn.care_of_address(target))
    before = {node: {table: dict(rows) for table, rows in tables.items()} for node, tables in history.tables.items()}
    moved, stays = sharing(script, before, flow.id), flow.interface == target
    optimises = bool(before["MN"].get(BINDING_UPDATES, {}).get(f"{home} at {cn}", {}).get("registered"))
    start, records = history.now, sum(1 for _ in history.world.trace.changes())
    history.do(HandOver(history.flows.index(flow), target))
    history.world.run(4)
    history.require(history.is_quiet(), history.now, "the handover takes longer")

    of_peers = [each for each in list(history.world.trace.changes())[records:] if each.node != "MN"]
    peer = flow.cn.name if optimises else "HA"
    seen = [(e.node, e.change.table, e.change.key, (e.change.after or {}).get("care_of_address")) for e in of_peers]
    history.require(seen == ([] if stays else [(peer, BINDING_CACHE, home, care_of)]), start, f"{peer}: {seen}")
    sent = updates_sent(history.world, start)
    address = flow.cn.address if optimises else mn.home_agent
    history.require(sent == ([] if stays else [(address, flow.home_address)]), start, f"updates sent: {sent}")

    after = history.tables["MN"]
    at_home = {} if optimises or stays else {"registered_at_ha": care_of}
    at_cn = {"registered_at_cn": care_of} if optimises and not stays else {}
    for key, row in before["MN"][FLOW_MAPPING_TABLE].items():
        own = {"interface": target, "care_of_address": care_of, **at_cn} if int(key) in moved else {}
        wanted = row | own | (at_home if row["home_address"] == home else {})
        history.require(after[FLOW_MAPPING_TABLE].get(key) == wanted, start, f"flow {key}: {row}, not {wanted}")
    for key, row in before["MN"][HOME_ADDRESS_TABLE].items():
        wanted = row | ({"care_of_address": care_of} if at_home and key == home else {})
        history.require(after[HOME_ADDRESS_TABLE].get(key) == wanted, start, f"{key}: {row}, not {wanted}")
    for table in set(after) - {BINDING_UPDATES, TESTS}:
        history.require(set(after[table]) == set(before["MN"][table]), start, f"{table} has other lines")
    listed = {k for k, row in after.get(BINDING_UPDATES, {}).items() if row != before["MN"][BINDING_UPDATES].get(k)}
    history.require(all(key.startswith(f"{home} at ") for key in listed), start, f"registrations {listed} changed")


# --- Figure 6, walked once more --------------------------------------------------------------------------------------


def walked(cn: str, table: list[str], flows: list[tuple[str, str]]) -> str | None:
    """Walk steps 33 to 44 to the letter: the home address, or None where a new one is allocated. A flow is (home, CN).
    """
    for home in reversed(table):  # 35, 42
        if all(other != cn for at, other in flows if at == home):  # 36, 37, 38, 44
            return home  # 39
    return None  # 41, 43


@given(scripts(
    most=30, disturbed=False, optimistic=True, mode="route_optimisation", method="combined", grouping=False, pool=0,
    hold_down_s=0.0, hosts=(),
))  # fmt: skip
@settings(max_examples=100)
@pytest.mark.slow
def test_every_flow_gets_the_home_address_that_figure_6_finds(script: Script) -> None:
    """In whole worlds whose correspondents all optimise, with incoming flows in between and handovers, which change
    nothing of it. Where the primary is barred the walk ends before it. New addresses have the next identifiers.
    """
    history = begin(script)
    table, flows, last = [PRIMARY], {}, MOBILE_NODE
    for step in script.steps:
        before = list(history.flows)
        if isinstance(step, Incoming):
            step = Incoming(step.cn)  # a redirected one has its address when its invitation comes
        history.do(step)
        for flow in [flow for flow in history.flows if flow not in before]:
            cn = flow.cn.name
            if isinstance(step, Incoming):
                history.world.run(0.2)
                home = PRIMARY
            else:
                found = walked(cn, table[1:] if script.never_primary else table, list(flows.values()))
                last += found is None
                home = found or str(HOME.address(last))
                table += [] if found else [home]
            flows[flow.id] = (home, cn)
            history.require(str(flow.home_address) == home, history.now, f"{flow}, but Figure 6 says {home}")
        for flow in [flow for flow in before if flow not in history.flows]:
            home, _ = flows.pop(flow.id)
            if home != PRIMARY and home not in [at for at, _ in flows.values()]:
                table.remove(home)
        history.require(homes(history.tables) == table, history.now, f"the table is not {table}")


# --- once more, the same ---------------------------------------------------------------------------------------------


@given(scripts(most=16, mode="route_optimisation"))
@settings(max_examples=20)
def test_the_same_script_gives_the_same_trace(script: Script) -> None:
    script = replace(script, steps=(Open(0), *script.steps, Wait(1)))
    one, other = play(script), play(script)
    assert len(one.world.trace) and one.world.trace.digest() == other.world.trace.digest(), f"\n{one}\n{other}"
    assert one.log == other.log
