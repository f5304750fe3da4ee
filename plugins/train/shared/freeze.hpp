#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace lmf::train {

/// The modules that finetuning_type freeze can train, by the names options give them.
struct FreezableModules {
  std::set<std::string> in_layers;  ///< "self_attn", "mlp", "input_layernorm"..., and "all"
  std::set<std::string> outside;    ///< "embed_tokens", "norm", "lm_head"

  /// `names`: of all parameters.
  static FreezableModules of(const std::vector<std::string>& names);
};

/// Throws Error naming each module that is asked for and unknown, and those there are.
void require_known(const std::vector<std::string>& asked, const std::set<std::string>& known);

/// Of all parameters' names those that are trained: modules of the last n of `layers` layers (n < 0: of the first), and
/// extra modules outside the layers.
std::vector<std::string> names_to_train(const std::vector<std::string>& names, std::int64_t layers, std::int64_t n,
                                        const std::vector<std::string>& modules,
                                        const std::vector<std::string>& extra_modules);

}  // namespace lmf::train
