#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace lmf::infer {

/// How the next token is chosen. Defaults are LLaMA-Factory's, not transformers'.
struct Sampling {
  bool do_sample = true;      ///< false: the likeliest token, ties to the lowest id
  double temperature = 0.95;  ///< >= 0; 0 means do_sample = false
  std::int64_t top_k = 50;    ///< only the k likeliest (and ties with the last of them); 0: all
  double top_p = 0.7;         ///< in [0, 1]: the smallest set of likeliest tokens that has this probability
  double repetition_penalty =
      1.0;  ///< in [0.01, 100], on every token of prompt and answer; Keskar et al. 2019, arXiv:1909.05858, eq. 2
  double presence_penalty = 0.0;   ///< in [-2, 2], taken from the logit of every token of the answer
  double frequency_penalty = 0.0;  ///< in [-2, 2], the same for each time it is there
  std::vector<std::pair<std::int32_t, float>>
      logit_bias{};    ///< added to those tokens' logits; -100 or less forbids one
  double min_p = 0.0;  ///< in [0, 1]: only tokens at least so likely as this share of the likeliest
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;  ///< draws of different streams are independent; an answer's number in its conversation

  /// Throws Error(kExitUsage) naming the first value out of the ranges above.
  void check() const;
};

/// One token that may come next.
struct Candidate {
  std::int32_t id;
  float score;         ///< logit after the penalty
  double probability;  ///< candidates' probabilities add up to 1
};

/// Chooses the tokens of one sequence. Order of operations as in transformers: penalties, bias, temperature, top_k,
/// top_p, min_p. The n-th draw depends on (seed, stream, n) alone (Philox 4x32-10, Salmon et al. 2011), so neither the
/// threads nor other sequences of a batch change a text. Allocates nothing after the first token.
class Sampler {
 public:
  Sampler(const Sampling& sampling, std::int64_t vocab_size);

  /// Tokens that repetition_penalty applies to, besides the answer's own.
  void observe_prompt(std::span<const std::int32_t> ids);
  /// The next token for `logits` [V]; it is observed. Throws Error when a logit is not a number.
  std::int32_t next(std::span<const float> logits);
  /// What next() would draw from, valid until the next call. Likeliest first when top_p < 1, else by id.
  std::span<const Candidate> distribution(std::span<const float> logits);

 private:
  void observe(std::int32_t id);
  std::span<const float> penalised(std::span<const float> logits);
  void collect(std::span<const float> scores);
  void normalise(std::size_t count);
  void keep_top_p();
  void keep_min_p();
  double uniform();

  Sampling sampling_;
  std::vector<char> seen_;                                   // [V], empty without repetition_penalty
  std::vector<std::int32_t> seen_ids_;                       // each once
  std::vector<std::pair<std::int32_t, std::int32_t>> said_;  // tokens of the answer, and how often
  std::vector<std::int32_t> said_place_;                     // [V]: place in said_ plus 1; empty without penalties
  std::vector<float> scores_, heap_;
  std::vector<Candidate> candidates_;
  std::uint64_t draws_ = 0;
};

}  // namespace lmf::infer
