"""What the papers print for the released relative checkpoints. None was published for the metric ones."""

from .model_card_facts import EvaluationResult

BENCHMARKS = ("KITTI", "NYUv2", "Sintel", "DDAD", "ETH3D", "DIODE")
SOURCES = {
    1: ("Depth Anything, arXiv:2401.10891, Table 2", "https://arxiv.org/abs/2401.10891"),
    2: ("Depth Anything V2, arXiv:2406.09414, Table 2", "https://arxiv.org/abs/2406.09414"),
}
DA_2K_SOURCE = ("Depth Anything V2, arXiv:2406.09414, Table 3", "https://arxiv.org/abs/2406.09414")
ZERO_SHOT_PROTOCOL = "zero-shot relative, scale and shift fitted per image (V{version} paper, Table 2)"
DA_2K_PROTOCOL = "DA-2K, share of point pairs in the right order (V2 paper, Table 3)"

# (AbsRel, delta1) in the order of BENCHMARKS; V2's paper has no DDAD column.
ZERO_SHOT: dict[tuple[int, str], tuple[tuple[float, float] | None, ...]] = {
    (1, "small"): ((0.080, 0.936), (0.053, 0.972), (0.464, 0.739), (0.247, 0.768), (0.127, 0.885), (0.076, 0.939)),
    (1, "base"): ((0.080, 0.939), (0.046, 0.979), (0.432, 0.756), (0.232, 0.786), (0.126, 0.884), (0.069, 0.946)),
    (1, "large"): ((0.076, 0.947), (0.043, 0.981), (0.458, 0.760), (0.230, 0.789), (0.127, 0.882), (0.066, 0.952)),
    (2, "small"): ((0.078, 0.936), (0.053, 0.973), (0.500, 0.718), None, (0.142, 0.851), (0.073, 0.942)),
    (2, "base"): ((0.078, 0.939), (0.049, 0.976), (0.495, 0.734), None, (0.137, 0.858), (0.068, 0.950)),
    (2, "large"): ((0.074, 0.946), (0.045, 0.979), (0.487, 0.752), None, (0.131, 0.865), (0.066, 0.952)),
}
DA_2K_ACCURACY = {"small": 0.953, "base": 0.970, "large": 0.971}

RELATIVE_NOTE = (
    "As printed in the paper, for the authors' own run. Scale and shift are fitted to each image by least squares. "
    "The lists, crops and caps were never published, nor whether errors are taken of depth (the paper, after MiDaS) "
    "or of disparity (the authors, in LiheYoung/Depth-Anything issue 174), so only numbers made by one protocol "
    "compare."
)
METRIC_NOTE = (
    "No numbers were published for these weights. The metric tables of the paper are of other models, trained on "
    "NYUv2 and KITTI by ZoeDepth's pipeline."
)


def published_results(version: int, size: str) -> tuple[EvaluationResult, ...]:
    """The papers' numbers for a released relative checkpoint."""
    results = []
    source, url = SOURCES[version]
    protocol = ZERO_SHOT_PROTOCOL.format(version=version)
    for data, pair in zip(BENCHMARKS, ZERO_SHOT[version, size], strict=True):
        for metric, value in zip(("abs_rel", "delta1"), pair or (), strict=False):
            results.append(
                EvaluationResult(
                    data=data, metric=metric, value=value, protocol=protocol, source=source, source_url=url
                )
            )
    if version == 2:
        source, url = DA_2K_SOURCE
        results.append(
            EvaluationResult(
                data="DA-2K",
                metric="accuracy",
                value=DA_2K_ACCURACY[size],
                protocol=DA_2K_PROTOCOL,
                source=source,
                source_url=url,
            )
        )
    return tuple(results)
