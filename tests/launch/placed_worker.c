/* Stands in for the trainer: says where the launcher has put it, and does what LMF_TEST_WORKER asks: "fail", rank 1
 * ends with 7; "fail once", only at the first attempt. There are two builds of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/worker_abi.h"

#ifndef LMF_TEST_BUILD
#define LMF_TEST_BUILD "first"
#endif

static const char* variable(const char* name) {
  const char* value = getenv(name);
  return value ? value : "unset";
}

int lmf_train_worker_run_v1(const lmf_host_v1* host, const char* options_json, char* error, size_t error_capacity) {
  const char* task = variable("LMF_TEST_WORKER");
  const int is_restart = strcmp(variable("LMF_ATTEMPT"), "0") != 0;
  (void)options_json;
  printf("rank %s of %s, local %s of %s, at %s:%s, attempt %s, alloc %s\n", variable("RANK"), variable("WORLD_SIZE"),
         variable("LOCAL_RANK"), variable("LOCAL_WORLD_SIZE"), variable("MASTER_ADDR"), variable("MASTER_PORT"),
         variable("LMF_ATTEMPT"), variable("PYTORCH_CUDA_ALLOC_CONF"));
  printf("library %s, the %s build\n", host->library, LMF_TEST_BUILD);
  fflush(stdout);
  if (strncmp(task, "fail", 4) == 0 && strcmp(variable("RANK"), "1") == 0 &&
      !(is_restart && strcmp(task, "fail once") == 0)) {
    snprintf(error, error_capacity, "made up");
    return 7;
  }
  return 0;
}
