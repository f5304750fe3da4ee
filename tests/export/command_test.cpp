// `lmf export` as scripts and people use it.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "export/small_model.hpp"
#include "model/weight_files.hpp"
#include "support/contains.hpp"
#include "support/places.hpp"
#include "support/process.hpp"

using namespace lmf::test;
using lmf::read_file;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// A folder with a model and an adapter in it.
class Place {
 public:
  Place() {
    write_small_model(base());
    write_small_adapter(adapter(), base());
  }
  fs::path base() const { return folder_.path() / "base"; }
  fs::path adapter() const { return folder_.path() / "adapter"; }
  fs::path out() const { return folder_.path() / "out"; }
  const fs::path& path() const { return folder_.path(); }

  /// Exports the model with the adapter, not verified: that loads libtorch; `words` come last, and so win.
  Finished run(const std::vector<std::string>& words = {}) const {
    std::vector<std::string> command = {executable(),
                                        "export",
                                        "model_name_or_path=" + base().string(),
                                        "adapter_name_or_path=" + adapter().string(),
                                        "template=chatml",
                                        "export_dir=" + out().string(),
                                        "verify=false"};
    command.insert(command.end(), words.begin(), words.end());
    return run_process(command);
  }
  void fails(const std::vector<std::string>& words, int status, const std::string& sentence) const {
    const auto result = run(words);
    CAPTURE(result.err);
    CHECK(result.status == status);
    CHECK(result.out == "");
    CHECK(result.err.find(sentence) != std::string::npos);
    CHECK(!fs::exists(out() / "model.safetensors"));
    CHECK(!fs::exists(out().string() + ".tmp"));
  }

 private:
  TemporaryFolder folder_;
};

json read_json(const fs::path& file) { return json::parse(read_file(file)); }

}  // namespace

TEST_CASE("an adapter is merged into a folder that has everything") {
  const Place place;
  const auto result = place.run({"verify=true"});
  CAPTURE(result.err);
  REQUIRE(result.status == 0);
  CHECK(contains(result.err, "merging 1 adapter into 4 of 20 tensors"));
  CHECK(contains(result.err, "verified: 20 of 20 tensors bit for bit"));
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(place.out())) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"Modelfile", "chat_template.jinja", "config.json", "export_report.json",
                                          "generation_config.json", "model.safetensors", "tokenizer.json",
                                          "tokenizer_config.json"});
  const json config = read_json(place.out() / "config.json");
  CHECK(config["torch_dtype"] == "float32");  // under the name that the base used
  CHECK(!config.contains("dtype"));
  CHECK(config["architectures"] == json::array({"LlamaForCausalLM"}));
  CHECK(read_json(place.out() / "tokenizer_config.json")["padding_side"] == "left");
  CHECK(contains(read_file(place.out() / "chat_template.jinja"), "<|im_start|>"));
  CHECK(contains(read_file(place.out() / "Modelfile"), "PARAMETER num_ctx 512"));
  const auto before = lmf::model::WeightFiles::open_model(place.base());
  const auto after = lmf::model::WeightFiles::open_model(place.out());
  CHECK(before.names() == after.names());
  CHECK(after.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
}

TEST_CASE("a merge is verified unless that is not wanted, a copy only when it is") {
  const Place place;
  REQUIRE(place.run({"infer_dtype=bfloat16", "verify=true"}).status == 0);
  const json report = read_json(place.out() / "export_report.json");
  CHECK(report["verified"] == true);
  CHECK(report["adapters"][0]["weight"] == 1.0);
  CHECK(report["weights"]["bit_identical"] == 20);
  CHECK(report["weights"]["copied_from_the_model"] == 0);
  CHECK(report["layers"].size() == 2);
  CHECK(report["tokens"]["same_as_in_training"] == true);
  CHECK(report["seconds"] > 0);
  CHECK(report["peak_memory_mib"] > 1);
  const auto folder = [&](const char* number) { return "export_dir=" + place.out().string() + number; };
  REQUIRE(run_process({executable(), "export", "model_name_or_path=" + place.base().string(),
                       "adapter_name_or_path=" + place.adapter().string(), folder("5")})
              .status == 0);
  CHECK(read_json(place.out().string() + "5/export_report.json")["verified"] == true);
  REQUIRE(place.run({folder("2"), "--verify=off"}).status == 0);
  CHECK(!fs::exists(place.out().string() + "2/export_report.json"));
  REQUIRE(run_process({executable(), "export", "model_name_or_path=" + place.base().string(), folder("3")}).status ==
          0);
  CHECK(!fs::exists(place.out().string() + "3/export_report.json"));
  REQUIRE(place.run({folder("4"), "adapter_name_or_path=", "verify=true"}).status == 0);
  CHECK(read_json(place.out().string() + "4/export_report.json")["weights"]["copied_from_the_model"] == 20);
}

TEST_CASE("the chat template has the tool format that is asked for, and is compared with training's") {
  const Place place;
  REQUIRE(place.run({"tool_format=qwen", "verify=true"}).status == 0);
  CHECK(contains(read_file(place.out() / "chat_template.jinja"), "<tool_call>"));
  const json tokens = read_json(place.out() / "export_report.json")["tokens"];
  CHECK(tokens["same_as_in_training"] == true);
  CHECK(tokens["chat_template"] == "lmf's, compared");
}

TEST_CASE("what cannot be verified keeps its temporary name") {
  const Place place;
  // Numbers that float16 cannot hold: the logits are none.
  lmf::model::LoraConfig config;
  config.alpha = 1e8;
  write_small_adapter(place.path() / "huge", place.base(), config);
  const auto result =
      place.run({"adapter_name_or_path=" + (place.path() / "huge").string(), "infer_dtype=float16", "verify=true"});
  CAPTURE(result.err);
  CHECK(result.status == 1);
  CHECK(contains(result.err, "is not what the model and its adapters compute"));
  CHECK(!fs::exists(place.out()));
  CHECK(read_json(place.out().string() + ".tmp/export_report.json")["verified"] == false);
  REQUIRE(place.run().status == 0);  // and is cleared by the next
  CHECK(!fs::exists(place.out().string() + ".tmp"));
}

TEST_CASE("what ends an answer in the template ends one in generation_config.json") {
  const Place place;
  REQUIRE(place.run({"template=qwen"}).status == 0);
  CHECK(read_json(place.out() / "generation_config.json")["eos_token_id"] == 2);  // <|im_end|>: as before
  write_small_model(place.path() / "other", {{"eos_token_id", 0}});
  REQUIRE(place
              .run({"template=qwen", "model_name_or_path=" + (place.path() / "other").string(),
                    "export_dir=" + place.out().string() + "2"})
              .status == 0);
  CHECK(read_json(place.out().string() + "2/generation_config.json")["eos_token_id"] == json::array({0, 2}));
}

TEST_CASE("GGUF files are written beside the weights, and Modelfile begins with the first") {
  const Place place;
  const auto result = place.run({"export_gguf=q8_0,F16"});
  CAPTURE(result.err);
  REQUIRE(result.status == 0);
  CHECK(fs::exists(place.out() / "model.safetensors"));
  CHECK(contains(read_file(place.out() / "Modelfile"), "FROM ./model-Q8_0.gguf\n"));
  const std::string eight = read_file(place.out() / "model-Q8_0.gguf"),
                    half = read_file(place.out() / "model-F16.gguf");
  CHECK(eight.starts_with("GGUF"));
  CHECK(eight.size() < half.size());
  for (const char* key :
       {"general.architecture", "tokenizer.ggml.merges", "tokenizer.chat_template", "blk.1.ffn_norm.weight"})
    CHECK(contains(eight, key));
  const std::string head("\x0d\0\0\0\0\0\0\0output.weight", 21);  // a text stands behind its length
  CHECK(!contains(eight, head));                                  // tied: llama.cpp takes the embedding
}

TEST_CASE("numbers that are none are refused in GGUF, and called the model's own when it is verified") {
  const Place place;
  const auto file = place.base() / "model.safetensors";
  for (const char* tensor : {"model.layers.1.self_attn.q_proj.weight", "model.layers.0.mlp.down_proj.weight"}) {
    CAPTURE(tensor);
    write_small_model(place.path() / "whole");
    std::string bytes = read_file(place.path() / "whole/model.safetensors");
    bytes.replace(lmf::model::WeightFiles::open_file(file).require(tensor).begin, 4, "\xff\xff\xff\x7f");
    fs::remove_all(place.path() / "whole");
    lmf::write_file_atomically(file, bytes);
    place.fails({"export_gguf=q8_0"}, 1, std::string("'") + tensor + "' holds NaN or infinity");
    const auto result = place.run({"verify=true"});
    CAPTURE(result.err);
    CHECK(result.status == 1);
    CHECK(contains(result.err, "cannot be verified: the model"));
    CHECK(contains(result.err, "what was written stays in " + place.out().string() + ".tmp"));
    CHECK(!contains(result.err, "report it"));
    fs::remove_all(place.out().string() + ".tmp");
  }
}

TEST_CASE("what was merged is quantised, and the report says what that costs") {
  const Place place;
  std::string texts;
  for (int i = 0; i < 12; ++i)
    texts +=
        json{{"text", "Norway, Sweden and country " + std::to_string(i * 7919) + " have capitals and rivers."}}.dump() +
        "\n";
  const auto dataset = place.path() / "texts.jsonl";
  lmf::write_file_atomically(dataset, texts);
  const auto result =
      place.run({"verify=true", "export_quantization_bit=4", "export_quantization_dataset=" + dataset.string(),
                 "export_quantization_nsamples=8", "export_quantization_maxlen=16", "export_gguf=q8_0"});
  CAPTURE(result.err);
  REQUIRE(result.status == 0);
  CHECK(contains(result.err, "verified: 20 of 20 tensors"));
  CHECK(contains(result.err, "quantised to 4 bits: perplexity of 16 held-out tokens"));
  const json report = read_json(place.out() / "export_report.json");
  CHECK(report["verified"] == true);
  CHECK(report["quantization"]["perplexity"]["before"] > 1);
  CHECK(report["quantization"]["perplexity"]["after"] > 1);
  CHECK(report["quantization"]["dataset"] == dataset.string());
  const json config = read_json(place.out() / "config.json");
  CHECK(config["quantization_config"]["quant_method"] == "gptq");
  CHECK(config["quantization_config"]["group_size"] == 128);
  CHECK(config["quantization_config"]["desc_act"] == false);
  const auto files = lmf::model::WeightFiles::open_model(place.out());
  const std::string q = "model.layers.1.self_attn.q_proj";
  CHECK(files.require(q + ".qweight").shape == std::vector<std::int64_t>{16, 128});
  CHECK(files.require(q + ".qweight").dtype == "I32");
  CHECK(files.require(q + ".qzeros").shape == std::vector<std::int64_t>{1, 16});
  CHECK(files.require(q + ".scales").dtype == "F16");
  CHECK(files.require(q + ".g_idx").shape == std::vector<std::int64_t>{128});
  CHECK(files.find(q + ".weight") == nullptr);
  CHECK(fs::exists(place.out() / "model-Q8_0.gguf"));  // of the merged weights
  // Without GGUF there is nothing that a Modelfile could name; and an export's own folder may be replaced.
  REQUIRE(place
              .run({"export_quantization_bit=8", "export_quantization_dataset=" + dataset.string(),
                    "export_quantization_nsamples=4", "export_quantization_maxlen=8", "export_overwrite=true"})
              .status == 0);
  CHECK(!fs::exists(place.out() / "Modelfile"));
  CHECK(read_json(place.out() / "quantize_config.json")["bits"] == 8);
  std::string long_text;
  for (int i = 0; i < 700; ++i) long_text += "river " + std::to_string(i) + " ";
  lmf::write_file_atomically(place.path() / "long.txt", long_text);
  const auto beyond = place.run({"export_quantization_bit=8", "export_overwrite=true",
                                 "export_quantization_dataset=" + (place.path() / "long.txt").string(),
                                 "export_quantization_nsamples=1", "export_quantization_maxlen=513"});
  CHECK(beyond.status == 0);
  CHECK(contains(beyond.err, "export_quantization_maxlen is 513, and the model was trained for 512 tokens"));
  const auto again = run_process({executable(), "export", "model_name_or_path=" + place.out().string(),
                                  "export_dir=" + place.out().string() + "2"});
  CHECK(again.status != 0);
  CHECK(contains(again.err, "gptq"));
}

TEST_CASE("a model is called as its folder, however that is written") {
  const Place place;
  REQUIRE(place.run({"export_gguf=q8_0", "export_dir=" + place.out().string() + "/"}).status == 0);
  const std::string name("general.name\x08\0\0\0\x03\0\0\0\0\0\0\0out", 27);
  CHECK(contains(read_file(place.out() / "model-Q8_0.gguf"), name));
}

TEST_CASE("folders may have names that are not UTF-8") {
  const Place place;
  const auto folder = place.path() / "caf\xe9";
  const auto result = place.run({"verify=true", "export_gguf=q8_0", "export_dir=" + folder.string()});
  CAPTURE(result.err);
  REQUIRE(result.status == 0);
  CHECK(read_json(folder / "export_report.json")["verified"] == true);
  CHECK(contains(read_file(folder / "model-Q8_0.gguf"), "caf\xef\xbf\xbd"));
  fs::copy(place.base(), place.path() / "b\xe9");
  REQUIRE(place
              .run({"verify=true", "model_name_or_path=" + (place.path() / "b\xe9").string(),
                    "export_dir=" + place.out().string()})
              .status == 0);
  CHECK(contains(read_file(place.out() / "export_report.json"), "b\xef\xbf\xbd"));
}

TEST_CASE("without an adapter the model is written again, in the type that is asked for") {
  const Place place;
  const auto result = place.run({"adapter_name_or_path=", "infer_dtype=bfloat16"});
  CAPTURE(result.err);
  REQUIRE(result.status == 0);
  CHECK(contains(result.err, "no adapter is named"));
  const auto files = lmf::model::WeightFiles::open_model(place.out());
  for (const auto& name : files.names()) CHECK(files.require(name).dtype == "BF16");
  CHECK(read_json(place.out() / "config.json")["torch_dtype"] == "bfloat16");
  CHECK(fs::file_size(place.out() / "model.safetensors") < 1'100'000);

  REQUIRE(place.run({"adapter_name_or_path=", "export_dir=" + place.out().string() + "2"}).status == 0);
  const auto copy = lmf::model::WeightFiles::open_model(place.out().string() + "2");
  const auto base = lmf::model::WeightFiles::open_model(place.base());
  for (const auto& name : base.names()) CHECK(std::ranges::equal(copy.bytes(name).bytes, base.bytes(name).bytes));
}

TEST_CASE("a head trained beside a tied embedding parts them, in config.json too") {
  const Place place;
  lmf::model::LoraConfig config;
  config.modules_to_save = {"embed_tokens"};
  write_small_adapter(place.path() / "saved", place.base(), config);
  REQUIRE(place.run({"adapter_name_or_path=" + (place.path() / "saved").string()}).status == 0);
  CHECK(read_json(place.out() / "config.json")["tie_word_embeddings"] == false);
  const auto after = lmf::model::WeightFiles::open_model(place.out());
  const auto base = lmf::model::WeightFiles::open_model(place.base());
  CHECK(std::ranges::equal(after.bytes("lm_head.weight").bytes, base.bytes("model.embed_tokens.weight").bytes));
  CHECK(!std::ranges::equal(after.bytes("model.embed_tokens.weight").bytes,
                            base.bytes("model.embed_tokens.weight").bytes));
}

TEST_CASE("a model is replaced only when that is asked for") {
  const Place place;
  REQUIRE(place.run().status == 0);
  const auto refused = place.run();
  CHECK(refused.status == 2);
  CHECK(contains(refused.err, "exists and is not empty"));
  CHECK(contains(refused.err, "export_overwrite"));
  CHECK(place.run({"export_overwrite=true", "infer_dtype=float16"}).status == 0);
  CHECK(read_json(place.out() / "config.json")["torch_dtype"] == "float16");
}

TEST_CASE("a template that is not named: the model's own, or none") {
  const Place place;
  auto result = place.run({"template="});
  CHECK(result.status == 0);
  CHECK(contains(result.err, "no template is named"));
  CHECK(!contains(read_file(place.out() / "Modelfile"), "TEMPLATE"));
  // What lmf wrote is recognised again.
  REQUIRE(place.run({"export_dir=" + place.out().string() + "2"}).status == 0);
  REQUIRE(place
              .run({"template=", "model_name_or_path=" + place.out().string() + "2",
                    "adapter_name_or_path=", "export_dir=" + place.out().string() + "3"})
              .status == 0);
  CHECK(contains(read_file(place.out().string() + "3/Modelfile"), "<|im_start|>"));
}

TEST_CASE("a training file is accepted, with the model named beside it") {
  const Place place;
  const auto result = place.run({(share() / "examples/demo.yaml").string()});
  CAPTURE(result.err);
  CHECK(result.status == 0);
}

TEST_CASE("a reward model keeps its head, or gets that of the last adapter which has one") {
  const Place place;
  const auto write_head = [](const fs::path& folder, const char* text) {
    lmf::write_file_atomically(folder / "value_head.safetensors", text);
  };
  const auto head_of_export = [&](const std::string& adapters) {
    const auto result = place.run({"adapter_name_or_path=" + adapters, "export_overwrite=true"});
    CAPTURE(result.err);
    REQUIRE(result.status == 0);
    return read_file(place.out() / "value_head.safetensors");
  };
  const std::string first = place.adapter(), second = place.path() / "second";
  write_small_adapter(second, place.base());
  write_head(place.base(), "the model's");
  CHECK(head_of_export("") == "the model's");
  CHECK(head_of_export(first) == "the model's");
  write_head(first, "the adapter's");
  CHECK(head_of_export(first) == "the adapter's");
  CHECK(head_of_export(first + "," + second) == "the adapter's");
  write_head(second, "the second's");
  CHECK(head_of_export(first + "," + second) == "the second's");
}

TEST_CASE(
    "an adapter is merged into the model that it was trained on, wherever that is, and into another when it is meant") {
  const Place place;
  const auto into = [](const fs::path& model) { return "model_name_or_path=" + model.string(); };
  const fs::path copy = place.path() / "copy", other = place.path() / "other/base";
  write_small_model(copy);
  const auto copied = place.run({into(copy)});
  CHECK(copied.status == 0);
  CHECK(!contains(copied.err, "was trained on"));

  write_small_model(other);  // which a name alone would take for it
  std::string weights = read_file(other / "model.safetensors");
  weights.back() = static_cast<char>(weights.back() ^ 1);
  lmf::write_file_atomically(other / "model.safetensors", weights);
  const std::string out = "export_dir=" + (place.path() / "out-2").string();
  const auto refused = place.run({into(other), out});
  CHECK(refused.status == 2);
  CHECK(contains(refused.err, "was trained on '" + place.base().string() + "', and " + other.string()));
  CHECK(contains(refused.err, "has other weights"));
  CHECK(contains(refused.err, "export_any_base: true"));
  CHECK(!fs::exists(place.path() / "out-2"));
  const auto meant = place.run({into(other), out, "export_any_base=true"});
  CHECK(meant.status == 0);
  CHECK(contains(meant.err, "has other weights"));

  fs::rename(place.base(), place.path() / "moved");
  const auto moved = place.run({into(place.path() / "moved"), "export_overwrite=true"});
  CHECK(moved.status == 0);
  CHECK(contains(moved.err, "which is not here to be compared"));
  CHECK(!contains(place.run({into(other), "export_overwrite=true"}).err, "was trained on"));  // by its name
}

TEST_CASE("what cannot be done is said before anything is written") {
  const Place place;
  place.fails({"export_dir="}, 2, "export_dir is not set");
  place.fails({"model_name_or_path="}, 2, "no model is named");
  place.fails({"model_name_or_path=/nowhere/at/all"}, 2, "/nowhere/at/all");
  place.fails({"adapter_name_or_path=/nowhere/at/all"}, 2, "/nowhere/at/all");
  place.fails({"template=chatlm"}, 2, "chatml");
  place.fails({"template=llama3"}, 1, "the model embeds 924");
  place.fails({"infer_dtype=int8"}, 2, "infer_dtype");
  place.fails({"export_size=0"}, 2, "export_size");
  place.fails({"export_quantization_bit=4"}, 2, "export_quantization_dataset is not set");
  place.fails({"export_quantization_bit=3"}, 2, "GPTQ with other bits is not in this version; set 8 or 4");
  place.fails({"export_quantization_bit=4", "export_quantization_dataset=/nowhere/at/all"}, 2, "is no file");
  place.fails({"export_quantization_bit=4", "export_quantization_dataset=" + (place.base() / "config.json").string()},
              2, "has no \"text\"");
  lmf::write_file_atomically(place.path() / "short.txt", "too short");
  place.fails({"export_quantization_bit=4", "export_quantization_dataset=" + (place.path() / "short.txt").string()}, 2,
              "none of the 1 text in");
  place.fails({"export_legacy_format=true"}, 2, "pickles");
  place.fails({"export_gguf=q5_k_m"}, 2, "q4_k_m");
  place.fails({"export_hub_model_id=me/mine"}, 2, "hf upload");
  place.fails({"adapter_weights=1,2"}, 2, "adapter_weights has 2 numbers for 1 adapters");
  place.fails({"adapter_weights=heavy"}, 2, "'heavy'");
  place.fails({"--export_dri", "x"}, 2, "export_dir");
  place.fails({"export_dir=" + place.base().string()}, 2, "is the model's folder");
  place.fails({"export_dir=" + (place.adapter() / "merged").string()}, 2, "lies in an adapter's folder");
  place.fails({"adapter_name_or_path=" + place.base().string()}, 1, "adapter_config.json");
  place.fails({"model_name_or_path=" + place.adapter().string()}, 2, "is an adapter, not a model");
}

TEST_CASE("a DoRA adapter is merged whole, and verified") {
  const Place place;
  fs::remove_all(place.adapter());
  lmf::model::LoraConfig config;
  config.dora = true;
  write_small_adapter(place.adapter(), place.base(), config);
  place.fails({"adapter_weights=0.5"}, 2, "which is a DoRA adapter: those are merged whole");
  const auto result = place.run({"verify=true", "infer_dtype=bfloat16"});
  CAPTURE(result.err);
  CHECK(result.status == 0);
  CHECK(contains(result.err, "verified: 20 of 20 tensors"));
}

TEST_CASE("an adapter that does not fit is refused with what does not") {
  const Place place;
  write_small_model(place.path() / "wide", {{"hidden_size", 64}});
  place.fails({"model_name_or_path=" + (place.path() / "wide").string()}, 1, "has shape [8, 128], expected [8, 64]");
  auto config = read_json(place.adapter() / "adapter_config.json");
  config["r"] = 4;
  lmf::write_file_atomically(place.adapter() / "adapter_config.json", config.dump());
  place.fails({}, 1, "has shape [8, 128], expected [4, 128]");
  config["r"] = 8;
  config["use_dora"] = true;
  lmf::write_file_atomically(place.adapter() / "adapter_config.json", config.dump());
  place.fails({}, 1, "q_proj.lora_magnitude_vector'");
  fs::resize_file(place.base() / "model.safetensors", 1'000'000);
  place.fails({"adapter_name_or_path="}, 1, "not a usable safetensors file");
}
