"""Detect the kind of a page: an article, a forum thread, a manual; and remove what no reader sees.

In a thread the posts are the text; below an article they are comments. Forums, manuals and dialogs
are recognized by their software, other pages by schema.org types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from core.body.html import drop_element, inner_text, spaced_text
from core.models import Removed
from core.text import count_letters

_FORUM_PATH = re.compile(
    r"/(?:forums?|threads?|topics?|viewtopic|showthread|discussions?|questions?|comments|t|d|talk"
    r"|boards?|community|answers)(?:[/.?]|$)"
    r"|(?:^|[./])(?:forums?|boards?|bbs|community|discuss|talk|answers)\.",
    re.IGNORECASE,
)
_MANUAL_PATH = re.compile(
    r"(?:^|[./])(?:docs?|developers?|wiki|help|support|learn|man|manual|api|readthedocs|reference)\."
    r"|/(?:docs?|documentation|reference|manual|guides?|api|wiki|help|tutorials?|handbook|man\d?"
    r"|learn|kb)(?:[/.]|$)",
    re.IGNORECASE,
)
# Forum and manual software is named in the generator or in class names.
_FORUM_PROGRAMS = (
    "xenforo ipslayout phpbb vbulletin discourse flarum nodebb mybb simplemachines vanilla bbpress"
    " lemmy fluxbb punbb s-prose lia-message discuz"
).split()
_MANUAL_PROGRAMS = (
    "docusaurus sphinx mkdocs md-content vitepress vuepress gitbook theme-doc rst-content doxygen"
    " devsite markdown-body docsidebar toctree rustdoc javadoc mediawiki docutils asciidoctor"
    " antora"
).split()
_TYPES = re.compile(r"\"@type\"\s*:\s*(?:\"(\w+)\"|\[([^\]]{0,200})\])")
_MOST_LOOKED = 400_000  # characters; half of all pages have 122,000, one in a hundred 674,000
# Class names of post bodies by software; the last two are schema.org's and Reddit's.
_POST_NAMES = frozenset(
    "message-body bbWrapper postcontent js-post__content-text cPost_contentWrap post_body cooked"
    " Post-body s-prose commtext lia-message-body-content userContent Message bbp-reply-content"
    " bbp-topic-content usertext-body t_f".split()
)

# 165 of 1,781 public pages have such elements. Without them two threads gain .6 and .8, two
# articles .03 and .01, and an article loses .015.
_CONSENT = re.compile(
    r"cookie-?(?:consent|banner|notice|bar|law)|onetrust|cookiebot|didomi|qc-cmp|usercentrics"
    r"|fc-consent|cmpbox",
    re.IGNORECASE,
)
# Of 17 elements with more than 60 letters on 977 public pages none was part of the text. Those that
# an animation shows later are.
_INVISIBLE = re.compile(r"^(?!.*animat).*visibility\s*:\s*hidden", re.IGNORECASE | re.DOTALL)
_LEAST_SHOWN = 300  # letters of other paragraphs; a WeChat page shows its whole text by a script
_DIALOGS = ("div", "section", "aside", "form", "dialog")
_PARTS = ("h1", "main", "article", "nav")
_LONGEST_NAMES = 400  # characters of id and class; 82 of 103,673 on public pages are longer


@dataclass(frozen=True, slots=True)
class Kind:
    """Evidence for each kind: 3 is certain, below 1 is chance."""

    forum: float
    manual: float
    article: float


def is_forum_post(element: etree._Element) -> bool:
    """Whether the element is the body of a post, by the markup of common forum software."""
    names = (element.get("class") or "").split()
    if not _POST_NAMES.isdisjoint(names) or (element.get("id") or "").startswith("post_message_"):
        return True
    return (
        element.get("itemprop") == "text"
        or element.get("data-role") == "commentContent"
        or element.get("component") == "post/content"
    )


def kind_of_page(page: str, root: etree._Element, posts: int) -> Kind:
    """Sum the evidence for each kind; `posts` is the number of post bodies on the page."""
    metas = {
        (meta.get("property") or meta.get("name") or "").lower(): meta.get("content") or ""
        for meta in root.iter("meta")
    }
    links = [link.get("href") or "" for link in root.iter("link") if link.get("rel") == "canonical"]
    address = (links or [metas.get("og:url", "")])[0]
    generator = metas.get("generator", "").lower()
    types = _types(root)
    lowered = page[:_MOST_LOOKED].lower()

    def programs(names: list[str]) -> float:
        named = 3.0 if any(name in generator for name in names) else 0.0
        return named + min(2, sum(name in lowered for name in names))

    return Kind(
        forum=3 * bool(types & {"DiscussionForumPosting", "QAPage"})
        + programs(_FORUM_PROGRAMS)
        + 1.5 * bool(_FORUM_PATH.search(address))
        + 1.5 * (posts >= 3),
        manual=programs(_MANUAL_PROGRAMS)
        + 1.5 * bool(_MANUAL_PATH.search(address))
        + 0.7 * (sum(1 for _ in root.iter("pre")) >= 3),
        article=2 * bool(types & {"NewsArticle", "BlogPosting", "Article"})
        + ("article:published_time" in metas)
        + (metas.get("og:type") == "article"),
    )


def _types(root: etree._Element) -> set[str]:
    found: set[str] = set()
    for script in root.iter("script"):
        if script.get("type") == "application/ld+json":
            for one, several in _TYPES.findall(inner_text(script)[:_MOST_LOOKED]):
                found |= {one} | set(re.findall(r"\w+", several))
    return found


def cut_unread(root: etree._Element) -> list[Removed]:
    """Remove dialogs about cookies, named as such or after their software, and invisible elements.

    They are longer than the text of a short page, and extractors take them for it. Elements around
    parts of a page only have such a name while the dialog is shown.
    """
    removed, whole = [], _in_paragraphs(root)
    for element in list(root.iter(*_DIALOGS)):
        names = f"{element.get('id', '')} {element.get('class', '')}"
        style = (element.get("style") or "")[:_LONGEST_NAMES]
        is_hidden = _INVISIBLE.search(style) and (whole - _in_paragraphs(element) >= _LEAST_SHOWN)
        if not is_hidden and (len(names) == 1 or not _CONSENT.search(names[:_LONGEST_NAMES])):
            continue
        if root in element.iterancestors() and next(element.iter(*_PARTS), None) is None:
            removed.append(
                Removed(rule="hidden" if is_hidden else "consent", text=spaced_text(element)[:500])
            )
            drop_element(element)
    return removed


def _in_paragraphs(element: etree._Element) -> int:
    return sum(count_letters(inner_text(part)) for part in element.iter("p"))
