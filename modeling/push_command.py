"""`depth-anything push`: a folder to the Hub, after everything about it has been checked."""

import argparse
import sys
from pathlib import Path

from huggingface_hub.constants import REPOCARD_NAME

from .checkpoint_cards import num_parameters, trained_facts
from .checkpoint_folder import check_folder
from .checkpoint_lookup import CheckpointError, find_checkpoint
from .command_errors import EXIT_GOOD, UsageError
from .hub_push import push_folder
from .model_card import build_card
from .official_checkpoint import read_config
from .released_checkpoints import licence_notice, licence_of
from .tensor_files import read_tensors

DESCRIPTION = """\
Uploads a checkpoint to the Hugging Face Hub in one commit.

Token, repository name, model card and weights are checked before anything is uploaded. Weights go as safetensors
alone. A dropped connection or a busy Hub is tried again; after a push that broke off the same command goes on.
"""


def add_push_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `push`."""
    parser.description = DESCRIPTION
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="with config, weights, image processor and card")
    parser.add_argument("repo", metavar="REPO", help="owner/name, or name in your own namespace")
    parser.add_argument("--private", action="store_true", help="a new repository that others cannot see")
    parser.add_argument("--message", default="Upload a Depth Anything checkpoint", help="of the commit")
    card = parser.add_argument_group("for a folder without a card (README.md), to write one")
    card.add_argument("--license", metavar="ID", help="terms of the weights, such as apache-2.0")
    card.add_argument("--base-model", metavar="MODEL", help="Hub id of the weights that training started from")


def run_push(arguments: argparse.Namespace) -> int:
    """Checks, uploads, says where it is, and returns the exit code.

    Raises:
        UsageError: a licence for a folder whose card states one.
        CheckpointError: the folder is no whole checkpoint.
        PushError: the Hub cannot be used.
    """
    folder: Path = arguments.folder.expanduser()
    card = _new_card(arguments, folder)
    checked = check_folder(folder, card)
    if card is not None:
        (folder / REPOCARD_NAME).write_text(card, encoding="utf-8")
        print(f"wrote {folder / REPOCARD_NAME}")
    if checked.left_out:
        print(f"left out: {', '.join(map(str, checked.left_out))}")
    if notice := licence_notice(str(folder), licence_of(str(folder), folder)):
        print(notice, file=sys.stderr)
    push = push_folder(checked, arguments.repo, is_private=arguments.private, message=arguments.message)
    if push.deleted:
        print(f"removed from the repository, being weights of an earlier push: {', '.join(push.deleted)}")
    print(push.url)
    return EXIT_GOOD


def _new_card(arguments: argparse.Namespace, folder: Path) -> str | None:
    has_card = (folder / REPOCARD_NAME).exists()
    if arguments.license is None and arguments.base_model is None:
        return None
    if has_card:
        raise UsageError(
            f"{folder / REPOCARD_NAME} is there and is not overwritten: state licence and base model in it, and leave "
            "out --license and --base-model"
        )
    if not folder.is_dir():
        raise CheckpointError(f"The folder {str(folder)!r} does not exist.")
    tensors = {}
    for path in find_checkpoint(folder).weight_files():
        tensors.update(read_tensors(path))
    facts = trained_facts(
        read_config(folder),
        model_id=arguments.repo,
        parameters=num_parameters(tensors),
        base=arguments.base_model,
        licence=arguments.license,
    )
    return str(build_card(facts))
