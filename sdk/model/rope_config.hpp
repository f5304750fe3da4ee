#pragma once

#include <cstdint>

#include "model/config_file.hpp"
#include "model/decoder_spec.hpp"

namespace lmf::model {

/// The rope of config.json: rope_parameters (transformers 5) or rope_theta and rope_scaling (4), type or rope_type.
Rope read_rope(const ConfigObject& config, std::int64_t max_positions);

}  // namespace lmf::model
