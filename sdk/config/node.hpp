#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace lmf::config {

struct Field;

/// A value as written, before the option it belongs to says what it means: `007` is a fine run name and a doubtful
/// number, so a scalar keeps its spelling. The same for YAML, JSON, TOML and the command line.
struct Node {
  enum class Kind { null, scalar, list, map } kind = Kind::null;
  std::size_t line = 0;  ///< of its key in the file, from 1; 0 on the command line
  bool plain = false;    ///< a scalar without quotes: a nested one may be a number, a boolean or null
  std::string text;      ///< of a scalar
  std::vector<Node> items;
  std::vector<Field> fields;  ///< in the order written, repetitions included

  static Node scalar(std::string text, bool plain);
  /// Memory it takes, roughly: what kMaximumTreeBytes bounds.
  std::size_t cost() const;
};
struct Field {
  std::string key;
  Node value;
};

/// One key of a configuration.
struct Entry {
  std::string key;
  Node value;
  std::string origin;  ///< "config.yaml:14" or "command line"
};

// Bounds of a configuration: far above any real one, far below what would hurt.
inline constexpr std::size_t kMaximumFileBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaximumTreeBytes = std::size_t{16} << 20;  ///< aliases make a tree larger than its file
inline constexpr std::size_t kMaximumDepth = 32;

/// Puts nodes together from the events of a parser, within the bounds. A map takes its keys and values in turn. Throws
/// Error(kExitUsage) with the file's name and the line.
class NodeBuilder {
 public:
  explicit NodeBuilder(std::string file) : file_(std::move(file)) {}

  void open(Node::Kind kind, std::size_t line);
  Node close();
  void add(Node node, std::size_t line);
  void add_copy(const Node& node, std::size_t line);  ///< an alias: everything inside counts again
  [[noreturn]] void fail(std::size_t line, const std::string& what) const;

  /// The top of the tree, once every open() is closed; null when nothing came.
  Node take() { return std::move(root_); }

 private:
  struct Frame {
    Node node;
    std::string key;
    std::size_t key_line = 0;  // 0: the next node is a key
  };
  void spend(std::size_t bytes, std::size_t line);

  std::string file_;
  std::vector<Frame> frames_;
  Node root_;
  std::size_t cost_ = 0;
};

/// The fields of a configuration's top, which must be a map (or nothing). Throws Error(kExitUsage).
std::vector<Entry> entries_of(Node top, const std::string& file);

/// The node as JSON, plain scalars resolved as YAML does: what a json option holds.
nlohmann::json to_json(const Node& node);

}  // namespace lmf::config
