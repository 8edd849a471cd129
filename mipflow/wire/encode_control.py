"""From signalling values to scapy layers: ICMPv6 messages and Mobility Headers, their checksum fields zero.

Takes a message; gives its layer. `encode` puts it into a packet and fills the checksum in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mipflow.errors import WireError
from mipflow.wire import icmpv6, layers, mobility
from mipflow.wire.bounds import check
from mipflow.wire.padding import with_padding

if TYPE_CHECKING:
    from mipflow.wire.icmpv6 import IcmpMessage, NeighborOption
    from mipflow.wire.layers import Layer
    from mipflow.wire.mobility import MobilityMessage, MobilityOption

# --- Mobility Header (RFC 6275 section 6.1) -----------------------------------------------------------------


def mobility_layer(message: MobilityMessage) -> Layer:
    """The Mobility Header with its checksum field zero. Raises WireError for a value that has no bytes."""
    check(message)
    if message.size > 2048:
        raise WireError(f"a Mobility Header of {message.size} octets; expected at most 2048", message)
    layer: Layer
    common: dict[str, Any] = {"nh": 59, "len": message.size // 8 - 1, "res": 0, "cksum": 0}
    match message:
        case mobility.UnknownMobilityMessage(kind, data):
            if kind <= 7:
                raise WireError(f"Mobility Header type {kind} has its own value", message)
            return layers.inet6.MIP6MH_Generic(**common, mhtype=kind, msg=data)
        case mobility.HomeTestInit() | mobility.CareOfTestInit():
            init = (
                layers.inet6.MIP6MH_HoTI
                if isinstance(message, mobility.HomeTestInit)
                else layers.inet6.MIP6MH_CoTI
            )
            layer = init(**common, cookie=message.cookie)
        case mobility.HomeTest(index, cookie, token) | mobility.CareOfTest(index, cookie, token):
            test = (
                layers.inet6.MIP6MH_HoT if isinstance(message, mobility.HomeTest) else layers.inet6.MIP6MH_CoT
            )
            layer = test(**common, index=index, cookie=cookie, token=token)
        case mobility.BindingUpdate():
            layer = _binding_update(message, common)
        case mobility.BindingAcknowledgement():
            layer = layers.inet6.MIP6MH_BA(
                **common, status=int(message.status), seq=message.sequence, mhtime=message.lifetime_units,
                flags=message.key_management << 2 | message.reserved >> 5, res2=message.reserved & 0x1F,
            )  # fmt: skip
        case mobility.BindingError(status, home_address):
            layer = layers.inet6.MIP6MH_BE(**common, status=int(status), reserved=0, ha=str(home_address))
        case mobility.BindingRefreshRequest():
            layer = layers.inet6.MIP6MH_BRR(**common, res2=0)
    options = with_padding(message.options, message._fixed, mobility.UnknownMobilityOption)
    layer.setfieldval("options", [_mobility_option(option) for option in options])
    if not isinstance(message, mobility.BindingError):  # the one class of scapy without this switch
        layer.setfieldval("autopad", 0)
    return layer


def _binding_update(message: mobility.BindingUpdate, common: dict[str, Any]) -> Layer:
    flags = message.acknowledge << 15 | message.home_registration << 14 | message.link_local << 13
    flags |= message.key_management << 12 | message.reserved
    return layers.inet6.MIP6MH_BU(
        **common,
        seq=message.sequence,
        flags=flags >> 9,
        reserved=flags & 0x1FF,
        mhtime=message.lifetime_units,
    )


def _mobility_option(option: MobilityOption) -> Layer:
    check(option)
    match option:
        case mobility.BindingRefreshAdvice(interval):
            return layers.inet6.MIP6OptBRAdvice(olen=2, rinter=interval)
        case mobility.AlternateCareOfAddress(address):
            return layers.inet6.MIP6OptAltCoA(olen=16, acoa=str(address))
        case mobility.NonceIndices(home, care_of):
            return layers.inet6.MIP6OptNonceIndices(olen=4, hni=home, coni=care_of)
        case mobility.BindingAuthorizationData(authenticator):
            return layers.inet6.MIP6OptBindingAuthData(
                olen=12, authenticator=int.from_bytes(authenticator, "big")
            )
        case mobility.UnknownMobilityOption(0):
            return layers.inet6.Pad1()
        case mobility.UnknownMobilityOption(1, data):
            return layers.inet6.PadN(optlen=len(data), optdata=data)
        case mobility.UnknownMobilityOption(kind, data):
            if kind <= 5:
                raise WireError(f"mobility option {kind} has its own value", option)
            return layers.inet6.MIP6OptUnknown(otype=kind, olen=len(data), odata=data)


# --- ICMPv6 (RFC 4443, RFC 4861, RFC 6275 sections 6.5 to 6.8) ----------------------------------------------


def icmp_layer(message: IcmpMessage) -> Layer:
    """The ICMPv6 message, checked before, with its checksum field zero. Raises WireError as above."""
    match message:
        case icmpv6.EchoRequest(identifier, sequence, data):
            return layers.inet6.ICMPv6EchoRequest(code=0, cksum=0, id=identifier, seq=sequence, data=data)
        case icmpv6.EchoReply(identifier, sequence, data):
            return layers.inet6.ICMPv6EchoReply(code=0, cksum=0, id=identifier, seq=sequence, data=data)
        case icmpv6.IcmpError():
            return _error(message)
        case icmpv6.UnknownIcmp(kind, code, body):
            if kind in icmpv6.KNOWN_TYPES:
                raise WireError(f"ICMPv6 type {kind} has its own value", message)
            return layers.inet6.ICMPv6Unknown(type=kind, code=code, cksum=0, msgbody=body)
        case icmpv6.HomeAgentAddressDiscoveryRequest(identifier):
            return layers.inet6.ICMPv6HAADRequest(code=0, cksum=0, id=identifier, R=0, res=0)
        case icmpv6.HomeAgentAddressDiscoveryReply(identifier, home_agents):
            agents = [str(agent) for agent in home_agents]
            return layers.inet6.ICMPv6HAADReply(code=0, cksum=0, id=identifier, R=0, res=0, addresses=agents)
    layer = _discovery(message)
    last = layer
    for option in message.options:
        built = _neighbor_option(option)
        last.add_payload(built)
        last = built
    return layer


def _discovery(message: icmpv6.WithOptions) -> Layer:
    """A message that may have options, without them."""
    match message:
        case icmpv6.RouterSolicitation():
            return layers.inet6.ICMPv6ND_RS(code=0, cksum=0, res=0)
        case icmpv6.RouterAdvertisement():
            return layers.inet6.ICMPv6ND_RA(
                code=0, cksum=0, chlim=message.current_hop_limit, M=int(message.managed),
                O=int(message.other), H=int(message.home_agent), prf=message.preference, P=0, res=0,
                routerlifetime=message.router_lifetime_s, reachabletime=message.reachable_time_ms,
                retranstimer=message.retransmission_timer_ms,
            )  # fmt: skip
        case icmpv6.NeighborSolicitation(target):
            return layers.inet6.ICMPv6ND_NS(code=0, cksum=0, res=0, tgt=str(target))
        case icmpv6.NeighborAdvertisement(target, router, solicited, override):
            return layers.inet6.ICMPv6ND_NA(
                code=0, cksum=0, R=int(router), S=int(solicited), O=int(override), res=0, tgt=str(target)
            )
        case icmpv6.MobilePrefixSolicitation(identifier):
            return layers.inet6.ICMPv6MPSol(code=0, cksum=0, id=identifier, res=0)
        case icmpv6.MobilePrefixAdvertisement(identifier, managed, other):
            return layers.inet6.ICMPv6MPAdv(code=0, cksum=0, id=identifier, flags=managed << 1 | other, res=0)
    raise WireError(f"{message!r} is no ICMPv6 message", message)


def _error(message: icmpv6.IcmpError) -> Layer:
    pointed = message.type in (icmpv6.PACKET_TOO_BIG, icmpv6.PARAMETER_PROBLEM)
    if not pointed and message.parameter:
        raise WireError(
            f"parameter {message.parameter} of ICMPv6 error {message.type}; expected 0", message.parameter
        )
    layer: Layer
    match message.type:
        case icmpv6.DESTINATION_UNREACHABLE:
            layer = layers.inet6.ICMPv6DestUnreach(code=message.code, cksum=0, length=0, unused=0)
        case icmpv6.PACKET_TOO_BIG:
            layer = layers.inet6.ICMPv6PacketTooBig(code=message.code, cksum=0, mtu=message.parameter)
        case icmpv6.TIME_EXCEEDED:
            layer = layers.inet6.ICMPv6TimeExceeded(code=message.code, cksum=0, length=0, unused=0)
        case icmpv6.PARAMETER_PROBLEM:
            layer = layers.inet6.ICMPv6ParamProblem(code=message.code, cksum=0, ptr=message.parameter)
        case _:
            raise WireError(
                f"ICMPv6 error type {message.type}; expected 1 to 4, or UnknownIcmp", message.type
            )
    return layer / layers.Raw(message.invoking)


def _neighbor_option(option: NeighborOption) -> Layer:
    check(option)
    match option:
        case icmpv6.PrefixInformation():
            return layers.inet6.ICMPv6NDOptPrefixInfo(
                len=4, prefixlen=option.prefix_length, L=int(option.on_link), A=int(option.autonomous),
                R=int(option.router_address), res1=0, validlifetime=option.valid_lifetime_s,
                preferredlifetime=option.preferred_lifetime_s, res2=0, prefix=str(option.prefix),
            )  # fmt: skip
        case icmpv6.LinkLayerAddress(address, target):
            kind = layers.inet6.ICMPv6NDOptDstLLAddr if target else layers.inet6.ICMPv6NDOptSrcLLAddr
            return kind(len=1, lladdr=address.hex(":"))
        case icmpv6.MtuOption(mtu):
            return layers.inet6.ICMPv6NDOptMTU(len=1, res=0, mtu=mtu)
        case icmpv6.AdvertisementInterval(interval):
            return layers.inet6.ICMPv6NDOptAdvInterval(len=1, res=0, advint=interval)
        case icmpv6.HomeAgentInformation(preference, lifetime):
            return layers.inet6.ICMPv6NDOptHAInfo(len=1, res=0, pref=preference, lifetime=lifetime)
        case icmpv6.UnknownNeighborOption(number, data):
            if icmpv6.KNOWN_OPTIONS.get(number) == option.size:
                raise WireError(f"neighbor discovery option {number} has its own value", option)
            return layers.inet6.ICMPv6NDOptUnknown(type=number, len=option.size // 8, data=data)
