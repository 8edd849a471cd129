"""Reports of peers to a mobile node besides acknowledgements: binding errors, binding refresh requests, and ICMPv6
parameter problems (RFC 6275 sections 11.3.5, 11.3.6, 11.7.4).

They are not authenticated, so each counts only where it is about something that this node sent or holds.
"""

from __future__ import annotations

from mipflow.errors import WireError
from mipflow.mip6.bindings.binding_update_list import BindingUpdateEntry, State
from mipflow.mip6.bindings.keygen_tokens import RoutabilityTest
from mipflow.mip6.registrations.events import Ceased, Doubted, Gone, Stale
from mipflow.mip6.registrations.registrar import Registrar
from mipflow.mip6.registrations.return_routability import RoutabilityState
from mipflow.mip6.registrations.updates import ANSWER_DUE, is_authentic
from mipflow.node.node import Arrival, Node, offset_of
from mipflow.wire import mobility
from mipflow.wire.address import Address
from mipflow.wire.codec import decode
from mipflow.wire.icmpv6 import PARAMETER_PROBLEM, IcmpError
from mipflow.wire.packet import Packet

UNRECOGNIZED_NEXT_HEADER, UNRECOGNIZED_OPTION = 1, 2
"""Codes of a parameter problem (RFC 4443 section 3.4)."""


class PeerReports:
    """Takes the reports of peers from the node's handlers, and tells the registrar of those that count."""

    def __init__(self, node: Node, registrar: Registrar) -> None:
        self._node, self._registrar = node, registrar
        node.handlers[mobility.BindingError] = self._binding_error
        node.handlers[mobility.BindingRefreshRequest] = self._refresh_request
        node.error_listeners.append(self._icmp_error)

    def _binding_error(self, arrival: Arrival) -> None:
        """Take a binding error: the peer holds no such binding, or does not know a message of ours (section 11.3.6)."""
        error, peer = arrival.packet.payload, arrival.source
        assert isinstance(error, mobility.BindingError)
        entry = self._registrar.list.get((peer, error.home_address))
        is_of_type = error.status == mobility.BindingErrorStatus.UNRECOGNIZED_MOBILITY_HEADER
        if is_of_type and not self._expects_answer(peer):
            self._node.drop(arrival.packet, "binding error of a peer from which no answer is expected")
        elif is_of_type:
            self._registrar.tell(Doubted(peer, "it does not know our Mobility Header type (binding error 2)"), arrival)
        elif error.status != mobility.BindingErrorStatus.UNKNOWN_BINDING or entry is None:
            self._node.drop(arrival.packet, "binding error about nothing that was registered")
        elif not entry.is_usable or entry.registered != arrival.packet.destination:
            self._node.drop(arrival.packet, "binding error about a binding that is not in use")
        elif entry.home_registration:
            self._registrar.tell(Stale(entry))
        else:
            self._registrar.tell(Gone(entry))

    def _expects_answer(self, peer: Address) -> bool:
        """True for a correspondent that owes the answer to a binding update or a test init."""
        tests, entries = self._registrar.tests, self._registrar.list.of_peer(peer)
        is_due = any(entry.state in ANSWER_DUE and not entry.home_registration for entry in entries)
        return is_due or any(test.correspondent == peer and test.state is RoutabilityState.UNDER_WAY for test in tests)

    def _refresh_request(self, arrival: Arrival) -> None:
        """Register a binding anew, with return routability, before the peer would forget it (section 11.7.4)."""
        entry = self._registrar.list.get((arrival.source, arrival.destination))
        if entry is None or entry.state is not State.BOUND:
            self._node.drop(arrival.packet, "binding refresh request about a binding that is not in use")
            return
        self._registrar.tell(Stale(entry, with_tests=True), arrival)

    def _icmp_error(self, arrival: Arrival) -> None:
        """Take a parameter problem about a message of ours: its destination does not know Mobile IPv6 (section 11.3.5).
        """
        error: IcmpError = arrival.payload
        if error.type != PARAMETER_PROBLEM or error.code not in (UNRECOGNIZED_NEXT_HEADER, UNRECOGNIZED_OPTION):
            return
        try:
            invoking = decode(error.invoking)
        except WireError:
            self._node.drop(arrival.packet, "parameter problem about octets that are no packet")
            return
        if error.code == UNRECOGNIZED_OPTION:
            why = f"{arrival.source} refuses an option at octet {error.parameter} of a packet to {invoking.destination}"
            self._node.decided("parameter problem", why)
        elif invoking.destination != arrival.source or not self._is_about_mobility(invoking, error.parameter):
            self._node.drop(arrival.packet, "parameter problem about no Mobility Header of ours")
        elif not self._is_ours(invoking):
            self._node.drop(arrival.packet, "parameter problem about a message that is not waiting for an answer")
        else:
            why = "it does not know the Mobility Header (ICMPv6 parameter problem)"
            self._registrar.tell(Ceased(arrival.source, why))

    def _is_about_mobility(self, invoking: Packet, pointer: int) -> bool:
        """True where an error points at the next header field that announces the payload, or at the payload itself."""
        last = invoking.extensions[-1] if invoking.extensions else None
        return pointer in (6 if last is None else offset_of(invoking, last), offset_of(invoking, None))

    def _is_ours(self, packet: Packet) -> bool:
        """True for a test init or binding update that this node sent and that has no answer yet."""
        message, peer = packet.payload, packet.destination
        if isinstance(message, mobility.HomeTestInit | mobility.CareOfTestInit):
            kind = RoutabilityTest.HOME if isinstance(message, mobility.HomeTestInit) else RoutabilityTest.CARE_OF
            return self._registrar.tests.is_expected((kind, peer, packet.source), message.cookie)
        return isinstance(message, mobility.BindingUpdate) and any(
            self._was_sent(entry, message, packet.source) for entry in self._registrar.list.of_peer(peer)
        )

    def _was_sent(self, entry: BindingUpdateEntry, update: mobility.BindingUpdate, source: Address) -> bool:
        """True for an update that waits for its answer; nobody else can make its authorization data."""
        sent = [one for one in entry.unanswered if (one.sequence, one.care_of_address) == (update.sequence, source)]
        is_due = not entry.home_registration and entry.state in ANSWER_DUE
        return is_due and any(is_authentic(update, entry, one) for one in sent)
