#pragma once

#include <filesystem>

#include "inputs.hpp"
#include "lmf/abi.h"
#include "request.hpp"
#include "verify_abi.h"

namespace lmf::exporter {

/// The library that verifies, loaded before anything is written: without libtorch the user learns it then.
class Verifier {
 public:
  explicit Verifier(const lmf_host_v1& host);
  /// Throws Error when `folder` does not compute what the model and its adapters do.
  void verify(const Request& request, const Inputs& inputs, const std::filesystem::path& folder) const;

 private:
  const lmf_host_v1& host_;
  lmf_export_verify_function* function_;
};

}  // namespace lmf::exporter
