// `lmf api`: serves a model over an OpenAI-compatible HTTP API.
#include "base/host.hpp"
#include "base/log.hpp"
#include "config/options.hpp"
#include "infer/loaded_model.hpp"
#include "model/torch_guard.hpp"
#include "serve.hpp"

namespace {

int api(const lmf::Invocation& call) {
  lmf::adopt_host(call.host);
  const auto table = lmf::config::OptionTable::of_plugin(call.host, "api", {"help"});
  const auto read = lmf::config::read_options(table, call.arguments);
  lmf::config::throw_problems(read.problems);
  for (const std::string& note : read.notes) lmf::log::info("{}", note);
  const auto settings = lmf::api::read_settings(read.options);
  try {
    return lmf::api::serve(settings, call.host.share_directory, call.host.version);
  } catch (const c10::Error& error) {
    throw lmf::model::explain(error, lmf::infer::out_of_memory());
  }
}

}  // namespace

LMF_PLUGIN(api)
