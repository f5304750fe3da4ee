// What a model's folder may hold that it should not: every case is a sentence, none a crash.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include <nlohmann/json.hpp>

#include "lmf/error.hpp"
#include "model/decoder.hpp"
#include "model/safetensors.hpp"
#include "support/places.hpp"

namespace {

using lmf::model::DecoderSpec;
using lmf::model::Weights;
using lmf::test::TemporaryFolder;
using nlohmann::json;

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string safetensors(const std::string& header, std::size_t data_bytes) {
  std::string file(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<char>((header.size() >> (8 * i)) & 0xff);
  return file + header + std::string(data_bytes, '\1');
}

void check_refused(const std::string& file, const std::string& why) {
  const TemporaryFolder folder;
  write(folder.path() / "a.safetensors", file);
  CHECK_THROWS_WITH_AS(Weights::open_file(folder.path() / "a.safetensors"), doctest::Contains(why.c_str()), lmf::Error);
}

json llama() {
  return {{"model_type", "llama"},  {"hidden_size", 8},         {"intermediate_size", 8},
          {"num_hidden_layers", 1}, {"num_attention_heads", 2}, {"vocab_size", 5}};
}

DecoderSpec read_spec(const json& config) {
  const TemporaryFolder folder;
  write(folder.path() / "config.json", config.dump());
  return DecoderSpec::read(folder.path());
}

void check_config_refused(const char* key, const json& value) {
  json config = llama();
  config[key] = value;
  CAPTURE(key);
  CHECK_THROWS_WITH_AS(read_spec(config), doctest::Contains(key), lmf::Error);
}

}  // namespace

TEST_CASE("tensors of every dtype come back as they were written") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.safetensors";
  const torch::Tensor x = torch::arange(6).view({2, 3});
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto dtype : {torch::kBFloat16, torch::kFloat32, torch::kFloat16, torch::kInt64, torch::kUInt8})
    tensors.emplace_back(torch::toString(dtype), x.to(dtype).t());  // not contiguous
  tensors.emplace_back("empty", torch::empty({0, 4}));
  lmf::model::write_safetensors(file, tensors, {{"note", "kept"}});
  const Weights weights = Weights::open_file(file);
  for (const auto& [name, tensor] : tensors) CHECK(torch::equal(weights.tensor(name), tensor));
  CHECK(weights.files().metadata() == std::map<std::string, std::string>{{"format", "pt"}, {"note", "kept"}});
  CHECK_THROWS_WITH(weights.tensor("Float", {3, 3}), doctest::Contains("[3, 2], expected [3, 3]"));
  CHECK_THROWS_WITH(weights.tensor("absent"), doctest::Contains("'absent'"));
}

TEST_CASE("hostile headers are refused with the tensor's name") {
  check_refused("", "too few");
  check_refused(std::string(8, '\xff'), "claims");
  check_refused(safetensors("[]", 0), "not a JSON object");
  check_refused(safetensors("{", 0), "not JSON");
  check_refused(safetensors(std::string(100'000, '['), 0), "too deeply");
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  check_refused(safetensors(one("F4", "[2]", "[0,1]"), 1), "'F4'");
  check_refused(safetensors(one("F32", "[2]", "[0,4]"), 4), "need 8");
  check_refused(safetensors(one("F32", "[2]", "[0,8]"), 4), "'w' lies at");
  check_refused(safetensors(one("F32", "[2]", "[8,0]"), 8), "'w' lies at");
  check_refused(safetensors(one("F32", "[2]", "[0,8]"), 12), "belong to no tensor");
  check_refused(safetensors(one("F32", "[2]", "[4,12]"), 12), "belong to no tensor");
  check_refused(safetensors(one("F32", "[-1]", "[0,4]"), 4), "impossible shape");
  check_refused(safetensors(one("F32", "[4294967296,4294967296,4294967296]", "[0,0]"), 0), "impossible shape");
  check_refused(safetensors(one("F32", "[0,9223372036854775807,9223372036854775807]", "[0,0]"), 0), "impossible shape");
  check_refused(
      safetensors(
          R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
          6),
      "overlaps");
  check_refused(
      safetensors(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
          1),
      "'a' twice");
}

TEST_CASE("a thousand damaged files are read or refused, never worse") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.safetensors";
  lmf::model::write_safetensors(file, {{"one", torch::ones({3, 4})}, {"two", torch::ones({5}, torch::kBFloat16)}});
  std::ifstream input(file, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(input)), {});
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string bad = good;
    for (int j = 0; j < 3; ++j) bad[random() % (good.size() - 60)] = static_cast<char>(random());
    if (i % 5 == 0) bad.resize(random() % good.size());
    write(file, bad);
    try {
      const Weights weights = Weights::open_file(file);
      for (const auto& name : weights.files().names()) weights.tensor(name).to(torch::kFloat32).sum().item<float>();
    } catch (const lmf::Error&) {
      ++refused;
    }
  }
  CHECK(refused > 500);
}

TEST_CASE("an index that points outside its folder, or at what is not there, is refused") {
  const TemporaryFolder folder;
  lmf::model::write_safetensors(folder.path() / "s.safetensors", {{"w", torch::ones({1})}});
  const auto with = [&](const std::string& tensor, const std::string& file) {
    write(folder.path() / "model.safetensors.index.json", json{{"weight_map", {{tensor, file}}}}.dump());
    return Weights::open_model(folder.path());
  };
  CHECK(with("w", "s.safetensors").files().find("w"));
  CHECK_THROWS_WITH(with("w", "../s.safetensors"), doctest::Contains("plain name"));
  CHECK_THROWS_WITH(with("w", "/etc/passwd"), doctest::Contains("plain name"));
  CHECK_THROWS_WITH(with("v", "s.safetensors"), doctest::Contains("'v'"));
  CHECK_THROWS_AS(with("w", "none.safetensors"), lmf::Error);
}

TEST_CASE("keys that change the result, and models of other kinds, are refused by name") {
  CHECK(read_spec(llama()).head_dim == 4);
  check_config_refused("model_type", "gemma2");
  check_config_refused("architectures", json::array({"LlamaForSequenceClassification"}));
  check_config_refused("vision_config", json::object());
  check_config_refused("quantization_config", {{"quant_method", "gptq"}});
  check_config_refused("hidden_act", "gelu");
  check_config_refused("partial_rotary_factor", 0.5);
  check_config_refused("rope_scaling", {{"rope_type", "longrope"}});
  check_config_refused("rope_scaling", {{"rope_type", "linear"}});
  check_config_refused("num_attention_heads", 0);
  check_config_refused("num_attention_heads", "two");
  check_config_refused("num_hidden_layers", 1e300);
  check_config_refused("num_key_value_heads", 3);
  check_config_refused("vocab_size", -1);
  check_config_refused("hidden_size", nullptr);
  check_config_refused("dtype", "float8");
}

TEST_CASE("a stored head that differs from the embedding it is tied to is refused; an equal one is no matter") {
  const TemporaryFolder folder;
  json config = llama();
  config["tie_word_embeddings"] = true;
  const auto decoder = lmf::model::Decoder::random(read_spec(config), 1);
  decoder.save(folder.path());
  auto tensors = decoder.parameters();
  tensors.emplace_back("lm_head.weight", decoder.embedding.clone());
  lmf::model::write_safetensors(folder.path() / "model.safetensors", tensors);
  CHECK(lmf::model::Decoder::load(folder.path()).embedding.equal(decoder.embedding));
  tensors.back().second[4][7] += 1.0;
  lmf::model::write_safetensors(folder.path() / "model.safetensors", tensors);
  CHECK_THROWS_WITH_AS(lmf::model::Decoder::load(folder.path()), doctest::Contains("tie_word_embeddings"), lmf::Error);
}

TEST_CASE("a name of the hub is found in its cache, by branch and by commit; a name that is nowhere is explained") {
  const TemporaryFolder folder;
  const std::string commit(40, 'a');
  const auto repository = folder.path() / "models--org--name";
  std::filesystem::create_directories(repository / "refs");
  std::filesystem::create_directories(repository / "snapshots" / commit);
  write(repository / "refs/main", commit + "\n");
  write(repository / "snapshots" / commit / "config.json", "{}");
  ::setenv("HF_HUB_CACHE", folder.path().c_str(), 1);
  CHECK(lmf::model::resolve_model("org/name") == repository / "snapshots" / commit);
  CHECK(lmf::model::resolve_model("org/name", commit) == repository / "snapshots" / commit);
  CHECK(lmf::model::resolve_model(folder.path()) == folder.path());
  CHECK_THROWS_WITH(lmf::model::resolve_model("org/other"), doctest::Contains("models--org--other"));
  ::setenv("HF_HUB_CACHE", "/no/such/cache", 1);
  CHECK(lmf::model::resolve_model("org/name", "main", folder.path()) == repository / "snapshots" / commit);
  CHECK_THROWS_WITH(lmf::model::resolve_model("org/name"), doctest::Contains("/no/such/cache"));
  CHECK_THROWS_AS(lmf::model::resolve_model("org/name", "../../x"), lmf::Error);
  CHECK_THROWS_WITH(lmf::model::resolve_model("/no/such/folder"), doctest::Contains("no folder"));

  // What the system refuses to look at: too long a name, a link to itself.
  CHECK_THROWS_WITH(lmf::model::resolve_model(std::string(300, 'x')), doctest::Contains("there is no folder x"));
  CHECK_THROWS_WITH(lmf::model::resolve_model("org/name", std::string(300, 'x')), doctest::Contains("revision 'xx"));
  std::filesystem::create_symlink("loop", folder.path() / "loop");
  CHECK_THROWS_WITH(lmf::model::resolve_model(folder.path() / "loop"), doctest::Contains("there is no folder"));

  // An adapter has another file, and what has none of either is none.
  const auto adapter = [&] { return lmf::model::resolve_adapter("org/name", "main", folder.path()); };
  CHECK_THROWS_WITH(adapter(), doctest::Contains("revision 'main' of an adapter of that name is not in the Hugging"));
  write(repository / "snapshots" / commit / "adapter_config.json", "{}");
  CHECK(adapter() == repository / "snapshots" / commit);
  CHECK(lmf::model::resolve_adapter(folder.path()) == folder.path());
}

TEST_CASE("an adapter's folder given as a model is named as one, with its base model") {
  const TemporaryFolder folder;
  const std::string path = folder.path().string();
  const auto says = [&](const std::string& config, const std::string& sentence, const std::string& hint) {
    write(folder.path() / "adapter_config.json", config);
    try {
      lmf::model::resolve_model(path);
      FAIL_CHECK("accepted");
    } catch (const lmf::Error& error) {
      CHECK(error.what() == path + " " + sentence);
      CHECK(error.hint() == hint);
      CHECK(error.exit_status() == lmf::kExitUsage);
    }
  };
  says(R"({"base_model_name_or_path": "org/name"})", "is an adapter, not a model; it was made for 'org/name'",
       "set model_name_or_path: org/name and adapter_name_or_path: " + path);
  for (const char* nameless : {"{}", "[1]", R"({"base_model_name_or_path": null})"})
    says(nameless, "is an adapter, not a model",
         "set model_name_or_path: the model it was made for and adapter_name_or_path: " + path);
  write(folder.path() / "adapter_config.json", "{");
  CHECK_THROWS_WITH(lmf::model::resolve_model(path), doctest::Contains("not well-formed JSON"));
  write(folder.path() / "config.json", "{}");
  CHECK(lmf::model::resolve_model(path) == folder.path());
}
