"""An inspection as lines of text."""

from __future__ import annotations

from collections import Counter
from statistics import fmean, median

from depth_anything.training.corpora.corpus_inspection import Inspection
from depth_anything.training.corpora.sample import LabelKind

UNITS = {
    LabelKind.METRIC_DEPTH: " m",
    LabelKind.DEPTH_UP_TO_SCALE: ", each scene in a unit of its own",
    LabelKind.DISPARITY_AFFINE: ", of unknown scale and shift",
    LabelKind.PSEUDO_LABEL: ", a teacher's, of unknown scale and shift",
}
NUM_SIZES_NAMED = 3


def report_lines(inspection: Inspection) -> list[str]:
    """What the inspection has found, a name and a value a line."""
    selection = inspection.selection
    rows = {
        "corpus": selection.corpus,
        "samples": _counts(inspection),
        "image size": _sizes(inspection.sizes),
        "label": selection.kind.value,
    }
    if inspection.medians:
        rows["label"] += (
            f": min {min(inspection.least):.4g}, median {median(inspection.medians):.4g}, "
            f"max {max(inspection.greatest):.4g}{UNITS.get(selection.kind, '')}"
        )
    if inspection.valid_shares:
        rows["valid"] = f"{fmean(inspection.valid_shares):.1%} of the pixels, least {min(inspection.valid_shares):.1%}"
        rows["sky"] = f"{fmean(inspection.sky_shares):.1%} of the pixels" if inspection.sky_shares else "not marked"
    rows["skipped"] = _reason_counts(inspection.skipped)
    rows["throughput"] = _throughput(inspection)
    return [f"{name:<10}  {value}" for name, value in rows.items()]


def _reason_counts(counts: Counter[str]) -> str:
    """How many were skipped, and why."""
    if not counts:
        return "none"
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    return f"{counts.total()}: {reasons}"


def _counts(inspection: Inspection) -> str:
    selection = inspection.selection
    total = "not counted" if selection.num_samples is None else str(selection.num_samples)
    if selection.num_samples is not None and selection.listing_s is not None:
        total += f", listed in {selection.listing_s:.2f} s"
        total += f" ({_rate(selection.num_samples, selection.listing_s)})"
    return f"{total}; {inspection.num_read} inspected"


def _sizes(sizes: Counter[tuple[int, int]]) -> str:
    if not sizes:
        return "none"
    named = [
        f"{width}x{height} ({count / sizes.total():.0%})"
        for (height, width), count in sizes.most_common(NUM_SIZES_NAMED)
    ]
    if len(sizes) > NUM_SIZES_NAMED:
        widths, heights = ([size[axis] for size in sizes] for axis in (1, 0))
        named.append(
            f"and {len(sizes) - NUM_SIZES_NAMED} more; widths {min(widths)} to {max(widths)}, "
            f"heights {min(heights)} to {max(heights)}"
        )
    return ", ".join(named)


def _throughput(inspection: Inspection) -> str:
    reading = _rate(inspection.num_read, inspection.reading_s)
    return f"reading {reading}, decoding {_rate(inspection.num_good, inspection.decoding_s)}"


def _rate(count: int, seconds: float) -> str:
    return f"{count / seconds:,.{1 if count < 10 * seconds else 0}f} samples/s" if seconds > 0 else "at once"
