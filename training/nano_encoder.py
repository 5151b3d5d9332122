"""nano, the small encoder that ships with the package: alone, and with a fresh decoder.

nano has DINOv2's architecture and was trained by `pretrain_nano.py` on rendered scenes, for object classes and for
agreement of two views, never for depth. It is no DINOv2 and stands in for one only where none can be had.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import torch
from transformers import Dinov2Config, Dinov2Model

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation

NANO_FOLDER = Path(str(files("depth_anything.training"))) / "nano"
NECK_HIDDEN_SIZES = (24, 48, 96, 192)
FUSION_HIDDEN_SIZE = 32
HEAD_HIDDEN_SIZE = 32


def nano_encoder() -> Dinov2Model:
    """The encoder with its weights, float32, in eval mode.

    Raises:
        OSError: the package lies in no folder, or lacks the file.
    """
    return Dinov2Model.from_pretrained(NANO_FOLDER, dtype=torch.float32).eval()


def nano_depth_config(encoder: Dinov2Config | None = None) -> DepthAnythingConfig:
    """A relative network whose encoder is nano, with a small DPT decoder that reads four spread blocks, as V2 does.

    Args:
        encoder: of an encoder of another size; None is nano's.
    """
    config = Dinov2Config.from_pretrained(NANO_FOLDER) if encoder is None else encoder
    num_layers, num_maps = config.num_hidden_layers, len(NECK_HIDDEN_SIZES)
    return DepthAnythingConfig(
        backbone_config={
            **config.to_dict(),
            "out_indices": [-(-(number + 1) * num_layers // num_maps) for number in range(num_maps)],
            "out_features": None,
            "reshape_hidden_states": False,
            "dtype": "float32",
        },
        reassemble_hidden_size=config.hidden_size,
        neck_hidden_sizes=list(NECK_HIDDEN_SIZES),
        fusion_hidden_size=FUSION_HIDDEN_SIZE,
        head_hidden_size=HEAD_HIDDEN_SIZE,
    )


def nano_depth_model(seed: int) -> DepthAnythingForDepthEstimation:
    """A network with nano's weights in its encoder and a fresh decoder, float32, in training mode.

    Args:
        seed: of the decoder; torch's own random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = DepthAnythingForDepthEstimation.from_dinov2(NANO_FOLDER, config=nano_depth_config())
    return model.float().train()
