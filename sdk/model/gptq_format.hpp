#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lmf::model {

class ConfigObject;
class WeightFiles;

/// How a GPTQ checkpoint stores linears, as quantization_config in its config.json says; GPTQModel, AutoGPTQ and lmf
/// write such. In the place of a weight [out, in] stand
/// - qweight, int32 [in · bits / 32, out]: the codes of inputs that follow one another, the first in the lowest bits,
/// - qzeros, int32 [groups, out · bits / 32]: the code of 0, packed along the outputs,
/// - scales, float [groups, out],
/// - g_idx, int32 [in]: the group of each input,
///
/// and weight = scale · (code - zero). Whether a linear is stored so its tensors say: some may be kept as they were.
struct GptqFormat {
  std::int64_t bits = 4;          ///< of a code: 4 or 8
  std::int64_t group_size = 128;  ///< inputs with one scale; -1: all
  bool varies = false;            ///< modules may have other bits and groups (dynamic): their shapes decide
  bool scattered = false;         ///< the inputs of a group need not stand side by side (desc_act)
  bool zeros_less_one = true;     ///< what is stored is the zero less 1; version 2 (gptq_v2) stores it as it is

  /// Throws Error naming what lmf does not read.
  static GptqFormat read(const ConfigObject& config);
};

/// Of one linear.
struct GptqShape {
  std::int64_t bits, groups;
  std::int64_t group_size;  ///< inputs of a group, the last one perhaps but for some; 0: only g_idx tells
};

/// Whether the files have the parameter `name` ("model.layers.0.mlp.up_proj.weight") as codes instead.
bool is_gptq(const WeightFiles& files, const std::string& name);
/// The names that stand for `name`, of which g_idx may be missing.
std::vector<std::string> gptq_names(const std::string& name);
/// Throws Error naming file and tensor unless they fit a weight of this shape [out, in].
GptqShape require_gptq(const WeightFiles& files, const std::string& name, const std::vector<std::int64_t>& shape,
                       const GptqFormat& format);
/// For groups of a size that only g_idx tells, where it does not.
[[noreturn]] void refuse_unknown_groups(const WeightFiles& files, const std::string& name, std::int64_t groups);

}  // namespace lmf::model
