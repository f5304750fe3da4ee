#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/json_reader.hpp"
#include "text/regex.hpp"

namespace lmf::text {

class NormalizerStep {
 public:
  virtual ~NormalizerStep() = default;
  /// Rewrites `text` (valid UTF-8) in place.
  virtual void apply(std::string& text, RegexWorkspace& work) const = 0;
};

/// tokenizer.json's "normalizer" as a flat list of steps; empty: text stays as it is.
struct Normalizer {
  std::vector<std::unique_ptr<NormalizerStep>> steps;

  void apply(std::string& text, RegexWorkspace& work) const {
    for (const auto& step : steps) step->apply(text, work);
  }
};

/// Throws Error naming the place and what in it is unknown.
Normalizer read_normalizer(const Json* value, const std::string& place);

/// "Replace" of normalizers and decoders: every match of a text or of a pattern becomes `content`.
class Replacement {
 public:
  explicit Replacement(const JsonObject& object);
  void apply(std::string& text, RegexWorkspace& work) const;

 private:
  void check_growth(std::size_t bytes) const;

  std::string place_, literal_, content_;
  std::unique_ptr<Regex> regex_;  // null: literal_
};

}  // namespace lmf::text
