"""The only place that touches transformers' Auto classes."""

from transformers import AutoConfig, AutoModelForDepthEstimation
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING

from .configuration_depth_anything import DepthAnythingConfig
from .image_processing_depth_anything import DepthAnythingImageProcessor
from .modeling_depth_anything import DepthAnythingForDepthEstimation


def register_auto_classes() -> None:
    """Makes the Auto classes and `pipeline` of this process return our classes; calling it again changes nothing.

    `AutoConfig` and `AutoModelForDepthEstimation` return ours for every checkpoint with
    `model_type="depth_anything"`. `AutoImageProcessor` returns ours for folders that we saved; a checkpoint that names
    `DPTImageProcessor` keeps transformers' own, because that name also stands for true DPT checkpoints.
    """
    AutoConfig.register(DepthAnythingConfig.model_type, DepthAnythingConfig, exist_ok=True)
    AutoModelForDepthEstimation.register(DepthAnythingConfig, DepthAnythingForDepthEstimation, exist_ok=True)
    # One class serves both of transformers' backends, so that it is found with and without torchvision. Not through
    # AutoImageProcessor.register: that first loads the native pair of the same model type, and warns where torchvision
    # is missing.
    processors = {"torchvision": DepthAnythingImageProcessor, "pil": DepthAnythingImageProcessor}
    IMAGE_PROCESSOR_MAPPING.register(DepthAnythingConfig, processors, exist_ok=True)
