# %% [markdown]
# # Pre-test, before the labs
#
# **Ten questions, 10 minutes, no marks.** Nothing here has been taught yet. "I do not know yet" is a good answer: then
# the labs have something to do. For each question choose one answer and say how sure you are: somebody who is certain,
# and mistaken, has met an idea worth a lesson; somebody who guesses has only not been told yet.
#
# Alone, without a helper: it is your ideas that your teacher wants to meet, and they are looked at for the class, not
# for a person. Nothing is said of your answers now. After lab 08 there is a [post-test](lab:post), and it tells.
#
# Write your student number between the brackets, as in `me("1234567")`: it chooses your form of the questions. Then
# choose **Run > Run All Cells** in the menu, and scroll down. On paper instead? Your teacher has a page to print.

# %%
from mipflow.course import hand_in, me, part

me()

# %% [markdown]
# ## The questions

# %% tags=["hide"]
part("pre", "questions")

# %% [markdown]
# ## Hand in
#
# Choose **File > Save Notebook** in the menu, make the file, hand it in and keep it: after lab 08 it shows what you
# thought.

# %% tags=["hide"]
hand_in("pre")

# %% [markdown]
# Now begin: [lab 00](lab:00).
