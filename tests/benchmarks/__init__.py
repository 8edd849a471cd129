"""Speed and memory, measured as ratios within one run. `python -m tests.benchmarks` prints them; nothing here asserts
a time.

`python -m tests.benchmarks --peers` sets other simulators beside ours. `--json docs/performance.json` keeps what
docs/performance.md is then made from: `python -m docs.performance`.
"""
