"""Runs transformers' own common tests on our classes and on its own, and compares the two.

    python tests/upstream/run_upstream.py

fetches the source distribution of the installed transformers from the package index (the wheel has no tests), copies
`upstream_*.py` where the library keeps a model's tests, and runs them twice. Exit code 0: ours has no failure and
passes every test that the native classes pass here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import transformers

HERE = Path(__file__).parent
# The mixins load nothing from the Hub for these classes; offline makes a mistake fail at once and not after retries.
ENVIRONMENT = {"RUN_SLOW": "1", "RUN_TRAINING_TESTS": "1", "HF_HUB_OFFLINE": "1"}


def main() -> int:
    """Exit code of the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sdist", type=Path, help="an unpacked source distribution of the installed transformers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "transformers"
        if arguments.sdist is None:
            fetch_source_distribution(root)
        else:
            shutil.copytree(arguments.sdist / "tests", root / "tests")
        install_tests(root)
        ours, native = run(root, "ours"), run(root, "native")
    return report(ours, native)


def fetch_source_distribution(target: Path) -> None:
    """Unpacks the source distribution of the installed version into `target`."""
    requirement = f"transformers=={transformers.__version__}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "--dest", folder, requirement], check=True)
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            # Python 3.10.11, 3.11.3 and older have no filters.
            tar.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        (unpacked,) = (path for path in Path(folder).iterdir() if path.is_dir())
        shutil.copytree(unpacked / "tests", target / "tests")


def install_tests(root: Path) -> None:
    """Puts our test modules where the mixins expect those of a model: the folder's name says which model it is."""
    folder = root / "tests" / "models" / "depth_anything"
    folder.mkdir(parents=True, exist_ok=True)
    for package in (folder, folder.parent, folder.parent.parent):
        (package / "__init__.py").touch()
    for source in sorted(HERE.glob("upstream_*.py")):
        shutil.copy(source, folder / source.name.replace("upstream_", "test_"))
    shutil.copy(HERE / "absent_modules.py", root / "conftest.py")
    (root / "pytest.ini").write_text("[pytest]\nfilterwarnings = ignore::pytest.PytestUnknownMarkWarning\n")


def run(root: Path, subject: str) -> dict[str, str]:
    """Outcome of each test: passed, failed or skipped."""
    results = root / f"{subject}.xml"
    command = [sys.executable, "-m", "pytest", "tests/models/depth_anything", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, **ENVIRONMENT, "UPSTREAM_SUBJECT": subject, "PYTHONPATH": str(root)}
    subprocess.run([*command, "--tb=short", f"--junitxml={results}"], cwd=root, env=environment, check=False)
    if not results.exists():
        raise SystemExit(f"pytest stopped before it ran the {subject} tests; its message is above")
    outcomes = {}
    for case in ElementTree.parse(results).iter("testcase"):
        tags = {child.tag for child in case}
        outcome = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        outcomes[f"{case.get('classname')}.{case.get('name')}"] = outcome
    return outcomes


def report(ours: dict[str, str], native: dict[str, str]) -> int:
    """Prints the counts and what is missing; exit code 0 if nothing is."""
    for name, outcomes in (("ours", ours), ("native", native)):
        counts = {outcome: list(outcomes.values()).count(outcome) for outcome in ("passed", "failed", "skipped")}
        print(f"{name}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    missing = sorted(name for name, outcome in native.items() if outcome == "passed" and ours.get(name) != "passed")
    failed = sorted(name for name, outcome in ours.items() if outcome == "failed")
    for title, names in (("native passes, ours does not", missing), ("ours fails", failed)):
        print(f"{title}: {len(names)}" + "".join(f"\n  {name}" for name in names))
    return 1 if missing or failed or "passed" not in ours.values() else 0


if __name__ == "__main__":
    sys.exit(main())
