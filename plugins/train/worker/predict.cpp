#include "train/worker/predict.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/progress.hpp"
#include "infer/answer_options.hpp"
#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"
#include "train/shared/evaluation_choice.hpp"
#include "train/worker/outputs.hpp"
#include "train/worker/predictor.hpp"
#include "train/worker/prepare_on_node.hpp"
#include "train/worker/speed_metrics.hpp"
#include "train/worker/stop_signal.hpp"
#include "train/worker/text_scores.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The model that answers, in float32 as it was trained: what the training has left, or the one that is named.
infer::AnswerOptions answer_options(const config::Options& options) {
  infer::AnswerOptions answer = infer::read_answer_options(options);
  if (!options.is_null("default_system")) answer.model.chat_template.default_system = options.text("default_system");
  answer.model.sequences = options.integer("per_device_eval_batch_size");
  answer.model.most_waiting = Predictor::at_once(answer.model.sequences);
  answer.model.dtype = "float32";
  answer.sampling.seed = static_cast<std::uint64_t>(options.integer("seed"));
  if (!options.flag("do_train")) return answer;
  if (options.text("finetuning_type") != "lora") {
    answer.model.model = options.text("output_dir");
    answer.model.adapters.clear();
    return answer;
  }
  if (!options.flag("create_new_adapter") && !answer.model.adapters.empty()) answer.model.adapters.pop_back();
  answer.model.adapters.push_back(options.text("output_dir"));
  return answer;
}

/// Of a trained model how it was trained, of another one when its files were written: the same weights are told again
/// by a run that goes on, although the training then has written them once more.
std::string weights_of(const config::Options& options, const infer::AnswerOptions& answer) {
  const infer::ModelChoice& choice = answer.model;
  std::vector<std::string> folders;
  for (const std::string& adapter : choice.adapters)
    folders.push_back(model::resolve_adapter(adapter, choice.revision, choice.cache_directory));
  folders.push_back(model::resolve_model(choice.model, choice.revision, choice.cache_directory));
  std::string text = fmt::format("{}", fmt::join(folders, " "));
  if (options.flag("do_train")) {
    const json results = json::parse(read_file(fs::path(options.text("output_dir")) / "train_results.json"));
    return text + fmt::format(" trained to {} {}", results["train_loss"].dump(), results["total_flos"].dump());
  }
  std::error_code ignored;
  for (const std::string& folder : folders) {
    std::vector<std::string> files;
    for (const auto& file : fs::directory_iterator(folder)) {
      if (file.path().extension() == ".safetensors")
        files.push_back(fmt::format("{} {}", file.path().filename().string(),
                                    file.last_write_time(ignored).time_since_epoch().count()));
    }
    std::sort(files.begin(), files.end());
    text += fmt::format(" {}", fmt::join(files, " "));
  }
  return text;
}

/// Whatever decides the answers.
std::string work_of(const config::Options& options, const infer::AnswerOptions& answer, const fs::path& store) {
  const infer::Sampling& s = answer.sampling;
  return fmt::format("{} | {} | {} {} {} {} {} {} | {} {} {} | {}", weights_of(options, answer),
                     store.filename().string(), s.do_sample, s.temperature, s.top_k, s.top_p, s.repetition_penalty,
                     s.seed, answer.max_new_tokens, answer.max_length, answer.skip_special_tokens,
                     answer.model.chat_template.name.value_or(""));
}

json results_of(const std::map<std::int64_t, Prediction>& rows, TextScorer& scorer, double seconds,
                std::int64_t steps) {
  std::vector<TextScores> scores;
  for (const auto& [example, row] : rows) scores.push_back(scorer.score(row.compared_predicted, row.compared_expected));
  const TextScores mean = mean_of(scores);
  const auto count = static_cast<double>(rows.size());
  json metrics = {{"predict_bleu-4", mean.bleu_4},   {"predict_rouge-1", mean.rouge_1},
                  {"predict_rouge-2", mean.rouge_2}, {"predict_rouge-l", mean.rouge_l},
                  {"predict_f1", mean.f1},           {"predict_exact_match", mean.exact_match}};
  metrics.update(speed_metrics("predict_", seconds, count, static_cast<double>(steps)));
  return metrics;
}

data::PrepareReport prepare(const config::Options& options, const infer::LoadedModel& model, ProcessGroup& group) {
  EvaluationData data = evaluation_data(options).front();
  data.options.for_prediction = true;
  auto report = prepare_on_node(data.options, "the prompts", model.tokenizer, model.chat_template, group);
  for (const std::string& line : data::summary(report, "Prediction, " + data.shown)) log::info("{}", line);
  return report;
}

/// Rank 0 collects the rows that all write: a node whose folder is another one is told before it answers for hours.
void require_shared_folder(const fs::path& folder, ProcessGroup& group) {
  fs::create_directories(folder);
  if (group.world().alone()) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const std::string name = group.gather_text(fmt::format(".lmf-shared-{}", now)).front();
  if (group.leads()) write_file_atomically(folder / name, "");
  group.gather({0.0});  // it is written
  std::error_code ignored;
  const auto seen = group.gather({fs::exists(folder / name, ignored) ? 1.0 : 0.0});
  if (group.leads()) fs::remove(folder / name, ignored);
  for (std::size_t rank = 0; rank < seen.size(); ++rank) {
    if (seen[rank][0] != 0.0) continue;
    throw Error(fmt::format("output_dir {}: rank {}, {}, does not see what rank 0 writes there", folder.string(), rank,
                            group.name_of(static_cast<int>(rank))),
                "to predict, all nodes need the same output_dir", kExitUsage);
  }
}

/// This rank's examples that nobody has answered yet.
std::vector<std::int64_t> share_of(const World& world, std::int64_t examples,
                                   const std::map<std::int64_t, Prediction>& answered) {
  std::vector<std::int64_t> share;
  for (std::int64_t example = world.rank; example < examples; example += world.size)
    if (!answered.contains(example)) share.push_back(example);
  return share;
}

}  // namespace

int predict(const config::Options& options, const fs::path& share_directory, ProcessGroup& group) {
  group.enter("loading the model for prediction");
  const auto began = std::chrono::steady_clock::now();
  const StopSignal guard;
  const fs::path output = options.text("output_dir");
  group.gather({0.0});  // rank 0 has written what was trained
  require_shared_folder(output, group);
  infer::AnswerOptions answer = answer_options(options);
  answer.model.gpu = group.world().local_rank;
  auto model = infer::LoadedModel::load(answer.model, share_directory);
  const auto report = prepare(options, model, group);
  const auto store = data::TokenStore::open(report.store);
  TextScorer scorer;  // now: what is wrong with its dictionary is told before hours of answers
  PredictionRows rows(output, work_of(options, answer, report.store));
  const auto answered = rows.read();
  const auto share = share_of(group.world(), store.size(), answered);
  group.gather({0.0});  // all have read before one writes
  if (!answered.empty()) log::info("{} of {} answers are there already", answered.size(), store.size());
  rows.begin(group.world().rank);
  std::optional<Progress> progress;
  if (group.leads()) progress.emplace("predicting", std::ssize(share));
  std::int64_t done = 0;
  const int signal = group.at_own_pace("prediction", StopSignal::received, [&](const auto& stops) {
    Predictor(model, answer, store).run(share, stops, [&](std::int64_t example, const Prediction& prediction) {
      rows.add(example, prediction);
      if (progress) progress->update(++done);
    });
  });
  progress.reset();
  if (signal != 0) {
    log::warn("stopped by signal {}: the answers so far are kept; the same command goes on from there", signal);
    return 128 + signal;
  }
  if (!group.leads()) return kExitDone;
  const auto all = rows.read();
  if (std::ssize(all) != store.size())
    throw Error(fmt::format("{} has {} of {} answers", output.string(), all.size(), store.size()),
                "all nodes need the same output_dir");
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
  const std::int64_t round = answer.model.sequences * group.size();
  const json results = results_of(all, scorer, std::max(time.count(), 1e-9), (store.size() + round - 1) / round);
  write_results(output, "predict", results);
  rows.finish(all);
  log::info("predicted {} answers: BLEU-4 {:.2f}, ROUGE-L {:.2f}, exact {:.2f} %", all.size(),
            results["predict_bleu-4"].get<double>(), results["predict_rouge-l"].get<double>(),
            results["predict_exact_match"].get<double>());
  return kExitDone;
}

}  // namespace lmf::train
