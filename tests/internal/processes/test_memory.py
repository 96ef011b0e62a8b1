"""Large blocks that are freed stay in the process, whichever thread had them."""

import os
import platform
import subprocess
import sys

import pytest

BLOCK, PAGE = 96 * 2**20, os.sysconf("SC_PAGESIZE")

only_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked")

# After the first lines threads come and go, as those that open tasks do; then one takes a block again and again.
PROGRAM = f"""
{{first}}
import ctypes, resource, threading
libc = ctypes.CDLL(None)
libc.prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: small pages, whatever the system prefers
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.memset.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def use(size):
    block = libc.malloc(size)
    libc.memset(block, 1, size)
    libc.free(block)

def faults_of_the_second():
    use({BLOCK})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    use({BLOCK})
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

barrier = threading.Barrier(4)
threads = [threading.Thread(target=lambda: (use(1000), barrier.wait())) for _ in range(4)]
for thread in [*threads, threading.Thread(target=faults_of_the_second)]:
    thread.start()
    if thread not in threads:
        thread.join()
"""

CALLS = {
    "call": "from t5mix.internal.processes.memory import keep_freed_memory; keep_freed_memory()",
    "command": "from t5mix.cli.main import main; main(['train', '--gin_file', 'missing.gin'])",
}


def faults(first: str, **environment: str) -> int:
    """Returns how many pages the system has to map for a block that was used before."""
    chosen = {name: value for name, value in os.environ.items() if name not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")}
    command = [sys.executable, "-c", PROGRAM.format(first=first)]
    done = subprocess.run(command, env=chosen | environment, capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout.split()[-1])


@only_glibc
@pytest.mark.parametrize("first", CALLS.values(), ids=CALLS)
def test_a_block_that_was_used_before_is_there_again(first: str) -> None:
    assert faults("") > BLOCK // PAGE // 2
    assert faults(first) < BLOCK // PAGE // 100


@only_glibc
def test_who_has_chosen_for_themselves_is_left_alone() -> None:
    assert faults(CALLS["call"], MALLOC_ARENA_MAX="8") > BLOCK // PAGE // 2
