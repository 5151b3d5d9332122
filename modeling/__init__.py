"""Depth Anything for transformers: exact, lossless, trainable. Importing it registers the Auto classes."""

from .auto_registration import register_auto_classes
from .configuration_depth_anything import DepthAnythingConfig
from .image_processing_depth_anything import DepthAnythingImageProcessor
from .loss_depth_anything import affine_invariant_loss, gradient_matching_loss, silog_loss
from .modeling_depth_anything import (
    DepthAnythingBackbone,
    DepthAnythingForDepthEstimation,
    DepthAnythingPreTrainedModel,
)
from .predictor import DepthPredictor, DepthResult

__version__ = "0.1.0"

__all__ = [
    "DepthAnythingBackbone",
    "DepthAnythingConfig",
    "DepthAnythingForDepthEstimation",
    "DepthAnythingImageProcessor",
    "DepthAnythingPreTrainedModel",
    "DepthPredictor",
    "DepthResult",
    "affine_invariant_loss",
    "gradient_matching_loss",
    "register_auto_classes",
    "silog_loss",
]

register_auto_classes()
