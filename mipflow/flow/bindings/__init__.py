"""Bindings for flows: from the home address of a flow to the registrations that its packets need (pages 8 to 14).

`binder` is the shell: it hears the mobile node (`mip6.listener`) and brings each flow a step further, to a home
address, its binding at the home agent and the one at the correspondent node. `handovers` moves flows, by one changed
row and the updates that follow. `address_pool` asks for home addresses and frees them, by a mechanism such as
`stateless`; `shared_bindings` keeps those flows together that one binding moves; `waiting_room` holds packets until all
is bound.

The room takes flows whose network is chosen (`flow.new_flows`, and policies through `handovers.ChoosesNetworks`) and
gives wishes to the registrar of `mip6`. It sends no message of its own and imports no door: whoever chooses networks,
allocates in another way or frees by steps of a learner's is put in from outside. Read `binder.proceed` first, then
`handovers.handover`.
"""
