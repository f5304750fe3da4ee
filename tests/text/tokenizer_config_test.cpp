#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "lmf/error.hpp"
#include "support/places.hpp"
#include "text/tokenizer.hpp"

namespace {

using lmf::test::TemporaryFolder;
using lmf::text::Tokenizer;
using Json = nlohmann::json;

/// A folder with a fixture's tokenizer.json and the configuration files given.
class Model {
 public:
  explicit Model(const std::string& style = "llama3") {
    put("tokenizer.json", lmf::read_file(lmf::test::fixtures() / "text" / style / "tokenizer.json"));
  }
  Model& put(const std::string& name, const std::string& content) {
    lmf::write_file_atomically(folder_.path() / name, content);
    return *this;
  }
  Tokenizer load() const { return Tokenizer::load(folder_.path()); }
  Json json(const std::string& name) const { return Json::parse(lmf::read_file(folder_.path() / name)); }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("special tokens are read from texts, from objects and from special_tokens_map.json") {
  SUBCASE("texts") {
    Model model;
    model.put("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>", "pad_token": null})");
    const Tokenizer tokenizer = model.load();
    CHECK(tokenizer.bos_id() == 0);
    CHECK(tokenizer.eos_id() == 1);
    CHECK_FALSE(tokenizer.pad_id());
  }
  SUBCASE("objects") {
    Model model;
    model.put("tokenizer_config.json",
              R"({"eos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": false}})");
    CHECK(model.load().eos_id() == 1);
  }
  SUBCASE("the map, in older layouts") {
    Model model;
    model.put("tokenizer_config.json", R"({"eos_token": "<s>"})");
    model.put("special_tokens_map.json", R"({"eos_token": {"content": "</s>"}, "additional_special_tokens": ["<x>"]})");
    const Tokenizer tokenizer = model.load();
    CHECK(tokenizer.eos_id() == 1);
    CHECK(tokenizer.special().additional == std::vector<std::string>{"<x>"});
    CHECK(tokenizer.is_special(tokenizer.token_id("<x>").value()));
  }
  SUBCASE("no configuration at all") {
    const Tokenizer tokenizer = Model().load();
    CHECK_FALSE(tokenizer.eos_id());
    CHECK(tokenizer.chat_template().empty());
  }
}

TEST_CASE("added_tokens_decoder adds what tokenizer.json lacks, in order of its ids") {
  Model model;
  model.put("tokenizer_config.json", R"({"added_tokens_decoder": {
      "401": {"content": "<b>", "special": true}, "400": {"content": "<a>", "special": false, "normalized": false}}})");
  const Tokenizer tokenizer = model.load();
  CHECK(tokenizer.vocab_size() == 402);
  CHECK(tokenizer.token_id("<a>") == 400);
  CHECK(tokenizer.token_id("<b>") == 401);
  CHECK_FALSE(tokenizer.is_special(400));
  CHECK(tokenizer.is_special(401));
  CHECK(tokenizer.encode("<b><a>") == std::vector<std::int32_t>{401, 400});
}

TEST_CASE("add_bos_token and add_eos_token decide over the post-processor") {
  Model model;
  const std::string tokens = R"("bos_token": "<s>", "eos_token": "</s>")";
  CHECK(model.load().encode("", true) == std::vector<std::int32_t>{0, 1});
  model.put("tokenizer_config.json", "{" + tokens + R"(, "add_bos_token": true})");
  CHECK(model.load().encode("", true) == std::vector<std::int32_t>{0});
  CHECK(model.load().adds_bos());
  model.put("tokenizer_config.json", "{" + tokens + R"(, "add_bos_token": false, "add_eos_token": true})");
  CHECK(model.load().encode("", true) == std::vector<std::int32_t>{1});
  CHECK_FALSE(model.load().adds_bos());
}

TEST_CASE("the chat template comes from its file, from the configuration, or from a named list") {
  Model model;
  model.put("tokenizer_config.json",
            R"({"chat_template": [{"name": "tool", "template": "T"}, {"name": "default", "template": "D"}]})");
  CHECK(model.load().chat_template() == "D");
  model.put("tokenizer_config.json", R"({"chat_template": "plain"})");
  CHECK(model.load().chat_template() == "plain");
  model.put("chat_template.jinja", "file");
  CHECK(model.load().chat_template() == "file");
}

TEST_CASE("repairs are saved and read back") {
  Model model;
  model.put("tokenizer_config.json",
            R"({"backend": "tokenizers", "tokenizer_class": "TokenizersBackend", "keep": [1, 2]})");
  Tokenizer tokenizer = model.load();
  const std::int64_t before = tokenizer.vocab_size();
  const std::string first_print = tokenizer.fingerprint();
  CHECK_FALSE(tokenizer.set_eos("</s>"));
  CHECK(tokenizer.set_pad("<|pad|>"));
  CHECK_FALSE(tokenizer.set_pad("<|pad|>"));
  CHECK(tokenizer.add_special_token("<|stop|>"));
  tokenizer.set_chat_template("{{ messages }}");
  CHECK(tokenizer.vocab_size() == before + 2);
  CHECK(tokenizer.fingerprint() != first_print);

  const TemporaryFolder folder;
  tokenizer.save(folder.path() / "deep" / "inside");
  const Tokenizer again = Tokenizer::load(folder.path() / "deep" / "inside");
  CHECK(again.eos_id() == 1);
  CHECK(again.pad_id() == before);
  CHECK(again.special().additional == std::vector<std::string>{"<|stop|>"});
  CHECK(again.encode("a<|stop|><|pad|>") == tokenizer.encode("a<|stop|><|pad|>"));
  CHECK(again.chat_template() == "{{ messages }}");
  const Json config = Json::parse(lmf::read_file(folder.path() / "deep/inside/tokenizer_config.json"));
  CHECK(config["keep"] == Json({1, 2}));
  CHECK(config["tokenizer_class"] == "TokenizersBackend");
}

TEST_CASE("saving without repairs keeps tokenizer.json byte for byte") {
  Model model;
  model.put("tokenizer_config.json", R"({"eos_token": "</s>"})");
  const TemporaryFolder folder;
  model.load().save(folder.path());
  CHECK(lmf::read_file(folder.path() / "tokenizer.json") == lmf::read_file(model.path() / "tokenizer.json"));
}

TEST_CASE("saving over the folder that was read is fine") {
  Model model;
  Tokenizer tokenizer = model.load();
  tokenizer.set_eos("<|end|>");
  tokenizer.save(model.path());
  CHECK(model.load().eos_id() == tokenizer.eos_id());
}

TEST_CASE("a repaired sentencepiece tokenizer is saved and read back") {
  Tokenizer tokenizer = Tokenizer::load(lmf::test::fixtures() / "text/sentencepiece");
  const std::int64_t before = tokenizer.vocab_size();
  CHECK(tokenizer.set_pad("<pad>"));
  const TemporaryFolder folder;
  tokenizer.save(folder.path());
  const Tokenizer again = Tokenizer::load(folder.path());
  CHECK(again.pad_id() == before);
  CHECK(again.encode("the <pad> ship") == tokenizer.encode("the <pad> ship"));
}

TEST_CASE("a vocabulary's ordinary token can become the end of text") {
  Tokenizer tokenizer = Model().load();
  const std::string ordinary = tokenizer.token(300);
  CHECK_FALSE(tokenizer.is_special(300));
  CHECK_FALSE(tokenizer.set_eos(ordinary));
  CHECK(tokenizer.eos_id() == 300);
  CHECK(tokenizer.is_special(300));
  CHECK_THROWS_AS(tokenizer.set_eos(""), lmf::Error);
}

TEST_CASE("broken configuration files are refused by name") {
  const auto refused = [](const std::string& name, const std::string& content) {
    Model model;
    model.put(name, content);
    CHECK_THROWS_WITH_AS(model.load(), doctest::Contains(name.c_str()), lmf::Error);
  };
  refused("tokenizer_config.json", "{");
  refused("tokenizer_config.json", "[]");
  refused("special_tokens_map.json", "nothing");
  refused("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "a"}}})");
  refused("tokenizer_config.json", R"({"added_tokens_decoder": {"7": {}}})");
  refused("tokenizer_config.json", R"({"chat_template": 5})");
}
