"""Made-up articles: sentences drawn from word lists, the same every run."""

from __future__ import annotations

import random

_ENGLISH = (
    "council minister river harbour factory worker budget bridge court judge farmer winter storm "
    "railway station teacher hospital doctor market price energy coal museum painter village road "
    "police witness ferry island forest fire water company engineer strike union letter treaty "
    "border election mayor parliament motion vote debate speech library student city garden "
    "announced refused opened closed measured repaired promised delayed visited reported offered "
    "quietly slowly early yesterday finally again northern southern old new narrow public private"
).split()
_CHINESE = (
    "政府 经济 工人 学生 医院 河流 城市 农民 市场 价格 能源 铁路 法院 警察 大学 教授 公司 记者 "
    "会议 选举 议会 总统 部长 宣布 调查 报告 说明 反对 支持 要求 批评 发现 增加 减少 建设 关闭 "
    "开放 安全 环境 历史 文化 艺术 博物馆 图书馆 桥梁 道路 天气 暴雨 冬天 夏天 昨天 今年 已经 仍然 "
    "可能 因为 所以 但是 虽然 北部 南部 边境 合作 协议 贸易 投资 技术 研究 教育 住房 老人 家庭"
).split()


def paragraphs(seed: int, count: int = 16, *, chinese: bool = False) -> list[str]:
    """The paragraphs of story `seed`."""
    draw = random.Random(f"{seed}{chinese}")
    return [_paragraph(draw, chinese=chinese) for _ in range(count)]


def body(seed: int, count: int = 16, *, chinese: bool = False) -> str:
    """The text of story `seed`."""
    return "\n\n".join(paragraphs(seed, count, chinese=chinese))


def title(seed: int, *, chinese: bool = False) -> str:
    """The headline of story `seed`."""
    draw = random.Random(f"title{seed}{chinese}")
    if chinese:
        return "".join(draw.choices(_CHINESE, k=8))
    return " ".join(draw.choices(_ENGLISH, k=9)).capitalize()


def _paragraph(draw: random.Random, *, chinese: bool) -> str:
    sentences = []
    for _ in range(3):
        words = draw.choices(_CHINESE if chinese else _ENGLISH, k=draw.randint(10, 16))
        end = "。" if chinese else ". "
        sentences.append(("" if chinese else " ").join(words).capitalize() + end)
    return "".join(sentences).strip()
