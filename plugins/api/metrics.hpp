#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lmf::api {

/// Counts of values that are at most so large, and their sum.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void add(double value, std::uint64_t times = 1);
  /// Prometheus' lines for it.
  void write(std::string& text, const std::string& name, const std::string& help) const;

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;  // one more than bounds: what is beyond
  double sum_ = 0;
};

/// What only the engine knows, at one moment.
struct EngineNumbers {
  std::int64_t running = 0, waiting = 0, most_running = 0, slots = 0;
  std::int64_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0;
  double cache_usage = 0;
  std::vector<std::int64_t> steps_of{};     ///< [n]: steps in which n answers were written or prompts read
  std::optional<std::int64_t> gpu_bytes{};  ///< that are in use there, by whomever; without a GPU none
};

/// Counters of a server, as Prometheus reads them. Safe from any thread.
class Metrics {
 public:
  Metrics();
  void answered(const std::string& route, int status);
  /// A generation that came to its end, one for each choice. Times in seconds.
  void generated(double first_token, double whole, std::int64_t prompt_tokens, std::int64_t completion_tokens);
  /// The time between two tokens of one answer, in seconds.
  void token_gap(double seconds);
  /// An answer that nobody waits for any more. One that a stop string ends is none.
  void given_up();
  /// Prometheus text format 0.0.4.
  std::string text(const EngineNumbers& engine) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  std::uint64_t given_up_ = 0;
  Histogram first_token_, whole_, prompt_tokens_, completion_tokens_;
  mutable std::mutex gaps_mutex_;  // its own, never held for long: the engine's thread takes it for every token
  Histogram token_gaps_;
};

}  // namespace lmf::api
