#include "train/worker/train_log.hpp"

#include <fstream>
#include <vector>

#include <doctest/doctest.h>

#include "lmf/error.hpp"
#include "support/places.hpp"
#include "train/shared/trainer_state.hpp"

using namespace lmf;
using nlohmann::json;

namespace {

std::vector<json> lines(const std::filesystem::path& folder) {
  std::ifstream file(folder / "trainer_log.jsonl");
  std::vector<json> result;
  for (std::string line; std::getline(file, line);) result.push_back(json::parse(line));
  return result;
}

json entry(double loss) { return {{"loss", loss}, {"learning_rate", 0.1}, {"epoch", 0.5}, {"grad_norm", 1.0}}; }

}  // namespace

TEST_CASE("a line has the original's keys in its order") {
  const test::TemporaryFolder folder;
  train::TrainLog log(folder.path(), 0, 8);
  log.add(entry(2.5), 3, 640);
  std::ifstream file(folder.path() / "trainer_log.jsonl");
  std::string line;
  std::getline(file, line);
  CHECK(line.starts_with(
      R"({"current_steps":3,"total_steps":8,"loss":2.5,"lr":0.1,"epoch":0.5,"percentage":37.5,"elapsed_time":")"));
  CHECK(line.ends_with(R"("total_tokens":640})"));
}

TEST_CASE("without counted tokens a line has no throughput, and the summary has no loss") {
  const test::TemporaryFolder folder;
  train::TrainLog log(folder.path(), 0, 2);
  log.add({{"epoch", 1.0}, {"train_loss", 3.0}}, 2, 0);
  const auto written = lines(folder.path());
  CHECK_FALSE(written[0].contains("throughput"));
  CHECK_FALSE(written[0].contains("loss"));
  CHECK(written[0]["percentage"] == 100.0);
}

TEST_CASE("a run that goes on keeps the lines before it and writes none twice") {
  const test::TemporaryFolder folder;
  {
    train::TrainLog log(folder.path(), 0, 6);
    for (int step : {1, 2, 3, 4}) log.add(entry(step), step, 0);
    log.add({{"epoch", 1.0}}, 4, 0);
  }
  std::ofstream(folder.path() / "trainer_log.jsonl", std::ios::app) << R"({"current_steps": 5, "lo)";  // cut by a kill
  train::TrainLog log(folder.path(), 2, 6);
  log.add(entry(3), 3, 0);
  const auto written = lines(folder.path());
  REQUIRE(written.size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(written[static_cast<std::size_t>(i)]["current_steps"] == i + 1);
}

TEST_CASE("a run from the beginning removes an older log") {
  const test::TemporaryFolder folder;
  train::TrainLog(folder.path(), 0, 6).add(entry(1), 1, 0);
  const train::TrainLog log(folder.path(), 0, 6);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "trainer_log.jsonl"));
}

TEST_CASE("a log that cannot be written is an error that names it") {
  const test::TemporaryFolder folder;
  train::TrainLog log(folder.path() / "missing", 0, 6);
  CHECK_THROWS_AS(log.add(entry(1), 1, 0), Error);
}

TEST_CASE("time is printed as Python prints it") {
  CHECK(train::clock_text(std::chrono::seconds(0)) == "0:00:00");
  CHECK(train::clock_text(std::chrono::seconds(3725)) == "1:02:05");
  CHECK(train::clock_text(std::chrono::seconds(86400 + 5)) == "1 day, 0:00:05");
  CHECK(train::clock_text(std::chrono::seconds(3 * 86400 + 36000)) == "3 days, 10:00:00");
}

TEST_CASE("trainer_state.json has the original's keys and is read back") {
  const test::TemporaryFolder folder;
  train::TrainerState state{.global_step = 4,
                            .max_steps = 9,
                            .epochs = 1,
                            .epoch = 0.25,
                            .logging_steps = 1,
                            .save_steps = 0.5,
                            .batch_size = 2,
                            .input_tokens_seen = 496,
                            .flops = 80943808512.0,
                            .log_history = {entry(2.0)}};
  const json text = state.to_json(true, false);
  CHECK(text.size() == 20);
  CHECK(text["logging_steps"].dump() == "1");
  CHECK(text["save_steps"].dump() == "0.5");
  CHECK(text["total_flos"].dump() == "80943808512.0");
  CHECK(text["stateful_callbacks"]["TrainerControl"]["args"]["should_save"] == true);
  const auto file = folder.path() / "trainer_state.json";
  std::ofstream(file) << text.dump();
  const auto read = train::TrainerState::read(file);
  CHECK(read.global_step == 4);
  CHECK(read.epoch == 0.25);
  CHECK(read.input_tokens_seen == 496);
  CHECK(read.log_history == state.log_history);
}

TEST_CASE("a damaged trainer state is refused with its name") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "trainer_state.json";
  for (const char* text :
       {"", "{", "[]", "{}", R"({"global_step": "x", "max_steps": 1, "epoch": 1, "log_history": []})",
        R"({"global_step": -1, "max_steps": 1, "epoch": 1, "log_history": []})",
        R"({"global_step": 1, "max_steps": 1, "epoch": 1, "log_history": [3]})"}) {
    std::ofstream(file, std::ios::trunc) << text;
    CAPTURE(text);
    CHECK_THROWS_AS(train::TrainerState::read(file), Error);
  }
}
