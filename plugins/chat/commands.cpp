#include "commands.hpp"

#include <algorithm>
#include <utility>

#include <boost/archive/iterators/base64_from_binary.hpp>
#include <boost/archive/iterators/transform_width.hpp>
#include <fmt/format.h>

#include "base/files.hpp"
#include "base/printable.hpp"
#include "base/suggest.hpp"
#include "external_editor.hpp"
#include "lmf/error.hpp"
#include "model/decoder_shapes.hpp"
#include "transcript.hpp"

namespace lmf::chat {
namespace {

constexpr std::uint64_t kLargestText = std::uint64_t{16} << 20;
constexpr std::size_t kLargestCopy = 74994;  // what xterm takes of an OSC 52 in base64: 100,000 bytes

constexpr const char* kShortest = "?";  // a message

std::string needed(const std::string& argument, const char* what) {
  if (argument.empty()) throw Error(what, {}, kExitUsage);
  return argument;
}

std::string plural(std::size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::optional<SlashCommand> slash_command(std::string_view message) {
  if (!message.starts_with('/') || message.find('\n') != message.npos) return std::nullopt;
  const auto end = std::min(message.find_first_of(" \t"), message.size());
  const auto name = message.substr(1, end - 1);
  const auto in_a_name = [](char c) { return (c >= 'a' && c <= 'z') || c == '?'; };
  if (name.empty() || !std::ranges::all_of(name, in_a_name)) return std::nullopt;
  auto argument = message.substr(end);
  const auto first = argument.find_first_not_of(" \t");
  argument = first == argument.npos ? std::string_view()
                                    : argument.substr(first, argument.find_last_not_of(" \t\r") - first + 1);
  return SlashCommand{std::string(name), std::string(argument)};
}

struct Commands::Entry {
  const char *name, *argument, *help;
  Outcome (Commands::*run)(const std::string&);
};

std::span<const Commands::Entry> Commands::entries() {
  static constexpr Entry kEntries[] = {
      {"help", "", "this list (also /?)", &Commands::help},
      {"clear", "", "forget the conversation and what was read (also the bare word)", &Commands::clear},
      {"exit", "", "end (also the bare word, and Ctrl-D)", &Commands::leave},
      {"regen", "", "answer the last message anew", &Commands::again},
      {"undo", "", "forget what was read for the next message, or the last one and its answer", &Commands::undo},
      {"edit", "", "change the last message in $VISUAL or $EDITOR and ask that instead", &Commands::edit},
      {"system", "[TEXT]", "show or set the system text; `none` takes the template's", &Commands::system},
      {"set", "NAME=VALUE", "change an option, for example temperature=0.5", &Commands::set},
      {"show", "", "the options and the system text", &Commands::show},
      {"save", "FILE.json", "write the conversation to a file", &Commands::save},
      {"load", "FILE.json", "go on with a conversation that was saved", &Commands::load},
      {"read", "FILE", "put a file's text in front of the next message", &Commands::read},
      {"tools", "FILE.json", "tell the model of tools; `none` forgets them", &Commands::tools},
      {"stats", "", "speed and context after each answer, or no longer", &Commands::stats},
      {"model", "", "which model answers", &Commands::model},
      {"copy", "", "put the last answer into the terminal's clipboard", &Commands::copy},
  };
  return kEntries;
}

Commands::Outcome Commands::run(const SlashCommand& command) {
  const auto name = command.name == "?" ? std::string("help") : command.name;
  for (const Entry& entry : entries())
    if (name == entry.name) return (this->*entry.run)(command.argument);
  std::vector<std::string> names;
  for (const Entry& entry : entries()) names.emplace_back(entry.name);
  throw Error(fmt::format("there is no command /{}.{}", name, did_you_mean(name, names)),
              "/help lists them; a blank in front of the slash makes it a message", kExitUsage);
}

std::string Commands::with_attached(const std::string& message) const {
  return attached_ ? attached_->text + "\n\n" + message : message;
}

std::string Commands::after_refusal() const {
  if (!attached_) return {};
  return fmt::format("{} still stands in front of the next message; /undo drops it", attached_->file);
}

std::string Commands::after_answer(const infer::Answer& answer) {
  last_ = answer;
  const auto used = answer.end.prompt_tokens + answer.end.completion_tokens;
  const auto all = conversation_.model().engine->context_tokens();
  const bool nearly_full = used * 10 >= all * 9;
  std::string text = shows_stats_ ? stats_line() : "";
  if (nearly_full && !warned_)
    text += fmt::format("{}{} of the {} tokens of the model's context are used: /clear or /undo makes room",
                        text.empty() ? "" : "\n", used, all);
  warned_ = nearly_full;
  return text;
}

std::string Commands::stats_line() const {
  const infer::End& end = last_->end;
  const auto further = static_cast<double>(end.completion_tokens - 1);
  const double seconds = (end.whole - end.first_token).count();
  std::string text = fmt::format("{}", plural(static_cast<std::size_t>(end.completion_tokens), "token"));
  if (further > 0 && seconds > 0) text += fmt::format(", {:.1f} tok/s", further / seconds);
  return text +
         fmt::format("; the first after {:.2f} s; {} of the prompt's {} tokens reused; {} of {} of the context used",
                     end.first_token.count(), end.cached_tokens, end.prompt_tokens,
                     end.prompt_tokens + end.completion_tokens, conversation_.model().engine->context_tokens());
}

void Commands::require_room(const std::string& what, const std::vector<text::Message>& turns,
                            const std::string& message, const char* hint) const {
  try {
    conversation_.require_room(turns, message);
  } catch (const Error& refusal) {
    throw Error(fmt::format("with {}, {}", what, refusal.what()), hint, refusal.exit_status());
  }
}

Commands::Outcome Commands::help(const std::string&) {
  std::string text;
  for (const Entry& entry : entries())
    text += fmt::format("  {:<18} {}\n", fmt::format("/{} {}", entry.name, entry.argument), entry.help);
  return {text +
              "  \"\"\"                begins and ends a message of several lines; so does a \\ at a line's end\n"
              "  Ctrl-C             stops an answer; twice at an empty line ends\n",
          {}};
}

Commands::Outcome Commands::clear(const std::string&) {
  conversation_.clear();
  last_.reset();
  file_.clear();  // it holds the forgotten one
  const auto dropped = std::exchange(attached_, std::nullopt);
  return {fmt::format("The conversation is forgotten{}.\n", dropped ? ", and what was read from " + dropped->file : ""),
          {}};
}

Commands::Outcome Commands::leave(const std::string&) { return {{}, {}, true}; }

Commands::Outcome Commands::again(const std::string&) {
  const auto question = conversation_.take_back();
  if (!question) throw Error("there is no answer yet");
  conversation_.draw_anew();
  return {{}, question};
}

Commands::Outcome Commands::undo(const std::string&) {
  if (const auto dropped = std::exchange(attached_, std::nullopt))
    return {fmt::format("No longer in front of the next message: {}\n", dropped->file), {}};
  const auto question = conversation_.take_back();
  if (!question) throw Error("there is nothing to undo");
  return {fmt::format("Forgotten: {}\n", shortened(*question)), {}};
}

Commands::Outcome Commands::edit(const std::string&) {
  const auto& turns = conversation_.turns();
  const std::string before = turns.empty() ? std::string() : turns[turns.size() - 2].content;
  const auto text = edit_text(before);
  if (!text || text->empty() || (*text == before && !before.empty())) return {"Nothing was changed.\n", {}};
  conversation_.take_back();
  return {printable(*text) + "\n", text};
}

Commands::Outcome Commands::system(const std::string& text) {
  auto& settings = conversation_.settings();
  if (!text.empty()) {
    const std::string before = settings.values().system;
    settings.change_system(text == "none" ? "" : text);
    try {
      require_room("this system text", {}, kShortest, "write a shorter one");
    } catch (const Error&) {
      settings.change_system(before);
      throw;
    }
  }
  const auto& now = settings.values().system;
  return {now.empty() ? "The system text is the template's.\n" : fmt::format("System: {}\n", printable(now)), {}};
}

Commands::Outcome Commands::set(const std::string& assignment) {
  if (assignment.empty()) return show({});
  conversation_.settings().change(assignment);
  return {};
}

Commands::Outcome Commands::show(const std::string&) {
  std::string text;
  for (const auto& [name, value] : conversation_.settings().changeable())
    text += fmt::format("  {:<20} {}\n", name, value);
  text += fmt::format("  {:<20} {}\n", "messages", conversation_.turns().size());
  if (attached_)
    text += fmt::format("  {:<20} {} of {}\n", "read", plural(attached_->text.size(), "byte"), attached_->file);
  if (!conversation_.tools().empty()) text += fmt::format("  {:<20} {}\n", "tools", "told");
  return {text + system({}).say, {}};
}

Commands::Outcome Commands::save(const std::string& file) {
  const std::filesystem::path path = needed(file, "/save needs the name of a file");
  Transcript{conversation_.settings().values().system, conversation_.turns()}.save(path, path == file_);
  file_ = path;
  return {fmt::format("{} written to {}\n", plural(conversation_.turns().size(), "message"), path.string()), {}};
}

Commands::Outcome Commands::load(const std::string& file) {
  const std::filesystem::path path = needed(file, "/load needs the name of a file");
  auto transcript = Transcript::load(path);
  const auto count = transcript.turns.size();
  conversation_.clear();
  conversation_.set_turns(std::move(transcript.turns));
  conversation_.settings().change_system(transcript.system);
  last_.reset();
  // What else is in another program's file would be lost.
  file_ = transcript.whole ? path : std::filesystem::path();
  return {fmt::format("{} read from {}\n", plural(count, "message"), path.string()), {}};
}

Commands::Outcome Commands::read(const std::string& file) {
  Attached read{printable_line(file), read_file(needed(file, "/read needs the name of a file"), kLargestText)};
  while (read.text.ends_with('\n')) read.text.pop_back();
  const auto& turns = conversation_.turns();
  require_room(fmt::format("{} in front of a message", read.file), turns, read.text + "\n\n" + kShortest,
               turns.empty() ? "read a shorter file" : "read a shorter file, or make room: /undo or /clear");
  attached_ = std::move(read);
  return {fmt::format("{} in front of the next message.\n", plural(attached_->text.size(), "byte")), {}};
}

Commands::Outcome Commands::tools(const std::string& file) {
  if (needed(file, "/tools needs the name of a file, or `none`") == "none") {
    conversation_.set_tools({});
    return {"The model is told of no tools.\n", {}};
  }
  const std::string before = conversation_.tools();
  conversation_.set_tools(read_file(file, kLargestText));
  try {
    require_room("these tools", {}, kShortest, "name a file with fewer of them");
  } catch (const Error&) {
    conversation_.set_tools(before);
    throw;
  }
  return {"The model is told of them from the next answer on. Its calls are shown; nothing runs them.\n", {}};
}

Commands::Outcome Commands::stats(const std::string&) {
  shows_stats_ = !shows_stats_;
  std::string text = shows_stats_ && last_ ? stats_line() + "\n" : "";
  return {text + (shows_stats_ ? "" : "No longer shown.\n"), {}};
}

Commands::Outcome Commands::model(const std::string&) {
  const auto& model = conversation_.model();
  const auto& spec = model.engine->spec();
  const std::string stored = spec.gptq ? fmt::format("GPTQ of {} bits", spec.gptq->bits) : spec.dtype;
  std::int64_t parameters = 0;
  for (const auto& parameter : model::parameter_shapes(spec)) {
    std::int64_t count = 1;
    for (const auto size : parameter.shape) count *= size;
    parameters += count;
  }
  return {fmt::format("{}\n  {}, {:.1f} million parameters, {} layers, stored as {}; template {}; context {} tokens\n",
                      model.directory.string(), model::architecture_of(spec), static_cast<double>(parameters) / 1e6,
                      spec.layers, stored, model.chat_template.name, model.engine->context_tokens()),
          {}};
}

Commands::Outcome Commands::copy(const std::string&) {
  if (conversation_.turns().empty()) throw Error("there is no answer yet");
  const std::string& text = conversation_.turns().back().content;
  if (text.size() > kLargestCopy)
    throw Error(fmt::format("the answer has {} bytes, terminals take {}", text.size(), kLargestCopy), "use /save");
  using namespace boost::archive::iterators;
  using Base64 = base64_from_binary<transform_width<std::string::const_iterator, 6, 8>>;
  std::string encoded(Base64(text.begin()), Base64(text.end()));
  encoded.append((3 - text.size() % 3) % 3, '=');
  return {fmt::format("\x1b]52;c;{}\a{} sent to the terminal's clipboard.\n", encoded, plural(text.size(), "byte")),
          {}};
}

}  // namespace lmf::chat
