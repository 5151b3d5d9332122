import pytest

from depth_anything.training.frame_scores import FrameScores
from depth_anything.training.score_table import score_table, share_of_best_baseline


def scores(abs_rel: float, delta1: float, ordinal: float) -> FrameScores:
    return FrameScores(abs_rel=abs_rel, delta1=delta1, ordinal=ordinal, num_frames=7)


def test_the_share_is_that_of_the_worst_figure_over_the_best_baseline_in_it() -> None:
    baselines = [scores(0.4, 0.6, 0.5), scores(0.5, 0.5, 0.8)]
    assert share_of_best_baseline(scores(0.2, 0.8, 0.9), baselines) == pytest.approx(0.5)
    assert share_of_best_baseline(scores(0.3, 0.8, 0.9), baselines) == pytest.approx(0.75)  # AbsRel
    assert share_of_best_baseline(scores(0.2, 0.64, 0.9), baselines) == pytest.approx(0.9)  # delta1
    assert share_of_best_baseline(scores(0.2, 0.8, 0.6), baselines) == pytest.approx(2.0)  # order


def test_the_table_has_a_row_for_each_predictor_and_three_columns_for_each_set() -> None:
    rows = {"constant": scores(0.4, 0.3, 0.5), "student": scores(0.2, 0.75, 0.9)}
    lines = score_table({"one domain": rows, "the other": rows})
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split() == ["one", "domain", "(7)", "the", "other", "(7)"]
    assert lines[1].split() == ["AbsRel", "delta1", "ordinal"] * 2
    assert lines[2].split() == ["constant", *["0.400", "0.300", "0.500"] * 2]
    assert lines[3].split() == ["student", *["0.200", "0.750", "0.900"] * 2]
