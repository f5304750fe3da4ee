#include "line_editor.hpp"

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cwchar>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

namespace lmf::chat {
namespace {

constexpr int kHistoryLines = 1000;

/// libedit decodes bytes as the locale says. Only characters are switched, so numbers keep their form everywhere.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
}

/// Creates the file for its owner alone, and takes rights away that others have on an existing one.
bool make_private(const std::filesystem::path& file) {
  if (file.empty()) return false;
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return false;
  struct stat status {};
  const bool ours = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && ::fchmod(descriptor, 0600) == 0;
  ::close(descriptor);
  return ours;
}

}  // namespace

struct LineEditor::State {
  explicit State(const Interrupts& signals) : interrupts(signals) {}

  const Interrupts& interrupts;
  termios terminal_before{};
  int typed_ahead = 0;  // bytes that were typed before the terminal handed over each key
  std::string prompt;
  bool interrupted = false;
  bool in_paste = false;       // the end of what is being pasted has not come yet
  std::exception_ptr failure;  // none may pass through libedit's C functions
  std::filesystem::path file;
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::mbstate_t shift{};
};

namespace {

// The callbacks get the editor only; its client data is the state.
template <class State>
State* state_of(EditLine* editor) {
  void* data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  return static_cast<State*>(data);
}

/// What terminals send for keys that libedit does not know: it would take the first characters of them for the key and
/// the rest for text. Those without a use here do nothing.
void bind_keys(EditLine* editor) {
  const auto bind = [editor](const std::string& key, const char* command) {
    el_set(editor, EL_BIND, ("\\e[" + key).c_str(), command, nullptr);
  };
  constexpr std::pair<char, const char*> kMoves[] = {{'A', "ed-prev-history"}, {'B', "ed-next-history"},
                                                     {'C', "em-next-word"},    {'D', "ed-prev-word"},
                                                     {'H', "ed-move-to-beg"},  {'F', "ed-move-to-end"}};
  std::vector<std::string> modifiers{""};
  for (char held = '2'; held <= '8'; ++held) modifiers.push_back({';', held});  // Shift, Alt, Control and all together
  for (const std::string& modifier : modifiers) {
    if (!modifier.empty()) {
      for (const auto& [key, command] : kMoves) bind("1" + modifier + key, command);
      bind("3" + modifier + '~', "ed-delete-next-char");
    }
    // Insert, Page Up and Down, F1 to F12.
    for (const int key : {2, 5, 6, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24})
      bind(std::to_string(key) + modifier + '~', "ed-ignore");
  }
}

/// Setting the terminal from the background would stop the program, which must be able to end there: libedit leaves the
/// terminal alone while editing is off.
void give_way_in_background(EditLine* editor) {
  if (::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) el_set(editor, EL_EDITMODE, 0);
}

/// After a stop the shell has set the terminal as it likes it, which libedit does not know.
void take_terminal_back(EditLine* editor) {
  el_set(editor, EL_PREP_TERM, 0);
  el_set(editor, EL_PREP_TERM, 1);
  el_set(editor, EL_REFRESH);
}

/// False when a signal ends the wait.
template <class State>
bool wait_for_key(EditLine* editor, State& state) {
  for (;;) {
    switch (state.interrupts.wait_for_input(STDIN_FILENO)) {
      case Interrupts::Awaited::input:
        return true;
      case Interrupts::Awaited::signal:
        return false;
      case Interrupts::Awaited::resumed:
        take_terminal_back(editor);
    }
  }
}

/// One byte from the terminal: what ::read() returns. Where lines are handed over whole, Linux makes Ctrl-D an end of
/// file, and a NUL of one that was not yet read when the terminal changes to single keys.
template <class State>
ssize_t read_byte(State& state, char& byte) {
  const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
  if (count > 0 && state.typed_ahead > 0) {
    --state.typed_ahead;
    if (byte == '\0') byte = '\x04';
  }
  return count;
}

/// One character from the terminal. Unlike libedit's own, it gives up when a signal is pending.
template <class State>
int read_character(EditLine* editor, wchar_t* character) noexcept {
  State& state = *state_of<State>(editor);
  try {
    for (;;) {
      state.interrupted = !wait_for_key(editor, state);
      if (state.interrupted) {
        give_way_in_background(editor);
        return -1;
      }
      char byte = 0;
      const ssize_t count = read_byte(state, byte);
      if (count <= 0) return static_cast<int>(count);
      switch (std::mbrtowc(character, &byte, 1, &state.shift)) {
        case static_cast<std::size_t>(-2):
          continue;  // more bytes of this character follow
        case static_cast<std::size_t>(-1):
          state.shift = {};
          *character = L'\xfffd';
          return 1;
        default:
          return 1;
      }
    }
  } catch (...) {
    state.failure = std::current_exception();
    return -1;
  }
}

// While this is on, a terminal puts marks around what is pasted: its newlines do not end the line.
constexpr std::string_view kPasteOn = "\x1b[?2004h", kPasteOff = "\x1b[?2004l", kPasteEnd = "\x1b[201~";
constexpr int kPause = 100;  // ms
constexpr std::size_t kLongestPaste = std::size_t{16} << 20;

void command_terminal(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return;  // whoever writes the answer next finds out why
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Reads the rest of a paste that is not wanted: up to its end, or to a pause. As if it were typed, each of its lines
/// would be a message.
template <class State>
void discard_paste(State& state) {
  std::string last;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  for (char byte = 0; state.in_paste && ::poll(&input, 1, kPause) > 0 && read_byte(state, byte) > 0;) {
    last = (last + byte).substr(last.size() >= kPasteEnd.size() ? 1 : 0);
    if (last == kPasteEnd) break;
  }
  state.in_paste = false;
}

/// Puts all that is pasted into the line, its newlines too.
template <class State>
unsigned char take_paste(EditLine* editor, int) noexcept {
  State& state = *state_of<State>(editor);
  try {
    std::string text;
    state.in_paste = true;
    while (!text.ends_with(kPasteEnd)) {
      char byte = 0;
      if (!wait_for_key(editor, state) || read_byte(state, byte) <= 0) return CC_REFRESH;
      text += byte == '\r' ? '\n' : byte;
      if (text.size() <= kLongestPaste) continue;
      discard_paste(state);
      return CC_ERROR;
    }
    state.in_paste = false;
    text.resize(text.size() - kPasteEnd.size());
    std::erase(text, '\0');
    return el_insertstr(editor, text.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  } catch (...) {
    state.failure = std::current_exception();
    return CC_EOF;
  }
}

}  // namespace

LineEditor::LineEditor(const std::filesystem::path& history_file, const Interrupts& interrupts)
    : state_(std::make_unique<State>(interrupts)) {
  use_utf8();
  ::tcgetattr(STDIN_FILENO, &state_->terminal_before);
  state_->history = history_init();
  HistEvent event;
  history(state_->history, &event, H_SETSIZE, kHistoryLines);
  history(state_->history, &event, H_SETUNIQUE, 1);
  if (make_private(history_file)) {
    state_->file = history_file;
    history(state_->history, &event, H_LOAD, history_file.c_str());
  }
  state_->editor = el_init("lmf", stdin, stdout, stderr);
  el_set(state_->editor, EL_CLIENTDATA, state_.get());
  el_set(state_->editor, EL_EDITOR, "emacs");
  el_set(state_->editor, EL_SIGNAL, 0);
  el_set(state_->editor, EL_HIST, history, state_->history);
  el_set(state_->editor, EL_GETCFN, &read_character<State>);
  el_set(
      state_->editor, EL_PROMPT, +[](EditLine* editor) { return state_of<State>(editor)->prompt.data(); });
  el_set(state_->editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  bind_keys(state_->editor);
  el_set(state_->editor, EL_ADDFN, "take-paste", "put what is pasted into the line", &take_paste<State>);
  el_set(state_->editor, EL_BIND, "\\e[200~", "take-paste", nullptr);
  // libedit's mode between two lines, and from now on: as it would be while one is edited.
  el_set(state_->editor, EL_SETTY, "-x", "-icanon", "-echo", nullptr);
  ::ioctl(STDIN_FILENO, FIONREAD, &state_->typed_ahead);
}

LineEditor::~LineEditor() {
  // Not libedit's own way back, which discards what was typed for the program that comes next.
  if (::tcgetpgrp(STDIN_FILENO) == ::getpgrp()) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &state_->terminal_before);
  el_set(state_->editor, EL_EDITMODE, 0);
  el_end(state_->editor);
  history_end(state_->history);
}

LineEditor::End LineEditor::read(const std::string& prompt, std::string& line) {
  state_->prompt = prompt;
  state_->interrupted = false;
  state_->failure = nullptr;
  state_->shift = {};
  int count = 0;
  discard_paste(*state_);
  command_terminal(kPasteOn);
  const char* text = el_gets(state_->editor, &count);
  command_terminal(kPasteOff);
  if (text == nullptr || count <= 0) {
    el_reset(state_->editor);
    el_set(state_->editor, EL_EDITMODE, 1);
    if (state_->failure) std::rethrow_exception(state_->failure);
    return state_->interrupted ? End::interrupted : End::closed;
  }
  line.assign(text, static_cast<std::size_t>(count));
  if (line.ends_with('\n')) line.pop_back();
  return End::line;
}

void LineEditor::remember(const std::string& line) {
  if (line.empty()) return;
  HistEvent event;
  history(state_->history, &event, H_ENTER, line.c_str());
  if (!state_->file.empty()) history(state_->history, &event, H_SAVE, state_->file.c_str());
}

}  // namespace lmf::chat
