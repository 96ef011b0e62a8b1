// Faults of a disk and of a clock, for tests: loaded into a process with LD_PRELOAD, between it and libc.
//
// Operations that change files under T5MIX_FAULT_UNDER are counted, one after the other, in whichever thread they are.
//   T5MIX_FAULT_AT=k, T5MIX_FAULT_ERRNO=e      operation k fails with e; with T5MIX_FAULT_LASTS=1 all after it, too
//   T5MIX_FAULT_LOG=file                       each is written down: number, name, path, and where a rename leads
//   T5MIX_FAULT_SNAPSHOTS=folder               after each, what is under T5MIX_FAULT_UNDER is copied to folder/number
//   T5MIX_CLOCK_JUMP=seconds, T5MIX_CLOCK_AT=k the wall clock jumps at its k-th reading; monotonic clocks go on
// t5mix_fault_arm(k, e, lasts) does the same from within, and counts anew; t5mix_fault_count() says how many there were,
// and t5mix_fault_record(log, folder) begins to write down and to copy.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static long count = 0, fails_at = -1;
static int fails_with = EIO, lasts = 0, started = 0;
static char under[PATH_MAX] = "";
static const char *log_file = NULL, *snapshots = NULL;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static long number(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text && *text ? atol(text) : otherwise;
}

static void start(void) {
  if (started) return;
  started = 1;
  const char *place = getenv("T5MIX_FAULT_UNDER");
  if (place && !realpath(place, under)) under[0] = 0;
  log_file = getenv("T5MIX_FAULT_LOG");
  snapshots = getenv("T5MIX_FAULT_SNAPSHOTS");
  fails_at = number("T5MIX_FAULT_AT", -1);
  fails_with = number("T5MIX_FAULT_ERRNO", EIO);
  lasts = number("T5MIX_FAULT_LASTS", 0);
}

void t5mix_fault_arm(long at, int error, int goes_on) {
  pthread_mutex_lock(&one_at_a_time);
  start();
  count = 0, fails_at = at, fails_with = error, lasts = goes_on;
  pthread_mutex_unlock(&one_at_a_time);
}

// Writes down and copies what comes from here on; NULL ends that.
void t5mix_fault_record(const char *log, const char *copies) {
  pthread_mutex_lock(&one_at_a_time);
  start();
  log_file = log ? strdup(log) : NULL;
  snapshots = copies ? strdup(copies) : NULL;
  count = 0;
  pthread_mutex_unlock(&one_at_a_time);
}

long t5mix_fault_count(void) { return count; }

// Writes the absolute path of a name that need not exist: its folder's own path, and the name.
static int absolute(int folder, const char *name, char *into) {
  char whole[PATH_MAX], parent[PATH_MAX];
  if (name[0] == '/' || folder == AT_FDCWD) {
    if (snprintf(whole, sizeof whole, "%s", name) >= (int)sizeof whole) return 0;
  } else if (snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", folder, name) >= (int)sizeof whole) {
    return 0;
  }
  size_t length = strlen(whole);
  while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
  char *slash = strrchr(whole, '/');
  const char *last = slash ? slash + 1 : whole;
  if (slash) *slash = 0;
  if (!realpath(slash ? (*whole ? whole : "/") : ".", parent)) return 0;
  return snprintf(into, PATH_MAX, "%s/%s", parent, last) < PATH_MAX;
}

static int of_descriptor(int descriptor, char *into) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, into, PATH_MAX - 1);
  if (length < 0) return 0;
  into[length] = 0;
  return 1;
}

static int is_under(const char *path) {
  start();
  size_t length = strlen(under);
  return length && !strncmp(path, under, length) && (path[length] == '/' || !path[length]);
}

// Counts an operation, and tells whether it is to fail.
static int fault(void) {
  count++;
  return fails_at > 0 && (count == fails_at || (lasts && count > fails_at));
}

static void copy(void) {
  char to[PATH_MAX];
  if (snprintf(to, sizeof to, "%s/%ld", snapshots, count) >= (int)sizeof to) return;
  pid_t child = fork();
  if (child == 0) {
    char *const arguments[] = {"cp", "-a", under, to, NULL}, *const nothing[] = {NULL};
    execve("/bin/cp", arguments, nothing);
    _exit(1);
  }
  if (child > 0) waitpid(child, NULL, 0);
}

static void done(const char *name, const char *path, const char *to) {
  int kept = errno;
  if (log_file) {
    int file = REAL(open)(log_file, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (file >= 0) {
      dprintf(file, "%ld\t%s\t%s\t%s\n", count, name, path, to ? to : "");
      close(file);
    }
  }
  if (snapshots) copy();
  errno = kept;
}

// One operation: `known` fills `path`; `call` does it, under one lock, so that a copy shows just what is done.
#define OPERATION(kind, name, known, call)              \
  char path[PATH_MAX];                                  \
  int before = errno;                                   \
  if (!(known) || !is_under(path)) {                    \
    errno = before;                                     \
    return call;                                        \
  }                                                     \
  errno = before;                                       \
  pthread_mutex_lock(&one_at_a_time);                   \
  kind result;                                          \
  if (fault()) {                                        \
    errno = fails_with;                                 \
    result = -1;                                        \
  } else {                                              \
    result = call;                                      \
    if (result >= 0) done(name, path, NULL);            \
  }                                                     \
  int after = errno;                                    \
  pthread_mutex_unlock(&one_at_a_time);                 \
  errno = after;                                        \
  return result

#define CHANGES(flags) ((flags) & (O_CREAT | O_TRUNC))
#define MODE                              \
  mode_t mode = 0;                        \
  if (flags & (O_CREAT | O_TMPFILE)) {    \
    va_list rest;                         \
    va_start(rest, flags);                \
    mode = va_arg(rest, mode_t);          \
    va_end(rest);                         \
  }

int open(const char *name, int flags, ...) {
  MODE OPERATION(int, "open", CHANGES(flags) && absolute(AT_FDCWD, name, path), REAL(open)(name, flags, mode));
}
int open64(const char *name, int flags, ...) {
  MODE OPERATION(int, "open", CHANGES(flags) && absolute(AT_FDCWD, name, path), REAL(open64)(name, flags, mode));
}
int openat(int folder, const char *name, int flags, ...) {
  MODE OPERATION(int, "open", CHANGES(flags) && absolute(folder, name, path), REAL(openat)(folder, name, flags, mode));
}
int openat64(int folder, const char *name, int flags, ...) {
  MODE OPERATION(int, "open", CHANGES(flags) && absolute(folder, name, path),
                 REAL(openat64)(folder, name, flags, mode));
}
ssize_t write(int file, const void *data, size_t size) {
  OPERATION(ssize_t, "write", of_descriptor(file, path), REAL(write)(file, data, size));
}
ssize_t writev(int file, const struct iovec *parts, int number_of) {
  OPERATION(ssize_t, "write", of_descriptor(file, path), REAL(writev)(file, parts, number_of));
}
ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
  OPERATION(ssize_t, "write", of_descriptor(file, path), REAL(pwrite)(file, data, size, at));
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
  OPERATION(ssize_t, "write", of_descriptor(file, path), REAL(pwrite64)(file, data, size, at));
}
ssize_t pwritev(int file, const struct iovec *parts, int number_of, off_t at) {
  OPERATION(ssize_t, "write", of_descriptor(file, path), REAL(pwritev)(file, parts, number_of, at));
}
int ftruncate(int file, off_t size) {
  OPERATION(int, "write", of_descriptor(file, path), REAL(ftruncate)(file, size));
}
int ftruncate64(int file, off64_t size) {
  OPERATION(int, "write", of_descriptor(file, path), REAL(ftruncate64)(file, size));
}
int fsync(int file) { OPERATION(int, "fsync", of_descriptor(file, path), REAL(fsync)(file)); }
int fdatasync(int file) { OPERATION(int, "fsync", of_descriptor(file, path), REAL(fdatasync)(file)); }
int mkdir(const char *name, mode_t mode) {
  OPERATION(int, "mkdir", absolute(AT_FDCWD, name, path), REAL(mkdir)(name, mode));
}
int mkdirat(int folder, const char *name, mode_t mode) {
  OPERATION(int, "mkdir", absolute(folder, name, path), REAL(mkdirat)(folder, name, mode));
}
int unlink(const char *name) { OPERATION(int, "unlink", absolute(AT_FDCWD, name, path), REAL(unlink)(name)); }
int unlinkat(int folder, const char *name, int flags) {
  OPERATION(int, "unlink", absolute(folder, name, path), REAL(unlinkat)(folder, name, flags));
}
int rmdir(const char *name) { OPERATION(int, "unlink", absolute(AT_FDCWD, name, path), REAL(rmdir)(name)); }

static int renamed(int from_folder, const char *from, int to_folder, const char *to, int (*call)(int, const char *, int, const char *)) {
  char path[PATH_MAX], end[PATH_MAX];
  if (!absolute(from_folder, from, path) || !absolute(to_folder, to, end) || (!is_under(path) && !is_under(end)))
    return call(from_folder, from, to_folder, to);
  pthread_mutex_lock(&one_at_a_time);
  int result = -1;
  if (fault()) {
    errno = fails_with;
  } else {
    result = call(from_folder, from, to_folder, to);
    if (result >= 0) done("rename", path, end);
  }
  int after = errno;
  pthread_mutex_unlock(&one_at_a_time);
  errno = after;
  return result;
}
static int real_renameat(int from_folder, const char *from, int to_folder, const char *to) {
  return REAL(renameat)(from_folder, from, to_folder, to);
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, real_renameat); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  return renamed(from_folder, from, to_folder, to, real_renameat);
}

// The wall clock.
static long readings = 0;

static long jump(void) {
  static long seconds = 0, at = -1;
  if (at < 0) {
    seconds = number("T5MIX_CLOCK_JUMP", 0);
    at = number("T5MIX_CLOCK_AT", 0);
  }
  return __sync_add_and_fetch(&readings, 1) > at ? seconds : 0;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*call)(clockid_t, struct timespec *) = NULL;
  if (!call) call = real("clock_gettime");
  int result = call(clock, now);
  if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += jump();
  return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  static int (*call)(struct timeval *, void *) = NULL;
  if (!call) call = real("gettimeofday");
  int result = call(now, zone);
  if (!result) now->tv_sec += jump();
  return result;
}
time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}
