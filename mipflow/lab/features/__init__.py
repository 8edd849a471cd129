"""Features: functions `with_...` that put into a world at time 0 what only some worlds need.

`home` has those of the home link (further home agents, IP security, a learner's function, a collision), `addresses`
the ways to get home addresses, `networks` advertisements, the operator's wishes and recorded traffic, and `anew`
those that hang on how nodes are made. Each takes a world that has not run and its own arguments, checks them, and
gives that world; `feature` refuses a second time, a wrong order and what does the same job, and notes the rest in
`world.features`. `values` turns what was noted into the JSON of `world.spec`, and back.

Here the doors of the core are opened: `mip6.discovery`, `mip6.security`, `mip6.enhanced`, `flow.allocation` and
`flow.protocols` come into nodes from here and from `lab.scenarios`, whose keywords call these functions. To add a
feature, write such a function in the module of its kind under `@feature()`, name it in `mipflow/__init__.py` and
tests/face.py, and give `figure2` a keyword in `scenarios.FEATURE_KEYWORDS`. Read `home.with_security` first.
"""
