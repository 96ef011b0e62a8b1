"""Puts `tasks/`, `mixtures/` and `gin/` into the wheel as `t5mix/shipped/`.

All else stands in pyproject.toml. The three folders stay at the top of the repository, where people
look for them, and are data, not packages: nothing but `t5mix` may land in site-packages, where a
top-level package `gin` would overwrite gin-config's own.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = ("tasks", "mixtures", "gin")


class BuildPy(build_py):
    """Copies the shipped folders beside the modules; editable installs read them in place."""

    def run(self) -> None:
        """Builds the modules, then copies the shipped folders into the build."""
        super().run()
        for source, target in self._shipped().items():
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Returns every path this command writes."""
        outputs = [str(path) for path in super().get_outputs(include_bytecode)]
        return outputs + [str(path) for path in self._shipped().values()]

    def _shipped(self) -> dict[Path, Path]:
        if self.editable_mode:
            return {}
        target = Path(self.build_lib) / "t5mix" / "shipped"
        paths = [path for name in SHIPPED for path in sorted((ROOT / name).rglob("*"))]
        files = [path for path in paths if path.is_file() and path.suffix != ".pyc"]
        return {path: target / path.relative_to(ROOT) for path in files}


# With an explicit package_dir, an editable install is a plain path entry that type checkers follow.
setup(cmdclass={"build_py": BuildPy}, package_dir={"": "."})
