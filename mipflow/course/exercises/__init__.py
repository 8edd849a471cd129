"""Exercises: the values that a lab's file is made of, and the judges of a learner's answer.

`exercise` has the values: exercise, step, verdict, result. `checks` has the calls of a notebook, `check`, `hint`,
`film` and `part`, and `blocks` the one for programs put together from blocks: these two face the learner. The others
judge. `stories` judges a function by stories in order of length and knows wrong versions by what they do; `trial` calls
the function within a time and in silence; `apart` does so first in a copy of the process; `in_node` and `own_node` put
it into the simulated mobile node, for films; `explain` asks about a learner's own attempts.

A file labs/exercises/labNN.py makes `Exercise`s, `Stories` and parts of these; `course.source` finds it by the number
of the lab. An answer goes in, whatever it is, and a `Result` with points and feedback comes out: nothing here raises
towards a notebook, and nothing knows the text of a lesson. Read `exercise` first, then `checks.check`, then `stories`.
"""
