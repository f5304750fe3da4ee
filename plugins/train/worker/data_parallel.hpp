#pragma once

#include <cstdint>
#include <memory>

#include "train/worker/adamw.hpp"
#include "train/worker/process_group.hpp"

namespace c10d {
class Reducer;
}

namespace lmf::train {

/// Every rank has the whole model and a part of each batch: after backward all ranks have the mean of their gradients.
/// c10d's Reducer adds them up in buckets while backward still makes the others. Nothing happens in a process that is
/// alone.
class DataParallel {
 public:
  /// Gives all ranks rank 0's `trainable`, so that they begin alike whatever they were made from. Throws Error when the
  /// ranks do not train the same tensors.
  DataParallel(const NamedTensors& trainable, ProcessGroup& group, std::int64_t bucket_bytes);
  ~DataParallel();
  DataParallel(const DataParallel&) = delete;
  DataParallel& operator=(const DataParallel&) = delete;

  /// Announces the step's last backward, which reduces what it and the ones before it have accumulated. It has to reach
  /// every trainable tensor. Gradients are then views of the buckets: forget them after the step, as clear_gradients()
  /// does.
  void prepare_last_backward();

 private:
  ProcessGroup& group_;
  std::unique_ptr<c10d::Reducer> reducer_;
};

/// Gives all ranks rank 0's tensors.
void send_from_first(const NamedTensors& tensors, ProcessGroup& group);

/// That the ranks have the same `frozen` tensors, bit for bit, which nobody sends them. Throws Error naming the first
/// that differs and the rank.
void require_same(const NamedTensors& frozen, ProcessGroup& group);

}  // namespace lmf::train
