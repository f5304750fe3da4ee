#include "infer/generator.hpp"

#include <torch/utils.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "lmf/error.hpp"

using namespace lmf::infer;
using lmf::model::Decoder;
using lmf::model::DecoderSpec;
using Ids = std::vector<std::int32_t>;

namespace {

DecoderSpec small_spec(std::int64_t window = 0) {
  DecoderSpec spec;
  spec.model_type = "llama";
  spec.vocab_size = 97;
  spec.hidden_size = 32;
  spec.intermediate_size = 48;
  spec.layers = 2;
  spec.heads = 4;
  spec.key_value_heads = 2;
  spec.head_dim = 8;
  spec.max_positions = 1024;
  spec.initializer_range = 0.3;  // far from uniform outputs, so that the likeliest token is clear
  spec.windows.assign(2, window);
  return spec;
}

const Decoder& small_decoder() {
  static const Decoder decoder = Decoder::random(small_spec(), 7);
  return decoder;
}

Ids some_prompt(std::size_t tokens) {
  Ids ids;
  for (std::size_t i = 0; i < tokens; ++i) ids.push_back(static_cast<std::int32_t>((i * 31 + 5) % 97));
  return ids;
}

Request greedy(Ids prompt, std::int64_t tokens) {
  Request request{.prompt = std::move(prompt), .stop_ids = {}, .max_new_tokens = tokens, .sampling = {}};
  request.sampling.do_sample = false;
  return request;
}

const std::atomic<bool> kNever{false};

Answer generate(Generator& generator, const Request& request) {
  return generator.generate(
      request, [](std::int32_t) {}, kNever);
}

/// The same without a cache: the whole sequence anew for each token.
Ids greedy_without_cache(const Decoder& decoder, const Ids& prompt, std::int64_t tokens) {
  const torch::InferenceMode no_gradients;
  std::vector<std::int64_t> ids(prompt.begin(), prompt.end());
  Ids answer;
  while (static_cast<std::int64_t>(answer.size()) < tokens) {
    const auto hidden = decoder.hidden(lmf::model::PackedTokens::from({ids}));
    ids.push_back(decoder.logits(hidden.narrow(0, hidden.size(0) - 1, 1)).argmax().item<std::int64_t>());
    answer.push_back(static_cast<std::int32_t>(ids.back()));
  }
  return answer;
}

}  // namespace

TEST_CASE("greedy tokens with the cache are those of the whole sequence computed anew") {
  for (const std::size_t prompt_tokens : {1u, 17u, 700u}) {  // 700: read in two pieces
    CAPTURE(prompt_tokens);
    Generator generator(small_decoder());
    CHECK(generate(generator, greedy(some_prompt(prompt_tokens), 20)).ids ==
          greedy_without_cache(small_decoder(), some_prompt(prompt_tokens), 20));
  }
}

TEST_CASE("a sliding window gives the same with and without the cache") {
  const Decoder decoder = Decoder::random(small_spec(/*window=*/6), 8);
  Generator generator(decoder);
  CHECK(generate(generator, greedy(some_prompt(40), 20)).ids == greedy_without_cache(decoder, some_prompt(40), 20));
}

TEST_CASE("the next turn reuses what it has in common with the cache, and nothing else") {
  Generator generator(small_decoder());
  const auto first = generate(generator, greedy(some_prompt(30), 10));
  CHECK(first.reused_tokens == 0);

  Ids longer = some_prompt(30);
  longer.insert(longer.end(), first.ids.begin(), first.ids.end());
  longer.insert(longer.end(), {1, 2, 3});
  const auto second = generate(generator, greedy(longer, 300));  // the cache has to grow meanwhile
  CHECK(second.reused_tokens == 39);                             // the answer's last token was chosen, but never run
  CHECK(second.ids == greedy_without_cache(small_decoder(), longer, 300));

  Ids other = some_prompt(30);
  other[12] = 96;
  const auto third = generate(generator, greedy(other, 10));
  CHECK(third.reused_tokens == 12);
  CHECK(third.ids == greedy_without_cache(small_decoder(), other, 10));

  const auto again = generate(generator, greedy(other, 10));
  CHECK(again.reused_tokens == 29);  // the last token's logits are needed, so it is run again
  CHECK(again.ids == third.ids);
}

TEST_CASE("scaled positions reach as far as their factor; dynamic ones are turned by the whole prompt's length") {
  using lmf::model::Rope;
  auto spec = small_spec();
  spec.max_positions = 256;
  spec.rope.factor = 4.0;
  spec.rope.original_max_positions = 256;
  for (const auto kind : {Rope::Kind::linear, Rope::Kind::yarn, Rope::Kind::dynamic}) {
    spec.rope.kind = kind;
    CHECK(lmf::model::context_length(spec) == 1024);
  }
  const Decoder decoder = Decoder::random(spec, 9);
  Generator generator(decoder);
  CHECK(generate(generator, greedy(some_prompt(700), 1)).ids == greedy_without_cache(decoder, some_prompt(700), 1));
  const auto longer = generate(generator, greedy(some_prompt(750), 1));  // its beginning is cached, turned otherwise
  CHECK(longer.reused_tokens == 0);
  CHECK(longer.ids == greedy_without_cache(decoder, some_prompt(750), 1));
  const auto shorter = generate(generator, greedy(some_prompt(100), 1));
  CHECK(shorter.reused_tokens == 0);
  CHECK(generate(generator, greedy(some_prompt(101), 1)).reused_tokens == 100);
  CHECK_THROWS_WITH_AS(generate(generator, greedy(some_prompt(1024), 1)),
                       "the conversation has 1024 tokens, the model's context holds 1024", lmf::Error);
}

TEST_CASE("an answer ends before a stop id, at max_new_tokens, and where the positions end") {
  Generator generator(small_decoder());
  const Ids all = greedy_without_cache(small_decoder(), some_prompt(5), 12);
  CHECK(generate(generator, greedy(some_prompt(5), 12)).finish == Finish::length);

  auto request = greedy(some_prompt(5), 12);
  request.stop_ids = {all[6]};
  const auto stopped = generate(generator, request);
  const auto first = std::find(all.begin(), all.end(), all[6]);
  CHECK(stopped.finish == Finish::stop);
  CHECK(stopped.ids == Ids(all.begin(), first));

  const auto full = generate(generator, greedy(some_prompt(1020), 12));
  CHECK(full.finish == Finish::context);
  CHECK(full.ids.size() == 4);
}

TEST_CASE("a raised flag stops the answer at the next token, and the generator can go on") {
  Generator generator(small_decoder());
  std::atomic<bool> cancelled{false};
  int seen = 0;
  const auto part = generator.generate(
      greedy(some_prompt(5), 50), [&](std::int32_t) { cancelled = ++seen == 3; }, cancelled);
  CHECK(part.finish == Finish::cancelled);
  CHECK(part.ids == greedy_without_cache(small_decoder(), some_prompt(5), 3));

  cancelled = true;
  const auto none = generator.generate(
      greedy(some_prompt(700), 5), [](std::int32_t) {}, cancelled);
  CHECK(none.finish == Finish::cancelled);
  CHECK(none.ids.empty());
  CHECK(generate(generator, greedy(some_prompt(700), 5)).ids ==
        greedy_without_cache(small_decoder(), some_prompt(700), 5));
}

TEST_CASE("an equal seed gives an equal text, whatever is in the cache; another seed gives another") {
  auto request = greedy(some_prompt(9), 40);
  request.sampling = {
      .do_sample = true, .temperature = 1.5, .top_k = 0, .top_p = 1, .repetition_penalty = 1.1, .seed = 3, .stream = 0};
  Generator generator(small_decoder());
  const auto first = generate(generator, request).ids;
  CHECK(generate(generator, request).ids == first);
  Generator fresh(small_decoder());
  CHECK(generate(fresh, request).ids == first);
  request.sampling.seed = 4;
  CHECK(generate(generator, request).ids != first);
}

TEST_CASE("a prompt that cannot be answered gives a sentence") {
  Generator generator(small_decoder());
  const auto message = [&](Ids prompt) -> std::string {
    try {
      generate(generator, greedy(std::move(prompt), 5));
    } catch (const lmf::Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({}) == "the prompt has no token to start from");
  CHECK(message(some_prompt(1024)) == "the conversation has 1024 tokens, the model's context holds 1024");
  CHECK(message({97}) == "token 97 is not among the model's 97");
  CHECK(message({-1}) == "token -1 is not among the model's 97");
  CHECK(message({5}).empty());
}
