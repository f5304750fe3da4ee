// liblmf-train.so as the host calls it, with a fake trainer in the trainer's place: no libtorch is in this process.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <dlfcn.h>

#include <nlohmann/json.hpp>

#include "../config/support.hpp"
#include "lmf/abi.h"

using namespace lmf;
namespace fs = std::filesystem;

namespace {

std::string log_text;
void take_log(void*, int, const char* text, size_t length) { log_text.append(text, length).append("\n"); }

const lmf_plugin_v1& plugin() {
  static void* library = ::dlopen(LMF_TRAIN_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  REQUIRE_MESSAGE(library, ::dlerror());
  auto* query = reinterpret_cast<const lmf_plugin_v1* (*)()>(::dlsym(library, "lmf_plugin_query_v1"));
  return *query();
}

/// A folder laid out like an installation: plugins-1 with the option table, private with the fake trainer.
class Installation {
 public:
  Installation() {
    fs::create_directories(folder_.path() / "plugins-1");
    fs::create_directories(folder_.path() / "private");
    fs::copy_file(LMF_SHIPPED_OPTIONS, folder_.path() / "plugins-1/train.options.toml");
    fs::copy_file(LMF_TRAIN_PLUGIN, folder_.path() / "plugins-1/liblmf-train.so");  // workers would be tied to it
    fs::copy_file(LMF_FAKE_WORKER, folder_.path() / "private/liblmf-train-worker.so");
    library_ = (folder_.path() / "plugins-1/liblmf-train.so").string();
    share_ = test::share().string();
  }

  int run(const std::vector<std::string>& words, const char* command = "train") {
    lmf_host_v1 host = {};
    host.size = sizeof host;
    host.abi_major = LMF_ABI_MAJOR;
    host.log = take_log;
    host.log_level = LMF_LOG_INFO;
    host.version = "test";
    host.program_name = "lmf";
    host.executable = "/bin/false";
    host.library = library_.c_str();
    host.share_directory = share_.c_str();
    std::vector<const char*> arguments;
    for (const std::string& word : words) arguments.push_back(word.c_str());
    log_text.clear();
    char text[16384] = {};
    const int status =
        plugin().run(&host, command, static_cast<int>(arguments.size()), arguments.data(), text, sizeof text);
    error = text;
    return status;
  }

  std::string error;
  const fs::path& folder() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
  std::string library_, share_;
};

/// The demo's model and data with everything set that a run needs.
std::vector<std::string> good(const fs::path& output, std::vector<std::string> more = {}) {
  std::vector<std::string> words = {"model_name_or_path=" + (test::share() / "models/demo").string(),
                                    "do_train=true",
                                    "dataset=countries",
                                    "dataset_dir=" + (test::share() / "data").string(),
                                    "template=chatml",
                                    "finetuning_type=full",
                                    "train_from_scratch=true",
                                    "output_dir=" + output.string(),
                                    "use_cpu=true"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string file_text(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("train without a configuration says how it is used") {
  Installation place;
  CHECK(place.run({}) == 2);
  CHECK(place.error.find("usage: lmf train [--check | --print-launch] CONFIG.yaml") != std::string::npos);
  CHECK(place.run({"--check"}) == 2);
}

TEST_CASE("the trainer gets the checked options, and its status and sentence come back") {
  Installation place;
  const fs::path options = place.folder() / "options.json";
  ::setenv("LMF_TEST_OPTIONS", options.c_str(), 1);
  CHECK(place.run(good(place.folder() / "out", {"learning_rate=1e-3", "trust_remote_code=true"})) == 0);
  CHECK(place.error == "");
  CHECK(log_text.find("trust_remote_code: lmf runs no Python") != std::string::npos);
  const auto read = config::Options::from_json(file_text(options));
  CHECK(read.number("learning_rate") == 1e-3);
  CHECK(read.is_null("resume_from_checkpoint"));

  test::write_text(place.folder() / "out/checkpoint-5/trainer_state.json", "{}");
  CHECK(place.run(good(place.folder() / "out")) == 0);
  CHECK(config::Options::from_json(file_text(options)).text("resume_from_checkpoint") ==
        (place.folder() / "out/checkpoint-5").string());
  CHECK(log_text.find("continuing from") != std::string::npos);

  ::unsetenv("LMF_TEST_OPTIONS");
  CHECK(place.run(good(place.folder() / "out")) == 143);
  CHECK(place.error == "the fake trainer failed");
}

TEST_CASE("a wrong configuration stops before the trainer is looked for") {
  Installation place;
  fs::remove(place.folder() / "private/liblmf-train-worker.so");
  CHECK(place.run(good(place.folder() / "out", {"lora_rank=x", "bf16=true"})) == 2);
  CHECK(place.error.starts_with("2 problems in the configuration:"));
}

TEST_CASE("a configuration that is not there, or is no YAML, is all that is said") {
  Installation place;
  for (const char* check : {"--check", "bf16=false"}) {
    CHECK(place.run({"no-such-file.yaml", check}) == 2);
    CHECK(place.error ==
          "cannot read no-such-file.yaml: No such file or directory\n"
          "    check the spelling, and that the folder exists");
    const std::string broken = test::write_text(place.folder() / "broken.yaml", "stage: [sft\n").string();
    CHECK(place.run({broken, check}) == 2);
    CHECK(place.error == broken + ":2:1: not well-formed YAML: a '[' before this is not closed");
  }
}

TEST_CASE("without its table of options the plugin cannot be used") {
  Installation place;
  const fs::path table = place.folder() / "plugins-1/train.options.toml";
  fs::remove(table);
  CHECK(place.run(good(place.folder() / "out")) == 126);
  CHECK(place.error == "cannot read " + table.string() +
                           ": No such file or directory\n  the table of options came with the plugin: install the "
                           "plugin's package again, or build it again");
  test::write_text(table, "[[option]]\nname = ");
  CHECK(place.run(good(place.folder() / "out")) == 126);
  CHECK(place.error.find(table.string() + ":2") != std::string::npos);
  test::write_text(table, "");
  CHECK(place.run(good(place.folder() / "out")) == 126);
  CHECK(place.error == table.string() +
                           " is cut off: its last line, [end], is missing\n  the table of options came with the "
                           "plugin: install the plugin's package again, or build it again");
  CHECK(place.run({"true"}, "run") == 126);
  CHECK(place.error.find("cannot read " + (place.folder() / "plugins-1/run.options.toml").string()) == 0);
}

TEST_CASE("--check says what a run would do, and trains nothing") {
  Installation place;
  ::unsetenv("LMF_TEST_OPTIONS");  // the fake trainer would fail
  CHECK(place.run(good(place.folder() / "out", {"--check"})) == 0);
  CHECK(place.error == "");
  CHECK_FALSE(fs::exists(place.folder() / "out"));
}

TEST_CASE("--check finds everything wrong at once: options, model, template, data") {
  Installation place;
  const fs::path empty = place.folder() / "empty";
  fs::create_directory(empty);
  CHECK(place.run(good(place.folder() / "out",
                       {"--check", "model_name_or_path=" + empty.string(), "template=chatmll", "dataset=countrys",
                        "plot_los=true", "finetuning_type=lora", "adapter_name_or_path=" + empty.string()})) == 2);
  CHECK(place.error.starts_with("6 problems in the configuration:"));
  for (const char* part : {"unknown option 'plot_los'. Did you mean 'plot_loss'?", "config.json", "holds no tokenizer",
                           "Did you mean 'chatml'?", "has no adapter_config.json", "countrys"}) {
    CAPTURE(place.error);
    CHECK(place.error.find(part) != std::string::npos);
  }
}

TEST_CASE("--check refuses what the run would refuse: vocabulary, modules, cutoff_len") {
  Installation place;
  const auto out = place.folder() / "out";
  CHECK(place.run(good(out, {"--check", "template=llama3", "finetuning_type=freeze", "freeze_trainable_modules=mpl",
                             "cutoff_len=3"})) == 2);
  CHECK(place.error.starts_with("3 problems in the configuration:"));
  for (const char* part : {"the tokenizer has 926 tokens, the model embeds 924", "Did you mean 'mlp'?",
                           "cutoff_len 3 leaves nothing to learn in any of the 336 examples"}) {
    CAPTURE(place.error);
    CHECK(place.error.find(part) != std::string::npos);
  }
}

TEST_CASE("--check counts the problems of the data that it does not list") {
  Installation place;
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += "{\n";
  const auto data = test::write_text(place.folder() / "broken.jsonl", lines);
  CHECK(place.run(good(place.folder() / "out", {"--check", "plot_los=true", "dataset=" + data.string()})) == 2);
  CHECK(place.error.starts_with("51 problems in the configuration:"));
  CHECK(place.error.ends_with("\n  and 30 more in the data"));
}

TEST_CASE("--check looks at the checkpoint that a run would go on from") {
  Installation place;
  const auto out = place.folder() / "out";
  fs::create_directories(out / "checkpoint-5");
  CHECK(place.run(good(out, {"--check"})) == 0);  // nothing is in it
  test::write_text(out / "checkpoint-5/trainer_state.json", "{}");
  CHECK(place.run(good(out, {"--check"})) == 2);
  CHECK(place.error.find((out / "checkpoint-5").string() + " holds neither a model (config.json) nor") !=
        std::string::npos);
}

TEST_CASE("--print-launch shows the processes that would be started, and starts none") {
  Installation place;
  ::setenv("LMF_FAKE_DEVICES", "4", 1);
  ::unsetenv("LMF_TEST_OPTIONS");  // the fake trainer would fail
  std::vector<std::string> words = good(place.folder() / "out", {"--print-launch"});
  std::erase(words, "use_cpu=true");
  CHECK(place.run(words) == 0);
  CHECK(place.error == "");
  ::setenv("NNODES", "2", 1);
  CHECK(place.run(words) == 2);
  CHECK(place.error.starts_with("environment: NNODES is 2, but neither MASTER_ADDR nor MASTER_PORT is set"));
  CHECK(place.run(good(place.folder() / "out", {"--check"})) == 2);
  ::unsetenv("NNODES");
  ::unsetenv("LMF_FAKE_DEVICES");
}

TEST_CASE("a process that a launcher has started trains itself, although there are several devices") {
  Installation place;
  const fs::path options = place.folder() / "options.json";
  for (const auto& [name, value] : {std::pair{"LMF_FAKE_DEVICES", "4"},
                                    {"RANK", "1"},
                                    {"LOCAL_RANK", "1"},
                                    {"WORLD_SIZE", "2"},
                                    {"TORCHELASTIC_RUN_ID", "x"}})
    ::setenv(name, value, 1);
  ::setenv("LMF_TEST_OPTIONS", options.c_str(), 1);
  CHECK(place.run(good(place.folder() / "out")) == 0);
  CHECK(fs::exists(options));
  ::unsetenv("RANK");
  CHECK(place.run(good(place.folder() / "out")) == 2);
  CHECK(place.error.find("but RANK, LOCAL_RANK and WORLD_SIZE are not all set") != std::string::npos);
  for (const char* name : {"LMF_FAKE_DEVICES", "LOCAL_RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", "LMF_TEST_OPTIONS"})
    ::unsetenv(name);
}

TEST_CASE("the examples that ship pass --check, on a model that ships too") {
  Installation place;
  int examples = 0;
  for (const char* name : {"lora_sft", "full_sft", "freeze_sft", "demo"}) {
    CAPTURE(name);
    const auto file = test::share() / "examples" / (std::string(name) + ".yaml");
    const int status =
        place.run({"--check", file.string(), "model_name_or_path=" + (test::share() / "models/demo").string(),
                   "template=chatml", "dataset_dir=" + (test::share() / "data").string(), "train_from_scratch=true",
                   "output_dir=" + (place.folder() / "out").string()});
    CHECK(place.error == "");
    CHECK(status == 0);
    CHECK(log_text == "");
    ++examples;
  }
  CHECK(examples == 4);
  const auto chat = test::read({(test::share() / "examples/chat.yaml").string()}, "chat");
  CHECK(test::problems_of(chat) == "");
  CHECK(test::notes_of(chat) == "");
}

TEST_CASE("no libtorch is in the process after all that") {
  plugin();
  const std::string map = file_text("/proc/self/maps");
  CHECK(map.find("liblmf-train.so") != std::string::npos);
  CHECK(map.find("libtorch") == std::string::npos);
  CHECK(map.find("libc10") == std::string::npos);
}
