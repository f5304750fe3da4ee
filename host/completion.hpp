#pragma once

#include <span>
#include <string>

#include "host/environment.hpp"

namespace lmf::host {

/// Answers `lmf __complete -- WORDS...`, which the scripts of share/completions ask: WORDS is what follows the
/// program's name, the last of them (perhaps "") is to be completed. From manifests and option tables alone. Each line
/// is a whole word, with a tab and what it means after it; a word that ends in '=' goes on. A last line may say what
/// else fits, which the shell finds itself, behind a part of the word that stays (after the tab):
///   :files<TAB>PREFIX[<TAB>PATTERN...]   names of files, and of the folders on the way
///   :folders<TAB>PREFIX                  names of folders
std::string completions(const Environment& environment, std::span<const char* const> words);

/// Prints the script that `shell` (bash, zsh or fish) loads. Throws Error (exit 2) for another shell.
int print_completion_script(const Environment& environment, std::span<const char* const> words);

}  // namespace lmf::host
