from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from depth_anything.training.evaluation.alignment import FitState
from depth_anything.training.evaluation.metrics import PIXEL_METRICS
from depth_anything.training.evaluation.row_sums import RowPass
from depth_anything.training.evaluation.scoring import score_images
from depth_anything.training.evaluation.scoring_rule import Alignment, ErrorSpace, PredictionKind, ScoringRule

DISPARITY, DEPTH, METRES = PredictionKind
LEAST_SQUARES = (Alignment.SCALE_SHIFT_DISPARITY, Alignment.SCALE_SHIFT_DEPTH)
FITTING = [
    (DISPARITY, Alignment.SCALE_SHIFT_DISPARITY),
    (METRES, Alignment.SCALE_SHIFT_DISPARITY),
    (DEPTH, Alignment.SCALE_SHIFT_DEPTH),
    (METRES, Alignment.SCALE),
    (METRES, Alignment.MEDIAN_RATIO),
    (METRES, Alignment.NONE),
]
BAD = (math.nan, math.inf, -math.inf, 0.0, -0.4)


def drawn_maps(kind: PredictionKind) -> tuple[Tensor, Tensor, Tensor]:
    """A noisy prediction of the kind with values that are no depth among it, true depth and a mask, (3, 24, 31)."""
    generator = torch.Generator().manual_seed(0)
    depth_m = torch.rand((3, 24, 31), generator=generator) * 12 + 0.4
    noise = torch.randn(depth_m.shape, generator=generator)
    prediction = 2 / depth_m + 0.3 * noise + 1 if kind is DISPARITY else 0.5 * depth_m + 0.6 * noise
    for place, bad in enumerate(BAD):
        prediction[:, 3 + 2 * place, ::5] = bad
    valid = torch.rand(depth_m.shape, generator=generator) < 0.7
    depth_m[~valid] = 0
    return prediction, depth_m, valid


def slow_fit(x: np.ndarray, y: np.ndarray, alignment: Alignment) -> tuple[float, float]:
    """Scale and shift of the pixels given, as the codes that the alignments are named for."""
    if alignment is Alignment.NONE:
        return 1.0, 0.0
    if alignment is Alignment.MEDIAN_RATIO:
        return float(np.median(y) / np.median(x)), 0.0
    columns = [x, np.ones_like(x)] if alignment in LEAST_SQUARES else [x]
    solution = np.linalg.lstsq(np.stack(columns, 1), y, rcond=None)[0].tolist()
    return solution[0], solution[1] if len(solution) > 1 else 0.0


def slow_pixel(aligned: float, truth: float, largest: float, in_disparity: bool, rule: ScoringRule) -> float:
    """The depth that an aligned value is taken for, by the module's three steps, each as it reads."""
    cap = rule.max_depth_m if math.isfinite(rule.max_depth_m) else largest
    low = max(rule.min_depth_m, 1e-6)
    if in_disparity and aligned < 1 / cap:
        depth = cap
    elif in_disparity:
        depth = math.nan if math.isnan(aligned) else 0.0 if math.isinf(aligned) else 1 / aligned
    else:
        depth = aligned
    if rule.clips_prediction:
        upper = cap if in_disparity else rule.max_depth_m
        depth = low if math.isnan(depth) else min(max(depth, low), upper)
    if not (math.isfinite(depth) and depth > 0):
        depth = max((low, cap), key=lambda end: max(end / truth, truth / end))
    return depth


def slow_scores(
    prediction: np.ndarray, depth_m: np.ndarray, valid: np.ndarray, kind: PredictionKind, rule: ScoringRule
) -> dict[str, float]:
    """All of it for one image, a pixel at a time."""
    in_disparity = rule.alignment.is_in_disparity
    p, g = prediction[valid].astype(np.float64), depth_m[valid].astype(np.float64)
    if in_disparity and kind is METRES:
        p = np.array([1 / value if value > 0 and math.isfinite(value) else math.nan for value in p])
    used = np.isfinite(p) & ((p > 0) | (not rule.fits_positive_only))
    scale, shift = slow_fit(p[used], (1 / g if in_disparity else g)[used], rule.alignment)
    aligned = [scale * value + shift for value in p]
    penalised = sum(not (math.isfinite(value) and value > 0) for value in aligned)
    d = np.array([slow_pixel(a, t, g.max(), in_disparity, rule) for a, t in zip(aligned, g, strict=True)])
    if rule.error_space is ErrorSpace.DISPARITY:
        d, g = 1 / d, 1 / g
    error, worse = np.log(d) - np.log(g), np.maximum(d / g, g / d)
    values = {
        "abs_rel": np.mean(np.abs(d - g) / g),
        "sq_rel": np.mean((d - g) ** 2 / g),
        "rmse": np.sqrt(np.mean((d - g) ** 2)),
        "rmse_log": np.sqrt(np.mean(error**2)),
        "log10": np.mean(np.abs(np.log10(d) - np.log10(g))),
        "silog": 100 * np.std(error),
        "silog_half": np.sqrt(np.mean(error**2) - 0.5 * np.mean(error) ** 2),
        **{f"delta{power}": np.mean(worse < 1.25**power) for power in (1, 2, 3)},
    }
    return {**values, "scale": scale, "shift": shift, "num_valid": len(g), "num_penalised": penalised}


@pytest.mark.parametrize(("kind", "alignment"), FITTING)
@pytest.mark.parametrize("space", ErrorSpace)
@pytest.mark.parametrize("clips", [True, False])
@pytest.mark.parametrize("max_depth_m", [10.0, math.inf])
def test_scores_are_those_of_a_slow_loop_over_pixels(
    kind: PredictionKind, alignment: Alignment, space: ErrorSpace, clips: bool, max_depth_m: float
) -> None:
    maps = drawn_maps(kind)
    rule = ScoringRule(
        alignment=alignment, error_space=space, min_depth_m=0.01, max_depth_m=max_depth_m, clips_prediction=clips
    )
    scores = score_images(*maps, kind, rule)
    assert set(scores.values) == set(PIXEL_METRICS)
    found = {
        **scores.values, "scale": scores.scale, "shift": scores.shift,
        "num_valid": scores.num_valid, "num_penalised": scores.num_penalised,
    }  # fmt: skip
    for image in range(3):
        expected = slow_scores(*(each[image].numpy() for each in maps), kind, rule)
        assert expected["num_penalised"] > 10
        for name, value in expected.items():
            assert float(found[name][image]) == pytest.approx(value, rel=1e-9, abs=1e-12), name


def test_marigolds_fit_leaves_out_what_is_not_positive_and_scores_it() -> None:
    maps = drawn_maps(DISPARITY)
    maps[0].sub_(1.2)
    rules = [
        ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=10, fits_positive_only=only)
        for only in (True, False)
    ]
    scores = [score_images(*maps, DISPARITY, rule) for rule in rules]
    for rule, score in zip(rules, scores, strict=True):
        expected = slow_scores(*(each[0].numpy() for each in maps), DISPARITY, rule)
        assert float(score.scale[0]) == pytest.approx(expected["scale"], rel=1e-9)
        assert float(score.values["abs_rel"][0]) == pytest.approx(expected["abs_rel"], rel=1e-9)
    assert (scores[0].num_valid == scores[1].num_valid).all()
    assert (scores[0].scale != scores[1].scale).all()


@pytest.mark.parametrize("alignment", Alignment)
def test_any_scale_and_shift_that_the_alignment_undoes_leaves_no_error(alignment: Alignment) -> None:
    depth_m = torch.rand((2, 30, 40), generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 9 + 1
    valid = torch.ones_like(depth_m, dtype=torch.bool)
    if alignment.is_in_disparity:
        prediction, kind = 5 / depth_m - 0.7, DISPARITY
    elif alignment.fits_a_shift:
        prediction, kind = 5 * depth_m - 7, DEPTH
    else:
        prediction, kind = (1 if alignment is Alignment.NONE else 5) * depth_m, METRES
    for space in ErrorSpace:
        scores = score_images(prediction, depth_m, valid, kind, ScoringRule(alignment=alignment, error_space=space))
        torch.testing.assert_close(scores.values["abs_rel"], torch.zeros(2).double(), rtol=0, atol=1e-11)
        assert (scores.values["delta1"] == 1).all()
        assert not scores.is_degenerate.any()
        assert not scores.num_penalised.any()


def test_an_inverted_prediction_is_reported_and_scores_badly() -> None:
    depth_m = torch.rand((1, 30, 40), generator=torch.Generator().manual_seed(0)) * 9 + 1
    rule = ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=80)
    scores = score_images(depth_m, depth_m, torch.ones_like(depth_m, dtype=torch.bool), DISPARITY, rule)
    assert scores.is_degenerate.tolist() == [True]
    assert "near and far are exchanged" in scores.reasons[0]
    assert scores.fit_state.tolist() == [FitState.NOT_POSITIVE]
    assert scores.values["delta1"].item() < 0.7


def test_a_disparity_error_is_relative_to_the_predicted_depth() -> None:
    prediction, depth_m, valid = drawn_maps(METRES)
    rules = [
        ScoringRule(alignment=Alignment.NONE, error_space=space, min_depth_m=0.1, max_depth_m=80)
        for space in ErrorSpace
    ]
    in_depth, in_disparity = (score_images(prediction, depth_m, valid, METRES, rule).values for rule in rules)
    for image in range(3):
        p = prediction[image][valid[image]].double().nan_to_num(0.1, 80, 0.1).clamp(0.1, 80)
        g = depth_m[image][valid[image]].double()
        torch.testing.assert_close(in_depth["abs_rel"][image], ((g - p).abs() / g).mean())
        torch.testing.assert_close(in_disparity["abs_rel"][image], ((g - p).abs() / p).mean())
    for name in ("delta1", "rmse_log", "silog"):
        torch.testing.assert_close(in_disparity[name], in_depth[name])


def test_what_is_no_depth_is_outside_every_delta_where_the_rule_does_not_clip() -> None:
    depth_m = torch.logspace(-2.9, 1.8, 60)[None, None]
    valid = torch.ones_like(depth_m, dtype=torch.bool)
    rule = ScoringRule(alignment=Alignment.NONE, max_depth_m=80, clips_prediction=False)
    for bad in BAD:
        scores = score_images(torch.full_like(depth_m, bad), depth_m, valid, METRES, rule)
        assert scores.num_penalised.item() == 60
        assert [scores.values[f"delta{power}"].item() for power in (1, 2, 3)] == [0, 0, 0]


def test_an_image_without_a_valid_pixel_has_no_value_and_says_so() -> None:
    prediction, depth_m, valid = drawn_maps(DISPARITY)
    valid[1] = False
    for alignment in (Alignment.SCALE_SHIFT_DISPARITY, Alignment.ROBUST_SCALE_SHIFT_DISPARITY):
        for max_depth_m in (10.0, math.inf):
            rule = ScoringRule(alignment=alignment, max_depth_m=max_depth_m)
            scores = score_images(prediction, depth_m, valid, DISPARITY, rule)
            assert all(values.isnan().tolist() == [False, True, False] for values in scores.values.values())
            assert scores.num_valid[1] == 0
            assert scores.is_degenerate.tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_predictions_of_any_float_type_are_scored_in_float64(dtype: torch.dtype) -> None:
    prediction, depth_m, valid = drawn_maps(DISPARITY)
    rule = ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=10)
    scores = score_images(prediction.to(dtype), depth_m.to(dtype), valid, DISPARITY, rule)
    expected = score_images(prediction.to(dtype).double(), depth_m.to(dtype).double(), valid, DISPARITY, rule)
    for name, values in scores.values.items():
        assert values.dtype == torch.float64
        torch.testing.assert_close(values, expected.values[name], rtol=1e-12, atol=0)


@pytest.mark.parametrize("row_pass", [RowPass.EAGER, pytest.param(RowPass.COMPILED, marks=pytest.mark.slow)])
def test_an_images_scores_depend_on_nothing_but_the_image(row_pass: RowPass) -> None:
    prediction, depth_m, valid = (each[:, :, :29] for each in drawn_maps(DISPARITY))
    rule = ScoringRule(alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=10)
    num_threads = torch.get_num_threads()
    try:
        found = []
        for threads, images in itertools.product((1, 2), (slice(0, 3), slice(1, 2))):
            torch.set_num_threads(threads)
            maps = (each[images] for each in (prediction, depth_m, valid))
            scores = score_images(*maps, DISPARITY, rule, row_pass=row_pass)
            found.append([values[-2 if images.start == 0 else 0].item() for values in scores.values.values()])
    finally:
        torch.set_num_threads(num_threads)
    assert all(values == found[0] for values in found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "alignment", "space"),
    [
        (DISPARITY, Alignment.SCALE_SHIFT_DISPARITY, ErrorSpace.DEPTH),
        (METRES, Alignment.SCALE_SHIFT_DISPARITY, ErrorSpace.DISPARITY),
    ],
)
def test_compiled_and_eager_give_the_same_numbers(
    kind: PredictionKind, alignment: Alignment, space: ErrorSpace
) -> None:
    maps = drawn_maps(kind)
    for clips in (True, False):
        rule = ScoringRule(alignment=alignment, error_space=space, max_depth_m=10, clips_prediction=clips)
        eager, compiled = (
            score_images(*maps, kind, rule, row_pass=row_pass) for row_pass in (RowPass.EAGER, RowPass.COMPILED)
        )
        for name in PIXEL_METRICS:
            torch.testing.assert_close(compiled.values[name], eager.values[name], rtol=1e-12, atol=0)
        for name in ("scale", "shift"):
            torch.testing.assert_close(getattr(compiled, name), getattr(eager, name), rtol=1e-12, atol=0)
        assert (compiled.num_penalised == eager.num_penalised).all()


@pytest.mark.parametrize(
    ("kind", "alignment"), [pair for pair in itertools.product(PredictionKind, Alignment) if METRES not in pair]
)
def test_a_kind_that_an_alignment_cannot_bring_to_metres_is_refused_with_the_reason(
    kind: PredictionKind, alignment: Alignment
) -> None:
    is_allowed = alignment.value.endswith(f"scale_shift_{'disparity' if kind is DISPARITY else 'depth'}")
    rule = ScoringRule(alignment=alignment)
    maps = torch.ones(1, 2, 2), torch.ones(1, 2, 2), torch.ones(1, 2, 2, dtype=torch.bool)
    if is_allowed:
        score_images(*maps, kind, rule)
    else:
        with pytest.raises(ValueError, match=f"kind {kind.value} .*{alignment.value} cannot .*take a protocol"):
            score_images(*maps, kind, rule)


def test_maps_that_do_not_fit_and_truth_that_is_no_depth_are_refused() -> None:
    maps, mask = torch.ones(1, 4, 5), torch.ones(1, 4, 5, dtype=torch.bool)
    rule = ScoringRule(alignment=Alignment.NONE)
    for bad in ((maps[:, 1:], maps, mask), (maps[0], maps[0], mask[0]), (maps, maps, mask.float())):
        with pytest.raises(ValueError, match=r"have to be \(B, H, W\), the last one bool"):
            score_images(*bad, METRES, rule)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        depth_m = maps.clone()
        depth_m[0, 1, 2] = wrong
        with pytest.raises(ValueError, match="not finite at 1 pixels"):
            score_images(maps, depth_m, mask, METRES, rule)
        masked = mask.clone()
        masked[0, 1, 2] = False
        assert score_images(maps, depth_m, masked, METRES, rule).values["abs_rel"].item() == 0


@pytest.mark.parametrize("bounds", [(5.0, 5.0), (-1.0, 5.0), (math.nan, 5.0), (0.0, math.nan), (0.0, 0.0)])
def test_a_range_without_depths_is_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"min_depth_m is .* in metres"):
        ScoringRule(alignment=Alignment.NONE, min_depth_m=bounds[0], max_depth_m=bounds[1])
