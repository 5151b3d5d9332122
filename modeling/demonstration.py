"""What `predict --demo` runs on: nothing from disk, nothing from the network."""

import torch
from PIL import Image, ImageDraw

from .configuration_depth_anything import DepthAnythingConfig
from .modeling_depth_anything import DepthAnythingForDepthEstimation

PICTURE_SIZE = (320, 240)  # width and height in pixels
HORIZON = 110
SEED = 0


def tiny_config() -> DepthAnythingConfig:
    """The smallest network with every part of the real ones: four blocks, four maps, a 5x5 position grid."""
    return DepthAnythingConfig(
        backbone_config={
            "model_type": "dinov2",
            "image_size": 70,
            "patch_size": 14,
            "hidden_size": 32,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "out_indices": [1, 2, 3, 4],
            "reshape_hidden_states": False,
        },
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 16, 16, 16],
        fusion_hidden_size=16,
        head_hidden_size=8,
    )


def random_model() -> DepthAnythingForDepthEstimation:
    """A network of `tiny_config`; the same random weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = DepthAnythingForDepthEstimation(tiny_config())
    model.eval()
    return model


def draw_picture() -> Image.Image:
    """A road to the horizon, a house and the sun, RGB."""
    width, height = PICTURE_SIZE
    picture = Image.new("RGB", PICTURE_SIZE, (150, 195, 235))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((245, 20, 290, 65), fill=(255, 225, 110))
    for row in range(HORIZON, height):
        shade = (row - HORIZON) * 90 // (height - HORIZON)
        draw.line((0, row, width, row), fill=(60 + shade // 2, 110 + shade, 60))
    draw.polygon([(155, HORIZON), (165, HORIZON), (250, height), (70, height)], fill=(95, 95, 105))
    draw.rectangle((35, 90, 105, 165), fill=(185, 120, 85))
    draw.polygon([(25, 90), (70, 50), (115, 90)], fill=(140, 50, 45))
    draw.rectangle((60, 125, 80, 165), fill=(80, 55, 40))
    return picture
