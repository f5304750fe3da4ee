#include "target_folder.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "lmf/error.hpp"
#include "support/places.hpp"

using lmf::exporter::SourceFolder;
using lmf::exporter::TargetFolder;
using lmf::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

void touch(const fs::path& file) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "x";
}

void check_refused(const fs::path& directory, const std::vector<SourceFolder>& sources, bool overwrite,
                   const char* why) {
  CHECK_THROWS_WITH_AS(TargetFolder(directory, sources, overwrite), doctest::Contains(why), lmf::Error);
}

}  // namespace

TEST_CASE("a folder appears whole, or not at all") {
  const TemporaryFolder place;
  const fs::path out = place.path() / "a/b/out";
  {
    TargetFolder target(out / "", {}, false);  // "out/"
    target.begin();
    touch(target.work() / "config.json");
    CHECK(!fs::exists(out));
  }
  CHECK(!fs::exists(out));
  CHECK(!fs::exists(out.string() + ".tmp"));
  {
    TargetFolder target(out, {}, false);
    target.begin();
    touch(target.work() / "config.json");
    target.commit();
  }
  CHECK(fs::exists(out / "config.json"));
  CHECK(std::distance(fs::directory_iterator(out), {}) == 1);  // no mark is left
  CHECK(!fs::exists(out.string() + ".tmp"));
}

TEST_CASE("a folder that is not empty is replaced only when that is asked for, and only a model's") {
  const TemporaryFolder place;
  const fs::path out = place.path() / "out";
  fs::create_directory(out);
  CHECK_NOTHROW(TargetFolder(out, {}, false));  // empty
  touch(out / "notes.txt");
  check_refused(out, {}, false, "not empty");
  check_refused(out, {}, true, "holds no model");
  touch(out / "config.json");
  check_refused(out, {}, false, "not empty");
  touch(out / "checkpoint-5/trainer_state.json");
  check_refused(out, {}, true, "has folders in it");
  fs::remove_all(out / "checkpoint-5");
  check_refused(out, {}, true, "holds 'notes.txt', which no export wrote");
  fs::remove(out / "notes.txt");
  for (const char* name : {"model-00001-of-00002.safetensors", "model-Q8_0.gguf", "tokenizer.model", "Modelfile"})
    touch(out / name);

  TargetFolder target(out, {}, true);
  target.begin();
  touch(target.work() / "model.safetensors");
  CHECK(fs::exists(out / "config.json"));  // until the new one is complete
  target.commit();
  CHECK(fs::exists(out / "model.safetensors"));
  CHECK(std::distance(fs::directory_iterator(out), {}) == 1);
  CHECK(!fs::exists(out.string() + ".tmp"));
}

TEST_CASE("what came into the folder meanwhile is not replaced, and the export is not lost") {
  for (const bool overwrite : {false, true}) {
    CAPTURE(overwrite);
    const TemporaryFolder place;
    const fs::path out = place.path() / "out", work = place.path() / "out.tmp";
    {
      TargetFolder target(out, {}, overwrite);
      target.begin();
      touch(target.work() / "config.json");
      touch(out / "thesis.tex");
      CHECK_THROWS_WITH_AS(target.commit(), doctest::Contains(overwrite ? "holds no model" : "not empty"), lmf::Error);
    }
    CHECK(fs::exists(out / "thesis.tex"));
    CHECK(fs::exists(work / "config.json"));
    fs::remove_all(out);
    TargetFolder next(out, {}, overwrite);
    next.begin();  // it is known as an export's
    CHECK(!fs::exists(work / "config.json"));
  }
}

TEST_CASE("a place that no folder can be renamed to is refused at once") {
  check_refused("/proc", {}, true, "is a mount point");
  const TemporaryFolder place;
  check_refused(place.path() / std::string(300, 'x'), {}, false, "File name too long");
}

TEST_CASE("what is read is never written over, in or around") {
  const TemporaryFolder place;
  const fs::path base = place.path() / "models/base";
  touch(base / "config.json");
  fs::create_directory_symlink(base, place.path() / "link");
  const std::vector<SourceFolder> sources = {{"the model's folder", base}};
  check_refused(base, sources, true, "is the model's folder");
  check_refused(place.path() / "link", sources, true, "is the model's folder");
  check_refused(base / "merged", sources, false, "lies in the model's folder");
  check_refused(place.path() / "models", sources, true, "holds the model's folder");
  check_refused(place.path() / "x", {{"an adapter's folder", place.path() / "x.tmp"}}, false, "is an adapter's folder");
  touch(place.path() / "file");
  check_refused(place.path() / "file", sources, false, "is a file");
  CHECK_NOTHROW(TargetFolder(place.path() / "models/base2", sources, false));
}

TEST_CASE("what an interrupted export left is cleared; what another writes or someone else made is not touched") {
  const TemporaryFolder place;
  const fs::path out = place.path() / "out", work = place.path() / "out.tmp";
  {
    TargetFolder first(out, {}, false);
    first.begin();
    touch(first.work() / "model.safetensors");
    TargetFolder second(out, {}, false);
    CHECK_THROWS_WITH_AS(second.begin(), doctest::Contains("another lmf export"), lmf::Error);
    CHECK(fs::exists(first.work() / "model.safetensors"));
    first.keep(true);
  }
  CHECK(fs::exists(work / "model.safetensors"));
  {
    TargetFolder third(out, {}, false);
    third.begin();
    CHECK(!fs::exists(work / "model.safetensors"));
  }
  fs::create_directory(work);  // of one that was killed at once
  {
    TargetFolder killed(out, {}, false);
    CHECK_NOTHROW(killed.begin());
  }
  touch(work / "thesis.tex");
  TargetFolder fourth(out, {}, false);
  CHECK_THROWS_WITH_AS(fourth.begin(), doctest::Contains("in the way"), lmf::Error);
  CHECK(fs::exists(work / "thesis.tex"));
}

TEST_CASE("a disk that is too small is said before anything is written") {
  const TemporaryFolder place;
  const TargetFolder target(place.path() / "not/yet/there", {}, false);
  CHECK_NOTHROW(target.require_space(1));
  CHECK_THROWS_WITH_AS(target.require_space(std::uint64_t{1} << 60), doctest::Contains("the export needs"), lmf::Error);
  CHECK(fs::is_empty(place.path()));
}
