"""From encoded pictures to RGB, and from raw samples to samples: the same step for raw folders and for shards."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depth_anything.image_files import ORIENTATION_TAG, to_rgb_array
from depth_anything.training.corpora.sample import RawSample, Reason, Sample, SampleError
from depth_anything.training.corpora.stored_label import StoredLabel

MIN_SIDE = 14  # one patch of the network
# EXIF's ways of lying, by number; 1 is upright. The last four exchange height and width.
TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_sample(raw: RawSample) -> Sample:
    """The sample with its picture decoded to RGB.

    A picture without a label, or with a teacher's, is turned upright by its EXIF orientation. Any other label belongs
    to the pixels as they are stored, because the data sets rendered or measured it on them: with a label the picture
    stays as stored, and is turned only where the label has the upright size and not the stored one.

    Raises:
        SampleError: the picture is damaged, larger than Pillow's limit, smaller than a patch, or not of the label's
            size.
    """
    label = raw.label
    if isinstance(label, StoredLabel):
        label = None if raw.valid is None else label.to_map(raw.valid)
    return Sample(
        image=decode_picture(raw),
        label=label,
        valid=raw.valid,
        sky=raw.sky,
        confidence=raw.confidence,
        kind=raw.kind,
        corpus=raw.corpus,
        key=raw.key,
    )


def decode_picture(raw: RawSample) -> NDArray[np.uint8]:
    """The picture of the sample alone, as `decode_sample` has it, which has the errors too; RGB, (H, W, 3)."""
    if raw.kind.is_unlabelled or raw.label is None:
        return decode_image(raw.image_bytes)
    return _decoded(raw.image_bytes, (raw.label.shape[0], raw.label.shape[1]))


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """The upright picture, RGB, (H, W, 3).

    Grey, palette and CMYK pictures become RGB, alpha is dropped as `cv2.imread` does, 16-bit values keep their upper
    eight bits, and of an animation the first frame counts.

    Raises:
        SampleError: the picture is damaged, larger than Pillow's limit, or smaller than a patch.
    """
    return _decoded(data, None)


def _decoded(data: bytes, label_size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """The picture as RGB, of the size of its label or, where there is none, upright; sizes are (height, width)."""
    image = _opened(data)
    stored = (image.height, image.width)
    orientation = _orientation(image)
    upright = stored[::-1] if orientation >= 5 else stored
    is_turned = label_size is None or stored != label_size == upright
    if label_size not in (None, stored, upright):
        height, width = label_size
        raise SampleError(
            Reason.LABEL_SIZE, f"the picture has {image.width}x{image.height} pixels and its label {width}x{height}"
        )
    try:
        image.load()
        if is_turned and orientation in TRANSPOSES:
            image = image.transpose(TRANSPOSES[orientation])
        return np.asarray(image) if image.mode == "RGB" else to_rgb_array(image)  # which would copy an RGB picture
    except Exception as error:  # on damaged bytes Pillow's decoders raise nearly anything, IndexError and the like
        raise SampleError(Reason.DAMAGED_IMAGE, str(error) or type(error).__name__) from error


def _opened(data: bytes) -> Image.Image:
    """The picture with its header read, of an acceptable size."""
    if not data:
        raise SampleError(Reason.DAMAGED_IMAGE, "the file is empty")
    try:
        image = Image.open(io.BytesIO(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SampleError(Reason.IMAGE_TOO_LARGE, str(error)) from error
    except Exception as error:  # as for the pixels
        raise SampleError(Reason.DAMAGED_IMAGE, "not a picture that Pillow can read") from error
    num_pixels = image.width * image.height
    # Pillow itself refuses at twice its limit and only warns below.
    if Image.MAX_IMAGE_PIXELS is not None and num_pixels > Image.MAX_IMAGE_PIXELS:
        raise SampleError(
            Reason.IMAGE_TOO_LARGE,
            f"{image.width}x{image.height} is more than PIL.Image.MAX_IMAGE_PIXELS, {Image.MAX_IMAGE_PIXELS}",
        )
    if min(image.size) < MIN_SIDE:
        raise SampleError(
            Reason.IMAGE_TOO_SMALL, f"{image.width}x{image.height}; each side needs at least {MIN_SIDE} pixels"
        )
    return image


def _orientation(image: Image.Image) -> int:
    """EXIF's number, 1 (upright) where there is none; a damaged EXIF block is no reason to lose a picture."""
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # Pillow's EXIF parser, like its decoders, raises nearly anything
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
