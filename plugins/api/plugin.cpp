// `lmf api`: serves a model over an OpenAI-compatible HTTP API.
#include <torch/types.h>

#include "base/host.hpp"
#include "base/log.hpp"
#include "config/options.hpp"
#include "serve.hpp"

namespace {

/// libtorch's errors carry a backtrace, which is for the log.
[[noreturn]] void explain(const c10::Error& error) {
  lmf::log::debug("{}", error.what());
  throw lmf::Error(std::string("libtorch could not go on: ") + error.what_without_backtrace());
}

int api(const lmf::Invocation& call) {
  lmf::adopt_host(call.host);
  const auto table = lmf::config::OptionTable::of_plugin(call.host, "api", {"help"});
  const auto read = lmf::config::read_options(table, call.arguments);
  lmf::config::throw_problems(read.problems);
  for (const std::string& note : read.notes) lmf::log::info("{}", note);
  const auto settings = lmf::api::read_settings(read.options);
  try {
    return lmf::api::serve(settings, call.host.share_directory);
  } catch (const c10::Error& error) {
    explain(error);
  }
}

}  // namespace

LMF_PLUGIN(api)
