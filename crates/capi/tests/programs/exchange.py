"""Two hosts and the wire between them, by ctypes: a handshake, a transfer both ways, a close.

Its argument is the library. Prints a digest of all packets, so that two runs can be compared.
"""

import ctypes
import errno
import hashlib
import socket
import struct
import sys

lib = ctypes.CDLL(sys.argv[1])
lib.fathom_new.restype = ctypes.c_void_p
lib.fathom_new.argtypes = [ctypes.c_char_p]
lib.fathom_last_error.restype = ctypes.c_char_p
for name, result, arguments in [
    ("free", None, []),
    ("put", ctypes.c_int, [ctypes.c_char_p, ctypes.c_size_t]),
    ("take", ctypes.c_ssize_t, [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_uint64)]),
    ("now", ctypes.c_int64, []),
    ("next_deadline", ctypes.c_int64, []),
    ("advance_to", ctypes.c_int, [ctypes.c_uint64]),
    ("socket", ctypes.c_int, [ctypes.c_int] * 3),
    ("bind", ctypes.c_int, [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]),
    ("listen", ctypes.c_int, [ctypes.c_int, ctypes.c_int]),
    ("accept", ctypes.c_int, [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]),
    ("connect", ctypes.c_int, [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]),
    ("read", ctypes.c_ssize_t, [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]),
    ("write", ctypes.c_ssize_t, [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]),
    ("close", ctypes.c_int, [ctypes.c_int]),
    ("getsockopt", ctypes.c_int, [ctypes.c_int] * 3 + [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32)]),
]:
    function = getattr(lib, "fathom_" + name)
    function.restype = result
    function.argtypes = [ctypes.c_void_p] + arguments


class Host:
    def __init__(self, settings):
        self.host = lib.fathom_new(settings.encode())
        if not self.host:
            raise ValueError(lib.fathom_last_error().decode())

    def __getattr__(self, name):
        function = getattr(lib, "fathom_" + name)
        return lambda *arguments: function(self.host, *arguments)


packets = hashlib.sha256()


def exchange(a, b):
    """Moves packets until both are silent."""
    packet = ctypes.create_string_buffer(1500)
    departure = ctypes.c_uint64()
    moved = True
    while moved:
        moved = False
        for source, sink in ((a, b), (b, a)):
            while (length := source.take(packet, len(packet), ctypes.byref(departure))) > 0:
                packets.update(struct.pack("<Q", departure.value) + packet.raw[:length])
                assert sink.put(packet.raw[:length], length) == 0
                moved = True
            assert length == 0, length


def wait(a, b, microseconds):
    """Lets time pass for both, deadline by deadline."""
    end = a.now() + microseconds
    while a.now() < end:
        exchange(a, b)
        due = [deadline for deadline in (a.next_deadline(), b.next_deadline()) if deadline >= 0]
        now = max(a.now(), min(due + [end]))
        assert a.advance_to(now) == 0 and b.advance_to(now) == 0
    exchange(a, b)


def transfer(source, out, sink, into, data):
    received = b""
    written = 0
    buffer = ctypes.create_string_buffer(65536)
    while len(received) < len(data):
        while written < len(data):
            length = source.write(out, data[written:], len(data) - written)
            if length < 0:
                assert length == -errno.EAGAIN, length
                break
            written += length
        exchange(source, sink)
        while (length := sink.read(into, buffer, len(buffer))) > 0:
            received += buffer.raw[:length]
        assert length == -errno.EAGAIN, length
        wait(source, sink, 1000)
    assert received == data


try:
    Host("mtu=tiny")
    raise SystemExit("mtu=tiny was taken")
except ValueError as error:
    assert str(error) == "mtu=tiny: the value is 68 to 65535", error

a, b = Host("address=2001:db8::1/64; seed=1"), Host("address=2001:db8::2/64; seed=2")
address = struct.pack("<H", socket.AF_INET6) + struct.pack(">HI", 443, 0)
address += socket.inet_pton(socket.AF_INET6, "2001:db8::2") + bytes(4)

listener = b.socket(socket.AF_INET6, socket.SOCK_STREAM, 0)
assert b.bind(listener, address, len(address)) == 0
assert b.listen(listener, 5) == 0
client = a.socket(socket.AF_INET6, socket.SOCK_STREAM, 0)
assert a.connect(client, address, len(address)) == -errno.EINPROGRESS
assert b.accept(listener, None, None) == -errno.EAGAIN
exchange(a, b)
assert a.connect(client, address, len(address)) == 0
accepted = b.accept(listener, None, None)
assert accepted > listener, accepted

transfer(a, client, b, accepted, bytes(range(256)) * 400)
transfer(b, accepted, a, client, b"answer" * 20000)

info = ctypes.create_string_buffer(256)
length = ctypes.c_uint32(len(info))
assert a.getsockopt(client, socket.IPPROTO_TCP, socket.TCP_INFO, info, ctypes.byref(length)) == 0
assert info.raw[0] == 1, "tcpi_state is TCP_ESTABLISHED"
assert struct.unpack_from("<Q", info.raw, 120) == (102400,), "tcpi_bytes_acked"
assert struct.unpack_from("<Q", info.raw, 128) == (120000,), "tcpi_bytes_received"

assert a.close(client) == 0
exchange(a, b)
assert b.read(accepted, info, 1) == 0
assert b.close(accepted) == 0
wait(a, b, 1000000)
assert b.close(accepted) == -errno.EBADF
a.free()
b.free()
print(packets.hexdigest())
