#include "host/file_names.hpp"

#include <cerrno>
#include <memory>

#include <dirent.h>

namespace lmf::host {

std::vector<std::string> file_names(const std::filesystem::path& folder, std::string_view beginning,
                                    std::string_view ending, int& error_number) {
  std::vector<std::string> names;
  errno = 0;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), ::closedir);
  while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (name.size() > beginning.size() + ending.size() && name.starts_with(beginning) && name.ends_with(ending))
      names.emplace_back(name);
  }
  error_number = errno;
  return names;
}

}  // namespace lmf::host
