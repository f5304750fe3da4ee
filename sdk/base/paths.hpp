#pragma once

#include <filesystem>

/// Places that belong to the user. XDG variables that are not absolute paths count as unset, as the XDG specification
/// asks.
namespace lmf {

/// $XDG_CACHE_HOME/lmf, or ~/.cache/lmf: what can be made again. Not created here. Throws Error when there is no home.
std::filesystem::path user_cache_directory();
/// $XDG_DATA_HOME/lmf, or ~/.local/share/lmf: what the user installs. Empty when there is no home.
std::filesystem::path user_data_directory();
/// $XDG_CONFIG_HOME/lmf, or ~/.config/lmf: what the user decided. Empty when there is no home.
std::filesystem::path user_config_directory();
/// $XDG_STATE_HOME/lmf, or ~/.local/state/lmf: what outlives a run, as histories do. Empty when there is no home.
std::filesystem::path user_state_directory();
/// $HOME, or the account's folder; empty when neither is an absolute path.
std::filesystem::path home_directory();

}  // namespace lmf
