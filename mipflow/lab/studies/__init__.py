"""Documents that compute: each table is found by running the worlds that it tells of. `attacks` (what an attacker
achieves, by place and defence), `exhaustion` (what it uses up, without and with a bound), `baselines` (plain Mobile
IPv6 and Figure 1 beside the patent's method), `latency` (the parts of a handover, beside published ones). Each takes a
seed and gives a picture; as `mf.attack_table()`, `mf.exhaustion_table()`, `mf.baseline_table()` and
`mf.latency_table()` they are open to a learner. `python docs/tables.py` writes them into docs/attacks.md,
docs/baselines.md and docs/handover.md.

Read `study` first, the frame of all four: a case chosen by name, packets of a run's last second, rows as a table; then
`baselines`. `found` keeps results for the next time, under a digest of the source. `attackers` has nodes that lie; labs
use them too. Where to put what: a new attack, defence or place is a row of `ATTACKS`, `DEFENCES` or `PLACES`, a new
question a row of `QUESTIONS`, a new resource a row of `EXHAUSTIONS`; a new study is a module here, a function in the
door `mipflow/__init__.py` and a page in docs/tables.py. Nothing but the doors, labs and docs imports this room.
"""
