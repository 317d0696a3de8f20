"""Where in a page a text stands: the smallest elements that hold nine tenths and nearly all.

And whether the page leaves a doubt that this text is the article: it leaves none where the text
stands together and no other running text of some length does.
"""

from __future__ import annotations

from collections import defaultdict

from lxml import etree

SHARE = 0.9
WHOLE = 0.99  # a standfirst or a last part may stand outside the element of the text
_LEAST = 6  # characters; shorter pieces stand anywhere
_RUNNING = 25  # characters; what is missed of shorter ones is labels and names
_GAP = 0.02  # of the text: more that was passed over beside it may belong to it
_RIVAL = 0.2  # of the text: more of it, together elsewhere, may be a part of the article
_SILENT = frozenset(("script", "style", "noscript", "template", "head", "title", "svg", "option"))
_IN_LINE = frozenset("a abbr b cite code em font i mark q s small span strong sub sup u".split())
_MOST_IN_LINE = 8  # such elements in one another; somebody may nest thousands
_LEAVES = frozenset("p li h1 h2 h3 h4 h5 h6 pre td th dd dt".split())
_Held = dict[etree._Element, int]


class Standing:
    """Characters of a text in each element of a page, those in what is inside it included."""

    def __init__(self, root: etree._Element, text: str) -> None:
        self._root = root
        self._wanted = " ".join(text.split())
        self._held: _Held = defaultdict(int)
        self._together: _Held = defaultdict(int)  # in its own blocks and those one level down
        self._missed: _Held = defaultdict(int)  # the same of running text that is not in the text
        if self._wanted:
            self._look()

    def parts(self) -> tuple[etree._Element, etree._Element] | None:
        """The element that holds the text, and the one around it that holds all of the text.

        None where hardly any of it is found.
        """
        whole = self._held[self._root]
        if not whole or whole < 0.3 * len(self._wanted):
            return None
        around = self._descend(self._root, WHOLE * whole)
        return self._descend(around, SHARE * whole), around

    def is_plain(self) -> bool:
        """Whether the text is plainly the running text of the page: others would find the same."""
        place = max(self._together, key=lambda each: self._together[each], default=None)
        if place is None:
            return False
        together, gap = self._together[place], self._missed.get(place, 0)
        if gap > _GAP * together or SHARE * len(self._wanted) > together:
            return False
        return max(self._missed.values(), default=0) <= _RIVAL * together

    def _look(self) -> None:
        words = frozenset(self._wanted.split(" "))
        for element in self._root.iter():
            for piece, inside in ((element.text, True), (element.tail, False)):
                if piece is None or piece.isspace():
                    continue
                owner = element if inside else element.getparent()
                if owner is not None and owner.tag not in _SILENT:
                    self._place(piece, owner, words)

    def _place(self, piece: str, owner: etree._Element, words: frozenset[str]) -> None:
        count = _found(piece, self._wanted, words)
        if count:
            _add(self._held, owner, count)
            _add_near(self._together, owner, count)
        elif len(piece) >= _RUNNING:
            _add_near(self._missed, owner, len(" ".join(piece.split())), links=False)

    def _descend(self, element: etree._Element, least: float) -> etree._Element:
        held = self._held
        while True:
            children = [child for child in element if child in held]
            best = max(children, key=lambda child: held[child], default=None)
            if best is None or held[best] < least:
                return element
            element = best


def _found(piece: str, wanted: str, known: frozenset[str]) -> int:
    words = piece.split()
    if len(words) > 2 and words[1] not in known:  # most of what is no article ends here
        return 0
    text = " ".join(words)
    return len(text) if len(text) >= _LEAST and text in wanted else 0


def _add(held: _Held, owner: etree._Element | None, count: int) -> None:
    while owner is not None:
        held[owner] += count
        owner = owner.getparent()


def _add_near(held: _Held, owner: etree._Element, count: int, *, links: bool = True) -> None:
    """Add to the element whose block this is, and to the one around that."""
    place: etree._Element | None = owner
    for _ in range(_MOST_IN_LINE):
        if place is None or place.tag not in _IN_LINE:
            break
        if place.tag == "a" and not links:
            return
        place = place.getparent()
    if place is not None and place.tag in _LEAVES:
        place = place.getparent()
    for _ in range(2):
        if place is not None:
            held[place] += count
            place = place.getparent()
