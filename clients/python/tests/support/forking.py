"""A program that forks while its guard works: every child decides by itself, and the parent goes on. It is told the
guard's settings and a token by the environment, and says at each step what it found."""

import json
import os
import sys
import threading
import warnings

from sessionwire_guard import Guard, GuardError

# That a program with threads forks is what is tried here.
warnings.simplefilter("ignore", DeprecationWarning)
CHILDREN = 10
TOKEN = os.environ["GUARD_TOKEN"]
guard = Guard(**json.loads(os.environ["GUARD_SETTINGS"]))


def says() -> str:
    try:
        guard.check(TOKEN)
    except GuardError as error:
        return error.code
    return "good"


def child() -> str:
    """What a child says, which must not hang whatever its parent was doing."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        told = says() + f" {threading.active_count()}"
        guard.close()
        os.write(write, f"{told} {threading.active_count()}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return told


stop = threading.Event()


def busy() -> None:
    """Holds the guard's lock as often as it can."""
    while not stop.is_set():
        says()


print("first", says(), flush=True)
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(CHILDREN):
    print("child", child(), flush=True)
stop.set()
for thread in threads:
    thread.join()
sys.stdin.readline()
print("parent", says(), flush=True)
print("child", child(), flush=True)
