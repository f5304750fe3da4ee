#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace lmf::http {

/// Percent-decoded; `plus_is_space` as in forms and queries. nullopt for a '%' without two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

/// Path and query of a request line's target into `request`: "/path?query", "http://host/path?query", or "*" for
/// OPTIONS (RFC 9112, section 3.2). Returns what is wrong with it, "" when nothing is: bad escapes, control
/// characters, "." or ".." as a segment (also when escaped), more than 100 parameters.
std::string read_target(std::string_view target, Request& request);

}  // namespace lmf::http
