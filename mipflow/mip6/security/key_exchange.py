"""The stand-in for IKEv2 (RFC 4877 section 7.3) between a mobile node and its home agent.

It takes both nodes and gives them equal keys, by a call at both ends that no packet carries and that takes no time.
What it leaves out is therefore countable: two round trips before the first registration (IKE_SA_INIT and IKE_AUTH), one
for each pair of associations after them, and their octets. What it keeps is what Mobile IPv6 can see: the associations
for a home address exist at both ends before its first binding update, they come from the exchange that the primary
home address has authenticated, keys are made as in RFC 7296 section 2.17, and nobody gets those of another's address.
"""

from __future__ import annotations

import hmac
from collections.abc import Container
from io import BytesIO

from mipflow.arguments import need_cryptography
from mipflow.mip6.home_agent import HomeAgent
from mipflow.mip6.mobile_node import MobileNode
from mipflow.mip6.security.ip_security import IpSecurity
from mipflow.mip6.security.security import POLICIES, SecurityAssociation, SecurityAssociations, Selector
from mipflow.node.node import Node
from mipflow.wire.address import Address
from mipflow.wire.esp import ENCRYPTION, INTEGRITY, EspKeys


class KeyExchange:
    """Security associations between a mobile node and a home agent, from now on; those of the primary exist at once.

    is_dynamic: keys come from the exchange, so replays are noticed; else they are set by hand at both ends, and only
    the sequence numbers of binding updates tell a replay (RFC 3776 section 4.4). encryption, integrity: names in
    `wire.esp`.
    """

    def __init__(
        self, mobile_node: MobileNode, home_agent: HomeAgent, is_dynamic: bool = True, encryption: str = "AES-CBC",
        integrity: str = "SHA2-256-128",
    ) -> None:
        need_cryptography("IP security (security=True)")
        network = mobile_node.network
        network.check_own(home_agent, home_agent.network)
        self._mobile_node, self._home_agent = mobile_node, home_agent
        self._algorithms = (encryption, integrity)
        self._sizes = ENCRYPTION[encryption].key, INTEGRITY[integrity].key
        self._secret = network.random(f"{mobile_node.name}/{home_agent.name}/shared secret").randbytes(32)
        """The secret that IKE_SA_INIT and IKE_AUTH would have left at both ends: SK_d of RFC 7296 section 2.14."""
        self._nonces = [network.random(f"{node.name}/key exchange") for node in (mobile_node, home_agent)]
        at_mobile_node = _secured(mobile_node, mobile_node.host, is_dynamic, [])
        at_home_agent = _secured(home_agent, home_agent, is_dynamic, [home_agent.addresses])
        at_mobile_node.associations.home_agents.append(home_agent.addresses)
        at_mobile_node.key_exchanges.append(self)
        self._upward, self._downward = at_home_agent.associations, at_mobile_node.associations
        """The associations of the node that receives what goes upward, and downward."""
        self.establish(mobile_node.primary_home_address, home_agent.home_agent_address)

    def reaches(self, address: Address) -> bool:
        """Return whether an address is the home agent's."""
        return address in self._home_agent.addresses

    def establish(self, home_address: Address, home_agent_address: Address) -> None:
        """Make the associations for a home address at both ends, under the primary's (RFC 4877 section 7.3).

        Refused where another mobile node has some for it (section 4.2: it must not be able to register it).
        """
        primary = self._mobile_node.primary_home_address
        if self._upward.owner(home_address) not in (None, primary):
            self._home_agent.decided("key exchange refused", f"{home_address} is another mobile node's")
            return
        messages = iter(POLICIES)
        made: list[tuple[Selector, EspKeys, SecurityAssociations]] = []
        for pair in zip(messages, messages, strict=True):
            octets = self._key_octets()
            for message in pair:
                receiver = self._upward if POLICIES[message].is_upward else self._downward
                encryption, integrity = map(octets.read, self._sizes)
                keys = EspKeys(receiver.new_spi(), encryption, integrity, *self._algorithms)
                made.append((Selector(message, home_address, home_agent_address), keys, receiver))
        for node, associations in ((self._mobile_node, self._downward), (self._home_agent, self._upward)):
            own = (SecurityAssociation(keys, each, primary, end is associations) for each, keys, end in made)
            node.record(associations.add(own))

    def delete(self, home_address: Address) -> None:
        """Delete the associations for a home address at both ends."""
        self._mobile_node.record(self._downward.remove(home_address))
        self._home_agent.record(self._upward.remove(home_address))

    def _key_octets(self) -> BytesIO:
        """Make the octets for the keys of a pair, upward and encryption first: prf+ over nonces of both ends (RFC 7296
        sections 2.13 and 2.17).
        """
        seed = b"".join(random.randbytes(32) for random in self._nonces)
        material = block = b""
        while len(material) < 2 * sum(self._sizes):
            block = hmac.digest(self._secret, block + seed + bytes([len(material) // 32 + 1]), "sha256")
            material += block
        return BytesIO(material)


def _secured(
    place: HomeAgent | MobileNode, node: Node, is_dynamic: bool, home_agents: list[Container[Address]]
) -> IpSecurity:
    """Return the IP security of `node`, which is put into its place there where none is yet."""
    if not isinstance(place.ip_security, IpSecurity):
        random = node.network.random(f"{node.name}/security")
        place.ip_security = IpSecurity(node, SecurityAssociations(random, is_dynamic, home_agents))
    return place.ip_security
