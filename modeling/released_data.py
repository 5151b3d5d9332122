"""What the released checkpoints were trained on, and under which terms those images are.

Terms are what the datasets' own pages say, or say nothing of; whoever trains on them has to read those pages.
"""

from .model_card_facts import DataSource

LABELLED = "labelled"
UNLABELLED = "unlabelled, with pseudo labels"
SYNTHETIC = "synthetic, for the teacher that made the pseudo labels"
FINE_TUNING = "synthetic, metric fine-tuning"

# By the name that the cards print; `depth_anything.training` states the same terms for its corpora.
DATA_TERMS = {
    "BlendedMVS": "CC BY 4.0",
    "DIML": "research, with citation; no licence text",
    "HRWSI": "research only, non-commercial",
    "IRS": "Apache-2.0 text",
    "MegaDepth": "CC BY 4.0 (unverified); photos belong to their authors",
    "TartanAir": "CC BY 4.0 (unverified)",
    "Hypersim": "CC BY-SA 3.0",
    "Virtual KITTI 2": "CC BY-NC-SA 3.0",
    "SA-1B": "SA-1B Dataset Research License",
    "Open Images V7": "images listed as CC BY 2.0",
    "BDD100K": "education, research and not-for-profit",
    "ImageNet-21K": "ImageNet terms, non-commercial research",
    "LSUN": "no clear licence, research",
    "Google Landmarks": "CC BY photos, by attribution file",
    "Objects365": "academic",
    "Places365": "images belong to their owners; research and education",
}
# Images in thousands. Source: V1 Table 1, V2 Table 7.
_LABELLED_V1 = {"BlendedMVS": 115, "DIML": 927, "HRWSI": 20, "IRS": 103, "MegaDepth": 128, "TartanAir": 306}
_SYNTHETIC_V2 = {"BlendedMVS": 115, "Hypersim": 60, "IRS": 103, "TartanAir": 306, "Virtual KITTI 2": 20}
_UNLABELLED = {
    "BDD100K": 8200,
    "Google Landmarks": 4100,
    "ImageNet-21K": 13100,
    "LSUN": 9800,
    "Objects365": 1700,
    "Open Images V7": 7800,
    "Places365": 6500,
    "SA-1B": 11100,
}
_METRIC = {20: {"Hypersim": 60}, 80: {"Virtual KITTI 2": 20}}

RELATIVE_NOTE = "Numbers of images as the paper prints them. Nothing of it is distributed here."
METRIC_NOTE = "The encoder comes from the relative V2 model, whose card lists what that saw."


def training_data(version: int, max_depth_m: float | None) -> tuple[DataSource, ...]:
    """Training images of a released checkpoint; `max_depth_m` is None for a relative one."""
    if max_depth_m is not None:
        return _sources(_METRIC[int(max_depth_m)], FINE_TUNING)
    labelled = _sources(_LABELLED_V1, LABELLED) if version == 1 else _sources(_SYNTHETIC_V2, SYNTHETIC)
    return labelled + _sources(_UNLABELLED, UNLABELLED)


def _sources(thousands: dict[str, int], role: str) -> tuple[DataSource, ...]:
    return tuple(
        DataSource(
            name=name,
            images=f"{count / 1000:g}M" if count >= 1000 else f"{count}K",
            role=role,
            terms=DATA_TERMS[name],
        )
        for name, count in thousands.items()
    )
