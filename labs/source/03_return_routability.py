# %% [markdown]
# # Why should CN1 believe you? Return routability and attackers
#
# **Core (play, predict, 3.2, 3.3, 3.R, 3.5, 3.6, exit) 50 minutes; all of it 65.** First time with Python:
# double. You need [lab 02](lab:02). After this lab you can
#
# - say what an attacker holds, from where it listens, and so what it can do to you;
# - compute how long a move takes, from link delays alone;
# - decide which test a phone must run again, and break a program that decides wrongly.
#
# [The patent](word:the-patent) (WO 2004/057826), pages 2 and 16; RFC 6275 sections 5.2 and 15; RFC 4225. Work alone or
# in pairs: one is the phone, one the attacker; swap at 3.3.
#
# *Your number sets delays, victim and wrong program. Use any help you like for the code: no helper has seen your run,
# and more than half of the marks are about that.*
#
# **One rule.** Every attack stays inside the simulation. On other people's networks the same acts are an offence in
# many countries, even "just to look". We attack to learn what a defence is worth.
#
# Write your student number between the brackets, as in `me("1234567")`, in pairs `me("first", "second")`. Then choose
# **Run > Run All Cells** in the menu, and work from here down. After a change run that cell again, and the next one.

# %%
from mipflow.course import ask, check, hand_in, hint, me, part, predict, reveal

me()

# %% [markdown]
# ## Play (4 minutes)
#
# Your phone (MN) calls CN1. When you move, you send CN1 a [binding update](word:binding-update) (BU): "H@1 is now at
# this [care-of address](word:care-of-address)". This CN1 believes everybody. An attacker sends the same sentence with
# *its* address. It has ears on one link, besides its own:
#
# | place | it hears |
# |---|---|
# | off the path | nothing else |
# | MN's access | the WLAN where you sit |
# | HA-CN path | the link between the Internet and HR, the router of your home network |
# | CN's access | CN1's own link |
#
# **Can you find a place from which the lie fails? Who has the call in the end?**

# %% tags=["hide"]
part("03", "play")

# %% [markdown]
# ## Predict (4 minutes)
#
# So far CN1 believes whoever spoke last. Now it asks for proof. It sends one **half key** (RFC 6275: keygen
# [token](word:token)) to the home address and one to the care-of address, and believes only an update made with both.
#
# Talk to your neighbor for a minute after your answer. You may answer once more; both are kept, neither is marked.
# *Without the mouse: `predict("03", "b", confidence="certain", why="...")` in a new cell (Esc, then `b`, makes one).*

# %% tags=["hide"]
ask("03")

# %% tags=["hide"]
world = part("03", "predicted")
reveal("03", world, part("03", "film"), part("03", "try"))

# %% [markdown]
# **What did you see?** What was in the attacker's box when its update left: no half, home, care-of, or both? A guess
# wears a question mark. Below the film you can send the attacker elsewhere, and take ESP away.
#
# ## The test in five lines
#
# 1. Your phone asks twice, **at the same moment**: *Home Test Init* (HoTI) through its
#    [home agent](word:home-agent), *Care-of Test Init* (CoTI) straight.
# 2. CN1 answers each to the address that asked, with *Home Test* (HoT) and *Care-of Test* (CoT). In each is a half
#    key.
# 3. It makes a half from a secret of its own, that address, and a [number that it soon replaces](word:nonce-index). It
#    notes nothing.
# 4. The key is SHA-1(home half | care-of half). The phone stamps its update with it.
# 5. CN1 makes both halves anew and compares. So somebody **reads** at both addresses. It does not learn who.
#
# This is [return routability](word:return-routability). *Why so little?* Phones and servers of the whole world share no
# secrets. The aim was modest: no worse than an Internet without mobility. Who sits between your home network and CN1
# could read and change your packets before.
#
# ## 3.2 What does it hold? (12 minutes, 10 points, finger first)
#
# CN1 tests, [ESP](word:esp) is **on**: the home half rides locked up from your home agent to you.

# %% tags=["hide"]
part("03", "lies")

# %% [markdown]
# Who is flooded drowns in what it never asked for. For each place: which *true* halves does the attacker end up with,
# overheard or sent to it? Write `none`, `home`, `care-of` or `both`. Then the **one** cell that changes when ESP goes
# off: which lie, from which place?
#
# One point for each cell, two for `changed`; one word everywhere earns none. `hint("3.2")` in a new cell opens one of
# three hints; each waits for a new attempt.

# %% tags=["answer:3.2"]
steal = {"off the path": "", "MN's access": "", "HA-CN path": "", "CN's access": ""}
flood = {"off the path": "", "MN's access": "", "HA-CN path": "", "CN's access": ""}
changed = ("", "")  # the lie, the place
### BEGIN SOLUTION
steal = {"off the path": "care-of", "MN's access": "care-of", "HA-CN path": "both", "CN's access": "both"}
flood = {"off the path": "home", "MN's access": "both", "HA-CN path": "home", "CN's access": "both"}  # a laptop's
changed = ("steal", "MN's access")
### END SOLUTION

# %% tags=["check:3.2:10"]
check("3.2").points

# %% [markdown]
# After your first attempt you can play any cell, with ESP and without:

# %% tags=["hide"]
part("03", "cells")

# %% [markdown]
# ## 3.3 How long does a move take? (9 minutes, 5 points)
#
# Your call moves from WLAN to cellular. CN1 alone is told; the home agent's row stays at the WLAN; no half is left
# over. How many milliseconds from the decision until CN1's first packet **arrives by cellular**, if CN1 always has one
# ready? `d` has the delay of each link, one way, in milliseconds:
#
# ```
# MN --wlan-- WLAN router     --ar2-- Internet --ha--  HA
# MN --cell-- cellular router --ar3-- Internet --cn1-- CN1
# ```
#
# The film is your own run. Points: where the care-of half comes last 2 · where the home half does 2 · everywhere 1.

# %% tags=["hide"]
part("03", "move")

# %%
part("03", "delays")

# %% tags=["answer:3.3"]
def first_packet_ms(d):
    """From the decision to CN1's first packet by cellular, such as d["wlan"] + d["ar2"] for MN to the Internet."""
    ### BEGIN SOLUTION
    home = 2 * (d["wlan"] + d["ar2"] + 2 * d["ha"] + d["cn1"])
    new = d["cell"] + d["ar3"] + d["cn1"]
    return max(home, 2 * new) + 2 * new
    ### END SOLUTION


# %%
# hint("3.3")  # opens one of three hints; each waits for a new attempt

# %% tags=["check:3.3:5"]
check("3.3").points

# %% [markdown]
# ## 3.R Read it off your run (4 minutes, 5 points)
#
# The same run, link by link. Find the **Home Test** (inside its ESP) and the **Care-of Test** on their *last* link, and
# when each **arrived**. `run.inspect(17)` in a new cell opens packet 17, and what is inside an ESP of yours.

# %% tags=["hide"]
run = part("03", "run")
part("03", "messages")

# %% tags=["answer:3.R"]
waited_ms = ...  # milliseconds: how long the first half waited for the other one
### BEGIN SOLUTION
waited_ms = 62.1  # for practice, without a number
### END SOLUTION

# %% tags=["check:3.R:5"]
check("3.R").points

# %% [markdown]
# *Optional:* save your phone's packets with `run.pcap("mine.pcap", node="MN")`, open the file in Wireshark, and filter
# for `mip6.mhtype == 3` (Home Test), then for `== 4` (Care-of Test). How many of each do you find, and who else sees
# just that?
#
# ## 3.5 The second home address (9 minutes, 5 points)
#
# Page 16 of the patent: several home addresses bring no new security issues, the test goes on working. But each test
# costs a round trip. Your video gets H@2; same WLAN, same CN1. Which test must run? A half may be used again while it
# is **younger than 210 s** (RFC 6275).
#
# `halves` holds what came, and at which second, old ones too: `{("care-of", "CN1", "CoA wlan0"): 6.0}`. The check tells
# stories: `1wA` is an update, H@**1** is at the **w**LAN, said to CN1 (**A**). `2cB`: H@**2** is at the **c**ellular
# network, said to CN2. `+60` lets 60 s pass.
#
# Points: all that is needed 2 · nothing more 2 · everything right 1. A function that always asks for the same gets
# none.

# %% tags=["answer:3.5"]
def tests(cn, home, care_of, halves, now):
    """What to run before cn is told that home is at care_of: a list of (kind, cn, address), empty where nothing is.

    kind is "home" or "care-of"; now is the time in seconds.
    """
    ### BEGIN SOLUTION
    pair = [("home", cn, home), ("care-of", cn, care_of)]
    return [test for test in pair if test not in halves or now - halves[test] >= 210]
    ### END SOLUTION


# %%
# hint("3.5")  # opens one of three hints; each waits for a new attempt

# %% tags=["check:3.5:5"]
check("3.5").points

# %% [markdown]
# ## 3.6 Break it (6 minutes, 5 points)
#
# Somebody hands you this `tests`, says it never failed, and goes home:

# %% tags=["hide"]
part("03", "dealt")

# %% [markdown]
# Find the **shortest** story in which it goes wrong, such as `"1wA +60 2cA"`: the last update is the one that it gets
# wrong. Three points for a story that breaks it, two more for a shortest one.

# %% tags=["answer:3.6"]
story = "..."
### BEGIN SOLUTION
story = "1wA 2wA"  # for practice, without a number
### END SOLUTION

# %% tags=["check:3.6:5"]
check("3.6").points

# %% [markdown]
# For yourself, one sentence: does it ask too much (who waits?) or too little (what would CN1 answer?) *Double-click
# here, and write in place of these dots:*
#
# ‹…›

# %% [markdown]
# ## 3.7 Explain it back (5 minutes; your teacher reads this one)

# %% tags=["hide"]
part("03", "explain")

# %% [markdown] tags=["essay:3.7:3"]
# ### BEGIN SOLUTION
# 0 retells the test · 1 names a place that is stopped · 2 says which half is missing there, and why · 3 adds what the
# attacker beside CN1 could do without Mobile IPv6.
# ### END SOLUTION

# %% [markdown]
# ## What to take with you
#
# - CN1 does not learn who you are. It learns that you read at both addresses.
# - A lie gives one half away, the other must be overheard. ESP closes one place: the network that you visit.
# - Both tests run side by side; the slower one counts. A half belongs to one CN and one address, for 210 s.
#
# ## Exit question

# %% tags=["hide"]
ask("03-exit")

# %% [markdown]
# Minutes you needed, and what surprised you (double-click here, and write in place of the dots): ‹…›

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, keep it. If the server has gone, upload the file here, and
# all is back.

# %% tags=["hide"]
hand_in("03")

# %% [markdown]
# ## Next
#
# CN1 believes you now, one row for each home address. In [lab 04](lab:04) call and download both go to CN1 from H@1,
# and you want to move the call alone. Two tests, one update, all correct. Yet something moves that should have stayed.
# What?
