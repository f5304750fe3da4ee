#include "transcript.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/json.hpp"
#include "lmf/error.hpp"

namespace lmf::chat {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20;

[[noreturn]] void refuse(const std::string& file, std::size_t message, const std::string& what) {
  throw Error(fmt::format("{}: message {} {}", file, message + 1, what),
              R"(expected {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}, …]})");
}

}  // namespace

std::string Transcript::to_json() const {
  auto messages = nlohmann::ordered_json::array();
  const auto add = [&](const char* role, const std::string& content) {
    messages.push_back(nlohmann::ordered_json{{"role", role}, {"content", content}});
  };
  if (!system.empty()) add("system", system);
  for (const text::Message& turn : turns) add(turn.role == text::Role::user ? "user" : "assistant", turn.content);
  // Bytes that are no UTF-8, which a model may say, become U+FFFD.
  return nlohmann::ordered_json{{"messages", messages}}.dump(2, ' ', false,
                                                             nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

Transcript Transcript::from_json(std::string_view json, const std::string& file) {
  const auto parsed = parse_json(json, file);
  const auto& messages = parsed.is_object() && parsed.contains("messages") ? parsed["messages"] : parsed;
  if (!messages.is_array()) throw Error(file + ": no conversation: it has no list of messages");
  Transcript transcript;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& message = messages[i];
    const auto text = [&](const char* key) {
      if (!message.is_object() || !message.contains(key) || !message[key].is_string())
        refuse(file, i, fmt::format("has no text \"{}\"", key));
      return message[key].get<std::string>();
    };
    const std::string role = text("role"), content = text("content");
    if (i == 0 && role == "system") {
      transcript.system = content;
      continue;
    }
    const bool asks = transcript.turns.size() % 2 == 0;
    if (role != (asks ? "user" : "assistant"))
      refuse(file, i, fmt::format("is of the {}, expected one of the {}", role, asks ? "user" : "assistant"));
    transcript.turns.push_back({asks ? text::Role::user : text::Role::assistant, content});
  }
  if (transcript.turns.size() % 2 != 0) refuse(file, messages.size() - 1, "is a question without an answer");
  return transcript;
}

void Transcript::save(const std::filesystem::path& file, bool may_replace) const {
  if (!may_replace && std::filesystem::exists(std::filesystem::symlink_status(file)))
    throw Error(fmt::format("{} exists already", file.string()), "choose another name, or remove it first");
  write_file_atomically(file, to_json());
}

Transcript Transcript::load(const std::filesystem::path& file) {
  const std::string json = read_file(file, kLargestFile);
  Transcript transcript = from_json(json, file.string());
  transcript.whole = transcript.to_json() == json;
  return transcript;
}

}  // namespace lmf::chat
