"""Runs a command on a terminal of its own: terminal.py INPUT COMMAND...

INPUT is a list of steps, divided by "|": text to type (with \\n and \\xNN), or
"?text" to wait until the command has written that. Prints all that the command
wrote, then its status, and whether the terminal's mode is as it was before.
TERMINAL_COLUMNS in the environment is how wide the terminal is.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

steps = [s.encode().decode("unicode_escape").encode("latin-1") for s in sys.argv[1].split("|")]
master, slave = pty.openpty()
columns = int(os.environ.get("TERMINAL_COLUMNS", 80))
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    for fd in range(3):
        os.dup2(slave, fd)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.close(master)
    os.execvp(sys.argv[2], sys.argv[2:])

seen, start, status = b"", 0, None
deadline = time.time() + 15
while time.time() < deadline:
    while steps and (not steps[0].startswith(b"?") or steps[0][1:] in seen[start:]):
        step = steps.pop(0)
        if step.startswith(b"?"):
            start = seen.index(step[1:], start) + len(step) - 1
        else:
            os.write(master, step)
    if select.select([master], [], [], 0.02)[0]:
        seen += os.read(master, 65536)
    elif status is not None:
        break
    elif os.waitpid(pid, os.WNOHANG)[0] != 0:
        status = True
if status is None:
    os.kill(pid, 9)
sys.stdout.buffer.write(seen.replace(b"\r\n", b"\n"))
same = termios.tcgetattr(slave) == before
print("[%s, mode %s]" % ("ended" if status else "hung", "restored" if same else "changed"))
