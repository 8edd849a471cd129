"""A correspondent node that is asked by hand, for tests."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from mipflow.lab.world import World
from mipflow.mip6.bindings.keygen_tokens import authenticator
from mipflow.wire.address import Address
from mipflow.wire.codec import authenticated_part
from mipflow.wire.mobility import (
    BindingAcknowledgement,
    BindingAuthorizationData,
    BindingError,
    BindingUpdate,
    NonceIndices,
)
from mipflow.wire.packet import DestinationOptions, HomeAddressOption, Packet
from tests.mip6.worlds import world
from tests.node.nodes import listen

HOME = Address("2001:db8:100::77")
UNROUTABLE = ("ff02::1", "ff0e::1", "fe80::1", "::", "::1", "::ffff:192.0.2.1")


class Desk:
    """CN1, asked by hand from CN2's place as if that were a care-of address of `HOME`."""

    def __init__(self) -> None:
        self.world: World = world()
        self.cn, self.asker = self.world.cn1, self.world.cn2
        self.answers = listen(self.asker, BindingAcknowledgement)
        self.errors = listen(self.asker, BindingError)
        self.asker.mobility.routing_header_type_2 = lambda header, arrival: True  # type: ignore[method-assign]

    def update(
        self, sequence: int = 1, lifetime_s: int = 40, index: int | None = None, **fields: object
    ) -> BindingUpdate:
        """Make a binding update with right tokens and authenticator."""
        current = self.cn.nonces.index(self.world.network.clock.now) if index is None else index
        care_of = fields.pop("care_of", self.asker.address)
        assert isinstance(care_of, Address)
        options = (
            *fields.pop("more", ()),  # type: ignore[misc]
            NonceIndices(current, current if lifetime_s else 0),
            BindingAuthorizationData(bytes(12)),
        )
        plain = BindingUpdate(sequence, lifetime_units=lifetime_s // 4, options=options, **fields)  # type: ignore[arg-type]
        token = self.cn.nonces.home_token(HOME, current)
        if lifetime_s:
            key, signed = hashlib.sha1(token + self.cn.nonces.care_of_token(care_of, current)).digest(), care_of
        else:
            key, signed = hashlib.sha1(token).digest(), HOME
        proof = authenticator(key, signed, self.cn.address, authenticated_part(plain))
        return replace(plain, options=(*options[:-1], BindingAuthorizationData(proof)))

    def send(self, payload: object, *extensions: object, home: Address | None = HOME) -> None:
        option = () if home is None else (DestinationOptions((HomeAddressOption(home),)),)
        self.asker.send_direct(
            Packet(self.asker.address, self.cn.address, payload, extensions=(*extensions, *option))  # type: ignore[arg-type]
        )
        self.world.run(0.2)

    def ask(self, update: BindingUpdate) -> list[tuple[int, int]]:
        before = len(self.answers)
        self.send(update)
        return [(a.packet.payload.status, a.packet.payload.sequence) for a in self.answers[before:]]  # type: ignore[attr-defined]

    @property
    def held(self) -> list[tuple[Address, int]]:
        return [(b.care_of_address, b.sequence) for b in self.cn.bindings]


def sent(desk: Desk, since: int) -> list[Packet]:
    """Return the packets that the correspondent node put on its link since the trace had so many hops."""
    return [hop.packet for hop in list(desk.world.trace)[since:] if hop.channel.sender == "CN1"]
