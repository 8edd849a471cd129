"""The registrations of a mobile node: it tells its home agent and its correspondents where it is (RFC 6275 sections
11.5 to 11.8). One machine takes events and gives steps: `registrations` (what is wanted of which peer) derives from
`exchange` (tests, binding update, acknowledgement, and what silence leads to); `return_routability` runs the tests,
`updates` builds binding updates and finds the one that an acknowledgement answers, `peer_proofs` weighs whether a
correspondent knows Mobile IPv6. The machine is pure; what it asks of its node is in `surroundings`. Around it stand two
shells: `registrar` carries steps out, `peer_reports` takes binding errors, refresh requests and ICMPv6 errors. Read
`events`, `steps`, `registrations`, then `exchange`.

The room belongs to the core: it imports `mip6.bindings`, `mip6.constants` and the layers below, and no door; another
way to register derives from `Registrations` and is put in from outside (`mip6.enhanced` does so). Where to put what: a
mobility option is declared in `wire.mobility`; the mobile node puts it into its updates in `updates`, and reads it from
an acknowledgement in `exchange`, where `BindingRefreshAdvice` shows how; a correspondent node answers it in
`mip6.correspondent_node`. A report of a peer (binding error, refresh request, ICMPv6 error) is heard in `peer_reports`.
Something new to be seen in `world.tables()` is a table derived from `mip6.bindings.table.Table`, kept by who hears of
it, with each change given to `node.record`. News of registrations (`steps.News`) goes to the functions in
`Registrar.hears`.
"""
