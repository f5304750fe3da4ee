#pragma once

#include <filesystem>

#include "merged_weights.hpp"
#include "model/weight_files.hpp"
#include "request.hpp"

namespace lmf::exporter {

/// An adapter fits every model of its shapes, and is of use with the one that it was trained on. Throws Error when that
/// one, by the name in adapter_config.json, is here and has other weights than the model in `folder`, unless the
/// request says that this is meant. When it is not here, names are all there is: warns where they differ.
void check_base(const WeightedAdapter& adapter, const Request& request, const std::filesystem::path& folder,
                const model::WeightFiles& weights);

}  // namespace lmf::exporter
