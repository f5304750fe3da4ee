#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "base/printable.hpp"

namespace lmf::host {

/// An answer for programs, as the host prints it. A name of a file can be any bytes: what is no UTF-8 is replaced.
inline std::string json_text(const nlohmann::ordered_json& answer) {
  return printable_json(answer.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace)) + "\n";
}

}  // namespace lmf::host
