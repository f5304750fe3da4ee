#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include <torch/types.h>

#include "model/adapter.hpp"
#include "model/decoder.hpp"
#include "train/worker/train_options.hpp"

namespace lmf::train {

/// A model that is only used: the checkpoint with its adapters, if any, merged.
model::Decoder trained_decoder(const TrainOptions& options, torch::Device device);

/// The model in training: a decoder in fp32, and by method which of its tensors learn and what is saved.
class Trainee {
 public:
  /// From the model's folder, or, when a run goes on, from what its checkpoint holds.
  static Trainee make(const TrainOptions& options, torch::Device device);

  const model::Decoder& decoder() const { return decoder_; }
  /// The tensors that learn, under the names they are saved with.
  const NamedTensors& trainable() const { return trainable_; }
  std::int64_t parameter_count() const;  ///< an adapter's included
  std::int64_t trainable_count() const;
  /// Weights that every token is multiplied with, by transformers' count: all but embeddings. An adapter's come on top
  /// of the frozen ones, as peft keeps both where a module is trained whole.
  std::int64_t multiplied_weights() const;
  /// A line for each parameter, as the original prints them: name, dtype, device, whether it learns.
  std::string parameter_lines() const;
  /// Model or adapter, as transformers or peft reads it.
  void save(const std::filesystem::path& directory);
  /// Puts the trainable tensors that save() wrote there in place of those in memory.
  void restore(const std::filesystem::path& directory);

 private:
  Trainee(model::Decoder decoder, Method method) : decoder_(std::move(decoder)), method_(method) {}
  void make_all_trainable();
  void make_part_trainable(const TrainOptions& options);
  void make_adapter_trainable(const TrainOptions& options);
  void set_dropout(double dropout);
  void set_base(const std::string& name);

  model::Decoder decoder_;
  Method method_;
  bool head_was_tied_ = false;  // without the adapter
  model::LoraConfig adapter_;
  NamedTensors trainable_;
};

}  // namespace lmf::train
