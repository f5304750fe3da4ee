#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lmf/abi.h"
#include "verify_abi.h"

namespace lmf::exporter {

/// A function of the library with libtorch, loaded before anything is written: without libtorch the user learns it
/// then.
class TorchFunction {
 public:
  /// `what` it is for messages, and `instead`: how to do without it.
  TorchFunction(const lmf_host_v1& host, const char* name, const char* what, const std::string& instead);
  /// Throws what the function tells, with its exit status.
  void operator()(const nlohmann::json& job) const;

 private:
  const lmf_host_v1& host_;
  lmf_export_verify_function* function_;
};

/// A path in a job: as numbers, because it is bytes, which need not be UTF-8, and JSON's texts are.
std::vector<unsigned char> path_bytes(const std::filesystem::path& path);

}  // namespace lmf::exporter
