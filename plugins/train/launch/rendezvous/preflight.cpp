#include "train/launch/rendezvous/preflight.hpp"

#include <chrono>
#include <cstdlib>

#include <fmt/format.h>

namespace lmf::train::launch {
namespace {

constexpr std::int64_t kTolerance = 5000;  // ms

}  // namespace

std::string difference(const Node& self, const Node& other) {
  // One that only one of them has: the other one leaves it at its default.
  const auto said = [](const Node& node, const std::string& name) {
    const auto found = node.facts.find(name);
    return found == node.facts.end() ? "not set" : found->second;
  };
  std::map<std::string, std::string> all = self.facts;
  all.insert(other.facts.begin(), other.facts.end());
  for (const auto& [name, value] : all) {
    const std::string own = said(self, name), theirs = said(other, name);
    if (own != theirs)
      return fmt::format("the {} of {} is {}, that of {} is {}", name, name_of(self), own, name_of(other), theirs);
  }
  return {};
}

std::string clock_difference(const Node& other, std::int64_t now) {
  const std::int64_t difference = other.clock - now;
  if (std::abs(difference) <= kTolerance) return {};
  return fmt::format("the clock of {} is {:.1f} s {} this machine's", name_of(other),
                     static_cast<double>(std::abs(difference)) / 1000, difference > 0 ? "ahead of" : "behind");
}

std::int64_t wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace lmf::train::launch
