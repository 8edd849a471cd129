"""A correspondent node with enhanced route optimisation (RFC 4866).

It accepts a mobile node's key as proof of its home address, and sends to a new care-of address before that is tested,
as far as the mobile node's credit goes. With all other mobile nodes it does as any correspondent node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mipflow.arguments import need_cryptography
from mipflow.mip6.bindings.binding_cache import Binding
from mipflow.mip6.bindings.keygen_tokens import binding_management_key, is_proved
from mipflow.mip6.constants import MAX_RR_BINDING_LIFETIME_S
from mipflow.mip6.correspondent_node import Correspondent
from mipflow.mip6.enhanced import enhanced
from mipflow.mip6.enhanced.cga import PURPOSE, AddressOwner, CgaParameters, encrypted
from mipflow.mip6.enhanced.enhanced import NO_TOKEN, EnhancedBinding, judged, signature_in
from mipflow.node.host import Host
from mipflow.node.node import Arrival, Node
from mipflow.node.road import Road
from mipflow.node.token_bucket import TokenBucket
from mipflow.sim.clock import Clock
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.mobility import BindingAcknowledgement, BindingUpdate, NonceIndices, Status
from mipflow.wire.packet import Header, HomeAddressOption, Packet, Sized, packet_of


class EnhancedCorrespondent(Correspondent):
    """The part of a correspondent node that also accepts the key from which a home address was made as its proof.

    `owner` is set where the node's own address is generated as well: it proves that address when asked (section 4.3).
    """

    always_acknowledged = (
        *Correspondent.always_acknowledged, Status.CGA_AND_SIGNATURE_VERIFICATION_FAILED,
        Status.PERMANENT_HOME_KEYGEN_TOKEN_EXISTS,
    )  # fmt: skip
    counts_arrivals = True

    def __init__(self, node: Host) -> None:
        need_cryptography(PURPOSE)
        super().__init__(node)
        self.owner: AddressOwner | None = None
        self.proof_limit = TokenBucket()
        """The limit of proofs that are verified, since each is work (section 6.6)."""
        self._random = node.network.random(f"{node.name}/permanent home keygen tokens")
        self._proof: CgaParameters | None = None
        """The proved CGA parameters of the update that is being processed, or None."""

    def _held(self, home_address: Address) -> EnhancedBinding:
        """Return the binding of a home address, or an empty one where there is none."""
        binding = self.bindings.get(home_address)
        return binding if isinstance(binding, EnhancedBinding) else EnhancedBinding(home_address, home_address, 0, 0)

    # --- binding updates (sections 4.2 and 4.3) ----------------------------------------------------------------------

    def key_for(self, arrival: Arrival, indices: NonceIndices, care_of: Address) -> bytes | Status:
        """Return the key of two tokens: home index zero means the permanent token, care-of index zero no token."""
        held, update = self._held(arrival.source), arrival.payload
        deletes = update.lifetime_units == 0
        if indices.home == 0 and signature_in(update) is not None:
            return Status.NON_NULL_HOME_NONCE_INDEX_EXPECTED
        if indices.home == 0 and held.permanent_token is None:
            return Status.PERMANENT_HOME_KEYGEN_TOKEN_UNAVAILABLE
        temporary = self.nonces.home_token(arrival.source, indices.home)
        home_token = temporary if indices.home or held.permanent_token is None else held.permanent_token

        def key(care_of_nonce: int) -> bytes:
            token = self.nonces.care_of_token(care_of, care_of_nonce) if care_of_nonce else NO_TOKEN
            return binding_management_key(home_token, None if deletes else token)

        care_of_nonce, given = indices.care_of, held.care_of_nonce
        if care_of_nonce and given and is_proved(update, key(given), care_of, arrival.packet.destination):
            care_of_nonce = given  # of the Care-of Test option, whatever index the mobile node calls it by
        current = self.nonces.index(self.node.clock.now)
        expired = self._expired_nonces(NonceIndices(indices.home or current, care_of_nonce or current), deletes)
        return key(care_of_nonce) if expired is None else expired

    def judge(self, arrival: Arrival, update: BindingUpdate, care_of: Address) -> tuple[Status, int]:
        """Judge as any correspondent node, then by CGA and signature; refuse a home test where there is a better
        proof."""
        status, sequence = super().judge(arrival, update, care_of)
        self._proof = None
        if status is not Status.ACCEPTED:
            return status, sequence
        held, indices = self._held(arrival.source), update.option(NonceIndices)
        if update.option(mobility.CgaParametersOption) is not None:
            if not self.proof_limit.take(self.node.clock.now):
                return Status.INSUFFICIENT_RESOURCES, sequence
            self._proof = judged(update, arrival.source, care_of, arrival.packet.destination)
            if self._proof is None:
                return Status.CGA_AND_SIGNATURE_VERIFICATION_FAILED, sequence
        elif held.permanent_token is not None and indices is not None and indices.home:
            return Status.PERMANENT_HOME_KEYGEN_TOKEN_EXISTS, sequence
        return status, sequence

    def longest_s(self, update: BindingUpdate) -> int:
        """Return the longest lifetime in seconds: a day, but less for an update that only a home test proves."""
        indices = update.option(NonceIndices)
        by_home_test = self._proof is None and indices is not None and indices.home
        return MAX_RR_BINDING_LIFETIME_S if by_home_test else enhanced.MAX_CGA_BINDING_LIFETIME_S

    def entry_for(self, arrival: Arrival, binding: Binding) -> EnhancedBinding:
        """Return the binding with its permanent token and credit; a complete update verifies its care-of address."""
        held, update, care_of = self._held(arrival.source), arrival.payload, binding.care_of_address
        indices = update.option(NonceIndices)
        is_early = indices is not None and indices.care_of == 0
        # An acknowledgement goes to the source: to give it a token for another care-of address would test nothing.
        asks = update.option(mobility.CareOfTestInitOption) is not None and care_of == arrival.packet.source
        permanent_token = held.permanent_token if self._proof is None else self._random.randbytes(8)
        return EnhancedBinding(
            arrival.source, care_of, binding.sequence, binding.expires_ns, wakes_ns=binding.wakes_ns,
            care_of_verified=not is_early, permanent_token=permanent_token,
            care_of_nonce=self.nonces.index(self.node.clock.now) if is_early and asks else 0,
            credit=held.credit,
        )  # fmt: skip

    def completed(self, arrival: Arrival, care_of: Address, answer: BindingAcknowledgement) -> BindingAcknowledgement:
        """Add the permanent token, a care-of token, and where it was asked for the proof that our address is ours.

        The proof stands last, so that its signature covers the tokens.
        """
        held = self._held(arrival.source)
        options: list[mobility.MobilityOption] = []
        if self._proof is not None and held.permanent_token is not None:
            hidden = encrypted(self._proof.public_key, held.permanent_token, self._random)
            options.append(mobility.PermanentHomeKeygenToken(hidden))
        if held.care_of_nonce:
            options.append(mobility.CareOfTestOption(self.nonces.care_of_token(care_of, held.care_of_nonce)))
        answer, ours = replace(answer, options=tuple(options)), arrival.packet.destination
        asked = self._proof is not None and arrival.payload.option(mobility.CgaParametersRequest) is not None
        if asked and self.owner is not None and ours in self.owner.parameters:
            return enhanced.with_proof(answer, self.owner, ours, care_of, ours)
        return answer

    # --- payload packets (section 4.10) ------------------------------------------------------------------------------

    def home_address_option(self, option: HomeAddressOption, arrival: Arrival) -> bool:
        """Give credit for packets from a verified care-of address."""
        if not super().home_address_option(option, arrival):
            return False
        packet, held = arrival.packet, self._held(option.home_address)
        is_payload = not isinstance(packet.payload, mobility.MobilityMessage)
        if held.care_of_verified and is_payload:
            held.credit.earn(packet.size, self.node.clock.now)
        return True

    def find_road(self, source: Address, destination: Address) -> Road | None:
        """Return the road to a binding; one to a care-of address that is not verified yet is paid from credit."""
        road, held = super().find_road(source, destination), self._held(destination)
        return road if road is None or held.care_of_verified else RoadOnCredit(self.node, held, road)


class RoadOnCredit(Road):
    """A road to an unverified care-of address: each packet is paid from credit, or dropped."""

    __slots__ = ("_binding", "_node")

    def __init__(self, node: Node, binding: EnhancedBinding, road: Road) -> None:
        path_mtu = road.mtu + road.overhead
        super().__init__(road.kind, road.channel, path_mtu, road.source, road.destination, road.extensions)
        self._node = node
        self._binding = binding

    def line(self, header: Header, clock: Clock, send: Callable[[Packet], None]) -> Callable[[Sized], None]:
        """Return the function that sends payloads this way: packet by packet, for each is paid."""
        return lambda payload: send(packet_of(header, payload, clock.now))

    def send(self, packet: Packet) -> None:
        """Send a packet, whose price includes its headers."""
        if self._binding.credit.spend(packet.size + self.overhead, self._node.clock.now):
            super().send(packet)
        else:
            self._node.drop(packet, f"{self._binding.care_of_address} is not verified yet and its credit is used up")
