"""Memory and processor time of the server's processes, read from /proc; nothing where there is none."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# What a process does, by a word of its command line; the first that is there counts.
KINDS = {b"granian": "server", b"worker": "jobs", b"registry.web.server": "supervisor"}


@dataclass
class Usage:
    """The processes of one kind: how many, their memory in bytes, their processor time in seconds."""

    processes: int = 0
    memory: int = 0
    seconds: float = 0.0


def usage(root: int) -> dict[str, Usage]:
    """What the process `root` and all below it use, by kind; time includes that of children that have ended."""
    page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    parents, states = {}, {}
    for entry in PROC.glob("[0-9]*/stat"):
        try:
            fields = entry.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue  # it ended just now
        parents[int(entry.parent.name)] = int(fields[1])
        states[int(entry.parent.name)] = fields
    family = {root} & set(parents)
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    found: dict[str, Usage] = defaultdict(Usage)
    for pid in family:
        fields = states[pid]
        one = found[kind_of(pid)]
        one.processes += 1
        one.memory += int(fields[21]) * page
        # utime, stime, and what children that were waited for had used: a worker that is replaced takes nothing away.
        one.seconds += sum(int(fields[place]) for place in (11, 12, 13, 14)) / tick
    return found


def kind_of(pid: int) -> str:
    """What a process of the server does: server, jobs, supervisor or other."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "other"
    return next((kind for word, kind in KINDS.items() if word in words), "other")
