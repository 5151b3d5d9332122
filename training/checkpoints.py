"""Checkpoints to go on from: whole or not there at all, the newest few kept.

A checkpoint is a folder `step-00000500`: what Accelerate saves (weights, optimiser, random numbers of all ranks, and
what was registered: schedule, progress, the stream's place) and `checkpoint.json`, which says what run it is of.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from accelerate import Accelerator

RECORD_NAME = "checkpoint.json"
FOLDER_NAME = re.compile(r"step-(\d{8,})")
PARTIAL_SUFFIX = ".partial"


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: that holds them.
        accelerator: of the run; everything to be saved is prepared by it or registered with it.
        num_kept: newest checkpoints that stay.
        identity: what a run that goes on must have in common with the one that saved, as plain values by name.

    Raises:
        ValueError: nothing would be kept.
    """

    def __init__(
        self, folder: Path, accelerator: Accelerator, *, num_kept: int, identity: Mapping[str, object]
    ) -> None:
        if num_kept < 1:
            raise ValueError(f"num_checkpoints is {num_kept}, must be 1 or more")
        self.folder = folder
        self.num_kept = num_kept
        self._accelerator = accelerator
        self._identity = {**identity, "number of processes": accelerator.num_processes}

    def save(self, step: int) -> Path:
        """Write the state after a step, and remove the oldest; every rank has to call it.

        The state is written beside its place, brought to the disk, and renamed, so that a run that is killed at any
        time leaves whole checkpoints alone.
        """
        target = self.folder / f"step-{step:08d}"
        partial = target.with_name(target.name + PARTIAL_SUFFIX)
        accelerator = self._accelerator
        if accelerator.is_main_process:
            self._clear_partial()
            partial.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(partial))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            record = {"step": step, "identity": self._identity}
            (partial / RECORD_NAME).write_text(json.dumps(record, indent=2), encoding="utf-8")
            _bring_to_disk(partial)
            if target.exists():  # saved by a run that was stopped here; the state is the same
                shutil.rmtree(target)
            partial.replace(target)
            _bring_entry_to_disk(self.folder)
            for old in self.all()[: -self.num_kept]:
                shutil.rmtree(old)
        accelerator.wait_for_everyone()
        return target

    def all(self) -> list[Path]:
        """The whole checkpoints, oldest first."""
        if not self.folder.is_dir():
            return []
        found = {path: FOLDER_NAME.fullmatch(path.name) for path in self.folder.iterdir()}
        whole = {path: int(match[1]) for path, match in found.items() if match and (path / RECORD_NAME).is_file()}
        return sorted(whole, key=whole.__getitem__)

    def newest(self) -> Path | None:
        """The whole checkpoint with the largest step; None where there is none."""
        return self.all()[-1] if self.all() else None

    def load(self, checkpoint: Path) -> None:
        """Bring everything that was saved back; every rank has to call it.

        Raises:
            ValueError: as `check`.
        """
        self.check(checkpoint)
        self._accelerator.load_state(str(checkpoint))

    def check(self, checkpoint: Path) -> None:
        """Let only a checkpoint pass from which this run can go on.

        Raises:
            ValueError: no whole checkpoint, or one of a run with other settings or another number of processes.
        """
        record = self._record_of(checkpoint)
        saved = record["identity"]
        for name in [*self._identity, *(name for name in saved if name not in self._identity)]:
            if saved.get(name) != self._identity.get(name):
                raise ValueError(
                    f"{checkpoint} was saved with {name} {saved.get(name)!r}, this run has "
                    f"{self._identity.get(name)!r}; set it back, or start anew in another output folder"
                )

    @staticmethod
    def _record_of(checkpoint: Path) -> dict[str, dict[str, object]]:
        try:
            record: dict[str, dict[str, object]] = json.loads((checkpoint / RECORD_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{checkpoint} is no whole checkpoint: {RECORD_NAME} cannot be read ({error}); name a folder step-... "
                "of a run"
            ) from error
        return record

    def _clear_partial(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob(f"step-*{PARTIAL_SUFFIX}"):
            shutil.rmtree(path)


def _bring_to_disk(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _bring_entry_to_disk(folder)


def _bring_entry_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
