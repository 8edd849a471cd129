"""The teacher's side of the course: submissions are read and counted, compared with a roster, and solutions written.

`submissions` reads what was handed in and has the oral questions about it; `classroom` counts what a class predicted,
believes and has gained; `roster` says who is missing and which file has no owner; `solutions` writes the notebooks with
their solutions for nbgrader. Learners need none of it.

Takes folders and files; gives sections, rows and sentences, which the commands `viva`, `class` and `solutions` of
`mipflow.cli` print or save. Nothing here marks: marks come from the cells of a notebook. Whatever is wrong with a file
is a DatasetError with its name. Read `submissions` first.
"""
