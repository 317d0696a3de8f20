"""Decodes Content-Encoding piece by piece, with the decoded size always below a limit.

The HTTP client does not: it cannot decode `gzip, gzip`, and does not report a truncated body. Plain
text that is labelled as gzip, and bodies compressed once more than stated, are understood too.
"""

from __future__ import annotations

import zlib
from typing import Any, Protocol

import brotli

from core import zstd
from core.errors import FetchError, TooLarge

ACCEPTED = "gzip, deflate, br, zstd"
_GZIP = b"\x1f\x8b"
_LAYERS = 3
_STEP = 65_536  # decoded bytes at a time
# Members of gzip, or frames of zstd, in one layer. Files have one, archives some dozens. An empty
# one has 20 or 9 bytes and costs 8 or 100 µs: 24 kB in two layers blocked the loop for seconds.
_MOST_STREAMS = 1000
_ZSTD_WINDOW = 23  # 8 MiB, what RFC 9659 asks decoders on the web to support


class _Layer(Protocol):
    """One content coding."""

    whole: bool

    def decode(self, data: bytes) -> list[bytes]: ...


class Decoding:
    """Decodes one body; `limit` (bytes) applies to the output of every layer."""

    def __init__(self, encodings: str, *, limit: int) -> None:
        names = [name.strip().lower() for name in encodings.split(",")]
        known = [name for name in names if name in _CODINGS]
        if len(known) > _LAYERS:
            raise FetchError("Content-Encoding names {count} layers", count=str(len(known)))
        self._layers = [_CODINGS[name]() for name in reversed(known)]
        self._limit = limit
        self._sizes = [0] * len(self._layers)
        self._body = bytearray()
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Decode the next received bytes. Raises TooLarge or FetchError."""
        if not self._begun and data:
            self._begun = True
            if data.lstrip()[:1] in (b"<", b"{"):
                self._layers = []  # labelled as compressed, but sent plain
            elif data[:2] == _GZIP and self._layers:  # labelled as brotli, but sent as gzip
                self._layers[0] = _Zlib()
        self._push(data, 0)

    def finish(self) -> tuple[bytes, bool]:
        """The body, and whether every layer is complete."""
        whole = not self._body or all(layer.whole for layer in self._layers)
        if self._body[:2] == _GZIP:  # a .gz file, or compressed once more than stated
            return self._unzipped(whole)
        return bytes(self._body), whole

    def _push(self, data: bytes, depth: int) -> None:
        if depth == len(self._layers):
            if len(self._body) + len(data) > self._limit:
                raise TooLarge("more than {limit} bytes", limit=str(self._limit))
            self._body += data
            return
        try:
            for piece in self._layers[depth].decode(data):
                self._sizes[depth] += len(piece)
                if self._sizes[depth] > self._limit:
                    raise TooLarge(
                        "more than {limit} bytes when decompressed", limit=str(self._limit)
                    )
                self._push(piece, depth + 1)
        except (zlib.error, brotli.error, zstd.ZstdError) as error:
            raise FetchError(
                "the body cannot be decompressed: {fault}", fault=str(error)
            ) from error

    def _unzipped(self, whole: bool) -> tuple[bytes, bool]:
        inner = Decoding("gzip", limit=self._limit)
        for at in range(0, len(self._body), _STEP):  # zlib copies what is left at each step
            inner.feed(bytes(self._body[at : at + _STEP]))
        body = bytes(inner._body)
        return body, whole and inner._layers[0].whole


class _Zlib:
    """gzip and deflate, with or without a header, in several members."""

    def __init__(self) -> None:
        self.whole = False
        self._stream: Any = None
        self._streams = 0

    def decode(self, data: bytes) -> Any:
        while data:
            if self._stream is None:
                self._streams = _one_more(self._streams)
                self._stream = zlib.decompressobj(_window(data))
            piece = self._stream.decompress(data, _STEP)
            if piece:
                yield piece
            data = self._stream.unconsumed_tail
            self.whole = self._stream.eof
            if self.whole:
                data = self._stream.unused_data
                if data[:2] != _GZIP:
                    return  # padding after the last member
                self._stream, self.whole = None, False


def _one_more(streams: int) -> int:
    if streams >= _MOST_STREAMS:
        raise FetchError(
            "the body is compressed in more than {count} parts", count=str(_MOST_STREAMS)
        )
    return streams + 1


def _window(data: bytes) -> int:
    if data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0:
        return zlib.MAX_WBITS
    return zlib.MAX_WBITS | 16 if data[:1] == _GZIP[:1] else -zlib.MAX_WBITS


class _Brotli:
    def __init__(self) -> None:
        self.whole = False
        self._stream = brotli.Decompressor()

    def decode(self, data: bytes) -> Any:
        while not self.whole:
            piece = self._stream.process(data, output_buffer_limit=_STEP)
            self.whole = self._stream.is_finished()
            if piece:
                yield piece
            elif self._stream.can_accept_more_data():
                return
            data = b""


class _Zstd:
    def __init__(self) -> None:
        self.whole = False
        self._stream: Any = None
        self._streams = 0

    def decode(self, data: bytes) -> Any:
        while True:
            if self._stream is None:
                self._streams = _one_more(self._streams)
                options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW}
                self._stream, self.whole = zstd.ZstdDecompressor(options=options), False
            piece = self._stream.decompress(data, _STEP)
            if piece:
                yield piece
            data = b""
            if self._stream.eof:
                self.whole, data, self._stream = True, self._stream.unused_data, None
                if not data:
                    return
            elif self._stream.needs_input:
                return


_CODINGS: dict[str, Any] = {
    "gzip": _Zlib,
    "x-gzip": _Zlib,
    "deflate": _Zlib,
    "br": _Brotli,
    "zstd": _Zstd,
}
