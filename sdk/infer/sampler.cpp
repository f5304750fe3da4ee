#include "infer/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include <ATen/core/PhiloxRNGEngine.h>
#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::infer {
namespace {

/// The k-th largest value; `heap` is scratch space. One pass: most values lose against the heap's least at once.
float kth_largest(std::span<const float> values, std::size_t k, std::vector<float>& heap) {
  heap.assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k));
  std::make_heap(heap.begin(), heap.end(), std::greater<>{});
  for (const float value : values.subspan(k)) {
    if (value <= heap.front()) continue;
    std::pop_heap(heap.begin(), heap.end(), std::greater<>{});
    heap.back() = value;
    std::push_heap(heap.begin(), heap.end(), std::greater<>{});
  }
  return heap.front();
}

bool likelier(const Candidate& a, const Candidate& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; }

/// The index of the largest value, the first of equals. Throws when there is none: that is what a broken model
/// produces.
std::size_t likeliest(std::span<const float> scores, bool some_are_forbidden) {
  std::size_t best = 0;
  for (std::size_t id = 0; id < scores.size(); ++id) {
    if (std::isnan(scores[id]))
      throw Error(fmt::format("the model's output for token {} is not a number", id),
                  "its weights are damaged, or too large for their type: try infer_dtype=float32");
    if (scores[id] > scores[best]) best = id;
  }
  if (some_are_forbidden && scores[best] == -std::numeric_limits<float>::infinity())
    throw Error("logit_bias forbids every token that could come next", "forbid fewer", kExitUsage);
  if (!std::isfinite(scores[best]))
    throw Error("the model's output is infinite",
                "its weights are damaged, or too large for their type: try infer_dtype=float32");
  return best;
}

}  // namespace

void Sampling::check() const {
  const auto require = [](bool holds, const char* name, auto value, const char* expected) {
    if (!holds) throw Error(fmt::format("{} is {}, expected {}", name, value, expected), {}, kExitUsage);
  };
  require(temperature >= 0 && std::isfinite(temperature), "temperature", temperature, "a number of at least 0");
  require(top_k >= 0, "top_k", top_k, "0 (all tokens) or more");
  require(top_p >= 0 && top_p <= 1, "top_p", top_p, "a number between 0 and 1");
  require(repetition_penalty >= 0.01 && repetition_penalty <= 100, "repetition_penalty", repetition_penalty,
          "a number between 0.01 and 100");
  require(presence_penalty >= -2 && presence_penalty <= 2, "presence_penalty", presence_penalty,
          "a number between -2 and 2");
  require(frequency_penalty >= -2 && frequency_penalty <= 2, "frequency_penalty", frequency_penalty,
          "a number between -2 and 2");
  require(min_p >= 0 && min_p <= 1, "min_p", min_p, "a number between 0 and 1");
}

Sampler::Sampler(const Sampling& sampling, std::int64_t vocab_size) : sampling_(sampling) {
  sampling_.check();
  if (sampling_.temperature == 0) sampling_.do_sample = false;
  const auto size = static_cast<std::size_t>(vocab_size);
  for (const auto& [id, bias] : sampling_.logit_bias)
    if (id < 0 || id >= vocab_size || std::isnan(bias))
      throw Error(fmt::format("logit_bias names token {}, the model has {}", id, vocab_size), {}, kExitUsage);
  if (sampling_.repetition_penalty != 1.0) seen_.resize(size, 0);
  if (sampling_.presence_penalty != 0 || sampling_.frequency_penalty != 0) said_place_.resize(size, 0);
}

void Sampler::observe_prompt(std::span<const std::int32_t> ids) {
  if (seen_.empty()) return;
  for (const std::int32_t id : ids) {
    char& seen = seen_.at(static_cast<std::size_t>(id));
    if (!seen) seen_ids_.push_back(id);
    seen = 1;
  }
}

void Sampler::observe(std::int32_t id) {
  observe_prompt({&id, 1});
  if (said_place_.empty()) return;
  std::int32_t& place = said_place_.at(static_cast<std::size_t>(id));
  if (place == 0) {
    said_.emplace_back(id, 0);
    place = static_cast<std::int32_t>(said_.size());
  }
  ++said_[static_cast<std::size_t>(place - 1)].second;
}

std::int32_t Sampler::next(std::span<const float> logits) {
  std::int32_t chosen = 0;
  if (!sampling_.do_sample) {
    chosen = static_cast<std::int32_t>(likeliest(penalised(logits), !sampling_.logit_bias.empty()));
  } else {
    double left = uniform();
    const auto all = distribution(logits);
    chosen = all.back().id;  // should rounding leave the sum below 1
    for (const Candidate& candidate : all) {
      left -= candidate.probability;
      if (left < 0) {
        chosen = candidate.id;
        break;
      }
    }
  }
  observe(chosen);
  return chosen;
}

std::span<const Candidate> Sampler::distribution(std::span<const float> logits) {
  const auto scores = penalised(logits);
  collect(scores);
  normalise(candidates_.size());
  if (sampling_.top_p < 1) keep_top_p();
  if (sampling_.min_p > 0) keep_min_p();
  return candidates_;
}

/// A positive logit of a token seen before is divided by the repetition penalty, a negative one multiplied; the other
/// penalties are subtracted and the bias is added.
std::span<const float> Sampler::penalised(std::span<const float> logits) {
  if (seen_ids_.empty() && said_.empty() && sampling_.logit_bias.empty()) return logits;
  const float penalty = static_cast<float>(sampling_.repetition_penalty);
  scores_.assign(logits.begin(), logits.end());
  const auto score = [&](std::int32_t id) -> float& { return scores_[static_cast<std::size_t>(id)]; };
  for (const std::int32_t id : seen_ids_) score(id) = score(id) < 0 ? score(id) * penalty : score(id) / penalty;
  for (const auto& [id, times] : said_)
    score(id) -= static_cast<float>(sampling_.presence_penalty + sampling_.frequency_penalty * times);
  for (const auto& [id, bias] : sampling_.logit_bias)
    score(id) = bias <= -100 ? -std::numeric_limits<float>::infinity() : score(id) + bias;
  return scores_;
}

/// The candidates that top_k leaves, by id.
void Sampler::collect(std::span<const float> scores) {
  likeliest(scores,
            !sampling_.logit_bias.empty());  // refuses what is not a number, which no comparison below would notice
  const auto k = static_cast<std::size_t>(sampling_.top_k);
  const float least =
      k == 0 || k >= scores.size() ? -std::numeric_limits<float>::infinity() : kth_largest(scores, k, heap_);
  candidates_.clear();
  for (std::size_t id = 0; id < scores.size(); ++id)
    if (scores[id] >= least) candidates_.push_back({static_cast<std::int32_t>(id), scores[id], 0});
}

/// Softmax at the temperature over the first `count` candidates; the others go. The difference is divided, not the
/// scores: however small the temperature, the likeliest keeps a probability above 0.
void Sampler::normalise(std::size_t count) {
  candidates_.resize(count);
  float largest = -std::numeric_limits<float>::infinity();
  for (const Candidate& candidate : candidates_) largest = std::max(largest, candidate.score);
  double sum = 0;
  for (Candidate& candidate : candidates_)
    sum += candidate.probability = std::exp((static_cast<double>(candidate.score) - largest) / sampling_.temperature);
  for (Candidate& candidate : candidates_) candidate.probability /= sum;
}

/// Sorts only as many candidates as top_p needs: sorting a vocabulary of 128,000 whole costs 10 ms a token.
void Sampler::keep_top_p() {
  std::size_t sorted = 0, kept = 0;
  double before = 0;  // probability of the candidates likelier than number `kept`
  while (kept == sorted && sorted < candidates_.size()) {
    const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted);
    sorted = std::min(candidates_.size(), std::max<std::size_t>(64, 4 * sorted));
    const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted);
    std::partial_sort(begin, end, candidates_.end(), likelier);
    while (kept < sorted && (kept == 0 || before < sampling_.top_p)) before += candidates_[kept++].probability;
  }
  normalise(kept);
}

void Sampler::keep_min_p() {
  double most = 0;
  for (const Candidate& candidate : candidates_) most = std::max(most, candidate.probability);
  std::erase_if(candidates_,
                [&](const Candidate& candidate) { return candidate.probability < sampling_.min_p * most; });
  normalise(candidates_.size());
}

/// In [0, 1), 53 bits.
double Sampler::uniform() {
  at::Philox4_32 random(sampling_.seed, sampling_.stream, draws_++);
  const std::uint64_t high = random(), low = random();
  return static_cast<double>((high << 32 | low) >> 11) * 0x1.0p-53;
}

}  // namespace lmf::infer
