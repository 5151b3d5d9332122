"""Scores of several predictors on several sets of frames, as one text table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from depth_anything.training.frame_scores import FrameScores

COLUMNS = ("AbsRel", "delta1", "ordinal")


def score_table(scores: Mapping[str, Mapping[str, FrameScores]]) -> list[str]:
    """Lines of the table: a row for each predictor, three columns for each set of frames.

    Args:
        scores: by set of frames and then by predictor, all with the same predictors.
    """
    predictors = list(next(iter(scores.values())))
    width = max(len(name) for name in predictors)
    titles = [f"{name} ({next(iter(rows.values())).num_frames})" for name, rows in scores.items()]
    cell = max(8 * len(COLUMNS), *(len(title) + 2 for title in titles))
    lines = [" " * width + "".join(title.rjust(cell) for title in titles)]
    heads = "".join(column.rjust(8) for column in COLUMNS).rjust(cell)
    lines.append(" " * width + heads * len(scores))
    for predictor in predictors:
        cells = [
            "".join(f"{value:8.3f}" for value in (row.abs_rel, row.delta1, row.ordinal)).rjust(cell)
            for row in (rows[predictor] for rows in scores.values())
        ]
        lines.append(predictor.ljust(width) + "".join(cells))
    return lines


def share_of_best_baseline(scores: FrameScores, baselines: Sequence[FrameScores]) -> float:
    """The largest, over AbsRel, 1 - delta1 and 1 - ordinal accuracy, of an error over the best baseline's."""
    best = [min(errors) for errors in zip(*(baseline.errors for baseline in baselines), strict=True)]
    return max(error / lowest for error, lowest in zip(scores.errors, best, strict=True))
