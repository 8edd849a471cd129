"""Packets as values, and their bytes.

Here live addresses (`address`), packets and their extension headers (`packet`), the messages of ICMPv6 (`icmpv6`) and
of Mobile IPv6 (`mobility`), and the way from a value to octets and back: `codec` writes, `decode` reads. `chain` steps
from header to header, `options` lays options out, `forms` says in a line which fields of a value are which fields of a
scapy layer, and `layers` is the one door to scapy. A value in, octets out; octets in, a value out, or a WireError that
says what is wrong. Nothing here knows a clock, a node or a file.

Every layer above may come in; wire imports nothing but `errors`, `arguments` and `files`. Read `packet` first, then
`mobility` for how a message is declared, then `codec`. Behind doors of their own, which none of these imports, stand
`dhcpv6` (RFC 8415), `esp` (RFC 4303) and the room `captures`.
"""
