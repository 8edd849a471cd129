"""The correspondent node of RFC 6275 section 9, the patent's unchanged peer: nothing here knows of flows.

It takes packets, and gives packets and changes of its binding cache. It answers tests of return routability without
keeping state, checks binding updates, and sends straight to the care-of address of a home address that is bound. What
a home agent has too (the cache, the Home Address option, the road to what is bound) is in `mip6.binding_keeper`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mipflow.mip6 import constants
from mipflow.mip6.binding_keeper import BindingKeeper
from mipflow.mip6.bindings.binding_cache import Binding, BindingEvent, BindingState, is_newer
from mipflow.mip6.bindings.keygen_tokens import Nonces, binding_management_key, is_proved, proved
from mipflow.mip6.icmp_errors import UnreachableCareOfAddresses
from mipflow.node.host import Host
from mipflow.node.node import Arrival
from mipflow.node.road import Road
from mipflow.sim.clock import NS_PER_S
from mipflow.sim.network import Network, Role
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.mobility import LIFETIME_UNIT_S, BindingAcknowledgement, BindingUpdate, NonceIndices, Status
from mipflow.wire.packet import Packet


class CorrespondentNode(Host):
    """A host that talks to mobile nodes with route optimisation; `part` makes what does it, here `Correspondent`."""

    role: Role = "correspondent node"
    offered_names = ("address", "bindings", "interfaces", "name")

    def __init__(
        self, network: Network, name: str, x: float = 0.0, y: float = 0.0,
        part: Callable[[Host], Correspondent] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(network, name, x, y)
        self.correspondent = (part or Correspondent)(self)
        self.bindings, self.nonces = self.correspondent.bindings, self.correspondent.nonces
        self.bind, self.unbind = self.correspondent.bind, self.correspondent.unbind
        self.turn_off_route_optimisation = self.correspondent.turn_off_route_optimisation


class Correspondent(BindingKeeper):
    """The part of a host that makes it a correspondent node."""

    always_acknowledged: tuple[Status, ...] = (Status.SEQUENCE_NUMBER_OUT_OF_WINDOW, Status.INSUFFICIENT_RESOURCES)
    """Refusals that are sent whether an acknowledgement was asked for or not (section 9.5.4)."""

    def __init__(self, node: Host) -> None:
        over = BindingEvent.DELETE, BindingEvent.EXPIRE
        super().__init__(node, self.binding_update, dict.fromkeys(over, constants.MAX_NONCE_LIFETIME_NS))  # 5.2.8
        self.nonces = Nonces(node.network.random(f"{node.name}/nonces"))
        self._unreachable = UnreachableCareOfAddresses(self)
        node.handlers[mobility.HomeTestInit] = node.handlers[mobility.CareOfTestInit] = self._test_init

    def turn_off_route_optimisation(self) -> None:
        """Answer Mobility Headers as a host without Mobile IPv6 does, as an administrator may want it (section 8.2).

        A mobile node that is still bound hears of the end by a binding error, and goes back to its home agent's tunnel.
        """
        self.node.knows_mobility = False
        for binding in self.bindings:
            self.unbind(binding.home_address)
        for kind in (BindingUpdate, mobility.UnknownMobilityMessage, mobility.HomeTestInit, mobility.CareOfTestInit):
            del self.node.handlers[kind]

    # --- return routability (sections 9.4.1 to 9.4.4) ----------------------------------------------------------------

    def _test_init(self, arrival: Arrival) -> None:
        """Answer with a keygen token, which is made anew from a nonce whenever it is needed: nothing is kept."""
        message, packet, index = arrival.payload, arrival.packet, self.nonces.index(self.node.clock.now)
        is_home = isinstance(message, mobility.HomeTestInit)
        if arrival.source != packet.source:
            kind, section = ("home", "9.4.1") if is_home else ("care-of", "9.4.2")
            self.node.drop(packet, f"{kind} test init with a Home Address option (RFC 6275 section {section})")
            return
        if not packet.source.is_unicast_routable:
            self.node.drop(packet, f"test init from {packet.source}, which is not unicast routable")
            return
        make_token = self.nonces.home_token if is_home else self.nonces.care_of_token
        answer = mobility.HomeTest if is_home else mobility.CareOfTest
        reply = answer(index, message.cookie, make_token(packet.source, index))
        self.node.send_direct(Packet(packet.destination, packet.source, reply))

    # --- binding updates (section 9.5) -------------------------------------------------------------------------------

    def binding_update(self, arrival: Arrival) -> None:
        """Check as section 9.5.1 asks; then change the cache, and acknowledge where section 9.5.4 asks for that.

        The nonces come before the sequence number: an acknowledgement with status 135 is signed, which takes the key.
        """
        update = arrival.payload
        if not self.is_well_formed(arrival, update):
            return
        if update.home_registration:  # this is no home agent (10.3.1); without nonces there is no key to sign that with
            is_bound = arrival.source in self.bindings
            status = Status.REGISTRATION_TYPE_CHANGE_DISALLOWED if is_bound else Status.HOME_REGISTRATION_NOT_SUPPORTED
            self.acknowledge(arrival, BindingAcknowledgement(status, update.sequence))
            return
        indices, care_of = update.option(NonceIndices), self.care_of_address(arrival, update)
        if indices is None:
            self.node.drop(arrival.packet, "binding update without nonce indices")
            return
        key = self.key_for(arrival, indices, care_of)
        if isinstance(key, Status):  # no key, so no authorization data
            self.acknowledge(arrival, BindingAcknowledgement(key, update.sequence))
            return
        signed = arrival.source if update.lifetime_units == 0 else care_of
        if not is_proved(update, key, signed, arrival.packet.destination):
            self.node.drop(arrival.packet, "binding authorization data is wrong")
            return
        answer = self._answer(arrival, update, care_of)
        if update.acknowledge or answer.options or answer.status in self.always_acknowledged:
            self.acknowledge(arrival, proved(answer, key, signed, arrival.packet.destination))

    def _answer(self, arrival: Arrival, update: BindingUpdate, care_of: Address) -> BindingAcknowledgement:
        """Carry out an authentic update where nothing speaks against it; return its acknowledgement."""
        status, sequence = self.judge(arrival, update, care_of)
        answer = BindingAcknowledgement(status, sequence)
        if status is not Status.ACCEPTED:
            return answer
        answer = replace(answer, lifetime_units=self._carry_out(arrival, update, care_of))
        return self.completed(arrival, care_of, answer)

    def _carry_out(self, arrival: Arrival, update: BindingUpdate, care_of: Address) -> int:
        """Bind or delete (sections 9.5.2 and 9.5.3); return the lifetime that is granted, in units of four seconds.

        The number of a deleted binding is remembered as long as a nonce from before is good, whatever the pair and the
        care-of address: no update from before can come again, while a newer one may use its tokens again.
        """
        home_address = arrival.source
        self._unreachable.forget(home_address)
        if update.lifetime_units == 0:
            # Also where nothing is bound: an older update that comes late must not bind.
            if self.bindings.has_room(home_address):
                self.end(Binding(home_address, care_of, update.sequence, 0), BindingEvent.DELETE)
            return 0
        lifetime_s = min(update.lifetime_units * LIFETIME_UNIT_S, self.longest_s(update))
        expires_ns = self.node.clock.now + lifetime_s * NS_PER_S
        near_end_ns = expires_ns - max(lifetime_s * NS_PER_S // 10, 2 * constants.MIN_REFRESH_WAIT_NS)
        binding = Binding(home_address, care_of, update.sequence, expires_ns, wakes_ns=near_end_ns)
        self.bind(self.entry_for(arrival, binding))
        return lifetime_s // LIFETIME_UNIT_S

    def _expired_nonces(self, indices: NonceIndices, deletes: bool) -> Status | None:
        now = self.node.clock.now
        is_good = self.nonces.is_valid(indices.home, now), deletes or self.nonces.is_valid(indices.care_of, now)
        return {
            (True, True): None, (False, False): Status.EXPIRED_NONCES,
            (True, False): Status.EXPIRED_CARE_OF_NONCE_INDEX, (False, True): Status.EXPIRED_HOME_NONCE_INDEX,
        }[is_good]  # fmt: skip

    # --- another way to prove binding updates overrides these ---------------------------------------------------------

    def key_for(self, arrival: Arrival, indices: NonceIndices, care_of: Address) -> bytes | Status:
        """Return the key that has to prove an update (section 5.2.6), or the status where its nonces have expired."""
        deletes = arrival.payload.lifetime_units == 0
        expired = self._expired_nonces(indices, deletes)
        if expired is not None:
            return expired
        home_token = self.nonces.home_token(arrival.source, indices.home)
        care_of_token = None if deletes else self.nonces.care_of_token(care_of, indices.care_of)
        return binding_management_key(home_token, care_of_token)

    def judge(self, arrival: Arrival, update: BindingUpdate, care_of: Address) -> tuple[Status, int]:
        """Return the status of an update that is authentic, and the sequence number to send with it."""
        home_address = arrival.source
        last = self.bindings.entry(home_address)
        if last is not None and not is_newer(update.sequence, last.sequence):
            return Status.SEQUENCE_NUMBER_OUT_OF_WINDOW, last.sequence
        if update.lifetime_units and self.is_impossible(home_address, care_of):
            return Status.INVALID_CARE_OF_ADDRESS, update.sequence
        if update.lifetime_units and not self.bindings.has_room(home_address):
            return Status.INSUFFICIENT_RESOURCES, update.sequence
        return Status.ACCEPTED, update.sequence

    def longest_s(self, update: BindingUpdate) -> int:
        """Return the longest lifetime that an authentic update can get, in seconds (section 9.5.2)."""
        return constants.MAX_RR_BINDING_LIFETIME_S

    def entry_for(self, arrival: Arrival, binding: Binding) -> Binding:
        """Return the entry that the cache is to hold of a new binding."""
        return binding

    def completed(self, arrival: Arrival, care_of: Address, answer: BindingAcknowledgement) -> BindingAcknowledgement:
        """Add options to the acknowledgement of an update that was carried out; with any it is always sent."""
        return answer

    # --- sending to what is bound (sections 9.3.2 and 9.5.5) ---------------------------------------------------------

    def find_road(self, source: Address, destination: Address) -> Road | None:
        """Return the road straight to where the destination is bound, asking for a refresh where that nears its end.

        Roads are forgotten when a binding nears its end, so that this is called again if, and only if, it is in use.
        """
        binding = self.bindings.get(destination)
        if binding is not None and binding.state is BindingState.EXPIRING:
            self.step(BindingEvent.ASK, binding)
            self.node.send_direct(Packet(source, destination, mobility.BindingRefreshRequest()))
        return super().find_road(source, destination)

    def binding_due(self, binding: Binding) -> None:
        """Let the next packet that uses a binding near its end ask for a refresh; once more at half of what is left."""
        now, left_ns = self.node.clock.now, binding.expires_ns - self.node.clock.now
        if left_ns <= 0 or binding.state is BindingState.REMEMBERED:
            super().binding_due(binding)
        else:
            wakes_ns = now + left_ns // 2 if left_ns >= 2 * constants.MIN_REFRESH_WAIT_NS else None
            self.step(BindingEvent.NEAR_END, replace(binding, wakes_ns=wakes_ns))
