// Which checkpoint of an output folder is the newest, and what its states may hold. Links no libtorch.
#include "train/shared/checkpoint_folders.hpp"

#include <fstream>

#include <doctest/doctest.h>

#include "lmf/error.hpp"
#include "support/places.hpp"
#include "train/shared/run_state.hpp"
#include "train/shared/trainer_state.hpp"

using namespace lmf;
namespace fs = std::filesystem;

namespace {

fs::path put(const fs::path& checkpoint, const std::string& state) {
  fs::create_directories(checkpoint);
  std::ofstream(checkpoint / train::kRunStateFile) << state;
  return checkpoint;
}

/// The original's.
fs::path put_foreign(const fs::path& checkpoint) {
  fs::create_directories(checkpoint);
  std::ofstream(checkpoint / train::kTrainerStateFile) << "{}";
  return checkpoint;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& checkpoint : train::checkpoints_in(folder)) names.push_back(checkpoint.path.filename().string());
  return names;
}

}  // namespace

TEST_CASE("checkpoints are ordered by run, then by step; those of other programs come first") {
  const test::TemporaryFolder folder;
  const auto& out = folder.path();
  CHECK(names_in(out / "missing").empty());
  put(out / "checkpoint-900", R"({"run": 1})");
  put(out / "checkpoint-20", R"({"run": 2})");
  put(out / "checkpoint-3", R"({"run": 2})");
  put_foreign(out / "checkpoint-1000");
  CHECK(names_in(out) ==
        std::vector<std::string>{"checkpoint-1000", "checkpoint-900", "checkpoint-3", "checkpoint-20"});
  CHECK(train::newest_checkpoint(out)->step == 20);
}

TEST_CASE("only whole folders under the exact name count, whatever their state file holds") {
  const test::TemporaryFolder folder;
  const auto& out = folder.path();
  for (const char* name : {"checkpoint-", "checkpoint-x", "checkpoint-1x", "checkpoint--1", "checkpoint-5-earlier-1",
                           "unfinished-checkpoint-7", "checkpoint-99999999999999999999"})
    put(out / name, R"({"run": 1})");
  std::ofstream(out / "checkpoint-8") << "a file";
  fs::create_directories(out / "checkpoint-9/sub-folder");
  std::ofstream(out / "checkpoint-9/notes.txt") << "of something else";
  CHECK_FALSE(train::newest_checkpoint(out));
  for (const char* damaged : {"", "{", "[]", R"({"run": "x"})", R"({"run": -3})", R"({"run": 1e99})", R"({"run": 1e3})",
                              R"({"run": 18446744073709551615})", R"({"job": 3})"}) {
    put(out / "checkpoint-4", std::string(damaged) + " ");
    CAPTURE(damaged);
    CHECK(train::newest_checkpoint(out)->run == 0);
  }
}

TEST_CASE("a checkpoint that a kill left waiting for its replacement counts while its name is free") {
  const test::TemporaryFolder folder;
  const auto& out = folder.path();
  const fs::path waiting = put(train::replaced_path(out / "checkpoint-5"), R"({"run": 1})");
  CHECK(train::newest_checkpoint(out)->path == waiting);
  CHECK(train::newest_checkpoint(out)->step == 5);
  put(out / "checkpoint-5", R"({"run": 1})");
  CHECK(names_in(out) == std::vector<std::string>{"checkpoint-5"});
}

TEST_CASE("a run that goes on from the newest checkpoint keeps its number, any other start is a new run") {
  const test::TemporaryFolder folder;
  const auto& out = folder.path();
  CHECK(train::run_number(out, {}) == 1);
  const auto foreign = put_foreign(out / "checkpoint-70");
  CHECK(train::run_number(out, foreign) == 1);
  const auto older = put(out / "checkpoint-6", R"({"run": 3})"), newest = put(out / "checkpoint-8", R"({"run": 3})");
  CHECK(train::run_number(out, newest) == 3);
  CHECK(train::run_number(out, out / "." / "checkpoint-8") == 3);
  CHECK(train::run_number(out, older) == 4);
  CHECK(train::run_number(out, foreign) == 4);
  CHECK(train::run_number(out, put(folder.path() / "elsewhere/checkpoint-8", R"({"run": 9})")) == 4);
  CHECK(train::run_number(out, {}) == 4);
}

TEST_CASE("a run that has begun is the last one before it has a checkpoint, and also when it never gets one") {
  const test::TemporaryFolder folder;
  const auto& out = folder.path();
  train::begin_run(out, train::run_number(out, {}));
  CHECK(fs::is_empty(out));  // nothing could be mistaken for its checkpoint
  const auto first = put(out / "checkpoint-9", R"({"run": 1})");
  train::begin_run(out, train::run_number(out, first));
  CHECK(train::newest_checkpoint(out)->path == first);

  CHECK(train::run_number(out, {}) == 2);
  train::begin_run(out, 2);
  CHECK_FALSE(train::newest_checkpoint(out));
  CHECK(names_in(out) == std::vector<std::string>{"checkpoint-9"});
  CHECK(train::run_number(out, {}) == 3);
  CHECK(train::run_number(out, first) == 3);  // an earlier run's: what follows is another run
  const auto second = put(out / "checkpoint-3", R"({"run": 2})");
  CHECK(train::newest_checkpoint(out)->path == second);
  CHECK(train::run_number(out, second) == 2);
}

TEST_CASE("a run that begins over another program's checkpoints is the last one, too") {
  const test::TemporaryFolder folder;
  put_foreign(folder.path() / "checkpoint-500");
  train::begin_run(folder.path(), train::run_number(folder.path(), {}));
  CHECK_FALSE(train::newest_checkpoint(folder.path()));
  CHECK(train::run_number(folder.path(), {}) == 2);
}

TEST_CASE("a run that goes on from another program's checkpoint can be started again before it has saved one") {
  const test::TemporaryFolder folder;
  const auto foreign = put_foreign(folder.path() / "checkpoint-500");
  train::begin_run(folder.path(), train::run_number(folder.path(), foreign), foreign);
  CHECK(train::newest_checkpoint(folder.path())->path == foreign);
  CHECK(train::run_number(folder.path(), foreign) == 1);
}

TEST_CASE("a note of the last run that makes no sense counts as none, a huge number does not overflow") {
  const test::TemporaryFolder folder;
  const auto only = put(folder.path() / "checkpoint-5", R"({"run": 1})");
  for (const char* note : {"", "{", "[1]", R"({"run": "2"})", R"({"run": -1})", R"({"run": 1e99})"}) {
    std::ofstream(folder.path() / ".lmf-last-run") << note;
    CAPTURE(note);
    CHECK(train::newest_checkpoint(folder.path())->path == only);
  }
  std::ofstream(folder.path() / ".lmf-last-run") << R"({"run": 9223372036854775807})";
  CHECK(train::run_number(folder.path(), {}) == (std::int64_t{1} << 53) + 1);
}

TEST_CASE("a step, a seed or a count that is no whole number is refused, not converted") {
  const test::TemporaryFolder folder;
  const auto trainer_state = [&](const std::string& step) {
    std::ofstream(folder.path() / "t.json")
        << R"({"max_steps": 9, "epoch": 1, "log_history": [], "global_step": )" << step << "}";
    return train::TrainerState::read(folder.path() / "t.json").global_step;
  };
  CHECK(trainer_state("5") == 5);
  for (const char* step : {"1e300", "5.0", "-1", "\"5\"", "null"}) CHECK_THROWS_AS(trainer_state(step), Error);

  train::RunState state;
  state.seed = (std::uint64_t{1} << 63) - 1;  // the largest that the option takes
  state.examples = 4;
  state.position = train::Position{.epoch = 1, .example = 3};
  const std::string good = state.to_text();
  const auto with = [&](const std::string& key, const std::string& value) {
    std::string text = good;
    const std::size_t begin = text.find("\"" + key + "\": ") + key.size() + 4;
    text.replace(begin, text.find_first_of(",\n", begin) - begin, value);
    std::ofstream(folder.path() / "r.json") << text;
    return train::RunState::read(folder.path() / "r.json");
  };
  CHECK(with("run", "7").run == 7);
  CHECK(with("run", "7").seed == state.seed);
  CHECK(with("run", "7").position->example == 3);
  CHECK_FALSE(with("next_example", "4").position);
  for (const char* key : {"run", "seed", "data_seed", "examples", "last_logged_step", "next_epoch"})
    CHECK_THROWS_AS(with(key, "1e300"), Error);
  CHECK_THROWS_AS(with("seed", "-1"), Error);
}
