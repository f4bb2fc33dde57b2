"""The same calls on Linux's own sockets and on those of libfathom, over loopback: their answers are the same.

Its argument is the library. Each scenario runs on libfathom first; Linux, where packets take their time, may answer
EAGAIN for a while where another answer is expected, and poll may be asked again. Needs no privilege, and keeps to
addresses and ports of its own.
"""

import ctypes
import errno
import os
import socket
import struct
import sys
import time

lib = ctypes.CDLL(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
lib.fathom_new.restype = ctypes.c_void_p

INT, LENGTH, POINTER, WORD = ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_uint32
CALLS = {
    "socket": [INT, INT, INT], "bind": [INT, POINTER, WORD], "listen": [INT, INT],
    "accept4": [INT, POINTER, POINTER, INT], "connect": [INT, POINTER, WORD],
    "recv": [INT, POINTER, LENGTH, INT], "send": [INT, POINTER, LENGTH, INT],
    "sendto": [INT, POINTER, LENGTH, INT, POINTER, WORD], "shutdown": [INT, INT], "close": [INT],
    "getsockname": [INT, POINTER, POINTER], "getpeername": [INT, POINTER, POINTER],
    "getsockopt": [INT, INT, INT, POINTER, POINTER], "setsockopt": [INT, INT, INT, POINTER, WORD],
    "fcntl": [INT, INT, INT], "ioctl": [INT, ctypes.c_ulong, POINTER], "poll": [POINTER, ctypes.c_ulong],
}
WITH_LENGTH = ("recv", "send", "sendto")
# What Linux may answer while packets are under way.
UNDER_WAY = ("EAGAIN", "EALREADY")
PATIENCE = 10

process = os.getpid()
HOST = f"127.{process % 199 + 1}.{process // 199 % 256}.{process // 50944 % 200 + 3}"
PORT = 10000 + process * 47 % 20000
FIONREAD, TIOCOUTQ, SIOCATMARK, FIONBIO = 0x541B, 0x5411, 0x8905, 0x5421
EVERYTHING = 0x2000 | 0x100 | 0x40 | 4 | 2 | 1


class Fathom:
    def __init__(self):
        self.host = POINTER(lib.fathom_new(b"address=192.0.2.1/24"))

    def call(self, name, *arguments):
        function = getattr(lib, "fathom_" + name)
        function.argtypes = [POINTER] + CALLS[name]
        function.restype = ctypes.c_ssize_t if name in WITH_LENGTH else INT
        return function(self.host, *arguments)


class Linux:
    def call(self, name, *arguments):
        function = getattr(libc, name)
        function.argtypes = CALLS[name] + ([INT] if name == "poll" else [])
        function.restype = ctypes.c_ssize_t if name in WITH_LENGTH else INT
        result = function(*arguments, *([0] if name == "poll" else []))
        return result if result >= 0 else -ctypes.get_errno()


def address(host, port):
    if ":" in host:
        return struct.pack("<H", 10) + struct.pack(">HI", port, 0) + socket.inet_pton(10, host) + bytes(4)
    return struct.pack("<H", 2) + struct.pack(">H", port) + socket.inet_pton(2, host) + bytes(8)


class Run:
    """One run of a scenario: what was called, and what the answers were."""

    def __init__(self, system, expected=None):
        self.system, self.expected, self.answers, self.fds = system, expected, [], {}

    def note(self, what, ask, done=lambda answer: answer not in UNDER_WAY):
        """Asks, on Linux again while the answer may still become the expected one, and notes the answer."""
        expected = self.expected[len(self.answers)][1] if self.expected else None
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = ask()
            if isinstance(answer, int) and answer < 0:
                answer = errno.errorcode.get(-answer, answer)
            late = time.monotonic() > deadline
            if self.expected is None or answer == expected or done(answer) or late:
                break
            time.sleep(0.001)
        self.answers.append((what, answer))
        return answer

    def call(self, name, fd, *arguments, label=None):
        label = label or f"{name} {fd} {arguments}"
        self.note(label, lambda: self.system.call(name, self.fds[fd], *arguments))

    def socket(self, fd, family, kind, protocol=0):
        self.fds[fd] = self.system.call("socket", family, kind | os.O_NONBLOCK, protocol)
        self.note(f"socket {fd}", lambda: min(self.fds[fd], 0))

    def bind(self, fd, host=HOST, port=PORT, cut=None):
        name = address(host, port)
        self.call("bind", fd, name, cut or len(name), label=f"bind {fd} {host}:{port - PORT} {cut}")

    def connect(self, fd, host=HOST, port=PORT):
        name = address(host, port)
        self.call("connect", fd, name, len(name), label=f"connect {fd} {host}")

    def disconnect(self, fd):
        self.call("connect", fd, bytes(16), 16, label=f"connect {fd} AF_UNSPEC")

    def accept(self, fd, accepted):
        def ask():
            self.fds[accepted] = self.system.call("accept4", self.fds[fd], None, None, os.O_NONBLOCK)
            return min(self.fds[accepted], 0)

        self.note(f"accept {fd}", ask)

    def poll(self, fd):
        entry = ctypes.create_string_buffer(8)

        def ask():
            entry.raw = struct.pack("<ihh", self.fds[fd], EVERYTHING, 0)
            self.system.call("poll", entry, 1)
            return hex(struct.unpack("<ihh", entry.raw)[2])

        self.note(f"poll {fd}", ask, done=lambda answer: False)

    def read(self, fd, length=16, flags=0):
        data = ctypes.create_string_buffer(length + 1)

        def ask():
            read = self.system.call("recv", self.fds[fd], data, length, flags)
            return read if read < 0 else (read, data.raw[: min(read, length)])

        self.note(f"recv {fd} {length} {flags}", ask)

    def write(self, fd, data=b"x", flags=0):
        self.call("send", fd, data, len(data), flags)

    def send_to(self, fd, data, host=HOST, port=PORT, cut=None, flags=0):
        name = address(host, port)
        label = f"sendto {fd} {host} {cut}"
        self.call("sendto", fd, data, len(data), flags, name, cut or len(name), label=label)

    def set(self, fd, level, option, value):
        value = struct.pack("<i", value) if isinstance(value, int) else value
        self.call("setsockopt", fd, level, option, value, len(value))

    def get(self, fd, level, option, room=4):
        value, length = ctypes.create_string_buffer(room), WORD(room)

        def ask():
            got = self.system.call("getsockopt", self.fds[fd], level, option, value, ctypes.byref(length))
            return got if got < 0 else value.raw[: length.value].hex()

        self.note(f"getsockopt {fd} {level} {option}", ask)

    def count(self, fd, request):
        value = INT(-7)
        ask = lambda: self.system.call("ioctl", self.fds[fd], request, ctypes.byref(value)) or value.value
        self.note(f"ioctl {fd} {request:#x}", ask, done=lambda answer: False)

    def name(self, fd, call="getsockname"):
        name, length = ctypes.create_string_buffer(28), WORD(28)

        def ask():
            got = self.system.call(call, self.fds[fd], name, ctypes.byref(length))
            return got if got < 0 else name.raw[: length.value].hex()

        self.note(f"{call} {fd}", ask)

    # What several scenarios begin with.

    def listen(self, fd="listener", backlog=2):
        self.socket(fd, 2, 1)
        self.set(fd, 1, 2, 1)
        self.bind(fd)
        self.call("listen", fd, backlog)

    def pair(self):
        self.listen()
        self.socket("a", 2, 1)
        self.connect("a")
        self.poll("listener")
        self.accept("listener", "b")

    def reset(self, fd):
        """Closes with SO_LINGER of 0."""
        self.set(fd, 1, 13, struct.pack("<ii", 1, 0))
        self.call("close", fd)


def fresh(run):
    run.socket("s", 2, 1)
    run.poll("s")
    run.name("s")
    run.name("s", "getpeername")
    run.read("s")
    run.write("s")
    run.call("shutdown", "s", 1)
    run.call("shutdown", "s", 7)
    run.count("s", FIONREAD)
    run.count("s", TIOCOUTQ)
    run.call("listen", "s", 1)
    run.poll("s")
    run.read("s")
    run.write("s")
    run.connect("s", HOST, PORT + 9)
    run.call("shutdown", "s", 1)
    run.get("s", 1, 30)
    run.call("shutdown", "s", 0)
    run.poll("s")
    run.get("s", 1, 30)


def kinds(run):
    for family in (0, 2, 10, 45, 99):
        # SOCK_SEQPACKET and SOCK_DCCP are left out: modules of a kernel may have them.
        for kind in (0, 1, 2, 4, 7, 11, 12, 15, 0x11):
            for protocol in (0, 6, 17, 255, -1, 300):
                run.socket((family, kind, protocol), family, kind, protocol)


def connection(run):
    run.listen()
    run.poll("listener")
    run.accept("listener", "nobody")
    run.bind("listener", HOST, PORT + 1)
    run.socket("a", 2, 1)
    run.connect("a")
    run.poll("a")
    run.connect("a")
    run.connect("a")
    run.poll("listener")
    run.accept("listener", "b")
    run.poll("b")
    run.name("b")
    run.name("a", "getpeername")
    run.name("listener", "getpeername")
    run.read("b")
    run.write("a", b"hello")
    run.poll("b")
    run.count("b", FIONREAD)
    run.count("listener", FIONREAD)
    run.count("b", SIOCATMARK)
    for length, flags in ((3, 2), (3, 0x20), (16, 0x22), (16, 0), (16, 1), (16, 0x2000)):
        run.read("b", length, flags)
    run.get("a", 1, 3)
    run.get("a", 1, 4)
    run.get("b", 6, 1)
    run.call("shutdown", "a", 1)
    run.poll("b")
    run.poll("a")
    run.write("a")
    run.read("b")
    run.read("b")
    run.write("b", b"back")
    run.poll("a")
    run.read("a")
    run.call("shutdown", "b", 1)
    run.poll("a")
    run.poll("b")
    run.read("a")
    run.name("a", "getpeername")
    run.call("shutdown", "a", 0)
    run.call("shutdown", "b", 2)
    run.write("b")
    run.read("b")
    run.connect("a")
    run.poll("a")


def reading_shut(run):
    run.pair()
    run.call("shutdown", "b", 0)
    run.poll("b")
    run.read("b")
    run.write("a", b"abc")
    run.count("b", FIONREAD)
    run.read("b")
    run.read("b")
    run.write("b", b"z")
    run.poll("a")
    run.read("a")
    run.call("shutdown", "listener", 0)
    run.poll("listener")
    run.accept("listener", "c")
    run.bind("listener", HOST, PORT + 1)
    run.name("listener")
    run.call("listen", "listener", 2)
    run.poll("listener")


def refused(run):
    run.socket("s", 2, 1)
    run.connect("s")
    run.poll("s")
    run.write("s")
    run.poll("s")
    run.read("s")
    run.write("s")
    run.connect("s")
    run.poll("s")
    run.get("s", 1, 4)
    run.connect("s")
    run.poll("s")
    run.connect("s")
    run.connect("s")
    run.poll("s")
    run.get("s", 1, 4)
    run.call("shutdown", "s", 2)
    run.connect("s")
    run.disconnect("s")
    run.connect("s")


def reset(run):
    run.pair()
    run.reset("b")
    run.poll("a")
    run.write("a")
    run.write("a")
    run.read("a")
    run.poll("a")
    run.name("a", "getpeername")
    run.connect("a")
    run.disconnect("a")
    run.connect("a")
    run.poll("a")
    run.connect("a")


def reset_behind_data(run):
    run.pair()
    run.write("b", b"data")
    run.poll("a")
    run.reset("b")
    run.poll("a")
    run.count("a", FIONREAD)
    run.read("a")
    run.read("a")
    run.read("a")
    run.write("a")


def reset_after_the_end(run):
    run.pair()
    run.call("close", "b")
    run.poll("a")
    run.write("a")
    run.poll("a")
    run.write("a")
    run.read("a")
    run.get("a", 1, 4)
    run.poll("a")


def unread_data(run):
    run.pair()
    run.write("a", b"data")
    run.count("b", FIONREAD)
    run.call("close", "b")
    run.poll("a")
    run.read("a")
    run.read("a")


def gone_before_it_is_accepted(run):
    run.listen()
    run.socket("a", 2, 1)
    run.connect("a")
    run.poll("a")
    run.reset("a")
    run.poll("listener")
    run.accept("listener", "b")
    run.poll("b")
    run.read("b")
    run.name("b", "getpeername")


def ended_before_it_is_accepted(run):
    run.listen()
    run.socket("a", 2, 1)
    run.connect("a")
    run.poll("a")
    run.write("a", b"bye")
    run.call("close", "a")
    run.poll("listener")
    run.accept("listener", "b")
    run.count("b", FIONREAD)
    run.read("b")
    run.read("b")


def binding(run):
    for number, (host, port) in enumerate(
        [(HOST, PORT), ("0.0.0.0", PORT), ("127.0.0.2", PORT), ("8.8.8.8", PORT + 1), (HOST, PORT)]
    ):
        run.socket(number, 2, 1)
        run.bind(number, host, port)
    run.socket("v", 10, 1)
    run.bind("v", "::", PORT)
    run.bind("v", HOST, PORT + 1)
    run.bind("v", "::1", PORT + 1, 20)
    run.bind("v", "::1", PORT + 1)
    run.bind("v", "::1", PORT + 2)
    run.socket("only", 10, 1)
    run.set("only", 41, 26, 1)
    run.bind("only", "::ffff:" + HOST, PORT + 3)
    run.bind("only", "::", PORT)
    run.name("only")
    run.set("only", 41, 26, 0)
    run.socket("mapped", 10, 1)
    run.bind("mapped", "::ffff:" + HOST, PORT + 4)
    run.name("mapped")
    run.socket("w", 2, 1)
    run.bind("w", HOST, PORT + 4)
    run.bind("w", "0.0.0.0", PORT + 4)
    run.bind("w", "::1", PORT + 4)


def two_listeners(run):
    for fd in "ab":
        run.socket(fd, 2, 1)
        run.set(fd, 1, 2, 1)
        run.bind(fd)
    run.call("listen", "a", 1)
    run.call("listen", "b", 1)
    run.socket("c", 2, 1)
    run.set("c", 1, 2, 1)
    run.bind("c")
    run.call("listen", "a", -1)
    run.connect("a")


def datagrams(run):
    run.socket("a", 2, 2)
    run.poll("a")
    run.name("a")
    run.read("a")
    run.write("a")
    run.call("shutdown", "a", 2)
    run.read("a")
    run.poll("a")
    run.socket("b", 2, 2)
    run.bind("b")
    run.bind("b", HOST, PORT + 1)
    run.call("listen", "b", 1)
    run.accept("b", "c")
    run.socket("d", 2, 2)
    run.connect("d")
    run.write("d", b"hello")
    run.poll("b")
    run.count("b", FIONREAD)
    run.read("b", 2, 0x22)
    run.read("b", 2, 0x20)
    run.read("b")
    run.write("d", b"")
    run.poll("b")
    run.read("b")
    run.read("b", 4, 1)
    run.read("b", 4, 0x2000)
    run.send_to("d", b"x", HOST, 0)
    run.send_to("d", b"x", "::1")
    run.send_to("d", b"x", cut=8)
    run.send_to("d", b"x", flags=1)
    run.send_to("d", bytes(65507))
    run.read("b", 70000, 0x20)
    run.send_to("d", bytes(65508))
    run.call("close", "b")
    run.write("d")
    run.poll("d")
    run.write("d")
    run.disconnect("d")
    run.write("d")
    run.name("d", "getpeername")
    run.call("shutdown", "d", 1)
    run.connect("d", "0.0.0.0")
    run.name("d", "getpeername")
    run.connect("d", "::1")
    run.call("shutdown", "d", 1)
    run.write("d")
    run.poll("d")
    run.call("shutdown", "d", 0)
    run.read("d")
    run.poll("d")


def dual_stack(run):
    run.socket("b", 10, 2)
    run.bind("b", "::")
    run.socket("a", 2, 2)
    run.send_to("a", b"x")
    run.poll("b")
    run.read("b")
    run.socket("c", 10, 2)
    run.connect("c")
    run.name("c", "getpeername")
    run.write("c", b"hey")
    run.poll("b")
    run.read("b")
    run.socket("only", 10, 2)
    run.set("only", 41, 26, 1)
    run.connect("only")
    run.connect("only", "::ffff:" + HOST)
    run.send_to("only", b"x")
    run.connect("only", "::")
    run.name("only", "getpeername")
    run.socket("d", 2, 2)
    run.bind("d", "0.0.0.0")


def options(run):
    run.socket("t", 2, 1)
    run.socket("u", 2, 2)
    run.socket("v", 10, 2)
    for fd in "tu":
        for bytes_ in (0, 1, 1000, 2304, 3000, 10000, 100000):
            for option in (7, 8):
                run.set(fd, 1, option, bytes_)
                run.get(fd, 1, option)
    run.set("t", 1, 13, struct.pack("<ii", 1, 7))
    run.set("t", 1, 13, struct.pack("<ii", 0, 9))
    run.get("t", 1, 13, 8)
    run.get("t", 1, 13, 4)
    run.set("t", 1, 13, struct.pack("<i", 1))
    for seconds, micros in ((1, 500000), (0, 1000000), (-1, 0), (0, 0)):
        run.set("t", 1, 20, struct.pack("<qq", seconds, micros))
        run.get("t", 1, 20, 16)
    for value in (b"reno", b"nonsense", b"", b"cubic\0\0", b"reno" + bytes(30)):
        run.set("t", 6, 13, value)
    run.get("t", 6, 13, 16)
    run.get("t", 6, 13, 3)
    for option in (1, 2, 3, 4, 5, 6, 7, 18, 25, 36):
        for value in (1, 0, 2, -1, 5, 100, 300, 40000):
            run.set("t", 6, option, value)
            run.get("t", 6, option)
        run.set("t", 6, option, b"\1")
    for option in (1, 2, 8, 11, 12, 13, 33, 34, 49):
        for value in (1, 2, 255, 256, -2):
            run.set("u", 0, option, value)
            run.get("u", 0, option)
            run.get("u", 0, option, 2)
        run.set("u", 0, option, b"\1")
    for option in (16, 67, 49, 51, 66, 18, 19, 25):
        for value in (1, 2, 255, 256, -2, -1):
            run.set("v", 41, option, value)
            run.get("v", 41, option)
    for fd, level in (("t", 99), ("t", 17), ("u", 6), ("t", 41), ("v", 99)):
        run.get(fd, level, 1)
        run.set(fd, level, 1, 1)
    run.get("t", 1, 28, 28)
    run.set("u", 0, 35, socket.inet_aton("10.1.1.1") + socket.inet_aton("0.0.0.0"))
    run.set("u", 0, 35, socket.inet_aton("224.1.1.1"))
    run.set("t", 0, 35, socket.inet_aton("224.1.1.1") + socket.inet_aton("0.0.0.0"))


def descriptors(run):
    run.socket("s", 2, 1 | os.O_CLOEXEC)
    for command, argument in ((3, 0), (1, 0), (4, 0), (3, 0), (4, 0o6000), (3, 0), (2, 0), (1, 0), (4, 0o40000)):
        run.call("fcntl", "s", command, argument)
    run.call("fcntl", "s", 0o7777, 0)
    run.count("s", FIONBIO)
    run.call("fcntl", "s", 3, 0)
    run.count("s", 0x5401)
    run.call("close", "s")
    run.call("close", "s")


different = 0
for scenario in (
    fresh, kinds, connection, reading_shut, refused, reset, reset_behind_data, reset_after_the_end, unread_data,
    gone_before_it_is_accepted, ended_before_it_is_accepted, binding, two_listeners, datagrams, dual_stack, options,
    descriptors,
):
    ours = Run(Fathom())
    scenario(ours)
    theirs = Run(Linux(), ours.answers)
    scenario(theirs)
    for fd in set(theirs.fds.values()):
        if fd > 2:
            libc.close(fd)
    for (what, answer), (_, expected) in zip(ours.answers, theirs.answers):
        if answer != expected:
            different += 1
            print(f"{scenario.__name__}: {what}: Linux says {expected}, libfathom {answer}")
    print(f"{scenario.__name__}: {len(ours.answers)} answers")
sys.exit(different > 0)
