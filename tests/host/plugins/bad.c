/* Broken plugins, one fault for each BAD_... that CMake defines. All else about them is right. */
#include <stddef.h>

#include "lmf/abi.h"

#ifndef BAD_NAME
#define BAD_NAME PLUGIN_NAME
#endif
#ifndef BAD_VERSION
#define BAD_VERSION "1.0.0"
#endif
#ifndef BAD_MAGIC
#define BAD_MAGIC LMF_ABI_MAGIC
#endif
#ifndef BAD_MAJOR
#define BAD_MAJOR LMF_ABI_MAJOR
#endif
#ifndef BAD_MINOR
#define BAD_MINOR LMF_ABI_MINOR
#endif
#ifndef BAD_SIZE
#define BAD_SIZE sizeof(lmf_plugin_v1)
#endif
#ifndef BAD_MANIFEST
#define BAD_MANIFEST NULL
#endif

#if defined(BAD_HANG) || defined(BAD_EXIT)
#include <unistd.h>
#endif
#ifdef BAD_EXIT
__attribute__((constructor)) static void leave(void) { _exit(BAD_EXIT); }
#endif
#ifdef BAD_AT_EXIT
#include <stdlib.h> /* as a library does whose threads are still running */
__attribute__((destructor)) static void crash_late(void) { abort(); }
#endif
#ifdef BAD_ENVIRONMENT
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void look(void) {
  if (!getenv(BAD_ENVIRONMENT)) _exit(9);
}
#endif
#ifdef BAD_CONSTRUCTOR
#include <stdlib.h>
__attribute__((constructor)) static void crash(void) { abort(); }
#endif

#ifdef BAD_UNDEFINED
void lmf_test_function_that_nobody_defines(void);
#endif
#ifdef BAD_DEPENDENCY
void BAD_DEPENDENCY(void);
#endif

#ifdef BAD_SEGFAULT
/* A crash is wanted, not a sanitizer's report of one to come. */
__attribute__((no_sanitize("undefined", "address")))
#endif
static int
run(const lmf_host_v1* host, const char* command, int argc, const char* const* argv, char* error,
    size_t error_capacity) {
  (void)host, (void)command, (void)argc, (void)argv, (void)error, (void)error_capacity;
#ifdef BAD_UNDEFINED
  lmf_test_function_that_nobody_defines();
#endif
#ifdef BAD_DEPENDENCY
  BAD_DEPENDENCY();
#endif
#ifdef BAD_SEGFAULT
  volatile int* volatile nowhere = NULL;
  *nowhere = 1;
#endif
#ifdef BAD_STATUS
  return BAD_STATUS;
#endif
  return 0;
}

#ifdef BAD_SYMBOL
const lmf_plugin_v1* lmf_plugin_query_v2(void);
__attribute__((visibility("default"))) const lmf_plugin_v1* lmf_plugin_query_v2(void) {
#else
const lmf_plugin_v1* lmf_plugin_query_v1(void) {
#endif
  static const lmf_plugin_v1 plugin = {BAD_MAGIC,   BAD_MAJOR, BAD_MINOR,   BAD_SIZE,
                                       0,           BAD_NAME,  BAD_VERSION, "cxx=test",
#ifdef BAD_RUN
                                       NULL,
#else
                                       run,
#endif
                                       BAD_MANIFEST};
#ifdef BAD_HANG
  for (;;) pause();
#endif
#ifdef BAD_QUERY
  (void)plugin, (void)run;
  return NULL;
#else
  (void)run;
  return &plugin;
#endif
}
