#include "infer/loaded_model.hpp"

#include <doctest/doctest.h>
#include <torch/utils.h>

#include "base/log.hpp"
#include "export/small_model.hpp"
#include "support/contains.hpp"
#include "support/places.hpp"

using namespace lmf::infer;
using namespace lmf::test;
namespace fs = std::filesystem;
namespace logs = lmf::log;

namespace {

/// The warnings while a model is loaded with two adapters: one that is merged in, and one that is kept apart.
std::vector<std::string> warnings(const fs::path& model, const fs::path& merged, const fs::path& apart) {
  ModelChoice choice;
  choice.model = model;
  choice.revision = "main";
  choice.chat_template.name = "chatml";
  choice.use_cpu = true;
  choice.adapters = {merged};
  choice.apart = {apart};
  std::vector<std::string> said;
  logs::set_sink([&](logs::Level, std::string_view text) { said.emplace_back(text); }, logs::Level::warn);
  const auto loaded = LoadedModel::load(choice, share());
  logs::set_sink([](logs::Level, std::string_view) {}, logs::Level::off);
  CHECK(loaded.engine != nullptr);
  CHECK(loaded.apart_fingerprints.size() == 1);
  return said;
}

}  // namespace

TEST_CASE("an adapter that was trained on another model is used with a warning") {
  const TemporaryFolder folder;
  const fs::path base = folder.path() / "base", merged = folder.path() / "merged", apart = folder.path() / "apart";
  write_small_model(base);
  write_small_adapter(merged, base);
  write_small_adapter(apart, base);
  const auto none = [&](const fs::path& model) {
    const auto said = warnings(model, merged, apart);
    CAPTURE(said);
    CHECK(said.empty());
  };
  const auto one_each = [&](const fs::path& model, const std::string& why) {
    const auto said = warnings(model, merged, apart);
    CAPTURE(said);
    REQUIRE(said.size() == 2);
    CHECK(said[0].starts_with(merged.string() + " was trained on '" + base.string() + "'"));
    CHECK(said[1].starts_with(apart.string() + " was trained on '" + base.string() + "'"));
    for (const std::string& each : said) {
      CHECK(contains(each, model.string()));
      CHECK(contains(each, why));
    }
  };
  none(base);
  const fs::path copy = folder.path() / "copy", other = folder.path() / "other/base";
  write_small_model(copy);
  none(copy);

  write_small_model(other);  // which a name alone would take for it
  std::string weights = lmf::read_file(other / "model.safetensors");
  weights.back() = static_cast<char>(weights.back() ^ 1);
  lmf::write_file_atomically(other / "model.safetensors", weights);
  one_each(other, "has other weights");

  // Rounded to fewer bits they are the same.
  for (const auto number : {lmf::model::Number::bf16, lmf::model::Number::f16}) {
    const fs::path rounded = folder.path() / safetensors_name(number), other_rounded = rounded / "base";
    write_small_model(rounded, {}, number);
    none(rounded);
    write_small_model(other_rounded, {}, number);
    std::string its = lmf::read_file(other_rounded / "model.safetensors");
    its.back() = static_cast<char>(its.back() ^ 1);
    lmf::write_file_atomically(other_rounded / "model.safetensors", its);
    one_each(other_rounded, "has other weights");
  }

  const std::string good = lmf::read_file(base / "model.safetensors");
  lmf::write_file_atomically(base / "model.safetensors", "no weights");
  none(copy);

  fs::rename(base, folder.path() / "moved");
  one_each(copy, "which is not here to be compared");
  none(other);  // by its name

  write_small_model(base);
  std::string whole_numbers = good;
  for (auto at = whole_numbers.find("\"F32\""); at != whole_numbers.npos; at = whole_numbers.find("\"F32\"", at))
    whole_numbers.replace(at, 5, "\"I32\"");
  lmf::write_file_atomically(base / "model.safetensors", whole_numbers);
  one_each(copy, "which has no weights that can be compared");
}
