"""Settings from a recipe, a YAML file and the command line, each over the one before.

settings = parsed_settings(argv, program="train_teacher", recipes=TEACHER_RECIPES, default="v1-teacher")
"""

from __future__ import annotations

import difflib
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, field, fields, make_dataclass, replace
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import yaml
from transformers import HfArgumentParser

from depth_anything.command_errors import UsageError
from depth_anything.training.settings import GROUPS, Settings, plain_settings

NONE = "none"  # what stands for None, or for an empty list, on the command line
UNSET = object()
TITLES = {
    "student_view": "the student's strong view",
    "cutmix": "CutMix of the student's views",
    "run": "the run itself",
}


class _HelpFormatter(ArgumentDefaultsHelpFormatter, RawDescriptionHelpFormatter):
    pass


def settings_parser(program: str, description: str, recipes: Sequence[str], default: str) -> ArgumentParser:
    """A parser of every field of every group, of `--recipe` and of `--config`.

    Args:
        program: name of the entry.
        description: of the entry.
        recipes: names on offer.
        default: name of the recipe without `--recipe`.
    """
    parser = HfArgumentParser(
        [_flat_group(group) for group in GROUPS],
        prog=program,
        description=description,
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--recipe", choices=recipes, help=f"the settings to begin with (without it: {default})")
    parser.add_argument(
        "--config", metavar="FILE.yaml", help="settings by group, over the recipe's; see settings.yaml"
    )
    parser.add_argument("--show", action="store_true", help="print the settings that would be used, and end")
    return parser


def unset_namespace() -> Namespace:
    """What to parse into, so that what nobody gave can be told from what somebody gave as it was."""
    names = [prefix + name for group, prefix in GROUPS.items() for name in _types_of(group)]
    return Namespace(**dict.fromkeys(names, UNSET))


def resolved_settings(arguments: Namespace, recipes: Mapping[str, Settings], default: str) -> Settings:
    """The recipe's settings, with those of the file and then those of the command line in their place.

    Raises:
        UsageError: a file that cannot be read, an unknown name, a value of another type, or a contradiction.
    """
    given = _read_file(arguments.config) if arguments.config else {}
    name = arguments.recipe or given.pop("recipe", None) or default
    given.pop("recipe", None)
    if name not in recipes:
        raise UsageError(f"there is no recipe {name!r} here; there are {', '.join(recipes)}")
    values = {group: dict(part) for group, part in given.items()}
    for group, prefix in GROUPS.items():
        for item in _types_of(group):
            value = getattr(arguments, prefix + item)
            if value is not UNSET:
                values.setdefault(group, {})[item] = _from_command_line(value)
    return with_values(recipes[name], values, arguments.config or "the command line")


def with_values(settings: Settings, values: Mapping[str, Mapping[str, Any]], where: str) -> Settings:
    """The settings with other values, given by group and name, in their place.

    Args:
        settings: of a recipe.
        values: plain ones, as YAML holds them.
        where: they come from, for errors.

    Raises:
        UsageError: an unknown name, a value of another type, or a contradiction.
    """
    changed = {}
    try:
        for group, part in values.items():
            types = _types_of(_known(group, list(GROUPS), where, "group of settings"))
            fitting = {}
            for name, value in part.items():
                _known(name, list(types), where, f"setting in the group {group}")
                fitting[name] = _fitting(value, types[name], f"{group}.{name}", where)
            changed[group] = replace(getattr(settings, group), **fitting)
        return replace(settings, **changed)
    except ValueError as error:
        raise UsageError(str(error)) from error


def settings_text(settings: Settings) -> str:
    """The settings as YAML that `--config` reads."""
    text: str = yaml.safe_dump(plain_settings(settings), sort_keys=False, default_flow_style=None, width=110)
    return text


def _types_of(group: str) -> dict[str, Any]:
    """The fields of a group and their types."""
    settings_type = get_type_hints(Settings)[group]
    hints = get_type_hints(settings_type)
    return {item.name: hints[item.name] for item in fields(settings_type)}


def _flat_group(group: str) -> type:
    """The group as HfArgumentParser takes it: prefixed names, lists in place of tuples."""
    settings_type, prefix = get_type_hints(Settings)[group], GROUPS[group]
    types = _types_of(group)
    flat = []
    for item in fields(settings_type):
        hint = types[item.name]
        default = item.default if item.default is not MISSING else item.default_factory()  # type: ignore[misc, operator]
        if get_origin(hint) is tuple:
            # Their texts may be "none", so they become numbers later on.
            made = field(default_factory=lambda values=default: list(values), metadata=item.metadata)  # type: ignore[misc]
            flat.append((prefix + item.name, list[str], made))
        else:
            flat.append((prefix + item.name, hint, field(default=default, metadata=item.metadata)))
    made_class = make_dataclass(f"Flat{settings_type.__name__}", flat, kw_only=True)
    made_class._argument_group_name = TITLES.get(group, group)  # type: ignore[attr-defined]
    return made_class


def _from_command_line(value: Any) -> Any:
    if value == NONE:
        return None
    return [] if value == [NONE] else value


def _read_file(name: str) -> dict[str, Any]:
    try:
        given = yaml.safe_load(Path(name).expanduser().read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UsageError(f"--config {name} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {name} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(given, dict) or not all(
        isinstance(part, dict) for group, part in given.items() if group != "recipe"
    ):
        raise UsageError(f"--config {name}: settings lie in groups, as in `optimiser: {{encoder_lr: 1.0e-5}}`")
    return given


def _known(name: Any, known: Sequence[str], where: str, what: str) -> str:
    if name in known:
        return str(name)
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    raise UsageError(f"{where}: there is no {what} called {name!r}; {hint}")


def _fitting(value: Any, hint: Any, name: str, where: str) -> Any:
    """The value as the field's type.

    Raises:
        UsageError: it is none.
    """
    options = get_args(hint) if NoneType in get_args(hint) else (hint,)
    if value is None and NoneType in options:
        return None
    hint = next(option for option in options if option is not NoneType)
    if get_origin(hint) is tuple:
        values = [] if value is None else value if isinstance(value, list | tuple) else [value]
        return tuple(_fitting(each, get_args(hint)[0], name, where) for each in values)
    try:
        return _converted(value, hint)
    except ValueError:
        allowed = ", ".join(each.value for each in hint) if issubclass(hint, Enum) else _TYPE_NAMES[hint]
        raise UsageError(f"{where}: {name} is {value!r}, must be {allowed}") from None


_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _converted(value: Any, wanted: type) -> Any:
    if issubclass(wanted, Enum):
        return wanted(value)
    if wanted is float and isinstance(value, int | str) and not isinstance(value, bool):
        return float(value)  # YAML reads 5e-6, without a dot, as a text
    if type(value) is not wanted:
        raise ValueError(value)
    return value
