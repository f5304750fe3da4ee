#include "train/worker/run.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <torch/cuda.h>
#include <torch/utils.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/log.hpp"
#include "data/prepare.hpp"
#include "lmf/error.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"
#include "train/shared/evaluation_choice.hpp"
#include "train/shared/inputs.hpp"
#include "train/shared/resume_checks.hpp"
#include "train/worker/data_parallel.hpp"
#include "train/worker/evaluations.hpp"
#include "train/worker/memory.hpp"
#include "train/worker/outputs.hpp"
#include "train/worker/predict.hpp"
#include "train/worker/prepare_on_node.hpp"
#include "train/worker/process_group.hpp"
#include "train/worker/stop_signal.hpp"
#include "train/worker/train_options.hpp"
#include "train/worker/trainee.hpp"
#include "train/worker/trainer.hpp"

namespace lmf::train {
namespace {

data::TokenStore prepare_data(const config::Options& options, const text::Tokenizer& tokenizer,
                              const text::ChatTemplate& chat_template, ProcessGroup& group) {
  const auto report = prepare_on_node(data_options(options), "the data", tokenizer, chat_template, group);
  for (const std::string& line : data::summary(report)) log::info("{}", line);
  return data::TokenStore::open(report.store);
}

std::vector<EvaluationSet> prepare_evaluation(const config::Options& options, const text::Tokenizer& tokenizer,
                                              const text::ChatTemplate& chat_template, ProcessGroup& group) {
  std::vector<EvaluationSet> sets;
  if (!evaluates(options)) return sets;
  for (const EvaluationData& data : evaluation_data(options)) {
    const auto report = prepare_on_node(data.options, data.shown, tokenizer, chat_template, group);
    for (const std::string& line : data::summary(report, "Evaluation, " + data.shown)) log::info("{}", line);
    sets.push_back({data.name, data::TokenStore::open(report.store)});
  }
  return sets;
}

/// What goes beside every saved model: the tokenizer with its chat template, and the settings of the run.
void write_companions(const std::filesystem::path& directory, const config::Options& options,
                      const text::Tokenizer& tokenizer) {
  tokenizer.save(directory);
  write_file_atomically(directory / "training_args.json", nlohmann::json::parse(options.to_json()).dump(2) + "\n");
}

torch::Device training_device(const TrainOptions& options, const World& world) {
  if (options.use_cpu || !torch::cuda::is_available()) return torch::kCPU;
  const int gpus = static_cast<int>(torch::cuda::device_count());
  if (world.local_rank < gpus) return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(world.local_rank));
  throw Error(
      fmt::format("rank {} is number {} on its node, which shows {} GPUs", world.rank, world.local_rank + 1, gpus),
      "start one process for each GPU (NPROC_PER_NODE), or make more visible (CUDA_VISIBLE_DEVICES)", kExitUsage);
}

/// This node's ranks together get as many threads as it has cores, unless the user says how many.
void share_cores(const World& world) {
  if (std::getenv("OMP_NUM_THREADS") || world.local_size == 1) return;
  torch::set_num_threads(std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / world.local_size));
}

void write_outputs(const config::Options& given, const TrainOptions& options, const Trainer& trainer) {
  write_results(options.output_dir, "train", trainer.metrics());
  write_file_atomically(options.output_dir / kTrainerStateFile, trainer.state().to_json(true, true).dump(2) + "\n");
  if (options.plot_loss) write_plots(options.output_dir, trainer.state());
  write_model_card(options.output_dir, options, trainer.plan(), given.list("dataset"), trainer.metrics());
}

/// Where the run begins is decided by rank 0, which holds the output folder. The others looked before that: a run that
/// was just ending may have left another checkpoint since, and a shared file system may show them an older state.
config::Options begun_as_rank_0(config::Options options, ProcessGroup& group) {
  if (group.world().alone()) return options;
  constexpr const char* kName = "resume_from_checkpoint";
  const std::filesystem::path output = options.text("output_dir"), own = options.text(kName);
  std::error_code ignored;
  const bool in_output = !own.empty() && std::filesystem::equivalent(own.parent_path(), output, ignored);
  // By its name where the folder is shared: not every node needs to have that in the same place.
  const std::filesystem::path told = group.gather_text(in_output ? own.filename() : own).front();
  const std::filesystem::path start =
      told.is_relative() && !told.empty() ? std::filesystem::absolute(output) / told : told;
  if (!start.empty() && !std::filesystem::is_directory(start, ignored))
    throw Error(fmt::format("rank {} on {} has no {}, from which rank 0 goes on", group.world().rank, process_name(),
                            start.string()),
                "to resume, all nodes need the same output_dir");
  options.set_text(kName, start.string(), options.origin(kName));
  return options;
}

int stopped_in_evaluation(int signal) {
  log::warn("stopped by signal {} before the evaluation was through: eval_results.json is not written", signal);
  return 128 + signal;
}

int train(const config::Options& given, const std::filesystem::path& share_directory, const TrainOptions& options,
          torch::Device device, ProcessGroup& group, const std::function<void()>& begins) {
  group.enter("checking the inputs");
  const Inputs inputs = require_inputs(given, share_directory);
  for (const std::string& note : inputs.notes) log::warn("{}", note);
  const text::Tokenizer& tokenizer = inputs.tokenizer.value();
  const text::ChatTemplate& chat_template = inputs.chat_template.value();
  const auto store = prepare_data(given, tokenizer, chat_template, group);
  auto sets = prepare_evaluation(given, tokenizer, chat_template, group);
  if (inputs.resumed) config::throw_problems(end_problems(given, *inputs.resumed, store.size(), group.size()));
  group.gather({0.0});  // every rank has got so far, or this throws what stopped another
  begins();
  if (store.size() > 0) log::info("the first example:\n{}", data::describe(store[0], tokenizer));

  auto trainee = Trainee::make(options, device);
  if (options.print_param_status && group.leads()) {
    std::fputs(trainee.parameter_lines().c_str(), stdout);
    std::fflush(stdout);  // before what the log says next
  }
  std::optional<Evaluations> evaluations;
  if (!sets.empty()) evaluations.emplace(options.evaluation, std::move(sets), trainee.decoder(), group);
  Trainer trainer(
      options, trainee, store,
      [&](const std::filesystem::path& directory) { write_companions(directory, given, tokenizer); }, group,
      evaluations ? &*evaluations : nullptr);
  const int status = trainer.run();
  if (status == 0 && group.leads()) write_outputs(given, options, trainer);
  if (status != 0 || !evaluations || !options.evaluation.at_end) return status;
  const auto metrics = trainer.evaluate_result();
  if (!metrics) return stopped_in_evaluation(evaluations->signal());
  if (!group.leads()) return status;
  write_results(options.output_dir, "eval", *metrics);
  write_model_card(options.output_dir, options, trainer.plan(), given.list("dataset"), trainer.metrics(), *metrics);
  return status;
}

/// do_eval without do_train.
int evaluate(const config::Options& given, const std::filesystem::path& share_directory, const TrainOptions& options,
             torch::Device device, ProcessGroup& group, const std::function<void()>& begins) {
  group.enter("checking the inputs");
  const Inputs inputs = require_inputs(given, share_directory);
  for (const std::string& note : inputs.notes) log::warn("{}", note);
  auto sets = prepare_evaluation(given, inputs.tokenizer.value(), inputs.chat_template.value(), group);
  group.gather({0.0});
  begins();
  const auto decoder = trained_decoder(options, device);
  require_same(decoder.parameters(), group);
  Evaluations evaluations(options.evaluation, std::move(sets), decoder, group);
  const StopSignal guard;
  auto metrics = evaluations.run("of the model");
  if (!metrics) return stopped_in_evaluation(evaluations.signal());
  if (group.leads()) {
    (*metrics)["epoch"] = 0;  // the original's trainer says so
    std::filesystem::create_directories(options.output_dir);
    write_results(options.output_dir, "eval", *metrics);
  }
  return kExitDone;
}

}  // namespace

int run(const config::Options& given, const std::filesystem::path& share_directory,
        const std::function<void()>& begins) {
  keep_big_buffers();
  TrainOptions options = TrainOptions::from(given);
  const World world = World::from_environment();
  share_cores(world);
  const torch::Device device = training_device(options, world);
  const auto group = ProcessGroup::join(world, device, std::chrono::seconds(options.rank_timeout_seconds));
  try {
    const config::Options agreed = begun_as_rank_0(given, *group);
    options = TrainOptions::from(agreed);
    int status = kExitDone;
    if (agreed.flag("do_train"))
      status = train(agreed, share_directory, options, device, *group, begins);
    else if (evaluates(agreed))
      status = evaluate(agreed, share_directory, options, device, *group, begins);
    else
      begins();
    if (status == kExitDone && agreed.flag("do_predict")) status = predict(agreed, share_directory, *group);
    group->leave();
    return status;
  } catch (const std::exception& problem) {
    group->stop_because(problem.what());
    throw;
  }
}

}  // namespace lmf::train
