# %% [markdown]
# # Move one flow and leave the others where they are
#
# ![A call and a video come from the correspondent node CN1 over the WLAN to the mobile node MN; nothing goes over the
# cellular network. CN1's binding cache has two rows: H@1, which the call uses, is at the WLAN address, and H@2, which
# the video uses, is at the WLAN address too. You move only the video to the cellular network: what will the call
# do?](picture:before)
#
# **To begin: Run > Run All Cells in the menu, then press Play (▶) in the first picture below.**
# About 25 minutes, and 15 more for the questions at the end. Everything runs inside this page, and you cannot break
# anything. For marks write your student number between the brackets of `me()` first, as in `me("1234567")`: it
# chooses your network, so your neighbor's numbers differ.
#
# ## Who is who
#
# - **MN**, the [mobile node](word:mobile-node), is your phone: on a WLAN, by the WLAN router (`wlan0`), and on a
#   cellular network, by the cellular router (`cell0`), at the same time: two [interfaces](word:interface). **CN1**, a
#   [correspondent node](word:correspondent-node), is who it talks to: here by a call and a video at once, two
#   [flows](word:flow). (CN2 is another one, to whom nobody talks in this tour.)
# - A [**home address**](word:home-address) (H@) says *who*: it stays the same wherever MN goes, so a call survives a
#   move.
# - A [**care-of address**](word:care-of-address) (CoA) says *where*: every network that MN visits gives it another one.
#   Here they are called the *WLAN address* and the *cellular address*. By its beginning you know where an address is
#   from: `2001:db8:100:` from home, `2001:db8:200:` from the WLAN, `2001:db8:300:` from the cellular network.
# - A [**binding**](word:binding) joins the two, "this home address is now at that care-of address": one row of a table,
#   the [**binding cache**](word:binding-cache).
# - The [**home agent**](word:home-agent) (HA), a router at home, keeps bindings too, and sends on to MN what arrives at
#   home for it.

# %% tags=["hide"]
from mipflow.lab.panels.first_picture import building

building(3)  # cells further down

# %%
import mipflow as mf
from mipflow.course import ask, check, hand_in, hint, me, part, predict

me()

# %%
mine = part("00", "network")  # the delays of your links, and your ports


def begin(figure, seconds):
    """A network at work for some seconds, and in it a call and a video between MN and CN1."""
    world = figure(seed=7, links=mine.links, reuse_tokens=False)
    call = world.mn.open(world.cn1, mf.apps.Voice(start_s=3), local_port=mine.call_port)
    video = world.mn.open(world.cn1, mf.apps.Video(start_s=3), local_port=mine.video_port)
    world.run(seconds)
    return world, {"call": call, "video": video}


world, flows = begin(mf.figure2, 4)

# %% tags=["hide"]
part("00", "first")

# %% [markdown]
# Both flows go over the WLAN, and CN1's binding cache has **two rows**: the call uses H@1, the video H@2.
# MN took a second home address by itself, because both flows go to the same CN1. MN keeps a list of its own, the
# [flow mapping table](word:flow-mapping-table): for each flow its home address and the care-of address chosen for it;
# *known at CN1* is "yes" once CN1 has confirmed that it knows that one.
#
# <details><summary>How to read a film, and how to drive it by keyboard</summary>
#
# A mark is a packet, and ×2 or ×4 in it are as many so close together that they are one mark. Nothing but packets moves
# in this first film; the later ones have numbered **events** too, and the buttons **‹ Event** and **Event ›** go from
# one to the next; **Before the change** plays from just before a road turns, and there *time stands* for a moment, so
# that you can look. Once a button of the film is chosen: space plays, ← and → go a little back and on, comma and full
# stop from packet to packet, Page Up and Page Down to the next and the previous event, Home and End to both ends.
#
# *Why does it begin at 3.4 s?* First MN has to make its addresses, and then it and its home agent have to check that
# nobody else has them: [duplicate address detection](word:duplicate-address-detection), one second each time. Call and
# video begin at 3 s, when all is registered; packets sent earlier would wait, and some would be lost for a reason that
# is not a move.
#
# </details>
#
# ## 0.1 Who says so? (3 minutes, 6 points)
#
# Six of them speak, a sentence each. Write their names in the order of the sentences, each name once: `MN`, `CN1`,
# `HA`, `router` (the WLAN's), `H@` (the call's home address), `CoA` (the WLAN address). Not sure? Play the film once
# more.

# %% tags=["hide"]
part("00", "clues")

# %% tags=["answer:0.1"]
names = ["", "", "", "", "", ""]  # such as "MN"
### BEGIN SOLUTION
names = ["H@", "HA", "CoA", "CN1", "MN", "router"]  # for practice, without a number
### END SOLUTION

# %% tags=["check:0.1:6"]
check("0.1").points

# %% [markdown]
# ## Predict, then move the video
#
# The [handover](word:handover) is one line, the one with `handover` below. Say first what you expect.
# *Without the mouse: `predict("00-call", "b", confidence="certain", why="...")` in a new cell (Esc, then
# `b`, makes one).*

# %%
def story(figure, flow, interface, moment):
    """The same network once more; at `moment` seconds one flow moves to another interface."""
    world, flows = begin(figure, moment)
    world.mn.handover(flows[flow], interface)
    return world.run(2)


# %% tags=["hide"]
part("00", "ask")

# %% [markdown]
# **Now move it: press Run, then Play (▶). Which of these six messages changes the row at CN1, and what happens to the
# road in that moment?** Each message has its name where it flies; half speed (½×) helps, and so do single steps.
#
# - **HoTI** and **CoTI** (home test init, care-of test init): MN asks CN1 for two [tokens](word:token). One question
#   goes by way of the home agent, in a [tunnel](word:tunnel) (a pink frame), the other by way of the new network.
# - **HoT** and **CoT** (home test, care-of test): the tokens come back by the same two ways. Who holds both can be
#   reached at both addresses ([return routability](word:return-routability)). That keeps strangers out, though not one
#   who listens between the home agent and CN1.
# - **BU** ([binding update](word:binding-update)), authenticated with both tokens: "this home address is now at that
#   care-of address".
# - **BA** ([binding acknowledgement](word:binding-acknowledgement)): "done".
#
# What happened is told below the film, folded: watch first, then open it.

# %% tags=["hide"]
part("00", "move")

# %% [markdown]
# All that is told below a film is read from the [trace](word:trace), the log of every packet on every link: nothing of
# it is an estimate. Choose something else above and run again: move the call, at another moment, or "move" a flow to
# where it already is. If it is the call that moves, look at the packets that MN itself sends: for a moment they ride in
# the tunnel to the home agent, because MN does not know yet that CN1 has the new row, and by way of home they arrive in
# any case.
#
# *RFC 6275 lets a node use tokens again while they are younger than 210 s; `reuse_tokens=False` asks for fresh ones
# every time, so that you see all six messages. `mf.figure2` is the network of Figure 2 of the patent WO 2004/057826,
# from which the method is; `mf.figure1` that of its Figure 1, where MN has one home address only.*
#
# ## Take away the second home address
#
# Now both flows must share H@1, as in plain Mobile IPv6, and CN1 has one row for both. Say again first what you expect.

# %% tags=["hide"]
part("00", "ask again")

# %% tags=["hide"]
part("00", "take away")

# %% [markdown]
# ## What to take with you
#
# - A binding says where **one home address** is. It knows nothing of calls, videos or ports.
# - So all flows between MN and CN1 that share a home address move together; with a home address each, **one binding
#   update moves one flow.** CN1 and the home agent run as they always did: only MN is new.
# - The price: a further home address costs about a second of checking, and a binding at home and at CN1.
#
# It is all there in code. Change `story` above, run that cell and press Run again; or try in a new cell (Esc, then `b`,
# makes one) `story(mf.figure2, "call", "cell0", 4.5).ladder(4.4, 5)`: who sent what to whom.
#
# ## 0.R Read it off your packets (3 minutes, 3 points)
#
# One move in your network, as Wireshark would capture it at MN. A *Home Test Init* (HoTI) and the *Home Test* (HoT)
# that answers it have the same *Home Init Cookie*. **How long was it from HoTI to HoT?**

# %% tags=["hide"]
run = part("00", "run")
part("00", "packets")

# %% tags=["answer:0.R"]
home_ms = ...  # milliseconds, from your packets
### BEGIN SOLUTION
home_ms = 80.1  # for practice, without a number
### END SOLUTION

# %% tags=["check:0.R:3"]
check("0.R").points

# %% [markdown]
# ## 0.2 Break it (3 minutes, 3 points)
#
# Somebody says: "That is easy, here is which flows move." `flows` are the home addresses of MN's flows to CN1, and
# `told` is the number of the flow that you order to move. Both count from 1.

# %% tags=["hide"]
part("00", "dealt")

# %% [markdown]
# Give an example in which this goes wrong, with as few flows as possible: two points with one flow too many, three
# without.

# %% tags=["answer:0.2"]
example = "..."  # such as "H@1 H@2 H@3, move 2": three flows, and the second is told to move
### BEGIN SOLUTION
example = "H@1 H@2, move 1"  # for practice, without a number
### END SOLUTION

# %% tags=["check:0.2:3"]
check("0.2").points

# %% [markdown]
# ## 0.3 Explain it back (3 minutes; your teacher reads this one)

# %% tags=["hide"]
part("00", "explain")

# %% [markdown] tags=["essay:0.3:3"]
# ### BEGIN SOLUTION
# 0 says that the call stayed · 1 names the row that changed, by its home address · 2 says that a row has no port, and
# whose the other row is · 3 says what would have moved with one home address for both.
# ### END SOLUTION

# %% [markdown]
# ## Exit question

# %% tags=["hide"]
ask("00-exit")

# %% [markdown]
# Minutes you needed, and what surprised you (double-click here, and write in place of the dots): ‹…›

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, keep it. If the server has gone, upload the file here, and
# all is back.

# %% tags=["hide"]
hand_in("00")

# %% [markdown]
# ## Next
#
# You have moved a flow without anybody noticing. But why does a connection break at all when a phone changes networks?
# That is [lab 01](lab:01). Or go straight to who gets which home address: [lab 07](lab:07), and there you write it.
