#pragma once

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "support/places.hpp"

namespace lmf::test {

/// tests/fixtures/train/NAME, made by make.py there with the original libraries.
inline nlohmann::json train_fixture(const std::string& name) {
  std::ifstream file(fixtures() / "train" / name);
  if (!file) throw std::runtime_error("no fixture " + name);
  return nlohmann::json::parse(file);
}

/// |a - b| / |b|.
inline double relative(double a, double b) { return a == b ? 0.0 : std::abs(a - b) / std::max(std::abs(b), 1e-12); }

}  // namespace lmf::test
