/* Callers over keep-alive connections, light enough for one core to drive the fastest server there is.

   load HOST PORT[,PORT...] PATH CONNECTIONS SECONDS RATE WAIT FILE < BODY

   RATE 0: a closed loop, in which the next request of a connection goes out when its answer is in. Else an open one:
   requests are due at a constant rate, whatever the server does, and a latency counts from the moment when its request
   was due, also where it had to wait for a free connection (no coordinated omission). What is due is waited for; an
   answer that never comes counts as long as it was waited for, and as failed.
   WAIT 0: never sleeps, for a core of its own; 1: sleeps until something is due or there.
   FILE gets the latencies, in seconds, as doubles. Prints one line of JSON. The first tenth, at least 0.3 s, warms up. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM (1 << 20)
#define PATIENCE 10.0

struct caller {
    int fd, asks_room;
    double due;
    size_t sent, have, need;
    char *answer;
};

struct numbers {
    double *all;
    size_t count, room;
};

static char *request;
static size_t request_size;
static int events_fd;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec * 1e-9;
}

static void stop(const char *why) {
    fprintf(stderr, "load: %s\n", why);
    exit(1);
}

static void note(struct numbers *numbers, double value) {
    if (numbers->count == numbers->room) {
        numbers->room = numbers->room ? 2 * numbers->room : 1 << 16;
        numbers->all = realloc(numbers->all, numbers->room * sizeof(double));
        if (!numbers->all) stop("no memory");
    }
    numbers->all[numbers->count++] = value;
}

static int compare(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static double part(struct numbers *numbers, double share) {
    if (!numbers->count) return 0;
    size_t place = (size_t)(share * numbers->count);
    return numbers->all[place < numbers->count ? place : numbers->count - 1];
}

static void watch(struct caller *caller, int asks_room) {
    struct epoll_event event = {.events = EPOLLIN | (asks_room ? EPOLLOUT : 0), .data.ptr = caller};
    epoll_ctl(events_fd, EPOLL_CTL_MOD, caller->fd, &event);
    caller->asks_room = asks_room;
}

static void push(struct caller *caller) {
    while (caller->sent < request_size) {
        ssize_t done = send(caller->fd, request + caller->sent, request_size - caller->sent, MSG_NOSIGNAL);
        if (done < 0 && errno == EAGAIN) {
            if (!caller->asks_room) watch(caller, 1);
            return;
        }
        if (done < 0) stop("a connection was lost");
        caller->sent += done;
    }
    if (caller->asks_room) watch(caller, 0);
}

static void ask(struct caller *caller, double due) {
    caller->due = due;
    caller->sent = caller->have = caller->need = 0;
    push(caller);
}

/* Reads what is there; gives whether the answer is whole. */
static int heard(struct caller *caller) {
    for (;;) {
        ssize_t count = recv(caller->fd, caller->answer + caller->have, ROOM - 1 - caller->have, 0);
        if (count < 0 && errno == EAGAIN) return 0;
        if (count <= 0) stop("a connection was closed");
        caller->have += count;
        caller->answer[caller->have] = 0;
        if (!caller->need) {
            char *end = strstr(caller->answer, "\r\n\r\n");
            if (!end) continue;
            char *length = strcasestr(caller->answer, "\r\ncontent-length:");
            if (!length || length > end) stop("an answer of unknown length");
            caller->need = end + 4 - caller->answer + strtoul(length + 17, NULL, 10);
            if (caller->need >= ROOM) stop("an answer that is too long");
        }
        if (caller->have >= caller->need) return 1;
    }
}

static void connect_to(struct caller *caller, const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1;
    inet_pton(AF_INET, host, &address.sin_addr);
    caller->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(caller->fd, (struct sockaddr *)&address, sizeof address)) stop("no connection");
    setsockopt(caller->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(caller->fd, F_SETFL, O_NONBLOCK);
    caller->answer = malloc(ROOM);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
    epoll_ctl(events_fd, EPOLL_CTL_ADD, caller->fd, &event);
}

static void read_body(const char *host, const char *path) {
    size_t room = 1 << 16, size = 0, got;
    char *body = malloc(room);
    while ((got = fread(body + size, 1, room - size, stdin)) > 0) {
        size += got;
        if (size == room) body = realloc(body, room *= 2);
    }
    request = malloc(size + 1024);
    request_size = snprintf(
        request, 1024,
        "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", path, host, size
    );
    memcpy(request + request_size, body, size);
    request_size += size;
}

/* Sleeps until there is something to read, or until a moment. */
static void rest(double until) {
    double left = until - now();
    if (left <= 0) return;
    struct timespec most = {.tv_sec = (time_t)left, .tv_nsec = (long)((left - (time_t)left) * 1e9)};
    struct pollfd events = {.fd = events_fd, .events = POLLIN};
    ppoll(&events, 1, &most, NULL);
}

int main(int count, char **given) {
    if (count != 9) stop("HOST PORT[,PORT...] PATH CONNECTIONS SECONDS RATE WAIT FILE");
    int ports[16], some = 0, callers_count = atoi(given[4]), waits = atoi(given[7]);
    for (char *port = strtok(given[2], ","); port && some < 16; port = strtok(NULL, ",")) ports[some++] = atoi(port);
    double seconds = atof(given[5]), rate = atof(given[6]), warm = seconds / 10 > 0.3 ? seconds / 10 : 0.3;
    read_body(given[1], given[3]);
    events_fd = epoll_create1(0);
    struct caller *callers = calloc(callers_count, sizeof *callers), **free_ones = calloc(callers_count, sizeof *free_ones);
    for (int i = 0; i < callers_count; i++) connect_to(&callers[i], given[1], ports[i % some]);

    struct numbers took = {0}, late = {0};
    size_t failed = 0, answered = 0, asked = 0, total = (size_t)(rate * (warm + seconds)), free_count = 0;
    double start = now(), begin = start + warm, end = begin + seconds;
    for (int i = 0; i < callers_count; i++) {
        if (rate > 0) free_ones[free_count++] = &callers[i];
        else ask(&callers[i], now()), asked++;
    }
    struct epoll_event found[256];
    for (;;) {
        double at = now();
        if (rate > 0 ? answered == total || at > end + PATIENCE : at >= end) break;
        while (rate > 0 && asked < total && free_count && asked <= (at - start) * rate) {
            double due = start + asked++ / rate;
            struct caller *caller = free_ones[--free_count];
            ask(caller, due);
            if (due >= begin) note(&late, at - due);
        }
        if (waits) rest(rate > 0 && asked < total && free_count ? start + asked / rate : end + PATIENCE);
        int ready = epoll_wait(events_fd, found, 256, 0);
        for (int i = 0; i < ready; i++) {
            struct caller *caller = found[i].data.ptr;
            if (found[i].events & EPOLLOUT) push(caller);
            if (!(found[i].events & ~EPOLLOUT) || !heard(caller)) continue;
            at = now();
            answered++;
            if (strncmp(caller->answer, "HTTP/1.1 200", 12)) {
                if (!failed++) fprintf(stderr, "load: %.*s\n", 200, caller->answer);
            }
            if (rate > 0 ? caller->due >= begin : at >= begin && at < end) note(&took, at - caller->due);
            if (rate > 0) free_ones[free_count++] = caller;
            else ask(caller, at), asked++;
        }
    }
    double over = now();
    size_t counted = took.count;
    if (rate > 0) {
        for (int i = 0; i < callers_count; i++) {
            int busy = 1;
            for (size_t j = 0; j < free_count; j++) busy &= free_ones[j] != &callers[i];
            if (busy) note(&took, over - callers[i].due), failed++;
        }
        for (; asked < total; asked++) note(&took, over - (start + asked / rate)), failed++;
    }
    if (strcmp(given[8], "-")) {
        FILE *file = fopen(given[8], "wb");
        if (!file || fwrite(took.all, sizeof(double), took.count, file) != took.count || fclose(file)) stop("no file");
    }
    qsort(took.all, took.count, sizeof(double), compare);
    qsort(late.all, late.count, sizeof(double), compare);
    printf(
        "{\"rps\": %.1f, \"requests\": %zu, \"failed\": %zu, \"p50_ms\": %.4f, \"p99_ms\": %.4f, "
        "\"late_p99_ms\": %.4f}\n",
        counted / seconds, answered, failed, part(&took, 0.5) * 1e3, part(&took, 0.99) * 1e3,
        part(&late, 0.99) * 1e3
    );
    return 0;
}
