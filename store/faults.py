"""What the store's refusals and absences mean, with what helps.

Whatever redis-py raises leaves `store/` as `StoreAway` (it comes back by itself) or `StoreError`
(a setting has to change). No text of an address goes into a message: it holds a password.
"""

from __future__ import annotations

from contextlib import contextmanager

from redis import exceptions

from core.errors import StoreAway, StoreError

_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.WatchError,  # what redis-py makes of a connection lost in a transaction
    OSError,
)
_LOGIN = "the store refuses the login: correct REDIS_PASSWORD (or the password in REDIS_URL)"
# What a message holds -> what it means and what helps. redis-py makes a plain ConnectionError of
# a refused greeting, and takes the code (WRONGPASS, NOPERM, READONLY) off most messages.
_REMEDIES = {
    "called without any password": "the store asks for no password: "
    "unset REDIS_PASSWORD, and take the password out of REDIS_URL",
    "Authentication required": _LOGIN,
    "username-password": _LOGIN,
    "WRONGPASS": _LOGIN,
    "NOAUTH": _LOGIN,
    "unknown command 'GET'": "that is a sentinel: "
    "write redis+sentinel://HOST:PORT/NAME as REDIS_URL, with the name of its master",
    "DB index is out of range": "the store has fewer databases: "
    "correct the number at the end of REDIS_URL",
    "WRONG_VERSION_NUMBER": "the store speaks no TLS there: "
    "write redis:// for rediss:// in REDIS_URL, or name its TLS port",
    "read only replica": "the store is a replica and takes nothing in: "
    "point REDIS_URL at the primary",
    "MISCONF": "the store's append-only file cannot be written: is the disk full?",
    "has no permissions": "the store's user lacks a permission: ACL SETUSER NAME ~millrace:* +@all",
}
# The same for what may pass by itself, as a failover does.
_WAITS = {
    "No master found": "no sentinel answers for a master of that name: "
    "start the sentinels, or correct the name after the hosts in REDIS_URL",
    "Timeout connecting": "the store takes no connection: start it, or correct host, port "
    "and TLS (rediss://, else redis://) in REDIS_URL",
}
_DISTRUST = "CERTIFICATE_VERIFY_FAILED"


@contextmanager
def store_errors():  # type: ignore[no-untyped-def]
    """Turn what redis-py raises into the errors of `core/errors.py`."""
    try:
        yield
    except exceptions.OutOfMemoryError as error:
        raise StoreError(
            "the store is at its memory limit: raise maxmemory or keep less"
        ) from error
    except (*_AWAY, exceptions.ResponseError) as error:
        raise _fault_of(error) from error
    except (TypeError, RuntimeError) as error:
        if _is_torn(error):
            raise StoreAway("no answer from the store: the connection was lost") from error
        raise


def _fault_of(error: exceptions.RedisError | OSError) -> StoreError:
    message = str(error)
    for words, remedy in _REMEDIES.items():
        if words in message:
            return StoreError(remedy)
    if _DISTRUST in message:
        return StoreError(_distrusted(message))
    if isinstance(error, exceptions.AuthenticationError):
        return StoreError(_LOGIN)
    for words, remedy in _WAITS.items():
        if words in message:
            return StoreAway(remedy)
    if isinstance(error, _AWAY):
        reason = message.rstrip(".")
        return StoreAway(f"no answer from the store: {reason}; start it, or correct REDIS_URL")
    return StoreError(f"the store refused: {message}")


def _distrusted(message: str) -> str:
    reason = message.rpartition("certificate verify failed: ")[2].partition(" (_ssl")[0].rstrip(".")
    return (
        f"the store's certificate is not trusted: {reason}; "
        "name its issuer in REDIS_URL: ?ssl_ca_certs=FILE"
    )


def _is_torn(error: TypeError | RuntimeError) -> bool:
    """Whether the loop stumbled over a transport that was closed under it.

    From Python 3.12 on asyncio's `writelines` calls a method that a lost connection has taken
    away; uvloop raises that the handler is closed.
    """
    if isinstance(error, RuntimeError):
        return "handler is closed" in str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and "asyncio" in trace.tb_frame.f_code.co_filename
