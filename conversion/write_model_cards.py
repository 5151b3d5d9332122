"""Writes the cards of the released checkpoints: `python conversion/write_model_cards.py [FOLDER]`."""

import argparse
import sys
from pathlib import Path

from depth_anything.command_errors import EXIT_GOOD
from depth_anything.model_card import build_card
from depth_anything.official_identity import Release
from depth_anything.released_cards import RELEASES, release_facts

DEFAULT_FOLDER = Path(__file__).parent.parent / "model_cards"


def released_cards() -> dict[str, str]:
    """Text of each card by the name of its file."""
    return {card_name(release): str(build_card(release_facts(release))) for release in RELEASES}


def card_name(release: Release) -> str:
    """Name of the card's file: the repository of the release in transformers' format."""
    return f"{str(release.checkpoint).rsplit('/', 1)[-1]}.md"


def main(argv: list[str] | None = None) -> int:
    """Writes the cards, replacing those that are there."""
    parser = argparse.ArgumentParser(prog="write_model_cards.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER, metavar="FOLDER")
    folder: Path = parser.parse_args(argv).folder
    folder.mkdir(parents=True, exist_ok=True)
    cards = released_cards()
    for name, text in cards.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{len(cards)} cards in {folder}")
    return EXIT_GOOD


if __name__ == "__main__":
    sys.exit(main())
