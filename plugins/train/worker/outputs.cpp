#include "train/worker/outputs.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "lmf/error.hpp"
#include "model/config_file.hpp"
#include "train/worker/loss_plot.hpp"

namespace lmf::train {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string folder_name(const fs::path& directory) {
  const fs::path normal = fs::absolute(directory).lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).filename().string();
}

/// A YAML scalar in double quotes: JSON's strings are YAML's.
std::string quoted(const std::string& text) { return json(text).dump(); }

std::string front_matter(const fs::path& directory, const TrainOptions& options) {
  const bool lora = options.method == Method::lora;
  return fmt::format(
      "---\nlibrary_name: {}\nlicense: other\nbase_model: {}\ntags:\n{}- llama-factory\n- {}\n"
      "- generated_from_trainer\nmodel-index:\n- name: {}\n  results: []\n---\n\n",
      lora ? "peft" : "transformers", quoted(options.model_name_or_path),
      lora ? fmt::format("- {}\n", quoted("base_model:adapter:" + options.model_name_or_path)) : "",
      name(options.method), quoted(folder_name(directory)));
}

std::string settings(const TrainOptions& options, const StepPlan& plan) {
  return fmt::format(
      "| setting | value |\n| --- | --- |\n| method | {} |\n| learning rate | {}, {}, {} warm-up steps |\n"
      "| optimiser | AdamW, betas {} and {}, epsilon {}, weight decay {} |\n| gradient clipping | {} |\n"
      "| batch | {} × {} accumulated |\n| steps | {} ({} epochs begun) |\n| seed | {} |\n",
      name(options.method), options.learning_rate, options.schedule, warmup_steps(options, plan.total_steps),
      options.adamw.beta1, options.adamw.beta2, options.adamw.epsilon, options.adamw.weight_decay,
      options.max_grad_norm, options.batch_size, options.accumulation, plan.total_steps, plan.epochs, options.seed);
}

/// Draws training_KEY.png; false when nothing has that key.
bool plot(const fs::path& directory, const TrainerState& state, const std::string& key) {
  Curve curve;
  for (const json& entry : state.log_history) {
    const auto is_number = [&entry](const std::string& name) {
      return entry.contains(name) && entry[name].is_number();
    };
    if (!is_number(key) || !is_number("step")) continue;
    curve.steps.push_back(entry["step"].get<double>());
    curve.values.push_back(entry[key].get<double>());
  }
  if (curve.steps.empty()) return false;
  std::string file = fmt::format("training_{}.png", key);
  std::replace(file.begin(), file.end(), '/', '_');
  plot_curve(directory / file, fmt::format("training {} of {}", key, directory.string()), "step", key, curve);
  return true;
}

std::string evaluation_lines(const json& evaluation) {
  std::string lines;
  for (const auto& [key, value] : evaluation.items())
    if (key.ends_with("_loss") || key.ends_with("_accuracy"))
      lines += fmt::format("- {}: {:.4f}\n", key, value.get<double>());
  return lines.empty() ? lines : "Evaluated:\n\n" + lines + "\n";
}

}  // namespace

void write_results(const fs::path& directory, const std::string& phase, const json& metrics) {
  json all = json::object();
  const fs::path all_file = directory / "all_results.json";
  try {
    if (fs::exists(all_file)) all = model::ConfigObject::read_file(all_file);
  } catch (const Error&) {  // damaged: written anew
  }
  all.update(metrics);
  write_file_atomically(directory / (phase + "_results.json"), metrics.dump(4));
  write_file_atomically(all_file, all.dump(4));
}

void write_plots(const fs::path& directory, const TrainerState& state) {
  if (!plot(directory, state, "loss"))
    log::warn("training_loss.png is not drawn: no step was logged (logging_steps {})", state.logging_steps);
  std::set<std::string> evaluated;
  for (const json& entry : state.log_history) {
    for (const auto& [key, value] : entry.items())
      if (key.starts_with("eval_") && (key.ends_with("_loss") || key.ends_with("_accuracy"))) evaluated.insert(key);
  }
  for (const std::string& key : evaluated) plot(directory, state, key);
}

void write_model_card(const fs::path& directory, const TrainOptions& options, const StepPlan& plan,
                      const std::vector<std::string>& datasets, const json& metrics, const json& evaluation) {
  const std::string what = options.method == Method::lora ? "A LoRA adapter for" : "A model trained from";
  const std::string card =
      front_matter(directory, options) +
      fmt::format(
          "# {}\n\n{} `{}`, made with lmf by supervised fine-tuning on {}.\n\n"
          "## Description and limits\n\nNothing is known here about what it is good for: describe it before you share "
          "it.\n\n## Data\n\n{} examples of: {}.\n\n## Settings\n\n{}\n"
          "## Result\n\nMean training loss {:.4f} after {:.2f} epochs.\n\n{}## Versions\n\n- libtorch {}\n",
          folder_name(directory), what, options.model_name_or_path, fmt::join(datasets, ", "), plan.examples,
          fmt::join(datasets, ", "), settings(options, plan), metrics.value("train_loss", 0.0),
          metrics.value("epoch", 0.0), evaluation_lines(evaluation), TORCH_VERSION);
  write_file_atomically(directory / "README.md", card);
}

}  // namespace lmf::train
