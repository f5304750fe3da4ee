#include "host/missing_libraries.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include <link.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file_kind.hpp"
#include "base/library_file.hpp"
#include "base/split.hpp"
#include "host/apart.hpp"
#include "host/plugin.hpp"
#include "lmf/error.hpp"

namespace lmf::host {
namespace {

/// The loader that started this program.
std::string system_loader() {
  std::string path;
  ::dl_iterate_phdr(
      [](dl_phdr_info* program, std::size_t, void* result) {
        for (int i = 0; i < program->dlpi_phnum; ++i)
          if (const auto& header = program->dlpi_phdr[i]; header.p_type == PT_INTERP)
            *static_cast<std::string*>(result) = reinterpret_cast<const char*>(program->dlpi_addr + header.p_vaddr);
        return 1;  // the program itself comes first
      },
      &path);
  return path;
}

/// Of those that were found, the file names that ask for `name`.
std::string needed_by(const std::string& name, const std::vector<std::filesystem::path>& found) {
  std::vector<std::string> users;
  for (const auto& library : found) try {
      const auto needed = needed_libraries(library);
      if (std::find(needed.begin(), needed.end(), name) != needed.end()) users.push_back(library.filename().string());
    } catch (const Error&) {  // the loader could read it
    }
  return users.empty() ? "" : fmt::format(" (needed by {})", fmt::join(users, ", "));
}

/// What the loader says of each library, a line each; none where there is no loader to ask.
std::istringstream listing(const std::filesystem::path& library, std::chrono::seconds limit) {
  const std::string loader = system_loader();
  if (loader.empty()) return {};
  const Apart listing = run_apart(
      [&]() -> std::string {
        ::setenv("LD_TRACE_LOADED_OBJECTS", "1", 1);  // unlike --list it goes on after the first
        ::execl(loader.c_str(), loader.c_str(), library.c_str(), nullptr);
        return {};
      },
      limit);
  return std::istringstream(listing.said);
}

/// The file of a line "libfoo.so => /lib/libfoo.so (0x...)".
std::filesystem::path found_in(const std::string& line, std::size_t arrow) {
  return line.substr(arrow + 4, line.rfind(" (0x") - arrow - 4);
}

}  // namespace

std::optional<std::filesystem::path> found_libtorch(const std::filesystem::path& library, std::chrono::seconds limit) {
  std::istringstream lines = listing(library, limit);
  for (std::string line; std::getline(lines, line);)
    if (const auto arrow = line.find(" => /"); arrow != line.npos)
      if (auto found = found_in(line, arrow); is_libtorch(found.filename().string())) return found;
  return std::nullopt;
}

std::string cut_off_libraries(const std::filesystem::path& library) {
  const char* path = std::getenv("LD_LIBRARY_PATH");
  std::string damaged;
  for (const std::string& folder : split(path != nullptr ? path : "", ':')) try {
      for (const std::string& name : needed_libraries(library)) {
        const auto file = std::filesystem::path(folder) / name;
        if (folder.empty() || why_no_file(file)) continue;
        if (const auto trouble = why_no_library(file))
          damaged += fmt::format(" {} of LD_LIBRARY_PATH: {}.", file.string(), *trouble);
      }
    } catch (const Error&) {  // what cannot be read is not loaded
    }
  return damaged;
}

std::vector<std::string> missing_libraries(const std::filesystem::path& library, std::chrono::seconds limit) {
  std::vector<std::string> missing, too_old;
  std::vector<std::filesystem::path> found = {library};
  std::istringstream lines = listing(library, limit);
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(" \t"), arrow = line.find(" => ");
    if (line.find("' not found (required by") != line.npos) {
      too_old.push_back(line.substr(begin));
    } else if (arrow != line.npos && line.compare(arrow + 4, line.npos, "not found") == 0) {
      missing.push_back(line.substr(begin, arrow - begin));
    } else if (arrow != line.npos) {
      found.push_back(found_in(line, arrow));
    }
  }
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  for (std::string& name : missing) name += needed_by(name, found);
  missing.insert(missing.end(), too_old.begin(), too_old.end());
  return missing;
}

}  // namespace lmf::host
