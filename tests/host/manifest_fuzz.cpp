// NAME.lmf-plugin.toml.
#include <algorithm>
#include <cstdint>
#include <tuple>

#include "host/manifest.hpp"
#include "support/fuzz_folder.hpp"

namespace {

bool same_but_options(const lmf::host::Manifest& a, const lmf::host::Manifest& b) {
  const auto of = [](const lmf::host::Manifest& one) {
    return std::tie(one.text, one.name, one.version, one.vendor, one.summary, one.library, one.abi_major, one.abi_minor,
                    one.package, one.libraries);
  };
  const auto same = [](const lmf::host::CommandEntry& one, const lmf::host::CommandEntry& other) {
    return std::tie(one.name, one.group, one.summary, one.usage, one.aliases, one.complete) ==
           std::tie(other.name, other.group, other.summary, other.usage, other.aliases, other.complete);
  };
  return of(a) == of(b) && std::equal(a.commands.begin(), a.commands.end(), b.commands.begin(), b.commands.end(), same);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("wave.lmf-plugin.toml");
  folder.fill(data, size);
  lmf::host::ManifestProblem problem;
  const auto all = lmf::host::read_manifest(folder.file(), problem);
  if (!all && !std::string_view(problem.reason).starts_with(folder.file().string())) __builtin_trap();
  const auto names = lmf::host::read_manifest(folder.file(), problem, lmf::host::ManifestPart::names);
  if (all && (!names || !same_but_options(*names, *all))) __builtin_trap();
  return 0;
}
