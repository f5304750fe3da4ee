#pragma once

#include <string_view>

namespace lmf::exporter {

/// Whether an export, or transformers' save_pretrained, writes a file of this name beside a model's config.json.
bool is_of_a_model(std::string_view name);

}  // namespace lmf::exporter
