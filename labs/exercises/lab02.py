"""Lab 02, the home agent: the update that a learner writes, stories and wrong versions with what is said of each,
questions, and the runs to read from.

A teacher may change all of it. `mipflow.course` finds this file by the number of the lab; the notebook's text is in
labs/source/02_home_agent.py. In stories A and B are registrations at place one and two, for 60 s; H: MN is home, its
row goes; w: 40 s pass; C, D and M are packets: from CN to MN, from CN to a desktop at home, from MN to CN.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from itertools import product
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import ipywidgets
from scapy.layers.inet6 import HAO, MIP6MH_BU, IPv6, IPv6ExtHdrDestOpt, MIP6OptAltCoA
from scapy.packet import Packet as ScapyPacket
from scapy.utils import wrpcap

import mipflow as mf
from mipflow.course.exercises.exercise import Exercise, Step, Verdict, error, passed, wrong
from mipflow.course.exercises.explain import Attempts, explains, then
from mipflow.course.exercises.stories import RAISED, Criterion, Stories, Wrong, outcome
from mipflow.course.exercises.trial import ours
from mipflow.course.identity import Student
from mipflow.course.notebook import Words, show, show_words, words_of
from mipflow.course.predictions import Answer, Question
from mipflow.errors import MipflowError, WireError, shown
from mipflow.lab.interception import CacheEntry, Data, Packet, wrong_packet
from mipflow.lab.outside import Answer as Came
from mipflow.lab.outside import Outside
from mipflow.lab.panels.panel import button, choice, frame, show_in
from mipflow.lab.world import World
from mipflow.node.host import Host
from mipflow.sim.clock import seconds
from mipflow.sim.trace import Dropped
from mipflow.view.drawing.picture import html_table
from mipflow.wire.address import Address

HA, CN, ROUTER = "2001:db8:100::7", "2001:db8:a::5", "2001:db8:200::1"
DESKTOP = "2001:db8:100::55"
ROUTERS = {"AR2": "WLAN router", "AR3": "cellular router"}
TUNNEL_OCTETS = 40
UNIT_S = 4


def in_words(text: str) -> str:
    """Return a sentence of the world with the names that the film gives to routers and links."""
    called = {name: f"the {word}" for name, word in ROUTERS.items()} | {"wlan0": "the WLAN", "cell0": "the cellular link"}
    return re.sub("|".join(called), lambda found: called[found[0]], text)


# --- 2.1: the binding update ------------------------------------------------------------------------------------------


class Own(NamedTuple):
    """A learner's addresses, the number of their update, and how long it is to last."""

    home: str = "2001:db8:100::2a"
    care_of: str = "2001:db8:200::20"
    sequence: int = 1007
    lifetime_s: int = 60


def own(student: Student) -> Own:
    """Return the addresses that a student's number chooses; nobody else on the two links has them."""
    if not student.ids:
        return Own()
    random = student.random("02 update")
    home, care_of = (random.randrange(0x60, 0xFFF) for _ in range(2))
    lifetime_s = random.choice((40, 48, 72, 80, 100, 120))
    return Own(f"2001:db8:100::{home:x}", f"2001:db8:200::{care_of:x}", random.randrange(2000, 30000), lifetime_s)


def card(student: Student) -> Words:
    """Show as a table what the update is to say."""
    mine = own(student)
    rows: list[dict[str, object]] = [
        {"your": "care-of address", "": f"{mine.care_of}; the packet comes from here"},
        {"your": "home address", "": f"{mine.home}, in a Home Address option"},
        {"your": "home agent", "": HA},
        {"your": "number, lifetime", "": f"{mine.sequence}, {mine.lifetime_s} seconds"},
        {"your": "flags", "": "H (home registration), A (please answer), no others"},
    ]
    return words_of("Your binding update says:", rows, "Your binding update")


class Sent(NamedTuple):
    """The fate of an update: the world, what came back, until when the home agent has a row, and drops."""

    world: World
    answers: list[Came]
    until_s: float | None
    drops: list[tuple[float, str]]


SENT_S, PING_S, WAIT_S = 2.0, 4, 18.5
"""When an update is sent, how often CN asks whether somebody is at the home address, how long one watches."""


def sent(update: Any, student: Student, wait_s: float = WAIT_S) -> Sent:
    """Send an update into a running world. Raises WireError for what is no packet, or holds no whole number."""
    mine = own(student)
    for name in ("seq", "mhtime") if isinstance(update, ScapyPacket) and update.haslayer(MIP6MH_BU) else ():
        value = update[MIP6MH_BU].getfieldval(name)
        if not isinstance(value, int | None):  # 60 / 4 is 15.0
            raise WireError(f"{name} is {shown(value)}; expected a whole number, such as {mine.sequence}", value)
    world = mf.plain_mobile_ipv6(seed=1)
    world.further_names = {Address(mine.home): "your H@", Address(mine.care_of): "your CoA"}
    socket = world.cn1.echo(7, Address(mine.home))
    for number in range(1, 30):
        world.network.clock.at(seconds(number * PING_S), lambda _, number=number: socket.send(number, b"are you there"))
    world.run(SENT_S)
    you: Outside = world.port("wlan0")
    world.title = "Your binding update, and what follows"
    before = len(world.trace.records)
    answers = you.send(update, 1.9)
    bound = world.ha.bindings.get(Address(mine.home))
    world.run(wait_s - 1.9)
    drops = [(each.t_ns / 1e9, f"{each.node}: {each.reason}") for each in world.trace.records[before:] if isinstance(each, Dropped)]
    return Sent(world, answers, None if bound is None else bound.expires_at_s, drops)


UPDATE_WRONG = {
    "no IPv6 header, or no update": "Not yet. {what}: an update needs an envelope with two addresses on it, and the envelope an update."
    " Which layer is missing?",
    "an option without a header": "Not yet. HA finds no update in your octets: {came}. Each header names the next one. An option is no"
    " header, it lies in one; your import line has it. How do you get it in there?",
    "to the correspondent": "Not yet. CN says {status}: “home registration not supported”. You asked the one you want to talk to, which is"
    " natural. Who keeps your row?",
    "elsewhere": "Not yet. Your packet goes to {to}: no row is kept for you there; {came}. Who on your home link is to be told?",
    "two addresses exchanged": "Not yet. HA wanted to answer to {source}, and found no way: you live at the address that you call home."
    " Both look alike. Which prefix is the WLAN's?",
    "home address as source": "Not yet. Dropped: a packet from {source} says “I am there”. You do have that address, so it looks right."
    " Your packet leaves from the WLAN: two places, two addresses.",
    "no Home Address option": "Not yet. Dropped: HA knows where you are ({source}), and not who. In most packets the source says both."
    " Where does your home address stand in this one?",
    "another home address": "Not yet. You call {home} your home; {came}. HA serves 2001:db8:100::/64, and your row is {mine.home}. Look at"
    " the table again.",
    "alternate care-of address": "Nearly. Your Alternate Care-of Address option says {alternate}, and HA believes the option. Where do you"
    " live?",
    "scapy's lifetime of 3 units": "Nearly. HA says yes, and forgets you after {lasts} s: at {gone} s CN's packet finds “no route”. You"
    " named no lifetime, so scapy chose 3 units. How long is one, and how many do you want?",
    "seconds in the field": "Nearly. HA keeps you {lasts} s, and you wanted {mine.lifetime_s}. You wrote seconds, as one would; scapy shows"
    " “{shown} sec”. What does the field count in?",
    "lifetime 0": "Not yet. {came}. Zero means “I am home again”, and HA had no row to end. How long do you want to be found?",
    "another lifetime": "Nearly. HA keeps you {lasts} s, you wanted {mine.lifetime_s}. How many units are that?",
    "no H": "Not yet. Silence: HA took you for somebody who asks a correspondent, and you had no proof. The packet is fine, but for a"
    " flag: which one says “be my home agent”?",
    "no A": "Nearly. HA answered, as it must for a home registration, so all looks well. Still, RFC 6275 section 11.7.1 wants one more"
    " flag from you.",
    "flags that you do not mean": "Nearly. Accepted. But your flags are {flags}: K promises keys that survive a move, L a link-local"
    " address to defend, R that you are a router. You have none of them. Who set it?",
    "another sequence number": "Nearly. Accepted, with number {sequence}; yours is {mine.sequence}. It is how HA tells an old update from"
    " a new one.",
    "further layers": "Nearly. Each field says what it should, and still HA keeps no row: {came}. What else is in your packet?"
    " `update.show()` in a new cell lists its layers.",
}  # fmt: skip


def _home_in(packet: Any) -> str | None:
    options = packet[IPv6ExtHdrDestOpt].options if packet.haslayer(IPv6ExtHdrDestOpt) else []
    return next((str(option.hoa) for option in options if isinstance(option, HAO)), None)


def diagnose(packet: Any, mine: Own) -> str:
    """Return the name of the text for an update: fields in order, causes before consequences; empty for a right one."""
    if not (packet.haslayer(IPv6) and packet.haslayer(MIP6MH_BU)):
        return "no IPv6 header, or no update"
    update, source, to, home = packet[MIP6MH_BU], str(Address(packet.src)), str(Address(packet.dst)), _home_in(packet)
    flags = set(str(update.flags))
    home = None if home is None else str(Address(home))
    alternates = [str(each.acoa) for each in update.options if isinstance(each, MIP6OptAltCoA)]
    found = {
        "to the correspondent": to == CN,
        "elsewhere": to != HA,
        "two addresses exchanged": (source, home) == (mine.home, mine.care_of),
        "home address as source": source != mine.care_of,
        "no Home Address option": home is None,
        "another home address": home != mine.home,
        "alternate care-of address": any(str(Address(each)) != mine.care_of for each in alternates),
        "scapy's lifetime of 3 units": update.mhtime == 3,
        "seconds in the field": update.mhtime == mine.lifetime_s,
        "lifetime 0": update.mhtime == 0,
        "another lifetime": update.mhtime * UNIT_S != mine.lifetime_s,
        "no H": "H" not in flags,
        "no A": "A" not in flags,
        "flags that you do not mean": flags != {"H", "A"},
        "another sequence number": update.seq != mine.sequence,
    }  # fmt: skip
    return next((name for name, is_so in found.items() if is_so), "")


def judge_update(answer: Any, student: Student) -> Verdict:
    """Addresses two points, flags, lifetime and number one each; nothing where nothing in it is the learner's own."""
    mine = own(student)
    if not isinstance(answer, ScapyPacket):
        return error("update is no packet; expected layers of scapy's, joined with /, such as IPv6(...) / ...")
    if not answer.haslayer(IPv6) or not answer.haslayer(MIP6MH_BU):
        what = answer.name if not answer.haslayer(MIP6MH_BU) else "An update without an IPv6 header"
        return wrong(UPDATE_WRONG["no IPv6 header, or no update"].format(what=what), matched="no IPv6 header, or no update")
    became = sent(answer, student)  # raises in words for what scapy cannot write
    packet, came = IPv6(bytes(answer)), _came(became)
    if not packet.haslayer(MIP6MH_BU):
        name = "an option without a header"
        return wrong(UPDATE_WRONG[name].format(came=came), matched=name)
    name = diagnose(packet, mine)
    if not name and became.until_s is None:
        return wrong(UPDATE_WRONG["further layers"].format(came=came), 4, matched="further layers")
    if not name:
        after = next(each.after_s for each in became.answers if each.name.startswith("binding acknowledgement"))
        return passed(5, f"Right: after {after:.3f} s HA answers with status 0. In the second before, it asked on the home"
                      " link whether anybody else has your home address. Nobody said so.")
    update = packet[MIP6MH_BU]
    home = _home_in(packet)
    is_own = mine.care_of == packet.src or home == mine.home or update.seq == mine.sequence
    points = (
        2 * ((str(packet.src), home, packet.dst) == (mine.care_of, mine.home, HA)) + (set(str(update.flags)) == {"H", "A"})
        + (update.mhtime * UNIT_S == mine.lifetime_s) + (update.seq == mine.sequence)
    ) * is_own  # fmt: skip
    gone = next((t for t, why in became.drops if "HA: no route" in why), SENT_S + 1 + update.mhtime * UNIT_S)
    said = UPDATE_WRONG[name].format(
        mine=mine, source=packet.src, home=home, to=_named(packet.dst), lasts=update.mhtime * UNIT_S, gone=f"{gone:.2f}",
        shown=update.mhtime * UNIT_S, flags="".join(sorted(set(str(update.flags)))), sequence=update.seq, came=came,
        status=131, alternate=", ".join(str(each.acoa) for each in update.options if isinstance(each, MIP6OptAltCoA)),
    )  # fmt: skip
    return wrong(said, min(points, 4), "M12b" if name == "seconds in the field" else None, matched=name)


def _named(address: str) -> str:
    return f"{address}, scapy's choice where you name none" if address == "::1" else address


def _came(became: Sent) -> str:
    """The first thing that happened after an update, in words."""
    if became.answers:
        name = became.answers[0].name
        return "your own packet came back" if name == "binding update" else name
    return in_words(became.drops[0][1]) if became.drops else "nothing came back"


def read_by_tshark(octets: bytes) -> str:
    """One line of tshark's about a packet, by way of a capture; empty where there is no tshark."""
    program = which("tshark")
    if program is None:
        return ""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "update.pcap"
        wrpcap(str(path), IPv6(octets))
        try:
            done = subprocess.run(
                [program, "-r", str(path), "-T", "fields", *(f"-e{field}" for field in TSHARK_FIELDS), "-E", "separator=|"],
                capture_output=True, text=True, timeout=10, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ""
    read = done.stdout.strip().split("|")
    return ", ".join(f"{name} {value}" for name, value in zip(TSHARK_FIELDS.values(), read, strict=False) if value)


TSHARK_FIELDS = {
    "ipv6.src": "from", "ipv6.dst": "to", "ipv6.opt.mipv6.home_address": "home address",
    "mip6.bu.seqnr": "number", "mip6.bu.lifetime": "lifetime field", "mip6.bu.h_flag": "H", "mip6.bu.a_flag": "A",
}  # fmt: skip


class Sender:
    """`send(update)` in the notebook: each time into a fresh world."""

    def __init__(self, student: Student) -> None:
        self._student = student

    def __call__(self, update: Any) -> Any:
        """Send it, show what came of it, and give its film: the way there, the answer, CN's first packet after it."""
        if update is None or update is ...:
            return show_words("Write update first, and run its cell.")
        try:
            became = sent(update, self._student)
        except MipflowError as failed:
            return show_words(f"{failed}.")
        mine = own(self._student)
        octets = bytes(update)
        lines = [f"Sent at {SENT_S:.0f} s: {len(octets)} octets."]
        lines += [f"Came back: {answer!r}." for answer in became.answers[:3]] or ["Nothing came back."]
        lines += [f"HA has {'no row' if became.until_s is None else f'a row until {became.until_s:.2f} s'} for {mine.home}."]
        lines += [f"At {t:.2f} s {in_words(why)}." for t, why in became.drops[:2]]
        tshark = read_by_tshark(octets)
        lines += [f"Wireshark's tshark reads: {tshark}."] * bool(tshark)
        show("".join(f"<p>{escape(line)}</p>" for line in lines), "\n".join(lines))
        slow = [(SENT_S, SENT_S + 0.1), (3.0, 3.1), (4.0, 4.1)]
        return became.world.animate(SENT_S - 0.05, 4.2, slow=slow)

    def __repr__(self) -> str:
        return "send(update) sends your update into a running world"


# --- 2.2: programs that intercept -------------------------------------------------------------------------------------


@ours
def reference(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
    """Into a tunnel, by a row of the destination that is not over (RFC 6275 section 10.4.2)."""
    entry = cache.get(packet.destination)
    if entry is None or now >= entry.expires_at_s:
        return packet
    return Packet(HA, entry.care_of_address, packet)


def _valid(packet: Packet, cache: dict[str, CacheEntry], now: float) -> CacheEntry | None:
    entry = cache.get(packet.destination)
    return None if entry is None or now >= entry.expires_at_s else entry


def _made(make: Callable[[Packet, CacheEntry], Packet | None]) -> Callable[..., Packet | None]:
    """A program that makes something else of a packet for whom there is a row."""

    def program(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet | None:
        entry = _valid(packet, cache, now)
        return packet if entry is None else make(packet, entry)

    return program


def _by(entry_of: Callable[[Packet, dict[str, CacheEntry]], CacheEntry | None]) -> Callable[..., Packet]:
    """A program that goes by another row."""

    def program(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
        entry = entry_of(packet, cache)
        return packet if entry is None or now >= entry.expires_at_s else Packet(HA, entry.care_of_address, packet)

    return program


def overwrites_in_place(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
    """Writes into the packet."""
    entry = _valid(packet, cache, now)
    if entry:
        packet.destination = entry.care_of_address
    return packet


def never_expires(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
    """Asks no clock."""
    entry = cache.get(packet.destination)
    return Packet(HA, entry.care_of_address, packet) if entry else packet


def expired_only(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
    """The comparison is the wrong way round."""
    entry = cache.get(packet.destination)
    return Packet(HA, entry.care_of_address, packet) if entry and now > entry.expires_at_s else packet


def stumbles(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
    """Takes it that everybody has a row."""
    entry = cache[packet.destination]
    return Packet(HA, entry.care_of_address, packet) if now < entry.expires_at_s else packet


def swallows_all(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet | None:
    """No tunnel, no packet."""
    entry = _valid(packet, cache, now)
    return Packet(HA, entry.care_of_address, packet) if entry else None


def swallows_expired(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet | None:
    """After the end of a row a packet ends too."""
    entry = cache.get(packet.destination)
    if entry is None:
        return packet
    return Packet(HA, entry.care_of_address, packet) if now < entry.expires_at_s else None


def cleans_up(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
    """Takes an old row out."""
    entry = cache.get(packet.destination)
    if entry is not None and now >= entry.expires_at_s:
        del cache[packet.destination]
        return packet
    return Packet(HA, entry.care_of_address, packet) if entry else packet


def remembers() -> Callable[..., Packet]:
    """Makes a program that keeps the first care-of address."""
    known = dict[str, str]()

    def program(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
        if _valid(packet, cache, now) is None:
            return packet
        return Packet(HA, known.setdefault(packet.destination, cache[packet.destination].care_of_address), packet)

    return program


def remembers_at_home() -> Callable[..., Packet]:
    """Makes a program that keeps rows."""
    known = dict[str, CacheEntry]()

    def program(packet: Packet, cache: dict[str, CacheEntry], now: float) -> Packet:
        known.update({packet.destination: cache[packet.destination]} if packet.destination in cache else {})
        entry = known.get(packet.destination)
        return Packet(HA, entry.care_of_address, packet) if entry and now < entry.expires_at_s else packet

    return program


class State(NamedTuple):
    """The state of a story: MN's row (care-of address, end), the time, what has happened since the last packet."""

    row: tuple[str, float] | None = None
    now: float = 0.0
    since: tuple[str, ...] = ()
    number: int = 0
    others_s: float | None = None
    """Until when there are rows of others."""


TOKENS = "A", "B", "H", "w", "C", "D", "M"
ROW_S, WAIT_TOKEN_S = 60.0, 40.0
OTHERS = (("2001:db8:100::1e", "2001:db8:300::1e"), ("2001:db8:100::1e1e", "2001:db8:200::1e1e"))
"""Two phones of others: home address and care-of address; their rows stand before and behind MN's."""
TOLD = {"O": "two other phones register; ", "v": "12 s pass; ", "A": "MN registers at place one; ", "B": "MN registers at place two; ", "H": "MN is home; ", "w": "40 s pass; "}
LONGER = (
    "A w A w C", "A C w A w C", "A w w C A C", "A C B C H C", "O A C", "A O C", "O C", "O A D", "A w v C", "A w v v C",
)  # fmt: skip
"""Stories that tell further versions apart. O: two others register; v: 12 s pass."""


def places(student: Student) -> tuple[str, str]:
    """MN's care-of address at place one and at place two."""
    care_of = own(student).care_of
    return care_of, care_of.replace(":200:", ":300:")


@cache
def stories() -> list[tuple[tuple[()], tuple[str, ...]]]:
    """Stories of at most three events that end with a packet, of four from a registration to C, and some longer ones."""
    told = [
        events for length in (1, 2, 3) for events in product(TOKENS, repeat=length) if events[-1] in "CDM"
    ]  # fmt: skip
    told += [(first, *middle, "C") for first in "AB" for middle in product(TOKENS, repeat=2)]
    return [((), events) for events in (*told, *(tuple(each.split()) for each in LONGER))]


def told_of(packet: object) -> str:
    """A packet in words, as a learner reads it."""
    if not isinstance(packet, Packet):
        return str(packet)
    ends = f"{packet.source} → {packet.destination}"
    return f"{ends}, and inside {told_of(packet.inside)}" if isinstance(packet.inside, Packet) else ends


def go_intercept(
    function: Callable[..., Any], state: State, event: str, student: Student
) -> tuple[State | None, Step | None]:
    """One event; a packet is a step. The cache is a new one each time."""
    one, two = places(student)
    since = (*state.since, event)
    if event in "AB":
        return state._replace(row=(one if event == "A" else two, state.now + ROW_S), since=since), None
    if event == "H":
        return state._replace(row=None, since=since), None
    if event in "wv":
        return state._replace(now=state.now + (WAIT_TOKEN_S if event == "w" else 12.0), since=since), None
    if event == "O":
        return state._replace(others_s=state.now + ROW_S, since=since), None
    home = own(student).home
    source, destination = {"C": (CN, home), "D": (CN, DESKTOP), "M": (home, CN)}[event]
    rows = [] if state.row is None else [(home, *state.row)]
    if state.others_s is not None:
        first, last = ((*each, state.others_s) for each in OTHERS)
        rows = [first, *rows, last]
    cache_ = {whose: CacheEntry(*row) for whose, *row in rows}
    before = repr(cache_)
    due = reference(Packet(source, destination, Data()), dict(cache_), state.now)
    found, failed, why = outcome(function, Packet(source, destination, Data()), cache_, state.now)
    is_touched = repr(cache_) != before
    answer, came, right = told_of(found), f"{source} → {destination}", told_of(due)
    has_row = destination == home and state.row is not None
    outer, _, inner = answer.partition(", and inside ")
    values = {
        "event": event, "events": since, "n": state.number + 1, "got": failed.removeprefix(RAISED) or answer, "due": right,
        "came": came, "outer": outer, "inner": inner, "why": why, "now": f"{state.now:.0f}", "is_touched": is_touched,
        "ends": f"{state.row[1]:.0f}" if state.row else "", "home": home, "destination": destination, "source": source,
        "care_of": state.row[0] if state.row else "", "has_row": has_row, "is_due": "inside" in right,
    }  # fmt: skip
    moves = "".join(TOLD[each] for each in state.since)
    shown: dict[str, object] = {
        "packet": state.number + 1, "before": moves.rstrip("; ") or "nothing", "at, s": values["now"], "comes": came,
        "MN's row": f"{home} at {state.row[0]} until {values['ends']} s" if state.row else "none",
        "yours": values["got"] + " (and the cache is another)" * is_touched,
    }  # fmt: skip
    step = Step(f"{moves}{event}: {came}", answer, failed or (answer, is_touched), (right, False), values, shown)
    return (None if failed else state._replace(since=(), number=state.number + 1)), step


REMEMBERS = (
    "Not yet. In one and the same situation your function gave {first}, and later {then}: it keeps something from call to"
    " call. Who was away an hour ago may be home by now. All that counts stands in the cache."
)


def _answered(fits: Callable[[dict[str, Any]], object]) -> Callable[[Step], bool]:
    return lambda step: bool(fits(step.values))  # type: ignore[arg-type]


INTERCEPT_WRONG = (
    Wrong(
        "overwrites the destination",
        "Not yet. MN got {got}: the new destination stands over the old one, as on a letter that is sent on. Its TCP looks for that"
        " address, and has a row for {home} alone. What would leave the old header as it is?",
        (_made(lambda packet, entry: Packet(packet.source, entry.care_of_address, packet.inside)), overwrites_in_place), "M05",
        _answered(lambda v: v["is_due"] and v["outer"].startswith(CN) and not v["inner"]),
    ),
    Wrong(
        "a new header instead of the old",
        "Not yet. MN got {got}, with bare data behind it. The two addresses are right for a tunnel. But whom was the data from, and"
        " for which of MN's addresses?",
        (_made(lambda packet, entry: Packet(HA, entry.care_of_address, packet.inside)),), "M06a",
        _answered(lambda v: v["is_due"] and v["outer"].startswith(HA) and not v["inner"]),
    ),
    Wrong(
        "outer source is CN",
        "Nearly. The envelope says {outer}. CN did write the letter, so it seems fair; but you wrote the envelope. If it gets lost,"
        " who should hear of it?",
        (_made(lambda packet, entry: Packet(packet.source, entry.care_of_address, packet)),), None,
        _answered(lambda v: v["is_due"] and v["inner"] and v["outer"].startswith(CN)),
    ),
    Wrong(
        "outer destination is H@",
        "Nearly. The envelope goes to {home}: straight back to you. There the letter is to arrive in the end; but where is MN now, and"
        " where must the envelope go?",
        (_made(lambda packet, entry: Packet(HA, packet.destination, packet)),), None,
        _answered(lambda v: v["is_due"] and v["inner"] and v["outer"].endswith(v["home"])),
    ),
    Wrong(
        "outer header turned round",
        "Nearly. The envelope goes {outer}. Both addresses are the right ones. Which way do you send?",
        (_made(lambda packet, entry: Packet(entry.care_of_address, HA, packet)),), None,
        _answered(lambda v: v["is_due"] and v["inner"] and v["outer"].endswith(HA)),
    ),
    Wrong(
        "never tunnels",
        "Not yet. MN is away, at {care_of} until {ends} s, and you sent on {got}: it goes to the home link, where nobody is. How do"
        " you find out that MN is away?",
        (lambda packet, cache, now: packet,), "M06b", _answered(lambda v: v["is_due"] and v["got"] == v["came"]),
    ),
    Wrong(
        "never expires",
        "Nearly. It is {now} s, and MN's row ended at {ends} s. It still stands in the cache, but it is no longer valid. You used it,"
        " and gave {got}. Who may live at that address by now?",
        (never_expires,), "M12a", _answered(lambda v: v["has_row"] and not v["is_due"] and v["inner"]),
    ),
    Wrong(
        "lifetime the wrong way round",
        "Not yet. The row is good until {ends} s, it is {now} s, and you did not use it: you gave {got}. Which of the two times has to be"
        " the smaller one?",
        (expired_only,), None, _answered(lambda v: v["has_row"]),
    ),
    Wrong(
        "stumbles over who is not in the cache",
        "Not yet. A packet to {destination} came, and {got} stopped you: there is no such row. Most machines at home never leave. How"
        " do you ask a dict without falling over?",
        (stumbles,), is_it=lambda steps: steps[-1].values["got"] == "KeyError",
    ),
    Wrong(
        "swallows what it does not tunnel",
        "Not yet. The packet {came} is for somebody who is not away, and you gave {got}. A home agent is a router too: what does a"
        " router do with such a packet?",
        (swallows_all,), None, _answered(lambda v: v["got"] == "None" and not v["has_row"]),
    ),
    Wrong(
        "swallows after the end",
        "Nearly. At {now} s the row of {home} is over, and you gave {got}. To drop the packet seems safe. But a row that is over counts"
        " for nothing. What do you do where there is no row?",
        (swallows_expired,), None, _answered(lambda v: v["got"] == "None" and v["has_row"]),
    ),
    Wrong(
        "looks up the source",
        "Not yet. The packet {came} came, and you gave {got}: you looked for the sender's row. A row says where somebody is reached."
        " Who is to be reached by this packet?",
        (_by(lambda packet, cache: cache.get(packet.source)),), None, _answered(lambda v: not v["has_row"] or v["got"] == v["came"]),
    ),
    Wrong(
        "looks up the source too",
        "Nearly. MN's own packet, {came}, went back to MN: {got}. A row says where somebody is reached. Who is to be"
        " reached by this packet?",
        (_by(lambda packet, cache: cache.get(packet.destination) or cache.get(packet.source)),), None,
        _answered(lambda v: v["event"] == "M"),
    ),
    Wrong(
        "anybody's entry",
        "Not yet. The packet to {destination} became {got}: it went to MN. You took a row without asking whose it is. Who is the"
        " packet for?",
        (_by(lambda packet, cache: next(iter(cache.values()), None)),), None, _answered(lambda v: not v["has_row"] and v["inner"]),
    ),
    Wrong(
        "a row, but whose",
        "Nearly. The packet to {destination} went off as {outer}. There is a row for it, and you took another phone's: with one"
        " phone away both are the same. How does a dict give you the one row that you want?",
        (
            _by(lambda packet, cache: next(iter(cache.values())) if packet.destination in cache else None),
            _by(lambda packet, cache: [*cache.values()][-1] if packet.destination in cache else None),
        ), None, _answered(lambda v: v["is_due"] and v["inner"] == v["came"]),
    ),
    Wrong(
        "touches the cache",
        "Nearly. At {now} s you gave {got}, and that is right. But the cache is another one afterwards. To tidy up is kind, and not"
        " yours: who may end a row?",
        (cleans_up,), None, _answered(lambda v: v["is_touched"]),
        lambda steps: steps[-1].answer == steps[-1].due[0] and bool(steps[-1].values["is_touched"]),
    ),
    Wrong(
        "remembers an old row",
        "Nearly. MN's row says {care_of}, and you gave {got}: that is what an earlier row said. It was right once, and has changed"
        " since. What do you keep between calls?",
        (remembers(),), None, _answered(lambda v: v["is_due"] and v["inner"]),
    ),
    Wrong(
        "remembers who is home",
        "Nearly. MN has no row: it is home, and you gave {got}. The row that you kept had not ended by its time; MN ended it. What do"
        " you keep between calls?",
        (remembers_at_home(),), None, _answered(lambda v: not v["is_due"] and v["inner"]),
    ),
)  # fmt: skip


def _decides(right: Callable[[dict[str, Any]], object]) -> Callable[[Step], bool | None]:
    """About packets for which a tunnel is due, and those where no row is there: a tunnel for all earns nothing."""

    def holds(step: Step) -> bool | None:
        v: dict[str, Any] = dict(step.values)
        if v["is_due"]:
            return bool(v["inner"]) and bool(right(v))
        return None if v["care_of"] else not v["inner"]

    return holds


def _passes_on(step: Step) -> bool | None:
    v = step.values
    if v["is_due"]:
        return False if v["got"] == v["came"] else None
    return None if v["has_row"] else step.is_right


INTERCEPT = Stories(
    name="intercept", parameters="packet, cache, now", check=wrong_packet, tell=lambda student: stories(),
    begin=lambda start, student: State(), go=go_intercept, points=8, wrong=INTERCEPT_WRONG, remembers=REMEMBERS,
    criteria=(
        Criterion("tunnels", 2, _decides(lambda v: True)),
        Criterion("outer addresses", 2, _decides(lambda v: v["outer"] == v["due"].partition(",")[0])),
        Criterion("inner untouched", 2, _decides(lambda v: v["inner"] == v["came"])),
        Criterion("lifetime", 1, lambda step: bool(step.values["inner"]) == step.values["is_due"] if step.values["has_row"] else None),
        Criterion("passes on what is not MN's", 1, _passes_on),
    ),
    kinds=(
        Wrong(
            "another envelope", "Nearly. The packet lies whole in an envelope that says {outer}. An envelope names who writes it, and where"
            " it is to go now. Who writes it, and where is MN?", shows=_answered(lambda v: v["is_due"] and v["inner"] == v["came"]),
        ),
        Wrong(
            "another letter", "Not yet. {came} came, and in your envelope lies {inner}. MN's TCP reads what lies inside. What is it to find"
            " there?", shows=_answered(lambda v: v["is_due"] and v["inner"]),
        ),
    ),
    unknown="Not yet. In the shortest story that goes wrong {came} comes at {now} s, and you gave {got}. Step through the table"
    " below: is there a row, and is it over?",
    passed=lambda function, student: "Eight of eight. You put each packet whole into another one, for as long as its row holds, and"
    " are an ordinary router to all others. What in the packet did you change?",
)  # fmt: skip


def told(program: Callable[..., Any], events: Sequence[str], student: Student) -> list[Step]:
    """The steps of one story."""
    return INTERCEPT.play(program, ((), tuple(events)), student)


# --- The function in the world ----------------------------------------------------------------------------------------

SHORT_S = 12
"""How long rows last in the film, in seconds."""
PHONE = 5060


def in_world(intercept: Callable[..., Any], student: Student) -> tuple[World, str]:
    """MN is called at place one and at place two, then its battery is empty; in between a desktop is called. Gives the
    world, and how many packets came.
    """
    world = mf.plain_mobile_ipv6(seed=1, mode="tunnel", intercept=intercept, home_lifetime_s=SHORT_S)
    desktop = Host(world.network, "Desktop", 2.4, 2.6)
    desktop.settle(world.network.segments["home"], 0x55)
    world.further_names = {desktop.address: "Desktop"}
    heard = {"MN at place one": 0, "MN at place two": 0, "the desktop": 0}
    home = world.mn.primary_home_address
    for host, address in ((world.mn, home), (desktop, desktop.address)):
        _answers_at(host, address)

    def ask(whom: str, address: Address, number: int) -> None:
        socket = world.cn1.udp(PHONE + number, (address, PHONE))  # a port for each: whose answer it is
        socket.on_datagram = lambda _: heard.update({whom: heard[whom] + 1})
        socket.send(b"are you there")

    world.run(4)
    ask("MN at place one", home, 1)
    world.run(1)
    ask("the desktop", desktop.address, 2)
    world.run(1)
    world.mn.handover_all("cell0")
    world.run(1)
    world.mn.interface("wlan0").set_up(False)
    world.run(1)
    ask("MN at place two", home, 3)
    world.run(1)
    world.mn.interface("cell0").set_up(False)
    world.run(SHORT_S + 4)
    before = len(world.trace.records)
    ask("MN at place two", home, 4)
    world.run(1)
    late = [each for each in world.trace.records[before:] if isinstance(each, Dropped)]
    after = f"after the row's end it ends at {in_words(late[0].node)}: {late[0].reason}" if late else "after the row's end it vanishes"
    return world, ", ".join(f"{whom} answers {'once' if count == 1 else 'not at all' if not count else f'{count} times'}"
                            for whom, count in heard.items()) + f"; {after}"


def _answers_at(host: Host, address: Address) -> None:
    """Let a host answer who calls it at one of its addresses: its socket is bound to that one, as a call's is."""
    socket = host.udp(PHONE)
    socket.on_datagram = lambda _: socket.send(b"here I am") if socket.local == address else None


def film(mine: Any, student: Student, steps: Sequence[Step]) -> Any:
    """The learner's function in HA."""
    if mine is None:
        return words_of("Write intercept first: then it serves HA.")
    world, answers = in_world(mine, student)
    failed = world.interceptions[0].failed
    world.title = f"Your function serves HA: {failed or answers}"
    show_words(world.title)
    return world.animate(3.9, slow=[(4, 4.12), (5, 5.1), (8, 8.2), (25, 25.1)])


# --- The run of one's own ---------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """The choices of a student's number: the delays of four links in milliseconds, and octets of voice in a packet."""

    wlan: int = 5
    access: int = 5
    home: int = 10
    cn: int = 10
    voice: int = 160


def plan(student: Student) -> Plan:
    """The plan of a student: the detour is worth measuring, and no two slips give one number."""
    if not student.ids:
        return Plan()
    random = student.random("02 run")
    delays = [random.randrange(low, high) for low, high in ((3, 12), (3, 12), (9, 26), (6, 16))]
    return Plan(*delays, random.choice(VOICE))


VOICE = tuple(octets for octets in range(70, 240, 10) if octets not in (80, 100, 140))
"""Octets of voice in a packet: with the others, two slips would give one number."""
CALL_S = 3.0


def called(
    student: Student, mode: str, ingress_filtering: bool = False, caller: str = "MN", interval_ms: float = 20,
    run_s: float = 2.0, ends_s: float | None = None,
) -> World:  # fmt: skip
    """A call between MN, away, and CN, from 3 s on."""
    wlan, access, home, cn, voice = plan(student)
    spec = {
        "wlan0": mf.Link(delay_ms=wlan, rate_bps=20_000_000), "AR2-Internet": mf.Link(delay_ms=access, rate_bps=1_000_000_000),
        "Internet-HA": mf.Link(delay_ms=home, rate_bps=1_000_000_000), "cn1": mf.Link(delay_ms=cn, rate_bps=100_000_000),
    }  # fmt: skip
    world = mf.plain_mobile_ipv6(seed=1, links=spec, mode=mode, ingress_filtering=ingress_filtering)
    world.run(CALL_S)
    app = mf.apps.Voice(interval_ms=interval_ms, payload_bytes=voice + 12, duration_s=ends_s)
    begin = world.mn.open if caller == "MN" else world.mn.accept
    begin(world.cn1, app)
    world.run(run_s)
    return world


@cache
def run_of(student: Student) -> World:
    """The run that is read from: all in the tunnel."""
    world = called(student, "tunnel")
    world.title = "A call in the tunnel"
    return world


@cache
def triangle_of(student: Student) -> World:
    """The run whose delays are measured: MN answers straight."""
    world = called(student, "triangular")
    world.title = "A call on the triangle"
    return world


class Leg(NamedTuple):
    """A hop of one of CN's packets: its number in the trace, from where to where, when, octets."""

    packet: int
    sender: str
    receiver: str
    left_s: float
    arrived_s: float
    octets: int


@cache
def legs(student: Student) -> list[list[Leg]]:
    """The hops of some of CN's packets in the student's run."""
    return legs_of(run_of(student))


def legs_of(world: World, count: int = 3) -> list[list[Leg]]:
    """The hops of some of CN's packets on their way to MN, the first ones after 4 s."""
    trace, found = world.trace, dict[int, list[Leg]]()  # by the packet itself, in whatever it travels
    home = world.mn.primary_home_address
    for number, packet in enumerate(trace.packets):
        channel, inner = trace.channels[trace.channel[number]], packet.innermost()
        is_first = channel.sender == "CN1" and inner.destination == home and inner.label and trace.sent[number] > 4_000_000_000
        if is_first and len(found) < count:
            found[id(inner)] = []
        if id(inner) in found:
            times = trace.sent[number] / 1e9, trace.arrived[number] / 1e9
            found[id(inner)].append(Leg(number, channel.sender, channel.receiver, *times, packet.size))
    return list(found.values())


def hops(student: Student) -> Words:
    """The hops of a few of CN's packets as a table, without their octets."""
    rows: list[dict[str, object]] = [
        {"packet": leg.packet, **{end: ROUTERS.get(node, node) for end, node in (("from", leg.sender), ("to", leg.receiver))}, "leaves, s": f"{leg.left_s:.5f}", "arrives, s": f"{leg.arrived_s:.5f}"}
        for way in legs(student) for leg in way
    ]  # fmt: skip
    return words_of("Some of CN's call packets, from link to link:", rows, "CN's call packets")


def ride(student: Student) -> tuple[int, int, float]:
    """Return the values that are to be read: octets before HA and after it, and milliseconds from HA to MN."""
    way = legs(student)[0]
    from_ha = next(leg for leg in way if leg.sender == "HA")
    return way[0].octets, from_ha.octets, (way[-1].arrived_s - from_ha.left_s) * 1000


RIDE_MS = 0.5


def _numbers(answer: Any, names: str) -> str:
    """Say what is wrong with three numbers; empty where nothing is."""
    for name, each in zip(names.split(), answer, strict=True):
        if isinstance(each, bool) or not isinstance(each, int | float):
            return f"{name} is no number; expected one such as 12.5."
    return ""


def judge_ride(answer: Any, student: Student) -> Verdict:
    """Octets one point each, the ride two."""
    bad = _numbers(answer, "inner outer ride_ms")
    if bad:
        return error(bad)
    inner, outer, ride_ms = answer
    due, way = ride(student), legs(student)[0]
    right = [inner == due[0], outer == due[1], abs(ride_ms - due[2]) <= RIDE_MS]
    if all(right):
        return passed(4, f"Read well: {due[0]} octets inside {due[1]}, and {due[2]:.1f} ms from HA to MN. The difference is one IPv6 header.")
    points = right[0] + right[1] + 2 * right[2]
    if not right[0] or not right[1]:
        name, value, whole = ("inner", inner, due[0]) if not right[0] else ("outer", outer, due[1])
        if (inner, outer) == (due[1], due[0]):
            return wrong(f"Nearly. {inner:g} octets are those of the whole envelope. Which of the two is inside?", points)
        if value == whole - TUNNEL_OCTETS:
            said = f"Nearly. {value:g} is what the header calls payload length: it leaves out the header's own 40 octets. How many travel?"
            return wrong(said, points)
        if value == plan(student).voice:
            return wrong(f"Not yet. {value:g} octets are voice alone. Which headers stand before it, in packet {way[0].packet}?", points)
        return wrong(f"Not yet. You read {value:g} for {name}. Open the packet that leaves HA for the Internet, and count with its header.", points)
    from_ha = next(leg for leg in way if leg.sender == "HA")
    slips = {
        due[2] / 1000: "Nearly. {given} is in seconds, and the exercise asks for milliseconds.",
        (way[-1].arrived_s - way[0].left_s) * 1000: "Nearly. {given} ms is the whole way from CN. Where does the tunnel begin?",
        (way[-2].arrived_s - from_ha.left_s) * 1000: "Nearly. After {given} ms the packet is at MN's router. One link is still to go.",
        (from_ha.arrived_s - from_ha.left_s) * 1000: "Nearly. {given} ms is HA's first link alone. Where does the tunnel end?",
    }  # fmt: skip
    said = next((words for value, words in slips.items() if abs(ride_ms - value) <= (1e-3 if value < 1 else RIDE_MS)), "")
    said = said or "Not yet. You read {given} ms. Take one packet: when does it leave HA, and when does it arrive at MN?"
    return wrong(said.format(given=f"{ride_ms:g}"), points)


# --- 2.3: the price of the detour -------------------------------------------------------------------------------------


def delays(student: Student) -> tuple[float, float]:
    """Mean delays of the student's run in milliseconds: MN to CN, CN to MN."""
    stats = triangle_of(student).flows()[0].stats
    assert stats.up.mean_delay_ms is not None and stats.down.mean_delay_ms is not None
    return stats.up.mean_delay_ms, stats.down.mean_delay_ms


def measured(student: Student) -> Words:
    """The means, as a table."""
    stats = triangle_of(student).flows()[0].stats
    rows: list[dict[str, object]] = [
        {"direction": name, "packets that came": meter.received, "mean delay, ms": f"{meter.mean_delay_ms:.2f}"}
        for name, meter in (("MN to CN, straight", stats.up), ("CN to MN, by HA", stats.down))
    ]
    voice = plan(student).voice
    text = f"{voice} octets of voice ride in each packet, behind 12 of RTP, 8 of UDP and 40 of IPv6: {voice + 60} in all."
    return words_of(text, rows, "Your call on the triangle")


def cost(up: float, down: float, voice: int) -> tuple[float, float, float]:
    """One way and round trip, as multiples of straight; per cent more octets in the tunnel."""
    return down / up, (up + down) / (2 * up), 100 * TUNNEL_OCTETS / (voice + 60)


TOLERANCES = (0.03, 0.03, 0.5)
Slip = tuple[int, Callable[[float, float, int], float], str, str | None]
COST_WRONG: dict[str, Slip] = {
    "upside down": (0, lambda u, d, v: u / d, "{given}: the detour would be shorter. Which is the longer road?", None),
    "ms, one way": (0, lambda u, d, v: d - u, "{given} is a number of milliseconds. How many times as long?", None),
    "by HA twice": (1, lambda u, d, v: d / u, "{given}: right if both ways took the detour. Follow MN's answer with your finger.", "M07b"),
    "not halved": (1, lambda u, d, v: (u + d) / u, "{given}: you set a round trip against one way. How long is straight, there and back?", None),
    "against the detour": (1, lambda u, d, v: (u + d) / (2 * d), "{given}: you compare with the detour. Compare with straight.", None),
    "ms, by HA": (0, lambda u, d, v: d, "{given} is a number of milliseconds. How many times as long?", None),
    "ms, both ways": (1, lambda u, d, v: u + d, "{given} is a number of milliseconds. How many times as long?", None),
    "of the voice": (2, lambda u, d, v: 4000 / v, "{given}: of the voice alone. A header is a part of the packet too. How long is it before HA?", None),
    "of UDP's data": (2, lambda u, d, v: 4000 / (v + 12), "{given}: without two headers. What length does the link see before HA?", None),
    "without IPv6": (2, lambda u, d, v: 4000 / (v + 20), "{given}: without the inner IPv6 header. What length does the link see before HA?", None),
    "of the longer": (2, lambda u, d, v: 4000 / (v + 100), "{given}: per cent of what it became. Of what it was?", None),
    "a fraction": (2, lambda u, d, v: 40 / (v + 60), "{given}: a fraction, and per cent were asked for.", None),
    "in octets": (2, lambda u, d, v: 40.0, "{given}: octets, and per cent were asked for.", None),
    "two headers": (2, lambda u, d, v: 8000 / (v + 60), "{given}: one of the two IPv6 headers was there before.", None),
    "per cent of": (2, lambda u, d, v: 4000 / (v + 60) + 100, "{given}: per cent of what it was. How much more?", None),
    "twice": (2, lambda u, d, v: 100.0, "{given}: as if each packet travelled twice on that leg. It travels once, in an envelope. How long is that?", "M07a"),
    "nothing": (2, lambda u, d, v: 0.0, "{given}: a tunnel for nothing? Compare the octets that you have read before HA and after.", "M06b"),
}  # fmt: skip
COST_NAMES = "one_way", "round_trip", "more"


def judge_cost(answer: Any, student: Student) -> Verdict:
    """Two points, two, and one."""
    bad = _numbers(answer, " ".join(COST_NAMES))
    if bad:
        return error(bad)
    up, down = delays(student)
    voice = plan(student).voice
    due = cost(up, down, voice)
    right = [abs(given - one) <= most for given, one, most in zip(answer, due, TOLERANCES, strict=True)]
    if all(right):
        return passed(5, f"Right: {due[0]:.2f} times as long one way, {due[1]:.2f} there and back, and {due[2]:.1f} per cent more octets.")
    points = 2 * right[0] + 2 * right[1] + right[2]
    place = right.index(False)
    given = answer[place]
    for name, (which_, formula, said, belief) in COST_WRONG.items():
        value = formula(up, down, voice)
        if which_ == place and abs(given - value) <= min(TOLERANCES[place], 0.01 + abs(value) / 50):
            return wrong(f"Nearly. {COST_NAMES[place]} {said.format(given=f'{given:g}')}", points, belief, matched=name)
    asked = ("CN to MN against MN to CN", "there and back, against straight both ways", "octets after HA against octets before")[place]
    return wrong(f"Not yet. {COST_NAMES[place]} is {given:g} in your answer. Take the two means and the octets of your run: {asked}.", points)


# --- Break it ---------------------------------------------------------------------------------------------------------

DEALT = {
    "never expires": (
        '''
def intercept(packet, cache, now):
    """The packet in a tunnel where MN is away, else as it came."""
    entry = cache.get(packet.destination)
    # No row: not one of ours.
    if entry is None:
        return packet
    # HA takes a row out itself when MN comes home.
    return Packet(HA, entry.care_of_address, packet)
''',
        "does time pass?",
    ),
    "remembers an old place": (
        '''
known = {}  # home address -> care-of address: a quick way for the next packet

def intercept(packet, cache, now):
    """The packet in a tunnel where MN is away, else as it came."""
    entry = cache.get(packet.destination)
    if entry is None or now >= entry.expires_at_s:
        return packet
    if packet.destination not in known:
        known[packet.destination] = entry.care_of_address
    return Packet(HA, known[packet.destination], packet)
''',
        "does MN move, between two packets?",
    ),
    "remembers who is home": (
        '''
known = {}  # home address -> its row, should the cache be slow

def intercept(packet, cache, now):
    """The packet in a tunnel where MN is away, else as it came."""
    if packet.destination in cache:
        known[packet.destination] = cache[packet.destination]
    entry = known.get(packet.destination)
    if entry is None or now >= entry.expires_at_s:
        return packet
    return Packet(HA, entry.care_of_address, packet)
''',
        "does MN come home, after a packet?",
    ),
    "swallows after the end": (
        '''
def intercept(packet, cache, now):
    """The packet in a tunnel where MN is away, else as it came."""
    entry = cache.get(packet.destination)
    if entry is None:
        return packet
    if now < entry.expires_at_s:
        return Packet(HA, entry.care_of_address, packet)
    # The row is over, and nobody knows where MN is.
    return None
''',
        "does time pass?",
    ),
}
"""Programs to be broken, each with what to ask of a story in which it holds."""


def dealt_name(student: Student) -> str:
    """The wrong program for a student, by its name."""
    return student.dealt("02 break", DEALT)


def dealt_program(name: str) -> Callable[..., Any]:
    """A fresh one, which remembers nothing yet."""
    names: dict[str, Any] = {"HA": HA, "Packet": Packet}
    exec(DEALT[name][0], names)
    found: Callable[..., Any] = names["intercept"]
    return found


def dealt(student: Student) -> Words:
    """The program to be broken, as text."""
    return words_of(code=DEALT[dealt_name(student)][0].strip())


def first_wrong(name: str, events: Sequence[str], student: Student) -> Step | None:
    """The first step of a story in which a dealt program goes wrong."""
    return next((step for step in told(dealt_program(name), events, student) if not step.is_right), None)


@cache
def shortest_of(name: str, student: Student) -> int:
    """How many events the shortest story has in which it goes wrong."""
    return next(len(events) for _, events in stories() if first_wrong(name, events, student))


MOST_EVENTS = 20


def judge_story(answer: Any, student: Student) -> Verdict:
    """Three points for a story in which the dealt program goes wrong, two more for a shortest one."""
    if not isinstance(answer, str):
        return error('story is no text; expected one such as "A C H".')
    events = tuple(each.lower() if each in "wW" else each.upper() for each in answer.replace(",", " ").split())
    strange = next((each for each in events if each not in TOKENS), "")
    if strange or len(events) > MOST_EVENTS:
        return error(f"{strange[:10] or len(events)} in your story; expected some of A, B, H, w, C, D and M, at most {MOST_EVENTS}.")
    name = dealt_name(student)
    failing = first_wrong(name, events, student)
    if failing is None:
        gave = "; ".join(str(step.answer) for step in told(dealt_program(name), events, student)[:2]) or "nothing: there is no packet"
        question = DEALT[name][1]
        return wrong(f"In “{answer[:40]}” both give {gave}. It holds. {question[0].upper()}{question[1:]}")
    gets = f"packet {failing.values['n']} becomes {failing.answer}"
    if len(events) > shortest_of(name, student):
        return wrong(f"It breaks: {gets}, where {failing.values['due']} is due. Three points. Can you tell it in fewer events?", 3)
    return passed(5, f"It breaks, and no story is shorter: {gets}.")


# --- What the notebook shows ------------------------------------------------------------------------------------------

MODES = {"tunnel (both ways by HA)": "tunnel", "triangular (MN answers straight)": "triangular"}


class Play:
    """Two choices and a button: a call in a network of its own. `asks_caller`: who calls, with the filter on; else
    whether there is a filter.
    """

    def __init__(self, student: Student, asks_caller: bool = False) -> None:
        self._student = student
        self._mode = choice("mode", "mode", MODES, "triangular" if asks_caller else None)
        self._other = (
            choice("caller", "who calls", {"MN calls CN": "MN", "CN calls MN": "CN"}) if asks_caller
            else choice("filter", "ingress filter", {"off": False, "on": True})
        )  # fmt: skip
        self._asks_caller = asks_caller
        self._call = button("Call", "Makes a network, and calls in it")
        self._said, self._output = ipywidgets.HTML(), ipywidgets.Output()
        self._call.on_click(lambda _: self.call(self._mode.widget.value, self._other.widget.value))
        row = ipywidgets.HBox(
            [self._mode.widget, self._other.widget, self._call], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        self.output = frame(row, self._said, self._output)
        self._say("Choose, and call.")

    def call(self, mode: str, other: Any) -> None:
        """Call, and say how many packets came."""
        caller, is_filtered = (other, True) if self._asks_caller else ("MN", other)
        self._call.disabled = True
        try:
            world = called(self._student, mode, is_filtered, caller, interval_ms=100, run_s=1.3, ends_s=1.0)
            stats = world.flows()[0].stats
            lost = next(iter({**stats.up.lost_why, **stats.down.lost_why}), "")
            told = [
                f"{name}: {meter.sent} sent, <b>{meter.received} came</b>"
                for name, meter in (("MN to CN", stats.up), ("CN to MN", stats.down))
            ]
            node, _, reason = in_words(lost).partition(": ")
            why = f" Dropped at {escape(node)} ({escape(reason)})." if lost else ""
            self._say(f"{caller} calls. {'; '.join(told)}.{why}")
            world.title = f"{caller} calls, mode {mode}, ingress filter {'on' if is_filtered else 'off'}"
            show_in(self._output, world.animate(CALL_S - 0.01, CALL_S + 0.3), _rows_of_ha(world))
        except MipflowError as failed:
            self._say(escape(f"{failed}."))
        finally:
            self._call.disabled = False

    def _say(self, html: str) -> None:
        self._said.value = f"<p role='status'>{html}</p>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = self.output._repr_mimebundle_()
        return bundle | {"text/plain": "Two choices and a button that calls."}


def _rows_of_ha(world: World) -> str:
    """HA's binding cache as HTML: the one table that says where a packet goes here."""
    rows: list[dict[str, object]] = [
        {"home address": row.home_address, "care-of address": row.care_of_address, "until, s": f"{row.expires_at_s:.0f}"}
        for row in world.ha.bindings
    ]  # fmt: skip
    return html_table(rows, "HA's binding cache")


def film_of_it(student: Student) -> Any:
    """One of CN's packets on its way."""
    first = legs(student)[0]
    start, end = first[0].left_s - 0.005, first[-1].arrived_s + 0.01
    return run_of(student).animate(start, end, slow=[(start, end)])


def _asked(student: Student, attempts: Attempts) -> str:
    words = f"In your run MN's call never saw {run_of(student).mn.care_of_address('wlan0')}, though every packet went there. Explain it to a"
    words += " manager in three sentences, with the addresses outside and inside."
    return words + then(attempts, "2.2", "what does your intercept do with a row whose time is over, and why?")


def viva(student: Student, attempts: dict[str, Any]) -> list[tuple[str, str]]:
    """Three oral questions about what was handed in, with their answers."""
    inner, outer, ride_ms = ride(student)
    mine, (one_way, *_) = own(student), cost(*delays(student), plan(student).voice)
    return [
        (
            _asked(student, attempts),
            f"Outside HA → {run_of(student).mn.care_of_address('wlan0')}, which routers read; inside CN → {run_of(student).mn.primary_home_address},"
            " which MN's TCP or call reads. Had HA written over the destination, nothing at MN would have a row for it.",
        ),
        (
            f"Your update says {mine.lifetime_s} s. What number stands in its lifetime field, and what happens when that time is over?",
            f"{mine.lifetime_s // UNIT_S}: it counts units of four seconds. HA's row ends, and packets go to the home link as they are.",
        ),
        (
            f"You read {inner} and {outer} octets, and {ride_ms:.1f} ms. One way by HA was {one_way:.2f} times as long. What would make it"
            " nearly 1?",
            "A home agent near the way between CN and MN; or no detour, when CN itself is told where MN is.",
        ),
    ]  # fmt: skip


def _at_ha(world: World) -> float | None:
    """When the packet of the film leaves HA in its envelope."""
    (way,) = legs_of(world, 1)
    return next((leg.left_s for leg in way if leg.sender == "HA"), None)


QUESTIONS = {
    question.name: question
    for question in (
        Question("02", "CN sends to MN's home address H@. MN is in the WLAN, under its care-of address CoA. You look at the last link, to"
                 " MN. Which addresses does CN's packet show there?", {
            "a": Answer(
                "CN → CoA: HA has put the new destination over the old one.",
                "A letter is sent on like that. But then MN's TCP would look for CoA in its table (lab 01), and find nothing. Open the"
                " packet: H@ is still there. Watch {at}.", "M05", _at_ha),
            "b": Answer(
                "HA → CoA, and CN's data behind it: HA sends them as its own.",
                "Two addresses fit in one header, so it seems enough. Who sent it would be lost, and MN would answer HA. Look inside:"
                " CN's own header is there. Watch {at}.", "M06a", _at_ha),
            "c": Answer(
                "HA → CoA, and inside it a whole packet CN → H@.",
                "So it was. The new header is 40 octets long, and nothing behind it has changed. Watch {at}.", None, _at_ha),
            "d": Answer(
                "CN → H@, not an octet longer: HA only showed the way.",
                "Routers read the destination, and H@ leads home, whatever HA knows. Something must have turned the packet at HA."
                " Watch {at}.", "M06b", _at_ha),
        }),
        Question(
            "02-row", "MN's row at HA holds for 60 s. After 30 s MN goes home, and says nothing to anybody. After 40 s CN sends it a packet."
            " What does HA do with it?", {
                "a": Answer(
                    "It passes it on at home: it notices that MN is there.",
                    "A router that serves a link seems to see who is on it. But HA itself answers for H@ there, and goes by its row. It"
                    " learns of a move from MN's updates alone.", "M08b"),
                "b": Answer(
                    "It sends it into the tunnel, to the old care-of address.",
                    "Yes: for 60 s, or until MN ends the row by an update with lifetime 0."),
                "c": Answer(
                    "Nothing: by now the two talk without HA, which was needed at the beginning only.",
                    "CN knows one address of MN's, H@, and packets to it lead home. Each of them passes HA: in Play, count those in a"
                    " tunnel.", "M08a"),
                "d": Answer(
                    "It waits until MN announces the packet.",
                    "One row is for all packets, as long as it holds. In your run of 2.R one update came before hundreds of packets.",
                    "M08c"),
                "e": Answer(
                    "It passes it on at home: who is back is reached as ever, and need not say so.",
                    "Home looks like the place where nothing has to be said. But the row is still there, and HA answers for H@ until it"
                    " ends.", "M08d"),
            }, is_last=True),
        Question(
            "02-exit", "One of CN's packets reached MN through the tunnel. Which source and destination does MN's TCP find?", {
                "a": Answer("HA → CoA", "That is the envelope, opened and gone. Look at the inner header in 2.R.", "M06a"),
                "b": Answer("CN → CoA", "Only if HA had written over the destination. Look at the inner header in 2.R.", "M05"),
                "c": Answer("CN → H@", "Yes. The four numbers of lab 01 are whole."),
                "d": Answer("HA → H@", "HA wrote the outer header alone. Whom would MN answer?", "M06a"),
            }, is_last=True),
    )
}  # fmt: skip

PARTS: dict[str, Callable[[Student], Any]] = {
    "play": Play, "predicted": run_of, "film": film_of_it, "card": card, "send": Sender, "run": run_of, "hops": hops,
    "measured": measured, "filter": lambda student: Play(student, asks_caller=True), "dealt": dealt, "explain": explains("2.2", _asked),
}  # fmt: skip
"""The pieces that a notebook shows by `part("02", name)`."""

UPDATE_HINTS = (
    "MIP6MH_BU().show(): what did you never ask for?",
    "MIP6MH_BU(mhtime=1).show(): how long is one unit?",
    "From outside in: from CoA to HA; a destination option that holds H@; the update.",
)
INTERCEPT_HINTS = (
    "Whose row do you want: that of who sends, or of who is to receive?",
    "Three cases: no row, a row that is over, a row. Two of them have one answer.",
    "The old packet is what you put inside. And who writes the envelope?",
)


def _is_blank(answer: Any) -> bool:
    return answer is None or answer is ... or (isinstance(answer, tuple) and all(each is ... or each is None for each in answer))


EXERCISES = [
    Exercise(
        number="2.1", answer="update", points=5, judge=judge_update, hints=UPDATE_HINTS,
        is_empty=lambda update: update is None or update is ...,
    ),
    Exercise(number="2.2", answer="intercept", points=8, judge=INTERCEPT, hints=INTERCEPT_HINTS, film=film),
    Exercise(number="2.R", answer="inner", also=("outer", "ride_ms"), points=4, judge=judge_ride, is_empty=_is_blank),
    Exercise(number="2.3", answer="one_way", also=("round_trip", "more"), points=5, judge=judge_cost, is_empty=_is_blank),
    Exercise(
        number="2.5", answer="story", points=5, judge=judge_story,
        is_empty=lambda story: story is None or story is ... or story in ("", "..."),
    ),
]  # fmt: skip
