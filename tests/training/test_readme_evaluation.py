"""The commands of the README's section on evaluation are commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from depth_anything.training.evaluation.evaluation_arguments import (
    checked_choices,
    checked_settings,
    comparison_parser,
    evaluation_parser,
)

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README[README.index("## Evaluate") :].split("\n## ")[0]
COMMANDS = re.findall(r"training/evaluate_zero_shot\.py (.+)", SECTION.replace("\\\n", " "))


def test_the_section_has_the_commands() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_is_understood(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "compare":
        comparison_parser("compare").parse_args(words[1:])
        return
    arguments = evaluation_parser("evaluate").parse_args(words)
    if not arguments.list:
        assert checked_settings(arguments).protocols()
        checked_choices(arguments)
