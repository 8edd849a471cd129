"""What holds in every history of a world: drawn at random, checked in the trace at every instant.

Each history is a script of steps over several correspondents. A failure prints it as Python, with what every step did.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mipflow.flow.tables import FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE
from mipflow.lab.scenarios import HOME, MOBILE_NODE
from mipflow.sim.trace import Change, Row, TableChanged
from mipflow.wire.address import Address
from tests.flow.histories import (
    ASSOCIATIONS,
    BINDING_CACHE,
    BINDING_UPDATES,
    QUIET_CALL,
    TESTS,
    Close,
    Free,
    HandOver,
    History,
    Incoming,
    Open,
    Script,
    Step,
    Tables,
    Turn,
    Use,
    Wait,
    begin,
    homes,
    instants,
    most_with_one,
    one_cn,
    optimising,
    play,
    replay,
    tables_at,
    updates_sent,
    uses,
)

PRIMARY = str(HOME.address(MOBILE_NODE))
INTERFACES = st.sampled_from(["wlan0", "cell0"])
WHICH = st.integers(0, 9)
PAUSES_S = st.sampled_from([0.05, 0.3, 1.1, 2.5, 5.0])
"""Within a round trip, within a test, about the time of a duplicate address detection, of a hold-down, and longer."""


def steps(draw: st.DrawFn, cns: int, grouping: bool, most: int) -> tuple[Step, ...]:
    """Steps at random, with pauses between most of them, so that several fall into what one of them began."""
    cn = st.integers(0, cns - 1)
    opened = st.builds(Open, cn, st.none() | INTERFACES, st.booleans() if grouping else st.just(False))
    step = st.one_of(
        opened, opened, opened, st.builds(Close, WHICH), st.builds(Incoming, cn, st.booleans()),
        st.builds(HandOver, WHICH, INTERFACES), st.builds(Turn, INTERFACES, st.booleans()), st.builds(Free, WHICH),
        st.builds(Wait, PAUSES_S), st.builds(Wait, PAUSES_S), st.builds(Wait, PAUSES_S),
    )  # fmt: skip
    return tuple(draw(step) for _ in range(draw(st.integers(0, most))))


@st.composite
def scripts(draw: st.DrawFn, most: int = 24, **fixed: object) -> Script:
    """A script at random; what is `fixed` is not drawn."""
    cns = draw(st.integers(2, 3))
    values: dict[str, object] = {
        "mode": draw(st.sampled_from(["route_optimisation", "route_optimisation", "tunnel"])),
        "optimistic": draw(st.booleans()), "never_primary": draw(st.booleans()), "grouping": draw(st.booleans()),
        "pool": draw(st.integers(0, 1)), "hold_down_s": draw(st.sampled_from([0.0, 2.0])), "cns": cns,
        "hosts": ("CN3",) if cns == 3 and draw(st.booleans()) else (),
    }  # fmt: skip
    values |= fixed
    return Script(steps(draw, cns, bool(values["grouping"]), most), **values)  # type: ignore[arg-type]


# --- what holds at every instant -------------------------------------------------------------------------------------


def tables_are_those_of_the_trace(history: History) -> None:
    """The state is the replay of the changes, so that what is said of the trace is said of the nodes."""
    world, replayed = history.world, tables_at(history.world)
    mn = world.mn
    real: dict[str, dict[str, Row]] = {
        HOME_ADDRESS_TABLE: {str(h.home_address): h.row() for h in mn.home_addresses},
        FLOW_MAPPING_TABLE: {str(f.flow_id): f.row() for f in mn.flows},
        BINDING_UPDATES: {f"{e.home_address} at {e.peer}": e.row() for e in mn.binding_updates},
    }
    for table, rows in real.items():
        history.require(replayed["MN"].get(table, {}) == rows, history.now, f"{table} is {rows}")
    for node in (world.ha, *world.cns):
        if node.name not in history.script.hosts:
            cache = {str(b.home_address): b.row() for b in node.bindings}
            history.require(replayed.get(node.name, {}).get(BINDING_CACHE, {}) == cache, history.now, f"{cache}")


def no_two_flows_share(history: History) -> None:
    """No two flows whose address the mobile node chose share (home address, CN), unless the rules say so: by the name
    of a group, or because all have one address.
    """
    script = history.script
    if script.method in ("care-of address per flow", "one care-of address"):
        return
    for t_ns, state in instants(history.world):
        seen: dict[tuple[str, ...], Use] = {}
        for use in uses(state):
            if use.flow in history.assigned:
                pair = (use.home,) if script.method == "home address per flow" else (use.home, use.cn)
                other = seen.setdefault(pair, use)
                share = other is use or {use.flow, other.flow} <= history.grouped
                history.require(share, t_ns, f"flows {other.flow} and {use.flow} share {pair}")


def the_primary_is_never_freed(history: History) -> None:
    """It is the first of the table, stays, and no peer at home is asked to let go of it."""
    ha = str(history.world.ha.home_agent_address)
    for record, state in replay(history.world):
        history.require(homes(state)[:1] == [PRIMARY], record.t_ns, f"the primary is not the first: {state['MN']}")
        binding = state["MN"].get(BINDING_UPDATES, {}).get(f"{PRIMARY} at {ha}")
        asked = binding is not None and binding["state"] == "de-registering"
        history.require(not asked, record.t_ns, "the primary is being de-registered at home")
        change = record.change
        gone = record.node == "HA" and change.table == BINDING_CACHE and change.key == PRIMARY and change.after is None
        history.require(not gone, record.t_ns, "the home agent has let go of the primary")


def the_number_of_home_addresses(history: History) -> None:
    """At every change the home address table holds what is in use, so it has at least as many lines as there are
    distinct addresses in use with one correspondent (`one_cn`), and its peak is that number's peak, at least 1.

    Addresses that are being freed are not in the table. Those that a pool has ready count apart: unused ones, as many
    as its size. Where the primary is barred, what the mobile node chose is among the others, whose number alone has
    that peak; where a pool offers others first, the primary may stay over in the same way.
    """
    script, most_homes, most_used = history.script, 1, 1
    one_address = script.method in ("care-of address per flow", "one care-of address")
    apart = PRIMARY if script.never_primary and not one_address else ""
    for record, state in replay(history.world):
        table, used = homes(state), {use.home for use in uses(state)}
        with_one = most_with_one(script, state)
        history.require(len(table) >= max(with_one, 1), record.t_ns, f"{len(table)} home addresses for {with_one}")
        history.require(used <= set(table), record.t_ns, f"{used} are in use, not all of them are in {table}")
        unused = [home for home in table if home not in used and home != PRIMARY]
        most_homes = max(most_homes, len(table) - min(script.pool, len(unused)))
        most_used = max(most_used, most_with_one(script, state, apart) + bool(apart))
    wanted = {most_used, most_used + 1} if script.pool else {most_used}
    history.require(most_homes in wanted, history.now, f"{most_homes} home addresses at most, for {most_used} in use")


CHECKS = [no_two_flows_share, the_primary_is_never_freed, the_number_of_home_addresses]


def mentions(row: Row, address: str) -> bool:
    return address in (row.get("home_address"), row.get("address"))


def holders(state: Tables, address: str) -> set[tuple[str, str]]:
    """(node, table) of the lines about an address."""
    return {
        (node, table)
        for node, tables in state.items()
        for table, rows in tables.items()
        if any(mentions(row, address) for row in rows.values())
    }


def freed_addresses_are_gone(history: History) -> int:
    """From the last acknowledgement (or expiry) on, which ends the last line of the binding update list, nobody has a
    line about a freed address: not HA and CNs, not the security associations at either end, not the mobile node.

    Only a home token may outlive it there, for MAX_TOKEN_LIFETIME; it is for nobody. Correspondents are first, then the
    home agent, then the associations. Gives the number of addresses.
    """
    world = history.world
    changes = [c.change for c in world.trace.changes()]
    freed = [change.key for change in changes if change.table == HOME_ADDRESS_TABLE and change.after is None]
    history.require(len(set(freed)) == len(freed), history.now, f"{freed}: some are freed twice")
    for address in freed:
        has_been_freed, was_held, order = False, set(), []
        for t_ns, state in instants(world):
            table = state["MN"].get(HOME_ADDRESS_TABLE, {})
            was_there = bool(was_held) or address in table
            has_been_freed |= was_there and address not in table
            held = holders(state, address)
            order += [holder for holder in sorted(was_held - held) if has_been_freed and holder[1] in RANKED]
            was_held = held
            if has_been_freed and ("MN", BINDING_UPDATES) not in held:
                rest = held - {("MN", TESTS)}
                history.require(not rest, t_ns, f"{address} is free, but {rest} have it")
        history.require(("MN", BINDING_UPDATES) not in was_held, history.now, f"{address} is still being freed")
        history.require(Address(address) not in world.mn.own_home_addresses, history.now, f"{address} is still ours")
        ranks = [rank(*holder) for holder in order]
        history.require(ranks == sorted(ranks), history.now, f"{address} goes in the order {order}")
    return len(freed)


RANKED = {BINDING_CACHE, BINDING_UPDATES, ASSOCIATIONS}


def rank(node: str, table: str) -> int:
    """In what order lines about an address go: the correspondents', the home agent's, the mobile node's."""
    if table == BINDING_CACHE:
        return 1 if node == "HA" else 0
    return 2


def everything_came_to_rest(history: History) -> None:
    """After all that, each flow is bound where it was selected to be, by its correspondent or by the home agent."""
    history.settle()
    state, world = tables_at(history.world), history.world
    addresses = {str(cn.address): cn.name for cn in world.cns}
    flows, table = state["MN"].get(FLOW_MAPPING_TABLE, {}), state["MN"][HOME_ADDRESS_TABLE]
    for flow, row in flows.items():
        care_of, home = row["care_of_address"], str(row["home_address"])
        holds = addresses[str(row["cn"])]
        knows = history.script.mode == "route_optimisation" and holds not in history.script.hosts
        where = holds if knows else "HA"
        binding = state.get(where, {}).get(BINDING_CACHE, {}).get(home)
        history.require(
            binding is not None and binding["care_of_address"] == care_of, history.now,
            f"flow {flow} is {row}, but {where} has {binding}",
        )  # fmt: skip
        known = row["registered_at_cn"] if knows else row["registered_at_ha"]
        history.require(known == care_of, history.now, f"flow {flow} is {row}")
    for home, row in table.items():
        at_home = state["HA"][BINDING_CACHE].get(home, {}).get("care_of_address")
        history.require(row["care_of_address"] == at_home is not None, history.now, f"{row}, but HA has {at_home}")
    since = len(world.trace.records)
    world.run(3)
    later = [r for r in world.trace.records[since:] if getattr(r, "change", None)]
    history.require(not later, history.now, f"there is no rest: {later[:3]}")


def close_all(history: History) -> None:
    """Everything up and every flow closed, long enough for the last acknowledgement."""
    history.settle()
    for _ in list(history.flows):
        history.do(Close(0))
    history.world.run(SETTLE_FREES_S + history.script.hold_down_s)


SETTLE_FREES_S = 5.0


def check(script: Script) -> History:
    """Play a script, and check all of it."""
    history = play(script, tables_are_those_of_the_trace)
    everything_came_to_rest(history)
    close_all(history)
    tables_are_those_of_the_trace(history)
    for each in CHECKS:
        each(history)
    freed_addresses_are_gone(history)
    left = [home for home in homes(tables_at(history.world)) if home != PRIMARY]
    history.require(len(left) <= script.pool, history.now, f"{left} are left over")
    return history


@given(scripts())
@settings(max_examples=400)
@pytest.mark.slow
def test_what_holds_in_every_history(script: Script) -> None:
    check(script)


def is_of_home(change: Change) -> bool:
    """True where a flow only shows what the home agent holds for its home address, which is that one's own line."""
    before, after = change.before or {}, change.after or {}
    return before | {"registered_at_ha": None} == after | {"registered_at_ha": None}


# --- one handover ----------------------------------------------------------------------------------------------------


@given(scripts(most=10, hold_down_s=0.0), WHICH)
@settings(max_examples=300)
@pytest.mark.slow
def test_a_handover_changes_one_binding_and_the_flows_of_that_binding(script: Script, which: int) -> None:
    """One binding at the correspondent and none at home where that one optimises; one at home and none at any
    correspondent where it does not; and in the tables of flows and home addresses nothing but what they say of it.
    """
    history = play(script)
    history.settle()
    world, mn = history.world, history.world.mn
    if not history.flows:
        return
    flow = history.flows[which % len(history.flows)]
    target = "cell0" if flow.interface == "wlan0" else "wlan0"
    cn = str(flow.cn.address)
    optimises = optimising(script, tables_at(world), cn) and flow.cn.name not in script.hosts
    sharing = {
        use.flow for use in uses(tables_at(world))
        if use.home == str(flow.home_address)
        and one_cn(script, tables_at(world), use.cn) == one_cn(script, tables_at(world), cn)
    }  # fmt: skip
    already = {
        f.flow_id for f in mn.flows if f.flow_id in sharing and f.care_of_address == mn.care_of_address(target)
    }
    since, start = len(world.trace.records), world.network.clock.now
    bound_at_home = mn.registered_at_home(flow.home_address)  # type: ignore[arg-type]
    history.require(set(mn.handover(flow, target)) == sharing, start, f"{flow} moves not with {sharing}")
    world.run(4)
    records = [r for r in world.trace.records[since:] if isinstance(r, TableChanged)]
    at_peers = [(r.node, r.change.key) for r in records if r.change.table == BINDING_CACHE]
    home = str(flow.home_address)
    expected = [(flow.cn.name, home)] if optimises else [("HA", home)]
    if not optimises and bound_at_home == mn.care_of_address(target):
        expected = []
    history.require(at_peers == expected, start, f"{at_peers} changed, not {expected}")
    changed = {int(r.change.key) for r in records if r.change.table == FLOW_MAPPING_TABLE and not is_of_home(r.change)}
    history.require(sharing - already <= changed <= sharing, start, f"rows {changed}, not {sharing}")
    others = {r.change.table for r in records if r.node == "MN"} - {FLOW_MAPPING_TABLE, BINDING_UPDATES, TESTS}
    history.require(others <= ({HOME_ADDRESS_TABLE} if not optimises else set()), start, f"{others} changed")
    sent = set(updates_sent(world, start))
    peer = flow.cn.address if optimises else mn.home_agent
    history.require(sent <= {(peer, flow.home_address)}, start, f"binding updates {sent}")


# --- Figure 6, walked once more --------------------------------------------------------------------------------------


def walked(cn: str, table: list[str], flows: list[tuple[str, str]]) -> str | None:
    """Steps 33 to 44 to the letter: the home address, or None where a new one is allocated. A flow is (home, CN)."""
    for home in reversed(table):  # 35, 42
        if all(other != cn for at, other in flows if at == home):  # 36, 37, 38, 44
            return home  # 39
    return None  # 41, 43


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2), WHICH), max_size=30))
@settings(max_examples=100)
def test_every_flow_gets_the_home_address_that_figure_6_finds(script: list[tuple[bool, int, int]]) -> None:
    """In whole worlds whose correspondents all optimise; new addresses are in the order of their identifiers."""
    history = begin(Script((), optimistic=True))
    table, flows, last = [PRIMARY], {}, MOBILE_NODE
    for opens, cn, which in script:
        if opens or not history.flows:
            flow = history.world.mn.open(history.world.cns[cn], QUIET_CALL)
            history.flows.append(flow)
            home = walked(str(cn), table, list(flows.values()))
            if home is None:
                last += 1
                home = str(HOME.address(last))
                table.append(home)
            flows[flow.id] = (home, str(cn))
            history.require(str(flow.home_address) == home, history.now, f"{flow}, but Figure 6 says {home}")
        else:
            flow = history.flows.pop(which % len(history.flows))
            history.world.mn.close(flow)
            home, _ = flows.pop(flow.id)
            if home != PRIMARY and home not in [at for at, _ in flows.values()]:
                table.remove(home)
        history.world.run(0.2)
        history.require(homes(tables_at(history.world)) == table, history.now, f"the table is not {table}")


@given(scripts(most=12))
@settings(max_examples=5)
def test_the_same_script_gives_the_same_trace(script: Script) -> None:
    one, other = play(script), play(script)
    assert one.world.trace.digest() == other.world.trace.digest()
    assert one.log == other.log


@given(scripts(most=14, security=True, mode="route_optimisation", hosts=()))
@settings(max_examples=60)
@pytest.mark.slow
def test_with_ip_security_the_associations_of_freed_addresses_go_too(script: Script) -> None:
    check(script)
