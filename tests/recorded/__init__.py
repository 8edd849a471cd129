"""Forty scenarios as they were when last looked at: a change of the machinery must leave them alone.

`python -m tests.recorded` plays them and writes `recorded.txt` anew; `test_recorded.py` plays them and compares. Where
a change of behaviour is meant, the difference of that file shows which scenarios it touched, from which second on.
"""
