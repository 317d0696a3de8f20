/* Loaded before libc (LD_PRELOAD): a wall clock that is as many seconds off as CHAOS_CLOCK states,
   a file of one 64-bit number that may change at any time. Monotonic clocks stay. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static int64_t shift(void) {
  static const volatile int64_t *off;
  static const int64_t none = 0;
  if (!off) {
    const char *path = getenv("CHAOS_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
    off = mapped == MAP_FAILED ? &none : mapped;
  }
  return *off;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*libc)(clockid_t, struct timespec *);
  if (!libc) libc = dlsym(RTLD_NEXT, "clock_gettime");
  int failed = libc(clock, now);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  static int (*libc)(struct timeval *, void *);
  if (!libc) libc = dlsym(RTLD_NEXT, "gettimeofday");
  int failed = libc(now, zone);
  if (!failed) now->tv_sec += shift();
  return failed;
}

time_t time(time_t *now) {
  struct timespec found;
  clock_gettime(CLOCK_REALTIME, &found);
  if (now) *now = found.tv_sec;
  return found.tv_sec;
}
