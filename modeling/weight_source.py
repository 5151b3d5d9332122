"""Where the weights lie that a user names by a file, a folder or a Hub id, in whichever format they are."""

import os
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download

from .checkpoint_lookup import Checkpoint, CheckpointError, OtherFormatError, find_checkpoint
from .tensor_files import SAFETENSORS_SUFFIX, WEIGHT_SUFFIXES

GENERIC_STEMS = ("pytorch_model", "model")


@dataclass(frozen=True)
class WeightSource:
    """Weights on this machine.

    Attributes:
        name: as the user gave it.
        checkpoint: in transformers' format; None for a single file of any other.
        file: that file; None for a checkpoint in transformers' format.
        repository: the Hub id that it came from; None for what lay here.
        revision: its commit hash.
    """

    name: str
    checkpoint: Checkpoint | None = None
    file: Path | None = None
    repository: str | None = None
    revision: str | None = None

    def telling_names(self) -> tuple[str, ...]:
        """Names that may say which release this is: the file's, or that of its repository or folder.

        Those of the latter count only where the file has the name that any model's has: a training run keeps its
        `latest.pth` in a folder that is named after its start.
        """
        if self.file is None:
            return ()
        if self.file.stem not in GENERIC_STEMS:
            return (self.file.stem,)
        place = self.repository.rsplit("/", 1)[-1] if self.repository else self.file.absolute().parent.name
        return (self.file.stem, place)


def find_source(source: str | os.PathLike[str], revision: str | None = None) -> WeightSource:
    """The weights by file, folder or Hub id, downloaded if need be.

    Args:
        source: a weights file; a folder with a checkpoint in transformers' format, or with one weights file; or the id
            of a Hub repository with either.
        revision: branch, tag or commit of a Hub repository; None is its main branch.

    Raises:
        CheckpointError: there is none, or a choice that only the user can make.
        ValueError: a revision of a file or folder.
    """
    name = os.fspath(source)
    path = Path(name).expanduser()
    if path.is_file():
        if revision is not None:
            raise ValueError(f"revision {revision!r} is of a Hub repository, but {name!r} is a file")
        return WeightSource(name, file=path)
    if not path.exists() and path.suffix.lower() in WEIGHT_SUFFIXES:
        raise CheckpointError(f"The weights file {name!r} does not exist.")
    try:
        checkpoint = find_checkpoint(name, revision, argument="SOURCE (in Python: source)")
    except OtherFormatError:
        if path.is_dir():
            files = [str(file.relative_to(path)) for file in path.iterdir() if file.suffix.lower() in WEIGHT_SUFFIXES]
            return WeightSource(name, file=path / _only(files, f"The folder {name!r}"))
        return _on_hub(name, revision)
    return WeightSource(name, checkpoint=checkpoint, revision=checkpoint.revision)


def _on_hub(repo_id: str, revision: str | None) -> WeightSource:
    try:
        info = HfApi().model_info(repo_id, revision=revision)
        names = [sibling.rfilename for sibling in info.siblings or []]
        weights = [name for name in names if Path(name).suffix.lower() in WEIGHT_SUFFIXES]
        file = hf_hub_download(repo_id, _only(weights, f"The Hub repository {repo_id!r}"), revision=info.sha)
    except CheckpointError:
        raise
    except Exception as error:  # each of the Hub's two HTTP libraries has errors of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"The Hub did not deliver the weights of {repo_id!r}: {reason}") from error
    return WeightSource(repo_id, file=Path(file), repository=repo_id, revision=info.sha)


def _only(names: list[str], place: str) -> str:
    safe = [name for name in names if name.lower().endswith(SAFETENSORS_SUFFIX)]
    if len(safe) == 1 and len({Path(name).suffix for name in names}) == len(names):
        return safe[0]  # the same weights in several formats
    if not names:
        raise CheckpointError(f"{place} has no weights file ({', '.join(WEIGHT_SUFFIXES)}).")
    if len(names) > 1:
        raise CheckpointError(f"{place} has several weights files: {', '.join(sorted(names))}; name one by its path.")
    return names[0]
