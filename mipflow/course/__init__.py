"""The course: what a lab's notebook calls, and what judges, keeps and hands in a learner's answers.

A notebook begins with `from mipflow.course import *`. `me` says who you are; `check`, `hint`, `film`, `blocks` and
`part` go with exercises, `ask`, `predict` and `reveal` with questions, `hand_in` and `restore` with the file that you
hand in, `how_far` with all labs. These functions show their errors as sentences and raise nothing. The modules in this
folder face the learner (`predictions`, `handin`, `identity`, `overview`, `slides`) or serve those that do (`notebook`
around cells, `progress` with its file, `source` with the way to a lab's exercises).

Two rooms stand behind: `exercises` judges answers, `classroom` serves the teacher. The course imports `lab` and all
below; nothing imports the course but the doors, the notebooks and labs/exercises/labNN.py, where the words of a lesson
stand. Read `exercises.exercise` first, then one such file.
"""

from mipflow.course.exercises.blocks import blocks
from mipflow.course.exercises.checks import check, film, hint, part
from mipflow.course.handin import hand_in, restore
from mipflow.course.identity import me
from mipflow.course.notebook import keep
from mipflow.course.overview import how_far
from mipflow.course.predictions import ask, predict, reveal

__all__ = ["ask", "blocks", "check", "film", "hand_in", "hint", "how_far", "me", "part", "predict", "restore", "reveal"]

keep({name: globals()[name] for name in __all__})
