# %% [markdown]
# # Figure 6, or who gets which home address
#
# **Core (play, predict, 7.2, 7.3, 7.R, 7.5, exit) 50 minutes; all of it 80.** First time with Python: take
# the blocks in 7.3; the same marks, about the same time.
# You need [lab 06](lab:06) (where home addresses come from), and one fact, which [lab 04](lab:04) shows: a
# correspondent keeps one row for each home address, its *binding*. All flows that share this row move together.
#
# After this lab you can
#
# - trace by hand which home address a new flow gets;
# - build the rule, with blocks or in code, and see it run inside a mobile node;
# - find the short story that makes a wrong rule fail, and say what a user would notice.
#
# [The patent](word:the-patent) (WO 2004/057826), pages 12 to 16, Figure 6. Work alone or in pairs: one types, the other
# holds the finger on the table; swap at 7.3.
#
# *Your number chooses your stories, so your neighbor's answers differ. Use any help you like for the code: no helper
# has seen your run, and more than half of the marks are about that.*
#
# Write your student number between the brackets, as in `me("1234567")`, in pairs `me("first", "second")`. Then choose
# **Run > Run All Cells** in the menu, and work from here down. After a change run that cell again, and the next one.

# %%
from mipflow.course import ask, blocks, check, film, hand_in, hint, me, part, predict, reveal

me()

# %% [markdown]
# ## Play (5 minutes)
#
# MN is your phone; the CNs are who it talks to. A finger climbs the list of MN's [home addresses](word:home-address)
# (H@). Begin a flow, then press **Step ▶** until the finger has found an address; only flows that begin or end count as
# clicks.
#
# **Can you make the list three addresses long? What is the smallest number of clicks?**

# %% tags=["hide"]
part("07", "play")

# %% [markdown]
# ## Predict (3 minutes)
#
# | home address | its flows |
# |---|---|
# | H@1 (primary) | call → CN1 |
# | H@2 | video → CN1, page → CN2 |
#
# Talk to your neighbor for a minute after your answer. You may answer once more; both are kept, neither is marked.
# *Without the mouse: `predict("07", "b", confidence="certain", why="...")` in a new cell (Esc, then `b`, makes one).*

# %% tags=["hide"]
ask("07")

# %% tags=["hide"]
world = part("07", "predicted")
reveal("07", world, world.animate(8.4, 9.2), part("07", "climbed"))

# %% [markdown]
# **What did you see?** Below the film stands the finger's way. Which address did it touch *first*, and which flow made
# it climb?
#
# ## The rule in four lines
#
# 1. Put your finger on the **last** home address of the list.
# 2. Look at **all** flows that use it. Does one of them go to the new flow's correspondent (CN)?
# 3. No: take this address. Yes: climb to the address before it, and look again.
# 4. Nothing left to climb to: ask for a new address, and write it at the end of the list.
#
# *Why from the last?* The [primary](word:primary-home-address) is first in the list, so it is tried last and stays free
# for those who call you. [Page 12 of the patent](word:the-patent) only says "search the list": first-to-last fits that
# text too. **In this lab follow Figure 6.**
#
# **Figure 6, step by step**, drawn anew with the patent's numbers:
#
# ![Figure 6 as a flow chart. 33 to 36: note the new flow's CN, put the finger on the last home address, take the first
# flow there. 37: is its CN the same? No: 38, more flows at this address? Yes: 44, take the next one, back to 37. No:
# 39, the new flow gets this address. If 37 says yes: 41, is there an address before this one? Yes: 42, climb to it,
# back to 36. No: 43, get a new one, then 39.](picture:figure6)
#
# *Where the figure is silent:* step 36 takes "the first flow" of an address. It may have none. What then?
#
# ## 7.2 Trace it (8 minutes, 5 points, on paper first)
#
# Six flows begin, none ends. The list holds H@1 alone, so the first gets that. Fill in what each other flow gets: one
# point for each slot, and a slot after a slip is judged from *your* tables, so one slip costs one point.

# %% tags=["hide"]
part("07", "flows")

# %% tags=["answer:7.2"]
trace = ["H@1", "", "", "", "", ""]  # one entry for each flow, in order
### BEGIN SOLUTION
trace = ["H@1", "H@2", "H@2", "H@1", "H@3", "H@3"]  # for practice, without a number
### END SOLUTION

# %% tags=["check:7.2:5"]
check("7.2").points

# %% [markdown]
# ## 7.3 Build it (20 minutes, 10 points)
#
# | | |
# |---|---|
# | `homes` | the list of home addresses, such as `["H@1", "H@2"]`; the first is the primary |
# | `flows` | the flows that run; each has `.cn` and `.home` |
# | `flow` | the new one; it has `.cn`, and is not in `flows` yet |
# | `allocate()` | gives a fresh address, never an old one. It does **not** write it into `homes`: you do |
#
# Give back the home address. The node enters it in the [flow mapping table](word:flow-mapping-table) (step 39); leave
# `flows` as it is.
#
# **Door 1, a blank page:** write it here, in about eight lines, in place of the line with `raise`.

# %% tags=["answer:7.3"]
def assign(flow, homes, flows, allocate):
    """The home address for a new flow, as Figure 6 chooses it."""
    ### BEGIN SOLUTION
    for home in reversed(homes):
        if not any(other.home == home and other.cn == flow.cn for other in flows):
            return home
    homes.append(allocate())
    return homes[-1]
    ### END SOLUTION


# %% [markdown]
# **Door 2, blocks.** Nine of these eleven, in order; they are indented already. The same check, the same marks.
#
#     A  for home in reversed(homes):              G      if not taken: return home
#     B  for home in homes:                        H  home = allocate()
#     C      taken = False                         I  homes.append(home)
#     D      for other in flows:                   J  return home
#     E          if other.home == home and other.cn == flow.cn:
#     F          if other.cn == flow.cn:           K              taken = True
#
# Take away the `#` in front of what you use.
#
# Points: spends no address without need 2 · last first 2 · sees every flow that is in the way 3 · a new one when all
# are taken 2 · writes it down 1. A step that goes wrong costs one of these, that of the first thing wrong in it. A
# function that always gives the same answer gets none.

# %%
# assign = blocks("7.3", "A ...")  # prints the program that you built
# hint("7.3")  # opens one of three hints; each waits for a new attempt

# %% tags=["check:7.3:10"]
check("7.3").points

# %% [markdown]
# **Finger on the list.** The shortest story that goes wrong, step by step; the numbers are those of Figure 6. Run this
# cell and the one below again after each check.

# %% tags=["hide"]
part("07", "finger")

# %% [markdown]
# **Run it in the node.** Your function serves a real mobile node, right or wrong: in the story that the check found, or
# (once it has passed) with five flows that your number chooses; the film shows the last two begin. Flows begin two
# seconds apart, because a new address costs one second of checking.

# %%
film("7.3")

# %% [markdown]
# ## 7.R Read it off your run (5 minutes, 5 points)
#
# Here are MN's packets of a run that is yours alone, each on the link between MN and its first router. Find the
# [**Binding Update**](word:binding-update) to the home agent whose *Home Address* option is H@2's address, and its
# **Binding Acknowledgement**. How long was it between the two, from sent to arrived? `run.inspect(17)` in a new cell
# opens packet 17; `run.pcap("mine.pcap")` saves all of them for Wireshark.
#
# And what did the home agent do in that time? Write a line behind `did`; once the time is right, the check tells ours.

# %% tags=["hide"]
run = part("07", "run")
part("07", "messages")

# %% tags=["answer:7.R"]
waited_ms = ...  # milliseconds, from your packets
did = "..."  # one line, for yourself
### BEGIN SOLUTION
waited_ms = 5932.2 - 4500.0  # for practice, without a number
### END SOLUTION

# %% tags=["check:7.R:5"]
check("7.R").points

# %% [markdown]
# ## 7.4 When a flow ends (15 minutes, 5 points)
#
# An address goes when no flow uses it any more; the primary never goes ([pages 13 and 14](word:the-patent)). Two lines.

# %% tags=["answer:7.4"]
def release(flow, homes, flows):
    """A flow has ended; it is out of `flows` already. Its address was `flow.home`."""
    ### BEGIN SOLUTION
    if flow.home != homes[0] and all(other.home != flow.home for other in flows):
        homes.remove(flow.home)
    ### END SOLUTION


# %% tags=["check:7.4:5"]
check("7.4").points

# %% [markdown]
# ## 7.5 Break it (8 minutes, 5 points)
#
# Somebody hands you this, says it passes every test they tried, and goes home:

# %% tags=["hide"]
part("07", "dealt")

# %% [markdown]
# Find the **shortest** story in which it goes wrong. Letters are new flows, A to one correspondent, B and C to others;
# `-2` ends flow 2, as in `"A B -1 A"`. Three points for a story that breaks it, two more for a shortest one.
#
# Then one sentence without code behind `notice`: what would the person holding the phone notice? The check of a
# shortest story tells ours.

# %% tags=["answer:7.5"]
story = "..."
notice = "..."  # one sentence, for yourself
### BEGIN SOLUTION
story = "A A -2 A"  # for practice, without a number
### END SOLUTION

# %% tags=["check:7.5:5"]
check("7.5").points

# %% [markdown]
# ## 7.6 Explain it back (5 minutes; your teacher reads this one)

# %% tags=["hide"]
part("07", "explain")

# %% [markdown] tags=["essay:7.6:3"]
# ### BEGIN SOLUTION
# 0 retells the rule · 1 names the address refused · 2 names the flow that refused it · 3 says what would have moved
# together.
# ### END SOLUTION

# %% [markdown]
# ## What to take with you
#
# - A home address may serve many flows, as long as no two of them go to the same correspondent.
# - So you need as many addresses as the *busiest correspondent* has had flows at one time, not as many as there are
#   flows.
# - Searching from the last keeps the primary for those who call you.
#
# ## Exit question

# %% tags=["hide"]
ask("07-exit")

# %% [markdown]
# Minutes you needed, and what surprised you (double-click here, and write in place of the dots): ‹…›

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, keep it. If the server has gone, upload the file here, and
# all is back.

# %% tags=["hide"]
hand_in("07")

# %% [markdown]
# ## Next
#
# Every flow now has a name that nobody else uses towards its correspondent. So far nothing has moved. In
# [lab 08](lab:08) you change one care-of address, send one binding update, and watch a single stream jump while its
# neighbor's numbers run on.
# One thing to take along: all this was for flows that *you* began. What if CN1 calls you twice?
