"""The course: what a lab's notebook calls. `from mipflow.course import *` in its first cell.

`me` says who you are; `check`, `hint`, `film` and `blocks` go with exercises, `ask`, `predict` and `reveal` with
questions, `hand_in` and `restore` with the file that you hand in, `how_far` with all labs.
"""

from mipflow.course.exercises.blocks import blocks
from mipflow.course.exercises.checks import check, film, hint, part
from mipflow.course.handin import hand_in, restore
from mipflow.course.identity import me
from mipflow.course.notebook import keep
from mipflow.course.overview import how_far
from mipflow.course.predictions import ask, predict, reveal

__all__ = [
    "ask", "blocks", "check", "film", "hand_in", "hint", "how_far", "me", "part", "predict", "restore", "reveal",
]  # fmt: skip

keep({name: globals()[name] for name in __all__})
