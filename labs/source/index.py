# %% [markdown]
# # The labs
#
# You move one video from one network to another, and the call beside it stays where it is. Then you find out why, and
# write it yourself. Everything runs inside this page, and you cannot break anything.
#
# **New here? Open the tour: [Move one flow and leave the others where they are](lab:00).** It takes half an hour and
# needs nothing.
#
# In a course, begin with the [pre-test](lab:pre) and end with the [post-test](lab:post): ten questions, ten minutes, no
# marks.
#
# ## Map
#
# [map](map:labs)
#
# *Core* is what fits into 50 minutes; points stand behind each heading that has some, in the core or not. The numbers
# of exercises have gaps: nothing is missing. First time with Python: count double for what you write. A word that you
# do not know has a link to [what it means](word:flow).
#
# ## How far am I?
#
# Run the next cell: click it, then press Shift+Enter, here and whenever you want to know.

# %%
from mipflow.course import how_far

how_far()

# %% [markdown]
# It is read from small files beside the labs, in which what you do is kept. They earn nothing: what is marked stands in
# the notebooks' cells.
#
# ## Three ways through
#
# - **One session** (90 minutes): [the tour](lab:00), then the limit of one home address, [lab 04](lab:04), then
#   [lab 08](lab:08) as far as its film.
# - **A workshop** (half a day): [the tour](lab:00), [lab 02](lab:02), [lab 04](lab:04), of [lab 07](lab:07) its play
#   and 7.2, and [lab 08](lab:08).
# - **A course** (six weeks): week 1 the [pre-test](lab:pre), [the tour](lab:00) and [lab 01](lab:01);
#   week 2 [lab 02](lab:02) and [lab 03](lab:03); week 3 [lab 04](lab:04) and [lab 05](lab:05); week 4
#   [lab 06](lab:06); week 5 [lab 07](lab:07); week 6 [lab 08](lab:08) and the [post-test](lab:post).
#
# Alone, in pairs or in a class: in pairs one types and the other says what will happen, then you swap.
#
# ## On Binder, and at home
#
# - **Binder** lends you a computer: nothing to install, nothing to pay. It takes the computer back, with all that is on
#   it, when you have done nothing for some ten minutes. So make the file (below) before you leave.
# - **At home** the same labs run without the Internet, and nobody takes anything away: the
#   [README](../README.md) has the two commands.
#
# ## When something is stuck
#
# - **A cell that never ends** shows `[*]`: press the square (■) in the bar above the notebook. The cell stops, and all
#   you wrote is there.
# - **"... is not defined"**: a cell further up has not run. Choose Run > Run All Cells.
# - **All is strange**: Kernel > Restart Kernel and Run All Cells. Nothing of what you wrote is lost.
# - **No mouse?** Arrow keys go from cell to cell, Enter goes into one, Escape out of it, Shift+Enter runs it, `b` makes
#   a new one below. In a film or a form Tab goes on.
#
# ## Hand in, and come back
#
# 1. Choose **File > Save Notebook** in the menu. At the notebook's end press **Make the file to hand in**, and download
#    it: `1234567-lab07.zip`.
# 2. That is what you hand in. It is also your way back when a server has gone: open the lab anew, run its last cell,
#    press **Restore from a zip**, and choose the file.
# 3. Close the notebook without saving, and open it again: all is as it was.
