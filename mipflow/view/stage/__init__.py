"""The film: the network as a stage on which packets move, rows change and roads bend, with its controls.

`show.py` is the door: it plays one world or several on one clock and writes the controls. `film.py` says which virtual
time is seen when, `scene.py` where nodes, links and plates stand, `stage.py` what moves and the plotly figure,
`board.py` the tables and the legend, `follow.py` the cards that a click opens.

It takes what all pictures take and the story from `story`; it gives a figure, HTML and plain values, which
`drawing/player.js` moves in the page. What Python can work out is worked out here, so the script stays short: CSS and
script stand in `drawing`, because every picture's output carries them. Read `film.py` first, then `scene.py`.
"""
