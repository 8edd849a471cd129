"""Speed and memory, measured as ratios within one run. `python -m tests.benchmarks` prints them; nothing here asserts
a time.
"""
