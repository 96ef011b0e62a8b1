"""Names of T5's module of this name: a test case that compares metrics."""

from collections.abc import Mapping
from typing import Any

from absl.testing import absltest


class BaseMetricsTest(absltest.TestCase):
    """A test case for metrics."""

    def assertDictClose(
        self, a: Mapping[str, Any], b: Mapping[str, Any], delta: float | None = None, places: int | None = None
    ) -> None:
        """Asserts that two dicts have the same keys and nearly the same numbers; see `assertAlmostEqual`."""
        self.assertCountEqual(a.keys(), b.keys())
        for key in a:
            self.assertAlmostEqual(a[key], b[key], delta=delta, places=places, msg=f"for key {key!r}")
