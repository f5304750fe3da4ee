#include "train/shared/inputs.hpp"

#include <cmath>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "base/progress.hpp"
#include "lmf/error.hpp"
#include "model/adapter_folder.hpp"
#include "model/decoder_shapes.hpp"
#include "train/shared/freeze.hpp"
#include "train/shared/resume_checks.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;
using config::Options;

std::optional<std::string> optional_text(const Options& options, std::string_view name) {
  if (options.is_null(name)) return std::nullopt;
  return options.text(name);
}

void require_embeddings(const model::DecoderSpec& spec, const text::Tokenizer& tokenizer) {
  if (tokenizer.vocab_size() <= spec.vocab_size) return;
  throw Error(
      fmt::format("the tokenizer has {} tokens, the model embeds {}", tokenizer.vocab_size(), spec.vocab_size),
      "growing the vocabulary (resize_vocab) is not in this version: choose a template whose tokens the model has");
}

class InputReader {
 public:
  InputReader(const Options& options, const fs::path& share_directory, std::vector<config::Problem>& problems)
      : options_(options),
        share_(share_directory),
        resumes_(!options.is_null("resume_from_checkpoint")),
        problems_(problems) {}

  Inputs run() {
    if (!options_.is_null("model_name_or_path")) guarded("model_name_or_path", [this] { model(); });
    guarded("template", [this] { chat_template(); });
    if (inputs_.spec && inputs_.tokenizer)
      guarded("model_name_or_path", [this] { require_embeddings(*inputs_.spec, *inputs_.tokenizer); });
    std::optional<model::DecoderSpec> met = inputs_.spec;
    if (is_lora()) adapters(met);
    if (resumes_) checkpoint(met);
    if (!inputs_.spec) return std::move(inputs_);
    if (options_.text("finetuning_type") == "freeze") freeze();
    const bool takes_base = is_lora() || !resumes_;
    if (takes_base && !options_.flag("train_from_scratch"))
      guarded("model_name_or_path", [this] { require_weights(inputs_.model_directory, *inputs_.spec); });
    return std::move(inputs_);
  }

 private:
  /// An Error of a room becomes one more problem of this option.
  template <class Step>
  void guarded(std::string_view name, const Step& step) {
    try {
      step();
    } catch (const Error& failure) {
      problems_.push_back({fmt::format("{}: {}: {}", options_.origin(name), name, failure.what()), failure.hint()});
    }
  }

  void model() {
    inputs_.model_directory = model::resolve_model(options_.text("model_name_or_path"), options_.text("model_revision"),
                                                   options_.text("cache_dir"));
    guarded("model_name_or_path",
            [this] { inputs_.spec = model::DecoderSpec::read(inputs_.model_directory, taken_weights(options_)); });
    inputs_.tokenizer = text::Tokenizer::load(inputs_.model_directory);
  }

  void chat_template() {
    text::TemplateChoice choice{.name = optional_text(options_, "template"),
                                .default_system = optional_text(options_, "default_system")};
    choice.enable_thinking =
        options_.is_null("enable_thinking") ? std::nullopt : std::optional(options_.flag("enable_thinking"));
    choice.preserve_thinking = options_.flag("preserve_thinking");
    if (inputs_.tokenizer)
      inputs_.chat_template = text::ChatTemplate::choose(share_, choice, *inputs_.tokenizer);
    else if (choice.name)
      inputs_.chat_template = text::ChatTemplate::load(share_, *choice.name);
    if (const auto format = optional_text(options_, "tool_format"); format && inputs_.chat_template)
      guarded("tool_format", [&] { inputs_.chat_template->set_tool_format(share_, *format); });
    if (inputs_.tokenizer) inputs_.chat_template->repair(*inputs_.tokenizer);  // its Jinja has the tool format
    note_thoughts();
    if (!inputs_.chat_template || !inputs_.chat_template->efficient_eos || !options_.flag("train_on_prompt")) return;
    problems_.push_back({fmt::format("{}: train_on_prompt: template {} learns eos in the prompt's place",
                                     options_.origin("train_on_prompt"), inputs_.chat_template->name),
                         "leave train_on_prompt out"});
  }

  /// A common mistake: the answers of a model that does not think would all begin with an empty thought.
  void note_thoughts() {
    if (!inputs_.chat_template || !inputs_.chat_template->reasoning || !inputs_.tokenizer) return;
    if (inputs_.tokenizer->token_id("<think>")) return;
    inputs_.notes.push_back(
        fmt::format("{}: template {} is for models that think, and the tokenizer has no token <think>: for another "
                    "model choose a template without thoughts, such as qwen3_nothink",
                    options_.origin("template"), inputs_.chat_template->name));
  }

  void freeze() {
    std::vector<std::string> names;
    for (auto& parameter : model::parameter_shapes(*inputs_.spec)) names.push_back(std::move(parameter.name));
    const auto known = FreezableModules::of(names);
    const auto require = [this](const char* name, const std::set<std::string>& modules) {
      guarded(name, [&] { require_known(options_.list(name), modules); });
    };
    require("freeze_trainable_modules", known.in_layers);
    require("freeze_extra_modules", known.outside);
    const std::int64_t asked = std::abs(options_.integer("freeze_trainable_layers"));
    if (asked > inputs_.spec->layers)
      inputs_.notes.push_back(fmt::format("{}: freeze_trainable_layers asks for {} layers of {}: all are trained",
                                          options_.origin("freeze_trainable_layers"), asked, inputs_.spec->layers));
  }

  /// All are merged, one after another, before a fresh one; without that, training goes on with the last, or with what
  /// the checkpoint has made of it. `met`: what an adapter meets; afterwards, what the next one meets.
  void adapters(std::optional<model::DecoderSpec>& met) {
    std::vector<std::string> folders = model::adapter_names(options_.list("adapter_name_or_path"));
    const bool fresh = folders.empty() || options_.flag("create_new_adapter");
    if (resumes_ && !fresh) folders.pop_back();
    for (const std::string& name : folders)
      guarded("adapter_name_or_path", [&] {
        require_adapter(model::resolve_adapter(name, options_.text("model_revision"), options_.text("cache_dir")), met);
      });
    if (!resumes_ && fresh && met) fresh_adapter(*met);
  }

  void require_adapter(const fs::path& folder, std::optional<model::DecoderSpec>& met) const {
    if (model::AdapterFolder::read_config(folder).dora && options_.flag("do_train"))
      throw Error(fmt::format("{}: use_dora is true, and lmf does not train beside or on DoRA adapters",
                              (folder / model::kAdapterConfigFile).string()),
                  "merge it first: lmf export");
    if (!met) return;
    const auto fitting = model::AdapterFolder::open(folder, *met);
    if (fitting.plan.separates_head) met->tied_embeddings = false;
  }

  void fresh_adapter(const model::DecoderSpec& spec) {
    model::LoraConfig fresh;
    fresh.targets = options_.list("lora_target");
    fresh.modules_to_save = options_.list("additional_target");
    guarded("lora_target", [&] { model::match_targets(spec, fresh); });
    guarded("additional_target", [&] { model::require_saved_modules(spec, fresh); });
  }

  void checkpoint(std::optional<model::DecoderSpec>& met) {
    const fs::path folder = options_.text("resume_from_checkpoint");
    if (found(kind_problems(options_, folder))) return;
    found(setting_problems(options_, folder));
    guarded("resume_from_checkpoint", [&] { inputs_.resumed = ResumePoint::read(folder); });
    guarded("resume_from_checkpoint", [&] {
      if (inputs_.spec && found(base_problems(options_, folder, *inputs_.spec))) return;
      if (is_lora())
        require_adapter(folder, met);
      else
        require_weights(folder, model::DecoderSpec::read(folder));
    });
  }

  static void require_weights(const fs::path& folder, const model::DecoderSpec& spec) {
    model::require_parameters(model::WeightFiles::open_model(folder), spec);
  }

  bool is_lora() const { return options_.text("finetuning_type") == "lora"; }

  /// Whether there are any.
  bool found(std::vector<config::Problem> more) {
    problems_.insert(problems_.end(), more.begin(), more.end());
    return !more.empty();
  }

  const Options& options_;
  const fs::path& share_;
  const bool resumes_;
  std::vector<config::Problem>& problems_;
  Inputs inputs_;
};

}  // namespace

model::Quantized taken_weights(const Options& options) {
  return options.flag("do_train") ? model::Quantized::none : model::Quantized::gptq;
}

Inputs read_inputs(const Options& options, const fs::path& share_directory, std::vector<config::Problem>& problems) {
  return InputReader(options, share_directory, problems).run();
}

data::DatasetCheck check_data(const Inputs& inputs, const data::PrepareOptions& options) {
  std::optional<Progress> progress;
  return data::check_datasets(options, inputs.tokenizer ? &*inputs.tokenizer : nullptr,
                              inputs.chat_template ? &*inputs.chat_template : nullptr,
                              [&](std::int64_t done, std::int64_t total) {
                                if (!progress) progress.emplace("checking the data", total);
                                progress->update(done);
                              });
}

Inputs require_inputs(const Options& options, const fs::path& share_directory) {
  std::vector<config::Problem> problems;
  Inputs inputs = read_inputs(options, share_directory, problems);
  if (problems.empty()) return inputs;
  if (options.list("dataset").empty()) config::throw_problems(problems);
  data::DatasetCheck data = check_data(inputs, data_options(options));
  for (std::string& problem : data.problems) problems.push_back({std::move(problem), {}});
  config::throw_problems(problems, data.unlisted);
  return inputs;
}

data::PrepareOptions data_options(const Options& options) {
  data::PrepareOptions result;
  result.stage = options.text("stage");
  result.datasets = options.list("dataset");
  result.dataset_directory = options.text("dataset_dir");
  result.cutoff_len = options.integer("cutoff_len");
  if (!options.is_null("max_samples")) result.max_samples = options.integer("max_samples");
  result.train_on_prompt = options.flag("train_on_prompt");
  // Both at once is among option_problems() already.
  result.mask_history = options.flag("mask_history") && !result.train_on_prompt;
  result.overwrite_cache = options.flag("overwrite_cache");
  result.seed = static_cast<std::uint32_t>(options.integer("seed"));
  constexpr double kNone = 1e-6;  // the original's
  if (const double held_out = options.number("val_size"); held_out > kNone)
    result.part = {.held_out = held_out > 1.0 ? std::floor(held_out) : held_out};
  result.fallback_directory = fs::path(options.text("output_dir")) / "tokenised";
  if (!options.is_null("preprocessing_num_workers"))
    result.workers = static_cast<int>(options.integer("preprocessing_num_workers"));
  return result;
}

}  // namespace lmf::train
