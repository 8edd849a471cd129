"""A Python without IPv6 sockets or without `cryptography`, as in a browser: simulated in a Python of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

NO_CRYPTOGRAPHY = """
import sys

class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "cryptography":
            raise ModuleNotFoundError("No module named 'cryptography'", name=name)

sys.meta_path.insert(0, Refuses())
"""
NO_IPV6 = """
import socket, sys

def refusing(convert):
    def converted(family, given):
        if family == 10:
            raise OSError("can't use AF_INET6, IPv6 is disabled")
        return convert(family, given)
    return converted

socket.has_ipv6 = False
socket.inet_pton, socket.inet_ntop = refusing(socket.inet_pton), refusing(socket.inet_ntop)
kept = socket.inet_pton, socket.inet_ntop
sys.platform = "emscripten"  # which scapy does not know
"""
NO_CONVERSIONS = """
import socket

socket.has_ipv6 = False
del socket.inet_pton, socket.inet_ntop, socket.AF_INET6
"""
IMPORTED_BEFORE = """
import logging

logging.disable()  # it complains before we are asked
import scapy.config
logging.disable(logging.NOTSET)
"""

STORY = """
import mipflow as mf

world = mf.figure2(seed=7, wire=True)
page = world.mn.open(world.cn1, mf.apps.FileTransfer(20_000))
call = world.mn.open(world.cn1, mf.apps.Voice(interval_ms=200))
world.run(3)
world.mn.handover(call, "cell0")
world.run(1)
world.pcap("story.pcap")
print(world.trace.digest())
print(world.inspect(17).describe(), world.ladder().describe())
"""


def run(before: str, then: str, folder: Path) -> tuple[str, bytes]:
    """Run a Python of its own: return its output and the capture that it leaves; nothing may come on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", before + then], cwd=folder, capture_output=True, text=True, timeout=600,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    capture = folder / "story.pcap"
    return done.stdout, capture.read_bytes() if capture.exists() else b""


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    return run("", STORY, tmp_path_factory.mktemp("ordinary"))


@pytest.mark.parametrize(
    ("bare", "after"),
    [
        (NO_IPV6 + NO_CRYPTOGRAPHY, "assert not socket.has_ipv6 and (socket.inet_pton, socket.inet_ntop) == kept"),
        (NO_CONVERSIONS, "assert not socket.has_ipv6 and not hasattr(socket, 'inet_pton')"),
        (NO_IPV6 + IMPORTED_BEFORE, ""),
    ],
    ids=["refused", "gone", "before"],
)
def test_a_world_is_the_same_to_the_octet_and_others_find_the_sockets_as_they_were(
    ordinary: tuple[str, bytes], bare: str, after: str, tmp_path: Path
) -> None:
    assert run(bare, STORY + after, tmp_path) == ordinary


CALLS = {
    "mf.figure2(security=True)": "security=True",
    'mf.figure1(security="manual")': "security=True",
    "mf.figure2(enhanced=True)": "enhanced=True",
    'mf.figure2(correspondents={"CN1": partial(CorrespondentNode, part=EnhancedCorrespondent)})': "enhanced=True",
    "cga.key_pair(1)": "enhanced=True",
    'cga.proves(mf.figure2().cn1.address, b"", b"", b"")': "enhanced=True",
    'cga.encrypted(b"", b"secret", Random(1))': "enhanced=True",
    "esp.protect(Packet(ONE, TWO, UDP(1, 2)), esp.EspKeys(1, bytes(16), bytes(32)), 1, bytes(16))": "ESP",
}  # fmt: skip
NEEDS = """
from functools import partial
from random import Random
import mipflow as mf
from mipflow.errors import ProtocolMisuse
from mipflow.mip6.enhanced import cga
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.enhanced.correspondent_node import EnhancedCorrespondent
from mipflow.wire import esp
from mipflow.wire.address import Address
from mipflow.wire.packet import UDP, Packet

ONE, TWO = Address("2001:db8::1"), Address("2001:db8::2")
for call in {calls!r}:
    try:
        eval(call)
    except ProtocolMisuse as error:
        print(error)
    else:
        print(call, "is done")
"""


def test_what_needs_cryptography_says_so_in_one_line_at_the_call(tmp_path: Path) -> None:
    said, _ = run(NO_CRYPTOGRAPHY, NEEDS.format(calls=list(CALLS)), tmp_path)
    for line, (call, purpose) in zip(said.splitlines(), CALLS.items(), strict=True):
        assert purpose in line and "needs the package cryptography, which is not here" in line, call
        assert "No module named 'cryptography'" in line and "pip install cryptography" in line


@pytest.mark.parametrize("before", ["", NO_IPV6])
def test_layers_that_few_worlds_need_load_when_they_are_asked_for(tmp_path: Path, before: str) -> None:
    loads = """
import sys
from mipflow.wire import layers

for name in ("inet6", "dhcp6"):
    getattr(layers, name)
    print(name, *(each for each in ("dhcp6", "ipsec") if f"scapy.layers.{each}" in sys.modules))
"""
    assert run(before, loads, tmp_path)[0] == "inet6\ndhcp6 dhcp6\n"
