#include "model/weight_fingerprint.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lmf::model {
namespace {

constexpr std::size_t kPlaces = 4, kPlaceBytes = 1024;

}  // namespace

void WeightFingerprint::add(std::string_view bytes) {
  constexpr std::uint64_t kPrime = 0x100000001B3u;
  for (const char byte : bytes) value_ = (value_ ^ static_cast<unsigned char>(byte)) * kPrime;
  value_ = (value_ ^ bytes.size()) * kPrime;
}

void WeightFingerprint::add(const WeightFiles& files) {
  for (const std::string& name : files.names()) {
    const TensorEntry& entry = files.require(name);
    add(fmt::format("{} {} {}", name, entry.dtype, fmt::join(entry.shape, " ")));
    const auto all = files.bytes(name);
    const std::string_view bytes(reinterpret_cast<const char*>(all.bytes.data()), all.bytes.size());
    const std::size_t step = std::max(bytes.size() / kPlaces, kPlaceBytes);
    for (std::size_t begin = 0; begin < bytes.size(); begin += step) add(bytes.substr(begin, kPlaceBytes));
  }
}

}  // namespace lmf::model
