/* Lets system calls on chosen files fail, while a program runs: a library for LD_PRELOAD.
 *
 * Which calls, on which files, and how, stands in a small file that is mapped (TELWERK_FAULT_CONTROL names it), so that
 * whoever wrote it can change it at any moment. How many calls were let fail is counted there. See preload.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, OPEN = 4, READ = 8, TRUNCATE = 16 };

struct control {
    volatile int32_t calls;     /* which kinds fail, as a sum */
    volatile int32_t error;     /* what they fail with; 0: they do not fail, but wait or are torn */
    volatile int32_t every;     /* only each of so many; 1: all */
    volatile int32_t delay_ms;  /* they wait so long first */
    volatile int32_t torn;      /* a write writes the half of it, and kills the victim, if there is one, and itself */
    volatile int32_t victim;
    volatile int32_t whole;     /* names that are this path, not ones that begin with it */
    volatile int32_t seen;      /* how many calls there were */
    volatile int32_t hits;      /* how many were let fail */
    char path[1024];
};

static struct control *control;

__attribute__((constructor)) static void map_control(void) {
    const char *name = getenv("TELWERK_FAULT_CONTROL");
    int (*open_)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int file = name ? open_(name, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) control = mapped;
    close(file);
}

/* Whether a call on a file of this name is to fail. */
static int is_chosen(const char *name) {
    size_t length = control->whole ? sizeof control->path : strlen(control->path);
    if (strncmp(name, control->path, length) != 0) return 0;
    int seen = __sync_add_and_fetch(&control->seen, 1);
    if (control->every > 1 && seen % control->every != 0) return 0;
    __sync_add_and_fetch(&control->hits, 1);
    if (control->delay_ms) usleep((useconds_t)control->delay_ms * 1000);
    return control->error || control->torn;
}

static int is_chosen_file(int call, int file) {
    char link[64], name[1024];
    if (!control || !(control->calls & call)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0) return 0;
    name[length] = 0;
    return is_chosen(name);
}

static int is_chosen_name(int call, const char *name) {
    return control && (control->calls & call) && is_chosen(name);
}

static int failed(void) {
    errno = control->error;
    return -1;
}

static void die(void) {
    control->calls = 0; /* once */
    if (control->victim > 1) kill(control->victim, SIGKILL);
    kill(getpid(), SIGKILL);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *bytes, size_t count) {
    if (is_chosen_file(WRITE, file)) return failed();
    return REAL(write)(file, bytes, count);
}

static ssize_t write_at(ssize_t (*real)(int, const void *, size_t, off_t), int file, const void *bytes, size_t count,
                        off_t at) {
    if (is_chosen_file(WRITE, file)) {
        if (!control->torn) return failed();
        real(file, bytes, count / 2, at);
        die();
    }
    return real(file, bytes, count, at);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    return write_at(REAL(pwrite), file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    return write_at((ssize_t(*)(int, const void *, size_t, off_t))REAL(pwrite64), file, bytes, count, at);
}

ssize_t pread(int file, void *bytes, size_t count, off_t at) {
    return is_chosen_file(READ, file) ? failed() : REAL(pread)(file, bytes, count, at);
}

ssize_t pread64(int file, void *bytes, size_t count, off64_t at) {
    return is_chosen_file(READ, file) ? failed() : REAL(pread64)(file, bytes, count, at);
}

int fsync(int file) { return is_chosen_file(SYNC, file) ? failed() : REAL(fsync)(file); }

int fdatasync(int file) { return is_chosen_file(SYNC, file) ? failed() : REAL(fdatasync)(file); }

int ftruncate(int file, off_t length) {
    return is_chosen_file(TRUNCATE, file) ? failed() : REAL(ftruncate)(file, length);
}

int ftruncate64(int file, off64_t length) {
    return is_chosen_file(TRUNCATE, file) ? failed() : REAL(ftruncate64)(file, length);
}

#define MODE(flags, mode)                                   \
    mode_t mode = 0;                                        \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                \
        va_list rest;                                       \
        va_start(rest, flags);                              \
        mode = va_arg(rest, mode_t);                        \
        va_end(rest);                                       \
    }

int open(const char *name, int flags, ...) {
    MODE(flags, mode)
    return is_chosen_name(OPEN, name) ? failed() : REAL(open)(name, flags, mode);
}

int open64(const char *name, int flags, ...) {
    MODE(flags, mode)
    return is_chosen_name(OPEN, name) ? failed() : REAL(open64)(name, flags, mode);
}
