#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "support/places.hpp"
#include "text/tokenizer.hpp"

namespace {

/// A .gz file's content, by the gzip program.
std::string unpacked(const std::filesystem::path& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(("gzip -dc '" + file.string() + "'").c_str(), "r"),
                                                             ::pclose);
  REQUIRE(pipe);
  std::string content;
  char block[1 << 16];
  for (std::size_t read; (read = std::fread(block, 1, sizeof block, pipe.get())) > 0;) content.append(block, read);
  return content;
}

}  // namespace

TEST_CASE("the reference tokenizer's own cases, forth and back") {
  const auto parity = *lmf::test::shared_directory() / "parity";
  const lmf::test::TemporaryFolder folder;
  lmf::write_file_atomically(folder.path() / "tokenizer.json", unpacked(parity / "tokenizer.json.gz"));
  for (const char* name : {"tokenizer_config.json", "chat_template.jinja"})
    lmf::write_file_atomically(folder.path() / name, lmf::read_file(parity / name));
  const auto tokenizer = lmf::text::Tokenizer::load(folder.path());
  CHECK(tokenizer.vocab_size() == 32000);
  CHECK(tokenizer.eos_id() == 2);
  CHECK(tokenizer.pad_id() == 3);
  CHECK(tokenizer.chat_template() == lmf::read_file(parity / "chat_template.jinja"));
  for (const auto& expected : nlohmann::json::parse(lmf::read_file(parity / "tokenizer.json"))) {
    INFO(expected.dump());
    const std::vector<std::int32_t> ids = expected["ids"];
    CHECK(tokenizer.encode(expected["text"].get<std::string>()) == ids);
    CHECK(tokenizer.decode(ids) == expected["decoded"]);
  }
}
