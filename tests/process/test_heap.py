"""A process that serves uses the memory of large messages again."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from telwerkd.process.heap import tune_heap

tune_heap()

def received():
    bytes(bytearray(8 * 2**20))

received()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    received()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_memory_of_large_messages_is_not_new_each_time() -> None:
    """Ten messages of 8 MB, one after the other, touch hardly a page that the process did not have: by its page faults.

    Mapped anew, as glibc has it by default, they would take 4,000 pages each.
    """
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 4_000
