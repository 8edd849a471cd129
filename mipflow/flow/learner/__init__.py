"""Functions that a learner wrote, at work in a mobile node: guarded, looked after, and told of in plain words.

`guard` calls such a function: it stops one that takes too long, hands out tables as views that cannot be changed
(`read_only`), looks at the result, and says in one line what went wrong. `put_in` has for each function its parameters
and what a result may be. `answers`, `freeing`, `is_over` and `packet_keys` do what four of the functions say.

A door: no module of the core imports this room. `flow.mobile_node` guards functions as they come in, so the parts of
the flow layer take plain callables that may raise FunctionFailed. Read `guard` first, then `put_in`.
"""
