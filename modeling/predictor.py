"""Depth of images in three lines of Python: load once, call with whatever holds a picture.

Shapes: B batch, C channels, H W pixels.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from transformers.modeling_outputs import DepthEstimatorOutput

from .checkpoint_loading import (
    check_image_processor,
    eval_mode,
    load_image_processor,
    load_model,
    place_model,
    resolve_device,
    resolve_dtype,
    with_input_size,
)
from .checkpoint_lookup import Checkpoint, find_checkpoint
from .depth_result import DepthResult, NonFiniteDepthError
from .image_files import height_and_width, opened_image
from .image_processing_depth_anything import DepthAnythingImageProcessor
from .modeling_depth_anything import DepthAnythingForDepthEstimation
from .released_checkpoints import DEFAULT_CHECKPOINT

ImageInput: TypeAlias = str | os.PathLike[str] | Image.Image | NDArray[np.generic] | Tensor
AnyImage = TypeVar("AnyImage", bound=ImageInput)  # lets a list of paths pass as one of image inputs
Key = TypeVar("Key")

CPU_OUT_OF_MEMORY = "DefaultCPUAllocator"  # in the message of a RuntimeError without a class of its own
CUDA_BATCH_SIZE = 8  # elsewhere one image already keeps the device busy


@dataclass(frozen=True)
class _Prepared(Generic[Key]):
    key: Key
    pixel_values: Tensor  # (C, H, W), as the network sees it
    original_size: tuple[int, int]


class DepthPredictor:
    """A checkpoint and its image processor, ready to call.

    Always runs this package's network and image processor, whatever class the checkpoint's files name.

    Args:
        model: folder, Hub id or `Checkpoint`; or a model, which is used as it is unless `device` or `dtype` move it.
        image_processor: None reads the checkpoint's; for a model object it is one with the released settings.
        device: "auto" takes CUDA, then Apple's MPS, then the CPU; a model object stays where it is.
        dtype: of the weights and the forward pass: "float32", "bfloat16", "float16", "auto" (the checkpoint's own) or
            a `torch.dtype`. None is float32, or the model object's own.
        batch_size: images of one processed size that run together; None is 8 on CUDA and 1 elsewhere.
        compile: run through `torch.compile`, with channels-last convolutions, to which a model object is
            switched too. The first batch of a size takes minutes; together with `dtype="bfloat16"` it is the fastest
            way from then on.
        input_size: the side in pixels that the resize rule aims at; None is the checkpoint's (518).
        revision: branch, tag or commit; of a Hub id alone.

    Attributes:
        model: the network.
        image_processor: the image processor.
        checkpoint: where the weights came from; None for a model object.
        device: where the network runs.
        dtype: of its weights.
        quantity: what it predicts, "disparity" or "depth_m".

    Raises:
        CheckpointError: the checkpoint cannot be had or is incomplete.
        TypeError: a model or image processor of another class.
        ValueError: a setting that is not on offer.
    """

    def __init__(
        self,
        model: "str | os.PathLike[str] | Checkpoint | DepthAnythingForDepthEstimation" = DEFAULT_CHECKPOINT,
        *,
        image_processor: DepthAnythingImageProcessor | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype | None = None,
        batch_size: int | None = None,
        compile: bool = False,  # noqa: A002 - torch's own word
        input_size: int | None = None,
        revision: str | None = None,
    ) -> None:
        for name, number in (("batch_size", batch_size), ("input_size", input_size)):
            if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
        if image_processor is not None:
            check_image_processor(image_processor)
        if revision is not None and isinstance(model, nn.Module | Checkpoint):
            raise ValueError(
                f"revision {revision!r} is of a Hub id, but model is a {type(model).__name__}: leave it out"
            )
        self.checkpoint: Checkpoint | None = None
        if isinstance(model, nn.Module):
            self.model = place_model(model, device, dtype)
        else:
            resolved_device, resolved_dtype = resolve_device(device), resolve_dtype(dtype or "float32")
            self.checkpoint = model if isinstance(model, Checkpoint) else find_checkpoint(model, revision)
            self.model = load_model(self.checkpoint, resolved_dtype).to(resolved_device).eval()
        self.device, self.dtype = self.model.device, self.model.dtype
        self.image_processor = image_processor or load_image_processor(self.checkpoint, self.model.config)
        if input_size is not None:
            self.image_processor = with_input_size(self.image_processor, input_size)
        self.batch_size = batch_size or (CUDA_BATCH_SIZE if self.device.type == "cuda" else 1)
        is_metric = self.model.config.depth_estimation_type == "metric"
        self.quantity: Literal["disparity", "depth_m"] = "depth_m" if is_metric else "disparity"
        self._memory_format = torch.channels_last if compile else torch.contiguous_format
        self._network: Callable[..., DepthEstimatorOutput] = self.model
        if compile:
            self._network = torch.compile(self.model.to(memory_format=torch.channels_last))

    @property
    def max_depth_m(self) -> float | None:
        """Range of a metric model in metres, None for a relative one."""
        max_depth = self.model.config.max_depth
        return float(max_depth) if self.quantity == "depth_m" and max_depth is not None else None

    @overload
    def __call__(self, images: ImageInput) -> DepthResult: ...
    @overload
    def __call__(self, images: list[AnyImage]) -> list[DepthResult]: ...
    def __call__(self, images: ImageInput | list[AnyImage]) -> DepthResult | list[DepthResult]:
        """The depth of one image, or of each image of a list in its order.

        Args:
            images: path, PIL image, array or tensor (as the image processor takes them), or a list or a batch
                (B, C, H, W) or (B, H, W, C) of them; sizes may differ. Arrays and tensors are RGB: `cv2.imread`
                gives BGR, of which pass `image[..., ::-1]`.

        Raises:
            ValueError: an image that cannot be read, and its place in the list.
            MemoryError: the CPU has too little for the image.
            NonFiniteDepthError: the network's output is not finite.
        """
        if isinstance(images, np.ndarray | Tensor) and images.ndim == 4:
            images = list(images)
        if not isinstance(images, list | tuple):
            return next(iter(self.stream([(0, images)])))[1]
        results = dict(self.stream(enumerate(images), on_error=_raise_with_place))
        return [results[index] for index in range(len(images))]

    def stream(
        self,
        images: Iterable[tuple[Key, ImageInput]],
        on_error: Callable[[Key, Exception], None] | None = None,
    ) -> Iterator[tuple[Key, DepthResult]]:
        """Results as they come, each with the key of its image; at most two batches of images wait in memory.

        Images are taken one by one and run together with others of the same processed size, so the order of the
        results is another one where sizes differ.

        Args:
            images: pairs of anything that names the image, and the image.
            on_error: told of an image that cannot be processed, which is then left out; None raises the error.
        """
        waiting: dict[tuple[int, ...], list[_Prepared[Key]]] = defaultdict(list)
        for key, image in images:
            try:
                prepared = self._prepare(key, image)
            except (ValueError, TypeError, MemoryError) as error:
                if on_error is None:
                    raise
                on_error(key, error)
                continue
            batch = waiting[tuple(prepared.pixel_values.shape)]
            batch.append(prepared)
            if len(batch) == self.batch_size or sum(map(len, waiting.values())) == 2 * self.batch_size:
                fullest = max(waiting, key=lambda shape: len(waiting[shape]))
                yield from self._predict(waiting.pop(fullest), on_error)
        for batch in waiting.values():
            yield from self._predict(batch, on_error)

    def _prepare(self, key: Key, image: ImageInput) -> _Prepared[Key]:
        image = opened_image(image)
        pixel_values = self.image_processor(image)["pixel_values"][0]
        return _Prepared(key, pixel_values, height_and_width(image))

    def _predict(
        self, batch: list[_Prepared[Key]], on_error: Callable[[Key, Exception], None] | None
    ) -> Iterator[tuple[Key, DepthResult]]:
        pixel_values = torch.stack([prepared.pixel_values for prepared in batch])  # (B, C, H, W)
        try:
            maps = self._maps(pixel_values, [prepared.original_size for prepared in batch])
        except (RuntimeError, MemoryError) as error:
            if not isinstance(error, MemoryError) and CPU_OUT_OF_MEMORY not in str(error):
                raise
            shape = tuple(pixel_values.shape)
            lack = MemoryError(f"too little memory for an input of shape {shape}: lower batch_size or input_size")
            if on_error is None:
                raise lack from error
            for prepared in batch:
                on_error(prepared.key, lack)
            return
        for prepared, values in zip(batch, maps, strict=True):
            if values is not None:
                _, height, width = prepared.pixel_values.shape
                yield prepared.key, DepthResult(values, self.quantity, (height, width))
                continue
            failure = NonFiniteDepthError(
                f"the prediction in {str(self.dtype).removeprefix('torch.')} is not finite; "
                + ("the weights may be damaged" if self.dtype == torch.float32 else "use float32")
            )
            if on_error is None:
                raise failure
            on_error(prepared.key, failure)

    def _maps(self, pixel_values: Tensor, sizes: list[tuple[int, int]]) -> list[NDArray[np.float32] | None]:
        """One (H, W) map per image; None where the network's output is not finite."""
        pixel_values = pixel_values.to(self.device, self.dtype).contiguous(memory_format=self._memory_format)
        with torch.inference_mode(), eval_mode(self.model):
            predicted = self._network(pixel_values=pixel_values).predicted_depth.float()  # (B, H, W)
            maps = self.image_processor.post_process_depth_estimation(
                DepthEstimatorOutput(predicted_depth=predicted), target_sizes=sizes
            )
            is_finite = predicted.isfinite().flatten(1).all(dim=1).tolist()
        return [
            one["predicted_depth"].cpu().numpy() if finite else None
            for one, finite in zip(maps, is_finite, strict=True)
        ]


def _raise_with_place(index: int, error: Exception) -> None:
    if not isinstance(error, ValueError | TypeError):
        raise error
    reason = str(error).replace("images[0]", "it")  # the processor sees one image at a time
    raise ValueError(f"image {index} of the list: {reason}") from error


__all__ = ["DepthPredictor", "DepthResult", "NonFiniteDepthError"]
