"""The applications that make packets: calls, films, files, echo, recorded traffic.

Here live the contract of an application (`application`: the two ends of a flow, and something under way between
them), the applications that learners open (`apps`, which is `mf.apps`), a flow of a capture that is played again
(`recorded`), and the invitation to a call and its redirection (`invitation`).

An application is a value: it knows hosts, their sockets and the clock, and nothing of mobility. Whoever opens a flow,
with Mobile IPv6 or without, makes the `Ends` and calls `start`. Read `application`, then `Voice` in `apps`; a new
application stands beside it.
"""
