// A checkpoint whose files say what they must not: every one ends with a sentence, or is taken as it is; none crashes.
#include <map>
#include <random>

#include "model/decoder_shapes.hpp"
#include "train/input_place.hpp"
#include "train/shared/run_state.hpp"
#include "train/shared/trainer_state.hpp"

using namespace lmf;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// What is read of each file.
const std::map<std::string, std::vector<const char*>> kKeys = {
    {"trainer_state.json", {"global_step", "max_steps", "epoch", "num_input_tokens_seen", "total_flos", "log_history"}},
    {"lmf_run_state.json",
     {"format", "run", "job", "base_model", "loss_since_log", "loss_of_run", "last_logged_step", "seed", "data_seed",
      "shuffle", "examples", "next_epoch", "next_example"}},
    {"adapter_config.json",
     {"r", "lora_alpha", "lora_dropout", "use_rslora", "target_modules", "modules_to_save", "rank_pattern",
      "alpha_pattern", "base_model_name_or_path", "peft_type", "bias", "use_dora", "init_lora_weights"}},
    {"training_args.json", {"lora_target", "finetuning_type"}}};

/// A run with an adapter that goes on from checkpoint-5, as lmf writes it.
class Checkpoint {
 public:
  Checkpoint() {
    place_.adapter("checkpoint-5", test::nothing);
    const train::TrainerState state{.global_step = 5, .max_steps = 9, .log_history = {{{"loss", 2.0}, {"step", 5}}}};
    write("trainer_state.json", state.to_json(true, false).dump());
    train::RunState run{.last_logged_step = 5, .examples = 10, .position = train::Position{0, 5}};
    run.base_model = model::shape_facts(place_.spec());
    write("lmf_run_state.json", run.to_text());
    write("training_args.json", test::read({"lora_target=q_proj"}).options.to_json());
  }

  fs::path file(const std::string& name) const { return place_.path("checkpoint-5") / name; }
  void write(const std::string& name, const std::string& text) const { test::write_text(file(name), text); }
  std::string read(const std::string& name) const {
    std::ifstream stream(file(name));
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  /// All problems, a line each.
  std::string problems() const {
    return place_.problems({"lora_target=q_proj", "resume_from_checkpoint=" + place_.path("checkpoint-5").string()});
  }

 private:
  test::Place place_;
};

/// Every problem is one bounded line that names the checkpoint.
void check_sentences(const std::string& problems) {
  std::istringstream lines(problems);
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() < 1500);
    CHECK(line.find("checkpoint-5") != std::string::npos);
  }
}

std::vector<std::string> hostile_values() {
  const std::string deep(50, '['), abyss(200'000, '['), word(100'000, 'x');
  return {"null",
          "true",
          "-1",
          "0.5",
          "1e300",
          "1e400",
          "-9223372036854775808",
          "9223372036854775807",
          "18446744073709551615",
          "99999999999999999999999999",
          "\"\"",
          "\"" + word + "\"",
          "[]",
          "[[]]",
          "[null, 3, {}]",
          "{}",
          R"({"value": {"value": []}})",
          deep + std::string(deep.size(), ']'),
          abyss + std::string(abyss.size(), ']'),
          abyss,
          "\"\xff\xfe\"",
          "\"\\u001b[2J\""};
}

}  // namespace

TEST_CASE("the checkpoint that the others are made of has no problem") { CHECK(Checkpoint().problems() == ""); }

TEST_CASE("each key of each file with each hostile value, and the file being that value") {
  const Checkpoint checkpoint;
  for (const auto& [name, keys] : kKeys) {
    const std::string good = checkpoint.read(name);
    for (const std::string& value : hostile_values()) {
      CAPTURE(name);
      CAPTURE(value.substr(0, 60));
      checkpoint.write(name, value);
      check_sentences(checkpoint.problems());
      for (const std::string key : keys) {
        CAPTURE(key);
        json with = json::parse(good);
        REQUIRE(with.contains(key));
        with[key] = "HERE";
        std::string text = with.dump();
        text.replace(text.find("\"HERE\""), 6, value);
        checkpoint.write(name, text);
        check_sentences(checkpoint.problems());
      }
    }
    checkpoint.write(name, good);
  }
}

TEST_CASE("files that are cut off or changed in any byte") {
  const Checkpoint checkpoint;
  std::mt19937 random(7);
  for (const auto& [name, keys] : kKeys) {
    const std::string good = checkpoint.read(name);
    for (int i = 0; i < 60; ++i) {
      std::string text = good;
      const std::size_t at = random() % text.size();
      if (i % 2)
        text.resize(at);
      else
        text[at] = static_cast<char>(random());
      CAPTURE(text);
      checkpoint.write(name, text);
      check_sentences(checkpoint.problems());
    }
    checkpoint.write(name, good);
  }
}

TEST_CASE("what is wrong is said by file and key") {
  struct Fault {
    std::string file, key;
    json value;
    std::string says;
  };
  const std::vector<Fault> faults = {
      {"trainer_state.json", "global_step", "5", "global_step is \"5\", expected a whole number from 0"},
      {"trainer_state.json", "global_step", 1e300, "global_step is 1e+300, expected a whole number"},
      {"trainer_state.json", "global_step", nullptr, "global_step is missing"},
      {"trainer_state.json", "epoch", json::array(), "epoch is [], expected a number"},
      {"trainer_state.json", "num_input_tokens_seen", -3, "num_input_tokens_seen is -3, expected a whole number"},
      {"trainer_state.json", "log_history", 3, "log_history is not a list"},
      {"trainer_state.json", "log_history", {3}, "log_history holds something that is no object"},
      {"lmf_run_state.json", "format", 2, "format is not 1"},
      {"lmf_run_state.json", "run", 18446744073709551615u, "run is 18446744073709551615, expected a whole number"},
      {"lmf_run_state.json", "last_logged_step", 6, "last_logged_step is 6, but trainer_state.json is of step 5"},
      {"lmf_run_state.json", "shuffle", 1, "shuffle is 1, expected true or false"},
      {"lmf_run_state.json", "job", {{"a", 1}}, "job is {\"a\":1}, expected text"},
      {"adapter_config.json", "r", "8", "r is \"8\", expected a whole number from 1"},
      {"adapter_config.json", "target_modules", 7, "target_modules is 7, expected a list of names"},
  };
  const Checkpoint checkpoint;
  for (const Fault& fault : faults) {
    CAPTURE(fault.says);
    const std::string good = checkpoint.read(fault.file);
    json with = json::parse(good);
    with[fault.key] = fault.value;
    checkpoint.write(fault.file, with.dump());
    const std::string problems = checkpoint.problems();
    CAPTURE(problems);
    CHECK(problems.find("resume_from_checkpoint: checkpoint-5/" + fault.file + ": " + fault.says) != std::string::npos);
    checkpoint.write(fault.file, good);
  }
  checkpoint.write("trainer_state.json", std::string(200'000, '['));
  CHECK(checkpoint.problems() ==
        "resume_from_checkpoint: checkpoint-5/trainer_state.json: values are nested too deeply\n");
}
