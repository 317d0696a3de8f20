"""Makes core/date_words.json from the data that dateparser carries (Unicode CLDR and its own).

`python -m tests.core.date_words` writes it again; a test compares.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

from dateparser.languages.loader import default_loader

FILE = Path(__file__).parents[2] / "core" / "date_words.json"
LANGUAGES = (
    "af ar az be bg bn bs ca cs cy da de el en es et eu fa fi fil fo fr ga gl gu he hi hr hu hy id"
    " is it ja ka kk km kn ko ky lo lt lv mk ml mn mr ms mt my nb ne nl nn or pa pl ps pt ro ru si"
    " sk sl sq sr sv sw ta te th tr uk ur uz vi zh"
).split()
_MONTHS = (
    "january february march april may june july august september october november december".split()
)
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()


def made() -> str:
    """The file as it should be: one language a line."""
    lines = (f"{json.dumps(code)}: {_dumped(_words(code))}" for code in LANGUAGES)
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _words(code: str) -> dict[str, Any]:
    info = default_loader.get_locale(code).info
    order = info.get("date_order") or "DMY"
    beside = [word for name in _DAYS for word in info.get(name, ())]
    beside += [word for name in ("skip", "pertain") for word in info.get(name) or ()]
    return {
        "order": "MDY" if code == "en" else order,
        "months": [_plain(info.get(name, ())) for name in _MONTHS],
        "am": _plain(info.get("am", ())),
        "pm": _plain(info.get("pm", ())),
        "beside": [word for word in _plain(beside) if any(map(str.isalpha, word))],
    }


def _plain(words: Any) -> list[str]:
    """Each word once, as `core/dates.py` compares them."""
    folded = (unicodedata.normalize("NFKC", word).lower().strip(" .:'’") for word in words)
    return list(dict.fromkeys(word for word in folded if word))


def _dumped(words: dict[str, Any]) -> str:
    return json.dumps(words, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    FILE.write_text(made(), encoding="utf-8")
