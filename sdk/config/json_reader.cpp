#include <iterator>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "config/readers.hpp"
#include "lmf/error.hpp"

namespace lmf::config {
namespace {

/// Reads characters and counts lines on the way: nlohmann's events carry no position, but when a key is reported its
/// closing quote was the last character read.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  std::size_t* line = nullptr;

  const char& operator*() const { return *at; }
  CountingIterator& operator++() {
    if (*at == '\n') ++*line;
    ++at;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at == other.at; }
  bool operator!=(const CountingIterator& other) const { return at != other.at; }
};

class Events : public nlohmann::json_sax<nlohmann::json> {
 public:
  Events(const std::string& file, const std::size_t& line) : builder_(file), line_(line) {}
  Node take() { return builder_.take(); }

  bool null() override { return add(Node{}); }
  bool boolean(bool value) override { return add(Node::scalar(value ? "true" : "false", true)); }
  bool number_integer(std::int64_t value) override { return add(Node::scalar(std::to_string(value), true)); }
  bool number_unsigned(std::uint64_t value) override { return add(Node::scalar(std::to_string(value), true)); }
  bool number_float(double, const std::string& written) override { return add(Node::scalar(written, true)); }
  bool string(std::string& value) override { return add(Node::scalar(std::move(value), false)); }
  bool key(std::string& value) override { return add(Node::scalar(std::move(value), false)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Node::Kind::map); }
  bool start_array(std::size_t) override { return open(Node::Kind::list); }
  bool end_object() override { return add(builder_.close()); }
  bool end_array() override { return add(builder_.close()); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

 private:
  bool add(Node node) {
    builder_.add(std::move(node), line_);
    return true;
  }
  bool open(Node::Kind kind) {
    builder_.open(kind, line_);
    return true;
  }

  NodeBuilder builder_;
  const std::size_t& line_;
};

}  // namespace

std::vector<Entry> read_json(std::string_view text, const std::string& file) {
  std::size_t line = 1;
  Events events(file, line);
  const CountingIterator begin{text.data(), &line}, end{text.data() + text.size(), &line};
  if (!nlohmann::json::sax_parse(begin, end, &events)) throw Error(explain_json(text, file), {}, kExitUsage);
  return entries_of(events.take(), file);
}

}  // namespace lmf::config
