# %% [markdown]
# # One flow moves, or per-flow handover end to end
#
# **Core (play, predict, 8.1+8.2, 8.3, 8.R, 8.5, exit) 50 minutes; all of it 80.** First time with Python:
# take the blocks in 8.3; the same marks, about the same time.
# You need lab 07 (your `assign` works on here). Lab 03 (tokens) and lab 04 (one binding moves all that shares it) help;
# what you need of them is said here.
#
# After this lab you can
#
# - write what the phone does with each packet that leaves, and with each that comes in;
# - say which [binding updates](word:binding-update) one move needs, to whom, and why no more;
# - name two cases in which flows stay tied together, and untie one.
#
# [The patent](word:the-patent) (WO 2004/057826), pages 7, 8, 10, 13 to 15, Figures 2, 4, 5. In pairs: one types, the
# other keeps a finger on the five rows of *Predict*; swap at 8.3.
#
# *Your number sets delays, moments and stories. Use any help you like for the code: no helper has seen your run, and
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
# MN, your phone, has a call and a video with CN1, and loads a page from CN2. All three begin on the WLAN (`wlan0`); the
# other network is the cellular one (`cell0`). Leave the trouble at *none* for now.
#
# **Can you make the call lose a packet?** What is the most that one move costs it?

# %% tags=["hide"]
part("08", "play")

# %%
lost = ...  # the most packets that one move cost the call

# %%
check("8.0")  # no marks

# %% [markdown]
# ## Predict (3 minutes)
#
# | whose [binding cache](word:binding-cache) | the rows |
# |---|---|
# | HA, the [home agent](word:home-agent) | H@1 at wlan0 · H@2 at wlan0 |
# | CN1 | H@1 at wlan0 (call) · H@2 at wlan0 (video) |
# | CN2 | H@2 at wlan0 (page) |
#
# H@1 and H@2 are MN's [home addresses](word:home-address), as in lab 07. Talk to your neighbor for a minute after your
# answer. You may answer once more; both are kept, neither is marked.
# *Without the mouse: `predict("08", "b", confidence="certain", why="...")` in a new cell (Esc, then `b`, makes one).*

# %% tags=["hide"]
ask("08")

# %% tags=["hide"]
run = part("08", "run")
reveal("08", run, run.animate(8.9, 9.9))

# %% [markdown]
# **What did you see?** Play it once more: how many of the call's packets came by `cell0`?
#
# ## A move in four lines
#
# 1. Write the new [care-of address](word:care-of-address) into the flow's row of the [flow mapping
#    table](word:flow-mapping-table), MN's own list of flows ([page 11](word:the-patent)).
# 2. Get two [tokens](word:token) from CN1, one by way of HA, one by the new road: together they show that MN may speak
#    for both addresses ([lab 03](lab:03)).
# 3. Send CN1 one **binding update**: "H@2 is now at cell0".
# 4. CN1 changes one row. What was under way still arrives by the old road.
#
# HA and CN1 needed nothing new: that is the point of page 8. *Where the patent is short:* page 10 calls one update
# sufficient, and page 13 says to whom: the correspondent.
#
# ## 8.1 + 8.2 Down and up (12 minutes, 6 points)
#
# Write both figures, about five lines each: they decide for every packet that leaves or comes in.
#
# <details><summary><b>Figures 4 and 5, step by step</b>, drawn anew with the patent's numbers: click to open</summary>
#
# ![Figure 4 as a flow chart. 20, 21: a packet is to go out, ask which flow it is of. 22: is the flow new? Yes: 23,
# assign a home address. Then, new or not: 24, look up both addresses; 25, send it with them; 26, end.](picture:figure4)
#
# ![Figure 5 as a flow chart. 27, 28: a packet has come in, ask which flow it is of. 29: is the flow new? Yes: 30, its
# home address is the packet's destination. Then, new or not: 31, hand it to its program; 32, end.](picture:figure5)
#
# </details>
#
# | | |
# |---|---|
# | `packet` | `.source`, None where it leaves, and `.destination`, by name: `"CN1"`, `"H@1"` |
# | `packet.came_by` | of one that came in: the care-of address of its road |
# | `mn.flows` | the flow mapping table, a dictionary: `mn.flows[2]` is flow 2's row, with `.cn`, `.home`, `.care_of` |
# | `mn.separate(packet)` | the number of its flow (steps 21, 28; lab 05) |
# | `mn.assign(cn)` | a home address by Figure 6: your lab 07, or ours |
# | `mn.choose()` | the care-of address of the network that MN likes best now, such as `"CoA wlan0"` |
# | `mn.up(packet)` | hands it to the application (step 31) |
# | `Row(cn=..., home=..., care_of=...)` | makes a row |
#
# In a packet that came in, `.destination` is the home address to which its sender wrote, and `.came_by` the care-of
# address over which it reached MN. *Where Figure 5 is silent:* step 30 gives a new flow its home address only. Its
# care-of address is yours to choose, as on [page 14](word:the-patent): take what `mn.choose()` says.
#
# Points: 8.1 a flow's first packet 1, its later ones 2 · 8.2 the right home address 2, handed up 1. Always the same
# answer: none. `hint("8.1")` in a new cell opens one of three hints; each waits for a new attempt.

# %% tags=["answer:8.1"]
from mipflow.course.exercises.own_node import Row


def outgoing(packet, mn):
    """Figure 4. Give back home address and care-of address, in this order."""
    ### BEGIN SOLUTION
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(cn=packet.destination, home=mn.assign(packet.destination), care_of=mn.choose())
    return mn.flows[number].home, mn.flows[number].care_of
    ### END SOLUTION


# %% tags=["check:8.1:3"]
check("8.1").points

# %% tags=["answer:8.2"]
def incoming(packet, mn):
    """Figure 5. A flow that is new here was begun by the correspondent."""
    ### BEGIN SOLUTION
    number = mn.separate(packet)
    if number not in mn.flows:
        mn.flows[number] = Row(cn=packet.source, home=packet.destination, care_of=mn.choose())
    mn.up(packet)
    ### END SOLUTION


# %% tags=["check:8.2:3"]
check("8.2").points

# %% [markdown]
# ## 8.3 Move it (14 minutes, 8 points)
#
# `flow` is the row to move, `flows` is the list of all rows, `care_of` says where it is to go. Bring the table up to
# date; give back the binding updates, a list of `(to, home, care_of)`. `to` is a name such as `"CN1"`, or `"HA"`.
#
# **Door 1, a blank page:** write it here, in about four lines, in place of the line with `raise`.

# %% tags=["answer:8.3"]
def handover(flow, care_of, flows):
    """Move one flow: which binding updates, to whom?"""
    ### BEGIN SOLUTION
    for other in flows:
        if other.cn == flow.cn and other.home == flow.home:
            other.care_of = care_of
    return [(flow.cn, flow.home, care_of)]
    ### END SOLUTION


# %% [markdown]
# **Door 2, blocks.** Six of these eleven, in order; they are indented already. The same check, the same marks.
#
#     A  for other in flows:
#     B      if other.cn == flow.cn and other.home == flow.home:
#     C          other.care_of = care_of
#     D      if other.cn == flow.cn:
#     E      if other.home == flow.home:
#     F  updates = []
#     G  updates.append((flow.cn, flow.home, care_of))
#     H  updates.append(("HA", flow.home, care_of))
#     I  for cn in {each.cn for each in flows}:
#            updates.append((cn, flow.home, care_of))
#     J  return updates
#     K  flow.home = care_of
#
# Take away the `#` in front of what you use.
#
# Points: the right receiver 3 · the right row 2 · nothing else moves 2 · the table tells the truth 1.

# %%
# handover = blocks("8.3", "F ...")  # prints the program that you built
# hint("8.3")  # opens one of three hints; each waits for a new attempt

# %% tags=["check:8.3:8"]
check("8.3").points

# %% [markdown]
# **Run it in the node.** Two phones on one clock: A is ours, B runs on *your* `outgoing`, `incoming` and `handover`,
# right or wrong (and on your `assign` of lab 07, if you copy it into a new cell). Both move the video. Does one stream
# change its road, or do two move together? Run the cell below again after each check.

# %%
film("8.3")

# %% [markdown]
# **When one update is not enough.** You may tell CN1 alone, or HA first and then CN1. Try the second control at the
# top, *trouble*: the line below it says whom MN told. Here is what came of both in your run:

# %% tags=["hide"]
part("08", "troubles")

# %% [markdown]
# Why "never"? MN asks for one of its tokens by way of HA, and from the place that HA's row says: `wlan0`. Its question
# (*Home Test Init*) is lost in the silence, so no answer comes. With HA told first, MN asks from `cell0`.
#
# ## 8.R Read it off your run (5 minutes, 5 points)
#
# `run` is the run of your prediction, and yours alone. Save MN's packets with `run.pcap("run.pcap", "MN")` in a new
# cell, open the file in Wireshark, filter `mipv6`. Find the last **Care-of Test Init** and the last **Binding
# Update**: they are your move's. How long from the one to the other? No Wireshark: `print(run.ladder(9).describe())`
# tells of each message when it leaves and when it arrives.
#
# Then: which token reached MN last, the one of the **Home Test** (HoT) or of the **Care-of Test** (CoT)? And why does
# the slower road alone decide, and not the sum? Write a line behind `why`; once both are right, the check tells ours.
#
# Points: 4 for the time, within 2 ms · 1 more for the token.

# %% tags=["answer:8.R"]
asked_ms = ...  # milliseconds, from the one to the other
last = ...  # "HoT" or "CoT"
why = "..."  # one line, for yourself
### BEGIN SOLUTION
asked_ms, last = 110.2, "CoT"  # for practice, without a number
### END SOLUTION

# %% tags=["check:8.R:5"]
check("8.R").points

# %% [markdown]
# ## 8.4 When CN1 begins (12 minutes, 6 points)
#
# Small letter: the correspondent begins a flow; capital: MN does. A, a: with CN1; B, b: with CN2. MN gives home
# addresses by Figure 6; who calls MN uses the primary, H@1. Two seconds between flows. Then **flow 1 moves**. Who goes
# along? By hand first. One point for each story; one and the same answer to all four earns none.

# %% tags=["hide"]
part("08", "stories")

# %% tags=["answer:8.4"]
moves = [[], [], [], []]  # for each story the flows that move, 1 among them, such as [1, 3]
### BEGIN SOLUTION
moves = [[1, 2], [1], [1, 2], [1, 3]]  # for practice, without a number
### END SOLUTION

# %% tags=["check:8.4:4"]
check("8.4").points

# %% [markdown]
# Now part two callers. CN1 begins a call and a video, and as it is, both come to H@1:
#
#     first = world.mn.accept(world.cn1, mf.apps.Voice())
#     second = world.mn.accept(world.cn1, mf.apps.Video())
#     return first, second
#
# Page 10 offers two ways. **Redirect**, `accept(..., redirect=True)`: the caller is told another address. Or **keep**
# an address for such flows, and let the caller know it from the start: `world.mn.keep_home_address("calls", is_for)`,
# then `accept(..., to="calls")`; "calls" is a name of your choice for that address. There `is_for(flow)` says which
# flows may use it, as `lambda flow: flow.flow_information.traits.application == "call"` does: what `mf.apps.Voice()`
# begins is of the application "call".

# %% tags=["answer:8.4b"]
import mipflow as mf


def two_calls(world):
    """CN1 begins a call and a video. Give back both; the first must be able to move alone."""
    ### BEGIN SOLUTION
    first = world.mn.accept(world.cn1, mf.apps.Voice())
    second = world.mn.accept(world.cn1, mf.apps.Video(), redirect=True)
    return first, second
    ### END SOLUTION


# %% tags=["check:8.4b:2"]
check("8.4b").points

# %% [markdown]
# ## 8.5 Break it (8 minutes, 5 points)
#
# Somebody hands you this `handover`, says it passes every test they tried, and goes home:

# %% tags=["hide"]
part("08", "dealt")

# %% [markdown]
# Find the **shortest** story in which it goes wrong. Letters as in 8.4; `>2`: flow 2 goes to the other network, as in
# `"A B >1 >1"`. All flows begin on wlan0. Three points for a story that breaks it, two more for a shortest one.
#
# Then one sentence without code behind `notice`: what would the person holding the phone notice? The check of a
# shortest story tells ours.

# %% tags=["answer:8.5"]
story = "..."
notice = "..."  # one sentence, for yourself
### BEGIN SOLUTION
story = "A A >2"  # for practice, without a number
### END SOLUTION

# %% tags=["check:8.5:5"]
check("8.5").points

# %% [markdown]
# ## 8.6 Explain it back (5 minutes; your teacher reads this one)

# %% tags=["hide"]
part("08", "explain")

# %% [markdown] tags=["essay:8.6:3"]
# ### BEGIN SOLUTION
# 0 retells · 1 names row and moment · 2 says where the late packets were then · 3 and why the call's row was out of
# reach.
# ### END SOLUTION

# %% [markdown]
# ## What to take with you
#
# - What moves is a row: one home address at one correspondent. Flows that share it move as one.
# - One update to the correspondent moves it; HA must hear too where its own row is needed.
# - Who calls you chooses the name. To part two callers, tell one another name.
#
# ## Exit question

# %% tags=["hide"]
ask("08-exit")

# %% [markdown]
# Minutes you needed, and what surprised you (double-click here, and write in place of the dots): ‹…›

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, keep it. If the server has gone, upload the file here, and
# all is back.

# %% tags=["hide"]
hand_in("08")

# %% [markdown]
# ## If you like: your own capture (no marks)
#
# Record what your own machine sends (Wireshark, or `tcpdump -w mine.pcap`), and move one of its flows. Which of yours
# share a row? No capture? `datasets/captures/office.pcap` has 16 flows, and moving flow 6 moves flow 6 alone.

# %% tags=["hide"]
part("08", "capture")

# %% [markdown]
# ## Next
#
# You can move any flow. Should you? A call hates delay, a film wants bits, your purse has an opinion. In
# [lab 09](lab:09) you write the rule that decides, and find out what a wrong one costs on a walk through town.
