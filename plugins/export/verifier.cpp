#include "verifier.hpp"

#include <string>

#include <nlohmann/json.hpp>

namespace lmf::exporter {
namespace {

nlohmann::json or_null(const std::optional<std::string>& text) {
  return text ? nlohmann::json(*text) : nlohmann::json(nullptr);
}

}  // namespace

Verifier::Verifier(const lmf_host_v1& host)
    : function_(host, LMF_EXPORT_VERIFY, "the library that verifies exports",
                "pass verify=false to export without a check") {}

void Verifier::verify(const Request& request, const Inputs& inputs, const std::filesystem::path& folder) const {
  nlohmann::json adapters = nlohmann::json::array();
  for (const WeightedAdapter& adapter : inputs.adapters)
    adapters.push_back({{"path", path_bytes(adapter.directory)}, {"weight", adapter.weight}});
  function_({{"model", path_bytes(inputs.model_directory)},
             {"folder", path_bytes(folder)},
             {"adapters", adapters},
             {"template", or_null(request.chat_template)},
             {"default_system", or_null(request.default_system)},
             {"tool_format", or_null(request.tool_format)},
             {"has_template", inputs.chat_template.has_value()}});
}

}  // namespace lmf::exporter
