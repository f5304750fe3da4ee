#include "train/worker/checkpoints.hpp"

#include <chrono>
#include <fstream>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "lmf/error.hpp"
#include "support/places.hpp"

using namespace lmf;
namespace fs = std::filesystem;

namespace {

void put(const fs::path& file, const std::string& text = "x") { std::ofstream(file) << text; }

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

/// What a run of that number writes.
auto of_run(int run) {
  return [run](const fs::path& folder) { put(folder / train::kRunStateFile, fmt::format("{{\"run\": {}}}", run)); };
}

void fill(const fs::path& folder) {
  put(folder / "model");
  of_run(1)(folder);
}

train::Checkpoints first_run(const fs::path& folder, std::int64_t keep = 0) { return {folder, keep, 1, false}; }

}  // namespace

TEST_CASE("a checkpoint appears under its name only when it is whole") {
  const test::TemporaryFolder folder;
  const auto checkpoints = first_run(folder.path() / "out");
  const auto written = checkpoints.write(5, 1, [&](const fs::path& directory) {
    CHECK_FALSE(fs::exists(folder.path() / "out/checkpoint-5"));
    fill(directory);
  });
  CHECK(written == folder.path() / "out/checkpoint-5");
  CHECK(names_in(folder.path() / "out") == std::set<std::string>{"checkpoint-5"});
  CHECK(fs::exists(written / "model"));
}

TEST_CASE("a failure while writing leaves the older checkpoints and nothing else") {
  const test::TemporaryFolder folder;
  const auto checkpoints = first_run(folder.path(), 1);
  checkpoints.write(1, 1, fill);
  const auto fail = [](const fs::path& directory) {
    fill(directory);
    throw Error("no space left on device");
  };
  CHECK_THROWS_WITH_AS(
      checkpoints.write(2, 1, fail),
      (fmt::format("cannot write {}: no space left on device", (folder.path() / "checkpoint-2").string())).c_str(),
      Error);
  CHECK(names_in(folder.path()) == std::set<std::string>{"checkpoint-1"});
  // Also when it would have replaced one of the same step.
  CHECK_THROWS_AS(checkpoints.write(1, 1, fail), Error);
  CHECK(fs::exists(folder.path() / "checkpoint-1/model"));
}

TEST_CASE("a checkpoint larger than the free space is refused before a byte is written") {
  const test::TemporaryFolder folder;
  const auto checkpoints = first_run(folder.path());
  bool filled = false;
  std::string said, hint;
  const auto try_to_write = [&](std::int64_t step) {
    try {
      checkpoints.write(step, std::uint64_t{1} << 60, [&](const fs::path&) { filled = true; });
    } catch (const Error& problem) {
      said = problem.what();
      hint = problem.hint();
    }
  };
  try_to_write(1);
  CAPTURE(said);
  CHECK(hint.starts_with("make room and start again"));
  CHECK(said.find(" MiB free; the tensors of a checkpoint take 1099511627776.0 MiB, and 16.0 MiB are kept for its "
                  "tokenizer and the logs") != std::string::npos);
  CHECK_FALSE(filled);
  CHECK(names_in(folder.path()).empty());
  const fs::path older = checkpoints.write(1, 1, fill);
  try_to_write(2);
  CHECK(hint.starts_with("make room and resume from " + older.string()));
}

TEST_CASE("what a killed run left half-written is removed, whole checkpoints are not") {
  const test::TemporaryFolder folder;
  first_run(folder.path()).write(3, 1, fill);
  fs::create_directories(folder.path() / "unfinished-checkpoint-4");
  put(folder.path() / "unfinished-checkpoint-4/model");
  const auto checkpoints = first_run(folder.path());
  CHECK(names_in(folder.path()) == std::set<std::string>{"checkpoint-3"});
}

TEST_CASE("a run's oldest checkpoints go when there are more than the limit, an earlier run's stay") {
  const test::TemporaryFolder folder;
  put(folder.path() / "checkpoint-12.txt");  // not a checkpoint: stays
  fs::create_directories(folder.path() / "checkpoint-best");
  fs::create_directories(folder.path() / "checkpoint-500");
  put(folder.path() / "checkpoint-500/trainer_state.json");  // of another program
  for (int step : {1, 900}) first_run(folder.path()).write(step, 1, of_run(1));
  const train::Checkpoints second(folder.path(), 2, 2, false);
  for (int step : {2, 3, 4, 5}) second.write(step, 1, of_run(2));
  CHECK(names_in(folder.path()) == std::set<std::string>{"checkpoint-1", "checkpoint-4", "checkpoint-5",
                                                         "checkpoint-500", "checkpoint-900", "checkpoint-12.txt",
                                                         "checkpoint-best"});
}

TEST_CASE("a checkpoint of the same run and step is replaced") {
  const test::TemporaryFolder folder;
  const auto checkpoints = first_run(folder.path());
  checkpoints.write(1, 1, fill);
  const auto written = checkpoints.write(1, 1, [](const fs::path& directory) { put(directory / "new"); });
  CHECK(names_in(written) == std::set<std::string>{"new"});
  CHECK(names_in(folder.path()) == std::set<std::string>{"checkpoint-1"});
}

TEST_CASE("an earlier run's checkpoint of the same step gets another name, or is replaced when that is asked for") {
  const test::TemporaryFolder folder;
  first_run(folder.path()).write(1, 1, of_run(1));
  for (int run : {2, 3}) train::Checkpoints(folder.path(), 1, run, false).write(1, 1, of_run(run));
  CHECK(names_in(folder.path()) ==
        std::set<std::string>{"checkpoint-1", "checkpoint-1-earlier-1", "checkpoint-1-earlier-2"});
  CHECK(train::newest_checkpoint(folder.path())->run == 3);
  train::Checkpoints(folder.path(), 1, 4, true).write(1, 1, of_run(4));
  CHECK(names_in(folder.path()).size() == 3);
  CHECK(train::newest_checkpoint(folder.path())->run == 4);
}

TEST_CASE("something that only has a checkpoint's name is kept under another") {
  const test::TemporaryFolder folder;
  fs::create_directory(folder.path() / "checkpoint-1");
  put(folder.path() / "checkpoint-1/notes");
  put(folder.path() / "checkpoint-2");
  for (int step : {1, 2}) first_run(folder.path()).write(step, 1, of_run(1));
  CHECK(fs::exists(folder.path() / "checkpoint-1-earlier-1/notes"));
  CHECK(fs::is_regular_file(folder.path() / "checkpoint-2-earlier-1"));
  CHECK(train::newest_checkpoint(folder.path())->step == 2);
}

TEST_CASE("where folders cannot be exchanged, one of the two has a name that resuming knows at every moment") {
  const test::TemporaryFolder folder;
  const fs::path finished = first_run(folder.path()).write(1, 1, of_run(1));
  const fs::path unfinished = folder.path() / "unfinished-checkpoint-1";
  CHECK_THROWS(train::replace_by_renaming(unfinished, finished));  // a kill in the middle: nothing to put in its place
  CHECK(train::newest_checkpoint(folder.path())->path == train::replaced_path(finished));
  first_run(folder.path());
  CHECK(train::newest_checkpoint(folder.path())->run == 1);

  fs::create_directory(finished);
  of_run(2)(finished);
  fs::create_directory(unfinished);
  of_run(3)(unfinished);
  train::replace_by_renaming(unfinished, finished);
  CHECK(train::newest_checkpoint(folder.path())->run == 3);
  CHECK(names_in(folder.path()) == std::set<std::string>{"checkpoint-1", "checkpoint-1-replaced"});
  first_run(folder.path());
  CHECK(names_in(folder.path()) == std::set<std::string>{"checkpoint-1"});
}

TEST_CASE("an output folder that cannot be made is a sentence") {
  const test::TemporaryFolder folder;
  put(folder.path() / "file");
  CHECK_THROWS_AS(first_run(folder.path() / "file" / "out"), Error);
}
