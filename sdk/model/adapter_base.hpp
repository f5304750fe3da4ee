#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "model/weight_files.hpp"

namespace lmf::model {

/// The model that an adapter is used with: as it was asked for, and as it was found.
struct ModelInUse {
  const std::string &name, &revision, &cache_directory;
  const std::filesystem::path& folder;
  const WeightFiles& weights;
};

/// Why an adapter may not fit a model though its shapes do.
struct BaseDoubt {
  std::string sentence;        ///< for people, naming the adapter, its base and the model
  bool other_weights = false;  ///< its base is here and was compared; else names are all there was
};

/// An adapter fits every model of its shapes, and is of use with the one that it was trained on: `trained_on`, the name
/// in adapter_config.json, which may be "". Where that one is here, weights are compared, some thousand at both ends of
/// each tensor; the same folder is not looked into. Where it is not, names are. nullopt: nothing speaks against the
/// model, as also where its base cannot be read.
std::optional<BaseDoubt> doubt_base(const std::filesystem::path& adapter, const std::string& trained_on,
                                    const ModelInUse& model);

}  // namespace lmf::model
