#include "config/node.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/scalar.hpp"
#include "lmf/error.hpp"

namespace lmf::config {
namespace {

nlohmann::json plain_scalar(const std::string& text) {
  if (is_null_word(text)) return nullptr;
  if (text.size() > 1) {  // a lone y, n, 0 or 1 is no boolean in YAML
    if (const auto flag = parse_flag(text)) return *flag;
  }
  const bool fraction = text.find_first_of(".eE") != std::string::npos && text.find('x') == std::string::npos;
  if (const auto integer = parse_integer(text); integer && !fraction) return *integer;
  if (const auto number = parse_number(text)) return *number;
  return text;
}

}  // namespace

Node Node::scalar(std::string text, bool plain) {
  Node node;
  node.kind = Kind::scalar;
  node.text = std::move(text);
  node.plain = plain;
  return node;
}

std::size_t Node::cost() const {
  std::size_t bytes = sizeof(Node) + text.size();
  for (const Node& item : items) bytes += item.cost();
  for (const auto& [key, value] : fields) bytes += key.size() + value.cost();
  return bytes;
}

void NodeBuilder::fail(std::size_t line, const std::string& what) const {
  throw Error(fmt::format("{}:{}: {}", file_, line, what), {}, kExitUsage);
}

void NodeBuilder::open(Node::Kind kind, std::size_t line) {
  if (frames_.size() == kMaximumDepth) fail(line, fmt::format("values are nested more than {} deep", kMaximumDepth));
  Frame frame;
  frame.node.kind = kind;
  frame.node.line = line;
  frames_.push_back(std::move(frame));
}

Node NodeBuilder::close() {
  Node node = std::move(frames_.back().node);
  frames_.pop_back();
  return node;
}

void NodeBuilder::spend(std::size_t bytes, std::size_t line) {
  cost_ += bytes;
  if (cost_ > kMaximumTreeBytes) fail(line, "the configuration grows beyond 16 MiB");
}

void NodeBuilder::add_copy(const Node& node, std::size_t line) {
  spend(node.cost(), line);
  add(node, line);
}

void NodeBuilder::add(Node node, std::size_t line) {
  spend(sizeof(Node) + node.text.size(), line);
  node.line = line;
  if (frames_.empty()) {
    root_ = std::move(node);
    return;
  }
  Frame& frame = frames_.back();
  if (frame.node.kind == Node::Kind::list) {
    frame.node.items.push_back(std::move(node));
  } else if (frame.key_line == 0) {
    if (node.kind != Node::Kind::scalar) fail(line, "a key must be a word");
    frame.key = std::move(node.text);
    frame.key_line = line;
  } else {
    node.line = frame.key_line;
    frame.node.fields.push_back({std::move(frame.key), std::move(node)});
    frame.key_line = 0;
  }
}

std::vector<Entry> entries_of(Node top, const std::string& file) {
  if (top.kind == Node::Kind::null) return {};
  if (top.kind != Node::Kind::map)
    throw Error(fmt::format("{}:{}: expected options as `name: value`", file, top.line), {}, kExitUsage);
  std::vector<Entry> entries;
  for (auto& [key, value] : top.fields) {
    std::string origin = fmt::format("{}:{}", file, value.line);
    entries.push_back({std::move(key), std::move(value), std::move(origin)});
  }
  return entries;
}

nlohmann::json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::scalar:
      return node.plain ? plain_scalar(node.text) : nlohmann::json(node.text);
    case Node::Kind::list: {
      auto list = nlohmann::json::array();
      for (const Node& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case Node::Kind::map: {
      auto map = nlohmann::json::object();
      for (const auto& [key, value] : node.fields) map[key] = to_json(value);
      return map;
    }
  }
  return nullptr;
}

}  // namespace lmf::config
