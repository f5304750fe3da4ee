#include <array>
#include <cmath>

#include <torch/utils.h>
#include <fmt/format.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "quantize/pack.hpp"
#include "quantize/quantize.hpp"

namespace lmf::exporter {
namespace {

struct Stage {
  model::LinearInput input;
  std::vector<model::Linear*> linears;
};

std::array<Stage, 4> stages_of(model::Layer& layer) {
  using model::LinearInput;
  return {Stage{LinearInput::attention, {&layer.q, &layer.k, &layer.v}}, Stage{LinearInput::output, {&layer.o}},
          Stage{LinearInput::mlp, {&layer.gate, &layer.up}}, Stage{LinearInput::down, {&layer.down}}};
}

/// Quantises the linear and gives it the weight that a reader of `packed` computes with.
double quantize_linear(model::Linear& linear, const torch::Tensor& hessian, const torch::Tensor& factor,
                       const Rounding& rounding, Checkpoint::Tensors& packed) try {
  const model::GptqWeight result = pack(quantize_gptq(linear.weight, factor, rounding), rounding);
  const torch::Tensor rounded = result.dequantized();
  const double error = output_error(linear.weight, rounded, hessian);
  linear.weight = rounded;
  packed[linear.name + ".qweight"] = result.qweight;
  packed[linear.name + ".qzeros"] = result.qzeros;
  packed[linear.name + ".scales"] = result.scales;
  packed[linear.name + ".g_idx"] = result.g_idx;
  return error;
} catch (const Error& problem) {
  throw Error(fmt::format("{}: {}", linear.name, problem.what()), problem.hint());
}

}  // namespace

QuantizeFindings quantize_layers(const StoredModel& model, const QuantizeJob& job, Checkpoint& checkpoint,
                                 const std::function<void()>& step) {
  const torch::NoGradGuard no_grad;
  const model::DecoderSpec& spec = model.spec();
  Activations calibration(model, job.calibration), before(model, job.held_out), after(model, job.held_out);
  QuantizeFindings found;
  found.calibration_tokens = calibration.tokens();
  found.held_out_tokens = before.tokens();
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    model::Layer layer = model.layer(i);
    before.advance(layer, spec);
    Checkpoint::Tensors packed;
    for (const Stage& stage : stages_of(layer)) {
      step();
      const torch::Tensor hessian = calibration.hessian(layer, spec, stage.input).mean();
      const torch::Tensor factor = [&] {
        try {
          return inverse_factor(hessian, job.rounding.dampening);
        } catch (const Error& problem) {
          throw Error(fmt::format("{}: {}", stage.linears.front()->name, problem.what()), problem.hint());
        }
      }();
      for (model::Linear* linear : stage.linears) {
        const double error = quantize_linear(*linear, hessian, factor, job.rounding, packed);
        log::debug("{}: {:.2g} of its outputs", linear->name, error);
        found.linears.push_back({linear->name, error});
      }
    }
    checkpoint.write(packed);
    after.advance(layer, spec);
    if (i + 1 < spec.layers) calibration.advance(layer, spec);
  }
  checkpoint.finish();
  found.perplexity_before = before.perplexity(model);
  found.perplexity_after = after.perplexity(model);
  return found;
}

}  // namespace lmf::exporter
