/* Two hosts and the wire between them: a handshake, a transfer both ways, a close.
 *
 * Prints every packet in hexadecimal, so that two runs can be compared, and ends with status 0 when all was as it
 * must be. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "fathom.h"

#define SIZE 200000

static void check(int holds, const char *what, int line)
{
    if (!holds) {
        fprintf(stderr, "line %d: %s does not hold\n", line, what);
        exit(1);
    }
}

#define CHECK(condition) check((condition), #condition, __LINE__)

static struct fathom *hosts[2];

/* Moves packets, and time when there are none, until both hosts have nothing more to do now. */
static void exchange(void)
{
    unsigned char packet[1500];
    uint64_t departure;
    int moved = 1;

    while (moved) {
        moved = 0;
        for (int from = 0; from < 2; from++) {
            ssize_t len;

            while ((len = fathom_take(hosts[from], packet, sizeof packet, &departure)) > 0) {
                printf("%d %llu ", from, (unsigned long long)departure);
                for (ssize_t i = 0; i < len; i++)
                    printf("%02x", packet[i]);
                printf("\n");
                CHECK(fathom_put(hosts[1 - from], packet, (size_t)len) == 0);
                moved = 1;
            }
            CHECK(len == 0);
        }
    }
}

/* Lets a second pass for both, deadline by deadline. */
static void wait_a_second(void)
{
    int64_t end = fathom_now(hosts[0]) + 1000000;

    for (;;) {
        int64_t next = end;

        exchange();
        for (int host = 0; host < 2; host++) {
            int64_t deadline = fathom_next_deadline(hosts[host]);

            CHECK(deadline >= -1);
            if (deadline >= 0 && deadline < next)
                next = deadline;
        }
        if (next < fathom_now(hosts[0]))
            next = fathom_now(hosts[0]);
        for (int host = 0; host < 2; host++)
            CHECK(fathom_advance_to(hosts[host], (uint64_t)next) == 0);
        if (next == end)
            break;
    }
    exchange();
}

/* Writes SIZE bytes at one host and reads them at the other. */
static void transfer(int from, int out, int in)
{
    static unsigned char sent[SIZE], received[SIZE];
    size_t written = 0, read = 0;

    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (unsigned char)(i * 7 + i / 251 + (size_t)from);
    while (read < SIZE) {
        ssize_t len;

        while (written < SIZE && (len = fathom_write(hosts[from], out, sent + written, SIZE - written)) > 0)
            written += (size_t)len;
        CHECK(written == SIZE || len == -EAGAIN);
        exchange();
        while ((len = fathom_read(hosts[1 - from], in, received + read, SIZE - read)) > 0)
            read += (size_t)len;
        CHECK(read == SIZE || len == -EAGAIN);
        if (read < SIZE)
            wait_a_second();
    }
    CHECK(memcmp(sent, received, SIZE) == 0);
}

static void check_info(struct fathom *host, int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    memset(&info, 0xff, sizeof info);
    CHECK(fathom_getsockopt(host, fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    CHECK(len > offsetof(struct tcp_info, tcpi_snd_wnd));
    CHECK(info.tcpi_state == 1);
    CHECK(info.tcpi_options == (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE));
    CHECK(info.tcpi_snd_wscale == 7 && info.tcpi_rcv_wscale == 7);
    CHECK(info.tcpi_snd_mss == 1448);
    CHECK(info.tcpi_advmss == 1460);
    CHECK(info.tcpi_pmtu == 1500);
    CHECK(info.tcpi_rto >= 200000);
    CHECK(info.tcpi_snd_cwnd >= 10);
    CHECK(info.tcpi_bytes_acked == SIZE && info.tcpi_bytes_received == SIZE);
    CHECK(info.tcpi_bytes_sent == SIZE && info.tcpi_bytes_retrans == 0);
    CHECK(info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0 && info.tcpi_total_retrans == 0);
    CHECK(info.tcpi_segs_out > SIZE / 1448 && info.tcpi_segs_in > SIZE / 1448);
    CHECK(info.tcpi_snd_wnd > 0);

    /* As much as there is room for. */
    memset(&info, 0xff, sizeof info);
    len = offsetof(struct tcp_info, tcpi_rto);
    CHECK(fathom_getsockopt(host, fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    CHECK(len == offsetof(struct tcp_info, tcpi_rto));
    CHECK(info.tcpi_state == 1 && info.tcpi_rto == 0xffffffff);
}

static void check_options(struct fathom *host, int fd)
{
    int value = 1;
    socklen_t len = sizeof value;
    char name[16];

    CHECK(fathom_setsockopt(host, fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) == 0);
    value = 0;
    CHECK(fathom_getsockopt(host, fd, IPPROTO_TCP, TCP_NODELAY, &value, &len) == 0);
    CHECK(value == 1 && len == sizeof value);
    CHECK(fathom_getsockopt(host, fd, SOL_SOCKET, SO_TYPE, &value, &len) == 0 && value == SOCK_STREAM);
    CHECK(fathom_getsockopt(host, fd, SOL_SOCKET, SO_ERROR, &value, &len) == 0 && value == 0);
    CHECK(fathom_getsockopt(host, fd, SOL_SOCKET, 9999, &value, &len) == -ENOPROTOOPT);
    CHECK(fathom_getsockopt(host, fd, IPPROTO_TCP, TCP_NODELAY, &value, NULL) == -EFAULT);
    len = sizeof name;
    CHECK(fathom_getsockopt(host, fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0);
    CHECK(strcmp(name, "cubic") == 0);
    CHECK(fathom_fcntl(host, fd, F_GETFL, 0) == O_RDWR);
    CHECK(fathom_fcntl(host, fd, F_SETFL, O_NONBLOCK) == 0);
    CHECK(fathom_fcntl(host, fd, F_GETFL, 0) == (O_RDWR | O_NONBLOCK));
    CHECK(fathom_ioctl(host, fd, SIOCOUTQ, &value) == 0 && value == 0);
    CHECK(fathom_ioctl(host, fd, SIOCINQ, NULL) == -EFAULT);
}

/* A datagram from two parts into two, with what is known of it. */
static void check_messages(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7) }, from;
    struct iovec parts[2];
    struct msghdr message;
    union {
        char bytes[64];
        struct cmsghdr align;
    } control;
    struct cmsghdr *header;
    char text[2][8];
    int on = 1, out, in;

    CHECK(inet_pton(AF_INET, "192.0.2.2", &to.sin_addr) == 1);
    out = fathom_socket(hosts[0], AF_INET, SOCK_DGRAM, 0);
    in = fathom_socket(hosts[1], AF_INET, SOCK_DGRAM, 0);
    CHECK(fathom_bind(hosts[1], in, (struct sockaddr *)&to, sizeof to) == 0);
    CHECK(fathom_setsockopt(hosts[1], in, IPPROTO_IP, IP_RECVTTL, &on, sizeof on) == 0);

    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    parts[0].iov_base = "two ";
    parts[0].iov_len = 4;
    parts[1].iov_base = "parts";
    parts[1].iov_len = 5;
    message.msg_name = &to;
    message.msg_namelen = sizeof to;
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_TTL;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &(int){ 33 }, sizeof(int));
    CHECK(fathom_sendmsg(hosts[0], out, &message, 0) == 9);
    exchange();

    memset(text, 0, sizeof text);
    memset(&control, 0, sizeof control);
    parts[0].iov_base = text[0];
    parts[0].iov_len = 6;
    parts[1].iov_base = text[1];
    parts[1].iov_len = 2;
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_controllen = sizeof control;
    CHECK(fathom_recvmsg(hosts[1], in, &message, 0) == 8);
    CHECK(strcmp(text[0], "two pa") == 0 && strcmp(text[1], "rt") == 0);
    CHECK(message.msg_flags == MSG_TRUNC);
    CHECK(message.msg_namelen == sizeof from && from.sin_family == AF_INET);
    header = CMSG_FIRSTHDR(&message);
    CHECK(header != NULL && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TTL);
    CHECK(header->cmsg_len == CMSG_LEN(sizeof(int)) && *(int *)(void *)CMSG_DATA(header) == 33);
    CHECK(CMSG_NXTHDR(&message, header) == NULL);
    CHECK(fathom_recvmsg(hosts[1], in, &message, 0) == -EAGAIN);
    CHECK(fathom_recvmsg(hosts[1], in, NULL, 0) == -EFAULT);
    CHECK(fathom_close(hosts[0], out) == 0 && fathom_close(hosts[1], in) == 0);
}

int main(void)
{
    struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(80) }, name;
    struct pollfd polled[2];
    socklen_t len = sizeof name;
    char byte;
    int client, listener, accepted;

    CHECK(fathom_new("address=192.0.2.1") == NULL);
    CHECK(strstr(fathom_last_error(), "address=192.0.2.1: the value is") != NULL);
    CHECK(strcmp(fathom_error_name(-EAGAIN), "EAGAIN") == 0);

    hosts[0] = fathom_new("address=192.0.2.1/24; seed=1");
    hosts[1] = fathom_new("# the server\naddress=192.0.2.2/24\nseed=2\n");
    CHECK(hosts[0] != NULL && hosts[1] != NULL);
    CHECK(inet_pton(AF_INET, "192.0.2.2", &server.sin_addr) == 1);

    listener = fathom_socket(hosts[1], AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(listener == 3);
    CHECK(fathom_bind(hosts[1], listener, (struct sockaddr *)&server, 4) == -EINVAL);
    CHECK(fathom_bind(hosts[1], listener, (struct sockaddr *)&server, sizeof server) == 0);
    CHECK(fathom_listen(hosts[1], listener, 16) == 0);
    CHECK(fathom_accept(hosts[1], listener, NULL, NULL) == -EAGAIN);

    client = fathom_socket(hosts[0], AF_INET, SOCK_STREAM, IPPROTO_TCP);
    CHECK(fathom_connect(hosts[0], client, (struct sockaddr *)&server, sizeof server) == -EINPROGRESS);
    CHECK(fathom_connect(hosts[0], client, (struct sockaddr *)&server, sizeof server) == -EALREADY);
    CHECK(fathom_read(hosts[0], client, &byte, 1) == -EAGAIN);
    /* Too little room for the SYN, which stays. */
    CHECK(fathom_take(hosts[0], &byte, 1, NULL) == -EMSGSIZE);
    polled[0].fd = client;
    polled[0].events = POLLOUT;
    polled[1].fd = -1;
    CHECK(fathom_poll(hosts[0], polled, 2) == 0);
    exchange();
    CHECK(fathom_poll(hosts[0], polled, 2) == 1 && polled[0].revents == POLLOUT);
    CHECK(fathom_connect(hosts[0], client, (struct sockaddr *)&server, sizeof server) == 0);

    accepted = fathom_accept4(hosts[1], listener, (struct sockaddr *)&name, &len, SOCK_NONBLOCK);
    CHECK(accepted == 4 && len == sizeof name && name.sin_family == AF_INET);
    CHECK(fathom_getpeername(hosts[0], client, (struct sockaddr *)&name, &len) == 0);
    CHECK(name.sin_port == htons(80) && name.sin_addr.s_addr == server.sin_addr.s_addr);
    memset(&name, 0xff, sizeof name);
    len = offsetof(struct sockaddr_in, sin_addr);
    CHECK(fathom_getpeername(hosts[0], client, (struct sockaddr *)&name, &len) == 0);
    CHECK(len == sizeof name && name.sin_port == htons(80) && name.sin_addr.s_addr == 0xffffffff);
    CHECK(fathom_getsockname(hosts[0], 77, (struct sockaddr *)&name, &len) == -EBADF);

    transfer(0, client, accepted);
    transfer(1, accepted, client);
    check_info(hosts[0], client);
    check_info(hosts[1], accepted);
    check_options(hosts[0], client);
    check_messages();

    CHECK(fathom_shutdown(hosts[0], client, SHUT_WR) == 0);
    CHECK(fathom_write(hosts[0], client, "x", 1) == -EPIPE);
    exchange();
    CHECK(fathom_read(hosts[1], accepted, &byte, 1) == 0);
    CHECK(fathom_close(hosts[1], accepted) == 0);
    wait_a_second();
    CHECK(fathom_read(hosts[0], client, &byte, 1) == 0);
    CHECK(fathom_close(hosts[0], client) == 0);
    CHECK(fathom_close(hosts[0], client) == -EBADF);
    CHECK(fathom_counter(hosts[0], "dropped") == 0);
    CHECK(fathom_counter(hosts[0], "no such thing") == -ENOENT);
    CHECK(fathom_put(hosts[0], "\x45", 1) == 0);
    CHECK(fathom_counter(hosts[0], "dropped") == 1);
    CHECK(fathom_advance_to(hosts[0], 0) == -EINVAL);

    fathom_free(hosts[0]);
    fathom_free(hosts[1]);
    fathom_free(NULL);
    return 0;
}
