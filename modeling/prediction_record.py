"""What the JSON file beside an image's outputs says, so that no array is ever ambiguous."""

import json
from dataclasses import dataclass
from importlib.metadata import version

from .output_records import RECORD_FORMAT, Record, SourceFile, printable
from .predictor import DepthPredictor, DepthResult

PACKAGES = ("depth-anything", "torch", "transformers", "numpy", "pillow")
# Settings of the image processor that decide the numbers.
PREPROCESSING_FIELDS = (
    "resize_method",
    "size",
    "ensure_multiple_of",
    "resample",
    "antialias",
    "do_resize",
    "do_rescale",
    "rescale_factor",
    "do_normalize",
    "image_mean",
    "image_std",
    "do_convert_rgb",
    "align_corners",
)
# Parts of a record in which two runs must agree for one to go on with the other's outputs.
IDENTITY_FIELDS = (
    "quantity",
    "max_depth_m",
    "position_interpolation",
    "revision",
    "weights_sha256",
    "dtype",
    "preprocessing",
)


@dataclass(frozen=True)
class ModelDescription:
    """What a record says of the weights.

    Attributes:
        name: Hub id, folder, or words.
        revision: commit hash of a Hub checkpoint.
        weights_sha256: digest of the files of a folder, which has no revision.
        licence: "unknown" where nobody says.
    """

    name: str
    revision: str | None
    weights_sha256: str | None
    licence: str


def model_record(predictor: DepthPredictor, description: ModelDescription) -> Record:
    """The part of a record that all images of a run share."""
    is_metric = predictor.quantity == "depth_m"
    processor = json.loads(predictor.image_processor.to_json_string())  # as a record that is read has it: no tuples
    return {
        "format": RECORD_FORMAT,
        "quantity": "depth" if is_metric else "disparity",
        "unit": "m" if is_metric else "1/m up to unknown scale and shift",
        "sign": "larger is farther" if is_metric else "larger is nearer",
        "scale": "metric" if is_metric else "affine-invariant",
        "max_depth_m": predictor.max_depth_m,
        "model": printable(description.name),
        "revision": description.revision,
        "weights_sha256": description.weights_sha256,
        "licence": description.licence,
        "position_interpolation": predictor.model.config.position_interpolation,
        "dtype": str(predictor.dtype).removeprefix("torch."),
        "device": str(predictor.device),
        "preprocessing": {name: processor.get(name) for name in PREPROCESSING_FIELDS},
        "software": {package: version(package) for package in PACKAGES},
    }


def image_record(source: SourceFile, result: DepthResult) -> Record:
    """The part of a record that is the image's own."""
    height, width = result.values.shape
    processed_height, processed_width = result.processed_size
    return {
        "source": {
            "file": source.path,
            "size_bytes": source.size_bytes,
            "modified_ns": source.modified_ns,
            "sha256": source.sha256,
        },
        "image_size": {"height": height, "width": width},
        "processed_size": {"height": processed_height, "width": processed_width},
        "value_range": [float(result.values.min()), float(result.values.max())],
    }
