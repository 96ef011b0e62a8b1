"""Puts `tasks/`, `mixtures/` and `gin/` into the wheel as `t5mix/shipped/`; all else stands in pyproject.toml.

The three folders stay at the top of the repository, where people look for them, and are data, not packages: nothing
but `t5mix` may land in site-packages, and a top-level package `gin` would overwrite gin-config's own.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = ("tasks", "mixtures", "gin")


class BuildPy(build_py):
    """Copies the shipped folders beside the modules; an editable install reads them where they are."""

    def run(self) -> None:
        """Builds the modules, then copies the shipped folders into the build."""
        super().run()
        if not self.editable_mode:
            for source, target in self._shipped().items():
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Returns every path this command writes."""
        outputs = [str(path) for path in super().get_outputs(include_bytecode)]
        return outputs if self.editable_mode else outputs + [str(p) for p in self._shipped().values()]

    def _shipped(self) -> dict[Path, Path]:
        target = Path(self.build_lib) / "t5mix" / "shipped"
        files = (path for name in SHIPPED for path in sorted((ROOT / name).rglob("*")))
        return {p: target / p.relative_to(ROOT) for p in files if p.is_file() and p.suffix != ".pyc"}


# The explicit package_dir makes an editable install a plain path entry, which type checkers can follow.
setup(cmdclass={"build_py": BuildPy}, package_dir={"": "."})
