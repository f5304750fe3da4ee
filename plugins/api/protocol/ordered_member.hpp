#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace lmf::api {

/// A member of a request's JSON, its own members in the order that they were written in: Body forgets that. `name`: the
/// outermost member, which is not read when it has too many values to be searched in order; `place`: within it.
/// Throws ApiError.
nlohmann::ordered_json ordered_member(std::string_view bytes, const std::string& name, const std::string& place = {});

/// A text of its own in the same way, discarded when it is no JSON. `name`: how messages call it.
nlohmann::ordered_json parse_ordered(std::string_view text, const std::string& name);

}  // namespace lmf::api
