/* A plugin in C11, with nothing of the C++ face. */
#include <stdio.h>
#include <string.h>

#include "lmf/abi.h"
#include "lmf_plugin_build.h"

static int run(const lmf_host_v1* host, const char* command, int argc, const char* const* argv, char* error,
               size_t error_capacity) {
  const char message[] = "waving";
  host->log(host->self, LMF_LOG_INFO, message, strlen(message));
  if (argc > 0) {
    snprintf(error, error_capacity, "cannot wave at %s", argv[0]);
    return 2;
  }
  printf("%s from C\n", command);
  return 0;
}

const lmf_plugin_v1* lmf_plugin_query_v1(void) {
  static const lmf_plugin_v1 plugin = {LMF_ABI_MAGIC,
                                       LMF_ABI_MAJOR,
                                       LMF_PLUGIN_ABI_MINOR,
                                       sizeof(lmf_plugin_v1),
                                       0,
                                       LMF_PLUGIN_NAME,
                                       LMF_PLUGIN_VERSION,
                                       LMF_PLUGIN_BUILD_TAG,
                                       run,
                                       lmf_plugin_manifest};
  return &plugin;
}
