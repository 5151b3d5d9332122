from __future__ import annotations

import pytest

from depth_anything.training.corpora.shard_plan import rows_per_shard
from depth_anything.training.corpora.shard_rows import ROWS_PER_GROUP


@pytest.mark.parametrize(
    ("row_bytes", "shard_size_mb", "num_groups"),
    [
        ([100_000, 300_000], 64, 10),  # 200 kB: 320 rows
        ([5_000_000], 64, 1),  # fewer than a group, which is the least
        ([], 160, 10),  # none could be weighed: 500 kB each, for a shard of a million rows could hardly be restarted
    ],
)
def test_shards_are_whole_groups_of_about_the_wanted_size(
    row_bytes: list[float], shard_size_mb: float, num_groups: int
) -> None:
    assert rows_per_shard(row_bytes, shard_size_mb) == num_groups * ROWS_PER_GROUP
