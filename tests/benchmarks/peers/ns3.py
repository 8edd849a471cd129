"""The work with ns-3, a program in C++ (ns3.cc): built with g++ -O3 against the system's library, and run."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from functools import cache, partial
from pathlib import Path

from .work import Measured, Simulator

SOURCE = Path(__file__).with_name("ns3.cc")
MODULES = "applications internet point-to-point traffic-control bridge mobility stats network core".split()
GET = "apt-get install libns3-dev g++ pkg-config"
PPP_HEADER = 2


@cache
def version() -> str:
    """Return the version of ns-3 that a program would be built with, as its package configuration says; "" for none."""
    if shutil.which("g++") is None or shutil.which("pkg-config") is None:
        return ""
    asked = subprocess.run(["pkg-config", "--modversion", "ns3-applications"], capture_output=True, text=True)
    return asked.stdout.strip()


@cache
def program(protocol: str) -> Path:
    """Build the program for "IPv4" or "IPv6", once in this process; what is built is removed with it."""
    folder = tempfile.TemporaryDirectory(prefix="mipflow-ns3-")
    _KEPT.append(folder)
    built = Path(folder.name) / "ns3"
    libraries = [f"-lns3-{name}" for name in MODULES]
    command = ["g++", "-O3", "-std=c++17", f"-DWITH_{protocol.upper()}", str(SOURCE), "-o", str(built), *libraries]
    subprocess.run(command, check=True)
    return built


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def run(protocol: str, length_s: int) -> Measured:
    """Do the work."""
    done = subprocess.run([program(protocol), str(length_s)], check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    return Measured(told["hops"], told["spent_s"], tuple(told["delays_ms"]))


NS3_IPV4, NS3_IPV6 = (
    Simulator(f"ns-3 in C++, {protocol}", GET, version, partial(run, protocol), PPP_HEADER)
    for protocol in ("IPv4", "IPv6")
)
