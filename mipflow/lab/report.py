"""What a run came to, as text of at most 120 columns: flows, handovers, what is not as recorded, what was left out.

Takes a world and its flows; gives lines for a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from mipflow.flow.tables import FLOW_MAPPING_TABLE, HOME_ADDRESS_TABLE
from mipflow.node.recorded import Recorded, Write
from mipflow.sim.clock import NS_PER_S

if TYPE_CHECKING:
    from mipflow.flow.flows import Flow
    from mipflow.lab.replay import Move
    from mipflow.lab.world import World
    from mipflow.sim.meter import Meter
    from mipflow.wire.address import Address

WIDTH = 120
_HEAD = (
    "flow", "protocol, ports", "CN", "home address", "care-of address", "way", "sent", "received", "lost", "mean",
    "worst", "longest",
)  # fmt: skip
_BELOW = ("", "wait for an address", "", "", "then and now", "", "", "", "", "delay", "delay", "gap, ms")
_TO_THE_RIGHT = {0, 6, 7, 8, 9, 10, 11}


def flow_table(flows: Sequence[Flow], before: Mapping[int, Address | None]) -> list[str]:
    """Two lines a flow, up and down. `before`: flow id -> the care-of address that it had at first. Delays in ms."""
    rows: list[tuple[str, ...]] = [_HEAD, _BELOW]
    for flow in flows:
        ends, protocol = flow.running.ends if flow.running is not None else None, flow.app.protocol
        ports = "" if ends is None else f"{ends.near_port} > {ends.far_port}"
        name = f"ping {ends.near_port}" if protocol == "ICMPv6" and ends is not None else f"{protocol} {ports}"
        first, last = before[flow.id], flow.care_of_address
        wait = "none came" if flow.wait_ms is None else f"{flow.wait_ms:.1f} ms"
        home_address, care_of = _text(flow.home_address), _text(first)
        rows.append((str(flow.id), name, flow.cn.name, home_address, care_of, "up", *_figures(flow.stats.up)))
        moved = "" if first == last else f"> {last}"
        rows.append(("", wait, "", "", moved, "down", *_figures(flow.stats.down)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if column in _TO_THE_RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _figures(meter: Meter) -> tuple[str, ...]:
    delays = (meter.mean_delay_ms, meter.worst_delay_ms, meter.longest_gap_ms)
    counts = (meter.sent, meter.received, meter.lost)
    return (*map(str, counts), *("-" if value is None else f"{value:.1f}" for value in delays))


def _text(address: Address | None) -> str:
    return "none" if address is None else str(address)


def handover_lines(world: World, moves: Sequence[Move]) -> list[str]:
    """One sentence for each handover."""
    lines = []
    for move in moves:
        others = [str(number) for number in move.together if number != move.flow.id]
        company = f" and with it {', '.join(others)}, which share its binding" if others else ", and no other"
        end = _acknowledged_s(world, move)
        when = "not acknowledged yet"
        if end is not None:
            when = f"acknowledged {(end - world.start_s - move.at_s) * 1000:.1f} ms later"
        lines.append(f"at {move.at_s:.3f} s flow {move.flow.id} moves to {move.interface}{company}; {when}")
    return lines


def _acknowledged_s(world: World, move: Move) -> float | None:
    """When the binding with the new care-of address was acknowledged, in seconds; None where it was not."""
    optimised = world.mn.mode == "route_optimisation"
    table = FLOW_MAPPING_TABLE if optimised else HOME_ADDRESS_TABLE
    column = "registered_at_cn" if optimised else "care_of_address"
    key = str(move.flow.id if optimised else move.flow.home_address)
    care_of = str(world.mn.interface(move.interface).address)
    for record in world.trace.changes():
        change = record.change
        if record.node == world.mn.name and change.table == table and change.key == key and change.after is not None:
            at_s = record.t_ns / NS_PER_S
            if at_s >= world.start_s + move.at_s and change.after[column] == care_of:
                return at_s
    return None


def delivery_lines(flows: Sequence[Flow]) -> list[str]:
    """Whether the octets of recorded TCP flows arrived, as they were written."""
    total = connections = 0
    lines = []
    for flow in flows:
        app, running = flow.app, flow.running
        if running is None or not isinstance(app, Recorded) or app.protocol != "TCP":
            continue
        connections += 1
        total += running.received_bytes
        written = sum(step.octets for step in app.script if isinstance(step, Write))
        if not running.is_correct:
            lines.append(f"flow {flow.id}: octets arrived that were not written so")
        elif running.received_bytes < written:
            lines.append(f"flow {flow.id}: {running.received_bytes} of {written} octets have arrived")
        elif not running.is_complete:
            lines.append(f"flow {flow.id}: all octets have arrived, but it has not ended")
    if connections and not lines:
        lines = [f"{connections} TCP flows delivered all of their {total} octets, each as it was written"]
    return lines


def listing(title: str, lines: Sequence[str]) -> list[str]:
    """A title and one item a line, folded to the width; nothing where there are no items."""
    folded = [part for line in lines for part in wrap(line, WIDTH - 2, initial_indent="  ", subsequent_indent="    ")]
    return ["", title, *folded] if lines else []
