"""Starts the programs of the project from a process that has imported them.

`telwerkd serve` spends two seconds of a slow core on imports, and the process that writes for it most of one more; the
tests start some hundreds of both. Here a process imports them once, and forks for each start: what runs is the same
`main`, in a process of its own, with its own arguments, environment, streams and session, and a child of the one that
asked for it. `TELWERK_TEST_EXEC=1` starts each as its users do (`make test-long`).
"""

import ctypes
import fcntl
import gc
import importlib
import inspect
import io
import json
import os
import platform
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from telwerkd.storage.sqlite.writer.launch import PROGRAM as WRITER

PROGRAMS: Final = {
    "telwerkd": "telwerkd.cli.app",
    "telwerkd.cli": "telwerkd.cli.app",
    "telwerk.cli": "telwerk.cli.main",
    "telwerk_bridges.cli": "telwerk_bridges.cli",
    WRITER: "telwerkd.storage.sqlite.writer.connection",
}
"""What `python -m` may be told to run, and what is imported for it beforehand."""
_SERVERS: Final = ("telwerkd", "telwerkd.cli")

_AT_START: Final = ("PYTHON", "LC_", "LANG", "GRPC_", "OTEL_", "MALLOC_")
"""How variables begin that are read while an interpreter starts, or while it imports: they must be as they are here."""

_REQUEST_BYTES: Final = 2**18
_STREAMS: Final = 3
_DESCRIPTORS_MAX: Final = 16
_PASSED_FROM: Final = 500
"""Descriptors that are passed wait above this for their own numbers to be free."""
_EXECUTES = subprocess.Popen._execute_child  # type: ignore[attr-defined]  # there is no public way in
_PARAMETERS: Final = tuple(inspect.signature(_EXECUTES).parameters)[1:]


class _Here:
    """What runs here, and from where it imports: some tests say others."""

    executable: Final = sys.executable
    path: Final = os.pathsep.join(sys.path)


class ForkServer:
    """A process that forks, as seen from its parent; started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None

    def start(self, request: Mapping[str, Any], descriptors: Sequence[int]) -> int:
        """Starts a program; its process id."""
        with self._lock:
            if self._control is None:
                self._control = _started()
            socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
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


class OneFork:
    """A child of a server, forked before it had threads, which becomes the process that writes for it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._pid = os.fork()
        if self._pid:
            theirs.close()
            return
        self._control.close()
        with theirs:
            raw, descriptors, *_ = socket.recv_fds(theirs, _REQUEST_BYTES, _DESCRIPTORS_MAX)
        if not raw:
            os._exit(0)
        _become(json.loads(raw), descriptors)
        raise SystemExit(0)

    def start(self, request: Mapping[str, Any], descriptors: Sequence[int]) -> int:
        """Starts a program; its process id. Raises OSError if it has done so, or has ended."""
        with self._control as control:
            socket.send_fds(control, [json.dumps(request).encode()], descriptors)
        return self._pid


class Popen(subprocess.Popen[Any]):
    """`subprocess.Popen`, which has programs of the project forked, where nothing speaks against it."""

    forks: ForkServer | OneFork = ForkServer()

    def _execute_child(self, *values: Any) -> None:
        given = dict(zip(_PARAMETERS, values, strict=True))
        env = os.environ if given["env"] is None else given["env"]
        arguments = _arguments(given, env)
        if not arguments or (isinstance(self.forks, OneFork) and arguments[0] != WRITER):
            _EXECUTES(self, *values)
            return
        pipes = [given[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        streams = [number if pipe == -1 else pipe for number, pipe in enumerate(pipes)]
        passed = list(given["pass_fds"])
        os.umask(umask := os.umask(0))
        request = {
            "arguments": arguments,
            "env": dict(env),
            "cwd": os.fspath(given["cwd"] or Path.cwd()),
            "session": given["start_new_session"],
            "blocked": [int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
            "umask": umask,
            "passed": passed,
        }
        try:
            self.pid = self.forks.start(request, [*streams, *passed])
        except OSError:
            if isinstance(self.forks, ForkServer):
                raise
            _EXECUTES(self, *values)  # a second writer: it comes about as that of a server of a user does
            return
        self._child_created = True
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in ends))  # type: ignore[attr-defined]  # nor here


def _arguments(given: Mapping[str, Any], env: Mapping[str, str]) -> list[str]:
    """The program and its arguments; empty if it must be executed."""
    args = given["args"]
    if not isinstance(args, list | tuple) or given["preexec_fn"] or given["shell"]:
        return []
    match list(map(os.fspath, args)):
        case [_Here.executable, "-m", program, *arguments] if program in PROGRAMS and not given["pass_fds"]:
            return [program, *arguments] if _read_at_start(env) == _read_at_start(os.environ) else []
        case [_Here.executable, "-P", "-m", program, *arguments] if program == WRITER:
            return [program, *arguments] if env["PYTHONPATH"] == _Here.path else []
    return []


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
        raw, descriptors, *_ = socket.recv_fds(control, _REQUEST_BYTES, _DESCRIPTORS_MAX)
        if not raw:
            return
        pid = _sibling()
        if not pid:
            control.close()
            _become(json.loads(raw), descriptors)
            return
        control.send(str(pid).encode())
        for number in descriptors:
            os.close(number)


_PR_GET_TID_ADDRESS: Final = 40
_CLONE_PARENT: Final = 0x8000
_CLONE_TID: Final = 0x0100_0000 | 0x0020_0000  # CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID
_CLONE: Final = {"x86_64": (56, (0, 0, 1, 0)), "aarch64": (220, (0, 0, 0, 1))}
"""By machine: the number of the call, and which of stack, parent_tid and what follows is the address for the child."""


def _sibling() -> int:
    """As `os.fork`, with a child that is its parent's: who asks for a program waits for it, and may stop it."""
    c = ctypes.PyDLL(None)  # it keeps the interpreter's lock, as a fork does
    # The C library keeps a thread's number, here, and has the kernel write the child's.
    thread = ctypes.c_void_p()
    c.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(thread), None, None, None)
    clone, order = _CLONE[platform.machine()]
    c.PyOS_BeforeFork()
    pid = c.syscall(clone, _CLONE_PARENT | _CLONE_TID | signal.SIGCHLD, *((thread if each else None) for each in order))
    if pid:
        c.PyOS_AfterFork_Parent()
    else:
        c.PyOS_AfterFork_Child()
    if pid < 0:
        raise OSError("no further process can be made")
    return int(pid)


def _become(request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    if request["session"]:
        os.setsid()
    _take(descriptors, request["passed"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    signal.pthread_sigmask(signal.SIG_SETMASK, request["blocked"])
    # What an interpreter sets as it starts, and nobody later: this one starts a second time.
    sys.stdin = sys.__stdin__ = _stream(0, "r", sys.stdin)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", sys.stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", sys.stderr)  # type: ignore[misc]
    program, *arguments = request["arguments"]
    sys.argv = [program, *arguments]
    Path("/proc/self/comm").write_text(".".join(program.split(".")[-2:]), encoding="ascii")
    if program in _SERVERS and "serve" in arguments:
        setattr(subprocess, "Popen", Popen)  # noqa: B010  # a class, which is not assigned to
        Popen.forks = OneFork()
    runpy.run_module(program, run_name="__main__", alter_sys=True)


def _take(descriptors: Sequence[int], passed: Sequence[int]) -> None:
    """Gives the streams, and what is passed, the numbers that they have where they come from."""
    above = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _PASSED_FROM) for number in descriptors]
    for number in descriptors:
        os.close(number)
    for number, place in zip(above, [*range(_STREAMS), *passed], strict=True):
        os.dup2(number, place)
        os.close(number)


def _stream(number: int, mode: str, like: Any) -> io.TextIOWrapper:
    """A stream as an interpreter makes it when it starts; whether it is a terminal may be another thing now."""
    lines = number == 2 or os.isatty(number)
    binary: Any = open(number, f"{mode}b", closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(binary, like.encoding, like.errors, line_buffering=lines)


if __name__ == "__main__":
    main()
