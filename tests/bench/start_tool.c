/* The smallest worker there is: writes down when its first instruction ran, so that launch.py times the launcher and
 * not a shell. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const char *folder = getenv("BENCH_LOG"), *restart = getenv("TORCHELASTIC_RESTART_COUNT"), *rank = getenv("RANK");
  char name[4096];
  if (!folder || !restart || !rank) return 2;
  snprintf(name, sizeof name, "%s/start-%s-%s", folder, restart, rank);
  FILE* file = fopen(name, "w");
  if (!file) return 1;
  fprintf(file, "%lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
  return fclose(file) != 0;
}
