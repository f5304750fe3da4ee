#include "base/private_library.hpp"

#include <string>
#include <system_error>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void unusable(const std::string& what, const std::string& hint) {
  throw Error(what, hint, kExitPluginUnusable);
}

std::string reinstall(const PrivateLibrary& library) {
  return fmt::format("reinstall the package {}", library.package);
}

[[noreturn]] void explain(const LoadRefusal& refusal, const fs::path& path, const PrivateLibrary& library) {
  if (!refusal.missing.empty())
    unusable(
        fmt::format("{} {} needs {}, which this machine does not find", library.what, path.string(), refusal.missing),
        fmt::format("install libtorch (of lmf's packages: lmf-torch), or add the folder of {} to LD_LIBRARY_PATH; "
                    "`lmf env` says what is found",
                    refusal.missing));
  if (refusal.cause == LoadRefusal::Cause::function)
    unusable(
        fmt::format("{} has no function {}: it belongs to another version of lmf", path.string(), library.function),
        reinstall(library));
  if (refusal.cause == LoadRefusal::Cause::symbol)
    unusable(fmt::format("{} {} needs a library of another build than is found here, as a rule libtorch: {}",
                         library.what, path.string(), refusal.text),
             fmt::format("if LD_LIBRARY_PATH leads to another libtorch, unset it, else install the packages lmf-torch "
                         "and {} of one release again; `lmf plugin doctor` names the libtorch that is found",
                         library.package));
  unusable(fmt::format("{} {} cannot be loaded: {}", library.what, path.string(), refusal.text), reinstall(library));
}

}  // namespace

fs::path private_library(const lmf_host_v1& host, const PrivateLibrary& library) {
  return fs::path(host.library).parent_path().parent_path() / "private" / library.file;
}

AnyFunction* load_private_library(const fs::path& path, const PrivateLibrary& library) {
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    unusable(fmt::format("{} {} is missing", library.what, path.string()), reinstall(library));
  const auto loaded = load_library(path, library.function);
  if (const auto* refusal = std::get_if<LoadRefusal>(&loaded)) explain(*refusal, path, library);
  return std::get<AnyFunction*>(loaded);
}

}  // namespace lmf
