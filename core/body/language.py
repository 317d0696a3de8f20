"""Which language a text is in, as far as its script shows it."""

from __future__ import annotations

import re

# Characters that only one of the two scripts writes, all frequent.
_SIMPLIFIED = re.compile("[这来个们国说为时会学对后发经头长动样现将进实点种声话儿报导记闻务员区]")
_TRADITIONAL = re.compile("[這來個們國說為時會學對後發經頭長動樣現將進實點種聲話兒報導記聞務員區]")
_KANA = re.compile("[\u3041-\u30ff]+")
_HANGUL = re.compile("[\uac00-\ud7a3]+")
_HAN = re.compile("[\u4e00-\u9fff]+")
_CYRILLIC = re.compile("[\u0400-\u04ff]+")
_LATIN = re.compile("[a-z]{2,}")
_WORDS = {
    "en": frozenset("the of and to in is that for it was with as on".split()),
    "de": frozenset("der die und das ist nicht mit ein den von auf für".split()),
    "fr": frozenset("le la les des et est une dans que pour qui sur".split()),
    "es": frozenset("el los las que una por con para del es en su".split()),
    "it": frozenset("il che di una per con del della non sono gli nel".split()),
    "pt": frozenset("os que uma para com do da não em no na mais".split()),
    "nl": frozenset("het een van en dat niet op met voor zijn aan ook".split()),
}
_LANGUAGES = {
    word: [tag for tag, known in _WORDS.items() if word in known]
    for word in frozenset().union(*_WORDS.values())
}
_SAMPLE = 800


def detect(text: str, stated: str | None = None) -> str | None:
    """A BCP 47 tag: what the script shows, else what is stated, else the most likely one."""
    sample = text[:_SAMPLE]
    if not sample.isascii():
        script = _by_script(sample)
        if script:
            return script
    return stated or _by_words(sample.lower())


def _by_script(sample: str) -> str | None:
    han = _count(_HAN, sample)
    if han >= 8 and han > 0.15 * len(sample):
        if _count(_KANA, sample) > 0.1 * han:
            return "ja"
        more = _count(_TRADITIONAL, sample) > _count(_SIMPLIFIED, sample)
        return "zh-Hant" if more else "zh-Hans"
    least = 0.2 * max(len(sample), 40)
    if _count(_HANGUL, sample) > least:
        return "ko"
    return "ru" if _count(_CYRILLIC, sample) > 2 * least else None


def _count(characters: re.Pattern[str], text: str) -> int:
    """How many of the characters the text holds; dropping them is faster than listing them."""
    return len(text) - len(characters.sub("", text))


def _by_words(lowered: str) -> str | None:
    words = _LATIN.findall(lowered)
    if len(words) < 20:
        return None
    counts = dict.fromkeys(_WORDS, 0)
    for word in words:
        for tag in _LANGUAGES.get(word, ()):
            counts[tag] += 1
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] >= 0.08 * len(words) else None
