#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "base/suggest.hpp"
#include "config/check.hpp"
#include "config/command_line.hpp"
#include "config/foreign_file.hpp"
#include "config/readers.hpp"
#include "config/scalar.hpp"
#include "lmf/error.hpp"

namespace lmf::config {
namespace {

using State = OptionDescription::State;

/// Collects the values written for each option, then judges the one that holds.
class Reading {
 public:
  Reading(const OptionTable& table, ReadResult& result, bool accept_unknown_keys)
      : table_(table), result_(result), accept_unknown_keys_(accept_unknown_keys) {}

  void take_file(std::vector<Entry> entries) {
    std::map<std::string, std::string, std::less<>> seen;  // name -> origin
    for (Entry& entry : entries) {
      const OptionDescription* option = find(entry);
      if (!option) continue;
      const auto [first, is_new] = seen.emplace(option->name, entry.origin);
      if (is_new)
        written_[option->name] = std::move(entry);
      else
        problem(entry, fmt::format("{} is set a second time, first at {}", entry.key, first->second));
    }
  }

  /// The command line wins over the file, and its last word over earlier ones.
  void take_command_line(std::vector<Entry> entries) {
    for (Entry& entry : entries) {
      if (take_part_of_json(entry)) continue;
      if (const OptionDescription* option = find(entry)) written_[option->name] = std::move(entry);
    }
  }

  void finish() {
    for (const OptionDescription& option : table_.all()) judge(option);
    std::stable_sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) { return a.line < b.line; });
    for (Found& found : found_) result_.problems.push_back(std::move(found.problem));
    for (const auto& [reason, names] : noted_) note(fmt::format("{}: {}", fmt::join(names, ", "), reason));
    if (!others_.empty())
      note(fmt::format("options of other commands, without effect on {}: {}", table_.command(),
                       fmt::join(others_, ", ")));
    if (!unknown_.empty())
      note(fmt::format("unknown options, accepted for ALLOW_EXTRA_ARGS: {}", fmt::join(unknown_, ", ")));
  }

 private:
  struct Found {
    std::size_t line;
    Problem problem;
  };

  /// Problems come in the order of the file, then those of the command line.
  void problem(const Entry& entry, const std::string& what, std::string hint = {}) {
    const std::size_t line = entry.value.line == 0 ? SIZE_MAX : entry.value.line;
    found_.push_back({line, {fmt::format("{}: {}", entry.origin, what), std::move(hint)}});
  }
  void note(std::string text) { result_.notes.push_back(std::move(text)); }

  const OptionDescription* find(const Entry& entry) {
    const OptionDescription* option = table_.find(entry.key);
    if (!option && accept_unknown_keys_)
      unknown_.push_back(entry.key);
    else if (!option)
      unknown(entry);
    else if (option->name != entry.key)
      note(fmt::format("{}: {} is the older name of {}", entry.origin, entry.key, option->name));
    return option;
  }

  void unknown(const Entry& entry) {
    const std::string near = suggestion(entry);
    problem(entry, fmt::format("unknown option {}.{}", in_quotes(entry.key), near),
            near.empty() ? fmt::format("`lmf help {}` lists the options", table_.command()) : "");
  }

  /// Options of the table as they are written in a file; on the command line also the command's own, with dashes.
  std::string suggestion(const Entry& entry) const {
    const auto own = entry.value.line == 0 ? table_.own_words() : std::span<const std::string>();
    std::vector<std::string> names;
    for (const OptionDescription& option : table_.all()) {
      if (option.used_by(table_.command())) names.push_back(option.name);
    }
    for (const std::string& word : own) names.push_back(with(word, '-', '_'));
    std::vector<std::string> near = suggest(with(entry.key, '-', '_'), names);
    for (std::string& name : near) {
      const std::string word = with(name, '_', '-');
      if (std::find(own.begin(), own.end(), word) != own.end()) name = "--" + word;
    }
    return did_you_mean(near);
  }

  static std::string with(std::string text, char from, char to) {
    std::replace(text.begin(), text.end(), from, to);
    return text;
  }

  /// `lr_scheduler_kwargs.num_cycles=2`: one field of a json option.
  bool take_part_of_json(Entry& entry) {
    const std::size_t dot = entry.key.find('.');
    if (dot == std::string::npos || table_.find(entry.key)) return false;
    const OptionDescription* option = table_.find(entry.key.substr(0, dot));
    if (!option || option->type != OptionDescription::Type::json) return false;
    Entry& whole = written_[option->name];
    whole.value = opened_if_possible(whole.value);
    Node* place = &whole.value;
    for (std::string rest = entry.key.substr(dot + 1);;) {
      const std::size_t next = rest.find('.');
      place = &field(*place, rest.substr(0, next));
      if (next == std::string::npos) break;
      rest.erase(0, next + 1);
    }
    *place = std::move(entry.value);
    whole.origin = entry.origin;
    return true;
  }

  static Node opened_if_possible(const Node& node) {
    try {
      return opened(node);
    } catch (const Error&) {
      return node;  // replaced by the part that follows
    }
  }

  static Node& field(Node& map, const std::string& name) {
    if (map.kind != Node::Kind::map) {
      map = Node{};
      map.kind = Node::Kind::map;
    }
    for (auto& [key, value] : map.fields) {
      if (key == name) return value;
    }
    map.fields.push_back({name, Node{}});
    return map.fields.back().value;
  }

  void judge(const OptionDescription& option) {
    Options::Value& value = result_.options.values[option.name];
    value = default_of(option);
    const auto written = written_.find(option.name);
    if (written == written_.end()) return;
    const Entry& entry = written->second;
    const bool ours = option.used_by(table_.command());
    if (!ours) others_.push_back(option.name);
    const Conversion converted = convert_or_explain(option, entry);
    if (!converted.expected.empty()) {
      if (ours) problem(entry, fmt::format("{} is {}, expected {}", option.name, converted.got, converted.expected));
      return;
    }
    // What has no effect is not kept: no command reads it, and it may be a credential that would end up in a log.
    const bool null = std::holds_alternative<std::monostate>(converted.value.data);
    const bool accepted = is_accepted(option, converted.value);
    if ((null && !option.nullable) || !ours) return;
    if (option.state == State::noted) {
      if (!accepted) add_note(option);
      return;
    }
    if (!accepted) problem(entry, fmt::format("{} {} is refused: {}", option.name, converted.got, option.reason));
    value = converted.value;
    value.origin = entry.origin;
  }

  void add_note(const OptionDescription& option) {
    for (auto& [reason, names] : noted_) {
      if (reason == option.reason) return names.push_back(option.name);
    }
    noted_.push_back({option.reason, {option.name}});
  }

  Conversion convert_or_explain(const OptionDescription& option, const Entry& entry) {
    try {
      return convert(option, entry.value);
    } catch (const Error& failure) {  // a list on the command line that is no YAML
      Conversion failed;
      failed.expected = fmt::format("a list or map ({})", failure.what());
      failed.got = in_quotes(entry.value.text);
      return failed;
    }
  }

  const OptionTable& table_;
  ReadResult& result_;
  const bool accept_unknown_keys_;
  std::map<std::string, Entry, std::less<>> written_;
  std::vector<Found> found_;
  std::vector<std::pair<std::string, std::vector<std::string>>> noted_;  // reason, names
  std::vector<std::string> others_, unknown_;
};

}  // namespace

bool extra_keys_allowed() { return environment_flag("ALLOW_EXTRA_ARGS"); }

ReadResult read_options(const OptionTable& table, std::span<const char* const> arguments, bool accept_unknown_keys) {
  ReadResult result;
  CommandLine command_line = parse_command_line(table, arguments);
  result.file = command_line.file;
  result.problems = std::move(command_line.problems);
  Reading reading(table, result, accept_unknown_keys);
  bool lost = result.file.empty() && !result.problems.empty();  // a word that may have meant the file
  if (!result.file.empty()) {
    try {
      std::vector<Entry> entries = read_file_entries(result.file);
      refuse_foreign_file(entries);
      reading.take_file(std::move(entries));
    } catch (const Error& failure) {
      result.problems.push_back({failure.what(), failure.hint()});
      lost = true;
    }
  }
  reading.take_command_line(std::move(command_line.entries));
  reading.finish();
  if (lost) throw_problems(result.problems);
  return result;
}

void throw_problems(const std::vector<Problem>& problems, std::size_t unlisted) {
  if (problems.empty()) return;
  const std::size_t count = problems.size() + unlisted;
  std::string text = count == 1 ? "" : fmt::format("{} problems in the configuration:", count);
  for (const Problem& problem : problems) {
    text += (text.empty() ? "" : "\n  ") + problem.text;
    if (!problem.hint.empty()) text += "\n    " + problem.hint;
  }
  if (unlisted > 0) text += fmt::format("\n  and {} more in the data", unlisted);
  throw Error(text, {}, kExitUsage);
}

}  // namespace lmf::config
