"""From images to the network's input, and from its output to maps at the size of the images.

The default is the preprocessing of the official code, to 1e-5, without OpenCV or torchvision. This file must not
import `annotations` from `__future__`: the keyword arguments are validated by their annotations at run time.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers.feature_extraction_utils import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from transformers.processing_utils import ImagesKwargs

from .batch_assembly import affine_step, in_requested_form, moved_labels, pixel_values
from .depth_upsampling import UPSAMPLING_MODES, checked_target_sizes, upsampled_depth, without_padding
from .geometry_transfer import BICUBIC
from .hub_cards import HubCardMixin
from .image_input import list_images, read_image
from .processor_settings import (
    check_settings,
    completed_settings,
    contradicts,
    native_fields,
    own_settings,
    refuse_unknown,
)
from .resize_geometry import planned_geometry


class DepthAnythingImageProcessorKwargs(ImagesKwargs, total=False):  # type: ignore[call-arg]
    """The fields of `DepthAnythingImageProcessor` beyond those of every image processor; that class explains them."""

    resize_method: str | None
    ensure_multiple_of: int | None
    keep_aspect_ratio: bool | None
    size_divisor: int | None
    antialias: bool | None
    align_corners: bool | None


class DepthAnythingImageProcessor(HubCardMixin, BaseImageProcessor):
    """Prepares images, and labels with them, for Depth Anything, and brings its maps back to the size of the images.

    Arrays and tensors are RGB: turn the BGR of `cv2.imread` round with `image[..., ::-1]`. The fields can also be
    passed for one call; post-processing goes by the processor's own.

    Fields:
        resize_method: which size an image gets.
            "lower_bound" (official): both sides at least `size`, aspect kept, sides the nearest multiples;
            "minimal": scaled as little as possible, the rule and, within one grey level, the values of transformers'
            `DPTImageProcessorPil`;
            "upper_bound": both sides at most `size`, aspect kept;
            "fixed": exactly `size`, whatever the aspect;
            "pad": not resized, but mirrored at the borders up to the next multiple; post-processing cuts that off.
        size: {"height", "width"} in pixels, what the method refers to.
        ensure_multiple_of: what both sides come out a multiple of, the patch size.
        resample: PIL.Image.Resampling.NEAREST, BILINEAR or BICUBIC.
        antialias: filter before making an image smaller; None: only with "minimal". The official code does not.
        do_resize: False keeps the size of the images ("pad" pads nevertheless).
        do_rescale, rescale_factor: the factor for one grey level of 8 bits; 16-bit and float images are brought to the
            same range as 8-bit ones. Without `do_rescale` the values of every type are taken as final.
        do_normalize, image_mean, image_std: per channel, after rescaling.
        do_convert_rgb: three channels from any number: grey is repeated, alpha is dropped as by `cv2.imread`.
        align_corners: of the upsampling; True as in the official V2 code, V1's used False.
        keep_aspect_ratio, do_pad, size_divisor: what the native processor reads; they follow `resize_method`. Where
            that is absent, as in a native `preprocessor_config.json`, it is inferred: do_pad without do_resize means
            "pad", no keep_aspect_ratio means "fixed", anything else the official "lower_bound".

    `save_pretrained` writes no `image_processor_type`, so a process that does not import this package loads the folder
    as the native class, which does its nearest by its own size rule.
    Source: github.com/DepthAnything/Depth-Anything-V2, depth_anything_v2/dpt.py, `image2tensor` and `infer_image`.
    """

    valid_kwargs = DepthAnythingImageProcessorKwargs
    model_input_names = ["pixel_values"]  # noqa: RUF012 - transformers' own form

    do_resize = True
    size = {"height": 518, "width": 518}  # noqa: RUF012
    default_to_square = True
    resize_method = "lower_bound"
    ensure_multiple_of = 14
    keep_aspect_ratio = True
    resample = BICUBIC
    antialias = None
    do_rescale = True
    rescale_factor = 1 / 255
    do_normalize = True
    image_mean = IMAGENET_DEFAULT_MEAN
    image_std = IMAGENET_DEFAULT_STD
    do_convert_rgb = True
    do_pad = False
    size_divisor = None
    align_corners = True

    def __init__(self, **kwargs: Any) -> None:
        fields = self.valid_kwargs.__annotations__
        refuse_unknown(kwargs, fields)
        check_settings(_without_none(kwargs))
        kwargs = completed_settings(own_settings(kwargs, fields))
        super().__init__(**kwargs)
        self._set_attributes(**kwargs)
        check_settings({name: getattr(self, name) for name in fields})  # also what belongs together with a default

    @property
    def backend(self) -> str:
        """The name of what does the work."""
        return "torch"

    @classmethod
    def from_dict(cls, image_processor_dict: dict[str, Any], **kwargs: Any) -> Any:
        """The processor of a file's settings, ours or native; `kwargs` replace settings of the file.

        What the file says beyond the fields of this class is left out, as files of native processors say more.
        """
        settings = own_settings(image_processor_dict, cls.valid_kwargs.__annotations__)
        if contradicts(kwargs, settings.get("resize_method") or cls.resize_method):
            settings.pop("resize_method", None)
        return super().from_dict(settings, **kwargs)

    def to_dict(self) -> dict[str, Any]:
        """The settings as saved: ours, what makes the native processor do its nearest, and no name of a class."""
        settings: dict[str, Any] = super().to_dict()
        settings.pop("image_processor_type", None)
        settings.pop("size_divisor", None)
        settings.update(native_fields(self.resize_method, self.ensure_multiple_of))
        return settings

    def preprocess(self, images: Any, depth_maps: Any = None, valid_masks: Any = None, **kwargs: Any) -> BatchFeature:
        """The network's input: `pixel_values` and, where given, `labels` and `valid_mask` in the same geometry.

        Args:
            images: a path, URL, PIL image (its EXIF orientation is applied) or array, or a flat list of them, sizes
                mixed. Arrays and tensors: RGB (of `cv2.imread`, which gives BGR, pass `image[..., ::-1]`) or grey,
                (H, W), (H, W, C) or (C, H, W), detected or by `input_data_format`; uint8 0..255, uint16 0..65535
                (also as int32 or int64), floats 0..1. Tensors are worked on where they are.
            depth_maps: one map per image, (H, W) of the image after its EXIF rotation, any unit. Nearest neighbour.
            valid_masks: one bool map per image, (H, W), True where the depth counts.
            kwargs: fields of this class for this call, `return_tensors`, `input_data_format`, `device`.

        Returns:
            With `return_tensors="pt"` (or "np") `pixel_values` (B, C, h, w) float32, `labels` (B, h, w) float32 and
            `valid_mask` (B, h, w) bool; without it lists of one tensor per image. With resize_method="pad" the
            padding of labels is NaN, which the model never counts, and that of masks False.

        Raises:
            ValueError: for an image, map or setting that cannot be used, or sizes that cannot be stacked.
            TypeError: for an unknown keyword.
        """
        check_settings(_without_none(kwargs))
        if contradicts(kwargs, self.resize_method):
            kwargs = completed_settings(kwargs)
        return super().preprocess(images, depth_maps, valid_masks, **kwargs)

    def _preprocess_image_like_inputs(
        self,
        images: Any,
        depth_maps: Any,
        valid_masks: Any,
        return_tensors: Any = None,
        input_data_format: Any = None,
        device: Any = None,
        **settings: Any,
    ) -> BatchFeature:
        check_settings(settings)
        read = []
        for position, image in enumerate(list_images(images)):
            name = f"images[{position}]"
            one = read_image(
                image, name, bool(settings["do_convert_rgb"]), input_data_format, not settings["do_rescale"]
            )
            read.append(one if device is None else one._replace(pixels=one.pixels.to(device)))
        size = (settings["size"]["height"], settings["size"]["width"]) if settings["size"] is not None else (0, 0)
        geometries = [
            planned_geometry(
                (one.pixels.shape[1], one.pixels.shape[2]),
                settings["resize_method"],
                bool(settings["do_resize"]),
                size,
                settings["ensure_multiple_of"],
            )
            for one in read
        ]
        antialias = settings["antialias"]
        data = {
            "pixel_values": pixel_values(
                read,
                geometries,
                resample=BICUBIC if settings["resample"] is None else int(settings["resample"]),
                antialias=settings["resize_method"] == "minimal" if antialias is None else antialias,
                num_channels=3 if settings["do_convert_rgb"] else None,
                steps=[affine_step(settings, one.grey_levels_per_step) for one in read],
            ),
            **moved_labels(depth_maps, valid_masks, geometries, [one.pixels.device for one in read]),
        }
        return BatchFeature({key: in_requested_form(value, key, return_tensors) for key, value in data.items()})

    def post_process_depth_estimation(
        self, outputs: Any, target_sizes: Any = None, mode: str = "bilinear"
    ) -> list[dict[str, Tensor]]:
        """The predicted maps at the size of the images, [{"predicted_depth": (H, W) float32}, ...].

        Args:
            outputs: what the model returned: `predicted_depth`, (B, h, w), disparity or metres, any float type.
            target_sizes: (H, W) of each image after its EXIF rotation: a list of pairs or a tensor (B, 2). None leaves
                the maps as they are. With resize_method="pad" the padding is cut off and nothing is interpolated.
            mode: "bilinear" (official; see the field `align_corners`), "bicubic" (limited to the map's own range) or
                "nearest".

        Raises:
            ValueError: for sizes that are no pairs of at least 1, another number of sizes than maps, an unknown mode,
                or outputs without maps.

        Differs: transformers' DPT processor interpolates bicubic without a limit, so it can fall below zero.
        """
        depth = (
            outputs.get("predicted_depth") if hasattr(outputs, "get") else getattr(outputs, "predicted_depth", None)
        )
        if not isinstance(depth, Tensor) or depth.ndim != 3:
            found = tuple(depth.shape) if isinstance(depth, Tensor) else type(depth).__name__
            raise ValueError(f"outputs.predicted_depth is {found}; it has to be a tensor (B, h, w)")
        if mode not in UPSAMPLING_MODES:
            raise ValueError(f"mode is {mode!r}; it has to be one of {UPSAMPLING_MODES}")
        depth = depth.float()
        if target_sizes is None:
            return [{"predicted_depth": single} for single in depth]
        sizes = checked_target_sizes(target_sizes, len(depth))
        if self.resize_method == "pad":
            maps = [
                without_padding(single, size, self.ensure_multiple_of)
                for single, size in zip(depth, sizes, strict=True)
            ]
        elif len(set(sizes)) == 1:
            maps = list(upsampled_depth(depth, sizes[0], mode, bool(self.align_corners)))
        else:
            maps = [
                upsampled_depth(single[None], size, mode, bool(self.align_corners))[0]
                for single, size in zip(depth, sizes, strict=True)
            ]
        return [{"predicted_depth": single} for single in maps]


def _without_none(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are given; None stands for the default."""
    return {name: value for name, value in settings.items() if value is not None}
