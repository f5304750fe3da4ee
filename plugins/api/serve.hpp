#pragma once

#include <filesystem>
#include <string>

#include "settings.hpp"

namespace lmf::api {

/// Listens, loads the model, answers until a signal asks to stop, and lets what is being answered come to its end.
/// Returns the exit status. `version`: of lmf.
int serve(const Settings& settings, const std::filesystem::path& share_directory, const std::string& version);

}  // namespace lmf::api
