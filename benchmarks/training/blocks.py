"""Trains the trees that choose a page's blocks, and scores them on pages they have not seen.

usage: python -m benchmarks.training.blocks PAGES [--out core/page/blocks.json]
PAGES holds `typed` (whole texts), `snippets` (texts that must and must not be there) and `articles`
(whole markup). Pages are parted in halves by the MD5 of the file's name: trees are trained on one
half and scored on the other, both ways, with and without the extractor that may be missing, and
beside the extractors themselves. Then all pages train what is written. Needs LightGBM
and resiliparse (`pip install -e '.[pages,train]'`).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from core.body.contents import cut_contents
from core.body.html import parse_markup, parse_page
from core.body.walk import Walker
from core.feeds.charset import decode
from core.page.extract import MOST_CHARACTERS, MOST_TAGS
from core.page.extractors import extracted_texts, votes
from core.page.features import PageBlocks, features
from core.page.head import read_head
from core.page.kind import cut_unread, kind_of_page
from core.page.select import most_likely
from core.text import letters_only

# Of a page of snippets only the blocks with a snippet have a label: a tenth of a whole page each.
# Threads and manuals are few beside articles. Pages without the missing extractor count half.
WEIGHTS = {"typed": 1.0, "snippets": 0.1, "articles": 1.0}
RARE, MISSING = 3.0, 0.5
TREES = 300
SETTINGS = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.06, "min_data_in_leaf": 60,
    "lambda_l2": 1.0, "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1,
    "deterministic": True, "force_col_wise": True, "num_threads": 1, "seed": 0, "verbose": -1,
}  # fmt: skip
_WORD = re.compile(r"\w+")
Array = NDArray[np.float32]


@dataclass(slots=True)
class Example:
    """A page of the corpus: its columns, labels (NaN: not known) and the truth to score by."""

    name: str
    corpus: str
    columns: Array
    columns_without: Array  # as where resiliparse is not installed
    labels: Array
    weights: Array
    sizes: Array  # letters of each block
    texts: list[str]
    voted: list[Array]
    truth: dict[str, Any]

    @property
    def half(self) -> int:
        """0 or 1, by the file's name."""
        return hashlib.md5(self.name.encode()).digest()[0] & 1  # noqa: S324 - no secret


def examples(folder: Path) -> Iterator[Example]:
    """The pages of one corpus that extractors may see, with their truth."""
    for name, data, truth in pages_with_truth(folder):
        page, root = parse_page(decode(data).text[:MOST_CHARACTERS])
        head = read_head(root, truth.get("url"))
        if cut_unread(root) + cut_contents(root, head.base):
            page = str(etree.tostring(root, encoding="unicode", method="html"))
        if page.count("<") > MOST_TAGS:
            continue
        blocks = [
            block
            for block in Walker(None, judging=False).walk(root)
            if block.kind != "embed" and any(line.letters for line in block.lines)
        ]
        if not blocks:
            continue
        found = PageBlocks(blocks, root, head.title or "")
        texts = extracted_texts(page, root, fast=False)
        if None in texts:
            raise SystemExit("resiliparse is not installed: pip install resiliparse")
        voted = [votes(blocks, found.letters, text or "") for text in texts]
        kind = kind_of_page(page, root, found.posts)
        labels, weights = _labels(found, truth)
        yield Example(
            name,
            folder.name,
            features(found, list(voted), kind),
            features(found, [*voted[:2], None], kind),
            labels,
            weights,
            found.weights,
            ["\n".join(line.text for line in block.lines) for block in blocks],
            voted,
            truth,
        )


def pages_with_truth(folder: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Name, bytes and truth of each page of one corpus."""
    stated: dict[str, dict[str, Any]] = {}
    for file in folder.glob("truth.json.gz"):
        stated = {row["file"]: row for row in json.loads(gzip.decompress(file.read_bytes()))}
    for file in folder.glob("snippets.json"):
        stated = {row["file"]: row for row in json.loads(file.read_text("utf-8"))}
    for file in sorted(folder.glob("*.html*")):
        name = file.name.removesuffix(".gz")
        if ".expected." in name or (stated and name not in stated):
            continue
        truth = stated.get(name)
        if truth is None:
            expected = _read(folder / name.replace(".html", ".expected.html")).decode()
            text = "\n".join(
                "".join(str(piece) for piece in element.itertext())
                for element in parse_markup(expected)
            )
            truth = {"text": text, "type": "article"}
        yield name, _read(file), truth


def _read(file: Path) -> bytes:
    packed = file if file.suffix == ".gz" else file.with_name(file.name + ".gz")
    return gzip.decompress(packed.read_bytes()) if packed.exists() else file.read_bytes()


def _labels(page: PageBlocks, truth: dict[str, Any]) -> tuple[Array, Array]:
    """1 and 0 for blocks that belong and do not; with whole texts weighed by their words."""
    if "text" in truth:
        words = max(50, len(_WORD.findall(truth["text"])))
        shares = [min(1.0, (len(_WORD.findall(text)) + 1) / words) for text in page.texts]
        scale = 1.0 if truth["type"] == "article" else RARE
        labels = votes(page.blocks, page.letters, truth["text"])
        return labels, scale * np.array(shares, np.float32)
    labels = np.full(len(page.blocks), np.nan, np.float32)
    weights = np.zeros(len(page.blocks), np.float32)
    for wanted, snippets in ((0, truth["without"]), (1, truth["with"])):
        for own in filter(None, map(letters_only, snippets)):
            # A label such as “Contact” also stands in sentences of the article.
            longest = 10**6 if wanted else 2 * len(own) + 30
            hits = [n for n, text in enumerate(page.letters) if own in text and len(text) < longest]
            for hit in hits[:2] if wanted else hits:
                labels[hit], weights[hit] = wanted, 1.0 if wanted else 1 / len(hits)
    return labels, weights


def train(pages: list[Example]) -> Any:
    """LightGBM's trees over the blocks of the pages."""
    import lightgbm

    rows, labels, weights = [], [], []
    for scale in (1.0, MISSING):
        for page in pages:
            known = ~np.isnan(page.labels) & (page.weights > 0)
            columns = page.columns if scale == 1.0 else page.columns_without
            rows.append(columns[known])
            labels.append(page.labels[known])
            weights.append(page.weights[known] * WEIGHTS[page.corpus] * scale)
    every = np.concatenate(weights)
    data = lightgbm.Dataset(
        np.concatenate(rows), np.concatenate(labels), weight=every / every.mean()
    )
    return lightgbm.train(SETTINGS, data, num_boost_round=TREES)


def stored(model: Any) -> dict[str, Any]:
    """The trees as `core/page/trees.py` reads them."""
    trees = [_lists(tree["tree_structure"]) for tree in model.dump_model()["tree_info"]]
    return {"columns": model.num_feature(), "trees": trees}


def _lists(root: dict[str, Any]) -> list[list[float]]:
    """Column (-1: a leaf) and threshold or value of each node, before its parts."""
    columns: list[float] = []
    numbers: list[float] = []

    def add(node: dict[str, Any]) -> None:
        is_leaf = "leaf_value" in node
        columns.append(-1 if is_leaf else node["split_feature"])
        # Four digits: the file is half as large as with all, and the scores are the same.
        numbers.append(float(f"{node['leaf_value' if is_leaf else 'threshold']:.4g}"))
        if not is_leaf:
            add(node["left_child"])
            add(node["right_child"])

    add(root)
    return [columns, numbers]


def scores(pages: list[Example], chosen: list[NDArray[np.bool_]]) -> str:
    """Mean F1 of words by type, and F1 of snippets."""
    words: defaultdict[str, list[float]] = defaultdict(list)
    hits = Counter[str]()
    for page, kept in zip(pages, chosen, strict=True):
        text = "\n".join(page.texts[here] for here in np.flatnonzero(kept))
        if page.corpus == "snippets":
            for key in ("with", "without"):
                hits[key] += sum(snippet in text for snippet in page.truth[key])
            hits["wanted"] += len(page.truth["with"])
        else:
            name = page.truth["type"] if page.corpus == "typed" else page.corpus
            words[name].append(word_f1(text, page.truth["text"]))
    means = {name: sum(each) / len(each) for name, each in sorted(words.items())}
    means["snippets"] = 2 * hits["with"] / max(1, hits["with"] + hits["without"] + hits["wanted"])
    return "  ".join(f"{name} {value:.4f}" for name, value in means.items())


def word_f1(text: str, truth: str) -> float:
    """F1 of the words of a text against those of the true one."""
    own, wanted = Counter(_WORD.findall(text.lower())), Counter(_WORD.findall(truth.lower()))
    common = (own & wanted).total()
    return 2 * common / max(1, own.total() + wanted.total())


def main() -> None:
    """Both halves crosswise, then the model of all pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--out", type=Path, default=Path("core/page/blocks.json"))
    options = parser.parse_args()
    pages = [page for name in WEIGHTS for page in examples(options.pages / name)]
    for half in (0, 1):
        model = train([page for page in pages if page.half != half])
        others = [page for page in pages if page.half == half]
        for name, source in (("trees", "columns"), ("trees, two votes", "columns_without")):
            chosen = [most_likely(p.sizes, model.predict(getattr(p, source))) for p in others]
            print(f"half {half}  {name:17}", scores(others, chosen), flush=True)
        for at, name in enumerate(("trafilatura", "readability", "resiliparse")):
            print(f"half {half}  {name:17}", scores(others, [p.voted[at] > 0 for p in others]))
    text = json.dumps(stored(train(pages)), separators=(",", ":"))
    options.out.write_text(text + "\n", encoding="utf-8")
    print(f"{options.out}: {len(text) / 1000:.0f} kB of {len(pages)} pages")


if __name__ == "__main__":
    main()
