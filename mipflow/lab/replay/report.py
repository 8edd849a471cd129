"""The outcome of a run as text of at most 120 columns: flows, handovers, arrivals, and frames that were left out.

Takes a world and its flows; gives lines for a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from textwrap import wrap

from mipflow.flow.applications.flows import Flow
from mipflow.flow.tables import FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE, listed
from mipflow.lab.replay.replay import Move
from mipflow.lab.world import World
from mipflow.mip6.registrations.steps import WAITS
from mipflow.node.applications.recorded import RecordedRunning
from mipflow.sim.clock import seconds
from mipflow.sim.meter import Meter
from mipflow.wire.address import Address

WIDTH = 120
MOST_FLOWS = 60
"""The most flows in the table; the others are summed up."""
MOST_NOTES = 60
"""The most notes of one kind; the others are counted."""
_HEAD = "flow|protocol, ports|CN|home address|care-of address|way|sent|received|lost|mean|worst|longest".split("|")
_BELOW = "|wait for an address|||then and now|||||delay|delay|gap, ms".split("|")
_SIDES = "><<<<<>>>>>>"


def shown(flows: Sequence[Flow], moves: Sequence[Move]) -> list[Flow]:
    """Choose the flows that a table shows: all, or of many those that were asked to move, then those that moved with
    them, then the largest.
    """
    asked, together = {move.flow.id for move in moves}, {number for move in moves for number in move.together}

    def rank(flow: Flow) -> tuple[bool, bool, int]:
        return flow.id not in asked, flow.id not in together, -flow.stats.up.sent - flow.stats.down.sent

    kept = {flow.id for flow in sorted(flows, key=rank)[: max(MOST_FLOWS, len(asked))]}
    return [flow for flow in flows if flow.id in kept]


def rest_lines(flows: Sequence[Flow], table: Sequence[Flow]) -> list[str]:
    """Return one sentence about the flows that are not in the table; nothing where all are."""
    rest = [meter for flow in flows if flow not in table for meter in flow.stats]
    sums = (sum(getattr(meter, name) for meter in rest) for name in ("sent", "received", "lost"))
    counts = ", ".join(f"{name} {total}" for name, total in zip(("sent", "received", "lost"), sums, strict=True))
    return [f"{len(rest) // 2} further flows are not shown; together {counts}."] * bool(rest)


def loss_lines(flows: Sequence[Flow], table: Sequence[Flow]) -> list[str]:
    """Report where and why packets were lost: a line for each flow of the table and direction, one for all others."""
    return _lines(flows, table, lambda meter: meter.lost_why)


def under_way_lines(flows: Sequence[Flow], table: Sequence[Flow]) -> list[str]:
    """Report how many packets are neither received nor lost yet, in such lines."""
    return _lines(flows, table, lambda meter: Counter({"still under way": meter.in_flight}))


def _lines(flows: Sequence[Flow], table: Sequence[Flow], counts: Callable[[Meter], Counter[str]]) -> list[str]:
    lines, rest = [], Counter[str]()
    for flow in flows:
        for way, meter in zip(("up", "down"), flow.stats, strict=True):
            if flow not in table:
                rest += counts(meter)
            elif counts(meter).total():
                lines.append(f"flow {flow.id} {way}: {_reasons(counts(meter))}")
    return lines + [f"flows that are not shown: {_reasons(rest)}"] * bool(rest)


def _reasons(lost_why: Counter[str]) -> str:
    """Return such as "3 CN1: hop limit exceeded; 1 wlan0: queue full": the most frequent reason first."""
    return "; ".join(f"{count} {why}" for why, count in lost_why.most_common())


def flow_table(flows: Sequence[Flow], before: Mapping[int, Address | None]) -> list[str]:
    """Return two lines a flow, up and down. `before`: flow id -> the care-of address that it had at first. Delays in
    ms.
    """
    rows = [_HEAD, _BELOW]
    for flow in flows:
        assert flow.running is not None
        ends, protocol = flow.running.ends, flow.app.protocol
        name = f"ping {ends.near_port}" if protocol == "ICMPv6" else f"{protocol} {ends.near_port} > {ends.far_port}"
        wait = "none came" if flow.wait_ms is None else f"{flow.wait_ms:.1f} ms"
        then, now = before[flow.id], flow.care_of_address
        places = [flow.cn.name, str(flow.home_address or "none"), str(then or "none")]
        rows.append([str(flow.id), name, *places, "up", *_figures(flow.stats.up)])
        rows.append(["", wait, "", "", "" if then == now else f"> {now}", "down", *_figures(flow.stats.down)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [[f"{cell:{side}{width}}" for cell, side, width in zip(row, _SIDES, widths, strict=True)] for row in rows]
    return ["  ".join(line).rstrip() for line in lines]


def _figures(meter: Meter) -> list[str]:
    delays = (meter.mean_delay_ms, meter.worst_delay_ms, meter.longest_gap_ms)
    counts = (meter.sent, meter.received, meter.lost)
    return [*map(str, counts), *("-" if value is None else f"{value:.1f}" for value in delays)]


def handover_lines(world: World, moves: Sequence[Move]) -> list[str]:
    """Return one sentence for each handover."""
    lines = []
    for move in moves:
        others = listed([number for number in move.together if number != move.flow.id])
        company = f" and with it {others}, which share its binding" if others else ", and no other"
        took_ms = _took_ms(world, move)
        waits = ", then ".join(_waits(world, move, took_ms))
        end = "not acknowledged yet" if took_ms is None else f"acknowledged {took_ms:.1f} ms later"
        end += f", {'it waits' if took_ms is None else 'it had to wait'} for {waits}" if waits else ""
        own = "" if world.replay is None else world.replay.recording.beside(seconds(move.at_s))
        lines.append(f"at {move.at_s:.3f} s{own} flow {move.flow.id} moves to {move.interface}{company}; {end}")
    return lines


def _took_ms(world: World, move: Move) -> float | None:
    """Return how long it took until the binding with the new care-of address was acknowledged; None where it was not.
    """
    row = (HOME_ADDRESS_TABLE, str(move.flow.home_address), "care_of_address")
    if world.mn.mobility.mode == "route_optimisation":
        row = (FLOW_MAPPING_TABLE, str(move.flow.id), "registered_at_cn")
    start_ns, care_of = seconds(world.start_s + move.at_s), str(world.mn.interface(move.interface).address)
    for record in world.trace.changes():
        table, key, _, after = record.change
        is_of_flow = record.node == world.mn.name and (table, key) == row[:2]
        if is_of_flow and record.t_ns >= start_ns and after is not None and after[row[2]] == care_of:
            return (record.t_ns - start_ns) / 1e6
    return None


def _waits(world: World, move: Move, took_ms: float | None) -> list[str]:
    """Return the reasons for which its registrations had to wait until they were acknowledged."""
    names = {str(peer.address): peer.name for peer in (move.flow.cn, *world.home_agents)}
    pairs = tuple(f"{move.flow.home_address} at {address}: " for address in names)
    start_ns = seconds(world.start_s + move.at_s)
    end_ns = world.network.clock.now if took_ms is None else start_ns + round(took_ms * 1e6)
    said = [d.why for d in world.trace.decisions() if d.what == WAITS and start_ns <= d.t_ns <= end_ns]
    whys = dict.fromkeys(why.partition(": ")[2] for why in said if why.startswith(pairs))
    return [" ".join(names.get(word, word) for word in why.split(" ")) for why in whys]


def delivery_lines(flows: Sequence[Flow]) -> list[str]:
    """Report whether the octets of recorded TCP flows arrived, as they were written."""
    total, zeros, connections, lines = 0, 0, 0, []
    for flow in flows:
        if isinstance(flow.running, RecordedRunning) and flow.app.protocol == "TCP":
            written = sum(side.octets for side in flow.running.script.sides)
            connections, total, zeros = connections + 1, total + written, zeros + flow.running.recorded.zeros
            if not flow.running.is_complete:
                wrong = "" if flow.running.is_correct else ", not all as they were written"
                lines.append(f"flow {flow.id}: {flow.running.received_bytes} of {written} octets have arrived{wrong}")
    if connections and not lines:
        lacking = f"{zeros} of them zeros for what the capture lacks, the others as they were written"
        how = lacking if zeros else "each as it was written"
        return [f"{connections} TCP flows delivered all of their {total} octets, {how}"]
    return lines


def listing(title: str, lines: Sequence[str], most: int | None = None) -> list[str]:
    """Return a title and one item a line, folded to the width, `most` at most; nothing where there are no items."""
    if most is not None and len(lines) > most:
        lines = [*lines[:most], f"and {len(lines) - most} more"]
    folded = [part for line in lines for part in wrap(line, WIDTH - 2, initial_indent="  ", subsequent_indent="    ")]
    return ["", title, *folded] if lines else []
