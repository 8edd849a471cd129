# %% [markdown]
# # Why moving breaks a connection
#
# **Core (play, predict, 1.1, 1.3, 1.R, 1.5, exit) 50 minutes; all of it 65.** First time with Python:
# double. You need [lab 00](lab:00). After this lab you can
#
# - decide by its first bits whether an address belongs to a link;
# - find the connection of a segment by four numbers, and say why a move hides it;
# - tell stories that need Mobile IP from those that do not.
#
# [The patent](word:the-patent) (WO 2004/057826), page 1; RFC 4862 section 5.5.3, RFC 6298 section 5. Work alone or in
# pairs: one types, the other points; swap at 1.3.
#
# *Your number sets when MN moves and how often CN sends. Use any help you like for the code: no helper has seen your
# run, and more than half of the marks are about that.*
#
# Write your student number between the brackets, as in `me("1234567")`, in pairs `me("first", "second")`. Then choose
# **Run > Run All Cells** in the menu, and work from here down. After a change run that cell again, and the next one.

# %%
from mipflow.course import ask, check, film, hand_in, hint, me, part, predict, reveal

me()

# %% [markdown]
# ## Play (5 minutes)
#
# MN is a phone with two [interfaces](word:interface), CN a server somewhere. CN sends MN a piece of a file every second
# or two over [TCP](word:tcp), which numbers what it sends, and repeats what nobody confirms.
#
# **Can you move MN so that the pieces go on arriving?** In the film a thick line is the way that CN's packets take.

# %% tags=["hide"]
part("01", "play")

# %% [markdown]
# ## Predict (3 minutes)
#
# You carry MN from wlan0 to cell0, and it **keeps** its address.
#
# Talk to your neighbor for a minute after your answer. You may answer once more; both are kept, neither is marked.
# *Without the mouse: `predict("01", "b", confidence="certain", why="...")` in a new cell (Esc, then `b`, makes one).*

# %% tags=["hide"]
ask("01")

# %% tags=["hide"]
world = part("01", "predicted")
reveal("01", world, part("01", "film"), world.tables())

# %% [markdown]
# **What did you see?** At which router does the piece vanish, and what does CN do then?
#
# Now go back to Play, start again, and move MN so that it **takes a new one**. The film is the same. Why?
#
# ## One address, two jobs
#
# 1. **Where:** an address's first bits, its [prefix](word:prefix), name a link. `/64` says that they are 64 of the 128.
#    Routers read nothing else.
# 2. **Who:** TCP knows a connection by **four numbers**: address and [port](word:port) at both ends. Here all 128 bits
#    count.
# 3. Keep the address: *who* is right, *where* is wrong. CN's segments die at the old router.
# 4. Take a new one (the new link's prefix, then a part of your own: RFC 4862): *where* is right, *who* is wrong. CN
#    goes on sending to four numbers that nobody has any more.
#
# Page 1 of the patent tells the way out, **two** addresses: the [home address](word:home-address) says who you are, the
# [care-of address](word:care-of-address) where.
#
# ## 1.1 Same link? (8 minutes, 3 points)
#
# Python's `ipaddress` module may help. A [link](word:link) may have any number of prefix bits. Points: tells links
# apart 1 · in any spelling 1 · at any length 1. `hint("1.1")` in a new cell opens one of three hints; each waits for a
# new attempt.

# %% tags=["answer:1.1"]
def same_link(a, b, plen):
    """True if the addresses a and b (texts) agree in their first plen bits."""
    ### BEGIN SOLUTION
    from ipaddress import IPv6Address

    return int(IPv6Address(a)) >> (128 - plen) == int(IPv6Address(b)) >> (128 - plen)
    ### END SOLUTION


# %% tags=["check:1.1:3"]
check("1.1").points

# %% [markdown]
# *For the curious, 1.2:* which part of its own does a machine put behind the prefix? Once it was made from the number
# of its network card, so that anybody could follow a phone from link to link. Today it is another one on each link (RFC
# 7217), which nobody can connect with the last.
#
# ## 1.3 Whose segment is it? (12 minutes, 6 points)
#
# A [segment](word:segment) is TCP's packet. CN keeps a table with one row for each connection, and for each segment
# that arrives it looks for the row.
#
# | | |
# |---|---|
# | a row | `.local`, `.local_port` (CN's end), `.remote`, `.remote_port` (the other end) |
# | the segment | `.source`, `.source_port`, `.destination`, `.destination_port` |
#
# Addresses are texts in one spelling, ports are numbers. Points: finds its row 1 · both addresses 2 · both ports 2 ·
# `None` where there is none, and the table as it was 1. A function that always gives the same answer gets none.

# %% tags=["answer:1.3"]
def tcp_lookup(table, segment):
    """The row of the connection that the segment belongs to, or None. Leave the table as it is."""
    ### BEGIN SOLUTION
    for row in table:
        is_theirs = (row.remote, row.remote_port) == (segment.source, segment.source_port)
        if is_theirs and (row.local, row.local_port) == (segment.destination, segment.destination_port):
            return row
    return None
    ### END SOLUTION


# %%
# hint("1.3")  # opens one of three hints; each waits for a new attempt

# %% tags=["check:1.3:6"]
check("1.3").points

# %% [markdown]
# **Run it in CN.** Your function serves a real server, right or wrong, in the story that the check found, or in one of
# ours. `A1` is a segment from host A's port 1 to CN's port 80; `A!` means that A (which is MN) moves, takes a new
# address, and goes on sending from there. Run the cell below again after each check.

# %%
film("1.3")

# %% [markdown]
# ## 1.R Read it off your run (6 minutes, 6 points)
#
# This is your run in which MN **keeps** its address: all that CN sent. Find the **first segment that dies at the WLAN
# router**, and CN's later ones with the **same
# [sequence number](word:sequence-number)** (Wireshark says "TCP Retransmission"). They may be
# longer: new bytes ride along. `run.inspect(17)` in a new cell opens packet 17; `run.pcap("mine.pcap")` saves them all.
#
# When did CN send it first, and when for the **fourth** time, in its third retry? Three points each.

# %% tags=["hide"]
run = part("01", "run")
part("01", "segments")

# %% tags=["answer:1.R"]
times_s = [..., ...]  # seconds, from the column "sent": the first time, the fourth time
### BEGIN SOLUTION
times_s = [3.92, 10.92]  # for practice, without a number
### END SOLUTION

# %% tags=["check:1.R:6"]
check("1.R").points

# %% [markdown]
# For yourself, in one line: why does CN wait longer each time? *Double-click here, and write in place of these dots:*
#
# ‹…›

# %% [markdown]
# ## 1.4 Six stories (6 minutes, 3 points)
#
# **S** same link, nothing to do · **N** a new address is enough · **M** a connection must survive a new link: Mobile
# IP.

# %% tags=["hide"]
part("01", "stories")

# %% tags=["answer:1.4"]
kinds = ["", "", "", "", "", ""]  # S, N or M for each, in order
### BEGIN SOLUTION
kinds = ["S", "M", "N", "M", "S", "M"]  # for practice, without a number
### END SOLUTION

# %% tags=["check:1.4:3"]
check("1.4").points

# %% [markdown]
# ## 1.5 Break it (8 minutes, 5 points)
#
# Somebody hands you this, says it passes every test they tried, and goes home:

# %% tags=["hide"]
part("01", "dealt")

# %% [markdown]
# Find the **shortest** story in which it goes wrong, such as `"A1 B1 A!"`. `A1` is a segment from host A's port 1 to
# CN's port 80, and the first one opens the connection; `A2` is from port 2, `A1s` goes to port 443, `A1b` to CN's
# second address; `B1` is host B's. `A!`: A moves, and from then on its segments have a new address. Three points for a
# story that breaks it, two more for a shortest one.

# %% tags=["answer:1.5"]
story = "..."
### BEGIN SOLUTION
story = "A1 A! A1"  # for practice, without a number
### END SOLUTION

# %% tags=["check:1.5:5"]
check("1.5").points

# %% [markdown]
# For yourself, one sentence without code: what would A's owner notice? *Double-click here, and write in place of these
# dots:*
#
# ‹…›

# %% [markdown]
# ## 1.6 Explain it back (5 minutes; your teacher reads this one)

# %% tags=["hide"]
part("01", "explain")

# %% [markdown] tags=["essay:1.6:3"]
# ### BEGIN SOLUTION
# 0 "the address changed" · 1 whose · 2 what CN's row holds · 3 which job failed when the address was kept, which when
# new.
# ### END SOLUTION

# %% [markdown]
# ## What to take with you
#
# - An address says where you are *and* who you are. Moving tears the two apart.
# - TCP breaks because one of four numbers is wrong, not because of the radio.
# - The way out is two addresses: one that stays, one that follows you.
#
# ## Exit question

# %% tags=["hide"]
ask("01-exit")

# %% [markdown]
# Minutes you needed, and what surprised you (double-click here, and write in place of the dots): ‹…›

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, keep it. If the server has gone, upload the file here, and
# all is back.

# %% tags=["hide"]
hand_in("01")

# %% [markdown]
# ## Next
#
# You want to be reached at one address and live at another. Somebody at home must know both. In [lab 02](lab:02) you
# introduce yourself to that somebody, byte by byte.
