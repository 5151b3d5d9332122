"""`push_to_hub` of model and image processor: transformers' own, with a real card and with retries."""

import os
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.constants import REPOCARD_NAME

from .checkpoint_cards import trained_facts
from .checkpoint_lookup import CONFIG_NAME, CheckpointError
from .configuration_depth_anything import DepthAnythingConfig
from .hub_retries import with_retries
from .model_card import build_card, is_placeholder, is_untouched
from .official_checkpoint import read_config


class HubCardMixin:
    """Writes the model card into what transformers is about to upload.

    A card that somebody wrote or edited is never replaced. That is: the model replaces transformers' placeholder and
    its own card of an earlier push, the image processor the placeholder alone.
    """

    def _upload_modified_files(
        self, working_dir: str | os.PathLike[str], repo_id: str, *args: Any, **kwargs: Any
    ) -> Any:
        path = Path(working_dir) / REPOCARD_NAME
        present = path.read_text(encoding="utf-8") if path.is_file() else ""
        config: DepthAnythingConfig | None = getattr(self, "config", None)
        if not present or is_placeholder(present) or (config is not None and is_untouched(present)):
            build_card(self._card_facts(repo_id, kwargs.get("token"))).save(path)
        upload = super()._upload_modified_files  # type: ignore[misc]
        return with_retries(f"upload ({repo_id})", lambda: upload(working_dir, repo_id, *args, **kwargs))

    def _card_facts(self, repo_id: str, token: Any) -> Any:
        config = getattr(self, "config", None)
        if config is None:  # the image processor: the model may be there already
            return trained_facts(_remote_config(repo_id, token), model_id=repo_id, parameters=None, base=None)
        count = sum(tensor.numel() for tensor in self.state_dict().values())  # type: ignore[attr-defined]
        base = getattr(self, "name_or_path", "") or None
        return trained_facts(config, model_id=repo_id, parameters=count, base=base)


def _remote_config(repo_id: str, token: Any) -> DepthAnythingConfig | None:
    try:
        return read_config(Path(hf_hub_download(repo_id, CONFIG_NAME, token=token)))
    except (OSError, CheckpointError):  # no model there yet, or none of ours
        return None
