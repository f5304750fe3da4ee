#include "verifier.hpp"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/private_library.hpp"
#include "lmf/error.hpp"

namespace lmf::exporter {
namespace {

constexpr PrivateLibrary kLibrary = {LMF_EXPORT_VERIFY_LIBRARY, LMF_EXPORT_VERIFY, "the library that verifies exports",
                                     "lmf-export"};

AnyFunction* load(const lmf_host_v1& host) try {
  return load_private_library(private_library(host, kLibrary), kLibrary);
} catch (const Error& problem) {
  throw Error(problem.what(), problem.hint() + "; or pass verify=false to export without a check",
              problem.exit_status());
}

nlohmann::json or_null(const std::optional<std::string>& text) {
  return text ? nlohmann::json(*text) : nlohmann::json(nullptr);
}

/// As numbers: a path is bytes, which need not be UTF-8, and JSON's texts are.
std::vector<unsigned char> bytes_of(const std::filesystem::path& path) {
  return {path.native().begin(), path.native().end()};
}

}  // namespace

Verifier::Verifier(const lmf_host_v1& host)
    : host_(host), function_(reinterpret_cast<lmf_export_verify_function*>(load(host))) {}

void Verifier::verify(const Request& request, const Inputs& inputs, const std::filesystem::path& folder) const {
  nlohmann::json adapters = nlohmann::json::array();
  for (const WeightedAdapter& adapter : inputs.adapters)
    adapters.push_back({{"path", bytes_of(adapter.directory)}, {"weight", adapter.weight}});
  const nlohmann::json job = {{"model", bytes_of(inputs.model_directory)},
                              {"folder", bytes_of(folder)},
                              {"adapters", adapters},
                              {"template", or_null(request.chat_template)},
                              {"default_system", or_null(request.default_system)},
                              {"has_template", inputs.chat_template.has_value()}};
  std::array<char, 4096> error{};
  const int status = function_(&host_, job.dump().c_str(), error.data(), error.size());
  if (status == kExitDone) return;
  const std::string text = error.data();
  const auto line = text.find("\n  ");
  throw Error(text.substr(0, line), line == text.npos ? "" : text.substr(line + 3), status);
}

}  // namespace lmf::exporter
