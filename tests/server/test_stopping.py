"""How a server process ends whatever hangs in it."""

import subprocess
import sys

HELD = """
import asyncio, ctypes
from telwerkd.server.stopping import STOP_SECONDS, Stop

async def main():
    Stop(1.0 - STOP_SECONDS).ask()
    ctypes.PyDLL(None).sleep(120)  # with the interpreter held

asyncio.run(main())
"""


def test_a_process_whose_interpreter_is_held_ends_all_the_same():
    """No thread of Python's can end it then: a second after the stop should be over it ends with 1, and says where."""
    ended = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "in main\n" in ended.stderr
