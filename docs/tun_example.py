"""Put a home agent or a correspondent node of mipflow on a TUN interface of Linux: see docs/tun.md. Needs root.

    python docs/tun_example.py correspondent mip0      # in one shell, then in another:
    ip link set mip0 up; ip -6 addr add 2001:db8:c1::2/64 dev mip0 nodad; ping 2001:db8:c1::1
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import struct
import time

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


def open_tun(name: str) -> int:
    """The file of a TUN interface, made if it is not there: packets without a link layer, one for each read and write.
    """
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def make_port(role: str) -> BytePort:
    """A network of one node, whose address ends in ::1, and the port on its link. Nothing of it is real yet."""
    assert layers.inet6  # scapy takes most of a second to load: now, not when the first packet is here
    network = Network(seed=int.from_bytes(os.urandom(8), "big"), trace="off")  # tokens that nobody can guess
    link = network.add_segment("tun", Link(delay_ms=0, rate_bps=None), Prefix.parse(PREFIXES[role]))
    port = BytePort(network, link)
    if role == "home-agent":
        HomeAgent(network, "HA").serve_home(link, 1)
    else:
        CorrespondentNode(network, "CN").settle(link, 1)
    return port


def serve(port: BytePort, tun: int) -> None:
    """Carry octets between the file and the port, and give it the time: the one loop that a real clock needs."""
    start_ns = time.monotonic_ns()
    while True:
        due_ns, now_ns = port.next_ns(), time.monotonic_ns() - start_ns
        wait_s = None if due_ns is None else max(due_ns - now_ns, 0) / 1e9
        readable, _, _ = select.select([tun], [], [], wait_s)
        now_ns = time.monotonic_ns() - start_ns
        departed = port.receive_octets(os.read(tun, LONGEST), now_ns) if readable else port.poll(now_ns)
        for octets in departed:
            try:
                os.write(tun, octets)
            except OSError as error:  # the interface is down: what leaves meanwhile is lost, as on any link
                print(f"not sent: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("role", choices=PREFIXES)
    parser.add_argument("interface", help="name of the TUN interface, such as mip0")
    chosen = parser.parse_args()
    tun = open_tun(chosen.interface)
    port = make_port(chosen.role)
    print(f"{chosen.role} at {PREFIXES[chosen.role].replace('/64', '1')} on {chosen.interface}", flush=True)
    try:
        serve(port, tun)
    except KeyboardInterrupt:
        pass
    finally:
        os.close(tun)


if __name__ == "__main__":
    main()
