"""The correspondent node of RFC 4866 against messages made by hand, with keys and tokens from hashlib and hmac."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest

from mipflow.lab.world import World
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.mip6.enhanced.cga import AddressOwner, proves
from mipflow.mip6.enhanced.correspondent_node import EnhancedCorrespondent
from mipflow.mip6.enhanced.enhanced import EnhancedBinding, mobility_data
from mipflow.node.node import Arrival
from mipflow.wire import codec
from mipflow.wire.address import Address, Prefix
from mipflow.wire.mobility import (
    AlternateCareOfAddress,
    BindingAcknowledgement,
    BindingAuthorizationData,
    BindingUpdate,
    CareOfTestInitOption,
    CareOfTestOption,
    CgaParametersOption,
    CgaParametersRequest,
    MobilityOption,
    NonceIndices,
    PermanentHomeKeygenToken,
    SignatureOption,
)
from mipflow.wire.packet import UDP, DestinationOptions, FragmentHeader, HomeAddressOption, Opaque, Packet
from tests.mip6 import octets
from tests.mip6.worlds import world
from tests.node.nodes import listen

HOME_PREFIX = Prefix.parse("2001:db8:100::/64")
VICTIM = Address("2001:db8:300::bad")
PORT = 4000


class Desk:
    """A mobile node made by hand: it asks CN1 from CN2's place as if that were a care-of address of `home`."""

    def __init__(self) -> None:
        self.world: World = world(correspondents={"CN1": partial(CorrespondentNode, part=EnhancedCorrespondent)})
        cn = self.world.cn1
        assert isinstance(cn.correspondent, EnhancedCorrespondent)
        self.cn, self.part, self.asker = cn, cn.correspondent, self.world.cn2
        self.care_of, self.there = self.asker.address, cn.address
        self.owner = AddressOwner(Random(1))
        self.home = self.owner.generate(HOME_PREFIX)
        self.permanent = b""
        self.sequence = 0
        self.heard: list[Arrival] = listen(self.asker, BindingAcknowledgement)
        self.got: list[Arrival] = listen(self.asker, UDP)
        self.asker.mobility.routing_header_type_2 = lambda header, arrival: True  # type: ignore[method-assign]

    def home_token(self, index: int) -> bytes:
        return octets.home_token(self.cn.nonces.node_key, self.home.packed, self.cn.nonces.nonce(index))

    def care_of_token(self, index: int, care_of: Address | None = None) -> bytes:
        care_of = care_of or self.care_of
        return octets.care_of_token(self.cn.nonces.node_key, care_of.packed, self.cn.nonces.nonce(index))

    def update(
        self, *, home: int | None = None, care_of: int | None = None, token: bytes | None = None, lifetime_s: int = 400,
        proof: bool = False, key: AddressOwner | None = None, about: Address | None = None,
        options: tuple[MobilityOption, ...] = (), acknowledge: bool = True, sequence: int | None = None,
    ) -> BindingUpdate:  # fmt: skip
        """Build a binding update with the nonce indices given, by default the current ones, and their key."""
        current, care = self.cn.nonces.index(self.world.network.clock.now), about or self.care_of
        home, care_of = current if home is None else home, current if care_of is None else care_of
        self.sequence = self.sequence + 1 if sequence is None else sequence
        home_token = self.home_token(home) if home else self.permanent
        care_of_token = token or (self.care_of_token(care_of, care) if care_of else bytes(8))
        self.key = hashlib.sha1(home_token + (care_of_token if lifetime_s else b"")).digest()
        self.signed = care if lifetime_s else self.home
        front: tuple[MobilityOption, ...] = () if about is None else (AlternateCareOfAddress(about),)
        behind = (*options, NonceIndices(home, care_of if lifetime_s else 0), BindingAuthorizationData(bytes(12)))
        update = BindingUpdate(self.sequence, acknowledge, lifetime_units=lifetime_s // 4)
        if proof:
            parameters = CgaParametersOption(self.owner.parameters[self.home].encode())
            update = replace(update, options=(*front, parameters, SignatureOption(bytes(128)), *behind))
            octets_ = codec.encode_mobility(update)
            end = octets_.index(parameters.data) + len(parameters.data)
            data = care.packed + self.there.packed + octets_[:end]
            signature = SignatureOption((key or self.owner).key.sign(data))
            return self.proved(replace(update, options=(*front, parameters, signature, *behind)))
        return self.proved(replace(update, options=(*front, *behind)))

    def proved(self, update: BindingUpdate) -> BindingUpdate:
        """Add the authenticator of section 6.2.7 of RFC 6275, by the key of the last `update`."""
        part = codec.encode_mobility(update)[:-12]
        mac = hmac.new(self.key, self.signed.packed + self.there.packed + part, "sha1").digest()
        return replace(update, options=(*update.options[:-1], BindingAuthorizationData(mac[:12])))

    def send(self, payload: Any, source: Address | None = None) -> None:
        option = DestinationOptions((HomeAddressOption(self.home),))
        self.asker.send_direct(Packet(source or self.care_of, self.there, payload, extensions=(option,)))
        self.world.run(0.2)

    def ask(self, update: BindingUpdate) -> BindingAcknowledgement | None:
        """Send an update and return its acknowledgement, or None where none comes."""
        before = len(self.heard)
        self.send(update)
        answers = [arrival.packet.payload for arrival in self.heard[before:]]
        assert len(answers) <= 1
        if not answers:
            return None
        assert isinstance(answers[0], BindingAcknowledgement)
        return answers[0]

    def is_signed(self, answer: BindingAcknowledgement) -> bool:
        """True where the acknowledgement proves itself with the key of the last `update`."""
        part = codec.encode_mobility(answer)[:-12]
        mac = hmac.new(self.key, self.signed.packed + self.there.packed + part, "sha1").digest()
        return answer.options[-1:] == (BindingAuthorizationData(mac[:12]),)

    def status(self, update: BindingUpdate) -> int | None:
        answer = self.ask(update)
        return None if answer is None else answer.status

    def introduce(self) -> BindingAcknowledgement:
        """Register for the first time by home test, care-of test and key; keep the permanent token."""
        answer = self.ask(self.update(proof=True))
        assert answer is not None and answer.status == 0
        option = answer.option(PermanentHomeKeygenToken)
        assert option is not None
        token = self.owner.key.decrypt(option.data)
        assert token is not None and len(token) == 8
        self.permanent = token
        return answer

    def early(self, **how: Any) -> BindingUpdate:
        return self.update(home=0, care_of=0, **{"options": (CareOfTestInitOption(),), **how})

    @property
    def held(self) -> EnhancedBinding | None:
        for binding in self.cn.bindings:
            assert isinstance(binding, EnhancedBinding)
            return binding
        return None

    def from_home(self, size: int, source: Address | None = None) -> None:
        """Send a payload packet of `size` octets in all from the mobile node."""
        self.send(UDP(PORT, PORT, bytes(size - 40 - 24 - 8)), source)

    def to_home(self, size: int) -> None:
        """A payload packet of `size` octets in all, as it is on the way to a care-of address."""
        self.cn.transmit(UDP(PORT, PORT, bytes(size - 40 - 24 - 8)), self.cn.address, self.home)
        self.world.run(0.1)

    def octets_to(self, care_of: Address) -> int:
        """Count the octets of payload that CN1 put on its wire towards an address."""
        return sum(
            hop.packet.size for hop in self.world.trace
            if hop.channel.sender == "CN1" and hop.packet.destination == care_of and isinstance(hop.packet.payload, UDP)
        )  # fmt: skip


# --- three ways to prove a binding update (section 4.2) --------------------------------------------------------------


def test_a_first_update_proved_by_key_gets_a_permanent_token() -> None:
    """Sections 4.3 and 4.7: encrypted for the mobile node, in an acknowledgement that is signed with the same key."""
    desk = Desk()
    answer = desk.introduce()
    assert desk.is_signed(answer) and answer.lifetime_units == 100
    held = desk.held
    assert held is not None and held.permanent_token == desk.permanent and held.care_of_verified
    assert held.care_of_address == desk.care_of and held.credit.octets(desk.world.network.clock.now) == 0


def test_the_permanent_token_proves_later_updates_with_home_index_zero() -> None:
    desk = Desk()
    desk.introduce()
    answer = desk.ask(desk.update(home=0))
    assert answer is not None and answer.status == 0 and desk.is_signed(answer)
    assert answer.option(PermanentHomeKeygenToken) is None, "the token stays the same"
    desk.permanent = b"guessed!"
    assert desk.ask(desk.update(home=0)) is None
    assert desk.held is not None and desk.held.sequence == 2


def test_nodes_without_keys_register_as_rfc_6275_has_it() -> None:
    desk = Desk()
    answer = desk.ask(desk.update())
    assert answer is not None and answer.status == 0 and len(answer.options) == 1 and desk.is_signed(answer)
    assert desk.held is not None and desk.held.permanent_token is None and desk.held.care_of_verified


def test_bindings_by_key_last_a_day_others_seven_minutes() -> None:
    """Section 4.2: MAX_CGA_BINDING_LIFETIME by key or permanent token, MAX_RR_BINDING_LIFETIME by a home test."""
    desk, day = Desk(), 86400
    units = []
    for how in ({}, {"proof": True}, {"home": 0}):
        answer = desk.ask(desk.update(lifetime_s=2 * day, **how))  # type: ignore[arg-type]
        assert answer is not None
        option = answer.option(PermanentHomeKeygenToken)
        desk.permanent = desk.owner.key.decrypt(option.data) or b"" if option else desk.permanent
        units.append(4 * answer.lifetime_units)
    assert units == [420, day, day]
    assert desk.held is not None and day - 1 < desk.held.expires_at_s - desk.world.now <= day


# --- early and complete updates (sections 4.2, 4.3) ------------------------------------------------------------------


def test_an_early_update_binds_an_unverified_address_and_gets_a_care_of_token() -> None:
    desk = Desk()
    desk.introduce()
    answer = desk.ask(desk.early())
    assert answer is not None and answer.status == 0 and desk.is_signed(answer)
    option = answer.option(CareOfTestOption)
    assert option is not None and option.data == desk.care_of_token(desk.cn.nonces.index(desk.world.network.clock.now))
    assert desk.held is not None and not desk.held.care_of_verified
    complete = desk.ask(desk.update(home=0, care_of=0xFFFF, token=option.data))
    assert complete is not None and complete.status == 0 and complete.option(CareOfTestOption) is None
    assert desk.held.care_of_verified


def test_a_complete_update_may_have_any_index_for_the_options_token() -> None:
    """Section 5.5 gives the option no room for an index, section 4.1 wants one: its value does not count."""
    for index in (1, 77, 0xFFFF):
        desk = Desk()
        desk.introduce()
        answer = desk.ask(desk.early())
        assert answer is not None
        option = answer.option(CareOfTestOption)
        assert option is not None
        assert desk.status(desk.update(home=0, care_of=index, token=option.data)) == 0
        assert desk.held is not None and desk.held.care_of_verified


def test_a_complete_update_may_use_a_care_of_test_instead() -> None:
    """Figure 3: an explicit care-of address test; also after an early update whose answer was lost."""
    desk = Desk()
    desk.introduce()
    desk.ask(desk.early())
    desk.world.run(31)
    assert desk.status(desk.update(home=0)) == 0
    assert desk.held is not None and desk.held.care_of_verified


def test_the_options_token_is_good_for_one_care_of_address_and_not_for_ever() -> None:
    desk = Desk()
    desk.introduce()
    answer = desk.ask(desk.early())
    option = answer and answer.option(CareOfTestOption)
    assert option is not None
    elsewhere = desk.update(home=0, care_of=0xFFFF, token=option.data, about=VICTIM)
    assert desk.status(elsewhere) == 137, "no such nonce, and no option went there"
    desk.world.run(240)
    assert desk.status(desk.update(home=0, care_of=0xFFFF, token=option.data)) == 137
    assert desk.held is not None and not desk.held.care_of_verified and desk.held.care_of_address == desk.care_of


def test_early_updates_work_with_home_tests_too() -> None:
    """Figure 2: a home test, and the care-of test behind the binding; seven minutes at most."""
    desk = Desk()
    answer = desk.ask(desk.update(care_of=0, options=(CareOfTestInitOption(),), lifetime_s=4000))
    assert answer is not None and answer.status == 0 and answer.lifetime_units == 105
    option = answer.option(CareOfTestOption)
    assert option is not None and desk.held is not None and not desk.held.care_of_verified
    assert desk.status(desk.update(care_of=9, token=option.data)) == 0 and desk.held.care_of_verified


def test_no_care_of_token_goes_where_the_care_of_address_is_not() -> None:
    """The acknowledgement goes to the update's source (RFC 6275 9.5.4): a token for an alternate one proves nothing."""
    desk = Desk()
    desk.introduce()
    answer = desk.ask(desk.early(about=VICTIM))
    assert answer is not None and answer.status == 0 and answer.option(CareOfTestOption) is None
    assert desk.held is not None and desk.held.care_of_address == VICTIM and not desk.held.care_of_verified


def test_acknowledged_without_being_asked() -> None:
    """Section 4.3: a right signature, or an early update with a Care-of Test Init option."""
    desk = Desk()
    assert desk.ask(desk.update(acknowledge=False)) is None
    answer = desk.ask(desk.update(proof=True, acknowledge=False))
    assert answer is not None
    desk.permanent = desk.owner.key.decrypt(answer.options[0].data) or b""  # type: ignore[attr-defined]
    assert desk.ask(desk.update(home=0, acknowledge=False)) is None
    assert desk.ask(desk.early(acknowledge=False, options=())) is None
    assert desk.status(desk.early(acknowledge=False)) == 0


# --- refusals (section 5.7) ------------------------------------------------------------------------------------------


def test_147_where_there_is_no_permanent_token() -> None:
    """Without a binding, and with one that has none; there is no key to sign it with."""
    desk = Desk()
    answer = desk.ask(desk.update(home=0))
    assert answer is not None and (answer.status, answer.options) == (147, ()) and desk.held is None
    desk.ask(desk.update())
    assert desk.status(desk.update(home=0)) == 147
    assert desk.held is not None and desk.held.sequence == 2


def refused(desk: Desk, update: BindingUpdate) -> bool:
    """Check that an update is refused with 148, in a signed acknowledgement without tokens, and changes nothing."""
    before = desk.held
    answer = desk.ask(update)
    assert desk.held == before
    return answer is not None and answer.status == 148 and desk.is_signed(answer) and len(answer.options) == 1


def test_148_where_the_signature_is_wrong_and_nothing_changes() -> None:
    desk, thief = Desk(), AddressOwner(Random(2))
    assert refused(desk, desk.update(proof=True, key=thief))
    assert refused(desk, desk.update(proof=True, key=thief, acknowledge=False))
    desk.introduce()
    assert refused(desk, desk.update(proof=True, key=thief)) and desk.held is not None
    assert desk.held.permanent_token == desk.permanent


def test_148_where_the_key_did_not_make_the_home_address() -> None:
    desk, thief = Desk(), AddressOwner(Random(2))
    update = desk.update(proof=True, key=thief)
    other = CgaParametersOption(thief.parameters[thief.generate(HOME_PREFIX)].encode())
    assert len(other.data) == len(update.options[0].data)  # type: ignore[attr-defined]
    blank = replace(update, options=(other, SignatureOption(bytes(128)), *update.options[2:]))
    signature = thief.key.sign(mobility_data(blank, desk.care_of, desk.cn.address))
    update = replace(blank, options=(other, SignatureOption(signature), *blank.options[2:]))
    assert refused(desk, desk.proved(update))


def test_148_where_no_signature_stands_directly_behind_the_parameters() -> None:
    """Section 4.2."""
    for order in ((0,), (0, 2, 1), (1, 0, 2)):
        desk = Desk()
        update = desk.update(proof=True)
        front = (*update.options[:2], CareOfTestInitOption())
        options = (*(front[at] for at in order), *update.options[2:])
        assert refused(desk, desk.proved(replace(update, options=options)))


def test_149_keeps_anybody_from_taking_the_weaker_proof() -> None:
    """Section 4.2: with a permanent token a home test proves nothing any more; a key still does (section 5.7)."""
    desk = Desk()
    desk.introduce()
    answer = desk.ask(desk.update(acknowledge=False))
    assert answer is not None and answer.status == 149 and desk.is_signed(answer)
    assert desk.held is not None and desk.held.sequence == 1
    delete = desk.ask(desk.update(lifetime_s=0))
    assert delete is not None and delete.status == 149 and desk.held is not None
    old = desk.permanent
    desk.introduce()
    assert desk.permanent != old


def test_150_where_a_key_comes_without_a_home_test() -> None:
    desk = Desk()
    assert desk.status(desk.update(home=0, proof=True)) == 150 and desk.held is None
    desk.introduce()
    assert desk.status(desk.update(home=0, proof=True)) == 150
    assert desk.held is not None and desk.held.sequence == 2


def test_nonces_that_are_not_known_are_told_as_in_rfc_6275() -> None:
    """136 to 138 for indices that are not zero; zero is no index."""
    desk = Desk()
    assert [desk.status(desk.update(home=h, care_of=c)) for h, c in ((99, 1), (1, 99), (99, 98), (99, 0))] == [
        136, 137, 138, 136,
    ]  # fmt: skip
    desk.introduce()
    assert desk.status(desk.update(home=0, care_of=99)) == 137


def test_wrong_authenticators_are_dropped_without_a_word() -> None:
    desk = Desk()
    desk.introduce()
    for update in (desk.early(), desk.update(), desk.update(proof=True)):
        proof = BindingAuthorizationData(bytes(12))
        assert desk.ask(replace(update, options=(*update.options[:-1], proof))) is None
    assert desk.held is not None and desk.held.sequence == 1 and desk.held.care_of_verified


def test_old_updates_do_not_come_again() -> None:
    """Section 4.9 and RFC 6275 9.5.1: a replayed early update is out of the sequence window."""
    desk = Desk()
    desk.introduce()
    early = desk.early()
    assert desk.status(early) == 0
    assert desk.status(desk.update(home=0)) == 0
    assert desk.status(early) == 135
    assert desk.held is not None and desk.held.care_of_verified


# --- the permanent token's life (sections 4.2, 4.9) ------------------------------------------------------------------


def test_a_new_proof_renews_the_permanent_token() -> None:
    desk = Desk()
    desk.introduce()
    old = desk.permanent
    desk.introduce()
    new, desk.permanent = desk.permanent, old
    assert desk.ask(desk.update(home=0)) is None, "the old one proves nothing"
    desk.permanent = new
    assert desk.status(desk.update(home=0)) == 0


def test_deletion_by_permanent_token_ends_it() -> None:
    """RFC 6275 section 5.2.6: Kbm = SHA1(home keygen token), here the permanent one."""
    desk = Desk()
    desk.introduce()
    assert desk.status(desk.update(home=0, lifetime_s=0)) == 0 and desk.held is None
    assert desk.status(desk.update(home=0)) == 147


def test_the_permanent_token_ends_with_its_binding() -> None:
    desk = Desk()
    desk.introduce()
    desk.world.run(401)
    assert desk.held is None and desk.status(desk.update(home=0)) == 147


def test_proofs_beyond_a_limit_are_not_looked_at() -> None:
    """Section 6.6: each proof is work. Other updates go on."""
    desk = Desk()
    burst = desk.part.proof_limit.burst
    updates = [desk.update(proof=True, key=AddressOwner(Random(2))) for _ in range(burst + 1)]
    option = DestinationOptions((HomeAddressOption(desk.home),))
    for update in updates:
        desk.asker.send_direct(Packet(desk.care_of, desk.cn.address, update, extensions=(option,)))
    desk.world.run(0.2)
    assert [a.packet.payload.status for a in desk.heard] == [148] * burst + [130]  # type: ignore[attr-defined]
    assert desk.status(desk.update()) == 0


# --- the correspondent node's own address (section 4.3) --------------------------------------------------------------


def test_a_generated_address_of_the_correspondent_is_proved_on_request() -> None:
    """The tokens stand in front of the signature and are signed; without a request, or without a key, nothing is."""
    desk = Desk()
    owner = AddressOwner(Random(9))
    desk.there = owner.generate(Prefix.parse("2001:db8:a::/64"))
    next(iter(desk.cn.interfaces.values())).add_address(desk.there)
    plain = desk.ask(desk.update(proof=True, options=(CgaParametersRequest(),)))
    assert plain is not None and plain.option(SignatureOption) is None, "without a key it is an address like any"
    desk.part.owner = owner
    answer = desk.ask(desk.update(proof=True, options=(CgaParametersRequest(),)))
    assert answer is not None and desk.is_signed(answer)
    kinds = [type(option) for option in answer.options]
    assert kinds == [PermanentHomeKeygenToken, CgaParametersOption, SignatureOption, BindingAuthorizationData]
    octets_, data = codec.encode_mobility(answer), owner.parameters[desk.there].encode()
    message = desk.care_of.packed + desk.there.packed + octets_[: octets_.index(data) + len(data)]
    assert proves(desk.there, data, message, answer.options[2].data) is not None  # type: ignore[attr-defined]
    unasked = desk.ask(desk.update(proof=True))
    assert unasked is not None and unasked.option(SignatureOption) is None


# --- credit (sections 4.10, 4.11, 6.3) -------------------------------------------------------------------------------


def credit(desk: Desk) -> int:
    assert desk.held is not None
    return desk.held.credit.octets(desk.world.network.clock.now)


def test_payload_from_a_verified_address_earns_its_size() -> None:
    desk = Desk()
    desk.introduce()
    desk.from_home(500)
    desk.from_home(300)
    assert credit(desk) == 800
    desk.send(UDP(PORT, PORT, b"x" * 500), VICTIM)
    assert credit(desk) == 800, "it came from elsewhere"


def test_payload_from_an_unverified_address_earns_nothing() -> None:
    """Section 6.3: or an attacker could keep a stream going that does not reach it."""
    desk = Desk()
    desk.introduce()
    desk.ask(desk.early())
    desk.from_home(500)
    assert credit(desk) == 0


def test_signalling_earns_nothing_and_costs_nothing() -> None:
    desk = Desk()
    desk.introduce()
    desk.from_home(200)
    assert desk.status(desk.early()) == 0 and credit(desk) == 200


def test_fragments_earn_what_they_weigh_once() -> None:
    desk = Desk()
    desk.introduce()
    datagram = codec.encode(Packet(desk.home, desk.cn.address, UDP(PORT, PORT, bytes(592))))[40:]
    option = DestinationOptions((HomeAddressOption(desk.home),))
    for offset, more in ((0, True), (37, False)):
        piece = Opaque(17, datagram[8 * offset : 296 if more else 600])
        extensions = (option, FragmentHeader(offset, more, 7))
        desk.asker.send_direct(Packet(desk.care_of, desk.cn.address, piece, extensions=extensions))
    desk.world.run(0.2)
    assert credit(desk) == 600 + 2 * (40 + 24 + 8)


def test_verified_addresses_cost_nothing() -> None:
    desk = Desk()
    desk.introduce()
    desk.from_home(100)
    for _ in range(5):
        desk.to_home(1000)
    assert len(desk.got) == 5 and credit(desk) == 100


def test_a_packet_that_costs_more_than_the_credit_is_dropped_with_a_reason() -> None:
    """Section 4.10: a packet that costs more than there is must not go to the care-of address, a smaller one may."""
    desk = Desk()
    desk.introduce()
    desk.from_home(1000)
    desk.ask(desk.early())
    for size in (600, 600, 300, 101, 100):
        desk.to_home(size)
    assert [arrival.packet.size for arrival in desk.got] == [600, 300, 100] and credit(desk) == 0
    reasons = [drop.reason for drop in desk.world.trace.drops() if "nobody listens" not in drop.reason]
    assert reasons == [f"{desk.care_of} is not verified yet and its credit is used up"] * 2
    current = desk.cn.nonces.index(desk.world.network.clock.now)
    assert desk.status(desk.update(home=0, care_of=current)) == 0
    desk.to_home(1200)
    assert len(desk.got) == 4, "once it is verified, all goes"


def test_credit_outlives_updates_and_fades() -> None:
    """Section 4.11: 7/8 every five seconds; a new early update does not fill it again."""
    desk = Desk()
    desk.introduce()
    desk.from_home(800)
    desk.ask(desk.early())
    desk.world.run(5)
    assert credit(desk) == 700
    desk.ask(desk.early())
    desk.to_home(600)
    desk.ask(desk.early())
    assert credit(desk) == 100


@pytest.mark.parametrize("earned", [0, 3000])
def test_a_false_care_of_address_gets_no_more_octets_than_were_earned(earned: int) -> None:
    """Section 6.3: redirection is no amplifier, however often the attacker updates its binding anew."""
    desk = Desk()
    desk.introduce()
    for _ in range(earned // 500):
        desk.from_home(500)
    for _ in range(20):
        desk.ask(desk.early(about=VICTIM))
        for _ in range(10):
            desk.to_home(300)
        desk.from_home(500)
    assert desk.octets_to(VICTIM) <= earned
    assert earned == 0 or desk.octets_to(VICTIM) > earned * 7 // 8 - 300, "and it does get those"
