// What both executors have to do alike, through the engine.
#include <set>

#include <doctest/doctest.h>

#include "infer/support.hpp"
#include "lmf/error.hpp"
#include "model/adapter.hpp"
#include "model/adapter_config.hpp"

using namespace lmf::infer;

TEST_CASE("greedy tokens are those of the whole sequence computed anew") {
  for (const Kind kind : {Kind::cpu, Kind::torch})
    for (const std::size_t prompt_tokens : {1u, 17u, 700u}) {  // 700: read in several pieces
      CAPTURE(prompt_tokens);
      const auto engine = engine_for(kind, small_decoder());
      CHECK(ask(*engine, greedy(some_prompt(prompt_tokens), 20)).ids ==
            greedy_without_cache(small_decoder(), some_prompt(prompt_tokens), 20));
    }
}

TEST_CASE("a sliding window gives the same with and without the cache") {
  for (const std::int64_t window : {6, 70}) {
    const Decoder decoder = Decoder::random(small_spec(window), 8);
    for (const Kind kind : {Kind::cpu, Kind::torch})
      CHECK(ask(*engine_for(kind, decoder), greedy(some_prompt(140), 20)).ids ==
            greedy_without_cache(decoder, some_prompt(140), 20));
  }
}

TEST_CASE("every part of a layer that an architecture may have gives the same") {
  auto spec = small_spec();
  spec.model_type = "qwen3";
  spec.query_key_value_bias = spec.output_bias = spec.mlp_bias = spec.query_key_norm = spec.tied_embeddings = true;
  spec.head_dim = 12;  // neither a multiple of the lanes nor hidden_size / heads
  spec.intermediate_size = 50;
  Decoder decoder = Decoder::random(spec, 11);
  for (auto& [name, place] : decoder.slots())
    if (name.ends_with("bias") || name.ends_with("_norm.weight")) place->uniform_(0.5, 1.5);
  for (const Kind kind : {Kind::cpu, Kind::torch})
    CHECK(ask(*engine_for(kind, decoder), greedy(some_prompt(30), 20)).ids ==
          greedy_without_cache(decoder, some_prompt(30), 20));
}

TEST_CASE("the next turn reuses what it has in common with the cache, and nothing else") {
  for (const Kind kind : {Kind::cpu, Kind::torch}) {
    const auto engine = engine_for(kind, small_decoder());
    const auto first = ask(*engine, greedy(some_prompt(30), 10));
    CHECK(first.end.cached_tokens == 0);

    Ids longer = some_prompt(30);
    longer.insert(longer.end(), first.ids.begin(), first.ids.end());
    longer.insert(longer.end(), {1, 2, 3});
    const auto second = ask(*engine, greedy(longer, 300));
    CHECK(second.end.cached_tokens == 39);  // the answer's last token was chosen, but never run
    CHECK(second.ids == greedy_without_cache(small_decoder(), longer, 300));

    Ids other = some_prompt(30);
    other[12] = 96;
    const auto third = ask(*engine, greedy(other, 10));
    CHECK(third.end.cached_tokens == 12);
    CHECK(third.ids == greedy_without_cache(small_decoder(), other, 10));

    const auto again = ask(*engine, greedy(other, 10));
    CHECK(again.end.cached_tokens == 29);  // the last token's logits are needed, so it is run again
    CHECK(again.ids == third.ids);
  }
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
  for (const Kind kind : {Kind::cpu, Kind::torch}) {
    const auto engine = engine_for(kind, decoder);
    CHECK(ask(*engine, greedy(some_prompt(700), 1)).ids == greedy_without_cache(decoder, some_prompt(700), 1));
    const auto longer = ask(*engine, greedy(some_prompt(750), 1));  // its beginning is cached, turned otherwise
    CHECK(longer.end.cached_tokens == 0);
    CHECK(longer.ids == greedy_without_cache(decoder, some_prompt(750), 1));
    CHECK(ask(*engine, greedy(some_prompt(100), 1)).end.cached_tokens == 0);
    CHECK(ask(*engine, greedy(some_prompt(101), 1)).end.cached_tokens == 100);
    CHECK_THROWS_WITH_AS(ask(*engine, greedy(some_prompt(1024), 1)),
                         "the conversation has 1024 tokens, the model's context holds 1024", lmf::Error);
  }
}

TEST_CASE("adapters are kept apart: requests of several, answered at once, are those of each merged") {
  const torch::NoGradGuard no_gradients;
  std::vector<Decoder> adapted, merged;
  for (const std::uint64_t seed : {1u, 2u}) {
    Decoder decoder = Decoder::random(small_spec(), 7);
    lmf::model::LoraConfig config;
    config.rank = seed == 1 ? 4 : 8;
    config.alpha = 16;
    config.targets = seed == 1 ? std::vector<std::string>{"q_proj", "v_proj"}
                               : std::vector<std::string>{"q_proj", "o_proj", "gate_proj", "down_proj"};
    lmf::model::attach_lora(decoder, config, seed);
    for (auto* linear : decoder.linears())
      if (linear->lora_b.defined()) linear->lora_b.normal_(0, 0.3);
    adapted.push_back(decoder);
    for (auto* linear : decoder.linears()) linear->weight = linear->weight.clone();
    lmf::model::merge_adapter(decoder);
    merged.push_back(decoder);
  }
  for (const Kind kind : {Kind::cpu, Kind::torch}) {
    const auto engine = engine_for(kind, small_decoder(), {.slots = 3, .step_tokens = 32}, adapted);
    std::vector<std::shared_ptr<Notebook>> notebooks;
    for (int i = 0; i < 6; ++i) {
      auto request = greedy(some_prompt(20), 30);
      request.adapter = i % 3 - 1;
      notebooks.push_back(std::make_shared<Notebook>());
      engine->submit(request, notebooks.back());
    }
    for (int i = 0; i < 6; ++i) {
      notebooks[static_cast<std::size_t>(i)]->await_end();
      const Decoder& expected = i % 3 == 0 ? small_decoder() : merged[static_cast<std::size_t>(i % 3 - 1)];
      CHECK(notebooks[static_cast<std::size_t>(i)]->ids_ == greedy_without_cache(expected, some_prompt(20), 30));
    }
    auto unknown = greedy(some_prompt(5), 3);
    unknown.adapter = 2;
    CHECK_THROWS_AS(ask(*engine, unknown), lmf::Error);
  }
}

TEST_CASE("adapters that are kept apart may have an embedding, a head and linears of their own") {
  const torch::NoGradGuard no_gradients;
  for (const bool tied : {false, true}) {
    auto spec = small_spec();
    spec.tied_embeddings = tied;
    spec.query_key_value_bias = true;
    const Decoder base = Decoder::random(spec, 7);
    std::vector<Decoder> adapted;
    const auto add = [&](const std::vector<std::string>& whole) {
      Decoder decoder = base;
      lmf::model::LoraConfig config;
      config.targets = {"o_proj"};
      config.modules_to_save = whole;
      lmf::model::attach_lora(decoder, config, adapted.size());
      for (auto* linear : decoder.linears())
        if (linear->lora_b.defined()) linear->lora_b.normal_(0, 0.3);
      for (const auto& [name, place] : decoder.slots())
        if (lmf::model::is_saved_whole(config, name)) *place = torch::randn(place->sizes()) * 0.3;
      adapted.push_back(decoder);
    };
    torch::manual_seed(4);
    add({"embed_tokens", "lm_head"});
    add({"embed_tokens"});
    add({"q_proj"});
    add({"lm_head"});
    for (const Kind kind : {Kind::cpu, Kind::torch}) {
      const auto engine = engine_for(kind, base, {.slots = 5, .step_tokens = 64}, adapted);
      std::vector<std::shared_ptr<Notebook>> notebooks;
      for (int i = 0; i < 10; ++i) {
        auto request = greedy(some_prompt(20), 20);
        request.adapter = i % 5 - 1;
        notebooks.push_back(std::make_shared<Notebook>());
        engine->submit(request, notebooks.back());
      }
      std::set<Ids> answers;
      for (std::size_t i = 0; i < 10; ++i) {
        notebooks[i]->await_end();
        answers.insert(notebooks[i]->ids_);
        CHECK(notebooks[i]->ids_ == greedy_without_cache(i % 5 == 0 ? base : adapted[i % 5 - 1], some_prompt(20), 20));
      }
      CHECK(answers.size() == 5);
    }
  }
}

TEST_CASE("hidden states of prompts are the decoder's, whole or in pieces, beside answers that are being written") {
  const torch::InferenceMode no_gradients;
  const auto hidden = [](const Ids& prompt) {
    const std::vector<std::int64_t> ids(prompt.begin(), prompt.end());
    return small_decoder().hidden(lmf::model::PackedTokens::from({ids})).contiguous();
  };
  for (const Kind kind : {Kind::cpu, Kind::torch}) {
    const auto engine = engine_for(kind, small_decoder(), {.slots = 2, .step_tokens = 16});
    const auto talker = std::make_shared<Notebook>();
    engine->submit(greedy(some_prompt(100), 60), talker);
    for (const std::size_t tokens : {1u, 2u, 50u, 100u, 1024u}) {
      Request request{.prompt = some_prompt(tokens), .stop_ids = {}, .sampling = {}};
      request.states = true;
      const auto listener = std::make_shared<Notebook>();
      engine->submit(request, listener);
      const End end = listener->await_end();
      CHECK(end.finish == Finish::stop);
      CHECK(end.cached_tokens == 0);
      CHECK(listener->ids_.size() == 0);
      const auto expected = hidden(request.prompt);
      REQUIRE(static_cast<std::int64_t>(listener->states_.size()) == expected.numel());
      const double difference =
          (torch::from_blob(listener->states_.data(), expected.sizes()) - expected).abs().max().item<double>();
      MESSAGE("largest difference ", difference);
      CHECK(difference < 1e-4);  // sums of up to 1024 values near 4 in another order
    }
    talker->await_end();
    CHECK(talker->ids_ == greedy_without_cache(small_decoder(), some_prompt(100), 60));
    CHECK(engine->load().generated_tokens == 60);
  }
}

TEST_CASE("a prefix that another sequence has is copied, not computed, and its owner goes on") {
  for (const Kind kind : {Kind::cpu, Kind::torch}) {
    const auto engine = engine_for(kind, small_decoder(), {.slots = 2, .step_tokens = 16});
    const auto first = std::make_shared<Notebook>(), second = std::make_shared<Notebook>();
    engine->submit(greedy(some_prompt(200), 200), first);
    Ids other = some_prompt(201);
    other[150] = 1;
    engine->submit(greedy(other, 20), second);  // waits for the first 150 tokens of the other to be there
    CHECK(second->await_end().cached_tokens == 150);
    CHECK(second->ids_ == greedy_without_cache(small_decoder(), other, 20));
    first->await_end();
    CHECK(first->ids_ == greedy_without_cache(small_decoder(), some_prompt(200), 200));
  }
}
