"""Returns everything a Python function can see of its process that must not tell how the process was started."""

import sys

MODULES_AT_IMPORT = sorted(sys.modules)
TYPES_AT_IMPORT = sorted(kind.__module__ + "." + kind.__qualname__ for kind in object.__subclasses__())
DESCRIPTORS_AT_IMPORT = sorted(__import__("posix").listdir("/proc/self/fd"))

import builtins
import locale
import os
import posix
import random
import re
import signal
import subprocess
import time

STEADY = re.compile(
    "(Umask|Uid|Gid|FDSize|Groups|NSpid|NSpgid|NSsid|Threads|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Cap.*|NoNewPrivs"
    "|Seccomp.*|TracerPid|Cpus_allowed|Mems_allowed):"
)


def text(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "backslashreplace")


def descriptors():
    found = {}
    for number in range(128):
        try:
            found[number] = os.readlink("/proc/self/fd/%d" % number).partition("[")[0]
        except OSError:
            pass
    return found


def mounts():
    lines = [line.split(" ") for line in text("/proc/self/mountinfo").splitlines()]
    return [fields[4:fields.index("-") + 2] for fields in lines]


def handler(event, context):
    seen = {
        "variables": list(os.environ.items()),
        "first variables": [[name.decode(), value.decode()] for name, value in posix.environ.items()],
        "variables of a child": subprocess.run(["/usr/bin/env"], stdout=subprocess.PIPE).stdout.decode(),
        "environ": text("/proc/self/environ"),
        "command line": text("/proc/self/cmdline"),
        "name": text("/proc/self/comm"),
        "status": [line for line in text("/proc/self/status").splitlines() if STEADY.match(line)],
        "limits": text("/proc/self/limits"),
        "cgroup": text("/proc/self/cgroup"),
        "oom": text("/proc/self/oom_score_adj"),
        "mounts": mounts(),
        "descriptors": descriptors(),
        "root": {name: sorted(os.listdir(name)) for name in ("/", "/var", "/var/task", "/opt", "/tmp")},
        "directory": os.getcwd(),
        "executable": os.path.realpath("/proc/self/exe"),
        "ids": [os.getpid(), os.getppid(), os.getsid(0), os.getpgrp(), os.getuid(), os.getgid(), os.getgroups()],
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "scheduler": [os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))],
        "signals": [str(signal.getsignal(number)) for number in range(1, 65)],
        "masked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "argv": sys.argv,
        "orig_argv": getattr(sys, "orig_argv", None),
        "flags": str(sys.flags),
        "options": [str(sys.warnoptions), str(sys._xoptions)],
        "path": sys.path,
        "searched": sorted(sys.path_importer_cache),
        "finders": [str(type(finder)) for finder in sys.meta_path],
        "modules": MODULES_AT_IMPORT,
        "types": TYPES_AT_IMPORT,
        "descriptors at import": DESCRIPTORS_AT_IMPORT,
        "builtins": sorted(vars(builtins)),
        "prefixes": [sys.prefix, sys.exec_prefix, sys.executable],
        "streams": [
            [stream.encoding, stream.errors, stream.line_buffering, stream.seekable(), stream.isatty()]
            for stream in (sys.stdin, sys.stdout, sys.stderr)
        ],
        "encodings": [sys.getfilesystemencoding(), locale.setlocale(locale.LC_ALL), locale.getpreferredencoding()],
        "time zone": [time.tzname, time.timezone, time.strftime("%Z")],
    }
    own = {
        "hash": hash("firelight"),
        "random": random.random(),
        "address": id(object()),
        "module": os.path.abspath(__file__),
        "clock": abs(time.time() - float(event["now"])),
    }
    return {"seen": seen, "own": own}
