/* lmf/abi.h as strict C11, and its layout as C sees it. */
#include "lmf/abi.h"

extern const size_t lmf_c_host_layout[14];
extern const size_t lmf_c_plugin_layout[11];

const size_t lmf_c_host_layout[14] = {offsetof(lmf_host_v1, size),
                                      offsetof(lmf_host_v1, abi_major),
                                      offsetof(lmf_host_v1, abi_minor),
                                      offsetof(lmf_host_v1, self),
                                      offsetof(lmf_host_v1, log),
                                      offsetof(lmf_host_v1, log_level),
                                      offsetof(lmf_host_v1, reserved),
                                      offsetof(lmf_host_v1, version),
                                      offsetof(lmf_host_v1, program_name),
                                      offsetof(lmf_host_v1, executable),
                                      offsetof(lmf_host_v1, library),
                                      offsetof(lmf_host_v1, share_directory),
                                      offsetof(lmf_host_v1, plugin_directories),
                                      sizeof(lmf_host_v1)};

const size_t lmf_c_plugin_layout[11] = {offsetof(lmf_plugin_v1, magic),
                                        offsetof(lmf_plugin_v1, abi_major),
                                        offsetof(lmf_plugin_v1, abi_minor),
                                        offsetof(lmf_plugin_v1, size),
                                        offsetof(lmf_plugin_v1, reserved),
                                        offsetof(lmf_plugin_v1, name),
                                        offsetof(lmf_plugin_v1, version),
                                        offsetof(lmf_plugin_v1, build_tag),
                                        offsetof(lmf_plugin_v1, run),
                                        offsetof(lmf_plugin_v1, manifest),
                                        sizeof(lmf_plugin_v1)};
