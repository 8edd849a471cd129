"""Mobile IPv6 (RFC 6275): bindings and return routability as pure logic; home agent, correspondent node, mobile node.
"""
