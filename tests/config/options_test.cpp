#include "config/options.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "lmf/error.hpp"
#include "support.hpp"

using namespace lmf;
using test::notes_of;
using test::problems_of;
using test::read;

namespace {

config::ReadResult read_text(const std::string& extension, const std::string& text, std::vector<std::string> more = {},
                             const std::string& command = "train") {
  test::TemporaryFolder folder;
  more.insert(more.begin(), test::write_text(folder.path() / ("c" + extension), text).string());
  return read(more, command);
}

/// Reads with a table of one json option: in the shipped one none has an effect yet.
config::ReadResult read_with_json_option(std::vector<const char*> words) {
  test::TemporaryFolder folder;
  const auto table = test::write_text(folder.path() / "t.toml",
                                      "[[option]]\nname = 'details'\ngroup = 'g'\nhelp = 'h.'\ntype = 'json'\n[end]\n");
  return config::read_options(config::OptionTable::read(table, "train"), words, false);
}

}  // namespace

TEST_CASE("a configuration in YAML, JSON or TOML gives the same values") {
  const std::string yaml =
      "model_name_or_path: m\nlearning_rate: 1e-5\nlora_rank: 16\nbf16: no\nlora_target: q_proj, v_proj\nmax_samples: "
      "null\n";
  const std::string json = R"({"model_name_or_path": "m", "learning_rate": 1e-5, "lora_rank": 16, "bf16": false,
    "lora_target": ["q_proj", "v_proj"], "max_samples": null})";
  const std::string toml =
      "model_name_or_path = 'm'\nlearning_rate = 1e-5\nlora_rank = 16\nbf16 = false\nlora_target = ['q_proj', "
      "'v_proj']\n";
  for (const auto& result :
       {read_text(".yaml", yaml), read_text(".yml", yaml), read_text(".json", json), read_text(".toml", toml)}) {
    CHECK(problems_of(result) == "");
    CHECK(result.options.text("model_name_or_path") == "m");
    CHECK(result.options.number("learning_rate") == 1e-5);
    CHECK(result.options.integer("lora_rank") == 16);
    CHECK_FALSE(result.options.flag("bf16"));
    CHECK(result.options.list("lora_target") == std::vector<std::string>{"q_proj", "v_proj"});
    CHECK(result.options.is_null("max_samples"));
    CHECK_FALSE(result.options.given("max_samples"));
    CHECK(result.options.origin("lora_rank").ends_with(":3") + result.options.origin("lora_rank").ends_with(":1") == 1);
    CHECK(result.options.integer("per_device_train_batch_size") == 8);
    CHECK(result.options.origin("per_device_train_batch_size") == "default");
  }
}

TEST_CASE("the command line wins over the file, whichever way it is written") {
  const std::string yaml = "lora_rank: 4\nlearning_rate: 1e-4\nplot_loss: false\nrun_name: a\n";
  const auto result =
      read_text(".yaml", yaml,
                {"lora_rank=8", "lora_rank=16", "--learning-rate", "1e-3", "--plot_loss", "--output_dir=/x/y=z",
                 "--max_steps", "-1", "--use_rslora", "True", "--disable_shuffling", "lora_dropout=0.5", "run_name="});
  CHECK(problems_of(result) == "");
  CHECK(result.options.integer("lora_rank") == 16);
  CHECK(result.options.origin("lora_rank") == "command line");
  CHECK(result.options.number("learning_rate") == 1e-3);
  CHECK(result.options.flag("plot_loss"));
  CHECK(result.options.text("output_dir") == "/x/y=z");
  CHECK(result.options.integer("max_steps") == -1);
  CHECK(result.options.flag("use_rslora"));
  CHECK(result.options.flag("disable_shuffling"));
  CHECK(result.options.number("lora_dropout") == 0.5);
  CHECK(result.options.is_null("run_name"));
}

TEST_CASE("null is the default's other name, but where it is a value of its own") {
  const auto result = read_text(".yaml", "enable_thinking: null\npreserve_thinking: null\n", {});
  CHECK(problems_of(result) == "");
  CHECK(result.options.is_null("enable_thinking"));
  CHECK(result.options.origin("enable_thinking").ends_with("c.yaml:1"));
  CHECK_FALSE(result.options.flag("preserve_thinking"));
  CHECK(read({"enable_thinking=null"}).options.is_null("enable_thinking"));
  CHECK(read({"enable_thinking=null", "enable_thinking=false"}).options.is_null("enable_thinking") == false);
  CHECK(read({}).options.flag("enable_thinking"));
  const auto sent = config::Options::from_json(result.options.to_json());
  CHECK(sent.is_null("enable_thinking"));
}

TEST_CASE("without a file the command line is the whole configuration") {
  const auto result = read({"--model_name_or_path", "m", "--dataset=a,b", "max_steps=3"});
  CHECK(problems_of(result) == "");
  CHECK(result.file.empty());
  CHECK(result.options.list("dataset") == std::vector<std::string>{"a", "b"});
}

TEST_CASE("lists and maps may be written on the command line") {
  CHECK(read({"lora_target=[q_proj, v_proj]"}).options.list("lora_target") ==
        std::vector<std::string>{"q_proj", "v_proj"});
  const auto nested = read({"lr_scheduler_kwargs={a: 1}", "lr_scheduler_kwargs.b.c=2"});
  CHECK(nested.problems.size() == 1);  // no schedule of this version has settings
  CHECK(read_with_json_option({"details={c: 1, d: 2}", "details.a.b=true", "details.c=x"})
            .options.json("details")
            .dump() == R"({"a":{"b":true},"c":"x","d":2})");
  CHECK(read_with_json_option({"details.a.b=true", "details.c=x"}).options.json("details").dump() ==
        R"({"a":{"b":true},"c":"x"})");
  CHECK(problems_of(read({"lora_target=[q_proj"}))
            .starts_with("command line: lora_target is '[q_proj', expected a list or map"));
}

TEST_CASE("every problem is reported at once, each with its place") {
  const std::string yaml =
      "model_name_or_path: m\n"
      "lora_rnak: 8\n"
      "lora_rank: eight\n"
      "lora_alpha: 1.5\n"
      "learning_rate: [1]\n"
      "lora_dropout: 2\n"
      "plot_loss: maybe\n"
      "stage: sftt\n"
      "cutoff_len: 0\n"
      "max_samples: 010\n"
      "seed: 1\n"
      "seed: 2\n"
      "bf16: true\n"
      "finetuning_type: oft\n"
      "output_dir: {a: 1}\n";
  CHECK(problems_of(read_text(".yaml", yaml, {"--do_trian", "zzzz", "--warmup_ratio=2", "word"})) ==
        "command line: 'word' is neither a configuration file (.yaml, .json, .toml) nor key=value\n"
        "  `lmf help train` lists the options\n"
        "c.yaml:2: unknown option 'lora_rnak'. Did you mean 'lora_rank'?\n"
        "c.yaml:3: lora_rank is 'eight', expected a whole number, at least 1\n"
        "c.yaml:4: lora_alpha is '1.5', expected a whole number, at least 1\n"
        "c.yaml:5: learning_rate is a list, expected a number, at least 0\n"
        "c.yaml:6: lora_dropout is '2', expected a number from 0 to 0.999\n"
        "c.yaml:7: plot_loss is 'maybe', expected true or false\n"
        "c.yaml:8: stage is 'sftt', expected one of pt, sft, rm, ppo, dpo, kto\n"
        "c.yaml:9: cutoff_len is '0', expected a whole number, at least 1\n"
        "c.yaml:10: max_samples is '010', expected a whole number, at least 1 without leading zeros, which YAML 1.1 "
        "takes for octal\n"
        "c.yaml:12: seed is set a second time, first at c.yaml:11\n"
        "c.yaml:13: bf16 'true' is refused: this version trains in fp32 only; set bf16: false\n"
        "c.yaml:14: finetuning_type 'oft' is refused: OFT adapters are not in this version; lora, freeze and full are\n"
        "c.yaml:15: output_dir is a map, expected a path\n"
        "command line: unknown option 'do_trian'. Did you mean 'do_train'?\n"
        "command line: warmup_ratio is '2', expected a number from 0 to 1\n");
}

TEST_CASE("a value on the command line replaces the wrong one in the file") {
  CHECK(problems_of(read_text(".yaml", "lora_rank: eight\nbf16: true\n", {"lora_rank=8", "bf16=false"})) == "");
}

TEST_CASE("a refused option passes with a value that changes nothing") {
  const std::string yaml =
      "bf16: false\nfp16: false\npacking: false\nval_size: 0.0\neval_strategy: no\nreport_to: none\n"
      "deepspeed: null\nstreaming: false\nquantization_bit: null\nneftune_noise_alpha: 0\nsave_strategy: no\n"
      "resume_from_checkpoint: null\nlr_scheduler_kwargs: {}\n";
  const auto result = read_text(".yaml", yaml);
  CHECK(problems_of(result) == "");
  CHECK(notes_of(result) == "");
  CHECK(result.options.text("save_strategy") == "no");
  CHECK(result.options.list("report_to") == std::vector<std::string>{"none"});
}

TEST_CASE("an option that would change the result is refused with what to do") {
  CHECK(problems_of(read({"stage=dpo"})) ==
        "command line: stage 'dpo' is refused: this version trains stage sft only\n");
  CHECK(problems_of(read({"quantization_bit=4"})).find("beside quantised weights is not in this version") !=
        std::string::npos);
  CHECK(read({"fsdp=full_shard"}).problems.size() == 1);
}

TEST_CASE("what changes nothing is noted once, grouped by reason") {
  const auto result = read_text(
      ".yaml",
      "trust_remote_code: true\ndataloader_num_workers: 4\nflash_attn: fa2\nvideo_fps: 1.0\nimage_max_pixels: 9\n");
  CHECK(problems_of(result) == "");
  CHECK(notes_of(result) ==
        "flash_attn: lmf has one exact attention; the value changes neither result nor speed\n"
        "trust_remote_code: lmf runs no Python; models it does not know are refused by name\n"
        "dataloader_num_workers: lmf reads stored tokens and needs none\n"
        "image_max_pixels, video_fps: has an effect only on models that see, which are refused by name\n");
}

TEST_CASE("trackers are noted: their absence changes no result") {
  for (const std::string tracker : {"wandb", "all", "[none, wandb]", "tensorboard,mlflow"}) {
    const auto result = read({"report_to=" + tracker, "use_swanlab=true"});
    CHECK(problems_of(result) == "");
    CHECK(notes_of(result) ==
          "report_to, use_swanlab: this version reports to no tracker; trainer_log.jsonl, trainer_state.json and "
          "training_loss.png hold the log\n");
  }
}

TEST_CASE("a command's own options are suggested on the command line, not in a file") {
  const auto table = lmf::config::OptionTable::read(LMF_SHIPPED_OPTIONS, "train", {"check", "print-launch", "help"});
  const auto said = [&](const char* word) {
    return problems_of(lmf::config::read_options(table, std::vector{word}, false));
  };
  CHECK(said("--chek") == "command line: unknown option 'chek'. Did you mean '--check'?\n");
  CHECK(said("--print-lauch") == "command line: unknown option 'print-lauch'. Did you mean '--print-launch'?\n");
  CHECK(said("--HELP") == "command line: unknown option 'HELP'. Did you mean '--help'?\n");
  CHECK(said("--lora-rnak=8") == "command line: unknown option 'lora-rnak'. Did you mean 'lora_rank'?\n");
  CHECK(problems_of(read_text(".yaml", "chek: true\n")) ==
        "c.yaml:1: unknown option 'chek'.\n  `lmf help train` lists the options\n");
}

TEST_CASE("a word that is no option says the next step: for a folder, that it may be the model's") {
  const auto said = [](const std::string& word) -> std::string {
    try {
      return problems_of(read({word}, "chat"));
    } catch (const lmf::Error& problem) {
      return problem.what();
    }
  };
  const lmf::test::TemporaryFolder folder;
  const std::string name = folder.path().string();
  CHECK(said(name) == "command line: '" + name +
                          "' is neither a configuration file (.yaml, .json, .toml) nor key=value\n"
                          "    a model's folder is given as model_name_or_path=" +
                          name);
  CHECK(said("hello").ends_with("\n    `lmf help chat` lists the options"));
}

TEST_CASE("a credential that nothing needs is not kept") {
  const auto result = read({"hf_hub_token=hf_secret"});
  CHECK(notes_of(result) == "hf_hub_token: lmf downloads nothing\n");
  CHECK(result.options.to_json().find("hf_secret") == std::string::npos);
}

TEST_CASE("older names mean the new ones, with a note") {
  const auto result = read({"evaluation_strategy=no", "per_gpu_train_batch_size=2"});
  CHECK(problems_of(result) == "");
  CHECK(result.options.integer("per_device_train_batch_size") == 2);
  CHECK(notes_of(result).find("evaluation_strategy is the older name of eval_strategy") != std::string::npos);
  CHECK(read_text(".yaml", "eval_strategy: no\nevaluation_strategy: no\n").problems.size() == 1);
}

TEST_CASE("a training file given to chat works: keys of other commands are ignored with one note") {
  const std::string yaml =
      "model_name_or_path: m\nstage: dpo\ndo_train: true\nbf16: true\nlearning_rate: 1e-4\ntemperature: 0.5\ntemplate: "
      "qwen\n";
  const auto result = read_text(".yaml", yaml, {}, "chat");
  CHECK(problems_of(result) == "");
  CHECK(notes_of(result) ==
        "options of other commands, without effect on chat: stage, do_train, learning_rate, bf16\n");
  CHECK(result.options.number("temperature") == 0.5);
  CHECK(result.options.text("template") == "qwen");
}

TEST_CASE("words that mean all or none of the tokens are understood as booleans too") {
  CHECK(read({"include_num_input_tokens_seen=true"}).options.text("include_num_input_tokens_seen") == "all");
  CHECK(read({"include_num_input_tokens_seen=False"}).options.text("include_num_input_tokens_seen") == "no");
  CHECK(read({"include_num_input_tokens_seen=non_padding"}).options.text("include_num_input_tokens_seen") ==
        "non_padding");
}

TEST_CASE("ALLOW_EXTRA_ARGS turns unknown keys into a note") {
  const char* words[] = {"my_key=1", "lora_rank=4"};
  const auto result = config::read_options(test::shipped_table(), words, true);
  CHECK(result.problems.empty());
  CHECK(notes_of(result) == "unknown options, accepted for ALLOW_EXTRA_ARGS: my_key\n");
}

TEST_CASE("a configuration that cannot be read stops at once, with what else is wrong on the command line") {
  CHECK_THROWS_WITH_AS(read({"/no/such/file.yaml", "lora_rank=x"}),
                       "2 problems in the configuration:\n"
                       "  cannot read /no/such/file.yaml: No such file or directory\n"
                       "    check the spelling, and that the folder exists\n"
                       "  command line: lora_rank is 'x', expected a whole number, at least 1",
                       Error);
  CHECK_THROWS_WITH_AS(read({"/no/such/file.yaml"}), doctest::Contains("cannot read /no/such/file.yaml"), Error);
  CHECK_THROWS_WITH_AS(read({"file"}), doctest::Contains("'file' is neither"), Error);
  const test::TemporaryFolder folder;
  const std::string there = test::write_text(folder.path() / "a.yaml", "").string();
  CHECK(read({there, "b.yaml"}).problems.at(0).text ==
        "command line: two configuration files, " + there + " and b.yaml");
}

TEST_CASE("an option whose value is missing is a problem") {
  CHECK_THROWS_WITH_AS(read({"--lora_rank"}), doctest::Contains("lora_rank"), Error);
}

TEST_CASE("all values survive the way to the worker") {
  const auto result =
      read({"lora_target=a,b", "learning_rate=1e-5", "output_dir=caf\xc3\xa9", "plot_loss=true", "max_steps=7"});
  const config::Options back = config::Options::from_json(result.options.to_json());
  CHECK(back.values == result.options.values);
  const auto with_json = read_with_json_option({"details={a: 1}"});
  CHECK(config::Options::from_json(with_json.options.to_json()).json("details").dump() == R"({"a":1})");
  CHECK(back.number("learning_rate") == 1e-5);
  CHECK_THROWS_AS(config::Options::from_json("{"), Error);
  CHECK_THROWS_AS(config::Options::from_json(R"({"a": {"type": "none", "value": 1, "origin": ""}})"), Error);
}

TEST_CASE("reading an option as what it is not is a fault of ours, said so") {
  config::Options options = read({}).options;
  for (const auto wrong :
       {+[](const config::Options& o) { o.flag("lora_rank"); }, +[](const config::Options& o) { o.flag("no_such"); },
        +[](const config::Options& o) { o.integer("max_samples"); }}) {
    try {
      wrong(options);
      FAIL("no error");
    } catch (const Error& failure) {
      CHECK(failure.exit_status() == kExitInternal);
    }
  }
  CHECK(options.text("template") == "");
  CHECK(options.list("dataset").empty());
  options.set_text("resume_from_checkpoint", "/a/checkpoint-5", "newest in output_dir");
  CHECK(options.text("resume_from_checkpoint") == "/a/checkpoint-5");
  options.set_text("resume_from_checkpoint", "", "default");
  CHECK(options.is_null("resume_from_checkpoint"));
}

TEST_CASE("the problems become one error with every line") {
  CHECK_NOTHROW(config::throw_problems({}));
  try {
    config::throw_problems({{"first", "do this"}, {"second", ""}});
    FAIL("no error");
  } catch (const Error& failure) {
    CHECK(std::string(failure.what()) == "2 problems in the configuration:\n  first\n    do this\n  second");
    CHECK(failure.exit_status() == kExitUsage);
  }
  CHECK_THROWS_WITH_AS(config::throw_problems({{"first", ""}}, 30),
                       "31 problems in the configuration:\n  first\n  and 30 more in the data", Error);
}
