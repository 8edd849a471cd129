"""The small table by which a thing shows itself in a cell: a world, a node, a table, a trace, a packet, a decision.

Takes the thing; gives a small table with the words of its world. `mipflow/__init__.py` has IPython ask here, so that
nodes and tables know nothing of it. A thing does not know its world: worlds that are alive are looked through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mipflow.flow.applications.flows import Flow, FlowStatistics
from mipflow.flow.bindings.address_pool import AddressPool
from mipflow.flow.mobile_node import FlowMobileNode
from mipflow.lab.views import MOST_LETTERS, WORLDS, Views
from mipflow.mip6.bindings.table import Entry, Table
from mipflow.node.node import Node
from mipflow.sim.meter import Meter
from mipflow.sim.trace import LOST, Decided, Dropped, Hop, TableChanged, Trace
from mipflow.view.drawing.small import MOST_ROWS, SmallTable, small_table
from mipflow.view.story.words import Words, in_words, long, seconds
from mipflow.view.tables import shown_row
from mipflow.wire.packet import Packet

ABOUT = {
    "binding cache": "where packets for a home address are sent",
    "binding update list": "what the mobile node has told to whom",
    "flow mapping table": "which flow has which home address, and where it goes",
    "home address table": "the home addresses, and where the home agent has them",
}
"""Table -> the meaning of its rows, in a learner's words."""
UP_AND_DOWN = "packets of a flow, from the mobile node (up) and to it (down)"
K = TypeVar("K")
_TABLES = ("bindings", "flows", "home_addresses", "binding_updates", "pool")


def shown(thing: object) -> SmallTable | None:
    """Make the table of a thing, or None."""
    for kind, make in _MAKERS.items():
        if isinstance(thing, kind):
            return make(thing)
    return None


# --- whose it is -----------------------------------------------------------------------------------------------------


def _owner(thing: object) -> tuple[Views, Node] | None:
    """Find the world and the node to which a table or a pool belongs."""
    for world in list(WORLDS):
        for node in (world.mn, *world.home_agents, *world.cns):
            if thing is node or any(getattr(node, name, None) is thing for name in _TABLES):
                return world, node
    return None


def _words(world: Views | None) -> Words:
    """Return the words of a world; for an unknown one, those for addresses and flows on which all worlds agree."""
    if world is not None:
        return Words(world.names(), world.flow_names())
    worlds = list(WORLDS)
    return Words(_agreed([one.names() for one in worlds]), _agreed([one.flow_names() for one in worlds]))


def _agreed(told: Sequence[dict[K, str]]) -> dict[K, str]:
    """Return the words of those that have any, without the things that two call differently."""
    said = {thing: word for words in told for thing, word in words.items()}
    return {thing: word for thing, word in said.items() if all(each.get(thing, word) == word for each in told)}


# --- worlds and nodes ------------------------------------------------------------------------------------------------


def _world(world: Views) -> SmallTable:
    head, told = world.stands()
    return SmallTable(head, [{"": name, "now": now} for name, now in told], len(told), most_letters=MOST_LETTERS)


def _node(node: Node) -> SmallTable:
    owner = _owner(node)
    words = _words(owner[0] if owner else None)
    addresses: list[dict[str, object]] = [
        {
            "interface": name, "up": one.up, "link": one.segment.name if one.segment else None,
            "addresses": ", ".join(_both(words, address) for address in one.addresses) or None,
        }
        for name, one in node.interfaces.items()
    ]  # fmt: skip
    bindings = getattr(node, "bindings", None)
    held = f", holds {len(list(bindings))} bindings" if isinstance(bindings, Table) else ""
    if isinstance(node, FlowMobileNode):
        held = f", has {len(list(node.home_addresses))} home addresses for {len(list(node.flows))} flows"
    role = node.network.graph.nodes[node.name]["role"]
    return small_table(f"{node.name}, {role}{held}", addresses, "no interface")


def _both(words: Words, address: object) -> str:
    word = words.address(address)
    return word if word == str(address) else f"{word} ({address})"


# --- tables and what is in them --------------------------------------------------------------------------------------


def _table(table: Table[object, Entry]) -> SmallTable:
    owner, entries = _owner(table), list(table)
    words = _words(owner[0] if owner else None)
    whose = f"{owner[1].name}: {table.name} at {owner[0].now:.3f} s" if owner else table.name
    rows = [shown_row(words, entry.row()) for entry in entries[:MOST_ROWS]]
    about = f" ({ABOUT[table.name]})" if table.name in ABOUT else ""
    return SmallTable(whose + about, rows, len(entries), "empty")


def _entry(entry: Entry) -> SmallTable:
    return small_table(f"a row: {type(entry).__name__}", [shown_row(_words(None), entry.row())])


def _pool(pool: AddressPool) -> SmallTable:
    owner, cost = _owner(pool), pool.cost
    whose = f"{owner[1].name}: home addresses allocated ahead" if owner else "home addresses allocated ahead"
    row: dict[str, object] = {
        "kept ahead": pool.size, "under way": pool.under_way, "allocated ahead": cost.ahead,
        "used by a flow": cost.used, "unused for (s)": round(cost.idle_s, 3),
    }  # fmt: skip
    return small_table(whose, [row])


def _flow(flow: Flow) -> SmallTable:
    world = next((one for one in list(WORLDS) if flow in one.flows()), None)
    words = _words(world)
    where = words.the(flow.home_address) if flow.home_address else "no home address yet"
    caption = f"flow {flow.id}, {flow.app.name} with {flow.cn.name}: {where} over {flow.interface or 'no interface'}"
    return small_table(caption + ("" if flow.is_open else ", ended"), _ways(flow.stats))


def _ways(stats: FlowStatistics) -> list[dict[str, object]]:
    return [{"way": way, **_counts(meter)} for way, meter in zip(("up", "down"), stats, strict=True)]


def _counts(meter: Meter) -> dict[str, object]:
    counts: dict[str, object] = {}
    for name in ("sent", "received", "lost", "in_flight", "mean_delay_ms", "worst_delay_ms", "longest_gap_ms"):
        value, told = getattr(meter, name), name.replace("_ms", " (ms)").replace("_", " ")
        counts[told] = round(value, 3) if isinstance(value, float) else value
    return counts


# --- what happened ---------------------------------------------------------------------------------------------------


def _trace(trace: Trace) -> SmallTable:
    world = next((one for one in list(WORLDS) if one.trace is trace), None)
    times: dict[str, Sequence[int]] = {"packet-hops": trace.sent}
    for kind, what in ((TableChanged, "table changes"), (Dropped, "drops"), (Decided, "decisions")):
        times[what] = [record.t_ns for record in trace.records if type(record) is kind]
    rows: list[dict[str, object]] = [
        {"what": what, "number": len(all_ns), "first": seconds(all_ns[0]), "last": seconds(all_ns[-1])}
        for what, all_ns in times.items() if all_ns
    ]  # fmt: skip
    whose = f"trace of world {world.network.number}" if world else "a trace"
    return small_table(whose, rows, "nothing has run yet: world.run(10) first")


def _hop(hop: Hop) -> SmallTable:
    channel, words = hop.channel, _words(None)
    arrived = "lost" if hop.arrived_ns == LOST else seconds(hop.arrived_ns, 6)
    row = {
        "from": f"{channel.sender} ({channel.sender_interface})",
        "to": f"{channel.receiver} ({channel.receiver_interface})", "sent": seconds(hop.sent_ns, 6),
        "arrived": arrived, "octets": hop.packet.size, "says": words.detail(hop.packet) or None,
    }  # fmt: skip
    return small_table(f"packet-hop {hop.number}: {long(hop.packet)}", [row])


def _packet(packet: Packet) -> SmallTable:
    words = _words(None)
    layers = [packet]
    while isinstance(layers[-1].payload, Packet):
        layers.append(layers[-1].payload)
    return small_table(f"{long(packet)}, {packet.size} octets", [_header(words, one) for one in layers])


def _header(words: Words, packet: Packet) -> dict[str, object]:
    return {
        "source": _both(words, packet.source), "destination": _both(words, packet.destination),
        "hop limit": packet.hop_limit,
        "extension headers": ", ".join(in_words(type(one).__name__) for one in packet.extensions) or None,
        "payload": "a packet" if isinstance(packet.payload, Packet) else long(packet),
        "says": None if isinstance(packet.payload, Packet) else words.detail(packet) or None,
    }  # fmt: skip


def _of(record: Decided | Dropped | TableChanged) -> Words:
    """Return the words of the world that has a record."""
    return _words(next((one for one in list(WORLDS) if any(record is each for each in one.trace.records)), None))


def _decided(record: Decided) -> SmallTable:
    words = _of(record)
    row: dict[str, object] = {"at": seconds(record.t_ns), "node": record.node, "what": record.what}
    return small_table(f"decision of {record.node}", [row | {"why": words.in_words(record.why)}])


def _dropped(record: Dropped) -> SmallTable:
    row = {"at": seconds(record.t_ns), "where": record.node, "why": record.reason}
    return small_table(f"packet dropped at {record.node}", [row | _header(_of(record), record.packet)])


def _changed(record: TableChanged) -> SmallTable:
    change, words = record.change, _of(record)
    before, after = (shown_row(words, row) if row else {} for row in (change.before, change.after))
    rows: list[dict[str, object]] = [
        {"field": name, "before": before.get(name), "after": after.get(name)}
        for name in {**before, **after} if before.get(name) != after.get(name)
    ]  # fmt: skip
    key = _both(words, change.key)
    return small_table(f"{record.node}: {change.table}, {key}, at {seconds(record.t_ns)}", rows, "no change")


_MAKERS: dict[type, Callable[[Any], SmallTable]] = {
    Views: _world, Node: _node, Table: _table, Entry: _entry, AddressPool: _pool, Flow: _flow, Trace: _trace,
    FlowStatistics: lambda stats: small_table(UP_AND_DOWN, _ways(stats)),
    Meter: lambda meter: small_table("packets of a flow, one way", [_counts(meter)]), Hop: _hop, Packet: _packet,
    Decided: _decided, Dropped: _dropped, TableChanged: _changed,
}  # fmt: skip
