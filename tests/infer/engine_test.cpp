#include "infer/engine.hpp"

#include <set>

#include <torch/utils.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "infer/cpu_executor.hpp"
#include "infer/generate.hpp"
#include "infer/json_grammar.hpp"
#include "infer/torch_executor.hpp"
#include "lmf/error.hpp"
#include "model/adapter.hpp"
#include "model/adapter_config.hpp"
#include "support/places.hpp"

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

enum class Kind { cpu, torch };

std::unique_ptr<Engine> engine_for(Kind kind, const Decoder& decoder, ExecutorSettings settings = {},
                                   const std::vector<Decoder>& adapted = {}) {
  if (kind == Kind::cpu) return std::make_unique<Engine>(std::make_unique<CpuExecutor>(decoder, settings, adapted));
  return std::make_unique<Engine>(std::make_unique<TorchExecutor>(decoder, settings, adapted));
}

Answer ask(Engine& engine, const Request& request) {
  return generate(
      engine, request, [](std::int32_t) {}, kNever);
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

/// Remembers what it is told.
class Notebook final : public Listener {
 public:
  void on_token(const Token& token) override {
    const std::scoped_lock lock(mutex_);
    ids_.push_back(token.id);
    logprobs_.push_back(token.logprob);
    tops_.emplace_back(token.top.begin(), token.top.end());
    of_prompt_ += token.of_prompt;
    if (at_token_) at_token_(ids_.size());
    changed_.notify_all();
  }
  void on_states(std::span<const float> states) override {
    const std::scoped_lock lock(mutex_);
    states_.insert(states_.end(), states.begin(), states.end());
  }
  void on_end(const End& end) noexcept override {
    const std::scoped_lock lock(mutex_);
    end_ = end;
    changed_.notify_all();
  }
  End await_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return end_.has_value(); });
    return *end_;
  }
  void await_tokens(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ids_.size() >= count || end_; });
  }

  Ids ids_;
  std::vector<float> logprobs_;
  std::vector<std::vector<TokenLogprob>> tops_;
  std::vector<float> states_;
  int of_prompt_ = 0;
  std::function<void(std::size_t)> at_token_;  // called on the engine's thread

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<End> end_;
};

}  // namespace

TEST_SUITE("both executors") {
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
          CHECK(notebooks[i]->ids_ ==
                greedy_without_cache(i % 5 == 0 ? base : adapted[i % 5 - 1], some_prompt(20), 20));
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
}

TEST_CASE("an answer is the same, to the last bit of its probabilities, alone and among others") {
  const auto sampled = [](std::size_t length, std::uint64_t seed) {
    auto request = greedy(some_prompt(length), 60);
    request.sampling.do_sample = true;
    request.sampling.temperature = 1.2;
    request.sampling.seed = seed;
    request.logprobs = 2;
    return request;
  };
  const std::vector<std::size_t> lengths = {3, 40, 41, 90, 150, 7, 65, 33, 12};
  std::vector<std::shared_ptr<Notebook>> alone, together;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto engine = engine_for(Kind::cpu, small_decoder(), {.slots = 1, .step_tokens = 256});
    alone.push_back(std::make_shared<Notebook>());
    engine->submit(sampled(lengths[i], i), alone.back());
    alone.back()->await_end();
  }
  for (const int threads : {1, 3}) {
    const auto engine = engine_for(Kind::cpu, small_decoder(), {.slots = 4, .step_tokens = 17, .threads = threads});
    together.clear();
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      together.push_back(std::make_shared<Notebook>());
      engine->submit(sampled(lengths[i], i), together.back());
    }
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      together[i]->await_end();
      CHECK(together[i]->ids_ == alone[i]->ids_);
      CHECK(together[i]->logprobs_ == alone[i]->logprobs_);
    }
    const auto load = engine->load();
    CHECK(load.most_running == 4);
  }
}

TEST_CASE("an answer ends before a stop id, at max_new_tokens, and where the positions end") {
  const auto engine = engine_for(Kind::cpu, small_decoder());
  const Ids all = greedy_without_cache(small_decoder(), some_prompt(5), 12);
  CHECK(ask(*engine, greedy(some_prompt(5), 12)).end.finish == Finish::length);

  auto request = greedy(some_prompt(5), 12);
  request.stop_ids = {all[6]};
  const auto stopped = ask(*engine, request);
  const auto first = std::find(all.begin(), all.end(), all[6]);
  CHECK(stopped.end.finish == Finish::stop);
  CHECK(stopped.ids == Ids(all.begin(), first));

  const auto full = ask(*engine, greedy(some_prompt(1020), 12));
  CHECK(full.end.finish == Finish::context);
  CHECK(full.ids.size() == 4);
  CHECK(ask(*engine, greedy(some_prompt(5), 0)).ids.empty());
}

TEST_CASE("a raised flag stops the answer at the next token, and the engine can go on") {
  const auto engine = engine_for(Kind::cpu, small_decoder());
  std::atomic<bool> cancelled{false};
  int seen = 0;
  const auto part = generate(
      *engine, greedy(some_prompt(5), 900), [&](std::int32_t) { cancelled = ++seen == 3; }, cancelled);
  CHECK(part.end.finish == Finish::cancelled);
  CHECK(part.ids == greedy_without_cache(small_decoder(), some_prompt(5), 3));

  cancelled = true;
  const auto none = generate(
      *engine, greedy(some_prompt(700), 5), [](std::int32_t) {}, cancelled);
  CHECK(none.end.finish == Finish::cancelled);
  CHECK(none.ids.empty());
  CHECK(ask(*engine, greedy(some_prompt(700), 5)).ids == greedy_without_cache(small_decoder(), some_prompt(700), 5));
}

TEST_CASE("a cancelled request ends before the next step, running or waiting, and its slot is free") {
  const auto engine = engine_for(Kind::cpu, small_decoder(), {.slots = 1});
  const auto running = std::make_shared<Notebook>(), waiting = std::make_shared<Notebook>(),
             next = std::make_shared<Notebook>();
  Engine::Ticket ticket = 0;
  std::mutex known;
  running->at_token_ = [&](std::size_t count) {
    const std::scoped_lock lock(known);
    if (count == 2) engine->cancel(ticket);
  };
  Engine::Ticket second = 0;
  {
    const std::scoped_lock lock(known);
    ticket = engine->submit(greedy(some_prompt(5), 1000), running);
    second = engine->submit(greedy(some_prompt(6), 1000), waiting);
    engine->submit(greedy(some_prompt(7), 3), next);
    engine->cancel(second);
  }
  CHECK(running->await_end().finish == Finish::cancelled);
  CHECK(running->ids_.size() == 2);
  CHECK(waiting->await_end().finish == Finish::cancelled);
  CHECK(waiting->ids_.empty());
  CHECK(next->await_end().finish == Finish::length);
  engine->cancel(second);  // has ended: nothing happens
  CHECK(ask(*engine, greedy(some_prompt(8), 3)).end.finish == Finish::length);
  CHECK(engine->load().cancelled == 2);
}

TEST_CASE("more requests than may wait are refused, and ending the engine ends all") {
  const auto running = std::make_shared<Notebook>(), waiting = std::make_shared<Notebook>();
  {
    Engine engine(std::make_unique<CpuExecutor>(small_decoder(), ExecutorSettings{}), /*most_waiting=*/1);
    engine.submit(greedy(some_prompt(5), 1000), running);
    running->await_tokens(1);
    engine.submit(greedy(some_prompt(6), 1000), waiting);
    CHECK_THROWS_AS(engine.submit(greedy(some_prompt(7), 3), std::make_shared<Notebook>()), QueueFull);
  }
  CHECK(running->await_end().finish == Finish::cancelled);
  CHECK(waiting->await_end().finish == Finish::cancelled);
}

TEST_CASE("who finds a free slot does not wait, however few may") {
  Engine engine(std::make_unique<CpuExecutor>(small_decoder(), ExecutorSettings{.slots = 3}), /*most_waiting=*/0);
  std::vector<std::shared_ptr<Notebook>> notebooks;
  for (int i = 0; i < 3; ++i) {
    notebooks.push_back(std::make_shared<Notebook>());
    engine.submit(greedy(some_prompt(5), 500), notebooks.back());
  }
  CHECK_THROWS_AS(engine.submit(greedy(some_prompt(5), 3), std::make_shared<Notebook>()), QueueFull);
  for (const auto& notebook : notebooks) CHECK(notebook->await_end().finish == Finish::length);
}

TEST_CASE("an equal seed gives an equal text, whatever is in the cache; another seed gives another") {
  auto request = greedy(some_prompt(9), 40);
  request.sampling.do_sample = true;
  request.sampling.temperature = 1.5;
  request.sampling.top_k = 0;
  request.sampling.top_p = 1;
  request.sampling.repetition_penalty = 1.1;
  request.sampling.seed = 3;
  const auto engine = engine_for(Kind::cpu, small_decoder());
  const auto first = ask(*engine, request).ids;
  CHECK(ask(*engine, request).ids == first);
  CHECK(ask(*engine_for(Kind::cpu, small_decoder()), request).ids == first);
  request.sampling.seed = 4;
  CHECK(ask(*engine, request).ids != first);
}

TEST_CASE("logprobs are the model's own, of the answer and, when asked for, of the prompt") {
  const auto engine = engine_for(Kind::cpu, small_decoder());
  auto request = greedy(some_prompt(50), 5);
  request.logprobs = 3;
  request.prompt_logprobs = true;
  request.sampling.repetition_penalty = 3;  // changes what is chosen, not what is told of it
  const auto notebook = std::make_shared<Notebook>();
  engine->submit(request, notebook);
  CHECK(notebook->await_end().completion_tokens == 5);
  CHECK(notebook->of_prompt_ == 49);
  REQUIRE(notebook->ids_.size() == 54);

  const torch::InferenceMode no_gradients;
  const Ids prompt = some_prompt(50);
  std::vector<std::int64_t> ids(prompt.begin(), prompt.end());
  ids.insert(ids.end(), notebook->ids_.begin() + 49, notebook->ids_.end() - 1);
  const auto hidden = small_decoder().hidden(lmf::model::PackedTokens::from({ids}));
  const auto expected = small_decoder().logits(hidden).log_softmax(-1);
  double worst = 0;
  for (std::size_t i = 0; i < 54; ++i) {
    const auto row = expected[static_cast<std::int64_t>(i)];
    worst = std::max(worst, std::abs(double(row[notebook->ids_[i]].item<float>() - notebook->logprobs_[i])));
    const auto [values, indices] = row.topk(3);
    REQUIRE(notebook->tops_[i].size() == 3);
    for (std::int64_t k = 0; k < 3; ++k) {
      CHECK(notebook->tops_[i][static_cast<std::size_t>(k)].id == indices[k].item<std::int64_t>());
      worst = std::max(
          worst, std::abs(double(values[k].item<float>() - notebook->tops_[i][static_cast<std::size_t>(k)].logprob)));
    }
  }
  MESSAGE("largest difference of a logprob: " << worst);
  CHECK(worst < 2e-5);  // sums of 32 to 97 float32 values, in another order
}

TEST_CASE("a prompt that cannot be answered gives a sentence") {
  const auto engine = engine_for(Kind::cpu, small_decoder());
  const auto message = [&](Ids prompt) -> std::string {
    try {
      ask(*engine, greedy(std::move(prompt), 5));
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

TEST_CASE("a listener that throws and weights that are no numbers end their own answer and no other") {
  const auto engine = engine_for(Kind::cpu, small_decoder(), {.slots = 2});
  const auto throwing = std::make_shared<Notebook>(), other = std::make_shared<Notebook>();
  throwing->at_token_ = [](std::size_t) { throw lmf::Error("enough"); };
  engine->submit(greedy(some_prompt(5), 50), throwing);
  engine->submit(greedy(some_prompt(6), 50), other);
  const auto end = throwing->await_end();
  CHECK(end.finish == Finish::failed);
  CHECK(std::string(end.error.value().what()) == "enough");
  CHECK(other->await_end().finish == Finish::length);

  Decoder broken = Decoder::random(small_spec(), 7);
  broken.final_norm.fill_(std::numeric_limits<float>::quiet_NaN());
  CHECK_THROWS_AS(ask(*engine_for(Kind::cpu, broken), greedy(some_prompt(5), 5)), lmf::Error);
}

TEST_CASE("an answer with a filter keeps the form, whatever the model would say") {
  const auto tokenizer = lmf::text::Tokenizer::load(lmf::test::share() / "models/demo");
  auto spec = small_spec();
  spec.vocab_size = tokenizer.vocab_size();
  const Decoder decoder = Decoder::random(spec, 12);
  const auto engine = engine_for(Kind::cpu, decoder, {.slots = 3});
  const auto bytes = std::make_shared<const TokenBytes>(tokenizer);
  const auto schema =
      nlohmann::ordered_json::parse(R"({"type":"array","items":{"enum":["yes","no"]},"minItems":2,"maxItems":4})");
  std::vector<std::shared_ptr<Notebook>> notebooks;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    auto request = greedy(some_prompt(9), 200);
    request.sampling.do_sample = true;
    request.sampling.temperature = 2;
    request.sampling.seed = seed;
    request.stop_ids = {tokenizer.eos_id().value()};
    request.sampling.logit_bias = {{request.stop_ids[0], -100.0f}};  // the form decides where it ends
    Grammar grammar;
    const auto start = json_schema_rule(grammar, schema);
    request.filter = std::make_shared<TokenFilter>(bytes, Recogniser(std::move(grammar), start), request.stop_ids);
    notebooks.push_back(std::make_shared<Notebook>());
    engine->submit(request, notebooks.back());
  }
  for (const auto& notebook : notebooks) {
    CHECK(notebook->await_end().finish == Finish::stop);
    const auto value = nlohmann::json::parse(tokenizer.decode(notebook->ids_));
    CHECK(value.size() >= 2);
    CHECK(value.size() <= 4);
    for (const auto& item : value) CHECK((item == "yes" || item == "no"));
  }
}
