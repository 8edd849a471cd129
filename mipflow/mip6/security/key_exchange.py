"""The stand-in for IKEv2 (RFC 4877 section 7.3) between a mobile node and its home agent.

It takes both nodes and gives them equal keys, by a call at both ends that no packet carries and that takes no time.
What it leaves out is therefore countable: two round trips before the first registration (IKE_SA_INIT and IKE_AUTH), one
for each pair of associations after them, and their octets. What it keeps is what Mobile IPv6 can see: the associations
for a home address exist at both ends before its first binding update, they come from the exchange that the primary
home address has authenticated, keys are made as in RFC 7296 section 2.17, and nobody gets those of another's address.
"""

from __future__ import annotations

import hmac
from io import BytesIO
from typing import TYPE_CHECKING

from mipflow.arguments import need_cryptography
from mipflow.mip6.security.security import POLICIES, SecurityAssociation, SecurityAssociations, Selector
from mipflow.sim.network import Network
from mipflow.wire.esp import ENCRYPTION, INTEGRITY, EspKeys

if TYPE_CHECKING:
    from mipflow.mip6.home_agent import HomeAgent
    from mipflow.mip6.mobile_node import MobileNode
    from mipflow.wire.address import Address


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
        network: Network = mobile_node.network
        network.check_own(home_agent, home_agent.network)
        self._mobile_node, self._home_agent = mobile_node, home_agent
        self._algorithms = (encryption, integrity)
        self._secret = network.random(f"{mobile_node.name}/{home_agent.name}/shared secret").randbytes(32)
        """The secret that IKE_SA_INIT and IKE_AUTH would have left at both ends: SK_d of RFC 7296 section 2.14."""
        self._nonces = [network.random(f"{node.name}/key exchange") for node in (mobile_node, home_agent)]
        for node, home_agents in ((mobile_node, []), (home_agent, [home_agent.addresses])):
            if not node.ip_security.is_on:
                random = network.random(f"{node.name}/security")
                node.ip_security.secure(SecurityAssociations(random, is_dynamic, home_agents))
        mobile_node.ip_security.associations.home_agents.append(home_agent.addresses)
        mobile_node.ip_security.key_exchanges.append(self)
        self.establish(mobile_node.primary_home_address, home_agent.home_agent_address)

    def reaches(self, address: Address) -> bool:
        """True for an address of the home agent."""
        return address in self._home_agent.addresses

    def establish(self, home_address: Address, home_agent_address: Address) -> None:
        """Make the associations for a home address at both ends, under the primary's (RFC 4877 section 7.3).

        Refused where another mobile node has some for it (section 4.2: it must not be able to register it).
        """
        owner = self._home_agent.ip_security.associations.owner(home_address)
        if owner not in (None, self._mobile_node.primary_home_address):
            self._home_agent.decided("key exchange refused", f"{home_address} is another mobile node's")
            return
        owner, messages = self._mobile_node.primary_home_address, iter(POLICIES)
        made: list[tuple[Selector, EspKeys]] = []
        for pair in zip(messages, messages, strict=True):
            octets = self._key_octets()
            for message in pair:
                receiver = self._receiver(message)
                encryption, integrity = map(octets.read, self._key_sizes())
                keys = EspKeys(receiver.ip_security.associations.new_spi(), encryption, integrity, *self._algorithms)
                made.append((Selector(message, home_address, home_agent_address), keys))
        for node in (self._mobile_node, self._home_agent):
            own = (SecurityAssociation(keys, each, owner, self._receiver(each.message) is node) for each, keys in made)
            node.record(node.ip_security.associations.add(own))

    def _receiver(self, message: type) -> HomeAgent | MobileNode:
        return self._home_agent if POLICIES[message].upward else self._mobile_node

    def delete(self, home_address: Address) -> None:
        """Take the associations for a home address out at both ends."""
        for node in (self._mobile_node, self._home_agent):
            node.record(node.ip_security.associations.remove(home_address))

    def _key_sizes(self) -> tuple[int, int]:
        encryption, integrity = self._algorithms
        return ENCRYPTION[encryption].key, INTEGRITY[integrity].key

    def _key_octets(self) -> BytesIO:
        """Octets for the keys of a pair, upward and encryption first (RFC 7296 sections 2.13, 2.17): prf+ over nonces
        of both ends.
        """
        seed = b"".join(random.randbytes(32) for random in self._nonces)
        material = block = b""
        while len(material) < 2 * sum(self._key_sizes()):
            block = hmac.digest(self._secret, block + seed + bytes([len(material) // 32 + 1]), "sha256")
            material += block
        return BytesIO(material)
