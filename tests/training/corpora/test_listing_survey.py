from collections.abc import Iterator

import pytest

from depth_anything.training.corpora.listing_survey import survey_items
from depth_anything.training.corpora.reader import Item


def items(count: int, is_sequential: bool = False) -> Iterator[Item]:
    for number in range(count):
        yield Item(key=str(number), path="a", is_sequential=is_sequential)


@pytest.mark.parametrize(
    ("count", "kept"), [(0, []), (3, [0, 1, 2]), (7, list(range(7))), (9, [0, 2, 4, 6, 8]), (40, [0, 8, 16, 24, 32])]
)
def test_items_are_counted_and_kept_at_even_distances(count: int, kept: list[int]) -> None:
    num_items, spread = survey_items(items(count), num_spread=4)
    assert num_items == count
    assert [int(item.key) for item in spread] == kept


def test_a_stream_is_not_read_to_its_end() -> None:
    stream = items(100, is_sequential=True)
    num_items, spread = survey_items(stream, num_spread=4)
    assert num_items is None
    assert [item.key for item in spread] == ["0", "1", "2", "3"]
    assert next(stream).key == "4"
