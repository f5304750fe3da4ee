#include "train/worker/trainee.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <torch/utils.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "model/dtype.hpp"
#include "model/safetensors.hpp"
#include "train/shared/freeze.hpp"

namespace lmf::train {
namespace {

std::int64_t count(const NamedTensors& tensors) {
  std::int64_t values = 0;
  for (const auto& [name, tensor] : tensors) values += tensor.numel();
  return values;
}

/// Of a pair beside a weight, not a weight of the model.
bool is_low_rank(const std::string& name) { return name.find(".lora_") != std::string::npos; }

model::Decoder load_decoder(const TrainOptions& options, torch::Device device) {
  const bool whole_model_saved = options.resume_from && options.method != Method::lora;
  const auto directory =
      whole_model_saved ? *options.resume_from
                        : model::resolve_model(options.model_name_or_path, options.model_revision, options.cache_dir);
  if (options.train_from_scratch && !whole_model_saved) {
    return model::Decoder::random(model::DecoderSpec::read(directory), options.seed, torch::kFloat32, device);
  }
  return model::Decoder::load(directory, torch::kFloat32, device);
}

void merge(const TrainOptions& options, std::size_t adapters, model::Decoder& decoder) {
  for (std::size_t i = 0; i < adapters; ++i) {
    model::load_adapter(decoder, model::resolve_adapter(options.adapters[i], options.model_revision, options.cache_dir),
                        /*trainable=*/false);
    model::merge_adapter(decoder);
    log::info("merged the adapter {}", options.adapters[i]);
  }
}

}  // namespace

model::Decoder trained_decoder(const TrainOptions& options, torch::Device device) {
  auto decoder = load_decoder(options, device);
  if (options.method == Method::lora) merge(options, options.adapters.size(), decoder);
  return decoder;
}

Trainee Trainee::make(const TrainOptions& options, torch::Device device) {
  Trainee trainee(load_decoder(options, device), options.method);
  if (options.method == Method::full) trainee.make_all_trainable();
  if (options.method == Method::freeze) trainee.make_part_trainable(options);
  if (options.method == Method::lora) trainee.make_adapter_trainable(options);
  if (trainee.trainable_.empty())
    throw Error("no parameter would be trained", "check finetuning_type and its options", kExitUsage);
  return trainee;
}

void Trainee::make_all_trainable() {
  trainable_ = decoder_.parameters();
  for (auto& [name, parameter] : trainable_) parameter.requires_grad_(true);
}

void Trainee::make_part_trainable(const TrainOptions& options) {
  NamedTensors all = decoder_.parameters();
  std::vector<std::string> names;
  for (const auto& [name, parameter] : all) names.push_back(name);
  const auto chosen = names_to_train(names, decoder_.spec().layers, options.freeze_trainable_layers,
                                     options.freeze_trainable_modules, options.freeze_extra_modules);
  const std::set<std::string> trained(chosen.begin(), chosen.end());
  for (auto& [name, parameter] : all) {
    parameter.requires_grad_(trained.count(name) != 0);
    if (parameter.requires_grad()) trainable_.emplace_back(name, parameter);
  }
}

void Trainee::make_adapter_trainable(const TrainOptions& options) {
  const bool fresh = options.adapters.empty() || options.create_new_adapter;
  merge(options, options.adapters.size() - (fresh ? 0 : 1), decoder_);
  head_was_tied_ = decoder_.spec().tied_embeddings;
  if (options.resume_from) {
    adapter_ = model::load_adapter(decoder_, *options.resume_from, /*trainable=*/true);
    if (fresh) set_dropout(options.lora_dropout);
    if (fresh) set_base(options.model_name_or_path);
  } else if (!fresh) {
    const auto folder = model::resolve_adapter(options.adapters.back(), options.model_revision, options.cache_dir);
    adapter_ = model::load_adapter(decoder_, folder, /*trainable=*/true);
    log::info("training goes on with the adapter {}", options.adapters.back());
  } else {
    adapter_.rank = options.lora_rank;
    adapter_.alpha = options.lora_alpha;
    adapter_.dropout = options.lora_dropout;
    adapter_.rslora = options.rslora;
    adapter_.targets = options.lora_targets;
    adapter_.modules_to_save = options.additional_targets;
    adapter_.base_model = options.model_name_or_path;
    model::attach_lora(decoder_, adapter_, options.seed);
  }
  trainable_ = model::adapter_parameters(decoder_, adapter_);
}

/// A model of the same shape under another name is taken for the same model, moved.
void Trainee::set_base(const std::string& name) {
  if (adapter_.base_model == name) return;
  if (!adapter_.base_model.empty())  // which not every program notes
    log::info("the adapter was trained on {} before the interruption, and goes on on {}", adapter_.base_model, name);
  adapter_.base_model = name;
}

/// Dropout belongs to the training, not to the weights: like the learning rate it may change when a run goes on.
void Trainee::set_dropout(double dropout) {
  if (adapter_.dropout == dropout) return;
  log::warn("lora_dropout was {} before the interruption and is {} now", adapter_.dropout, dropout);
  adapter_.dropout = dropout;
  for (model::Linear* linear : decoder_.linears()) {
    if (linear->lora_a.defined()) linear->lora_dropout = dropout;
  }
}

std::int64_t Trainee::parameter_count() const {
  return decoder_.parameter_count() + (method_ == Method::lora ? trainable_count() : 0);
}

std::int64_t Trainee::trainable_count() const { return count(trainable_); }

std::int64_t Trainee::multiplied_weights() const {
  std::int64_t weights = decoder_.parameter_count() - decoder_.embedding.numel();
  if (method_ != Method::lora) return weights;
  if (head_was_tied_ && !decoder_.spec().tied_embeddings) weights -= decoder_.head.weight.numel();
  for (const auto& [name, tensor] : trainable_) {
    if (!tensor.is_same(decoder_.embedding)) weights += tensor.numel();
  }
  return weights;
}

std::string Trainee::parameter_lines() const {
  NamedTensors all = decoder_.parameters();
  std::copy_if(trainable_.begin(), trainable_.end(), std::back_inserter(all),
               [](const auto& named) { return is_low_rank(named.first); });
  std::string lines;
  for (const auto& [name, tensor] : all) {
    lines += fmt::format("name: {}, dtype: torch.{}, device: {}, trainable: {}\n", name,
                         model::dtype_name(tensor.scalar_type()), tensor.device().str(),
                         tensor.requires_grad() ? "True" : "False");
  }
  return lines;
}

void Trainee::save(const std::filesystem::path& directory) {
  if (method_ == Method::lora)
    model::save_adapter(decoder_, adapter_, directory);
  else
    decoder_.save(directory);
}

void Trainee::restore(const std::filesystem::path& directory) {
  const torch::NoGradGuard no_grad;
  const auto weights = method_ == Method::lora ? model::Weights::open_file(directory / "adapter_model.safetensors")
                                               : model::Weights::open_model(directory);
  for (auto& [name, tensor] : trainable_) tensor.copy_(weights.tensor(name, tensor.sizes().vec()));
}

}  // namespace lmf::train
