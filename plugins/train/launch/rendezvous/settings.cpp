#include "train/launch/rendezvous/settings.hpp"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::train::launch {
namespace {

using Milliseconds = std::chrono::milliseconds;

[[noreturn]] void wrong(const std::string& name, const std::string& value, const char* expected) {
  throw Error(fmt::format("--rdzv-conf: {} is {}, not {}", name, value, expected), {}, kExitUsage);
}

class Reader {
 public:
  explicit Reader(const std::map<std::string, std::string>& settings) : settings_(settings) {}

  double number(const std::string& name, double otherwise) const {
    const auto found = settings_.find(name);
    if (found == settings_.end()) return otherwise;
    const std::string& text = found->second;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (!whole || !std::isfinite(value) || value < 0 || value > 1e7)
      wrong(name, text, "a number of seconds from 0 to 10000000");
    return value;
  }

  void seconds(const std::string& name, Milliseconds& to) const {
    to = Milliseconds(std::llround(number(name, static_cast<double>(to.count()) / 1000) * 1000));
  }

  void seconds(const std::string& name, std::optional<Milliseconds>& to) const {
    if (settings_.contains(name)) seconds(name, to.emplace());
  }

  std::optional<bool> flag(const std::string& name) const {
    const auto found = settings_.find(name);
    if (found == settings_.end()) return std::nullopt;
    for (const char* word : {"1", "true", "True", "t", "yes", "y"})
      if (found->second == word) return true;
    for (const char* word : {"0", "false", "False", "f", "no", "n"})
      if (found->second == word) return false;
    wrong(name, found->second, "true or false");
  }

 private:
  const std::map<std::string, std::string>& settings_;
};

}  // namespace

RendezvousSettings read_settings(const RendezvousOptions& options) {
  const Reader reader(options.settings);
  RendezvousSettings result;
  if (options.backend == RendezvousOptions::Backend::fixed) {
    result.join = std::chrono::seconds(900);
    reader.seconds("timeout", result.join);
  }
  reader.seconds("join_timeout", result.join);
  reader.seconds("name_timeout", result.unknown_name);
  reader.seconds("exit_barrier_timeout", result.exit_barrier);
  reader.seconds("last_call_timeout", result.group.last_call);
  reader.seconds("read_timeout", result.group.answer);
  const double silence = reader.number("keep_alive_interval", 5) * reader.number("keep_alive_max_attempt", 3);
  result.group.silence = Milliseconds(std::llround(silence * 1000));
  result.is_host = reader.flag("is_host");
  return result;
}

}  // namespace lmf::train::launch
