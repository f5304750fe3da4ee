#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/server.hpp"
#include "infer/engine.hpp"
#include "protocol/api_error.hpp"
#include "service.hpp"

namespace lmf::api {

/// Texts of which the hidden states are wanted, and what is to be made of them.
struct ReadingPlan {
  std::vector<std::vector<std::int32_t>> prompts;
  std::string param;          ///< the member of the request that they come from, for errors
  std::int32_t adapter = -1;  ///< of those that are kept apart
  bool last_only = false;     ///< of each text the last token's state; else the mean of all
  /// The answer's JSON, of the states in the prompts' order and the number of tokens.
  std::function<std::string(std::vector<std::vector<float>>, std::int64_t)> answer;
};

/// Reads the texts of one request on the engine, a few at a time, so that it takes no more than its share of the queue.
class Reading : public std::enable_shared_from_this<Reading> {
 public:
  /// Throws ApiError, before anything is read, for what cannot be.
  static void start(Service& service, ReadingPlan plan, http::Responder responder);
  Reading(Service& service, ReadingPlan plan, http::Responder responder);

 private:
  class TextListener;
  void submit_more();
  void on_states(std::size_t index, std::span<const float> states);
  void on_end(std::size_t index, const infer::End& end);
  void give_up();
  void complete();
  void fail(const std::exception& failure) noexcept;

  Service& service_;
  const ReadingPlan plan_;
  const http::Responder responder_;
  std::mutex mutex_;
  std::vector<std::vector<float>> states_;      // sums, or the last ones
  std::vector<infer::Engine::Ticket> tickets_;  // of those that were submitted
  std::vector<char> ended_;
  std::size_t running_ = 0;
  std::int64_t tokens_ = 0;
  bool given_up_ = false;
  std::optional<ApiError> failure_;
};

}  // namespace lmf::api
