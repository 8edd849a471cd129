# %% [markdown]
# # Post-test, after the labs
#
# **Ten questions, 10 minutes, no marks.** They ask about the same ideas as the [pre-test](lab:pre), in other words.
# For each choose one answer, and say how sure you are. "I do not know yet" is still a good answer: it tells your
# teacher what to come back to.
#
# Alone, without a helper, and without looking back. Once all ten are stored, you read below what is so, beside what you
# said before the labs, if your pre-test is in this folder (or was restored to it). What the class has gained, your
# teacher sees; ten questions are too few to say so of a person.
#
# Write your student number between the brackets, as in `me("1234567")`, the same as in the pre-test. Then choose
# **Run > Run All Cells** in the menu, and scroll down.

# %%
from mipflow.course import hand_in, me, part

me()

# %% [markdown]
# ## The questions

# %% tags=["hide"]
part("post", "questions")

# %% [markdown]
# ## What is so

# %% tags=["hide"]
part("post", "answers")

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, and hand it in.

# %% tags=["hide"]
hand_in("post")
