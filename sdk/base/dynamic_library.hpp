#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace lmf {

/// Why a library was refused, in the words of the system's loader.
struct LoadRefusal {
  enum class Cause {
    library,     ///< the file itself: no library, truncated
    symbol,      ///< something that it needs is in none of its libraries: they are of another build
    dependency,  ///< something that it needs is not there or too old
    function,    ///< loaded, but without the function
  } cause;
  std::string text;
  std::string missing;  ///< the file name of a dependency that is not there, as far as the loader told
};

using AnyFunction = void();  // to be cast to what it is

/// Loads the library at the absolute `path` for good (RTLD_NOW | RTLD_LOCAL, never unloaded) and returns its C function
/// of that name. The only file that knows the loading library. An exception out of a static constructor of the library
/// ends the process: after it the library's state is unknown.
std::variant<AnyFunction*, LoadRefusal> load_library(const std::filesystem::path& path, const char* function) noexcept;

/// Loads it likewise, whatever it exports; nothing when that works.
std::optional<LoadRefusal> why_not_loadable(const std::filesystem::path& path) noexcept;

/// Whether this process has a library of that file name, wherever it came from.
bool is_loaded(const std::string& file_name) noexcept;

}  // namespace lmf
