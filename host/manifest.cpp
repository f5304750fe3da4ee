#include "host/manifest.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/open_file.hpp"
#include "host/known_commands.hpp"
#include "host/toml_reader.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

constexpr std::int64_t kSchema = 1;

std::string read_name(const TomlReader& reader, std::string_view key) {
  std::string name = reader.required_text(key);
  if (!is_name(name))
    reader.fail(key, fmt::format("is '{}': a name has lower-case letters, digits and '-', begins with a letter and is "
                                 "at most 32 long",
                                 name));
  return name;
}

int read_abi_number(const TomlReader& reader, std::string_view key) {
  const auto value = reader.integer(key);
  if (!value) reader.fail(key, "is missing");
  if (*value < 0 || *value > 65535) reader.fail(key, fmt::format("is {}, expected 0 to 65535", *value));
  return static_cast<int>(*value);
}

/// Options or variables of a command.
std::vector<OptionEntry> read_options(const TomlReader& command, std::string_view key, OptionEntry::Form form,
                                      std::vector<std::string>& unknown) {
  std::vector<OptionEntry> options;
  for (const TomlReader& reader : command.tables(key)) {
    options.push_back(read_option_entry(reader, form, ""));
    for (auto& word : unknown_option_keys(reader)) unknown.push_back(std::move(word));
  }
  return options;
}

EnvironmentEntry read_environment(const TomlReader& reader, std::vector<std::string>& unknown) {
  EnvironmentEntry entry;
  entry.name = reader.required_text("name");
  if (entry.name.find('=') != std::string::npos)
    reader.fail("name", fmt::format("is '{}', which is no name of a variable", entry.name));
  entry.value = reader.text("value");
  entry.unless = reader.texts("unless");
  for (auto& key : reader.unknown_keys({"name", "value", "unless"})) unknown.push_back(std::move(key));
  return entry;
}

/// Another name of a command cannot be one that lmf or its own plugins answer to, or may later.
bool is_reserved(std::string_view alias) { return is_host_command(alias) || is_first_party_command(alias); }

CommandEntry read_command(const TomlReader& reader, std::vector<std::string>& unknown) {
  CommandEntry command;
  command.name = read_name(reader, "name");
  for (std::string& alias : reader.texts("aliases")) {
    if (!is_name(alias)) reader.fail("aliases", fmt::format("has '{}', which is no command name", alias));
    auto& aliases = is_reserved(alias) ? command.refused_aliases : command.aliases;
    const bool is_new = alias != command.name && std::find(aliases.begin(), aliases.end(), alias) == aliases.end();
    if (is_new) aliases.push_back(std::move(alias));
  }
  command.group = reader.text("group");
  command.summary = reader.required_text("summary");
  command.usage = reader.text("usage");
  command.option_table = reader.text("options");
  command.complete = reader.text("complete");
  command.runs_program = reader.flag("runs_program");
  if (command.option_table.find('/') != std::string::npos)
    reader.fail("options", fmt::format("is '{}': expected a bare file name beside the manifest", command.option_table));
  command.options = read_options(reader, "option", OptionEntry::Form::dashes, unknown);
  command.variables = read_options(reader, "variable", OptionEntry::Form::variable, unknown);
  for (const auto& entry : reader.tables("environment"))
    command.environment.push_back(read_environment(entry, unknown));
  for (auto& key : reader.unknown_keys({"name", "aliases", "group", "summary", "usage", "options", "complete",
                                        "runs_program", "option", "variable", "environment"}))
    unknown.push_back(std::move(key));
  return command;
}

void read_plugin(const TomlReader& plugin, const std::filesystem::path& path, Manifest& manifest) {
  manifest.name = read_name(plugin, "name");
  const std::string file = path.filename().string();
  if (file != manifest.name + kManifestSuffix)
    plugin.fail("name", fmt::format("is '{}', but the file's name says '{}'", manifest.name,
                                    file.substr(0, file.size() - std::string_view(kManifestSuffix).size())));
  manifest.version = plugin.required_text("version");
  manifest.vendor = read_name(plugin, "vendor");
  manifest.summary = plugin.text("summary");
  manifest.license = plugin.text("license");
  manifest.url = plugin.text("url");
  manifest.library = plugin.required_text("library");
  if (manifest.library.empty() || manifest.library.find('/') != std::string::npos || manifest.library[0] == '.')
    plugin.fail("library", fmt::format("is '{}': expected a bare file name beside the manifest", manifest.library));
  manifest.unknown_keys = plugin.unknown_keys({"name", "version", "vendor", "summary", "license", "url", "library"});
}

Manifest read_tables(const TomlReader& root, const std::filesystem::path& path) {
  Manifest manifest;
  const auto plugin = root.table("plugin");
  if (!plugin) root.fail("plugin", "is missing");
  read_plugin(*plugin, path, manifest);
  const auto abi = root.table("abi");
  if (!abi) root.fail("abi", "is missing");
  manifest.abi_major = read_abi_number(*abi, "major");
  manifest.abi_minor = read_abi_number(*abi, "minor");
  if (const auto requires_table = root.table("requires")) {
    manifest.package = requires_table->text("package");
    manifest.libraries = requires_table->texts("libraries");
  }
  for (const auto& command : root.tables("command"))
    manifest.commands.push_back(read_command(command, manifest.unknown_keys));
  for (auto& key : root.unknown_keys({"schema", "plugin", "abi", "requires", "command", "signature"}))
    manifest.unknown_keys.push_back(std::move(key));
  return manifest;
}

std::optional<Manifest> parse_manifest(std::string_view text, const std::filesystem::path& path,
                                       ManifestProblem& problem) {
  try {
    const toml::table table = parse_toml(text, path);
    const TomlReader root(table, "", path);
    const auto schema = root.integer("schema");
    if (!schema || *schema < 1) root.fail("schema", "is missing or not a positive integer");
    if (*schema <= kSchema) return read_tables(root, path);
    problem = {Status::schema, fmt::format("{} is of schema {}; this lmf {} reads schema {}. Install a newer lmf.",
                                           path.string(), *schema, LMF_VERSION, kSchema)};
  } catch (const TomlProblem& error) {
    problem = {Status::manifest, error.what()};
  }
  return std::nullopt;
}

/// The lines that belong to no [[command.option]] and no [[command.variable]]; all where a text of several lines might
/// have such a line. An array's line that begins as a header does leaves too much, and then the rest does not parse.
std::string without_options(std::string_view text) {
  if (text.find("\"\"\"") != text.npos || text.find("'''") != text.npos) return std::string(text);
  std::string rest;
  rest.reserve(text.size());
  for (bool kept = true; !text.empty();) {
    const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
    text.remove_prefix(line.size());
    if (line[0] == '[') kept = !line.starts_with("[[command.option]]") && !line.starts_with("[[command.variable]]");
    if (kept) rest += line;
  }
  return rest;
}

}  // namespace

bool is_name(std::string_view text) {
  const auto inner = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 32 && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(), inner);
}

std::optional<Manifest> read_manifest(const std::filesystem::path& path, ManifestProblem& problem, ManifestPart part) {
  std::string text;
  std::optional<struct stat> status;
  try {
    const OpenFile file(path);
    text = file.read(kManifestLimitBytes);
    if (!file.by_link()) status = file.status();
  } catch (const Error& error) {
    problem = {Status::manifest, error.what()};
    return std::nullopt;
  }
  std::optional<Manifest> manifest;
  if (part == ManifestPart::names) manifest = parse_manifest(without_options(text), path, problem);
  if (!manifest) manifest = parse_manifest(text, path, problem);  // as it is: also where passing over went wrong
  if (manifest) {
    manifest->text = std::move(text);
    manifest->file_status = status;
  }
  return manifest;
}

}  // namespace lmf::host
