"""A learner's function in a whole world: called as documented; one that fails costs its own flow, and says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import mipflow as mf
from mipflow.errors import FunctionFailed, MipflowError, ProtocolMisuse
from mipflow.flow.applications.flows import Flow
from mipflow.flow.conversations import Traits
from mipflow.flow.learner import guard as learner
from mipflow.flow.policy.policies import ByApplication, FlowFacts, NetworkState, Policies
from mipflow.flow.policy.rules import RuleSet
from mipflow.flow.tables import FlowMappingEntry, FlowMappingTable, HomeAddressTable
from mipflow.lab.scenarios import HOME
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.wire.address import Address, Prefix
from tests.flow.worlds import interfaces
from tests.mip6.worlds import S, world

CALL = mf.apps.Voice()
PARAMETERS = {
    "separator": "traits", "assign": "flow, homes, flows", "policy": "flow, networks", "allocate": "prefix, taken",
}  # fmt: skip


NAPS_S: list[float] = []
"""The seconds that functions have slept: no other time passes for them, however slow the machine is."""


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "monotonic", lambda: sum(NAPS_S))
    NAPS_S.clear()


def first_or_new(flow: FlowMappingEntry, homes: HomeAddressTable, flows: FlowMappingTable) -> Address | None:
    return None if flows.of_pair(homes.primary, flow.cn) else homes.primary


GOOD: dict[str, Callable[..., Any]] = {
    "separator": lambda traits: None, "assign": first_or_new, "policy": lambda flow, networks: None,
    "allocate": lambda prefix, taken: Address(max(taken) + 1),
}  # fmt: skip


def raising(*arguments: object) -> Any:
    raise ValueError("no\n idea")


def endless(*arguments: object) -> Any:
    while True:
        NAPS_S.append(0.3)


STRANGER = Address("2001:db8:100::bad")
NONSENSE: dict[str, list[tuple[Any, str]]] = {
    "separator": [(5, "5; expected a word, '' for a flow of its own, or None"), ([], "[]; expected a word")],
    "assign": [
        (STRANGER, "Address('2001:db8:100::bad'); expected a home address of `homes`, or None for a new one"),
        ("2001:db8:100::10", "'2001:db8:100::10'; expected a home address"), (False, "False; expected"),
    ],
    "policy": [("eth9", "'eth9'; expected one of wlan0, cell0, or None for no opinion"), (1, "1; expected one of")],
    "allocate": [
        (HOME.address(0x10), "Address('2001:db8:100::10'); expected an Address in 2001:db8:100::/64 that is not"),
        (Address("2001:db8:200::77"), "Address('2001:db8:200::77'); expected"), (None, "None; expected an Address"),
    ],
}  # fmt: skip
BAD: list[tuple[str, Callable[..., Any], str]] = [
    *((name, raising, f"your {name}() raised ValueError in line ") for name in PARAMETERS),
    *((name, endless, f"your {name}() took more than 2 s and was stopped in line ") for name in PARAMETERS),
    *(
        (name, lambda *_, value=value: value, f"your {name}() gave {said}")
        for name, listed in NONSENSE.items() for value, said in listed
    ),
]  # fmt: skip


class Learner:
    """A function that goes wrong while `trouble` is set; `calls` has the arguments of those calls."""

    def __init__(self, name: str, bad: Callable[..., Any]) -> None:
        self.name, self._bad, self._good = name, bad, GOOD[name]
        self.trouble = False
        self.calls: list[tuple[object, ...]] = []

    @property
    def put_in(self) -> dict[str, Callable[..., Any]]:
        return {self.name: self.function}

    def function(self, *arguments: object) -> Any:
        if self.trouble:
            self.calls.append(arguments)
        return (self._bad if self.trouble else self._good)(*arguments)


def state(made: World, without: int = 0) -> list[object]:
    """Return all tables as they are, but for the row of one flow."""
    tables = made.trace.tables(made.network.clock.now)
    tables["MN"]["flow mapping table"].pop(str(without), None)
    rows = [flow.row() for flow in made.mn.flows if flow.flow_id != without]
    return [tables, rows, made.mn.own_home_addresses.copy()]


def failures(made: World) -> list[str]:
    return [decision.why for decision in made.trace.decisions() if decision.what == "function failed"]


def check_refused(made: World, flow: Flow, words: str) -> None:
    """Check that nothing of a flow leaves, and that every packet of it is dropped with the reason."""
    assert flow.refused.startswith(words) and "\n" not in flow.refused
    assert flow.stats.up.lost == flow.stats.up.sent > 0 == flow.stats.up.received == flow.stats.down.sent
    drops = [drop.reason for drop in made.trace.drops() if drop.packet.flow == flow.id]
    assert set(drops) == {flow.refused} and len(drops) == flow.stats.up.sent


# --- one that does what it should -------------------------------------------------------------------------------------


def test_a_separator_is_asked_once_for_each_conversation_and_makes_flows() -> None:
    asked: list[Traits] = []

    def separator(traits: Traits) -> str | None:
        asked.append(traits)
        return {"call": "media", "video": "media", "ping": ""}.get(traits.application)

    made = world(wire=False, separator=separator).run(5)
    apps = [CALL, mf.apps.Video(), mf.apps.Echo(), mf.apps.FileTransfer(1000)]
    flows = [made.mn.open(made.cn1, app) for app in apps]
    made.run(3)
    assert [flow.id for flow in flows] == [1, 1, 2, 3] and len(made.mn.flows) == 3
    assert [traits.application for traits in asked] == ["call", "video", "ping", "file"]
    assert asked[0] == Traits("UDP", flows[0].conversation.local_port, made.cn1.address, 5004, application="call")
    assert [flow.entry.flow_information.source for flow in flows[1:]] == ["your separator"] * 2 + ["headers"]


def test_an_assign_gets_the_tables_and_chooses_among_home_addresses() -> None:
    asked: list[tuple[int, int, int]] = []

    def assign(flow: FlowMappingEntry, homes: HomeAddressTable, flows: FlowMappingTable) -> Address | None:
        asked.append((flow.flow_id, len(list(homes)), len(flows)))
        return homes.primary if flow.flow_information.traits.protocol == "UDP" else None

    made = world(wire=False, assign=assign).run(5)
    flows = [made.mn.open(made.cn1, app) for app in (CALL, CALL, mf.apps.Echo(), mf.apps.Echo())]
    made.run(3)
    first, second = flows[2].home_address, flows[3].home_address
    assert [flow.home_address for flow in flows[:2]] == [made.mn.primary_home_address] * 2
    assert first != second and made.mn.primary_home_address not in (first, second)
    assert asked == [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 4)]


def test_a_policy_gets_flow_and_networks_and_its_reason_is_in_the_trace() -> None:
    asked: list[tuple[FlowFacts, Sequence[NetworkState]]] = []

    def policy(flow: FlowFacts, networks: Sequence[NetworkState]) -> str | tuple[str, str] | None:
        asked.append((flow, networks))
        return {"call": "cell0", "video": ("wlan0", "films are large")}.get(flow.traits.application)

    made = world(wire=False, policy=policy).run(5)
    call, video, ping = (made.mn.open(made.cn1, app) for app in (CALL, mf.apps.Video(), mf.apps.Echo()))
    made.run(3)
    assert (call.interface, video.interface, ping.interface) == ("cell0", "wlan0", "wlan0")
    flow, networks = asked[0]
    assert flow.traits.application == "call" and flow.interface is None is flow.requested
    assert [(network.name, network.usable) for network in networks] == [("wlan0", True), ("cell0", True)]
    chosen = [d.why for d in made.trace.decisions() if d.what == "network choice"]
    assert chosen[0].startswith("flow 1 over cell0: policy (priority 10): cell0") and "films are large" in chosen[1]
    asked_for = made.mn.open(made.cn1, CALL, interface="wlan0")
    assert asked_for.interface == "wlan0", "what the application asks for stands before a learner's policy"


def test_an_allocate_gets_the_home_prefix_and_what_is_taken() -> None:
    asked: list[tuple[Prefix, list[Address]]] = []

    def allocate(prefix: Prefix, taken: list[Address]) -> Address:
        asked.append((prefix, taken))
        return prefix.address(0xA000 + len(taken))

    made = world(wire=False, allocate=allocate)
    Host(made.network, "squatter").settle(made.network.segments["home"], 0xA001)
    made.run(5)
    made.mn.open(made.cn1, CALL)
    second = made.mn.open(made.cn1, CALL)
    made.run(6)
    primary = made.mn.primary_home_address
    assert asked == [(HOME, [primary]), (HOME, [primary, HOME.address(0xA001)])], "what collided is taken too"
    assert second.home_address == HOME.address(0xA002) in made.ha.bindings and second.stats.down.received > 50


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_function_without_an_opinion_leaves_the_world_as_it_is_without_it(name: str) -> None:
    homes = []
    for put_in in ({}, {name: GOOD[name]}):
        made = world(wire=False, **put_in).run(5)
        flows = [made.mn.open(cn, CALL) for cn in (made.cn1, made.cn1, made.cn2)]
        made.run(3)
        homes.append([(flow.id, flow.home_address, flow.interface) for flow in flows[:2]])
        assert failures(made) == []
    assert homes[0] == homes[1]


# --- one that does not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "bad", "words"), BAD, ids=[f"{name}: {words}" for name, _, words in BAD])
def test_a_function_that_fails_costs_its_flow_and_nothing_else(
    name: str, bad: Callable[..., Any], words: str
) -> None:
    learner = Learner(name, bad)
    made = world(wire=False, **learner.put_in).run(5)
    calls = [made.mn.open(made.cn1, CALL) for _ in range(2)]
    made.run(4)
    before, start = state(made), made.network.clock.now
    learner.trouble = True
    refused = made.mn.open(made.cn1, CALL)
    made.run(3)
    check_refused(made, refused, words)
    assert state(made, refused.id) == before
    assert failures(made) == [refused.refused], "said once"
    assert len(learner.calls) == 1 and len(learner.calls[0]) == PARAMETERS[name].count(",") + 1
    for call in calls:
        assert call.stats.up.lost == 0 == call.stats.down.lost and call.stats.down.longest_gap_ms < 25  # type: ignore[operator]
        assert interfaces(made, call, start) == {"wlan0"}
    learner.trouble = False
    again = made.mn.open(made.cn1, CALL)
    made.mn.handover(calls[1], "cell0")
    made.run(4)
    assert again.stats.down.received > 50 and again.home_address != calls[0].home_address
    assert interfaces(made, calls[1], start + 5 * S) == {"cell0"}
    check_refused(made, refused, words)
    made.mn.close(refused)
    assert refused.id not in made.mn.flows


@pytest.mark.parametrize("name", ["separator", "assign"])
def test_what_fails_before_there_is_a_care_of_address_stays_refused(name: str) -> None:
    """A flow whose function failed does not count as classified, or as assigned, because a network comes up."""
    learner = Learner(name, raising)
    made = world(wire=False, **learner.put_in)
    learner.trouble = True
    refused = made.mn.open(made.cn1, CALL)
    learner.trouble = name == "assign"
    call = None if learner.trouble else made.mn.open(made.cn1, CALL)
    made.run(6)
    check_refused(made, refused, f"your {name}() raised ValueError")
    assert refused.home_address is None
    assert call is None or call.stats.down.received > 50


def test_a_policy_is_asked_when_the_first_network_comes_up() -> None:
    """A flow that was opened before goes where the policy says, not where there was a network first."""
    made = world(wire=False, policy=lambda flow, networks: "cell0")
    call = made.mn.open(made.cn1, CALL)
    made.run(8)
    assert call.interface == "cell0" and interfaces(made, call, 6 * S) == {"cell0"}


@pytest.mark.parametrize("name", ["separator", "policy"])
@pytest.mark.parametrize("bad", [raising, endless])
def test_what_a_correspondent_begins_is_dropped_too(name: str, bad: Callable[..., Any]) -> None:
    """A packet that cannot be classified reaches no application, and no answer leaves."""
    learner = Learner(name, bad)
    made = world(wire=False, **learner.put_in).run(5)
    got: list[bytes] = []
    for port in (6000, 6001):
        made.mn.udp(port).on_datagram = got.append
    call = made.mn.open(made.cn1, CALL)
    made.run(1)
    learner.trouble = True
    client = made.cn1.udp(5555, (made.mn.primary_home_address, 6000))
    for _ in range(3):
        client.send(b"hello")
        made.run(1)
    assert got == [] and len(learner.calls) == 1
    words = failures(made)
    assert len(words) == 1 and [d.reason for d in made.trace.drops()] == words * 3
    learner.trouble = False
    made.cn1.udp(5556, (made.mn.primary_home_address, 6001)).send(b"hello again")
    made.run(1)
    assert got == [b"hello again"] and call.stats.down.lost == 0


def test_an_invited_call_whose_function_fails_is_never_told_a_place() -> None:
    learner = Learner("assign", raising)
    made = world(wire=False, **learner.put_in).run(5)
    call = made.mn.open(made.cn1, CALL)
    made.run(1)
    learner.trouble = True
    flow = made.mn.accept(made.cn1, CALL, redirect=True)
    made.run(100)
    assert flow.running is None and flow.refused.startswith("your assign() raised ValueError")
    assert call.stats.down.lost == 0 and len(failures(made)) == 1


def test_a_policy_that_fails_later_leaves_flows_where_they_are_and_lets_them_flee() -> None:
    """Asked again for flows that run, it does not refuse them; and when their network fails they go to another."""
    learner = Learner("policy", raising)
    made = world(wire=False, reconsider_every_s=1.0, **learner.put_in).run(5)
    calls = [made.mn.open(made.cn1, CALL) for _ in range(2)]
    made.run(4)
    learner.trouble = True
    made.run(3)
    assert failures(made) and all(interfaces(made, call, 0) == {"wlan0"} and not call.refused for call in calls)
    made.mn.interface("wlan0").set_up(False)
    made.run(4)
    for call in calls:
        assert call.interface == "cell0" and interfaces(made, call, 15 * S) == {"cell0"} and not call.refused


def test_an_allocate_that_fails_for_the_pool_is_said_and_the_primary_serves() -> None:
    made = world(wire=False, allocate=raising, pool=1)
    call = made.mn.open(made.cn1, CALL)
    made.run(6)
    assert failures(made) and set(failures(made)) == {failures(made)[0]}
    assert call.home_address == made.mn.primary_home_address and call.stats.down.received > 50
    assert len(made.mn.home_addresses) == 1


def test_a_function_of_a_set_of_policies_is_named_as_it_is_called() -> None:
    """A policy that a learner gave together with others fails in their words too."""

    def mine(flow: FlowFacts, networks: Sequence[NetworkState]) -> str:
        return "wlan7"

    made = world(wire=False, policy=Policies([(1, ByApplication()), (2, mine)])).run(5)
    flow = made.mn.open(made.cn1, CALL)
    made.run(2)
    check_refused(made, flow, "your mine() gave 'wlan7'; expected one of wlan0, cell0, or None for no opinion")


def test_an_assign_that_fails_when_an_address_falls_free_is_no_exception() -> None:
    """A flow that could have no address is offered one that another does not need any more: the function is asked."""
    learner = Learner("assign", raising)
    made = world(wire=False, allocate=lambda prefix, taken: taken[0], **learner.put_in).run(5)
    call, waiting = (made.mn.open(made.cn1, CALL) for _ in range(2))
    made.run(2)
    assert waiting.refused.startswith("your allocate() gave")
    learner.trouble = True
    made.mn.close(call)
    assert waiting.refused.startswith("your assign() raised")
    learner.trouble = False
    made.mn.close(made.mn.open(made.cn2, CALL))
    made.run(2)
    assert waiting.home_address == made.mn.primary_home_address and waiting.stats.down.received > 50


# --- one that wants time to pass --------------------------------------------------------------------------------------

WAYS: list[Callable[[World], object]] = [
    lambda made: made.run(1), lambda made: made.run(0), lambda made: made.network.run_until(10**12),
    lambda made: made.network.clock.run_until(made.network.clock.now),
]  # fmt: skip


@pytest.mark.parametrize("name", [*PARAMETERS, "together", "is_for"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("in_a_run", [True, False])
def test_a_function_that_runs_the_world_is_refused_in_its_words(
    name: str, way: Callable[[World], object], in_a_run: bool
) -> None:
    def impatient(*arguments: object) -> Any:
        way(made)

    rules = mf.AssignmentRules(together=impatient) if name == "together" else None
    put_in = {"rules": rules} if name in ("together", "is_for") else {name: impatient}
    made = world(wire=False, **put_in).run(5)
    if name == "is_for":
        made.mn.keep_home_address("mine", impatient)
    elif name == "allocate":
        made.mn.open(made.cn1, mf.apps.Voice(start_s=100))  # has the primary
    opened: list[Flow] = []
    if in_a_run:
        made.network.clock.after(S, lambda _: opened.append(made.mn.open(made.cn1, CALL)))
    else:
        opened.append(made.mn.open(made.cn1, CALL))
        assert made.now == 5
    made.run(3)
    assert made.now == 8 and not any(event[2].__name__ == "_stop" for event in made.network.clock.heap)
    (flow,) = opened
    check_refused(made, flow, f"your {name}() raised ProtocolMisuse in line ")
    assert "`way(made)`: the clock cannot run to" in flow.refused or "`lambda made" in flow.refused, flow.refused
    assert "inside" not in flow.refused and flow.refused in failures(made)


DRIVES: dict[str, Callable[[World, Flow], object]] = {
    "run": lambda other, flow: other.run(50_000),
    "open": lambda other, flow: other.mn.open(other.cn1, CALL),
    "accept": lambda other, flow: other.mn.accept(other.cn1, CALL),
    "close": lambda other, flow: other.mn.close(flow),
    "handover": lambda other, flow: other.mn.handover(flow, "cell0"),
    "handover_all": lambda other, flow: other.mn.handover_all("cell0"),
    "keep": lambda other, flow: other.mn.keep_home_address("mine", lambda flow: True),
    "free": lambda other, flow: other.mn.free_home_address(other.mn.primary_home_address),
    "rules": lambda other, flow: other.mn.network_asks(RuleSet([])),
}


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("drives", DRIVES)
@pytest.mark.parametrize("itself", [False, True])
def test_a_function_that_is_asked_drives_no_world(name: str, drives: str, itself: bool) -> None:
    other = world(wire=False).run(5)
    flow = other.mn.open(other.cn1, CALL)
    other.run(1)

    def driving(*arguments: object) -> Any:
        return DRIVES[drives](made if itself else other, first if itself else flow)

    learner = Learner(name, driving)
    made = world(wire=False, **learner.put_in).run(5)
    first = made.mn.open(made.cn1, CALL)
    made.run(1)
    before, own = state(other), state(made)
    learner.trouble = True
    refused = made.mn.open(made.cn1, CALL)
    made.run(1)
    check_refused(made, refused, f"your {name}() raised ProtocolMisuse in line ")
    assert f"somebody waits for the answer of your {name}(), which may look at worlds" in refused.refused
    assert state(other) == before and state(made, refused.id) == own
    assert other.now == 6 and other.run(1).now == 7 and flow.stats.down.lost == 0


def test_an_application_that_runs_the_world_as_it_starts_is_refused_and_leaves_nothing() -> None:
    class Eager(mf.apps.Voice):
        __slots__ = ()

        def start(self, ends: mf.apps.Ends) -> mf.apps.Running:
            made.run(1)
            return mf.apps.Voice.start(self, ends)

    made = world(wire=False).run(5)
    with pytest.raises(FunctionFailed, match=r"^your start\(\) raised ProtocolMisuse .*: the clock cannot run"):
        made.mn.open(made.cn1, Eager())
    assert made.now == 5 and made.flows() == [] and len(made.mn.flows) == 0
    call = made.mn.open(made.cn1, CALL)
    made.run(3)
    assert call.stats.down.received > 50


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_function_that_tries_to_run_the_world_and_goes_on_changes_nothing(name: str) -> None:
    tried: list[World] = []
    other = world(wire=False).run(5)

    def tries(*arguments: Any) -> Any:
        for each in (worlds[-1], other):
            with pytest.raises(ProtocolMisuse):
                each.run(1)
        tried.append(mf.figure2(seed=1))  # which may be made
        return GOOD[name](*arguments)

    def calls(made: World) -> World:
        made.network.clock.after(S, lambda _: [made.mn.open(made.cn1, CALL) for _ in range(2)])
        return made.run(3)

    worlds = [world(wire=False, **{name: function}).run(5) for function in (GOOD[name], tries)]
    digests = [calls(made).trace.digest() for made in worlds]
    assert [made.now for made in worlds] == [8, 8] and failures(worlds[1]) == []
    assert tried and other.now == 5 and tried[0].run(1).now == 1
    assert digests[0] == digests[1]


# --- said before the world begins -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_wrong_parameters_are_an_error_in_one_line_when_a_function_is_put_in(name: str, parameters: str) -> None:
    wrong: list[tuple[Any, str]] = [
        (lambda: None, "takes 0 arguments"), (lambda a, b, c, d: None, "takes 4 arguments"),
        (lambda one, *, other: None, "takes 2 arguments"),
    ]  # fmt: skip
    for function, takes in wrong:
        with pytest.raises(FunctionFailed) as caught:
            mf.figure2(**{name: function})
        assert str(caught.value) == f"your {name}() {takes}; it is called as {name}({parameters})"
        assert caught.value.value is function
    with pytest.raises(MipflowError, match=f"^{name}( is |=)5; expected .*a function") as caught:
        mf.figure2(**{name: 5})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_function_may_have_more_parameters_with_defaults_and_be_a_method(name: str) -> None:
    learner = Learner(name, raising)
    count = PARAMETERS[name].count(",") + 1
    more: Any = {1: lambda a, x=0: None, 2: lambda a, b, x=0: None, 3: lambda a, b, c, x=0: None}[count]
    for function in (more, learner.function):
        mf.figure2(**{name: function})


def wrong(*arguments: object) -> Any:
    return 1 // 0


@pytest.mark.parametrize("where", ["together", "is_for", "among policies"])
def test_every_other_function_that_is_put_in_is_guarded_too(where: str) -> None:
    rules = mf.AssignmentRules(together=lambda flow: wrong()) if where == "together" else None
    policy = mf.policies.Policies([(1, lambda flow, networks: wrong())]) if where == "among policies" else None
    made = world(wire=False, rules=rules, policy=policy)
    made.run(5)
    if where == "is_for":
        made.mn.keep_home_address("calls", lambda flow: wrong())
    socket = made.mn.udp(6000, (made.cn1.address, 9))
    made.network.clock.after(1000, lambda _: socket.send(b"raw"))
    made.run(3)
    (entry,) = made.mn.flows
    assert "ZeroDivisionError" in entry.refused and entry.home_address is None
    assert [d.why for d in made.trace.decisions() if d.what == "function failed"]
