/* Stands in for the trainer: writes what it is given into the file LMF_TEST_OPTIONS, fails when that is not set. */
#include <stdio.h>
#include <stdlib.h>

#include "train/worker_abi.h"

int lmf_train_worker_run_v1(const lmf_host_v1* host, const char* options_json, char* error, size_t error_capacity) {
  const char* path = getenv("LMF_TEST_OPTIONS");
  FILE* file = path ? fopen(path, "w") : NULL;
  (void)host;
  if (!file) {
    snprintf(error, error_capacity, "the fake trainer failed");
    return 143;
  }
  fputs(options_json, file);
  fclose(file);
  return 0;
}
