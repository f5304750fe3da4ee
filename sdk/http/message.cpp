#include "http/message.hpp"

namespace lmf::http {

std::string_view Request::field(std::string_view name) const {
  for (const auto& [key, value] : fields)
    if (key == name) return value;
  return {};
}

Response Response::json(int status, std::string text) {
  return {status, {{"Content-Type", "application/json"}}, std::move(text)};
}

Response Response::text(int status, std::string text, std::string content_type) {
  return {status, {{"Content-Type", std::move(content_type)}}, std::move(text)};
}

Response Response::empty(int status, Fields fields) { return {status, std::move(fields), {}}; }

}  // namespace lmf::http
