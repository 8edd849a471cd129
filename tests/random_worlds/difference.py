"""The first difference between two plays of a world, and the program that plays it again."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields, is_dataclass
from itertools import zip_longest
from typing import Any

from mipflow.sim.trace import Trace
from tests.random_worlds.worlds import Play, Spec, play


def hop_of(trace: Trace, number: int) -> tuple[Any, ...]:
    """A packet-hop with all fields of its packet."""
    hop = trace[number]
    way = "{} {}.{} > {}.{}".format(*hop.channel)
    return *hop[1:4], way, hop.hop_limit, hop.packet.label, hop.packet.sent_ns, hop.packet.fields()


def same_objects(trace: Trace) -> list[int]:
    """For each hop the first one of the same packet, as far as packets are one object."""
    seen: dict[int, int] = {}
    return [seen.setdefault(id(packet), number) for number, packet in enumerate(trace.packets)]


def difference(one: Play, other: Play, most: int = 600) -> str:
    """Say what differs first: the first hop, the first record, the first thing that was seen; empty where nothing does.
    """
    found = []
    a, b = one.network.trace, other.network.trace
    if a.digest() != b.digest():
        number = next((n for n in range(min(len(a), len(b))) if hop_of(a, n) != hop_of(b, n)), None)
        if number is None and len(a) != len(b):
            number = min(len(a), len(b))
        if number is not None:
            found.append(f"the first hop that differs is {number} (of {len(a)} and {len(b)})")
            for which, trace in (("plain", a), ("trains", b)):
                rows = range(max(number - 3, 0), min(number + 3, len(trace)))
                found += [f"  {which} {n}: {shortened(hop_of(trace, n), most)}" for n in rows]
        elif same_objects(a) != same_objects(b):
            pairs = zip(same_objects(a), same_objects(b), strict=True)
            where = next(n for n, (x, y) in enumerate(pairs) if x != y)
            found.append(f"hop {where}: the packet is the object of hop {same_objects(a)[where]}, "
                         f"with trains of hop {same_objects(b)[where]}")
        elif a.channels != b.channels:
            found.append(f"channels differ: {a.channels} and {b.channels}")
        records = enumerate(zip_longest(a.records, b.records))
        where = next(((n, x, y) for n, (x, y) in records if repr(x) != repr(y)), None)
        if where is not None:
            found.append(f"the first record that differs is {where[0]}:")
            found += [f"  {each}: {shortened(where[n], most)}" for n, each in ((1, "plain"), (2, "trains"))]
        if not found:
            found.append("the digests differ, and no hop or record does")
    for number, (x, y) in enumerate(zip_longest(one.log, other.log)):
        if x != y:
            found.append(f"the first thing seen that differs is {number} of {len(one.log)} and {len(other.log)}:")
            found += [f"  {line}" for line in unlike(x, y)]
            break
    return "\n".join(found)


def unlike(one: Any, other: Any, path: str = "", most: int = 400) -> list[str]:
    """The places in two plain values where they differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        keys = [key for key in one if one[key] != other[key]]
        return [line for key in keys for line in unlike(one[key], other[key], f"{path}[{key!r}]")]
    if isinstance(one, tuple | list) and isinstance(other, tuple | list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for n, (x, y) in pairs if x != y for line in unlike(x, y, f"{path}[{n}]")]
    return [f"{path or 'it'}: plain {shortened(one, most)}", f"{path or 'it'}: trains {shortened(other, most)}"]


def shortened(value: object, most: int) -> str:
    text = re.sub(r"(\\x00)+", lambda zeros: f"{len(zeros[0]) // 4} zeros", str(value))
    return text if len(text) <= most else f"{text[:most]} ..."


def differs(spec: Spec) -> str:
    """Play a spec both ways, and say what differs."""
    return difference(play(spec, False), play(spec, True))


def python(value: object) -> str:
    """A value as the Python that makes it, without what is as usual."""
    if is_dataclass(value) and not isinstance(value, type):
        given = [(each, getattr(value, each.name)) for each in fields(value) if each.init]
        told = [f"{each.name}={python(now)}" for each, now in given if each.default is MISSING or now != each.default]
        return f"{type(value).__name__}({', '.join(told)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {python(each)}" for key, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + "".join(f"{python(each)}, " for each in value) + ")"
    return repr(value)


def script(spec: Spec) -> str:
    """A spec as a program that plays it and says what differs."""
    steps = "".join(f"    {python(step)},\n" for step in spec.steps)
    named = (("mobiles", spec.mobiles), ("idle_s", spec.idle_s), ("finish", spec.finish))
    how = "".join(f", {name}={value!r}" for name, value in named if value)
    return (
        "from tests.random_worlds.difference import differs\nfrom tests.random_worlds.steps import *\n\n"
        f"spec = Spec({spec.kind!r}, {python(spec.keywords)}, (\n{steps}){how})\n"
        "print(differs(spec) or 'nothing differs')\n"
    )
