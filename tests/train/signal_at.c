/* Preloaded into lmf by interrupted_test.sh: sends the process a signal at an exact point of its run, where one from
 * outside would race with it. LMF_TEST_SIGNAL="9 7 /trainer_log.jsonl": signal 9 at the 7th call of fopen() or rename()
 * for a path that contains the word. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void count(const char* path) {
  static int calls = 0;
  int signal_number = 0, wanted = 0;
  char word[256];
  const char* wish = getenv("LMF_TEST_SIGNAL");
  if (!wish || sscanf(wish, "%d %d %255s", &signal_number, &wanted, word) != 3 || !strstr(path, word)) return;
  if (++calls == wanted) raise(signal_number);
}

FILE* fopen(const char* path, const char* mode) {
  FILE* (*next)(const char*, const char*);
  *(void**)&next = dlsym(RTLD_NEXT, "fopen"); /* as POSIX writes it: ISO C knows no such conversion */
  count(path);
  return next(path, mode);
}

int rename(const char* from, const char* to) {
  int (*next)(const char*, const char*);
  *(void**)&next = dlsym(RTLD_NEXT, "rename");
  count(to);
  return next(from, to);
}
