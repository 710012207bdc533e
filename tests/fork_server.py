"""Starts the programs of the project from a process that has imported them.

`telwerkd serve` spends two seconds of a slow core on imports, and the tests start some hundreds of programs. Here a
process imports them once, and forks for each start: what runs is the same `main`, in a process of its own, with its own
arguments, environment, streams and session. `TELWERK_TEST_EXEC=1` starts each as its users do (`make test-long`).
"""

import gc
import importlib
import inspect
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

PROGRAMS: Final = {
    "telwerkd": "telwerkd.cli.app",
    "telwerkd.cli": "telwerkd.cli.app",
    "telwerk.cli": "telwerk.cli.main",
    "telwerk_bridges.cli": "telwerk_bridges.cli",
}
"""What `python -m` may be told to run, and what is imported for it beforehand."""

_AT_START: Final = ("PYTHON", "LC_", "LANG", "GRPC_", "OTEL_", "MALLOC_")
"""How variables begin that are read while an interpreter starts, or while it imports: they must be as they are here."""
_REQUEST_BYTES: Final = 2**18
_STREAMS: Final = 3


class ForkServer:
    """The process, as seen from the tests; started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None

    def start(
        self, arguments: Sequence[str], env: Mapping[str, str], cwd: str, streams: Sequence[int], **how: Any
    ) -> int:
        """Starts a program; its process id."""
        return self._ask({"arguments": arguments, "env": dict(env), "cwd": cwd, **how}, streams)

    def reap(self, pid: int) -> int:
        """Waits for the end of a program; its status, as `os.waitpid` gives it."""
        return self._ask({"reap": pid})

    def _ask(self, request: object, streams: Sequence[int] = ()) -> int:
        with self._lock:
            if self._control is None:
                self._control = _started()
            socket.send_fds(self._control, [json.dumps(request).encode()], streams)
            reply = self._control.recv(_REQUEST_BYTES)
        if not reply:
            raise ChildProcessError("the process that starts programs has ended")
        return int(reply)


def _started() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        number = theirs.fileno()
        # A session of its own: Ctrl-C is for pytest.
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "tests.fork_server", str(number)],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, number, number)],
            setsid=True,
        )
    return ours


_SERVER = ForkServer()
_EXECUTES = subprocess.Popen._execute_child  # there is no public way in
_PARAMETERS: Final = tuple(inspect.signature(_EXECUTES).parameters)[1:]


class Popen(subprocess.Popen[Any]):
    """`subprocess.Popen`, which has programs of the project forked, where nothing speaks against it."""

    _pidfd: int | None = None

    def __init__(self, *arguments: Any, **how: Any) -> None:
        # asyncio, which asks for no buffers, waits by itself for what must then be a child of this process.
        self._is_asyncios = how.get("bufsize") == 0
        super().__init__(*arguments, **how)

    def _execute_child(self, *values: Any) -> None:
        given = dict(zip(_PARAMETERS, values, strict=True))
        env = os.environ if given["env"] is None else given["env"]
        if self._is_asyncios or not _can_be_forked(given, env):
            _EXECUTES(self, *values)
            return
        _, _, *arguments = map(os.fspath, given["args"])
        pipes = [given[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        streams = [number if pipe == -1 else pipe for number, pipe in enumerate(pipes)]
        cwd, session = os.fspath(given["cwd"] or Path.cwd()), given["start_new_session"]
        blocked = [int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, ())]
        os.umask(umask := os.umask(0))
        self.pid = _SERVER.start(arguments, env, cwd, streams, session=session, blocked=blocked, umask=umask)
        self._child_created = True
        self._pidfd = os.pidfd_open(self.pid)
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in ends))

    def _internal_poll(self, *values: Any, **named: Any) -> int | None:
        if self._pidfd is None:
            return super()._internal_poll(*values, **named)
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if self._pidfd is None:
            return super()._try_wait(wait_flags)
        ended = select.poll()
        ended.register(self._pidfd, select.POLLIN)
        if not ended.poll(0 if wait_flags & os.WNOHANG else None):
            return 0, 0
        os.close(self._pidfd)
        self._pidfd = None
        return self.pid, _SERVER.reap(self.pid)


def _can_be_forked(given: Mapping[str, Any], env: Mapping[str, str]) -> bool:
    args = given["args"]
    if not isinstance(args, list | tuple) or len(args) < 3 or os.fspath(args[0]) != sys.executable:
        return False
    if args[1] != "-m" or args[2] not in PROGRAMS or given["pass_fds"] or given["preexec_fn"] or given["shell"]:
        return False
    return _read_at_start(env) == _read_at_start(os.environ)


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_AT_START)}


# --- in the process itself -------------------------------------------------------------------------------------------


def main() -> None:
    """Imports the programs, and forks for each that is asked for; ends with the process that asks."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # else importing numpy starts threads
    # As `telwerkd.cli` says before it imports.
    os.environ |= {"GRPC_VERBOSITY": "NONE", "GRPC_ENABLE_FORK_SUPPORT": "0"}
    for module in {*PROGRAMS.values(), "telwerkd.cli.health", "uvicorn"}:
        importlib.import_module(module)
    for program, imported in PROGRAMS.items():
        if program == imported:
            del sys.modules[program]  # a module is run, where of a package its `__main__` is
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("an import starts threads, which a fork would leave behind")
    gc.freeze()
    while True:
        raw, streams, *_ = socket.recv_fds(control, _REQUEST_BYTES, _STREAMS)
        if not raw:
            return
        request = json.loads(raw)
        if "reap" in request:
            control.send(str(os.waitpid(request["reap"], 0)[1]).encode())
            continue
        pid = os.fork()
        if not pid:
            control.close()
            _become(request, streams)
            return
        control.send(str(pid).encode())
        for number in streams:
            os.close(number)


def _become(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    if request["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    signal.pthread_sigmask(signal.SIG_SETMASK, request["blocked"])
    sys.stdin = sys.__stdin__ = _stream(0, "r", sys.stdin)
    sys.stdout = sys.__stdout__ = _stream(1, "w", sys.stdout)
    sys.stderr = sys.__stderr__ = _stream(2, "w", sys.stderr)
    program, *arguments = request["arguments"]
    sys.argv = [program, *arguments]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


def _stream(number: int, mode: str, like: Any) -> io.TextIOWrapper:
    """A stream as an interpreter makes it when it starts; whether it is a terminal may be another thing now."""
    lines = number == 2 or os.isatty(number)
    binary: Any = open(number, f"{mode}b", closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(binary, like.encoding, like.errors, line_buffering=lines)


if __name__ == "__main__":
    main()
