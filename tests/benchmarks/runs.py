"""`mipflow run` on captures of many packets and of many flows: processor time and memory of a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from mipflow.sim.clock import NS_PER_S
from mipflow.wire.address import Address
from mipflow.wire.captures import capture
from mipflow.wire.packet import TCP, UDP, Packet

Line = tuple[str, str, str]
"""The measured thing, its value, and the value to reach."""

PACKETS, FLOWS = (10_000, 100_000, 300_000), (10, 100, 728, 3_000)
FEW_FLOWS, PER_FLOW = 10, 20
"""Flows where their number is fixed, and packets of each flow where it is not."""
PER_S, ROUNDS = 1_000, 3
"""Packets a second of all flows, and runs of which the median counts."""
WITH = {(): "memory as of 10,000", ("pcap",): "memory as of 10,000", ("html", "pcap"): "of 100,000 at most 4 s"}
"""Files that are asked for -> what to reach."""
BEGIN_NS = 1_700_000_000 * NS_PER_S
MEASURED = """
import json, resource, sys
from mipflow.cli import main
status = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
with open("/proc/self/status", encoding="ascii") as lines:  # the most since it began; ru_maxrss counts its parent's
    most_kb = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(json.dumps((status, used.ru_utime + used.ru_stime, most_kb / 1024)), file=sys.stderr)
"""
"""Runs the command, then writes its status, processor seconds and most MB at once to standard error."""


def traffic(packets: int, flows: int) -> Iterator[tuple[int, Packet]]:
    """Yield the packets of flows that take turns: every third one uploads over TCP, the others are UDP both ways."""
    laptop = Address("2001:db8:10::10")
    positions = [0] * flows
    for number in range(packets):
        flow, turn = number % flows, number // flows
        near, far, server = 40_000 + flow, 5_000 + flow % 7, Address("2001:db8:20::1") + flow % 20
        ends, payload = (laptop, Address(server)), UDP(near, far, bytes(40 + 160 * (flow % 2)))
        if flow % 3 == 2:
            payload, ends = _segment(near, far, turn, positions, flow), ends[:: 1 if turn % 3 != 1 else -1]
        elif turn % 2:
            payload, ends = UDP(far, near, bytes(160)), ends[::-1]
        yield BEGIN_NS + number * NS_PER_S // PER_S, Packet(*ends, payload)


def _segment(near: int, far: int, turn: int, positions: list[int], flow: int) -> TCP:
    """Return the segment of a turn of an upload: SYN, SYN with ACK, ACK, then two segments and an acknowledgement."""
    if turn < 2:
        return TCP(near, far, 0, 0, syn=True) if not turn else TCP(far, near, 0, 1, syn=True, ack=True)
    if turn % 3 == 1:
        return TCP(far, near, 1, 1 + positions[flow], ack=True)
    data = bytes(turn > 2 and 500)
    positions[flow] += len(data)
    return TCP(near, far, 1 + positions[flow] - len(data), 1, ack=True, payload=data)


def spent(path: Path, packets: int, *files: str) -> tuple[float, float]:
    """Run a capture; return processor seconds and the most MB in memory. `files`: of --html and --pcap."""
    options = [part for name in files for part in (f"--{name}", str(path.with_suffix(f".out.{name}")))]
    told = ["run", "figure2", "--traffic", str(path), "--packets", str(packets), *options]
    command = [sys.executable, "-c", MEASURED, *told, "--handover", "1:cell0@0.1"]
    # As whoever runs it a second time has it: Python keeps the byte code of what it has imported.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    status, took_s, most_mb = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done.stderr
    return took_s, most_mb


def runs() -> Iterator[Line]:
    """Yield lines for more packets of ten flows, then for more flows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traffic.pcap"
        for count in PACKETS:
            capture.write(path, traffic(count, FEW_FLOWS))
            for files, reach in WITH.items():
                found = [spent(path, count, *files) for _ in range(ROUNDS)]
                took_s, most_mb = (median(each) for each in zip(*found, strict=True))
                what = ", ".join(("mipflow run", f"{count:,} packets", *files))
                yield what, f"{took_s:.2f} s, {most_mb:.0f} MB", reach
        for flows in FLOWS:
            capture.write(path, traffic(flows * PER_FLOW, flows))
            took_s, most_mb = spent(path, flows * PER_FLOW)
            yield f"mipflow run, {flows:,} flows", f"{took_s:.2f} s, {most_mb:.0f} MB", "in proportion to the flows"
