#pragma once

#include <cstdint>
#include <filesystem>

#include "calibration.hpp"
#include "inputs.hpp"
#include "request.hpp"
#include "torch_library.hpp"

namespace lmf::exporter {

/// A quantised export, judged before anything is written: sides that can be packed, texts to calibrate on, the library.
class Quantizer {
 public:
  Quantizer(const Quantization& wanted, const Inputs& inputs, const lmf_host_v1& host);
  /// Puts the quantised model into the place of the merged one.
  void quantize(const std::filesystem::path& folder, std::uint64_t shard_bytes) const;

 private:
  const Quantization& wanted_;
  CalibrationTexts texts_;
  std::int64_t group_;
  TorchFunction function_;
};

}  // namespace lmf::exporter
