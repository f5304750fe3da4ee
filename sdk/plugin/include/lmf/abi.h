/* The whole boundary between the host and a plugin. Frozen: fields are only ever added at the end of the two
 * structs, and raise LMF_ABI_MINOR; anything else would be a second symbol, lmf_plugin_query_v2. C11 and C++.
 *
 * Only C scalars, pointers and functions cross, so compilers, standard libraries, Boost, spdlog and torch are
 * private to each side. All strings are UTF-8, NUL-terminated, and live as long as the process. Memory is freed by
 * the side that made it. Nothing throws across. */
#ifndef LMF_ABI_H
#define LMF_ABI_H

#include <stddef.h>
#include <stdint.h>

#define LMF_ABI_MAGIC 0x31464d4cu /* the bytes "LMF1" on a little-endian machine */
#define LMF_ABI_MAJOR 1
#define LMF_ABI_MINOR 0

#define LMF_LOG_TRACE 0
#define LMF_LOG_DEBUG 1
#define LMF_LOG_INFO 2
#define LMF_LOG_WARN 3
#define LMF_LOG_ERROR 4
#define LMF_LOG_OFF 5

#ifdef __cplusplus
extern "C" {
#endif

/* Host to plugin. `size` is sizeof in the host's headers: it tells which tail fields exist. */
typedef struct lmf_host_v1 {
  uint32_t size;
  uint16_t abi_major; /* what this host offers */
  uint16_t abi_minor;
  void* self; /* passed back to the functions below */
  /* One message, `length` bytes, no newline at its end. May be called from any thread. */
  void (*log)(void* self, int level, const char* text, size_t length);
  int32_t log_level;                     /* LMF_LOG_*: messages below it are dropped by the host */
  uint32_t reserved;                     /* 0 */
  const char* version;                   /* of lmf, "0.1.0" */
  const char* program_name;              /* the name the user called: "lmf" or "llamafactory-cli" */
  const char* executable;                /* absolute path of the host; run it again to start a worker */
  const char* library;                   /* absolute, resolved path of this plugin's library */
  const char* share_directory;           /* absolute path of share/lmf */
  const char* const* plugin_directories; /* the search list in force, absolute, best first */
  size_t plugin_directory_count;
} lmf_host_v1;

/* Plugin to host: static storage in the plugin. The first 12 bytes never change, in any version. */
typedef struct lmf_plugin_v1 {
  uint32_t magic; /* LMF_ABI_MAGIC */
  uint16_t abi_major;
  uint16_t abi_minor;    /* the least minor of the host that this plugin needs */
  uint32_t size;         /* sizeof in the plugin's headers */
  uint32_t reserved;     /* 0 */
  const char* name;      /* equals plugin.name of the manifest */
  const char* version;   /* equals plugin.version of the manifest */
  const char* build_tag; /* named fields for diagnosis, "cxx=gcc-12.2;std=202002;torch=2.13.0"; never compared */
  /* Runs `command` with the words that follow it; returns the exit status. Called once per process, on the main
   * thread. A failure's sentence goes into `error` (NUL-terminated, at most `error_capacity` bytes). */
  int (*run)(const lmf_host_v1* host, const char* command, int argc, const char* const* argv, char* error,
             size_t error_capacity);
  const char* manifest; /* the manifest's bytes as embedded at build, NUL-terminated; NULL for a plugin made by hand */
} lmf_plugin_v1;

#if defined(__GNUC__)
#define LMF_EXPORT __attribute__((visibility("default")))
#else
#define LMF_EXPORT
#endif

/* The one symbol a plugin exports. Pure: no allocation, no I/O, no thread. */
LMF_EXPORT const lmf_plugin_v1* lmf_plugin_query_v1(void);

#ifdef __cplusplus
}
#endif
#endif
