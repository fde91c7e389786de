/* Counts what a process copies, put before it by LD_PRELOAD: bytes of memcpy and memmove in large pieces, and bytes that
   it reads from sockets and pipes, which the kernel copies. COPIES names a file that holds both counts, for all
   processes that are started with it; who reads the file reads the counts of the moment.

   Not seen: copies that a compiler has written out in place of a call (small ones, or loops that convert numbers), and
   pages that realloc moves. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LARGE (16 * 1024)

static uint64_t nowhere[2], *counts = nowhere;

typedef void *copier(void *, const void *, size_t);
static copier *real_memcpy, *real_memmove;

/* For what comes before the real ones are known: looking for them may copy. */
static void *slowly(void *to, const void *from, size_t size) {
    volatile unsigned char *target = to;
    const volatile unsigned char *source = from;
    if (target <= source) for (size_t i = 0; i < size; i++) target[i] = source[i];
    else while (size--) target[size] = source[size];
    return to;
}

static void count(int which, size_t size) { __atomic_fetch_add(&counts[which], size, __ATOMIC_RELAXED); }

__attribute__((constructor)) static void begin(void) {
    real_memcpy = (copier *)dlsym(RTLD_NEXT, "memcpy");
    real_memmove = (copier *)dlsym(RTLD_NEXT, "memmove");
    const char *name = getenv("COPIES");
    int file = name ? open(name, O_RDWR) : -1;
    if (file < 0) return;
    void *found = mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) counts = found;
    close(file);
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    if (size >= LARGE) count(0, size);
    return (real_memcpy ? real_memcpy : slowly)(to, from, size);
}

void *memmove(void *to, const void *from, size_t size) {
    if (size >= LARGE) count(0, size);
    return (real_memmove ? real_memmove : slowly)(to, from, size);
}

void *mempcpy(void *restrict to, const void *restrict from, size_t size) { return (char *)memcpy(to, from, size) + size; }

/* What compilers call where they know the room at `to`. */
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room) { (void)room; return memcpy(to, from, size); }
void *__memmove_chk(void *to, const void *from, size_t size, size_t room) { (void)room; return memmove(to, from, size); }

static ssize_t read_so_much(ssize_t size) {
    if (size > 0) count(1, size);
    return size;
}

ssize_t read(int file, void *to, size_t size) {
    static ssize_t (*real)(int, void *, size_t);
    if (!real) real = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    return read_so_much(real(file, to, size));
}

ssize_t recv(int file, void *to, size_t size, int flags) {
    static ssize_t (*real)(int, void *, size_t, int);
    if (!real) real = (ssize_t (*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    return read_so_much(real(file, to, size, flags));
}

ssize_t recvmsg(int file, struct msghdr *message, int flags) {
    static ssize_t (*real)(int, struct msghdr *, int);
    if (!real) real = (ssize_t (*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg");
    return read_so_much(real(file, message, flags));
}

ssize_t readv(int file, const struct iovec *pieces, int some) {
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real) real = (ssize_t (*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "readv");
    return read_so_much(real(file, pieces, some));
}
