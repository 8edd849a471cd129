"""The one tree of errors. Each error carries the offending value and says what was expected and what to do.

Stands beside all layers. A bad *call* raises one of these; a bad *packet* never does: it becomes a
traced drop with a reason (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Callable

LONGEST = 120
"""The number of characters of a value that an error shows."""


class MipflowError(Exception):
    """Base of all errors that mipflow raises on purpose.

    `value` is what was given; `str(error)` is one line for a learner, whatever the message has in it.
    """

    def __init__(self, message: str, value: object = None) -> None:
        super().__init__(" ".join(message.splitlines()))
        self.value = value

    def _render_traceback_(self) -> list[str]:
        """Return one line for a notebook, in place of a traceback (IPython calls this)."""
        return [f"{type(self).__name__}: {self}"]


class WireError(MipflowError):
    """A packet value that has no bytes, or bytes that are not the packet that they claim to be.

    `pointer` is the octet of the packet that an ICMPv6 Parameter Problem of code 0 should point at, where one
    is asked for (RFC 6275 section 9.2), else None.
    """

    def __init__(self, message: str, value: object = None, pointer: int | None = None) -> None:
        super().__init__(message, value)
        self.pointer = pointer


class ProtocolMisuse(MipflowError):
    """A call that the protocol does not allow: an unknown flow, a past time, freeing the primary address."""


class TopologyError(MipflowError):
    """A network that cannot be: an unknown node or interface, a link to nowhere, an address used twice."""


class DatasetError(MipflowError):
    """A file or folder that is missing, unreadable or holds nothing usable."""


class FunctionFailed(MipflowError):
    """A function that a learner put in raised, gave something that cannot be, or took too long; in their words."""


class Stopped(KeyboardInterrupt):
    """An interrupt that was let through at a moment when nothing is half done; its text says what can be done now.

    It is no MipflowError, because code that catches errors and goes on does not mean an interrupt.
    """

    def _render_traceback_(self) -> list[str]:
        """Return the lines for a notebook, in place of a traceback (IPython calls this)."""
        return [str(self), *getattr(self, "__notes__", [])]


def uncopied(thing: object) -> ProtocolMisuse:
    """Return the error for a part of a running world that somebody copies or pickles."""
    what = f"a running world and its parts, such as this {type(thing).__name__}, cannot be copied or pickled"
    remedy = "make another with world.fork(), or with the same arguments and seed, which does the same"
    return ProtocolMisuse(f"{what}; {remedy}", thing)


def shown(value: object, text: Callable[[object], str] = repr, longest: int = LONGEST) -> str:
    """Return a value for an error's message: its `text` in one line, cut to `longest` characters. One that cannot say
    what it is is named by its class.
    """
    try:
        line = " ".join(text(value).split())
    except KeyboardInterrupt:
        raise
    except BaseException:  # it is a stranger's
        return f"a value of {class_name(value)}, which does not say what it is"
    return line if len(line) <= longest else f"{line[:longest]}..."


def class_name(value: object) -> str:
    """Return the name of a value's class, even where that class, or its metaclass, lies about its name."""
    return str(type.__dict__["__name__"].__get__(type(value)))
