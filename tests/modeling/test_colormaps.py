import numpy as np
import pytest

from depth_anything.colormaps import color_table, to_colors, to_gray_levels


@pytest.mark.parametrize(
    ("index", "published"),
    [(0, (158, 1, 66)), (51, (244, 109, 67)), (102, (254, 224, 139)), (153, (230, 245, 152)), (255, (94, 79, 162))],
)
def test_every_fifth_of_the_table_is_an_anchor_that_colorbrewer_published(index: int, published: tuple) -> None:
    # 255 / 10 steps: every second anchor falls on an entry of the table.
    np.testing.assert_allclose(color_table("Spectral")[index], published, atol=1)


@pytest.mark.parametrize(
    ("name", "index", "matplotlib_color"),
    [
        # What matplotlib 3.11's maps give for these bytes, truncated as the official scripts do.
        ("Spectral", 64, (248, 142, 82)),
        ("Spectral", 128, (254, 254, 190)),
        ("Spectral", 192, (134, 206, 164)),
        ("Spectral_r", 64, (137, 207, 164)),
        ("Spectral_r", 68, (148, 212, 164)),
        ("Spectral_r", 128, (254, 254, 189)),
        ("Spectral_r", 192, (248, 139, 81)),
    ],
)
def test_colors_between_the_anchors_are_those_of_matplotlib(name: str, index: int, matplotlib_color: tuple) -> None:
    assert tuple(color_table(name)[index]) == matplotlib_color


def test_the_reversed_map_shows_the_greatest_value_in_red_and_the_smallest_in_violet() -> None:
    colors = to_colors(np.array([[0.0, 1.0]], dtype=np.float32), "Spectral_r")
    assert colors.tolist() == [[[94, 79, 162], [158, 1, 66]]]


def test_levels_are_those_of_the_official_script() -> None:
    values = np.random.default_rng(0).gamma(2.0, 3.0, (40, 50)).astype(np.float32)
    official = ((values - values.min()) / (values.max() - values.min()) * 255.0).astype(np.uint8)
    np.testing.assert_array_equal(to_gray_levels(values), official)
    assert (official.min(), official.max()) == (0, 255)


@pytest.mark.parametrize("value", [0.0, -3.0, 7.5])
def test_a_flat_map_is_black_and_divides_by_nothing(value: float) -> None:
    with np.errstate(all="raise"):
        levels = to_gray_levels(np.full((4, 5), value, dtype=np.float32))
    assert levels.shape == (4, 5)
    assert not levels.any()


def test_an_unknown_colormap_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'viridis'.*Spectral, Spectral_r"):
        color_table("viridis")
