#pragma once

#include <filesystem>

#include "inputs.hpp"
#include "request.hpp"
#include "torch_library.hpp"

namespace lmf::exporter {

/// What compares the result with the model and its adapters apart.
class Verifier {
 public:
  explicit Verifier(const lmf_host_v1& host);
  /// Throws Error when `folder` does not compute what the model and its adapters do.
  void verify(const Request& request, const Inputs& inputs, const std::filesystem::path& folder) const;

 private:
  TorchFunction function_;
};

}  // namespace lmf::exporter
