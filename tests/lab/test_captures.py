"""Captures of all that the lab can show, held against three judges: tshark, `oracles.mobility_faults`, and every
authenticator between mobile node and correspondent computed by hand from the octets of the capture.

Of the package only the nonces of a correspondent are taken (and the permanent token of RFC 4866, which is random);
tokens, Kbm and authenticators are hashlib's and hmac's.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import mipflow as mf
from mipflow.lab.scenarios import LINKS
from mipflow.lab.studies.attacks import ATTACKS, DEFENCES, MALLORY, Means
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_cache import Binding
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.node.host import Host
from mipflow.wire.dhcpv6 import IdentityAssociation, Kind
from tests.flow.allocation.test_dhcpv6_relay import SERVER, Relayed
from tests.lab.frames import OFFICE
from tests.mip6 import octets
from tests.mip6.discovery.test_prefix_discovery import renumbered
from tests.mip6.faults import faulty
from tests.mip6.octets import Message
from tests.mip6.test_attachment import another_network
from tests.oracles import mobility_faults, tshark_complaints

OFTEN = (0.05, 1.5)
ONE_PACKET_MANY_LINKS = ("tcp.analyze_sequence_numbers:FALSE", "esp.do_esp_sequence_analysis:FALSE")
"""Whether segments and ESP packets are in order cannot be seen where each stands once for every link that it crossed;
and those of two ways of different length, or of links that reorder, truly are not. All else is judged.
"""
CALL = mf.apps.Voice(interval_ms=100)


# --- the stories -----------------------------------------------------------------------------------------------------


def there_and_back(world: World, home_follows: bool = False) -> World:
    """Play a call with each correspondent, both moved to the cellular network and one back again."""
    one, other = world.mn.open(world.cn1, CALL), world.mn.open(world.cn2, CALL)
    world.run(5)
    world.mn.handover(one, "cell0", home_follows=home_follows)
    world.mn.handover(other, "cell0")
    world.run(2)
    world.mn.handover(one, "wlan0")
    return world.run(2)


def all_applications() -> World:
    """Play two calls, a video, a file and a ping, moved back and forth; then one is closed and its address freed."""
    world = mf.figure2()
    mn = world.mn
    apps = [CALL, CALL, mf.apps.Video(), mf.apps.FileTransfer(200_000, "down"), mf.apps.Echo()]
    flows = [mn.open(cn, app) for cn, app in zip([world.cn1, world.cn2] * 3, apps, strict=False)]
    world.run(6)
    for interface, home_follows in (("cell0", False), ("wlan0", True), ("cell0", True)):
        for flow in flows:
            mn.handover(flow, interface, home_follows=home_follows)
        world.run(2)
    mn.close(flows[0])
    return world.run(3)


def moving_without_hints() -> World:
    """Move between two access networks, home, and away again, by router advertisements alone."""
    world = mf.figure2(advertisements=OFTEN, link_hints=False)
    world.mn.interface("cell0").set_up(False)
    world.mn.open(world.cn1, CALL)
    world.run(6)
    for segment in (
        another_network(world, OFTEN), world.network.segments["wlan0"], world.network.segments["home"],
        world.network.segments["wlan0"],
    ):  # fmt: skip
        world.mn.visit("wlan0", segment)
        world.run(8)
    assert len(world.cn1.bindings) == 1
    return world


def interface_failure() -> World:
    world = mf.figure2()
    world.mn.open(world.cn1, CALL, "wlan0")
    world.run(5)
    world.mn.interface("wlan0").set_up(False)
    return world.run(6)


def home_agent_discovery() -> World:
    world = mf.figure2(home_agents=2)
    world.mn.open(world.cn1, CALL)
    return world.run(6)


def renumbering() -> World:
    world = mf.figure2()
    world.mn.open(world.cn1, CALL)
    return renumbered(world, valid_s=30).run(45)


def dhcpv6() -> World:
    relayed = Relayed()
    relayed.send(IdentityAssociation(1))
    relayed.send(SERVER, IdentityAssociation(1), kind=Kind.REQUEST)
    return relayed.world


def collision() -> World:
    """Play status 134: a host at home has the home address."""
    world = mf.figure2()
    Host(world.network, "squatter").settle(world.network.segments["home"], 0x10)
    world.run(6)
    assert "134" in statuses(world)
    return world


def out_of_window() -> World:
    """Play status 135 of home agent and correspondent, which both remember a number far ahead."""
    world = mf.figure2()
    flow = world.mn.open(world.cn1, CALL)
    world.run(5)
    for node in (world.ha, world.cn1):
        for binding in list(node.bindings):
            node.bind(replace(binding, sequence=(binding.sequence + 500) & 0xFFFF))
    world.mn.handover(flow, "cell0", home_follows=True)
    world.run(5)
    assert "135" in statuses(world)
    return world


def expired_nonces() -> World:
    """Play status 136 to 138: the mobile node takes its tokens for younger than they are."""
    world = mf.figure2()
    flow = world.mn.open(world.cn1, CALL)
    world.run(5)
    honest, answers = world.cn1.correspondent._expired_nonces, [136, 137, 138]

    def judge(*arguments: Any) -> Any:
        return mf.wire.mobility.Status(answers.pop(0)) if answers else honest(*arguments)

    world.cn1.correspondent._expired_nonces = judge  # type: ignore[method-assign]
    for _ in range(3):
        world.mn.handover(flow, "cell0" if flow.interface == "wlan0" else "wlan0")
        world.run(4)
    assert {"136", "137", "138"} <= statuses(world)
    return world


def refresh() -> World:
    """Have a correspondent ask for a binding that is near its end, which the mobile node has forgotten to refresh."""
    world = mf.figure2()
    world.mn.open(world.cn1, CALL)
    world.run(5)
    for binding in list(world.cn1.bindings):
        short = Binding(
            binding.home_address, binding.care_of_address, binding.sequence, world.network.clock.now + 4 * 10**9,
            wakes_ns=world.network.clock.now + 10**9,
        )  # fmt: skip
        world.cn1.bind(short)
    world.run(6)
    assert any(type(hop.packet.payload).__name__ == "BindingRefreshRequest" for hop in world.trace)
    return world


def attacked(what: str, place: str | None, defence: str) -> World:
    world = mf.figure2(home_router=True, **DEFENCES[defence])
    ears = None if place is None else world.network.segments[place]
    ATTACKS[what](world, Means(ears, has_key=False))
    return world


def bad_links() -> World:
    world = mf.figure2(links=faulty(3))
    flow = world.mn.open(world.cn1, CALL)
    world.mn.open(world.cn2, mf.apps.FileTransfer(20_000, "up"))
    world.run(8)
    world.mn.handover(flow, "cell0")
    world.run(8)
    for name, link in LINKS.items():
        world.network.segments[name].configure(link)
    return world.run(4)


def office() -> World:
    return mf.figure2(traffic=OFFICE, replay={"handovers": ["8:cell0@4.31"]}).run(12)


STORIES: dict[str, Callable[[], World]] = {
    "figure 1": lambda: there_and_back(mf.figure1()),
    "figure 2": all_applications,
    "home follows": lambda: there_and_back(mf.figure2(), home_follows=True),
    "triangular": lambda: there_and_back(mf.figure2(mode="triangular")),
    "tunnel": lambda: there_and_back(mf.figure2(mode="tunnel")),
    "a correspondent without Mobile IPv6": lambda: there_and_back(mf.figure2(correspondents={"CN1": Host})),
    "home router": lambda: there_and_back(mf.figure2(home_router=True)),
    "security": lambda: there_and_back(mf.figure2(security=True)),
    "manual keys": lambda: there_and_back(mf.figure2(security="manual"), home_follows=True),
    "movement without hints": moving_without_hints,
    "interface failure": interface_failure,
    "home agent discovery": home_agent_discovery,
    "renumbering": renumbering,
    "DHCPv6": dhcpv6,
    "134": collision,
    "135": out_of_window,
    "136 to 138": expired_nonces,
    "binding refresh": refresh,
    "enhanced": lambda: there_and_back(mf.figure2(enhanced=True)),
    "stolen without defence": lambda: attacked("steal at the correspondent", None, "none"),
    "stolen": lambda: attacked("steal at the correspondent", "cn1", "return routability"),
    "stolen at home": lambda: attacked("steal at the home agent", "home", "return routability and ESP"),
    "flood": lambda: attacked("flood", "cn1", "return routability"),
    "replayed": lambda: attacked("replay", "wlan0", "return routability"),
    "bad links": bad_links,
    "office": office,
}
QUIET = {"tunnel", "triangular", "134", "DHCPv6"}
"""Scenarios in which nothing is proved to a correspondent."""

FALSE_PROOFS = {"stolen without defence"}
"""Scenarios in which an attacker proves nothing; with both tests overheard its proof is a right one."""

TRUE_REMARKS = {
    # A doubled last ACK comes to a connection that is no more (RFC 9293 section 3.10.7.1).
    "bad links": {"Connection reset (RST)"},
    # The recording's own; what is replayed has its lengths, and zeros for words, which tshark takes for one DNS query.
    "office": {"Connection reset (RST)", "DNS query retransmission. Original request in frame ,Extraneous data"},
}
"""Right warnings of tshark, without their numbers."""

ON_ONE_NODES_LINKS = {"office": "MN"}
"""Scenarios with fragments, captured at one node: tshark takes one that crossed many links for overlapping."""


def statuses(world: World) -> set[str]:
    payloads = (hop.packet.payload for hop in world.trace)
    return {str(int(p.status)) for p in payloads if type(p).__name__ == "BindingAcknowledgement"}  # type: ignore[attr-defined]


# --- the judge of authenticators -------------------------------------------------------------------------------------


@dataclass
class Proofs:
    """Binding updates and acknowledgements of a capture whose authenticator was computed again by hand."""

    good: int = 0
    false: int = 0
    """The same of attackers."""


def packets(path: Path) -> Iterator[bytes]:
    """Read the packets of a raw IP pcap, by the standard library."""
    data = path.read_bytes()
    order, at = "<" if data[0] in (0x4D, 0xD4) else ">", 24
    while at < len(data):
        (kept,) = struct.unpack_from(order + "I", data, at + 8)
        yield data[at + 16 : at + 16 + kept]
        at += 16 + kept


def keys(cn: CorrespondentNode, update: Message, home: bytes, care_of: bytes) -> Iterator[bytes]:
    """Return Kbm of a binding update (section 5.2.6), and with RFC 4866 those that its zero indices may mean."""
    nonces, kcn = cn.nonces, cn.nonces.node_key
    home_index, care_of_index = update.indices
    held: Any = cn.bindings.get(mf.Address(home))
    home_tokens = [octets.home_token(kcn, home, nonces.nonce(home_index))] if home_index else [held.permanent_token]
    if update.lifetime_s == 0:
        care_of_tokens = [b""]
    elif care_of_index == 0:
        care_of_tokens = [bytes(8)]  # early (RFC 4866 section 4.1)
    else:
        # 0xFFFF: the token came in a Care-of Test option, which has no room for its index (RFC 4866 section 5.5).
        indices = [care_of_index] if care_of_index != 0xFFFF else list(range(1, 9))
        care_of_tokens = [octets.care_of_token(kcn, care_of, nonces.nonce(index)) for index in indices]
    return (hashlib.sha1(one + other).digest() for one, other in product(home_tokens, care_of_tokens))


def check_by_hand(world: World, path: Path) -> Proofs:
    """Check every authenticator between mobile node and correspondents; all but the attacker's must be right."""
    cns = {cn.address.packed: cn for cn in world.cns if isinstance(cn, CorrespondentNode)}
    liar, proofs, seen = MALLORY.address(0x666).packed, Proofs(), set()
    proved: dict[tuple[bytes, bytes], list[tuple[bytes, bytes]]] = {}
    """(correspondent, home address) -> what its answers may be proved with: with 135 comes another sequence number."""
    for packet in packets(path):
        message = octets.read(packet)
        if message is None or message.name not in ("BU", "BA") or 5 not in message.options:
            continue
        is_update = message.name == "BU"
        cn = message.destination if is_update else message.source
        home = message.home or (message.source if is_update else message.destination)
        if (message.octets, cn, home) in seen or cn not in cns:
            continue
        seen.add((message.octets, cn, home))
        key = (cn, home)
        if is_update:
            care_of = message.options.get(3, message.source)
            signed = care_of if message.lifetime_s else home
            candidates = [(kbm, signed) for kbm in keys(cns[cn], message, home, care_of)]
        else:
            candidates = proved.get(key, [])
        right = [
            (kbm, signed) for kbm, signed in candidates
            if octets.authenticator(kbm, signed, cn, message) == message.authenticator
        ]  # fmt: skip
        if is_update:
            proved.setdefault(key, []).extend(right)
        assert right or liar in (message.source, message.destination), f"{message.text} {message.octets.hex()}"
        proofs.good += bool(right)
        proofs.false += not right
    return proofs


def upper_layer(packet: bytes) -> tuple[bytes, bytes, int, bytes]:
    """Return source and destination with home addresses in their places, next header and octets of what a packet
    carries, out of its tunnels.
    """
    source, destination, number, at = packet[8:24], packet[24:40], packet[6], 40
    while number in (43, 60):
        if number == 43 and packet[at + 2] == 2 and packet[at + 3]:
            destination = packet[at + 8 : at + 24]
        elif number == 60 and b"\xc9\x10" in packet[at : at + 8 * (packet[at + 1] + 1)]:
            option = packet.index(b"\xc9\x10", at) + 2
            source = packet[option : option + 16]
        number, at = packet[at], at + 8 * (packet[at + 1] + 1)
    return upper_layer(packet[at:]) if number == 41 else (source, destination, number, packet[at:])


def quotes_a_right_checksum(packet: bytes) -> bool:
    """Return True for an ICMPv6 error that quotes UDP behind a type 2 routing header or a Home Address option with its
    checksum right by hand.

    tshark sums a quoted packet with the addresses of its IPv6 header, though it was made with those that the two ends
    see (RFC 8200 section 8.1, RFC 6275 section 11.3.1).
    """
    _, _, number, error = upper_layer(packet)
    if number != 58 or error[0] >= 128:
        return False
    source, destination, number, datagram = upper_layer(error[8:])
    if number != 17 or (source, destination) == (error[16:32], error[32:48]):
        return False
    summed = source + destination + struct.pack(">I3xB", len(datagram), 17) + datagram + bytes(len(datagram) % 2)
    return sum(struct.unpack(f">{len(summed) // 2}H", summed)) % 0xFFFF == 0


def complaints(path: Path, tshark: str) -> set[str]:
    """Return tshark's complaints, without its numbers, but for checksums that it sums up wrong."""
    octets_of = list(packets(path))
    found = set()
    for line in tshark_complaints(path, tshark, *ONE_PACKET_MANY_LINKS):
        number, _, message = line.partition("\t")
        if not (message.startswith("Bad checksum") and quotes_a_right_checksum(octets_of[int(number) - 1])):
            found.add(re.sub(r"\d+", "", message))
    return found


@pytest.mark.parametrize("story", STORIES)
def test_nothing_is_wrong_in_the_capture(story: str, tmp_path: Path, tshark: str) -> None:
    """RFC 6275 sections 5.2.5, 5.2.6, 6.1 to 6.4 and 9.5.4: checksums, lengths, alignment, tokens, Kbm, proofs."""
    world = STORIES[story]()
    path = tmp_path / "story.pcap"
    assert world.pcap(path) == len(world.trace) > 10
    assert mobility_faults(path) == []
    proofs = check_by_hand(world, path)
    assert (proofs.good > 0) == (story not in QUIET), proofs
    assert (proofs.false > 0) == (story in FALSE_PROOFS), proofs
    if story in ON_ONE_NODES_LINKS:
        world.pcap(path, node=ON_ONE_NODES_LINKS[story])
    assert complaints(path, tshark) == TRUE_REMARKS.get(story, set())
