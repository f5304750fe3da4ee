#pragma once

// The C++ face of lmf/abi.h: header-only, compiled into the plugin. A whole plugin is a function and one line:
//
//   int greet(const lmf::Invocation& call) { ...; return 0; }
//   LMF_PLUGIN(greet)
//
// Build it with lmf_add_plugin(), which supplies the name, version, build tag and embedded manifest.
//
// The process ends when the command returns, and runs no exit handler: what is written to stdout, stderr, std::cout,
// std::cerr and std::clog arrives, but no destructor of a static object runs. A file is closed by the command.

#include <cerrno>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "lmf/abi.h"
#include "lmf/error.hpp"
#if __has_include("lmf_plugin_build.h")
#include "lmf_plugin_build.h"  // made by lmf_add_plugin(); code that is no plugin's own has none and needs none
#endif

namespace lmf {

/// One call of a command.
struct Invocation {
  const lmf_host_v1& host;
  std::string_view command;                ///< the command's own name, also when the user typed an alias
  std::span<const char* const> arguments;  ///< the words after the command

  void log(int level, std::string_view text) const { host.log(host.self, level, text.data(), text.size()); }
};

namespace detail {

inline void copy_error(const std::string& text, char* error, size_t capacity) {
  if (capacity == 0) return;
  const size_t length = text.size() < capacity - 1 ? text.size() : capacity - 1;
  text.copy(error, length);
  error[length] = '\0';
}

/// What the streams have kept in buffers of their own. The reason when a part of standard output is lost, or "".
inline std::string flush_streams() noexcept {
  try {
    errno = 0;
    std::cout.flush();
    const int reason = errno;
    std::cerr.flush();
    std::clog.flush();
    std::wcout.flush();
    std::wcerr.flush();
    std::wclog.flush();
    if (!std::cout.bad() && !std::wcout.bad()) return {};
    return std::string("cannot write to standard output: ") + (reason != 0 ? std::strerror(reason) : "a part is lost");
  } catch (...) {  // a command can have asked the streams to throw
    return "cannot write to standard output";
  }
}

/// Turns every exception into text and an exit status before it can leave the library.
template <int (*Command)(const Invocation&)>
int call(const lmf_host_v1* host, const char* command, int argc, const char* const* argv, char* error,
         size_t error_capacity) noexcept {
  try {
    return Command(Invocation{*host, command, {argv, static_cast<size_t>(argc)}});
  } catch (const Error& failure) {
    std::string text = failure.what();
    if (!failure.hint().empty()) text += "\n  " + failure.hint();
    copy_error(text, error, error_capacity);
    return failure.exit_status();
  } catch (const std::bad_alloc&) {
    copy_error("out of memory", error, error_capacity);
    return kExitFailed;
  } catch (const std::system_error& failure) {  // std::filesystem's too: the machine said no, with its reason
    copy_error(failure.what(), error, error_capacity);
    return kExitFailed;
  } catch (const std::exception& failure) {
    copy_error(std::string("internal error: ") + failure.what(), error, error_capacity);
    return kExitInternal;
  } catch (...) {
    copy_error("internal error: an exception of unknown type", error, error_capacity);
    return kExitInternal;
  }
}

template <int (*Command)(const Invocation&)>
int run(const lmf_host_v1* host, const char* command, int argc, const char* const* argv, char* error,
        size_t error_capacity) noexcept {
  const int status = call<Command>(host, command, argc, argv, error, error_capacity);
  const std::string lost = flush_streams();
  if (lost.empty() || status != kExitDone) return status;
  copy_error(lost, error, error_capacity);
  return kExitFailed;
}

}  // namespace detail
}  // namespace lmf

/// Defines the one exported function. What it names comes from lmf_plugin_build.h.
#define LMF_PLUGIN(COMMAND)                                                                                          \
  extern "C" const lmf_plugin_v1* lmf_plugin_query_v1(void) {                                                        \
    static const lmf_plugin_v1 plugin = {                                                                            \
        LMF_ABI_MAGIC,   LMF_ABI_MAJOR,      LMF_PLUGIN_ABI_MINOR, sizeof(lmf_plugin_v1),      0,                    \
        LMF_PLUGIN_NAME, LMF_PLUGIN_VERSION, LMF_PLUGIN_BUILD_TAG, &lmf::detail::run<COMMAND>, lmf_plugin_manifest}; \
    return &plugin;                                                                                                  \
  }
