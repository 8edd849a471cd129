"""Plain IPv6: interfaces, hosts, routers, UDP, TCP and applications. Knows nothing of mobility."""
