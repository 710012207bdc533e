"""A spool has one owner: no two processes, whatever was forked; and a killed one leaves it whole."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telwerk import Telwerk
from telwerk.sending import SenderError, SpoolError
from tests.client.senders import action
from tests.client.spooling import AWAY, names_in, opened, run
from tests.client.test_forking import in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def client() -> Iterator[Telwerk]:
    with Telwerk(AWAY) as client:
        yield client


def test_a_second_sender_on_the_file_is_refused_by_whatever_name_and_a_third_after_the_first_is_closed(
    client: Telwerk, spool: Path
) -> None:
    link = spool.with_name("link.db")
    link.symlink_to(spool)
    with opened(client, spool) as sender:
        for name in (spool, link):
            with pytest.raises(SpoolError, match=f"another sender has the spool {spool}, in this or another process"):
                opened(client, name)
        sender.add(action(1))
    with opened(client, link) as sender:
        sender.add(action(2))
    assert names_in(spool) == ["e1", "e2"]


def test_a_spool_with_a_second_name_by_a_hard_link_is_refused_under_each(client: Telwerk, spool: Path) -> None:
    link = spool.with_name("link.db")
    opened(client, spool).close()
    link.hardlink_to(spool)
    for name in (spool, link):
        with pytest.raises(SpoolError, match=f"the spool {name} cannot be opened: it has another name, by a hard link"):
            opened(client, name)
    link.unlink()
    opened(client, spool).close()


OWNER = """
    import os, sys, time
    from telwerk import EventSender, Telwerk
    from tests.client.senders import action
    sender = EventSender(Telwerk("127.0.0.1:1"), "acme", spool={spool!r})
    sender.add(action(1))
    if {forks}:
        child = os.fork()
        if not child:
            print(os.getpid(), flush=True)
            sys.stdin.readline()  # the child outlives its parent, and then ends in order
            sender._spool._file._connection.close()  # what an interpreter may do at its end
            sys.exit()
    for number in range(2, 10):
        sender.add(action(number))
    print("added", flush=True)
    time.sleep(60)
"""


@contextmanager
def owner(spool: Path, *, forks: bool) -> "Iterator[subprocess.Popen[str]]":
    """A process that has added nine events. A child that it has forked after the first lives until it reads a line."""
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(OWNER.format(spool=str(spool), forks=forks))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "added\n" in [process.stdout.readline() for _ in range(1 + forks)]
            yield process
        finally:
            process.kill()


def killed(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)


def orphan_ends(process: "subprocess.Popen[str]") -> None:
    """Its child ends in order, which closes all that Python knows to be open."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.read() == ""


NINE = [f"e{number}" for number in range(1, 10)]


@pytest.mark.parametrize("forks", [False, True])
def test_another_process_has_the_file_until_it_is_killed_even_if_it_has_forked(
    client: Telwerk, spool: Path, *, forks: bool
) -> None:
    with owner(spool, forks=forks) as process:
        with pytest.raises(SpoolError, match=f"another sender has the spool {spool}"):
            opened(client, spool)
        killed(process)
        with opened(client, spool) as sender:
            assert sender.held_count == 9
            if forks:
                orphan_ends(process)
            sender.add(action(10))
    assert names_in(spool) == [*NINE, "e10"]


def test_an_orphan_that_ends_after_its_parent_takes_nothing_out_of_the_file(spool: Path) -> None:
    with owner(spool, forks=True) as process:
        killed(process)
        orphan_ends(process)
    assert names_in(spool) == NINE


def test_a_child_never_writes_to_its_parents_spool_and_says_so(client: Telwerk, spool: Path) -> None:
    with opened(client, spool) as sender:
        sender.add(action(1))

        def does() -> None:
            for attempt in (lambda: sender.add(action(2)), sender.flush):
                with pytest.raises(SenderError, match="forked"):
                    attempt()
            sender.close()
            with Telwerk(AWAY) as own, pytest.raises(SpoolError, match="another sender has the spool"):
                opened(own, spool)
            with Telwerk(AWAY) as own, opened(own, spool.with_name("own.db")) as other:
                other.add(action(3))

        for _ in range(3):
            assert in_child(does) == 0
            sender.add(action(4))
    assert names_in(spool) == ["e1", "e4", "e4", "e4"]
    assert names_in(spool.with_name("own.db")) == ["e3"] * 3


def test_forks_while_threads_add_lose_nothing(spool: Path) -> None:
    program = f"""
        import os, sys, threading
        from telwerk import EventSender, Telwerk
        from tests.client.senders import action
        sender = EventSender(Telwerk({AWAY!r}), "acme", spool={str(spool)!r}, close_seconds=0)
        def adds(first):
            for number in range(first, first + 200):
                sender.add(action(number))
        threads = [threading.Thread(target=adds, args=[first]) for first in range(0, 800, 200)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            if not (child := os.fork()):
                sys.exit()
            os.waitpid(child, 0)
        sender.close()
    """
    done = run(program)
    assert done.returncode == 0, done
    assert set(names_in(spool)) == {f"e{number}" for number in range(800)}
    assert len(names_in(spool)) == 800
