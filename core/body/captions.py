"""Captions that are no `figcaption`: known by their class, or by the credit at their end."""

from __future__ import annotations

import re

from core.body.blocks import Block, Container

_CAPTION = re.compile(
    r"(?:^|[-_ ])(?:(?:img|image|photo|pic|media|figure|thumb|wp)[-_]?)?(?:caption|legend)"
    r"(?:$|[-_ ])",
    re.IGNORECASE,
)

_CREDIT = re.compile(
    r"^(?:图为|圖為|图说|圖說|资料图)"
    r"|^(?:图像来源|圖像來源|图像加注文字|圖像加註文字|Image (?:source|caption))[,，]"
    r"|(?:摄|攝|供图|供圖|截图|截圖|图源.{0,20}|图片来源.{0,30}|圖片來源.{0,30}|资料图片?|資料圖片?"
    r"|示意图|示意圖)[)）\]】。.]?$"
    r"|[（(][^（()）]{0,60}(?:Getty|AFP|Reuters|AP|EPA|Shutterstock|Photo|Foto|Image|Flickr|图片|圖片"
    r"|法新社|路透社?|美联社|美聯社|新华社|中央社)[^（()）]{0,40}[)）]\s*$"
    r"|(?:Photo|Foto|Image|Picture|Bild|Credit|Quelle|Crédit photo)s?\s*[:：/]\s*[^.:]{2,50}$"
    r"|^(?:Photo|Image|Picture|Foto|Bild|Credit|图|圖|图片)\s*(?:credit|by|courtesy)?\s*[:：/／]",
)
_LONGEST_CREDITED = 160


def pair_captions(blocks: list[Block]) -> None:
    """A caption by its class or credit, right after a picture, makes a figure of the two."""
    _part_captions(blocks)
    for here in range(1, len(blocks)):
        block, before = blocks[here], blocks[here - 1]
        if not block.kind == before.kind == "p" or before.path != block.path:
            continue
        if _is_picture(before) and _describes(block):
            figure: Container = ("figure", -here, "")
            before.path = (*before.path, figure)
            block.path = (*block.path, figure, ("figcaption", -here, ""))


def _part_captions(blocks: list[Block]) -> None:
    """A picture and its caption in one paragraph are two blocks."""
    for here in range(len(blocks) - 1, -1, -1):
        block = blocks[here]
        if block.kind != "p" or len(block.lines) != 2 or not block.lines[0].images:
            continue
        picture, words = block.lines
        if not picture.text and not words.images and _CREDIT.search(words.text):
            blocks[here] = Block("p", [picture], block.path, owner=block.owner)
            blocks.insert(here + 1, Block("p", [words], block.path, owner=block.owner))


def _describes(block: Block) -> bool:
    """Whether a block is a caption by its class, or a short line with a picture credit."""
    if block.names and _CAPTION.search(block.names):
        return True
    if len(block.lines) != 1 or len(block.lines[0].text) > _LONGEST_CREDITED:
        return False
    return _CREDIT.search(block.lines[0].text) is not None


def _is_picture(block: Block) -> bool:
    return all(bool(line.images) and not line.text for line in block.lines)
