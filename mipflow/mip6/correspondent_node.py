"""The correspondent node of RFC 6275 section 9: answers tests without keeping state, checks binding updates, sends
straight.

It is the seed's unchanged peer: nothing here knows of flows. Takes packets, gives packets and changes of its cache.
"""

from __future__ import annotations

from mipflow.mip6.binding_cache import Binding, is_newer
from mipflow.mip6.constants import MAX_NONCE_LIFETIME_NS, MAX_RR_BINDING_LIFETIME_S
from mipflow.mip6.keeps_bindings import KeepsBindings
from mipflow.mip6.return_routability import Nonces, binding_management_key, is_proved, proved
from mipflow.node.host import Host
from mipflow.node.node import Arrival
from mipflow.node.road import Road
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.network import Network, Role
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, BindingUpdate, NonceIndices, Status
from mipflow.wire.packet import Packet, RoutingHeaderType2


class CorrespondentNode(KeepsBindings, Host):
    """A host that talks to mobile nodes, with route optimisation."""

    role: Role = "correspondent node"

    def __init__(self, network: Network, name: str, x: float = 0.0, y: float = 0.0, role: Role | None = None) -> None:
        super().__init__(network, name, x, y, role)
        self._ended: dict[Address, tuple[int, int]] = {}
        """Home address of a binding that has ended -> its last sequence number, and until when older ones are refused.
        """
        self.nonces = Nonces(network.random(f"{name}/nonces"))
        self.handlers[mobility.HomeTestInit] = self.handlers[mobility.CareOfTestInit] = self._test_init

    def find_road(self, source: Address, destination: Address) -> Road | None:
        """Straight to the care-of address where the destination is bound (section 9.3.2)."""
        binding = self.bindings.get(destination)
        if binding is None:
            return self.direct_road(source, destination)
        care_of, extensions = binding.care_of_address, (RoutingHeaderType2(destination),)
        return self.road("route optimisation", source, care_of, destination=care_of, extensions=extensions)

    def unbind(self, home_address: Address) -> None:
        """Take a binding out, and remember its number while its nonces are good (section 9.5.3)."""
        binding = self.bindings.get(home_address)
        if binding is not None:
            self._remember(home_address, binding.sequence)
        super().unbind(home_address)

    def _remember(self, home_address: Address, sequence: int) -> None:
        now = self.clock.now
        self._ended = {home: ended for home, ended in self._ended.items() if ended[1] > now}
        self._ended[home_address] = (sequence, now + MAX_NONCE_LIFETIME_NS)

    # --- return routability (sections 9.4.1 to 9.4.4) ----------------------------------------------------------------

    def _test_init(self, arrival: Arrival) -> None:
        message, packet, index = arrival.packet.payload, arrival.packet, self.nonces.index(self.clock.now)
        assert isinstance(message, mobility.HomeTestInit | mobility.CareOfTestInit)
        is_home = isinstance(message, mobility.HomeTestInit)
        if arrival.source != packet.source:
            kind, section = ("home", "9.4.1") if is_home else ("care-of", "9.4.2")
            self.drop(packet, f"{kind} test init with a Home Address option (RFC 6275 section {section})")
            return
        make_token = self.nonces.home_token if is_home else self.nonces.care_of_token
        answer = mobility.HomeTest if is_home else mobility.CareOfTest
        reply = answer(index, message.cookie, make_token(arrival.source, index))
        self.send_direct(Packet(packet.destination, packet.source, reply))

    # --- binding updates (section 9.5) -------------------------------------------------------------------------------

    def binding_update(self, arrival: Arrival) -> None:
        """Check, in the order of section 9.5.1; then change the cache and acknowledge where that is asked for."""
        update, home_address = arrival.packet.payload, arrival.source
        assert isinstance(update, BindingUpdate)
        indices = update.option(NonceIndices)
        if update.home_registration and indices is None:
            is_bound = home_address in self.bindings
            status = Status.REGISTRATION_TYPE_CHANGE_DISALLOWED if is_bound else Status.HOME_REGISTRATION_NOT_SUPPORTED
            self.acknowledge(arrival, BindingAcknowledgement(status, update.sequence))  # there is no key to sign it
            return
        if home_address == arrival.packet.source or indices is None or update.options[-1:] == ():
            self.drop(arrival.packet, "binding update without Home Address option or nonce indices")
            return
        care_of = self.care_of_address(arrival, update)
        deletes = update.lifetime_units == 0 or care_of == home_address
        expired = self._expired_nonces(indices, deletes)
        if expired is not None:
            # No key, so no authorization data: section 9.5.4.
            self.acknowledge(arrival, BindingAcknowledgement(expired, update.sequence))
            return
        key = self._key(home_address, care_of, indices, deletes)
        signed = home_address if deletes else care_of
        if not is_proved(update, key, signed, arrival.packet.destination):
            self.drop(arrival.packet, "binding authorization data is wrong")
            return
        status, sequence = self._judge(update, home_address)
        lifetime_s = 0
        if status is Status.ACCEPTED and deletes:
            self.unbind(home_address)
            self._remember(home_address, update.sequence)
        elif status is Status.ACCEPTED:
            lifetime_s = min(update.lifetime_units * LIFETIME_UNIT_S, MAX_RR_BINDING_LIFETIME_S)
            expires_ns = self.clock.now + lifetime_s * NS_PER_S
            self.bind(Binding(home_address, care_of, update.sequence, expires_ns))
        if update.acknowledge or status is not Status.ACCEPTED:
            answer = BindingAcknowledgement(status, sequence, lifetime_s // LIFETIME_UNIT_S)
            self.acknowledge(arrival, proved(answer, key, signed, arrival.packet.destination))

    def _expired_nonces(self, indices: NonceIndices, deletes: bool) -> Status | None:
        home = self.nonces.is_valid(indices.home, self.clock.now)
        care_of = deletes or self.nonces.is_valid(indices.care_of, self.clock.now)
        if home and care_of:
            return None
        if not home and not care_of:
            return Status.EXPIRED_NONCES
        return Status.EXPIRED_CARE_OF_NONCE_INDEX if home else Status.EXPIRED_HOME_NONCE_INDEX

    def _key(self, home_address: Address, care_of: Address, indices: NonceIndices, deletes: bool) -> bytes:
        home_token = self.nonces.home_token(home_address, indices.home)
        care_of_token = None if deletes else self.nonces.care_of_token(care_of, indices.care_of)
        return binding_management_key(home_token, care_of_token)

    def _judge(self, update: BindingUpdate, home_address: Address) -> tuple[Status, int]:
        """Status and the sequence number to send with it, for an update that is authentic."""
        binding = self.bindings.get(home_address)
        last = self._ended.get(home_address) if binding is None else (binding.sequence, 0)
        if last is not None and not is_newer(update.sequence, last[0]) and (binding or self.clock.now < last[1]):
            return Status.SEQUENCE_NUMBER_OUT_OF_WINDOW, last[0]
        if update.home_registration:
            return Status.HOME_REGISTRATION_NOT_SUPPORTED, update.sequence
        return Status.ACCEPTED, update.sequence
