"""Put a home agent or a correspondent node of mipflow on a TUN interface of Linux: docs/tun.md says how. Needs root."""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import re
import select
import struct
import sys
import time

from mipflow.errors import TopologyError
from mipflow.mip6 import discovery
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.home_agent import HomeAgent
from mipflow.sim.link import Link
from mipflow.sim.network import Network
from mipflow.sim.port import BytePort
from mipflow.wire import layers
from mipflow.wire.address import Prefix

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PREFIXES = {"correspondent": "2001:db8:c1::/64", "home-agent": "2001:db8:100::/64"}
LONGEST = 65575
REFUSALS = {
    errno.EBUSY: "another program has it; end that program, or take another name",
    errno.EINVAL: "it is there and is no TUN interface of this kind; take another name",
    errno.EPERM: "only root may; run this as root",
}


def open_tun(name: str) -> int:
    """Return the file of a TUN interface, made if it is not there: packets without a link layer, one for each read and
    write.

    Raises `TopologyError` where the name cannot be one, or Linux does not give the interface.
    """
    if not re.fullmatch(r"\w[\w.-]{0,14}", name, re.ASCII):
        raise TopologyError(f"an interface cannot be named {name!r}: take 1 to 15 letters and digits, as mip0", name)
    try:
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        raise TopologyError(f"/dev/net/tun does not open ({error.strerror}): run as root on Linux", name) from error
    try:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    except OSError as error:
        os.close(tun)
        raise TopologyError(f"{name} cannot be used: {REFUSALS.get(error.errno, error.strerror)}", name) from error
    return tun


def make_port(role: str) -> BytePort:
    """Return a network of one node, whose address ends in ::1, and the port on its link. Nothing of it is real yet."""
    assert layers.inet6  # scapy takes most of a second to load: now, not when the first packet is here
    network = Network(seed=int.from_bytes(os.urandom(8), signed=True), trace="off")  # tokens that nobody can guess
    link = network.add_segment("tun", Link(delay_ms=0, rate_bps=None), Prefix.parse(PREFIXES[role]))
    port = BytePort(network, link)
    if role == "home-agent":
        home_agent = HomeAgent(network, "HA")
        home_agent.serve_home(link, 1)
        discovery.of_home_agent(home_agent)
    else:
        CorrespondentNode(network, "CN").settle(link, 1)
    return port


def serve(port: BytePort, tun: int) -> None:
    """Carry octets between the file and the port, and give it the time: the one loop that a real clock needs.

    Raises `TopologyError` when the interface is deleted.
    """
    start_ns = time.monotonic_ns()
    while True:
        due_ns, now_ns = port.next_ns(), time.monotonic_ns() - start_ns
        wait_s = None if due_ns is None else max(due_ns - now_ns, 0) / 1e9
        readable, _, _ = select.select([tun], [], [], wait_s)
        now_ns = time.monotonic_ns() - start_ns
        try:
            octets = os.read(tun, LONGEST) if readable else b""
        except OSError as error:
            raise TopologyError(f"the interface is gone ({error.strerror}): start again to make it anew") from error
        departed = port.receive_octets(octets, now_ns) if octets else port.poll(now_ns)
        for octets in departed:
            try:
                os.write(tun, octets)
            except OSError as error:  # the interface is down: what leaves meanwhile is lost, as on any link
                print(f"not sent: {error}")


def main() -> int:
    """Serve until the interface is gone or Ctrl-C; returns the exit status, 2 for what cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("role", choices=PREFIXES)
    parser.add_argument("interface", help="name of the TUN interface, such as mip0")
    chosen = parser.parse_args()
    port = make_port(chosen.role)  # before the interface has a carrier: who waits for that is answered at once
    try:
        tun = open_tun(chosen.interface)
        print(f"{chosen.role} at {PREFIXES[chosen.role].replace('/64', '1')} on {chosen.interface}", flush=True)
        serve(port, tun)
    except TopologyError as error:
        print(f"tun_example: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
