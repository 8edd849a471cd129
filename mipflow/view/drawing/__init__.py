"""The tools that all pictures share: colours, SVG, tables as HTML, pages, and the one script of a page.

`picture.py` has `Picture`, the result of every view, and sends out player.js, player.css and inspector.css with it,
and snapshot.js, by which the player saves what is seen; `drawing.py` makes inline SVG and sends out drawing.css;
`style.py` has colours, shapes and plotly's plain values; `page.py` makes one page of pictures that needs no network,
`small.py` the small table of a cell, `bar.py` a progress bar.

Nothing here knows packets, flows or a trace: values come in as text and numbers, and HTML goes out. Each file of CSS or
script stands beside the module that reads it. Anybody above may come in. Read `style.py` first, then `picture.py`.
"""
