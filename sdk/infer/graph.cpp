// The one file that sees CUDA's graphs; without them each operator is launched by itself.
#include "infer/graph.hpp"

#ifdef LMF_CUDA_GRAPHS
#include <ATen/cuda/CUDAGraph.h>
#endif

namespace lmf::infer {

#ifdef LMF_CUDA_GRAPHS
namespace {

class CudaGraph final : public Graph {
 public:
  void record(const std::function<void()>& body, c10::MempoolId_t pool) {
    // Other threads may go on using the device.
    graph_.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
    try {
      body();
    } catch (const std::exception&) {
      end_in_vain();
      throw;
    }
    graph_.capture_end();
  }
  void replay() override { graph_.replay(); }

 private:
  /// The stream must not stay in recording; what was wrong is known already.
  void end_in_vain() {
    try {
      graph_.capture_end();
    } catch (const c10::Error&) {
    }
  }

  at::cuda::CUDAGraph graph_;
};

class CudaGraphRecorder final : public GraphRecorder {
 public:
  std::unique_ptr<Graph> record(const std::function<void()>& body) override {
    auto graph = std::make_unique<CudaGraph>();
    graph->record(body, pool_);
    return graph;
  }

 private:
  const c10::MempoolId_t pool_ = at::cuda::graph_pool_handle();
};

}  // namespace

std::unique_ptr<GraphRecorder> graph_recorder(torch::Device device) {
  return device.is_cuda() ? std::make_unique<CudaGraphRecorder>() : nullptr;
}
#else
std::unique_ptr<GraphRecorder> graph_recorder(torch::Device) { return nullptr; }
#endif

}  // namespace lmf::infer
