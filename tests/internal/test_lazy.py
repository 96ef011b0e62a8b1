"""Lazy modules load when used, and quietly."""

import subprocess
import sys

import t5mix.internal.lazy


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)


def test_a_module_is_imported_at_its_first_use() -> None:
    done = run(
        "import sys; from t5mix.internal.lazy import lazy_import; module = lazy_import('colorsys')\n"
        "print('colorsys' in sys.modules, module.rgb_to_hsv(0, 0, 1)[2], 'colorsys' in sys.modules)"
    )
    assert done.stdout.split() == ["False", "1", "True"], done.stderr


def test_tensorflow_loads_without_a_word() -> None:
    done = run("from t5mix.internal.lazy import lazy_import; print(lazy_import('tensorflow').add(1, 1).numpy())")
    assert (done.stdout.strip(), done.stderr) == ("2", "")


def test_what_was_held_back_is_shown_when_loading_fails() -> None:
    done = run(
        "import os\nfrom t5mix.internal import lazy\n"
        "with lazy._stderr_held_back():\n    os.write(2, b'why it failed')\n    raise ImportError('no')"
    )
    assert (done.returncode, done.stderr.startswith("why it failed")) == (1, True)


def test_what_is_loaded_already_is_returned_as_it_is() -> None:
    assert t5mix.internal.lazy.lazy_import("sys") is sys


def test_cycles_are_not_looked_for_in_what_stays_and_garbage_of_before_does_not_stay() -> None:
    done = run(
        "import gc, weakref\nfrom t5mix.internal.lazy import import_quietly\n"
        "class Cycle: pass\n"
        "one, other = Cycle(), Cycle(); one.itself, other.itself = one, other\n"
        "dead = weakref.ref(one); gc.disable(); del one; gc.enable()\n"
        "import_quietly('jax'); frozen = gc.get_freeze_count()\n"
        "import_quietly('jax'); assert gc.get_freeze_count() == frozen > 10_000, gc.get_freeze_count()\n"
        "assert gc.isenabled() and dead() is None\n"
        "alive = weakref.ref(other); later = Cycle(); later.itself = later; late = weakref.ref(later)\n"
        "del later; gc.collect(); assert late() is None and alive() is other; print('fine')"
    )
    assert (done.stdout.strip(), done.stderr) == ("fine", "")


def test_tensorflow_is_quiet_whoever_imports_it() -> None:
    done = run(
        "from t5mix.internal.lazy import silence; silence()\nimport tensorflow as tf; print(tf.add(1, 1).numpy())"
    )
    assert (done.stdout.strip(), done.stderr) == ("2", "")


def test_tensorflow_is_quiet_also_when_somebody_asked_before_whether_it_is_there() -> None:
    done = run(
        "from t5mix.internal.lazy import silence; silence()\n"
        "import importlib.util; assert importlib.util.find_spec('tensorflow')\n"
        "import tensorflow as tf; print(tf.add(1, 1).numpy())"
    )
    assert (done.stdout.strip(), done.stderr) == ("2", "")


def test_loggers_that_users_can_do_nothing_about_show_errors_only() -> None:
    done = run(
        "import logging; from t5mix.internal.lazy import silence; silence()\n"
        "for name in ('absl', 'jax._src.dispatch', 'orbax.checkpoint'):\n"
        "    logging.getLogger(name).warning('a warning'); logging.getLogger(name).error('an error')"
    )
    assert done.stderr.split("\n") == ["an error", "an error", "an error", ""]
