# %% [markdown]
# # Move one flow and leave the others where they are
#
# ![A call and a video come from the correspondent node CN1 over the WLAN to the mobile node MN; nothing goes over the
# cellular network. CN1's binding cache has two rows: H@1, which the call uses, is at the WLAN address, and H@2, which
# the video uses, is at the WLAN address too. You move only the video to the cellular network: what will the call
# do?](picture:before)
#
# **To begin: Run > Run All Cells in the menu, then press Play (▶) in the first picture below.**
# About 20 minutes. Everything runs inside this page, and you cannot break anything.
#
# ## Who is who
#
# - **MN**, the mobile node, is your phone: on a WLAN, by the WLAN router (`wlan0`), and on a cellular network, by the
#   cellular router (`cell0`), at the same time. **CN1**, a correspondent node, is who it talks to: here by a call and a
#   video at once.
# - A **home address** (H@) says *who*: it stays the same wherever MN goes, so a call survives a move.
# - A **care-of address** says *where*: every network that MN visits gives it another one. Here they are called the
#   *WLAN address* and the *cellular address*.
# - A **binding** joins the two, "this home address is now at that care-of address": one row of a table, the
#   **binding cache**.
# - The **home agent** (HA), a router at home, keeps bindings too, and sends on to MN what arrives at home for it.

# %%
import mipflow as mf


def begin(figure, seconds):
    """A network at work for some seconds, and in it a call and a video from MN to CN1."""
    world = figure(seed=7, reuse_tokens=False)
    call = world.mn.open(world.cn1, mf.apps.Voice(start_s=3))
    video = world.mn.open(world.cn1, mf.apps.Video(start_s=3))
    world.run(seconds)
    return world, {"call": call, "video": video}


world, flows = begin(mf.figure2, 4)

# %% tags=["hide"]
from mipflow.lab.first_picture import FirstPicture

FirstPicture(world.animate(3.4, 3.6, slow=[(3.4, 3.6)]))

# %% [markdown]
# Both flows go over the WLAN, and CN1's binding cache has **two rows**: the call uses H@1, the video H@2.
# MN took a second home address by itself, because both flows go to the same CN1.
#
# *Why does the film begin at 3.4 s?* First MN has to make its addresses, and then it and its home agent have to check
# that nobody else has them: duplicate address detection, one second each time. At 2.2 s all is registered. Call and
# video begin at 3 s; packets sent earlier would wait, and some would be lost for a reason that is not a move.
#
# ## Predict, then move the video
#
# The handover is one line, the one with `handover` below. Say first what you expect.

# %%
def story(figure, flow, interface, moment):
    """The same network once more; at `moment` seconds one flow moves to another interface."""
    world, flows = begin(figure, moment)
    world.mn.handover(flows[flow], interface)
    return world.run(2)


# %% tags=["hide"]
from mipflow.course.tour import Tour

tour = Tour(lambda *choice: story(*choice))  # whatever `story` is when Run is pressed
tour.ask()

# %% [markdown]
# **Now move it: press Run, then Play (▶). Which of these six messages changes the row at CN1, and what happens to the
# road in that moment?** Each message has its name where it flies; half speed (½×) helps, and so do single steps.
#
# 1. **HoTI** and **CoTI** (home test init, care-of test init): MN asks CN1 for two tokens. One question goes by way of
#    the home agent, in a tunnel (a purple frame), the other by way of the new network.
# 2. **HoT** and **CoT** (home test, care-of test): the tokens come back by the same two ways. Who holds both can be
#    reached at both addresses. That keeps strangers out, though not one who listens between the home agent and CN1.
# 3. **BU** (binding update), authenticated with both tokens: "H@2 is now at my cellular address".
# 4. **BA** (binding acknowledgement): "done".

# %% tags=["hide"]
tour.move()

# %% [markdown]
# ## What happened, read from the trace
#
# **The moment the binding update lands, CN1 changes one row,** and from then on sends the video by the cellular router.
# Packets that were already on their way to the old care-of address still arrive, because MN still listens there.
#
# The trace is the log of every packet on every link: nothing below is an estimate. The home agent's rows have not
# changed: it only sends on what arrives at home, and call and video take the direct way.

# %% tags=["hide"]
tour.outcome()

# %% [markdown]
# Choose something else above and run again: move the call, at another moment, or "move" a flow to where it already is.
#
# *RFC 6275 lets a node use tokens again while they are younger than 210 s; `reuse_tokens=False` asks for fresh ones
# every time, so that you see all six messages.*
#
# ## Take away the second home address
#
# Now both flows must share H@1, as in plain Mobile IPv6, and CN1 has one row for both. Say again first what you expect.

# %% tags=["hide"]
tour.ask_again()

# %% tags=["hide"]
tour.take_away()

# %% [markdown]
# ## What to take with you
#
# - A binding says where **one home address** is. It knows nothing of calls, videos or ports.
# - So all flows between MN and CN1 that share a home address move together; with a home address each, **one binding
#   update moves one flow.** CN1 and the home agent run as they always did: only MN is new.
# - The price: a further home address costs about a second of checking, and a binding at home and at CN1.
#
# It is all there in code. Change `story` above, run that cell and press Run again; or try in a new cell
# `story(mf.figure2, "call", "cell0", 4.5).ladder(4.4, 5)`: who sent what to whom.
