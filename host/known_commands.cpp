#include "host/known_commands.hpp"

#include <algorithm>
#include <array>

namespace lmf::host {
namespace {

constexpr KnownCommand kKnown[] = {
    {"train", "Fine-tune language models", "lmf-train"},
    {"run", "Run a program in several processes, as torchrun does", "lmf-train"},
    {"chat", "Talk to a model in the terminal", "lmf-chat"},
    {"api", "Serve a model over an OpenAI-compatible HTTP API", "lmf-api"},
    {"export", "Merge adapters and write the model for other programs", "lmf-export"},
    {"webui", "Configure, train and try models in the browser", ""},
    {"webchat", "Talk to a model in the browser", ""},
    {"env", "Print what a bug report needs", "lmf-env"},
};

constexpr HostCommand kHost[] = {
    {"help", "Show this list, what one command does, or one option of it", "help [COMMAND [OPTION]] [--json | --man]"},
    {"version", "Show the version", "version"},
    {"plugin", "List plugins, say what is wrong with them, switch them off and on", "plugin WORD ..."},
    {"completion", "Print what makes a shell complete lmf's words", "completion bash|zsh|fish"},
};

/// Not for people, but never a plugin's.
constexpr std::array<std::string_view, 1> kReservedForHost = {"__complete"};
constexpr std::array<std::string_view, 2> kReservedForLmf = {"data", "template"};

bool has(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::span<const KnownCommand> known_commands() { return kKnown; }
std::span<const HostCommand> host_commands() { return kHost; }

const KnownCommand* find_known_command(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kKnown), std::end(kKnown), [&](const auto& known) { return known.name == name; });
  return found == std::end(kKnown) ? nullptr : found;
}

bool is_host_command(std::string_view name) {
  return has(kReservedForHost, name) ||
         std::any_of(std::begin(kHost), std::end(kHost), [&](const auto& command) { return command.name == name; });
}

bool is_first_party_command(std::string_view name) {
  return find_known_command(name) != nullptr || has(kReservedForLmf, name);
}

}  // namespace lmf::host
