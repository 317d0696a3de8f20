"""A web page as sites write them, of made-up words: what extraction has to tell an article from.

A page has about 66 kB and 700 to 1,000 elements. A third of its bytes are scripts and styles: a
style sheet, the page's data as JSON, loaders. The rest is a head with Open Graph, Twitter cards
and JSON-LD; two levels of menus; the article with standfirst, by-line, buttons for sharing,
figures with captions, links and emphasis in the text, advertisements between the paragraphs;
related articles with pictures, lists of what is most read, comments, columns of links at the foot.
Elements are nested in wrappers with classes and data attributes. One of three layouts is taken by
chance: elements named by their meaning, wrappers alone, or one wrapper around each paragraph. In a
third of the pages comments are written as plainly as the article, which leaves it in doubt.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator

from benchmarks._taken import article, title, words

PAGE_BYTES = 66_000
_SITE = "https://www.example.org"
_LAYOUTS = {
    "named": ("main", "article", "header", "aside", "footer", "nav"),
    "wrappers": ("div", "div", "div", "div", "div", "div"),
    "paragraphs": ("main", "div", "header", "aside", "footer", "nav"),
}


def new_page(name: object) -> bytes:
    """The page of that name: another article, other links and another look for each."""
    return _Page(str(name)).written().encode()


class _Page:
    """One page under way: what it is made of by chance is drawn from its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.chance = random.Random(f"page {name}")
        self.layout = self.chance.choice(list(_LAYOUTS))
        names = ("main", "article", "header", "aside", "footer", "nav")
        self.tags = dict(zip(names, _LAYOUTS[self.layout], strict=True))
        self.prefix = "".join(words(self.chance, 1)) or "site"

    def written(self) -> str:
        """All of it, with as much script as is missing to its size."""
        text = article(self.chance)
        body = self._header() + self._middle(text) + self._footer()
        head = self._head()
        missing = PAGE_BYTES - len(head) - len(body) + self.chance.randint(-6000, 6000)
        style, state = _style(self.chance, missing // 3), _state(self.chance, 2 * missing // 3)
        return (
            f"<!DOCTYPE html>\n<html lang='en' class='no-js {self.prefix}-theme'>\n<head>{head}"
            f"<style>{style}</style></head>\n<body class='post single {self._class('page')}'>{body}"
            f"<script id='state' type='application/json'>{state}</script></body></html>"
        )

    def _class(self, part: str) -> str:
        return f"{self.prefix}-{part} {self.prefix}-{part}--{self.chance.choice('abcdef')}"

    def _head(self) -> str:
        headline = title(self.name)
        image = self._image(1200)
        stated = {
            "@context": "https://schema.org", "@type": "NewsArticle", "headline": headline,
            "datePublished": "2026-05-04T08:30:00+00:00", "image": [image],
            "author": [{"@type": "Person", "name": "Dana Miller"}],
            "publisher": {"@type": "Organization", "name": "The Example", "logo": self._image(60)},
            "description": self._words(24),
        }  # fmt: skip
        properties = {
            "og:title": headline, "og:type": "article", "og:site_name": "The Example",
            "og:image": image, "og:image:width": "1200", "og:image:height": "675",
            "og:locale": "en_GB", "og:description": self._words(24),
            "article:published_time": "2026-05-04T08:30:00+00:00", "article:section": "News",
        }  # fmt: skip
        named = {
            "viewport": "width=device-width, initial-scale=1", "robots": "max-image-preview:large",
            "twitter:card": "summary_large_image", "twitter:title": headline,
            "twitter:image": image, "author": "Dana Miller", "theme-color": "#102030",
            "description": self._words(24),
        }  # fmt: skip
        metas = [f'<meta property="{key}" content="{properties[key]}">' for key in properties]
        metas += [f'<meta name="{key}" content="{named[key]}">' for key in named]
        links = [
            f'<link rel="preload" as="script" href="/{n}.{self.chance.getrandbits(32):x}.js">'
            for n in range(8)
        ]
        return "\n".join(
            [
                '<meta charset="utf-8">', f"<title>{headline} - The Example</title>",
                *metas, *links, f'<link rel="canonical" href="/page/{self.name}">',
                '<link rel="alternate" type="application/rss+xml" href="/feed.xml">',
                f'<script type="application/ld+json">{json.dumps(stated)}</script>',
                f"<script>{_loader(self.chance)}</script>",
            ]
        )  # fmt: skip

    def _header(self) -> str:
        menus = "".join(
            f"<li class='{self._class('menu__item')}' data-menu='{number}'>{self._link(1)}"
            f"<div class='{self._class('menu__drop')}'><ul class='sub-menu'>"
            f"{self._items(self.chance.randint(6, 9), 2)}</ul></div></li>"
            for number in range(8)
        )
        tag, nav = self.tags["header"], self.tags["nav"]
        return (
            f"<{tag} class='{self._class('header')}' id='top'><div class='inner'><div class='logo'>"
            f"<a href='/'><img src='/logo.svg' alt='The Example' width='180' height='40'></a></div>"
            f"<{nav} class='{self._class('menu')} nav'><ul class='menu'>{menus}</ul></{nav}>"
            f"<form class='search' action='/search'><input name='q' placeholder='Search'>"
            f"<button type='submit'>{_ICON}</button></form></div></{tag}>"
        )

    def _middle(self, text: str) -> str:
        main, tag, aside = self.tags["main"], self.tags["article"], self.tags["aside"]
        return (
            f"<div class='site-content'><div class='row' data-columns='2'>"
            f"<{main} class='{self._class('main')} col-8' id='content'>"
            f"<{tag} class='{self._class('article')} post-{self.chance.randint(1, 9999)}'>"
            f"{self._above()}<div class='{self._class('body')} entry-content'>"
            f"{''.join(self._paragraphs(text))}</div>"
            f"<ul class='tags'>{self._items(6, 1)}</ul></{tag}>"
            f"{self._related('More on this', 8)}{self._comments()}</{main}>"
            f"<{aside} class='{self._class('sidebar')} sidebar col-4'>{self._sidebar()}</{aside}>"
            f"</div></div>"
        )

    def _above(self) -> str:
        share = "".join(
            f"<li class='share__item'><a class='share__link' href='https://share.example/{n}'"
            f" data-network='{n}' rel='nofollow noopener'>{_ICON}<span>Share</span></a></li>"
            for n in range(5)
        )
        return (
            f"<div class='breadcrumb'><ol>{self._items(3, 1)}</ol></div>"
            f"<h1 class='{self._class('title')} entry-title'>{title(self.name)}</h1>"
            f"<p class='{self._class('lead')} standfirst'>{self._words(26)}.</p>"
            f"<div class='meta'><span class='byline'>By <a href='/by/miller' rel='author'>"
            f"Dana Miller</a></span><time datetime='2026-05-04'>4 May 2026</time></div>"
            f"<ul class='{self._class('share')} share-buttons'>{share}</ul>{self._figure(1200)}"
        )

    def _paragraphs(self, text: str) -> Iterator[str]:
        """The article's own, with what stands in and between them."""
        for number, paragraph in enumerate(re.findall(r"<p>(.*?)</p>", text)):
            written = f"<p>{self._dressed(paragraph)}</p>"
            if self.layout == "paragraphs":
                written = (
                    f"<div class='{self._class('block')}' data-block='{number}'>{written}</div>"
                )
            yield written
            if number in (4, 9):
                yield f"<div class='ad ad-slot' id='slot-{number}' data-size='300x250'></div>"
                yield f"<h2>{self._words(5)}</h2>"
            elif number in (2, 7):
                yield self._figure(800)
            elif number == 6:
                yield f"<blockquote><p>{self._words(20)}.</p></blockquote>"
            elif number == 11:
                yield f"<ul>{''.join(f'<li>{self._words(9)}</li>' for _ in range(4))}</ul>"

    def _dressed(self, paragraph: str) -> str:
        """Some words linked, some stressed."""
        pieces = paragraph.split(" ")
        here = self.chance.randrange(len(pieces) - 6)
        if self.chance.random() < 0.6:
            pieces[here] = f"<a href='{self._address()}' data-track='text'>{pieces[here]}"
            pieces[here + 2] += "</a>"
        if self.chance.random() < 0.4:
            pieces[here + 4] = f"<{'em' if here % 2 else 'strong'}>{pieces[here + 4]}"
            pieces[here + 4] += f"</{'em' if here % 2 else 'strong'}>"
        return " ".join(pieces)

    def _figure(self, width: int) -> str:
        large, small = self._image(width), self._image(width // 2)
        return (
            f"<figure class='{self._class('figure')}'><picture><source type='image/webp'"
            f" srcset='{large} {width}w, {small} 1x'><img src='{large}' alt='{self._words(6)}'"
            f" width='{width}' height='{width * 9 // 16}' loading='lazy'></picture>"
            f"<figcaption>{self._words(12)} <span class='credit'>Photo: {self._words(2)}</span>"
            f"</figcaption></figure>"
        )

    def _related(self, heading: str, count: int) -> str:
        cards = "".join(
            f"<div class='{self._class('card')}' data-id='{self.chance.randint(1, 99999)}'>"
            f"<a class='card__media' href='{self._address()}'><picture><img alt=''"
            f" src='{self._image(320)}' width='320' height='180' loading='lazy'></picture></a>"
            f"<div class='card__text'><h3 class='card__title'>{self._link(8)}</h3>"
            f"<p class='card__lead'>{self._words(14)}</p>"
            f"<time datetime='2026-05-03'>3 May 2026</time></div></div>"
            for _ in range(count)
        )
        return (
            f"<section class='{self._class('related')} related'><h2>{heading}</h2>"
            f"<div class='cards'>{cards}</div></section>"
        )

    def _comments(self) -> str:
        """None, some or many; some sites write them as plainly as the article."""
        count, plain = self.chance.choice((0, 8, 16)), self.chance.random() < 0.5
        said = [f"<p>{self._words(self.chance.randint(8, 40))}.</p>" for _ in range(count)]
        if not plain:
            said = ["<ol>", *map(self._comment, range(count), said), "</ol>"]
        return f"<div class='{self._class('talk')} comments' id='comments'>{''.join(said)}</div>"

    def _comment(self, number: int, text: str) -> str:
        return (
            f"<li class='comment depth-1' id='comment-{number}'><div class='comment-body'>"
            f"<div class='comment-author vcard'><img src='{self._image(40)}' width='40' height='40'"
            f" alt=''><b class='fn'>{self._words(2)}</b></div><div class='comment-meta'><a href="
            f"'#comment-{number}'><time datetime='2026-05-05'>5 May 2026</time></a></div>"
            f"<div class='comment-content'>{text}</div>"
            f"<div class='reply'><a rel='nofollow' href='#to-{number}'>Reply</a></div></div></li>"
        )

    def _sidebar(self) -> str:
        return (
            f"<div class='widget ad'><div id='slot-top' data-size='300x600'></div></div>"
            f"<div class='{self._class('widget')} widget most-read'><h2>Most read</h2>"
            f"<ol>{self._items(10, 8)}</ol></div>{self._related('Latest', 6)}"
            f"<div class='widget newsletter'><h2>Newsletter</h2><p>{self._words(12)}.</p><form>"
            f"<label>Address<input type='email' name='address'></label><button>Sign up</button>"
            f"</form></div>"
        )

    def _footer(self) -> str:
        columns = "".join(
            f"<div class='{self._class('footer__column')} col'><h3>{self._words(1)}</h3>"
            f"<ul class='footer__list'>{self._items(self.chance.randint(7, 10), 2)}</ul></div>"
            for _ in range(5)
        )
        tag = self.tags["footer"]
        return (
            f"<{tag} class='{self._class('footer')}' id='footer'><div class='row'>{columns}</div>"
            f"<div class='legal'><p>© 2026 The Example. {self._words(20)}.</p></div></{tag}>"
        )

    def _items(self, count: int, length: int) -> str:
        return "".join(
            f"<li class='item menu-item-{self.chance.randint(1, 9999)}'>{self._link(length)}</li>"
            for _ in range(count)
        )

    def _link(self, length: int) -> str:
        return (
            f"<a href='{self._address()}' data-track='{self.prefix}'>"
            f"<span>{self._words(length)}</span></a>"
        )

    def _address(self) -> str:
        return f"/{'-'.join(words(self.chance, 4))}-{self.chance.randint(1000, 99999)}.html"

    def _image(self, width: int) -> str:
        return f"{_SITE}/images/{self.chance.getrandbits(48):012x}-{width}.jpg"

    def _words(self, count: int) -> str:
        return " ".join(words(self.chance, count)).capitalize()


_ICON = "<svg class='icon' viewBox='0 0 24 24'><path d='M4 12h16M12 4l8 8-8 8'/></svg>"


def _style(chance: random.Random, size: int) -> str:
    def rule() -> str:
        look = f"margin:{chance.randint(0, 40)}px auto;color:#{chance.getrandbits(24):06x}"
        return f".{'-'.join(words(chance, 2))}>.{words(chance, 1)[0]}{{display:flex;{look}}}"

    return _long(size, rule)


def _state(chance: random.Random, size: int) -> str:
    """The page's data once more, as the programs of the page want it."""

    def item() -> str:
        slug, headline = "-".join(words(chance, 4)), " ".join(words(chance, 8))
        return json.dumps({"id": chance.randint(1, 10**9), "slug": slug, "headline": headline})

    return '{"items":[' + _long(size, lambda: item() + ",").rstrip(",") + "]}"


def _loader(chance: random.Random) -> str:
    def call() -> str:
        name, number = words(chance, 1)[0], chance.randint(1, 999)
        return (
            f"(window.q=window.q||[]).push(['{name}',function(a,b){{return a<b&&'<i>'+{number}}}]);"
        )

    return _long(1500, call)


def _long(size: int, make: Callable[[], str]) -> str:
    pieces = []
    while size > 0:
        pieces.append(make())
        size -= len(pieces[-1])
    return "".join(pieces)
