#include "infer/engine.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "infer/json_grammar.hpp"
#include "infer/support.hpp"
#include "lmf/error.hpp"
#include "support/places.hpp"

using namespace lmf::infer;

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

  request.min_new_tokens = 10;  // the stop id would have been among them
  const auto later = ask(*engine, request);
  CHECK(later.ids.size() >= 10);
  CHECK(std::find(later.ids.begin(), later.ids.begin() + 10, all[6]) == later.ids.begin() + 10);

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

namespace {

/// Whose first step fails, or whose first copy of a prefix.
class FailsOnce final : public Executor {
 public:
  explicit FailsOnce(std::function<void()> in_step, std::function<void()> in_copy = {})
      : in_step_(std::move(in_step)), in_copy_(std::move(in_copy)) {}
  const DecoderSpec& spec() const override { return executor_.spec(); }
  std::int64_t slots() const override { return executor_.slots(); }
  std::int64_t adapters() const override { return executor_.adapters(); }
  std::int64_t slot_tokens() const override { return executor_.slot_tokens(); }
  std::int64_t step_tokens() const override { return executor_.step_tokens(); }
  std::span<const float> run(std::span<const Row> rows) override {
    if (const auto fail = std::exchange(in_step_, {})) fail();
    return executor_.run(rows);
  }
  std::span<const float> states() const override { return executor_.states(); }
  void copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens) override {
    if (const auto fail = std::exchange(in_copy_, {})) fail();
    executor_.copy_prefix(from, to, tokens);
  }

 private:
  CpuExecutor executor_{small_decoder(), {.slots = 2}};
  std::function<void()> in_step_, in_copy_;
};

}  // namespace

TEST_CASE("who asked is told what takes less when the memory ends in a step, and the engine goes on") {
  const std::function<void()> fails[] = {
      [] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 2.00 GiB."); },
      [] { throw std::bad_alloc(); }};
  for (const auto& fail : fails) {
    Engine engine(std::make_unique<FailsOnce>(fail));
    const auto notebook = std::make_shared<Notebook>();
    engine.submit(greedy(some_prompt(5), 3), notebook);
    const End end = notebook->await_end();
    CHECK(end.finish == Finish::failed);
    REQUIRE(end.error.has_value());
    CHECK(end.error->what() == std::string("the model could not go on: out of memory"));
    CHECK(end.error->hint() == out_of_memory().hint());
    CHECK(end.error->hint().find("MAX_CONCURRENT") != std::string::npos);
    CHECK(end.error->exit_status() == lmf::kExitInternal);
    CHECK(ask(engine, greedy(some_prompt(5), 3)).end.finish == Finish::length);
  }
  Engine engine(std::make_unique<FailsOnce>([] { TORCH_CHECK(false, "no such operator"); }));
  const auto notebook = std::make_shared<Notebook>();
  engine.submit(greedy(some_prompt(5), 3), notebook);
  CHECK(notebook->await_end().error->what() == std::string("the model could not go on: libtorch: no such operator"));
}

TEST_CASE("the memory that ends while a request gets its slot ends what runs, and the request is answered") {
  Engine engine(std::make_unique<FailsOnce>(std::function<void()>(), [] { throw std::bad_alloc(); }));
  const auto running = std::make_shared<Notebook>(), next = std::make_shared<Notebook>();
  running->at_token_ = [&](std::size_t count) {
    if (count == 2) engine.submit(greedy(some_prompt(100), 3), next);
  };
  engine.submit(greedy(some_prompt(100), 900), running);
  CHECK(running->await_end().finish == Finish::failed);
  CHECK(next->await_end().finish == Finish::length);
  CHECK(ask(engine, greedy(some_prompt(100), 3)).end.finish == Finish::length);
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
