"""The README of a corpus in shards, which the Hub shows as its card."""

from __future__ import annotations

from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.corpora.shard_manifest import MANIFEST_NAME, Manifest
from depth_anything.training.corpora.shard_rows import ROWS_PER_GROUP, Quantity

CARD_NAME = "README.md"

# `configs` tells the Hub and `datasets` that the JSON files beside the shards are no data.
CARD = """\
---
pretty_name: {title}
license: other
license_name: {corpus}-terms
task_categories:
- depth-estimation
configs:
- config_name: default
  data_files:
  - split: train
    path: train-*.parquet
---

# {title}, in shards for Depth Anything

{summary}. Made by `python training/build_corpus.py {corpus}`; `{manifest}` has the checksum of every shard, and each
skipped sample with its reason.

## Terms

Terms of use: {terms}. Source: {source}. This line is a reminder; what binds is the text that comes with the data
set itself, so read it before you use or share these files.

## What is in a row

| column | what |
|---|---|
| `image` | the file of the picture, every byte as downloaded |
{label_columns}| `kind` | `{kind}`: {kind_meaning} |
| `corpus`, `key` | `{corpus}`, and the sample's path in the data set |

Row groups have {rows_per_group} rows.

```python
from datasets import load_dataset

stream = load_dataset("parquet", data_files="train-*.parquet", split="train", streaming=True)
```
"""
LABEL_COLUMNS = """\
| `label` | 16-bit PNG; {quantity} = `label_offset` + `label_scale` * level |
| `mask` | 1-bit PNG, 1 where the label is valid |
| `sky` | 1-bit PNG, 1 where the data set knows sky; null where it knows none |
| `label_scale`, `label_offset` | of this sample: the error is at most half of the scale |
| `quantity` | `{quantity}`{inverse} |
"""
KIND_MEANINGS = {
    LabelKind.METRIC_DEPTH: "depth in metres",
    LabelKind.DEPTH_UP_TO_SCALE: "depth in a unit of its own for each scene",
    LabelKind.DISPARITY_AFFINE: "disparity of unknown scale and shift; larger is nearer",
    LabelKind.NONE: "no labels",
}


def dataset_card(manifest: Manifest) -> str:
    """The card, in Markdown with the Hub's header."""
    label_columns = ""
    if manifest.quantity is not None:
        is_inverse = manifest.kind.is_depth and manifest.quantity is Quantity.DISPARITY
        label_columns = LABEL_COLUMNS.format(
            quantity=manifest.quantity.value, inverse=", which is 1 / depth" if is_inverse else ""
        )
    return CARD.format(
        title=manifest.title,
        corpus=manifest.corpus,
        summary=manifest.summary(),
        manifest=MANIFEST_NAME,
        terms=manifest.terms,
        source=manifest.source,
        label_columns=label_columns,
        kind=manifest.kind.value,
        kind_meaning=KIND_MEANINGS[manifest.kind],
        rows_per_group=ROWS_PER_GROUP,
    )
