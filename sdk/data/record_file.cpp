#include "data/record_file.hpp"

#include <cstring>

#include <fmt/format.h>

#include "base/place.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

namespace {

constexpr std::size_t kRecordLimitBytes = std::size_t{256} << 20;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

RecordFile::RecordFile(const std::filesystem::path& path) : file_(path) {
  const auto bytes = file_.bytes();
  text_ = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // a byte-order mark, as some editors write
  skip_blanks();
  if (at_ == text_.size()) fail(line_, "the file is empty");
  if (text_[at_] == '[') {
    split_array();
  } else {
    split_lines();
  }
}

void RecordFile::split_array() {
  const std::uint64_t first_line = line_;
  ++at_;
  skip_blanks();
  if (at_ < text_.size() && text_[at_] == ']') {
    fail(first_line, "the list has no records");
  }
  for (bool more = true; more; ++at_) {
    skip_blanks();
    const std::size_t begin = at_;
    const std::uint64_t line = line_;
    skip_value();
    if (at_ == text_.size()) fail(line, "the file ends inside this record: a bracket or quote is not closed");
    add(begin, at_, line);
    more = text_[at_] == ',';
  }
  skip_blanks();
  if (at_ != text_.size()) fail(line_, "text follows the end of the list");
}

/// Goes to the comma or bracket that ends the value at at_; brackets inside are counted, strings are skipped.
void RecordFile::skip_value() {
  std::size_t depth = 0;
  for (; at_ < text_.size(); ++at_) {
    switch (text_[at_]) {
      case '"':
        skip_string();
        break;
      case '\n':
        ++line_;
        break;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (depth == 0) {
          if (text_[at_] == '}') fail(line_, "a '}' closes nothing");
          return;
        }
        --depth;
        break;
      case ',':
        if (depth == 0) return;
        break;
      default:
        break;
    }
    if (at_ == text_.size()) return;
  }
}

/// From the opening quote to the closing one, or to the end of the file.
void RecordFile::skip_string() {
  for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (text_[at_] == '\\') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++line_;
  }
  if (at_ > text_.size()) at_ = text_.size();
}

void RecordFile::split_lines() {
  while (at_ < text_.size()) {
    const void* newline = std::memchr(text_.data() + at_, '\n', text_.size() - at_);
    const std::size_t end =
        newline ? static_cast<std::size_t>(static_cast<const char*>(newline) - text_.data()) : text_.size();
    std::size_t begin = at_;
    while (begin < end && is_blank(text_[begin])) ++begin;
    if (begin < end) add(begin, end, line_);
    at_ = end + 1;
    ++line_;
  }
}

void RecordFile::skip_blanks() {
  for (; at_ < text_.size() && is_blank(text_[at_]); ++at_) line_ += text_[at_] == '\n';
}

void RecordFile::add(std::size_t begin, std::size_t end, std::uint64_t line) {
  while (end > begin && is_blank(text_[end - 1])) --end;
  if (begin == end) fail(line, "a record is missing between two commas, or after the last one");
  if (end - begin > kRecordLimitBytes)
    fail(line, fmt::format("one record is longer than {} MiB", kRecordLimitBytes >> 20));
  records_.push_back({text_.substr(begin, end - begin), line, records_.size() + 1});
}

std::string RecordFile::place(const Record& record, std::size_t offset) const {
  const auto begin = static_cast<std::size_t>(record.text.data() - text_.data());
  const std::size_t line_start = text_.substr(0, begin).rfind('\n') + 1;  // npos + 1 is 0
  const std::string_view lines = text_.substr(line_start, begin - line_start + record.text.size());
  return fmt::format("{}:{}", file_.path().string(), line_and_column(lines, begin - line_start + offset, record.line));
}

void RecordFile::fail(std::uint64_t line, const std::string& what) const {
  throw Error(fmt::format("{}:{}: {}.", file_.path().string(), line, what), {}, kExitUsage);
}

}  // namespace lmf::data
