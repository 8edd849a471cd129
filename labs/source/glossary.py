# %% [markdown]
# # Words
#
# Each word of the labs in a sentence or two. The labs lead here from the place where a word first matters; the tab of
# the lab stays open, so close this one to go back.

# %% [markdown]
# ## Binding
#
# "This [home address](word:home-address) is now at that [care-of address](word:care-of-address)": who, joined with
# where, for a while. It knows nothing of calls, videos or ports.

# %% [markdown]
# ## Binding acknowledgement
#
# BA: "done", or why not. It comes back from the node that got a [binding update](word:binding-update).

# %% [markdown]
# ## Binding cache
#
# The table in which a [home agent](word:home-agent) or a [correspondent node](word:correspondent-node) keeps
# [bindings](word:binding): one row for each home address.

# %% [markdown]
# ## Binding update
#
# BU: the message by which the [mobile node](word:mobile-node) says where one of its home addresses is now. Whoever
# believes it changes one row of its [binding cache](word:binding-cache).

# %% [markdown]
# ## Care-of address
#
# CoA: an address that says *where*. The mobile node makes itself one in each network that it visits, and it is of no
# use anywhere else. In the pictures: the *WLAN address*, the *cellular address*.

# %% [markdown]
# ## Correspondent node
#
# CN: whoever the mobile node talks to. It may stand anywhere and need not move.

# %% [markdown]
# ## Duplicate address detection
#
# Before a node uses a new address it asks on the link whether anybody has it already, and waits for a second. Nobody
# answers: it is free.

# %% [markdown]
# ## ESP
#
# Encapsulating Security Payload: a header behind which all is encrypted, ports included. In front of it stands an
# [SPI](word:spi), in clear.

# %% [markdown]
# ## FIN
#
# A mark in a [segment](word:segment) of [TCP](word:tcp): "nothing more from me". When both ends have said so, the
# connection is over.

# %% [markdown]
# ## Flow
#
# What the mobile node moves as one thing. Mostly that is one conversation, such as a call, a video or the loading of a
# page: packets with the same two ends, ports included, in both directions. Where a program or a rule says so, several
# conversations are one flow.

# %% [markdown]
# ## Flow label
#
# A number in the IPv6 header. Whoever sends may give the packets of one flow the same one; most programs leave it 0.

# %% [markdown]
# ## Flow mapping table
#
# The mobile node's own list of its flows: for each its correspondent node, its home address, and the care-of address
# that is chosen for it. It is from the patent (pages 11 and 12).

# %% [markdown]
# ## Handover
#
# Changing the network by which something is reached: a whole node, or here a single flow, while it goes on.

# %% [markdown]
# ## Home address
#
# H@: an address that says *who*. It belongs to the network at home and stays the same wherever the mobile node goes, so
# a call goes on. One node may have several: H@1, H@2 and so on.

# %% [markdown]
# ## Home agent
#
# HA: a router at home. It takes what arrives for a home address and sends it on, through a [tunnel](word:tunnel), to
# the care-of address in its [binding cache](word:binding-cache).

# %% [markdown]
# ## Ingress filter
#
# A router's rule at the edge of a network: out goes only what has a source address of that network. It stops those who
# write somebody else's address as their own.

# %% [markdown]
# ## Interface
#
# A node's door to one network, such as the phone's `wlan0` and `cell0`.

# %% [markdown]
# ## Link
#
# What an interface is plugged into, with all that one reaches there without a router: a WLAN, a cellular cell, a cable.
# Its addresses share a [prefix](word:prefix).

# %% [markdown]
# ## Mobile node
#
# MN: the node that moves; here a phone, in two networks at once.

# %% [markdown]
# ## Nonce index
#
# A correspondent node makes its [tokens](word:token) with random numbers, its nonces, and changes them every half
# minute or so. The nonce index says which of them: so it need not remember to whom it gave which token.

# %% [markdown]
# ## Policy server
#
# PS: a machine of the network operator that may tell the mobile node, while it runs, by which rules to sort its
# [flows](word:flow) and over which network to send them. The patent (page 11) names the network as one who may know.

# %% [markdown]
# ## Port
#
# A number from 1 to 65535 that tells the conversations of one machine apart. The web asks at port 80 or 443.

# %% [markdown]
# ## Prefix
#
# The first bits of an address, which name a [link](word:link). `2001:db8:200::/64` are all addresses that begin with
# the same 64 bits; routers read nothing else.

# %% [markdown]
# ## Primary home address
#
# H@1, the first home address of a mobile node. It is always there, and whoever calls the node calls that one.

# %% [markdown]
# ## Return routability
#
# How a correspondent node makes sure that somebody is really reached at both addresses, before it believes a [binding
# update](word:binding-update): it sends one [token](word:token) to the home address and one to the care-of address.
# Questions: HoTI and CoTI (home test init, care-of test init). Answers: HoT and CoT.

# %% [markdown]
# ## Segment
#
# A packet of [TCP](word:tcp): a piece of what is said, with its number, and the ports of both ends.

# %% [markdown]
# ## Sequence number
#
# A number that grows from one [binding update](word:binding-update) to the next, so that an old one that comes late, or
# again, changes nothing. In [TCP](word:tcp) it is the number of a segment's first octet.

# %% [markdown]
# ## SPI
#
# Security parameters index: the number by which the receiver of [ESP](word:esp) finds the key. Each receiver chooses
# its own.

# %% [markdown]
# ## TCP
#
# How two machines send each other a long text in order: every octet has a number, what nobody confirms is sent again,
# and the wait doubles each time. A connection is known by four numbers, address and [port](word:port) at both ends.

# %% [markdown]
# ## The patent
#
# WO 2004/057826, which describes the method of these labs. What the pages that they name say, in our words:
#
# - *1, 2*: Mobile IP. A [home address](word:home-address) stays, the [care-of address](word:care-of-address) changes,
#   and a [binding update](word:binding-update) tells the [home agent](word:home-agent), then the correspondents.
# - *3*: to move everything at once ("vertical"), or one flow: wanted, and so far not possible.
# - *4*: another care-of address for each correspondent. All flows to one correspondent still move together.
# - *4, 5*: others put the flows into the updates. Then every home agent and correspondent must change.
# - *6, 7, Figures 1 and 2*: page 4 drawn; beside it the new way: two flows to one correspondent, over two networks.
# - *8*: several home addresses, each bound by itself. Home agents and correspondents stay as they are. A new address is
#   made from the home network's [prefix](word:prefix), and tested with a "D bit".
# - *9*: or DHCP gives it, or a protocol of its own. The [primary](word:primary-home-address) is never freed.
# - *10*: a new address only where none that is there can be used. One update with the flow's home address moves that
#   flow alone. Who calls uses the primary; the call may be redirected, or an address be kept for such calls.
#   *Figure 3*: separator and redirector stand below TCP and UDP.
# - *11*: the two tables, row by row; what may tell flows apart: the application, headers, rules.
# - *12*: who may choose the network. For a new flow, "search the list" for an address without a flow to the same
#   correspondent; there is none: a new one.
# - *13*: leave the primary free where another will do; or stricter: never use it for own flows. To move one flow,
#   change one field, the care-of address in its row of the [flow mapping table](word:flow-mapping-table), and
#   send that one to its correspondent, in an update. A flow ends when somebody says so, or by a time-out.
# - *14*: its address goes if no other flow uses it, but never the primary. Flows that share an address at one
#   correspondent move together. *Figure 4*: steps 20 to 26. A care-of address may be chosen for each flow.
# - *15*: *Figure 5*, steps 27 to 32: who called chose the address. *15, 16*: *Figure 6*, steps 33 to 44.
# - *16, 17*: what proves who one is, such as [return routability](word:return-routability), works as before; a new
#   address is asked for under the primary's keys, and gets its own.

# %% [markdown]
# ## Token
#
# Keygen token, in lab 03 "half key": a few random octets that only those can know who read them. With both tokens of a
# [return routability](word:return-routability) test the mobile node proves that its update is genuine.

# %% [markdown]
# ## Trace
#
# The log of every packet on every link of the simulated network. Pictures, tables and captures are read from it.

# %% [markdown]
# ## Tunnel
#
# A packet inside a packet: outside the addresses of the tunnel's two ends, inside the packet as it was. In the films, a
# pink frame.

# %% [markdown]
# ## Tuple
#
# Several values as one, in Python with commas between: `"UDP", 40000, 5004`. Two tuples are equal where all their
# values are.

# %% [markdown]
# ## Vertical handover
#
# A [handover](word:handover) to another kind of network, such as from WLAN to cellular, and not just to the next cell.
