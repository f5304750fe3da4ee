#pragma once

#include <cstdint>
#include <string_view>

#include "model/weight_files.hpp"

namespace lmf::model {

/// A number that tells weights apart without reading all of them: of each tensor its name, shape and a few places.
/// Training changes every part of a tensor, or nothing of it. Not for whoever may want to deceive.
class WeightFingerprint {
 public:
  void add(const WeightFiles& files);
  void add(std::string_view bytes);
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325u;  // FNV-1a's
};

}  // namespace lmf::model
