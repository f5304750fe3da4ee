#include "host/loader.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "base/dynamic_library.hpp"
#include "base/library_file.hpp"
#include "base/printable.hpp"
#include "host/missing_libraries.hpp"
#include "host_build_tag.hpp"

namespace lmf::host {
namespace {

/// sizeof(lmf_plugin_v1) of ABI 1.0: a smaller structure lacks fields that are read here.
constexpr std::uint32_t kFirstDescriptorSize = 56;

/// A library that it needs is there, but another than the one it was built with: the tags tell the two builds apart or,
/// where they are equal, the libtorch that the loader takes is none of ours.
std::string of_another_build(const Plugin& plugin) {
  const std::string tag = build_tag_of(plugin.library);
  if (tag == LMF_HOST_BUILD_TAG) {
    if (const auto found = found_libtorch(plugin.library, std::chrono::seconds(10)))
      return fmt::format(
          " It was built with another libtorch than {}, which is found here. If LD_LIBRARY_PATH leads there, unset "
          "it.{}",
          found->string(), plugin.install_again(*found));
    return " It needs a library of another build than is found here." + plugin.install_again();
  }
  return fmt::format(
      " It needs a library of another build than is found here: it was built with {}, this lmf {} with {}.{}",
      tag.empty() ? "what it does not say" : tag, LMF_VERSION, LMF_HOST_BUILD_TAG,
      plugin.manifest.package.empty()
          ? " Build it again here."
          : fmt::format(" Install the package '{}' that was made for this lmf, or build it again here.",
                        plugin.manifest.package));
}

Verdict no_entry(const Plugin& plugin, std::string_view why) {
  return {Status::entry, fmt::format("{}: {}.{}", plugin.library.string(), why, plugin.install_again())};
}

Verdict refused(const Plugin& plugin, const LoadRefusal& refusal) {
  const std::string who = plugin.manifest.qualified_name();
  const std::string library = plugin.library.string();
  switch (refusal.cause) {
    case LoadRefusal::Cause::function:
      return {Status::entry, fmt::format("{} ({}): {}: not an lmf plugin, or built without LMF_PLUGIN.{}", who, library,
                                         refusal.text, plugin.install_again())};
    case LoadRefusal::Cause::dependency:
      return {Status::dependency, fmt::format("{} ({}) needs a library that is missing or too old: {}.{}", who, library,
                                              refusal.text, plugin.install_missing(refusal.text))};
    case LoadRefusal::Cause::symbol:
      return {Status::load,
              fmt::format("cannot load {} ({}): {}.{}", who, library, refusal.text, of_another_build(plugin))};
    case LoadRefusal::Cause::library:
      break;
  }
  return {Status::load, plugin.cannot_load(refusal.text)};
}

Verdict mismatch(const Plugin& plugin, std::string_view what, std::string_view in_library,
                 std::string_view in_manifest) {
  return {Status::mismatch,
          fmt::format("{} says {} '{}', its manifest {} says '{}'.{}", plugin.library.string(), what, in_library,
                      plugin.manifest_path.string(), in_manifest, plugin.install_again())};
}

Verdict check_version(const lmf_plugin_v1& descriptor, const Plugin& plugin) {
  const std::string library = plugin.library.string();
  if (descriptor.magic != LMF_ABI_MAGIC)
    return no_entry(plugin,
                    fmt::format("its lmf_plugin_query_v1 returns no lmf plugin (magic {:#x})", descriptor.magic));
  if (descriptor.abi_major != LMF_ABI_MAJOR || descriptor.abi_minor > LMF_ABI_MINOR)
    return {Status::mismatch,
            fmt::format("{} needs plugin ABI {}.{}, its manifest {} says {}.{}; this lmf {} offers {}.{}.{}", library,
                        descriptor.abi_major, descriptor.abi_minor, plugin.manifest_path.string(),
                        plugin.manifest.abi_major, plugin.manifest.abi_minor, LMF_VERSION, LMF_ABI_MAJOR, LMF_ABI_MINOR,
                        plugin.install_again())};
  if (descriptor.size < kFirstDescriptorSize)
    return no_entry(plugin, fmt::format("its descriptor has {} bytes, ABI 1.0 has {}: not built with lmf/abi.h",
                                        descriptor.size, kFirstDescriptorSize));
  return {Status::ok, {}};
}

/// An exception that escapes from it ends the process, as one from run does: see crash_guard.hpp.
const lmf_plugin_v1* ask(AnyFunction* query) noexcept { return reinterpret_cast<const lmf_plugin_v1* (*)()>(query)(); }

}  // namespace

static_assert(sizeof(lmf_plugin_v1) >= kFirstDescriptorSize);

std::string identity(const Plugin& plugin) {
  return printable_line(
      fmt::format("{} {} ({})", plugin.display_name(), plugin.manifest.version, plugin.library.string()));
}

std::string identity(const Plugin& plugin, const std::string& build_tag) {
  return build_tag.empty() ? identity(plugin)
                           : fmt::format("{}, built with {},", identity(plugin), printable_line(build_tag));
}

Verdict check_descriptor(const lmf_plugin_v1* descriptor, const Plugin& plugin) {
  const std::string library = plugin.library.string();
  if (descriptor == nullptr) return no_entry(plugin, "its lmf_plugin_query_v1 returns nothing");
  if (Verdict failure = check_version(*descriptor, plugin); failure.status != Status::ok) return failure;
  const auto text = [](const char* value) { return std::string_view(value != nullptr ? value : ""); };
  if (text(descriptor->name) != plugin.manifest.name)
    return mismatch(plugin, "its name is", text(descriptor->name), plugin.manifest.name);
  if (text(descriptor->version) != plugin.manifest.version)
    return mismatch(plugin, "its version is", text(descriptor->version), plugin.manifest.version);
  if (descriptor->manifest != nullptr && plugin.manifest.text != descriptor->manifest)
    return {Status::mismatch,
            fmt::format("{} was built with another manifest than {}: one of them was changed or upgraded alone.{}",
                        library, plugin.manifest_path.string(), plugin.install_again())};
  if (descriptor->run == nullptr) return no_entry(plugin, "it has no run function");
  return {Status::ok, {}};
}

void set_environment(const CommandEntry& command) {
  const auto chosen = [](const std::string& name) { return std::getenv(name.c_str()) != nullptr; };
  for (const EnvironmentEntry& entry : command.environment)
    if (std::none_of(entry.unless.begin(), entry.unless.end(), chosen))
      ::setenv(entry.name.c_str(), entry.value.c_str(), /*overwrite=*/0);
}

std::variant<const lmf_plugin_v1*, Verdict> load(const Plugin& plugin) {
  const auto loaded = load_library(plugin.library, "lmf_plugin_query_v1");
  if (const auto* refusal = std::get_if<LoadRefusal>(&loaded)) return refused(plugin, *refusal);
  const lmf_plugin_v1* descriptor = ask(std::get<AnyFunction*>(loaded));
  if (Verdict failure = check_descriptor(descriptor, plugin); failure.status != Status::ok) return failure;
  return descriptor;
}

}  // namespace lmf::host
