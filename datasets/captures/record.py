#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Record office.pcap: real programs, real network stacks, four network namespaces.

    laptop ---- access 9 ms ---- router ---- 2 ms ---- www    web server, DNS server
                                        \\--- 12 ms ---- media  iperf3 servers, second web server

The programs are Debian's; the wires between the namespaces are pairs of TAP devices joined by the
class `Wires` below, which holds each frame for the delay of the link, so that nothing of the kernel
is needed but /dev/net/tun. Run as root on Debian:

    apt-get install iproute2 tshark iperf3 curl wget iputils-ping bind9-dnsutils dnsmasq-base
    python3 record.py                 # about 21 s, writes office.pcap beside this script
    python3 record.py --out x.pcap
    python3 record.py --table office.pcap      # the table of flows, by tshark, in Markdown
"""

from __future__ import annotations

import argparse
import fcntl
import heapq
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

SNAP_LENGTH = 96
MAX_FILE_BYTES = 300_000
PROGRAMS = ["ip", "setpriv", "dumpcap", "tshark", "iperf3", "curl", "wget", "ping", "dig", "dnsmasq"]
PREFIX = "mipflow-rec-"  # of the names of our namespaces
WWW6, WWW4 = "2001:db8:20::80", "192.0.2.80"
MEDIA6, MEDIA4 = "2001:db8:30::50", "192.0.2.150"


# --- frames -------------------------------------------------------------------------------------

ETH = 14
VNET = struct.Struct("=BBHHHH")  # struct virtio_net_hdr: flags, type, header, segment, start, offset
NEEDS_CHECKSUM = 1
TCP_FIN_PSH, TCP_CWR = 0x09, 0x80


def internet_checksum(data: bytes) -> int:
    """RFC 1071, through the fact that 2**16 is 1 modulo 65535."""
    padded = data + b"\0" if len(data) % 2 else data
    return 0xFFFF - int.from_bytes(padded, "big") % 0xFFFF


def fill_checksum(frame: bytearray, start: int, offset: int) -> None:
    """Complete the transport checksum of `frame` as the network card of a real host would."""
    frame[start + offset : start + offset + 2] = b"\0\0"
    if frame[ETH] >> 4 == 6:
        addresses, protocol = frame[ETH + 8 : ETH + 40], frame[ETH + 6]
    else:
        addresses, protocol = frame[ETH + 12 : ETH + 20], frame[ETH + 9]
    segment = frame[start:]
    pseudo = bytes(addresses) + struct.pack("!II", len(segment), protocol)
    value = internet_checksum(pseudo + bytes(segment))
    struct.pack_into("!H", frame, start + offset, value or 0xFFFF)


def fill_lengths(frame: bytearray, nth: int) -> None:
    """Set the length fields of the IP header; for IPv4 also identification and checksum."""
    if frame[ETH] >> 4 == 6:
        struct.pack_into("!H", frame, ETH + 4, len(frame) - ETH - 40)
        return
    identification = struct.unpack_from("!H", frame, ETH + 4)[0] + nth
    struct.pack_into("!HH", frame, ETH + 2, len(frame) - ETH, identification & 0xFFFF)
    frame[ETH + 10 : ETH + 12] = b"\0\0"
    header = bytes(frame[ETH : ETH + 4 * (frame[ETH] & 15)])
    struct.pack_into("!H", frame, ETH + 10, internet_checksum(header))


def on_the_wire(data: bytes) -> Iterator[bytes]:
    """What a network card makes of one frame of the kernel: cut to size, checksums filled in."""
    flags, gso_type, _, size, start, offset = VNET.unpack_from(data)
    frame = data[VNET.size :]
    if not flags & NEEDS_CHECKSUM:
        yield frame
        return
    if not gso_type:
        whole = bytearray(frame)
        fill_checksum(whole, start, offset)
        yield bytes(whole)
        return
    body = start + 4 * (frame[start + 12] >> 4)
    sequence = struct.unpack_from("!I", frame, start + 4)[0]
    for nth, at in enumerate(range(body, len(frame), size)):
        part = bytearray(frame[:body] + frame[at : at + size])
        struct.pack_into("!I", part, start + 4, (sequence + at - body) & 0xFFFFFFFF)
        if at + size < len(frame):
            part[start + 13] &= ~TCP_FIN_PSH
        if nth:
            part[start + 13] &= ~TCP_CWR
        fill_lengths(part, nth)
        fill_checksum(part, start, offset)
        yield bytes(part)


# --- wires --------------------------------------------------------------------------------------

TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
CHECKSUM_AND_TSO = 0x01 | 0x02 | 0x04


def open_tap(name: str, offload: bool) -> int:
    """A TAP device; with `offload` the kernel hands over frames larger than the MTU, as to a card."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", VNET.size))
    fcntl.ioctl(fd, TUNSETOFFLOAD, CHECKSUM_AND_TSO if offload else 0)
    return fd


@dataclass
class Direction:
    """One direction of a link: a queue with a limit in bytes, a rate, and a delay."""

    source: int
    target: int
    delay: float  # seconds
    rate: float  # bits per second
    limit: int = 48_000  # bytes waiting
    free_at: float = 0.0
    dropped: int = 0
    waiting: deque[tuple[float, int]] = field(default_factory=deque)

    def accept(self, now: float, size: int) -> float | None:
        """When a frame of `size` bytes that comes now will arrive; None if the queue is full."""
        while self.waiting and self.waiting[0][0] <= now:
            self.waiting.popleft()
        if sum(bytes_ for _, bytes_ in self.waiting) + size > self.limit:
            self.dropped += 1
            return None
        self.free_at = max(now, self.free_at) + 8 * size / self.rate
        self.waiting.append((self.free_at, size))
        return self.free_at + self.delay


class Wires(threading.Thread):
    """Carries the frames of all links, each at its time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.directions: dict[int, Direction] = {}
        self.stopped = threading.Event()

    def join_taps(self, a: int, b: int, delay: float, a_to_b: float, b_to_a: float) -> None:
        self.directions[a] = Direction(a, b, delay, a_to_b)
        self.directions[b] = Direction(b, a, delay, b_to_a)

    def run(self) -> None:
        poll = select.epoll()
        for fd in self.directions:
            poll.register(fd, select.EPOLLIN)
        due: list[tuple[float, int, int, bytes]] = []
        count = 0
        while not self.stopped.is_set():
            wait = due[0][0] - time.monotonic() if due else 0.1
            for fd, _ in poll.poll(min(max(wait, 0.0), 0.1)):
                direction = self.directions[fd]
                for frame in self.read(fd):
                    at = direction.accept(time.monotonic(), len(frame))
                    if at is not None:
                        count += 1
                        heapq.heappush(due, (at, count, direction.target, frame))
            while due and due[0][0] <= time.monotonic():
                _, _, target, frame = heapq.heappop(due)
                self.write(target, frame)
        poll.close()

    @staticmethod
    def read(fd: int) -> Iterator[bytes]:
        try:
            data = os.read(fd, 70_000)
        except OSError:
            return
        yield from on_the_wire(data)

    @staticmethod
    def write(fd: int, frame: bytes) -> None:
        with suppress(OSError):  # the interface at that end is down: the frame is lost, as on a real wire
            os.write(fd, bytes(VNET.size) + frame)

    def stop(self) -> None:
        self.stopped.set()
        if self.is_alive():
            self.join()
        for fd in self.directions:
            os.close(fd)


# --- hosts --------------------------------------------------------------------------------------


def call(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"record.py: `{' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout


class Lab:
    """Namespaces, wires and programs; everything that it started is gone after `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wires = Wires()
        self.programs: list[subprocess.Popen[bytes]] = []
        self.names: list[str] = []
        (folder / "resolv.conf").write_text(f"nameserver {WWW6}\noptions timeout:2\n")

    def host(self, name: str, forwarding: bool = False) -> None:
        space = PREFIX + name
        call("ip", "netns", "add", space)
        self.names.append(space)
        call("ip", "-n", space, "link", "set", "lo", "up")
        switch = int(forwarding)
        for key in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
            self.set(name, key, switch)
        self.set(name, "ipv6.conf.all.accept_ra", 0)
        self.set(name, "ipv6.conf.default.accept_ra", 0)

    def set(self, name: str, key: str, value: int) -> None:
        path = "/proc/sys/net/" + key.replace(".", "/")
        call("ip", "netns", "exec", PREFIX + name, "sh", "-c", f"echo {value} > {path}")

    def port(self, name: str, device: str, mac: str, offload: bool, *addresses: str) -> int:
        fd = open_tap("mfrec-tap", offload)
        try:
            space = PREFIX + name
            call("ip", "link", "set", "mfrec-tap", "netns", space, "name", device, "address", mac)
            for address in addresses:
                call("ip", "-n", space, "address", "add", address, "dev", device)
            call("ip", "-n", space, "link", "set", device, "up")
        except BaseException:
            os.close(fd)
            raise
        return fd

    def default_route(self, name: str, *gateways: str) -> None:
        for gateway in gateways:
            family = "-6" if ":" in gateway else "-4"
            call("ip", family, "-n", PREFIX + name, "route", "add", "default", "via", gateway)

    def start(self, name: str, *words: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a program on a host; it sees the DNS server of the lab and dies with this script."""
        on_host = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", PREFIX + name]
        with_resolver = f'mount --bind "{self.folder}/resolv.conf" /etc/resolv.conf; exec "$@"'
        program = subprocess.Popen(
            [*on_host, "sh", "-c", with_resolver, "sh", *words],
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / "programs.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        self.programs.append(program)
        return program

    def close(self) -> None:
        for program in self.programs:
            if program.poll() is None:
                program.terminate()
        for program in self.programs:
            try:
                program.wait(3)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self.wires.stop()
        for space in self.names:
            subprocess.run(["ip", "netns", "delete", space])


def build(lab: Lab) -> None:
    """The network: one access link and two servers behind a router."""
    for name in ("laptop", "www", "media"):
        lab.host(name)
    lab.host("router", forwarding=True)
    mac = "02:00:5e:00:53:{:02x}".format
    laptop = lab.port("laptop", "eth0", mac(0x10), True, "2001:db8:10::10/64", "192.0.2.10/26")
    access = lab.port("router", "access", mac(0x01), False, "2001:db8:10::1/64", "192.0.2.1/26")
    www = lab.port("www", "eth0", mac(0x80), False, f"{WWW6}/64", f"{WWW4}/26")
    core1 = lab.port("router", "core1", mac(0x02), False, "2001:db8:20::1/64", "192.0.2.65/26")
    media = lab.port("media", "eth0", mac(0x50), True, f"{MEDIA6}/64", f"{MEDIA4}/26")
    core2 = lab.port("router", "core2", mac(0x03), False, "2001:db8:30::1/64", "192.0.2.129/26")
    lab.wires.join_taps(laptop, access, delay=0.009, a_to_b=6e6, b_to_a=20e6)
    lab.wires.join_taps(core1, www, delay=0.002, a_to_b=100e6, b_to_a=100e6)
    lab.wires.join_taps(core2, media, delay=0.012, a_to_b=100e6, b_to_a=100e6)
    lab.default_route("laptop", "2001:db8:10::1", "192.0.2.1")
    lab.default_route("www", "2001:db8:20::1", "192.0.2.65")
    lab.default_route("media", "2001:db8:30::1", "192.0.2.129")
    lab.wires.start()


# --- what the servers serve ---------------------------------------------------------------------


def write_site(folder: Path) -> Path:
    """A page of about 60 kB with four objects; pictures are noise, nobody looks at them."""
    site = folder / "site"
    site.mkdir()
    noise = random.Random(6275)
    words = ["home", "address", "care-of", "binding", "update", "tunnel", "access", "network", "handover"]
    text = " ".join(noise.choice(words) for _ in range(1500))
    (site / "index.html").write_text(
        "<!DOCTYPE html><html><head><title>Office</title>"
        '<link rel="stylesheet" href="style.css"><script src="app.js"></script></head><body>'
        f'<img src="plan.png" alt=""><p>{text}</p><img src="team.jpg" alt=""></body></html>\n'
    )
    (site / "style.css").write_text("p { margin: 0.5em; color: #222 }\n" * 110)
    (site / "app.js").write_text("console.log('an object of the page');\n" * 240)
    (site / "plan.png").write_bytes(noise.randbytes(14_000))
    (site / "team.jpg").write_bytes(noise.randbytes(23_000))
    (site / "notes.txt").write_bytes(noise.randbytes(9_000))
    return site


def start_servers(lab: Lab, site: Path) -> None:
    web = [sys.executable, "-u", "-m", "http.server", "--protocol", "HTTP/1.1", "--bind"]
    lab.start("www", *web, WWW6, "80", cwd=site)
    lab.start("media", *web, MEDIA4, "80", cwd=site)
    lab.start("media", "iperf3", "--server", "--port", "5201")
    lab.start("media", "iperf3", "--server", "--port", "5202")
    lab.start(
        *("www", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-hosts", "--no-resolv"),
        *("--pid-file=", "--bind-interfaces", "--local-ttl=60", "--local=/office.example/"),
        f"--listen-address={WWW6}",
        f"--host-record=www.office.example,{WWW4},{WWW6}",
        f"--host-record=media.office.example,{MEDIA6}",
        f"--host-record=files.office.example,{MEDIA4}",
    )


# --- the recording ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A program that the laptop starts `at` seconds after the recorder."""

    at: float
    command: str


SCRIPT = (  # names are looked up late, so that the long flows come first in the capture
    Step(0.2, f"iperf3 -c {MEDIA6} -p 5201 -u --bidir -b 64k -l 160 -t 15"),
    Step(1.5, f"ping -n -c 10 -i 1 {WWW6}"),
    Step(3.0, f"iperf3 -c {MEDIA6} -p 5202 -n 1000K -b 900k -l 16K"),
    Step(4.0, "dig +tries=2 AAAA media.office.example"),
    Step(4.5, "wget -q -p -P pages http://www.office.example/"),
    Step(7.5, "dig +tries=2 A files.office.example"),
    Step(10.0, "curl -s -S -4 -o notes.txt http://files.office.example/notes.txt"),
    Step(13.0, "dig +tries=2 AAAA nobody.office.example"),
    Step(16.5, "curl -s -S -o again.png http://www.office.example/plan.png"),
)


def give_up(lab: Lab, why: str) -> NoReturn:
    log = (lab.folder / "programs.log").read_text(errors="replace")
    sys.exit(f"record.py: {why}; nothing was written; the programs said:\n{log}")


def wait_until(lab: Lab, ready: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            give_up(lab, f"waited {seconds:g} s for {what}")
        time.sleep(0.05)


def settled(lab: Lab) -> bool:
    """No address of any host is still being checked for duplicates."""
    tentative = (call("ip", "-n", space, "-6", "address", "show", "tentative") for space in lab.names)
    return not any(tentative)


def listening(lab: Lab) -> bool:
    sockets = {name: call("ip", "netns", "exec", PREFIX + name, "ss", "-Hlntu") for name in ("www", "media")}
    return all(port in sockets["www"] for port in (":80 ", ":53 ")) and all(
        port in sockets["media"] for port in (":80 ", ":5201 ", ":5202 ")
    )


def play(lab: Lab) -> None:
    begin = time.monotonic()
    running: list[tuple[Step, subprocess.Popen[bytes]]] = []
    for step in SCRIPT:
        time.sleep(max(0.0, begin + step.at - time.monotonic()))
        print(f"{step.at:5.1f} s  {step.command}", flush=True)
        running.append((step, lab.start("laptop", *step.command.split())))
    for step, program in running:
        try:
            status = program.wait(30)
        except subprocess.TimeoutExpired:
            give_up(lab, f"`{step.command}` did not end in time")
        if status:
            give_up(lab, f"`{step.command}` failed")
    time.sleep(1.0)


def record(lab: Lab, raw: Path) -> None:
    build(lab)
    wait_until(lab, lambda: settled(lab), "the addresses")
    start_servers(lab, write_site(lab.folder))
    wait_until(lab, lambda: listening(lab), "the servers")
    classic_pcap, not_promiscuous = "-P", "-p"
    dumpcap = ["dumpcap", "-q", classic_pcap, not_promiscuous, "-i", "eth0", "-s", str(SNAP_LENGTH)]
    recorder = lab.start("laptop", *dumpcap, "-w", str(raw))
    wait_until(lab, raw.exists, "the recorder")
    time.sleep(0.5)
    play(lab)
    recorder.send_signal(signal.SIGINT)
    recorder.wait(10)
    dropped = sum(direction.dropped for direction in lab.wires.directions.values())
    print(f"frames dropped by full queues on the wires: {dropped}")


@contextmanager
def only_one() -> Iterator[None]:
    with Path(__file__).open() as this:
        try:
            fcntl.flock(this, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("record.py: a recording is running already")
        yield


def remove_leftovers() -> None:
    """Of a run that was killed outright; its programs died with it."""
    for line in call("ip", "netns", "list").splitlines():
        if line.startswith(PREFIX):
            call("ip", "netns", "delete", line.split()[0])
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        shutil.rmtree(folder, ignore_errors=True)


def stop_on(number: int, _: object) -> None:
    sys.exit(f"record.py: stopped by {signal.Signals(number).name}; nothing was written")


def make(out: Path) -> None:
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if os.geteuid() or missing:
        need = f"these programs: {' '.join(missing)}" if missing else "root"
        sys.exit(f"record.py: needs {need} (see the first lines of the script)")
    if not os.access(out.parent, os.W_OK):
        sys.exit(f"record.py: cannot write to the folder {out.parent}; give another one with --out")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on)
    with ExitStack() as stack:
        stack.enter_context(only_one())
        remove_leftovers()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
        lab = Lab(folder)
        stack.callback(lab.close)
        raw = folder / "raw.pcap"
        record(lab, raw)
        size = raw.stat().st_size
        if size > MAX_FILE_BYTES:
            sys.exit(f"record.py: {size} bytes recorded, more than {MAX_FILE_BYTES}; nothing was written")
        beside = out.with_name(out.name + ".part")
        shutil.copyfile(raw, beside)
        beside.replace(out)
    print(f"{out}: {size} bytes")


# --- the table of flows -------------------------------------------------------------------------

FIELDS = (
    *("frame.time_relative", "frame.len", "ipv6.src", "ipv6.dst", "ip.src", "ip.dst"),
    *("tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "icmpv6.echo.identifier"),
)
COLUMNS = (
    "| no. | first at, s | lasts, s | protocol | opened by | to | packets out, in | bytes out, in | largest |"
)


@dataclass
class Flow:
    """A flow as tshark sees it: the side that sent first is the left one."""

    name: str
    left: str
    right: str
    first: float
    last: float = 0.0
    packets: list[int] = field(default_factory=lambda: [0, 0])
    octets: list[int] = field(default_factory=lambda: [0, 0])
    largest: int = 0


def flow_of(row: dict[str, str]) -> tuple[str, str, str]:
    """Protocol, sender and receiver of one line of tshark."""
    source, target = row["ipv6.src"] or row["ip.src"], row["ipv6.dst"] or row["ip.dst"]
    for protocol in ("tcp", "udp"):
        if row[f"{protocol}.srcport"]:
            ports = row[f"{protocol}.srcport"], row[f"{protocol}.dstport"]
            return protocol.upper(), f"{source} {ports[0]}", f"{target} {ports[1]}"
    if row["icmpv6.echo.identifier"]:
        return f"ICMPv6 echo {row['icmpv6.echo.identifier']}", source, target
    return "neighbour discovery, multicast listener reports, ARP", "", ""


def flows(path: Path) -> list[Flow]:
    words = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f"]
    for name in FIELDS:
        words += ["-e", name]
    found: dict[tuple[str, frozenset[str]], Flow] = {}
    for line in call(*words).splitlines():
        row = dict(zip(FIELDS, line.split("\t"), strict=True))
        protocol, source, target = flow_of(row)
        at, size = float(row["frame.time_relative"]), int(row["frame.len"])
        flow = found.setdefault((protocol, frozenset((source, target))), Flow(protocol, source, target, at))
        way = int(source != flow.left)
        flow.packets[way] += 1
        flow.octets[way] += size
        flow.last, flow.largest = at, max(flow.largest, size)
    return list(found.values())


def table(path: Path) -> None:
    print(COLUMNS)
    print("|---:|---:|---:|---|---|---|---:|---:|---:|")
    number = 0
    for flow in flows(path):
        number += bool(flow.right)
        packets, octets = (f"{a}, {b}" for a, b in (flow.packets, flow.octets))
        cells: Sequence[object] = (
            *(
                number if flow.right else "",
                f"{flow.first:.3f}",
                f"{flow.last - flow.first:.3f}",
                flow.name,
                flow.left,
                flow.right,
            ),
            *(packets, octets, flow.largest),
        )
        print("| " + " | ".join(map(str, cells)) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description="Record office.pcap: real programs, network namespaces.")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("office.pcap"))
    parser.add_argument("--table", type=Path, metavar="PCAP", help="only print its table of flows")
    arguments = parser.parse_args()
    if arguments.table:
        table(arguments.table)
    else:
        make(arguments.out)


if __name__ == "__main__":
    main()
