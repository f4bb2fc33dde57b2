/*
 * fathom.h: a TCP/IP stack in your process, by socket calls.
 *
 * A `struct fathom` is one host: a TCP/IP engine with one network interface, a clock and a table of descriptors.
 * Nothing runs behind it: no thread, no system call, no signal. You own two things that a kernel otherwise owns:
 *
 *   packets   fathom_put() hands it a packet that arrives, fathom_take() gives you one that leaves;
 *   time      fathom_advance_to() lets time pass, fathom_next_deadline() says when something is due.
 *
 * Everything else is the socket call that you know, with the host as its first argument: the constants,
 * structures and flags of <sys/socket.h>, <netinet/in.h>, <netinet/tcp.h>, <netinet/udp.h>, <fcntl.h>,
 * <sys/ioctl.h>, <linux/sockios.h> and <poll.h>, as they are on 64-bit Linux.
 *
 * ERRORS. A call that fails gives a negative error number (-EAGAIN, -ECONNREFUSED, ...), as the kernel itself
 * does, and leaves `errno` alone. What succeeds gives what the call gives on Linux. Beside the errors of the
 * call: -EFAULT for a null pointer where something is to be read or written, -EINVAL for a length above
 * SSIZE_MAX, and -ENOTRECOVERABLE when libfathom itself is at fault: then this host is of no more use but for
 * fathom_free().
 *
 * NO CALL BLOCKS, whether O_NONBLOCK is set or not. Where a kernel would put the caller to sleep the answer is
 * -EAGAIN, or -EINPROGRESS of fathom_connect(). fathom_poll() says which call is worth while. A program that
 * wants calls that block moves packets and time until it is. close() does not linger either.
 *
 * THE SAME SEED, the same calls and the same packets give the same packets, byte for byte.
 *
 * THREADS. A host may move between threads, but two calls on one host must not overlap. Different hosts have
 * nothing in common.
 *
 * The manual, with all settings, all socket options and a program to begin with, is docs/capi.md.
 */
#ifndef FATHOM_H
#define FATHOM_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A host. */
struct fathom;

/* ---- The host ---------------------------------------------------------------------------------------------- */

/*
 * Makes a host, at time 0. `settings` are lines, or parts between semicolons, of the form `name=value`; what
 * follows a `#` is a comment; NULL is none. For example
 *
 *     address=192.0.2.1/24; gateway=192.0.2.254; mtu=1400; seed=7; tcp_sack=0
 *
 * Names and units are those of sysctl where Linux has the setting (`net.ipv4.` may stand before them), and all
 * are in docs/capi.md. A setting that is unknown or that cannot be honoured is an error: NULL is returned, and
 * fathom_last_error() says what is wrong.
 */
struct fathom *fathom_new(const char *settings);

/* Why the last fathom_new() of this thread gave NULL: a text for people, valid until its next fathom_new(). */
const char *fathom_last_error(void);

/* The name of an error, negative or not: "EAGAIN" for -11. Never NULL, and never to be freed. */
const char *fathom_error_name(int error);

/* Ends a host. Its connections end without a word to their peers. NULL is no error. */
void fathom_free(struct fathom *host);

/* ---- Packets ----------------------------------------------------------------------------------------------- */

/*
 * A packet of `len` bytes arrives now, and is processed to the end: an IP packet, or with `medium=ethernet` an
 * Ethernet frame without its frame check sequence. One that is wrong is no error: it is dropped and counted, with
 * the reason (fathom_counter()). The bytes are copied.
 *
 * Gives 0.
 */
int fathom_put(struct fathom *host, const void *packet, size_t len);

/*
 * Takes the next packet that leaves the host, in their order, and writes it to `packet`, which has room for `room`
 * bytes; `departure_us`, unless NULL, becomes the time at which it leaves, in microseconds.
 *
 * Gives its length, or 0 when there is none. -EMSGSIZE when there is too little room: it stays. An interface has
 * no packet longer than its `mtu`, and no frame longer than that and 14 bytes.
 */
ssize_t fathom_take(struct fathom *host, void *packet, size_t room, uint64_t *departure_us);

/* ---- Time -------------------------------------------------------------------------------------------------- */

/* The time, in microseconds since the host was made. */
int64_t fathom_now(struct fathom *host);

/*
 * When the host has something to do by itself (send again, acknowledge, give up), in microseconds: what
 * fathom_advance_to() wants to be called with, at the latest. It may lie in the past, which means now. -1 when
 * there is nothing.
 */
int64_t fathom_next_deadline(struct fathom *host);

/*
 * Lets time pass up to `now_us` microseconds, with everything that is due on the way done at its time, in order.
 *
 * Gives 0. -EINVAL when that is in the past.
 */
int fathom_advance_to(struct fathom *host, uint64_t now_us);

/* ---- Sockets: see their manual pages ------------------------------------------------------------------------ */

/* AF_INET or AF_INET6; SOCK_STREAM (TCP), SOCK_DGRAM (UDP, or IPPROTO_ICMP and IPPROTO_ICMPV6 for echo requests)
 * or SOCK_RAW. The first descriptor is 3. */
int fathom_socket(struct fathom *host, int domain, int type, int protocol);
int fathom_bind(struct fathom *host, int fd, const struct sockaddr *address, socklen_t len);
int fathom_listen(struct fathom *host, int fd, int backlog);
int fathom_accept(struct fathom *host, int fd, struct sockaddr *address, socklen_t *len);
int fathom_accept4(struct fathom *host, int fd, struct sockaddr *address, socklen_t *len, int flags);

/* -EINPROGRESS at first, -EALREADY while it goes on, then once 0 or what has become of it. An address of the family
 * AF_UNSPEC ends the connection by a reset, or the association of a datagram socket. */
int fathom_connect(struct fathom *host, int fd, const struct sockaddr *address, socklen_t len);

ssize_t fathom_read(struct fathom *host, int fd, void *data, size_t len);
ssize_t fathom_write(struct fathom *host, int fd, const void *data, size_t len);
ssize_t fathom_recv(struct fathom *host, int fd, void *data, size_t len, int flags);
ssize_t fathom_send(struct fathom *host, int fd, const void *data, size_t len, int flags);
ssize_t fathom_recvfrom(struct fathom *host, int fd, void *data, size_t len, int flags,
                        struct sockaddr *address, socklen_t *address_len);
ssize_t fathom_sendto(struct fathom *host, int fd, const void *data, size_t len, int flags,
                      const struct sockaddr *address, socklen_t address_len);
ssize_t fathom_recvmsg(struct fathom *host, int fd, struct msghdr *message, int flags);
ssize_t fathom_sendmsg(struct fathom *host, int fd, const struct msghdr *message, int flags);

int fathom_shutdown(struct fathom *host, int fd, int how);
int fathom_close(struct fathom *host, int fd);
int fathom_getsockname(struct fathom *host, int fd, struct sockaddr *address, socklen_t *len);
int fathom_getpeername(struct fathom *host, int fd, struct sockaddr *address, socklen_t *len);

/* SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, IPPROTO_RAW, IPPROTO_ICMPV6; TCP_INFO as
 * `struct tcp_info` of Linux, cut to `*len`. -ENOPROTOOPT when there is no such option, -EOPNOTSUPP for a value
 * that Linux takes and this stack has not: docs/capi.md has all of them. */
int fathom_getsockopt(struct fathom *host, int fd, int level, int name, void *value, socklen_t *len);
int fathom_setsockopt(struct fathom *host, int fd, int level, int name, const void *value, socklen_t len);

/* F_GETFL, F_SETFL, F_GETFD, F_SETFD. */
int fathom_fcntl(struct fathom *host, int fd, int command, int argument);

/* SIOCINQ (FIONREAD), SIOCOUTQ (TIOCOUTQ), SIOCOUTQNSD, SIOCATMARK, FIONBIO. */
int fathom_ioctl(struct fathom *host, int fd, unsigned long request, int *argument);

/* As poll() with a timeout of 0: for how many descriptors something holds. */
int fathom_poll(struct fathom *host, struct pollfd *fds, nfds_t count);

/* ---- Counters ----------------------------------------------------------------------------------------------- */

/*
 * What the host has counted: `frames_received`, `frames_transmitted`, `bytes_received`, `bytes_transmitted`,
 * `udp_received`, `udp_sent`, ...; `dropped`, and how often something was dropped for each reason, such as
 * `tcp_checksum`: docs/capi.md has all names. -ENOENT for another.
 */
int64_t fathom_counter(struct fathom *host, const char *name);

#ifdef __cplusplus
}
#endif

#endif
