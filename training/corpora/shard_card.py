"""The README of a corpus in shards, which the Hub shows as its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depth_anything.training.corpora.sample import LabelKind
from depth_anything.training.corpora.shard_manifest import MANIFEST_NAME, Manifest
from depth_anything.training.corpora.shard_rows import ROWS_PER_GROUP, Quantity

CARD_NAME = "README.md"

# `configs` tells the Hub and `datasets` that the JSON files beside the shards are no data.
CARD = """\
---
pretty_name: {title}
license: other
license_name: {license_name}
task_categories:
- depth-estimation
configs:
- config_name: default
  data_files:
  - split: train
    path: train-*.parquet
---

# {title}, in shards for Depth Anything

{summary}. Made by `{command}`; `{manifest}` has the checksum of every shard, and each
skipped sample with its reason.

## Terms

Terms of use: {terms}. Source: {source}. This line is a reminder; what binds is the text that comes with the data
set itself, so read it before you use or share these files.

{teacher}## What is in a row

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
PSEUDO_COLUMNS = """\
| `label` | 16-bit PNG at the size that the teacher saw; disparity = `label_offset` + `label_scale` * level |
| `mask` | 1-bit PNG, 1 where the disparity is the teacher's |
| `sky` | 1-bit PNG, 1 where the disparity is 0, for a segmentation model found sky; null where none looked |
| `confidence` | 8-bit PNG, 255 where the mirrored picture's label agrees, 0 where it is off by the mean absolute \
deviation of the map or more; null where it was not made |
| `label_scale`, `label_offset` | of this sample: the error is at most half of the scale |
| `label_height`, `label_width` | of the label, in pixels |
| `quantity` | `{quantity}` |
| `teacher` | JSON, the same in every row: who made the label, and how |
"""
TEACHER = """\
## Pseudo labels

The labels are predictions of {teacher}{sky}, made at a short side of {short_side} pixels in {precision}. They are
relative disparity, larger is nearer, of unknown scale and shift, and as wrong as the teacher is. Its licence binds
too.

"""
KIND_MEANINGS = {
    LabelKind.METRIC_DEPTH: "depth in metres",
    LabelKind.DEPTH_UP_TO_SCALE: "depth in a unit of its own for each scene",
    LabelKind.DISPARITY_AFFINE: "disparity of unknown scale and shift; larger is nearer",
    LabelKind.PSEUDO_LABEL: "a teacher's disparity, of unknown scale and shift; larger is nearer",
    LabelKind.NONE: "no labels",
}


def dataset_card(manifest: Manifest) -> str:
    """The card, in Markdown with the Hub's header."""
    label_columns = ""
    if manifest.quantity is not None:
        is_inverse = manifest.kind.is_depth and manifest.quantity is Quantity.DISPARITY
        columns = LABEL_COLUMNS if manifest.teacher is None else PSEUDO_COLUMNS
        label_columns = columns.format(
            quantity=manifest.quantity.value, inverse=", which is 1 / depth" if is_inverse else ""
        )
    return CARD.format(
        title=manifest.title,
        corpus=manifest.corpus,
        license_name=f"{manifest.corpus.replace(':', '-')}-terms",
        command=f"python training/build_corpus.py {manifest.corpus}"
        if manifest.teacher is None
        else f"accelerate launch training/label_corpus.py {manifest.corpus}",
        teacher="" if manifest.teacher is None else _about(manifest.teacher),
        summary=manifest.summary(),
        manifest=MANIFEST_NAME,
        terms=manifest.terms,
        source=manifest.source,
        label_columns=label_columns,
        kind=manifest.kind.value,
        kind_meaning=KIND_MEANINGS[manifest.kind],
        rows_per_group=ROWS_PER_GROUP,
    )


def _about(teacher: Mapping[str, Any]) -> str:
    """The paragraph on who made the labels."""
    sky = teacher["sky"]
    return TEACHER.format(
        teacher=_network(teacher["teacher"]),
        sky=f", with the sky found by {_network(sky)} at 0" if sky else "",
        short_side=teacher["short_side"],
        precision=teacher["precision"],
    )


def _network(identity: Mapping[str, Any]) -> str:
    revision = f", revision `{identity['revision']}`" if identity["revision"] else ""
    return f"`{identity['name']}`{revision} (SHA-256 of its tensors `{identity['weights_sha256']}`)"
