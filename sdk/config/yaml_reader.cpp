#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/place.hpp"
#include "config/readers.hpp"
#include "lmf/error.hpp"

namespace lmf::config {
namespace {

bool has_field(const Node& map, const std::string& key) {
  return std::any_of(map.fields.begin(), map.fields.end(), [&](const Field& field) { return field.key == key; });
}

/// `<<: *defaults`: the fields of another map, or of several, that this one does not set itself.
void merge_fields(Node& map) {
  std::vector<Field> own;
  std::vector<Node> merged;
  std::unordered_set<std::string> known;
  for (auto& [key, value] : map.fields) {
    if (key != "<<") {
      known.insert(key);
      own.push_back({std::move(key), std::move(value)});
    } else if (value.kind == Node::Kind::list) {
      for (Node& item : value.items) merged.push_back(std::move(item));
    } else {
      merged.push_back(std::move(value));
    }
  }
  map.fields = std::move(own);
  for (Node& other : merged) {
    for (auto& [key, value] : other.fields) {
      if (known.insert(key).second) map.fields.push_back({std::move(key), std::move(value)});
    }
  }
}

/// Takes yaml-cpp's events instead of its document, which would be walked (and an alias bomb unrolled) after the fact.
class Handler : public YAML::EventHandler {
 public:
  explicit Handler(const std::string& file) : builder_(file) {}
  Node take() { return builder_.take(); }
  std::size_t documents() const { return documents_; }

  void OnDocumentStart(const YAML::Mark&) override { ++documents_; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { finish(Node{}, line(mark), anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) builder_.fail(line(mark), "an alias stands inside the value that it repeats");
    builder_.add_copy(found->second, line(mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool plain = tag == "?" || tag.empty();  // yaml-cpp gives "!" to quoted scalars
    finish(Node::scalar(value, plain), line(mark), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, line(mark), anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, line(mark), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Opened {
    std::size_t line;
    YAML::anchor_t anchor;
  };

  static std::size_t line(const YAML::Mark& mark) { return static_cast<std::size_t>(mark.line) + 1; }

  void open(Node::Kind kind, std::size_t at, YAML::anchor_t anchor) {
    builder_.open(kind, at);
    opened_.push_back({at, anchor});
  }

  void close() {
    Node node = builder_.close();
    if (has_field(node, "<<")) merge_fields(node);
    const Opened start = opened_.back();
    opened_.pop_back();
    finish(std::move(node), start.line, start.anchor);
  }

  void finish(Node node, std::size_t at, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchored_[anchor] = node;
    builder_.add(std::move(node), at);
  }

  NodeBuilder builder_;
  std::vector<Opened> opened_;
  std::map<YAML::anchor_t, Node> anchored_;
  std::size_t documents_ = 0;
};

/// yaml-cpp's complaint as a sentence that says what to change.
std::string sentence(const std::string& complaint) {
  namespace Complaint = YAML::ErrorMsg;
  static const std::map<std::string_view, std::string_view> sentences = {
      {Complaint::END_OF_SEQ_FLOW, "a '[' before this is not closed"},
      {Complaint::END_OF_MAP_FLOW, "a '{' before this is not closed"},
      {Complaint::FLOW_END, "this bracket closes nothing"},
      {Complaint::EOF_IN_SCALAR, "a quote before this is not closed"},
      {Complaint::MAP_VALUE, "no ':' is expected here; check the indentation, or put a text that holds ': ' in quotes"},
      {Complaint::END_OF_MAP, "expected another `name: value`, indented like those before it"},
      {Complaint::END_OF_SEQ, "expected another '- ', indented like those before it"},
      {Complaint::BLOCK_ENTRY, "no '- ' is expected here: it begins a line, indented with spaces"},
      {Complaint::TAB_IN_INDENTATION, "expected spaces before a name, found a tab"},
      {Complaint::UNKNOWN_TOKEN, "no text begins with this character unless it is in quotes"},
      {Complaint::CHAR_IN_BLOCK, "expected the end of the line after '|' or '>'"},
      {Complaint::UNKNOWN_ANCHOR, "expected the name of a value that is marked with '&' above"}};
  const auto found = sentences.find(complaint);
  return found == sentences.end() ? complaint : std::string(found->second);
}

/// "LINE:COLUMN" of a mark, whose column counts bytes.
std::string place_of(const YAML::Mark& mark, std::string_view text) {
  if (mark.is_null()) return "1:1";
  std::size_t line_start = 0;
  for (int line = 0; line < mark.line; ++line) line_start = text.find('\n', line_start) + 1;
  return line_and_column(text, line_start + static_cast<std::size_t>(mark.column));
}

Node parse(std::string_view given, const std::string& file) {
  // At a line's end yaml-cpp takes a quote that is still open for closed; within a line, a comment's, it does not.
  const std::string text = std::string(given) + (given.ends_with('\n') ? "#" : "");
  std::istringstream stream(text);
  Handler handler(file);
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(handler);
    Node top = handler.take();
    if (parser.HandleNextDocument(handler))
      throw Error(file + ": a second document begins; a configuration is one document", {}, kExitUsage);
    return top;
  } catch (const YAML::Exception& failure) {
    throw Error(
        fmt::format("{}:{}: not well-formed YAML: {}", file, place_of(failure.mark, text), sentence(failure.msg)), {},
        kExitUsage);
  }
}

}  // namespace

std::vector<Entry> read_yaml(std::string_view text, const std::string& file) {
  return entries_of(parse(text, file), file);
}

Node parse_yaml_value(std::string_view text) { return parse(text, "command line"); }

}  // namespace lmf::config
