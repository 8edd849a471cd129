# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Move one flow and leave the others where they are
#
# ![Before: a call and a video go from the mobile node over the WLAN to the correspondent node CN1, whose binding cache says H@1 to WLAN, H@2 to WLAN. After one binding update the row of H@2 says cellular: the video goes over the cellular network, the call has stayed.](picture:idea)
#
# **Choose Run > Run All Cells in the menu, then press Play in the first picture.**
# About 20 minutes. Everything runs inside this page: you cannot break anything.
#
# ## Who is who
#
# - **MN**, the mobile node: your phone, on a WLAN (`wlan0`) and on a cellular network (`cell0`) at once.
#   **CN1**, a correspondent node: whoever it talks to. Here CN1 has a call and a video with MN at the same time.
# - A **home address** (H@) says *who*: it stays the same wherever MN goes, so calls and downloads survive.
# - A **care-of address** (CoA) says *where*: each network that MN visits gives it another one.
# - A **binding** joins the two, "this home address is at that care-of address". It is one row in a table, the **binding cache**.
# - The **home agent** (HA), a router at home, holds bindings too, and passes on to MN what arrives there for its home addresses.

# %%
import mipflow as mf


def begin(figure):
    """A call and a video from MN to CN1; reuse_tokens=False makes every handover ask for fresh tokens, as you will see."""
    world = figure(seed=7, reuse_tokens=False)
    call = world.mn.open(world.cn1, mf.apps.Voice(start_s=3))
    video = world.mn.open(world.cn1, mf.apps.Video(start_s=3))
    return world, {"call": call, "video": video}


world, flows = begin(mf.figure2)
world.run(4);

# %% tags=["hide"]
world.animate(3.4, 3.6, slow=[(3.4, 3.6)])
