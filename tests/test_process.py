"""Jobs end with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.files import ROOT
from common.process import die_with

JOB = "import os, time; from common.process import die_with; die_with(int({parent})); {then}"
WAITING = "print(os.getpid(), flush=True); time.sleep(60)"
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1]])
time.sleep(60)
"""


def is_running(process):
    """Whether the process is there and no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_parent_takes_its_job_with_it():
    job = JOB.format(parent="os.getppid()", then=WAITING)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, job], cwd=ROOT, stdout=subprocess.PIPE
    ) as parent:
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        give_up = time.monotonic() + 10
        while is_running(child) and time.monotonic() < give_up:
            time.sleep(0.02)
        assert not is_running(child)


def test_a_job_whose_parent_is_gone_already_ends_at_once():
    job = JOB.format(parent=2**22 + 1, then="print('still here')")
    done = subprocess.run([sys.executable, "-c", job], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_job_with_its_parent_alive_goes_on():
    job = JOB.format(parent=os.getpid(), then="print('still here')")
    done = subprocess.run([sys.executable, "-c", job], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"still here\n")


def test_without_a_parent_nothing_is_done():
    die_with(None)
