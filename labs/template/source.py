# %% [markdown]
# # TITLE
#
# **Core (predict, 99.1, read it off, break it) 20 minutes; all of it 25.** You need [lab 00](lab:00). After this lab
# you can
#
# - say for how long a home agent keeps a binding, from the number in the update;
# - find an update and its answer among packets, and measure how long the answer took;
# - TODO: what else can one do after it? Use verbs that one can watch.
#
# [The patent](word:the-patent) (WO 2004/057826), page 1; RFC 6275 section 6.1.7. TODO: the pages and sections that your
# lab is about.
#
# *Your number chooses your delays and your example. Use any help you like for the code: no helper has seen your run,
# and more than half of the marks are about that.*
#
# Write your student number between the brackets, as in `me("1234567")`. Then choose **Run > Run All Cells** in the
# menu, and work from here down. After a change run that cell again, and the next one.

# %%
from mipflow.course import ask, check, hand_in, hint, me, part, predict, reveal

me()

# %% [markdown]
# ## Predict (3 minutes)
#
# MN, a phone away from home, sends its home agent a [binding update](word:binding-update). TODO: begin with what one
# can see or move, and with one question.
#
# Talk to your neighbor for a minute after your answer. You may answer once more; both are kept, neither is marked.
# *Without the mouse: `predict("99", "b", confidence="certain", why="...")` in a new cell (Esc, then `b`, makes one).*

# %% tags=["hide"]
ask("99")

# %% tags=["hide"]
run = part("99", "run")
reveal("99", run, run.ladder())

# %% [markdown]
# ## The rule
#
# The lifetime in a binding update is a number of **units of 4 seconds** (RFC 6275). The home agent keeps the binding
# until that time is over; 0 says "delete it now".
#
# ## 99.1 Is it still there? (6 minutes, 4 points)
#
# `field` is the number in the update, `age_s` how many seconds ago it arrived. Points: units 2 · comes to an end 1 · at
# the very moment 1. A function that always gives the same answer gets none.

# %% tags=["answer:99.1"]
def lives(field, age_s):
    """True as long as the home agent keeps the binding."""
    ### BEGIN SOLUTION
    return age_s < 4 * field
    ### END SOLUTION


# %%
# hint("99.1")  # opens one of two hints; each waits for a new attempt

# %% tags=["check:99.1:4"]
check("99.1").points

# %% [markdown]
# ## Read it off your run (4 minutes, 3 points)
#
# How long did MN wait from its first update until the answer arrived? `run.inspect(17)` in a new cell opens packet 17.

# %% tags=["hide"]
part("99", "packets")

# %% tags=["answer:99.R"]
waited_ms = ...  # milliseconds
### BEGIN SOLUTION
waited_ms = 1070.0  # for practice, without a number
### END SOLUTION

# %% tags=["check:99.R:3"]
check("99.R").points

# %% [markdown]
# ## Break it (4 minutes, 2 points)
#
# Somebody hands you this, and says that it passes every test they tried. Find a field and an age for which it is wrong.

# %% tags=["hide"]
part("99", "dealt")

# %% tags=["answer:99.2"]
example = ...  # such as (15, 30): the field, the age
### BEGIN SOLUTION
example = (15, 60)  # for practice, without a number
### END SOLUTION

# %% tags=["check:99.2:2"]
check("99.2").points

# %% [markdown]
# ## Explain it back (3 minutes; your teacher reads this one)

# %% tags=["hide"]
part("99", "explain")

# %% [markdown] tags=["essay:99.3:3"]
# ### BEGIN SOLUTION
# 0 "it ends some time" · 1 names the unit · 2 does the sum with their own number · 3 says what would be lost meanwhile.
# ### END SOLUTION

# %% [markdown]
# ## What to take with you
#
# - A binding ends by itself, unless it is renewed.
# - TODO: two or three lines.
#
# ## Hand in
#
# Save the notebook (Ctrl+S), make the file, keep it. If the server has gone, upload the file here, and all is back.

# %% tags=["hide"]
hand_in("99")
