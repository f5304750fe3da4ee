#include "base/dynamic_library.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/dll/shared_library.hpp>
#include <dlfcn.h>

#include "base/library_file.hpp"
#include "lmf/error.hpp"

namespace lmf {
namespace {

namespace dll = boost::dll;

/// dlerror()'s text out of what the loading library wraps around it.
std::string system_text(const std::string& what) {
  constexpr std::string_view kBefore = "(dlerror system message: ";
  const auto begin = what.find(kBefore);
  const auto end = what.rfind("): ");
  if (begin == std::string::npos || end == std::string::npos || end < begin) return what;
  return what.substr(begin + kBefore.size(), end - begin - kBefore.size());
}

/// glibc and musl name first the file that they could not open; for the library itself that is its own fault.
LoadRefusal refusal_of(const std::string& text, const std::string& path) {
  if (text.find("' not found (required by") != std::string::npos)  // version `GLIBCXX_3.4.99'
    return {LoadRefusal::Cause::dependency, text, {}};
  if (text.find("undefined symbol: ") != std::string::npos || text.find(": symbol not found") != std::string::npos)
    return {LoadRefusal::Cause::symbol, text, {}};
  const auto missing = text.find(": cannot open shared object file");
  const bool musl = text.find("Error loading shared library") != std::string::npos;
  if ((missing == std::string::npos && !musl) || text.starts_with(path + ":"))
    return {LoadRefusal::Cause::library, text, {}};
  return {LoadRefusal::Cause::dependency, text, missing == std::string::npos ? "" : text.substr(0, missing)};
}

std::optional<LoadRefusal> refusal_before_loading(const std::filesystem::path& path) {
  try {
    if (const auto trouble = why_no_library(path)) return LoadRefusal{LoadRefusal::Cause::library, *trouble, {}};
  } catch (const Error& unreadable) {
    return LoadRefusal{LoadRefusal::Cause::library, unreadable.what(), {}};
  }
  return std::nullopt;
}

std::variant<const dll::shared_library*, LoadRefusal> loaded_for_good(const std::filesystem::path& path) noexcept {
  if (auto refusal = refusal_before_loading(path)) return *refusal;
  std::unique_ptr<dll::shared_library> library;
  try {
    library = std::make_unique<dll::shared_library>(path, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
  } catch (const std::system_error& error) {
    return refusal_of(system_text(error.what()), path.string());
  }
  // Never unloaded, on purpose: threads, destructors and exceptions of the library outlive every scope of ours.
  static auto& loaded = *new std::vector<std::unique_ptr<dll::shared_library>>;
  return loaded.emplace_back(std::move(library)).get();
}

}  // namespace

std::variant<AnyFunction*, LoadRefusal> load_library(const std::filesystem::path& path, const char* function) noexcept {
  const auto loaded = loaded_for_good(path);
  if (const auto* refusal = std::get_if<LoadRefusal>(&loaded)) return *refusal;
  const dll::shared_library& library = *std::get<const dll::shared_library*>(loaded);
  if (!library.has(function))
    return LoadRefusal{LoadRefusal::Cause::function, std::string("it has no ") + function, {}};
  return &library.get<AnyFunction>(function);
}

std::optional<LoadRefusal> why_not_loadable(const std::filesystem::path& path) noexcept {
  const auto loaded = loaded_for_good(path);
  const auto* refusal = std::get_if<LoadRefusal>(&loaded);
  return refusal != nullptr ? std::optional(*refusal) : std::nullopt;
}

bool is_loaded(const std::string& file_name) noexcept {
  return ::dlopen(file_name.c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr;
}

}  // namespace lmf
