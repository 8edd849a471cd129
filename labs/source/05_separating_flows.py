# %% [markdown]
# # Separating flows, or which packets belong together
#
# **Core (play, predict, 5.T, 5.1, 5.R, 5.5, exit) 50 minutes; all of it 90.** First time with Python:
# double; 5.1 is six short lines. You need [lab 01](lab:01) (ports) and [lab 04](lab:04) (why one binding moves
# everything to a correspondent).
#
# After this lab you can
#
# - name the header fields that tell conversations apart, and those that must stay out;
# - write the function that sorts packets into flows, both ways, through a move;
# - decide when a flow is over, and say who can still sort an encrypted call.
#
# [The patent](word:the-patent) (WO 2004/057826), pages 10 to 12, Figure 3; page 13 for 5.4. Work alone or in pairs: one
# types, the other holds two packets side by side; swap at 5.1.
#
# *Your number chooses your conversations, so your neighbor's answers differ. Use any help you like for the code: more
# than half of the marks are about your own run, which no helper has seen.*
#
# Write your student number between the brackets, as in `me("1234567")`, in pairs `me("first", "second")`. Then choose
# **Run > Run All Cells** in the menu, and work from here down. After a change run that cell again, and the next one.

# %%
from mipflow.course import ask, check, film, hand_in, hint, me, part, predict, reveal

me()

# %% [markdown]
# ## Play (5 minutes)
#
# MN is your phone, CN1 and CN2 are its [correspondents](word:correspondent-node): who it talks to. A
# [**flow**](word:flow) is what the phone moves as one thing, one conversation or several. Which packets are that? The
# **data flow separator** of the patent's Figure 3 decides by some fields of the header. These are the **key**: packets
# with equal keys share a lane.
#
# Each conversation below has its own shape. The phone has one home address here, as at the end of the tour; so half-way
# all that goes to CN1 moves to the cellular network.
#
# **Can you get one lane for each shape, and one shape in each lane? How few ticks does it take?**

# %% tags=["hide"]
part("05", "play")

# %% [markdown]
# ## Predict (5 minutes with the film)
#
# Your operator's rule says: "UDP to ports 5004-5020 is one flow, *meeting*". So sound and video of your meeting with
# CN1 are flow 1, at [home address](word:home-address) H@1. At 8 s the network's [policy server](word:policy-server)
# sends your phone a new rule: "each conversation is a flow of its own". At 10 s another call to CN1 begins, and at 13 s
# you move the video to the cellular network.
#
# Talk to your neighbor for a minute after your answer. You may answer once more; both are kept, neither is marked.
# *Without the mouse: `predict("05", "b", confidence="certain", why="...")` in a new cell (Esc, then `b`, makes one).*

# %% tags=["hide"]
ask("05")

# %% tags=["hide"]
world = part("05", "ruled")
reveal("05", world, world.animate(7.7, 14, slow=[(8.0, 8.1), (10.0, 11.1), (13.0, 13.3)]))

# %% [markdown]
# **What did you see?** In which flow is the video at 9 s, and in which the new call at 12 s? And had the policy server
# sent nothing? Say it first, then press a button.

# %% tags=["hide"]
part("05", "rule")

# %% [markdown]
# ## Four who may know
#
# | page 11 names | for example | this kit asks |
# |---|---|---|
# | the application | "these two sockets are my meeting" | first |
# | the network, at run time | the policy server's rule | second |
# | the operator, beforehand | a file of rules | third |
# | the headers | ports, flow label, options | last |
#
# The patent gives no order; this is the kit's. They are asked about a conversation's **first** packet. Later ones are
# looked up in the [flow mapping table](word:flow-mapping-table), whose *flow information* keeps what is needed (pages
# 11 and 12).
#
# *Where the patent is silent:* what does a new rule do to a running flow? Page 12 sends all its packets from one home
# address; so the kit never cuts a conversation.
#
# ## 5.T Count before you look (6 minutes, 4 points, on paper first)
#
# `40000>5004` goes from the phone's port 40000 to the correspondent's port 5004; its answer is written `40000<5004`.

# %% tags=["hide"]
part("05", "conversations")

# %% [markdown]
# How many lanes does each of these keys make? One point each. In the first three the ports are seen from the phone:
# an answer has the same as what it answers. The last takes protocol, source, destination and both ports just as they
# stand in each packet on the phone's link: there the phone's address is its
# [care-of address](word:care-of-address) just then.

# %% tags=["answer:5.T"]
lanes = {
    "CN's port": 0,
    "protocol, both ports, CN": 0,
    "these and the care-of address": 0,
    "all as it stands": 0,
}
### BEGIN SOLUTION
lanes = dict(zip(lanes, (2, 6, 10, 20), strict=True))  # for practice, without a number
### END SOLUTION

# %% tags=["check:5.T:4"]
check("5.T").points

# %% [markdown]
# ## 5.1 Build it (15 minutes, 10 points)
#
# You see each packet as it passes one of the phone's two interfaces.
#
# | `packet.` | |
# |---|---|
# | `outgoing` | `True` where the phone sends it |
# | `source`, `destination` | one is the phone's care-of address just now, the other CN's |
# | `source_port`, `destination_port` | as the header says |
# | `protocol` | `"UDP"` or `"TCP"` |
# | `label` | [flow label](word:flow-label): a number that each end may set on what it sends, else 0 |
#
# A [*tuple*](word:tuple), several values with commas between, makes a good key, as in
# `return packet.protocol, packet.label`. Write yours in place of the line with `raise`, in about six lines. To try it
# on one packet, and see what it prints: `flow_key(part("05", "packet"))` in a new cell.

# %% tags=["answer:5.1"]
def flow_key(packet):
    """Equal for packets of one flow, different for packets of two."""
    ### BEGIN SOLUTION
    if packet.outgoing:
        cn, near, far = packet.destination, packet.source_port, packet.destination_port
    else:
        cn, near, far = packet.source, packet.destination_port, packet.source_port
    return packet.protocol, near, cn, far
    ### END SOLUTION


# %% [markdown]
# Points: both ways are one, labelled or not 2 · the move changes nothing 2 · phone's port 2 · correspondent's port 1 ·
# whose port is whose 1 · correspondent 1 · protocol 1. A key that joins everything, or nothing, gets none.

# %%
# hint("5.1")  # take the first # away: opens one of three hints; each waits for a new attempt

# %% tags=["check:5.1:10"]
check("5.1").points

# %% [markdown]
# **Run it in the node.** Your function sorts the packets of your simulated phone, right or wrong. Run the cell below
# again after each check.

# %%
film("5.1")

# %% [markdown]
# ## 5.R Read it off the packet (8 minutes, 5 points)
#
# The same call once more, and then in [**ESP**](word:esp), which encrypts: in front stands a number in clear, the
# [**SPI**](word:spi), the *security parameters index*; behind it octets for who holds the key. First answer without
# looking:
#
# **Who can still read the port numbers of the call in ESP?**
#
# - **a** The routers on the road, to find the way.
# - **b** The home agent: it shares keys with the phone.
# - **c** The two ends, nobody between.
# - **d** The network, whose rules speak of ports.

# %% tags=["hide"]
call = part("05", "call")
part("05", "packets of the call")

# %% tags=["hide"]
secret = part("05", "secret")
part("05", "packets of the secret")

# %% [markdown]
# Open a packet to CN1 and one from CN1: `secret.inspect(145)` in a new cell opens packet 145 of the call in ESP,
# `call.inspect(145)` one of the call as it is. Or save them for Wireshark by `secret.pcap("secret.pcap")`; its
# filters are `udp` and `esp`, and its column *Source* shows the home address, from the Home Address option. Read the
# *security parameters index*, which Wireshark calls *ESP SPI*.
#
# Three points for both numbers, exactly as in your packets, such as `0x3a51` (one point for one of them); two for your
# letter.

# %% tags=["answer:5.R"]
read = {"to CN1": 0x0, "from CN1": 0x0, "who": ""}
### BEGIN SOLUTION
read = {"to CN1": 0x3C0F, "from CN1": 0x86EA, "who": "c"}  # for practice, without a number
### END SOLUTION

# %% tags=["check:5.R:5"]
check("5.R").points

# %% [markdown]
# For yourself, in one line: what can a listener on the WLAN still tell about the call? *Double-click here, and write in
# place of these dots:*
#
# ‹…›

# %% [markdown]
# ## 5.4 When is it over? (12 minutes, 5 points)
#
# Page 13: a flow finishes when somebody says so, or by a time-out. The patent gives no numbers; these are the kit's, in
# seconds.
#
# | `flow.` | |
# |---|---|
# | `protocol` | `"UDP"` or `"TCP"` |
# | `began` | when it began |
# | `sent` | when it last sent; the same as `began` if it never did |
# | `heard` | when it last heard; the same as `began` if it never did |
# | `fins` | how many ends have said [FIN](word:fin), TCP's "nothing more from me" |
# | `closed` | `True` where the application said so |
#
# Points: believes the application 1 · counts silence, not age, and bears a pause 1 · either direction counts 1 · a
# limit for each protocol 1 · FINs 1.

# %% tags=["answer:5.4"]
SILENCE = {"UDP": 300, "TCP": 7440}
TIME_WAIT = 240  # of silence, once both ends have said FIN: for late copies


def is_over(flow, now):
    """True when the flow has ended."""
    ### BEGIN SOLUTION
    if flow.closed:
        return True
    quiet = now - max(flow.sent, flow.heard)
    return quiet >= (TIME_WAIT if flow.fins == 2 else SILENCE[flow.protocol])
    ### END SOLUTION


# %% tags=["check:5.4:5"]
check("5.4").points

# %% [markdown]
# **Run it in the node.** The *pausing call* is silent for three seconds after every two. The *call* never is. The
# *short call* is hung up at 6.9 s, while the pausing call is silent too. Your function says which of them is over, and
# the film why. What comes after a flow's end is a new flow, with another home address.
#
# Three seconds end nothing by a right rule. So set `UDP` to 2 above, run that cell and the next below, watch what an
# impatient phone does, and set it back to 300.

# %%
film("5.4")

# %% [markdown]
# ## 5.5 Break it (6 minutes, 5 points)
#
# Somebody hands you this, says it sorts every capture they tried, and goes home:

# %% tags=["hide"]
part("05", "dealt")

# %% [markdown]
# Find **two packets** that it sorts wrongly. Six things can differ: protocol, phone's port, correspondent's port,
# correspondent (CN1, CN2), direction (`>` the phone sends, `<` it gets), network (wlan0, cell0). The shortest story
# has the **fewest differences**. Write it as in
#
#     story = "UDP 40000>80 CN1 wlan0 | UDP 40000<80 CN1 wlan0"
#
# Three points for a pair that breaks it, two more for one with the fewest differences.

# %% tags=["answer:5.5"]
story = "..."
### BEGIN SOLUTION
story = "UDP 40000>80 CN1 wlan0 | UDP 40000>80 CN1 cell0"  # for practice, without a number
### END SOLUTION

# %% tags=["check:5.5:5"]
check("5.5").points

# %% [markdown]
# For yourself, one sentence without code: what would the person holding the phone notice? *Double-click here, and write
# in place of these dots:*
#
# ‹…›

# %% [markdown]
# ## 5.6 Explain it back (5 minutes; your teacher reads this one)

# %% tags=["hide"]
part("05", "explain")

# %% [markdown] tags=["essay:5.6:3"]
# ### BEGIN SOLUTION
# 0 retells the task · 1 names the field · 2 names both packets, with values · 3 says what could not have moved alone,
# or what the move would have cut.
# ### END SOLUTION

# %% [markdown]
# ## What to take with you
#
# - Seen from the phone, a conversation is its protocol, both ports (whose is whose) and the correspondent.
# - Never the care-of address, which says where; nor the home address, which a flow gets *after* it is known.
# - A rule sorts what begins. A word or a long silence ends it; a pause does not.
#
# ## Exit question

# %% tags=["hide"]
ask("05-exit")

# %% [markdown]
# Minutes you needed, and what surprised you (double-click here, and write in place of the dots): ‹…›

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, keep it. If the server has gone, upload the file here, and
# all is back.

# %% tags=["hide"]
hand_in("05")

# %% [markdown]
# ## Next
#
# The phone knows its flows. To move one alone it needs a name for it: in **lab 06** you fetch home addresses from far
# away. Take this along: the new call waited 1.04 s. Who was asked what, in that second?
