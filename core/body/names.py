"""Extract author names from fields and lines such as “By …”, 记者…报导 or 作者：…."""

from __future__ import annotations

import re

from core.text import collapse, is_wide, plain_title, simplified

# Expressions of Chinese lines are for Simplified text (`simplified`).
_REPORTER = re.compile(
    r"(?:记者|通讯员|特约记者|特派员)[\s:：]*([\u4e00-\u9fff·‧、\s]{2,24}?)\s*"
    r"(?:报[导道]|编译报|采访报|综合报|编译(?=[）)】])|发自|\d{1,2}日[电讯]|[／/][^／/）)〕\s]{2,8}报[导道])"
)
# A dateline that names only its reporter: 长江网10月4日讯（记者陈智 整合）, 【某网报道 记者 陈智】
_DATELINED = re.compile(
    r".{0,40}?(?:[讯电息]\s*[（(]|^[【\[〔（(])[^（）()】\]]{0,16}(?:记者|通讯员)[\s:：]*"
    r"([\u4e00-\u9fff·、\s]{2,24}?)[）)】\]〕]"
)
# An account and the time: 远山手记 2026-03-09 18:14; papers, sections and agencies are no authors.
_ACCOUNT = re.compile(
    r"^([^\W\d_][^\s\d:：|｜，。]{2,9})(?<![网報报社闻聞息态告室部于间期布表新次])(?<!在线)(?<!频道)(?<!编辑)(?<!财经)(?<!中心)(?<!客户端)\s+"
    r"20\d\d[-/.年]\d\d?[-/.月]\d\d?日?\s+\d\d?:\d\d(?::\d\d)?$"
)
# 新頭殼newtalk | 沈知微 綜合報導, 홍길동 기자 hong@news.example
_CREDITED = re.compile(
    r"^(?!.*记者)\S{2,14}\s*[|｜丨／/]\s*([\u4e00-\u9fff·]{2,4})\s*(?:综合|编译|整理|即时|[\u4e00-\u9fff]{2})?报[导道]$"
    r"|^(?:\[[^\]]{2,20}\]\s*)?([가-힣]{2,4})\s*(?:선임|인턴)?기자(?:\s*=?\s*[\w.+-]+@[\w.-]+)?$"
)
_ROLE = re.compile(r"(?:综合|整合|简讯|翻译|编译|采访|整理|特别|专题|独家|联合|现场|即时|[\s、])+$")
_LABEL = re.compile(
    r"^(?:来源[:：]\S{1,20}\s+)?(?:本文)?(?:作者|撰文|撰稿|原作者|文字|笔者|筆者|原著)"
    r"\s*[:：|｜丨/／】]\s*(.{2,40})$"
    r"|^文\s*[/／|｜丨:：]\s*(.{2,20})$|^原创[\s:：]+(\S{2,10})\s+\S.{1,30}$"
    r"|^(?:以下|本)文章?(?:来自|來自|来源于|來源於|转自|轉自|首发|首發|原载|原載|转载自|轉載自).{0,60}?作者\s*[:：]?\s*([^，,；;。（(]{2,16})"
    r"|^(?:[Ww]ritten [Bb]y|[Pp]osted [Bb]y|(?:[Aa]uthor|[Aa]uteur|[Aa]utore?)s?(?=\s?[:：]))"
    r"\s*[:：]?\s*(.{3,60})$"
)
# Behind other labels of a header: 2026-11-20 来源：江边日报 作者：林晓棠 点击：318
_INSIDE = re.compile(r"^.{2,60}?(?:作者|撰文|撰稿|记者|記者)\s*[:：|｜丨/／】]\s*(\S.{1,40})$")
_CHINESE_NAME = re.compile(
    r"[\u4e00-\u9fff·]{2,4}(?:[、\s][\u4e00-\u9fff·]{2,4})*(?![\u4e00-\u9fff])"
)
_NEXT_LABEL = re.compile(
    r"\s{2,}|\s(?=\S{1,4}[:：|｜/／])"
    r"|(?:来源|來源|(?:发布|發布|更新)?(?:时间|時間)|(?:责任)?编辑|編輯|责编|責編|摄影|校对|点击|點擊|浏览|瀏覽"
    r"|阅读|閱讀|字号|字號|字体)(?:[次人]?[数數]|量)?\s*[:：|｜/／]"
)
_SIGNED = re.compile(  # matches whole lines only: 新京报记者 陆一夫
    r"^[（(【]?\S{0,12}?记者[\s:：|｜/／]*([\u4e00-\u9fff·]{2,4}(?:[\s、]+[\u4e00-\u9fff·]{2,4}){0,4})"
    r"(?:\s+(?:整合|整理|文|图|实习生|通讯员|编辑|责编|网编|摄影|校对|图片).*)?[)）】]?$"
)
# A line of 80 letters at most that is set apart by brackets, strokes or a date, and no sentence.
_MARKED = re.compile(r".{0,38}[（(〔【／/\d].{0,38}[^。]$")
_ASKED = re.compile(r"\D[:：]")  # 记者：你好吗
_BY = re.compile(
    r"^(?:(?:(?:Words|Text|Story|Article|Report)\s+)?[Bb]y:?|BY|Von|Par|Por|Di|Door|Af|Av)\s+(.{3,60})$"
)
_POSTED = re.compile(r"^(?:[Pp]osted|[Pp]ublished|[Ww]ritten)\b.{0,50}?\bby\s+(.{3,40})$")
_NAME = re.compile(
    r"[A-ZÀ-ÝŁŚŻŠČŽ][\w’'.-]*(?:\s+(?:de|da|di|del|della|van|von|der|den|la|le|bin|al|el|and|und|et|y|e|&"
    r"|[A-ZÀ-ÝŁŚŻŠČŽ][\w’'.-]*),?){1,7}"
)
JOB = re.compile(  # after a name
    r",\s*(?:[\w’'&-]+\s+){0,4}(?:correspondent|editor|reporter|writer|columnist|journalist)s?\b.*$",
    re.IGNORECASE,
)
_MAIL = re.compile(r"\s*<?\(?[\w.+-]+@[\w.-]+\)?>?\s*")
_MAIL_AND_NAME = re.compile(r"^[\w.+-]+@[\w.-]+\s*\((.+)\)$")
_PLACES = frozenset(
    "纽约 华盛顿 台北 香港 北京 上海 广州 深圳 东京 首尔 伦敦 巴黎 柏林 悉尼 墨尔本 多伦多 温哥华"
    " 洛杉矶 旧金山 芝加哥 休斯顿 波士顿 渥太华 蒙特利尔 新加坡 曼谷 日内瓦 布鲁塞尔 维也纳 莫斯科"
    " 罗马 马德里 台湾 高雄 台中 台南 澳门 亚特兰大 费城 西雅图 卡尔加里 奥克兰 布里斯班 珀斯"
    " 法兰克福 斯德哥尔摩 联合国 吉隆坡 马来西亚 印尼 日本 韩国 英国 德国 法国 加拿大"
    " 澳洲 美国".split()
)


def stated_author(author: str | None) -> str | None:
    """An author field as a name on one line, without mail addresses; None if nothing is left."""
    if not author:
        return None
    author = (plain_title(author[:400]) or "").strip()
    inside = _MAIL_AND_NAME.match(author)
    name = collapse(inside[1] if inside else _MAIL.sub(" ", author)).strip(" ,;<>")
    if name.count("(") != name.count(")") or (name[:1], name[-1:]) == ("(", ")"):
        name = name.strip(" ()")
    return name[:200] if name and name.lower() not in ("admin", "administrator", "null") else None


def reporter(text: str) -> str | None:
    """The reporter named in an agency's dateline, as in （记者李言综合报导）."""
    plain = simplified(text[:160])
    match = _REPORTER.search(plain) or _DATELINED.match(plain)
    match = match or (_SIGNED.match(plain) if len(text) <= 40 else None)
    if match is None:
        return None
    name = _ROLE.sub("", re.split("通讯员|实习生", match[1])[0].rstrip())
    for _ in range(3):
        place = next((p for p in _PLACES if name.endswith(p) and len(name) > len(p) + 1), "")
        name = _ROLE.sub("", name.removesuffix(place))
    parts = re.split(r"[、\s]+", text[match.start(1) : match.start(1) + len(name)].strip())
    if any(not 2 <= len(part) <= 4 for part in parts):
        return None
    return "、".join(parts)


def labelled(line: str) -> str | None:
    """The name in a line such as 作者：… or “By …”."""
    line = line.strip("*_ \u3000（）()【】")
    credited = _CREDITED.match(simplified(line)) or _ACCOUNT.match(line)
    if credited:
        return line[slice(*credited.span(credited.lastindex or 0))]
    match = _LABEL.match(line)
    if match:
        value = next(group for group in match.groups() if group)
        value = re.split(r"[（()）]", _NEXT_LABEL.split(value)[0])[0].strip(" ）)】*_|｜")
        return re.sub(r"(?<=..)(?:编译|編譯|整理)$", "", value) or None
    inside = _INSIDE.match(line)
    if inside:
        name = _NEXT_LABEL.split(inside[1])[0].strip()
        found = _CHINESE_NAME.match(name) or _NAME.fullmatch(name)
        return found[0] if found else None
    if "记" in line or "記" in line:
        is_line = _SIGNED.match(simplified(line)) or _MARKED.match(line)
        return reporter(line) if is_line and not _ASKED.search(line) else None
    posted = _POSTED.match(line)
    match = _BY.match(line) or posted
    if match is None or any(is_wide(char) for char in line):
        return posted[1] if posted and _CHINESE_NAME.fullmatch(posted[1]) else None
    name = re.split(r"\s[|•·–—-]\s|,\s(?=[a-z])|\d", JOB.sub("", match[1]))[0].strip(" ,.")
    return name if _NAME.fullmatch(name) else None
