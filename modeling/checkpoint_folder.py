"""Whether a folder is a whole checkpoint that others can load and understand: what is checked before a push."""

import json
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.constants import REPOCARD_NAME
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME

from .checkpoint_loading import load_image_processor
from .checkpoint_lookup import Checkpoint, CheckpointError, find_checkpoint
from .configuration_depth_anything import DepthAnythingConfig
from .model_card import card_faults
from .modeling_depth_anything import DepthAnythingForDepthEstimation
from .official_checkpoint import read_config
from .tensor_files import PICKLE_SUFFIXES, read_tensors, shown
from .weight_checks import check_finite, check_tensors

PROCESSOR_NAME = "preprocessor_config.json"
CODE_CARRIERS = (*PICKLE_SUFFIXES, ".pkl", ".pickle", ".joblib", ".h5", ".msgpack")


@dataclass(frozen=True)
class CheckedFolder:
    """A folder that passed all checks.

    Attributes:
        folder: where it is.
        files: what belongs to the checkpoint, relative to it.
        left_out: hidden files and caches, relative to it.
        card: text of the model card.
        config: of the network.
    """

    folder: Path
    files: tuple[Path, ...]
    left_out: tuple[Path, ...]
    card: str
    config: DepthAnythingConfig


def check_folder(folder: Path, card: str | None = None) -> CheckedFolder:
    """Lets only a folder pass that has a good card, a processor, and all of the network's weights, as safetensors.

    Args:
        folder: as `save_pretrained` of model and processor write it.
        card: text of the card to be; None reads the folder's README.md.

    Raises:
        CheckpointError: naming the first thing that is wrong, and what to do.
    """
    if not folder.is_dir():
        raise CheckpointError(f"The folder {str(folder)!r} does not exist.")
    checkpoint = find_checkpoint(folder)
    files, left_out = _files(folder)
    config = read_config(folder)
    _check_weights(checkpoint, config)
    if not (folder / PROCESSOR_NAME).is_file():
        raise CheckpointError(
            f"The folder {str(folder)!r} has no {PROCESSOR_NAME}: save the image processor too, by "
            "DepthAnythingImageProcessor().save_pretrained(folder)."
        )
    load_image_processor(checkpoint, config)
    if card is None:
        card = _read_card(folder)
    elif Path(REPOCARD_NAME) not in files:
        files = (*files, Path(REPOCARD_NAME))
    if faults := card_faults(card):
        raise CheckpointError(f"The model card {str(folder / REPOCARD_NAME)!r} is not complete: {'; '.join(faults)}.")
    return CheckedFolder(folder, files, left_out, card, config)


def _files(folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    hidden = [path for path in paths if any(part.startswith(".") or part == "__pycache__" for part in path.parts)]
    files = [path for path in paths if path not in set(hidden)]
    carriers = [path.as_posix() for path in files if path.suffix.lower() in CODE_CARRIERS]
    if carriers:
        raise CheckpointError(
            f"The folder {str(folder)!r} holds files that can carry code or are no part of a checkpoint: "
            f"{shown(carriers)}. Only safetensors are pushed: save the model again by save_pretrained, and move the "
            "others away."
        )
    return tuple(files), tuple(hidden)


def _check_weights(checkpoint: Checkpoint, config: DepthAnythingConfig) -> None:
    folder = checkpoint.folder
    index = folder / SAFE_WEIGHTS_INDEX_NAME
    names = [SAFE_WEIGHTS_NAME]
    if index.is_file() and not (folder / SAFE_WEIGHTS_NAME).is_file():
        try:
            names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            raise CheckpointError(f"The index {str(index)!r} cannot be read.") from None
    if absent := [name for name in names if not (folder / name).is_file()]:
        raise CheckpointError(f"The folder {checkpoint.name!r} lacks weights: {shown(absent)}.")
    tensors = {}
    for name in names:
        tensors.update(read_tensors(folder / name))
    check_tensors(tensors, config, DepthAnythingForDepthEstimation, repr(checkpoint.name))
    check_finite(tensors, repr(checkpoint.name))


def _read_card(folder: Path) -> str:
    path = folder / REPOCARD_NAME
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CheckpointError(
            f"The folder {str(folder)!r} has no model card ({REPOCARD_NAME}): say --license, such as apache-2.0, and "
            "one is written from what is known; edit it to say more."
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The model card {str(path)!r} cannot be read: {error}.") from error
