"""The listening socket: opened before the service starts, to report a port in use at once.

A supervisor opens it and its service inherits it: while a dead service is started again, readers
wait in the queue of the socket instead of being refused.
"""

from __future__ import annotations

import os
import socket

from core.errors import MillraceError

LISTEN = "MILLRACE_LISTEN"  # file descriptor of an inherited socket
_BACKLOG = 1024


def is_inherited() -> bool:
    """Whether the socket is a supervisor's, and stays open when this process ends."""
    return LISTEN in os.environ


def listening_socket(host: str, port: int) -> socket.socket:
    """The inherited socket, or a new one; raises MillraceError when the address cannot be used."""
    inherited = os.environ.get(LISTEN)
    if inherited is not None:
        return socket.socket(fileno=int(inherited))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MillraceError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --host or --port"
        ) from error
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def shown_address(listener: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
