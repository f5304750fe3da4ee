/* The boundary between the two libraries of `lmf train`: liblmf-train.so (launch/, no libtorch) loads
 * ../private/liblmf-train-worker.so (worker/) and calls this one function. Both are built and shipped together, so
 * only C crosses and nothing is negotiated. */
#ifndef LMF_TRAIN_WORKER_ABI_H
#define LMF_TRAIN_WORKER_ABI_H

#include <stddef.h>

#include "lmf/abi.h"

#define LMF_TRAIN_WORKER_LIBRARY "liblmf-train-worker.so"
#define LMF_TRAIN_WORKER_RUN "lmf_train_worker_run_v1"

#ifdef __cplusplus
extern "C" {
#endif

/* Trains in this process and returns the exit status. `options_json` is config::Options::to_json() of checked options:
 * no problem is left in them, and resume_from_checkpoint is already decided: the absolute folder to continue from, or
 * null for a fresh start; of several ranks, rank 0's decision holds for all. A failure's sentence goes into `error`
 * (NUL-terminated, at most `error_capacity` bytes). Never throws. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int lmf_train_worker_run_v1(const lmf_host_v1* host, const char* options_json, char* error, size_t error_capacity);

/* Its type, for the caller. */
typedef int lmf_train_worker_run_function(const lmf_host_v1* host, const char* options_json, char* error,
                                          size_t error_capacity);

#ifdef __cplusplus
}
#endif
#endif
