#include <algorithm>

#include <torch/utils.h>
#include <fmt/format.h>

#include "base/pages.hpp"
#include "model/decoder_shapes.hpp"
#include "verify/comparison.hpp"

namespace lmf::exporter {
namespace {

using torch::Tensor;

constexpr std::int64_t kNumbersAtOnce = 1 << 24;  // 64 MiB of float32

/// How far numbers may be from the expected ones, which are themselves rounded: one step of the type, and what sums in
/// another order may change.
Tensor allowed(const Tensor& expected, torch::Dtype type) {
  const double sums = 1e-6 * expected.abs().max().item<double>();
  if (type == torch::kFloat32) return torch::full_like(expected, sums);
  const double step = type == torch::kBFloat16 ? 0x1p-7 : 0x1p-10;
  return expected.abs() * step + sums + (type == torch::kFloat16 ? 0x1p-24 : 0.0);
}

class TensorComparison {
 public:
  TensorComparison(const StoredModel& exported, const StoredModel& expected, WeightFindings& findings)
      : exported_(exported), expected_(expected), findings_(findings) {}

  void run(const std::string& name, const std::vector<std::int64_t>& shape) {
    ++findings_.tensors;
    if (!expected_.is_adapted(name) && is_copy(name)) {
      ++findings_.identical;
      ++findings_.copied;
      return;
    }
    const torch::Dtype type = model::Weights(exported_.files()).tensor(name).scalar_type();
    std::int64_t width = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) width *= shape[i];
    const std::int64_t rows = shape.front(), at_once = std::max<std::int64_t>(1, kNumbersAtOnce / width);
    bool identical = true;
    for (std::int64_t first = 0; first < rows; first += at_once)
      identical &= compare_rows(name, type, first, std::min(at_once, rows - first));
    findings_.identical += identical ? 1 : 0;
  }

 private:
  bool is_copy(const std::string& name) const {
    const auto* before = expected_.files().find(name);
    if (before == nullptr || before->dtype != exported_.files().require(name).dtype) return false;
    const auto ours = exported_.files().bytes(name).bytes, theirs = expected_.files().bytes(name).bytes;
    const bool equal = std::ranges::equal(ours, theirs);
    release_pages(ours);
    release_pages(theirs);
    return equal;
  }

  bool compare_rows(const std::string& name, torch::Dtype type, std::int64_t first, std::int64_t count) {
    const Tensor expected = expected_.merged(name, first, count), exported = exported_.merged(name, first, count);
    if (findings_.unusable.empty() && !torch::isfinite(expected).all().item<bool>())
      findings_.unusable = fmt::format("the model's (or an adapter's) own '{}' holds NaN or infinity", name);
    const Tensor rounded = expected.to(type).to(torch::kFloat32);
    if (torch::equal(rounded, exported)) return true;
    const Tensor difference = (exported - rounded).abs();
    findings_.largest = std::max(findings_.largest, difference.max().item<double>());
    // Written so that what is no number counts as too far.
    const bool near = torch::all(difference <= allowed(expected, type)).item<bool>();
    if (!near && findings_.failure.empty())
      findings_.failure = fmt::format("'{}' is up to {:.3g} away from what its adapters make of it", name,
                                      difference.max().item<double>());
    return false;
  }

  const StoredModel& exported_;
  const StoredModel& expected_;
  WeightFindings& findings_;
};

}  // namespace

WeightFindings compare_weights(const StoredModel& exported, const StoredModel& expected, const Step& step) {
  WeightFindings findings;
  TensorComparison comparison(exported, expected, findings);
  for (const auto& [name, shape] : model::parameter_shapes(expected.spec())) {
    if (name.ends_with("input_layernorm.weight")) step();
    if (exported.files().find(name) == nullptr)
      findings.failure = fmt::format("'{}' is not in the exported files", name);
    else
      comparison.run(name, shape);
  }
  return findings;
}

}  // namespace lmf::exporter
