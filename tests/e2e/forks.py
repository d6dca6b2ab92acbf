"""Child processes that need not import the program: one process has it imported and forks for each.

What comes of a fork is a process of its own, with its own pid, environment, streams and exit code, that may
be killed, paused and waited for. Tests that are about the start itself start Python; see `World.start`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

from evertape.sandbox import SandboxOptions
from evertape.sandbox.child import arguments as sandbox_arguments

_MESSAGE = 1 << 18
_SHORT = 64
_STREAMS = 3
_LONG = 600.0
_ROOT = Path(__file__).resolve().parents[2]


# In the test's process


class Fork:
    """A process that runs one command line; as much of `subprocess.Popen` as the tests use."""

    def __init__(self, arguments: Sequence[str], pid: int, status: socket.socket) -> None:
        self.args = list(arguments)
        self.pid = pid
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        """The exit code, negative where a signal ended it; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(1e-6)
        return None

    def wait(self, timeout: float) -> int:
        """The exit code. Raises subprocess.TimeoutExpired, and the process runs on."""
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                told = self._status.recv(_SHORT)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout) from None
            self._status.close()
            self.returncode = os.waitstatus_to_exitcode(int(told))
        return self.returncode

    def send_signal(self, number: int) -> None:
        """A signal, where it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Spoken(Fork):
    """One whose output is kept in files until it is asked for."""

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        with ExitStack() as stack:
            nothing = stack.enter_context(Path(os.devnull).open())
            self._files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(2)]
            streams = [file.fileno() for file in (nothing, *self._files)]
            fork = forked(module, arguments, environment, streams)
            self._open = stack.pop_all()
        self._told: tuple[str, str] | None = None
        super().__init__(fork.args, fork.pid, fork._status)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it said to stdout and stderr until its end."""
        self.wait(_LONG if timeout is None else timeout)
        if self._told is None:
            with self._open:
                for file in self._files:
                    file.seek(0)
                out, err = (file.read().decode() for file in self._files)
            self._told = out, err
        return self._told


@cache
def _nursery() -> socket.socket:
    """The process that forks, started once a test session and ended with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.forks", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            cwd=_ROOT,
            start_new_session=True,
        )

    def ended() -> None:
        ours.close()
        child.wait()

    atexit.register(ended)
    return ours


def forked(module: str, line: Sequence[str], environment: Mapping[str, str], streams: Sequence[int]) -> Fork:
    """Run the `main` of a module in a fork; `streams` are descriptors for its stdin, stdout and stderr."""
    nursery = _nursery()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {"module": module, "line": list(line), "environment": dict(environment), "cwd": str(Path.cwd())}
    with theirs:
        socket.send_fds(nursery, [json.dumps(request).encode()], [*streams, theirs.fileno()])
    return Fork([module, *line], int(ours.recv(_SHORT)), ours)


@contextmanager
def sandbox(options: SandboxOptions) -> Iterator[str]:
    """`evertape.sandbox.running`, its process forked; gives the URL."""
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("r+") as nothing:
        files = {}
        for name, content in (("faults", options.faults), ("vendors", options.vendors)):
            files[name] = content if content is None or isinstance(content, Path) else Path(folder) / name
            if content is not None and not isinstance(content, Path):
                (Path(folder) / name).write_text(json.dumps(content))
        reading, writing = os.pipe()
        with os.fdopen(reading) as said:
            line = sandbox_arguments(options, files["faults"], files["vendors"])
            child = forked("evertape.sandbox.__main__", line, os.environ, [nothing.fileno(), writing, 2])
            os.close(writing)
            url = said.readline().strip()
        assert url, f"the sandbox ended before it was ready: {child.wait(_LONG)}"
    try:
        yield url
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(_LONG)


# In the process that forks


LIBRARIES = ("asyncio", "curl_cffi", "pandas", "pyarrow.parquet", "xlsxwriter")
PARTS = (
    "evertape.__main__",
    "evertape.cli.session",
    "evertape.database.facade",
    "evertape.net.stack",
    "evertape.sandbox.__main__",
    "evertape.sandbox.server",
)
"""What command lines import only when they are at it."""


def _import_all() -> None:
    """What any command line may need."""
    from evertape.cli import VERBS

    for module, _ in VERBS.values():
        importlib.import_module(module)
    for name in (*LIBRARIES, *PARTS):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _become(
    request: dict[str, str], line: list[str], environment: dict[str, str], fds: list[int]
) -> NoReturn:
    """Go on as the process that was asked for."""
    for number, fd in enumerate(fds[:_STREAMS]):
        os.dup2(fd, number)
    for fd in fds:
        os.close(fd)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(request["cwd"])
    os.setsid()
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    sys.argv = [request["module"], *line]
    code: object = 1
    try:
        code = importlib.import_module(request["module"]).main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - told as the interpreter tells it
        traceback.print_exc()
    # As the end of the interpreter, but for taking apart all that was imported: that takes longer than most
    # command lines.
    threading._shutdown()  # type: ignore[attr-defined]
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _fork(requests: socket.socket, message: bytes, fds: list[int]) -> tuple[int, socket.socket]:
    """Fork for one request; the pid, told already, and where to tell how it ended."""
    request = json.loads(message)
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        requests.close()
        _become(request, request["line"], request["environment"], fds)
    status = socket.socket(fileno=fds.pop())
    for fd in fds:
        os.close(fd)
    status.send(str(pid).encode())
    return pid, status


def _serve(requests: socket.socket) -> None:
    """Fork for each request and tell its pid, then how it ended; ends when nobody can ask any more."""
    deaths, waking = os.pipe()
    os.set_blocking(deaths, False)
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    living: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([requests.fileno(), deaths], [], [])
        if deaths in ready:
            os.read(deaths, _MESSAGE)
            for pid in [*living]:
                ended, code = os.waitpid(pid, os.WNOHANG)
                if ended:
                    with living.pop(pid) as status, suppress(OSError):
                        status.send(str(code).encode())
        if requests.fileno() in ready:
            message, fds, _, _ = socket.recv_fds(requests, _MESSAGE, _STREAMS + 1)
            if not message:
                return
            child, status = _fork(requests, message, fds)
            living[child] = status


if __name__ == "__main__":
    _import_all()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        _serve(asked)
