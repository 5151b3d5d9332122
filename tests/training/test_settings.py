"""Settings from recipe, file and command line: which wins, and what is refused in which words."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from accelerate.commands.launch import launch_command_parser
from torch.distributed.run import get_args_parser

from depth_anything.command_errors import UsageError
from depth_anything.training.recipes import STUDENT_RECIPES, TEACHER_RECIPES
from depth_anything.training.settings import Settings, identity_of, plain_settings
from depth_anything.training.settings_parsing import (
    resolved_settings,
    settings_parser,
    settings_text,
    unset_namespace,
)

RECIPES = {**TEACHER_RECIPES, **STUDENT_RECIPES}


def parsed(command: str, default: str = "v1-student-small") -> Settings:
    parser = settings_parser("train", "", list(RECIPES), default)
    return resolved_settings(parser.parse_args(command.split(), unset_namespace()), RECIPES, default)


def test_the_command_line_goes_over_the_file_and_the_file_over_the_recipe(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("optimiser: {encoder_lr: 1e-4, decoder_lr: 3.0e-4}\ndata: {num_labelled: 6}\n")
    settings = parsed(f"--config {config} --encoder_lr 7e-5")
    assert settings.optimiser.encoder_lr == 7e-5  # all three
    assert settings.optimiser.decoder_lr == 3e-4  # file and recipe
    assert (settings.data.num_labelled, settings.data.num_unlabelled) == (6, 8)
    assert settings.optimiser.weight_decay == 0.01


def test_a_value_equal_to_the_default_still_goes_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("loop: {compile: true}\nlosses: {gradient_weight: 3}\n")
    settings = parsed(f"--config {config} --compile false --gradient_weight 0")
    assert (settings.loop.compile, settings.losses.gradient_weight) == (False, 0.0)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_text_of_every_recipe_gives_its_settings_again(recipe: str, tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text(settings_text(RECIPES[recipe]))
    assert parsed(f"--config {config}") == RECIPES[recipe]


def test_flags_lists_and_none_are_read_from_the_command_line() -> None:
    settings = parsed(
        "--recipe adapt --unlabelled image_folder=/a hub:me/b --compile --view_hue 0.1 --teacher none "
        "--trackers none --resume --no_has_strong_view --labelled irs --num_labelled 2 --labelled_shares 3 --passes 0 "
        "--num_steps 5"
    )
    assert settings.data.unlabelled == ("image_folder=/a", "hub:me/b")
    assert settings.data.labelled_shares == (3.0,)
    assert settings.loop.compile
    assert not settings.data.has_strong_view
    assert settings.student_view.hue == 0.1
    assert settings.model.teacher is None
    assert settings.run.trackers == ()
    assert settings.run.resume == "auto"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("--num_labelled 0", "num_labelled is 0 and labelled names 7 corpora"),
        ("--labelled_shares 1 2", "labelled_shares has 2 numbers for 7 corpora"),
        ("--passes 0", "passes and num_steps are both 0"),
        ("--unlabelled none --num_unlabelled 0", "a student learns from images that a teacher labels"),
        ("--sky_model some/model", "sky_model finds sky for a live teacher and there is none"),
        ("--reference some/model --feature_weight 0", "feature_weight is 0, so nothing is held to it"),
        ("--validation_score delta1", "must be one of abs_rel"),
        ("--view_hue 0.7", "hue is 0.7; it has to lie between 0 and 0.5"),
        ("--recipe v1-teacher --teacher some/model", "which only a student has"),
        ("--recipe v1-teacher --unlabelled lsun --num_unlabelled 2", "a teacher learns from labelled images alone"),
        ("--recipe v1-teacher --labelled_shares 1 1 1 1 1 1 1", "passes over them have no length"),
        ("--labelled_shares 1 x 1 1 1 1 1", "data.labelled_shares is 'x', must be a number"),
        ("--config absent.yaml", "absent.yaml cannot be read"),
    ],
)
def test_what_contradicts_itself_is_refused_with_what_to_change(command: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        parsed(command)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("optimiser: {encoder_rl: 1.0}", "no setting in the group optimiser called 'encoder_rl'; did you mean"),
        ("optimizer: {encoder_lr: 1.0}", "no group of settings called 'optimizer'; did you mean optimiser?"),
        ("data: {num_workers: four}", "data.num_workers is 'four', must be a whole number"),
        ("data: {num_workers: 1.5}", "data.num_workers is 1.5, must be a whole number"),
        ("loop: {compile: 1}", "loop.compile is 1, must be true or false"),
        ("losses: {loss_total: mean}", "losses.loss_total is 'mean', must be sum, average"),
        ("encoder_lr: 1.0", "settings lie in groups"),
        ("recipe: v9", "there is no recipe 'v9' here"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_file_with_unknown_names_or_other_types_is_refused(text: str, words: str, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(text)
    with pytest.raises(UsageError) as refused:
        parsed(f"--config {config}")
    assert words in str(refused.value)
    assert str(config) in str(refused.value) or "recipe" in text
    assert "\n" not in str(refused.value)


def test_the_papers_numbers_are_in_the_recipes() -> None:
    for name, settings in RECIPES.items():
        if name.startswith(("v1", "v2")):
            assert (settings.optimiser.encoder_lr, settings.optimiser.decoder_lr) == (5e-6, 5e-5)
            assert settings.data.crop_size == 518
            assert settings.losses.gradient_weight == (2.0 if name.startswith("v2") else 0.0)
            assert settings.model.version == int(name[1])
    assert RECIPES["v1-teacher"].data.passes == 20
    for size in ("small", "base", "large"):
        data = RECIPES[f"v1-student-{size}"].data
        assert (data.passes, data.num_unlabelled) == (1, 2 * data.num_labelled)
        assert RECIPES[f"v2-student-{size}"].loop.num_steps == 480_000
        assert RECIPES[f"v2-student-{size}"].losses.trimmed_share == 0.1
    assert RECIPES["v2-teacher"].loop.num_steps == 160_000


def test_only_what_changes_weights_or_data_has_to_stay_for_a_resume() -> None:
    before = identity_of(parsed(""))
    free = "--log_every 3 --save_every 7 --out elsewhere --trackers none --resume --push_to_hub me/it"
    assert identity_of(parsed(free)) == before
    for command in (
        "--encoder_lr 1e-5",
        "--seed 3",
        "--passes 2",
        "--view_hue 0.1",
        "--start_from nano",
        "--ema_decay 0.9",
    ):
        assert identity_of(parsed(command)) != before, command


def test_the_plain_settings_are_what_yaml_can_hold() -> None:
    plain = plain_settings(parsed(""))
    assert yaml.safe_load(yaml.safe_dump(plain)) == plain


@pytest.mark.parametrize("launcher", [launch_command_parser, get_args_parser])
def test_no_launcher_takes_a_setting_for_one_of_its_own(launcher: Callable[[], ArgumentParser]) -> None:
    # Both look at all words of their command line, and stop at what begins like two of their own options.
    parser = launcher()
    own = settings_parser("train", "", list(RECIPES), "toy").format_help()
    for option in re.findall(r"--[\w-]+", own):
        assert parser.parse_args(["script.py", option, "1"]).training_script_args == [option, "1"]
