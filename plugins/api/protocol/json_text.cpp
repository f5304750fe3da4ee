#include "protocol/json_text.hpp"

#include <nlohmann/json.hpp>

namespace lmf::api {

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

}  // namespace lmf::api
