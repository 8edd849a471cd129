"""The trial of a learner's function in a copy of this process, so that a call without end stops the copy alone.

`flow.learner.guard` stops lines of Python. Nothing inside the process stops one call of a function written in C, such
as `sum(range(10**12))`, and nothing at all stops `os._exit`. `why_not` takes a piece of work that calls a learner's
function by `course.exercises.trial`, and gives words, or none where all is well. On Linux alone: Windows and a browser
cannot copy a process, and there the guard has to do.
"""

from __future__ import annotations

import faulthandler
import gc
import linecache
import os
import re
import select
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from mipflow.course.exercises import trial

SILENT_S, PATIENCE, MOST_S, TELLS_S, LONELY_S = 2.0, 4, 60, 10, 600
"""Limits, in seconds but for PATIENCE: the processor time of one call of the learner's; how many times as long a call
may sleep; the processor time or sleep of all the work; the wait for a copy that is to say where it is; and the time
after which a copy ends by itself where nobody listens. Time in which a copy waits for a busy machine does not count.
"""
ENTERED, LEFT, DONE = b"(", b")", b"."
FRAME = re.compile(r'File "(.+)", line (\d+) in ')


def why_not(work: Callable[[], object], name: str, function: Any) -> str:
    """Do `work` in a copy, and say why it did not come to its end; empty where it did, or where there is no copy.

    name, function: the learner's function that the work calls, for the words.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return ""
    (heard, beats), (read, written) = os.pipe(), os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the copy has none, and needs none
        copy = os.fork()
    if copy == 0:
        _try(work, beats, written)
    os.close(beats)
    os.close(written)
    try:
        last = _listen(heard, copy)
        if last is None:
            os.kill(copy, signal.SIGUSR1)
            return _endless(name, _where(read, getattr(getattr(function, "__code__", None), "co_filename", "")))
        return "" if last == DONE else f"your {name}() ended Python itself, or used it up. A function ends with return"
    finally:
        os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)
        os.close(heard)
        os.close(read)


def _endless(name: str, where: str) -> str:
    return (
        f"your {name}() does not come back from one call{where}. Nothing can stop such a call from inside. Does it have"
        " an end?"
    )


def _try(work: Callable[[], object], beats: int, written: int) -> None:
    """Work as the copy: tell when a call of the learner's begins and ends, then exit."""
    try:
        gc.freeze()  # a search for garbage would write to all that the original has, for seconds, in a learner's call
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a stop is meant for the original
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LONELY_S)
        faulthandler.register(signal.SIGUSR1, file=written, all_threads=False)
        trial.listener = lambda is_inside: os.write(beats, ENTERED if is_inside else LEFT)
        work()
    except BaseException:  # the original will meet it as well, and say so
        pass
    finally:
        os.write(beats, DONE)
        os._exit(0)


def _listen(heard: int, copy: int) -> bytes | None:
    """Return the last word of the copy once it has ended; None where a call of the learner's goes on and on."""
    last, seen_s = LEFT, monotonic()
    worked_s = slept_s = all_slept_s = 0.0
    while True:
        ready, _, _ = select.select([heard], [], [], SILENT_S / 8)
        before_s, seen_s = seen_s, monotonic()
        now_s, sleeps = _spent(copy)
        if ready:
            said = os.read(heard, 1 << 16)
            last = said[-1:] or last
            if not said or last == DONE:
                return last
            worked_s, slept_s = now_s, 0.0
        elif sleeps:
            slept_s += seen_s - before_s
            all_slept_s += seen_s - before_s
        is_stuck = now_s - worked_s > SILENT_S or slept_s > PATIENCE * SILENT_S
        if (last == ENTERED and is_stuck) or max(now_s, all_slept_s) > MOST_S:
            return None


def _spent(copy: int) -> tuple[float, bool]:
    """Return the processor time of a process in seconds, and whether it sleeps (proc(5): utime, stime, state)."""
    fields = Path(f"/proc/{copy}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), fields[0] == "S"


def _where(read: int, file: str) -> str:
    """Return the learner's line in which the copy is, as " in line 3, `sum(it)`"; empty where it does not say."""
    told = b""
    while select.select([read], [], [], 0.1 if told else TELLS_S)[0]:
        told += os.read(read, 1 << 16)
    for name, number in FRAME.findall(told.decode("utf-8", "replace")):
        if name == file:
            source = linecache.getline(name, int(number)).strip()
            return f" in line {number}" + (f", `{source}`" if source else "")
    return ""
