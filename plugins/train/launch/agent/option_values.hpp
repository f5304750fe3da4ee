#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// What a value of an option of `run`, or of a variable of `train`, means. Each throws Error(kExitUsage) that names
/// its origin.
namespace lmf::train::launch {

/// Throws Error(kExitUsage).
[[noreturn]] void refuse_value(const std::string& what, const std::string& hint = {});

inline constexpr const char* kGraceVariable = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT";
/// At most as many as a clock can count.
std::chrono::milliseconds milliseconds_of(double seconds);
/// Of kGraceVariable: seconds, also 1.5.
std::chrono::milliseconds parse_grace(const std::string& text);

inline constexpr const char* kStatusVariable = "LMF_EXIT_COMPAT";
/// Of kStatusVariable: whether 1 stands for every failure; "", which is unset, does not.
bool wants_torchrun_statuses(const std::string& text);

/// The signals of "SIGTERM,SIGUSR1".
std::vector<int> parse_signals(const std::string& list, const std::string& origin);

/// A host and its port, "[::1]:29400"; port 0 when there is none.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};
Endpoint parse_endpoint(const std::string& text, const std::string& origin);

/// "timeout=30,join_timeout='60'"; throws for a key without value.
std::map<std::string, std::string> parse_settings(const std::string& text, const std::string& origin);

/// How many workers "4", "cpu", "gpu" or "auto" are here.
int count_workers(const std::string& text, const std::string& origin);

/// A job's name for one that needs none, as nobody else has it.
std::string random_run_id();

}  // namespace lmf::train::launch
