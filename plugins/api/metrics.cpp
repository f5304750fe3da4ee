#include "metrics.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <unistd.h>

namespace lmf::api {
namespace {

const std::vector<double> kSeconds = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};
const std::vector<double> kSequences = {1, 2, 4, 8, 16, 32, 64, 128, 256};
const std::vector<double> kTokens = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};

void line(std::string& text, const char* name, const char* type, const char* help, auto value) {
  fmt::format_to(std::back_inserter(text), "# HELP lmf_{0} {2}\n# TYPE lmf_{0} {1}\nlmf_{0} {3}\n", name, type, help,
                 value);
}

std::uint64_t resident_bytes() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

void Histogram::add(double value, std::uint64_t times) {
  counts_[static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin())] += times;
  sum_ += value * static_cast<double>(times);
}

void Histogram::write(std::string& text, const std::string& name, const std::string& help) const {
  auto out = std::back_inserter(text);
  fmt::format_to(out, "# HELP lmf_{0} {1}\n# TYPE lmf_{0} histogram\n", name, help);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    const std::string bound = i < bounds_.size() ? fmt::format("{}", bounds_[i]) : "+Inf";
    fmt::format_to(out, "lmf_{}_bucket{{le=\"{}\"}} {}\n", name, bound, below);
  }
  fmt::format_to(out, "lmf_{0}_sum {1}\nlmf_{0}_count {2}\n", name, sum_, below);
}

Metrics::Metrics()
    : first_token_(kSeconds),
      whole_(kSeconds),
      prompt_tokens_(kTokens),
      completion_tokens_(kTokens),
      token_gaps_(kSeconds) {}

void Metrics::answered(const std::string& route, int status) {
  const std::lock_guard lock(mutex_);
  ++requests_[{route, status}];
}

void Metrics::generated(double first_token, double whole, std::int64_t prompt_tokens, std::int64_t completion_tokens) {
  const std::lock_guard lock(mutex_);
  if (completion_tokens > 0) first_token_.add(first_token);
  whole_.add(whole);
  prompt_tokens_.add(static_cast<double>(prompt_tokens));
  completion_tokens_.add(static_cast<double>(completion_tokens));
}

void Metrics::token_gap(double seconds) {
  const std::lock_guard lock(gaps_mutex_);
  token_gaps_.add(seconds);
}

void Metrics::given_up() {
  const std::lock_guard lock(mutex_);
  ++given_up_;
}

std::string Metrics::text(const EngineNumbers& engine) const {
  std::string text = "# HELP lmf_requests_total HTTP requests that were answered\n# TYPE lmf_requests_total counter\n";
  const Histogram gaps = [&] {
    const std::lock_guard lock(gaps_mutex_);
    return token_gaps_;
  }();
  const std::lock_guard lock(mutex_);
  for (const auto& [key, count] : requests_)
    fmt::format_to(std::back_inserter(text), "lmf_requests_total{{route=\"{}\",code=\"{}\"}} {}\n", key.first,
                   key.second, count);
  line(text, "prompt_tokens_total", "counter", "Tokens of prompts", engine.prompt_tokens);
  line(text, "generation_tokens_total", "counter", "Tokens of answers", engine.generated_tokens);
  line(text, "prefix_cache_queries_total", "counter", "Tokens of prompts that were looked up among those known",
       engine.prompt_tokens);
  line(text, "prefix_cache_hits_total", "counter", "Tokens of prompts that were not computed again",
       engine.cached_tokens);
  line(text, "preemptions_total", "counter", "Answers that were interrupted for others: an answer keeps its slot", 0);
  line(text, "cancelled_total", "counter", "Answers that were given up, for example because the client went",
       given_up_);
  line(text, "requests_running", "gauge", "Answers that are being written", engine.running);
  line(text, "requests_running_peak", "gauge", "Most that were ever written at once", engine.most_running);
  line(text, "requests_waiting", "gauge", "Requests that wait for a slot", engine.waiting);
  line(text, "slots", "gauge", "Answers that can be written at once", engine.slots);
  line(text, "kv_cache_usage_ratio", "gauge", "Share of the key/value cache that is in use", engine.cache_usage);
  line(text, "process_resident_memory_bytes", "gauge", "Memory of the server", resident_bytes());
  if (engine.gpu_bytes)
    line(text, "gpu_memory_used_bytes", "gauge", "Memory of the GPU that is in use", *engine.gpu_bytes);
  Histogram batches(kSequences);
  for (std::size_t size = 1; size < engine.steps_of.size(); ++size)
    batches.add(static_cast<double>(size), static_cast<std::uint64_t>(engine.steps_of[size]));
  batches.write(text, "batch_size", "Requests that took part in a step of the model");
  first_token_.write(text, "time_to_first_token_seconds", "From the request to the answer's first token");
  gaps.write(text, "inter_token_latency_seconds", "Between two tokens of an answer");
  whole_.write(text, "e2e_request_latency_seconds", "From the request to the answer's end");
  prompt_tokens_.write(text, "prompt_tokens", "Tokens of a prompt");
  completion_tokens_.write(text, "generation_tokens", "Tokens of an answer");
  return text;
}

}  // namespace lmf::api
