"""Panels: what stands in a cell of a notebook besides a picture.

`panel` is the frame of choices, a button and what came of it, which `scenario_panel` fills for the patent's Figure 2
and labs and `course` fill for theirs; `cells` makes the small table by which a node, a table or a packet shows
itself; `first_picture` keeps a reader of "Run All" at a lab's first picture; `export` turns a saved notebook into a
page. They take worlds, or callables, and give widgets or HTML.

The door `mipflow`, `course` and the labs may come in; no world, node or table knows of this room. Here alone in the
lab layer are ipywidgets, nbconvert and IPython used, each when it is needed. Read `panel` first.
"""
