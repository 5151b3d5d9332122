"""Stands in for the modules that transformers' source distribution leaves out of `tests/`.

`run_upstream.py` copies this file as the `conftest.py` of the unpacked distribution. The common mixins import helpers
for text generation, exporters and distributed runs that are not shipped; none of their tests is for depth models.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType

ABSENT = ("tests.distributed_testing_utils", "tests.exporters", "tests.generation", "tests.utils")
ABSENT_TOP_LEVEL = ("fetch_hub_objects_for_ci",)


class AbsentModule(ModuleType):
    """A package whose every attribute is an empty class, fit to inherit from."""

    __path__: list[str] = []  # noqa: RUF012

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        # Composite configurations, ours among them, skip the check that reads this table.
        value = {} if name == "config_common_kwargs" else type(name, (), {})
        setattr(self, name, value)
        return value


class AbsentModuleFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what no other finder found, of the names above alone."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname in ABSENT_TOP_LEVEL or any(fullname == name or fullname.startswith(name + ".") for name in ABSENT):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        return AbsentModule(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.append(AbsentModuleFinder())
