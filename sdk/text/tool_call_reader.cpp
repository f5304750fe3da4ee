#include "text/tool_call_reader.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/trimmed.hpp"
#include "text/python_json.hpp"

namespace lmf::text {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::string_view kBlanks = " \t\r\n", kQuotes = "`\"";
/// What may be held back at most: it is looked at again with every token.
constexpr std::size_t kMostHeld = 16384;

/// What a model wrote, discarded when it is no JSON or nested too deeply.
OrderedJson parsed(std::string_view text) {
  return JsonBuilder<OrderedJson>().build(text).value_or(OrderedJson(OrderedJson::value_t::discarded));
}

void skip(std::string_view& text, std::string_view letters) {
  text.remove_prefix(std::min(text.find_first_not_of(letters), text.size()));
}

std::pair<std::string, std::string> call_ends(const ToolFormat& format) {
  if (format.calls_are_json()) return ToolFormat::around(format.call, "json");
  return {ToolFormat::around(format.call, "name").first, ToolFormat::around(format.call, "arguments").second};
}

std::string between_name_and_arguments(const ToolFormat& format) {
  if (format.calls_are_json()) return {};
  return ToolFormat::around(ToolFormat::around(format.call, "name").second, "arguments").first;
}

/// Where `word`, or as much of it as the text still has, begins.
std::size_t find_begin(std::string_view text, std::string_view word, std::size_t from) {
  if (word.empty()) return text.npos;
  if (const auto place = text.find(word, from); place != text.npos) return place;
  for (std::size_t size = std::min(word.size() - 1, text.size() - std::min(from, text.size())); size > 0; --size)
    if (text.ends_with(word.substr(0, size))) return text.size() - size;
  return text.npos;
}

}  // namespace

ToolCallReader::ToolCallReader(const ToolFormat& format, std::string_view mark, std::vector<std::string> names)
    : mark_(trimmed(mark)),
      open_(trimmed(call_ends(format).first)),
      between_(trimmed(between_name_and_arguments(format))),
      close_(trimmed(call_ends(format).second)),
      arguments_key_(format.arguments_key),
      between_calls_(open_.empty()             ? " \t\r\n,;]"
                     : format.calls_are_json() ? " \t\r\n"
                                               : " \t\r\n`\""),
      json_(format.calls_are_json()),
      names_(std::move(names)) {}

std::size_t ToolCallReader::Scanner::read(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (in_string) {
      if (escaped)
        escaped = false;
      else if (letter == '\\')
        escaped = true;
      else if (letter == '"')
        in_string = false;
      continue;
    }
    if (letter == '"') in_string = true;
    if (letter == '{' || letter == '[') ++depth;
    if ((letter == '}' || letter == ']') && --depth == 0) return i + 1;
  }
  return text.size();
}

bool ToolCallReader::known(const std::string& name) const { return std::ranges::find(names_, name) != names_.end(); }

std::vector<AnswerPart> ToolCallReader::push(std::string_view text) {
  held_ += text;
  return read(Held::goes_on);
}

std::vector<AnswerPart> ToolCallReader::finish(bool only_calls) {
  return read(only_calls ? Held::is_call : Held::is_text);
}

std::vector<AnswerPart> ToolCallReader::read(Held held) {
  std::vector<AnswerPart> parts;
  for (bool more = true; more;) {
    if (state_ == State::text)
      more = read_text(parts, held);
    else if (state_ == State::arguments)
      more = read_arguments(parts);
    else
      more = read_tail();
  }
  return parts;
}

/// Passes on the first `size` bytes of what is held, or the blanks at their end only later.
void ToolCallReader::release(std::vector<AnswerPart>& parts, std::size_t size, bool with_blanks) {
  const auto text = std::string_view(held_).substr(0, size);
  const auto last = text.find_last_not_of(kBlanks);
  if (!with_blanks) size = last == text.npos ? 0 : last + 1;
  if (size == 0) return;
  began_ = began_ || last != text.npos;
  parts.emplace_back(AnswerPiece{held_.substr(0, size)});
  held_.erase(0, size);
}

/// The first place from `from` on where a call could begin.
std::size_t ToolCallReader::candidate(std::size_t from) const {
  std::size_t place = std::min(find_begin(held_, mark_, from), find_begin(held_, open_, from));
  const auto first = held_.find_first_not_of(kBlanks);
  const bool bare = open_.empty() && !began_ && first != held_.npos && (held_[first] == '{' || held_[first] == '[');
  return bare && first >= from ? std::min(place, first) : place;
}

bool ToolCallReader::read_text(std::vector<AnswerPart>& parts, Held held) {
  if (calls_ > 0 && !began_)  // what stands between two calls, and behind the last
    held_.erase(0, std::min(held_.find_first_not_of(between_calls_), held_.size()));
  for (std::size_t from = 0;;) {
    const std::size_t place = candidate(from);
    if (place == held_.npos) break;
    Call call;
    const Match match = match_call(std::string_view(held_).substr(place), call);
    if (match == Match::yes) {
      const std::size_t before = held_.size();
      release(parts, place, /*with_blanks=*/false);
      held_.erase(0, place - (before - held_.size()));
      begin(parts, std::move(call));
      return true;
    }
    if (match == Match::maybe && held != Held::is_text && held_.size() - place <= kMostHeld) {
      release(parts, place, /*with_blanks=*/false);
      if (held == Held::goes_on) return false;
      call.size = held_.size();
      if (known(call.name))
        begin(parts, std::move(call));
      else
        held_.clear();
      return false;
    }
    if (match == Match::maybe && held == Held::is_text && calls_ > 0 && !began_ &&
        held_.find_first_not_of(kBlanks) == place) {
      held_.clear();  // the begin of a further call, of which its length kept the rest away
      return false;
    }
    from = place + 1;
  }
  release(parts, held_.size(), /*with_blanks=*/held == Held::is_text || held_.size() > kMostHeld);
  return false;
}

/// held_ begins with the call.
void ToolCallReader::begin(std::vector<AnswerPart>& parts, Call call) {
  held_.erase(0, call.size);
  parts.emplace_back(ToolCallBegin{std::move(call.name)});
  began_ = false;
  scanner_ = {};
  state_ = State::arguments;
  if (!call.whole) return;
  parts.emplace_back(ToolCallArguments{std::move(call.arguments)});
  ++calls_;
  state_ = State::tail;
}

bool ToolCallReader::read_arguments(std::vector<AnswerPart>& parts) {
  if (held_.empty()) return false;
  const std::size_t size = scanner_.read(held_);
  parts.emplace_back(ToolCallArguments{held_.substr(0, size)});
  held_.erase(0, size);
  if (scanner_.depth > 0) return false;
  ++calls_;
  scanner_.depth = json_ ? 1 : 0;  // the object that holds name and arguments
  state_ = State::tail;
  return true;
}

/// Up to the end of a call whose arguments are whole.
bool ToolCallReader::read_tail() {
  if (scanner_.depth > 0) held_.erase(0, scanner_.read(held_));
  if (scanner_.depth > 0) return false;
  std::string_view rest = held_;
  skip(rest, kBlanks);
  if (!close_.empty()) {
    if (rest.size() < close_.size() && std::string_view(close_).starts_with(rest)) return false;
    if (rest.starts_with(close_)) rest.remove_prefix(close_.size());
  }
  held_.erase(0, held_.size() - rest.size());
  state_ = State::text;
  return true;
}

ToolCallReader::Match ToolCallReader::match_call(std::string_view text, Call& call) const {
  std::string_view rest = text;
  if (!mark_.empty() && rest.starts_with(mark_)) {
    rest.remove_prefix(mark_.size());
    skip(rest, kBlanks);
  } else if (!mark_.empty() && std::string_view(mark_).starts_with(rest)) {
    return Match::maybe;
  }
  if (!rest.starts_with(open_)) return std::string_view(open_).starts_with(rest) ? Match::maybe : Match::no;
  rest.remove_prefix(open_.size());
  skip(rest, kBlanks);
  if (json_ && open_.empty() && rest.starts_with('[')) {
    rest.remove_prefix(1);
    skip(rest, kBlanks);
  }
  if (rest.empty()) return Match::maybe;
  const Match match = json_ ? match_json(rest, call) : match_lines(rest, call);
  call.size += text.size() - rest.size();
  return match;
}

ToolCallReader::Match ToolCallReader::match_json(std::string_view text, Call& call) const {
  if (!text.starts_with('{')) return Match::no;
  if (const Match match = match_header(text, call); match != Match::no)
    return match == Match::yes && !known(call.name) ? Match::no : match;
  Scanner scanner;
  const std::size_t size = scanner.read(text);
  if (scanner.depth > 0) return Match::maybe;
  const OrderedJson whole = parsed(text.substr(0, size));
  if (!whole.is_object() || !whole.contains("name") || !whole["name"].is_string()) return Match::no;
  call = {.name = whole["name"].get<std::string>(), .arguments = {}, .size = size, .whole = true};
  for (const std::string& key : {arguments_key_, std::string("arguments"), std::string("parameters")}) {
    if (!whole.contains(key)) continue;
    const OrderedJson& given = whole[key];
    const OrderedJson arguments = given.is_string() ? parsed(given.get_ref<const std::string&>()) : given;
    if (!arguments.is_object()) return Match::no;
    call.arguments = python_json(arguments);
    return known(call.name) ? Match::yes : Match::no;
  }
  return Match::no;
}

/// {"name": NAME, "arguments": { — the usual order, in which the arguments need not be waited for.
ToolCallReader::Match ToolCallReader::match_header(std::string_view text, Call& call) const {
  std::string_view rest = text;
  const auto literal = [&](std::string_view word) {
    skip(rest, kBlanks);
    if (rest.starts_with(word)) {
      rest.remove_prefix(word.size());
      return Match::yes;
    }
    return word.starts_with(rest) ? Match::maybe : Match::no;
  };
  for (const char* word : {"{", "\"name\"", ":", "\""})
    if (const Match match = literal(word); match != Match::yes) return match;
  std::size_t end = 0;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  if (end >= rest.size()) return Match::maybe;
  const OrderedJson name =
      OrderedJson::parse("\"" + std::string(rest.substr(0, end)) + "\"", nullptr, /*allow_exceptions=*/false);
  if (!name.is_string()) return Match::no;
  call.name = name.get<std::string>();
  rest.remove_prefix(end + 1);
  const std::string key = "\"" + arguments_key_ + "\"";
  for (const std::string_view word : {std::string_view(","), std::string_view(key), std::string_view(":")})
    if (const Match match = literal(word); match != Match::yes) return match;
  skip(rest, kBlanks);
  if (rest.empty()) return Match::maybe;
  if (rest.front() != '{') return Match::no;
  call.size = text.size() - rest.size();
  return Match::yes;
}

/// NAME, a word between, and the arguments' begin.
ToolCallReader::Match ToolCallReader::match_lines(std::string_view text, Call& call) const {
  const auto end = std::ranges::find_if_not(text, ToolFormat::is_name_letter) - text.begin();
  const std::string name(text.substr(0, static_cast<std::size_t>(end)));
  std::string_view rest = text.substr(name.size());
  if (rest.empty()) return Match::maybe;
  if (!known(name)) return Match::no;
  call.name = name;
  skip(rest, kBlanks);
  if (rest.size() < between_.size() && std::string_view(between_).starts_with(rest)) return Match::maybe;
  if (!rest.starts_with(between_)) return Match::no;
  rest.remove_prefix(between_.size());
  skip(rest, kBlanks);
  skip(rest, kQuotes);
  skip(rest, kBlanks);
  if (rest.empty()) return Match::maybe;
  call.size = text.size() - rest.size();
  return rest.front() == '{' ? Match::yes : Match::no;
}

}  // namespace lmf::text
