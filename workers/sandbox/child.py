"""The child's side of the sandbox: answers one call after another, each under its own limits.

A call comes as a pickle, an answer goes back as its length and a pickle. The child ends when the
other end of its socket is closed, so none remains after its worker.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from core.errors import DocumentError, MillraceError

OUT_OF_MEMORY = 71  # exit code
HEAD = 8  # bytes in front of an answer that state its length


class Call(NamedTuple):
    """What a child is to do."""

    function: Callable[[], Any]
    cpu_seconds: float


class Answer(NamedTuple):
    """What came of it: a value, or the error that was raised."""

    value: Any
    error: MillraceError | None


def serve(connection: socket.socket, memory: int) -> None:
    """Answer calls until the caller is gone."""
    _confine(memory)
    try:
        with connection, connection.makefile("rb") as calls:
            while calls.peek(1):
                answer = pickle.dumps(_answer(pickle.load(calls)))  # noqa: S301 - our worker's
                connection.sendall(len(answer).to_bytes(HEAD, "big") + answer)
    except ConnectionError:
        return  # the worker went away
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # what is held is best given back whole


def _confine(memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the worker ends its children
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(call: Call) -> Answer:
    """The call under its CPU limit, with errors that survive the way back."""
    # Its signal is not handled, so it ends the child at once, whatever library is at work. A limit
    # on the CPU as such counts in whole seconds.
    signal.setitimer(signal.ITIMER_PROF, call.cpu_seconds)
    try:
        return Answer(call.function(), None)
    except MillraceError as error:
        return Answer(None, error)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  libraries raise anything; some cannot be pickled
        told = f"{type(error).__name__} in {_where(error)}: {error}"[:300]
        return Answer(None, DocumentError(told))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _where(error: BaseException) -> str:
    """File and line that raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
