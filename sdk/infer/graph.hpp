#pragma once

#include <functional>
#include <memory>

#include <torch/types.h>

namespace lmf::infer {

/// What a device computed while it was recorded, to be launched as a whole: it reads and writes the same memory again.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual void replay() = 0;
};

/// Makes graphs that run one after the other, never two at once: they share the memory for what they compute on the
/// way. A tensor that is kept after recording stays the graph's own.
class GraphRecorder {
 public:
  virtual ~GraphRecorder() = default;
  /// Records what `body` asks of the device on the current stream, which is not the default one; nothing is computed
  /// yet. Throws c10::Error where it cannot be recorded: nothing should be from then on, as the shared memory may be
  /// left as it was in between.
  virtual std::unique_ptr<Graph> record(const std::function<void()>& body) = 0;

  bool has_failed = false;
};

/// Null where this build or the device has no graphs.
std::unique_ptr<GraphRecorder> graph_recorder(torch::Device device);

}  // namespace lmf::infer
