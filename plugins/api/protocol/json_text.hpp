#pragma once

#include <string>
#include <string_view>

namespace lmf::api {

/// `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD: nothing that was asked or answered
/// can make an answer that is no JSON.
std::string json_string(std::string_view text);

}  // namespace lmf::api
