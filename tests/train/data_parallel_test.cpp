// Several ranks train what one process does that accumulates as many batches. The ranks are this program again.
#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <torch/utils.h>
#include <doctest/doctest.h>

#include "train/ranks.hpp"
#include "train/tiny_run.hpp"

using namespace lmf;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

train::TrainOptions parallel_options(const json& run, train::TrainOptions options) {
  const std::string method = run.value("method", "full");
  options.method = method == "full"     ? train::Method::full
                   : method == "freeze" ? train::Method::freeze
                                        : train::Method::lora;
  options.lora_targets = {"all"};
  options.lora_dropout = run.value("dropout", 0.0);
  options.freeze_trainable_layers = 1;
  options.freeze_trainable_modules = {"all"};
  options.batch_size = run.value("batch_size", 1);
  options.accumulation = run.value("accumulation", 1);
  options.max_steps = run.value("max_steps", -1);
  options.epochs = run.value("epochs", 1.0);
  options.learning_rate = 5e-3;
  options.shuffle = run.value("shuffle", false);
  options.checkpointing = run.value("recompute", false) ? train::Checkpointing::always : train::Checkpointing::never;
  options.bucket_bytes = run.value("bucket_bytes", 25 << 20);
  options.save_strategy = run.contains("save_steps") ? train::SaveStrategy::steps : train::SaveStrategy::no;
  options.save_steps = run.value("save_steps", 1.0);
  if (run.contains("output_dir")) options.output_dir = run["output_dir"].get<std::string>();
  if (run.contains("resume_from")) options.resume_from = run["resume_from"].get<std::string>();
  return options;
}

/// The first `count` examples of TinyRun, of which some have nothing to learn.
data::TokenStore masked_store(const test::TinyRun& run, std::size_t count, const std::vector<std::size_t>& masked) {
  const fs::path file = run.folder() / "masked.store";
  data::TokenStoreWriter writer(file, run.fixture()["config"]["vocab_size"], {"examples.json"});
  std::size_t index = 0;
  for (const auto& example : run.fixture()["examples"]) {
    if (index == count) break;
    const auto ids = example["ids"].get<std::vector<std::int32_t>>();
    auto labels = example["labels"].get<std::vector<std::int32_t>>();
    if (std::find(masked.begin(), masked.end(), index) != masked.end()) std::fill(labels.begin(), labels.end(), -100);
    ++index;
    writer.add({ids, labels}, 0, index, index);
  }
  writer.finish("{}");
  return data::TokenStore::open(file);
}

/// Trains as `run` says, in this process; its history with the summary.
std::vector<json> train_here(const json& run, train::ProcessGroup& group) {
  test::TinyRun tiny(run.value("tied", false));
  auto options = parallel_options(run, tiny.options);
  if (run.value("only_rank_resumes", group.world().rank) != group.world().rank) options.resume_from.reset();
  auto trainee = train::Trainee::make(options, torch::kCPU);
  if (run.value("not_a_number", false)) {  // where only example 1 looks
    torch::NoGradGuard no_grad;
    trainee.decoder().embedding[tiny.fixture()["examples"][1]["ids"][3].get<std::int64_t>()].fill_(NAN);
  }
  if (run.contains("other_weights") && group.world().rank == run["other_weights"]) {
    torch::NoGradGuard no_grad;
    trainee.decoder().layers[0].q.weight[0][0] += 1.0;
  }
  const auto store =
      masked_store(tiny, run.value("examples", std::size_t{13}), run.value("masked", std::vector<std::size_t>{}));
  train::Trainer trainer(
      options, trainee, store, [](const auto&) {}, group);
  if (trainer.run() != 0) throw Error("stopped by a signal");
  return trainer.state().log_history;
}

struct Ranks {
  std::vector<std::vector<json>> histories;
  std::vector<test::Finished> finished;
};

Ranks train_on(int size, const json& run) {
  const test::TemporaryFolder folder;
  std::vector<int> all;
  for (int rank = 0; rank < size; ++rank) all.push_back(rank);
  Ranks ranks;
  ranks.finished = test::as_ranks(all, size, "one rank of a run",
                                  {{"LMF_TEST_RUN", run.dump()}, {"LMF_TEST_OUT", folder.path().string()}});
  for (int rank = 0; rank < size; ++rank) {
    std::ifstream file(folder.path() / std::to_string(rank));
    ranks.histories.push_back(file ? json::parse(file).get<std::vector<json>>() : std::vector<json>());
  }
  return ranks;
}

/// `size` ranks beside one that accumulates the same examples.
void check_alike(int size, const json& run) {
  CAPTURE(run.dump());
  json alone = run;
  alone["accumulation"] = run.value("accumulation", 1) * size;
  const auto expected = train_here(alone, train::ProcessGroup::alone());
  const auto ranks = train_on(size, run);
  double loss = 0, norm = 0;
  for (int rank = 0; rank < size; ++rank) {
    const auto& history = ranks.histories[static_cast<std::size_t>(rank)];
    INFO(ranks.finished[static_cast<std::size_t>(rank)].out, ranks.finished[static_cast<std::size_t>(rank)].err);
    REQUIRE(history.size() == expected.size());
    for (std::size_t i = 0; i + 1 < history.size(); ++i) {
      loss = std::max(loss, test::relative(history[i]["loss"], expected[i]["loss"]));
      norm = std::max(norm, test::relative(history[i]["grad_norm"], expected[i]["grad_norm"]));
      CHECK(history[i]["grad_norm"] == ranks.histories[0][i]["grad_norm"]);
      CHECK(history[i]["num_input_tokens_seen"] == expected[i]["num_input_tokens_seen"]);
      CHECK(history[i]["learning_rate"] == expected[i]["learning_rate"]);
    }
    CHECK(history.back()["total_flos"] == expected.back()["total_flos"]);
  }
  MESSAGE(run.dump() << " on " << size << ": largest relative difference of loss " << loss << ", gradient norm "
                     << norm);
  CHECK(loss < 1e-5);  // fp32 sums in another order
  CHECK(norm < 1e-4);
}

std::string errors_of(const Ranks& ranks) {
  std::string text;
  for (const auto& one : ranks.finished) text += one.out;
  return text;
}

}  // namespace

TEST_CASE("one rank of a run" * doctest::skip()) {
  const json run = json::parse(std::getenv("LMF_TEST_RUN"));
  torch::set_num_threads(1);
  const auto world = train::World::from_environment();
  const auto group = train::ProcessGroup::join(world, torch::kCPU, std::chrono::seconds(run.value("timeout", 60)));
  try {
    const auto history = train_here(run, *group);
    std::ofstream(fs::path(std::getenv("LMF_TEST_OUT")) / std::to_string(world.rank)) << json(history);
    group->leave();
  } catch (const Error& problem) {
    group->stop_because(problem.what());
    std::printf("rank %d says: %s\n", world.rank, problem.what());
    throw;
  }
}

TEST_CASE("full tuning on two ranks gives one rank's losses with twice the accumulation") {
  check_alike(2, {{"max_steps", 6}});
  check_alike(2, {{"max_steps", 3}, {"batch_size", 2}, {"recompute", true}});
}
TEST_CASE("gradients of earlier batches are reduced with the last one's") {
  check_alike(2, {{"max_steps", 3}, {"accumulation", 2}});
  check_alike(2, {{"max_steps", 3}, {"accumulation", 2}, {"recompute", true}});
}
TEST_CASE("several small buckets give the same") { check_alike(3, {{"max_steps", 4}, {"bucket_bytes", 20000}}); }
TEST_CASE("LoRA on two ranks, with and without recomputed activations") {
  check_alike(2, {{"max_steps", 6}, {"method", "lora"}});
  check_alike(2, {{"max_steps", 6}, {"method", "lora"}, {"recompute", true}});
}
TEST_CASE("what is frozen stays out of it") { check_alike(2, {{"max_steps", 6}, {"method", "freeze"}}); }
TEST_CASE("a tied head's gradient is reduced once, with both its uses") {
  check_alike(2, {{"max_steps", 6}, {"tied", true}});
}
TEST_CASE("a rank whose batch has nothing to learn takes part with zeros") {
  check_alike(2, {{"max_steps", 6}, {"masked", {1, 3, 6}}});
  check_alike(2, {{"max_steps", 3}, {"accumulation", 2}, {"masked", {2, 5, 7}}, {"recompute", true}});
}
TEST_CASE("a step in which no rank has anything to learn passes") {
  check_alike(2, {{"max_steps", 6}, {"masked", {2, 3}}});
}

TEST_CASE("ranks draw different dropout") {
  // The only example goes to both ranks: with the same dropout their mean would be one rank's loss.
  const json run = {{"examples", 1}, {"max_steps", 2}, {"method", "lora"}, {"dropout", 0.5}};
  const auto alone = train_here(run, train::ProcessGroup::alone());
  const auto two = train_on(2, run);
  REQUIRE(two.histories[1].size() == 3);
  CHECK(test::relative(two.histories[0][0]["loss"], alone[0]["loss"]) < 1e-6);  // the adapters are still zero
  CHECK(test::relative(two.histories[0][1]["loss"], alone[1]["loss"]) > 1e-6);
  CHECK(two.histories[0][1]["loss"] == two.histories[1][1]["loss"]);
}

TEST_CASE("a loss that is no number stops all ranks, each naming the rank that saw it and its example") {
  const auto ranks = train_on(2, {{"max_steps", 3}, {"not_a_number", true}});
  for (const auto& rank : ranks.finished) {
    INFO(rank.out, rank.err);
    CHECK(rank.status != 0);
    CHECK(rank.out.find("says: rank 1: step 1 stopped") != std::string::npos);
    CHECK(rank.out.find("examples of the step: examples.json:2 (record 2)") != std::string::npos);
  }
}

TEST_CASE("other frozen weights on one rank are found before the first step") {
  const auto ranks = train_on(2, {{"max_steps", 3}, {"method", "lora"}, {"other_weights", 1}});
  INFO(errors_of(ranks));
  CHECK(errors_of(ranks).find("model.layers.0.self_attn.q_proj.weight of rank 1") != std::string::npos);
}

TEST_CASE("other trained weights on one rank are replaced by rank 0's") {
  check_alike(2, {{"max_steps", 3}, {"other_weights", 1}});
}

TEST_CASE("two ranks go on bit for bit from their checkpoint, one rank with twice the accumulation goes on alike") {
  const test::TemporaryFolder folder;
  json run = {{"max_steps", 9},   {"shuffle", true}, {"save_steps", 3},
              {"method", "lora"}, {"dropout", 0.2},  {"output_dir", (folder.path() / "out").string()}};
  const auto unbroken = train_on(2, run).histories[0];
  run["resume_from"] = (folder.path() / "out/checkpoint-3").string();
  run["output_dir"] = (folder.path() / "resumed").string();
  const auto resumed = train_on(2, run).histories[0];
  REQUIRE(unbroken.size() == 10);
  REQUIRE(resumed.size() == 10);
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(resumed[i]["loss"] == unbroken[i]["loss"]);
    CHECK(resumed[i]["grad_norm"] == unbroken[i]["grad_norm"]);
  }
}

TEST_CASE(
    "a run goes on with more and with fewer ranks, to the end of the epoch, without losing or repeating an example") {
  const test::TemporaryFolder folder;
  json run = {{"examples", 12}, {"shuffle", true}, {"save_steps", 3}, {"output_dir", (folder.path() / "out").string()}};
  const auto two = train_on(2, run).histories[0];
  REQUIRE(two.size() == 7);
  const auto tokens = two[5]["num_input_tokens_seen"];  // of the whole epoch
  run["resume_from"] = (folder.path() / "out/checkpoint-3").string();
  for (const int ranks : {1, 3}) {
    CAPTURE(ranks);
    run["output_dir"] = (folder.path() / std::to_string(ranks)).string();
    const auto other = train_on(ranks, run).histories[0];
    REQUIRE(other.size() == static_cast<std::size_t>(3 + 6 / ranks + 1));
    CHECK(other[2] == two[2]);  // as read from the checkpoint
    CHECK(other[other.size() - 2]["epoch"] == 1.0);
    CHECK(other[other.size() - 2]["num_input_tokens_seen"] == tokens);
  }
  // One rank that accumulates two makes the same steps.
  run["accumulation"] = 2;
  run["output_dir"] = (folder.path() / "accumulated").string();
  const auto alike = train_on(1, run).histories[0];
  REQUIRE(alike.size() == two.size());
  for (std::size_t i = 0; i < 6; ++i) CHECK(test::relative(alike[i]["loss"], two[i]["loss"]) < 1e-5);
}

TEST_CASE("ranks that do not begin at the same step are told so") {
  const test::TemporaryFolder folder;
  json run = {{"max_steps", 4}, {"save_steps", 2}, {"output_dir", (folder.path() / "out").string()}};
  train_here(run, train::ProcessGroup::alone());
  run["resume_from"] = (folder.path() / "out/checkpoint-2").string();
  run["only_rank_resumes"] = 0;
  const auto ranks = train_on(2, run);
  INFO(errors_of(ranks));
  CHECK(errors_of(ranks).find("begins after step 0") != std::string::npos);
}

TEST_CASE("a rank that never comes is named") {
  const auto ranks = test::as_ranks({0, 2}, 3, "one rank of a run", {{"LMF_TEST_RUN", R"({"timeout": 2})"}});
  for (const auto& rank : ranks) {
    INFO(rank.out);
    CHECK(rank.status != 0);
    CHECK(rank.out.find("for rank 1, ") != std::string::npos);
  }
}
