#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/json_reader.hpp"

namespace lmf::text {

/// The special tokens that encoding one text puts around it.
struct PostProcessor {
  std::vector<std::int32_t> prefix, suffix;
};

/// tokenizer.json's "post_processor", if there is one. Throws Error naming the place and what in it is unknown.
std::optional<PostProcessor> read_post_processor(const Json* value, const std::string& place);

}  // namespace lmf::text
