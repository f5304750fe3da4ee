#include "train/launch/evaluation_checks.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "train/shared/evaluation_choice.hpp"

namespace lmf::train {
namespace {

using config::Options;
using config::Problem;

class EvaluationChecks {
 public:
  explicit EvaluationChecks(const Options& options)
      : options_(options), strategy_(options.text("eval_strategy")), data_(evaluation_data(options)) {}

  std::vector<Problem> run() {
    data();
    if (strategy_ == "steps") steps();
    if (options_.flag("do_train")) {
      saving_the_best();
      if (options_.flag("load_best_model_at_end")) loading_the_best();
      if (!options_.is_null("early_stopping_steps")) stopping();
    }
    metric();
    prediction();
    return std::move(problems_);
  }

 private:
  /// "config.yaml:14: name " and the sentence that goes on from there.
  void wrong(std::string_view name, std::string_view sentence, std::string hint) {
    problems_.push_back({fmt::format("{}: {} {}", options_.origin(name), name, sentence), std::move(hint)});
  }

  void data() {
    if (!data_.empty() && data_.front().options.part && !options_.list("eval_dataset").empty())
      wrong("val_size", "contradicts eval_dataset: the data to evaluate on are either a part of dataset or others",
            "set one of them");
    const bool predicts = options_.flag("do_predict");
    if ((!evaluates(options_) && !predicts) || !data_.empty()) return;
    const char* name = options_.flag("do_eval") ? "do_eval"
                       : strategy_ != "no"      ? "eval_strategy"
                       : predicts               ? "do_predict"
                                                : "eval_on_start";
    wrong(name, "asks for evaluation, but there are no data for it",
          "set val_size, for instance 0.1 for a tenth of dataset, or eval_dataset");
  }

  void steps() {
    const double given = options_.is_null("eval_steps") ? 0.0 : options_.number("eval_steps");
    if (given > 1 && std::trunc(given) != given)
      wrong("eval_steps", fmt::format("is {}: above 1 it is a number of steps", given),
            "write a whole number, or a part below 1");
  }

  void saving_the_best() {
    if (options_.text("save_strategy") != "best") return;
    if (strategy_ == "no")
      wrong("save_strategy", "is best, but nothing is evaluated during the training", "set eval_strategy, too");
    else if (best_metric(options_).empty())
      wrong("save_strategy", "is best, but nothing says by which metric",
            "set metric_for_best_model, for instance loss");
  }

  void loading_the_best() {
    constexpr const char* kName = "load_best_model_at_end";
    const std::string saving = options_.text("save_strategy");
    if (strategy_ == "no")
      return wrong(kName, "needs evaluations during the training", "set eval_strategy: steps or epoch");
    if (saving == "best") return;
    if (saving != strategy_)
      return wrong(
          kName,
          fmt::format("needs the same eval_strategy, which is {}, and save_strategy, which is {}", strategy_, saving),
          "set both alike, or save_strategy: best");
    if (strategy_ != "steps") return;
    const double every = evaluation_steps(options_), save = options_.number("save_steps");
    const double times = save / every;
    if ((every < 1) != (save < 1) || std::abs(times - std::round(times)) > 1e-9)
      wrong(kName,
            fmt::format("needs save_steps, {}, to be a multiple of the steps between evaluations, {}", save, every),
            "set save_steps and eval_steps alike");
  }

  void stopping() {
    if (strategy_ == "no")
      wrong("early_stopping_steps", "needs evaluations during the training", "set eval_strategy: steps or epoch");
    else if (best_metric(options_).empty())
      wrong("early_stopping_steps", "needs a metric that shows progress",
            "set metric_for_best_model, for instance loss, or load_best_model_at_end: true");
  }

  void metric() {
    const std::string wanted = best_metric(options_);
    if (wanted.empty() || data_.empty() || !options_.given("metric_for_best_model")) return;
    std::vector<std::string> known;
    for (const EvaluationData& data : data_) {
      known.push_back(metric_name(data.name, "loss"));
      if (counts_accuracy(options_)) known.push_back(metric_name(data.name, "accuracy"));
    }
    if (std::find(known.begin(), known.end(), wanted) != known.end()) return;
    wrong("metric_for_best_model", fmt::format("is {}, which no evaluation of this run has", wanted),
          fmt::format("set one of {}{}", fmt::join(known, ", "),
                      options_.flag("compute_accuracy") ? "" : "; compute_accuracy: true adds the accuracy"));
  }

  void prediction() {
    const bool generates = options_.flag("predict_with_generate");
    if (options_.flag("do_predict") && !generates)
      wrong("do_predict", "writes answers that the model generates", "set predict_with_generate: true");
    if (generates && options_.flag("compute_accuracy"))
      wrong("predict_with_generate",
            "contradicts compute_accuracy: one measures generated answers, the other predicted tokens",
            "set one of them");
    if (generates && evaluates(options_))
      wrong("predict_with_generate", "would evaluate by generated answers, too, which is not in this version",
            "leave out do_eval and eval_strategy: do_predict measures the answers at the end");
    if (!options_.flag("do_predict")) return;
    if (data_.size() > 1 || (!data_.empty() && !data_.front().name.empty()))
      wrong("do_predict", "contradicts eval_on_each_dataset: the answers go into one file", "leave one of them out");
    if (options_.flag("train_from_scratch") && options_.text("finetuning_type") == "lora")
      wrong("do_predict", "cannot find the random weights again that an adapter was trained on (train_from_scratch)",
            "set finetuning_type: full");
  }

  const Options& options_;
  const std::string strategy_;
  const std::vector<EvaluationData> data_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> evaluation_problems(const Options& options) { return EvaluationChecks(options).run(); }

}  // namespace lmf::train
