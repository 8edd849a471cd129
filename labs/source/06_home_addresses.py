# %% [markdown]
# # Getting and freeing home addresses
#
# **Core (play, predict, 6.2, 6.3, 6.R, 6.6, exit) 50 minutes; all of it 85.** Each function has one to six
# lines. First time with Python: double the minutes of 6.2 and 6.3.
# You need [lab 02](lab:02) (home agent, binding update) and [lab 04](lab:04) (why one home address is not enough).
#
# After this lab you can
#
# - form a further [home address](word:home-address) from what the home network advertises;
# - say what each answer of the [home agent](word:home-agent) (HA) asks of you, status 134 above all;
# - give an address back in the right order, and name what must stay.
#
# [The patent](word:the-patent) (WO 2004/057826), pages 8, 9, 16 and 17. Work alone or in pairs: one types, the other
# watches the clock; swap at 6.3.
#
# *Your number sets links, addresses, and who owns them. Use any help you like for the code: no helper has seen your
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
# A call to CN1 (whoever you talk to) runs on H@1, your first home address, the
# [**primary**](word:primary-home-address). A video to CN1 needs a second one. There are three ways to get it:
#
# - *stateless*: HA advertises the home network, as a router does;
# - *DHCPv6*: a server on the home link keeps a list, and HA carries questions and answers;
# - *own protocol*: the patent's third way ([page 9](word:the-patent)), one question to HA and one answer.
#
# Press **Run**. The film stops when the address has been chosen.
#
# **Who chooses it, each time?**

# %% tags=["hide"]
part("06", "play")

# %%
chooser = {"stateless": "", "DHCPv6": "", "own protocol": ""}  # "MN" (the mobile node, you), "HA" or "server"
check("6.1").status  # no marks, a warm-up

# %% [markdown]
# ## Predict (3 minutes)
#
# Now the film runs on, until the video may use its address.
#
# Talk to your neighbor for a minute after your answer. You may answer once more; both are kept, neither is marked.
# *Without the mouse: `predict("06", "b", confidence="certain", why="...")` in a new cell (Esc, then `b`, makes one).*

# %% tags=["hide"]
ask("06")

# %% tags=["hide"]
world = part("06", "predicted")
reveal("06", world, world.animate(4.45, 6.0))

# %% [markdown]
# **What did you see?** The address starts as a ghost: dashed, not yet solid. Where is it tested, and for how long?
#
# Now there is a second control, **collision**: somebody at home, a printer, has the first address. Try all three ways.

# %% tags=["hide"]
part("06", "both")

# %% [markdown]
# ## The life of a home address
#
# 1. **Ask**, from the primary, under its keys. The keys that both ends share for an address are its *security
#    association*.
# 2. **Keys** for the new address, at both ends: its first [binding update](word:binding-update) (BU) travels under them
#    already.
# 3. **Test.** HA holds the BU back, asks the home link "does anybody have this?", and listens for a second. That is
#    [*duplicate address detection*](word:duplicate-address-detection).
# 4. **Verdict.** Silence: status 0, the ghost turns solid. Somebody speaks up: **status 134**, ghost and keys go.
# 5. **Free** it when nobody needs it. The primary stays: it is where others find you.
#
# *Patent and standard differ:* page 8 asks for the test with a "D bit". Today's Mobile IPv6 (RFC 6275) has none: HA
# tests each address that it has no [binding](word:binding) for.
#
# ## 6.2 Form an address (10 minutes, 4 points)
#
# An advertisement has come from HA. An address has two halves of 64 bits: the **network**, and the **interface
# identifier**, a number that is yours to choose.
#
# | | |
# |---|---|
# | `advert.prefix` | 128 bits, such as `2001:db8:100::7`; only the first 64 are the network |
# | `advert.source`, `advert.destination` | HA; your [care-of address](word:care-of-address), where it went |
# | `taken` | not to be used: the primary first, then those you have, then those refused with 134 |
# | `front(a)`, `back(a)`, `glue(f, b)` | first half; second half, a number; an address of two halves |

# %% tags=["answer:6.2"]
front, back, glue = part("06", "halves")


def form(advert, taken):
    """A further home address, of the advertised network, that is not in `taken`."""
    ### BEGIN SOLUTION
    return glue(front(advert.prefix), max(back(each) for each in taken) + 1)
    ### END SOLUTION


# %% [markdown]
# One or two lines, in place of the line with `raise`. Points: right network 2 · new 1 · still new after one was freed
# 1. A function that always gives the same address gets none. `hint("6.2")` in a new cell opens a hint after an attempt.

# %% tags=["check:6.2:4"]
check("6.2").points

# %% [markdown]
# **Run it in the node**, right or wrong: here is a real mobile node, and a printer at home that has `...::11`. A random
# number would do as well: among 2⁶⁴ nobody meets. HA tests it all the same.

# %%
film("6.2")

# %% [markdown]
# ## 6.3 Answer to an answer (12 minutes, 5 points)
#
# HA's [**binding acknowledgement**](word:binding-acknowledgement) is here. A status below 128 is a yes, any other a no.
#
# | | |
# |---|---|
# | `status` | 0 accepted · 1 accepted, look at the prefixes again · 130 no room · 134 duplicate · 135 out of window |
# | `address` | the one that was asked for |
# | `refused` | a list: what came back with 134, whichever flow asked; `form` has it in `taken` |
# | `before` | duplicates that *this [flow](word:flow)* met before this answer: 0, 1 or 2 |
#
# Give back one of four words: `"use"`, `"later"` (ask for the same again, 32 s later), `"another"` or `"give up"`.
# RFC 6275: an address refused with 134 is never tried again. This kit's own rule: the third duplicate ends it.

# %% tags=["answer:6.3"]
def answered(status, address, refused, before):
    """One of "use", "later", "another", "give up"; writes into `refused` what must not come again."""
    ### BEGIN SOLUTION
    if status < 128:
        return "use"
    if status != 134:
        return "later"
    refused.append(address)
    return "give up" if before == 2 else "another"
    ### END SOLUTION


# %% [markdown]
# About six lines. Points: a yes is a yes 1 · 134 leads to another 1 · written down, nothing else is 1 · other refusals
# 1 · the third 1. A function that always says the same gets none. `hint("6.3")` opens a hint after an attempt.

# %% tags=["check:6.3:5"]
check("6.3").points

# %% [markdown]
# **Run it in the node:** in the story that the check found, or where a printer has the first address.

# %%
film("6.3")

# %% [markdown]
# ## 6.R Read it off your run (6 minutes, 7 points)
#
# Here are HA's packets of a run that is yours alone: *stateless*, and somebody at home has `...::11`. A **Neighbor
# Solicitation** is the question on the home link, a **Neighbor Advertisement** says "that address is at ...".
# `run.inspect(180)`, in a new cell and with a number of the table, opens a packet; `run.pcap("home.pcap", node="HA")`
# saves all for Wireshark, where `mip6.ba.status == 134` finds the refusal.
#
# - `refused_ms`: milliseconds from the question for `...::11` to its Binding Acknowledgement;
# - `silent_ms`: the same for the address that was accepted;
# - `owner`: who has `...::11`, by the *target link-layer address* in the advertisement (scapy, and so the inspector,
#   calls this option *Destination Link-Layer Address*).

# %% tags=["hide"]
run = part("06", "run")
part("06", "messages")

# %% tags=["answer:6.R"]
seen = {
    "refused_ms": ...,  # 3 points, within 0.2 ms
    "silent_ms": ...,  # 2 points beside the first, within 1 ms
    "owner": "...",  # 2 points, such as "02:00:00:00:00:99"
}
### BEGIN SOLUTION
seen = {"refused_ms": 2.001, "silent_ms": 1000.0, "owner": "02:00:00:00:00:11"}  # for practice, without a number
### END SOLUTION

# %% tags=["check:6.R:7"]
check("6.R").points

# %% [markdown]
# For yourself, in one line: who says "`...::12` is at ..." just before the last acknowledgement, and why? *Double-click
# here, and write in place of these dots:*
#
# ‹…›

# %% [markdown]
# ## 6.5 Free it (15 minutes, 5 points)
#
# `rows`, in no order, is who believes what: each has `.home` (`"H@2"`) and `.peer` (`"HA"`, `"CN1"`). A step is
# `"strike out"` (of the list for new flows), a **row** of `rows` (its peer is told to delete it), or `"forget keys"`.
# Each waits for the one before. That no flow uses the address any more is settled; how, is lab 07.
#
# A [correspondent](word:correspondent-node) believes "delete" only with a proof that travels through HA, at that very
# home address. HA believes it only under that address's keys.

# %% tags=["answer:6.5"]
def free(address, primary, rows):
    """The steps, in order, that free a home address; an empty list where it must not go."""
    ### BEGIN SOLUTION
    if address == primary:
        return []
    mine = [row for row in rows if row.home == address]
    correspondents = [row for row in mine if row.peer != "HA"]
    return ["strike out", *correspondents, *[row for row in mine if row.peer == "HA"], "forget keys"]
    ### END SOLUTION


# %% [markdown]
# About six lines. Points: the primary stays 1 · struck out first 1 · its rows, no others 1 · correspondents before HA 1
# · keys last 1. `hint("6.5")` opens a hint after an attempt.

# %% tags=["check:6.5:5"]
check("6.5").points

# %% [markdown]
# **Run it in the node:** two calls at H@2, one to CN1 and one to CN2, have just ended. Who still knows H@2 in the end?

# %%
film("6.5")

# %% [markdown]
# ## 6.6 Break it (8 minutes, 5 points)
#
# Somebody hands you a keeper of addresses, `form`, `answered` and `free` in one, and goes home:

# %% tags=["hide"]
part("06", "dealt")

# %% [markdown]
# Find the **shortest** story in which it goes wrong. `A` asks, HA accepts · `D` asks, duplicate · `B` asks, no room ·
# `-2` frees the second address that it got, as in `"A D A -1"`. Three points for a story that breaks it, two more for a
# shortest one.

# %% tags=["answer:6.6"]
story = "..."
### BEGIN SOLUTION
story = "D D D"  # for practice, without a number
### END SOLUTION

# %% tags=["check:6.6:5"]
check("6.6").points

# %% [markdown]
# For yourself, one sentence without code: what would the person holding the phone notice? *Double-click here, and write
# in place of these dots:*
#
# ‹…›

# %% [markdown]
# ## 6.7 Explain it back (5 minutes; your teacher reads this one)

# %% tags=["hide"]
part("06", "explain")

# %% [markdown] tags=["essay:6.7:3"]
# ### BEGIN SOLUTION
# 0 retells the steps · 1 says that HA tests · 2 names the owner's answer and the others' silence · 3 says that no
# message means "free", so silence must be waited out.
# ### END SOLUTION

# %% [markdown]
# ## Extension: a pool (10 minutes, no marks)
#
# `mf.figure2(pool=1)` keeps one tested address ready. Begin a call at 2.5 s and a video ten minutes later: it waits for
# 0.000 s, not 1.040. Look at `world.mn.pool.cost` and at HA's bindings. **Who has paid, and for how long?** Then
# `hold_down_s=150` lets an address rest before it is freed. When is that cheaper, when useless?
#
# ## What to take with you
#
# - Three ways to ask, one test: the second is the silence on the home link.
# - 134 is about the address: never again, try another. Other refusals are about HA: the same one, later.
# - Take down what leans before what it leans on: correspondents, HA, keys. The primary stays.
#
# ## Exit question

# %% tags=["hide"]
ask("06-exit")

# %% [markdown]
# Minutes you needed, and what surprised you (double-click here, and write in place of the dots): ‹…›

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, keep it. If the server has gone, upload the file here, and
# all is back.

# %% tags=["hide"]
hand_in("06")

# %% [markdown]
# ## Next
#
# A new home address costs a second, and somebody must give it back. So you want few. In **lab 07** a flow begins: can
# it share an address that is there, or does it need one of its own? Take your finger along.
