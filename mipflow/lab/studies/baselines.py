"""The patent's method beside its baselines: the same flows in three worlds, and what can be done with them in each.

A question names the flows, what is done with them, and the interface that each is to use then. Every cell is a world of
its own that is run; its verdict is read from the interfaces that the data packets of each flow took in its last second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mipflow.arguments import SEED, check
from mipflow.flow.applications.flows import Flow
from mipflow.lab.scenarios import figure1, figure2, plain_mobile_ipv6
from mipflow.lab.studies.found import found
from mipflow.lab.studies.study import Row, choose, sent_since, table
from mipflow.lab.world import World
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.node.applications.apps import Voice
from mipflow.sim.clock import NS_PER_S
from mipflow.view.drawing.picture import Picture
from mipflow.wire.mobility import BindingUpdate

SCHEMES: dict[str, Callable[..., World]] = {
    "plain Mobile IPv6": plain_mobile_ipv6, "a care-of address per correspondent": figure1,
    "a home address per flow as needed": figure2,
}  # fmt: skip
"""The schemes of pages 1 to 3, of Figure 1 (pages 3, 4, 6, 7) and of the patent itself, as worlds."""
YES = {True: "yes", False: "no"}
WLAN, CELL = "wlan0", "cell0"
SETTLE_S = 5.0
"""Seconds after which a flow is bound, or has moved; the last of them is looked at."""
CALL = Voice(start_s=SETTLE_S / 2)
"""A call that talks once its home address is bound, so that all losses come from what is asked."""


class Begun(NamedTuple):
    """A call: its correspondent, the interface that it is to use, and whether the correspondent begins it."""

    cn: int
    wished: str
    by_correspondent: bool = False


class Question(NamedTuple):
    """A question to a scheme: the pages that speak of it, the calls begun one after the other, and the numbers of those
    that move to the cellular network then: none, one, or all.
    """

    pages: str
    calls: tuple[Begun, ...]
    moves: tuple[int, ...] = ()


QUESTIONS: dict[str, Question] = {
    "flows to two correspondents over two interfaces": Question("3, 4, 7", (Begun(1, WLAN), Begun(2, CELL))),
    "flows to one correspondent over two interfaces": Question("4, 6 to 8", (Begun(1, WLAN), Begun(1, CELL))),
    "one of several flows to several correspondents moves alone":
        Question("3, 4, 10", (Begun(1, WLAN), Begun(2, WLAN)), (1,)),
    "one of several flows to one correspondent moves alone":
        Question("4, 7, 10, 13", (Begun(1, WLAN), Begun(1, WLAN), Begun(1, WLAN)), (1,)),
    "all flows move at once": Question("2, 3", (Begun(1, WLAN), Begun(1, WLAN), Begun(2, WLAN)), (0, 1, 2)),
    "a correspondent's flow over the preferred interface, that to another stays":
        Question("4, 7", (Begun(2, WLAN), Begun(1, CELL, True))),
    "a correspondent's flow over the preferred interface, ours to it over the other":
        Question("4, 7, 13", (Begun(1, CELL, True), Begun(1, WLAN))),
}  # fmt: skip


class Outcome(NamedTuple):
    """The outcome of a run: whether each flow used the interface it should and no other; the numbers of flows that
    changed their interface, of home addresses in use, of binding updates sent by the mobile node (from the move on,
    where something moved) and of packets lost; and whether home agent and correspondents are those of Mobile IPv6.
    """

    works: bool
    moved: int
    home_addresses: int
    updates: int
    lost: int
    peers_unchanged: bool

    def __str__(self) -> str:
        numbers = ("moved", self.moved), ("updates", self.updates), ("lost", self.lost), ("homes", self.home_addresses)
        return f"{YES[self.works]} ({', '.join(f'{name} {number}' for name, number in numbers)})"


def ask(question: str, scheme: str, seed: int = 0) -> Outcome:
    """Run a question in the world of a scheme. Raises ProtocolMisuse where one of the two is unknown."""
    asked, make = choose(question, QUESTIONS), choose(scheme, SCHEMES)
    world = make(seed, policy=lambda flow, networks: CELL)  # where no application of ours has a wish
    flows = []
    for call in asked.calls:
        cn = world.cns[call.cn - 1]
        flows.append(world.mn.accept(cn, CALL) if call.by_correspondent else world.mn.open(cn, CALL, call.wished))
        world.run(SETTLE_S)
    wished, before, since_ns = [call.wished for call in asked.calls], _seen(world, flows), 0
    if asked.moves:
        since_ns = world.network.clock.now
        wished = [CELL if number in asked.moves else wish for number, wish in enumerate(wished)]
        if len(asked.moves) == len(flows):
            world.mn.handover_all(CELL)
        else:
            world.mn.handover(flows[asked.moves[0]], CELL)
        world.run(SETTLE_S)
    after = _seen(world, flows)
    return Outcome(
        works=after == [{wish} for wish in wished],
        moved=sum(one != other for one, other in zip(before, after, strict=True)),
        home_addresses=len({flow.home_address for flow in flows}),
        updates=_updates(world, since_ns),
        lost=sum(flow.stats.up.lost + flow.stats.down.lost for flow in flows),
        peers_unchanged=type(world.ha) is HomeAgent and {type(cn) for cn in world.cns} == {CorrespondentNode},
    )


def _seen(world: World, flows: list[Flow]) -> list[set[str]]:
    """Return, for each flow, the mobile node's interfaces that its data packets took, both ways, in the last second."""
    mn, since_ns = world.mn.name, world.network.clock.now - NS_PER_S
    seen: dict[int, set[str]] = {flow.id: set() for flow in flows}
    for packet, channel in sent_since(world, since_ns):
        flow_id = packet.innermost().flow
        if flow_id in seen and mn in (channel.sender, channel.receiver):
            is_up = channel.sender == mn
            seen[flow_id].add(channel.sender_interface if is_up else channel.receiver_interface)
    return list(seen.values())


def _updates(world: World, since_ns: int) -> int:
    """Count the binding updates that the mobile node sent since then."""
    return sum(
        channel.sender == world.mn.name and isinstance(packet.innermost().payload, BindingUpdate)
        for packet, channel in sent_since(world, since_ns)
    )


def baseline_table(seed: int = 0) -> Picture:
    """Ask every question of plain Mobile IPv6, of one care-of address per correspondent, and of the patent's method.
    Kept for the next time (`lab.studies.found`).
    """
    check(SEED, seed=seed)
    cells = [(question, scheme) for question in QUESTIONS for scheme in SCHEMES]
    outcomes = found("baseline_table", (seed, cells), len(cells), (ask(*cell, seed) for cell in cells))
    runs = {cell: Outcome(*outcome) for cell, outcome in zip(cells, outcomes, strict=True)}
    rows: list[Row] = [
        {"asked": question, "pages": asked.pages, **{scheme: str(runs[question, scheme]) for scheme in SCHEMES}}
        for question, asked in QUESTIONS.items()
    ]
    unchanged = {s: YES[all(runs[q, s].peers_unchanged for q in QUESTIONS)] for s in SCHEMES}
    rows.append({"asked": "home agent and correspondents unchanged", "pages": "4, 5, 8", **unchanged})
    told = "{}, {}: {}.".format
    return table(
        "What can be done with the same flows", rows,
        lambda row: [told(row["asked"], scheme, row[scheme]) for scheme in SCHEMES],
    )  # fmt: skip
