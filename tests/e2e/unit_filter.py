"""unit_filter.py UNIT COMMAND...: runs a command under the SystemCallFilter and MemoryDenyWriteExecute of a systemd unit, without systemd as init:
a call that is not allowed fails with EPERM, as in the service. Needs systemd-analyze (for the names of the sets) and libseccomp."""

import ctypes
import errno
import os
import re
import subprocess
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 38, 65
SCMP_ACT_ALLOW = 0x7FFF0000
SCMP_ACT_EPERM = 0x00050000 | errno.EPERM


def calls_of(name):
    """The system calls of a set, those of the sets in it included."""
    if not name.startswith("@"):
        return {name}
    shown = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    members = [line.strip() for line in shown.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*map(calls_of, members))


def allowed_calls(unit):
    allowed = set()
    for value in re.findall(r"^SystemCallFilter=(.+)$", unit, re.M):
        names = set().union(*map(calls_of, value.lstrip("~").split()))
        allowed = allowed - names if value.startswith("~") else allowed | names
    assert len(allowed) > 100
    return allowed


def main():
    with open(sys.argv[1]) as file:
        unit = file.read()
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(SCMP_ACT_EPERM)))
    for name in allowed_calls(unit):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # else a call of other machines
            assert seccomp.seccomp_rule_add(context, ctypes.c_uint32(SCMP_ACT_ALLOW), number, 0) == 0, name
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if "MemoryDenyWriteExecute=yes" in unit and libc.prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0:
        print("unit_filter: this kernel knows no PR_SET_MDWE; going on without", file=sys.stderr)
    assert seccomp.seccomp_load(context) == 0
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
