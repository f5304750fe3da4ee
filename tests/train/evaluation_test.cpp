// Evaluations against those of transformers' Trainer, on one rank and on several, and what a run makes of them.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <torch/utils.h>
#include <doctest/doctest.h>

#include "base/log.hpp"
#include "model/safetensors.hpp"
#include "train/ranks.hpp"
#include "train/tiny_run.hpp"
#include "train/worker/evaluations.hpp"
#include "train/worker/stop_signal.hpp"
#include "train/worker/token_scores.hpp"

using namespace lmf;
using nlohmann::json;
using test::without_time;
namespace fs = std::filesystem;

namespace {

/// The untrained model's evaluation of the first `examples`, in this process.
train::EvaluationResult evaluate_here(std::int64_t batch_size, train::ProcessGroup& group, std::size_t examples = 13) {
  const test::TinyRun tiny;
  const auto sets = tiny.evaluation_sets(examples);
  const auto decoder = model::Decoder::load(tiny.model(), torch::kFloat32);
  return train::Evaluator(decoder, sets[0].store, batch_size, /*accuracy=*/true, group).run();
}

/// The same on several ranks: what each found.
std::vector<json> evaluate_on(int size, std::int64_t batch_size, std::size_t examples = 13) {
  const test::TemporaryFolder folder;
  std::vector<int> all;
  for (int rank = 0; rank < size; ++rank) all.push_back(rank);
  const auto ended = test::as_ranks(all, size, "one rank of an evaluation",
                                    {{"LMF_TEST_BATCH", std::to_string(batch_size)},
                                     {"LMF_TEST_EXAMPLES", std::to_string(examples)},
                                     {"LMF_TEST_OUT", folder.path().string()}});
  std::vector<json> results;
  for (int rank : all) {
    INFO(ended[static_cast<std::size_t>(rank)].out, ended[static_cast<std::size_t>(rank)].err);
    REQUIRE(ended[static_cast<std::size_t>(rank)].status == 0);
    results.push_back(json::parse(std::ifstream(folder.path() / std::to_string(rank))));
  }
  return results;
}

/// A run of ten steps that evaluates and saves every other one.
void make_eventful(test::TinyRun& run) {
  run.evaluates = true;
  run.options.max_steps = 10;
  run.options.learning_rate = 1e-2;
  run.options.shuffle = true;
  run.options.save_strategy = train::SaveStrategy::steps;
  run.options.save_steps = 2;
  auto& evaluation = run.options.evaluation;
  evaluation.strategy = train::EvaluationOptions::Strategy::steps;
  evaluation.steps = 2;
  evaluation.batch_size = 4;
  evaluation.at_end = true;
  evaluation.metric = "eval_loss";
}

std::vector<json> with_key(const std::vector<json>& history, const char* key) {
  std::vector<json> found;
  std::copy_if(history.begin(), history.end(), std::back_inserter(found),
               [key](const json& entry) { return entry.contains(key); });
  return found;
}

std::vector<std::string> checkpoints_of(const test::TinyRun& run) {
  std::vector<std::string> names;
  for (const auto& folder : train::checkpoints_in(run.options.output_dir)) names.push_back(folder.path.filename());
  return names;
}

/// A state after `step` steps of 10 and `epoch` epochs.
train::TrainerState run_at(std::int64_t step, double epoch, double every = 3) {
  train::TrainerState state;
  state.global_step = step;
  state.max_steps = 10;
  state.epoch = epoch;
  state.eval_steps = every;
  return state;
}

}  // namespace

TEST_CASE("one rank of an evaluation" * doctest::skip()) {
  torch::set_num_threads(1);
  const auto world = train::World::from_environment();
  const auto group = train::ProcessGroup::join(world, torch::kCPU, std::chrono::seconds(60));
  const auto result = evaluate_here(std::atoll(std::getenv("LMF_TEST_BATCH")), *group,
                                    std::strtoull(std::getenv("LMF_TEST_EXAMPLES"), nullptr, 10));
  std::ofstream(fs::path(std::getenv("LMF_TEST_OUT")) / std::to_string(world.rank))
      << json{{"eval_loss", result.loss}, {"eval_accuracy", result.accuracy}};
  group->leave();
}

TEST_CASE("loss and accuracy are transformers', whatever the batches and the ranks") {
  double worst = 0.0;
  const json fixture = test::train_fixture("evaluation.json");
  REQUIRE(fixture["cases"].size() == 8);
  for (const json& one : fixture["cases"]) {
    CAPTURE(one.dump());
    std::vector<json> results;
    if (one["ranks"] == 1) {
      const auto result = evaluate_here(one["batch_size"], train::ProcessGroup::alone());
      results.push_back({{"eval_loss", result.loss}, {"eval_accuracy", result.accuracy}});
    } else {
      results = evaluate_on(one["ranks"], one["batch_size"]);
    }
    for (const json& result : results) {
      worst = std::max(worst, test::relative(result["eval_loss"], one["eval_loss"]));
      CHECK(test::relative(result["eval_accuracy"], one["eval_accuracy"]) < 1e-12);
    }
  }
  MESSAGE("largest relative difference of eval_loss " << worst);
  CHECK(worst < 1e-5);  // fp32 sums in another order
}

TEST_CASE("two ranks find what one finds with batches of twice the size, where these divide the examples") {
  const auto one = evaluate_here(6, train::ProcessGroup::alone(), 12);
  for (const json& result : evaluate_on(2, 3, 12)) {
    CHECK(test::relative(result["eval_loss"], one.loss) < 1e-5);
    CHECK(test::relative(result["eval_accuracy"], one.accuracy) < 1e-12);
  }
}

TEST_CASE("tokens are scored in chunks as in one piece, with a bias and an adapter too") {
  torch::manual_seed(3);
  model::Linear head;
  head.weight = torch::randn({50, 16});
  const auto hidden = torch::randn({37, 16}), targets = torch::randint(0, 50, {37}, torch::kInt64);
  const auto check = [&] {
    const auto whole = train::score_tokens(hidden, head, targets);
    const auto chunks = train::score_tokens(hidden, head, targets, 5 * 50 * 4);
    CHECK(test::relative(chunks.loss, whole.loss) < 1e-6);
    CHECK(torch::equal(chunks.right, whole.right));
    const auto logits = head.forward(hidden, false);
    CHECK(test::relative(whole.loss,
                         torch::cross_entropy_loss(logits, targets, {}, at::Reduction::Sum).item<double>()) < 1e-6);
    CHECK(torch::equal(whole.right, logits.argmax(1).eq(targets)));
  };
  check();
  head.bias = torch::randn({50});
  check();
  head.lora_a = torch::randn({2, 16});
  head.lora_b = torch::randn({50, 2});
  head.lora_scale = 2.0;
  check();
  CHECK(train::score_tokens(hidden.narrow(0, 0, 0), head, targets.narrow(0, 0, 0)).loss == 0.0);
}

TEST_CASE("a run's evaluations are those of transformers' Trainer, and change nothing of its training") {
  const json expected = test::train_fixture("evaluation.json")["run"];
  test::TinyRun run;
  run.options.max_steps = 7;
  run.options.learning_rate = 1e-3;
  run.options.schedule = "constant";
  const auto without = run.losses();
  run.evaluates = true;
  auto& evaluation = run.options.evaluation;
  evaluation.steps = 2;
  evaluation.at_end = true;
  evaluation.batch_size = 4;
  evaluation.accuracy = true;
  evaluation.metric = "eval_accuracy";
  evaluation.strategy = train::EvaluationOptions::Strategy::steps;
  evaluation.greater_is_better = true;
  run.options.output_dir = run.folder() / "evaluated";
  const auto state = run.train(run.options);
  const auto losses = with_key(state.log_history, "loss"), found = with_key(state.log_history, "eval_loss");
  REQUIRE(losses.size() == without.size());
  for (std::size_t i = 0; i < losses.size(); ++i) {
    CHECK(losses[i]["loss"] == without[i]["loss"]);
    CHECK(losses[i]["grad_norm"] == without[i]["grad_norm"]);
    CHECK(test::relative(losses[i]["loss"], expected["losses"][i]) < 1e-5);
  }
  REQUIRE(found.size() == expected["evaluations"].size());
  double worst = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const json& other = expected["evaluations"][i];
    CHECK(found[i]["step"] == other["step"]);
    CHECK(test::relative(found[i]["epoch"], other["epoch"]) < 1e-9);
    CHECK(test::relative(found[i]["eval_accuracy"], other["eval_accuracy"]) < 1e-9);
    worst = std::max(worst, test::relative(found[i]["eval_loss"], other["eval_loss"]));
  }
  MESSAGE("largest relative difference of eval_loss " << worst);
  CHECK(worst < 1e-5);
  CHECK(test::relative(state.best_metric.value(), expected["best_metric"]) < 1e-9);
  CHECK((*run.result)["eval_loss"] == found.back()["eval_loss"]);
  CHECK((*run.result)["epoch"] == 1.0);
}

TEST_CASE("an evaluated run with dropout resumes bit for bit, and its best metric with it") {
  test::TinyRun run;
  make_eventful(run);
  run.options.method = train::Method::lora;
  run.options.lora_targets = {"all"};
  run.options.lora_dropout = 0.3;
  const auto unbroken = run.train(run.options);
  const json result = *run.result;
  run.options.resume_from = run.options.output_dir / "checkpoint-4";
  run.options.output_dir = run.folder() / "resumed";
  const auto resumed = run.train(run.options);
  CHECK(without_time(resumed.log_history) == without_time(unbroken.log_history));
  CHECK(resumed.best_metric == unbroken.best_metric);
  CHECK(resumed.best_step == unbroken.best_step);
  CHECK((*run.result)["eval_loss"] == result["eval_loss"]);
  run.evaluates = false;
  run.options.resume_from.reset();
  run.options.output_dir = run.folder() / "without";
  CHECK(without_time(run.losses()) == without_time(with_key(unbroken.log_history, "loss")));
}

TEST_CASE("the best checkpoint stays and becomes the result, with one kept checkpoint too, and after a resumption") {
  for (const std::int64_t limit : {1, 2}) {
    for (const auto method : {train::Method::full, train::Method::freeze, train::Method::lora}) {
      CAPTURE(limit);
      test::TinyRun run;
      make_eventful(run);
      run.options.method = method;
      run.options.freeze_trainable_modules = {"all"};
      run.options.lora_targets = {"all"};
      run.options.save_total_limit = limit;
      run.options.learning_rate = 3e-2;
      run.options.schedule = "constant";
      auto& evaluation = run.options.evaluation;
      evaluation.load_best = true;
      evaluation.metric = "eval_loss";
      evaluation.greater_is_better = true;  // the worst of them, to be sure that it is not the last
      const auto state = run.train(run.options);
      const auto found = with_key(state.log_history, "eval_loss");
      const auto best = std::max_element(found.begin(), found.end(), [](const json& a, const json& b) {
        return a["eval_loss"].get<double>() < b["eval_loss"].get<double>();
      });
      CHECK(state.best_step == (*best)["step"]);
      REQUIRE(state.best_step < 10);
      const std::string name = fmt::format("checkpoint-{}", state.best_step);
      CHECK(fs::path(state.best_checkpoint).filename() == name);
      CHECK(checkpoints_of(run) == (limit == 1 ? std::vector{name} : std::vector<std::string>{name, "checkpoint-10"}));
      const char* weights = method == train::Method::lora ? "adapter_model.safetensors" : "model.safetensors";
      CHECK(test::same_tensors(run.options.output_dir / weights, run.options.output_dir / name / weights));
      CHECK(test::relative((*run.result)["eval_loss"], (*best)["eval_loss"]) < 1e-6);
      if (limit == 1) continue;
      run.options.resume_from = run.options.output_dir / "checkpoint-10";
      const auto again = run.train(run.options);
      CHECK(again.best_step == state.best_step);
      CHECK(checkpoints_of(run).front() == name);
      CHECK(test::same_tensors(run.options.output_dir / weights, run.options.output_dir / name / weights));
    }
  }
}

TEST_CASE("a run that goes on compares with the best so far only when it judges by the same metric and data") {
  test::TinyRun run;
  make_eventful(run);
  run.options.evaluation.greater_is_better = true;  // which no later one is
  run.options.evaluation.data = "eval_dataset a";
  run.options.learning_rate = 1e-3;
  REQUIRE(run.train(run.options).best_step == 2);
  run.options.resume_from = run.options.output_dir / "checkpoint-4";
  const auto resumed = [&run](const std::string& name) {
    auto options = run.options;
    options.output_dir = run.folder() / name;
    return run.train(options).best_step;
  };
  CHECK(resumed("same") == 2);
  run.options.evaluation.data = "eval_dataset b";
  CHECK(resumed("other-data") == 6);
  run.options.evaluation.data = "eval_dataset a";
  run.options.evaluation.greater_is_better = false;
  CHECK(resumed("other-direction") == 10);
}

TEST_CASE("save_strategy best saves after the best evaluations alone") {
  test::TinyRun run;
  make_eventful(run);
  run.options.save_strategy = train::SaveStrategy::best;
  const auto state = run.train(run.options);
  std::vector<std::string> expected;
  double best = 1e9;
  for (const json& entry : with_key(state.log_history, "eval_loss")) {
    if (entry["eval_loss"] >= best) continue;
    best = entry["eval_loss"];
    expected.push_back(fmt::format("checkpoint-{}", entry["step"].get<int>()));
  }
  CHECK(checkpoints_of(run) == expected);
}

TEST_CASE("without progress the training ends early, and stays ended when the run is started again") {
  test::TinyRun run;
  make_eventful(run);
  run.options.evaluation.greater_is_better = true;  // which no later one is
  run.options.evaluation.patience = 2;
  run.options.learning_rate = 1e-3;
  const auto state = run.train(run.options);
  CHECK(run.status == 0);
  CHECK(state.global_step == 6);
  CHECK(state.best_step == 2);
  CHECK(test::relative(run.metrics["train_loss"], [&] {
          double sum = 0.0;
          for (const json& entry : with_key(state.log_history, "loss")) sum += entry["loss"].get<double>();
          return sum / 6;
        }()) < 1e-9);
  const auto saved = train::TrainerState::read(run.options.output_dir / "checkpoint-6/trainer_state.json");
  CHECK(saved.evaluations_without_progress == 2);
  run.options.resume_from = run.options.output_dir / "checkpoint-6";
  CHECK(run.train(run.options).global_step == 6);
}

TEST_CASE("a signal ends an evaluation at once") {
  test::TinyRun run;
  make_eventful(run);
  const train::StopSignal guard;
  const auto decoder = model::Decoder::load(run.model(), torch::kFloat32);
  train::Evaluations evaluations(run.options.evaluation, run.evaluation_sets(), decoder, train::ProcessGroup::alone());
  std::raise(SIGTERM);
  CHECK_FALSE(evaluations.run("of a stopped run").has_value());
  CHECK(evaluations.signal() == SIGTERM);
}

TEST_CASE("an evaluation that a signal ends in its second set leaves none of its numbers") {
  test::TinyRun run;
  make_eventful(run);
  const train::StopSignal guard;
  const auto decoder = model::Decoder::load(run.model(), torch::kFloat32);
  auto sets = run.evaluation_sets();
  sets[0].name = "a";
  sets.push_back({"b", data::TokenStore::open(run.folder() / "evaluation.store")});
  train::Evaluations evaluations(run.options.evaluation, std::move(sets), decoder, train::ProcessGroup::alone());
  std::vector<json> found;
  const auto note = [&found](const json& metrics) { found.push_back(metrics); };
  REQUIRE(evaluations.run("of a whole run", note).has_value());
  REQUIRE(found.size() == 2);
  CHECK(found[0].contains("eval_a_loss"));
  CHECK(found[1].contains("eval_b_loss"));
  found.clear();
  // The first set is through once its line is said.
  log::set_sink(
      [](log::Level, std::string_view line) {
        if (line.find("eval_a_loss") != std::string_view::npos) std::raise(SIGTERM);
      },
      log::Level::info);
  const bool ended = evaluations.run("of a stopped run", note).has_value();
  log::set_sink([](log::Level, std::string_view) {}, log::Level::off);
  CHECK_FALSE(ended);
  CHECK(evaluations.signal() == SIGTERM);
  CHECK(found.empty());
}

TEST_CASE("a run that goes on from a step whose evaluation was given up makes up for it") {
  test::TinyRun run;
  make_eventful(run);
  const auto unbroken = run.train(run.options);
  const fs::path file = run.options.output_dir / "checkpoint-4/trainer_state.json";
  json state = json::parse(std::ifstream(file));
  state["log_history"].erase(state["log_history"].end() - 1);
  REQUIRE(with_key(state["log_history"].get<std::vector<json>>(), "eval_loss").size() == 1);
  std::ofstream(file) << state;
  run.options.resume_from = run.options.output_dir / "checkpoint-4";
  CHECK(without_time(run.train(run.options).log_history) == without_time(unbroken.log_history));
}

TEST_CASE("evaluations are due by steps, by epochs and at the end, after a delay") {
  train::EvaluationOptions options;
  CHECK_FALSE(train::evaluation_is_due(options, run_at(3, 0.3), false));
  options.strategy = train::EvaluationOptions::Strategy::steps;
  CHECK(train::evaluation_is_due(options, run_at(3, 0.3), false));
  CHECK_FALSE(train::evaluation_is_due(options, run_at(4, 0.4), true));
  CHECK(train::evaluation_is_due(options, run_at(10, 1.0), true));
  options.delay = 5;
  CHECK_FALSE(train::evaluation_is_due(options, run_at(3, 0.3), false));
  CHECK(train::evaluation_is_due(options, run_at(6, 0.6), false));
  options.strategy = train::EvaluationOptions::Strategy::epoch;
  options.delay = 2;
  CHECK_FALSE(train::evaluation_is_due(options, run_at(3, 1.0), true));
  CHECK(train::evaluation_is_due(options, run_at(6, 2.0), true));
  CHECK_FALSE(train::evaluation_is_due(options, run_at(7, 2.3), false));
}

TEST_CASE("a loss that is no number is never the best, and counts as no progress") {
  train::EvaluationOptions options;
  options.metric = "eval_loss";
  options.patience = 2;
  auto state = run_at(2, 0.2);
  CHECK_FALSE(train::judge({{"eval_loss", NAN}}, options, state).is_best);
  CHECK_FALSE(state.best_metric.has_value());
  CHECK(train::judge({{"eval_loss", 2.0}}, options, state).is_best);
  CHECK_FALSE(train::judge({{"eval_loss", 2.0}}, options, state).is_best);
  CHECK(train::judge({{"eval_loss", 2.5}}, options, state).stops_early);
  CHECK_THROWS_WITH_AS(train::judge({{"eval_runtime", 1.0}}, options, state),
                       doctest::Contains("there is no eval_loss among"), Error);
}
