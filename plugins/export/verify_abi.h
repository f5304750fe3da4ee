/* The boundary between the two libraries of `lmf export`: liblmf-export.so (no libtorch) loads
 * ../private/liblmf-export-verify.so when the result is to be verified or quantised, and calls these functions. Both
 * are built and shipped together, so only C crosses and nothing is negotiated. */
#ifndef LMF_EXPORT_VERIFY_ABI_H
#define LMF_EXPORT_VERIFY_ABI_H

#include <stddef.h>

#include "lmf/abi.h"

#define LMF_EXPORT_VERIFY_LIBRARY "liblmf-export-verify.so"
#define LMF_EXPORT_VERIFY "lmf_export_verify_v1"
#define LMF_EXPORT_QUANTIZE "lmf_export_quantize_v1"

#ifdef __cplusplus
extern "C" {
#endif

/* Compares the folder that was written with the model and its adapters apart, writes export_report.json there and
 * returns the exit status: 0 when they compute the same. `job_json`: {"model": DIR, "adapters": [{"path": DIR,
 * "weight": 1.0}], "folder": DIR, "template": NAME or null, "default_system": TEXT or null, "tool_format": NAME or
 * null, "has_template": bool}, each DIR as an array of its bytes. A failure's sentence goes into `error`
 * (NUL-terminated, at most `error_capacity` bytes). Never throws. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int lmf_export_verify_v1(const lmf_host_v1* host, const char* job_json, char* error, size_t error_capacity);

/* Quantises the model in the folder, whose weight files the quantised ones replace, adds what it costs to
 * export_report.json and returns the exit status. `job_json`: {"folder": DIR as above, "bits": 4 or 8, "group": columns
 * with one scale or -1, "shard_bytes": N, "calibration": and "held_out": [[token, ...], ...], and for the report
 * "dataset": TEXT, "seed": N}. Errors as above. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int lmf_export_quantize_v1(const lmf_host_v1* host, const char* job_json, char* error, size_t error_capacity);

/* Their type, for the caller. */
typedef int lmf_export_verify_function(const lmf_host_v1* host, const char* job_json, char* error,
                                       size_t error_capacity);

#ifdef __cplusplus
}
#endif
#endif
