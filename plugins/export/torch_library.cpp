#include "torch_library.hpp"

#include <array>

#include "base/private_library.hpp"
#include "lmf/error.hpp"

namespace lmf::exporter {
namespace {

AnyFunction* load(const lmf_host_v1& host, const char* name, const char* what, const std::string& instead) try {
  const PrivateLibrary library = {LMF_EXPORT_VERIFY_LIBRARY, name, what, "lmf-export"};
  return load_private_library(private_library(host, library), library);
} catch (const Error& problem) {
  throw Error(problem.what(), problem.hint() + "; or " + instead, problem.exit_status());
}

}  // namespace

TorchFunction::TorchFunction(const lmf_host_v1& host, const char* name, const char* what, const std::string& instead)
    : host_(host), function_(reinterpret_cast<lmf_export_verify_function*>(load(host, name, what, instead))) {}

void TorchFunction::operator()(const nlohmann::json& job) const {
  std::array<char, 4096> error{};
  const int status = function_(&host_, job.dump().c_str(), error.data(), error.size());
  if (status == kExitDone) return;
  const std::string text = error.data();
  const auto line = text.find("\n  ");
  throw Error(text.substr(0, line), line == text.npos ? "" : text.substr(line + 3), status);
}

std::vector<unsigned char> path_bytes(const std::filesystem::path& path) {
  return {path.native().begin(), path.native().end()};
}

}  // namespace lmf::exporter
