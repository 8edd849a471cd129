"""A world with faults on every link for two minutes, with checks of the time after them (used by test_faults)."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import mipflow as mf
from mipflow.lab.scenarios import LINKS
from mipflow.lab.world import World
from mipflow.mip6.bindings.binding_update_list import State
from mipflow.sim.trace import Decided, TableChanged
from mipflow.wire import codec
from tests.mip6.octets import read

FAULTS_S = 120.0
SETTLE_S = 32.0 + 2.0
"""The largest back-off and one exchange; an exchange takes well below two seconds here."""
FILE = 20_000


def faulty(seed: int) -> dict[str, mf.Link]:
    """Return all links with faults: up to 40 % of loss, duplication and jitter that reorders."""
    random = Random(f"faults/{seed}")
    worst = random.choice([0.0, 0.05, 0.1, 0.2, 0.3, 0.4])
    return {
        name: replace(
            link, loss=random.uniform(0, worst), duplication=random.uniform(0, 0.2), jitter_ms=random.uniform(0, 30),
            reorder=True,
        )
        for name, link in LINKS.items()
    }  # fmt: skip


class Story:
    """One seed: flows that open, move and close while the links are bad; with `restless` its interfaces come and go."""

    def __init__(self, seed: int, restless: bool = False, **keywords: Any) -> None:
        random = Random(f"story/{seed}")
        self.world: World = mf.figure2(seed, trace="control", links=faulty(seed), **keywords)
        world, mn = self.world, self.world.mn
        self.files = [
            mn.open(cn, mf.apps.FileTransfer(FILE, direction), random.choice(["wlan0", "cell0"]))
            for cn in world.cns for direction in ("up", "down")
        ]  # fmt: skip
        short = mn.open(world.cn1, mf.apps.Voice(duration_s=60), "wlan0")
        if restless:
            self._disturb(Random(f"disturbances/{seed}"))
        moments = sorted(random.uniform(2, FAULTS_S) for _ in range(6))
        closing = random.randrange(2, 5)
        for number, moment in enumerate(moments):
            world.run(moment - world.now)
            if number == closing:
                mn.close(short)
                continue
            flow = random.choice(self.files)
            target = "cell0" if flow.interface == "wlan0" else "wlan0"
            if mn.interface(target).is_usable:
                mn.handover(flow, target, home_follows=random.random() < 0.3)
        world.run(FAULTS_S - world.now)
        for name, link in LINKS.items():
            world.network.segments[name].configure(link)
        world.run(SETTLE_S)

    def _disturb(self, random: Random) -> None:
        """Let an interface go down for eight seconds, or leave its link for three, three times."""
        world = self.world

        def go(name: str, leaves: bool) -> None:
            if leaves:
                world.mn.visit(name, world.network.segments[name], handoff_ms=3000.0)
            else:
                world.mn.interface(name).set_up(False)

        for _ in range(3):
            at_ns, name = round(random.uniform(15, 105) * 1e9), random.choice(["wlan0", "cell0"])
            leaves = random.random() < 0.5
            world.network.clock.at(at_ns, lambda _, name=name, leaves=leaves: go(name, leaves))
            world.network.clock.at(at_ns + 8 * 10**9, lambda _, name=name: world.mn.interface(name).set_up(True))

    def unhealed(self) -> list[str]:
        """Return the registrations that are still not as wanted after another largest back-off."""
        self.world.run(SETTLE_S)
        return [
            f"{entry.home_address} at {entry.peer} is still {entry.state.value}"
            for entry in self.world.mn.binding_updates if entry.state is not State.BOUND
        ]  # fmt: skip

    def wrong(self) -> list[str]:
        """Return in words all that does not hold now."""
        world = self.world
        mn, ha = world.mn, world.ha
        caches = {ha.home_agent_address: ha.bindings, **{cn.address: cn.bindings for cn in world.cns}}
        found = []
        decided = [r for r in world.trace.records if isinstance(r, Decided)]
        for entry in mn.binding_updates:
            held = caches[entry.peer].get(entry.home_address)
            at = f"{entry.home_address} at {entry.peer}"
            fell_back = any("tunnel" in r.what for r in decided if str(entry.peer) in r.why)
            if entry.state is not State.BOUND and not fell_back:
                found.append(f"{at} is {entry.state.value}")
            elif entry.state is State.BOUND and (held is None or held.care_of_address != entry.care_of_address):
                found.append(f"{at}: wanted {entry.care_of_address}, held {held and held.care_of_address}")
        for peer, cache in caches.items():
            for binding in cache:
                if mn.binding_updates.get((peer, binding.home_address)) is None:
                    found.append(f"{peer} holds {binding.home_address}, of which the mobile node knows nothing")
        return found + self.never_sent()

    def never_sent(self) -> list[str]:
        """Return pairs (home address, care-of address) that a cache held and the mobile node never asked for."""
        asked = set()
        for hop in self.world.trace:
            if hop.channel.sender == "MN":
                message = read(codec.encode(hop.packet))
                if message is not None and message.name == "BU":
                    asked.add((message.home or message.source, message.options.get(3, message.source)))
        held = [
            (record.node, record.change.after)
            for record in self.world.trace.records
            if isinstance(record, TableChanged) and record.change.table == "binding cache" and record.change.after
        ]
        return [
            f"{node} held {row}"
            for node, row in held if (packed(row["home_address"]), packed(row["care_of_address"])) not in asked
        ]  # fmt: skip

    def undelivered(self, limit_s: float = 600.0) -> list[str]:
        """Return the files that did not arrive whole within a time that the largest TCP back-off allows for."""
        until = self.world.now + limit_s
        while self.world.now < until and not all(self._is_complete(flow) for flow in self.files):
            self.world.run(10)
        return [
            f"{flow}: {flow.running and flow.running.received_bytes} octets"
            for flow in self.files if not self._is_complete(flow)
        ]  # fmt: skip

    @staticmethod
    def _is_complete(flow: Any) -> bool:
        return bool(flow.running.is_complete and flow.running.is_correct)


def packed(address: object) -> bytes:
    return mf.Address(str(address)).packed
