# %% [markdown]
# # Home agent, tunnel, triangle
#
# **Core (play, predict, 2.1, 2.2, 2.5, exit) 50 minutes; all of it 80.** First time with Python: double. You need
# [lab 01](lab:01). After this lab you can
#
# - write a binding update yourself, and read the home agent's answer;
# - say which addresses stand outside and inside a tunnelled packet, and build that rule;
# - measure what the detour costs, in time and in octets.
#
# [The patent](word:the-patent) (WO 2004/057826), pages 1 and 2; RFC 6275 sections 6.1.7, 10.3.1 and 11.7.1; RFC 2473
# section 3.1. Work alone or in pairs: one types, the other points; swap at 2.2.
#
# *Your number sets delays, addresses and packet sizes. Use any help you like for the code: no helper has seen your run,
# and more than half of the marks are about that.*
#
# Write your student number between the brackets, as in `me("1234567")`, in pairs `me("first", "second")`. Then choose
# **Run > Run All Cells** in the menu, and work from here down. After a change run that cell again, and the next one.

# %%
from mipflow.course import ask, check, film, hand_in, hint, me, part, predict, reveal

me()

# %% [markdown]
# ## Play (5 minutes)
#
# A call runs between **MN**, away from home, and **CN**. The [home agent](word:home-agent) (HA) is a router on MN's
# home link. An [ingress filter](word:ingress-filter) lets out of a network only what has an address of that network;
# it is off at first.
#
# **In which mode do question and answer take different roads?**

# %% tags=["hide"]
part("02", "play")

# %% [markdown]
# ## Predict (3 minutes)
#
# Talk to your neighbor for a minute after your answer. You may answer once more; both are kept, neither is marked.
# *Without the mouse: `predict("02", "b", confidence="certain", why="...")` in a new cell (Esc, then `b`, makes one).*

# %% tags=["hide"]
ask("02")

# %% tags=["hide"]
world = part("02", "predicted")
reveal("02", world, part("02", "film"))

# %% [markdown]
# **What did you see?** Click the packet before HA, and behind it. How many octets had it, and how many after?
#
# ## What the home agent does
#
# 1. MN gets a [care-of address](word:care-of-address), and tells HA: a [binding update](word:binding-update) (BU). HA
#    first asks on the home link whether anybody else has the home address, which takes a second; then it answers: a
#    [binding acknowledgement](word:binding-acknowledgement) (BA).
# 2. HA writes a row, [home address](word:home-address) → care-of address, until a certain time: the
#    [binding cache](word:binding-cache).
# 3. A packet to the home address comes. There is a row, and its time is not over: HA puts the *whole* packet into a new
#    one, from HA to the care-of address. That is a [tunnel](word:tunnel).
# 4. No row: the packet goes on to the home link, as it is.
#
# MN unpacks, and its TCP sees CN → home address, as if at home. Page 2 of the patent lets MN answer *straight* to CN:
# the **triangle**. RFC 6275 has no triangle: answers go back through the tunnel. "Break it" shows why.

# %% tags=["hide"]
ask("02-row")

# %% [markdown]
# ## 2.1 Introduce yourself (10 minutes, 5 points)
#
# You are a mobile node on wlan0. Write a binding update with **scapy**, a library that builds packets. It fills in what
# you leave out, and not with what you want.

# %% tags=["hide"]
part("02", "card")

# %% [markdown]
# Three layers, joined with `/`; options go into a list, flags into one text: `flags="AK"` sets A and K. `HAO().show()`
# in a new cell lists a layer's fields, and what scapy would choose. Points: addresses 2 · flags 1 · lifetime 1 ·
# number 1. `hint("2.1")` in a new cell opens one of three hints; each waits for a new attempt.

# %% tags=["answer:2.1"]
from scapy.layers.inet6 import HAO, MIP6MH_BU, IPv6, IPv6ExtHdrDestOpt

update = ...
### BEGIN SOLUTION
envelope = IPv6(src="2001:db8:200::20", dst="2001:db8:100::7")  # for practice, without a number
at_home = IPv6ExtHdrDestOpt(options=[HAO(hoa="2001:db8:100::2a")])
update = envelope / at_home / MIP6MH_BU(seq=1007, flags="HA", mhtime=60 // 4)
### END SOLUTION

# %% [markdown]
# Send it into a running world, as often as you like. Every 4 seconds CN asks whether somebody is at your home address.

# %%
send = part("02", "send")
send(update)

# %% tags=["check:2.1:5"]
check("2.1").points

# %% [markdown]
# ## 2.2 Be the home agent (15 minutes, 8 points)
#
# `Packet(source, destination, inside)`: addresses are texts; `inside` is the data, or a whole packet. `cache` is a
# dict, home address → row, with `.care_of_address` and `.expires_at_s`; `now` is the time in seconds. A row stays in
# the dict after its end.
#
# Points: tunnels 2 · outer addresses 2 · inner untouched 2 · lifetime 1 · passes on what is not MN's 1. A function that
# does the same with every packet gets none.

# %% tags=["answer:2.2"]
from mipflow.lab.interception import Packet

HA = "2001:db8:100::7"


def intercept(packet, cache, now):
    """What HA sends on: a new packet, or the same one. Change neither packet nor cache."""
    ### BEGIN SOLUTION
    entry = cache.get(packet.destination)
    if entry is None or now >= entry.expires_at_s:
        return packet
    return Packet(HA, entry.care_of_address, packet)
    ### END SOLUTION


# %%
# hint("2.2")  # opens one of three hints; each waits for a new attempt

# %% tags=["check:2.2:8"]
check("2.2").points

# %% [markdown]
# **Run it in HA.** Your function forwards all that comes to HA, right or wrong. CN calls MN at place one, a desktop at
# home, and MN at place two; each answers calls to its home address alone. Then MN's battery is empty, its row ends, and
# CN calls once more. Run the cell below again after each check.

# %%
film("2.2")

# %% [markdown]
# ## 2.R Read it off your run (5 minutes, 4 points)
#
# Your run in *tunnel* mode: some of CN's call packets, link by link. `run.inspect(17)` in a new cell opens packet 17;
# open one that CN has sent, and the one that goes **from HA to the Internet**. `run.pcap("mine.pcap")` saves them all.
#
# How long is the ride in the tunnel, from leaving HA to reaching MN? Octets one point each, the ride two.

# %% tags=["hide"]
run = part("02", "run")
part("02", "hops")

# %% tags=["answer:2.R"]
inner, outer = ..., ...  # octets, each with its own IPv6 header
ride_ms = ...  # milliseconds
### BEGIN SOLUTION
inner, outer, ride_ms = 220, 260, 20.1  # for practice, without a number
### END SOLUTION

# %% tags=["check:2.R:4"]
check("2.R").points

# %% [markdown]
# ## 2.3 What the detour costs (8 minutes, 5 points)
#
# Your run in *triangular* mode: MN's packets go straight, CN's through HA. Two decimals will do; points 2, 2 and 1.

# %% tags=["hide"]
part("02", "measured")

# %% tags=["answer:2.3"]
one_way = ...  # CN to MN: by HA, as a multiple of straight
round_trip = ...  # there and back, as a multiple of straight both ways
more = ...  # per cent more octets on the leg from HA to MN
### BEGIN SOLUTION
one_way, round_trip, more = 40.13 / 20.11, (20.11 + 40.13) / (2 * 20.11), 100 * 40 / 220  # for practice
### END SOLUTION

# %% tags=["check:2.3:5"]
check("2.3").points

# %% [markdown]
# ## 2.5 Break it (10 minutes, 5 points)
#
# **The triangle.** Now the **ingress filter** is on: access routers forward nothing whose source address is not of
# their link. Which direction dies? Where? Try MN calling, then CN calling; then the tunnel.

# %% tags=["hide"]
part("02", "filter")

# %% [markdown]
# **The program.** Somebody hands you this, says it passes every test they tried, and goes home:

# %% tags=["hide"]
part("02", "dealt")

# %% [markdown]
# Find the **shortest** story in which it goes wrong, such as `"A C H"`. `A`: MN registers at place one, `B`: at place
# two, each for 60 s; `H`: MN is home, its row goes; `w`: 40 s pass; `C`: a packet from CN to MN, `D`: to a desktop at
# home, `M`: from MN to CN. Three points for a story that breaks it, two more for a shortest one.

# %% tags=["answer:2.5"]
story = "..."
### BEGIN SOLUTION
story = "A w w C"  # for practice, without a number
### END SOLUTION

# %% tags=["check:2.5:5"]
check("2.5").points

# %% [markdown]
# For yourself, one sentence without code: what would MN's owner notice? *Double-click here, and write in place of these
# dots:*
#
# ‹…›

# %% [markdown]
# ## 2.6 Explain it back (5 minutes; your teacher reads this one)

# %% tags=["hide"]
part("02", "explain")

# %% [markdown] tags=["essay:2.6:3"]
# ### BEGIN SOLUTION
# 0 "HA forwards it" · 1 names the outer addresses · 2 and the inner ones, and who reads which · 3 and what would fail
# if HA wrote over the destination.
# ### END SOLUTION

# %% [markdown]
# ## What to take with you
#
# - HA puts the whole packet inside another. Nothing in it changes for MN's TCP.
# - A binding ends when its time is over, not when you leave. Say it again in time, and say it when you move.
# - The detour costs time and 40 octets. The triangle saves half of the detour, and a filter stops it.
#
# ## Exit question

# %% tags=["hide"]
ask("02-exit")

# %% [markdown]
# Minutes you needed, and what surprised you (double-click here, and write in place of the dots): ‹…›

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, keep it. If the server has gone, upload the file here, and
# all is back.

# %% tags=["hide"]
hand_in("02")

# %% [markdown]
# ## Next
#
# The detour is dear. Why not tell CN itself where you are? In [lab 03](lab:03) you do, and so does somebody who is not
# you.
