# %% [markdown]
# # Everything moves at once, or the limit of one home address
#
# **Core (play, predict, 4.1, 4.2a, 4.R, 4.3, exit) 50 minutes; all of it 75.** First time with Python:
# take the blocks in 4.1; the same marks, about the same time.
# You need [lab 02](lab:02) (home agent, binding update) and [lab 03](lab:03) (why a correspondent believes it).
#
# After this lab you can
#
# - say which flows a given binding update moves, and why no others;
# - list the placements that one home address can reach;
# - explain why a port number in the update would not help by itself.
#
# [The patent](word:the-patent) (WO 2004/057826), pages 2 to 4, 6 and 7, Figure 1; RFC 6275 section 11.7.2. Work alone
# or in pairs: one types, the other holds the finger on the row; swap at 4.2.
#
# *Your number chooses links, stories and programs. Use any help you like for the code: no helper has seen your run, and
# more than half of the marks are about that.*
#
# Write your student number between the brackets, as in `me("1234567")`, in pairs `me("first", "second")`. Then choose
# **Run > Run All Cells** in the menu, and work from here down. After a change run that cell again, and the next one.

# %%
from mipflow.course import ask, blocks, check, film, hand_in, hint, me, part, predict, reveal

me()

# %% [markdown]
# ## Play (5 minutes)
#
# Your phone, the mobile node (**MN**), has two [interfaces](word:interface): `wlan0` (WLAN) and `cell0` (cellular). A
# **call** and a **file** come from the correspondent **CN1**, a **video** from **CN2**: three [flows](word:flow), all
# by WLAN. MN has one [home address](word:home-address), **H@**; its home agent **HA** and the correspondents keep a row
# for H@ in their [binding caches](word:binding-cache).
#
# **The file makes the call late. Can you bring the call to cellular and leave the file on WLAN?** In the film their
# wished lanes have dashed edges. Then an easier one: move the video alone.

# %% tags=["hide"]
part("04", "play")

# %% [markdown]
# ## Predict (3 minutes)
#
# All three arrive by WLAN; HA, CN1 and CN2 each keep a row for H@.
#
# Talk to your neighbor for a minute after your answer. You may answer once more; both are kept, neither is marked.
# *Without the mouse: `predict("04", "b", confidence="certain", why="...")` in a new cell (Esc, then `b`, makes one).*

# %% tags=["hide"]
ask("04")

# %% tags=["hide"]
world = part("04", "predicted")
reveal("04", world, part("04", "film"), part("04", "worth"))

# %% [markdown]
# **What did you see?** Which came by cellular first, call or file? What is in the dashed lane, where the file was to
# stay? *Double-click here, and write in place of these dots:*
#
# ‹…›

# %% [markdown]
# ## The rule in three lines
#
# 1. A [binding cache](word:binding-cache) is looked up by home address, and by nothing else. One home address: one row,
#    one [care-of address](word:care-of-address).
# 2. Every packet to MN follows **one** row: its correspondent's own, or, where that keeps none, the home agent's.
# 3. A [binding update](word:binding-update) changes one row, at the one who gets it. All flows that follow this row
#    move; no others do.
#
# **Plain Mobile IPv6** writes one care-of address into all rows. **Figure 1** of the patent writes different ones:
# CN1's row may say cellular while CN2's says WLAN (pages 3, 4, 6 and 7; RFC 6275, section 11.7.2, allows it). Your
# first wish in Play needs *two* rows at CN1.
#
# *Quick one.* A [vertical handover](word:vertical-handover) is one to another kind of network.

# %% tags=["hide"]
ask("04-plain")

# %% tags=["hide"]
world = part("04", "plain")
reveal("04-plain", world, part("04", "plain film"))

# %% [markdown]
# ## 4.1 Which flows move? (15 minutes, 10 points)
#
# | | |
# |---|---|
# | `bindings` | who keeps a row for H@, and what it says, such as `{"HA": "wlan0", "CN1": "wlan0"}` |
# | `update` | `.to` who gets it · `.care_of` where H@ is now · `.wish` the flow that MN has in mind |
# | `flows` | each has `.name` and `.cn` |
#
# Who is not in `bindings` (here CN2) keeps no row, and an update to it changes nothing; HA is always there. Updates are
# genuine (lab 03). Give back the **set of names** of the flows whose packets *to* MN take another interface
# afterwards. Leave `bindings` as it is.
#
# **Door 1, a blank page:** write it here, in about eight lines, in place of the line with `raise`.

# %% tags=["answer:4.1"]
def moved(bindings, update, flows):
    """The names of the flows that this binding update moves."""
    ### BEGIN SOLUTION
    names = set()
    for flow in flows:
        row = "HA"
        if flow.cn in bindings:
            row = flow.cn
        if row == update.to and bindings[row] != update.care_of:
            names.add(flow.name)
    return names
    ### END SOLUTION


# %% [markdown]
# **Door 2, blocks.** Eight of these eleven, in order; they are indented already. The same check, the same marks.
#
#     A  return names                              G      if flow.name == update.wish:
#     B      if flow.cn == update.to:              H      if flow.cn in bindings:
#     C          row = flow.cn                     I  for flow in flows:
#     D  names = set()                             J      row = "HA"
#     E          names.add(flow.name)              K      row = update.to
#     F      if row == update.to and bindings[row] != update.care_of:
#
# Take away the `#` in front of what you use.
#
# Points: all flows of a correspondent's row 3 · nobody else 3 · those that follow the home agent's row 2 · an update
# that says nothing new 1 · one to somebody without a row 1. A function that always moves nothing, or everything, gets
# none.

# %%
# moved = blocks("4.1", "D ...")  # prints the program that you built
# hint("4.1")  # opens one of three hints; each waits for a new attempt

# %% tags=["check:4.1:10"]
check("4.1").points

# %% [markdown]
# **See it in the network.** The case that the check found, or one of ours, with real nodes and one real update: what
# your function says, and what moves. The dashed lane is the update's `.wish`. Run the cell below again after each
# check.

# %%
film("4.1")

# %% [markdown]
# *In a network of your own:* `import mipflow as mf`, `world = mf.figure1()`, and once flows run,
# `world.mn.bind("CN1", "cell0")` sends one such update and gives the flows that it moves.
#
# ## 4.2 What can be reached? (12 minutes, 8 points)
#
# For packets *to* MN. (What MN sends has other ways out; leave them aside.)
#
# **4.2a, on paper first (4 points).** Write each placement that updates can bring about as three letters, in the order
# call, file, video: `w` for WLAN, `c` for cellular. One point for each that can be, one off for each that cannot; `www`
# and `ccc` alone are nothing.

# %% tags=["hide"]
part("04", "story")

# %% tags=["answer:4.2a"]
reached = []
### BEGIN SOLUTION
reached = ["www", "wcw", "cwc", "ccc"]  # for practice, without a number
### END SOLUTION

# %% tags=["check:4.2a:4"]
check("4.2a").points

# %% [markdown]
# **4.2b, the number (4 points).** `placements(["CN1", "CN1", "CN2"], {"CN1", "CN2"}, 2)` is 4. *Guess: and if CN2 keeps
# no row? If neither does?* Points: flows of one row count once 1 · the home agent's row 1 · no row that nobody follows
# 1 · any number of interfaces 1.

# %% tags=["answer:4.2b"]
def placements(cns, keepers, interfaces):
    """How many? cns: each flow's correspondent; keepers: the set of those that keep a row."""
    ### BEGIN SOLUTION
    rows = {cn if cn in keepers else "HA" for cn in cns}
    return interfaces ** len(rows)
    ### END SOLUTION


# %% tags=["check:4.2b:4"]
check("4.2b").points

# %% [markdown]
# ## 4.R Read it off your run (5 minutes, 5 points)
#
# Some packets of the run of your prediction. Find the [**Binding Update**](word:binding-update) to CN1 (when MN *sent*
# it), and the **file**'s first packet to MN over cell0 (when it *arrived*). How long was it between the two?
# `run.inspect(17)` in a new cell opens packet 17; `run.pcap("mine.pcap", node="MN")` saves MN's for Wireshark. One
# millisecond more or less does not matter.

# %% tags=["hide"]
run = part("04", "run")
part("04", "packets")

# %% tags=["answer:4.R"]
came_along_ms = ...  # milliseconds, from your packets
### BEGIN SOLUTION
came_along_ms = 7222.8 - 7110.2  # for practice, without a number
### END SOLUTION

# %% tags=["check:4.R:5"]
check("4.R").points

# %% [markdown]
# For yourself, in one line: which fields of that update name the file, or the call? *Double-click here, and write in
# place of these dots:*
#
# ‹…›

# %% [markdown]
# ## 4.3 Break it (8 minutes, 5 points)
#
# Somebody hands you `where(story)`: on which interface is each flow, after these updates? It passes every test they
# tried:

# %% tags=["hide"]
part("04", "dealt")

# %% [markdown]
# Find the **shortest** story in which it goes wrong, such as `"1c Hw"`. `1c`: CN1 is told cellular; `2w`: CN2 is told
# WLAN; `Hw`: the home agent is told WLAN. An update to who keeps no row changes nothing. Three points for a story that
# breaks it, two more for a shortest one.

# %% tags=["answer:4.3"]
story = "..."
### BEGIN SOLUTION
story = "Hc Hw"  # for practice, without a number
### END SOLUTION

# %% tags=["check:4.3:5"]
check("4.3").points

# %% [markdown]
# For yourself, one sentence without code: what would the person holding the phone notice? *Double-click here, and write
# in place of these dots:*
#
# ‹…›

# %% [markdown]
# ## 4.4 Explain it back (5 minutes; your teacher reads this one)

# %% tags=["hide"]
part("04", "explain")

# %% [markdown] tags=["essay:4.4:3"]
# ### BEGIN SOLUTION
# 0 retells the rule · 1 says that a row is found by home address · 2 says that CN1's cache must learn to tell flows · 3
# says that every correspondent and home agent must change (pages 4 and 5).
# ### END SOLUTION

# %% [markdown]
# ## When CN1 calls you (optional, 5 minutes)
#
# MN wants calls by cellular. Now CN1 calls, and keeps no row *yet*: its packets follow the home agent's, WLAN, until MN
# has told CN1 "cellular" (pages 4 and 7). What takes so long? ([Lab 03](lab:03) knows.)

# %% tags=["hide"]
part("04", "calls")

# %% [markdown]
# ## What to take with you
#
# - A binding belongs to a home address, not to a flow: flows that follow one row move together.
# - Placements = interfaces ^ rows that somebody follows: one for each correspondent that keeps a row, and the home
#   agent's for all the others.
# - Two flows to one correspondent cannot be parted by any number of updates: the limit of Figure 1.
#
# ## Exit question

# %% tags=["hide"]
ask("04-exit")

# %% [markdown]
# Minutes you needed, and what surprised you (double-click here, and write in place of the dots): ‹…›

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, keep it. If the server has gone, upload the file here, and
# all is back.

# %% tags=["hide"]
hand_in("04")

# %% [markdown]
# ## Next
#
# One name, one row, one place: so two flows to one correspondent need two *names*. But first MN must know which packets
# belong to which flow: [lab 05](lab:05). One thing to take along: the update had no field for a flow. Where in a
# *packet* would you look for one?
