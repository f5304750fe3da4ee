// `lmf export`: writes a model with its adapters merged in, ready for other programs. Links no libtorch.
#include "base/host.hpp"
#include "base/log.hpp"
#include "config/options.hpp"
#include "export_model.hpp"
#include "request.hpp"

namespace {

int run(const lmf::Invocation& call) {
  lmf::adopt_host(call.host);
  const auto table = lmf::config::OptionTable::of_plugin(call.host, "export", {"help"});
  const auto read = lmf::config::read_options(table, call.arguments);
  lmf::config::throw_problems(read.problems);
  for (const std::string& note : read.notes) lmf::log::info("{}", note);
  lmf::exporter::export_model(lmf::exporter::read_request(read.options), call.host);
  return lmf::kExitDone;
}

}  // namespace

LMF_PLUGIN(run)
