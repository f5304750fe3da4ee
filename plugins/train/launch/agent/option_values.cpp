#include "train/launch/agent/option_values.hpp"

#include <algorithm>
#include <csignal>
#include <random>

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "train/launch/agent/processes.hpp"
#include "train/launch/agent/words.hpp"
#include "train/launch/agent/worker_environment.hpp"
#include "train/launch/devices.hpp"

namespace lmf::train::launch {

[[noreturn]] void refuse_value(const std::string& what, const std::string& hint) {
  throw Error(what, hint, kExitUsage);
}

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(seconds, 1e9) * 1000));
}

std::chrono::milliseconds parse_grace(const std::string& text) {
  double seconds = 0;
  if (!parse_whole(std::string_view(text), seconds) || !(seconds >= 0))
    refuse_value(fmt::format("environment: {} is '{}', expected a number of seconds", kGraceVariable, text));
  return milliseconds_of(seconds);
}

bool wants_torchrun_statuses(const std::string& text) {
  if (!text.empty() && text != "torchrun")
    refuse_value(fmt::format("environment: {} is '{}', expected torchrun", kStatusVariable, text),
                 "unset it for lmf's own exit statuses");
  return !text.empty();
}

std::vector<int> parse_signals(const std::string& list, const std::string& origin) {
  std::vector<int> signals;
  for (const std::string& name : split(list, ',')) {
    const int signal = signal_number(name);
    if (signal == 0 || signal == SIGKILL || signal == SIGSTOP || signal == SIGCHLD)
      refuse_value(fmt::format("{}: '{}' is no signal that can be handled", origin, name),
                   "for example SIGTERM,SIGINT,SIGUSR1");
    signals.push_back(signal);
  }
  return signals;
}

Endpoint parse_endpoint(const std::string& text, const std::string& origin) {
  Endpoint endpoint;
  std::string port;
  const bool bracketed = text.starts_with('[');
  const std::size_t colon = bracketed ? text.find("]:") : text.find(':');
  const bool bare_ipv6 = !bracketed && std::count(text.begin(), text.end(), ':') > 1;
  if (bare_ipv6) {
    endpoint.host = text;
  } else if (bracketed) {
    endpoint.host = text.substr(1, text.find(']') - 1);
    if (colon != std::string::npos) port = text.substr(colon + 2);
  } else {
    endpoint.host = text.substr(0, colon);
    if (colon != std::string::npos) port = text.substr(colon + 1);
  }
  if (endpoint.host.empty() || (!port.empty() && !parse_whole(port, endpoint.port)))
    refuse_value(fmt::format("{} is '{}', expected HOST or HOST:PORT, with an IPv6 address in brackets", origin, text));
  return endpoint;
}

std::map<std::string, std::string> parse_settings(const std::string& text, const std::string& origin) {
  std::map<std::string, std::string> settings;
  if (text.empty()) return settings;
  for (std::string part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (value.size() >= 2 && value.front() == value.back() && (value.front() == '\'' || value.front() == '"'))
      value = value.substr(1, value.size() - 2);
    std::string key = part.substr(0, equals);
    key.erase(0, key.find_first_not_of(' '));
    if (key.empty() || value.empty())
      refuse_value(fmt::format("{}: '{}' is not KEY=VALUE", origin, part),
                   "for example join_timeout=60,last_call_timeout=5");
    settings[key] = value;
  }
  return settings;
}

int count_workers(const std::string& text, const std::string& origin) {
  int count = 0;
  if (text == "cpu") return usable_cores();
  if (text == "gpu" || text == "auto") {
    count = visible_devices().count;
    if (count > 0) return count;
    if (text == "auto") return usable_cores();
    refuse_value(fmt::format("{} is gpu, but no GPU is visible", origin), "give a number, or use cpu or auto");
  }
  if (!parse_whole(text, count) || count < 1 || count > 4096)
    refuse_value(fmt::format("{} is '{}', expected a number from 1 to 4096, or cpu, gpu or auto", origin, text));
  return count;
}

std::string random_run_id() {
  std::random_device random;
  const auto word = [&random] { return static_cast<unsigned>(random()); };
  // A UUID of version 4, as torchrun makes one.
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:08x}{:04x}", word(), word() & 0xffff, word() & 0xfff,
                     0x8000 | (word() & 0x3fff), word(), word() & 0xffff);
}

}  // namespace lmf::train::launch
