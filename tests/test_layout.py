"""Rules between the folders, read from the files: who imports whom, how, and under which names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "modeling": "depth_anything",
    "training": "depth_anything.training",
    "conversion": "depth_anything.conversion",
}
BASE_PACKAGES = {"torch", "transformers", "numpy", "PIL", "safetensors", "huggingface_hub", "tqdm"}

# A script's own folder comes first on sys.path when it is launched by path, so a file there hides the library or
# standard module of its name from every import that follows.
LIBRARIES = {"accelerate", "cv2", "datasets", "diffusers", "evaluate", "h5py", "huggingface_hub", "lmdb", "numpy"}
LIBRARIES |= {"OpenEXR", "av", "filelock", "fsspec", "pyarrow"}
LIBRARIES |= {"onnx", "onnxruntime", "openvino", "peft", "safetensors", "tensorboard", "torch", "tqdm", "transformers"}


def files_of(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports_of(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom))


def absolute_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in imports_of(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif node.level == 0:
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", files_of("modeling"), ids=lambda path: path.name)
def test_modeling_imports_its_own_files_by_one_dot_and_name(path: Path) -> None:
    for node in imports_of(path):
        if isinstance(node, ast.ImportFrom) and node.level:
            # transformers finds the files of remote code by this very form: `from .file import name`.
            assert node.level == 1, f"line {node.lineno}"
            assert node.module, f"line {node.lineno}"
            assert "." not in node.module, f"line {node.lineno}"
    assert not {name for name in absolute_names(path) if name.split(".")[0] in {"depth_anything", *FOLDERS}}


@pytest.mark.parametrize("path", files_of("modeling"), ids=lambda path: path.name)
def test_modeling_imports_only_what_the_base_install_declares(path: Path) -> None:
    packages = {name.split(".")[0] for name in absolute_names(path)}
    assert packages <= BASE_PACKAGES | set(sys.stdlib_module_names)


@pytest.mark.parametrize(("folder", "forbidden"), [("training", "conversion"), ("conversion", "training")])
def test_training_and_conversion_never_import_each_other(folder: str, forbidden: str) -> None:
    for path in files_of(folder):
        for name in absolute_names(path):
            assert name.split(".")[0] not in FOLDERS, path
            assert not name.startswith(FOLDERS[forbidden]), path


@pytest.mark.parametrize("folder", ["training", "conversion"])
def test_no_file_that_may_be_launched_by_path_hides_a_library(folder: str) -> None:
    stems = {path.stem for path in files_of(folder)} - {"__init__", "__main__"}
    assert not stems & (LIBRARIES | set(sys.stdlib_module_names))


def test_the_listed_packages_are_those_on_disk() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    on_disk = {
        ".".join([FOLDERS[folder], *path.parent.relative_to(ROOT / folder).parts])
        for folder in FOLDERS
        for path in files_of(folder)
    }
    assert set(setuptools["packages"]) == on_disk
    assert {FOLDERS[folder]: folder for folder in FOLDERS} == {
        name: folder for name, folder in setuptools["package-dir"].items() if "/" not in folder
    }


def test_the_top_level_holds_the_cards_folders_alone() -> None:
    # What git lists: build folders and caches of a working copy do not count.
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    tops = {line.split("/")[0] for line in listed.stdout.splitlines()}
    allowed = {"pyproject.toml", "README.md", "LICENSE", "model_cards", "tests", *FOLDERS}
    assert {top for top in tops if not top.startswith(".")} <= allowed


def test_no_tests_folder_is_a_package() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
