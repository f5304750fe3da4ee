#pragma once

#include <fstream>
#include <string>
#include <string_view>

#include "lmf/error.hpp"
#include "support/places.hpp"

namespace lmf::test {

/// A temporary folder that files are written to in one line.
class Folder : public TemporaryFolder {
 public:
  std::filesystem::path write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories((path() / name).parent_path());
    std::ofstream(path() / name, std::ios::binary) << text;
    return path() / name;
  }
};

/// The message of the Error that `action` throws, without the folder's path; "" when it throws none.
template <class Action>
std::string error_of(const std::filesystem::path& folder, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    std::string text = error.what();
    const std::string prefix = folder.string() + "/";
    for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) text.erase(at, prefix.size());
    return text;
  }
  return {};
}

}  // namespace lmf::test
